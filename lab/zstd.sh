#!/bin/bash
# SPDX-License-Identifier: ISC
# What compression gains and costs: text over a slow line, random data where
# processors are the limit.
#
# usage: lab/zstd.sh [ROUNDS]		(3)
#
# Text is the source in build/tree/$BASE, eight times over: it repeats itself after
# more than a window of zstd's. It goes up a line of 100 Mbit/s and 20 ms. A
# gigabyte of random data goes up over loopback. Each of: no compression, zlib (by
# HPNDisabled) and zstd at some levels. Processor time is user + system seconds of
# ssh and of sshd with its children, for each GB.
#
# Leaves in build/lab/zstd: samples.tsv (data, case, MB/s of payload, s/GB), and
# report.txt, the table of medians, which is printed. Exit: 0 when all arrived.

set -eu

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$ROOT/lab/common.sh"

OUT=$BUILD/lab/zstd
TEXT_CASES='none zlib zstd-1 zstd-3 zstd-6 zstd-9'
RANDOM_CASES='none zstd-3 none zstd-3 none zstd-3'

lines_of() {
	case $1 in
	none) echo '	Compression no' ;;
	zlib) printf '	%s\n' 'Compression yes' 'HPNDisabled yes' ;;
	zstd-*) printf '	%s\n' 'Compression yes' "ZstdLevel ${1#zstd-}" ;;
	esac
}

# once DATA CASE
once() {
	local begun lasted size unused client_cpu server_cpu lines=()
	rm -f usage.*
	mapfile -t lines < <(stage_lines "$HPN_STAGE")
	server "$2" "$HPN_STAGE" -p "$FLOW usage -o $work/usage.server --" \
	    "${lines[@]}"
	client "$2" "$server_port"
	printf '\tCiphers aes128-gcm@openssh.com\n' >>"$2.ssh_config"
	lines_of "$2" >>"$2.ssh_config"
	size=$(stat -c %s "$OUT/$1")
	begun=$EPOCHREALTIME
	# shellcheck disable=SC2086
	timeout 120 "$FLOW" usage -o "$work/usage.client" -- $LAB_A \
	    "$HPN_STAGE/bin/ssh" -F "$2.ssh_config" target \
	    'cat >/dev/null' <"$OUT/$1" || die "$1, $2: ssh failed"
	lasted=$(calc "$EPOCHREALTIME - $begun" %.4f)
	stop "$server_pid"
	wait_until 5 '[ -s usage.server ]' || die "$1, $2: no usage of sshd"
	read -r unused client_cpu unused <usage.client
	read -r unused server_cpu unused <usage.server
	printf '%s\t%s\t%s\t%s\n' "$1" "$2" \
	    "$(calc "$size / 1e6 / $lasted" %.2f)" \
	    "$(calc "($client_cpu + $server_cpu) * 1e9 / $size" %.3f)" |
	    tee -a "$OUT/samples.tsv"
}

if [ "${1-}" = --inside ]; then
	work_dir zstd/work
	shift
	for case in "${@:2}"; do
		once "$1" "$case"
	done
	exit 0
fi

rounds=${1:-3}
build_flow
rm -rf "$OUT"
mkdir -p "$OUT"
tree=$BUILD/tree/$BASE
for i in 1 2 3 4 5 6 7 8; do
	cat "$tree"/*.[ch158] "$tree"/regress/*.sh
done >"$OUT/text"
head -c 1000000000 /dev/urandom >"$OUT/random"
for ((i = 0; i < rounds; i++)); do
	# shellcheck disable=SC2086 # several words
	"$ROOT/lab/lab.sh" run --rtt 20 --rate 100 -- \
	    "$ROOT/lab/zstd.sh" --inside text $TEXT_CASES
	# shellcheck disable=SC2086
	"$ROOT/lab/lab.sh" run --loopback -- \
	    "$ROOT/lab/zstd.sh" --inside random $RANDOM_CASES
done
rm -f "$OUT/random" "$OUT/text"
sort -t '	' -k 1,1r -k 2,2 -k 4,4n "$OUT/samples.tsv" | awk -F '\t' '
function median(list,	v, n) {
	n = split(list, v, " ")
	return v[int((n + 1) / 2)]
}
{
	key = $1 "\t" $2
	if (!(key in cpu)) order[++n] = key
	cpu[key] = cpu[key] " " $4
	rates[key] = rates[key] " " $3
}
END {
	printf "%-8s %-8s %8s %8s\n", "data", "case", "MB/s", "s/GB"
	for (i = 1; i <= n; i++) {
		split(order[i], k, "\t")
		m = split(rates[order[i]], r, " ")
		# by insertion
		for (a = 2; a <= m; a++)
			for (b = a; b > 1 && r[b] + 0 < r[b - 1] + 0; b--) {
				t = r[b]; r[b] = r[b - 1]; r[b - 1] = t
			}
		printf "%-8s %-8s %8.1f %8.3f\n", k[1], k[2],
		    r[int((m + 1) / 2)], median(cpu[order[i]])
	}
}' | tee "$OUT/report.txt"
