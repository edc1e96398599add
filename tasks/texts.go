package tasks

import (
	"context"
	"path/filepath"
)

// ReadTexts reads a file with a text a line, without the space around it; empty lines are passed over. As other data
// files it may be packed (gzip), start with a byte order mark and end its lines with "\r\n", and its faults are reported
// together as [*Faults]. The error is also for a file that cannot be read and for one without a text.
func ReadTexts(ctx context.Context, path string) ([]string, error) {
	const column = "text"
	var texts []string
	faults := &Faults{}
	f := rowFile{path: path, name: filepath.Base(path), format: "texts", columns: []string{column}}
	if _, err := f.read(ctx, faults, func(r *row) {
		text := r.text(column)
		if fault := checkText(text); fault != "" {
			faults.add(r.file, r.line, "%s", fault)
			return
		}
		texts = append(texts, text)
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
