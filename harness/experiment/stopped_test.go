package experiment_test

import (
	"reflect"
	"testing"

	"w2s/harness/result"
)

// Students that are stopped stand beside those that are not, which are the same as without them. A training that is stopped after its last
// step is the whole one, and the first step of all losses is the one of cross-entropy.
func TestStoppedStudents(t *testing.T) {
	cfg := smallConfig(planted{name: "classified", n: 700, noise: 0.5})
	whole := run(t, cfg)
	cfg.Steps = []int{1, 300}
	r := run(t, cfg)
	if reflect.DeepEqual(r.Config, whole.Config) {
		t.Error("a result without stopped students could be continued as this one")
	}
	type key struct {
		loss    string
		seed    uint64
		stopped int
	}
	students, ids := map[key]result.Head{}, map[string]bool{}
	var rest []result.Head
	for _, h := range r.Heads {
		if ids[h.ID] {
			t.Errorf("two heads are %s", h.ID)
		}
		ids[h.ID] = true
		if h.Role == result.Student {
			students[key{h.Loss, h.Seed, h.Stopped}] = h
		}
		if h.Stopped == 0 {
			rest = append(rest, h)
		} else if h.Role != result.Student || h.Steps != h.Stopped {
			t.Errorf("%s: %s, %d steps", h.ID, h.Role, h.Steps)
		}
	}
	if !reflect.DeepEqual(rest, whole.Heads) {
		t.Error("heads that are not stopped have changed")
	}
	logconf := cfg.Losses[1].String()
	for _, seed := range cfg.Seeds {
		if !reflect.DeepEqual(students[key{logconf, seed, 300}].Test, students[key{logconf, seed, 0}].Test) {
			t.Errorf("seed %d: stopped after the last step, logconf differs", seed)
		}
		if !reflect.DeepEqual(students[key{logconf, seed, 1}].Test, students[key{"xent", seed, 1}].Test) {
			t.Errorf("seed %d: the first steps of the losses differ", seed)
		}
	}
	if len(students) != 2*2*3 {
		t.Errorf("%d students", len(students))
	}
	cfg.Steps = []int{0, 3, 3}
	if err := cfg.Validate(); err == nil {
		t.Error("steps of 0, and the same twice, are accepted")
	}
}
