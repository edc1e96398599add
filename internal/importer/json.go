package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"w2s/internal/inputfile"
	"w2s/tasks"
)

// maxFile is the size of the largest file that is read, in bytes. Real ones have a few kilobytes.
const maxFile = 4 << 20

// An object is a JSON object of a result folder with the faults found in it so far. A reader gets all the fields that it
// needs and then looks at the faults.
type object struct {
	path   string
	fields map[string]any
	faults *[]error
}

// fault adds a fault.
func (o object) fault(format string, args ...any) {
	*o.faults = append(*o.faults, fmt.Errorf("importer: %s: "+format, append([]any{o.path}, args...)...))
}

// load reads a file that contains one JSON object.
func load(path string) (object, error) {
	data, err := inputfile.Read(path, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return object{}, fmt.Errorf("importer: %w (the run is not complete: repeat it, or move its folder away)", err)
	case err != nil:
		return object{}, fmt.Errorf("importer: %w (if no run wrote it, move it away)", err)
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
		err = errors.New("more data after the object")
	}
	if err == nil && o.fields == nil {
		err = errors.New("null")
	}
	if err != nil {
		hint := "move the run away, or repeat it"
		if bytes.Contains(data, []byte("NaN")) {
			hint = "NaN is not valid JSON: the run has diverged, so move it away"
		}
		return object{}, fmt.Errorf("importer: %s: not a JSON object: %w (%s)", path, err, hint)
	}
	return o, nil
}

// text returns the text in a field. A missing or empty one is a fault.
func (o object) text(key string) string {
	v, ok := o.fields[key].(string)
	if !ok || v == "" {
		o.fault("no text in %q", key)
	}
	return v
}

// sub returns the object in a field. A missing one is a fault.
func (o object) sub(key string) object {
	v, ok := o.fields[key].(map[string]any)
	if !ok {
		o.fault("no object in %q", key)
	}
	return object{path: o.path, fields: v, faults: o.faults}
}

// score returns the score in a field, which is between 0 and 1. A missing one is a fault.
func (o object) score(key string) float64 {
	n, ok := o.fields[key].(json.Number)
	if !ok {
		o.fault("no number in %q", key)
		return 0
	}
	v, err := n.Float64()
	if err != nil || !(v >= 0 && v <= 1) {
		o.fault("%q is %s, not a score between 0 and 1", key, n)
	}
	return v
}

// number returns the number in a field, or 0 if it is missing or not positive.
func (o object) number(key string) float64 {
	n, _ := o.fields[key].(json.Number)
	v, err := n.Float64()
	if err != nil || !(v > 0) {
		return 0
	}
	return v
}

// seed returns the whole number in a field. It is "0" if the field is missing, because early versions of both programs did
// not store it.
func (o object) seed(key string) string {
	v, ok := o.fields[key]
	if !ok {
		return "0"
	}
	n, _ := v.(json.Number)
	if _, err := strconv.ParseInt(string(n), 10, 64); err != nil {
		o.fault("seed %v is not a whole number", v)
	}
	return string(n)
}

// settings returns, as text, all fields that hold a text, a number or a truth value, except those in skip. A field of a
// nested object is named "object.field".
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

// category returns the category of our task with the same name, or "" if there is none.
func category(task string) tasks.Category {
	t, err := tasks.Lookup(task)
	if err != nil {
		return ""
	}
	return t.Info().Category
}
