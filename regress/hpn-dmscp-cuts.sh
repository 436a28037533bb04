# SPDX-License-Identifier: ISC
#
# dmscp over a connection that is cut again and again, and dmscp that is killed:
# every run ends with identical bytes, or with a state from which the same command
# with -resume goes on.
#
#	dmscp == ssh == hpn-delay, which cuts at random places == sshd
#
# usage: make t-exec LTESTS=hpn-dmscp-cuts
#
# The places come from a seed; TEST_HPN_SEED sets another one, TEST_HPN_RUNS how
# often.  Servers: ours, and hpn-badsftp, which has no hashes when told so.

tid="dmscp, interrupted"

. $SRC/hpn-dmscp-lib

hpn_helper hpn-delay
SEED=${TEST_HPN_SEED:-20261128}
RUNS=${TEST_HPN_RUNS:-2}
MOST=`hpn_times 120`
hpn_random $DATA 24

hpn_link ()
{
	echo "$OBJ/hpn-delay -c $CUT"
}
hpn_config "" ""
cat >$OBJ/hpn-dmscp.bare.sh <<EOD
#!/bin/sh
cd $T
exec `hpn_link` $OBJ/hpn-badsftp -E
EOD
chmod 755 $OBJ/hpn-dmscp.bare.sh

dm ()
{
	_with=$1
	shift
	case $_with in
	ours)	set -- -program $SSH -ssh-config $HPN_SSH_CONFIG "$@" ;;
	bare)	set -- -program $OBJ/hpn-dmscp.bare.sh "$@" ;;
	esac
	status=0
	timeout $MOST $DMSCP "$@" 2>$LOG || status=$?
}

# same WHAT NAME: file or fragments
same ()
{
	if test -f $T/$2.manifest; then
		cat $T/$2.[0-9][0-9][0-9][0-9]
	else
		cat $T/$2
	fi | cmp - $DATA || fail "$1: not what was sent"
	ls $T | grep part && fail "$1: parts are left"
}

cuts=0
for server in ours bare; do
	for how in "" "-F 2m"; do
		for i in `seq $RUNS`; do
			what="$server $how, run $i"
			rm -rf $T/*
			echo "$SEED$i 100000 9000000" >$CUT
			dm $server -w $how somehost:$T/d <$DATA
			test $status = 0 || fail "$what: write: $status: \
			    `tail -n 3 $LOG`"
			same "$what" d
			n=`grep -c 'connecting again' $LOG`
			echo "9$SEED$i 100000 9000000" >$CUT
			dm $server -r somehost:$T/d >$T/copy
			test $status = 0 || fail "$what: read: $status: \
			    `tail -n 3 $LOG`"
			cmp $T/copy $DATA || fail "$what: read"
			m=`grep -c 'connecting again' $LOG`
			verbose "$what: $n and $m cuts"
			cuts=`expr $cuts + $n + $m`
		done
	done
done
test $cuts -gt `expr $RUNS \* 4` || fail "only $cuts cuts were seen"

# Killed where chance wants it: after so many bytes of the source
echo "1 900000000 900000001" >$CUT
for server in ours bare; do
	for how in "" "-F 2m"; do
		for i in `seq $RUNS`; do
			what="$server $how, killed, run $i"
			rm -rf $T/*
			at=`expr \( $SEED + 7919 \* $i \) \* 31 % 24000000`
			# The shell is the program that dies with dmscp
			dm $server -w $how -source "
			    head -c $at $DATA
			    sleep 0.1
			    kill -9 \$PPID
			    sleep 1" somehost:$T/d
			test $status = 137 || fail "$what: $status: `cat $LOG`"
			test ! -f $T/d -a ! -f $T/d.manifest || \
			    fail "$what: is there, after $at bytes"
			dm $server -w $how -resume somehost:$T/d <$DATA
			test $status = 0 || fail "$what: resume: $status: \
			    `tail -n 3 $LOG`"
			same "$what" d
		done
	done
done
