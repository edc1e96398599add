package chat

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A token is a lexical unit of a template.
type token struct {
	kind tokenKind
	text string // of a string: its value
	line int
}

type tokenKind int

const (
	dataToken    tokenKind = iota // text outside of tags
	beginOutput                   // {{
	endOutput                     // }}
	beginTag                      // {%
	endTag                        // %}
	nameToken                     // a name or a keyword
	stringToken                   // a string literal
	intToken                      // an integer literal
	floatToken                    // a literal with a point or an exponent
	opToken                       // an operator or a bracket
	endOfSource                   // the end of the template
	commentToken                  // only inside the lexer
)

func (t token) String() string {
	switch t.kind {
	case dataToken:
		return "text"
	case beginTag, endTag, beginOutput, endOutput:
		return t.text
	case endOfSource:
		return "the end of the template"
	}
	return strconv.Quote(t.text)
}

// A lexer splits a template into tokens. It removes white space as Jinja does with trim_blocks and lstrip_blocks: a tag that
// stands first on its line takes the indentation with it, and a tag takes the line break after it.
type lexer struct {
	source    string
	at        int
	line      int
	lineStart bool // whether the last match ended a line, or nothing was matched yet
	tokens    []token
}

// openings are the starts of tags by kind. A sign after them says what happens to white space before.
var openings = map[string]tokenKind{"{{": beginOutput, "{%": beginTag, "{#": commentToken}

var (
	rawBegin = regexp.MustCompile(`^\{%[-+]?[\s\x0b\x1c-\x1f\x{85}\p{Z}]*raw[\s\x0b\x1c-\x1f\x{85}\p{Z}]*(-%\}[\s\x0b\x1c-\x1f\x{85}\p{Z}]*|%\})`)
	rawEnd   = regexp.MustCompile(`\{%([-+]?)[\s\x0b\x1c-\x1f\x{85}\p{Z}]*endraw[\s\x0b\x1c-\x1f\x{85}\p{Z}]*(?:\+%\}|-%\}[\s\x0b\x1c-\x1f\x{85}\p{Z}]*|%\}\n?)`)
)

// lex returns the tokens of a template.
func lex(source string) ([]token, error) {
	source = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(source)
	source = strings.TrimSuffix(source, "\n")
	l := &lexer{source: source, line: 1, lineStart: true}
	for l.at < len(l.source) {
		if err := l.next(); err != nil {
			return nil, err
		}
	}
	l.add(endOfSource, "")
	return l.tokens, nil
}

func (l *lexer) rest() string { return l.source[l.at:] }

func (l *lexer) add(kind tokenKind, text string) {
	l.tokens = append(l.tokens, token{kind, text, l.line})
}

// advance moves over n bytes.
func (l *lexer) advance(n int) {
	l.line += strings.Count(l.source[l.at:l.at+n], "\n")
	l.at += n
	l.lineStart = strings.HasSuffix(l.source[:l.at], "\n")
}

// advanceSpace moves over white space.
func (l *lexer) advanceSpace() {
	l.advance(len(l.rest()) - len(strings.TrimLeftFunc(l.rest(), isSpace)))
}

// text adds the text before a tag. sign is what follows the tag's opening: "-" removes all white space, "+" keeps it, and ""
// removes the indentation of a tag that is not an output.
func (l *lexer) text(n int, sign string, output bool) {
	text := l.rest()[:n]
	switch {
	case sign == "-":
		text = strings.TrimRightFunc(text, isSpace)
	case sign == "" && !output:
		from := strings.LastIndexByte(text, '\n') + 1
		if (from > 0 || l.lineStart) && strings.TrimLeftFunc(text[from:], isSpace) == "" {
			text = text[:from]
		}
	}
	if text != "" {
		l.add(dataToken, text)
	}
	l.advance(n)
}

// next reads the text up to a tag, and the tag.
func (l *lexer) next() error {
	n := -1
	for i := 0; i+1 < len(l.rest()); i++ {
		if _, ok := openings[l.rest()[i:i+2]]; ok {
			n = i
			break
		}
	}
	if n < 0 {
		l.text(len(l.rest()), "+", false)
		return nil
	}
	opening, sign := l.rest()[n:n+2], ""
	kind := openings[opening]
	if after := l.rest()[n+2:]; strings.HasPrefix(after, "-") || strings.HasPrefix(after, "+") {
		sign = after[:1]
	}
	raw := rawBegin.FindString(l.rest()[n:])
	l.text(n, sign, kind == beginOutput)
	if raw != "" {
		l.advance(len(raw))
		return l.raw()
	}
	line := l.line
	if kind != commentToken {
		l.add(kind, opening)
	}
	l.advance(2 + len(sign))
	if kind == commentToken {
		return l.comment(line)
	}
	return l.tag(kind, opening, line)
}

// raw adds the text of {% raw %} up to its end.
func (l *lexer) raw() error {
	m := rawEnd.FindStringSubmatchIndex(l.rest())
	if m == nil {
		return fmt.Errorf("line %d: {%% raw %%} has no {%% endraw %%}", l.line)
	}
	tag := l.rest()[m[0]:m[1]]
	l.text(m[0], l.rest()[m[2]:m[3]], false)
	l.advance(len(tag))
	return nil
}

func (l *lexer) comment(line int) error {
	end := strings.Index(l.rest(), "#}")
	if end < 0 {
		return fmt.Errorf("line %d: the comment has no end #}", line)
	}
	sign := ""
	if end > 0 {
		sign = l.rest()[end-1 : end]
	}
	l.advance(end + len("#}"))
	l.close(sign, commentToken)
	return nil
}

// close removes what the end of a tag removes after it.
func (l *lexer) close(sign string, kind tokenKind) {
	switch {
	case sign == "-":
		l.advanceSpace()
	case sign != "+" && kind != beginOutput && strings.HasPrefix(l.rest(), "\n"):
		l.advance(1)
	}
}

var (
	numberPattern = regexp.MustCompile(`^(?:\d+_)*\d+(?:(\.(?:\d+_)*\d+)?[eE][+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)?`)
	otherNumber   = regexp.MustCompile(`^0[bBoOxX]`)
	stringPattern = regexp.MustCompile(`(?s)^(?:'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*")`)
)

// operators are all operators, longer ones before their beginnings.
var operators = []string{"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"}

var closes = map[string]string{")": "(", "]": "[", "}": "{"}

// tag reads the tokens of a tag and its end.
func (l *lexer) tag(kind tokenKind, opening string, line int) error {
	closing, ended := "}}", endOutput
	if kind == beginTag {
		closing, ended = "%}", endTag
	}
	var open []string // brackets
	for {
		l.advanceSpace()
		rest := l.rest()
		if rest == "" {
			return fmt.Errorf("line %d: the tag %s has no end %s", line, opening, closing)
		}
		if len(open) == 0 {
			sign := ""
			if rest[0] == '-' || rest[0] == '+' && kind == beginTag {
				sign = rest[:1]
			}
			if strings.HasPrefix(rest[len(sign):], closing) {
				l.add(ended, closing)
				l.advance(len(sign) + len(closing))
				l.close(sign, kind)
				return nil
			}
		}
		n, err := l.lexeme(&open)
		if err != nil {
			return fmt.Errorf("line %d: %w", l.line, err)
		}
		l.advance(n)
	}
}

// lexeme adds the next token inside a tag and returns its length in bytes.
func (l *lexer) lexeme(open *[]string) (int, error) {
	rest := l.rest()
	first, size := utf8.DecodeRuneInString(rest)
	switch {
	case first == '_' || unicode.IsLetter(first):
		n := strings.IndexFunc(rest, func(r rune) bool {
			return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.M, r)
		})
		if n < 0 {
			n = len(rest)
		}
		l.add(nameToken, rest[:n])
		return n, nil
	case first >= '0' && first <= '9':
		if otherNumber.MatchString(rest) {
			return 0, fmt.Errorf("numbers such as %.4q are not supported", rest)
		}
		// In messages.0.role, the numbers after a point have no fraction.
		text := numberPattern.FindString(rest)
		if n := len(l.tokens); n > 0 && l.tokens[n-1].text == "." && l.tokens[n-1].kind == opToken {
			text = regexp.MustCompile(`^[\d_]+`).FindString(rest)
		}
		kind := intToken
		if strings.ContainsAny(text, ".eE") {
			kind = floatToken
		}
		l.add(kind, strings.ReplaceAll(text, "_", ""))
		return len(text), nil
	case first == '\'' || first == '"':
		text := stringPattern.FindString(rest)
		if text == "" {
			return 0, fmt.Errorf("the string %.20q has no end", rest)
		}
		value, err := unescape(text[1 : len(text)-1])
		if err != nil {
			return 0, err
		}
		l.add(stringToken, value)
		return len(text), nil
	}
	for _, op := range operators {
		if !strings.HasPrefix(rest, op) {
			continue
		}
		switch op {
		case "(", "[", "{":
			*open = append(*open, op)
		case ")", "]", "}":
			if n := len(*open); n == 0 || (*open)[n-1] != closes[op] {
				return 0, fmt.Errorf("unexpected %q", op)
			}
			*open = (*open)[:len(*open)-1]
		}
		l.add(opToken, op)
		return len(op), nil
	}
	return 0, fmt.Errorf("unexpected character %q", rest[:size])
}

// simpleEscapes are the escapes of one letter in Python's strings.
var simpleEscapes = map[byte]string{'\n': "", '\\': `\`, '\'': "'", '"': `"`, 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v"}

// unescape replaces the escapes of a string literal as Python does. It keeps unknown ones.
func unescape(s string) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, `\`)
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		digits, base := 0, 16
		switch c := after[0]; {
		case c == 'x':
			digits = 2
		case c == 'u':
			digits = 4
		case c == 'U':
			digits = 8
		case c >= '0' && c <= '7':
			base = 8
			for digits < min(3, len(after)) && after[digits] >= '0' && after[digits] <= '7' {
				digits++
			}
		case c == 'N':
			return "", fmt.Errorf(`the escape \N in a string is not supported`)
		default:
			if simple, ok := simpleEscapes[c]; ok {
				b.WriteString(simple)
				s = after[1:]
			} else {
				b.WriteByte('\\')
				s = after
			}
			continue
		}
		if base == 16 {
			after = after[1:]
		}
		if len(after) < digits {
			return "", fmt.Errorf(`an escape in a string is too short`)
		}
		n, err := strconv.ParseUint(after[:digits], base, 32)
		if err != nil || n > unicode.MaxRune || n >= 0xd800 && n < 0xe000 {
			return "", fmt.Errorf(`the escape of %q in a string is no character`, after[:digits])
		}
		b.WriteRune(rune(n))
		s = after[digits:]
	}
}

// isSpace reports whether Python takes a character for white space.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
