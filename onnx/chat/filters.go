package chat

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A filterFunc applies a filter to a value.
type filterFunc = func(r *run, v value, a arguments) (value, error)

// filterByName returns a filter, or nil if it is not supported.
func filterByName(name string) filterFunc {
	switch name {
	case "abs":
		return absolute
	case "attr":
		return attributeFilter
	case "capitalize":
		return textFilter(capitalize)
	case "default", "d":
		return defaultFilter
	case "dictsort":
		return dictSort
	case "first":
		return first
	case "float":
		return toReal
	case "indent":
		return indent
	case "int":
		return toWhole
	case "items":
		return itemsFilter
	case "join":
		return joinFilter
	case "last":
		return last
	case "length", "count":
		return lengthFilter
	case "list":
		return toList
	case "lower":
		return textFilter(lower)
	case "map":
		return mapFilter
	case "max":
		return extreme(1)
	case "min":
		return extreme(-1)
	case "reject":
		return pick(false, false)
	case "rejectattr":
		return pick(false, true)
	case "replace":
		return replaceFilter
	case "reverse":
		return reverse
	case "round":
		return round
	case "safe":
		return safe
	case "select":
		return pick(true, false)
	case "selectattr":
		return pick(true, true)
	case "sort":
		return sortFilter
	case "string":
		return textFilter(func(s string) string { return s })
	case "sum":
		return sum
	case "title":
		return textFilter(titleFilter)
	case "tojson":
		return (*run).toJSON
	case "trim":
		return trim
	case "unique":
		return unique
	case "upper":
		return textFilter(upper)
	}
	return nil
}

// filter applies a filter by name.
func (r *run) filter(name string, v value, a arguments) (value, error) {
	f := filterByName(name)
	if f == nil {
		return nil, fmt.Errorf("the filter %s is not supported", name)
	}
	if _, ok := v.(safeText); ok && name != "safe" {
		return nil, errSafe
	}
	if s, ok := v.(string); ok {
		if err := r.charge(len(s)); err != nil {
			return nil, err
		}
	}
	if err := r.step(1); err != nil {
		return nil, err
	}
	out, err := f(r, v, a)
	if err != nil {
		return nil, fmt.Errorf("the filter %s: %w", name, err)
	}
	return out, r.weigh(out)
}

// textFilter returns a filter that takes the text of any value.
func textFilter(f func(string) string) filterFunc {
	return func(r *run, v value, a arguments) (value, error) {
		if _, err := a.take(); err != nil {
			return nil, err
		}
		s, err := text(v)
		if err == nil {
			err = r.charge(len(s))
		}
		return f(s), err
	}
}

var wordStart = regexp.MustCompile(`[-\s({\[<]+`)

// titleFilter makes the first letter of each word a capital, as Jinja's filter does, which has other words than str.title.
func titleFilter(s string) string {
	var b strings.Builder
	for s != "" {
		word, between := s, ""
		if m := wordStart.FindStringIndex(s); m != nil {
			word, between = s[:m[0]], s[m[0]:m[1]]
		}
		s = s[len(word)+len(between):]
		if word != "" {
			c, size := firstRune(word)
			b.WriteString(upper(string(c)) + lower(word[size:]))
		}
		b.WriteString(between)
	}
	return b.String()
}

func trim(_ *run, v value, a arguments) (value, error) {
	s, err := text(v)
	if err != nil {
		return nil, err
	}
	return textMethods["strip"](nil, s, a)
}

func lengthFilter(_ *run, v value, a arguments) (value, error) {
	if _, err := a.take(); err != nil {
		return nil, err
	}
	n, err := length(v)
	return int64(n), err
}

func defaultFilter(_ *run, v value, a arguments) (value, error) {
	p, err := a.take("default_value?", "boolean?")
	if err != nil {
		return nil, err
	}
	if _, ok := v.(undefined); !ok && (!truth(p["boolean"]) || truth(v)) {
		return v, nil
	}
	if d, ok := p["default_value"]; ok {
		return d, nil
	}
	return "", nil
}

func toList(_ *run, v value, a arguments) (value, error) {
	if _, err := a.take(); err != nil {
		return nil, err
	}
	items, err := elements(v)
	return list(slices.Clone(items)), err
}

func first(_ *run, v value, a arguments) (value, error) {
	if _, err := a.take(); err != nil {
		return nil, err
	}
	items, err := elements(v)
	if err != nil || len(items) == 0 {
		return undefined{"the first element of an empty sequence"}, err
	}
	return items[0], nil
}

func last(_ *run, v value, a arguments) (value, error) {
	if _, err := a.take(); err != nil {
		return nil, err
	}
	if _, ok := v.(*iterator); ok {
		return nil, errors.New("a generator has no last element (use the filter list)")
	}
	items, err := elements(v)
	if err != nil || len(items) == 0 {
		return undefined{"the last element of an empty sequence"}, err
	}
	return items[len(items)-1], nil
}

func reverse(_ *run, v value, a arguments) (value, error) {
	if _, err := a.take(); err != nil {
		return nil, err
	}
	if s, ok := v.(string); ok {
		chars := []rune(s)
		slices.Reverse(chars)
		return string(chars), nil
	}
	items, err := elements(v)
	items = slices.Clone(items)
	slices.Reverse(items)
	return &iterator{items}, err
}

func itemsFilter(_ *run, v value, a arguments) (value, error) {
	if _, err := a.take(); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case undefined:
		return &iterator{}, nil
	case *dict:
		return &iterator{v.items()}, nil
	}
	return nil, fmt.Errorf("%s has no items", typeName(v))
}

func dictSort(_ *run, v value, a arguments) (value, error) {
	if _, err := a.take(); err != nil {
		return nil, err
	}
	d, ok := v.(*dict)
	if !ok {
		return nil, fmt.Errorf("%s is not a dictionary", typeName(v))
	}
	items := d.items()
	slices.SortStableFunc(items, func(a, b value) int {
		return strings.Compare(lower(a.(tuple)[0].(string)), lower(b.(tuple)[0].(string)))
	})
	return list(items), nil
}

// itemsOf returns the elements of v, or an attribute of each. attribute is its name, or nil.
func (r *run) itemsOf(v, attribute value) ([]value, error) {
	items, err := elements(v)
	if err != nil || attribute == nil {
		return items, err
	}
	return r.attributes(items, attribute)
}

func joinFilter(r *run, v value, a arguments) (value, error) {
	p, err := a.take("d?", "attribute?")
	if err != nil {
		return nil, err
	}
	items, err := r.itemsOf(v, p["attribute"])
	if err != nil {
		return nil, err
	}
	separator := ""
	if d, ok := p["d"]; ok {
		if separator, err = text(d); err != nil {
			return nil, err
		}
	}
	return r.join(items, separator)
}

// attributes returns an attribute of each item.
func (r *run) attributes(items []value, attribute value) ([]value, error) {
	out := make([]value, len(items))
	for i, item := range items {
		var err error
		if out[i], err = r.path(item, attribute); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// path returns what filters such as map(attribute="a.b") take from a value.
func (r *run) path(v value, attribute value) (value, error) {
	name, ok := attribute.(string)
	if !ok {
		return r.element(v, attribute)
	}
	for part := range strings.SplitSeq(name, ".") {
		var key value = part
		if n, err := strconv.ParseInt(part, 10, 64); err == nil {
			key = n
		}
		if _, ok := v.(undefined); ok {
			return nil, fmt.Errorf("the attribute %s of %s", part, typeName(v))
		}
		var err error
		if v, err = r.element(v, key); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func mapFilter(r *run, v value, a arguments) (value, error) {
	items, err := elements(v)
	if err != nil {
		return nil, err
	}
	if attribute, ok := a.named["attribute"]; ok {
		p, err := arguments{named: a.named, positional: a.positional}.take("attribute", "default?")
		if err != nil {
			return nil, err
		}
		out, err := r.attributes(items, attribute)
		if d, ok := p["default"]; ok {
			for i, v := range out {
				if _, missing := v.(undefined); missing {
					out[i] = d
				}
			}
		}
		return &iterator{out}, err
	}
	if len(a.positional) == 0 {
		return nil, errors.New("neither the name of a filter nor an attribute")
	}
	name, ok := a.positional[0].(string)
	if !ok {
		return nil, fmt.Errorf("%s is not the name of a filter", typeName(a.positional[0]))
	}
	out := make([]value, len(items))
	for i, item := range items {
		if out[i], err = r.filter(name, item, arguments{positional: a.positional[1:], named: a.named}); err != nil {
			return nil, err
		}
	}
	return &iterator{out}, nil
}

// pick returns one of the filters select, reject, selectattr and rejectattr.
func pick(keep, byAttribute bool) filterFunc {
	return func(r *run, v value, a arguments) (value, error) {
		items, err := elements(v)
		if err != nil {
			return nil, err
		}
		rest := a.positional
		var attribute value
		if byAttribute {
			if len(rest) == 0 {
				return nil, errors.New("no attribute")
			}
			attribute, rest = rest[0], rest[1:]
		}
		var kept []value
		for _, item := range items {
			tested := item
			if byAttribute {
				if tested, err = r.path(item, attribute); err != nil {
					return nil, err
				}
			}
			ok := truth(tested)
			if len(rest) > 0 {
				name, isText := rest[0].(string)
				if !isText {
					return nil, fmt.Errorf("%s is not the name of a test", typeName(rest[0]))
				}
				if ok, err = r.test(name, tested, arguments{positional: rest[1:], named: a.named}); err != nil {
					return nil, err
				}
			}
			if ok == keep {
				kept = append(kept, item)
			}
		}
		return &iterator{kept}, nil
	}
}

// sortKey returns what sort, unique, min and max compare: texts without regard to case.
func sortKey(v value, caseSensitive bool) value {
	if s, ok := v.(string); ok && !caseSensitive {
		return lower(s)
	}
	return v
}

func sortFilter(r *run, v value, a arguments) (value, error) {
	p, err := a.take("reverse?", "case_sensitive?", "attribute?")
	if err != nil {
		return nil, err
	}
	items, err := elements(v)
	if err != nil {
		return nil, err
	}
	keys := items
	if p["attribute"] != nil {
		if name, ok := p["attribute"].(string); ok && strings.Contains(name, ",") {
			return nil, errors.New("several attributes are not supported")
		}
		if keys, err = r.attributes(items, p["attribute"]); err != nil {
			return nil, err
		}
	}
	indices := make([]int, len(items))
	for i := range indices {
		indices[i] = i
	}
	sensitive, reversed := truth(p["case_sensitive"]), truth(p["reverse"])
	var fault error
	slices.SortStableFunc(indices, func(i, j int) int {
		c, err := order(sortKey(keys[i], sensitive), sortKey(keys[j], sensitive))
		if err != nil {
			fault = err
		}
		if reversed {
			return -c
		}
		return c
	})
	out := make(list, len(items))
	for i, from := range indices {
		out[i] = items[from]
	}
	return out, fault
}

func unique(r *run, v value, a arguments) (value, error) {
	if _, err := a.take(); err != nil {
		return nil, err
	}
	items, err := elements(v)
	if err != nil {
		return nil, err
	}
	seen := map[value]bool{}
	var kept []value
	for _, item := range items {
		key := sortKey(item, false)
		switch key.(type) {
		case nil, string, bool, int64:
		default:
			return nil, fmt.Errorf("%s is not supported", typeName(item))
		}
		if b, ok := key.(bool); ok {
			key, _, _, _ = number(b)
		}
		if !seen[key] {
			seen[key] = true
			kept = append(kept, item)
		}
	}
	return &iterator{kept}, nil
}

func extreme(sign int) filterFunc {
	return func(_ *run, v value, a arguments) (value, error) {
		if _, err := a.take(); err != nil {
			return nil, err
		}
		items, err := elements(v)
		if err != nil || len(items) == 0 {
			return undefined{"the largest or smallest of no elements"}, err
		}
		best := items[0]
		for _, item := range items[1:] {
			c, err := order(sortKey(item, false), sortKey(best, false))
			if err != nil {
				return nil, err
			}
			if c*sign > 0 {
				best = item
			}
		}
		return best, nil
	}
}

func sum(r *run, v value, a arguments) (value, error) {
	p, err := a.take("attribute?", "start?")
	if err != nil {
		return nil, err
	}
	items, err := r.itemsOf(v, p["attribute"])
	if err != nil {
		return nil, err
	}
	var total value = int64(0)
	if start, ok := p["start"]; ok {
		total = start
	}
	for _, item := range items {
		if total, err = r.arithmetic("+", total, item); err != nil {
			return nil, err
		}
	}
	return total, nil
}

func absolute(r *run, v value, a arguments) (value, error) {
	if _, err := a.take(); err != nil {
		return nil, err
	}
	n, f, isWhole, ok := number(v)
	switch {
	case !ok:
		return nil, fmt.Errorf("%s is not a number", typeName(v))
	case isWhole:
		return max(n, -n), nil
	}
	return math.Abs(f), nil
}

func round(_ *run, v value, a arguments) (value, error) {
	if len(a.positional)+len(a.named) > 0 {
		return nil, errors.New("arguments are not supported")
	}
	n, f, isWhole, ok := number(v)
	switch {
	case !ok:
		return nil, fmt.Errorf("%s is not a number", typeName(v))
	case isWhole:
		return n, nil
	}
	return math.RoundToEven(f), nil
}

func toWhole(_ *run, v value, a arguments) (value, error) {
	p, err := a.take("default?")
	if err != nil {
		return nil, err
	}
	otherwise, ok := p["default"]
	if !ok {
		otherwise = int64(0)
	}
	if _, ok := v.(undefined); ok {
		return nil, errors.New(typeName(v))
	}
	n, f, isWhole, isNumber := number(v)
	if s, ok := v.(string); ok {
		s = strings.TrimFunc(s, isSpace)
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n, nil
		}
		f, isNumber = parseReal(s)
	}
	switch {
	case isWhole:
		return n, nil
	case !isNumber || math.IsNaN(f) || math.IsInf(f, 0):
		return otherwise, nil
	case math.Abs(f) > 1<<53:
		return nil, errTooLarge
	}
	return int64(f), nil
}

func toReal(_ *run, v value, a arguments) (value, error) {
	p, err := a.take("default?")
	if err != nil {
		return nil, err
	}
	if _, ok := v.(undefined); ok {
		return nil, errors.New(typeName(v))
	}
	_, f, _, ok := number(v)
	if s, isText := v.(string); isText {
		f, ok = parseReal(strings.TrimFunc(s, isSpace))
	}
	if ok {
		return f, nil
	}
	if otherwise, ok := p["default"]; ok {
		return otherwise, nil
	}
	return 0.0, nil
}

// parseReal reads a number in decimal notation.
func parseReal(s string) (float64, bool) {
	if strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

func replaceFilter(r *run, v value, a arguments) (value, error) {
	p, err := a.take("old", "new", "count?")
	if err != nil {
		return nil, err
	}
	s, err := text(v)
	if err != nil {
		return nil, err
	}
	return r.replace(s, p)
}

func indent(r *run, v value, a arguments) (value, error) {
	p, err := a.take("width?", "first?", "blank?")
	if err != nil {
		return nil, err
	}
	s, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("%s is not a text", typeName(v))
	}
	by, ok := p["width"].(string)
	if !ok {
		n, err := intArgument(p, "width", 4)
		if err != nil {
			return nil, err
		}
		if n > maxDepth {
			return nil, fmt.Errorf("a width of %d is not supported", n)
		}
		by = strings.Repeat(" ", int(max(n, 0)))
	}
	lines := splitLines(s + "\n")
	if err := r.charge(len(s) + len(lines)*len(by)); err != nil {
		return nil, err
	}
	for i, line := range lines {
		if i == 0 && truth(p["first"]) || i > 0 && (line != "" || truth(p["blank"])) {
			lines[i] = by + line
		}
	}
	return strings.Join(lines, "\n"), nil
}

func safe(_ *run, v value, a arguments) (value, error) {
	if _, err := a.take(); err != nil {
		return nil, err
	}
	s, err := text(v)
	return safeText(s), err
}

func attributeFilter(r *run, v value, a arguments) (value, error) {
	p, err := a.take("name")
	if err != nil {
		return nil, err
	}
	name, err := textArgument(p, "name")
	if err != nil {
		return nil, err
	}
	if d, ok := v.(*dict); ok {
		// The filter never takes elements.
		if m := d.method(name); m != nil {
			return function{name, m}, nil
		}
		return undefined{"the attribute " + name + " of a dictionary"}, nil
	}
	return r.attribute(v, name)
}
