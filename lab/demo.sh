#!/bin/bash
# SPDX-License-Identifier: ISC
# The main job, to look at: one real file copied over an emulated 100 ms x
# 1 Gbit/s link by our scp and by stock's, up and down, each talking to an
# sshd of its own kind, compared byte for byte, with raw TCP beside them.
#
# usage: lab/demo.sh [--loopback]
#
#	--loopback	no emulated link; what happens by itself where network
#			namespaces or TUN devices are not permitted
#
# From the environment: DEMO_MB, the size of the file (320); see also
# lab/common.sh. Everything made is below build/lab/demo and, but for the
# table and the logs, removed at the end.

set -eu

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$ROOT/lab/common.sh"

DEMO_MB=${DEMO_MB:-320}
RTT=100
RATE=1000
# A copy slower than this has gone wrong: seconds.
LIMIT=${DEMO_LIMIT:-180}

usage() {
	sed -n '/^# usage:/,/^#$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
	exit 2
}

# Build's own files, as often as it takes, in one tar stream cut to size.
make_file() {
	local want=$((DEMO_MB * 1000000)) have=0
	local parts=()
	local part
	for part in "base/$BASE" "tree/$BASE" "obj/hpn-$BASE" \
	    "obj/stock-$BASE" "stage"; do
		[ ! -e "$BUILD/$part" ] || parts+=("$part")
	done
	[ ${#parts[@]} -gt 0 ] || parts=("${HPN_STAGE#"$BUILD/"}")
	: >file
	while [ "$have" -lt "$want" ]; do
		# head closes the pipe when it has enough; that is no failure.
		tar -C "$BUILD" --exclude=.git -cf - "${parts[@]}" \
		    2>/dev/null | head -c "$((want - have))" >>file || :
		[ "$(stat -c %s file)" -gt "$have" ] ||
		    die "cannot write $work/file: is the disk full?"
		have=$(stat -c %s file)
	done
	sum=$(sha256sum file | cut -d ' ' -f 1)
}

# watch_copy WHAT FILE PID: a line that is rewritten while PID lives.
watch_copy() {
	local begun=$EPOCHREALTIME size
	[ -t 1 ] || return 0
	while kill -0 "$3" 2>/dev/null; do
		size=$(stat -c %s "$2" 2>/dev/null || echo 0)
		printf '\r  %-28s %4d of %d MB, %5.1f MB/s ' "$1" \
		    "$((size / 1000000))" "$DEMO_MB" \
		    "$(calc "$size / 1e6 / ($EPOCHREALTIME - $begun + 0.01)")"
		sleep 0.5
	done
	printf '\r%-76s\r' ''
}

# copy PRODUCT STAGE up|down: sets copy_rate.
copy() {
	local label begun status=0 pid took
	local from to
	if [ "$3" = up ]; then
		label="$1 scp, up"
		from=file to=target:$work/copy
	else
		label="$1 scp, down"
		from=target:$work/file to=copy
	fi
	rm -f copy
	begun=$EPOCHREALTIME
	# shellcheck disable=SC2086
	timeout "$LIMIT" $LAB_A "$2/bin/scp" -q -S "$2/bin/ssh" \
	    -F "$work/$1.ssh_config" "$from" "$to" </dev/null &
	pid=$!
	watch_copy "$label" copy "$pid"
	wait "$pid" || status=$?
	took=$(calc "$EPOCHREALTIME - $begun")
	if [ "$status" = 124 ]; then
		die "$label: not finished after $LIMIT s; is the machine busy?" \
		    "DEMO_LIMIT=$((LIMIT * 3)) make demo gives it more time"
	elif [ "$status" != 0 ]; then
		printf 'log of the server, %s:\n' "$work/$1.log" >&2
		tail -n 10 "$1.log" >&2
		die "$label: failed with status $status, see above"
	fi
	[ "$(sha256sum copy | cut -d ' ' -f 1)" = "$sum" ] ||
	    die "$label: THE COPY DIFFERS from the file:" \
	    "$(cmp file copy 2>&1 || :); both are left in $work"
	rm -f copy
	copy_rate=$(calc "$DEMO_MB / $took")
	printf '  %-28s %6.1f s  %6.1f MB/s  sha256 as the original\n' \
	    "$label" "$took" "$copy_rate"
}

raw_copy() {
	raw "-n $((DEMO_MB * 1000000))" "$1" ||
	    die "iperf3 failed: $(tail -n 1 iperf.client)"
	copy_rate=$raw_rate
	printf '  %-28s %6.1f s  %6.1f MB/s\n' "raw TCP (iperf3), $1" \
	    "$(calc "$DEMO_MB / $raw_rate")" "$raw_rate"
}

servers=()	# global: the exit trap stops them
inside() {
	local way
	work_dir demo
	trap 'stop "${servers[@]}"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP

	make_file
	say "the file: $DEMO_MB MB of this build's own sources and objects," \
	    "sha256 ${sum:0:16}..."

	both_servers

	declare -A rate
	for way in up down; do
		raw_copy "$way"
		rate[raw-$way]=$copy_rate
		copy ours "$HPN_STAGE" "$way"
		rate[ours-$way]=$copy_rate
		copy stock "$STOCK_STAGE" "$way"
		rate[stock-$way]=$copy_rate
	done

	{
		printf '\n'
		if [ "$LAB_MODE" = loopback ]; then
			printf '%s MB over loopback, MB/s' "$DEMO_MB"
		else
			printf '%s MB over %s ms x %s Mbit/s, MB/s' \
			    "$DEMO_MB" "$LAB_RTT" "$LAB_RATE"
		fi
		printf '\n\n%-34s %10s %10s\n' '' up down
		printf '%-34s %10.1f %10.1f\n' \
		    'scp, stock OpenSSH (same base)' \
		    "${rate[stock-up]}" "${rate[stock-down]}" \
		    'scp, openssh-hpn' \
		    "${rate[ours-up]}" "${rate[ours-down]}"
		printf '%-34s %9.1fx %9.1fx\n' '  ours / stock' \
		    "$(calc "${rate[ours-up]} / ${rate[stock-up]}")" \
		    "$(calc "${rate[ours-down]} / ${rate[stock-down]}")"
		printf '%-34s %10.1f %10.1f\n' 'raw TCP (iperf3)' \
		    "${rate[raw-up]}" "${rate[raw-down]}"
		printf '\nWhole copies, connecting and the start of TCP'
		printf ' included; all four copies are\nidentical to the'
		printf ' original.\n'
	} >table.txt
	cat table.txt
	rm -f file copy user user.pub host host.pub
}

case ${1-} in
'') mode='link' ;;
--loopback) mode=loopback ;;
--inside)
	inside
	exit 0
	;;
*) usage ;;
esac
[ $# -le 1 ] || usage
case $DEMO_MB in
'' | *[!0-9]* | 0*) die "DEMO_MB=$DEMO_MB is not a number of megabytes" ;;
esac

need iperf3 awk sha256sum tar timeout
need_stages
build_flow
free=$(df -Pk "$BUILD" | awk 'NR == 2 { print int($4 / 1000) }')
[ "$free" -gt "$((DEMO_MB * 2 + 50))" ] ||
    die "only $free MB free in $BUILD, the demo needs $((DEMO_MB * 2 + 50)):" \
    'free some space, or give a smaller DEMO_MB'

say "ours:  $("$HPN_STAGE/bin/ssh" -V 2>&1)"
say "stock: $("$STOCK_STAGE/bin/ssh" -V 2>&1)"
if [ "$mode" = link ]; then
	status=0
	why=$("$ROOT/lab/lab.sh" check 2>&1) || status=$?
	case $status in
	0)
		say "two network namespaces, an emulated link between them:" \
		    "$RTT ms, $RATE Mbit/s"
		;;
	77)
		say "no emulated link on this machine (${why#lab: }): on loopback"
		say 'instead, where there is no distance to overcome and little' \
		    'difference to see'
		mode=loopback
		;;
	*)
		printf '%s\n' "$why" >&2
		exit 1
		;;
	esac
fi
if [ "$mode" = link ]; then
	set -- --rtt "$RTT" --rate "$RATE"
else
	set -- --loopback
fi
exec "$ROOT/lab/lab.sh" run "$@" -- "$ROOT/lab/demo.sh" --inside
