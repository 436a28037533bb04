# SPDX-License-Identifier: ISC
#
# What -X of scp and sftp asks for besides copying: log, files-from, include and
# exclude, existing and update.  Up and down, with our server and a stock one.
#
# usage: make t-exec LTESTS=hpn-wish
#
# The patterns are compared with a real rsync where there is one.

tid="hpn wish"

WISH=hpn-wish
. $SRC/hpn-wish-lib

TAB=`printf '\t'`
trap 'umount -l $T/disk 2>/dev/null; rm -f $OUT' EXIT

# there NAMES [DIRECTORY]: these files, line by line, are in $TO
there ()
{
	_there=`cd $TO/$2 && find . -type f | sed 's,^\./,,' | LC_ALL=C sort | tr '\n' ' '`
	test "$_there" = "$1" || fail "$what: '$_there' is there, not '$1'"
}

# logged NAME STATUS SIZE: its last line says so
logged ()
{
	_l=`awk -F "$TAB" -v n="$1" '$4 == n { l = $1 " " $2 } END { print l }' $LOG`
	test "$_l" = "$2 $3" || fail "$what: the log has '$_l' of $1, not '$2 $3'"
}

# followed: what there is now has been copied
followed ()
{
	until cmp $FROM/grow $TO/grow >/dev/null 2>&1; do
		kill -0 $scp 2>/dev/null || fatal "$what: ended: `cat $OUT`"
		sleep 0.1
	done
}

mkdir -p $FROM/d/sub/deep $FROM/d/other
echo one >$FROM/d/one
echo three >$FROM/d/sub/three
echo four4 >$FROM/d/sub/deep/four
echo >"$FROM/d/other/a
b\\"
: >$FROM/d/empty
mkdir -p $FROM/hard/sub
echo linked >$FROM/hard/small
ln $FROM/hard/small $FROM/hard/small2
ln $FROM/hard/small $FROM/hard/sub/small3
head -c 200000 /dev/urandom >$FROM/hard/large
ln $FROM/hard/large $FROM/hard/sub/large2
echo alone >$FROM/hard/alone
NL='other/a\nb\\'

for server in $servers; do
	who_is
	for way in up down; do
		verbose "$who, $way"

		what="$who, $way, log"
		again
		copy -r -X log=$LOG d
		is 0
		logged one copied 4
		logged sub/deep/four copied 6
		logged empty copied 0
		grep -F "$TAB$NL" $LOG >/dev/null || fail "$what: `cat $LOG`"
		test `wc -l <$LOG` = 6 || fail "$what: `cat $LOG`"
		test `sed -n 2p $LOG | grep -c "${TAB}20..-..-..T..:..:..Z$TAB"` = 1 ||
		    fail "$what: no time: `cat $LOG`"
		# ... goes on, and says what -Z does
		echo >>$TO/d/one
		head -c 3 $FROM/d/sub/three >$TO/d/sub/three
		echo 44444 >$TO/d/sub/deep/four
		copy -r -Z -X log=$LOG d
		is 1
		logged one refused 4
		logged sub/three continued 6
		logged sub/deep/four refused 6
		test `grep -c '^whole' $LOG` = 1 || fail "$what: `cat $LOG`"
		# ... and is a list of what is to be done again
		copy -r -Z -X resume=replace -X files-from=$LOG -X log=$LOG d
		is 0
		logged one replaced 4
		logged sub/three continued 6
		test `wc -l <$LOG` = 13 || fail "$what: `cat $LOG`"
		diff -r $FROM/d $TO/d >$OUT || fail "$what: `cat $OUT`"
		copy -r -X files-from=$LOG -X log=$LOG d
		is 0
		test `wc -l <$LOG` = 13 || fail "$what: `cat $LOG`"
		if test "`id -u`" -eq 0; then
			what="$who, $way, another user's log"
			again
			echo "#openssh-hpn copy log 1" >$LOG
			chown 65534 $LOG
			copy -r -X log=$LOG d
			is 255
			says "not owned by the user"
			rm -f $LOG
		fi
		what="$who, $way, log of a file"
		again
		copy -X log=$LOG d/one
		is 0
		grep "^copied${TAB}4${TAB}.*$TAB/.*/from/d/one\$" $LOG >/dev/null ||
		    fail "$what: `cat $LOG`"
		what="$who, $way, what could not be copied"
		again
		mkdir -p $TO/d/one
		copy -r -X log=$LOG d
		is 1
		logged one failed 4
		logged sub/three copied 6
		rmdir $TO/d/one
		copy -X files-from=$LOG -X log=$LOG d
		is 0
		logged one copied 4
		diff -r $FROM/d $TO/d >$OUT || fail "$what: `cat $OUT`"

		what="$who, $way, files-from"
		again
		printf 'sub/deep/four\n./one\nsub//deep/four\n\n' >$T/list
		copy -X log=$LOG -X files-from=$T/list d
		is 0
		there "one sub/deep/four " d
		test `wc -l <$LOG` = 3 || fail "$what: `cat $LOG`"
		what="$who, $way, files-from with NUL bytes"
		again
		printf 'one\0other/a\nb\\\0' >$T/list
		copy -X files-from=$T/list d
		is 0
		there 'b\ one other/a ' d
		what="$who, $way, files-from names a directory"
		again
		printf 'sub\nsub/three\nempty' >$T/list
		copy -r -X files-from=$T/list d
		is 0
		there "empty sub/deep/four sub/three " d
		again
		copy -X files-from=$T/list -X log=$LOG d
		is 0
		there "empty sub/three " d
		again
		echo sub >$T/list
		copy -X files-from=$T/list -X log=$LOG d
		is 1
		says "not a regular file"
		what="$who, $way, files-from that are not there"
		again
		printf 'one\nno/where\none/more\nnot\nsub/no\n' >$T/list
		copy -X files-from=$T/list -X log=$LOG d
		is 1
		logged no/where failed 0
		logged one/more failed 0
		logged not failed 0
		logged sub/no failed 0
		# A name of its own is copied, whatever else is said to be in it
		what="$who, $way, files-from with a file that is to be a directory"
		again
		printf 'one\none/more\nempty\n' >$T/list
		copy -X files-from=$T/list -X log=$LOG d
		is 1
		says 'one" is not a directory'
		there "empty one " d
		logged one copied 4
		logged one/more failed 0
		what="$who, $way, files-from is empty"
		again
		: >$T/list
		copy -X files-from=$T/list d
		is 0
		there ""
		what="$who, $way, files-from standard input"
		again
		echo sub/three | copy -X files-from=- d
		there "sub/three " d

		what="$who, $way, include and exclude"
		again
		copy -r -X exclude=deep/ -X include='*e' -X exclude='/o*' \
		    -X exclude='e*' d
		is 0
		there "one sub/three " d
		again
		copy -r -X 'include=*/' -X include='sub/**' -X 'exclude=*' d
		is 0
		there "sub/deep/four sub/three " d
		again
		copy -X exclude=one d/one
		is 0
		there ""

		what="$who, $way, existing"
		again
		cp $FROM/d/one $TO/one.real
		mkdir $TO/d
		ln -s ../one.real $TO/d/one
		ln -s nowhere $TO/d/empty
		echo X >>$TO/one.real
		copy -r -X existing=skip -X log=$LOG d
		is 0
		logged one skipped 4
		logged empty skipped 0
		logged sub/three copied 6
		test -h $TO/d/one -a -h $TO/d/empty ||
		    fail "$what: a link was replaced"
		grep X $TO/one.real >/dev/null || fail "$what: written over"
		copy -r -X existing=fail -X log=$LOG d
		is 1
		says 'd/one" is there already: left as it is'
		logged sub/three refused 6
		grep X $TO/one.real >/dev/null || fail "$what: written over"
		copy -r -X existing=fail -X status=detailed d
		is 250

		what="$who, $way, some fail"
		again
		mkdir -p $TO/d/one
		copy -r -X fsync=yes -X status=detailed d
		is 249
		rmdir $TO/d/one
		copy -r -X fsync=yes -X status=detailed d
		is 0

		what="$who, $way, update"
		again
		copy -p -r d
		is 0
		touch -d '2005-06-07 08:09:10' $TO/d/one
		echo TWO >$TO/d/one.new
		echo FOUR4 >$TO/d/sub/deep/four
		touch -r $FROM/d/sub/deep/four $TO/d/sub/deep/four
		copy -p -r -X update=size -X log=$LOG d
		is 0
		logged one skipped 4
		copy -p -r -X update=yes -X log=$LOG d
		is 0
		logged one copied 4
		logged sub/three skipped 6
		logged sub/deep/four skipped 6
		copy -p -r -X update=verify -X log=$LOG d
		is 0
		logged sub/deep/four replaced 6
		logged one whole 4
		cmp $FROM/d/sub/deep/four $TO/d/sub/deep/four ||
		    fail "$what: not replaced"
	done

	# Nothing is done
	for way in up down; do
		what="$who, $way, dryrun"
		again
		mkdir $TO/d
		echo X >$TO/d/one
		cp -r $TO $T/before
		copy -r -p -X dryrun=yes -X log=$LOG d
		is 0
		says "^replace  *4 .*to/d/one"
		says "^copy  *6 .*to/d/sub/deep/four"
		says "^5 files would be copied, which takes .* bytes more; .* are free"
		copy -r -X dryrun=yes -X existing=fail -X status=detailed d
		is 250
		says "^refuse "
		copy -r -X dryrun=yes -X existing=skip d
		is 0
		says "^skip  *4 .*to/d/one"
		says "^4 files"
		TO=$TO/not/there
		copy -r -X dryrun=yes -X update=yes d
		TO=$T/to
		is 0
		says "^5 files .* are free"
		says 'other/a\\nb\\\\$'
		test ! -e $LOG || fail "$what: there is a log"
		diff -r $T/before $TO >$OUT || fail "$what: `cat $OUT`"
		rm -rf $T/before
	done

	# Names of one file
	what="$who, hard links"
	hard ()
	{
		again
		way=up
		copy -r -X preserve=hardlinks -X log=$LOG "$@" hard
	}
	one_file ()
	{
		test `stat -c %i "$@" | sort -u | wc -l` = 1 ||
		    fail "$what: $*: `stat -c '%i %h %n' "$@"`"
	}
	hard
	is 0
	diff -r $FROM/hard $TO/hard >$OUT || fail "$what: `cat $OUT`"
	one_file $TO/hard/small $TO/hard/small2 $TO/hard/sub/small3
	one_file $TO/hard/large $TO/hard/sub/large2
	test `stat -c %h $TO/hard/small` = 3 -a `stat -c %h $TO/hard/alone` = 1 ||
	    fail "$what: `stat -c '%h %n' $TO/hard/*`"
	test `grep -c '^copied' $LOG` = 6 || fail "$what: `cat $LOG`"
	what="$who, hard links, Z and verify"
	hard -Zp -X verify=yes
	is 0
	one_file $TO/hard/large $TO/hard/sub/large2
	what="$who, hard links, one is missing"
	rm $TO/hard/sub/large2 $TO/hard/small
	echo 12345678901 >$TO/hard/small
	copy -rp -X preserve=hardlinks -X update=yes hard
	is 0
	diff -r $FROM/hard $TO/hard >$OUT || fail "$what: `cat $OUT`"
	one_file $TO/hard/large $TO/hard/sub/large2
	what="$who, hard links, not asked for"
	again
	copy -r hard
	is 0
	test `stat -c %h $TO/hard/small` = 1 || fail "$what: linked"
	what="$who, hard links, all are there"
	copy -r -X preserve=hardlinks hard
	is 0
	says "3 names could not be made hard links"
	diff -r $FROM/hard $TO/hard >$OUT || fail "$what: `cat $OUT`"
	what="$who, hard links, a symbolic link is there"
	again
	mkdir -p $TO/hard $TO/other
	for name in small small2 large; do
		ln -s ../other/$name $TO/hard/$name
	done
	copy -r -X preserve=hardlinks hard
	is 0
	test ! -L $TO/hard/sub/small3 -a ! -L $TO/hard/sub/large2 ||
	    fail "$what: a link to it"
	diff -r $FROM/hard $TO/hard >$OUT || fail "$what: `cat $OUT`"
	# No name is made one of a file whose copy is not complete
	what="$who, hard links, the first copy fails"
	again
	printf '#!/bin/sh\ntrap "" XFSZ\nulimit -f 100\nexec %s\n' $server \
	    >$T/short
	chmod 755 $T/short
	ours=$server server=$T/short
	copy -r -X preserve=hardlinks -X log=$LOG hard
	server=$ours
	is 1
	test `grep -c '^failed.*large' $LOG` = 2 || fail "$what: `cat $LOG`"
	test `grep -c '^copied' $LOG` = 4 || fail "$what: `cat $LOG`"
	test ! -e $TO/hard/sub/large2 ||
	    test `stat -c %h $TO/hard/sub/large2` = 1 || fail "$what: linked"
	what="$who, hard links, down"
	again
	way=down
	copy -r -X preserve=hardlinks hard
	is 0
	says "SFTP does not tell which names are one file"
	diff -r $FROM/hard $TO/hard >$OUT || fail "$what: `cat $OUT`"

	# A file that grows
	for way in up down; do
		what="$who, $way, follow"
		again
		echo first >$FROM/grow
		copy -X follow=1 -X log=$LOG grow
		is 0
		cmp $FROM/grow $TO/grow || fail "$what: differs"
		test `grep -c . $LOG` = 2 || fail "$what: `cat $LOG`"
		# It is looked at once a second: not all of it everywhere
		ends=shorter
		test $who-$way != ours-up || ends="shorter other gone interrupt"
		for end in $ends; do
			what="$who, $way, follow, $end"
			again
			echo first >$FROM/grow
			if test $way = up; then
				set -- $FROM/grow x:$TO
			else
				set -- x:$FROM/grow $TO
			fi
			$SCP -D $server -X follow=yes -X existing=fail "$@" \
			    >$OUT 2>&1 &
			scp=$!
			followed
			# What is added is newer than what was made of it
			touch -d 2001-01-01T00:00:00Z $TO/grow
			test $end != shorter || echo second >>$FROM/grow
			followed
			head -c 300000 /dev/urandom >>$FROM/grow
			followed
			cp $FROM/grow $T/grown
			case $end in
			shorter)	: >$FROM/grow ;;
			other)	echo new >$T/new; mv $T/new $FROM/grow ;;
			gone)	rm $FROM/grow ;;
			interrupt) kill $scp ;;
			esac
			status=0
			wait $scp || status=$?
			test $status -ne 0 || fail "$what: status 0"
			test $end = interrupt || says "cannot be followed any more"
			cmp $T/grown $TO/grow || fail "$what: differs"
		done
	done
	what="$who, follow, what could not be copied"
	again
	printf '#!/bin/sh\nexec %s -f open:grow:status=4\n' $OBJ/hpn-badsftp \
	    >$T/server
	chmod 755 $T/server
	ours=$server server=$T/server way=up
	echo first >$FROM/grow
	copy -X follow=1 grow
	server=$ours
	is 1
	what="$who, follow, directories"
	copy -r -X follow=1 d
	is 255
	says "cannot be used with directories"

	# sftp
	what="$who, sftp"
	again
	printf 'sub/three\none\n' >$T/list
	(echo "get -r $FROM/d $TO"; echo "put -r $FROM/d $TO/up") >$T/batch
	mkdir $TO/up
	$SFTP -q -D $server -b $T/batch -X files-from=$T/list -X log=$LOG \
	    >$OUT 2>&1 || fail "$what: `cat $OUT`"
	there "d/one d/sub/three up/d/one up/d/sub/three "
	grep "^copied.*$TAB$FROM/d/sub/three\$" $LOG >/dev/null ||
	    fail "$what: `cat $LOG`"
	$SFTP -q -D $server -b $T/batch -X existing=fail -X status=detailed \
	    >$OUT 2>&1
	status=$?
	is 250
done

# A connection that is lost: of all that was to be copied there is a line, and
# what the log says has failed is the rest
mkdir -p $FROM/lost/a $FROM/lost/b/c
for i in 1 2 3 4 5 6 7 8 9; do
	echo $i >$FROM/lost/a/$i
	head -c ${i}00000 /dev/zero >$FROM/lost/b/$i
	echo $i$i >$FROM/lost/b/c/$i
done
for way in up down; do
	for fault in open:*:exit:4 close:*:exit:7 readdir:b:exit mkdir:c:exit \
	    write:*:exit:9 read:*:exit:9 realpath:*:exit:1; do
		what="$way, lost at $fault"
		again
		printf '#!/bin/sh\nexec %s -f "%s"\n' $OBJ/hpn-badsftp "$fault" \
		    >$T/server
		chmod +x $T/server
		server=$T/server
		copy -r -X log=$LOG lost
		server=$SFTPSERVER
		# The other way has no such request
		test $status != 0 || continue
		is 255
		(cd $FROM/lost && find . -type f | sed 's,^\./,,') | sort >$T/all
		sed 's/^failed.*[^/]$/&=/;s/^copied.*/&=/;1d' $LOG | cut -f 4 | \
		    sed 's/=$/$/;s,^\./,,;s/^/^/' >$T/logged
		grep -v -f $T/logged $T/all && fail "$what: no line: `cat $LOG`"
		copy -r -X files-from=$LOG -X log=$LOG lost
		is 0
		diff -r $FROM/lost $TO/lost >$OUT || fail "$what: `cat $OUT`"
		n=`wc -l <$LOG`
		copy -r -X files-from=$LOG -X log=$LOG lost
		is 0
		test $n = `wc -l <$LOG` ||
		    fail "$what: copied for ever: `tail -n 3 $LOG`"
	done
done

# What we made ourselves is not "there already", though it is opened once more
what="existing=fail, answers in another order"
server=$T/server way=up
printf '#!/bin/sh\nexec %s -h 3 -s 7\n' $OBJ/hpn-badsftp >$T/server
again
copy -r -X existing=fail lost
is 0
diff -r $FROM/lost $TO/lost >$OUT || fail "$what: `cat $OUT`"

# A directory does not go where a file is
for way in up down; do
	for opts in "-X existing=skip" -Z; do
		what="$way, $opts, the target is a file"
		again
		rmdir $TO
		echo file >$TO
		copy -r $opts d/.
		is 1
		test "`cat $TO`" = file || fail "$what: it was changed"
	done
done

# All answers are taken, though there is nothing to do
what="nothing to do" way=up
printf '#!/bin/sh\n%s -w 100 | { cat; echo $? >%s; }\n' $OBJ/hpn-badsftp \
    $T/taken >$T/server
again
copy -X exclude=one d/one
is 0
test "`cat $T/taken`" = 0 || fail "$what: the server could not answer"

# Each file is written out, by whoever has the disk
what="fsync"
printf '#!/bin/sh\nexec %s -O 0 -l %s\n' $OBJ/hpn-badsftp $T/requests >$T/server
again
copy -r d
is 0
grep '^fsync' $T/requests && fail "$what: nobody asked for it"
copy -r -X fsync=yes d
is 0
test `grep -c '^fsync' $T/requests` = 5 ||
    fail "$what: `grep -c '^fsync' $T/requests` of 5 files"
way=down
again
copy -v -r d
is 0
grep 'syncing' $OUT && fail "$what: nobody asked for it"
copy -v -r -X fsync=yes d
is 0
test `grep -c 'syncing' $OUT` = 5 || fail "$what, down: `cat $OUT`"

# What arrives and is something else
for way in up down; do
	what="status=detailed, $way, what was read is not what is there"
	printf '#!/bin/sh\nexec %s -E -f "read:one:flip"\n' $OBJ/hpn-badsftp \
	    >$T/server
	again
	copy -r -X verify=yes -X log=$LOG -X status=detailed d
	is 254
	logged one failed 4
	copy -r -X verify=yes d
	is 1
done

what="hard links, a server without them"
printf '#!/bin/sh\nexec %s -E\n' $OBJ/hpn-badsftp >$T/server
way=up
again
copy -r -X preserve=hardlinks hard
is 0
says "has no hardlink@openssh.com"
diff -r $FROM/hard $TO/hard >$OUT || fail "$what: `cat $OUT`"

server=$SFTPSERVER way=up

# One that cannot be followed any more is said to be so once, the others are followed
what="follow, one of two goes"
again
echo first >$FROM/grow
echo other >$FROM/goes
timeout -k 5 $HANG $SCP -D $server -X follow=yes $FROM/grow $FROM/goes x:$TO \
    >$OUT 2>&1 &
scp=$!
followed
until cmp $FROM/goes $TO/goes >/dev/null 2>&1; do
	kill -0 $scp 2>/dev/null || fatal "$what: ended: `cat $OUT`"
	sleep 0.1
done
rm $FROM/goes
until grep "cannot be followed" $OUT >/dev/null; do
	kill -0 $scp 2>/dev/null || fatal "$what: ended: `cat $OUT`"
	sleep 0.1
done
for more in second third; do
	echo $more >>$FROM/grow
	followed
done
test `grep -c "cannot be followed" $OUT` = 1 || fail "$what: `cat $OUT`"
# ... nor is what the target takes no longer: that ends it
rm $TO/grow
mkdir $TO/grow
echo fourth >>$FROM/grow
status=0
wait $scp || status=$?
is 1
rmdir $TO/grow

# Files of two file systems may have the same number
if test "`id -u`" = 0 && mkdir -p $FROM/fs/a $FROM/fs/b &&
    mount -t tmpfs -o size=64k tmpfs $FROM/fs/a 2>/dev/null; then
	what="hard links on two file systems"
	if mount -t tmpfs -o size=64k tmpfs $FROM/fs/b 2>/dev/null; then
		for name in a b; do
			echo in $name >$FROM/fs/$name/one
			ln $FROM/fs/$name/one $FROM/fs/$name/two
		done
		test `stat -c %i $FROM/fs/a/one` = `stat -c %i $FROM/fs/b/one` ||
		    verbose "$what: the numbers differ here"
		again
		copy -r -X preserve=hardlinks fs
		is 0
		diff -r $FROM/fs $TO/fs >$OUT || fail "$what: `cat $OUT`"
		one_file $TO/fs/b/one $TO/fs/b/two
		umount $FROM/fs/b
	fi
	umount $FROM/fs/a
else
	echo "$tid (skipped: two file systems: no root or no mount)"
fi

# What leads out of the source is refused before anything is done
again
for name in /etc/passwd ../x d/../../x sub/.. ..; do
	what="a list with $name"
	printf 'one\n%s\n' $name >$T/list
	copy -X files-from=$T/list d
	is 255
	says "name 2: .* leads out of the source"
	there ""
done
what="a log with ../x"
printf '#openssh-hpn copy log 1\nfailed\t1\t2\t../x\n' >$T/list
copy -X files-from=$T/list d
is 255
says "leads out of the source"
what="a log that is none"
printf '#openssh-hpn copy log 1\nfailed\t1\t2\tone\nfailed\t1\t2' >$T/list
copy -X files-from=$T/list d
is 255
says "last line of .* is not complete"
printf '#openssh-hpn copy log 1\nfailed\t1\t2\tone\nfailed\t1\t2\n' >$T/list
copy -X files-from=$T/list d
is 255
says "line 3 of .* is none of a log"
what="a list for two sources"
echo one >$T/list
$SCP -D $server -X files-from=$T/list $FROM/d $FROM/d x:$TO >$OUT 2>&1
status=$?
is 255
says "of one source"
what="patterns that are none"
for pattern in '' / '[a' '- x' '[[:alpha:]]'; do
	copy -r -X "exclude=$pattern" d
	is 255
done
for arg in log= fsync=x preserve=acl preserve= follow= follow=1m sparse= dryrun=maybe nospace= nospace=1h existing= existing=no update=no files-from= status=x; do
	what="-X $arg"
	copy -r -X $arg d
	is 255
done
there ""
what="-O"
$SCP -O -X existing=skip $FROM/d/one x:$TO >$OUT 2>&1
status=$?
is 255
says "asked for with -Z or -X needs SFTP, it cannot be used with -O"

# What is wrong with -X is said, and what could stand there: for each that the
# completion of the shell knows
for option in `sed -n "/^_openssh_hpn_x_names=/,/'\$/p" $SRC/../hpn-completion.bash |
    tr "'" ' ' | sed 's/^.*=//'`; do
	what="-X $option"
	copy -X $option d/one
	is 255
	says "^.*-X $option: write $option="
done
for option in sparse=maybe update= existing=yes follow=-1 channels=11; do
	what="-X $option"
	copy -X $option d/one
	is 255
	says "^.*-X $option: write ${option%%=*}="
done
what="-X exclud=x"
copy -X exclud=x d/one
is 255
says "^.*-X exclud=x: there is no such option"
there ""

# The log is nobody's else
for kind in link log fifo dir other; do
	what="the log is a $kind"
	rm -rf $LOG
	case $kind in
	link)	: >$T/precious; ln -s precious $LOG ;;
	log)	echo "#openssh-hpn copy log 1" >$T/other; ln -s other $LOG ;;
	fifo)	mkfifo $LOG ;;
	dir)	mkdir $LOG ;;
	other)	echo "not a log, and long enough" >$LOG ;;
	esac
	copy -X log=$LOG d/one
	is 255
	says "^.*-X log: "
	there ""
done
test ! -s $T/precious -a `wc -l <$T/other` = 1 ||
    fail "the log followed a link"
rm -rf $LOG

# A full disk does not disturb the copy
if test "`id -u`" = 0 && mkdir $T/disk &&
    mount -t tmpfs -o size=16k tmpfs $T/disk 2>/dev/null; then
	what="the log's disk is full"
	mkdir $T/many
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		: >$T/many/a_long_name_so_that_few_lines_fit_$i
	done
	copy -X log=$T/disk/log d/one
	head -c 100000 /dev/zero >$T/disk/fill 2>/dev/null
	# As much as is left of the page that the log has
	left=`expr 4096 - \`wc -c <$T/disk/log\``
	head -c `expr $left - 150` /dev/zero | tr '\0' '\n' >>$T/disk/log
	FROM=$T
	copy -r -X log=$T/disk/log many
	FROM=$T/from
	is 0
	says "lines of .*disk/log\" could not be written: No space left"
	test `ls $TO/many | wc -l` = 20 || fail "$what: not all were copied"
	tail -c 1 $T/disk/log | od -An -c | grep '\\n' >/dev/null ||
	    fail "$what: half a line"
	umount $T/disk
else
	echo "$tid (skipped: a full disk: no root or no mount)"
fi

# The patterns are rsync's
RSYNC=`command -v rsync` || RSYNC=
test -n "$RSYNC" || echo "$tid (skipped: comparison with rsync, which is not there)"
if test -n "$RSYNC"; then
	rm -rf $T/tree
	mkdir $T/tree
	for a in a b foo .x 'w*'; do
		for b in foo bar.c a; do
			mkdir -p "$T/tree/$a/$b"
			: >"$T/tree/$a/x.o"
			: >"$T/tree/$a/$b/foo.c"
			: >"$T/tree/$a/$b/a"
			mkdir "$T/tree/$a/$b/foo"
			: >"$T/tree/$a/$b/foo/bar"
		done
	done
	: >$T/tree/bar
	: >"$T/tree/a/b\\"
	n=0
	while read -r line; do
		set -f
		set -- $line
		set +f
		for arg in "$@"; do
			shift
			case $arg in
			+*)	set -- "$@" include="${arg#+}" ;;
			*)	set -- "$@" exclude="${arg#-}" ;;
			esac
		done
		rm -rf $TO $T/by-rsync
		mkdir $TO $T/by-rsync
		xs=$#
		for arg in "$@"; do
			shift
			set -- "$@" "--$arg"
		done
		$RSYNC -r "$@" $T/tree/ $T/by-rsync/ >$OUT 2>&1 ||
		    fail "rsync: $line: `cat $OUT`"
		for arg in "$@"; do
			shift
			set -- "$@" -X "${arg#--}"
		done
		timeout $HANG $SCP -D $server -r "$@" $T/tree/. x:$TO >$OUT 2>&1 ||
		    fail "scp: $line: `cat $OUT`"
		diff -r $T/by-rsync $TO >$OUT ||
		    fail "not as rsync: $line: `cat $OUT`"
		n=`expr $n + 1`
	done <<-END
	-foo
	-foo/
	-/foo
	-/foo/
	-a/foo
	-/a/foo
	-*.c
	-*.c/
	-*
	-/*
	-/*/a
	-a/*
	-a/**
	-a/***
	-/a/***
	-**/foo
	-**foo
	-**/foo/
	-a/**/foo
	-a/**/bar
	-a**r
	-/**/a
	-?
	-[ab]
	-[!ab]
	-[^a-z]*
	-.*
	-w\\*
	-w[*]
	-w*
	-\\*
	+*/ +*.c -*
	+/a/ +/a/foo/ +/a/foo/** -*
	+/a/*** -*
	+foo/*** +*/ -*
	+/a +/b -/* -foo.c
	-a +a/foo
	+foo/bar -bar
	-foo/*
	-foo/** +bar
	-/b/**/foo +/b -b
	-*o -b*
	-**/a/**
	-***
	-x.o +**/a -a
	-foo/foo
	-/foo/foo
	-foo/foo/
	-a/a/a
	-/*/*/*
	-*/*/*/
	-**.c/**
	-**/**/bar
	-a[/]foo
	-a/foo[!/]c
	-fo[!/]*/a
	-b\\
	-b*\\
	-*\\\\
	-a/foo/foo/bar
	-?/foo/*
	END
	verbose "$n lists of patterns as rsync"
	test $n -gt 50 || fail "only $n lists of patterns were compared"
fi
