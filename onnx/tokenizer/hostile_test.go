package tokenizer_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"w2s/internal/race"
	"w2s/internal/shareddata"
	"w2s/onnx/tokenizer"
)

// A hostileFile is a tokenizer.json that would take endless memory or time without the bounds of this package.
type hostileFile struct {
	name  string
	parts map[string]string
	text  string // to encode; "" means that the file is not to load
	says  []string
}

// part returns a part of a tokenizer.json.
func part(kind string, fields ...any) string {
	m := map[string]any{"type": kind}
	for i := 0; i < len(fields); i += 2 {
		m[fields[i].(string)] = fields[i+1]
	}
	data, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// sequenceOf returns a Sequence with n copies of the members, which are in the field of that name.
func sequenceOf(field string, n int, members ...string) string {
	all := strings.TrimSuffix(strings.Repeat(strings.Join(members, ",")+",", n), ",")
	return fmt.Sprintf(`{"type":"Sequence",%q:[%s]}`, field, all)
}

// pattern returns the pattern of a part.
func pattern(kind, text string) map[string]string { return map[string]string{kind: text} }

// longCharsmap returns a precompiled charsmap that maps the letter a to a text of the given length.
func longCharsmap(length int) string {
	units := make([]uint32, 256)
	units[0] = 1 << 10                // the root: children of it are at 1 ^ label
	units[1^'a'] = 'a' | 1<<8 | 2<<10 // a key ends here
	value := 1 ^ 'a' ^ 2
	units[value] = 1 << 31
	data := binary.LittleEndian.AppendUint32(nil, uint32(4*len(units)))
	for _, u := range units {
		data = binary.LittleEndian.AppendUint32(data, u)
	}
	data = append(append(data, strings.Repeat("b", length)...), 0)
	return base64.StdEncoding.EncodeToString(data)
}

// runs returns a vocabulary of the runs of a letter with up to the given length, as list entries or as a map.
func runs(letter string, length int, entry string) string {
	var b strings.Builder
	for i := 1; i <= length; i++ {
		if i > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, entry, strings.Repeat(letter, i), i)
	}
	return b.String()
}

// hostileFiles returns the files. Long parts and texts have that many bytes.
func hostileFiles(size int) []hostileFile {
	const model = `{"type":"WordLevel","unk_token":"?","vocab":{"?":0,"a":1}}`
	replace := func(kind, pat, content string) string {
		return part("Replace", "pattern", pattern(kind, pat), "content", content)
	}
	doubling := replace("String", "a", "aa")
	long, many := strings.Repeat("a", size), strings.Repeat("a ", size/16)
	return []hostileFile{
		{"a chain of replacements", map[string]string{"normalizer": sequenceOf("normalizers", 100, doubling)}, "a",
			[]string{"normalizer 17, Replace", "65568 bytes", `"a"`, "correct the tokenizer.json"}},
		{"a chain in chains", map[string]string{"normalizer": sequenceOf("normalizers", 3, sequenceOf("normalizers", 30, doubling))}, "a",
			[]string{"normalizer 17, Replace"}},
		{"one long replacement", map[string]string{"normalizer": replace("String", "a", long)}, many, []string{"normalizer 1, Replace"}},
		{"a regular expression replaced by a longer text", map[string]string{"normalizer": sequenceOf("normalizers", 50, replace("Regex", "[a-z]", "abc"))}, "x",
			[]string{"normalizer 11, Replace"}},
		{"an empty match replaced", map[string]string{"normalizer": sequenceOf("normalizers", 50, replace("Regex", "(?<=a)", "aa"))}, "a",
			[]string{"normalizer", "Replace"}},
		{"a long prefix", map[string]string{"normalizer": part("Prepend", "prepend", long)}, "a", []string{"normalizer 1, Prepend"}},
		{"many prefixes", map[string]string{"normalizer": sequenceOf("normalizers", 900, part("Prepend", "prepend", long[:1000]))}, "a",
			[]string{"Prepend", "normalizer 66"}},
		{"a prefix of every piece", map[string]string{"normalizer": part("Prepend", "prepend", long[:min(size, 60_000)])}, strings.Repeat("<s>a", 1000),
			[]string{"the normalizer makes more than"}},
		{"ByteLevel again and again", map[string]string{"normalizer": sequenceOf("normalizers", 100, part("ByteLevel"))}, "é",
			[]string{"normalizer", "ByteLevel"}},
		{"replacements and lower case", map[string]string{"normalizer": sequenceOf("normalizers", 100, replace("String", "i̇", "İİ"), part("Lowercase"))}, "İ",
			[]string{"normalizer", "makes more than"}},
		{"too many normalizers", map[string]string{"normalizer": sequenceOf("normalizers", 1001, part("NFC"))}, "", []string{"normalizer: more than 1000 parts"}},
		{"normalizers of a long text", map[string]string{"normalizer": sequenceOf("normalizers", 100, replace("String", "a", "aaaaaaaaaa"), part("NFKD"),
			replace("String", "aaaaaaaaaa", "a"))}, long, []string{"takes more than 500 steps"}},
		{"a charsmap with a long replacement", map[string]string{"normalizer": part("Precompiled", "precompiled_charsmap", longCharsmap(size))}, many,
			[]string{"normalizer 1, Precompiled"}},
		{"pre-tokenizers that lengthen", map[string]string{"pre_tokenizer": sequenceOf("pretokenizers", 60, part("ByteLevel", "add_prefix_space", true, "use_regex", false))}, "é",
			[]string{"pre_tokenizer", "ByteLevel"}},
		{"pre-tokenizers that prepend", map[string]string{"pre_tokenizer": sequenceOf("pretokenizers", 400, part("Metaspace", "replacement", "▁"), part("Metaspace", "replacement", "▂"))}, many,
			[]string{"pre_tokenizer", "Metaspace"}},
		{"too many pre-tokenizers", map[string]string{"pre_tokenizer": sequenceOf("pretokenizers", 1001, part("WhitespaceSplit"))}, "", []string{"pre_tokenizer: more than 1000 parts"}},
		{"pre-tokenizers of a long text", map[string]string{"pre_tokenizer": sequenceOf("pretokenizers", 1000, part("Digits", "individual_digits", true))}, long + "1",
			[]string{"takes more than 500 steps"}},
		{"many regular expressions", map[string]string{"pre_tokenizer": sequenceOf("pretokenizers", 300,
			part("Split", "pattern", pattern("Regex", strings.Repeat(`[\p{L}\p{N}]`, 20)), "behavior", "Isolated", "invert", false))}, "", []string{"this many large regular expressions"}},
		{"a template that repeats the text", map[string]string{"post_processor": fmt.Sprintf(`{"type":"TemplateProcessing","single":[%s],"pair":[],"special_tokens":{}}`,
			strings.TrimSuffix(strings.Repeat(`{"Sequence":{"id":"A","type_id":0}},`, 900), ","))}, "", []string{"single repeats a text more than 16 times"}},
		{"a template with many special tokens", map[string]string{"post_processor": fmt.Sprintf(
			`{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":0}}],"pair":[],"special_tokens":{"x":{"id":"x","ids":[%s],"tokens":[]}}}`,
			strings.TrimSuffix(strings.Repeat("1,", 5000), ","))}, "", []string{"single adds 5000 special tokens"}},
		{"decoders that lengthen", map[string]string{"model": model, "decoder": sequenceOf("decoders", 100, doubling)}, "a", []string{"decoder 17, Replace", "the tokens"}},
		{"a decoder with a long replacement", map[string]string{"model": model, "decoder": replace("String", "a", long)}, strings.Repeat("<s>a", 5000),
			[]string{"decoder 1, Replace"}},
		{"a decoder with an empty suffix", map[string]string{"model": `{"type":"WordLevel","unk_token":"?","vocab":{"?":0,"a":1,"aaaa":2}}`,
			"pre_tokenizer": part("WhitespaceSplit"), "decoder": sequenceOf("decoders", 100, part("BPEDecoder", "suffix", ""))}, "aaaa aaaa",
			[]string{"decoder", "BPEDecoder"}},
		{"too many decoders", map[string]string{"decoder": sequenceOf("decoders", 1001, part("Fuse"))}, "", []string{"decoder: more than 1000 parts"}},
		{"added tokens that grow", map[string]string{"added_tokens": `[{"id":9,"content":"a","normalized":true}]`, "normalizer": sequenceOf("normalizers", 100, doubling)}, "",
			[]string{`the added token "a"`, "normalizer 17, Replace"}},
		{"many added tokens that grow", map[string]string{"normalizer": part("Prepend", "prepend", long[:min(size, 60_000)]),
			"added_tokens": "[" + runs("a", 1500, `{"content":%q,"id":%d,"normalized":true}`) + "]"}, "", []string{"normalizing the added tokens"}},
		{"a long added token", map[string]string{"added_tokens": fmt.Sprintf(`[{"id":9,"content":%q}]`, long[:size/2]+"b")}, long,
			[]string{"takes more than 500 steps"}},
		{"a vocabulary of runs", map[string]string{"model": `{"type":"Unigram","unk_id":0,"vocab":[` + runs("a", size/200, "[%q,-%d]") + `]}`}, long,
			[]string{"takes more than 500 steps"}},
		{"a word of any length", map[string]string{"model": `{"type":"WordPiece","unk_token":"?","max_input_chars_per_word":1000000000,"vocab":{"?":0,"a":1,"##a":3,` +
			fmt.Sprintf("%q:2", long[:size/16]+"b") + `}}`}, long, []string{"takes more than 500 steps"}},
		{"a long prefix of symbols", map[string]string{"model": part("BPE", "vocab", map[string]int{"a": 0}, "merges", []string{}, "continuing_subword_prefix", long)}, "",
			[]string{"prefix or suffix of 262144 bytes"}},
		{"bytes of a prefix", map[string]string{"model": bytesOfPrefix()}, many, []string{"the model makes more than", "tokens"}},
		{"a width without end", map[string]string{"padding": `{"strategy":"BatchLongest","pad_to_multiple_of":4611686018427387904}`}, "", []string{"pad_to_multiple_of"}},
	}
}

// bytesOfPrefix returns a BPE model that makes one token of every byte of a long prefix, for every rune.
func bytesOfPrefix() string {
	vocab := map[string]int{}
	for b := range 256 {
		vocab[fmt.Sprintf("<0x%02X>", b)] = b
	}
	return part("BPE", "vocab", vocab, "merges", []string{}, "byte_fallback", true, "unk_token", "?", "continuing_subword_prefix", strings.Repeat("_", 64))
}

// TestHostile checks that hostile files are refused, when they are loaded or when they are used, in little time and memory, and
// that the errors name the part.
func TestHostile(t *testing.T) {
	race.SkipLong(t)
	for _, h := range hostileFiles(1 << 18) {
		t.Run(h.name, func(t *testing.T) {
			file := withParts(h.parts)
			start := time.Now()
			var err error
			peak := peakHeap(func() { err = use(file, h.text) })
			took := time.Since(start)
			if err == nil {
				t.Fatal("no error")
			}
			if len(err.Error()) > 600 {
				t.Errorf("an error of %d bytes: %.600s", len(err.Error()), err)
			}
			for _, says := range h.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("got %.600v, want it to contain %q", err, says)
				}
			}
			if took > time.Minute || peak > 400<<20 {
				t.Errorf("it took %v and %d MB", took, peak>>20)
			}
		})
	}
}

// peakHeap returns the largest size of the heap while f runs, in bytes.
func peakHeap(f func()) (peak uint64) {
	done, sampled := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
			select {
			case <-done:
				sampled <- most
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	f()
	close(done)
	return <-sampled
}

// use loads a file, encodes a text and decodes its ids.
func use(file []byte, text string) error {
	tk, err := tokenizer.Parse(file)
	if err != nil {
		return err
	}
	e, err := tk.Encode(text, tokenizer.Options{})
	if err != nil {
		return err
	}
	_, err = tk.Decode(e.IDs, false)
	return err
}

// TestGrowthChain uses the file that showed the fault.
func TestGrowthChain(t *testing.T) {
	tk, err := tokenizer.Load(shareddata.Path(t, "cases", "hostile", "growth_chain", "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tk.Encode("a", tokenizer.Options{}); err == nil || !strings.Contains(err.Error(), "normalizer 3, Replace makes more than 65568 bytes") {
		t.Errorf("got %v", err)
	}
	if _, err := tk.Encode("b c", tokenizer.Options{}); err != nil {
		t.Errorf("a text without the letter: %v", err)
	}
}

// TestGrowthOfRealTexts encodes the text that grows most in a normal form, at a length that is above all bounds for a short text.
func TestGrowthOfRealTexts(t *testing.T) {
	text := strings.Repeat("\uFDFA", 1<<16) // one rune of 3 bytes becomes 18 of 33 bytes
	for _, normalizer := range []string{part("NFKC"), sequenceOf("normalizers", 1, part("NFKD"), part("Replace", "pattern", pattern("String", " "), "content", "▁"))} {
		tk, err := tokenizer.Parse(withParts(map[string]string{"normalizer": normalizer}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tk.Encode(text, tokenizer.Options{}); err != nil {
			t.Error(err)
		}
	}
}

// TestLongRunsOfWhiteSpace checks that time is linear where tokens take the white space beside them.
func TestLongRunsOfWhiteSpace(t *testing.T) {
	for _, strip := range []string{"lstrip", "rstrip"} {
		tk, err := tokenizer.Parse(withParts(map[string]string{"added_tokens": fmt.Sprintf(`[{"id":9,"content":"\n","normalized":false,%q:true}]`, strip)}))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		// Each \n of the first text takes the white space before it, each of the second the white space after it.
		for _, text := range []string{strings.Repeat(" \n", 1<<18) + "a", strings.Repeat("\n", 1<<18) + "a"} {
			_, _ = tk.Encode(text, tokenizer.Options{}) // some fail as in the library
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: %v", strip, took)
		}
	}
}
