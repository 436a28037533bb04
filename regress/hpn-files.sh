# SPDX-License-Identifier: ISC
#
# scp and sftp copy trees and many files, both ways: everything arrives, with
# the names, permissions and times that it should have; what fails is named and
# the rest goes on; few open files, small requests and long paths are borne.
#
# usage: make t-exec LTESTS=hpn-files
#
# Tried with our sftp-server, the machine's own, and that beside what
# TEST_SSH_STOCK_SSHD names.

tid="hpn files"

. $SRC/hpn-lib

FROM=$OBJ/hpn-files.from
TO=$OBJ/hpn-files.to
LOG=$OBJ/hpn-files.log
LIMITED=$OBJ/hpn-files-limited.sh
SMALL=200

find $OBJ -maxdepth 0 -printf '%m' >/dev/null 2>&1 || \
    skip "find has no -printf here, to compare permissions and times with"

cleanup_files ()
{
	chmod -R u+rwx $FROM $TO $TO.2 2>/dev/null
	rm -rf $FROM $TO $TO.2 $LOG $LIMITED $OBJ/hpn-files.*.list
}
trap 'cleanup_files' EXIT
cleanup_files

# Everything about a tree but its content.  Links are followed: so does scp.
listed ()
{
	( cd "$1" && find -L . ${2-} -printf '%p %y %m %T@ %s\n' |
	    sed 's/\(\.[0-9]*\) \([0-9]*\)$/ \2/; / d [0-7]* /s/ [0-9]*$//' |
	    LC_ALL=C sort )
}

# same WHAT FROM TO: content, and with -p the rest
same ()
{
	diff -r "$2" "$3" >$LOG 2>&1 || fail "$1: `head -n 2 $LOG`"
	test "${4-}" = content && return
	listed "$2" >$OBJ/hpn-files.1.list
	listed "$3" >$OBJ/hpn-files.2.list
	diff $OBJ/hpn-files.1.list $OBJ/hpn-files.2.list >$LOG || \
	    fail "$1: attributes: `head -n 4 $LOG | tr '\n' ' '`"
}

bytes ()
{
	dd if=/dev/urandom bs=$1 count=1 2>/dev/null
}

fresh ()
{
	chmod -R u+rwx $TO $TO.2 2>/dev/null
	rm -rf $TO $TO.2
}

mkdir -p $FROM/tree/small $FROM/tree/readonly $FROM/tree/empty.dir
for i in `seq $SMALL`; do
	bytes 1$i >$FROM/tree/small/$i
done
bytes 261120 >$FROM/tree/one.request
bytes 65536 >$FROM/tree/small.limit
bytes 65535 >$FROM/tree/below
bytes 32768 >$FROM/tree/old.request
bytes 5000000 >$FROM/tree/big
: >$FROM/tree/empty
# Names that nothing may take for anything else
for name in 'a name' '-rf' '*' '[a-z]' 'back\slash' '"quote"' "it's" '~' \
    '$HOME' '..name' ' ' '`true`' '{a,b}'; do
	echo "$name" >"$FROM/tree/$name"
done
newline=`printf 'new\nline'`
invalid=`printf 'inv\377\376alid'`
mkdir "$FROM/tree/$newline"
echo newline >"$FROM/tree/$newline/$newline"
(echo invalid >"$FROM/tree/$invalid") 2>/dev/null || \
    verbose "no names that are not UTF-8 on this file system"
deep=$FROM/tree/deep
for i in `seq 50`; do
	deep=$deep/$i
done
mkdir -p $deep && echo deep >$deep/file
# Deeper than OpenSSH goes, and one that has no end
deep=$FROM/pit
for i in `seq 300`; do
	deep=$deep/$i
done
mkdir -p $deep && echo deep >$deep/file
echo beside >$FROM/pit/1/beside
mkdir $FROM/loop
ln -s . $FROM/loop/again
echo beside >$FROM/loop/beside
# More than one process may have open
mkdir $FROM/thousand
for i in `seq 1000`; do
	echo $i >$FROM/thousand/$i
done
# Mostly holes: at the beginning, in the middle, at the end
truncate -s 20000001 $FROM/sparse
for at in 3000000 3100000 12345678; do
	bytes 70000 | dd of=$FROM/sparse bs=65536 seek=$at conv=notrunc \
	    oflag=seek_bytes 2>/dev/null
done
ln -s ../big $FROM/tree/small/link
ln -s small $FROM/tree/dirlink
echo readonly >$FROM/tree/readonly/file
chmod 444 $FROM/tree/readonly/file
chmod 755 $FROM/tree/big
chmod 600 $FROM/tree/below
touch -d 2001-02-03 $FROM/tree/big $FROM/tree/small $FROM/tree/empty.dir
chmod 750 $FROM/tree/small
chmod 555 $FROM/tree/readonly

servers=$SFTPSERVER
for sshd in $TEST_SSH_STOCK_SSHD; do
	servers="$servers `dirname $sshd`/../libexec/sftp-server"
done
servers="$servers /usr/lib/openssh/sftp-server"

# A server that may not have many files open
cat >$LIMITED <<EOD
#!/bin/sh
ulimit -n ${HPN_FILES_LIMIT-24}
exec \$HPN_FILES_SERVER
EOD
chmod +x $LIMITED

for server in $servers; do
	test -x $server || {
		verbose "$server is not there"
		continue
	}
	who=`echo $server | sed 's,.*/\([^/]*/[^/]*/[^/]*\)$,\1,'`
	verbose "$who"
	scp_q="$SCP -q -D $server"

	fresh
	$scp_q -rp $FROM/tree somewhere:$TO || fail "$who: up: status $?"
	same "$who: up" $FROM/tree $TO
	fresh
	$scp_q -rp somewhere:$FROM/tree $TO || fail "$who: down: status $?"
	same "$who: down" $FROM/tree $TO

	# Once more over what is there, longer than it should be; what is
	# read-only is so for everybody but root
	echo more >>$TO/below
	echo more >>$TO/big
	echo more >>$TO/empty
	chmod u+w $TO/readonly/file
	$scp_q -rp $FROM/tree/. somewhere:$TO || fail "$who: again: $?"
	same "$who: again, up" $FROM/tree $TO content
	echo more >>$TO/below
	echo more >>$TO/big
	echo more >>$TO/empty
	chmod u+w $TO/readonly/file
	$scp_q -rp somewhere:$FROM/tree/. $TO || fail "$who: again: $?"
	same "$who: again, down" $FROM/tree $TO content

	fresh
	mkdir $TO
	(cd $FROM && printf 'put -Rp tree %s\nget -Rp %s %s\n' \
	    $TO $FROM/tree $TO.2) >$LOG.batch
	(cd $FROM && $SFTP -q -D $server -b $LOG.batch >$LOG 2>&1) || \
	    fail "$who: sftp: status $?: `tail -n 1 $LOG`"
	rm -f $LOG.batch
	# sftp does not follow links in trees
	(cd $FROM/tree && find . -type f | LC_ALL=C sort) >$OBJ/hpn-files.1.list
	for copy in $TO/tree $TO.2; do
		(cd $copy && find . -type f | LC_ALL=C sort) \
		    >$OBJ/hpn-files.2.list
		cmp $OBJ/hpn-files.1.list $OBJ/hpn-files.2.list || \
		    fail "$who: sftp: not the same files in $copy"
		cmp $FROM/tree/big $copy/big || fail "$who: sftp: $copy/big"
		diff -r $FROM/tree/deep $copy/deep || fail "$who: sftp: deep"
	done

	# Globs and several arguments
	fresh
	mkdir $TO $TO.2
	$scp_q $FROM/tree/small/1* $FROM/tree/big somewhere:$TO || \
	    fail "$who: several up: status $?"
	$scp_q "somewhere:$FROM/tree/small/1*" somewhere:$FROM/tree/big $TO.2 \
	    || fail "$who: several down: status $?"
	for copy in $TO $TO.2; do
		test `ls $copy | wc -l` = \
		    `expr \`ls -d $FROM/tree/small/1* | wc -l\` + 1` || \
		    fail "$who: several: `ls $copy | wc -l` files"
		cmp $FROM/tree/big $copy/big || fail "$who: several: big"
		cmp $FROM/tree/small/17 $copy/17 || fail "$who: several: 17"
	done

	# Two of one name: the last one stays, whole
	fresh
	mkdir $TO $TO.2
	# The first one would take longer
	bytes 3000 >$TO.2/big
	for i in 1 2 3; do
		rm -f $TO/big
		$scp_q $FROM/tree/big $TO.2/big somewhere:$TO || \
		    fail "$who: same name, up: status $?"
		cmp $TO.2/big $TO/big || fail "$who: same name, up"
		rm -f $TO/big
		$scp_q somewhere:$FROM/tree/big somewhere:$TO.2/big $TO || \
		    fail "$who: same name, down: status $?"
		cmp $TO.2/big $TO/big || fail "$who: same name, down"
	done

	# Of three it is not the one that waited longest
	mkdir $TO.2/2 $TO.2/3
	echo second >$TO.2/2/big
	echo third >$TO.2/3/big
	rm -f $TO/big
	$scp_q $FROM/tree/big $TO.2/2/big $TO.2/3/big somewhere:$TO || \
	    fail "$who: three of one name, up: status $?"
	cmp $TO.2/3/big $TO/big || fail "$who: three of one name, up"
	rm -f $TO/big
	$scp_q somewhere:$FROM/tree/big somewhere:$TO.2/2/big \
	    somewhere:$TO.2/3/big $TO || \
	    fail "$who: three of one name, down: status $?"
	cmp $TO.2/3/big $TO/big || fail "$who: three of one name, down"
	# The other machine's and ours, in the order of the command line
	$scp_q somewhere:$TO.2/2/big $TO.2/3/big $TO || \
	    fail "$who: theirs and ours: status $?"
	cmp $TO.2/3/big $TO/big || fail "$who: theirs and ours"

	# What is no file has no length to be set
	$scp_q somewhere:$FROM/tree/big /dev/null || \
	    fail "$who: to /dev/null: status $?"

	# A file onto itself
	for file in below big; do
		cp $FROM/tree/$file $TO/$file
		$scp_q $TO/$file somewhere:$TO/$file || \
		    fail "$who: itself, up: status $?"
		$scp_q somewhere:$TO/$file $TO/$file || \
		    fail "$who: itself, down: status $?"
		cmp $FROM/tree/$file $TO/$file || fail "$who: $file itself"
	done

	# What cannot be done is named, and the rest is done
	fresh
	mkdir -p $TO/small/77 $TO.2/small/88
	mkfifo $TO/fifo
	if $scp_q -r $FROM/tree/small somewhere:$TO 2>$LOG; then
		fail "$who: error, up: status 0"
	fi
	grep "small/77" $LOG >/dev/null || fail "$who: error, up: not named"
	rmdir $TO/small/77 && cp $FROM/tree/small/77 $TO/small/77
	same "$who: error, up: the rest" $FROM/tree/small $TO/small content
	if $scp_q -r somewhere:$FROM/tree/small $TO.2 2>$LOG; then
		fail "$who: error, down: status 0"
	fi
	grep "small/88" $LOG >/dev/null || fail "$who: error, down: not named"
	rmdir $TO.2/small/88 && cp $FROM/tree/small/88 $TO.2/small/88
	same "$who: error, down: the rest" $FROM/tree/small $TO.2/small content
	$scp_q $FROM/nothing $FROM/tree/big somewhere:$TO 2>$LOG && \
	    fail "$who: no such file, up: status 0"
	cmp $FROM/tree/big $TO/big || fail "$who: no such file, up: the rest"
	$scp_q somewhere:$FROM/nothing somewhere:$FROM/tree/big $TO.2 \
	    2>$LOG && fail "$who: no such file, down: status 0"
	cmp $FROM/tree/big $TO.2/big || fail "$who: no such file: the rest"
	$scp_q $TO/fifo somewhere:$TO/copy 2>$LOG && \
	    fail "$who: a fifo, up: status 0"
	$scp_q somewhere:$TO/fifo $TO/copy 2>$LOG && \
	    fail "$who: a fifo, down: status 0"

	# A link to nothing is one file that fails
	fresh
	mkdir $TO.2
	ln -s nowhere $TO.2/link
	echo other >$TO.2/other
	$scp_q -r $TO.2 somewhere:$TO 2>$LOG && fail "$who: link up: status 0"
	cmp $TO.2/other $TO/other || fail "$who: link up: the rest"
	rm -rf $TO
	$scp_q -r somewhere:$TO.2 $TO 2>$LOG && fail "$who: link: status 0"
	cmp $TO.2/other $TO/other || fail "$who: link down: the rest"

	# One request at a time, and small ones
	fresh
	mkdir $TO
	opts='-X nrequests=1 -X buffer=1000'
	$scp_q $opts -r $FROM/tree/small $FROM/tree/below somewhere:$TO || \
	    fail "$who: $opts, up: status $?"
	same "$who: $opts, up" $FROM/tree/small $TO/small content
	cmp $FROM/tree/below $TO/below || fail "$who: $opts, up"
	rm -rf $TO && mkdir $TO
	$scp_q $opts -r "somewhere:$FROM/tree/small" \
	    somewhere:$FROM/tree/below $TO || \
	    fail "$who: $opts, down: status $?"
	same "$who: $opts, down" $FROM/tree/small $TO/small content
	cmp $FROM/tree/below $TO/below || fail "$who: $opts, down"

	# Many files gone on with, of which we may have few open
	for way in put get; do
		what="$who: few open files, $way -a"
		fresh
		mkdir -p $TO/small
		cp $FROM/tree/small/[0-9]* $TO/small
		truncate -s 5 $TO/small/*
		case $way in
		put)	echo "put -a -r $FROM/tree/small $TO" ;;
		get)	echo "get -a -r $FROM/tree/small $TO" ;;
		esac >$LOG.batch
		(ulimit -n 48 && $SFTP -q -D $server -b $LOG.batch >$LOG 2>&1) \
		    || fail "$what: status $?: `tail -n 1 $LOG`"
		rm -f $LOG.batch
		cp $FROM/tree/big $TO/small/link
		same "$what" $FROM/tree/small $TO/small content
	done

	# A server that allows few open files, told so or not; and ourselves
	fresh
	HPN_FILES_SERVER=$server
	export HPN_FILES_SERVER
	$SCP -q -D $LIMITED -r $FROM/tree somewhere:$TO || \
	    fail "$who: few open files, up: status $?"
	same "$who: few open files, up" $FROM/tree $TO content
	fresh
	(ulimit -n 24 && $SCP -q -D $LIMITED -r somewhere:$FROM/tree $TO) || \
	    fail "$who: few open files, down: status $?"
	same "$who: few open files, down" $FROM/tree $TO content

	# A thousand files of which either end may have 64 open
	HPN_FILES_LIMIT=64
	export HPN_FILES_LIMIT
	for end in server client both; do
		run=$SCP by=$LIMITED
		test $end = server || run="sh -c 'ulimit -n 64; exec $SCP \"\$@\"' scp"
		test $end = client && by=$server
		for way in up down; do
			what="$who: 64 open files, $end, a thousand $way"
			from=$FROM/thousand to=somewhere:$TO
			test $way = up || { from=somewhere:$from; to=$TO; }
			fresh
			eval "$run -q -D $by -r $from $to" || \
			    fail "$what: status $?"
			same "$what" $FROM/thousand $TO content
		done
	done
	unset HPN_FILES_LIMIT

	fresh
	mkdir $TO
	$scp_q $FROM/sparse somewhere:$TO/up || fail "$who: sparse up: $?"
	$scp_q somewhere:$FROM/sparse $TO/down || fail "$who: sparse down: $?"
	for way in up down; do
		cmp $FROM/sparse $TO/$way || fail "$who: sparse $way"
	done

	# Where OpenSSH stops, it says so, and what is beside is copied
	for tree in pit/1 loop; do
		for way in up down; do
			what="$who: $tree $way"
			from=$FROM/$tree to=somewhere:$TO
			test $way = up || { from=somewhere:$from; to=$TO; }
			fresh
			$scp_q -r $from $to 2>$LOG && fail "$what: status 0"
			test -s $LOG || fail "$what: nobody said why"
			cmp $FROM/$tree/beside $TO/beside || fail "$what"
			# In a loop the system may stop before
			test $tree = loop && continue
			grep "Maximum directory depth exceeded: 64" $LOG \
			    >/dev/null || fail "$what: `head -n 1 $LOG`"
			test `find $TO -type d | wc -l` -eq 64 || \
			    fail "$what: `find $TO -type d | wc -l` folders"
		done
	done
done

# Over a path of 100 ms, in which one file after the other takes half a second
# for each; the connection's own round trips are some seconds.
fresh
mkdir $TO
hpn_helper hpn-delay
hpn_config "" "Subsystem sftp $SFTPSERVER"
for way in up down; do
	what="$SMALL files over 100 ms, $way"
	from=$FROM/tree/small to=host:$TO
	test $way = up || { from=host:$from; to=$TO; }
	rm -rf $TO/small
	begun=`date +%s`
	$SCP -q -r -S $SSH -F $HPN_SSH_CONFIG $from $to || \
	    fail "$what: status $?"
	took=`expr \`date +%s\` - $begun`
	same "$what" $FROM/tree/small $TO/small content
	verbose "$what: $took seconds"
	# One after the other they take five round trips each, and more.
	_alone=`expr $SMALL \* 10 \* $HPN_DELAY_MS / 1000`
	if test $took -gt $_alone; then
		fail "$what: $took seconds, one after the other takes $_alone"
	elif test $took -gt `hpn_times 30`; then
		hpn_too_slow "$what" "$took seconds, $_alone one after the other"
	fi
done
# A tiny file takes two round trips more than a command
bytes 100 >$FROM/tiny
HPN_DELAY_MS=`hpn_times 100`
hpn_config "" "Subsystem sftp $SFTPSERVER"
hpn_trips ours 2 $FROM/tiny $TO/tiny
HPN_DELAY_MS=`hpn_times 50`
hpn_config "" "Subsystem sftp $SFTPSERVER"
# What is under way follows the path: with 64 requests of 32 KiB it would be
# at most 2 MiB.
hpn_random $FROM/large 24
hpn_forget
$SCP -q -S $SSH -F $HPN_SSH_CONFIG host:$FROM/large $TO/large || \
    fail "large: status $?"
cmp $FROM/large $TO/large || fail "large: not the same"
seen=`hpn_peak_to client`
test "$seen" -ge $HPN_GROWN_SEEN || fail "large: $seen bytes under way"
cleanup_files
