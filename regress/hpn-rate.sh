# SPDX-License-Identifier: ISC
#
# HPNRateLimit: so many bytes in a second and no more, in each direction, at both
# ends, for one channel and for several together; a terminal is not held back.
# That the rate is also reached within 3 % is hpn-pace's unit test, whose clock
# does not depend on this machine.
#
# usage: make t-exec LTESTS=hpn-rate

tid="hpn rate"

. $SRC/hpn-lib

hpn_helper hpn-delay
HPN_DELAY_MS=0
hpn_random $HPN_DATA 4

# Milliseconds of some clock
now ()
{
	date +%s%N | sed 's/......$//'
}

# took WHAT LEAST: since $begin, at least so many ms, and no more than so many
# times as long
took ()
{
	_ms=`expr \`now\` - $begin`
	verbose "$1: $_ms ms"
	test $_ms -ge $2 || fail "$1: took $_ms ms, less than $2"
	test $_ms -le `hpn_times \`expr $2 \* 5\`` || \
	    hpn_too_slow "$1" "$_ms ms, $2 would do"
}

# 4 MiB at 2 MiB in a second take two; a tenth of a second's worth may be saved
for who in client server; do
	case $who in
	client)	hpn_config "HPNRateLimit 2M" "" ;;
	server)	hpn_config "" "HPNRateLimit 2M" ;;
	esac
	begin=`now`
	hpn_ssh host cat $HPN_DATA >$HPN_COPY || fail "$who, down: exit status $?"
	took "limit at the $who, down" 1850
	hpn_same "$who, down"
	begin=`now`
	hpn_ssh host "cat >$HPN_COPY" <$HPN_DATA || fail "$who, up: exit status $?"
	# All is handed over before the other end has taken it
	took "limit at the $who, up" 1850
	hpn_same "$who, up"
done

verbose "several channels together"
make_tmpdir
CTL=$SSH_REGRESS_TMP/ctl
hpn_config "HPNRateLimit 2M" ""
hpn_ssh -M -S $CTL -f -N host || fatal "cannot start a master"
begin=`now`
hpn_ssh -S $CTL host cat $HPN_DATA >$HPN_COPY.1 &
other=$!
hpn_ssh -S $CTL host cat $HPN_DATA >$HPN_COPY.2 || fail "2nd: exit status $?"
wait $other || fail "1st: exit status $?"
took "two channels" 3850
hpn_same "1st" $HPN_DATA $HPN_COPY.1
hpn_same "2nd" $HPN_DATA $HPN_COPY.2

verbose "both directions at once: each has the rate"
begin=`now`
hpn_ssh -S $CTL host cat <$HPN_DATA >$HPN_COPY || fail "echo: exit status $?"
took "both directions" 1850
hpn_same "echo"
hpn_ssh -S $CTL -O exit host 2>/dev/null

verbose "no limit, and none with HPNDisabled"
for lines in "HPNRateLimit 0" "HPNRateLimit 1K
HPNDisabled yes"; do
	hpn_config "$lines" ""
	hpn_ssh host cat $HPN_DATA >$HPN_COPY || fail "$lines: exit status $?"
	hpn_same "$lines"
done

verbose "after Match, and a copy"
hpn_config "" ""
(
	cat $OBJ/sshd_proxy
	echo "Match user $USER"
	echo "HPNRateLimit 2M"
) >$HPN_SSHD_CONFIG
begin=`now`
$SCP -q -S $REAL_SSH -F $HPN_SSH_CONFIG host:$HPN_DATA $HPN_COPY || \
    fail "scp: exit status $?"
took "scp, Match" 1850
hpn_same "scp, Match"

# Bytes of a terminal pass, at a rate that would hold them back for a minute
hpn_config "HPNRateLimit 1K" ""
begin=`now`
hpn_ssh -tt host "head -c 65536 /dev/zero | tr '\\000' x" </dev/null \
    >$OBJ/hpn-rate.out 2>/dev/null || fail "terminal: exit status $?"
test `tr -cd x <$OBJ/hpn-rate.out | wc -c` -eq 65536 || \
    fail "terminal: `wc -c <$OBJ/hpn-rate.out` bytes"
test `expr \`now\` - $begin` -lt 60000 || fail "a terminal is held back"

verbose "the log line of a connection that ends"
# line LINES: what sshd with these lines logs of one
line ()
{
	hpn_config "" "$1"
	hpn_ssh host cat $HPN_DATA >$HPN_COPY || fail "$1: exit status $?"
	hpn_same "$1"
	# It may come when ssh has ended
	case $1 in
	"LogLevel VERBOSE")
		hpn_wait_log 'LType: Throughput' $HPN_LOG_SERVER "no line" ;;
	*)	sleep `hpn_times 1` ;;
	esac
	tr -d '\r' <$HPN_LOG_SERVER | grep 'LType: Throughput' >$OBJ/hpn-rate.out
}
line "LogLevel VERBOSE" || fail "no line"
test `wc -l <$OBJ/hpn-rate.out` -eq 1 || fail "not one: `cat $OBJ/hpn-rate.out`"
grep '^SSH: Server;LType: Throughput;Remote: [0-9.UNKNOW]*-[0-9]*;IN: [0-9]*;OUT: [0-9]*;Duration: [0-9]*[.][0-9];tPut_in: [0-9]*[.][0-9];tPut_out: [0-9]*[.][0-9]$' \
    $OBJ/hpn-rate.out >/dev/null || fail "another: `cat $OBJ/hpn-rate.out`"
out=`sed 's/.*OUT: \([0-9]*\);.*/\1/' $OBJ/hpn-rate.out`
in=`sed 's/.*;IN: \([0-9]*\);.*/\1/' $OBJ/hpn-rate.out`
test $out -ge 4194304 -a $out -le 4700000 || fail "OUT: $out"
test $in -gt 500 -a $in -le 100000 || fail "IN: $in"
line "LogLevel INFO" && fail "LogLevel INFO: `cat $OBJ/hpn-rate.out`"
line "LogLevel VERBOSE
HPNDisabled yes" && fail "HPNDisabled: `cat $OBJ/hpn-rate.out`"

# sshd's own DISCONNECT: it lives to clean up.  The request of a session that is
# refused is for a channel that there is not.
hpn_config "HPNFastConnect yes" "LogLevel VERBOSE
MaxSessions 0"
printf 'trap "" HUP TERM\n%s\necho $? >%s\n' "`hpn_server`" $OBJ/hpn-rate.out >$OBJ/hpn-rate.sh
rm -f $OBJ/hpn-rate.out
hpn_ssh -o ProxyCommand="sh $OBJ/hpn-rate.sh" host true && \
    fail "MaxSessions 0: a session"
hpn_wait_log . $OBJ/hpn-rate.out "sshd does not end"
grep 'unknown channel' $HPN_LOG_SERVER >/dev/null || fail "no DISCONNECT"
test `grep -c 'LType: Throughput' $HPN_LOG_SERVER` -eq 1 || \
    fail "sshd's own DISCONNECT: not one line of the throughput"
grep 'by signal' $HPN_LOG_SERVER && fail "sshd dies of its own DISCONNECT"
test `cat $OBJ/hpn-rate.out` -eq 255 || \
    fail "sshd's own DISCONNECT: exit status `cat $OBJ/hpn-rate.out`"
rm -f $OBJ/hpn-rate.sh
rm -f $OBJ/hpn-rate.out $HPN_DATA $HPN_COPY*
