package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"w2s/harness/experiment"
	"w2s/harness/head"
	"w2s/harness/result"
	"w2s/internal/atomicfile"
)

// env is what the experiment needs of this machine, with a place for its heads where the user wants them.
func (f *experimentFlags) env(ctx context.Context, a *app) (experiment.Env, error) {
	env, err := a.env(ctx)
	if err != nil || f.heads == "" {
		return env, err
	}
	if err := os.MkdirAll(f.heads, 0o777); err != nil {
		return env, fmt.Errorf("--heads: %w", err)
	}
	env.Trained = func(r result.Head, h *head.Head) error { return saveHead(f.heads, r, h) }
	return env, nil
}

// saveHead writes a head for w2s and safetensors libraries, and as an ONNX model for everything else.
func saveHead(dir string, r result.Head, h *head.Head) error {
	path := filepath.Join(dir, fileName(r.ID))
	err := h.Save(path+".safetensors", map[string]string{
		"id": r.ID, "task": r.Task, "role": string(r.Role), "model": r.Model, "supervisor": r.Supervisor, "loss": r.Loss,
		"seed": strconv.FormatUint(r.Seed, 10), "l2": strconv.FormatFloat(r.L2, 'g', -1, 64),
	})
	if err != nil {
		return err
	}
	model, err := h.ONNX()
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(path+".onnx", model)
}

// fileName makes a file's name of a head's id, with nothing in it that a shell or a file system minds.
func fileName(id string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-.=_", r):
			return r
		}
		return '_'
	}, id)
}
