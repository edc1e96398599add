package tasks

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"w2s/internal/prob"
	"w2s/internal/shareddata"
)

func TestLastReply(t *testing.T) {
	const p = "\n\nHuman: Hi.\n\nAssistant:"
	for _, c := range []struct {
		name, a, b        string
		prompt, good, bad string
		ok                bool
	}{
		{"plain", p + " Yes.", p + " No.", "Human: Hi.\n\nAssistant:", "Yes.", "No.", true},
		{"replies start alike", p + " Yes and no.", p + " Yes.", "Human: Hi.\n\nAssistant:", "Yes and no.", "Yes.", true},
		{"one reply contains further turns", p + " Yes.", p + " Yes.\n\nHuman: So?\n\nAssistant: No.", "Human: Hi.\n\nAssistant:", "Yes.", "Yes.\n\nHuman: So?\n\nAssistant: No.", true},
		{"several turns", p + " A.\n\nHuman: B?\n\nAssistant: C", p + " A.\n\nHuman: B?\n\nAssistant: D", "Human: Hi.\n\nAssistant: A.\n\nHuman: B?\n\nAssistant:", "C", "D", true},
		{"difference before the last turn", p + " A.\n\nHuman: B?\n\nAssistant: C", p + " X.\n\nHuman: B?\n\nAssistant: C", "Human: Hi.\n\nAssistant:", "A.\n\nHuman: B?\n\nAssistant: C", "X.\n\nHuman: B?\n\nAssistant: C", true},
		{"nothing in common", "yes", "no", "", "", "", false},
		{"empty reply", p, p + " No.", "Human: Hi.\n\nAssistant:", "", "No.", true},
		{"text ends inside the marker", "\n\nAssistant", "\n\nAssistant: x", "", "", "", false},
	} {
		prompt, good, bad, ok := lastReply(c.a, c.b)
		if prompt != c.prompt || good != c.good || bad != c.bad || ok != c.ok {
			t.Errorf("%s: %q, %q, %q, %v", c.name, prompt, good, bad, ok)
		}
	}
}

func FuzzLastReply(f *testing.F) {
	f.Add("\n\nHuman: a\n\nAssistant: b", "\n\nHuman: a\n\nAssistant: c")
	f.Add("", "\n\nAssistant:")
	f.Add("\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: d", "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: e")
	f.Fuzz(func(t *testing.T, a, b string) {
		prompt, replyA, replyB, ok := lastReply(a, b)
		if !ok {
			return
		}
		if !strings.HasSuffix(prompt, "Assistant:") {
			t.Errorf("prompt %q", prompt)
		}
		// Each dialogue is the prompt, white space and its reply, and the two share no later turn of the assistant.
		restA, okA := strings.CutPrefix(strings.TrimSpace(a), prompt)
		restB, okB := strings.CutPrefix(strings.TrimSpace(b), prompt)
		if !okA || !okB || strings.TrimSpace(restA) != replyA || strings.TrimSpace(restB) != replyB {
			t.Errorf("%q and %q: prompt %q, replies %q and %q", a, b, prompt, replyA, replyB)
		}
		if at := strings.Index(restA, "\n\nAssistant:"); at >= 0 && strings.HasPrefix(restB, restA[:at+len("\n\nAssistant:")]) {
			t.Errorf("%q and %q go on alike after the prompt %q", a, b, prompt)
		}
	})
}

// The real base test sets. The numbers of skipped pairs were counted in Python.
func TestHH(t *testing.T) {
	for file, want := range map[string]int{"hh-rlhf-helpful-base-test.jsonl.gz": 2354 - 4 - 2, "hh-rlhf-harmless-base-test.jsonl.gz": 2312 - 4} {
		path := shareddata.Path(t, "data", file)
		set := hh("x", "x", "x")
		c := newCollector(set.info)
		if err := c.read(context.Background(), rowFile{path: path, format: "jsonl"}, false, hhPair); err != nil {
			t.Fatal(err)
		}
		d, err := c.finish()
		if err != nil {
			t.Fatal(err)
		}
		if n := len(d.Pool); n > want || n < want-2 {
			t.Errorf("%s: %d pairs, want %d: %q", file, n, want, d.Warnings)
		}
		first := 0
		for _, e := range d.Pool {
			if prob.Argmax(e.Gold) == 0 {
				first++
			}
			if !strings.HasPrefix(e.Group, "prompt human ") {
				t.Fatalf("group %q", e.Group)
			}
		}
		// 2√n is four standard deviations of a fair coin.
		if n := float64(len(d.Pool)); math.Abs(float64(first)-n/2) > 2*math.Sqrt(n) {
			t.Errorf("%s: the chosen reply is first in %d of %v", file, first, n)
		}
		one, err := (single{ranking: fixed{set.info, d}}).Load(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := float64(len(one.Pool)); n != float64(len(d.Pool)) || math.Abs(float64(positives(one.Pool))-n/2) > 2*math.Sqrt(n) {
			t.Errorf("%s: %d of %v single replies are the chosen ones", file, positives(one.Pool), n)
		}
	}
}

// fixed is a task with given data.
type fixed struct {
	info Info
	data *Data
}

func (f fixed) Info() Info                                  { return f.info }
func (f fixed) Load(context.Context, Source) (*Data, error) { return f.data, nil }

func TestDerivedTasksCheckTheForm(t *testing.T) {
	if _, err := SingleCandidate(fixed{Info{Name: "x", Form: Classify}, nil}).Load(context.Background(), nil); err == nil || !contains(err.Error(), "no candidates") {
		t.Errorf("error %v", err)
	}
	if _, err := FreeAnswer(fixed{Info{Name: "x", Form: Rank}, nil}).Load(context.Background(), nil); err == nil || !contains(err.Error(), "no classes") {
		t.Errorf("error %v", err)
	}
}

func TestFreeAnswerIsTheClass(t *testing.T) {
	d := loadNamed(t, "sst2-free", Local(hubFixtures(), nil))
	for _, e := range d.Pool {
		good := false
		for _, word := range []string{"lovely", "sturdy", "bright", "cheerful", "splendid"} {
			good = good || strings.Contains(e.Texts[0], word)
		}
		if want := map[bool]string{true: "positive", false: "negative"}[good]; e.Answer != want || !strings.HasSuffix(e.Texts[0], "\n\nAnswer (negative or positive):") {
			t.Errorf("%q: answer %q", e.Texts[0], e.Answer)
		}
	}
}

func TestPreference(t *testing.T) {
	count := func(scores ...int) ratedText {
		var r ratedText
		for _, s := range scores {
			r.counts[s+4]++
			r.total++
		}
		return r
	}
	for _, c := range []struct {
		a, b ratedText
		want float64
	}{
		{count(4), count(-4), 1},
		{count(0, 0), count(0), 0.5},
		{count(1, 2, 3), count(2), 0.5},
		{count(1, 2), count(0, 1, 3), (1 + 0.5 + 0 + 1 + 1 + 0) / 6},
	} {
		if got := preference(c.a, c.b); !(math.Abs(got-c.want) <= 1e-12) || !(math.Abs(preference(c.b, c.a)-(1-c.want)) <= 1e-12) {
			t.Errorf("%v against %v: %v, want %v", c.a.counts, c.b.counts, got, c.want)
		}
	}
}

// Removing a row changes only the pairs of its bucket, and each text is in one pair.
func TestRatingPairs(t *testing.T) {
	for _, name := range []string{"movies-pairs", "amazon-pairs"} {
		d := loadNamed(t, name, Local(hubFixtures(), nil))
		if len(d.Pool) < 10 {
			t.Fatalf("%s: %d pairs", name, len(d.Pool))
		}
		seen := map[string]bool{}
		for _, e := range d.Pool {
			for _, text := range e.Texts {
				if seen[text] {
					t.Errorf("%s: %q is in two pairs", name, text)
				}
				seen[text] = true
			}
			if m := slices.Max(e.Gold); m < 0.5+dividedBand {
				t.Errorf("%s: gold %v is within the divided band", name, e.Gold)
			}
		}
		task, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		fewer, err := task.Load(context.Background(), &shuffled{Source: Local(hubFixtures(), nil), dir: t.TempDir(), t: t, drop: 1})
		if err != nil {
			t.Fatal(err)
		}
		before := ids(d.Pool)
		changed := 0
		for _, e := range fewer.Pool {
			if !slices.Contains(before, e.ID) {
				changed++
			}
		}
		if changed > 2 {
			t.Errorf("%s: removing one row makes %d new pairs of %d", name, changed, len(d.Pool))
		}
	}
}

// All pairs with snippets of one review are in one group.
func TestRatingPairsKeepReviewsTogether(t *testing.T) {
	groups := map[int]string{} // by review; a review of the fixture has four snippets
	for _, e := range loadNamed(t, "amazon-pairs", Local(hubFixtures(), nil)).Pool {
		for _, text := range e.Texts {
			var snippet int
			if _, err := fmt.Sscanf(text, "Snippet %d:", &snippet); err != nil {
				t.Fatal(err)
			}
			if other, ok := groups[snippet/4]; ok && other != e.Group {
				t.Errorf("review %d is in %q and %q", snippet/4, other, e.Group)
			}
			groups[snippet/4] = e.Group
		}
	}
	if len(groups) < 20 {
		t.Errorf("pairs of only %d reviews", len(groups))
	}
}

func TestRatingsFixture(t *testing.T) {
	d := loadNamed(t, "tweets", Local(hubFixtures(), nil))
	for _, e := range d.Pool {
		good := false
		for _, word := range []string{"lovely", "sturdy", "bright", "cheerful", "splendid"} {
			good = good || strings.HasSuffix(e.Texts[0], "was café-"+word+".")
		}
		if good != (prob.Argmax(e.Gold) == 1) {
			t.Errorf("%q has the gold label %v", e.Texts[0], e.Gold)
		}
	}
	// The ids of review sentences are REVIEW_SENTENCE, and a review is a group. A tweet has no group.
	groups := map[string]int{}
	for _, e := range loadNamed(t, "amazon", Local(hubFixtures(), nil)).Pool {
		groups[e.Group]++
	}
	if len(groups) != 30 || groups["amazon 1"] < 2 || d.Pool[0].Group != "" {
		t.Errorf("%d groups of reviews, want 30; a tweet has the group %q, want none", len(groups), d.Pool[0].Group)
	}
	if len(d.Warnings) == 0 || !contains(d.Warnings[len(d.Warnings)-1], "between -0.5 and 0.5") {
		t.Errorf("warnings %q do not count the near-neutral rows", d.Warnings)
	}
}
