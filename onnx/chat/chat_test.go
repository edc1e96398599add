package chat

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A reference is what transformers made of testdata (testdata/reference.py).
type reference struct {
	Tokens        map[string]string
	Conversations map[string][]Message
	Messages      []Message
	Cases         []struct {
		Template, Conversation string
		Generation, Bare       bool
		expected
	}
	Snippets []struct {
		Name, Template string
		expected
	}
}

// An expected result is a text, or the error of transformers.
type expected struct {
	Text  *string
	Error string
}

func readReference(t testing.TB) *reference {
	t.Helper()
	data, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	ref := &reference{}
	if err := json.Unmarshal(data, ref); err != nil {
		t.Fatal(err)
	}
	return ref
}

func readTemplate(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "templates", name+".jinja"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// render parses and renders a template.
func render(source string, tokens map[string]string, messages []Message, generation bool) (string, error) {
	t, err := Parse(source, tokens)
	if err != nil {
		return "", err
	}
	return t.Render(messages, generation)
}

// check compares a result with the one of transformers.
func (e expected) check(t *testing.T, got string, err error) {
	t.Helper()
	switch {
	case e.Text != nil && err != nil:
		t.Errorf("%v, want %q", err, *e.Text)
	case e.Text != nil && got != *e.Text:
		t.Errorf("%q, want %q", got, *e.Text)
	case e.Text == nil && err == nil:
		t.Errorf("%q, want the error %s", got, e.Error)
	}
}

func TestFamiliesAgreeWithTransformers(t *testing.T) {
	ref := readReference(t)
	if len(ref.Cases) < 500 {
		t.Fatalf("only %d cases", len(ref.Cases))
	}
	for _, c := range ref.Cases {
		t.Run(c.Template+"/"+c.Conversation, func(t *testing.T) {
			tokens := ref.Tokens
			if c.Bare {
				tokens = nil
			}
			got, err := render(readTemplate(t, c.Template), tokens, ref.Conversations[c.Conversation], c.Generation)
			c.check(t, got, err)
		})
	}
}

// unsupported are the snippets that this package refuses and transformers renders, with the reason that the error gives.
var unsupported = map[string]string{
	"autoescape":        "the tag {% autoescape %} is not supported",
	"batch":             "the filter batch is not supported",
	"big numbers":       "a number is too large",
	"block":             "the tag {% block %} is not supported",
	"cycler":            "the function cycler is not supported",
	"escape":            "the filter escape is not supported",
	"format":            "the method format of a text is not supported",
	"group":             "the filter groupby is not supported",
	"isalpha":           "the method isalpha of a text is not supported",
	"joiner":            "the function joiner is not supported",
	"keyword as name":   `the keyword "is" cannot be set`,
	"lipsum":            "the function lipsum is not supported",
	"loop changed":      "loop.changed is not supported",
	"private":           "the attribute __class__ is not accessible",
	"recursive loop":    "recursive loops are not supported",
	"safe and more":     "a text with the filter safe can only be printed",
	"safe with sum":     "a text with the filter safe can only be printed",
	"sameas of numbers": "the test sameas with a number is not supported",
	"slice of none":     "a slice of none",
	"wordcount":         "the filter wordcount is not supported",
}

func TestLanguageAgreesWithTransformers(t *testing.T) {
	ref := readReference(t)
	for _, s := range ref.Snippets {
		t.Run(s.Name, func(t *testing.T) {
			got, err := render(s.Template, ref.Tokens, ref.Messages, true)
			if want, ok := unsupported[s.Name]; ok {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%q, %v, want an error with %q", got, err, want)
				}
				return
			}
			s.check(t, got, err)
		})
	}
}

// TestHostileTemplates checks that templates without end, or with results of any size, are stopped soon.
func TestHostileTemplates(t *testing.T) {
	nested := func(n int, open, inner, end string) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	text := strings.Repeat("a", 1<<20)
	for name, c := range map[string]struct{ template, want string }{
		"nested loops":         {nested(8, "{% for x in range(1000) %}", "x", "{% endfor %}"), "stopped after 100000 steps"},
		"empty nested loops":   {nested(8, "{% for x in range(1000) %}", "", "{% endfor %}"), "stopped after 100000 steps"},
		"long range":           {"{{ range(1000000000) | list }}", "range of 1000000000 numbers"},
		"range backwards":      {"{{ range(9007199254740991, 0, -1) | length }}", "range of"},
		"range of all":         {"{{ range(-9007199254740991, 9007199254740991) | length }}", "range of"},
		"recursion":            {"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "macros call each other more than 100 deep"},
		"two macros":           {"{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}", "macros call each other"},
		"tree of calls":        {"{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(50) }}", "stopped after 100000 steps"},
		"default of itself":    {"{% macro m(a=m()) %}{% endmacro %}{{ m() }}", "macros call each other"},
		"doubled text":         {"{% set ns = namespace(s='aa') %}{% for x in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", "MiB of text"},
		"doubled sum":          {"{% set ns = namespace(s='aa') %}{% for x in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "MiB of text"},
		"doubled list":         {"{% set ns = namespace(s=[1]) %}{% for x in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "steps"},
		"list in itself":       {"{% set ns = namespace(s=[1]) %}{% for x in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s == ns.s }}", "steps"},
		"dictionary in itself": {"{% set ns = namespace(s=1) %}{% for x in range(60) %}{% set ns.s = {'a': ns.s, 'b': ns.s} %}{% endfor %}{{ ns.s | tojson }}", "steps"},
		"repeated text":        {"{{ 'a' * 1000000000000 }}", "MiB of text"},
		"repeated long text":   {"{{ messages[0].content * 9007199254740991 }}", "MiB of text"},
		"repeated list":        {"{{ [1] * 1000000000000 }}", "steps"},
		"repeated twice":       {"{{ 'a' * 100000 * 100000 }}", "MiB of text"},
		"replaced by itself":   {"{{ messages[0].content | replace('a', messages[0].content) }}", "MiB of text"},
		"replaced nothing":     {"{{ messages[0].content.replace('', messages[0].content) }}", "MiB of text"},
		"joined by itself":     {"{{ messages[0].content | list | length }}", "steps"},
		"join of a long text":  {"{{ range(9999) | join(messages[0].content) }}", "MiB of text"},
		"join method":          {"{{ messages[0].content.join(['a'] * 9999) }}", "MiB of text"},
		"long output":          {"{% for x in range(20) %}{{ messages[0].content }}{% endfor %}", "stopped: the text is longer than"},
		"output without input": {"{{ 'a ' * 5000000 }}", "stopped: the text is longer than"},
		"many searches":        {"{% for x in range(9999) %}{% if 'b' in messages[0].content %}{% endif %}{% endfor %}", "MiB of text"},
		"many comparisons":     {"{% for x in range(9999) %}{% if messages[0].content == messages[0].content %}{% endif %}{% endfor %}", "MiB of text"},
		"many strips":          {"{% for x in range(9999) %}{% if messages[0].content.strip('a') %}{% endif %}{% endfor %}", "MiB of text"},
		"many letters":         {"{% for x in range(9999) %}{% if messages[0].content[0] %}{% endif %}{% endfor %}", "MiB of text"},
		"split of each letter": {"{{ messages[0].content.split('a') | length }}", "steps"},
		"wide indent":          {"{{ 'a\nb' | indent(1000000000) }}", "a width of 1000000000"},
		"large power":          {"{{ 9 ** 9 ** 9 }}", "too large"},
		"large number":         {"{{ 99999999999999999999 }}", "too large"},
		"brackets":             {"{{ " + nested(200000/2, "(", "1", ")") + " }}", "nested more than 100 deep"},
		"lists":                {"{{ " + nested(100000/2, "[", "1", "]") + " }}", "nested more than 100 deep"},
		"nots":                 {"{{ " + strings.Repeat("not ", 50000) + "1 }}", "nested more than 100 deep"},
		"minuses":              {"{{ " + strings.Repeat("-", 100000) + "1 }}", "nested more than 100 deep"},
		"sums":                 {"{{ 1" + strings.Repeat("+1", 100000) + " }}", "more than 100 operators"},
		"conditions":           {"{{ 1" + strings.Repeat(" if 1 else 1", 20000) + " }}", "nested more than 100 deep"},
		"open conditions":      {"{{ 1" + strings.Repeat(" if 1", 40000) + " }}", "more than 100 conditions"},
		"attributes":           {"{{ x" + strings.Repeat(".x", 100000) + " }}", "more than 100 attributes"},
		"filters":              {"{{ x" + strings.Repeat("|e", 100000) + " }}", "more than 100 filters"},
		"blocks":               {strings.Repeat("{% if 1 %}", 20000), "nested more than 100 deep"},
		"large template":       {strings.Repeat(" ", maxSource+1), "more than the 262144 that are read"},
		"include":              {"{% include '/etc/passwd' %}", "{% include %} reads another file"},
		"import":               {"{% import '/etc/passwd' as x %}", "{% import %} reads another file"},
		"from":                 {"{% from '/etc/passwd' import x %}", "{% from %} reads another file"},
		"extends":              {"{% extends '/etc/passwd' %}", "{% extends %} reads another file"},
		"open":                 {"{{ open('/etc/passwd').read() }}", "open, which is undefined cannot be called"},
		"escape from Python":   {"{{ ''.__class__.__mro__[1].__subclasses__() }}", "is not accessible"},
		"by element":           {"{{ ''['__class__'] }}", "is not accessible"},
		"by filter":            {"{{ '' | attr('__class__') }}", "is not accessible"},
		"globals of a macro":   {"{% macro m() %}{% endmacro %}{{ m.__globals__ }}", "is not accessible"},
		"environment":          {"{{ self.environment }}", "self is undefined"},
		"change of a list":     {"{{ messages.append(1) }}", "the method append of a list is not supported"},
		"unclosed tag":         {"{{ 'a", "has no end"},
		"unclosed comment":     {"{# a", "the comment has no end"},
		"unclosed raw":         {"{% raw %} a", "has no {% endraw %}"},
		"unclosed block":       {"\n{% for x in [] %}\n", "no {% endfor %} for the block of line 2"},
		"end of nothing":       {"{% endif %}", "{% endif %} is not supported"},
		"break outside":        {"{% break %}", "{% break %} outside of a loop"},
		"break in a macro":     {"{% for x in [1] %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}", "{% break %} outside of a loop"},
		"bytes":                {"{{ \xff }}", "unexpected character"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := render(c.template, nil, []Message{{"user", text}}, true)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%.80q, %.300v, want an error with %q", got, err, c.want)
			}
		})
	}
}

func TestNoTurns(t *testing.T) {
	if _, err := render("x", nil, nil, true); err == nil || !strings.Contains(err.Error(), "without turns") {
		t.Error(err)
	}
}

// FuzzRender looks for templates that crash or do not end.
func FuzzRender(f *testing.F) {
	ref := readReference(f)
	for _, s := range ref.Snippets {
		f.Add(s.Template)
	}
	paths, err := filepath.Glob("testdata/templates/*.jinja")
	if err != nil || len(paths) < 16 {
		f.Fatalf("%d templates, %v", len(paths), err)
	}
	for _, path := range paths {
		f.Add(readTemplate(f, strings.TrimSuffix(filepath.Base(path), ".jinja")))
	}
	f.Fuzz(func(t *testing.T, source string) {
		parsed, err := Parse(source, ref.Tokens)
		if err != nil {
			return
		}
		first, err := parsed.Render(ref.Messages, true)
		second, again := parsed.Render(ref.Messages, true)
		if first != second || (err == nil) != (again == nil) {
			t.Errorf("%q, %v, and then %q, %v", first, err, second, again)
		}
	})
}

func BenchmarkRender(b *testing.B) {
	ref := readReference(b)
	parsed, err := Parse(readTemplate(b, "qwen3"), ref.Tokens)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := parsed.Render(ref.Conversations["many turns"], true); err != nil {
			b.Fatal(err)
		}
	}
}

// TestRandomTemplatesAgreeWithTransformers renders random templates (testdata/arbitrary.py, or the file W2S_TEMPLATES with
// the output of another run). What transformers renders may be refused, but not rendered in another way.
func TestRandomTemplatesAgreeWithTransformers(t *testing.T) {
	path := "testdata/arbitrary.json"
	if other := os.Getenv("W2S_TEMPLATES"); other != "" {
		path = other
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var ref struct {
		Tokens   map[string]string
		Messages []Message
		Cases    []struct {
			Template string
			expected
		}
	}
	if err := json.Unmarshal(data, &ref); err != nil {
		t.Fatal(err)
	}
	rendered, refused := 0, 0
	for _, c := range ref.Cases {
		got, err := render(c.Template, ref.Tokens, ref.Messages, true)
		if c.Text != nil && err != nil {
			refused++
			continue
		}
		if c.Text != nil {
			rendered++
		}
		c.check(t, got, err)
		if t.Failed() {
			t.Fatalf("template %q", c.Template)
		}
	}
	t.Logf("of %d templates, %d rendered alike, %d refused", len(ref.Cases), rendered, refused)
	if rendered < len(ref.Cases)/4 || refused > len(ref.Cases)/10 {
		t.Errorf("of %d templates, only %d rendered, and %d refused", len(ref.Cases), rendered, refused)
	}
}
