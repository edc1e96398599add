package onnx

import (
	"errors"
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

func TestTryProvider(t *testing.T) {
	rt := testRuntime(t)
	if err := TryProvider(rt, Options{}); err != nil {
		t.Errorf("cpu: %v", err)
	}
	// The library of the tests is the build for processors.
	err := TryProvider(rt, Options{Provider: "cuda", Devices: []Device{{Index: 2}}})
	if err == nil || !strings.Contains(err.Error(), "device 2: the runtime library cannot use provider cuda") {
		t.Errorf("cuda: %v", err)
	}
	if err := TryProvider(rt, Options{Provider: "gpu"}); err == nil || !strings.Contains(err.Error(), `unknown provider "gpu"`) {
		t.Errorf("gpu: %v", err)
	}
}

// The texts are those of ONNX Runtime and CUDA.
func TestExplainProvider(t *testing.T) {
	for text, want := range map[string]string{
		"Failed to load library libonnxruntime_providers_cuda.so with error: libcuda.so.1: cannot open shared object file: No such file or directory": "no NVIDIA driver",
		"Failed to load library libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open shared object file":                       "w2s doctor --fix",
		"CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=-1":                                                      "install a newer driver",
		"CUDA failure 100: no CUDA-capable device is detected ; GPU=-1":                                                                               "sees no card",
		"CUDA failure 101: invalid device ordinal ; GPU=-1":                                                                                           "no card of that number",
		"CUDA failure 209: no kernel image is available for execution on the device ; GPU=0":                                                          "no kernels for the card",
		"CUDA execution provider is not enabled in this build.":                                                                                       "use a library built with it",
	} {
		short, _, _ := strings.Cut(text, " ; ")
		err := explainProvider("cuda", errors.New("/src/provider.cc:12 long::names() "+text))
		if !strings.Contains(err.Error(), want) || !strings.HasSuffix(err.Error(), short) {
			t.Errorf("%v has no %q, or does not end in %q", err, want, short)
		}
	}
}

// Texts that are spread over two cards get the vectors of one card, to the last bit, and the keys of one card.
func TestDevicesGiveTheSame(t *testing.T) {
	texts := cardTexts()
	open := func(o Options, cards ...*fakeCard) *Encoder {
		for _, c := range cards {
			o.fakes = append(o.fakes, c.card()...)
		}
		return tiny(t, "bert-tiny", o)
	}
	one, two := &fakeCard{}, &fakeCard{}
	alone, spread := open(Options{BatchTokens: 16}, &fakeCard{}), open(Options{BatchTokens: 16}, one, two)
	want := encodeAll(t, alone, texts)
	for i, v := range encodeAll(t, spread, texts) {
		if !slices.Equal(v.Values, want[i].Values) || v.Tokens != want[i].Tokens {
			t.Errorf("text %d has another vector on two cards", i)
		}
	}
	if len(one.batches) == 0 || len(two.batches) == 0 {
		t.Errorf("%d and %d batches", len(one.batches), len(two.batches))
	}
	if alone.Key() != spread.Key() {
		t.Error("the number of cards is part of the key")
	}
	cuda := open(Options{Provider: "cuda"})
	for _, devices := range [][]Device{{{Index: 1, Name: "a card", Free: 1 << 30}}, {{Index: 0}, {Index: 1}}} {
		if e := open(Options{Provider: "cuda", Devices: devices}); e.Key() != cuda.Key() {
			t.Errorf("devices %v are part of the key", devices)
		}
	}
	if cuda.Key() == open(Options{}).Key() {
		t.Error("the provider is not part of the key")
	}
}
