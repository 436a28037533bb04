# SPDX-License-Identifier: ISC
#
# What a server can make of messages that came early: keys are offered as without
# HPNFastConnect, a session is not opened twice, and ssh ends where it has to.
# The servers are hpn-scripted's, one answer after the other.
#
# usage: make t-exec LTESTS=hpn-early

tid="hpn early messages"

. $SRC/hpn-connect-lib

hpn_helper hpn-scripted
CONF=$OBJ/hpn-early.conf
PROXY=$OBJ/hpn-early.proxy
REPORT=$OBJ/hpn-early.report

connect_keys user host second rsa
connect_known
connect_askpass
connect_options "HPNFastConnect yes" "UpdateHostkeys no" \
    "PreferredAuthentications publickey,password" "ProxyCommand sh $PROXY" >$CONF

# play STEP...: what the server of the next connection does.
play ()
{
	rm -f $REPORT
	: >$HPN_LOG_CLIENT
	(
		printf 'exec %s -k %s -r %s' $OBJ/hpn-scripted \
		    $OBJ/hpn-key.host $REPORT
		for _step in "$@"; do
			printf " '%s'" "$_step"
		done
		echo
	) >$PROXY
}

# connect KEY OPTION... -- COMMAND: its exit status is in $r.
connect ()
{
	_keys=
	for _key in $1; do
		_keys="$_keys -i $OBJ/hpn-key.$_key"
	done
	shift
	timeout $MOST $SSH -v -F $CONF -E $HPN_LOG_CLIENT $_keys "$@" \
	    host true </dev/null >$OBJ/hpn-early.out
	r=$?
}

# expect WHAT STATUS: of the last connection; and so many commands came.
expect ()
{
	test $r -eq $2 || \
	    fail "$1: exit status $r, not $2: `tail -n 3 $HPN_LOG_CLIENT`"
	_n=`grep -c '^98 [0-9]* exec$' $REPORT`
	test $_n -eq $3 || fail "$1: $_n commands came, not $3"
}

# offered WHAT WORDS: the methods and signature algorithms that came, in order.
offered ()
{
	_got=`sed -n 's/^50 [0-9]* //p' $REPORT | tr '\n ' ' :'`
	test "$_got" = "$2 " || fail "$1: offered $_got instead of $2"
}

ED=ssh-ed25519
GOOD="<5 accept <50 failure:publickey <50 pkok <50"
DONE="success confirm:0 exit:0"
# ... of a session that waited
LATER="success <90 confirm:0 <98 exit:0"

verbose "a server that is as it should be"
play $GOOD "<98" $DONE
connect user
expect "ordinary" 0 1
offered "ordinary" "none asked:$ED signed:$ED"
grep "^error" $REPORT >/dev/null && \
    fail "ordinary: `cat $REPORT`"

verbose "no key is taken before another method"
play "<5" accept "<50" failure:password "<50" failure:password "<50" \
    partial:publickey "<50" pkok "<50" "<98" $DONE
connect user
expect "password, then key" 0 1
offered "password, then key" "none asked:$ED password asked:$ED signed:$ED"
# the order of keys is what it would have been
play "<5" accept "<50" failure:password "<50" failure:password "<50" \
    partial:publickey "<50" failure:publickey "<50" pkok "<50" "<98" $DONE
connect "user rsa"
expect "password, then the second key" 0 1
offered "password, then the second key" \
    "none asked:$ED password asked:$ED asked:rsa-sha2-512 signed:rsa-sha2-512"
# a server that answers what it does not take
play "<5" accept "<50" failure:password "<50" pkok "<50" \
    partial:publickey "<50" pkok "<50" "<98" $DONE
connect user
expect "PK_OK although no key is taken" 0 1
offered "PK_OK although no key is taken" \
    "none asked:$ED password asked:$ED signed:$ED"
# no key at all
play "<5" accept "<50" failure:password "<50" failure:password "<50" \
    $LATER
connect user
expect "password alone" 0 1

verbose "a second EXT_INFO"
for answer in failure:publickey pkok; do
	play "<5" accept sigalgs:rsa-sha2-256 "<50" failure:publickey "<50" \
	    $answer "<50" pkok "<50" "<98" $DONE
	connect rsa
	expect "another algorithm, $answer" 0 1
	offered "another algorithm, $answer" \
	    "none asked:rsa-sha2-512 asked:rsa-sha2-256 signed:rsa-sha2-256"
	# it does not take the key that was asked for
	play "<5" accept sigalgs:$ED "<50" failure:publickey "<50" \
	    $answer "<50" pkok "<50" "<98" $DONE
	connect "rsa user"
	expect "key not taken, $answer" 0 1
	offered "key not taken, $answer" \
	    "none asked:rsa-sha2-512 asked:$ED signed:$ED"
	# nor any
	all=$answer
	test $answer = pkok || all=failure:publickey,password
	play "<5" accept sigalgs:none "<50" failure:publickey,password "<50" \
	    $all "<50" $LATER
	connect rsa
	expect "no key taken, $answer" 0 1
	offered "no key taken, $answer" "none asked:rsa-sha2-512 password"
done
play "<5" accept sigalgs:rsa-sha2-512 "<50" failure:publickey "<50" \
    pkok "<50" "<98" $DONE
connect rsa
expect "the same algorithm" 0 1
offered "the same algorithm" \
    "none asked:rsa-sha2-512 signed:rsa-sha2-512"

verbose "the only key signs at once"
ONLY="-o IdentitiesOnly=yes"
AT_ONCE="<5 accept <50 <50 <98"
play $AT_ONCE failure:publickey $DONE
connect user $ONLY
expect "at once" 0 1
offered "at once" "none signed:$ED"
play $AT_ONCE success confirm:0 exit:0
connect user $ONLY
expect "at once, and no method is needed" 0 1
# not accepted: the session is withdrawn, and waits
play $AT_ONCE failure:publickey,password failure:password unknown "<50" $LATER
connect user $ONLY
expect "at once, refused" 0 2
offered "at once, refused" "none signed:$ED password"
play $AT_ONCE failure:password failure:password unknown "<50" \
    partial:publickey "<50" pkok "<50" $LATER
connect user $ONLY
expect "at once, password first" 0 2
offered "at once, password first" \
    "none signed:$ED password asked:$ED signed:$ED"
play $AT_ONCE failure:publickey partial:password unknown "<50" $LATER
connect user $ONLY
expect "at once, and then a password" 0 2
play $AT_ONCE failure:publickey failure:password "<50" success
connect user $ONLY
expect "at once, nothing of it refused" 255 1
play "<5" accept sigalgs:rsa-sha2-256 "<50" "<50" "<98" failure:publickey \
    failure:publickey unknown "<50" pkok "<50" $LATER
connect rsa $ONLY
expect "at once, another algorithm" 0 2
offered "at once, another algorithm" \
    "none signed:rsa-sha2-512 asked:rsa-sha2-256 signed:rsa-sha2-256"
play $AT_ONCE failure:publickey failure:publickey
connect user $ONLY -o BatchMode=yes
expect "at once, and no other" 255 1
offered "at once, and no other" "none signed:$ED"
# ... but not one of two, nor one that somebody has to unlock or to confirm
cp $OBJ/hpn-key.user $OBJ/hpn-key.locked
cp $OBJ/hpn-key.user.pub $OBJ/hpn-key.locked.pub
$SSHKEYGEN -q -p -N secret -f $OBJ/hpn-key.locked >/dev/null || \
    fatal "ssh-keygen"
for not in "user rsa" "locked" "user -o_AddKeysToAgent=yes" "user -o_IdentitiesOnly=no"
do
	play $GOOD "<98" $DONE
	set -- $not
	case $2 in
	-*)	connect $1 `echo $2 | tr _ ' '` $ONLY ;;
	*)	connect "$not" $ONLY ;;
	esac
	expect "not at once: $not" 0 1
	offered "not at once: $not" "none asked:$ED signed:$ED"
done
# a file that another key's .pub lies beside: asked for, as ever, and not signed
cp $OBJ/hpn-key.user $OBJ/hpn-key.mixed
cp $OBJ/hpn-key.second.pub $OBJ/hpn-key.mixed.pub
play "<5" accept "<50" failure:publickey "<50" failure:publickey
connect mixed $ONLY
expect "another key's .pub" 255 0
offered "another key's .pub" "none asked:$ED"
grep "do not match" $HPN_LOG_CLIENT >/dev/null && \
    fail "another key's .pub: it tried to sign"

verbose "host keys that are never proved"
play $AT_ONCE failure:publickey success confirm:0 \
    hostkeys:$OBJ/hpn-key.second.pub "<80" exit:7
connect user $ONLY -o UpdateHostkeys=yes
expect "host keys that are never proved" 7 1
grep "^80 [0-9]* hostkeys-prove" $REPORT >/dev/null || \
    fail "host keys: no proof was asked for"
grep "has not proved its other host keys" $HPN_LOG_CLIENT >/dev/null || \
    fail "host keys: `tail -n 2 $HPN_LOG_CLIENT`"

verbose "a session that came too early"
play $GOOD "<98" partial:publickey unknown "<50" pkok "<50" $LATER
connect "user rsa"
expect "refused, and again" 0 2
play $GOOD "<98" unknown failure:publickey "<50" pkok "<50" $LATER
connect "user rsa"
expect "refused before the signature is" 0 2
play $GOOD "<98" partial:publickey unknown:1 "<50" pkok "<50" success
connect "user rsa"
expect "not all of it refused" 255 1
play $GOOD "<98" partial:publickey "<50" pkok "<50" success
connect "user rsa"
expect "nothing of it refused" 255 1
play $GOOD "<98" unknown success
connect user
expect "refused, and then success" 255 1
play $GOOD "<98" unknown:1 success
connect user
expect "its opening refused, and then success" 255 1
play $GOOD "<98" success unknown
connect user
expect "success, and then refused" 255 1
play $GOOD "<98" success confirm:0 unknown
connect user
expect "confirmed, and then refused" 255 1
play $GOOD "<98" success confirm:7
connect user
expect "another number" 255 1
play $GOOD "<98" disconnect
connect user
expect "DISCONNECT for it" 255 1
play $GOOD "<98" close
connect user
expect "the end of the connection" 255 1
play $GOOD "<98" failure:password "<50" close
connect user
expect "the end after a failure" 255 1
play "<5" accept "<50" disconnect
connect user
expect "DISCONNECT for the question" 255 0
play "<5" disconnect
connect user
expect "DISCONNECT for the service" 255 0

verbose "a session whose requests go with its opening"
PASSWORD="<5 accept <50 failure:password <50 failure:password <50 success <98"
play $PASSWORD confirm:0 exit:5
connect user
expect "after a password" 5 1
play $PASSWORD unknown
connect user
expect "after a password, refused" 255 1
play $PASSWORD unknown:1 "<98" confirm:0 exit:0
connect user
expect "after a password, its opening refused" 255 1
play $PASSWORD confirm:7
connect user
expect "after a password, another number" 255 1
play $PASSWORD confirm:0 unknown
connect user
expect "after a password, confirmed and refused" 255 1
play $PASSWORD close
connect user
expect "after a password, the end" 255 1
# with forwards the server's first channel may be another one: it waits
play "<5" accept "<50" failure:password "<50" failure:password "<50" \
    success "<90" confirm:7 "<98" exit:0
connect user -R 0:127.0.0.1:1
expect "-R" 0 1

verbose "standard input and the terminal"
if test -r /proc/self/fdinfo/0; then
	rm -f $OBJ/hpn-early.fifo
	mkfifo $OBJ/hpn-early.fifo
	exec 9<>$OBJ/hpn-early.fifo
	for end in close int; do
		play $GOOD "<98" $end
		timeout $MOST $SSH -F $CONF -E $HPN_LOG_CLIENT \
		    -i $OBJ/hpn-key.user host true <&9 >/dev/null 2>&1
		flags=`sed -n 's/^flags:[^0-9]*//p' /proc/self/fdinfo/9`
		verbose "standard input after $end: $flags"
		case $flags in
		*[4-7]???)
			fail "$end: standard input is left non-blocking" ;;
		esac
	done
	rm -f $OBJ/hpn-early.fifo
	exec 9<&-
else
	echo "$tid (skipped: no /proc/self/fdinfo: standard input)"
fi
if command -v script >/dev/null && script -qec true /dev/null </dev/null \
    >/dev/null 2>&1; then
	TTY=$OBJ/hpn-early.tty
	play $GOOD "<98" "<98" "!stty -F \`cat $TTY\` cols 77 rows 33" \
	    success confirm:0 "<98" exit:0
	cat >$OBJ/hpn-early.tty.sh <<-EOD
	tty >$TTY
	exec timeout --foreground $MOST $SSH -tt -F $CONF \
	    -E $HPN_LOG_CLIENT -i $OBJ/hpn-key.user host true
	EOD
	script -qec "sh $OBJ/hpn-early.tty.sh" /dev/null </dev/null \
	    >$OBJ/hpn-early.out 2>&1
	r=$?
	expect "a terminal that changes its size" 0 1
	grep '^98 [0-9]* window-change$' $REPORT >/dev/null || \
	    fail "the server was not told of the terminal's size"
else
	echo "$tid (skipped: no script(1) to make a terminal with)"
fi
rm -f $OBJ/hpn-key.* $OBJ/hpn-early* $OBJ/hpn-askpass.sh $KNOWN*
