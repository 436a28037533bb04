#!/bin/bash
# SPDX-License-Identifier: ISC
# How other people's SSH programs get on with ours: each client of theirs on our
# sshd and on stock's, our ssh and sftp and stock's on each server of theirs,
# on one machine and over an emulated link of 100 ms; and what limits those
# that stay below the line's rate.
#
# usage: lab/peers.sh [--write] [PEER ...]
#        lab/peers.sh --report [--write]	from what was measured before
#        lab/peers.sh --list
#
#	--write		put the table into src/README.hpn, between the lines
#			that say so
#	--report	measure nothing
#	--list		names of the peers
#
# Installs the peers that are missing, where it may (base/deps.sh peers); one
# that cannot be had is in the table with the reason. Every copy is compared
# with its original. All of it takes about a quarter of an hour; other work on
# the machine spoils the figures, and PEERs measure a part of it.
#
# Rates are of the later part of a copy: the time for a larger file less the
# time for a smaller one, so that connecting and the start of TCP are not in it.
#
# Leaves in build/lab/peers: PEER.tsv, line.tsv, what was seen; table.txt. Exit:
# 0 when every copy that was tried arrived as it was, whatever the rates are; 1
# when something failed.
#
# Who is who: lab/peers/clients.sh, lab/peers/servers.sh. What a limit is called:
# lab/peers/table.py.

set -eu

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$ROOT/lab/common.sh"
. "$ROOT/lab/peers/clients.sh"
. "$ROOT/lab/peers/servers.sh"

OUT=$BUILD/lab/peers
README=$ROOT/src/README.hpn
RTT=100
RATE=1000
# Longest time for one copy, seconds.
LIMIT=${PEERS_LIMIT:-60}
# Megabytes (10^6); the next larger file is copied as long as the difference in
# time is too small to tell a rate. Of 2 MB most is the start of TCP.
SIZES_LINK='2 24 80'
SIZES_LOCAL='2 24 240'
ENOUGH_LINK=0.9
ENOUGH_LOCAL=0.3
# A first one that takes longer than this has shown the rate already.
SLOW_LINK=5
SLOW_LOCAL=2
# Those whose ciphers are their own, not those of the ssh that they start, nor
# those of a program of the same family that stands here already.
WITH_CIPHERS='ssh-10.0 ssh-9.2 plink dbclient libssh curl-sftp paramiko asyncssh
    rclone sshd-10.0 sshd-9.2 dropbear asyncssh-server paramiko-server
    rclone-server'

usage() {
	sed -n '/^# usage:/,/^#$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
	exit 2
}

# ---------------------------------------------------------------- inside ----

failures=0
verbose=
sampler_pid=

in_a() {
	# shellcheck disable=SC2086
	HOME=$work timeout -k 2 "$LIMIT" $LAB_A "$@"
}

# record WAY PRODUCT METRIC VALUE: one line of what becomes PEER.tsv.
record() {
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$LAB_RTT" "$role" "$1" "$2" "$3" \
	    "$4" >>"$OUT/part/$peer.$LAB_RTT.${products// /-}"
}

progress() {
	printf '  %s  %3s ms  %-15s %-4s %-5s  %s\n' "$(date +%T)" "$LAB_RTT" \
	    "$peer" "$1" "$2" "$3"
}

# failed WAY PRODUCT WHAT
failed() {
	local why
	why=$(tr -d '\r' <copy.err | grep -v '^debug' | tail -n 1 | cut -c 1-200)
	failures=$((failures + 1))
	record "$1" "$2" failed "$3: ${why:-no reason given}"
	progress "$1" "$2" "FAILED: $3: ${why:-no reason given}"
}

# The connection's own account, as the kernel of the sender keeps it, several
# times while a copy is under way.
sample() {
	local in=$LAB_A
	[ "$1" = up ] || in=$LAB_B
	while :; do
		# shellcheck disable=SC2086
		$in ss -tinOH state established \
		    "( sport = :$port or dport = :$port )" 2>/dev/null || :
		sleep 0.3
	done >tcp.samples
}

sample_end() {
	[ -n "$sampler_pid" ] || return 0
	kill "$sampler_pid" 2>/dev/null || :
	wait "$sampler_pid" 2>/dev/null || :
	sampler_pid=
}

# copy up|down MB|SIZE: one file; $took, and it has to be the same. $copy is
# the function.
copy() {
	local file=$work/$2.data from to way status=0
	rm -f copied.data
	: >copied.data
	case $1 in
	up) way=put from=$file to=$work/copied.data ;;
	down) way=get from=$work/copied.data to=$file ;;
	esac
	[ "$peer" != git ] || prepare_git "$file"
	local begun=$EPOCHREALTIME
	"$copy" "$way" "$from" "$to" 2>copy.err || status=$?
	took=$(calc "$EPOCHREALTIME - $begun")
	case $status in
	0) ;;
	124 | 137)
		echo "not finished after $LIMIT s" >>copy.err
		return 1
		;;
	*) return 1 ;;
	esac
	[ "$peer" != git ] || finish_git "$way" copied.data
	# Some say that they are done while data are still under way.
	if [ "$(stat -c %s copied.data)" != "$(stat -c %s "$file")" ]; then
		wait_until 20 '[ "$(stat -c %s copied.data)" = \
		    "$(stat -c %s "$file")" ]' || :
		took=$(calc "$EPOCHREALTIME - $begun")
	fi
	cmp "$file" copied.data >cmp.err 2>&1 || {
		cat cmp.err >>copy.err
		return 1
	}
	rm -f copied.data
}

# What the peer said is in these logs: mark remembers where they end, since
# prints what came then.
mark() {
	marked=$(($(stat -c %s "$log" 2>/dev/null || echo 0) + 1))
	marked_sftp=$(($(stat -c %s "$log_sftp" 2>/dev/null || echo 0) + 1))
}
since() {
	tail -c "+$marked" "$log" 2>/dev/null | tr -d '\r'
}
most_common() {
	sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }'
}

# observe WAY: what the peer offered, by the log of the copy that came last.
observe() {
	local line
	# Some grant little or nothing at first, then what they have.
	if [ "$role" = client ]; then
		since | sed -n 's/.*ctype session rchan [0-9]* win \([0-9]*\) max \([0-9]*\).*/w \1 \2/p
		    s/.*channel [0-9]*: rcvd adjust \([0-9]*\).*/a \1/p'
	else
		tr -d '\r' <copy.err >copy.log
		sed -n 's/.*open confirm rwindow \([0-9]*\) rmax \([0-9]*\).*/w \1 \2/p
		    s/.*channel 0: rcvd adjust \([0-9]*\).*/a \1/p' copy.log
	fi | awk '
	$1 == "w" { window = $2; packet = $3 }
	$1 == "a" && $2 > window { window = $2 }
	END { if (packet) print window, packet }' >seen
	if read -r line <seen; then
		record "$1" ours window "${line% *}"
		record "$1" ours packet "${line#* }"
	fi
	if [ "$role" = client ]; then
		tail -c "+$marked_sftp" "$log_sftp" 2>/dev/null | tr -d '\r' |
		    sed -n 's/.*request [0-9]*: \(read\|write\) .* len \([0-9]*\)$/\2/p'
	else
		sed -n 's/.*SSH2_FXP_WRITE I:.* S:\([0-9]*\)$/\1/p
		    s/.*Request range \([0-9]*\) -> \([0-9]*\).*/\1 \2/p' \
		    copy.log |
		    awk '{ print (NF == 1 ? $1 : $2 - $1 + 1) }'
	fi | most_common >seen
	if read -r line <seen; then
		record "$1" ours request "$line"
	fi
}

# What the kernel said of the last copy; the connection with most bytes counts.
observe_tcp() {
	[ -s tcp.samples ] || return 0
	awk '
	{
		sent = rwnd = sndbuf = 0
		for (i = 1; i <= NF; i++) {
			if (split($i, f, /[:(%]/) < 2)
				continue
			if (f[1] == "bytes_sent")
				sent = f[2]
			else if (f[1] == "rwnd_limited")
				rwnd = f[3]
			else if (f[1] == "sndbuf_limited")
				sndbuf = f[3]
		}
		if (sent >= most) {
			most = sent
			r = rwnd
			s = sndbuf
		}
	}
	END { print r + 0, s + 0 }' tcp.samples >seen
	local rwnd sndbuf
	read -r rwnd sndbuf <seen
	record "$1" "$2" rwnd_limited "$rwnd"
	record "$1" "$2" sndbuf_limited "$sndbuf"
}

# measure WAY PRODUCT
measure() {
	local way=$1 product=$2 sizes=$SIZES_LINK enough=$ENOUGH_LINK size
	local first='' first_took='' before rate slow=$SLOW_LINK
	if [ "$LAB_RTT" = 0 ]; then
		sizes=$SIZES_LOCAL
		enough=$ENOUGH_LOCAL
		slow=$SLOW_LOCAL
	fi
	for size in $sizes; do
		verbose=
		if [ -z "$first" ]; then
			mark
			[ "$role.$product" != server.ours ] || verbose=-vvv
		elif [ "$LAB_RTT" != 0 ]; then
			sample "$way" &
			sampler_pid=$!
		fi
		if ! copy "$way" "$size"; then
			sample_end
			failed "$way" "$product" "$size MB"
			return 0
		fi
		sample_end
		[ -n "$first" ] || [ "$product" != ours ] || observe "$way"
		if [ "$LAB_RTT" = 0 ]; then
			# Where only processors are the limit, what else the
			# machine does counts double: the quicker of two copies.
			before=$took
			verbose=
			if ! copy "$way" "$size"; then
				failed "$way" "$product" "$size MB"
				return 0
			fi
			took=$(printf '%s\n' "$before" "$took" | sort -n |
			    head -n 1)
		fi
		if [ -z "$first" ]; then
			record "$way" "$product" connects yes
			first=$size first_took=$took
			[ "$(calc "($took > $slow)" %d)" = 0 ] || break
		elif [ "$(calc "($took - $first_took > $enough)" %d)" = 1 ]; then
			break
		elif [ "$size" != "${sizes##* }" ]; then
			first=$size first_took=$took
		fi
	done
	if [ "$size" = "${sizes%% *}" ]; then
		# Without the time that no data take.
		if ! copy "$way" 0; then
			failed "$way" "$product" 'a short file'
			return 0
		fi
		took=$(calc "$first_took - $took")
		first=0
	else
		took=$(calc "$took - $first_took")
		[ "$LAB_RTT" = 0 ] || observe_tcp "$way" "$product"
	fi
	# As fast as the clock can tell
	[ "$(calc "($took > 0.001)" %d)" = 1 ] || took=0.001
	rate=$(calc "($size - $first) / $took")
	record "$way" "$product" rate "$rate"
	progress "$way" "$product" "$(printf '%7.2f MB/s' "$rate")"
}

# Time of a ping, which has no way and no rate.
measure_ping() {
	local begun=$EPOCHREALTIME
	if ! "ping_$peer" 2>copy.err; then
		failed - "$1" ping
		return 0
	fi
	took=$(calc "$EPOCHREALTIME - $begun" %.1f)
	record - "$1" connects yes
	record - "$1" ping "$took"
	progress - "$1" "ping answered, $took s"
}

# known PORT: the servers' key, for those that want it by address.
known() {
	printf '[%s]:%s %s\n' "$LAB_ADDR_B" "$1" "$(cat host.pub)" \
	    >>.ssh/known_hosts
}

declare -A port_of pid_of stage_of
stage_of[ours]=$HPN_STAGE
stage_of[stock]=$STOCK_STAGE

# serve NAME STAGE [LINE ...]: an sshd that says what its peers do.
serve() {
	local name=$1 stage=$2
	printf '#!/bin/sh\nexec %s -e -l DEBUG1 2>>%s\n' \
	    "$stage/libexec/sftp-server" "$work/$name.sftp" >"$name.sh"
	chmod +x "$name.sh"
	: >"$name.sftp"
	server "$name" "$stage" "SshdSessionPath $stage/libexec/sshd-session" \
	    "SshdAuthPath $stage/libexec/sshd-auth" 'PerSourcePenalties no' \
	    "Subsystem sftp $work/$name.sh" 'LogLevel DEBUG2' "${@:3}"
	pid_of[$name]=$server_pid
	port_of[$name]=$server_port
	client "$name" "$server_port"
	known "$server_port"
}

# use NAME: the port and the configuration of that server.
use() {
	port=${port_of[$1]} conf=$work/$1.ssh_config
	log=$work/$1.log log_sftp=$work/$1.sftp
}

# offered: ciphers of the peer, its first choice and all, by the log.
offered() {
	local whose=server
	[ "$role" = server ] || whose=client
	sed -n "/peer $whose KEXINIT proposal/,/ciphers stoc/{
	    s/ \[preauth\]//
	    s/.*ciphers ctos: //p
	}" "$1" | tr -d '\r' | head -n 1 | tr ',' ' '
}
chosen() {
	sed -n 's/.*kex: client->server cipher: \([^ ]*\).*/\1/p' "$1" |
	    head -n 1
}

# Each cipher that both know: a short file up and down, with our end offering
# only that one.
ciphers() {
	local cipher ours theirs way done count=0
	ours=" $("$HPN_STAGE/bin/ssh" -Q cipher | tr '\n' ' ')"
	verbose=-vv
	[ "$role" = server ] || mark
	copy down 0 || {
		failed down ours 'a short file'
		return 0
	}
	verbose=
	if [ "$role" = client ]; then
		since >seen.log
	else
		cp copy.err seen.log
	fi
	theirs=$(offered seen.log)
	record - ours first_cipher "$(chosen seen.log)"
	for cipher in $theirs; do
		case $ours in
		*" $cipher "*) ;;
		*) continue ;;
		esac
		if [ "$role" = client ]; then
			serve cipher "$HPN_STAGE" "Ciphers $cipher"
			use cipher
		else
			{
				echo "Ciphers $cipher"
				cat peer.ssh_config
			} >cipher.ssh_config
			conf=$work/cipher.ssh_config
		fi
		done=
		for way in up down; do
			if copy "$way" 0; then
				done="$done$way"
			else
				failed "$way" ours "$cipher"
			fi
		done
		if [ "$done" = updown ]; then
			record - ours cipher "$cipher"
			count=$((count + 1))
		fi
		if [ "$role" = client ]; then
			stop "${pid_of[cipher]}"
			pid_of[cipher]=
		fi
	done
	progress both ours "ciphers in common: $count"
}

# Each cipher in common, with our ssh; where the line does not matter.
ciphers_once() {
	case "$LAB_RTT $(echo $WITH_CIPHERS) " in
	"0 "*"$peer "*)
		ssh_bin=$HPN_STAGE/bin/ssh
		ciphers
		;;
	esac
}

peer_client() {
	local product
	for product in $products; do
		use "$product"
		ssh_bin=${stage_of[$product]}/bin/ssh
		if [ "$kind" = ping ]; then
			measure_ping "$product"
			continue
		fi
		measure up "$product"
		measure down "$product"
	done
	use ours
	ciphers_once
}

peer_server() {
	local product
	if ! "serve_${peer//[-.]/_}" 2>copy.err; then
		failed - ours 'start'
		return 0
	fi
	pid_of[peer]=$server_pid
	port_of[peer]=$server_port
	client peer "$server_port"
	known "$server_port"
	use peer
	for product in $products; do
		ssh_bin=${stage_of[$product]}/bin/ssh
		measure up "$product"
		measure down "$product"
	done
	ciphers_once
	stop "${pid_of[peer]}"
	pid_of[peer]=
}

inside() {
	local title way size
	products=$1
	shift
	work_dir "peers/run/${products// /-}"
	user=$(id -un)
	mkdir -m 700 .ssh
	trap 'sample_end; stop "${pid_of[@]}"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	for size in $SIZES_LINK $SIZES_LOCAL; do
		[ -e "$size.data" ] ||
		    head -c "${size}000000" /dev/urandom >"$size.data"
	done
	head -c 65536 /dev/urandom >0.data
	if [ "$LAB_RTT" != 0 ] && [ "$products" = ours ] &&
	    [ ! -e "$OUT/line.tsv" ]; then
		printf 'cc\t%s\n' "${LAB_CC:-unknown}" >"$OUT/line.new"
		for way in up down; do
			raw '-t 8' "$way" || die "iperf3: $(tail -n 1 iperf.client)"
			printf '%s\t%s\n' "$way" "$raw_rate2" >>"$OUT/line.new"
			printf '  %s  %3s ms  raw TCP, %s: %s MB/s\n' \
			    "$(date +%T)" "$LAB_RTT" "$way" "$raw_rate2"
		done
		mv "$OUT/line.new" "$OUT/line.tsv"
	fi
	serve ours "$HPN_STAGE"
	serve stock "$STOCK_STAGE"
	for peer; do
		role=client kind=copy copy=copy_${peer//[-.]/_}
		case " $(echo $SERVERS) " in
		*" $peer "*) role=server ;;
		esac
		! declare -F "ping_$peer" >/dev/null || kind=ping
		if ! title=$("title_${peer//[-.]/_}" 2>/dev/null) ||
		    [ -z "$title" ]; then
			[ "$products" = stock ] || {
				record - - skipped "${title:-not usable here}"
				progress - - \
				    "SKIPPED: ${title:-not usable here}"
			}
			continue
		fi
		# What it found stays in that shell.
		"title_${peer//[-.]/_}" >/dev/null 2>&1
		record - - title "$title"
		case " $CLIENTS_OVER_SSH " in
		*" $peer "*) record - - over_ssh yes ;;
		esac
		"peer_$role"
	done
	[ "$failures" = 0 ]
}

# --------------------------------------------------------------- outside ----

# The table, and where it is wanted in the manual.
report() {
	cd "$OUT"
	# shellcheck disable=SC2086
	python3 "$ROOT/lab/peers/table.py" "$OUT" --clients $CLIENTS \
	    --servers $SERVERS >table.new || die 'the table cannot be made'
	mv table.new table.txt
	[ -n "$write" ] || return 0
	grep -q '^--- made by lab/peers.sh: begin ---$' "$README" &&
	    grep -q '^--- made by lab/peers.sh: end ---$' "$README" ||
	    die "src/README.hpn has no lines \"--- made by lab/peers.sh:" \
	    'begin ---" and "end ---" for the table to stand between'
	awk -v table="$OUT/table.txt" '
	/^--- made by lab\/peers.sh: end ---$/ { skip = 0 }
	!skip { print }
	/^--- made by lab\/peers.sh: begin ---$/ {
		print ""
		while ((getline line < table) > 0)
			print line
		print ""
		skip = 1
	}' "$README" >README.new
	cat README.new >"$README"
	rm -f README.new
	say 'the table is in src/README.hpn'
}

if [ "${1-}" = --inside ]; then
	shift
	inside "$@"
	exit
fi

# run LAB-OPTION ... -- PRODUCTS PEER ...: in the background; ended waits.
running=()
run() {
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	"$ROOT/lab/lab.sh" run "${options[@]}" -- \
	    "$ROOT/lab/peers.sh" --inside "$@" </dev/null &
	running+=($!)
}
ended() {
	local pid
	for pid in "${running[@]}"; do
		wait "$pid" || {
			[ "$?" = 1 ] || die 'the lab failed, see above'
			status=1
		}
	done
	running=()
}

write='' measure=1
while [ $# -gt 0 ]; do
	case $1 in
	--write) write=1 ;;
	--report) measure= ;;
	--list)
		printf '%s\n' $CLIENTS $SERVERS
		exit 0
		;;
	-*) usage ;;
	*) break ;;
	esac
	shift
done
[ -n "$measure" ] || [ $# -eq 0 ] || usage
for peer; do
	case " $(echo $CLIENTS $SERVERS) " in
	*" $peer "*) ;;
	*)
		printf 'openssh-hpn: error: no peer %s\n' "$peer" >&2
		usage
		;;
	esac
done

mkdir -p "$OUT"
status=0
if [ -n "$measure" ]; then
	need iperf3 awk timeout python3 ss cmp
	need_stages
	# shellcheck disable=SC2086
	if [ $# -eq 0 ]; then
		set -- $CLIENTS $SERVERS
		rm -f "$OUT"/*.tsv
	fi
	"$ROOT/base/deps.sh" peers ||
	    say 'going on with those peers that are there'
	build_flow
	for peer; do
		rm -f "$OUT/$peer.tsv"
	done
	say "ours:  $("$HPN_STAGE/bin/ssh" -V 2>&1)"
	say "stock: $("$STOCK_STAGE/bin/ssh" -V 2>&1)"
	linked=0
	why=$("$ROOT/lab/lab.sh" check 2>&1) || linked=$?
	case $linked in
	0 | 77) ;;
	*) die "$why" ;;
	esac
	rm -rf "$OUT/part"
	mkdir "$OUT/part"
	trap '[ ${#running[@]} = 0 ] || kill "${running[@]}" 2>/dev/null; wait' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	run --loopback -- 'ours stock' "$@"
	ended
	if [ "$linked" = 0 ]; then
		# Stock's takes little of the machine, and a link of its own.
		run --rtt "$RTT" --rate "$RATE" -- ours "$@"
		run --rtt "$RTT" --rate "$RATE" -- stock "$@"
		ended
	else
		say "nothing over $RTT ms: ${why#lab: }"
	fi
	for peer; do
		cat "$OUT/part/$peer".* >"$OUT/$peer.tsv"
	done
	rm -rf "$OUT/work" "$OUT/part"
fi
report
printf '\n'
cat "$OUT/table.txt"
[ "$status" = 0 ] || die 'something failed, see FAILED above and in the table'
