# SPDX-License-Identifier: ISC
#
# HPNFastConnect: how many round trips a connection needs, counted and not timed
# (hpn-flights.c); that keys are offered as without it; and that a command runs
# once, whatever becomes of what was sent early.
#
# usage: make t-exec LTESTS=hpn-connect
#
# Tried are our sshd and TEST_SSH_STOCK_SSHD, and TEST_SSH_STOCK_SSH with ours.

tid="hpn connecting"

. $SRC/hpn-connect-lib

hpn_helper hpn-flights
FLIGHTS=$OBJ/hpn-flights.out
RAN=$OBJ/hpn-ran
ASKED=$OBJ/hpn-asked
CONF=$OBJ/hpn-connect.conf
KEYS=$OBJ/hpn-connect-keys
CLIENT=$SSH
SERVER=$SSHD

connect_keys user host rsa ecdsa six.1 six.2 six.3 six.4 six.5 six.6
connect_known yes

pam=no
# serve LINES: what the server has beside what it needs.
serve ()
{
	connect_serve $KEYS "UsePAM $pam" "$1"
	cp $OBJ/hpn-key.user.pub $KEYS
}

# connect [OPTION...] -- COMMAND: its exit status is in $r, round trips in
# $trips; the command's own doing is in $RAN, and what ssh says in the log.
wrap=
watch=
HURRY=
connect ()
{
	run $CLIENT -v -F $CONF -E $HPN_LOG_CLIENT "$@"
}

# copy OPTION... FROM TO: the same with scp.
copy ()
{
	# ssh waits for scp as well
	watch="-p $OBJ/hpn-connect.scp"
	run sh -c "echo \$\$ >$OBJ/hpn-connect.scp; exec \"\$@\"" sh \
	    $SCP -v -S $REAL_SSH -F $CONF "$@" 2>>$HPN_LOG_CLIENT
	watch=
}

run ()
{
	rm -f $FLIGHTS $RAN
	hpn_forget
	connect_options "$HURRY" "ProxyCommand $OBJ/hpn-flights $watch -o $FLIGHTS $wrap $SERVER -i -f $HPN_SSHD_CONFIG -E $HPN_LOG_SERVER" >$CONF
	timeout $MOST "$@" </dev/null >$OBJ/hpn-connect.out
	r=$?
	trips=`round_trips $FLIGHTS`
	ran=`cat $RAN 2>/dev/null | wc -l | tr -d ' '`
}
ONE="-i $OBJ/hpn-key.user -o IdentitiesOnly=yes -o BatchMode=yes"

# once WHAT [STATUS]: the last connection ran the command so and not twice.
once ()
{
	test $r -eq ${2:-0} || \
	    fail "$1: exit status $r: `tail -n 3 $HPN_LOG_CLIENT`"
	test "$ran" = 1 || fail "$1: the command ran $ran times"
}

# trips WHAT COUNT: it needed no more round trips than that.
trips ()
{
	verbose "$1: ${trips:-no} round trips"
	test "x$trips" = "x$2" || \
	    fail "$1: ${trips:-no} round trips instead of $2"
}

# offered: the keys that the server was asked for or that signed, in order.
offered ()
{
	sed -n 's/.*userauth_pubkey: .*ing public key \([^ ]* [^ ]*\).*/\1/p' \
	    $HPN_LOG_SERVER | uniq
}

# same_keys WHAT OPTION...: offered with and without hurry, in the same order.
same_keys ()
{
	_what=$1
	shift
	connect -o HPNFastConnect=no "$@"
	offered >$ASKED.slow
	_r=$r _ran=$ran
	connect "$@"
	offered >$ASKED
	cmp -s $ASKED $ASKED.slow || \
	    fail "$_what: other keys than in stock's way: `diff $ASKED.slow $ASKED`"
	test $r -eq $_r || fail "$_what: exit status $r instead of $_r"
	test "$ran" = "$_ran" || \
	    fail "$_what: the command ran $ran times instead of $_ran"
}

hurried ()
{
	grep "$1" $HPN_LOG_CLIENT >/dev/null
}
EARLY_KEY="key with the request for methods"
EARLY_SESSION="Opening the session with the signature"

servers=$SSHD
if test -x "$TEST_SSH_STOCK_SSHD"; then
	servers="$servers $TEST_SSH_STOCK_SSHD"
else
	verbose "without stock's sshd: TEST_SSH_STOCK_SSHD is not set"
fi
if test -x "$TEST_SSH_STOCK_SSH"; then
	serve
	for SERVER in $servers; do
		CLIENT=$TEST_SSH_STOCK_SSH
		connect $ONE host "echo >>$RAN"
		once "stock's ssh, $SERVER"
		trips "stock's ssh, $SERVER" 9
	done
	CLIENT=$SSH
fi

start_sshd
for SERVER in $servers; do
	verbose "with $SERVER"
	serve
	connect -o HPNFastConnect=no $ONE host "echo >>$RAN"
	once "in stock's way"
	trips "in stock's way" 9
	connect -o HPNDisabled=yes $ONE host "echo >>$RAN"
	once "HPNDisabled"
	trips "HPNDisabled" 9
	HURRY="HPNFastConnect yes"
	connect -o HPNDisabled=yes $ONE host "echo >>$RAN"
	once "HPNDisabled, and asked to hurry"
	trips "HPNDisabled, and asked to hurry" 3
	HURRY=

	connect $ONE host "echo >>$RAN"
	once "command"
	trips "command" 3
	connect -o IdentitiesOnly=no $ONE host "echo >>$RAN"
	once "command, with a question for the key"
	trips "command, with a question for the key" 4
	connect $ONE host "echo >>$RAN; exit 3"
	once "exit status" 3
	connect -tt $ONE host "echo >>$RAN"
	once "terminal"
	trips "terminal" 3
	connect -T $ONE host </dev/null
	test $r -eq 0 || fail "shell: exit status $r"
	connect -o SetEnv=LC_HPN=seen $ONE host "echo >>$RAN; echo -n \$LC_HPN"
	once "environment"
	connect -s $ONE host sftp
	test $r -eq 0 || fail "subsystem: exit status $r"
	hurried "$EARLY_SESSION" || fail "subsystem: not early"

	# What has to wait waits, and works.
	for opt in "-o Compression=yes" "-A" "-R 0:127.0.0.1:1" \
	    "-L $OBJ/hpn-connect.l:127.0.0.1:1" \
	    "-o PermitLocalCommand=yes -o LocalCommand=true" \
	    "-o ControlMaster=yes -S $SSH_REGRESS_TMP/ctl" "-f -n" \
	    "-o NoneEnabled=yes -o NoneSwitch=yes" "-T -X"; do
		rm -f $OBJ/hpn-connect.l
		case $opt in *NoneSwitch*)
			test $SERVER = $SSHD || continue
			serve "NoneEnabled yes"
			opt="$opt -T" ;;
		*-X)
			DISPLAY=x:0
			export DISPLAY ;;
		esac
		connect $opt $ONE host "echo >>$RAN"
		once "$opt"
		hurried "$EARLY_KEY" || fail "$opt: the key was not asked for early"
		hurried "$EARLY_SESSION" && fail "$opt: session opened early"
		# its requests do not wait for the channel's number, if that is 0
		case $opt in
		-R*)		trips "$opt" 5 ;;
		*NoneSwitch*)	trips "$opt" 5 ;;
		*)		trips "$opt" 4 ;;
		esac
	done
	unset DISPLAY
	serve

	# A local command ends before the remote one begins.
	printf '#!/bin/sh\nsleep 0.2\ncp %s %s\n' $RAN $OBJ/hpn-connect.l \
	    >$OBJ/hpn-connect.local
	chmod 755 $OBJ/hpn-connect.local
	rm -f $OBJ/hpn-connect.l
	connect -o PermitLocalCommand=yes -o LocalCommand=$OBJ/hpn-connect.local \
	    $ONE host "echo >>$RAN" 2>/dev/null
	once "local command"
	test ! -f $OBJ/hpn-connect.l || \
	    fail "the remote command began before the local one had ended"

	# scp's first requests travel with its request for sftp.
	for act in no first seen two; do
		_fast=yes _more=
		case $act in
		no)	# stock's sshd grants the window later
			_fast=no _t=11
			test $SERVER = $SSHD || _t=12 ;;
		first)	connect_known; _t=5 ;;
		seen)	_t=4 ;;
		two)	serve "AuthenticationMethods publickey,publickey"
			cat $OBJ/hpn-key.rsa.pub >>$KEYS
			_more="-i $OBJ/hpn-key.rsa" ;;
		esac
		rm -f $OBJ/hpn-connect.copy
		copy $ONE $_more -o HPNFastConnect=$_fast \
		    $OBJ/hpn-key.user.pub host:$OBJ/hpn-connect.copy
		test $r -eq 0 || fail "scp, $act: exit status $r"
		cmp $OBJ/hpn-key.user.pub $OBJ/hpn-connect.copy || \
		    fail "scp, $act: the copy differs"
		test $act = two || trips "scp, $act" $_t
	done
	hurried "Received SSH2_MSG_UNIMPLEMENTED" || \
	    fail "scp, two keys: nothing was refused"
	serve
	copy $ONE host:$OBJ/hpn-key.user.pub $OBJ/hpn-connect.copy
	test $r -eq 0 || fail "scp down: exit status $r"
	# Ours opens it with the first requests (hpn-fast-open)
	down=4
	test $SERVER != $SSHD || down=3
	trips "scp down" $down
	# The data of a larger file wait for no handle, nor does scp for the end.
	head -c 100000 /dev/urandom >$OBJ/hpn-connect.big
	for way in up down; do
		rm -f $OBJ/hpn-connect.copy
		_t=4
		case $way in
		up)	copy $ONE $OBJ/hpn-connect.big host:$OBJ/hpn-connect.copy
			_t=5 ;;
		down)	copy $ONE host:$OBJ/hpn-connect.big $OBJ/hpn-connect.copy
			_t=$down ;;
		esac
		test $r -eq 0 || fail "scp $way, larger: exit status $r"
		cmp $OBJ/hpn-connect.big $OBJ/hpn-connect.copy || \
		    fail "scp $way, larger: the copy differs"
		trips "scp $way, larger" $_t
	done
	# Nobody waits for what a server does after its last answer.
	printf '#!/bin/sh\n%s\nsleep 2\nexit 1\n' $SFTPSERVER \
	    >$OBJ/hpn-connect.slow
	chmod 755 $OBJ/hpn-connect.slow
	serve "ForceCommand $OBJ/hpn-connect.slow"
	for fast in yes no; do
		rm -f $OBJ/hpn-connect.copy
		copy $ONE -o HPNFastConnect=$fast \
		    host:$OBJ/hpn-connect.big $OBJ/hpn-connect.copy
		case $fast$r in
		yes0|no1)	;;
		*)	fail "scp, a server that goes on, $fast: exit status $r" ;;
		esac
		cmp $OBJ/hpn-connect.big $OBJ/hpn-connect.copy || \
		    fail "scp, a server that goes on: the copy differs"
	done
	serve "ForceCommand false"
	copy $ONE host:$OBJ/hpn-key.user.pub $OBJ/hpn-connect.copy
	test $r -ne 0 || fail "scp refused: exit status $r"
	serve

	# -W, which -J uses: the channel's opening travels with the signature.
	for act in go deny two; do
		case $act in
		deny)	serve "AllowTcpForwarding no" ;;
		two)	serve "AuthenticationMethods publickey,publickey"
			cat $OBJ/hpn-key.rsa.pub >>$KEYS ;;
		esac
		connect -W 127.0.0.1:$PORT $ONE -i $OBJ/hpn-key.rsa host
		hurried "$EARLY_SESSION" || fail "-W, $act: not early"
		if test $act = deny; then
			test $r -eq 255 || fail "-W, $act: exit status $r"
			hurried "stdio forwarding failed" || \
			    fail "-W, $act: `tail -n 2 $HPN_LOG_CLIENT`"
			trips "-W, $act" 4
		else
			test $r -eq 0 || fail "-W, $act: exit status $r"
			grep "^SSH-2.0-" $OBJ/hpn-connect.out >/dev/null || \
			    fail "-W, $act: nobody answered"
		fi
	done
	serve
	connect -W 127.0.0.1:1 $ONE host
	trips "-W to where nobody is" 3

	# -N with forwards: however many, they are asked for at once.
	cat >$OBJ/hpn-connect.forwards <<EOD
#!/bin/sh
# COUNT SSH...: until so many forwards are there
count=\$1
shift
"\$@" &
ssh=\$!
trap 'kill \$ssh' EXIT
while kill -0 \$ssh 2>/dev/null; do
	test \`grep -c "remote forward success" $HPN_LOG_CLIENT\` -lt \$count || break
	sleep 0.2
done
sleep 1
EOD
	chmod 755 $OBJ/hpn-connect.forwards
	one="-R $OBJ/hpn-connect.r1:127.0.0.1:1 -L $OBJ/hpn-connect.l1:127.0.0.1:1"
	many="$one -L $OBJ/hpn-connect.l2:127.0.0.1:1"
	for i in 2 3 4 5 6; do
		many="$many -R $OBJ/hpn-connect.r$i:127.0.0.1:1"
	done
	for n in 1 6; do
		rm -f $OBJ/hpn-connect.[lr][0-9]
		test $n -eq 1 && set -- $one || set -- $many
		run $OBJ/hpn-connect.forwards $n $CLIENT -v -F $CONF \
		    -E $HPN_LOG_CLIENT $ONE -N "$@" host
		test `grep -c "remote forward success" $HPN_LOG_CLIENT` -eq $n || \
		    fail "-N, $n forwards: `tail -n 2 $HPN_LOG_CLIENT`"
		trips "-N, $n forwards" 4
	done

	# What FIPS allows, at both ends; and a limit that is not reached.
	connect -o RekeyLimit=1M $ONE host "echo >>$RAN"
	once "RekeyLimit"
	trips "RekeyLimit" 3
	fips="KexAlgorithms ecdh-sha2-nistp256,ecdh-sha2-nistp384
Ciphers aes256-gcm@openssh.com,aes256-ctr
MACs hmac-sha2-256,hmac-sha2-512
HostKeyAlgorithms ecdsa-sha2-nistp256,rsa-sha2-512
PubkeyAcceptedAlgorithms ecdsa-sha2-nistp256,rsa-sha2-512"
	serve "HostKey $OBJ/hpn-key.ecdsa\n$fips"
	cat $OBJ/hpn-key.ecdsa.pub $OBJ/hpn-key.rsa.pub >$KEYS
	echo "host `cut -d' ' -f1,2 $OBJ/hpn-key.ecdsa.pub`" >>$KNOWN
	for key in ecdsa rsa; do
		HURRY=$fips
		connect -i $OBJ/hpn-key.$key -o IdentitiesOnly=yes \
		    -o BatchMode=yes host "echo >>$RAN"
		HURRY=
		once "FIPS, $key"
		trips "FIPS, $key" 4
	done
	connect_known yes
	serve

	# Bytes that come one by one, and lines before the identification.
	wrap="-b"
	connect $ONE host "echo >>$RAN"
	once "byte by byte"
	wrap="sh -c 'echo one line; echo and another; exec \"\$@\"' sh"
	connect $ONE host "echo >>$RAN"
	once "lines before the identification"
	trips "lines before the identification" 3
	wrap=

	verbose "keys: six, the last of which fits"
	cp $OBJ/hpn-key.six.6.pub $KEYS
	six="-o IdentitiesOnly=yes -o BatchMode=yes"
	for i in 1 2 3 4 5 6; do
		six="$six -i $OBJ/hpn-key.six.$i"
	done
	same_keys "six key files" $six host "echo >>$RAN"
	once "six key files"
	test `grep -c . $ASKED` -eq 6 || fail "six key files: not six were offered"
	serve "MaxAuthTries 5"
	cp $OBJ/hpn-key.six.6.pub $KEYS
	same_keys "six keys, five tries" $six host "echo >>$RAN"
	test $r -eq 255 -a $ran = 0 || fail "six keys, five tries: let in"
	serve "MaxAuthTries 6"
	cp $OBJ/hpn-key.six.6.pub $KEYS
	same_keys "six keys, six tries" $six host "echo >>$RAN"
	once "six keys, six tries"
	serve
	eval `$SSHAGENT -s` >/dev/null
	echo $SSH_AGENT_PID >$OBJ/hpn-agent.pid
	watch="-p $OBJ/hpn-agent.pid"
	for i in 1 2 3 4 5 6; do
		$SSHADD -q $OBJ/hpn-key.six.$i || fatal "ssh-add"
	done
	cp $OBJ/hpn-key.six.6.pub $KEYS
	same_keys "six agent keys" -o BatchMode=yes host "echo >>$RAN"
	once "six agent keys"
	cp $OBJ/hpn-key.six.1.pub $KEYS
	connect -o BatchMode=yes host "echo >>$RAN"
	once "agent key"
	trips "agent key" 4
	hpn_stop agent
	unset SSH_AUTH_SOCK SSH_AGENT_PID
	watch=

	verbose "keys: kinds"
	cp $OBJ/hpn-key.rsa.pub $KEYS
	connect -i $OBJ/hpn-key.rsa -o IdentitiesOnly=yes host "echo >>$RAN"
	once "RSA"
	trips "RSA" 3
	offered | grep "^rsa-sha2-512 " >/dev/null || \
	    fail "RSA: not rsa-sha2-512 but `offered`"
	# a second EXT_INFO says what holds for this user
	serve "Match User $USER\nPubkeyAcceptedAlgorithms rsa-sha2-256"
	cat $OBJ/hpn-key.rsa.pub >>$KEYS
	connect $ONE -i $OBJ/hpn-key.rsa host "echo >>$RAN"
	once "Match"
	connect -o IdentitiesOnly=no $ONE -i $OBJ/hpn-key.rsa host "echo >>$RAN"
	once "Match, asked"
	offered | tail -n 1 | grep "^rsa-sha2-256 " >/dev/null || \
	    fail "Match: not rsa-sha2-256 but `offered`"
	serve "PubkeyAcceptedAlgorithms rsa-sha2-256"
	cat $OBJ/hpn-key.rsa.pub >>$KEYS
	same_keys "PubkeyAcceptedAlgorithms" $ONE -i $OBJ/hpn-key.rsa host \
	    "echo >>$RAN"
	once "PubkeyAcceptedAlgorithms"
	serve
	# ... and if the algorithm that was asked for is none of them
	serve "Match User $USER\nPubkeyAcceptedAlgorithms rsa-sha2-256"
	cp $OBJ/hpn-key.rsa.pub $KEYS
	connect -i $OBJ/hpn-key.rsa -o IdentitiesOnly=yes -o BatchMode=yes \
	    host "echo >>$RAN"
	once "Match, one key"
	serve
	# none to offer, one that is not there
	same_keys "no key" -o IdentitiesOnly=yes -o BatchMode=yes \
	    -o IdentityFile=none host "echo >>$RAN"
	test $r -eq 255 || fail "no key: let in"
	same_keys "a key file that is not there" -i $OBJ/hpn-not-there \
	    -o IdentitiesOnly=yes -o BatchMode=yes -i $OBJ/hpn-key.user host \
	    "echo >>$RAN"
	once "a key file that is not there"
	connect -o PreferredAuthentications=keyboard-interactive,publickey \
	    -i $OBJ/hpn-key.user -o IdentitiesOnly=yes host "echo >>$RAN"
	once "another method first"
	hurried "$EARLY_KEY" && fail "another method first: key asked for early"
	# hostbased comes before, could be used, and is not taken
	connect -o HostbasedAuthentication=yes -o EnableSSHKeysign=no $ONE \
	    host "echo >>$RAN"
	once "hostbased first"
	hurried "$EARLY_KEY" && fail "hostbased first: key asked for early"
	if $CLIENT -G -o GSSAPIAuthentication=yes host 2>/dev/null | \
	    grep "^gssapiauthentication yes" >/dev/null; then
		KRB5CCNAME=FILE:$OBJ/hpn-no-tickets
		export KRB5CCNAME
		connect -o GSSAPIAuthentication=yes $ONE host "echo >>$RAN"
		once "GSSAPI without a ticket"
		trips "GSSAPI without a ticket" 3
		unset KRB5CCNAME
	fi

	verbose "authentication that fails or goes on"
	same_keys "wrong key" -i $OBJ/hpn-key.six.1 -o IdentitiesOnly=yes \
	    -o BatchMode=yes host "echo >>$RAN"
	test $r -eq 255 -a $ran = 0 || fail "wrong key: let in"
	serve "PubkeyAuthentication no"
	connect $ONE host "echo >>$RAN"
	test $r -eq 255 -a $ran = 0 || fail "server without keys: let in"
	grep "Permission denied" $HPN_LOG_CLIENT >/dev/null || \
	    fail "server without keys: `tail -n 1 $HPN_LOG_CLIENT`"
	test `grep -c "maximum authentication attempts" $HPN_LOG_SERVER` -eq 0 || \
	    fail "server without keys: too many attempts"
	# the session is refused with the first of two keys, and opened again
	serve "AuthenticationMethods publickey,publickey"
	cat $OBJ/hpn-key.rsa.pub >>$KEYS
	connect $ONE -i $OBJ/hpn-key.rsa host "echo >>$RAN"
	once "two keys"
	hurried "$EARLY_SESSION" || fail "two keys: no early session"
	hurried "Received SSH2_MSG_UNIMPLEMENTED" || \
	    fail "two keys: the session was not refused"
	connect -tt $ONE -i $OBJ/hpn-key.rsa host "echo >>$RAN"
	once "two keys, terminal"
	serve "AuthenticationMethods publickey,password"
	connect $ONE host "echo >>$RAN"
	test $r -eq 255 -a $ran = 0 || fail "key and password: let in"
	# a session or command that is not allowed
	serve "MaxSessions 0"
	connect $ONE host "echo >>$RAN"
	test $r -eq 255 -a $ran = 0 || fail "MaxSessions 0: exit status $r"
	serve "ForceCommand echo >>$RAN"
	connect $ONE host "echo >>$RAN; echo >>$RAN"
	once "ForceCommand"
	serve
	sed "s/^/command=\"echo >>`echo $RAN | sed 's,/,\\\\/,g'`\" /" \
	    $OBJ/hpn-key.user.pub >$KEYS
	connect $ONE host "echo >>$RAN; echo >>$RAN"
	once "command="
	sed "s/^/no-pty /" $OBJ/hpn-key.user.pub >$KEYS
	same_keys "no-pty" -tt $ONE host "echo >>$RAN"
	sed "s/^/expiry-time=\"20200101\" /" $OBJ/hpn-key.user.pub >$KEYS
	connect $ONE host "echo >>$RAN"
	test $r -eq 255 -a $ran = 0 || fail "expired key: let in"
	serve
	# certificates: one that holds, one that has expired with a key behind it
	for valid in 20200101:20200102 always:forever; do
		$SSHKEYGEN -q -s $OBJ/hpn-key.six.1 -I cert -n $USER -V $valid \
		    $OBJ/hpn-key.six.2.pub || fatal "ssh-keygen"
		serve "TrustedUserCAKeys $OBJ/hpn-key.six.1.pub"
		same_keys "certificate $valid" -i $OBJ/hpn-key.six.2 \
		    -o CertificateFile=$OBJ/hpn-key.six.2-cert.pub \
		    -o IdentitiesOnly=yes -o BatchMode=yes host "echo >>$RAN"
		case $valid in
		always*)
			once "certificate"
			trips "certificate" 4 ;;
		*)
			test $r -eq 255 -a $ran = 0 || \
			    fail "expired certificate: let in" ;;
		esac
	done
	rm -f $OBJ/hpn-key.six.2-cert.pub
	serve "DenyUsers $USER"
	same_keys "user not allowed" $ONE host "echo >>$RAN"
	test $r -eq 255 -a $ran = 0 || fail "user not allowed: let in"
	serve "MaxAuthTries 1"
	connect $ONE host "echo >>$RAN"
	once "one try"

	# PAM has the last word on an account.
	pam=yes
	serve
	pam=no
	if test -n "`hpn_private_missing`"; then
		verbose "skipped: PAM: `hpn_private_missing`"
	elif ! $SERVER -t -f $HPN_SSHD_CONFIG >/dev/null 2>&1 || \
	    $SERVER -t -f $HPN_SSHD_CONFIG 2>&1 | grep UsePAM >/dev/null; then
		verbose "skipped: PAM: $SERVER has none"
	else
		for account in permit deny; do
			printf '%s\n' "auth required pam_deny.so" \
			    "account required pam_$account.so" \
			    "session required pam_permit.so" >$OBJ/hpn-pam
			cat >$OBJ/hpn-pam.sh <<-EOD
			mount -t tmpfs tmpfs /etc/pam.d &&
			cp $OBJ/hpn-pam /etc/pam.d/sshd && exec "\$@"
			EOD
			wrap="unshare -m sh $OBJ/hpn-pam.sh"
			connect $ONE host "echo >>$RAN"
			wrap=
			if test $account = permit; then
				once "PAM"
				trips "PAM" 3
			else
				test $r -eq 255 -a $ran = 0 || fail \
				    "PAM refuses: exit status $r, $ran commands"
				hurried "$EARLY_SESSION" || \
				    fail "PAM refuses: no early session"
			fi
		done
		# Five round trips and what the method needs, and one less where
		# the server was seen to take guesses.
		printf '%s\n' "auth required pam_ftp.so users=$USER ignore" \
		    "auth required pam_permit.so" \
		    "account required pam_permit.so" \
		    "session required pam_permit.so" >$OBJ/hpn-pam
		pam=yes
		serve "KbdInteractiveAuthentication yes"
		pam=no
		wrap="unshare -m sh $OBJ/hpn-pam.sh"
		connect_askpass
		for how in "password 1" "keyboard-interactive 3"; do
			set -- $how
			connect -o HPNFastConnect=no \
			    -o PreferredAuthentications=$1 host "echo >>$RAN"
			once "$1 in stock's way"
			trips "$1 in stock's way" `expr 7 + $2`
			connect -o PreferredAuthentications=$1 host "echo >>$RAN"
			once "$1"
			trips "$1" `expr 4 + $2`
			connect_known
			connect -o PreferredAuthentications=$1 host "echo >>$RAN"
			once "$1, the first time"
			trips "$1, the first time" `expr 5 + $2`
		done
		connect -i $OBJ/hpn-key.six.1 -o IdentitiesOnly=yes \
		    -o PreferredAuthentications=publickey,password host \
		    "echo >>$RAN"
		once "a key that does not fit, and a password"
		trips "a key that does not fit, and a password" 5
		unset SSH_ASKPASS SSH_ASKPASS_REQUIRE
		wrap=
	fi
	serve

	# An unknown host is asked about before anything of the user is sent.
	connect -o HostKeyAlias=other $ONE host "echo >>$RAN"
	test $r -eq 255 -a $ran = 0 || fail "unknown host: let in"
	test `offered | grep -c .` -eq 0 || fail "unknown host: was offered keys"

	serve
	# A command does not run where ssh ends before it says so.
	for opt in "ControlPath=$OBJ/hpn-not-there/ctl -o ControlMaster=yes" \
	    "ControlPath=$OBJ/hpn-not-there/ctl -o ControlMaster=auto" \
	    "LocalCommand=%Z"; do
		connect -o $opt $ONE host "echo >>$RAN"
		test $r -eq 255 -a $ran = 0 || \
		    fail "$opt: exit status $r, and the command ran $ran times"
	done
	connect -o RekeyLimit=16k $ONE host \
	    "echo >>$RAN; head -c 300000 /dev/zero"
	once "rekey"
	test `wc -c <$OBJ/hpn-connect.out` -eq 300000 || fail "rekey: data lost"
done
rm -f $OBJ/hpn-key.* $OBJ/hpn-pam $OBJ/hpn-pam.sh $OBJ/hpn-connect* $KNOWN* \
    $OBJ/hpn-askpass.sh $FLIGHTS $RAN $ASKED $ASKED.slow $KEYS
