package fetch

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"w2s/internal/inputfile"
	"w2s/internal/onnxproto"
)

// HubModel brings a checkpoint from the hub into the cache and returns its folder. The folder has one ONNX file and the
// files that it keeps weights in, under their paths in the repository. tokenizer.json and the configuration files are at
// the top of the folder, even if the repository has them only beside the ONNX file. describe makes one more file, which
// says which ONNX file the model is.
//
// A reference without a commit stays at the commit that was newest when it was first fetched. With refresh it moves to
// the commit that is newest now.
func (c *Cache) HubModel(ctx context.Context, h *Hub, ref HubRef, refresh bool, describe func(commit, model string) Text) (dir string, err error) {
	suffix := ""
	if ref.Variant != "" {
		suffix = "-" + flat(strings.TrimSuffix(ref.Variant, ".onnx"))
	}
	return c.hubFolder(ctx, h, hubRequest{
		ref: ref, refresh: refresh,
		folder: func(commit string) string { return "checkpoints/" + ref.folder() + "/" + commit[:12] + suffix },
		wanted: wantedOfModel,
		pick: func(l hubListing) ([]pickedFile, []Text, error) {
			files, err := pickModel(ref, l)
			if err != nil {
				return nil, nil, err
			}
			return files, []Text{describe(l.Commit, files[0].Path)}, nil
		},
		follow: func(l hubListing, picked []stagedFile) ([]pickedFile, error) {
			files, err := pickWeights(ref, l, picked[0])
			return append(files, pickModules(l, picked)...), err
		},
	})
}

// HubFile brings one file of a data set from the hub into the cache and returns its path.
func (c *Cache) HubFile(ctx context.Context, h *Hub, ref HubRef) (string, error) {
	if !ref.Dataset {
		return "", fmt.Errorf("fetch: %s is a model, not a file of a data set (hf:datasets/ORG/NAME[@REV]/FILE)", ref)
	}
	dir, err := c.hubFolder(ctx, h, hubRequest{
		ref:    ref,
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
	})
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, filepath.FromSlash(ref.File)), nil
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
	"config.json", tokenizerFile, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "modules.json",
	"1_Pooling/config.json", "sentence_bert_config.json", "config_sentence_transformers.json", "generation_config.json",
}

const tokenizerFile = "tokenizer.json"

func isONNX(path string) bool { return strings.HasSuffix(path, ".onnx") }

// pickModel chooses the ONNX file of the reference's variant, which comes first in the result, and its companions. A
// companion goes to the top of the folder, where it is read, even if the repository has it only beside the model.
func pickModel(ref HubRef, l hubListing) ([]pickedFile, error) {
	model, err := chooseONNX(ref, l)
	if err != nil {
		return nil, err
	}
	files := []pickedFile{{model, model.Path}}
	hasTokenizer := false
	for _, name := range companions {
		f, ok := l.find(name)
		if !ok {
			f, ok = l.find(path.Join(path.Dir(model.Path), name))
		}
		if ok {
			files = append(files, pickedFile{f, name})
			hasTokenizer = hasTokenizer || name == tokenizerFile
		}
	}
	if !hasTokenizer {
		return nil, fmt.Errorf("fetch: %s: the repository has no tokenizer.json (it has %s): make one in Python with AutoTokenizer.from_pretrained(%q).save_pretrained(FOLDER), and give a folder with it and the ONNX file",
			ref, l.names(func(f hubFile) bool { return !isONNX(f.Path) }), ref.Repo)
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
		return hubFile{}, fmt.Errorf("fetch: %s: the repository has no ONNX file (looked for onnx/model.onnx and model.onnx; it has %s): export it with optimum-cli export onnx --model %s FOLDER, and give FOLDER",
			ref, l.names(nil), ref.Repo)
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
	return hubFile{}, fmt.Errorf("fetch: %s: there is neither onnx/model.onnx nor model.onnx: choose one of %s as hf:%s#NAME", ref, l.names(onnxFile), ref.Repo)
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
