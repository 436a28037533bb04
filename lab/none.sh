# SPDX-License-Identifier: ISC
# Cleartext on request: the part none of bench.sh, which sources this file
# (bash) and whose functions it uses.
#
# A pipe, up and down, through ours with aes128-gcm, switched to cipher none
# with the MAC that it chooses, and switched without a MAC; and the same pipes
# with only TCP between them (socat). Rate, and user + system seconds of both
# ends for each GB. On loopback, where processors are the limit, the rate is
# that of the whole transfer; at 100 ms and 1 Gbit/s that of its second half.
#
# From the environment: BENCH_RUNS (loopback 5, link 1); BENCH_NONE_BYTES
# (loopback 2000000000, link 1500000000; a multiple of 8).

NONE_CASES='aes128-gcm none-mac none raw'
# Of socat: what ours reads from a pipe in one trip.
NONE_BLOCK=524288

none_part() {
	local runs=5 run way case length_of=2000000000
	if [ "$LAB_MODE" != loopback ]; then
		runs=1 length_of=1500000000
	fi
	length_of=${BENCH_NONE_BYTES:-$length_of}
	runs=${BENCH_RUNS:-$runs}
	for ((run = 1; run <= runs; run++)); do
		for way in up down; do
			# shellcheck disable=SC2086 # several words
			for case in $(rounds "$run" $NONE_CASES); do
				none_once "$case" "$way" "$run" "$length_of"
			done
		done
	done
}

# none_once CASE WAY RUN BYTES
none_once() {
	local case=$1 way=$2 run=$3 per_gb mac='' status=0 product=ours
	client_lines=() server_lines=('NoneEnabled yes' 'NoneMacEnabled yes')
	case $case in
	none-mac)
		client_lines=('NoneEnabled yes' 'NoneSwitch yes'
		    'LogLevel INFO')
		;;
	none)
		client_lines=('NoneEnabled yes' 'NoneSwitch yes'
		    'NoneMacEnabled yes' 'LogLevel INFO')
		;;
	esac
	case $case in
	raw)
		product=raw
		none_raw "$way" "$4" || status=1
		;;
	aes128-gcm) counted_transfer "$way" ours "$4" aes128-gcm || status=1 ;;
	*)
		counted_transfer "$way" ours "$4" || status=1
		grep -q 'NOT ENCRYPTED' transfer.log || status=1
		mac=$(sed -n 's/.*NOT ENCRYPTED.*MAC \([^ ]*\)).*/, \1/p' \
		    transfer.log)
		;;
	esac
	client_lines=() server_lines=()
	if [ "$status" != 0 ]; then
		failed "$case" "$way" "$product" "$run" \
		    "$(tail -n 1 transfer.log)"
		return 0
	fi
	[ "$LAB_MODE" = loopback ] || rate=$rate2
	record "$case" "$way" "$product" "$run" rate "$rate" MB/s
	record "$case" "$way" "$product" "$run" cpu "$per_gb" s/GB
	progress "$case" "$way" "$product" \
	    "$rate MB/s, $per_gb s/GB of processor$mac"
}

# TCP alone between the same pipes. none_raw up|down BYTES
none_raw() {
	local status=0 port far near
	local source="$FLOW source -n $2" sink="$FLOW sink -o $work/report"
	rm -f report usage.server usage.client
	port=$(b_port)
	far="$LAB_B $FLOW usage -o $work/usage.server -- socat -u -b $NONE_BLOCK"
	near="$LAB_A $FLOW usage -o $work/usage.client -- socat -u -b $NONE_BLOCK"
	# shellcheck disable=SC2086
	if [ "$1" = up ]; then
		timeout "$LIMIT" $far "TCP-LISTEN:$port" - 2>transfer.log |
		    timeout "$LIMIT" $sink 2>>transfer.log &
		background+=("$!")
		timeout "$LIMIT" $source | timeout "$LIMIT" $near - \
		    "TCP:$LAB_ADDR_B:$port,retry=50,interval=0.1" \
		    2>>transfer.log || status=1
	else
		timeout "$LIMIT" $source 2>/dev/null |
		    timeout "$LIMIT" $far - "TCP-LISTEN:$port" \
		    2>transfer.log &
		background+=("$!")
		timeout "$LIMIT" $near \
		    "TCP:$LAB_ADDR_B:$port,retry=50,interval=0.1" - \
		    2>>transfer.log | timeout "$LIMIT" $sink 2>>transfer.log ||
		    status=1
	fi
	wait "${background[@]}" || status=1
	background=()
	[ "$status" = 0 ] && read_report && [ "$bytes" = "$2" ] || return 1
	per_gb=$(cat usage.client usage.server | awk -v bytes="$2" \
	    '{ cpu += $2 } END { printf "%.4f", cpu * 1e9 / bytes }')
}

# From none.tsv: medians, beside aes128-gcm and TCP.
none_table() {
	[ -f none.tsv ] || return 0
	awk -F '\t' '
	function median(list,    v, n, i, j, t) {
		n = split(list, v, " ")
		for (i = 2; i <= n; i++)
			for (j = i; j > 1 && v[j] + 0 < v[j - 1] + 0; j--) {
				t = v[j]; v[j] = v[j - 1]; v[j - 1] = t
			}
		return n == 0 ? "" : n % 2 ? v[(n + 1) / 2] : \
		    (v[n / 2] + v[n / 2 + 1]) / 2
	}
	function cell(v, f) { return v == "" ? "-" : sprintf(f, v) }
	function part_of(a, b) {
		return a == "" || b + 0 == 0 ? "-" : sprintf("%.2f", a / b)
	}
	function judge(a, b, by) {
		if (a == "" || b == "")
			return " not measured"
		return " " by (a >= by * b ? " met" : " MISSED")
	}
	$1 == "none" && $8 != "failed" {
		list[$4, $3, $2, $8] = list[$4, $3, $2, $8] " " $9
		rtt[$4 + 0]
	}
	END {
		printf "\nCleartext on request: a pipe, as in none.sh. CPU: " \
		    "user + system seconds of both ends per GB.\n"
		printf "%4s %-5s %-11s %9s %7s %8s %11s %8s %11s %8s\n", "ms",
		    "way", "cipher", "MB/s", "s/GB", "/gcm", "target",
		    "/TCP", "target", "CPU/gcm"
		split("up down", ways, " ")
		split("aes128-gcm none-mac none raw", cases, " ")
		for (r in rtt)
			for (w = 1; w <= 2; w++)
				for (c = 1; c <= 4; c++) {
					k = r SUBSEP ways[w] SUBSEP cases[c]
					b = r SUBSEP ways[w] SUBSEP
					v = median(list[k, "rate"])
					s = median(list[k, "cpu"])
					g = median(list[b "aes128-gcm",
					    "rate"])
					gs = median(list[b "aes128-gcm",
					    "cpu"])
					t = median(list[b "raw", "rate"])
					tg = tt = ""
					if (r == 0 && cases[c] == "none") {
						tg = judge(v, g, 1.2)
						tt = judge(v, t, 0.85)
					} else if (r == 0 &&
					    cases[c] == "none-mac")
						tg = judge(v, g, 1.0)
					else if (r > 0 && cases[c] ~ /none/)
						tt = judge(v, t, 0.95)
					printf "%4s %-5s %-11s %9s %7s %8s " \
					    "%11s %8s %11s %8s\n", r, ways[w],
					    cases[c] == "raw" ? "TCP" : \
					    cases[c], cell(v, "%.1f"),
					    cell(s, "%.3f"), part_of(v, g),
					    tg, part_of(v, t), tt,
					    part_of(s, gs)
				}
	}' none.tsv
}
