#!/bin/sh
# SPDX-License-Identifier: ISC
# How much the series adds to stock files and removes from them.
#
# usage: base/series-size.sh
#
# One line for each patch: lines added, lines removed, and the largest hunk that
# adds anything but a new function or a manual's text. The last line is the sum.
set -eu

ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/base/lib.sh"
. "$ROOT/base/series-lib.sh"

printf '%6s %7s %12s  %s\n' added removed 'largest hunk' patch
for name in $(series_names); do
	awk -v name="$name" '
	function hunk_ends() {
		if (!whole && !manual && in_hunk > largest)
			largest = in_hunk
		in_hunk = whole = 0
	}
	/^diff --git / { hunk_ends(); body = 1; manual = /\.[1-8]$/; next }
	/^(---|\+\+\+) / { next }
	!body { next }
	/^@@ / { hunk_ends(); next }
	/^\+/ { added++; in_hunk++ }
	/^-/ { removed++ }
	# A function of its own begins with its name and ends with a brace.
	/^\+}/ { whole = 1 }
	END {
		hunk_ends()
		printf "%6d %7d %12d  %s\n", added, removed, largest, name
	}' "$ROOT/patches/$name"
done | awk '{ a += $1; r += $2; if ($3 > l) l = $3; print }
END { printf "%6d %7d %12d  %s\n", a, r, l, "the whole series" }'
