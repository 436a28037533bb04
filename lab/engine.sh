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

# build NAME: lab/NAME.c with our build's compiler, flags and libraries.
build() {
	[ -f "$HPN_OBJ/libssh.a" ] && [ -f "$HPN_OBJ/Makefile" ] ||
	    die "$HPN_OBJ has no libssh.a: run make build BASE=$BASE"
	cat >"$OUT/$1.mk" <<'END'
include Makefile
lab-program:
	$(CC) $(CFLAGS) $(CPPFLAGS) -o '$(PROGRAM)' '$(SOURCE)' $(LDFLAGS) \
	    -lssh -lopenbsd-compat -lssh -lopenbsd-compat $(LIBS) $(CHANNELLIBS)
END
	make -s -C "$HPN_OBJ" -f "$OUT/$1.mk" PROGRAM="$OUT/$1" \
	    SOURCE="$ROOT/lab/$1.c" lab-program >"$OUT/$1.log" 2>&1 || {
		cat "$OUT/$1.log" >&2
		die "lab/$1.c does not build with $HPN_OBJ, see above"
	}
}

need make
mkdir -p "$OUT"
build engine
build ctr
say "the packet engine, MB/s, up to $workers workers beside the main thread"
"$OUT/engine" -w "$workers" | tee "$OUT/engine.txt"
say "the AES-CTR keystream ring; the main thread has 400 ns/KiB of other work"
"$OUT/ctr" -t "$workers" -w 400 -r 2 -m 256 | tee "$OUT/ctr.txt"
