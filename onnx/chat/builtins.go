package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// globals are the functions that every template can call.
var globals = map[string]func(r *run, a arguments) (value, error){
	"range":           rangeOf,
	"dict":            dictOf,
	"namespace":       namespaceOf,
	"raise_exception": raise,
	"strftime_now":    func(_ *run, a arguments) (value, error) { return date(a) },
}

// otherGlobals are the functions of Jinja that are not supported.
var otherGlobals = []string{"cycler", "joiner", "lipsum"}

func raise(_ *run, a arguments) (value, error) {
	p, err := a.take("message")
	if err != nil {
		return nil, err
	}
	s, err := text(p["message"])
	if err == nil {
		err = fmt.Errorf("the template refuses the conversation: %s", s)
	}
	return nil, err
}

func namespaceOf(r *run, a arguments) (value, error) {
	d, err := dictOf(r, a)
	if err != nil {
		return nil, err
	}
	return &namespace{d.(*dict).values}, nil
}

func dictOf(_ *run, a arguments) (value, error) {
	d := newDict()
	if len(a.positional) > 0 {
		from, ok := a.positional[0].(*dict)
		if !ok || len(a.positional) > 1 {
			return nil, errors.New("dict and namespace take arguments with names, or one dictionary")
		}
		for _, k := range from.keys {
			d.set(k, from.values[k])
		}
	}
	for _, k := range a.order {
		d.set(k, a.named[k])
	}
	return d, nil
}

// maxRange is the longest range that transformers allows.
const maxRange = 100_000

func rangeOf(r *run, a arguments) (value, error) {
	if len(a.named) > 0 || len(a.positional) < 1 || len(a.positional) > 3 {
		return nil, errors.New("range takes one to three numbers")
	}
	var n [3]int64
	for i, v := range a.positional {
		var isWhole bool
		if n[i], _, isWhole, _ = number(v); !isWhole || max(n[i], -n[i]) > 1<<53 {
			return nil, fmt.Errorf("range of %s", typeName(v))
		}
	}
	start, stop, by := n[0], n[1], int64(1)
	switch len(a.positional) {
	case 1:
		start, stop = 0, n[0]
	case 3:
		if by = n[2]; by == 0 {
			return nil, errors.New("range with the step 0")
		}
	}
	if length := (stop - start) / by; length > maxRange {
		return nil, fmt.Errorf("range of %d numbers, more than %d", length, maxRange)
	}
	var items []value
	for i := start; by > 0 && i < stop || by < 0 && i > stop; i += by {
		items = append(items, i)
	}
	return &view{items: items, indexed: true}, nil
}

// date formats the fixed date as Python's strftime does.
func date(a arguments) (value, error) {
	p, err := a.take("format")
	if err != nil {
		return nil, err
	}
	format, ok := p["format"].(string)
	if !ok {
		return nil, fmt.Errorf("strftime_now of %s", typeName(p["format"]))
	}
	layouts := map[string]string{"Y": "2006", "y": "06", "m": "01", "-m": "1", "d": "02", "-d": "2", "B": "January", "b": "Jan", "A": "Monday", "a": "Mon",
		"H": "15", "I": "03", "M": "04", "S": "05", "p": "PM", "j": "002"}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(format, "%")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		n := 1
		if strings.HasPrefix(after, "-") {
			n = 2
		}
		if len(after) < n {
			return nil, errors.New("strftime_now: the format ends with %")
		}
		layout, ok := layouts[after[:n]]
		switch {
		case after[:n] == "%":
			b.WriteByte('%')
		case ok:
			b.WriteString(today.Format(layout))
		default:
			return nil, fmt.Errorf("strftime_now: %%%s is not supported", after[:n])
		}
		format = after[n:]
	}
}

// take returns the arguments by name. Parameters are the names of all, with a question mark after those that may be absent.
func (a arguments) take(parameters ...string) (map[string]value, error) {
	if len(a.positional) > len(parameters) {
		return nil, fmt.Errorf("%d arguments, want at most %d", len(a.positional), len(parameters))
	}
	out := map[string]value{}
	for i, p := range parameters {
		name, optional := strings.CutSuffix(p, "?")
		v, ok := a.named[name]
		switch {
		case i < len(a.positional) && ok:
			return nil, fmt.Errorf("two values for the argument %s", name)
		case i < len(a.positional):
			out[name] = a.positional[i]
		case ok:
			out[name] = v
		case !optional:
			return nil, fmt.Errorf("no value for the argument %s", name)
		}
	}
	for name := range a.named {
		if !slices.ContainsFunc(parameters, func(p string) bool { return strings.TrimSuffix(p, "?") == name }) {
			return nil, fmt.Errorf("the argument %s is not supported", name)
		}
	}
	return out, nil
}

// textArgument returns an argument that is a text.
func textArgument(p map[string]value, name string) (string, error) {
	s, ok := p[name].(string)
	if !ok {
		return "", fmt.Errorf("the argument %s is %s, not a text", name, typeName(p[name]))
	}
	return s, nil
}

// intArgument returns an argument that is an integer, or otherwise if it is absent.
func intArgument(p map[string]value, name string, otherwise int64) (int64, error) {
	v, ok := p[name]
	if !ok {
		return otherwise, nil
	}
	n, _, isWhole, ok := number(v)
	if !ok || !isWhole {
		return 0, fmt.Errorf("the argument %s is %s, not an integer", name, typeName(v))
	}
	return n, nil
}

// textMethods are the methods of texts.
var textMethods = map[string]func(r *run, s string, a arguments) (value, error){
	"strip":        strip(strings.Trim, strings.TrimFunc),
	"lstrip":       strip(strings.TrimLeft, strings.TrimLeftFunc),
	"rstrip":       strip(strings.TrimRight, strings.TrimRightFunc),
	"split":        split(false),
	"rsplit":       split(true),
	"upper":        without(upper),
	"lower":        without(lower),
	"title":        without(titleMethod),
	"capitalize":   without(capitalize),
	"startswith":   affix(strings.HasPrefix),
	"endswith":     affix(strings.HasSuffix),
	"removeprefix": removal(strings.TrimPrefix),
	"removesuffix": removal(strings.TrimSuffix),
	"find":         search("find", strings.Index),
	"rfind":        search("rfind", strings.LastIndex),
	"index":        search("index", strings.Index),
	"count": func(_ *run, s string, a arguments) (value, error) {
		p, err := a.take("sub")
		if err != nil {
			return nil, err
		}
		part, err := textArgument(p, "sub")
		return int64(strings.Count(s, part)), err
	},
	"replace": func(r *run, s string, a arguments) (value, error) {
		p, err := a.take("old", "new", "count?")
		if err != nil {
			return nil, err
		}
		return r.replace(s, p)
	},
	"join": func(r *run, s string, a arguments) (value, error) {
		p, err := a.take("iterable")
		if err != nil {
			return nil, err
		}
		items, err := elements(p["iterable"])
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			if _, ok := item.(string); !ok {
				return nil, fmt.Errorf("join of %s", typeName(item))
			}
		}
		return r.join(items, s)
	},
	"splitlines": func(_ *run, s string, a arguments) (value, error) {
		if _, err := a.take(); err != nil {
			return nil, err
		}
		var lines list
		for _, line := range splitLines(s) {
			lines = append(lines, line)
		}
		return lines, nil
	},
	"isdigit": func(_ *run, s string, a arguments) (value, error) {
		_, err := a.take()
		return s != "" && strings.Trim(s, "0123456789") == "", err
	},
	"isspace": func(_ *run, s string, a arguments) (value, error) {
		_, err := a.take()
		return s != "" && strings.TrimFunc(s, isSpace) == "", err
	},
}

// Other methods that Python has. To take them for undefined would give another text.
var (
	otherTextMethods = []string{"casefold", "center", "encode", "expandtabs", "format", "format_map", "isalnum", "isalpha", "isascii", "isdecimal",
		"isidentifier", "islower", "isnumeric", "isprintable", "istitle", "isupper", "ljust", "maketrans", "partition", "rindex", "rjust",
		"rpartition", "swapcase", "translate", "zfill"}
	otherListMethods = []string{"append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"}
	otherDictMethods = []string{"clear", "copy", "fromkeys", "pop", "popitem", "setdefault", "update"}
	otherAttributes  = []string{"real", "imag", "numerator", "denominator", "conjugate", "bit_length", "is_integer", "as_integer_ratio", "to_bytes", "hex"}
)

// method returns a method of a value, or nil if it has none of that name.
func (r *run) method(object value, name string) (value, error) {
	var others []string
	switch o := object.(type) {
	case string:
		if m, ok := textMethods[name]; ok {
			return function{name, func(r *run, a arguments) (value, error) {
				if err := r.charge(len(o)); err != nil {
					return nil, err
				}
				v, err := m(r, o, a)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", name, err)
				}
				return v, nil
			}}, nil
		}
		others = otherTextMethods
	case *dict:
		if m := o.method(name); m != nil {
			return function{name, m}, nil
		}
		others = otherDictMethods
	case list, tuple:
		others = otherListMethods
	case int64, float64, bool:
		others = otherAttributes
	case *view, *iterator, safeText:
		return nil, fmt.Errorf("the attribute %s of %s is not supported", name, typeName(object))
	}
	if slices.Contains(others, name) {
		return nil, fmt.Errorf("the method %s of %s is not supported", name, typeName(object))
	}
	return nil, nil
}

func (d *dict) method(name string) func(r *run, a arguments) (value, error) {
	content := func(items func() []value) func(*run, arguments) (value, error) {
		return func(_ *run, a arguments) (value, error) {
			_, err := a.take()
			return &view{items: items()}, err
		}
	}
	switch name {
	case "get":
		return func(_ *run, a arguments) (value, error) {
			p, err := a.take("key", "default?")
			if err != nil {
				return nil, err
			}
			if key, ok := p["key"].(string); ok {
				if v, ok := d.values[key]; ok {
					return v, nil
				}
			}
			return p["default"], nil
		}
	case "items":
		return content(d.items)
	case "keys":
		return content(func() []value {
			keys, _ := elements(d) // a dict has elements
			return keys
		})
	case "values":
		return content(func() []value {
			var values []value
			for _, k := range d.keys {
				values = append(values, d.values[k])
			}
			return values
		})
	}
	return nil
}

func strip(trim func(s, cut string) string, trimFunc func(s string, f func(rune) bool) string) func(*run, string, arguments) (value, error) {
	return func(_ *run, s string, a arguments) (value, error) {
		p, err := a.take("chars?")
		if err != nil {
			return nil, err
		}
		if p["chars"] == nil {
			return trimFunc(s, isSpace), nil
		}
		chars, err := textArgument(p, "chars")
		return trim(s, chars), err
	}
}

func without(f func(string) string) func(*run, string, arguments) (value, error) {
	return func(_ *run, s string, a arguments) (value, error) {
		_, err := a.take()
		return f(s), err
	}
}

func upper(s string) string { return cases.Upper(language.Und).String(s) }
func lower(s string) string { return cases.Lower(language.Und).String(s) }

// capitalize makes the first letter a capital and the others small.
func capitalize(s string) string {
	for i, c := range s {
		if i > 0 {
			break
		}
		n := len(string(c))
		return titled(c) + lower(s[n:])
	}
	return s
}

// titled returns a letter as it is written at the beginning of a title.
func titled(c rune) string {
	if s := upper(string(c)); len([]rune(s)) > 1 { // such as ß
		return string([]rune(s)[:1]) + lower(string([]rune(s)[1:]))
	}
	return string(unicode.ToTitle(c))
}

// titleMethod makes the first letter of each word a capital, as Python's str.title.
func titleMethod(s string) string {
	var b strings.Builder
	inside := false
	for _, c := range s {
		cased := unicode.IsUpper(c) || unicode.IsLower(c) || unicode.IsTitle(c)
		switch {
		case cased && !inside:
			b.WriteString(titled(c))
		case cased:
			b.WriteString(lower(string(c)))
		default:
			b.WriteRune(c)
		}
		inside = cased
	}
	return b.String()
}

func affix(has func(s, part string) bool) func(*run, string, arguments) (value, error) {
	return func(_ *run, s string, a arguments) (value, error) {
		p, err := a.take("prefix")
		if err != nil {
			return nil, err
		}
		options, ok := p["prefix"].(tuple)
		if !ok {
			options = tuple{p["prefix"]}
		}
		found := false
		for _, o := range options {
			part, ok := o.(string)
			if !ok {
				return nil, fmt.Errorf("the argument is %s, not a text", typeName(o))
			}
			found = found || has(s, part)
		}
		return found, nil
	}
}

func removal(trim func(s, part string) string) func(*run, string, arguments) (value, error) {
	return func(_ *run, s string, a arguments) (value, error) {
		p, err := a.take("part")
		if err != nil {
			return nil, err
		}
		part, err := textArgument(p, "part")
		return trim(s, part), err
	}
}

func search(name string, index func(s, part string) int) func(*run, string, arguments) (value, error) {
	return func(_ *run, s string, a arguments) (value, error) {
		p, err := a.take("sub")
		if err != nil {
			return nil, err
		}
		part, err := textArgument(p, "sub")
		if err != nil {
			return nil, err
		}
		at := index(s, part)
		if at < 0 && name == "index" {
			return nil, errors.New("the text does not contain the argument")
		}
		return runeIndex(s, at), nil
	}
}

// runeIndex converts the number of a byte to the number of a character, and leaves -1.
func runeIndex(s string, at int) int64 {
	if at < 0 {
		return -1
	}
	return int64(len([]rune(s[:at])))
}

func split(fromRight bool) func(*run, string, arguments) (value, error) {
	return func(r *run, s string, a arguments) (value, error) {
		p, err := a.take("sep?", "maxsplit?")
		if err != nil {
			return nil, err
		}
		most, err := intArgument(p, "maxsplit", -1)
		if err != nil {
			return nil, err
		}
		var parts []string
		if p["sep"] == nil {
			if parts = strings.FieldsFunc(s, isSpace); most >= 0 {
				return nil, errors.New("maxsplit without a separator is not supported")
			}
		} else {
			sep, err := textArgument(p, "sep")
			if err != nil {
				return nil, err
			}
			if sep == "" {
				return nil, errors.New("an empty separator")
			}
			if parts = strings.Split(s, sep); most >= 0 && int64(len(parts)) > most+1 {
				n := int(most)
				if fromRight {
					n = len(parts) - n
					parts = append([]string{strings.Join(parts[:n], sep)}, parts[n:]...)
				} else {
					parts = append(slices.Clone(parts[:n]), strings.Join(parts[n:], sep))
				}
			}
		}
		out := make(list, len(parts))
		for i, part := range parts {
			out[i] = part
		}
		return out, nil
	}
}

// lineEnds are the characters that end a line for Python's splitlines.
const lineEnds = "\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029"

// splitLines splits a text into lines without their ends, as Python's splitlines.
func splitLines(s string) []string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	var lines []string
	for s != "" {
		at := strings.IndexAny(s, lineEnds)
		if at < 0 {
			return append(lines, s)
		}
		lines = append(lines, s[:at])
		_, size := firstRune(s[at:])
		s = s[at+size:]
	}
	return lines
}

func firstRune(s string) (rune, int) {
	for _, c := range s {
		return c, len(string(c))
	}
	return 0, 0
}

// replace replaces old by new, as Python's str.replace.
func (r *run) replace(s string, p map[string]value) (value, error) {
	from, err := textArgument(p, "old")
	if err != nil {
		return nil, err
	}
	to, err := textArgument(p, "new")
	if err != nil {
		return nil, err
	}
	var n int64 = -1
	if p["count"] != nil {
		if n, err = intArgument(p, "count", -1); err != nil {
			return nil, err
		}
	}
	found := strings.Count(s, from)
	if err := r.charge(len(s)); err != nil {
		return nil, err
	}
	if found > maxWork/(len(to)+1) {
		return nil, r.charge(maxWork + 1)
	}
	if err := r.charge(found * len(to)); err != nil {
		return nil, err
	}
	return strings.Replace(s, from, to, int(max(min(n, math.MaxInt32), -1))), nil
}

// test returns the result of a test, such as "is defined".
func (r *run) test(name string, v value, a arguments) (bool, error) {
	argument := func() (value, error) {
		p, err := a.take("other")
		return p["other"], err
	}
	operators := map[string]string{"eq": "==", "equalto": "==", "ne": "!=", "lt": "<", "lessthan": "<", "le": "<=", "gt": ">", "greaterthan": ">", "ge": ">=",
		"in": "in", "==": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
	if op, ok := operators[name]; ok {
		other, err := argument()
		if err != nil {
			return false, err
		}
		return r.compare(op, v, other)
	}
	switch name {
	case "divisibleby", "sameas":
		other, err := argument()
		if err != nil {
			return false, err
		}
		if name == "divisibleby" {
			rest, err := r.arithmetic("%", v, other)
			return equal(rest, int64(0)), err
		}
		switch other.(type) {
		case nil, bool:
			return v == other, nil
		}
		return false, fmt.Errorf("the test sameas with %s is not supported", typeName(other))
	}
	if len(a.positional)+len(a.named) > 0 {
		return false, fmt.Errorf("the test %s with arguments is not supported", name)
	}
	_, isUndefined := v.(undefined)
	whole, _, isWhole, isNumber := number(v)
	_, isBool := v.(bool)
	switch name {
	case "defined":
		return !isUndefined, nil
	case "undefined":
		return isUndefined, nil
	case "none":
		return v == nil, nil
	case "string":
		_, ok := v.(string)
		_, safe := v.(safeText)
		return ok || safe, nil
	case "boolean":
		return isBool, nil
	case "true":
		return v == true, nil
	case "false":
		return v == false, nil
	case "number":
		return isNumber, nil
	case "integer":
		return isWhole && !isBool, nil
	case "float":
		_, ok := v.(float64)
		return ok, nil
	case "mapping":
		_, ok := v.(*dict)
		return ok, nil
	case "iterable":
		switch v.(type) {
		case undefined, string, safeText, list, tuple, *dict, *iterator, *view, *loop:
			return true, nil
		}
		return false, nil
	case "sequence":
		switch v := v.(type) {
		case undefined, string, safeText, list, tuple, *dict:
			return true, nil
		case *view:
			return v.indexed, nil
		}
		return false, nil
	case "callable":
		_, ok := v.(function)
		return ok || isUndefined, nil // the class of undefined values has the method __call__
	case "odd", "even":
		if !isWhole {
			return false, fmt.Errorf("the test %s of %s is not supported", name, typeName(v))
		}
		return whole%2 == 0 == (name == "even"), nil
	case "upper", "lower":
		s, ok := v.(string)
		if !ok || strings.ContainsFunc(s, func(c rune) bool { return c > unicode.MaxASCII }) {
			return false, fmt.Errorf("the test %s of %s is not supported beyond ASCII", name, typeName(v))
		}
		other := map[string]string{"upper": lower(s), "lower": upper(s)}[name]
		same := map[string]string{"upper": upper(s), "lower": lower(s)}[name]
		return s == same && s != other, nil
	}
	return false, fmt.Errorf("the test %s is not supported", name)
}

// toJSON writes a value as Python's json.dumps does.
func (r *run) toJSON(v value, a arguments) (value, error) {
	p, err := a.take("ensure_ascii?", "indent?", "separators?", "sort_keys?")
	if err != nil {
		return nil, err
	}
	j := jsonWriter{ascii: truth(p["ensure_ascii"]), sorted: truth(p["sort_keys"]), item: ", ", key: ": "}
	if p["indent"] != nil {
		n, err := intArgument(p, "indent", 0)
		if err != nil {
			return nil, err
		}
		if n < 0 || n > maxDepth {
			return nil, fmt.Errorf("an indent of %d is not supported", n)
		}
		j.indent, j.indented, j.item = strings.Repeat(" ", int(n)), true, ","
	}
	if p["separators"] != nil {
		pair, ok := p["separators"].(tuple)
		if !ok || len(pair) != 2 {
			return nil, errors.New("separators are not a tuple of two texts")
		}
		var isItem, isKey bool
		j.item, isItem = pair[0].(string)
		j.key, isKey = pair[1].(string)
		if !isItem || !isKey {
			return nil, errors.New("separators are not texts")
		}
	}
	if err := j.write(v, 0); err != nil {
		return nil, err
	}
	return j.out.String(), r.charge(j.out.Len())
}

// A jsonWriter writes values as Python's json.dumps does.
type jsonWriter struct {
	out           strings.Builder
	ascii, sorted bool
	indented      bool
	indent        string
	item, key     string // separators
}

func (j *jsonWriter) write(v value, depth int) error {
	if depth > maxDepth || j.out.Len() > maxOutput {
		return errors.New("the value is nested too deep or too long for JSON")
	}
	switch v := v.(type) {
	case nil:
		j.out.WriteString("null")
	case bool:
		j.out.WriteString(strconv.FormatBool(v))
	case int64:
		j.out.WriteString(strconv.FormatInt(v, 10))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return errors.New("a number that is not finite")
		}
		j.out.WriteString(realText(v))
	case string:
		return j.text(v)
	case list:
		return j.sequence("[", "]", v, depth)
	case tuple:
		return j.sequence("[", "]", v, depth)
	case *dict:
		items := v.items()
		if j.sorted {
			slices.SortFunc(items, func(a, b value) int { return strings.Compare(a.(tuple)[0].(string), b.(tuple)[0].(string)) })
		}
		return j.sequence("{", "}", items, depth)
	default:
		return fmt.Errorf("%s cannot be written as JSON", typeName(v))
	}
	return nil
}

// sequence writes elements between brackets. In curly brackets, they are pairs of key and value.
func (j *jsonWriter) sequence(open, end string, items []value, depth int) error {
	line := func(depth int) {
		if j.indented {
			j.out.WriteString("\n" + strings.Repeat(j.indent, depth))
		}
	}
	j.out.WriteString(open)
	for i, item := range items {
		if i > 0 {
			j.out.WriteString(j.item)
		}
		line(depth + 1)
		if pair, ok := item.(tuple); ok && open == "{" {
			if err := j.text(pair[0].(string)); err != nil {
				return err
			}
			j.out.WriteString(j.key)
			item = pair[1]
		}
		if err := j.write(item, depth+1); err != nil {
			return err
		}
	}
	if len(items) > 0 {
		line(depth)
	}
	j.out.WriteString(end)
	return nil
}

func (j *jsonWriter) text(s string) error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return err
	}
	// Go also escapes two line separators, which Python does not, and writes some control characters in another way.
	quoted := strings.TrimSuffix(b.String(), "\n")
	quoted = strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029").Replace(quoted)
	if !j.ascii {
		j.out.WriteString(quoted)
		return nil
	}
	for _, c := range quoted {
		switch {
		case c <= unicode.MaxASCII:
			j.out.WriteRune(c)
		case c > 0xffff:
			c -= 0x10000
			fmt.Fprintf(&j.out, `\u%04x\u%04x`, 0xd800+c>>10, 0xdc00+c&0x3ff)
		default:
			fmt.Fprintf(&j.out, `\u%04x`, c)
		}
	}
	return nil
}
