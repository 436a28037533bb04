# SPDX-License-Identifier: ISC
#
# Many small files over several connections on request: each of them has its share,
# all arrives as it was, whatever becomes of a connection, and one that leads somewhere
# else gets nothing.
#
#	scp, sftp == ssh == hpn-delay == sshd == sftp-server, several times
#
# usage: make t-exec LTESTS=hpn-spread

tid="hpn small files over several connections"

LANES=hpn-spread
. $SRC/hpn-lanes-lib

# So that a connection is there before the others have done its work.
HPN_DELAY_MS=`hpn_times 5`
HPN_RATE=2000000
WAS=$OBJ/hpn-spread.was
trap "lanes_cleanup; rm -rf $WAS*" EXIT
lanes_cleanup
rm -rf $WAS*

# Each tells what it has read and written, in a file of its own.
OURS="$SFTPSERVER -e -l INFO 2>>$STARTED.log."'$$'
LANES_SERVER=$OURS

# tree DIR: 2000 files of several sizes, in folders below each other, with times and
# modes of their own.  No two are alike.
tree ()
{
	mkdir -p $1
	dd if=/dev/urandom bs=1048576 count=1 2>/dev/null | od -An -v -tx1 |
	    tr -d ' \n' >$WAS.text
	awk -v dir=$1 '
	BEGIN {
		getline text
		for (i = 0; i < 2000; i++) {
			where = dir "/d" i % 10 "/e" i % 30
			if (!(where in made))
				system("mkdir -p " where)
			made[where] = 1
			size = 500 + i * 7 % 3000
			if (i % 20 < 2)
				size = i % 20
			if (i % 100 == 5)
				size = 100000
			file = where "/f" i
			printf "%s", substr(text, i * 800 + 1, size) >file
			close(file)
		}
	}' <$WAS.text || fatal "cannot make a tree"
	(
		cd $1
		find . -type f -name "*3" -exec chmod 600 {} +
		find . -type f -name "*7" -exec chmod 444 {} +
		find . -type f -exec touch -d "2021-03-04 05:06:07" {} +
		find . -type f -name "*5" -exec touch -d "2001-02-03 04:05:06" {} +
		chmod 555 d5/e25
		find . -type d -exec touch -d "2011-03-04 05:06:07" {} +
	)
}

# tell DIR [TIMES]: what is in it, but the content.
tell ()
{
	(
		cd $1 || exit 1
		find . -exec stat -c "%n %a ${2+%Y} %F" {} + | sort
		find . -type f -exec stat -c "%n %s" {} + | sort
	)
}

succeeded ()
{
	test $status -eq 0 || fail "$what: exit status $status: `tail -n 3 $ERRORS`"
	test ! -s $ERRORS || fail "$what: says `head -n 3 $ERRORS`"
}

# content COPY: the copy has what the tree has.
content ()
{
	succeeded
	diff -rq $HERE/tree $1 >$WAS.diff 2>&1 || fail "$what: `head -n 3 $WAS.diff`"
}

# same COPY [TIMES]: the copy is what the tree is.
same ()
{
	content $1
	tell $HERE/tree $2 >$WAS.one
	tell $1 $2 >$WAS.two
	diff $WAS.one $WAS.two >$WAS.diff || fail "$what: `head -n 5 $WAS.diff`"
}

# moved: how many files each connection has moved, the first one first; $shares: how
# many of the others have moved twenty at least; $others: all of what they did.
moved ()
{
	shares=0 others=0 list=
	while read _pid _session; do
		_n=`grep -c 'close .* bytes read [1-9]\|close .* written [1-9]' \
		    $STARTED.log.$_pid 2>/dev/null`
		list="$list ${_n:-0}"
		test $_session -ne 0 || continue
		others=`expr $others + ${_n:-0}`
		test ${_n:-0} -lt 20 || shares=`expr $shares + 1`
	done <$STARTED
	verbose "$what: files of each connection:$list"
}

# run WHAT COMMAND...
run ()
{
	lanes_run "$@"
	moved
}

few ()
{
	if test "${HPN_SLOWNESS:-1}" -gt "${HPN_TRY:-1}"; then
		hpn_too_slow "$what" "$1"
	else
		fail "$what: $1"
	fi
}

# spread N: so many connections, and each of them has had its share.
spread ()
{
	test $sessions -le $1 || fail "$what: $sessions connections, not $1"
	test $sessions -eq $1 -a $shares -eq `expr $1 - 1` || \
	    few "$sessions connections have moved$list"
}

# nowhere: others were there, and took nothing.
nowhere ()
{
	test $sessions -ge 2 || few "$sessions connections"
	test $others -eq 0 || fail "$what: others have moved $others files"
}

fresh ()
{
	chmod -R u+w $THERE $OTHER 2>/dev/null
	rm -rf $THERE $OTHER
	mkdir -p $THERE $OTHER
}

gone ()
{
	chmod -R u+w $1 2>/dev/null
	rm -rf $1
}

up ()
{
	_what=$1
	shift
	run "$_what, up" $SCP -S $LANES_SSH -q -r "$@" $HERE/tree host:
}

down ()
{
	_what=$1
	shift
	gone $HERE/copy
	run "$_what, down" $SCP -S $LANES_SSH -q -r "$@" host:tree $HERE/copy
}

mkdir -p $HERE $THERE $OTHER
tree $HERE/tree
server
lanes_configure

up "ours" -p -j 4
same $THERE/tree times
spread 4
fresh
up "ours, no times" -j 3
same $THERE/tree
spread 3

# longer DIR: what was there is longer, and its folders were there.
longer ()
{
	find $1 -type d -exec chmod 755 {} +
	find $1 -type f -exec chmod 644 {} +
	find $1 -type f -exec sh -c 'for i; do echo more >>$i; done' - {} +
}
longer $THERE/tree
up "over what was there" -p -j 3
same $THERE/tree times
test $sessions -eq 3 || few "$sessions connections"

fresh
if test -x "$TEST_SSH_STOCK_SSHD"; then
	(
		hpn_server ()
		{
			echo "$TEST_SSH_STOCK_SSHD -i -f $HPN_SSHD_CONFIG" \
			    "-E $HPN_LOG_SERVER"
		}
		lanes_configure
		hpn_stock_only $HPN_SSHD_CONFIG
		up "stock's program" -p -j 3
		hpn_was_stock "$what"
		same $THERE/tree times
		spread 3
		test $RESULT -eq 0
	) || fail "stock's program"
	lanes_configure
else
	echo "no program of stock's: left out"
fi

# sftp, and files of one folder.
fresh
printf 'put -pr %s\n' $HERE/tree >$WAS.batch
run "sftp put -r" $SFTP -q -b $WAS.batch -j 3 -S $LANES_SSH host
grep -v "^sftp> \|^Uploading\|^Entering" $ERRORS >$WAS.errors
mv $WAS.errors $ERRORS
same $THERE/tree times
spread 3
mkdir $HERE/flat $THERE/flat
find $HERE/tree -type f -exec cp -p {} $HERE/flat \;
printf 'cd flat\nmput -p %s/flat/*\n' $HERE >$WAS.batch
for what in "sftp mput" "sftp mput over what was there"; do
	run "$what" $SFTP -q -b $WAS.batch -j 3 -S $LANES_SSH host
	test $status -eq 0 || fail "$what: exit status $status: `tail -n 3 $ERRORS`"
	diff -rq $HERE/flat $THERE/flat >$WAS.diff 2>&1 || \
	    fail "$what: `head -n 3 $WAS.diff`"
	spread 3
	longer $THERE/flat
done

# What is compared is so through the connection that has copied it.
fresh
up "compared" -p -j 3 -X verify=yes
same $THERE/tree times
spread 3

# One connection where no more are wished for, or not enough is to be done.
for option in "-j 1" "-l 400000 -j 4" "-X nrequests=64 -j 4"; do
	fresh
	HPN_RATE=0
	lanes_configure
	up "one ($option)" $option
	same $THERE/tree
	one
done
fresh
rm -rf $HERE/all
mv $HERE/tree $HERE/all
mkdir $HERE/tree
cp -p $HERE/all/d1/e1/* $HERE/tree
DELAY=$HPN_DELAY_MS
HPN_DELAY_MS=0
lanes_configure
up "few files" -j 4
same $THERE/tree
one
# Far away a second one is made before it is known what there is.  It is not broken
# off, and no others are made.
HPN_DELAY_MS=40
lanes_configure
for way in up down; do
	test $way = down || fresh
	$way "few files, far away" -j 4
	test $way = up && same $THERE/tree || content $HERE/copy
	i=0
	while test `wc -l <$STARTED` -lt 2 -a $i -lt `hpn_times 100`; do
		sleep 0.1
		i=`expr $i + 1`
	done
	sleep 0.3
	sessions=`wc -l <$STARTED`
	test $sessions -eq 2 || fail "$what: $sessions connections, not 2"
done
HPN_DELAY_MS=$DELAY
rm -rf $HERE/tree
mv $HERE/all $HERE/tree
HPN_RATE=2000000
lanes_configure

# The others come as soon as the second is let in: its server may take its time.
fresh
server "test \$session = 0 || sleep `hpn_times 10`"
up "others come soon" -j 4
same $THERE/tree
test $sessions -le 4 || fail "$what: $sessions connections, not 4"
test $sessions -eq 4 || few "$sessions connections"
server

# What proves one is asked for before its server has said anything.
cat >$WAS.gate <<EOF
#!/bin/sh
sleep `hpn_times 1`
dd bs=65536 count=1 2>/dev/null >$WAS.first.\$\$
cat $WAS.first.\$\$ -
EOF
chmod 755 $WAS.gate
HPN_DELAY_MS=`hpn_times 20`
for way in up down; do
	test $way = down || fresh
	server "test \$session = 0 || { $WAS.gate | $OURS; exit; }"
	lanes_configure
	rm -f $WAS.first*
	$way "others are asked early" -j 2
	test $way = up && same $THERE/tree || content $HERE/copy
	test $sessions -eq 2 || few "$sessions connections"
	# INIT has 9 bytes
	test -n "`find $WAS.first.* -size +9c 2>/dev/null`" || \
	    few "asked late, or not"
done

# One that is not let in, and does not end either, keeps no file.
cat >$WAS.ssh <<EOF
#!/bin/sh
test "\$HPN_SSH_SESSIONS" != further || exec sleep `hpn_times 60`
exec $SSH -F $HPN_SSH_CONFIG -E $HPN_LOG_CLIENT "\$@"
EOF
chmod 755 $WAS.ssh
server
for way in up down; do
	test $way = down || fresh
	cp $WAS.ssh $LANES_SSH
	$way "others are not let in" -j 4
	test $way = up && same $THERE/tree || content $HERE/copy
	one
done
# Nor do large ones keep the others from being copied: all that may be under way.
gone $HERE/copy
mkdir $HERE/few $HERE/copy
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	hpn_random $HERE/few/f$i 5
done
HPN_RATE=40000000
lanes_configure
cp $WAS.ssh $LANES_SSH
run "others are not let in, large files up" \
    $SCP -S $LANES_SSH -q -r -j 8 $HERE/few host:
diff -rq $HERE/few $THERE/few >$WAS.diff || fail "$what: `head -n 3 $WAS.diff`"
succeeded
run "others are not let in, large files down" \
    $SCP -S $LANES_SSH -q -r -j 8 host:few $HERE/copy
diff -rq $HERE/few $HERE/copy/few >$WAS.diff || fail "$what: `head -n 3 $WAS.diff`"
succeeded
rm -rf $HERE/few $HERE/copy $THERE/few
HPN_RATE=2000000
HPN_DELAY_MS=$DELAY
lanes_configure

# Another host: nothing there is touched, and what is missing there does no harm.
fresh
cp -Rp $HERE/tree $OTHER
find $OTHER -type f -exec touch -d "2005-05-05 05:05:05" {} +
cp -Rp $OTHER/tree $THERE
(cd $OTHER; find . -exec stat -c "%n %a %Y %s" {} + | sort) >$WAS.other
server "test \$session = 0 || { $LANES_SERVER; exit; }"
LANES_SERVER="$OBJ/hpn-badsftp -t $THERE=$OTHER -l $STARTED.bad"
server "test \$session != 0 || exec $OURS"
up "another host" -p -j 3
same $THERE/tree times
grep "^write" $STARTED.bad >/dev/null && fail "$what: it was written to"
test $sessions -ge 2 || few "$sessions connections"
(cd $OTHER; find . -exec stat -c "%n %a %Y %s" {} + | sort) | cmp - $WAS.other ||
    fail "$what: something has changed there"
fresh
up "another host, with nothing" -p -j 3
same $THERE/tree times
test $sessions -ge 2 || few "$sessions connections"
find $OTHER -type f >$WAS.other
test ! -s $WAS.other || fail "$what: files there: `head -n 3 $WAS.other`"

# The same, but for a folder below, which is another one there.
fresh
mkdir -p $THERE/tree/d3 $OTHER/d3
LANES_SERVER="$OBJ/hpn-badsftp -t $THERE/tree/d3=$OTHER/d3 -l $STARTED.bad"
server "test \$session != 0 || exec $OURS"
up "another folder below" -p -j 3
same $THERE/tree times
grep "^write" $STARTED.bad >/dev/null || few "others have written nothing"
find $OTHER -type f >$WAS.other
test ! -s $WAS.other || fail "$what: files there: `head -n 3 $WAS.other`"

# Some end in the middle, at one request or another; others may not do this or that.
for op in open:'f*':exit:30 write:'f*':exit:30 close:'f*':exit:30 \
    open:'f1*':status=3:5 fsetstat:'f1*':status=3:9; do
	fresh
	LANES_SERVER="$OBJ/hpn-badsftp -f $op -l $STARTED.bad"
	server "test \$session != 0 || exec $OURS"
	up "others: $op" -p -j 3
	same $THERE/tree times
	# Before it ends, one of them may have been asked for nothing else
	asked=`grep -c "^${op%%:*} " $STARTED.bad`
	test $asked -ge 9 || few "others were asked to ${op%%:*} $asked times"
done

# What they are asked to set may be done late, long after they have ended: they get
# no modification time that no file is to have.
fresh
LANES_SERVER="$OBJ/hpn-badsftp -l $STARTED.bad"
server "test \$session != 0 || exec $OURS"
up "others: times to keep" -p -j 3
same $THERE/tree times
grep "^fsetstat.* mtime" $STARTED.bad >/dev/null || few "others have set none"
find $HERE/tree -type f -exec stat -c "%Y" {} + | sort -u >$WAS.one
sed -n 's/^fsetstat.* mtime //p' $STARTED.bad | sort -u >$WAS.two
comm -13 $WAS.one $WAS.two >$WAS.diff
test ! -s $WAS.diff || fail "$what: also `head -n 3 $WAS.diff`"

# It is closed, but what was asked before that has no answer, and never will.
fresh
LANES_SERVER="$OBJ/hpn-badsftp -f fsetstat:f*:silence:20 -f close:f*:exit:24 \
    -l $STARTED.bad"
server "test \$session != 0 || exec $OURS"
up "others: no times, and an end" -p -j 3
same $THERE/tree times
grep "^fsetstat" $STARTED.bad >/dev/null || few "others have set nothing"

# Where times cannot be set there is no proof, and nothing is wrong.
fresh
LANES_SERVER="$OBJ/hpn-badsftp -f fsetstat:*:status=3 -l $STARTED.bad"
server
up "no times can be set" -j 3
same $THERE/tree

# What is copied again gets no more than the server's umask gave it before.  Root may
# write to what is not writable, with a capability.
fresh
as=
test "`id -u`" -ne 0 || as="setpriv --bounding-set=-dac_override"
if $as true 2>/dev/null; then
	LANES_SERVER="$as $OBJ/hpn-badsftp -f close:f*:exit:30 -l $STARTED.bad"
	server "umask 077" "test \$session != 0 || exec $as $OURS"
	up "others: an end, umask 077" -j 3
	content $THERE/tree
	grep "^write" $STARTED.bad >/dev/null || few "others have written nothing"
	find $THERE -type f -perm /077 >$WAS.open
	test ! -s $WAS.open || fail "$what: others may use `head -n 3 $WAS.open`"
else
	echo "no setpriv: left out"
fi
LANES_SERVER=$OURS
server

# The same the other way.
fresh
cp -Rp $HERE/tree $THERE
down "ours" -p -j 4
same $HERE/copy times
spread 4
down "ours, no times" -j 3
content $HERE/copy
spread 3
down "compared" -p -j 3 -X verify=yes
same $HERE/copy times
spread 3
gone $HERE/copy
mkdir $HERE/copy
printf 'cd tree\nlcd %s/copy\nget -pr *\n' $HERE >$WAS.batch
run "sftp get -r" $SFTP -q -b $WAS.batch -j 3 -S $LANES_SSH host
test $status -eq 0 || fail "$what: exit status $status: `tail -n 3 $ERRORS`"
diff -rq $HERE/tree $HERE/copy >$WAS.diff 2>&1 || fail "$what: `head -n 3 $WAS.diff`"
spread 3
gone $HERE/copy
mkdir $HERE/copy $THERE/flat
cp -p $HERE/flat/* $THERE/flat
printf 'cd flat\nlcd %s/copy\nmget -p *\n' $HERE >$WAS.batch
run "sftp mget" $SFTP -q -b $WAS.batch -j 3 -S $LANES_SSH host
test $status -eq 0 || fail "$what: exit status $status: `tail -n 3 $ERRORS`"
diff -rq $HERE/flat $HERE/copy >$WAS.diff 2>&1 || fail "$what: `head -n 3 $WAS.diff`"
spread 3
for option in "-j 1" "-l 400000 -j 4"; do
	HPN_RATE=0
	lanes_configure
	down "one ($option)" $option
	content $HERE/copy
	one
done
HPN_RATE=2000000
lanes_configure

# Another host, with the same names: other contents; and the same but for a few, whose
# times tell.
cp -Rp $THERE/tree $OTHER
find $OTHER -type f -exec sh -c 'for i; do
	n=`wc -c <$i`; tr 0-9 1-90 <$i >$i.new; touch -r $i $i.new
	chmod --reference=$i $i.new; mv -f $i.new $i; done' - {} +
LANES_SERVER="$OBJ/hpn-badsftp -t $THERE=$OTHER -l $STARTED.bad"
server "test \$session != 0 || exec $OURS"
down "another host" -p -j 3
same $HERE/copy times
test $sessions -ge 2 || few "$sessions connections"
gone $OTHER/tree
cp -Rp $THERE/tree $OTHER
find $OTHER/tree/d7 -name "f*" ! -size 0 -exec sh -c 'for i; do tr 0-9 1-90 <$i >$i.new
	touch -d "2021-03-04 05:06:08" $i.new; chmod --reference=$i $i.new
	mv -f $i.new $i; done' - {} +
down "another host, a few differ" -p -j 3
same $HERE/copy times
grep "^read" $STARTED.bad >/dev/null || few "others have read nothing"
rm -rf $OTHER/tree/d9
down "another host, a few are missing" -p -j 3
same $HERE/copy times
fresh
cp -Rp $HERE/tree $THERE

for op in open:'f*':exit:30 read:'f*':exit:60 fstat:'f*':exit:60 \
    open:'f1*':status=3:9 read:'f1*':status=4:9 read:'f1*':status=1:9; do
	LANES_SERVER="$OBJ/hpn-badsftp -f $op -l $STARTED.bad"
	server "test \$session != 0 || exec $OURS"
	down "others: $op" -p -j 3
	same $HERE/copy times
	grep "^read" $STARTED.bad >/dev/null || few "others have read nothing"
done
LANES_SERVER="$OBJ/hpn-badsftp -f fstat:f*:silence:40 -f close:f*:exit:24 \
    -l $STARTED.bad"
server "test \$session != 0 || exec $OURS"
down "others: not told, and an end" -p -j 3
same $HERE/copy times
