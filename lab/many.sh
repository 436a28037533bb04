# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# Many connections at a time: the part many of lab/bench.sh, which reads this file.
#
# cases:
#	login		processor time of `ssh target true`, both ends and the server's
#	trickle		MANY connections, 0.1 Mbit/s through each, loopback
#	flood		MANY_FLOODS connections that want all there is, loopback and a
#			link of 10 ms; TCP alone beside them on the link
# What is taken of each connection: PSS of ssh and of sshd, MiB; processor time of
# both ends, of trickle as ms a second, of flood as s/GB; the rate of all together;
# that of the slowest connection by the mean. Programs that make and count the
# data are not in it. A connection is ssh -W to a program at the server's end.
# What the kernel holds for the connections themselves, MiB, by ss: tcp-client and
# tcp-server. The programs' own sockets are not in it. stopped: tcp-server once the
# clients have been stopped for MANY_STOPPED seconds, in flood down.
#
# From the environment:
#	BENCH_RUNS	rounds (1)
#	MANY_CASES	"login trickle flood"
#	MANY		connections of trickle: as many as 60 % of the memory that is
#			free now allow, up to 2000
#	MANY_FLOODS	connections of flood (100)
#	MANY_SECONDS	for how long it is measured (15)
#	MANY_STOPPED	for how long clients are stopped (5)
#	MANY_LOGINS	logins of each (50)
#	MANY_WAYS	of flood: "up down"
#	MANY_PRODUCTS	of flood: "raw ours stock"
#	BENCH_RESUME=1	what many.tsv has already is not measured again

CROWD=$BUILD/lab/crowd
MANY_CASES=${MANY_CASES:-login trickle flood}
MANY_FLOODS=${MANY_FLOODS:-100}
MANY_SECONDS=${MANY_SECONDS:-15}
MANY_STOPPED=${MANY_STOPPED:-5}
MANY_LOGINS=${MANY_LOGINS:-50}
MANY_WAYS=${MANY_WAYS:-up down}
MANY_PRODUCTS=${MANY_PRODUCTS:-raw ours stock}
# 0.1 Mbit/s
MANY_RATE=12500
# Connections by which a product's memory is seen before there are many.
MANY_TRY=20

build_crowd() {
	local cc=${CC:-cc}
	if [ -x "$CROWD" ] && [ ! "$ROOT/lab/crowd.c" -nt "$CROWD" ]; then
		return
	fi
	need "${cc%% *}"
	mkdir -p "$BUILD/lab"
	# $cc unquoted: it may carry options, as in make
	$cc -O2 -Wall -Wextra -o "$CROWD.$$" "$ROOT/lab/crowd.c" ||
	    die 'lab/crowd.c does not compile'
	mv -f "$CROWD.$$" "$CROWD"
}

many() {
	local run case product way count
	build_crowd
	for ((run = 1; run <= ${BENCH_RUNS:-1}; run++)); do
		for case in $MANY_CASES; do
			case $case.$LAB_MODE in
			login.loopback)
				many_known login - "$run" stock ||
				    SETUPS=$MANY_LOGINS setups
				;;
			trickle.loopback)
				for product in $(rounds "$run" ours stock); do
					many_trickle
				done
				;;
			flood.*)
				for way in $MANY_WAYS; do
					for product in $(many_order); do
						[[ " $MANY_PRODUCTS " != *" $product "* ]] ||
						    many_once flood "$MANY_FLOODS" 0
					done
				done
				;;
			login.* | trickle.*) ;;
			*) die "MANY_CASES: no case $case" ;;
			esac
		done
	done
}

many_order() {
	if [ "$LAB_MODE" = loopback ]; then
		rounds "$run" ours stock
	else
		rounds "$run" raw ours stock
	fi
}

# many_known CASE WAY RUN PRODUCT: whether its last figure was taken before.
many_known() {
	awk -F '\t' -v c="$1" -v way="$2" -v rtt="$LAB_RTT" -v run="$3" \
	    -v product="$4" '
	$2 == c && $3 == way && $4 == rtt && $6 == product && $7 == run && \
	    ($8 == "slowest" || c == "setup") { known = 1 }
	END { exit !known }' "$OUT/$part.tsv"
}

many_trickle() {
	local way=up available
	count=${MANY:-}
	if [ -z "$count" ] && [ -s many.count ]; then
		# The same number for both products.
		read -r count <many.count
	elif [ -z "$count" ]; then
		many_once try "$MANY_TRY" "$MANY_RATE"
		available=$(awk '$1 == "MemAvailable:" { print $2 / 1024 }' \
		    /proc/meminfo)
		count=$(calc "0.6 * $available / ($many_mib + 0.5)" %d)
		[ "$count" -lt 2000 ] || count=2000
		printf '%s\n' "$count" >many.count
	fi
	many_once trickle "$count" "$MANY_RATE"
}

many_pids() {
	server_pids=$(descendants "${server_of[$product]}" sshd-session)
	client_pids=$(descendants "$crowd_pid" ssh)
}

# many_tcp IN sport|dport PORT: what the kernel holds for the connections to PORT in
# IN, a prefix, MiB: data with their overhead, and what it has set aside.
many_tcp() {
	# shellcheck disable=SC2086
	$1 ss -tmnOH state established "( $2 = :$3 )" | awk '
	match($0, /skmem:\([^)]*\)/) {
		n = split(substr($0, RSTART + 7, RLENGTH - 8), part, ",")
		for (i = 1; i <= n; i++)
			if (part[i] ~ /^(r|w|f|o|bl)[0-9]+$/) {
				sub(/^[a-z]+/, "", part[i])
				sum += part[i]
			}
	}
	END { printf "%.1f\n", sum / 1048576 }'
}

# many_once CASE COUNT BYTES_PER_SECOND; $way, $product, $run.
many_once() {
	local case=$1 count=$2 rate=$3 port line='' fd limit=$((MANY_SECONDS + 300))
	local crowd_pid server_pids client_pids='' from=() there=send here=receive
	local all open sum slowest fastest begun rss client server ran spent='' unit
	local tcp_port tcp_client tcp_server stopped=
	local seconds=$MANY_SECONDS options=()
	! many_known "$case" "$way" "$run" "$product" || return 0
	[ "$case" != try ] || seconds=2
	[ "$way" = down ] || there=receive here=send
	rm -f crowd.*
	: >crowd.log
	port=$LAB_ADDR_B:$(b_port)
	if [ "$product" = raw ]; then
		from=(-c "$port")
		tcp_port=${port##*:}
	else
		serve "$product"
		use "$product"
		tcp_port=$server_port
		# shellcheck disable=SC2206 # a prefix of several words
		from=($LAB_A "$ssh_bin" -F "$conf" -o ConnectTimeout=60 -W "$port"
		    target)
	fi
	options=(-n "$count" -r "$rate" -t "$seconds" -o "$work/crowd.report")
	# shellcheck disable=SC2086
	exec {fd}< <(exec timeout "$limit" $LAB_B "$CROWD" $there "${options[@]}" \
	    -l "$port" </dev/null 2>>crowd.log)
	background+=("$!")
	read -r -t 10 line <&"$fd" || :
	exec {fd}<&-
	begun=$EPOCHREALTIME
	options+=(-u "$work/crowd.up")
	if [ "$product" = raw ]; then
		# shellcheck disable=SC2086
		timeout "$limit" $LAB_A "$CROWD" $here "${options[@]}" \
		    "${from[@]}" </dev/null 2>>crowd.log &
	else
		timeout "$limit" "$CROWD" $here "${options[@]}" "${from[@]}" \
		    </dev/null 2>>crowd.log &
	fi
	crowd_pid=$!
	background+=("$crowd_pid")
	wait_until "$limit" "[ -s crowd.report.begin ] || ! kill -0 $crowd_pid" \
	    2>/dev/null || :
	if [ ! -s crowd.report.begin ]; then
		failed "$case" "$way" "$product" "$run" "$(tail -n 1 crowd.log)"
		many_end
		return 0
	fi
	if [ "$product" != raw ]; then
		many_pids
		# shellcheck disable=SC2086
		spent=$(ran_for $server_pids $client_pids)
		begun=$EPOCHREALTIME
	fi
	wait_until "$limit" "[ -s crowd.report ] || ! kill -0 $crowd_pid" \
	    2>/dev/null || :
	if [ ! -s crowd.report ]; then
		failed "$case" "$way" "$product" "$run" "$(tail -n 1 crowd.log)"
		many_end
		return 0
	fi
	read -r all open sum slowest fastest <crowd.report
	tcp_client=$(many_tcp "$LAB_A" dport "$tcp_port")
	tcp_server=$(many_tcp "$LAB_B" sport "$tcp_port")
	if [ "$open" != "$all" ]; then
		failed "$case" "$way" "$product" "$run" \
		    "$((all - open)) connections ended: $(tail -n 1 crowd.log)"
		many_end
		return 0
	fi
	if [ "$product" != raw ]; then
		# shellcheck disable=SC2086
		ran=$(ran_for $server_pids $client_pids)
		spent=$(calc "($ran - $spent) / 1e6 / ($EPOCHREALTIME - $begun)")
		# shellcheck disable=SC2086
		read -r rss client < <(memory_of $client_pids)
		# shellcheck disable=SC2086
		read -r rss server < <(memory_of $server_pids)
		client=$(calc "$client / $count")
		server=$(calc "$server / $count")
		many_mib=$(calc "$client + $server")
		if [ "$case" = try ]; then
			many_end
			return 0
		fi
		unit=ms/s
		if [ "$rate" = 0 ]; then
			unit=s/GB
			spent=$(calc "$spent / $sum")
		fi
		record "$case" "$way" "$product" "$run" cpu "$spent" "$unit"
		record "$case" "$way" "$product" "$run" client "$client" MiB
		record "$case" "$way" "$product" "$run" server "$server" MiB
	fi
	if [ "$case.$way" = flood.down ]; then
		# shellcheck disable=SC2086
		kill -STOP ${client_pids:-$crowd_pid}
		sleep "$MANY_STOPPED"
		stopped=$(many_tcp "$LAB_B" sport "$tcp_port")
		# shellcheck disable=SC2086
		kill -CONT ${client_pids:-$crowd_pid}
		record "$case" "$way" "$product" "$run" stopped "$stopped" MiB
	fi
	record "$case" "$way" "$product" "$run" tcp-client "$tcp_client" MiB
	record "$case" "$way" "$product" "$run" tcp-server "$tcp_server" MiB
	record "$case" "$way" "$product" "$run" count "$count" connections
	record "$case" "$way" "$product" "$run" rate "$sum" MB/s
	record "$case" "$way" "$product" "$run" slowest "$slowest" mean
	progress "$case" "$way" "$product" "$count connections, $sum MB/s, the \
slowest $slowest of the mean, the fastest $fastest; TCP $tcp_client and $tcp_server${stopped:+, stopped \
$stopped} MiB${spent:+, $spent $unit of \
processor, $client and $server MiB (client, server) each}"
	many_end
}

many_end() {
	[ -z "${crowd_pid-}" ] || kill "$crowd_pid" 2>/dev/null || :
	stop_background
	[ "$product" = raw ] || {
		# They see it by themselves that their clients are gone.
		wait_until 20 "[ -z \"\$(descendants ${server_of[$product]} \
		    sshd-session)\" ]" || :
		stop "${server_of[$product]}"
		unset "server_of[$product]"
	}
}
