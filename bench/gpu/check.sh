#!/bin/bash
# The whole check on a machine with a card, in one command:
#
#     bench/gpu/check.sh W2S LIBRARY OUT [SHAPE ...]
#
# W2S is the program. LIBRARY is the folder with the GPU build of ONNX Runtime, or one with the parts that parts.sh has cut it into. OUT
# gets the log. The machine needs Python with torch, transformers and sentence-transformers, whose CUDA libraries w2s uses too, and no
# network. SHAPES limits the shapes (minilm mpnet 0.5b 1.5b 7b). SHORT, LONG, EXACT and ROUNDS set the numbers of texts and rounds, and WORK
# the folder for checkpoints, 25 GB for all shapes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
w2s=$(realpath "$1") library=$(realpath "$2") out=$3
shift 3
mkdir -p "$out"
out=$(realpath "$out") work=${WORK:-$(mktemp -d)}
shapes=("$@")
[ ${#shapes[@]} -gt 0 ] || shapes=(minilm mpnet 0.5b 1.5b 7b)
exec > >(tee "$out/check.log") 2>&1
export PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=true

if ls "$library"/part-* > /dev/null 2>&1; then
	(cd "$library" && sha256sum --quiet -c parts.sha256)
	mkdir -p "$work/library"
	cat "$library"/part-* | tar -xJ -C "$work/library"
	library=$work/library
fi
lib=$(find "$library" -name 'libonnxruntime.so*' | head -1)
flags=(--onnxruntime "$lib" --cache "$work/cache" --offline)

echo "== the card"
nvidia-smi --query-gpu=name,memory.total,memory.free,driver_version --format=csv || true
"$w2s" doctor "${flags[@]}" --provider cuda || true

echo "== weak, student and ceiling on the processor and on the card"
python3 "$here/make.py" "$work/checkpoints" tiny-encoder tiny-decoder
python3 - "$here" "$work/task.jsonl" <<'PYTHON'
import json, statistics, sys
sys.path.insert(0, sys.argv[1])
import words
texts, frequent = words.short(3000, seed=9), words.vocabulary()[0]
shares = [t.rstrip(".").split().count(frequent) / len(t.split()) for t in texts]
with open(sys.argv[2], "w") as f:
    for text, share in zip(texts, shares):
        f.write(json.dumps({"text": text, "label": int(share > statistics.median(shares))}) + "\n")
PYTHON
for provider in cpu cuda; do
	"$w2s" run "${flags[@]}" --provider $provider --weak "$work/checkpoints/tiny-encoder" --strong "$work/checkpoints/tiny-decoder" \
		--task "$work/task.jsonl" --loss xent --seeds 2 --out "$out/$provider.json" || true
done

for shape in "${shapes[@]}"; do
	echo "== $shape"
	python3 "$here/make.py" "$work/checkpoints" "$shape"
	python3 "$here/compare.py" --w2s "$w2s" --w2s-flag=--onnxruntime="$lib" --w2s-flag=--offline --checkpoints "$work/checkpoints" --shapes "$shape" \
		--short "${SHORT:-20000}" --long "${LONG:-2000}" --exact "${EXACT:-500}" --rounds "${ROUNDS:-3}" || true
	rm -rf "$work/checkpoints/$shape"
done
