package vectorfile

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"w2s/internal/inputfile"
	"w2s/internal/safetensors"
	"w2s/internal/visible"
)

// Comment begins the first line of a list of names that w2s writes. It names no row.
const Comment = "# w2s features of "

// maxName bounds a line of a list of names.
const maxName = 16 << 20

// A digest identifies a name: the first bytes of its SHA-256.
type digest [16]byte

func digestOf(name string) digest {
	sum := sha256.Sum256([]byte(name))
	return digest(sum[:16])
}

// An entry says that a row has a name.
type entry struct {
	name digest
	row  int32
}

// An index finds rows by name. It is sorted by name, and by row where a name has several rows.
type index []entry

func newIndex(entries []entry) index {
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Or(bytes.Compare(a.name[:], b.name[:]), cmp.Compare(a.row, b.row)) })
	return entries
}

// rows returns the entries of a name, in the order of their rows.
func (x index) rows(name string) []entry {
	d := digestOf(name)
	at, _ := slices.BinarySearchFunc(x, d, func(e entry, d digest) int { return bytes.Compare(e.name[:], d[:]) })
	end := at
	for end < len(x) && x[end].name == d {
		end++
	}
	return x[at:end]
}

// A names collects the names of rows, in the order of the rows.
type names struct {
	rows       int
	ids, texts []entry
	plain      bool             // every name may be an id or a text, and is among ids alone
	both       map[int32]digest // the texts of rows that have an id as well
}

// add reads the name of the next row.
func (n *names) add(line []byte) error {
	row := int32(n.rows)
	n.rows++
	if n.plain {
		name, _, _ := strings.Cut(strings.TrimSuffix(string(line), "\r"), "\t")
		if name == "" {
			return errors.New("no id (an empty text needs .ids.jsonl)")
		}
		n.ids = append(n.ids, entry{digestOf(name), row})
		return nil
	}
	var fields struct{ ID, Text *string }
	if err := json.Unmarshal(line, &fields); err != nil {
		return fmt.Errorf("want an object such as {\"text\": \"...\"} or {\"id\": \"...\"}: %w", err)
	}
	if fields.ID == nil && fields.Text == nil {
		return errors.New("it has neither a text nor an id")
	}
	if fields.Text != nil {
		n.texts = append(n.texts, entry{digestOf(*fields.Text), row})
	}
	if fields.ID != nil {
		n.ids = append(n.ids, entry{digestOf(*fields.ID), row})
	}
	if fields.ID != nil && fields.Text != nil {
		if n.both == nil {
			n.both = map[int32]digest{}
		}
		n.both[row] = n.texts[len(n.texts)-1].name
	}
	return nil
}

// readNames reads the name of every row. It returns the digest of the list, or "" if the list is part of the file.
func (f *File) readNames() (list string, err error) {
	n := &names{plain: true}
	ids, inside := f.metadata["ids"]
	if inside {
		err = f.namesInside(n, strings.Split(ids, "\n"))
	} else {
		list, err = f.namesBeside(n)
	}
	if err == nil && inside {
		err = f.checkBeside(n)
	}
	if err != nil {
		return "", err
	}
	f.ids = newIndex(n.ids)
	f.texts, f.both = f.ids, n.both
	if !n.plain {
		f.texts = newIndex(n.texts)
	}
	return list, nil
}

// checkBeside returns an error if the ids of the metadata contradict a list beside the file.
func (f *File) checkBeside(inside *names) error {
	found, _, err := f.lists()
	if err != nil || len(found) == 0 {
		return err
	}
	beside := &names{plain: true}
	if _, err := f.namesBeside(beside); err != nil {
		return fmt.Errorf("beside the ids of its metadata, there is a list: %w (remove it if it belongs to another file)", err)
	}
	ofRow := make(map[int32]digest, len(inside.ids))
	for _, e := range inside.ids {
		ofRow[e.row] = e.name
	}
	for _, e := range beside.ids {
		if ofRow[e.row] != e.name {
			return fmt.Errorf("row %d, counted from 0, has another id in its metadata than in %s (remove the one that is wrong)", e.row, found[0])
		}
	}
	return nil
}

// lists returns the lists of names beside the file, and its path without the extension.
func (f *File) lists() (found []string, stem string, err error) {
	stem = strings.TrimSuffix(f.path, filepath.Ext(f.path))
	for _, ext := range []string{".ids.txt", ".ids.jsonl"} {
		switch err := inputfile.Check(stem + ext); {
		case err == nil:
			found = append(found, stem+ext)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, "", err
		}
	}
	return found, stem, nil
}

// namesBeside reads the list beside the file, and returns its digest.
func (f *File) namesBeside(n *names) (string, error) {
	found, stem, err := f.lists()
	if err != nil {
		return "", err
	}
	switch len(found) {
	case 0:
		base := filepath.Base(stem)
		return "", fmt.Errorf("nothing says what its rows are of: want %s.ids.txt beside it, with an id or a text in each line, or %s.ids.jsonl (docs/features.md)",
			base, base)
	case 2:
		return "", fmt.Errorf("two lists say what its rows are of: %s and %s (remove one)", found[0], found[1])
	}
	n.plain = strings.HasSuffix(found[0], ".txt")
	r, err := inputfile.Open(found[0])
	if err != nil {
		return "", err
	}
	defer r.Close()
	h := sha256.New()
	if err := n.scan(io.TeeReader(r, h), f.rows); err != nil {
		return "", fmt.Errorf("%s: %w", found[0], err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// namesInside takes the names from the metadata of a safetensors file: an id for each row, or one for each example, whose rows
// the tensor start gives.
func (f *File) namesInside(n *names, ids []string) error {
	s, err := safetensors.New(f.file, f.info.Size())
	if err != nil {
		return err
	}
	var start []int64
	if _, ok := s.Lookup(startTensor); ok {
		if start, err = s.Int64s(startTensor); err != nil {
			return err
		}
		if len(start) != len(ids)+1 || start[0] != 0 || start[len(ids)] != int64(f.rows) || !slices.IsSorted(start) {
			return fmt.Errorf("the tensor %q does not divide %s among %s", startTensor, visible.Count(f.rows, "row"), visible.Count(len(ids), "id"))
		}
	}
	for i, id := range ids {
		count := int64(1)
		if start != nil {
			count = start[i+1] - start[i]
		}
		for range count {
			if err := n.add([]byte(id)); err != nil {
				return fmt.Errorf("id %d: %w", i+1, err)
			}
		}
	}
	if n.rows != f.rows {
		return fmt.Errorf("%s for %s", visible.Count(n.rows, "id"), visible.Count(f.rows, "vector"))
	}
	return nil
}

// scan reads a list with a name in each line.
func (n *names) scan(r io.Reader, want int) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxName)
	for line := 1; s.Scan(); line++ {
		text := s.Bytes()
		if line == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff"))
			if bytes.HasPrefix(text, []byte(Comment)) {
				continue
			}
		}
		if n.rows == want {
			return fmt.Errorf("line %d: more lines than vectors, of which there are %d", line, want)
		}
		if err := n.add(text); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
	if err := s.Err(); err != nil {
		return err
	}
	if n.rows < want {
		return fmt.Errorf("%s for %s", visible.Count(n.rows, "name"), visible.Count(want, "vector"))
	}
	return nil
}
