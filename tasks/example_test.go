package tasks_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"w2s/tasks"
)

// parity asks whether a number is even.
type parity struct{}

func (parity) Info() tasks.Info {
	return tasks.Info{
		Name: "parity", Category: tasks.NLP, Form: tasks.Classify, Classes: []string{"odd", "even"},
		Title: "is the number even", Source: "made up", Licence: "CC0-1.0", Metric: tasks.Accuracy, Version: 1,
	}
}

func (parity) Load(context.Context, tasks.Source) (*tasks.Data, error) {
	data := &tasks.Data{Digest: "parity-1"}
	for n := range 100 {
		e := tasks.Example{Texts: []string{fmt.Sprintf("The number %d", n)}, Gold: []float64{0, 1}}
		if n%2 == 1 {
			e.Gold = []float64{1, 0}
		}
		e.ID = tasks.ContentID(tasks.Classify, e.Texts)
		data.Pool = append(data.Pool, e)
	}
	return data, nil
}

// A program can define its own task and split it for an experiment. The half of the student has no gold labels.
func Example() {
	var task tasks.Task = parity{}
	data, err := task.Load(context.Background(), nil)
	if err != nil {
		log.Fatal(err)
	}
	split, err := data.Split(tasks.SplitConfig{Seed: 1, Train: 60, Test: 20})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(split.WeakTrain), len(split.StrongTrain), len(split.Test))
	fmt.Println(split.StrongTrain[0].Gold == nil, len(split.CeilingGold()))
	// Output:
	// 30 30 20
	// true 30
}

func ExampleLookup() {
	task, err := tasks.Lookup("chess-mate1-words-few")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(task.Info().Title)
	_, err = tasks.Lookup("edtorials-pairs")
	message, _, _ := strings.Cut(err.Error(), " have:")
	fmt.Println(message)
	// Output:
	// find the move that mates in 1, among the legal moves, board as words, 8 candidates
	// tasks: unknown task "edtorials-pairs" (did you mean "editorials-pairs"?
}

// reviews has 20 rows. The label of every second one is 1.
func reviews() string {
	var b strings.Builder
	b.WriteString("text,label\n")
	for i := range 20 {
		fmt.Fprintf(&b, "review %d,%d\n", i, i%2)
	}
	return b.String()
}

// A file with the columns text and label is a task.
func ExampleOpen() {
	path := tempFile("reviews.csv", reviews())
	defer os.RemoveAll(filepath.Dir(path))
	task, err := tasks.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	data, err := task.Load(context.Background(), nil)
	if err != nil {
		log.Fatal(err)
	}
	info := task.Info()
	fmt.Println(info.Name, info.Form, info.Classes, len(data.Pool))
	// Output:
	// reviews classify [0 1] 20
}

// Check finds all faults of a file at once.
func ExampleCheck() {
	path := tempFile("reviews.csv", reviews()+"no label\ngood,2\n,1\n")
	defer os.RemoveAll(filepath.Dir(path))
	report, err := tasks.Check(context.Background(), path, tasks.Limits{})
	if err != nil {
		log.Fatal(err)
	}
	for _, fault := range report.Faults.List {
		fmt.Printf("line %d: %s\n", fault.Line, fault.Text)
	}
	// Output:
	// line 22: 1 column, want 2
	// line 23: label "2" is not 0 or 1 (a task file can name other labels under "classes", or map them under "labels": docs/add-a-task.md)
	// line 24: empty text
}

// A Spec describes files whose columns have other names.
func ExampleFromSpec() {
	path := tempFile("reviews.csv", strings.Replace(reviews(), "text,label", "body,stars", 1))
	defer os.RemoveAll(filepath.Dir(path))
	task, err := tasks.FromSpec(tasks.Spec{
		Name: "stars", Train: tasks.Strings{"reviews.csv"}, Template: "Review: {body}", Label: "stars", Classes: []string{"bad", "good"},
	}, filepath.Dir(path))
	if err != nil {
		log.Fatal(err)
	}
	data, err := task.Load(context.Background(), nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range data.Pool {
		if e.Texts[0] == "Review: review 7" {
			fmt.Println(e.Gold)
		}
	}
	// Output:
	// [0 1]
}

// SingleCandidate shows one candidate of a ranking at a time.
func ExampleSingleCandidate() {
	pairs, err := tasks.Lookup("movies-pairs")
	if err != nil {
		log.Fatal(err)
	}
	info := tasks.SingleCandidate(pairs).Info()
	fmt.Println(info.Name, info.Form, info.Classes)
	// Output:
	// movies-pairs-single classify [rejected chosen]
}

// tempFile writes a file in a new folder and returns its path.
func tempFile(name, text string) string {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		log.Fatal(err)
	}
	return path
}

func ExampleMates() {
	mates, err := tasks.Mates(context.Background(), 1, 1, 2)
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range mates {
		fmt.Println(m.FEN, m.Keys)
	}
	// Output:
	// 4k3/1R6/4p1R1/8/P5P1/5NP1/PB4K1/8 w - - 7 58 [g6g8]
	// 1N2k3/2R2p2/3P4/5P1p/Pp1pP1n1/N5KN/6P1/8 w - h6 0 38 [c7c8]
}
