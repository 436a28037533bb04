# SPDX-License-Identifier: ISC
#
# NoneSwitch: what goes over the wire, byte by byte, before and after the
# switch; rekeying, tools, options, what user and log are told.
#
#	ssh -> tee -> sshd -i -> tee [-> hpn-tamper] -> ssh
#
# usage: make t-exec LTESTS=hpn-none

tid="hpn cleartext on request"

. $SRC/hpn-lib

hpn_helper hpn-wire
hpn_helper hpn-tamper
make_tmpdir
BOTH="NoneEnabled yes
NoneMacEnabled yes"
SWITCH="NoneEnabled yes
NoneSwitch yes"
hpn_random $HPN_DATA 3
head -c 32 $HPN_DATA >$OBJ/hpn-first

# The MAC that was chosen, by the client's own account; "" without one.
chosen ()
{
	sed -n 's/.*NOT ENCRYPTED from now on (cipher none, MAC \(.*\)).*/\1/p' \
	    $HPN_LOG_CLIENT
}

# never_clear WHAT: not a byte of the data, nor a packet, can be read.
never_clear ()
{
	for _way in up down; do
		hpn_tap_read $_way
		test "`hpn_tap_word clear`" = "0 0" || \
		    fail "$1, $_way: in the clear: `cat $OBJ/hpn-wire.out`"
		_found=`$OBJ/hpn-wire -n $OBJ/hpn-first $_capture | \
		    sed -n 's/^needle .* //p'`
		test "$_found" = 0 || fail "$1, $_way: data are in the clear"
	done
	hpn_tap_secrets "$1"
}

# clear WHAT up|down: the data can be read, all of them, in that direction, and
# nothing but what comes after the switch.
clear ()
{
	mac=`chosen`
	for _way in up down; do
		hpn_tap_read $_way "$mac"
		for _type in `hpn_tap_word kex`; do
			case $_type in
			20|21|3?)	;;
			*)	fail "$1, $_way: packet $_type before keys" ;;
			esac
		done
		test `hpn_tap_word sealed` -gt 500 || \
		    fail "$1, $_way: authentication was not sealed"
		_packets=`hpn_tap_word clear`
		test ${_packets#* } -gt 3 || \
		    fail "$1, $_way: not in the clear: $_packets"
		case " `hpn_tap_word types` " in
		*" 5"?"="*|*" 6"?"="*|*" 7"?"="*|*" 5="*|*" 6="*)
			fail "$1, $_way: authentication is in the clear" ;;
		*" 2"?"="*|*" 3"?"="*)
			test "$3" = rekeyed || \
			    fail "$1, $_way: the switch is in the clear" ;;
		esac
		test $_way != $2 || cmp $HPN_DATA $OBJ/hpn-wire.data || \
		    fail "$1, $_way: what is in the clear are not the data"
	done
	hpn_tap_secrets "$1"
}

verbose "nobody asks"
hpn_tap_config "$BOTH" "$BOTH"
hpn_tap_ssh host cat <$HPN_DATA >$HPN_COPY
test $status -eq 0 || fail "NoneEnabled: exit status $status"
hpn_same "NoneEnabled without NoneSwitch"
never_clear "NoneEnabled without NoneSwitch"
grep 'NOT ENCRYPTED\|NoneSwitch:' $HPN_LOG_CLIENT $HPN_LOG_SERVER && \
    fail "NoneEnabled without NoneSwitch: somebody says otherwise"

verbose "switched"
# Where both ends do without a MAC there is none, else there is one.
for macs in no:no yes:no no:yes yes:yes; do
	for way in up down; do
		what="NoneMacEnabled $macs, $way"
		hpn_tap_config "$SWITCH
NoneMacEnabled ${macs%:*}" "NoneEnabled yes
NoneMacEnabled ${macs#*:}"
		case $way in
		up)	hpn_tap_ssh host "cat >$HPN_COPY" <$HPN_DATA ;;
		down)	hpn_tap_ssh host cat $HPN_DATA >$HPN_COPY ;;
		esac
		test $status -eq 0 || fail "$what: exit status $status"
		hpn_same "$what"
		clear "$what" $way
		case $macs$mac in
		yes:yes)	;;
		yes:yes*|*:no|*:yes)	fail "$what: MAC '$mac'" ;;
		*umac-128*|*hmac-sha2-*)	;;
		*)	fail "$what: MAC '$mac'" ;;
		esac
		test `grep -c 'NOT ENCRYPTED' $HPN_LOG_CLIENT` -eq 1 || \
		    fail "$what: the user was not told once"
		# Who, from where, how much
		test `grep -c "NoneSwitch: data of user $USER from .* port .* in the clear from now on (cipher none, " $HPN_LOG_SERVER` -eq 1 || \
		    fail "$what: the log does not tell of the switch"
		bytes=`sed -n "s/.*NoneSwitch: of user $USER from .* port [0-9]* \([0-9]*\) bytes received and \([0-9]*\) bytes sent were in the clear.*/\1 \2/p" $HPN_LOG_SERVER`
		case $way in
		up)	bytes=${bytes% *} ;;
		down)	bytes=${bytes#* } ;;
		esac
		test 0$bytes -gt 3145728 -a 0$bytes -lt 3300000 || \
		    fail "$what: the log says '$bytes' bytes of 3145728"
	done
done

verbose "the strong MACs of both ends, and no other"
for macs in hmac-sha2-512,umac-64@openssh.com,hmac-sha1:hmac-sha2-512 \
    umac-64@openssh.com,umac-128@openssh.com:umac-128@openssh.com \
    hmac-md5,hmac-sha2-256-etm@openssh.com:hmac-sha2-256-etm@openssh.com; do
	hpn_tap_config "$SWITCH
MACs ${macs%:*}" "$BOTH"
	hpn_tap_ssh host cat $HPN_DATA >$HPN_COPY
	test $status -eq 0 || fail "MACs ${macs%:*}: exit status $status"
	clear "MACs ${macs%:*}" down
	test "$mac" = "${macs#*:}" || fail "MACs ${macs%:*}: MAC '$mac'"
done
hpn_tap_config "$SWITCH" "NoneEnabled yes
MACs umac-64@openssh.com,hmac-sha1"
hpn_tap_ssh host cat $HPN_DATA >$HPN_COPY
test $status -eq 255 -a ! -s $HPN_COPY || \
    fail "no strong MAC at the server: exit status $status"
never_clear "no strong MAC at the server"

verbose "-q, and -v"
hpn_tap_config "$SWITCH" "$BOTH"
# Not through the suite's wrapper, which asks for more to be said
$REAL_SSH -q -F $HPN_SSH_CONFIG host true >$OBJ/hpn-q.out 2>&1 || \
    fail "-q: exit status $?"
hpn_tap_wait
test ! -s $OBJ/hpn-q.out || fail "-q: `cat $OBJ/hpn-q.out`"
grep 'in the clear from now on' $HPN_LOG_SERVER >/dev/null || \
    fail "-q: not switched"
hpn_tap_ssh -v host true
grep 'debug1: kex: client->server cipher: none MAC: ' $HPN_LOG_CLIENT \
    >/dev/null || fail "-v: does not show the cipher"

verbose "new keys"
# The exchange of a rekeying is in the clear, like the first of a connection.
hpn_random $HPN_DATA 8
head -c 32 $HPN_DATA >$OBJ/hpn-first
for macs in no yes; do
	for limit in "RekeyLimit 1M|" "|RekeyLimit 1M" \
	    "RekeyLimit 1M|RekeyLimit 900K"; do
		for way in up down; do
			what="NoneMacEnabled $macs, $limit, $way"
			hpn_tap_config "$SWITCH
NoneMacEnabled $macs
${limit%|*}" "$BOTH
${limit#*|}"
			case $way in
			up)	hpn_tap_ssh host "cat >$HPN_COPY" <$HPN_DATA ;;
			down)	hpn_tap_ssh host cat $HPN_DATA >$HPN_COPY ;;
			esac
			test $status -eq 0 || fail "$what: exit status $status"
			hpn_same "$what"
			n=`grep -c 'kex: client->server cipher: none ' \
			    $HPN_LOG_CLIENT`
			test $n -ge 2 || fail "$what: $n exchanges of keys"
			clear "$what" $way rekeyed
			n=`sed -n 's/.*kex: .* cipher: \([^ ]*\).*/\1/p' \
			    $HPN_LOG_CLIENT | sed 1,2d | sort -u`
			test "$n" = none || fail "$what: ciphers $n"
			test `grep -c 'NOT ENCRYPTED' $HPN_LOG_CLIENT` -eq 1 || \
			    fail "$what: the user was told more than once"
		done
	done
done
hpn_tap_config "$SWITCH
RekeyLimit default 1" "$BOTH"
hpn_tap_ssh host "for i in 1 2 3; do cat $HPN_DATA; sleep 1; done" >$HPN_COPY
test $status -eq 0 || fail "by time: exit status $status"
cat $HPN_DATA $HPN_DATA $HPN_DATA | cmp - $HPN_COPY || fail "by time: data"
test `grep -c 'kex: client->server cipher: none ' $HPN_LOG_CLIENT` -ge 2 || \
    fail "by time: no rekeying"

# Authentication may take longer than that: what is due then comes first.
hpn_helper hpn-delay
for limit in "RekeyLimit default 1|" "|RekeyLimit default 1"; do
	hpn_tap_config "$SWITCH
${limit%|*}" "$BOTH
${limit#*|}"
	sed "s|^ProxyCommand |&$OBJ/hpn-delay -d 300 |" $HPN_SSH_CONFIG \
	    >$OBJ/hpn-slow.conf
	mv $OBJ/hpn-slow.conf $HPN_SSH_CONFIG
	hpn_tap_ssh host echo slow >$HPN_COPY
	test $status -eq 0 -a "`cat $HPN_COPY`" = slow || \
	    fail "slow, $limit: exit status $status"
	test -n "`chosen`" || fail "slow, $limit: not switched"
done

verbose "with compression, threads, windows as they were"
for line in "Compression yes" "HPNThreads 3" "HPNDisabled yes"; do
	hpn_tap_config "$SWITCH
$line" "$BOTH
$line"
	hpn_tap_ssh host cat <$HPN_DATA >$HPN_COPY
	test $status -eq 0 || fail "$line: exit status $status"
	hpn_same "$line"
	test -n "`chosen`" || fail "$line: not switched"
	test "$line" = "HPNThreads 3" || continue
	# What remains to be done for each packet is the MAC
	for log in $HPN_LOG_CLIENT $HPN_LOG_SERVER; do
		for does in seal open; do
			grep "none: still 3 threads $does" $log >/dev/null || \
			    fail "$line: threads do not $does, says $log"
		done
	done
done

verbose "what uses ssh"
hpn_tap_config "" "$BOTH"
via="-F $HPN_SSH_CONFIG -S $TEST_SSH_SSH -o NoneEnabled=yes -o NoneSwitch=yes"
told ()
{
	hpn_tap_wait
	grep 'NOT ENCRYPTED' $OBJ/hpn-tool.err >/dev/null || \
	    fail "$1: the user was not told: `cat $OBJ/hpn-tool.err`"
	hpn_same "$1"
	rm -f $HPN_COPY
}
$SCP $via $HPN_DATA host:$HPN_COPY 2>$OBJ/hpn-tool.err || fail "scp up"
told "scp up"
$SCP $via host:$HPN_DATA $HPN_COPY 2>$OBJ/hpn-tool.err || fail "scp down"
told "scp down"
$SCP $via -O $HPN_DATA host:$HPN_COPY 2>$OBJ/hpn-tool.err || fail "scp -O"
told "scp -O"
echo "get $HPN_DATA $HPN_COPY" | $SFTP -b - $via host >/dev/null \
    2>$OBJ/hpn-tool.err || fail "sftp"
told "sftp"
if command -v rsync >/dev/null; then
	rsync -e "$REAL_SSH $via" $HPN_DATA host:$HPN_COPY 2>$OBJ/hpn-tool.err || \
	    fail "rsync"
	told rsync
else
	verbose "rsync: skipped because it is not installed"
fi
port=`expr $PORT + 1`
hpn_listen source $port cat $HPN_DATA
hpn_tap_config "$SWITCH" "$BOTH"
hpn_tap_ssh -W 127.0.0.1:$port host </dev/null >$HPN_COPY
hpn_same "-W"
clear "-W" down
hpn_ssh -f -o ExitOnForwardFailure=yes \
    -L `expr $PORT + 2`:127.0.0.1:$port \
    -R `expr $PORT + 3`:127.0.0.1:$port host sleep 5
for p in 2 3; do
	$OBJ/hpn-delay `expr $PORT + $p` </dev/null >$HPN_COPY
	hpn_same "forward at $p"
done
hpn_tap_wait
rm -f $HPN_COPY

verbose "Match"
group=`id -gn`
for line in "user $USER:0" "user other,$USER:0" "user other:255" \
    "group $group:0" "user !$USER,*:255" "address 192.0.2.1:255"; do
	hpn_tap_config "$SWITCH" "NoneEnabled no"
	printf 'Match %s\nNoneEnabled yes\n' "${line%:*}" >>$HPN_SSHD_CONFIG
	hpn_tap_ssh host true
	test $status -eq ${line##*:} || \
	    fail "Match ${line%:*}: exit status $status"
done
for user in $USER other; do
	hpn_tap_config "$SWITCH" "NoneEnabled yes"
	printf 'Match user %s\nNoneEnabled no\n' $user >>$HPN_SSHD_CONFIG
	hpn_tap_ssh host true
	case $user$status in
	${USER}255|other0)	;;
	*)	fail "NoneEnabled no for $user: exit status $status" ;;
	esac
done

verbose "named hosts, and all"
while IFS='|' read -r lines warned; do
	hpn_tap_config "" "$BOTH"
	cp $HPN_SSH_CONFIG $OBJ/hpn-hosts.rest
	(
		printf "$lines\n"
		echo "Match all"
		cat $OBJ/hpn-hosts.rest
	) >$HPN_SSH_CONFIG
	hpn_tap_ssh host true </dev/null
	test -n "`chosen`" || fail "'$lines': not switched: $status"
	n=`grep -c 'Warning: NoneSwitch is set for all hosts' $HPN_LOG_CLIENT`
	test $n -eq $warned || fail "'$lines': $n warnings, not $warned"
done <<EOD
NoneEnabled yes\nNoneSwitch yes|1
Host *\nNoneEnabled yes\nNoneSwitch yes|1
Match all\nNoneEnabled yes\nNoneSwitch yes|1
Match localuser $USER\nNoneEnabled yes\nNoneSwitch yes|1
Host host\nNoneEnabled yes\nNoneSwitch yes|0
Host ho*\nNoneEnabled yes\nNoneSwitch yes|0
Match originalhost host\nNoneEnabled yes\nNoneSwitch yes|0
Host host\nNoneSwitch yes\nHost *\nNoneEnabled yes\nNoneSwitch yes|0
NoneEnabled yes\nHost host\nNoneSwitch yes|0
Host host\nNoneEnabled yes\nHost *\nNoneSwitch yes|1
EOD
hpn_tap_config "" "$BOTH"
hpn_tap_ssh -o NoneEnabled=yes -o NoneSwitch=yes host true
grep 'set for all hosts' $HPN_LOG_CLIENT && fail "-o: warned"
test -n "`chosen`" || fail "-o: not switched"

verbose "escapes"
# Only a terminal has them, so they show a connection that is encrypted.
hpn_tap_config "Ciphers aes128-ctr
MACs hmac-sha2-256" ""
for key in '#' '?'; do
	printf "~$key\n" | hpn_tap_ssh -tt host "sleep 1" \
	    >$OBJ/hpn-escape.out 2>&1
	grep 'This connection: cipher aes128-ctr, hmac-sha2-256 to the server, cipher aes128-ctr, hmac-sha2-256 from it' \
	    $OBJ/hpn-escape.out >/dev/null || \
	    fail "~$key does not tell: `cat $OBJ/hpn-escape.out`"
done

verbose "somebody on the way changes what passes"
echo "the price is 100 EUR" >$OBJ/hpn-price
hpn_tap_config "$SWITCH" "$BOTH" "$OBJ/hpn-tamper 100 999"
hpn_tap_ssh host cat $OBJ/hpn-price >$HPN_COPY
test $status -eq 255 || fail "changed, MAC: exit status $status"
test ! -s $HPN_COPY || fail "changed, MAC: `cat $HPN_COPY`"
grep 'Corrupted MAC' $HPN_LOG_CLIENT >/dev/null || fail "changed, MAC: not said"
# What none without a MAC gives up, as the manual says
hpn_tap_config "$SWITCH
NoneMacEnabled yes" "$BOTH" "$OBJ/hpn-tamper 100 999"
hpn_tap_ssh host cat $OBJ/hpn-price >$HPN_COPY
test "`cat $HPN_COPY`" = "the price is 999 EUR" || \
    fail "changed, no MAC: the manual is wrong: `cat $HPN_COPY`"

rm -f $HPN_DATA* $HPN_COPY $HPN_UP $HPN_DOWN $OBJ/hpn-needle.* \
    $OBJ/hpn-wire.data $OBJ/hpn-first $OBJ/hpn-price
