# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# What a file of a tree costs in processor time: scp beside rsync and tar over the
# same ssh.  The part tree of lab/bench.sh, which reads this file.  Loopback.
#
# 10,000 files of 1 kB in 500 directories, as those of the part small.  Processor time
# is that of both ends: of scp, rsync or tar, ssh, sshd and all that these start, in
# microseconds for each file.  time is that of the whole command.
#
# From the environment:
#	BENCH_RUNS		rounds (3)
#	BENCH_TREE_TOOLS	"scp rsync tar"
#	BENCH_FILES_DIR		where files go; /dev/shm

TREE_TOOLS=${BENCH_TREE_TOOLS:-scp rsync tar}
TREE_FILES=10000

tree() {
	local run way product tool
	small_dir=$(new_dir)
	trap 'stop_background; stop "${server_of[@]}"; rm -rf "$small_dir"' EXIT
	small_make tree
	for ((run = 1; run <= ${BENCH_RUNS:-3}; run++)); do
		for tool in $TREE_TOOLS; do
			if ! command -v "$tool" >/dev/null; then
				record "$tool" - ours "$run" skipped 1 -
				progress "$tool" - ours \
				    'SKIPPED: it is not installed'
				continue
			fi
			for way in up down; do
				for product in $(rounds "$run" ours stock); do
					tree_once
				done
			done
		done
	done
}

tree_once() {
	local from=$small_dir/from to=$small_dir/to status=0 begun took cpu unused
	local client_cpu server_cpu over
	rm -rf "$to"
	counted_serve "$product"
	over="$ssh_bin -F $conf"
	case $tool.$way in
	scp.up) set -- -q -r -F "$conf" -S "$ssh_bin" "$from" "target:$to" ;;
	scp.down) set -- -q -r -F "$conf" -S "$ssh_bin" "target:$from" "$to" ;;
	rsync.up) set -- -r -e "$over" "$from/" "target:$to" ;;
	rsync.down) set -- -r -e "$over" "target:$from/" "$to" ;;
	tar.up) set -- "tar -C $from -cf - . | $over target \
	    'mkdir $to && tar -C $to -xf -'" ;;
	tar.down) set -- "mkdir $to && $over target \
	    'tar -C $from -cf - .' </dev/null | tar -C $to -xf -" ;;
	esac
	case $tool in
	scp) set -- "${stage_of[$product]}/bin/scp" "$@" ;;
	rsync) set -- rsync "$@" ;;
	tar) set -- sh -c "$1" ;;
	esac
	begun=$EPOCHREALTIME
	timeout 120 "$FLOW" usage -o "$work/usage.client" -- "$@" </dev/null \
	    >/dev/null 2>transfer.log || status=1
	took=$(calc "$EPOCHREALTIME - $begun")
	counted_end "$product" || status=1
	if [ "$status" != 0 ] || ! diff -r "$from" "$to" >>transfer.log; then
		failed "$tool" "$way" "$product" "$run" \
		    "$(tail -n 1 transfer.log)"
		return 0
	fi
	rm -rf "$to"
	read -r unused client_cpu <usage.client
	cpu=$(calc "($client_cpu + $server_cpu) * 1e6 / $TREE_FILES" %.1f)
	record "$tool" "$way" "$product" "$run" cpu "$cpu" us
	record "$tool" "$way" "$product" "$run" took "$took" s
	progress "$tool" "$way" "$product" "$cpu us of processor a file, $took s"
}
