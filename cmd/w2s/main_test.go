package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"w2s/harness/head"
	"w2s/harness/result"
	"w2s/internal/catalog"
	"w2s/internal/race"
	"w2s/internal/shareddata"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"w2s": func() { os.Exit(run(context.Background(), os.Stdout, os.Stderr, os.Args[1:])) },
	})
}

// library returns the path of this machine's ONNX Runtime library, or "".
func library() string {
	c, err := catalog.Open(catalog.Options{Offline: true})
	if err != nil {
		return ""
	}
	found, err := c.FindRuntime(context.Background(), "")
	if err != nil {
		return ""
	}
	return found.Path
}

// needLibrary returns the path of the ONNX Runtime library. Without one it skips the test, or fails it if W2S_CI is set.
func needLibrary(t *testing.T) string {
	t.Helper()
	lib := library()
	if lib == "" {
		shareddata.Missing(t, "needs the ONNX Runtime library: run w2s doctor --fix once, or set W2S_ONNXRUNTIME to the path of libonnxruntime")
	}
	return lib
}

// TestScripts runs the command on the committed models and on texts made here. Scripts in testdata are command lines,
// files and what must come out. Those that encode need the ONNX Runtime library and are skipped without it.
func TestScripts(t *testing.T) { runScripts(t, "testdata") }

// TestLongScripts runs the scripts that draw charts, which takes a minute under the race detector. Other packages' tests draw them under it.
func TestLongScripts(t *testing.T) {
	race.SkipLong(t)
	runScripts(t, filepath.Join("testdata", "long"))
}

func runScripts(t *testing.T, dir string) {
	lib := library()
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(e *testscript.Env) error {
			e.Setenv("W2S_CACHE", filepath.Join(e.WorkDir, "cache"))
			e.Setenv("W2S_OFFLINE", "1")
			e.Setenv("W2S_ONNXRUNTIME", lib)
			e.Setenv("GORACE", "atexit_sleep_ms=0") // under the race detector, every process would wait a second at its end
			if err := os.Symlink(filepath.Join(shareddata.Root(), "fixtures", "models"), filepath.Join(e.WorkDir, "models")); err != nil {
				return err
			}
			for name, data := range map[string][]byte{
				"reviews.jsonl": reviews(240), "uneven.jsonl": classes(400, 100), "five.jsonl": classes(150, 80, 60, 9, 1), "long.jsonl": longPairs(60), "documents.jsonl": documents(200),
				"contradictory.csv": contradictory(400),
			} {
				if err := os.WriteFile(filepath.Join(e.WorkDir, name), data, 0o666); err != nil {
					return err
				}
			}
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "library" {
				if lib == "" && shareddata.Required() {
					return false, errors.New("W2S_CI is set, but there is no ONNX Runtime library")
				}
				return lib != "", nil
			}
			return false, fmt.Errorf("unknown condition %s", cond)
		},
	})
}

// reviews returns n short generated texts as JSON lines. One word of a text decides its label.
func reviews(n int) []byte {
	good, bad := []string{"lovely", "bright", "honest", "warm"}, []string{"dull", "noisy", "bitter", "cold"}
	things := []string{"film", "lamp", "soup", "book", "song", "train", "garden", "coat"}
	var b bytes.Buffer
	for i := range n {
		words, label := good, 1
		if i%2 == 0 {
			words, label = bad, 0
		}
		text := fmt.Sprintf("the %s number %d was %s", things[i/2%len(things)], i, words[i/16%len(words)])
		line, err := json.Marshal(map[string]any{"text": text, "label": label})
		if err != nil {
			panic(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.Bytes()
}

// classes returns short texts of several classes as JSON lines. Count k is the number of texts with the label k.
func classes(counts ...int) []byte {
	words := []string{"dull", "lovely", "noisy", "honest", "bitter"}
	var b bytes.Buffer
	for k, n := range counts {
		for i := range n {
			fmt.Fprintf(&b, "{\"text\":\"thing number %d was %s\",\"label\":%d}\n", 10*i+k, words[k], k)
		}
	}
	return b.Bytes()
}

// contradictory returns n texts as CSV. Each is there with both labels.
func contradictory(n int) []byte {
	b := bytes.NewBufferString("text,label\n")
	for i := range n {
		fmt.Fprintf(b, "thing number %d,0\nthing number %d,1\n", i, i)
	}
	return b.Bytes()
}

// documents returns n texts of documents with ten texts each.
func documents(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "{\"text\":\"sentence number %d\",\"label\":%d,\"document\":%d}\n", i, i%2, i/10)
	}
	return b.Bytes()
}

// longPairs returns pairs of replies behind prompts that are longer than the longest input of the committed models.
func longPairs(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		prompt := fmt.Sprintf("question %d %s", i, strings.Repeat("river stone garden ", 40))
		fmt.Fprintf(&b, "{\"prompt\":%q,\"chosen\":\"a lovely answer\",\"rejected\":\"a dull answer\"}\n", prompt)
	}
	return b.Bytes()
}

// w2s run stores a result file that w2s table prints as the same table, and writes every head with --heads.
func TestRunOnFixtures(t *testing.T) {
	lib := needLibrary(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "reviews.jsonl")
	if err := os.WriteFile(file, reviews(240), 0o666); err != nil {
		t.Fatal(err)
	}
	models := filepath.Join(shareddata.Root(), "fixtures", "models")
	command := func(args ...string) (string, string, int) {
		var out, errOut bytes.Buffer
		args = append(args, "--cache", filepath.Join(dir, "cache"), "--offline", "--onnxruntime", lib)
		code := run(context.Background(), &out, &errOut, args)
		return out.String(), errOut.String(), code
	}
	path := filepath.Join(dir, "result.json")
	args := []string{"run", "--weak", filepath.Join(models, "bert-tiny"), "--strong", filepath.Join(models, "mpnet-tiny"),
		"--task", file, "--train", "120", "--test", "60", "--seeds", "2", "--out", path, "--quiet"}
	first, errOut, code := command(args...)
	if code != exitGood {
		t.Fatalf("exit code %d: %s", code, errOut)
	}
	r, err := result.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	// Each of 2 seeds has a supervisor, a ceiling, students with 3 losses, and as many of shuffled labels, two directions, and heads of 8,
	// 32 and all gold labels of weak-train.
	if len(r.Heads) != 2*13 || len(r.Tasks) != 1 || len(r.Tasks[0].TestIDs) != 60 {
		t.Errorf("%d heads, %d tasks", len(r.Heads), len(r.Tasks))
	}
	for _, m := range r.Models {
		if m.Description["sha256 model.onnx"] == "" || m.Key == "" {
			t.Errorf("model %s without digests: %v", m.Name, m.Description)
		}
	}
	heads := filepath.Join(dir, "heads")
	if _, errOut, code := command(append(args, "--heads", heads)...); code != exitGood {
		t.Fatalf("--heads: exit code %d: %s", code, errOut)
	}
	saved, err := filepath.Glob(filepath.Join(heads, "*.safetensors"))
	if err != nil || len(saved) != len(r.Heads) {
		t.Fatalf("%d heads saved of %d (%v)", len(saved), len(r.Heads), err)
	}
	for _, file := range saved {
		if _, about, err := head.Load(file); err != nil || about["id"] == "" {
			t.Errorf("%s: %v, %v", file, about, err)
		}
		if _, err := os.Stat(strings.TrimSuffix(file, ".safetensors") + ".onnx"); err != nil {
			t.Error(err)
		}
	}
	table, _, code := command("table", path)
	if code != exitGood || !strings.HasPrefix(first, strings.TrimRight(table, "\n")) {
		t.Errorf("w2s table (%d) differs from what run printed:\n%s\n%s", code, table, first)
	}
	again, errOut, code := command(append(args, "--again")...)
	if code != exitGood || again != first {
		t.Errorf("a second run (%d) from cached features differs: %s\n%s\n%s", code, errOut, first, again)
	}
	// Without --again, finished tasks are kept: a changed prediction in the stored result stays.
	p := r.Heads[0].Test[0]
	p[0], p[1] = p[1], p[0]
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	if _, errOut, code := command(args...); code != exitGood {
		t.Fatalf("exit code %d: %s", code, errOut)
	}
	if kept := loadResult(t, path); !slices.Equal(kept.Heads[0].Test[0], p) {
		t.Error("the finished task was trained again")
	}
}

func TestCancelledCommandSaysHowToContinue(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, errOut bytes.Buffer
	code := run(ctx, &out, &errOut, []string{"tasks", "pull", "movies", "--cache", t.TempDir()})
	if code != exitFailed || !strings.Contains(errOut.String(), "continues from there") {
		t.Errorf("exit code %d: %s", code, errOut.String())
	}
}
