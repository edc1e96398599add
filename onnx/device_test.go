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
		"CUDA failure 209: no kernel image is available for execution on the device ; GPU=0":                                                          "too old",
		"CUDA execution provider is not enabled in this build.":                                                                                       "use a library built with it",
	} {
		short, _, _ := strings.Cut(text, " ; ")
		err := explainProvider("cuda", errors.New("/src/provider.cc:12 long::names() "+text))
		if !strings.Contains(err.Error(), want) || !strings.HasSuffix(err.Error(), short) {
			t.Errorf("%v has no %q, or does not end in %q", err, want, short)
		}
	}
}
