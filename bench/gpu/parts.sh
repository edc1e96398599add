#!/bin/sh
# Cuts the GPU build of ONNX Runtime into parts that can travel one by one: parts.sh FOLDER OUT [MEGABYTES]
# FOLDER has libonnxruntime.so.* and libonnxruntime_providers_*.so, as w2s doctor --fix --provider cuda leaves them in the cache.
set -eu
folder=$1 out=$2 size=${3:-50}
mkdir -p "$out"
tar -C "$folder" -c . | xz -T0 -6 | split -b "${size}M" - "$out/part-"
(cd "$out" && sha256sum part-* > parts.sha256)
ls -l "$out"
