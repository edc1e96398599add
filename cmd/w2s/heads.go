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

// env returns what an experiment needs from this machine. If --heads names a folder, the experiment writes its heads
// there.
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

// saveHead writes a head as a safetensors file, which package head reads again, and as an ONNX model.
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

// fileName returns a file name for a head's id, with "_" for every character that shells or file systems treat specially.
func fileName(id string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-.=_", r):
			return r
		}
		return '_'
	}, id)
}
