#!/bin/sh
# SPDX-License-Identifier: ISC
# Prove the release tarball and an installation beside the system's OpenSSH.
#
# usage: packaging/dist-check.sh [--full] [debian|upstream]    (default: upstream)
#
# Packs it twice and compares the bytes, and checks the checksum file. Then, in a
# Debian system booted with systemd that has a compiler, make and libraries but
# neither git, quilt, autoconf nor a network: ./configure && make && make install
# to a prefix of its own, packaging/sshd-hpn.service on port 2222 beside the
# system's ssh.service on port 22, files through both, and "make tests": a choice
# of them, or with --full all (half an hour and more). Needs root.
set -eu

ROOT=$(cd "$(dirname "$0")/.." && pwd)

. "$ROOT/base/lib.sh"
. "$ROOT/base/compile-lib.sh"
. "$ROOT/packaging/common.sh"

own_mounts dist-check "$@"
tests=quick
[ "${1-}" != --full ] || { tests=full; shift; }
base=${1:-upstream}
base_name "$base"
need_root dist-check
lock
work=$DEB/dist-check
passed=0 failed=0
init='' boot='' cgroup=''
cleanup() {
	system_stop
	umount -l "$work/root" 2>/dev/null || :
	umount -l "$work/cgroup" 2>/dev/null || :
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# expect WHAT COMMAND...
expect() {
	what=$1
	shift
	if "$@" >"$work/said" 2>&1 </dev/null; then
		passed=$((passed + 1))
		say "ok: $what"
	else
		failed=$((failed + 1))
		say "FAILED: $what"
		tail -n 12 "$work/said" | sed 's/^/    /'
	fi
}

rm -rf "$work"
attempt "cannot write to $work" mkdir -p "$work"
name=openssh-hpn-$(hpn_version)
[ "$base" = debian ] || name=$name-$base
tarball=$BUILD/dist/$name.tar.gz
rm -f "$tarball"
"$ROOT/base/dist.sh" "$base"
mv "$tarball" "$work/first.tar.gz"
# From another tree, made anew, with the times of now.
rm -rf "$BUILD/tree/.dist-check"
[ ! -d "$BUILD/tree/$base" ] || mv "$BUILD/tree/$base" "$BUILD/tree/.dist-check"
rc=0
"$ROOT/base/dist.sh" "$base" || rc=$?
if [ -d "$BUILD/tree/.dist-check" ]; then
	rm -rf "$BUILD/tree/$base"
	mv "$BUILD/tree/.dist-check" "$BUILD/tree/$base"
fi
[ "$rc" = 0 ] || exit "$rc"
expect 'made twice, the tarball has the same bytes' \
    cmp "$work/first.tar.gz" "$tarball"
expect 'its checksum file verifies' sh -c \
    'cd "$1" && sha256sum -c "$2.tar.gz.sha256"' sh "$BUILD/dist" "$name"
expect 'it has both licences' sh -c 'tar -tzf "$1" |
    grep -c "^$2/LICENCE\(\.hpn\)\{0,1\}$" | grep -qx 2' sh "$tarball" "$name"

root_make release gcc,libc6-dev,make,libssl-dev,zlib1g-dev,libpam0g-dev,openssl,systemd-sysv,dbus,libpam-systemd,openssh-server,iproute2,procps,bsdextrautils \
    --variant=minbase
system_copy "$root" "$work"
r=$work/root
cp "$tarball" "$BUILD/dist/$name.tar.gz.sha256" "$r/root/"
rm -f "$r"/etc/ssh/ssh_host_*
in_root "$r" sh -c '
	ssh-keygen -q -A &&
	useradd -m -s /bin/bash user &&
	ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/id_ed25519 &&
	mkdir -m 700 /home/user/.ssh &&
	cp /root/.ssh/id_ed25519.pub /home/user/.ssh/authorized_keys &&
	chown -R user: /home/user/.ssh' || die 'cannot prepare the system'
system_boot "$work"
expect 'neither git, quilt, patch, autoconf nor our Makefile is there' \
    inside sh -c '! command -v git && ! command -v quilt && ! command -v patch &&
    ! command -v autoconf && ! command -v autoheader'
expect 'nor a network' inside sh -c \
    '[ "$(ip -o link | grep -vc ": lo:")" = 0 ]'

options='--prefix=/opt/openssh-hpn --sysconfdir=/opt/openssh-hpn/etc --with-pam'
say "./configure $options && make && make install (log: build/log/dist-build.log)"
HPN_LOG=$BUILD/log/dist-build.log
export HPN_LOG
expect './configure && make && make install' sh -c '"$@" >"$HPN_LOG" 2>&1 || {
	tail -n 12 "$HPN_LOG"; exit 1; }' sh \
    nsenter -t "$init" -m -n -p -u -i -C -- env -i \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 sh -c '
	set -e
	cd /root
	sha256sum -c "$1.tar.gz.sha256"
	su user -c "cd && tar -xzf -" <"$1.tar.gz"
	su user -c "cd && cd $1 && ./configure $2 && make -j$3"
	cd "/home/user/$1"
	make install
	cp contrib/hpn/sshd-hpn.service /etc/systemd/system/' sh "$name" \
    "$options" "$(jobs_at_once)"

# Beside the system's.
inside sh -c 'cat >>/opt/openssh-hpn/etc/sshd_config' <<-EOF || :
	Port 2222
	UsePAM yes
	PidFile none
EOF
expect 'sshd-hpn.service starts' inside sh -c \
    'systemctl daemon-reload && systemctl enable --now sshd-hpn &&
    systemctl is-active sshd-hpn'
expect "the system's ssh.service still runs" inside systemctl is-active ssh
expect 'the unit file is one that systemd has no complaint about' \
    inside sh -c '! systemd-analyze verify --man=no sshd-hpn.service 2>&1 |
    grep sshd-hpn'
inside sh -c '
	o=/opt/openssh-hpn/etc
	sed "s/^/127.0.0.1 /" /etc/ssh/ssh_host_*.pub >/root/known
	sed "s/^/[127.0.0.1]:2222 /" $o/ssh_host_*.pub >>/root/known
	head -c 20000000 /dev/urandom >/root/data.bin'
# transfer PROGRAMS-DIR PORT
transfer() {
	inside sh -c '
		set -e
		cd /root
		o="-o BatchMode=yes -o UserKnownHostsFile=/root/known"
		$1/scp -q $o -P $2 data.bin user@127.0.0.1:a.bin
		rm -f back.bin
		printf "%s\n" "get a.bin back.bin" | $1/sftp -q $o -b - -P $2 \
		    user@127.0.0.1 >/dev/null
		cmp data.bin back.bin
		$1/ssh $o -p $2 user@127.0.0.1 true' sh "$1" "$2"
}
expect 'our client, our server' transfer /opt/openssh-hpn/bin 2222
expect "the system's client, our server" transfer /usr/bin 2222
expect "our client, the system's server" transfer /opt/openssh-hpn/bin 22
expect "the system's client and server" transfer /usr/bin 22
expect 'each server has keys of its own' inside sh -c \
    '! cmp -s /etc/ssh/ssh_host_ed25519_key.pub /opt/openssh-hpn/etc/ssh_host_ed25519_key.pub'
expect 'a restart of one leaves a session of the other alone' inside sh -c '
	ssh -o BatchMode=yes -o UserKnownHostsFile=/root/known -p 2222 \
	    user@127.0.0.1 "sleep 3; echo alive" >/root/alive &
	sleep 1
	systemctl restart ssh sshd-hpn
	wait $!
	grep -qx alive /root/alive'
expect 'systemctl reload, and a wrong configuration that it refuses' inside sh -c '
	systemctl reload sshd-hpn &&
	cp /opt/openssh-hpn/etc/sshd_config /root/saved &&
	echo Nonsense yes >>/opt/openssh-hpn/etc/sshd_config &&
	! systemctl reload sshd-hpn 2>/dev/null &&
	cp /root/saved /opt/openssh-hpn/etc/sshd_config &&
	systemctl is-active sshd-hpn'

# make tests, as an ordinary user.
case $tests in
quick)	target='tests LTESTS="connect proxy-connect transfer sftp scp rekey multiplex
	    forwarding hpn-options hpn-channels hpn-window"' ;;
full)	target=tests ;;
esac
say "make tests, $tests (log: build/log/dist-tests.log)"
HPN_LOG=$BUILD/log/dist-tests.log
expect "make tests ($tests)" sh -c '"$@" >"$HPN_LOG" 2>&1 || {
	grep -n "^failed\|^FAIL\|\*\*\*" "$HPN_LOG" | tail -n 12
	exit 1; }' sh \
    nsenter -t "$init" -m -n -p -u -i -C -- env -i \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
    su - user -c "cd $name && make $(echo $target)"

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
