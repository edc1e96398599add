package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"w2s/internal/fetch"
	"w2s/internal/inputfile"
	"w2s/onnx/families"
)

// maxDescription is the size in bytes of the largest w2s.json that is read, far more than one needs.
const maxDescription = 1 << 20

// readDescription reads a folder's w2s.json. It returns the zero Description if there is none.
func readDescription(dir string) (Description, error) {
	path := filepath.Join(dir, DescriptionFile)
	data, err := inputfile.Read(path, maxDescription)
	if errors.Is(err, fs.ErrNotExist) {
		return Description{}, nil
	}
	if errors.Is(err, inputfile.ErrKind) {
		return Description{}, fmt.Errorf("catalog: %w; remove it, since a checkpoint needs no %s", err, DescriptionFile)
	}
	if err != nil {
		return Description{}, fmt.Errorf("catalog: %w (it is not a description of a checkpoint: correct it, or remove it)", err)
	}
	var d Description
	if err := json.Unmarshal(data, &d); err != nil {
		return Description{}, fmt.Errorf("catalog: %s: %w (correct it, or remove it)", path, err)
	}
	if d.Format != 1 {
		return Description{}, fmt.Errorf("catalog: %s: format %d is unknown, want 1 (was it written by a newer w2s?)", path, d.Format)
	}
	if model := filepath.FromSlash(d.Model); model != "" && (!filepath.IsLocal(model) || filepath.Clean(model) == ".") {
		return Description{}, fmt.Errorf("catalog: %s: model %q is not a path below the folder", path, d.Model)
	}
	return d, nil
}

// OpenFolder opens a checkpoint's folder, which must have tokenizer.json and a model. The model is the file that w2s.json names,
// model.onnx, onnx/model.onnx, the only ONNX file in the folder or its subfolder onnx, or else config.json with safetensors.
func OpenFolder(dir string) (Checkpoint, error) {
	d, err := readDescription(dir)
	if err != nil {
		return Checkpoint{}, err
	}
	model, err := findModel(dir, d)
	if err != nil {
		return Checkpoint{}, err
	}
	return openModel(dir, model, d, "")
}

// openVariant is like OpenFolder with the ONNX file that variant names, or with the safetensors if it is "safetensors" or their
// file. The name may leave out ".onnx" and the folder onnx.
func openVariant(dir, variant string) (Checkpoint, error) {
	if strings.Contains(variant, "safetensors") {
		return openWeights(dir, variant)
	}
	for _, path := range []string{filepath.Join(dir, variant), filepath.Join(dir, "onnx", variant)} {
		if filepath.Ext(path) != ".onnx" {
			path += ".onnx"
		}
		if _, err := os.Stat(path); err == nil && filepath.IsLocal(variant) {
			return openFile(path)
		}
	}
	found, err := onnxFiles(dir)
	if err != nil {
		return Checkpoint{}, err
	}
	return Checkpoint{}, fmt.Errorf("catalog: %s has no ONNX file %q%s", dir, variant, unknown(strings.TrimSuffix(variant, ".onnx"), bases(found)))
}

// openWeights is like OpenFolder with the safetensors. The variant is part of the checkpoint's name if the folder has an ONNX
// file too.
func openWeights(dir, variant string) (Checkpoint, error) {
	d, err := readDescription(dir)
	if err != nil {
		return Checkpoint{}, err
	}
	w, err := families.OpenWeights(dir)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("catalog: %s: %w", dir, err)
	}
	if variant != "safetensors" && variant != w.Name() {
		return Checkpoint{}, fmt.Errorf("catalog: %s has no file %s, but %s", dir, variant, w.Name())
	}
	found, err := onnxFiles(dir)
	if err != nil {
		return Checkpoint{}, err
	}
	if len(found) == 0 {
		variant = ""
	}
	return openModel(dir, filepath.Join(dir, w.Name()), d, variant)
}

// openFile is like OpenFolder with the ONNX file at path. If the file is in a folder onnx and the folder above has a
// tokenizer.json, the folder above is the checkpoint's.
func openFile(path string) (Checkpoint, error) {
	dir := filepath.Dir(path)
	if abs, err := filepath.Abs(dir); err == nil && filepath.Base(abs) == "onnx" {
		above, err := findTokenizer(filepath.Dir(abs), path)
		if _, other := os.Stat(filepath.Join(filepath.Dir(abs), "tokenizer.json")); other == nil || err == nil && filepath.Dir(above) == filepath.Dir(abs) {
			dir = filepath.Dir(abs)
			path = filepath.Join(abs, filepath.Base(path))
		}
	}
	d, err := readDescription(dir)
	if err != nil {
		return Checkpoint{}, err
	}
	variant := strings.TrimSuffix(filepath.Base(path), ".onnx")
	if usual, err := findModel(dir, d); err == nil && filepath.Clean(usual) == filepath.Clean(path) {
		variant = ""
	}
	return openModel(dir, path, d, variant)
}

// openModel checks the files of a checkpoint. A variant that is not "" becomes part of its name.
func openModel(dir, model string, d Description, variant string) (Checkpoint, error) {
	if err := checkModel(model); err != nil {
		return Checkpoint{}, err
	}
	tokenizer, err := findTokenizer(dir, model)
	if err != nil {
		return Checkpoint{}, err
	}
	name := d.Name
	if name == "" {
		name = dir
	}
	if variant != "" {
		name += "#" + variant
	}
	return Checkpoint{Name: name, Dir: dir, Model: model, Tokenizer: tokenizer, Description: d}, nil
}

// findModel returns the ONNX file of a folder without a variant.
func findModel(dir string, d Description) (string, error) {
	if d.Model != "" {
		return d.modelPath(dir), nil
	}
	for _, name := range []string{"model.onnx", "onnx/model.onnx"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	found, err := onnxFiles(dir)
	if err != nil {
		return "", err
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		example := bases(found)[0]
		if slices.Contains(bases(found), "encoder_model") {
			example = "encoder_model" // the usual split export: the other files take the encoder's output
		}
		return "", fmt.Errorf("catalog: %s has %d ONNX files (%s): choose one, such as %s#%s, or name it in %s as \"model\"",
			dir, len(found), strings.Join(bases(found), ", "), dir, example, DescriptionFile)
	}
	w, err := families.OpenWeights(dir)
	if err != nil {
		return "", fmt.Errorf("catalog: %s has no ONNX file, and %w", dir, err)
	}
	return filepath.Join(dir, w.Name()), nil
}

// onnxFiles returns the paths of the ONNX files in a folder and in its subfolder onnx.
func onnxFiles(dir string) ([]string, error) {
	var found []string
	for _, pattern := range []string{"*.onnx", "onnx/*.onnx"} {
		paths, err := filepath.Glob(filepath.Join(escapeGlob(dir), pattern))
		if err != nil {
			return nil, fmt.Errorf("catalog: %w", err)
		}
		found = append(found, paths...)
	}
	return found, nil
}

// escapeGlob escapes the characters of a folder's name that filepath.Glob would take for a pattern.
func escapeGlob(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// bases returns the sorted names of files without their folders and without ".onnx".
func bases(paths []string) []string {
	names := make([]string, len(paths))
	for i, p := range paths {
		names[i] = strings.TrimSuffix(filepath.Base(p), ".onnx")
	}
	slices.Sort(names)
	return names
}

// checkModel refuses files that cannot be ONNX files, by their first bytes. ONNX Runtime would only say that parsing failed.
// Safetensors are checked when they are opened.
func checkModel(path string) error {
	if strings.Contains(filepath.Base(path), ".safetensors") {
		return nil
	}
	head, err := fetch.ReadHead(path)
	if err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	switch {
	case len(head) == 0:
		return fmt.Errorf("catalog: %s is empty (fetch it again)", path)
	case fetch.LFSPointer(head):
		return fmt.Errorf("catalog: %s is a Git LFS pointer, not the model (run git lfs pull in the folder it came from, or w2s models pull hf:ORG/NAME)", path)
	case isText(head):
		return fmt.Errorf("catalog: %s is a text file, not an ONNX model (it begins %.30q)", path, head)
	}
	return nil
}

// isText reports whether all bytes are printable. An ONNX file is not text: it begins with the field number and the value
// of ir_version.
func isText(head []byte) bool {
	for _, b := range head {
		if b < 0x20 && b != '\n' && b != '\r' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}

// findTokenizer returns the path of tokenizer.json in the folder or beside the model, or else of a vocab.txt, or a vocab.json that
// has a merges.txt beside it.
func findTokenizer(dir, model string) (string, error) {
	for _, path := range []string{filepath.Join(dir, "tokenizer.json"), filepath.Join(filepath.Dir(model), "tokenizer.json")} {
		switch err := inputfile.Check(path); {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return "", fmt.Errorf("catalog: %w", err)
		}
		return path, checkTokenizer(path)
	}
	for _, beside := range []string{dir, filepath.Dir(model)} {
		for _, names := range [][]string{{"vocab.txt"}, {"vocab.json", "merges.txt"}} {
			if path := filepath.Join(beside, names[0]); inputfile.Check(path) == nil && inputfile.Check(filepath.Join(beside, names[len(names)-1])) == nil {
				return path, nil
			}
		}
	}
	other := ""
	for _, name := range []string{"vocab.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			other = ": " + name + " alone is not read"
			break
		}
	}
	return "", fmt.Errorf("catalog: %s has no tokenizer.json%s (make one in Python: AutoTokenizer.from_pretrained(MODEL).save_pretrained(%q))", dir, other, dir)
}

// checkTokenizer refuses files that cannot be a tokenizer.json, by their first bytes. Loading it checks the rest.
func checkTokenizer(path string) error {
	head, err := fetch.ReadHead(path)
	if err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	if fetch.LFSPointer(head) {
		return fmt.Errorf("catalog: %s is a Git LFS pointer, not the tokenizer (run git lfs pull in the folder it came from)", path)
	}
	if trimmed := strings.TrimLeft(strings.TrimPrefix(string(head), "\ufeff"), " \t\r\n"); !strings.HasPrefix(trimmed, "{") {
		return fmt.Errorf("catalog: %s is not a JSON object (it begins %.30q)", path, head)
	}
	return nil
}
