# SPDX-License-Identifier: ISC
#
# dmscp: streams to and from files and sets of fragments.  Each status and each
# message that a user acts upon, and the bytes at the other end, with our server
# and with one that has no hashes.
#
#	source -> dmscp == ssh == sshd == sftp-server -> file, fragments -> dmscp
#
# usage: make t-exec LTESTS=hpn-dmscp

tid="dmscp"

. $SRC/hpn-dmscp-lib

MOST=`hpn_times 60`

hpn_random $DATA 9
# No multiple of anything
head -c 9000001 $DATA >$DATA.new
mv $DATA.new $DATA

# What stands in for ssh and a server without hashes; its options in $BAD
cat >$OBJ/hpn-dmscp.bad.sh <<EOD
#!/bin/sh
for last; do :; done
cd $T
case \$last in
sftp)	exec $OBJ/hpn-badsftp \$BAD ;;
*)	exec sh -c "\$last" ;;
esac
EOD
chmod 755 $OBJ/hpn-dmscp.bad.sh
BAD=
export BAD

# The server beside stock's sshd: no hashes, but statvfs
STOCK=
_server=`dirname "$TEST_SSH_STOCK_SSHD"`/../libexec/sftp-server
if test -n "$TEST_SSH_STOCK_SSHD" -a -x "$_server"; then
	STOCK=stock
	(echo "#!/bin/sh"; echo "exec $_server") >$OBJ/hpn-dmscp.stock.sh
	chmod 755 $OBJ/hpn-dmscp.stock.sh
else
	echo "$tid (skipped: stock's sftp-server: TEST_SSH_STOCK_SSHD)"
fi

# dm ours|bad|log ARG...: run it; the status is in $status, what it says in $LOG.
dm ()
{
	_with=$1
	shift
	case $_with in
	ours)	set -- -program $SSH -ssh-config $OBJ/ssh_proxy "$@" ;;
	bad|stock|log)
		set -- -program $OBJ/hpn-dmscp.$_with.sh "$@" ;;
	esac
	status=0
	timeout $MOST $DMSCP "$@" 2>$LOG || status=$?
	test $status != 124 || fail "$tid: dmscp $* hangs"
}

# set_is NAME FILE: its fragments one behind the other are the file
set_is ()
{
	cat $T/$1.[0-9][0-9][0-9][0-9] 2>/dev/null | cmp - $2 || \
	    fail "$1: the fragments are not what was sent"
	ls $T | grep "^$1.*part\$" && fail "$1: parts are left"
	test -f $T/$1.manifest || fail "$1: no manifest"
}

for server in ours bad; do
	what="$server, file"
	dm $server -w somehost:$T/f <$DATA
	expect "$what, write" 0
	cmp $T/f $DATA || fail "$what: not what was sent"
	dm $server -r somehost:$T/f >$T/copy
	expect "$what, read" 0
	cmp $T/copy $DATA || fail "$what: not what was there"

	what="$server, set"
	dm $server -w -s somehost -d $T -f s -F 1m -sha256 <$DATA
	expect "$what, write" 0
	set_is s $DATA
	test `wc -c <$T/s.0001` = 4096 || fail "$what: the stub is not 4k"
	sum=`sha256sum <$DATA`
	grep "^sha256 ${sum%% *}\$" $T/s.manifest >/dev/null || \
	    fail "$what: SHA-256"
	cat $DATA | dm $server -w -v somehost:$T/s
	dm $server -r -sha256 -s somehost -d $T -f s >$T/copy
	expect "$what, read" 0
	cmp $T/copy $DATA || fail "$what: not what was there"

	# A fragment that ends where the stream does, and no stream at all
	head -c 3145728 $DATA >$T/three
	dm $server -w -F 1m -S 0 somehost:$T/t <$T/three
	expect "$server, three full fragments" 0
	set_is t $T/three
	test ! -f $T/t.0004 || fail "$server: a fragment of nothing"
	: >$T/none
	dm $server -w -F 1m somehost:$T/n <$T/none
	expect "$server, no stream, set" 0
	dm $server -r somehost:$T/n >$T/copy
	expect "$server, no stream, set read" 0
	cmp $T/copy $T/none || fail "$server: something of nothing"
	dm $server -w somehost:$T/n0 <$T/none
	expect "$server, no stream, file" 0
	dm $server -r somehost:$T/n0 >$T/copy
	expect "$server, no stream, file read" 0
	test -f $T/n0 -a ! -s $T/n0 -a ! -s $T/copy || fail "$server: n0"

	# What does not tell how much is in it is no file of nothing
	mkfifo $T/fifo
	mkdir $T/folder
	for f in fifo folder; do
		dm $server -r -T 5 somehost:$T/$f >$T/copy
		expect "$server, $f" 255 'no regular file'
	done
	if test -s /proc/version || ! test -r /proc/version; then
		echo "$tid (skipped: a file without a size: none in /proc)"
	else
		dm $server -r somehost:/proc/version >$T/copy
		expect "$server, a file without a size" 255 \
		    'does not tell its size'
	fi

	# Nothing is replaced unless that is wanted
	dm $server -w somehost:$T/f <$T/three
	expect "$server, file is there" 255 'already.*-force'
	dm $server -w -F 1m somehost:$T/f <$T/three
	expect "$server, file where a set is to be" 255 'a file .*already'
	dm $server -w -F 1m somehost:$T/s <$T/three
	expect "$server, set is there" 255 'already.*-force'
	dm $server -w somehost:$T/s <$T/three
	expect "$server, set where a file is to be" 255 'a set .*already'
	for force in "" -force; do
		dm $server -w $force somehost:$T/folder <$T/three
		expect "$server, a folder $force" 255 'is a directory'
		test ! -f $T/folder.part || fail "$server: it has begun"
	done
	cmp $T/f $DATA || fail "$server: what was there has changed"
	set_is s $DATA
	dm $server -w -force somehost:$T/f <$T/three
	expect "$server, file replaced" 0
	cmp $T/f $T/three || fail "$server: not replaced"
	dm $server -w -F 1m -force somehost:$T/s <$T/three
	expect "$server, set replaced" 0
	set_is s $T/three
	test ! -f $T/s.0005 || fail "$server: fragments of the old set are left"

	# Something has the part's name and stays: this is no lack of space
	mkdir $T/p.part
	dm $server -w -force somehost:$T/p <$T/three
	expect "$server, a directory is in the way" 255 'cannot be removed'
	mkdir $T/ps.manifest.part
	dm $server -w -F 1m somehost:$T/ps <$T/three
	expect "$server, ... of the manifest" 255 'cannot be removed'
	rm -rf $T/p.* $T/ps.*

	# Another user's file is no part of ours
	if test "`id -u`" -eq 0; then
		head -c 1000 $T/three >$T/p.part
		chown 65534 $T/p.part
		chmod 666 $T/p.part
		dm $server -w -resume somehost:$T/p <$T/three
		expect "$server, a part of another user's" 255 \
		    "may be another user's"
		test `wc -c <$T/p.part` = 1000 || \
		    fail "$server: another user's part was written to"
		# Root could write to what nobody else can
		chmod 600 $T/p.part
		dm $server -w -resume somehost:$T/p <$T/three
		expect "$server, one that is his alone" 255 \
		    "may be another user's"
		test `wc -c <$T/p.part` = 1000 || \
		    fail "$server: another user's own part was written to"
		chown 0 $T/p.part
		dm $server -w -resume somehost:$T/p <$T/three
		expect "$server, root's own part" 0
		cmp $T/p $T/three || fail "$server: root's part: differs"
		for left in $T/p.*; do
			test ! -e "$left" || fail "$server: $left is left"
		done
		rm -f $T/p
	fi

	# A source that fails: never the name, never a manifest
	# (they end when something is there)
	for end in 'exit 3' 'kill -9 $$'; do
		rm -f $T/x*
		begun="until test -s $T/x.part; do sleep 0.1; done"
		dm $server -w -source "head -c 3000000 $DATA; $begun; $end" \
		    somehost:$T/x
		expect "$server, source that does $end" 253 'source ended with'
		test ! -f $T/x || fail "$server: a file of a failed source"
		begun="until test -f $T/xs.0001 -a -f $T/xs.0002; do sleep 0.1; done"
		dm $server -w -F 1m -source "head -c 3000000 $DATA; $begun; $end" \
		    somehost:$T/xs
		expect "$server, set of a source that does $end" 253
		test ! -f $T/xs.manifest || fail "$server: manifest of a failed source"
		dm $server -r somehost:$T/xs >$T/copy
		expect "$server, read a set that is not complete" 255 \
		    'no manifest'
		test ! -s $T/copy || fail "$server: data of an incomplete set"
		# The next call names what there is, and goes on
		dm $server -w -F 1m somehost:$T/xs <$DATA
		expect "$server, again" 255 '-resume goes on'
		dm $server -w -F 1m -resume somehost:$T/xs <$DATA
		expect "$server, again with -resume" 0
		set_is xs $DATA
		dm $server -w -resume somehost:$T/x <$DATA
		expect "$server, file again with -resume" 0
		cmp $T/x $DATA || fail "$server: resumed file"
		rm -f $T/x*
	done
	# ... and not with another stream
	dm $server -w -F 1m -source "head -c 3000000 $DATA; $begun; exit 1" \
	    somehost:$T/xs
	(echo x; cat $DATA) >$T/other
	dm $server -w -F 1m -resume somehost:$T/xs <$T/other
	expect "$server, resume with another stream" 254 'earlier run'
	test ! -f $T/xs.manifest || fail "$server: manifest of a mixture"
	head -c 100 $DATA >$T/short
	dm $server -w -F 1m -resume somehost:$T/xs <$T/short
	expect "$server, resume with a shorter stream" 254 'longer stream\|differs'
	test ! -f $T/xs.manifest || fail "$server: manifest of a mixture"
	rm -f $T/x*
	dm $server -w -size 9000001 somehost:$T/x <$DATA
	expect "$server, a size that is right" 0
	for size in 9000000 9000002; do
		rm -f $T/x*
		dm $server -w -size $size somehost:$T/x <$DATA
		expect "$server, -size $size" 253 'incomplete'
		test ! -f $T/x || fail "$server: a file of the wrong size"
	done

	# Sinks
	dm $server -r -sink "cat >$T/copy; exit 7" somehost:$T/t
	expect "$server, sink that fails" 253 'exit status 7'
	cmp $T/copy $T/three || fail "$server: not all came to the sink"
	dm $server -r -sink 'exit 0' somehost:$T/x
	hpn_random $T/big 9
	dm $server -r -sink 'head -c 10 >/dev/null' somehost:$T/big
	expect "$server, sink that ends early" 253 'before all'
	dm $server -r somehost:$T/nowhere >$T/copy
	expect "$server, nothing is there" 255 'no file'
	dm $server -w somehost:$T/no/where <$DATA
	expect "$server, no such folder" 255 'No such file'

	# Commands at the other end: names are arguments, never text
	name="a'b\"\$(touch evil);\`touch evil\` c"
	rm -f $T/ran
	dm $server -w -F 1m -S 0 -d $T -s somehost -f "$name" -onclose \
	    "echo \"\$1 \$2 \$3\" >>$T/ran" <$T/three
	expect "$server, -onclose" 0
	for n in 1 2 3; do
		echo "$T/$name.000$n $n 1048576"
	done >$T/ran.right
	cmp $T/ran $T/ran.right || fail "$server: -onclose: `cat $T/ran`"
	for f in . $HOME $T $OBJ; do
		test ! -f $f/evil || fail "$server: a name was run"
	done
	dm $server -r -d $T -s somehost -f "$name" >$T/copy
	expect "$server, read a strange name" 0
	rm -f $T/x*
	dm $server -w -onclose 'exit 9' somehost:$T/x <$T/three
	expect "$server, -onclose that fails" 9 'exit status 9'

	# What a command writes never stops it, and is never part of the object
	rm -f $T/x*
	dm $server -w -onclose 'echo said; head -c 5000000 /dev/zero' \
	    somehost:$T/x <$T/three
	expect "$server, -onclose that writes much" 0 said
	dm $server -r -onopen 'echo said; head -c 5000000 /dev/zero' \
	    somehost:$T/x >$T/copy
	expect "$server, -onopen that writes much" 0 said
	cmp $T/copy $T/three || fail "$server: -onopen: in the object"

	# Fragments and a file that a command has to fetch before they are read
	mkdir $T/tape
	dm $server -w -F 1m -S 0 somehost:$T/o <$T/three
	cp $T/three $T/o1
	for f in o.0001 o.0002 o.0003 o1; do
		cp $T/$f $T/tape/$f
		head -c `wc -c <$T/$f` /dev/zero >$T/$f
	done
	rm -f $T/ran
	RECALL="cat \"$T/tape/\${1##*/}\" >\"\$1\"; echo \"\$2 \$3\" >>$T/ran"
	dm $server -r -onopen "$RECALL" somehost:$T/o >$T/copy
	expect "$server, -onopen" 0
	cmp $T/copy $T/three || fail "$server: read before it was fetched"
	for n in 1 2 3; do
		echo "$n 1048576"
	done | cmp - $T/ran || fail "$server: -onopen: `cat $T/ran`"
	dm $server -r -onopen "$RECALL" somehost:$T/o1 >$T/copy
	expect "$server, -onopen of a file" 0
	cmp $T/copy $T/three || fail "$server: file read before it was fetched"
	dm $server -r -onopen 'test $2 != 2 || exit 8' somehost:$T/o >$T/copy
	expect "$server, -onopen that fails" 8 'exit status 8'
	# -prefix goes in front of all of these
	dm $server -w -prefix "W=word; export W" -onclose "test \"\$W\" = word" \
	    somehost:$T/p <$T/three
	expect "$server, -prefix" 0

	rm -rf $T/*
done

# Fragments are opened so far ahead of the data that these never wait: 192 MiB,
# while the sink takes none.  They have no blocks, and no hashes.
(echo "#!/bin/sh"; echo "exec $SFTPSERVER -e -l INFO 2>$T/opened") \
    >$OBJ/hpn-dmscp.log.sh
chmod 755 $OBJ/hpn-dmscp.log.sh
zeros=00000000000000000000000000000000
(
	printf 'dmscp-manifest 1\nobject a\nsize 335544320\ncount 20\n'
	echo "hash none $zeros"
	for n in `seq 20`; do
		truncate -s 16777216 $T/a.00`printf %02d $n`
		echo "fragment $n 16777216 $zeros"
	done
	printf 'state complete\nend %s\n' $zeros
) >$T/a.manifest
dm log -r -buffer 1m -sink "i=0
    until test \`grep -c 'open .*/a[.]0' $T/opened\` -ge 12; do
	test \$i != `hpn_times 100` || exit 9
	i=\`expr \$i + 1\`
	sleep 0.1
    done
    sleep 1
    exit 7" somehost:$T/a
expect "fragments opened ahead of a sink that takes nothing" 253 'exit status 7'
# ... and no further, with the buffer
n=`grep -c 'open .*/a[.]0' $T/opened`
test $n -le 13 || fail "$n fragments were opened ahead, not 13 at most"
rm -f $T/a.*

# A disk that is full at first
for server in ours $STOCK; do
	if test "`id -u`" = 0 && mkdir -p $T/full &&
	    mount -t tmpfs -o size=8m tmpfs $T/full 2>/dev/null; then
		dm $server -w -T 0 somehost:$T/full/f <$DATA
		expect "$server, full, -T 0" 252 'no space left'
		test ! -f $T/full/f || fail "$server: a file without space"
		rm -f $T/full/*
		dm $server -w -T 2 -F 1m somehost:$T/full/s <$DATA
		expect "$server, full, -T 2" 252 'no space left'
		mount -o remount,size=20m $T/full
		dm $server -w -F 1m -resume somehost:$T/full/s <$DATA
		expect "$server, space, -resume" 0
		cat $T/full/s.0??? | cmp - $DATA || fail "$server: after -resume"
		rm -f $T/full/*
		for how in "" "-F 1m"; do
			head -c 15000000 /dev/zero >$T/full/hog
			: >$LOG
			# Space comes when dmscp has said that it waits for it
			( i=0
			  until grep waiting $LOG >/dev/null 2>&1 ||
			      test $i = `hpn_times 300`; do
				sleep 0.1
				i=`expr $i + 1`
			  done
			  rm -f $T/full/hog ) &
			dm $server -w $how -buffer 1m somehost:$T/full/w <$DATA
			wait
			expect "$server, waits for space $how" 0 'going on after'
			cat $T/full/w $T/full/w.0??? 2>/dev/null |
			    cmp - $DATA || fail "$server: after the wait"
			rm -f $T/full/*
		done
		umount $T/full
	else
		echo "$tid (skipped: a full disk: it needs root and a tmpfs)"
	fi
done

# A quota, which no server tells of: 5 MiB of btrfs
quota_made ()
{
	test "`id -u`" = 0 && truncate -s 150m $T/image &&
	    mkfs.btrfs -q $T/image && mkdir -p $T/full &&
	    mount -o loop $T/image $T/full && btrfs quota enable $T/full &&
	    btrfs subvolume create $T/full/q &&
	    btrfs qgroup limit 5M $T/full/q
}
if quota_made >$LOG 2>&1; then
	for server in ours $STOCK; do
		for how in "" "-F 300k"; do
			dm $server -w -T 2 $how somehost:$T/full/q/f <$DATA
			expect "$server, quota $how" 252 'is a quota used up'
			btrfs qgroup limit none $T/full/q
			dm $server -w -resume $how somehost:$T/full/q/f <$DATA
			expect "$server, quota, -resume $how" 0
			cat $T/full/q/f $T/full/q/f.0??? 2>/dev/null |
			    cmp - $DATA || fail "$server: quota, -resume $how"
			rm -f $T/full/q/*
			sync -f $T/full/q
			btrfs qgroup limit 5M $T/full/q
		done
	done
else
	echo "$tid (skipped: a quota: it needs root, btrfs and a loop device)"
fi
umount -l $T/full 2>/dev/null

# What a server says that cannot tell why
BAD="-E -f write:*:status=4:3"
dm bad -w -T 3 somehost:$T/q <$DATA
expect "failure without a cause" 252 'no space, or a quota'
# Opening again, and writing the same again, is no progress that begins -T anew
for bad in "-E -f close:*:status=4" "-f close:*:status=4"; do
	for how in "" "-F 1m"; do
		BAD=$bad
		rm -f $T/q*
		dm bad -w $how -T 2 somehost:$T/q <$DATA
		expect "every close refused, $bad $how" 252 \
		    'no space, or a quota'
	done
done
# A new name needs room, too; one that is taken needs another
BAD="-f rename:*:status=4 -f posix-rename:*:status=4"
for how in "" "-F 1m" "-force"; do
	rm -f $T/q*
	test "$how" != -force || cp $DATA $T/q
	dm bad -w $how -T 2 somehost:$T/q <$DATA
	expect "no room for a name $how" 252 'rename.*quota'
done
BAD=
# Whether fragments have changed is asked before the sink has got them: it would
# wait a round trip for each.  One fstat when they are opened, one at the end.
dm bad -w -F 500k somehost:$T/ahead <$DATA
expect "fragments, write" 0
n=`ls $T | grep -c '^ahead.[0-9]*$'`
n=`expr 2 \* $n + 2`
BAD="-l $T/log"
cat >$OBJ/hpn-dmscp.sink.sh <<EOD
#!/bin/sh
i=0
until test \`grep -c '^fstat' $T/log\` -ge $n -o \$i = `hpn_times 50`; do
	sleep 0.1
	i=\`expr \$i + 1\`
done
grep -c '^fstat' $T/log >$T/asked
cat >$T/copy
EOD
chmod 755 $OBJ/hpn-dmscp.sink.sh
dm bad -r -sink $OBJ/hpn-dmscp.sink.sh somehost:$T/ahead
expect "fragments, a sink that waits" 0
cmp $T/copy $DATA || fail "fragments, a sink that waits: not what was there"
test `cat $T/asked` = $n || fail "asked `cat $T/asked` times ahead, not $n"
BAD=
# A server takes nothing while it computes hashes, so it does that in steps.  They are
# asked for behind the data, and not when all is there
rm -f $T/log $T/q*
BAD="-l $T/log"
dm bad -w somehost:$T/q <$DATA
expect "hashes" 0
awk '$1 == "write" { last = NR }
    $1 == "hash" { n++; if (n == 1) first = NR; if ($NF > 4194304) bad = 1 }
    END { exit !(n >= 3 && !bad && first < last) }' $T/log || \
    fail "hashes, not in steps: `egrep '^(hash|write)' $T/log`"
BAD=
# What is being read back may be answered after all that was asked later.  Memory
# that was freed is filled, so that its use shows (glibc)
rm -f $T/q*
BAD="-O 0 -f close:*:status=4 -f read:*:late=0"
MALLOC_PERTURB_=165 GLIBC_TUNABLES=glibc.malloc.tcache_count=0
export MALLOC_PERTURB_ GLIBC_TUNABLES
dm bad -w -fsync -T 2 somehost:$T/q <$DATA
expect "fsync is answered before what was read back" 252 'is a quota used up'
unset MALLOC_PERTURB_ GLIBC_TUNABLES
BAD="-f write:*:status=3:3"
dm bad -w somehost:$T/q2 <$DATA
expect "permission that is gone" 255 'Permission denied'
# A server that gives several files one handle is found out before data are mixed
BAD="-H shared"
dm bad -w -F 100k somehost:$T/h <$DATA
expect "one handle for several files" 255 'mixes up files'
test ! -f $T/h.manifest || fail "one handle: complete"
BAD=
dm bad -w -F 1m somehost:$T/h -force <$DATA
BAD="-H shared"
dm bad -r somehost:$T/h >$T/copy
expect "one handle for several files, read" 255 'mixes up files'
BAD="-m 3:4"
dm bad -w -F 100k somehost:$T/m <$DATA
expect "a server with three handles" 0
dm bad -r somehost:$T/m >$T/copy
cmp $T/copy $DATA || fail "three handles: not what was sent"
# ... that opens the first one last, when it takes no more
for seed in 1 2 3 4; do
	BAD="-o 8 -s $seed -m 3:4"
	rm -f $T/m*
	dm bad -w -buffer 1m -F 300k somehost:$T/m <$DATA
	expect "three handles in any order $seed" 0
	dm bad -r -buffer 1m somehost:$T/m >$T/copy
	cmp $T/copy $DATA || fail "three handles in any order $seed: $status"
done
# Files are opened ahead of a source that pauses, as many as a line of 100 ms needs
# for fragments of 1 MiB, and no more
cat >$OBJ/hpn-dmscp.ahead.sh <<EOD
count () { find $T -name 'o.*.part' -size 0 | wc -l; }
head -c 2000000 $DATA
i=0
while n=\`count\`; test \$n -le 200 -a \$i -lt `hpn_times 600`; do
	sleep 0.1
	i=\$((i + 1))
done
sleep 1
echo \$n \`count\` >$T/ahead
EOD
dm ours -w -F 4k -S 0 -source "sh $OBJ/hpn-dmscp.ahead.sh" somehost:$T/o
expect "opened ahead" 0
head -c 2000000 $DATA >$T/copy
set_is o $T/copy
set -- `cat $T/ahead`
test $1 -gt 200 -a $1 -le 320 -a $2 -le 320 || fail "$1, then $2 files are open ahead"
rm -f $T/o.*
# While there are always more data to send, files are opened, and hashes asked for,
# all the same
before () {
	awk -v first="$1" -v last="$2" 'index($0, first) == 1 && !n { n = NR }
	    index($0, last) == 1 { m = NR } END { exit !(n && n < m) }' $T/log ||
	    fail "$3"
}
cat $DATA $DATA $DATA >$T/long
BAD="-w 10 -l $T/log"
rm -f $T/log
dm bad -w -nochecksum -buffer 4m -F 8m -S 0 somehost:$T/l <$T/long
expect "fragments, always more to send" 0
set_is l $T/long
before "open $T/l.0003.part" "write $T/l.0002.part" "opened after the data in front"
rm -f $T/log
dm bad -w somehost:$T/lf <$T/long
expect "a file, always more to send" 0
before "hash $T/lf.part" "write $T/lf.part" "compared after all the data"
rm -f $T/l*
BAD=
