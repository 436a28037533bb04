# SPDX-License-Identifier: ISC
#
# Threads that seal and open packets: the same bytes as without, with every
# cipher and MAC, with stock on the other end where there is one, through
# rekeyings, compression, new sessions on the connection, the end of either
# side; and what is wrong with a packet is found as ever.
#
# usage: make t-exec LTESTS=hpn-threads
#
# Stock peers: those that TEST_SSH_STOCK_SSH and TEST_SSH_STOCK_SSHD name.

tid="hpn threads"

. $SRC/hpn-lib

hpn_helper hpn-delay
make_tmpdir
hpn_random $HPN_DATA 6
CTL=$SSH_REGRESS_TMP/ctl

# direct "SSH OPTION LINES" "SSHD OPTION LINES" [RELAY OPTIONS]: no delay.
direct ()
{
	(
		printf '%s\n' "$2"
		cat $OBJ/sshd_proxy
	) >$HPN_SSHD_CONFIG
	(
		printf 'Host *\n%s\n' "$1"
		cat $OBJ/ssh_config
		echo "ProxyCommand $OBJ/hpn-delay $3 `hpn_server`"
	) >$HPN_SSH_CONFIG
	hpn_forget
}

# has_threads WHAT SIDE...: these sides say that they have.
has_threads ()
{
	_what=$1
	shift
	for _side in "$@"; do
		grep 'hpn_workers_seals: .*: [0-9]* threads' \
		    `hpn_log_of $_side` >/dev/null || \
		    fail "$_what: no threads seal at the $_side"
		grep 'hpn_workers_opens: .*: [0-9]* threads' \
		    `hpn_log_of $_side` >/dev/null || \
		    fail "$_what: no threads open at the $_side"
	done
}

# echoed WHAT: both directions at once.
echoed ()
{
	hpn_ssh host cat <$HPN_DATA >$HPN_COPY || fail "$1: exit status $?"
	hpn_same "$1"
}

aead="aes128-gcm@openssh.com aes256-gcm@openssh.com
    chacha20-poly1305@openssh.com"
macs=`$REAL_SSH -Q mac`
each=
for c in $aead; do
	$REAL_SSH -Q cipher | grep -x $c >/dev/null && each="$each $c:"
done
for m in $macs; do
	each="$each aes128-ctr:$m"
done
each="$each aes192-ctr:umac-64-etm@openssh.com aes256-ctr:hmac-sha2-256"

for pair in $each; do
	cipher=${pair%%:*} mac=${pair#*:}
	lines="Ciphers $cipher"
	test -z "$mac" || lines="$lines
MACs $mac"
	for threads in 1 4; do
		what="$cipher $mac, $threads threads"
		verbose "$what"
		direct "$lines
HPNThreads $threads
RekeyLimit 1M" "$lines
HPNThreads $threads"
		echoed "$what"
		has_threads "$what" client server
	done
done

# The keystream ring, beside a side without.
for pair in aes128-ctr:umac-64-etm@openssh.com aes192-ctr:hmac-sha2-256 \
    aes256-ctr:umac-128@openssh.com; do
	lines="Ciphers ${pair%%:*}
MACs ${pair#*:}"
	for peer in "HPNThreads ring:3" "HPNThreads 0" "HPNThreads 2" \
	    "HPNDisabled yes"; do
		what="$pair, ring, other side: $peer"
		verbose "$what"
		direct "$lines
HPNThreads ring:2
RekeyLimit 4M" "$lines
$peer"
		echoed "$what"
		grep 'keystream' $HPN_LOG_CLIENT >/dev/null || \
		    fail "$what: no thread makes keystream"
	done
done

# One side has threads, the other has none.
for pair in aes128-gcm@openssh.com: chacha20-poly1305@openssh.com: \
    aes128-ctr:umac-64@openssh.com aes256-ctr:hmac-sha2-512-etm@openssh.com
do
	cipher=${pair%%:*} mac=${pair#*:}
	$REAL_SSH -Q cipher | grep -x $cipher >/dev/null || continue
	lines="Ciphers $cipher"
	test -z "$mac" || lines="$lines
MACs $mac"

	what="$cipher $mac, threads at the client only"
	verbose "$what"
	direct "$lines
HPNThreads 3
RekeyLimit 2M" "HPNThreads 0
$lines"
	echoed "$what"
	has_threads "$what" client

	what="$cipher $mac, threads at the server only"
	verbose "$what"
	direct "$lines
HPNDisabled yes" "HPNThreads 8
RekeyLimit 1M
$lines"
	echoed "$what"
	has_threads "$what" server
done

# Stock on the other side.
n=0
for pair in $each; do
	cipher=${pair%%:*} mac=${pair#*:}
	lines="Ciphers $cipher"
	test -z "$mac" || lines="$lines
MACs $mac"
	n=`expr $n % 8 + 1`
	for ssh in $TEST_SSH_STOCK_SSH; do
		what="$cipher $mac, stock ssh, $n threads at the server"
		verbose "$what"
		direct "$lines" "HPNThreads $n
RekeyLimit 1M
$lines"
		grep -iv '^hpn\|^none' $HPN_SSH_CONFIG >$OBJ/hpn_stock_config
		$ssh -F $OBJ/hpn_stock_config -E $HPN_LOG_CLIENT host cat \
		    <$HPN_DATA >$HPN_COPY || fail "$what: exit status $?"
		hpn_same "$what"
		has_threads "$what" server
	done
	for sshd in $TEST_SSH_STOCK_SSHD; do
		what="$cipher $mac, stock sshd, $n threads at the client"
		verbose "$what"
		direct "$lines
HPNThreads $n
RekeyLimit 1M" "$lines"
		cp $HPN_SSHD_CONFIG $OBJ/hpn_stock_config
		hpn_stock_only $OBJ/hpn_stock_config
		hpn_stock_server="$sshd -i -f $OBJ/hpn_stock_config -E $HPN_LOG_SERVER"
		sed "s|^ProxyCommand .*|ProxyCommand $OBJ/hpn-delay $hpn_stock_server|" \
		    $HPN_SSH_CONFIG >$HPN_SSH_CONFIG.stock
		mv $HPN_SSH_CONFIG.stock $HPN_SSH_CONFIG
		echoed "$what"
		hpn_was_stock "$what"
		has_threads "$what" client
	done
done
test -n "$TEST_SSH_STOCK_SSH$TEST_SSH_STOCK_SSHD" || \
    verbose "skipped: stock peers (TEST_SSH_STOCK_SSH, TEST_SSH_STOCK_SSHD)"

# Keys anew all the time, and compression.
for limit in 1K 16K 64K; do
	what="rekeying each $limit, compressed"
	verbose "$what"
	direct "RekeyLimit $limit
Compression yes
HPNThreads 2" "HPNThreads 3"
	dd if=$HPN_DATA of=$HPN_DATA.small bs=1024 count=200 2>/dev/null
	hpn_ssh host cat <$HPN_DATA.small >$HPN_COPY || \
	    fail "$what: exit status $?"
	hpn_same "$what" $HPN_DATA.small
done

# Packets of all sizes, one at a time and many at once.
what="packets of few bytes"
direct "HPNThreads 2" "HPNThreads 2"
for n in 1 2 3 15 16 17 255 1000 4095 32767 32768 32769; do
	dd if=$HPN_DATA bs=$n count=7 2>/dev/null
	sleep .02
done >$HPN_DATA.small
for n in 1 2 3 15 16 17 255 1000 4095 32767 32768 32769; do
	dd if=$HPN_DATA bs=$n count=7 2>/dev/null
	sleep .02
done | hpn_ssh host cat >$HPN_COPY || fail "$what: exit status $?"
hpn_same "$what" $HPN_DATA.small

# Each new session makes sshd fork while threads are at work.
what="sessions on one connection"
verbose "$what"
direct "HPNThreads 4" "HPNThreads 4"
hpn_ssh -M -S $CTL -f -N host || fatal "$what: cannot start"
for i in 1 2 3 4 5 6; do
	hpn_ssh -S $CTL host cat <$HPN_DATA >$HPN_COPY.$i &
	sleep .1
	hpn_ssh -S $CTL host true || fail "$what: a short session failed"
done
wait
for i in 1 2 3 4 5 6; do
	hpn_same "$what, $i" $HPN_DATA $HPN_COPY.$i
done
hpn_ssh -S $CTL -O exit host 2>/dev/null
has_threads "$what" client server

# Another channel that always has more to send than the link takes keeps no
# session away.
for threads in 0 2; do
	what="a session beside a flood, $threads threads"
	verbose "$what"
	direct "HPNThreads $threads" "HPNThreads $threads" \
	    "-b 65536 -r 20000000"
	$SSH -F $HPN_SSH_CONFIG -E $HPN_LOG_CLIENT -M -S $CTL -N host &
	master=$!
	for j in `seq \`hpn_times 10\``; do
		test -S $CTL && break
		sleep 1
	done
	$SSH -F $HPN_SSH_CONFIG -S $CTL host "cat >/dev/null" </dev/zero &
	flood=$!
	sleep 2
	for i in 1 2 3; do
		$SSH -F $HPN_SSH_CONFIG -S $CTL host "echo here" \
		    >$HPN_COPY </dev/null &
		session=$!
		for j in `seq \`hpn_times 10\``; do
			kill -0 $session 2>/dev/null || break
			sleep 1
		done
		kill $session 2>/dev/null && fail "$what: it waits"
		grep here $HPN_COPY >/dev/null || fail "$what: it failed"
	done
	# A master that hears nobody would not hear -O exit either.
	kill $flood $master 2>/dev/null
	wait $flood $master 2>/dev/null
done

# Either side dies.
for victim in client server; do
	what="$victim killed"
	verbose "$what"
	direct "HPNThreads 4" "HPNThreads 4"
	rm -f $SSH_REGRESS_TMP/pid
	# The session's process is the parent of the command.
	$SSH -F $HPN_SSH_CONFIG -E $HPN_LOG_CLIENT host \
	    "echo \$PPID >$SSH_REGRESS_TMP/pid; cat /dev/zero" >/dev/null &
	client=$!
	hpn_pid_in $SSH_REGRESS_TMP/pid
	sleep 1
	case $victim in
	client)	kill -9 $client ;;
	server)	kill -9 $pid ;;
	esac
	for i in `seq \`hpn_times 10\``; do
		kill -0 $client 2>/dev/null || kill -0 $pid 2>/dev/null || break
		sleep 1
	done
	kill -0 $client 2>/dev/null && fail "$what: the client hangs"
	kill -0 $pid 2>/dev/null && fail "$what: the server hangs"
	wait $client 2>/dev/null
done

# Bulk data, a rest that gives memory back at both ends, and bulk data again.
for threads in auto 0 4; do
	what="a rest, HPNThreads $threads"
	direct "HPNThreads $threads" "HPNThreads $threads"
	(cat $HPN_DATA; sleep 4; cat $HPN_DATA) | hpn_ssh host cat \
	    >$HPN_COPY || fail "$what: exit status $?"
	cat $HPN_DATA $HPN_DATA | cmp - $HPN_COPY || fail "$what: data differ"
	for side in client server; do
		grep 'hpn_idle_channels: after' `hpn_log_of $side` \
		    >/dev/null || fail "$what: the $side did not rest"
	done
done

# A bit that changes on the way, anywhere in a packet: both ends say what they
# say without threads, and nothing of that packet or after it arrives.
for cipher in aes128-gcm@openssh.com chacha20-poly1305@openssh.com; do
	$REAL_SSH -Q cipher | grep -x $cipher >/dev/null || continue
	for way in up down; do
		for at in 1000000 1000001 1000002 1000003 1016001 1032771; do
			for threads in 0 4; do
				what="$cipher, bit $way at $at, $threads threads"
				direct "Ciphers $cipher
HPNThreads $threads" "HPNThreads $threads" "-x $way:$at"
				case $way in
				up)	log=$HPN_LOG_SERVER
					hpn_ssh host "cat >$HPN_COPY" \
					    <$HPN_DATA 2>/dev/null ;;
				down)	log=$HPN_LOG_CLIENT
					hpn_ssh host cat $HPN_DATA \
					    >$HPN_COPY 2>/dev/null ;;
				esac && fail "$what: not found"
				sleep .1
				len=`wc -c <$HPN_COPY`
				test $len -lt 1100000 || \
				    fail "$what: $len bytes arrived"
				cmp $HPN_DATA $HPN_COPY 2>&1 | \
				    grep EOF >/dev/null || \
				    fail "$what: data differ"
				sed '/^debug[0-9]/d;s/port [0-9]*//' $log | grep -i 'corrupt\|incorrect\|bad packet\|padding error' | \
				    sed 's/[0-9][0-9]*/N/g' | sort -u \
				    >$OBJ/hpn-said.$threads
				test -s $OBJ/hpn-said.$threads || \
				    fail "$what: nobody says so"
			done
			cmp -s $OBJ/hpn-said.0 $OBJ/hpn-said.4 || {
				cat $OBJ/hpn-said.0 $OBJ/hpn-said.4
				fail "$what: said otherwise than without threads"
			}
		done
	done
done
rm -f $HPN_DATA* $HPN_COPY* $OBJ/hpn-said.*
