package tasks

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A row is one record of a file, whatever the format. The accessors note the first fault instead of returning it, so
// that the rule that makes an example of a row reads as one expression; whoever calls the rule looks at fault and skip.
type row struct {
	file    string
	line    int
	columns map[string]any // string, json.Number, bool, nil, []any or map[string]any

	fault string  // why the row is wrong, or ""
	label *string // the label, where it is what is wrong
	left  string  // why the row is left out although it is not wrong, or ""
}

func (r *row) fail(format string, args ...any) {
	if r.fault == "" {
		r.fault = fmt.Sprintf(format, args...)
	}
}

// failLabel is fail for a label that cannot be read; fault says why.
func (r *row) failLabel(label, fault string) {
	if r.fault == "" {
		label = shortened(label)
		r.fault, r.label = fmt.Sprintf("label %q %s", label, fault), &label
	}
}

// shortened is a value as a fault shows it: a column that holds texts would fill the screen.
func shortened(value string) string {
	const most = 60
	if utf8.RuneCountInString(value) <= most {
		return value
	}
	return string([]rune(value)[:most]) + "…"
}

// leaveOut says that the row makes no example, and the reason that the warning counts it under.
func (r *row) leaveOut(reason string) {
	if r.left == "" {
		r.left = reason
	}
}

// value finds a column; "choices.text" is the field text of the column choices.
func (r *row) value(name string) (any, bool) {
	if v, ok := r.columns[name]; ok {
		return v, v != nil
	}
	head, tail, nested := strings.Cut(name, ".")
	if !nested {
		return nil, false
	}
	inner, ok := r.columns[head].(map[string]any)
	if !ok {
		return nil, false
	}
	v, ok := inner[tail]
	return v, ok && v != nil
}

func (r *row) missing(name string) {
	if _, there := r.columns[name]; there {
		r.fail("%q is empty", name)
		return
	}
	have := make([]string, 0, len(r.columns))
	for c := range r.columns {
		have = append(have, c)
	}
	sort.Strings(have)
	if len(have) > 12 {
		have = append(have[:12], "…")
	}
	r.fail("missing %q (columns: %s)", name, strings.Join(have, ", "))
}

// scalar writes a string, number or boolean the way a person would.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// has reports whether the row has a value in that column.
func (r *row) has(name string) bool { _, ok := r.value(name); return ok }

func (r *row) text(name string) string {
	v, ok := r.value(name)
	if !ok {
		r.missing(name)
		return ""
	}
	s, ok := scalar(v)
	if !ok {
		r.fail("%q is a %s, not a text", name, kind(v))
	}
	return s
}

func (r *row) int(name string) int {
	s := r.text(name)
	if r.fault != "" {
		return 0
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		r.fail("%s %q is not a whole number", name, shortened(s))
		return 0
	}
	return int(f)
}

func (r *row) float(name string) float64 {
	s := r.text(name)
	if r.fault != "" {
		return 0
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		r.fail("%s %q is not a number", name, shortened(s))
		return 0
	}
	return f
}

// yes reads a binary label: 0, 1, true or false. A label of -1 marks the unlabelled rows of the GLUE test parts.
func (r *row) yes(name string) bool {
	s := r.text(name)
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "1", "1.0", "true":
		return true
	case "0", "0.0", "false":
		return false
	case "-1", "-1.0":
		r.leaveOut("no label")
		return false
	}
	r.fail("%s %q is not 0 or 1", name, shortened(s))
	return false
}

func (r *row) list(name string) []string {
	v, ok := r.value(name)
	if !ok {
		r.missing(name)
		return nil
	}
	items, ok := v.([]any)
	if !ok {
		r.fail("%q is a %s, not a list", name, kind(v))
		return nil
	}
	out := make([]string, len(items))
	for i, item := range items {
		if out[i], ok = scalar(item); !ok {
			r.fail("%q holds a %s at place %d, not a text", name, kind(item), i+1)
			return nil
		}
	}
	return out
}

// fill puts the row's columns into a template; {{ and }} stand for braces.
func (r *row) fill(template string) string {
	var b strings.Builder
	for i := 0; i < len(template); {
		switch rest := template[i:]; {
		case strings.HasPrefix(rest, "{{"), strings.HasPrefix(rest, "}}"):
			b.WriteByte(rest[0])
			i += 2
		case rest[0] == '{':
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				r.fail("template: no } after %q", rest)
				return ""
			}
			b.WriteString(r.text(rest[1:end]))
			i += end + 1
		default:
			b.WriteByte(rest[0])
			i++
		}
	}
	return b.String()
}

func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case []any:
		return "list"
	case map[string]any:
		return "record"
	case string:
		return "text"
	case bool:
		return "boolean"
	}
	return "number"
}
