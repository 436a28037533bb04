#!/bin/sh
# SPDX-License-Identifier: ISC
# Whole transfers of our ssh and sshd under ThreadSanitizer, and under
# AddressSanitizer with UndefinedBehaviorSanitizer: with and without threads
# that seal and open or make keystream, while keys change, sessions come, and
# either side ends or dies.  Data must arrive as they were sent, no process may
# stay behind, and no sanitizer may have anything to say.
#
# usage: check/sanitize.sh [tsan] [asan]     default: both
#
# It compiles copies of the programs of `make build`, with their configuration
# less the sandbox, which knows nothing of what sanitizers ask of the kernel,
# and less compiler options that do what sanitizers do.  Everything it makes
# lies below build/check/sanitize; objects stay, so that the next run compiles
# only what changed.
#
# CC            the compiler (default: gcc if its sanitizers work, else clang)
# TESTS         which of: ciphers rekey ring compression sessions death end
#               auto (default: all)
# BASE          debian (default) or upstream
# JOBS          compilers at a time (default: the number of processors)
#
# Memory that is not freed is not looked at: stock's ssh and sshd leave much of it
# to the kernel when they end.  One report is suppressed, of code that is stock's:
# the monitor's handler passes a signal on with kill(2) and does not keep errno,
# which TSan sees when the signal of this test's end finds no child any more.
# TSan looks away in the child of a process that has threads, so that a client
# which goes to the background with threads is tested by ASan, and by its data,
# alone.
#
# Last line: `N passed, N failed, N skipped`.  Exit status: 0 if nothing failed,
# 1 if something did, 2 for bad usage, 77 if no sanitizer works here.

set -eu
umask 022

root=$(cd "$(dirname "$0")/.." && pwd)
work=$root/build/check/sanitize
BASE=${BASE:-debian}
tree=$root/build/tree/$BASE
obj=$root/build/obj/hpn-$BASE

for kind; do
	case $kind in
	tsan|asan)	;;
	*)	sed -n 's/^# usage: /usage: /p' "$0" >&2
		exit 2 ;;
	esac
done
kinds=${*:-tsan asan}
all_tests='ciphers rekey ring compression sessions death end auto'
for t in ${TESTS-}; do
	case " $all_tests " in
	*" $t "*)	;;
	*)	echo "sanitize: no test is called $t: $all_tests" >&2
		exit 2 ;;
	esac
done

for tool in cmp make timeout; do
	command -v "$tool" >/dev/null || {
		echo "sanitize: $tool is not installed: base/deps.sh check" \
		    "installs it"
		exit 1
	}
done
[ -f "$obj/config.h" ] && [ -x "$obj/ssh-keygen" ] &&
    [ -f "$tree/includes.h" ] || {
	echo "sanitize: build/obj/hpn-$BASE is not built: run make build first"
	exit 1
}
mkdir -p "$work" || {
	echo "sanitize: cannot make $work: is the disk full or not yours?" >&2
	exit 2
}
cd "$work"
ulimit -c 0 2>/dev/null || :
# ssh runs its ProxyCommand with it, sshd the user's own
SHELL=/bin/sh
export SHELL
unset SSH_AUTH_SOCK SSH_ASKPASS DISPLAY 2>/dev/null || :

. "$root/check/lib.sh"

# ours: the programs under test that run, as "PID NAME".  A process that has
# died but was not waited for has no program any more.
ours() {
	for p in $(ls -l /proc/[0-9]*/exe 2>/dev/null | sed -n \
	    "s|.* /proc/\([0-9]*\)/exe -> $work/[^/]*/\([a-z-]*\)\$|\1:\2|p")
	do
		echo "${p%%:*} ${p#*:}"
	done
}
kill_ours() {
	ours | while read -r p _; do
		kill -KILL "$p" 2>/dev/null || :
	done
}
trap kill_ours EXIT
trap 'exit 130' INT TERM HUP

fixed_addresses

# ---------------------------------------------------------------------------
# Compilers, and that a report would be seen

# Compiled with warnings off: they are wrong on purpose.
echo signal:monitor_child_handler >stock.tsan
faulty_sources

# What each sanitizer needs, and the faults that it must report.
flags_of() {
	case $1 in
	tsan)	echo '-fsanitize=thread' ;;
	asan)	echo '-fsanitize=address,undefined' ;;
	esac
}
# link_of KIND COMPILER: gcc's two shared libraries would not agree on where
# reports go.
link_of() {
	case $1.$($2 --version) in
	asan.*clang*|tsan.*)	;;
	asan.*)	echo '-static-libasan -static-libubsan' ;;
	esac
}
faults_of() {
	case $1 in
	tsan)	echo race ;;
	asan)	echo 'beyond overflow' ;;
	esac
}

# options KIND PREFIX: reports go to files PREFIX.PID.  The programs go on, so
# that one run shows all that is wrong.
options() {
	case $1 in
	tsan)	TSAN_OPTIONS="die_after_fork=0:halt_on_error=0"
		TSAN_OPTIONS="$TSAN_OPTIONS:second_deadlock_stack=1"
		TSAN_OPTIONS="$TSAN_OPTIONS:history_size=4:log_path=$2"
		TSAN_OPTIONS="$TSAN_OPTIONS:suppressions=$work/stock.tsan"
		export TSAN_OPTIONS ;;
	asan)	ASAN_OPTIONS="detect_leaks=0:strict_string_checks=1"
		ASAN_OPTIONS="$ASAN_OPTIONS:detect_stack_use_after_return=1"
		ASAN_OPTIONS="$ASAN_OPTIONS:log_path=$2"
		UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=0:log_path=$2"
		export ASAN_OPTIONS UBSAN_OPTIONS ;;
	esac
}

# usable KIND COMPILER: a sound program runs, each fault gives a report.
usable() {
	command -v "${2%% *}" >/dev/null || {
		echo "$2 is not installed"
		return 1
	}
	options "$1" "$work/proof"
	for f in sound $(faults_of "$1"); do
		rm -f proof.[0-9]*
		$2 -w -O1 -g $(flags_of "$1") $(link_of "$1" "$2") \
		    -o "proof-$f" "$f.c" -lpthread || return 1
		rc=0
		# The argument makes it race.
		if [ "$f" = race ]; then
			$fixed "./proof-$f" twice || rc=$?
		else
			$fixed "./proof-$f" || rc=$?
		fi
		set -- "$1" "$2" proof.[0-9]*
		if [ "$f" = sound ]; then
			[ "$rc" = 0 ] && [ ! -e "$3" ] || {
				echo "$2: a sound program gave $rc"
				return 1
			}
		elif ! grep -Eq 'WARNING|ERROR|runtime error' "$3"; then
			echo "$2: no report of $f.c"
			return 1
		fi
	done
}

# compiler KIND: sets cc; false if there is none.
compiler() {
	: >"compiler-$1.log"
	for cc in "${CC:-gcc}" ${CC:+''} clang cc; do
		[ -n "$cc" ] || break
		if (usable "$1" "$cc") >>"compiler-$1.log" 2>&1; then
			rm -f proof.[0-9]* proof-*
			return 0
		fi
	done
	rm -f proof.[0-9]* proof-*
	return 1
}

# ---------------------------------------------------------------------------
# The programs

programs='ssh sshd sshd-session sshd-auth'

# compile KIND: in folder KIND, with the build's own configuration.
compile() {
	san="-O1 -g $(flags_of "$1") -fno-omit-frame-pointer"
	new=$1.new
	rm -rf "$new"
	mkdir -p "$new/openbsd-compat"
	sed 's/^#define SANDBOX_SECCOMP_FILTER .*/#define SANDBOX_NULL 1/' \
	    "$obj/config.h" >"$new/config.h"
	for m in Makefile openbsd-compat/Makefile; do
		sed "s|^CC=.*|CC=$cc|
		    s|^LD=.*|LD=$cc|
		    /^LDFLAGS=/s|\$| $(flags_of "$1") $(link_of "$1" "$cc")|
		    /^CFLAGS/{
			s/ -W[^ ]*//g
			s/ -O[0-9s]//g
			s/ -D_FORTIFY_SOURCE=[0-9]//
			s/ -ftrapv//
			s/ -fzero-call-used-regs=[a-z]*//
			s/ -ftrivial-auto-var-init=[a-z]*//
			s/ -fstack-protector[a-z-]*//
			s|\$| -w $san|
		    }" "$obj/$m" >"$new/$m"
	done
	$cc --version >"$new/compiler" 2>&1
	for f in config.h Makefile openbsd-compat/Makefile compiler; do
		cmp -s "$new/$f" "$1/$f" && continue
		rm -rf "$1"
		mv "$new" "$1"
		break
	done
	rm -rf "$new"
	(
		cd "$1"
		unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES DESTDIR \
		    PREFIX 2>/dev/null || :
		make --no-print-directory -f "$root/base/obj.mk" \
		    -j "${JOBS:-$(getconf _NPROCESSORS_ONLN)}" $programs
	) >"make-$1.log" 2>&1 </dev/null
}

# ---------------------------------------------------------------------------
# Running them

# configure "SSH OPTION LINES" "SSHD OPTION LINES": these come first and win.
configure() {
	{
		printf '%s\n' "$2"
		cat <<-END
		HostKey $run/hostkey
		AuthorizedKeysFile $run/userkey.pub
		PidFile none
		StrictModes no
		UsePAM no
		PermitRootLogin yes
		KbdInteractiveAuthentication no
		PasswordAuthentication no
		LogLevel DEBUG1
		SshdSessionPath $bin/sshd-session
		SshdAuthPath $bin/sshd-auth
		END
	} >sshd_config
	{
		printf '%s\n' "$1"
		cat <<-END
		IdentityFile $run/userkey
		IdentitiesOnly yes
		UserKnownHostsFile $run/known_hosts
		GlobalKnownHostsFile none
		StrictHostKeyChecking yes
		UpdateHostKeys no
		PreferredAuthentications publickey
		LogLevel DEBUG1
		ProxyCommand $bin/sshd -i -f $run/sshd_config -E $run/server.log
		END
	} >ssh_config
	rm -f client.log server.log
	wrong=
}

# Every ssh ends within five minutes, or something hangs.  Sanitizers make it ten
# times as slow, and whatever else the machine does comes on top.
client() {
	timeout -k 5 300 $fixed "$bin/ssh" -F ssh_config -E client.log "$@"
}

# wrong WHY: this test has failed; it goes on to its end.
is_wrong() {
	wrong="${wrong:+$wrong; }$*"
}

# same FILE FILE
same() {
	cmp "$1" "$2" >cmp.out 2>&1 || is_wrong "data differ: $(cat cmp.out)"
}

# threads SIDE N: whether it has said that so many seal, and open.
threads() {
	for what in seals opens; do
		said=$(sed -n "s/.*hpn_workers_$what: .*: \([0-9]*\) threads.*/\1/p" \
		    "$1.log" | sort -u | tr '\n' ' ')
		case $2.$said in
		0.|"$2.$2 ")	;;
		*)	is_wrong "$1 $what with ${said:-no }threads, not $2" ;;
		esac
	done
}

# gone: all processes have ended, so all reports are written.  They have a
# minute: a report of a process that was killed under load takes long to write.
gone() {
	i=0
	while left=$(ours) && [ -n "$left" ]; do
		i=$((i + 1))
		if [ "$i" -gt 600 ]; then
			is_wrong "still running:" $left
			kill_ours
			return
		fi
		sleep .1
	done
}

# verdict NAME: of the test that ends here.
verdict() {
	gone
	nr=$((nr + 1))
	for f in report.[0-9]*; do
		[ -e "$f" ] || continue
		mv "$f" "$nr.$f"
		is_wrong "reported: $(grep -m 1 -E \
		    'WARNING|ERROR|SUMMARY|runtime error' "$nr.$f" ||
		    head -n 1 "$nr.$f") (build/check/sanitize/$kind.run/$nr.$f)"
	done
	if [ -z "$wrong" ]; then
		ok "$kind: $1"
		return
	fi
	bad "$kind: $1: $wrong"
	for f in "$nr".report.* ; do
		[ ! -e "$f" ] || head -n 60 "$f" | sed 's/^/      | /'
	done
	for f in client.log server.log; do
		[ ! -e "$f" ] || cp "$f" "$nr.$f"
		[ ! -e "$f" ] || grep -v '^debug[123]: ' "$f" | tail -n 5 |
		    sed "s/^/      | $f: /"
	done
}

# echoed "SSH OPTION LINES" "SSHD OPTION LINES": both directions at once.
echoed() {
	configure "$1" "$2"
	client host cat <data >copy || is_wrong "exit status $?"
	same data copy
}

# cipher NAME [MAC]: sets lines; false where this libcrypto has it not.
cipher() {
	"$bin/ssh" -Q cipher | grep -qxF "$1" || {
		skip "$kind: $1: libcrypto has it not"
		return 1
	}
	lines="Ciphers $1${2:+
MACs $2}"
}

# Ways to have threads: so many that seal and as many that open, or (ring:N)
# that make keystream.
# lines_of WAY: the lines that ask for it.
lines_of() {
	case $1 in
	ring:*)	printf 'Ciphers aes128-ctr\nHPNThreads %s\n' "$1" ;;
	*)	printf 'HPNThreads %s\n' "$1" ;;
	esac
}
# at_work SIDE WAY: whether it has threads in both directions.
at_work() {
	case $2 in
	ring:*)	n=$(grep -c "ring_new: ${2#*:} of ${2#*:} keystream threads" \
		    "$1.log" 2>/dev/null || :) ;;
	*)	n=$(sed -n "s/.*hpn_workers_\([a-z]*\): .*: $2 threads.*/\1/p" \
		    "$1.log" 2>/dev/null | sort -u | wc -l) ;;
	esac
	[ "${n:-0}" -ge 2 ]
}
both_at_work() {
	at_work client "$1" || is_wrong "the client has no threads ($1)"
	at_work server "$1" || is_wrong "the server has no threads ($1)"
}

# began WAY: sets pid, of the session's process, once its command wrote it and
# both sides have threads; false if they end before.
began() {
	i=0
	until [ -s pid ] && at_work client "$1" && at_work server "$1"; do
		i=$((i + 1))
		# It may not have begun at first.
		[ "$i" -le 20 ] || [ -n "$(ours)" ] || {
			is_wrong 'the connection has ended by itself'
			return 1
		}
		[ "$i" -le 1200 ] || {
			is_wrong "no session with threads at both ends ($1)"
			return 1
		}
		sleep .1
	done
	pid=$(cat pid)
}

# rekeyed SIDE TIMES: that it has had new keys so often at least.
rekeyed() {
	n=$(grep -c 'SSH2_MSG_NEWKEYS sent' "$1.log" || :)
	[ "$n" -ge "$2" ] || is_wrong "the $1 had new keys $n times only"
}

# Every cipher, with threads at both ends or without.
test_ciphers() {
	for pair in aes128-gcm@openssh.com: chacha20-poly1305@openssh.com: \
	    aes128-ctr:umac-64-etm@openssh.com aes128-ctr:hmac-sha2-256; do
		cipher "${pair%%:*}" "${pair#*:}" || continue
		for n in 0 1 4 8; do
			echoed "$lines
HPNThreads $n" "HPNThreads $n"
			threads client "$n"
			threads server "$n"
			verdict "${pair%:}, HPNThreads $n"
		done
	done
}

# New keys under full load, at the wish of one side.
test_rekey() {
	for pair in aes128-gcm@openssh.com: chacha20-poly1305@openssh.com: \
	    aes128-ctr:umac-64-etm@openssh.com; do
		cipher "${pair%%:*}" "${pair#*:}" || continue
		echoed "$lines
HPNThreads 4
RekeyLimit 1M" 'HPNThreads 1'
		threads client 4
		threads server 1
		rekeyed client 8
		verdict "${pair%:}, RekeyLimit 1M of the client"

		echoed "$lines
HPNThreads 2" 'HPNThreads 8
RekeyLimit 1M'
		threads client 2
		threads server 8
		rekeyed server 8
		verdict "${pair%:}, RekeyLimit 1M of the server"
	done
}

# Keystream that threads make ahead of time.  They begin after a MiB with a key.
test_ring() {
	for pair in aes128-ctr:umac-64-etm@openssh.com aes256-ctr:hmac-sha2-256
	do
		cipher "${pair%%:*}" "${pair#*:}" || continue
		echoed "$lines
HPNThreads ring:2" 'HPNThreads ring:2'
		both_at_work ring:2
		verdict "$pair, HPNThreads ring:2"

		echoed "$lines
HPNThreads ring:2
RekeyLimit 3M" 'HPNThreads ring:4'
		at_work client ring:2 || is_wrong 'the client has no ring'
		at_work server ring:4 || is_wrong 'the server has no ring'
		rekeyed client 3
		verdict "$pair, HPNThreads ring:2 and ring:4, RekeyLimit 3M"
	done
}

test_compression() {
	for limit in default 1M; do
		echoed "Compression yes
RekeyLimit $limit
HPNThreads 4" 'HPNThreads 4'
		threads client 4
		threads server 4
		grep -q 'Enabling compression\|Enabling zstd' client.log ||
		    is_wrong 'nothing was compressed'
		verdict "compression, RekeyLimit $limit"
	done
}

# Threads that come, and may go, in the middle of a transfer.  Whether they do
# is up to the machine.
test_auto() {
	configure 'HPNThreads auto' 'HPNThreads auto'
	head -c 300000000 /dev/zero |
	    client host 'cat >/dev/null; head -c 300000000 /dev/zero' >copy ||
	    is_wrong "exit status $?"
	head -c 300000000 /dev/zero | cmp -s - copy || is_wrong 'data differ'
	rm -f copy
	verdict 'HPNThreads auto'
}

# Sessions at once on one connection: sshd forks for each, with threads at work.
sessions() {
	jobs=
	for s in 1 2 3 4; do
		client -S ctl host cat <data >copy.$s &
		jobs="$jobs $!"
		client -S ctl host true || is_wrong "a short session gave $?"
	done
	for j in $jobs; do
		wait "$j" || is_wrong "a session gave $?"
	done
	for s in 1 2 3 4; do
		same data copy.$s
	done
	rm -f copy.[1-4]
	client -S ctl -O exit host 2>/dev/null ||
	    is_wrong "the connection's end gave $?"
}
# connected: once the connection's socket is there.
connected() {
	i=0
	until [ -S ctl ]; do
		i=$((i + 1))
		[ "$i" -le 1200 ] || {
			is_wrong 'no connection to share'
			return
		}
		sleep .1
	done
}
test_sessions() {
	for way in 4 ring:2; do
		for more in '' 'RekeyLimit 4M'; do
			configure "$(lines_of $way)
$more" "$(lines_of $way)"
			client -M -S ctl -N host >/dev/null 2>&1 &
			master=$!
			connected
			sessions
			wait "$master" || :
			both_at_work $way
			verdict "sessions, HPNThreads $way${more:+, $more}"
		done
		# The client itself forks, and its child goes on.
		configure "$(lines_of $way)
ControlMaster auto
ControlPath $run/ctl
ControlPersist yes" "$(lines_of $way)"
		client host cat <data >copy || is_wrong "exit status $?"
		same data copy
		connected
		sessions
		both_at_work $way
		verdict "sessions, HPNThreads $way, client in the background"
	done
}

# Either side ends or dies while data flow both ways.
test_death() {
	for way in 4 ring:2; do
		for death in 'KILL client' 'KILL server' 'TERM client' \
		    'TERM server'; do
			configure "$(lines_of $way)" "$(lines_of $way)"
			rm -f pid
			# The session's process is the parent of its command.
			$fixed "$bin/ssh" -F ssh_config -E client.log host \
			    "echo \$PPID >$run/pid.new; mv $run/pid.new" \
			    "$run/pid; exec cat" \
			    </dev/zero >/dev/null 2>&1 &
			client=$!
			if began $way; then
				sleep .2
				case $death in
				*client)	kill -${death% *} $client ;;
				*server)	kill -${death% *} "$pid" ;;
				esac
			else
				kill_ours
			fi
			# Else wait would wait for what hangs.
			gone
			wait $client 2>/dev/null || :
			verdict "SIG${death% *} to the ${death#* }, HPNThreads $way"
		done
	done
}

# Whoever reads stops to, in the middle of it all.
test_end() {
	head -c 1000000 data >some
	for n in 0 4; do
		configure "HPNThreads $n" "HPNThreads $n"
		client host "cat $run/data $run/data" | head -c 1000000 >copy ||
		    :
		same some copy
		threads server "$n"
		verdict "the client's reader ends, HPNThreads $n"

		configure "HPNThreads $n" "HPNThreads $n"
		cat data data 2>/dev/null |
		    client host 'head -c 1000000' >copy ||
		    is_wrong "exit status $?"
		same some copy
		threads client "$n"
		verdict "the server's reader ends, HPNThreads $n"
	done
}

for kind in $kinds; do
	bin=$work/$kind
	cd "$work"
	if ! compiler "$kind"; then
		skip "$kind: no compiler that has it:" \
		    "$(grep . "compiler-$kind.log" | tail -n 1)"
		continue
	fi
	ok "$kind: $cc reports $(faults_of "$kind")"
	if ! compile "$kind"; then
		bad_log "make-$kind.log" "$kind: does not compile"
		continue
	fi
	run=$work/$kind.run
	rm -rf "$run"
	mkdir "$run"
	cd "$run"
	nr=0
	head -c 16000000 /dev/urandom >data
	for k in hostkey userkey; do
		"$obj/ssh-keygen" -q -t ed25519 -N '' -C '' -f $k
	done
	sed 's/^/host /' hostkey.pub >known_hosts
	options "$kind" "$run/report"
	for t in ${TESTS:-$all_tests}; do
		t0=$(date +%s)
		test_$t
		echo "      $kind: $t took $(($(date +%s) - t0)) s"
	done
	rm -f data copy some
done
counts || exit 1
[ "$passed" != 0 ] || exit 77
