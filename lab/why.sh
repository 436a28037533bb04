#!/bin/bash
# SPDX-License-Identifier: ISC
# How often the verdict on what limits a transfer is right: a cause is put into a
# transfer over an emulated link, and each end that is ours says in its log what it
# takes for the cause.
#
# usage: lab/why.sh [--again] [--for SECONDS] [PART ...]
#	all parts, or these; see parts() below
#        lab/why.sh --table [--half a|b] [--replay]
#	run nothing, print the tables of what was collected
#        lab/why.sh --keep
#	run nothing, add what was collected to lab/why-facts.tsv
#        lab/why.sh --check
#	run nothing, judge lab/why-facts.tsv by the policy as it is now; fail if
#	too little of that is right
#
#	--again	  begin anew
#	--for	  begin no case after so many seconds
#	--half	  of the cases only that half, see lab/why-replay.c
#	--replay  not what was said, but what the policy of src/hpn-why.c says
#		  now of the same facts
#
# What is expected of an end follows from what was put in and from what that end
# can know; it is written beside each cause.  A case that has been run is not run
# again, so an interrupted run goes on.
#
# One case of each cause is confirmed: the rate is compared with that of the same
# transfer without the cause.  Some cases are there for that alone: nothing is
# expected of them, and they have "-" for it.
#
# Clients run in A, servers in B.  "ours>stock": client ours, server stock.  A peer
# that is not installed is left out, and a line says so.
#
# From the environment: WHY_SECONDS, how long data are sent in each case (5);
# WHY_AT_ONCE, how many parts run side by side (1); WHY_NICE, see nice(1) (0): a
# negative one keeps other work on the machine out of the figures; see also
# lab/common.sh.
# Leaves in build/lab/why: facts/PART.tsv, a line for each end and case (part,
# cause, direction, transport, programs, end, expected, kB/s on the wire, load of the
# machine, seconds) with all that this end knew, in JSON; why.txt, the tables.

set -eu

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$ROOT/lab/common.sh"
. "$ROOT/lab/peers/clients.sh"
. "$ROOT/lab/peers/servers.sh"

OUT=$BUILD/lab/why
SECONDS_=${WHY_SECONDS:-5}
COLUMNS_=10
# Longest time for a transfer, seconds
LIMIT=90
# What is kept for --check, and the marks there: of verdicts with ours at both ends,
# and with ours at one end, so many of 100 have to be right
KEPT=$ROOT/lab/why-facts.tsv
BOTH_RIGHT=95
ONE_RIGHT=90

THREE='ours>ours ours>stock stock>ours'
PIPES="$THREE putty>ours dropbear>ours libssh>ours ours>dropbear"
TUNNELS="$THREE putty>ours dropbear>ours ours>dropbear"
OURS_COPY='ours-scp>ours ours-sftp>ours ours-scp>stock ours-sftp>stock ours-sftp>paramiko'
COPIES="$OURS_COPY stock-scp>ours stock-sftp>ours pscp>ours psftp>ours paramiko>ours"
COPIES="$COPIES rclone>ours asyncssh>ours"
SLOW_COPIES='libssh-sftp>ours curl-sftp>ours'

# The parts: NAME | OPTIONS OF THE LINK | TRANSPORT | PROGRAMS | CAUSES
# What "+" joins is put in for half of the time each.  CAUSE@N: so strong that an Nth
# of the line's rate is left, or about that; without: a fourth.
parts() {
	cat <<-END
	puzzle|--rtt 8 --rate 200|pipe|$PIPES|path send-buffer send-16k
	far|--rtt 100 --rate 50|pipe|$PIPES|path source destination window-max receive-buffer send-buffer limit
	far2|--rtt 100 --rate 50|pipe|$THREE|source@3 source@8 destination@3 window-max@2 receive-buffer@2 receive-buffer@8 send-buffer@2 send-buffer@8 limit@2 tcp-start key-exchange
	two|--rtt 100 --rate 50|pipe|$THREE|path window-max send-buffer receive-buffer source+window-max source+send-buffer source+receive-buffer source+path
	farther|--rtt 300 --rate 20|pipe|$THREE|path source destination window-max receive-buffer send-buffer limit tcp-start
	near|--rtt 10 --rate 100|pipe|$PIPES|path source destination receive-buffer limit
	local|--rtt 0 --rate 50|pipe|$PIPES|path source destination limit
	left|--rtt 100 --rate 40|L|$TUNNELS|path source destination window-max receive-buffer send-buffer limit
	right|--rtt 100 --rate 40|R|$TUNNELS|path source destination window-max receive-buffer send-buffer limit
	leftnear|--rtt 10 --rate 40|L|$TUNNELS|path source destination
	copy|--rtt 100 --rate 20|copy|$COPIES|path receive-buffer send-buffer limit
	copynear|--rtt 10 --rate 50|copy|$COPIES|path
	requests|--rtt 100 --rate 100|copy|stock-sftp>ours $SLOW_COPIES|requests
	files|--rtt 100 --rate 100|copy|stock-sftp>ours|requests@1 small-files one-file
	window|--rtt 300 --rate 200|pipe|$THREE|path ssh-window memory-max
	small|--rtt 100 --rate 20|pipe|dropbear-24k>ours ours>dropbear-24k|ssh-window
	lossy|--rtt 40 --rate 50 --loss 0.003 --cc reno|pipe|$PIPES|loss
	lossyL|--rtt 100 --rate 50 --loss 0.003 --cc reno|L|$THREE|loss
	clean|--rtt 40 --rate 50 --cc reno|pipe|$THREE|path
	policed|--rtt 40 --rate 100 --policer 20|pipe|$THREE ours>dropbear libssh>ours|policer
	policedreno|--rtt 40 --rate 100 --policer 20 --cc reno|pipe|$THREE|policer
	free|--rtt 40 --rate 100|pipe|$THREE|path
	processor|--rtt 10 --rate 2000|pipe|$THREE|sender-cpu receiver-cpu compression sender-quick receiver-quick plain
	other|--rtt 100 --rate 50|pipe|$THREE|path other-channel
	END
}

# Where the same transfer runs without the cause, as "path" unless another name is
# given: CAUSE PART PART [NAME].
without() {
	cat <<-END
	loss lossy clean
	policer policed free
	path far free
	tcp-start far2 far
	key-exchange far2 far
	small-files files files one-file
	sender-cpu processor processor sender-quick
	receiver-cpu processor processor receiver-quick
	compression processor processor plain
	requests requests copy
	requests files copy
	ssh-window small far
	END
}

# What the transfers of this part are made of. Random data: some programs compress
# unasked.  A slow program works for a moment and rests for several round trips.
# div: an Nth of the line is left.  programs CAUSE "WAY	PROGRAMS"
programs() {
	local cause=$1 div=4 pause=0.5 rate n
	case $cause in
	*@*)	div=${cause#*@} ;;
	esac
	seconds_=$SECONDS_
	if [ "$LAB_RTT" -ge 200 ]; then
		# TCP needs fifteen round trips to get up to speed
		seconds_=$((seconds_ > 9 ? seconds_ : 9)) pause=1.0
	fi
	# A policer shows by some seconds' even rate
	[ "${cause%@*}" != policer ] || seconds_=$((seconds_ > 9 ? seconds_ : 9))
	# The line, in bytes a second; what a round trip holds; what is left of it
	line=$((LAB_RATE * 125000))
	[ "$line" -gt 0 ] || line=125000000
	hold=$((line * (LAB_RTT > 0 ? LAB_RTT : 1) / 1000))
	left=$((hold / div > 16384 ? hold / div : 16384))
	allowed=$((line / div))
	chunk=$(calc "$allowed * $pause" %.0f)
	n=$(calc "$seconds_ / $pause + 1" %.0f)
	source_slow="i=0; while [ \$i -lt $n ]; do head -c $chunk $random; sleep $pause; i=\$((i+1)); done"
	sink_slow="i=0; while [ \$i -lt $((n * 2)) ] && [ \"\$(head -c $chunk | wc -c)\" = $chunk ]; do sleep $pause; i=\$((i+1)); done"
	# Half of the time at rest, half at the rate that the other cause leaves, which
	# the same transfer with that cause alone has shown, an eighth of it for connecting
	rate=$(awk -F '\t' -v want="$PART	${cause#*+}	$2" '
	    $1 FS $2 FS $3 FS $5 == want { rate = $8 } END { print rate + 0 }' \
	    "$OUT/facts/$PART.tsv")
	cat >half <<-END2
	begun=\${EPOCHREALTIME/./}
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		head -c $((rate * 460)) $random
		left=\$((begun + i * 800000 - \${EPOCHREALTIME/./}))
		[ "\$left" -le 0 ] || sleep "\$((left / 1000000)).\$(printf %06d \$((left % 1000000)))"
	done
	END2
	source_half="bash $work/half"
	# What the cause lets pass in that time: more would wait in buffers, and be
	# carried when all else is over
	flood="timeout $seconds_ sh $OUT/endless | head -c $((line * seconds_))"
	case $cause in
	limit*)
		flood="timeout $seconds_ sh $OUT/endless | head -c $((allowed * seconds_))" ;;
	window-max*|memory-max*|*-buffer*|send-16k)
		flood="timeout $seconds_ sh $OUT/endless | head -c $((left * 1000 * seconds_ / (LAB_RTT > 0 ? LAB_RTT : 1)))" ;;
	esac
	eat="cat >/dev/null"
	# Of several channels, the session's rate is of interest
	[ "$PART" != other ] || eat="wc -c >$work/carried"
}

# A processor without instructions for AES and hashes, as OpenSSL sees it
SLOW_CPU="env OPENSSL_ia32cap=0:0"
ONE_CORE="taskset -c 0"

# verdict_in LOG: the last JSON object in it, as it was logged in pieces
verdict_in() {
	sed -n 's/.*verdict: //p' "$1" | tr -d '\r\n\t' | awk '{
		n = split($0, v, /\{"version":1,/)
		if (n > 1)
			printf "{\"version\":1,%s", v[n]
	}'
}

# buffers SIDE r|w BYTES: the largest TCP buffer there; 0 puts it back
buffers() {
	local most=$3
	[ "$most" != 0 ] || most=$((256 * 1024 * 1024))
	# shellcheck disable=SC2086
	$1 sysctl -qw "net.ipv4.tcp_$2mem=4096 $((most < 65536 ? most : 65536)) $most"
}

# arrived SIDE: bytes that have come over the link there
arrived() {
	# shellcheck disable=SC2086
	$1 awk '/lab0:/ { sub(/.*:/, ""); print $1 }' /proc/self/net/dev
}

# is_ours PROGRAM
is_ours() {
	case $1 in ours*) ;; *) return 1 ;; esac
}

# expected CAUSE WAY CLIENT SERVER END: what this end should say; a word, or some
# with | between them; nothing: this is no case
expected() {
	local cause=${1%@*} sender=$3 receiver=$4 at_sender=no both=no
	# Each is told what the other one knows
	! is_ours "$3" || ! is_ours "$4" || both=yes
	[ "$2" = up ] || { sender=$4 receiver=$3; }
	if [ "$2$5" = upclient ] || [ "$2$5" = downserver ]; then
		at_sender=yes
	fi
	case $cause in
	path)
		# For that part the line is too long for all but ours
		[ "$PART$both" = windowno ] || echo path ;;
	loss|source|destination)	echo "$cause" ;;
	ssh-window)
		# Those whose window stays small: stock's, and dropbear's unless told
		case $receiver in
		stock|dropbear-24k)	echo ssh-window ;;
		esac ;;
	window-max|memory-max)
		is_ours "$receiver" || return 0
		[ $at_sender$both = yesno ] && echo ssh-window ||
		    echo "$cause" ;;
	key-exchange)
		# What a sender of ours has sent already goes on to arrive meanwhile
		[ "$2" = down ] || echo key-exchange ;;
	receive-buffer|tcp-start)	echo "$cause" ;;
	source+window-max)
		is_ours "$receiver" || return 0
		[ $at_sender$both = yesno ] && echo 'source+ssh-window' ||
		    echo "$cause" ;;
	source+*)
		# One who only receives knows less of two causes
		[ $at_sender$both = nono ] || echo "$cause" ;;
	*-quick|plain|one-file)	echo - ;;
	other-channel)	echo "$cause" ;;
	compression)
		# Between ours it is zstd, which lets random data pass
		[ $at_sender$both != yesno ] || echo compression ;;
	policer|sender-cpu)
		# Who only receives cannot know
		[ $at_sender$both = nono ] || echo "$cause" ;;
	receiver-cpu)
		[ $at_sender$both = yesno ] || echo "$cause" ;;
	send-buffer|send-16k)
		[ $at_sender$both = nono ] && echo sender-fixed ||
		    echo send-buffer ;;
	limit)
		# A foreign end cannot know that, and keeps to it in its own way
		case $sender in
		ours*)		;;
		stock-scp|rclone)	;;
		*)	return 0 ;;
		esac
		[ $at_sender$both = nono ] && echo 'source|sender-fixed' ||
		    echo user-limit ;;
	requests|small-files)
		# A client asks
		is_ours "$3" || echo "$cause" ;;
	esac
}

# For lab/peers/clients.sh
in_a() {
	# shellcheck disable=SC2086
	$run "$@"
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

# beside WAY: three forwarded ports that carry all they can, beside a session.  The
# client listens at $near_port, and connects to $far_port there.
beside() {
	local i senders='' listen connect
	listen=source connect='sink -o beside'
	[ "$1" = down ] || { listen='sink -o beside' connect=source; }
	# shellcheck disable=SC2086
	$LAB_B "$FLOW" ${listen/source/source -t $seconds_} -k -l "127.0.0.1:$far_port" \
	    >/dev/null 2>&1 </dev/null &
	listener=$!
	wait_until 10 "$LAB_A grep -qi '0100007F:$(printf %04X "$near_port") 00000000:0000 0A' \
	    /proc/net/tcp" || return 0
	for i in 1 2 3; do
		# shellcheck disable=SC2086
		timeout "$LIMIT" $LAB_A "$FLOW" ${connect/source/source -t $seconds_} \
		    -c "127.0.0.1:$near_port" >/dev/null 2>&1 </dev/null &
		senders="$senders $!"
	done
	# shellcheck disable=SC2086
	wait $senders || :
	stop "$listener"
}

# through L|R WAY CLIENT-PROGRAM SOURCE SINK: a port that the client forwards, or the
# server; the bytes are those of two plugs
through() {
	local near="$LAB_A" far="$LAB_B" port target host=127.0.0.1
	local near_command=$4 far_command=$5 client listener connector tunnel=
	[ "$2" = up ] || { near_command=$5 far_command=$4; }
	# shellcheck disable=SC2086
	port=$($LAB_A "$FLOW" ports 1) target=$($LAB_B "$FLOW" ports 1)
	: >err
	: >plug.err
	if [ "$1" = L ]; then
		tunnel="-L $port:127.0.0.1:$target"
	else
		near="$LAB_B" far="$LAB_A"
		local swap=$near_command
		near_command=$far_command far_command=$swap
		tunnel="-R $port:127.0.0.1:$target"
	fi
	# shellcheck disable=SC2086
	timeout "$LIMIT" $far python3 "$ROOT/lab/plug.py" listen $host "$target" 262144 \
	    "$far_command" >/dev/null 2>plug.err </dev/null &
	listener=$!
	wait_until 10 'grep -q listening plug.err' || die "$(cat plug.err)"
	# shellcheck disable=SC2086
	$run ${3/TUNNEL/-N $tunnel} </dev/null >/dev/null 2>err &
	client=$!
	# The port of -R is there when the server listens
	wait_until 20 "! kill -0 $client 2>/dev/null || \
	    $near sh -c \"cat /proc/net/tcp\" | grep -qi \"0100007F:$(printf %04X "$port") 00000000:0000 0A\"" || :
	begun=$(seconds)
	# shellcheck disable=SC2086
	timeout "$LIMIT" $near python3 "$ROOT/lab/plug.py" connect $host "$port" 262144 \
	    "$near_command" >/dev/null 2>>plug.err </dev/null &
	connector=$!
	wait "$connector" || :
	wait "$listener" || :
	took_to=$(seconds)
	# timeout passes that on
	kill -TERM "$client" 2>/dev/null || :
	wait "$client" 2>/dev/null || :
}

# copied CAUSE WAY CLIENT: a file by a program that copies files
copied() {
	local cause=${1%@*} bytes rate=$line more='' copy way=put from=file to=there
	local ssh_bin
	case $cause in
	receive-buffer|send-buffer)	rate=$((left * 1000 / LAB_RTT)) ;;
	limit)		rate=$allowed ;;
	requests)	rate=$((32768 * 1000 / LAB_RTT))
			# These ask for more than one at a time
			case $3$2 in curl-sftpdown)	rate=$((rate * 20)) ;; esac ;;
	esac
	bytes=$((rate * seconds_))
	rm -rf file there small
	while :; do cat "$random" 2>/dev/null || break; done | head -c $bytes >file
	: >there
	[ "$2" = up ] || way="get"
	case $3 in
	ours-*)	ssh_bin=$work/watched ;;
	*)	ssh_bin=$STOCK_STAGE/bin/ssh ;;
	esac
	case $3 in
	*-sftp)	case $3 in ours-*|stock-*)
		local bin=$STOCK_STAGE/bin commands
		! is_ours "$3" || bin=$HPN_STAGE/bin
		[ "$cause" != requests ] || more='-R 1'
		[ "$cause" != limit ] || more="-l $((allowed * 8 / 1000))"
		commands="$way $work/file $work/there"
		# As much as the small files are, in one
		[ "$cause" != one-file ] || head -c 163840 "$random" >file
		if [ "$cause" = small-files ]; then
			rm -f there
			mkdir -p small there
			for i in $(seq 40); do
				head -c 4096 "$random" >"small/$i"
			done
			commands="$way $work/small/* $work/there"
			[ "$2" = up ] || commands="lcd $work/there
get $work/small/*"
		fi
		is_ours "$3" || more="-q $more"
		# shellcheck disable=SC2086
		echo "$commands" | $run "$bin/sftp" $more -b - -S "$ssh_bin" \
		    -F "$conf" target >err 2>&1
		return ;;
		esac ;;
	*-scp)
		local scp=$STOCK_STAGE/bin/scp
		! is_ours "$3" || scp=$HPN_STAGE/bin/scp
		[ "$cause" != limit ] || more="-l $((allowed * 8 / 1000))"
		if [ "$2" = up ]; then
			set -- file "target:$work/there"
		else
			set -- "target:$work/file" there
		fi
		# shellcheck disable=SC2086
		$run "$scp" $more -S "$ssh_bin" -F "$conf" "$@" </dev/null >err 2>&1
		return ;;
	esac
	copy=copy_${3//[-.]/_}
	if [ "$way" = put ]; then
		set -- put "$work/file" "$work/there"
	else
		set -- get "$work/there" "$work/file"
	fi
	port=$server_port
	# What rclone keeps to
	[ "$cause" != limit ] || export RCLONE_BWLIMIT="${allowed}B"
	"$copy" "$@" >err 2>&1 || {
		unset RCLONE_BWLIMIT
		return 1
	}
	unset RCLONE_BWLIMIT
}

# through_libssh WAY SOURCE SINK: its files are fifos
through_libssh() {
	rm -f fifo-from fifo-to
	mkfifo fifo-from fifo-to
	sh -c "$2" >fifo-from &
	sh -c "$3" <fifo-to &
	port=$server_port
	if [ "$1" = up ]; then
		copy_libssh put "$work/fifo-from" "$work/fifo-to" >err 2>&1
	else
		copy_libssh get "$work/fifo-to" "$work/fifo-from" >err 2>&1
	fi
}

one() {
	local whole=$1 way=$2 client=$3 server=$4 cause end want got stage conf
	local from to lines server_lines=() client_lines=() program key
	local sender=$LAB_A receiver=$LAB_B ends='' begun line_ value before rate load
	local run="timeout $LIMIT $LAB_A" server_run='' took_to= tunnel='' beside_pid= core
	local near_port far_port
	key="$PART	$whole	$way	$HOW	$client>$server"
	! grep -qF "$key	" "$OUT/facts/$PART.tsv" || return 0
	[ -z "${WHY_UNTIL-}" ] || [ "${EPOCHREALTIME%.*}" -lt "$WHY_UNTIL" ] || return 0
	[ "$way" = up ] || sender=$LAB_B receiver=$LAB_A
	! is_ours "$client" || ends=client
	! is_ours "$server" || ends="$ends server"
	for end in $ends; do
		[ -n "$(expected "$whole" "$way" "$client" "$server" "$end")" ] ||
		    return 0
	done
	programs "$whole" "$way	$client>$server"
	cause=${whole%@*} from=$flood to=$eat
	stage=$STOCK_STAGE
	if is_ours "$server"; then
		stage=$HPN_STAGE
		server_lines=('LogLevel DEBUG3')
	fi
	case $cause in
	source)		from=$source_slow ;;
	source+*)	from=$source_half ;;
	destination)
		to=$sink_slow from="timeout $((seconds_ * 2)) sh $OUT/endless"
		# Some do not notice that nobody reads any more
		run="timeout $((seconds_ * 4)) $LAB_A" ;;
	tcp-start)	from="head -c 1000000 $random" ;;
	other-channel)
		# shellcheck disable=SC2086
		near_port=$($LAB_A "$FLOW" ports 1) far_port=$($LAB_B "$FLOW" ports 1)
		tunnel="-L $near_port:127.0.0.1:$far_port" ;;
	*-cpu|*-quick|compression|plain)
		client_lines=('Ciphers aes256-ctr' 'MACs hmac-sha2-256')
		[ "$client" != ours ] || client_lines+=('HPNThreads 0')
		[ "$server" != ours ] || server_lines+=('HPNThreads 0')
		core=$ONE_CORE
		case $cause in *-cpu)	core="$core $SLOW_CPU" ;; esac
		case $cause$way in
		compression*)	client_lines+=('Compression yes') ;;
		plain*)		;;
		sender-*up|receiver-*down)	run="$run $core" ;;
		*)	server_run=$core ;;
		esac ;;
	limit)
		if [ "$HOW" = copy ]; then
			:
		elif [ "$way" = up ]; then
			client_lines=("HPNRateLimit $allowed")
		else
			server_lines+=("HPNRateLimit $allowed")
		fi ;;
	key-exchange)
		if [ "$client" = putty ] || [ "$client" = dropbear ]; then
			server_lines+=('RekeyLimit 256K')
		else
			client_lines=('RekeyLimit 256K')
		fi ;;
	send-16k)	buffers "$sender" w 32768 ;;
	esac
	case $cause in
	*window-max|memory-max)
		# A window is 128 KiB at least
		value=$((left > 131072 ? left : 131072))
		line_="HPNWindowMax $value"
		[ "$cause" != memory-max ] || line_="HPNMemoryMax $((value * 2))"
		if [ "$way" = up ]; then
			server_lines+=("$line_")
		else
			client_lines=("$line_")
		fi ;;
	# Such a buffer holds headers and the kernel's own data, too
	*receive-buffer)	buffers "$receiver" r $((left * 2)) ;;
	*send-buffer)		buffers "$sender" w $((left * 3 / 2)) ;;
	esac
	# Dropbear compresses unless it is refused
	! is_ours "$server" || [ "$cause" = compression ] ||
	    server_lines+=('Compression no')
	dropbear_more='-W 10485760'
	case $server in
	ours|stock)
		readarray -t lines < <(stage_lines "$stage")
		if [ -n "$server_run" ]; then
			server why "$stage" -p "$server_run" "${lines[@]}" \
			    "${server_lines[@]}"
		else
			server why "$stage" "${lines[@]}" "${server_lines[@]}"
		fi ;;
	dropbear-24k)	dropbear_more='' serve_dropbear ;;
	dropbear)	serve_dropbear ;;
	*)	"serve_${server//-/_}_server" ;;
	esac
	client why "$server_port"
	conf=$work/why.ssh_config
	printf '[%s]:%s %s\n' "$LAB_ADDR_B" "$server_port" "$(cat host.pub)" \
	    >.ssh/known_hosts
	: >client.log
	for line_ in "${client_lines[@]}"; do
		sed -i "s/^LogLevel ERROR/&\n$line_/" "$conf"
	done
	case $client in
	ours)	program="$HPN_STAGE/bin/ssh -vvv -E $work/client.log -F $conf TUNNEL target" ;;
	stock)	program="$STOCK_STAGE/bin/ssh -F $conf TUNNEL target" ;;
	putty)
		program="plink -batch -P $server_port -i $work/user.ppk"
		putty_key
		program="$program -hostkey $putty_host TUNNEL $user@$LAB_ADDR_B" ;;
	dropbear|dropbear-24k)
		[ -e user.db ] ||
		    dropbearconvert openssh dropbear user user.db >/dev/null 2>&1
		# Its own window is a few KiB, which would be the cause
		program="dbclient -y -y -p $server_port -i $work/user.db"
		[ "$client" != dropbear ] || program="$program -W 10485760"
		program="$program TUNNEL $user@$LAB_ADDR_B" ;;
	esac
	before=$(arrived "$receiver")
	begun=$(seconds)
	export HOME=$work
	case $HOW.$client in
	copy.*)		copied "$whole" "$way" "$client" || : ;;
	pipe.*)
		[ -z "$tunnel" ] || { beside "$way" & beside_pid=$!; } ;;&
	pipe.libssh)	through_libssh "$way" "$from" "$to" || : ;;
	pipe.*)		transfer "$way" "${program/TUNNEL/$tunnel}" "$from" "$to" || : ;;
	*)		through "$HOW" "$way" "$program" "$from" "$to" || : ;;
	esac
	[ -n "$took_to" ] || took_to=$(seconds)
	rate=$(calc "($(arrived "$receiver") - $before) / ($took_to - $begun) / 1000" %.0f)
	[ "$PART" != other ] ||
	    rate=$(calc "$(cat carried) / ($took_to - $begun) / 1000" %.0f)
	[ -z "$beside_pid" ] || wait "$beside_pid" || :
	sleep 0.3
	wait_until 5 '! is_ours "$server" || grep -q "verdict: " why.log' || :
	stop "$server_pid"
	buffers "$LAB_A" r 0
	buffers "$LAB_A" w 0
	buffers "$LAB_B" r 0
	buffers "$LAB_B" w 0
	read -r load _ </proc/loadavg
	for end in $ends; do
		want=$(expected "$whole" "$way" "$client" "$server" "$end")
		got=$(verdict_in "$([ "$end" = client ] && echo client.log || echo why.log)")
		printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$key" "$end" "$want" "$rate" \
		    "$load" "$(calc "$took_to - $begun" %.1f)" "$got" >>"$OUT/facts/$PART.tsv"
		# What a silent end said instead
		[ -n "$got" ] || {
			mkdir -p "$OUT/silent"
			cp "$([ "$end" = client ] && echo client.log || echo why.log)" \
			    "$OUT/silent/$PART-$whole-$way-$HOW-$client-$server-$end.log"
			cp err "$OUT/silent/$PART-$whole-$way-$HOW-$client-$server.err"
		}
	done
	tail -n "$(echo "$ends" | wc -w)" "$OUT/facts/$PART.tsv" | scored said |
	    awk -F '\t' '{ printf "openssh-hpn: %s %s %s %s %s %s: %s (%s s, %s kB/s, load %s) %s\n",
		$1, $2, $3, $4, $5, $6, $12, $10, $8, $9, $14 ? "ok" : "WRONG, not " $7 }'
}

inside() {
	local cause way pair pairs='' program whose
	work_dir "why/tmp-$PART"
	mkdir -m 700 .ssh
	user=$(id -un)
	verbose=
	# Our ssh under scp and sftp says in a log what it thinks
	printf '#!/bin/sh\nexec %s -vvv -E %s "$@"\n' "$HPN_STAGE/bin/ssh" \
	    "$work/client.log" >watched
	chmod +x watched
	server_pid=
	trap 'stop "$server_pid"' EXIT
	for pair in $PAIRS; do
		for whose in "client ${pair%>*}" "server ${pair#*>}"; do
			program=${whose#* }
			case $whose in
			*ours*|*stock*)		continue ;;
			server\ dropbear*)	program=dropbear ;;
			server\ *)		program=$program-server ;;
			*\ putty)		program=plink ;;
			*\ dropbear*)		program=dbclient ;;
			esac
			"title_${program//[-.]/_}" >title 2>/dev/null || {
				say "without $pair: $(cat title)"
				continue 2
			}
			"title_${program//[-.]/_}" >/dev/null 2>&1
		done
		pairs="$pairs $pair"
	done
	for cause in "$@"; do
		for way in up down; do
			for pair in $pairs; do
				one "$cause" "$way" "${pair%>*}" "${pair#*>}"
			done
		done
	done
}

# scored said|now: from facts to: the columns, 11 half, 12 said, 13 certain, 14 whether
# that is right.  The first cause is what was put in; of two that were put in, both are
# named, in any order.
scored() {
	"$REPLAY" "$COLUMNS_" | awk -F '\t' -v OFS='\t' -v now="$([ "$1" = now ] && echo 1)" '
	{
		said = now ? $15 : $12
		sure = now ? $17 : $14
		nw = split($7, w, "|")
		split(said, got, "+")
		right = $7 == "-"
		for (i = 1; i <= nw; i++) {
			two = split(w[i], both, "+")
			if (two == 1 && w[i] == got[1])
				right = 1
			if (two == 2 && (said == w[i] || said == both[2] "+" both[1]))
				right = 1
		}
		print $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, said, sure, right
	}'
}

table() {
	cat "$OUT"/facts/*.tsv | scored "$1" |
	    awk -F '\t' -v half="$2" '$11 == half || half == ""' >"$OUT/scored.tsv"
	{ without; cat "$OUT/scored.tsv"; } | awk -F '\t' '
	NF == 1 {
		split($0, f, " ")
		instead[f[1], f[2]] = f[3]
		name[f[1], f[2]] = f[4]
		next
	}
	$7 == "-" {
		transfer = $1 FS $2 FS $3 FS $4 FS $5
		seen[transfer] = 1
		rate[transfer] = $8
		next
	}
	function count(what) {
		if (!(what in all))
			order[++norder] = what
		all[what]++
		ok[what] += $14
	}
	{
		cause = $2
		sub(/@.*/, "", cause)
		n++; good += $14
		transfer = $1 FS $2 FS $3 FS $4 FS $5
		if (!(transfer in seen)) {
			seen[transfer] = 1
			transfers++
			rate[transfer] = $8
		}
		row = cause "\t" $7
		if (!(row in rows)) { rows[row] = ++nrows; row_of[nrows] = row }
		cases[row]++; right[row] += $14
		if (!((row, $12) in said)) {
			word[row, ++words[row]] = $12
		}
		said[row, $12]++
		who = gsub(/ours/, "ours", $5) == 2 ? "ours at both ends" : "ours at one end"
		count(who)
		peer = $5
		gsub(/ours[a-z-]*|>/, "", peer)
		if (peer != "")
			count("with " peer)
		count("transport " $4)
		count("part " $1)
		if ($13 == "yes") {
			sure++
			sure_wrong += !$14
		}
		if (!$14 && $12 ~ /busy/)
			busy++
	}
	END {
		printf "%-20s %-20s %8s %5s  %s\n", "put in", "expected", "verdicts", "right", "what was said"
		for (i = 1; i <= nrows; i++) {
			r = row_of[i]
			split(r, f, "\t")
			printf "%-20s %-20s %8d %5d  ", f[1], f[2], cases[r], right[r]
			for (j = 1; j <= words[r]; j++)
				printf "%s%s %d", j == 1 ? "" : ", ", word[r, j],
				    said[r, word[r, j]]
			printf "\n"
		}
		printf "\n"
		for (i = 1; i <= norder; i++)
			printf "%-30s %4d of %4d\n", order[i], ok[order[i]], all[order[i]]
		printf "\n%d transfers; %d of %d verdicts right; certain: %d, wrong and certain: %d; " \
		    "wrong, and a busy machine named: %d\n\n", transfers, good, n, sure, sure_wrong, busy
		# The same transfer without the cause
		for (t in seen) {
			split(t, f, FS)
			cause = f[2]
			sub(/@.*/, "", cause)
			if (cause == "path" && f[1] != "far")
				continue
			part = (cause, f[1]) in instead ? instead[cause, f[1]] : f[1]
			pair = f[5]
			sub(/dropbear-24k/, "dropbear", pair)
			# Stock is replaced by ours
			if (f[1] == "window")
				pair = "ours>ours"
			base = part FS (name[cause, f[1]] == "" ? "path" : name[cause, f[1]]) \
			    FS f[3] FS f[4] FS pair
			if (base == t || !(base in seen) || rate[t] == 0)
				continue
			pairs[cause]++
			ratio = rate[base] / rate[t]
			rises[cause] += ratio > 1.2
			if (!(cause in best) || ratio < best[cause]) {
				best[cause] = ratio
				example[cause] = sprintf("%s %s %s: %d, and %d without it", f[1], f[3], f[5],
				    rate[t], rate[base])
			}
		}
		printf "%-20s %5s %16s  %s\n", "cause taken away", "pairs", "rate rose by 20 %",
		    "least, kB/s"
		for (cause in pairs)
			printf "%-20s %5d %16d  %s\n", cause, pairs[cause], rises[cause],
			    example[cause]
	}'
}

# What is kept, judged by the policy as it is now
check_kept() {
	local part cause way how pair end want rest wrong=0
	[ -s "$KEPT" ] || die "$KEPT is not there"
	# What was put in says what is expected, here as when it was put in
	while IFS='	' read -r PART cause way how pair end want rest; do
		case $PART in '#'*) continue ;; esac
		HOW=$how
		[ "$want" = "$(expected "$cause" "$way" "${pair%>*}" "${pair#*>}" "$end")" ] || {
			say "$PART $cause $way $how $pair $end: expected is not $want"
			wrong=1
		}
	done <"$KEPT"
	scored now <"$KEPT" >"$OUT/kept.tsv"
	awk -F '\t' -v both="$BOTH_RIGHT" -v one="$ONE_RIGHT" '
	$7 == "-" { next }
	{
		who = gsub(/ours/, "ours", $5) == 2 ? "both ends" : "one end"
		n[who]++
		right[who] += $14
		rows[$7]++
		row_right[$7] += $14
		if ($13 == "yes" && ++sure && !$14)
			said_wrong = said_wrong "\ncertain and wrong: " $1 " " $2 " " $3 \
			    " " $4 " " $5 " " $6 ": " $12 ", not " $7
		if (!$14)
			print "not as expected: " $1 " " $2 " " $3 " " $4 " " $5 " " $6 ": " \
			    $12 ", not " $7
	}
	END {
		most["both ends"] = both
		most["one end"] = one
		for (who in most) {
			printf "ours at %s: %d of %d right\n", who, right[who], n[who]
			if (n[who] == 0 || right[who] * 100 < most[who] * n[who])
				said_wrong = said_wrong "\nours at " who ": fewer than " \
				    most[who] " % are right"
		}
		# Others do not make up for a cause that is seldom recognised
		for (row in rows)
			if (rows[row] >= 2 && row_right[row] * 2 <= rows[row])
				said_wrong = said_wrong sprintf("\n%s: %d of %d right", row,
				    row_right[row], rows[row])
		printf "certain: %d%s\n", sure, said_wrong
		exit said_wrong != ""
	}' "$OUT/kept.tsv" || wrong=1
	[ "$wrong" = 0 ] || die 'the policy of src/hpn-why.c is not as right as it has to be'
}

REPLAY=$BUILD/lab/why-replay
build_replay() {
	mkdir -p "$OUT/facts"
	# shellcheck disable=SC2086
	${CC:-cc} -O2 -Wall -Wextra -I"$ROOT/src" -o "$REPLAY.$$" "$ROOT/lab/why-replay.c" \
	    "$ROOT/src/hpn-why.c" || die 'lab/why-replay.c does not compile'
	mv -f "$REPLAY.$$" "$REPLAY"
}

random=$OUT/random
if [ "${1-}" = --inside ]; then
	PART=$2 HOW=$3 PAIRS=$4
	shift 4
	inside "$@"
	exit
fi

half='' which=said table_only=
while [ $# -gt 0 ]; do
	case $1 in
	--again)	rm -rf "$OUT" ;;
	--for)
		WHY_UNTIL=$((${EPOCHREALTIME%.*} + $2))
		export WHY_UNTIL
		shift ;;
	--table)	table_only=table ;;
	--keep|--check)	table_only=${1#--} ;;
	--replay)	which=now ;;
	--half)		half=$2; shift ;;
	-*)	sed -n '/^# usage:/,/^#$/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
	*)	break ;;
	esac
	shift
done
build_replay
case $table_only in
table)	table "$which" "$half" ;;
check)	check_kept ;;
keep)
	# A silent end has no facts, and what is kept already stays
	{
		"$REPLAY" --names
		{
			[ ! -e "$KEPT" ] || cat "$KEPT"
			cat "$OUT"/facts/*.tsv | awk -F '\t' '$11 != ""'
		} | "$REPLAY" --keep "$COLUMNS_" |
		    awk -F '\t' '!seen[$1, $2, $3, $4, $5, $6]++'
	} >"$KEPT.new"
	mv "$KEPT.new" "$KEPT" ;;
esac
[ -z "$table_only" ] || exit 0
need_stages
build_flow
[ -e "$random" ] || {
	head -c 33554432 /dev/urandom >"$random.new"
	mv "$random.new" "$random"
}
echo "while cat $random 2>/dev/null; do :; done" >"$OUT/endless"
wanted=" $* " running=0 bad=0
while IFS='|' read -r part options how pairs causes; do
	case $wanted in
	'  '|*" $part "*)	;;
	*)	continue ;;
	esac
	touch "$OUT/facts/$part.tsv"
	if [ "$running" -ge "${WHY_AT_ONCE:-1}" ]; then
		wait -n || bad=$?
		running=$((running - 1))
	fi
	[ -z "${WHY_UNTIL-}" ] || [ "${EPOCHREALTIME%.*}" -lt "$WHY_UNTIL" ] || break
	# The slow end has a processor of its own, see ONE_CORE
	pinned=
	[ "$part" != processor ] || pinned='taskset -c 1'
	# shellcheck disable=SC2086
	$pinned nice -n "${WHY_NICE:-0}" "$ROOT/lab/lab.sh" run $options -- "$0" \
	    --inside "$part" "$how" "$pairs" $causes </dev/null &
	running=$((running + 1))
done < <(parts)
while [ "$running" -gt 0 ]; do
	wait -n || bad=$?
	running=$((running - 1))
done
table said '' | tee "$OUT/why.txt"
[ "$bad" = 0 ] || die "a part ended with status $bad"
