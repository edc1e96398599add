package tasks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"w2s/internal/inputfile"
	"w2s/internal/suggest"
	"w2s/internal/visible"
)

// A fileTask is a task on the user's own files.
type fileTask struct {
	spec Spec
	dir  string // folder of relative file names
}

// OpenFile returns a task on a data file (JSONL, JSON, CSV, TSV or parquet), a file of chess problems (PGN, FEN, lichess
// CSV or parquet, BIG-bench JSON) or a YAML task file. The columns of a data file decide what it is: text and label (0 or
// 1), chosen and rejected with an optional prompt, prompt with choices and answer, or prompt with answer. Other common
// names, such as sentence, question or options, are recognised too.
func OpenFile(path string) (Task, error) { return openFileWith(path, nil) }

// openFileWith opens a file with settings that a user gave.
func openFileWith(path string, given settings) (Task, error) {
	if path == "-" {
		return nil, errStdin
	}
	if err := inputfile.Check(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("tasks: %w", err)
	}
	if given != nil && isTaskFile(path) {
		return nil, noSettings(path, "a YAML task file")
	}
	if isTaskFile(path) {
		spec, err := readSpec(path)
		if err != nil {
			return nil, err
		}
		return spec.task(filepath.Dir(path))
	}
	if kind := chessKind(path); kind != "" && given == nil {
		return fileChessTask(path, kind), nil
	}
	if err := given.hubOnly(); err != nil {
		return nil, fmt.Errorf("tasks: %s: %w", path, err)
	}
	base := filepath.Base(path)
	name, _, _ := strings.Cut(visible.Name(base), ".")
	spec, err := guessSpec(guess{path: path, file: base, name: name, ref: path, given: given})
	if err != nil {
		return nil, err
	}
	if test, ok := given["test"]; ok {
		if spec.Test, err = absolute(given.list("test")); err != nil {
			return nil, fmt.Errorf("tasks: test=%s: %w", test, err)
		}
	}
	return fileTask{spec: spec, dir: filepath.Dir(path)}, nil
}

// absolute returns paths that do not depend on the folder of a task file.
func absolute(paths []string) ([]string, error) {
	out := make([]string, len(paths))
	for i, p := range paths {
		var err error
		if out[i], err = filepath.Abs(p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// errStdin explains why a task cannot be read from standard input.
var errStdin = errors.New("tasks: -: a task is not read from standard input, because its data is read more than once, and its format " +
	"is told by the extension (write the data to a file, and name that)")

// FromSpec returns the task that a Spec describes. Relative file names start at dir.
func FromSpec(spec Spec, dir string) (Task, error) {
	faults := &Faults{}
	name := spec.Name
	if name == "" {
		return nil, errors.New("tasks: the Spec of a task needs a name")
	}
	spec.check(func(_, format string, args ...any) { faults.add(name, 0, format, args...) })
	if err := faults.err(); err != nil {
		return nil, err
	}
	return spec.task(dir)
}

// task returns the task of a checked Spec.
func (s Spec) task(dir string) (Task, error) {
	if s.Board == "" {
		return fileTask{spec: s, dir: dir}, nil
	}
	path := s.Train[0]
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	file, err := openFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w (task %s)", err, s.Name)
	}
	file.Close()
	kind := chessKind(path)
	if kind == "" {
		return nil, fmt.Errorf("tasks: %s: %s is not a chess file (want PGN, FEN, lichess CSV or BIG-bench JSON)", s.Name, s.Train[0])
	}
	t := fileChessTask(path, kind)
	t.notation, t.form = notation(s.Board), s.Form
	t.info = fileTask{spec: s}.Info()
	t.info.Classes = nil
	if s.Form == Classify {
		t.info.Classes = []string{"no", "yes"}
	}
	return t, nil
}

func (t fileTask) Info() Info {
	s := t.spec
	info := Info{
		Name: s.Name, Category: s.Category, Form: s.Form, Title: s.Title, Source: s.Source, Licence: s.Licence,
		Metric: s.Metric, Difficulty: s.Difficulty, Version: s.Version,
	}
	if s.Form == Classify {
		info.Classes = slices.Clone(s.Classes)
	}
	if info.Title == "" {
		info.Title = "examples of " + strings.Join(s.Train, ", ")
	}
	if info.Source == "" {
		info.Source = strings.Join(s.Train, ", ")
	}
	return info
}

// Load reads the files. It asks the source only for limits and for files on the hub.
func (t fileTask) Load(ctx context.Context, src Source) (*Data, error) {
	c, err := t.collect(ctx, src, nil)
	if err != nil {
		return nil, err
	}
	d, err := c.finish()
	if err != nil {
		return nil, err
	}
	d.Warnings = slices.Concat(t.spec.notes, d.Warnings)
	if len(c.cut) > 0 {
		d.Warnings = append(d.Warnings, fmt.Sprintf("at most %d rows of each part are read (rows=0 reads all)", t.spec.Rows))
	}
	return d, nil
}

// collect reads the files. It passes the examples to each, or keeps them if each is nil.
func (t fileTask) collect(ctx context.Context, src Source, each func(Example)) (*collector, error) {
	s := t.spec
	c := newCollector(t.Info()).within(src)
	c.each = each
	var errs []error
	for _, part := range []struct {
		files []string
		test  bool
	}{{s.Train, false}, {s.Test, true}} {
		left := s.Rows
		for _, name := range part.files {
			f := rowFile{path: name, name: name, format: s.Format, columns: s.Columns, limit: left}
			if strings.HasPrefix(name, hubPrefix) {
				var err error
				if f.path, err = fetched(ctx, src, name); err != nil {
					errs = append(errs, fmt.Errorf("tasks: %s: %w", s.Name, err))
					continue
				}
				f.name = strings.TrimPrefix(name, hubPrefix)
			} else if !filepath.IsAbs(name) {
				f.path = filepath.Join(t.dir, name)
			}
			read, err := t.readFile(ctx, c, f, part.test)
			if err != nil {
				errs = append(errs, err)
			}
			if s.Rows == 0 {
				continue
			}
			if left -= read; left <= 0 {
				c.cut = append(c.cut, f.name)
				break
			}
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(append(errs, c.faults.err())...)
	}
	return c, nil
}

// fetched returns the local path of a file on the hub.
func fetched(ctx context.Context, src Source, artifact string) (string, error) {
	if src == nil {
		return "", errNotHere
	}
	return src.Path(ctx, artifact)
}

// readFile reads a file and returns the number of its rows.
func (t fileTask) readFile(ctx context.Context, c *collector, f rowFile, test bool) (rows int, err error) {
	lines := map[string]int{} // line of each value of the id column
	var labels labelFaults
	answers := map[digits]int{} // the first line where a quoted number had each meaning
	c.hasTest = c.hasTest || test || t.spec.Split != nil
	absent := slices.Clone(t.spec.weak) // columns that no row has
	var columns []string
	err = c.readRows(ctx, f, func(r *row) {
		rows++
		absent = slices.DeleteFunc(absent, func(column string) bool {
			head, _, _ := strings.Cut(column, ".")
			_, whole := r.columns[column]
			_, record := r.columns[head]
			return whole || record
		})
		if len(absent) > 0 {
			columns = r.columnNames()
		}
		e := t.spec.example(r)
		if t.spec.ID != "" {
			id := r.text(t.spec.ID)
			if line, ok := lines[id]; ok {
				r.fail("id %q is already at line %d", shortened(id), line)
			} else {
				lines[strings.Clone(id)] = r.line // a part of the text of a line would keep the whole line
				c.budget.keepBytes(len(id) + 100)
			}
			e.own = []ownID{{id: strings.Clone(id)}}
		}
		if r.digits != "" {
			if answers[r.digits] == 0 {
				answers[r.digits] = r.line
			}
			for other, line := range answers {
				if other != r.digits {
					r.fail("a quoted number in %q is %s here and %s at line %d (write the numbers of candidates without quotation marks, or write texts only)",
						t.spec.Answer, r.digits, other, line)
				}
			}
		}
		inTest := test
		if t.spec.Split != nil {
			inTest = slices.Contains(t.spec.Split.Test, r.text(t.spec.Split.Column))
		}
		switch {
		case r.label != nil:
			labels.add(&c.faults, r)
		case !c.rejected(r):
			c.add(r.file, r.line, inTest, e)
		}
	})
	if err == nil && rows > 0 && len(absent) > 0 {
		c.faults = Faults{} // of every row
		return rows, NameError{fmt.Errorf("%s has no column %q (%s)", f.name, shortened(absent[0]), suggest.Hint(absent[0], "columns", columns))}
	}
	labels.finish(&c.faults)
	return rows, err
}
