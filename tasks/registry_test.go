package tasks

import (
	"testing"
)

func TestLookup(t *testing.T) {
	for _, name := range Names() {
		task, err := Lookup(name)
		if err != nil || task.Info().Name != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	for wrong, want := range map[string]string{
		"twets": `did you mean "tweets"?`, "moveis": `did you mean "movies"?`, "SST2": `did you mean "sst2"?`, "edit": `did you mean "editorials"?`,
		"quantum-field": "or a file:", "": "unknown task",
	} {
		if _, err := Lookup(wrong); err == nil || !contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", wrong, err, want)
		}
	}
}

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"kitten", "sitting", 3}, {"ab", "ba", 1}, {"ca", "abc", 3}} {
		if got := editDistance(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestOpenTellsFilesFromNames(t *testing.T) {
	for ref, file := range map[string]bool{"sst2": false, "./sst2": true, "a.tsv": true, "b.jsonl.gz": true, "c.yaml": true, "no-such": false, `d\e`: true} {
		if got := looksLikeFile(ref); got != file {
			t.Errorf("%s: file is %v, want %v", ref, got, file)
		}
	}
}

func TestParseHub(t *testing.T) {
	org, name, rev, file, ok := parseHub("hf:datasets/nyu-mll/glue@refs%2Fconvert%2Fparquet/cola/train/0000.parquet")
	if !ok || org != "nyu-mll" || name != "glue" || rev != "refs%2Fconvert%2Fparquet" || file != "cola/train/0000.parquet" {
		t.Errorf("got %q %q %q %q %v", org, name, rev, file, ok)
	}
	for _, bad := range []string{"", "vader-tweets", "hf:datasets/a", "hf:datasets/a/b/c", "hf:datasets/../b@1/c", "hf:datasets/a/b@1/../../../etc/passwd"} {
		if _, _, _, file, ok := parseHub(bad); ok {
			t.Errorf("%q: accepted, file %q", bad, file)
		}
	}
}
