#!/usr/bin/env bash
# Everything that a session on a GPU host checks and times through WebGPU, in one call of about two minutes:
#   here:       npm run build && ../shared/gpu-host/pack.sh dist
#   GPU host:   . .gpu-host/setup.sh && bash bench/gpu-session.sh
# Every kernel is compared with its reference before it is timed. The tables come last; docs/performance.md keeps them.
set -u
out=$(mktemp -d); trap 'rm -rf "$out"' EXIT
lac() { node dist/cli/main.js "$@"; }
lac devices
failed=0
for file in kernels/lightning/forward.ts kernels/lightning/segments.ts kernels/gla/simple.ts kernels/flash/forward.ts kernels/norm/add-rms-norm.ts; do
  for dtype in f32 f16 bf16; do
    lac run "$file" --device webgpu --dtype "T=$dtype" > "$out/run" 2>&1 || { failed=1; cat "$out/run"; }
    echo "$file $dtype: $(grep -c '^verdict *correct' "$out/run") correct, $(grep '^run' "$out/run" | head -1)"
  done
done
lac run kernels/lightning/forward.ts --device webgpu --shape B=1,H=16,N=4096,D=64,E=64 -v || failed=1
echo; echo "== lightning forward, one launch"
for config in C=32,BE=32,warps=4,stages=2,G=4 C=32,BE=32,warps=4,stages=2,G=1 C=32,BE=64,warps=4,stages=2,G=8 C=16,BE=32,warps=2,stages=2,G=4; do
  node dist/bench/webgpu.js --shape B=1,H=16,N=4096,D=64,E=64 --config $config --samples 50 | grep -E '^\| C='
done
echo; echo "== lightning forward, two launches over segments"
node dist/bench/segments.js --segments 8,16 --blocks 32,64,4 --blocks 32,32,4 --blocks 16,64,4 --samples 50
echo; echo "== the same without robustness (Node only)"
node dist/bench/webgpu.js --shape B=1,H=16,N=4096,D=64,E=64 --config C=32,BE=32,warps=4,stages=2,G=4 --robust false --samples 50 | grep -E '^\| C='
node dist/bench/segments.js --segments 8 --blocks 32,64,4 --robust false --samples 50 | grep -E '^\| G='
echo; echo "== compile times"
node dist/bench/compile.js
[ $failed = 0 ] && echo "all correct" || { echo "SOMETHING IS WRONG"; exit 1; }
