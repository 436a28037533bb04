# SPDX-License-Identifier: ISC
#
# 50 channels of one connection, all flooded, none read: what their windows
# and the process take stays within HPNMemoryMax; then all are read, and every
# byte arrives.
#
# usage: make t-exec LTESTS=hpn-channels

tid="hpn many channels"

. $SRC/hpn-lib

hpn_helper hpn-delay
make_tmpdir
T=$SSH_REGRESS_TMP
GO=$T/go
CTL=$T/ctl
READER=`hpn_reader`
N=50

hpn_memory_known || verbose "no /proc/PID/status: memory is not looked at"
hpn_random $HPN_DATA 3

# Windows of all channels at one time, from a log that says of each when it
# opens, changes and closes: the largest sum.
together ()
{
	tr -d '\r' <$1 | sed -n \
	    -e 's/.*hpn_channels_opened: channel \([0-9]*\): window \([0-9]*\) instead.*/open \1 \2/p' \
	    -e 's/^debug1: channel \([0-9]*\): new \[*\(direct-\|forwarded-\).*/new \1/p' \
	    -e 's/.*hpn_channels_resize: channel \([0-9]*\): window [0-9]* now \([0-9]*\),.*/open \1 \2/p' \
	    -e 's/.*hpn_channels_closed: channel \([0-9]*\): .*/close \1/p' | \
	    awk -v stock=$HPN_STOCK_WINDOW '
		$1 == "close" || $1 == "open" { sum -= w[$2]; w[$2] = 0 }
		$1 == "open" { sum += w[$2] = $3 }
		$1 == "new" && !w[$2] { sum += w[$2] = stock }
		sum > most { most = sum }
		END { printf "%d\n", most }'
}

# flood RECEIVER: leaves the receiver's memory before and after in $idle, $kib.
flood ()
{
	rm -f $GO $T/pid $T/near $T/far
	hpn_forget
	hpn_listen source $T/source cat $HPN_DATA
	case $1 in
	client)	set -- $1 -L $T/near:$T/source ;;
	server)	set -- $1 -R $T/near:$T/source ;;
	esac
	hpn_ssh -M -S $CTL -f -N -o ExitOnForwardFailure=yes $2 $3 host || \
	    fatal "cannot start the master connection"
	hpn_ssh -S $CTL -O check host 2>&1 | sed 's/.*pid=//;s/[^0-9].*//' \
	    >$OBJ/hpn-master.pid
	case $1 in
	client)	watched=`cat $OBJ/hpn-master.pid` ;;
	server)	watched=`$SSH -F $HPN_SSH_CONFIG -S $CTL host 'echo $PPID'` ;;
	esac
	hpn_watch $watched $T/memory &
	watcher=$!
	sleep 0.5
	idle=`cat $T/memory`
	readers=
	i=0
	while test $i -lt $N; do
		(
			$OBJ/hpn-delay -b 65536 $T/near </dev/null | \
			    sh $READER 0 $GO >$HPN_COPY.$i
		) &
		readers="$readers $!"
		i=`expr $i + 1`
	done
	i=0 last=none now=
	until test "$now" = "$last"; do
		sleep 1
		last=$now
		now=`wc -c <\`hpn_log_of $1\``
		i=`expr $i + 1`
		test $i -lt `hpn_times 60` || fatal "the flood never ended"
	done
	kib=`cat $T/memory`
	>$GO
	for reader in $readers; do
		wait $reader || fail "$what: a reader failed"
	done
	i=0
	while test $i -lt $N; do
		hpn_same "$what, channel $i" $HPN_DATA $HPN_COPY.$i
		i=`expr $i + 1`
	done
	hpn_ssh -S $CTL -O exit host 2>/dev/null
	wait $watcher
	hpn_stop master source
	sum=`together \`hpn_log_of $1\``
	verbose "$what: windows together $sum, memory $idle KiB, then $kib, then `cat $T/memory`"
}

for receiver in client server; do
	what="$N channels to the $receiver, default budget"
	hpn_config "" ""
	flood $receiver
	test $sum -ge `expr $N \* $HPN_STOCK_WINDOW` || \
	    fail "$what: windows together only $sum"
	test $sum -le `hpn_memory_default` || fail "$what: windows together $sum"
	hpn_no_more "$what" `cat $T/memory` `expr $idle + \`hpn_memory_default\` / 1024 + 16384`

	what="$N channels to the $receiver, HPNMemoryMax 32M"
	case $receiver in
	client)	hpn_config "HPNMemoryMax 32M" "" ;;
	server)	hpn_config "" "HPNMemoryMax 32M" ;;
	esac
	flood $receiver
	# A channel without any window could not move: one packet each.
	test $sum -le `expr 33554432 + $N \* 32768` || \
	    fail "$what: windows together $sum"
	test $sum -ge 16777216 || fail "$what: windows together only $sum"
	hpn_no_more "$what" `cat $T/memory` `expr $idle + 32768 + 16384`
done

rm -f $HPN_DATA* $HPN_COPY* $READER
