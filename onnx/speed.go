package onnx

import (
	"context"
	"fmt"
	"time"

	"w2s/internal/cputime"
)

// RuntimeKernels are the Kernels of a Speed for which ONNX Runtime computed alone.
const RuntimeKernels = "runtime"

// A Speed is the measured speed of an encoder.
type Speed struct {
	Texts     int           `json:"texts"`
	Tokens    int           `json:"tokens"`       // tokens of all texts; a text that occurs twice counts twice
	Truncated int           `json:"truncated"`    // number of texts that were cut
	Load      time.Duration `json:"load_ns"`      // time until the vector of the first text, including the loading of the model
	Encode    time.Duration `json:"encode_ns"`    // time from texts to vectors, including tokenization
	Processor time.Duration `json:"processor_ns"` // processor time of Encode, of all threads; 0 where the system does not tell
	Warnings  []string      `json:"warnings,omitempty"`
	Kernels   string        `json:"kernels"` // what computed layers and attention: "tile unit (AMX)", "vector unit (AVX-512)" or RuntimeKernels
}

// TextsPerSecond returns the number of encoded texts per second, without the loading of the model.
func (s Speed) TextsPerSecond() float64 { return float64(s.Texts) / s.Encode.Seconds() }

// TextsPerProcessorSecond returns the number of texts that are encoded in a second of one processor. Other work on the machine changes it
// less than TextsPerSecond. It is infinite where the system does not tell.
func (s Speed) TextsPerProcessorSecond() float64 { return float64(s.Texts) / s.Processor.Seconds() }

// TokensPerSecond returns the number of encoded tokens per second, without the loading of the model.
func (s Speed) TokensPerSecond() float64 { return float64(s.Tokens) / s.Encode.Seconds() }

// MeasureSpeed measures how long it takes to load the model and encode the first text, and then to encode all texts.
func MeasureSpeed(ctx context.Context, e *Encoder, texts []string) (Speed, error) {
	if len(texts) == 0 {
		return Speed{}, fmt.Errorf("onnx: no texts to measure the speed with")
	}
	s := Speed{Texts: len(texts)}
	start := time.Now()
	if err := e.Encode(ctx, texts[:1], func(int, []float32, int, bool) error { return nil }); err != nil {
		return Speed{}, err
	}
	s.Load = time.Since(start)
	m, err := e.load(ctx)
	if err != nil {
		return Speed{}, err
	}
	start, used := time.Now(), cputime.Used()
	err = e.Encode(ctx, texts, func(_ int, _ []float32, tokens int, truncated bool) error {
		s.Tokens += tokens
		if truncated {
			s.Truncated++
		}
		return nil
	})
	s.Encode, s.Processor = time.Since(start), cputime.Used()-used
	s.Kernels, s.Warnings = m.session.kernels(), m.session.warnings()
	return s, err
}
