package onnx

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"w2s/internal/inputfile"
	"w2s/onnx/tokenizer"
)

// findTokenizer sets the path of tokenizer.json, or of the vocabulary file that stands for it, in the first of the folders that
// has one.
func (c *Checkpoint) findTokenizer(dirs ...string) error {
	for _, names := range [][]string{{"tokenizer.json"}, {"vocab.txt"}, {"vocab.json", "merges.txt"}} {
		for _, dir := range dirs {
			_, err := os.Stat(filepath.Join(dir, names[0]))
			if err == nil && len(names) == 2 {
				c.merges = filepath.Join(dir, names[1])
				_, err = os.Stat(c.merges)
			}
			if err == nil {
				c.Tokenizer, c.tokenizerDirs = filepath.Join(dir, names[0]), dirs
				return nil
			}
			c.merges = ""
		}
	}
	_, err := os.Stat(filepath.Join(dirs[0], "tokenizer.json"))
	return fmt.Errorf("no tokenizer.json, and no vocab.txt or vocab.json with merges.txt to convert (save it with the tokenizer's save_pretrained): %w", err)
}

// hasTokenizerJSON reports whether the tokenizer is not converted from vocabulary files.
func (c *Checkpoint) hasTokenizerJSON() bool { return filepath.Base(c.Tokenizer) == "tokenizer.json" }

// An assembled holds the assembly of a tokenizer between the reading of a checkpoint, whose key it is part of, and the loading of the
// tokenizer. Assembling takes up to half a second. An assembly is as large as its files, so it is not kept longer.
type assembled struct {
	mu       sync.Mutex
	assembly *tokenizer.Assembly
}

// take returns the assembly, or nil if it has been taken before.
func (a *assembled) take() *tokenizer.Assembly {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.assembly
	a.assembly = nil
	return taken
}

// assembleTokenizer combines the tokenizer with the settings of the files beside it.
func (c *Checkpoint) assembleTokenizer() (*tokenizer.Assembly, error) {
	var f tokenizer.Files
	var err error
	main := &f.Tokenizer
	if !c.hasTokenizerJSON() {
		main = &f.Vocab
	}
	if *main, err = inputfile.Read(c.Tokenizer, maxConfig); err != nil {
		return nil, err
	}
	if c.merges != "" {
		if f.Merges, err = inputfile.Read(c.merges, maxConfig); err != nil {
			return nil, err
		}
	}
	for name, into := range map[string]*[]byte{"tokenizer_config.json": &f.Config, "special_tokens_map.json": &f.SpecialTokens,
		"added_tokens.json": &f.AddedTokens, "config.json": &f.Model} {
		for _, dir := range c.tokenizerDirs {
			*into, err = inputfile.Read(filepath.Join(dir, name), maxConfig)
			if err == nil {
				break
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			*into = nil
		}
	}
	a, err := tokenizer.Assemble(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Tokenizer, err)
	}
	return a, nil
}

// OpenTokenizer returns the tokenizer of the checkpoint, as AutoTokenizer of transformers 4.57 makes it from its files.
func (c *Checkpoint) OpenTokenizer() (*tokenizer.Tokenizer, error) {
	t, err := c.openTokenizer()
	if err != nil {
		return nil, fmt.Errorf("onnx: checkpoint %s: %w", c.Dir, err)
	}
	return t, nil
}

func (c *Checkpoint) openTokenizer() (*tokenizer.Tokenizer, error) {
	a := c.assembled.take()
	if a == nil {
		var err error
		if a, err = c.assembleTokenizer(); err != nil {
			return nil, err
		}
	}
	t, err := a.Tokenizer()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Tokenizer, err)
	}
	return t, nil
}
