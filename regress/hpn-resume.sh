# SPDX-License-Identifier: ISC
#
# scp -Z, sftp's reget, reput and -a, and -X verify=yes: what is there is
# compared with the source first; what is its beginning is gone on with, what is
# something else is left alone or replaced whole, as the user says; what was
# copied is compared.  Disks fill up.  Servers lie.
#
# usage: make t-exec LTESTS=hpn-resume
#
# Servers: ours, the sftp-server beside what TEST_SSH_STOCK_SSHD names, which
# has no hashes, and hpn-badsftp.

tid="hpn resume"

. $SRC/hpn-lib

hpn_helper hpn-badsftp
make_tmpdir
T=$SSH_REGRESS_TMP
FROM=$T/from
TO=$T/to
LOG=$OBJ/hpn-resume.log
SERVER=$OBJ/hpn-resume-server.sh
HANG=`hpn_times 120`

cleanup_resume ()
{
	umount -l $T/disk 2>/dev/null
	rm -f $LOG $LOG.* $SERVER
}
trap cleanup_resume EXIT

bytes ()
{
	head -c $1 /dev/urandom
}

# overwrite FILE OFFSET: with what comes
overwrite ()
{
	dd of=$1 bs=1 seek=$2 conv=notrunc 2>/dev/null
}

# overwrite_at FILE OFFSET: as overwrite, for more than a few bytes
overwrite_at ()
{
	dd of=$1 bs=65536 seek=$2 oflag=seek_bytes conv=notrunc 2>/dev/null
}

# flip FILE OFFSET: a byte of it is another one, and not zero
flip ()
{
	_b=`dd if=$1 bs=1 skip=$2 count=1 2>/dev/null | od -An -tu1`
	_b=`expr $_b % 255 + 1`
	_b=`printf %03o $_b`
	printf "\\$_b" | overwrite $1 $2
}

# copy ARG...: what follows is $way, from $FROM/... to $TO/...; status in $status
copy ()
{
	_opts=
	while test $# -gt 1; do
		_opts="$_opts $1"
		shift
	done
	if test $way = up; then
		_from=$FROM/$1 _to=x:$TO
	else
		_from=x:$FROM/$1 _to=$TO
	fi
	status=0
	timeout -k 5 $HANG $SCP -v $_opts -D $server $_from $_to \
	    >$LOG.out 2>$LOG || status=$?
	test $status -lt 124 -o $status -eq 255 || \
	    fatal "$what: hangs or died, status $status"
}

# moved: bytes that the last copy has moved
moved ()
{
	sed -n 's/.*loaded: [0-9]* files*.*, \([0-9]*\) bytes in.*/\1/p' $LOG
}

# good BYTES [FILE]: it went well, moved so many bytes, and all is right
good ()
{
	test $status -eq 0 || fail "$what: status $status: `cat $LOG`"
	test "`moved`" = "$1" || fail "$what: `moved` bytes moved, not $1"
	cmp $FROM/${2-f} $TO/${2-f} >$LOG.cmp 2>&1 || \
	    fail "$what: `cat $LOG.cmp`"
}

# refused PATTERN: nothing was changed, and it was said why
refused ()
{
	test $status -ne 0 || fail "$what: status 0"
	cmp $T/before $TO/f || fail "$what: the file was changed"
	test "`moved`" = 0 || fail "$what: `moved` bytes moved"
	_n=`grep -c "/f\".*$1.*left as it is" $LOG`
	test "$_n" = 1 || \
	    fail "$what: it does not say '$1': `cat $LOG`"
}

says ()
{
	grep "$1" $LOG >/dev/null || fail "$what: it does not say '$1'"
}

SIZE=3000001
mkdir $FROM $TO
bytes $SIZE >$FROM/f
touch -d '2005-06-07 08:09:10' $FROM/f

servers=$SFTPSERVER
for sshd in $TEST_SSH_STOCK_SSHD; do
	servers="$servers `dirname $sshd`/../libexec/sftp-server"
done

for server in $servers; do
	test -x $server || {
		verbose "$server is not there"
		continue
	}
	hash=no who=stock
	test $server != $SFTPSERVER || {
		who=ours
		! ldd $SFTPSERVER 2>/dev/null | grep xxhash >/dev/null || \
		    hash=yes
	}
	for way in up down; do
		verbose "$who, hashes $hash, $way"
		# What there may be of it
		for there in none 0 1 65535 65536 65537 1048575 1048576 \
		    1048577 `expr $SIZE - 1` $SIZE; do
			what="$who, $way, $there bytes are there"
			rm -f $TO/f
			test $there = none || head -c $there $FROM/f >$TO/f
			copy -Z f
			test $there != none || there=0
			good `expr $SIZE - $there`
			if test $hash = yes; then
				test $there = 0 || says "by hash 1"
				says "verified: 1 file, $SIZE bytes by hash"
			elif test $there != 0; then
				says "is read back and compared"
			fi
		done
		what="$who, $way, times"
		copy -Z -p f
		good 0
		test -z "`find $TO/f -newer $FROM/f`" || fail "$what: differ"

		# Something else is there
		for at in 0 1 1048577 `expr $SIZE - 1`; do
			what="$who, $way, byte $at differs"
			cp $FROM/f $TO/f
			flip $TO/f $at
			cp $TO/f $T/before
			# Without hashes only the end is seen
			test $hash = yes || test $at -gt 2000000 || {
				copy -Z -X verify=yes f
				refused "differs .* at byte $at:"
				continue
			}
			copy -Z f
			refused "differs .* at byte $at:"
			copy -Z -X resume=replace f
			good $SIZE
			says "replaced 1"
		done
		what="$who, $way, larger"
		cp $FROM/f $TO/f
		echo >>$TO/f
		cp $TO/f $T/before
		copy -Z f
		refused "has `expr $SIZE + 1` bytes"
		copy -Z -X resume=size f
		refused "has `expr $SIZE + 1` bytes"
		copy -Z -X resume=replace f
		good $SIZE

		# The trace of an interruption: zeros in place of data
		for at in `expr $SIZE - 900001` `expr $SIZE - 100`; do
			what="$who, $way, zeros at $at"
			cp $FROM/f $TO/f
			head -c 70 /dev/zero | overwrite $TO/f $at
			# Where the source has a zero there is no difference
			at=`cmp -l $FROM/f $TO/f | awk 'NR == 1 { print $1 - 1 }'`
			copy -Z f
			good `expr $SIZE - $at`
		done

		# Of full size, and a hole or other bytes far from the end
		what="$who, $way, a hole far from the end"
		cp $FROM/f $TO/f
		head -c 70000 /dev/zero | overwrite_at $TO/f 200000
		at=`cmp -l $FROM/f $TO/f | awk 'NR == 1 { print $1 - 1 }'`
		copy -Z f
		good `expr $SIZE - $at`
		test $hash = yes || says "what is there is read back and"
		test $way = down || {
			what="$who, $way, a hole, and the source's time"
			cp $FROM/f $TO/f
			head -c 200000 /dev/zero | overwrite_at $TO/f 200000
			touch -r $FROM/f $TO/f
			copy -Z f
			test $status -eq 0 || fail "$what: status $status"
			cmp $FROM/f $TO/f || fail "$what: called whole"
		}
		what="$who, $way, another version, half of it written over"
		cp $FROM/f $TO/f
		flip $TO/f 500000
		cp $TO/f $T/before
		copy -Z f
		refused "differs .* at byte 500000:"

		what="$who, $way, size and time"
		head -c 1000000 $FROM/f >$TO/f
		flip $TO/f 5
		copy -Z -X resume=size f
		if test $hash = yes; then
			test $status -ne 0 || fail "$what: status 0"
		else
			# The end of what several channels sent is sent again.
			kept=1000000
			test $way != up || kept=0
			test "`moved`" = `expr $SIZE - $kept` || \
			    fail "$what: `moved` bytes"
			says "by size and time 1"
			says "trusted by its size and time"
		fi
		what="$who, $way, an older one"
		head -c 1000000 $FROM/f >$TO/f
		touch -d 2001-02-03 $TO/f
		cp $TO/f $T/before
		copy -Z -X resume=size f
		test $hash = yes || refused "is older than"

		# Any copy can be compared
		what="$who, $way, verify"
		rm -f $TO/f
		copy -X verify=yes f
		good $SIZE
		if test $hash = yes; then
			says "verified: 1 file, $SIZE bytes by hash, 0 by"
		else
			says "verified: 1 file, 0 bytes by hash, $SIZE by"
			says "no hashes: what is copied is read back"
		fi
		head -c 2000000 $FROM/f >$TO/f
		copy -Z -X verify=yes f
		good 1000001
		says "verified: 1 file"
		copy -Z -X verify=no f
		good 0
	done

	# A tree: what is refused is one file of it
	for way in up down; do
		what="$who, tree, $way"
		rm -rf $FROM/tree $TO/tree
		mkdir -p $FROM/tree/sub $TO/tree/sub
		for i in 1 2 3 4 5 6 7 8 9; do
			bytes ${i}0000 >$FROM/tree/sub/$i
		done
		bytes 2000000 >$FROM/tree/big
		: >$FROM/tree/empty
		cp $FROM/tree/sub/[1-4] $TO/tree/sub
		head -c 10000 $FROM/tree/sub/5 >$TO/tree/sub/5
		flip $TO/tree/sub/3 500
		cp $TO/tree/sub/3 $T/before
		echo more >>$TO/tree/sub/4
		chmod 555 $TO/tree/sub
		copy -r -Z tree
		chmod 755 $TO/tree/sub
		test $status -ne 0 || fail "$what: status 0"
		says "whole 2, continued 1, replaced 0, refused 2;"
		grep "sub/3\" differs .* at byte 500" $LOG >/dev/null || \
		    fail "$what: sub/3 is not named"
		grep "sub/4\" has" $LOG >/dev/null || \
		    fail "$what: sub/4 is not named"
		cmp $T/before $TO/tree/sub/3 || fail "$what: sub/3 was changed"
		copy -r -Z -X resume=replace tree
		diff -r $FROM/tree $TO/tree >$LOG.cmp || \
		    fail "$what: `head -n 2 $LOG.cmp`"
		test "`moved`" = 70000 || fail "$what: `moved` bytes moved"
		copy -r -Z tree
		test "`moved`" = 0 || fail "$what: `moved` bytes moved again"
		rm -rf $TO/tree
		copy -r -X verify=yes tree
		diff -r $FROM/tree $TO/tree >$LOG.cmp || \
		    fail "$what: `head -n 2 $LOG.cmp`"
		says "verified: 11 files, "
	done

	# sftp says the same in its own words
	for cmd in "reget $FROM/f $TO/f" "reput $FROM/f $TO/f" \
	    "get -a $FROM/f $TO/f" "put -a $FROM/f $TO/f"; do
		what="$who, $cmd"
		head -c 1000000 $FROM/f >$TO/f
		echo "$cmd" | timeout -k 5 $HANG $SFTP -v -b - -D $server \
		    >$LOG.out 2>$LOG || fail "$what: status $?"
		status=0
		good 2000001
		cp $FROM/f $TO/f
		flip $TO/f 2500000
		cp $TO/f $T/before
		status=0
		echo "$cmd" | timeout -k 5 $HANG $SFTP -v -b - -D $server \
		    >$LOG.out 2>$LOG || status=$?
		refused "differs .* at byte 2500000"
		echo more >>$TO/f
		echo "$cmd" | timeout -k 5 $HANG $SFTP -v -b - -D $server \
		    -X resume=replace >$LOG.out 2>$LOG || fail "$what: $?"
		status=0
		good $SIZE
		rm -f $TO/f
		echo "$cmd" | timeout -k 5 $HANG $SFTP -v -b - -D $server \
		    >$LOG.out 2>$LOG || fail "$what: status $?"
		status=0
		good $SIZE
	done
done

# Where it cannot hold
for args in "-O -Z $FROM/f x:$TO/f" "-3 -O -Z x:$FROM/f y:$TO/f" \
    "-Z $FROM/f $TO/f" "-X verify=yes -O x:$FROM/f $TO" \
    "-X resume=always x:$FROM/f $TO" \
    "-X verify=maybe x:$FROM/f $TO"; do
	what="scp $args"
	rm -f $TO/f
	timeout -k 5 $HANG $SCP -S /bin/false $args 2>$LOG && \
	    fail "$what: status 0"
	# Of a wrong value, what could be written comes first
	case $args in
	*=always*|*=maybe*)	lines=2 ;;
	*)			lines=1 ;;
	esac
	test `wc -l <$LOG` -eq $lines || fail "$what: `cat $LOG`"
	test ! -e $TO/f || fail "$what: copied"
done

# A disk that is full: a small one if we may mount it; else files that may not
# grow beyond a limit
server=$SFTPSERVER
mkdir $T/disk
bytes 4000000 >$FROM/a
bytes 4000000 >$FROM/b
if test "`id -u`" -eq 0 && \
    mount -t tmpfs -o size=6m tmpfs $T/disk 2>/dev/null; then
	full=disk
else
	full=limit
	verbose "no tmpfs here: a limit for files takes its place"
fi
TO_WAS=$TO
TO=$T/disk
for way in up down; do
	for file in a b; do
		what="full $full, $way, $file"
		if test $full = disk; then
			rm -f $T/disk/*
			head -c 3000000 /dev/zero >$T/disk/filler
			copy -Z $file
			rm -f $T/disk/filler
		else
			rm -f $T/disk/*
			trap '' XFSZ
			(ulimit -f 5000; copy -Z $file; exit $status) && \
			    fail "$what: status 0"
			status=1
		fi
		test $status -ne 0 || fail "$what: status 0"
		there=`wc -c <$T/disk/$file`
		verbose "$what: $there bytes fit"
		head -c $there $FROM/$file | cmp - $T/disk/$file || \
		    fail "$what: not the beginning of the source"
		test $there -gt 0 -a $there -lt 4000000 || fail "$what: $there"
		copy -Z $file
		good `expr 4000000 - $there` $file
	done
done
TO=$TO_WAS
rm -f $FROM/a $FROM/b
umount $T/disk 2>/dev/null

# A copy over a shorter file of another time, which ends too early, leaves a part
# of the source, and none of what was there.
server=$SERVER
for way in up down; do
	what="$way, an end after some data over an older file"
	case $way in
	up)	fault=write:f:exit:20 ;;
	down)	fault=read:f:exit:20 ;;
	esac
	(echo "#!/bin/sh"; echo "exec $OBJ/hpn-badsftp -E -f $fault") >$SERVER
	chmod 755 $SERVER
	tail -c 2500000 $FROM/f >$TO/f
	copy "" f
	test $status -ne 0 || fail "$what: status 0"
	there=`wc -c <$TO/f`
	verbose "$what: $there bytes are there"
	test $there -gt 0 || fail "$what: nothing is there"
	head -c $there $FROM/f | cmp - $TO/f || fail "$what: it is both"
done
server=$SFTPSERVER
way=up
what="what was there may not be cut"
(echo "#!/bin/sh"; echo "exec $SFTPSERVER -P hash-ranges,fsetstat") >$SERVER
server=$SERVER
tail -c 2500000 $FROM/f >$TO/f
copy "" f
cmp $FROM/f $TO/f || fail "$what: differs"

# Servers that lie.  Whatever they say: an end, an error if anything is wrong,
# and nothing written elsewhere.
mkdir -p $T/outside
echo precious >$T/outside/precious
others ()
{
	find $T ! -path "$TO/*" ! -path $T/before -type f \
	    -exec cksum {} + | sort
}
others >$OBJ/hpn-resume.others
# bad DEMAND OPTION...: copies with such a server.  DEMAND: ok, all is right;
# fail, an error; any: right or an error
bad ()
{
	demand=$1
	shift
	(
		echo "#!/bin/sh"
		printf "exec $OBJ/hpn-badsftp -l $LOG.bad"
		printf " '%s'" "$@"
		echo
	) >$SERVER
	chmod 755 $SERVER
	server=$SERVER
	for opts in "-Z" "-X verify=yes" "-Z -X verify=yes"; do
		for way in up down; do
			what="$way, $opts, server $*"
			rm -f $TO/f $LOG.bad
			test "$opts" = "-X verify=yes" || \
			    head -c 1500000 $FROM/f >$TO/f
			copy $opts f
			case $demand$status in
			ok0)	cmp $FROM/f $TO/f || fail "$what: differs" ;;
			ok*)	fail "$what: status $status: `cat $LOG`" ;;
			fail0)	fail "$what: status 0" ;;
			any0)	cmp $FROM/f $TO/f || fail "$what: differs" ;;
			*)	grep -v "debug1\|loaded:\|verified:\|was there:" \
				    $LOG >/dev/null || \
				    fail "$what: status $status, no message"
			esac
			test "$opts" = "-X verify=yes" || \
			    test `wc -c <$TO/f` -ge 1048576 || \
			    fail "$what: what was there was thrown away"
			# Never again what is there: without -Z it is nothing
			test "$opts" = "-X verify=yes" || awk '
			    $1 == "write" && $3 < 1048576 { exit 1 }' \
			    $LOG.bad || fail "$what: it was written again"
			others >$LOG.others
			cmp -s $OBJ/hpn-resume.others $LOG.others || \
			    fail "$what: wrote elsewhere:" \
			    `diff $OBJ/hpn-resume.others $LOG.others`
			verbose "$what: $status"
		done
	done
}
rm -f $TO/f
others >$OBJ/hpn-resume.others
bad ok -w 1
bad ok -E
bad ok -h 5 -s 3
bad ok -E -h 5 -s 3
bad ok -f 'hash:f:short'
for way in up down; do
	what="$way, short answers, a difference beyond the first"
	cp $FROM/f $TO/f
	flip $TO/f 1900000
	cp $TO/f $T/before
	copy -Z f
	refused "differs .* at byte 1900000:"
done
bad any -f 'hash:f:flip'
bad any -f 'hash:f:flip:2'
for wrong in truncated wrong-id wrong-type empty oversize huge garbage exit \
    twice; do
	bad any -f "hash:f:$wrong"
	bad any -f "hash:f:$wrong:1"
	bad any -E -f "read:f:$wrong"
done
bad ok -f 'hash:f:status=4'
bad ok -f 'hash:f:status=3:1'
bad any -f 'stat:f:lie-size'
bad any -f 'fstat:f:lie-size'
bad any -f 'any:f:no-attrs'
bad any -x 200
bad any -x 100000
# Answers that are short and come in any order, and then an end without a word:
# there is never a hole in what -Z leaves
way=down server=$SERVER
rm -f $TO/f
for seed in 1 2 3 4 5 6 7 8 9 10 11 12; do
	what="$way, an end after answers in any order, seed $seed"
	(echo "#!/bin/sh"; echo "exec $OBJ/hpn-badsftp -h 20 -R 20000" \
	    "-s $seed -x 400000") >$SERVER
	copy -Z f
	test $status -ne 0 || break
	there=`wc -c <$TO/f`
	head -c $there $FROM/f | cmp - $TO/f || \
	    fail "$what: a hole in $there bytes"
	verbose "$what: $there bytes"
done
server=$SFTPSERVER
copy -Z f
good `expr $SIZE - $there`
# A hole of zeros is a trace of an interruption only if what is behind it is the
# source's: all of that would be cut
for server in $servers; do
	for way in up down; do
		what="$way, $server, zeros and behind them somebody's data"
		cp $FROM/f $TO/f
		head -c 131072 /dev/zero | overwrite_at $TO/f 1000000
		bytes 500000 | overwrite_at $TO/f 2000000
		cp $TO/f $T/before
		copy -Z f
		refused differs
		what="$way, $server, zeros and behind them what should be"
		cp $FROM/f $TO/f
		head -c 131072 /dev/zero | overwrite_at $TO/f 1000000
		copy -Z f
		good `expr $SIZE - 1000000`
	done
done

# The same command means the same, also for a tree whose target is made by it
mkdir -p $FROM/tree/sub
cp $FROM/f $FROM/tree/sub/f
echo small >$FROM/tree/small
for way in up down; do
	what="$way, a tree to a new name, twice"
	rm -rf $TO/new
	for again in 1 2; do
		if test $way = up; then
			_from=$FROM/tree _to=x:$TO/new
		else
			_from=x:$FROM/tree _to=$TO/new
		fi
		timeout -k 5 $HANG $SCP -v -Z -r -D $SFTPSERVER $_from $_to \
		    >$LOG.out 2>$LOG || fail "$what: `cat $LOG`"
		diff -r $FROM/tree $TO/new/tree || fail "$what: differs"
		test "`ls $TO/new`" = tree || fail "$what: `ls $TO/new`"
	done
	test "`moved`" = 0 || fail "$what: `moved` bytes moved again"
done
rm -rf $FROM/tree $TO/new

# A part stays open to the next attempt, whatever its source may be
chmod 444 $FROM/f
way=up server=$SERVER
rm -f $TO/f
what="up, -p, a source that is read-only, a write fails"
(echo "#!/bin/sh"; echo "exec $OBJ/hpn-badsftp -f write:f:status=4:3") >$SERVER
copy -Z -p f
test $status -ne 0 || fail "$what: status 0"
case `ls -l $TO/f` in
-rw*)	;;
*)	fail "$what: `ls -l $TO/f`" ;;
esac
server=$SFTPSERVER
copy -Z -p f
test $status -eq 0 || fail "$what: again: `cat $LOG`"
cmp $FROM/f $TO/f || fail "$what: again: differs"
case `ls -l $TO/f` in
-r--r--r--*)	;;
*)	fail "$what: again: `ls -l $TO/f`" ;;
esac
chmod 644 $FROM/f $TO/f

# Where nobody could find a hole, no more is under way than what is read back.
# The server answers after it has all that comes, and soon ends.
way=up server=$SERVER
for opts in -E "-f hash:f:status=3"; do
	for part in 0 500000; do
		what="up, what is under way without hashes, $opts, $part"
		head -c $part $FROM/f >$TO/f
		rm -f $LOG.requests
		(echo "#!/bin/sh"; echo "exec $OBJ/hpn-badsftp -h 10000 $opts" \
		    "-x `expr $part + $part / 2000 + 450` -l $LOG.requests") >$SERVER
		copy -Z -X buffer=32768 f
		sum=`awk '$1 == "write" { n += $4 } END { print n + 0 }' \
		    $LOG.requests`
		verbose "$what: $sum bytes"
		test $sum -gt 1000000 -a $sum -le 2400000 || \
		    fail "$what: $sum bytes"
	done
done
# One file that the server will not hash, after another: that one is compared in
# full all the same
what="up, one file without hashes"
mkdir $FROM/two
head -c 700000 $FROM/f >$FROM/two/a
head -c 600000 $FROM/f >$FROM/two/b
head -c 500000 $FROM/f | tee $TO/a >$TO/b
(echo "#!/bin/sh"; echo "exec $OBJ/hpn-badsftp -f hash:b:status=3") >$SERVER
status=0
timeout -k 5 $HANG $SCP -v -Z -D $server $FROM/two/a $FROM/two/b x:$TO \
    >$LOG.out 2>$LOG || status=$?
test $status -eq 0 || fail "$what: status $status: `cat $LOG`"
cmp $FROM/two/a $TO/a && cmp $FROM/two/b $TO/b || fail "$what: differ"
says "verified: 1 file, 700000 bytes by hash, 500000 by reading back; not verified: 1"
rm -rf $TO/a $TO/b $FROM/two

# What is only to be written to, a drop box: nobody can compare, so the user's
# word decides.  root may read everything unless that is taken from it.
if test "`id -u`" -ne 0; then
	less=
elif less="setpriv --bounding-set=-dac_override,-dac_read_search" && \
    $less true 2>/dev/null; then
	:
else
	less=no
	verbose "drop boxes: skipped, no setpriv here to be less than root"
fi
ALL_OF_SCP=$SCP
for server in $servers; do
	test -x $server -a "$less" != no || continue
	SCP="$less $ALL_OF_SCP"
	for way in up down; do
		what="drop box, $way, $server"
		for there in 0 1000000; do
			rm -f $TO/f
			head -c $there $FROM/f >$TO/f
			chmod 200 $TO/f
			if test $there -gt 0; then
				copy -Z f
				test $status -ne 0 || fail "$what: status 0"
				says '"[^"]*/f" could not be compared'
				copy -Z -X resume=size f
			else
				copy -Z f
			fi
			test $way != up || there=0
			test "`moved`" = `expr $SIZE - $there` || \
			    fail "$what: $there are there: `cat $LOG`"
			chmod u+rw $TO/f
			good `expr $SIZE - $there`
			says "not verified: 1"
		done
		# What is whole need not be written to
		chmod 400 $TO/f
		copy -Z f
		good 0
		rm -f $TO/f
		head -c 1000000 $FROM/f >$TO/f
		chmod 400 $TO/f
		copy -Z f
		test $status -ne 0 || fail "$what: not to be written: status 0"
		says "\"[^\"]*/f\": [Pp]ermission denied"
		test `wc -c <$TO/f` -eq 1000000 || fail "$what: changed"
		rm -f $TO/f
	done
done
SCP=$ALL_OF_SCP

# Another user's FIFO that may only be read, or only written to: nobody waits for
# the other end of it
if test "$less" != no; then
	SCP="$less $ALL_OF_SCP"
	way=down server=`echo $servers | cut -d ' ' -f 1`
	for mode in 400 200; do
		what="a FIFO of mode $mode"
		rm -f $TO/f
		mkfifo -m $mode $TO/f
		copy -Z f
		test $status -eq 1 || fail "$what: status $status"
		says "open local \".*/f\": Permission denied"
		rm -f $TO/f
	done
fi
SCP=$ALL_OF_SCP

# What nobody may write to, of which there is nothing to write: again and again
for server in $servers; do
	test -x $server -a "$less" != no || continue
	SCP="$less $ALL_OF_SCP"
	rm -rf $FROM/tree
	mkdir $FROM/tree
	: >$FROM/tree/empty
	echo more >$FROM/tree/other
	chmod 444 $FROM/tree/*
	for way in up down; do
		what="empty and read-only, $way, $server"
		rm -rf $TO/tree
		for again in 1 2 3; do
			copy -r -p -Z tree
			test $status -eq 0 || fail "$what: $again: `cat $LOG`"
		done
		diff -r $FROM/tree $TO/tree || fail "$what: differ"
	done
	rm -rf $FROM/tree $TO/tree
done
SCP=$ALL_OF_SCP

# A program that is running cannot be written to: it is left alone if it is whole,
# also where a server that may have few files open refuses those in the same words
mkdir $FROM/tree
for i in `seq 60`; do
	bytes 3000 >$FROM/tree/$i
done
for real in $servers; do
	test -x $real || continue
	way=up server=$real what="onto a running program, $server"
	rm -rf $TO/tree $TO/run
	cp "`command -v sleep`" $FROM/run
	cp $FROM/run $TO/run
	$TO/run $HANG &
	running=$!
	# Until it is that program
	for i in `seq 50`; do
		(: >>$TO/run) 2>/dev/null || break
		sleep 0.1
	done
	if (: >>$TO/run) 2>/dev/null; then
		verbose "$what: left out: the system lets it be written to"
		kill $running
		continue
	fi
	for opts in "" -p; do
		copy -Z $opts run
		good 0 run
	done
	flip $FROM/run 100
	cp $TO/run $T/before
	copy -Z -X resume=replace run
	test $status -eq 1 || fail "$what: differs: status $status"
	says "dest open \".*/run\": Failure"
	cp $TO/run $FROM/run
	echo more >>$FROM/run
	copy -Z run
	test $status -eq 1 || fail "$what: is longer: status $status"
	says "dest open \".*/run\": Failure"
	cmp $T/before $TO/run || fail "$what: it was changed"

	what="a tree with a running program, few open files, $server"
	cp $TO/run $FROM/tree/31run
	mkdir $TO/tree
	mv $TO/run $TO/tree/31run
	server=$SERVER
	(echo "#!/bin/sh"; echo "ulimit -n 24"; echo "exec $real") >$SERVER
	chmod 755 $SERVER
	copy -Z -r tree
	test $status -eq 0 || fail "$what: status $status: `cat $LOG`"
	diff -r $FROM/tree $TO/tree || fail "$what: differ"
	kill $running
	wait $running 2>/dev/null
done
rm -rf $FROM/tree $FROM/run $TO/tree

# Interrupted by the user, with -p: the part stays open to the next attempt
if test "$less" != no; then
	what="reget -p of a source that is read-only, interrupted"
	chmod 444 $FROM/f
	rm -f $TO/f
	: >$LOG.requests
	(echo "#!/bin/sh"
	 echo "exec $OBJ/hpn-badsftp -w 40 -l $LOG.requests") >$SERVER
	echo "reget -p $FROM/f $TO/f" >$LOG.batch
	$less $SFTP -R 2 -B 32768 -b $LOG.batch -D $SERVER >$LOG 2>&1 &
	for i in `seq 200`; do
		test `grep -c '^read' $LOG.requests` -lt 5 || break
		sleep 0.1
	done
	kill -INT $!
	wait $! && fail "$what: status 0"
	test -s $TO/f -a `wc -c <$TO/f` -lt $SIZE || fail "$what: `ls -l $TO/f`"
	$less $SFTP -b $LOG.batch -D $SFTPSERVER >$LOG 2>&1 || \
	    fail "$what: again: `cat $LOG`"
	cmp $FROM/f $TO/f || fail "$what: again: differs"
	chmod 644 $FROM/f
	rm -f $TO/f
fi

# A source that changes meanwhile is said to have, and the next attempt does not
# take for good what is of the old one: not even where only the end is looked at.
for opts in -E ""; do
	for way in up down; do
		what="a source that changes, $way, badsftp $opts"
		touch -d 2020-01-01 $FROM/f
		rm -f $TO/f
		: >$LOG.requests
		server=$SERVER
		(echo "#!/bin/sh"
		 echo "exec $OBJ/hpn-badsftp $opts -w 20 -l $LOG.requests") \
		    >$SERVER
		(
			while test `grep -c '^read\|^write' \
			    $LOG.requests` -lt 5; do
				sleep 0.05
			done
			flip $FROM/f 10
		) &
		copy -Z -X buffer=32768 f
		wait $!
		test $status -ne 0 || fail "$what: status 0"
		says "changed while it was copied\|differs"
		(echo "#!/bin/sh"; echo "exec $OBJ/hpn-badsftp $opts") >$SERVER
		copy -Z f
		test $status -eq 0 && ! cmp $FROM/f $TO/f && \
		    fail "$what: again: status 0, and they differ"
		copy -Z -X resume=replace f
		test $status -eq 0 || fail "$what: replaced: `cat $LOG`"
		cmp $FROM/f $TO/f || fail "$what: replaced: differs"
	done
done

# Compared, and of another length all the same
way=up server=$SERVER
what="verify=yes over a longer one that cannot be cut"
(echo "#!/bin/sh"; echo "exec $OBJ/hpn-badsftp -f 'fsetstat:*:status=4'") >$SERVER
(cat $FROM/f; echo more) >$TO/f
copy -X verify=yes f
test $status -ne 0 || fail "$what: status 0, `wc -c <$TO/f` bytes"

# A device keeps nothing that could be compared
way=down server=$SFTPSERVER
for opts in "" -Z; do
	what="$opts, a device, compared"
	status=0
	timeout -k 5 $HANG $SCP $opts -X verify=yes -D $server x:$FROM/f \
	    /dev/null 2>$LOG || status=$?
	test $status -eq 1 || fail "$what: status $status"
	says "/dev/null.* is not a regular file"
done

# To itself, compared: it has another time then, but has not changed.  scp does not
# even empty a large one.
itself="hash -E"
ldd $SFTPSERVER 2>/dev/null | grep xxhash >/dev/null || {
	verbose "put onto itself, compared: left out, for without libxxhash" \
	    "another time is all that a client can go by"
	itself=
}
for opts in $itself; do
	test $opts = -E || opts=
	(echo "#!/bin/sh"; echo "exec $OBJ/hpn-badsftp $opts") >$SERVER
	for server in $SFTPSERVER $SERVER; do
		for size in 0 1 20000 $SIZE; do
			what="put onto itself, $size bytes, compared, $server $opts"
			bytes $size >$TO/self
			touch -d 2020-01-01 $TO/self
			cp $TO/self $T/before
			if test $size = $SIZE; then
				$SCP -X verify=yes -D $server $TO/self \
				    x:$TO/self
			else
				printf 'put %s %s\n' $TO/self $TO/self | $SFTP \
				    -X verify=yes -b - -D $server
			fi >$LOG.out 2>$LOG || fail "$what: status $?: `cat $LOG`"
			cmp $T/before $TO/self || \
			    fail "$what: `wc -c <$TO/self` bytes are left"
			test $TO/self -nt $FROM/f -o $size = 0 || \
			    fail "$what: nothing was written"
			says "verified: 1 file, $size bytes by hash\|verified: 1 file, 0 bytes by hash, $size by reading"
		done
	done
done
rm -f $TO/self

# What arrives is not what the server has: only a comparison finds it
way=down server=$SERVER
for opts in "-X verify=yes" "-Z"; do
	what="$opts, a bit of the data is wrong"
	(echo "#!/bin/sh"; echo "exec $OBJ/hpn-badsftp -f read:f:flip:5") \
	    >$SERVER
	rm -f $TO/f
	copy $opts f
	test $status -ne 0 || fail "$what: status 0"
	grep '/f" differs from ".*/f" after the copy' $LOG >/dev/null || \
	    fail "$what: `cat $LOG`"
	# With a server that does right the same command goes on
	server=$SFTPSERVER
	copy -Z f
	test $status -eq 0 || fail "$what: again: `cat $LOG`"
	cmp $FROM/f $TO/f || fail "$what: again: differs"
	server=$SERVER
done
rm -f $OBJ/hpn-resume.others

# A source that ends before its size is no success, wherever the end comes, and
# nothing is written behind it; a server that has all goes on
early ()
{
	(echo "#!/bin/sh"; printf "exec $OBJ/hpn-badsftp -l $LOG.bad"
	    printf " '%s'" "$@"; echo) >$SERVER
	chmod 755 $SERVER
	way=down
	for opts in -Z "-X verify=yes" "-Z -X verify=yes"; do
		what="$opts, a source that ends early, server $*"
		server=$SERVER
		rm -f $TO/f
		test "$opts" = "-X verify=yes" || \
		    head -c 1000000 $FROM/f >$TO/f
		copy $opts f
		test $status -ne 0 || fail "$what: status 0"
		says '/f" ended after [0-9]* of [0-9]* bytes\|/f" changed while'
		there=0
		test ! -e $TO/f || {
			there=`wc -c <$TO/f`
			head -c $there $FROM/f | cmp - $TO/f || \
			    fail "$what: a hole in $there bytes"
		}
		verbose "$what: $there bytes"
		server=$SFTPSERVER
		copy -Z f
		good `expr $SIZE - $there`
	done
}
early -f 'read:f:status=1'
early -f 'read:f:status=1:1'
early -f 'read:f:status=1:4'
early -E -f 'read:f:status=1:40'
early -h 6 -s 2 -f 'read:f:status=1:3'
early -f 'read:f:end=1500000'
early -h 6 -s 4 -f 'read:f:end=1500000'
early -E -f 'read:f:end=1500000'
rm -f $SERVER $LOG.bad

# What comes before what precedes it waits in memory: of all files together no
# more than 64 MiB, besides what is under way, and then all go on
what="files whose first answers come late"
mkdir $FROM/late
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
	: >$FROM/late/$i
	truncate -s 12M $FROM/late/$i
	bytes 1000 >>$FROM/late/$i
done
(echo "#!/bin/sh"; echo "exec $OBJ/hpn-badsftp -l $LOG.bad -f read:*:late=0") \
    >$SERVER
chmod 755 $SERVER
way=down server=$SERVER
rm -rf $TO/late $LOG.bad
copy -r -Z late
test $status -eq 0 || fail "$what: status $status: `cat $LOG`"
diff -r $FROM/late $TO/late >$LOG.cmp || fail "$what: `head -n 2 $LOG.cmp`"
grep '^late' $LOG.bad >/dev/null || fail "$what: none did"
# Whatever was answered before the first of them is held
held=`awk '$1 == "late" { exit } $1 == "read" { sum += $4 }
    END { print int(sum / 1048576) }' $LOG.bad`
verbose "$what: $held MiB"
test $held -le 80 || fail "$what: $held MiB are held"
rm -rf $FROM/late $TO/late $LOG.bad

# Many short answers, in any order: none costs more than the one before
what="many short answers"
bytes 12000000 >$FROM/short
(echo "#!/bin/sh"; echo "exec $OBJ/hpn-badsftp -s 933516 -R 70000") >$SERVER
HANG_WAS=$HANG HANG=`hpn_times 60`
for opts in "" -Z; do
	rm -f $TO/short
	copy $opts short
	test $status -eq 0 || fail "$what: status $status: `tail -n 3 $LOG`"
	cmp $FROM/short $TO/short || fail "$what: differs"
	verbose "$what, $opts: `sed -n 's/.* bytes in //p' $LOG`"
done
HANG=$HANG_WAS
rm -f $FROM/short $TO/short $SERVER
