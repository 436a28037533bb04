# SPDX-License-Identifier: ISC
#
# usage: make t-exec LTESTS=hpn-window
#
# Windows grow on every kind of channel, in both directions, on both ends, and
# only where they are not switched off.
#
#	ssh == hpn-delay, 50 ms each way == sshd -i
#	   \                                   \
#	    listeners, session                  source, sink, or the reverse
#
# Each connection is used for all kinds of channels.  With HPNDisabled on the
# client only what the server receives may outgrow stock's window, and the
# other way round.

tid="hpn windows on every kind of channel"

. $SRC/hpn-lib

hpn_helper hpn-delay
make_tmpdir
T=$SSH_REGRESS_TMP
CTL=$T/ctl

# Ports: a source and a sink of data, and what ssh and sshd listen at.
SOURCE=`expr $PORT + 1`
SINK=`expr $PORT + 2`
L_SOURCE=`expr $PORT + 3`
L_SINK=`expr $PORT + 4`
R_SOURCE=`expr $PORT + 5`
R_SINK=`expr $PORT + 6`
SOCKS=`expr $PORT + 7`
RELAY=`expr $PORT + 8`

# Enough for a window to grow, and enough to see that it does not.
hpn_random $HPN_DATA.large 24
hpn_random $HPN_DATA.small 10

hpn_listen source $SOURCE sh -c "cat $HPN_DATA"
hpn_listen sink $SINK sh -c "cat >$HPN_COPY"
hpn_listen usource $T/source sh -c "cat $HPN_DATA"
hpn_listen usink $T/sink sh -c "cat >$HPN_COPY"

get ()		# from a port or path
{
	$OBJ/hpn-delay "$1" </dev/null >$HPN_COPY
}

put ()		# to a port or path
{
	$OBJ/hpn-delay "$1" <$HPN_DATA >/dev/null
}

socks_get ()
{
	$NC -N -X 5 -x 127.0.0.1:$SOCKS 127.0.0.1 $SOURCE </dev/null >$HPN_COPY
}

socks_put ()
{
	$NC -N -X 5 -x 127.0.0.1:$SOCKS 127.0.0.1 $SINK <$HPN_DATA >/dev/null
}

session_get ()	# options of ssh
{
	hpn_ssh "$@" $host cat $HPN_DATA >$HPN_COPY
}

session_put ()
{
	hpn_ssh "$@" $host "cat >$HPN_COPY" <$HPN_DATA
}

stdio_get ()
{
	hpn_ssh "$@" -W 127.0.0.1:$SOURCE $host </dev/null >$HPN_COPY
}

stdio_put ()
{
	hpn_ssh "$@" -W 127.0.0.1:$SINK $host <$HPN_DATA
}

# A client of a master connection; the master has the windows and the log.
session_get_mux ()
{
	$SSH -F $HPN_SSH_CONFIG -S $CTL $host cat $HPN_DATA >$HPN_COPY
}

session_put_mux ()
{
	$SSH -F $HPN_SSH_CONFIG -S $CTL $host "cat >$HPN_COPY" <$HPN_DATA
}

stdio_get_mux ()
{
	$SSH -F $HPN_SSH_CONFIG -S $CTL -W 127.0.0.1:$SOURCE $host \
	    </dev/null >$HPN_COPY
}

stdio_put_mux ()
{
	$SSH -F $HPN_SSH_CONFIG -S $CTL -W 127.0.0.1:$SINK $host <$HPN_DATA
}

# try WHAT RECEIVER COMMAND...: all data arrive, and the window of whoever
# receives grows or, when it is switched off there, does not.
try ()
{
	what=$1 receiver=$2
	shift 2
	if test $receiver = $off; then
		ln -f -s $HPN_DATA.small $HPN_DATA
	else
		ln -f -s $HPN_DATA.large $HPN_DATA
	fi
	hpn_forget
	"$@" || fail "$what, $receiver receives: exit status $?"
	hpn_same "$what, $receiver receives"
	if test $receiver = $off; then
		hpn_stayed "$what, $receiver receives" $receiver
	else
		hpn_grew "$what, $receiver receives" $receiver
	fi
}

master_start ()
{
	hpn_ssh -M -S $CTL -f -N -o ExitOnForwardFailure=yes \
	    -L $L_SOURCE:127.0.0.1:$SOURCE -L $L_SINK:127.0.0.1:$SINK \
	    -R $R_SOURCE:127.0.0.1:$SOURCE -R $R_SINK:127.0.0.1:$SINK \
	    -L $T/lsource:$T/source -L $T/lsink:$T/sink \
	    -R $T/rsource:$T/source -R $T/rsink:$T/sink \
	    -D $SOCKS host || fatal "cannot start the master connection"
	hpn_ssh -S $CTL -O check host 2>&1 | sed 's/.*pid=//;s/[^0-9].*//' \
	    >$OBJ/hpn-master.pid
}

master_stop ()
{
	hpn_ssh -S $CTL -O exit host 2>/dev/null || \
	    fail "the master connection is gone"
	rm -f $OBJ/hpn-master.pid $T/lsource $T/lsink $T/rsource $T/rsink
}

# Sender switched off, receiver not: it is the receiver's window.
host=host
for off in client server; do
	verbose "HPNDisabled on the $off"
	case $off in
	client)	hpn_config "HPNDisabled yes" "" ;;
	server)	hpn_config "" "HPNDisabled yes" ;;
	esac
	try "session" client session_get
	try "session" server session_put
	try "-W" client stdio_get
	try "-W" server stdio_put
	master_start
	try "-L" client get $L_SOURCE
	try "-L" server put $L_SINK
	try "-R" server get $R_SOURCE
	try "-R" client put $R_SINK
	try "-L of a socket" client get $T/lsource
	try "-L of a socket" server put $T/lsink
	try "-R of a socket" server get $T/rsource
	try "-R of a socket" client put $T/rsink
	try "-D" client socks_get
	try "-D" server socks_put
	try "ControlMaster, session" client session_get_mux
	try "ControlMaster, session" server session_put_mux
	try "ControlMaster, -W" client stdio_get_mux
	try "ControlMaster, -W" server stdio_put_mux
	master_stop
done

# The inner session of a ProxyJump: the outer connection is ours on both ends
# and has the long way, the inner one does not know of it.
host=inner
for off in client server; do
	verbose "ProxyJump, HPNDisabled on the inner $off"
	hpn_config "" ""
	cp $OBJ/sshd_config $OBJ/hpn_sshd_inner
	test $off = client || echo "HPNDisabled yes" >>$OBJ/hpn_sshd_inner
	$SSHD -f $OBJ/hpn_sshd_inner -E $HPN_LOG_SERVER || \
	    fatal "cannot start the inner sshd"
	(
		echo "Match originalhost inner"
		test $off = server || echo "HPNDisabled yes"
		echo "ProxyJump jump"
		echo "Match originalhost jump"
		echo "LogLevel error"
		echo "ProxyCommand `hpn_link` $SSHD -i -f $HPN_SSHD_CONFIG -E $OBJ/hpn-jump.log"
		echo "Match all"
		echo "Ciphers aes128-gcm@openssh.com"
		cat $OBJ/ssh_config
	) >$HPN_SSH_CONFIG
	try "inner session" client session_get
	try "inner session" server session_put
	stop_sshd
	PIDFILE=$OBJ/pidfile
done

# A TCP connection whose kernel knows of no delay, as in a tunnel; and the
# feature as it comes on both ends.
host=host
off=none
hpn_config "" ""
hpn_listen relay $RELAY -d $HPN_DELAY_MS -s $HPN_PEAK `hpn_server`
(
	echo "Port $RELAY"
	echo "Ciphers aes128-gcm@openssh.com"
	cat $OBJ/ssh_config
) >$HPN_SSH_CONFIG
try "TCP to a relay" client session_get
try "TCP to a relay" server session_put

hpn_stop_all
rm -f $HPN_DATA*
