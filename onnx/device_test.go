package onnx

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestCheckDevices(t *testing.T) {
	two := []Device{{Index: 1}, {Index: 0}}
	for _, test := range []struct {
		options Options
		fault   string
	}{
		{Options{Provider: "cuda"}, ""},
		{Options{Provider: "CUDA", Devices: two}, ""},
		{Options{Provider: "tensorrt", Devices: two}, ""},
		{Options{Devices: two}, "provider cpu has no devices"},
		{Options{Provider: "cuda", Devices: []Device{{Index: 1}, {Index: 1}}}, "device 1 is given twice"},
		{Options{Provider: "cuda", Devices: []Device{{Index: -1}}}, "device -1"},
		{Options{Provider: "cuda", Devices: two, Settings: map[string]string{"device_id": "0"}}, "both choose a card"},
	} {
		err := test.options.check()
		if (err == nil) != (test.fault == "") || err != nil && !strings.Contains(err.Error(), test.fault) {
			t.Errorf("%+v: error %v, want %q", test.options, err, test.fault)
		}
	}
}

// Settings are part of keys, and the card is not.
func TestWithDevice(t *testing.T) {
	settings := map[string]string{"arena_extend_strategy": "kSameAsRequested"}
	before := maps.Clone(settings)
	got := withDevice(settings, &Device{Index: 3})
	if want := map[string]string{"arena_extend_strategy": "kSameAsRequested", "device_id": "3"}; !maps.Equal(got, want) || !maps.Equal(settings, before) {
		t.Errorf("got %v from %v, want %v", got, settings, want)
	}
	if got := withDevice(nil, &Device{}); !maps.Equal(got, map[string]string{"device_id": "0"}) {
		t.Errorf("without settings: %v", got)
	}
}

// What is told about the choice of the provider is told with the results.
func TestFallbackIsAWarning(t *testing.T) {
	const why = "there is no card"
	e := tiny(t, "bert-tiny", Options{Fallback: why})
	if !slices.Contains(e.Warnings(), why) {
		t.Errorf("warnings %q", e.Warnings())
	}
	if plain := tiny(t, "bert-tiny", Options{}); plain.Key() != e.Key() {
		t.Error("the reason is part of the key")
	}
}
