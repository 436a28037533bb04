#!/bin/sh
# SPDX-License-Identifier: ISC
#
# What `make check` runs: everything that must hold before a change is good.
# README.md beside this file has the steps, what each proves and how long it takes.
#
# usage: check.sh [STEP ...]      what make check runs, or the steps named
#        check.sh --full          what make check-full runs: all steps
#        check.sh --rest          the steps of --full that make check leaves out
#        check.sh ... --until N   begin nothing that would not be done N seconds
#                                 from now, stop what is not done then; say what
#                                 was left out
#        check.sh --list          name the steps, and stop
#
# Prints a line for each step; what a step said is in build/check/STEP.log.
# A step that fails does not keep the others from running.  Last line:
# `N passed, N failed, N skipped`; it counts the single tests of the steps that
# consist of many, and 1 for every other step.  Exit status: 0 when nothing
# failed, 1 when something did, 2 for bad usage, 128 + N after signal N.
#
# CHECK_JOBS is the number of tests that upstream.sh runs at a time, HPN_SLOWNESS
# how many times slower than README.md's figures this machine is; both are
# measured when they are not given.

set -eu
umask 022

root=$(cd "$(dirname "$0")/.." && pwd)
self=$root/check/check.sh
build=$root/build
out=$build/check
. "$root/check/lib.sh"

# The steps of make check (check) and those that it leaves out (rest), in the
# order in which they begin.  Those of the two sides run side by side: the tests
# of side A mostly sleep, so side B, at low priority, takes the rest of the
# processors.
check_setup='deps series build-debian build-stock'
check_a='suite-debian'
check_b='names circles policy files version warnings-debian man options many-nodes why differential'
check_end='lab'
rest_setup='build-upstream build-10.3'
rest_a='suite-threads suite-upstream suite-10.3'
rest_b='sanitize prefixes-debian warnings-upstream deb fuzz prefixes-upstream'
all_steps="$check_setup $check_a $check_b $check_end"
all_steps="$all_steps $rest_setup $rest_a $rest_b differential-full suite-rest"
# From this slowness on, make check leaves these to the rest, or it takes an hour.
too_slow=3
slow_a=suite-rest
slow_b=warnings-debian

die() {
	echo "check: $*" >&2
	exit 2
}

# ---------------------------------------------------------------------------
# The steps.  Each runs as a process of its own (check.sh --step NAME), and
# says in its last line why it failed, or why it was skipped (status 77).

# script NAME ARG...: hand over to another script of this checkout.
script() {
	[ -x "$root/$1" ] || {
		echo "$1 is not there; this checkout is not complete"
		exit 1
	}
	file=$root/$1
	shift
	exec "$file" "$@"
}

# optional NAME: a script that this checkout may lack; says so when it does.
optional() {
	[ ! -x "$root/$1" ] || script "$1"
	echo "$1 is not in this checkout"
	exit 77
}

built() {
	[ -x "$build/obj/hpn-$1/ssh" ] && [ -d "$build/tree/$1" ] && return
	echo "not built: step build-$1 must pass first"
	exit 1
}

# The bases that are built here; debian at least.
bases_built() {
	built debian >&2 || exit 1
	echo debian
	! (built upstream) >/dev/null || echo upstream
}

# Which files of the release the series changes: patched SUFFIX-PATTERN.
patched() {
	cat "$root"/patches/*.patch | sed -n 's|^+++ b/||p' |
	    sed 's/[	 ].*//' | grep "$1" | sort -u
}

# step_suite BASE full|quick PORT [LINES]: they stand in every configuration.
# With $only, those tests and no others, in a folder of their own.
only=
# ours_of BASE: the names of our tests and of all unit tests.
ours_of() {
	check/upstream.sh "$build/obj/hpn-$1" "$build/tree/$1" --list |
	    grep -E '^(hpn|unit)-' | tr '\n' ' '
}

# rest_of_suite: the names of the tests that are not in the quick part.
rest_of_suite() {
	for how in full quick; do
		check/upstream.sh "$build/obj/hpn-debian" \
		    "$build/tree/debian" --$how --list | sort >"$out/list.$how"
	done
	comm -23 "$out/list.full" "$out/list.quick" | tr '\n' ' '
}

step_suite() {
	built "$1"
	stock=$build/stage/stock-debian
	if [ -x "$stock/sbin/sshd" ]; then
		TEST_SSH_STOCK_SSH=$stock/bin/ssh
		TEST_SSH_STOCK_SSHD=$stock/sbin/sshd
		if peer=$("$root/lab/peer.sh" 9.2 2>"$out/peer.log"); then
			TEST_SSH_OLDER_SSH=$peer/usr/bin/ssh
			TEST_SSH_OLDER_SSHD=$peer/usr/sbin/sshd
			export TEST_SSH_OLDER_SSH TEST_SSH_OLDER_SSHD
		else
			echo "without Debian 12's OpenSSH: $(cat "$out/peer.log")"
		fi
		export TEST_SSH_STOCK_SSH TEST_SSH_STOCK_SSHD
	fi
	if [ -n "${4-}" ]; then
		echo "with $4"
		TEST_SSH_SSH_CONFOPTS=$4 TEST_SSH_SSHD_CONFOPTS=$4
		export TEST_SSH_SSH_CONFOPTS TEST_SSH_SSHD_CONFOPTS
	fi
	script check/upstream.sh "$build/obj/hpn-$1" "$build/tree/$1" \
	    "--$2" --jobs "$CHECK_JOBS" --port "$3" \
	    --work "$out/$step${only:+-again}" ${only:+--only "$only"}
}

# compile_commands BASE SOURCE...: how the build compiles these, paths in the
# tree, a line each, without its output options.  make is asked once for all.
compile_commands() (
	base=$1
	shift
	unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES 2>/dev/null || :
	for source in "$@"; do
		set -- "$@" -W "$build/tree/$base/$source" "${source%.c}.o"
		shift
	done
	make --no-print-directory -C "$build/obj/hpn-$base" \
	    -f "$root/base/obj.mk" -n -k "$@" 2>/dev/null | grep -e ' -c ' |
	    sed 's/ -o [^ ]*\.o//;s/ -MMD//;s/ -MP//;s/ -c / /'
)

# command_of SOURCE: the first of the lines in $work/commands that compiles it.
command_of() {
	awk -v source="$tree/$1" '{
		for (i = 1; i <= NF; i++)
			if ($i == source) { print; exit }
	}' "$work/commands"
}

# Our own files compile without a warning at a stricter level than the
# release's; a file of the release gets no warning that it has not of itself.
step_warnings() {
	base=$1
	built "$base"
	obj=$build/obj/hpn-$base tree=$build/tree/$base stock=$build/base/$base
	work=$out/warnings-$base.d
	rm -rf "$work"
	mkdir -p "$work"
	bad=0 own=0 theirs=0
	cd "$obj"
	strict='-Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes'
	strict="$strict -Wno-unused-parameter -Wno-sign-compare -Werror"
	ours=$(cd "$root/src" && ls ./*.c | sed 's|^\./||'
	    cd "$root" && ls regress/unittests/*/*.c)
	changed=$(for rel in $(patched '\.c$'); do
		[ ! -e "$stock/$rel" ] || [ ! -e "$tree/$rel" ] || echo "$rel"
	    done)
	compile_commands "$base" $ours $changed >"$work/commands"
	for rel in $ours; do
		command=$(command_of "$rel")
		if [ -z "$command" ]; then
			echo "$rel: the build does not compile it"
			bad=$((bad + 1))
			continue
		fi
		own=$((own + 1))
		sh -c "$command $strict -S -o /dev/null" || bad=$((bad + 1))
	done
	for rel in $changed; do
		command=$(command_of "$rel")
		[ -n "$command" ] || continue
		theirs=$((theirs + 1))
		# The release's own file is looked at where ours has any.
		for where in "$tree" "$stock"; do
			one=$(printf '%s\n' "$command" | sed "s|$tree|$where|g")
			sh -c "$one -Wall -Wextra -S -o /dev/null" 2>&1 |
			    sed -n 's/^.*: warning: //p' | sort \
			    >"$work/$base.$(basename "$(dirname "$where")")"
			[ -s "$work/$base.tree" ] || continue 2
		done
		comm -13 "$work/$base.base" "$work/$base.tree" >"$work/new"
		[ -s "$work/new" ] || continue
		echo "$rel: warnings that the release's own file does not have:"
		sed 's/^/  /' "$work/new"
		bad=$((bad + 1))
	done
	[ "$own" -gt 0 ] || { echo "found none of our own files"; exit 1; }
	echo "$own files of ours, $theirs patched ones, $bad with warnings"
	[ "$bad" = 0 ]
}

# The manual pages that we change get no complaint that the release's own
# pages do not get.
step_man() {
	command -v mandoc >/dev/null || {
		echo "mandoc is not installed; base/deps.sh check installs it"
		exit 1
	}
	pages=$(cd "$root/src" && ls ./*.[1-8].hpn | sed 's|^\./||; s|\.hpn$||')
	bad=0
	for base in $(bases_built); do
		for page in $pages; do
			# Whether the pages referred to are installed here, and
			# where in the page it is, does not matter.
			for where in base tree; do
				sh "$root/src/hpn-manual.sh" awk cat \
				    "$build/$where/$base/$page" \
				    >"$out/man.page" || exit 1
				mandoc -T lint "$out/man.page" 2>/dev/null |
				    grep -v 'referenced manual not found' |
				    sed 's/^mandoc: [^ ]*: //' | sort \
				    >"$out/man.$where"
			done
			comm -13 "$out/man.base" "$out/man.tree" >"$out/man.new"
			[ -s "$out/man.new" ] || continue
			echo "$page ($base):"
			sed 's/^/  /' "$out/man.new"
			bad=$((bad + 1))
		done
	done
	rm -f "$out"/man.base "$out"/man.tree "$out"/man.new "$out"/man.page
	echo "$(echo $pages): $bad with new complaints"
	[ "$bad" = 0 ]
}

# What we write: licence lines, scripts that parse, nothing of the machine
# that it was written on.
step_files() {
	bad=0
	cd "$root"
	files=$(find . \( -path ./.git -o -path ./build \) -prune -o \
	    -type f -print | sed 's|^\./||' | sort)
	host=$(uname -n)
	case $host in
	?|??|???|????|localhost|debian) host= ;;
	esac
	for f in $files; do
		case $f in
		*.c|*.h|*.sh|*.py|*.mk|.ci/run|Makefile)
			if ! head -n 5 "$f" |
			    grep -q 'SPDX-License-Identifier: ISC'; then
				echo "$f: no licence line in its first lines"
				bad=$((bad + 1))
			fi ;;
		esac
		case $(head -c 64 "$f" | tr -d '\0' | head -n 1) in
		'#!/bin/sh'*)		shell='sh' ;;
		'#!/bin/bash'*|'#!/usr/bin/env bash'*)	shell=bash ;;
		*)			shell= ;;
		esac
		if [ -n "$shell" ]; then
			$shell -n "$f" || bad=$((bad + 1))
			[ -x "$f" ] || {
				echo "$f: not executable"
				bad=$((bad + 1))
			}
		fi
		if grep -InF -e "$root/" "$f"; then
			echo "$f: names a path of this machine"
			bad=$((bad + 1))
		fi
		if [ -n "$host" ] && grep -InwF -e "$host" "$f"; then
			echo "$f: names this machine"
			bad=$((bad + 1))
		fi
		if grep -InE -e '^(<<<<<<<|>>>>>>>) ' "$f"; then
			echo "$f: left over from a merge"
			bad=$((bad + 1))
		fi
	done
	# The map has each module and no other.
	map=src/OVERVIEW.hpn
	echo "$files" | sed -n 's|^src/\([^/]*\)\.[ch]$|\1|p' |
	    sort -u >"$out/modules"
	sed -n 's/^  \(hpn-[a-z0-9-]*\|cipher-ctr-mt\|dmscp\|yscp\)\( \*\)\{0,1\}  *[^ ].*/\1/p' "$map" |
	    grep -vx 'hpn-completion' | sort -u >"$out/mapped"
	for f in $(comm -23 "$out/modules" "$out/mapped"); do
		echo "$map: section 5 does not name $f"
		bad=$((bad + 1))
	done
	for f in $(comm -13 "$out/modules" "$out/mapped"); do
		echo "$map: section 5 names $f, which src/ does not have"
		bad=$((bad + 1))
	done
	for f in $(echo "$files" | grep '\.md$'); do
		for link in $(grep -o '](\([^)#:]*\))' "$f" |
		    sed 's/^](//; s/)$//' | sort -u); do
			[ -e "$(dirname "$f")/$link" ] && continue
			echo "$f: $link is not there"
			bad=$((bad + 1))
		done
	done
	if [ "$(wc -w <README.md)" -gt 600 ]; then
		echo "README.md: $(wc -w <README.md) words, 600 is what people read"
		bad=$((bad + 1))
	fi
	echo "$(echo "$files" | wc -l) files, $bad complaints"
	[ "$bad" = 0 ]
}

# Peers match on the beginning of the version, and HPN-SSH's clients change
# what they do when they read one of its own.
step_version() {
	bad=0
	work=$out/version.d
	rm -rf "$work"
	mkdir -p "$work"
	for base in $(bases_built); do
		header=$build/base/$base/version.h
		version=$(sed -n 's/^#define[ 	]*SSH_VERSION[ 	]*"\(.*\)".*/\1/p' "$header")
		portable=$(sed -n 's/^#define[ 	]*SSH_PORTABLE[ 	]*"\(.*\)".*/\1/p' "$header")
		obj=$build/obj/hpn-$base
		rm -f "$work/key" "$work/key.pub"
		"$obj/ssh-keygen" -q -t ed25519 -N '' -f "$work/key"
		cat >"$work/sshd_config" <<-END
		HostKey $work/key
		SshdSessionPath $obj/sshd-session
		SshdAuthPath $obj/sshd-auth
		END
		"$obj/ssh" -V 2>&1 | sed 's/^/ssh -V: /' >"$work/versions"
		"$obj/sshd" -V 2>&1 | sed 's/^/sshd -V: /' >>"$work/versions"
		printf 'SSH-2.0-check\r\n' |
		    timeout 20 "$obj/sshd" -i -f "$work/sshd_config" \
		    2>"$work/sshd.err" | tr -d '\0\r' | head -n 1 |
		    sed 's/^SSH-2.0-/server: /' >>"$work/versions"
		# The client speaks first to a peer that says nothing.
		: >"$work/client"
		timeout 20 "$obj/ssh" -F none -o BatchMode=yes -o "ProxyCommand=sh \
		    -c 'read -r line; echo \"\$line\" >$work/client'" nowhere \
		    2>/dev/null || :
		tr -d '\r' <"$work/client" |
		    sed 's/^SSH-2.0-/client: /' >>"$work/versions"
		sed "s/^/$base: /" "$work/versions"
		n=$(grep -Ec -e "^(ssh|sshd) -V: $version$portable[ ,]" \
		    -e "^(server|client): $version($portable)? " \
		    "$work/versions" || :)
		if [ "$n" != 4 ]; then
			echo "$base: $n of 4 versions begin with $version$portable"
			bad=1
		fi
		n=$(grep -Eic '^(ssh -V|server|client):.*hpn' \
		    "$work/versions" || :)
		if [ "$n" != 3 ]; then
			echo "$base: ours is missing in one of the versions"
			bad=1
		fi
		if grep -Ei 'hpn-?1[678]' "$work/versions"; then
			echo "$base: HPN-SSH clients take that for their own"
			bad=1
		fi
	done
	rm -rf "$work"
	[ "$bad" = 0 ] && echo "OpenSSH's version first, ours after it"
}

# Debian packages, and a booted Debian that goes to them and back.
step_deb() {
	"$root/base/deps.sh" build deb || exit 1
	rc=0
	why=$("$root/packaging/deb-check.sh" --possible 2>&1) || rc=$?
	if [ "$rc" = 77 ]; then
		echo "skipped: $why"
		exit 77
	fi
	exec make --no-print-directory -C "$root" deb-check
}

run_step() {
	step=$1
	case $step in
	*-again)
		step=${step%-again}
		only=$(cat "$out/$step/again") ;;
	esac
	case $step in
	deps)		script base/deps.sh build lab check ;;
	series)		script base/check-series.sh ;;
	build-stock)	script base/build.sh stock debian ;;
	build-*)	script base/build.sh hpn "${step#build-}" ;;
	suite-debian)	# suite-threads has all mutations of keys
			UNIT_FAST=yes
			export UNIT_FAST
			step_suite debian "${HPN_SUITE:-full}" 23000 ;;
	suite-rest)	only=${only:-$(rest_of_suite)}
			step_suite debian full 23000 ;;
	suite-threads)	step_suite debian full 23400 'HPNThreads 4
NoneEnabled yes' ;;
	suite-upstream)	step_suite upstream quick 23800 'HPNThreads 0' ;;
	suite-10.3)	only=${only:-$(ours_of 10.3)}
			step_suite 10.3 quick 24200 ;;
	names|circles)	script check/symbols.sh "$step" ;;
	policy)		optional check/policy.sh ;;
	sanitize)	optional check/sanitize.sh ;;
	warnings-*)	step_warnings "${step#warnings-}" ;;
	man)		step_man ;;
	files)		step_files ;;
	options)	script check/options.sh ;;
	many-nodes)	script check/many-nodes.sh ;;
	why)		script lab/why.sh --check ;;
	version)	step_version ;;
	prefixes-*)	script base/check-prefixes.sh "${step#prefixes-}" ;;
	lab)		optional check/lab.sh ;;
	differential)	script check/differential.sh --quick ;;
	differential-full) script check/differential.sh ;;
	deb)		step_deb ;;
	fuzz)		FUZZ_SECONDS=${FUZZ_SECONDS:-600}
			export FUZZ_SECONDS
			script check/policy.sh --fuzz ;;
	*)		die "no step is called $1 (--list names them)" ;;
	esac
}

# ---------------------------------------------------------------------------
# Running them

until=
which=check
named=
usage() {
	sed -n 's/^# usage: /usage: /p;s/^#  *check.sh \(.*\)/       check.sh \1/p' \
	    "$self" | sed 's/   [a-zA-Z].*//' >&2
	exit 2
}
while [ $# -gt 0 ]; do
	case $1 in
	--step)	[ $# = 2 ] || usage
		run_step "$2"
		exit ;;
	--list)	printf '%s\n' $all_steps
		exit 0 ;;
	--full)	which=full ;;
	--rest)	which=rest ;;
	--until)
		[ $# -ge 2 ] || usage
		shift
		until=$1
		case $until in ''|*[!0-9]*) die "--until wants seconds, not '$until'" ;; esac ;;
	-*)	usage ;;
	*)	case " $all_steps " in
		*" $1 "*)	named="$named $1" ;;
		*)	die "no step is called $1 (--list names them)" ;;
		esac ;;
	esac
	shift
done
wanted=" $named "
[ "$wanted" = '  ' ] || which=full
case $which in
check)	setup=$check_setup a=$check_a b=$check_b end=$check_end ;;
rest)	setup=$rest_setup a=$rest_a b=$rest_b end= ;;
full)	setup="$check_setup $rest_setup" a="$check_a $rest_a"
	b="$check_b $rest_b" end=$check_end ;;
esac
# These run here only when they are named, or after a short make check.
case $wanted in *' differential-full '*) b="$b differential-full" ;; esac
case $wanted in *' suite-rest '*) a="$a suite-rest" ;; esac
steps_table "$root/check" >/dev/null || die "check/README.md has no table"

mkdir -p "$out" || die "cannot create $out: is the disk full or not yours?"
rm -rf "$out/result" "$out/pid" "$out/summary" "$out"/*/again
for s in $setup $a $b $end clean; do
	rm -f "$out/$s.log" "$out/$s-again.log" "$out/$s.late"
done
mkdir -p "$out/result" "$out/pid"

# Whatever the steps start inherits this, by which it is found at the end.
HPN_CHECK_ID=$$.$(date +%s)
export HPN_CHECK_ID
t0=$(date +%s)

# What git has to say about the checkout, and what lies in the folders where
# a program that misbehaves would leave something.
outside() {
	if [ -e "$root/.git" ] && command -v git >/dev/null; then
		git -C "$root" status --porcelain 2>/dev/null || :
	fi
	for f in /tmp/*hpn* /tmp/openssh-* /var/tmp/*hpn* /run/*hpn* \
	    /run/keycommand_* /run/principals_command_* /run/sftp_chroot*; do
		[ ! -e "$f" ] || echo "$f"
	done
	# Interfaces that the lab makes, were they in the wrong namespace.
	ip -o link 2>/dev/null | sed -n 's/^[0-9]*: \(lab[^:@]*\).*/link \1/p'
}

# survivors: ids of the processes that the steps left behind: those with our
# mark in their environment, and, because sshd writes over that, those that
# run a program out of build/ and did not before.
survivors() {
	for p in /proc/[0-9]*; do
		case $(readlink "$p/exe" 2>/dev/null) in
		'')		continue ;;
		"$build"/*)	;;
		*)	tr '\0' '\n' <"$p/environ" 2>/dev/null |
			    grep -qxF "HPN_CHECK_ID=$HPN_CHECK_ID" || continue ;;
		esac
		case " $running " in
		*" ${p#/proc/} "*)	;;
		*)	echo "${p#/proc/}" ;;
		esac
	done 2>/dev/null
}

since() {
	echo $(($(date +%s) - t0))
}

# step NAME: run it, if it is wanted; leaves result/NAME, "PASSED FAILED
# SKIPPED SECONDS", and a line on the terminal.
step() {
	name=$1
	if [ "$wanted" != '  ' ]; then
		case $wanted in *" ${name%-again} "*) ;; *) return 0 ;; esac
	fi
	# Nothing can be said of what was not built for want of time.
	if [ -e "$out/result/build-${name##*-}.out" ] &&
	    [ "$name" != "build-${name##*-}" ]; then
		leave_out "$name" 'its build was left out'
		return 0
	fi
	log=$out/$name.log
	began=$(date +%s)
	left=
	if [ -n "$until" ]; then
		left=$((until - (began - t0)))
		needs=$(steps_table "$root/check" |
		    sed -n "s/^$name [a-z]* \([0-9]*\)\$/\1/p")
		# Much of a step is waiting, which a slow machine does as fast.
		needs=$((${needs:-60} * (1 + HPN_SLOWNESS) / 2))
		if [ $needs -gt $left ]; then
			leave_out "$name" "it takes about $needs s, $left s were left"
			return 0
		fi
	fi
	# In a session of its own, so that it can be stopped whole; only deps
	# may have to ask for a password.
	if [ "$name" = deps ]; then
		"$self" --step "$name" >"$log" 2>&1 &
	else
		setsid -w "$self" --step "$name" >"$log" 2>&1 </dev/null &
	fi
	pid=$!
	echo "$name" >"$out/pid/$pid"
	guard=
	if [ -n "$left" ]; then
		(
			sleep "$left"
			: >"$out/$name.late"
			stop_step "$pid"
		) >/dev/null 2>&1 &
		guard=$!
	fi
	rc=0
	wait "$pid" || rc=$?
	rm -f "$out/pid/$pid"
	if [ -n "$guard" ]; then
		# With its sleep, so that nothing of it is left running.
		kill $(cat "/proc/$guard/task/$guard/children" 2>/dev/null) \
		    "$guard" 2>/dev/null || :
		wait "$guard" 2>/dev/null || :
	fi
	if [ -e "$out/$name.late" ]; then
		rm -f "$out/$name.late"
		leave_out "$name" "it was not done after $left s"
		return 0
	fi
	took=$(($(date +%s) - began))
	last=$(grep -v '^[[:space:]]*$' "$log" | tail -n 1 | cut -c 1-160)
	set -- $(printf '%s\n' "$last" | sed -n \
	    's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p')
	if [ $# = 3 ]; then
		[ "$rc" = 0 ] || [ "$2" != 0 ] || set -- "$1" 1 "$3"
	elif [ "$rc" = 77 ]; then
		set -- 0 0 1
	elif [ "$rc" = 0 ]; then
		set -- 1 0 0
	else
		set -- 0 1 0
	fi
	echo "$1 $2 $3 $took" >"$out/result/$name"
	if [ "$2" != 0 ]; then
		how=FAIL
	elif [ "$1" = 0 ] && [ "$3" != 0 ]; then
		how=skip
	else
		how=ok
	fi
	printf '[%4d s] %-4s %s (%d s): %s\n' "$(since)" $how "$name" "$took" \
	    "${last:-no output}"
}

# stop_step PID: end a step with all that it started.
stop_step() {
	# setsid forks where it leads a group already.
	for p in "$1" $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
		kill -TERM "-$p" 2>/dev/null ||
		    kill -TERM "$p" 2>/dev/null || :
	done
}

# leave_out NAME WHY: for want of time; says so, and in the summary again.
leave_out() {
	echo "$2" >"$out/result/$1.out"
	printf '[%4d s] out  %s: %s\n' "$(since)" "$1" "$2"
}

interrupted() {
	trap '' INT TERM HUP
	# The sides first, or they would begin the next step.
	kill $sides 2>/dev/null || :
	for f in "$out"/pid/*; do
		[ -e "$f" ] || continue
		stop_step "${f##*/}"
	done
	sleep 2
	for p in $(survivors); do
		kill -KILL "$p" 2>/dev/null || :
	done
	echo "check: stopped" >&2
	exit $((128 + $1))
}
sides=
trap 'interrupted 1' HUP
trap 'interrupted 2' INT
trap 'interrupted 15' TERM

side() {
	for s in "$@"; do
		step "$s"
	done
}

# set_up STEP...: in their order, but builds last and side by side: much of one
# is configure, which uses one processor.  They share one lock.
set_up() {
	builds=
	for s in "$@"; do
		case $s in
		build-*)	case $wanted in '  '|*" $s "*) builds="$builds $s" ;; esac ;;
		*)		step "$s" ;;
		esac
	done
	[ -n "$builds" ] || return 0
	mkdir -p "$build"
	exec 9>"$build/.lock"
	if command -v flock >/dev/null && ! flock -n 9; then
		echo "waiting for another make in this checkout"
		flock 9
	fi
	# What both begin with, for none to find it half made.
	for s in $builds; do
		base=${s#build-}
		[ "$base" != stock ] || base=debian
		HPN_LOCK_HELD=$root "$root/base/tree.sh" tree "$base" \
		    >/dev/null 2>&1 </dev/null || :
	done
	for s in $builds; do
		(
			trap - INT TERM HUP
			HPN_LOCK_HELD=$root
			export HPN_LOCK_HELD
			step "$s"
		) &
		sides="$sides $!"
	done
	wait $sides || :
	sides=
	exec 9>&-
}

# measure: HPN_SLOWNESS and CHECK_JOBS, where they are not given, by processes
# and, when there are programs to do so, by connections a second.
measure() {
	forks=$(forks_a_second)
	slowness=$(ratio_up $ref_forks "$forks")
	said="$forks processes"
	if [ -x "$build/obj/hpn-debian/sshd-auth" ]; then
		tenths=$(connections_a_second "$build/obj/hpn-debian" \
		    "$out/measure.d") || tenths=0
		# What cannot be had says nothing: the tests will tell.
		if [ "$tenths" -gt 0 ]; then
			by=$(ratio_up $((ref_connections * 10)) "$tenths")
			[ "$by" -le "$slowness" ] || slowness=$by
			said="$said, $((tenths / 10)).$((tenths % 10)) connections"
		fi
	fi
	HPN_SLOWNESS=${given_slowness:-$slowness}
	CHECK_JOBS=${given_jobs:-$(jobs_for "$HPN_SLOWNESS")}
	export HPN_SLOWNESS CHECK_JOBS
	echo "[$(printf %4d "$(since)") s] this machine: $said a second;" \
	    "slowness $HPN_SLOWNESS, $CHECK_JOBS tests at a time"
}
given_slowness=${HPN_SLOWNESS-}
given_jobs=${CHECK_JOBS-}

running=
running=$(echo $(survivors))
before=$(outside)
measure
set_up $setup
[ -z "$a$b" ] || measure
if [ "$HPN_SLOWNESS" -ge $too_slow ] && [ "$wanted" = '  ' ]; then
	case $which in
	check)	HPN_SUITE=quick
		export HPN_SUITE
		b=$(printf ' %s \n' "$b" | sed "s/ $slow_b / /")
		echo "[$(printf %4d "$(since)") s] slow: the quick part of" \
		    "OpenSSH's suite, and all of ours; not $slow_b" ;;
	rest)	a="$slow_a $a" b="$slow_b $b" ;;
	esac
fi
echo "checking side by side; logs in build/check"
(
	trap - INT TERM HUP
	side $a
) &
sides=$!
(
	trap - INT TERM HUP
	renice -n 10 -p "$(sh -c 'echo $PPID')" >/dev/null 2>&1 || :
	side $b
) &
sides="$sides $!"
wait $sides || :

# Tests that measure time may have failed for want of it; nothing else runs now.
again=
for s in $a; do
	[ -s "$out/$s/again" ] && [ -e "$out/result/$s" ] || continue
	step "$s-again"
	read -r p f k took <"$out/result/$s-again"
	rm -f "$out/result/$s-again"
	[ "$f" = 0 ] || continue
	again="$again $s:$(tr ' ' , <"$out/$s/again")"
	read -r p f k took <"$out/result/$s"
	echo "$((p + f)) 0 $k $took" >"$out/result/$s"
done
side $end

# ---------------------------------------------------------------------------
# Nothing is left running, and nothing is left outside build/.

if [ "$wanted" = '  ' ]; then
	log=$out/clean.log
	: >"$log"
	sleep 1
	for p in $(survivors); do
		line=$(tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null) || continue
		[ -n "$line" ] || continue
		echo "left running: $p $line" >>"$log"
		kill -KILL "$p" 2>/dev/null || :
	done
	after=$(outside)
	printf '%s\n' "$before" | sort >"$out/before"
	printf '%s\n' "$after" | sort >"$out/after"
	comm -13 "$out/before" "$out/after" |
	    sed 's/^/left outside build: /' >>"$log"
	rm -f "$out/before" "$out/after"
	if [ -s "$log" ]; then
		echo "0 1 0 0" >"$out/result/clean"
		how=FAIL what=$(head -n 1 "$log")
	else
		echo "1 0 0 0" >"$out/result/clean"
		how=ok what='nothing left running or outside build'
		echo "$what" >"$log"
	fi
	printf '[%4d s] %-4s clean (0 s): %s\n' "$(since)" $how "$what"
fi

# ---------------------------------------------------------------------------
# Summary

passed=0 failed=0 skipped=0 failures=
for s in $setup $a $b $end clean; do
	[ ! -e "$out/result/$s.out" ] || continue
	[ -e "$out/result/$s" ] || {
		[ "$wanted" != '  ' ] && continue
		echo "0 1 0 0" >"$out/result/$s"
		echo "did not run" >"$out/$s.log"
	}
	read -r p f k took <"$out/result/$s"
	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + k))
	[ "$f" = 0 ] || failures="$failures $s"
	if [ "$k" != 0 ]; then
		printf '\n%s skipped:\n' "$s"
		if grep -q '^skipped:$' "$out/$s.log"; then
			sed -n '/^skipped:$/,/^$/{/^  /p;}' "$out/$s.log"
		else
			grep -Ei '^(skip|SKIPPED)|skipped' "$out/$s.log" |
			    grep -v '^[0-9]* passed, ' | sed 's/^/  /' |
			    grep . || sed -n '$s/^/  /p' "$out/$s.log"
		fi
	fi
done
for s in $again; do
	printf '\n%s passed only with the machine to themselves: %s\n' \
	    "${s%%:*}" "${s#*:}"
	grep '^FAIL' "$out/${s%%:*}.log" | sed 's/^/  /'
done
for s in $failures; do
	printf '\nFAIL %s, log build/check/%s.log, which ends:\n' "$s" "$s"
	tail -n 15 "$out/$s.log" | sed 's/^/  | /'
	# What failed can stand far above the end.
	head -n -15 "$out/$s.log" | grep -A 6 '^FAIL' | head -n 20 |
	    sed 's/^/  > /'
done
left_out=
for f in "$out"/result/*.out; do
	[ -e "$f" ] || continue
	[ -n "$left_out" ] || printf '\nleft out for want of time:\n'
	left_out=yes
	s=${f##*/}
	echo "  ${s%.out}: $(cat "$f")"
done
if [ $which = check ]; then
	printf '\nnot in make check, but in make check-full: %s\n' \
	    "$(echo ${HPN_SUITE+$slow_a $slow_b} $rest_setup $rest_a $rest_b)"
fi
rm -rf "$out/result" "$out/pid"

printf '\n%s s\n' "$(since)"
echo "$passed passed, $failed failed, $skipped skipped" | tee "$out/summary"
[ "$failed" = 0 ]
