package tasks

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"w2s/internal/visible"
)

// A publicSource is a copy of a data set in a public repository, or of a part of it.
type publicSource struct {
	repo  string // ORG/NAME on GitHub
	files []publicFile
}

// A publicFile is a file of a publicSource.
type publicFile struct {
	name    string   // the artifact, see Source.Path
	test    bool     // of the test part
	half    half     // the half of the training pool that it is published as
	format  string   // default: by the extension of name
	ragged  bool     // see rowFile
	columns []string // columns of a TSV or CSV file without a header line
	labels  string   // artifact with the column "label", one value a line; "" if the file has its labels
	// rows returns rows with the columns that the task's rule reads; nil if the file has them.
	rows func(*row) []*row
	// example is the rule for a file that does not have the columns of the task's rule; nil for the task's rule.
	example exampleFunc
}

// trainFiles returns files of the training pool.
func trainFiles(names ...string) []publicFile {
	files := make([]publicFile, len(names))
	for i, n := range names {
		files[i] = publicFile{name: n}
	}
	return files
}

// trainTest returns a file of the training pool and one of the test part.
func trainTest(train, test string) []publicFile {
	return []publicFile{{name: train}, {name: test, test: true}}
}

// eachFile sets rows of every file.
func eachFile(rows func(*row) []*row, files []publicFile) []publicFile {
	for i := range files {
		files[i].rows = rows
	}
	return files
}

// rewritten returns a function for publicFile.rows that changes the columns of the row.
func rewritten(change func(*row)) func(*row) []*row {
	return func(r *row) []*row {
		change(r)
		return []*row{r}
	}
}

// A sourcedFile is a file of a task with the rule for its rows.
type sourcedFile struct {
	rowFile
	test    bool
	half    half
	rows    func(*row) []*row // nil: every row makes one example
	example exampleFunc
}

// A fileSet is one of the sources of a task: its files on the hub, or a publicSource.
type fileSet struct {
	from  string   // ORG/NAME
	names []string // names of the files on GitHub; nil for the hub
	files func(locate locator) ([]sourcedFile, error)
}

// A locator returns the path of an artifact.
type locator func(artifact string) (string, error)

// sets returns the sources of the task in the order in which they are preferred.
func (t hubTask) sets() []fileSet {
	var sets []fileSet
	if t.repo != "" {
		sets = append(sets, fileSet{from: t.repo, files: t.hubFiles})
	}
	for _, p := range t.public {
		set := fileSet{from: p.repo, files: func(locate locator) ([]sourcedFile, error) { return t.publicFiles(p, locate) }}
		for _, f := range p.files {
			set.names = append(set.names, inSet(f.name))
		}
		sets = append(sets, set)
	}
	return sets
}

// inSet returns the name of an artifact without that of its set.
func inSet(artifact string) string {
	_, name, ok := strings.Cut(artifact, "/")
	if !ok {
		return artifact
	}
	return name
}

// publicFiles returns the files of a public source.
func (t hubTask) publicFiles(p publicSource, locate locator) ([]sourcedFile, error) {
	var found []sourcedFile
	for _, f := range p.files {
		at, err := locate(f.name)
		if err != nil {
			return nil, err
		}
		s := sourcedFile{rowFile: rowFile{path: at, name: path.Base(f.name), format: f.format, columns: f.columns, ragged: f.ragged, limit: t.limit},
			test: f.test, half: f.half, rows: f.rows, example: f.example}
		if s.example == nil {
			s.example = t.example
		}
		if s.format == "" {
			if s.format, err = formatOf(f.name); err != nil {
				return nil, err
			}
		}
		if f.labels != "" {
			if s.labels, err = locate(f.labels); err != nil {
				return nil, err
			}
		}
		found = append(found, s)
	}
	return found, nil
}

// find returns the files of the first source that is on this machine or, if there is none, of the first one that can be fetched.
func (t hubTask) find(ctx context.Context, src Source) ([]sourcedFile, fileSet, error) {
	here, sets := finderOf(src), t.sets()
	for _, s := range sets {
		if files, err := s.files(here); err == nil {
			return files, s, nil
		}
	}
	var faults []string
	for i, s := range sets {
		files, err := s.files(func(artifact string) (string, error) {
			if i < len(sets)-1 && s.names == nil {
				artifact = "?" + artifact
			}
			return src.Path(ctx, artifact)
		})
		if err == nil || ctx.Err() != nil || len(sets) == 1 {
			return files, s, err
		}
		faults = append(faults, err.Error())
	}
	return nil, fileSet{}, fmt.Errorf("none of its %d sources can be had:\n%s", len(sets), strings.Join(faults, "\n"))
}

// finderOf returns a locator of what is on this machine.
func finderOf(src Source) locator {
	finder, ok := src.(Finder)
	return func(artifact string) (string, error) {
		if ok {
			if path, ok := finder.Find(artifact); ok {
				return path, nil
			}
		}
		return "", errNotHere
	}
}

// errNotHere says that a file is not on this machine.
var errNotHere = errors.New("not on this machine")

// describe says how many rows were read from where.
func (s fileSet) describe(rows int) string {
	if s.names == nil {
		return fmt.Sprintf("data: %s of %s on the hub", visible.Count(rows, "row"), s.from)
	}
	const most = 3
	names := strings.Join(s.names[:min(most, len(s.names))], ", ")
	if more := len(s.names) - most; more > 0 {
		names += fmt.Sprintf(" and %d more files", more)
	}
	return fmt.Sprintf("data: %s of %s on GitHub (%s)", visible.Count(rows, "row"), s.from, names)
}
