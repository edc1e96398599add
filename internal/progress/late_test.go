package progress

import "testing"

// A counted reporter records the calls of its methods and of its task's.
type counted struct {
	silent
	started, done int
	total, added  int64
}

func (c *counted) Start(_ string, total int64, _ Unit) Task { c.started++; c.total = total; return c }
func (c *counted) Add(n int64)                              { c.added += n }
func (c *counted) Done()                                    { c.done++ }

func TestLate(t *testing.T) {
	idle := &counted{}
	_, end := Late(idle, "nothing to do")
	end()
	if idle.started != 0 || idle.done != 0 {
		t.Errorf("a task was started for no work: %+v", idle)
	}
	busy := &counted{}
	report, end := Late(busy, "work")
	for _, done := range []int{3, 3, 10} {
		report(done, 10)
	}
	end()
	if busy.started != 1 || busy.total != 10 || busy.added != 10 || busy.done != 1 {
		t.Errorf("%+v", busy)
	}
}
