package chat

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A parser turns tokens into statements and expressions, which are functions that run them.
type parser struct {
	tokens []token
	at     int
	depth  int
	loops  int             // for loops around the statement, in the same macro
	loads  map[string]bool // names that the macro being parsed reads
}

type (
	expression func(r *run) (value, error)
	statement  func(r *run) error
	block      []statement
)

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) look() token { return p.tokens[min(p.at+1, len(p.tokens)-1)] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != endOfSource {
		p.at++
	}
	return t
}

func (p *parser) is(kind tokenKind, texts ...string) bool {
	t := p.peek()
	return t.kind == kind && slices.Contains(texts, t.text)
}

// skip moves over an operator, if it is next.
func (p *parser) skip(op string) bool {
	if p.is(opToken, op) {
		p.at++
		return true
	}
	return false
}

// skipName moves over a keyword, if it is next.
func (p *parser) skipName(name string) bool {
	if p.is(nameToken, name) {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(op string) error {
	if !p.skip(op) {
		return fmt.Errorf("expected %q, not %v", op, p.peek())
	}
	return nil
}

func (p *parser) expectName() (string, error) {
	if t := p.peek(); t.kind != nameToken {
		return "", fmt.Errorf("expected a name, not %v", t)
	}
	return p.next().text, nil
}

func (p *parser) expectKind(kind tokenKind, text string) error {
	if p.peek().kind != kind {
		return fmt.Errorf("expected %s, not %v", text, p.peek())
	}
	p.at++
	return nil
}

// enter bounds how deep blocks and expressions are nested. The result is to be deferred.
func (p *parser) enter() (leave func(), err error) {
	p.depth++
	if p.depth > maxDepth {
		return func() { p.depth-- }, fmt.Errorf("blocks or expressions are nested more than %d deep", maxDepth)
	}
	return func() { p.depth-- }, nil
}

func (p *parser) template() (block, error) {
	body, end, err := p.block()
	if err == nil && end != "" {
		err = fmt.Errorf("unexpected {%% %s %%}", end)
	}
	return body, err
}

// block parses statements up to a tag that ends them, of which it consumes the keyword, or the end of the template.
func (p *parser) block(ends ...string) (body block, end string, err error) {
	leave, err := p.enter()
	defer leave()
	if err != nil {
		return nil, "", err
	}
	start := p.peek().line
	for {
		t := p.next()
		switch t.kind {
		case endOfSource:
			if len(ends) > 0 {
				return nil, "", fmt.Errorf("no {%% %s %%} for the block of line %d", ends[len(ends)-1], start)
			}
			return body, "", nil
		case dataToken:
			body = append(body, func(r *run) error { return r.write(t.text) })
		case beginOutput:
			e, err := p.tuple()
			if err == nil {
				err = p.expectKind(endOutput, "}}")
			}
			if err != nil {
				return nil, "", err
			}
			body = append(body, at(t.line, func(r *run) error {
				v, err := e(r)
				if err != nil {
					return err
				}
				return r.print(v)
			}))
		case beginTag:
			name, err := p.expectName()
			if err != nil {
				return nil, "", err
			}
			if slices.Contains(ends, name) {
				return body, name, nil
			}
			s, err := p.statement(name)
			if err == nil {
				err = p.expectKind(endTag, "%}")
			}
			if err != nil {
				return nil, "", err
			}
			body = append(body, at(t.line, s))
		default:
			return nil, "", fmt.Errorf("unexpected %v", t)
		}
	}
}

// inside parses the end of a tag and the statements up to the tag that ends them.
func (p *parser) inside(ends ...string) (block, string, error) {
	if err := p.expectKind(endTag, "%}"); err != nil {
		return nil, "", err
	}
	return p.block(ends...)
}

// at adds the line to the errors of a statement.
func at(line int, s statement) statement {
	return func(r *run) error {
		if err := r.step(1); err != nil {
			return err
		}
		err := s(r)
		var placed *lineError
		if err != nil && !errors.As(err, &placed) && err != errBreak && err != errContinue {
			return &lineError{line, err}
		}
		return err
	}
}

// A lineError is an error in a line of a template.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *lineError) Unwrap() error { return e.err }

// readsFiles are the tags of Jinja that read another template.
var readsFiles = []string{"include", "import", "from", "extends"}

func (p *parser) statement(name string) (statement, error) {
	switch name {
	case "if":
		return p.ifStatement()
	case "for":
		return p.forStatement()
	case "set":
		return p.setStatement()
	case "with":
		return p.withStatement()
	case "macro":
		return p.macroStatement()
	case "call":
		return p.callStatement()
	case "filter":
		return p.filterStatement()
	case "generation":
		body, _, err := p.inside("endgeneration")
		return func(r *run) error { return r.scoped(nil, body) }, err
	case "break", "continue":
		if p.loops == 0 {
			return nil, fmt.Errorf("{%% %s %%} outside of a loop", name)
		}
		stop := errBreak
		if name == "continue" {
			stop = errContinue
		}
		return func(*run) error { return stop }, nil
	}
	if slices.Contains(readsFiles, name) {
		return nil, fmt.Errorf("{%% %s %%} reads another file, which a chat template cannot do", name)
	}
	return nil, fmt.Errorf("the tag {%% %s %%} is not supported", name)
}

func (p *parser) ifStatement() (statement, error) {
	type branch struct {
		condition expression // nil for else
		body      block
	}
	var branches []branch
	for {
		var b branch
		var err error
		if b.condition, err = p.tupleOf((*parser).or); err != nil {
			return nil, err
		}
		var end string
		if b.body, end, err = p.inside("elif", "else", "endif"); err != nil {
			return nil, err
		}
		branches = append(branches, b)
		if end == "else" {
			b = branch{}
			if b.body, end, err = p.inside("endif"); err != nil {
				return nil, err
			}
			branches = append(branches, b)
		}
		if end == "endif" {
			break
		}
	}
	return func(r *run) error {
		for _, b := range branches {
			if b.condition != nil {
				v, err := b.condition(r)
				if err != nil {
					return err
				}
				if !truth(v) {
					continue
				}
			}
			return b.body.exec(r)
		}
		return nil
	}, nil
}

// targets parses the names that a loop or an assignment sets.
func (p *parser) targets() ([]string, error) {
	parens := p.skip("(")
	var names []string
	for {
		name, err := p.expectName()
		if err != nil {
			return nil, err
		}
		if slices.Contains(keywords, name) {
			return nil, fmt.Errorf("the keyword %q cannot be set", name)
		}
		names = append(names, name)
		if !p.skip(",") {
			break
		}
	}
	if parens {
		return names, p.expect(")")
	}
	return names, nil
}

// assign sets names to a value, or to its elements if there are several names.
func assign(f *frame, names []string, v value) error {
	if len(names) == 1 {
		f.vars[names[0]] = v
		return nil
	}
	items, err := elements(v)
	if err != nil {
		return err
	}
	if len(items) != len(names) {
		return fmt.Errorf("%d elements for the %d names %s", len(items), len(names), strings.Join(names, ", "))
	}
	for i, name := range names {
		f.vars[name] = items[i]
	}
	return nil
}

func (p *parser) forStatement() (statement, error) {
	names, err := p.targets()
	if err != nil {
		return nil, err
	}
	if !p.skipName("in") {
		return nil, fmt.Errorf("expected \"in\", not %v", p.peek())
	}
	over, err := p.tupleOf((*parser).or)
	if err != nil {
		return nil, err
	}
	var filter expression
	if p.skipName("if") {
		if filter, err = p.expression(); err != nil {
			return nil, err
		}
	}
	if p.skipName("recursive") {
		return nil, errors.New("recursive loops are not supported")
	}
	p.loops++
	body, end, err := p.inside("else", "endfor")
	p.loops--
	var otherwise block
	if err == nil && end == "else" {
		otherwise, _, err = p.inside("endfor")
	}
	if err != nil {
		return nil, err
	}
	return func(r *run) error {
		v, err := over(r)
		if err != nil {
			return err
		}
		items, err := r.selected(v, names, filter)
		if err != nil {
			return err
		}
		return r.loop(items, names, body, otherwise)
	}, nil
}

func (p *parser) setStatement() (statement, error) {
	if p.look().kind == opToken && p.look().text == "." {
		return p.setAttribute()
	}
	names, err := p.targets()
	if err != nil {
		return nil, err
	}
	if p.skip("=") {
		e, err := p.tuple()
		return func(r *run) error {
			v, err := e(r)
			if err != nil {
				return err
			}
			return assign(r.frame, names, v)
		}, err
	}
	if len(names) > 1 {
		return nil, fmt.Errorf("expected \"=\", not %v", p.peek())
	}
	filters, err := p.filterChain()
	if err != nil {
		return nil, err
	}
	body, _, err := p.inside("endset")
	return func(r *run) error {
		s, err := r.capture(nil, body)
		if err != nil {
			return err
		}
		v, err := filters(r, s)
		if err != nil {
			return err
		}
		r.frame.vars[names[0]] = v
		return nil
	}, err
}

// setAttribute parses the assignment to an attribute of a namespace.
func (p *parser) setAttribute() (statement, error) {
	name, err := p.expectName()
	if err != nil {
		return nil, err
	}
	if err := p.expect("."); err != nil {
		return nil, err
	}
	attribute, err := p.expectName()
	if err != nil {
		return nil, err
	}
	if err := p.expect("="); err != nil {
		return nil, err
	}
	e, err := p.tuple()
	return func(r *run) error {
		v, err := e(r)
		if err != nil {
			return err
		}
		object, err := r.lookup(name)
		if err != nil {
			return err
		}
		ns, ok := object.(*namespace)
		if !ok {
			return fmt.Errorf("%s is %s, whose attribute %s cannot be set", name, typeName(object), attribute)
		}
		ns.attributes[attribute] = v
		return nil
	}, err
}

func (p *parser) withStatement() (statement, error) {
	var names []string
	var values []expression
	for p.peek().kind == nameToken {
		name, err := p.expectName()
		if err != nil {
			return nil, err
		}
		if err := p.expect("="); err != nil {
			return nil, err
		}
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		names, values = append(names, name), append(values, e)
		if !p.skip(",") {
			break
		}
	}
	body, _, err := p.inside("endwith")
	return func(r *run) error {
		vars := map[string]value{}
		for i, e := range values {
			v, err := e(r)
			if err != nil {
				return err
			}
			vars[names[i]] = v
		}
		return r.scoped(vars, body)
	}, err
}

// A signature is the parameters of a macro.
type signature struct {
	names    []string
	defaults []expression // of the last names
}

func (p *parser) signature() (s signature, err error) {
	if err := p.expect("("); err != nil {
		return s, err
	}
	for !p.skip(")") {
		if len(s.names) > 0 {
			if err := p.expect(","); err != nil {
				return s, err
			}
		}
		name, err := p.expectName()
		if err != nil {
			return s, err
		}
		s.names = append(s.names, name)
		if p.skip("=") {
			e, err := p.expression()
			if err != nil {
				return s, err
			}
			s.defaults = append(s.defaults, e)
		} else if len(s.defaults) > 0 {
			return s, fmt.Errorf("the parameter %s has no default, but those before it have", name)
		}
	}
	return s, nil
}

// macroBody parses the body of a macro, and returns the names that it reads.
func (p *parser) macroBody(end string) (body block, loads map[string]bool, err error) {
	loops, around := p.loops, p.loads
	p.loops, p.loads = 0, map[string]bool{}
	body, _, err = p.inside(end)
	loads = p.loads
	p.loops, p.loads = loops, around
	for name := range loads {
		p.load(name)
	}
	return body, loads, err
}

func (p *parser) load(name string) {
	if p.loads != nil {
		p.loads[name] = true
	}
}

func (p *parser) macroStatement() (statement, error) {
	name, err := p.expectName()
	if err != nil {
		return nil, err
	}
	params, err := p.signature()
	if err != nil {
		return nil, err
	}
	body, loads, err := p.macroBody("endmacro")
	return func(r *run) error {
		r.frame.vars[name] = r.macro(name, params, body, loads)
		return nil
	}, err
}

func (p *parser) callStatement() (statement, error) {
	var params signature
	var err error
	if p.is(opToken, "(") {
		if params, err = p.signature(); err != nil {
			return nil, err
		}
	}
	name := p.peek()
	callee, err := p.primary()
	if err != nil {
		return nil, err
	}
	if name.kind != nameToken || !p.is(opToken, "(") {
		return nil, errors.New("{% call %} takes the call of a macro")
	}
	parsed, err := p.arguments()
	if err != nil {
		return nil, err
	}
	body, loads, err := p.macroBody("endcall")
	return func(r *run) error {
		f, err := callee(r)
		if err != nil {
			return err
		}
		args, err := parsed(r)
		if err != nil {
			return err
		}
		args.named["caller"] = r.macro("caller", params, body, loads)
		v, err := r.call(f, args)
		if err != nil {
			return err
		}
		return r.print(v)
	}, err
}

func (p *parser) filterStatement() (statement, error) {
	filter, err := p.filter()
	if err != nil {
		return nil, err
	}
	more, err := p.filterChain()
	if err != nil {
		return nil, err
	}
	body, _, err := p.inside("endfilter")
	return func(r *run) error {
		s, err := r.capture(nil, body)
		if err != nil {
			return err
		}
		v, err := filter(r, s)
		if err == nil {
			v, err = more(r, v)
		}
		if err != nil {
			return err
		}
		return r.print(v)
	}, err
}

// keywords cannot be names of variables.
var keywords = []string{"true", "false", "none", "True", "False", "None", "and", "or", "not", "in", "is", "if", "else"}

// tuple parses an expression, or several with commas between them.
func (p *parser) tuple() (expression, error) { return p.tupleOf((*parser).expression) }

func (p *parser) tupleOf(element func(*parser) (expression, error)) (expression, error) {
	var items []expression
	for {
		e, err := element(p)
		if err != nil {
			return nil, err
		}
		items = append(items, e)
		if !p.skip(",") {
			if len(items) == 1 {
				return e, nil
			}
			break
		}
		if t := p.peek(); t.kind == endOutput || t.kind == endTag || p.is(opToken, ")") {
			break
		}
	}
	return func(r *run) (value, error) {
		values, err := r.all(items)
		return tuple(values), err
	}, nil
}

func (p *parser) expression() (expression, error) {
	leave, err := p.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	e, err := p.or()
	for n := 0; err == nil && p.skipName("if"); n++ {
		if n > maxDepth {
			return nil, fmt.Errorf("an expression with more than %d conditions", maxDepth)
		}
		var condition, otherwise expression
		if condition, err = p.or(); err != nil {
			return nil, err
		}
		if p.skipName("else") {
			if otherwise, err = p.expression(); err != nil {
				return nil, err
			}
		}
		then := e
		e = func(r *run) (value, error) {
			v, err := condition(r)
			switch {
			case err != nil:
				return nil, err
			case truth(v):
				return then(r)
			case otherwise != nil:
				return otherwise(r)
			}
			return undefined{"an if without else"}, nil
		}
	}
	return e, err
}

func (p *parser) or() (expression, error) { return p.logic("or", true, (*parser).and) }

func (p *parser) and() (expression, error) { return p.logic("and", false, (*parser).not) }

// logic parses operands with and or or between them. The value is the first operand whose truth is stop, or else the last one.
func (p *parser) logic(word string, stop bool, operand func(*parser) (expression, error)) (expression, error) {
	first, err := operand(p)
	operands := []expression{first}
	for err == nil && p.skipName(word) {
		var e expression
		e, err = operand(p)
		operands = append(operands, e)
	}
	if err != nil || len(operands) == 1 {
		return first, err
	}
	return func(r *run) (v value, err error) {
		for _, e := range operands {
			if v, err = e(r); err != nil || truth(v) == stop {
				return v, err
			}
		}
		return v, nil
	}, nil
}

func (p *parser) not() (expression, error) {
	if !p.skipName("not") {
		return p.comparison()
	}
	leave, err := p.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	e, err := p.not()
	return func(r *run) (value, error) {
		v, err := e(r)
		return !truth(v), err
	}, err
}

func (p *parser) comparison() (expression, error) {
	first, err := p.sum()
	if err != nil {
		return nil, err
	}
	var ops []string
	operands := []expression{first}
	for {
		op := ""
		switch t := p.peek(); {
		case p.is(opToken, "==", "!=", "<", "<=", ">", ">="):
			op = p.next().text
		case p.skipName("in"):
			op = "in"
		case t.kind == nameToken && t.text == "not" && p.look().kind == nameToken && p.look().text == "in":
			p.at += 2
			op = "not in"
		}
		if op == "" {
			break
		}
		e, err := p.sum()
		if err != nil {
			return nil, err
		}
		ops, operands = append(ops, op), append(operands, e)
	}
	if len(ops) == 0 {
		return first, nil
	}
	return func(r *run) (value, error) {
		left, err := operands[0](r)
		if err != nil {
			return nil, err
		}
		for i, op := range ops {
			right, err := operands[i+1](r)
			if err != nil {
				return nil, err
			}
			if ok, err := r.compare(op, left, right); err != nil || !ok {
				return false, err
			}
			left = right
		}
		return true, nil
	}, nil
}

func (p *parser) sum() (expression, error) { return p.binary((*parser).concatenation, "+", "-") }

func (p *parser) concatenation() (expression, error) {
	first, err := p.product()
	operands := []expression{first}
	for err == nil && p.skip("~") {
		var e expression
		e, err = p.product()
		operands = append(operands, e)
	}
	if err != nil || len(operands) == 1 {
		return first, err
	}
	return func(r *run) (value, error) {
		values, err := r.all(operands)
		if err != nil {
			return nil, err
		}
		return r.join(values, "")
	}, nil
}

func (p *parser) product() (expression, error) { return p.binary((*parser).power, "*", "/", "//", "%") }

func (p *parser) power() (expression, error) {
	return p.binary(func(p *parser) (expression, error) { return p.unary(true) }, "**")
}

func (p *parser) binary(operand func(*parser) (expression, error), ops ...string) (expression, error) {
	left, err := operand(p)
	for n := 0; err == nil && p.is(opToken, ops...); n++ {
		if n > maxDepth {
			return nil, fmt.Errorf("an expression of more than %d operators", maxDepth)
		}
		op := p.next().text
		var right expression
		if right, err = operand(p); err != nil {
			break
		}
		a := left
		left = func(r *run) (value, error) {
			x, err := a(r)
			if err != nil {
				return nil, err
			}
			y, err := right(r)
			if err != nil {
				return nil, err
			}
			return r.arithmetic(op, x, y)
		}
	}
	return left, err
}

func (p *parser) unary(filters bool) (expression, error) {
	leave, err := p.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	var e expression
	if p.is(opToken, "-", "+") {
		op := p.next().text
		operand, err := p.unary(false)
		if err != nil {
			return nil, err
		}
		e = func(r *run) (value, error) {
			v, err := operand(r)
			if err != nil {
				return nil, err
			}
			return r.arithmetic(op, int64(0), v)
		}
	} else if e, err = p.primary(); err != nil {
		return nil, err
	}
	if e, err = p.postfix(e); err != nil || !filters {
		return e, err
	}
	return p.filtersAndTests(e)
}

func (p *parser) primary() (expression, error) {
	t := p.next()
	constant := func(v value) expression { return func(*run) (value, error) { return v, nil } }
	switch t.kind {
	case nameToken:
		switch t.text {
		case "true", "True":
			return constant(true), nil
		case "false", "False":
			return constant(false), nil
		case "none", "None":
			return constant(nil), nil
		}
		if slices.Contains(keywords, t.text) {
			return nil, fmt.Errorf("unexpected %v", t)
		}
		p.load(t.text)
		return func(r *run) (value, error) { return r.lookup(t.text) }, nil
	case stringToken:
		s := t.text
		for p.peek().kind == stringToken {
			s += p.next().text
		}
		return constant(s), nil
	case intToken:
		n, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("the number %s is too large", t.text)
		}
		return constant(n), nil
	case floatToken:
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, fmt.Errorf("the number %s is too large", t.text)
		}
		return constant(f), nil
	case opToken:
		switch t.text {
		case "(":
			if p.skip(")") {
				return constant(tuple{}), nil
			}
			e, err := p.tuple()
			if err == nil {
				err = p.expect(")")
			}
			return e, err
		case "[":
			items, err := p.items("]")
			return func(r *run) (value, error) {
				values, err := r.all(items)
				return list(values), err
			}, err
		case "{":
			return p.dictionary()
		}
	}
	return nil, fmt.Errorf("unexpected %v", t)
}

// items parses expressions with commas between them up to a bracket.
func (p *parser) items(end string) ([]expression, error) {
	var items []expression
	for !p.skip(end) {
		if len(items) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
			if p.skip(end) {
				break
			}
		}
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		items = append(items, e)
	}
	return items, nil
}

func (p *parser) dictionary() (expression, error) {
	var keys, values []expression
	for !p.skip("}") {
		if len(keys) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
			if p.skip("}") {
				break
			}
		}
		k, err := p.expression()
		if err == nil {
			err = p.expect(":")
		}
		if err != nil {
			return nil, err
		}
		v, err := p.expression()
		if err != nil {
			return nil, err
		}
		keys, values = append(keys, k), append(values, v)
	}
	return func(r *run) (value, error) {
		names, err := r.all(keys)
		if err != nil {
			return nil, err
		}
		contents, err := r.all(values)
		if err != nil {
			return nil, err
		}
		d := newDict()
		for i, k := range names {
			key, ok := k.(string)
			if !ok {
				return nil, fmt.Errorf("a dictionary with %s as a key is not supported", typeName(k))
			}
			d.set(key, contents[i])
		}
		return d, nil
	}, nil
}

// postfix parses attributes, elements, slices and calls.
func (p *parser) postfix(e expression) (expression, error) {
	for n := 0; ; n++ {
		if n > maxDepth {
			return nil, fmt.Errorf("a chain of more than %d attributes and calls", maxDepth)
		}
		object := e
		var err error
		switch {
		case p.skip("."):
			t := p.next()
			switch t.kind {
			case nameToken:
				e = func(r *run) (value, error) {
					v, err := object(r)
					if err != nil {
						return nil, err
					}
					return r.attribute(v, t.text)
				}
			case intToken:
				var index int
				if index, err = strconv.Atoi(t.text); err != nil {
					return nil, fmt.Errorf("the number %s is too large", t.text)
				}
				e = func(r *run) (value, error) {
					v, err := object(r)
					if err != nil {
						return nil, err
					}
					return r.element(v, int64(index))
				}
			default:
				return nil, fmt.Errorf("expected the name of an attribute, not %v", t)
			}
		case p.skip("["):
			if e, err = p.subscript(object); err == nil {
				err = p.expect("]")
			}
		case p.is(opToken, "("):
			e, err = p.callOf(object)
		default:
			return e, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (p *parser) callOf(callee expression) (expression, error) {
	parsed, err := p.arguments()
	return func(r *run) (value, error) {
		f, err := callee(r)
		if err != nil {
			return nil, err
		}
		args, err := parsed(r)
		if err != nil {
			return nil, err
		}
		return r.call(f, args)
	}, err
}

// subscript parses what is between square brackets.
func (p *parser) subscript(object expression) (expression, error) {
	var bounds [3]expression // start, stop and step of a slice
	colons := 0
	for i := 0; !p.is(opToken, "]"); {
		if p.skip(":") {
			if colons++; colons > 2 {
				return nil, errors.New("a slice with more than two colons")
			}
			i = colons
			continue
		}
		if bounds[i] != nil {
			return nil, fmt.Errorf("expected \"]\", not %v", p.peek())
		}
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		bounds[i] = e
	}
	if colons == 0 && bounds[0] == nil {
		return nil, errors.New("nothing between square brackets")
	}
	return func(r *run) (value, error) {
		v, err := object(r)
		if err != nil {
			return nil, err
		}
		var at [3]value
		for i, e := range bounds {
			if e == nil {
				continue
			}
			if at[i], err = e(r); err != nil {
				return nil, err
			}
		}
		if colons == 0 {
			return r.element(v, at[0])
		}
		return r.slice(v, at)
	}, nil
}

// arguments parses the arguments of a call.
func (p *parser) arguments() (func(r *run) (arguments, error), error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var positional, values []expression
	var names []string
	for first := true; !p.skip(")"); first = false {
		if !first {
			if err := p.expect(","); err != nil {
				return nil, err
			}
			if p.skip(")") {
				break
			}
		}
		if p.is(opToken, "*", "**") {
			return nil, fmt.Errorf("arguments with %s are not supported", p.peek().text)
		}
		name := ""
		if p.peek().kind == nameToken && p.look().kind == opToken && p.look().text == "=" {
			name = p.next().text
			p.next()
		}
		e, err := p.expression()
		switch {
		case err != nil:
			return nil, err
		case name != "":
			names, values = append(names, name), append(values, e)
		case len(names) > 0:
			return nil, errors.New("an argument without a name after one with a name")
		default:
			positional = append(positional, e)
		}
	}
	return func(r *run) (a arguments, err error) {
		if a.positional, err = r.all(positional); err != nil {
			return a, err
		}
		contents, err := r.all(values)
		if err != nil {
			return a, err
		}
		a.named, a.order = map[string]value{}, names
		for i, name := range names {
			a.named[name] = contents[i]
		}
		return a, nil
	}, nil
}

// A filtering applies filters to a value.
type filtering func(r *run, v value) (value, error)

// filter parses the name of a filter and its arguments.
func (p *parser) filter() (filtering, error) {
	name, err := p.expectName()
	if err != nil {
		return nil, err
	}
	parsed := func(*run) (arguments, error) { return arguments{}, nil }
	if p.is(opToken, "(") {
		if parsed, err = p.arguments(); err != nil {
			return nil, err
		}
	}
	return func(r *run, v value) (value, error) {
		args, err := parsed(r)
		if err != nil {
			return nil, err
		}
		return r.filter(name, v, args)
	}, nil
}

// filterChain parses filters, each after a bar.
func (p *parser) filterChain() (filtering, error) {
	var chain []filtering
	for p.skip("|") {
		f, err := p.filter()
		if err != nil {
			return nil, err
		}
		chain = append(chain, f)
	}
	return func(r *run, v value) (_ value, err error) {
		for _, f := range chain {
			if v, err = f(r, v); err != nil {
				return nil, err
			}
		}
		return v, nil
	}, nil
}

// filtersAndTests parses filters and tests after an expression.
func (p *parser) filtersAndTests(e expression) (expression, error) {
	for n := 0; ; n++ {
		if n > maxDepth {
			return nil, fmt.Errorf("a chain of more than %d filters", maxDepth)
		}
		operand := e
		var err error
		switch {
		case p.skip("|"):
			var f filtering
			f, err = p.filter()
			e = func(r *run) (value, error) {
				v, err := operand(r)
				if err != nil {
					return nil, err
				}
				return f(r, v)
			}
		case p.skipName("is"):
			e, err = p.test(operand)
		case p.is(opToken, "("):
			e, err = p.callOf(operand)
		default:
			return e, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (p *parser) test(operand expression) (expression, error) {
	negated := p.skipName("not")
	name, err := p.expectName()
	if err != nil {
		return nil, err
	}
	parsed := func(*run) (arguments, error) { return arguments{}, nil }
	t := p.peek()
	switch {
	case p.is(opToken, "("):
		parsed, err = p.arguments()
	case t.kind == nameToken && slices.Contains([]string{"else", "or", "and"}, t.text): // no argument
	case t.kind == nameToken && t.text == "is":
		err = errors.New("several tests with is in a row")
	case t.kind == nameToken, t.kind == stringToken, t.kind == intToken, t.kind == floatToken, p.is(opToken, "[", "{"):
		var e expression
		if e, err = p.primary(); err == nil {
			e, err = p.postfix(e)
		}
		parsed = func(r *run) (arguments, error) {
			v, err := e(r)
			return arguments{positional: []value{v}}, err
		}
	}
	return func(r *run) (value, error) {
		v, err := operand(r)
		if err != nil {
			return nil, err
		}
		args, err := parsed(r)
		if err != nil {
			return nil, err
		}
		ok, err := r.test(name, v, args)
		return ok != negated, err
	}, err
}
