# SPDX-License-Identifier: ISC
# Shared by the scripts in lab/ that measure (bash). Source it after setting
# ROOT to the top of the checkout. It is for scripts that start themselves
# again below lab.sh, whose LAB_* variables the functions marked [lab] need.
#
# From the environment:
#	BASE			debian (default) or upstream
#	HPN_STAGE, STOCK_STAGE	installations to compare, build/stage/hpn-$BASE
#				and build/stage/stock-$BASE
#	CC			compiler for lab/flow.c
#
# [lab] topology: clients run in A, servers in B, files are shared:
#
#	A  ssh, scp, flow, iperf3 -c  ==link==  B  sshd, flow, iperf3 -s

BUILD=$ROOT/build
BASE=${BASE:-debian}
HPN_STAGE=${HPN_STAGE:-$BUILD/stage/hpn-$BASE}
STOCK_STAGE=${STOCK_STAGE:-$BUILD/stage/stock-$BASE}
FLOW=$BUILD/lab/flow
export BASE HPN_STAGE STOCK_STAGE
LC_ALL=C
export LC_ALL
unset SSH_AUTH_SOCK SSH_ASKPASS DISPLAY CDPATH
umask 022

say() {
	printf 'openssh-hpn: %s\n' "$*"
}

die() {
	printf 'openssh-hpn: error: %s\n' "$*" >&2
	exit 1
}

need() {
	local tool missing=
	for tool; do
		command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
	done
	[ -z "$missing" ] || die "missing tool:$missing; run base/deps.sh lab," \
	    "which installs it or prints the command to run"
}

need_stages() {
	local stage
	for stage in "$HPN_STAGE" "$STOCK_STAGE"; do
		[ -x "$stage/bin/ssh" ] && [ -x "$stage/sbin/sshd" ] ||
		    die "$stage is not there: run make build stock BASE=$BASE"
	done
}

build_flow() {
	local cc=${CC:-cc}
	if [ -x "$FLOW" ] && [ ! "$ROOT/lab/flow.c" -nt "$FLOW" ]; then
		return
	fi
	need "${cc%% *}"
	mkdir -p "$BUILD/lab"
	# $cc unquoted: it may carry options, as in make
	$cc -O2 -Wall -Wextra -o "$FLOW.$$" "$ROOT/lab/flow.c" ||
	    die 'lab/flow.c does not compile'
	mv -f "$FLOW.$$" "$FLOW"
}

# build_with OBJ PROGRAM NAME: lab/NAME.c with the compiler, the flags and the
# libraries of the build in the object directory OBJ.
build_with() {
	[ -f "$1/libssh.a" ] && [ -f "$1/Makefile" ] ||
	    die "$1 has no libssh.a: run make build stock BASE=$BASE"
	cat >"$2.mk" <<'END'
include Makefile
lab-program:
	$(CC) $(CFLAGS) $(CPPFLAGS) -o '$(PROGRAM)' '$(SOURCE)' $(LDFLAGS) \
	    -lssh -lopenbsd-compat -lssh -lopenbsd-compat $(LIBS) $(CHANNELLIBS)
END
	make -s -C "$1" -f "$2.mk" PROGRAM="$2" SOURCE="$ROOT/lab/$3.c" \
	    lab-program >"$2.log" 2>&1 || {
		cat "$2.log" >&2
		die "lab/$3.c does not build with $1, see above"
	}
}

seconds() {
	local t=$EPOCHREALTIME
	printf '%s\n' "$t"
}

# calc EXPRESSION [FORMAT]
calc() {
	awk "BEGIN { printf \"${2:-%.3f}\", $1 }"
}

# An empty folder of its own, in memory unless it is to be elsewhere: new_dir [PARENT]
new_dir() {
	mktemp -d -p "${1:-${BENCH_FILES_DIR:-/dev/shm}}" --suffix=.openssh-hpn
}

# Wait until TEST (evaluated) holds: wait_until SECONDS TEST
wait_until() {
	local tries=$(($1 * 20))
	until eval "$2"; do
		[ "$tries" -gt 0 ] || return 1
		tries=$((tries - 1))
		sleep 0.05
	done
}

stop() {
	local pid
	for pid; do
		[ -n "$pid" ] || continue
		kill "$pid" 2>/dev/null || :
		wait_until 3 "! kill -0 $pid 2>/dev/null" ||
		    kill -KILL "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
}

# work_dir NAME: an empty folder build/lab/NAME with keys in it, $work; the
# current folder from now on, since local sockets have to have short names.
work_dir() {
	work=$BUILD/lab/$1
	rm -rf "$work"
	mkdir -p "$work"
	cd "$work"
	local key
	for key in host user; do
		"$HPN_STAGE/bin/ssh-keygen" -q -t ed25519 -N '' -C lab \
		    -f "$work/$key" </dev/null ||
		    die "cannot make keys in $work"
	done
	printf 'lab %s\n' "$(cat host.pub)" >known_hosts
}

# Without PAM, sshd refuses an account whose password is locked, as root's is
# on many machines.
pam_wanted() {
	[ "$(id -u)" = 0 ] &&
	    grep -q "^$(id -un):!" /etc/shadow 2>/dev/null &&
	    echo yes || echo no
}

# Every session starts the user's shell: what its startup file does, how long
# it takes and what it leaves locked when it is killed are not to be measured.
QUIET_SHELL="unshare --mount sh $ROOT/lab/quiet-shell.sh"

# [lab] server NAME STAGE [-p COMMAND] [CONFIGURATION LINE ...]: sshd of STAGE
# runs in B (started through COMMAND, several words). Sets server_pid,
# server_port. Its log is $work/NAME.log. HOME is another one for what it
# starts, lest the shell run the user's own start-up files.
server() {
	local name=$1 stage=$2 sshd run=
	sshd=$stage/sbin/sshd
	shift 2
	if [ "${1-}" = -p ]; then
		run=$2
		shift 2
	fi
	# shellcheck disable=SC2086 # a prefix of several words
	server_port=$($LAB_B "$FLOW" ports 1)
	{
		cat <<-END
		Port $server_port
		ListenAddress $LAB_ADDR_B
		HostKey $work/host
		AuthorizedKeysFile $work/user.pub
		StrictModes no
		PermitRootLogin yes
		PidFile none
		UsePAM $(pam_wanted)
		PrintMotd no
		PrintLastLog no
		MaxSessions 200
		MaxStartups 200
		AllowStreamLocalForwarding yes
		PermitUserRC no
		SetEnv HOME=$work
		END
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} >"$name.sshd_config"
	: >"$name.log"
	# shellcheck disable=SC2086
	! $LAB_B unshare --mount true 2>/dev/null || run="$QUIET_SHELL $run"
	# shellcheck disable=SC2086
	$LAB_B $run "$sshd" -D -f "$work/$name.sshd_config" \
	    -E "$work/$name.log" </dev/null &
	server_pid=$!
	wait_until 10 "grep -q '^Server listening' '$name.log' ||
	    ! kill -0 $server_pid 2>/dev/null" || :
	grep -q '^Server listening' "$name.log" || {
		printf 'its log, %s:\n' "$work/$name.log" >&2
		tail -n 20 "$name.log" >&2
		die "the sshd of $stage does not start"
	}
}

# Configuration that a 10.0 sshd of stage $1 needs beside the above.
stage_lines() {
	printf '%s\n' "SshdSessionPath $1/libexec/sshd-session" \
	    "SshdAuthPath $1/libexec/sshd-auth" \
	    "Subsystem sftp $1/libexec/sftp-server" 'PerSourcePenalties no'
}

# [lab] client NAME PORT [JUMP_PORT]: writes NAME.ssh_config with the hosts
# "target", "jump" and "jumped", the last one being target by way of jump.
client() {
	cat >"$1.ssh_config" <<-END
	Host target jumped
		Port $2
	Host jump
		Port ${3:-$2}
	Host jumped
		ProxyJump jump
	Host *
		HostName $LAB_ADDR_B
		HostKeyAlias lab
		User $(id -un)
		IdentityFile $work/user
		IdentitiesOnly yes
		UserKnownHostsFile $work/known_hosts
		GlobalKnownHostsFile /dev/null
		StrictHostKeyChecking yes
		BatchMode yes
		ConnectTimeout 20
		LogLevel ERROR
	END
}

# [lab] both_servers: an sshd of each stage runs in B. Writes stock.ssh_config and
# ours.ssh_config, as client() does, and adds to the array servers their processes.
both_servers() {
	local product stage lines
	for product in stock ours; do
		stage=$STOCK_STAGE
		[ "$product" = stock ] || stage=$HPN_STAGE
		readarray -t lines < <(stage_lines "$stage")
		server "$product" "$stage" "${lines[@]}"
		servers+=("$server_pid")
		client "$product" "$server_port"
	done
}

# [lab] raw TIME_OR_SIZE up|down: what TCP alone does, by iperf3:
# "-t 20" or "-n BYTES". Sets raw_rate (MB/s, all of it), raw_rate2 (second
# half of the time) as the receiver counts them.
raw() {
	local port receiver pid
	# shellcheck disable=SC2086
	port=$($LAB_B "$FLOW" ports 1)
	rm -f iperf.server iperf.client
	# shellcheck disable=SC2086
	timeout "${raw_limit:-90}" $LAB_B iperf3 -s -1 -p "$port" -f k -i 0.1 \
	    --forceflush </dev/null >iperf.server 2>&1 &
	pid=$!
	wait_until 10 'grep -qs listening iperf.server' || {
		stop "$pid"
		die "iperf3 does not start: $(tail -n 1 iperf.server)"
	}
	receiver=iperf.server
	set -- "$1" "$2"
	if [ "$2" = down ]; then
		receiver=iperf.client
		set -- "$1" -R
	else
		set -- "$1"
	fi
	# shellcheck disable=SC2086
	timeout "${raw_limit:-90}" $LAB_A iperf3 -c "$LAB_ADDR_B" -p "$port" \
	    -f k -i 0.1 $1 ${2-} </dev/null >iperf.client 2>&1 || {
		stop "$pid"
		raw_rate='' raw_rate2=''
		return 1
	}
	wait "$pid" || :
	# [  5]   0.10-0.20   sec  1.2 MBytes  98765 Kbits/sec ...
	# shellcheck disable=SC2046
	set -- $(awk '
	/sender|receiver/ { next }
	$2 ~ /^[0-9.]+-[0-9.]+$/ || $3 ~ /^[0-9.]+-[0-9.]+$/ {
		for (i = 2; $i !~ /-/; i++)
			;
		split($i, t, "-")
		for (; i <= NF && $i != "Kbits/sec"; i++)
			;
		if (i > NF)
			next
		start[++n] = t[1]
		end[n] = t[2]
		bytes[n] = $(i - 1) * 125 * (t[2] - t[1])
	}
	END {
		# An empty tail is time after the transfer.
		while (n > 0 && bytes[n] == 0)
			n--
		if (n == 0)
			exit 1
		for (i = 1; i <= n; i++) {
			all += bytes[i]
			part = end[i] - end[n] / 2
			if (part <= 0)
				continue
			if (part > end[i] - start[i])
				part = end[i] - start[i]
			half += bytes[i] * part / (end[i] - start[i])
		}
		printf "%.3f %.3f\n", all / end[n] / 1e6,
		    half / (end[n] / 2) / 1e6
	}' "$receiver")
	raw_rate=${1-} raw_rate2=${2-}
	[ -n "$raw_rate" ]
}
