package tasks

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// readTSV reads tab-separated lines. As in the GLUE files, a quotation mark is an ordinary character, so a text can
// contain neither a tab nor a line break.
func readTSV(r io.Reader, faults *Faults, f rowFile, emit func(*row) bool) error {
	columns := f.columns
	return eachLine(r, func(line int, text []byte) bool {
		if len(bytes.TrimSpace(text)) == 0 {
			return true
		}
		if !utf8.Valid(text) {
			faults.add(f.name, line, "not UTF-8 (save the file as UTF-8)")
			return true
		}
		cells := strings.Split(string(text), "\t")
		if columns == nil {
			columns = cells
			return true
		}
		if len(cells) != len(columns) {
			faults.add(f.name, line, "%s, want %d (if a text contains a tab or a line break, use .csv or .jsonl)", columnCount(len(cells)), len(columns))
			return true
		}
		return emit(&row{line: line, columns: rowColumns(columns, cells)})
	})
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
			faults.add(f.name, line, "not UTF-8 (save the file as UTF-8)")
			return true
		}
		return emit(&row{line: line, columns: map[string]any{f.columns[0]: string(text)}})
	})
}

// readCSV reads comma-separated records with quoting as in RFC 4180. A quoted text may contain line breaks.
func readCSV(r io.Reader, faults *Faults, f rowFile, emit func(*row) bool) error {
	in := bufio.NewReader(r)
	if mark, _ := in.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		in.Discard(len(byteOrderMark))
	}
	records := csv.NewReader(in)
	records.FieldsPerRecord = -1 // the loop below counts them, so that it can name the line and go on
	columns := f.columns
	for {
		cells, err := records.Read()
		var syntax *csv.ParseError
		switch {
		case err == io.EOF:
			return nil
		case errors.As(err, &syntax):
			// After a stray quotation mark the boundaries of all later records are unknown.
			faults.add(f.name, syntax.Line, "%v (record starts at line %d)", syntax.Err, syntax.StartLine)
			return nil
		case err != nil:
			return err
		}
		line, _ := records.FieldPos(0)
		if columns == nil {
			columns = cells
			continue
		}
		if len(cells) != len(columns) {
			faults.add(f.name, line, "%s, want %d", columnCount(len(cells)), len(columns))
			continue
		}
		if at := invalidCell(cells); at >= 0 {
			faults.add(f.name, line, "%q is not UTF-8 (save the file as UTF-8)", columns[at])
			continue
		}
		if !emit(&row{line: line, columns: rowColumns(columns, cells)}) {
			return nil
		}
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

func columnCount(n int) string {
	if n == 1 {
		return "1 column"
	}
	return fmt.Sprintf("%d columns", n)
}

// rowColumns maps the names of the columns to the cells of a row.
func rowColumns(columns, cells []string) map[string]any {
	m := make(map[string]any, len(columns))
	for i, c := range columns {
		m[strings.TrimSpace(c)] = cells[i]
	}
	return m
}
