package fetch

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestParseHubRef(t *testing.T) {
	for in, want := range map[string]HubRef{
		"hf:org/name":                      {Repo: "org/name", Revision: "main"},
		"hf:gpt2":                          {Repo: "gpt2", Revision: "main"},
		"hf:BAAI/bge-small-en-v1.5@v1.0":   {Repo: "BAAI/bge-small-en-v1.5", Revision: "v1.0"},
		"hf:org/name@refs%2Fpr%2F1#int8":   {Repo: "org/name", Revision: "refs/pr/1", Variant: "int8"},
		"hf:org/name@refs/pr/1":            {Repo: "org/name", Revision: "refs/pr/1"},
		"hf:org/name#onnx/model_fp16.onnx": {Repo: "org/name", Revision: "main", Variant: "onnx/model_fp16.onnx"},
		"hf:datasets/nyu-mll/glue@refs%2Fconvert%2Fparquet/cola/train/0000.parquet": {
			Dataset: true, Repo: "nyu-mll/glue", Revision: "refs/convert/parquet", File: "cola/train/0000.parquet"},
		"hf:datasets/o/n/f": {Dataset: true, Repo: "o/n", Revision: "main", File: "f"},
	} {
		got, err := ParseHubRef(in)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
		if again, err := ParseHubRef(got.String()); err != nil || again != got {
			t.Errorf("%s: String gives %s, which is parsed as %+v, %v", in, got, again, err)
		}
	}
	for in, fault := range map[string]string{
		"name":                     "not a hub reference",
		"hf:":                      "not a name",
		"hf:a/b/c":                 "not ORG/NAME",
		"hf:../name":               "not a name",
		"hf:org/..":                "not a name",
		"hf:org/a--b":              "not a name",
		"hf:org/name@":             "not a revision",
		"hf:org/name@../..":        "not a revision",
		"hf:org/name@%zz":          "not a revision",
		"hf:org/na me":             "not a name",
		"hf:datasets/org/name":     "no file",
		"hf:datasets/o/n/../../f":  "not a path",
		"hf:datasets/o/n//etc/f":   "not a path",
		"hf:datasets/o/n@main/":    "no file",
		"hf:datasets/o/n@a/b@c/..": "not a path",
	} {
		if got, err := ParseHubRef(in); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%s: %+v, %v; want an error with %q", in, got, err, fault)
		}
	}
}

// FuzzParseHubRef checks that every accepted reference survives String, and that its paths stay below the cache folder.
func FuzzParseHubRef(f *testing.F) {
	for _, s := range []string{"hf:org/name@main#x", "hf:datasets/o/n@r%2Fs/f/g", "hf:a/../b", "hf:datasets/o/n/..\\x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := ParseHubRef(s)
		if err != nil {
			return
		}
		if again, err := ParseHubRef(ref.String()); err != nil || again != ref {
			t.Errorf("%q: %+v, then %+v, %v", s, ref, again, err)
		}
		for _, path := range []string{ref.folder(), ref.File} {
			if path != "" && !filepath.IsLocal(filepath.FromSlash(path)) {
				t.Errorf("%q leads to %q", s, path)
			}
		}
	})
}
