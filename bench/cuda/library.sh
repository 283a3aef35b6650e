#!/usr/bin/env bash
# Every kernel file of the library against its reference, on CUDA and on WebGPU: one line a file and device, the failed last.
set -uo pipefail
cd "$(dirname "$0")/../.."
devices=${DEVICES:-cuda:0 webgpu}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

one() {
  local file=$1 device=$2 log
  log=$folder/$(tr '/:' '__' <<<"$file.$device")
  if timeout 120 node dist/cli/main.js run "$file" --device "$device" > "$log" 2>&1; then echo "ok     $device $file"
  else echo "FAILED $device $file: $(grep -vE '^ *$' "$log" | tail -n 6 | tr '\n' ' ' | cut -c1-600)"; fi
}
export -f one
export folder
for device in $devices; do
  for file in kernels/*/*.ts docs/tutorial/*.ts; do
    case $file in *.ref.ts | *.test.ts) ;; *) [ -e "${file%.ts}.ref.ts" ] && echo "$file $device" ;; esac
  done
done | xargs -P 6 -L 1 bash -c 'one "$@"' _ | sort -r | tee "$folder/all"
grep -c '^ok' "$folder/all"
! grep -q '^FAILED' "$folder/all"
