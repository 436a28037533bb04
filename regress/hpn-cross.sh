# SPDX-License-Identifier: ISC
#
# scp -3: from one server to another.
#
#	server X == scp == server Y
#
# With our servers and stock ones, and servers that break the rules: what is there
# afterwards is the source or counts as failed, and nothing else is changed.
#
# usage: make t-exec LTESTS=hpn-cross

tid="hpn scp -3"

WISH=hpn-cross
. $SRC/hpn-wish-lib

hpn_helper hpn-delay
BAD=$OBJ/hpn-badsftp
SEEDS=${HPN_CROSS_SEEDS:-3}
trap 'rm -f $OUT' EXIT

# both X Y: commands that are the servers of the two hosts
both ()
{
	cat >$T/ssh <<EOD
#!/bin/sh
case "\$*" in
*" x "*) exec $1 ;;
esac
exec $2
EOD
	chmod +x $T/ssh
}

# cross ARG...: copy, NAMES at x to a place at y
cross ()
{
	status=0
	timeout -k 5 $HANG $SCP -S $T/ssh -3 "$@" >$OUT 2>&1 || status=$?
	test $status -lt 124 -o $status -gt 137 || fatal "$what: hangs"
}

same ()
{
	diff -r $1 $2 >$OUT.diff 2>&1 || fail "$what: `head -3 $OUT.diff`"
}

mkdir -p $FROM/d/sub/deep $FROM/d/none
head -c 3000001 /dev/urandom >$FROM/d/large
cp $FROM/d/large $T/large
head -c 65536 /dev/urandom >$FROM/d/sub/edge
: >$FROM/d/empty
_i=0
while test $_i -lt 40; do
	echo "content $_i" >$FROM/d/sub/deep/$_i
	_i=`expr $_i + 1`
done
chmod 640 $FROM/d/sub/edge
touch -d 2001-02-03T04:05:06Z $FROM/d/sub/edge

for x in $servers; do
	for y in $servers; do
		server=$x
		who_is
		what="from $who"
		server=$y
		who_is
		what="$what to $who"
		verbose "$what"
		both $x $y
		pair=$what

		what="$pair, a tree"
		again
		cross -rp x:$FROM/d y:$TO
		is 0
		same $FROM/d $TO/d
		test "`stat -c '%a %Y' $TO/d/sub/edge`" = "640 981173106" ||
		    fail "$what: -p: `stat -c '%a %Y' $TO/d/sub/edge`"
		for cut in 1234567 0 3000001; do
			what="$pair, goes on after $cut bytes"
			again
			head -c $cut $FROM/d/large >$TO/large
			cross -Zv -X verify=yes x:$FROM/d/large y:$TO/large
			is 0
			cmp $FROM/d/large $TO/large || fail "$what: differs"
			says "copied: 1 file, `expr 3000001 - $cut` bytes"
		done
		what="$pair, verify"
		again
		cross -r -X verify=yes x:$FROM/d y:$TO
		is 0
		says "verified: 43 files"
		# The rest is the same for mixed ones.
		test $x = $y || continue

		what="$pair, a file"
		again
		cross x:$FROM/d/large y:$TO/large
		is 0
		cmp $FROM/d/large $TO/large || fail "$what: differs"
		# A longer one is there, and has to get the length of the source
		what="$pair, over a longer file"
		cat $FROM/d/large $FROM/d/large >$TO/large
		cross x:$FROM/d/large y:$TO/large
		is 0
		cmp $FROM/d/large $TO/large || fail "$what: differs"
		what="$pair, onto itself"
		cross x:$TO/large y:$TO/large
		cmp $FROM/d/large $TO/large || fail "$what: the source is lost"
		what="$pair, what has no length"
		cross x:/proc/self/status y:$TO/status
		is 0
		grep '^Pid:' $TO/status >/dev/null || fail "$what: nothing"
		cross x:$FROM/d/large y:/dev/null
		is 0

		what="$pair, a tree that goes on"
		again
		cross -rZp x:$FROM/d y:$TO/new
		is 0
		same $FROM/d $TO/new/d
		rm $TO/new/d/sub/deep/1*
		cross -rZp -X log=$LOG x:$FROM/d y:$TO/new
		is 0
		same $FROM/d $TO/new/d
		test `grep -c '^copied' $LOG` = 12 || fail "$what: `cat $LOG`"
		what="$pair, directories that are there keep their mode"
		rm $TO/new/d/sub/deep/2*
		# Its files are of its group all the while; root has several
		test "`id -u`" -ne 0 || chgrp 65534 $TO/new/d/sub/deep
		chmod 2550 $TO/new/d/sub/deep
		group=`stat -c %g $TO/new/d/sub/deep`
		cross -rZ x:$FROM/d y:$TO/new
		is 0
		same $FROM/d $TO/new/d
		test `stat -c %a $TO/new/d/sub/deep` = 2550 ||
		    fail "$what: `stat -c %a $TO/new/d/sub/deep`"
		for f in $TO/new/d/sub/deep/2*; do
			test `stat -c %g $f` = $group ||
			    fail "$what: $f is of group `stat -c %g $f`"
		done
		chmod 755 $TO/new/d/sub/deep
		what="$pair, another file is there"
		again
		head -c 2000000 /dev/urandom >$TO/large
		cp $TO/large $T/other
		cross -Z x:$FROM/d/large y:$TO/large
		is 1
		says "differs from"
		cmp $T/other $TO/large || fail "$what: was changed"
		cross -Z -X resume=replace x:$FROM/d/large y:$TO/large
		is 0
		cmp $FROM/d/large $TO/large || fail "$what: differs"
		again
		cross -r x:$FROM/d y:$TO
		what="$pair, wishes"
		cross -r -X existing=skip -X log=$LOG x:$FROM/d y:$TO
		is 0
		test `grep -c '^skipped' $LOG` = 43 || fail "$what: `cat $LOG`"
		again
		cross -r -X dryrun=yes x:$FROM/d y:$TO
		is 0
		says "43 files would be copied"
		test -z "`ls $TO`" || fail "$what: `ls $TO`"
		again
		printf 'sub/edge\nsub/deep/7\n' >$T/list
		cross -X files-from=$T/list x:$FROM/d y:$TO
		is 0
		test `find $TO -type f | wc -l` = 2 || fail "$what: `find $TO`"
	done
done

both $SFTPSERVER $SFTPSERVER
verbose "what cannot be done"
what="no such file"
again
cross x:$FROM/not y:$TO
is 1
what="a source that must not be read"
if test "`id -u`" -ne 0; then
	chmod 0 $FROM/d/empty
	cross -r x:$FROM/d y:$TO
	is 1
	says "origin open"
	test ! -e $TO/d/empty || fail "$what: made"
	chmod 600 $FROM/d/empty
fi
what="a directory in the way"
again
mkdir -p $TO/d/empty
cross -r x:$FROM/d y:$TO
is 1
says "dest open"
rmdir $TO/d/empty
cross -r x:$FROM/d y:$TO
is 0
same $FROM/d $TO/d
for no in "-X nospace=wait" "-X sparse=yes" "-O -Z" "-R -X log=$T/log" \
    "-R -X dryrun=yes"; do
	what="$no"
	again
	cross $no x:$FROM/d/large y:$TO
	test $status -ne 0 || fail "$what: status 0"
done
what="HPNDisabled"
again
cross -o HPNDisabled=yes -r x:$FROM/d y:$TO
is 0
same $FROM/d $TO/d

# -R: scp of the first host copies, and is told how
verbose "-R"
mkdir -p $T/bin
printf '#!/bin/sh\nexec %s -S %s "$@"\n' "$SCP" $T/ssh >$T/bin/scp
cat >$T/far <<EOD
#!/bin/sh
echo "\$@" >$T/far.args
while test "\$1" != --; do shift; done
shift 2
PATH=$T/bin:$PATH exec sh -c "\$*"
EOD
chmod +x $T/bin/scp $T/far
far ()
{
	status=0
	timeout -k 5 $HANG $SCP -S $T/far -R "$@" >$OUT 2>&1 || status=$?
}
what="-R -Z, what is there"
again
head -c 1000000 $T/large >$TO/large
far -Z x:$FROM/d/large y:$TO/large
is 0
cmp $FROM/d/large $TO/large || fail "$what: differs"
grep -e ' -n ' $T/far.args >/dev/null || fail "$what: `cat $T/far.args`"
what="-R -Z, something else is there"
echo else >$TO/large
far -Z x:$FROM/d/large y:$TO/large
is 1
test "`cat $TO/large`" = else || fail "$what: was replaced"
what="-R -Z -X resume=replace"
far -Z -X resume=replace -X verify=yes x:$FROM/d/large y:$TO/large
is 0
cmp $FROM/d/large $TO/large || fail "$what: differs"
what="-R -r -Z"
again
far -r -p -Z x:$FROM/d y:$TO
is 0
same $FROM/d $TO/d
if script -qec true /dev/null >/dev/null 2>&1 </dev/null; then
	for _how in "-t " "-n -q" "-n -oHPNDisabled=yes"; do
		what="-R on a terminal, $_how"
		script -qec "$SCP -S $T/far -R ${_how#??} x:$FROM/d/empty y:$TO" \
		    /dev/null >/dev/null </dev/null
		grep -e " ${_how%% *} " $T/far.args >/dev/null || \
		    fail "$what: `cat $T/far.args`"
	done
else
	verbose "a terminal: left out, script(1) cannot make one"
fi

# A source that lies about what it has
verbose "servers that break the rules"
for fault in read:large:status=4:3 read:large:flip:9 open:large:status=3 \
    read:large:end=1000000; do
	what="source: $fault"
	both "$BAD -f $fault" $SFTPSERVER
	again
	cross -r -X verify=yes x:$FROM/d y:$TO
	is 1
	grep large $OUT >/dev/null || fail "$what: `cat $OUT`"
	rm -f $TO/d/large
	cp $FROM/d/large $TO/d
	same $FROM/d $TO/d
done
for fault in write:large:status=4:3 open:large:status=3; do
	what="target: $fault"
	both $SFTPSERVER "$BAD -f $fault"
	again
	cross -r x:$FROM/d y:$TO
	is 1
	grep large $OUT >/dev/null || fail "$what: `cat $OUT`"
done
for names in dotdot slash absolute empty; do
	what="names: $names"
	echo evil >$FROM/hpn-evil
	both "$BAD -d $FROM -f readdir:d:names=$names" $SFTPSERVER
	again
	cross -r x:$FROM/d y:$TO/d
	test ! -e $TO/hpn-evil || fail "$what: it was written"
	same $FROM/d $TO/d
	rm -f $FROM/hpn-evil
done
what="one handle for two files"
both "$BAD -H shared" $SFTPSERVER
again
cross -r x:$FROM/d y:$TO
test $status -ne 0 || same $FROM/d $TO/d
what="few files at a time"
for n in 1 3; do
	both "$BAD -m $n" $SFTPSERVER
	again
	cross -r x:$FROM/d y:$TO
	is 0
	same $FROM/d $TO/d
	both $SFTPSERVER "$BAD -m $n"
	again
	cross -r x:$FROM/d y:$TO
	is 0
	same $FROM/d $TO/d
done
# What came before an interrupt is kept, and gone on with
for args in "" "-Z"; do
	what="interrupted${args:+, }$args"
	both $SFTPSERVER "$BAD -f write:large:slow=20"
	again
	$SCP -S $T/ssh -3 -r $args x:$FROM/d y:$TO >$OUT 2>&1 &
	scp=$!
	until test -s $TO/d/large; do
		kill -0 $scp 2>/dev/null || fatal "$what: nothing came: `cat $OUT`"
		sleep 0.02
	done
	kill -TERM $scp
	status=0
	wait $scp || status=$?
	test $status -ne 0 || fail "$what: status 0"
	got=`stat -c %s $TO/d/large`
	test $got -gt 0 -a $got -le 3000001 || fail "$what: $got bytes"
	cmp -n $got $FROM/d/large $TO/d/large || fail "$what: no part of it"
	both $SFTPSERVER $SFTPSERVER
	cross -Zv -r -X verify=yes x:$FROM/d y:$TO
	is 0
	same $FROM/d $TO/d
done
# What is in a tree besides files
verbose "trees"
both $SFTPSERVER $SFTPSERVER
mkdir -p $FROM/odd/sub $T/else
echo elsewhere >$T/else/file
ln -s $T/else $FROM/odd/to_dir
ln -s $T/else/file $FROM/odd/to_file
echo one >$FROM/odd/one
echo two >$FROM/odd/sub/two
mkfifo $FROM/odd/fifo
ln -s fifo $FROM/odd/to_fifo
what="a tree with links and a FIFO"
again
cross -r -X log=$LOG x:$FROM/odd y:$TO
is 0
says "odd/fifo\": not a regular file"
says "odd/to_fifo\": not a regular file"
test ! -e $TO/odd/fifo -a ! -e $TO/odd/to_fifo || fail "$what: a FIFO"
test -d $TO/odd/to_dir -a ! -L $TO/odd/to_dir || fail "$what: not followed"
rm $FROM/odd/fifo $FROM/odd/to_fifo
same $FROM/odd $TO/odd
test `grep -c "^copied" $LOG` = 4 || fail "$what: `cat $LOG`"
what="patterns"
again
cross -r -X exclude=two -X exclude=to_file x:$FROM/odd y:$TO
is 0
test "`cd $TO && find . ! -type d | sort | tr '\n' ' '`" = \
    "./odd/one ./odd/to_dir/file " || fail "$what: `find $TO`"
what="a FIFO"
mkfifo $FROM/fifo
cross x:$FROM/fifo y:$TO
is 1
says "not a regular file"
rm $FROM/fifo
what="a tree without an end"
deep=$FROM/deep
_i=0
while test $_i -lt 66; do
	deep=$deep/d
	_i=`expr $_i + 1`
done
mkdir -p $deep
again
cross -r x:$FROM/deep y:$TO
is 1
says "Maximum directory depth"
rm -rf $FROM/deep
what="a file where a directory is to be"
again
mkdir $TO/odd
echo mine >$TO/odd/sub
cross -r -X log=$LOG x:$FROM/odd y:$TO
is 1
says "exists but is not a directory"
test "`cat $TO/odd/sub`" = mine || fail "$what: it was changed"
printf 'sub/two\n' >$T/list
rm -f $LOG
cross -X files-from=$T/list -X log=$LOG x:$FROM/odd y:$TO
is 1
grep "^failed.*two" $LOG >/dev/null || fail "$what: `cat $LOG`"
for fault in opendir:sub:status=3 readdir:sub:status=4; do
	what="$fault"
	both "$BAD -f $fault" $SFTPSERVER
	again
	cross -r x:$FROM/odd y:$TO
	is 1
	says "origin readdir .*sub"
	cmp $FROM/odd/one $TO/odd/one || fail "$what: the rest is missing"
done

# What is there is not given up for a source that cannot be read, nor taken for one
# that is complete.
verbose "what must stay"
what="a small source that cannot be read"
both "$BAD -f read:7:status=4" $SFTPSERVER
again
mkdir -p $TO/d/sub/deep
echo precious >$TO/d/sub/deep/7
cross -r -X log=$LOG x:$FROM/d y:$TO
is 1
test "`cat $TO/d/sub/deep/7`" = precious || fail "$what: it was emptied"
grep "^failed.*deep/7" $LOG >/dev/null || fail "$what: `cat $LOG`"
what="a file that appears meanwhile"
both $SFTPSERVER "$BAD -f lstat:large:status=2"
for how in skip fail; do
	again
	echo precious >$TO/large
	cross -X existing=$how x:$FROM/d/large y:$TO/large
	is 1
	test "`cat $TO/large`" = precious || fail "$what, $how: it was changed"
done
what="a target that cannot be looked at"
both $SFTPSERVER "$BAD -f lstat:large:status=3"
again
cross -X existing=skip x:$FROM/d/large y:$TO/large
is 1
says "stat remote"
test ! -e $TO/large || fail "$what: it was made"
what="a target that does not tell its size"
both $SFTPSERVER "$BAD -f fstat:large:no-attrs"
again
head -c 1234567 $FROM/d/large >$TO/large
cross -Z x:$FROM/d/large y:$TO/large
is 1
says "does not tell its size"
cmp -n 1234567 $FROM/d/large $TO/large || fail "$what: it was changed"
test `stat -c %s $TO/large` = 1234567 || fail "$what: its length was changed"
what="by size, from a source that cannot be read"
both "$BAD -f read:large:status=4" "$BAD -E"
again
head -c 1234567 $FROM/d/large >$TO/large
cross -Z -X resume=size x:$FROM/d/large y:$TO/large
is 1
test `stat -c %s $TO/large` = 1234567 || fail "$what: `stat -c %s $TO/large` bytes"
what="a target whose length cannot be set"
both $SFTPSERVER "$BAD -f fsetstat:large:status=3"
again
cat $FROM/d/large $FROM/d/large >$TO/large
cross x:$FROM/d/large y:$TO/large
is 1
says "remote fsetstat .*large"
again
cross x:$FROM/d/large y:$TO/large
is 0
cmp $FROM/d/large $TO/large || fail "$what: differs"
what="a target that cannot be cut off"
head -c 2000000 /dev/urandom >$TO/large
cross -Z -X resume=replace x:$FROM/d/large y:$TO/large
is 1
says "remote fsetstat .*large"
what="times of what is not complete"
both "$BAD -f read:large:status=4:5" $SFTPSERVER
touch -d 2001-02-03T04:05:06Z $FROM/d/large
for args in -p -pZ; do
	again
	cross $args x:$FROM/d/large y:$TO/large
	is 1
	test ! -e $TO/large -o `stat -c %Y $TO/large` -ne 981173106 ||
	    fail "$what, $args: it looks complete"
done
test -e $TO/large || fail "$what: nothing came"

what="fsync"
both $SFTPSERVER "$BAD -O 0 -l $T/asked"
for want in 0 1; do
	again
	rm -f $T/asked
	cross `test $want = 0 || echo -X fsync=yes` x:$FROM/d/large y:$TO/large
	is 0
	test `grep -c '^fsync .*large' $T/asked` = $want ||
	    fail "$what: `grep -c fsync $T/asked` times, not $want"
done

# asked FILE LINE: wait until a server was asked that
asked ()
{
	until grep "$2" $1 >/dev/null 2>&1; do
		kill -0 $scp 2>/dev/null || fatal "$what: ended: `cat $OUT`"
		sleep 0.02
	done
}
what="a small file that grows before it is read"
again
echo little >$FROM/grows
rm -f $T/asked
both "$BAD -l $T/asked -f open:grows:slow=`hpn_times 1000`" $SFTPSERVER
$SCP -S $T/ssh -3 x:$FROM/grows y:$TO/grows >$OUT 2>&1 &
scp=$!
asked $T/asked 'stat .*grows'
# It has been asked for by then, and is not open yet
sleep 0.3
head -c 100000 $FROM/d/large >>$FROM/grows
status=0
wait $scp || status=$?
is 0
cmp $FROM/grows $TO/grows || fail "$what: differs"
for change in "-d 2011-01-01" append; do
	what="the source changes while it is read, $change"
	again
	cp $FROM/d/large $FROM/changes
	touch -d 2001-02-03T04:05:06Z $FROM/changes
	rm -f $T/asked
	both "$BAD -l $T/asked -f read:changes:slow=40" $SFTPSERVER
	$SCP -S $T/ssh -3 -X verify=yes x:$FROM/changes y:$TO/changes \
	    >$OUT 2>&1 &
	scp=$!
	asked $T/asked '^read .*changes'
	case $change in
	append)	echo more >>$FROM/changes
		touch -d 2001-02-03T04:05:06Z $FROM/changes ;;
	*)	touch $change $FROM/changes ;;
	esac
	status=0
	wait $scp || status=$?
	is 1
	says "changed"
done
rm -f $FROM/changes $FROM/grows

# Parts that both have are compared in whatever pieces the servers answer
for servers in "$BAD -f hash:large:short|$SFTPSERVER" \
    "$SFTPSERVER|$BAD -f hash:large:short" "$BAD -E -R 9000|$BAD -E -R 7000"; do
	what="compared by ${servers%%|*} and ${servers##*|}"
	both "${servers%%|*}" "${servers##*|}"
	again
	head -c 1234567 $FROM/d/large >$TO/large
	cross -Zv x:$FROM/d/large y:$TO/large
	is 0
	cmp $FROM/d/large $TO/large || fail "$what: differs"
	says "copied: 1 file, `expr 3000001 - 1234567` bytes"
	# ... and a byte that differs is found, wherever it is
	for at in 0 199999 200000 1234566; do
		head -c 1234567 $FROM/d/large >$TO/large
		printf '%b' "\\0`head -c \`expr $at + 1\` $TO/large | tail -c 1 |
		    od -An -to1 | tr '01234567 ' '76543210\n' | tr -d '\n' |
		    sed 's/^[4-7]/3/'`" | dd of=$TO/large bs=1 seek=$at \
		    conv=notrunc 2>/dev/null
		cmp -s -n 1234567 $FROM/d/large $TO/large &&
		    fatal "$what: nothing was changed"
		cross -Z x:$FROM/d/large y:$TO/large
		is 1
		says "differs from"
	done
done
what="more data than were asked for"
both "$BAD -f read:large:long-data" $SFTPSERVER
again
cross x:$FROM/d/large y:$TO/large
test $status -ne 0 || fail "$what: status 0"
says "more data than asked for"
what="a source that ends where there is something"
both "$BAD -E -f read:large:end=1000000" $SFTPSERVER
again
head -c 1234567 $FROM/d/large >$TO/large
cross -Z x:$FROM/d/large y:$TO/large
is 1

seed=1
while test $seed -le $SEEDS; do
	for args in "-r" "-rZ" "-r -X verify=yes"; do
		what="seed $seed, $args"
		both "$BAD -r -s $seed" "$BAD -r -s `expr 7919 + $seed`"
		again
		cross $args x:$FROM/d y:$TO
		if test $status -eq 0; then
			same $FROM/d $TO/d
		else
			test -s $OUT || fail "$what: no word"
		fi
		cmp $T/large $FROM/d/large || fail "$what: the source was changed"
	done
	seed=`expr $seed + 1`
done

# Far away, many at a time: stock's loop asks five times or more for each file
verbose "a long way"
both "$OBJ/hpn-delay -d 15 env $SFTPSERVER" \
    "$OBJ/hpn-delay -d 15 env $SFTPSERVER"
mkdir $FROM/few
cp $FROM/d/sub/deep/[12]* $FROM/few
timed ()
{
	again
	begun=`date +%s%N`
	cross "$@" -r x:$FROM/few y:$TO
	is 0
	took=`expr \( \`date +%s%N\` - $begun \) / 1000000`
}
what="a long way"
timed -o HPNDisabled=yes
stock=$took
timed
verbose "`ls $FROM/few | wc -l` files, 30 ms to each: $took ms, stock's loop $stock ms"
test `expr $took \* 3` -lt $stock ||
    fail "$what: $took ms, stock's loop takes $stock ms"
