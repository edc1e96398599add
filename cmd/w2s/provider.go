package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"w2s/harness/result"
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
	if len(a.devices) > 0 && a.provider != autoProvider && !onnx.TakesDevices(a.provider) {
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
	untried  bool   // nothing can run there now; see placeElsewhere
	err      error
}

// apply sets the options of a model that runs there.
func (p *place) apply(o *onnx.Options) { o.Provider, o.Devices = p.provider, p.devices }

// tookProcessor begins the reason why models run on the processor although --provider auto was given.
const tookProcessor = "--provider auto took the processor: "

// warn makes the warnings of a result say why this command ran models on the processor, once for each task. Tasks that were taken over
// from an earlier result may have the reason of an earlier command, which may have had another --provider. p may be nil.
func (p *place) warn(r *result.Result) {
	for i := range r.Tasks {
		t := &r.Tasks[i]
		t.Warnings = slices.DeleteFunc(slices.Clone(t.Warnings), func(w string) bool { return strings.Contains(w, tookProcessor) })
		if p != nil && p.fallback != "" {
			t.Warnings = append(t.Warnings, p.fallback)
		}
		if len(t.Warnings) == 0 {
			t.Warnings = nil
		}
	}
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
		if a.elsewhere {
			return a.placeElsewhere(ctx, c)
		}
		p, faults := a.placeOnCard(ctx, c)
		if len(faults) > 0 && a.dryRun && ctx.Err() == nil {
			a.note("note: --provider cuda does not work on this machine: %s", oneLine(faults))
			return a.placeElsewhere(ctx, c)
		}
		for i, fault := range faults {
			faults[i] = fmt.Errorf("--provider cuda: %w", fault)
		}
		return p, errors.Join(faults...)
	case autoProvider:
		if a.elsewhere {
			a.note("note: --provider auto: each shard runs on a card if its machine has one that works; texts are counted as for the processor")
			p.provider = onnx.CPU
			break
		}
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
		p.devices, _ = pick(nil, a.devices)
	}
	p.library, err = c.Runtime(ctx, a.library)
	return p, err
}

// placeElsewhere returns the place on the cards of other machines. Nothing can run there now. Keys depend on the provider and the
// version of the library, so w2s knows which texts are in the cache if this machine has the same library.
func (a *app) placeElsewhere(ctx context.Context, c *catalog.Catalog) (*place, error) {
	p := &place{provider: cudaProvider, untried: true}
	p.devices, _ = pick(nil, a.devices)
	found, err := a.findGPU(ctx, c)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil && a.elsewhere {
		a.note("note: --provider cuda: the shards need what is not on this machine: %s", oneLine([]error{err}))
	}
	if p.library = found.Runtime; p.library.Path == "" {
		p.library, err = c.Runtime(ctx, a.library)
		return p, err
	}
	return p, nil
}

// oneLine returns faults in one line.
func oneLine(faults []error) string {
	return strings.ReplaceAll(plain(strings.Join(list.Map(faults, error.Error), "; ")), "\n", " ")
}

// fallBack returns the place on the processor that --provider auto takes if there is none on a card.
func (a *app) fallBack(ctx context.Context, c *catalog.Catalog, faults []error) (*place, error) {
	p := &place{provider: onnx.CPU, fallback: tookProcessor + oneLine(faults)}
	a.note("note: %s", p.fallback)
	var err error
	p.library, err = c.Runtime(ctx, a.library)
	return p, err
}

// placeOnCard returns the place on the cards of --devices, or the first card, after it has run a small model there. It returns all
// reasons why that is impossible.
func (a *app) placeOnCard(ctx context.Context, c *catalog.Catalog) (*place, []error) {
	cards, err := a.cards(ctx)
	var faults []error
	if err != nil {
		faults = append(faults, err)
		if a.provider == autoProvider { // which does not bother machines that have no card
			return nil, faults
		}
	}
	devices, err := pick(cards, a.devices)
	if err != nil {
		faults = append(faults, err)
	}
	found, err := a.findGPU(ctx, c)
	if err != nil {
		if len(cards) > 0 && found.Path == "" { // no download makes an unfit card work
			for _, d := range devices {
				if why := unfit(cards[d.Index], found); why != "" {
					return nil, append(faults, fmt.Errorf("card %d, %s: %s", d.Index, visible.Line(d.Name), why))
				}
			}
		}
		return nil, append(faults, err)
	}
	if slices.ContainsFunc(faults, func(f error) bool { return !errors.Is(f, gpu.ErrNoTool) }) {
		return nil, faults
	}
	// Without nvidia-smi there may still be a driver.
	p, err := a.tryCards(ctx, devices, found)
	if err != nil {
		return nil, append(faults, err)
	}
	return p, nil
}

// tryCards returns the place on cards, after it has run a small model there with the libraries that were found.
func (a *app) tryCards(ctx context.Context, devices []onnx.Device, found catalog.GPURuntime) (*place, error) {
	p := &place{provider: cudaProvider, devices: devices, library: found.Runtime,
		needs: list.Map(found.Needs, func(l catalog.Library) string { return l.Path })}
	if err := os.Setenv(gpu.Order, gpu.ByBus); err != nil {
		return nil, err
	}
	defer a.waiting(fmt.Sprintf("provider %s to start (at most %v)", p.provider, tryTimeout))()
	if err := a.try(ctx, p); err != nil {
		return nil, err
	}
	return p, nil
}

// cards returns the cards of this machine.
func (a *app) cards(ctx context.Context) ([]gpu.Card, error) {
	defer a.waiting(fmt.Sprintf("nvidia-smi to list the cards (at most %v)", gpu.Timeout))()
	return gpu.Cards(ctx, os.LookupEnv)
}

// patience is how long something may take until a line says what the command waits for.
var patience = 5 * time.Second

// waiting prints after some seconds what the command waits for, unless the function that it returns is called before.
func (a *app) waiting(what string) (end func()) {
	report, wait := a.progress(), patience
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-done:
		case <-time.After(wait):
			report.Print("waiting for " + what)
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// What the pinned GPU build needs.
const (
	leastDriver     = 580 // of CUDA 13
	leastCapability = 7.5
)

// unfit returns why a card cannot run models with the libraries that were found, or "" if it may. Only the kernels of the pinned build
// are known, so it does not judge the card if another build was found.
func unfit(c gpu.Card, found catalog.GPURuntime) string {
	if found.Path != "" && found.Source != "cache" {
		return ""
	}
	var faults []string
	major, _, _ := strings.Cut(c.Driver, ".")
	if n, err := strconv.Atoi(major); err == nil && n < leastDriver {
		faults = append(faults, fmt.Sprintf("driver %s is too old: update it to %d or later", visible.Line(c.Driver), leastDriver))
	}
	if n, err := strconv.ParseFloat(c.Capability, 64); err == nil {
		switch {
		case n < leastCapability:
			faults = append(faults, fmt.Sprintf("compute capability %s is below %g, the least that ONNX Runtime has kernels for: use --provider cpu", c.Capability, leastCapability))
		case n >= 10 && n < 12:
			faults = append(faults, fmt.Sprintf("ONNX Runtime has no kernels for compute capability %s: use --provider cpu", c.Capability))
		}
	}
	return strings.Join(faults, "; ")
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

// The child of tryInChild prints a line before each of its steps, and one when the model has run. A library can end the child with exit
// code 0, so only this line proves that the provider works.
const (
	stepMark  = "w2s step: "
	worksLine = "w2s: the provider works"
)

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
	defer endWithParent(cmd)()
	out, err := cmd.CombinedOutput()
	said := readChild(string(out))
	switch {
	case err == nil && said.works:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return fmt.Errorf("provider %s did not start in %v%s: a library, the driver or a card hangs", p.provider, tryTimeout, said.during())
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == exitFailed && said.text != "" {
		return errors.New(said.text)
	}
	how := cmp.Or(said.crash, "its process ended too early")
	if err != nil && said.crash == "" {
		how = err.Error()
	}
	fault := fmt.Sprintf("provider %s crashed when it started: %s%s", p.provider, how, said.during())
	if said.text != "" {
		fault += " (" + said.text + ")"
	}
	return errors.New(fault + "; the library is damaged, or it does not fit the driver: update the driver, or install the library again")
}

// A childReport is what the child of tryInChild printed.
type childReport struct {
	works bool
	step  string // the last one that began
	crash string // what Go says of a crash, such as "segmentation violation"
	text  string // the rest in one line, but for Go's stack traces
}

// during says in which step the child was.
func (r childReport) during() string {
	if r.step == "" {
		return ""
	}
	return " while " + r.step
}

// crashLines match the first line of Go's report of a crash, after which stack traces follow.
var crashLines = regexp.MustCompile(`^(?:SIG[A-Z]+: |fatal error: |panic: |runtime: )(.*)$`)

// readChild reads the output of the child.
func readChild(out string) childReport {
	var r childReport
	var rest []string
	for text := range strings.Lines(out) {
		text = strings.TrimSpace(text)
		if crash := crashLines.FindStringSubmatch(text); crash != nil {
			r.crash = visible.Cut(visible.Line(crash[1]), maxChildText)
			break
		}
		step, ok := strings.CutPrefix(text, stepMark)
		switch {
		case ok:
			r.step = visible.Line(step)
		case text == worksLine:
			r.works = true
		case text != "":
			rest = append(rest, strings.TrimPrefix(text, "w2s: "))
		}
	}
	r.text = visible.Cut(visible.Line(strings.Join(rest, "; ")), maxChildText)
	return r
}

// maxChildText is the number of characters of the child's own words that an error quotes.
const maxChildText = 500

// newTryProviderCommand returns the command of tryInChild. Its arguments are the libraries to load before the provider.
func newTryProviderCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: tryCommand + " LIBRARY...", Short: "Start a provider and run a small model", Hidden: true, Args: cobra.ArbitraryArgs,
		RunE: a.runE(func(ctx context.Context, needs []string) error {
			p := &place{library: catalog.Runtime{Path: a.library}, provider: a.provider}
			p.devices, _ = pick(nil, a.devices)
			a.place = p
			step := func(what string) { fmt.Fprintln(a.out, stepMark+what) }
			for _, path := range needs {
				step("loading " + filepath.Base(path))
				if err := gpu.Preload([]string{path}); err != nil {
					return err
				}
			}
			step("loading " + filepath.Base(a.library))
			rt, err := a.openRuntime(ctx)
			if err != nil {
				return err
			}
			var o onnx.Options
			p.apply(&o)
			step("running a small model")
			if err := onnx.TryProvider(rt, o); err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.out, worksLine)
			return err
		}),
	}
}
