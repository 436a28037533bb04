# SPDX-License-Identifier: ISC
#
# What scp and sftp send to a server whose windows do not grow goes through
# several sessions of the connection: more than a window in a round trip, the
# same bytes, and nothing else than with one session, whatever the server
# allows, refuses, or does with its files.
#
#	scp, sftp == ssh == hpn-delay == sshd == sftp-servers
#
# usage: make t-exec LTESTS=hpn-lanes

tid="hpn several channels for files"

LANES=hpn-lanes
. $SRC/hpn-lanes-lib

CUT=$OBJ/hpn-lanes.cut
SEED=${TEST_HPN_SEED:-20261123}
# One without hashes: stock's, or ours when it may not tell them.
OLD_SERVER="$SFTPSERVER -P hash-ranges"
test ! -x "`dirname "$TEST_SSH_STOCK_SSHD"`/../libexec/sftp-server" || \
    OLD_SERVER=`dirname "$TEST_SSH_STOCK_SSHD"`/../libexec/sftp-server
DEN=

cleanup_lanes ()
{
	lanes_cleanup
	rm -f $CUT
	test -z "$DEN" || rm -rf "$DEN"
}
trap cleanup_lanes EXIT
cleanup_lanes

# configure [SSHD LINES]: a server like stock's, and the way to it.
configure ()
{
	lanes_configure "${1-HPNDisabled yes}"
}

run ()
{
	lanes_run "$@"
	peak=`hpn_peak_to server`
	verbose "$what: $sessions sessions, at most $peak bytes under way"
}

copy ()
{
	run "$1" $SCP -S $LANES_SSH -q $2 $HERE/large host:large
}

# succeeded [COPY]: the last one did, without a word, and the file is right.
succeeded ()
{
	test $status -eq 0 -a ! -s $ERRORS || \
	    fail "$what: exit status $status: `tail -n 3 $ERRORS`"
	hpn_same "$what" $HERE/large ${1:-$THERE/large}
}

several ()
{
	test $sessions -gt 1 || fail "$what: one session"
}

mkdir -p $HERE/tree $THERE $OTHER
hpn_random $HERE/large 40
server
configure

copy "one channel by request" "-X channels=1"
succeeded
one
test $peak -lt $HPN_GROWN_SEEN -a $peak -gt $HPN_USED_SEEN || \
    fail "$what: $peak bytes under way"

# Ten windows are open: three must be seen, the machine may have other work.
for try in 1 2 3; do
	copy "as many as it takes" ""
	succeeded
	several
	test $peak -le `expr 3 \* $HPN_STOCK_WINDOW` || break
done
test $peak -gt `expr 3 \* $HPN_STOCK_WINDOW` || \
    fail "$what: only $peak bytes under way"

copy "three by request" "-X channels=3"
succeeded
test $sessions -eq 3 || fail "$what: $sessions sessions"

what="sftp"
rm -rf $STARTED*
echo "put $HERE/large large" | timeout -k 5 $HANG $SFTP -q -b - \
    -S $LANES_SSH host >$OBJ/hpn-sftp.out 2>$ERRORS
status=$?
sessions=`cat $STARTED | wc -l`
verbose "$what: $sessions sessions"
succeeded
several

# A terminal stays as it was (O_NONBLOCK is 04000 in octal where there is a /proc).
if script -qec true /dev/null >/dev/null 2>&1 </dev/null &&
    test -r /proc/self/fdinfo/2; then
	what="a terminal"
	script -qec "$SCP -S $LANES_SSH $HERE/large host:large; \
	    cat /proc/self/fdinfo/2 >$STARTED.flags" /dev/null >/dev/null </dev/null
	hpn_same "$what" $HERE/large $THERE/large
	awk '/^flags/ { n = substr($2, length($2) - 3, 1) + 0
		exit n >= 4 }' $STARTED.flags || \
	    fail "$what: does not block: `cat $STARTED.flags`"
else
	echo "no script(1) or /proc: not tried on a terminal"
fi

# What there is not enough of, or has a rate, or a number of requests
for option in "-l 400000" "-X nrequests=64"; do
	copy "with $option" "$option"
	succeeded
	one
done
head -c 3000000 $HERE/large >$HERE/little
run "what is little" $SCP -S $LANES_SSH -q $HERE/little host:
test $status -eq 0 || fail "$what: exit status $status"
hpn_same "$what" $HERE/little $THERE/little
one
for wrong in 0 11 x ''; do
	run "channels=$wrong" $SCP -S $LANES_SSH -X channels=$wrong \
	    $HERE/little host:
	test $status -ne 0 || fail "$what: accepted"
	grep "Invalid -X option" $ERRORS >/dev/null || \
	    fail "$what: says `cat $ERRORS`"
	one_less=$sessions
	test $one_less -eq 0 || fail "$what: there was a connection"
done

# The server is told that no more sessions follow, when none can.
configure ""
copy "a server whose windows grow" ""
succeeded
one
grep "Requesting no-more-sessions" $HPN_LOG_CLIENT >/dev/null || \
    fail "$what: the server does not know that no more sessions follow"

for max in 1 4; do
	configure "HPNDisabled yes
MaxSessions $max"
	copy "no more sessions than $max" ""
	succeeded
	test $sessions -eq $max || fail "$what: $sessions sessions"
	# What the end of such a session has to say is for -v
	run "no more than $max, with messages" $SCP -S $LANES_SSH \
	    -o LogLevel=INFO $HERE/large host:large
	test $status -eq 0 || fail "$what: exit status $status"
	! grep "channel" $HPN_LOG_CLIENT $ERRORS || fail "$what: said"
done

configure
server 'test $session = 0 || exit 1'
copy "other sessions end at once" ""
succeeded
server 'test $session = 0 || { echo Welcome; cat >/dev/null; exit 0; }'
copy "other sessions speak no SFTP" ""
succeeded
server "test \$session = 0 || exec $SFTPSERVER -R"
copy "other sessions may not write" ""
succeeded
server "test \$session = 0 || exec $SFTPSERVER -P fstat"
copy "other sessions do not tell attributes" ""
succeeded
server "test \$session = 0 || exec $SFTPSERVER -P read"
copy "other sessions may not read" ""
succeeded
server "exec $SFTPSERVER -P fstat"
copy "nobody may ask for attributes" ""
succeeded
one
server "exec $SFTPSERVER -P fsetstat"
what="nobody may set attributes"
copy "$what" ""
test $status -eq 0 || test -s $ERRORS || fail "$what: not a word"
cmp $HERE/large $THERE/large || fail "$what: differs"
rm -f $THERE/large

# Where the name leads to another file, that one is left alone, however much it
# looks like the source.
server "test \$session = 0 || cd $OTHER"
for n in 1 50000000 same older zeros; do
	case $n in
	same)	cp $HERE/large $OTHER/large ;;
	older)	(head -c 30000000 $HERE/large; head -c 9999999 /dev/zero) \
		    >$OTHER/large ;;
	zeros)	cp $HERE/large $STARTED.saved
		(head -c 20000000 /dev/zero; head -c 30000000 $STARTED.saved) \
		    >$HERE/large
		head -c 40000 /dev/zero >$OTHER/large ;;
	*)	head -c $n /dev/urandom >$OTHER/large ;;
	esac
	cksum <$OTHER/large >$OTHER/sum
	mv $STARTED.saved $OTHER/saved 2>/dev/null
	copy "another file of that name, $n" ""
	succeeded
	several
	cksum <$OTHER/large | cmp - $OTHER/sum || \
	    fail "$what: the other file was written to"
	test $n != zeros || mv $OTHER/saved $HERE/large
done
rm -f $OTHER/large
copy "no file of that name" ""
succeeded
several
test ! -e $OTHER/large || fail "$what: it was made"

# Somebody who owns the folder puts another file in place of the one that is being
# written, between two sessions, and makes it look like that one as far as he can.
VICTIM=`id -u daemon 2>/dev/null`
ROGUE=`id -u nobody 2>/dev/null`
as ()
{
	_uid=$1
	shift
	setpriv --reuid=$_uid --regid=$_uid --clear-groups "$@"
}
reach=yes
if test "`id -u`" -ne 0; then
	echo "not root: no attacks by another user"
	reach=no
elif test -z "$VICTIM" -o -z "$ROGUE" || ! as $VICTIM true 2>/dev/null; then
	echo "no users daemon and nobody, or no setpriv(1): no attacks by another user"
	reach=no
else
	# Two users have to get there
	DEN=`mktemp -d /tmp/hpn-lanes.XXXXXXXXXX` || fatal "no folder"
	cp $SFTPSERVER $DEN/sftp-server
	mkdir $DEN/den
	chmod 755 $DEN
	as $VICTIM $DEN/sftp-server -Q requests >/dev/null 2>$ERRORS || {
		cat $ERRORS
		echo "$DEN is not for everybody: no attacks by another user"
		reach=no
	}
fi

# attack WHAT WHEN UMASK LINE...: these run as the rogue, in the folder, when the
# session of that number has begun; $was is what the victim has made.
attack ()
{
	_what=$1
	_when=$2
	_umask=$3
	shift 3
	rm -rf $DEN/den $DEN/go
	mkdir $DEN/den
	head -c 100 /dev/zero >$DEN/den/other
	chmod 644 $DEN/den/other
	chown $VICTIM:$VICTIM $DEN/den/other
	chown $ROGUE:$ROGUE $DEN/den
	chmod 777 $DEN/den
	{
		echo '#!/bin/sh'
		echo 'was=large.was'
		printf '%s\n' "$@"
	} >$DEN/rogue
	{
		echo "#!/bin/sh"
		echo "cd $DEN/den; umask $_umask"
		echo "echo \$\$ >>$STARTED"
		# No two of them at a time, one after the other has done its part
		echo "exec 9>>$DEN/go; flock 9"
		echo "echo x >&9"
		echo "if test \`wc -l <$DEN/go\` -eq $_when; then"
		echo "setpriv --reuid=$ROGUE --regid=$ROGUE --clear-groups" \
		    "sh $DEN/rogue </dev/null >/dev/null 2>&1 9>&-"
		echo "fi"
		echo "exec 9>&-"
		echo "exec setpriv --reuid=$VICTIM --regid=$VICTIM" \
		    "--clear-groups $DEN/sftp-server"
	} >$SERVER.new
	chmod 755 $SERVER.new
	mv $SERVER.new $SERVER
	copy "$_what" ""
	test -f $DEN/den/large.was || fail "$what: there was no attack"
	several
	succeeded $DEN/den/large.was
	# Not a byte has gone elsewhere
	for _f in large other; do
		test ! -f $DEN/den/$_f -o -L $DEN/den/$_f || \
		    ! tr -d '\000' <$DEN/den/$_f | head -c 1 | grep . \
		    >/dev/null || fail "$what: data are in $_f"
	done
}

if test $reach = yes; then
	configure
	again='(i=0; while test $i -lt 400; do touch -r $was large; \
	    i=`expr $i + 1`; done) &'
	forged='mv large $was; truncate -s 60M large; chmod 666 large'
	attack "a file with the same times" 2 077 "$forged" "$again"
	attack "after the second session" 3 077 'sleep 1' "$forged" "$again"
	attack "after the third session" 4 077 'sleep 1' "$forged" "$again"
	attack "another file of the victim's" 2 077 'mv large $was' \
	    'mv other large'
	attack "a link to another file of the victim's" 2 077 'mv large $was' \
	    'ln -s other large'
	attack "a hard link to one" 2 077 'mv large $was' 'ln other large'
	attack "nothing" 2 077 'mv large $was'
	attack "a FIFO" 2 077 'mv large $was; mkfifo -m 666 large'
	# The same file by another name is the same file.
	attack "a link to the same file" 2 077 'mv large $was' 'ln -s $was large'
fi
rm -rf "$DEN"

# Somebody else's file that the rogue cannot read, as far as he can tell: the
# server does not say whose it is.
server "exec $OBJ/hpn-badsftp -f 'fstat:*:no-attrs'"
copy "a server that tells no owner" ""
succeeded
one
# Sessions that never answer are not waited for.
server 'test $session = 0 || exec sleep 100'
copy "other sessions say nothing" ""
succeeded
server "test \$session = 0 || exec $OBJ/hpn-badsftp -w 2000"
copy "other sessions take long" ""
succeeded
# Zeros tell nothing: one channel, and the same bytes.
mv $HERE/large $HERE/saved
head -c 40000000 /dev/zero >$HERE/large
server
copy "zeros" ""
succeeded
mv $HERE/saved $HERE/large

# A tree with large and small files; times and permissions
server
for i in `seq 30`; do
	tail -c +`expr $i \* 601117` $HERE/large | \
	    head -c `expr $i \* 30011 % 1000003` >$HERE/tree/$i
done
for i in 31 32 33; do
	tail -c +$i $HERE/large | head -c `expr $i \* 900011` >$HERE/tree/$i
done
chmod 600 $HERE/tree/7
touch -d '2001-02-03 04:05:06' $HERE/tree/*
run "a tree" $SCP -S $LANES_SSH -qrp $HERE/tree host:
test $status -eq 0 || fail "$what: exit status $status: `tail -n 3 $ERRORS`"
several
diff -r $HERE/tree $THERE/tree || fail "$what: differs"
for f in $HERE $THERE; do
	(cd $f && ls -l --time-style=full-iso tree) >$STARTED.`basename $f`
done
cmp $STARTED.`basename $HERE` $STARTED.`basename $THERE` || \
    fail "$what: times or permissions differ"
rm -rf $THERE/tree

# Without -p the time is when it was written, by the server's clock.
touch -d '2001-02-03 04:05:06' $THERE/large
sleep 1
touch $STARTED.before
what="times"
$SCP -S $LANES_SSH -q $HERE/large host:large || fail "$what: failed"
test $THERE/large -nt $STARTED.before || fail "$what: of modification is old"
hpn_same "$what" $HERE/large $THERE/large

# Idle ones that have gone are not missed.
server
what="two jobs"
rm -rf $STARTED*
(
	echo "put $HERE/large large"
	echo "!kill \`awk '\$2 == 1 { print \$1 }' $STARTED\`"
	echo "!sleep 1"
	echo "put $HERE/tree/* ."
	echo "put $HERE/large again"
) | timeout -k 5 $HANG $SFTP -q -b - -S $LANES_SSH host \
    >$OBJ/hpn-sftp.out 2>$ERRORS
status=$?
succeeded
hpn_same "$what" $HERE/large $THERE/again

# Interrupted by the user, at whatever point it is
for after in 0.7 1.2 1.3 1.4 1.5 1.6 1.7 1.9; do
	what="interrupted after $after s"
	rm -f $THERE/large
	# --foreground: sftp alone, not the servers, which have its process group
	echo "put $HERE/large large" | timeout --foreground -s INT -k 10 $after \
	    $SFTP -q -b - -S $LANES_SSH host >$OBJ/hpn-sftp.out \
	    2>$ERRORS
	status=$?
	! grep -E "[Ee]xpected|closed" $ERRORS || fail "$what"
	size=`cat $THERE/large 2>/dev/null | wc -c`
	verbose "$what: $size bytes are there"
	test $size -eq 0 || head -c $size $HERE/large | cmp - $THERE/large || \
	    fail "$what: holes"
done

# A server that goes, of several that are at work.  The first one pauses until there
# are others, so that they have their share however busy this machine is.
cat >$OTHER/gate <<EOF
#!/bin/sh
dd bs=65536 count=30 2>/dev/null
i=0
while test \`wc -l <$STARTED\` -lt 3 -a \$i -lt `hpn_times 100`; do
	sleep 0.1
	i=\`expr \$i + 1\`
done
exec cat
EOF
chmod 755 $OTHER/gate
server "test \$session = 0 || exec $OBJ/hpn-badsftp -f write:large:exit:4" \
    "$OTHER/gate | $SFTPSERVER; exit"
copy "a server dies" ""
test $status -ne 0 || fail "$what: exit status 0"
test -s $ERRORS || fail "$what: not a word"
several
rm -f $THERE/large

# What a server has acknowledged may be lost, too, if it goes instead of closing the
# file, or says that this has failed.
for how in exit status=4; do
	server "test \$session = 0 || exec $OBJ/hpn-badsftp -f close:large:$how"
	copy "a server does not close the file, $how" ""
	test $status -ne 0 || fail "$what: exit status 0"
	test -s $ERRORS || fail "$what: not a word"
	several
	rm -f $THERE/large
done
server "test \$session = 0 || \\
exec $OBJ/hpn-badsftp -f fstat:large:no-attrs -f close:large:status=4"
copy "... one that was not written to" ""
succeeded
several
server

# One of them cannot write beyond some place: what is left has no hole.
server 'trap "" XFSZ; test $session = 0 || ulimit -f 20000'
copy "a lane cannot write" ""
test $status -ne 0 || fail "$what: exit status 0"
grep "write remote" $ERRORS >/dev/null || fail "$what: says `cat $ERRORS`"
size=`wc -c <$THERE/large`
test $size -lt `wc -c <$HERE/large` || fail "$what: $size bytes are there"
head -c $size $HERE/large | cmp - $THERE/large || fail "$what: holes"
server
copy "and is gone on with" -Z
test $status -eq 0 || fail "$what: exit status $status: `cat $ERRORS`"
hpn_same "$what" $HERE/large $THERE/large

# Interrupted again and again, and gone on with: whatever holes there are, and
# also where each attempt gets less far than the holes reach.
for least in 3000000 12000000; do
	server
	test $least = 3000000 || server "exec $OLD_SERVER"
	configure
	echo $SEED $least 25000000 >$CUT
	sed "s#hpn-delay -d#hpn-delay -c $CUT -d#" $HPN_SSH_CONFIG \
	    >$HPN_SSH_CONFIG.cut
	mv $HPN_SSH_CONFIG.cut $HPN_SSH_CONFIG
	holes=0
	for start in 1 2; do
		rm -f $THERE/large
		# The first one without -Z leads furthest
		option=
		for try in `seq 40`; do
			copy "interrupted, $least.$start.$try" "$option"
			option=-Z
			test $status -ne 0 || break
			test -s $THERE/large || continue
			size=`wc -c <$THERE/large`
			head -c $size $HERE/large | cmp -s - $THERE/large || \
			    holes=`expr $holes + 1`
		done
		test $status -eq 0 || fail "$what: not done after $try attempts"
		hpn_same "$what" $HERE/large $THERE/large
	done
	verbose "holes after $holes of the attempts"
done
