#!/usr/bin/env bash
# What lac bench, lac tune and their caches do on a GPU host, in calls of at most nine minutes each. The table comes last.
#   here:      bash bench/cuda/pack.sh        (.gpu-host and .peers travel along)
#   GPU host, a call each:
#     SECTIONS="clock bench norm"         bash bench/cuda/tuner-session.sh     7 min: libraries beside ours, clocks, --compare
#     SECTIONS="tune faults chosen"       bash bench/cuda/tuner-session.sh     6 min: 30 s against all, hang, crash, what a run takes
#     SECTIONS="blocks"                   bash bench/cuda/tuner-session.sh     5 min: block sizes
#     SECTIONS="all-cuda all-webgpu"      bash bench/cuda/tuner-session.sh     9 min: tune files of both, what is used most first
#     SECTIONS="multi"                    bash bench/cuda/tuner-session.sh     1 min, on a host with two GPUs
#   here, to try the script (minutes):    DRY=1 DEVICE=webgpu:software WEBGPU=webgpu:software bash bench/cuda/tuner-session.sh
#
# $OUT (else a folder that it names) gets summary.txt, logs.tgz, tune-files.tgz and blocks-*.json, each as soon as there is
# something new in it. The tune files: tar -xzf tune-files.tgz in the root, and look at the difference.
#   DEVICE=cuda:0  WEBGPU=webgpu  SECONDS_LEFT=540 (what no longer fits is left out)
#   CUDA_ONLY=REGEX WEBGPU_ONLY=REGEX BLOCKS_S=120 (cases of blocks, seconds for each device)
#   SHAPES=kernels/shapes-gpu.json BUDGET=6s (of a kernel in all-*, its device and reference included)  CUDA_S=300 WEBGPU_S=220 (of all of all-cuda, all-webgpu)
set -u
cd "$(dirname "$0")/../.."
if ! command -v node > /dev/null && [ -f .gpu-host/setup.sh ]; then . .gpu-host/setup.sh; fi
if [ -f .gpu-host/maps.tar ]; then tar -xf .gpu-host/maps.tar; fi
out=${OUT:-$(mktemp -d)}
log=$(mktemp -d)
device=${DEVICE:-cuda:0}
webgpu=${WEBGPU:-webgpu}
deadline=$((SECONDS + ${SECONDS_LEFT:-540}))
export PYTHONPATH=.peers PYTHONDONTWRITEBYTECODE=1
LAC_CACHE=$(mktemp -d); export LAC_CACHE
commit=$(cat .gpu-host/commit 2> /dev/null || git rev-parse --short HEAD 2> /dev/null || true)
forward=kernels/lightning/forward.ts
copies=()
trap 'kill "${sampler:-}" 2> /dev/null; rm -rf "$log" "$LAC_CACHE" "${copies[@]}"' EXIT
if [ -n "${DRY:-}" ]; then
  heads=B=1,H=2,HK=2,D=16,E=16 sweep=N=32,64 length=N=64 samples=3 budget=20s each=${BUDGET:-40s} dtype=f32
else
  heads=B=4,H=32,HK=32,D=128,E=128 sweep=N=2k..8k length=N=8k samples=100 budget=30s each=${BUDGET:-6s} dtype=bf16
fi

lac() { node dist/cli/main.js "$@"; }
say() { printf '%s\n' "$*" | tee -a "$out/summary.txt"; }
keep() { tar -czf "$out/logs.tgz" -C "$log" . 2> /dev/null; }

# step NAME LIMIT_S WANTED COMMAND...: output to NAME.out and NAME.err, a line about it, and the exit code of the command.
step() {
  local name=$1 limit=$2 wanted=$3 left=$((deadline - SECONDS)) begin=$SECONDS status verdict=ok
  shift 3
  if [ $left -lt 10 ]; then say "LEFT OUT  $name: no time left"; return 1; fi
  # An interrupt first: what was measured is kept.
  timeout -s INT -k 15 $((limit < left ? limit : left)) "$@" > "$log/$name.out" 2> "$log/$name.err"
  status=$?
  [ $status = "$wanted" ] || verdict=AMISS
  case $status in 124 | 130 | 137) verdict=STOPPED ;; esac
  say "$(printf '%-9s %s: exit %s (%s wanted), %s s' $verdict "$name" $status "$wanted" $((SECONDS - begin)))"
  [ $verdict = ok ] || { tail -n 5 "$log/$name.err"; tail -n 5 "$log/$name.out"; } | cut -c1-250
  keep
  return $status
}
show() { grep -vE '^ *$' "$log/$1.out" | tail -n "$2" | cut -c1-230 | tee -a "$out/summary.txt"; }

one() { # NAME LIMIT_S FILE OPTIONS...: a bench with peers, and its table
  local name=$1 limit=$2 file=$3; shift 3
  step "$name" "$limit" 0 node dist/cli/main.js bench "$file" --device "$device" --peers --samples $samples -o "$log/$name.json" -o "$log/$name.html" "$@"
  show "$name" 24
}

clock() {
  command -v nvidia-smi > /dev/null || { say 'clock: no nvidia-smi here'; return; }
  nvidia-smi --query-gpu=timestamp,clocks.sm,clocks.mem,power.draw,temperature.gpu,clocks_event_reasons.active \
    --format=csv,noheader,nounits -lms 200 > "$log/clocks.csv" 2> "$log/clocks.err" &
  sampler=$!
}

# Clocks of the SM while it drew more power than idling does: least, median, most.
clocks() {
  [ -s "$log/clocks.csv" ] || return
  awk -F', ' '$4 > 200 { print $2 }' "$log/clocks.csv" | sort -n | awk '{ c[NR] = $1 } END { if (NR) print "SM clock at work, MHz: " c[1] " " c[int((NR + 1) / 2)] " " c[NR] ", " NR " samples" }' | tee -a "$out/summary.txt"
}

bench_() {
  one forward 150 $forward --kernel lightningFwd --dtype $dtype --shape $heads --sweep $sweep
  clocks
  local -a again=(node dist/cli/main.js bench $forward --device "$device" --kernel lightningFwd --dtype $dtype --shape $heads --sweep $sweep --samples $samples)
  # On the emulator noise alone is more than any threshold.
  local threshold=5%; [ -n "${DRY:-}" ] && threshold=300%
  step compare-same 60 0 "${again[@]}" --compare "$log/forward.json" --threshold $threshold
  show compare-same 6
  node -e "const fs = require('fs'), run = JSON.parse(fs.readFileSync('$log/forward.json', 'utf8'));
    const quicker = (x) => Array.isArray(x) ? x.map(quicker) : x && typeof x === 'object' ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, k === 'ms' && Array.isArray(v) ? v.map((t) => t / 8) : quicker(v)])) : x;
    fs.writeFileSync('$log/doctored.json', JSON.stringify(quicker(run)));"
  step compare-doctored 60 1 "${again[@]}" --compare "$log/doctored.json" --threshold $threshold
  show compare-doctored 6
  # Peers are searched and compiled, and gradients checked in fp64: at a quarter of the tokens.
  local fewer=N=2k; [ -n "${DRY:-}" ] && fewer=$length
  one backward 200 kernels/lightning/backward.ts --kernel lightningBwd --dtype $dtype --shape $heads,$fewer
  if [ -n "${DRY:-}" ]; then
    one gemm 60 kernels/gemm/gemm.ts --dtype f32 --sweep M=N=K=32,64
    one flash 60 kernels/flash/forward.ts --kernel flashFwd --dtype f32 --set causal=true --shape B=1,H=1,M=32,N=32,D=16
  else
    one gemm 60 kernels/gemm/gemm.ts --dtype bf16 --sweep M=N=K=4k,8k
    one flash 90 kernels/flash/forward.ts --kernel flashFwd --dtype bf16 --set causal=true --shape B=4,H=32,M=4k,N=4k,D=128
    one decode 60 kernels/lightning/decode.ts --kernel lightningStep --dtype bf16 --shape B=512,H=32,HK=32,D=128,E=128
  fi
  clocks
}

norm() {
  local shape=M=16k,K=8k; [ -n "${DRY:-}" ] && shape=M=8,K=64
  one norm 90 kernels/norm/add-rms-norm.ts --dtype $dtype --shape $shape
}

# A budget against everything, on copies of the kernel that have tune files of their own; then both in turns.
tune() {
  local name shape=$heads,$length
  [ -n "${DRY:-}" ] && shape=B=1,H=1,HK=1,D=16,E=8,N=16
  for name in budget all; do
    copies+=(kernels/lightning/forward-$name.{ts,ref.ts,tune.json})
    cp $forward kernels/lightning/forward-$name.ts
    cp kernels/lightning/forward.ref.ts kernels/lightning/forward-$name.ref.ts
    rm -f kernels/lightning/forward-$name.tune.json
  done
  local -a common=(--kernel lightningFwd --device "$device" --dtype $dtype --shape $shape --write)
  step tune-budget $((${budget%s} + 45)) 0 node dist/cli/main.js tune kernels/lightning/forward-budget.ts "${common[@]}" --budget $budget --report "$log/tune-budget.html"
  show tune-budget 14
  LAC_TUNING_CACHE=$LAC_CACHE/all step tune-all "${ALL_S:-200}" 0 node dist/cli/main.js tune kernels/lightning/forward-all.ts "${common[@]}" --exhaustive --report "$log/tune-all.html"
  show tune-all 14
  cp kernels/lightning/forward-{budget,all}.tune.json "$log" 2> /dev/null
  step in-turns 60 0 node dist/cli/main.js bench kernels/lightning/forward-all.ts --baseline kernels/lightning/forward-budget.ts --kernel lightningFwd --device "$device" --dtype $dtype --shape $shape --samples $((samples * 3))
  show in-turns 8
  keep
}

faults() {
  step faults-ptx 150 0 node dist/bench/cuda/faults.js --device "$device"
  show faults-ptx 12
  # Ended by --timeout, exit code 1 (LAC0714), although a kernel still runs on the GPU.
  step endless 30 1 node dist/cli/main.js run test/runtime/fixtures/endless.ts --no-check --device "$device" --shape N=64 --timeout 3s
  if grep -q LAC0714 "$log/endless.err"; then say 'endless: LAC0714'; else say 'AMISS     endless: no LAC0714'; fi
  step faults-cli 150 0 node dist/cli/main.js tune bench/cuda/faulty.ts --device "$device" --exhaustive --format json
  grep '"event":"result"' "$log/faults-cli.out" | grep -o '"config":{"C":[0-9]*[^}]*},"state":"[a-z]*"' | sort | uniq -c | tee -a "$out/summary.txt"
  step usable 60 0 node dist/cli/main.js run docs/tutorial/1-add.ts --device "$device"
  local left; left=$(pgrep -fc '[d]ist/tuner/worker/.*child.js' || true)
  say "worker processes left: $left"
}

# A run takes what a tune found: of a kernel without a tune file, from the cache.
chosen() {
  step chosen-tune 90 0 node dist/cli/main.js tune bench/cuda/faulty.ts --device "$device" --resume --budget 60s
  step chosen-run 60 0 node dist/cli/main.js run bench/cuda/faulty.ts --device "$device" -v
  grep -hiE 'config|tuned|chosen' "$log/chosen-run.out" "$log/chosen-run.err" | head -5 | cut -c1-200 | tee -a "$out/summary.txt"
}

# all NAME DEVICE LIMIT_S OPTIONS...
all() {
  local name=$1 which=$2 limit=$3 folder=kernels shapes=${SHAPES:-kernels/shapes-gpu.json}
  shift 3
  if [ -n "${DRY:-}" ]; then
    folder=kernels/norm shapes=$log/shapes.json
    printf '{ "lac": 1, "shapes": [ { "kernel": "srmsNorm", "dims": { "M": 64, "K": 128 } } ] }' > "$shapes"
  fi
  local marker=$log/$name.begin; touch "$marker"
  step "$name" "$limit" 0 node dist/cli/main.js tune --all $folder --shapes "$shapes" --device "$which" --budget "$each" --format json "$@"
  set -- "$name"
  grep -c '"ended"' "$log/$1.out" | sed "s/^/$1, kernels tuned: /" | tee -a "$out/summary.txt"
  find kernels -name '*.tune.json' -newer "$marker" > "$log/$1.files"
  say "$1, tune files written: $(wc -l < "$log/$1.files")"
  if [ -f "$out/tune-files.tgz" ]; then tar -tzf "$out/tune-files.tgz" >> "$log/$1.files"; fi
  sort -u "$log/$1.files" -o "$log/$1.files"
  tar -czf "$out/tune-files.tgz" -T "$log/$1.files"
  # A line a kernel, and what went wrong.
  node -e "const lines = require('fs').readFileSync('$log/$1.out', 'utf8').split('\\n').filter((l) => l.startsWith('{')).map((l) => { try { return JSON.parse(l); } catch { return {}; } });
    const of = (o) => Object.entries(o ?? {}).map((e) => e.join('=')).join(' ');
    for (const e of lines)
      if (e.event === 'result' && 'ended' in e) console.log([e.kernel, of(e.dims), of(e.dtypes), (e.elapsedMs / 1000).toFixed(1) + ' s', e.measured + ' of ' + e.configurations, e.ended, of(e.best)].join('; '));
      else if (e.event === 'diagnostic' || e.event === 'warning') console.log('!', e.code ?? '', e.message ?? e.text);" > "$log/$1.table"
  grep '^!' "$log/$1.table" | sort | uniq -c | head -12 | cut -c1-200
  gzip -9 "$log/$1.out"; keep
}

blocks() {
  local seconds=${BLOCKS_S:-120} few=(); [ -n "${DRY:-}" ] && { seconds=15; few=(--most 2); }
  [ "$device" = emulate ] || step blocks-bwd $((seconds + 40)) 0 node dist/bench/blocks/measure.js --device "$device" --only "${CUDA_ONLY:-.}" --commit "$commit" --seconds $seconds --out "$out/blocks-bwd.json" "${few[@]}"
  step blocks-webgpu $((seconds + 40)) 0 node dist/bench/blocks/measure.js --device "$webgpu" --only "${WEBGPU_ONLY:-.}" --commit "$commit" --seconds $seconds --out "$out/blocks-webgpu.json" "${few[@]}"
  show blocks-webgpu 6
}

# All GPUs of a host compile and check; the first one times.
multi() {
  local which=$device; case $device in cuda:*) which=cuda ;; esac
  say "GPUs: $(nvidia-smi -L 2> /dev/null | wc -l)"
  step multi 60 0 node dist/cli/main.js tune $forward --kernel lightningFwd --device $which --dtype $dtype --shape $heads,$length --budget $budget --format json
  grep -oE '"device":"[^"]*"|"stage":"[a-z]*"' "$log/multi.out" "$log/multi.err" -h | sort | uniq -c | sort -rn | head | tee -a "$out/summary.txt"
  step multi-one 60 0 node dist/cli/main.js tune $forward --kernel lightningFwd --device "$device" --dtype $dtype --shape $heads,$length --budget $budget --format json
  for name in multi multi-one; do
    grep -o '"configurations":.*' "$log/$name.out" | tail -1 | cut -c1-300 | tee -a "$out/summary.txt"
  done
}

: > "$out/summary.txt"
lac devices 2> /dev/null | head -8 | cut -c1-160
for part in ${SECTIONS:-clock bench norm tune faults chosen blocks all-cuda all-webgpu multi}; do
  say "== $part"
  case $part in
    bench) bench_ ;;
    # WebGPU has no bf16 of its own: there the dtypes of the references, mostly f32.
    all-cuda) all all-cuda "$device" "${CUDA_S:-300}" --dtype $dtype ;;
    all-webgpu) all all-webgpu "$webgpu" "${WEBGPU_S:-220}" ;;
    clock | norm | tune | faults | chosen | blocks | multi) $part ;;
    *) say "AMISS     there is no section $part" ;;
  esac
  keep
done
echo; echo "== summary, $SECONDS s; files in $out"
cat "$out/summary.txt"
! grep -qE '^(AMISS|STOPPED|LEFT OUT)' "$out/summary.txt"
