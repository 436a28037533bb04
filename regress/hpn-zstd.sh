# SPDX-License-Identifier: ISC
#
# Compression with zstd: when it is agreed on, that data arrive, that text becomes
# smaller, that random data cost nothing, across new keys, with threads, after a
# switch to cleartext; and zlib with a stock program at either end.
#
# usage: make t-exec LTESTS=hpn-zstd

tid="hpn zstd"

. $SRC/hpn-lib

hpn_helper hpn-delay
HPN_DELAY_MS=0
NAME=zstd@openssh-hpn
TEXT=$OBJ/hpn-zstd.text
MIXED=$OBJ/hpn-zstd.mixed

# agreed NAME WHAT: the last exchange agreed on it, for both directions
agreed ()
{
	for _way in client-.server server-.client; do
		_got=`sed -n "s/.*kex: $_way cipher.* compression: *//p" \
		    $HPN_LOG_CLIENT | tr -d '\r' | tail -n 1`
		test "$_got" = "$1" || fail "$2: $_way: '$_got', not $1"
	done
}

# wire sent|received: bytes of packets, as the client counts them
wire ()
{
	sed -n "s/.*Transferred:.* $1 \([0-9]*\).*/\1/p" $HPN_LOG_CLIENT | tail -n 1
}

# packets outgoing|incoming: how many were compressed
packets ()
{
	sed -n "s/.*compress $1: .* \([0-9]*\) of [0-9]* packets.*/\1/p" \
	    $HPN_LOG_CLIENT | tail -n 1
}

# echoed WHAT FILE: there and back
echoed ()
{
	hpn_ssh host cat <$2 >$HPN_COPY || fail "$1: exit status $?"
	hpn_same "$1" $2
}

cat $SRC/*.sh $SRC/*.c | head -c 1000000 >$TEXT
hpn_random $HPN_DATA 4
size=`wc -c <$TEXT`
dd if=$HPN_DATA bs=100000 count=5 2>/dev/null | cat $TEXT - $TEXT >$MIXED

if test "`$REAL_SSH -Q compression | tail -n 1`" != $NAME; then
	hpn_config "Compression yes" ""
	echoed "without libzstd" $TEXT
	agreed zlib@openssh.com "without libzstd"
	skip "built without libzstd: tried that zlib is used"
fi

verbose "when it is agreed on"
for lines in "|none" "Compression no|none" "Compression yes|$NAME" \
    "Compression yes
HPNDisabled yes|zlib@openssh.com"; do
	hpn_config "${lines%|*}" ""
	hpn_ssh host true || fail "${lines%|*}: exit status $?"
	agreed ${lines##*|} "${lines%|*}"
done
for lines in "Compression no|none" "HPNDisabled yes|zlib@openssh.com"; do
	hpn_config "Compression yes" "${lines%|*}"
	hpn_ssh host true || fail "server, ${lines%|*}: exit status $?"
	agreed ${lines##*|} "server, ${lines%|*}"
done

verbose "text, both ways"
hpn_config "Compression yes" ""
echoed text $TEXT
for way in sent received; do
	test `wire $way` -gt 1000 -a `expr \`wire $way\` \* 3` -lt $size || \
	    fail "text: $size bytes, `wire $way` $way"
done

verbose "random data: as they are"
hpn_forget
echoed random $HPN_DATA
for way in sent received; do
	test `wire $way` -lt `expr 4194304 / 1000 \* 1005` || \
	    fail "random: `wire $way` bytes $way"
done
test `packets outgoing` -ge 1 -a `packets outgoing` -le 10 || \
    fail "random: `packets outgoing` packets were compressed"

verbose "text, random data, text; with new keys, threads, other ciphers"
for lines in "RekeyLimit 128K" "HPNThreads 3" "ZstdLevel 1" \
    "Ciphers chacha20-poly1305@openssh.com" \
    "Ciphers aes128-ctr
MACs hmac-sha2-256-etm@openssh.com" "NoneEnabled yes
NoneSwitch yes"; do
	# The first value of a keyword holds
	hpn_config "$lines
Compression yes" "NoneEnabled yes"
	echoed "$lines" $MIXED
	agreed $NAME "$lines"
	test `expr \`wire sent\` \* 3` -lt `wc -c <$MIXED | \
	    awk '{ print $1 * 2 }'` || fail "$lines: `wire sent` bytes sent"
done
grep 'cipher: none ' $HPN_LOG_CLIENT >/dev/null || fail "no cleartext"

verbose "several channels, and what ends while others go on"
make_tmpdir
CTL=$SSH_REGRESS_TMP/ctl
hpn_config "Compression yes" ""
hpn_ssh -M -S $CTL -f -N host || fatal "cannot start a master"
others=
for i in 1 2 3; do
	hpn_ssh -S $CTL host cat <$MIXED >$HPN_COPY.$i &
	others="$others $!"
done
hpn_ssh -S $CTL host cat $HPN_DATA >$HPN_COPY || fail "channels: exit status $?"
for other in $others; do
	wait $other || fail "channels: exit status $?"
done
hpn_same "channels"
for i in 1 2 3; do
	hpn_same "channel $i" $MIXED $HPN_COPY.$i
done
# It has given memory back when it has been idle for two seconds
hpn_wait_log 'hpn_idle_channels: after' $HPN_LOG_CLIENT "never idle"
hpn_ssh -S $CTL host cat <$TEXT >$HPN_COPY || fail "after: exit status $?"
hpn_same "after it was idle" $TEXT
hpn_ssh -S $CTL -O exit host 2>/dev/null

verbose "each end has its level, the server's by Match"
hpn_config "Compression yes
ZstdLevel 2" ""
(
	cat $OBJ/sshd_proxy
	echo "Match user $USER"
	echo "ZstdLevel 7"
) >$HPN_SSHD_CONFIG
echoed levels $TEXT
grep 'begin_sending: level 2' $HPN_LOG_CLIENT >/dev/null || fail "client's level"
grep 'begin_sending: level 7' $HPN_LOG_SERVER >/dev/null || fail "server's level"

verbose "scp"
$SCP -C -q -S $REAL_SSH -F $HPN_SSH_CONFIG $MIXED host:$HPN_COPY || \
    fail "scp: exit status $?"
hpn_same "scp" $MIXED

verbose "a stock program at one end: zlib"
# What is ours is no option there
stock_config ()
{
	grep -Eiv '^[[:space:]]*(hpn|none|disablemtaes|tcprcvbuf|zstd)' $1
}
if test -x "$TEST_SSH_STOCK_SSH"; then
	hpn_config "Compression yes" ""
	stock_config $HPN_SSH_CONFIG >$OBJ/hpn-zstd.conf
	$TEST_SSH_STOCK_SSH -F $OBJ/hpn-zstd.conf -E $HPN_LOG_CLIENT host cat \
	    <$TEXT >$HPN_COPY || fail "stock ssh: exit status $?"
	hpn_same "stock ssh" $TEXT
	agreed zlib@openssh.com "stock ssh"
else
	echo "$tid (skipped: no stock ssh: TEST_SSH_STOCK_SSH)"
fi
if test -x "$TEST_SSH_STOCK_SSHD"; then
	hpn_config "Compression yes" ""
	_dir=`dirname $TEST_SSH_STOCK_SSHD`/../libexec
	(
		echo "SshdSessionPath $_dir/sshd-session"
		echo "SshdAuthPath $_dir/sshd-auth"
		stock_config $HPN_SSHD_CONFIG | grep -iv 'sshd.*path'
	) >$OBJ/hpn-zstd.conf
	mv $OBJ/hpn-zstd.conf $HPN_SSHD_CONFIG
	sed "s|$SSHD -i|$TEST_SSH_STOCK_SSHD -i|" $HPN_SSH_CONFIG \
	    >$OBJ/hpn-zstd.conf
	$SSH -F $OBJ/hpn-zstd.conf -E $HPN_LOG_CLIENT host cat <$TEXT \
	    >$HPN_COPY || fail "stock sshd: exit status $?"
	hpn_same "stock sshd" $TEXT
	agreed zlib@openssh.com "stock sshd"
else
	echo "$tid (skipped: no stock sshd: TEST_SSH_STOCK_SSHD)"
fi
