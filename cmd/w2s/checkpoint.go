package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"w2s/harness/experiment"
	"w2s/harness/feature"
	"w2s/harness/result"
	"w2s/internal/catalog"
	"w2s/internal/list"
	"w2s/internal/visible"
	"w2s/onnx"
	"w2s/onnx/chat"
	"w2s/onnx/tokenizer"
	"w2s/tasks"
)

// model opens a checkpoint by name, hub reference or folder. Its ONNX Runtime session opens when the first text must be
// encoded.
func (a *app) model(ctx context.Context, name string) (experiment.Model, error) {
	if isSupervisor(name) {
		return experiment.Model{}, usagef("%s is a supervisor and no model: it can only be the weak one of a pair, or the first of a chain", name)
	}
	if file, ok := cutVectors(name); ok {
		return a.vectorModel(ctx, file)
	}
	named, err := parseModelName(name)
	if err != nil {
		return experiment.Model{}, err
	}
	if named.layer == nil {
		named.layer = a.layer.layer
	}
	m, _, err := a.openModel(ctx, named, false)
	return m, err
}

// A found checkpoint is one whose files are on this machine.
type found struct {
	catalog.Checkpoint
	name    string // with settings, for tables
	runtime *onnx.Runtime
	place   *place
	options onnx.Options
}

// find finds a checkpoint, which is downloaded if this machine lacks it.
func (a *app) find(ctx context.Context, named modelName) (*found, error) {
	c, err := a.catalog()
	if err != nil {
		return nil, err
	}
	if names := onnx.Precisions(); !slices.Contains(names, a.products) {
		return nil, usagef("--precision %q: want one of %s", a.products, strings.Join(names, ", "))
	}
	if err := a.checkProvider(); err != nil {
		return nil, err
	}
	if a.threads < 0 {
		return nil, errThreads(a.threads)
	}
	if !slices.Contains([]string{"", "left", "right"}, a.truncate) {
		return nil, usagef("--truncate %q: want left or right", a.truncate)
	}
	ck, o, err := a.locate(ctx, c, named)
	if err != nil {
		return nil, err
	}
	a.reads("checkpoint", ck.Dir)
	if named.adapter != "" {
		a.reads("adapter", named.adapter)
	}
	f := &found{Checkpoint: ck, name: visible.Name(ck.Name) + visible.Name(named.settings()), options: o}
	if f.runtime, err = a.openRuntime(ctx); err != nil {
		return nil, err
	}
	f.place = a.place
	f.place.apply(&f.options)
	return f, nil
}

// locate returns the files of a checkpoint, which are downloaded if this machine lacks them, and how to read them.
func (a *app) locate(ctx context.Context, c *catalog.Catalog, named modelName) (catalog.Checkpoint, onnx.Options, error) {
	ck, err := c.Resolve(ctx, named.checkpoint)
	if err != nil {
		return ck, onnx.Options{}, resolveFault(ctx, c, named.checkpoint, err)
	}
	file, err := filepath.Rel(ck.Dir, ck.Model)
	if err != nil {
		return ck, onnx.Options{}, err
	}
	a.limitThreads()
	o := a.options(file, c.CacheDir())
	o.Layer, o.Chat, o.Adapter = named.layer, named.chat, named.adapter
	return ck, o, nil
}

// facts describes the checkpoint for a result file.
func (f *found) facts(c *onnx.Checkpoint) map[string]string {
	facts := facts(c, f.runtime)
	f.place.facts(facts)
	if f.From != "" {
		facts[result.FetchedFrom] = visible.Line(f.From)
	}
	return facts
}

// openModel opens a checkpoint, and its encoder of features or, with head, of the scores of its classification head.
func (a *app) openModel(ctx context.Context, named modelName, head bool) (experiment.Model, *onnx.Encoder, error) {
	f, err := a.find(ctx, named)
	if err != nil {
		return experiment.Model{}, nil, err
	}
	f.options.Head = head
	enc, err := onnx.Open(ctx, f.runtime, f.Dir, f.options)
	if err != nil {
		return experiment.Model{}, nil, err
	}
	a.closers = append(a.closers, enc.Close)
	m := experiment.Model{Name: f.name, Encoder: enc, Parameters: enc.Checkpoint().Params, Description: f.facts(enc.Checkpoint())}
	if layer, ok := enc.Checkpoint().Layer(); ok {
		whole := named
		whole.layer = nil
		m.Layer = &result.Layer{Of: visible.Name(f.Name) + visible.Name(whole.settings()), Number: layer}
	}
	if named.chat {
		m.Chat = conversationWriter(enc.Checkpoint().Chat)
	} else if named.layer == nil && !head { // answers are written from the last layer
		m.Writer = a.openWriter(f.runtime, enc.Key(), f.Dir, f.options)
	}
	return m, enc, nil
}

// conversationWriter returns a function that writes a conversation with a checkpoint's chat template. If the last turn is not the
// assistant's, the text ends with the beginning of a reply, where the model is about to answer.
func conversationWriter(template *chat.Template) func([]tasks.Turn) (string, error) {
	return func(turns []tasks.Turn) (string, error) {
		messages := make([]chat.Message, len(turns))
		for i, t := range turns {
			messages[i] = chat.Message{Role: t.Role, Content: t.Text}
		}
		return template.Render(messages, turns[len(turns)-1].Role != tasks.RoleAssistant)
	}
}

// options returns what the global flags say about a model file of a checkpoint, but for the place where it runs. cache is the cache
// folder.
func (a *app) options(file, cache string) onnx.Options {
	return onnx.Options{
		Model: file, Precision: onnx.Precision(a.products), Threads: a.threads, RuntimeOnly: a.runtimeOnly,
		Cut: a.truncate, DigestFile: filepath.Join(cache, "digests.json"),
	}
}

func errThreads(n int) error { return usagef("--threads %d: want 1 or more, or 0 for all", n) }

// resolveFault returns fault, the error of resolving a checkpoint. It is a usage error if no checkpoint has the name, and
// not if, for example, a download failed.
func resolveFault(ctx context.Context, c *catalog.Catalog, name string, fault error) error {
	if _, err := os.Stat(name); err == nil || strings.HasPrefix(name, "hf:") {
		return fault
	}
	known, err := c.Checkpoints(ctx, false)
	if err != nil || slices.ContainsFunc(known, func(s catalog.State) bool { return strings.EqualFold(s.Name, name) }) {
		return fault
	}
	if strings.ContainsAny(name, `/\`) {
		return folderError{fault}
	}
	return usageError{fault}
}

// A folderError reports that a folder which the user named is not there. It is a usageError, but does not keep the other groups of a
// plan from running.
type folderError struct{ error }

func (e folderError) Unwrap() error { return usageError{e.error} }

// facts describes a checkpoint for a result file.
func facts(c *onnx.Checkpoint, rt *onnx.Runtime) map[string]string {
	f := map[string]string{
		"family": c.Family, "output": c.Output, "pooling": string(c.Pooling), "prefix": c.Prefix,
		"max_tokens": strconv.Itoa(c.MaxTokens), "normalize": strconv.FormatBool(c.Normalize), "licence": c.License, "tokenizer settings": c.TokenizerSettings,
		"source": c.Source, "onnxruntime": rt.Version(), "batch-dependent 8-bit scales": strconv.FormatBool(c.Quantised),
	}
	if c.Chat != nil {
		f["chat template"] = c.Chat.Digest()
	}
	if a := c.Adapter(); a != "" {
		f["adapter"] = visible.Name(filepath.Base(a))
	}
	if c.Precision == onnx.Float16 {
		f["precision"] = string(c.Precision)
	}
	if c.LowerCase {
		f["lower case"] = "true"
	}
	if c.Cut == "left" {
		f["truncation"] = c.Cut
	}
	if len(c.LeftOut) > 0 {
		f["left out"] = strings.Join(c.LeftOut, ", ") + " of modules.json"
	}
	for file, sum := range c.Digests {
		f["sha256 "+visible.Name(file)] = sum
	}
	for k, v := range f {
		if v == "" {
			delete(f, k)
		}
	}
	return f
}

// countTokens returns the number of tokens that a checkpoint's tokenizer makes from each text with the checkpoint's
// prefix, before truncation.
func countTokens(c *onnx.Checkpoint, texts []string) ([]int, error) {
	t, err := c.OpenTokenizer()
	if err != nil {
		return nil, err
	}
	count := make([]int, len(texts))
	for i, text := range texts {
		enc, err := t.Encode(c.Text(text), tokenizer.Options{})
		if err != nil {
			return nil, err
		}
		count[i] = len(enc.IDs)
	}
	return count, nil
}

// usedFeatures opens the feature cache for a command that uses vectors. When the command ends, parts that no process uses are
// removed until the cache is within --cache-limit.
func (a *app) usedFeatures() (*feature.Cache, error) {
	cache, err := a.features()
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, func() error {
		if a.cacheLimit > 0 {
			removed, left, err := cache.Prune(int64(a.cacheLimit), false)
			if len(removed) > 0 {
				a.note("note: --cache-limit %s: removed the vectors of %s", a.cacheLimit.String(), strings.Join(list.Map(removed, partName), ", "))
			}
			if err != nil {
				a.note("note: %v", plain(err.Error()))
			}
			if left > int64(a.cacheLimit) {
				a.note("note: the feature cache takes %s, more than --cache-limit %s: what is left is in use", size(left), a.cacheLimit.String())
			}
		}
		return cache.Close()
	})
	return cache, nil
}

// openFeatures opens the feature cache in the catalog's cache folder.
func openFeatures(c *catalog.Catalog) (*feature.Cache, error) {
	return feature.Open(filepath.Join(c.CacheDir(), featuresFolder))
}
