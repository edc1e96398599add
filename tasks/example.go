package tasks

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"w2s/internal/prob"
	"w2s/internal/visible"
)

// yesNo returns an example of two classes. The second class means yes.
func yesNo(text string, yes bool) Example {
	if yes {
		return Example{Texts: []string{text}, Gold: []float64{0, 1}}
	}
	return Example{Texts: []string{text}, Gold: []float64{1, 0}}
}

// groupedBy sets the group of the example, so that examples that share a text stay together.
func (e Example) groupedBy(text string) Example {
	e.Group = "shared " + NormalForm(text)
	return e
}

// detached returns the example with texts of their own. Texts that are parts of a longer one, such as the cells of a line,
// would keep all of it in memory.
func (e Example) detached() Example {
	clone := func(texts []string) []string {
		if texts == nil {
			return nil
		}
		own := make([]string, len(texts))
		for i, t := range texts {
			own[i] = strings.Clone(t)
		}
		return own
	}
	e.Texts, e.Control, e.Also, e.Replies = clone(e.Texts), clone(e.Control), clone(e.Also), clone(e.Replies)
	e.links = clone(e.links)
	e.Group, e.Answer = strings.Clone(e.Group), strings.Clone(e.Answer)
	return e
}

// oneHot returns a distribution over n values with all weight on one of them, or nil if there is no value of that index.
func oneHot(n, index int) []float64 {
	if index < 0 || index >= n {
		return nil
	}
	v := make([]float64, n)
	v[index] = 1
	return v
}

// maxTextBytes bounds the length of one text. The longest dialogues of the preference sets have less than 100 KiB.
const maxTextBytes = 1 << 20

// checkText returns why a text cannot be encoded, or "".
func checkText(t string) string {
	switch {
	case strings.TrimSpace(t) == "":
		return "empty text"
	case !utf8.ValidString(t):
		return "text is not UTF-8 (save the file as UTF-8)"
	case strings.ContainsRune(t, 0):
		return "text contains a zero byte"
	case len(t) > maxTextBytes:
		return fmt.Sprintf("text of %d bytes, want at most %d (shorten it, or make several rows of it)", len(t), maxTextBytes)
	}
	return ""
}

// checkExample returns what is wrong with an example, or "".
func checkExample(info Info, e Example) string {
	for _, t := range slices.Concat(e.Texts, e.Control) {
		if fault := checkText(t); fault != "" {
			return fault
		}
	}
	if e.Control != nil && len(e.Control) != len(e.Texts) {
		return fmt.Sprintf("%s for %s", visible.Count(len(e.Control), "control text"), visible.Count(len(e.Texts), "text"))
	}
	if e.Replies != nil && len(e.Replies) != len(e.Texts) {
		return fmt.Sprintf("%s for %s", visible.Count(len(e.Replies), "reply"), visible.Count(len(e.Texts), "text"))
	}
	switch info.Form {
	case Classify:
		if len(e.Texts) != 1 {
			return fmt.Sprintf("%s, want 1", visible.Count(len(e.Texts), "text"))
		}
		return checkGold(e.Gold, len(info.Classes))
	case Rank:
		if len(e.Texts) < 2 {
			return fewCandidates(len(e.Texts))
		}
		return checkGold(e.Gold, len(e.Texts))
	case Generate:
		if len(e.Texts) != 1 {
			return fmt.Sprintf("%s, want 1", visible.Count(len(e.Texts), "prompt"))
		}
		if strings.TrimSpace(e.Answer) == "" {
			return "empty answer"
		}
		if !utf8.ValidString(e.Answer) {
			return "answer is not UTF-8 (save the file as UTF-8)"
		}
		return ""
	}
	return fmt.Sprintf("unknown form %q", info.Form)
}

// fewCandidates says that a question has too few candidates.
func fewCandidates(n int) string { return visible.Count(n, "candidate") + ", want 2 or more" }

// checkGold returns why gold is not a distribution over n classes or candidates, or "".
func checkGold(gold []float64, n int) string {
	if len(gold) != n {
		return fmt.Sprintf("gold label has %s, want %d", visible.Count(len(gold), "value"), n)
	}
	sum := 0.0
	for _, g := range gold {
		if !(g >= 0 && g <= 1) {
			return fmt.Sprintf("gold label %v is not between 0 and 1", g)
		}
		sum += g
	}
	if math.Abs(sum-1) > 1e-6 {
		return fmt.Sprintf("gold label sums to %v, want 1", sum)
	}
	return ""
}

// because says where the rows of a file went that gave too few examples, or returns "".
func because(warnings []string) string {
	if len(warnings) == 0 {
		return ""
	}
	return " (" + strings.Join(warnings, "; ") + ")"
}

// checkSize returns a fault if the data is too small for an experiment: too few examples, an empty part, or a class
// without examples.
func checkSize(info Info, d *Data, faults *Faults) error {
	name := info.Name
	if n := len(d.Pool) + len(d.Test); n < minExamples {
		faults.add(name, 0, "%s, want at least %d%s", visible.Count(n, "example"), minExamples, because(d.Warnings))
		return faults.err()
	}
	if len(d.Pool) == 0 || d.Test != nil && len(d.Test) == 0 {
		faults.add(name, 0, "%s to train on and %d to test on: a part is empty%s", visible.Count(len(d.Pool), "example"), len(d.Test), because(d.Warnings))
	}
	if info.Form == Classify {
		checkClasses := func(where string, part []Example) {
			counts := make([]int, len(info.Classes))
			for _, e := range part {
				counts[prob.Argmax(e.Gold)]++
			}
			for k, n := range counts {
				if n == 0 && len(part) > 0 {
					faults.add(name, 0, "no example of class %q%s%s", info.Classes[k], where, because(d.Warnings))
				}
			}
		}
		if d.Test == nil {
			checkClasses("", d.Pool)
		} else {
			checkClasses(" in the training part", d.Pool)
			checkClasses(" in the test part", d.Test)
		}
	}
	return faults.err()
}
