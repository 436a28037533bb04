#!/bin/bash
# SPDX-License-Identifier: ISC
# A tree goes from several nodes, each behind a line of its own, by packaging/many-nodes
# and a Slurm that lives as long as this script. Then again, and one node dies.
#
# usage: lab/many-nodes.sh [plain | NODES | dies] ...	(plain 1 2 4 dies)
#
#	plain	scp -r -p on one node, without lists
#	NODES	1 to 4 nodes
#	dies	4 nodes. One of them dies as a power cut would have it, when a
#		third of the lists is done. It does not come back
#
#	n1  slurmd, scp  A ==link== B  sshd	four of these; the files of all A are the
#	...					same, and those of all B, as on a cluster
#	n4  slurmd, scp  A ==link== B  sshd	slurmctld, munged: 127.0.0.1 of a
#						network namespace
#
# The time begins before sbatch and ends when no list is left. After each run all bytes
# and names are compared.
#
# From the environment: NODES_FILES (100000); NODES_LIST, files in a list (2500);
# NODES_RTT, ms (50), NODES_RATE, Mbit/s of each link (50); BENCH_FILES_DIR, for two
# copies of the tree, about 2 GB (/dev/shm); see also lab/common.sh.
# Leaves in build/lab/many-nodes: runs.tsv; nodes.txt, the table, which is printed; the
# logs of the last run. Exit: 0 all arrived; 1 something did not; 77 not possible here.

set -eu

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$ROOT/lab/common.sh"

OUT=$BUILD/lab/many-nodes
FILES=${NODES_FILES:-100000}
LIST=${NODES_LIST:-2500}
RTT=${NODES_RTT:-50}
RATE=${NODES_RATE:-50}
NODES=4
PORT=16800

# The tree: many small files, a few large ones, odd names here and there.
make_tree() {
	python3 - "$1" "$FILES" <<-'END'
	import os, random, sys
	top, count = os.fsencode(sys.argv[1]), int(sys.argv[2])
	random.seed(17)
	noise = random.randbytes(1 << 20)
	odd = [b' two  words ', b'-rf', b'new\nline', b'tab\t\\n', b'\xff\xfe', b'*', b'\x01']
	os.mkdir(top)
	for i in range(count):
	    folder = top + b'/%03d/%02d' % (i // 1000, i // 50 % 20)
	    if i % 50 == 0:
	        os.makedirs(folder, exist_ok=True)
	    name = b'%06d' % i
	    if i % 100 == 7:
	        name = odd[i // 100 % len(odd)] + name
	    dice = random.random()
	    if dice < 0.9:
	        size = random.randrange(8192)
	    elif dice < 0.9985:
	        size = random.randrange(8192, 65536)
	    elif i % 10 != 0:
	        size = random.randrange(65536, 1 << 20)
	    else:
	        size = random.randrange(1 << 20, 24 << 20)
	    with open(folder + b'/' + name, 'wb') as f:
	        f.write(b'%d ' % i)
	        while size > 0:
	            at = random.randrange(1 << 19)
	            size -= f.write(noise[at:at + min(size, 1 << 19)])
	END
}

# ------------------------------------------------------------------- cluster --

# on NODE COMMAND ...: as if on that machine: its name and the cluster's network.
on() {
	local node=$1
	shift
	nsenter --net="/proc/$cluster/ns/net" unshare --uts -- sh -c \
	    'hostname "$1" && shift && exec "$@"' sh "$node" "$@"
}

# begin_node NODE COMMAND ...: the same for what stays there. uts.NODE names the
# namespace that this machine alone is in.
begin_node() {
	local node=$1
	shift
	rm -f "uts.$node"
	nsenter --net="/proc/$cluster/ns/net" unshare --uts -- sh -c \
	    'hostname "$1" && readlink "/proc/$$/ns/uts" >"uts.$1" && shift &&
	    exec "$@"' sh "$node" "$@" >"$node.out" 2>&1 &
	pids+=($!)
	# bash would report how it ended
	disown $!
}

slurm_config() {
	local i
	cat <<-END
	ClusterName=lab
	SlurmctldHost=ctl(127.0.0.1)
	SlurmctldPort=$PORT
	SlurmUser=root
	SlurmdUser=root
	AuthType=auth/munge
	AuthInfo=socket=$work/munge.socket
	ProctrackType=proctrack/linuxproc
	TaskPlugin=task/none
	MpiDefault=none
	SelectType=select/linear
	SlurmdParameters=config_overrides
	StateSaveLocation=$work/state
	SlurmdSpoolDir=$work/spool.%n
	SlurmctldPidFile=$work/slurmctld.pid
	SlurmdPidFile=$work/slurmd.%n.pid
	SlurmctldLogFile=$work/slurmctld.log
	SlurmdLogFile=$work/slurmd.%n.log
	SlurmdTimeout=15
	KillWait=5
	MinJobAge=300
	ReturnToService=2
	END
	for ((i = 1; i <= NODES; i++)); do
		printf 'NodeName=n%d NodeAddr=127.0.0.1 Port=%d CPUs=1 State=UNKNOWN\n' \
		    "$i" $((PORT + i))
	done
	echo 'PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP'
}

idle_nodes() {
	on ctl sinfo -h -t idle -o %D 2>/dev/null | awk '{ n += $1 } END { print n + 0 }'
}

begin_cluster() {
	local i
	unshare --net sleep infinity &
	cluster=$!
	pids+=("$cluster")
	wait_until 5 "! [ /proc/$cluster/ns/net -ef /proc/self/ns/net ]" || :
	nsenter --net="/proc/$cluster/ns/net" ip link set lo up
	# Without an address beside 127.0.0.1, getaddrinfo has none for Slurm.
	nsenter --net="/proc/$cluster/ns/net" ip address add 10.213.255.1/32 dev lo
	mkdir -p state
	mungekey --create --keyfile="$work/munge.key" || die 'mungekey fails'
	munged --foreground --force --socket="$work/munge.socket" \
	    --key-file="$work/munge.key" --pid-file="$work/munge.pid" \
	    --log-file="$work/munge.log" --seed-file="$work/munge.seed" \
	    >munged.out 2>&1 &
	pids+=($!)
	wait_until 10 '[ -S munge.socket ]' ||
	    die "munged does not start: $(tail -n 1 munged.out)"
	slurm_config >slurm.conf
	echo 'CgroupPlugin=autodetect' >cgroup.conf
	export SLURM_CONF=$work/slurm.conf
	begin_node ctl slurmctld -D -f "$SLURM_CONF"
	for ((i = 1; i <= NODES; i++)); do
		begin_node "n$i" slurmd -D -f "$SLURM_CONF"
	done
	wait_until 60 '[ "$(idle_nodes)" = $NODES ]' || {
		tail -n 3 slurmctld.log slurmd.*.log ctl.out n?.out >&2 || :
		die 'Slurm does not begin, see above'
	}
}

# kill_node NODE: everything on it, at once, as a power cut would; and nothing else:
# what is in the namespace of its name, which no other process is in.
kill_node() {
	local pids_there uts own
	uts=$(cat "uts.$1")
	own=$(readlink /proc/$$/ns/uts)
	case $uts in
	'uts:['[1-9]*']') ;;
	*) die "uts.$1 names no namespace: '$uts'" ;;
	esac
	case $own in
	'' | "$uts") die "$1 has no namespace of its own" ;;
	esac
	[ "$uts" != "$(readlink /proc/1/ns/uts)" ] ||
	    die "$1 has no namespace of its own"
	# More than once: it may be starting something just now.
	for _ in 1 2 3; do
		pids_there=$(find /proc/[0-9]*/ns/uts -maxdepth 0 \
		    -printf '%l %p\n' 2>/dev/null | awk -v uts="$uts" '
		$1 == uts { split($2, p, "/"); print p[3] }')
		# shellcheck disable=SC2086 # several words
		[ -z "$pids_there" ] ||
		    ${KILL_NODE:-kill -KILL} $pids_there 2>/dev/null || :
	done
}

# after PID FILES: when that process is gone, end what it has left. Slurm's step daemons
# outlive what started them, and lab.sh gives us less time than all files take.
after() {
	local node
	while kill -0 "$1" 2>/dev/null; do
		sleep 1
	done
	for node in uts.*; do
		[ ! -e "$node" ] || (kill_node "${node#uts.}") || :
	done
	rm -rf "$2"
}

# ----------------------------------------------------------------------- runs --

jobs_left() {
	on ctl squeue -h -o %i 2>/dev/null | wc -l
}

check_copy() {
	local n
	diff -r --no-dereference "$files/from" "$files/to" >differences 2>&1 ||
	    die "$1: not all arrived as it was: $(head -n 3 differences)"
	n=$(find "$files/to" -type f -printf x | wc -c)
	[ "$n" = "$FILES" ] || die "$1: $n files arrived, not $FILES"
}

# run_nodes NAME NODES [KILL]
run_nodes() {
	local name=$1 n=$2 kill=${3-} begun took killed=-
	local job=$work/job
	rm -rf "$job" "$files/to"
	begun=$EPOCHREALTIME
	SCP=$work/scp "$ROOT/packaging/many-nodes/many-nodes" plan -f "$LIST" "$job" \
	    "$files/from" "target:$files/to" 2>plan.out || die "plan: $(cat plan.out)"
	plan_time=$(calc "$EPOCHREALTIME - $begun" %.1f)
	set -- "$job"/todo/*
	local half=$(($# / 3))
	begun=$EPOCHREALTIME
	on ctl sbatch -Q --array="1-$n" --output="$work/slurm-%a.out" \
	    "$job/many-nodes.sbatch" "$job" >sbatch.out 2>&1 ||
	    die "sbatch: $(tail -n 1 sbatch.out)"
	if [ -n "$kill" ]; then
		wait_until 1800 '[ "$(find "$job/done" -type f | wc -l)" -ge $half ]' || :
		kill_node "n$kill"
		killed=$(calc "$EPOCHREALTIME - $begun" %.1f)
		say "$name: n$kill died after $killed s; $(find "$job/done" -type f |
		    wc -l) lists were done"
	fi
	wait_until 1800 '[ -z "$(find "$job/todo" -type f -print -quit)" ]' || {
		"$job/many-nodes" sum "$job" || :
		tail -n 3 slurm-*.out >&2 || :
		die "$name: not done"
	}
	took=$(calc "$EPOCHREALTIME - $begun" %.1f)
	if [ -n "$kill" ]; then
		# Slurm misses the node after SlurmdTimeout, and queues its task
		# again, to begin in two minutes. There is nothing left for it.
		wait_until 60 'on ctl squeue -h -o %T | grep -q PENDING' ||
		    die "$name: Slurm has not queued the task again"
		say "$name: $(on ctl squeue -h -o 'task %i of the dead node is %T (%r)')"
		on ctl scancel -u root
	fi
	wait_until 60 '[ "$(jobs_left)" = 0 ]' || die "$name: tasks are left:" \
	    "$(on ctl squeue -h)"
	"$job/many-nodes" sum "$job" >sum.out 2>&1 || {
		cat sum.out >&2
		die "$name: sum says something is left"
	}
	sed 's/^/    /' sum.out
	# Of a worker that died there is nothing to say.
	cat slurm-*.out 2>/dev/null | grep 'lists done here' | sed 's/^/    /' || :
	rm -f slurm-*.out
	check_copy "$name"
	log_bytes=$(cat "$job"/done/* | wc -c)
	row "$name" "$n" "$took"
}

run_plain() {
	local begun
	rm -rf "$files/to"
	begun=$EPOCHREALTIME
	on n1 "$work/scp" -q -B -r -p "$files/from" "target:$files/to" </dev/null ||
	    die 'scp -r fails'
	row plain 1 "$(calc "$EPOCHREALTIME - $begun" %.1f)"
	check_copy plain
}

row() {
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$FILES" "$bytes" \
	    "${plan_time--}" "${log_bytes--}" >>"$OUT/runs.tsv"
	say "$1: $3 s with $2 nodes"
}

inside() {
	local i lines run prefix
	work_dir many-nodes/work
	files=$(new_dir)
	pids=()
	# Whatever becomes of us.
	env -u LAB_RUN setsid "$ROOT/lab/many-nodes.sh" --after $$ "$files" \
	    >/dev/null 2>&1 </dev/null &
	trap 'kill "${pids[@]}" 2>/dev/null || :; stop "${pids[@]}"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	readarray -t lines < <(stage_lines "$HPN_STAGE")
	{
		echo '#!/bin/sh'
		echo '# scp on the node that runs this, through its own line'
		echo 'case $(hostname) in'
	} >scp
	for ((i = 1; i <= NODES; i++)); do
		prefix=NODE_${i}_A
		LAB_A=${!prefix}
		prefix=NODE_${i}_B
		LAB_B=${!prefix}
		server "n$i" "$HPN_STAGE" "${lines[@]}"
		pids+=("$server_pid")
		client "n$i" "$server_port"
		echo "n$i) enter='$LAB_A' ;;" >>scp
	done
	cat >>scp <<-END
	esac
	# shellcheck disable=SC2086
	exec \$enter '$HPN_STAGE/bin/scp' -S '$HPN_STAGE/bin/ssh' \\
	    -F "$work/\$(hostname).ssh_config" "\$@"
	END
	chmod +x scp
	say "making $FILES files"
	make_tree "$files/from"
	bytes=$(find "$files/from" -type f -printf '%s\n' | awk '{ n += $1 }
	    END { printf "%.0f", n }')
	begin_cluster
	for run; do
		case $run in
		plain) run_plain ;;
		dies) run_nodes dies 4 2 ;;
		*) run_nodes "nodes-$run" "$run" ;;
		esac
	done
	rm -f host user munge.key
}

table() {
	awk -F '\t' -v rtt="$RTT" -v rate="$RATE" '
	{ if (!($1 in took)) order[++n] = $1
	  took[$1] = $3; nodes[$1] = $2; files[$1] = $4; bytes[$1] = $5
	  plan[$1] = $6; logs[$1] = $7 }
	END {
		printf "%d files, %.0f MB; each node has %s Mbit/s, %s ms\n",
		    files[order[1]], bytes[order[1]] / 1e6, rate, rtt
		printf "%-10s %5s %8s %8s %9s %10s\n", "run", "nodes", "seconds",
		    "MB/s", "of line", "with 1"
		for (i = 1; i <= n; i++) {
			r = order[i]
			printf "%-10s %5d %8.1f %8.1f %8.0f%% %10s\n", r, nodes[r],
			    took[r], bytes[r] / took[r] / 1e6,
			    bytes[r] * 8 / took[r] / nodes[r] / rate / 1e4,
			    took["nodes-1"] ? sprintf("%.2f", took["nodes-1"] / took[r]) : "-"
			if (plan[r] != "-")
				said = sprintf("plan: %s s; lists and logs: %.0f bytes a file",
				    plan[r], logs[r] / files[r])
		}
		if (said != "")
			print said
	}' "$OUT/runs.tsv"
}

if [ "${1-}" = --inside ]; then
	shift
	inside "$@"
	exit
fi
if [ "${1-}" = --after ]; then
	after "$2" "$3"
	exit
fi
# --nest N: one more link, with N of them there already.
if [ "${1-}" = --nest ]; then
	n=$2
	shift 2
	if [ "$n" -gt 0 ]; then
		export "NODE_${n}_A=$LAB_A" "NODE_${n}_B=$LAB_B"
	fi
	if [ "$n" = "$NODES" ]; then
		exec "$ROOT/lab/many-nodes.sh" --inside "$@"
	fi
	exec "$ROOT/lab/lab.sh" run --rtt "$RTT" --rate "$RATE" -- \
	    "$ROOT/lab/many-nodes.sh" --nest $((n + 1)) "$@"
fi
for run; do
	case $run in
	plain | [1-4] | dies) ;;
	*)
		sed -n 's/^# usage: /usage: /p' "${BASH_SOURCE[0]}" >&2
		exit 2
		;;
	esac
done
[ $# != 0 ] || set -- plain 1 2 4 dies
for tool in fpart slurmctld slurmd sbatch squeue sinfo munged mungekey; do
	command -v "$tool" >/dev/null 2>&1 || die "$tool is not installed. Run" \
	    "base/deps.sh nodes, or: apt-get install slurm-wlm munge fpart parallel"
done
need awk timeout python3
[ "$(id -u)" = 0 ] || {
	echo 'openssh-hpn: a Slurm of its own, in namespaces, is for root only' >&2
	exit 77
}
[ -x "$HPN_STAGE/sbin/sshd" ] || die "$HPN_STAGE is not there: run make build"
build_flow
"$ROOT/lab/lab.sh" check || exit
mkdir -p "$OUT"
: >"$OUT/runs.tsv"
"$ROOT/lab/many-nodes.sh" --nest 0 "$@"
table | tee "$OUT/nodes.txt"
