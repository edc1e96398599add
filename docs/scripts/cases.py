"""Checkpoints of the families of onnx/families, with random weights and every setting that changes the result.

families.py --safetensors and fixtures/families/make.py use it. A checkpoint is what save_pretrained of transformers writes,
except that its weights are drawn by a formula (see draw), so that a program without Python can draw the same.
"""
import collections
import json
import math
import pathlib

import numpy as np
import safetensors
import safetensors.torch
import torch
import transformers

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

# A case is a model type of transformers and its settings.
#   dtype    type in which the weights are stored; torch computes in float32 with what is stored
#   base     the model is saved without its layer for logits, and names without a prefix
#   shards   the weights are split into several files
#   modern   config.json has the form of transformers 5, which transformers 4 cannot read (see modernize)
#   edit     changes to config.json of things that save_pretrained always writes; None deletes a setting
#   labels   names of the labels of a classification head, which the model then has in place of its layer for logits
Case = collections.namedtuple("Case", "kind settings dtype base shards modern edit labels",
                              defaults=("float32", False, False, False, {}, ()))
Size = collections.namedtuple("Size", "width heads layers longest")


def ramp(n, first, step):
    return [round(first + step * i, 3) for i in range(n)]


def table(size):
    """The cases by name. Windows and original lengths are below the length of the longest texts, size.longest."""
    window, original, dim = size.longest // 10, size.longest // 4, size.width // size.heads
    plain = dict(pad_token_id=0, bos_token_id=1, eos_token_id=2, initializer_range=0.1)
    few = dict(num_hidden_layers=size.layers, num_attention_heads=size.heads, hidden_size=size.width)
    bert = few | dict(intermediate_size=size.width * 3 // 2, max_position_embeddings=size.longest)
    llama = plain | bert | dict(num_key_value_heads=size.heads // 2)
    neox = plain | bert
    gemma1 = llama | dict(head_dim=dim)
    gemma = gemma1 | dict(sliding_window=window, num_hidden_layers=4)
    gpt2 = plain | dict(n_embd=size.width, n_head=size.heads, n_layer=size.layers, n_positions=size.longest)
    opt = plain | few | dict(ffn_dim=size.width * 3 // 2, word_embed_proj_dim=size.width, max_position_embeddings=size.longest)
    bloom = plain | dict(hidden_size=size.width, n_head=size.heads, n_layer=size.layers)

    roberta = bert | dict(pad_token_id=1, bos_token_id=0, eos_token_id=2, type_vocab_size=1, max_position_embeddings=size.longest + 8)
    distilbert = dict(dim=size.width, n_layers=size.layers, n_heads=size.heads, hidden_dim=size.width * 3 // 2,
                      max_position_embeddings=size.longest)
    deberta = bert | dict(relative_attention=True, pos_att_type=["p2c", "c2p"], position_biased_input=False, type_vocab_size=0)
    modernbert = plain | bert | dict(local_attention=window * 2, cls_token_id=1, sep_token_id=2)

    def scaled(kind, **settings):
        return {"rope_scaling": dict(rope_type=kind, **settings)}

    def longrope(pairs, key="rope_type", kind="longrope", **more):
        return {"rope_scaling": {key: kind, "short_factor": ramp(pairs, 1, 0.1), "long_factor": ramp(pairs, 2, 1)} | more,
                "original_max_position_embeddings": original}

    types = ["sliding_attention", "full_attention"]
    ropes = {
        "linear": scaled("linear", factor=4.0),
        "dynamic": scaled("dynamic", factor=4.0) | dict(max_position_embeddings=original),
        "yarn": scaled("yarn", factor=4.0, original_max_position_embeddings=original),
        "yarn-set": scaled("yarn", factor=3.0, beta_fast=16.0, beta_slow=2.0, mscale=1.0, mscale_all_dim=0.5, truncate=False),
        "yarn-factor": scaled("yarn", factor=3.0, attention_factor=0.8),
        "llama3": scaled("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=original),
        "longrope": longrope(dim // 2),
        "longrope-factor": longrope(dim // 2, attention_factor=1.3),
    }
    cases = {
        "llama": Case("llama", llama | dict(rope_theta=500000.0)),
        "llama-bias": Case("llama", llama | dict(
            attention_bias=True, mlp_bias=True, head_dim=24, tie_word_embeddings=True, num_key_value_heads=1, rms_norm_eps=1e-4)),
        "llama-odd": Case("llama", llama | dict(head_dim=12, num_key_value_heads=size.heads, hidden_act="gelu_pytorch_tanh")),
        "llama-odd-shared": Case("llama", llama | dict(head_dim=10, num_key_value_heads=1, hidden_act="relu2")),
        **{f"llama-{name}": Case("llama", llama | settings) for name, settings in ropes.items()},
        # Without the original length, the long factors are for texts beyond max_position_embeddings.
        "llama-longrope-whole": Case("llama", llama | dict(max_position_embeddings=original) | {
            "rope_scaling": longrope(dim // 2, factor=4.0)["rope_scaling"]}),
        "llama-longrope-ignored": Case("llama", llama | {"rope_scaling": longrope(
            dim // 2, factor=4.0, original_max_position_embeddings=original)["rope_scaling"]}),
        **{f"llama-{name}-5": Case("llama", llama | ropes[name], modern=True)
           for name in ["linear", "dynamic", "yarn", "yarn-set", "llama3", "longrope"]},
        "mistral": Case("mistral", llama | dict(sliding_window=window)),
        "mistral-whole": Case("mistral", llama | dict(sliding_window=None, head_dim=dim + 8, num_key_value_heads=None), modern=True),
        "mistral-odd": Case("mistral", llama | dict(sliding_window=window, head_dim=12)),
        "qwen2": Case("qwen2", llama | dict(tie_word_embeddings=True)),
        "qwen2-windows": Case("qwen2", llama | dict(use_sliding_window=True, sliding_window=window, max_window_layers=1),
                              edit={"layer_types": None}),
        "qwen2-types": Case("qwen2", llama | dict(
            use_sliding_window=True, sliding_window=window, layer_types=(types * size.layers)[:size.layers])),
        "qwen2-off": Case("qwen2", llama | dict(sliding_window=window, max_window_layers=0) | ropes["yarn"], modern=True),
        "qwen3": Case("qwen3", llama | dict(head_dim=dim * 2)),
        "qwen3-windows": Case("qwen3", llama | dict(
            head_dim=20, attention_bias=True, use_sliding_window=True, sliding_window=window, max_window_layers=2)),
        "smollm3": Case("smollm3", llama | dict(num_hidden_layers=5), edit={"layer_types": None, "no_rope_layers": None}),
        "smollm3-windows": Case("smollm3", llama | dict(
            num_hidden_layers=4, no_rope_layers=[1, 0, 1, 0], use_sliding_window=True, sliding_window=window, mlp_bias=True,
            attention_bias=True, tie_word_embeddings=False), edit={"layer_types": None}),
        "smollm3-interval": Case("smollm3", llama | dict(no_rope_layer_interval=2, head_dim=dim * 2, rope_theta=1000.0), modern=True),
        "granite": Case("granite", llama | dict(
            embedding_multiplier=12.0, attention_multiplier=0.05, residual_multiplier=0.22, logits_scaling=8.0)),
        "granite-bias": Case("granite", llama | dict(
            attention_bias=True, mlp_bias=True, tie_word_embeddings=True, attention_multiplier=0.25) | ropes["linear"], modern=True),
        "stablelm": Case("stablelm", llama | dict(use_qkv_bias=True)),
        "stablelm-heads": Case("stablelm", llama | dict(
            use_parallel_residual=True, qk_layernorm=True, partial_rotary_factor=0.5, tie_word_embeddings=True)),
        "stablelm-parallel": Case("stablelm", llama | dict(
            use_parallel_residual=True, num_key_value_heads=size.heads, partial_rotary_factor=1.0, rope_theta=500.0), modern=True),
        "olmo": Case("olmo", llama | dict(clip_qkv=0.5)),
        "olmo-bias": Case("olmo", llama | dict(
            attention_bias=True, tie_word_embeddings=True, num_key_value_heads=None, rope_scaling=dict(type="dynamic", factor=2.0),
            max_position_embeddings=original)),
        "olmo2": Case("olmo2", llama | dict(num_key_value_heads=1)),
        "olmo2-bias": Case("olmo2", llama | dict(
            attention_bias=True, tie_word_embeddings=True, num_key_value_heads=size.heads, rope_theta=500000.0), modern=True),
        "gemma": Case("gemma", gemma1),
        "gemma-bias": Case("gemma", gemma1 | dict(
            attention_bias=True, num_key_value_heads=1, head_dim=36, tie_word_embeddings=False, hidden_act="relu"), modern=True),
        "gemma2": Case("gemma2", gemma | dict(query_pre_attn_scalar=20, attn_logit_softcapping=5.0, final_logit_softcapping=3.0)),
        "gemma2-uncapped": Case("gemma2", gemma | dict(
            attn_logit_softcapping=None, final_logit_softcapping=None, attention_bias=True), edit={"layer_types": None}, modern=True),
        "gemma2-odd": Case("gemma2", gemma | dict(
            head_dim=12, attn_logit_softcapping=2.0, layer_types=["full_attention", *types, "sliding_attention"],
            hidden_activation="gelu")),
        "gemma3_text": Case("gemma3_text", gemma | dict(sliding_window_pattern=2, rope_local_base_freq=100.0) | ropes["linear"],
                            edit={"layer_types": None, "_sliding_window_pattern": None, "sliding_window_pattern": 2}),
        "gemma3_text-5": Case("gemma3_text", gemma | dict(
            sliding_window_pattern=2, rope_local_base_freq=100.0, final_logit_softcapping=2.0, attention_bias=True) | ropes["yarn"],
            modern=True),
        "gemma3_text-both": Case("gemma3_text", gemma | dict(layer_types=types * 2, use_bidirectional_attention=True)),
        "gemma3_text-both-odd": Case("gemma3_text", gemma | dict(
            layer_types=types * 2, use_bidirectional_attention=True, head_dim=12, sliding_window=window + 1)),
        "gemma3": Case("gemma3", dict(
            text_config=gemma | dict(sliding_window_pattern=2, query_pre_attn_scalar=dim, final_logit_softcapping=2.0),
            vision_config=dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28,
                               patch_size=14), mm_tokens_per_image=4)),
        "phi": Case("phi", llama | dict(hidden_act="gelu_new")),
        "phi-heads": Case("phi", llama | dict(qk_layernorm=True, partial_rotary_factor=0.25, num_key_value_heads=size.heads)),
        "phi-tied": Case("phi", llama | dict(tie_word_embeddings=True, partial_rotary_factor=1.0) | ropes["llama3"], modern=True),
        "phi3": Case("phi3", llama | dict(sliding_window=window)),
        "phi3-longrope": Case("phi3", llama | dict(partial_rotary_factor=0.5) | longrope(dim // 4, key="type")),
        "phi3-su": Case("phi3", llama | dict(num_key_value_heads=size.heads) | longrope(dim // 2, key="type", kind="su")),
        "phi3-5": Case("phi3", llama | dict(partial_rotary_factor=0.75, tie_word_embeddings=True) | longrope(dim * 3 // 8, key="type"),
                       modern=True),
        "gpt_neox": Case("gpt_neox", neox),
        "gpt_neox-sequential": Case("gpt_neox", neox | dict(
            use_parallel_residual=False, attention_bias=False, rotary_pct=1.0, rotary_emb_base=500.0, hidden_act="relu") | ropes["linear"]),
        "gpt_neox-5": Case("gpt_neox", neox | dict(rotary_pct=0.5, rotary_emb_base=500.0, tie_word_embeddings=True) | ropes["yarn"],
                           modern=True),
        "gpt2": Case("gpt2", gpt2),
        "gpt2-layer": Case("gpt2", gpt2 | dict(
            scale_attn_by_inverse_layer_idx=True, activation_function="relu", n_inner=80, reorder_and_upcast_attn=True)),
        "gpt2-unscaled": Case("gpt2", gpt2 | dict(
            scale_attn_weights=False, n_embd=60, n_head=5, tie_word_embeddings=False, activation_function="gelu")),
        "opt": Case("opt", opt),
        "opt-350m": Case("opt", opt | dict(word_embed_proj_dim=size.width // 2, do_layer_norm_before=False)),
        "opt-plain": Case("opt", opt | dict(enable_bias=False, tie_word_embeddings=False, activation_function="gelu")),
        "opt-bare": Case("opt", opt | dict(layer_norm_elementwise_affine=False, word_embed_proj_dim=size.width * 2)),
        "opt-open": Case("opt", opt | dict(_remove_final_layer_norm=True, num_attention_heads=size.heads // 2)),
        "bloom": Case("bloom", bloom),
        "bloom-uneven": Case("bloom", bloom | dict(
            hidden_size=72, n_head=6, apply_residual_connection_post_layernorm=True, tie_word_embeddings=False)),
        "starcoder2": Case("starcoder2", llama),
        "starcoder2-plain": Case("starcoder2", llama | dict(
            use_bias=False, sliding_window=window, tie_word_embeddings=False, hidden_act="gelu", norm_epsilon=1e-4)),
        "starcoder2-5": Case("starcoder2", llama | ropes["yarn"], modern=True),
        "cohere": Case("cohere", llama),
        "cohere-heads": Case("cohere", llama | dict(
            use_qk_norm=True, attention_bias=True, logit_scale=0.3, head_dim=24, tie_word_embeddings=False)),
        "cohere-odd": Case("cohere", llama | dict(head_dim=12, num_key_value_heads=None) | ropes["llama3"], modern=True),
        "bert": Case("bert", bert),
        "bert-relu": Case("bert", bert | dict(
            hidden_act="relu", num_attention_heads=size.heads * 2, type_vocab_size=1, layer_norm_eps=1e-5), modern=True),
        "roberta": Case("roberta", roberta),
        "roberta-segments": Case("roberta", roberta | dict(type_vocab_size=2, pad_token_id=5, hidden_act="gelu_new")),
        "xlm-roberta": Case("xlm-roberta", roberta),
        "camembert": Case("camembert", roberta),
        "distilbert": Case("distilbert", distilbert),
        "distilbert-relu": Case("distilbert", distilbert | dict(n_heads=size.heads * 2, activation="relu", sinusoidal_pos_embds=True)),
        "mpnet": Case("mpnet", bert | dict(max_position_embeddings=size.longest + 2)),
        "electra": Case("electra", bert | dict(embedding_size=size.width // 2)),
        "electra-wide": Case("electra", bert | dict(embedding_size=size.width)),
        "albert": Case("albert", bert | dict(embedding_size=size.width // 2)),
        "albert-groups": Case("albert", bert | dict(embedding_size=size.width, num_hidden_groups=2, num_hidden_layers=5)),
        "deberta-3": Case("deberta-v2", deberta | dict(position_buckets=8, norm_rel_ebd="layer_norm", share_att_key=True)),
        "deberta-2": Case("deberta-v2", deberta | dict(
            position_biased_input=True, type_vocab_size=2, pos_att_type="c2p|p2c", max_relative_positions=window * 4,
            conv_kernel_size=3, conv_act="gelu")),
        "deberta-c2p": Case("deberta-v2", deberta | dict(
            pos_att_type=["c2p"], position_buckets=size.longest // 4, norm_rel_ebd="layer_norm", embedding_size=size.width // 2)),
        "deberta-p2c": Case("deberta-v2", deberta | dict(pos_att_type=["p2c"], position_buckets=16)),
        "deberta-plain": Case("deberta-v2", bert | dict(relative_attention=False, pos_att_type=["p2c"])),
        "modernbert": Case("modernbert", modernbert, base=True),
        "modernbert-biases": Case("modernbert", modernbert | dict(
            local_attention=window, global_attn_every_n_layers=2, norm_bias=True, attention_bias=True, mlp_bias=True,
            hidden_activation="silu", local_rope_theta=None), base=True),
    }
    # The first case of each family is also stored in other ways.
    kinds = {}
    for name, c in cases.items():
        kinds.setdefault(c.kind, (name, c))
    for name, c in kinds.values():
        cases[f"{name}-bare"] = c._replace(base=True)
        cases[f"{name}-f16"] = c._replace(dtype="float16")
        cases[f"{name}-bf16"] = c._replace(dtype="bfloat16", shards=True)
    return cases


def heads(size):
    """The cases with a classification head, by name."""
    first, known = {}, table(size)
    for c in known.values():
        first.setdefault(c.kind, c)

    def case(kind, labels=("negative", "positive"), edit={}, dtype="float32", **settings):
        old = first[kind]
        few = {k: 2 for k in ["num_hidden_layers", "n_layer", "n_layers"] if k in old.settings}
        return old._replace(base=False, labels=tuple(labels), edit=edit, dtype=dtype, settings=old.settings | few | settings)

    decoders = ["llama", "mistral", "qwen2", "qwen3", "smollm3", "stablelm", "gemma2", "phi", "phi3", "gpt_neox", "gpt2", "opt",
                "bloom", "starcoder2"]
    encoders = [k for k in ENCODERS if k != "modernbert"]
    return {
        **{kind: case(kind) for kind in decoders + encoders},
        "llama-reward": case("llama", ["score"], pad_token_id=None),
        "gemma": case("gemma", edit={"pad_token_id": None}),  # the default is 0
        "gemma3_text": case("gemma3_text", ["LABEL_0", "LABEL_1"], layer_types=["sliding_attention", "full_attention"]),
        "opt-350m": known["opt-350m"]._replace(labels=("a", "b", "c")),
        "bert-f16": case("bert", ["1 star", "2 stars", "3 stars", "4 stars", "5 stars"], dtype="float16"),
        "deberta-2": known["deberta-2"]._replace(
            labels=("a", "b", "c"), settings=known["deberta-2"].settings | dict(pooler_hidden_act="tanh")),
        "modernbert": case("modernbert", ["entailment", "neutral", "contradiction"]),
        "modernbert-mean": case("modernbert", classifier_pooling="mean", classifier_bias=True, norm_bias=True, classifier_activation="relu"),
    }


def modernize(config):
    """Change a config.json in place to the form of transformers 5."""
    rope = config.pop("rope_scaling", None) or {"rope_type": "default"}
    if "type" in rope:
        rope["rope_type"] = rope.pop("type")
    kind = config["model_type"]
    if kind == "gpt_neox":
        rope |= dict(rope_theta=config.pop("rotary_emb_base"), partial_rotary_factor=config.pop("rotary_pct"))
        config.pop("rope_theta"), config.pop("partial_rotary_factor")
    elif kind == "gemma3_text":
        rope |= dict(rope_theta=config.pop("rope_theta"))
        local = dict(rope_type="default", rope_theta=config.pop("rope_local_base_freq"))
        rope = {"full_attention": rope, "sliding_attention": local}
    elif "rope_theta" in config:
        rope |= dict(rope_theta=config.pop("rope_theta"))
        if "partial_rotary_factor" in config:
            rope |= dict(partial_rotary_factor=config.pop("partial_rotary_factor"))
        if "original_max_position_embeddings" in config and kind != "phi3":
            rope |= dict(original_max_position_embeddings=config.pop("original_max_position_embeddings"))
    else:
        return
    config["rope_parameters"] = rope


def random(name, shape, bits):
    """Numbers of so many bits from -2^(bits-1) on, by SplitMix64 from the FNV-1a hash of a tensor's name."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    z = np.arange(1, math.prod(shape) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(64 - bits)).astype(np.int64).reshape(shape) - 2 ** (bits - 1)


def draw(name, shape, dtype, scale, center):
    """A tensor of numbers between center-scale and center+scale. They are exact in their type, because scale is a power of 2."""
    bits = 24 if dtype == torch.float32 else 4 if center else 8
    values = random(name, shape, bits).astype(np.float32) * np.float32(scale / 2 ** (bits - 1)) + np.float32(center)
    return torch.from_numpy(values).to(dtype)


def redraw(folder):
    """Draw all weights of a folder anew. Returns a list of {file, dtype, scale, center, shapes: {name: shape}}."""
    groups = {}
    for path in sorted(pathlib.Path(folder).glob("*.safetensors")):
        old = safetensors.torch.load_file(path)
        new = {}
        for name, t in old.items():
            # A matrix keeps the size of what it multiplies, roughly. Norms start at 1, in Gemma at 0.
            scale = 0.25 if t.ndim < 2 else 2.0 ** -round(math.log2(min(t.shape) ** 0.5))
            center = int(t.ndim == 1 and bool((t == 1).all()))
            new[name] = draw(name, tuple(t.shape), t.dtype, scale, center)
            key = (path.name, {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}[str(t.dtype)[6:]], scale, center)
            groups.setdefault(key, {})[name] = list(t.shape)
        safetensors.torch.save_file(new, path, metadata={"format": "pt"})
    return [dict(zip(["file", "dtype", "scale", "center"], key), shapes=shapes) for key, shapes in groups.items()]


ENCODERS = ["bert", "roberta", "xlm-roberta", "camembert", "distilbert", "mpnet", "electra", "albert", "deberta-v2", "modernbert"]


def model_class(case):
    if case.labels:
        return transformers.AutoModelForSequenceClassification
    if case.base:
        return transformers.AutoModel
    return transformers.AutoModelForMaskedLM if case.kind in ENCODERS else transformers.AutoModelForCausalLM


def save(case, folder, vocabulary):
    """Write config.json and the weights. Returns the model as torch loads it, and what redraw returns."""
    settings = json.loads(json.dumps(case.settings))  # a copy, because the configurations change what they are given
    text = settings.get("text_config", settings)
    text["vocab_size"] = vocabulary
    config = transformers.AutoConfig.for_model(case.kind, **settings)
    if case.labels:
        config.id2label, config.label2id = dict(enumerate(case.labels)), {label: i for i, label in enumerate(case.labels)}
    # Some models cannot be initialised (OPT without elementwise affine, StableLM with qk_layernorm). The weights are drawn anyway.
    transformers.modeling_utils._init_weights = False
    model = model_class(case).from_config(config, attn_implementation="eager").to(getattr(torch, case.dtype))
    transformers.modeling_utils._init_weights = True
    size = sum(p.numel() * p.element_size() for p in model.parameters())
    model.save_pretrained(folder, max_shard_size=size // 3 if case.shards else "5GB")
    weights = redraw(folder)
    path = pathlib.Path(folder) / "config.json"
    written = json.loads(path.read_text())
    for name, value in case.edit.items():
        written.pop(name, None)
        if value is not None:
            written[name] = value
    path.write_text(json.dumps(written, indent=1) + "\n")
    # torch computes with what the folder says. Gemma 3 halves its window each time it is saved.
    model, info = model_class(case).from_pretrained(folder, attn_implementation="eager", dtype=torch.float32, output_loading_info=True)
    if any(info.values()):
        raise ValueError(f"{folder}: {info}")
    if case.modern:
        modernize(written)
        path.write_text(json.dumps(written, indent=1) + "\n")
    return model.eval(), weights


def reset(model):
    """Forget the longest text so far. transformers uses the frequencies of a longer text for shorter ones after it."""
    for m in model.modules():
        if hasattr(m, "original_inv_freq"):
            m.max_seq_len_cached, m.inv_freq = m.original_max_seq_len, m.original_inv_freq


def computed(model):
    """Functions for reference.write: the states of all layers, and the logits of the last token if the model has them."""
    logits = {}

    def states(ids):
        reset(model)
        out = model(ids, output_hidden_states=True)
        if "logits" in out and model.config.model_type not in ENCODERS:
            logits["logits", "last"] = out.logits[0, -1]
        layers = {f"hidden_states.{i}": h[0] for i, h in enumerate(out.hidden_states)}
        last = out.last_hidden_state if "last_hidden_state" in out else out.hidden_states[-1]  # differ in ModernBERT
        return layers | {"last_hidden_state": last[0]}

    return states, lambda ids: dict(logits)


def default(model):
    """What w2s chooses on its own."""
    text = model.config.get_text_config()
    both = model.config.model_type in ENCODERS or getattr(text, "use_bidirectional_attention", False)
    return {"output": "last_hidden_state", "pooling": "mean" if both else "last"}
