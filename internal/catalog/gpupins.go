package catalog

import (
	"slices"

	"w2s/internal/fetch"
)

// The pins of what runs models on NVIDIA cards. The versions of CUDA and cuDNN are those that one release of PyTorch is built for, so
// they are known to work together. They need a driver of CUDA 13.
const gpuRuntimeVersion = "1.31.1"

// A gpuPins is what is pinned for NVIDIA cards. The zero value pins nothing.
type gpuPins struct {
	runtime   fetch.Artifact
	libraries []fetch.Artifact // of NVIDIA
	needs     []string         // files of the libraries that the runtime needs, in the order in which they are loaded; they load the others
}

// pinnedGPU returns the pins for a system. Only one has wheels of all of them.
func pinnedGPU(goos, goarch string) gpuPins {
	if goos != "linux" || goarch != "amd64" {
		return gpuPins{}
	}
	return gpuPins{
		runtime: gpuRuntime(), libraries: cudaLibraries(),
		needs: []string{"libcudart.so.13", "libnvrtc.so.13", "libcublasLt.so.13", "libcublas.so.13", "libcurand.so.10", "libcudnn.so.9"},
	}
}

// none reports whether nothing is pinned.
func (p gpuPins) none() bool { return len(p.runtime.Packages) == 0 }

// holding returns the artifacts that have some of the files.
func (p gpuPins) holding(files []string) (all []fetch.Artifact) {
	for _, a := range p.libraries {
		if slices.ContainsFunc(a.Packages[0].Members, func(m fetch.Member) bool { return slices.Contains(files, m.Name) }) {
			all = append(all, a)
		}
	}
	return all
}

// gpuRuntime returns the GPU build of ONNX Runtime. The library and its providers must be in one folder, under their own names.
func gpuRuntime() fetch.Artifact {
	const folder = "onnxruntime/capi/"
	return fetch.Artifact{
		Name: "onnxruntime-gpu-linux-amd64",
		Dir:  "runtime/onnxruntime-gpu-linux-amd64",
		Packages: []fetch.Package{{
			Registry: fetch.PyPI, Name: "onnxruntime-gpu", Version: gpuRuntimeVersion,
			Wheel:   fetch.Wheel{Platform: "manylinux_2_28_x86_64", Python: "3.12", ABI: "cp312"},
			Archive: "onnxruntime_gpu-" + gpuRuntimeVersion + "-cp312-cp312-manylinux_2_28_x86_64.whl",
			SHA256:  "05d548956197b9d01f59b625de740e0d6be3593f874e241a12dc0362650ecdf7", Size: 255569273,
			Members: members(folder, []fetch.Member{
				{Name: "libonnxruntime.so.1.31.1", SHA256: "5104254339ecadae808da771bd0b63b240f0dbd466514234905e54372435c303", Size: 29421832},
				{Name: sharedProvider, SHA256: "086ec1d5388f64153d9c63470d126693db9a182c8ce236d3a1119068471b8a0d", Size: 14632},
				{Name: cudaProvider, SHA256: "8387867e857499e045caff5d13ac6a5de29571c801562fa2dde0e45f1f31de52", Size: 284014752},
			}),
		}},
	}
}

// cudaLibraries returns the packages of NVIDIA's libraries that the GPU build needs. cuFFT is not among them: ONNX Runtime loads it for
// Fourier transforms only, which no model of texts has.
func cudaLibraries() []fetch.Artifact {
	const folder, cudnn = "nvidia/cu13/lib/", "nvidia/cudnn/lib/"
	return []fetch.Artifact{
		nvidia(fetch.Package{
			Name: "nvidia-cuda-runtime", Version: "13.2.86", Wheel: fetch.Wheel{Platform: "manylinux2014_x86_64"},
			Archive: "nvidia_cuda_runtime-13.2.86-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
			SHA256:  "3498247680dfddce31bad102af7e3e26fc795342a3cac64722bb0fa95e7f60f0", Size: 2323576,
			Members: members(folder, []fetch.Member{
				{Name: "libcudart.so.13", SHA256: "862020da24ec4db58470c8dfad08e8753b417c459c115326edf15e9f574c92e3", Size: 773920},
			}),
		}),
		nvidia(fetch.Package{
			Name: "nvidia-cuda-nvrtc", Version: "13.2.86", Wheel: fetch.Wheel{Platform: "manylinux2010_x86_64"},
			Archive: "nvidia_cuda_nvrtc-13.2.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
			SHA256:  "8111c5130e967b78222ea2124145f8efe9ce201b752b2579a2513100a53be1c5", Size: 47018468,
			Members: members(folder, []fetch.Member{
				{Name: "libnvrtc.so.13", SHA256: "3d646504d4595919a17884c4beaa9949a8ff12085387d8b4de2baa504d7fc023", Size: 115333336},
				{Name: "libnvrtc-builtins.so.13.2", SHA256: "6b1c571cc730d5fcfd57f322e1fa7e0e65de7454b2239ff6d552a09b82d47dbe", Size: 4442056},
			}),
		}),
		nvidia(fetch.Package{
			Name: "nvidia-cublas", Version: "13.4.1.3", Wheel: fetch.Wheel{Platform: "manylinux_2_27_x86_64"},
			Archive: "nvidia_cublas-13.4.1.3-py3-none-manylinux_2_27_x86_64.whl",
			SHA256:  "a5917cb642cfb07f4a0231ee16aec7e2e0357d8cb8b1b78a0c9c68dba3e6afc7", Size: 404870805,
			Members: members(folder, []fetch.Member{
				{Name: "libcublas.so.13", SHA256: "d089edf0a70ba75f0f422927da121f59018247f491741a3bf0b20637ed7c7b61", Size: 54198912},
				{Name: "libcublasLt.so.13", SHA256: "8d702c94d90bd4bd0c032fd4207ae655b4a2d036bd31920c1fbf4ecaf3547c59", Size: 508260928},
			}),
		}),
		nvidia(fetch.Package{
			Name: "nvidia-curand", Version: "10.4.2.55", Wheel: fetch.Wheel{Platform: "manylinux_2_27_x86_64"},
			Archive: "nvidia_curand-10.4.2.55-py3-none-manylinux_2_27_x86_64.whl",
			SHA256:  "b4080cab49d4939f8e46b2c195c76c698d2289835c36ede558836daa40000e70", Size: 59920450,
			Members: members(folder, []fetch.Member{
				{Name: "libcurand.so.10", SHA256: "ee267cb70762dda60b30b38ef2348725eb42f2cac6bafa3b0bd8c2d209683cbc", Size: 133030104},
			}),
		}),
		nvidia(fetch.Package{
			Name: "nvidia-cudnn-cu13", Version: "9.26.0.51", Wheel: fetch.Wheel{Platform: "manylinux_2_27_x86_64"},
			Archive: "nvidia_cudnn_cu13-9.26.0.51-py3-none-manylinux_2_27_x86_64.whl",
			SHA256:  "9c976d539786698c71d6bcdbe2053b7485fae062ff7e1215d2f2ff67b1a2149a", Size: 519150073,
			Members: members(cudnn, []fetch.Member{
				{Name: "libcudnn.so.9", SHA256: "08308aa4767b3395766de5884e97d404012efc2bd573c2c799f46161d2aded8a", Size: 133336},
				{Name: "libcudnn_adv.so.9", SHA256: "dead427901fb258e9b49616a28d9e632846c15e55dc16368350aadcc1d85d20a", Size: 109169128},
				{Name: "libcudnn_cnn.so.9", SHA256: "538f1747d3afb26855a5298d222bf6e5f64c5eed4f6646da7bdc12030dcf8c8a", Size: 4203984},
				{Name: "libcudnn_engines_precompiled.so.9", SHA256: "344abee9c22d35adb59b7877a8eba61e6c42370363e92e15a7dde10b277dae77", Size: 264266304},
				{Name: "libcudnn_engines_runtime_compiled.so.9", SHA256: "27a76a3c510cc3d3f7374b9a432257774a7aef980ed203e5529e08ec1e477254", Size: 35684088},
				{Name: "libcudnn_engines_tensor_ir.so.9", SHA256: "30f2309519f08b8870b95791a0fa97d834dac6b9875f21a8dc96df35bb2762ea", Size: 216026128},
				{Name: "libcudnn_ext.so.9", SHA256: "1f438cb2944c2c554ca22708596c5812fbb5cb91206a94987473997668e6d142", Size: 8402008},
				{Name: "libcudnn_graph.so.9", SHA256: "ecf218feb8b5f891df654fb5500523b1ca2bc5602ce5c4e47392a55823815bd3", Size: 134433840},
				{Name: "libcudnn_heuristic.so.9", SHA256: "70df8fcfbe225cf55b54c3702bf33ff66f7e0a706c76c20bac3ff162df0b1423", Size: 75502384},
				{Name: "libcudnn_ops.so.9", SHA256: "35b35884301acd3a9fb11ae7edeb00b81c09917e8bc578a622b21341764f90a8", Size: 39855912},
			}),
		}),
	}
}

// nvidia returns the artifact of a package. Its wheels work with every version of Python.
func nvidia(p fetch.Package) fetch.Artifact {
	p.Registry, p.Wheel.Python, p.Wheel.ABI = fetch.PyPI, "3.12", "cp312"
	return fetch.Artifact{Name: p.Name, Dir: "runtime/" + p.Name, Packages: []fetch.Package{p}}
}

// members sets the paths of members that are all in one folder of the archive.
func members(folder string, list []fetch.Member) []fetch.Member {
	list = slices.Clone(list)
	for i := range list {
		list[i].From = folder + list[i].Name
	}
	return list
}
