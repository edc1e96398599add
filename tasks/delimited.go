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

// readTSV reads tab-separated lines. As in the GLUE files a quotation mark is a character like any other, so a text
// can hold neither a tab nor a line break.
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
			faults.add(f.name, line, "%s, want %d (a tab or a line break inside a text? they need .csv or .jsonl)", cellCount(len(cells)), len(columns))
			return true
		}
		return emit(&row{line: line, columns: cellMap(columns, cells)})
	})
}

// readLines makes a row of one column of every line; an empty line is passed over, and so is one that starts with
// remark, where that is not "".
func readLines(r io.Reader, faults *Faults, f rowFile, remark string, emit func(*row) bool) error {
	return eachLine(r, func(line int, text []byte) bool {
		text = bytes.TrimSpace(text)
		if len(text) == 0 || remark != "" && bytes.HasPrefix(text, []byte(remark)) {
			return true
		}
		if !utf8.Valid(text) {
			faults.add(f.name, line, "not UTF-8 (save the file as UTF-8)")
			return true
		}
		return emit(&row{line: line, columns: map[string]any{f.columns[0]: string(text)}})
	})
}

// readCSV reads comma-separated records with quotation marks as in RFC 4180; a quoted text may hold line breaks.
func readCSV(r io.Reader, faults *Faults, f rowFile, emit func(*row) bool) error {
	in := bufio.NewReader(r)
	if mark, _ := in.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		in.Discard(len(byteOrderMark))
	}
	records := csv.NewReader(in)
	records.FieldsPerRecord = -1 // counted here, to name the line and go on
	columns := f.columns
	for {
		cells, err := records.Read()
		var wrong *csv.ParseError
		switch {
		case err == io.EOF:
			return nil
		case errors.As(err, &wrong):
			// After a stray quotation mark nothing can be trusted: later records would be cut at the wrong places.
			faults.add(f.name, wrong.Line, "%v (record starts at line %d)", wrong.Err, wrong.StartLine)
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
			faults.add(f.name, line, "%s, want %d", cellCount(len(cells)), len(columns))
			continue
		}
		if at := notUTF8(cells); at >= 0 {
			faults.add(f.name, line, "%q is not UTF-8 (save the file as UTF-8)", columns[at])
			continue
		}
		if !emit(&row{line: line, columns: cellMap(columns, cells)}) {
			return nil
		}
	}
}

func notUTF8(cells []string) int {
	for i, c := range cells {
		if !utf8.ValidString(c) {
			return i
		}
	}
	return -1
}

func cellCount(n int) string {
	if n == 1 {
		return "1 column"
	}
	return fmt.Sprintf("%d columns", n)
}

func cellMap(columns, cells []string) map[string]any {
	m := make(map[string]any, len(columns))
	for i, c := range columns {
		m[strings.TrimSpace(c)] = cells[i]
	}
	return m
}
