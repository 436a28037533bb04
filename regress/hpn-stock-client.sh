# SPDX-License-Identifier: ISC
#
# A stock ssh, without any of our code, talks to our sshd: sessions and
# forwards both ways.  What our sshd receives has a window that grows.
#
# usage: make t-exec LTESTS=hpn-stock-client
#
# Tried are the machine's own ssh, TEST_SSH_STOCK_SSH and TEST_SSH_OLDER_SSH.

tid="hpn stock ssh, our sshd"

. $SRC/hpn-lib

hpn_helper hpn-delay
make_tmpdir
hpn_random $HPN_DATA 24

clients=
for client in $TEST_SSH_STOCK_SSH $TEST_SSH_OLDER_SSH /usr/bin/ssh; do
	test -x $client || continue
	if $client -G -F /dev/null -o HPNDisabled=no host >/dev/null 2>&1; then
		verbose "$client is not stock: it has HPNDisabled"
	else
		clients="$clients $client"
	fi
done
test -n "$clients" || skip "no stock ssh on this machine"

hpn_config "" ""
(
	hpn_stock_client
	echo "	Ciphers		aes128-gcm@openssh.com"
	echo "	LogLevel	DEBUG3"
	echo "	ProxyCommand	`hpn_link` `hpn_server`"
) >$OBJ/hpn_stock_config
hpn_forwards_start

for client in $clients; do
	name="`$client -V 2>&1 | sed 's/[ ,].*//'`"
	stock="$client -F $OBJ/hpn_stock_config -E $HPN_LOG_CLIENT"

	what="$name, session, client receives"
	hpn_forget
	$stock host cat $HPN_DATA >$HPN_COPY || fail "$what: exit status $?"
	hpn_arrived "$what"

	what="$name, session, server receives"
	hpn_forget
	$stock host "cat >$HPN_COPY" <$HPN_DATA || fail "$what: exit status $?"
	hpn_same "$what"
	hpn_grew "$what" server

	$stock -M -S $SSH_REGRESS_TMP/ctl -f -N -o ExitOnForwardFailure=yes \
	    -L $L_SOURCE:127.0.0.1:$SOURCE -L $L_SINK:127.0.0.1:$SINK \
	    -R $R_SOURCE:127.0.0.1:$SOURCE -R $R_SINK:127.0.0.1:$SINK host || \
	    fatal "$name: cannot forward"
	$stock -S $SSH_REGRESS_TMP/ctl -O check host 2>&1 | \
	    sed 's/.*pid=//;s/[^0-9].*//' >$OBJ/hpn-master.pid
	hpn_forwards_used "$name" server
	$stock -S $SSH_REGRESS_TMP/ctl -O exit host 2>/dev/null
	rm -f $OBJ/hpn-master.pid
done
rm -f $HPN_DATA $OBJ/hpn_stock_config
