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
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"w2s/internal/shareddata"
)

var update = flag.Bool("update", false, "write docs/cli.md")

// commands returns a command and all commands below it, without those that cobra adds.
func commands(c *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		if name := sub.Name(); !sub.Hidden && (c.HasParent() || name != "help" && name != "completion") {
			list = append(list, commands(sub)...)
		}
	}
	return list
}

// Help of every command shows examples, and each example is a command line that w2s accepts. Prose and flags fit the width
// of a terminal.
func TestHelp(t *testing.T) {
	for _, c := range commands(newRoot(io.Discard, io.Discard, nil)) {
		path, examples := c.CommandPath(), c.Example
		if c.IsAdditionalHelpTopicCommand() {
			_, examples, _ = strings.Cut(c.Long, "\nExamples:\n")
		}
		t.Run(path, func(t *testing.T) {
			if c.Short == "" {
				t.Error("there is no short description")
			}
			var out bytes.Buffer
			if code := run(t.Context(), &out, io.Discard, append(strings.Fields(path)[1:], "--help")); code != exitGood {
				t.Fatalf("--help ends with code %d", code)
			}
			help := out.String()
			for _, line := range strings.Split(strings.TrimRight(examples, "\n"), "\n") {
				if !strings.Contains(help, strings.TrimRight(line, " ")) {
					t.Errorf("--help does not show %q", line)
				}
				checkExample(t, c, line)
			}
			_, flags, found := strings.Cut(help, "\nFlags:\n")
			if !found && !c.IsAdditionalHelpTopicCommand() {
				t.Error("--help shows no flags")
			}
			for _, line := range strings.Split(c.Long+"\n"+flags, "\n") {
				if width := utf8.RuneCountInString(line); width > helpWidth && !strings.HasPrefix(line, "  w2s ") && strings.Contains(strings.TrimSpace(line), " ") {
					t.Errorf("a line of %d columns: %s", width, line)
				}
			}
			about, _, _ := strings.Cut(help, "\nExamples:\n")
			_, list, _ := strings.Cut(help, "\nAvailable Commands:\n")
			list, _, _ = strings.Cut(list, "\nFlags:\n")
			for _, line := range strings.Split(about+list, "\n") {
				if width := utf8.RuneCountInString(line); width > helpWidth && !c.IsAdditionalHelpTopicCommand() {
					t.Errorf("a line of %d columns: %s", width, line)
				}
			}
			own, _, _ := strings.Cut(flags, "\nGlobal Flags:\n")
			if grouped := strings.Contains(own, "  Other:\n"); grouped != (c.HasParent() && strings.Count("\n"+own, "\n      --") >= manyFlags) {
				t.Errorf("flags in groups: %v\n%s", grouped, own)
			}
			if strings.Contains(help, "true|false") || strings.Contains(help, "(default [") {
				t.Errorf("flags as pflag lists them:\n%s", help)
			}
		})
	}
}

// remark matches what may follow a command line in an example: a comment, or a redirection.
var remark = regexp.MustCompile(`(\s+# .*| > \S+)$`)

func checkExample(t *testing.T, of *cobra.Command, line string) {
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
	if found := c.CommandPath(); !strings.HasPrefix(found+" ", of.CommandPath()+" ") && !of.IsAdditionalHelpTopicCommand() {
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

This page holds what ` + "`w2s help COMMAND`" + ` prints. It is generated: ` + "`go test ./cmd/w2s -run TestCommandPage -update`" + ` writes it, and
the test fails if it is out of date. The options of ` + "`w2s`" + ` itself work with every command.

`

// docs/cli.md is the help of all commands.
func TestCommandPage(t *testing.T) {
	page := bytes.NewBufferString(cliHeader)
	for _, c := range commands(newRoot(io.Discard, io.Discard, nil)) {
		c.DisableAutoGenTag = true
		if c.IsAdditionalHelpTopicCommand() {
			c.Long = "```\n" + c.Long + "\n```"
		}
		link := func(file string) string { // all commands are on one page, so links go to headings
			return "#" + strings.ReplaceAll(strings.TrimSuffix(file, ".md"), "_", "-")
		}
		var section bytes.Buffer
		if err := doc.GenMarkdownCustom(c, &section, link); err != nil {
			t.Fatal(err)
		}
		page.WriteString(withFlagUsages(section.String(), c.NonInheritedFlags()))
	}
	var lines []string
	inherited := false
	for _, line := range strings.Split(strings.TrimSpace(page.String()), "\n") {
		// The global flags are in the section of w2s, once.
		if strings.HasPrefix(line, "##") {
			inherited = line == "### Options inherited from parent commands"
		}
		// The commands that cobra adds have no section.
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
			t.Fatalf("docs/cli.md:%d is out of date (-update writes the page): want\n%s", i+1, line)
		}
	}
	t.Fatal("docs/cli.md has too many lines (-update writes the page)")
}

// Faults of what the user sets, on the command line or in the environment, end with code 2, other faults with 1.
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
