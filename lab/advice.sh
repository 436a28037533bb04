#!/bin/bash
# SPDX-License-Identifier: ISC
# Measure what docs/transfer-nodes.md advises, on the emulated link, and make the
# tables of that page.
#
# usage: lab/advice.sh [PART ...]	measure; the tables are in build/lab/advice
#        lab/advice.sh --write		put the tables made so far into the page
#
# parts, all of them by default, each below two minutes:
#	buffers		TCP's largest buffers, 100 ms x 1 Gbit/s
#	congestion	congestion control, without loss
#	loss		the same with 0.01 % loss
#	window		HPNWindowMax
#	memory		HPNMemoryMax: rate of eight channels; what a reader that
#			stalls makes the server keep
#	cipher		ciphers, HPNThreads and NoneSwitch, on loopback
#	files		scp: the defaults beside fixed numbers of requests
#	disabled	HPNDisabled at either end
#	tunnel		-L with a stock client, a stock server, and ours
#
# ADVICE_SECONDS (8) is what a transfer takes; its rate is that of the second half
# of the time. See also lab/common.sh. Exit: 0 when everything was measured, 1
# when something broke or data differed, 77 where the link cannot be had.
#
# Other work on the machine spoils the figures.

set -eu

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$ROOT/lab/common.sh"

OUT=$BUILD/lab/advice
PAGE=$ROOT/docs/transfer-nodes.md
PARTS='buffers congestion loss window memory cipher files disabled tunnel'
SECONDS_EACH=${ADVICE_SECONDS:-8}
LIMIT=$((SECONDS_EACH + 40))
RTT=100
RATE=1000

usage() {
	sed -n '/^# usage:/,/^#$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
	exit 2
}

# ---------------------------------------------------------------- inside ----

server_pid=''
background=()

stop_all() {
	[ ${#background[@]} -eq 0 ] || stop "${background[@]}"
	background=()
	stop "$server_pid"
	server_pid=''
}

# begin STAGE-OF-CLIENT STAGE-OF-SERVER "SSH LINES" "SSHD LINES" [-p COMMAND]: a
# server, and a client that knows it; $ssh is the client.
begin() {
	local lines=() more=() client_stage=$1 stage=$2 client_lines=$3
	[ -z "$4" ] || readarray -t more <<<"$4"
	shift 4
	stop "$server_pid"
	readarray -t lines < <(stage_lines "$stage")
	server advice "$stage" "$@" "${lines[@]}" "${more[@]}"
	client advice "$server_port"
	if [ -n "$client_lines" ]; then
		{
			printf 'Host *\n%s\n' "$client_lines"
			cat advice.ssh_config
		} >advice.ssh_config.new
		mv advice.ssh_config.new advice.ssh_config
	fi
	ssh="$LAB_A ${usage_of_client-} $client_stage/bin/ssh -F $work/advice.ssh_config"
	scp="$LAB_A $client_stage/bin/scp -q -S $client_stage/bin/ssh -F $work/advice.ssh_config"
}

# tcp BYTES [WMEM-BYTES]: TCP's largest buffers, at both ends.
tcp() {
	local side
	for side in "$LAB_A" "$LAB_B"; do
		# shellcheck disable=SC2086
		$side sh -c "cd /proc/sys/net/ipv4 &&
		    echo 4096 131072 $1 >tcp_rmem &&
		    echo 4096 16384 ${2-$1} >tcp_wmem" ||
		    die "cannot set TCP's buffers in the namespaces"
	done
}

# congestion NAME: at both ends; fails where the kernel does not permit it to a
# namespace.
congestion() {
	local side
	for side in "$LAB_A" "$LAB_B"; do
		# shellcheck disable=SC2086
		$side sh -c "echo $1 >/proc/sys/net/ipv4/tcp_congestion_control" \
		    2>/dev/null || return 1
	done
}

read_report() {
	read -r verdict bytes took rate rate2 cpu <report && [ "$verdict" = ok ]
}

# pipe up|down [LENGTH]: through ssh; sets rate2 (MB/s of the second half) and rate.
pipe() {
	local length=${2:--t $SECONDS_EACH}
	local source="$FLOW source $length" sink="$FLOW sink -o $work/report"
	rm -f report
	# shellcheck disable=SC2086
	if [ "$1" = up ]; then
		timeout "$LIMIT" $source |
		    timeout "$LIMIT" $ssh target "$sink" 2>transfer.log
	else
		timeout "$LIMIT" $ssh target "$source" </dev/null \
		    2>transfer.log | timeout "$LIMIT" $sink
	fi
	wait_until 5 '[ -s report ]' && read_report ||
	    die "$part: a transfer failed: $(tail -n 1 transfer.log)"
}

# tcp_alone up|down: raw_rate2, as lab/common.sh has it.
tcp_alone() {
	raw "-t $SECONDS_EACH" "$1" || die "iperf3: $(tail -n 1 iperf.client)"
}

cell() {
	printf '%.1f' "$1"
}

# The processes of our server's sessions.
sessions() {
	local pid
	for pid in $(pgrep sshd-session); do
		[ "$(readlink "/proc/$pid/exe")" != \
		    "$HPN_STAGE/libexec/sshd-session" ] || printf '%s\n' "$pid"
	done
}

# MiB of the most memory that one of them has had.
server_peak() {
	local pid peak=0 now
	for pid in $(sessions); do
		now=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' \
		    "/proc/$pid/status" 2>/dev/null) || continue
		[ "${now:-0}" -le "$peak" ] || peak=$now
	done
	printf '%s\n' $((peak / 1024))
}

say_row() {
	printf '  %s  %s\n' "$(date +%T)" "$*"
}

# row CELL...: a line of the table.
row() {
	printf '|'
	printf ' %s |' "$@"
	printf '\n'
}

head_row() {
	row "$@"
	printf '|'
	shift
	printf ' --- |'
	printf ' ---: |%.0s' "$@"
	printf '\n'
}

M=1048576

part_buffers() {
	local name r w ours
	head_row 'tcp_rmem / tcp_wmem, largest' 'ours, MB/s' 'TCP alone'
	while read -r r w name; do
		tcp "$r" "$w"
		begin "$HPN_STAGE" "$HPN_STAGE" '' ''
		pipe up
		ours=$rate2
		tcp_alone up
		row "$(mib "$r") / $(mib "$w")${name:+, $name}" \
		    "$(cell "$ours")" "$(cell "$raw_rate2")"
		say_row "$r $w: $ours $raw_rate2" >&2
	done <<-END
	$((6 * M)) $((4 * M)) the default of older kernels
	$(awk '{ print $3 }' /proc/sys/net/ipv4/tcp_rmem) $(awk '{ print $3 }' /proc/sys/net/ipv4/tcp_wmem) as on this machine
	$((16 * M)) $((16 * M))
	$((32 * M)) $((32 * M))
	$((64 * M)) $((64 * M))
	$((128 * M)) $((128 * M))
	END
}

mib() {
	if [ $(($1 % M)) = 0 ]; then
		printf '%d MiB' $(($1 / M))
	else
		printf '%d bytes' "$1"
	fi
}

part_congestion() {
	local cc ours
	tcp $((256 * M))
	head_row 'tcp_congestion_control of the sender' 'ours, MB/s' 'TCP alone'
	for cc in cubic bbr reno; do
		congestion "$cc" || {
			row "$cc" 'not measured: not permitted in a namespace here' '-'
			continue
		}
		begin "$HPN_STAGE" "$HPN_STAGE" '' ''
		pipe up
		ours=$rate2
		tcp_alone up
		row "$cc" "$(cell "$ours")" "$(cell "$raw_rate2")"
		say_row "$cc: $ours $raw_rate2" >&2
	done
}

part_loss() {
	part_congestion
}

part_window() {
	local max cc cells names=()
	tcp $((256 * M))
	for cc in cubic bbr reno; do
		! congestion "$cc" || names+=("$cc")
	done
	head_row "receiver's HPNWindowMax" "${names[@]/%/, MB/s}"
	for max in 2M 8M 16M 32M 64M 128M; do
		cells=()
		for cc in "${names[@]}"; do
			congestion "$cc"
			begin "$HPN_STAGE" "$HPN_STAGE" '' "HPNWindowMax $max"
			pipe up
			cells+=("$(cell "$rate2")")
		done
		[ "$max" != 128M ] || max='128M, the default'
		row "$max" "${cells[@]}"
		say_row "$max: ${cells[*]}" >&2
	done
}

# Eight sessions of one connection at once; what they move together, MB/s, in the
# later half of the time.
eight() {
	local i
	rm -f ctl sum.*
	# shellcheck disable=SC2086
	timeout 30 $ssh -f -N -M -S "$work/ctl" target </dev/null \
	    >master.log 2>&1 || die "no connection: $(tail -n 1 master.log)"
	for i in 1 2 3 4 5 6 7 8; do
		# shellcheck disable=SC2086
		timeout "$LIMIT" "$FLOW" source -t "$SECONDS_EACH" |
		    timeout "$LIMIT" $ssh -S "$work/ctl" target \
		    "$FLOW sink -o $work/sum.$i" &
		background+=("$!")
	done
	wait "${background[@]}" || die 'a transfer failed'
	background=()
	# shellcheck disable=SC2086
	timeout 10 $ssh -S "$work/ctl" -O exit target >/dev/null 2>&1 || :
	[ "$(cat sum.? | grep -c '^ok')" = 8 ] || die 'data differ'
	awk '{ s += $5 } END { print s }' sum.?
}

part_memory() {
	local max sum one kept
	tcp $((256 * M))
	head_row "server's HPNMemoryMax" 'one channel, MB/s' \
	    'eight channels together, MB/s' 'server keeps for a stalled reader, MiB'
	for max in 8M 32M 256M; do
		begin "$HPN_STAGE" "$HPN_STAGE" '' "HPNMemoryMax $max"
		pipe up
		one=$rate2
		sum=$(eight)
		# Reads for half of the time, then no more.
		# shellcheck disable=SC2086
		timeout "$LIMIT" "$FLOW" source -t 60 2>/dev/null |
		    timeout "$LIMIT" $ssh target \
		    "$FLOW sink -r $((SECONDS_EACH / 2))" 2>/dev/null &
		background+=("$!")
		sleep $((SECONDS_EACH / 2 + 5))
		kept=$(server_peak)
		stop_all
		[ "$max" != 256M ] || max='256M, the default'
		row "$max" "$(cell "$one")" "$(cell "$sum")" "$kept"
		say_row "$max: $one $sum $kept" >&2
	done
}

# median NUMBER...
median() {
	printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"
}

# cipher_row NAME "SSH LINES" "SSHD LINES": a pipe up over loopback, the median of
# three; processor time is that of both ends of ssh. The rate is not in the table:
# whatever else runs on so few processors changes it.
cipher_row() {
	local size=1600000000 i client server costs=() rates=()
	usage_of_client="$FLOW usage -o $work/usage.client --"
	for i in 1 2 3; do
		begin "$HPN_STAGE" "$HPN_STAGE" "$2" "$3" \
		    -p "$FLOW usage -o $work/usage.server --"
		rm -f usage.client usage.server
		pipe up "-n $size"
		# The server's part is known when it ends, its sessions before.
		wait_until 10 '[ -z "$(sessions)" ]' ||
		    die 'a session does not end'
		stop "$server_pid"
		server_pid=
		[ -s usage.server ] ||
		    die 'the server does not say what it used'
		read -r _ client <usage.client
		read -r _ server <usage.server
		costs+=("$(calc "($client + $server - $cpu) * 1e9 / $size")")
		rates+=("$rate")
	done
	usage_of_client=
	row "$1" "$(printf '%.2f' "$(median "${costs[@]}")")"
	say_row "$1: $(median "${rates[@]}") $(median "${costs[@]}")" >&2
}

part_cipher() {
	local c
	head_row 'cipher, options' 'processor seconds for a GB, both ends'
	cipher_row 'chacha20-poly1305' 'Ciphers chacha20-poly1305@openssh.com
HPNThreads 0' 'HPNThreads 0'
	for c in aes128-gcm@openssh.com aes256-gcm@openssh.com; do
		cipher_row "${c%@*}" "Ciphers $c
HPNThreads 0" 'HPNThreads 0'
	done
	c='aes128-ctr'
	cipher_row "$c" "Ciphers $c
HPNThreads 0" 'HPNThreads 0'
	cipher_row 'aes128-gcm, HPNThreads auto, the default' \
	    'Ciphers aes128-gcm@openssh.com' ''
	cipher_row 'aes128-gcm, HPNThreads 1 at both ends' \
	    'Ciphers aes128-gcm@openssh.com
HPNThreads 1' 'HPNThreads 1'
	cipher_row 'aes128-gcm, HPNThreads 4 at both ends' \
	    'Ciphers aes128-gcm@openssh.com
HPNThreads 4' 'HPNThreads 4'
	cipher_row 'NoneSwitch' 'NoneEnabled yes
NoneSwitch yes' 'NoneEnabled yes'
	cipher_row 'NoneSwitch, NoneMacEnabled' 'NoneEnabled yes
NoneSwitch yes
NoneMacEnabled yes' 'NoneEnabled yes
NoneMacEnabled yes'
}

# copy STAGE WAY ARG...: seconds of scp for the file, less those of "ssh true".
copy() {
	local begun true_time way=$2 from=target:$files/file to=$files/copy
	[ "$way" = down ] || from=$files/file to=target:$files/copy
	begin "$1" "$HPN_STAGE" '' ''
	shift 2
	begun=$EPOCHREALTIME
	# shellcheck disable=SC2086
	$ssh target true </dev/null || die 'no connection'
	true_time=$(calc "$EPOCHREALTIME - $begun")
	rm -f "$files/copy"
	begun=$EPOCHREALTIME
	# shellcheck disable=SC2086
	timeout 100 $scp "$@" "$from" "$to" </dev/null || die 'scp failed'
	copied=$(calc "$EPOCHREALTIME - $begun - $true_time")
	cmp -s "$files/file" "$files/copy" || die 'THE COPY DIFFERS'
}

part_files() {
	local name up
	tcp $((256 * M))
	files=$(new_dir)
	trap 'stop_all; rm -rf "$files"' EXIT
	"$FLOW" source -n 240000000 >"$files/file"
	head_row 'scp of 240 MB, 100 ms, to and from our server' 'up, s' 'down, s'
	while IFS='|' read -r name stage arguments; do
		# shellcheck disable=SC2086
		copy "$stage" up $arguments
		up=$copied
		# shellcheck disable=SC2086
		copy "$stage" down $arguments
		row "$name" "$(cell "$up")" "$(cell "$copied")"
		say_row "$name: $up $copied" >&2
	done <<-END
	ours, nothing set|$HPN_STAGE|
	ours, \`-X nrequests=64\`|$HPN_STAGE|-X nrequests=64
	ours, \`-X nrequests=64 -X buffer=32768\`|$HPN_STAGE|-X nrequests=64 -X buffer=32768
	stock's scp|$STOCK_STAGE|
	END
}

part_disabled() {
	local client server up
	tcp $((256 * M))
	head_row 'HPNDisabled' 'up, MB/s' 'down, MB/s'
	for client in no yes; do
		for server in no yes; do
			begin "$HPN_STAGE" "$HPN_STAGE" "HPNDisabled $client" \
			    "HPNDisabled $server"
			pipe up
			up=$rate2
			pipe down
			row "client $client, server $server" "$(cell "$up")" \
			    "$(cell "$rate2")"
			say_row "$client $server: $up $rate2" >&2
		done
	done
}

# forward up|down: through -L; the server's end connects to a flow beside it.
forward() {
	local near far line='' fd
	local source="$FLOW source -t $SECONDS_EACH"
	local sink="$FLOW sink -o $work/report"
	local there=$sink here=$source
	[ "$1" = up ] || there=$source here=$sink
	rm -f report ctl
	# shellcheck disable=SC2086
	near=127.0.0.1:$($LAB_A "$FLOW" ports 1)
	# shellcheck disable=SC2086
	far=$LAB_ADDR_B:$($LAB_B "$FLOW" ports 1)
	# shellcheck disable=SC2086
	timeout 30 $ssh -f -N -M -S "$work/ctl" -o ExitOnForwardFailure=yes \
	    -L "$near:$far" target </dev/null >master.log 2>&1 ||
	    die "no connection: $(tail -n 1 master.log)"
	# shellcheck disable=SC2086
	exec {fd}< <(exec timeout "$LIMIT" $LAB_B $there -l "$far" </dev/null)
	background+=("$!")
	read -r -t 10 line <&"$fd" || :
	exec {fd}<&-
	[ "$line" = listening ] || die 'nobody listens at the far end'
	# shellcheck disable=SC2086
	timeout "$LIMIT" $LAB_A $here -c "$near" || die 'the tunnel broke'
	wait_until 5 '[ -s report ]' && read_report || die 'data differ'
	# shellcheck disable=SC2086
	timeout 10 $ssh -S "$work/ctl" -O exit target >/dev/null 2>&1 || :
	stop "${background[@]}"
	background=()
}

part_tunnel() {
	local name client server up
	tcp $((256 * M))
	head_row '-L, 100 ms' 'up (to the far end), MB/s' 'down, MB/s'
	while IFS='|' read -r name client server; do
		begin "$client" "$server" '' ''
		forward up
		up=$rate2
		forward down
		row "$name" "$(cell "$up")" "$(cell "$rate2")"
		say_row "$name: $up $rate2" >&2
	done <<-END
	stock client, stock server|$STOCK_STAGE|$STOCK_STAGE
	stock client, our server|$STOCK_STAGE|$HPN_STAGE
	our client, stock server|$HPN_STAGE|$STOCK_STAGE
	our client, our server|$HPN_STAGE|$HPN_STAGE
	END
	tcp_alone up
	up=$raw_rate2
	tcp_alone down
	row 'TCP alone' "$(cell "$up")" "$(cell "$raw_rate2")"
}

inside() {
	part=$1
	work_dir "advice.d"
	trap 'stop_all' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	"part_$part" >"$work/table"
	{
		printf '\nLinux %s, %s processors' "$(uname -r | sed 's/-.*//')" \
		    "$(nproc)"
		case $part in
		cipher) printf ', loopback' ;;
		congestion | loss | window) ;;
		*) printf ", TCP's %s" "$LAB_CC" ;;
		esac
		case $part in
		loss) printf ', 0.01 %% of the packets lost' ;;
		esac
		printf '.\n'
	} >>"$work/table"
	mkdir -p "$OUT"
	mv "$work/table" "$OUT/$part.md"
	stop_all
	cd "$ROOT"
	rm -rf "$work"
}

# ------------------------------------------------------------------ page ----

# Each table stands between "<!-- lab/advice.sh PART -->" and "<!-- end -->".
write_page() {
	local part done=''
	[ -f "$PAGE" ] || die "$PAGE is not there"
	for part in $PARTS; do
		grep -qxF "<!-- lab/advice.sh $part -->" "$PAGE" ||
		    die "docs/transfer-nodes.md has no place for the table $part"
		[ -f "$OUT/$part.md" ] || continue
		awk -v part="$part" -v table="$OUT/$part.md" '
		skip && /^<!-- end -->$/ { skip = 0 }
		!skip { print }
		$0 == "<!-- lab/advice.sh " part " -->" {
			print ""
			while ((getline line <table) > 0)
				print line
			print ""
			skip = 1
		}' "$PAGE" >"$OUT/page"
		cat "$OUT/page" >"$PAGE"
		rm -f "$OUT/page"
		done="$done $part"
	done
	[ -n "$done" ] || die 'nothing was measured yet: run lab/advice.sh first'
	say "docs/transfer-nodes.md: tables$done"
}

case ${1-} in
--inside)
	inside "$2"
	exit 0
	;;
--write)
	[ $# = 1 ] || usage
	write_page
	exit 0
	;;
-*) usage ;;
esac
[ $# -gt 0 ] || {
	# shellcheck disable=SC2086 # several words
	set -- $PARTS
}
for part; do
	case " $PARTS " in
	*" $part "*) ;;
	*) die "no part is called $part; there are: $PARTS" ;;
	esac
done
need iperf3 awk timeout pgrep
need_stages
build_flow
"$ROOT/lab/lab.sh" check
for part; do
	say "$part"
	set -- --rtt "$RTT" --rate "$RATE"
	case $part in
	loss) set -- "$@" --loss 0.0001 ;;
	cipher) set -- --loopback ;;
	esac
	"$ROOT/lab/lab.sh" run "$@" -- "$ROOT/lab/advice.sh" --inside "$part"
	cat "$OUT/$part.md"
done
