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
	// Generate: one prompt, a free answer.
	Generate Form = "generate"
)

// A Metric names the figure that the published tables report for a task.
type Metric string

const (
	Accuracy   Metric = "accuracy"
	AUROC      Metric = "auroc"
	ExactMatch Metric = "exact-match"
)

// An Example is one question with its gold label.
type Example struct {
	ID      string    // content id: hash of the form and the texts; the label is not part of it
	Texts   []string  // Classify and Generate: exactly one. Rank: the candidates, in an order that does not depend on Gold
	Gold    []float64 // distribution over the classes (Classify) or the candidates (Rank); sums to 1; nil for Generate
	Group   string    // examples of one group never fall into different splits; "" stands for the example alone
	Control []string  // the same texts without what the task is about (chess without the board), or nil
	Answer  string    // Generate: the answer to write; "" for the other forms
	Also    []string  // Generate: other answers that count as right (a second mate), or nil
}

// Info describes a task.
type Info struct {
	Name     string
	Category Category
	Form     Form
	Classes  []string // names of the classes, in the order of Gold; nil for Rank and Generate
	Title    string   // one line for people
	Source   string   // where the data comes from
	Licence  string
	Metric   Metric
	Version  int // grows when the same data would give other examples
}

// A Task is a data set and a rule that makes examples of it.
type Task interface {
	Info() Info
	// Load reads the data and formats it. It returns every example: subsampling is the split's affair. The result does
	// not depend on the order of the rows.
	Load(ctx context.Context, src Source) (*Data, error)
}

// A Source gives the local path of a file that a task needs, fetching it where that is allowed.
type Source interface {
	// Path returns where the artifact is on this machine. Names are those of the catalog ("vader-tweets") or hub
	// references ("hf:datasets/ORG/NAME@REV/file.parquet"; a slash inside REV is written %2F).
	Path(ctx context.Context, artifact string) (string, error)
}

// A Finder is a Source that also knows files by the name of a task's part, such as "sst2-train". The tasks that read
// from the hub ask it first, which is how a local file takes the place of a download. See [Local].
type Finder interface {
	// Find returns the path of the local file for that part, and whether there is one.
	Find(part string) (path string, ok bool)
}

// Data is what Load makes.
type Data struct {
	Pool     []Example // examples to train on, sorted by ID
	Test     []Example // the data set's own test part, sorted by ID; nil where there is one piece and the split must cut it
	Digest   string    // sha256 over all that was read
	Warnings []string  // what a reader of the result must know: rows dropped, duplicates removed

	classes []string // names for messages; nil where a task of one's own made the data
}
