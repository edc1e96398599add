package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

func TestFlagsOfSimilarPrograms(t *testing.T) {
	for line, want := range map[string]string{
		"run --output x":                       "unknown flag: --output (did you mean --out?)",
		"run --output-dir x":                   "(did you mean --out?)",
		"run --output_dir=x":                   "(did you mean --out?)",
		"run -o x":                             "(did you mean --out?)",
		"run --model x":                        "(did you mean --weak and --strong?)",
		"sweep --model x":                      "(did you mean --models?)",
		"chain --model_sizes x":                "(did you mean --models?)",
		"study noise --model x":                "(did you mean --weak and --strong?)",
		"run --weak_model_size gpt2":           "(did you mean --weak?)",
		"run --strong_model_size gpt2-xl":      "(did you mean --strong?)",
		"sweep --weak-model x":                 "(did you mean --models?)",
		"run --dataset x":                      "(did you mean --task?)",
		"run --ds_name sciq":                   "(did you mean --task?)",
		"encode --dataset x":                   "(did you mean --task?)",
		"encode --weak_model x":                "(did you mean --model?)",
		"run --n_docs 100":                     "(did you mean --train?)",
		"run --n_test_docs 100":                "(did you mean --test?)",
		"run --seed 1":                         "(did you mean --seeds? --seeds 3 takes the seeds 0, 1 and 2)",
		"run --epochs 3":                       "(w2s has none: heads are trained until they converge, without epochs or a learning rate)",
		"run -epochs 3":                        "heads are trained until they converge",
		"run --lr 1e-5":                        "(w2s has none: heads are trained until they converge",
		"run --batch_size 32":                  "(w2s has none: results do not depend on batches",
		"run --batch-size 32":                  "(w2s has none: results do not depend on batches",
		"run --transfer_losses xent":           "(did you mean --loss?)",
		"run --linear_probe":                   "(w2s has none: heads are always linear",
		"run --max_ctx 512":                    "(w2s has none: the longest input is that of the checkpoint",
		"run --force_retrain":                  "(did you mean --again?)",
		"run --device cuda":                    "(did you mean --provider?)",
		"report --output x r.json":             "(did you mean --out?)",
		"table --output x r.json":              "unknown flag: --output",
		"run --sedes 1":                        "(did you mean --seeds?)",
		"run --results_folder x":               "(did you mean --out?)",
		"run --weak-model_name pythia --x":     "(did you mean --weak?)",
		"bench encode --batch_size 3 --task x": "",
	} {
		var out, errOut bytes.Buffer
		code := run(context.Background(), &out, &errOut, strings.Fields(line))
		if code != exitUsage || !strings.Contains(errOut.String(), want) {
			t.Errorf("%s: exit code %d: %s, want %q", line, code, errOut.String(), want)
		}
		first, _, _ := strings.Cut(errOut.String(), "\n")
		if strings.HasPrefix(line, "table") && strings.Contains(first, "--out?") {
			t.Errorf("%s: a flag that the command does not have is suggested: %s", line, first)
		}
	}
	// Every flag that the table names exists, and no flag of the program is in it.
	root := newRoot(&bytes.Buffer{}, &bytes.Buffer{}, nil)
	known := map[string]bool{}
	for _, c := range root.Commands() {
		for _, sub := range append(c.Commands(), c) {
			for _, n := range neighbours {
				for _, names := range n.flags {
					for _, f := range names {
						known[f] = known[f] || sub.Flags().Lookup(f) != nil || root.PersistentFlags().Lookup(f) != nil
					}
				}
			}
		}
	}
	for f, ok := range known {
		if !ok {
			t.Errorf("no command has --%s", f)
		}
	}
}
