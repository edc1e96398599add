// Package gpu finds the NVIDIA cards of this machine and loads the libraries that run models on them.
//
// Cards are looked up with nvidia-smi, which the driver brings. A driver that fails then ends another process than this one.
package gpu

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// A Card is a graphics card, or the part of one that a machine was given.
type Card struct {
	Index  int // as CUDA counts cards: among those that CUDA_VISIBLE_DEVICES leaves, in the order of nvidia-smi
	Name   string
	Driver string // version of the driver
	Total  int64  // bytes of memory; 0 if unknown
	Free   int64  // bytes of it that are free now; 0 if unknown
}

// ErrNoTool reports that this machine has no nvidia-smi. Most machines without it have no driver.
var ErrNoTool = errors.New("nvidia-smi is not installed (there is no NVIDIA driver on this machine, or its container was started without the card)")

// Order is an environment variable that must have the value ByBus before CUDA is first used, so that it counts cards as nvidia-smi does.
const (
	Order = "CUDA_DEVICE_ORDER"
	ByBus = "PCI_BUS_ID"
)

// timeout bounds how long nvidia-smi may take. It wakes up every card of the machine, and hangs if a card does.
const timeout = 30 * time.Second

// Cards returns the cards that CUDA may use. lookup reads the environment, as [os.LookupEnv] does. It returns an error if there are none, or if the driver does not work.
func Cards(ctx context.Context, lookup func(string) (string, bool)) ([]Card, error) {
	tool, err := find()
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := exec.CommandContext(limited, tool, "--query-gpu=index,uuid,driver_version,memory.total,memory.free,name", "--format=csv,noheader,nounits")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		return nil, fmt.Errorf("nvidia-smi gave no answer in %v: the driver or a card hangs", timeout)
	case err != nil:
		said := strings.TrimSpace(string(out))
		if exit := (*exec.ExitError)(nil); said == "" && errors.As(err, &exit) {
			said = strings.TrimSpace(string(exit.Stderr))
		}
		return nil, fmt.Errorf("nvidia-smi failed: %w: %s", err, strings.Join(strings.Fields(said), " "))
	}
	all, err := parse(string(out))
	if err != nil {
		return nil, fmt.Errorf("nvidia-smi: %w", err)
	}
	cards := visible(all, lookup)
	if len(cards) == 0 {
		if list, _ := lookup(visibleDevices); len(all) > 0 {
			return nil, fmt.Errorf("CUDA_VISIBLE_DEVICES=%s leaves none of the machine's %d cards", list, len(all))
		}
		return nil, errors.New("the driver sees no card")
	}
	return cards, nil
}

// find returns the path of nvidia-smi.
func find() (string, error) {
	for _, name := range []string{"nvidia-smi", "/usr/lib/wsl/lib/nvidia-smi"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNoTool
}

// A line is what nvidia-smi says about a card.
type line struct {
	card Card
	uuid string
}

// parse reads the lines that nvidia-smi prints.
func parse(out string) ([]line, error) {
	var all []line
	for text := range strings.Lines(out) {
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "No devices") {
			continue
		}
		fields := strings.SplitN(text, ",", 6)
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		if len(fields) < 6 {
			return nil, fmt.Errorf("%q is no line about a card", text)
		}
		index, err := strconv.Atoi(fields[0])
		if err != nil {
			return nil, fmt.Errorf("%q is no line about a card", text)
		}
		all = append(all, line{Card{index, fields[5], fields[2], mebibytes(fields[3]), mebibytes(fields[4])}, fields[1]})
	}
	return all, nil
}

// mebibytes returns the bytes of a number of MiB, or 0 for words such as [N/A].
func mebibytes(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n << 20
}

const visibleDevices = "CUDA_VISIBLE_DEVICES"

// visible returns the cards that CUDA_VISIBLE_DEVICES leaves, in its order. As in CUDA, the list ends at the first entry that
// is no card. A part of a card (MIG) is one, but its memory is not known.
func visible(all []line, lookup func(string) (string, bool)) []Card {
	list, limited := lookup(visibleDevices)
	var cards []Card
	add := func(c Card) {
		c.Index = len(cards)
		cards = append(cards, c)
	}
	if !limited {
		for _, l := range all {
			add(l.card)
		}
		return cards
	}
next:
	for entry := range strings.SplitSeq(list, ",") {
		entry = strings.TrimSpace(entry)
		if strings.HasPrefix(entry, "MIG-") && len(all) > 0 {
			add(Card{Name: entry, Driver: all[0].card.Driver})
			continue
		}
		number, err := strconv.Atoi(entry)
		for _, l := range all {
			if err == nil && l.card.Index == number || err != nil && entry != "" && strings.HasPrefix(l.uuid, entry) {
				add(l.card)
				continue next
			}
		}
		break
	}
	return cards
}
