# SPDX-License-Identifier: ISC
#
# Short-lived certificates, the way from X.509 proxies that needs no Kerberos: an
# authority signs users' keys for hours and hosts' keys for longer. No host key is
# ever asked about, scp and sftp run with grown windows and threads, what is
# expired, foreign or restricted is refused, and a connection outlives its
# certificate, over an exchange of keys, as stock's does.
#
# usage: make t-exec LTESTS=hpn-certs

tid="hpn short-lived certificates"

. $SRC/hpn-lib

hpn_helper hpn-delay
hpn_random $HPN_DATA 40

C=$OBJ/hpn-certs
rm -rf $C
mkdir $C || fatal "cannot make $C"
for key in user-ca host-ca other-ca host user; do
	$SSHKEYGEN -q -t ed25519 -N '' -C $key -f $C/$key || \
	    fatal "ssh-keygen of $key"
done
HOST=node.hpn.test

# sign_host CA VALIDITY [NAME]
sign_host ()
{
	$SSHKEYGEN -q -s $C/$1 -h -I "host $HOST" -n ${3-$HOST} -V $2 \
	    $C/host.pub || fatal "cannot sign the host's key"
}

# sign_user CA VALIDITY PRINCIPALS [OPTION...]: what a site's service does after it
# has seen who the user is.
sign_user ()
{
	_ca=$1 _validity=$2 _principals=$3
	shift 3
	$SSHKEYGEN -q -s $C/$_ca -I "$USER for a test" -n $_principals \
	    -V $_validity "$@" $C/user.pub || fatal "cannot sign the user's key"
}

# The whole configuration of both ends: no key is in a file, only authorities.
ACCEPT="HostKey $C/host
HostCertificate $C/host-cert.pub
TrustedUserCAKeys $C/user-ca.pub
AuthorizedPrincipalsFile $C/principals
AuthorizedKeysFile none
Subsystem sftp $SFTPSERVER"
PRESENT="HostKeyAlias $HOST
UserKnownHostsFile $C/known_hosts
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking yes
IdentityFile $C/user
CertificateFile $C/user-cert.pub
IdentitiesOnly yes
BatchMode yes"
echo "@cert-authority *.hpn.test `cat $C/host-ca.pub`" >$C/known_hosts
echo "$USER@grid" >$C/principals

# configured [SSH LINES [SSHD LINES]]: without the suite's own keys of host and user.
configured ()
{
	hpn_config "$PRESENT
$1" "$ACCEPT
$2"
	# Nor, for stock, what the suite may be run with, and its programs.
	_not=
	test "$SSHD" != "$TEST_SSH_STOCK_SSHD" || \
	    _not='|hpn|none|sshd(session|auth)path'
	_blank='[[:blank:]]*'
	grep -Eiv "^$_blank(HostKey $OBJ/host\.$_not)" $HPN_SSHD_CONFIG \
	    >$C/sshd_config
	mv $C/sshd_config $HPN_SSHD_CONFIG
	grep -Eiv "^$_blank(IdentityFile$_blank$OBJ/ssh-$_not)" \
	    $HPN_SSH_CONFIG >$C/ssh_config
	mv $C/ssh_config $HPN_SSH_CONFIG
}

# refused WHAT CLIENT-PATTERN SERVER-PATTERN: no connection, and that is why.
refused ()
{
	HPN_DELAY_MS=0
	configured
	hpn_ssh host true </dev/null >/dev/null 2>&1 && fail "$1: let in"
	test -z "$2" || grep "$2" $HPN_LOG_CLIENT >/dev/null || \
	    fail "$1: ssh does not say '$2'"
	test -z "$3" || grep "$3" $HPN_LOG_SERVER >/dev/null || \
	    fail "$1: sshd does not say '$3'"
}

sign_host host-ca always:+1h
verbose "what is not valid is refused"
sign_user user-ca 20200101:20200102 $USER@grid
refused "expired certificate" "" "expired"
sign_user user-ca +1h:+2h $USER@grid
refused "certificate of tomorrow" "" "not yet valid"
sign_user other-ca -1m:+1h $USER@grid
refused "certificate of another authority" "" ""
sign_user user-ca -1m:+1h somebody-else
refused "another principal" "" "not contain an authorized principal\|not listed principal\|principal"
rm -f $C/user-cert.pub
refused "no certificate" "" ""
sign_user user-ca -1m:+1h $USER@grid
sign_host host-ca 20200101:20200102
refused "host's expired certificate" "expired" ""
sign_host host-ca always:+1h other.hpn.test
refused "another host's certificate" "name is not a listed principal\|not.*principal" ""
sign_host other-ca always:+1h
refused "host's certificate of another authority" "" ""
# All of that with the same files, of which now every one is right:
sign_host host-ca always:+1h

HPN_DELAY_MS=`hpn_times 50`
for threads in auto 4; do
	what="HPNThreads $threads"
	configured "HPNThreads $threads
RekeyLimit 12M" "HPNThreads $threads
RekeyLimit 12M"
	verbose "$what: both ways"
	hpn_ssh host "cat >$HPN_COPY" <$HPN_DATA || \
	    fail "$what, up: exit status $?"
	hpn_same "$what, up"
	hpn_grew "$what, up" server
	grep 'Accepted certificate ID\|Accepted publickey.*CERT' \
	    $HPN_LOG_SERVER >/dev/null || \
	    fail "$what: not let in by the certificate"
	grep "Server host certificate" $HPN_LOG_CLIENT >/dev/null || \
	    fail "$what: the host did not show its certificate"
	hpn_forget
	hpn_ssh host "cat $HPN_DATA" >$HPN_COPY || \
	    fail "$what, down: exit status $?"
	hpn_same "$what, down"
	hpn_grew "$what, down" client

	verbose "$what: scp and sftp"
	hpn_forget
	$SCP -q -S $SSH -F $HPN_SSH_CONFIG $HPN_DATA host:$HPN_COPY \
	    2>>$HPN_LOG_CLIENT || fail "$what, scp up: exit status $?"
	hpn_same "$what, scp up"
	hpn_grew "$what, scp up" server
	hpn_forget
	$SCP -q -S $SSH -F $HPN_SSH_CONFIG host:$HPN_DATA $HPN_COPY \
	    2>$HPN_LOG_CLIENT || fail "$what, scp down: exit status $?"
	hpn_same "$what, scp down"
	test `hpn_peak_to client` -gt $HPN_GROWN_SEEN || \
	    fail "$what, scp down: `hpn_peak_to client` bytes under way"
	printf "put $HPN_DATA $HPN_COPY\nget $HPN_COPY $HPN_COPY.2\n" >$C/batch
	$SFTP -q -b $C/batch -S $SSH -F $HPN_SSH_CONFIG host \
	    >/dev/null 2>>$HPN_LOG_CLIENT || \
	    fail "$what, sftp: exit status $?"
	hpn_same "$what, sftp put"
	hpn_same "$what, sftp get" $HPN_DATA $HPN_COPY.2
done

verbose "what a certificate does not permit"
HPN_DELAY_MS=0
sign_user user-ca -1m:+1h $USER@grid -O clear -O force-command="echo forced"
configured
test "`hpn_ssh host cat /etc/passwd 2>/dev/null`" = forced || \
    fail "force-command was not obeyed"
hpn_forget
hpn_ssh -W 127.0.0.1:$PORT host </dev/null >/dev/null 2>&1 && \
    fail "a forward without permit-port-forwarding"
grep 'open failed: administratively prohibited' $HPN_LOG_CLIENT >/dev/null || \
    fail "a forward without permit-port-forwarding was not refused as such"
sign_user user-ca -1m:+1h $USER@grid -O source-address=192.0.2.0/24
refused "from another address" "" "source.address\|not permitted\|source address"

# ---------------------------------------------------------------------------
# A connection that is there stays, as in stock; a new one is refused.

expired ()
{
	! hpn_ssh -o ControlPath=none host true </dev/null >/dev/null 2>&1
}

# outlives WHO: begin a transfer, wait until the certificate has expired, send the
# rest, which takes an exchange of keys.
outlives ()
{
	sign_user user-ca -1m:+`hpn_times 15`s $USER@grid
	configured "RekeyLimit 8M"
	rm -f $C/log
	(
		dd if=$HPN_DATA bs=1048576 count=4 2>/dev/null
		_i=0
		until expired 2>/dev/null; do
			sleep 1
			_i=`expr $_i + 1`
			test $_i -lt `hpn_times 60` || break
		done
		echo $_i >$C/waited
		grep -c 'SSH2_MSG_NEWKEYS sent' $C/log >$C/before
		dd if=$HPN_DATA bs=1048576 skip=4 2>/dev/null
	) | $SSH -F $HPN_SSH_CONFIG -E $C/log host "cat >$HPN_COPY" || \
	    fail "$1: the connection ended with its certificate: $?"
	test `cat $C/waited` -lt `hpn_times 60` || \
	    fail "$1: the certificate never expired"
	hpn_same "$1, over the end of the certificate"
	_before=`cat $C/before` _after=`grep -c 'SSH2_MSG_NEWKEYS sent' $C/log`
	verbose "$1: keys exchanged $_before times before, $_after at the end"
	test $_after -gt $_before || fail "$1: no exchange of keys after it"
	expired || fail "$1: a new connection with the expired certificate"
}

verbose "a connection outlives its certificate"
outlives ours
if test -x "$TEST_SSH_STOCK_SSHD" -a -x "$TEST_SSH_STOCK_SSH" && \
    ! $TEST_SSH_STOCK_SSH -G -F none -o HPNDisabled=no host >/dev/null 2>&1; then
	SSH=$TEST_SSH_STOCK_SSH SSHD=$TEST_SSH_STOCK_SSHD
	_saved=$ACCEPT
	outlives "stock"
else
	verbose "no stock ssh and sshd to compare with"
fi

rm -rf $HPN_DATA* $HPN_COPY* $C
