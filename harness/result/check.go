package result

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"w2s/internal/visible"
	"w2s/tasks"
)

// maxFaults bounds the faults of a result that are reported one by one.
const maxFaults = 20

// check reports all that is missing or contradictory.
func (r *Result) check() error {
	var faults []error
	more := 0
	add := func(err error) {
		switch {
		case err == nil:
		case len(faults) < maxFaults:
			faults = append(faults, err)
		default:
			more++
		}
	}
	fault := func(format string, args ...any) {
		if len(faults) < maxFaults {
			add(fmt.Errorf(format, args...))
		} else {
			more++
		}
	}
	byName := map[string]*Task{}
	for i := range r.Tasks {
		t := &r.Tasks[i]
		if byName[t.Name] != nil {
			fault("task %q appears twice", t.Name)
		}
		byName[t.Name] = t
		if len(t.TestIDs) != len(t.TestGold) {
			fault("task %q has %s and %s", t.Name, visible.Count(len(t.TestIDs), "test id"), visible.Count(len(t.TestGold), "gold label"))
		}
		if t.Texts != nil && len(t.Texts) != len(t.TestIDs) {
			fault("task %q has %s and %s", t.Name, visible.Count(len(t.TestIDs), "test id"), visible.Count(len(t.Texts), "text"))
		}
		for _, h := range t.Halves {
			if want := (len(t.PoolIDs) + 7) / 8; len(h.Weak) != want || len(h.Strong) != want {
				fault("task %q, halves of seed %d: %d and %d bytes for %d training examples (want %d)", t.Name, h.Seed, len(h.Weak), len(h.Strong), len(t.PoolIDs), want)
			}
		}
		if t.TestGroups != nil && len(t.TestGroups) != len(t.TestIDs) {
			fault("task %q has %d test ids and groups of %d", t.Name, len(t.TestIDs), len(t.TestGroups))
		} else if at := slices.IndexFunc(t.TestGroups, func(g int) bool { return g < 0 || g >= len(t.TestIDs) }); at >= 0 {
			fault("task %q, test example %s: group %d (want 0 to %d)", t.Name, t.TestIDs[at], t.TestGroups[at], len(t.TestIDs)-1)
		}
		if t.Form == tasks.Generate && len(t.TestAnswers) != len(t.TestIDs) {
			fault("task %q has %s and answers to %d", t.Name, visible.Count(len(t.TestIDs), "test id"), len(t.TestAnswers))
		}
	}
	byID := map[string]*Head{}
	for i := range r.Heads {
		h := &r.Heads[i]
		if byID[h.ID] != nil {
			fault("head %q appears twice", h.ID)
		}
		byID[h.ID] = h
	}
	// absent says why a reference to a head does not hold, or "".
	absent := func(id, task string) string {
		switch h := byID[id]; {
		case h == nil:
			return "is missing"
		case h.Task != task:
			return fmt.Sprintf("belongs to task %q", h.Task)
		}
		return ""
	}
	for i := range r.Heads {
		h := &r.Heads[i]
		if t := byName[h.Task]; t == nil {
			fault("head %q: unknown task %q", h.ID, h.Task)
		} else {
			add(h.check(t))
		}
		if why := absent(h.Supervisor, h.Task); (h.Role == Student || h.Role == SomeGold || (h.Role == Comparison || h.Role == Ordered) && h.Supervisor != "") && why != "" {
			fault("head %q: its supervisor %q %s", h.ID, h.Supervisor, why)
		}
	}
	for _, c := range r.Chains {
		if byName[c.Task] == nil {
			fault("chain on %q: unknown task", c.Task)
		}
		if len(c.Steps) < 2 {
			fault("chain on %q has %s", c.Task, visible.Count(len(c.Steps), "step"))
		}
		for _, id := range append(slices.Clone(c.Steps), c.Jump, c.Ceiling) {
			if why := absent(id, c.Task); why != "" {
				fault("chain on %q: head %q %s", c.Task, id, why)
			}
		}
	}
	if more > 0 {
		faults = append(faults, fmt.Errorf("%s", visible.Count(more, "more fault")))
	}
	return errors.Join(faults...)
}

// check reports what is wrong with the predictions of a head of task t.
func (h *Head) check(t *Task) error {
	if len(h.Test) != len(t.TestIDs) {
		return fmt.Errorf("head %q has %d predictions for %s", h.ID, len(h.Test), visible.Count(len(t.TestIDs), "test example"))
	}
	if want := (len(t.TestIDs) + 7) / 8; h.Role == Ordered && len(h.HardTest) != want {
		return fmt.Errorf("head %q says of %d bytes of test examples whether they are hard, want %d", h.ID, len(h.HardTest), want)
	}
	for i, p := range h.Test {
		if i >= len(t.TestGold) { // reported for the task
			break
		}
		if len(p) != len(t.TestGold[i]) {
			return fmt.Errorf("head %q, test example %s: %s for %s", h.ID, t.TestIDs[i], visible.Count(len(p), "probability"), visible.Count(len(t.TestGold[i]), "answer"))
		}
	}
	if t.Form != tasks.Generate || len(t.TestAnswers) != len(t.TestIDs) {
		return nil
	}
	if len(h.Answers) != len(t.TestIDs) || len(h.TokenAccuracy) != len(t.TestIDs) {
		return fmt.Errorf("head %q has %s and %d token accuracies for %s", h.ID, visible.Count(len(h.Answers), "answer"), len(h.TokenAccuracy), visible.Count(len(t.TestIDs), "test example"))
	}
	for i, text := range h.Answers {
		if len(h.Test[i]) == 2 && (h.Test[i][1] == 1) != Matches(text, t.TestAnswers[i]) {
			return fmt.Errorf("head %q, test example %s: the file contradicts itself on whether answer %q is right", h.ID, t.TestIDs[i], text)
		}
	}
	return nil
}

// Matches reports whether a free answer is one of the right ones. White space around either does not count.
func Matches(answer string, right []string) bool {
	return slices.ContainsFunc(right, func(r string) bool { return strings.TrimSpace(answer) == strings.TrimSpace(r) })
}
