#!/usr/bin/env bash
# Builds here what a bare GPU host needs for bench/cuda/session.sh, and packs it: dist, the native addon, the programs of
# the table as PTX, and the hand-written bound (../shared/bound) as .peers/la, where nvcc is installed. Peers, if any, lie in .peers/ already.
# The ignored folders .gpu-host and .peers then have to travel with the checkout.
set -euo pipefail
cd "$(dirname "$0")/../.."
npm run --silent build
npx tsc -p tsconfig.session.json
node scripts/build-native.mjs
bound=../shared/bound
if command -v nvcc > /dev/null && [ -d "$bound" ]; then
  mkdir -p .peers
  if [ ! -x .peers/la ] || [ -n "$(find "$bound" -newer .peers/la -name '*.*')" ]; then
    nvcc -std=c++17 -gencode=arch=compute_90a,code=sm_90a -O3 -w "$bound/main.cu" -o .peers/la
  fi
fi
../shared/gpu-host/pack.sh dist build/Release node_modules/fast-check node_modules/pure-rand
# What may be carried is little: of libsql's two builds for Linux the host needs one.
modules=.gpu-host/modules.tar.xz other=node_modules/@libsql/linux-x64-musl
if [ -d $other ]; then
  xz -dc $modules | tar --delete -f - $other | xz -T0 -3 > $modules.part
  mv $modules.part $modules
fi
# pack.sh leaves source maps out; a program that calls a kernel by name finds its source by them.
find dist/kernels -name '*.map' -print0 | tar --null --create --file=.gpu-host/maps.tar --files-from=-
# Programs of the table, so that no time is spent on them there.
node dist/bench/cuda/compile.js --out .gpu-host/bench
du -sm .peers | awk '{print ".peers " $1 " MiB"}'
