package tasks

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestNormalForm(t *testing.T) {
	for _, same := range [][]string{
		{"Great film!", "great film", "GREAT   film!!!", "\"Great film.\"", "great, film …", "*great* film", "(great) film", "great\nfilm\t", "great — film"},
		{"soooo good", "sooo good!!", "soo good", "SOOOOOO good"},
		{"don't stop", "don’t stop", "dont stop", "DON'T STOP!"},
		{"a well-known man", "a well known man", "a well - known man"},
		{"ﬁne ①", "fine 1"},                          // compatible characters
		{"ＦＵＬＬ width", "full width"},                 //
		{"soft\u00adhyphen", "softhyphen"},           // invisible characters
		{"a\u200bb", "ab"},                           //
		{"love ♥♥♥♥", "love ♥♥♥", "love ♥♥"},         // symbols
		{"it cost 20.", "it cost 20!", "it cost 20"}, // an end of a sentence after a number
		{"in 2003, he left", "in 2003 he left"},      //
		{"Straße", "strasse"},                        //
		{"covid-19", "covid 19"},                     //
		{"- 5 apples", "5 apples"},                   // a bullet
	} {
		for _, text := range same[1:] {
			if a, b := NormalForm(same[0]), NormalForm(text); a != b {
				t.Errorf("%q is %q, but %q is %q", same[0], a, text, b)
			}
		}
	}
	// Numbers, negations and whatever has a meaning of its own stay apart.
	for _, other := range [][]string{
		{"3.5", "35", "3,5", "3 5", "3-5"},
		{"it is 1,000", "it is 1000", "it is 1.000"},
		{"100", "1000", "10000"},
		{"it is -5 degrees", "it is 5 degrees"},
		{"at 10:30", "at 1030"},
		{"5 - 3", "5 + 3", "5 * 3", "5 / 3", "5 3"},
		{"2*(3+4)", "2*3+4"},
		{"(2+3)*4", "2+3*4"},
		{"5%", "5"},
		{"$5", "5", "£5"},
		{"World War II", "World War III"},
		{"viii", "vii"},
		{"can", "can't", "cannot"},
		{"good", "not good", "no good"},
		{"well", "we'll get"},
		{"god", "good"},
		{"C++", "C"},
		{"a > b", "a < b"},
		{"?!", "..."}, // texts of punctuation only keep the key without it
		{"!", "!!"},
		{"résumé", "resume"},
	} {
		seen := map[string]string{}
		for _, text := range other {
			form := NormalForm(text)
			if old, ok := seen[form]; ok {
				t.Errorf("%q and %q are both %q", old, text, form)
			}
			seen[form] = text
		}
	}
}

// The normal form of a normal form is the same, and no text has an empty one.
func FuzzNormalForm(f *testing.F) {
	for _, text := range []string{"Great film!", "2*(3+4) - 5%", "soooo ♥♥♥", "don't", "?!", "\u0130 ﬁ \u00ad", "a\u0301", "(-5)"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.TrimSpace(text) != "" && NormalForm(text) == "" {
			t.Errorf("%q: empty", text)
		}
		if a, b := NormalForm(text), NormalForm("  "+strings.ReplaceAll(text, " ", "  ")+"\n"); a != b && !strings.ContainsAny(text, operators) {
			t.Errorf("%q: white space changes %q to %q", text, a, b)
		}
	})
}

// Near copies, groups and what links them are one unit.
func TestUnits(t *testing.T) {
	var pool []Example
	for _, e := range []struct{ text, group string }{
		{"one", "a"}, {"two", "a"}, {"two!", "b"}, {"three", "b"}, {"THREE...", ""}, {"four", ""}, {"five", "c"}, {"six", "c"},
	} {
		x := yesNo(e.text, true)
		x.ID, x.Group = ContentID(Classify, x.Texts), e.group
		pool = append(pool, x)
	}
	if got := unitNumbers(pointers(pool)); !slices.Equal(got, []int{0, 0, 0, 0, 0, 1, 2, 2}) {
		t.Errorf("units %v", got)
	}
	names := Units(pool)
	if names[0] != names[4] || names[0] == names[5] || names[5] != pool[5].ID || names[6] != "c" {
		t.Errorf("names %q", names)
	}
	// The order of the candidates does not matter, which follows from their texts.
	a, b := Example{Texts: []string{"yes", "no!"}}, Example{Texts: []string{"No", "Yes."}}
	if textKey(&a) != textKey(&b) {
		t.Error("near copies of a ranking have different keys")
	}
}

// Tweets that differ in punctuation never fall into different parts, and the result says how many there are.
func TestNearCopiesStayTogether(t *testing.T) {
	var b strings.Builder
	for i := range 300 {
		text := fmt.Sprintf("Word%s and the rest of the text", string(rune('a'+i%26))+string(rune('a'+i/26)))
		fmt.Fprintf(&b, `{"text":%q,"label":%d}`+"\n", text, i%2)
		if i%5 == 0 {
			fmt.Fprintf(&b, `{"text":%q,"label":%d}`+"\n", strings.ToUpper(text)+"!!!", i%2)
			fmt.Fprintf(&b, `{"text":%q,"label":%d}`+"\n", strings.Replace(text, " and", "... and", 1), i%2)
		}
	}
	d := load(t, write(t, t.TempDir(), "t.jsonl", b.String()))
	if !slices.Contains(d.Warnings, "180 examples differ from others only in case, punctuation or repeated characters: near copies stay together in the split") {
		t.Errorf("warnings %q", d.Warnings)
	}
	owner := map[string]int{}
	s := mustSplit(t, d, SplitConfig{Train: 200, Test: 100})
	for i, part := range [][]Example{s.WeakTrain, s.CeilingTrain(), s.Test} {
		for _, e := range part {
			form := strings.ToLower(strings.Trim(strings.ReplaceAll(e.Texts[0], "...", ""), "!"))
			if o, ok := owner[form]; ok && o != i {
				t.Errorf("%q is in the parts %d and %d", form, o, i)
			}
			owner[form] = i
		}
	}
}

// Examples that are made of others stay together with the near copies of those.
func TestDerivedTasksKeepUnits(t *testing.T) {
	var pool []Example
	for i := range 40 {
		for _, mark := range []string{"", "!"} {
			e, _ := sortCandidates(Example{Texts: []string{fmt.Sprintf("good %d%s", i, mark), fmt.Sprintf("bad %d%s", i, mark)}, Gold: []float64{1, 0}})
			e.ID = ContentID(Rank, e.Texts)
			pool = append(pool, e)
		}
	}
	d, err := SingleCandidate(fixed{Info{Name: "x", Form: Rank}, &Data{Pool: pool}}).Load(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	groups := map[string]int{}
	for _, e := range d.Pool {
		groups[e.Group]++
	}
	if len(groups) != 40 {
		t.Errorf("%d groups, want 40", len(groups))
	}
}

func BenchmarkNormalForm(b *testing.B) {
	text := strings.Repeat("It's a so-called \"great\" film, isn't it? Well... 3.5 of 5! ", 20)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		NormalForm(text)
	}
}

// Soft hyphens and the like in JSON are read as they are, so the normal form must remove them.
func TestNormalFormOfJSON(t *testing.T) {
	var text string
	if err := json.Unmarshal([]byte(`"caf\u00e9\u200b!"`), &text); err != nil || NormalForm(text) != "café" {
		t.Errorf("%q, %v", NormalForm(text), err)
	}
}
