#!/usr/bin/env bash
# Everything that a session on a host with an NVIDIA GPU checks and times, in one call of under eight minutes:
#   here:      bash bench/cuda/pack.sh        (.gpu-host and .peers travel along)
#   GPU host:  bash bench/cuda/session.sh     (logs in $OUT, else in a folder that it names; the table comes last)
#
#   SECTIONS="smoke math check library peers first plan decode random bound"  parts, in this order; also: reports, blocks, sanitize, ncu
#   ROWS=lightning-128,gemm  PEERS=no  CONFIGS=FILE   for peers; CONFIGS also for the check of tuned configurations;
#                            PEERS=backward-128,decode-1: rows with peers (their kernels are searched and compiled there)
#   CHECK=all                the set of cases for check (all, published, family, kernels, odd, tuned, stages, sanitize, quick)
#   SANITIZE=1               adds sanitize; NCU=lightning-128:0 adds ncu, of that row's configuration
#   SECONDS_LEFT=560         time for the whole; what no longer fits is left out
set -u
cd "$(dirname "$0")/../.."
if ! command -v node > /dev/null && [ -f .gpu-host/setup.sh ]; then . .gpu-host/setup.sh; fi
if [ -f .gpu-host/maps.tar ]; then tar -xf .gpu-host/maps.tar; fi
log=${OUT:-$(mktemp -d)}
configs=${CONFIGS:-bench/cuda/configs.json}
sections=${SECTIONS:-smoke math check library peers first plan decode random bound}
[ -n "${SANITIZE:-}" ] && sections="$sections sanitize"
[ -n "${NCU:-}" ] && sections="$sections ncu"
deadline=$((SECONDS + ${SECONDS_LEFT:-560}))
artifacts=$(mktemp -d)
LAC_CACHE=$(mktemp -d); export LAC_CACHE
scratch=$artifacts
trap 'rm -rf "$scratch" "$LAC_CACHE"' EXIT
verdicts=()

# section NAME LIMIT_S COMMAND...: output to NAME.log, and its last lines here.
section() {
  local name=$1 limit=$2 left=$((deadline - SECONDS)) begin=$SECONDS status
  shift 2
  echo "== $name"
  if [ $left -lt 10 ]; then verdicts+=("$name: no time left"); return 1; fi
  timeout -k 5 $((limit < left ? limit : left)) "$@" > "$log/$name.log" 2>&1
  status=$?
  tail -n "${TAIL:-12}" "$log/$name.log"
  case $status in
    0) verdicts+=("$name: ok, $((SECONDS - begin)) s") ;;
    124 | 137) verdicts+=("$name: STOPPED after $((SECONDS - begin)) s") ;;
    *) verdicts+=("$name: FAILED ($status), $((SECONDS - begin)) s") ;;
  esac
  return $status
}

# The configurations of ROWS to PTX, once, where pack.sh did not; of all rows where others may be needed.
compiled() {
  [ -f "$artifacts/index.json" ] && return
  if [ -f .gpu-host/bench/index.json ] && [ -z "${CONFIGS:-}" ]; then artifacts=.gpu-host/bench; return; fi
  local rows=${ROWS:-}
  case "${NCU:-}$rows" in *:* | *2^31*) rows= ;; esac
  TAIL=6 section compile 120 node dist/bench/cuda/compile.js --configs "$configs" --rows "$rows" --out "$artifacts"
}

peers() {
  compiled || return
  local options=(--artifacts "$artifacts" --json "$log/peers.json" --rows "${ROWS:-}")
  [ "${PEERS:-yes}" = yes ] || options+=(--peers "$PEERS")
  TAIL=0 section peers 330 python3 bench/cuda/peers.py "${options[@]}"
}

bound() {
  if [ ! -x .peers/la ]; then echo "== bound: no .peers/la here"; return; fi
  TAIL=20 section bound 60 bash -c 'SH=2 .peers/la mma 20; SH=2 .peers/la "wg 2wg" 20; SH=3 .peers/la seg8 20'
}

# What the pages of docs/reports are made from: JSON in the folder of the logs.
reports() {
  compiled || return
  local commit; commit=$(git rev-parse --short HEAD 2> /dev/null || true)
  TAIL=4 section reports 100 node dist/bench/reports/measure.js --device cuda:0 --dtype bf16 --commit "$commit" --seconds 70 --out "$log/reports-cuda.json"
  TAIL=4 section reports-webgpu 60 node dist/bench/reports/measure.js --device webgpu --dtype f32 --commit "$commit" --seconds 40 --out "$log/reports-webgpu.json"
  PYTHONPATH=python:.peers TAIL=8 section lengths 110 python3 bench/cuda/lengths.py --artifacts "$artifacts" --commit "$commit" --seconds 80 --out "$log/reports-lengths.json"
}

# What docs/reports/block-sizes.md is made from.
blocks() {
  local commit; commit=$(git rev-parse --short HEAD 2> /dev/null || true)
  TAIL=60 section blocks 185 node dist/bench/blocks/measure.js --device cuda:0 --commit "$commit" --seconds 165 --out "$log/blocks-cuda.json"
  TAIL=30 section blocks-webgpu 80 node dist/bench/blocks/measure.js --device webgpu --commit "$commit" --seconds 65 --out "$log/blocks-webgpu.json"
}

sanitize() {
  local tool
  for tool in memcheck racecheck synccheck; do
    TAIL=4 section "sanitize-$tool" 150 compute-sanitizer --tool $tool --target-processes all --error-exitcode 9 \
      node dist/bench/cuda/check.js --set sanitize --jobs 0 --configs "$configs"
  done
}

# The report for the viewer, its details as text, and the counters of every line of the kernel's source.
ncu_row() {
  local kernels='regex:Fwd|Bwd|Step|gemm|addRmsNorm|segment' report=$log/ncu.ncu-rep
  ncu --set full --import-source yes -k "$kernels" --launch-skip 1 --launch-count 1 --target-processes all -f -o "$report" \
    python3 bench/cuda/peers.py --artifacts "$artifacts" --profile "$NCU" &&
    ncu -i "$report" --page details && ncu -i "$report" --page source --csv > "$log/ncu-source.csv"
}

nvidia-smi --query-gpu=name,driver_version,memory.used,clocks.sm,clocks.mem,temperature.gpu,power.draw --format=csv,noheader
for part in $sections; do
  case $part in
    smoke) TAIL=30 section smoke 90 node dist/bench/cuda-smoke.js ;;
    math) TAIL=40 section math 90 node dist/bench/cuda/math.js ;;
    check) TAIL=30 section check 200 node dist/bench/cuda/check.js --set "${CHECK:-all}" --configs "$configs" ;;
    peers) peers ;;
    first) section first 60 node dist/bench/cuda/first-result.js ;;
    library) TAIL=80 section library 200 bash bench/cuda/library.sh ;;
    random) TAIL=80 section random 150 node dist/test/random/on-devices.js --runs "${RUNS:-400}" --seed "${SEED:-1}" ;;
    plan) TAIL=20 section plan 60 node dist/bench/cuda/plan.js ;;
    decode) TAIL=8 section decode 60 node dist/bench/cuda/decode.js ;;
    bound) bound ;;
    reports) reports ;;
    blocks) blocks ;;
    sanitize) sanitize ;;
    ncu) compiled && { export -f ncu_row; export NCU artifacts log; TAIL=60 section ncu 120 bash -c ncu_row; } ;;
    *) verdicts+=("$part: there is no such section") ;;
  esac
done
echo
[ -f "$log/peers.log" ] && { echo "== peers"; grep -nE 'WRONG|FAILED|Error|measure.py:' "$log/peers.log" | cut -c1-200 | head -20; sed -n '/^| row .*regs/,$p' "$log/peers.log"; echo; }
echo "logs in $log"
printf '%s\n' "${verdicts[@]}"
! printf '%s\n' "${verdicts[@]}" | grep -qE 'FAILED|STOPPED|no time|no such'
