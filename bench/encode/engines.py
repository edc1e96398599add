"""The Python engines of compare.py. Each encodes all texts of a file and prints the time as one line of JSON."""
import argparse
import json
import os
import pathlib
import queue
import tempfile
import threading
import time

import numpy as np

THREADS = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count()))


def only_states(path, load):
    """Loads a model without what it computes besides last_hidden_state: logits, and the key-value cache."""
    import onnx

    model = onnx.load(path, load_external_data=False)
    if len(model.graph.output) == 1:
        return load(path)
    for output in [o for o in model.graph.output if o.name != "last_hidden_state"]:
        model.graph.output.remove(output)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".onnx") as f:  # next to its external data
        f.write(model.SerializeToString())
        f.flush()
        del model
        return load(f.name)


def batches(ids, same):
    """Lists of (index, ids): ours, of equal length and 512 tokens, or 32 texts each."""
    order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
    if not same:
        return [[(i, ids[i]) for i in order[k:k + 32]] for k in range(0, len(order), 32)]
    out = []
    for i in order:
        if out and len(out[-1][0][1]) == len(ids[i]) and (len(out[-1]) + 1) * len(ids[i]) <= 512:
            out[-1].append((i, ids[i]))
        else:
            out.append([(i, ids[i])])
    return out


def load_tokenizer(args):
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(f"{args.checkpoint}/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.enable_truncation(args.max_tokens)
    return tokenizer


def ort_engine(args, same):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1 if same else THREADS
    session = only_states(pathlib.Path(args.checkpoint) / "model.onnx",
                          lambda path: onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]))
    tokenizer = load_tokenizer(args)
    inputs = {i.name: i for i in session.get_inputs()}
    wide = [i for i in inputs if i.startswith("past_key_values")]

    def run(batch):
        """[(index, ids)] -> for each text the mean of its states over its tokens."""
        rows, cols = len(batch), max(len(ids) for _, ids in batch)
        ids = np.zeros((rows, cols), np.int64)
        mask = np.zeros((rows, cols), np.int64)
        for row, (_, tokens) in enumerate(batch):
            ids[row, :len(tokens)] = tokens
            mask[row, :len(tokens)] = 1
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids),
                 "position_ids": np.maximum(mask.cumsum(1) - 1, 0)}
        feeds = {k: v for k, v in feeds.items() if k in inputs}
        for name in wide:
            shape = inputs[name].shape
            feeds[name] = np.zeros((rows, shape[1], 0, shape[3]), np.float32)
        states = session.run(["last_hidden_state"], feeds)[0]
        weights = mask[:, :, None].astype(np.float32)
        return (states * weights).sum(1) / weights.sum(1)

    def encode(texts):
        vectors = [None] * len(texts)
        todo = queue.SimpleQueue()
        for b in batches([e.ids for e in tokenizer.encode_batch(texts)], same):
            todo.put(b)

        def work():
            while True:
                try:
                    batch = todo.get_nowait()
                except queue.Empty:
                    return
                for (i, _), v in zip(batch, run(batch)):
                    vectors[i] = v

        workers = [threading.Thread(target=work) for _ in range(THREADS if same else 1)]
        for w in workers:
            w.start()
        for w in workers:
            w.join()
        return np.stack(vectors)

    return encode


def torch_engine(args):
    """transformers on torch with our batches, one after the other on all threads."""
    import torch
    import transformers

    torch.set_num_threads(THREADS)
    # AutoModel would load nothing of a Gemma checkpoint that AutoModelForCausalLM has saved.
    model, info = transformers.AutoModelForCausalLM.from_pretrained(args.checkpoint, dtype=torch.float32, output_loading_info=True)
    if info["missing_keys"]:
        raise SystemExit(f"weights are missing: {info['missing_keys'][:3]}")
    model = model.eval()
    model = getattr(model, model.base_model_prefix, None) or model.model  # Gemma 3 has another prefix
    tokenizer = load_tokenizer(args)

    def encode(texts):
        vectors = [None] * len(texts)
        with torch.inference_mode():
            for batch in batches([e.ids for e in tokenizer.encode_batch(texts)], True):
                states = model(torch.tensor([ids for _, ids in batch]), use_cache=False).last_hidden_state
                for (i, _), v in zip(batch, states.mean(1).numpy()):
                    vectors[i] = v
        return np.stack(vectors)

    return encode


# The shapes of checkpoints without torch weights. Random weights take the same time.
SHAPES = {"all-minilm-l6-v2": dict(num_hidden_layers=6), "e5-small-v2": dict(num_hidden_layers=12), "bge-small-en-v1.5": dict(num_hidden_layers=12)}


def st_engine(args, onnx):
    import sentence_transformers
    import torch
    import transformers

    torch.set_num_threads(THREADS)
    folder = pathlib.Path(args.checkpoint)
    work = pathlib.Path(tempfile.mkdtemp())
    config = folder / "config.json"
    if config.exists():
        (work / "config.json").write_text(config.read_text())
        model_config = transformers.AutoConfig.from_pretrained(work)
    else:
        model_config = transformers.BertConfig(vocab_size=30522, hidden_size=384, num_attention_heads=12, intermediate_size=1536, **SHAPES[folder.name.lower()])
        model_config.save_pretrained(work)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), pad_token="<pad>" if config.exists() else "[PAD]",
                                                     model_max_length=args.max_tokens, model_input_names=["input_ids", "attention_mask"])
    tokenizer.save_pretrained(work)
    if onnx:
        (work / "onnx").mkdir()
        os.symlink(folder.resolve() / "model.onnx", work / "onnx" / "model.onnx")
    else:
        transformers.AutoModel.from_config(model_config).save_pretrained(work)
    kwargs = {"backend": "onnx", "model_kwargs": {"provider": "CPUExecutionProvider", "file_name": "onnx/model.onnx"}} if onnx else {}
    model = sentence_transformers.SentenceTransformer(str(work), device="cpu", local_files_only=True, **kwargs)
    model.max_seq_length = args.max_tokens
    return lambda texts: model.encode(texts, batch_size=32, show_progress_bar=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=["ort-32", "ort-same", "torch-same", "st-torch", "st-onnx"])
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--texts", required=True)
    parser.add_argument("--max-tokens", type=int, required=True)
    args = parser.parse_args()
    with open(args.texts) as f:
        texts = [json.loads(line) for line in f]
    start = time.perf_counter()
    kind, variant = args.engine.split("-")
    if kind == "torch":
        encode = torch_engine(args)
    else:
        encode = ort_engine(args, variant == "same") if kind == "ort" else st_engine(args, variant == "onnx")
    encode(texts[:1])
    load = time.perf_counter() - start
    start = time.perf_counter()
    vectors = encode(texts)
    seconds = time.perf_counter() - start
    assert len(vectors) == len(texts)
    print(json.dumps({"seconds": seconds, "load": load, "texts": len(texts)}))


main()
