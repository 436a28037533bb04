#!/bin/bash
# SPDX-License-Identifier: ISC
# What threads gain by themselves, without sockets: the packet engine for each
# cipher and packet size, and the AES-CTR keystream ring.
#
# usage: lab/engine.sh [WORKERS]	up to so many (default: one for each CPU)
#
# From the environment: BASE; HPN_OBJ, the object directory of our build.
# Leaves in build/lab/engine: engine.txt and ctr.txt, which are printed, too.

set -eu

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$ROOT/lab/common.sh"

OUT=$BUILD/lab/engine
HPN_OBJ=${HPN_OBJ:-$BUILD/obj/hpn-$BASE}
workers=${1:-$(getconf _NPROCESSORS_ONLN)}
case $workers in
''|*[!0-9]*)
	sed -n 's/^# usage: /usage: /p' "${BASH_SOURCE[0]}" >&2
	exit 2
	;;
esac

need make
mkdir -p "$OUT"
build_with "$HPN_OBJ" "$OUT/engine" engine
build_with "$HPN_OBJ" "$OUT/ctr" ctr
say "the packet engine, MB/s, up to $workers workers beside the main thread"
"$OUT/engine" -w "$workers" | tee "$OUT/engine.txt"
say "the AES-CTR keystream ring; the main thread has 400 ns/KiB of other work"
"$OUT/ctr" -t "$workers" -w 400 -r 2 -m 256 | tee "$OUT/ctr.txt"
