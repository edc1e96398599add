package tasks

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// The difficulty of an example is read from the column that the task names, and from the ratings of chess puzzles. Of copies, it is the
// smallest.
func TestDifficulty(t *testing.T) {
	dir := t.TempDir()
	var csv strings.Builder
	csv.WriteString("text,label,grade\nquestion 3 is this,1,9.5\n")
	for i := range 20 {
		fmt.Fprintf(&csv, "question %d is this,%d,%d.5\n", i, i%2, i)
	}
	path := write(t, dir, "grades.csv", csv.String())
	for _, ref := range []string{path + ":difficulty=grade", write(t, dir, "graded.yaml", "train: grades.csv\ndifficulty: grade\n")} {
		task, err := Open(ref)
		if err != nil {
			t.Fatal(err)
		}
		if task.Info().Difficulty != "grade" {
			t.Errorf("%s: difficulty is column %q", ref, task.Info().Difficulty)
		}
		d, err := task.Load(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range d.Pool {
			var i int
			fmt.Sscanf(e.Texts[0], "question %d", &i)
			if e.Difficulty != float64(i)+0.5 {
				t.Errorf("%q has the difficulty %v", e.Texts[0], e.Difficulty)
			}
		}
	}
	if _, err := Open(path + ":difficulty=grad"); err == nil || !strings.Contains(err.Error(), `did you mean "grade"`) {
		t.Errorf("error %v", err)
	}
	var puzzles strings.Builder
	puzzles.WriteString(lichessHeader)
	for i := range 20 {
		rank := []byte("11111PPP")
		for bit, file := range []int{0, 1, 2, 4, 7} {
			if i>>bit&1 == 1 {
				rank[file] = "P1"[file/7]
			}
		}
		fmt.Fprintf(&puzzles, "1%03d,6k1/5ppp/8/8/8/8/%s/3R2K1 b - - 0 1,g8f8 d1d8,%d,80,90,100,x,url,\n", i, rank, 1000+i)
	}
	ratings := map[float64]bool{}
	for _, e := range load(t, write(t, dir, "puzzles.csv", puzzles.String())).Pool {
		ratings[e.Difficulty] = true
	}
	if len(ratings) != 20 || !ratings[1000] || !ratings[1019] {
		t.Errorf("difficulties of puzzles %v", ratings)
	}
}
