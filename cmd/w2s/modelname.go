package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"w2s/internal/suggest"
)

// A modelName is a model as users write it: a checkpoint, and settings after it, as in NAME@layer=12 or NAME@chat.
type modelName struct {
	checkpoint string
	adapter    string // folder of a LoRA adapter, or ""
	layer      *int   // nil is the checkpoint's own output
	chat       bool   // whether texts are wrapped as turns of a conversation
}

// modelSettings are the names of what can follow a checkpoint.
var modelSettings = []string{"adapter", "chat", "layer"}

// parseModelName reads a model name. A file or folder whose name looks like it has settings is taken as it is.
func parseModelName(text string) (modelName, error) {
	m := modelName{checkpoint: text}
	for {
		if _, err := os.Stat(m.checkpoint); err == nil {
			return m, nil
		}
		at := lastSetting(m.checkpoint)
		if at < 0 {
			return m, nil
		}
		key, value, hasValue := strings.Cut(m.checkpoint[at+1:], "=")
		var err error
		switch {
		case key == "chat" && hasValue:
			err = errors.New("the setting chat takes no value")
		case key != "chat" && !hasValue:
			return m, nil // a revision of the hub
		case key == "chat" && m.chat, key == "layer" && m.layer != nil, key == "adapter" && m.adapter != "":
			err = fmt.Errorf("the setting %s is there twice", key)
		case key == "chat":
			m.chat = true
		case key == "layer":
			var layer int
			layer, err = parseLayer(value)
			m.layer = &layer
		case key == "adapter":
			m.adapter, err = filepath.Clean(value), checkAdapter(value)
		default:
			err = fmt.Errorf("unknown setting %q (%s)", key, suggest.Hint(key, "settings", modelSettings))
		}
		if err != nil {
			return m, usagef("model %q: %w", text, err)
		}
		m.checkpoint = m.checkpoint[:at]
	}
}

// lastSetting returns the position of the "@" before the last setting of a name, or -1. The folder of an adapter can contain "@".
func lastSetting(name string) int {
	at := strings.LastIndexByte(name, '@')
	if folder := strings.LastIndex(name, "@adapter="); folder >= 0 && folder < at {
		if _, err := os.Stat(name[folder+len("@adapter="):]); err == nil {
			return folder
		}
	}
	return at
}

// checkAdapter checks that an adapter is a folder.
func checkAdapter(name string) error {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return nil
	}
	if strings.HasPrefix(name, "hf:") {
		return fmt.Errorf("the adapter %q is not a folder (w2s downloads no adapters: get its adapter_config.json and adapter_model.safetensors into one)", name)
	}
	return fmt.Errorf("the adapter %q is not a folder", name)
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
	if m.adapter != "" {
		text = "@adapter=" + m.adapter
	}
	if m.layer != nil {
		text += fmt.Sprintf("@layer=%d", *m.layer)
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
