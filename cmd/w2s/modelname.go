package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"w2s/internal/suggest"
)

// A modelName is a model as users write it: a checkpoint, and settings after it, as in NAME@layer=12 or NAME@chat.
type modelName struct {
	checkpoint string
	layer      *int // nil is the checkpoint's own output
	chat       bool // whether texts are wrapped as turns of a conversation
}

// modelSettings are the names of what can follow a checkpoint.
var modelSettings = []string{"chat", "layer"}

// parseModelName reads a model name. A file or folder whose name looks like it has settings is taken as it is.
func parseModelName(text string) (modelName, error) {
	m := modelName{checkpoint: text}
	for {
		if _, err := os.Stat(m.checkpoint); err == nil {
			return m, nil
		}
		at := strings.LastIndexByte(m.checkpoint, '@')
		if at < 0 {
			return m, nil
		}
		key, value, hasValue := strings.Cut(m.checkpoint[at+1:], "=")
		switch {
		case key == "chat" && hasValue:
			return m, usagef("model %q: the setting chat takes no value", text)
		case key == "chat" && m.chat:
			return m, usagef("model %q: the setting chat is there twice", text)
		case key == "chat":
			m.chat, m.checkpoint = true, m.checkpoint[:at]
			continue
		case !hasValue:
			return m, nil // a revision of the hub
		case key != "layer":
			return m, usagef("model %q: unknown setting %q (%s)", text, key, suggest.Hint(key, "settings", modelSettings))
		case m.layer != nil:
			return m, usagef("model %q: the setting %s is there twice", text, key)
		}
		layer, err := parseLayer(value)
		if err != nil {
			return m, usagef("model %q: %w", text, err)
		}
		m.layer, m.checkpoint = &layer, m.checkpoint[:at]
	}
}

func parseLayer(text string) (int, error) {
	layer, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("layer %q is not a number, such as 12, or -4 for the fourth from the end", text)
	}
	return layer, nil
}

// settings returns what follows the checkpoint's name.
func (m modelName) settings() string {
	text := ""
	if m.layer != nil {
		text = fmt.Sprintf("@layer=%d", *m.layer)
	}
	if m.chat {
		text += "@chat"
	}
	return text
}

// String returns the name as parseModelName reads it.
func (m modelName) String() string { return m.checkpoint + m.settings() }

// A layerFlag is a flag with the number of a layer, or nothing.
type layerFlag struct{ layer *int }

func (f *layerFlag) Set(text string) error {
	layer, err := parseLayer(text)
	if err != nil {
		return errors.New("want a number, such as 12, or -4 for the fourth from the end")
	}
	f.layer = &layer
	return nil
}

func (f *layerFlag) String() string {
	if f.layer == nil {
		return ""
	}
	return strconv.Itoa(*f.layer)
}

func (f *layerFlag) Type() string { return "int" }
