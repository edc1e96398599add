package vectorfile

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"w2s/internal/list"
	"w2s/internal/visible"
	"w2s/tasks"
)

// keyScheme must change whenever this package begins to read different vectors from the same files.
const keyScheme = "w2s-vectorfile-1"

// An Encoder looks up the vectors of one layer of a file. In place of texts it reads the names that [File.Texts] and
// [File.Controls] return.
type Encoder struct {
	file  *File
	array array
	key   string
}

// Encoder returns the encoder of a layer, which is counted from the end if its number is negative. nil stands for the vectors
// that belong to no layer in particular.
func (f *File) Encoder(layer *int) (e *Encoder, number int, err error) {
	layers := f.Layers()
	e = &Encoder{file: f}
	name := "plain"
	switch {
	case layer == nil && f.plain != nil:
		e.array = *f.plain
	case layer == nil:
		return nil, 0, fmt.Errorf("it has the layers %s: choose one with @layer=N", numbers(layers))
	case len(layers) == 0:
		return nil, 0, errors.New("it has no layers (leave @layer out)")
	default:
		number = *layer
		if number < 0 {
			number += layers[len(layers)-1] + 1
		}
		a, ok := f.layers[number]
		if !ok {
			return nil, 0, fmt.Errorf("it has no layer %d (it has %s)", *layer, numbers(layers))
		}
		e.array, name = a, "layer "+strconv.Itoa(number)
	}
	sum := sha256.Sum256([]byte(keyScheme + "\n" + f.digest + "\n" + name))
	e.key = hex.EncodeToString(sum[:])
	return e, number, nil
}

// numbers writes a list of numbers, cut if it is long.
func numbers(all []int) string {
	const most = 40
	if len(all) > most {
		return fmt.Sprintf("%d to %d", all[0], all[len(all)-1])
	}
	return strings.Join(list.Map(all, strconv.Itoa), ", ")
}

// Key is a digest of the file, of the names of its rows, and of the number of the layer.
func (e *Encoder) Key() string { return e.key }

// Dims is the length of a vector.
func (e *Encoder) Dims() int { return e.array.dims }

// Type returns the type of the numbers in the file, such as float16.
func (e *Encoder) Type() string { return e.array.dtype.name }

// Lookup says that vectors are read faster than a cache could store them.
func (e *Encoder) Lookup() {}

// A name that an encoder reads begins with one of these.
const (
	namedText = "text "
	namedID   = "id " // then CANDIDATE/CANDIDATES, a space and the id
)

// Texts returns the names of an example's vectors: those of the rows that have its id, in the order of its texts, or else those of
// its texts. Whether the file has them, the encoder finds out. A row with the example's id and another text is an error.
func (f *File) Texts(e tasks.Example) ([]string, error) {
	entries := f.ids.rows(e.ID)
	if len(entries) == 0 {
		return list.Map(e.Texts, func(text string) string { return namedText + text }), nil
	}
	for i, row := range entries {
		if text, ok := f.both[row.row]; ok && len(e.Texts) > 0 && text != digestOf(e.Texts[i%len(e.Texts)]) {
			return nil, fmt.Errorf("%s: row %d, counted from 0, has the id %s and a text that is not that example's (are ids and texts in the same order? "+
				"leave out the texts to go by ids alone)", f.path, row.row, e.ID)
		}
	}
	names := make([]string, len(e.Texts))
	for i := range names {
		names[i] = fmt.Sprintf("%s%d/%d %s", namedID, i, len(names), e.ID)
	}
	return names, nil
}

// Controls returns the names of the vectors of an example's control texts. It returns nil if the file lacks one of them.
func (f *File) Controls(e tasks.Example) []string {
	var names []string
	for _, text := range e.Control {
		if len(f.texts.rows(text)) == 0 {
			return nil
		}
		names = append(names, namedText+text)
	}
	return names
}

// find returns the rows of a name. All have the same vector unless the file is faulty. There are none if the file lacks it.
func (f *File) find(name string) ([]int32, error) {
	entries := f.texts.rows(strings.TrimPrefix(name, namedText))
	candidate, candidates := 0, 1
	if rest, ok := strings.CutPrefix(name, namedID); ok {
		number, id, _ := strings.Cut(rest, " ")
		if _, err := fmt.Sscanf(number, "%d/%d", &candidate, &candidates); err != nil {
			return nil, err
		}
		entries = f.ids.rows(id)
		if len(entries)%candidates != 0 {
			return nil, fmt.Errorf("the id %s has %s and its example %s", id, visible.Count(len(entries), "row"), visible.Count(candidates, "text"))
		}
	}
	var rows []int32
	for i := candidate; i < len(entries); i += candidates {
		rows = append(rows, entries[i].row)
	}
	return rows, nil
}

// shown returns a name for messages.
func shown(name string) string {
	const most = 60
	if text, ok := strings.CutPrefix(name, namedText); ok {
		return strconv.Quote(visible.Line(visible.Cut(text, most)))
	}
	_, id, _ := strings.Cut(strings.TrimPrefix(name, namedID), " ")
	return visible.Name(id)
}

// Encode calls emit with the vector of every name. All missing names make one error, which comes before any vector.
func (e *Encoder) Encode(ctx context.Context, names []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	err := e.encode(ctx, names, emit)
	if err != nil {
		return fmt.Errorf("%s: %w", e.file.path, err)
	}
	return nil
}

func (e *Encoder) encode(ctx context.Context, names []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	all, err := e.rows(names)
	if err != nil {
		return err
	}
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(all[a][0], all[b][0]) })
	vector, other := make([]float32, e.array.dims), make([]float32, e.array.dims)
	buf := make([]byte, int64(e.array.dims)*e.array.dtype.size)
	for _, i := range order {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows := all[i]
		if err := e.file.read(&e.array, int(rows[0]), buf, vector); err != nil {
			return err
		}
		for _, r := range rows[1:] {
			if err := e.file.read(&e.array, int(r), buf, other); err != nil {
				return err
			}
			if !slices.Equal(vector, other) {
				return fmt.Errorf("rows %d and %d, counted from 0, have the same name %s and different vectors", rows[0], r, shown(names[i]))
			}
		}
		if err := emit(i, vector, 0, false); err != nil {
			return err
		}
	}
	return e.file.unchanged()
}

// rows returns the rows of every name, or an error that names the first names that the file lacks.
func (e *Encoder) rows(names []string) ([][]int32, error) {
	const most = 5 // names in the error
	all := make([][]int32, len(names))
	var missing []string
	lacks := 0
	for i, name := range names {
		var err error
		if all[i], err = e.file.find(name); err != nil {
			return nil, err
		}
		if len(all[i]) == 0 {
			if lacks++; lacks <= most {
				missing = append(missing, shown(name))
			}
		}
	}
	if lacks > 0 {
		more := ""
		if lacks > most {
			more = fmt.Sprintf(", and %d more", lacks-most)
		}
		help := "w2s features texts lists what a task needs"
		if lacks == len(names) {
			help = "are these vectors of another task? " + help
		}
		return nil, fmt.Errorf("no vector for %d of %s: %s%s (%s)", lacks, visible.Count(len(names), "text"), strings.Join(missing, ", "), more, help)
	}
	e.file.mu.Lock()
	defer e.file.mu.Unlock()
	for _, rows := range all {
		for _, r := range rows {
			e.file.used[r] = true
		}
	}
	return all, nil
}
