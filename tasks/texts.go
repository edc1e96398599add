package tasks

import (
	"context"
	"path/filepath"
)

// ReadTexts reads a file with one text per line. It removes white space around a text and skips empty lines. The file may
// be gzipped, start with a byte order mark and end its lines with "\r\n". Faulty lines are reported together as a
// [*Faults]. A file that cannot be read within the limits, or that contains no text, is an error too.
func ReadTexts(ctx context.Context, path string, limits Limits) ([]string, error) {
	const column = "text"
	var texts []string
	faults := &Faults{}
	b := &budget{limits: limits}
	f := rowFile{path: path, name: filepath.Base(path), format: "texts", columns: []string{column}, budget: b}
	if _, err := f.read(ctx, faults, func(r *row) {
		text := r.text(column)
		if fault := checkText(text); fault != "" {
			faults.add(r.file, r.line, "%s", fault)
			return
		}
		texts = append(texts, text)
		b.keepBytes(len(text) + 32)
	}); err != nil {
		return nil, err
	}
	if err := faults.err(); err != nil {
		return nil, err
	}
	if len(texts) == 0 {
		faults.add(f.name, 0, "holds no text")
		return nil, faults
	}
	return texts, nil
}
