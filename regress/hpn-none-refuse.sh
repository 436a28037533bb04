# SPDX-License-Identifier: ISC
#
# NoneSwitch refused: contradictory options, servers that do not allow it, what
# has no place on a switched connection and connections that have it, through a
# ControlMaster, and peers that break the rules.
#
# usage: make t-exec LTESTS=hpn-none-refuse

tid="hpn cleartext refused"

. $SRC/hpn-lib

hpn_helper hpn-wire
hpn_helper hpn-badpeer
hpn_helper hpn-muxhello
make_tmpdir
T=$SSH_REGRESS_TMP
BOTH="NoneEnabled yes
NoneMacEnabled yes"
SWITCH="NoneEnabled yes
NoneSwitch yes"
ERR=$OBJ/hpn-refuse.err
RAN=$T/ran
CTL=$T/ctl
EXT=none-switch@openssh-hpn
# What nobody on the way may read
printf 'SECRET-%s-%s' $$ `date +%s` >$OBJ/hpn-secret.word
WORD=`cat $OBJ/hpn-secret.word`

# plain_ssh ARG...: ssh as users see it: what it says in $ERR.
plain_ssh ()
{
	status=0
	$REAL_SSH -F $HPN_SSH_CONFIG -o LogLevel=INFO "$@" >$OBJ/hpn-plain.out \
	    2>$ERR </dev/null || status=$?
}

# said WHAT PATTERN: one line, and this one.
said ()
{
	test $status -eq 255 || fail "$1: exit status $status"
	grep "$2" $ERR >/dev/null || fail "$1: no '$2' but '`cat $ERR`'"
	test `grep -v 'Connection to .* closed' $ERR | wc -l` -eq 1 || \
	    fail "$1: not one line: `cat $ERR`"
}

verbose "contradictory options"
hpn_tap_config "" "$BOTH"
sed '/^None/d;/^ProxyCommand /d' $HPN_SSH_CONFIG >$OBJ/hpn-refuse.conf
echo "ProxyCommand touch $RAN" >>$OBJ/hpn-refuse.conf
while IFS='|' read -r args pattern; do
	rm -f $RAN
	status=0
	$REAL_SSH -F $OBJ/hpn-refuse.conf -o LogLevel=INFO $args true 2>$ERR \
	    </dev/null || status=$?
	said "$args" "$pattern"
	test ! -f $RAN || fail "$args: connects nevertheless"
done <<EOD
-oNoneSwitch=yes host|NoneSwitch needs NoneEnabled
-oNoneSwitch=yes -oNoneEnabled=no -oNoneMacEnabled=yes host|NoneSwitch needs NoneEnabled
-oNoneEnabled=yes -oNoneSwitch=yes -oRequestTTY=force host|RequestTTY force
-oNoneEnabled=yes -oNoneSwitch=yes -tt host|RequestTTY force
-oNoneEnabled=yes -oNoneSwitch=yes -oForwardAgent=yes host|ForwardAgent
-oNoneEnabled=yes -oNoneSwitch=yes -A host|ForwardAgent
-oNoneEnabled=yes -oNoneSwitch=yes -oForwardAgent=$OBJ/ssh_config host|ForwardAgent
-oNoneEnabled=yes -oNoneSwitch=yes -X host|ForwardX11
-oNoneEnabled=yes -oNoneSwitch=yes -Y host|ForwardX11
-oNoneEnabled=yes -oNoneSwitch=yes -oMACs=hmac-sha1,umac-64@openssh.com host|none of MACs is strong
-oNoneEnabled=yes -oNoneSwitch=maybe host|unsupported option "maybe"
EOD
# A session without a command asks for a terminal by itself, where there is one.
if command -v script >/dev/null; then
	rm -f $RAN
	script -qec "$REAL_SSH -F $OBJ/hpn-refuse.conf -o LogLevel=INFO \
	    -oNoneEnabled=yes -oNoneSwitch=yes host" /dev/null </dev/null \
	    >$ERR 2>&1
	status=$?
	said "interactive" "a terminal is never sent in the clear"
	test ! -f $RAN || fail "interactive: connects nevertheless"
	script -qec "$REAL_SSH -F $OBJ/hpn-refuse.conf -oNoneEnabled=yes \
	    -oNoneSwitch=yes -G host" /dev/null </dev/null >$ERR 2>&1
	grep -i "^noneswitch yes" $ERR >/dev/null || fail "-G: `cat $ERR`"
else
	verbose "interactive: skipped because there is no script(1)"
fi

verbose "servers that do not allow it"
for server in "NoneEnabled no" "NoneEnabled no
NoneMacEnabled yes" stock; do
	case $server in
	stock)
		if test -z "$TEST_SSH_STOCK_SSHD"; then
			verbose "stock: skipped because there is no TEST_SSH_STOCK_SSHD"
			continue
		fi
		hpn_tap_config "$SWITCH" ""
		_dir=`dirname $TEST_SSH_STOCK_SSHD`/../libexec
		(
			echo "SshdSessionPath $_dir/sshd-session"
			echo "SshdAuthPath $_dir/sshd-auth"
			grep -iv 'sshd.*path\|^none\|^hpn' $HPN_SSHD_CONFIG
		) >$OBJ/hpn-stock.conf
		sed "s|$SSHD -i -f [^ ]*|$TEST_SSH_STOCK_SSHD -i -f $OBJ/hpn-stock.conf|" \
		    $OBJ/hpn-tap.sh >$OBJ/hpn-tap.new
		mv $OBJ/hpn-tap.new $OBJ/hpn-tap.sh
		grep "$TEST_SSH_STOCK_SSHD" $OBJ/hpn-tap.sh >/dev/null || \
		    fatal "stock: cannot be used"
		;;
	*)	hpn_tap_config "$SWITCH" "$server" ;;
	esac
	rm -f $RAN
	hpn_tap_ssh host "touch $RAN; echo $WORD"
	test $status -eq 255 || fail "$server: exit status $status"
	grep 'NoneSwitch: the server d' $HPN_LOG_CLIENT >/dev/null || \
	    fail "$server: the user is not told"
	test ! -f $RAN || fail "$server: went on without the switch"
	hpn_tap_secrets "$server"
	test $server = stock 2>/dev/null && continue
	grep "Disconnecting user $USER .*: NoneSwitch refused: cipher none is not allowed" \
	    $HPN_LOG_SERVER >/dev/null || fail "$server: not in the log"
done

# master "SSH OPTION LINES" WHAT: a shared connection in the background.
master ()
{
	hpn_tap_config "$1
ControlPath $CTL" "$BOTH
XAuthLocation /bin/true
X11Forwarding yes"
	hpn_ssh -M -N -f host || fatal "$2: no master"
	test -S $CTL || fatal "$2: no control socket"
}

master_end ()
{
	$REAL_SSH -q -F $HPN_SSH_CONFIG -O exit host 2>/dev/null
	hpn_tap_wait
}

# What a client without a share of it does: a connection of its own, whose bytes
# are not kept.
alone_conf ()
{
	grep -v '^None\|^ProxyCommand ' $HPN_SSH_CONFIG >$OBJ/hpn-alone.conf
	echo "ProxyCommand `hpn_server | sed "s|-E .*|-E $OBJ/hpn-alone.log|"`" \
	    >>$OBJ/hpn-alone.conf
}

# alone_ssh ARG...: a client that says nothing of NoneSwitch
alone_ssh ()
{
	status=0
	$REAL_SSH -F $OBJ/hpn-alone.conf "$@" >$OBJ/hpn-plain.out 2>$ERR \
	    </dev/null || status=$?
}

# The sessions and forwards that the master's connection has had
had ()
{
	grep -c 'server_input_channel_open: ctype \(session\|direct-\)\|server_input_global_request: rtype [a-z]*-forward' \
	    $HPN_LOG_SERVER
}

verbose "a shared connection that is switched"
master "$SWITCH" "switched"
alone_conf
port=`expr $PORT + 1`
hpn_helper hpn-delay
hpn_listen source $port echo "$WORD"
hpn_listen public `expr $PORT + 5` echo public
before=`had`
# Nothing of a client that did not ask for it goes over it, however quiet it is.
for args in "-o LogLevel=INFO" -q "-o LogLevel=ERROR" \
    "-o NoneEnabled=yes -o LogLevel=INFO" \
    "-o NoneSwitch=no -o LogLevel=INFO" \
    "-o ControlMaster=auto -o LogLevel=INFO"; do
	alone_ssh $args host "echo $WORD"
	test $status -eq 0 -a "`cat $OBJ/hpn-plain.out`" = "$WORD" || \
	    fail "alone, $args: exit status $status: `cat $ERR`"
	case $args in
	*INFO)	grep "NoneSwitch: the connection of the master at $CTL is not encrypted; using another one" \
		    $ERR >/dev/null || fail "alone, $args: `cat $ERR`"
		test `wc -l <$ERR` -eq 1 || fail "alone, $args: `cat $ERR`" ;;
	*)	test ! -s $ERR || fail "alone, $args: `cat $ERR`" ;;
	esac
done
alone_ssh -o LogLevel=ERROR -W 127.0.0.1:$port host
test $status -eq 0 -a "`cat $OBJ/hpn-plain.out`" = "$WORD" || \
    fail "alone, -W: exit status $status: `cat $ERR`"
alone_ssh -tt -o LogLevel=ERROR host "echo $WORD"
grep "$WORD" $OBJ/hpn-plain.out >/dev/null || fail "alone, -tt: `cat $ERR`"
for args in "-O forward -L `expr $PORT + 2`:127.0.0.1:$port" \
    "-O forward -R `expr $PORT + 3`:127.0.0.1:$port" "-O proxy"; do
	alone_ssh -o LogLevel=ERROR $args host
	said "alone, $args" \
	    "NoneSwitch: the connection of the master at $CTL is not encrypted"
	test ! -s $OBJ/hpn-plain.out || fail "alone, $args: ran"
done
test `had` -eq $before || fail "alone: came to the server in the clear"
# What carries nobody's data works.
alone_ssh -o LogLevel=ERROR -O check host
test $status -eq 0 || fail "alone, -O check: $status: `cat $ERR`"
plain_ssh host echo hello
test $status -eq 0 -a "`cat $OBJ/hpn-plain.out`" = hello || \
    fail "shared, NoneSwitch: exit status $status: `cat $ERR`"
test `grep -vc 'set for all hosts' $ERR` -eq 0 || \
    fail "shared, NoneSwitch: `cat $ERR`"
test `had` -gt $before || fail "shared, NoneSwitch: used another one"
plain_ssh -W 127.0.0.1:`expr $PORT + 5` host
test $status -eq 0 -a "`cat $OBJ/hpn-plain.out`" = public || \
    fail "shared, NoneSwitch, -W: exit status $status: `cat $ERR`"
plain_ssh -O forward -L `expr $PORT + 2`:127.0.0.1:$port host
test $status -eq 0 || fail "shared, -O forward: $status: `cat $ERR`"
alone_ssh -o LogLevel=ERROR -O cancel -L `expr $PORT + 2`:127.0.0.1:$port host
test $status -eq 0 || fail "alone, -O cancel: $status: `cat $ERR`"
# Options contradict each other before anybody is asked
for args in "-tt:RequestTTY force" "-A:ForwardAgent" "-X:ForwardX11"; do
	plain_ssh ${args%:*} host "echo $WORD"
	said "shared, ${args%:*}" "${args#*:}"
	test ! -s $OBJ/hpn-plain.out || fail "shared, ${args%:*}: ran"
done
# The master refuses what a client that knows nothing of it asks for.
if test -n "$TEST_SSH_STOCK_SSH"; then
	sed '/^None/d;/^HPN/d;s/^ProxyCommand .*/ProxyCommand false/' $HPN_SSH_CONFIG \
	    >$OBJ/hpn-stock.conf
	before=`had`
	for args in "-tt:no terminal" "-A:no agent" "-X:no X11" \
	    "-T:this shared connection is not encrypted"; do
		status=0
		SSH_AUTH_SOCK=$T/none DISPLAY=:99 $TEST_SSH_STOCK_SSH \
		    -F $OBJ/hpn-stock.conf -o LogLevel=INFO ${args%:*} host \
		    "echo $WORD" >$OBJ/hpn-plain.out 2>$ERR </dev/null || \
		    status=$?
		test $status -eq 255 || fail "stock ${args%:*}: ran: $status"
		# Without an agent or a display it does not ask at all
		grep "Master refused session request: NoneSwitch: ${args#*:}" \
		    $ERR >/dev/null || fail "stock ${args%:*}: `cat $ERR`"
		test ! -s $OBJ/hpn-plain.out || fail "stock ${args%:*}: ran"
	done
	for args in "-W 127.0.0.1:$port" "-O proxy" \
	    "-O forward -L `expr $PORT + 2`:127.0.0.1:$port" \
	    "-O forward -R `expr $PORT + 3`:127.0.0.1:$port" \
	    "-O forward -D `expr $PORT + 4`"; do
		status=0
		$TEST_SSH_STOCK_SSH -F $OBJ/hpn-stock.conf -o LogLevel=INFO \
		    $args host >$OBJ/hpn-plain.out 2>$ERR </dev/null || status=$?
		test $status -eq 255 || fail "stock $args: $status"
		grep "NoneSwitch: " $ERR >/dev/null || \
		    fail "stock $args: `cat $ERR`"
		test ! -s $OBJ/hpn-plain.out || fail "stock $args: ran"
	done
	test `had` -eq $before || fail "stock: came to the server in the clear"
	$TEST_SSH_STOCK_SSH -F $OBJ/hpn-stock.conf -O check host 2>$ERR || \
	    fail "stock -O check: `cat $ERR`"
	plain_ssh -O forward -L `expr $PORT + 2`:127.0.0.1:$port host
	$TEST_SSH_STOCK_SSH -F $OBJ/hpn-stock.conf -O cancel \
	    -L `expr $PORT + 2`:127.0.0.1:$port host 2>$ERR || \
	    fail "stock -O cancel: `cat $ERR`"
else
	verbose "stock client: skipped because there is no TEST_SSH_STOCK_SSH"
fi
# It takes our extension of HELLO with an empty value, and nothing like it.  An unknown
# request shows whether it did.
for args in "denied" "denied $EXT=1" "denied ${EXT}x" "denied unknown@example.com" \
    "denied $EXT=$EXT" "failure $EXT" "failure unknown@example.com=1 $EXT" \
    "failure $EXT $EXT" "failure $EXT=1 $EXT" "failure $EXT $EXT=1" \
    "closed $EXT!" "closed $EXT unknown@example.com!"; do
	set -- $args
	want=$1
	shift
	$OBJ/hpn-muxhello $CTL "$@" >$OBJ/hpn-plain.out 2>$ERR || \
	    fail "HELLO $*: `cat $ERR`"
	# OpenSSH 10.3 has an extension of its own beside ours
	case "$want `sed '1s/ info / /' $OBJ/hpn-plain.out | tr '\n' ' '`" in
	"denied hello $EXT denied NoneSwitch: this shared connection is not encrypted"*) ;;
	"failure hello $EXT failure unsupported request ") ;;
	"closed hello $EXT closed ") ;;
	*)	fail "HELLO $*: not $want: `cat $OBJ/hpn-plain.out`" ;;
	esac
done
alone_ssh -o LogLevel=ERROR -O check host
test $status -eq 0 || fail "the master does not bear HELLO: `cat $ERR`"
plain_ssh -O proxy host
test $status -eq 255 || fail "-O proxy: exit status $status"
grep 'NoneSwitch: no -O proxy' $ERR >/dev/null || fail "-O proxy: `cat $ERR`"
hpn_stop source public
master_end
hpn_tap_secrets "shared"
hpn_tap_read up "`sed -n 's/.*from now on (cipher none, MAC \(.*\)).*/\1/p' \
    $HPN_LOG_CLIENT`"
grep hello $OBJ/hpn-wire.data >/dev/null || \
    test `hpn_tap_word clear | cut -d ' ' -f 1` -gt 200 || \
    fail "shared: was not switched"

verbose "a shared connection that is not"
master "NoneEnabled yes" "encrypted"
plain_ssh -o NoneSwitch=yes host "echo $WORD"
said "NoneSwitch" "the shared connection is encrypted and stays so"
plain_ssh -tt host "echo $WORD"
grep "$WORD" $OBJ/hpn-plain.out >/dev/null || fail "-tt: `cat $ERR`"
master_end
hpn_tap_secrets "encrypted"

# ControlPersist: the first session is a client of the master, too
verbose "ControlPersist"
hpn_tap_config "$SWITCH
ControlMaster auto
ControlPersist 5
ControlPath $CTL" "$BOTH"
plain_ssh host echo hello
test $status -eq 0 -a "`cat $OBJ/hpn-plain.out`" = hello || \
    fail "ControlPersist: $status: `cat $ERR`"
test `grep -c 'NOT ENCRYPTED' $ERR` -eq 1 || \
    fail "ControlPersist: `cat $ERR`"
alone_conf
alone_ssh -q host echo hello
test $status -eq 0 -a "`cat $OBJ/hpn-plain.out`" = hello || \
    fail "ControlPersist, alone: $status: `cat $ERR`"
test `had` -eq 1 || fail "ControlPersist: `had` sessions"
alone_ssh -q -O exit host
test $status -eq 0 || fail "alone, -O exit: $status: `cat $ERR`"
hpn_tap_wait
hpn_tap_secrets "ControlPersist"

verbose "clients that break the rules"
hpn_random $HPN_DATA 1
while IFS='|' read -r mischief lines end; do
	printf "$lines\nX11Forwarding yes\nXAuthLocation /bin/true\n" | \
	    cat - $OBJ/sshd_proxy >$HPN_SSHD_CONFIG
	: >$HPN_LOG_SERVER
	rm -f $HPN_COPY $OBJ/hpn-report
	$OBJ/hpn-badpeer -k $OBJ/ssh-ed25519 -d $HPN_DATA -u $USER \
	    -r $OBJ/hpn-report -c "cat >$HPN_COPY" \
	    client $mischief $SSHD -i -f $HPN_SSHD_CONFIG \
	    -E $HPN_LOG_SERVER || fail "$mischief: `cat $OBJ/hpn-report`"
	got=`sed -n 's/^end //p' $OBJ/hpn-report`
	case $got in
	"disconnect NoneSwitch refused: $end")
		grep "Disconnecting .*NoneSwitch refused: $end" \
		    $HPN_LOG_SERVER >/dev/null || \
		    fail "$mischief: not in the log"
		grep 'in the clear' $HPN_LOG_SERVER && \
		    fail "$mischief: switched all the same"
		;;
	closed)
		case $end in
		refused*)	;;
		fine)
			# Whatever it lists, it is encrypted
			hpn_same "$mischief"
			grep '^refused 0$' $OBJ/hpn-report >/dev/null || \
			    fail "$mischief: `cat $OBJ/hpn-report`"
			grep 'NoneSwitch\|cipher: none' $HPN_LOG_SERVER && \
			    fail "$mischief: the log says otherwise"
			grep 'cipher: aes128-ctr ' $HPN_LOG_SERVER >/dev/null || \
			    fail "$mischief: another cipher"
			continue
			;;
		*)	fail "$mischief: was let" ;;
		esac
		grep '^refused 1$' $OBJ/hpn-report >/dev/null || \
		    fail "$mischief: granted: `cat $OBJ/hpn-report`"
		grep "NoneSwitch: $end of user $USER from .* port " \
		    $HPN_LOG_SERVER >/dev/null || \
		    fail "$mischief: not in the log"
		# The rest of the connection is as good as ever
		hpn_same "$mischief"
		;;
	*)	fail "$mischief: ended with '$got', not '$end'" ;;
	esac
done <<'EOD'
none-early|NoneEnabled yes|fine
none-early|NoneEnabled no|fine
none-early-first|NoneEnabled yes\nNoneMacEnabled yes|fine
none-early-first|NoneEnabled no|fine
none-first|NoneEnabled no|fine
none-first|NoneEnabled no\nNoneMacEnabled yes|fine
none|NoneEnabled no|cipher none is not allowed here (NoneEnabled, for this user and address)
none-no-mac|NoneEnabled yes|cipher none without a MAC is not allowed here (NoneMacEnabled)
none-no-mac|NoneEnabled no\nNoneMacEnabled yes|cipher none is not allowed here (NoneEnabled, for this user and address)
none-up|NoneEnabled yes|cipher none in one direction only
none-down|NoneEnabled yes|cipher none in one direction only
no-mac|NoneEnabled yes\nNoneMacEnabled yes|a cipher without a MAC
tty-none|NoneEnabled yes|cipher none on a connection with a terminal
x11-none|NoneEnabled yes|cipher none on a connection with X11 forwarding
agent-none|NoneEnabled yes|cipher none on a connection with agent forwarding
none-tty|NoneEnabled yes|refused pty-req
none-x11|NoneEnabled yes|refused x11-req
none-agent|NoneEnabled yes|refused auth-agent-req@openssh.com
none-agent-req|NoneEnabled yes|refused agent-req
none-unknown|NoneEnabled yes|refused unheard-of
EOD

verbose "a switched connection that sshd ends itself"
cat $OBJ/sshd_proxy >$HPN_SSHD_CONFIG
echo "NoneEnabled yes" >>$HPN_SSHD_CONFIG
: >$HPN_LOG_SERVER
rm -f $HPN_COPY $OBJ/hpn-report
$OBJ/hpn-badpeer -k $OBJ/ssh-ed25519 -d $HPN_DATA -u $USER -r $OBJ/hpn-report \
    -c "cat >$HPN_COPY" client none-lost $SSHD -i -f $HPN_SSHD_CONFIG \
    -E $HPN_LOG_SERVER || fail "none-lost: `cat $OBJ/hpn-report`"
grep '^end disconnect .*nonexistent channel' $OBJ/hpn-report >/dev/null || \
    fail "none-lost: `cat $OBJ/hpn-report`"
# What went in the clear is written down all the same, after the DISCONNECT
i=0
until grep "Transfer of $USER from " $HPN_LOG_SERVER >/dev/null || \
    test $i -ge `hpn_times 50`; do
	sleep 0.1
	i=`expr $i + 1`
done
bytes=`sed -n "s/.*NoneSwitch: of user $USER from .* port [0-9]* \([0-9]*\) bytes received and [0-9]* bytes sent were in the clear.*/\1/p" $HPN_LOG_SERVER`
case $bytes in
1[01][0-9][0-9][0-9][0-9][0-9])	;;
*)	fail "none-lost: the log says '$bytes' bytes of 1048576" ;;
esac
for line in 'SSH: Server;LType: Throughput' "Transfer of $USER from "; do
	test `grep -c "$line" $HPN_LOG_SERVER` -eq 1 || \
	    fail "none-lost: not one line '$line' in the log"
done

verbose "clients that list it, at a stock server"
if test -n "$TEST_SSH_STOCK_SSHD"; then
	_dir=`dirname $TEST_SSH_STOCK_SSHD`/../libexec
	(
		echo "SshdSessionPath $_dir/sshd-session"
		echo "SshdAuthPath $_dir/sshd-auth"
		grep -iv 'sshd.*path\|^none\|^hpn' $OBJ/sshd_proxy
	) >$OBJ/hpn-stock.conf
	for mischief in none-early none-early-first none-first; do
		rm -f $HPN_COPY $OBJ/hpn-report
		$OBJ/hpn-badpeer -k $OBJ/ssh-ed25519 -d $HPN_DATA -u $USER \
		    -r $OBJ/hpn-report -c "cat >$HPN_COPY" client $mischief \
		    $TEST_SSH_STOCK_SSHD -i -f $OBJ/hpn-stock.conf \
		    -E $HPN_LOG_SERVER || \
		    fail "stock, $mischief: `cat $OBJ/hpn-report`"
		grep '^end closed$' $OBJ/hpn-report >/dev/null || \
		    fail "stock, $mischief: `cat $OBJ/hpn-report`"
		hpn_same "stock, $mischief"
	done
else
	verbose "stock: skipped because there is no TEST_SSH_STOCK_SSHD"
fi

verbose "servers that break the rules"
for mischief in none-honest:closed:0 none-open-x11:closed:1 \
    none-open-agent:closed:1 none-open-agent-connect:closed:1 \
    none-open-unknown:closed:1 none-back:disconnect:0; do
	end=${mischief#*:} mischief=${mischief%%:*}
	rm -f $OBJ/hpn-report
	(
		printf 'Host *\n%s\n' "$SWITCH"
		cat $OBJ/ssh_config
		echo "ProxyCommand $OBJ/hpn-badpeer -k $OBJ/ssh-ed25519 -d $HPN_DATA -r $OBJ/hpn-report server $mischief"
	) >$HPN_SSH_CONFIG
	hpn_forget
	status=0
	hpn_ssh host whatever </dev/null >$HPN_COPY || status=$?
	i=0
	until grep "^end " $OBJ/hpn-report >/dev/null 2>&1; do
		sleep 0.1
		i=`expr $i + 1`
		test $i -lt `hpn_times 300` || fatal "$mischief: hpn-badpeer does not end"
	done
	grep "^refused ${end#*:}$" $OBJ/hpn-report >/dev/null || \
	    fail "$mischief: `cat $OBJ/hpn-report`"
	case $end in
	closed:*)
		test $status -eq 0 || fail "$mischief: exit status $status"
		hpn_same "$mischief"
		test $end = closed:0 || \
		    grep "NoneSwitch: refused .* of the server" \
		    $HPN_LOG_CLIENT >/dev/null || fail "$mischief: not said"
		;;
	*)
		test $status -eq 255 || fail "$mischief: exit status $status"
		grep '^end disconnect NoneSwitch refused: the server does not allow' \
		    $OBJ/hpn-report >/dev/null || \
		    fail "$mischief: `cat $OBJ/hpn-report`"
		grep 'NoneSwitch: the server does not allow cipher none' \
		    $HPN_LOG_CLIENT >/dev/null || fail "$mischief: not said"
		;;
	esac
done

rm -f $HPN_DATA $HPN_COPY $HPN_UP $HPN_DOWN $OBJ/hpn-needle.* \
    $OBJ/hpn-secret.* $OBJ/hpn-wire.data $OBJ/hpn-report $ERR
