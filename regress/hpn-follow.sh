# SPDX-License-Identifier: ISC
#
# -X follow and -X preserve=hardlinks where something goes wrong, or is odd: the
# source is written to while it is copied, and somebody changes it; servers that
# lie about it; links that cannot be made.  Up, down and with scp -3, with our
# server and a stock one.  hpn-wish has what they do otherwise.
#
# usage: make t-exec LTESTS=hpn-follow

tid="hpn follow"

WISH=hpn-follow
. $SRC/hpn-wish-lib

BAD=$OBJ/hpn-badsftp
scp= writer=
trap 'kill $scp $writer 2>/dev/null; umount -l $TO/hard/sub 2>/dev/null; rm -f $OUT' EXIT

# The ssh of scp -3: one server for both hosts
printf '#!/bin/sh\nexec $HPN_FOLLOW_SERVER\n' >$T/ssh
# ... and a server that the parts below write
: >$T/server
chmod +x $T/ssh $T/server

# begin ARG...: copy $FROM/grow to $TO the way $way, in the background
begin ()
{
	case $way in
	up)	set -- -D "$server" "$@" $FROM/grow x:$TO ;;
	down)	set -- -D "$server" "$@" x:$FROM/grow $TO ;;
	cross)	set -- -S $T/ssh -3 "$@" x:$FROM/grow y:$TO ;;
	esac
	HPN_FOLLOW_SERVER="$server" timeout -k 5 $HANG $SCP "$@" >$OUT 2>&1 &
	scp=$!
}

# It is to end
ended ()
{
	status=0
	wait $scp || status=$?
	scp=
	test $status -lt 124 -o $status -gt 137 || fatal "$what: hangs"
}

fails ()
{
	ended
	test $status -ne 0 || fail "$what: status 0: `cat $OUT`"
}

# What there is now has been copied
followed ()
{
	until cmp $FROM/grow $TO/grow >/dev/null 2>&1; do
		kill -0 $scp 2>/dev/null || fatal "$what: ended: `cat $OUT`"
		sleep 0.1
	done
}

# The copy is what this file was, and no more
is_copy_of ()
{
	cmp $1 $TO/grow || fail "$what: the copy differs"
}

# It ends when $writer has, and has all that this wrote
ended_after_it ()
{
	ended
	kill -0 $writer 2>/dev/null && fail "$what: too early"
	wait $writer
	writer=
	is 0
	is_copy_of $FROM/grow
}

writes ()
{
	_i=0
	while test $_i -lt 40; do
		head -c 50000 /dev/urandom >>$FROM/grow
		sleep 0.03
		_i=`expr $_i + 1`
	done
}

ways="up down cross"
for server in $servers; do
	who_is
	for way in $ways; do
		for args in "" "-p -X verify=yes" "-X channels=3" \
		    "-o HPNDisabled=yes"; do
			test $who = ours -o -z "$args" || continue
			test $way = up -o "$args" != "-X channels=3" || continue
			what="$who, $way, written to all the time${args:+, }$args"
			verbose "$what"
			again
			head -c 9000000 /dev/urandom >$FROM/grow
			writes &
			writer=$!
			begin -v $args -X follow=2 -X log=$LOG
			ended_after_it
			# Nothing is sent again, and nothing is looked at again
			sent=`sed -n 's/.*loaded: 1 file, \([0-9]*\) bytes.*/\1/p
			    s/.*copied: 1 file, \([0-9]*\) bytes.*/\1/p' $OUT |
			    awk '{ n += $1 } END { print n }'`
			test "$sent" = `wc -c <$FROM/grow` ||
			    fail "$what: $sent bytes were sent"
			grep -e 'checked by hash' -e 'read back' $OUT |
			    grep -v 'verified: ' | grep -v 'what was there' &&
			    fail "$what: what was copied was looked at again"
			test `grep -c '^continued' $LOG` -gt 0 ||
			    fail "$what: `cat $LOG`"
		done

		what="$who, $way, what is there is left alone"
		again
		echo first >$FROM/grow
		echo old >$TO/grow
		begin -X follow=2 -X existing=skip
		sleep 1
		echo second >>$FROM/grow
		ended
		is 0
		test "`cat $TO/grow`" = old || fail "$what: `cat $TO/grow`"

		what="$who, $way, interrupted"
		again
		echo first >$FROM/grow
		begin -X follow=yes
		followed
		kill -INT $scp
		ended
		is 1
		is_copy_of $FROM/grow

		what="$who, $way, somebody else writes to the copy"
		again
		echo first >$FROM/grow
		begin -X follow=yes
		followed
		echo "what another program has to say" >>$TO/grow
		cp $TO/grow $T/grown
		echo 2nd >>$FROM/grow
		fails
		says "has 38 bytes"
		is_copy_of $T/grown
	done
done

server=$SFTPSERVER
# Of holes no byte is sent
what="holes are added all the time"
verbose "$what"
way=up
again
echo first >$FROM/grow
for i in 1 2 3 4 5 6 7 8; do
	sleep 0.5
	truncate -s +100000 $FROM/grow
done &
writer=$!
begin -X follow=2 -X sparse=yes
ended_after_it

what="two sources for one copy"
mkdir -p $FROM/a $FROM/b
echo a >$FROM/a/one
echo b >$FROM/b/one
again
$SCP -D $server -X follow=1 $FROM/a/one $FROM/b/one x:$TO >$OUT 2>&1
status=$?
is 255
says "cannot both become"
test ! -e $TO/one || fail "$what: copied"

# Not a directory.  scp has nothing else to do then, sftp has.
what="a directory, scp"
again
mkdir $FROM/tree
echo in >$FROM/tree/in
echo more >$FROM/grow
$SCP -D "$server" -r -X follow=1 $FROM/tree $FROM/grow x:$TO >$OUT 2>&1
status=$?
is 255
says "is for files"
test ! -e $TO/tree -a ! -e $TO/grow || fail "$what: copied"
what="a directory, sftp"
printf -- '-put -r %s %s\nput %s %s\n' $FROM/tree $TO $FROM/grow $TO |
    $SFTP -D "$server" -b - -X follow=1 >$OUT 2>&1
status=$?
is 0
says "is for files"
test ! -e $TO/tree || fail "$what: copied"
cmp $FROM/grow $TO/grow || fail "$what: what follows was not done"

# The source is another file by the time that it is opened
for kind in fifo link other directory; do
	what="the source becomes another: $kind"
	verbose "$what"
	again
	way=up
	server="$BAD -l $T/requests -f stat:grow:slow=1500"
	printf '#!/bin/sh\nexec %s\n' "$server" >$T/server
	server=$T/server
	rm -rf $T/requests $FROM/grow
	echo first >$FROM/grow
	cp $FROM/grow $T/grown
	echo "what is nobody's business" >$T/secret
	begin -X follow=yes
	followed
	n=`grep -c '^stat .*/grow' $T/requests`
	echo more >>$FROM/grow
	# Before it is opened, what is at the destination is asked for
	until test `grep -c '^stat .*/grow' $T/requests` -gt $n; do
		kill -0 $scp 2>/dev/null || fatal "$what: ended: `cat $OUT`"
		sleep 0.05
	done
	rm $FROM/grow
	case $kind in
	fifo)	mkfifo $FROM/grow ;;
	link)	ln -s $T/secret $FROM/grow ;;
	other)	cp $T/secret $FROM/grow ;;
	directory) mkdir $FROM/grow ;;
	esac
	fails
	case $kind in
	fifo | directory) says "not a regular file" ;;
	*)	says "is another file now" ;;
	esac
	is_copy_of $T/grown
	rm -rf $FROM/grow
done

# ... and so is the copy
way=down
server=$SFTPSERVER
for kind in link dangling other gone fifo; do
	what="the copy becomes another: $kind"
	verbose "$what"
	again
	echo first >$FROM/grow
	: >$T/precious
	rm -f $T/nothing
	begin -X follow=yes
	followed
	rm $TO/grow
	case $kind in
	link)	ln -s $T/precious $TO/grow ;;
	dangling) ln -s $T/nothing $TO/grow ;;
	other)	: >$TO/grow ;;
	fifo)	mkfifo $TO/grow ;;
	esac
	echo more >>$FROM/grow
	fails
	test ! -s $T/precious -a ! -e $T/nothing || fail "$what: written to"
	test ! -s $TO/grow || fail "$what: written"
	test $kind != gone -o ! -e $TO/grow || fail "$what: made again"
done

# Servers that lie about the source, or about what they have done
for way in down cross; do
	for fault in lie-size=9223372036854775808 lie-size=18446744073709551615 \
	    lie-size=9223372036854775807 lie-size lie-more lie-size=3 \
	    status=2 status=3 no-attrs lie-dir; do
		what="$way, stat: $fault"
		verbose "$what"
		again
		echo first >$FROM/grow
		# Until there is a copy, the truth
		server="$BAD -l $T/requests -f stat:grow:$fault:6"
		printf '#!/bin/sh\nexec %s\n' "$server" >$T/server
		server=$T/server
		rm -f $T/requests
		begin -X follow=yes
		fails
		is_copy_of $FROM/grow
	done
done
what="a write fails"
way=up
again
echo first >$FROM/grow
cp $FROM/grow $T/grown
printf '#!/bin/sh\nexec %s -f write:grow:status=4:1\n' "$BAD" >$T/server
begin -X follow=yes
followed
echo second >>$FROM/grow
fails
is_copy_of $T/grown

# Names of one file
mkdir -p $FROM/hard/sub
echo linked >$FROM/hard/one
ln $FROM/hard/one $FROM/hard/sub/two
ln $FROM/hard/one $FROM/hard/sub/three
same ()
{
	diff -r $FROM/hard $TO/hard >$OUT.diff 2>&1 ||
	    fail "$what: `cat $OUT.diff`"
	rm -f $OUT.diff
}
for server in $servers; do
	who_is
	what="$who, hard links, -3"
	verbose "$what"
	again
	status=0
	HPN_FOLLOW_SERVER=$server timeout -k 5 $HANG $SCP -S $T/ssh -3 -r \
	    -X preserve=hardlinks x:$FROM/hard y:$TO >$OUT 2>&1 || status=$?
	is 0
	says "SFTP does not tell which names are one file"
	same
done
for args in "-R -X preserve=hardlinks" "-R -X follow=1"; do
	what="$args"
	$SCP $args x:$FROM/grow y:$TO >$OUT 2>&1
	status=$?
	is 255
	says "With -R, of these options only"
done
for args in "-O -X preserve=hardlinks" "-O -X follow=1"; do
	what="$args"
	$SCP $args $FROM/grow y:$TO >$OUT 2>&1
	status=$?
	is 255
	says "cannot be used with -O"
done
for names in xattr acl xattr,acl hardlinks,acl owner; do
	what="preserve=$names"
	$SCP -D $SFTPSERVER -X preserve=$names $FROM/grow x:$TO >$OUT 2>&1
	status=$?
	is 255
	says "SFTP has no request for access lists and extended attributes"
done

way=up
for fault in hardlink:*:status=4 hardlink:*:status=8 hardlink:*:status=3 \
    hardlink:*:status=4:1; do
	what="hard links, $fault"
	verbose "$what"
	printf '#!/bin/sh\nexec %s -O 0 -f "%s"\n' $BAD "$fault" >$T/server
	server=$T/server
	again
	copy -r -X preserve=hardlinks hard
	is 0
	n=2
	test $fault != "hardlink:*:status=4:1" || n=1
	says "^.*$n names* could not be made hard links"
	same
	test `stat -c %i $TO/hard/one $TO/hard/sub/* | sort -u | wc -l` = \
	    `expr $n + 1` ||
	    fail "$what: `stat -c '%i %n' $TO/hard/* $TO/hard/sub/*`"
done
for fault in hardlink:*:exit hardlink:*:wrong-type hardlink:*:truncated \
    lstat:one:exit; do
	what="hard links, $fault"
	printf '#!/bin/sh\nexec %s -O 0 -f "%s"\n' $BAD "$fault" >$T/server
	again
	copy -r -X preserve=hardlinks hard
	is 255
done
server=$SFTPSERVER
again
mkdir -p $TO/hard/sub
if test "`id -u`" = 0 &&
    mount -t tmpfs -o size=64k tmpfs $TO/hard/sub 2>/dev/null; then
	what="hard links, two file systems"
	verbose "$what"
	copy -r -X preserve=hardlinks hard
	is 0
	says "2 names could not be made hard links"
	same
	umount $TO/hard/sub
else
	echo "$tid (skipped: two file systems: no root or no mount)"
fi
