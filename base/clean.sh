#!/bin/sh
# SPDX-License-Identifier: ISC
# Remove what was built.
#
# usage: base/clean.sh [--all]
#
# Keeps the downloads, and refuses while a fork tree holds work that is not
# written back (DISCARD=1 overrides). --all removes the downloads as well.
set -eu

ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/base/lib.sh"
. "$ROOT/base/series-lib.sh"

[ -d "$BUILD" ] || exit 0
lock
scratch clean
mkdir -p "$SCRATCH"
for BASE in debian upstream; do
	use_tree "$BASE"
	if [ "${DISCARD-}" != 1 ] && [ -f "$GIT_DIR/hpn/state" ] &&
	    command -v git >/dev/null && ! tree_clean; then
		die "build/tree/$BASE has work of its own: make refresh BASE=$BASE" \
		    'keeps it, DISCARD=1 throws it away'
	fi
done
if [ "${1-}" = --all ]; then
	rm -rf "$BUILD"
else
	# The lock stays: another make may be waiting for it.
	find "$BUILD" -mindepth 1 -maxdepth 1 ! -name dl ! -name .lock \
	    -exec rm -rf {} +
fi
