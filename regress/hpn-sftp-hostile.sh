# SPDX-License-Identifier: ISC
#
# SFTP servers that break the rules, and the clients scp and sftp, which must
# say so, end, and leave everything alone that they were not told to write.
#
#	scp, sftp == hpn-badsftp == folder "remote"
#
# Whatever the server does: no hang, no file outside the destination, no exit
# status 0 with a wrong copy, and no other exit status without a word about it.
# Where the fault is confined to one file the others are copied.
#
# usage: make t-exec LTESTS=hpn-sftp-hostile

tid="hpn hostile sftp servers"

. $SRC/hpn-lib

hpn_helper hpn-badsftp
make_tmpdir
T=$SSH_REGRESS_TMP
SERVER=$OBJ/hpn-badsftp.sh
ERRORS=$OBJ/hpn-sftp-errors
HANG=`hpn_times 60`

# What is copied, either way: F one message, G several, H many, and a folder.
mkdir -p $T/remote/data/sub $T/local/data/sub $T/outside
echo "a line of text" >$T/remote/data/F
head -c 100000 /dev/urandom >$T/remote/data/G
head -c 3000007 /dev/urandom >$T/remote/data/H
echo "another line" >$T/remote/data/sub/I
cp -r $T/remote/data $T/local
echo precious >$T/outside/hpn-precious
echo evil >$T/remote/hpn-evil

# Everything but the two folders that may be written to.
others ()
{
	find $T/remote/data $T/local/data $T/outside -type f -exec cksum {} + |
	    sort
	find $T ! -path "$T/*/in/data" ! -path "$T/*/in/data/*" | sort
}

# server OPTION...: the next connection is to hpn-badsftp with these.
server ()
{
	{
		printf "exec $OBJ/hpn-badsftp -d $T/remote"
		for _o in "$@"; do
			printf " '%s'" "$_o"
		done
		echo
	} >$SERVER.new
	(echo "#!/bin/sh"; cat $SERVER.new) >$SERVER
	rm -f $SERVER.new
	chmod 755 $SERVER
}

# copy scp|sftp get|put: copy the folder.  Leaves the exit status in $status and
# the place in $dest.
copy ()
{
	rm -rf $T/remote/in $T/local/in
	mkdir $T/remote/in $T/local/in
	case $2 in
	get)	dest=$T/local/in ;;
	put)	dest=$T/remote/in ;;
	esac
	case $1$2 in
	scpget)	timeout -k 5 $HANG $SCP -q -r -S $SERVER \
		    host:data $T/local/in ;;
	scpput)	timeout -k 5 $HANG $SCP -q -r -S $SERVER \
		    $T/local/data host:in ;;
	sftp*)	(
			echo "lcd $T/local"
			case $2 in
			get)	echo "get -r data in" ;;
			put)	echo "put -r data in" ;;
			esac
		) | timeout -k 5 $HANG $SFTP -q -b - -S $SERVER host ;;
	esac >$OBJ/hpn-sftp-output 2>$ERRORS </dev/stdin
	status=$?
}

# right FILE...: these are copied, entirely.
right ()
{
	for _f in "$@"; do
		cmp $T/remote/data/$_f $dest/data/$_f >/dev/null 2>&1 || \
		    fail "$what: $_f is not right: `cat $ERRORS`"
	done
}

# one TOOL DIRECTION DEMAND FILES OPTION...: a copy.  DEMAND: ok, everything is
# copied; fail, an error, the rest (FILES) is copied; says, as fail but with any
# exit status; any.
one ()
{
	tool=$1 direction=$2 demand=$3 files=$4
	shift 4
	what="$tool $direction, server $*"
	server "$@"
	copy $tool $direction
	case $status in
	124|137) fail "$what: hangs" ;;
	0)	test $demand != fail || \
		    fail "$what: exit status 0"
		;;
	*)	test -s $ERRORS || fail "$what: exit status $status, no message"
		test $status -lt 128 -o $status -eq 255 || \
		    fail "$what: died, status $status"
		test $demand != ok || \
		    fail "$what: exit status $status: `cat $ERRORS`"
		;;
	esac
	case "$*" in
	*:exit*|*-x*)
		grep "Connection closed" $ERRORS >/dev/null || \
		    fail "$what: does not say what is wrong: `cat $ERRORS`"
		;;
	esac
	case $demand in
	ok)	right F G H sub/I ;;
	fail)	right $files ;;
	says)	right $files
		test -s $ERRORS || fail "$what: nobody said anything" ;;
	any)	test $status -ne 0 || right $files ;;
	esac
	others >$OBJ/hpn-sftp-others.now
	cmp -s $OBJ/hpn-sftp-others $OBJ/hpn-sftp-others.now || {
		fail "$what: wrote elsewhere:" `diff $OBJ/hpn-sftp-others \
		    $OBJ/hpn-sftp-others.now | grep '^[<>]'`
		others >$OBJ/hpn-sftp-others
	}
	verbose "$what: $status"
}

get ()
{
	one scp get "$@"
	one sftp get "$@"
}

put ()
{
	one scp put "$@"
	one sftp put "$@"
}

both ()
{
	get "$@"
	put "$@"
}

ALL="F G H sub/I"
mkdir $T/remote/in $T/local/in
others >$OBJ/hpn-sftp-others

# What a server may do
both ok ""
both ok "" -E
both ok "" -h 7 -s 3
both ok "" -h 64 -s 4
both ok "" -w 5
get ok "" -R 20000 -s 5
get ok "" -R 20000 -h 20 -s 6
get ok "" -R 20000 -E -h 3 -s 7

# An error for one file: the others are copied
get fail "F H sub/I" -f "open:G:status=3"
get fail "F H sub/I" -f "read:G:status=4"
get fail "F G sub/I" -f "read:H:status=4:2"
get fail "F G sub/I" -f "read:H:status=4:2" -h 16
get fail "F G H" -f "opendir:sub:status=3"
get fail "F G H" -f "readdir:sub:status=4"
get fail "" -f "opendir:data:status=3"
get any "" -f "close:G:status=4"
get any "" -f "any:G:status=8"
put fail "F H sub/I" -f "open:G:status=3"
put fail "F H sub/I" -f "write:G:status=4"
put fail "F G sub/I" -f "write:H:status=4:2"
put fail "F G sub/I" -f "write:H:status=4:2" -h 16
put fail "F G H" -f "mkdir:sub:status=3"
put fail "" -f "mkdir:data:status=3"
put any "" -f "close:G:status=4"
put any "" -f "fsetstat:G:status=4"
put any "" -f "setstat:G:status=4"

# Servers that bear few open files and refuse the next with any status: nothing
# fails, and fewer are open at a time from then on.  A true refusal changes nothing.
both ok "" -m 1
both ok "" -m 2:4
both ok "" -m 3:2
both ok "" -m 1:15 -h 7 -s 3
both ok "" -m 2:8 -E
both fail "F H sub/I" -f "open:G:status=3" -m 2

# Servers that give several open files, or a folder and a file, one handle: all that
# was mixed is copied again, one after the other, which is said once
both ok "" -H typed
both ok "" -H typed -E -m 1
both ok "" -H shared
both ok "" -H shared -E -h 5 -s 2
both ok "" -H shared -o 8 -s 3
both ok "" -H shared -m 3
get ok "" -H shared -R 20000 -E
# ... and those that keep them apart, and no other order
both ok "" -H unique -o 20 -h 9 -s 4
both ok "" -o 20 -s 5

# Answers that are none: an end, and no other than that of an error
for wrong in wrong-id wrong-type truncated empty oversize huge garbage exit; do
	get fail "" -f "read:H:$wrong:1"
	get fail "" -f "open:G:$wrong"
	get fail "" -f "readdir:data:$wrong"
	put fail "" -f "write:H:$wrong:1"
	put fail "" -f "open:G:$wrong"
	put fail "" -f "close:G:$wrong"
	# Any version that is not less than ours is taken for ours
	test $wrong = wrong-id || both fail "" -f "init:*:$wrong"
	both fail "" -f "any:*:$wrong:4"
done
get fail "" -f "read:H:long-data:1"
get any "$ALL" -f "read:H:twice:1"
put any "$ALL" -f "write:H:twice:1"
get any "$ALL" -f "any:*:twice:3"
for n in 1 5 50 500 5000 50000 500000; do
	get fail "" -x $n
done
for n in 1 5 50 500; do
	put fail "" -x $n
done

# Lies about what is there
get any "$ALL" -f "any:*:lie-size"
get any "F H sub/I" -f "any:G:lie-size"
both any "" -f "any:*:lie-dir"
both any "" -f "any:*:lie-file"
both any "" -f "any:*:no-attrs"

# Names that lead elsewhere
for names in dotdot slash absolute; do
	get says "$ALL" -f "readdir:data:names=$names"
	case `find $T/local/in -name hpn-evil` in
	"")	;;
	*)	fail "$what: a name with a slash was taken" ;;
	esac
done
for names in dots empty newline invalid long many file-then-dir; do
	get any "$ALL" -f "readdir:data:names=$names"
done

# Names that are matched with a pattern lead nowhere else, either
for names in dotdot slash absolute; do
	what="sftp get data/*, names=$names"
	server -f "readdir:data:names=$names"
	rm -rf $T/local/in
	mkdir -p $T/local/in/data
	printf "get data/* $T/local/in/data\n" | timeout -k 5 $HANG \
	    $SFTP -q -b - -S $SERVER host >$OBJ/hpn-sftp-output 2>$ERRORS
	test $? -ne 124 || fail "$what: hangs"
	others >$OBJ/hpn-sftp-others.now
	cmp -s $OBJ/hpn-sftp-others $OBJ/hpn-sftp-others.now || \
	    fail "$what: wrote elsewhere"
	verbose "$what"
done

# Of a single small file everything is asked with its opening, for the handle that
# OpenSSH's server will give.  Another handle, another order, a refusal: the copy
# is right, or an error is said, once.
# single DEMAND OPTION...: as one, with F alone
single ()
{
	demand=$1
	shift
	for how in "scp get" "scp put" "sftp get" "sftp put"; do
		what="$how F, server $*"
		rm -rf $T/remote/in $T/local/in $OBJ/hpn-sftp-log
		mkdir -p $T/remote/in/data $T/local/in/data
		server -l $OBJ/hpn-sftp-log "$@"
		case $how in
		*get)	_dest=$T/local/in/data _from=host:data/F _to=$_dest ;;
		*put)	_dest=$T/remote/in/data _from=$T/local/data/F _to=host:in/data ;;
		esac
		echo older and longer than the line of text is >$_dest/F
		case $how in
		scp*)	timeout -k 5 $HANG $SCP -q -S $SERVER $_from $_to ;;
		sftp*)	echo "${how#sftp } ${_from#host:} ${_to#host:}" | \
			    timeout -k 5 $HANG $SFTP -q -b - -S $SERVER host ;;
		esac >$OBJ/hpn-sftp-output 2>$ERRORS
		status=$?
		case $demand$status in
		ok0)	cmp $T/remote/data/F $_dest/F || fail "$what" ;;
		fail1)	grep "$wrong" $ERRORS >/dev/null || \
			    fail "$what: not '$wrong': `cat $ERRORS`"
			test "`grep -c 'denied\|Failure' $ERRORS`" = 1 || \
			    fail "$what: says more: `cat $ERRORS`"
			;;
		*)	fail "$what: exit status $status: `cat $ERRORS`" ;;
		esac
		others >$OBJ/hpn-sftp-others.now
		cmp -s $OBJ/hpn-sftp-others $OBJ/hpn-sftp-others.now || \
		    fail "$what: wrote elsewhere"
		verbose "$what: $status"
	done
}
# How often a handle was used that was not given
unknown ()
{
	test "`grep -c ' ?' $OBJ/hpn-sftp-log`" = $1 || \
	    fail "$what: not $1 requests of no handle: `cat $OBJ/hpn-sftp-log`"
}
single ok -O 0
unknown 0
single ok -O 7
unknown 2
single ok -O 7 -h 8 -s 1
for seed in 1 2 3 4 5 6; do
	single ok -O 0 -h 8 -s $seed
done
wrong="Permission denied"
single fail -O 0 -f "open:F:status=3"
for seed in 1 2 3 4; do
	single fail -O 0 -f "open:F:status=3" -h 8 -s $seed
done
wrong=Failure
single fail -O 0 -f "read:F:status=4" -f "write:F:status=4"
single fail -O 9 -f "read:F:status=4" -f "write:F:status=4"
rm -f $OBJ/hpn-sftp-log

# A directory of many names, whose end comes before the last of them
mkdir $T/remote/many
for i in `seq 400`; do
	echo $i >$T/remote/many/$i
done
for seed in 1 2 3 4 5 6; do
	what="scp get many, -h 8 -s $seed"
	server -h 8 -s $seed
	rm -rf $T/local/in
	timeout -k 5 $HANG $SCP -q -r -S $SERVER host:many $T/local/in \
	    >$OBJ/hpn-sftp-output 2>$ERRORS || \
	    fail "$what: exit status $?: `cat $ERRORS`"
	diff -r $T/remote/many $T/local/in >$OBJ/hpn-sftp-output || \
	    fail "$what: `wc -l <$OBJ/hpn-sftp-output` differences"
	verbose "$what"
done

# The same with many files in folders, and what is said and asked meanwhile:
# mixed WHAT OPTION...: copies many into $dest, up or down, in $how
mkdir $T/remote/mixed $T/remote/mixed/a $T/remote/mixed/b
for i in `seq 40`; do
	head -c `expr $i '*' 2500` /dev/urandom >$T/remote/mixed/$i
	echo a $i >$T/remote/mixed/a/$i
	echo b $i >$T/remote/mixed/b/$i
done
chmod 444 $T/remote/mixed/1? $T/remote/mixed/a/2?
cp -pr $T/remote/mixed $T/local
mixed ()
{
	what="$how mixed $1, server $2 $3 $4 $5 $6"
	opts=$1
	shift
	server -l $OBJ/hpn-sftp-log "$@"
	rm -rf $OBJ/hpn-sftp-log $T/remote/in $T/local/in
	case $how in
	get)	dest=$T/local/in
		timeout -k 5 $HANG $SCP -q -r $opts -S $SERVER host:mixed $dest ;;
	put)	dest=$T/remote/in
		timeout -k 5 $HANG $SCP -q -r $opts -S $SERVER $T/local/mixed \
		    host:in ;;
	esac >$OBJ/hpn-sftp-output 2>$ERRORS || \
	    fail "$what: exit status $?: `cat $ERRORS`"
	diff -r $T/remote/mixed $dest >$OBJ/hpn-sftp-output || \
	    fail "$what: `wc -l <$OBJ/hpn-sftp-output` differences"
	case $how$opts in
	get*-p|put*)	modes="$dest/15 $dest/a/25" ;;
	*)		modes= ;;
	esac
	for copied in $modes; do
		case `ls -l $copied` in
		-r--r--r--*)	;;
		*)	fail "$what: mode of $copied" ;;
		esac
	done
	verbose "$what: `wc -l <$OBJ/hpn-sftp-log` requests"
}
# Opens that follow another, with no close between them, after the warning came
opens ()
{
	grep -c "^open" $OBJ/hpn-sftp-log
}
for how in get put; do
	for opts in "" -p "-X verify=yes"; do
		mixed "$opts" -H unique
		plain=`opens`
		grep "one and the same handle" $ERRORS >/dev/null && \
		    fail "$what: `cat $ERRORS`"
		for more in "" "-o 12" "-m 4 -h 6"; do
			mixed "$opts" -H shared $more
			test "`grep -c 'one and the same handle' $ERRORS`" = 1 || \
			    fail "$what: said `cat $ERRORS`"
		done
		# What is compared is opened for that, when it was seen
		mixed "$opts" -H shared -E
		case $opts in
		*verify*)	least=`expr $plain '*' 3 / 2` ;;
		*)		least=$plain ;;
		esac
		test `opens` -gt $least || \
		    fail "$what: `opens` files opened, not more than $least"
	done
done

# ... and lets nobody set the length of what is open, like Erlang's: the data of c
# come to be in g, which stays too long unless it is truncated as it is opened
mkdir $T/local/long
for i in a b c; do
	head -c 3000007 /dev/urandom >$T/local/long/$i
done
for i in d e f g; do
	head -c 70001 /dev/urandom >$T/local/long/$i
done
for more in "" -p "-X verify=yes" "-p -X verify=yes"; do
	what="scp put, mixed with longer ones, $more"
	server -H shared -E -w 5 -f "fsetstat:*:status=2" -l $OBJ/hpn-sftp-log
	rm -rf $OBJ/hpn-sftp-log $T/remote/in
	mkdir $T/remote/in
	timeout -k 5 $HANG $SCP -q $more -S $SERVER $T/local/long/* host:in \
	    >$OBJ/hpn-sftp-output 2>$ERRORS || \
	    fail "$what: exit status $?: `cat $ERRORS`"
	diff -r $T/local/long $T/remote/in >$OBJ/hpn-sftp-output || \
	    fail "$what: `wc -l <$OBJ/hpn-sftp-output` differences"
	verbose "$what: g opened `grep -c 'open.*/g' $OBJ/hpn-sftp-log` times"
done

# How many were refused: the number is learnt once.  Those that were refused in
# truth change nothing: as many are open at a time as before.
for how in get put; do
	for few in 1 4 10:4; do
		mixed "" -H unique -m $few
		refused=`grep -c refused $OBJ/hpn-sftp-log`
		test $refused -gt 0 -a $refused -le 64 || \
		    fail "$what: $refused files were refused"
	done
done
chmod 644 $T/remote/mixed/1? $T/remote/mixed/a/2?

# What cannot be written ends the copy where its first hole would be, however
# the data come: sftp's reget goes on there
for seed in 1 2 3 4 5 6; do
	what="scp get H, no room, -E -h 16 -s $seed"
	server -E -h 16 -s $seed
	rm -rf $T/local/in
	(
		trap '' XFSZ
		ulimit -f 2000
		timeout -k 5 $HANG $SCP -q -S $SERVER host:data/H $T/local/in
	) >$OBJ/hpn-sftp-output 2>$ERRORS && fail "$what: exit status 0"
	size=`wc -c <$T/local/in`
	head -c $size $T/remote/data/H | cmp - $T/local/in || \
	    fail "$what: a hole in $size bytes"
	verbose "$what: $size bytes"
done

# A server that goes away in the middle: of what came, no more is kept than is
# whole, so that reget can go on.  Whatever waits to be sent, somebody says so.
for seed in 1 2 3 4 5 6; do
	what="sftp get H, answers in any order, server gone, -s $seed"
	server -E -h 32 -s $seed -x 1500000
	rm -rf $T/local/in
	echo "get data/H $T/local/in" | timeout -k 5 $HANG \
	    $SFTP -q -b - -S $SERVER host >$OBJ/hpn-sftp-output 2>$ERRORS && \
	    fail "$what: exit status 0"
	grep "Connection closed" $ERRORS >/dev/null || \
	    fail "$what: `cat $ERRORS`"
	size=`wc -c <$T/local/in`
	head -c $size $T/remote/data/H | cmp - $T/local/in || \
	    fail "$what: a hole in $size bytes"
	verbose "$what: $size bytes"
done
for n in 0 1 5; do
	what="sftp put H, server gone after $n answers"
	server -f "write:*:exit:$n"
	rm -rf $T/remote/in
	echo "put $T/local/data/H in" | timeout -k 5 $HANG \
	    $SFTP -q -b - -S $SERVER host >$OBJ/hpn-sftp-output 2>$ERRORS
	status=$?
	test $status -ne 0 -a $status -ne 124 -a $status -ne 141 || \
	    fail "$what: exit status $status"
	grep "Connection closed" $ERRORS >/dev/null || \
	    fail "$what: `cat $ERRORS`"
	# Scripts look for stock's line; it stands where a server had answered.
	what="scp to it, server gone after $n answers"
	timeout -k 5 $HANG $SCP -q -S $SERVER $T/local/data/H host:in \
	    >$OBJ/hpn-sftp-output 2>$ERRORS
	status=$?
	test $status -eq 255 || fail "$what: exit status $status"
	test "`grep -c '^lost connection$' $ERRORS`" = 1 || \
	    fail "$what: `cat $ERRORS`"
done
what="scp, server gone before it says anything"
server -f "init:*:exit:0"
timeout -k 5 $HANG $SCP -q -S $SERVER $T/local/data/H host:in \
    >$OBJ/hpn-sftp-output 2>$ERRORS && fail "$what: exit status 0"
grep "lost connection" $ERRORS >/dev/null && fail "$what: `cat $ERRORS`"

rm -f $SERVER $ERRORS $OBJ/hpn-sftp-output $OBJ/hpn-sftp-others*
