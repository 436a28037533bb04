#!/bin/bash
# SPDX-License-Identifier: ISC
# What it costs to seal and to open a packet, ours beside stock, for each
# cipher and MAC and packet size: one table.
#
# usage: lab/crypt.sh [-r ROUNDS] [-t MS] [-s "SIZE ..."] [CIPHER[:MAC] ...]
#
# SIZE is a packet's payload, bytes. By default all of the ciphers and MACs that
# are proposed to a peer are measured; without :MAC a cipher of that list is
# measured with its MACs of that list.
#
# Runs lab/crypt.c linked with either build's libssh.a, by turns, ROUNDS (15)
# times MS (2) milliseconds for each figure, and takes the least: what is
# left of noise is below 3 % on an idle machine. All of it takes a minute.
#
# From the environment: BASE; HPN_OBJ, STOCK_OBJ, object directories to compare,
# build/obj/hpn-$BASE and build/obj/stock-$BASE.
#
# Leaves in build/lab/crypt: samples.tsv, every figure taken; table.tsv; and
# report.txt, the table printed. Exit: 0 when everything was measured, whatever
# the figures are; 1 when something broke or the two did not seal the same bytes.

set -eu

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$ROOT/lab/common.sh"

OUT=$BUILD/lab/crypt
HPN_OBJ=${HPN_OBJ:-$BUILD/obj/hpn-$BASE}
STOCK_OBJ=${STOCK_OBJ:-$BUILD/obj/stock-$BASE}
ROUNDS=15
MS=2
SIZES='1 16 64 256 1024 4096 16384 32768 65536 262000'
# What an SSH_MSG_CHANNEL_DATA of 32 KiB makes of it is measured, too.
SIZES="$SIZES 32777"
CTR_MACS='umac-64-etm@openssh.com umac-128-etm@openssh.com
hmac-sha2-256-etm@openssh.com hmac-sha2-512-etm@openssh.com
umac-64@openssh.com hmac-sha2-256'

usage() {
	sed -n '/^# usage:/,/^# measured with/s/^# \{0,1\}//p' \
	    "${BASH_SOURCE[0]}" >&2
	exit 2
}

is_number() {
	case $1 in
	''|0*|*[!0-9]*) return 1 ;;
	esac
}

# pairs_of CIPHER[:MAC]: the "CIPHER MAC" lines that it stands for.
pairs_of() {
	local mac
	case $1 in
	*:*)	printf '%s %s\n' "${1%%:*}" "${1#*:}" ;;
	*gcm*|chacha20*) printf '%s -\n' "$1" ;;
	*)	for mac in $CTR_MACS; do
			printf '%s %s\n' "$1" "$mac"
		done ;;
	esac
}

while getopts r:t:s: option; do
	case $option in
	r)	ROUNDS=$OPTARG ;;
	t)	MS=$OPTARG ;;
	s)	SIZES=$OPTARG ;;
	*)	usage ;;
	esac
done
shift $((OPTIND - 1))
is_number "$ROUNDS" && is_number "$MS" || usage
for size in $SIZES; do
	is_number "$size" || usage
done
SIZES=$(printf '%s\n' $SIZES | sort -n -u)
[ $# -gt 0 ] || set -- aes128-gcm@openssh.com aes256-gcm@openssh.com \
    chacha20-poly1305@openssh.com aes128-ctr aes192-ctr aes256-ctr

need make awk sort
mkdir -p "$OUT"
rm -f "$OUT"/*.tsv "$OUT/report.txt"
build_with "$HPN_OBJ" "$OUT/crypt-hpn" crypt
build_with "$STOCK_OBJ" "$OUT/crypt-stock" crypt
for cipher; do
	pairs_of "$cipher"
done >"$OUT/pairs"

for ((round = 1; round <= ROUNDS; round++)); do
	[ ! -t 2 ] || printf '\r  round %d of %d ' "$round" "$ROUNDS" >&2
	while read -r cipher mac; do
		# Who goes first changes: it finds the processor in another state
		if [ $((round % 2)) = 0 ]; then
			turn='hpn stock'
		else
			turn='stock hpn'
		fi
		for name in $turn; do
			# $SIZES unquoted: one argument each
			"$OUT/crypt-$name" -t "$MS" "$cipher" "$mac" $SIZES \
			    >"$OUT/run" ||
			    die "$name with $cipher $mac failed, see above"
			sed "s/^/$name	/" "$OUT/run" >>"$OUT/samples.tsv"
		done
	done <"$OUT/pairs"
done
[ ! -t 2 ] || printf '\r\033[K' >&2
rm -f "$OUT/run"

# Least of each figure, in the order of the first round.
awk -F '\t' -v OFS='\t' '
	{
		key = $2 OFS $3 OFS $4
		if (!(key in seen)) {
			seen[key] = $7
			order[++n] = key
		}
		if (seen[key] != $7) {
			print "openssh-hpn: error: " $2 " " $3 ", " $4 \
			    " bytes: not sealed to the same bytes by ours " \
			    "and by stock" >"/dev/stderr"
			failed = 1
			exit
		}
		for (i = 5; i <= 6; i++) {
			k = $1 i key
			if (!(k in least) || $i + 0 < least[k])
				least[k] = $i + 0
		}
	}
	END {
		if (failed)
			exit 1
		print "cipher", "mac", "bytes", "seal_hpn_ns",
		    "seal_stock_ns", "open_hpn_ns", "open_stock_ns"
		for (j = 1; j <= n; j++)
			print order[j], least["hpn" 5 order[j]],
			    least["stock" 5 order[j]],
			    least["hpn" 6 order[j]], least["stock" 6 order[j]]
	}' "$OUT/samples.tsv" >"$OUT/table.tsv"

awk -F '\t' '
	function short(name) {
		sub(/@openssh.com$/, "", name)
		return name
	}
	function rate(bytes, ns) {
		return bytes * 1000 / ns
	}
	function note(ratio, what) {
		if (ratio > worst) {
			worst = ratio
			where = short($1) " " short($2) ", " $3 " bytes, " what
		}
		log_sum += log(ratio)
		count++
	}
	NR == 1 {
		format = "%-18s %-17s %6s | %8s %8s %5s %6s | %8s %8s %5s %6s\n"
		printf format, "", "", "", "seal", "", "", "ours", "open", "",
		    "", "ours"
		printf format, "cipher", "mac", "bytes", "ours ns", "stock ns",
		    "ratio", "MB/s", "ours ns", "stock ns", "ratio", "MB/s"
		next
	}
	{
		printf "%-18s %-17s %6d | %8.0f %8.0f %5.2f %6.0f | " \
		    "%8.0f %8.0f %5.2f %6.0f\n", short($1), short($2), $3,
		    $4, $5, $4 / $5, rate($3, $4), $6, $7, $6 / $7,
		    rate($3, $6)
		note($4 / $5, "seal")
		note($6 / $7, "open")
	}
	END {
		printf "\nratio: ours to stock, below 1 is faster. " \
		    "Worst: %.3f (%s). Geometric mean: %.2f.\n", worst, where,
		    exp(log_sum / count)
	}' "$OUT/table.tsv" >"$OUT/report.txt"
cat "$OUT/report.txt"
