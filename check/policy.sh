#!/bin/sh
# SPDX-License-Identifier: ISC
# Test the modules that decide (src/hpn-window.c and the like) and those that
# run threads (src/hpn-engine.c, src/hpn-crypt.c) on their own: strict warnings,
# unit tests under ASan and UBSan, those of threads under TSan too, mutants that
# the tests must notice, and a short fuzz.  Everything it makes lies below
# build/check/policy.
#
# usage: check/policy.sh [--fuzz]        --fuzz: the fuzz targets alone
#
# CC            the compiler (default: clang if its sanitizers work, else gcc)
# TREE, OBJ     the fork tree and its built object folder (default: those of
#               `make build`, if they are there).  Modules that need the tree,
#               hpn-buf.c and hpn-crypt.c among them, are skipped here without
#               it and tested in the tree's own `make unit` alone.
# BASE          whose tree is the default: debian (default) or upstream
# FUZZ_SECONDS  how long to fuzz, all targets together (default 20)
#
# Last line: `N passed, N failed, N skipped`, where each unit test counts.
# Exit status: 0 if nothing failed, 1 if something did, 2 for bad usage.

set -eu
umask 022

root=$(cd "$(dirname "$0")/.." && pwd)
src=$root/src
unit=$root/regress/unittests/hpn
fuzz=$root/regress/fuzz
alone=$fuzz/standalone

work_name=policy fuzz_only=false
if [ "$*" = --fuzz ]; then
	work_name=fuzz fuzz_only=true
elif [ $# != 0 ]; then
	sed -n 's/^# usage: /usage: /p' "$0" >&2
	exit 2
fi
work=$root/build/check/$work_name
FUZZ_SECONDS=${FUZZ_SECONDS:-20}
case $FUZZ_SECONDS in
''|*[!0-9]*)
	echo "policy: FUZZ_SECONDS is '$FUZZ_SECONDS': give whole seconds" >&2
	exit 2 ;;
esac
BASE=${BASE:-debian}
if [ -z "${TREE-}${OBJ-}" ]; then
	TREE=$root/build/tree/$BASE
	OBJ=$root/build/obj/hpn-$BASE
	given=false
else
	TREE=${TREE-} OBJ=${OBJ-}
	given=true
fi
if [ -f "$TREE/includes.h" ] && [ -f "$OBJ/config.h" ] &&
    [ -f "$OBJ/libssh.a" ]; then
	with_tree=true
	TREE=$(cd "$TREE" && pwd) OBJ=$(cd "$OBJ" && pwd)
elif $given; then
	echo "policy: TREE must be a fork tree and OBJ the folder that it was" \
	    "built in: give both, or neither" >&2
	exit 2
else
	with_tree=false
fi

rm -rf "$work"
mkdir -p "$work" || {
	echo "policy: cannot make $work: is the disk full or not yours?" >&2
	exit 2
}
cd "$work"
ulimit -c 0 2>/dev/null || :	# the mutants abort
child=
trap 'trap - INT TERM HUP; [ -z "$child" ] || kill "$child" 2>/dev/null || :
    exit 130' INT TERM HUP

. "$root/check/lib.sh"

# run LOG COMMAND...: in the background, so that a signal reaches us at once.
run() {
	log=$1
	shift
	rc=0
	"$@" >"$log" 2>&1 </dev/null &
	child=$!
	wait "$child" || rc=$?
	child=
	return "$rc"
}

san='-fsanitize=address,undefined -fno-sanitize-recover=all'
san="$san -fno-omit-frame-pointer"
warn='-Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wpointer-arith'
warn="$warn -Wundef -Werror"
# -I test_helper: where "../test_helper/test_helper.h" is found
include="-I$src -I$unit -I$alone -I$alone/test_helper"
# The tree's headers as system headers: their warnings are not ours.
tree_flags="-D_GNU_SOURCE -D_DEFAULT_SOURCE -DHAVE_CONFIG_H $include
    -isystem $OBJ -isystem $TREE"
# Without the tree, our stand-in for its includes.h.
include="$include -I$alone/include"

fixed_addresses
# Tests ask for too much memory on purpose.
ASAN_OPTIONS=abort_on_error=1:detect_leaks=1:allocator_may_return_null=1
UBSAN_OPTIONS=print_stacktrace=1
# The child of a fork may start threads of its own: so do the tests.
TSAN_OPTIONS=halt_on_error=1:die_after_fork=0
export ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS

# ---------------------------------------------------------------------------
# A compiler whose sanitizers stop a program that overflows

faulty_sources
usable() {
	command -v "${1%% *}" >/dev/null || return 1
	for f in sound overflow beyond; do
		$1 -O1 -g $san -o "$f" "$f.c" 2>>compiler.log || return 1
	done
	(
		$fixed ./sound || exit 1
		! $fixed ./overflow || exit 1
		! $fixed ./beyond || exit 1
	) >>compiler.log 2>&1
}
found=
for cc in "${CC:-clang}" ${CC:+''} gcc cc; do
	[ -n "$cc" ] || break
	if usable "$cc"; then
		found=$cc
		break
	fi
done
if [ -z "$found" ]; then
	bad_log compiler.log "no compiler with working sanitizers" \
	    "(${CC:-clang, gcc}): on Debian, apt-get install gcc, or clang" \
	    "and libclang-rt-dev"
	echo "$passed passed, $failed failed, $skipped skipped"
	exit 1
fi
cc=$found
ok "sanitizers of $cc stop an overflow and a read beyond the end"

alone_modules="hpn-window hpn-rtt hpn-sftp-window hpn-tcp hpn-none"
alone_modules="$alone_modules hpn-workers-auto hpn-engine"
alone_modules="$alone_modules hpn-cpus hpn-resume hpn-lanes hpn-connect
    hpn-connections hpn-guess hpn-ciphers hpn-happy hpn-pace hpn-why hpn-report
    hpn-why-wire hpn-report-file"
alone_modules="$alone_modules hpn-dm-buf hpn-dm-manifest hpn-dm-opts hpn-dm-plan"
alone_modules="$alone_modules hpn-dm-wait hpn-dm-frame hpn-choose hpn-names hpn-wish
    hpn-zstd"
if ! $fuzz_only; then
# ---------------------------------------------------------------------------
# The modules compile without the tree, and without a warning

# -fno-pie: a constant table of names is read-only then, and so it says.
for other in gcc clang; do
	command -v "$other" >/dev/null || continue
	for m in $alone_modules; do
		if run "$m-$other.log" $other -O2 -fno-pie $warn -c -o "$m-$other.o" \
		    "$src/$m.c"; then
			ok "$m.c compiles alone, no warning ($other)"
		else
			bad_log "$m-$other.log" "$m.c alone ($other)"
		fi
	done
done
# Policy has no sockets, clocks, allocation or globals.
for m in hpn-window hpn-rtt hpn-sftp-window hpn-none hpn-resume hpn-lanes \
    hpn-connect hpn-connections hpn-guess hpn-ciphers hpn-happy hpn-pace \
    hpn-dm-buf hpn-dm-manifest hpn-dm-opts hpn-dm-plan hpn-dm-wait hpn-dm-frame \
    hpn-choose hpn-names hpn-wish hpn-why hpn-why-wire hpn-zstd; do
	set -- "$m"-*.o
	[ -e "$1" ] || continue
	outside=$(nm -u "$1" | awk '{ print $NF }' |
	    grep -Ev '^(_GLOBAL_OFFSET_TABLE_|mem(set|cpy|move|cmp|chr)|bcmp|str[a-z]+|hpn_dm_plan_[a-z_]+|__stack_chk_fail)$' |
	    tr '\n' ' ')
	state=$(nm "$1" | awk '$2 ~ /^[bBdDC]$/ { print $3 }' | tr '\n' ' ')
	if [ -z "$outside$state" ]; then
		ok "$m.c calls nothing outside and keeps nothing"
	else
		bad "$m.c is policy, but uses: $outside$state"
	fi
done

fi

# ---------------------------------------------------------------------------
# Unit tests under sanitizers

alone_tests="window rtt sftp_window resume lanes connect connections guess ciphers happy pace dm tcp none wish"
alone_tests="$alone_tests workers_auto engine links why report why_wire zstd"
tree_tests='buf options rekey none_mac crypt sftp_server hash handles zstd_stream dm_flow'
# runner NAME TESTS: NAME.c, which runs these
runner() {
	{
		printf 'void tests(void);\n'
		for t in $2; do
			printf 'void test_%s(void);\n' "$t"
		done
		printf 'void tests(void)\n{\n'
		for t in $2; do
			printf '\ttest_%s();\n' "$t"
		done
		printf '}\n'
	} >"$1.c"
}
tab=$(printf '\t')
# in_files BEFORE NAMES AFTER: the names as files
in_files() {
	for f in $2; do
		printf '%s ' "$1$f$3"
	done
}
# single_fault MODULE OLD NEW FILE: the module with NEW for OLD, which is there once
single_fault() {
	LC_ALL=C awk -v old="$2" -v new="$3" '
		(i = index($0, old)) != 0 {
			found++
			$0 = substr($0, 1, i - 1) new \
			    substr($0, i + length(old))
		}
		{ print }
		END { exit found != 1 }' "$src/$1.c" >"$4"
}
helper=$alone/test_helper/test_helper.c
tests="$(in_files "$unit/test_" "$alone_tests" .c) $unit/sim.c $helper"
modules=$(in_files "$src/" "$alone_modules" .c)
# A number in an assertion may be of either sign.
test_warn="$warn -Wno-sign-conversion"

# unit_tests NAME: run program NAME; each test counts.
unit_tests() {
	if run "$1.log" $fixed "./$1"; then
		n=$(sed -n 's/^\([0-9]*\) tests ok$/\1/p' "$1.log")
		if [ "${n:-0}" -gt 0 ]; then
			echo "ok    $1: $n unit tests"
			passed=$((passed + n))
			return
		fi
	fi
	bad_log "$1.log" "$1"
}

if $fuzz_only; then
	:
elif $with_tree; then
	# They run below, with those that need the tree.
	if run syntax-unit.log $cc -fsyntax-only $test_warn -D_GNU_SOURCE \
	    $include $tests; then
		ok "unit tests of modules alone compile without the tree"
	else
		bad_log syntax-unit.log "unit tests: do not compile without the tree"
	fi
else
	runner run-unit "$alone_tests"
	if run build-unit.log $cc -O1 -g $san $test_warn -D_GNU_SOURCE $include \
	    -o unit run-unit.c $tests $modules -lpthread; then
		unit_tests unit
	else
		bad_log build-unit.log "unit tests: do not compile"
	fi
fi

# What of the tree our modules call, where it is wanted sanitized: objects in
# folder FOLDER, made with these flags: tree_objects FOLDER FILES FLAGS.
compat='fmt_scaled freezero explicit_bzero strlcpy strtonum'
crypto='cipher cipher-aes cipher-aesctr cipher-chachapoly
    cipher-chachapoly-libcrypto chacha poly1305 rijndael mac hmac umac umac128
    digest-openssl ssherr'
tree_objects() {
	objects=$1 files=$2
	shift 2
	mkdir -p "$objects"
	for f in $files; do
		for c in "$TREE/$f.c" "$TREE/openbsd-compat/$f.c"; do
			[ ! -f "$c" ] || run "$objects/$f.log" $cc -O1 -g "$@" \
			    -w $tree_flags -c -o "$objects/$f.o" "$c" || {
				bad_log "$objects/$f.log" "$f.c of the tree"
				return 1
			}
		done
	done
}
# The rest of it as it was built.
libs="$OBJ/libssh.a $OBJ/openbsd-compat/libopenbsd-compat.a"
libs="$libs $libs -lcrypto -lz -lpthread"
! $with_tree ||
    libs="$libs $(sed -n 's/^LIBS=//p;s/^XXHASHLIBS=//p
        s/^CHANNELLIBS=//p' "$OBJ/Makefile")"
tree_modules='hpn-buf hpn-chachapoly-cipher hpn-options hpn-rekey hpn-none-mac hpn-crypt hpn-sftp-server hpn-hash
    hpn-sftp-hash hpn-zstd-stream hpn-pipe hpn-dm-flow'

if ! $fuzz_only; then
if $with_tree; then
	runner run-unit-tree "$alone_tests $tree_tests"
	if ! tree_objects compat "$compat" $san; then
		:
	elif run build-unit-tree.log $cc -O1 -g $san $test_warn -Wno-undef \
	    $tree_flags -o unit-tree run-unit-tree.c $tests \
	    $(in_files "$unit/test_" "$tree_tests" .c) $modules \
	    $(in_files "$src/" "$tree_modules" .c) compat/*.o \
	    "$OBJ/ssh-sk-client.o" $libs; then
		unit_tests unit-tree
	else
		bad_log build-unit-tree.log "unit tests in the tree:" \
		    "do not compile"
	fi
else
	skip "modules that need the tree: none built in build/tree/$BASE" \
	    "(make build makes it, or give TREE and OBJ)"
fi

# ---------------------------------------------------------------------------
# Threads: the engine and its jobs under ASan, UBSan and TSan

tsan='-fsanitize=thread -fno-omit-frame-pointer'
tsan_cc=
for other in "$cc" gcc clang; do
	if command -v "${other%% *}" >/dev/null &&
	    $other -O1 -g $tsan -o race race.c 2>>tsan.log &&
	    $fixed ./race >>tsan.log 2>&1 &&
	    ! $fixed ./race twice >>tsan.log 2>&1; then
		tsan_cc=$other
		break
	fi
done
runner only-engine engine
runner only-crypt crypt

# threads NAME FLAGS: build and run with these sanitizers.
threads() {
	name=$1
	shift
	if run "build-engine-$name.log" $cc -O1 -g "$@" $warn -D_GNU_SOURCE \
	    $include -o "engine-$name" only-engine.c "$unit/test_engine.c" \
	    $helper "$src/hpn-engine.c" "$src/hpn-cpus.c" -lpthread; then
		unit_tests "engine-$name"
	else
		bad_log "build-engine-$name.log" "engine-$name: does not compile"
	fi
	$with_tree || return 0
	tree_objects "tree-$name" "$compat $crypto" "$@" || return 0
	if run "build-crypt-$name.log" $cc -O1 -g "$@" $warn -Wno-undef \
	    $tree_flags -o "crypt-$name" only-crypt.c "$unit/test_crypt.c" \
	    $helper "$src/hpn-engine.c" "$src/hpn-crypt.c" \
	    "tree-$name"/*.o $libs; then
		unit_tests "crypt-$name"
	else
		bad_log "build-crypt-$name.log" "crypt-$name: does not compile"
	fi
}
threads asan $san
if [ -n "$tsan_cc" ]; then
	ok "TSan of $tsan_cc sees a race"
	asan_cc=$cc cc=$tsan_cc
	threads tsan $tsan
	cc=$asan_cc
else
	bad_log tsan.log "no compiler with a working thread sanitizer:" \
	    "on Debian, apt-get install gcc"
fi

# ---------------------------------------------------------------------------
# The tests notice a policy that is wrong, the simulation by itself

runner links links
runner windows 'window rtt tcp links'
# common DIR SOURCES: what all mutants share, compiled once.
common() {
	mkdir -p "$1"
	(cd "$1" && shift && run "$work/common.build" $cc -O2 $include -c "$@")
}
# mutant NAME OBJECTS: build it; true when the tests pass all the same.
mutant() {
	run "mutant-$1.build" $cc -O2 -DMUTANT="$1" $include -o "mutant-$1" \
	    $2 "$fuzz/mutant.c" || {
		bad_log "mutant-$1.build" "mutant $1: does not compile"
		return 2
	}
	run "mutant-$1.log" "./mutant-$1"
}
common common "$work/links.c" "$unit/test_links.c" "$unit/sim.c" "$helper" \
    "$src/hpn-rtt.c" "$src/hpn-tcp.c" &&
    common common/windows "$work/windows.c" "$unit/test_window.c" \
    "$unit/test_rtt.c" "$unit/test_tcp.c" ||
    bad_log common.build "tests of hpn-window.c: do not compile"
rest='common/test_links.o common/sim.o common/test_helper.o common/hpn-rtt.o'
rest="$rest common/hpn-tcp.o"
names=$(sed -n '/^enum mutant/,/^};/s/^	\([a-z_]*\).*/\1/p' "$fuzz/mutant.c")
caught=0 missed=
for name in $names; do
	case $name in
	# no link of the simulation is without a round trip for long
	no_round_trip) with="$(echo common/windows/*.o) $rest" ;;
	*)	with="common/links.o $rest" ;;
	esac
	rc=0
	# the shell would say "Aborted" for each
	(mutant "$name" "$with") 2>/dev/null || rc=$?
	case $name.$rc in
	none.0)	;;
	none.*)	missed="$missed none($rc)" ;;
	*.0)	missed="$missed $name" ;;
	*.2)	missed="$missed $name(build)" ;;
	*)	if grep -q 'assertion failed' "mutant-$name.log"; then
			caught=$((caught + 1))
		else
			missed="$missed $name($rc)"
		fi ;;
	esac
done
if [ -z "$missed" ] && [ "$caught" -gt 0 ]; then
	ok "the tests notice each of $caught faults put into hpn-window.c"
else
	bad "mutants of hpn-window.c: not as expected:$missed" \
	    "(build/check/policy/mutant-*.log)"
fi

# Single faults in other modules
n=0 caught=0 missed=
while IFS=$tab read -r module t others old new; do
	case $module in ''|'#'*) continue ;; esac
	case $t in fuzz-*) continue ;; esac	# see below
	n=$((n + 1))
	single_fault "$module" "$old" "$new" "single-$n.c" || {
		missed="$missed '$old' (is not there once)"
		continue
	}
	[ "$others" != - ] || others=
	if [ ! -d "single-$t" ]; then
		runner "single-run-$t" "$t"
		common "single-$t" "$work/single-run-$t.c" \
		    "$unit/test_$t.c" "$helper" $(in_files "$src/" "$others" .c) ||
		    break
	fi
	with=
	for f in "single-$t"/*.o; do
		[ "${f##*/}" = "$module.o" ] || with="$with $f"
	done
	rc=0
	run "single-$n.build" $cc -O1 $include -o "single-$n" "single-$n.c" \
	    $with -lpthread || rc=2
	[ "$rc" != 0 ] || (run "single-$n.log" "./single-$n") 2>/dev/null || rc=1
	if [ "$rc" = 1 ] && grep -q 'assertion failed\|^ASSERT' "single-$n.log"; then
		caught=$((caught + 1))
	else
		missed="$missed '$old' ($rc)"
	fi
done <"$fuzz/mutants"
if [ -z "$missed" ] && [ "$caught" -gt 0 ]; then
	ok "the tests notice each of $caught single faults (regress/fuzz/mutants)"
else
	bad "single faults that no test notices, or that do not build:$missed"
fi
fi

# ---------------------------------------------------------------------------
# Fuzz

targets='window rtt resume guess dm why-wire'
buffers='sshbuf sshbuf-getput-basic sshbuf-misc sftp-common'
if $with_tree; then
	# The unit tests may have made them
	[ -d compat ] || tree_objects compat "$compat" $san || :
	targets="$targets options"
	! tree_objects buffers "$buffers" $san ||
	    targets="$targets early sftp-hash sftp-server sftp-client dm-files$(sed -n \
		's/^#define HAVE_ZSTD 1.*/ zstd/p' "$OBJ/config.h")"
else
	skip "fuzz targets that need the tree: none built in" \
	    "build/tree/$BASE (make build makes it, or give TREE and OBJ)"
fi
# hex_seeds FILE NAME: its hexadecimal lines, as files NAME-1, NAME-2 and so on
hex_seeds() {
	found=0
	while read -r hex; do
		found=$((found + 1))
		printf "$(printf %s "$hex" | awk '{
			for (i = 1; i < length($0); i += 2)
				printf "\\%03o", 16 * \
				    (index(h, substr($0, i, 1)) - 1) + \
				    index(h, substr($0, i + 1, 1)) - 1
		}' h=0123456789abcdef)" >"$2-$found"
	done <"$1"
}
# fuzz_faults: of the faults of regress/fuzz/mutants that are this target's, each is
# found, by an input that has found it before (hpn-TARGET.found).
fuzz_faults() {
	caught=0 missed=
	while IFS=$tab read -r module by others old new; do
		[ "$by" = "fuzz-$t" ] || continue
		single_fault "$module" "$old" "$new" "$name-fault.c" || {
			missed="$missed '$old' (is not there once)"
			continue
		}
		run "$name-fault.build" $cc -O1 -g $san -w $flags -o "$name-fault" \
		    "$fuzz/hpn-$t-fuzz.c" "$fuzz/main.c" "$name-fault.c" \
		    $(echo $with | sed "s,[^ ]*/$module\.c,,") || {
			missed="$missed '$old' (does not build)"
			continue
		}
		if (run "$name-fault.log" env \
		    ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=$leaks" $fixed \
		    "./$name-fault" fuzz-$t.seeds/found-*) 2>/dev/null ||
		    ! grep -q 'does not hold' "$name-fault.log"; then
			missed="$missed '$old'"
		else
			caught=$((caught + 1))
		fi
	done <"$fuzz/mutants"
	if [ -n "$missed" ]; then
		bad "fuzz hpn-$t: single faults that it does not find:$missed"
	elif [ "$caught" -gt 0 ]; then
		ok "fuzz hpn-$t finds each of $caught single faults"
	fi
}
each=$((FUZZ_SECONDS / $(echo $targets | wc -w)))
[ "$each" -gt 0 ] || each=1
for t in $targets; do
	flags="$tree_flags -I$fuzz" with="$src/hpn-$t.c" more=
	leaks=1
	case $t in
	window|rtt|resume|guess) flags="-I$src -I$fuzz" ;;
	why-wire) flags="-I$src -I$fuzz"
		with="$with $src/hpn-why.c $src/hpn-report.c" ;;
	dm)	flags="-I$src -I$fuzz" with=$(in_files "$src/hpn-dm-" \
		    'manifest plan opts frame' .c) ;;
	options) with="$with $(echo compat/*.o)" ;;
	sftp-hash)
		with="$with $src/hpn-hash.c $(echo buffers/*.o) $libs" ;;
	zstd)	with="$src/hpn-zstd-stream.c $src/hpn-zstd.c"
		with="$with $(echo buffers/*.o) $libs" ;;
	early)
		# sshd's processes before and after authentication.  Where they
		# end with an error, they leave allocated what they had.
		flags="$flags -include $fuzz/hpn-early-fuzz.h"
		# sshbuf-misc reads from the connection, so it is made for this.
		with="$(in_files "$TREE/" 'kex dispatch sshbuf-misc channels
		    auth2 auth2-none auth2-pubkey auth2-passwd auth2-methods
		    auth-options serverloop' .c) $OBJ/ssh-sk-client.o"
		with="$with $src/hpn-rekey.c $src/hpn-guess.c $src/hpn-connect.c"
		with="$with $(echo buffers/*.o | sed 's, *[^ ]*/sshbuf-misc.o,,') $libs"
		more='-detect_leaks=0 -len_control=0 -max_len=1000'
		more="$more fuzz-$t.seeds"
		mkdir -p "fuzz-$t.seeds"
		hex_seeds "$fuzz/hpn-$t.seeds" "fuzz-$t.seeds/seed"
		leaks=0 ;;
	sftp-server)
		# It ends the process, as it does what it leaves allocated, for
		# each bad message; and a request is longer than most inputs.
		with="$src/hpn-sftp-hash.c $src/hpn-hash.c"
		with="$with $(echo buffers/*.o) $libs"
		more='-detect_leaks=0 -len_control=0 -max_len=1000'
		# Few inputs open a file and then use its handle: begin with such.
		more="$more fuzz-$t.seeds"
		mkdir -p "fuzz-$t.seeds"
		LC_ALL=C awk -v dir="fuzz-$t.seeds" '
			function any(n) { return int(n * rand()) }
			function put(list,	n, i, b) {
				n = split(list, b)
				for (i = 1; i <= n; i++)
					printf "%c", b[i] + 0 > (dir "/" seed)
			}
			# See put_request() in the target: what is asked for, a
			# handle, numbers, how long the request is.
			function use(	kind, at) {
				kind = any(8)
				at = "36 " 1 + any(40) " " 1 + any(250)
				if (kind == 0)
					put("3 4 " at " 36 " 1 + any(200) " 1 128")
				else if (kind == 1)	# copy-data
					put("26 4 " at " 32 9 5 " at " 128")
				else if (kind == 2)	# its size
					put("7 4 1 " at " 128")
				else if (kind == 3)	# hashes
					put("30 4 " at " 36 " 1 + any(30) " 1 " \
					    4 * any(24) + 2 " 1 1 128")
				else if (kind == 4)
					put(1 + any(33) " 4 " any(255) + 1)
				else
					put("2 4 " at " 36 " 1 + any(200) " 1 128")
			}
			BEGIN {
				srand(1)
				for (seed = 0; seed < 100; seed++) {
					put(seed % 8 ? 60 : 60 + any(3))
					for (n = 0; n < 8; n++)
						put(1 + any(254))
					# The early open, or one to read and write
					put(seed % 4 ? "34 3 27 32 128" : "31 3 128")
					for (n = 0; n < 30; n++)
						use()
					close(dir "/" seed)
				}
			}'
		leaks=0 ;;
	sftp-client)
		# The same; and trees that are as large as it bears are small.
		flags="$flags -include $fuzz/hpn-sftp-client-fuzz.h"
		flags="$flags -DJOB_NODES=20 -DHPN_LANES_SHARE=2000"
		flags="$flags -DHPN_SFTP_IO_QUEUE=4000 -DHPN_RESUME_PIECE=64"
		flags="$flags -DHPN_LANES_WINDOW=1000 -DHPN_LANES_PAGE=16"
		flags="$flags -DHPN_LANES_PAGES_LEAST=0"
		flags="$flags -DHPN_CONNECTIONS_LEAST=3000 -DAHEAD_BYTES=300"
		flags="$flags -DHPN_SFTP_FULL_SOONER=1000000000"
		with="$TREE/sftp-client.c $src/hpn-sftp-window.c $src/hpn-hash.c"
		with="$with $src/hpn-resume.c $(in_files "$src/hpn-sftp-" \
		    'io conn early job cross node order meter again handles ask answer open put get source target check save report full
		    hash lanes linked spread stripe gather plain wish' .c)"
		with="$with $src/hpn-choose.c $src/hpn-names.c $src/hpn-wish.c $src/hpn-dm-wait.c"
		with="$with $src/hpn-lanes.c $src/hpn-handles.c"
		with="$with $src/hpn-connections.c"
		with="$with $(echo buffers/*.o) $libs"
		more='-detect_leaks=0 -len_control=0 -max_len=1000'
		# A server's first answers would take long to be found.
		more="$more fuzz-$t.seeds"
		mkdir -p "fuzz-$t.seeds"
		LC_ALL=C awk -v dir="fuzz-$t.seeds" 'BEGIN {
			srand(1)
			for (i = 0; i < 200; i++) {
				for (n = 0; n < 400; n++) {
					c = 1 + int(254 * rand())
					# Each second one opens a file early.
					if (n == 4 && i % 2)
						c = 129 + 8 * int(2 * rand())
					printf "%c", c > (dir "/" i)
				}
				close(dir "/" i)
			}
		}'
		# What was found once is tried each time.
		hex_seeds "$fuzz/hpn-$t.found" "fuzz-$t.seeds/found"
		leaks=0 ;;
	dm-files)
		# What dmscp leaves allocated at its end is the target's to free.
		flags="$flags -include $fuzz/hpn-dm-files-fuzz.h"
		with="$(in_files "$src/hpn-dm-" 'put get sftp line reader buf plan
		    manifest wait job' .c) $src/hpn-sftp-io.c"
		with="$with $src/hpn-sftp-hash.c $src/hpn-hash.c"
		with="$with $(echo buffers/*.o) $libs"
		more='-detect_leaks=0 -len_control=0 -max_len=150'
		more="$more fuzz-$t.seeds"
		mkdir -p "fuzz-$t.seeds"
		# Ways of writing and reading, and two faults for each.
		LC_ALL=C awk -v dir="fuzz-$t.seeds" 'BEGIN {
			srand(1)
			for (i = 0; i < 200; i++) {
				for (n = 0; n < 40; n++)
					printf "%c", 1 + int(254 * rand()) > (dir "/" i)
				close(dir "/" i)
			}
		}'
		hex_seeds "$fuzz/hpn-$t.found" "fuzz-$t.seeds/found"
		leaks=0 ;;
	esac
	name=fuzz-$t
	mkdir -p "$name.d"
	if run "build-$name.log" $cc -O1 -g $san,fuzzer -w $flags -o "$name" \
	    "$fuzz/hpn-$t-fuzz.c" $with 2>/dev/null ||
	    run "build-$name.log" $cc -O1 -g -fsanitize=fuzzer $san -w $flags \
	    -o "$name" "$fuzz/hpn-$t-fuzz.c" $with; then
		how=libFuzzer
		set -- -seed=1 -max_total_time="$each" -verbosity=0 \
		    -print_final_stats=1 -artifact_prefix="$name.d/" $more
	elif run "build-$name.log" $cc -O1 -g $san -w $flags -o "$name" \
	    "$fuzz/hpn-$t-fuzz.c" "$fuzz/main.c" $with; then
		how='a generator of our own'
		set -- "$each"
	else
		bad_log "build-$name.log" "fuzz hpn-$t: does not compile"
		continue
	fi
	if run "$name.log" env ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=$leaks" \
	    $fixed "./$name" "$@"; then
		n=$(sed -n 's/^\([0-9]*\) inputs passed$/\1/p
		    s/^stat::number_of_executed_units: *//p' "$name.log")
		if [ "${n:-0}" -gt 0 ]; then
			ok "fuzz hpn-$t: $n inputs in $each s ($how)"
			fuzz_faults
			continue
		fi
	fi
	bad_log "$name.log" "fuzz hpn-$t ($how); the input is in" \
	    "build/check/$work_name"
done
# Warnings in the targets, and the driver for where there is no libFuzzer.
for t in window rtt resume guess; do
	if run "build-main-$t.log" $cc -O1 -g $san $warn -I"$src" -I"$fuzz" \
	    -o "main-$t" "$fuzz/hpn-$t-fuzz.c" "$fuzz/main.c" \
	    "$src/hpn-$t.c" && run "main-$t.log" $fixed "./main-$t" 1; then
		ok "fuzz hpn-$t: $(cat "main-$t.log") (no libFuzzer)"
	else
		cat "build-main-$t.log" "main-$t.log" >both.log 2>/dev/null ||
		    cp "build-main-$t.log" both.log
		bad_log both.log "fuzz hpn-$t without libFuzzer"
	fi
done

# What is large goes; the logs stay.
[ "$failed" != 0 ] || rm -rf unit unit-tree engine-asan engine-tsan crypt-asan \
    crypt-tsan tree-asan tree-tsan compat buffers common mutant-* single-* fuzz-window \
    fuzz-rtt fuzz-resume fuzz-guess main-guess main-resume fuzz-options fuzz-sftp-hash fuzz-sftp-server \
    fuzz-sftp-client fuzz-early fuzz-dm fuzz-dm-files fuzz-dm-files-fault* fuzz-zstd fuzz-why-wire main-window main-rtt fuzz-*.seeds fuzz-*.d ./*.o
counts
