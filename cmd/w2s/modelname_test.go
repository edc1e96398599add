package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseModelName(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "odd@layer=3")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	adapter := filepath.Join(t.TempDir(), "a@b=c")
	if err := os.Mkdir(adapter, 0o777); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]struct{ checkpoint, settings string }{
		"all-minilm-l6-v2":                                {"all-minilm-l6-v2", ""},
		"all-minilm-l6-v2@layer=4":                        {"all-minilm-l6-v2", "@layer=4"},
		"hf:a/b@main":                                     {"hf:a/b@main", ""},
		"hf:a/b@main#onnx/x.onnx@layer=0":                 {"hf:a/b@main#onnx/x.onnx", "@layer=0"},
		"./dir@layer=-04":                                 {"./dir", "@layer=-4"},
		"./dir@chat":                                      {"./dir", "@chat"},
		"./dir@chat@layer=2":                              {"./dir", "@layer=2@chat"},
		"hf:a/b@main@layer=2@chat":                        {"hf:a/b@main", "@layer=2@chat"},
		"hf:a/b@main@adapter=" + adapter:                  {"hf:a/b@main", "@adapter=" + adapter},
		"x@adapter=" + adapter + "/@chat@layer=2":         {"x", "@adapter=" + adapter + "@layer=2@chat"},
		"x@layer=2@adapter=" + adapter + "@chat":          {"x", "@adapter=" + adapter + "@layer=2@chat"},
		"x@chat@layer=2@adapter=" + filepath.Dir(adapter): {"x", "@adapter=" + filepath.Dir(adapter) + "@layer=2@chat"},
		dir:              {dir, ""},
		dir + "@layer=1": {dir, "@layer=1"},
	} {
		m, err := parseModelName(text)
		if err != nil || m.checkpoint != want.checkpoint || m.settings() != want.settings {
			t.Errorf("%s: %+v with %q, %v", text, m, m.settings(), err)
		}
	}
	for text, want := range map[string]string{
		"x@layer=":          `layer "" is not a number`,
		"x@layer=1.5":       "is not a number",
		"x@layer=1@layer=2": "is there twice",
		"x@lyaer=1":         `unknown setting "lyaer" (did you mean "layer"?`,
		"x@chat=1":          "the setting chat takes no value",
		"x@chat@chat":       "the setting chat is there twice",
		"x@chta=1":          `unknown setting "chta" (did you mean "chat"?`,
		"x@adapter=" + adapter + "@adapter=" + adapter: "the setting adapter is there twice",
		"x@adapter=":                  `the adapter "" is not a folder`,
		"x@adapter=no/such":           `the adapter "no/such" is not a folder`,
		"x@adapter=hf:a/b":            "w2s downloads no adapters",
		"x@layer=1@lyer=1":            `unknown setting "lyer"`,
		"x@layer=9999999999999999999": "is not a number",
	} {
		if _, err := parseModelName(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestShorten(t *testing.T) {
	for _, c := range [][]string{
		{"/m/a", "/m/a@adapter=/l/b", "hf:o/a@adapter=/l/b@layer=2@chat", "=", "a", "a@adapter=b", "hf:o/a@adapter=b@layer=2@chat"},
		{"/m/a@adapter=/l/1/b", "/m/a@adapter=/l/2/b", "/n/c", "=", "/m/a@adapter=/l/1/b", "/m/a@adapter=/l/2/b", "c"},
	} {
		at := slices.Index(c, "=")
		if got := shorten(c[:at]); !slices.Equal(got, c[at+1:]) {
			t.Errorf("%q, want %q", got, c[at+1:])
		}
	}
}
