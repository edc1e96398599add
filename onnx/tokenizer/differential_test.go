package tokenizer_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"w2s/internal/race"
	"w2s/internal/shareddata"
)

// TestDifferential compares this package with the Hugging Face library on random texts, which contain what no corpus does. It
// needs Python (W2S_PYTHON or python3) with the package tokenizers. W2S_SEED changes the random texts. W2S_TEXTS names a file
// with a JSON list of texts to use instead, and W2S_TOKENIZERS is a glob of tokenizer.json files to use instead of the small
// ones.
func TestDifferential(t *testing.T) {
	race.SkipLong(t)
	python := shareddata.Python(t, "tokenizers")
	var files []string
	for _, pattern := range []string{cmp.Or(os.Getenv("W2S_TOKENIZERS"), filepath.Join("testdata", "tokenizers", "*.json")),
		filepath.Join(cmp.Or(os.Getenv("W2S_SHARED"), filepath.Join(shareddata.Root(), "..", "shared")), "tokenizers", "*", "*.json")} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 && (len(files) == 0 || shareddata.Required()) {
			t.Errorf("no tokenizer is %s", pattern)
		}
		files = append(files, found...)
	}
	var texts []string
	if file := os.Getenv("W2S_TEXTS"); file != "" {
		texts = readJSON[[]string](t, file)
	} else {
		seed, _ := strconv.ParseUint(os.Getenv("W2S_SEED"), 10, 64)
		random := rand.New(rand.NewPCG(1, seed))
		for range 40 {
			texts = append(texts, randomText(random))
		}
	}
	var jobs bytes.Buffer
	for _, file := range files {
		job, err := json.Marshal(map[string]any{"file": file, "texts": texts, "cut": libraryCut})
		if err != nil {
			t.Fatal(err)
		}
		jobs.Write(append(job, '\n'))
	}
	cmd := exec.Command(python, filepath.Join("testdata", "encode.py"))
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = &jobs, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("encode.py: %v\n%.2000s", err, stderr.String())
	}
	results := parseResults(t, bytes.NewReader(out))
	if len(results) != len(files) {
		t.Fatalf("%d results for %d files", len(results), len(files))
	}
	for i, want := range results {
		t.Run(strings.TrimSuffix(filepath.Base(files[i]), ".json"), func(t *testing.T) {
			checkLibrary(t, files[i], texts, want)
		})
	}
}

// randomText returns a mixture of words of the training text, markup, and runes from all of Unicode.
func randomText(r *rand.Rand) string {
	words := strings.Split("the hello world word New York fox don't THEY'LL 2024 3.14 supervisor's ab aba ▁ Ġ <s> </s> <mask> "+
		"<extra> <|start|> [MASK] [SEP] ... ?! 'S '\u017f \u0130 ﬁ \u212a \u1e9e", " ")
	spaces := []string{" ", "  ", "\n", "\r\n", "\t", " \n ", "\u00a0", "\u2003", "", "", "\u0085", "\u200b"}
	tables := []*unicode.RangeTable{unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.C, unicode.Han,
		unicode.Hangul, unicode.Mn, unicode.Lu, unicode.Cf, unicode.Hiragana, unicode.Arabic, unicode.Devanagari}
	var b strings.Builder
	for range 1 + r.IntN(12) {
		switch r.IntN(6) {
		case 0, 1:
			b.WriteString(words[r.IntN(len(words))])
		case 2:
			b.WriteString(spaces[r.IntN(len(spaces))])
		case 3: // several runes from one table
			table := tables[r.IntN(len(tables))]
			for range 1 + r.IntN(6) {
				b.WriteRune(randomFrom(r, table))
			}
		case 4: // a letter with marks
			b.WriteRune(randomFrom(r, unicode.L))
			for range r.IntN(4) {
				b.WriteRune(randomFrom(r, unicode.M))
			}
		case 5:
			if c := rune(1 + r.IntN(unicode.MaxRune)); utf8.ValidRune(c) {
				b.WriteRune(c)
			}
		}
	}
	return b.String()
}

// randomFrom returns a random rune of a table. It picks a range first, so that small ranges are as likely as large ones.
func randomFrom(r *rand.Rand, table *unicode.RangeTable) rune {
	for {
		i := r.IntN(len(table.R16) + len(table.R32))
		var c rune
		if i < len(table.R16) {
			x := table.R16[i]
			c = rune(x.Lo) + rune(x.Stride)*rune(r.IntN(int(x.Hi-x.Lo)/int(x.Stride)+1))
		} else {
			x := table.R32[i-len(table.R16)]
			c = rune(x.Lo) + rune(x.Stride)*rune(r.IntN(int(x.Hi-x.Lo)/int(x.Stride)+1))
		}
		if utf8.ValidRune(c) {
			return c
		}
	}
}
