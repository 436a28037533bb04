#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Some hundred commands of ssh, scp, sftp and sftp-server, each run with stock's
# and our client and with stock's and our server, in all four pairings, and
# compared with stock's among themselves: exit status, both outputs, and the files
# at both ends. differential/cases.py has the commands, differential/known what
# may differ and why; README.hpn has the same as a table.
#
# usage: check/differential.sh [--quick] [--jobs N] [--list]
#                              [CASE ...]
#
#   --quick   about a seventh of the commands, of every kind some
#   --once    do not repeat what differs
#   --show    write stock's own results to the log as well
#   --jobs    how many at a time (default: twice the processors)
#   --list    name the cases, and stop
#   CASE      these alone; "scp-up/" is all whose names begin so
#
# When something failed, build/check/differential/known is what differential/known
# would be if all of it were meant; each line with "?" then needs a reason by hand.
#
# Both builds must be there (make build stock). Nothing hangs on the clock: what
# takes more than 100 seconds has failed. build/check/differential/log has each
# difference. Root becomes an ordinary user first, in namespaces of its own; where
# those are not to be had, what needs one is skipped.
#
# Last line: `N passed, N failed, N skipped`; a command in a pairing counts one.
# Exit status: 0 if nothing failed, 1 if something did, 2 if it could not be run.

set -eu
umask 022

root=$(cd "$(dirname "$0")/.." && pwd)
here=$root/check/differential
base=${BASE:-debian}
out=$root/build/check/differential

die() {
	echo "differential: $*" >&2
	exit 2
}

# As root, inside the namespaces: paths that an ordinary user can reach, and an
# account for him.
if [ "${1-}" = --inside ]; then
	shift
	mount -t tmpfs -o mode=755 none /mnt
	mkdir -m 755 /mnt/ours /mnt/stock /mnt/tools /mnt/out
	mount --bind "$root/build/stage/hpn-$base" /mnt/ours
	mount --bind "$root/build/stage/stock-$base" /mnt/stock
	cp "$here"/* /mnt/tools
	mount --bind "$out" /mnt/out
	mkdir -m 755 /mnt/work
	chown 64321:64321 /mnt/work /mnt/out
	{
		grep -v -e ':64321:' -e '^trial:' /etc/passwd
		echo 'trial:x:64321:64321:trial:/:/bin/sh'
	} >/mnt/passwd
	{
		grep -v -e ':64321:' -e '^trial:' /etc/group
		echo 'trial:x:64321:'
	} >/mnt/group
	mount --bind /mnt/passwd /etc/passwd
	mount --bind /mnt/group /etc/group
	# sshd gives a terminal to the group tty, which an ordinary user may not.
	mount -t devpts -o "newinstance,ptmxmode=666,mode=620,gid=$(getent group \
	    tty | cut -d: -f3)" devpts /dev/pts &&
	    mount --bind /dev/pts/ptmx /dev/ptmx
	# A python3 in the home of root would be of no use.
	PATH=/usr/sbin:/usr/bin:/sbin:/bin
	# Not exec: the first process has to take leave of all that were left.
	rc=0
	setpriv --reuid 64321 --regid 64321 --clear-groups \
	    --inh-caps -all --ambient-caps -all --bounding-set -all \
	    python3 /mnt/tools/run.py --ours /mnt/ours --stock /mnt/stock \
	    --work /mnt/work --out /mnt/out "$@" || rc=$?
	exit "$rc"
fi

case " $* " in
*' --list '*)	exec python3 "$here/run.py" "$@" ;;
*' --help '*|*' -h '*)
	sed -n '/^# usage/,/^# Last/{s/^# \{0,1\}//;/^Last/d;p;}' "$0"
	exit 0 ;;
esac
command -v python3 >/dev/null || die 'python3 is not installed'
for f in hpn stock; do
	[ -x "$root/build/stage/$f-$base/sbin/sshd" ] ||
	    die "build/stage/$f-$base is not there: run make build stock"
done
rm -rf "$out"
mkdir -p "$out"
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
if [ "$(id -u)" = 0 ] && unshare -mpf --mount-proc --kill-child sh -c \
    'mount -t tmpfs none /mnt' 2>/dev/null; then
	exec unshare -mpf --mount-proc --kill-child "$0" --inside "$@"
fi
# A socket's path has to be short, and the checkout's may be long.
work=$(mktemp -d "${TMPDIR:-/tmp}/differential.XXXXXX")
trap 'chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
rc=0
python3 "$here/run.py" --ours "$root/build/stage/hpn-$base" \
    --stock "$root/build/stage/stock-$base" --work "$work" --out "$out" "$@" ||
    rc=$?
exit "$rc"
