#!/bin/bash
# SPDX-License-Identifier: ISC
# How often the verdict on what limits a transfer is right: a cause is put into a
# transfer over an emulated link, and each end that is ours says in its log what it
# takes for the cause.
#
# usage: lab/why.sh [--again] [PART ...]	all parts, or these; see parts() below
#
# What is expected of an end follows from what was put in and from what that end
# can know; it is written beside each cause.  A case that has a line in the results
# is not run again, so an interrupted run goes on; --again begins anew.
#
# Clients run in A, servers in B.  "ours>stock": client ours, server stock.
#
# From the environment: WHY_SECONDS, how long data are sent in each case (5);
# WHY_AT_ONCE, how many parts run side by side (1); see also lab/common.sh.
# Leaves in build/lab/why: results.tsv, a line for each end and case (part, cause,
# direction, programs, end, expected, said, share in percent, certain); why.txt, the
# table, which is printed, too; wrong/, the logs of those that were wrong.

set -eu

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$ROOT/lab/common.sh"

OUT=$BUILD/lab/why
SECONDS_=${WHY_SECONDS:-5}
PUTTY=$(command -v plink || :)
DROPBEAR=$(command -v dbclient || :)

# The parts: NAME OPTIONS-OF-THE-LINK CAUSES
# What "+" joins is put in for half of the time each.
parts() {
	cat <<-END
	puzzle	--rtt 8 --rate 400	send-buffer send-16k
	far	--rtt 100 --rate 100	path source destination window-max memory-max receive-buffer send-buffer limit requests small-files key-exchange source+window-max source+send-buffer
	window	--rtt 100 --rate 400	ssh-window
	farther	--rtt 300 --rate 50	path source destination window-max receive-buffer send-buffer limit tcp-start
	near	--rtt 10 --rate 100	path source destination window-max receive-buffer limit requests
	middle	--rtt 40 --rate 100	path source destination window-max receive-buffer send-buffer requests
	local	--rtt 0 --rate 100	source destination limit
	lossy	--rtt 40 --rate 200 --loss 0.002	loss
	policed	--rtt 40 --rate 400 --policer 80	policer
	processor	--rtt 10	sender-cpu receiver-cpu compression
	END
}

# What the transfers of this part are made of. Random data: some programs compress
# unasked. A slow program works for a moment and rests for several round trips.
programs() {
	local pause=0.5
	if [ "$LAB_RTT" -ge 200 ]; then
		# TCP needs fifteen round trips to get up to speed
		SECONDS_=$((SECONDS_ > 9 ? SECONDS_ : 9)) pause=1.0
	fi
	# A policer shows by some seconds' even rate
	[ "$PART" != policed ] || SECONDS_=$((SECONDS_ > 8 ? SECONDS_ : 8))
	source_slow="i=0; while [ \$i -lt $((SECONDS_ * 2)) ]; do head -c 500000 $random; sleep $pause; i=\$((i+1)); done"
	sink_slow="while [ \"\$(head -c 500000 | wc -c)\" = 500000 ]; do sleep $pause; done"
	# Half a second at 128 KiB in each 100 ms; buffers hold a part of it while it rests
	source_half="i=0; while [ \$i -lt $SECONDS_ ]; do head -c 655360 $random; sleep 0.8; i=\$((i+1)); done"
	flood="timeout $SECONDS_ sh $work/endless"
	eat="cat >/dev/null"
}

# A processor without instructions for AES and hashes, as OpenSSL sees it
SLOW_CPU="env OPENSSL_ia32cap=0:0"
ONE_CORE="taskset -c 0"

# said LOG: "CAUSE SHARE CERTAIN" of the last verdict in it; two causes as A+B
said() {
	sed -n 's/.*verdict: //p' "$1" | tr -d '\r\n' | awk '{
		n = split($0, v, /\{"version":1,/)
		s = v[n]
		cause = "nothing"; share = 0; certain = "no"
		if (match(s, /"limits":\[\{"cause":"[a-z-]*","share":[0-9.]*/)) {
			c = substr(s, RSTART, RLENGTH)
			share = c; sub(/.*:/, "", share)
			sub(/.*"cause":"/, "", c); sub(/".*/, "", c)
			cause = c
			# The second one, if there is one
			c = substr(s, RSTART + RLENGTH)
			sub(/\].*/, "", c)
			if (c ~ /"cause":"/) {
				sub(/.*"cause":"/, "", c); sub(/".*/, "", c)
				cause = cause "+" c
			}
		}
		if (s ~ /"certain":true/)
			certain = "yes"
		printf "%s\t%.0f\t%s\n", n < 2 ? "silent" : cause, share * 100, certain
	}'
}

# buffers SIDE r|w BYTES: the largest TCP buffer there; 0 puts it back
buffers() {
	local most=$3
	[ "$most" != 0 ] || most=$((256 * 1024 * 1024))
	# shellcheck disable=SC2086
	$1 sysctl -qw "net.ipv4.tcp_$2mem=4096 $((most < 65536 ? most : 65536)) $most"
}

# expected CAUSE WAY CLIENT SERVER END: what this end should say; a word, or some
# with | between them; nothing: this is no case
expected() {
	local sender=$3 receiver=$4 at_sender=no both=no
	# Each is told what the other one knows
	[ "$3$4" != oursours ] || both=yes
	[ "$2" = up ] || { sender=$4 receiver=$3; }
	if [ "$2$5" = upclient ] || [ "$2$5" = downserver ]; then
		at_sender=yes
	fi
	case $1$3 in
	*-cpuputty|*-cpudropbear|compressionputty|compressiondropbear)
		# Their ciphers are not OpenSSL's
		return 0 ;;
	esac
	case $1 in
	path|loss|source|destination)	echo "$1" ;;
	ssh-window)
		# Only stock's window stays small: PuTTY's is 2 GiB
		[ "$receiver" != stock ] || echo ssh-window ;;
	window-max|memory-max)
		[ "$receiver" = ours ] || return 0
		[ $at_sender$both = yesno ] && echo ssh-window ||
		    echo "$1" ;;
	receive-buffer|key-exchange|tcp-start)	echo "$1" ;;
	source+window-max)
		[ "$receiver" = ours ] || return 0
		[ $at_sender$both = yesno ] && echo 'source+ssh-window' ||
		    echo "$1" ;;
	source+send-buffer)
		# One who only receives knows less of two causes
		[ $at_sender$both = nono ] || echo "$1" ;;
	policer|sender-cpu|compression)
		# Who only receives cannot know
		[ $at_sender$both = nono ] || echo "$1" ;;
	receiver-cpu)
		[ $at_sender$both = yesno ] || echo "$1" ;;
	send-buffer|send-16k)
		[ $at_sender$both = nono ] && echo sender-fixed ||
		    echo send-buffer ;;
	limit)
		# A foreign end cannot know that
		[ "$sender" = ours ] || return 0
		[ $at_sender$both = nono ] && echo 'source|sender-fixed' ||
		    echo user-limit ;;
	requests|small-files)
		# Stock's sftp is who asks
		[ "$3" = stock ] && echo "$1" ;;
	esac
}

# correct SAID EXPECTED: the first cause is what was put in; of two that were put in,
# both are named, in any order
correct() {
	local said=$1
	case $2 in
	*+*)	[ "$said" = "$2" ] || [ "$said" = "${2#*+}+${2%+*}" ] ;;
	*)	case "|$2|" in *"|${said%+*}|"*) ;; *) return 1 ;; esac ;;
	esac
}

# transfer WAY CLIENT-PROGRAM SOURCE SINK: client run by $run
transfer() {
	if [ "$1" = up ]; then
		# shellcheck disable=SC2086
		sh -c "$3" | $run $2 "$4" >/dev/null 2>err
	else
		# shellcheck disable=SC2086
		$run $2 "$3" </dev/null 2>err | sh -c "$4"
	fi
}

one() {
	local cause=$1 way=$2 client=$3 server=$4 key end want got stage conf
	local from="$flood" to="$eat" lines server_lines=() client_lines=() program
	local sender=$LAB_A receiver=$LAB_B ends='' begun right line
	local run="timeout 90 $LAB_A" server_run=''
	[ "$way" = up ] || sender=$LAB_B receiver=$LAB_A
	[ "$client" != ours ] || ends=client
	[ "$server" != ours ] || ends="$ends server"
	key="$PART	$cause	$way	$client>$server"
	! grep -qF "$key	" "$OUT/results.tsv" || return 0
	for end in $ends; do
		[ -n "$(expected "$cause" "$way" "$client" "$server" "$end")" ] ||
		    return 0
	done
	stage=$STOCK_STAGE
	if [ "$server" = ours ]; then
		stage=$HPN_STAGE
		server_lines=('LogLevel DEBUG3')
	fi
	case $cause in
	source)		from=$source_slow ;;
	destination)	to=$sink_slow from="timeout $((SECONDS_ * 3)) sh $work/endless" ;;
	window-max|memory-max|*+window-max)
		local line='HPNWindowMax 128K'
		[ "$cause" != memory-max ] || line='HPNMemoryMax 256K'
		if [ "$way" = up ]; then
			server_lines+=("$line")
		else
			client_lines=("$line")
		fi ;;
	key-exchange)
		if [ "$client" = putty ] || [ "$client" = dropbear ]; then
			server_lines+=('RekeyLimit 256K')
		else
			client_lines=('RekeyLimit 256K')
		fi ;;
	tcp-start)	from="head -c 1000000 $random" ;;
	sender-cpu|receiver-cpu|compression)
		client_lines=('Ciphers aes256-ctr' 'MACs hmac-sha2-256')
		[ "$client" != ours ] || client_lines+=('HPNThreads 0')
		[ "$server" != ours ] || server_lines+=('HPNThreads 0')
		if [ "$cause" = compression ]; then
			client_lines+=('Compression yes')
		elif [ "$cause$way" = sender-cpuup ] ||
		    [ "$cause$way" = receiver-cpudown ]; then
			run="$run $ONE_CORE $SLOW_CPU"
		else
			server_run="$ONE_CORE $SLOW_CPU"
		fi ;;
	limit)
		if [ "$way" = up ]; then
			client_lines=('HPNRateLimit 2M')
		else
			server_lines+=('HPNRateLimit 2M')
		fi ;;
	receive-buffer)	buffers "$receiver" r 131072 ;;
	send-buffer|*+send-buffer)	buffers "$sender" w 131072 ;;
	send-16k)	buffers "$sender" w 32768 ;;
	esac
	# Dropbear compresses unless it is refused
	[ "$server" != ours ] || [ "$cause" = compression ] ||
	    server_lines+=('Compression no')
	case $cause in
	source+*)	from=$source_half ;;
	esac
	readarray -t lines < <(stage_lines "$stage")
	if [ -n "$server_run" ]; then
		server why "$stage" -p "$server_run" "${lines[@]}" \
		    "${server_lines[@]}"
	else
		server why "$stage" "${lines[@]}" "${server_lines[@]}"
	fi
	client why "$server_port"
	conf=$work/why.ssh_config
	: >client.log
	case $client in
	ours|stock)
		for line in "${client_lines[@]}"; do
			sed -i "s/^LogLevel ERROR/&\n$line/" "$conf"
		done
		if [ "$client" = ours ]; then
			program="$HPN_STAGE/bin/ssh -vvv -E $work/client.log"
		else
			program=$STOCK_STAGE/bin/ssh
		fi
		program="$program -F $conf target" ;;
	putty)
		program="$PUTTY -batch -P $server_port -i $work/user.ppk"
		program="$program -hostkey $(cat fingerprint) $(id -un)@$LAB_ADDR_B" ;;
	dropbear)
		# Its own window is a few KiB, which would be the cause
		program="$DROPBEAR -W 10485760 -y -y -p $server_port -i $work/user.db"
		program="$program $(id -un)@$LAB_ADDR_B" ;;
	esac
	begun=$(seconds)
	case $cause in
	requests|small-files)
		local depth='-R 64' commands
		if [ "$cause" = requests ]; then
			# As many as take some seconds, one after the other
			depth='-R 1'
			head -c $((32768 * SECONDS_ * 1000 / (LAB_RTT * 2))) \
			    /dev/zero >file
			commands="put file copy"
			[ "$way" = up ] || commands="get file copy"
		else
			mkdir -p small there
			for i in $(seq 40); do
				echo "$i" >"small/$i"
			done
			commands="put small/* there"
			[ "$way" = up ] || commands="get small/* there"
		fi
		# shellcheck disable=SC2086
		(echo "lcd $work"; echo "cd $work"; echo "$commands") |
		    timeout 90 $LAB_A "$STOCK_STAGE/bin/sftp" -q $depth -b - \
		    -S "$STOCK_STAGE/bin/ssh" -F "$conf" target >err 2>&1 || : ;;
	*)	transfer "$way" "$program" "$from" "$to" || : ;;
	esac
	sleep 0.3
	wait_until 5 '[ "$server" != ours ] || grep -q "verdict: " why.log' || :
	stop "$server_pid"
	buffers "$LAB_A" r 0
	buffers "$LAB_A" w 0
	buffers "$LAB_B" r 0
	buffers "$LAB_B" w 0
	for end in $ends; do
		want=$(expected "$cause" "$way" "$client" "$server" "$end")
		got=$(said "$([ "$end" = client ] && echo client.log || echo why.log)")
		printf '%s\t%s\t%s\t%s\n' "$key" "$end" "$want" "$got" \
		    >>"$OUT/results.tsv"
		right=WRONG
		! correct "${got%%	*}" "$want" || right=ok
		say "$(printf '%s, %s: %s (%.1f s) %s' "$key" "$end" \
		    "${got//	/ }" "$(calc "$(seconds) - $begun")" "$right")"
		[ $right = ok ] || {
			mkdir -p "$OUT/wrong"
			cp "$([ "$end" = client ] && echo client.log || echo why.log)" \
			    "$OUT/wrong/$PART-$cause-$way-$client-$server-$end.log"
		}
	done
}

inside() {
	local cause way pair pairs
	work_dir "why/tmp-$PART"
	random=$work/random
	programs
	head -c 33554432 /dev/urandom >random
	echo "while cat $random 2>/dev/null; do :; done" >endless
	server_pid=
	trap 'stop "$server_pid"' EXIT
	pairs='ours>ours ours>stock stock>ours'
	if [ -n "$PUTTY" ] && command -v puttygen >/dev/null &&
	    puttygen user -o user.ppk 2>/dev/null; then
		"$HPN_STAGE/bin/ssh-keygen" -lf host.pub | awk '{ print $2 }' >fingerprint
		pairs="$pairs putty>ours"
	fi
	if [ -n "$DROPBEAR" ] && command -v dropbearconvert >/dev/null &&
	    dropbearconvert openssh dropbear user user.db >/dev/null 2>&1; then
		pairs="$pairs dropbear>ours"
	fi
	for cause in "$@"; do
		for way in up down; do
			for pair in $pairs; do
				one "$cause" "$way" "${pair%>*}" "${pair#*>}"
			done
		done
	done
}

if [ "${1-}" = --inside ]; then
	PART=$2
	shift 2
	inside "$@"
	exit
fi

[ "${1-}" != --again ] || {
	rm -rf "$OUT"
	shift
}
need_stages
build_flow
mkdir -p "$OUT"
touch "$OUT/results.tsv"
wanted=" $* " running=0 bad=0
while IFS='	' read -r part options causes; do
	case $wanted in
	'  '|*" $part "*)	;;
	*)	continue ;;
	esac
	if [ "$running" -ge "${WHY_AT_ONCE:-1}" ]; then
		wait -n || bad=$?
		running=$((running - 1))
	fi
	# The slow end has a processor of its own, see ONE_CORE
	pinned=
	[ "$part" != processor ] || pinned='taskset -c 1'
	# shellcheck disable=SC2086
	$pinned "$ROOT/lab/lab.sh" run $options -- "$0" --inside "$part" $causes \
	    </dev/null &
	running=$((running + 1))
done < <(parts)
while [ "$running" -gt 0 ]; do
	wait -n || bad=$?
	running=$((running - 1))
done

awk -F '\t' '
{
	# As correct() has it
	nw = split($6, w, "|")
	split($7, got, "+")
	right = 0
	for (i = 1; i <= nw; i++) {
		two = split(w[i], both, "+")
		if (two == 1 && w[i] == got[1])
			right = 1
		if (two == 2 && ($7 == w[i] || $7 == both[2] "+" both[1]))
			right = 1
	}
	kind = $4 == "ours>ours" ? "ours" : "foreign"
	n++; ok += right
	kinds[kind]++; kind_ok[kind] += right
	row = $2 " (" w[1] ")"
	if (!(row in rows)) { rows[row] = ++nrows; row_of[nrows] = row }
	all[row]++; row_ok[row] += right
	if (!right) {
		said[row, $7]++
		if (!($7 in words)) { words[$7] = 1; word[++nwords] = $7 }
	}
	if (!right && $9 == "yes")
		sure++
}
END {
	printf "%-34s %5s %5s  %s\n", "put in (expected)", "cases", "right", "said otherwise"
	for (i = 1; i <= nrows; i++) {
		r = row_of[i]
		printf "%-34s %5d %5d ", r, all[r], row_ok[r]
		for (j = 1; j <= nwords; j++)
			if (said[r, word[j]])
				printf " %s %d", word[j], said[r, word[j]]
		printf "\n"
	}
	printf "%d of %d right; both ends ours: %d of %d; one end ours: %d of %d; " \
	    "wrong and certain: %d\n", ok, n, kind_ok["ours"], kinds["ours"],
	    kind_ok["foreign"], kinds["foreign"], sure
}' "$OUT/results.tsv" | tee "$OUT/why.txt"
[ "$bad" = 0 ] || die "a part ended with status $bad"
