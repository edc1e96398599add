package table

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"w2s/harness/stats"
	"w2s/harness/summary"
	"w2s/internal/list"
	"w2s/internal/visible"
)

// Data is a table for programs: one value in each cell, and a name that is a word for each column. Scores, shares and intervals are
// fractions of 1, not per cent.
type Data struct {
	Columns []string
	Rows    [][]any // of string, float64, int, bool, or nil where there is no value; a column has one of these types

	text map[string]bool // columns of texts that may have no value
}

// A field is a column of Data.
type field[R any] struct {
	name  string
	value func(R) any
}

// tidy returns the fields of rows.
func tidy[R any](rows []R, fields []field[R]) *Data {
	d := &Data{Columns: list.Map(fields, func(f field[R]) string { return f.name }), Rows: [][]any{}}
	d.text = map[string]bool{}
	for _, r := range rows {
		d.Rows = append(d.Rows, list.Map(fields, func(f field[R]) any {
			v := f.value(r)
			if v == noText {
				d.text[f.name], v = true, nil
			}
			return settled(v)
		}))
	}
	return d
}

// settled returns a value as one of the types of Data. Numbers that are none are nil.
func settled(v any) any {
	if x, ok := v.(float64); ok && (math.IsNaN(x) || math.IsInf(x, 0)) {
		return nil
	}
	if r := reflect.ValueOf(v); r.IsValid() {
		switch {
		case r.Kind() == reflect.String:
			return r.String()
		case r.CanInt():
			return int(r.Int())
		case r.CanUint():
			return int(r.Uint())
		}
	}
	return v
}

// ranged returns the fields of a value and its interval: NAME, NAME_lo, NAME_hi. The value is nil unless ok.
func ranged[R any](name string, of func(R) (v float64, over stats.Interval, ok bool)) []field[R] {
	end := func(pick func(stats.Interval) float64) func(R) any {
		return func(r R) any {
			if _, over, ok := of(r); ok && over.Known() {
				return pick(over)
			}
			return nil
		}
	}
	return []field[R]{{name, func(r R) any {
		if v, _, ok := of(r); ok {
			return v
		}
		return nil
	}}, {name + "_lo", end(func(v stats.Interval) float64 { return v.Lo })}, {name + "_hi", end(func(v stats.Interval) float64 { return v.Hi })}}
}

// parts returns the parts of a figure, and whether there is one.
func parts(f *summary.Figure) (float64, stats.Interval, bool) {
	if f == nil {
		return 0, stats.Interval{}, false
	}
	return f.Value, f.Interval, true
}

func figureFields[R any](name string, of func(R) summary.Figure) []field[R] {
	return ranged(name, func(r R) (float64, stats.Interval, bool) { f := of(r); return f.Value, f.Interval, true })
}

func pgrFields[R any](name string, of func(R) stats.PGR) []field[R] {
	return ranged(name, func(r R) (float64, stats.Interval, bool) { p := of(r); return p.Value, p.Interval, p.Defined })
}

// data returns the table for programs: its own data, or else its cells as text.
func (t *Table) data() *Data {
	if t.values != nil {
		return t.values
	}
	d := &Data{Rows: [][]any{}}
	for _, c := range t.Columns {
		name := c.Name
		for n := 2; slices.Contains(d.Columns, name); n++ { // tasks can be named alike
			name = fmt.Sprintf("%s %d", c.Name, n)
		}
		d.Columns = append(d.Columns, name)
	}
	for _, row := range t.Rows {
		d.Rows = append(d.Rows, list.Map(row, func(cell string) any { return cell }))
	}
	return d
}

// csv writes a header and a line for each row. A text that a spreadsheet would read as a formula has "'" before it.
func (d *Data) csv(w io.Writer) error {
	c := csv.NewWriter(w)
	text := func(s string) string { return csvSafe(visible.Text(s)) }
	c.Write(list.Map(d.Columns, text))
	for _, row := range d.Rows {
		c.Write(list.Map(row, func(v any) string {
			switch v := v.(type) {
			case nil:
				return ""
			case string:
				return text(v)
			case float64:
				return strconv.FormatFloat(v, 'g', -1, 64)
			}
			return fmt.Sprint(v)
		}))
	}
	c.Flush()
	return c.Error()
}

// json writes a list of objects, whose keys are in the order of the columns.
func (d *Data) json(w io.Writer) error {
	return d.objects(w, "[\n  ", ",\n  ", "\n]\n", "[]\n")
}

// jsonl writes an object on each line.
func (d *Data) jsonl(w io.Writer) error { return d.objects(w, "", "\n", "\n", "") }

// objects writes an object for each row.
func (d *Data) objects(w io.Writer, before, between, after, none string) error {
	if len(d.Rows) == 0 {
		_, err := io.WriteString(w, none)
		return err
	}
	var b bytes.Buffer
	write := func(v any) error {
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			return err
		}
		b.Truncate(b.Len() - 1) // the end of the line
		return nil
	}
	b.WriteString(before)
	for r, row := range d.Rows {
		if r > 0 {
			b.WriteString(between)
		}
		b.WriteByte('{')
		for i, v := range row {
			if i > 0 {
				b.WriteString(", ")
			}
			if err := write(d.Columns[i]); err != nil {
				return err
			}
			b.WriteString(": ")
			if err := write(v); err != nil {
				return fmt.Errorf("table: %s: %w", d.Columns[i], err)
			}
		}
		b.WriteByte('}')
	}
	b.WriteString(after)
	_, err := w.Write(visible.JSON(b.Bytes()))
	return err
}

// parquet writes a parquet file. Columns of numbers without any value hold float64.
func (d *Data) parquet(w io.Writer) error {
	var fields []reflect.StructField
	for i, name := range d.Columns {
		of := reflect.TypeFor[float64]()
		if d.text[name] || len(d.Rows) == 0 {
			of = reflect.TypeFor[string]()
		}
		for _, row := range d.Rows {
			if row[i] != nil {
				of = reflect.TypeOf(row[i])
				break
			}
		}
		if of.Kind() == reflect.Int {
			of = reflect.TypeFor[int64]()
		}
		fields = append(fields, reflect.StructField{Name: "F" + strconv.Itoa(i), Type: reflect.PointerTo(of),
			Tag: reflect.StructTag(fmt.Sprintf("parquet:%q", name+",optional,zstd"))})
	}
	of := reflect.StructOf(fields)
	out := parquet.NewWriter(w, parquet.SchemaOf(reflect.New(of).Interface()))
	for _, row := range d.Rows {
		record := reflect.New(of)
		for i, v := range row {
			if v == nil {
				continue
			}
			cell := reflect.New(fields[i].Type.Elem())
			value := reflect.ValueOf(v)
			if !value.CanConvert(cell.Elem().Type()) || value.Kind() == reflect.Int && cell.Elem().Kind() == reflect.String {
				return fmt.Errorf("table: column %s holds %T and %s", d.Columns[i], v, cell.Elem().Type())
			}
			cell.Elem().Set(value.Convert(cell.Elem().Type()))
			record.Elem().Field(i).Set(cell)
		}
		if err := out.Write(record.Interface()); err != nil {
			return err
		}
	}
	return out.Close()
}
