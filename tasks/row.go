package tasks

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"w2s/internal/parquetfile"
	"w2s/internal/suggest"
	"w2s/internal/visible"
)

// A row is one record of a file of any format. Its accessors store the first fault instead of returning an error, so a
// rule that makes an example of a row reads as one expression. The caller of the rule then looks at fault and skipped.
type row struct {
	file    string
	line    int
	columns map[string]any // string, json.Number, bool, nil, []any, map[string]any, or parquetfile.Binary for bytes that are not text
	filled  int            // bytes of the texts that templates made

	fault   string  // why the row is wrong, or ""
	label   *string // the label, if it is what is wrong with the row
	skipped string  // why a correct row makes no example, or ""
	unit    string  // what the row is called if it is skipped; "" means row
	detail  string  // the exact reason, for the first row that is skipped for this reason
	digits  digits  // how the row's answer was read if it is a quoted number; "" if it can only mean one thing
}

// An exampleFunc turns a row into an example without ID. It records faults and reasons to skip the row in the row.
type exampleFunc func(r *row) Example

func (r *row) fail(format string, args ...any) {
	if r.fault == "" {
		r.fault = fmt.Sprintf(format, args...)
	}
}

// failLabel records that the label cannot be read; fault says why.
func (r *row) failLabel(label, fault string) {
	if r.fault == "" {
		label = shortened(label)
		r.fault, r.label = fmt.Sprintf("label %q %s", label, fault), &label
	}
}

// shortened cuts a value for a message. A column of long texts would fill the screen.
func shortened(value string) string { return visible.Cut(value, 60) }

// skip records that the row makes no example. A warning counts the skipped rows by reason.
func (r *row) skip(reason string) {
	if r.skipped == "" {
		r.skipped = reason
	}
}

// skipAt is skip for a reason that differs in its details from row to row.
func (r *row) skipAt(reason, detail string) {
	if r.skipped == "" {
		r.skipped, r.detail = reason, detail
	}
}

// value returns the value of a column. A name such as "choices.text" means the field text of the column choices.
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

// failMissing records that a column is absent or null.
func (r *row) failMissing(name string) {
	if _, ok := r.columns[name]; ok {
		r.fail("%q is empty", name)
		return
	}
	r.fail("missing %q (%s)", shortened(name), suggest.Hint(name, "columns", r.columnNames()))
}

// columnNames returns the sorted names of the columns for a message: the first ones, shortened.
func (r *row) columnNames() []string {
	const most = 12
	have := make([]string, 0, most+1) // sorting all of them for every row would take long
	for c := range r.columns {
		if at, _ := slices.BinarySearch(have, c); at < most {
			have = slices.Insert(have, at, c)[:min(most, len(have)+1)]
		}
	}
	for i := range have {
		have[i] = shortened(have[i])
	}
	if len(r.columns) > most {
		have = append(have, "…")
	}
	return have
}

// scalarText returns a string, number or boolean as text, and false for any other value.
func scalarText(v any) (string, bool) {
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

// has reports whether the row has a value in the column.
func (r *row) has(name string) bool { _, ok := r.value(name); return ok }

func (r *row) text(name string) string {
	v, ok := r.value(name)
	if !ok {
		r.failMissing(name)
		return ""
	}
	s, ok := scalarText(v)
	if !ok {
		r.fail("%q is a %s, not a text", name, kindOf(v))
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

// probability reads a number between 0 and 1.
func (r *row) probability(name string) float64 {
	p := r.float(name)
	if r.fault == "" && (p < 0 || p > 1) {
		r.fail("%s %v is not between 0 and 1", name, p)
	}
	return p
}

// maxRounding is how far a sum of probabilities may be from 1. Models that compute in bfloat16 write probabilities whose last bit is
// 1/512 of them.
const maxRounding = 1.0 / 256

// distribution reads a list of n probabilities that sum to 1. A sum that is off by rounding is corrected.
func (r *row) distribution(name string, n int) []float64 {
	items := r.list(name)
	if r.fault == "" && len(items) != n {
		r.fail("%s has %d probabilities, want one for each of the %d classes", name, len(items), n)
	}
	if r.fault != "" {
		return nil
	}
	gold, sum := make([]float64, n), 0.0
	for i, item := range items {
		p, err := strconv.ParseFloat(item, 64)
		if err != nil || !(p >= 0 && p <= 1) {
			r.fail("%s: %q is not a probability", name, shortened(item))
			return nil
		}
		gold[i] = p
		sum += p
	}
	if math.Abs(sum-1) > maxRounding {
		r.fail("%s sums to %v, want 1", name, sum)
		return nil
	}
	for i := range gold {
		gold[i] /= sum
	}
	return gold
}

// isList reports whether a value is a list.
func isList(v any) bool {
	_, ok := v.([]any)
	return ok
}

// yes reads a binary label: 0, 1, true or false. The test parts of GLUE write -1 for rows without a label.
func (r *row) yes(name string) bool {
	s := r.text(name)
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "1", "1.0", "true":
		return true
	case "0", "0.0", "false":
		return false
	case "-1", "-1.0":
		r.skip("no label")
		return false
	}
	r.fail("%s %q is not 0 or 1", name, shortened(s))
	return false
}

func (r *row) list(name string) []string {
	v, ok := r.value(name)
	if !ok {
		r.failMissing(name)
		return nil
	}
	items, ok := v.([]any)
	if !ok {
		r.fail("%q is a %s, not a list", name, kindOf(v))
		return nil
	}
	out := make([]string, len(items))
	for i, item := range items {
		if out[i], ok = scalarText(item); !ok {
			r.fail("%q: item %d is a %s, not a text", name, i+1, kindOf(item))
			return nil
		}
	}
	return out
}

// fill replaces each {column} of a template by the row's text, or by its messages as a dialogue. {{ and }} are literal braces.
func (r *row) fill(template string) string {
	var b strings.Builder
	defer func() { r.filled += b.Len() }()
	for i := 0; i < len(template) && r.fault == ""; {
		if r.filled+b.Len() > maxRowBytes {
			r.fail("the texts of the example are longer than %d MiB together", maxRowBytes>>20)
			return ""
		}
		switch rest := template[i:]; {
		case strings.HasPrefix(rest, "{{"), strings.HasPrefix(rest, "}}"):
			b.WriteByte(rest[0])
			i += 2
		case rest[0] == '{':
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				r.fail("template: no } after %q", shortened(rest))
				return ""
			}
			if list, ok := r.messages(rest[1:end]); ok {
				b.WriteString(dialogue(list))
			} else {
				b.WriteString(r.text(rest[1:end]))
			}
			i += end + 1
		default:
			b.WriteByte(rest[0])
			i++
		}
	}
	return b.String()
}

// templateColumns returns the names of the columns of a template, each once.
func templateColumns(template string) []string {
	var columns []string
	template = strings.NewReplacer("{{", "", "}}", "").Replace(template)
	for {
		_, rest, ok := strings.Cut(template, "{")
		name, after, closed := strings.Cut(rest, "}")
		if !ok || !closed {
			return columns
		}
		if !slices.Contains(columns, name) {
			columns = append(columns, name)
		}
		template = after
	}
}

// kindOf names the type of a value for messages.
func kindOf(v any) string {
	switch v.(type) {
	case parquetfile.Binary:
		return "value of bytes that are not UTF-8"
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
