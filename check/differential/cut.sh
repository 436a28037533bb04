#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Runs a command until there is something in a file, and sends a signal.
#
# usage: cut.sh client|ssh|server SIGNAL FILE COMMAND ...
#
# FILE may be a pattern. To the client alone, not to the ssh that it started (as
# from kill, not from a terminal); to that ssh; or to the sshd whose number is in
# $T/sshd.pid, and all that it runs. Ends with the command's exit status, or 125.

who=$1 sig=$2 file=$3
shift 3

some() {
	for f in $file; do
		[ ! -s "$f" ] || return 0
	done
	return 1
}

# family PID: it and all that it started, into $all.
family() {
	all="$all $1"
	for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
		family "$child"
	done
}

# A shell's background has no interrupt; python3 gives it back.
python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' "$@" </dev/null &
pid=$!
n=0
until some; do
	n=$((n + 1))
	[ "$n" -lt 600 ] && kill -0 $pid 2>/dev/null || {
		echo "cut.sh: nothing came" >&2
		kill $pid
		exit 125
	}
	sleep 0.1
done
case $who in
client)	kill -s "$sig" $pid ;;
ssh)	kill -s "$sig" $(cat /proc/$pid/task/$pid/children) ;;
server)	all=
	family "$(cat "$T/sshd.pid")"
	kill -s "$sig" $all 2>/dev/null ;;
esac
wait $pid
