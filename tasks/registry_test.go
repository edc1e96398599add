package tasks

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"w2s/internal/fetch"
	"w2s/internal/shareddata"
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
		"xyzzy": "or a file:", "": "unknown task",
	} {
		if _, err := Lookup(wrong); err == nil || !contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", wrong, err, want)
		}
	}
}

func TestOpenTellsFilesFromNames(t *testing.T) {
	for ref, file := range map[string]bool{"sst2": false, "./sst2": true, "a.tsv": true, "b.jsonl.gz": true, "c.yaml": true, "no-such": false, `d\e`: true} {
		if got := looksLikeFile(ref); got != file {
			t.Errorf("%s: looksLikeFile is %v, want %v", ref, got, file)
		}
	}
}

// An emptySource has no files. It records what it was asked for.
type emptySource struct{ asked *[]string }

func (s emptySource) Path(_ context.Context, artifact string) (string, error) {
	*s.asked = append(*s.asked, artifact)
	return "", errors.New("nothing here")
}

// The catalog can parse the name of every file of the hub that a task asks for. If the source fails, the error names the task.
func TestArtifacts(t *testing.T) {
	var all []string
	for _, task := range All() {
		name := task.Info().Name
		if strings.HasPrefix(name, "chess-mate") {
			continue // needs no files
		}
		_, err := task.Load(context.Background(), emptySource{&all})
		if err == nil || !contains(err.Error(), "nothing here") || !contains(err.Error(), "tasks: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, artifact := range all {
		artifact, ok := strings.CutPrefix(strings.TrimPrefix(artifact, "?"), "hf:")
		if !ok {
			continue
		}
		artifact = "hf:" + artifact
		ref, err := fetch.ParseHubRef(artifact)
		if err != nil || !ref.Dataset || ref.File == "" {
			t.Errorf("%s: %+v, %v", artifact, ref, err)
		}
		org, name, rev, file, ok := parseHub(artifact)
		if !ok || org+"/"+name != ref.Repo || file != ref.File || rev != url.PathEscape(ref.Revision) {
			t.Errorf("%s: parsed as %q %q %q %q, but by the catalog as %+v", artifact, org, name, rev, file, ref)
		}
	}
	if len(all) < 50 {
		t.Errorf("the tasks asked for only %d artifacts", len(all))
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

// The counts of the real GLUE files come from a Python script. It keeps texts with one label, and removes texts of the test
// part, up to their normal form, from the training part.
func TestSharedGLUE(t *testing.T) {
	src := Local(shareddata.Path(t, "data"), nil)
	for name, want := range map[string]struct{ pool, positive, test, near int }{
		"sst2": {66970, 37328, 872, 16369},
		"cola": {8501, 5986, 510, 26},
	} {
		d := loadNamed(t, name, src)
		if len(d.Pool) != want.pool || positives(d.Pool) != want.positive || len(d.Test) != want.test {
			t.Errorf("%s: %d examples, %d positive, %d to test on: %q", name, len(d.Pool), positives(d.Pool), len(d.Test), d.Warnings)
		}
		if n := nearCopies(d.Pool); n != want.near {
			t.Errorf("%s: %d near copies, want %d", name, n, want.near)
		}
	}
}
