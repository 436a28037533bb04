# SPDX-License-Identifier: ISC
#
# yscp: data in the clear where the server allows it, nothing at all where it does
# not, and encrypted with -e.
#
#	yscp -> scp == ssh == sshd
#
# usage: make t-exec LTESTS=hpn-yscp

tid="yscp"

. $SRC/hpn-lib

make_tmpdir
T=$SSH_REGRESS_TMP/y
YSCP=`dirname "$SCP"`/yscp
test -x "$YSCP" || YSCP=$BUILDDIR/yscp
LOG=$OBJ/hpn-yscp.log
trap 'rm -rf $T $LOG' EXIT
mkdir -p $T/from/sub
hpn_random $T/from/file 1
echo word >$T/from/sub/other
sed -i.orig '/^NoneEnabled/d' $OBJ/sshd_proxy
cp $OBJ/sshd_proxy $OBJ/sshd_proxy.no
(echo "NoneEnabled yes"; cat $OBJ/sshd_proxy.no) >$OBJ/sshd_proxy.yes

# y yes|no ARG...: what the server allows; status in $status
y ()
{
	cp $OBJ/sshd_proxy.$1 $OBJ/sshd_proxy
	shift
	status=0
	timeout `hpn_times 60` $YSCP -F $OBJ/ssh_proxy -S "$REAL_SSH" "$@" \
	    >$LOG 2>&1 || status=$?
}

# expect WHAT STATUS clear|sealed
expect ()
{
	test $status = $2 || fail "$1: status $status, not $2: `cat $LOG`"
	_clear=sealed
	grep 'NOT ENCRYPTED from now on' $LOG >/dev/null && _clear=clear
	test $_clear = $3 || fail "$1: $_clear: `cat $LOG`"
	verbose "$1: ok"
}

y yes -v $T/from/file somehost:$T/up
expect "up" 0 clear
cmp $T/from/file $T/up || fail "up"
y yes -v somehost:$T/from/file $T/down
expect "down" 0 clear
cmp $T/from/file $T/down || fail "down"
y yes $T/from/file somehost:$T/up
expect "quiet" 0 clear
grep '^scp: verified: 1 file' $LOG >/dev/null || fail "scp's name: `cat $LOG`"
y yes -rpv $T/from somehost:$T/tree
expect "tree" 0 clear
diff -r $T/from $T/tree || fail "tree"
y yes -rev $T/from somehost:$T/tree2
expect "-e among others" 0 sealed
diff -r $T/from $T/tree2 || fail "tree, -e"
y yes -v -l 1000000 -- $T/from/file somehost:$T/limit
expect "an option with an argument" 0 clear

y no $T/from/file somehost:$T/refused
expect "not allowed" 255 sealed
grep 'NoneEnabled yes.*-e copies encrypted' $LOG >/dev/null || \
    fail "not allowed: `cat $LOG`"
test ! -f $T/refused || fail "not allowed: was copied"
y no -q $T/from/file somehost:$T/refused
expect "not allowed, -q" 255 sealed
grep 'NoneEnabled yes.*-e copies encrypted' $LOG >/dev/null || \
    fail "not allowed, -q: `cat $LOG`"
y no -v -e $T/from/file somehost:$T/sealed
expect "not allowed, -e" 0 sealed
cmp $T/from/file $T/sealed || fail "-e"
# Another failure is not taken for that one
y yes somehost:$T/nowhere $T/x
expect "no such file" 1 clear
grep 'copies encrypted' $LOG && fail "no such file: `cat $LOG`"
# What scp can do and yscp cannot is said in words of yscp
y yes -rO $T/from/file somehost:$T/x
expect "-O" 255 sealed
grep 'yscp.*-O: files are compared' $LOG >/dev/null || fail "-O: `cat $LOG`"
y yes -3 somehost:$T/from/file otherhost:$T/x
expect "-3" 255 sealed
grep 'yscp.*-3: files are compared' $LOG >/dev/null || fail "-3: `cat $LOG`"
y yes -- $T/from/file $T/x
expect "local to local" 255 sealed
grep 'both on this machine' $LOG >/dev/null || fail "local: `cat $LOG`"
y yes $T/from/file somehost:$T/from/file otherhost:$T/x
expect "remote to remote" 255 sealed
grep 'both on other machines' $LOG >/dev/null || fail "remote: `cat $LOG`"
test ! -f $T/x || fail "refused: something was copied"
# It knows each option of scp, with its argument or without
$SCP >$LOG 2>&1
tr ' ' '\n' <$LOG | sed -n 's/^\[-\([^]]*\)\]$/\1/p' | sed 's/[3OR]//g' \
    >$T/flags
tr ' ' '\n' <$LOG | sed -n 's/^\[-\(.\)$/\1/p' >$T/options
grep Z $T/flags >/dev/null && grep j $T/options >/dev/null || \
    fatal "the usage of scp is not understood: `cat $LOG`"
y yes -`cat $T/flags` $T/from/file $T/x
grep 'both on this machine' $LOG >/dev/null || fail "flags: `cat $LOG`"
for option in `cat $T/options`; do
	y yes -$option 4 $T/from/file $T/x
	grep 'both on this machine' $LOG >/dev/null || \
	    fail "-$option: `cat $LOG`"
done
for wrong in -Y -e "-l"; do
	y yes $wrong
	test $status = 1 || fail "$wrong alone: $status"
	grep usage $LOG >/dev/null || fail "$wrong alone: `cat $LOG`"
done
