#!/bin/bash
# SPDX-License-Identifier: ISC
# Measure ours, stock from the same base, and raw TCP on the same emulated
# link, next to each other in time, and report the ratios.
#
# usage: lab/bench.sh [PART ...]
#        lab/bench.sh --report [PART ...]	from figures taken before
#
# parts, all of them by default:
#	pipe		through ssh at 100 ms, up and down
#	rtt		the same at 10, 50 and 300 ms
#	tunnels		-L, -R, -D, -W, a local socket, a session through a
#			ControlMaster, ProxyJump, each up and down, 100 ms
#	loss		pipe at 100 ms with 0.01 % loss, medians
#	ramp		200 MB over a fresh connection, 100 ms
#	cold		50 MB, 200 MB and 1 GB over a fresh channel of each kind, ours
#			beside raw TCP, 100 and 300 ms
#	stock-peer	our receiver with stock senders, 10.0 and 9.2
#	memory		readers that sleep, 50 channels at once
#	echo		a keystroke's echo while another channel is full
#	loopback	0 ms, rate and processor time, medians
#	packet		processor time and rate for each cipher, beside a program
#			without protocol (floor.c); 0 ms, medians
#	files		the same of scp and sftp
#	none		cleartext on request beside aes128-gcm and TCP alone, on
#			loopback and at 100 ms (none.sh)
#	many		2000 connections that carry little each, 100 that want all:
#			memory, processor time, the slowest one's rate; what a login
#			costs (many.sh)
#	small		scp of small files, trees and one large file at 0, 10 and
#			100 ms, our client also with stock's server (small.sh)
#	tree		processor time of a small file, scp beside rsync and tar over
#			the same ssh; 0 ms (tree.sh)
#	lanes		scp to stock's sshd through as many channels as it wants
#			beside one, quiet and busy (lanes.sh)
#	crypt		sealing and opening a packet, each cipher, MAC and size
#			(crypt.sh)
#	engine		what threads gain by themselves (engine.sh)
#	connect		round trips until a command ran (connect.sh)
#	idle		set-up, memory and processor time of idle connections,
#			a keystroke's echo; 0 ms
#
# up: client to server. All links are 1 Gbit/s. A transfer takes BENCH_SECONDS
# (20), and its rate is that of the second half of the time. All of it takes
# about an hour; other work on the machine spoils the figures.
#
# From the environment: BENCH="PART ..." instead of arguments; BENCH_RUNS, how
# often each measurement is repeated (a part's own default); TUNNELS="L R ..."
# to select among them (COLD="pipe L ..." in the part cold, COLD_MB="50 ..." sizes,
# COLD_RTT="100 ..." links); BENCH_CC, TCP's congestion control (lab.sh's --cc); see
# also lab/common.sh, lab/peer.sh, lab/small.sh, lab/lanes.sh, lab/many.sh,
# lab/tree.sh and lab/packet.sh.
#
# Leaves in build/lab/bench: PART.tsv, every figure taken, one a line;
# summary.tsv and report.txt, medians, ratios and bounds; throughput.svg and
# .png, throughput over round-trip time. Exit: 0 when everything was measured,
# whatever the figures are; 1 when something broke or data differed.

set -eu

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$ROOT/lab/common.sh"
. "$ROOT/lab/packet.sh"
. "$ROOT/lab/none.sh"
. "$ROOT/lab/small.sh"
. "$ROOT/lab/lanes.sh"
. "$ROOT/lab/many.sh"
. "$ROOT/lab/tree.sh"

OUT=$BUILD/lab/bench
PARTS='pipe rtt tunnels loss ramp cold stock-peer memory echo loopback packet files small tree lanes idle many none crypt engine connect'
# These need no emulated link.
PARTS_LOOPBACK='loopback packet files tree idle many none'
RATE=1000
SECONDS_EACH=${BENCH_SECONDS:-20}
LIMIT=$((SECONDS_EACH + 45))
TUNNELS=${TUNNELS:-L R D W unix mux jump}
COLD=${COLD:-pipe L R D W mux jump}
RAMP_BYTES=200000000
LOOPBACK_BYTES=${BENCH_LOOPBACK_BYTES:-2000000000}
CHANNELS=50
KEYS=${BENCH_KEYS:-120}
KEY_MS=130
# HPNMemoryMax's default, MiB: the bound for many channels.
MEMORY_MAX=256

usage() {
	sed -n '/^# usage:/,/^# up:/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" |
	    sed '$d' >&2
	exit 2
}

# ---------------------------------------------------------------- inside ----

failures=0
background=()

# record CASE WAY PRODUCT RUN METRIC VALUE UNIT: one line of PART.tsv.
record() {
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$part" "$1" "$2" \
	    "$LAB_RTT" "$LAB_LOSS" "$3" "$4" "$5" "$6" "$7" >>"$OUT/$part.tsv"
}

progress() {
	printf '  %s  %-10s %3s ms %-10s %-4s %-5s  %s\n' "$(date +%T)" "$part" \
	    "$LAB_RTT" "$1" "$2" "$3" "$4"
}

# failed CASE WAY PRODUCT RUN REASON
failed() {
	failures=$((failures + 1))
	record "$1" "$2" "$3" "$4" failed 1 -
	progress "$1" "$2" "$3" "FAILED: $5"
	# What was under way may hold the ports and the connections.
	stop_background
}

stop_background() {
	[ ${#background[@]} -eq 0 ] || stop "${background[@]}"
	background=()
}

# listen COMMAND ...: start a flow that listens, $listener_pid.
listen() {
	local line='' fd
	exec {fd}< <(exec timeout "$LIMIT" "$@" </dev/null)
	listener_pid=$!
	background+=("$listener_pid")
	read -r -t 10 line <&"$fd" || :
	exec {fd}<&-
	[ "$line" = listening ]
}

a_port() {
	# shellcheck disable=SC2086
	$LAB_A "$FLOW" ports 1
}

b_port() {
	# shellcheck disable=SC2086
	$LAB_B "$FLOW" ports 1
}

# master OPTION ...: a connection in the background that waits for its
# forwards; its socket is ./ctl.  $ssh_bin and $conf say which and where to.
master() {
	# shellcheck disable=SC2086
	timeout 30 $LAB_A "$ssh_bin" -F "$conf" -f -N -M -S "$work/ctl" \
	    -o ExitOnForwardFailure=yes "$@" target </dev/null \
	    >master.log 2>&1
}

master_end() {
	[ -S ctl ] || return 0
	# shellcheck disable=SC2086
	timeout 10 $LAB_A "$ssh_bin" -F "$conf" -S "$work/ctl" -O exit target \
	    >/dev/null 2>&1 || :
	rm -f ctl
}

# One transfer from a source to a sink, which leaves its report in ./report.
# transfer CASE up|down; $ssh_bin and $conf say by which client and server,
# $length how long (-t SECONDS or -n BYTES).
transfer() {
	local case=$1 way=$2 port port2 host=target options=() status=0
	local source="$FLOW source $length" sink="$FLOW sink -o $work/report"
	rm -f report ctl
	case $case in
	jump) host=jumped ;;
	esac
	case $case in
	pipe | jump | mux | 10.0 | 9.2)
		if [ "$case" = mux ]; then
			master || return 1
			options=(-S "$work/ctl")
		fi
		# shellcheck disable=SC2086
		if [ "$way" = up ]; then
			timeout "$LIMIT" $source |
			    timeout "$LIMIT" ${usage_of_client-} $LAB_A \
			    "$ssh_bin" -F "$conf" "${options[@]}" $host \
			    "$sink" || status=1
		else
			timeout "$LIMIT" ${usage_of_client-} $LAB_A "$ssh_bin" \
			    -F "$conf" "${options[@]}" $host \
			    "$source -o $work/source" </dev/null |
			    timeout "$LIMIT" $sink || status=1
		fi
		;;
	W)
		port=$(b_port)
		# shellcheck disable=SC2086
		if [ "$way" = up ]; then
			listen $LAB_B $sink -l "$LAB_ADDR_B:$port" || return 1
			timeout "$LIMIT" $source |
			    timeout "$LIMIT" $LAB_A "$ssh_bin" -F "$conf" \
			    -W "$LAB_ADDR_B:$port" target || status=1
		else
			listen $LAB_B $source -l "$LAB_ADDR_B:$port" || return 1
			timeout "$LIMIT" $LAB_A "$ssh_bin" -F "$conf" \
			    -W "$LAB_ADDR_B:$port" target </dev/null |
			    timeout "$LIMIT" $sink || status=1
		fi
		;;
	L | D | unix)
		port=$(a_port)
		port2=$LAB_ADDR_B:$(b_port)
		case $case in
		L)
			master -L "127.0.0.1:$port:$port2" || return 1
			options=(-c "127.0.0.1:$port")
			;;
		D)
			master -D "127.0.0.1:$port" || return 1
			options=(-x "127.0.0.1:$port" -c "$port2")
			;;
		unix)
			rm -f near far
			port2=$work/far
			master -L "$work/near:$port2" || return 1
			options=(-c "$work/near")
			;;
		esac
		# shellcheck disable=SC2086
		if [ "$way" = up ]; then
			listen $LAB_B $sink -l "$port2" || return 1
			timeout "$LIMIT" $LAB_A $source "${options[@]}" ||
			    status=1
		else
			listen $LAB_B $source -l "$port2" || return 1
			timeout "$LIMIT" $LAB_A $sink "${options[@]}" ||
			    status=1
		fi
		;;
	R)
		port=$(b_port)
		port2=127.0.0.1:$(a_port)
		master -R "127.0.0.1:$port:$port2" || return 1
		# shellcheck disable=SC2086
		if [ "$way" = up ]; then
			listen $LAB_A $source -l "$port2" || return 1
			timeout "$LIMIT" $LAB_B $sink -c "127.0.0.1:$port" ||
			    status=1
		else
			listen $LAB_A $sink -l "$port2" || return 1
			timeout "$LIMIT" $LAB_B $source -c "127.0.0.1:$port" ||
			    status=1
		fi
		;;
	esac
	# A sink at the far end may still have to read what is under way.
	wait_until "$LIMIT" '[ -s report ] || [ "$status" != 0 ]' || status=1
	wait_until 3 '[ -z "${listener_pid-}" ] ||
	    ! kill -0 "$listener_pid" 2>/dev/null' || :
	master_end
	stop_background
	listener_pid=
	[ "$status" = 0 ] && read_report
}

read_report() {
	read -r verdict bytes took rate rate2 cpu <report && [ "$verdict" = ok ]
}

# Which client and server a product's figures are taken with.
use() {
	ssh_bin=${ssh_of[$1]}
	conf=$work/$1.ssh_config
}

# throughput CASE WAY PRODUCT RUN
throughput() {
	local case=$1 way=$2 product=$3 run=$4
	if [ "$product" = raw ]; then
		if ! raw "-t $SECONDS_EACH" "$way"; then
			failed "$case" "$way" raw "$run" \
			    "$(tail -n 1 iperf.client)"
			return 0
		fi
		rate=$raw_rate rate2=$raw_rate2
	else
		use "$product"
		length="-t $SECONDS_EACH"
		if ! transfer "$case" "$way" 2>transfer.log; then
			failed "$case" "$way" "$product" "$run" \
			    "$(cat report master.log transfer.log 2>/dev/null |
				tail -n 1)"
			return 0
		fi
	fi
	record "$case" "$way" "$product" "$run" rate2 "$rate2" MB/s
	record "$case" "$way" "$product" "$run" rate "$rate" MB/s
	progress "$case" "$way" "$product" \
	    "$(printf '%6.1f MB/s (all of the time: %.1f)' "$rate2" "$rate")"
}

# In every second run the other way round, so that a machine that slows down
# favours nobody.
order() {
	if [ $(($1 % 2)) = 1 ]; then
		echo raw ours stock
	else
		echo stock ours raw
	fi
}

# matrix RUNS CASE ...
matrix() {
	local runs=${BENCH_RUNS:-$1} run case way product
	shift
	for ((run = 1; run <= runs; run++)); do
		for case; do
			for way in up down; do
				for product in $(order "$run"); do
					throughput "$case" "$way" "$product" \
					    "$run"
				done
			done
		done
	done
}

# Servers and clients of ours and of stock, for as long as this part runs.
declare -A ssh_of stage_of server_of
# More lines of configuration for them.
server_lines=() client_lines=()
stage_of[ours]=$HPN_STAGE
stage_of[stock]=$STOCK_STAGE

# serve PRODUCT [-p COMMAND]
serve() {
	local lines product=$1 port
	shift
	readarray -t lines < <(stage_lines "${stage_of[$product]}")
	lines+=("${server_lines[@]}")
	# The jump host is a server of its own, the target is another one.
	if [ "$part" = tunnels ] || [ "$part" = cold ]; then
		server "$product-jump" "${stage_of[$product]}" "${lines[@]}"
		server_of[$product-jump]=$server_pid
		port=$server_port
	fi
	server "$product" "${stage_of[$product]}" "$@" "${lines[@]}"
	server_of[$product]=$server_pid
	client "$product" "$server_port" "${port-}"
	ssh_of[$product]=${stage_of[$product]}/bin/ssh
	# They come first and win.
	if [ ${#client_lines[@]} -gt 0 ]; then
		{
			printf 'Host *\n'
			printf '\t%s\n' "${client_lines[@]}"
			cat "$product.ssh_config"
		} >"$product.ssh_config.new"
		mv "$product.ssh_config.new" "$product.ssh_config"
	fi
}

serve_both() {
	serve ours
	serve stock
}

ramp() {
	local runs=${BENCH_RUNS:-3} run way product begun true_time took
	for ((run = 1; run <= runs; run++)); do
		for way in up down; do
			for product in $(order "$run"); do
				ramp_once
			done
		done
	done
}

ramp_once() {
	local port status=0 log=ramp.log
	local source="$FLOW source -n $RAMP_BYTES"
	local sink="$FLOW sink -o $work/report"
	rm -f report
	true_time=
	if [ "$product" = raw ]; then
		port=$LAB_ADDR_B:$(b_port)
		# shellcheck disable=SC2086
		if [ "$way" = up ]; then
			listen $LAB_B $sink -a -l "$port" || status=1
			begun=$EPOCHREALTIME
			timeout 90 $LAB_A $source -a -c "$port" 2>"$log" ||
			    status=1
		else
			listen $LAB_B $source -l "$port" || status=1
			begun=$EPOCHREALTIME
			timeout 90 $LAB_A $sink -c "$port" 2>"$log" || status=1
		fi
		took=$(calc "$EPOCHREALTIME - $begun")
	else
		use "$product"
		begun=$EPOCHREALTIME
		# shellcheck disable=SC2086
		timeout 30 $LAB_A "$ssh_bin" -F "$conf" target true \
		    </dev/null 2>"$log" || status=1
		true_time=$(calc "$EPOCHREALTIME - $begun")
		begun=$EPOCHREALTIME
		# shellcheck disable=SC2086
		if [ "$way" = up ]; then
			$source | timeout 90 $LAB_A "$ssh_bin" -F "$conf" \
			    target "$sink" 2>>"$log" || status=1
		else
			timeout 90 $LAB_A "$ssh_bin" -F "$conf" target \
			    "$source" </dev/null 2>>"$log" | $sink 2>>"$log" ||
			    status=1
		fi
		took=$(calc "$EPOCHREALTIME - $begun - $true_time")
	fi
	wait_until 5 '[ -s report ]' || status=1
	if [ "$status" != 0 ] || ! read_report; then
		failed ramp "$way" "$product" "$run" "$(tail -n 1 "$log")"
		return 0
	fi
	stop_background
	[ "$product" = raw ] ||
	    record ramp "$way" "$product" "$run" true "$true_time" s
	record ramp "$way" "$product" "$run" time "$took" s
	progress ramp "$way" "$product" "$took s${true_time:+, without the \
$true_time s of ssh true}"
}

# From the first byte that arrives to the last one, as the sink counts them.
cold() {
	local runs=${BENCH_RUNS:-1} run way size case raw_time port
	for ((run = 1; run <= runs; run++)); do
		for size in ${COLD_MB:-50 200 1000}; do
			for way in up down; do
				length="-n $((size * 1000000))"
				use ours
				cold_raw || die "raw TCP: $(tail -n 1 cold.log)"
				raw_time=$took
				for case in $COLD; do
					cold_once
				done
			done
		done
	done
}

cold_raw() {
	local sink="$FLOW sink -o $work/report" source="$FLOW source $length"
	rm -f report
	port=$LAB_ADDR_B:$(b_port)
	# shellcheck disable=SC2086
	if [ "$way" = up ]; then
		listen $LAB_B $sink -l "$port" || return 1
		timeout 90 $LAB_A $source -c "$port" 2>cold.log || return 1
	else
		listen $LAB_B $source -l "$port" || return 1
		timeout 90 $LAB_A $sink -c "$port" 2>cold.log || return 1
	fi
	wait_until 20 '[ -s report ]' || return 1
	stop_background
	read_report
}

cold_once() {
	if ! transfer "$case" "$way" 2>transfer.log; then
		failed "$case-$size" "$way" ours "$run" \
		    "$(cat report master.log transfer.log 2>/dev/null |
			tail -n 1)"
		return 0
	fi
	record "$case-$size" "$way" raw "$run" time "$raw_time" s
	record "$case-$size" "$way" ours "$run" time "$took" s
	progress "$case-$size" "$way" ours "$took s, raw TCP $raw_time s: \
$(calc "$took / $raw_time" %.2f)"
}

# A stock sender of some version with our receiver: up, its client sends to our
# sshd; down, its sshd sends to our client.
stock_peer() {
	local peer version why status=0 in_private=''
	serve ours
	stage_of[10.0]=$STOCK_STAGE
	serve 10.0
	ssh_of[up-10.0]=$STOCK_STAGE/bin/ssh
	cp ours.ssh_config up-10.0.ssh_config
	ssh_of[down-10.0]=$HPN_STAGE/bin/ssh
	cp 10.0.ssh_config down-10.0.ssh_config
	peer=$("$ROOT/lab/peer.sh" 9.2 2>peer.log) || status=$?
	if [ "$status" != 0 ]; then
		why=$(tail -n 1 peer.log)
		[ "$status" = 77 ] || failed 9.2 - ours 0 "$why"
		progress 9.2 '-' ours "SKIPPED: $why"
		record 9.2 - ours 0 skipped 1 -
		peer_cases 10.0
		return 0
	fi
	if [ "$(id -u)" = 0 ]; then
		# Debian's sshd, when root's, wants a user sshd and /run/sshd:
		# it gets them in mounts of its own.
		{
			grep -v '^sshd:' /etc/passwd
			echo "sshd:x:$(id -u nobody):$(id -g nobody)::/run/sshd:/usr/sbin/nologin"
		} >passwd
		cat >private <<-END
		#!/bin/sh
		set -e
		mount -t tmpfs -o mode=755 tmpfs /run
		mkdir -m 755 /run/sshd
		mount --bind $work/passwd /etc/passwd
		exec "\$@"
		END
		chmod +x private
		in_private="unshare --mount $work/private"
	fi
	mkdir -p 9.2/sbin
	ln -s "$peer/usr/sbin/sshd" 9.2/sbin/sshd
	server 9.2 "$work/9.2" -p "$in_private"
	client 9.2 "$server_port"
	server_of[9.2]=$server_pid
	ssh_of[up-9.2]=$peer/usr/bin/ssh
	cp ours.ssh_config up-9.2.ssh_config
	ssh_of[down-9.2]=$HPN_STAGE/bin/ssh
	cp 9.2.ssh_config down-9.2.ssh_config
	peer_cases 10.0 9.2
}

# Their figures are those of our receiver; client and server vary.
peer_cases() {
	local run version way
	for ((run = 1; run <= ${BENCH_RUNS:-1}; run++)); do
		for version; do
			for way in up down; do
				throughput "$version" "$way" raw "$run"
				ssh_of[peer]=${ssh_of[$way-$version]}
				cp "$way-$version.ssh_config" peer.ssh_config
				throughput "$version" "$way" peer "$run"
			done
		done
	done
}

# descendants PID NAME: pids below PID, or PID itself, whose command is NAME.
descendants() {
	cat /proc/[0-9]*/stat 2>/dev/null | awk -v root="$1" -v want="$2" '
	{
		pid = $1
		sub(/^[^(]*\(/, "")
		name = $0
		sub(/\) [^)]*$/, "", name)
		sub(/.*\) /, "")
		parent[pid] = $2
		comm[pid] = name
	}
	END {
		for (pid in comm) {
			if (comm[pid] != want)
				continue
			for (p = pid; p > 1 && p != root; p = parent[p])
				;
			if (p == root)
				print pid
		}
	}'
}

# Peak resident size in MiB of the largest of these processes.
peak_of() {
	local pid
	for pid in $(descendants "$1" "$2"); do
		sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status" \
		    2>/dev/null || :
	done | awk '$1 > max { max = $1 } END { printf "%.1f\n", max / 1024 }'
}

# memory_once CASE WAY PRODUCT READ_FOR WATCH_FOR [CHANNELS]
memory_once() {
	local case=$1 way=$2 product=$3 read_for=$4 watch_for=$5 many=${6-1}
	local client_pid port port2 i client server
	local hold="$FLOW sink -r $read_for" flood="$FLOW source -t 600"
	serve "$product"
	use "$product"
	rm -f ctl
	# shellcheck disable=SC2086
	if [ "$many" = 1 ]; then
		if [ "$way" = down ]; then
			$LAB_A "$ssh_bin" -F "$conf" target "$flood" \
			    </dev/null 2>memory.log > >(exec $hold) &
		else
			$LAB_A "$ssh_bin" -F "$conf" target "$hold" \
			    < <(exec $flood 2>/dev/null) 2>memory.log &
		fi
		client_pid=$!
		background+=("$client_pid")
	else
		port=127.0.0.1:$(a_port)
		port2=$LAB_ADDR_B:$(b_port)
		# Not master: its process has to be known.
		$LAB_A "$ssh_bin" -F "$conf" -N -L "$port:$port2" target \
		    </dev/null 2>memory.log &
		client_pid=$!
		background+=("$client_pid")
		if [ "$way" = down ]; then
			listen $LAB_B $flood -k -l "$port2" 2>/dev/null || :
		else
			listen $LAB_B $hold -k -l "$port2" 2>/dev/null || :
			hold=$flood
		fi
		wait_until 10 "$LAB_A $FLOW sink -c $port </dev/null \
		    >/dev/null 2>&1 & sleep 0.1; kill \$! 2>/dev/null"
		for ((i = 0; i < many; i++)); do
			$LAB_A $hold -c "$port" </dev/null 2>/dev/null &
			background+=("$!")
		done
	fi
	sleep "$watch_for"
	client=$(peak_of "$client_pid" ssh)
	server=$(peak_of "${server_of[$product]}" sshd-session)
	if ! kill -0 "$client_pid" 2>/dev/null; then
		failed "$case" "$way" "$product" 1 \
		    "the connection ended: $(tail -n 1 memory.log)"
	else
		record "$case" "$way" "$product" 1 client "$client" MiB
		record "$case" "$way" "$product" 1 server "$server" MiB
		progress "$case" "$way" "$product" \
		    "peak: client $client MiB, server $server MiB"
	fi
	stop_background
	stop "${server_of[$product]}"
	unset "server_of[$product]"
}

memory() {
	local way product
	for way in down up; do
		for product in ours stock; do
			memory_once asleep "$way" "$product" 0 6
		done
		for product in ours stock; do
			memory_once stalls "$way" "$product" 6 10
		done
		for product in ours stock; do
			memory_once 50-asleep "$way" "$product" 0 10 $CHANNELS
		done
		for product in ours stock; do
			memory_once 50-stall "$way" "$product" 8 12 $CHANNELS
		done
		for product in ours stock; do
			memory_once 50-run "$way" "$product" 600 12 $CHANNELS
		done
	done
}

# echo_once CASE PRODUCT RUN: CASE is idle, down or up, what the other channel
# of the same connection does.
echo_once() {
	local case=$1 product=$2 run=$3 status=0 count p50 p99 max port
	local flood="$FLOW source -t 600" reader="$FLOW sink"
	# No terminal: sshd would enter that into the machine's login records.
	local shell='printf @; exec cat'
	local typed=()
	rm -f keys ctl
	if [ "$product" = raw ]; then
		# What the network alone does: two TCP connections.
		port=$(b_port)
		# shellcheck disable=SC2086
		timeout 120 $LAB_B socat "TCP-LISTEN:$port,nodelay" \
		    'SYSTEM:printf @; exec cat' >/dev/null 2>&1 </dev/null &
		background+=("$!")
		# shellcheck disable=SC2086
		typed=($LAB_A socat - "TCP:$LAB_ADDR_B:$port,nodelay,retry=50,interval=0.1")
		port=$LAB_ADDR_B:$(b_port)
		# shellcheck disable=SC2086
		case $case in
		up)
			listen $LAB_B $reader -l "$port"
			$LAB_A $flood -c "$port" >/dev/null 2>&1 &
			;;
		down)
			listen $LAB_B $flood -l "$port" 2>/dev/null
			$LAB_A $reader -c "$port" >/dev/null 2>&1 &
			;;
		idle) : & ;;
		esac
	else
		use "$product"
		master || status=1
		# shellcheck disable=SC2086
		case $case in
		up)
			$LAB_A "$ssh_bin" -F "$conf" -S "$work/ctl" target \
			    "$reader" < <(exec $flood 2>/dev/null) \
			    >/dev/null 2>&1 &
			;;
		down)
			$LAB_A "$ssh_bin" -F "$conf" -S "$work/ctl" target \
			    "$flood" </dev/null 2>/dev/null \
			    > >(exec $reader 2>/dev/null) &
			;;
		idle) : & ;;
		esac
		# shellcheck disable=SC2086
		typed=($LAB_A "$ssh_bin" -F "$conf" -S "$work/ctl" target
		    "$shell")
	fi
	background+=("$!")
	# The flood's own start is not what is measured.
	[ "$case" = idle ] || sleep "${flood_for:-6}"
	timeout 120 "$FLOW" keys -n "$KEYS" -i "$KEY_MS" -o "$work/keys" -- \
	    "${typed[@]}" 2>keys.log || status=1
	[ "$product" = raw ] || master_end
	stop_background
	if [ "$status" != 0 ]; then
		failed echo "$case" "$product" "$run" \
		    "$(cat master.log keys.log 2>/dev/null | tail -n 1)"
		return 0
	fi
	read -r count p50 p99 max <keys
	record echo "$case" "$product" "$run" p50 "$p50" ms
	record echo "$case" "$product" "$run" p99 "$p99" ms
	record echo "$case" "$product" "$run" max "$max" ms
	progress echo "$case" "$product" \
	    "$count keys: p50 $p50 ms, p99 $p99 ms, max $max ms"
}

echoes() {
	local case product run runs=${BENCH_RUNS:-1}
	for ((run = 1; run <= runs; run++)); do
		for case in idle down up; do
			for product in $(order "$run"); do
				echo_once "$case" "$product" "$run"
			done
		done
	done
}

# Processor time: the server is a process of its own for each transfer, which
# has waited for all its children when it ends.
loopback() {
	local runs=${BENCH_RUNS:-5} run way product per_gb
	for ((run = 1; run <= runs; run++)); do
		for way in up down; do
			for product in $(order "$run"); do
				loopback_once
			done
		done
	done
}

loopback_once() {
	if [ "$product" = raw ]; then
		if ! raw "-n $LOOPBACK_BYTES" "$way"; then
			failed pipe "$way" raw "$run" \
			    "$(tail -n 1 iperf.client)"
			return 0
		fi
		record pipe "$way" raw "$run" rate "$raw_rate" MB/s
		progress pipe "$way" raw "$raw_rate MB/s"
		return 0
	fi
	if ! counted_transfer "$way" "$product" "$LOOPBACK_BYTES"; then
		failed pipe "$way" "$product" "$run" \
		    "$(tail -n 1 transfer.log)"
		return 0
	fi
	record pipe "$way" "$product" "$run" rate "$rate" MB/s
	record pipe "$way" "$product" "$run" cpu "$per_gb" s/GB
	progress pipe "$way" "$product" "$rate MB/s, $per_gb s/GB of processor"
}

inside() {
	part=$1
	work_dir bench/work
	[ "$LAB_MODE" = loopback ] || printf '%s\n' "$LAB_CC" >"$OUT/cc"
	trap 'stop_background; stop "${server_of[@]}"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	case $part in
	pipe | rtt)
		serve_both
		matrix 1 pipe
		;;
	tunnels)
		serve_both
		# shellcheck disable=SC2086
		matrix 1 $TUNNELS
		;;
	loss)
		serve_both
		matrix 5 pipe
		;;
	ramp)
		serve_both
		ramp
		;;
	cold)
		serve ours
		cold
		;;
	stock-peer) stock_peer ;;
	memory) memory ;;
	echo)
		serve_both
		echoes
		;;
	loopback) loopback ;;
	packet) packet ;;
	files) files ;;
	small) small ;;
	tree) tree ;;
	lanes) lanes ;;
	idle) idle ;;
	many) many ;;
	none) none_part ;;
	esac
	[ "$failures" = 0 ]
}

# --------------------------------------------------------------- outside ----

# One line for each thing that was measured: medians, ratios, verdict.
summarise() {
	local part files=()
	for part in "${chosen[@]}"; do
		[ ! -f "$OUT/$part.tsv" ] || files+=("$OUT/$part.tsv")
	done
	[ ${#files[@]} -gt 0 ] || die "nothing measured in $OUT yet"
	printf 'part\tcase\tway\trtt_ms\tmetric\tunit\tours\tstock\traw%s\n' \
	    "$(printf '\t%s' ours/raw ours/stock bound verdict)" >summary.tsv
	cat "${files[@]}" | awk -F '\t' -v OFS='\t' -v rate="$RATE" \
	    -v memory_max="$MEMORY_MAX" -f "$ROOT/lab/summary.awk" \
	    >>summary.tsv
	awk -F '\t' '
	function cell(v) { return v == "" ? "-" : v }
	function heading() {
		printf "%-10s %-9s %-6s %4s  %-7s %9s %9s %9s %5s  %8s %9s  %s\n",
		    "part", "case", "way", "ms", "what", "ours", "stock",
		    "raw TCP", "", "ours/raw", "ours/stock", "bound"
	}
	NR == 1 { next }
	$1 != "packet" && $1 != "files" && $1 != "none" {
		if (!any++)
			heading()
		printf "%-10s %-9s %-6s %4s  %-7s %9s %9s %9s %5s  %8s %9s  ",
		    $1, $2, $3, $4, $5, cell($7), cell($8), cell($9), $6,
		    cell($10), cell($11)
		print $12 == "" ? "" : $12 ": " $13
	}
	' summary.tsv >report.txt
	packet_tables >>report.txt
	none_table >>report.txt
	{
		awk -F '\t' '{ n[$13]++ }
		END {
			printf "\n%d bounds kept, %d missed, %d not measured\n",
			    n["pass"], n["miss"], n["failed"] + n["skipped"]
		}' summary.tsv
		printf 'ours: %s\nstock: %s\n' \
		    "$("$HPN_STAGE/bin/ssh" -V 2>&1)" \
		    "$("$STOCK_STAGE/bin/ssh" -V 2>&1)"
		printf 'TCP congestion control of all three: %s\n' \
		    "$(cat cc 2>/dev/null || echo "the machine's")"
	} >>report.txt
	cat report.txt
}

plot() {
	cat "$OUT"/pipe.tsv "$OUT"/rtt.tsv 2>/dev/null |
	    awk -F '\t' '$2 == "pipe" && $8 == "rate2" {
		# The slower way of the two, of the mean of a way.
		k = $6 SUBSEP $4
		n[k, $3]++
		sum[k, $3] += $9
		rtt[$4]
		seen[k]
	}
	END {
		for (r in rtt) {
			printf "%s", r
			split("stock ours raw", product, " ")
			for (i = 1; i <= 3; i++) {
				k = product[i] SUBSEP r
				low = ""
				for (w = 0; w < 2; w++) {
					way = w ? "up" : "down"
					if (!((k, way) in n))
						continue
					v = sum[k, way] / n[k, way]
					if (low == "" || v < low)
						low = v
				}
				printf "\t%s", low == "" ? "?" : low
			}
			printf "\n"
		}
	}' | sort -g >throughput.tsv
	if [ "$(wc -l <throughput.tsv)" -lt 2 ]; then
		say 'no plot: it wants the parts pipe and rtt'
		return 0
	fi
	local terminal
	for terminal in "svg size 760,440 dynamic font 'sans,13'" \
	    "pngcairo size 1140,660 font 'sans,15'"; do
		gnuplot 2>>gnuplot.log <<-END || return 1
		set terminal $terminal background 'white'
		set output 'throughput.part'
		set datafile missing '?'
		set title "One ssh connection over a 1 Gbit/s path"
		set xlabel 'round-trip time, ms'
		set ylabel 'MB/s, second half of $SECONDS_EACH s, slower direction'
		set logscale x
		set xtics (10, 20, 50, 100, 200, 300)
		set xrange [8:370]
		set yrange [0:140]
		set grid ytics lc rgb '#dddddd'
		set border 3
		set tics nomirror
		set key at graph 0.98, 0.62 right
		plot 'throughput.tsv' \
		    using 1:4 with linespoints lw 2 dt 2 pt 6 ps 1.6 \
		    lc rgb '#888888' title 'raw TCP (iperf3)', \
		    '' using 1:3 with linespoints lw 2.5 pt 7 ps 0.9 \
		    lc rgb '#0066bb' title 'openssh-hpn', \
		    '' using 1:2 with linespoints lw 2.5 pt 5 ps 0.9 \
		    lc rgb '#cc3311' title 'stock OpenSSH, same base'
		END
		mv -f throughput.part "throughput.${terminal:0:3}"
	done
	say "plot: ${OUT#"$ROOT/"}/throughput.svg and .png"
}

# run_part PART: the links that it wants, one after the other.
run_part() {
	local part=$1 status=0 links link begun=$SECONDS
	links=("--rtt 100 --rate $RATE")
	case $part in
	rtt)
		links=("--rtt 10 --rate $RATE" "--rtt 50 --rate $RATE"
		    "--rtt 300 --rate $RATE")
		;;
	loss) links=("--rtt 100 --rate $RATE --loss 0.0001") ;;
	stock-peer) links+=("--rtt 300 --rate $RATE") ;;
	cold)
		links=()
		for link in ${COLD_RTT:-100 300}; do
			links+=("--rtt $link --rate $RATE")
		done
		;;
	many) links=(--loopback "--rtt 10 --rate $RATE") ;;
	none) links=(--loopback "--rtt 100 --rate $RATE") ;;
	small)
		links=(--loopback "--rtt 10 --rate $RATE"
		    "--rtt 100 --rate $RATE")
		;;
	lanes) links=("--rtt 100 --rate $RATE" "--rtt 60 --rate 400") ;;
	loopback | packet | files | tree | idle) links=(--loopback) ;;
	esac
	[ -n "${BENCH_RESUME-}" ] && [ -s "$OUT/$part.tsv" ] ||
	    printf 'part\tcase\tway\trtt_ms\tloss\tproduct\trun\tmetric\tvalue\tunit\n' \
	    >"$OUT/$part.tsv"
	for link in "${links[@]}"; do
		# shellcheck disable=SC2086 # options
		"$ROOT/lab/lab.sh" run $link ${BENCH_CC:+--cc "$BENCH_CC"} -- \
		    "$ROOT/lab/bench.sh" --inside "$part" || status=$?
		case $status in
		0 | 1) ;;
		*)
			[ "$status" -lt 128 ] || exit "$status"
			;;
		esac
	done
	printf '%s\t%s\n' "$part" "$((SECONDS - begun))" >>"$OUT/times.tsv"
	[ "$status" = 0 ] || broken="$broken $part"
}

if [ "${1-}" = --inside ]; then
	inside "$2"
	exit
fi
only_report=
if [ "${1-}" = --report ]; then
	only_report=1
	shift
fi
[ $# -gt 0 ] || read -ra from_env <<<"${BENCH:-$PARTS}"
[ $# -gt 0 ] || set -- "${from_env[@]}"
for part; do
	case " $PARTS " in
	*" $part "*) ;;
	*)
		printf 'openssh-hpn: error: no part %s\n' "$part" >&2
		usage
		;;
	esac
done
chosen=("$@")
mkdir -p "$OUT"
broken=
summary=$only_report

if [ -z "$only_report" ]; then
	need iperf3 awk gnuplot socat timeout ldd unshare
	need_stages
	build_flow
	build_floor
	say "ours:  $("$HPN_STAGE/bin/ssh" -V 2>&1)"
	say "stock: $("$STOCK_STAGE/bin/ssh" -V 2>&1)"
	: >"$OUT/times.tsv"
	linked=0
	why=$("$ROOT/lab/lab.sh" check 2>&1) || linked=$?
	case $linked in
	0) ;;
	77)
		say "no emulated link on this machine (${why#lab: }):" \
		    "only these can be measured: $PARTS_LOOPBACK"
		;;
	*) die "$why" ;;
	esac
	for part in "${chosen[@]}"; do
		case $part in
		crypt | engine | connect)
			# Tables of their own
			say "measuring: $part"
			"$ROOT/lab/$part.sh" || broken="$broken $part"
			continue
			;;
		esac
		summary=1
		case " $PARTS_LOOPBACK " in
		*" $part "*) ;;
		*)
			if [ "$linked" = 77 ]; then
				say "SKIPPED $part: needs the emulated link"
				rm -f "$OUT/$part.tsv"
				continue
			fi
			;;
		esac
		say "measuring: $part"
		run_part "$part"
	done
	rm -rf "$OUT/work"
fi
cd "$OUT"
if [ -n "$summary" ]; then
	rm -f gnuplot.log
	printf '\n'
	summarise
	plot || die "gnuplot failed: $(tail -n 1 gnuplot.log)"
	rm -f gnuplot.log
fi
if [ -z "$only_report" ] && [ -n "$summary" ]; then
	awk -F '\t' '{ printf "%s%s %d s", (NR > 1 ? ", " : "took: "), $1, $2 }
	    END { print "" }' times.tsv
fi
[ -z "$broken" ] || die "something broke while measuring$broken; see FAILED" \
    'above'
