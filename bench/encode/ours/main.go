// Command ours encodes the texts of a file with package onnx and prints the time as one line of JSON. It is one of the
// engines of ../compare.py.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"

	"w2s/onnx"
)

func main() {
	var o onnx.Options
	library := flag.String("runtime", "", "path of libonnxruntime")
	dir := flag.String("checkpoint", "", "folder of the checkpoint")
	file := flag.String("texts", "", "file of texts, one JSON string per line")
	flag.IntVar(&o.MaxTokens, "max-tokens", 0, "longest input")
	flag.IntVar(&o.Threads, "threads", 0, "number of threads")
	flag.IntVar(&o.BatchTokens, "batch-tokens", 0, "number of tokens in a batch")
	flag.BoolVar(&o.RuntimeOnly, "runtime-only", false, "use only ONNX Runtime's own kernels")
	flag.Parse()
	if err := run(*library, *dir, *file, o); err != nil {
		fmt.Fprintln(os.Stderr, "ours:", err)
		os.Exit(1)
	}
}

func run(library, dir, file string, o onnx.Options) (err error) {
	texts, err := readTexts(file)
	if err != nil {
		return err
	}
	rt, err := onnx.OpenRuntime(library)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rt.Close()) }()
	ctx := context.Background()
	e, err := onnx.Open(ctx, rt, dir, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	speed, err := onnx.MeasureSpeed(ctx, e, texts)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"seconds": speed.Encode.Seconds(), "load": speed.Load.Seconds(), "texts": speed.Texts, "tokens": speed.Tokens})
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
