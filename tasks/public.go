package tasks

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
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
	artifact, labelArtifact string // of a public repository; "" if there is none
	test                    bool
	half                    half
	rows                    func(*row) []*row // nil: every row makes one example
	example                 exampleFunc
}

// A fileSet is one of the sources of a task: its files on the hub, or a publicSource.
type fileSet struct {
	from  string   // ORG/NAME
	names []string // artifacts of the files on GitHub; nil for the hub
	found []sourcedFile
	notes []string // about copies on this machine
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
			set.names = append(set.names, f.name)
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
		s := sourcedFile{artifact: f.name, labelArtifact: f.labels, rowFile: rowFile{path: at, name: path.Base(f.name), format: f.format, columns: f.columns, ragged: f.ragged, limit: t.limit},
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
	var notes, faults []string
	for _, s := range sets {
		if note := s.partly(here); note != "" {
			notes = append(notes, note)
		}
	}
	for i, s := range sets {
		files, err := s.files(func(artifact string) (string, error) {
			if i < len(sets)-1 && s.names == nil {
				artifact = "?" + artifact
			}
			return src.Path(ctx, artifact)
		})
		if err == nil || ctx.Err() != nil {
			s.notes = notes
			return files, s, err
		}
		faults = append(faults, err.Error())
		if len(sets) == 1 && notes == nil {
			return nil, s, err
		}
	}
	if len(sets) > 1 {
		faults = slices.Insert(faults, 0, fmt.Sprintf("none of its %d sources can be had:", len(sets)))
	}
	return nil, fileSet{}, errors.New(strings.Join(append(notes, faults...), "\n"))
}

// partly says which files of a public repository are on this machine and which ones are missing, or returns "" if all or none are there.
func (s fileSet) partly(here locator) string {
	var found, missing []string
	for _, name := range s.names {
		if path, err := here(name); err == nil {
			found = append(found, path)
		} else {
			missing = append(missing, inSet(name))
		}
	}
	if len(found) == 0 || len(missing) == 0 {
		return ""
	}
	return fmt.Sprintf("%s is there, but not %s, which the task also needs", found[0], strings.Join(missing, ", "))
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

// describe says how many rows were read from where. The files are from src.
func (s fileSet) describe(rows int, src Source) string {
	count := visible.Count(rows, "row")
	if s.names == nil {
		return fmt.Sprintf("data: %s of %s on the hub", count, s.from)
	}
	const most = 3
	shown := func(names []string) string {
		text := strings.Join(names[:min(most, len(names))], ", ")
		if more := len(names) - most; more > 0 {
			text += fmt.Sprintf(" and %d more files", more)
		}
		return text
	}
	var own, changed []string // copies of the user, and those of them that are not the published files
	for _, f := range s.found {
		for artifact, path := range map[string]string{f.artifact: f.path, f.labelArtifact: f.labels} {
			sum, cached, ok := pinOf(src, artifact)
			if !ok || path == "" || path == cached {
				continue
			}
			own = append(own, path)
			if content, err := contentSum(path); err != nil || content != sum {
				changed = append(changed, path)
			}
		}
	}
	slices.Sort(changed)
	names := make([]string, len(s.names))
	for i, n := range s.names {
		names[i] = inSet(n)
	}
	switch {
	case len(changed) == 1:
		return fmt.Sprintf("data: %s, read from %s, which is not the published file of %s", count, changed[0], s.from)
	case len(changed) > 1:
		return fmt.Sprintf("data: %s, read from %s, which are not the published files of %s", count, shown(changed), s.from)
	case len(own) > 0:
		return fmt.Sprintf("data: %s of %s on GitHub (%s), read from copies that equal the published files", count, s.from, shown(names))
	}
	return fmt.Sprintf("data: %s of %s on GitHub (%s)", count, s.from, shown(names))
}

// contentSum returns the sha256 of a file, of a file in an archive, or of what a .gz file unpacks to.
func contentSum(path string) (string, error) {
	archive, member := cutMember(path)
	file, err := openFile(archive)
	if err != nil {
		return "", err
	}
	defer file.Close()
	var in io.Reader = file
	if member != "" {
		in, err = openMember(file, member, &budget{})
	} else if strings.HasSuffix(path, ".gz") {
		in, err = gzip.NewReader(file)
	}
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	_, err = io.Copy(hash, &countedReader{r: in, budget: &budget{}})
	return fmt.Sprintf("%x", hash.Sum(nil)), err
}
