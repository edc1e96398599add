package onnx_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"w2s/onnx"
)

func Example_encode() {
	ctx := context.Background()
	rt, err := onnx.OpenRuntime(os.Getenv("W2S_ONNXRUNTIME"))
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	encoder, err := onnx.Open(ctx, rt, "all-minilm-l6-v2", onnx.Options{Pooling: onnx.PoolMean})
	if err != nil {
		log.Fatal(err)
	}
	defer encoder.Close()
	texts := []string{"A film that moves.", "A film that drags."}
	err = encoder.Encode(ctx, texts, func(index int, vector []float32, tokens int, _ bool) error {
		fmt.Println(texts[index], tokens, vector[:3])
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
}

func ExampleGenerator() {
	ctx := context.Background()
	rt, err := onnx.OpenRuntime(os.Getenv("W2S_ONNXRUNTIME"))
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	model, err := onnx.OpenGenerator(ctx, rt, "smollm2-135m-instruct", onnx.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	out, err := model.Greedy(ctx, "The capital of France is", onnx.GreedyOptions{MaxTokens: 8, Stop: []string{"."}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.Text)
}
