package onnx

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	ort "github.com/yalue/onnxruntime_go"
)

// CPU is the execution provider that every runtime library has.
const CPU = "cpu"

// providers holds functions that add an execution provider with its settings to the options of a session.
var providers = map[string]func(*ort.SessionOptions, map[string]string) error{
	CPU: func(_ *ort.SessionOptions, settings map[string]string) error {
		if len(settings) > 0 {
			return fmt.Errorf("it has no settings")
		}
		return nil
	},
	"cuda": func(o *ort.SessionOptions, settings map[string]string) error {
		c, err := ort.NewCUDAProviderOptions()
		if err != nil {
			return err
		}
		defer c.Destroy()
		// Cards would round the factors of products in float32 to 10 bits (TF32).
		all := map[string]string{"use_tf32": "0"}
		maps.Copy(all, settings)
		if err := c.Update(all); err != nil {
			return err
		}
		return o.AppendExecutionProviderCUDA(c)
	},
	"tensorrt": func(o *ort.SessionOptions, settings map[string]string) error {
		c, err := ort.NewTensorRTProviderOptions()
		if err != nil {
			return err
		}
		defer c.Destroy()
		if len(settings) > 0 {
			if err := c.Update(settings); err != nil {
				return err
			}
		}
		return o.AppendExecutionProviderTensorRT(c)
	},
	"coreml":   (*ort.SessionOptions).AppendExecutionProviderCoreMLV2,
	"openvino": (*ort.SessionOptions).AppendExecutionProviderOpenVINO,
	"directml": func(o *ort.SessionOptions, settings map[string]string) error {
		device := 0
		for k, v := range settings {
			if k != "device_id" {
				return fmt.Errorf("unknown setting %q (the only one is device_id)", k)
			}
			if _, err := fmt.Sscanf(v, "%d", &device); err != nil {
				return fmt.Errorf("device_id %q is not a number", v)
			}
		}
		return o.AppendExecutionProviderDirectML(device)
	},
	"qnn":     named("QNN"),
	"xnnpack": named("XNNPACK"),
	"webgpu":  named("WebGPU"),
}

// named returns the function of a provider that the binding adds by name.
func named(name string) func(*ort.SessionOptions, map[string]string) error {
	return func(o *ort.SessionOptions, settings map[string]string) error {
		return o.AppendExecutionProvider(name, settings)
	}
}

// Providers returns the names that Options.Provider accepts. Whether the runtime library has a provider shows when it is used.
func Providers() []string { return slices.Sorted(maps.Keys(providers)) }

// checkProvider returns the canonical name of a provider.
func checkProvider(name string) (string, error) {
	if name == "" {
		return CPU, nil
	}
	name = strings.ToLower(name)
	if _, ok := providers[name]; !ok {
		return "", fmt.Errorf("unknown provider %q (known: %s)", name, strings.Join(Providers(), ", "))
	}
	return name, nil
}

// appendProvider adds a provider to the options of a session. d is the card that the session runs on, nil for the provider's first.
func appendProvider(o *ort.SessionOptions, name string, settings map[string]string, d *Device) error {
	if err := providers[name](o, withDevice(settings, d)); err != nil {
		return fmt.Errorf("the runtime library cannot use provider %s (use a library built with it, or provider cpu): %w", name, err)
	}
	return nil
}
