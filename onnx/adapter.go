package onnx

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"w2s/internal/onnxproto"
	"w2s/onnx/families"
)

// Adapter returns the folder of the adapter that is merged into the checkpoint's weights, or "".
func (c *Checkpoint) Adapter() string {
	if a := c.source.adapter(); a != nil {
		return a.Dir
	}
	return ""
}

// adapterNotes returns what a reader of results made with an adapter on the checkpoint in dir must know. f is the graph.
func adapterNotes(a *families.Adapter, dir string, f *onnxproto.File) []string {
	var notes []string
	base := filepath.Base(filepath.ToSlash(a.Base))
	if abs, err := filepath.Abs(dir); err == nil && a.Base != "" &&
		!slices.ContainsFunc(strings.Split(filepath.ToSlash(abs), "/"), func(part string) bool { return strings.EqualFold(part, base) }) {
		notes = append(notes, fmt.Sprintf("the adapter was made for %s, and its base here is the checkpoint %s", a.Base, filepath.Base(abs)))
	}
	if len(a.Unknown) > 0 {
		notes = append(notes, fmt.Sprintf("unknown settings of adapter_config.json are taken to have no effect: %s", strings.Join(a.Unknown, ", ")))
	}
	used := map[string]bool{}
	for _, t := range f.Initializers {
		used[t.Name] = true
	}
	if out := a.LeftOut(used); len(out) > 0 {
		notes = append(notes, fmt.Sprintf("tensors of the adapter are left out that belong to heads or the like: %s", families.Shortened(out)))
	}
	return notes
}
