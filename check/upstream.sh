#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Runs the regression suite of a built OpenSSH tree (what `make tests` runs:
# file tests, t-exec, interop, extra and unit tests) with several tests side
# by side, and gives each test a verdict: ok, FAIL or skip with its reason.
#
# usage: upstream.sh OBJDIR TREE [--full|--quick] [--jobs N] [--work DIR]
#                    [--port N] [--plain] [--only "NAME ..."] [--list]
#
#   OBJDIR   an object directory in which `make` has been run
#   TREE     the source tree it was configured from
#   --full   everything (the default)
#   --quick  the tests marked q in upstream.times, and every test of our own
#   --jobs   how many tests run at a time (default 8: most of them sleep)
#   --work   where logs and work files go (default OBJDIR/regress-run);
#            emptied first
#   --port   first TCP port where no network namespace is to be had
#   --plain  do without namespaces even where they are to be had
#   --only   these tests and no others; names as --list prints them
#   --list   print the names of the tests that would run, and stop
#
# Last line: `N passed, N failed, N skipped`.  Exit status: 0 when nothing
# failed, 1 when something did, 2 when the suite could not be run.
#
# How it works.  Every test gets a directory of its own that looks to the
# recipes of OBJDIR's Makefile like a build directory, and, where the machine
# permits it, namespaces of its own: a network (the tests use fixed ports), a
# process tree (whatever a test leaves behind dies with it) and a mount table
# (short socket paths; private /run, /tmp and /var/log).  Elsewhere tests
# that use a fixed port are kept apart, the others get a port range each, and
# what they leave behind is found by the programs and variables they run with.
# OBJDIR is only built in and TREE only read: some tests write into the folder
# of the scripts, which is a copy here.
# UNIT_FAST: if set, unit tests try fewer mutations (their option -f).

set -eu
umask 022

prog=${0##*/}
here=$(cd "$(dirname "$0")" && pwd)
times=$here/upstream.times

die() {
	echo "$prog: $*" >&2
	exit 2
}

usage() {
	sed -n 's/^# usage: /usage: /p;s/^#  *\(\[--port.*\)/       \1/p' "$0" >&2
	exit 2
}

# ---------------------------------------------------------------------------
# Arguments

mode=full jobs=8 work='' port=23000 only='' list=no plain=no objdir='' tree=''
while [ $# -gt 0 ]; do
	case $1 in
	--full)		mode=full ;;
	--quick)	mode=quick ;;
	--list)		list=yes ;;
	--plain)	plain=yes ;;
	--jobs|--work|--port|--only)
		[ $# -ge 2 ] || usage
		case $1 in
		--jobs)	jobs=$2 ;;
		--work)	work=$2 ;;
		--port)	port=$2 ;;
		--only)	only=$2 ;;
		esac
		shift ;;
	-*)	usage ;;
	*)	if [ -z "$objdir" ]; then objdir=$1
		elif [ -z "$tree" ]; then tree=$1
		else usage
		fi ;;
	esac
	shift
done
[ -n "$tree" ] || usage
case $jobs in ''|*[!0-9]*|0) die "--jobs wants a number, not '$jobs'" ;; esac
case $port in ''|*[!0-9]*) die "--port wants a number, not '$port'" ;; esac
objdir=$(cd "$objdir" 2>/dev/null && pwd) ||
    die "no object directory $objdir; build the tree first"
tree=$(cd "$tree" 2>/dev/null && pwd) || die "no source tree $tree"
[ -f "$objdir/Makefile" ] || die "$objdir has no Makefile; configure it first"
[ -f "$tree/regress/test-exec.sh" ] || die "$tree has no regress/test-exec.sh"
[ -r "$times" ] || die "$times is missing; it belongs to this checkout"
work=${work:-$objdir/regress-run}
# How many times slower than upstream.times this machine is; our tests know it.
# What runs again gets twice the time, for the machine may have become slower.
slowness=${HPN_SLOWNESS:-1}
case $slowness in
''|*[!0-9]*|0) die "HPN_SLOWNESS is '$slowness': give a number from 1" ;;
esac

# A make above us must not hand its options and variables to the suite's.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES 2>/dev/null || :
unset SSH_AUTH_SOCK SSH_ASKPASS DISPLAY 2>/dev/null || :
export TEST_SSH_UNSAFE_PERMISSIONS=1
unset SUDO 2>/dev/null || :

# ---------------------------------------------------------------------------
# Which tests: the lists of TREE's own regress/Makefile, and what it omits.

makevar() {
	printf 'include Makefile\nshow-variable:\n\t@echo $(%s)\n' "$1" |
	    make -s -C "$tree/regress" -f - show-variable
}

# table NAME: seconds and flags of a test, empty when it is not known.
table() {
	awk -v n="$1" '$1 == n { print $2, $3 }' "$times"
}

list_tests() {
	ltests=$(makevar LTESTS)
	for t in $ltests; do
		echo "t-exec $t"
	done
	for t in $(makevar INTEROP_TESTS); do
		echo "interop-tests $t"
	done
	for t in $(makevar EXTRA_TESTS); do
		echo "extra-tests $t"
	done
	for f in "$tree"/regress/hpn-*.sh; do
		[ -e "$f" ] || continue
		t=${f##*/} t=${t%.sh}
		case " $ltests " in
		*" $t "*)	;;
		*)		echo "t-exec $t" ;;
		esac
	done
	echo "file-tests file-tests"
	# Every unit test with a directory; that the program is there is
	# checked when it is run.
	for d in "$tree"/regress/unittests/*/; do
		d=${d%/} t=${d##*/}
		[ "$t" != test_helper ] || continue
		set -- "$d"/*.c
		[ -e "$1" ] || continue
		echo "unit unit-$t"
	done
}

# Prints "SECONDS FLAGS KIND NAME" of the tests wanted, longest first.  What
# the table does not know is taken for average.
plan() {
	list_tests | awk -v mode="$mode" -v only="$only" -v times="$times" '
	BEGIN {
		while ((getline line < times) > 0) {
			if (line ~ /^#/ || split(line, f) < 2)
				continue
			sec[f[1]] = f[2]
			flag[f[1]] = f[3]
		}
		n = split(only, o)
		for (i = 1; i <= n; i++)
			wanted[o[i]] = 1
	}
	{
		s = ($2 in sec) ? sec[$2] : 10
		fl = flag[$2] == "" ? "-" : flag[$2]
		ours = $2 ~ /^(unit-)?hpn/
		if (only != "" ? !($2 in wanted) : \
		    mode == "quick" && fl !~ /q/ && !ours)
			next
		print s, fl, $1, $2
	}' | sort -k1,1nr -k4,4
}

if [ "$list" = yes ]; then
	plan | awk '{ print $4 }'
	exit 0
fi

# ---------------------------------------------------------------------------
# Work directory and what must be there

mkdir -p "$work" || die "cannot create $work"
work=$(cd "$work" && pwd)
case $work in
/|"$HOME"|"$objdir"|"$tree") die "refusing to empty $work" ;;
esac
if [ -n "$(ls -A "$work")" ] && [ ! -e "$work/.upstream-work" ]; then
	die "$work is not empty and not mine; name another with --work"
fi
rm -rf "$work"
mkdir -p "$work/log" "$work/result" "$work/claim" "$work/pid" "$work/cpu"
# The path of a test's sockets: a socket's name has 107 characters at most.
tdir=$work/t
mkdir -p "$tdir"
: >"$work/.upstream-work"

plan >"$work/plan"
[ -s "$work/plan" ] || die "no such test: ${only:-none in the list}"

for v in $only; do
	awk -v n="$v" '$4 == n { f = 1 } END { exit !f }' "$work/plan" ||
	    die "no test is called $v (--list names them)"
done

# obj.mk is the Makefile of OBJDIR plus what it lacks about headers.
mk=$here/../base/obj.mk
[ -f "$mk" ] || mk=Makefile
cpus=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
echo "building what the suite needs in $objdir"
if ! make -C "$objdir" -f "$mk" -j "$cpus" all >"$work/log/build.log" 2>&1 ||
    ! make -C "$objdir" -f "$mk" regress-prep >>"$work/log/build.log" 2>&1 ||
    ! make -C "$objdir" -f "$mk" -j "$cpus" regress-binaries \
    regress-unit-binaries >>"$work/log/build.log" 2>&1; then
	tail -n 15 "$work/log/build.log"
	die "the test programs did not build; see $work/log/build.log"
fi

# The Makefile that runs the tests is OBJDIR's, with three changes: it does
# not look after each test whether everything is still built, the scripts are
# a copy, and the other SSH programs are those installed now, not those that
# configure happened to see.
sed -e '/^interop-tests t-exec file-tests extra-tests:/s/:.*/:/' \
    -e 's|^srcdir=.*|srcdir=$(BUILDDIR)/src|' \
    -e 's|^abs_top_srcdir=.*|abs_top_srcdir=$(BUILDDIR)/src|' \
    "$objdir/Makefile" >"$work/Makefile"
for v in PLINK:plink PUTTYGEN:puttygen CONCH:conch DROPBEAR:dropbear \
    DROPBEARKEY:dropbearkey DROPBEARCONVERT:dropbearconvert DBCLIENT:dbclient
do
	path=$(PATH=$PATH:/usr/sbin:/sbin command -v "${v#*:}" || :)
	[ -n "$path" ] || path=/nonexistent/${v#*:}
	sed "s|TEST_SSH_${v%%:*}=\"[^\"]*\"|TEST_SSH_${v%%:*}=\"$path\"|" \
	    "$work/Makefile" >"$work/Makefile.new"
	mv "$work/Makefile.new" "$work/Makefile"
done
grep -q '^interop-tests t-exec file-tests extra-tests:$' "$work/Makefile" &&
    [ "$(grep -c '^\(abs_top_\)*srcdir=$(BUILDDIR)/src$' "$work/Makefile")" = 2 ] ||
    die "$objdir/Makefile has changed its test targets; update $prog"

# The UTF-8 test asks for a locale by a name that few servers have installed.
# Any UTF-8 character set serves, so C.UTF-8 is put under that name.
if grep -q 'TEST_SSH_UTF8="no"' "$work/Makefile" &&
    [ -d /usr/lib/locale/C.utf8 ]; then
	mkdir -p "$work/locale"
	ln -s /usr/lib/locale/C.utf8 "$work/locale/en_US.UTF-8"
fi

# ---------------------------------------------------------------------------
# Namespaces

# A directory that exists everywhere and that nothing of ours lives in: the
# test's directory is bound there, so that socket paths are short.
spot=
for d in /srv /mnt /media /opt; do
	[ -d "$d" ] || continue
	case "$objdir/ $tree/ $work/ $here/" in
	"$d"/*|*" $d"/*)	continue ;;
	esac
	spot=$d
	break
done

uid=$(id -u)
ns_flags='--mount --pid --net --fork --kill-child --mount-proc'
[ "$uid" = 0 ] || ns_flags="--user --map-current-user --keep-caps $ns_flags"
isolated=no
if [ "$plain" = yes ]; then
	echo "as asked" >"$work/log/namespace.log"
elif [ -z "$spot" ]; then
	echo "no folder to bind to" >"$work/log/namespace.log"
elif
    unshare $ns_flags sh -c 'ip link set lo up && mount --bind "$1" "$2"' \
    sh "$tdir" "$spot" >"$work/log/namespace.log" 2>&1; then
	isolated=yes
fi

# What stays out of sight of a test (root only: sshd writes login records,
# tests put commands under /run).  Not over anything that holds our own files.
hide=
if [ "$uid" = 0 ]; then
	for d in /run /tmp /var/log /var/mail; do
		[ -d "$d" ] && [ ! -h "$d" ] || continue
		case "$objdir/ $tree/ $work/ $here/" in
		"$d"/*|*" $d"/*)	continue ;;
		esac
		hide="$hide $d"
	done
fi

# Runs in the new namespaces as their first process: it stays there to reap
# what the test's daemons leave.  Arguments: DIR SPOT UID HIDE COMMAND...
cat >"$work/enter" <<'EOS'
set -e
dir=$1 spot=$2 uid=$3 hide=$4
shift 4
ip link set lo up
mount --bind "$dir" "$spot"
# Every session starts the user's shell: what its startup file prints, waits
# for or leaves locked when it is killed is no business of the tests.
for f in .bashrc .zshenv .cshrc .tcshrc .kshrc; do
	[ ! -f "${HOME:-/}/$f" ] || mount --bind /dev/null "${HOME:-/}/$f"
done
for d in $hide; do
	case $d in
	/tmp)	mount -t tmpfs -o mode=1777,size=256m tmpfs "$d" ;;
	*)	mount -t tmpfs -o mode=755,size=64m tmpfs "$d" ;;
	esac
done
set +e
if [ "$uid" = 0 ]; then
	"$@"
else
	setpriv --ambient-caps -all --inh-caps -all "$@"
fi
exit $?
EOS

# ---------------------------------------------------------------------------
# One test

# Makes DIR look like a build directory: the programs and the helpers of the
# tests.  With namespaces a link does; without, each is a copy whose path
# tells whose process it is.
new_dir() {
	mkdir -p "$1/regress/misc/sk-dummy" "$1/src"
	cp -a "$tree/regress" "$tree/moduli" "$1/src/"
	# Ours, which the Makefile includes
	[ ! -f "$tree/hpn.mk" ] || cp -a "$tree/hpn.mk" "$tree/README.hpn" "$1/src/"
	for f in "$objdir"/config.h "$objdir"/ssh* "$objdir"/scp "$objdir"/dmscp "$objdir"/yscp \
	    "$objdir"/sftp "$objdir"/sftp-server \
	    "$objdir"/regress/[a-z]* "$objdir"/regress/misc/sk-dummy/*.so; do
		case $f in *.[oa]|*.out|*.[0-9]|*_config) continue ;; esac
		[ -f "$f" ] || continue
		case $f in
		*/config.h|*.so)	;;
		*)	[ -x "$f" ] || continue ;;
		esac
		case $f in *.sh) continue ;; esac
		to=$1/${f#"$objdir"/}
		if [ "$isolated" = yes ]; then
			ln -s "$f" "$to"
		else
			ln "$f" "$to" 2>/dev/null || cp -p "$f" "$to"
		fi
	done
}

# Ends the processes of one test where no namespace does it: those that run
# a program out of its directory or carry its mark in their environment (sshd
# writes over that), and their children, in rounds because they may be about
# to start more.
reap() {
	round=0
	while [ $round -lt 20 ]; do
		round=$((round + 1))
		found=$(for p in /proc/[0-9]*; do
			case $(readlink "$p/exe" 2>/dev/null) in
			'')	continue ;;
			"$1"/*)	;;
			*)	tr '\0' '\n' 2>/dev/null <"$p/environ" |
				    grep -qxF "HPN_SUITE_DIR=$1" || continue ;;
			esac
			echo "${p#/proc/}"
			descendants "${p#/proc/}"
		done 2>/dev/null)
		[ -n "$found" ] || return 0
		kill -9 $found 2>/dev/null || :
	done
}

descendants() {
	for c in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
		echo "$c"
		(descendants "$c")
	done
}

# sshd puts the sockets of forwarded agents below /tmp, wherever TMPDIR is,
# and a killed one leaves them.  Where /tmp is not private: remove those that
# are newer than this run and whose process is gone.
sweep() {
	[ "$isolated" = no ] || return 0
	find /tmp -maxdepth 1 -type d -name 'ssh-XXXX*' -user "$uid" \
	    -newer "$work/plan" 2>/dev/null | while read -r d; do
		for s in "$d"/agent.*; do
			[ ! -S "$s" ] || [ -d "/proc/${s##*.}" ] || rm -f "$s"
		done
		rmdir "$d" 2>/dev/null || :
	done
}

# run_command DIR LIMIT LOG COMMAND...: with its own namespaces and a limit.
run_command() {
	rc_dir=$1 rc_limit=$2 rc_log=$3
	shift 3
	if [ "$isolated" = yes ]; then
		timeout -k 5 "$rc_limit" unshare $ns_flags sh "$work/enter" \
		    "$rc_dir" "$spot" "$uid" "$hide" "$@" \
		    </dev/null >"$rc_log" 2>&1 &
	else
		mkdir -p "$rc_dir/tmp"
		HPN_SUITE_DIR=$rc_dir TMPDIR=$rc_dir/tmp timeout -k 5 "$rc_limit" setsid -w "$@" \
		    </dev/null >"$rc_log" 2>&1 &
	fi
	rc_pid=$!
	echo "$rc_pid" >"$work/pid/$rc_pid"
	rc=0
	wait "$rc_pid" || rc=$?
	rm -f "$work/pid/$rc_pid"
	[ "$isolated" = yes ] || reap "$rc_dir"
	return "$rc"
}

# The reasons that a script gives say what it missed, not always what that
# means here.
explain() {
	case $1 in
	*TEST_SSH_SSHFP_DOMAIN*)
		echo "needs a DNS zone with SSHFP records ($1)" ;;
	*TEST_SSH_HOSTBASED_AUTH*)
		echo "needs the machine's own /etc/ssh changed ($1)" ;;
	*"conch interop"*)
		echo "needs the Twisted conch client ($1)" ;;
	*"putty interop"*)
		echo "needs putty-tools 0.76 or later ($1)" ;;
	*"dropbear interop"*)
		echo "needs dropbear-bin ($1)" ;;
	*"No PKCS#11 library"*)
		echo "needs softhsm2 ($1)" ;;
	*"unning as root"*)
		echo "root may do what it checks to be forbidden ($1)" ;;
	*)	echo "$1" ;;
	esac
}

# cpu WORKER: $cpu, the seconds of processor time of its commands so far.
cpu() {
	# In a subshell it would tell of that
	times >"$work/cpu/worker$1"
	cpu=$(awk 'NR == 2 { split($1, u, "[ms]"); split($2, s, "[ms]")
	    printf "%d", (u[1] + s[1]) * 60 + u[2] + s[2] }' \
	    "$work/cpu/worker$1")
}

# run_test SECONDS KIND NAME WORKER TRY: leaves result/NAME, "VERDICT SECONDS
# REASON", and log/NAME.log (log/NAME.try2.log of a second try).
run_test() {
	secs=$1 kind=$2 name=$3 wn=$4 try=$5
	tport=$((port + wn * 20))
	log=$work/log/$name.log
	[ "$try" = 1 ] || log=$work/log/$name.try$try.log
	dir=$tdir/$wn
	rm -rf "$dir"
	limit=$(((secs * 6 + 240) * slowness))
	if [ "$kind" = unit ]; then
		mkdir -p "$dir"
	elif [ -d "$work/seed" ]; then
		cp -a "$work/seed" "$dir"
	else
		new_dir "$dir"
	fi
	if [ "$isolated" = yes ]; then
		bd=$spot
	else
		bd=$dir
	fi
	began=$(date +%s)
	cpu "$wn"
	cpu_began=$cpu
	case $kind in
	unit)
		set -- "$objdir/regress/unittests/${name#unit-}/test_"*
		bin=
		for f in "$@"; do
			case $f in
			*.o|*.d|*.dSYM)	;;
			*)	[ ! -x "$f" ] || bin=$f ;;
			esac
		done
		if [ -z "$bin" ]; then
			set -- sh -c 'echo "$1 was not built"; exit 1' sh \
			    "the unit test in unittests/${name#unit-}"
		elif [ "$name" = unit-utf8 ] && [ -d "$work/locale" ]; then
			set -- env LOCPATH="$work/locale" "$bin"
		elif [ "$name" = unit-utf8 ] &&
		    grep -q 'TEST_SSH_UTF8="no"' "$work/Makefile"; then
			set -- echo "SKIPPED: no UTF-8 locale on this machine"
		elif [ -d "$tree/regress/unittests/${name#unit-}/testdata" ]
		then
			set -- "$bin" -d \
			    "$tree/regress/unittests/${name#unit-}/testdata" \
			    ${UNIT_FAST:+-f}
		else
			set -- "$bin" ${UNIT_FAST:+-f}
		fi ;;
	file-tests)
		set -- make -s -C "$objdir" -f "$work/Makefile" "BUILDDIR=$bd" \
		    file-tests ;;
	t-exec)
		set -- make -s -C "$objdir" -f "$work/Makefile" "BUILDDIR=$bd" \
		    t-exec "LTESTS=$name" ;;
	interop-tests)
		set -- make -s -C "$objdir" -f "$work/Makefile" "BUILDDIR=$bd" \
		    interop-tests "INTEROP_TESTS=$name" ;;
	extra-tests)
		set -- make -s -C "$objdir" -f "$work/Makefile" "BUILDDIR=$bd" \
		    extra-tests "EXTRA_TESTS=$name" ;;
	esac
	rc=0
	run_command "$dir" "$((limit * try))" "$log" env "TEST_SSH_PORT=$tport" \
	    TEST_SSH_FAIL_FATAL= "HPN_SLOWNESS=$((slowness * try))" \
	    "HPN_TRY=$try" "$@" || rc=$?
	took=$(($(date +%s) - began))
	cpu "$wn"
	echo "$((cpu - cpu_began))" >"$work/cpu/$name"

	reason=
	if [ "$rc" = 124 ] || [ "$rc" = 137 ]; then
		verdict=FAIL reason="no end within $((limit * try)) s, killed"
	elif [ "$rc" != 0 ]; then
		verdict=FAIL reason="exit status $rc"
		why=$(sed -n '/^FAIL: /{s///;p;q;}' \
		    "$dir/regress/failed-regress.log" 2>/dev/null | cut -c 1-200)
		[ -z "$why" ] || reason="$reason: $why"
	else
		reason=$(sed -n 's/^SKIPPED: //p
		    s/^[Ss]kipped:* *(*\(.*[^)]\))*$/\1/p' "$log" | head -n 1)
		case $kind in
		unit|file-tests)
			verdict=ok
			[ -z "$reason" ] || verdict=skip ;;
		*)	# A script that ends without its verdict has failed,
			# whatever its exit status says.
			if grep -q '^ok ' "$log"; then
				verdict=ok reason=
			elif [ -n "$reason" ]; then
				verdict=skip
			else
				verdict=FAIL
				reason="ended without a verdict"
			fi ;;
		esac
	fi
	[ "$verdict" != skip ] || reason=$(explain "$reason")
	if [ "$verdict" = FAIL ]; then
		mkdir -p "$work/failed/$name.try$try"
		cp "$dir"/regress/failed-* "$dir"/regress/*.log \
		    "$dir"/regress/*_config "$dir"/regress/ssh*_proxy \
		    "$work/failed/$name.try$try/" 2>/dev/null || :
	fi
	if [ "$name" = "$seed" ] && [ "$verdict" = ok ] &&
	    [ ! -d "$work/seed" ]; then
		make_seed "$dir"
	fi
	rm -rf "$dir"
	echo "$verdict $took $reason" >"$work/result/$name"
}

# The first test makes the keys of every type; the others start from a copy
# of them instead of making their own, otherwise from an empty directory.
make_seed() {
	new_dir "$work/seed.new"
	for t in $("$objdir/ssh" -Q key-plain); do
		[ -f "$1/regress/$t" ] && [ -f "$1/regress/$t.pub" ] ||
		    continue
		cp -p "$1/regress/$t" "$1/regress/$t.pub" \
		    "$work/seed.new/regress/"
	done
	mv "$work/seed.new" "$work/seed"
}

# say_result NAME: the line for a finished test.
say_result() {
	read -r verdict took reason <"$work/result/$1"
	case $verdict in
	FAIL)	echo "FAIL $1 (${took}s): $reason" ;;
	skip)	echo "skip $1: $reason" ;;
	ok)	echo "ok   $1 (${took}s, $(cat "$work/cpu/$1")s of processor)" ;;
	esac
}

# worker N QUEUE...: takes the next unclaimed test of its queues until none
# is left.
worker() {
	wn=$1
	shift
	for queue in "$@"; do
		while read -r secs flags kind name; do
			mkdir "$work/claim/$name" 2>/dev/null || continue
			run_test "$secs" "$kind" "$name" "$wn" 1
			say_result "$name"
		done <"$queue"
	done
}

stop() {
	trap - INT TERM HUP EXIT
	for f in "$work"/pid/*; do
		[ -e "$f" ] || continue
		kill -9 "-${f##*/}" 2>/dev/null || :
		kill -9 "${f##*/}" 2>/dev/null || :
	done
	for p in $workers; do
		kill "$p" 2>/dev/null || :
	done
	[ "$isolated" = yes ] || for d in "$tdir"/*; do reap "$d"; done
	sweep
	rm -rf "$tdir"
	echo "$prog: stopped" >&2
	exit 2
}
workers=
trap stop INT TERM HUP

# ---------------------------------------------------------------------------
# The run

seed=proto-version
: >"$work/alone"
: >"$work/ports"
: >"$work/queue"
: >"$work/first"
while read -r secs flags kind name; do
	into=queue
	case $flags in *a*) into=alone ;; esac
	if [ "$isolated" = no ] && [ $into = queue ] &&
	    grep -Eq '(^|[^0-9])33[0-9][0-9]|base=33' \
	    "$tree/regress/$name.sh" 2>/dev/null; then
		into=ports
	fi
	[ "$name" != "$seed" ] || into=first
	echo "$secs $flags $kind $name" >>"$work/$into"
done <"$work/plan"

ntests=$(wc -l <"$work/plan")
if [ "$isolated" = yes ]; then
	echo "$ntests tests, $jobs at a time, each in namespaces of its own"
else
	echo "$ntests tests, $jobs at a time, without namespaces" \
	    "($(tail -n 1 "$work/log/namespace.log"))"
	if [ ${#tdir} -gt 66 ]; then
		rmdir "$tdir"
		tdir=$(mktemp -d /tmp/hpn-suite.XXXXXX) ||
		    die "cannot create a folder with a short name in /tmp"
	fi
fi
t0=$(date +%s)

worker 0 "$work/first"
n=0
while [ $n -lt "$jobs" ]; do
	if [ $n = 0 ]; then
		worker $n "$work/ports" "$work/queue" &
	else
		worker $n "$work/queue" &
	fi
	workers="$workers $!"
	n=$((n + 1))
done
for p in $workers; do
	wait "$p" || :
done
workers=
worker 0 "$work/alone"

# A test that measures time may be given a second chance on a quiet machine,
# if the table says so; on a slow machine every test; the summary names it.
: >"$work/retried"
while read -r secs flags kind name; do
	case $flags in *r*) ;; *) [ "$slowness" -gt 1 ] || continue ;; esac
	read -r verdict took reason <"$work/result/$name"
	[ "$verdict" = FAIL ] || continue
	grep -Eq 'AddressSanitizer|runtime error:|dumped core|[Ss]egmentation' \
	    "$work/log/$name.log" && continue
	echo "again, alone: $name ($reason)"
	run_test "$secs" "$kind" "$name" 0 2
	say_result "$name"
	echo "$name $reason" >>"$work/retried"
done <"$work/plan"

trap - INT TERM HUP
sweep
elapsed=$(($(date +%s) - t0))

# ---------------------------------------------------------------------------
# Summary

: >"$work/durations"
passed=0 failed=0 skipped=0 failures=
for v in skip FAIL; do
	while read -r secs flags kind name; do
		read -r verdict took reason <"$work/result/$name" ||
		    verdict=FAIL took=0 reason="never ran"
		[ "$v" = skip ] && echo "$name $took" >>"$work/durations"
		case $v$verdict in
		skipok)	passed=$((passed + 1)) ;;
		skipskip)
			skipped=$((skipped + 1))
			[ $skipped != 1 ] || printf '\nskipped:\n'
			echo "  $name: $reason" ;;
		FAILFAIL)
			failed=$((failed + 1))
			failures="$failures $name" ;;
		esac
	done <"$work/plan"
done

# Parts of a test that a script left out by itself.  What could not be told on
# this machine counts as a skipped test.
part=no
while read -r secs flags kind name; do
	read -r verdict took reason <"$work/result/$name" || continue
	[ "$verdict" = ok ] || continue
	log=$work/log/$name.log
	[ ! -e "$work/log/$name.try2.log" ] || log=$work/log/$name.try2.log
	sed -n '/[( ]skipped\( because\|:\)/p' "$log" | sort -u >"$work/part"
	[ -s "$work/part" ] || continue
	skipped=$((skipped + $(grep -c 'too slow to tell' "$work/part" || :)))
	[ $part = yes ] || printf '\nskipped within a test that passed:\n'
	part=yes
	sed "s/^/  $name: /" "$work/part"
done <"$work/plan"

if [ -s "$work/retried" ]; then
	printf '\nneeded a second run, alone:\n'
	while read -r name reason; do
		read -r verdict took rest <"$work/result/$name"
		echo "  $name: $verdict on the second run; first: $reason" \
		    "($work/log/$name.log)"
	done <"$work/retried"
fi

for name in $failures; do
	read -r verdict took reason <"$work/result/$name" || reason="never ran"
	log=$work/log/$name.log
	[ ! -e "$work/log/$name.try2.log" ] || log=$work/log/$name.try2.log
	printf '\nFAIL %s: %s; end of %s:\n' "$name" "$reason" "$log"
	tail -n 25 "$log" 2>/dev/null | sed 's/^/  | /'
	[ ! -d "$work/failed/$name.try1" ] ||
	    echo "  logs of ssh and sshd: $work/failed/$name.try*"
done
# For whoever can make the machine quieter than one suite can.
rm -f "$work/again"
again=
for name in $failures; do
	grep -q "^$name " "$work/retried" &&
	    ! grep -Eq 'AddressSanitizer|runtime error:|dumped core|[Ss]egmentation' \
	    "$work/log/$name.log" "$work/log/$name.try2.log" || again=none
	[ "$again" = none ] || again="$again $name"
done
[ "$again" = none ] || [ -z "$again" ] || echo "${again# }" >"$work/again"
rm -rf "$tdir" "$work/seed" "$work/claim" "$work/pid" "$work/part"

printf '\n%s s\n' "$elapsed"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
