package fetch

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// companions are the files beside a model that say how its vectors are to be read.
var companions = []string{
	"config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "modules.json",
	"1_Pooling/config.json", "sentence_bert_config.json", "config_sentence_transformers.json", "generation_config.json",
}

// pickModel chooses the ONNX file of the reference's variant, and the files that belong to it.
func pickModel(ref HubRef, l hubListing) (model hubFile, files []hubFile, err error) {
	var all []hubFile
	for _, f := range l.Files {
		if strings.HasSuffix(f.Path, ".onnx") {
			all = append(all, f)
		}
	}
	model, err = chooseONNX(ref, l, all)
	if err != nil {
		return model, nil, err
	}
	files = append(files, model)
	folder := path.Dir(model.Path)
	hasTokenizer := false
	for _, f := range l.Files {
		beside := path.Dir(f.Path) == folder && slices.Contains(companions, path.Base(f.Path))
		if isExternalData(model.Path, f.Path) || beside || slices.Contains(companions, f.Path) {
			files = append(files, f)
			hasTokenizer = hasTokenizer || path.Base(f.Path) == "tokenizer.json"
		}
	}
	if !hasTokenizer {
		return model, nil, fmt.Errorf("fetch: %s: the repository holds no tokenizer.json (it holds %s): make one in Python with AutoTokenizer.from_pretrained(%q).save_pretrained(FOLDER), and give a folder with it and the ONNX file",
			ref, l.names(func(f hubFile) bool { return !strings.HasSuffix(f.Path, ".onnx") }), ref.Repo)
	}
	return model, files, nil
}

func chooseONNX(ref HubRef, l hubListing, all []hubFile) (hubFile, error) {
	isONNX := func(f hubFile) bool { return strings.HasSuffix(f.Path, ".onnx") }
	if len(all) == 0 {
		return hubFile{}, fmt.Errorf("fetch: %s: the repository holds no ONNX file (looked for onnx/model.onnx and model.onnx; it holds %s): export it with optimum-cli export onnx --model %s FOLDER, and give FOLDER",
			ref, l.names(nil), ref.Repo)
	}
	if v := ref.Variant; v != "" {
		for _, want := range []string{v, v + ".onnx", "onnx/" + v + ".onnx", "model_" + v + ".onnx", "onnx/model_" + v + ".onnx"} {
			if f, ok := l.find(want); ok && isONNX(f) {
				return f, nil
			}
		}
		return hubFile{}, fmt.Errorf("fetch: %s: there is no ONNX file %q (there are: %s)", ref, v, l.names(isONNX))
	}
	for _, want := range []string{"onnx/model.onnx", "model.onnx"} {
		if f, ok := l.find(want); ok {
			return f, nil
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return hubFile{}, fmt.Errorf("fetch: %s: neither onnx/model.onnx nor model.onnx is there: choose one of %s, written hf:%s#NAME", ref, l.names(isONNX), ref.Repo)
}

// isExternalData says whether a file holds weights that an ONNX file of that path keeps outside itself:
// model.onnx_data, model.onnx_data_1, model.onnx.data, model.data.
func isExternalData(model, file string) bool {
	rest, ok := strings.CutPrefix(file, model)
	return ok && (strings.HasPrefix(rest, "_") || strings.HasPrefix(rest, ".")) || file == strings.TrimSuffix(model, ".onnx")+".data"
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
