package catalog

import (
	"cmp"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A GPURuntime is a build of ONNX Runtime that runs models on NVIDIA cards, and NVIDIA's libraries that it needs.
type GPURuntime struct {
	Runtime
	Needs   []Library // in the order in which they must be loaded
	Missing []string  // file names of libraries that were not found
}

// A Library is a shared library on this machine.
type Library struct{ Name, Path string }

// Files of the GPU build beside the library itself.
const (
	sharedProvider = "libonnxruntime_providers_shared.so"
	cudaProvider   = "libonnxruntime_providers_cuda.so"
)

// cudaProviderFile returns the file name of the CUDA provider on this system.
func cudaProviderFile() string {
	if runtime.GOOS == "windows" {
		return "onnxruntime_providers_cuda.dll"
	}
	return cudaProvider
}

// ErrNoGPURuntime reports that there is no GPU build of ONNX Runtime. It can be fetched.
var ErrNoGPURuntime = errors.New("catalog: there is no GPU build of ONNX Runtime on this machine")

// FindGPURuntime finds a GPU build of ONNX Runtime and NVIDIA's libraries. It fetches nothing. It looks for the build at the path of
// the flag, in the environment, the usual places of this system, the cache and the packages of Python, and for NVIDIA's libraries in
// LD_LIBRARY_PATH, the cache, the packages of Python (PyTorch brings them), the folder of CUDA and the system's folders.
func (c *Catalog) FindGPURuntime(ctx context.Context, flag string) (GPURuntime, error) {
	r, err := c.findGPUBuild(ctx, flag)
	if err != nil {
		return GPURuntime{}, err
	}
	return c.withNeeds(ctx, r)
}

// FetchGPURuntime is like FindGPURuntime, but fetches what is missing. It never replaces a path that the user gave.
func (c *Catalog) FetchGPURuntime(ctx context.Context, flag string) (GPURuntime, error) {
	r, err := c.findGPUBuild(ctx, flag)
	if errors.Is(err, ErrNoGPURuntime) && !c.gpu.none() {
		if _, err := c.cache.Ensure(ctx, c.gpu.runtime); err != nil {
			return GPURuntime{}, err
		}
		r, err = c.findGPUBuild(ctx, flag)
	}
	if err != nil {
		return GPURuntime{}, err
	}
	found, err := c.withNeeds(ctx, r)
	if err != nil || len(found.Missing) == 0 {
		return found, err
	}
	for _, a := range c.gpu.holding(found.Missing) {
		if _, err := c.cache.Ensure(ctx, a); err != nil {
			return GPURuntime{}, err
		}
	}
	return c.withNeeds(ctx, r)
}

// GPUState returns the state of what is pinned, without what is on this machine already: found is the result of FindGPURuntime, or of
// PinnedNeeds if that found no build.
func (c *Catalog) GPUState(found GPURuntime) State {
	s := State{Name: "GPU libraries", Title: "ONNX Runtime for CUDA, with CUDA and cuDNN", Licence: "MIT, and NVIDIA's licences of CUDA and cuDNN"}
	if found.Path == "" {
		s.Download = c.gpu.runtime.Download()
	}
	held := c.gpu.holding(found.Missing)
	for _, a := range held {
		s.Download += a.Download()
	}
	s.Ready = found.Path != "" && len(found.Missing) == 0
	switch {
	case s.Download > 0:
		s.WayOut = "w2s doctor --fix --provider cuda downloads what is missing"
	case found.Path == "":
		s.WayOut = fmt.Sprintf("w2s pins no build for %s/%s: install onnxruntime-gpu 1.24 or later with Python, or name its library with --onnxruntime",
			runtime.GOOS, runtime.GOARCH)
	case !s.Ready:
		s.WayOut = "install the release of CUDA and cuDNN that this build of ONNX Runtime needs, or add their folder to LD_LIBRARY_PATH"
	}
	return s
}

// PinnedNeeds returns which of NVIDIA's libraries the pinned build needs, and which of them are missing.
func (c *Catalog) PinnedNeeds(ctx context.Context) (GPURuntime, error) {
	var r GPURuntime
	err := c.findNeeds(ctx, &r, c.gpu.needs)
	return r, err
}

// findGPUBuild finds a library that has the CUDA provider beside it.
func (c *Catalog) findGPUBuild(ctx context.Context, flag string) (Runtime, error) {
	if flag != "" {
		return givenGPUBuild(flag, "flag")
	}
	for _, name := range runtimeEnv {
		if path := c.getenv(name); path != "" {
			return givenGPUBuild(path, name)
		}
	}
	for _, path := range systemLibraries() {
		if r, err := givenGPUBuild(path, "system"); err == nil && newEnough(r.Version) {
			return r, nil
		}
	}
	if a := c.gpu.runtime; !c.gpu.none() {
		s, err := c.cache.Status(ctx, a, false)
		if err != nil {
			return Runtime{}, err
		}
		if s.Complete {
			return cachedRuntime(s, a, "cache")
		}
	}
	for _, folder := range c.pythonFolders(ctx) {
		paths, _ := filepath.Glob(filepath.Join(escapeGlob(folder), "onnxruntime", "capi", "libonnxruntime.so.*"))
		for _, path := range paths {
			if r, err := givenGPUBuild(path, "Python"); err == nil && newEnough(r.Version) {
				return r, nil
			}
		}
	}
	return Runtime{}, ErrNoGPURuntime
}

// givenGPUBuild is givenRuntime for a library that must have the CUDA provider beside it. ONNX Runtime looks for the provider in the
// folder of the path that it was loaded from, so a link is followed to the library.
func givenGPUBuild(path, source string) (Runtime, error) {
	r, err := givenRuntime(path, source)
	if err != nil {
		return r, err
	}
	for _, p := range []string{r.Path, realPath(r.Path)} {
		if _, err := os.Stat(filepath.Join(filepath.Dir(p), cudaProviderFile())); err == nil {
			r.Path = p
			return r, nil
		}
	}
	return Runtime{}, fmt.Errorf("catalog: the ONNX Runtime library given by %s, %s, is a build for processors: there is no %s beside it (name a GPU build, or none)",
		source, path, cudaProviderFile())
}

func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// withNeeds finds NVIDIA's libraries that a build needs. On other systems than Linux, the system's loader finds them.
func (c *Catalog) withNeeds(ctx context.Context, r Runtime) (GPURuntime, error) {
	found := GPURuntime{Runtime: r}
	if runtime.GOOS != "linux" {
		return found, nil
	}
	names, err := needsOf(filepath.Join(filepath.Dir(r.Path), cudaProvider))
	if err != nil {
		return found, err
	}
	return found, c.findNeeds(ctx, &found, names)
}

// driverLibrary is a part of the driver. It cannot be fetched.
const driverLibrary = "libcuda.so.1"

// needsOf returns which of NVIDIA's libraries a provider needs, in the order in which they must be loaded. Besides those that the file
// names, it needs two that it loads later: cuDNN, and the compiler of CUDA (NVRTC), which cuDNN uses.
func needsOf(provider string) ([]string, error) {
	damaged := func(err error) error {
		return fmt.Errorf("catalog: %s is damaged and cannot be read as a library (%w): delete its folder and install this GPU build again, "+
			"with w2s doctor --fix --provider cuda if it is in the cache of w2s", provider, err)
	}
	f, err := elf.Open(provider)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("catalog: reading the CUDA provider: %w", err)
	}
	if err != nil {
		return nil, damaged(err)
	}
	defer f.Close()
	imported, err := f.ImportedLibraries()
	if err != nil {
		return nil, damaged(err)
	}
	var names []string
	for _, name := range imported {
		if name != driverLibrary && (strings.HasPrefix(name, "libcu") || strings.HasPrefix(name, "libnv")) && !strings.HasPrefix(name, "libcurl.") {
			names = append(names, name)
		}
	}
	if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "libcudnn.") }) {
		names = append(names, "libcudnn.so.9")
	}
	for _, name := range names {
		if version, ok := strings.CutPrefix(name, "libcudart.so."); ok && !slices.Contains(names, "libnvrtc.so."+version) {
			names = append(names, "libnvrtc.so."+version)
			break
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(loadOrder(a), loadOrder(b)) })
	return names, nil
}

// loadOrder puts a library after those that it needs.
func loadOrder(name string) int {
	for i, prefix := range []string{"libcudart.", "libnvJitLink.", "libnvrtc.", "libcublasLt.", "libcublas.", "libcurand.", "libcufft."} {
		if strings.HasPrefix(name, prefix) {
			return i
		}
	}
	return 100
}

// findNeeds finds libraries by their file names.
func (c *Catalog) findNeeds(ctx context.Context, r *GPURuntime, names []string) error {
	given := filepath.SplitList(c.getenv("LD_LIBRARY_PATH"))
	cached := map[string]string{}
	for _, a := range c.gpu.holding(names) {
		s, err := c.cache.Status(ctx, a, false)
		if err != nil {
			return err
		}
		for _, m := range a.Packages[0].Members {
			if s.Complete {
				cached[m.Name] = filepath.Join(s.Dir, m.Name)
			}
		}
	}
	var others []string // found when they are first needed, because Python is asked
	for _, name := range names {
		path := inFolders(given, name)
		if path == "" {
			path = cached[name]
		}
		if path == "" {
			if others == nil {
				others = slices.Concat(nvidiaFolders(c.pythonFolders(ctx)), c.cudaFolders())
			}
			path = inFolders(others, name)
		}
		if path == "" {
			r.Missing = append(r.Missing, name)
		} else {
			r.Needs = append(r.Needs, Library{name, path})
		}
	}
	return ctx.Err()
}

// inFolders returns the path of a file in the first folder that has it, or "".
func inFolders(folders []string, name string) string {
	for _, folder := range folders {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); folder != "" && err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// nvidiaFolders returns the folders of libraries in the packages nvidia-* of Python, and in builds of PyTorch that hold them themselves.
func nvidiaFolders(python []string) (folders []string) {
	for _, folder := range python {
		list, _ := filepath.Glob(filepath.Join(escapeGlob(folder), "nvidia", "*", "lib"))
		folders = append(append(folders, list...), filepath.Join(folder, "torch", "lib"))
	}
	return folders
}

// cudaFolders returns the folders where NVIDIA's installers and package managers put libraries.
func (c *Catalog) cudaFolders() (folders []string) {
	var roots []string
	for _, name := range []string{"CUDA_HOME", "CUDA_PATH", "CONDA_PREFIX"} {
		if root := c.getenv(name); root != "" {
			roots = append(roots, escapeGlob(root))
		}
	}
	for _, root := range append(roots, "/usr/local/cuda", "/usr/local/cuda-*") {
		for _, below := range []string{"lib64", "lib", "targets/*/lib"} {
			list, _ := filepath.Glob(filepath.Join(root, below))
			folders = append(folders, list...)
		}
	}
	return append(folders, "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib")
}

// pythonTimeout bounds how long Python may take to say where its packages are.
const pythonTimeout = 20 * time.Second

// pythonFolders returns the folders of packages of the Python that is first in PATH: an active environment, or else the system's.
func (c *Catalog) pythonFolders(ctx context.Context) []string {
	for _, name := range []string{"python3", "python"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, pythonTimeout)
		out, err := exec.CommandContext(ctx, path, "-c", `import sys; print("\n".join(sys.path))`).Output()
		cancel()
		if err != nil {
			continue
		}
		var folders []string
		for line := range strings.Lines(string(out)) {
			if folder := strings.TrimRight(line, "\r\n"); filepath.IsAbs(folder) {
				folders = append(folders, folder)
			}
		}
		return folders
	}
	return nil
}
