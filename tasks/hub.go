package tasks

import (
	"context"
	"fmt"
)

// converted is the branch where the Hugging Face hub keeps every data set as parquet, CONFIG/SPLIT/0000.parquet.
const converted = "refs%2Fconvert%2Fparquet"

// A hubTask is a data set of the Hugging Face hub and a rule for its rows.
type hubTask struct {
	info   Info
	repo   string // ORG/NAME
	config string
	train  []string // splits of the pool; one piece of data where test is empty
	test   string   // split of the test part
	bare   []string // columns of a local file without a header line, or nil
	limit  int      // rows to read of each split; 0 is all
	make   maker
}

func (t hubTask) Info() Info { return t.info }

func (t hubTask) Load(ctx context.Context, src Source) (*Data, error) {
	c := newCollector(t.info)
	if err := t.collect(ctx, src, c); err != nil {
		return nil, err
	}
	return c.finish()
}

func (t hubTask) collect(ctx context.Context, src Source, c *collector) error {
	for _, split := range t.train {
		// A local file takes the place of all training splits together.
		if f, ok := t.find(src, "train"); ok {
			if err := c.read(ctx, f, false, t.make); err != nil {
				return err
			}
			break
		}
		if err := t.download(ctx, src, c, split, false); err != nil {
			return err
		}
	}
	if t.test == "" {
		return nil
	}
	if f, ok := t.find(src, "test"); ok {
		return c.read(ctx, f, true, t.make)
	}
	return t.download(ctx, src, c, t.test, true)
}

func (t hubTask) find(src Source, part string) (rowFile, bool) {
	finder, ok := src.(Finder)
	if !ok {
		return rowFile{}, false
	}
	path, ok := finder.Find(t.info.Name + "-" + part)
	return rowFile{path: path, columns: t.bare, limit: t.limit}, ok
}

func (t hubTask) download(ctx context.Context, src Source, c *collector, split string, test bool) error {
	artifact := fmt.Sprintf("hf:datasets/%s@%s/%s/%s/0000.parquet", t.repo, converted, t.config, split)
	path, err := src.Path(ctx, artifact)
	if err != nil {
		return fmt.Errorf("tasks: %s: %w", t.info.Name, err)
	}
	return c.read(ctx, rowFile{path: path, name: t.repo + "/" + split, format: "parquet", limit: t.limit}, test, t.make)
}
