# SPDX-License-Identifier: ISC
#
# Readers that sleep, and a link that stands still: memory stays bounded,
# windows do not grow meanwhile, and all data arrive when it goes on.  Where the
# path is short, TCP is asked to hold little of a flood.
#
# usage: make t-exec LTESTS=hpn-stall
#
# Memory is looked at where there is Linux' /proc/PID/status; elsewhere only
# windows and data are.

tid="hpn stalled readers"

. $SRC/hpn-lib

# 100 ms x 1 Gbit/s: what such a path holds is far less than MORE.
HPN_RATE=`expr 125000000 / $HPN_SLOWNESS`

hpn_helper hpn-delay
make_tmpdir
T=$SSH_REGRESS_TMP
GO=$T/go
READER=`hpn_reader`

# KiB that we may take beyond what the same takes with HPNDisabled: while the
# reader sleeps, and ever (the largest window, and what is copied of it).
MORE=65536
EVER=147456

hpn_memory_known || verbose "no /proc/PID/status: memory is not looked at"

# stall RECEIVER BYTES: send to a reader that stalls after so many bytes.
# Leaves the receiver's memory in $kib and the largest window at the begin and
# at the end of the stall in $before and $after.
stall ()
{
	rm -f $GO $T/pid $T/out
	: >$HPN_COPY
	hpn_forget
	reader=
	case $1 in
	client)
		mkfifo $T/out
		sh $READER $2 $GO <$T/out >$HPN_COPY &
		reader=$!
		$SSH -F $HPN_SSH_CONFIG -E $HPN_LOG_CLIENT host cat $HPN_DATA \
		    >$T/out &
		ssh=$! watched=$!
		;;
	server)
		$SSH -F $HPN_SSH_CONFIG -E $HPN_LOG_CLIENT host \
		    "echo \$PPID >$T/pid; sh $READER $2 $GO >$HPN_COPY" \
		    <$HPN_DATA &
		ssh=$!
		hpn_pid_in $T/pid
		watched=$pid
		;;
	esac
	hpn_watch $watched $T/memory &
	watcher=$!
	# Until the reader has what it wants and nothing moves any more.
	i=0 last=none now=
	until test "$now" = "$last" -a `wc -c <$HPN_COPY` -ge $2; do
		sleep 1
		last=$now
		now="`hpn_peak_to $1` `wc -c <\`hpn_log_of $1\``"
		i=`expr $i + 1`
		test $i -lt `hpn_times 120` || fatal "$what: the reader never stalled"
	done
	before=`hpn_largest \`hpn_log_of $1\``
	sleep 2
	after=`hpn_largest \`hpn_log_of $1\``
	stalled=`cat $T/memory`
	>$GO
	wait $ssh || fail "$what: exit status $?"
	test -z "$reader" || wait $reader
	wait $watcher
	kib=`cat $T/memory`
	hpn_same "$what"
}

verbose "a reader that sleeps"
hpn_random $HPN_DATA 192
for receiver in client server; do
	for first in 0 33554432; do
		what="$receiver reads $first bytes and sleeps, HPNDisabled"
		hpn_config "HPNDisabled yes" "HPNDisabled yes"
		stall $receiver $first
		verbose "$what: $kib KiB"
		stock=$kib

		what="$receiver reads $first bytes and sleeps"
		hpn_config "" ""
		stall $receiver $first
		largest=`hpn_largest \`hpn_log_of $receiver\``
		verbose "$what: window $before, then $after, at the end $largest"
		test $before -eq $after || \
		    fail "$what: the window grew from $before to $after"
		if test $first -eq 0; then
			test $before -eq 0 || \
			    fail "$what: the window grew to $before"
		else
			test $before -ge $HPN_GROWN || \
			    fail "$what: the window had grown to $before only"
		fi
		hpn_no_more "$what" $stalled `expr $stock + $MORE`
		hpn_no_more "$what, to the end" $kib `expr $stock + $EVER`
	done
done

# The window is large and the application has plenty, but nothing goes out:
# the relay is stopped.  The sender must not store what the window allows.
# Without this bound a sender takes as much as the window.
verbose "a link that stands still"
hpn_random $HPN_DATA 64
plenty="for i in 1 2 3 4 5; do cat $HPN_DATA; done"
for sender in client server; do
	what="$sender sends to a link that stands still"
	hpn_config "" ""
	(
		echo "Ciphers aes128-gcm@openssh.com"
		cat $OBJ/ssh_config
		echo "ProxyCommand sh -c 'echo \$\$ >$T/relay; exec `hpn_link` `hpn_server`'"
	) >$HPN_SSH_CONFIG
	rm -f $T/relay $T/pid
	: >$HPN_COPY
	case $sender in
	client)
		sh -c "$plenty" | $SSH -F $HPN_SSH_CONFIG -E $HPN_LOG_CLIENT \
		    host "cat >$HPN_COPY" &
		ssh=$! watched=$!
		receiver=server
		;;
	server)
		$SSH -F $HPN_SSH_CONFIG -E $HPN_LOG_CLIENT host \
		    "echo \$PPID >$T/pid; $plenty" >$HPN_COPY &
		ssh=$!
		hpn_pid_in $T/pid
		watched=$pid
		receiver=client
		;;
	esac
	hpn_watch $watched $T/memory &
	watcher=$!
	i=0
	until test `hpn_largest \`hpn_log_of $receiver\`` -ge $HPN_GROWN; do
		sleep 0.05
		i=`expr $i + 1`
		test $i -lt `hpn_times 1200` || fatal "$what: the window did not grow"
	done
	hpn_pid_in $T/relay
	relay=$pid
	kill -STOP $relay || fatal "$what: the relay is gone"
	sleep 2
	arrived=`wc -c <$HPN_COPY`
	sleep 1
	test `wc -c <$HPN_COPY` -eq $arrived || \
	    fail "$what: it did not stand still"
	test $arrived -lt 335544320 || \
	    fail "$what: all had arrived before it stood still"
	kib=`cat $T/memory`
	kill -CONT $relay
	hpn_no_more "$what" $kib 24576
	wait $ssh || fail "$what: exit status $?"
	wait $watcher
	sh -c "$plenty" | hpn_same "$what" -
	hpn_no_more "$what, to the end" `cat $T/memory` 24576
done

# Loopback takes gigabytes a second: 8 ms of that would be several MiB.
what="unsent on a short path"
start_sshd
head -c 300000000 /dev/zero | $SSH -vvv -E $T/verbose \
    -F $OBJ/ssh_config somehost 'cat >/dev/null' || fail "$what: exit status $?"
largest=`sed -n 's/.*TCP holds \([0-9]*\) bytes unsent.*/\1/p' $T/verbose |
    sort -n | tail -n 1`
verbose "$what: ${largest:-not known}"
if test -n "$largest"; then
	test $largest -eq 1048576 || fail "$what: $largest"
elif test "`uname`" = Linux; then
	fail "$what: nobody asked for it"
else
	verbose "$what: skipped, this system tells no rate"
fi

rm -f $HPN_DATA* $HPN_COPY* $READER
