#!/bin/bash
# SPDX-License-Identifier: ISC
# One long file from one host to another through this one (scp -3), over two links of
# different rates, beside what each half takes alone and what stock's scp -3 takes.
#
# usage: lab/cross.sh
#
#	sshd B ==link x== A  ssh == scp == ssh  A ==link y== B sshd
#
# x has CROSS_X ("40 400": round trip in ms, Mbit/s), y has CROSS_Y ("60 160"). The file
# has CROSS_BYTES (200000000). Each figure is the seconds of one command, logins
# included. "x alone" is from x to here, "y alone" from here to y.
# Leaves runs.tsv in build/lab/cross. Exit: 0 all arrived; 1 something did not; 77 not
# possible here.

set -eu

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$ROOT/lab/common.sh"

BYTES=${CROSS_BYTES:-200000000}
read -r X_RTT X_RATE <<<"${CROSS_X:-40 400}"
read -r Y_RTT Y_RATE <<<"${CROSS_Y:-60 160}"

# begin_side x|y: sshd of both stages behind this link; two hosts for each in configs.
begin_side() {
	local product
	servers=()
	both_servers
	for product in stock ours; do
		sed "s/^Host target jumped/Host $1/; /^Host jump/,/^ProxyJump/d" \
		    "$product.ssh_config" >"$product.$1"
	done
}

# copy NAME STAGE FROM TO [OPTION ...]
copy() {
	local name=$1 stage=$2 from=$3 to=$4 begun took status=0
	shift 4
	rm -f "$files/to"
	begun=$EPOCHREALTIME
	timeout 100 "$stage/bin/scp" -q -S "$work/ssh.${stage##*/}" "$@" "$from" "$to" \
	    </dev/null >copy.log 2>&1 || status=$?
	took=$(calc "$EPOCHREALTIME - $begun")
	if [ "$status" != 0 ] || ! cmp "$files/from" "$files/to" >>copy.log 2>&1; then
		printf '%s: status %s: %s\n' "$name" "$status" "$(head -n 1 copy.log)"
		bad=1
		return 0
	fi
	printf '%s\t%s\t%s\n' "$name" "$took" "$BYTES" >>runs.tsv
	printf '%-28s %6.2f s  %5.1f MB/s\n' "$name" "$took" \
	    "$(calc "$BYTES / 1e6 / $took")"
}

case ${1-} in
'')
	exec "$ROOT/lab/lab.sh" run --rtt "$X_RTT" --rate "$X_RATE" -- "$ROOT/lab/cross.sh" one
	;;
one)
	need_stages
	build_flow
	work_dir cross
	begin_side x
	export CROSS_A=$LAB_A
	status=0
	"$ROOT/lab/lab.sh" run --rtt "$Y_RTT" --rate "$Y_RATE" -- "$ROOT/lab/cross.sh" two || status=$?
	stop "${servers[@]}"
	exit "$status"
	;;
esac

work=$BUILD/lab/cross
cd "$work"
begin_side y
files=$(new_dir)
trap 'stop "${servers[@]}"; rm -rf "$files"' EXIT
"$FLOW" source -n "$BYTES" >"$files/from"
bad=0
: >runs.tsv
for stage in "$HPN_STAGE" "$STOCK_STAGE"; do
	product=ours
	[ "$stage" = "$HPN_STAGE" ] || product=stock
	cat >"ssh.${stage##*/}" <<-END
	#!/bin/sh
	case "\$*" in
	*" x "*) exec $CROSS_A $stage/bin/ssh -F $work/$product.x "\$@" ;;
	esac
	exec $LAB_A $stage/bin/ssh -F $work/$product.y "\$@"
	END
	chmod +x "ssh.${stage##*/}"
done
printf 'x: %s ms, %s Mbit/s; y: %s ms, %s Mbit/s; %s bytes\n' \
    "$X_RTT" "$X_RATE" "$Y_RTT" "$Y_RATE" "$BYTES"
copy 'x alone' "$HPN_STAGE" "x:$files/from" "$files/to"
copy 'y alone' "$HPN_STAGE" "$files/from" "y:$files/to"
copy 'from x to y' "$HPN_STAGE" "x:$files/from" "y:$files/to" -3
copy 'x alone, reversed' "$HPN_STAGE" "$files/from" "x:$files/to"
copy 'y alone, reversed' "$HPN_STAGE" "y:$files/from" "$files/to"
copy 'from y to x' "$HPN_STAGE" "y:$files/from" "x:$files/to" -3
copy 'stock from x to y' "$STOCK_STAGE" "x:$files/from" "y:$files/to" -3
copy 'stock from y to x' "$STOCK_STAGE" "y:$files/from" "x:$files/to" -3
exit "$bad"
