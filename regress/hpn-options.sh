# SPDX-License-Identifier: ISC
#
# HPNDisabled, TcpRcvBufPoll, HPNWindowMax, HPNMemoryMax, HPNThreads, NoneEnabled
# and NoneMacEnabled in both
# configuration files: values, Match, errors, effect; and the options of
# HPN-SSH that mean nothing here.
#
# usage: make t-exec LTESTS=hpn-options

tid="hpn options"

. $SRC/hpn-lib

hpn_helper hpn-delay

CONF=$OBJ/hpn-options.conf
OUT=$OBJ/hpn-options.out
ERR=$OBJ/hpn-options.err

# configure ssh|sshd LINES: these lines, alone or before what sshd needs.
configure ()
{
	printf "$2\n" >$CONF
	test $1 = ssh || grep -v '^Match' $OBJ/sshd_proxy >>$CONF
}

# parse ssh|sshd [ARG...]: what it understands goes to $OUT, errors to $ERR.
parse ()
{
	_tool=$1
	shift
	case $_tool in
	ssh)	$REAL_SSH -G -F $CONF "$@" host ;;
	sshd)	$REAL_SSHD -T -f $CONF "$@" ;;
	esac >$OUT 2>$ERR </dev/null
}

# understood TOOL "LINES" "name value" [ARG...]
understood ()
{
	_u_tool=$1 _u_lines=$2 _u_want=$3
	shift 3
	configure $_u_tool "$_u_lines"
	parse $_u_tool "$@" || \
	    fail "$_u_tool refuses '$_u_lines': `cat $ERR`"
	grep -x "$_u_want" $OUT >/dev/null || \
	    fail "$_u_tool, '$_u_lines' $*: not '$_u_want' but '`grep \"^${_u_want% *} \" $OUT`'"
}

verbose "defaults"
WINDOW=`hpn_window_default`
MEMORY=`hpn_memory_default`
understood ssh "" "hpnmemorymax $MEMORY"
understood sshd "" "hpnmemorymax 268435456"
understood ssh "HPNWindowMax 400M" "hpnmemorymax 838860800"
understood ssh "HPNWindowMax 4M" "hpnmemorymax 268435456"
understood sshd "HPNWindowMax 400M" "hpnmemorymax 268435456"
# What the system lets TCP have, in a network of its own
while read rmem window memory; do
	configure ssh ""
	configure_rmem="echo 4096 131072 $rmem >/proc/sys/net/ipv4/tcp_rmem"
	unshare -n sh -c "$configure_rmem && exec $REAL_SSH -G -F $CONF host" \
	    >$OUT 2>$ERR </dev/null || {
		echo "$tid (skipped: defaults of other systems: no network namespace with a tcp_rmem of its own: `tail -n 1 $ERR`)"
		break
	}
	grep -x "hpnwindowmax $window" $OUT >/dev/null || \
	    fail "tcp_rmem $rmem: `grep hpnwindowmax $OUT`, not $window"
	grep -x "hpnmemorymax $memory" $OUT >/dev/null || \
	    fail "tcp_rmem $rmem: `grep hpnmemorymax $OUT`, not $memory"
done <<EOD
6291456 134217728 268435456
314572800 314572800 629145600
2147483647 536870911 1073741822
EOD
for tool in ssh sshd; do
	understood $tool "" "hpndisabled no"
	understood $tool "" "tcprcvbufpoll yes"
	understood $tool "" "hpnwindowmax $WINDOW"
	understood $tool "NoneEnabled no" "nonemacenabled no"
	understood $tool "" "disablemtaes no"
	understood $tool "DisableMTAES yes\nHPNThreads 5" "hpnthreads 5"
	understood $tool "DisableMTAES yes\nHPNThreads auto" "hpnthreads auto"
done
for tool in ssh sshd; do
	# The suite may be run with a number in every configuration.
	test -n "$TEST_SSH_SSHD_CONFOPTS" && test $tool = sshd && continue
	understood $tool "" "hpnthreads auto"
	understood $tool "DisableMTAES no" "hpnthreads auto"
	understood $tool "DisableMTAES yes" "hpnthreads 0"
done

verbose "values"
while read line want; do
	for tool in ssh sshd; do
		understood $tool "`echo $line | tr = ' '`" \
		    "`echo $want | tr = ' '`"
	done
done <<EOD
HPNDisabled=yes hpndisabled=yes
hpndisabled=no hpndisabled=no
TcpRcvBufPoll=no tcprcvbufpoll=no
TCPRCVBUFPOLL=yes tcprcvbufpoll=yes
HPNWindowMax=65536 hpnwindowmax=65536
HPNWindowMax=64K hpnwindowmax=65536
HPNWindowMax=3m hpnwindowmax=3145728
HPNWindowMax=1.5M hpnwindowmax=1572864
HPNWindowMax=536870911 hpnwindowmax=536870911
HPNMemoryMax=1M hpnmemorymax=1048576
HPNMemoryMax=2048k hpnmemorymax=2097152
HPNMemoryMax=8G hpnmemorymax=8589934592
HPNThreads=0 hpnthreads=0
HPNThreads=64 hpnthreads=64
HPNThreads=Auto hpnthreads=auto
HPNThreads=ring:2 hpnthreads=ring:2
NoneEnabled=yes noneenabled=yes
NONEENABLED=no noneenabled=no
DisableMTAES=yes disablemtaes=yes
NoneMacEnabled=yes nonemacenabled=yes
UseMPTCP=yes usemptcp=yes
HPNCongestion=bbr hpncongestion=bbr
HPNCongestion=none hpncongestion=none
ZstdLevel=1 zstdlevel=1
zstdlevel=19 zstdlevel=19
HPNRateLimit=5M hpnratelimit=5242880
HPNRateLimit=0 hpnratelimit=0
EOD

verbose "first value wins"
for tool in ssh sshd; do
	understood $tool "HPNWindowMax 4M\nHPNWindowMax 8M" \
	    "hpnwindowmax 4194304"
	understood $tool "HPNMemoryMax 4M\nHPNMemoryMax 8M" \
	    "hpnmemorymax 4194304"
	understood $tool "HPNThreads auto\nHPNThreads 3" "hpnthreads auto"
	understood $tool "HPNDisabled yes\nHPNDisabled no" "hpndisabled yes"
	understood $tool "NoneEnabled yes\nNoneEnabled no" "noneenabled yes"
	understood $tool "" "hpnreport no"
	understood $tool "HPNReport yes\nHPNReport no" "hpnreport yes"
	understood $tool "TcpRcvBufPoll no\nTcpRcvBufPoll yes" \
	    "tcprcvbufpoll no"
done
understood ssh "HPNWindowMax 4M" "hpnwindowmax 8388608" -o HPNWindowMax=8M
understood ssh "NoneEnabled yes\nNoneSwitch yes" "noneswitch yes"
understood ssh "" "noneswitch no"
understood ssh "" "hpnfastconnect yes"
understood ssh "HPNDisabled yes" "hpnfastconnect no"
understood ssh "HPNFastConnect yes\nHPNDisabled yes" "hpnfastconnect yes"
understood ssh "HPNFastConnect no" "hpnfastconnect no"
understood ssh "" "happyeyes no"
for tool in ssh sshd; do
	understood $tool "" "zstdlevel 3"
	understood $tool "ZstdLevel 5\nZstdLevel 9" "zstdlevel 5"
done
understood ssh "" "happydelay 250"
understood ssh "HappyEyes yes\nHappyDelay 10" "happyeyes yes"
understood ssh "HappyEyes yes\nHappyDelay 10" "happydelay 10"
understood ssh "" "hpnreportfile none"
understood ssh "HPNReportFile \"~/a b\"" "hpnreportfile ~/a b"
understood ssh "" "metrics no"
understood ssh "" "metricspath ssh_stack_metrics"
understood ssh "Metrics yes\nMetricsPath /tmp/m\nMetricsInterval 9" "metricspath /tmp/m"
understood ssh "MetricsInterval 9" "metricsinterval 9"
understood ssh "NoneSwitch no" "noneswitch yes" -o NoneSwitch=yes
understood sshd "HPNWindowMax 4M" "hpnwindowmax 8388608" -o HPNWindowMax=8M

verbose "Match"
all="HPNDisabled yes\nTcpRcvBufPoll no\nHPNWindowMax 5M\nHPNMemoryMax 6M"
all="$all\nHPNThreads 7\nNoneEnabled yes\nNoneMacEnabled yes"
other="HPNDisabled no\nTcpRcvBufPoll yes\nHPNWindowMax 7M\nHPNMemoryMax 8M"
other="$other\nHPNThreads 8\nNoneEnabled no\nNoneMacEnabled no"
for want in "hpndisabled yes" "tcprcvbufpoll no" "hpnwindowmax 5242880" \
    "hpnmemorymax 6291456" "hpnthreads 7" "noneenabled yes" \
    "nonemacenabled yes"; do
	understood ssh "Match originalhost host\n$all\nMatch all\n$other" "$want"
	understood ssh "Host host\n$all\nHost *\n$other" "$want"
done
understood ssh "Match originalhost other\n$all" "hpnwindowmax $WINDOW"
understood ssh "Match originalhost other\n$all" "hpndisabled no"

# sshd's Match stands at the end, and wins over what stands before it.
match_sshd ()
{
	(
		echo "HPNWindowMax 8M"
		echo "TcpRcvBufPoll yes"
		echo "NoneEnabled no"
		cat $OBJ/sshd_proxy
		echo "Match user matched"
		printf "$all\n"
	) >$CONF
	$REAL_SSHD -T -f $CONF -C user=$1,host=h,addr=127.0.0.1 >$OUT 2>$ERR || \
	    fail "sshd refuses our options in Match: `cat $ERR`"
	grep -x "$2" $OUT >/dev/null || \
	    fail "sshd, Match, user $1: not '$2' but '`grep \"^${2% *} \" $OUT`'"
}
match_sshd matched "hpndisabled yes"
match_sshd matched "tcprcvbufpoll no"
match_sshd matched "hpnwindowmax 5242880"
match_sshd matched "hpnmemorymax 6291456"
match_sshd matched "hpnthreads 7"
match_sshd matched "noneenabled yes"
match_sshd matched "nonemacenabled yes"
match_sshd other "noneenabled no"
match_sshd other "hpndisabled no"
match_sshd other "tcprcvbufpoll yes"
match_sshd other "hpnwindowmax 8388608"
match_sshd other "hpnmemorymax 268435456"

verbose "bad values"
# What is expected is what stock does with a bad value of an option of its own.
for tool in ssh sshd; do
	configure $tool "# first line\nRekeyLimit 8X"
	parse $tool
	stock=$?
	test $stock -ne 0 || fatal "$tool accepts a bad RekeyLimit"
	while IFS='|' read name value reason; do
		configure $tool "# first line\n$name $value"
		parse $tool
		r=$?
		test $r -eq $stock || \
		    fail "$tool: '$name $value': exit status $r, stock's is $stock"
		grep -i "^$CONF line 2: .*$reason" $ERR >/dev/null || \
		    fail "$tool: '$name $value': no '$CONF line 2: ...$reason' but '`cat $ERR`'"
		# A part of the file that does not apply must be right as well.
		configure $tool ""
		(
			test $tool = ssh && echo "Match originalhost other" || \
			    echo "Match user nobody-of-this-name"
			echo "$name $value"
		) >>$CONF
		parse $tool
		test $? -eq $stock || \
		    fail "$tool: '$name $value' goes unnoticed in a Match that does not apply"
	done <<EOD
HPNWindowMax|63K|too small.*: it can be 64K to 536870911
HPNWindowMax|0|too small.*: it can be 64K to 536870911
HPNWindowMax|-1|too small.*: it can be 64K to 536870911
HPNWindowMax|512M|too large.*: it can be 64K to 536870911
HPNWindowMax|18446744073709551616|too large.*: it can be 64K to 536870911
HPNWindowMax|lots|not a number.*: it can be 64K to 536870911
HPNWindowMax|8X|not a number.*: it can be 64K to 536870911
HPNWindowMax|8MB|not a number.*: it can be 64K to 536870911
HPNWindowMax|""|missing.*: it can be 64K to 536870911
HPNWindowMax||no argument
HPNWindowMax|8M 9M|extra arguments
HPNMemoryMax|1023K|too small.*: it can be 1M to 1024G
HPNMemoryMax|2048G|too large.*: it can be 1M to 1024G
HPNMemoryMax|none|not a number.*: it can be 1M to 1024G
HPNMemoryMax||no argument
HPNMemoryMax|8M 9M|extra arguments
HPNThreads|65|too large.*: it can be auto, 0 to 64, or ring:N
HPNThreads|-1|too small.*: it can be auto, 0 to 64, or ring:N
HPNThreads|many|neither a number nor auto.*: it can be auto, 0 to 64, or ring:N
HPNThreads||no argument
HPNThreads|1 2|extra arguments
DisableMTAES|maybe|unsupported option
HPNDisabled|maybe|unsupported option
HPNDisabled||no argument
HPNDisabled|yes no|extra arguments
TcpRcvBufPoll|1|unsupported option
TcpRcvBufPoll||no argument
NoneEnabled|maybe|unsupported option
NoneEnabled||no argument
NoneEnabled|yes no|extra arguments
NoneMacEnabled|1|unsupported option
NoneMacEnabled||no argument
UseMPTCP|maybe|unsupported option
HPNCongestion|a/b|not a name.*: it can be 1 to 15 letters.*
HPNCongestion|sixteen_letters_|too long.*: it can be 1 to 15 letters.*
HPNCongestion||no argument
HPNRateLimit|fast|not a number.*: it can be 0 to 1024G
HPNRateLimit|2048G|too large.*: it can be 0 to 1024G
ZstdLevel|0|too small.*: it can be 1 to 19
ZstdLevel|20|too large.*: it can be 1 to 19
ZstdLevel|fast|not a number.*: it can be 1 to 19
EOD
done

verbose "options of HPN-SSH"
while read line; do
	for tool in ssh sshd; do
		configure $tool ""
		parse $tool
		cp $OUT $OUT.without
		# The debug line is printed only with -v, before -G or -T.
		configure $tool "$line"
		case $tool in
		ssh)	parse ssh -v ;;
		sshd)	parse sshd -d ;;
		esac || fail "$tool refuses '$line' of HPN-SSH: `cat $ERR`"
		grep -i "^debug1: .* line 1: .*\"${line%% *}\".*no effect" \
		    $ERR >/dev/null || \
		    fail "$tool, '$line': no debug line: `cat $ERR`"
		parse $tool
		cmp -s $OUT.without $OUT || \
		    fail "$tool, '$line': has an effect: `diff $OUT.without $OUT`"
		test ! -s $ERR -o $tool = ssh || \
		    fail "$tool, '$line': not silent: `cat $ERR`"
	done
done <<EOD
HPNBufferSize 16384
HPNBufferLimit yes
TcpRcvBuf 4096
Fallback yes
FallbackPort 22
HPNUseBundle yes
HPNBundleSize 4
HPNWriterPool 4
HPNTailRedistribute yes
HPNMaxRetries 3
HPNStallAbortTimeout 30
HPNMaxAuthConcurrent 4
HPNLustreStripeCount 4
HPNWorkersDie yes
TransferLog /nonexistent/log
EOD

verbose "a configuration with every name of HPN-SSH 18.9 and 19"
# Names and values as its manuals have them; both ends read all of them.
names="HPNDisabled no\nTcpRcvBufPoll yes\nTcpRcvBuf 4096\nHPNBufferSize 16384"
names="$names\nHPNBufferLimit no\nNoneEnabled no\nNoneSwitch no"
names="$names\nNoneMacEnabled no\nDisableMTAES no\nMetrics no"
names="$names\nMetricsPath /tmp/metrics\nMetricsInterval 5\nFallback no"
names="$names\nFallbackPort 22\nHappyEyes no\nHappyDelay 250\nUseMPTCP no"
names="$names\nHPNUseBundle yes\nHPNBundleSize 4\nHPNWriterPool 4"
names="$names\nHPNTailRedistribute yes\nHPNMaxRetries 3"
names="$names\nHPNStallAbortTimeout 30\nHPNMaxAuthConcurrent 4"
names="$names\nHPNLustreStripeCount 4\nHPNWorkersDie yes\nZstdLevel 3"
for tool in ssh sshd; do
	understood $tool "$names" "hpndisabled no"
	test $tool = sshd || understood ssh "$names" "happydelay 250"
done

verbose "NoneSwitch means nothing to sshd"
configure sshd "NoneSwitch yes"
parse sshd -d || fatal "sshd refuses NoneSwitch: `cat $ERR`"
grep "^debug1: .* line 1: .*\"NoneSwitch\".*no effect" $ERR >/dev/null || \
    fail "sshd, NoneSwitch: no debug line: `cat $ERR`"

# said WHO OPTION-LINES-OF-IT PATTERN: the debug line of that side.
said ()
{
	case $1 in
	client)	hpn_config "$2" "" ;;
	server)	hpn_config "" "$2" ;;
	esac
	HPN_DELAY_MS=0 hpn_ssh host true || fail "$1, '$2': cannot connect"
	_line=`sed -n 's/.*hpn_channels_configure: //p' \`hpn_log_of $1\` | \
	    tr -d '\r'`
	case $_line in
	"$3")	;;
	*)	fail "$1, '$2': says '$_line', not '$3'" ;;
	esac
}

verbose "effect"
for who in client server; do
	test $who = client && memory=$MEMORY || memory=268435456
	said $who "" \
	    "channel windows grow to at most $WINDOW, $memory together"
	said $who "HPNDisabled yes" ""
	said $who "HPNWindowMax 3M" \
	    "channel windows grow to at most 3145728, 268435456 together"
	said $who "HPNMemoryMax 5M" \
	    "channel windows grow to at most $WINDOW, 5242880 together"
done
hpn_config "Match originalhost slow
HPNWindowMax 4M
Match all" ""
hpn_ssh slow true
grep "grow to at most 4194304" $HPN_LOG_CLIENT >/dev/null || \
    fail "ssh: Match has no effect on a connection"
hpn_config "" ""
(
	cat $OBJ/sshd_proxy
	echo "Match user $USER"
	echo "HPNWindowMax 4M"
) >$HPN_SSHD_CONFIG
hpn_ssh slow true
grep "grow to at most 4194304" $HPN_LOG_SERVER >/dev/null || \
    fail "sshd: Match has no effect on a connection"

# A ceiling below stock's window, and one above it: what is under way at once
# never goes beyond it (and the packets' overhead).  That it is reached takes a
# machine with time for it, hence three tries.
hpn_random $HPN_DATA.1 1
hpn_random $HPN_DATA.24 24
for who in client server; do
	for max in 256K:1:262144 4M:24:4194304; do
		size=${max%%:*} mib=${max#*:} bytes=${max##*:}
		mib=${mib%:*}
		line="HPNWindowMax $size"
		case $who in
		client)	hpn_config "$line" "" ;;
		server)	hpn_config "" "$line" ;;
		esac
		for try in 1 2 3; do
			case $who in
			client)	hpn_ssh host cat $HPN_DATA.$mib >$HPN_COPY ;;
			server)	hpn_ssh host "cat >$HPN_COPY" <$HPN_DATA.$mib ;;
			esac
			hpn_same "$who, $line" $HPN_DATA.$mib
			peak=`hpn_peak_to $who`
			verbose "$who, $line: under way $peak"
			test $peak -le `expr $bytes + $bytes / 8` || \
			    fail "$who, $line: $peak bytes were under way"
			test $peak -lt `expr $bytes - $bytes / 4` || break
		done
		test $peak -ge `expr $bytes - $bytes / 4` || \
		    fail "$who, $line: only $peak bytes were under way"
	done
done
rm -f $HPN_DATA* $CONF $OUT $OUT.without $ERR
