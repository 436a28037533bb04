#!/bin/bash
# SPDX-License-Identifier: ISC
# Where the processor time of a transfer over loopback goes, ours beside
# stock: seconds per GB by stage, of the client and of the server.
#
# usage: lab/profile.sh [--calls] [--cipher NAME] [--way up|down]
#            [--what pipe|scp] [--bytes N] [--top N] [ours|stock ...]
#
#	--calls	  count system calls with strace instead of sampling with perf;
#		  what happens by itself where perf cannot sample
#	--cipher  as ssh knows it; aes128-gcm@openssh.com
#	--way	  up, client to server; down
#	--what	  pipe: flow | ssh target flow; scp: a file in memory
#	--bytes	  2000000000, a multiple of 8; of --calls, 500000000
#	--top	  symbols shown for each stage (4)
#
# Stages, by what the processor was doing when it was sampled:
#	file, pipe    system calls on files, pipes and the local sockets that
#		      join ssh or sshd to its neighbours; with scp, all of scp,
#		      sftp-server and their files is apart, as "transfer"
#	packet	      code of ssh or sshd and what it calls of libc: buffers,
#		      packets, channels, copying and clearing
#	cipher, MAC   libcrypto, and ssh's own ciphers and MACs
#	socket	      system calls on the connection, and TCP within them
#	poll, signal  poll, signal masks, clocks, random numbers
#	memory	      page faults, mmap, brk
#	other	      the rest: starting, key exchange, the kernel's own work
#
# perf samples by the clock, since counters are not there in many virtual
# machines; without the right to sample the kernel (root, or
# kernel.perf_event_paranoid at most 1) it sees no system calls, and this uses
# strace. Samples and strace's counts are left in build/lab/profile.
# From the environment: see lab/common.sh. Needs perf (linux-perf) or strace.

set -eu

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$ROOT/lab/common.sh"

OUT=$BUILD/lab/profile
# Of samples for each second of processor time.
HZ=1999
LIMIT=300

usage() {
	sed -n '/^# usage:/,/^# Stages/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" |
	    sed '$d' >&2
	exit 2
}

cipher=aes128-gcm@openssh.com
way=up
what=pipe
bytes=
top=4
by=perf
inside=
products=()
given=("$@")
while [ $# -gt 0 ]; do
	case $1 in
	--inside) inside=1 ;;
	--calls) by=strace ;;
	--cipher | --way | --what | --bytes | --top)
		[ $# -ge 2 ] || usage
		declare "${1#--}=$2"
		shift
		;;
	ours | stock) products+=("$1") ;;
	*) usage ;;
	esac
	shift
done
case $way:$what in
up:pipe | down:pipe | up:scp | down:scp) ;;
*) usage ;;
esac
[[ $bytes$top =~ ^[0-9]+$ ]] || usage
[ ${#products[@]} -gt 0 ] || products=(ours stock)

# Whether perf samples user and kernel here; why not, otherwise.
perf_samples() {
	local paranoid try=$OUT/try.data
	command -v perf >/dev/null 2>&1 || {
		echo 'perf is not installed (linux-perf)'
		return 1
	}
	paranoid=$(cat /proc/sys/kernel/perf_event_paranoid 2>/dev/null ||
	    echo 4)
	if [ "$(id -u)" != 0 ] && [ "$paranoid" -gt 1 ]; then
		echo "only root may sample the kernel here" \
		    "(kernel.perf_event_paranoid is $paranoid)"
		return 1
	fi
	if ! perf record -q -e cpu-clock -F $HZ -o "$try" -- \
	    dd if=/dev/zero of=/dev/null bs=64k count=20000 \
	    >"$OUT/try.log" 2>&1; then
		echo "perf record: $(tail -n 1 "$OUT/try.log")"
		rm -f "$try"
		return 1
	fi
	perf script -i "$try" -F ip,sym 2>/dev/null | grep -q read_zero ||
	    {
		echo 'perf does not see the kernel here'
		rm -f "$try"
		return 1
	}
	rm -f "$try" "$OUT/try.log"
}

# transfer: of $bytes, by $ssh and $conf, with the client run through $wrap.
transfer() {
	local source="$FLOW source -n $bytes" sink="$FLOW sink -o $work/report"
	rm -f report
	# shellcheck disable=SC2086
	case $what:$way in
	pipe:up)
		$source | timeout $LIMIT $wrap $LAB_A "$stage/bin/ssh" \
		    -F "$conf" target "$sink"
		;;
	pipe:down)
		timeout $LIMIT $wrap $LAB_A "$stage/bin/ssh" -F "$conf" \
		    target "$source" </dev/null | $sink
		;;
	scp:up)
		timeout $LIMIT $wrap $LAB_A "$stage/bin/scp" -q -F "$conf" \
		    -S "$stage/bin/ssh" "$files/file" "target:$files/copy" \
		    </dev/null
		;;
	scp:down)
		timeout $LIMIT $wrap $LAB_A "$stage/bin/scp" -q -F "$conf" \
		    -S "$stage/bin/ssh" "target:$files/file" "$files/copy" \
		    </dev/null
		;;
	esac
	if [ "$what" = scp ]; then
		$sink <"$files/copy"
		rm -f "$files/copy"
	fi
	wait_until 10 '[ -s report ]' && grep -q '^ok' report
}

# The server when its sessions are gone. It is sshd that is ended: what watches
# it ends then, too, and writes down what it has seen.
end_server() {
	local sshd
	sshd=$(pgrep -P "$server_pid") || :
	if [ -n "$sshd" ]; then
		wait_until 5 "! pgrep -P $sshd >/dev/null" || :
		kill "$sshd" 2>/dev/null || :
	fi
	wait_until 10 "! kill -0 $server_pid 2>/dev/null" || :
	stop "$server_pid"
	server_pid=
}

# One line for each sample: STAGE SIDE SYMBOL. Of perf script.
stages() {
	awk -v side="$1" '
	function flush(    stage) {
		if (n == 0 || comm == "")
			return
		stage = stage_of()
		if (stage != "")
			print stage "\t" side "\t" sym[1]
	}
	function of_kernel(object) {
		return object ~ /^\(\[/ && object !~ /vdso|unknown/
	}
	function stage_of(    i, kernel) {
		kernel = of_kernel(dso[1])
		if (comm == "scp" || comm == "sftp-server")
			return "transfer"
		# Of sshd and its children, what is not the path of the data.
		if (comm != "ssh" && comm !~ /^sshd/)
			return ""
		if (comm == "sshd" || comm == "sshd-auth")
			return "other"
		if (!kernel) {
			if (dso[1] ~ /libcrypto/ || sym[1] ~ cipher_code)
				return "cipher, MAC"
			if (dso[1] ~ /vdso/ || sym[1] ~ /^(__)?p?poll$|sigprocmask|clock_gettime/)
				return "poll, signal"
			if (dso[1] ~ /\/ld-linux|\/ld-[0-9]/ ||
			    sym[1] ~ key_exchange)
				return "other"
			return "packet"
		}
		for (i = 1; i <= n; i++)
			if (sym[i] ~ /page_fault|sys_(brk|mmap|munmap|madvise|mremap|mprotect)$/)
				return "memory"
		for (i = 1; i <= n; i++)
			if (sym[i] ~ /sys_(ppoll|poll|rt_sig|clock_|getrandom|pselect)|do_sys_poll/)
				return "poll, signal"
		for (i = 1; i <= n; i++)
			if (sym[i] ~ /^(unix_|pipe_|anon_pipe_|fifo_|ext4_|shmem_|generic_file_)/)
				return "file, pipe"
		for (i = 1; i <= n; i++)
			if (sym[i] ~ /^(tcp_|inet_|inet6_|__tcp|sock_(read|write|send|recv)|__sys_(send|recv)|ip_|__ip_)/)
				return "socket"
		for (i = 1; i <= n; i++)
			if (sym[i] ~ /sys_(read|write|readv|writev|fcntl)$/)
				return "file, pipe"
		return "other"
	}
	BEGIN {
		key_exchange = "^(crypto_|sntrup|libcrux|fe25519|ge25519|" \
		    "sc25519|Small_|Rounded_|mult$|square$|_dl_|do_lookup)"
		cipher_code = "^(chacha|poly1305|umac|nh_|poly_|poly64|" \
		    "pdf_|cipher_|chachapoly|aes|AES|EVP|mac_|ssh_hmac|" \
		    "ssh_digest|uhash|ip_|kdf|hash_)"
	}
	/^[^ \t]/ {
		flush()
		comm = $0
		sub(/[ \t]+[0-9\/]*[ \t]*$/, "", comm)
		n = 0
		next
	}
	# Of the kernel all frames, up to the system call; of the program only
	# the first one, for it keeps no frame pointers.
	/^[ \t]+[0-9a-f]+ / {
		if (n > 0 && !(of_kernel(dso[1]) && of_kernel($NF)))
			next
		n++
		dso[n] = $NF
		sym[n] = $2
		next
	}
	END { flush() }'
}

# profile PRODUCT: appends to ./samples.
profile() {
	local product=$1 lines wrap side status=0
	local record="perf record -q -e cpu-clock -F $HZ --call-graph fp"
	stage=$HPN_STAGE
	[ "$product" = ours ] || stage=$STOCK_STAGE
	conf=$work/$product.ssh_config
	readarray -t lines < <(stage_lines "$stage")
	rm -f "$OUT/$product".*.data
	server "$product" "$stage" \
	    -p "$record -o $OUT/$product.server.data --" "${lines[@]}"
	client "$product" "$server_port"
	printf '\tCiphers %s\n' "$cipher" >>"$conf"
	wrap="$record -o $OUT/$product.client.data --"
	transfer 2>"$product.err" || status=1
	end_server
	[ "$status" = 0 ] || die "the transfer through $product failed:" \
	    "$(tail -n 1 "$product.err")"
	for side in client server; do
		perf script -i "$OUT/$product.$side.data" -F comm,tid,ip,sym,dso \
		    2>/dev/null | stages "$side" | sed "s/^/$product	/"
	done >>samples
}

table() {
	awk -F '\t' -v hz="$HZ" -v bytes="$bytes" -v top="$top" \
	    -v products="${products[*]}" '
	{
		count[$1, $2, $3]++
		total[$1, $3]++
		all[$1]++
		symbol[$1, $2, $4]++
		names[$2, $4]
	}
	function per_gb(c) { return c / hz * 1e9 / bytes }
	END {
		np = split(products, p, " ")
		ns = split("transfer|file, pipe|packet|cipher, MAC|socket|" \
		    "poll, signal|memory|other", s, "|")
		printf "%-14s", "s/GB (share)"
		for (i = 1; i <= np; i++)
			printf "   %-14s %-14s %-7s", p[i] " client", "server",
			    "both"
		printf "\n"
		for (j = 1; j <= ns; j++) {
			seen = 0
			for (i = 1; i <= np; i++)
				seen += count[p[i], s[j], "client"] + \
				    count[p[i], s[j], "server"]
			if (!seen)
				continue
			printf "%-14s", s[j]
			for (i = 1; i <= np; i++) {
				c = count[p[i], s[j], "client"]
				d = count[p[i], s[j], "server"]
				printf "   %.3f (%4.1f%%)  %.3f (%4.1f%%)  %.3f  ",
				    per_gb(c), total[p[i], "client"] ? \
				    100 * c / total[p[i], "client"] : 0,
				    per_gb(d), total[p[i], "server"] ? \
				    100 * d / total[p[i], "server"] : 0,
				    per_gb(c + d)
			}
			printf "\n"
		}
		printf "%-14s", "all"
		for (i = 1; i <= np; i++)
			printf "   %.3f          %.3f          %.3f  ",
			    per_gb(total[p[i], "client"]),
			    per_gb(total[p[i], "server"]), per_gb(all[p[i]])
		printf "\n"
		for (i = 1; i <= np; i++) {
			printf "\n%s, the most of each stage, %% of all:\n",
			    p[i]
			for (j = 1; j <= ns; j++) {
				line = ""
				for (t = 1; t <= top; t++) {
					best = ""
					for (k in names) {
						split(k, q, SUBSEP)
						c = symbol[p[i], q[1], q[2]]
						if (q[1] == s[j] && c > 0 && \
						    !((i, k) in told) && \
						    (best == "" || c > most)) {
							best = k
							most = c
						}
					}
					if (best == "")
						break
					told[i, best]
					split(best, q, SUBSEP)
					line = line sprintf("  %s %.1f", q[2],
					    100 * most / all[p[i]])
				}
				if (line != "")
					printf "  %-13s%s\n", s[j], line
			}
		}
	}' samples
}

# calls PRODUCT: system calls of client and server, by strace -c.
calls() {
	local product=$1 lines wrap status=0
	local count="strace -f -c -S calls -U calls,time,name"
	stage=$HPN_STAGE
	[ "$product" = ours ] || stage=$STOCK_STAGE
	conf=$work/$product.ssh_config
	readarray -t lines < <(stage_lines "$stage")
	server "$product" "$stage" \
	    -p "$count -o $OUT/$product.server.calls" "${lines[@]}"
	client "$product" "$server_port"
	printf '\tCiphers %s\n' "$cipher" >>"$conf"
	wrap="$count -o $OUT/$product.client.calls"
	transfer 2>"$product.err" || status=1
	end_server
	[ "$status" = 0 ] || die "the transfer through $product failed:" \
	    "$(tail -n 1 "$product.err")"
}

calls_table() {
	local product side
	for product in "${products[@]}"; do
		for side in client server; do
			awk -v bytes="$bytes" -v side="$side" \
			    -v product="$product" '
			NF == 3 && $1 ~ /^[0-9]+$/ && $3 != "total" {
				s = "other"
				if ($3 ~ /^(read|write|readv|writev|sendto|recvfrom|sendmsg|recvmsg|splice|pread64|pwrite64)$/)
					s = "read and write"
				else if ($3 ~ /poll|select|sig|clock|getrandom/)
					s = "poll, signal, random"
				else if ($3 ~ /mmap|munmap|brk|mprotect|madvise|mremap/)
					s = "memory"
				else if ($3 == "futex")
					s = "threads"
				n[s] += $1
				if ($1 * 1e9 / bytes >= 100)
					most = most sprintf("  %s %d", $3,
					    $1 * 1e9 / bytes)
			}
			END {
				printf "%-6s %-7s", product, side
				m = split("read and write|poll, signal, " \
				    "random|memory|threads|other", g, "|")
				for (i = 1; i <= m; i++)
					printf "  %s: %d", g[i],
					    n[g[i]] * 1e9 / bytes
				printf "\n               %s\n", most
			}' "$OUT/$product.$side.calls"
		done
	done
}

run_inside() {
	local product place=/dev/shm
	server_pid=
	work_dir profile/work
	if [ "$what" = scp ]; then
		[ -w "$place" ] || place=$work
		files=$(new_dir "$place")
	fi
	trap 'stop "$server_pid"; rm -rf "${files-}"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	[ "$what" = pipe ] || "$FLOW" source -n "$bytes" >"$files/file" ||
	    die "cannot write $files/file"
	: >samples
	for product in "${products[@]}"; do
		if [ "$by" = perf ]; then
			profile "$product"
		else
			calls "$product"
		fi
	done
	printf '%s %s, %s, %s MB over loopback\n\n' "$what" "$way" "$cipher" \
	    "$((bytes / 1000000))"
	if [ "$by" = perf ]; then
		[ -s samples ] || die 'perf recorded no sample of ssh or sshd'
		table
		printf '\nSampling itself slows things a little; take the'
		printf ' totals from bench.sh.\nLook further with:'
		printf ' perf report -i %s/ours.client.data\n' \
		    "${OUT#"$ROOT/"}"
	else
		printf 'System calls per GB:\n'
		calls_table
	fi
}

if [ -z "$inside" ]; then
	need awk timeout pgrep
	need_stages
	build_flow
	mkdir -p "$OUT"
	if [ "$by" = perf ] && ! why=$(perf_samples); then
		say "no profile by time: $why"
		by=strace
		given+=(--calls)
	fi
	[ "$by" != strace ] || need strace
	status=0
	"$ROOT/lab/lab.sh" run --loopback -- "$ROOT/lab/profile.sh" --inside \
	    "${given[@]}" || status=$?
	rm -rf "$OUT/work"
	exit "$status"
fi
if [ -z "$bytes" ]; then
	bytes=2000000000
	[ "$by" = perf ] || bytes=500000000
fi
run_inside
