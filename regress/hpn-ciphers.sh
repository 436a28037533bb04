# SPDX-License-Identifier: ISC
#
# The default order of ciphers: AES-GCM if both processors have instructions for
# it, stock's order if one of them has not, which masks of libcrypto's stand for
# here; with a line "Ciphers", with HPNDisabled and with stock's programs.
#
# usage: make t-exec LTESTS=hpn-ciphers

tid="hpn ciphers"

. $SRC/hpn-lib

OURS=aes128-gcm-hw@openssh-hpn
GCM=aes128-gcm@openssh.com
CHACHA=chacha20-poly1305@openssh.com
CONF=$OBJ/hpn-ciphers.conf
MASK="env OPENSSL_ia32cap=~0x200000200000000 OPENSSL_armcap=0"

unset OPENSSL_ia32cap OPENSSL_armcap

# order COMMAND...: the list that -G or -T prints
order ()
{
	"$@" 2>$OBJ/hpn-ciphers.err </dev/null | sed -n 's/^ciphers //p'
}

grep -iv '^ciphers' $OBJ/sshd_proxy >$CONF.sshd
echo "Host *" >$CONF.ssh
has=`order $REAL_SSH -G -F $CONF.ssh host`
stock=`order $MASK $REAL_SSH -G -F $CONF.ssh host`
test -n "$stock" || fatal "no list: `cat $OBJ/hpn-ciphers.err`"
case ,$stock, in
*,$OURS,*)	fail "a masked processor: $stock" ;;
*,$GCM,*)	;;
*)		skip "this libcrypto has no $GCM" ;;
esac
if test "$has" = "$stock"; then
	hardware=no
	case `uname -m` in
	x86_64|aarch64)
		grep -w 'aes' /proc/cpuinfo 2>/dev/null | \
		    grep -w 'pclmulqdq\|pmull' >/dev/null && \
		    fail "this processor has AES, and the order is stock's" ;;
	esac
	verbose "this processor has no instructions for AES"
else
	hardware=yes
	test "$has" = "$OURS,$stock" || fail "the default is $has"
fi
test "`order $REAL_SSHD -T -f $CONF.sshd`" = "$has" || \
    fail "sshd: not $has but `order $REAL_SSHD -T -f $CONF.sshd`"
test "`order $MASK $REAL_SSHD -T -f $CONF.sshd`" = "$stock" || \
    fail "sshd, masked: not $stock but `order $MASK $REAL_SSHD -T -f $CONF.sshd`"
# After a Match, lists are completed once more
(cat $CONF.sshd; printf 'Match all\nMaxSessions 9\n') >$CONF.match
test "`order $REAL_SSHD -T -f $CONF.match -C user=u,host=h,addr=127.0.0.1`" = \
    "$has" || fail "sshd, Match: the order is another"
if test -n "$TEST_SSH_STOCK_SSH"; then
	test "`order $TEST_SSH_STOCK_SSH -G -F $CONF.ssh host`" = "$stock" || \
	    fail "stock's order is another than $stock"
fi

verbose "lines"
while read line want; do
	for tool in ssh sshd; do
		case $tool in
		ssh)	set -- $REAL_SSH -G -F $CONF.ssh -o $line host ;;
		sshd)	set -- $REAL_SSHD -T -f $CONF.sshd -o $line ;;
		esac
		got=`order "$@"`
		test "$got" = "$want" || \
		    fail "$tool, $line: $got, not $want: `cat $OBJ/hpn-ciphers.err`"
	done
done <<EOD
HPNDisabled=yes $stock
Ciphers=$GCM $GCM
Ciphers=$OURS,aes128-ctr $OURS,aes128-ctr
Ciphers=+aes128-cbc $stock,aes128-cbc
Ciphers=^aes128-ctr aes128-ctr,`echo $stock | sed 's/,aes128-ctr//'`
Ciphers=^$OURS $OURS,$stock
Ciphers=-chacha20* `echo $stock | sed "s/$CHACHA,//"`
Ciphers=-$GCM `echo $stock | sed "s/$GCM,//"`
EOD
# What is printed can be read again
echo "Ciphers $has" >$CONF.again
test "`order $REAL_SSH -G -F $CONF.again host`" = "$has" || \
    fail "what -G prints cannot be read again"
$REAL_SSH -Q cipher | grep -x $OURS && fail "ssh -Q lists our name"

# chosen WHAT WANT CLIENT-ENV SERVER-ENV SSH SSHD [SSH OPTION...]
chosen ()
{
	_what=$1 _want=$2 _cenv=$3 _senv=$4 _ssh=$5 _sshd=$6
	shift 6
	(
		echo "Host *"
		# A line of ours is not for stock
		if test "$_ssh" = "$TEST_SSH_STOCK_SSH"; then
			grep -iv '^[	 ]*hpn\|^[	 ]*none' $OBJ/ssh_config
		else
			cat $OBJ/ssh_config
		fi
		echo "ProxyCommand $_senv $_sshd"
	) >$CONF
	$_cenv $_ssh -v -F $CONF "$@" host true >/dev/null \
	    2>$OBJ/hpn-ciphers.err || fail "$_what: exit status $?"
	for _way in 'client->server' 'server->client'; do
		_got=`tr -d '\r' <$OBJ/hpn-ciphers.err | \
		    sed -n "s/^debug1: kex: $_way cipher: \([^ ]*\) .*/\1/p"`
		test "$_got" = "$_want" || fail "$_what: $_way $_got, not $_want"
	done
	verbose "$_what: $_got"
}
test $hardware = yes && both=$GCM || both=$CHACHA
run="$SSHD -i -f $CONF.sshd"
chosen "both ends" $both "" "" $REAL_SSH "$run"
chosen "the client is masked" $CHACHA "$MASK" "" $REAL_SSH "$run"
chosen "the server is masked" $CHACHA "" "$MASK" $REAL_SSH "$run"
chosen "both are masked" $CHACHA "$MASK" "$MASK" $REAL_SSH "$run"
chosen "masked, but asked for" $GCM "$MASK" "" $REAL_SSH "$run" -c $GCM
chosen "asked for chacha20" $CHACHA "" "" $REAL_SSH "$run" \
    -o Ciphers=^$CHACHA
chosen "HPNDisabled at the client" $CHACHA "" "" $REAL_SSH "$run" \
    -o HPNDisabled=yes
chosen "HPNDisabled at the server" $CHACHA "" "" $REAL_SSH \
    "$run -o HPNDisabled=yes"
chosen "new keys" $both "" "" $REAL_SSH "$run" -o RekeyLimit=1G
if test -n "$TEST_SSH_STOCK_SSH" -a -n "$TEST_SSH_STOCK_SSHD"; then
	_dir=`dirname $TEST_SSH_STOCK_SSHD`/../libexec
	(
		echo "SshdSessionPath $_dir/sshd-session"
		echo "SshdAuthPath $_dir/sshd-auth"
		grep -iv 'sshd.*path\|^hpn\|^none' $CONF.sshd
	) >$CONF.stock
	chosen "a stock server" $CHACHA "" "" $REAL_SSH \
	    "$TEST_SSH_STOCK_SSHD -i -f $CONF.stock"
	chosen "a stock client" $CHACHA "" "" $TEST_SSH_STOCK_SSH "$run"
else
	verbose "stock's programs: none given"
fi
rm -f $CONF $CONF.* $OBJ/hpn-ciphers.err
