package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"w2s/internal/catalog"
	"w2s/internal/gpu"
	"w2s/internal/list"
	"w2s/internal/progress"
	"w2s/internal/visible"
)

// fix downloads the ONNX Runtime library that --provider needs.
func (a *app) fix(ctx context.Context, c *catalog.Catalog) error {
	fetchGPU := a.provider == cudaProvider
	if a.provider == autoProvider {
		_, err := a.cards(ctx)
		fetchGPU = err == nil
	}
	if fetchGPU {
		if _, err := c.FetchGPURuntime(ctx, a.library); err != nil {
			return err
		}
	}
	if a.provider == cudaProvider {
		return nil
	}
	_, err := c.Runtime(ctx, a.library)
	return err
}

// examineGPU reports the cards, and unless models are to run on a machine's processor only because it has no card, the libraries that
// run them there. What is missing is a fault if --provider cuda is given.
func (a *app) examineGPU(ctx context.Context, c *catalog.Catalog, r *findings) error {
	lacking := r.missing
	if a.provider == cudaProvider {
		lacking = r.fault
	}
	cards, err := a.cards(ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, gpu.ErrNoTool):
		todo := ""
		if a.provider == cudaProvider {
			todo = "install NVIDIA's driver, or start the container with the card"
		}
		lacking("NVIDIA card", "none: "+err.Error(), todo)
	case errors.As(err, new(*gpu.HiddenError)): // it says what to do
		lacking("NVIDIA card", err.Error(), "")
	case err != nil:
		lacking("NVIDIA card", err.Error(), "repair or update NVIDIA's driver")
	}
	if err != nil && a.provider != cudaProvider {
		return nil
	}
	found, err := c.FindGPURuntime(ctx, a.library)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	usable := 0
	for _, card := range cards {
		if why := unfit(card, found); why != "" {
			lacking(fmt.Sprintf("NVIDIA card %d", card.Index), aboutCard(card), why)
		} else {
			r.good(fmt.Sprintf("NVIDIA card %d", card.Index), aboutCard(card))
			usable++
		}
	}
	devices, unknown := pick(cards, a.devices)
	if unknown != nil {
		lacking("NVIDIA card", unknown.Error(), "")
	}
	if len(cards) > 0 && usable == 0 {
		return nil // no library would help
	}
	if err != nil && !errors.Is(err, catalog.ErrNoGPURuntime) {
		lacking("ONNX Runtime for CUDA", err.Error(), "")
		return nil
	}
	if err != nil {
		if found, err = c.PinnedNeeds(ctx); err != nil {
			return err
		}
		state := c.GPUState(found)
		lacking("ONNX Runtime for CUDA", absent(state)+", with what it needs of CUDA and cuDNN", state.WayOut)
	} else {
		r.good("ONNX Runtime for CUDA", fmt.Sprintf("%s, %s (%s)", found.Version, found.Path, found.Source))
	}
	for _, folder := range list.AppendNew(nil, list.Map(found.Needs, func(l catalog.Library) string { return filepath.Dir(l.Path) })...) {
		var names []string
		for _, l := range found.Needs {
			if filepath.Dir(l.Path) == folder {
				names = append(names, l.Name)
			}
		}
		r.good("CUDA libraries", strings.Join(names, ", ")+" in "+folder)
	}
	if len(found.Missing) > 0 && found.Path != "" {
		state := c.GPUState(found)
		lacking("CUDA libraries", strings.Join(found.Missing, ", ")+" "+absent(state), state.WayOut)
	}
	if unknown != nil || len(cards) == 0 || found.Path == "" || len(found.Missing) > 0 {
		return nil
	}
	switch p, err := a.tryCards(ctx, devices, found); {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		lacking("provider cuda", err.Error(), "")
	case a.provider == cudaProvider || a.provider == autoProvider:
		r.good("provider cuda", "works on "+cardNames(p.devices))
	default:
		r.good("provider cuda", "works on "+cardNames(p.devices)+" (--provider cuda takes it, the default is cpu)")
	}
	return nil
}

// aboutCard describes a card.
func aboutCard(c gpu.Card) string {
	parts := []string{visible.Line(c.Name)}
	if c.Total > 0 {
		parts = append(parts, progress.Size(c.Total)+" of memory")
	}
	if c.Free > 0 {
		parts = append(parts, progress.Size(c.Free)+" free")
	}
	if c.Capability != "" {
		parts = append(parts, "compute capability "+visible.Line(c.Capability))
	}
	return strings.Join(append(parts, "driver "+visible.Line(c.Driver)), ", ")
}
