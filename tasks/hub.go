package tasks

import (
	"context"
	"fmt"
)

// converted is the branch where the Hugging Face hub keeps data sets as parquet, CONFIG/SPLIT/0000.parquet.
const converted = "refs%2Fconvert%2Fparquet"

// A hubTask is a data set of the Hugging Face hub and a rule for its rows.
type hubTask struct {
	info   Info
	stem   string   // what local files are called; default: the name
	repo   string   // ORG/NAME
	rev    string   // default: converted
	train  []string // files of the pool
	test   []string // files of the test part; none where the data has one piece
	format string   // default: parquet
	bare   []string // columns of a local file without a header line, or nil
	limit  int      // rows to read of each file; 0 is all
	make   maker
}

// splits names the parquet files of a configuration's splits.
func splits(config string, names ...string) []string {
	files := make([]string, len(names))
	for i, n := range names {
		files[i] = config + "/" + n + "/0000.parquet"
	}
	return files
}

func (t hubTask) Info() Info { return t.info }

func (t hubTask) Load(ctx context.Context, src Source) (*Data, error) {
	c := newCollector(t.info)
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
			if err := c.read(ctx, f, part.test, t.make); err != nil {
				return nil, err
			}
		}
	}
	return c.finish()
}

// locate returns where the files of a part are. A local file, called as the task and the part, takes the place of all.
func (t hubTask) locate(ctx context.Context, src Source, part string, files []string) ([]rowFile, error) {
	stem := t.stem
	if stem == "" {
		stem = t.info.Name
	}
	if finder, ok := src.(Finder); ok && len(files) > 0 {
		if path, ok := finder.Find(stem + "-" + part); ok {
			return []rowFile{{path: path, columns: t.bare, limit: t.limit}}, nil
		}
	}
	rev, format := t.rev, t.format
	if rev == "" {
		rev = converted
	}
	if format == "" {
		format = "parquet"
	}
	var found []rowFile
	for _, file := range files {
		path, err := src.Path(ctx, fmt.Sprintf("hf:datasets/%s@%s/%s", t.repo, rev, file))
		if err != nil {
			return nil, fmt.Errorf("tasks: %s: %w", t.info.Name, err)
		}
		found = append(found, rowFile{path: path, name: t.repo + "/" + file, format: format, limit: t.limit})
	}
	return found, nil
}
