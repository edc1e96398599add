package label

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"w2s/harness/stats"
	"w2s/internal/prob"
)

// A Provenance says where labels come from.
type Provenance struct {
	Task       string `json:"task,omitempty"`
	Supervisor string `json:"supervisor,omitempty"` // the head that made them
	Encoder    string `json:"encoder,omitempty"`    // its encoder's key
	Treatment  string `json:"treatment,omitempty"`  // as Parse reads it
	Seed       uint64 `json:"seed"`
}

// A file of labels or of gold is JSON lines: a head line, then one line for each example.
const (
	fileVersion = 1
	labelsKind  = "weak labels"
	goldKind    = "gold"
	maxLine     = 1 << 20
)

type fileHead struct {
	Kind       string      `json:"w2s"`
	Version    int         `json:"version"`
	Classes    int         `json:"classes"` // 0: rankings
	N          int         `json:"n"`
	Provenance *Provenance `json:"provenance,omitempty"`
}

type labelLine struct {
	ID   string    `json:"id"`
	Soft []float64 `json:"soft"`
	Hard int       `json:"hard"` // the answer: index of the first largest entry
}

type goldLine struct {
	ID   string    `json:"id"`
	Gold []float64 `json:"gold"`
}

// Write writes labels as JSON lines, which [Read] reads back exactly. There is no place for gold in them: see [WriteGold].
func Write(w io.Writer, l Labels, p Provenance) error {
	if err := l.Check(); err != nil {
		return err
	}
	head := fileHead{Kind: labelsKind, Version: fileVersion, Classes: l.Classes, N: len(l.IDs), Provenance: &p}
	return writeLines(w, head, len(l.IDs), func(i int) any {
		return labelLine{ID: l.IDs[i], Soft: l.Soft[i], Hard: prob.Argmax(l.Soft[i])}
	})
}

// Read reads what Write wrote. Faults name the line; a file that was cut short, or that has other fields such as gold, is
// one.
func Read(r io.Reader) (Labels, Provenance, error) {
	var l Labels
	head, err := readLines(r, labelsKind, func(data []byte) error {
		var line labelLine
		if err := strict(data, &line); err != nil {
			return err
		}
		if want := prob.Argmax(line.Soft); line.Hard != want {
			return fmt.Errorf("hard label %d beside soft labels %v (want %d)", line.Hard, line.Soft, want)
		}
		l.IDs, l.Soft = append(l.IDs, line.ID), append(l.Soft, line.Soft)
		return nil
	})
	if err != nil {
		return Labels{}, Provenance{}, fmt.Errorf("label: weak labels: %w", err)
	}
	l.Classes = head.Classes
	if err := l.Check(); err != nil {
		return Labels{}, Provenance{}, err
	}
	var p Provenance
	if head.Provenance != nil {
		p = *head.Provenance
	}
	return l, p, nil
}

// Gold is the truth by example id, for measuring labels and for simulated supervisors. No treatment takes it.
type Gold struct {
	Classes int // 0: rankings
	IDs     []string
	Gold    [][]float64
}

// asLabels is gold in the clothes of labels, to be checked and joined.
func (g Gold) asLabels() Labels { return Labels{Classes: g.Classes, IDs: g.IDs, Soft: g.Gold} }

// Measure compares labels with gold of at least the same examples.
func (g Gold) Measure(l Labels) (stats.Quality, error) {
	if err := errors.Join(g.asLabels().Check(), l.Check()); err != nil {
		return stats.Quality{}, err
	}
	at := make(map[string]int, len(g.IDs))
	for i, id := range g.IDs {
		at[id] = i
	}
	gold := make([][]float64, len(l.IDs))
	for k, id := range l.IDs {
		i, ok := at[id]
		if !ok {
			return stats.Quality{}, fmt.Errorf("label: example %s has no gold", id)
		}
		gold[k] = g.Gold[i]
	}
	return stats.Measure(l.Soft, gold)
}

// WriteGold writes gold as JSON lines, to a file of its own.
func WriteGold(w io.Writer, g Gold) error {
	if err := g.asLabels().Check(); err != nil {
		return err
	}
	head := fileHead{Kind: goldKind, Version: fileVersion, Classes: g.Classes, N: len(g.IDs)}
	return writeLines(w, head, len(g.IDs), func(i int) any { return goldLine{ID: g.IDs[i], Gold: g.Gold[i]} })
}

// ReadGold reads what WriteGold wrote.
func ReadGold(r io.Reader) (Gold, error) {
	var g Gold
	head, err := readLines(r, goldKind, func(data []byte) error {
		var line goldLine
		if err := strict(data, &line); err != nil {
			return err
		}
		g.IDs, g.Gold = append(g.IDs, line.ID), append(g.Gold, line.Gold)
		return nil
	})
	if err != nil {
		return Gold{}, fmt.Errorf("label: gold: %w", err)
	}
	g.Classes = head.Classes
	return g, g.asLabels().Check()
}

func writeLines(w io.Writer, head fileHead, n int, line func(i int) any) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	err := enc.Encode(head)
	for i := 0; i < n && err == nil; i++ {
		err = enc.Encode(line(i))
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return fmt.Errorf("label: write %s: %w", head.Kind, err)
	}
	return nil
}

func readLines(r io.Reader, kind string, line func(data []byte) error) (fileHead, error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLine)
	var head fileHead
	n := -1 // lines after the head
	for in.Scan() {
		var err error
		if n++; n == 0 {
			err = checkHead(in.Bytes(), kind, &head)
		} else {
			err = line(in.Bytes())
		}
		if err != nil {
			return head, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	if err := in.Err(); err != nil {
		return head, fmt.Errorf("line %d: %w", n+2, err)
	}
	if n < 0 {
		return head, errors.New("the file is empty")
	}
	if n != head.N {
		return head, fmt.Errorf("%d examples where the head line says %d (the file is not complete: make it again)", n, head.N)
	}
	return head, nil
}

func checkHead(data []byte, kind string, head *fileHead) error {
	if err := strict(data, head); err != nil {
		return fmt.Errorf("not the head line of a file of %s: %w", kind, err)
	}
	switch {
	case head.Kind != kind:
		return fmt.Errorf("this is a file of %q, not of %q", head.Kind, kind)
	case head.Version != fileVersion:
		return fmt.Errorf("version %d, this program reads version %d", head.Version, fileVersion)
	}
	return nil
}

// strict decodes one JSON value and refuses unknown fields and anything after it.
func strict(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("more than one value on the line")
	}
	return nil
}
