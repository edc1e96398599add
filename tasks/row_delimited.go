package tasks

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"w2s/internal/visible"
)

// readTSV reads tab-separated lines. As in the GLUE files, a quotation mark is an ordinary character, so a text can
// contain neither a tab nor a line break.
func readTSV(r io.Reader, faults *Faults, f rowFile, emit func(*row) bool) error {
	columns, rows := f.columns, false
	err := eachLine(r, func(line int, text []byte) bool {
		if len(bytes.TrimSpace(text)) == 0 {
			return true
		}
		if !utf8.Valid(text) {
			faults.add(f.name, line, "%s", notUTF8Fault(string(text)))
			return columns != nil // the next line is not the header
		}
		switch n := bytes.Count(text, []byte("\t")) + 1; {
		case columns == nil && n > maxRowColumns:
			faults.add(f.name, line, "%v", errManyColumns)
			return false
		case columns != nil && n != len(columns):
			faults.add(f.name, line, "%s, want %d (if a text contains a tab or a line break, use .csv or .jsonl)%s",
				visible.Count(n, "column"), len(columns), breakHint(string(text)))
			return true
		}
		cells := strings.Split(string(text), "\t")
		if columns == nil {
			columns = cells
			return checkHeader(columns, faults, f, line)
		}
		rows = true
		return emit(&row{line: line, columns: rowColumns(columns, cells)})
	})
	checkRows(rows, columns, faults, f)
	return err
}

// readLines makes a row with one column of every line. It skips empty lines and, if comment is not "", lines that start
// with comment.
func readLines(r io.Reader, faults *Faults, f rowFile, comment string, emit func(*row) bool) error {
	return eachLine(r, func(line int, text []byte) bool {
		text = bytes.TrimSpace(text)
		if len(text) == 0 || comment != "" && bytes.HasPrefix(text, []byte(comment)) {
			return true
		}
		if !utf8.Valid(text) {
			faults.add(f.name, line, "%s", notUTF8Fault(string(text)))
			return true
		}
		return emit(&row{line: line, columns: map[string]any{f.columns[0]: string(text)}})
	})
}

// readLabelled makes a row with the columns label and text of every line, which begins with the label and a space. Lines that are
// not UTF-8 are Windows-1252, as in the text files of older data sets.
func readLabelled(r io.Reader, faults *Faults, f rowFile, emit func(*row) bool) error {
	return eachLine(r, func(line int, text []byte) bool {
		if !utf8.Valid(text) {
			text, _ = charmap.Windows1252.NewDecoder().Bytes(text) // it has no invalid bytes
		}
		label, rest, ok := strings.Cut(strings.TrimSpace(string(text)), " ")
		if label == "" {
			return true
		}
		if !ok {
			faults.add(f.name, line, "want a label, a space and a text")
			return true
		}
		return emit(&row{line: line, columns: map[string]any{"label": label, "text": rest}})
	})
}

// notUTF8Fault says where bytes are not UTF-8, and what to do.
func notUTF8Fault(text string) string {
	at, size := 0, 0
	for at < len(text) {
		var r rune
		if r, size = utf8.DecodeRuneInString(text[at:]); r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return fmt.Sprintf("not UTF-8: byte 0x%02X at character %d (convert the file: iconv -f ENCODING -t UTF-8 FILE > NEW, where ENCODING is what the "+
		"file has, such as WINDOWS-1252, SHIFT_JIS or GB18030)", text[at], utf8.RuneCountInString(text[:at])+1)
}

// readCSV reads comma-separated records with quoting as in RFC 4180. A quoted text may contain line breaks.
func readCSV(r io.Reader, faults *Faults, f rowFile, emit func(*row) bool) error {
	record := &recordReader{r: r}
	record.next()
	records := csv.NewReader(bufio.NewReader(record))
	records.FieldsPerRecord = -1 // the loop below counts them, so that it can name the line and go on
	columns, rows := f.columns, false
	for last := 0; ; {
		record.next()
		cells, err := records.Read()
		var syntax *csv.ParseError
		switch {
		case err == io.EOF:
			checkRows(rows, columns, faults, f)
			return nil
		case errors.Is(err, errLongRecord):
			return fmt.Errorf("%s is %w (is the quotation mark at the end of a text missing?)", recordAfter(last), errLongRecord)
		case errors.Is(err, errManyColumns):
			return fmt.Errorf("%s has %w", recordAfter(last), errManyColumns)
		case errors.As(err, &syntax):
			// After a stray quotation mark the boundaries of all later records are unknown.
			faults.add(f.name, syntax.Line, "%v (the record starts at line %d)%s", syntaxFault(syntax.Err), syntax.StartLine, record.bareReturns())
			return nil
		case err != nil:
			return after(last, err)
		}
		line, _ := records.FieldPos(0)
		last, _ = records.FieldPos(len(cells) - 1)
		if at := invalidCell(cells); at >= 0 {
			name := fmt.Sprintf("column %d", at+1)
			if at < len(columns) {
				name = strconv.Quote(shortened(columns[at]))
			}
			faults.add(f.name, line, "%s is %s", name, notUTF8Fault(cells[at]))
			if columns == nil {
				return nil
			}
			continue
		}
		if columns != nil && len(cells) != len(columns) && f.ragged {
			if !emit(&row{line: line, columns: map[string]any{}, skipped: "too few or too many columns"}) {
				return nil
			}
			continue
		}
		if columns != nil && len(cells) != len(columns) {
			faults.add(f.name, line, "%s, want %d%s", visible.Count(len(cells), "column"), len(columns), breakHint(strings.Join(cells, ",")))
			continue
		}
		if columns == nil {
			if columns = cells; !checkHeader(columns, faults, f, line) {
				return nil
			}
			continue
		}
		rows = true
		if !emit(&row{line: line, columns: rowColumns(columns, cells)}) {
			return nil
		}
	}
}

// recordAfter names the record after a line for a message.
func recordAfter(line int) string {
	if line == 0 {
		return "the first record"
	}
	return fmt.Sprintf("the record after line %d", line)
}

// syntaxFault words an error of the reader of records.
func syntaxFault(err error) error {
	switch {
	case errors.Is(err, csv.ErrBareQuote):
		return errors.New(`a quotation mark inside a text that does not begin with one (write the text in quotation marks, and "" for each one inside)`)
	case errors.Is(err, csv.ErrQuote):
		return errors.New(`a quotation mark inside a quoted text, or none at its end (write "" for each one inside)`)
	}
	return err
}

// checkHeader hands the names of the columns to f.header and reports a separator other than that of the format, and two
// columns of the same name. The reader removes white space around names; columns without a name cannot be asked for, so there
// may be several.
func checkHeader(columns []string, faults *Faults, f rowFile, line int) bool {
	if f.header != nil {
		f.header(columns)
	}
	if len(columns) == 1 {
		if found, want := separatorOf(columns[0]), map[string]string{"csv": "commas", "tsv": "tabs"}[f.format]; found != "" && found != want {
			faults.add(f.name, line, "its columns are separated by %s, want %s (a file with tabs is named .tsv, and one with commas .csv)", found, want)
			return false
		}
	}
	first := make(map[string]int, len(columns))
	for i, c := range columns {
		name := strings.TrimSpace(c)
		at, ok := first[name]
		if ok && name != "" {
			faults.add(f.name, line, "columns %d and %d are both named %q (rename one of them)%s", at+1, i+1, shortened(name), breakHint(strings.Join(columns, ",")))
			return false
		}
		first[name] = i
	}
	return true
}

// separatorOf returns what seems to separate the names in a header, such as "tabs", or "" if it is one name.
func separatorOf(header string) string {
	best, name := 0, ""
	for _, s := range []struct{ sign, name string }{{"\t", "tabs"}, {";", "semicolons"}, {",", "commas"}, {"|", "vertical bars"}} {
		if n := strings.Count(header, s.sign); n > best {
			best, name = n, s.name
		}
	}
	return name
}

// breakHint explains a record with a character that may be meant to end a line, or returns "".
func breakHint(record string) string {
	at := strings.IndexFunc(record, func(r rune) bool { return r == '\r' || isSeparator(r) })
	if at < 0 {
		return ""
	}
	r, _ := utf8.DecodeRuneInString(record[at:])
	if r == '\r' {
		return returnsHint
	}
	return fmt.Sprintf(" (the record contains %U, which ends no line; if it should, write a line feed instead)", r)
}

const returnsHint = " (the record contains a carriage return; if it should end a line: tr '\\r' '\\n' < FILE > NEW)"

// checkRows reports a file without rows whose header seems to hold them.
func checkRows(rows bool, columns []string, faults *Faults, f rowFile) {
	if hint := breakHint(strings.Join(columns, ",")); !rows && f.columns == nil && hint != "" {
		faults.add(f.name, 1, "no rows after the header%s", hint)
	}
}

// invalidCell returns the index of the first cell that is not UTF-8, or -1.
func invalidCell(cells []string) int {
	for i, c := range cells {
		if !utf8.ValidString(c) {
			return i
		}
	}
	return -1
}

// rowColumns maps the names of the columns to the cells of a row.
func rowColumns(columns, cells []string) map[string]any {
	m := make(map[string]any, len(columns))
	for i, c := range columns {
		if name := strings.TrimSpace(c); name != "" {
			m[name] = cells[i]
		}
	}
	return m
}
