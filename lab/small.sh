# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# What scp takes from its start to its end, less what `ssh host true` takes:
# the part small of lab/bench.sh, which reads this file.  At 0, 10 and 100 ms.
#
# cases:
#	tiny		one file of 6 bytes
#	1000x10k	in one directory
#	tree		10,000 files of 1 kB in 500 directories
#	big		one file of 500 MB over the fresh connection; raw: TCP
# and each of them with @stock: our client and stock's sshd (and its
# sftp-server) instead of ours.  Stock is always stock at both ends; it does
# the trees at 0 and 10 ms only, where that is a matter of minutes at most.
#
# From the environment:
#	BENCH_RUNS		rounds (1)
#	BENCH_SMALL_CASES	"tiny 1000x10k tree big"
#	BENCH_SMALL_BYTES	of big (500000000)
#	BENCH_FILES_DIR		where files go; /dev/shm

SMALL_CASES=${BENCH_SMALL_CASES:-tiny 1000x10k tree big}
SMALL_BYTES=${BENCH_SMALL_BYTES:-500000000}

small() {
	local run case way product
	serve_both
	ssh_of[ours@stock]=${ssh_of[ours]}
	stage_of[ours@stock]=${stage_of[ours]}
	cp stock.ssh_config ours@stock.ssh_config
	small_dir=$(new_dir)
	trap 'stop_background; stop "${server_of[@]}"; rm -rf "$small_dir"' EXIT
	for case in $SMALL_CASES; do
		small_make "$case"
		for ((run = 1; run <= ${BENCH_RUNS:-1}; run++)); do
			for way in up down; do
				for product in raw ours ours@stock stock; do
					small_wanted && small_once
				done
			done
		done
		rm -rf "$small_dir/from"
	done
}

small_wanted() {
	case $product.$case.$LAB_RTT in
	raw.big.0) return 1 ;;		# not with a link: no comparison
	raw.big.*) ;;
	raw.*) return 1 ;;
	stock.tree.100 | stock.1000x10k.100) return 1 ;;
	esac
}

small_make() {
	local d i
	mkdir -p "$small_dir/from"
	case $1 in
	tiny) echo small >"$small_dir/from/file" ;;
	big) "$FLOW" source -n "$SMALL_BYTES" >"$small_dir/from/file" ;;
	1000x10k)
		"$FLOW" source -n 10000000 |
		    (cd "$small_dir/from" && split -b 10000 -a 3 - f)
		;;
	tree)
		"$FLOW" source -n 20000 | (cd "$small_dir" && split -b 1000 - f)
		for ((d = 0; d < 500; d++)); do
			mkdir -p "$small_dir/from/$((d % 20))/$d"
			cp "$small_dir"/f?? "$small_dir/from/$((d % 20))/$d"
		done
		rm -f "$small_dir"/f??
		;;
	esac
}

small_once() {
	local begun took true_time status=0 name=$case whose=$product
	local from=$small_dir/from to=$small_dir/to
	if [ "$product" = raw ]; then
		if ! raw "-n $SMALL_BYTES" "$way"; then
			failed "$case" "$way" raw "$run" "iperf3"
			return 0
		fi
		took=$(calc "$SMALL_BYTES / 1e6 / $raw_rate")
		record "$case" "$way" raw "$run" time "$took" s
		record "$case@stock" "$way" raw "$run" time "$took" s
		progress "$case" "$way" raw "$took s"
		return 0
	fi
	rm -rf "$to"
	case $product in
	*@stock) name=$case@stock whose=ours ;;
	esac
	use "$product"
	case $case in
	tiny | big) from=$from/file ;;
	esac
	if [ "$way" = up ]; then
		set -- "$from" "target:$to"
	else
		set -- "target:$from" "$to"
	fi
	begun=$EPOCHREALTIME
	# shellcheck disable=SC2086
	timeout 30 $LAB_A "$ssh_bin" -F "$conf" target true </dev/null \
	    >/dev/null 2>transfer.log || status=1
	true_time=$(calc "$EPOCHREALTIME - $begun")
	begun=$EPOCHREALTIME
	# shellcheck disable=SC2086
	timeout 600 $LAB_A "${stage_of[$product]}/bin/scp" -q -r -F "$conf" \
	    -S "$ssh_bin" "$@" </dev/null >/dev/null 2>transfer.log || status=1
	took=$(calc "$EPOCHREALTIME - $begun - $true_time")
	if [ "$status" != 0 ] || ! diff -r "$from" "$to" >>transfer.log; then
		failed "$name" "$way" "$whose" "$run" \
		    "$(tail -n 1 transfer.log)"
		return 0
	fi
	rm -rf "$to"
	record "$name" "$way" "$whose" "$run" time "$took" s
	# Stock's figure stands beside both of ours
	[ "$product" != stock ] ||
	    record "$name@stock" "$way" stock "$run" time "$took" s
	progress "$name" "$way" "$whose" "$took s, without the $true_time s \
of ssh true"
}
