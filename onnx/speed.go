package onnx

import (
	"context"
	"fmt"
	"time"

	"w2s/harness/feature"
)

// A Speed is how fast an encoder was.
type Speed struct {
	Texts     int           `json:"texts"`
	Tokens    int           `json:"tokens"`    // fed to the model: texts that occur twice count twice
	Truncated int           `json:"truncated"` // texts that were cut
	Load      time.Duration `json:"load_ns"`   // until the first vector of a single text
	Encode    time.Duration `json:"encode_ns"` // from texts to vectors, tokenization included
	TileUnit  bool          `json:"tile_unit"` // layers or attention of the model ran on the processor's tile unit
	Warnings  []string      `json:"warnings,omitempty"`
}

// TextsPerSecond is the rate of the encoding, without the loading.
func (s Speed) TextsPerSecond() float64 { return float64(s.Texts) / s.Encode.Seconds() }

// TokensPerSecond is the rate of the encoding, without the loading.
func (s Speed) TokensPerSecond() float64 { return float64(s.Tokens) / s.Encode.Seconds() }

// MeasureSpeed loads the model by encoding the first text alone, then encodes all texts and times that.
func MeasureSpeed(ctx context.Context, e *Encoder, texts []string) (Speed, error) {
	if len(texts) == 0 {
		return Speed{}, fmt.Errorf("onnx: no texts to measure the speed on")
	}
	s := Speed{Texts: len(texts)}
	start := time.Now()
	if err := e.Encode(ctx, texts[:1], func(feature.Vector) error { return nil }); err != nil {
		return Speed{}, err
	}
	s.Load = time.Since(start)
	m, err := e.load(ctx)
	if err != nil {
		return Speed{}, err
	}
	start = time.Now()
	err = e.Encode(ctx, texts, func(v feature.Vector) error {
		s.Tokens += v.Tokens
		if v.Truncated {
			s.Truncated++
		}
		return nil
	})
	s.Encode = time.Since(start)
	s.TileUnit, s.Warnings = m.session.onTiles(), m.session.warnings()
	return s, err
}
