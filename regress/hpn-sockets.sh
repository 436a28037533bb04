# SPDX-License-Identifier: ISC
#
# How a connection is made: HappyEyes with an address that does not answer, one
# that refuses and one that works; UseMPTCP with and without a peer that has it;
# HPNCongestion at both ends.
#
# usage: make t-exec LTESTS=hpn-sockets

tid="hpn sockets"

. $SRC/hpn-lib

hpn_helper hpn-deaf
CONF=$OBJ/hpn-sockets.conf
ERR=$OBJ/hpn-sockets.err
hpn_random $HPN_DATA 4

# serve ADDRESS "LINES": sshd at that address, port $PORT
serve ()
{
	hpn_stop sshd
	(
		printf "$2\n"
		echo "AddressFamily any"
		echo "ListenAddress $1"
		echo "PidFile $OBJ/hpn-sshd.pid"
		echo "LogLevel DEBUG3"
		grep -iv '^listenaddress\|^pidfile\|^loglevel' $OBJ/sshd_config
	) >$CONF.sshd
	: >$HPN_LOG_SERVER
	$SUDO $SSHD -f $CONF.sshd -E $HPN_LOG_SERVER || \
	    fatal "sshd does not start: `cat $HPN_LOG_SERVER`"
	hpn_pid_in $OBJ/hpn-sshd.pid
}

# connect NAME [OPTION...]
connect ()
{
	_name=$1
	shift
	$named $REAL_SSH -v -F $CONF.ssh "$@" $_name cat $HPN_DATA >$HPN_COPY 2>$ERR
	_r=$?
	tr -d '\r' <$ERR >$ERR.plain
	return $_r
}

# tried: the addresses, in order
tried ()
{
	sed -n 's/^debug1: Connecting to [^ ]* \[\(.*\)\] port .*/\1/p' \
	    $ERR.plain | tr '\n' ' '
}

(
	echo "Host *"
	echo "Port $PORT"
	echo "HostName hpn-dual"
	grep -iv '^[	 ]*addressfamily' $OBJ/ssh_config
) >$CONF.ssh

# A name with two addresses: a file in place of /etc/hosts, where that can be had.
other=127.0.0.2
grep '^00000000000000000000000000000001 ' /proc/net/if_inet6 >/dev/null 2>&1 && \
    other=::1
printf "127.0.0.1 hpn-dual localhost\n$other hpn-dual\n" >$CONF.hosts
cat >$CONF.named <<EOD
mount --bind $CONF.hosts /etc/hosts && exec "\$@"
EOD
named="unshare -m sh $CONF.named"
$named true 2>/dev/null || named=

verbose "HappyEyes"
connect host && fatal "somebody listens at port $PORT"
set -- `tried`
first=$1 second=$2
if test $# -ne 2; then
	echo "$tid (skipped: HappyEyes: no name with two addresses can be had: $*)"
else
	connect host -o HappyEyes=yes && fatal "connected to nobody"
	test "`tried`" = "$first $second " || fail "both refuse: tried `tried`"
	tail -n 1 $ERR.plain | \
	    grep "^ssh: connect to host hpn-dual port $PORT: Connection refused" \
	    >/dev/null || fail "both refuse: `tail -n 1 $ERR.plain`"

	# A minute of HappyDelay is not waited for
	serve $second ""
	connect host -o HappyEyes=yes -o HappyDelay=60000 || \
	    fail "the first refuses: `tail -n 2 $ERR.plain`"
	hpn_same "the first refuses"
	test "`tried`" = "$first $second " || \
	    fail "the first refuses: tried `tried`"

	$OBJ/hpn-deaf $OBJ/hpn-deaf.pid $first $PORT || fatal "hpn-deaf"
	connect host -o HappyEyes=yes -o ConnectTimeout=`hpn_times 60` || \
	    fail "the first is deaf: `tail -n 2 $ERR.plain`"
	hpn_same "the first is deaf"
	test "`tried`" = "$first $second " || \
	    fail "the first is deaf: tried `tried`"
	grep 'timed out' $ERR.plain && fail "the first is deaf: it was waited for"
	# The attempt that lost has ended: when its server hears again, while the
	# connection goes on, nobody comes.  One who still tried would come within
	# three seconds, as TCP asks again.
	: >$CONF.heard
	hpn_stop deaf
	$OBJ/hpn-deaf $OBJ/hpn-deaf.pid $first $PORT $CONF.heard || \
	    fatal "hpn-deaf"
	$named $REAL_SSH -v -F $CONF.ssh -o HappyEyes=yes host \
	    "kill -USR1 `cat $OBJ/hpn-deaf.pid`; sleep 3" 2>$ERR || \
	    fail "the loser: exit status $?"
	tr -d '\r' <$ERR >$ERR.plain
	test "`tried`" = "$first $second " || fail "the loser: tried `tried`"
	test "`cat $CONF.heard`" = hears || fail "the loser: `cat $CONF.heard`"
	# ... as they do who have not lost
	connect host -o ConnectTimeout=1
	grep accepted $CONF.heard >/dev/null || fail "hpn-deaf hears nobody"
	hpn_stop deaf
	$OBJ/hpn-deaf $OBJ/hpn-deaf.pid $first $PORT || fatal "hpn-deaf"
	# Without it, stock's way: only the timeout ends the first
	connect host -o ConnectTimeout=1 || fail "stock's way: exit status $?"
	grep "^debug1: connect to address $first port $PORT: Connection timed out" \
	    $ERR.plain >/dev/null || fail "stock's way: the first did not time out"
	connect host -o HappyEyes=yes -o HPNDisabled=yes \
	    -o ConnectTimeout=1 || fail "HPNDisabled: exit status $?"
	grep 'timed out' $ERR.plain >/dev/null || \
	    fail "HPNDisabled: HappyEyes has an effect"
	# Only the family that is asked for
	case $first in
	*:*)	family=inet ;;
	*)	family=inet6 ;;
	esac
	test $other = ::1 || family=any
	connect host -o HappyEyes=yes -o AddressFamily=$family || \
	    fail "$family: exit status $?"
	test $family = any -o "`tried`" = "$second " || \
	    fail "$family: tried `tried`"

	# Nobody answers: each has its time, both at once
	hpn_stop sshd
	$OBJ/hpn-deaf $OBJ/hpn-deaf2.pid $second $PORT || fatal "hpn-deaf"
	connect host -o HappyEyes=yes -o ConnectTimeout=1 && \
	    fail "both are deaf: connected"
	test `grep -c '^debug1: connect to address .*: Connection timed out' \
	    $ERR.plain` -eq 2 || fail "both are deaf: `cat $ERR.plain`"
	tail -n 1 $ERR.plain | \
	    grep "port $PORT: Connection timed out" >/dev/null || \
	    fail "both are deaf: `tail -n 1 $ERR.plain`"
	# HappyDelay says whether the second begins before the first has ended
	for case in 10:CCTT 60000:CTCT; do
		connect host -o HappyEyes=yes -o ConnectTimeout=`hpn_times 1` \
		    -o HappyDelay=${case%:*} && fail "both are deaf: connected"
		order=`sed -n '/^debug1: Connecting to/s/.*/C/p
		    /^debug1: connect to .* timed out/s/.*/T/p' $ERR.plain |
		    tr -d '\n'`
		test "$order" = ${case#*:} || fail "HappyDelay ${case%:*}: $order"
	done
	hpn_stop deaf deaf2

	# A server that hears of a connection and gets none would count it: the
	# one that answers at once is the only one that does
	serve $first ""
	connect host -o HappyEyes=yes -o HappyDelay=`hpn_times 5000` || \
	    fail "both answer: exit status $?"
	test "`tried`" = "$first " || fail "both answer: tried `tried`"
	test `grep -c '^debug1: Connection from\|Connection from .* port' \
	    $HPN_LOG_SERVER` -ge 1 || fail "the server saw no connection"
	hpn_stop sshd
fi

# capable: how many connections of this network namespace were MPTCP's
capable ()
{
	awk '/^MPTcpExt:/ {
		if (!names) { names = split($0, name); next }
		split($0, value)
		for (i = 1; i <= names; i++)
			if (name[i] == "MPCapableACKRX") print value[i]
	}' /proc/net/netstat 2>/dev/null
}

verbose "UseMPTCP"
named=
address=127.0.0.1
sed 's/^HostName .*/HostName 127.0.0.1/' $CONF.ssh >$CONF.new
mv $CONF.new $CONF.ssh
if test -z "`capable`"; then
	echo "$tid (skipped: UseMPTCP: this kernel has no MPTCP)"
	none=0
else
	none=1
fi
# At the server, at the client, and whether it is used then
for case in no:no:0 no:yes:0 yes:no:0 yes:yes:1; do
	server=${case%%:*} want=${case##*:} client=${case#*:}
	client=${client%:*}
	serve $address "UseMPTCP $server"
	before=`capable`
	connect host -o UseMPTCP=$client || \
	    fail "UseMPTCP, $case: exit status $?: `tail -n 2 $ERR.plain`"
	hpn_same "UseMPTCP, $case"
	test $none -eq 0 || \
	    test `expr \`capable\` - $before` -eq $want || \
	    fail "UseMPTCP, $case: `expr \`capable\` - $before` connections"
done
$REAL_SSH -F $CONF.ssh -o UseMPTCP=yes host "cat >$HPN_COPY" <$HPN_DATA \
    2>/dev/null || \
    fail "UseMPTCP, up: exit status $?"
hpn_same "UseMPTCP, up"
if test -n "$TEST_SSH_STOCK_SSH"; then
	grep -iv '^ *hpn\|^ *none' $CONF.ssh >$CONF.stock
	$TEST_SSH_STOCK_SSH -F $CONF.stock host cat $HPN_DATA >$HPN_COPY \
	    2>/dev/null || fail "UseMPTCP, stock's client: exit status $?"
	hpn_same "UseMPTCP, stock's client"
fi
serve $address "UseMPTCP yes\nHPNDisabled yes"
before=`capable`
connect host -o UseMPTCP=yes || fail "HPNDisabled: exit status $?"
test "`capable`" = "$before" || fail "HPNDisabled: UseMPTCP has an effect"

verbose "HPNCongestion"
serve $address "HPNCongestion reno"
connect host || fail "HPNCongestion: exit status $?"
usual=`sed -n 's/^debug1: TCP congestion control: //p' $ERR.plain | tail -n 1`
if test -z "$usual"; then
	echo "$tid (skipped: HPNCongestion: this system has no choice)"
else
	grep '^debug1: TCP congestion control: reno' $HPN_LOG_SERVER >/dev/null || \
	    fail "HPNCongestion at the server: `grep 'congestion' $HPN_LOG_SERVER`"
	connect host -o HPNCongestion=reno || fail "reno: exit status $?"
	hpn_same "HPNCongestion"
	grep '^debug1: TCP congestion control: reno$' $ERR.plain >/dev/null || \
	    fail "HPNCongestion at the client: `grep congestion $ERR.plain`"
	# What is not there is said, and the connection lives without
	connect host -o HPNCongestion=nosuchthing || \
	    fail "nosuchthing: exit status $?"
	hpn_same "nosuchthing"
	grep "^HPNCongestion nosuchthing: the kernel does not have it; $usual is used" \
	    $ERR.plain >/dev/null || fail "nosuchthing: `grep -i congestion $ERR.plain`"
	connect host -o HPNCongestion=none || fail "none: exit status $?"
	grep "^debug1: TCP congestion control: $usual\$" $ERR.plain >/dev/null || \
	    fail "none: `grep -i congestion $ERR.plain`"
	connect host -o HPNCongestion=reno -o HPNDisabled=yes || \
	    fail "HPNDisabled: exit status $?"
	grep 'congestion' $ERR.plain && fail "HPNDisabled: it has an effect"
	# After authentication another may hold
	serve $address "HPNCongestion none"
	printf "Match user $USER\nHPNCongestion reno\n" >>$CONF.sshd
	kill -HUP `cat $OBJ/hpn-sshd.pid`
	_i=0
	until test `grep -c 'Server listening' $HPN_LOG_SERVER` -ge 2; do
		sleep 0.1
		_i=`expr $_i + 1`
		test $_i -lt `hpn_times 300` || fatal "sshd does not come again"
	done
	connect host || fail "Match: exit status $?"
	tr -d '\r' <$HPN_LOG_SERVER | \
	    sed -n 's/^debug1: TCP congestion control: //p' | \
	    tail -n 1 | grep -x 'reno' >/dev/null || \
	    fail "Match: `grep 'congestion' $HPN_LOG_SERVER`"
fi
hpn_stop sshd
rm -f $CONF $CONF.* $ERR $ERR.plain $HPN_DATA $HPN_COPY
