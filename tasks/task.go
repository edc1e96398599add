// Package tasks turns data sets into examples with gold labels.
package tasks

import "context"

// A Category groups tasks as the published tables do.
type Category string

// The categories of Burns et al. 2023, and generative tasks.
const (
	NLP        Category = "nlp"
	Reward     Category = "reward"
	Chess      Category = "chess"
	Generative Category = "generative"
)

// A Form says what a head does with an example's texts.
type Form string

const (
	// Classify: one text, one of K classes.
	Classify Form = "classify"
	// Rank: two or more candidate texts, one of them right. A preference pair is a ranking of two.
	Rank Form = "rank"
)

// An Example is one question with its gold label.
type Example struct {
	ID      string    // content id: hash of the form and the texts; the label is not part of it
	Texts   []string  // Classify: exactly one. Rank: the candidates, in an order that does not depend on Gold
	Gold    []float64 // distribution over the classes (Classify) or the candidates (Rank); sums to 1
	Group   string    // examples of one group never fall into different splits; "" stands for the example alone
	Control []string  // the same texts without what the task is about (chess without the board), or nil
}

// Info describes a task.
type Info struct {
	Name     string
	Category Category
	Form     Form
	Classes  []string // names of the classes, in the order of Gold; nil for Rank
	Title    string   // one line for people
	Source   string   // where the data comes from
	Licence  string
	Version  int // grows when the same data would give other examples
}

// A Task is a data set and a rule that makes examples of it.
type Task interface {
	Info() Info
	// Load reads the data and formats it. It returns every example: subsampling is the split's affair.
	Load(ctx context.Context, src Source) (*Data, error)
}

// A Source gives the local path of a file that a task needs, fetching it where that is allowed.
type Source interface {
	// Path returns where the artifact is on this machine. Names are those of the catalog ("vader-sentiment-2.5") or hub
	// references ("hf:datasets/ORG/NAME@REV/file.parquet").
	Path(ctx context.Context, artifact string) (string, error)
}

// Data is what Load makes.
type Data struct {
	Pool     []Example // examples to train on
	Test     []Example // the data set's own test part; nil where it has one piece and the split must cut it
	Digest   string    // sha256 over all that was read
	Warnings []string  // what a reader of the result must know: rows dropped, duplicates removed
}
