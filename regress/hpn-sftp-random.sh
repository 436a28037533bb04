# SPDX-License-Identifier: ISC
#
# An SFTP server that stores truthfully and fails at random, and the clients scp
# and sftp: exit status 0 never means other bytes than the source's.
#
#	scp, sftp == hpn-badsftp -r -s SEED == folder "remote"
#
# The seed decides which requests fail, in which order they are carried out and
# answered, how many files may be open and with which status the next one is
# refused, how handles are numbered (two files may get one), and whether the
# server ends early.  What it answers without an error is true.
#
# usage: make t-exec LTESTS=hpn-sftp-random
#
# HPN_RANDOM_SEEDS	the first and the last seed (default "1 8").  A failure
#			names its seed.

tid="hpn random sftp server"

. $SRC/hpn-lib

hpn_helper hpn-badsftp
make_tmpdir
T=$SSH_REGRESS_TMP
SERVER=$OBJ/hpn-random.sh
ERRORS=$OBJ/hpn-random-errors
HANG=120
set -- ${HPN_RANDOM_SEEDS:-1 8}
first=$1 last=$2

# One tree, here and there: empty and tiny files, some about as long as a
# request, one that takes many; folders in folders, an empty one.
mkdir -p $T/from/data/a/b/c $T/from/data/d $T/from/data/empty
head -c 1300000 /dev/urandom >$T/from/noise
_at=1
for size in 0 1 1000 32768 65535 65536 262000; do
	for dir in . a a/b d; do
		tail -c +$_at $T/from/noise | head -c $size \
		    >$T/from/data/$dir/f$size
		_at=`expr $_at + 1000`
	done
done
tail -c 700000 $T/from/noise >$T/from/data/a/b/c/F
for i in `seq 30`; do
	echo $i >$T/from/data/d/small$i
done
chmod 444 $T/from/data/d/small7 $T/from/data/a/f65536
mkdir $T/local $T/remote
cp -pr $T/from/data $T/local
cp -pr $T/from/data $T/remote

# server SEED
server ()
{
	cat >$SERVER <<EOF
#!/bin/sh
exec $OBJ/hpn-badsftp -d $T/remote -r -s $1
EOF
	chmod 755 $SERVER
}

# copy HOW OPTION...: the folder, to "in".  Leaves the exit status in $status.
copy ()
{
	_how=$1
	shift
	case $_how in
	scp-get)	timeout -k 5 $HANG $SCP -q -r "$@" -S $SERVER \
			    host:data $T/local/in ;;
	scp-put)	timeout -k 5 $HANG $SCP -q -r "$@" -S $SERVER \
			    $T/local/data host:in ;;
	sftp-get)	echo "get -r $T/remote/data $T/local/in" | \
			    timeout -k 5 $HANG $SFTP -q -b - "$@" -S $SERVER \
			    host ;;
	sftp-put)	echo "put -r $T/local/data $T/remote/in" | \
			    timeout -k 5 $HANG $SFTP -q -b - "$@" -S $SERVER \
			    host ;;
	esac >$OBJ/hpn-random-output 2>$ERRORS
	status=$?
}

# judge HOW WHAT: the exit status, and what is there.
judge ()
{
	case $1 in
	*get)	_in=$T/local/in ;;
	*put)	_in=$T/remote/in ;;
	esac
	case $status in
	124|137) fail "$2: hangs" ;;
	0)	done=`expr $done + 1`
		diff -r $T/from/data $_in >$OBJ/hpn-random-output 2>&1 || \
		    fail "$2: exit status 0, `grep -c . \
		    $OBJ/hpn-random-output` differences: \
		    `head -3 $OBJ/hpn-random-output`; `cat $ERRORS`"
		;;
	1|255)	test -s $ERRORS || fail "$2: exit status $status, no message" ;;
	*)	fail "$2: died, status $status: `cat $ERRORS`" ;;
	esac
	grep "hpn-badsftp:" $ERRORS >/dev/null && \
	    fail "$2: the server says: `grep hpn-badsftp: $ERRORS`"
	verbose "$2: $status"
}

clean ()
{
	chmod -R u+w $T/local/in $T/remote/in 2>/dev/null
	rm -rf $T/local/in $T/remote/in
}

done=0
seed=$first
while test $seed -le $last; do
	server $seed
	for how in scp-get scp-put sftp-get sftp-put; do
		clean
		# For the next seed all is new; for this one each in turn
		case `expr $seed % 4`$how in
		0*|1*put|2*get)	set -- ;;
		1*|2*)		set -- -p ;;
		3*)		set -- -X verify=yes ;;
		esac
		copy $how "$@"
		judge $how "$how $*, seed $seed"
	done
	# What was interrupted goes on, with whatever is the matter then
	for how in scp-get scp-put; do
		clean
		mkdir $T/local/in $T/remote/in
		for again in 0 1000 2000; do
			server `expr $seed + $again`
			case $how in
			*get)	timeout -k 5 $HANG $SCP -q -Z -r -S $SERVER \
				    host:data/. $T/local/in ;;
			*put)	timeout -k 5 $HANG $SCP -q -Z -r -S $SERVER \
				    $T/local/data/. host:in ;;
			esac >$OBJ/hpn-random-output 2>$ERRORS
			status=$?
			judge $how "$how -Z, seed `expr $seed + $again`"
		done
	done
	seed=`expr $seed + 1`
done
clean
for there in $T/local $T/remote; do
	diff -r $T/from/data $there/data >/dev/null || \
	    fail "$there: the source has changed"
done
echo "$tid: $done copies succeeded"
test $done -gt 0 || fail "no copy has succeeded"
rm -f $SERVER $ERRORS $OBJ/hpn-random-output
