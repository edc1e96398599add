//go:build ORT

// Command hugot encodes the texts of a file with hugot on ONNX Runtime and prints the time as one line of JSON. It is one
// of the engines of ../compare.py. README.md says how to build it.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/knights-analytics/hugot"
	"github.com/knights-analytics/hugot/options"
)

// batchSize is the batch size of the other engines too.
const batchSize = 32

func main() {
	library := flag.String("runtime", "", "path of libonnxruntime")
	dir := flag.String("checkpoint", "", "folder of the checkpoint")
	file := flag.String("texts", "", "file of texts, one JSON string per line")
	longest := flag.Int("max-tokens", 256, "longest input")
	flag.Parse()
	if err := run(*library, *dir, *file, *longest); err != nil {
		fmt.Fprintln(os.Stderr, "hugot:", err)
		os.Exit(1)
	}
}

func run(library, dir, file string, longest int) (err error) {
	texts, err := readTexts(file)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "hugot")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := prepare(work, dir, library, longest); err != nil {
		return err
	}
	start := time.Now()
	session, err := hugot.NewORTSession(options.WithOnnxLibraryPath(work))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Destroy()) }()
	pipeline, err := hugot.NewPipeline(session, hugot.FeatureExtractionConfig{ModelPath: work, Name: "encode", OnnxFilename: "model.onnx"})
	if err != nil {
		return err
	}
	if _, err := pipeline.RunPipeline(texts[:1]); err != nil {
		return err
	}
	load := time.Since(start)
	start = time.Now()
	slices.SortStableFunc(texts, func(a, b string) int { return len(b) - len(a) })
	n := 0
	for batch := range slices.Chunk(texts, batchSize) {
		out, err := pipeline.RunPipeline(batch)
		if err != nil {
			return err
		}
		n += len(out.Embeddings)
	}
	if n != len(texts) {
		return fmt.Errorf("%d vectors for %d texts", n, len(texts))
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"seconds": time.Since(start).Seconds(), "load": load.Seconds(), "texts": n})
}

// prepare fills a folder with what hugot needs: the model, a tokenizer that truncates at the longest input and does not pad,
// and the runtime library under its usual name.
func prepare(work, dir, library string, longest int) error {
	data, err := os.ReadFile(filepath.Join(dir, "tokenizer.json"))
	if err != nil {
		return err
	}
	var tokenizer map[string]any
	if err := json.Unmarshal(data, &tokenizer); err != nil {
		return err
	}
	tokenizer["padding"] = nil
	tokenizer["truncation"] = map[string]any{"direction": "Right", "max_length": longest, "strategy": "LongestFirst", "stride": 0}
	if data, err = json.Marshal(tokenizer); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(work, "tokenizer.json"), data, 0o666); err != nil {
		return err
	}
	model, err := filepath.Abs(filepath.Join(dir, "model.onnx"))
	if err != nil {
		return err
	}
	if library, err = filepath.Abs(library); err != nil {
		return err
	}
	return errors.Join(os.Symlink(model, filepath.Join(work, "model.onnx")), os.Symlink(library, filepath.Join(work, "libonnxruntime.so")))
}

func readTexts(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var texts []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var text string
		if err := json.Unmarshal(lines.Bytes(), &text); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, len(texts)+1, err)
		}
		texts = append(texts, text)
	}
	return texts, lines.Err()
}
