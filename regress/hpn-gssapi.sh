# SPDX-License-Identifier: ISC
#
# Single sign-on with Kerberos, against a key distribution centre of the test's
# own: host and user prove who they are without a host key and a password,
# credentials are delegated and renewed by a rekey, and windows, threads, scp
# and sftp work on such a connection as on any other.
#
# usage: make t-exec LTESTS=hpn-gssapi

tid="hpn kerberos single sign-on"

. $SRC/hpn-lib

grep '^#define GSSAPI 1' $BUILDDIR/config.h >/dev/null 2>&1 || \
    skip "built without GSSAPI"
$SSH -G -o GSSAPIKeyExchange=yes host 2>/dev/null | \
    grep -i '^gssapikeyexchange yes' >/dev/null || \
    skip "this base has no GSSAPI key exchange (BASE=debian has it)"
PATH=$PATH:/usr/sbin:/sbin
for tool in krb5kdc kdb5_util kadmin.local kinit klist kdestroy; do
	command -v $tool >/dev/null || \
	    skip "$tool is not installed (packages krb5-kdc and krb5-user)"
done

hpn_helper hpn-delay
hpn_random $HPN_DATA 40

KDC=$OBJ/hpn-kdc
REALM=HPN.TEST
ME=$USER@$REALM
rm -rf $KDC
mkdir $KDC || fatal "cannot make $KDC"
cat >$KDC/krb5.conf <<EOF
[libdefaults]
	default_realm = $REALM
	dns_lookup_kdc = false
	dns_lookup_realm = false
	dns_canonicalize_hostname = false
	rdns = false
[realms]
	$REALM = {
		kdc = 127.0.0.1:`expr $PORT + 2`
	}
[domain_realm]
	localhost = $REALM
EOF
cat >$KDC/kdc.conf <<EOF
[kdcdefaults]
	kdc_listen = 127.0.0.1:`expr $PORT + 2`
	kdc_tcp_listen = 127.0.0.1:`expr $PORT + 2`
[realms]
	$REALM = {
		database_name = $KDC/principal
		key_stash_file = $KDC/stash
		acl_file = $KDC/acl
		max_life = 1h
	}
EOF
KRB5_CONFIG=$KDC/krb5.conf
KRB5_KDC_PROFILE=$KDC/kdc.conf
KRB5_KTNAME=FILE:$KDC/host.keytab
KRB5CCNAME=FILE:$KDC/cache
export KRB5_CONFIG KRB5_KDC_PROFILE KRB5_KTNAME KRB5CCNAME
{
	kdb5_util create -s -r $REALM -P hpn-regress
	kadmin.local -r $REALM -q "addprinc -randkey host/localhost"
	kadmin.local -r $REALM -q "addprinc -randkey $ME"
	kadmin.local -r $REALM -q "ktadd -k $KDC/host.keytab host/localhost"
	kadmin.local -r $REALM -q "ktadd -k $KDC/user.keytab $ME"
} >$KDC/log 2>&1
test -s $KDC/host.keytab -a -s $KDC/user.keytab || {
	cat $KDC/log
	fatal "cannot make a realm"
}
krb5kdc -n -r $REALM >>$KDC/log 2>&1 &
echo $! >$OBJ/hpn-kdc.pid

# ticket: a new one, which can be forwarded.
ticket ()
{
	for _i in 1 2 3 4 5 6 7 8 9 10; do
		kinit -f -k -t $KDC/user.keytab $ME >$KDC/kinit.log 2>&1 && \
		    return
		sleep 1
	done
	cat $KDC/log $KDC/kinit.log
	fatal "the KDC gives no ticket"
}

# No host key is known and no key of the user is offered.
SSO="UserKnownHostsFile /dev/null
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking yes
IdentityFile none
IdentitiesOnly yes
BatchMode yes
GSSAPIServerIdentity localhost
GSSAPIAuthentication yes
GSSAPIKeyExchange yes
PreferredAuthentications gssapi-keyex"
ACCEPT="GSSAPIAuthentication yes
GSSAPIKeyExchange yes
GSSAPIStrictAcceptorCheck no
GSSAPIStoreCredentialsOnRekey yes
PubkeyAuthentication no"

verbose "no ticket, no way in"
hpn_config "$SSO" "$ACCEPT"
hpn_ssh host true 2>/dev/null && fatal "let in without a ticket"

ticket
verbose "host and user by Kerberos"
hpn_config "$SSO" "$ACCEPT"
hpn_ssh host true || fail "key exchange by Kerberos: exit status $?"
grep 'using "gssapi-keyex"' $HPN_LOG_CLIENT >/dev/null || \
    fail "not let in by the key exchange"

verbose "credentials are delegated on request only"
hpn_ssh host klist 2>/dev/null | grep "$ME" >/dev/null && \
    fail "credentials were delegated unasked"
hpn_ssh -K host klist 2>$OBJ/hpn-klist.err | grep "$ME" >/dev/null || {
	cat $OBJ/hpn-klist.err
	fail "credentials were not delegated"
}

for threads in 0 4; do
	for receiver in client server; do
		what="$receiver receives 40 MiB, HPNThreads $threads"
		verbose "$what"
		hpn_config "$SSO
HPNThreads $threads
RekeyLimit 12M" "$ACCEPT
HPNThreads $threads
RekeyLimit 12M"
		case $receiver in
		client)	hpn_ssh host cat $HPN_DATA >$HPN_COPY ;;
		server)	hpn_ssh host "cat >$HPN_COPY" <$HPN_DATA ;;
		esac || fail "$what: exit status $?"
		hpn_same "$what" $HPN_DATA
		hpn_grew "$what" $receiver
		test `grep -c 'SSH2_MSG_NEWKEYS received' $HPN_LOG_CLIENT` \
		    -ge 3 || fail "$what: keys were not changed"
	done
done

what="scp and sftp"
verbose "$what"
hpn_config "$SSO" "$ACCEPT"
rm -f $HPN_COPY
$SCP -q -S "$SSH" -F $HPN_SSH_CONFIG $HPN_DATA host:$HPN_COPY || \
    fail "scp: exit status $?"
hpn_same "scp" $HPN_DATA
rm -f $HPN_COPY
echo "get $HPN_DATA $HPN_COPY" | $SFTP -q -S "$SSH" -F $HPN_SSH_CONFIG -b - \
    host >/dev/null || fail "sftp: exit status $?"
hpn_same "sftp" $HPN_DATA

what="renewed credentials reach the server by a rekey"
verbose "$what"
hpn_config "$SSO
GSSAPIDelegateCredentials yes
GSSAPIRenewalForcesRekey yes" "$ACCEPT"
cat >$OBJ/hpn-watch <<EOF
begun=\`klist | grep krbtgt\`
echo "\$begun" >$OBJ/hpn-begun
n=0
while test \$n -lt `hpn_times 60`; do
	test "\`klist | grep krbtgt\`" = "\$begun" || { echo renewed; exit 0; }
	echo waiting
	sleep .5
	n=\`expr \$n + 1\`
done
exit 1
EOF
rm -f $OBJ/hpn-begun
(
	until test -s $OBJ/hpn-begun; do sleep .2; done
	# Times of tickets are in seconds.
	sleep 2
	ticket
) &
renewer=$!
hpn_ssh host "sh $OBJ/hpn-watch" >$OBJ/hpn-renewed || \
    fail "$what: exit status $?"
grep krbtgt $OBJ/hpn-begun >/dev/null || fail "$what: none were delegated"
grep renewed $OBJ/hpn-renewed >/dev/null || fail "$what: they did not"
test `grep -c 'SSH2_MSG_NEWKEYS received' $HPN_LOG_CLIENT` -ge 2 || \
    fail "$what: no rekey"
wait $renewer

hpn_stop kdc
rm -rf $KDC $HPN_DATA $HPN_COPY $OBJ/hpn-begun $OBJ/hpn-renewed $OBJ/hpn-watch
