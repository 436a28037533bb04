# SPDX-License-Identifier: ISC
#
# scp and sftp say what limited a copy: on a terminal, after ten seconds; at once on
# SIGUSR1; else not.  The limit is that of -l, so that the answer is known.
#
# usage: make t-exec LTESTS=hpn-report-copy

tid="hpn what limits a copy"

. $SRC/hpn-lib

hpn_helper hpn-delay
T=$OBJ/hpn-report-copy-files
rm -rf $T
mkdir $T
HPN_DELAY_MS=1
LIMIT=800			# kbit/s: 100 KiB in a second
head -c 1300000 /dev/urandom >$T/long
head -c 300000 /dev/urandom >$T/short
SAYS="\(certainly \)\{0,1\}limited by: the limit of 102\.4 kB/s that was asked for"

# A terminal, if script(1) gives one.
terminal ()
{
	script -qec "$1" /dev/null
}
TERMINAL=`terminal "test -t 2 && echo yes" </dev/null 2>/dev/null | tr -d '\r\n'`

hpn_config "LogLevel INFO" ""
COPY="$SCP -S $REAL_SSH -F $HPN_SSH_CONFIG"

# start NAME COMMAND: it runs beside others; its output and status are in $T.
start ()
{
	(
		terminal "$2" </dev/null >$T/$1.out 2>&1
		echo $? >$T/$1.status
	) &
}

if test "$TERMINAL" = yes; then
	start long "$COPY -l $LIMIT $T/long host:$T/long.copy"
	start quiet "$COPY -q -l $LIMIT $T/long host:$T/quiet.copy"
	start file "$COPY -l $LIMIT $T/long host:$T/file.copy 2>$T/file.err"
	start short "$COPY -l $LIMIT $T/short host:$T/short.copy"
	start first "$COPY -v -j 2 -l $LIMIT $T/short host:$T/first.copy"
	start verbose "$COPY -v -l $LIMIT $T/short host:$T/verbose.copy"
	# sftp says it at its end
	(
		printf 'put %s %s\nbye\n' $T/long $T/sftp.copy | terminal \
		    "$SFTP -S $REAL_SSH -F $HPN_SSH_CONFIG -l $LIMIT host" \
		    >$T/sftp.out 2>&1
		echo $? >$T/sftp.status
	) &
else
	echo "$tid (skipped: a terminal: script(1) gives none)"
fi
# A shell between scp and ssh
cat >$T/between.sh <<EOD
#!/bin/sh
trap ': >$T/between.ended' USR1
$REAL_SSH "\$@"
EOD
chmod +x $T/between.sh
$SCP -S $T/between.sh -F $HPN_SSH_CONFIG -l $LIMIT $T/long host:$T/between.copy \
    >$T/between.out 2>&1 </dev/null &
between=$!
# Without a terminal it can be asked for, too
sh -c "echo \$\$ >$T/pid; exec $COPY -l $LIMIT $T/long host:$T/asked.copy" \
    >$T/asked.out 2>&1 </dev/null &
scp=$!
# From when on the signal is taken is when ssh has said that it is: the data
# flow then.  A name appears when they do.
_i=0
until test -s $T/asked.copy; do
	sleep 0.1
	_i=`expr $_i + 1`
	test $_i -lt `hpn_times 300` || fatal "scp does not begin"
done
sleep `hpn_times 1`
kill -USR1 $scp $between
_i=0
until grep "limited by: " $T/asked.out >/dev/null; do
	sleep 0.1
	_i=`expr $_i + 1`
	test $_i -lt `hpn_times 100` || fatal "SIGUSR1: nothing is said"
done
cmp -s $T/long $T/asked.copy && fail "it was said only at the end"
kill -0 $scp || fail "SIGUSR1 ended scp"
wait $scp || fail "SIGUSR1: scp's status is $?"
cmp $T/long $T/asked.copy || fail "SIGUSR1: not the same"
test `grep -c "limited by" $T/asked.out` -eq 1 || \
    fail "without a terminal, it is said unasked: `cat $T/asked.out`"

# A shell between scp and ssh is not sent what it does not expect
wait $between
test $? -ge 128 || fail "a shell between: scp took SIGUSR1 for a question"
test -f $T/between.ended && fail "a shell between scp and ssh was ended"

wait
test "$TERMINAL" = yes || exit $RESULT
for name in long quiet file short verbose sftp first; do
	test "`cat $T/$name.status`" = 0 || \
	    fail "$name: status `cat $T/$name.status`: `cat $T/$name.out`"
	case $name in
	short|verbose|first) cmp $T/short $T/$name.copy ;;
	*)		cmp $T/long $T/$name.copy ;;
	esac || fail "$name: not the same"
	cat $T/$name.out >$T/$name.all
	test ! -f $T/$name.err || cat $T/$name.err >>$T/$name.all
	case $name in
	long|verbose|first|sftp)
		# With -j its rate is not that of the copy
		test $name = first && SAYS="first connection: $SAYS"
		grep "^$SAYS" $T/$name.all >/dev/null || \
		    fail "$name: not said: `cat $T/$name.all`"
		test `grep -c "limited by" $T/$name.all` -eq 1 || \
		    fail "$name: said more than once" ;;
	*)
		grep "limited by" $T/$name.all && fail "$name: said" ;;
	esac
done
# The meter's last line is before it
tr '\r' '\n' <$T/long.out | sed -n '/100%/p;/limited by/p' | tail -n 1 | \
    grep "limited by" >/dev/null || fail "it is said before the copy is done"
