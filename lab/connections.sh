#!/bin/bash
# SPDX-License-Identifier: ISC
# A large file over eight TCP connections (scp -j 8) beside one, and beside as many
# of iperf3's, on two emulated links of 100 ms: one that loses a packet in a thousand,
# with cubic, and one that lets each connection have 200 Mbit/s. With tree, a tree of
# files of 10 to 100 kB on the first of these links, beside stock's scp, too.
#
# usage: lab/connections.sh [loss | policer | tree]...
#
# The rate of a copy is its bytes by its time, less the time of `ssh true`. Behind each
# copy iperf3 -P 8 runs for as long as that copy took, since a connection is faster in the
# beginning than after its first losses. Ratios are to that; the median of them is
# printed.
#
# From the environment: CONNECTIONS_RUNS, how often (3); CONNECTIONS_ONE=0, not over
# one connection; CONNECTIONS_WAYS ("up down"); CONNECTIONS_BYTES of loss (100000000):
# losses even out over larger files; CONNECTIONS_FILES of tree (2000), of which one
# connection copies a quarter; CONNECTIONS_SEED, of the losses (1); see also
# lab/common.sh.
# Leaves in build/lab/connections: rates.tsv, every rate taken; connections.txt, the
# table, which is printed, too.

set -eu

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$ROOT/lab/common.sh"

OUT=$BUILD/lab/connections
RUNS=${CONNECTIONS_RUNS:-3}
N=8

# row WHAT WAY SERVER MBIT
row() {
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$case" "$run" "$1" "$2" "$3" "$4" \
	    >>"$OUT/rates.tsv"
	say "$case $run: $1 $2 $3: $4 Mbit/s"
}

# iperf WAY SERVER: as long as the copy with this server has taken.
iperf() {
	local way=$1 server=$2 seconds reverse=()
	seconds=$(calc "$took" %.0f)
	[ "$way" = up ] || reverse=(-R)
	# shellcheck disable=SC2086 # prefixes
	timeout $((seconds + 30)) $LAB_A iperf3 -c "$LAB_ADDR_B" -p 5299 -P "$N" \
	    -t "$seconds" "${reverse[@]}" -J >iperf.json || die "iperf3: $(tail -n 3 iperf.json)"
	row iperf3 "$way" "$server" "$(awk -F '[:,]' '/"sum_received"/ { s = 1 }
	    s && /"bits_per_second"/ { printf "%.1f", $2 / 1e6; exit }' iperf.json)"
}

# copy CONNECTIONS WAY SERVER
copy() {
	local n=$1 way=$2 server=$3 conf=$work/$3.ssh_config begun true_time
	local from to size=$bytes
	[ "$n" != 1 ] || size=$((bytes / 4))
	head -c "$size" big >part
	begun=$EPOCHREALTIME
	# shellcheck disable=SC2086
	timeout 60 $LAB_A "$HPN_STAGE/bin/ssh" -F "$conf" target true \
	    </dev/null >/dev/null 2>err || die "ssh: $(tail -n 1 err)"
	true_time=$(calc "$EPOCHREALTIME - $begun")
	if [ "$way" = up ]; then
		from=$work/part to=target:$work/copy
	else
		from=target:$work/part to=$work/copy
	fi
	rm -f copy
	begun=$EPOCHREALTIME
	# shellcheck disable=SC2086
	timeout 200 $LAB_A "$HPN_STAGE/bin/scp" -q -j "$n" -F "$conf" \
	    -S "$HPN_STAGE/bin/ssh" "$from" "$to" </dev/null >/dev/null 2>err ||
	    die "scp: $(tail -n 1 err)"
	took=$(calc "$EPOCHREALTIME - $begun - $true_time")
	cmp part copy || die "scp -j $n $way, $server: the copy differs"
	row "scp -j $n" "$way" "$server" "$(calc "$size * 8 / 1e6 / $took" %.1f)"
}

# make_tree DIR FILES: 20 folders of files of 10 to 100 kB.
make_tree() {
	local i len at=0
	for ((i = 0; i < $2; i++)); do
		((len = 10000 + i * 7919 % 90001, at = (at + len) % 50000000)) || :
		mkdir -p "$1/d$((i % 20))"
		tail -c +"$((at + 1))" big | head -c "$len" >"$1/d$((i % 20))/f$i"
	done
}

# copy_tree N|stock WAY SERVER
copy_tree() {
	local n=$1 way=$2 server=$3 conf=$work/$3.ssh_config begun true_time
	local from to stage=$HPN_STAGE tree=part options=(-j "$1")
	[ "$n" = "$N" ] && tree=all
	[ "$n" != stock ] || options=() stage=$STOCK_STAGE
	begun=$EPOCHREALTIME
	# shellcheck disable=SC2086 # prefixes
	timeout 60 $LAB_A "$stage/bin/ssh" -F "$conf" target true \
	    </dev/null >/dev/null 2>err || die "ssh: $(tail -n 1 err)"
	true_time=$(calc "$EPOCHREALTIME - $begun")
	rm -rf copy
	mkdir copy
	if [ "$way" = up ]; then
		from=$work/$tree to=target:$work/copy
	else
		from=target:$work/$tree to=$work/copy
	fi
	begun=$EPOCHREALTIME
	# shellcheck disable=SC2086
	timeout 400 $LAB_A "$stage/bin/scp" -q -r "${options[@]}" -F "$conf" \
	    -S "$stage/bin/ssh" "$from" "$to" </dev/null >/dev/null 2>err ||
	    die "scp: $(tail -n 1 err)"
	took=$(calc "$EPOCHREALTIME - $begun - $true_time")
	diff -rq "$tree" "copy/$tree" >err || die "scp -j $n $way, $server: the copy differs"
	[ "$n" = stock ] && n="stock's scp" || n="scp -j $n"
	row "$n" "$way" "$server" \
	    "$(calc "$(cat $tree/*/* | wc -c) * 8 / 1e6 / $took" %.1f)"
}

inside() {
	local way server took bytes=${CONNECTIONS_BYTES:-100000000}
	case=$1
	[ "$case" != policer ] || bytes=2000000000
	# Whatever the system allows as a default, a route may have it.
	# shellcheck disable=SC2086 # prefixes
	$LAB_A ip route change 10.213.0.0/30 dev lab0 scope link \
	    src "$LAB_ADDR_A" congctl lock cubic
	# shellcheck disable=SC2086
	$LAB_B ip route change 10.213.0.0/30 dev lab0 scope link \
	    src "$LAB_ADDR_B" congctl lock cubic
	work_dir connections/work
	work=$(new_dir)
	cp -a ./* "$work"
	cd "$work"
	trap 'stop "${servers[@]}"; rm -rf "$work"' EXIT
	servers=()
	both_servers
	# shellcheck disable=SC2086
	$LAB_B iperf3 -s -p 5299 >/dev/null 2>&1 &
	servers+=($!)
	"$FLOW" source -n "$bytes" >big
	if [ "$case" = tree ]; then
		make_tree all "${CONNECTIONS_FILES:-2000}"
		make_tree part $((${CONNECTIONS_FILES:-2000} / 4))
	fi
	for ((run = 1; run <= RUNS; run++)); do
		for way in ${CONNECTIONS_WAYS:-up down}; do
			for server in stock ours; do
				if [ "$case" = tree ]; then
					copy_tree "$N" "$way" "$server"
				else
					copy "$N" "$way" "$server"
				fi
				iperf "$way" "$server"
			done
			[ "$run" = 1 ] && [ "${CONNECTIONS_ONE-1}" != 0 ] || continue
			if [ "$case" = tree ]; then
				copy_tree 1 "$way" ours
				copy_tree stock "$way" stock
			else
				copy 1 "$way" ours
			fi
		done
	done
}

if [ "${1-}" = --inside ]; then
	inside "$2"
	exit
fi
for case; do
	case $case in
	loss | policer | tree) ;;
	*)
		sed -n 's/^# usage: /usage: /p' "${BASH_SOURCE[0]}" >&2
		exit 2
		;;
	esac
done
[ $# != 0 ] || set -- loss policer tree
need awk timeout iperf3
need_stages
build_flow
mkdir -p "$OUT"
: >"$OUT/rates.tsv"
for case; do
	link=(--rtt 100 --rate 1000 --loss 0.001 --seed "${CONNECTIONS_SEED:-1}")
	[ "$case" != policer ] || link=(--rtt 100 --policer 200)
	"$ROOT/lab/lab.sh" run "${link[@]}" -- "$ROOT/lab/connections.sh" --inside \
	    "$case"
done
rm -rf "$OUT/work"
awk -F '\t' '
{
	v[$1, $2, $3, $4, $5] = $6
	key = $1 "\t" $3 "\t" $4 "\t" $5
	if (!(key in seen)) {
		seen[key] = 1
		keys[++n] = key
	}
	if ($2 > runs)
		runs = $2
}
function median(x, m, i, j, t) {
	for (i = 2; i <= m; i++)
		for (j = i; j > 1 && x[j] < x[j - 1]; j--) {
			t = x[j]; x[j] = x[j - 1]; x[j - 1] = t
		}
	return (x[int((m + 1) / 2)] + x[int((m + 2) / 2)]) / 2
}
END {
	printf "%-8s %-10s %-5s %-7s %9s %7s\n", "link", "what", "way", "server",
	    "Mbit/s", "ratio"
	for (k = 1; k <= n; k++) {
		split(keys[k], p, "\t")
		m = 0
		for (i = 1; i <= runs; i++)
			if ((p[1], i, p[2], p[3], p[4]) in v) {
				rate[++m] = v[p[1], i, p[2], p[3], p[4]]
				r[m] = rate[m] / v[p[1], i, "iperf3", p[3], p[4]]
			}
		printf "%-8s %-10s %-5s %-7s %9.1f %7.2f\n", p[1], p[2], p[3],
		    p[4], median(rate, m), median(r, m)
	}
}' "$OUT/rates.tsv" | tee "$OUT/connections.txt"
