package tokenizer_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"w2s/onnx/tokenizer"
)

// An autoCase is a folder of testdata/auto.py, and the token ids of AutoTokenizer or its error.
type autoCase struct {
	Name, Base, Class, Error string
	Files                    map[string]string
	IDs, Pairs               [][]int64
}

type autoCases struct {
	Texts      []string
	Pairs      [][2]string
	Tokenizers map[string]json.RawMessage
	Cases      []autoCase
}

func readAuto(t testing.TB) autoCases {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "auto.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all autoCases
	r, err := gzip.NewReader(f)
	if err == nil {
		err = json.NewDecoder(r).Decode(&all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// files returns the files of a case.
func (all autoCases) files(c autoCase) tokenizer.Files {
	read := func(names ...string) []byte {
		for _, name := range names {
			if text, ok := c.Files[name]; ok {
				return []byte(text)
			}
		}
		return nil
	}
	f := tokenizer.Files{Config: read("tokenizer_config.json"), SpecialTokens: read("special_tokens_map.json"), AddedTokens: read("added_tokens.json"),
		Model: read("config.json"), Vocab: read("vocab.txt", "vocab.json"), Merges: read("merges.txt")}
	if c.Base != "" {
		f.Tokenizer = all.Tokenizers[c.Base]
	}
	return f
}

func assembled(f tokenizer.Files) (*tokenizer.Assembly, *tokenizer.Tokenizer, error) {
	a, err := tokenizer.Assemble(f)
	if err != nil {
		return nil, nil, err
	}
	t, err := a.Tokenizer()
	return a, t, err
}

// TestAuto compares the token ids with those of AutoTokenizer of transformers 4.57, and checks that Overrides is empty
// exactly if tokenizer.json alone gives the same ids.
func TestAuto(t *testing.T) {
	all := readAuto(t)
	if len(all.Cases) < 200 || len(all.Texts) < 30 {
		t.Fatalf("%d cases of %d texts", len(all.Cases), len(all.Texts))
	}
	overridden := 0
	for _, c := range all.Cases {
		t.Run(c.Name, func(t *testing.T) {
			a, tk, err := assembled(all.files(c))
			if c.Error != "" {
				if err == nil {
					t.Fatalf("loaded, but transformers says %s", c.Error)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(c.IDs) != len(all.Texts) || len(c.Pairs) != len(all.Pairs) && c.Class != "CodeLlamaTokenizerFast" {
				t.Fatalf("%d texts and %d pairs", len(c.IDs), len(c.Pairs))
			}
			for i, text := range all.Texts {
				if got, err := tk.Encode(text, tokenizer.Options{}); err != nil || !slices.Equal(got.IDs, c.IDs[i]) {
					t.Errorf("%q: %v (%v)\n got %v\nwant %v", text, a.Overrides, err, got.IDs, c.IDs[i])
				}
			}
			for i, pair := range all.Pairs[:len(c.Pairs)] {
				if got, err := tk.EncodePair(pair[0], pair[1], tokenizer.Options{}); err != nil || !slices.Equal(got.IDs, c.Pairs[i]) {
					t.Errorf("%q: %v\n got %v\nwant %v", pair, err, got.IDs, c.Pairs[i])
				}
			}
			if c.Base == "" {
				return
			}
			if a.Overrides != "" {
				overridden++
				return
			}
			plain, err := tokenizer.Parse(all.Tokenizers[c.Base])
			if err != nil {
				t.Fatal(err)
			}
			for i, text := range all.Texts {
				if got, err := plain.Encode(text, tokenizer.Options{}); err != nil || !slices.Equal(got.IDs, c.IDs[i]) {
					t.Errorf("%q: no override is reported, but tokenizer.json gives %v, not %v", text, got.IDs, c.IDs[i])
				}
			}
		})
	}
	if overridden < 50 {
		t.Errorf("only %d cases differ from tokenizer.json", overridden)
	}
}

// TestAutoNotOverridden lists settings that say what tokenizer.json says, so that keys stay the same.
func TestAutoNotOverridden(t *testing.T) {
	all := readAuto(t)
	names := []string{"bert lower True", "bert-cased lower False", "bert fast name", "llama None None", "llama True False", "base True True", "gemma off",
		"gpt2 prefix False", "gpt2-prefix prefix True", "gpt2 bos", "roberta Roberta", "llama null", "llama eos file", "additional null"}
	want := map[string]bool{"bert fast name": true, "gemma off": true, "llama null": true, "llama eos file": true,
		"roberta Roberta": true} // its mask takes the space before it
	for _, c := range all.Cases {
		if !slices.Contains(names, c.Name) {
			continue
		}
		a, _, err := assembled(all.files(c))
		if err != nil {
			t.Fatal(err)
		}
		if (a.Overrides != "") != want[c.Name] {
			t.Errorf("%s: overrides %q", c.Name, a.Overrides)
		}
	}
}

func ExampleAssemble() {
	a, err := tokenizer.Assemble(tokenizer.Files{
		Config: []byte(`{"tokenizer_class": "BertTokenizer", "do_lower_case": false}`),
		Vocab:  []byte("[UNK]\n[CLS]\n[SEP]\nHello\nworld\n"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	t, err := a.Tokenizer()
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := t.Encode("Hello World", tokenizer.Options{})
	fmt.Println(e.IDs, err)
	// Output: [1 3 0 2] <nil>
}

// FuzzAssemble checks that no content of the files makes the package panic, and that what loads can encode. Without a base,
// the vocabulary files are those of the second and the third argument.
func FuzzAssemble(f *testing.F) {
	all := readAuto(f)
	for _, c := range all.Cases {
		specials, added := c.Files["special_tokens_map.json"], c.Files["added_tokens.json"]
		if c.Base == "" {
			specials, added = c.Files["vocab.txt"]+c.Files["vocab.json"], c.Files["merges.txt"]
		}
		f.Add(c.Base, c.Files["tokenizer_config.json"], specials, added, c.Files["config.json"])
	}
	f.Fuzz(func(t *testing.T, base, config, specials, added, model string) {
		data := func(text string) []byte {
			if text == "" {
				return nil
			}
			return []byte(text)
		}
		files := tokenizer.Files{Tokenizer: all.Tokenizers[base], Config: data(config), Model: data(model)}
		if files.Tokenizer == nil {
			files.Vocab, files.Merges = data(specials), data(added)
		} else {
			files.SpecialTokens, files.AddedTokens = data(specials), data(added)
		}
		_, tk, err := assembled(files)
		if err != nil {
			return
		}
		for _, text := range []string{"", "the <mask> Kettle<s>"} {
			_, _ = tk.Encode(text, tokenizer.Options{})
			_, _ = tk.EncodePair(text, text, tokenizer.Options{})
		}
	})
}
