# SPDX-License-Identifier: ISC
#
# dmscp -R: a stream to and from a command, with dmscp -server at the other end:
# through sshd, over connections that are cut, and with frames that break a rule.
#
#	dmscp == ssh == sshd == dmscp -server -> command
#	dmscp == hpn-delay, hpn-badframes == dmscp -server -> command
#
# usage: make t-exec LTESTS=hpn-dmscp-command
#
# The places of cuts come from a seed; TEST_HPN_SEED sets another one,
# TEST_HPN_RUNS how often.

tid="dmscp, commands"

. $SRC/hpn-dmscp-lib

hpn_helper hpn-delay
hpn_helper hpn-badframes
MOST=`hpn_times 60`
SEED=${TEST_HPN_SEED:-20261128}
RUNS=${TEST_HPN_RUNS:-2}
hpn_random $DATA 9
mkdir -p $T/home

# What stands in for ssh: $BETWEEN stands between the two.
cat >$OBJ/hpn-dmscp.near.sh <<EOD
#!/bin/sh
for last; do :; done
HOME=$T/home
PATH=`dirname "$DMSCP"`:\$PATH
export HOME PATH
cd $T
exec \$BETWEEN $DMSCP -server \$SERVER
EOD
chmod 755 $OBJ/hpn-dmscp.near.sh
BETWEEN= SERVER=
export BETWEEN SERVER

# dm sshd|near ARG...
dm ()
{
	_with=$1
	shift
	case $_with in
	sshd)	set -- -program $SSH -ssh-config $OBJ/ssh_proxy -s somehost \
		    -prefix "HOME=$T/home PATH=`dirname "$DMSCP"`:\$PATH; \
		    export HOME PATH" "$@" ;;
	near)	set -- -program $OBJ/hpn-dmscp.near.sh -s somehost "$@" ;;
	esac
	status=0
	timeout $MOST $DMSCP "$@" 2>$LOG || status=$?
	test $status != 124 || fail "$tid: dmscp $* hangs: `cat $LOG`"
}

# nobody WHAT: no server's end is left.  Each has a socket; some leave word.
nobody ()
{
	_i=0
	while ls $T/home/.dmscp 2>/dev/null | grep -v why >/dev/null; do
		if test $_i = `hpn_times 100`; then
			fail "$1: a server's end is left"
			rm -f $T/home/.dmscp/*
			return
		fi
		sleep 0.1
		_i=`expr $_i + 1`
	done
}

# Through sshd
for how in "" "-sha256" "-buffer 1m" "-nochecksum"; do
	rm -f $T/f
	dm sshd -w $how -R "cat >$T/f; echo a word >&2" <$DATA
	expect "write $how" 0 'a word'
	cmp $T/f $DATA || fail "write $how: not what was sent"
	dm sshd -r $how -d $T -R "cat f; echo a word >&2" >$T/copy
	expect "read $how" 0 'a word'
	cmp $T/copy $DATA || fail "read $how: not what was there"
	dm sshd -w $how -R "cat >/dev/null; exit 3" <$DATA
	expect "write $how, exit 3" 3 'exit status 3'
	dm sshd -r $how -R "cat $T/f; exit 3" >$T/copy
	expect "read $how, exit 3" 3 'exit status 3'
done
: >$T/none
dm sshd -w -R "cat >$T/f" <$T/none
expect "nothing, write" 0
test -f $T/f -a ! -s $T/f || fail "nothing: something came"
dm sshd -r -R true >$T/copy
expect "nothing, read" 0
test ! -s $T/copy || fail "nothing: something came"
# How a command ends
dm sshd -w -R 'head -c 1000 >/dev/null' <$DATA
expect "ends early" 253 'before it had read all'
echo word | dm sshd -w -R 'sleep 0.2; exit 0'
expect "reads nothing of little" 253 'before it had read all'
echo word >$T/word
dm sshd -w -R 'head -c 5 >/dev/null' <$T/word
expect "knows where to stop" 0
dm sshd -w -R 'head -c 1000 >/dev/null; exit 4' <$DATA
expect "ends early, with 4" 4 'before it had read all'
dm sshd -w -R 'kill -9 $$' <$DATA
expect "signal" 255 'signal 9'
dm sshd -w -T 1 -R 'sleep 50' <$DATA
expect "never reads" 251 'taken nothing for 1 seconds'
# What it gets is no end, if the source has not ended well
for end in 'exit 1' 'kill -9 $$'; do
	rm -f $T/f $T/ended
	dm sshd -w -source "head -c 3000000 $DATA; $end" \
	    -R "cat >$T/f; touch $T/ended"
	expect "source that does $end" 253 'source ended with'
	nobody "source that does $end"
	test ! -f $T/ended || fail "$end: the command has seen an end"
done
dm sshd -w -size 5 -R "cat; touch $T/ended" <$DATA
expect "longer than -size" 253 'more than'
nobody "longer than -size"
test ! -f $T/ended || fail "-size: the command has seen an end"
dm sshd -r -sink 'head -c 10 >/dev/null' -R "cat $DATA"
expect "sink that ends early" 253 'before all'
dm sshd -r -sink 'cat >/dev/null; exit 7' -R "cat $DATA"
expect "sink that fails" 253 'exit status 7'
# Without our end there, who was first to end is still told
dm sshd -r -nochecksum -sink 'head -c 10 >/dev/null; exit 5' -R "cat $DATA"
expect "sink that ends early, plain" 253 'the sink ended with exit status 5'
dm sshd -w -nochecksum -source "cat $DATA" -R 'head -c 10 >/dev/null'
expect "ends early, plain" 253 'before it had read all'
dm sshd -w -nochecksum -R 'head -c 10 >/dev/null' <$DATA
expect "ends early, plain, a file" 253 'before it had read all'
dm sshd -w -nochecksum -source "cat $DATA; exit 6" -R 'cat >/dev/null'
expect "source that fails, plain" 253 'the source ended with exit status 6: '
dm sshd -w -d $T/nowhere -R cat <$DATA
expect "no such folder" 255 'No such file'
status=0
$DMSCP -program $SSH -ssh-config $OBJ/ssh_proxy -s somehost \
    -prefix "PATH=/nowhere" -w -R cat <$DATA 2>$LOG || status=$?
expect "no dmscp there" 255 'no dmscp in the PATH'
nobody "through sshd"
# As a subsystem
echo "Subsystem dmscp env HOME=$T/home $DMSCP -server -keep 5" \
    >>$OBJ/sshd_proxy
status=0
$DMSCP -program $SSH -ssh-config $OBJ/ssh_proxy -s somehost \
    -subsystem dmscp -w -R "cat >$T/f" <$DATA 2>$LOG || status=$?
expect "subsystem" 0
cmp $T/f $DATA || fail "subsystem: not what was sent"
nobody "subsystem"

# Over connections that are cut
cuts=0
BETWEEN="$OBJ/hpn-delay -c $CUT"
for i in `seq $RUNS`; do
	rm -f $T/f
	echo "$SEED$i 100000 4000000" >$CUT
	dm near -w -R "cat >$T/f" <$DATA
	expect "cut, write $i" 0
	cmp $T/f $DATA || fail "cut, write $i: not what was sent"
	cuts=`expr $cuts + \`grep -c 'connecting again' $LOG\``
	echo "9$SEED$i 100000 4000000" >$CUT
	dm near -r -sha256 -R "cat $DATA" >$T/copy
	expect "cut, read $i" 0
	cmp $T/copy $DATA || fail "cut, read $i: not what was there"
	cuts=`expr $cuts + \`grep -c 'connecting again' $LOG\``
done
test $cuts -gt $RUNS || fail "only $cuts cuts were seen"
nobody "cut"
# The administrator does not want it to stay, or the folder is not to be trusted
echo "$SEED 100000 400000" >$CUT
SERVER="-keep 0"
rm -f $T/ended
dm near -w -R "cat >/dev/null; touch $T/ended" <$DATA
expect "cut, -keep 0" 251 'lost, and the command with it'
SERVER=
wrongs="mode link file"
if test "`id -u`" = 0; then
	wrongs="$wrongs owner"
else
	echo "$tid (skipped: another owner of the folder: it needs root)"
fi
for wrong in $wrongs; do
	rm -rf $T/home/.dmscp $T/elsewhere
	case $wrong in
	mode)	mkdir $T/home/.dmscp; chmod 770 $T/home/.dmscp ;;
	link)	mkdir -m 700 $T/elsewhere; ln -s $T/elsewhere $T/home/.dmscp ;;
	file)	: >$T/home/.dmscp ;;
	owner)	mkdir -m 700 $T/home/.dmscp; chown 1 $T/home/.dmscp ;;
	esac
	echo "$SEED 100000 400000" >$CUT
	dm near -v -w -R "cat >/dev/null; touch $T/ended" <$DATA
	expect "cut, a folder with the wrong $wrong" 251 \
	    'cannot be made again: ~/.dmscp'
	test -z "`ls $T/elsewhere 2>/dev/null`" || fail "$wrong: was used"
	rm -rf $T/home/.dmscp
done
# ... it is gone, and says why
SERVER="-keep 1"
cat >$OBJ/hpn-dmscp.late.sh <<EOD
#!/bin/sh
test -f $T/once && { sleep 2; exec $OBJ/hpn-dmscp.near.sh; }
touch $T/once
exec $OBJ/hpn-dmscp.near.sh
EOD
chmod 755 $OBJ/hpn-dmscp.late.sh
echo "$SEED 100000 400000" >$CUT
status=0
timeout $MOST $DMSCP -program $OBJ/hpn-dmscp.late.sh -s h -w \
    -R "cat >/dev/null; touch $T/ended" <$DATA 2>$LOG || status=$?
expect "nobody came back in time" 251 'nobody came back\|not regained'
nobody "nobody came back in time"
# ... and a client that is killed: the command ends without having seen an end
echo "1 900000000 900000001" >$CUT
dm near -w -source "head -c 3000000 $DATA; kill -9 \$PPID; sleep 1" \
    -R "cat >/dev/null; touch $T/ended"
expect "killed" 137
nobody "killed"
test ! -f $T/ended || fail "killed: the command has seen an end"
SERVER=

# ... and a server's end that runs out of memory ends the command first.  It gets
# hardly more than it needs to begin, and $DATA does not fit into that.
cat >$OBJ/hpn-dmscp.limit.sh <<EOD
#!/bin/sh
ulimit -v \`cat $T/limit\`
exec "\$@"
EOD
chmod 755 $OBJ/hpn-dmscp.limit.sh
BETWEEN=$OBJ/hpn-dmscp.limit.sh
kib=4000
status=1
while test $status != 0 -a $kib -lt 60000; do
	kib=`expr $kib + 2000`
	echo $kib >$T/limit
	dm near -w -R "cat >/dev/null" <$T/word
done
if test $status = 0; then
	dm near -w -R "sleep 2; cat >/dev/null; touch $T/ended" <$DATA
	expect "no memory" 251 'not there any more'
	sleep 2
	test ! -f $T/ended || fail "no memory: the command has seen an end"
	nobody "no memory"
else
	echo "$tid (skipped: no memory: does not begin in $kib KiB)"
fi
BETWEEN=
# Who has another secret gets nothing
cat >$OBJ/hpn-dmscp.steal.sh <<EOD
#!/bin/sh
head -c 1000 $DATA
until s=\`ls $T/home/.dmscp | grep -v why\`; do
	sleep 0.1
done
$OBJ/hpn-badframes steal $T/home/.dmscp/\$s
echo \$? >$T/stolen
EOD
chmod 755 $OBJ/hpn-dmscp.steal.sh
dm near -w -source $OBJ/hpn-dmscp.steal.sh -R "cat >$T/f"
expect "another secret" 0
test "`cat $T/stolen`" = 0 || fail "another secret: got the stream"
test `wc -c <$T/f` = 1000 || fail "another secret: not what was sent"
# Nobody else gets the number of a command's group while it may be killed
dm near -w -source "until test -s $T/pid; do sleep 0.1; done
    sleep 0.5
    kill -0 \`cat $T/pid\` && touch $T/held" -R "echo \$\$ >$T/pid"
expect "its number" 0
test -f $T/held || fail "the command's number is free before the run is over"
# A server's end that is stopped keeps no other from beginning: each new one looks
# whether those that are old are there yet
rm -f $T/keeper $T/stopped $T/go
(
	status=0
	timeout $MOST $DMSCP -program $OBJ/hpn-dmscp.near.sh -s h -w \
	    -source "until test -f $T/go; do sleep 0.1; done; cat $T/word" \
	    -R "echo \$PPID >$T/new; mv $T/new $T/keeper; cat >/dev/null" \
	    2>$LOG.stopped || status=$?
	echo $status >$T/stopped
) &
until test -f $T/keeper -o -f $T/stopped; do
	sleep 0.1
done
kill -STOP `cat $T/keeper`
touch -t 202001010000 $T/home/.dmscp/*
for i in 1 2 3 4 5 6 7 8; do
	dm near -w -R "cat >/dev/null" <$T/word
	test $status = 0 || break
done
expect "beside one that is stopped" 0
kill -CONT `cat $T/keeper`
: >$T/go
wait $!
status=`cat $T/stopped`
expect "stopped and continued" 0
nobody "stopped and continued"
# A signal ends dmscp, and its ssh, without a server's end as well
cat >$OBJ/hpn-dmscp.never.sh <<EOD
#!/bin/sh
echo \$\$ >$T/never.new
mv $T/never.new $T/never
exec sleep `hpn_times 100`
EOD
chmod 755 $OBJ/hpn-dmscp.never.sh
timeout $MOST $DMSCP -nochecksum -program $OBJ/hpn-dmscp.never.sh -s h -w \
    -source "until test -f $T/never; do sleep 0.1; done; kill \$PPID; sleep 50" \
    -R cat 2>$LOG
status=$?
expect "a signal, -nochecksum" 255 'ended by signal 15'
kill -0 `cat $T/never` 2>/dev/null && fail "a signal, -nochecksum: ssh is left"
# A first message of no version; "touch ran" has 9 characters
for version in 1 0; do
	rm -f $T/ran
	(printf '\000\000\000\117\001dmscp\000\000\000\00'$version
	printf 'a secret that has 32 characters.\000\000\000\000'
	printf '\000\000\000\000\000\000\000\000\000\000\000\000\000\020\000\000'
	printf '\000\000\000\000\000\000\000\011touch ran'
	i=0
	until test -f $T/ran -o $i = 10; do
		sleep 0.1
		i=`expr $i + 1`
	done) | (cd $T; timeout $MOST $DMSCP -server) >$T/copy 2>$LOG
	case $version in
	1)	test -f $T/ran || fail "version 1 does not run" ;;
	0)	test ! -f $T/ran || fail "version 0 is taken"
		grep 'makes no sense' $T/copy >/dev/null || \
		    fail "version 0: no word" ;;
	esac
done
nobody "version 0"

# Frames that break a rule.  What is called done is.
n=0
head -c 700000 $DATA >$T/some
while read way type wrongs; do
	for wrong in $wrongs; do
		BETWEEN="$OBJ/hpn-badframes ${way#r} $type:$wrong"
		rm -f $T/f
		status=lost
		case $way in
		r*)	dm near -r -T 1 -R "echo x >&2; cat $T/some" >$T/f ;;
		*)	dm near -w -T 1 -R "echo x >&2; cat >$T/f" <$T/some ;;
		esac
		test $status != 0 || cmp -s $T/some $T/f || \
		    fail "$way $type:$wrong: done, but is not"
		test $status = 0 -o -s $LOG || \
		    fail "$way $type:$wrong: status $status, no word"
		case $status in
		0|1|25[0-5]) ;;
		*)	fail "$way $type:$wrong: status $status: `cat $LOG`" ;;
		esac
		verbose "$way $type:$wrong: $status"
		n=`expr $n + 1`
	done
done <<EOD
up 1 twice huge none longer shorter type=2 noise exit
up 5 flip drop twice half huge longer shorter type=6 plus=1 plus=-1 exit flip:1
up 6 flip drop twice shorter longer plus=1 plus=-1 type=5
up 11 twice type=10 type=77
down 3 flip drop twice huge longer noise type=7 plus=1
down 7 drop twice plus=1 plus=9999999 plus=-1 type=6
down 8 drop flip longer huge type=5 type=77
down 9 drop flip twice shorter longer type=3 exit
rup 7 plus=1 plus=99999999 twice type=6
rdown 5 flip drop twice half shorter longer plus=1 exit flip:1
rdown 6 flip drop twice plus=1 shorter
rdown 9 drop flip twice type=6
EOD
verbose "$n runs with frames that break a rule"
BETWEEN=
nobody "frames that break a rule"

# A server that has said what the end is may say it again, and nothing else.  In
# octal: WELCOME; data "hello" and their END; data behind it; an END with another
# hash; a RESULT.
WELCOME='\000\000\000\035\003\000\000\000\001\000\000\000\001\000\000\000'
WELCOME=$WELCOME'\000\000\000\000\011\000\000\000\000\000\000\000\000\000\000\000'
WELCOME=$WELCOME'\000'
HELLO='\000\000\000\036\005\000\000\000\000\000\000\000\000\265\351\301'
HELLO=$HELLO'\255\007\033\076\177\307\171\317\252\136\122\070\030\150\145\154'
HELLO=$HELLO'\154\157'
END='\000\000\000\031\006\000\000\000\000\000\000\000\005\265\351\301'
END=$END'\255\007\033\076\177\307\171\317\252\136\122\070\030'
MORE='\000\000\000\035\005\000\000\000\000\000\000\000\005\144\217\143'
MORE=$MORE'\235\113\006\336\224\204\177\074\170\205\262\127\305\155\157\162'
MORE=$MORE'\145'
OTHER='\000\000\000\031\006\000\000\000\000\000\000\000\005\172\125\004'
OTHER=$OTHER'\370\361\101\217\075\223\330\275\045\113\007\205\352'
F_RESULT='\000\000\000\011\011\000\000\000\000\000\000\000\000'
# The first connection ends behind HELLO, of 75 bytes, and ACK, of 13: not before,
# so its other direction stays open.
cat >$OBJ/hpn-dmscp.ends.sh <<EOD
#!/bin/sh
test -f $T/once && { printf "\$AGAIN"; exec cat >/dev/null; }
touch $T/once
printf '$WELCOME$HELLO$END'
exec head -c 88 3>&1 >/dev/null
EOD
chmod 755 $OBJ/hpn-dmscp.ends.sh
while read -r want AGAIN; do
	export AGAIN
	rm -f $T/once
	status=0
	timeout $MOST $DMSCP -program $OBJ/hpn-dmscp.ends.sh -s h -r -R x \
	    >$T/copy 2>$LOG || status=$?
	expect "after its end" $want 'connecting again'
	test $want != 0 || test "`cat $T/copy`" = hello || \
	    fail "after its end: not what was sent"
done <<EOD
0 $WELCOME$END$F_RESULT
255 $WELCOME$MORE$F_RESULT
255 $WELCOME$OTHER$F_RESULT
EOD

# All is done, and the other end does not go
for how in file command; do
	rm -f $T/f
	cat >$OBJ/hpn-dmscp.stays.sh <<EOD
#!/bin/sh
HOME=$T/home
export HOME
cd $T
if test $how = command; then $DMSCP -server; else $SFTPSERVER; fi
exec sleep `hpn_times 100`
EOD
	chmod 755 $OBJ/hpn-dmscp.stays.sh
	set -- -f f
	test $how = file || set -- -R "cat >f"
	status=0
	timeout $MOST $DMSCP -program $OBJ/hpn-dmscp.stays.sh -T `hpn_times 3` -s h \
	    -d $T -w "$@" <$T/some 2>$LOG || status=$?
	expect "does not go, $how" 0
	cmp $T/f $T/some || fail "does not go, $how: not what was sent"
done
nobody "does not go"
