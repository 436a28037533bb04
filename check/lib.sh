# SPDX-License-Identifier: ISC
# What the runners of the checks share.  Source it; it runs nothing by itself.

# Processes that a shell starts, and connections that ssh makes to sshd, in a
# second on the machine whose figures are in README.md's table.
ref_forks=1000
ref_connections=6

# now_ms: the time in milliseconds.
now_ms() {
	echo $(($(date +%s%N) / 1000000))
}

# forks_a_second: how many processes a shell starts in a second.
forks_a_second() {
	fs_n=0 fs_begun=$(now_ms)
	while fs_took=$(($(now_ms) - fs_begun)); [ $fs_took -lt 1000 ]; do
		for fs_i in 1 2 3 4 5 6 7 8 9 10; do
			/bin/true
		done
		# date is a process, too
		fs_n=$((fs_n + 11))
	done
	echo $((fs_n * 1000 / fs_took))
}

# connections_a_second OBJDIR FOLDER: times ten, how many connections the ssh built
# in OBJDIR makes to its sshd in a second, one after the other.  0 if none works.
connections_a_second() {
	rm -rf "$2"
	mkdir -p "$2"
	cs_user=$(id -un)
	for cs_key in host user; do
		"$1/ssh-keygen" -q -t ed25519 -N '' -f "$2/$cs_key" || return 1
	done
	cp "$2/user.pub" "$2/authorized"
	chmod 600 "$2/authorized"
	cat >"$2/sshd_config" <<-END
	HostKey $2/host
	AuthorizedKeysFile $2/authorized
	StrictModes no
	UsePAM no
	SshdSessionPath $1/sshd-session
	SshdAuthPath $1/sshd-auth
	END
	cs_n=0 cs_begun=$(now_ms)
	while cs_took=$(($(now_ms) - cs_begun)); [ $cs_took -lt 1500 ]; do
		timeout 60 "$1/ssh" -F none -i "$2/user" -o IdentitiesOnly=yes \
		    -o BatchMode=yes -o StrictHostKeyChecking=no \
		    -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
		    -o ProxyCommand="$1/sshd -i -f $2/sshd_config" \
		    "$cs_user@measure" true </dev/null >/dev/null 2>"$2/err" || {
			echo 0
			return 0
		}
		cs_n=$((cs_n + 1))
	done
	rm -rf "$2"
	echo $((cs_n * 10000 / cs_took))
}

# ratio_up REF MEASURED: their ratio, rounded up, from 1 to 20.
ratio_up() {
	[ "$2" -gt 0 ] || { echo 20; return; }
	ru=$((($1 + $2 - 1) / $2))
	# A tenth less than the reference is as good as it.
	[ $(($1 * 9 / 10)) -gt "$2" ] || ru=1
	[ $ru -le 20 ] || ru=20
	echo $ru
}

# jobs_for SLOWNESS: how many tests to run at a time.  On a quick machine most of
# them sleep most of the time; on a slow one they compute.
jobs_for() {
	jf_cpus=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
	jf=$(((jf_cpus * 4 + $1 - 1) / $1))
	[ $jf -ge $((jf_cpus * 2)) ] || jf=$((jf_cpus * 2))
	[ $jf -le 24 ] || jf=24
	echo $jf
}

# steps_table: "STEP WHEN SECONDS" of each row of README.md's table.
steps_table() {
	awk -F ' *[|] *' '$4 == "check" || $4 == "full" { print $2, $4, $5 }' \
	    "$1/README.md"
}

# ---------------------------------------------------------------------------
# Verdicts of single tests: a line for each, and the counts.

passed=0 failed=0 skipped=0
ok() {
	echo "ok    $*"
	passed=$((passed + 1))
}
bad() {
	echo "FAIL  $*"
	failed=$((failed + 1))
}
# bad_log LOG WHAT...: a failure, and the last lines of its log.
bad_log() {
	log=$1
	shift
	bad "$@"
	tail -n 20 "$log" | sed 's/^/      | /'
}
skip() {
	echo "skip  $*"
	skipped=$((skipped + 1))
}
# counts: the last line; true when nothing failed.
counts() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
}

# ---------------------------------------------------------------------------
# Sanitizers

# fixed_addresses: sets `fixed`, what to run a sanitized program with.  Sanitizers
# of some compilers get lost where the kernel spreads addresses widely.
fixed_addresses() {
	fixed=
	if command -v setarch >/dev/null &&
	    setarch "$(uname -m)" -R true 2>/dev/null; then
		fixed="setarch $(uname -m) -R"
	fi
}

# faulty_sources: a sound program and faults that a sanitizer must report: a sum
# that overflows, a read beyond the end, and threads that race when there is an
# argument.
faulty_sources() {
	cat >sound.c <<-'END'
		int main(int argc, char **argv) { (void)argv; return argc - 1; }
		END
	cat >overflow.c <<-'END'
		#include <limits.h>
		int main(int argc, char **argv)
		{ volatile int n = INT_MAX; (void)argv; n += argc; return n & 0; }
		END
	cat >beyond.c <<-'END'
		#include <stdlib.h>
		int main(int argc, char **argv)
		{
			volatile char *p = malloc((size_t)argc);
			(void)argv;
			return p == NULL ? 0 : p[argc] & 0;
		}
		END
	cat >race.c <<-'END'
		#include <pthread.h>
		static int n;
		static void *more(void *p) { n++; return p; }
		int main(int argc, char **argv)
		{
			pthread_t t;
			(void)argv;
			if (pthread_create(&t, 0, more, 0) != 0)
				return 0;
			if (argc > 1)
				n++;
			return pthread_join(t, 0);
		}
		END
}
