#!/bin/bash
# SPDX-License-Identifier: ISC
#
# lab.sh - run a command beside two network namespaces, A and B, that a long,
# fat link joins (see link.c).  Real kernel TCP on both ends; nothing of the
# machine's own network is touched, nothing stays when the command ends.
#
#	the command ---- outside, in the machine's own namespace
#	   |  $LAB_A cmd	     $LAB_B cmd
#	   v			     v
#	A lab0 10.213.0.1 ==link== 10.213.0.2 lab0 B
#
# usage: lab/lab.sh run [--rtt MS] [--rate MBIT] [--loss P] [--queue BYTES]
#            [--policer MBIT] [--seed N] [--mtu N] [--cc NAME] [--tcp-max BYTES]
#            [--stats FILE] -- COMMAND [ARG ...]
#        lab/lab.sh run --loopback [the same] -- COMMAND [ARG ...]
#        lab/lab.sh check
#
#	--rtt	   round-trip time, ms (0)
#	--rate	   Mbit/s of IP packets, each direction; 0: no limit (0)
#	--loss	   probability that a wire packet is lost: 0.0001 is 0.01 % (0)
#	--policer  Mbit/s that each TCP connection may have in each direction;
#		   what exceeds it is lost, beyond a burst of 1 MiB (0: none)
#	--queue	   drop-tail queue before each direction; K, M, G understood
#		   (one bandwidth-delay product, at least 1M)
#	--seed	   same seed, same packets lost (1)
#	--mtu	   (1500)
#	--cc	   congestion control inside A and B; "host" leaves the
#		   machine's (cubic, what Debian ships, wherever it is there)
#	--tcp-max  largest TCP buffer inside A and B (256M)
#	--stats	   where the link's counters go at the end; - for stderr
#	--loopback no namespaces: A and B are both this machine, 127.0.0.1
#
# COMMAND runs as the same user, outside, with these in its environment:
#	LAB_A, LAB_B		prefixes, to be used unquoted: $LAB_A ip address
#				(the same user inside, too; empty: loopback)
#	LAB_ADDR_A, LAB_ADDR_B	addresses
#	LAB_RTT, LAB_RATE	as given; 0 and 0 on loopback
#	LAB_LOSS, LAB_QUEUE	as given (queue empty when not)
#	LAB_CC			congestion control that A and B use
#	LAB_MODE		link or loopback
#	LAB_LINK_PID		the emulator: kill -USR1 prints its counters;
#				empty on loopback
#	LAB_RUN			names this run: whatever still has it in its
#				environment, or is in A or B, is ended with it
#
# Exit: COMMAND's status; 128 + N when signal N ended us; 2 bad usage;
# 77 namespaces or TUN are not permitted here (one line says why); 1 other
# failures of the lab itself.  "check" exits 0 or 77 likewise.

set -eu

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
link=$root/build/lab/link

die() {
	status=$1
	shift
	printf 'lab: %s\n' "$*" >&2
	exit "$status"
}

usage() {
	sed -n '/^# usage:/,/^#$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
	exit 2
}

build_link() {
	if [ -x "$link" ] && [ ! "$here/link.c" -nt "$link" ]; then
		return
	fi
	local cc=${CC:-cc}
	command -v "${cc%% *}" >/dev/null 2>&1 ||
	    die 1 "no C compiler ($cc) to build lab/link.c;" \
	    "install gcc, or set CC"
	mkdir -p "$root/build/lab"
	# $cc unquoted: it may carry options, as in make
	$cc -O2 -Wall -Wextra -o "$link.$$" "$here/link.c" ||
	    die 1 "lab/link.c does not compile"
	mv -f "$link.$$" "$link"
}

# Why the emulator cannot work here, on stderr, and 77; or nothing and 0.
check() {
	local why
	[ "$(uname -s)" = Linux ] || die 77 "needs Linux"
	command -v nsenter >/dev/null 2>&1 ||
	    die 77 "nsenter is missing; install util-linux"
	build_link
	why=$("$link" --check 2>&1) || {
		why=${why##*link: }
		die 77 "cannot emulate a link on this machine: $why"
	}
}

# waits_for PID SECONDS: whether the child ended within that time.
waits_for() {
	local tries=$(($2 * 20))
	while kill -0 "$1" 2>/dev/null; do
		[ "$tries" -gt 0 ] || return 1
		tries=$((tries - 1))
		sleep 0.05
	done
}

command_pid=
link_pid=
link_out=
stopped_by=

# The link's guard ends everything in A and B and closes link_out then, even
# when the link itself is gone already.
teardown() {
	trap '' HUP INT TERM
	# what runs from here on is not for the guard to end
	export -n LAB_RUN
	if [ -n "$command_pid" ] && kill -0 "$command_pid" 2>/dev/null; then
		kill -TERM "$command_pid" 2>/dev/null || :
		kill -CONT "$command_pid" 2>/dev/null || :
		# bash would report here how its child ended
		waits_for "$command_pid" 5 2>/dev/null ||
		    kill -KILL "$command_pid" 2>/dev/null || :
		wait "$command_pid" 2>/dev/null || :
	fi
	if [ -n "$link_pid" ]; then
		kill -TERM "$link_pid" 2>/dev/null || :
		wait "$link_pid" 2>/dev/null || :
	fi
	if [ -n "$link_out" ]; then
		cat <&"$link_out" >/dev/null || :
	fi
}

run() {
	local link_args=() cc=default ready status=0
	local rtt=0 rate=0 loss=0 queue=
	mode='link'

	while [ $# -gt 0 ]; do
		case $1 in
		--loopback)
			mode=loopback
			shift
			continue
			;;
		--)
			break
			;;
		--rtt | --rate | --loss | --queue | --seed | --mtu | --cc | --policer | \
		    --tcp-max | --stats)
			[ $# -ge 2 ] || usage
			;;
		*)
			printf 'lab: unknown option %s\n' "$1" >&2
			usage
			;;
		esac
		case $1 in
		--rtt) rtt=$2 ;;
		--rate) rate=$2 ;;
		--loss) loss=$2 ;;
		--queue) queue=$2 ;;
		esac
		case $1 in
		--cc) cc=$2 ;;
		*) link_args+=("$1" "$2") ;;
		esac
		shift 2
	done
	[ $# -ge 2 ] || usage
	shift	# --

	export LAB_RUN="$$.$RANDOM$RANDOM$RANDOM"
	export LAB_MODE=$mode

	if [ "$mode" = loopback ]; then
		build_link
		link_args=(--loopback)
	else
		check
		case $cc in
		host) ;;
		default)
			case " $(cat \
			    /proc/sys/net/ipv4/tcp_allowed_congestion_control \
			    2>/dev/null) " in
			*" cubic "*) link_args+=(--cc cubic) ;;
			esac
			;;
		*) link_args+=(--cc "$cc") ;;
		esac
	fi

	trap 'stopped_by=1' HUP
	trap 'stopped_by=2' INT
	trap 'stopped_by=15' TERM
	trap teardown EXIT

	# Child of this shell, whose death it is told of; in the background it
	# ignores the keyboard's SIGINT, which is meant for the command.
	coproc LINK { exec "$link" "${link_args[@]}"; }
	# shellcheck disable=SC2153 # coproc sets it
	link_pid=$LINK_PID
	exec {link_out}<&"${LINK[0]}"
	if ! read -r -u "$link_out" ready; then
		wait "$link_pid" || status=$?
		link_pid=
		exit "$((status == 2 || status == 77 ? status : 1))"
	fi
	# shellcheck disable=SC2086 # five words, see link.c
	set -- $ready -- "$@"
	if [ "$mode" = loopback ]; then
		export LAB_A='' LAB_B='' LAB_LINK_PID='' LAB_QUEUE=''
		export LAB_ADDR_A=127.0.0.1 LAB_ADDR_B=127.0.0.1
		export LAB_RTT=0 LAB_RATE=0 LAB_LOSS=0
	else
		local enter=nsenter
		if [ "$5" = user ]; then
			enter="nsenter --preserve-credentials"
			enter="$enter --user=/proc/$2/ns/user"
		fi
		export LAB_LINK_PID=$2
		export LAB_A="$enter --net=/proc/$2/fd/$3 --"
		export LAB_B="$enter --net=/proc/$2/fd/$4 --"
		export LAB_ADDR_A=10.213.0.1 LAB_ADDR_B=10.213.0.2
		export LAB_RTT=$rtt LAB_RATE=$rate LAB_LOSS=$loss
		export LAB_QUEUE=$queue
	fi
	shift 6
	LAB_CC=$($LAB_A cat /proc/sys/net/ipv4/tcp_congestion_control \
	    2>/dev/null) || LAB_CC=
	export LAB_CC

	# In the background, so that a signal reaches us at once; with what a
	# background command is denied given back: its input and SIGINT.
	if [ -z "$stopped_by" ]; then
		env --default-signal=INT,QUIT -- "$@" <&0 {link_out}<&- &
		command_pid=$!
	fi
	export -n LAB_RUN
	while [ -z "$stopped_by" ]; do
		status=0
		wait -n "$command_pid" "$link_pid" || status=$?
		[ -z "$stopped_by" ] || break
		# A link that dies takes the command along before it is gone.
		[ "$status" != 143 ] || sleep 0.1
		if ! kill -0 "$link_pid" 2>/dev/null; then
			link_pid=
			die 1 "the link ended before the command;" \
			    "its message, if it had one, is above"
		fi
		kill -0 "$command_pid" 2>/dev/null || break
	done
	if [ -n "$stopped_by" ]; then
		# The keyboard's SIGINT has reached the command, too: leave it
		# time to clean up in its own way.
		[ "$stopped_by" != 2 ] || waits_for "$command_pid" 2 || :
		exit "$((128 + stopped_by))"
	fi
	command_pid=
	exit "$status"
}

[ $# -ge 1 ] || usage
what=$1
shift
case $what in
run)
	run "$@"
	;;
check)
	[ $# -eq 0 ] || usage
	check
	;;
*)
	usage
	;;
esac
