package catalog

import (
	"runtime"

	"w2s/internal/fetch"
)

// The versions of the pinned ONNX Runtime. They are the newest ones that were tested with the Go binding, which needs C API
// 24. The npm package has its own version, because it is published later than the wheels.
const (
	runtimeVersion    = "1.32.0"
	runtimeNPMVersion = "1.30.0"
)

// A platform has the parts of the pins that differ between systems.
type platform struct {
	wheel       string // platform tag of the wheel
	wheelSHA256 string
	wheelSize   int64
	library     string // file name in the wheel's folder onnxruntime/capi
	sha256      string // of the library
	size        int64

	npmLibrary string // path below package/bin/napi-v6/ in the npm archive
	npmSHA256  string
	npmSize    int64
}

// platforms returns the pins by GOOS/GOARCH. Each checksum was computed from an archive that the client downloaded.
func platforms() map[string]platform {
	return map[string]platform{
		"linux/amd64": {
			"manylinux_2_28_x86_64", "99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8", 27780211,
			"libonnxruntime.so.1.32.0", "6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f", 34824680,
			"linux/x64/libonnxruntime.so.1", "ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23", 45828512,
		},
		"linux/arm64": {
			"manylinux_2_28_aarch64", "e36c187006e7a7c8b8d6d57f1a209dd63f52430dca6c282b177718ad6b841054", 23196724,
			"libonnxruntime.so.1.32.0", "49852228a93995158b2a813d4df487d47a1b76b0eaa894507ef49e91b6d7954a", 27165936,
			"linux/arm64/libonnxruntime.so.1", "1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76", 25135496,
		},
		"darwin/arm64": {
			"macosx_14_0_arm64", "d52510bbbcc880c13b826f7d75cdf33ac5cf0bb864d960000fc29ce73f0cb83e", 22519308,
			"libonnxruntime.1.32.0.dylib", "fa585fabbea65b823b9a8f7e27d46aee3989d1be7e36b528203d3a1fd613aae7", 35272344,
			"darwin/arm64/libonnxruntime.1.30.0.dylib", "685d2be5dba1309c89d3a5324b7fd06a5c42f1a61bfea32d14c4cc28d072121d", 44589928,
		},
		"windows/amd64": {
			"win_amd64", "efe7456952c243a05a53d5b8732953625144642c2f3989094277f6217f0c0c40", 16698767,
			"onnxruntime.dll", "443c0065fcdba17618ddef05050308f4b471893c5c7da0337d6957c9073ad8a7", 22668640,
			"win32/x64/onnxruntime.dll", "508c362f5673483dd3a086379c392795b2e42d10d5e6f3f90ebd7ac21c97af67", 28754232,
		},
		"windows/arm64": {
			"win_arm64", "64d394c69d561af3efd4d4f49dcac8f11d0ce135a20701c16d53b74056cd4cf8", 16030610,
			"onnxruntime.dll", "a5c1951a7d495fa0c22a0865fe36981fe67f9d5dc7ba3893c20fa7266dd1e994", 20798776,
			"win32/arm64/onnxruntime.dll", "6c3a2abf5c6aca11c48a0d338a91af309f2266f25ce2e4084e6a87bbcb0fbfd0", 29815136,
		},
	}
}

const (
	npmArchiveSHA256 = "6e3390d6b783e7be946fad629292799da28d0b42f84856e50d2c1b0383291e75"
	npmArchiveSize   = 113507888
)

// runtimeArtifact returns the runtime library for a system, and whether one is pinned.
func runtimeArtifact(goos, goarch string) (fetch.Artifact, bool) {
	p, ok := platforms()[goos+"/"+goarch]
	if !ok {
		return fetch.Artifact{}, false
	}
	name := "onnxruntime-" + goos + "-" + goarch
	return fetch.Artifact{
		Name: name,
		Dir:  "runtime/" + name,
		Packages: []fetch.Package{
			{
				Registry: fetch.PyPI, Name: "onnxruntime", Version: runtimeVersion,
				Wheel:   fetch.Wheel{Platform: p.wheel, Python: "3.12", ABI: "cp312"},
				Archive: "onnxruntime-" + runtimeVersion + "-cp312-cp312-" + p.wheel + ".whl",
				SHA256:  p.wheelSHA256, Size: p.wheelSize,
				Members: []fetch.Member{{
					From: "onnxruntime/capi/" + p.library, Name: libraryFile(goos, runtimeVersion), SHA256: p.sha256, Size: p.size,
				}},
			},
			{
				Registry: fetch.NPM, Name: "onnxruntime-node", Version: runtimeNPMVersion,
				Archive: "onnxruntime-node-" + runtimeNPMVersion + ".tgz",
				SHA256:  npmArchiveSHA256, Size: npmArchiveSize,
				Members: []fetch.Member{{
					From: "package/bin/napi-v6/" + p.npmLibrary, Name: libraryFile(goos, runtimeNPMVersion), SHA256: p.npmSHA256, Size: p.npmSize,
				}},
			},
		},
	}, true
}

// libraryFile returns the library's file name in the cache, which includes the version.
func libraryFile(goos, version string) string {
	switch goos {
	case "windows":
		return "onnxruntime-" + version + ".dll"
	case "darwin":
		return "libonnxruntime." + version + ".dylib"
	}
	return "libonnxruntime.so." + version
}

// systemLibraries lists the paths where package managers and manual installs put the library.
func systemLibraries() []string {
	switch runtime.GOOS {
	case "darwin":
		return []string{"/opt/homebrew/lib/libonnxruntime.dylib", "/usr/local/lib/libonnxruntime.dylib"}
	case "windows":
		return nil // Windows has an onnxruntime.dll of its own, which is too old
	}
	return []string{
		"/usr/local/lib/libonnxruntime.so", "/usr/lib/libonnxruntime.so", "/usr/lib64/libonnxruntime.so",
		"/usr/lib/x86_64-linux-gnu/libonnxruntime.so", "/usr/lib/aarch64-linux-gnu/libonnxruntime.so",
		"/opt/onnxruntime/lib/libonnxruntime.so",
	}
}
