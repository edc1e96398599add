#!/usr/bin/env bash
# Makes the results behind README.md and docs/*.md anew, from an empty cache if need be:
#
#     bash docs/results.sh [FOLDER]
#
# FOLDER (default: w2s-results/docs) gets the result files and, in FOLDER/tables, every table of the pages. A run that was stopped
# goes on where it was; finished results are only printed again. All of it takes hours on two cores.
#
#   W2S          the program (default: built here)
#   DATA         folders with data sets that cannot be fetched, separated by colons (docs/tasks.md)
#   CHECKPOINTS  folder with smollm2-135m-instruct, gemma-3-270m and qwen2.5-coder-0.5b-instruct (docs/export.md);
#                without it, the results of language models are left out
#   ONLY         names of results, separated by spaces; default: all
#
# python3 docs/scripts/tables.py FOLDER puts the tables into the pages, and
# W2S_RESULTS=FOLDER go test ./cmd/w2s -run TestClaims -update writes docs/data/*.jsonl, from which tests recompute what the pages say.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-w2s-results/docs}
mkdir -p "$out/tables"
w2s=${W2S:-}
if [[ $w2s == */* ]]; then w2s=$(realpath "$w2s"); fi
checkpoints=${CHECKPOINTS:+$(realpath "$CHECKPOINTS")}
data=()
IFS=: read -ra folders <<<"${DATA:-}"
for i in "${!folders[@]}"; do
	folders[i]=$(realpath "${folders[i]}")
	data+=(--data "${folders[i]}")
done
cd "$out"
if [ -z "$w2s" ]; then
	(cd "$top" && go build -o "$PWD/w2s-results/w2s" ./cmd/w2s)
	w2s=$top/w2s-results/w2s
fi
if [ -n "$checkpoints" ]; then ln -sfn "$checkpoints" checkpoints; fi

wanted() { [ -z "${ONLY:-}" ] || [[ " $ONLY " == *" $1 "* ]]; }
# result NAME COMMAND...: runs a command of w2s that writes NAME or NAME.json. What it prints is in NAME.log.
result() {
	local name=$1
	shift
	wanted "$name" || return 0
	echo "== $name: w2s $*"
	"$w2s" "$@" "${data[@]}" >"$name.log"
}
# table NAME RESULT COMMAND...: prints a table of a result to tables/NAME.txt.
table() {
	local name=$1 of=$2
	shift 2
	wanted "$of" || return 0
	"$w2s" "$@" >"tables/$name.txt"
}

losses=(--loss xent --loss confidence --loss logconf)

result default run --suite default --out default

result text sweep --plan "$top/docs/plans/text.yaml" --out text
table text-ratings text table --by pair --no-self text/ratings.json
table text-categories text table --by category --no-self text/ratings.json
table text-others text table --by pair --no-self text/others.json
table text text table --no-self --wide text/ratings.json # docs/data/ratings.txt

result chess sweep --plan "$top/docs/plans/chess.yaml" --out chess
table chess chess table --by pair --no-self chess/mates.json
table chess-models chess table --by model chess/mates.json
table free chess table --no-self --wide chess/free.json

result lichess sweep --plan "$top/docs/plans/lichess.yaml" --out lichess
table lichess-models lichess table --by model lichess/bands.json
table lichess lichess table --by pair --no-self lichess/bands.json
table lichess-order lichess table --by easy-to-hard --no-self lichess/easy-to-hard.json

result hh sweep --models wordllama-64,all-MiniLM-L6-v2,e5-small-v2 --task hh-single-turn-helpful --task hh-single-turn-harmless \
	"${losses[@]}" --loss guardconf --train 600 --test 400 --seeds 5 --shared-pool --out hh.json
table hh-models hh table --by model hh.json
table hh hh table --by pair --no-self hh.json

if [ -e checkpoints ]; then
	result llm sweep --plan "$top/docs/plans/llm.yaml" --out llm
	table llm llm table --no-self --wide llm
	table llm-models llm table --by model llm
	table llm-pairs llm table --by pair --no-self llm
	for model in smollm2-135m-instruct gemma-3-270m qwen2.5-coder-0.5b-instruct; do
		result "layers-$model" study layers --weak wordllama-64 --strong "checkpoints/$model" --task movies --train 1000 --test 500 --seeds 5 --shared-pool \
			--loss xent --loss guardconf --out "layers-$model.json"
		if wanted "layers-$model"; then cp "layers-$model.log" "tables/layers-$model.txt"; fi
	done
fi

result chesschain chain --task chess-mate1 "${losses[@]}" --seeds 5 --out chesschain.json
table chesschain chesschain table --by chain --wide chesschain.json
result textchain chain --task movies --task tweets --task amazon --task editorials "${losses[@]}" --seeds 5 --out textchain.json
table textchain textchain table --by chain --wide textchain.json

result supervision sweep --models wordllama-64,all-MiniLM-L6-v2,e5-small-v2 --pair wordllama-64:e5-small-v2 --pair all-MiniLM-L6-v2:e5-small-v2 \
	--task movies --task tweets --task movies-pairs --task pleasant-outcomes --task ethics-deontology --task ethics-justice "${losses[@]}" \
	--out supervision.json
result chess-supervision run --weak chess-0.03m --strong chess-1.5m --task chess-mate1 "${losses[@]}" --out chess-supervision.json
table supervision chess-supervision table --by supervision --wide supervision.json chess-supervision.json

result losses sweep --models wordllama-64,all-MiniLM-L6-v2,e5-small-v2 --pair wordllama-64:all-MiniLM-L6-v2 --pair wordllama-64:e5-small-v2 \
	--pair all-MiniLM-L6-v2:e5-small-v2 --task tweets --task movies --task amazon --task editorials --task movies-pairs --task tweets-pairs \
	--task ethics-deontology --task ethics-justice --task pleasant-outcomes --task ethics-virtue --task mr --task tweet-irony --task tweet-hate \
	"${losses[@]}" --loss guardconf --treatment soft --treatment hard --treatment temperature --out losses.json

result people run --weak raters:1,raters:3 --strong e5-small-v2 --task movies --task tweets --task amazon --task editorials --loss xent --seeds 5 --out people.json
table people people table --by supervision --wide people.json

# The questions with the labels of a 1.8B model are in one of the folders of DATA, or the result is left out.
sciq=
for folder in "${folders[@]}"; do
	if [ -e "$folder/sciq_w2s_train_naive_weak1.8b.json.gz" ]; then sciq=$folder/sciq_w2s_train_naive_weak1.8b.json.gz; fi
done
students=(all-MiniLM-L6-v2 e5-small-v2)
if [ -e checkpoints ]; then students+=(checkpoints/smollm2-135m-instruct); fi
if [ -n "$sciq" ]; then
	for student in "${students[@]}"; do
		result sciq run --task "$sciq:text=txt:label=label:classes=wrong,right" --weak column:soft_label,sim:flip:0.73 --strong "$student" \
			--train 1200 --test 800 --loss xent --out "sciq/$(basename "$student").json"
	done
	table sciq sciq table --by supervision --wide sciq
fi

result several run --weak wordllama-64,experts:2:wordllama-64,experts:4:wordllama-64,experts:8:wordllama-64 --combine csl --strong e5-small-v2 \
	--task movies --task tweets --task amazon --task editorials --loss xent --seeds 5 --out several.json
table several several table --by combination several.json

result trial run --suite trial --out trial
table trial trial table --by method --format markdown trial
