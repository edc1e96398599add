package experiment_test

import (
	"context"
	"fmt"
	"strings"

	"w2s/harness/experiment"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/harness/summary"
	"w2s/tasks"
)

// letters is a custom encoder. A vector counts how often each of its letters occurs in the text.
type letters string

func (l letters) Key() string { return "letters " + string(l) } // all that changes a vector
func (l letters) Dims() int   { return len(l) }

func (l letters) Encode(ctx context.Context, texts []string, emit func(index int, vector []float32, tokens int, truncated bool) error) error {
	for i, text := range texts {
		values := make([]float32, len(l))
		for d := range l {
			for _, r := range text {
				if r == rune(l[d]) {
					values[d]++
				}
			}
		}
		if err := emit(i, values, len(text), false); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// vowels is a custom task: does a word of four letters have more vowels than consonants?
type vowels struct{}

func (vowels) Info() tasks.Info {
	return tasks.Info{Name: "vowels", Category: tasks.NLP, Form: tasks.Classify, Classes: []string{"no", "yes"}, Version: 1}
}

func (vowels) Load(context.Context, tasks.Source) (*tasks.Data, error) {
	data := &tasks.Data{Digest: "made here"}
	for n := range 8 * 8 * 8 * 8 {
		text, vowels := "", 0
		for rest := n; len(text) < 4; rest /= 8 {
			letter := "aeiobcdf"[rest%8]
			text += string(letter)
			if strings.ContainsRune("aeio", rune(letter)) {
				vowels++
			}
		}
		gold := []float64{1, 0}
		if vowels > 2 {
			gold = []float64{0, 1}
		}
		data.Pool = append(data.Pool, tasks.Example{ID: tasks.ContentID(tasks.Classify, []string{text}), Texts: []string{text}, Gold: gold})
	}
	return data, nil
}

// Run an experiment with a custom encoder and a custom task. (An example of package head has a custom loss.)
func Example() {
	result, err := experiment.Run(context.Background(), experiment.Config{
		Models: []experiment.Model{{Name: "three letters", Encoder: letters("aeb")}, {Name: "all letters", Encoder: letters("aeiobcdf")}},
		Pairs:  []result.Pair{{Weak: "three letters", Strong: "all letters"}},
		Tasks:  []tasks.Task{vowels{}},
		Losses: []loss.Loss{loss.XEnt{}},
		Seeds:  []uint64{0},
		Train:  600, Test: 200,
	}, experiment.Env{})
	if err != nil {
		fmt.Println(err)
		return
	}
	rows, err := summary.Rows(result, summary.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := rows[0]
	fmt.Printf("n %d, weak floor below ceiling: %v, PGR defined: %v\n", r.N, r.Floor.Value < r.Ceiling.Value, r.PGR.Defined)
	// Output: n 200, weak floor below ceiling: true, PGR defined: true
}
