# SPDX-License-Identifier: ISC
#
# Windows grow on tun channels (ssh -w), in both directions, and only where
# they are not switched off.
#
#	network namespace			another
#	reader, writer -- TCP -- tun0 -- ssh == 50 ms == sshd -- tun0 -- TCP -- ...
#
# usage: make t-exec LTESTS=hpn-tun

tid="hpn windows of tun channels"

. $SRC/hpn-lib

# A TCP in a tunnel does not fill it all the time.
HPN_USED_SEEN=524288

test "`id -u`" -eq 0 || skip "tun devices are for root only"
have_prog ip || skip "tun devices: ip is not installed"
unshare -n true >/dev/null 2>&1 || skip "no network namespaces here"
unshare -n ip tuntap add dev tun0 mode tun >/dev/null 2>&1 || \
    skip "no tun devices here"

hpn_helper hpn-delay
make_tmpdir
T=$SSH_REGRESS_TMP
hpn_random $HPN_DATA 24

# As large packets as ssh takes, and a TCP that is not what limits.
cat >$OBJ/hpn-tun-up.sh <<'EOD'
for i in rmem wmem; do
	echo "4096 4194304 67108864" >/proc/sys/net/ipv4/tcp_$i || :
done 2>/dev/null
ip addr add $1 peer $2 dev tun0 &&
ip link set tun0 mtu 15000 txqueuelen 5000 up
EOD

cat >$OBJ/hpn-tun-server.sh <<EOD
sh $OBJ/hpn-tun-up.sh 192.0.2.2 192.0.2.1 &&
$OBJ/hpn-delay -p $OBJ/hpn-source.pid -l 192.0.2.2:7001 cat $HPN_DATA &&
$OBJ/hpn-delay -p $OBJ/hpn-sink.pid -l 192.0.2.2:7002 \
    sh -c 'cat >$HPN_COPY.up' || exit 1
: >$T/ready
until test -f $T/done; do
	sleep 0.1
done
EOD

cat >$OBJ/hpn-tun-client.sh <<EOD
ip link set lo up
$SSH -F $HPN_SSH_CONFIG -E $HPN_LOG_CLIENT -w 0:0 \
    -o Tunnel=point-to-point host sh $OBJ/hpn-tun-server.sh &
ssh=\$!
echo \$ssh >$OBJ/hpn-tun.pid
i=0
until test -f $T/ready; do
	sleep 0.1
	i=\`expr \$i + 1\`
	test \$i -lt `hpn_times 300` && kill -0 \$ssh || exit 1
done
sh $OBJ/hpn-tun-up.sh 192.0.2.1 192.0.2.2 || exit 1
$OBJ/hpn-delay 192.0.2.2:7001 </dev/null >$HPN_COPY.down || exit 1
cp $HPN_PEAK $HPN_PEAK.down
: >$HPN_PEAK
$OBJ/hpn-delay 192.0.2.2:7002 <$HPN_DATA >/dev/null || exit 1
cp $HPN_PEAK $HPN_PEAK.up
: >$T/done
# The tunnel would stay
kill \$ssh
wait \$ssh
exit 0
EOD

# ssh asks for the tunnel, so what it does inside is all that is done there.
for off in client server; do
	verbose "HPNDisabled on the $off"
	case $off in
	client)	hpn_config "HPNDisabled yes" "PermitTunnel yes" ;;
	server)	hpn_config "" "PermitTunnel yes
HPNDisabled yes" ;;
	esac
	# The server in a namespace of its own
	sed "s|^ProxyCommand .*|ProxyCommand `hpn_link` unshare -n `hpn_server`|" \
	    $HPN_SSH_CONFIG >$HPN_SSH_CONFIG.new
	mv $HPN_SSH_CONFIG.new $HPN_SSH_CONFIG
	rm -f $T/ready $T/done
	unshare -n sh $OBJ/hpn-tun-client.sh || \
	    fatal "the tunnel does not work"
	hpn_stop source sink
	rm -f $OBJ/hpn-tun.pid
	for receiver in client server; do
		what="tun, $receiver receives"
		case $receiver in
		client)	way=down ;;
		server)	way=up ;;
		esac
		cp $HPN_PEAK.$way $HPN_PEAK
		hpn_same "$what" $HPN_DATA $HPN_COPY.$way
		if test $receiver = $off; then
			hpn_stayed "$what" $receiver
		else
			hpn_grew "$what" $receiver
		fi
	done
done

rm -f $HPN_DATA $HPN_COPY* $HPN_PEAK.* $OBJ/hpn-tun-*.sh
