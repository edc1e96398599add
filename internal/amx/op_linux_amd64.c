// ONNX Runtime calls an operator through a table of functions and is called through another one. Both are described in its
// onnxruntime_c_api.h and only ever grow at their end, so that the few entries used here can be declared here. (A test
// compares them with that header.)
#include "op.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { version = 17 }; // of the table, the first with shape inference

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
	KernelInfoGetAttribute_int64 = 86,
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

// call calls entry f of the table with the given types and arguments.
#define call(api, f, types, ...) (((status * (*)types)(api)[f])(__VA_ARGS__))
#define release(api, f, object) (((void (*)(void *))(api)[f])(object))

// operator has the layout of OrtCustomOp at version 17.
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

enum { float32 = 1, required = 0, default_memory = 0, invalid_argument = 2, most_dimensions = 16 };

// A scratch is memory of a product that runs now, or one that ran.
typedef struct scratch scratch;
struct scratch {
	scratch *next;
	void *memory;
};

struct w2s_ops {
	operator op; // first: the runtime hands out its address
	const function *api;
	void *library, *domain;
	w2s_matrix **matrices;
	size_t count;
	pthread_mutex_t lock; // of idle
	scratch *idle;
};

// A kernel is one operator of the graph.
typedef struct {
	w2s_ops *ops;
	const w2s_matrix *matrix;
} kernel;

static status *fail(const w2s_ops *o, const char *text) {
	return call(o->api, CreateStatus, (int, const char *), invalid_argument, text);
}

static scratch *take(w2s_ops *o) {
	pthread_mutex_lock(&o->lock);
	scratch *s = o->idle;
	if (s) o->idle = s->next;
	pthread_mutex_unlock(&o->lock);
	if (s) return s;
	if (!(s = calloc(1, sizeof *s))) return NULL;
	if ((s->memory = aligned_alloc(64, w2s_matrix_scratch()))) return s;
	free(s);
	return NULL;
}

static void give(w2s_ops *o, scratch *s) {
	pthread_mutex_lock(&o->lock);
	s->next = o->idle;
	o->idle = s;
	pthread_mutex_unlock(&o->lock);
}

static const char *name(const operator *op) { return "Linear"; }
static const char *provider(const operator *op) { return NULL; }
static int type(const operator *op, size_t i) { return float32; }
static size_t one(const operator *op) { return 1; }
static int characteristic(const operator *op, size_t i) { return required; }
static int memory(const operator *op, size_t i) { return default_memory; }
static int yes(const operator *op) { return 1; }
static int latest(const operator *op) { return INT32_MAX; }

static status *create(const operator *op, const void *api, const void *info, void **made) {
	w2s_ops *o = (w2s_ops *)op;
	int64_t index = -1;
	status *s = call(o->api, KernelInfoGetAttribute_int64, (const void *, const char *, int64_t *), info, "index", &index);
	if (s) return s;
	if (index < 0 || (uint64_t)index >= o->count) return fail(o, "w2s:Linear names a matrix that is not there");
	kernel *k = malloc(sizeof *k);
	if (!k) return fail(o, "w2s:Linear: no memory");
	*k = (kernel){o, o->matrices[index]};
	*made = k;
	return NULL;
}

// dimensions reads the shape of an input.
static status *dimensions(const w2s_ops *o, const void *value, int64_t dims[most_dimensions], size_t *rank) {
	void *info;
	status *s = call(o->api, GetTensorTypeAndShape, (const void *, void **), value, &info);
	if (s) return s;
	s = call(o->api, GetDimensionsCount, (const void *, size_t *), info, rank);
	if (!s && (*rank < 1 || *rank > most_dimensions)) s = fail(o, "w2s:Linear: its input has no dimension, or too many");
	if (!s) s = call(o->api, GetDimensions, (const void *, int64_t *, size_t), info, dims, *rank);
	release(o->api, ReleaseTensorTypeAndShapeInfo, info);
	return s;
}

static status *compute(void *self, void *context) {
	const kernel *k = self;
	w2s_ops *o = k->ops;
	void *in, *out, *x, *y;
	int64_t dims[most_dimensions], rows = 1;
	size_t rank;
	status *s = call(o->api, KernelContext_GetInput, (const void *, size_t, void **), context, 0, &in);
	if (s || (s = dimensions(o, in, dims, &rank))) return s;
	if (dims[rank - 1] != w2s_matrix_k(k->matrix)) return fail(o, "w2s:Linear: the last dimension of its input is not the matrix's first");
	for (size_t i = 0; i + 1 < rank; i++) rows *= dims[i];
	dims[rank - 1] = w2s_matrix_n(k->matrix);
	if ((s = call(o->api, KernelContext_GetOutput, (void *, size_t, const int64_t *, size_t, void **), context, 0, dims, rank, &out)) ||
	    (s = call(o->api, GetTensorMutableData, (void *, void **), in, &x)) ||
	    (s = call(o->api, GetTensorMutableData, (void *, void **), out, &y)))
		return s;
	scratch *m = take(o);
	if (!m) return fail(o, "w2s:Linear: no memory");
	w2s_matrix_multiply(k->matrix, x, rows, y, m->memory);
	give(o, m);
	return NULL;
}

// The runtime asks for one or the other of each pair, by version.
static void *create_old(const operator *op, const void *api, const void *info) { return NULL; }
static void compute_old(void *self, void *context) {}

// accept returns whether the runtime took the last call, else says why not.
static int accept(const function *api, status *s, char *fault, size_t room) {
	if (!s) return 1;
	snprintf(fault, room, "%s", ((const char *(*)(const status *))api[GetErrorMessage])(s));
	release(api, ReleaseStatus, s);
	return 0;
}

w2s_ops *w2s_ops_new(const char *library, void *options, w2s_matrix **matrices, size_t count, char *fault, size_t room) {
	w2s_ops *o = calloc(1, sizeof *o);
	w2s_matrix **copy = malloc(count * sizeof *copy + 1);
	if (!o || !copy) {
		snprintf(fault, room, "no memory");
		free(copy);
		free(o);
		return NULL;
	}
	pthread_mutex_init(&o->lock, NULL);
	o->matrices = memcpy(copy, matrices, count * sizeof *copy);
	o->op = (operator){version, create_old, name, provider, type, one, type, one, compute_old, free, characteristic, characteristic,
		memory, yes, yes, yes, yes, create, compute, NULL, yes, latest};
	// It is loaded already: this only counts it once more.
	const api_base *(*base)(void) = NULL;
	if ((o->library = dlopen(library, RTLD_NOW | RTLD_LOCAL))) base = (const api_base *(*)(void))dlsym(o->library, "OrtGetApiBase");
	if (!base || !(o->api = base()->GetApi(version))) {
		snprintf(fault, room, "%s is not a library of ONNX Runtime that can be extended", library);
	} else if (accept(o->api, call(o->api, CreateCustomOpDomain, (const char *, void **), "w2s", &o->domain), fault, room) &&
	           accept(o->api, call(o->api, CustomOpDomain_Add, (void *, const operator *), o->domain, &o->op), fault, room) &&
	           accept(o->api, call(o->api, AddCustomOpDomain, (void *, void *), options, o->domain), fault, room)) {
		o->count = count; // now they are its own
		return o;
	}
	w2s_ops_free(o);
	return NULL;
}

void w2s_ops_free(w2s_ops *o) {
	if (o->domain) release(o->api, ReleaseCustomOpDomain, o->domain);
	if (o->library) dlclose(o->library);
	for (size_t i = 0; i < o->count; i++) w2s_matrix_free(o->matrices[i]);
	free(o->matrices);
	for (scratch *s = o->idle; s;) {
		scratch *next = s->next;
		free(s->memory);
		free(s);
		s = next;
	}
	pthread_mutex_destroy(&o->lock);
	free(o);
}
