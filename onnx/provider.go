package onnx

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"w2s/internal/onnxproto"
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
		return explainProvider(name, err)
	}
	return nil
}

// explainProvider adds to an error of a provider what it means and what to do.
func explainProvider(name string, err error) error {
	text := err.Error()
	has := func(part string) bool { return strings.Contains(text, part) }
	advice := "use a library built with it, or provider cpu"
	if TakesDevices(name) {
		switch {
		case has("libcuda.so.1:"), has("CUDA failure 34:"):
			advice = "there is no NVIDIA driver on this machine: install one, or start the container with the card"
		case has("driver version is insufficient"), has("CUDA failure 35:"):
			advice = "the NVIDIA driver is older than the CUDA libraries need: install a newer driver"
		case has("no CUDA-capable device"), has("CUDA failure 100:"):
			advice = "the NVIDIA driver sees no card"
		case has("invalid device ordinal"), has("CUDA failure 101:"):
			advice = "there is no card of that number"
		case has("no kernel image"), has("CUDA failure 209:"):
			advice = "this build of ONNX Runtime has no kernels for the card"
		case has("cannot open shared object file"):
			advice = "a library of CUDA or cuDNN is missing: w2s doctor --fix --provider cuda downloads them"
		}
	}
	return fmt.Errorf("the runtime library cannot use provider %s (%s): %w", name, advice, shortened(err))
}

// shortened leaves out where in its source code the runtime found a fault of CUDA, which takes most of the text of an error.
func shortened(err error) error {
	text := err.Error()
	for _, start := range []string{"CUDA failure ", "Failed to load library "} {
		if at := strings.LastIndex(text, start); at > 0 {
			text, _, _ = strings.Cut(text[at:], " ; ")
			return errors.New(text)
		}
	}
	return err
}

// TryProvider starts the provider of o on each of its devices and runs a small model there. It returns why one of them does not
// work. The library of rt must be open. A broken driver can end the process, so programs that must not end call this in another one.
func TryProvider(_ *Runtime, o Options) error {
	provider, err := checkProvider(o.Provider)
	if err != nil {
		return fmt.Errorf("onnx: %w", err)
	}
	devices := []*Device{nil}
	if len(o.Devices) > 0 {
		devices = nil
		for i := range o.Devices {
			devices = append(devices, &o.Devices[i])
		}
	}
	for _, d := range devices {
		if err := tryDevice(provider, o.Settings, d); err != nil {
			if d != nil {
				err = fmt.Errorf("device %d: %w", d.Index, err)
			}
			return fmt.Errorf("onnx: %w", err)
		}
	}
	return nil
}

// tryDevice runs the mean of softmax(x·W) over the last dimension. It uses kernels of cuBLAS, of cuDNN and of the runtime itself.
func tryDevice(provider string, settings map[string]string, d *Device) error {
	const n = 4
	identity := make([]float32, n*n)
	for i := range n {
		identity[i*n+i] = 1
	}
	dims := []onnxproto.Dim{{Size: n}, {Size: n}}
	model := onnxproto.Model{
		Name:         "try",
		Inputs:       []onnxproto.Value{{Name: "x", Type: onnxproto.Float32, Ranked: true, Dims: dims}},
		Outputs:      []onnxproto.Value{{Name: "y", Type: onnxproto.Float32, Ranked: true, Dims: []onnxproto.Dim{{Size: n}, {Size: 1}}}},
		Initializers: []onnxproto.Tensor{onnxproto.Float32Tensor("W", []int64{n, n}, identity)},
		Nodes: []onnxproto.Node{
			{Op: "MatMul", Inputs: []string{"x", "W"}, Outputs: []string{"product"}},
			{Op: "Softmax", Inputs: []string{"product"}, Outputs: []string{"share"}, Attrs: []onnxproto.Attr{onnxproto.Int("axis", -1)}},
			{Op: "ReduceMean", Inputs: []string{"share"}, Outputs: []string{"y"}, Attrs: []onnxproto.Attr{onnxproto.Ints("axes", -1)}},
		},
	}
	data, err := model.Marshal()
	if err != nil {
		return err
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		return err
	}
	defer options.Destroy()
	if err := appendProvider(options, provider, settings, d); err != nil {
		return err
	}
	if provider != CPU { // the runtime would silently compute on the processor what the provider cannot
		if err := options.AddSessionConfigEntry("session.disable_cpu_ep_fallback", "1"); err != nil {
			return err
		}
	}
	run, err := ort.NewDynamicAdvancedSessionWithONNXData(data, []string{"x"}, []string{"y"}, options)
	if err != nil {
		return explainProvider(provider, err)
	}
	defer run.Destroy()
	x, err := ort.NewTensor(ort.NewShape(n, n), slices.Clone(identity))
	if err != nil {
		return err
	}
	defer x.Destroy()
	y, err := ort.NewEmptyTensor[float32](ort.NewShape(n, 1))
	if err != nil {
		return err
	}
	defer y.Destroy()
	if err := run.Run([]ort.Value{x}, []ort.Value{y}); err != nil {
		return explainProvider(provider, err)
	}
	for _, got := range y.GetData() { // shares sum to 1
		if math.Abs(float64(got)-1.0/n) > 1e-5 {
			return fmt.Errorf("provider %s computes wrong numbers: %g instead of %g (its libraries or its driver do not fit the card)", provider, got, 1.0/n)
		}
	}
	return nil
}
