# SPDX-License-Identifier: ISC
#
# Keys are exchanged anew while windows grow: nothing is lost, doubled or out
# of order, windows still grow, and what measures the round trip survives it.
#
# usage: make t-exec LTESTS=hpn-rekey

tid="hpn rekey during growth"

. $SRC/hpn-lib

hpn_helper hpn-delay
hpn_random $HPN_DATA.8 8
hpn_random $HPN_DATA.40 40

# rekeyed WHAT LEAST: at least so many key exchanges after the first.
rekeyed ()
{
	_n=`grep -c 'SSH2_MSG_NEWKEYS received' $HPN_LOG_CLIENT`
	_n=`expr $_n - 1`
	verbose "$1: $_n rekeyings"
	test $_n -ge $2 || fail "$1: $_n rekeyings, fewer than $2"
}

# A limit on either side, or both; one that leaves time to grow, and one that
# interrupts every half window.
for limit in 1M:8:6 12M:40:2; do
	size=${limit%%:*} mib=${limit#*:} least=${limit##*:}
	mib=${mib%:*}
	for who in client server both; do
		line="RekeyLimit $size"
		case $who in
		client)	hpn_config "$line" "" ;;
		server)	hpn_config "" "$line" ;;
		both)	hpn_config "$line" "$line" ;;
		esac
		for receiver in client server; do
			what="limit $size on $who, $receiver receives"
			hpn_forget
			case $receiver in
			client)
				hpn_ssh host cat $HPN_DATA.$mib >$HPN_COPY ;;
			server)
				hpn_ssh host "cat >$HPN_COPY" <$HPN_DATA.$mib ;;
			esac || fail "$what: exit status $?"
			hpn_same "$what" $HPN_DATA.$mib
			# What is under way when the receiver asks comes first,
			# and that can be all the rest.
			if test $who = $receiver; then
				test `grep -c 'SSH2_MSG_KEXINIT sent' \
				    \`hpn_log_of $receiver\`` -ge 2 || \
				    fail "$what: nobody asked for new keys"
			else
				rekeyed "$what" $least
			fi
			test $mib -lt 40 || hpn_grew "$what" $receiver
		done
	done
done

# Both directions at once, with each way of encrypting.
for cipher in aes128-gcm@openssh.com chacha20-poly1305@openssh.com aes128-ctr
do
	$REAL_SSH -Q cipher | grep -x $cipher >/dev/null || continue
	what="echo, $cipher"
	hpn_config "Ciphers $cipher" "RekeyLimit 12M"
	hpn_ssh host cat <$HPN_DATA.40 >$HPN_COPY || \
	    fail "$what: exit status $?"
	hpn_same "$what" $HPN_DATA.40
	rekeyed "$what" 2
	hpn_grew "$what" client
	hpn_grew "$what" server
done

# Who mostly receives asks first, a little before the sender would have to: here
# when 94 of 100 MB have come.  Without a delay less than the rest is under way.
# A client that asks sends its half along, and the server takes it.
hpn_random $HPN_DATA.120 120
for receiver in client server; do
	what="$receiver receives and asks"
	hpn_config "RekeyLimit 100M
ProxyCommand `hpn_server`" "RekeyLimit 100M"
	case $receiver in
	client)	hpn_ssh host cat $HPN_DATA.120 >$HPN_COPY ;;
	server)	hpn_ssh host "cat >$HPN_COPY" <$HPN_DATA.120 ;;
	esac || fail "$what: exit status $?"
	hpn_same "$what" $HPN_DATA.120
	rekeyed "$what" 1
	# The second exchange: who sent before receiving asked.
	first=`sed -n 's/.*SSH2_MSG_KEXINIT \([sr][a-z]*\).*/\1/p' \
	    $HPN_LOG_CLIENT | sed -n 3p`
	if test $receiver = client; then
		test "$first" = sent || fail "$what: it was asked"
		grep 'hpn_rekey_guess: .* follows' $HPN_LOG_CLIENT \
		    >/dev/null || fail "$what: nothing was sent along"
		grep 'hpn_rekey_judge: ' $HPN_LOG_CLIENT >/dev/null && \
		    fail "$what: what was sent along was wrong"
	else
		test "$first" = received || fail "$what: it was asked"
		grep 'hpn_rekey_guess: ' $HPN_LOG_CLIENT >/dev/null && \
		    fail "$what: a client that was asked guessed"
	fi
done
rm -f $HPN_DATA.120

# Before it asks, who receives makes the window smaller, which has grown so far.
what="the window before new keys"
HPN_RATE=20000000
hpn_config "RekeyLimit 24M" ""
HPN_RATE=0
# Other programs make round trips, and so windows, of any length: the best of three
for _try in 1 2 3; do
	: >$HPN_LOG_CLIENT
	hpn_ssh host cat $HPN_DATA.40 >$HPN_COPY || \
	    fail "$what: exit status $?"
	hpn_same "$what" $HPN_DATA.40
	set -- `awk '/SSH2_MSG_KEXINIT sent/ && ++n == 2 { exit }
	    /hpn_channels_resize: / && match($0, /now [0-9]*/) {
		last = substr($0, RSTART + 4, RLENGTH - 4)
		if (last + 0 > most + 0)
			most = last
	    } END { print most + 0, last + 0 }' $HPN_LOG_CLIENT`
	verbose "$what: $2, it was $1"
	test $1 -le 16777216 || break
	test $1 -lt 4194304 -o $2 -gt `expr $1 / 20 \* 17` || break
done
# One of nearly all that goes between two exchanges has the next one in it at once
if test $1 -lt 4194304 -o $1 -gt 16777216; then
	hpn_too_slow "$what" "it was $1 at most"
elif test $2 -gt `expr $1 / 20 \* 17`; then
	fail "$what: $2, it was $1"
fi

# A stock server that lists another host key first, here RSA with the longer hash,
# takes no guess.  What it waits for comes along all the same.
if test -x "$TEST_SSH_STOCK_SSHD" && \
    $REAL_SSH -Q key-plain | grep -x ssh-rsa >/dev/null; then
	what="stock's server, whose first host key is another"
	hpn_config "RekeyLimit 12M
HostKeyAlgorithms rsa-sha2-256
ProxyCommand `hpn_link` $TEST_SSH_STOCK_SSHD -i -f $HPN_SSHD_CONFIG \
-E $HPN_LOG_SERVER" "RekeyLimit 12M"
	hpn_stock_only $HPN_SSHD_CONFIG
	hpn_ssh host cat $HPN_DATA.40 >$HPN_COPY || \
	    fail "$what: exit status $?"
	hpn_same "$what" $HPN_DATA.40
	rekeyed "$what" 2
	asked=`grep -c 'hpn_rekey_guess: .* follows' $HPN_LOG_CLIENT`
	verbose "$what: $asked times its half was sent along"
	test $asked -ge 1 || fail "$what: nothing was sent along"
	# An sshd of ours would put what was agreed on first.
	test `sed -n '/peer server KEXINIT/,/host key alg/s/.*host key alg//p' \
	    $HPN_LOG_CLIENT | sort -u | wc -l` -eq 1 || \
	    fail "$what: it is not stock's"
else
	echo "no program of stock's: its host keys were not tried"
fi

# By time, while a forward carries data and nothing else happens.
hpn_config "RekeyLimit default 1" ""
hpn_listen source `expr $PORT + 1` sh -c \
    "for i in 1 2 3; do cat $HPN_DATA.8; sleep 1; done"
hpn_ssh -W 127.0.0.1:`expr $PORT + 1` host </dev/null >$HPN_COPY || \
    fail "-W: exit status $?"
cat $HPN_DATA.8 $HPN_DATA.8 $HPN_DATA.8 >$HPN_DATA.24
hpn_same "-W, rekeyed by time" $HPN_DATA.24
rekeyed "-W, rekeyed by time" 2

rm -f $HPN_DATA*
