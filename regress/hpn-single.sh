# SPDX-License-Identifier: ISC
#
# Clients that have one request under way at a time are left alone: over a path
# of 100 ms neither end asks the other again and again for the round trip, whose
# answer such a client would have to send before its next request.  Nor does it
# wait for our TCP to acknowledge what needs no answer, should its own hold back
# what is short (Nagle's algorithm).
#
# usage: make t-exec LTESTS=hpn-single

tid="hpn one request at a time"

. $SRC/hpn-lib

# Once to know the path, and once more should this take longer than a minute.
ASKED_MOST=2

hpn_helper hpn-delay
hpn_config "" "Subsystem sftp $SFTPSERVER"
dd if=/dev/urandom of=$HPN_DATA bs=32768 count=40 2>/dev/null
cat >$OBJ/hpn-ssh.sh <<EOD
#!/bin/sh
exec $SSH -F $HPN_SSH_CONFIG -E $HPN_LOG_CLIENT "\$@"
EOD
chmod +x $OBJ/hpn-ssh.sh
# What is bulk, so that a request for the round trip is seen when there is one
hpn_random $HPN_DATA.bulk 8

# asked get|put FILE OPTION...: how often the receiver asked is in $asked.
asked ()
{
	_way=$1 _file=$2
	shift 2
	what="$_way ${*:-with as many as ever}"
	rm -f $HPN_COPY
	hpn_forget
	echo "$_way $_file $HPN_COPY" | $SFTP "$@" -S $OBJ/hpn-ssh.sh \
	    -b - host >$OBJ/hpn-sftp.out 2>&1 || \
	    fail "$what: exit status $?: `tail -n 1 $OBJ/hpn-sftp.out`"
	cmp $_file $HPN_COPY || fail "$what: data differ"
	# Who is asked says so
	case $_way in
	put)	_log=$HPN_LOG_CLIENT ;;
	get)	_log=$HPN_LOG_SERVER ;;
	esac
	asked=`grep -c "_input_channel_req: channel .* keepalive@openssh.com" $_log`
	verbose "$what: asked $asked times"
}

for way in put get; do
	asked $way $HPN_DATA.bulk
	test $asked -gt 0 || \
	    fail "$what: no request for the round trip"
	asked $way $HPN_DATA -R 1 -B 32768
	test $asked -le $ASKED_MOST || \
	    fail "$what: $asked requests for the round trip"
done
# A client without our code enlarges the window for every few answers, and sends
# its next request behind that: left to itself TCP waits 40 ms each time.
what="Nagle's algorithm"
start_sshd
cat >$OBJ/hpn-ssh.sh <<EOD
#!/bin/sh
exec $SSH -F $OBJ/ssh_config -o HPNDisabled=yes \\
    -o "ProxyCommand $OBJ/hpn-delay -n -d 0 $PORT" "\$@"
EOD
dd if=/dev/urandom of=$HPN_DATA bs=32768 count=300 2>/dev/null
# fetch SSH: the least of three times, in ms, is in $best
fetch ()
{
	best=999999
	for try in 1 2 3; do
		rm -f $HPN_COPY
		ms=`date +%s%N`
		echo "get $HPN_DATA $HPN_COPY" | $SFTP -R 1 -B 32768 \
		    -S $1 -b - somehost >$OBJ/hpn-sftp.out 2>&1 || \
		    fail "$what: exit status $?: `tail -n 1 $OBJ/hpn-sftp.out`"
		ms=`expr \( \`date +%s%N\` - $ms \) / 1000000`
		cmp $HPN_DATA $HPN_COPY || fail "$what: data differ"
		test $ms -ge $best || best=$ms
	done
}
sed 's/hpn-delay -n/hpn-delay/' $OBJ/hpn-ssh.sh >$OBJ/hpn-ssh-nodelay.sh
chmod 755 $OBJ/hpn-ssh-nodelay.sh
fetch $OBJ/hpn-ssh-nodelay.sh
without=$best
fetch $OBJ/hpn-ssh.sh
verbose "$what: $best ms, without it $without"
# 300 waits are 12 s.
test $best -lt `expr $without \* 2 + 3000` || \
    fail "$what: $best ms for 300 requests, without it $without"
rm -f $HPN_DATA* $HPN_COPY $OBJ/hpn-sftp.out $OBJ/hpn-ssh*.sh
