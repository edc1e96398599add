package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"w2s/internal/shareddata"
)

var update = flag.Bool("update", false, "write docs/cli.md anew")

// commands lists a command and all below it, without those that cobra brings along.
func commands(c *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		if name := sub.Name(); c.HasParent() || name != "help" && name != "completion" {
			list = append(list, commands(sub)...)
		}
	}
	return list
}

// Every command has examples, its help shows them, and each is a command line that this command takes.
func TestHelpHasExamples(t *testing.T) {
	for _, c := range commands(newRoot(io.Discard, io.Discard, nil)) {
		path := c.CommandPath()
		t.Run(path, func(t *testing.T) {
			if c.Short == "" {
				t.Error("it does not say what it does")
			}
			var out bytes.Buffer
			if code := run(t.Context(), &out, io.Discard, append(strings.Fields(path)[1:], "--help")); code != exitGood {
				t.Fatalf("--help ends with code %d", code)
			}
			examples := strings.Split(strings.TrimRight(c.Example, "\n"), "\n")
			for _, line := range examples {
				if !strings.Contains(out.String(), strings.TrimRight(line, " ")) {
					t.Errorf("--help does not show %q", line)
				}
				checkExample(t, path, line)
			}
		})
	}
}

// remark is what may follow a command line in an example: words behind some spaces, or where the output goes.
var remark = regexp.MustCompile(`(\s{3,}\S.*| > \S+)$`)

func checkExample(t *testing.T, path, line string) {
	t.Helper()
	args := strings.Fields(remark.ReplaceAllString(strings.TrimSpace(line), ""))
	if len(args) == 0 || args[0] != "w2s" || !strings.HasPrefix(line, "  ") {
		t.Errorf("example %q: want two spaces and a w2s command", line)
		return
	}
	c, rest, err := newRoot(io.Discard, io.Discard, nil).Find(args[1:])
	if err != nil {
		t.Errorf("example %q: %v", line, err)
		return
	}
	if found := c.CommandPath(); found != path && !strings.HasPrefix(found, path+" ") {
		t.Errorf("example %q is of %s", line, found)
	}
	if err := c.ParseFlags(rest); err != nil {
		t.Errorf("example %q: %v", line, err)
		return
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		t.Errorf("example %q: %v", line, err)
	}
}

const cliHeader = `# Commands

What ` + "`w2s help COMMAND`" + ` prints, on one page. It is made from the commands themselves:
` + "`go test ./cmd/w2s -run TestCommandPage -update`" + ` writes it anew, and the tests fail where it is out of date.
The options of ` + "`w2s`" + ` itself go with every command.

`

// docs/cli.md says what the commands say.
func TestCommandPage(t *testing.T) {
	page := bytes.NewBufferString(cliHeader)
	for _, c := range commands(newRoot(io.Discard, io.Discard, nil)) {
		c.DisableAutoGenTag = true
		// All commands are on one page, so that links go to its headings.
		link := func(file string) string {
			return "#" + strings.ReplaceAll(strings.TrimSuffix(file, ".md"), "_", "-")
		}
		if err := doc.GenMarkdownCustom(c, page, link); err != nil {
			t.Fatal(err)
		}
	}
	var lines []string
	inherited := false
	for _, line := range strings.Split(strings.TrimSpace(page.String()), "\n") {
		// The global flags are those of w2s, and once is enough.
		if strings.HasPrefix(line, "##") {
			inherited = line == "### Options inherited from parent commands"
		}
		// The commands that cobra brings along have no section here.
		if !inherited && !strings.HasPrefix(line, "* [w2s completion]") && !strings.HasPrefix(line, "* [w2s help]") {
			lines = append(lines, strings.TrimRight(line, " "))
		}
	}
	got := strings.Join(lines, "\n") + "\n"
	path := filepath.Join(shareddata.Root(), "docs", "cli.md")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	old := strings.Split(string(want), "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(old) || line != old[i] {
			t.Fatalf("docs/cli.md:%d is out of date (-update writes it anew): it should be\n%s", i+1, line)
		}
	}
	t.Fatal("docs/cli.md has lines too many at its end (-update writes it anew)")
}

// Faults of what the user set, on the command line or in the environment, end with code 2, others with 1.
func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		endpoint string
		args     []string
		want     int
	}{
		{"", []string{"--version"}, exitGood},
		{"", []string{"run", "--sedes", "3"}, exitUsage},
		{"hub.test", []string{"models", "pull", "hf:org/name"}, exitUsage}, // without https://
		{"http://127.0.0.1:1", []string{"models", "pull", "hf:org/name", "--offline"}, exitFailed},
	} {
		t.Setenv("HF_ENDPOINT", test.endpoint)
		var out, errOut bytes.Buffer
		if code := run(t.Context(), &out, &errOut, append(test.args, "--cache", t.TempDir())); code != test.want {
			t.Errorf("HF_ENDPOINT=%s w2s %q: exit code %d, want %d: %s", test.endpoint, test.args, code, test.want, errOut.String())
		}
	}
}
