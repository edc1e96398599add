package chat

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// A run is one rendering of a template.
type run struct {
	frame *frame
	out   strings.Builder
	most  int // bytes of the result
	steps int
	work  int // bytes of texts that were made or searched
	calls int // macros that are running
}

// A frame holds the variables of a block.
type frame struct {
	vars   map[string]value
	parent *frame
}

// A loop is the variable loop inside a for loop.
type loop struct {
	items []value
	index int // from 0
	depth int
}

var (
	errBreak    = errors.New("break")
	errContinue = errors.New("continue")
)

// step counts n steps.
func (r *run) step(n int) error {
	if r.steps += n; r.steps > maxSteps {
		return fmt.Errorf("stopped after %d steps (does the template loop without end?)", maxSteps)
	}
	return nil
}

// runeSize is the number of bytes that a character takes when a text is split into characters.
const runeSize = 4

// charge counts n bytes of texts, before they are made or searched.
func (r *run) charge(n int) error {
	if n > maxWork || r.work+n > maxWork {
		return fmt.Errorf("stopped after %d MiB of text were made or searched", maxWork>>20)
	}
	r.work += n
	return nil
}

// weigh counts a step for each element of a list or dictionary, including those inside it, so that lists that contain the same
// list several times cannot grow without bounds.
func (r *run) weigh(v value) error {
	var items []value
	switch v := v.(type) {
	case list:
		items = v
	case tuple:
		items = v
	case *iterator:
		items = v.items
	case *view:
		items = v.items
	case *dict:
		items = slices.Collect(maps.Values(v.values))
	}
	if err := r.step(len(items)); err != nil {
		return err
	}
	for _, item := range items {
		if err := r.weigh(item); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) write(s string) error {
	if r.out.Len()+len(s) > r.most {
		return fmt.Errorf("stopped: the text is longer than %d bytes, eight times as long as the turns and the template", r.most)
	}
	if err := r.charge(len(s)); err != nil {
		return err
	}
	r.out.WriteString(s)
	return nil
}

// print writes the value of an output.
func (r *run) print(v value) error {
	s, err := text(v)
	if err != nil {
		return err
	}
	return r.write(s)
}

func (b block) exec(r *run) error {
	for _, s := range b {
		if err := s(r); err != nil {
			return err
		}
	}
	return nil
}

// scoped runs a block with variables of its own.
func (r *run) scoped(vars map[string]value, b block) error {
	if vars == nil {
		vars = map[string]value{}
	}
	around := r.frame
	r.frame = &frame{vars, around}
	defer func() { r.frame = around }()
	return b.exec(r)
}

// capture returns what a block writes.
func (r *run) capture(vars map[string]value, b block) (string, error) {
	out := r.out
	r.out = strings.Builder{}
	err := r.scoped(vars, b)
	s := r.out.String()
	r.out = out
	return s, err
}

// lookup returns the value of a variable or of a global function.
func (r *run) lookup(name string) (value, error) {
	for f := r.frame; f != nil; f = f.parent {
		if v, ok := f.vars[name]; ok {
			return v, nil
		}
	}
	if f, ok := globals[name]; ok {
		return function{name, f}, nil
	}
	if slices.Contains(otherGlobals, name) {
		return nil, fmt.Errorf("the function %s is not supported", name)
	}
	return undefined{name}, nil
}

// all evaluates expressions.
func (r *run) all(list []expression) ([]value, error) {
	values := make([]value, len(list))
	for i, e := range list {
		v, err := e(r)
		if err != nil {
			return nil, err
		}
		values[i] = v
		if err := r.step(1); err != nil {
			return nil, err
		}
		if err := r.weigh(v); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// selected returns the elements that a loop runs over.
func (r *run) selected(v value, names []string, filter expression) ([]value, error) {
	items, err := elements(v)
	if err != nil || filter == nil {
		return items, err
	}
	var kept []value
	for _, item := range items {
		ok := false
		err := r.step(1)
		if err == nil {
			err = r.scoped(map[string]value{}, block{func(r *run) error {
				if err := assign(r.frame, names, item); err != nil {
					return err
				}
				v, err := filter(r)
				ok = truth(v)
				return err
			}})
		}
		if err != nil {
			return nil, err
		}
		if ok {
			kept = append(kept, item)
		}
	}
	return kept, nil
}

// loop runs the body of a for loop for each item. As in Jinja, the else block runs if no iteration reached the end of the body.
func (r *run) loop(items []value, names []string, body, otherwise block) error {
	state := &loop{items: items}
	completed := false
	for i, item := range items {
		state.index = i
		vars := map[string]value{"loop": state}
		if err := assign(&frame{vars: vars}, names, item); err != nil {
			return err
		}
		err := r.step(1)
		if err == nil {
			err = r.scoped(vars, body)
		}
		if err == errBreak {
			break
		}
		if err != nil && err != errContinue {
			return err
		}
		completed = completed || err == nil
	}
	if completed {
		return nil
	}
	return r.scoped(nil, otherwise)
}

// macro returns the function that a macro defines.
func (r *run) macro(name string, params signature, body block, loads map[string]bool) function {
	around := r.frame
	return function{name, func(r *run, a arguments) (value, error) {
		if r.calls++; r.calls > maxDepth {
			return nil, fmt.Errorf("macros call each other more than %d deep", maxDepth)
		}
		defer func() { r.calls-- }()
		caller := r.frame
		r.frame = around
		defer func() { r.frame = caller }()
		vars := map[string]value{}
		r.frame = &frame{vars, around} // where defaults are evaluated
		required := len(params.names) - len(params.defaults)
		for i, param := range params.names {
			v, named := a.named[param]
			switch {
			case i < len(a.positional):
				if named {
					return nil, fmt.Errorf("the macro %s got two values for %s", name, param)
				}
				v = a.positional[i]
			case named:
			case i < required:
				v = undefined{"the parameter " + param}
			default:
				var err error
				if v, err = params.defaults[i-required](r); err != nil {
					return nil, err
				}
			}
			vars[param] = v
		}
		if err := macroExtras(name, params, a, loads, vars); err != nil {
			return nil, err
		}
		r.frame = around
		return r.capture(vars, body)
	}}
}

// macroExtras sets what a macro gets besides its parameters: varargs, kwargs and caller, if it reads them.
func macroExtras(name string, params signature, a arguments, loads map[string]bool, vars map[string]value) error {
	extra := newDict()
	for _, k := range slices.Concat(a.order, []string{"caller"}) {
		if _, given := a.named[k]; !given || slices.Contains(params.names, k) {
			continue
		}
		if k == "caller" {
			vars["caller"] = a.named[k]
			continue
		}
		if !loads["kwargs"] {
			return fmt.Errorf("the macro %s has no parameter %s", name, k)
		}
		extra.set(k, a.named[k])
	}
	if _, ok := a.named["caller"]; ok && !loads["caller"] && !slices.Contains(params.names, "caller") {
		return fmt.Errorf("the macro %s does not call caller", name)
	}
	if !loads["varargs"] && len(a.positional) > len(params.names) {
		return fmt.Errorf("the macro %s takes %d arguments, not %d", name, len(params.names), len(a.positional))
	}
	if loads["kwargs"] {
		vars["kwargs"] = extra
	}
	if loads["varargs"] {
		vars["varargs"] = tuple(slices.Clone(a.positional[min(len(params.names), len(a.positional)):]))
	}
	if _, ok := vars["caller"]; loads["caller"] && !ok {
		vars["caller"] = undefined{"caller"}
	}
	return nil
}

func (r *run) call(f value, a arguments) (value, error) {
	fn, ok := f.(function)
	if !ok {
		return nil, fmt.Errorf("%s cannot be called", typeName(f))
	}
	if err := r.step(1); err != nil {
		return nil, err
	}
	v, err := fn.call(r, a)
	if err != nil {
		return nil, err
	}
	return v, r.weigh(v)
}

// attribute returns the value of object.name.
func (r *run) attribute(object value, name string) (value, error) {
	if strings.HasPrefix(name, "_") {
		return nil, fmt.Errorf("the attribute %s is not accessible, because it starts with an underscore", name)
	}
	switch o := object.(type) {
	case undefined:
		return nil, fmt.Errorf("%s is undefined, so it has no attribute %s", o.what, name)
	case *namespace:
		if v, ok := o.attributes[name]; ok {
			return v, nil
		}
		return undefined{"the attribute " + name}, nil
	case *loop:
		return o.attribute(name)
	case function:
		return nil, fmt.Errorf("attributes of functions, such as %s.%s, are not supported", o.name, name)
	}
	if m, err := r.method(object, name); m != nil || err != nil {
		return m, err
	}
	if d, ok := object.(*dict); ok {
		if v, ok := d.values[name]; ok {
			return v, nil
		}
	}
	return undefined{"the attribute " + name + " of " + typeName(object)}, nil
}

// element returns the value of object[key].
func (r *run) element(object, key value) (value, error) {
	if u, ok := object.(undefined); ok {
		return nil, fmt.Errorf("%s is undefined, so it has no elements", u.what)
	}
	name, isText := key.(string)
	if isText {
		if d, ok := object.(*dict); ok {
			if v, ok := d.values[name]; ok {
				return v, nil
			}
		}
		return r.attribute(object, name)
	}
	none := undefined{"an element of " + typeName(object)}
	index, _, whole, ok := number(key)
	if !ok || !whole {
		return none, nil
	}
	var items []value
	switch o := object.(type) {
	case list:
		items = o
	case tuple:
		items = o
	case *view:
		if !o.indexed {
			return none, nil
		}
		items = o.items
	case string:
		if err := r.charge(runeSize * len(o)); err != nil {
			return nil, err
		}
		chars := []rune(o)
		if index < 0 {
			index += int64(len(chars))
		}
		if index < 0 || index >= int64(len(chars)) {
			return none, nil
		}
		return string(chars[index]), nil
	default:
		return none, nil
	}
	if index < 0 {
		index += int64(len(items))
	}
	if index < 0 || index >= int64(len(items)) {
		return none, nil
	}
	return items[index], nil
}

// slice returns the value of object[start:stop:step].
func (r *run) slice(object value, at [3]value) (value, error) {
	var bounds [3]*int64
	for i, v := range at {
		if v == nil {
			continue
		}
		n, _, whole, ok := number(v)
		if !ok || !whole {
			return nil, fmt.Errorf("a slice with %s as a bound", typeName(v))
		}
		bounds[i] = &n
	}
	if bounds[2] != nil && *bounds[2] == 0 {
		return nil, errors.New("a slice with the step 0")
	}
	switch o := object.(type) {
	case list:
		items := sliced([]value(o), bounds)
		return list(items), r.weigh(list(items))
	case tuple:
		items := sliced([]value(o), bounds)
		return tuple(items), r.weigh(tuple(items))
	case string:
		if err := r.charge(runeSize * len(o)); err != nil {
			return nil, err
		}
		return string(sliced([]rune(o), bounds)), nil
	}
	return nil, fmt.Errorf("a slice of %s", typeName(object))
}

// sliced returns a slice as Python takes it.
func sliced[T any](items []T, bounds [3]*int64) []T {
	n, step := int64(len(items)), int64(1)
	if bounds[2] != nil {
		step = *bounds[2]
	}
	low, high := int64(0), n // what bounds are limited to
	if step < 0 {
		low, high = -1, n-1
	}
	bound := func(b *int64, otherwise int64) int64 {
		if b == nil {
			return otherwise
		}
		v := *b
		if v < 0 {
			v += n
		}
		return min(max(v, low), high)
	}
	var out []T
	if step > 0 {
		for i, stop := bound(bounds[0], 0), bound(bounds[1], n); i < stop; i += step {
			out = append(out, items[i])
			if step > n {
				break
			}
		}
		return out
	}
	for i, stop := bound(bounds[0], n-1), bound(bounds[1], -1); i > stop; i += step {
		out = append(out, items[i])
		if step < -n {
			break
		}
	}
	return out
}

func (l *loop) attribute(name string) (value, error) {
	n, i := int64(len(l.items)), int64(l.index)
	switch name {
	case "index":
		return i + 1, nil
	case "index0":
		return i, nil
	case "revindex":
		return n - i, nil
	case "revindex0":
		return n - i - 1, nil
	case "first":
		return i == 0, nil
	case "last":
		return i == n-1, nil
	case "length":
		return n, nil
	case "depth":
		return int64(1), nil
	case "depth0":
		return int64(0), nil
	case "previtem":
		if i == 0 {
			return undefined{"loop.previtem"}, nil
		}
		return l.items[i-1], nil
	case "nextitem":
		if i == n-1 {
			return undefined{"loop.nextitem"}, nil
		}
		return l.items[i+1], nil
	case "cycle":
		return function{"loop.cycle", func(_ *run, a arguments) (value, error) {
			if len(a.positional) == 0 {
				return nil, errors.New("loop.cycle without arguments")
			}
			return a.positional[int(i)%len(a.positional)], nil
		}}, nil
	}
	return nil, fmt.Errorf("loop.%s is not supported", name)
}

func (r *run) compare(op string, a, b value) (bool, error) {
	for _, v := range []value{a, b} {
		if s, ok := v.(string); ok {
			if err := r.charge(len(s)); err != nil {
				return false, err
			}
		}
		if _, ok := v.(safeText); ok {
			return false, errSafe
		}
	}
	switch op {
	case "==":
		return equal(a, b), r.weigh(a)
	case "!=":
		return !equal(a, b), r.weigh(a)
	case "in":
		if err := r.weigh(b); err != nil {
			return false, err
		}
		return contains(b, a)
	case "not in":
		if err := r.weigh(b); err != nil {
			return false, err
		}
		ok, err := contains(b, a)
		return !ok, err
	}
	c, err := order(a, b)
	if err != nil {
		return false, err
	}
	if x, ok := a.(float64); ok && math.IsNaN(x) {
		return false, nil
	}
	switch op {
	case "<":
		return c < 0, nil
	case "<=":
		return c <= 0, nil
	case ">":
		return c > 0, nil
	}
	return c >= 0, nil
}

// join returns the texts of values with a separator between them.
func (r *run) join(values []value, separator string) (string, error) {
	parts := make([]string, len(values))
	for i, v := range values {
		if _, ok := v.(safeText); ok {
			return "", errSafe
		}
		var err error
		if parts[i], err = text(v); err != nil {
			return "", err
		}
		if err := r.charge(len(parts[i]) + len(separator)); err != nil {
			return "", err
		}
	}
	return strings.Join(parts, separator), nil
}

var errSafe = errors.New("a text with the filter safe can only be printed")

func (r *run) arithmetic(op string, a, b value) (value, error) {
	for _, v := range []value{a, b} {
		if _, ok := v.(safeText); ok {
			return nil, errSafe
		}
	}
	x, xf, xw, xok := number(a)
	y, yf, yw, yok := number(b)
	if xok && yok {
		if xw && yw {
			return whole(op, x, y)
		}
		return real(op, xf, yf)
	}
	if op == "*" && xok { // 3 * "ab"
		a, b, y, yok, yw = b, a, x, xok, xw
	}
	switch a := a.(type) {
	case string:
		if b, ok := b.(string); ok && op == "+" {
			if err := r.charge(len(a) + len(b)); err != nil {
				return nil, err
			}
			return a + b, nil
		}
		if op == "*" && yok && yw {
			n := max(y, 0)
			if len(a) == 0 {
				return "", nil
			}
			if n > maxWork/int64(len(a)) {
				n = maxWork / int64(len(a)) * 2 // charge refuses it
			}
			if err := r.charge(int(n) * len(a)); err != nil {
				return nil, err
			}
			return strings.Repeat(a, int(n)), nil
		}
		if op == "%" {
			return nil, errors.New("the operator % on a text is not supported")
		}
	case list:
		if b, ok := b.(list); ok && op == "+" {
			sum := slices.Concat(a, b)
			return sum, r.weigh(sum)
		}
		if op == "*" && yok && yw {
			n := max(y, 0)
			if len(a) == 0 {
				return list{}, nil
			}
			if n > maxSteps {
				n = maxSteps + 1
			}
			if err := r.step(int(n) * len(a)); err != nil {
				return nil, err
			}
			product := slices.Repeat(a, int(n))
			return product, r.weigh(product)
		}
	case tuple:
		if b, ok := b.(tuple); ok && op == "+" {
			sum := slices.Concat(a, b)
			return sum, r.weigh(sum)
		}
	}
	return nil, fmt.Errorf("the operator %s cannot be applied to %s and %s", op, typeName(a), typeName(b))
}

var errTooLarge = errors.New("a number is too large")

// whole computes with integers.
func whole(op string, x, y int64) (value, error) {
	const most = 1 << 53 // beyond it, the checks below would need more care; no template counts that far
	if max(x, -x) > most || max(y, -y) > most || x == math.MinInt64 || y == math.MinInt64 {
		return nil, errTooLarge
	}
	switch op {
	case "+":
		return x + y, nil
	case "-":
		return x - y, nil
	case "*":
		if f := float64(x) * float64(y); math.Abs(f) > most {
			return nil, errTooLarge
		}
		return x * y, nil
	case "**":
		f := math.Pow(float64(x), float64(y))
		switch {
		case x == 0 && y < 0:
			return nil, errors.New("division by zero")
		case y < 0:
			return f, nil
		case math.Abs(f) > most:
			return nil, errTooLarge
		}
		return int64(f), nil
	}
	if y == 0 {
		return nil, errors.New("division by zero")
	}
	quotient, rest := x/y, x%y
	if rest != 0 && (rest < 0) != (y < 0) {
		quotient, rest = quotient-1, rest+y
	}
	switch op {
	case "/":
		return float64(x) / float64(y), nil
	case "//":
		return quotient, nil
	}
	return rest, nil
}

// real computes with numbers of which one has a fraction.
func real(op string, x, y float64) (value, error) {
	switch op {
	case "+":
		return x + y, nil
	case "-":
		return x - y, nil
	case "*":
		return x * y, nil
	case "/":
		if y == 0 {
			return nil, errors.New("division by zero")
		}
		return x / y, nil
	}
	return nil, fmt.Errorf("the operator %s on numbers with a fraction is not supported", op)
}
