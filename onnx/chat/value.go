package chat

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A value is what an expression gives: nil (None), bool, int64, float64, string, list, tuple, *dict, *iterator, *view, undefined,
// *namespace, *loop, function or safeText.
type value = any

type (
	list  []value
	tuple []value

	// A dict keeps its keys in the order in which they were added.
	dict struct {
		keys   []string
		values map[string]value
	}

	// An iterator is a generator of Python. It can be read once and has no length.
	iterator struct{ items []value }

	// A view is a sequence that is neither a list nor a tuple: the keys, values or items of a dict, or a range.
	view struct {
		items   []value
		indexed bool // whether it has elements by number, as a range has
	}

	// An undefined is what a name or attribute gives that does not exist. what tells its name.
	undefined struct{ what string }

	// A namespace is an object with attributes that can be set.
	namespace struct{ attributes map[string]value }

	// A function is a macro, a method or a global function. name is for messages.
	function struct {
		name string
		call func(r *run, a arguments) (value, error)
	}

	// A safeText is a text that the filter safe has marked. It can only be printed: joined with other texts, Jinja would escape
	// those.
	safeText string

	// arguments are the arguments of a call.
	arguments struct {
		positional []value
		named      map[string]value
		order      []string // the names, as they are written
	}
)

func newDict() *dict { return &dict{values: map[string]value{}} }

func (d *dict) set(key string, v value) {
	if _, ok := d.values[key]; !ok {
		d.keys = append(d.keys, key)
	}
	d.values[key] = v
}

// items returns the pairs of a dict.
func (d *dict) items() []value {
	pairs := make([]value, len(d.keys))
	for i, k := range d.keys {
		pairs[i] = tuple{k, d.values[k]}
	}
	return pairs
}

// typeName returns what messages call the type of a value.
func typeName(v value) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case bool:
		return "a boolean"
	case int64, float64:
		return "a number"
	case string, safeText:
		return "a text"
	case list:
		return "a list"
	case tuple:
		return "a tuple"
	case *dict:
		return "a dictionary"
	case undefined:
		return v.what + ", which is undefined"
	case *namespace:
		return "a namespace"
	case function:
		return "the function " + v.name
	}
	return "a sequence"
}

func truth(v value) bool {
	switch v := v.(type) {
	case nil, undefined:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case safeText:
		return v != ""
	case list:
		return len(v) > 0
	case tuple:
		return len(v) > 0
	case *dict:
		return len(v.keys) > 0
	case *view:
		return len(v.items) > 0
	}
	return true
}

// length returns the length of a value, as Python's len.
func length(v value) (int, error) {
	switch v := v.(type) {
	case undefined:
		return 0, nil
	case string:
		return len([]rune(v)), nil
	case list:
		return len(v), nil
	case tuple:
		return len(v), nil
	case *dict:
		return len(v.keys), nil
	case *view:
		return len(v.items), nil
	case *loop:
		return len(v.items), nil
	}
	return 0, fmt.Errorf("%s has no length", typeName(v))
}

// elements returns the elements over which a loop runs. It empties an iterator.
func elements(v value) ([]value, error) {
	switch v := v.(type) {
	case undefined:
		return nil, nil
	case string:
		var chars []value
		for _, c := range v {
			chars = append(chars, string(c))
		}
		return chars, nil
	case list:
		return v, nil
	case tuple:
		return v, nil
	case *dict:
		keys := make([]value, len(v.keys))
		for i, k := range v.keys {
			keys[i] = k
		}
		return keys, nil
	case *iterator:
		items := v.items
		v.items = nil
		return items, nil
	case *view:
		return v.items, nil
	}
	return nil, fmt.Errorf("%s cannot be looped over", typeName(v))
}

// number returns the value of a number or a boolean. If both are integers, whole is set.
func number(v value) (whole int64, real float64, isWhole, ok bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, 1, true, true
		}
		return 0, 0, true, true
	case int64:
		return v, float64(v), true, true
	case float64:
		return 0, v, false, true
	}
	return 0, 0, false, false
}

// equal compares two values as Python's ==.
func equal(a, b value) bool {
	if x, xf, xw, ok := number(a); ok {
		y, yf, yw, ok := number(b)
		if xw && yw {
			return ok && x == y
		}
		return ok && xf == yf
	}
	switch a := a.(type) {
	case nil:
		return b == nil
	case undefined:
		_, ok := b.(undefined)
		return ok
	case string:
		b, ok := b.(string)
		return ok && a == b
	case list:
		b, ok := b.(list)
		return ok && slices.EqualFunc(a, b, equal)
	case tuple:
		b, ok := b.(tuple)
		return ok && slices.EqualFunc(a, b, equal)
	case *dict:
		b, ok := b.(*dict)
		if !ok || len(a.keys) != len(b.keys) {
			return false
		}
		for k, v := range a.values {
			if w, ok := b.values[k]; !ok || !equal(v, w) {
				return false
			}
		}
		return true
	case *namespace, *iterator, *view, *loop:
		return a == b
	}
	return false
}

// order compares two values that have an order.
func order(a, b value) (int, error) {
	if x, xf, xw, ok := number(a); ok {
		if y, yf, yw, ok := number(b); ok {
			if xw && yw {
				return cmp.Compare(x, y), nil
			}
			return cmp.Compare(xf, yf), nil
		}
	}
	x, ok := a.(string)
	y, alsoOK := b.(string)
	if ok && alsoOK {
		return cmp.Compare(x, y), nil
	}
	return 0, fmt.Errorf("%s and %s have no order", typeName(a), typeName(b))
}

// contains reports whether an element is in a container, as Python's in.
func contains(container, element value) (bool, error) {
	switch c := container.(type) {
	case string:
		part, ok := element.(string)
		if !ok {
			return false, fmt.Errorf("%s cannot be in a text", typeName(element))
		}
		return strings.Contains(c, part), nil
	case *dict:
		switch element.(type) {
		case list, tuple, *dict:
			return false, fmt.Errorf("%s cannot be a key of a dictionary", typeName(element))
		}
		key, ok := element.(string)
		_, has := c.values[key]
		return ok && has, nil
	}
	items, err := elements(container)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(items, func(v value) bool { return equal(v, element) }), nil
}

// text returns a value as Python's str gives it.
func text(v value) (string, error) {
	switch v := v.(type) {
	case undefined:
		return "", nil
	case string:
		return v, nil
	case safeText:
		return string(v), nil
	}
	var b strings.Builder
	err := represent(&b, v, 0)
	return b.String(), err
}

// represent writes a value as Python's repr gives it.
func represent(b *strings.Builder, v value, depth int) error {
	if depth > maxDepth || b.Len() > maxOutput {
		return fmt.Errorf("the value is nested too deep or too long to be printed")
	}
	sequence := func(open string, items []value, close string) error {
		b.WriteString(open)
		for i, item := range items {
			if i > 0 {
				b.WriteString(", ")
			}
			if err := represent(b, item, depth+1); err != nil {
				return err
			}
		}
		b.WriteString(close)
		return nil
	}
	switch v := v.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		b.WriteString(map[bool]string{false: "False", true: "True"}[v])
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		b.WriteString(realText(v))
	case string:
		representText(b, v)
	case undefined:
		b.WriteString("Undefined")
	case list:
		return sequence("[", v, "]")
	case tuple:
		if len(v) == 1 {
			return sequence("(", v, ",)")
		}
		return sequence("(", v, ")")
	case *dict:
		b.WriteByte('{')
		for i, k := range v.keys {
			if i > 0 {
				b.WriteString(", ")
			}
			representText(b, k)
			b.WriteString(": ")
			if err := represent(b, v.values[k], depth+1); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	default:
		return fmt.Errorf("%s cannot be printed (use the filter list)", typeName(v))
	}
	return nil
}

// realText returns a number with a fraction as Python's repr gives it.
func realText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(f, 'g', -1, 64)), "+")
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func representText(b *strings.Builder, s string) {
	quote := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	b.WriteRune(quote)
	for _, c := range s {
		switch {
		case c == quote || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case strconv.IsPrint(c):
			b.WriteRune(c)
		case c < 0x100:
			fmt.Fprintf(b, `\x%02x`, c)
		case c < 0x10000:
			fmt.Fprintf(b, `\u%04x`, c)
		default:
			fmt.Fprintf(b, `\U%08x`, c)
		}
	}
	b.WriteRune(quote)
}
