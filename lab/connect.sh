#!/bin/bash
# SPDX-License-Identifier: ISC
# How many round trips it takes to connect: each command with our ssh and stock's
# on our sshd and stock's, over an emulated link of 200 ms and without delay,
# next to each other in time.
#
# usage: lab/connect.sh
#
# Round trips are the median time over the link, less the median without delay,
# over the delay. CPU is the client's own time without delay, with its children.
#
# From the environment: CONNECT_RUNS, how often (5); CONNECT_RTT, another delay in
# ms than 200; CONNECT_WAYS, only these functions below; see also lab/common.sh.
# Leaves in build/lab/connect: times.tsv, every time taken; connect.txt, the
# table, which is printed, too.

set -eu

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$ROOT/lab/common.sh"

OUT=$BUILD/lab/connect
RTT=${CONNECT_RTT:-200}
RUNS=${CONNECT_RUNS:-5}

# What is tried; $ssh_bin, $scp_bin and $conf say how.
true_key() { "${run[@]}" "$ssh_bin" -F "$conf" target true; }
true_agent() {
	SSH_AUTH_SOCK=$work/agent "${run[@]}" "$ssh_bin" -F "$conf" target true
}
terminal() { "${run[@]}" "$ssh_bin" -F "$conf" -tt target true; }
jump() { "${run[@]}" "$ssh_bin" -F "$conf" jumped true; }
tiny_up() {
	"${run[@]}" "$scp_bin" -q -F "$conf" "$work/tiny" target:"$work/copy"
}
tiny_down() {
	"${run[@]}" "$scp_bin" -q -F "$conf" target:"$work/tiny" "$work/copy"
}
git_remote() {
	GIT_SSH_COMMAND="$ssh_bin -F $conf" GIT_SSH_VARIANT=ssh \
	    "${run[@]}" git ls-remote "target:$work/repository"
}

inside() {
	local client server way took begun
	work_dir connect/work
	trap 'stop "${pids[@]}"' EXIT
	read -ra run <<<"timeout 60 $LAB_A"
	echo tiny >tiny
	"$STOCK_STAGE/bin/ssh-agent" -D -a "$work/agent" >/dev/null 2>&1 &
	pids=($!)
	wait_until 10 "[ -S $work/agent ]"
	SSH_AUTH_SOCK=$work/agent "$STOCK_STAGE/bin/ssh-add" -q user
	ways='true_key true_agent terminal jump tiny_up tiny_down'
	if command -v git >/dev/null; then
		git init -q --bare repository
		ways="$ways git_remote"
	fi
	ways=${CONNECT_WAYS:-$ways}
	for server in stock ours; do
		local stage=$STOCK_STAGE lines port
		[ "$server" = stock ] || stage=$HPN_STAGE
		readarray -t lines < <(stage_lines "$stage")
		server "$server-jump" "$stage" "${lines[@]}"
		pids+=("$server_pid")
		port=$server_port
		server "$server" "$stage" "${lines[@]}"
		pids+=("$server_pid")
		client "$server" "$server_port" "$port"
	done
	TIMEFORMAT='%R %U %S'
	# Without delay the first is not counted
	for ((i = LAB_RTT > 0; i <= RUNS; i++)); do
		for way in $ways; do
			for server in stock ours; do
				for client in stock ours; do
					ssh_bin=$STOCK_STAGE/bin/ssh
					[ "$client" = stock ] ||
					    ssh_bin=$HPN_STAGE/bin/ssh
					scp_bin=${ssh_bin%ssh}scp
					conf=$work/$server.ssh_config
					{ time $way </dev/null >out 2>err ||
					    die "$way: $(tail -n 1 err)"; } 2>took
					[ "$i" = 0 ] || printf '%s\t%s\t%s\t%s\t%s\n' \
					    "$way" "$client" "$server" "$LAB_RTT" \
					    "$(tail -n 1 took | tr ' ' '\t')" \
					    >>"$OUT/times.tsv"
				done
			done
		done
	done
}

if [ "${1-}" = --inside ]; then
	inside
	exit
fi
[ $# = 0 ] || {
	sed -n 's/^# usage: /usage: /p' "${BASH_SOURCE[0]}" >&2
	exit 2
}
need awk timeout
need_stages
build_flow
mkdir -p "$OUT"
: >"$OUT/times.tsv"
for link in --loopback "--rtt $RTT --rate 1000"; do
	# shellcheck disable=SC2086 # options
	"$ROOT/lab/lab.sh" run $link -- "$ROOT/lab/connect.sh" --inside
done
rm -rf "$OUT/work"
awk -F '\t' -v rtt="$RTT" '
function median(key, n, i, j, t, v) {
	n = count[key]
	for (i = 1; i <= n; i++)
		v[i] = value[key, i]
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && v[j] < v[j - 1]; j--) {
			t = v[j]; v[j] = v[j - 1]; v[j - 1] = t
		}
	return v[int((n + 1) / 2)]
}
function add(key, x) { value[key, ++count[key]] = x }
{
	pair = $1 "\t" $2 " to " $3
	if (!(pair in seen)) {
		seen[pair] = 1
		pairs[++n] = pair
	}
	near = $4 + 0 < rtt
	add(pair (near ? "near" : "far"), $5)
	if (near)
		add(pair "cpu", $6 + $7)
}
END {
	printf "%-11s %-14s %7s %8s %8s %8s\n", "command", "client, server",
	    "trips", "far, s", "near, s", "cpu, s"
	for (i = 1; i <= n; i++) {
		split(pairs[i], p, "\t")
		far = median(pairs[i] "far")
		close_ = median(pairs[i] "near")
		printf "%-11s %-14s %7.1f %8.3f %8.3f %8.3f\n", p[1], p[2],
		    (far - close_) * 1000 / rtt, far, close_, median(pairs[i] "cpu")
	}
}' "$OUT/times.tsv" | tee "$OUT/connect.txt"
