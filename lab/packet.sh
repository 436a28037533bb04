# SPDX-License-Identifier: ISC
# What the packet path costs, on loopback: the parts packet, files and idle of
# bench.sh, which sources this file (bash) and whose functions it uses.
#
# packet	a pipe through ours, through stock and through floor (floor.c: the
#		same bytes in sealed records, no protocol), up and down, for
#		each cipher: processor time of both ends per GB, and rate
# files		scp and sftp of one file that lies in memory
# idle		time and processor time that a connection takes to set up,
#		memory of an idle one, processor time of many idle ones,
#		a keystroke's echo
#
# Processor time is user + system of ssh and of sshd with all its children
# (scp, sftp and sftp-server, too), as the kernel reports it when they were
# waited for; the programs that make and check the data are taken off. The
# connection's own set-up is within it; packet reports what that is.
# All is measured in rounds, ours next to stock; figures are medians.
#
# From the environment:
#	BENCH_RUNS		rounds (packet 5, files 3, idle 3)
#	BENCH_CIPHERS		"aes128-gcm chacha20-poly1305 aes128-ctr
#				aes256-gcm"; of files: BENCH_FILES_CIPHERS, the
#				first two
#	BENCH_PACKET_BYTES	1000000000, a multiple of 8
#	BENCH_FLOOR_RECORDS	records for each read and write of floor (16)
#	BENCH_FILES_BYTES	1000000000, a multiple of 8
#	BENCH_FILES_DIR		where files go; /dev/shm when there is room
#	BENCH_FILES_TOOLS	"scp sftp"
#	BENCH_SETUPS		connections for each figure of set-up (20)
#	IDLE_CONNECTIONS	how many are idle at once (200)
#	IDLE_SECONDS		for how long they are watched (30)
#	IDLE_CASES		"setup memory echo many"
#	BENCH_KEYS		keystrokes for each figure of echo (300)

FLOOR=$BUILD/lab/floor
CIPHERS=${BENCH_CIPHERS:-aes128-gcm chacha20-poly1305 aes128-ctr aes256-gcm}
PACKET_BYTES=${BENCH_PACKET_BYTES:-1000000000}
FLOOR_RECORDS=${BENCH_FLOOR_RECORDS:-16}
FILES_BYTES=${BENCH_FILES_BYTES:-1000000000}
FILES_CIPHERS=${BENCH_FILES_CIPHERS:-aes128-gcm chacha20-poly1305}
FILES_TOOLS=${BENCH_FILES_TOOLS:-scp sftp}
SETUPS=${BENCH_SETUPS:-20}
IDLE_CONNECTIONS=${IDLE_CONNECTIONS:-200}
IDLE_SECONDS=${IDLE_SECONDS:-30}
IDLE_CASES=${IDLE_CASES:-setup memory echo many}
# What a connection carries before its memory is looked at again.
BULK_BYTES=500000000
# Connections that are being set up at the same time.
IDLE_AT_ONCE=8

build_floor() {
	local cc=${CC:-cc}
	if [ -x "$FLOOR" ] && [ ! "$ROOT/lab/floor.c" -nt "$FLOOR" ]; then
		return
	fi
	need "${cc%% *}"
	mkdir -p "$BUILD/lab"
	# $cc unquoted: it may carry options, as in make
	$cc -O2 -Wall -Wextra -o "$FLOOR.$$" "$ROOT/lab/floor.c" -lcrypto ||
	    die 'lab/floor.c does not compile; it needs libssl-dev'
	mv -f "$FLOOR.$$" "$FLOOR"
}

# The name that ssh knows a cipher by.
ssh_cipher() {
	case $1 in
	*-gcm | chacha20-poly1305) printf '%s@openssh.com' "$1" ;;
	*) printf '%s' "$1" ;;
	esac
}

# rounds RUN PRODUCT ...: in every second run the other way round.
rounds() {
	local run=$1 i turned=
	shift
	if [ $((run % 2)) = 1 ]; then
		echo "$*"
		return
	fi
	for ((i = $#; i >= 1; i--)); do
		turned="$turned ${!i}"
	done
	echo "$turned"
}

# A server that reports its and its children's processor time when it ends,
# and a client configuration. counted_serve PRODUCT [CIPHER]
counted_serve() {
	rm -f usage.server usage.client report source
	serve "$1" -p "$FLOW usage -o $work/usage.server --"
	use "$1"
	# It belongs to the last block, which is for every host.
	[ $# = 1 ] || printf '\tCiphers %s\n' "$(ssh_cipher "$2")" >>"$conf"
}

# Ends that server when its sessions are gone; sets server_cpu.
counted_end() {
	local unused pid=${server_of[$1]}
	wait_until 5 "[ -z \"\$(descendants $pid sshd-session)\" ]" || :
	stop "$pid"
	unset "server_of[$1]"
	server_cpu=
	[ ! -s usage.server ] || read -r unused server_cpu <usage.server
	[ -n "$server_cpu" ]
}

# ---------------------------------------------------------------- packet ----

packet() {
	local runs=${BENCH_RUNS:-5} run cipher way product
	head -c 32 /dev/urandom >floor.key
	for ((run = 1; run <= runs; run++)); do
		for product in $(rounds "$run" ours stock); do
			setup_cpu "$product" "$run"
		done
		for cipher in $CIPHERS; do
			for way in up down; do
				for product in $(rounds "$run" \
				    floor ours stock); do
					packet_once "$cipher" "$way" \
					    "$product" "$run"
				done
			done
		done
	done
}

# What the processor time of a transfer has in it for its connection.
# setup_cpu PRODUCT RUN
setup_cpu() {
	local product=$1 run=$2 status=0 unused client_cpu server_cpu i
	counted_serve "$product"
	for i in 1 2 3; do
		# shellcheck disable=SC2086
		timeout 30 "$FLOW" usage -o "$work/usage.client.$i" -- \
		    $LAB_A "$ssh_bin" -F "$conf" target true </dev/null \
		    2>transfer.log || status=1
	done
	if ! counted_end "$product" || [ "$status" != 0 ]; then
		failed setup - "$product" "$run" "$(tail -n 1 transfer.log)"
		return 0
	fi
	client_cpu=$(cat usage.client.[123] | awk '{ s += $2 } END { print s }')
	record setup - "$product" "$run" cpu \
	    "$(calc "($client_cpu + $server_cpu) / 3" %.4f)" s
}

packet_once() {
	local cipher=$1 way=$2 product=$3 run=$4 per_gb as=$1
	if [ "$product" = floor ]; then
		# It has no such cipher: aes128-gcm's figures stand there.
		[ "$cipher" != aes128-ctr ] || as=aes128-gcm
		floor_transfer "$as" "$way" || {
			failed "$cipher" "$way" floor "$run" \
			    "$(cat floor.server floor.log | sed -n \
				'/^f[a-z]*:/{p;q;}')"
			return 0
		}
	elif ! counted_transfer "$way" "$product" "$PACKET_BYTES" \
	    "$cipher"; then
		failed "$cipher" "$way" "$product" "$run" \
		    "$(tail -n 1 transfer.log)"
		return 0
	fi
	record "$cipher" "$way" "$product" "$run" rate "$rate" MB/s
	record "$cipher" "$way" "$product" "$run" cpu "$per_gb" s/GB
	progress "$cipher" "$way" "$product" \
	    "$rate MB/s, $per_gb s/GB of processor"
}

# A pipe through ssh; sets per_gb, and what read_report does.
# counted_transfer up|down PRODUCT BYTES [CIPHER]
counted_transfer() {
	local way=$1 product=$2 status=0 unused server_cpu client_cpu other_cpu
	counted_serve "$product" ${4+"$4"}
	length="-n $3"
	usage_of_client="$FLOW usage -o $work/usage.client --"
	transfer pipe "$way" 2>transfer.log || status=1
	usage_of_client=
	counted_end "$product" || status=1
	[ "$status" = 0 ] && [ "$bytes" = "$3" ] || return 1
	read -r unused client_cpu <usage.client
	# The flow at the server's end was its child, too.
	if [ "$way" = up ]; then
		other_cpu=$cpu
	else
		read -r unused unused other_cpu <source
	fi
	per_gb=$(calc "($server_cpu + $client_cpu - $other_cpu) * 1e9 / $3" \
	    %.4f)
}

# The same through floor. floor_transfer CIPHER up|down
floor_transfer() {
	local status=0 unused port send receive here there
	local source="$FLOW source -n $PACKET_BYTES"
	local sink="$FLOW sink -o $work/report"
	local options="-k $work/floor.key -c $1 -b $FLOOR_RECORDS"
	rm -f report usage.server usage.client floor.server
	: >floor.log
	port=$LAB_ADDR_B:$(b_port)
	here="$LAB_A $FLOW usage -o $work/usage.client -- $FLOOR"
	there="$LAB_B $FLOW usage -o $work/usage.server -- $FLOOR"
	send="send $options" receive="receive $options"
	# shellcheck disable=SC2086
	if [ "$2" = up ]; then
		timeout "$LIMIT" $there $receive -L "$port" 2>floor.server |
		    timeout "$LIMIT" $sink 2>floor.log &
		background+=("$!")
		wait_until 10 '[ -s floor.server ]' || return 1
		timeout "$LIMIT" $source 2>>floor.log |
		    timeout "$LIMIT" $here $send -C "$port" 2>>floor.log ||
		    status=1
	else
		timeout "$LIMIT" $source 2>/dev/null |
		    timeout "$LIMIT" $there $send -L "$port" \
		    2>floor.server &
		background+=("$!")
		wait_until 10 '[ -s floor.server ]' || return 1
		timeout "$LIMIT" $here $receive -C "$port" 2>floor.log |
		    timeout "$LIMIT" $sink 2>>floor.log || status=1
	fi
	wait "${background[@]}" || status=1
	background=()
	[ "$status" = 0 ] && read_report && [ "$bytes" = "$PACKET_BYTES" ] ||
	    return 1
	per_gb=$(cat usage.client usage.server | awk -v bytes="$PACKET_BYTES" \
	    '{ cpu += $2 } END { printf "%.4f", cpu * 1e9 / bytes }')
}

# ----------------------------------------------------------------- files ----

files() {
	local runs=${BENCH_RUNS:-3} run cipher way product tool
	local place=${BENCH_FILES_DIR:-/dev/shm} room
	# One file and one copy.
	room=$(df --output=avail -B 1 "$place" 2>/dev/null | tail -n 1) || room=0
	if [ ! -w "$place" ] || [ "${room:-0}" -lt $((FILES_BYTES * 22 / 10)) ]
	then
		printf '  no room for two files in %s: they go below build/\n' \
		    "$place"
		place=$work
	fi
	files_dir=$(new_dir "$place")
	trap 'stop_background; stop "${server_of[@]}"; rm -rf "$files_dir"' EXIT
	"$FLOW" source -n "$FILES_BYTES" >"$files_dir/file" ||
	    die "cannot write $files_dir/file"
	for ((run = 1; run <= runs; run++)); do
		for tool in $FILES_TOOLS; do
			for cipher in $FILES_CIPHERS; do
				for way in up down; do
					for product in $(rounds "$run" \
					    ours stock); do
						files_once
					done
				done
			done
		done
	done
}

# The figures have it all, from the tool's start to its end.
files_once() {
	local status=0 begun lasted server_cpu client_cpu unused per_gb
	local from=$files_dir/file to=$files_dir/copy verb
	local case=$tool/$cipher
	rm -f "$to"
	counted_serve "$product" "$cipher"
	begun=$EPOCHREALTIME
	case $tool in
	scp)
		if [ "$way" = up ]; then
			to=target:$to
		else
			from=target:$from
		fi
		timeout "$LIMIT" "$FLOW" usage -o "$work/usage.client" -- \
		    "${stage_of[$product]}/bin/scp" -q -F "$conf" \
		    -S "$ssh_bin" "$from" "$to" </dev/null \
		    >/dev/null 2>transfer.log || status=1
		;;
	sftp)
		verb='put'
		[ "$way" = up ] || verb='get'
		printf '%s %s %s\n' "$verb" "$from" "$to" >sftp.batch
		timeout "$LIMIT" "$FLOW" usage -o "$work/usage.client" -- \
		    "${stage_of[$product]}/bin/sftp" -q -F "$conf" \
		    -S "$ssh_bin" -b sftp.batch target </dev/null \
		    >/dev/null 2>transfer.log || status=1
		;;
	*) die "BENCH_FILES_TOOLS: no tool $tool" ;;
	esac
	lasted=$(calc "$EPOCHREALTIME - $begun" %.4f)
	counted_end "$product" || status=1
	if [ "$status" = 0 ] && ! "$FLOW" sink -o "$work/report" \
	    <"$files_dir/copy" 2>transfer.log; then
		status=1
	fi
	rm -f "$files_dir/copy"
	if [ "$status" != 0 ] || ! read_report ||
	    [ "$bytes" != "$FILES_BYTES" ]; then
		failed "$case" "$way" "$product" "$run" \
		    "$(tail -n 1 transfer.log)"
		return 0
	fi
	read -r unused client_cpu <usage.client
	rate=$(calc "$FILES_BYTES / 1e6 / $lasted" %.1f)
	per_gb=$(calc "($server_cpu + $client_cpu) * 1e9 / $FILES_BYTES" %.4f)
	record "$case" "$way" "$product" "$run" rate "$rate" MB/s
	record "$case" "$way" "$product" "$run" cpu "$per_gb" s/GB
	progress "$case" "$way" "$product" \
	    "$rate MB/s, $per_gb s/GB of processor"
}

# ------------------------------------------------------------------ idle ----

idle() {
	local runs=${BENCH_RUNS:-3} run case product way
	for case in $IDLE_CASES; do
		for ((run = 1; run <= runs; run++)); do
			case $case in
			setup) setups ;;
			memory)
				for product in $(rounds "$run" ours stock); do
					idle_memory
				done
				;;
			echo)
				serve_both
				for way in idle down up; do
					for product in $(rounds "$run" \
					    ours stock); do
						KEYS=${BENCH_KEYS:-300} \
						    KEY_MS=13 flood_for=2 \
						    echo_once "$way" \
						    "$product" "$run"
					done
				done
				stop "${server_of[@]}"
				server_of=()
				;;
			many)
				# Long, and without noise: once.
				[ "$run" = 1 ] || continue
				for product in ours stock; do
					idle_many
				done
				;;
			*) die "IDLE_CASES: no case $case" ;;
			esac
		done
	done
}

# The median of numbers, one a line.
middle() {
	sort -g | awk '{ v[NR] = $1 } END { if (NR)
		print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

# ssh target true, ours and stock in turn.
setups() {
	local i product begun status client_cpu server_cpu unused
	local -A conf_of=() pid_of=()
	rm -f setup.*
	for product in ours stock; do
		# Two servers at once: each with a report of its own.
		serve "$product" -p "$FLOW usage -o $work/setup.$product --"
		use "$product"
		conf_of[$product]=$conf
	done
	for ((i = 0; i < SETUPS; i++)); do
		for product in $(rounds $((i + run)) ours stock); do
			use "$product"
			status=0
			begun=$EPOCHREALTIME
			# shellcheck disable=SC2086
			timeout 30 "$FLOW" usage -o "$work/usage.client" -- \
			    $LAB_A "$ssh_bin" -F "$conf" target true \
			    </dev/null 2>transfer.log || status=1
			begun=$(calc "($EPOCHREALTIME - $begun) * 1e3" %.3f)
			if [ "$status" != 0 ]; then
				failed setup - "$product" "$run" \
				    "$(tail -n 1 transfer.log)"
				return 0
			fi
			read -r unused client_cpu <usage.client
			printf '%s\n' "$begun" >>"setup.$product.time"
			printf '%s\n' "$client_cpu" >>"setup.$product.cpu"
		done
	done
	for product in ours stock; do
		wait_until 5 "[ -z \"\$(descendants ${server_of[$product]} \
		    sshd-session)\" ]" || :
		stop "${server_of[$product]}"
		unset "server_of[$product]"
		read -r unused server_cpu <"setup.$product"
		begun=$(middle <"setup.$product.time")
		client_cpu=$(awk -v server="$server_cpu" '{ s += $1 }
		    END { printf "%.2f", (s + server) / NR * 1e3 }' \
		    "setup.$product.cpu")
		record setup - "$product" "$run" latency "$begun" ms
		record setup - "$product" "$run" cpu "$client_cpu" ms
		server_cpu=$(calc "$server_cpu * 1e3 / $SETUPS")
		record setup server "$product" "$run" cpu "$server_cpu" ms
		progress setup - "$product" \
		    "$begun ms a connection, $client_cpu ms of processor, \
$server_cpu of them the server's"
	done
}

# memory_of PID ...: sums of RSS and PSS in MiB. What several processes share
# is in RSS for each of them, in PSS it is shared out.
memory_of() {
	local files=("${@/#//proc/}")
	# One program for all of them: there may be thousands.
	{ cat "${files[@]/%//smaps_rollup}" 2>/dev/null </dev/null || :; } | awk '$1 == "Rss:" { rss += $2 } $1 == "Pss:" { pss += $2 }
	    END { printf "%.3f %.3f\n", rss / 1024, pss / 1024 }'
}

# One connection with a session that does nothing, before it has carried
# anything and after it has carried some.
idle_memory() {
	local client status=0 case rss pss side pids
	serve "$product"
	use "$product"
	rm -f ctl
	if ! master; then
		failed memory - "$product" "$run" "$(tail -n 1 master.log)"
		return 0
	fi
	# shellcheck disable=SC2086
	client=$($LAB_A "$ssh_bin" -F "$conf" -S "$work/ctl" -O check target \
	    2>&1 | sed -n 's/.*(pid=\([0-9]*\)).*/\1/p')
	for case in fresh used; do
		if [ "$case" = used ]; then
			# shellcheck disable=SC2086
			"$FLOW" source -n $BULK_BYTES | timeout "$LIMIT" \
			    $LAB_A "$ssh_bin" -F "$conf" -S "$work/ctl" \
			    target "$FLOW sink -o $work/report" \
			    2>transfer.log || status=1
			# shellcheck disable=SC2086
			timeout "$LIMIT" $LAB_A "$ssh_bin" -F "$conf" \
			    -S "$work/ctl" target \
			    "$FLOW source -n $BULK_BYTES" </dev/null \
			    2>>transfer.log |
			    "$FLOW" sink -o "$work/report" 2>>transfer.log ||
			    status=1
		fi
		# Idle: two seconds after the last data memory is given back.
		sleep 4
		for side in client server; do
			pids=$client
			[ "$side" = client ] || pids=$(descendants \
			    "${server_of[$product]}" sshd-session)
			# shellcheck disable=SC2086
			read -r rss pss < <(memory_of $pids)
			if [ "$status" != 0 ] || [ "$pss" = 0.000 ]; then
				failed "$case" "$side" "$product" "$run" \
				    "$(tail -n 1 transfer.log)"
				continue
			fi
			record "$case" "$side" "$product" "$run" rss "$rss" MiB
			record "$case" "$side" "$product" "$run" pss "$pss" MiB
			progress "$case" "$side" "$product" \
			    "RSS $rss MiB, PSS $pss MiB"
		done
	done
	master_end
	stop "${server_of[$product]}"
	unset "server_of[$product]"
}

# Nanoseconds that all threads of these processes have run.
ran_for() {
	local files=("${@/#//proc/}")
	# shellcheck disable=SC2206 # patterns
	files=(${files[@]/%//task/*/schedstat})
	{ cat "${files[@]}" 2>/dev/null </dev/null || :; } | awk '{ ns += $1 } END { printf "%.0f\n", ns }'
}

# How many connections have said that they are there.
idle_up() {
	find up -type f | wc -l
}

# IDLE_CONNECTIONS sessions that wait for input that does not come.
idle_many() {
	local i clients=() pids before after spent rss pss hold way
	way=$IDLE_CONNECTIONS
	if [ ! -r /proc/self/schedstat ]; then
		record many "$way" "$product" "$run" skipped 1 -
		progress many "$way" "$product" \
		    'SKIPPED: no /proc/PID/schedstat in this kernel'
		return 0
	fi
	serve "$product"
	use "$product"
	rm -rf up hold
	mkdir up
	mkfifo hold
	# Both ends are ours, so that it never ends and never has anything.
	exec {hold}<>hold
	for ((i = 1; i <= IDLE_CONNECTIONS; i++)); do
		# shellcheck disable=SC2086
		$LAB_A "$ssh_bin" -F "$conf" -o PermitLocalCommand=yes \
		    -o "LocalCommand=: >$work/up/$i" -o ConnectTimeout=60 \
		    target 'exec cat' <&"$hold" >/dev/null 2>>many.log &
		clients+=("$!")
		background+=("$!")
		wait_until 60 '[ $(($(idle_up) + IDLE_AT_ONCE)) -gt "$i" ]' ||
		    break
	done
	if ! wait_until 60 '[ "$(idle_up)" -ge "$IDLE_CONNECTIONS" ]'; then
		failed many "$way" "$product" "$run" \
		    "only $(idle_up) connections: $(tail -n 1 many.log)"
	else
		sleep 3
		pids=$(descendants "${server_of[$product]}" sshd-session)
		# shellcheck disable=SC2086
		before=$(ran_for "${clients[@]}" $pids)
		sleep "$IDLE_SECONDS"
		# shellcheck disable=SC2086
		after=$(ran_for "${clients[@]}" $pids)
		[ "$before" -gt 0 ] ||
		    die "/proc/PID/schedstat counts nothing in this kernel"
		# shellcheck disable=SC2086
		read -r rss pss < <(memory_of "${clients[@]}" $pids)
		spent=$(calc "($after - $before) / 1e6" %.3f)
		pss=$(calc "$pss / $IDLE_CONNECTIONS")
		record many "$way" "$product" "$run" cpu "$spent" ms
		record many "$way" "$product" "$run" pss "$pss" MiB
		progress many "$way" "$product" "$spent ms of processor in \
$IDLE_SECONDS s, PSS of both ends $pss MiB a connection"
	fi
	exec {hold}>&-
	# One after the other would take long.
	kill "${clients[@]}" 2>/dev/null || :
	stop_background
	stop "${server_of[$product]}"
	unset "server_of[$product]"
}

# ---------------------------------------------------------------- report ----

# From summary.tsv, where floor stands in the column raw.
packet_tables() {
	awk -F '\t' '
	function cell(v) { return v == "" ? "-" : v }
	function target(metric,    b) {
		b = bound[k, metric]
		if (b == "")
			return "-"
		sub(/.* x /, "", b)
		return b " " (verdict[k, metric] == "pass" ? "met" : \
		    verdict[k, metric] == "miss" ? "MISSED" : \
		    verdict[k, metric])
	}
	$1 == "packet" || $1 == "files" {
		if ($2 == "setup") {
			setup = sprintf("Of it, to set up a connection: " \
			    "ours %s s, stock %s s.", cell($7), cell($8))
			next
		}
		k = $1 FS $2 FS $3
		if (!(k in seen)) {
			seen[k]
			key[++n] = k
		}
		if ($5 == "-")
			lost[k] = $13
		ours[k, $5] = $7
		stock[k, $5] = $8
		floor[k, $5] = $9
		to_floor[k, $5] = $10
		to_stock[k, $5] = $11
		bound[k, $5] = $12
		verdict[k, $5] = $13
	}
	END {
		for (i = 1; i <= n; i++) {
			k = key[i]
			split(k, f, FS)
			if (f[1] != part) {
				part = f[1]
				printf "\n%s\n", part == "packet" ? \
				    "A pipe on loopback. CPU: user + system " \
				    "seconds of both ends per GB; floor: no " \
				    "protocol at all." : \
				    "A file on loopback, in memory; from " \
				    "the start of the tool to its end."
				printf "%-23s %-4s | %6s %6s %6s  %6s %-11s " \
				    "%6s %-11s | %7s %7s %7s  %6s %s\n", \
				    "cipher", "way", "ours", "stock", "floor",
				    "/stock", "target", "/floor", "target",
				    "ours", "stock", "floor", "/stock",
				    "target"
			}
			if (k in lost) {
				printf "%-23s %-4s   %s\n", f[2], f[3], lost[k]
				continue
			}
			printf "%-23s %-4s | %6s %6s %6s  %6s %-11s %6s " \
			    "%-11s | %7s %7s %7s  %6s %s\n", f[2], f[3], \
			    cell(ours[k, "cpu"]), cell(stock[k, "cpu"]),
			    cell(floor[k, "cpu"]), cell(to_stock[k, "cpu"]),
			    target("cpu"), cell(to_floor[k, "cpu"]),
			    target("floor"), cell(ours[k, "rate"]),
			    cell(stock[k, "rate"]), cell(floor[k, "rate"]),
			    cell(to_stock[k, "rate"]), target("rate")
			if (part == "packet" && f[2] == "aes128-ctr")
				note = "floor, beside aes128-ctr: with " \
				    "aes128-gcm, for it has no other AES."
		}
		if (setup != "")
			print setup
		if (note != "")
			print note
	}' summary.tsv
}
