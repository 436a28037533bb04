# SPDX-License-Identifier: ISC
#
# Peers that break the rules: data beyond the window, window adjusts that
# overflow or come in floods, answers that nobody asked for, that come twice,
# late, for others, never or malformed, packets that are too large.
#
#	hpn-badpeer == sshd -i == reader	victim: the server
#	hpn-badpeer == ssh == reader		victim: the client
#
# Expected is what stock does: a clear line in the log and either an end of the
# connection or no notice; what was sent correctly arrives as it was sent, all
# of it or, when the connection ends, the first part of it.
#
# usage: make t-exec LTESTS=hpn-hostile

tid="hpn hostile peers"

. $SRC/hpn-lib

hpn_helper hpn-badpeer
make_tmpdir
T=$SSH_REGRESS_TMP
GO=$T/go
DONE=$T/done
REPORT=$OBJ/hpn-report
READER=`hpn_reader`
KEY=$OBJ/ssh-ed25519

hpn_random $HPN_DATA.small 6
hpn_random $HPN_DATA.large 48

# Windows of at most 8 MiB, so that one that has grown is known.
WINDOW_MAX=8388608
printf 'HPNWindowMax 8M\n' | cat - $OBJ/sshd_proxy >$HPN_SSHD_CONFIG
(
	echo "Host *"
	echo "HPNWindowMax 8M"
	cat $OBJ/ssh_config
	echo "ProxyCommand sh $OBJ/hpn-badpeer.sh"
) >$HPN_SSH_CONFIG

reported ()
{
	sed -n "s/^$1 //p" $REPORT
}

# attack VICTIM MISCHIEF [OPTION OF hpn-badpeer...]: $first bytes are read, then
# the reader waits for $GO.  Leaves the exit status of ssh in $status.
attack ()
{
	victim=$1 mischief=$2
	shift 2
	what="$mischief, the $victim is the victim"
	rm -f $REPORT $DONE $T/pipe
	: >$HPN_COPY
	: >$HPN_LOG_CLIENT
	: >$HPN_LOG_SERVER
	set -- -k $KEY -d $HPN_DATA -g $GO -b $first -r $REPORT "$@"
	case $victim in
	server)
		$OBJ/hpn-badpeer "$@" -u $USER \
		    -c "sh $READER $first $GO >$HPN_COPY; : >$DONE" \
		    client $mischief $SSHD -i -f $HPN_SSHD_CONFIG \
		    -E $HPN_LOG_SERVER || fail "$what: `cat $REPORT`"
		;;
	client)
		echo "exec $OBJ/hpn-badpeer $* server $mischief" \
		    >$OBJ/hpn-badpeer.sh
		mkfifo $T/pipe
		(
			sh $READER $first $GO <$T/pipe >$HPN_COPY
			: >$DONE
		) &
		reader=$!
		$SSH -F $HPN_SSH_CONFIG -E $HPN_LOG_CLIENT host whatever \
		    </dev/null >$T/pipe
		status=$?
		;;
	esac
	# Whatever the reader has not read yet, it reads now.
	: >$GO
	i=0
	until test -f $DONE; do
		sleep 0.1
		i=`expr $i + 1`
		test $i -lt `hpn_times 300` || fatal "$what: the reader is not done"
	done
	test $victim = server || wait $reader
	# ssh does not wait for its ProxyCommand
	i=0
	until grep "^end " $REPORT >/dev/null 2>&1; do
		sleep 0.1
		i=`expr $i + 1`
		test $i -lt `hpn_times 300` || fatal "$what: hpn-badpeer does not end"
	done
	log=`hpn_log_of $victim`
}

# Everything arrived, and the connection ended in order.
unharmed ()
{
	cmp $HPN_DATA $HPN_COPY >$OBJ/hpn-cmp.out 2>&1 || \
	    fail "$what: data differ: `cat $OBJ/hpn-cmp.out`"
	test "`reported end`" = closed || \
	    fail "$what: ended with '`reported end`'"
	test $victim = server -o "$status" = 0 || \
	    fail "$what: ssh's exit status is $status"
	verbose "$what: unharmed"
}

# stopped PATTERN: the peer was told or cut off; what arrived is a first part.
stopped ()
{
	case `reported end` in
	$1)	;;
	*)	fail "$what: ended with '`reported end`', not '$1'" ;;
	esac
	_n=`wc -c <$HPN_COPY`
	test $_n -le `wc -c <$HPN_DATA` || \
	    fail "$what: $_n bytes arrived, more than there are"
	head -c $_n $HPN_DATA | cmp - $HPN_COPY >$OBJ/hpn-cmp.out 2>&1 || \
	    fail "$what: data differ: `cat $OBJ/hpn-cmp.out`"
	test $victim = server -o "$status" = 255 || \
	    fail "$what: ssh's exit status is $status"
	verbose "$what: ended, `reported end`, $_n bytes arrived"
}

logged ()
{
	grep "$1" $log >/dev/null || fail "$what: nothing in the log like '$1'"
}

# An answer to nothing that was asked: stock's ssh says what is wrong with it,
# stock's sshd takes every answer, even a malformed one, for a sign of life.
noticed ()
{
	case $victim in
	server)	logged "Got [0-9]*/[0-9]* for keepalive" ;;
	client)	logged "$1" ;;
	esac
}

# grew, stayed: whether the window grew beyond stock's.  There is no TCP
# connection, so only answers can tell the round trip.
grew ()
{
	test `reported granted` -gt $HPN_STOCK_WINDOW || \
	    fail "$what: the window was `reported granted`"
	test `reported granted` -le $WINDOW_MAX || \
	    fail "$what: the window grew to `reported granted`"
}

stayed ()
{
	test `reported granted` -le $HPN_STOCK_WINDOW || \
	    fail "$what: the window grew to `reported granted`"
}

asked ()
{
	test `reported asked` -eq $1 || \
	    fail "$what: asked `reported asked` times, not $1"
}

data ()
{
	ln -f -s $HPN_DATA.$1 $HPN_DATA
}

for victim in server client; do
	first=0
	data large
	: >$GO
	# An answer that comes late on purpose can make a window no larger
	# than it may be.
	attack $victim honest -a 50
	unharmed
	grew
	attack $victim double-answers -a 50
	unharmed
	grew
	test `reported waiting` -eq 1 || \
	    fail "$what: `reported waiting` requests at once"
	# Without an answer nothing is known and nothing asked again.
	attack $victim no-answers
	unharmed
	stayed
	asked 1
	attack $victim stranger-answers
	unharmed
	stayed
	asked 1
	noticed "channel_input_status_confirm: 12345: unknown"
	attack $victim unasked-answers -a 50
	unharmed
	attack $victim zero-adjusts -a 50
	unharmed
	attack $victim large-packets -a 50
	unharmed
	logged "rcvd big packet 204800, maxpack 32768"

	# Facts that cannot be change nothing, and nobody believes them.
	attack $victim facts
	unharmed
	logged "contradict"
	logged "facts ignored\\|facts were ignored"
	sed -n 's/.*verdict: //p' $log | tr -d '\r\n' | \
	    grep '"there":null' >/dev/null || fail "$what: facts were believed"

	data small
	attack $victim overflow
	stopped "eof"
	logged "channel 0: adjust 4294967295 overflows remote window"
	for malformed in short-answer long-answer; do
		attack $victim $malformed
		case $victim in
		server)	unharmed ;;
		client)	stopped "disconnect Invalid status confirm message" ;;
		esac
	done
	attack $victim huge-packet
	stopped "*"
	logged "Bad packet length"

	# Beyond the window as stock has it, and beyond one that has grown.
	for first in 0 25165824; do
		if test $first -eq 0; then
			data small
		else
			data large
		fi
		rm -f $GO
		attack $victim slightly-beyond -a 50
		unharmed
		logged "channel 0: rcvd too much data"
		rm -f $GO
		attack $victim beyond -a 50
		test $first -eq 0 || grew
		stopped "disconnect *peer ignored channel window"
		logged "channel 0: rcvd too much data"
	done
done

# What takes a peer that opens a second channel.
first=0
data large
: >$GO
attack server other-answers
unharmed
stayed
asked 1
data small
attack server late-answers
unharmed
noticed

# A peer that allows all that can be said and then reads nothing.
if hpn_memory_known; then
	rm -f $T/pid
	(
		hpn_pid_in $T/pid
		hpn_watch $pid $T/memory
	) &
	watcher=$!
	$OBJ/hpn-badpeer -k $KEY -d $HPN_DATA -u $USER -r $REPORT \
	    -c "echo \$PPID >$T/pid; exec cat /dev/zero" \
	    client greedy $SSHD -i -f $HPN_SSHD_CONFIG -E $HPN_LOG_SERVER || \
	    fail "greedy: `cat $REPORT`"
	wait $watcher
	hpn_no_more "greedy, the server is the victim" `cat $T/memory` 24576
else
	verbose "greedy: left out, there is no /proc/PID/status"
fi

rm -f $HPN_DATA* $HPN_COPY $READER $REPORT $OBJ/hpn-badpeer.sh
