package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"w2s/internal/catalog"
	"w2s/internal/gpu"
	"w2s/internal/list"
	"w2s/internal/progress"
	"w2s/internal/visible"
	"w2s/onnx"
)

// Values of --provider that mean something to this program. Others are ONNX Runtime's.
const (
	autoProvider = "auto" // CUDA if it works, else the processor
	cudaProvider = "cuda"
)

// providerNames lists the values of --provider.
func providerNames() []string { return append([]string{autoProvider}, onnx.Providers()...) }

// checkProvider checks --provider and --devices as far as this needs no look at the machine.
func (a *app) checkProvider() error {
	if names := providerNames(); !slices.Contains(names, a.provider) {
		return usagef("--provider %q: want one of %s", a.provider, strings.Join(names, ", "))
	}
	if len(a.devices) > 0 && !slices.Contains([]string{autoProvider, cudaProvider, "tensorrt"}, a.provider) {
		return usagef("--devices needs --provider cuda or auto, not %s", a.provider)
	}
	for i, d := range a.devices {
		if d < 0 || slices.Contains(a.devices[:i], d) {
			return usagef("--devices %s: want different numbers of cards, such as 0,1", numbers(a.devices))
		}
	}
	return nil
}

func numbers(all []int) string { return strings.Join(list.Map(all, strconv.Itoa), ",") }

// A place is where models run on this machine: what --provider and --devices come to.
type place struct {
	library  catalog.Runtime
	needs    []string // paths of libraries to load before the provider
	provider string
	devices  []onnx.Device
	fallback string // why it is the processor although --provider auto was given
	err      error
}

// apply sets the options of a model that runs there.
func (p *place) apply(o *onnx.Options) {
	o.Provider, o.Devices, o.Fallback = p.provider, p.devices, p.fallback
}

// facts adds to the facts about a checkpoint where it runs. Results say nothing about the processor, as before there was a choice.
func (p *place) facts(facts map[string]string) {
	if p.provider == onnx.CPU {
		return
	}
	facts["provider"] = p.provider
	if len(p.devices) > 0 {
		facts["devices"] = strings.Join(list.Map(p.devices, func(d onnx.Device) string { return cmp.Or(visible.Line(d.Name), strconv.Itoa(d.Index)) }), ", ")
	}
}

// placed returns where models run. It looks once.
func (a *app) placed(ctx context.Context) (*place, error) {
	if a.place == nil {
		p, err := a.findPlace(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			p = &place{err: err}
		}
		a.place = p
	}
	return a.place, a.place.err
}

func (a *app) findPlace(ctx context.Context) (*place, error) {
	if err := a.checkProvider(); err != nil {
		return nil, err
	}
	c, err := a.catalog()
	if err != nil {
		return nil, err
	}
	p := &place{provider: a.provider}
	switch a.provider {
	case cudaProvider:
		p, faults := a.placeOnCard(ctx, c)
		for i, fault := range faults {
			faults[i] = fmt.Errorf("--provider cuda: %w", fault)
		}
		return p, errors.Join(faults...)
	case autoProvider:
		p, faults := a.placeOnCard(ctx, c)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if len(faults) == 0 {
			a.note("note: --provider auto: models run on %s (cuda)", cardNames(p.devices))
			return p, nil
		}
		return a.fallBack(ctx, c, faults)
	case "tensorrt":
		for _, index := range a.devices {
			p.devices = append(p.devices, onnx.Device{Index: index})
		}
	}
	p.library, err = c.Runtime(ctx, a.library)
	return p, err
}

// fallBack returns the place on the processor that --provider auto takes if there is none on a card.
func (a *app) fallBack(ctx context.Context, c *catalog.Catalog, faults []error) (*place, error) {
	why := plain(strings.Join(list.Map(faults, error.Error), "; "))
	p := &place{provider: onnx.CPU, fallback: "--provider auto took the processor: " + strings.ReplaceAll(why, "\n", " ")}
	a.note("note: %s", p.fallback)
	var err error
	p.library, err = c.Runtime(ctx, a.library)
	return p, err
}

// placeOnCard returns the place on the cards of --devices, or the first card, after it has run a small model there. It returns all
// reasons why that is impossible.
func (a *app) placeOnCard(ctx context.Context, c *catalog.Catalog) (*place, []error) {
	cards, err := gpu.Cards(ctx, os.LookupEnv)
	var faults []error
	if err != nil {
		faults = append(faults, err)
		if a.provider == autoProvider { // which does not bother machines that have no card
			return nil, faults
		}
	}
	p := &place{provider: cudaProvider}
	if p.devices, err = pick(cards, a.devices); err != nil {
		faults = append(faults, err)
	}
	found, err := a.findGPU(ctx, c)
	if err != nil {
		return nil, append(faults, err)
	}
	p.library, p.needs = found.Runtime, list.Map(found.Needs, func(l catalog.Library) string { return l.Path })
	if slices.ContainsFunc(faults, func(f error) bool { return !errors.Is(f, gpu.ErrNoTool) }) {
		return nil, faults
	}
	// Without nvidia-smi there may still be a driver.
	if err := os.Setenv(gpu.Order, gpu.ByBus); err != nil {
		return nil, append(faults, err)
	}
	if err := a.try(ctx, p); err != nil {
		return nil, append(faults, err)
	}
	return p, nil
}

// findGPU finds the libraries of the GPU build. An error says what is missing.
func (a *app) findGPU(ctx context.Context, c *catalog.Catalog) (catalog.GPURuntime, error) {
	found, err := c.FindGPURuntime(ctx, a.library)
	if err == nil && len(found.Missing) == 0 {
		return found, nil
	}
	what := strings.Join(found.Missing, ", ") + " not found"
	if err != nil {
		if !errors.Is(err, catalog.ErrNoGPURuntime) {
			return found, err
		}
		what = "the GPU build of ONNX Runtime is not on this machine"
		if found, err = c.PinnedNeeds(ctx); err != nil {
			return found, err
		}
	}
	state := c.GPUState(found)
	if state.Download > 0 {
		what += ", " + size(state.Download) + " to download"
	}
	return found, fmt.Errorf("%s (%s)", what, state.WayOut)
}

// pick returns the cards of the given numbers, or the first card if there are no numbers. If cards is empty, nothing is known about
// them, and numbers are taken as they are.
func pick(cards []gpu.Card, numbers []int) ([]onnx.Device, error) {
	if len(cards) > 0 && len(numbers) == 0 {
		numbers = []int{0}
	}
	var picked []onnx.Device
	for _, n := range numbers {
		switch {
		case len(cards) == 0:
			picked = append(picked, onnx.Device{Index: n})
		case n >= len(cards):
			return nil, fmt.Errorf("--devices: there is no card %d (there is: %s)", n,
				strings.Join(list.Map(cards, func(c gpu.Card) string { return fmt.Sprintf("%d, %s", c.Index, visible.Line(c.Name)) }), "; "))
		default:
			c := cards[n]
			picked = append(picked, onnx.Device{Index: c.Index, Name: c.Name, Total: c.Total, Free: c.Free})
		}
	}
	return picked, nil
}

// cardNames names devices for a person.
func cardNames(devices []onnx.Device) string {
	names := list.Map(devices, func(d onnx.Device) string {
		name := fmt.Sprintf("card %d", d.Index)
		if d.Name != "" {
			name += ", " + visible.Line(d.Name)
		}
		if d.Total > 0 && d.Free > 0 {
			name += fmt.Sprintf(", with %s of %s free", progress.Size(d.Free), progress.Size(d.Total))
		}
		return name
	})
	return cmp.Or(strings.Join(names, "; "), "the first card")
}

// tryTimeout bounds how long a provider may take to start. Cards that are newer than the library compile its kernels first.
const tryTimeout = 5 * time.Minute

// tryCommand is the hidden command that starts a provider.
const tryCommand = "try-provider"

// tryInChild starts a provider in another process and runs a small model there. A driver or library that crashes ends that process only.
func tryInChild(ctx context.Context, p *place) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	args := []string{tryCommand, "--provider", p.provider, "--onnxruntime", p.library.Path}
	if len(p.devices) > 0 {
		args = append(args, "--devices", numbers(list.Map(p.devices, func(d onnx.Device) int { return d.Index })))
	}
	cmd := exec.CommandContext(limited, self, append(append(args, "--"), p.needs...)...)
	cmd.Args[0] = "w2s" // the binaries of tests tell from it that they are the program
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return fmt.Errorf("provider %s did not start in %v: the driver or a card hangs", p.provider, tryTimeout)
	}
	said := strings.TrimSpace(string(out))
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == exitFailed && said != "" {
		var lines []string
		for line := range strings.Lines(said) {
			lines = append(lines, strings.TrimPrefix(strings.TrimSpace(line), "w2s: "))
		}
		return errors.New(strings.Join(lines, "; "))
	}
	return fmt.Errorf("provider %s crashed when it started (%w): %s", p.provider, err, visible.Cut(cmp.Or(said, "it said nothing"), maxErrorLine/2))
}

// newTryProviderCommand returns the command of tryInChild. Its arguments are the libraries to load before the provider.
func newTryProviderCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: tryCommand + " LIBRARY...", Short: "Start a provider and run a small model", Hidden: true, Args: cobra.ArbitraryArgs,
		RunE: a.runE(func(ctx context.Context, needs []string) error {
			p := &place{library: catalog.Runtime{Path: a.library}, needs: needs, provider: a.provider}
			for _, index := range a.devices {
				p.devices = append(p.devices, onnx.Device{Index: index})
			}
			a.place = p
			rt, err := a.openRuntime(ctx)
			if err != nil {
				return err
			}
			var o onnx.Options
			p.apply(&o)
			return onnx.TryProvider(rt, o)
		}),
	}
}
