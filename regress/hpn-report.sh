# SPDX-License-Identifier: ISC
#
# What limits a transfer: a cause is put in, and each end of ours has to name it,
# with ours and with stock at the other end.  What is expected follows from what
# was put in, never from what was said.  Printed: what was put in, who said what.
#
# The transfers mostly sleep, so they run side by side.  One that is
# judged wrongly runs again alone.
#
# usage: make t-exec LTESTS=hpn-report
#
# Stock are TEST_SSH_STOCK_SSH and TEST_SSH_STOCK_SSHD.  There is no TCP connection
# here: causes that need one are no part of this.

tid="hpn what limits a transfer"

. $SRC/hpn-lib

hpn_helper hpn-delay
T=$OBJ/hpn-report-files
rm -rf $T
mkdir $T
# A source that pauses much longer than a round trip, and a program that does.
PAUSE=`expr 6 \* $HPN_SLOWNESS / 10`.`expr 6 \* $HPN_SLOWNESS % 10`
SOURCE="for i in 1 2 3 4; do head -c 400000 /dev/zero; sleep $PAUSE; done"
SINK="for i in 1 2 3 4; do head -c 400000 >/dev/null; sleep $PAUSE; done"
FLOOD="head -c 8388608 /dev/zero"
MANY="head -c 70000000 /dev/zero"
EAT="cat >/dev/null"
right=0 cases=0 runs=0 todo= weird=

# begin WHAT CLIENT-LINES SERVER-LINES: a transfer of its own, with its own folder;
# $CLIENT and $SERVER are stock's where they are set.
begin ()
{
	runs=`expr $runs + 1`
	D=$T/$runs
	mkdir $D
	echo "$1" >$D/what
	: >$D/expect
	todo="$todo $D"
	look $D
	hpn_config "$2" "$3"
	if test -n "$SERVER"; then
		hpn_stock_server >$D/stock_config
		sed "s|$SSHD -i -f $HPN_SSHD_CONFIG|$SERVER -i -f $D/stock_config|" \
		    $HPN_SSH_CONFIG >$D/ssh_config.new
		mv $D/ssh_config.new $HPN_SSH_CONFIG
	fi
	test -z "$CLIENT" || (
		hpn_stock_client
		echo "	ProxyCommand `hpn_link` `hpn_server`"
	) >$HPN_SSH_CONFIG
}

# look FOLDER: that transfer's files are those of hpn-lib.
look ()
{
	HPN_LOG_CLIENT=$1/client.log HPN_LOG_SERVER=$1/server.log
	HPN_SSH_CONFIG=$1/ssh_config HPN_SSHD_CONFIG=$1/sshd_config
	HPN_PEAK=$1/peak
}

# go COMMAND: it runs, beside others.
go ()
{
	echo "$1" >$D/run
	sh $D/run >$D/out 2>&1 </dev/null &
}

# up SOURCE SINK, down SOURCE SINK: data from one command to the other.
up ()
{
	go "($1) | ${CLIENT:-$SSH} -F $HPN_SSH_CONFIG -E $HPN_LOG_CLIENT host '$2'"
}

down ()
{
	go "${CLIENT:-$SSH} -F $HPN_SSH_CONFIG -E $HPN_LOG_CLIENT host '$1' | ($2)"
}

# expect END CAUSE...: that end of it has to name one of these.
expect ()
{
	echo "$@" >>$D/expect
}

# said END: what an end of ours says in its log, in one word, "" if nothing.
said ()
{
	sed -n 's/.*verdict: //p' `hpn_log_of $1` | tr -d '\r\n' |
	    sed -n 's/.*"limits":\[{"cause":"\([a-z-]*\)".*/\1/p'
}

# unsure END: what it says, it says seen from this end.
unsure ()
{
	sed -n 's/.*verdict: //p' `hpn_log_of $1` | grep '"certain":false' \
	    >/dev/null
}

# wrong END CAUSE...: it says anything else; that is at $_said.
wrong ()
{
	_i=0
	# sshd ends after ssh has
	while _said=`said $1`; test -z "$_said" -a $_i -lt `hpn_times 50`; do
		sleep 0.1
		_i=`expr $_i + 1`
	done
	shift
	case " $* " in
	*" ${_said:-nothing} "*)	return 1 ;;
	esac
}

# judge: all of them are over, and what they said is what was put in.
judge ()
{
	wait
	for D in $todo; do
		look $D
		_again=
		while read -r _end _causes; do
			! wrong $_end $_causes || _again="$_again $_end: $_said"
		done <$D/expect
		if test -n "$_again"; then
			verbose "`cat $D/what`: again, alone: says$_again"
			hpn_forget
			sh $D/run >$D/out 2>&1 </dev/null
		fi
		while read -r _end _causes; do
			cases=`expr $cases + 1`
			_what="`cat $D/what`, $_end"
			if ! wrong $_end $_causes; then
				right=`expr $right + 1`
				verbose "$_what: $_said"
				continue
			fi
			# A loop that ran all the time waited for nothing else
			case $_said in
			*-cpu|*-busy)	hpn_too_slow "$_what" "$_said" ;;
			*)	# So slow a machine makes pauses, which one end
				# alone cannot tell from the path's; nor is it sure
				if test "${HPN_SLOWNESS:-1}" -gt 2 && \
				    unsure $_end; then
					hpn_too_slow "$_what" "$_said"
				else
					fail "$_what: says '$_said', not '$_causes'"
				fi ;;
			esac
		done <$D/expect
	done
	todo=
}

# those WHO ENDS: a slow source and a slow destination, as these ends see them.
those ()
{
	for way in up down; do
		begin "$1, $way, slow source" "" ""
		$way "$SOURCE" "$EAT"
		for end in $2; do
			expect $end source
		done
		begin "$1, $way, slow destination" "" ""
		$way "yes" "$SINK"
		for end in $2; do
			expect $end destination
		done
	done
}

CLIENT= SERVER=
# What needs only time goes on beside all of the others.
# There is a TCP connection, with figures at both ends; Metrics goes on when idle.
start_sshd
$REAL_SSH -F $OBJ/ssh_config -o Metrics=yes -o MetricsInterval=1 \
    -o MetricsPath=$T/tcp.csv somehost sleep 3 2>/dev/null &
# Files that are something else
mkfifo $T/fifo
echo untouched >$T/mine
ln -s $T/mine $T/link
delay=$HPN_DELAY_MS
HPN_DELAY_MS=0
for path in $T $T/fifo $T/link /dev/full /nonexistent/x; do
	begin "$path" "HPNReportFile $path
Metrics yes
MetricsPath $path
LogLevel VERBOSE" ""
	go "timeout 60 $REAL_SSH -F $HPN_SSH_CONFIG host echo fine 2>$D/err"
	weird="$weird $D"
done
HPN_DELAY_MS=$delay
todo=

verbose "ours at both ends"
those "ours and ours" "client server"
begin "up, HPNWindowMax" "" "HPNWindowMax 256K"
up "$FLOOD" "$EAT"
expect client window-max
expect server window-max
MAX=$D
begin "down, HPNWindowMax" "HPNWindowMax 256K" ""
down "$FLOOD" "$EAT"
expect client window-max
expect server window-max

# The ends' seconds begin a fifth of one apart.  What each tells is believed.
delay=$HPN_DELAY_MS
HPN_DELAY_MS=100 HPN_RATE=20000000
begin "down, a long round trip" "" ""
down "head -c 60000000 /dev/zero" "$EAT"
FAR=$D
HPN_DELAY_MS=$delay HPN_RATE=0

if test -x "$TEST_SSH_STOCK_SSHD"; then
	verbose "stock's sshd"
	SERVER=$TEST_SSH_STOCK_SSHD before=$todo
	begin "stock's sshd" "" ""
	if ! $SSH -F $HPN_SSH_CONFIG host true; then
		echo "$tid (skipped: stock's sshd does not run)"
		todo=$before
	else
		todo=$before
		those "ours and stock" client
		begin "up, 2 MiB of window" "" ""
		up "head -c 50000000 /dev/zero" "$EAT"
		expect client ssh-window
	fi
	SERVER=
else
	echo "$tid (skipped: stock's sshd: TEST_SSH_STOCK_SSHD is not set)"
fi
if test -x "$TEST_SSH_STOCK_SSH"; then
	verbose "stock's ssh"
	CLIENT=$TEST_SSH_STOCK_SSH
	those "stock and ours" server
	begin "down, 2 MiB of window" "" ""
	down "head -c 50000000 /dev/zero" "$EAT"
	expect server ssh-window
	# One request of 32 KiB in each round trip; files of a few bytes.
	head -c 800000 /dev/zero >$T/data
	for i in 1 2 3 4 5 6 7 8 9 10; do
		echo $i >$T/small$i
	done
	mkdir $T/there
	# stocks_sftp COMMAND [ARG...]
	stocks_sftp ()
	{
		_command=$1
		shift
		go "echo '$_command' | `dirname $CLIENT`/sftp -q $* -S $CLIENT \
		    -F $HPN_SSH_CONFIG -b - host"
	}
	begin "sftp get, one request" "" ""
	stocks_sftp "get $T/data $T/copy.get" -R 1
	expect server requests
	begin "sftp put, one request" "" ""
	stocks_sftp "put $T/data $T/copy.put" -R 1
	expect server requests
	begin "sftp put, small files" "" ""
	stocks_sftp "put $T/small* $T/there"
	expect server small-files
	CLIENT=
else
	echo "$tid (skipped: stock's ssh: TEST_SSH_STOCK_SSH is not set)"
fi
judge
stop_sshd
look $FAR
grep "facts contradict ours" $HPN_LOG_SERVER $HPN_LOG_CLIENT && \
    fail "the other end's facts were not believed"
look $MAX
for log in $HPN_LOG_SERVER $HPN_LOG_CLIENT; do
	grep "HPNWindowMax of 256 KiB" $log >/dev/null || \
	    fail "$log: not said how large HPNWindowMax is"
	grep "seen from this end" $log && fail "$log: the other end was not heard"
done
verbose "$right of $cases right"

verbose "who says it, and when"
for level in INFO VERBOSE; do
	begin "little at $level" "LogLevel $level" "LogLevel $level"
	up "head -c 1000000 /dev/zero" "$EAT"
done
begin "much" "LogLevel INFO" "LogLevel VERBOSE"
up "$MANY" "$EAT"
VERBOSE=$D
begin "HPNReport" "LogLevel INFO
HPNReport yes" "LogLevel INFO
HPNReport yes"
up "$MANY" "$EAT"
REPORT=$D
begin "HPNDisabled" "LogLevel VERBOSE
HPNDisabled yes" "LogLevel VERBOSE
HPNDisabled yes"
up "$MANY" "$EAT"
DISABLED=$D
verbose "HPNReportFile, Metrics"
# One transfer over a connection that a master shares, which is asked meanwhile.
FILES="HPNReportFile $T/report.json
Metrics yes
MetricsInterval 1
MetricsPath $T/metrics.csv"
make_tmpdir
CTL=$SSH_REGRESS_TMP/ctl
# lines FILE: how many
lines ()
{
	wc -l <$1 2>/dev/null || echo 0
}
begin "files" "$FILES" ""
$REAL_SSH -F $HPN_SSH_CONFIG -E $HPN_LOG_CLIENT -M -S $CTL -f -N host || \
    fatal "no master"
MASTER=`$REAL_SSH -F $HPN_SSH_CONFIG -S $CTL -O check host 2>&1 | \
    sed 's/.*pid=//;s/[^0-9].*//'`
# Little, so that a machine with other work to do waits for the source, too
( sh -c "`echo "$SOURCE" | sed s/400000/100000/`" |
    $REAL_SSH -F $HPN_SSH_CONFIG -S $CTL host "$EAT" ) &
_i=0
until $REAL_SSH -F $HPN_SSH_CONFIG -S $CTL -O report host >$T/asked.json \
    2>$T/asked.txt && grep '"certain":true' $T/asked.json >/dev/null; do
	sleep 0.2
	_i=`expr $_i + 1`
	test $_i -lt `hpn_times 50` || {
		hpn_too_slow "-O report" "`cat $T/asked.json $T/asked.txt`"
		break
	}
done
kill -USR1 $MASTER
wait
grep "limited by: this end's program" $T/asked.txt >/dev/null || \
    fail "-O report says: `cat $T/asked.txt`"
$REAL_SSH -F $HPN_SSH_CONFIG -S $CTL -O exit host 2>/dev/null
_i=0
until test `lines $T/report.json` -ge 2; do
	sleep 0.1
	_i=`expr $_i + 1`
	test $_i -lt `hpn_times 100` || fatal "HPNReportFile: `cat $T/report.json`"
done
# A stock master is asked, too: see below.  With jq, JSON is JSON.
test `lines $T/report.json` -eq 2 || fail "HPNReportFile: not two lines"
for what in asked:1 end:2; do
	sed -n ${what#*:}p $T/report.json | grep "\"event\":\"${what%:*}\"" >/dev/null || \
	    fail "HPNReportFile: no $what"
done
sed 's/.*"there"://' $T/report.json | grep '"received":[1-9]' >/dev/null || \
    fail "HPNReportFile: the server's figures are not there"
if command -v jq >/dev/null; then
	jq -e . $T/report.json $T/asked.json >/dev/null || fail "not JSON"
	# The manual's example, as it stands there
	sed -n '/^    jq -rs/,/^$/p' $SRC/../README.hpn >$T/example
	test -s $T/example || fail "README.hpn has no example of jq"
	( cd $T && sh ./example ) || fail "README.hpn's example of jq"
	grep '^openssh_bytes_per_second{peer="[^"]*"} [0-9]' $T/ssh.prom \
	    >/dev/null || fail "no rate for Prometheus"
	grep '^openssh_limited{peer="[^"]*",cause="source"} [01]' $T/ssh.prom \
	    >/dev/null || fail "no cause for Prometheus: `cat $T/ssh.prom`"
else
	echo "$tid (skipped: README.hpn's example: no jq)"
fi
test `lines $T/metrics.csv` -ge 3 || fail "Metrics: `lines $T/metrics.csv` lines"
sed -n 1p $T/metrics.csv | grep "^timestamp, state, .*, remote_snd_wnd$" \
    >/dev/null || fail "Metrics: the names are `sed -n 1p $T/metrics.csv`"
awk -F ', ' 'NR == 1 { n = NF } NF != n { exit 1 }' $T/metrics.csv || \
    fail "Metrics: lines of different lengths"

awk -F ', ' 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
    NR >= 2 { ok = ok || ($at["state"] == 1 && $at["remote_state"] == 1 &&
	$at["bytes_sent"] > 0 && $at["remote_bytes_sent"] > 0) }
    END { exit !(ok && NR >= 3) }' $T/tcp.csv || \
    fail "Metrics: `cat $T/tcp.csv`"

verbose "who said it"
look $VERBOSE
hpn_wait_log "^Transfer of $USER from .*: received 66.8 MiB at .*; .*limited by: " \
    $HPN_LOG_SERVER "sshd at VERBOSE: no line"
grep "limited by" $HPN_LOG_CLIENT && fail "ssh says it without being asked"
look $REPORT
hpn_wait_log "^Transfer of " $HPN_LOG_SERVER "HPNReport: no line of sshd"
grep "limited by" $HPN_LOG_CLIENT >/dev/null || fail "HPNReport: no line of ssh"
grep "^Transfer of .*\(/dev/\|cat \)" $HPN_LOG_SERVER && \
    fail "sshd tells what was run"
# Those that say nothing are over by now, too, but for what sshd has left to do
sleep `hpn_times 1`
for D in $todo; do
	look $D
	case `cat $D/what` in
	little*)	grep "limited by" $HPN_LOG_SERVER && \
			    fail "`cat $D/what`: sshd reports it" ;;
	esac
done
look $DISABLED
grep "limited by" $HPN_LOG_SERVER $HPN_LOG_CLIENT && fail "HPNDisabled is not heeded"

verbose "files that are something else"
for D in $weird; do
	path=`cat $D/what`
	test "`cat $D/out`" = fine || fail "$path: disturbs: `cat $D/err`"
	for name in HPNReportFile MetricsPath; do
		test `grep -c "^$name $path: " $D/err` -eq 1 || \
		    fail "$path: -v says: `cat $D/err`"
	done
done
test "`cat $T/mine`" = untouched || fail "a symbolic link was followed"

verbose "a stock master"
if test -x "$TEST_SSH_STOCK_SSH"; then
	CLIENT=$TEST_SSH_STOCK_SSH
	begin "stock's master" "" ""
	$CLIENT -F $HPN_SSH_CONFIG -M -S $CTL -f -N host || fatal "no stock master"
	$REAL_SSH -F $HPN_SSH_CONFIG -S $CTL -O report host >$T/asked.json 2>$T/asked.txt
	test $? -eq 255 || fail "a stock master: status $?"
	grep "does not say what limits it: unsupported" $T/asked.txt >/dev/null || \
	    fail "a stock master: `cat $T/asked.txt`"
	$CLIENT -F $HPN_SSH_CONFIG -S $CTL -O exit host 2>/dev/null
	CLIENT=
fi
