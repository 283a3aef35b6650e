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
check() { # FILE SHAPE...: correct at an odd shape, quietly
  lac run "$1" --device webgpu ${2:+--shape "$2"} ${3:+--dtype "T=$3"} > "$out/run" 2>&1 || { failed=1; echo "== $*"; cat "$out/run"; }
  checked=$((${checked:-0} + $(grep -c '^verdict *correct' "$out/run")))
}
for file in test/kernels/cases/*.ts; do case $file in *.ref.ts|*/activations.ts) ;; *) check "$file" "" ;; esac; done
for dtype in f32 bf16; do
  for D in 1 3 24 80 128 200; do
    check kernels/lightning/forward.ts "B=2,H=3,N=77,D=$D,E=$((D > 40 ? D - 3 : D))" $dtype
    check kernels/gla/simple.ts "B=1,H=2,N=65,D=$D,E=$D" $dtype
    check kernels/flash/forward.ts "B=1,H=2,M=70,N=93,D=$D" $dtype
  done
  for N in 0 1 31 32 33 2049; do check kernels/lightning/forward.ts "B=1,H=2,N=$N,D=64,E=64" $dtype; done
  check kernels/norm/add-rms-norm.ts "M=3,K=1" $dtype; check kernels/norm/add-rms-norm.ts "M=130,K=8193" $dtype
done
echo "$checked kernels correct at odd shapes and in test/kernels/cases"
lac run kernels/lightning/forward.ts --device webgpu --shape B=1,H=16,N=4096,D=64,E=64 -v || failed=1
echo; echo "== lightning forward, one launch"
for config in C=32,BE=32,warps=4,stages=2,G=4 C=32,BE=32,warps=4,stages=2,G=1 C=32,BE=64,warps=4,stages=2,G=8 C=16,BE=32,warps=2,stages=2,G=4; do
  lac bench kernels/lightning/forward.ts --kernel lightningFwd --device webgpu --shape B=1,H=16,N=4096,D=64,E=64 --config $config | grep lightningFwd || failed=1
done
echo; echo "== lightning forward, two launches over segments"
node dist/bench/segments.js --segments 8,16 --blocks 32,64,4 --blocks 32,32,4 --blocks 16,64,4 --samples 50
echo; echo "== the same without robustness (Node only)"
node dist/bench/segments.js --segments 8 --blocks 32,64,4 --robust false --samples 50 | grep -E '^\| G='
echo; echo "== compile times"
node dist/bench/compile.js
[ $failed = 0 ] && echo "all correct" || { echo "SOMETHING IS WRONG"; exit 1; }
