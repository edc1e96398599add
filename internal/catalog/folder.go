package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"w2s/internal/fetch"
)

// maxDescription is far more than a description needs.
const maxDescription = 1 << 20

// readDescription reads a folder's w2s.json; a folder without one has the zero Description.
func readDescription(dir string) (Description, error) {
	path := filepath.Join(dir, DescriptionFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Description{}, nil
	}
	if err != nil {
		return Description{}, fmt.Errorf("catalog: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxDescription+1))
	if err != nil {
		return Description{}, fmt.Errorf("catalog: %w", err)
	}
	if len(data) > maxDescription {
		return Description{}, fmt.Errorf("catalog: %s has more than %d bytes: not a checkpoint's description", path, maxDescription)
	}
	var d Description
	if err := json.Unmarshal(data, &d); err != nil {
		return Description{}, fmt.Errorf("catalog: %s: %w (correct it, or remove it)", path, err)
	}
	if d.Format != 1 {
		return Description{}, fmt.Errorf("catalog: %s: format %d is not known here, only 1 (a newer w2s wrote it?)", path, d.Format)
	}
	if model := filepath.FromSlash(d.Model); model != "" && (!filepath.IsLocal(model) || filepath.Clean(model) == ".") {
		return Description{}, fmt.Errorf("catalog: %s: model %q is not a path below the folder", path, d.Model)
	}
	return d, nil
}

// OpenFolder checks a folder that holds an ONNX file and tokenizer.json. The ONNX file is the one that w2s.json names,
// model.onnx, onnx/model.onnx, or the only one there is.
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

// openVariant is OpenFolder with the ONNX file of that name, which may leave out ".onnx" and the folder onnx.
func openVariant(dir, variant string) (Checkpoint, error) {
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
	return Checkpoint{}, fmt.Errorf("catalog: %s holds no ONNX file %q%s", dir, variant, unknown(strings.TrimSuffix(variant, ".onnx"), bases(found)))
}

// openFile is OpenFolder with a certain ONNX file. In a folder onnx it belongs to the tokenizer above, where that is.
func openFile(path string) (Checkpoint, error) {
	dir := filepath.Dir(path)
	if abs, err := filepath.Abs(dir); err == nil && filepath.Base(abs) == "onnx" {
		if _, err := os.Stat(filepath.Join(filepath.Dir(abs), "tokenizer.json")); err == nil {
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

// openModel checks the files of a checkpoint. variant, where not "", is how its name differs from the folder's.
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
			example = "encoder_model" // its companions take what it gives
		}
		return "", fmt.Errorf("catalog: %s holds %d ONNX files (%s): say which, such as %s#%s, or name it in %s as \"model\"",
			dir, len(found), strings.Join(bases(found), ", "), dir, example, DescriptionFile)
	}
	return "", fmt.Errorf("catalog: %s holds no ONNX file (export one: optimum-cli export onnx --model MODEL %s)%s", dir, dir, otherWeights(dir))
}

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

// otherWeights names weights that must be exported first.
func otherWeights(dir string) string {
	for _, pattern := range []string{"*.safetensors", "*.bin", "*.gguf", "*.pt"} {
		if paths, _ := filepath.Glob(filepath.Join(escapeGlob(dir), pattern)); len(paths) > 0 {
			return ": " + filepath.Base(paths[0]) + " is not read"
		}
	}
	return ""
}

// escapeGlob keeps the signs of a folder's own name from being a pattern.
func escapeGlob(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// bases are the names of files without ".onnx", in order.
func bases(paths []string) []string {
	names := make([]string, len(paths))
	for i, p := range paths {
		names[i] = strings.TrimSuffix(filepath.Base(p), ".onnx")
	}
	slices.Sort(names)
	return names
}

// checkModel catches what is certainly no ONNX file, by its first bytes: ONNX Runtime would only say that parsing failed.
func checkModel(path string) error {
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

// isText says whether head is all printable: an ONNX file begins with the field number and value of ir_version.
func isText(head []byte) bool {
	for _, b := range head {
		if b < 0x20 && b != '\n' && b != '\r' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}

func findTokenizer(dir, model string) (string, error) {
	for _, path := range []string{filepath.Join(dir, "tokenizer.json"), filepath.Join(filepath.Dir(model), "tokenizer.json")} {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("catalog: %w", err)
		}
		if !info.Mode().IsRegular() {
			return "", fmt.Errorf("catalog: %s is not a file", path)
		}
		return path, checkTokenizer(path)
	}
	other := ""
	for _, name := range []string{"vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			other = ": " + name + " alone is not read"
			break
		}
	}
	return "", fmt.Errorf("catalog: %s holds no tokenizer.json%s (make one in Python: AutoTokenizer.from_pretrained(MODEL).save_pretrained(%q))", dir, other, dir)
}

// checkTokenizer catches what is certainly no tokenizer.json; whether it can be used is the tokenizer's to say.
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
