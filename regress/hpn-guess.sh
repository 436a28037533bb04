# SPDX-License-Identifier: ISC
#
# A key exchange that begins with the identification: three round trips where the
# guess is right, as many as ever where it is wrong, one more connection where a
# server does not bear it; and nothing new for whoever sits on the way.
#
# usage: make t-exec LTESTS=hpn-guess

tid="hpn guess"

. $SRC/hpn-connect-lib

hpn_helper hpn-flights
hpn_helper hpn-middle
CONF=$OBJ/hpn-guess.conf
KEYS=$OBJ/hpn-guess-keys
RAN=$OBJ/hpn-ran
FLIGHTS=$OBJ/hpn-flights.out
CALLS=$OBJ/hpn-guess.calls
NAME=kexguess2@matt.ucc.asn.au
SERVER=$SSHD

connect_keys user host rsa ca
PRINT=`$SSHKEYGEN -l -f $OBJ/hpn-key.host.pub | cut -d' ' -f2`
cp $OBJ/hpn-key.user.pub $KEYS

# serve LINES: what the server has beside what it needs.
serve ()
{
	connect_serve $KEYS "$1"
	serving="$SERVER -i -f $HPN_SSHD_CONFIG -E $HPN_LOG_SERVER"
}

# connect OPTION... -- COMMAND: its exit status is in $r, how often the command
# ran in $ran, round trips in $trips.
loud=-vvv
flights="$OBJ/hpn-flights -o $FLIGHTS"
between=$flights
wrap=
connect ()
{
	rm -f $FLIGHTS $RAN $CALLS
	hpn_forget
	connect_options "IdentityFile $OBJ/hpn-key.user" "IdentitiesOnly yes" \
	    "BatchMode yes" "ProxyCommand $between $wrap $serving" >$CONF
	timeout $MOST $SSH $loud -F $CONF -E $HPN_LOG_CLIENT "$@" </dev/null \
	    >$OBJ/hpn-guess.out
	r=$?
	trips=
	case "$between" in *flights*)
		trips=`round_trips $FLIGHTS`
	esac
	ran=`cat $RAN 2>/dev/null | wc -l | tr -d ' '`
}

guessed ()
{
	grep "Sending the first message of the key exchange with" \
	    $HPN_LOG_CLIENT >/dev/null
}

# expect WHAT GUESSED TRIPS: and the command ran, once.
expect ()
{
	test $r -eq 0 || fail "$1: exit status $r: `tail -n 2 $HPN_LOG_CLIENT`"
	test "$ran" = 1 || fail "$1: the command ran $ran times"
	if guessed; then _g=yes; else _g=no; fi
	test $_g = $2 || fail "$1: guess: $_g"
	test "x$3" = x || test "x$trips" = "x$3" || \
	    fail "$1: ${trips:-no} round trips instead of $3"
}

# memory WHAT TEXT
memory ()
{
	_m=`cat $MEMORY 2>/dev/null`
	test "$_m" = "$2" || fail "$1: remembered: $_m"
}

RUN="echo >>$RAN"

verbose "a server is learnt, and then guessed right"
serve
connect_known
connect host "$RUN"
expect "first time" no 4
memory "first time" "$PRINT"
grep "KEX algorithms: .*$NAME" $HPN_LOG_SERVER >/dev/null || \
    fail "sshd does not list the name"
connect host "$RUN"
expect "second time" yes 3
memory "second time" "$PRINT"
grep "skipped packet" $HPN_LOG_SERVER >/dev/null && \
    fail "sshd ignored a right guess"
# ... and with what else a connection can have
between=
for opt in -tt "-o KexAlgorithms=sntrup761x25519-sha512" \
    "-o KexAlgorithms=curve25519-sha256" "-o HostKeyAlgorithms=ssh-ed25519" \
    "-o HostKeyAlgorithms=^ssh-ed25519" "-o Compression=yes" "-o RekeyLimit=16k" \
    "-o ServerAliveInterval=1" "-o ConnectTimeout=30" "-o UpdateHostKeys=yes" \
    "-o NumberOfPasswordPrompts=1 -o AddressFamily=inet"; do
	connect $opt host "$RUN; head -c 200000 /dev/zero"
	expect "$opt" yes
	memory "$opt" "$PRINT"
done
# The name is in first exchanges only, and nothing that a user sees.
connect -o RekeyLimit=16k host "$RUN; head -c 200000 /dev/zero"
test `grep -c "SSH2_MSG_KEXINIT sent" $HPN_LOG_CLIENT` -gt 1 || \
    fail "no keys were exchanged anew"
_at=`grep -n "SSH2_MSG_KEXINIT sent" $HPN_LOG_CLIENT | sed -n '2s/:.*//p'`
tail -n +$_at $HPN_LOG_CLIENT | grep "KEX algorithms: .*$NAME" >/dev/null && \
    fail "the name is in a re-exchange"
{ $SSH -Q kex; $SSH -F $CONF -G host; $SSHD -T -f $HPN_SSHD_CONFIG; } 2>&1 | \
    grep $NAME >/dev/null && fail "the name is among the algorithms"
# two ends with nothing in common do not agree on it
connect -o KexAlgorithms=curve25519-sha256 host "$RUN"
serve "KexAlgorithms diffie-hellman-group14-sha256"
connect -o KexAlgorithms=curve25519-sha256 host "$RUN"
test $r -eq 255 -a $ran = 0 || fail "nothing in common: exit status $r"
grep "no matching key exchange method found" $HPN_LOG_CLIENT >/dev/null || \
    fail "nothing in common: `tail -n 1 $HPN_LOG_CLIENT`"

verbose "no guess"
serve
for opt in "HPNFastConnect=no" "HPNDisabled=yes" \
    "KexAlgorithms=ecdh-sha2-nistp256" "UserKnownHostsFile=/dev/null" \
    "KnownHostsCommand=/bin/true %H" "HostKeyAlias=other"; do
	connect_known yes
	connect -o "$opt" -o StrictHostKeyChecking=no host "$RUN"
	expect "$opt" no
done
test -e /dev/null.hpn-guess && fail "a file beside /dev/null"
connect_known yes
echo "@cert-authority host `cat $OBJ/hpn-key.ca.pub`" >>$KNOWN
connect host "$RUN"
expect "an authority is known" no
connect_known yes
chmod 666 $MEMORY
connect host "$RUN"
expect "a memory that others can write" no
connect_known
ln -s $KEYS $MEMORY
connect host "$RUN"
expect "a memory that is a link" no
cmp -s $KEYS $OBJ/hpn-key.user.pub || fail "a link was followed"
connect_known
mkfifo $MEMORY
connect host "$RUN"
expect "a memory that is a fifo" no
memory "a memory that is a fifo" "$PRINT"
connect_known yes
head -c 70000 /dev/zero | tr '\0' '#' >>$MEMORY
connect host "$RUN"
expect "a memory that is too long" no
memory "a memory that is too long" "$PRINT"
connect_known
mkdir $MEMORY
connect host "$RUN"
expect "a memory that is a folder" no
rmdir $MEMORY || fail "a memory that is a folder: `ls -l $MEMORY`"
if test "`id -u`" = 0; then
	connect_known yes
	chown 65534 $MEMORY
	connect host "$RUN"
	expect "another user's memory" no
	memory "another user's memory" "$PRINT"
	test "`find $MEMORY -user 0`" = $MEMORY || \
	    fail "another user's memory: `ls -l $MEMORY`"
	connect_known
	chown 65534 $KNOWN
	connect host "$RUN"
	expect "another user's known_hosts" no
	memory "another user's known_hosts" ""
	rm -f $KNOWN
else
	echo "$tid (skipped: not root: files of another user)"
fi
# several at the same time leave one whole file, and nothing beside it
connect_known
for i in 1 2 3 4; do
	timeout $MOST $SSH -F $CONF host true </dev/null \
	    >$OBJ/hpn-guess.out.$i 2>&1 &
done
wait
memory "several at the same time" "$PRINT"
test "`echo $MEMORY*`" = $MEMORY || fail "left over: `ls -l $MEMORY*`"
connect_known
connect -o HPNFastConnect=no host "$RUN"
memory "HPNFastConnect=no" ""
if $SSH -G -o GSSAPIKeyExchange=yes host >/dev/null 2>&1; then
	connect_known yes
	connect -o GSSAPIKeyExchange=yes host "$RUN"
	expect "GSSAPIKeyExchange" no
fi

between=$flights
verbose "a guess that is wrong costs nothing"
for lines in "KexAlgorithms curve25519-sha256" \
    "KexAlgorithms ecdh-sha2-nistp256" \
    "KexAlgorithms diffie-hellman-group14-sha256" \
    "KexAlgorithms diffie-hellman-group16-sha512"; do
	connect_known yes
	serve "$lines"
	connect host "$RUN"
	expect "$lines" yes 4
	grep "skipped packet" $HPN_LOG_SERVER >/dev/null || \
	    fail "$lines: sshd did not ignore it"
	grep "the server ignores" $HPN_LOG_CLIENT >/dev/null || \
	    fail "$lines: ssh did not know"
	memory "$lines" ""
done
connect_known yes
serve "KexAlgorithms diffie-hellman-group-exchange-sha256"
connect host "$RUN"
expect "group exchange" yes
# a server that is ours in stock's way lists nothing
connect_known yes
serve "HPNDisabled yes\nHostKey $OBJ/hpn-key.rsa"
connect host "$RUN"
expect "RFC 4253's rule, wrong" yes 4
between=
memory "RFC 4253's rule, wrong" ""
connect host "$RUN"
expect "not learnt" no
connect_known
serve "HPNDisabled yes"
connect host "$RUN"
memory "RFC 4253's rule, right" "$PRINT"
between=$flights
connect host "$RUN"
expect "RFC 4253's rule, right" yes 3
# ours takes it although its own first host key is another one
connect_known
serve "HostKey $OBJ/hpn-key.rsa"
connect host "$RUN"
connect host "$RUN"
expect "another host key first" yes 3
if test -x "$TEST_SSH_STOCK_SSHD"; then
	SERVER=$TEST_SSH_STOCK_SSHD
	for lines in "" "HostKey $OBJ/hpn-key.rsa" \
	    "KexAlgorithms curve25519-sha256"; do
		connect_known yes
		serve "$lines"
		connect host "$RUN"
		_t=4
		test -z "$lines" && _t=3
		expect "stock's sshd, $lines" yes $_t
	done
	SERVER=$SSHD
else
	verbose "without stock's sshd: TEST_SSH_STOCK_SSHD is not set"
fi
serve

verbose "bytes one by one, and lines before the identification"
serve
connect_known yes
between="$OBJ/hpn-flights -b -o $FLIGHTS"
connect host "$RUN"
expect "byte by byte" yes
between=$flights
wrap="sh -c 'echo one line; echo and another; exec \"\$@\"' sh"
connect host "$RUN"
expect "lines before the identification" yes 3
wrap=
between=

verbose "a server that does not bear it gets a second connection"
# The ProxyCommand does this the first TIMES.
FIRST=$OBJ/hpn-guess-first
cat >$OBJ/hpn-guess-once.sh <<EOD
echo >>$CALLS
test \`cat $CALLS | wc -l\` -gt \$1 && { shift; exec "\$@"; }
. $FIRST
EOD
# first WHAT TIMES IDENT REST: sends IDENT (a format), and then does this.
first ()
{
	connect_known yes
	rm -f $CALLS
	{
		test -z "$3" || printf "printf '%s'\n" "$3"
		printf '%s\n' "$4"
	} >$FIRST
	between="sh $OBJ/hpn-guess-once.sh $2"
	connect -o ServerAliveInterval=1 -o ServerAliveCountMax=1 host "$RUN"
	_calls=`cat $CALLS | wc -l`
}

# again WHAT REMEMBERED
again ()
{
	expect "$1" yes
	test $_calls -eq 2 || fail "$1: $_calls connections"
	grep "connecting once more" $HPN_LOG_CLIENT >/dev/null || \
	    fail "$1: ssh did not say so"
	memory "$1" "$2"
}
# a refusal before it says who it is is no sign of anything
first "closed" 1 "" "head -c 2000 >/dev/null; exit 1"
again "closed" ""
ANY='SSH-2.0-any\r\n'
first "closed after the identification" 1 "$ANY" "head -c 1 >/dev/null; exit 1"
# ssh may not have read it, since it could not write
again "closed after the identification" "`sed -n 's/^!/&/p' $MEMORY`"
first "closed after KEXINIT" 1 "$ANY" "head -c 2000 >/dev/null; sleep 0.2"
again "closed after KEXINIT" "!$PRINT"
first "silent" 1 "$ANY" "cat >/dev/null"
again "silent" "!$PRINT"
BYE="$ANY\0\0\0\034\006\001\0\0\0\002\0\0\0\011not early\0\0\0\0\0\0\0\0\0"
first "DISCONNECT" 1 "$BYE" "cat >/dev/null"
again "DISCONNECT" "!$PRINT"
for who in OpenSSH_6.6 PuTTY_Release_0.60; do
	first "$who" 1 "SSH-2.0-$who\r\n" "cat >/dev/null"
	again "$who" "!$PRINT"
done
# and the user sees nothing of it: a reset, and a DISCONNECT that says why
loud="-o LogLevel=INFO"
first "quiet, reset" 1 "" "head -c 2000 >/dev/null; sleep 0.5"
test $r -eq 0 -a $ran = 1 -a $_calls = 2 -a ! -s $HPN_LOG_CLIENT || \
    fail "quiet, reset: $r, $_calls connections: `cat $HPN_LOG_CLIENT`"
first "quiet, DISCONNECT" 1 "$BYE" "cat >/dev/null"
test $r -eq 0 -a $ran = 1 -a $_calls = 2 -a ! -s $HPN_LOG_CLIENT || \
    fail "quiet, DISCONNECT: $r, $_calls connections: `cat $HPN_LOG_CLIENT`"
# ... but for what stock says when that was the end
for what in "" "SSH-2.0-a\0\r\n" "SSH-1.5-any\r\n"; do
	first "quiet, '$what'" 9 "$what" "cat >/dev/null & sleep 0.5; kill \$!"
	test $r -eq 255 -a $ran = 0 || fail "quiet, '$what': exit status $r"
	cp $HPN_LOG_CLIENT $OBJ/hpn-guess.said
	connect -o HPNFastConnect=no host "$RUN"
	test -s $OBJ/hpn-guess.said || fail "quiet, '$what': nothing is said"
	cmp -s $HPN_LOG_CLIENT $OBJ/hpn-guess.said || \
	    fail "quiet, '$what': `cat $OBJ/hpn-guess.said`"
done
loud=-vvv
connect_known yes
echo "!$PRINT" >$MEMORY
# never again for that key, and the memory stays so
between=
connect host "$RUN"
expect "remembered never" no
memory "remembered never" "!$PRINT"
# neither does it loop
first "always closed" 9 "" "timeout 1 cat >/dev/null"
test $r -eq 255 -a $ran = 0 -a $_calls = 2 || \
    fail "always closed: exit status $r, $_calls connections"
first "always closed later" 9 "$ANY" "head -c 2000 >/dev/null"
test $r -eq 255 -a $ran = 0 -a $_calls = 2 || \
    fail "always closed later: exit status $r, $_calls connections"
memory "always closed later" "$PRINT"
# A proxy that never reached the server is not asked a second time: it may want a
# password, and the server has seen no guess.
for how in "exit 1" "sleep 0.3; exit 1" "head -c 1 >/dev/null; sleep 0.2"; do
	first "a proxy that fails" 9 "" "echo no way >&2; $how"
	test $r -eq 255 -a $ran = 0 -a $_calls = 1 || \
	    fail "a proxy, $how: exit status $r, $_calls connections"
	memory "a proxy, $how" "$PRINT"
done
# what is no sign of a guess that is not borne is an error at once
for who in 'SSH-1.5-any\r\n' 'SSH-2.0-a\0\r\n'; do
	first "$who" 9 "$who" "cat >/dev/null"
	test $r -eq 255 -a $ran = 0 -a $_calls = 1 || \
	    fail "$who: exit status $r, $_calls connections"
done
between=

verbose "whoever sits on the way"
serve
connect_known yes
between="$OBJ/hpn-middle pass"
connect host "$RUN"
expect "hpn-middle" yes
alive="-o ServerAliveInterval=1 -o ServerAliveCountMax=1"
# same: the end of the connection is said to be of the same kind.  Whoever writes
# to a connection that the other end has closed may learn of it in two ways.
ends ()
{
	case `grep -v ^debug $HPN_LOG_CLIENT | tail -n 1` in
	*"Broken pipe"*|*"reset by peer"*|*losed\ by*|Disconnect*)
		echo "$r ended" ;;
	*"incorrect signature"*)	echo "$r signature" ;;
	*"timed out"*)			echo "$r silent" ;;
	*)	echo "$r `grep -v ^debug $HPN_LOG_CLIENT | tail -n 1`" ;;
	esac
}
for act in drop:0 drop:1 twice:0 twice:1 alter:0 alter:1 swap:0 insert:0 \
    insert:1 cut:0 cut:1; do
	between="$OBJ/hpn-middle $act"
	connect_known yes
	connect $alive -o HPNFastConnect=no host "$RUN"
	_slow=`ends`
	connect_known yes
	connect $alive host "$RUN"
	guessed || fail "$act: no guess"
	_fast=`ends`
	test $r -eq 255 -a $ran = 0 || fail "$act: exit status $r"
	test "$_slow" = "$_fast" || fail "$act: $_fast instead of $_slow"
	verbose "$act: $_fast"
done
# The end of the connection, or another byte, anywhere in what travels together.
cat >$OBJ/hpn-guess.cut <<EOD
echo >>$CALLS
how=\$1 at=\$2
shift 2
{
	dd bs=1 count=\$at 2>/dev/null
	test \$how = cut || {
		dd bs=1 count=1 >/dev/null 2>&1
		printf '\\377'
		cat
	}
} | "\$@"
EOD
connect_known yes
between="sh $OBJ/hpn-guess.cut cut 100000"
connect host "$RUN"
expect "all that is sent" yes
all=`sed -n 's/.*Transferred: sent \([0-9]*\),.*/\1/p' $HPN_LOG_CLIENT`
test "x$all" != x || fatal "how much is sent?"
# The last 104 bytes are of the end; nobody connects again for what is behind NEWKEYS.
for act in cut alter; do
	for off in 500 400 300; do
		between="sh $OBJ/hpn-guess.cut $act `expr $all - $off`"
		connect $alive host "$RUN"
		verbose "$act at $off from the end: $r, $ran commands"
		test $r -eq 255 || fail "$act at $off: exit status $r"
		test "$ran" = 0 || fail "$act at $off: $ran commands"
		test `cat $CALLS | wc -l` -eq 1 || fail "$act at $off: once more"
	done
done
# with a wrong guess as well
serve "KexAlgorithms curve25519-sha256"
for act in drop:1 drop:2 twice:1 alter:1 alter:2 swap:1 insert:1 cut:2; do
	between="$OBJ/hpn-middle $act"
	connect_known yes
	connect $alive host "$RUN"
	guessed || fail "wrong guess, $act: no guess"
	# a packet that is ignored can be any, as RFC 4253 has it
	case $act,$r,$ran in
	alter:1,0,1|*,255,0) ;;
	*) fail "wrong guess, $act: exit status $r, $ran commands" ;;
	esac
	verbose "wrong guess, $act: `ends`"
done
between=

verbose "Dropbear"
DBCLIENT=${DBCLIENT:-`command -v dbclient`}
DROPBEARCONVERT=${DROPBEARCONVERT:-`command -v dropbearconvert`}
if test ! -x "$DBCLIENT" -o ! -x "$DROPBEARCONVERT"; then
	echo "$tid (skipped: dbclient is not installed)"
else
	$DROPBEARCONVERT openssh dropbear $OBJ/hpn-key.user $OBJ/hpn-key.db \
	    >/dev/null 2>&1
	for lines in "" "HPNDisabled yes"; do
		serve "HostKey $OBJ/hpn-key.rsa\n$lines"
		rm -f $FLIGHTS $RAN
		hpn_forget
		HOME=$OBJ timeout $MOST $DBCLIENT -y -i $OBJ/hpn-key.db \
		    -J "$OBJ/hpn-flights -o $FLIGHTS $serving" host "$RUN" \
		    </dev/null >/dev/null 2>&1
		sleep 1
		trips=`round_trips $FLIGHTS`
		test `cat $RAN | wc -l` -eq 1 || fail "dbclient, $lines"
		verbose "dbclient, $lines: $trips round trips"
		test -n "$lines" || _ours=$trips
	done
	test "$_ours" -lt "$trips" || \
	    fail "dbclient: $_ours round trips, and $trips without the name"
fi
rm -rf $OBJ/hpn-key.* $OBJ/hpn-guess* $KNOWN* $FLIGHTS $RAN
