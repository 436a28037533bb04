#!/bin/sh
# SPDX-License-Identifier: ISC
# dmscp over connections that are cut at random places, and with one of its
# processes killed: every run must end with identical bytes, or with a clear error
# from which the same command goes on.  Nothing may be called complete that is not.
#
#	dmscp == ssh == hpn-delay == sshd -i == sftp-server or dmscp -server
#
# usage: lab/dmscp-breaks.sh [-c cuts] [-g MiB] [-k kills] [-m MiB]
#            [-o file|set|command] [-s seed] [-w folder]
#
# -c N  runs with cuts (default 12);  -k N  runs with a kill -9 (default 6)
# -m N  the size of each stream (default 20);  -g N  at most so much between two
# cuts (default: half the size);  -o  only streams of this kind;  -w  where it works
# (default: build/lab/breaks).  It takes the programs of `make build`.
#
# It runs in a namespace of processes of its own, so that it kills no others; that
# needs root.  Prints a line for each run that is not as it must be, and the counts.  Exit
# status: 0, or 1 if there was one.

set -eu
umask 077
root=$(cd "$(dirname "$0")/.." && pwd)
if [ "${DMSCP_BREAKS_INSIDE-}" != yes ]; then
	# The user's start-up files hold locks, which a kill would leave
	DMSCP_BREAKS_INSIDE=yes unshare --pid --fork --mount-proc \
	    --kill-child --mount sh "$root/lab/quiet-shell.sh" "$0" "$@" &
	child=$!
	# It does not heed a signal itself; what is inside ends with it
	trap 'kill -9 $child 2>/dev/null; exit 130' INT TERM HUP
	wait $child
	exit
fi
stage=$root/build/stage/hpn-${BASE:-debian}
cuts=12 gap= kills=6 mib=20 only= seed=1 work=$root/build/lab/breaks
while getopts c:g:k:m:o:s:w: o; do
	case $o in
	c)	cuts=$OPTARG ;;
	g)	gap=$((OPTARG * 1048576)) ;;
	k)	kills=$OPTARG ;;
	m)	mib=$OPTARG ;;
	o)	only=$OPTARG ;;
	s)	seed=$OPTARG ;;
	w)	work=$OPTARG ;;
	*)	sed -n 's/^# usage: /usage: /p' "$0" >&2; exit 2 ;;
	esac
done
[ -x "$stage/bin/dmscp" ] || { echo "run make build first" >&2; exit 2; }
rm -rf "$work"
mkdir -p "$work/t" "$work/home"
${CC:-cc} -O1 -w -o "$work/hpn-delay" "$root/regress/hpn-delay.c"
"$stage/bin/ssh-keygen" -q -t ed25519 -N '' -f "$work/key"
"$stage/bin/ssh-keygen" -q -t ed25519 -N '' -f "$work/host"
cp "$work/key.pub" "$work/authorized"
cat >"$work/sshd_config" <<EOD
HostKey $work/host
AuthorizedKeysFile $work/authorized
StrictModes no
UsePAM no
PidFile none
PermitRootLogin yes
LogLevel ERROR
Subsystem sftp $stage/libexec/sftp-server
Subsystem dmscp env HOME=$work/home $stage/bin/dmscp -server -keep 20
EOD
grep -qi '^UsePAM' "$stage/etc/sshd_config" 2>/dev/null ||
    sed -i '/^UsePAM/d' "$work/sshd_config"
echo "x $(cat "$work/host.pub")" >"$work/known"
cat >"$work/ssh_config" <<EOD
Host *
	ProxyCommand $work/hpn-delay -c $work/cut $stage/sbin/sshd -i -f $work/sshd_config
	IdentityFile $work/key
	IdentitiesOnly yes
	UserKnownHostsFile $work/known
	StrictHostKeyChecking yes
	HostKeyAlias x
	LogLevel ERROR
EOD
t=$work/t
head -c $((mib * 1048576 + 12345)) /dev/urandom >"$work/data"
size=$((mib * 1048576))
n=0 whole=0 again=0 bad=0 lost=0

# dm ARG...: status in $status
dm() {
	status=0
	timeout 300 "$stage/bin/dmscp" -program "$stage/bin/ssh" \
	    -ssh-config "$work/ssh_config" -subsystem dmscp "$@" \
	    2>"$work/log" || status=$?
}
# The same without a subsystem, for files
df() {
	status=0
	timeout 300 "$stage/bin/dmscp" -program "$stage/bin/ssh" \
	    -ssh-config "$work/ssh_config" "$@" 2>"$work/log" || status=$?
}
wrong() {
	bad=$((bad + 1))
	echo "run $n: $*: $(tail -n 2 "$work/log")"
}
# there KIND: what is at the other end is the data
there() {
	case $1 in
	file|command) cmp -s "$t/d" "$work/data" ;;
	set)	[ -f "$t/d.manifest" ] &&
		    cat "$t"/d.[0-9][0-9][0-9][0-9] | cmp -s - "$work/data" ;;
	esac
}
# write KIND [OPTION]: from standard input
write() {
	k=$1
	shift
	case $k in
	file)	df -w "$@" "h:$t/d" ;;
	set)	df -w -F 3m "$@" "h:$t/d" ;;
	command) dm -w "$@" -s h -R "cat >$t/d.tmp && mv $t/d.tmp $t/d" ;;
	esac
}
read_back() {
	case $1 in
	file|set) df -r "h:$t/d" >"$work/out" ;;
	command) dm -r -s h -R "cat $t/d" >"$work/out" ;;
	esac
}
kind_of() {
	[ -z "$only" ] || { echo "$only"; return; }
	case $(($1 % 3)) in
	0)	echo file ;;
	1)	echo set ;;
	2)	echo command ;;
	esac
}

i=0
while [ $i -lt "$cuts" ]; do
	i=$((i + 1)) n=$((n + 1))
	kind=$(kind_of $i)
	rm -rf "$t"/*
	echo "$seed$i 100000 ${gap:-$((size / 2))}" >"$work/cut"
	write $kind <"$work/data"
	if [ $status = 0 ]; then
		there $kind && whole=$((whole + 1)) ||
		    wrong "$kind with cuts: done, but is not"
	else
		wrong "$kind with cuts: status $status"
	fi
	lost=$((lost + $(grep -c 'connecting again' "$work/log" || :)))
	n=$((n + 1))
	read_back $kind
	if [ $status = 0 ]; then
		cmp -s "$work/out" "$work/data" && whole=$((whole + 1)) ||
		    wrong "$kind read with cuts: done, but is not"
	else
		wrong "$kind read with cuts: status $status"
	fi
	lost=$((lost + $(grep -c 'connecting again' "$work/log" || :)))
done

echo "1 900000000000 900000000001" >"$work/cut"
i=0
while [ $i -lt "$kills" ]; do
	i=$((i + 1)) n=$((n + 1))
	kind=$(kind_of $i)
	rm -rf "$t"/*
	# One of the processes, after so many milliseconds of a slow source
	ms=$((100 + (seed * 7919 + i * 104729) % 900))
	case $((i / 3 % 4)) in
	0)	victim='bin/dmscp -program' ;;
	1)	victim='bin/ssh -F' ;;
	2)	victim='sshd-session: ' ;;
	3)	victim='sftp-server|dmscp -server' ;;
	esac
	(
		sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
		for p in $(ps -e -o pid=); do
			[ "$p" != $$ ] || continue
			ps -o args= -p "$p" 2>/dev/null |
			    grep -Eq -- "$victim" || continue
			ps -o args= -p "$p" | grep -q '^timeout' && continue
			kill -9 "$p" 2>/dev/null || :
			break
		done
	) &
	killer=$!
	(head -c $((size / 2)) "$work/data"; sleep 1
	    tail -c +$((size / 2 + 1)) "$work/data") | write $kind
	first=$(cat "$work/log")
	(head -c $((size / 2)) "$work/data"; sleep 1
	    tail -c +$((size / 2 + 1)) "$work/data") >/dev/null
	wait $killer || :
	# A pipeline's last part is a subshell: ask the object
	if there $kind; then
		whole=$((whole + 1))
		continue
	fi
	if [ $kind = command ]; then
		# The command never saw an end, so it is there or not at all
		[ ! -f "$t/d" ] || { wrong "$kind, $victim killed: a part"; continue; }
		write $kind <"$work/data"
	else
		[ ! -f "$t/d" ] && [ ! -f "$t/d.manifest" ] || {
			wrong "$kind, $victim killed: is there and is not whole"
			continue
		}
		write $kind -resume <"$work/data"
	fi
	if [ $status = 0 ] && there $kind; then
		again=$((again + 1))
	else
		wrong "$kind, $victim killed after $ms ms ($first), again: $status"
	fi
done
echo "$n runs of $mib MiB: $whole whole, $again whole when called again," \
    "$bad wrong; $lost connections were cut"
[ $bad = 0 ] || exit 1
rm -rf "$work"
