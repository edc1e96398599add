package result

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"w2s/internal/atomicfile"
	"w2s/internal/inputfile"
)

// Save writes the result to path. A reader never sees half a file.
func (r *Result) Save(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return fmt.Errorf("result file: %w", err)
	}
	if err := atomicfile.Write(path, r.Write); err != nil {
		return fmt.Errorf("result file: %w", err)
	}
	return nil
}

// Write writes the result as JSON on one line.
func (r *Result) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}

// MaxBytes bounds the size of a result file. A head with 800 test examples takes about 10 kB.
const MaxBytes = 1 << 30

// Load reads a result file; see [Read]. The file may be a pipe that the process inherited, such as standard input.
func Load(path string) (*Result, error) {
	data, err := Content(path)
	if err != nil {
		return nil, err
	}
	r, err := Read(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("result file %s: %w", path, err)
	}
	return r, nil
}

// Content returns the bytes of a result file. It refuses files that cannot be one: pipes that nobody may ever write to, devices,
// files of more than [MaxBytes], and files that do not begin like a JSON object.
func Content(path string) ([]byte, error) {
	f, err := inputfile.OpenStream(path)
	if err != nil {
		return nil, fmt.Errorf("result file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("result file: %w", err)
	}
	in := bufio.NewReader(f)
	head, err := in.Peek(64)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("result file %s: %w", path, err)
	}
	if start := bytes.TrimLeft(head, " \t\r\n"); len(start) > 0 && start[0] != '{' {
		return nil, fmt.Errorf("result file %s: not a result: it begins with %q, not with a JSON object", path, start[:min(8, len(start))])
	}
	data, err := inputfile.ReadAll(in, info.Size(), MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("result file %s: %w", path, err)
	}
	return data, nil
}

// Read reads a result of this schema or an earlier one and checks that it is whole: every head names a known task and
// has one prediction for each test example, and every supervisor and every step of a chain is there, on the same task.
func Read(in io.Reader) (*Result, error) {
	data, err := inputfile.ReadAll(in, 0, MaxBytes)
	if err != nil {
		return nil, err
	}
	if inputfile.CountJSON(data, '{') > maxObjects {
		return nil, fmt.Errorf("has more than %d JSON objects, the limit for a result", maxObjects)
	}
	var r Result
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, damaged(err)
	}
	switch r.Schema {
	case Schema:
	case firstSchema:
		if err := r.upgrade(data); err != nil {
			return nil, damaged(err)
		}
	case "":
		return nil, errors.New("not a result: it names no schema")
	default:
		return nil, fmt.Errorf("schema %q is not one that this program reads (%s, %s)", r.Schema, firstSchema, Schema)
	}
	if r.Config.Folds == 0 { // a file of a version that had one part only
		r.Config.Folds = 1
	}
	return &r, r.check()
}

// maxObjects bounds the JSON objects of a result file. An object of three bytes can take hundreds in memory. A result of [MaxBytes]
// has about this many.
const maxObjects = 1_000_000

func damaged(err error) error {
	return fmt.Errorf("damaged or not a result: %w (run the experiment again: cached features make it quick)", err)
}

const firstSchema = "w2s.result/1"

// upgrade completes a result of the first schema, which was read from data. In that schema, one text field stated the variant
// of a head or the data of its chain, the loss of a baseline was its simulated supervisor, and no field named the kind of the
// experiment.
func (r *Result) upgrade(data []byte) error {
	var old struct {
		Heads []struct {
			Variant string `json:"variant"`
		} `json:"heads"`
		Chains []struct {
			Data string `json:"data"`
		} `json:"chains"`
	}
	if err := json.Unmarshal(data, &old); err != nil {
		return err
	}
	r.Schema, r.Config.Kind = Schema, Pairs
	heads := map[string]*Head{}
	for i := range r.Heads {
		h := &r.Heads[i]
		heads[h.ID] = h
		if size, ok := strings.CutPrefix(old.Heads[i].Variant, "train="); ok {
			n, err := strconv.Atoi(size)
			if err != nil {
				return fmt.Errorf("head %q: variant %q: %w", h.ID, old.Heads[i].Variant, err)
			}
			h.Size = n
		}
		if h.Role == Baseline {
			h.Simulated, h.Loss = h.Loss, ""
		}
		if h.Trained != "" {
			r.Config.Kind = Transfer
		}
	}
	for i := range r.Chains {
		c := &r.Chains[i]
		c.Disjoint = old.Chains[i].Data == "disjoint"
		r.Config.Kind, r.Config.Disjoint = Chained, c.Disjoint
		r.Config.Chain = nil
		for _, id := range c.Steps {
			if h := heads[id]; h != nil {
				r.Config.Chain = append(r.Config.Chain, h.Model)
			}
		}
	}
	return nil
}
