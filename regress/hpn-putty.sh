# SPDX-License-Identifier: ISC
#
# PuTTY's plink talks to our sshd: sessions and forwards both ways.  What our
# sshd receives has a window that grows; what plink receives may have a window
# of 2 GiB, which our sshd must not store.
#
# usage: make t-exec LTESTS=hpn-putty

tid="hpn putty"

. $SRC/hpn-lib

puttysetup
hpn_helper hpn-delay
make_tmpdir
hpn_random $HPN_DATA 24
hpn_forwards_start

hpn_config "" ""
# plink would send its forwards through a proxy, too; so it gets a port.
hpn_listen relay $PORT -d $HPN_DELAY_MS -s $HPN_PEAK `hpn_server`
plink="env HOME=$PWD $PLINK -ssh -batch -P $PORT -i $OBJ/putty.rsa2"

what="plink, session, client receives"
hpn_forget
$plink 127.0.0.1 "echo \$PPID >$SSH_REGRESS_TMP/pid; for i in 1 2 3 4; do cat $HPN_DATA; done" \
    >$HPN_COPY &
client=$!
hpn_pid_in $SSH_REGRESS_TMP/pid
hpn_watch $pid $SSH_REGRESS_TMP/memory
wait $client || fail "$what: exit status $?"
cat $HPN_DATA $HPN_DATA $HPN_DATA $HPN_DATA >$HPN_DATA.4
hpn_same "$what" $HPN_DATA.4
hpn_no_more "$what" `cat $SSH_REGRESS_TMP/memory` 24576

what="plink, session, server receives"
hpn_forget
$plink 127.0.0.1 "cat >$HPN_COPY" <$HPN_DATA || fail "$what: exit status $?"
hpn_same "$what"
hpn_grew "$what" server

hpn_forget
$plink -N -L $L_SOURCE:127.0.0.1:$SOURCE -L $L_SINK:127.0.0.1:$SINK \
    -R $R_SOURCE:127.0.0.1:$SOURCE -R $R_SINK:127.0.0.1:$SINK 127.0.0.1 \
    </dev/null &
client=$!
echo $client >$OBJ/hpn-plink.pid
# It asks for the remote forwards last.
hpn_wait_log "listening on 127.0.0.1 port $R_SOURCE" $HPN_LOG_SERVER \
    "plink's forwards are not there"
hpn_wait_log "listening on 127.0.0.1 port $R_SINK" $HPN_LOG_SERVER \
    "plink's forwards are not there"
hpn_forwards_used plink server
hpn_stop plink
wait $client 2>/dev/null

rm -f $HPN_DATA*
