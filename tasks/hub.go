package tasks

import (
	"cmp"
	"context"
	"fmt"
)

// parquetBranch is the branch on which the Hugging Face hub stores every data set as parquet: CONFIG/SPLIT/0000.parquet.
const parquetBranch = "refs%2Fconvert%2Fparquet"

// A hubTask is a data set of the Hugging Face hub and a rule for its rows.
type hubTask struct {
	info         Info
	localName    string   // name of local files, without the part; default: the name of the task
	repo         string   // ORG/NAME
	rev          string   // default: parquetBranch
	train        []string // files of the pool
	test         []string // files of the test part, or nil
	format       string   // default: parquet
	localColumns []string // columns of a local file without a header line, or nil
	limit        int      // number of rows to read from each file; 0 means all
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

func (t hubTask) Load(ctx context.Context, src Source) (*Data, error) {
	c := newCollector(t.info).within(src)
	for _, part := range []struct {
		name  string
		files []string
		test  bool
	}{{"train", t.train, false}, {"test", t.test, true}} {
		files, err := t.locate(ctx, src, part.name, part.files)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if err := c.read(ctx, f, part.test, t.example); err != nil {
				return nil, err
			}
		}
	}
	return c.finish()
}

// locate returns the files of a part. A local file named after the task and the part replaces all of them.
func (t hubTask) locate(ctx context.Context, src Source, part string, files []string) ([]rowFile, error) {
	if finder, ok := src.(Finder); ok && len(files) > 0 {
		if path, ok := finder.Find(cmp.Or(t.localName, t.info.Name) + "-" + part); ok {
			return []rowFile{{path: path, columns: t.localColumns, limit: t.limit}}, nil
		}
	}
	var found []rowFile
	for _, file := range files {
		path, err := src.Path(ctx, fmt.Sprintf("hf:datasets/%s@%s/%s", t.repo, cmp.Or(t.rev, parquetBranch), file))
		if err != nil {
			return nil, fmt.Errorf("tasks: %s: %w", t.info.Name, err)
		}
		found = append(found, rowFile{path: path, name: t.repo + "/" + file, format: cmp.Or(t.format, "parquet"), limit: t.limit})
	}
	return found, nil
}
