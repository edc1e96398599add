package catalog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"

	"w2s/internal/fetch"
	"w2s/internal/inputfile"
)

// A Runtime is an ONNX Runtime library on this machine.
type Runtime struct {
	Path    string
	Version string // from the file name; "" if the name has none
	Source  string // "flag", the name of a variable, "system", "cache" or "fetched"
}

// runtimeEnv lists the variables that may name the library. The first one that is set counts.
var runtimeEnv = []string{"W2S_ONNXRUNTIME", "ONNXRUNTIME_LIB"}

// Runtime finds the ONNX Runtime library. It looks at the path of the flag, the environment, the usual places of this
// system and the cache, and fetches the pinned package if none of them has one. It never replaces a path that the user
// gave: it uses or refuses it.
func (c *Catalog) Runtime(ctx context.Context, flag string) (Runtime, error) {
	r, err := c.FindRuntime(ctx, flag)
	if err == nil || !errors.Is(err, errNoRuntime) {
		return r, err
	}
	artifact, ok := runtimeArtifact(runtime.GOOS, runtime.GOARCH)
	if !ok {
		return Runtime{}, fmt.Errorf("catalog: no ONNX Runtime library was found, and w2s pins none for %s/%s (install ONNX Runtime 1.24 or later and name its library with --onnxruntime or W2S_ONNXRUNTIME)", runtime.GOOS, runtime.GOARCH)
	}
	if _, err := c.cache.Ensure(ctx, artifact); err != nil {
		return Runtime{}, fmt.Errorf("%w (or name an installed library with --onnxruntime or W2S_ONNXRUNTIME)", err)
	}
	s, err := c.cache.Status(ctx, artifact, false)
	if err != nil {
		return Runtime{}, err
	}
	return cachedRuntime(s, artifact, "fetched")
}

var errNoRuntime = errors.New("catalog: there is no ONNX Runtime library on this machine (it is fetched when it is first used)")

// FindRuntime is like Runtime but fetches nothing.
func (c *Catalog) FindRuntime(ctx context.Context, flag string) (Runtime, error) {
	if flag != "" {
		return givenRuntime(flag, "flag")
	}
	for _, name := range runtimeEnv {
		if path := c.getenv(name); path != "" {
			return givenRuntime(path, name)
		}
	}
	for _, path := range systemLibraries() {
		if r, err := givenRuntime(path, "system"); err == nil && newEnough(r.Version) {
			return r, nil
		}
	}
	if artifact, ok := runtimeArtifact(runtime.GOOS, runtime.GOARCH); ok {
		s, err := c.cache.Status(ctx, artifact, false)
		if err != nil {
			return Runtime{}, err
		}
		if s.Complete {
			return cachedRuntime(s, artifact, "cache")
		}
	}
	return Runtime{}, errNoRuntime
}

// cachedRuntime returns the library of an artifact with the status s.
func cachedRuntime(s fetch.Status, a fetch.Artifact, source string) (Runtime, error) {
	for _, p := range a.Packages {
		if p.String() == s.From {
			return Runtime{Path: filepath.Join(s.Dir, p.Members[0].Name), Version: p.Version, Source: source}, nil
		}
	}
	return Runtime{}, fmt.Errorf("catalog: %s has a library from %s, which this version of w2s does not know (remove the folder)", s.Dir, s.From)
}

// givenRuntime checks by the first bytes that a path is a shared library. The error of the system's loader would be harder
// to understand.
func givenRuntime(path, source string) (Runtime, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		err = errors.New("it is a folder: name the library in it")
	}
	if err != nil {
		return Runtime{}, fmt.Errorf("catalog: ONNX Runtime library given by %s: %s: %w", source, path, err)
	}
	f, err := inputfile.Open(path)
	if err != nil {
		return Runtime{}, fmt.Errorf("catalog: ONNX Runtime library given by %s: %w", source, err)
	}
	defer f.Close()
	var magic [4]byte
	if n, _ := f.Read(magic[:]); !isLibrary(magic[:n]) {
		return Runtime{}, fmt.Errorf("catalog: ONNX Runtime library given by %s: %s is not a shared library of this system", source, path)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path
	}
	return Runtime{Path: path, Version: versionOf(real), Source: source}, nil
}

// isLibrary reports whether a file that begins with magic is in the format of this system's libraries: ELF, Mach-O (64 bit
// or universal) or PE.
func isLibrary(magic []byte) bool {
	switch string(magic) {
	case "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe":
		return runtime.GOOS == "darwin"
	case "\x7fELF":
		return runtime.GOOS != "darwin" && runtime.GOOS != "windows"
	}
	return runtime.GOOS == "windows" && len(magic) >= 2 && string(magic[:2]) == "MZ"
}

var versionPattern = regexp.MustCompile(`(\d+)\.(\d+)\.(\d+)`)

// versionOf returns the version in a file name, or "".
func versionOf(path string) string { return versionPattern.FindString(filepath.Base(path)) }

// newEnough reports whether a version has the C API that the Go binding needs: API 24, which came with version 1.24. It
// returns false for an unknown version: such a library is only used if the user names it.
func newEnough(version string) bool {
	var major, minor, patch int
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); err != nil {
		return false
	}
	return major > 1 || major == 1 && minor >= 24
}
