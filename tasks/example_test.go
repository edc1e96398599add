package tasks_test

import (
	"context"
	"fmt"
	"log"

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

// A task of one's own, split for an experiment. The student's half has no gold labels.
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
	_, err := tasks.Lookup("edtorials-pairs")
	fmt.Println(err.Error()[:70])
	task, err := tasks.Lookup("chess-mate1-words-few")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(task.Info().Title)
	// Output:
	// tasks: unknown task "edtorials-pairs" (did you mean "editorials-pairs"
	// find the move that mates in 1, among the legal moves, board as words, 8 candidates
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
