//go:build cgo

// ONNX Runtime calls an operator through one table of functions, and is called through another one. Its onnxruntime_c_api.h
// describes both. They only ever grow at their end, so the few entries in use can be declared here. A test compares them with
// the header.
#include "op.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { version = 17 }; // of the tables: the first with shape inference

// Indices into OrtApi.
enum {
	CreateStatus = 0,
	GetErrorMessage = 2,
	CreateCustomOpDomain = 26,
	CustomOpDomain_Add = 27,
	AddCustomOpDomain = 28,
	GetTensorMutableData = 51,
	GetDimensionsCount = 61,
	GetDimensions = 62,
	GetTensorTypeAndShape = 65,
	KernelInfoGetAttribute_float = 85,
	KernelInfoGetAttribute_int64 = 86,
	KernelContext_GetInputCount = 88,
	KernelContext_GetInput = 90,
	KernelContext_GetOutput = 91,
	ReleaseStatus = 93,
	ReleaseTensorTypeAndShapeInfo = 99,
	ReleaseCustomOpDomain = 101,
};

typedef struct status status; // OrtStatus; NULL is success
typedef void (*function)(void);

typedef struct {
	const function *(*GetApi)(uint32_t version);
	const char *(*GetVersionString)(void);
} api_base;

// call calls entry f of a table with the given types and arguments.
#define call(api, f, types, ...) (((status * (*)types)(api)[f])(__VA_ARGS__))
#define release(api, f, object) (((void (*)(void *))(api)[f])(object))

// An operator has the layout of OrtCustomOp at version 17.
typedef struct operator operator;
struct operator {
	uint32_t version;
	void *(*CreateKernel)(const operator *, const void *, const void *);
	const char *(*GetName)(const operator *);
	const char *(*GetExecutionProviderType)(const operator *);
	int (*GetInputType)(const operator *, size_t);
	size_t (*GetInputTypeCount)(const operator *);
	int (*GetOutputType)(const operator *, size_t);
	size_t (*GetOutputTypeCount)(const operator *);
	void (*KernelCompute)(void *, void *);
	void (*KernelDestroy)(void *);
	int (*GetInputCharacteristic)(const operator *, size_t);
	int (*GetOutputCharacteristic)(const operator *, size_t);
	int (*GetInputMemoryType)(const operator *, size_t);
	int (*GetVariadicInputMinArity)(const operator *);
	int (*GetVariadicInputHomogeneity)(const operator *);
	int (*GetVariadicOutputMinArity)(const operator *);
	int (*GetVariadicOutputHomogeneity)(const operator *);
	status *(*CreateKernelV2)(const operator *, const void *, const void *, void **);
	status *(*KernelComputeV2)(void *, void *);
	status *(*InferOutputShapeFn)(const operator *, void *);
	int (*GetStartVersion)(const operator *);
	int (*GetEndVersion)(const operator *);
};

enum { float32 = 1, required = 0, optional = 1, default_memory = 0, invalid_argument = 2, max_rank = 16 };

// A scratch is working memory that an operator uses or has used.
typedef struct scratch scratch;
struct scratch {
	scratch *next;
	size_t size;
	void *memory;
};

struct w2s_ops {
	operator linear, attention;
	const w2s_kernels *kernels;
	const function *api;
	void *library, *domain;
	w2s_matrix **matrices;
	size_t count;
	_Atomic size_t limit; // of a scratch, in bytes
	pthread_mutex_t lock; // guards idle
	scratch *idle;
};

static const size_t no_limit = SIZE_MAX - 63; // take rounds up to 64 bytes

static status *fail(const w2s_ops *o, const char *text) {
	return call(o->api, CreateStatus, (int, const char *), invalid_argument, text);
}

static void drop(scratch *s) {
	if (s) free(s->memory);
	free(s);
}

// take returns at least size bytes of working memory, or NULL if there is not enough. give takes it back.
static scratch *take(w2s_ops *o, size_t size) {
	if (size > atomic_load(&o->limit)) return NULL;
	pthread_mutex_lock(&o->lock);
	scratch *s = o->idle;
	if (s) o->idle = s->next;
	pthread_mutex_unlock(&o->lock);
	if (s && s->size >= size) return s;
	drop(s);
	if (!(s = calloc(1, sizeof *s))) return NULL;
	s->size = (size + 63) & ~(size_t)63;
	if ((s->memory = aligned_alloc(64, s->size))) return s;
	drop(s);
	return NULL;
}

static void give(w2s_ops *o, scratch *s) {
	pthread_mutex_lock(&o->lock);
	s->next = o->idle;
	o->idle = s;
	pthread_mutex_unlock(&o->lock);
}

// elements sets n to the number of elements of a shape. It returns 0 if the shape has a negative dimension or more elements
// than an int64_t counts.
static int elements(const int64_t *dims, size_t rank, int64_t *n) {
	*n = 1;
	int empty = 0;
	for (size_t i = 0; i < rank; i++) {
		if (dims[i] < 0) return 0;
		empty |= dims[i] == 0;
	}
	for (size_t i = 0; i < rank && !empty; i++)
		if (__builtin_mul_overflow(*n, dims[i], n)) return 0;
	if (empty) *n = 0;
	return 1;
}

// A tensor is an input of an operator. An optional input that is left out is not present.
typedef struct {
	int present;
	const float *data;
	int64_t dims[max_rank];
	size_t rank;
	int64_t size; // number of elements
} tensor;

static status *input(const w2s_ops *o, const void *context, size_t i, tensor *t) {
	void *value = NULL, *info = NULL, *data = NULL;
	*t = (tensor){0};
	status *s = call(o->api, KernelContext_GetInput, (const void *, size_t, void **), context, i, &value);
	if (s || !value) return s;
	s = call(o->api, GetTensorMutableData, (void *, void **), value, &data);
	if (!s) s = call(o->api, GetTensorTypeAndShape, (const void *, void **), value, &info);
	if (s) return s;
	s = call(o->api, GetDimensionsCount, (const void *, size_t *), info, &t->rank);
	if (!s && t->rank > max_rank) s = fail(o, "w2s: an input has more than 16 dimensions");
	if (!s) s = call(o->api, GetDimensions, (const void *, int64_t *, size_t), info, t->dims, t->rank);
	release(o->api, ReleaseTensorTypeAndShapeInfo, info);
	if (s) return s;
	if (!elements(t->dims, t->rank, &t->size)) return fail(o, "w2s: an input has an impossible shape");
	if (!data && t->size > 0) return fail(o, "w2s: an input has no data");
	t->present = 1, t->data = data;
	return NULL;
}

// output makes the output of the given shape. It sets y to NULL if the output has no elements.
static status *output(const w2s_ops *o, void *context, const int64_t *dims, size_t rank, float **y) {
	void *value = NULL, *data = NULL;
	int64_t size;
	if (!elements(dims, rank, &size)) return fail(o, "w2s: the output is too large");
	status *s = call(o->api, KernelContext_GetOutput, (void *, size_t, const int64_t *, size_t, void **), context, 0, dims, rank, &value);
	if (!s && !value) s = fail(o, "w2s: the output is not there");
	if (!s) s = call(o->api, GetTensorMutableData, (void *, void **), value, &data);
	if (!s && !data && size > 0) s = fail(o, "w2s: the output has no data");
	*y = size > 0 ? data : NULL;
	return s;
}

static const char *provider(const operator *op) { return NULL; }
static int type(const operator *op, size_t i) { return float32; }
static size_t one(const operator *op) { return 1; }
static int needed(const operator *op, size_t i) { return required; }
static int memory_type(const operator *op, size_t i) { return default_memory; }
static int yes(const operator *op) { return 1; }
static int latest(const operator *op) { return INT32_MAX; }

// Linear

typedef struct {
	w2s_ops *ops;
	const w2s_matrix *matrix;
} linear;

static const char *linear_name(const operator *op) { return "Linear"; }

static status *linear_create(const operator *op, const void *api, const void *info, void **made) {
	w2s_ops *o = (w2s_ops *)((char *)op - offsetof(w2s_ops, linear));
	int64_t index = -1;
	status *s = call(o->api, KernelInfoGetAttribute_int64, (const void *, const char *, int64_t *), info, "index", &index);
	if (s) return s;
	if (index < 0 || (uint64_t)index >= o->count) return fail(o, "w2s:Linear: there is no matrix with its index");
	linear *l = malloc(sizeof *l);
	if (!l) return fail(o, "w2s:Linear: not enough memory");
	*l = (linear){o, o->matrices[index]};
	*made = l;
	return NULL;
}

static status *linear_compute(void *self, void *context) {
	const linear *l = self;
	w2s_ops *o = l->ops;
	tensor x;
	float *y;
	status *s = input(o, context, 0, &x);
	if (s) return s;
	if (!x.present || x.rank < 1 || x.dims[x.rank - 1] != l->matrix->k)
		return fail(o, "w2s:Linear: the last dimension of the input is not the number of rows of the matrix");
	x.dims[x.rank - 1] = l->matrix->n;
	if ((s = output(o, context, x.dims, x.rank, &y)) || !y) return s;
	scratch *m = take(o, o->kernels->layer->scratch());
	if (!m) return fail(o, "w2s:Linear: not enough memory");
	o->kernels->layer->multiply(l->matrix, x.data, x.size / l->matrix->k, y, m->memory);
	give(o, m);
	return NULL;
}

// Attention

enum { max_inputs = 3 + w2s_max_masks };

typedef struct {
	w2s_ops *ops;
	float scale;
	int64_t q_tokens, k_tokens, v_tokens;
} attention;

static const char *attention_name(const operator *op) { return "Attention"; }
static size_t attention_inputs(const operator *op) { return max_inputs; }
static int attention_needs(const operator *op, size_t i) { return i < 3 ? required : optional; }

static status *attention_create(const operator *op, const void *api, const void *info, void **made) {
	w2s_ops *o = (w2s_ops *)((char *)op - offsetof(w2s_ops, attention));
	attention a = {.ops = o};
	const struct {
		const char *name;
		int64_t *to;
	} numbers[] = {{"q_tokens", &a.q_tokens}, {"k_tokens", &a.k_tokens}, {"v_tokens", &a.v_tokens}};
	status *s = call(o->api, KernelInfoGetAttribute_float, (const void *, const char *, float *), info, "scale", &a.scale);
	for (int i = 0; i < 3 && !s; i++)
		s = call(o->api, KernelInfoGetAttribute_int64, (const void *, const char *, int64_t *), info, numbers[i].name, numbers[i].to);
	if (s) return s;
	attention *kept = malloc(sizeof *kept);
	if (!kept) return fail(o, "w2s:Attention: not enough memory");
	*kept = a;
	*made = kept;
	return NULL;
}

// An axes holds the sizes and strides of a tensor in the order batch, head, token, number. An axis of one element has stride 0,
// so that it can be repeated.
typedef struct {
	int64_t size[4], stride[4];
} axes;

// ordered returns the axes of a tensor of rank 4, whose dimension order[i] is axis i. The strides of an empty tensor mean
// nothing.
static axes ordered(const tensor *t, const int order[4]) {
	int64_t stride[4] = {0, 0, 0, 1};
	for (int i = 2; i >= 0 && t->size > 0; i--) stride[i] = stride[i + 1] * t->dims[i + 1];
	axes a;
	for (int i = 0; i < 4; i++) {
		a.size[i] = t->dims[order[i]];
		a.stride[i] = a.size[i] == 1 ? 0 : stride[order[i]];
	}
	return a;
}

// broadcast extends size to that of another tensor on the same axis. It returns 0 if the two do not broadcast.
static int broadcast(int64_t *size, int64_t other) {
	if (*size == 1) *size = other;
	return other == *size || other == 1;
}

// dimension returns the size of a mask on the given one of four axes.
static int64_t dimension(const tensor *mask, size_t axis) { return axis + mask->rank < 4 ? 1 : mask->dims[axis + mask->rank - 4]; }

// use_mask makes a tensor whose shape broadcasts to [batch, heads, rows, tokens] mask i.
static void use_mask(w2s_attention *a, int i, const tensor *mask) {
	int64_t stride = 1;
	for (int axis = 3; axis >= 0; axis--) {
		const int64_t size = dimension(mask, axis);
		a->mask_stride[i][axis] = size == 1 ? 0 : stride;
		stride *= size;
	}
	a->mask[i] = mask->data;
}

static status *attention_compute(void *self, void *context) {
	static const int as_is[4] = {0, 1, 2, 3}, tokens_first[4] = {0, 2, 1, 3}, numbers_first[4] = {0, 1, 3, 2};
	const attention *op = self;
	w2s_ops *o = op->ops;
	tensor t[max_inputs] = {{0}};
	size_t count = 0;
	status *s = call(o->api, KernelContext_GetInputCount, (const void *, size_t *), context, &count);
	if (!s && (count < 3 || count > max_inputs)) s = fail(o, "w2s:Attention: three to five inputs are needed");
	for (size_t i = 0; !s && i < count; i++) s = input(o, context, i, &t[i]);
	if (s) return s;
	for (int i = 0; i < 3; i++)
		if (!t[i].present || t[i].rank != 4) return fail(o, "w2s:Attention: q, k and v need four dimensions");
	const axes q = ordered(&t[0], op->q_tokens ? tokens_first : as_is), k = ordered(&t[1], op->k_tokens ? tokens_first : numbers_first);
	const axes v = ordered(&t[2], op->v_tokens ? tokens_first : as_is);
	w2s_attention a = {
		.batch = q.size[0], .heads = q.size[1], .rows = q.size[2], .tokens = k.size[2], .width = q.size[3], .out_width = v.size[3],
		.scale = op->scale, .q = t[0].data, .k = t[1].data, .v = t[2].data,
		.q_batch = q.stride[0], .q_head = q.stride[1], .q_row = q.stride[2],
		.k_batch = k.stride[0], .k_head = k.stride[1], .k_token = op->k_tokens ? k.stride[2] : 1, .k_number = op->k_tokens ? 1 : k.stride[3],
		.v_batch = v.stride[0], .v_head = v.stride[1], .v_token = v.stride[2],
	};
	if (k.size[3] != a.width || v.size[2] != a.tokens) return fail(o, "w2s:Attention: q, k and v do not fit together");
	if (!broadcast(&a.batch, k.size[0]) || !broadcast(&a.batch, v.size[0]) || !broadcast(&a.heads, k.size[1]) || !broadcast(&a.heads, v.size[1]))
		return fail(o, "w2s:Attention: q, k and v differ in batch or heads");
	for (int i = 3; i < max_inputs; i++) {
		const tensor *mask = &t[i];
		if (!mask->present) continue;
		// A mask may repeat the scores along every axis but the last, where that would take more than a stride.
		if (mask->rank > 4 || !broadcast(&a.batch, dimension(mask, 0)) || !broadcast(&a.heads, dimension(mask, 1)) ||
		    !broadcast(&a.rows, dimension(mask, 2)) || (dimension(mask, 3) != a.tokens && dimension(mask, 3) != 1))
			return fail(o, "w2s:Attention: a mask does not fit the scores");
	}
	const int64_t dims[4] = {a.batch, a.rows, a.heads, a.out_width};
	if ((s = output(o, context, dims, 4, &a.out)) || !a.out) return s;
	if (a.tokens == 0 || a.width == 0) return fail(o, "w2s:Attention: there are no tokens or no numbers in them");
	for (int i = 3; i < max_inputs; i++)
		if (t[i].present) use_mask(&a, i - 3, &t[i]);
	a.out_head = a.out_width, a.out_row = a.heads * a.out_width, a.out_batch = a.rows * a.out_row;
	scratch *m = take(o, o->kernels->attention->scratch(&a));
	if (!m) return fail(o, "w2s:Attention: not enough memory");
	o->kernels->attention->compute(&a, m->memory);
	give(o, m);
	return NULL;
}

// accept returns 1 if the runtime's last call succeeded. Otherwise it writes the reason to fault and returns 0.
static int accept(const function *api, status *s, char *fault, size_t room) {
	if (!s) return 1;
	snprintf(fault, room, "%s", ((const char *(*)(const status *))api[GetErrorMessage])(s));
	release(api, ReleaseStatus, s);
	return 0;
}

w2s_ops *w2s_ops_new(const w2s_kernels *kernels, const char *library, void *options, w2s_matrix **matrices, size_t count,
	char *fault, size_t room) {
	w2s_ops *o = calloc(1, sizeof *o);
	w2s_matrix **copy = malloc(count * sizeof *copy + 1);
	if (!o || !copy) {
		snprintf(fault, room, "not enough memory");
		free(copy);
		free(o);
		return NULL;
	}
	pthread_mutex_init(&o->lock, NULL);
	atomic_init(&o->limit, no_limit);
	o->kernels = kernels;
	o->matrices = copy;
	if (count > 0) memcpy(copy, matrices, count * sizeof *copy);
	o->linear = (operator){version, NULL, linear_name, provider, type, one, type, one, NULL, free, needed, needed,
		memory_type, yes, yes, yes, yes, linear_create, linear_compute, NULL, yes, latest};
	o->attention = (operator){version, NULL, attention_name, provider, type, attention_inputs, type, one, NULL, free,
		attention_needs, needed, memory_type, yes, yes, yes, yes, attention_create, attention_compute, NULL, yes, latest};
	// The library is loaded already; this takes another reference to it.
	const api_base *(*get)(void) = NULL, *base = NULL;
	if ((o->library = dlopen(library, RTLD_NOW | RTLD_LOCAL))) get = (const api_base *(*)(void))dlsym(o->library, "OrtGetApiBase");
	if (get) base = get();
	if (!base || !(o->api = base->GetApi(version))) {
		snprintf(fault, room, "%s is not a library of ONNX Runtime that can be extended", library);
	} else if (accept(o->api, call(o->api, CreateCustomOpDomain, (const char *, void **), "w2s", &o->domain), fault, room) &&
	           accept(o->api, call(o->api, CustomOpDomain_Add, (void *, const operator *), o->domain, &o->linear), fault, room) &&
	           (!kernels->attention ||
	            accept(o->api, call(o->api, CustomOpDomain_Add, (void *, const operator *), o->domain, &o->attention), fault, room)) &&
	           accept(o->api, call(o->api, AddCustomOpDomain, (void *, void *), options, o->domain), fault, room)) {
		o->count = count; // the operators own the matrices from here on
		return o;
	}
	w2s_ops_free(o);
	return NULL;
}

void w2s_ops_limit(w2s_ops *o, size_t bytes) { atomic_store(&o->limit, bytes < no_limit ? bytes : no_limit); }

void w2s_ops_free(w2s_ops *o) {
	if (o->domain) release(o->api, ReleaseCustomOpDomain, o->domain);
	if (o->library) dlclose(o->library);
	for (size_t i = 0; i < o->count; i++) w2s_matrix_free(o->matrices[i]);
	free(o->matrices);
	for (scratch *s = o->idle, *next; s; s = next) {
		next = s->next;
		drop(s);
	}
	pthread_mutex_destroy(&o->lock);
	free(o);
}
