# SPDX-License-Identifier: ISC
#
# HPNDisabled: on the wire ssh, sshd, scp, sftp and sftp-server are OpenSSH's.
# The requests of scp and sftp are compared with stock's, byte by byte, what is
# proposed and announced, line by line.
#
# usage: make t-exec LTESTS=hpn-disabled

tid="hpn disabled"

. $SRC/hpn-lib

test -n "$TEST_SSH_STOCK_SSH" -a -n "$TEST_SSH_STOCK_SSHD" || \
    skip "there is no TEST_SSH_STOCK_SSH or no TEST_SSH_STOCK_SSHD"
STOCK=`dirname $TEST_SSH_STOCK_SSH`
test -x $STOCK/scp -a -x $STOCK/sftp || skip "stock's scp and sftp are not here"
make_tmpdir
T=$SSH_REGRESS_TMP
FROM=$T/from
TO=$T/to
ASKED=$OBJ/hpn-asked

# A server whose requests are kept, one file for each that was started.
cat >$OBJ/hpn-kept.sh <<EOD
n=1
while test -f $ASKED.\$n; do n=\`expr \$n + 1\`; done
tee $ASKED.\$n | $SFTPSERVER
EOD
mkdir -p $FROM/tree/sub/empty $FROM/tree/other
hpn_random $FROM/large 3
for i in 1 2 3 4 5 6 7 8; do
	echo "file $i" >$FROM/small$i
	cp $FROM/small$i $FROM/tree/sub/
	cp $FROM/small$i $FROM/tree/other/
done
: >$FROM/empty
chmod 640 $FROM/small3
cp $FROM/large $FROM/tree/sub/
# -p sends times of access: what is read once now keeps its
find $FROM -exec touch -d 2001-01-01 {} +
find $FROM -type f -exec cat {} + >/dev/null
find $FROM >/dev/null

conf ()
{
	# Subsystem lines of the suite come later and would be another's; options
	# of ours that all tests are run with are not for stock.
	grep -iv '^[ 	]*\(subsystem\|hpn\|none\)' $OBJ/sshd_proxy \
	    >$OBJ/hpn-sshd.rest
	(
		printf '%s\n' "$1"
		echo "Subsystem sftp ${2:-sh $OBJ/hpn-kept.sh}"
		cat $OBJ/hpn-sshd.rest
	) >$HPN_SSHD_CONFIG
	(
		grep -iv '^[ 	]*\(hpn\|none\)' $OBJ/ssh_config
		echo "ProxyCommand `hpn_server`"
	) >$OBJ/hpn-plain.conf
	(
		printf 'Host host\n\tHPNDisabled yes\nMatch all\n'
		cat $OBJ/hpn-plain.conf
	) >$OBJ/hpn-disabled.conf
	hpn_forget
}

# asked BIN CONF SSH COMMAND ARG...: what it asks for is in $ASKED.*, what it
# makes in $TO.
asked ()
{
	_bin=$1 _conf=$2 _ssh=$3 _what=$4
	shift 4
	rm -rf $ASKED.* $TO
	mkdir -p $TO
	_status=0
	case $_what in
	scp)	$_bin/scp -q -S $_ssh -F $_conf "$@" ;;
	sftp)	$_bin/sftp -q -S $_ssh -F $_conf -b $OBJ/hpn-batch "$@" ;;
	esac >$OBJ/hpn-asked.out 2>$OBJ/hpn-asked.err </dev/null || _status=$?
	echo "status $_status" >>$OBJ/hpn-asked.out
	# A program calls itself by its path
	sed "s|^$_bin/||" $OBJ/hpn-asked.err >$OBJ/hpn-asked.new
	mv $OBJ/hpn-asked.new $OBJ/hpn-asked.err
	(cd $TO && find . | sort && find . -type f | sort | xargs cat) \
	    >$OBJ/hpn-asked.tree 2>/dev/null
}

keep ()
{
	rm -rf $OBJ/hpn-kept.d
	mkdir $OBJ/hpn-kept.d
	mv $ASKED.[0-9]* $OBJ/hpn-asked.out $OBJ/hpn-asked.err \
	    $OBJ/hpn-asked.tree $OBJ/hpn-kept.d/
}

# same: whether what was asked, said and done now is what was kept.
same ()
{
	_n=`ls $ASKED.[0-9]* | wc -l`
	test $_n -eq `ls $OBJ/hpn-kept.d/hpn-asked.[0-9]* | wc -l` || {
		echo "$_n servers" >$OBJ/hpn-cmp.out
		return 1
	}
	for _file in $OBJ/hpn-kept.d/*; do
		cmp $_file $OBJ/${_file##*/} >$OBJ/hpn-cmp.out 2>&1 || return 1
	done
}

OURS=`dirname $REAL_SSH`
conf ""
cat >$OBJ/hpn-batch <<EOD
get $FROM/large $TO/large
get -p $FROM/small* $TO
get -r $FROM/tree $TO
put $FROM/large $TO/up
put -p $FROM/small3 $TO/up3
put -r $FROM/tree $TO/uptree
ls -l $FROM
EOD
mkdir -p $TO
while read -r what args; do
	verbose "$what $args"
	eval "set -- $args"
	asked $STOCK $OBJ/hpn-plain.conf $TEST_SSH_STOCK_SSH $what "$@"
	grep '^status 0$' $OBJ/hpn-asked.out >/dev/null || \
	    grep nowhere $OBJ/hpn-asked.err >/dev/null || \
	    fail "stock $what $args: `cat $OBJ/hpn-asked.err`"
	keep
	# Told by -o, by the configuration, by both, and where there is no other
	# use of the socket that ssh tells it by
	asked $OURS $OBJ/hpn-plain.conf $REAL_SSH $what -oHPNDisabled=yes "$@"
	same || fail "$what -o $args: `cat $OBJ/hpn-cmp.out $OBJ/hpn-asked.err`"
	asked $OURS $OBJ/hpn-disabled.conf $REAL_SSH $what "$@"
	same || fail "$what $args: `cat $OBJ/hpn-cmp.out $OBJ/hpn-asked.err`"
	asked $OURS $OBJ/hpn-disabled.conf $REAL_SSH $what -Xchannels=1 "$@"
	same || fail "$what -X $args: `cat $OBJ/hpn-cmp.out $OBJ/hpn-asked.err`"
	# The first that says it holds; and this test can tell the difference
	asked $OURS $OBJ/hpn-disabled.conf $REAL_SSH $what -oHPNDisabled=no "$@"
	case $what in
	scp)	! same || fail "$what, not disabled, $args: as in stock" ;;
	esac
done <<'EOD'
scp $FROM/large host:$TO/up
scp $FROM/small1 host:$TO/
scp -p $FROM/large $FROM/empty $FROM/small[1-8] host:$TO
scp -r -p $FROM/tree host:$TO/
scp host:$FROM/large $TO/down
scp -p "host:$FROM/small*" $TO
scp host:$FROM/large host:$FROM/small1 host:$FROM/small2 $TO
scp -r host:$FROM/tree $TO
scp host:$FROM/nowhere $TO
sftp host
EOD

# What is not there already is not wanted of a copy that goes on: -Z is asked
# for by name.
verbose "what is asked for by name"
asked $OURS $OBJ/hpn-disabled.conf $REAL_SSH scp -Z $FROM/large host:$TO/up
cmp $FROM/large $TO/up || fail "-Z: not the same"

verbose "the connection"
release_of ()
{
	$1 -V 2>&1 | sed 's/^OpenSSH_\([0-9.]*\).*/\1/'
}
# alike WHAT: the lists of ours are those of stock, if both are of one release
alike ()
{
	if test "`release_of $REAL_SSH`" != "`release_of $TEST_SSH_STOCK_SSH`"
	then
		echo "$1: lists not compared (skipped: stock is of another release)"
		return
	fi
	cmp $OBJ/hpn-lists.stock $OBJ/hpn-lists.ours || \
	    fail "$1: `diff $OBJ/hpn-lists.stock $OBJ/hpn-lists.ours`"
}
# lists LOG: what the peer proposes and announces
lists ()
{
	tr -d '\r' <$1 | sed -n 's/^debug[123]: //;/^peer .*KEXINIT/,/^\(local\|reserved\|kex:\)/p;
	    /[Kk]ex_ext_info\|ext_info/p;/open confirm rwindow/p' | \
	    sed 's/ \[preauth\]//'
}
# sent LOG: the types of packets, until a command is asked for
sent ()
{
	tr -d '\r' <$1 | sed -n 's/^debug3: send packet: type \([0-9]*\).*/\1/p' | \
	    sed '/^98$/q' | tr '\n' ' '
}
# connect SSH CONF ARG...: the client's account in $OBJ/hpn-vvv
connect ()
{
	_ssh=$1 _conf=$2
	shift 2
	: >$HPN_LOG_SERVER
	$_ssh -vvv -F $_conf "$@" host true >/dev/null 2>$OBJ/hpn-vvv \
	    </dev/null || fail "$_ssh $*: `tail -n 3 $OBJ/hpn-vvv`"
}
conf "LogLevel DEBUG3"
connect $TEST_SSH_STOCK_SSH $OBJ/hpn-plain.conf
lists $HPN_LOG_SERVER >$OBJ/hpn-lists.stock
sent $OBJ/hpn-vvv >$OBJ/hpn-sent.stock
connect $REAL_SSH $OBJ/hpn-disabled.conf
lists $HPN_LOG_SERVER >$OBJ/hpn-lists.ours
sent $OBJ/hpn-vvv >$OBJ/hpn-sent.ours
grep 'ciphers ctos: ' $OBJ/hpn-lists.stock >/dev/null || \
    fail "no lists of stock's: `cat $OBJ/hpn-lists.stock`"
alike ssh
test `wc -w <$OBJ/hpn-sent.stock` -gt 5 || fail "stock: sent nothing"
cmp $OBJ/hpn-sent.stock $OBJ/hpn-sent.ours || \
    fail "ssh sends `cat $OBJ/hpn-sent.ours`, not `cat $OBJ/hpn-sent.stock`"

_dir=`dirname $TEST_SSH_STOCK_SSHD`/../libexec
conf "HPNDisabled yes
LogLevel DEBUG3"
connect $REAL_SSH $OBJ/hpn-plain.conf
lists $OBJ/hpn-vvv >$OBJ/hpn-lists.ours
(
	echo "SshdSessionPath $_dir/sshd-session"
	echo "SshdAuthPath $_dir/sshd-auth"
	echo "Subsystem sftp $SFTPSERVER"
	echo "LogLevel DEBUG3"
	grep -iv 'sshd.*path\|loglevel' $OBJ/hpn-sshd.rest
) >$OBJ/hpn-stock.conf
sed "s|^ProxyCommand .*|ProxyCommand $TEST_SSH_STOCK_SSHD -i -f $OBJ/hpn-stock.conf -E $HPN_LOG_SERVER|" \
    $OBJ/hpn-plain.conf >$OBJ/hpn-tostock.conf
connect $REAL_SSH $OBJ/hpn-tostock.conf
lists $OBJ/hpn-vvv >$OBJ/hpn-lists.stock
grep 'server-sig-algs' $OBJ/hpn-lists.stock >/dev/null || \
    fail "no EXT_INFO of stock's: `cat $OBJ/hpn-lists.stock`"
grep 'rwindow 0 ' $OBJ/hpn-lists.stock >/dev/null || \
    fail "no confirmation of stock's: `cat $OBJ/hpn-lists.stock`"
alike sshd
connect $REAL_SSH $OBJ/hpn-tostock.conf -oHPNDisabled=yes

verbose "windows, and what times a round trip"
conf "HPNDisabled yes
LogLevel DEBUG3"
hpn_random $HPN_DATA 16
$REAL_SSH -vvv -F $OBJ/hpn-disabled.conf host cat <$HPN_DATA >$HPN_COPY \
    2>$OBJ/hpn-vvv || fail "windows: exit status $?"
hpn_same "windows"
for log in $OBJ/hpn-vvv $HPN_LOG_SERVER; do
	grep 'hpn_channels_resize\|keepalive@openssh.com' $log >/dev/null && \
	    fail "windows: ${log##*/} tells of more than stock does"
	most=`sed -n 's/.*window \([0-9]*\) sent adjust \([0-9]*\).*/\1 \2/p' $log | \
	    awk '$1 + $2 > most { most = $1 + $2 } END { printf "%d\n", most }'`
	test $most -gt 0 -a $most -le $HPN_STOCK_WINDOW || \
	    fail "windows: ${log##*/}: $most"
done

verbose "what sftp-server announces"
for server in $SFTPSERVER internal-sftp; do
	for disabled in yes no; do
		conf "HPNDisabled $disabled" $server
		echo version | $OURS/sftp -vvv -S $REAL_SSH \
		    -F $OBJ/hpn-plain.conf -b - host >$OBJ/hpn-vvv 2>&1
		grep 'supports extension "posix-rename' $OBJ/hpn-vvv >/dev/null || \
		    fail "$server: `tail -n 3 $OBJ/hpn-vvv`"
		case $disabled in
		# What the client proposes is its own affair here
		yes)	grep -v "^debug2: c[io][a-z]* [cs]to[cs]:" $OBJ/hpn-vvv | \
			    grep "@openssh-hpn" && \
			    fail "$server: announces an extension of ours" ;;
		esac
	done
done
conf "HPNDisabled yes"
$REAL_SSH -F $OBJ/hpn-plain.conf host env 2>/dev/null | grep HPN && \
    fail "a command's environment tells"

rm -rf $HPN_DATA $HPN_COPY $OBJ/hpn-kept.d $ASKED.* $OBJ/hpn-lists.* $OBJ/hpn-vvv
