package tasks

import "context"

// A Category is the group under which result tables list a task.
type Category string

// NLP, Reward and Chess are the categories of Burns et al. 2023. Reward holds preferences and judgements of answers, Generative
// the tasks whose answer is written. Other holds what is no text, such as images.
const (
	NLP        Category = "nlp"
	Reward     Category = "reward"
	Chess      Category = "chess"
	Generative Category = "generative"
	Other      Category = "other"
)

// A Form says what the texts of an example are and what a model has to do with them.
type Form string

const (
	// Classify assigns one text to one of K classes.
	Classify Form = "classify"
	// Rank finds the right one among two or more candidate texts. A preference pair is a ranking of two.
	Rank Form = "rank"
	// Generate writes a free answer to a prompt.
	Generate Form = "generate"
)

// A Metric is the name of a figure of merit. Package harness/metric defines the names. This package stores them without
// checking them; the configuration of an experiment refuses unknown ones.
type Metric string

// Accuracy, AUROC and ExactMatch are the metrics that published results report.
const (
	Accuracy   Metric = "accuracy"
	AUROC      Metric = "auroc"
	ExactMatch Metric = "exact-match"
)

// An Example is one question with its gold label.
type Example struct {
	ID      string               // hash of the form and the texts, see [ContentID]; the label is not part of it
	Texts   []string             // Classify and Generate: exactly one. Rank: the candidates, in an order that does not depend on Gold
	Gold    []float64            // distribution over the classes (Classify) or the candidates (Rank) that sums to 1; nil for Generate
	Group   string               // the split keeps examples with the same group together; "" makes the example a group of its own
	Control []string             // the same texts without the information that the task is about (chess without the board), or nil
	Replies []string             // the reply, answer or move in which each text ends, or nil if they end in none; see [Example.Conversations]
	Answer  string               // Generate: the answer to write; "" for the other forms
	Weak    map[string][]float64 // what weak supervisors in the data say, as distributions like Gold, by name; see WithColumns and WithRaters
	// Difficulty is larger for harder examples, in the unit of the data: a rating, a school grade. 0 if Info.Difficulty is "".
	Difficulty float64
	Also       []string // Generate: further answers that count as right, such as a second mate, or nil

	key   string   // see textKey; "" if it is not known yet
	own   []ownID  // ids that the user's file gives, one for each copy
	links []string // like Group: examples with a link in common stay together
	half  half     // the half of the training pool that the data set's authors put it into
}

// Info describes a task.
type Info struct {
	Name     string
	Category Category
	Form     Form
	Classes  []string // names of the classes, in the order of Gold; nil for Rank and Generate
	Title    string   // one line for people to read
	Source   string   // publication, data set or file that the data comes from
	Licence  string
	Metric   Metric // the metric of scores, unless a user asks for another one
	// Corpus names the data set that the texts come from, if another task has it as well: "movies" for movies-pairs. Figures of
	// tasks of one corpus are not independent. Empty: Name.
	Corpus string
	// Difficulty names the column that says how hard an example is. Empty: the data does not say.
	Difficulty string
	Version    int // increases when the same data starts to give other examples
}

// A Task is a data set and a rule that turns its rows into examples.
type Task interface {
	Info() Info
	// Load reads the data and returns all of its examples; [Data.Split] takes subsets. The result does not depend on
	// the order of the rows. A task that needs no files ignores src, which may then be nil.
	Load(ctx context.Context, src Source) (*Data, error)
}

// A Source finds the files that tasks need, and may download them.
type Source interface {
	// Path returns the local path of an artifact. The name of an artifact is a name in the catalog, such as
	// "vader-tweets" or "ethics/virtue/virtue_train.csv", or a file on the Hugging Face hub:
	// "hf:datasets/ORG/NAME@REV/file.parquet", where a slash in REV is written %2F. A question mark before the latter says
	// that the task has another source, so that a hub that is silent need not be waited for.
	Path(ctx context.Context, artifact string) (string, error)
}

// A Finder is a Source that also looks up what is on this machine. Tasks ask a Finder before they call Path, so that a local
// file can replace a download, and a task with several sources reads one that is here already. See [Local].
type Finder interface {
	// Find returns the path of the local file for an artifact, or for the name of a task and its part, such as "sst2-train",
	// and whether there is one.
	Find(name string) (path string, ok bool)
}

// A Pinner is a Source that knows what the files of public repositories must be.
type Pinner interface {
	// Pin returns the sha256 of the published file of an artifact, in hex, and where the source keeps the file once it is verified.
	Pin(artifact string) (sha256, path string, ok bool)
}

// pinOf asks a source for a pin.
func pinOf(src Source, artifact string) (sha256, path string, ok bool) {
	if p, ok := src.(Pinner); ok && artifact != "" {
		return p.Pin(artifact)
	}
	return "", "", false
}

// A half says which half of the training pool an example is published as.
type half int

const (
	anyHalf    half = iota
	weakHalf        // trains the weak supervisor
	strongHalf      // trains the strong student
)

// Data holds the examples of a task, as Load returns them.
type Data struct {
	Pool     []Example // examples to train on, sorted by ID
	Test     []Example // the data set's own test part, sorted by ID; nil if it has none and the split must take one from Pool
	Digest   string    // sha256 of everything that was read
	Warnings []string  // what a reader of the result should know, such as the number of duplicates removed

	classes []string // class names for messages; nil if a task outside this package made the data
}
