package fetch

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"w2s/internal/onnxproto"
)

// companions are the files beside a model that say how its vectors are to be read.
var companions = []string{
	"config.json", tokenizerFile, "tokenizer_config.json", "special_tokens_map.json", "modules.json",
	"1_Pooling/config.json", "sentence_bert_config.json", "config_sentence_transformers.json", "generation_config.json",
}

const tokenizerFile = "tokenizer.json"

func isONNX(path string) bool { return strings.HasSuffix(path, ".onnx") }

// pickModel chooses the ONNX file of the reference's variant, which comes first, and the companions. A companion goes to
// the top of the folder, where it is read, whether the repository has it there or only beside the model.
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
		return nil, fmt.Errorf("fetch: %s: the repository holds no tokenizer.json (it holds %s): make one in Python with AutoTokenizer.from_pretrained(%q).save_pretrained(FOLDER), and give a folder with it and the ONNX file",
			ref, l.names(func(f hubFile) bool { return !isONNX(f.Path) }), ref.Repo)
	}
	return files, nil
}

// pickWeights finds the files that a model keeps weights in, under the names that the model itself gives them.
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
			return nil, fmt.Errorf("fetch: %s: %s keeps weights in %q, a name that is not taken from a repository (its owner must save it with another)",
				ref, model.Path, name)
		case !ok:
			return nil, fmt.Errorf("fetch: %s: %s keeps weights in %q, which the repository does not hold (its owner must add the file; it holds %s)",
				ref, model.Path, name, l.names(nil))
		}
		files = append(files, pickedFile{f, where})
	}
	return files, nil
}

// pickModules finds the files of sentence-transformers in the folders that modules.json names: how texts are cut, and how
// vectors are pooled. What is wrong with modules.json is for its reader to say.
func pickModules(l hubListing, picked []stagedFile) []pickedFile {
	i := slices.IndexFunc(picked, func(f stagedFile) bool { return f.As == "modules.json" })
	if i < 0 {
		return nil
	}
	var modules []struct{ Path, Type string }
	data, err := os.ReadFile(picked[i].at)
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

// externalFiles lists the files that the ONNX file keeps weights in, relative to its folder.
func externalFiles(model string) ([]string, error) {
	f, err := onnxproto.Open(model)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ExternalFiles(), nil
}

func chooseONNX(ref HubRef, l hubListing) (hubFile, error) {
	onnxFile := func(f hubFile) bool { return isONNX(f.Path) }
	var all []hubFile
	for _, f := range l.Files {
		if onnxFile(f) {
			all = append(all, f)
		}
	}
	if len(all) == 0 {
		return hubFile{}, fmt.Errorf("fetch: %s: the repository holds no ONNX file (looked for onnx/model.onnx and model.onnx; it holds %s): export it with optimum-cli export onnx --model %s FOLDER, and give FOLDER",
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
	return hubFile{}, fmt.Errorf("fetch: %s: neither onnx/model.onnx nor model.onnx is there: choose one of %s, written hf:%s#NAME", ref, l.names(onnxFile), ref.Repo)
}

// names lists some of the files for an error.
func (l hubListing) names(which func(hubFile) bool) string {
	const most = 20
	var names []string
	for _, f := range l.Files {
		if which == nil || which(f) {
			names = append(names, f.Path)
		}
	}
	if len(names) == 0 {
		return "nothing"
	}
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}
