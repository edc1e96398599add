package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"w2s/harness/experiment"
	"w2s/harness/head"
	"w2s/harness/result"
	"w2s/internal/atomicfile"
)

// env returns what an experiment needs from this machine. If --heads names a folder, the experiment writes its heads
// there.
func (f *experimentFlags) env(ctx context.Context, a *app) (experiment.Env, error) {
	env, err := a.env(ctx)
	if err != nil || f.heads == "" {
		return env, err
	}
	if _, err := a.makeFolder("--heads", f.heads); err != nil {
		return env, err
	}
	settings := []any{f.train, f.test, f.balance, f.shared, f.l2, f.folds, f.held}
	if len(f.untrained) > 0 { // they have no heads here, of which the digests of their students could have a part
		settings = append(settings, f.untrained)
	}
	folder := headFolder{dir: f.heads, settings: settings, models: f.keys, digests: map[string]string{}}
	env.Trained = folder.save
	return env, nil
}

// A headFolder is the folder that an experiment writes its heads to.
type headFolder struct {
	dir      string
	settings any               // that change a head and are not part of its ID
	models   map[string]string // keys of the models by name

	mutex   sync.Mutex
	digests map[string]string // of the heads by ID
}

// digest returns a digest of what a head is trained on and by: its ID, the settings, and the keys of its model and of those of
// its supervisors, which are trained before it. Heads with the same digest differ only if the data of their task has changed.
func (f *headFolder) digest(r result.Head) string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	text, err := json.Marshal([]any{r.ID, f.settings, f.models[r.Model], f.digests[r.Supervisor]})
	if err != nil {
		panic(err) // strings and finite numbers have a JSON form
	}
	sum := sha256.Sum256(text)
	f.digests[r.ID] = hex.EncodeToString(sum[:6])
	return f.digests[r.ID]
}

// save writes a head as a safetensors file, which package head reads again, and as an ONNX model, unless it is a
// mixture. Other heads, such as those of
// other settings, have other names.
func (f *headFolder) save(r result.Head, h *head.Head) error {
	path := filepath.Join(f.dir, headName(r.ID)+"-"+f.digest(r))
	err := h.Save(path+".safetensors", map[string]string{
		"id": r.ID, "task": r.Task, "role": string(r.Role), "model": r.Model, "supervisor": r.Supervisor, "loss": r.Loss,
		"seed": strconv.FormatUint(r.Seed, 10), "l2": strconv.FormatFloat(r.L2, 'g', -1, 64),
		"train": strconv.Itoa(r.Train), "model key": f.models[r.Model],
	})
	if err != nil {
		return err
	}
	model, err := h.ONNX()
	if errors.Is(err, head.ErrMixture) {
		return nil
	}
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(path+".onnx", model)
}

// maxHeadName is the largest length of the readable part of a file name in bytes. File systems allow 143 bytes or more.
const maxHeadName = 100

// headName returns the readable part of the file name of a head: its ID with "_" for every character that shells or file
// systems treat specially, cut in the middle if it is long.
func headName(id string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-.=_", r):
			return r
		}
		return '_'
	}, id)
	if len(name) > maxHeadName {
		name = name[:maxHeadName/2-1] + "__" + name[len(name)-maxHeadName/2+1:]
	}
	return name
}
