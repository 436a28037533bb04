# SPDX-License-Identifier: ISC
#
# dmscp and what may be wrong with a set of fragments, its manifest, and a server:
# nothing is ever called complete that is not, and nothing hangs.
#
#	dmscp == hpn-badsftp == folder
#
# usage: make t-exec LTESTS=hpn-dmscp-hostile

tid="dmscp, hostile"

. $SRC/hpn-dmscp-lib

MOST=`hpn_times 40`
mkdir -p $T/right $T/out
hpn_random $DATA 3
cat >$OBJ/hpn-dmscp.bad.sh <<EOD
#!/bin/sh
cd $T
exec $OBJ/hpn-badsftp \$BAD
EOD
chmod 755 $OBJ/hpn-dmscp.bad.sh
BAD=
export BAD

# Servers that never say anything: half a minute, meanwhile the rest
cat >$OBJ/hpn-dmscp.silent.sh <<EOD
#!/bin/sh
exec sleep `hpn_times 300`
EOD
chmod 755 $OBJ/hpn-dmscp.silent.sh
SILENCE=
LONG=`hpn_times 90`
for how in "-T 0 -w -s h -f f" "-T 1 -r -s h -f f" "-T 0 -w -s h -R cat" \
    "-T 1 -w -s h -R cat"; do
	( status=0
	text=`timeout $LONG $DMSCP -program \
	    $OBJ/hpn-dmscp.silent.sh $how </dev/null 2>&1` || status=$?
	echo "$status $text" >>$T/silent ) &
	SILENCE="$SILENCE $!"
done

dm ()
{
	status=0
	timeout $MOST $DMSCP -program $OBJ/hpn-dmscp.bad.sh "$@" 2>$LOG || \
	    status=$?
	test $status != 124 || fail "$tid: BAD=\"$BAD\": dmscp $* hangs"
	test $status -lt 126 -o $status -ge 250 || \
	    fail "$tid: BAD=\"$BAD\": dmscp $*: status $status: `cat $LOG`"
	test $status = 0 -o -s $LOG || \
	    fail "$tid: BAD=\"$BAD\": dmscp $*: status $status, no word"
}

dm -w -F 700k somehost:right/s <$DATA
test $status = 0 || fatal "cannot make a set: `cat $LOG`"
cp -r $T/right $T/s

# refused WHAT STATUS PATTERN: the set in $T/s is not read as if it were whole.
# With status 255 not a byte of it is.
refused ()
{
	dm -r somehost:s/s >$T/out/copy
	test $status = $2 || fail "$1: status $status, not $2: `cat $LOG`"
	grep "$3" $LOG >/dev/null || fail "$1: does not say $3: `cat $LOG`"
	test $2 = 254 -o ! -s $T/out/copy || fail "$1: data came out"
	verbose "$1: ok"
	rm -rf $T/s
	cp -r $T/right $T/s
}

# seal: give the manifest a last line that fits.  The hash of a stream is in the
# manifest of a set that is made of it.
seal ()
{
	sed '$d' $T/s/s.manifest >$T/out/m
	rm -f $T/out/h*
	dm -w -F 1g -S 0 somehost:out/h <$T/out/m
	(cat $T/out/m; sed -n 's/^hash xxh3-128 /end /p' $T/out/h.manifest) \
	    >$T/s/s.manifest
}

rm $T/s/s.0003
refused "missing fragment" 255 'fragment 3.*missing'
head -c 1000 $T/right/s.0002 >$T/s/s.0002
refused "short fragment" 255 'fragment 2.*1000 bytes'
(cat $T/right/s.0002; echo) >$T/s/s.0002
refused "long fragment" 255 'fragment 2.*bytes instead'
(echo x; tail -c +3 $T/right/s.0002) >$T/s/s.0002
refused "changed fragment" 254 'fragment 2'
cp $T/right/s.0002 $T/s/s.0003
refused "doubled fragment" 254 'fragment 3'
rm $T/s/s.0002
mkdir $T/s/s.0002
refused "a folder as a fragment" 255 'fragment 2'
rm $T/s/s.manifest
refused "no manifest" 255 'no manifest'
: >$T/s/s.manifest
refused "empty manifest" 255 'no manifest'
head -c 100 $T/right/s.manifest >$T/s/s.manifest
refused "part of a manifest" 255 'cannot be used'
sed 's/^dmscp-manifest 1/dmscp-manifest 2/' $T/right/s.manifest >$T/s/s.manifest
refused "later manifest" 255 'another version'
sed 's/^fragment 2 \(.*\) \(.\)/fragment 2 \1 0/' $T/right/s.manifest \
    >$T/s/s.manifest
cmp -s $T/right/s.manifest $T/s/s.manifest || \
    refused "edited manifest" 255 'changed after'
(cat $T/right/s.manifest; echo more) >$T/s/s.manifest
refused "manifest that goes on" 255 'follows its last line'
sed 's/^count .*/count 99999999999/' $T/right/s.manifest >$T/s/s.manifest
refused "manifest with too many fragments" 255 'cannot be used'
head -c 90000000 /dev/zero >$T/s/s.manifest
refused "huge manifest" 255 'too long'
for object in /etc/passwd ../s x .. "a b"; do
	sed "s,^object .*,object $object," $T/right/s.manifest >$T/s/s.manifest
	seal
	refused "manifest of object $object" 255 'another object'
done
sed "/^fragment 5/d; s/^count .*/count 4/" $T/right/s.manifest >$T/s/s.manifest
seal
refused "manifest without a fragment" 255 'add up'
# Only the hash of the whole is another
sed "s/^hash xxh3-128 ..../hash xxh3-128 0123/" $T/right/s.manifest \
    >$T/s/s.manifest
seal
refused "manifest with another hash of the whole" 254 'the whole'
ls -R $T | grep passwd && fail "a file was made"

# A manifest that grows while it is read, where no time tells that
BAD="-f fstat:*.manifest:no-times -f fstat:*.manifest:lie-more:1"
refused "manifest that grows" 254 'has changed'
BAD=
# Servers that break the rules, writing and reading.  What is called done is.
n=0
for op in open write read close lstat stat fstat rename remove hash init limits any
do
	for wrong in status=4 status=3 wrong-id wrong-type truncated empty \
	    oversize huge garbage twice exit lie-size flip short long-data; do
		for after in 0 2; do
			case $wrong:$op in
			flip:read|flip:hash|short:hash|long-data:read) ;;
			flip:*|short:*|long-data:*) continue ;;
			lie-size:*stat) ;;
			lie-size:*) continue ;;
			esac
			BAD="-f $op:*:$wrong:$after"
			rm -rf $T/w
			mkdir $T/w
			dm -w -T 1 -F 1m -force somehost:w/s <$DATA
			if test $status = 0; then
				cat $T/w/s.0??? | cmp -s - $DATA || \
				    fail "$BAD: write: complete, but is not"
				test -f $T/w/s.manifest || \
				    fail "$BAD: complete without a manifest"
			fi
			dm -w -T 1 somehost:w/f <$DATA
			test $status != 0 || cmp -s $T/w/f $DATA || \
			    fail "$BAD: write file: complete, but is not"
			# Nothing of the run before counts if there is no file
			status=lost
			dm -r -T 1 somehost:right/s >$T/out/copy
			test -f $T/out/copy -a -f $T/right/s.manifest || \
			    fatal "$BAD: somebody removes $T"
			test $status != 0 || cmp -s $T/out/copy $DATA || \
			    fail "$BAD: read: complete, but is not"
			n=`expr $n + 3`
		done
	done
done
verbose "$n runs with servers that break a rule"

# ... that are odd within the rules, and fail by chance
for seed in 1 2 3 4 5 6 7 8 9 10; do
	BAD="-r -s $seed"
	rm -rf $T/w
	mkdir $T/w
	dm -w -T 2 -F 200k somehost:w/s <$DATA
	test $status != 0 || cat $T/w/s.0??? | cmp - $DATA || \
	    fail "$BAD: complete, but is not"
	first=$status
	dm -r -T 2 somehost:right/s >$T/out/copy
	test $status != 0 || cmp $T/out/copy $DATA || \
	    fail "$BAD: read: complete, but is not"
	verbose "odd server $seed: $first, $status"
done

# -force, where the server has no request for it: what has the name is removed first,
# and nothing else is
for seed in 1 2 3 4 5 6; do
	BAD="-E -o 10 -s $seed"
	rm -rf $T/w
	mkdir $T/w
	dm -w -F 700k -force somehost:w/s <$DATA
	test $status = 0 || fail "-force, $BAD: status $status: `cat $LOG`"
	cat $T/w/s.0??? | cmp - $DATA || fail "-force, $BAD: complete, but is not"
done
verbose "-force, requests for other names in another order: ok"
cat >$OBJ/hpn-dmscp.once.sh <<EOD
#!/bin/sh
cd $T
test ! -f $T/once || exec $OBJ/hpn-badsftp -E
: >$T/once
exec $OBJ/hpn-badsftp -E -f rename:*:exit
EOD
cat >$OBJ/hpn-dmscp.old.sh <<EOD
#!/bin/sh
cd $T
exec $SFTPSERVER -P posix-rename
EOD
chmod 755 $OBJ/hpn-dmscp.once.sh $OBJ/hpn-dmscp.old.sh
for F in "" "-F 700k"; do
	for how in once old; do
		rm -rf $T/w $T/once
		mkdir $T/w
		BAD=
		test $how = once || head -c 700000 $DATA | \
		    dm -w $F somehost:w/s
		status=0
		timeout $MOST $DMSCP -program $OBJ/hpn-dmscp.$how.sh -w -T 5 \
		    -force $F somehost:w/s <$DATA 2>$LOG || status=$?
		test $status = 0 || \
		    fail "-force $F, $how: status $status: `cat $LOG`"
		rm -f $T/w/s.manifest
		cat $T/w/s* | cmp - $DATA || \
		    fail "-force $F, $how: complete, but is not"
		verbose "-force $F, $how: ok"
	done
done
# survives NAME [STATUS]: a file is written to a server with the faults of $BAD
survives ()
{
	rm -rf $T/w
	mkdir $T/w
	dm -w ${OPTIONS:--T 2} somehost:w/f <$DATA
	test $status = ${2:-0} || \
	    fail "$1: status $status, not ${2:-0}: `cat $LOG`"
	test $status != 0 || cmp $T/w/f $DATA || fail "$1: complete, but is not"
	test $status = 0 -o ! -f $T/w/f || fail "$1: status $status, and is there"
	verbose "$1: ok"
}
# Hashes of what was refused say nothing, and are asked for once more
OPTIONS="-T 20"
BAD="-f write:f.part:status=4:2+1 -f hash:f.part:status=4:1+1"
survives "a write is refused, and a hash of it"
BAD="-f write:f.part:status=4:2+1 -f hash:f.part:late:1+1"
survives "a write is refused, and a hash of before comes when it is written"
# ... but not again and again
OPTIONS=
BAD="-f write:f.part:silence:2"
survives "hashes, and no answer to writes" 251
# What is lent to the pipe must not change before it is read, nobody would see that
for OPTIONS in "-buffer 1m -nochecksum" "-buffer 1m"; do
	BAD="-f write:f.part:early"
	survives "acknowledged before it was sent, $OPTIONS" 255
	grep 'had not got yet' $LOG >/dev/null || fail "early: `cat $LOG`"
done

# A file system that writes later says of a write that what it took before is lost.
# That was acknowledged and compared, and is not there
BAD="-f write:f.part:loses=1000:8+1"
survives "what was acknowledged is lost" 254
# Where nothing is compared, nobody could tell what is lost
OPTIONS="-T 20 -nochecksum -fsync"
for what in fsync close; do
	BAD="-O 0 -f $what:f.part:loses=1000:0+1"
	survives "what was acknowledged is lost, $what, $OPTIONS" 255
	grep 'may be lost' $LOG >/dev/null || fail "$what: `cat $LOG`"
done
OPTIONS=
# ... or it does not come to say so: the connection breaks.  The next time everything
# is well, as the system has told that to somebody.  $AGAIN: what the server is then
cat >$OBJ/hpn-dmscp.again.sh <<EOD
#!/bin/sh
cd $T
echo >>$T/once
case \`wc -l <$T/once\` in
1)	exec $OBJ/hpn-badsftp \$BAD ;;
2)	exec $OBJ/hpn-badsftp \$SECOND ;;
*)	exec $OBJ/hpn-badsftp \$AGAIN ;;
esac
EOD
chmod 755 $OBJ/hpn-dmscp.again.sh
SECOND=
AGAIN=
export SECOND AGAIN
# unsaid WHAT STATUS ARG...
unsaid ()
{
	_what="$1, and not said"
	_status=$2
	shift 2
	rm -rf $T/w $T/once
	mkdir $T/w
	status=0
	timeout $MOST $DMSCP -program $OBJ/hpn-dmscp.again.sh -w -T 20 "$@" \
	    <$DATA 2>$LOG || status=$?
	test `wc -l <$T/once` -gt 1 || fail "$_what: there was one connection"
	expect "$_what" $_status
}
BAD="-f write:f.part:loses=1000:8+1 -f write:f.part:exit:8+1"
unsaid "what was acknowledged is lost" 254 somehost:w/f
BAD="-f close:f.part:loses=1000 -f close:f.part:exit"
unsaid "what was acknowledged is lost by a close" 254 somehost:w/f
SECOND=$BAD
BAD="-f write:f.part:exit:9"
unsaid "what came over two connections is lost by a close" 254 somehost:w/f
BAD="-E $SECOND"
AGAIN="-E"
# Reading back is interrupted, too
SECOND="-E -f read:f.part:exit:5"
unsaid "what was acknowledged is lost by a close, no hashes" 254 somehost:w/f
BAD="-O 0 -f fsync:f.part:loses=1000 -f fsync:f.part:exit"
AGAIN="-O 0"
for SECOND in "-O 0" "-O 0 -f fsync:f.part:exit" "-O 0 -f read:f.part:exit:1"; do
	unsaid "what was acknowledged is lost by an fsync ($SECOND)" 254 \
	    -fsync somehost:w/f
done
# What is at hand is written once more
BAD="-f close:s.manifest.part:loses=99 -f close:s.manifest.part:exit"
SECOND=
AGAIN=
unsaid "a manifest is lost by a close" 0 -F 700k somehost:w/s
dm -r somehost:w/s >$T/out/copy
cmp $T/out/copy $DATA || fail "a manifest is lost by a close: `cat $LOG`"
# An answer that is missing each time is no reason to begin anew each time
BAD="-f close:f.part:exit"
SECOND=$BAD
unsaid "a close" 0 somehost:w/f
cmp $T/w/f $DATA || fail "a close is not answered twice: not what was sent"
# Where connections have broken soon, little is asked for at a time; of one that lasts,
# more again.  hpn-flights counts the round trips of that one
hpn_helper hpn-flights
cat >$OBJ/hpn-dmscp.lasts.sh <<EOD
#!/bin/sh
cd $T
echo >>$T/once
test \`wc -l <$T/once\` -gt 5 ||
	exec $OBJ/hpn-badsftp -E -f read:f.part:exit:40
exec $OBJ/hpn-flights -o $T/flights $OBJ/hpn-badsftp -E
EOD
chmod 755 $OBJ/hpn-dmscp.lasts.sh
rm -rf $T/w $T/once $T/flights
mkdir $T/w
status=0
timeout $MOST $DMSCP -program $OBJ/hpn-dmscp.lasts.sh -w -T 20 \
    -source "head -c 100000000 /dev/zero" somehost:w/f 2>$LOG || status=$?
expect "read back after five short connections" 0
test `wc -l <$T/once` = 6 || fail "read back: `wc -l <$T/once` connections"
trips=`sed -n 's/^trips \([0-9]*\) .*/\1/p' $T/flights`
verbose "read back after five short connections: $trips round trips"
test "$trips" -lt 50 || fail "read back: $trips round trips"
# Of what follows an earlier run's, that one is not to blame
rm -rf $T/w
mkdir $T/w
head -c 1100000 $DATA >$T/w/f.part
chmod 600 $T/w/f.part
BAD="-E -f read:f.part:flip:50"
dm -w -T 2 -resume somehost:w/f <$DATA
expect "-resume, and damage behind the old part" 254 'arrived damaged'
BAD="-E -f read:f.part:flip"
dm -w -T 2 -resume somehost:w/f <$DATA
expect "-resume, and damage in the old part" 254 'earlier run'
# The connection is lost before the old part of a file that is to be replaced is
# removed: the server gets the first four requests, which have 81 bytes
cat >$OBJ/hpn-dmscp.once.sh <<EOD
#!/bin/sh
cd $T
test ! -f $T/once || exec $OBJ/hpn-badsftp
: >$T/once
dd bs=1 count=81 2>/dev/null | $OBJ/hpn-badsftp
EOD
rm -rf $T/w $T/once
mkdir $T/w
(cat $DATA; echo) >$T/w/f.part
status=0
timeout $MOST $DMSCP -program $OBJ/hpn-dmscp.once.sh -w -force somehost:w/f \
    <$DATA 2>$LOG || status=$?
test $status = 0 || fail "old part, lost connection: status $status: `cat $LOG`"
cmp $T/w/f $DATA || fail "old part, lost connection: complete, but is not"
# A server that ends each time is not asked again at once for as long as -T
cat >$OBJ/hpn-dmscp.once.sh <<EOD
#!/bin/sh
echo >>$T/once
cd $T
exec $OBJ/hpn-badsftp -f rename:*:exit -f posix-rename:*:exit
EOD
rm -rf $T/w $T/once
mkdir $T/w
status=0
timeout $MOST $DMSCP -program $OBJ/hpn-dmscp.once.sh -w -T 8 somehost:w/f \
    <$DATA 2>$LOG || status=$?
test $status = 251 || fail "ends each time: status $status: `cat $LOG`"
test `wc -l <$T/once` -le 12 || fail "ends each time: asked `wc -l <$T/once` times"
verbose "a server that ends each time: ok"
# The first fragment is refused while the second is written, which is all that the
# buffer has room for: it gets its turn
head -c 24000000 /dev/urandom >$T/long
rm -rf $T/w
mkdir $T/w
BAD="-w 3 -E -f open:s.0001.part:status=3:0+1"
dm -w -force -T 20 -buffer 20m -S 4k -F 250m somehost:w/s <$T/long
test $status = 0 || fail "first fragment refused: status $status: `cat $LOG`"
cat $T/w/s.0??? | cmp - $T/long || \
    fail "first fragment refused: complete, but is not"
verbose "the first fragment is refused: ok"
rm -f $T/long

wait $SILENCE
test `grep -c '^251 .*within 30 seconds' $T/silent` = 4 || \
    fail "silent, -T 0: `cat $T/silent`"
