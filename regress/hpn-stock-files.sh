# SPDX-License-Identifier: ISC
#
# Files and trees between our scp and sftp and a stock sshd with its sftp-server,
# and between stock's scp and sftp and our sshd, up and down; and how many round
# trips a tiny file takes.
#
# usage: make t-exec LTESTS=hpn-stock-files
#
# Tried are the machine's own OpenSSH, and what TEST_SSH_STOCK_SSH and
# TEST_SSH_STOCK_SSHD, TEST_SSH_OLDER_SSH and TEST_SSH_OLDER_SSHD name.

tid="hpn files to and from stock"

. $SRC/hpn-lib

FROM=$OBJ/hpn-stock-files.from
TO=$OBJ/hpn-stock-files.to
LOG=$OBJ/hpn-stock-files.log

HPN_DELAY_MS=`hpn_times 100`
hpn_helper hpn-delay
rm -rf $FROM $TO
mkdir -p $FROM/tree/sub/deep $FROM/tree/empty $FROM/tree/many
hpn_random $FROM/large 12
printf x >>$FROM/large
: >$FROM/tree/nothing
hpn_random $FROM/tree/sub/deep/large 2
echo "with a space" >"$FROM/tree/a name"
for i in `seq 120`; do
	dd if=/dev/urandom of=$FROM/tree/many/$i bs=$i count=17 2>/dev/null
done
chmod 640 $FROM/tree/many/7
chmod 755 $FROM/tree/many/8
touch -d 2001-02-03 $FROM/tree/many/9 $FROM/tree/empty $FROM/large

# listed DIR: all that -p preserves
listed ()
{
	( cd $1 && find . -printf '%p %y %m %Ts\n' | LC_ALL=C sort )
}

# same WHAT FROM TO
same ()
{
	diff -r $2 $3 >$LOG.diff 2>&1 || fail "$1: `head -n 2 $LOG.diff`"
	test -d $2 || return
	listed $2 >$LOG.1
	listed $3 >$LOG.2
	diff $LOG.1 $LOG.2 >$LOG.diff || \
	    fail "$1: attributes: `head -n 3 $LOG.diff | tr '\n' ' '`"
}

# copied WHAT COMMAND...: with nothing there before; says why it failed
copied ()
{
	what=$1
	shift
	rm -rf $TO
	mkdir $TO
	"$@" </dev/null >$LOG 2>&1 || \
	    fail "$what: exit status $?: `tail -n 1 $LOG`"
}

# all WHO SCP SFTP SSH CONFIG: a file and a tree both ways by both programs
all ()
{
	who=$1 scp="$2 -S $4 -F $5" sftp="$3 -S $4 -F $5"
	copied "$who, scp up" $scp -q -p $FROM/large host:$TO/large
	same "$what" $FROM/large $TO/large
	copied "$who, scp -r up" $scp -q -r -p $FROM/tree host:$TO
	same "$what" $FROM/tree $TO/tree
	copied "$who, scp down" $scp -q -p host:$FROM/large $TO/large
	same "$what" $FROM/large $TO/large
	copied "$who, scp -r down" $scp -q -r -p host:$FROM/tree $TO
	same "$what" $FROM/tree $TO/tree
	copied "$who, scp -O up" $scp -O -q -r -p $FROM/tree host:$TO
	same "$what" $FROM/tree $TO/tree
	copied "$who, scp -O down" $scp -O -q -r -p host:$FROM/tree $TO
	same "$what" $FROM/tree $TO/tree
	printf 'put -p %s %s\nput -R -p %s %s/up\n' \
	    $FROM/large $TO/large $FROM/tree $TO >$LOG.batch
	printf 'get -p %s %s\nget -R -p %s %s/down\n' \
	    $FROM/large $TO/large.down $FROM/tree $TO >>$LOG.batch
	copied "$who, sftp" $sftp -q -b $LOG.batch host
	same "$what put" $FROM/large $TO/large
	same "$what get" $FROM/large $TO/large.down
	# Into the folder that put made, or not: see put -R of that version
	test -d $TO/up/tree && mv $TO/up/tree $TO/tree && rmdir $TO/up && \
	    mv $TO/tree $TO/up
	same "$what put -R" $FROM/tree $TO/up
	same "$what get -R" $FROM/tree $TO/down
	verbose "$who: ok"
}

hpn_stock_server >$HPN_SSHD_CONFIG
(
	hpn_stock_client
	echo "	LogLevel	ERROR"
) >$OBJ/hpn_stock_config

used=0
for server in $TEST_SSH_STOCK_SSHD $TEST_SSH_OLDER_SSHD /usr/sbin/sshd; do
	test -x $server || {
		verbose "$server left out: it is not there"
		continue
	}
	if $server -t -f $HPN_SSHD_CONFIG -o HPNDisabled=no 2>/dev/null; then
		verbose "$server is not stock: it has HPNDisabled"
		continue
	fi
	top=`dirname $server`/..
	# That of the same release, be it within sshd
	for sftp_server in $top/libexec/sftp-server \
	    $top/lib/openssh/sftp-server $top/libexec/openssh/sftp-server \
	    internal-sftp; do
		test -x $sftp_server && break
	done
	(
		cat $HPN_SSHD_CONFIG
		echo "Subsystem sftp $sftp_server"
		# What it starts, where it is not installed in its place
		for p in session auth; do
			test -x $top/libexec/sshd-$p && \
			    echo "Sshd`echo $p | sed 's/^s/S/;s/^a/A/'`Path $top/libexec/sshd-$p"
		done
	) >$OBJ/hpn_stock_sshd_config
	run="$server -i -f $OBJ/hpn_stock_sshd_config"
	# A package's sshd wants a user and a folder of its own.
	if ! $server -t -f $OBJ/hpn_stock_sshd_config >$LOG 2>&1; then
		why=`hpn_private_missing`
		if test -n "$why"; then
			verbose "$server left out: $why; `cat $LOG`"
			continue
		fi
		run=`hpn_private $run`
	fi
	(
		cat $OBJ/hpn_stock_config
		echo "	ProxyCommand $run"
	) >$HPN_SSH_CONFIG
	rm -f $LOG
	$SSH -F $HPN_SSH_CONFIG -v -E $LOG host true || \
	    fatal "$server: cannot connect: `grep -v '^debug' $LOG`"
	name=`sed -n 's/.*remote software version \([^ ]*\).*/\1/p' $LOG | \
	    tr -d '\r' | head -n 1`
	all "our client, $name" $SCP $SFTP $SSH $HPN_SSH_CONFIG
	(
		cat $OBJ/hpn_stock_config
		echo "	ProxyCommand `hpn_link` $run"
	) >$HPN_SSH_CONFIG
	# One of them for the window, which it grants once the server runs
	hpn_trips "$name" 3 $FROM/tree/many/7 $TO/tiny
	used=`expr $used + 1`
done

(
	cat $OBJ/sshd_proxy
	echo "Subsystem sftp $SFTPSERVER"
) | grep -iv '^[	 ]*subsystem.*internal' | \
    awk '!/^[ \t]*[Ss]ubsystem/ || !seen++' >$HPN_SSHD_CONFIG.ours
for client in $TEST_SSH_STOCK_SSH $TEST_SSH_OLDER_SSH /usr/bin/ssh; do
	test -x $client || {
		verbose "$client left out: it is not there"
		continue
	}
	if $client -G -F /dev/null -o HPNDisabled=no host >/dev/null 2>&1; then
		verbose "$client is not stock: it has HPNDisabled"
		continue
	fi
	bin=`dirname $client`
	if test ! -x $bin/scp -o ! -x $bin/sftp; then
		verbose "$client left out: no scp and sftp beside it"
		continue
	fi
	(
		cat $OBJ/hpn_stock_config
		echo "	ProxyCommand $SSHD -i -f $HPN_SSHD_CONFIG.ours -E $HPN_LOG_SERVER"
	) >$HPN_SSH_CONFIG
	name="`$client -V 2>&1 | sed 's/[ ,].*//'`"
	all "$name, our server" $bin/scp $bin/sftp $client $HPN_SSH_CONFIG
	used=`expr $used + 1`
done

rm -rf $FROM $TO $LOG* $OBJ/hpn_stock*_config $HPN_SSHD_CONFIG.ours $OBJ/hpn-home
test $used -gt 0 || skip "no stock OpenSSH on this machine"
