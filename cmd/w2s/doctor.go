package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"w2s/harness/feature"
	"w2s/internal/catalog"
	"w2s/internal/kernels"
	"w2s/internal/visible"
	"w2s/onnx"
)

// enoughSpace is the most that the default experiment stores, in bytes: library, two checkpoints, data and features.
const enoughSpace = 600 << 20

func newDoctorCommand(a *app) *cobra.Command {
	var full, fix bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Report what is installed, what is missing or broken, and what to do about it",
		Long: `Looks for the ONNX Runtime library, the processor's tile or vector unit, NVIDIA
cards, the checkpoints and the data, checks what it finds, and tells what to do
about each fault. Reads headers, sizes and some rows of every file in the
feature cache. Fails if the default experiment cannot run on this machine.

With --provider cuda it fails if models cannot run on a card, and with --fix it
downloads the build of ONNX Runtime for cards and those libraries of CUDA and
cuDNN that it does not find on this machine.`,
		Example: `  w2s doctor
  w2s doctor --full
  w2s doctor --fix                          # downloads the ONNX Runtime library
  w2s doctor --fix --provider cuda          # downloads what NVIDIA cards need`,
		RunE: a.runE(func(ctx context.Context, _ []string) error {
			if err := a.checkProvider(); err != nil {
				return err
			}
			c, err := a.catalog()
			if err != nil {
				return err
			}
			if fix {
				if err := a.fix(ctx, c); err != nil {
					return err
				}
			}
			return a.examine(ctx, c, full)
		}),
	}
	c.Flags().BoolVar(&full, "full", false, "read every file and compare its sha256, and read every row of the feature cache")
	c.Flags().BoolVar(&fix, "fix", false, "download the ONNX Runtime library that --provider needs if it is missing")
	return c
}

// examine prints the state of everything. It returns an error if there are faults.
func (a *app) examine(ctx context.Context, c *catalog.Catalog, full bool) error {
	r := &findings{out: a.out}
	r.good("w2s", version())
	a.examineRuntime(ctx, c, r)
	examineUnit(kernels.Processor(), r)
	if err := a.examineGPU(ctx, c, r); err != nil {
		return err
	}
	for _, client := range c.Clients() {
		if client.Path == "" {
			r.missing(client.Name, "not installed; downloads "+client.Brings, client.WayOut)
		} else {
			r.good(client.Name, client.Path)
		}
	}
	if free, err := c.Free(); err != nil {
		r.fault("cache "+c.CacheDir(), err.Error(), "choose another folder with --cache or W2S_CACHE")
	} else if free < enoughSpace {
		r.fault("cache "+c.CacheDir(), fmt.Sprintf("%s free", size(free)),
			fmt.Sprintf("make room for %s, or choose another folder with --cache", size(enoughSpace)))
	} else {
		r.good("cache "+c.CacheDir(), fmt.Sprintf("%s free", size(free)))
	}
	checkpoints, err := c.Checkpoints(ctx, full)
	if err != nil {
		return err
	}
	data, err := c.Data(ctx, full)
	if err != nil {
		return err
	}
	pulled, err := c.HubCheckpoints()
	if err != nil {
		return err
	}
	public, absentPublic := 0, 0
	for _, s := range slices.Concat(checkpoints, pulled, data) {
		if s.Public {
			public++
		}
		switch {
		case s.Public && !s.Ready && len(s.Faults) == 0:
			absentPublic++
		case len(s.Faults) > 0:
			for _, f := range s.Faults {
				r.fault(s.Name, f, s.WayOut)
			}
		case s.Ready:
			r.good(s.Name, size(s.Bytes)+" in "+s.Dir)
		default:
			r.missing(s.Name, absent(s), s.WayOut)
		}
	}
	if absentPublic > 0 {
		r.missing("data of public repositories", fmt.Sprintf("%d of %d sets not here", absentPublic, public), "the first use of a task fetches its set")
	}
	if err := a.examineFeatures(c, full, r); err != nil {
		return err
	}
	if r.faults > 0 {
		return fmt.Errorf("%s, see above", visible.Count(r.faults, "fault"))
	}
	return nil
}

// absent describes the state of something that is not on this machine.
func absent(s catalog.State) string {
	if s.Download > 0 {
		return "not here, " + size(s.Download) + " to download"
	}
	return "not here"
}

// A findings prints what doctor finds, one line each. Below what is missing or broken it prints what to do.
type findings struct {
	out    io.Writer
	faults int
}

func (r *findings) good(what, state string) { fmt.Fprintf(r.out, "✓ %s: %s\n", what, state) }

func (r *findings) missing(what, state, todo string) { r.line("–", what, state, todo) }

func (r *findings) fault(what, state, todo string) {
	r.faults++
	r.line("✗", what, state, todo)
}

func (r *findings) line(mark, what, state, todo string) {
	fmt.Fprintf(r.out, "%s %s: %s\n", mark, visible.Line(what), visible.Text(visible.Cut(plain(state), maxErrorLine)))
	if todo != "" {
		fmt.Fprintf(r.out, "    %s\n", todo)
	}
}

func (a *app) examineRuntime(ctx context.Context, c *catalog.Catalog, r *findings) {
	found, err := c.FindRuntime(ctx, a.library)
	if err != nil {
		state, stateErr := c.RuntimeState(ctx, false)
		if stateErr == nil && state.Download > 0 && a.library == "" {
			r.missing("ONNX Runtime", absent(state), state.WayOut)
			return
		}
		r.fault("ONNX Runtime", err.Error(), state.WayOut)
		return
	}
	rt, err := onnx.OpenRuntime(found.Path)
	if err != nil {
		r.fault("ONNX Runtime", err.Error(), "name another library with --onnxruntime or W2S_ONNXRUNTIME")
		return
	}
	defer rt.Close()
	r.good("ONNX Runtime", fmt.Sprintf("%s, %s (%s)", rt.Version(), found.Path, found.Source))
}

// examineUnit reports what computes layers. Encoding is slower without a unit for them, but nothing is wrong.
func examineUnit(u *kernels.Unit, r *findings) {
	switch {
	case u == nil:
		r.missing("tile unit (AMX) or vector unit (AVX-512)", "not available, ONNX Runtime's own kernels compute everything", "")
	case u.Attends():
		r.good(u.String(), "available, computes layers and attention of float32 encoders (--runtime-only does without it)")
	default:
		r.good(u.String(), "available, computes layers of float32 encoders (--runtime-only does without it)")
	}
}

// sampledRows is the number of rows that doctor reads in every file of features, without --full.
const sampledRows = 100

// examineFeatures checks rows of every encoder's features: all rows if full is set, otherwise sampledRows in each file.
func (a *app) examineFeatures(c *catalog.Catalog, full bool, r *findings) error {
	cache, err := openFeatures(c)
	if err != nil {
		return err
	}
	parts, err := cache.List()
	if err != nil {
		return err
	}
	for _, p := range parts {
		var health feature.Health
		var err error
		read := "all read"
		if full {
			health, err = cache.Verify(p.Folder)
		} else {
			health, err = cache.Sample(p.Folder, sampledRows)
			read = fmt.Sprintf("%d read in each file, --full reads all", sampledRows)
		}
		state := fmt.Sprintf("%s: %s, %s (%s)", cmp.Or(visible.Name(p.Model), "unknown model"), visible.Count(p.Rows, "row"), size(p.Bytes), read)
		switch {
		case err != nil:
			r.fault("features "+p.Folder, err.Error(), remedy(err, p.Folder))
		case !health.Sound():
			r.missing("features "+p.Folder, featureFaults(health)+" in "+state,
				"nothing to do: their texts are encoded again when needed (w2s cache verify names them, w2s cache compact drops them)")
		default:
			r.good("features "+p.Folder, state)
		}
	}
	return nil
}

func featureFaults(h feature.Health) string {
	return fmt.Sprintf("%s, %s", visible.Count(len(h.Damaged), "damaged row"), visible.Count(len(h.Torn), "torn file"))
}
