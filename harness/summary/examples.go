package summary

import (
	"fmt"
	"strings"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/internal/prob"
	"w2s/tasks"
)

// An Example is a test example with the answers of a student, its supervisor and its ceiling.
type Example struct {
	Task, Trained, Weak, Strong, Loss, Treatment string // Trained is the task that the heads were trained on
	Size                                         int    // of the training pool, if it is smaller than the experiment's
	Seed                                         uint64
	ID, Text                                     string // Text is "" if the result has no texts
	Gold                                         string // the right answer; several are joined by " or "

	// Of supervisor, student and ceiling, in this order: the answer, whether it is right, and the probability that the head gives to
	// its answer, which is 1 for free answers.
	Answers     [3]string
	Right       [3]bool
	Probability [3]float64
}

// A Triple is a student with its task, its supervisor and its ceiling.
type Triple struct {
	Task                   *result.Task
	Weak, Student, Ceiling *result.Head
}

// Heads returns supervisor, student and ceiling.
func (t Triple) Heads() [3]*result.Head { return [3]*result.Head{t.Weak, t.Student, t.Ceiling} }

// Triples returns the students of a result that have a supervisor and a ceiling, in the order of its heads. Those whose training was stopped are left out. A step inside a chain has no
// ceiling.
func Triples(r *result.Result) []Triple {
	x := newIndex(r)
	var out []Triple
	for i := range r.Heads {
		student := &r.Heads[i]
		weak := x.heads[student.Supervisor]
		ceiling := x.reference[referenceKey{result.Ceiling, student.Task, student.Model, student.Trained, student.Size, student.Seed}]
		if student.Role == result.Student && student.Stopped == 0 && weak != nil && ceiling != nil {
			out = append(out, Triple{x.tasks[student.Task], weak, student, ceiling})
		}
	}
	return out
}

// Examples returns the test examples of every student that has a supervisor and a ceiling, in the order of the result's heads.
func Examples(r *result.Result) []Example {
	var out []Example
	for _, of := range Triples(r) {
		t, student := of.Task, of.Student
		trained := student.Trained
		if trained == "" {
			trained = t.Name
		}
		for k, id := range t.TestIDs {
			e := Example{Task: t.Name, Trained: trained, Weak: of.Weak.Source(), Strong: student.Model, Loss: student.Loss, Treatment: student.Treatment,
				Size: student.Size, Seed: student.Seed, ID: id, Gold: rightAnswer(t, k)}
			if k < len(t.Texts) {
				e.Text = t.Texts[k]
			}
			for j, h := range of.Heads() {
				e.Answers[j], e.Right[j], e.Probability[j] = answerOf(t, h, k)
			}
			out = append(out, e)
		}
	}
	return out
}

// answerOf returns a head's answer to a test example.
func answerOf(t *result.Task, h *result.Head, test int) (answer string, right bool, probability float64) {
	top := prob.Argmax(h.Test[test])
	answer = nameOf(t, top)
	if h.Answers != nil {
		answer = h.Answers[test]
	}
	return answer, stats.Right(top, t.TestGold[test]), h.Test[test][top]
}

// rightAnswer returns the right answer to a test example.
func rightAnswer(t *result.Task, test int) string {
	if t.TestAnswers != nil {
		return strings.Join(t.TestAnswers[test], " or ")
	}
	var names []string
	for k := range t.TestGold[test] {
		if stats.Right(k, t.TestGold[test]) {
			names = append(names, nameOf(t, k))
		}
	}
	return strings.Join(names, " or ")
}

// nameOf returns the name of a possible answer.
func nameOf(t *result.Task, class int) string {
	switch {
	case t.Form == tasks.Rank:
		return fmt.Sprintf("candidate %d", class+1)
	case class < len(t.Classes):
		return t.Classes[class]
	}
	return fmt.Sprint(class)
}
