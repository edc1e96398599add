package tasks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"w2s/internal/inputfile"
	"w2s/internal/prob"
	"w2s/internal/visible"
)

// A LabelFile holds labels that were made elsewhere: by people, rules, another program or a model behind an API.
type LabelFile struct {
	Digest string // sha256 of the file, and of how it is read

	name, path string
	key        string // column with the ids or texts
	byText     bool
	column     string // column with the labels
	meaning    meaning
	rows       map[string][]labelRow // by id or text
	keys       []string              // in the order of the file
}

// A labelRow is a row of a LabelFile.
type labelRow struct {
	line  int
	value any // as in row.columns, or a distribution ([]float64)
}

// The columns of a file of labels, and what they may be called. The first one that a file has is used.
var (
	labelFileKeys = []struct {
		setting string
		names   []string
		text    bool
	}{
		{"id", []string{"id", "example_id", "key"}, false},
		{"text", append(slices.Clone(textColumns), "candidate"), true},
	}
	labelFileValues = []struct {
		setting meaning
		names   []string
	}{
		{probabilities, []string{"soft", "soft_label", "soft_labels", "probability", "probabilities", "prob", "probs"}},
		{scores, []string{"score", "scores", "logit", "logits"}},
		{rankings, []string{"ranking", "rank"}},
		{classNames, []string{"class", "label", "prediction", "answer", "hard", "hard_label"}},
	}
)

// labelFileSettings lists the settings that may follow the path of a LabelFile, such as labels.csv:id=key:class=verdict.
var labelFileSettings = []string{"id", "text", string(probabilities), string(classNames), string(scores), string(rankings)}

// A NameError says that a file is named wrongly: there is none, or a setting after its name is no column or no setting. Nothing is wrong
// with the content of the file.
type NameError struct{ error }

// Unwrap returns what is wrong.
func (e NameError) Unwrap() error { return e.error }

// OpenLabels reads a file of labels: CSV, TSV, JSONL, JSON or parquet, with or without settings that name its columns:
//
//	labels.csv    labels.jsonl:id=key:probability=p_yes    labels.parquet:text=question:class=verdict
//
// It has a column with the ids or the texts of examples, and one with probabilities, classes, scores (logits) or rankings.
func OpenLabels(ctx context.Context, ref string, limits Limits) (*LabelFile, error) {
	if ref == "" {
		return nil, NameError{errors.New("no file is named (want labels:FILE)")}
	}
	base, given, err := cutSettingsOf(ref, labelFileSettings)
	if err == nil {
		err = inputfile.Check(base)
	}
	if err != nil {
		return nil, NameError{err}
	}
	f := &LabelFile{path: base, name: visible.Name(lastElement(base)), rows: map[string][]labelRow{}}
	faults, b := &Faults{}, &budget{limits: limits}
	var chosen bool
	in := rowFile{path: base, budget: b}
	digest, err := in.read(ctx, faults, func(r *row) {
		if !chosen {
			chosen = true
			if err = f.choose(slices.Sorted(maps.Keys(r.columns)), given); err != nil {
				err = NameError{err}
				b.err = err // nothing else can be read
				return
			}
		}
		key, ok := r.value(f.key)
		text, isText := scalarText(key)
		if text = strings.TrimSpace(text); !ok || !isText || text == "" {
			faults.add(f.name, r.line, "%q is empty, or no text", f.key)
			return
		}
		value, _ := r.value(f.column)
		if s, ok := value.(string); ok {
			value = strings.Clone(s)
		}
		text = strings.Clone(text)
		b.keepBytes(len(text) + 200)
		if f.rows[text] == nil {
			f.keys = append(f.keys, text)
		}
		f.rows[text] = append(f.rows[text], labelRow{r.line, value})
	})
	if err == nil {
		err = faults.err()
	}
	if err == nil && len(f.keys) == 0 {
		err = fmt.Errorf("tasks: %s: has no labels", f.name)
	}
	if err != nil {
		return nil, err
	}
	f.Digest = fmt.Sprintf("%x", digestOf(digest, f.key, f.column, string(f.meaning)))
	return f, nil
}

// LabelsByID returns distributions by [Example.ID] as a LabelFile. digest is that of the file that they are from.
func LabelsByID(name, digest string, ids []string, distributions [][]float64) *LabelFile {
	f := &LabelFile{Digest: digest, name: name, key: "id", column: "soft", keys: ids, rows: make(map[string][]labelRow, len(ids))}
	for i, id := range ids {
		f.rows[id] = []labelRow{{line: i + 2, value: distributions[i]}}
	}
	return f
}

// lastElement returns the last element of a path of any system.
func lastElement(path string) string { return path[strings.LastIndexAny(path, `/\`)+1:] }

// choose finds the columns with keys and labels.
func (f *LabelFile) choose(columns []string, given settings) error {
	if err := given.checkColumnsOf(columns, labelFileSettings); err != nil {
		return err
	}
	find := func(setting string, names []string) string {
		if column, ok := given[setting]; ok {
			return column
		}
		if at := slices.IndexFunc(names, func(n string) bool { return slices.Contains(columns, n) }); at >= 0 {
			return names[at]
		}
		return ""
	}
	named := func(settings []string) int { // how many of them are given
		return len(slices.DeleteFunc(slices.Clone(settings), func(s string) bool { _, ok := given[s]; return !ok }))
	}
	if named([]string{"id", "text"}) > 1 || named(labelFileSettings[2:]) > 1 {
		return fmt.Errorf("%s: give one of id= and text=, and one of probability=, class=, score= and ranking=", f.name)
	}
	for _, k := range labelFileKeys {
		if _, own := given[k.setting]; f.key == "" && (own || named([]string{"id", "text"}) == 0) {
			f.key, f.byText = find(k.setting, k.names), k.text
		}
	}
	for _, v := range labelFileValues {
		if _, own := given[string(v.setting)]; f.column == "" && (own || named(labelFileSettings[2:]) == 0) {
			f.column, f.meaning = find(string(v.setting), v.names), v.setting
		}
	}
	var missing []string
	if f.key == "" {
		missing = append(missing, "ids or texts of examples (name it: :id=COLUMN or :text=COLUMN)")
	}
	if f.column == "" {
		missing = append(missing, "labels (name it: :probability=COLUMN, :class=COLUMN, :score=COLUMN or :ranking=COLUMN)")
	}
	if missing != nil {
		return fmt.Errorf("%s: no column is known to hold %s (columns: %s)", f.name, strings.Join(missing, ", nor "), quotedNames(columns))
	}
	return nil
}

// Joined are the labels of examples.
type Joined struct {
	Labels [][]float64 // a distribution for each example; nil for one without a label
	Notes  []string    // what a reader of the result must know: ids that match no example
}

// Join returns the labels of examples of a task. A text with several rows gets the mean of their labels; an id must have one label.
//
// It matches texts with the whole text of an example or, in rankings, of a candidate,
// and ids with [Example.ID] or the ids of the task's own file. By w2s's ids, a list has the candidates in the order of the example's
// texts, and by the file's ids in the order of the file.
func (f *LabelFile) Join(info Info, examples []Example) (Joined, error) {
	j := Joined{Labels: make([][]float64, len(examples))}
	faults := &rowFaults{}
	used := make(map[string]bool, len(f.keys))
	class := classReader(info.Classes)
	for i, e := range examples {
		of := opinionOf{form: info.Form, class: class, n: len(info.Classes), names: info.Classes}
		if info.Form == Rank {
			of.n, of.numbered = len(e.Texts), f.meaning == classNames
		}
		switch {
		case f.byText && info.Form == Rank:
			j.Labels[i] = f.ofCandidates(e, used, faults)
		case f.byText:
			j.Labels[i] = f.labelOf(strings.TrimSpace(e.Texts[0]), of, used, faults)
		default:
			j.Labels[i] = f.labelOf(e.ID, of, used, faults)
			for _, own := range e.own {
				p := f.labelOf(own.id, of, used, faults)
				if p != nil && own.order != nil {
					p = permute(p, own.order)
				}
				if j.Labels[i] == nil {
					j.Labels[i] = p
				}
			}
		}
	}
	if err := faults.err(f.name); err != nil {
		return Joined{}, err
	}
	what := "id"
	if f.byText {
		what = "text"
	}
	var strange []string
	for _, k := range f.keys {
		if !used[k] {
			strange = append(strange, k)
		}
	}
	if len(strange) == len(f.keys) {
		have := ""
		if len(examples) > 0 {
			have = fmt.Sprintf("; an example of the task is %q with the text %q", examples[0].ID, shortened(examples[0].Texts[0]))
		}
		return Joined{}, fmt.Errorf("none of the %s in column %q of %s is that of an example of task %s: %s%s (are these labels of another task?)",
			visible.Count(len(strange), what), f.key, f.name, info.Name, first(strange), have)
	}
	if len(strange) > 0 {
		verb := "match"
		if len(strange) == 1 {
			verb = "matches"
		}
		j.Notes = append(j.Notes, fmt.Sprintf("%s of %s %s no example: %s", visible.Count(len(strange), what), f.name, verb, first(strange)))
	}
	return j, nil
}

// rowFaults are faults of rows, in any order.
type rowFaults []Fault

func (r *rowFaults) add(line int, format string, args ...any) {
	*r = append(*r, Fault{Line: line, Text: visible.Cut(fmt.Sprintf(format, args...), maxFaultText)})
}

// err returns the faults in the order of the file, or nil if there are none.
func (r rowFaults) err(file string) error {
	slices.SortStableFunc(r, func(a, b Fault) int { return a.Line - b.Line })
	faults := &Faults{}
	for i, f := range r {
		if i == 0 || f.Line != r[i-1].Line || f.Text != r[i-1].Text { // several examples can have the label of one row
			faults.add(file, f.Line, "%s", f.Text)
		}
	}
	return faults.err()
}

// first names the first few of a list.
func first(names []string) string {
	const most = 3
	quoted := make([]string, 0, most)
	for _, n := range names[:min(most, len(names))] {
		quoted = append(quoted, strconv.Quote(shortened(n)))
	}
	text := strings.Join(quoted, ", ")
	if len(names) > most {
		text += fmt.Sprintf(" and %d more", len(names)-most)
	}
	return text
}

// labelOf returns the label with a key, or nil if there is none.
func (f *LabelFile) labelOf(key string, of opinionOf, used map[string]bool, faults *rowFaults) []float64 {
	rows := f.rows[key]
	if rows == nil {
		return nil
	}
	used[key] = true
	var found [][]float64
	for _, l := range rows {
		if !f.byText && !reflect.DeepEqual(l.value, rows[0].value) {
			faults.add(l.line, "%q has another label than at line %d", shortened(key), rows[0].line)
			return nil
		}
		p, ok := l.value.([]float64)
		if !ok {
			r := &row{line: l.line, columns: map[string]any{f.column: l.value}}
			if p = r.opinion(f.column, f.meaning, of); r.fault != "" {
				faults.add(l.line, "%s", r.fault)
				return nil
			}
		} else if len(p) != of.n {
			faults.add(l.line, "the label is over %d classes or candidates, and the task has %d", len(p), of.n)
			return nil
		}
		if p != nil {
			found = append(found, p)
		}
	}
	return meanOf(found)
}

// meanOf returns the mean of distributions, or nil if there are none.
func meanOf(distributions [][]float64) []float64 {
	if len(distributions) < 2 {
		return slices.Concat(distributions...)
	}
	out := make([]float64, len(distributions[0]))
	for _, p := range distributions {
		for k, v := range p {
			out[k] += v / float64(len(distributions))
		}
	}
	return out
}

// ofCandidates returns the label of a ranking whose candidates have a row each: the softmax of their scores, or their probabilities.
// It returns nil if a candidate has none.
func (f *LabelFile) ofCandidates(e Example, used map[string]bool, faults *rowFaults) []float64 {
	if f.meaning != scores && f.meaning != probabilities {
		faults.add(0, "candidates that have a row each need a score or a probability, not a %s (or use the ids of examples)", f.meaning)
		return nil
	}
	p, sum := make([]float64, len(e.Texts)), 0.0
	for k, text := range e.Texts {
		text = strings.TrimSpace(text)
		rows := f.rows[text]
		if rows == nil {
			return nil
		}
		used[text] = true
		r := &row{line: rows[0].line, columns: map[string]any{f.column: rows[0].value}}
		if v, ok := r.value(f.column); !ok || v == "" {
			return nil
		}
		p[k] = r.float(f.column)
		if f.meaning == probabilities {
			p[k] = r.probability(f.column)
		}
		if r.fault != "" {
			faults.add(r.line, "%s", r.fault)
			return nil
		}
		sum += p[k]
	}
	if f.meaning == scores {
		prob.Softmax(p, p)
		return p
	}
	if math.Abs(sum-1) > maxRounding {
		faults.add(f.rows[strings.TrimSpace(e.Texts[0])][0].line, "the probabilities of the candidates sum to %v, want 1", sum)
		return nil
	}
	for k := range p {
		p[k] /= sum
	}
	return p
}

// classReader returns a function that finds the number of a class by its name, in upper or lower case, or its number.
func classReader(classes []string) func(text string) (int, bool) {
	return func(text string) (int, bool) {
		if k := slices.Index(classes, text); k >= 0 {
			return k, true
		}
		if k, err := strconv.Atoi(text); err == nil && k >= 0 && k < len(classes) {
			return k, true
		}
		k := slices.IndexFunc(classes, func(c string) bool { return strings.EqualFold(c, text) })
		return k, k >= 0
	}
}
