package tasks

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"w2s/internal/inputfile"
)

// readJSONL reads one JSON object per line and skips empty lines.
func readJSONL(r io.Reader, faults *Faults, f rowFile, emit func(*row) bool) error {
	return eachLine(r, func(line int, text []byte) bool {
		text = bytes.TrimPrefix(text, []byte(byteOrderMark))           // two files may have been joined
		text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\x1e"))) // JSON text sequences (RFC 7464) begin records with it
		if len(text) == 0 {
			return true
		}
		columns, err := decodeObject(text)
		if text[0] == '[' && errors.Is(err, errCutOff) {
			faults.add(f.name, line, "not JSON lines: a list of several lines begins here (give a file with one JSON list the extension .json)")
			return false
		}
		if err != nil {
			faults.add(f.name, line, "%v", err)
			return true
		}
		return emit(&row{line: line, columns: columns})
	})
}

// readJSON reads a list of objects, or a sequence of objects. The line of a row is the one on which its object starts.
func readJSON(r io.Reader, faults *Faults, f rowFile, emit func(*row) bool) error {
	in := newJSONReader(r)
	c, err := in.peek()
	if err != nil {
		return err
	}
	if c != '[' {
		for {
			if c, err = in.peek(); err != nil || c == 0 {
				return err
			}
			if more, err := in.row(faults, f, emit); err != nil || !more {
				return err
			}
		}
	}
	in.next()
	whole, err := in.list(faults, f, emit)
	if err != nil || !whole {
		return err
	}
	if c, err = in.peek(); err == nil && c != 0 {
		faults.add(f.name, in.line, "text after the end of the list")
	}
	return err
}

// A jsonReader finds values in JSON text without holding more than one of them. It does not check what is inside a value.
type jsonReader struct {
	in       *bufio.Reader
	line     int // of the next byte
	value    []byte
	rows     int  // number of objects so far
	byNumber bool // whether the line of a row is its number
}

func newJSONReader(r io.Reader) *jsonReader {
	return &jsonReader{in: bufio.NewReaderSize(r, headBytes), line: 1}
}

// peek skips white space and returns the next byte without reading it, or 0 at the end of the text.
func (j *jsonReader) peek() (byte, error) {
	for {
		head, err := j.in.Peek(1)
		if err == io.EOF {
			return 0, nil
		}
		if err != nil {
			return 0, after(j.line-1, err)
		}
		switch head[0] {
		case ' ', '\t', '\r', '\n':
			j.next()
		case 0:
			return 0, fmt.Errorf("line %d: not JSON: a zero byte", j.line)
		default:
			return head[0], nil
		}
	}
}

// next reads the byte that peek returned.
func (j *jsonReader) next() {
	if c, err := j.in.ReadByte(); err == nil && c == '\n' {
		j.line++
	}
}

// read reads a value. With keep, it stores the value, which then may have at most maxRowBytes. A text that ends within a value
// is no error here; the value is then not JSON.
func (j *jsonReader) read(keep bool) error {
	j.value = j.value[:0]
	start, depth, quoted, escaped := j.line, 0, false, false
	for {
		c, err := j.in.ReadByte()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return after(j.line-1, err)
		}
		if !quoted && depth == 0 && len(j.value) > 0 && strings.IndexByte(" \t\r\n,:[]{}\"", c) >= 0 {
			return j.in.UnreadByte() // the end of a number or word
		}
		if c == '\n' {
			j.line++
		}
		if keep || len(j.value) == 0 {
			j.value = append(j.value, c)
		}
		if len(j.value) > maxRowBytes {
			return fmt.Errorf("the value at line %d is %w (is a quotation mark or a bracket missing?)", start, errLongRecord)
		}
		switch {
		case escaped:
			escaped = false
			continue
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == '"':
			quoted = true
			continue
		case c == '{' || c == '[':
			depth++
			continue
		case c == '}' || c == ']':
			depth--
		default:
			if depth > 0 || strings.IndexByte(",:", c) < 0 {
				continue
			}
		}
		if depth <= 0 && !quoted {
			return nil
		}
	}
}

// fields reads an object and calls do for each of its keys, until do returns false. do reads the value.
func (j *jsonReader) fields(do func(key string) (more bool, err error)) error {
	expect := func(want byte) error {
		c, err := j.peek()
		if err == nil && c != want {
			err = fmt.Errorf("line %d: want %q", j.line, want)
		}
		if err == nil {
			j.next()
		}
		return err
	}
	if err := expect('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		c, err := j.peek()
		if err != nil {
			return err
		}
		if c == '}' {
			j.next()
			return nil
		}
		if !first {
			if err := expect(','); err != nil {
				return err
			}
			if _, err := j.peek(); err != nil {
				return err
			}
		}
		if err := j.read(true); err != nil {
			return err
		}
		var key string
		if err := json.Unmarshal(j.value, &key); err != nil {
			return fmt.Errorf("line %d: a key: %w", j.line, err)
		}
		if err := expect(':'); err != nil {
			return err
		}
		if more, err := do(key); err != nil || !more {
			return err
		}
	}
}

// row reads an object and emits it as a row. It returns false if the rest of the text should not be read.
func (j *jsonReader) row(faults *Faults, f rowFile, emit func(*row) bool) (more bool, err error) {
	line := j.line
	if j.rows++; j.byNumber {
		line = j.rows
	}
	if err := j.read(true); err != nil {
		return false, err
	}
	columns, err := decodeObject(j.value)
	if err == nil {
		return emit(&row{line: line, columns: columns}), nil
	}
	var syntax *json.SyntaxError
	broken := errors.As(err, &syntax)
	if broken && !j.byNumber {
		line += bytes.Count(j.value[:min(int(syntax.Offset), len(j.value))], []byte("\n"))
	}
	if r, _ := utf8.DecodeRune(j.value); isSeparator(r) {
		err = fmt.Errorf("not JSON: %U between two values, want a line feed or a comma", r)
	}
	faults.add(f.name, line, "%v", err)
	return !broken && !errors.Is(err, errCutOff), nil // where the next object of broken text starts is unknown
}

// list reads the objects of a list after its opening bracket, and the closing one. It returns false if it did not read all of
// the list.
func (j *jsonReader) list(faults *Faults, f rowFile, emit func(*row) bool) (whole bool, err error) {
	for first := true; ; first = false {
		c, err := j.peek()
		if err != nil {
			return false, err
		}
		switch {
		case c == 0:
			faults.add(f.name, j.line, "not JSON: the list does not end with ] (is the file cut off?)")
			return false, nil
		case c == ']':
			j.next()
			return true, nil
		case !first && c != ',':
			faults.add(f.name, j.line, "not JSON: %q after a value of a list, want a comma", c)
			return false, nil
		case !first:
			j.next()
			if _, err := j.peek(); err != nil {
				return false, err
			}
		}
		if more, err := j.row(faults, f, emit); err != nil || !more {
			return false, err
		}
	}
}

// decodeObject decodes one JSON object.
func decodeObject(text []byte) (columns map[string]any, err error) {
	if !utf8.Valid(text) {
		return nil, errors.New(notUTF8Fault(string(text)))
	}
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	if err := in.Decode(&columns); err != nil {
		return nil, jsonFault(text, err)
	}
	if rest := text[in.InputOffset():]; len(bytes.Trim(rest, " \t\r\n")) > 0 {
		return nil, errors.New(restFault(rest))
	}
	if columns == nil {
		return nil, errors.New("not a JSON object")
	}
	if escape := loneSurrogate(text); escape != "" {
		return nil, errors.New(escape + ` is half of a character (a surrogate without its partner; write the pair, such as \ud83d\ude00)`)
	}
	if inputfile.CountJSON(text, ':') != keysOf(columns) {
		return nil, fmt.Errorf("the key %q is there twice (rename one of them)", shortened(repeatedKey(text)))
	}
	return columns, nil
}

// restFault says what is wrong with the text after the object of a line.
func restFault(rest []byte) string {
	const fault = "more than one JSON value on the line"
	r, _ := utf8.DecodeRune(rest)
	switch {
	case len(bytes.Trim(rest, ", \t\r\n")) == 0:
		return "a comma after the object (JSON lines have none: remove it, or write one JSON list into a .json file)"
	case bytes.IndexByte(rest, '\r') >= 0:
		return fault + ` (they are separated by a carriage return; end every object with a line feed: tr '\r' '\n' < FILE > NEW)`
	case isSeparator(r):
		return fmt.Sprintf("%s (they are separated by %U; end every object with a line feed)", fault, r)
	}
	return fault
}

// isSeparator reports whether some programs take a character for the end of a line. JSON does not.
func isSeparator(r rune) bool {
	return slices.Contains([]rune{'\v', '\f', 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029}, r)
}

// keysOf returns the number of keys of a decoded value. The decoder keeps only the last of two equal keys of an object.
func keysOf(v any) (n int) {
	switch v := v.(type) {
	case map[string]any:
		n = len(v)
		for _, inner := range v {
			n += keysOf(inner)
		}
	case []any:
		for _, inner := range v {
			n += keysOf(inner)
		}
	}
	return n
}

// repeatedKey returns the first key in valid JSON that its object already has.
func repeatedKey(text []byte) string {
	type level struct {
		keys map[string]bool // nil for a list
		key  bool            // whether the next token is a key
	}
	var levels []level
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	for {
		token, err := in.Token()
		if err != nil {
			return ""
		}
		var top *level
		if len(levels) > 0 {
			top = &levels[len(levels)-1]
		}
		if name, ok := token.(string); ok && top != nil && top.key {
			if top.keys[name] {
				return name
			}
			top.keys[name], top.key = true, false
			continue
		}
		if top != nil {
			top.key = top.keys != nil
		}
		switch token {
		case json.Delim('{'):
			levels = append(levels, level{keys: map[string]bool{}, key: true})
		case json.Delim('['):
			levels = append(levels, level{})
		case json.Delim('}'), json.Delim(']'):
			levels = levels[:len(levels)-1]
		}
	}
}

// loneSurrogate returns the first escape in valid JSON, such as \ud83d, that is half of a surrogate pair without the other
// half next to it, or "". The decoder would silently replace it by U+FFFD.
func loneSurrogate(text []byte) string {
	// In valid JSON a backslash occurs only inside a string.
	for {
		at := bytes.IndexByte(text, '\\')
		if at < 0 {
			return ""
		}
		text = text[at:]
		unit, ok := escapedUnit(text)
		switch {
		case !ok:
			text = text[2:] // an escape of two bytes, such as \n or \\
		case !utf16.IsSurrogate(unit):
			text = text[unitLength:]
		default:
			other, _ := escapedUnit(text[unitLength:])
			if utf16.DecodeRune(unit, other) == utf8.RuneError {
				return string(text[:unitLength])
			}
			text = text[2*unitLength:]
		}
	}
}

// unitLength is the number of bytes of an escape such as \ud83d.
const unitLength = 6

// escapedUnit decodes the UTF-16 code unit of a \u escape at the start of text.
func escapedUnit(text []byte) (unit rune, ok bool) {
	if len(text) < unitLength || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[2:unitLength]), 16, 16)
	return rune(n), err == nil
}

var errCutOff = errors.New("not JSON: the text ends too early")

// A jsonError is a syntax error with an explanation that says more than the decoder's.
type jsonError struct {
	text string
	*json.SyntaxError
}

func (e jsonError) Error() string { return "not JSON: " + e.text }
func (e jsonError) Unwrap() error { return e.SyntaxError }

// jsonHabits lists what other notations have and JSON has not.
var jsonHabits = []struct{ text, fault string }{
	{"NaN", "NaN is no value of JSON (write null, or leave the row out)"},
	{"Infinity", "Infinity is no value of JSON"},
	{"'", "a text is not in double quotation marks (Python's notation is not JSON: write the rows with json.dumps)"},
	{"None", "None is null in JSON (write the rows with json.dumps)"},
	{"True", "True is true in JSON (write the rows with json.dumps)"},
	{"False", "False is false in JSON (write the rows with json.dumps)"},
}

// jsonFault words an error of the decoder about text, which is to be an object.
func jsonFault(text []byte, err error) error {
	var mismatch *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &mismatch):
		return fmt.Errorf("a JSON %s, want an object", mismatch.Value)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errCutOff
	case errors.As(err, &syntax) && strings.Contains(syntax.Error(), "max depth"):
		return jsonError{"lists and objects are nested more than 10,000 deep", syntax}
	case !errors.As(err, &syntax):
		return fmt.Errorf("not JSON: %w", err)
	case text[0] != '{' && text[0] != '[':
		return jsonError{fmt.Sprintf("%q, want an object in braces", shortened(string(text[:min(len(text), 200)]))), syntax}
	}
	rest := text[min(max(int(syntax.Offset)-1, 0), len(text)):] // from the byte that JSON does not have at this place
	for _, habit := range jsonHabits {
		if bytes.HasPrefix(rest, []byte(habit.text)) {
			return jsonError{habit.fault, syntax}
		}
	}
	before := bytes.TrimSpace(text[:len(text)-len(rest)])
	if len(rest) > 0 && (rest[0] == '}' || rest[0] == ']') && bytes.HasSuffix(before, []byte(",")) {
		return jsonError{fmt.Sprintf("a comma before %q", rest[0]), syntax}
	}
	return fmt.Errorf("not JSON: %w", err)
}
