# SPDX-License-Identifier: ISC
#
# Clients that have one request under way at a time are left alone: over a path
# of 100 ms neither end asks the other again and again for the round trip, whose
# answer such a client would have to send before its next request.
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
rm -f $HPN_DATA* $HPN_COPY $OBJ/hpn-sftp.out $OBJ/hpn-ssh.sh
