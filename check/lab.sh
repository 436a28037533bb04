#!/bin/bash
# SPDX-License-Identifier: ISC
#
# A real link: what ssh moves over 100 ms x 1 Gbit/s with the kernel's own TCP
# on both ends, where stock's window would allow 21 MB/s.
#
#	A  ssh, data  ==lab/link==  B  sshd, data
#
# usage: check/lab.sh
#
# From the environment: BASE, HPN_STAGE (see lab/common.sh), HPN_SLOWNESS (how many
# times slower than a quick one this machine is: the link is as much longer and
# thinner, so that the same bytes are under way). Exit: 0 all passed, 1 something
# failed, 77 network namespaces or TUN are not permitted here.
# Last line: `N passed, N failed, N skipped`.

set -eu

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$ROOT/lab/common.sh"

slowness=${HPN_SLOWNESS:-1}
# MB that are moved, and what 2 MiB in each round trip come to, in MB/s.
FULL=160
SMALL=24
STOCK=$(calc "21 / $slowness" %.2f)
# More than stock's window allows at all, far less than is measured on an idle
# machine: connecting counts too, and the tests beside this one take their share.
LEAST=$(calc "25 / $slowness" %.2f)
passed=0 failed=0 skipped=0

verdict() {		# TEXT CONDITION (awk)
	if awk "BEGIN { exit !($2) }"; then
		passed=$((passed + 1))
		printf 'ok    %s\n' "$1"
	else
		failed=$((failed + 1))
		printf 'FAIL  %s\n' "$1"
	fi
}

# move up|down MB [OPTION ...]: sets rate, MB/s, connecting included; the copy
# is compared.
move() {
	local way=$1 mb=$2 begun same=0
	shift 2
	rm -f copy
	begun=$EPOCHREALTIME
	# shellcheck disable=SC2086
	if [ "$way" = up ]; then
		timeout $((120 * slowness)) $LAB_A "$HPN_STAGE/bin/ssh" -F lab.ssh_config "$@" \
		    target "head -c $((mb * 1000000)) >'$work/copy'" <data || :
	else
		timeout $((120 * slowness)) $LAB_A "$HPN_STAGE/bin/ssh" -F lab.ssh_config "$@" \
		    target "head -c $((mb * 1000000)) '$work/data'" >copy || :
	fi
	rate=$(calc "$mb / ($EPOCHREALTIME - $begun)" %.1f)
	head -c "$((mb * 1000000))" data | cmp -s - copy || same=1
	verdict "$mb MB $way${*:+ ($*)}: the copy is identical" "$same == 0"
}

inside() {
	local way lines
	work_dir check
	trap 'stop "${server_pid-}"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	head -c "$((FULL * 1000000))" /dev/urandom >data
	readarray -t lines < <(stage_lines "$HPN_STAGE")
	server lab "$HPN_STAGE" "${lines[@]}"
	client lab "$server_port"
	# The receiver's window is what is switched off: the client's.
	move down "$SMALL" -o HPNDisabled=yes
	verdict "$SMALL MB down with HPNDisabled: $rate MB/s, at most $STOCK" \
	    "$rate <= $STOCK"
	local disabled=$rate
	for way in up down; do
		move "$way" "$FULL"
		# Who does not even fill stock's window has no use for more.
		if awk "BEGIN { exit !($rate <= $LEAST && \
		    $disabled < $STOCK * 0.6) }"; then
			echo "skip  $FULL MB $way (skipped: too slow to tell:" \
			    "$rate MB/s, with HPNDisabled $disabled of $STOCK)"
			skipped=$((skipped + 1))
			continue
		fi
		verdict "$FULL MB $way: $rate MB/s, more than $LEAST" \
		    "$rate > $LEAST"
	done
	rm -f data copy user host
}

if [ "${1-}" = --inside ]; then
	inside
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	[ "$failed" -eq 0 ]
	exit
fi
need awk cmp timeout
[ -x "$HPN_STAGE/sbin/sshd" ] || die "$HPN_STAGE is not there: run make build"
build_flow
"$ROOT/lab/lab.sh" check || exit
exec "$ROOT/lab/lab.sh" run --rtt $((100 * slowness)) --rate $((1000 / slowness)) -- \
    "$ROOT/check/lab.sh" --inside
