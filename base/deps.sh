#!/bin/sh
# SPDX-License-Identifier: ISC
# Name the packages that are missing and install them where that is allowed.
#
# usage: base/deps.sh GROUP...     groups: build lab check peers nodes deb rpm
#
#   build  compile the fork         lab    the emulated link and its benchmarks
#   check  peers and tools that the tests use
#   peers  everybody else's SSH programs, for lab/peers.sh and two tests
#   nodes  a small cluster on one machine, for lab/many-nodes.sh
#   deb    a Debian root, and a system in it      rpm   rpmbuild
#
# On Debian: installs with apt-get as root or through a sudo that asks no
# password; otherwise prints the one command to run and exits 1. On Fedora and
# its relatives it prints the dnf command. Says nothing when all is there.
# DEPS=skip leaves the packages alone.
set -eu

ROOT=$(cd "$(dirname "$0")/.." && pwd)

# "debian-package[|alternative] fedora-package-or-dash" for each.
group() {
	case $1 in
	build) cat <<-'EOF' ;;
		gcc gcc
		libc6-dev glibc-devel
		make make
		autoconf autoconf
		pkgconf|pkg-config pkgconf-pkg-config
		git git-core
		patch patch
		xz-utils xz
		ca-certificates ca-certificates
		libssl-dev openssl-devel
		zlib1g-dev zlib-devel
		libxxhash-dev xxhash-devel
		libzstd-dev libzstd-devel
		libpam0g-dev pam-devel
		libkrb5-dev krb5-devel
		libedit-dev libedit-devel
		libselinux1-dev libselinux-devel
		libaudit-dev audit-libs-devel
		libwrap0-dev -
		libfido2-dev libfido2-devel
		EOF
	lab) cat <<-'EOF' ;;
		iperf3 iperf3
		gnuplot-nox|gnuplot-qt|gnuplot-x11 gnuplot
		iproute2 iproute
		socat socat
		util-linux util-linux
		mount util-linux
		procps procps-ng
		python3-minimal python3
		rsync rsync
		mbuffer mbuffer
		EOF
	check) cat <<-'EOF' ;;
		openssl openssl
		mount util-linux
		putty-tools putty
		dropbear-bin dropbear
		krb5-kdc krb5-server
		krb5-admin-server -
		krb5-user krb5-workstation
		softhsm2 softhsm
		mandoc mandoc
		clang clang
		libclang-rt-dev|libclang-rt-19-dev|libclang-rt-14-dev compiler-rt
		netcat-openbsd nmap-ncat
		bash-completion bash-completion
		zsh zsh
		python3-minimal python3
		fpart fpart
		parallel parallel
		EOF
	peers) cat <<-'EOF' ;;
		putty-tools putty
		dropbear-bin dropbear
		curl curl
		libssh-4 libssh
		python3 python3
		python3-paramiko python3-paramiko
		python3-asyncssh python3-asyncssh
		python3-twisted python3-twisted
		erlang-ssh erlang-ssh
		rclone rclone
		lftp lftp
		sshfs fuse-sshfs
		rsync rsync
		ansible-core ansible-core
		EOF
	nodes) cat <<-'EOF' ;;
		slurm-wlm slurm-slurmd
		munge munge
		fpart fpart
		parallel parallel
		EOF
	deb) cat <<-'EOF' ;;
		mmdebstrap mmdebstrap
		debian-archive-keyring debian-keyring
		util-linux util-linux
		dpkg dpkg
		EOF
	rpm) cat <<-'EOF' ;;
		rpm rpm-build
		EOF
	*)
		echo "openssh-hpn: error: no group $1: base/deps.sh build lab check peers nodes deb rpm" >&2
		exit 1 ;;
	esac
}

[ "${DEPS-}" != skip ] || exit 0
wanted=$(for g; do group "$g"; done) || exit 1

os=
like=
if [ -r /etc/os-release ]; then
	os=$(sed -n 's/^ID="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' /etc/os-release)
	like=$(sed -n 's/^ID_LIKE="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' /etc/os-release)
fi

case " $os $like " in
*' debian '*|*' ubuntu '*) ;;
*' fedora '*|*' rhel '*|*' centos '*)
	missing=$(printf '%s\n' "$wanted" | while read -r deb rpm; do
		[ "$rpm" = - ] || rpm -q --quiet --whatprovides "$rpm" \
		    2>/dev/null || printf ' %s' "$rpm"
	done)
	[ -n "$missing" ] || exit 0
	echo "openssh-hpn: missing packages:$missing"
	echo "openssh-hpn: error: run this, then try again:" \
	    "dnf install -y --enablerepo=*crb*$missing" >&2
	exit 1 ;;
*)
	# An unknown system: only what no build can do without.
	for tool in cc make autoconf git patch xz; do
		command -v $tool >/dev/null 2>&1 || {
			echo "openssh-hpn: error: missing tool: $tool; install it" \
			    'with the headers of OpenSSL and zlib, and try again' >&2
			exit 1
		}
	done
	exit 0 ;;
esac

# One query for all; a package or an alternative of it will do.
installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' \
    $(printf '%s\n' "$wanted" | sed -e 's/ .*//' -e 's/|/ /g') 2>/dev/null |
    sed -n 's/^.i *//p') || :
find_missing() {
	printf '%s\n' "$wanted" | awk -v have="$installed" '
	BEGIN { n = split(have, h, "\n"); for (i = 1; i <= n; i++) ok[h[i]] = 1 }
	{
		n = split($1, alt, "|")
		for (i = 1; i <= n; i++)
			if (alt[i] in ok)
				next
		if (!seen[$1]++)
			print $1
	}'
}
missing=$(find_missing)
[ -n "$missing" ] || exit 0

# Of alternatives take the first that this release has.
names=
for m in $missing; do
	name=${m%%|*}
	for alternative in $(printf '%s\n' "$m" | tr '|' ' '); do
		if apt-cache show --no-all-versions "$alternative" \
		    >/dev/null 2>&1; then
			name=$alternative
			break
		fi
	done
	names="$names $name"
done

echo "openssh-hpn: missing packages:$names"
as_root=
if [ "$(id -u)" != 0 ]; then
	if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
		as_root='sudo -n'
	else
		how='as root' sudo=
		! command -v sudo >/dev/null 2>&1 || how='in a terminal' sudo='sudo '
		echo "openssh-hpn: error: run this $how and try again:" \
		    "${sudo}apt-get install -y --no-install-recommends$names" >&2
		exit 1
	fi
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
apt() {
	$as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C \
	    apt-get -q -y -o DPkg::Lock::Timeout=120 "$@" >>"$log" 2>&1 </dev/null
}
echo "openssh-hpn: installing them with apt-get"
# The lists may be missing (a fresh machine) or name versions that are gone.
if ! apt install --no-install-recommends $names; then
	: >"$log"
	if ! apt update || ! apt install --no-install-recommends $names; then
		echo "openssh-hpn: error: apt-get could not install them:" \
		    "$(sed -n 's/^E: //p' "$log" | sed -n 1p); try: apt-get" \
		    "install -y --no-install-recommends$names" >&2
		exit 1
	fi
fi
