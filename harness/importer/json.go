package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"w2s/tasks"
)

// maxFile is the longest file that is read. Real ones have a few kilobytes.
const maxFile = 4 << 20

// An object is a JSON object of a result folder, with the faults found in it so far: a reader asks for all it needs and
// then for the faults.
type object struct {
	path   string
	fields map[string]any
	faults *[]error
}

func (o object) fault(format string, args ...any) {
	*o.faults = append(*o.faults, fmt.Errorf("importer: %s: "+format, append([]any{o.path}, args...)...))
}

// load reads a file that holds one JSON object.
func load(path string) (object, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return object{}, fmt.Errorf("importer: %w (the run is not whole: repeat it, or move its folder away)", err)
	case !info.Mode().IsRegular():
		return object{}, fmt.Errorf("importer: %s is no file (move it away)", path) // a pipe would keep us waiting
	case info.Size() > maxFile:
		return object{}, fmt.Errorf("importer: %s: %d bytes are too many for a result, which has %d at most (move it away if another program wrote it)", path, info.Size(), maxFile)
	}
	f, err := os.Open(path)
	if err != nil {
		return object{}, fmt.Errorf("importer: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return object{}, fmt.Errorf("importer: %w", err)
	}
	return parse(path, data)
}

// parse reads one JSON object.
func parse(path string, data []byte) (object, error) {
	o := object{path: path, faults: new([]error)}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	err := dec.Decode(&o.fields)
	if err == nil && dec.More() {
		err = errors.New("something follows the object")
	}
	if err == nil && o.fields == nil {
		err = errors.New("null")
	}
	if err != nil {
		way := "leave the run out, or repeat it"
		if bytes.Contains(data, []byte("NaN")) {
			way = "NaN is no JSON: a score or a loss does not exist, so the run has diverged; leave it out"
		}
		return object{}, fmt.Errorf("importer: %s: not a JSON object: %w (%s)", path, err, way)
	}
	return o, nil
}

// text is a field that must be there and not be empty.
func (o object) text(key string) string {
	v, ok := o.fields[key].(string)
	if !ok || v == "" {
		o.fault("no text in %q", key)
	}
	return v
}

// sub is a field that is an object and must be there.
func (o object) sub(key string) object {
	v, ok := o.fields[key].(map[string]any)
	if !ok {
		o.fault("no object in %q", key)
	}
	return object{path: o.path, fields: v, faults: o.faults}
}

// score is a field with a share, which must be there.
func (o object) score(key string) float64 {
	n, ok := o.fields[key].(json.Number)
	if !ok {
		o.fault("no number in %q", key)
		return 0
	}
	v, err := n.Float64()
	if err != nil || !(v >= 0 && v <= 1) {
		o.fault("%q is %s, not a share from 0 to 1", key, n)
	}
	return v
}

// number is a field with a number above 0, or 0 where there is none.
func (o object) number(key string) float64 {
	n, _ := o.fields[key].(json.Number)
	v, err := n.Float64()
	if err != nil || !(v > 0) {
		return 0
	}
	return v
}

// seed is a field that holds a whole number, "0" where it is absent: both programs have runs from before it was stored.
func (o object) seed(key string) string {
	v, ok := o.fields[key]
	if !ok {
		return "0"
	}
	n, _ := v.(json.Number)
	if _, err := strconv.ParseInt(string(n), 10, 64); err != nil {
		o.fault("seed %v is no whole number", v)
	}
	return string(n)
}

// settings are the fields that are a text, number or truth value and not among skip, written out; those of objects
// under "object.field".
func (o object) settings(skip ...string) map[string]string {
	out := map[string]string{}
	skipped := map[string]bool{}
	for _, s := range skip {
		skipped[s] = true
	}
	var add func(prefix string, fields map[string]any)
	add = func(prefix string, fields map[string]any) {
		for k, v := range fields {
			k = prefix + k
			if skipped[k] {
				continue
			}
			switch v := v.(type) {
			case map[string]any:
				add(k+".", v)
			case string, bool, json.Number:
				out[k] = fmt.Sprint(v)
			}
		}
	}
	add("", o.fields)
	return out
}

// category is that of our task of the same name, "" where there is none.
func category(task string) tasks.Category {
	t, err := tasks.Lookup(task)
	if err != nil {
		return ""
	}
	return t.Info().Category
}
