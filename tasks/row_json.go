package tasks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// readJSONL reads one JSON object per line and skips empty lines.
func readJSONL(r io.Reader, faults *Faults, f rowFile, emit func(*row) bool) error {
	return eachLine(r, func(line int, text []byte) bool {
		text = bytes.TrimSpace(text)
		if len(text) == 0 {
			return true
		}
		columns, fault := decodeObject(text)
		if fault != "" {
			faults.add(f.name, line, "%s", fault)
			return true
		}
		return emit(&row{line: line, columns: columns})
	})
}

// readJSON reads a list of objects, or a sequence of objects.
func readJSON(r io.Reader, faults *Faults, f rowFile, emit func(*row) bool) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	data = bytes.TrimPrefix(data, []byte(byteOrderMark))
	in := json.NewDecoder(bytes.NewReader(data))
	if trimmed := bytes.TrimLeft(data, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		if _, err := in.Token(); err != nil {
			return err
		}
	}
	line, counted := 1, 0
	for in.More() {
		var raw json.RawMessage
		err := in.Decode(&raw)
		start := int(in.InputOffset()) - len(raw)
		if err != nil {
			start = int(in.InputOffset())
		}
		line += bytes.Count(data[counted:start], []byte("\n"))
		counted = start
		if err != nil {
			faults.add(f.name, line, "%s", jsonFault(err))
			return nil
		}
		columns, fault := decodeObject(raw)
		if fault != "" {
			faults.add(f.name, line, "%s", fault)
			continue
		}
		if !emit(&row{line: line, columns: columns}) {
			return nil
		}
	}
	return nil
}

// decodeObject decodes one JSON object. It returns what is wrong with the text, or "".
func decodeObject(text []byte) (columns map[string]any, fault string) {
	if !utf8.Valid(text) {
		return nil, "not UTF-8 (save the file as UTF-8)"
	}
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	if err := in.Decode(&columns); err != nil {
		return nil, jsonFault(err)
	}
	if _, err := in.Token(); err != io.EOF {
		return nil, "more than one JSON value on the line"
	}
	if columns == nil {
		return nil, "not a JSON object"
	}
	if escape := loneSurrogate(text); escape != "" {
		return nil, escape + ` is half of a character (a surrogate without its partner; write the pair, such as \ud83d\ude00)`
	}
	return columns, ""
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

// jsonFault words an error of the decoder.
func jsonFault(err error) string {
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &mismatch):
		return fmt.Sprintf("a JSON %s, want an object", mismatch.Value)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "not JSON: the text ends too early"
	}
	return fmt.Sprintf("not JSON: %v", err)
}
