# SPDX-License-Identifier: ISC
#
# Copies that are interrupted again and again, and the same command again and
# again until it succeeds: in the end all bytes are right, what was there is
# never thrown away, and nothing that was there is sent again.
#
# usage: make t-exec LTESTS=hpn-resume-cuts
#
#	scp -Z == ssh == hpn-delay, which cuts at random places == sshd
#
# The places come from a seed; TEST_HPN_SEED sets another one.  Each of the
# processes is killed as well.  Servers: ours, and the sftp-server beside what
# TEST_SSH_STOCK_SSHD names, which has no hashes.

tid="hpn resume, interrupted"

. $SRC/hpn-lib

hpn_helper hpn-delay
SEED=${TEST_HPN_SEED:-20261122}
FROM=$OBJ/hpn-resume.from
TO=$OBJ/hpn-resume.to
LOG=$OBJ/hpn-resume.log
CUT=$OBJ/hpn-resume.cut
TOTALS=$OBJ/hpn-resume.totals
RUNS=1000

cleanup_resume ()
{
	hpn_stop_all
	chmod -R u+rwx $FROM $TO 2>/dev/null
	rm -rf $FROM $TO $LOG $CUT $TOTALS $OBJ/hpn-resume.*.sh \
	    $OBJ/hpn-resume.pid.* $LOG.diff
}
trap cleanup_resume EXIT
cleanup_resume

bytes ()
{
	head -c $1 /dev/urandom
}

# A random number below $1, from a seed of our own
random ()
{
	STATE=`expr \( $STATE \* 1103515245 + 12345 \) % 2147483648`
	expr $STATE / 7 % $1
}
STATE=`expr $SEED % 1000000`

newline=`printf 'new\nline'`
mkdir -p "$FROM/small" "$FROM/$newline/deep" $FROM/none $FROM/closed
bytes 9000001 >$FROM/large
bytes 3145728 >$FROM/three
for n in 1048575 1048576 1048577 65535 65536 65537; do
	bytes $n >$FROM/$n
done
for i in `seq 40`; do
	bytes `random 30000` >$FROM/small/$i
done
: >$FROM/empty
echo x >"$FROM/$newline/deep/$newline"
# Runs of zeros, as an interruption might leave them
(bytes 700000; head -c 500000 /dev/zero; bytes 700000) >$FROM/zeros
bytes 200000 >$FROM/closed/file
chmod 444 $FROM/closed/file
chmod 555 $FROM/closed

# How many bytes are in the files of a tree
size_of ()
{
	find "$1" -type f -exec cat {} + 2>/dev/null | wc -c
}
ALL=`size_of $FROM`

hpn_link ()
{
	echo "$OBJ/hpn-delay -c $CUT -t $TOTALS"
}

# number FILE WORD: the number after the word, in the summary that scp ends with
number ()
{
	sed -n "s/.*$2: [0-9]* files*, \([0-9]*\) bytes.*/\1/p" $LOG | tail -n 1
}

# passed up|down: bytes that the relay has passed on
passed ()
{
	awk -v d=$1 '{ n += d == "up" ? $2 : $4 } END { printf "%.0f\n", n }' \
	    $TOTALS
}

# until_done WHAT up|down EXACT ARG...: scp until it succeeds.
until_done ()
{
	what=$1 way=$2 exact=$3
	shift 3
	chmod -R u+rwx $TO 2>/dev/null
	rm -rf $TO
	mkdir $TO
	: >$TOTALS
	runs=0 there=0
	until $SCP -v -Z "$@" >/dev/null 2>$LOG; do
		runs=`expr $runs + 1`
		test $runs -lt $RUNS || fatal "$what: not done in $runs runs"
		now=`size_of $TO`
		test $now -ge $there || \
		    fail "$what: of $there bytes $now are left"
		there=$now
		if grep "left as it is\|differs from\|changed while" $LOG \
		    >/dev/null; then
			fail "$what: `grep 'left as\|differs\|changed' $LOG`"
			return
		fi
	done
	diff -r $FROM $TO/from >$LOG.diff || fail "$what: `head -n 2 $LOG.diff`"
	rm -f $LOG.diff
	sent=`number $LOG "loaded"`
	missing=`expr $ALL - $there`
	# A server whose connection was cut may still have been writing what it
	# had received when we looked.
	test $exact = no -o "$sent" = $missing -o \
	    $way = up -a "$sent" -lt $missing || \
	    fail "$what: $there of $ALL bytes were there, and $sent were sent"
	verbose "$what: $runs interruptions, $ALL bytes, `passed $way` passed"
	INTERRUPTED=`expr $INTERRUPTED + $runs`
	# And once more: there is nothing to do
	$SCP -v -Z "$@" >/dev/null 2>$LOG || {
		# Unless it is cut again
		grep "left as it is\|differs" $LOG >/dev/null && \
		    fail "$what: again: `grep 'left as\|differs' $LOG`"
		return
	}
	test "`number $LOG loaded`" = 0 || \
	    fail "$what: again: `number $LOG loaded` bytes were sent"
}

mv $FROM $OBJ/hpn-resume.tree
mkdir $FROM
mv $OBJ/hpn-resume.tree $FROM/from
FROM=$FROM/from

servers=$SFTPSERVER
for sshd in $TEST_SSH_STOCK_SSHD; do
	servers="$servers `dirname $sshd`/../libexec/sftp-server"
done

# Each of the commands of a connection says who it is, so that it can be killed.
wrapper ()
{
	cat >$OBJ/hpn-resume.$1.sh <<-EOD
	#!/bin/sh
	echo \$\$ >$OBJ/hpn-resume.pid.$1
	exec $2 "\$@"
	EOD
	chmod 755 $OBJ/hpn-resume.$1.sh
	echo $OBJ/hpn-resume.$1.sh
}

INTERRUPTED=0
for server in $servers; do
	test -x $server || {
		verbose "$server is not there"
		continue
	}
	if test $server = $SFTPSERVER; then
		who=ours times=1
		echo "$SEED 4000 700000" >$CUT
	else
		# What is read back must get through in one go: all of it, for
		# without -p files have not got their source's time.
		who=stock times="1 2 3"
		echo "$SEED 4000 `expr $ALL \* 2`" >$CUT
	fi
	hpn_config "" "Subsystem sftp $server"
	for i in $times; do
		until_done "$who, cut, up" up yes -r -S $SSH \
		    -F $HPN_SSH_CONFIG $FROM host:$TO
		until_done "$who, cut, down" down yes -r -S $SSH \
		    -F $HPN_SSH_CONFIG host:$FROM $TO
	done
done
verbose "$INTERRUPTED interruptions"
test $INTERRUPTED -ge 50 || fail "only $INTERRUPTED interruptions"

# Each process of a connection in turn is killed while the copy runs: the first
# commands of a pair leave their process ids.
rm -f $CUT
hpn_link ()
{
	echo "$OBJ/hpn-delay -r 4000000 -t $TOTALS"
}
server_wrapper=`wrapper sftp-server $SFTPSERVER`
ssh_wrapper=`wrapper ssh $SSH`
hpn_server ()
{
	echo "$sshd_wrapper -i -f $HPN_SSHD_CONFIG -E $HPN_LOG_SERVER"
}
sshd_wrapper=`wrapper sshd $SSHD`
hpn_config "" "Subsystem sftp $server_wrapper"
killed=0
for way in up down; do
	for who in scp ssh sshd sftp-server; do
		what="kill -9 $who, $way"
		if test $way = up; then
			from=$FROM to=host:$TO
		else
			from=host:$FROM to=$TO
		fi
		chmod -R u+rwx $TO
		rm -rf $TO
		mkdir $TO
		for i in 1 2 3; do
			rm -f $OBJ/hpn-resume.pid.*
			$SCP -v -Z -r -S $ssh_wrapper -F $HPN_SSH_CONFIG \
			    $from $to >/dev/null 2>$LOG &
			scp=$!
			echo $scp >$OBJ/hpn-resume.pid.scp
			hpn_pid_in $OBJ/hpn-resume.pid.sftp-server
			sleep 0.`expr 1 + \`random 8\``
			pid=`cat $OBJ/hpn-resume.pid.$who`
			# Of sshd the one that carries the data as well
			test $who != sshd || pid="$pid `ps -e -o pid= -o ppid= |
			    awk -v p=$pid '$2 == p { print $1 }'`"
			! kill -9 $pid 2>/dev/null || killed=`expr $killed + 1`
			wait $scp
		done
		$SCP -v -Z -r -S $ssh_wrapper -F $HPN_SSH_CONFIG $from $to \
		    >/dev/null 2>$LOG || fail "$what: status $?: `cat $LOG`"
		diff -r $FROM $TO/from >$LOG.diff || \
		    fail "$what: `head -n 2 $LOG.diff`"
		sent=`number $LOG loaded`
		verbose "$what: $sent of $ALL bytes for the last attempt"
	done
done
verbose "$killed killed while they ran"
test $killed -ge 12 || fail "only $killed of 24 were killed while they ran"
