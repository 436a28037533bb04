#!/bin/bash
# SPDX-License-Identifier: ISC
# Streams to and from a server over 100 ms x 1 Gbit/s, in one run: dmscp (file,
# fragments, command) beside a pipe through stock's ssh, the same with mbuffer at
# both ends, one through our ssh, rsync, and TCP alone.  And what 1 GB costs both
# ends in processor time on loopback.
#
# usage: lab/dmscp.sh [link] [loopback] [table] [many] [many-down]
#
# link: a rate is that of the second half: from where half of the bytes are in the
# file that is written to where all are.  dip: by how many milliseconds the longest
# stretch of it was behind that rate.  table: 100 MB by yscp, scp,
# rsync and TCP alone at 0 and 20 ms, as in the paper of 2001; yscp-n compares
# nothing, yscp-e encrypts.  many: as link, a set
# of 10,000 fragments of 1 MiB, in DMSCP_DISK (/var/tmp); not without being asked.
# many-down: only its way back; it is made without the link.
#
# From the environment: DMSCP_BYTES (400000000, the half; a fifth of it for what runs
# over stock's ssh, which is slow), DMSCP_CASES, DMSCP_OPTIONS for dmscp; see also lab/common.sh.  Files are in /dev/shm.
# Leaves build/lab/dmscp/dmscp.txt, the tables, which are printed, too.

set -eu

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$ROOT/lab/common.sh"

OUT=$BUILD/lab/dmscp
BYTES=${DMSCP_BYTES:-400000000}
CASES=${DMSCP_CASES:-raw file fragments command ours stock mbuffer rsync}

# What is run; $n bytes, $way, files in $shm.
source_of() { printf 'head -c %s %s/data' "$n" "$shm"; }
dm() {
	# shellcheck disable=SC2086
	$in_a "$HPN_STAGE/bin/dmscp" -q ${DMSCP_OPTIONS-} \
	    -program "$HPN_STAGE/bin/ssh" -ssh-config ours.ssh_config "$@"
}
pipe_by() {
	# shellcheck disable=SC2086
	if [ "$way" = up ]; then
		head -c "$n" "$shm/data" |
		    $in_a "$1/bin/ssh" -F "$2.ssh_config" target \
		    "cat >$shm/there"
	else
		$in_a "$1/bin/ssh" -F "$2.ssh_config" target \
		    "head -c $n $shm/data" >"$shm/here"
	fi
}
case_file() {
	if [ "$way" = up ]; then
		dm -w -force "target:$shm/there" < <(head -c "$n" "$shm/data")
	else
		dm -r "target:$shm/data.$n" >"$shm/here"
	fi
}
case_fragments() {
	if [ "$way" = up ]; then
		dm -w -F "${FRAGMENT:-100m}" "target:$shm/set.$n" \
		    < <(head -c "$n" "$shm/data")
	else
		dm -r "target:$shm/set.$n" >"$shm/here"
	fi
}
case_command() {
	if [ "$way" = up ]; then
		dm -w -s target -subsystem dmscp -R "cat >$shm/there" \
		    < <(head -c "$n" "$shm/data")
	else
		dm -r -s target -subsystem dmscp -R "head -c $n $shm/data" \
		    >"$shm/here"
	fi
}
case_ours() { pipe_by "$HPN_STAGE" ours; }
case_stock() { pipe_by "$STOCK_STAGE" stock; }
case_mbuffer() {
	# shellcheck disable=SC2086
	if [ "$way" = up ]; then
		head -c "$n" "$shm/data" | mbuffer -q -m 64M |
		    $in_a "$STOCK_STAGE/bin/ssh" -F stock.ssh_config target \
		    "mbuffer -q -m 64M >$shm/there"
	else
		$in_a "$STOCK_STAGE/bin/ssh" -F stock.ssh_config target \
		    "head -c $n $shm/data | mbuffer -q -m 64M" |
		    mbuffer -q -m 64M >"$shm/here"
	fi
}
case_rsync() {
	# shellcheck disable=SC2086
	if [ "$way" = up ]; then
		$in_a rsync -W -e "$STOCK_STAGE/bin/ssh -F stock.ssh_config" \
		    "$shm/data.$n" "target:$shm/there"
	else
		$in_a rsync -W -e "$STOCK_STAGE/bin/ssh -F stock.ssh_config" \
		    "target:$shm/data.$n" "$shm/here"
	fi
}

# The rate from where what is written has half of its bytes to where it has all; and
# the dip: by how many milliseconds the longest stretch of that was behind this rate.
half_of() {
	python3 - "$n" "$@" <<'END'
import glob, os, sys, time
n = int(sys.argv[1])
seen = []
while True:
    now, there = time.monotonic(), 0
    for pattern in sys.argv[2:]:
        for name in glob.glob(pattern):
            try:
                # Of a folder, its fragments of 1 MiB that have their names
                there += os.stat(name).st_size if os.path.isfile(name) else \
                    sum(f[-1].isdigit() for f in os.listdir(name)) << 20
            except FileNotFoundError:
                pass
    if there >= n / 2:
        seen.append((now, there))
    if there >= n:
        break
    time.sleep(0.01)
(begun, had), (now, there) = seen[0], seen[-1]
rate = (there - had) / (now - begun)
dip, least = 0, 0
for now, there in seen:
    behind = (now - begun) - (there - had) / rate
    least = min(least, behind)
    dip = max(dip, behind - least)
print("%.1f %.0f" % (rate / 1e6, 1000 * dip), flush=True)
END
}

# half CASE BYTES: sets rate and dip
half() {
	local watcher what="$shm/here*"
	n=$2
	rm -f "$shm"/there* "$shm"/here*
	[ "$way" = down ] || rm -f "$shm"/set.*
	[ "$way" = down ] || what="$shm/there* $shm/set.*"
	[ "$1" != rsync ] && [ "$1$way" != filedown ] ||
	    head -c "$n" "$shm/data" >"$shm/data.$n"
	# rsync's file has a name of its own until it is whole
	[ "$1$way" != rsyncup ] || what="$shm/.there* $shm/there*"
	[ "$1$way" != rsyncdown ] || what="$shm/.here* $shm/here*"
	# shellcheck disable=SC2086
	(set -f; half_of $what) >half &
	watcher=$!
	if "case_$1" </dev/null >case.log 2>&1; then
		wait "$watcher"
		read -r rate dip <half
	else
		stop "$watcher"
		rate=failed dip=-
		echo "$1 $way: $(tail -n 1 case.log)" >&2
	fi
	rm -f "$shm/data.$n"
}

link_part() {
	local case bytes way
	in_a=$LAB_A
	printf '100 ms x 1 Gbit/s, MB/s over the second half of %s bytes\n' \
	    "$((2 * BYTES))"
	printf '%-10s %8s %8s %8s %8s\n' what up dip down dip
	for case in $CASES; do
		printf '%-10s' "$case"
		for way in up down; do
			if [ "$case" = raw ]; then
				raw "-n $((2 * BYTES))" "$way" || :
				printf ' %8s %8s' "$raw_rate2" -
				continue
			fi
			bytes=$((2 * BYTES))
			case $case in
			stock|mbuffer|rsync) bytes=$((bytes / 5)) ;;
			esac
			[ "$case$way" != fragmentsdown ] || [ -f \
			    "$shm/set.$bytes.manifest" ] || n=$bytes way=up \
			    case_fragments </dev/null >case.log 2>&1 || :
			half "$case" "$bytes"
			printf ' %8s %8s' "$rate" "$dip"
		done
		echo
	done
}

# All processes that a command starts, with those that leave it: user + system.
cpu_of() {
	python3 - "$@" <<'END'
import ctypes, os, resource, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
pid = os.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
status = 0
while True:
    try:
        p, s = os.waitpid(-1, 0)
    except ChildProcessError:
        break
    if p == pid:
        status = s
r = resource.getrusage(resource.RUSAGE_CHILDREN)
print("%.3f" % (r.ru_utime + r.ru_stime))
sys.exit(status != 0)
END
}

# sshd -i is a child of ssh here, so that its time counts.
inetd_client() {
	cat >inetd.ssh_config <<-END
	Host *
		ProxyCommand $HPN_STAGE/sbin/sshd -i -f $work/ours.sshd_config -E $work/inetd.log
		HostKeyAlias lab
		IdentityFile $work/user
		IdentitiesOnly yes
		UserKnownHostsFile $work/known_hosts
		LogLevel ERROR
	END
}

loopback_part() {
	local case run begun cpu o
	inetd_client
	o="$HPN_STAGE/bin/dmscp -q -program $HPN_STAGE/bin/ssh -ssh-config inetd.ssh_config"
	printf '\nloopback, 1 GB up, three runs: MB/s and s of processor, both ends\n'
	for run in 1 2 3; do
		for case in ours command file; do
			rm -f "$shm"/there*
			begun=$(seconds)
			case $case in
			ours) cpu=$(cpu_of sh -c "$HPN_STAGE/bin/ssh -F \
			    inetd.ssh_config x 'cat >$shm/there' <$shm/data") ;;
			command) cpu=$(cpu_of sh -c "$o -w -s x -subsystem dmscp \
			    -R 'cat >$shm/there' <$shm/data") ;;
			file) cpu=$(cpu_of sh -c "$o -w x:$shm/there \
			    <$shm/data") ;;
			esac
			took=$(calc "$(seconds) - $begun")
			cmp -s "$shm/data" "$shm/there" || cpu=failed
			printf '%-10s %8s %8s\n' "$case" \
			    "$(calc "1000 / $took")" "$cpu"
		done
	done
}

many_down_part() {
	many_part down
}

table_part() {
	local case begun
	head -c 100000000 "$shm/data" >"$shm/data.t"
	printf '\n100 MB, %s ms: s\n' "$LAB_RTT"
	for case in yscp yscp-n yscp-e scp stock-scp rsync raw; do
		rm -f "$shm/there"
		begun=$(seconds)
		# shellcheck disable=SC2086
		case $case in
		yscp)	$LAB_A "$HPN_STAGE/bin/yscp" -q -F ours.ssh_config \
			    "$shm/data.t" "target:$shm/there" ;;
		yscp-n)	$LAB_A "$HPN_STAGE/bin/yscp" -q -F ours.ssh_config \
			    -X verify=no "$shm/data.t" "target:$shm/there" ;;
		yscp-e)	$LAB_A "$HPN_STAGE/bin/yscp" -e -q -F ours.ssh_config \
			    "$shm/data.t" "target:$shm/there" ;;
		scp)	$LAB_A "$HPN_STAGE/bin/scp" -q -F ours.ssh_config \
			    "$shm/data.t" "target:$shm/there" ;;
		stock-scp) $LAB_A "$STOCK_STAGE/bin/scp" -q -F stock.ssh_config \
			    "$shm/data.t" "target:$shm/there" ;;
		rsync)	in_a=$LAB_A way=up n=t
			case_rsync ;;
		raw)	raw '-n 100000000' up || :
			printf '%-10s %8s\n' raw "$(calc "100 / $raw_rate")"
			continue ;;
		esac
		printf '%-10s %8s\n' "$case" "$(calc "$(seconds) - $begun")"
	done
}

many_part() {
	local begun took watcher n ways=${1:-both}
	n=$((${DMSCP_FRAGMENTS:-10000} * 1048576))
	disk=$(new_dir "${DMSCP_DISK:-/var/tmp}")
	in_a=$LAB_A
	printf '\n100 ms x 1 Gbit/s, a set of %s fragments of 1 MiB\n' \
	    "${DMSCP_FRAGMENTS:-10000}"
	printf '%-10s %8s %8s %8s %8s\n' what s MB/s half dip
	if [ "$ways" = both ]; then
		half_of "$disk" >half &
		watcher=$!
		begun=$(seconds)
		"$FLOW" source -n "$n" | dm -w -F 1m "target:$disk/set"
		took=$(calc "$(seconds) - $begun")
		wait "$watcher"
		printf '%-10s %8s %8s %8s %8s\n' up "$took" \
		    "$(calc "$n / 1e6 / $took")" $(cat half)
	else
		inetd_client
		"$FLOW" source -n "$n" | "$HPN_STAGE/bin/dmscp" -q -program \
		    "$HPN_STAGE/bin/ssh" -ssh-config inetd.ssh_config -w -F 1m \
		    "x:$disk/set"
	fi
	begun=$(seconds)
	dm -r "target:$disk/set" | "$FLOW" sink -o sink
	took=$(calc "$(seconds) - $begun")
	printf '%-10s %8s %8s %8s %8s  %s\n' down "$took" \
	    "$(calc "$n / 1e6 / $took")" "$(cut -f 5 sink)" - "$(cut -f 1 sink)"
}

inside() {
	work_dir dmscp/work
	shm=$(new_dir /dev/shm)
	disk=
	pids=()
	trap 'stop "${pids[@]}"; rm -rf "$shm" ${disk:+"$disk"}' EXIT
	chmod 755 "$shm"
	mapfile -t lines < <(stage_lines "$HPN_STAGE"
	    echo "Subsystem dmscp $HPN_STAGE/bin/dmscp -server"
	    echo 'NoneEnabled yes')
	server ours "$HPN_STAGE" "${lines[@]}"
	pids+=("$server_pid")
	client ours "$server_port"
	mapfile -t lines < <(stage_lines "$STOCK_STAGE")
	server stock "$STOCK_STAGE" "${lines[@]}"
	pids+=("$server_pid")
	client stock "$server_port"
	n=$((2 * BYTES))
	[ "$1" != loopback ] || n=1000000000
	"$FLOW" source -n "$n" >"$shm/data"
	"${1}_part"
}

if [ "${1-}" = --inside ]; then
	inside "$2"
	exit
fi
need iperf3 rsync mbuffer python3
need_stages
build_flow
mkdir -p "$OUT"
: >"$OUT/dmscp.txt"
for part in ${*:-link loopback table}; do
	case $part in
	link)	"$ROOT/lab/lab.sh" run --rtt 100 --rate 1000 -- "$0" --inside link ;;
	loopback) "$ROOT/lab/lab.sh" run --loopback -- "$0" --inside loopback ;;
	many|many-down)
		"$ROOT/lab/lab.sh" run --rtt 100 --rate 1000 -- "$0" --inside \
		    "${part/-/_}" ;;
	table)	for rtt in 0 20; do
			"$ROOT/lab/lab.sh" run --rtt $rtt --rate 1000 -- "$0" \
			    --inside table
		done ;;
	*)	sed -n 's/^# usage: /usage: /p' "$0" >&2; exit 2 ;;
	esac
done | tee -a "$OUT/dmscp.txt"
