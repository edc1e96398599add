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
	"w2s/internal/visible"
)

// A Provenance tells where labels come from.
type Provenance struct {
	Task       string `json:"task,omitempty"`
	Supervisor string `json:"supervisor,omitempty"` // ID of the head that made them
	Encoder    string `json:"encoder,omitempty"`    // key of the supervisor's encoder
	Treatment  string `json:"treatment,omitempty"`  // as Parse reads it
	Seed       uint64 `json:"seed"`
}

// A file of labels or of gold has a JSON value on each line: a header, then one for each example.
const (
	fileVersion = 1
	labelsKind  = "weak labels"
	goldKind    = "gold"
	maxLine     = 1 << 20
)

type fileHeader struct {
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

// Write writes labels as JSON lines, which [Read] reads back exactly. The file has no place for gold; see [WriteGold].
func Write(w io.Writer, l Labels, p Provenance) error {
	if err := l.Check(); err != nil {
		return err
	}
	header := fileHeader{Kind: labelsKind, Version: fileVersion, Classes: l.Classes, N: len(l.IDs), Provenance: &p}
	return writeLines(w, header, len(l.IDs), func(i int) any {
		return labelLine{ID: l.IDs[i], Soft: l.Soft[i], Hard: prob.Argmax(l.Soft[i])}
	})
}

// Read reads labels that Write wrote. An error names the line. A file that was cut short or has other fields, such as gold,
// is an error.
func Read(r io.Reader) (Labels, Provenance, error) {
	var l Labels
	header, err := readLines(r, labelsKind, func(data []byte) error {
		var line labelLine
		if err := decodeStrictly(data, &line); err != nil {
			return err
		}
		if want := prob.Argmax(line.Soft); line.Hard != want {
			return fmt.Errorf("hard label %d contradicts soft labels %v (want %d)", line.Hard, line.Soft, want)
		}
		l.IDs, l.Soft = append(l.IDs, line.ID), append(l.Soft, line.Soft)
		return nil
	})
	if err != nil {
		return Labels{}, Provenance{}, fmt.Errorf("label: weak labels: %w", err)
	}
	l.Classes = header.Classes
	if err := l.Check(); err != nil {
		return Labels{}, Provenance{}, err
	}
	var p Provenance
	if header.Provenance != nil {
		p = *header.Provenance
	}
	return l, p, nil
}

// Gold holds gold labels by example id, for measuring labels and for simulated supervisors. No treatment takes it.
type Gold struct {
	Classes int // see Labels
	IDs     []string
	Gold    [][]float64 // Gold[i] is the distribution of example IDs[i]
}

// asLabels returns gold as Labels, so that it can be checked like them.
func (g Gold) asLabels() Labels { return Labels{Classes: g.Classes, IDs: g.IDs, Soft: g.Gold} }

// Measure compares labels with gold. g must have the gold of every labelled example and may have more.
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

// WriteGold writes gold as JSON lines, which [ReadGold] reads back exactly.
func WriteGold(w io.Writer, g Gold) error {
	if err := g.asLabels().Check(); err != nil {
		return err
	}
	header := fileHeader{Kind: goldKind, Version: fileVersion, Classes: g.Classes, N: len(g.IDs)}
	return writeLines(w, header, len(g.IDs), func(i int) any { return goldLine{ID: g.IDs[i], Gold: g.Gold[i]} })
}

// ReadGold reads gold that WriteGold wrote. It reports the same faults as Read.
func ReadGold(r io.Reader) (Gold, error) {
	var g Gold
	header, err := readLines(r, goldKind, func(data []byte) error {
		var line goldLine
		if err := decodeStrictly(data, &line); err != nil {
			return err
		}
		g.IDs, g.Gold = append(g.IDs, line.ID), append(g.Gold, line.Gold)
		return nil
	})
	if err != nil {
		return Gold{}, fmt.Errorf("label: gold: %w", err)
	}
	g.Classes = header.Classes
	return g, g.asLabels().Check()
}

// writeLines writes a header and n lines.
func writeLines(w io.Writer, header fileHeader, n int, line func(i int) any) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	err := enc.Encode(header)
	for i := 0; i < n && err == nil; i++ {
		err = enc.Encode(line(i))
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return fmt.Errorf("label: write %s: %w", header.Kind, err)
	}
	return nil
}

// readLines reads a header and passes the lines after it to line.
func readLines(r io.Reader, kind string, line func(data []byte) error) (fileHeader, error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLine)
	var header fileHeader
	n := -1 // number of lines after the header
	for in.Scan() {
		var err error
		if n++; n == 0 {
			err = checkHeader(in.Bytes(), kind, &header)
		} else {
			err = line(in.Bytes())
		}
		if err != nil {
			return header, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	if err := in.Err(); err != nil {
		return header, fmt.Errorf("line %d: %w", n+2, err)
	}
	if n < 0 {
		return header, errors.New("the file is empty")
	}
	if n != header.N {
		return header, fmt.Errorf("%s, but the header states %d (the file is not complete: make it again)", visible.Count(n, "example"), header.N)
	}
	return header, nil
}

func checkHeader(data []byte, kind string, header *fileHeader) error {
	if err := decodeStrictly(data, header); err != nil {
		return fmt.Errorf("not the header of a file of %s: %w", kind, err)
	}
	switch {
	case header.Kind != kind:
		return fmt.Errorf("this is a file of %q, not of %q", header.Kind, kind)
	case header.Version != fileVersion:
		return fmt.Errorf("version %d, this program reads version %d", header.Version, fileVersion)
	}
	return nil
}

// decodeStrictly decodes a single JSON value and rejects unknown fields and further values.
func decodeStrictly(data []byte, into any) error {
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
