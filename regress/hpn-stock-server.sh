# SPDX-License-Identifier: ISC
#
# Our ssh talks to a stock sshd, without any of our code: sessions and forwards
# both ways.  What our ssh receives has a window that grows.
#
# usage: make t-exec LTESTS=hpn-stock-server
#
# Tried are the machine's own sshd, TEST_SSH_STOCK_SSHD and TEST_SSH_OLDER_SSHD.

tid="hpn our ssh, stock sshd"

. $SRC/hpn-lib

# A stock sshd makes one packet in each trip round its loop.  On a machine with
# other work it has more than a stock window under way, but not much more.
HPN_GROWN_SEEN=2359296

hpn_helper hpn-delay
make_tmpdir
hpn_random $HPN_DATA 24
CTL=$SSH_REGRESS_TMP/ctl

cat >$HPN_SSHD_CONFIG <<EOD
AuthorizedKeysFile	$OBJ/authorized_keys_%u
HostKey			$OBJ/ssh-ed25519
StrictModes		no
UsePAM			no
PidFile			none
LogLevel		DEBUG3
EOD

servers=
for server in $TEST_SSH_STOCK_SSHD $TEST_SSH_OLDER_SSHD /usr/sbin/sshd; do
	test -x $server || continue
	if $server -t -f $HPN_SSHD_CONFIG -o HPNDisabled=no 2>/dev/null; then
		verbose "$server is not stock: it has HPNDisabled"
	else
		servers="$servers $server"
	fi
done
test -n "$servers" || skip "no stock sshd on this machine"
cp $HPN_SSHD_CONFIG $OBJ/hpn_stock_config

hpn_forwards_start
used=0
for server in $servers; do
	run="$server -i -f $OBJ/hpn_stock_config -E $HPN_LOG_SERVER"
	# A package's sshd wants a user and a folder of its own.
	if ! $server -t -f $OBJ/hpn_stock_config >$OBJ/hpn-sshd.out 2>&1; then
		why=`hpn_private_missing`
		if test -n "$why"; then
			why="$why; `cat $OBJ/hpn-sshd.out`"
			verbose "$server left out: $why"
			continue
		fi
		run=`hpn_private $run`
	fi
	used=`expr $used + 1`
	(
		echo "Host *"
		echo "Ciphers aes128-gcm@openssh.com"
		cat $OBJ/ssh_config
		echo "ProxyCommand `hpn_link` $run"
	) >$HPN_SSH_CONFIG

	hpn_forget
	hpn_ssh host true || fatal "$server: cannot connect"
	name=`sed -n 's/.*remote software version \([^ ]*\).*/\1/p' \
	    $HPN_LOG_CLIENT | tr -d '\r' | head -n 1`

	what="$name, session, client receives"
	hpn_forget
	hpn_ssh host cat $HPN_DATA >$HPN_COPY || fail "$what: exit status $?"
	hpn_same "$what"
	hpn_grew "$what" client

	what="$name, session, server receives"
	hpn_forget
	hpn_ssh host "cat >$HPN_COPY" <$HPN_DATA || fail "$what: exit status $?"
	hpn_arrived "$what"

	hpn_ssh -M -S $CTL -f -N -o ExitOnForwardFailure=yes \
	    -L $L_SOURCE:127.0.0.1:$SOURCE -L $L_SINK:127.0.0.1:$SINK \
	    -R $R_SOURCE:127.0.0.1:$SOURCE -R $R_SINK:127.0.0.1:$SINK host || \
	    fatal "$name: cannot forward"
	hpn_ssh -S $CTL -O check host 2>&1 | sed 's/.*pid=//;s/[^0-9].*//' \
	    >$OBJ/hpn-master.pid
	hpn_forwards_used "$name" client
	hpn_ssh -S $CTL -O exit host 2>/dev/null
	rm -f $OBJ/hpn-master.pid
done
rm -rf $HPN_DATA $OBJ/hpn_stock_config $OBJ/hpn-home
test $used -gt 0 || skip "$server cannot be run: $why"
