package report

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"w2s/harness/result"
	"w2s/harness/stats"
	"w2s/tasks"
)

// hostile has what names and texts from users' files may contain.
const hostile = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=2> \"quoted\" 'single' &amp; \x00\x07\x1b[31m \u202eturned\u2028line"

// unit returns a number in [0, 1) that depends on its arguments alone.
func unit(parts ...any) float64 {
	h := fnv.New64a()
	fmt.Fprint(h, parts...)
	h.Write([]byte{1, 2, 3, 4}) // FNV hardly mixes the last bytes
	return float64(h.Sum64()>>11) / (1 << 53)
}

// prediction returns a distribution that is right with the given probability. Equal arguments in of give the same errors.
func prediction(accuracy float64, gold []float64, of ...any) []float64 {
	n := len(gold)
	p := make([]float64, n)
	right := 0
	for k, g := range gold {
		if g > gold[right] {
			right = k
		}
	}
	answer := right
	if unit(of...) > accuracy {
		answer = (right + 1 + int(unit(append(of, "which")...)*float64(n-1))) % n
	}
	confidence := 1/float64(n) + (1-1/float64(n))*(0.2+0.8*unit(append(of, "confidence")...))
	for k := range p {
		p[k] = (1 - confidence) / float64(n-1)
	}
	p[answer] = confidence
	return p
}

// sample returns a result with two tasks of different forms, one pair, and two losses unless others are given.
func sample(tests int, seeds int, losses ...string) *result.Result {
	if len(losses) == 0 {
		losses = []string{"xent", "logconf:alpha=0.5:warmup=0.2"}
	}
	r := &result.Result{Schema: result.Schema, Program: "w2s test", Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Command: []string{"w2s", "run", "--task", "it's; rm -rf /"}, Warnings: []string{"a warning " + hostile},
		Models: []result.Model{{Name: "small", Key: "key-of-small", Dims: 64, Parameters: 1234567, Description: map[string]string{"sha256 model.onnx": "abc", "licence": hostile}},
			{Name: "large <b>", Key: "key-of-large", Dims: 384}}}
	r.Config = result.Settings{Pairs: []result.Pair{{Weak: "small", Strong: "large <b>"}}, Losses: losses, Treatments: []string{"soft"}, L2: []float64{0.1, 1}, Held: 0.2}
	for s := range seeds {
		r.Config.Seeds = append(r.Config.Seeds, uint64(s))
	}
	for _, t := range []result.Task{
		{Name: "reviews", Title: "reviews", Category: tasks.NLP, Form: tasks.Classify, Classes: []string{"bad", "good " + hostile}, Digest: "digest-1"},
		{Name: "answers" + hostile, Category: tasks.Reward, Form: tasks.Rank, Digest: "digest-2", Licence: "own", Source: "https://example.org/?a=1&b=2"},
	} {
		classes := 2
		if t.Form == tasks.Rank {
			classes = 3
		}
		for i := range tests {
			gold := make([]float64, classes)
			gold[int(unit(t.Name, i, "gold")*float64(classes))] = 1
			t.TestIDs = append(t.TestIDs, fmt.Sprintf("%s-%d", t.Digest, i))
			t.TestGold = append(t.TestGold, gold)
			t.Texts = append(t.Texts, fmt.Sprintf("text number %d of %s needle%d %s", i, t.Digest, i, strings.Repeat(hostile, i%2)))
		}
		r.Tasks = append(r.Tasks, t)
		head := func(id string, role result.Role, model, supervisor, loss string, seed int, accuracy float64) result.Head {
			h := result.Head{ID: id, Task: t.Name, Role: role, Model: model, Supervisor: supervisor, Loss: loss, Seed: uint64(seed), Train: 400, L2: 0.1, Status: "converged"}
			for i, gold := range t.TestGold {
				group := any(id)
				if unit(t.Name, i, "same") < 0.5 {
					group = seed
				}
				h.Test = append(h.Test, prediction(accuracy, gold, t.Name, i, group))
			}
			return h
		}
		for s := range seeds {
			id := func(what string) string { return fmt.Sprintf("%s/%s/%d", t.Name, what, s) }
			r.Heads = append(r.Heads, head(id("weak"), result.Supervisor, "small", "", "xent", s, 0.6),
				head(id("ceiling"), result.Ceiling, "large <b>", "", "xent", s, 0.9))
			for k, loss := range losses {
				h := head(id("student "+loss), result.Student, "large <b>", id("weak"), loss, s, 0.7+0.1*float64(k%2))
				h.Treatment = "soft"
				q := stats.Quality{N: 400, Accuracy: 0.6, ECE: 0.1, Brier: 0.2, LogLoss: 0.6}
				h.Labels = &result.LabelQuality{Quality: q, Raw: q}
				r.Heads = append(r.Heads, h)
			}
		}
	}
	return r
}

// chained adds a chain of the models small, middle and large to a result.
func chained(r *result.Result) *result.Result {
	t := r.Tasks[0]
	add := func(id string, role result.Role, model, supervisor string, accuracy float64) string {
		h := result.Head{ID: id, Task: t.Name, Role: role, Model: model, Supervisor: supervisor, Loss: "xent", Treatment: "soft", Train: 400}
		for i, gold := range t.TestGold {
			h.Test = append(h.Test, prediction(accuracy, gold, id, i))
		}
		r.Heads = append(r.Heads, h)
		return id
	}
	first := add("chain/1", result.Supervisor, "small", "", 0.6)
	second := add("chain/2", result.Student, "middle", first, 0.7)
	third := add("chain/3", result.Student, "large <b>", second, 0.75)
	r.Chains = append(r.Chains, result.Chain{Task: t.Name, Loss: "xent", Steps: []string{first, second, third},
		Jump: add("chain/jump", result.Student, "large <b>", first, 0.7), Ceiling: add("chain/gold", result.Ceiling, "large <b>", "", 0.9)})
	return r
}
