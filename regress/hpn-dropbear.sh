# SPDX-License-Identifier: ISC
#
# dbclient talks to our sshd, our ssh to dropbear: sessions and forwards both
# ways.  What we receive has a window that grows.
#
# usage: make t-exec LTESTS=hpn-dropbear

tid="hpn dropbear"

. $SRC/hpn-lib

if test "x$REGRESS_INTEROP_DROPBEAR" != "xyes" ; then
	skip "dropbear interop tests not enabled"
fi

# dbclient sends slowly: over a longer way it has more than stock's window under
# way, but not much more.
HPN_DELAY_MS=`hpn_times 125`
HPN_GROWN_SEEN=2359296

hpn_helper hpn-delay
make_tmpdir
hpn_random $HPN_DATA 24
hpn_forwards_start
hpn_config "" ""
printf '#!/bin/sh\nexec %s\n' "`hpn_link` `hpn_server`" >$OBJ/hpn-proxy.sh
chmod 755 $OBJ/hpn-proxy.sh
dbclient="env HOME=$OBJ $DBCLIENT -y -i $OBJ/.dropbear/id_ed25519 -W 2097152
    -J $OBJ/hpn-proxy.sh"

what="dbclient, session, client receives"
$dbclient somehost cat $HPN_DATA >$HPN_COPY 2>$OBJ/dbclient.log || \
    fail "$what: exit status $?"
hpn_arrived "$what"

what="dbclient, session, server receives"
until hpn_forget
    $dbclient somehost "cat >$HPN_COPY" <$HPN_DATA 2>$OBJ/dbclient.log || \
	fail "$what: exit status $?"
    hpn_same "$what"
    hpn_shown server
do
	verbose "$what: once more"
done
hpn_grew "$what" server

hpn_forget
$dbclient -N -L $L_SOURCE:127.0.0.1:$SOURCE -L $L_SINK:127.0.0.1:$SINK \
    -R $R_SOURCE:127.0.0.1:$SOURCE -R $R_SINK:127.0.0.1:$SINK somehost \
    </dev/null 2>$OBJ/dbclient.log &
client=$!
echo $client >$OBJ/hpn-dbclient.pid
hpn_wait_log "listening on 127.0.0.1 port $R_SOURCE" $HPN_LOG_SERVER \
    "dbclient's forwards are not there"
hpn_wait_log "listening on 127.0.0.1 port $R_SINK" $HPN_LOG_SERVER \
    "dbclient's forwards are not there"
hpn_forwards_used dbclient server
hpn_stop dbclient
wait $client 2>/dev/null

# The server looks for keys in the home of the user, and nowhere else.
why=`hpn_private_missing`
if test ! -x "$DROPBEAR"; then
	verbose "skipped: dropbear's server is not installed"
elif test -n "$why"; then
	verbose "skipped: dropbear's server: $why"
else
	rm -f $OBJ/hpn-dropbear-key
	$DROPBEARCONVERT openssh dropbear $OBJ/ssh-ed25519 \
	    $OBJ/hpn-dropbear-key >/dev/null 2>&1 || \
	    $DROPBEARKEY -t ed25519 -f $OBJ/hpn-dropbear-key >/dev/null 2>&1
	(
		echo "Host *"
		echo "StrictHostKeyChecking no"
		echo "UserKnownHostsFile /dev/null"
		echo "HostKeyAlias none"
		echo "IdentitiesOnly yes"
		cat $OBJ/ssh_config
		echo "ProxyCommand `hpn_link` `hpn_private $DROPBEAR -i -m -W 2097152 -r $OBJ/hpn-dropbear-key`"
	) >$HPN_SSH_CONFIG

	what="dropbear, session, client receives"
	hpn_forget
	hpn_ssh -i $OBJ/ssh-ed25519 host cat $HPN_DATA >$HPN_COPY || \
	    fail "$what: exit status $?"
	hpn_same "$what"
	hpn_grew "$what" client

	what="dropbear, session, server receives"
	hpn_ssh -i $OBJ/ssh-ed25519 host "cat >$HPN_COPY" <$HPN_DATA || \
	    fail "$what: exit status $?"
	hpn_arrived "$what"

	CTL=$SSH_REGRESS_TMP/ctl
	hpn_ssh -i $OBJ/ssh-ed25519 -M -S $CTL -f -N \
	    -o ExitOnForwardFailure=yes \
	    -L $L_SOURCE:127.0.0.1:$SOURCE -L $L_SINK:127.0.0.1:$SINK \
	    -R $R_SOURCE:127.0.0.1:$SOURCE -R $R_SINK:127.0.0.1:$SINK host || \
	    fatal "dropbear: cannot forward"
	hpn_ssh -S $CTL -O check host 2>&1 | sed 's/.*pid=//;s/[^0-9].*//' \
	    >$OBJ/hpn-master.pid
	hpn_forwards_used dropbear client
	hpn_ssh -S $CTL -O exit host 2>/dev/null
	rm -f $OBJ/hpn-master.pid
fi
rm -rf $HPN_DATA* $OBJ/hpn-home $OBJ/hpn-proxy.sh $OBJ/hpn-dropbear-key
