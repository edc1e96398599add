package fetch

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"w2s/internal/progress"
)

// clients runs the package clients of this machine. They use the user's own mirrors, proxies, credentials and caches.
type clients struct{ limits clientLimits }

// download runs the client of the package's registry. It returns the path of the archive, which the client puts into dir.
// A client that made no progress is run again.
func (c clients) download(ctx context.Context, p Package, dir string, report progress.Reporter) (string, error) {
	for n := 1; ; n++ {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
		archive, err := c.try(ctx, p, dir, report)
		if err == nil || ctx.Err() != nil || !errors.As(err, new(stalledError)) {
			return archive, err
		}
		if n == c.limits.tries {
			return "", fmt.Errorf("%w\n(the hosts are those of %s: check them, and the network)", err, p.Registry.settings())
		}
		report.Print(err.Error() + "; trying again")
		if err := os.RemoveAll(dir); err != nil {
			return "", err
		}
	}
}

// settings says where a client's user sets the hosts that it asks.
func (r Registry) settings() string {
	switch r {
	case Maven:
		return "the mirrors and repositories in mvn's settings.xml"
	case PyPI:
		return "pip's index-url (pip config list, PIP_INDEX_URL)"
	}
	return "npm's registry (npm config get registry)"
}

// try runs the client once.
func (c clients) try(ctx context.Context, p Package, dir string, report progress.Reporter) (string, error) {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	command, err := clientCommand(inner, p, dir)
	if err != nil {
		return "", fmt.Errorf("fetch: %s: %w", p, err)
	}
	task := report.Start(string(p.Registry)+" "+p.Archive, expected(p), progress.Bytes)
	defer task.Done()
	output := new(tailBuffer)
	w := clientWatch{limits: c.limits, p: p, dir: dir, cmd: command, output: output, cancel: cancel, task: task}
	err = run(command, output, w.watch)
	if ctx.Err() != nil {
		return "", fmt.Errorf("fetch: %s: %w", p, ctx.Err())
	}
	said := ""
	if lines := tail(output.String(), 12); len(lines) > 0 {
		said = "\n" + indent(lines)
	}
	if stalled := stalledError(""); errors.As(context.Cause(inner), &stalled) {
		return "", fmt.Errorf("fetch: %s: %w%s", p, stalled, said)
	}
	if err != nil {
		return "", fmt.Errorf("fetch: %s: %s failed: %w%s", p, filepath.Base(command.Path), err, said)
	}
	archive := filepath.Join(dir, p.Archive)
	if _, err := os.Stat(archive); err != nil {
		return "", fmt.Errorf("fetch: %s: %s succeeded but wrote no %s (it wrote %s)", p, filepath.Base(command.Path), p.Archive, listing(dir))
	}
	return archive, nil
}

// expected returns how many bytes the client will write to its folder while it downloads, or 0 if it writes all of them at the end.
func expected(p Package) int64 {
	if p.Registry == PyPI {
		return p.Size
	}
	return 0
}

func clientCommand(ctx context.Context, p Package, dir string) (*exec.Cmd, error) {
	switch p.Registry {
	case Maven:
		return mavenCommand(ctx, p, dir)
	case PyPI:
		return pipCommand(ctx, p, dir)
	case NPM:
		return npmCommand(ctx, p, dir)
	}
	return nil, fmt.Errorf("unknown registry %q", p.Registry)
}

func mavenCommand(ctx context.Context, p Package, dir string) (*exec.Cmd, error) {
	mvn, err := lookUp("mvn", "Apache Maven")
	if err != nil {
		return nil, err
	}
	return command(ctx, dir, []string{mvn, "--batch-mode", "--quiet", "dependency:copy",
		"-Dartifact=" + p.Name + ":" + p.Version, "-DoutputDirectory=" + dir, "-Dmdep.useBaseVersion=true"}), nil
}

func npmCommand(ctx context.Context, p Package, dir string) (*exec.Cmd, error) {
	npm, err := lookUp("npm", "Node.js")
	if err != nil {
		return nil, err
	}
	return command(ctx, dir, []string{npm, "pack", p.Name + "@" + p.Version, "--pack-destination", dir,
		"--ignore-scripts", "--no-update-notifier", "--loglevel=error"}), nil
}

// pipBackend is a build backend that gives pip the metadata of a source archive. Without it pip would run the package's
// setup.py even for a download, which needs build tools and runs code that nobody asked for.
//
//go:embed pipbackend.py
var pipBackend string

func pipCommand(ctx context.Context, p Package, dir string) (*exec.Cmd, error) {
	pip, err := findPip(ctx)
	if err != nil {
		return nil, err
	}
	// pip checks a hash in a requirements file before it opens the archive.
	requirements := filepath.Join(dir, "requirements.txt")
	pin := fmt.Sprintf("%s==%s --hash=sha256:%s\n", p.Name, p.Version, p.SHA256)
	if err := os.WriteFile(requirements, []byte(pin), 0o644); err != nil {
		return nil, err
	}
	args := append(pip, "download", "--no-deps", "--no-input", "--progress-bar", "off", "--dest", dir, "--require-hashes", "-r", requirements)
	env := []string{"PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_REQUIRE_VIRTUALENV=0", "TMPDIR=" + dir}
	if p.Wheel != (Wheel{}) {
		args = append(args, "--only-binary=:all:", "--platform", p.Wheel.Platform,
			"--python-version", p.Wheel.Python, "--implementation", "cp", "--abi", p.Wheel.ABI)
		return command(ctx, dir, args, env...), nil
	}
	backend := filepath.Join(dir, "backend")
	if err := writeBelow(filepath.Join(backend, "setuptools"), "__init__.py", ""); err != nil {
		return nil, err
	}
	if err := writeBelow(filepath.Join(backend, "setuptools"), "build_meta.py", pipBackend); err != nil {
		return nil, err
	}
	args = append(args, "--no-binary="+p.Name, "--no-build-isolation")
	path := backend
	if before := os.Getenv("PYTHONPATH"); before != "" {
		path += string(os.PathListSeparator) + before
	}
	return command(ctx, dir, args, append(env, "PYTHONPATH="+path, "PIP_USE_PEP517=1",
		"W2S_PACKAGE="+p.Name, "W2S_VERSION="+p.Version)...), nil
}

// findPip returns the command line that runs pip on this machine.
func findPip(ctx context.Context) ([]string, error) {
	for _, words := range [][]string{{"python3", "-m", "pip"}, {"python", "-m", "pip"}, {"pip3"}, {"pip"}} {
		path, err := exec.LookPath(words[0])
		if err != nil {
			continue
		}
		words[0] = path
		// A program that does not answer within a minute is not pip.
		probe, cancel := context.WithTimeout(ctx, time.Minute)
		err = run(command(probe, "", append(words, "--version")), new(tailBuffer), nil)
		cancel()
		if err == nil {
			return words, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return nil, errors.New("pip is not installed (install Python 3 with pip)")
}

func lookUp(name, product string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is not installed (install %s)", name, product)
	}
	return path, nil
}

// command prepares a client that runs in dir and reads nothing from the terminal. When ctx is done, the client is ended
// together with the processes that it started.
func command(ctx context.Context, dir string, words []string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = 5 * time.Second
	ownGroup(cmd)
	return cmd
}

// run runs a client, and watch with it, which may be nil. watch must return when its argument is closed.
func run(cmd *exec.Cmd, output *tailBuffer, watch func(done <-chan struct{})) error {
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		return err
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		if watch != nil {
			watch(done)
		}
	}()
	err := cmd.Wait()
	close(done)
	<-ended
	return err
}

func treeSize(dir string) (size int64) {
	filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			if info, err := entry.Info(); err == nil {
				size += info.Size()
			}
		}
		return nil // errors are expected: files come and go while a client works
	})
	return size
}

// tail returns the last n lines of a client's output that are not blank.
func tail(output string, n int) []string {
	var lines []string
	for line := range strings.Lines(output) {
		if line = strings.TrimRight(line, " \r\n"); line != "" {
			lines = append(lines, line)
		}
	}
	return lines[max(0, len(lines)-n):]
}

func indent(lines []string) string { return "\t" + strings.Join(lines, "\n\t") }

func listing(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		return "nothing"
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, ", ")
}
