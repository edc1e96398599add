// Package result defines the result file of an experiment: what was used, what was trained, and every prediction for every
// test example.
//
// A [Result] holds what was found and nothing that can be computed from it. Package experiment makes a Result, and package
// summary computes rows, intervals and PGR from it. docs/result-file.md describes its JSON form.
package result

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"w2s/harness/stats"
	"w2s/tasks"
)

// Schema names the layout of the files that Save writes. The number rises when a field changes its meaning.
const Schema = "w2s.result/2"

// A Result is everything that an experiment found out.
type Result struct {
	Schema  string    `json:"schema"`
	Program string    `json:"program"` // name and version of the program that wrote the file
	Created time.Time `json:"created"`
	Command []string  `json:"command,omitempty"`
	// Metric is the one that the command was asked for. Tables have it unless another one is asked for. "" is each task's own.
	Metric   tasks.Metric `json:"metric,omitempty"`
	Config   Settings     `json:"config"`
	Models   []Model      `json:"models"`
	Tasks    []Task       `json:"tasks"`
	Heads    []Head       `json:"heads"`
	Chains   []Chain      `json:"chains,omitempty"`
	Warnings []string     `json:"warnings,omitempty"`
}

// New returns a Result without tasks for an experiment that begins now.
func New(config Settings, models []Model) *Result {
	return &Result{Schema: Schema, Created: time.Now().UTC().Truncate(time.Second), Config: config, Models: models}
}

// A Kind says what an experiment does with its models.
type Kind string

// The kinds of experiments.
const (
	Pairs    Kind = "pairs"    // every pair of models on every task
	Chained  Kind = "chain"    // each model teaches the next one
	Transfer Kind = "transfer" // heads of every task are tested on all tasks
)

// Settings is the configuration of an experiment. Losses, treatments and simulated supervisors are given as their parsers
// read them.
type Settings struct {
	Kind       Kind          `json:"kind"`
	Pairs      []Pair        `json:"pairs"`
	Chain      []string      `json:"chain,omitempty"`    // models of a chain, weakest first
	Disjoint   bool          `json:"disjoint,omitempty"` // every step of a chain has examples of its own
	Losses     []string      `json:"losses"`
	Treatments []string      `json:"treatments"`
	Simulated  []string      `json:"simulated,omitempty"`
	Seeds      []uint64      `json:"seeds"`
	Pools      string        `json:"pools,omitempty"`   // OwnPools or SharedPool; "" in files of versions that had no other
	Train      int           `json:"train"`             // training examples asked for, both halves together; 0: the default
	Test       int           `json:"test"`              // test examples asked for; 0: the default
	Balance    tasks.Balance `json:"balance,omitempty"` // whether classes are balanced, if that was asked for
	Sizes      []int         `json:"sizes,omitempty"`
	Steps      []int         `json:"steps,omitempty"` // after which the training of further students was stopped
	L2         []float64     `json:"l2"`
	Folds      int           `json:"folds"` // parts that are held out in turn while penalties are compared; 1: one part
	Held       float64       `json:"held"`  // share of a head's training examples that is held out, if only one part is
}

// Values of Settings.Pools.
const (
	OwnPools   = "own"    // each seed draws its training pool from the data
	SharedPool = "shared" // all seeds halve one training pool
)

// A Pair names the models of a weak supervisor and a strong student. They may be the same.
type Pair struct {
	Weak   string `json:"weak"`
	Strong string `json:"strong"`
}

// String returns "WEAK -> STRONG".
func (p Pair) String() string { return p.Weak + " -> " + p.Strong }

// A Model describes one encoder.
type Model struct {
	Name        string            `json:"name"`
	Key         string            `json:"key"` // digest of all that changes a feature
	Dims        int               `json:"dims"`
	Parameters  int64             `json:"parameters,omitempty"`
	Layer       *Layer            `json:"layer,omitempty"`       // whose states are the features; nil: the model's own output
	Description map[string]string `json:"description,omitempty"` // pooling, longest input, digests of the files, runtime version
}

// A Layer is a layer of a model whose states are features.
type Layer struct {
	Of     string `json:"of"`     // name of the model without its layer
	Number int    `json:"number"` // 0 is what the first layer reads, 1 what it computes
}

// CombinesFact is the fact of a model's Description that lists the supervisors that a combination is made of.
const CombinesFact = "combines"

// HeadsOfFact is the fact of a model's Description that names the model whose heads a supervisor is made of.
const HeadsOfFact = "heads of"

// SupervisorFact is the fact of a model's Description that says what a supervisor is which is no single trained head. Its value for people
// is PeopleFact.
const (
	SupervisorFact = "supervisor"
	PeopleFact     = "people who rated the texts"
)

// FetchedFrom is the fact of a model's Description that says which package or repository its files came from.
const FetchedFrom = "fetched from"

// A Task describes the data of one task and the test examples that every head of the task answers.
type Task struct {
	Name     string         `json:"name"`
	Title    string         `json:"title,omitempty"`
	Category tasks.Category `json:"category"`
	Form     tasks.Form     `json:"form"`
	Classes  []string       `json:"classes,omitempty"`
	Source   string         `json:"source,omitempty"`
	Corpus   string         `json:"corpus,omitempty"` // data set that the texts come from, if other tasks have it as well; see tasks.Info
	Licence  string         `json:"licence,omitempty"`
	Metric   tasks.Metric   `json:"metric,omitempty"` // the task's own metric; "" is accuracy
	Version  int            `json:"version"`
	Digest   string         `json:"digest"`             // sha256 of the data
	Train    int            `json:"train"`              // examples in the training pool, both halves together
	PoolIDs  []string       `json:"pool_ids,omitempty"` // content ids of the training examples of all seeds, sorted
	Halves   []Halves       `json:"halves,omitempty"`
	TestIDs  []string       `json:"test_ids"` // content ids
	TestGold Distributions  `json:"test_gold"`
	// TestGroups numbers the group of each test example, from 0 in order of appearance: sentences of one document, pairs of one
	// prompt. Nil: no two examples belong together.
	TestGroups []int `json:"test_groups,omitempty"`
	// TestAnswers holds the right answers to each example of a task with free answers. TestGold then says "right" for
	// every example.
	TestAnswers [][]string `json:"test_answers,omitempty"`
	Texts       []string   `json:"test_texts,omitempty"` // texts of the test examples, if the user wants them kept
	Warnings    []string   `json:"warnings,omitempty"`
}

// Halves says which training examples a seed and size has. Bit i%8 of byte i/8 stands for example i of Task.PoolIDs.
type Halves struct {
	Seed   uint64 `json:"seed"`
	Size   int    `json:"size,omitempty"` // size of the training pool, if it is smaller than the experiment's
	Weak   []byte `json:"weak"`
	Strong []byte `json:"strong"`
}

// A Role says what a head was trained on.
type Role string

// The roles of heads.
const (
	Supervisor Role = "supervisor" // gold labels of weak-train
	Student    Role = "student"    // a supervisor's labels of strong-train
	Ceiling    Role = "ceiling"    // gold labels of strong-train
	Baseline   Role = "baseline"   // nothing: a simulated supervisor
	Control    Role = "control"    // gold labels of strong-train, with texts that lack what the task is about
	Comparison Role = "comparison" // see Head.Baseline
	SomeGold   Role = "some-gold"  // a supervisor's labels of strong-train and GOLD labels of some of them; see SomeGoldKind
	Ordered    Role = "ordered"    // gold labels of easy or hard examples of strong-train; see Easy
)

// Kinds of comparisons.
const (
	OfGold     = "gold"     // of the strong model, trained on gold labels of weak-train; see FewGold
	OfShuffled = "shuffled" // a student whose weak labels were permuted: what it gets without a supervisor
	OfAxis     = "axis"     // the first principal component of the features of strong-train, signed by the weak labels
	OfRandom   = "random"   // a random direction, signed by the weak labels

	// Trained without labels, or nearly so. They are made on request.
	OfProbes     = "probes"     // the direction on which random directions agree, signed by the weak labels
	OfComponents = "components" // the direction on which principal components agree, signed by the weak labels
	OfCRC        = "crc"        // the main axis of the differences between the statements of each answer, signed by the weak labels
	OfCCS        = "ccs"        // contrast-consistent search on the statements of each answer, signed by the weak labels
	OfUE         = "ue"         // half the cross-entropy of the weak labels and half the objective of the search
)

// Unlabelled lists the kinds of comparisons that are made on request.
func Unlabelled() []string { return []string{OfProbes, OfComponents, OfCRC, OfCCS, OfUE} }

// Orders of examples by how hard they are.
const (
	ByDifficulty = "difficulty" // a column of the data
	ByLength     = "length"     // the number of characters of all texts
	ByConfidence = "confidence" // how unsure the supervisor is
	ByMDL        = "mdl"        // the cross-entropy of gold under heads that are trained on growing numbers of gold labels
)

// Orders lists the orders of examples.
func Orders() []string { return []string{ByDifficulty, ByLength, ByConfidence, ByMDL} }

// Easy and Hard return the kinds of the heads that are trained on the easiest and on the hardest third of strong-train in an order:
// "easy:length".
func Easy(order string) string { return "easy:" + order }
func Hard(order string) string { return "hard:" + order }

// Order splits the kind of an ordered head. easy is false for the head of hard examples.
func Order(kind string) (order string, easy bool) {
	part, order, _ := strings.Cut(kind, ":")
	return order, part == "easy"
}

// SomeGoldMethods lists how a student learns from weak labels and some gold.
func SomeGoldMethods() []string {
	return []string{GoldNaive, GoldOracle, GoldRandom, GoldOnly, GoldSoft, GoldWeighted, GoldAnchored, GoldReliability, GoldChoice}
}

// Ways in which a student sees some gold.
const (
	GoldNaive       = "naive"       // gold in place of weak labels of examples that are drawn
	GoldOracle      = "oracle"      // gold of the supervisor's errors first
	GoldRandom      = "random"      // gold of the same examples, and guesses for all others
	GoldOnly        = "only"        // gold of the same examples, and no others
	GoldSoft        = "soft"        // gold that is not quite sure
	GoldWeighted    = "weighted"    // gold that counts more
	GoldAnchored    = "anchored"    // logconf that takes gold as it is
	GoldReliability = "reliability" // weak labels count as they are found reliable on gold
	GoldChoice      = "choice"      // gold for the choice of the penalty alone
)

// SeesGold is how the warning begins with which a student says that it sees some gold.
const SeesGold = "SEES GOLD"

// SomeGoldKind returns the kind of a head that sees a share of strong-train's gold: "naive:0.05".
func SomeGoldKind(method string, share float64) string {
	return method + ":" + strconv.FormatFloat(share, 'g', -1, 64)
}

// CutSomeGold splits a kind that SomeGoldKind returned. ok is false for others.
func CutSomeGold(kind string) (method string, share float64, ok bool) {
	method, text, _ := strings.Cut(kind, ":")
	share, err := strconv.ParseFloat(text, 64)
	return method, share, err == nil && slices.Contains(SomeGoldMethods(), method)
}

// FewGold returns the kind of a comparison that is trained on n gold labels of weak-train: "gold:32".
func FewGold(n int) string { return fmt.Sprintf("%s:%d", OfGold, n) }

// LearnsGold reports whether a kind of comparison is trained on gold labels of weak-train.
func LearnsGold(kind string) bool {
	name, _, _ := strings.Cut(kind, ":")
	return name == OfGold
}

// A Head is one trained head (or baseline) with its predictions for the test examples.
type Head struct {
	ID         string `json:"id"` // see HeadID
	Task       string `json:"task"`
	Role       Role   `json:"role"`
	Model      string `json:"model,omitempty"`
	Supervisor string `json:"supervisor,omitempty"` // student, comparison with weak labels: ID of the head that made its labels
	Baseline   string `json:"baseline,omitempty"`   // comparison, ordered, some-gold: its kind, such as OfAxis
	Simulated  string `json:"simulated,omitempty"`  // baseline: the simulated supervisor, such as "flip:0.75"
	Loss       string `json:"loss"`                 // "" for a baseline and a direction
	Treatment  string `json:"treatment,omitempty"`  // student: what was done to the weak labels
	Size       int    `json:"size,omitempty"`       // size of the training pool, if it is smaller than the experiment's
	Share      string `json:"share,omitempty"`      // part of strong-train that a step of a chain was trained on: "2/3"
	Trained    string `json:"trained_on,omitempty"` // task it was trained on, if that is not Task
	Stopped    int    `json:"stopped,omitempty"`    // student: steps of Adam after which its training was stopped; 0: it was not
	Seed       uint64 `json:"seed"`
	Train      int    `json:"train"` // number of training examples

	L2     float64       `json:"l2"`               // penalty that was chosen
	Status string        `json:"status,omitempty"` // how the optimiser ended
	Steps  int           `json:"steps,omitempty"`
	Guard  *Guard        `json:"guard,omitempty"`  // of a guarded loss
	Labels *LabelQuality `json:"labels,omitempty"` // student: how good its labels were
	// Cosines compares the head with the main axis of its features and with the ceiling. nil: it was not computed.
	Cosines *Cosines `json:"cosines,omitempty"`
	// Geometry compares the features of a student with those of its supervisor. nil: it was not computed.
	Geometry *Geometry     `json:"geometry,omitempty"`
	Test     Distributions `json:"test"`
	// HardTest says which test examples are hard, for an ordered head: bit i%8 of byte i/8 stands for example i.
	HardTest []byte `json:"hard_test,omitempty"`

	// Heads that write free answers have these as well: the answer to each test prompt (Test says whether it is right),
	// the share of each right answer's tokens that the head finds most likely, and the number of tokens it can write.
	Answers       []string  `json:"answers,omitempty"`
	TokenAccuracy []float64 `json:"token_accuracy,omitempty"`
	Vocabulary    int       `json:"vocabulary,omitempty"`

	Warnings []string `json:"warnings,omitempty"`
}

// NotTrained is the status of a supervisor that is not trained by this program.
const NotTrained = "not trained"

// A Guard tells whether a head learned from the loss that it is named after, or from the loss that this one falls back on.
type Guard struct {
	Correlation float64 `json:"correlation"` // of the main axis with the head of cross-entropy, on held-out examples
	Excess      float64 `json:"excess"`      // of the main axis's correlation with the labels, relative to how sure these are
	Kept        bool    `json:"kept"`        // false: the head is the one of the fallback
}

// Cosines are cosines of angles between weight vectors in the space of standardised features. With more than two classes, they are means
// over the classes, of each class's weights less the mean of all classes.
type Cosines struct {
	Axis    float64 `json:"axis"`              // of the main axis, without sign
	Ceiling float64 `json:"ceiling,omitempty"` // of the ceiling of the same model, size and seed; negative if it has learned the opposite. 0 for the ceiling itself
}

// A Geometry compares the features of strong-train under the models of supervisor and student. docs/methods.md defines its figures.
type Geometry struct {
	Rows       int      `json:"rows"`              // examples that are compared, or candidates less examples for rankings
	WeakDims   int      `json:"weak_dims"`         // dimensions of the supervisor's features
	StrongDims int      `json:"strong_dims"`       // of the student's
	Shared     float64  `json:"shared"`            // correlation dimension
	Beyond     float64  `json:"beyond"`            // share of the student's space beyond the supervisor's
	Overlap    *float64 `json:"overlap,omitempty"` // overlap density; nil if it is not defined, as for rankings of more than two candidates
}

// SimulatedPrefix begins the names of simulated supervisors where they stand beside others.
const SimulatedPrefix = "sim:"

// Source returns what labelled examples for a student: the model of a supervisor, or a simulated supervisor such as "sim:flip:0.75".
func (h *Head) Source() string {
	if h.Role == Baseline {
		return SimulatedPrefix + h.Simulated
	}
	return h.Model
}

// HeadID names a head by the fields of h that say what it is trained on, so the same head has the same ID in every result.
func HeadID(h Head) string {
	parts := []string{h.Task, string(h.Role)}
	if h.Baseline != "" {
		parts = append(parts, h.Baseline)
	}
	switch {
	case h.Role == Baseline:
		parts = append(parts, h.Simulated, "for "+h.Model)
	case h.Supervisor != "" && h.Loss == "": // a direction with a sign
		parts = append(parts, h.Model, "from "+nested(h.Supervisor, h.Task))
	case h.Supervisor != "":
		parts = append(parts, h.Model, h.Loss, "from "+nested(h.Supervisor, h.Task), h.Treatment)
	default:
		parts = append(parts, h.Model)
	}
	if h.Size > 0 {
		parts = append(parts, fmt.Sprintf("train=%d", h.Size))
	}
	if h.Stopped > 0 {
		parts = append(parts, fmt.Sprintf("steps=%d", h.Stopped))
	}
	if h.Share != "" {
		parts = append(parts, "share="+h.Share)
	}
	return strings.Join(append(parts, fmt.Sprintf("seed=%d", h.Seed)), "/")
}

// TestedOn returns a head's record for its predictions for the test examples of another task.
func (h Head) TestedOn(task string, predictions Distributions) Head {
	h.ID = testedOn(h.ID, task)
	if h.Supervisor != "" {
		h.Supervisor = testedOn(h.Supervisor, task)
	}
	h.Trained, h.Task, h.Test = h.Task, task, predictions
	return h
}

func testedOn(id, task string) string { return id + "/tested on " + task }

// nested returns a supervisor's ID without the task and the seed, which the ID of its student repeats.
func nested(supervisor, task string) string {
	name := strings.TrimPrefix(supervisor, task+"/")
	if cut := strings.LastIndex(name, "/seed="); cut >= 0 {
		name = name[:cut]
	}
	return "(" + name + ")"
}

// LabelQuality compares the labels that a student was trained on with gold. The student never sees it.
type LabelQuality struct {
	stats.Quality
	Raw   stats.Quality `json:"raw"`             // of the labels before they were treated
	Notes []string      `json:"notes,omitempty"` // what the treatment fitted or dropped
	// Effective is the number of equally weighted labels that weights leave as much as, (Σw)²/Σw²; 0 without weights.
	Effective float64 `json:"effective,omitempty"`
}

// A Chain is a bootstrapping chain Model_1 -> ... -> Model_n on one task for one loss and seed, by the IDs of its heads.
type Chain struct {
	Task     string   `json:"task"`
	Disjoint bool     `json:"disjoint,omitempty"` // every step has examples of its own; otherwise all steps share them
	Loss     string   `json:"loss"`
	Seed     uint64   `json:"seed"`
	Steps    []string `json:"steps"`   // the supervisor, then the student of every step
	Jump     string   `json:"jump"`    // the last model trained by the first one directly
	Ceiling  string   `json:"ceiling"` // the last model trained on gold
}

// Data says which examples the steps of a chain are trained on: "shared" or "disjoint".
func (c *Chain) Data() string { return ChainData(c.Disjoint) }

// ChainData returns the word that tables use for the data of a chain.
func ChainData(disjoint bool) string {
	if disjoint {
		return "disjoint"
	}
	return "shared"
}
