# SPDX-License-Identifier: ISC
#
# That what is shipped is as safe as the release: the process that talks to a
# stranger is sandboxed and has one thread; an empty configuration has no default
# of ours that lowers security; nothing listens that did not; connections by the
# hundred, in order and cut off, and floods beyond MaxStartups leave no process,
# descriptor or memory behind.
#
# usage: make t-exec LTESTS=hpn-safety
#
# HPN_SAFETY_COUNT: how many connections in a row (default 100; 10000 before a
# release).  What /proc tells is looked at on Linux only.

tid="hpn safety"

. $SRC/hpn-lib

COUNT=${HPN_SAFETY_COUNT:-100}
make_tmpdir
T=$SSH_REGRESS_TMP
# KiB by which the listener may have grown: a few pages of its heap.
GROWTH=1024

test -r /proc/self/status -a -r /proc/self/task/self/children -o \
    -r /proc/$$/task/$$/children || \
    skip "no /proc/PID/status and children here: nothing could be seen"

# Whatever happens, what the test holds open ends with it.
held=
release ()
{
	for _p in $held; do
		kill $_p 2>/dev/null
	done
	held=
}

# status PID FIELD, children PID, descriptors PID
status ()
{
	sed -n "s/^$2:[^0-9]*\([0-9]*\).*/\1/p" /proc/$1/status 2>/dev/null
}

children ()
{
	cat /proc/$1/task/$1/children 2>/dev/null
}

descriptors ()
{
	ls /proc/$1/fd | wc -l | tr -d ' '
}

# listening PID: how many of its sockets listen.
listening ()
{
	_n=0
	for _inode in `ls -l /proc/$1/fd 2>/dev/null |
	    sed -n 's/.*socket:\[\([0-9]*\)\]$/\1/p'`; do
		if awk -v i=$_inode '$4 == "0A" && $10 == i { f = 1 }
		    END { exit !f }' /proc/net/tcp /proc/net/tcp6 2>/dev/null ||
		    awk -v i=$_inode '$4 == "00010000" && $7 == i { f = 1 }
		    END { exit !f }' /proc/net/unix; then
			_n=`expr $_n + 1`
		fi
	done
	echo $_n
}

# below PID: the process and all that come from it.
below ()
{
	echo $1
	for _c in `children $1`; do
		below $_c
	done
}

# named PID NAME: of these the one that runs this program.
named ()
{
	for _p in `below $1`; do
		test "`readlink /proc/$_p/exe | sed 's,.*/,,'`" = $2 && echo $_p
	done | head -n 1
}

# until_true COMMAND...: within 30 seconds
until_true ()
{
	_i=0
	until "$@"; do
		sleep 0.1
		_i=`expr $_i + 1`
		test $_i -lt `hpn_times 300` || return 1
	done
}

no_children ()
{
	test -z "`children $listener`"
}

# serve LINE...: sshd with these lines first; its process id is in $listener.
serve ()
{
	stop_sshd
	printf '%s\n' "$@" "PerSourcePenalties no" | \
	    cat - $OBJ/sshd_config.safety >$OBJ/sshd_config
	start_sshd
	listener=`cat $PIDFILE`
}

connect_once ()
{
	$SSH -F $OBJ/ssh_config "$@" somehost true
}

cp $OBJ/sshd_config $OBJ/sshd_config.safety

# ---------------------------------------------------------------------------
# Before authentication: one thread, the filter, no new privileges

cat >$T/askpass <<EOD
#!/bin/sh
: >$T/asked
exec sleep 60
EOD
chmod 755 $T/askpass
rm -f $T/key $T/key.pub
$SSHKEYGEN -q -t ed25519 -N secret -C safety -f $T/key || fatal "ssh-keygen"
cp $OBJ/authorized_keys_$USER $T/authorized_keys
cat $T/key.pub >>$OBJ/authorized_keys_$USER

# sandboxed WHAT PID
sandboxed ()
{
	verbose "$1: `sed -n -e 's/	/ /g' -e '/^Threads/p;/^Seccomp:/p;/^NoNew/p' \
	    /proc/$2/status | tr '\n' ' '`"
	test "`status $2 Threads`" = 1 || \
	    fail "$1: the unprivileged process has `status $2 Threads` threads"
	if grep '^#define SANDBOX_SECCOMP_FILTER' $BUILDDIR/config.h \
	    >/dev/null 2>&1; then
		test "`status $2 Seccomp`" = 2 || \
		    fail "$1: no seccomp filter (`status $2 Seccomp`)"
		test "`status $2 NoNewPrivs`" = 1 || \
		    fail "$1: new privileges could be had"
	fi
	test "`listening $2`" = 0 || fail "$1: it listens"
}

grep '^#define SANDBOX_SECCOMP_FILTER' $BUILDDIR/config.h >/dev/null 2>&1 || \
    verbose "not built with the seccomp sandbox: its filter is not looked for"

for threads in auto 4 ring:2; do
	what="HPNThreads $threads"
	serve "HPNThreads $threads"
	# As many as there are addresses that it was told to listen at.
	addresses=`grep -ci '^[ 	]*ListenAddress' $OBJ/sshd_config`
	test "`listening $listener`" = $addresses || \
	    fail "$what: `listening $listener` sockets listen, not $addresses"

	# A peer that only said who it is.
	rm -f $T/fifo $T/asked
	mkfifo $T/fifo
	$NC 127.0.0.1 $PORT <$T/fifo >$T/banner &
	held=$!
	exec 5>$T/fifo
	printf 'SSH-2.0-safety\r\n' >&5
	until_true test -s $T/banner || fatal "$what: no banner"
	auth=
	until_true eval 'auth=`named $listener sshd-auth`; test -n "$auth"' || \
	    fatal "$what: no sshd-auth below the listener"
	# The filter is there before anything of the peer's is read.
	until_true test "`status $auth NoNewPrivs`" != '' || :
	sandboxed "$what, before the key exchange" $auth
	exec 5>&-
	release
	until_true no_children || fail "$what: a process stays"

	# A peer that has exchanged keys and is asked for a passphrase.
	SSH_ASKPASS=$T/askpass SSH_ASKPASS_REQUIRE=force $SSH \
	    -F $OBJ/ssh_config -o IdentityFile=none -i $T/key \
	    -o IdentitiesOnly=yes -o "HPNThreads $threads" -o BatchMode=no \
	    somehost true </dev/null >/dev/null 2>&1 &
	client=$!
	held=$client
	until_true test -f $T/asked || fatal "$what: never asked for a passphrase"
	auth=`named $listener sshd-auth`
	test -n "$auth" || fatal "$what: no sshd-auth below the listener"
	sandboxed "$what, before authentication" $auth
	monitor=`named $listener sshd-session`
	test "`status $monitor Threads`" = 1 || \
	    fail "$what: the monitor has `status $monitor Threads` threads"
	test "`status $client Threads`" = 1 || \
	    fail "$what: ssh has `status $client Threads` threads by then"
	for p in `children $client`; do
		held="$held $p"
	done
	release
	wait $client 2>/dev/null
	until_true no_children || fail "$what: a process stays"
	test "`status $listener Threads`" = 1 || \
	    fail "$what: the listener has `status $listener Threads` threads"
done
cp $T/authorized_keys $OBJ/authorized_keys_$USER

# A session of the same server does have threads: what is looked at would show
# them.  Neither it nor the client listens.
serve "HPNThreads 4"
$SSH -F $OBJ/ssh_config -o "HPNThreads 4" -o ControlPath=none somehost \
    "echo; head -c 100000000 /dev/zero; exec sleep 60" >$T/out 2>/dev/null &
client=$!
held=$client
until_true test -s $T/out || fatal "no session"
most=0
for p in `below $listener`; do
	n=`status $p Threads`
	test -z "$n" || test $n -le $most || most=$n
	test $p = $listener || test "`listening $p`" = 0 || \
	    fail "a process of a session listens"
done
test $most -gt 1 || fail "no process of a session with HPNThreads 4 has threads"
test "`listening $client`" = 0 || fail "ssh listens"
release
wait $client 2>/dev/null
until_true no_children || fail "a process of a session stays"

# ---------------------------------------------------------------------------
# Defaults

# The options that the release does not have, each with the default that was
# found to take nothing from what the release assures.  One that is new has to be
# judged and listed.
cat >$T/judged <<EOD
disablemtaes no
hpncongestion none
hpndisabled no
hpnmemorymax 268435456
hpnratelimit 0
hpnreport no
hpnthreads auto
hpnwindowmax `hpn_window_default`
noneenabled no
nonemacenabled no
tcprcvbufpoll yes
usemptcp no
zstdlevel 3
EOD
echo "HostKey $OBJ/host.ssh-ed25519" >$T/empty
$SSHD -T -f $T/empty | sort >$T/ours || fatal "sshd -T"
# A stock sshd of the same release with the same distribution's changes, if any.
comparable ()
{
	test -x "$TEST_SSH_STOCK_SSHD" || return 1
	_stock=`$TEST_SSH_STOCK_SSHD -V 2>&1 | sed 's/,.*//;q'`
	case `$SSHD -V 2>&1` in
	"$_stock "*)	return 0 ;;
	*)		return 1 ;;
	esac
}
if comparable && \
    $TEST_SSH_STOCK_SSHD -T -f $T/empty >$T/stock.unsorted 2>/dev/null; then
	# Where it is installed is its own business; the name of a cipher that
	# stands before stock's order is judged by hpn-ciphers.
	sed -e 's/^ciphers aes128-gcm-hw@openssh-hpn,/ciphers /' -e '/^sshd[a-z]*path /d' -e '/^xauthlocation /d' \
	    -e '/^modulifile /d' -e '/^pidfile /d' $T/ours >$T/ours.same
	sed -e '/^sshd[a-z]*path /d' -e '/^xauthlocation /d' \
	    -e '/^modulifile /d' -e '/^pidfile /d' $T/stock.unsorted | \
	    sort >$T/stock
	comm -13 $T/ours.same $T/stock >$T/lost
	test ! -s $T/lost || fail "defaults of the release that changed: `cat $T/lost`"
	comm -23 $T/ours.same $T/stock >$T/added
else
	verbose "no stock sshd of this base: our options go by their names"
	grep -e '^hpn' -e '^tcprcvbufpoll' -e '^none' -e '^usemptcp' -e '^disablemt' \
	    -e '^zstdlevel' \
	    $T/ours >$T/added
fi
test -s $T/added || fail "sshd -T shows no option of ours"
sort $T/judged | comm -13 - $T/added >$T/unjudged
test ! -s $T/unjudged || \
    fail "options or defaults that nobody has judged: `cat $T/unjudged`"
for weak in 'ciphers .*none' 'macs .*none' 'permitemptypasswords yes' \
    'permitrootlogin yes' 'none[a-z]* yes' 'strictmodes no'; do
	! grep "^$weak" $T/ours >/dev/null || fail "sshd -T says $weak"
done

# ---------------------------------------------------------------------------
# Many connections leave nothing behind

# listener_is WHEN: compare with what it was at first.
listener_is ()
{
	until_true no_children || fail "$1: left: `children $listener`"
	kill -0 $listener 2>/dev/null || fatal "$1: the listener is gone"
	_fds=`descriptors $listener` _rss=`status $listener VmRSS`
	verbose "$1: $_fds descriptors (of $fds), $_rss KiB (of $rss)"
	test $_fds -eq $fds || fail "$1: $_fds descriptors are open, not $fds"
	test `status $listener Threads` -eq 1 || fail "$1: it has threads"
	test `expr $_rss - $rss` -le $GROWTH || \
	    fail "$1: grew from $rss to $_rss KiB"
}

serve "MaxStartups 8:50:16" "LoginGraceTime `hpn_times 30`"
for i in 1 2 3 4 5; do
	connect_once || fail "connection $i"
done
until_true no_children || fail "processes of the first connections stay"
fds=`descriptors $listener` rss=`status $listener VmRSS`

i=0
while test $i -lt $COUNT; do
	i=`expr $i + 1`
	case `expr $i % 4` in
	0)	connect_once || fail "connection $i: exit status $?" ;;
	# Cut off before a word, after the banner, and in the key exchange.
	1)	$NC -z 127.0.0.1 $PORT >/dev/null 2>&1 ;;
	2)	printf 'SSH-2.0-safety\r\n' | $NC -N 127.0.0.1 $PORT >/dev/null 2>&1 ;;
	3)	printf 'SSH-2.0-safety\r\n\0\0\0\014\012\024aaaaaaaaaaaa' | \
		    $NC -N 127.0.0.1 $PORT >/dev/null 2>&1 ;;
	esac
done
listener_is "$COUNT connections in a row"

# A flood: three times as many as MaxStartups lets wait.
for round in 1 2 3; do
	rm -f $T/fifo $T/flood.*
	mkfifo $T/fifo
	exec 5<>$T/fifo
	held=
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 \
	    25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48
	do
		$NC 127.0.0.1 $PORT <&5 >$T/flood.$i 2>/dev/null &
		held="$held $!"
	done
	waiting ()
	{
		_w=`children $listener | wc -w`
		test $_w -ge 8
	}
	until_true waiting || fail "flood $round: only $_w were let in"
	sleep 1
	# A process that is about to refuse is a child as well, for a moment.
	_w=`children $listener | wc -w`
	test $_w -le 16 || fail "flood $round: $_w wait, more than MaxStartups"
	refused=`cat $T/flood.* | grep -c -a -e '^Not allowed' -e '^Exceeded'`
	verbose "flood $round: $_w wait, $refused refused"
	test $refused -ge 32 || fail "flood $round: only $refused were refused"
	release
	exec 5>&-
	wait
	listener_is "flood $round"
done
connect_once || fail "after the floods: exit status $?"
listener_is "after the floods"
rm -f $T/flood.* $T/fifo $T/out
stop_sshd
