package fetch

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"w2s/internal/atomicfile"
	"w2s/internal/inputfile"
	"w2s/internal/onnxproto"
)

// A Form is what a repository keeps a model in.
type Form string

// The forms.
const (
	ONNX        Form = "onnx"        // an exported graph
	Safetensors Form = "safetensors" // config.json and model.safetensors, or an index and its shards
)

// A ModelRequest says which model HubModel is to bring.
type ModelRequest struct {
	Ref HubRef
	// Folder is the slash path below the cache folder of the folder that gets a folder for each commit. "" means one for all who ask for
	// the repository.
	Folder  string
	Refresh bool // move a reference without a commit to the commit that is newest now
	// Prefer is the form to take if the repository has both. With "", a copy in the cache decides, or else it is ONNX.
	Prefer Form
	// Describe makes one more file, which says which file the model is, relative to the folder. The reference has the commit, and the
	// variant "safetensors" if the repository has an ONNX file too.
	Describe func(ref HubRef, model string) Text
	// CheckONNX returns why an ONNX file gives no vectors of texts. Its weights may not be there yet. config is the path of
	// config.json, or "" if there is none. CheckONNX may be nil.
	CheckONNX func(model, config string) error
	// CheckConfig returns why safetensors with the config.json at a path cannot be used. It may be nil.
	CheckConfig func(config string) error
}

// HubModel brings a checkpoint from the hub into the cache and returns its folder. The folder has one ONNX file and the files that
// it keeps weights in, under their paths in the repository, or else config.json and safetensors files. tokenizer.json and the
// configuration files are at the top of the folder, even if the repository has them only beside the ONNX file.
//
// An ONNX file that gives no vectors of texts is passed over if the repository has safetensors, and safetensors that cannot be used
// are passed over if it has an ONNX file. A variant in the reference names an ONNX file, or safetensors.
//
// A reference without a commit stays at the commit that was newest when it was first fetched, unless Refresh is set.
func (c *Cache) HubModel(ctx context.Context, h *Hub, r ModelRequest) (dir string, err error) {
	onnx, safetensors := r.onnx(), r.safetensors()
	q := hubRequest{ref: r.Ref, refresh: r.Refresh, forms: []hubForm{onnx, safetensors}, strict: r.Prefer != ""}
	switch {
	case r.wantsSafetensors():
		q.forms = []hubForm{safetensors}
	case r.Ref.Variant != "":
		q.forms = []hubForm{onnx}
	case r.Prefer == Safetensors:
		q.forms = []hubForm{safetensors, onnx}
	}
	return c.hubFolder(ctx, h, q)
}

// wantsSafetensors reports whether the reference's variant is safetensors.
func (r ModelRequest) wantsSafetensors() bool {
	return strings.Contains(r.Ref.Variant, string(Safetensors))
}

// folder returns the function that names the folder of a form. Its name ends in the variant.
func (r ModelRequest) folder(variant string) func(commit string) string {
	suffix := ""
	if variant != "" {
		suffix = "-" + flat(variant)
	}
	top := r.Folder
	if top == "" {
		top = "checkpoints/" + r.Ref.folder()
	}
	return func(commit string) string { return top + "/" + commit[:12] + suffix }
}

// describe makes the file that says which file the model is.
func (r ModelRequest) describe(commit, variant, model string) []Text {
	ref := r.Ref
	ref.Revision, ref.Variant = commit, variant
	return []Text{r.Describe(ref, model)}
}

// onnx returns how a model is fetched as an ONNX file.
func (r ModelRequest) onnx() hubForm {
	return hubForm{
		folder: r.folder(strings.TrimSuffix(r.Ref.Variant, ".onnx")),
		wanted: wantedOfModel,
		pick: func(l hubListing) ([]pickedFile, []Text, error) {
			files, err := pickModel(r.Ref, l)
			if err != nil {
				return nil, nil, err
			}
			return files, r.describe(l.Commit, r.Ref.Variant, files[0].Path), nil
		},
		follow: func(l hubListing, picked []stagedFile) ([]pickedFile, error) {
			files, err := pickWeights(r.Ref, l, picked[0])
			if err != nil {
				return nil, err
			}
			if r.CheckONNX != nil {
				if err := r.CheckONNX(picked[0].at, stagedAt(picked, configFile)); err != nil {
					return nil, formFault{fmt.Sprintf("%s gives no vectors of texts (%v)", picked[0].Path, err),
						fmt.Sprintf("choose another ONNX file as hf:%s#NAME, or export the model without its head: optimum-cli export onnx --task feature-extraction --model %s FOLDER", r.Ref.Repo, r.Ref.Repo),
						picked[0].Path}
				}
			}
			return append(files, pickModules(l, picked)...), nil
		},
	}
}

// safetensors returns how a model is fetched as config.json and safetensors.
func (r ModelRequest) safetensors() hubForm {
	return hubForm{
		folder: r.folder(string(Safetensors)),
		wanted: wantedOfSafetensors,
		pick: func(l hubListing) ([]pickedFile, []Text, error) {
			files, model, err := pickSafetensors(r.Ref, l)
			if err != nil {
				return nil, nil, err
			}
			variant := ""
			if r.Ref.Variant != "" || slices.ContainsFunc(l.Files, func(f hubFile) bool { return isONNX(f.Path) }) {
				variant = string(Safetensors)
			}
			return files, r.describe(l.Commit, variant, model), nil
		},
		follow: func(l hubListing, picked []stagedFile) ([]pickedFile, error) {
			if r.CheckConfig != nil {
				if err := r.CheckConfig(stagedAt(picked, configFile)); err != nil {
					return nil, formFault{why: fmt.Sprintf("its safetensors cannot be used (%v)", err), todo: exportAdvice(r.Ref)}
				}
			}
			files, err := pickTensors(r.Ref, l, picked)
			return append(files, pickModules(l, picked)...), err
		},
	}
}

// exportAdvice says how to make an ONNX file of a repository's model.
func exportAdvice(ref HubRef) string {
	return fmt.Sprintf("export it with optimum-cli export onnx --model %s FOLDER, and give FOLDER", ref.Repo)
}

// stagedAt returns the path of the staged file that is to have a name, or "" if there is none.
func stagedAt(files []stagedFile, as string) string {
	for _, f := range files {
		if f.As == as {
			return f.at
		}
	}
	return ""
}

// HubFiles returns the paths of the files of a data set at the reference's revision; the reference's file does not matter. It asks the
// hub, and remembers the answer for times when the hub cannot be asked.
func (c *Cache) HubFiles(ctx context.Context, h *Hub, ref HubRef) ([]string, error) {
	if !ref.Dataset {
		return nil, fmt.Errorf("fetch: %s is not a data set", ref)
	}
	ref.File = ""
	known := c.path(".lists", ref.kind()+"+"+flat(ref.folder())+"+"+flat(url.PathEscape(ref.Revision))+".json")
	listing, _, err := c.hubList(ctx, h, ref)
	if err != nil {
		var names []string
		if data, rerr := inputfile.Read(known, maxListing); rerr == nil && json.Unmarshal(data, &names) == nil && ctx.Err() == nil {
			c.Report.Print(fmt.Sprintf("%s: the list of its files is that of an earlier run", ref))
			return names, nil
		}
		return nil, err
	}
	names := make([]string, 0, len(listing.Files))
	for _, f := range listing.Files {
		names = append(names, f.Path)
	}
	if data, err := json.Marshal(names); err == nil && os.MkdirAll(filepath.Dir(known), 0o755) == nil {
		_ = atomicfile.WriteBytes(known, data) // it only saves a later run without a network from failing
	}
	return names, nil
}

// HubFile brings one file of a data set from the hub into the cache and returns its path.
func (c *Cache) HubFile(ctx context.Context, h *Hub, ref HubRef) (string, error) {
	if !ref.Dataset {
		return "", fmt.Errorf("fetch: %s is a model, not a file of a data set (hf:datasets/ORG/NAME[@REV]/FILE)", ref)
	}
	dir, err := c.hubFolder(ctx, h, hubRequest{ref: ref, forms: []hubForm{{
		folder: func(commit string) string { return "data/" + ref.folder() + "/" + commit[:12] },
		wanted: func(_ string, r record) []string {
			if _, ok := r.Files[ref.File]; !ok {
				return nil
			}
			return []string{ref.File}
		},
		pick: func(l hubListing) ([]pickedFile, []Text, error) {
			f, ok := l.find(ref.File)
			if !ok {
				return nil, nil, fmt.Errorf("fetch: %s: there is no such file (there are: %s)", ref, l.names(nil))
			}
			return []pickedFile{{f, f.Path}}, nil, nil
		},
	}}})
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, filepath.FromSlash(ref.File)), nil
}

// wantedOfSafetensors returns all files of the record of a model in safetensors.
func wantedOfSafetensors(_ string, r record) []string {
	for _, name := range []string{tokenizerFile, configFile} {
		if _, ok := r.Files[name]; !ok {
			return nil
		}
	}
	names := slices.Sorted(maps.Keys(r.Files))
	if !slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(name, ".safetensors") }) {
		return nil
	}
	return names
}

// wantedOfModel returns all files of a model's record. It returns none if the record lacks a file that the model needs, as
// records of older versions do.
func wantedOfModel(dir string, r record) []string {
	if _, ok := r.Files[tokenizerFile]; !ok {
		return nil
	}
	for name := range r.Files {
		if !isONNX(name) {
			continue
		}
		weights, err := externalFiles(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			continue // the file is damaged, which its checksum will show
		}
		for _, w := range weights {
			if _, ok := r.Files[path.Join(path.Dir(name), w)]; !ok {
				return nil
			}
		}
	}
	return slices.Collect(maps.Keys(r.Files))
}

// companions are the files that belong to a model: its tokenizer, and how its vectors are to be read.
var companions = []string{
	configFile, tokenizerFile, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "modules.json",
	"1_Pooling/config.json", "sentence_bert_config.json", "config_sentence_transformers.json", "generation_config.json",
}

const (
	tokenizerFile = "tokenizer.json"
	configFile    = "config.json"
	weightsFile   = "model.safetensors"
	weightsIndex  = "model.safetensors.index.json" // says which shard has a tensor
)

func isONNX(path string) bool { return strings.HasSuffix(path, ".onnx") }

// pickModel chooses the ONNX file of the reference's variant, which comes first in the result, and its companions.
func pickModel(ref HubRef, l hubListing) ([]pickedFile, error) {
	model, err := chooseONNX(ref, l)
	if err != nil {
		return nil, err
	}
	files, err := pickCompanions(ref, l, path.Dir(model.Path), "the ONNX file")
	return append([]pickedFile{{model, model.Path}}, files...), err
}

// pickCompanions finds the files that belong to a model. A companion goes to the top of the folder, where it is read, even if the
// repository has it only beside the model. model says in words what the model is.
func pickCompanions(ref HubRef, l hubListing, beside, model string) ([]pickedFile, error) {
	var files []pickedFile
	hasTokenizer := false
	for _, name := range companions {
		f, ok := l.find(name)
		if !ok {
			f, ok = l.find(path.Join(beside, name))
		}
		if ok {
			files = append(files, pickedFile{f, name})
			hasTokenizer = hasTokenizer || name == tokenizerFile
		}
	}
	if !hasTokenizer {
		return nil, fmt.Errorf("fetch: %s: the repository has no tokenizer.json (it has %s): make one in Python with AutoTokenizer.from_pretrained(%q).save_pretrained(FOLDER), and give a folder with it and %s",
			ref, l.names(func(f hubFile) bool { return !isONNX(f.Path) }), ref.Repo, model)
	}
	return files, nil
}

// pickSafetensors chooses the companions of a model in safetensors, and the index of its shards if it has several. model is the
// file or the index. The weights are chosen by pickTensors, after config.json was seen.
func pickSafetensors(ref HubRef, l hubListing) (files []pickedFile, model string, err error) {
	_, single := l.find(weightsFile)
	index, sharded := l.find(weightsIndex)
	_, config := l.find(configFile)
	if !single && !sharded || !config {
		return nil, "", noSafetensors(ref, l, config)
	}
	if files, err = pickCompanions(ref, l, "", "the safetensors"); err != nil {
		return nil, "", err
	}
	if single {
		return files, weightsFile, nil
	}
	return append(files, pickedFile{index, weightsIndex}), weightsIndex, nil
}

// noSafetensors says what a repository has in place of safetensors.
func noSafetensors(ref HubRef, l hubListing, config bool) error {
	first := func(which func(name string) bool) string {
		for _, f := range l.Files {
			if which(path.Base(f.Path)) {
				return f.label()
			}
		}
		return ""
	}
	other := first(func(name string) bool { return strings.HasSuffix(name, ".safetensors") })
	pickle := first(func(name string) bool {
		return strings.HasSuffix(name, ".bin") && strings.HasPrefix(name, "pytorch_model") || strings.HasSuffix(name, ".pt") || strings.HasSuffix(name, ".pth")
	})
	gguf := first(func(name string) bool { return strings.HasSuffix(strings.ToLower(name), ".gguf") })
	switch {
	case other != "" && !config:
		return formFault{why: fmt.Sprintf("it has %s, but no config.json", other), todo: "find the repository of the whole model (an adapter is merged into its model first)"}
	case other != "":
		return formFault{why: fmt.Sprintf("it has %s, but neither %s nor %s", other, weightsFile, weightsIndex),
			todo: fmt.Sprintf("make a folder with it as %s, config.json and tokenizer.json, and give the folder", weightsFile)}
	case pickle != "":
		return formFault{why: fmt.Sprintf("%s is a pickle, which can run any program when it is read, and is never read", pickle),
			todo: fmt.Sprintf("convert it in Python with AutoModel.from_pretrained(%q).save_pretrained(FOLDER, safe_serialization=True) and the tokenizer's save_pretrained(FOLDER), and give FOLDER", ref.Repo)}
	case gguf != "":
		return formFault{why: fmt.Sprintf("%s is a GGUF file, whose quantised weights are not read", gguf), todo: "give the repository of the model that it was made from"}
	}
	return formFault{why: fmt.Sprintf("it has no config.json with %s or %s", weightsFile, weightsIndex), todo: exportAdvice(ref)}
}

// pickTensors finds the safetensors files: the single one, or the shards that the index names.
func pickTensors(ref HubRef, l hubListing, picked []stagedFile) ([]pickedFile, error) {
	at := stagedAt(picked, weightsIndex)
	if at == "" {
		f, _ := l.find(weightsFile)
		return []pickedFile{{f, weightsFile}}, nil
	}
	var index struct {
		Map map[string]string `json:"weight_map"`
	}
	data, err := inputfile.Read(at, maxListing)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, fmt.Errorf("fetch: %s: %s: %w (its owner must correct it)", ref, weightsIndex, err)
	}
	shards := slices.Compact(slices.Sorted(maps.Values(index.Map)))
	if len(shards) == 0 {
		return nil, fmt.Errorf("fetch: %s: %s names no files (its owner must correct it)", ref, weightsIndex)
	}
	var files []pickedFile
	for _, name := range shards {
		f, ok := l.find(name)
		switch {
		case path.Base(name) != name || strings.HasPrefix(name, ".") || !strings.HasSuffix(name, ".safetensors"):
			return nil, fmt.Errorf("fetch: %s: %s names %q, which is no safetensors file beside it (its owner must correct it)", ref, weightsIndex, name)
		case !ok:
			return nil, fmt.Errorf("fetch: %s: %s names %q, which the repository does not have (its owner must add the file; it has %s)", ref, weightsIndex, name, l.names(nil))
		}
		files = append(files, pickedFile{f, name})
	}
	return files, nil
}

// chooseONNX finds the ONNX file of the reference's variant.
func chooseONNX(ref HubRef, l hubListing) (hubFile, error) {
	onnxFile := func(f hubFile) bool { return isONNX(f.Path) }
	var all []hubFile
	for _, f := range l.Files {
		if onnxFile(f) {
			all = append(all, f)
		}
	}
	if len(all) == 0 {
		return hubFile{}, formFault{why: fmt.Sprintf("the repository has no ONNX file (looked for onnx/model.onnx and model.onnx; it has %s)", l.names(nil)), todo: exportAdvice(ref)}
	}
	if v := ref.Variant; v != "" {
		for _, want := range []string{v, v + ".onnx", "onnx/" + v + ".onnx", "model_" + v + ".onnx", "onnx/model_" + v + ".onnx"} {
			if f, ok := l.find(want); ok && isONNX(want) {
				return f, nil
			}
		}
		return hubFile{}, fmt.Errorf("fetch: %s: there is no ONNX file %q (there are: %s)", ref, v, l.names(onnxFile))
	}
	for _, want := range []string{"onnx/model.onnx", "model.onnx"} {
		if f, ok := l.find(want); ok {
			return f, nil
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return hubFile{}, formFault{why: "there is neither onnx/model.onnx nor model.onnx", todo: fmt.Sprintf("choose one of %s as hf:%s#NAME", l.names(onnxFile), ref.Repo)}
}

// pickWeights finds the files that a model keeps weights in, by the names in the model itself.
func pickWeights(ref HubRef, l hubListing, model stagedFile) ([]pickedFile, error) {
	names, err := externalFiles(model.at)
	if err != nil {
		return nil, fmt.Errorf("fetch: %s: %s cannot be used: %w (is it an ONNX model? hf:%s#NAME chooses another)", ref, model.Path, err, ref.Repo)
	}
	var files []pickedFile
	for _, name := range names {
		where := path.Join(path.Dir(model.Path), name)
		f, ok := l.find(where)
		switch {
		case !filepath.IsLocal(filepath.FromSlash(name)), strings.HasPrefix(path.Base(where), "."):
			return nil, fmt.Errorf("fetch: %s: %s keeps weights in %q, and w2s fetches no file of such a name (its owner must save it with another)",
				ref, model.Path, name)
		case !ok:
			return nil, fmt.Errorf("fetch: %s: %s keeps weights in %q, which the repository does not have (its owner must add the file; it has %s)",
				ref, model.Path, name, l.names(nil))
		}
		files = append(files, pickedFile{f, where})
	}
	return files, nil
}

// pickModules finds the files of sentence-transformers in the folders that modules.json names. They say how texts are cut
// and how vectors are pooled. Faults of modules.json are ignored here: the reader of the checkpoint reports them.
func pickModules(l hubListing, picked []stagedFile) []pickedFile {
	i := slices.IndexFunc(picked, func(f stagedFile) bool { return f.As == "modules.json" })
	if i < 0 {
		return nil
	}
	var modules []struct{ Path, Type string }
	data, err := inputfile.Read(picked[i].at, maxRecord)
	if err != nil || json.Unmarshal(data, &modules) != nil {
		return nil
	}
	var files []pickedFile
	for _, m := range modules {
		name := path.Join(m.Path, "config.json")
		switch {
		case m.Path == "" || !filepath.IsLocal(filepath.FromSlash(m.Path)):
			continue
		case strings.HasSuffix(m.Type, "Transformer"):
			name = path.Join(m.Path, "sentence_bert_config.json")
		case !strings.HasSuffix(m.Type, "Pooling"):
			continue
		}
		if f, ok := l.find(name); ok {
			files = append(files, pickedFile{f, name})
		}
	}
	return files
}

// externalFiles lists the files that an ONNX file keeps weights in, relative to its folder.
func externalFiles(model string) ([]string, error) {
	f, err := onnxproto.Open(model)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ExternalFiles(), nil
}
