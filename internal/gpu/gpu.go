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

	"w2s/internal/visible"
)

// A Card is a graphics card, or the part of one that a machine was given.
type Card struct {
	Index  int // as CUDA counts cards: among those that CUDA_VISIBLE_DEVICES leaves, in the order of nvidia-smi
	Name   string
	Driver string // version of the driver

	Capability string // compute capability, such as 9.0; "" if unknown
	Total      int64  // bytes of memory; 0 if unknown
	Free       int64  // bytes of it that are free now; 0 if unknown
}

// ErrNoTool reports that this machine has no nvidia-smi. Most machines without it have no driver.
var ErrNoTool = errors.New("nvidia-smi is not installed (there is no NVIDIA driver on this machine, or its container was started without the card)")

// Order is an environment variable that must have the value ByBus before CUDA is first used, so that it counts cards as nvidia-smi does.
const (
	Order = "CUDA_DEVICE_ORDER"
	ByBus = "PCI_BUS_ID"
)

// Timeout bounds how long nvidia-smi may take. It wakes up every card of the machine, and hangs if a card does.
const Timeout = 30 * time.Second

// A HiddenError reports that CUDA_VISIBLE_DEVICES leaves no card.
type HiddenError struct {
	List  string // value of the variable
	Cards int    // of the machine
}

func (e *HiddenError) Error() string {
	return fmt.Sprintf("%s=%s leaves none of the machine's %s: change or unset this variable", visibleDevices, short(e.List), visible.Count(e.Cards, "card"))
}

// short makes one short line of the output of a program.
func short(text string) string {
	const most = 200 // characters
	return visible.Cut(visible.Line(strings.Join(strings.Fields(text), " ")), most)
}

// The fields that nvidia-smi is asked for. The name is the last, because it may have commas. Old drivers do not know the capability.
const (
	fieldsBefore = "index,uuid,driver_version,memory.total,memory.free,"
	capability   = "compute_cap,"
	fieldName    = "name"
)

// Cards returns the cards that CUDA may use. lookup reads the environment, as [os.LookupEnv] does. It returns an error if there are none, or if the driver does not work.
func Cards(ctx context.Context, lookup func(string) (string, bool)) ([]Card, error) {
	tool, err := find()
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	out, err := query(limited, tool, fieldsBefore+capability+fieldName)
	if err != nil && strings.Contains(out, "not a valid field") {
		out, err = query(limited, tool, fieldsBefore+fieldName)
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		return nil, fmt.Errorf("nvidia-smi gave no answer in %v: the driver or a card hangs (restart the machine, or repair the driver)", Timeout)
	case err != nil:
		if said := short(out); said != "" {
			return nil, fmt.Errorf("nvidia-smi failed: %w: %s", err, said)
		}
		return nil, fmt.Errorf("nvidia-smi failed: %w", err)
	}
	all, err := parse(out)
	if err != nil {
		return nil, fmt.Errorf("nvidia-smi: %w", err)
	}
	cards := unhidden(all, lookup)
	if len(cards) == 0 {
		if list, _ := lookup(visibleDevices); len(all) > 0 {
			return nil, &HiddenError{list, len(all)}
		}
		return nil, errors.New("the driver sees no card")
	}
	return cards, nil
}

// query runs nvidia-smi and returns what it printed about the fields of each card or, if it failed, about its fault.
func query(ctx context.Context, tool, fields string) (string, error) {
	cmd := exec.CommandContext(ctx, tool, "--query-gpu="+fields, "--format=csv,noheader,nounits")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	said := string(out)
	if exit := (*exec.ExitError)(nil); strings.TrimSpace(said) == "" && errors.As(err, &exit) {
		said = string(exit.Stderr)
	}
	return said, err
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

// parse reads the lines that nvidia-smi prints. It ignores other lines, such as warnings, if there is a line about a card.
func parse(out string) ([]line, error) {
	var all []line
	var fault error
	for text := range strings.Lines(out) {
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "No devices") {
			continue
		}
		if l, ok := parseLine(text); ok {
			all = append(all, l)
		} else if fault == nil {
			fault = fmt.Errorf("%q is no line about a card", short(text))
		}
	}
	if len(all) > 0 {
		return all, nil
	}
	return nil, fault
}

// parseLine reads a line about a card, with or without the capability.
func parseLine(text string) (line, bool) {
	fields := strings.SplitN(text, ",", 6)
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	if len(fields) < 6 {
		return line{}, false
	}
	index, err := strconv.Atoi(fields[0])
	if err != nil {
		return line{}, false
	}
	card := Card{Index: index, Name: fields[5], Driver: fields[2], Total: mebibytes(fields[3]), Free: mebibytes(fields[4])}
	if first, rest, ok := strings.Cut(card.Name, ","); ok {
		_, err := strconv.ParseFloat(first, 64)
		if err == nil {
			card.Capability = first
		}
		if err == nil || strings.HasPrefix(first, "[") { // [N/A]
			card.Name = strings.TrimSpace(rest)
		}
	}
	return line{card, fields[1]}, true
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

// unhidden returns the cards that CUDA_VISIBLE_DEVICES leaves, in its order. As in CUDA, the list ends at the first entry that
// is no card. A part of a card (MIG) is one, but its memory is not known.
func unhidden(all []line, lookup func(string) (string, bool)) []Card {
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
