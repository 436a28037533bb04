# SPDX-License-Identifier: ISC
#
# A file that scp downloads is opened with the connection's first requests, where
# the server is known to open regular files alone (open-regular@openssh-hpn,
# PROTOCOL.hpn, section 6.2).
#
#	scp == ssh == hpn-flights == sshd == internal-sftp, or hpn-badsftp
#
# Round trips are counted.  What cannot be opened in this way is dealt with as
# without it, with the same messages.  Servers that lie about it change nothing.
#
# usage: make t-exec LTESTS=hpn-fast-open

tid="hpn opening with the first requests"

. $SRC/hpn-connect-lib

hpn_helper hpn-flights
hpn_helper hpn-badsftp
T=$SSH_REGRESS_TMP
FLIGHTS=$OBJ/hpn-flights.out
CONF=$OBJ/hpn-connect.conf
KEYS=$OBJ/hpn-connect-keys
ERRORS=$OBJ/hpn-open.err
REQUESTS=$OBJ/hpn-open.requests
ONE="-i $OBJ/hpn-key.user -o IdentitiesOnly=yes -o BatchMode=yes"

connect_keys user host
connect_known yes
cp $OBJ/hpn-key.user.pub $KEYS

# serve [SUBSYSTEM [LINES]]: how sshd is configured from now on.
serve ()
{
	connect_serve $KEYS "$2"
	sed "s|^Subsystem sftp .*|Subsystem sftp ${1:-internal-sftp}|" \
	    $HPN_SSHD_CONFIG >$HPN_SSHD_CONFIG.new
	mv $HPN_SSHD_CONFIG.new $HPN_SSHD_CONFIG
}

# bad FAULT...: "sftp" is hpn-badsftp, and sshd does not know it.  It is like
# OpenSSH's, but for the faults.
bad ()
{
	{
		printf '#!/bin/sh\n'
		printf "exec $OBJ/hpn-badsftp -d $T/there -l $REQUESTS -O 0"
		for _f in "$@"; do
			printf " -f '%s'" "$_f"
		done
		echo
	} >$OBJ/hpn-open.bad
	chmod 755 $OBJ/hpn-open.bad
	serve internal-sftp "ForceCommand $OBJ/hpn-open.bad"
}

# get [OPTION...] FROM...: to the directory $T/here, which is new.  The exit status
# is in $r, round trips are in $trips.
get ()
{
	rm -rf $T/here $FLIGHTS $REQUESTS
	mkdir $T/here
	hpn_forget
	connect_options "ProxyCommand $OBJ/hpn-flights -p $OBJ/hpn-open.pid -o $FLIGHTS $SSHD -i -f $HPN_SSHD_CONFIG -E $HPN_LOG_SERVER" >$CONF
	timeout -k 5 $MOST sh -c "echo \$\$ >$OBJ/hpn-open.pid; exec \"\$@\"" \
	    sh $SCP -S $REAL_SSH -F $CONF $ONE "$@" $T/here </dev/null 2>$ERRORS
	r=$?
	trips=`round_trips $FLIGHTS`
}

# got WHAT FILE...: all of these are here, and nothing was said.
got ()
{
	_what=$1
	shift
	test $r -eq 0 || fail "$_what: exit status $r: `cat $ERRORS`"
	test ! -s $ERRORS || fail "$_what: `cat $ERRORS`"
	for _f in "$@"; do
		cmp $T/there/$_f $T/here/$_f || fail "$_what: $_f differs"
	done
}

# trips WHAT COUNT
trips ()
{
	verbose "$1: ${trips:-no} round trips"
	test "x$trips" = "x$2" || \
	    fail "$1: ${trips:-no} round trips instead of $2"
}

# opened WHAT N: hpn-badsftp has opened so many files.
opened ()
{
	_o=`grep -c '^open\(-regular\)* ' $REQUESTS`
	test $_o -eq $2 || fail "$1: $_o were opened instead of $2"
}

mkdir -p $T/there/dir
echo "a line" >$T/there/tiny
: >$T/there/empty
for n in 1 100000 261120 261121 3000000; do
	head -c $n /dev/urandom >$T/there/f$n
done
ln -s tiny $T/there/link
echo inside >$T/there/dir/inside
mkfifo $T/there/fifo
ln -s fifo $T/there/link-fifo
ln -s nowhere $T/there/link-none
ln -s /dev/null $T/there/null

verbose "our server"
serve
for f in tiny f1 f100000 link; do
	get host:$T/there/$f
	got $f $f
	trips $f 3
done
for f in f261120 f261121 f3000000 empty; do
	get host:$T/there/$f
	got $f $f
done
get -p host:$T/there/tiny
got "-p" tiny
trips "-p" 3
serve "internal-sftp -R"
get host:$T/there/tiny
got "read-only" tiny
trips "read-only" 3

verbose "where nobody may, or knows how to"
for s in "internal-sftp -P open-regular" "$SFTPSERVER"; do
	serve "$s"
	get host:$T/there/tiny
	got "$s" tiny
	trips "$s" 4
done
grep "Unknown extended request" $HPN_LOG_SERVER >/dev/null && \
    fail "a server that sshd does not know was asked"
serve
get -o HPNFastConnect=no host:$T/there/tiny
got "without hurry" tiny

verbose "nothing is opened twice, and only what is wanted"
bad none:x:status=4
for f in tiny f261120 f261121 f3000000; do
	get host:$f
	got "$f, once" $f
	opened "$f, once" 1
done
get host:tiny host:f1 host:f100000
got "three files" tiny f1 f100000
opened "three files" 3
get "host:f*[0-9]"
got "a glob" f1 f100000 f3000000
opened "a glob" 5
get -r host:dir
got "a directory" dir/inside
opened "a directory" 1
serve
get -X verify=yes host:$T/there/tiny
test $r -eq 0 || fail "compared: exit status $r: `cat $ERRORS`"
get -Z host:$T/there/tiny
test $r -eq 0 || fail "resumed: exit status $r: `cat $ERRORS`"
get -X log=$OBJ/hpn-open.log host:$T/there/tiny
test $r -eq 0 || fail "with a log: exit status $r: `cat $ERRORS`"
get -X buffer=1000 host:$T/there/f100000
got "a length of the user's" f100000
get -l 100000 host:$T/there/f100000
got "limited" f100000

# same WHAT OPTION... FROM: exit status, messages and what is here are the same
# without hurry.
same ()
{
	_what=$1
	shift
	get -o HPNFastConnect=no "$@"
	mv $ERRORS $ERRORS.slow
	_r=$r
	(cd $T/here && ls -lR . | sed 's/ [A-Z][a-z][a-z] [ 0-9:]* / /') \
	    >$ERRORS.ls
	get "$@"
	test $r -eq $_r || fail "$_what: exit status $r instead of $_r"
	cmp -s $ERRORS $ERRORS.slow || \
	    fail "$_what: other messages: `diff $ERRORS.slow $ERRORS`"
	(cd $T/here && ls -lR . | sed 's/ [A-Z][a-z][a-z] [ 0-9:]* / /') | \
	    cmp -s - $ERRORS.ls || fail "$_what: something else is here"
}

verbose "what is no regular file"
for f in dir fifo link-fifo link-none null none; do
	same $f host:$T/there/$f
	test $r -ne 0 || fail "$f: exit status 0"
done
same "dir, -r" -r host:$T/there/dir
same "a file, -r" -r host:$T/there/tiny
same "a file as a directory" host:$T/there/tiny/
same "no name" host:
serve "internal-sftp -P open"
same "-P open" host:$T/there/tiny
serve "internal-sftp -P stat,lstat"
same "-P stat" host:$T/there/tiny
serve "internal-sftp -P read"
same "-P read" host:$T/there/tiny
serve
if test -n "$SUDO" -o `id -u` -ne 0; then
	chmod 0 $T/there/f1
	same "no permission" host:$T/there/f1
	chmod 644 $T/there/f1
fi
i=0 long=$T/there
while test $i -lt 90; do
	long=$long/././././././././././.
	i=$((i + 1))
done
get host:$long/tiny
got "a long name" tiny
trips "a long name" 4

verbose "servers that lie"
# lies DEMAND FAULT...: DEMAND is ok, fail or any.
lies ()
{
	_demand=$1
	shift
	bad "$@"
	get host:tiny
	case $r in
	124|137)	fail "$*: hangs" ;;
	esac
	case $_demand in
	ok)	got "$*" tiny ;;
	fail)	test $r -ne 0 || fail "$*: exit status 0"
		test -s $ERRORS || fail "$*: nobody said anything" ;;
	any)	test $r -ne 0 || cmp $T/there/tiny $T/here/tiny || \
		    fail "$*: it differs" ;;
	esac
	test -f $T/here/tiny -o $r -ne 0 || fail "$*: nothing is here"
	grep "^open-regular tiny" $REQUESTS >/dev/null || \
	    fail "$*: it was not asked"
	verbose "$*: $r"
}
lies ok none:x:status=4
trips "a server that does as ours" 3
for s in 0 1 2 3 4 8 99; do
	lies ok open-regular:tiny:status=$s
	grep "^open tiny" $REQUESTS >/dev/null || \
	    fail "status $s: it was not opened as ever"
done
lies ok open-regular:tiny:slow=1000
lies ok open-regular:tiny:wrong-type
lies ok open-regular:tiny:silence
lies fail open-regular:tiny:wrong-id
lies any open-regular:tiny:truncated
lies fail open-regular:tiny:twice
lies fail open-regular:tiny:empty
lies fail open-regular:tiny:oversize
lies fail open-regular:tiny:huge
lies any open-regular:tiny:garbage
lies fail open-regular:tiny:exit
lies fail read:tiny:twice
lies fail read:tiny:wrong-type
lies ok read:tiny:slow=500
lies any read:tiny:truncated
# A handle, and attributes that contradict it
lies fail stat:tiny:status=2
lies fail stat:tiny:status=3
lies fail stat:tiny:lie-dir
lies any stat:tiny:lie-size
lies any stat:tiny:no-attrs
# What is opened and not wanted is closed again
bad stat:fifo:lie-dir
get host:fifo
test $r -ne 0 || fail "a fifo that is said to be a directory: exit status 0"
grep "^open-regular fifo" $REQUESTS >/dev/null || fail "it was not asked"
bad stat:tiny:no-attrs
get host:tiny
got "no attributes" tiny
sed -n '/^open-regular/,/^open /p' $REQUESTS | grep "^close tiny" >/dev/null || \
    fail "no attributes: the file stays open: `cat $REQUESTS`"
# The first handle is another one: what was asked of it is asked again
sed 's/-O 0/-O 7/' $OBJ/hpn-open.bad >$OBJ/hpn-open.bad.new
cat $OBJ/hpn-open.bad.new >$OBJ/hpn-open.bad
get host:f3000000
got "other handles" f3000000

rm -rf $T/there $T/here $OBJ/hpn-open.* $FLIGHTS $CONF
