# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# What our scp sends to stock's sshd: as many channels as it wants (auto) beside
# one (one), on a quiet machine and on a busy one; stock's scp and TCP beside them.
# The part lanes of lab/bench.sh, which reads this file.
#
# cases:
#	quiet	500 MB over 100 ms x 1 Gbit/s
#	busy	60 MB over 60 ms x 400 Mbit/s, while twelve programs want the
#		processors
# Auto and one take turns, nine pairs of them; the ratio of a pair is time by
# time, and its median is to be 1.1 at most.  The bound on raw TCP's time is for
# what a copy takes without connecting: the time of `ssh true` is taken off.
#
# From the environment:
#	BENCH_RUNS		pairs (9)
#	BENCH_LANES_BYTES	of both cases
#	BENCH_LANES_LOAD	programs (12)

lanes() {
	local run product case=quiet bytes=${BENCH_LANES_BYTES:-500000000}
	local runs=${BENCH_RUNS:-9} busy=() i
	if [ "$LAB_RTT" = 60 ]; then
		case=busy
		bytes=${BENCH_LANES_BYTES:-60000000}
	fi
	serve stock
	lanes_dir=$(new_dir)
	trap 'stop_background; stop "${busy[@]}" "${server_of[@]}"; rm -rf "$lanes_dir"' EXIT
	"$FLOW" source -n "$bytes" >"$lanes_dir/from"
	if [ "$case" = busy ]; then
		for ((i = 0; i < ${BENCH_LANES_LOAD:-12}; i++)); do
			sh -c 'while :; do :; done' &
			busy+=("$!")
		done
	fi
	for ((run = 1; run <= runs; run++)); do
		if [ $((run % 2)) = 1 ]; then
			set -- auto one
		else
			set -- one auto
		fi
		# What is beside them need not be taken as often.
		[ $((run % 3)) != 1 ] || set -- "$@" stock raw
		for product; do
			lanes_once
		done
	done
	awk -F '\t' -v c="$case" '
	$8 == "time" { t[$2, $7] = $9; if ($7 > n) n = $7 }
	END {
		for (i = 1; i <= n; i++) {
			a = t[c, i]; o = t[c "@one", i]
			if (a > 0 && o > 0)
				r[++m] = a / o
		}
		for (i = 2; i <= m; i++)
			for (j = i; j > 1 && r[j] < r[j - 1]; j--) {
				x = r[j]; r[j] = r[j - 1]; r[j - 1] = x
			}
		if (m > 0)
			x = (r[int((m + 1) / 2)] + r[int((m + 2) / 2)]) / 2
		if (m > 0)
			printf "  %s: auto takes %.2f of one, median of %d " \
			    "pairs, %.2f to %.2f\n", c, x, m, r[1], r[m]
	}' <(awk -F '\t' '$6 == "ours"' "$OUT/lanes.tsv")
}

lanes_once() {
	local begun took true_time status=0 stage=$HPN_STAGE name=$case whose=ours
	local options=()
	case $product in
	raw)
		if ! raw "-n $bytes" up; then
			failed "$case" up raw "$run" "iperf3"
			return 0
		fi
		took=$(calc "$bytes / 1e6 / $raw_rate")
		record "$case" up raw "$run" time "$took" s
		progress "$case" up raw "$took s"
		return 0
		;;
	one) name=$case@one options=(-X channels=1) ;;
	stock) stage=$STOCK_STAGE whose=stock ;;
	esac
	begun=$EPOCHREALTIME
	# shellcheck disable=SC2086
	timeout 30 $LAB_A "$stage/bin/ssh" -F "$work/stock.ssh_config" target \
	    true </dev/null >/dev/null 2>transfer.log || status=1
	true_time=$(calc "$EPOCHREALTIME - $begun")
	begun=$EPOCHREALTIME
	# shellcheck disable=SC2086
	timeout 200 $LAB_A "$stage/bin/scp" -q "${options[@]}" \
	    -F "$work/stock.ssh_config" -S "$stage/bin/ssh" "$lanes_dir/from" \
	    "target:$lanes_dir/to" </dev/null >/dev/null 2>transfer.log ||
	    status=1
	took=$(calc "$EPOCHREALTIME - $begun - $true_time")
	if [ "$status" != 0 ] || ! cmp "$lanes_dir/from" "$lanes_dir/to" \
	    >>transfer.log; then
		failed "$name" up "$whose" "$run" "$(tail -n 1 transfer.log)"
		return 0
	fi
	rm -f "$lanes_dir/to"
	record "$name" up "$whose" "$run" true "$true_time" s
	record "$name" up "$whose" "$run" time "$took" s
	progress "$name" up "$whose" "$took s, without the $true_time s of \
ssh true"
}
