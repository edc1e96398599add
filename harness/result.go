package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"w2s/harness/label"
	"w2s/internal/atomicfile"
	"w2s/tasks"
)

// Schema names the layout of a result file. It grows when a field changes its meaning.
const Schema = "w2s.result/1"

// A Result is everything an experiment found out: the configuration, what was used, and for every trained head its
// prediction for every test example. Tables, plots and the report are computed from it and from nothing else;
// docs/result-file.md describes the JSON form.
type Result struct {
	Schema   string        `json:"schema"`
	Program  string        `json:"program"` // name and version of what wrote the file
	Created  time.Time     `json:"created"`
	Command  []string      `json:"command,omitempty"`
	Config   Settings      `json:"config"`
	Models   []ModelRecord `json:"models"`
	Tasks    []TaskRecord  `json:"tasks"`
	Heads    []HeadRecord  `json:"heads"`
	Chains   []ChainRecord `json:"chains,omitempty"`
	Warnings []string      `json:"warnings,omitempty"`
}

// A ModelRecord describes one encoder.
type ModelRecord struct {
	Name        string            `json:"name"`
	Key         string            `json:"key"` // digest of all that changes a feature
	Dims        int               `json:"dims"`
	Parameters  int64             `json:"parameters,omitempty"`
	Description map[string]string `json:"description,omitempty"` // pooling, longest input, digests of the files, runtime version
}

// A TaskRecord describes one task: its data and the test examples that every head of the task is judged on.
type TaskRecord struct {
	Name     string         `json:"name"`
	Title    string         `json:"title,omitempty"`
	Category tasks.Category `json:"category"`
	Form     tasks.Form     `json:"form"`
	Classes  []string       `json:"classes,omitempty"`
	Source   string         `json:"source,omitempty"`
	Licence  string         `json:"licence,omitempty"`
	Version  int            `json:"version"`
	Digest   string         `json:"digest"` // sha256 of the data
	Train    int            `json:"train"`  // examples in the training pool, both halves together
	TestIDs  []string       `json:"test_ids"`
	TestGold Distributions  `json:"test_gold"`
	// TestAnswers are the answers that count as right, of a task with free answers; TestGold then says "right" throughout.
	TestAnswers [][]string `json:"test_answers,omitempty"`
	Texts       []string   `json:"test_texts,omitempty"` // what the examples say, where the user wants them kept
	Warnings    []string   `json:"warnings,omitempty"`
}

// A Role says what a head was trained on.
type Role string

const (
	Supervisor Role = "supervisor" // gold labels of weak-train
	Student    Role = "student"    // a supervisor's labels on strong-train
	Ceiling    Role = "ceiling"    // gold labels of strong-train
	Baseline   Role = "baseline"   // nothing was trained: a simulated supervisor, a majority vote, a coin
	Control    Role = "control"    // gold labels of strong-train, on texts without what the task is about
)

// A HeadRecord is one trained head (or baseline) with its predictions on the test examples.
type HeadRecord struct {
	ID         string        `json:"id"`
	Task       string        `json:"task"`
	Role       Role          `json:"role"`
	Model      string        `json:"model,omitempty"`
	Supervisor string        `json:"supervisor,omitempty"` // student: ID of the head that made its labels
	Loss       string        `json:"loss"`
	Treatment  string        `json:"treatment,omitempty"`  // student: what was done to the weak labels
	Variant    string        `json:"variant,omitempty"`    // a study's: what else differs, such as "train=500"
	Trained    string        `json:"trained_on,omitempty"` // the task it was trained on, where that is not Task
	Seed       uint64        `json:"seed"`
	Train      int           `json:"train"` // examples trained on
	L2         float64       `json:"l2"`
	Status     string        `json:"status,omitempty"` // how the optimiser ended
	Steps      int           `json:"steps,omitempty"`
	Labels     *LabelQuality `json:"labels,omitempty"` // student: how good its labels were (seen by the analysis only)
	Test       Distributions `json:"test"`

	// Of heads that write free answers: what they wrote to each test prompt, with Test saying whether that is right; the
	// share of each right answer's tokens that they find likeliest; and the number of tokens they can write.
	Answers       []string  `json:"answers,omitempty"`
	TokenAccuracy []float64 `json:"token_accuracy,omitempty"`
	Vocabulary    int       `json:"vocabulary,omitempty"`

	Warnings []string `json:"warnings,omitempty"`
}

// LabelQuality compares training labels with gold. The student never sees it. Raw is that of the labels before they
// were treated, and Notes say what the treatment fitted or dropped.
type LabelQuality struct {
	label.Quality
	Raw   label.Quality `json:"raw"`
	Notes []string      `json:"notes,omitempty"`
}

// A ChainRecord is a bootstrapping chain Model_1 -> ... -> Model_n on one task and seed, by the IDs of its heads.
type ChainRecord struct {
	Task    string   `json:"task"`
	Data    string   `json:"data"` // "shared": every step labels the same examples; "disjoint": each has its own
	Loss    string   `json:"loss"`
	Seed    uint64   `json:"seed"`
	Steps   []string `json:"steps"`   // first the supervisor, then the student of every step
	Jump    string   `json:"jump"`    // the last model trained by the first one directly
	Ceiling string   `json:"ceiling"` // the last model on gold
}

// Distributions holds one probability distribution an example. In JSON a distribution over two is written as the
// probability of the second alone, any other as a list.
type Distributions [][]float64

// MarshalJSON writes the short form.
func (d Distributions) MarshalJSON() ([]byte, error) {
	short := make([]any, len(d))
	for i, p := range d {
		if len(p) == 2 {
			short[i] = p[1]
		} else {
			short[i] = p
		}
	}
	return json.Marshal(short)
}

// UnmarshalJSON reads both forms.
func (d *Distributions) UnmarshalJSON(data []byte) error {
	var raw []json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	out := make(Distributions, len(raw))
	for i, r := range raw {
		var err error
		if out[i], err = readDistribution(r); err != nil {
			return fmt.Errorf("distribution %d: %w", i, err)
		}
	}
	*d = out
	return nil
}

// readDistribution reads the probability of the second of two, or a list that sums to 1. A pointer tells null from 0.
func readDistribution(raw json.RawMessage) ([]float64, error) {
	var second *float64
	if err := json.Unmarshal(raw, &second); err == nil {
		if second == nil || *second < 0 || *second > 1 {
			return nil, fmt.Errorf("%s is no probability", raw)
		}
		return []float64{1 - *second, *second}, nil
	}
	var list []*float64
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("want a probability or a list of them: %w", err)
	}
	out, sum := make([]float64, len(list)), 0.0
	for k, p := range list {
		if p == nil || *p < 0 || *p > 1 {
			return nil, fmt.Errorf("%s holds what is no probability", raw)
		}
		out[k] = *p
		sum += *p
	}
	if math.Abs(sum-1) > 1e-6 {
		return nil, fmt.Errorf("%s sums to %v, not to 1", raw, sum)
	}
	return out, nil
}

// Save writes the result to a file and makes the file's folder. A reader never sees half a result.
func (r *Result) Save(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return fmt.Errorf("harness: result file: %w (choose another folder with --out)", err)
	}
	err := atomicfile.Write(path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(r)
	})
	if err != nil {
		return fmt.Errorf("harness: result file: %w", err)
	}
	return nil
}

// LoadResult reads a result file and checks that it is whole: the schema, that every head names a known task and has
// one prediction a test example, and that every supervisor and every step of a chain is there, on the same task.
func LoadResult(path string) (*Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("harness: result file: %w", err)
	}
	defer f.Close()
	r, err := ReadResult(f)
	if err != nil {
		return nil, fmt.Errorf("harness: result file %s: %w", path, err)
	}
	return r, nil
}

// ReadResult is LoadResult for a stream.
func ReadResult(in io.Reader) (*Result, error) {
	var r Result
	dec := json.NewDecoder(in)
	if err := dec.Decode(&r); err != nil {
		return nil, fmt.Errorf("damaged or not a result: %w (run the experiment again: cached features make it quick)", err)
	}
	if r.Schema == "" {
		return nil, errors.New("not a result: it names no schema")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("damaged: there is more behind the result (run the experiment again: cached features make it quick)")
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("schema %q, this program reads %q", r.Schema, Schema)
	}
	return &r, r.check()
}

func (r *Result) check() error {
	var faults []error
	byTask := map[string]*TaskRecord{}
	for i := range r.Tasks {
		t := &r.Tasks[i]
		if byTask[t.Name] != nil {
			faults = append(faults, fmt.Errorf("task %q is there twice", t.Name))
		}
		byTask[t.Name] = t
		if len(t.TestIDs) != len(t.TestGold) {
			faults = append(faults, fmt.Errorf("task %q has %d test ids and %d gold labels", t.Name, len(t.TestIDs), len(t.TestGold)))
		}
		if t.Texts != nil && len(t.Texts) != len(t.TestIDs) {
			faults = append(faults, fmt.Errorf("task %q has %d test ids and %d texts", t.Name, len(t.TestIDs), len(t.Texts)))
		}
		if t.Form == tasks.Generate && len(t.TestAnswers) != len(t.TestIDs) {
			faults = append(faults, fmt.Errorf("task %q has %d test ids and answers to %d", t.Name, len(t.TestIDs), len(t.TestAnswers)))
		}
	}
	heads := map[string]*HeadRecord{}
	for i := range r.Heads {
		h := &r.Heads[i]
		if heads[h.ID] != nil {
			faults = append(faults, fmt.Errorf("head %q is there twice", h.ID))
		}
		heads[h.ID] = h
	}
	// elsewhere says what is wrong with a reference to a head, or nothing.
	elsewhere := func(id, task string) string {
		switch h := heads[id]; {
		case h == nil:
			return "is missing"
		case h.Task != task:
			return fmt.Sprintf("is of task %q", h.Task)
		}
		return ""
	}
	for _, h := range r.Heads {
		t := byTask[h.Task]
		switch {
		case t == nil:
			faults = append(faults, fmt.Errorf("head %q: unknown task %q", h.ID, h.Task))
		case len(h.Test) != len(t.TestIDs):
			faults = append(faults, fmt.Errorf("head %q has %d predictions for %d test examples", h.ID, len(h.Test), len(t.TestIDs)))
		default:
			for i, p := range h.Test {
				if i >= len(t.TestGold) { // reported above
					break
				}
				if len(p) != len(t.TestGold[i]) {
					faults = append(faults, fmt.Errorf("head %q, test example %s: %d probabilities for %d answers", h.ID, t.TestIDs[i], len(p), len(t.TestGold[i])))
					break
				}
			}
			faults = append(faults, h.checkAnswers(t))
		}
		if wrong := elsewhere(h.Supervisor, h.Task); h.Role == Student && wrong != "" {
			faults = append(faults, fmt.Errorf("head %q: its supervisor %q %s", h.ID, h.Supervisor, wrong))
		}
	}
	for _, c := range r.Chains {
		if byTask[c.Task] == nil {
			faults = append(faults, fmt.Errorf("chain on %q: unknown task", c.Task))
		}
		if len(c.Steps) < 2 {
			faults = append(faults, fmt.Errorf("chain on %q has %d steps", c.Task, len(c.Steps)))
		}
		for _, id := range append(slices.Clone(c.Steps), c.Jump, c.Ceiling) {
			if wrong := elsewhere(id, c.Task); wrong != "" {
				faults = append(faults, fmt.Errorf("chain on %q: head %q %s", c.Task, id, wrong))
			}
		}
	}
	return errors.Join(faults...)
}
