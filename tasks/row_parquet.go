package tasks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
)

// readParquet reads rows of any schema. The line of a row is its number, counted from 1.
func readParquet(file *os.File, faults *Faults, f rowFile, emit func(*row) bool) (err error) {
	// The library panics on some damaged files.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged parquet file: %v", p)
		}
	}()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	pf, err := parquet.OpenFile(file, info.Size())
	if err != nil {
		return fmt.Errorf("not a readable parquet file: %w", err)
	}
	rows := parquet.NewGenericReader[any](pf)
	defer rows.Close()
	batch := make([]any, 64)
	for line := 1; ; {
		clear(batch)
		n, err := rows.Read(batch)
		for _, value := range batch[:n] {
			columns, ok := jsonValue(value).(map[string]any)
			if !ok {
				return fmt.Errorf("row %d: not a record", line)
			}
			if name := invalidText(columns); name != "" {
				faults.add(f.name, line, "%q is not UTF-8", name)
			} else if !emit(&row{line: line, columns: columns}) {
				return nil
			}
			line++
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", line, err)
		}
		if n == 0 {
			return fmt.Errorf("row %d: no progress", line)
		}
	}
}

// jsonValue converts a parquet value to the type that the JSON decoder returns, so that a task reads rows of both formats
// with the same code. Parquet stores a list as {list: [{element: …}]}; jsonValue unwraps it.
func jsonValue(v any) any {
	switch v := v.(type) {
	case nil:
		return nil
	case []byte:
		return string(v)
	case string, bool:
		return v
	case int32:
		return json.Number(strconv.FormatInt(int64(v), 10))
	case int64:
		return json.Number(strconv.FormatInt(v, 10))
	case uint32:
		return json.Number(strconv.FormatUint(uint64(v), 10))
	case uint64:
		return json.Number(strconv.FormatUint(v, 10))
	case float32:
		return json.Number(strconv.FormatFloat(float64(v), 'g', -1, 32))
	case float64:
		return json.Number(strconv.FormatFloat(v, 'g', -1, 64))
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = jsonValue(v[i])
		}
		return out
	case map[string]any:
		if list, ok := v["list"].([]any); ok && len(v) == 1 {
			out := make([]any, len(list))
			for i, item := range list {
				if element, ok := item.(map[string]any); ok && len(element) == 1 {
					for _, inner := range element {
						item = inner
					}
				}
				out[i] = jsonValue(item)
			}
			return out
		}
		out := make(map[string]any, len(v))
		for name, inner := range v {
			out[name] = jsonValue(inner)
		}
		return out
	}
	return fmt.Sprint(v)
}

// invalidText returns the name of a column with text that is not UTF-8, or "".
func invalidText(columns map[string]any) string {
	for name, v := range columns {
		if s, ok := v.(string); ok && !utf8.ValidString(s) {
			return name
		}
	}
	return ""
}
