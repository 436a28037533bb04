# SPDX-License-Identifier: ISC
#
# sftp-server and internal-sftp: the extension that hashes ranges of a file,
# who may use it, and what a client can make the server store.
#
# usage: make t-exec LTESTS=hpn-sftp-server

tid="hpn sftp server"

. $SRC/hpn-lib

hpn_helper hpn-sftpask
ASK=$OBJ/hpn-sftpask
ANSWERS=$OBJ/hpn-sftp-answers
hpn_random $HPN_DATA 70
head -c 3000007 $HPN_DATA >$HPN_COPY
echo >>$HPN_DATA

# ask WHAT REQUEST... -- SERVER...: the answers are in $ANSWERS.
ask ()
{
	what=$1
	shift
	timeout `hpn_times 60` $ASK "$@" >$ANSWERS 2>$ANSWERS.err
	status=$?
	test $status -ne 124 || fail "$what: hangs"
	test $status -ne 1 || fail "$what: `cat $ANSWERS.err`"
	verbose "$what: `cut -c 1-60 $ANSWERS | tr '\n' ',' | cut -c 1-200`"
}

# answered N PATTERN: line N of the answers is like this.
answered ()
{
	sed -n "$1p" $ANSWERS | grep -x "$2" >/dev/null || \
	    fail "$what: answer $1 is '`sed -n $1p $ANSWERS | cut -c 1-200`'"
}

H="[0-9a-f]\{32\}"

ask "extensions" extensions -- $SFTPSERVER
if ! grep "^hash-ranges@openssh-hpn 1$" $ANSWERS >/dev/null; then
	ldd $SFTPSERVER 2>/dev/null | grep xxhash >/dev/null && \
	    fail "built with libxxhash, but it offers no hashes"
	verbose "no hashes: built without libxxhash"
	HASHES=no
else
	HASHES=yes
fi

# sshd's own, over ssh, for the same
sed "s|^\([	 ]*[Ss]ubsystem[	 ]*sftp[	 ]\).*|\1internal-sftp|" \
    $OBJ/sshd_proxy >$HPN_SSHD_CONFIG
sed "s|internal-sftp$|internal-sftp -P read|" $HPN_SSHD_CONFIG \
    >$HPN_SSHD_CONFIG.noread
for c in "" .noread; do
	(
		echo "Host *"
		grep -v -i "^[	 ]*proxycommand" $OBJ/ssh_config
		echo "ProxyCommand $SSHD -i -f $HPN_SSHD_CONFIG$c"
	) >$HPN_SSH_CONFIG$c
done
INTERNAL="$SSH -F $HPN_SSH_CONFIG -s host sftp"
INTERNAL_NOREAD="$SSH -F $HPN_SSH_CONFIG.noread -s host sftp"

# hashes NAME SERVER DENIED READ-ONLY: servers as command lines; DENIED does not
# permit reading.
hashes ()
{
	ask "$1, ranges" open=r:$HPN_COPY hash:0:0:1000000 hash:0:0:0 \
	    hash:0:3000007:0 hash:0:1000000:0 hash:1000000:1000000:0 \
	    hash:3000007:0:0 hash:3000000:100:3 -- $2
	answered 1 handle
	answered 2 "hashed 3000007 ended 1 $H $H $H $H"
	answered 3 "hashed 3000007 ended 1 $H"
	answered 4 "hashed 3000007 ended 0 $H"
	answered 5 "hashed 1000000 ended 0 $H"
	answered 6 "hashed 1000000 ended 0 $H"
	answered 7 "hashed 0 ended 1"
	answered 8 "hashed 7 ended 1 $H $H $H"
	# Blocks are what they would be alone
	test "`sed -n 2p $ANSWERS | cut -d' ' -f 5,6`" = \
	    "`sed -n 5,6p $ANSWERS | cut -d' ' -f 5 | tr '\n' ' ' |
	    sed 's/ $//'`" || fail "$what: blocks differ"

	ask "$1, a long file" open=r:$HPN_DATA hash:0:0:0 hash:0:0:1 \
	    hash:0:3000007:0 -- $2
	_n=`sed -n 's/^hashed \([0-9]*\) ended 0 .*/\1/p' $ANSWERS | sed -n 1p`
	test "${_n:-0}" -gt 0 -a "${_n:-0}" -le 67108864 || \
	    fail "$what: hashed ${_n:-nothing} for one request"
	_n=`sed -n 3p $ANSWERS | wc -w`
	test $_n -le 4100 || fail "$what: $_n hashes in an answer"
	cp $ANSWERS $ANSWERS.long
	ask "$1, the same part" open=r:$HPN_COPY hash:0:0:0 -- $2
	test "`sed -n 2p $ANSWERS | cut -d' ' -f 5`" = \
	    "`sed -n 4p $ANSWERS.long | cut -d' ' -f 5`" || \
	    fail "$what: it hashes differently"

	ask "$1, what is no range" open=r:$HPN_COPY \
	    hash:9223372036854775808:0:0 hash:18446744073709551615:0:0 \
	    hash:1:9223372036854775807:0 hash:1:18446744073709551615:1 \
	    hash:0:5:1:md5 hash:0:5:1:xxh3-1280 close hash:0:0:0 -- $2
	for _i in 2 3 4 5; do
		answered $_i "status 5"
	done
	answered 6 "status 8"
	answered 7 "status 8"
	answered 9 "status 4"
	ask "$1, no file" opendir:$OBJ hash:0:0:0 open=r:/dev/zero hash:0:5:0 \
	    -- $2
	answered 2 "status 4"
	answered 4 "status 4"
	ask "$1, open for writing only" open=w:$HPN_COPY hash:0:0:0 -- $2
	answered 2 "status 3"
	ask "$1, open for both" open=rw:$HPN_COPY hash:0:0:0 -- $2
	answered 2 "hashed 3000007 .*"

	ask "$1, without permission to read" extensions open=r:$HPN_COPY \
	    hash:0:0:0 -- $3
	grep "^hash-ranges" $ANSWERS >/dev/null && \
	    fail "$what: it is announced"
	grep "^hashed" $ANSWERS >/dev/null && fail "$what: it is answered"
	grep "^status 3$" $ANSWERS >/dev/null || fail "$what: is not refused"
}

if test $HASHES = yes; then
	hashes sftp-server "$SFTPSERVER" "$SFTPSERVER -P read"
	hashes internal-sftp "$INTERNAL" "$INTERNAL_NOREAD"
	for o in "-P hash-ranges" "-p open,read" "-p open,hash-ranges"; do
		ask "sftp-server $o" extensions open=r:$HPN_COPY hash:0:0:0 \
		    -- $SFTPSERVER $o
		grep "^hash" $ANSWERS >/dev/null && fail "$what: permitted"
		grep "^status 3$" $ANSWERS >/dev/null || fail "$what: not refused"
	done
	for o in "-R" "-p open,read,hash-ranges"; do
		ask "sftp-server $o" open=r:$HPN_COPY hash:0:0:0 -- \
		    $SFTPSERVER $o
		answered 2 "hashed 3000007 .*"
	done
fi

# What opens regular files alone, and who may use it
D=$OBJ/hpn-sftp-server.d
rm -rf $D
mkdir $D $D/dir
echo data >$D/file
: >$D/empty
mkfifo $D/fifo
ln -s file $D/to-file
ln -s fifo $D/to-fifo
ln -s /dev/tty $D/to-tty
long=`printf '%05000d' 0`
for s in "$SFTPSERVER" "$INTERNAL" "$SFTPSERVER -R"; do
	ask "open-regular, $s" extensions open-regular:$D/file close \
	    open-regular:$D/to-file open-regular:$D/fifo \
	    open-regular:$D/to-fifo open-regular:$D/to-tty open-regular:$D/dir \
	    open-regular:$D/empty open-regular:/proc/self/status \
	    open-regular:$D/none open-regular:$D/$long open-regular: -- $s
	grep "^open-regular@openssh-hpn 1$" $ANSWERS >/dev/null || \
	    fail "$what: is not announced"
	sed '/^[a-z-]*\(@[a-z.-]*\)* [0-9]*$/{
/^status/!d
}' $ANSWERS >$ANSWERS.here
	echo handle status 0 handle status 4 status 4 status 4 status 4 \
	    status 4 status 4 status 2 status 5 status 2 >$ANSWERS.want
	test "`tr '\n' ' ' <$ANSWERS.here`" = "`cat $ANSWERS.want` " || \
	    fail "$what: `tr '\n' ' ' <$ANSWERS.here`"
done
for o in "-P open" "-P open-regular" "-p read,close,open" \
    "-p read,close,open-regular"; do
	ask "open-regular, $o" extensions open-regular:$D/file -- $SFTPSERVER $o
	grep "^handle$" $ANSWERS >/dev/null && fail "$what: permitted"
	grep "^status 3$" $ANSWERS >/dev/null || fail "$what: not refused"
	case $o in
	*open)	grep "^open-regular@" $ANSWERS >/dev/null && \
		    test "x$o" = "x-P open" && fail "$what: announced" ;;
	esac
done
ask "open-regular, -p both" open-regular:$D/file -- \
    $SFTPSERVER -p open,open-regular
answered 1 handle
# A NUL in a path is malformed, as it is for SSH_FXP_OPEN
R=c800000001000000186f70656e2d726567756c6172406f70656e7373682d68706e
for m in 00000029${R}0000000461620063 00000025${R}7fffffff 00000021$R; do
	ask "open-regular, $m" raw:$m close -- $SFTPSERVER
	test $status -eq 2 || fail "$what: the server goes on"
done
# A name that is now this and now that: no request waits for anybody.
(
	trap 'exit 0' TERM
	while :; do
		for n in file fifo to-tty empty; do
			ln -s $n $D/new && mv $D/new $D/swapped
		done
	done
) 2>/dev/null &
swapper=$!
ln -s file $D/swapped 2>/dev/null
set --
i=0
while test $i -lt 300; do
	set -- "$@" open-regular:$D/swapped close
	i=$((i + 1))
done
i=0 seen=
while test $i -lt 100; do
	ask "open-regular, a name that changes" "$@" -- $SFTPSERVER >/dev/null
	test $status -eq 0 || fail "$what: status $status"
	test `grep -c . $ANSWERS` -eq 600 || fail "$what: not all were answered"
	seen=$seen`grep -x "handle\|status [24]" $ANSWERS | sort -u | tr -d '\n'`
	case $seen in *handle*status\ 4*)	break ;; esac
	i=$((i + 1))
done
verbose "$what: $((i + 1)) times"
test $i -lt 100 || fail "$what: it was not both a file and something else"
kill $swapper
wait $swapper 2>/dev/null
# More than may be open at a time: it says so, and goes on
set --
i=0
while test $i -lt 300; do
	set -- "$@" open-regular:$D/file
	i=$((i + 1))
done
(
	ulimit -n 100
	ask "open-regular, too many" "$@" open-regular:$D/none -- $SFTPSERVER
	grep "^status 4$" $ANSWERS >/dev/null || fail "$what: no end of them"
	answered 301 "status 2"
) || fail "too many"
rm -rf $D

# Messages that are none end the session
for m in 00000009c8000000017fffffff 0004000105 00000000ff ffffffffff \
    00000022c800000001000000176861736 \
    0000000e0500000001000000040000000000; do
	ask "message $m" open=r:$HPN_COPY raw:$m$m raw:$m close -- $SFTPSERVER
	test $status -eq 2 || fail "$what: the server goes on"
done

# Requests for 2 GB of answers, which nobody takes, and then somebody does
ask "flood" open=r:$HPN_DATA flood:8000:261120 -- $SFTPSERVER
answered 2 "flood 2088960000 bytes [0-9]* KiB"
if hpn_memory_known; then
	hpn_no_more "flood" `sed -n 's/^flood.* \([0-9]*\) KiB/\1/p' $ANSWERS` \
	    8192
fi

rm -f $HPN_DATA $HPN_COPY $ANSWERS*
