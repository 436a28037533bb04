# SPDX-License-Identifier: ISC
#
# What scp and sftp copy over several connections on request is what it should be,
# whatever becomes of a connection, wherever it leads, and with any server.  There
# is one connection where nobody asked for more, or no more can be had.
#
#	scp, sftp == ssh == hpn-delay == sshd == sftp-server, several times
#
# usage: make t-exec LTESTS=hpn-connections

tid="hpn several connections for files"

LANES=hpn-connections
. $SRC/hpn-lanes-lib

KEY=$OBJ/hpn-connections.key
# So that a connection is there before the others have done its work.
HPN_DELAY_MS=`hpn_times 10`
MIB=24

cleanup_connections ()
{
	lanes_cleanup
	rm -f $KEY* $OBJ/hpn-connections.ask $OBJ/hpn-connections.gate \
	    $OBJ/hpn-connections.jump
	test ! -f $OBJ/hpn-connections.keys || \
	    mv $OBJ/hpn-connections.keys $OBJ/authorized_keys_$USER
}
trap cleanup_connections EXIT
cleanup_connections

# Each tells what it has read and written
LANES_SERVER="$SFTPSERVER -e -l INFO 2>>$STARTED.log"

# configure [SSHD LINES [SSH LINES]]: a server, and the way to it.
configure ()
{
	lanes_configure "$@"
}

shares ()
{
	shares=`sed -n 's/.*close .* bytes read \([0-9]*\) written \([0-9]*\)/\1 \2/p' \
	    $STARTED.log 2>/dev/null | awk '$1 + $2 > 100000' | wc -l`
}

# gated N [LINE...]: as server(), but the first connection pauses after a few dozen
# reads until there are N, so that they come before it has done all the work.
gated ()
{
	_gate=$1
	shift
	cat >$OBJ/hpn-connections.gate <<EOF
#!/bin/sh
dd bs=65536 count=30 2>/dev/null
i=0
while test \`wc -l <$STARTED\` -lt $_gate -a \$i -lt 200; do
	sleep 0.1
	i=\`expr \$i + 1\`
done
exec cat
EOF
	chmod 755 $OBJ/hpn-connections.gate
	server "$@" "test \$session != 0 || { $OBJ/hpn-connections.gate | \\
$LANES_SERVER | $OBJ/hpn-connections.gate; exit; }"
}

# run WHAT COMMAND...: besides, how many of the connections have moved a share of
# the data, in $shares.
run ()
{
	lanes_run "$@"
	shares
	verbose "$what: $sessions connections, $shares moved data"
}

# up WHAT [OPTION...], down WHAT [OPTION...]
up ()
{
	_what=$1
	shift
	rm -f $THERE/large
	run "$_what, up" $SCP -S $LANES_SSH -q "$@" $HERE/large \
	    host:large
}

down ()
{
	_what=$1
	shift
	rm -f $HERE/copy
	cp $HERE/large $THERE/source
	run "$_what, down" $SCP -S $LANES_SSH -q "$@" \
	    host:source $HERE/copy
}

# succeeded COPY [SAID]: the last one did, and said no more than that.
succeeded ()
{
	test $status -eq 0 || fail "$what: exit status $status: `tail -n 3 $ERRORS`"
	if test -z "$2"; then
		test ! -s $ERRORS || fail "$what: says `head -n 3 $ERRORS`"
	else
		test `grep -c "$2" $ERRORS` -eq 1 -a `wc -l <$ERRORS` -eq 1 || \
		    fail "$what: says `head -n 3 $ERRORS`"
	fi
	hpn_same "$what" $HERE/large $1
}

# few FIGURES: fewer connections took part than should.  Where the first one has
# done all before a second is there, the machine is the reason.
few ()
{
	if test "${HPN_SLOWNESS:-1}" -gt "${HPN_TRY:-1}"; then
		hpn_too_slow "$what" "$1"
	else
		fail "$what: $1"
	fi
}

several ()
{
	# Those that carried data may still be on their way out
	_i=0
	while test $shares -lt 2 -a $_i -lt 20; do
		sleep 0.1
		_i=`expr $_i + 1`
		shares
	done
	test $sessions -le $1 || fail "$what: $sessions connections, not $1"
	test $sessions -eq $1 || few "$sessions connections, not $1"
	test $shares -ge 2 || few "$shares moved data"
}

mkdir -p $HERE $THERE $OTHER
hpn_random $HERE/large $MIB
HPN_RATE=8000000
gated 4
configure

up "ours" -j 4
succeeded $THERE/large
several 4
down "ours" -X connections=4
succeeded $HERE/copy
several 4
gated 3
if test -x "$TEST_SSH_STOCK_SSHD"; then
	(
		hpn_server ()
		{
			echo "$TEST_SSH_STOCK_SSHD -i -f $HPN_SSHD_CONFIG" \
			    "-E $HPN_LOG_SERVER"
		}
		configure
		hpn_stock_only $HPN_SSHD_CONFIG
		up "stock's program" -j 3
		hpn_was_stock "$what"
		succeeded $THERE/large
		several 3
		down "stock's program" -j 3
		succeeded $HERE/copy
		several 3
		test $RESULT -eq 0
	) || fail "stock's program"
else
	echo "no program of stock's: HPNDisabled instead"
	configure "HPNDisabled yes"
	up "as stock's" -j 3
	succeeded $THERE/large
	several 3
fi
server
configure

# Holes stay holes, whichever way the data take
mv $HERE/large $HERE/whole
head -c 2000000 $HERE/whole >$HERE/large
truncate -s 12M $HERE/large
tail -c 2000000 $HERE/whole >>$HERE/large
for way in up down; do
	$way "holes" -j 3 -X sparse=yes
	file=$THERE/large
	test $way = up || file=$HERE/copy
	n=`stat -c %b $file`
	succeeded $file
	test "$n" -lt 16000 || fail "$what: $n blocks: no holes"
done
mv $HERE/whole $HERE/large

for option in "" "-j 1" "-l 400000 -j 4" "-X nrequests=64 -j 4"; do
	HPN_RATE=0
	configure
	up "one ($option)" $option
	succeeded $THERE/large
	one
done
HPN_RATE=8000000
configure "" "HPNDisabled yes"
up "disabled" -j 4
succeeded $THERE/large
one
configure

for wrong in 0 11 ''; do
	for option in -j "-X connections="; do
		case $option in
		-j)	set -- -j "$wrong" ;;
		*)	set -- -X "connections=$wrong" ;;
		esac
		run "$*" $SCP -S $LANES_SSH "$@" $HERE/large host:
		test $status -ne 0 -a $sessions -eq 0 || fail "$what: accepted"
		grep -i invalid $ERRORS >/dev/null || fail "$what: `cat $ERRORS`"
	done
done

gated 3
what="sftp"
rm -rf $STARTED* $THERE/large $HERE/copy
printf 'put %s large\nget large %s\n' $HERE/large $HERE/copy >$STARTED.batch
timeout -k 5 $HANG $SFTP -q -b $STARTED.batch -j 3 -S $LANES_SSH \
    host >/dev/null 2>$ERRORS
status=$?
sessions=`cat $STARTED | wc -l`
succeeded $THERE/large
hpn_same "$what" $HERE/large $HERE/copy
test $sessions -eq 3 || few "$sessions connections"

# The second is still showing what it has written when the others come: what they
# look at must not be what it shows.
SLOW=`hpn_times 700`
gated 2 "test \$session = 0 || ! mkdir $STARTED.second 2>/dev/null || \\
exec $OBJ/hpn-badsftp -f write:large:slow=$SLOW"
up "others come while one shows" -j 4
succeeded $THERE/large
several 4

# One ends in the middle: what it owes, and what it has taken, goes another way, and
# another one takes its place.
replaced ()
{
	test $sessions -ge 4 || few "$sessions connections: none in place of those \
that ended"
}
gated 2 "test \$session = 0 || exec $OBJ/hpn-badsftp -f write:large:exit:8"
up "some end in the middle" -j 3
succeeded $THERE/large
replaced
gated 2 "test \$session = 0 || exec $OBJ/hpn-badsftp -f read:source:exit:58"
down "some end in the middle" -j 3
succeeded $HERE/copy
replaced

# Only the first one says where the file ends, or that it cannot be read.
for told in 1 4; do
	gated 2 "test \$session = 0 || exec $OBJ/hpn-badsftp -l $STARTED.bad \\
-f read:source:status=$told:58"
	down "the other gives no more, status $told" -j 2
	succeeded $HERE/copy
	n=`grep -c "^read source" $STARTED.bad`
	test ${n:-0} -gt 58 || few "the other was asked $n times"
done

# One ends instead of closing the first file, while the second is on its way.
server "test \$session = 0 || {
$OBJ/hpn-badsftp -f close:source:exit -l $STARTED.bad; sleep 1; exit; }"
cp $HERE/large $THERE/second
rm -rf $HERE/tree
mkdir $HERE/tree
cp $HERE/large $THERE/source
run "one ends as it should close" $SCP -S $LANES_SSH -q -j 3 host:source \
    host:second $HERE/tree
succeeded $HERE/tree/source
hpn_same "$what" $HERE/large $HERE/tree/second
grep "close source" $STARTED.bad >/dev/null || fail "$what: none was to close it"

# What else another server may do
server 'test $session = 0 || { echo Welcome; cat >/dev/null; exit 0; }'
up "others speak no SFTP" -j 4
succeeded $THERE/large "No further connection.*: 1 is used"
# What is said counts none that is still on its way and does not come, either
gated 5 "test \$session = 0 || mkdir $STARTED.second 2>/dev/null || {
mkdir $STARTED.third 2>/dev/null || sleep 0.3; exit 1; }"
up "the third is refused before the others" -j 5
succeeded $THERE/large "No further connection.*: 2 are used"
server "test \$session = 0 || exec $LANES_SERVER -P read"
up "others may not read" -j 3
succeeded $THERE/large
test $sessions -eq 3 -a $shares -eq 1 || \
    fail "$what: $sessions connections, $shares moved data"

# What one has acknowledged is not there: the first one, which looks, sees that.  It
# sees nothing where it cannot open the file a second time.
gated 3 "test \$session = 0 || exec $OBJ/hpn-badsftp -f write:large:status=0"
up "others keep what they are sent" -j 3
succeeded $THERE/large
test $sessions -ge 3 || few "$sessions connections"
OURS=$LANES_SERVER
LANES_SERVER="$OBJ/hpn-badsftp -f open:large:status=3:1"
gated 3 "test \$session = 0 || exec $OURS"
up "the first one cannot look" -j 3
succeeded $THERE/large
test $sessions -ge 3 || few "$sessions connections"
test $shares -eq 0 || fail "$what: $shares others moved data"

# Those that end instead of closing the file may have lost all that they have
# acknowledged: the first one writes all of it, too.
LANES_SERVER="$OBJ/hpn-badsftp -l $STARTED.wrote"
gated 3 "test \$session = 0 || exec $OBJ/hpn-badsftp -f close:large:exit"
up "others end as they should close" -j 3
succeeded $THERE/large
test $sessions -ge 3 || few "$sessions connections"
awk '$1 == "write" { print $3, $4 }' $STARTED.wrote | sort -n |
    awk -v size=`wc -c <$HERE/large` '$1 > end { exit }
	$1 + $2 > end { end = $1 + $2 }
	END { print end + 0; exit end < size }' >$STARTED.end ||
    fail "$what: what is behind byte `cat $STARTED.end` was not written again"
LANES_SERVER=$OURS
server

# They lead to another host, where a file of that name looks like this one.
server "test \$session = 0 || cd $OTHER"
cp $HERE/large $OTHER/large
dd if=/dev/urandom of=$OTHER/large bs=1048576 count=4 seek=8 conv=notrunc \
    2>/dev/null
cp -p $OTHER/large $OTHER/source
cksum <$OTHER/large >$OTHER/sum
up "another host" -j 3
succeeded $THERE/large
cksum <$OTHER/large | cmp - $OTHER/sum || fail "$what: the other file was written to"
cp $HERE/large $THERE/source
touch -r $THERE/source $OTHER/source
rm -f $HERE/copy
run "another host, down" $SCP -S $LANES_SSH -q -j 3 host:source \
    $HERE/copy
succeeded $HERE/copy

# A person would have to let the second one in: a passphrase is asked for.
server
cp $OBJ/authorized_keys_$USER $OBJ/hpn-connections.keys
${SSHKEYGEN} -q -t ed25519 -N secret -f $KEY || fatal "no key"
cat $KEY.pub >>$OBJ/authorized_keys_$USER
printf '#!/bin/sh\necho x >>%s.asked\necho secret\n' $STARTED \
    >$OBJ/hpn-connections.ask
chmod 755 $OBJ/hpn-connections.ask
configure "" "BatchMode no
IdentitiesOnly yes"
sed "s,IdentityFile $OBJ/ssh-ed25519,IdentityFile $KEY,
	/IdentityFile/{/hpn-connections/!d;}" $HPN_SSH_CONFIG >$STARTED.conf
mv $STARTED.conf $HPN_SSH_CONFIG
SSH_ASKPASS=$OBJ/hpn-connections.ask
SSH_ASKPASS_REQUIRE=force
export SSH_ASKPASS SSH_ASKPASS_REQUIRE
# asked N: somebody was, so many times; the server has seen no login that failed.
asked ()
{
	_asked=`cat $STARTED.asked 2>/dev/null | wc -l`
	test $_asked -eq $1 || fail "$what: somebody was asked $_asked times, not $1"
	! grep "Connection closed by authenticating\|Failed " $HPN_LOG_SERVER \
	    >/dev/null || fail "$what: a login has failed"
}
for way in up down; do
	$way "a passphrase" -j 4
	test $way = up && copy=$THERE/large || copy=$HERE/copy
	succeeded $copy "No further .* passphrase again .*ssh-add.*: 1 is used"
	one
	asked 1
done

# With the key in an agent none needs anybody, unless the agent asks each time.
gated 4
eval `$SSHAGENT -s` >/dev/null
echo $SSH_AGENT_PID >$OBJ/hpn-agent.pid
cp $HPN_SSH_CONFIG $STARTED-conf
(echo "AddKeysToAgent yes"; cat $STARTED-conf) >$HPN_SSH_CONFIG
up "AddKeysToAgent" -j 4
succeeded $THERE/large
several 4
asked 1
up "an agent" -j 4
succeeded $THERE/large
several 4
asked 0
$SSHADD -q -D
printf '#!/bin/sh\necho x >>%s.asked\ncase "$*" in *passphrase*) echo secret ;;
*) sleep 1.5 ;; esac\n' $STARTED >$OBJ/hpn-connections.ask
$SSHADD -q -c $KEY </dev/null || fatal "no ssh-add -c"
server
up "the agent asks" -j 4
succeeded $THERE/large "No further .* confirmation again .*BatchMode.*: 1 is used"
one
asked 1
hpn_stop agent
unset SSH_AUTH_SOCK SSH_AGENT_PID SSH_ASKPASS SSH_ASKPASS_REQUIRE
mv $OBJ/hpn-connections.keys $OBJ/authorized_keys_$USER

# What leads a further connection to a jump host asks nobody, either.
gated 2
configure
cat >$OBJ/hpn-connections.jump <<EOF
#!/bin/sh
$SSH -G -F none host | grep '^batchmode' >>$STARTED.batch
exec "\$@"
EOF
chmod 755 $OBJ/hpn-connections.jump
sed "s,ProxyCommand ,&$OBJ/hpn-connections.jump ," $HPN_SSH_CONFIG >$STARTED-conf
mv $STARTED-conf $HPN_SSH_CONFIG
up "on the way to a jump host" -j 2
succeeded $THERE/large
test "`sort $STARTED.batch | tr '\n' ' '`" = "batchmode no batchmode yes " || \
    fail "$what: `tr '\n' ' ' <$STARTED.batch`"

# Where there are none it is said.
cat >$OBJ/hpn-connections.gate <<EOF
#!/bin/sh
for line; do :; done
cd $THERE
exec $SCP \${line#scp}
EOF
chmod 755 $OBJ/hpn-connections.gate
rm -f $THERE/large
run "the old protocol" $SCP -O -S $OBJ/hpn-connections.gate -q -j 3 $HERE/large \
    host:large
succeeded $THERE/large "No further connection is made with -O"
run "the old protocol, one" $SCP -O -S $OBJ/hpn-connections.gate -q -j 1 \
    $HERE/large host:large
succeeded $THERE/large
printf '#!/bin/sh\nexec %s\n' $SFTPSERVER >$OBJ/hpn-connections.gate
rm -f $THERE/large
run "two remote hosts" $SCP -S $OBJ/hpn-connections.gate -q -j 3 \
    x:$HERE/large x:$HERE/large y:$THERE
succeeded $THERE/large "No further connection is made between two remote hosts"

# Whatever ends it leaves what can be gone on with.
gated 3
configure
for way in up down; do
	what="interrupted, $way"
	rm -rf $STARTED* $THERE/large $HERE/copy
	case $way in
	up)	set -- $HERE/large host:large; part=$THERE/large ;;
	down)	set -- host:source $HERE/copy; part=$HERE/copy ;;
	esac
	$SCP -S $LANES_SSH -q -j 3 "$@" >/dev/null 2>&1 \
	    </dev/null &
	pid=$!
	i=0
	while test `cat $part 2>/dev/null | wc -c` -lt 9000000 -a \
	    $i -lt `hpn_times 300`; do
		sleep 0.05
		i=`expr $i + 1`
	done
	kill -9 $pid 2>/dev/null || fail "$what: it had ended"
	wait $pid 2>/dev/null
	there=`cat $STARTED | wc -l`
	test $there -ge 2 || few "$there connections"
	sleep 0.5
	run "$what, and on" $SCP -S $LANES_SSH -q -Z -j 3 "$@"
	succeeded $part
done
