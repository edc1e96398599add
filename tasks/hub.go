package tasks

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// hubPrefix begins the name of an artifact that is a file of a data set on the hub.
const hubPrefix = "hf:datasets/"

// parquetBranch is the branch on which the Hugging Face hub stores every data set as parquet: CONFIG/SPLIT/0000.parquet.
const parquetBranch = "refs%2Fconvert%2Fparquet"

// A hubTask is a data set of the Hugging Face hub or of public repositories and a rule for its rows.
type hubTask struct {
	info         Info
	localName    string   // name of local files, without the part; default: the name of the task
	repo         string   // ORG/NAME on the hub; "" if only public repositories have it
	rev          string   // default: parquetBranch
	train        []string // files of the pool
	test         []string // files of the test part, or nil
	format       string   // default: parquet
	localColumns []string // columns of a local file without a header line, or nil
	limit        int      // number of rows to read from each file; 0 means all
	public       []publicSource
	example      exampleFunc
}

// splits returns the parquet files of some splits of a configuration.
func splits(config string, names ...string) []string {
	files := make([]string, len(names))
	for i, n := range names {
		files[i] = config + "/" + n + "/0000.parquet"
	}
	return files
}

func (t hubTask) Info() Info { return t.info }

// Load reads the files of the first source that has the task. A local file named after the task and a part replaces all files
// of that part on the hub.
func (t hubTask) Load(ctx context.Context, src Source) (*Data, error) {
	files, set, err := t.locate(ctx, src)
	if err != nil {
		return nil, err
	}
	c := newCollector(t.info).within(src)
	for _, f := range files {
		if err := c.readSource(ctx, f); err != nil {
			return nil, err
		}
	}
	d, err := c.finish()
	if err == nil && t.public != nil && set.from != "" {
		d.Warnings = slices.Concat([]string{set.describe(c.rows, src)}, set.notes, d.Warnings)
	}
	return d, err
}

// locate returns the files of the task, and the source that they are from.
func (t hubTask) locate(ctx context.Context, src Source) ([]sourcedFile, fileSet, error) {
	files, set, err := t.localParts(ctx, src)
	if files == nil && err == nil {
		files, set, err = t.find(ctx, src)
	}
	if err != nil {
		return nil, set, fmt.Errorf("tasks: %s: %w", t.info.Name, err)
	}
	set.found = files
	return files, set, nil
}

// localParts returns the files of the task if a local file replaces a part of it on the hub. Otherwise it returns none.
func (t hubTask) localParts(ctx context.Context, src Source) ([]sourcedFile, fileSet, error) {
	finder, ok := src.(Finder)
	if !ok || t.repo == "" {
		return nil, fileSet{}, nil
	}
	var local []sourcedFile
	for _, part := range []struct {
		name  string
		files *[]string
		test  bool
	}{{"train", &t.train, false}, {"test", &t.test, true}} {
		if path, ok := finder.Find(cmp.Or(t.localName, t.info.Name) + "-" + part.name); ok && len(*part.files) > 0 {
			f := sourcedFile{rowFile: rowFile{path: path, columns: t.localColumns, limit: t.limit}, test: part.test, example: t.example}
			local, *part.files = append(local, f), nil
		}
	}
	if local == nil {
		return nil, fileSet{}, nil
	}
	others, err := t.hubFiles(func(artifact string) (string, error) { return src.Path(ctx, artifact) })
	return slices.Concat(local, others), fileSet{}, err
}

// hubFiles returns the files of the task on the hub.
func (t hubTask) hubFiles(locate locator) ([]sourcedFile, error) {
	var found []sourcedFile
	for _, part := range []struct {
		files []string
		test  bool
	}{{t.train, false}, {t.test, true}} {
		for _, file := range part.files {
			path, err := locate(fmt.Sprintf(hubPrefix+"%s@%s/%s", t.repo, cmp.Or(t.rev, parquetBranch), file))
			if err != nil {
				return nil, err
			}
			f := rowFile{path: path, name: t.repo + "/" + file, format: cmp.Or(t.format, "parquet"), limit: t.limit}
			found = append(found, sourcedFile{rowFile: f, test: part.test, example: t.example})
		}
	}
	return found, nil
}
