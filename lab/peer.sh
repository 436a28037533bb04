#!/bin/bash
# SPDX-License-Identifier: ISC
# Get an older OpenSSH to talk to: the client and server packages of Debian 12
# (OpenSSH 9.2), unpacked in build/lab/peers/9.2 and not installed.
#
# usage: lab/peer.sh 9.2
#
# Prints the folder, with usr/bin/ssh and usr/sbin/sshd in it. Exit 77 when it
# cannot be had here; the line on standard error says why. The packages come
# through the private apt configuration that base/fetch.sh left in
# build/dl/apt (same mirror and keyrings, apt verifies the signatures), or are
# given: PEER_DEBS="openssh-client_9.2...deb openssh-server_9.2...deb".

set -eu

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$ROOT/build
SUITE=bookworm
LC_ALL=C
export LC_ALL

skip() {
	printf 'peer: %s\n' "$*" >&2
	exit 77
}

[ "${1-}" = 9.2 ] && [ $# -eq 1 ] || {
	echo 'usage: lab/peer.sh 9.2' >&2
	exit 2
}
peer=$BUILD/lab/peers/9.2
if [ -e "$peer/.complete" ]; then
	printf '%s\n' "$peer"
	exit 0
fi

command -v dpkg-deb >/dev/null 2>&1 || skip 'no dpkg-deb on this machine'
scratch=$BUILD/lab/peers/.scratch.$$
rm -rf "$peer"
mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial" \
    "$scratch/state" "$scratch/root"
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

download() {
	local theirs=$BUILD/dl/apt arch
	[ -f "$theirs/apt.conf" ] && [ -f "$theirs/sources.list" ] ||
	    skip "the base was not fetched with apt here, so no mirror of" \
	    'Debian 12 is known; give PEER_DEBS'
	arch=$(dpkg --print-architecture)
	# Paths of the checkout that it was written in, which may have moved.
	sed -E "s,\"/[^\"]*/dl/apt([/\"]),\"$scratch\\1," \
	    "$theirs/apt.conf" >"$scratch/apt.conf"
	# Of the lines "deb-src [option] mirror suite main" the suite changes.
	sed -E "s/^deb-src /deb /
	    s/ [a-z]+(-updates|-security)? main\$/ $SUITE\\1 main/" \
	    "$theirs/sources.list" >"$scratch/sources.list"
	: >"$scratch/status"
	printf '%s\n' "APT::Architecture \"$arch\";" \
	    "APT::Architectures { \"$arch\"; };" >>"$scratch/apt.conf"
	cd "$scratch"
	if ! apt-get -c apt.conf -q update --error-on=any >log 2>&1 ||
	    ! apt-get -c apt.conf -q download openssh-client openssh-server \
	    >>log 2>&1; then
		skip "apt cannot get Debian 12's packages:" \
		    "$(sed -n 's/^[EW]: //p' log | sed -n 1p)"
	fi
	PEER_DEBS=$(printf '%s ' "$scratch"/*.deb)
}

[ -n "${PEER_DEBS-}" ] || download
for deb in $PEER_DEBS; do
	[ -r "$deb" ] || skip "cannot read $deb"
	dpkg-deb -x "$deb" "$scratch/root" || skip "$deb is no Debian package"
done
for program in usr/bin/ssh usr/sbin/sshd; do
	[ -x "$scratch/root/$program" ] || skip "no $program in the packages"
	missing=$(ldd "$scratch/root/$program" |
	    sed -n 's/^[[:space:]]*\([^ ]*\) => not found.*/\1/p' | tr '\n' ' ')
	[ -z "$missing" ] || skip "$program of Debian 12 needs $missing"
done
version=$("$scratch/root/usr/bin/ssh" -V 2>&1) ||
    skip "Debian 12's ssh does not run here: $version"
case $version in
OpenSSH_9.2*) ;;
*) skip "wanted OpenSSH 9.2, the packages are $version" ;;
esac
mv "$scratch/root" "$peer"
touch "$peer/.complete"
printf '%s\n' "$peer"
