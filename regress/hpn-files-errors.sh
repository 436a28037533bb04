# SPDX-License-Identifier: ISC
#
# What scripts and people see of scp and sftp when something cannot be done:
# exit status, messages, the progress meter, the modes of directories that were
# there.  Where stock's scp is there too, what it says is compared with.
#
# usage: make t-exec LTESTS=hpn-files-errors
#
# Servers: ours, which refuses some requests by its option -P, and hpn-badsftp.
# Stock's programs are those beside what TEST_SSH_STOCK_SSH names.

tid="hpn files, errors"

. $SRC/hpn-lib

hpn_helper hpn-badsftp
make_tmpdir
T=$SSH_REGRESS_TMP
FROM=$T/from
TO=$T/to
LOG=$OBJ/hpn-errors.log
SERVER=$OBJ/hpn-errors-server.sh
HANG=`hpn_times 120`

trap 'hpn_stop_all; rm -rf $LOG $LOG.* $SERVER' EXIT

bytes ()
{
	head -c $1 /dev/urandom
}

# server COMMAND: what stands in for sftp-server from now on
server ()
{
	printf '#!/bin/sh\nexec %s\n' "$*" >$SERVER
	chmod 755 $SERVER
}

fresh ()
{
	chmod -R u+rwx $TO 2>/dev/null
	rm -rf $TO
	mkdir $TO
}

# copy ARG...: scp; status in $status, what it said in $LOG
copy ()
{
	status=0
	timeout -k 5 $HANG $SCP -q -D $SERVER "$@" >$LOG.out 2>$LOG || \
	    status=$?
	test $status -lt 124 -o $status -eq 255 || \
	    fatal "$what: hangs or died, status $status"
}

# batch COMMAND...: sftp, one command each
batch ()
{
	printf '%s\n' "$@" >$LOG.batch
	status=0
	timeout -k 5 $HANG $SFTP -b $LOG.batch -D $SERVER >$LOG.out \
	    2>$LOG || status=$?
	test $status -lt 124 -o $status -eq 255 || \
	    fatal "$what: hangs or died, status $status"
}

succeeded ()
{
	test $status -eq 0 || fail "$what: status $status: `cat $LOG`"
}

silent ()
{
	succeeded
	test ! -s $LOG || fail "$what: `head -n 1 $LOG`"
}

# failed LINE...: with just these lines, but for the program's name before them
failed ()
{
	test $status -eq 1 || fail "$what: status $status: `cat $LOG`"
	printf '%s\n' "$@" >$LOG.wanted
	tr -d '\r' <$LOG | sed 's,^[^ ]*scp: ,,' | cmp -s - $LOG.wanted || \
	    fail "$what: it says `cat $LOG`"
}

STOCK=
if test -n "${TEST_SSH_STOCK_SSH-}"; then
	STOCK=`dirname $TEST_SSH_STOCK_SSH`
	test -x $STOCK/scp -a -x $STOCK/sftp || STOCK=
fi
test -n "$STOCK" || echo "TEST_SSH_STOCK_SSH names no stock scp: not compared"

mkdir -p $FROM/tree/d
echo a >$FROM/tree/a
echo b >$FROM/tree/d/b
bytes 300000 >$FROM/large
bytes 100 >$FROM/small

# A directory that was there and is gone on with keeps its mode, whatever the
# other end's is.  A new one gets that through the umask, or with -p all of it.
server $SFTPSERVER
old_umask=`umask`
umask 022
for way in down up; do
	for theirs in 0500 0555 0577 0777; do
		for ours in none 0500 0700 0755; do
			for cmd in "scp -Z" "scp -Z -p" "sftp -a"; do
				what="$cmd, $way, of mode $theirs, there $ours"
				fresh
				mkdir -m $theirs $FROM/m
				test $ours = none || mkdir -m $ours $TO/m
				case "$way $cmd" in
				"down scp"*)
					copy -r ${cmd#scp } x:$FROM/m $TO ;;
				"up scp"*)
					copy -r ${cmd#scp } $FROM/m x:$TO ;;
				"down sftp"*)
					batch "get -a -r $FROM/m $TO/m" ;;
				"up sftp"*)
					batch "put -a -r $FROM/m $TO/m" ;;
				esac
				succeeded
				mode=`ls -ld $TO/m | cut -c 2-10`
				wanted=$ours
				test $ours != none || wanted=$theirs
				# Of uploads stock's setstat has the last word
				test $ours$way != nonedown || case $theirs in
				0577)	wanted=0555 ;;
				0777)	wanted=0755 ;;
				esac
				# As stock does
				test "$cmd" != "scp -Z -p" || wanted=any
				mkdir -m 0700 $TO/wanted
				test $wanted = any || chmod $wanted $TO/wanted
				test $wanted = any -o "$mode" = \
				    "`ls -ld $TO/wanted | cut -c 2-10`" || \
				    fail "$what: $mode, not $wanted"
				rmdir $FROM/m
			done
		done
	done
done
umask $old_umask

# Exit status 0 means that the destination is the source
for opts in "" "-X verify=yes"; do
	what="fsetstat refused, nothing to cut, $opts"
	server $SFTPSERVER -P fsetstat
	fresh
	copy $opts $FROM/large x:$TO/large
	succeeded
	cmp $FROM/large $TO/large || fail "$what: differ"
	what="fsetstat refused, the same length, $opts"
	copy $opts $FROM/large x:$TO/large
	succeeded
	what="fsetstat refused, a longer one, $opts"
	echo more >>$TO/large
	copy $opts $FROM/large x:$TO/large
	test $status -eq 1 || fail "$what: status $status"
	grep "remote fsetstat.*: Permission denied" $LOG >/dev/null || \
	    fail "$what: it says `cat $LOG`"
	grep "failed to upload file $FROM/large to $TO/large" $LOG >/dev/null || \
	    fail "$what: it says `cat $LOG`"
done
what="fsetstat and stat refused: nobody knows the length"
server $SFTPSERVER -P fsetstat,stat
fresh
copy $FROM/large x:$TO/large
test $status -eq 1 || fail "$what: status $status"

# Some servers fill a file with zeros when its length is set.  So to all but OpenSSH's
# that is done only where there is something to cut.  bytes: of what is there before.
bytes 3000000 >$FROM/large.3M
bytes 70000 >$FROM/large.70k
lengths ()
{
	_n=`grep -c "^fsetstat" $LOG.asked`
	test $_n -eq $1 || fail "$what: $_n lengths, not $1"
}
for file in large.70k large large.3M; do
	size=`wc -c <$FROM/$file`
	for there in none 1 same more; do
		case $there in
		same)	bytes=$size ;;
		more)	bytes=`expr $size + 1` ;;
		*)	bytes=$there ;;
		esac
		# What cuts something is not to be done wrong, then
		fault="-f fsetstat:*:zeros"
		test $there != more || fault=
		for opts in "" "-X verify=yes"; do
			what="length, $file, $there before, $opts"
			rm -f $LOG.asked
			fresh
			test $there = none || bytes $bytes >$TO/copy
			server $OBJ/hpn-badsftp -E -l $LOG.asked $fault
			copy $opts $FROM/$file x:$TO/copy
			succeeded
			cmp $FROM/$file $TO/copy || fail "$what: differ"
			test $there = more && lengths 1 || lengths 0
		done
	done
	what="length, $file, -Z"
	rm -f $LOG.asked
	fresh
	server $OBJ/hpn-badsftp -E -l $LOG.asked -f "fsetstat:*:zeros"
	copy -Z $FROM/$file x:$TO/copy
	succeeded
	cmp $FROM/$file $TO/copy || fail "$what: differ"
	what="length, $file, OpenSSH's"
	rm -f $LOG.asked
	fresh
	server $OBJ/hpn-badsftp -O 0 -l $LOG.asked
	copy $FROM/$file x:$TO/copy
	succeeded
	lengths 1
	test $file = large.3M || ! grep "^fstat" $LOG.asked >/dev/null || \
	    fail "$what: asked for what is there"
done
what="length, times are set all the same"
rm -f $LOG.asked
fresh
touch -d 2001-02-03T04:05:06Z $FROM/large
chmod 640 $FROM/large
server $OBJ/hpn-badsftp -E -l $LOG.asked -f "fsetstat:*:zeros"
copy -p $FROM/large x:$TO/copy
succeeded
cmp $FROM/large $TO/copy || fail "$what: differ"
test "`stat -c '%a %Y' $FROM/large`" = "`stat -c '%a %Y' $TO/copy`" || \
    fail "$what: `stat -c '%a %Y' $TO/copy`"
lengths 1

# The data of a single file go with its opening, under the handle that OpenSSH's
# server gives first.  With another one they go again, and with none not at all.
bytes 1500000 >$FROM/larger
for file in small large larger; do
	for how in "-O 0" "-O 3" "-O 0 -H unique" "-O 0 -h 4" "-O 0 -o 4"; do
		server $OBJ/hpn-badsftp $how
		for way in up down; do
			what="ahead, $file, $way, $how"
			fresh
			echo old >$TO/$file
			test $way = up && copy $FROM/$file x:$TO/$file
			test $way = down && copy x:$FROM/$file $TO/$file
			succeeded
			cmp $FROM/$file $TO/$file || fail "$what: differ"
		done
	done
	server $OBJ/hpn-badsftp -O 0 -f "'open:$file:status=3'" -l $LOG.requests
	for way in up down; do
		what="ahead, $file, $way, refused"
		: >$LOG.requests
		fresh
		echo old >$TO/$file
		test $way = up && copy $FROM/$file x:$TO/$file
		test $way = down && copy x:$FROM/$file $TO/$file
		test $status -eq 1 || fail "$what: status $status"
		grep "open \".*/$file\": Permission denied" $LOG >/dev/null || \
		    fail "$what: it says `cat $LOG`"
		test "`cat $TO/$file`" = old || fail "$what: it was changed"
		test `grep -c "^open " $LOG.requests` -eq 1 || \
		    fail "$what: `grep "^open " $LOG.requests`"
	done
done
rm -f $FROM/larger

what="fsync refused"
server $OBJ/hpn-badsftp -O 0 -f "'fsync:*:status=8'"
fresh
for file in small large; do
	batch "put -f $FROM/$file $TO/$file"
	test $status -eq 1 || fail "$what, $file: status $status"
	grep "remote fsync.*: Operation unsupported" $LOG >/dev/null || \
	    fail "$what, $file: it says `cat $LOG`"
done

# What is no file has neither a length to be set nor anything to be written out,
# however much is sent there.
server $SFTPSERVER
for file in large small; do
	for args in "" "-Z"; do
		what="$file $args to /dev/null"
		copy $args $FROM/$file x:/dev/null
		silent
		what="$file $args to /dev/null, down"
		copy $args x:$FROM/$file /dev/null
		silent
	done
	for cmd in put get "put -f" "get -f"; do
		what="$file, $cmd to /dev/null"
		batch "$cmd $FROM/$file /dev/null"
		silent
	done
done

# A source that is lent to another program, which gives it back when asked
hpn_helper hpn-lease
fresh
mkdir $FROM/lent
for file in 1 2 3; do
	bytes ${file}00000 >$FROM/lent/$file
done
for cmd in "scp one" "scp tree" "sftp"; do
	what="a source under a lease, $cmd"
	rm -f $LOG.lease
	: >$LOG.lease
	$OBJ/hpn-lease $FROM/lent/2 $LOG.lease 2>$LOG.err &
	i=0
	until grep held $LOG.lease >/dev/null; do
		kill -0 $! 2>/dev/null || break
		sleep 0.1
		i=`expr $i + 1`
		test $i -lt 300 || fatal "$what: no lease"
	done
	if ! grep held $LOG.lease >/dev/null; then
		wait $!
		echo "not tried: $what: `cat $LOG.err`"
		break
	fi
	fresh
	case $cmd in
	"scp one")	copy $FROM/lent/2 x:$TO/2 ;;
	"scp tree")	copy -r $FROM/lent/. x:$TO ;;
	sftp)		batch "put $FROM/lent/* $TO" ;;
	esac
	succeeded
	wait $! || fail "$what: `cat $LOG.err`"
	grep "given back" $LOG.lease >/dev/null || fail "$what: not asked for"
	cmp $FROM/lent/2 $TO/2 || fail "$what: differ"
	test "$cmd" = "scp one" || diff -r $FROM/lent $TO || fail "$what: tree"
done

# A file that has nothing to read for now is not asked again and again, and a
# disk that does not write what it was given is an error.
NOTYET=$OBJ/hpn-notyet.so
rm -f $NOTYET
${CC:-cc} -shared -fPIC -o $NOTYET $SRC/hpn-notyet.c -ldl >$LOG.err 2>&1
if test -f $NOTYET &&
    LD_PRELOAD=$NOTYET $SCP 2>&1 | head -n 1 | grep '^usage' >/dev/null; then
	server $SFTPSERVER
	bytes 200000 >$FROM/notyet
	for size in 200000 1000; do
		bytes $size >$FROM/notyet
		what="nothing to read for now, $size bytes"
		fresh
		status=0
		LD_PRELOAD=$NOTYET timeout -k 5 $HANG $SCP -q -D $SERVER \
		    $FROM/notyet x:$TO/copy 2>$LOG || status=$?
		succeeded
		cmp $FROM/notyet $TO/copy || fail "$what: differ"
	done
	what="fsync fails here"
	status=0
	echo "get -f $FROM/large $TO/nosync" | LD_PRELOAD=$NOTYET timeout -k 5 \
	    $HANG $SFTP -q -b - -D $SERVER >$LOG.out 2>$LOG || status=$?
	test $status -eq 1 || fail "$what: status $status"
	grep "local sync .*Input/output error" $LOG >/dev/null || \
	    fail "$what: it says `cat $LOG`"
	what="fsync fails there"
	fresh
	# The server is what has it
	(
		echo "#!/bin/sh"
		echo "LD_PRELOAD=$NOTYET exec $SFTPSERVER"
	) >$SERVER
	batch "put -f $FROM/large $TO/nosync"
	test $status -eq 1 || fail "$what: status $status"
	grep "remote fsync .*: Failure" $LOG >/dev/null || \
	    fail "$what: it says `cat $LOG`"
else
	echo "not tried: a file without data yet, a broken disk:" \
	    "nothing can be preloaded here" `head -n 1 $LOG.err`
fi
rm -f $NOTYET

# The reason for what failed is the first one; a tree that lacks something is
# said to have failed at the end.
what="a folder that may not be made"
server $OBJ/hpn-badsftp -f mkdir:d:status=3
fresh
copy -r $FROM/tree x:$TO
failed "remote mkdir \"$TO/tree/d\": Permission denied" \
    "failed to upload directory $FROM/tree to $TO"
cmp $FROM/tree/a $TO/tree/a || fail "$what: the rest"
what="$what, sftp"
fresh
batch "put -r $FROM/tree $TO/tree"
failed "remote mkdir \"$TO/tree/d\": Permission denied"
what="a folder that is there, and stat refused"
server $OBJ/hpn-badsftp -f stat:d:status=3
fresh
mkdir -p $TO/tree/d
copy -r $FROM/tree x:$TO
failed "remote mkdir \"$TO/tree/d\": Failure" \
    "stat remote \"$TO/tree/d\": Permission denied" \
    "failed to upload directory $FROM/tree to $TO"
what="a file that may not be made, in a tree"
server $OBJ/hpn-badsftp -f open:b:status=3
fresh
copy -r $FROM/tree x:$TO
failed "dest open \"$TO/tree/d/b\": Permission denied" \
    "upload \"$FROM/tree/d/b\" to \"$TO/tree/d/b\" failed" \
    "failed to upload directory $FROM/tree to $TO"
if test -n "$STOCK"; then
	cp $LOG $LOG.ours
	fresh
	timeout -k 5 $HANG $STOCK/scp -q -D $SERVER -r $FROM/tree x:$TO 2>$LOG
	sed "s,^[^ ]*scp: ,," $LOG >$LOG.stock
	sed "s,^[^ ]*scp: ,," $LOG.ours | cmp -s - $LOG.stock || \
	    fail "$what: stock says `cat $LOG.stock`"
fi
what="a file that may not be made, alone"
fresh
copy $FROM/tree/d/b x:$TO
failed "dest open \"$TO/b\": Permission denied" \
    "failed to upload file $FROM/tree/d/b to $TO"
what="$what, sftp"
batch "put $FROM/tree/d/b $TO/b"
failed "dest open \"$TO/b\": Permission denied"
what="a link that leads nowhere, in a tree"
server $SFTPSERVER
fresh
ln -s nowhere $FROM/tree/link
copy -r $FROM/tree x:$TO
failed "local stat \"link\": No such file or directory" \
    "failed to upload directory $FROM/tree to $TO"
rm -f $FROM/tree/link
what="a download, and stat refused"
server $SFTPSERVER -P stat
fresh
copy x:$FROM/small $TO
failed "stat remote \"$FROM/small\": Permission denied"
copy -r x:$FROM/tree $TO
failed "stat remote \"$FROM/tree\": Permission denied"
copy x:$FROM/missing $TO
failed "$FROM/missing: No such file or directory"
what="a download that is compared, and -q"
server $SFTPSERVER
copy -X verify=yes x:$FROM/small $TO
silent
what="a folder whose place a link takes that leads nowhere"
fresh
ln -s $T/nowhere $TO/tree
copy -r x:$FROM/tree $TO
failed "mkdir $TO/tree: File exists"
what="a link whose target the server does not tell"
server $OBJ/hpn-badsftp -f stat:link:status=3
ln -s a $FROM/tree/link
fresh
copy -r x:$FROM/tree $TO
grep "remote stat \"$FROM/tree/link\" failed: Permission denied" $LOG \
    >/dev/null || fail "$what: it says `cat $LOG`"
rm -f $FROM/tree/link

# A folder that cannot be read is named once more at its end, as by stock
for server in "opendir:d:status=3" "readdir:d:status=3" \
    "opendir:tree:status=3"; do
	what="a folder that may not be read, $server"
	server $OBJ/hpn-badsftp -f $server
	fresh
	copy -r x:$FROM/tree $TO
	dir=$FROM/tree
	case $server in
	*:d:*)	dir=$FROM/tree/d ;;
	esac
	case $server in
	opendir*)	line="remote readdir(\"$dir\"): Permission denied" ;;
	*)		line="Couldn't read directory: Permission denied" ;;
	esac
	failed "$line" "remote readdir \"$dir\" failed"
	test -n "$STOCK" || continue
	cp $LOG $LOG.ours
	fresh
	timeout -k 5 $HANG $STOCK/scp -q -D $SERVER -r x:$FROM/tree $TO 2>$LOG
	sed "s,^[^ ]*scp: ,," $LOG >$LOG.stock
	sed "s,^[^ ]*scp: ,," $LOG.ours | cmp -s - $LOG.stock || \
	    fail "$what: stock says `cat $LOG.stock`"
done

# What a server cannot do is said once, not once for every command
what="several commands and no hashes"
server $OBJ/hpn-badsftp -E
fresh
mkdir $TO/up
for i in 1 2 3; do
	cp $FROM/large $FROM/large.$i
	head -c 100000 $FROM/large >$TO/large.$i
	head -c 100000 $FROM/large >$TO/up/large.$i
done
batch "get -a $FROM/large.1 $TO/large.1" "get -a $FROM/large.2 $TO/large.2" \
    "get -a $FROM/large.3 $TO/large.3" "put -a $FROM/large.1 $TO/up/large.1" \
    "put -a $FROM/large.2 $TO/up/large.2"
succeeded
test `grep -c "The server has no hashes" $LOG` -eq 1 || \
    fail "$what: `grep -c 'The server has no hashes' $LOG` times"

# ... which is no error: not with -q, nor where nothing is there
NOHASH="The server has no hashes"
for opts in -Z "-X verify=yes" "-Z -X verify=yes" "-Z -X resume=size"; do
	for way in down up; do
		case $way in
		down)	args="x:$FROM/large $TO/large" ;;
		up)	args="$FROM/large x:$TO/large" ;;
		esac
		what="no hashes, $way, $opts"
		fresh
		head -c 100000 $FROM/large >$TO/large
		copy $opts $args
		cmp $FROM/large $TO/large || fail "$what: not copied"
		case $opts in
		*verify*)	# What was compared is counted in the end
			succeeded
			grep "$NOHASH" $LOG >/dev/null && \
			    fail "$what, -q: `cat $LOG`" ;;
		*)	silent ;;
		esac
		head -c 100000 $FROM/large >$TO/large
		timeout -k 5 $HANG $SCP -D $SERVER $opts $args >$LOG.out \
		    2>$LOG || fail "$what: status $?: `cat $LOG`"
		cmp $FROM/large $TO/large || fail "$what: not copied"
		grep "$NOHASH" $LOG >/dev/null || fail "$what: not said"
	done
done
: >$FROM/nothing
for there in no yes; do
	for args in "x:$FROM/nothing $TO" "$FROM/nothing x:$TO"; do
		what="nothing to compare, $args, there $there"
		fresh
		test $there = no || : >$TO/nothing
		timeout -k 5 $HANG $SCP -D $SERVER -Z -X verify=yes $args \
		    >$LOG.out 2>$LOG || fail "$what: status $?: `cat $LOG`"
		grep "$NOHASH" $LOG >/dev/null && fail "$what: `cat $LOG`"
	done
done
for cmd in "get -a $FROM/large $TO/large" "put -a $FROM/large $TO/large"; do
	what="sftp -q, $cmd"
	fresh
	head -c 100000 $FROM/large >$TO/large
	echo "$cmd" >$LOG.batch
	status=0
	timeout -k 5 $HANG $SFTP -q -b $LOG.batch -D $SERVER >$LOG.out \
	    2>$LOG || status=$?
	silent
	cmp $FROM/large $TO/large || fail "$what: not copied"
done

# The progress of several files: never more done than there are
if script -qec true /dev/null >/dev/null 2>&1 </dev/null; then
	# meter COMMAND...: all that appears on the terminal, in lines, in $LOG
	meter ()
	{
		script -qec "timeout --foreground -k 5 $HANG $*" /dev/null </dev/null | \
		    tr '\r' '\n' | sed 's/^ *//; s/   *.*//' >$LOG
		awk '$2 ~ /^files?$/ && split($1, n, "/") == 2 &&
		    n[1] + 0 > n[2] + 0 { bad = 1 } END { exit bad }' $LOG || \
		    fail "$what: `grep files $LOG | tr '\n' ' '`"
		last=`grep ' files*$' $LOG | tail -n 1`
	}
	server $OBJ/hpn-badsftp -f open:b:status=4
	what="the meter, of a tree in which one file fails"
	fresh
	ln -s a $FROM/tree/link
	meter $SCP -r -D $SERVER $FROM/tree x:$TO
	test "$last" = "2/3 files" || fail "$what: $last"
	what="$what, down"
	meter $SCP -r -D $SERVER x:$FROM/tree $TO
	test "$last" = "2/3 files" || fail "$what: $last"
	what="the meter, several of which one is not there"
	fresh
	meter $SCP -D $SERVER $FROM/tree/a $FROM/tree/d/b $FROM/tree/link x:$TO
	test "$last" = "2/3 files" || fail "$what: $last"
	test -z "`grep '^[012] files*$' $LOG`" || \
	    fail "$what: `grep '^[012] files' $LOG`"
	what="the meter, one file in a tree"
	server $SFTPSERVER
	fresh
	meter $SCP -r -D $SERVER $FROM/tree/d x:$TO
	test "$last" = "1/1 file" || fail "$what: $last"
	what="the meter, files that are empty"
	mkdir $FROM/empty
	: >$FROM/empty/1
	: >$FROM/empty/2
	fresh
	meter $SCP -r -D $SERVER $FROM/empty x:$TO
	test "$last" = "2/2 files" || fail "$what: $last"
	rm -f $FROM/tree/link
else
	echo "no script(1): what the progress meter says was not looked at"
fi

# Who interrupts is told which files are not whole, and no others
mkdir $FROM/many
for i in 1 2 3 4 5 6 7 8; do
	bytes 2000000 >$FROM/many/$i
done
for way in put get; do
	what="$way, interrupted"
	fresh
	: >$LOG.requests
	server $OBJ/hpn-badsftp -E -w 20 -l $LOG.requests
	case $way in
	put)	echo "put -r $FROM/many $TO/many" ;;
	get)	echo "get -r $FROM/many $TO/many" ;;
	esac >$LOG.batch
	# -R keeps little under way; a batch of sftp would end at once
	timeout -k 5 $HANG sh -c "exec $SFTP -R 4 -D $SERVER" <$LOG.batch \
	    >$LOG.out 2>$LOG &
	pid=$!
	i=0
	until test `grep -c '^read\|^write' $LOG.requests` -ge 40; do
		sleep 0.1
		i=`expr $i + 1`
		test $i -lt 600 || fatal "$what: nothing moves"
	done
	# sh and timeout have become sftp, or are its parent
	child=`ps -o pid= --ppid $pid 2>/dev/null | head -n 1`
	kill -INT ${child:-$pid}
	wait $pid
	partial=0
	for i in 1 2 3 4 5 6 7 8; do
		test -f $TO/many/$i || continue
		if cmp -s $FROM/many/$i $TO/many/$i; then
			grep "many/$i.* failed" $LOG >/dev/null && \
			    fail "$what: $i is named and whole"
			continue
		fi
		partial=`expr $partial + 1`
		grep "many/$i.* failed" $LOG >/dev/null || \
		    fail "$what: $i is not whole, and not named: `cat $LOG`"
	done
	verbose "$what: $partial files not whole"
	test $partial -gt 0 || fail "$what: all are whole"
done

# scp that is interrupted ends what it has begun: what it has made is whole or
# named, and nothing is empty; what was there and got no data is as it was.
hpn_helper hpn-delay
mkdir $FROM/few
for i in `seq 600`; do
	echo "this is file $i" >$FROM/few/$i
done
# interrupted RATE FILES FROM [SIGNAL]: copy that folder over 100 ms at so many
# bytes per second, and interrupt it once so many files have got there.
interrupted ()
{
	server $OBJ/hpn-delay -d 50 -r $1 env HPN=1 $SFTPSERVER
	# By itself timeout sends what it is sent twice, which ends scp at once.
	timeout --foreground -k 5 $HANG $SCP -q -r -S $SERVER $3 x:$TO \
	    2>$LOG &
	pid=$!
	i=0
	until test `find $TO -type f -newer $LOG.begun -size +0 | wc -l` -ge $2
	do
		sleep 0.05
		i=`expr $i + 1`
		test $i -lt 1200 || fatal "$what: nothing moves"
	done
	# timeout passes it on
	begun=`date +%s%N`
	kill -${4:-INT} $pid
	status=0
	wait $pid || status=$?
	took=`expr \( \`date +%s%N\` - $begun \) / 1000000`
	test $status -eq 1 || fail "$what: status $status"
	grep "^[^ ]*scp: failed to upload directory $3 to $TO" $LOG \
	    >/dev/null && return
	# Two seconds may not be enough for a machine that has no time for us
	test $took -ge 2000 || fail "$what: ends without a word after $took ms"
	return 1
}

for signal in INT TERM; do
	what="scp of small files, SIG$signal"
	: >$LOG.begun
	fresh
	if interrupted 0 20 $FROM/few $signal; then
		files=`find $TO -type f | wc -l`
		verbose "$what: $files files"
		test $files -lt 600 || fail "$what: all were copied"
		empty=`find $TO -type f -size 0 | wc -l`
		test $empty -eq 0 || fail "$what: $empty of $files are empty"
		for file in $TO/few/*; do
			cmp -s $file $FROM/few/`basename $file` || \
			    fail "$what: $file differs"
		done
	else
		echo "$what: did not end in two seconds, too slow to tell"
	fi
done

what="an interrupted scp of large files onto others"
mkdir $FROM/onto
for i in `seq 30`; do
	bytes 200000 >$FROM/onto/$i
done
fresh
mkdir $TO/onto
for i in `seq 30`; do
	echo old >$TO/onto/$i
	touch -d 2001-02-03 $TO/onto/$i
done
if interrupted 1000000 3 $FROM/onto; then
	left=0
	for i in `seq 30`; do
		cmp -s $TO/onto/$i $FROM/onto/$i && continue
		test "`head -c 4 $TO/onto/$i | tr -d '\0'`" != old || {
			left=`expr $left + 1`
			continue
		}
		grep "onto/$i\" failed" $LOG >/dev/null || \
		    fail "$what: $i is partial, and not named"
		test -s $TO/onto/$i || fail "$what: $i was emptied"
	done
	verbose "$what: $left as they were"
	test $left -gt 0 || fail "$what: all were written to"
else
	echo "$what: did not end in two seconds, too slow to tell"
fi

# What is made ahead of its data is bounded by what the path moves, so that there
# is little of it whatever ends a copy: as the server sees it, in its order.
what="files made ahead of their data"
mkdir $FROM/ahead
for i in `seq 70`; do
	bytes 60000 >$FROM/ahead/$i
done
fresh
: >$LOG.requests
server $OBJ/hpn-delay -d 20 -r 1000000 $OBJ/hpn-badsftp -l $LOG.requests
status=0
timeout -k 5 $HANG $SCP -q -r -S $SERVER $FROM/ahead x:$TO 2>$LOG || status=$?
succeeded
diff -r $FROM/ahead $TO/ahead || fail "$what: differ"
ahead=`awk '$1 == "open" { n++; if (n > most) most = n }
    $1 == "write" && !seen[$2]++ { n-- }
    END { print most + 0 }' $LOG.requests`
verbose "$what: $ahead"
test $ahead -gt 0 || fail "$what: `head -n 3 $LOG.requests`"
test $ahead -le 30 || fail "$what: $ahead of 70"
