#!/bin/sh
# SPDX-License-Identifier: ISC
# Compile the fork, or the base it is compared with, and install it.
#
# usage: base/build.sh hpn|stock debian|upstream|RELEASE
#        base/build.sh install debian|upstream|RELEASE
#
#   hpn, stock  object folder build/obj/FLAVOUR-BASE, installed to
#               build/stage/FLAVOUR-BASE; both with exactly the same options, and
#               so that nothing has to exist on the machine: privilege separation
#               by the user nobody, build/empty and build/run instead of system
#               folders, no set-user-id program. VARIANT=name with other CFLAGS
#               etc. builds beside it, in folders FLAVOUR-BASE-VARIANT.
#   install     PREFIX (default /usr/local), SYSCONFDIR (PREFIX/etc), DESTDIR:
#               as the release itself installs: user sshd, /var/empty.
# Does nothing, fast, where nothing changed.
set -eu

ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/base/lib.sh"
. "$ROOT/base/compile-lib.sh"

flavour=${1-}
base=${2-}
base_name "$base"
lock
need make "${CC:-cc}"

case $flavour in
hpn|install)
	"$ROOT/base/tree.sh" tree "$base"
	src=$BUILD/tree/$base ;;
stock)
	"$ROOT/base/tree.sh" base "$base"
	src=$BUILD/base/$base ;;
*)
	die 'usage: base/build.sh hpn|stock|install debian|upstream' ;;
esac
HPN_EXTRAVERSION=$(extra_version "$base")

# docs DIR: our manuals, beside the release's.
docs() {
	for f in README.hpn PROTOCOL.hpn OVERVIEW.hpn; do
		if [ -f "$src/$f" ]; then
			attempt "cannot write $1" mkdir -p "$1"
			attempt "cannot write $1/$f" install -m 644 "$src/$f" "$1/$f"
		fi
	done
}

stage_flavour() {
	name=$flavour-$base${VARIANT:+-$VARIANT}
	obj=$BUILD/obj/$name
	stage=$BUILD/stage/$name
	attempt "cannot write to $BUILD" mkdir -p "$BUILD/empty" "$BUILD/run"
	# sshd run by root insists on it.
	chmod 755 "$BUILD/empty"
	[ "$(id -u)" != 0 ] || chown 0:0 "$BUILD/empty"
	configure_obj "$src" "$obj" "$name" --prefix="$stage" \
	    --with-privsep-user=nobody --with-privsep-path="$BUILD/empty" \
	    --with-pid-dir="$BUILD/run" $(features "$base")
	compile_obj "$obj" "$name"
	if [ -f "$stage/.installed" ] && [ -z "$(find "$obj" -maxdepth 1 -type f \
	    ! -name '.*' -newer "$stage/.installed" -print | sed 1q)" ] &&
	    [ -z "$(find "$src"/*.hpn -newer "$stage/.installed" 2>/dev/null)" ]; then
		return 0
	fi
	need_space 40 "installing $name"
	rm -rf "$stage"
	run_logged "installing $name in build/stage" \
	    "$BUILD/log/install-$name.log" obj_make "$obj" install-nokeys
	chmod 755 "$stage/libexec/ssh-keysign"
	docs "$stage/share/doc/openssh-hpn"
	touch "$stage/.installed"
	say "build/stage/$name: $("$stage/bin/ssh" -V 2>&1)"
}

install_for_good() {
	prefix=${PREFIX:-/usr/local}
	sysconf=${SYSCONFDIR:-$prefix/etc}
	case $prefix$sysconf${DESTDIR:-/} in
	/*' '*|*' '*) die 'PREFIX, SYSCONFDIR and DESTDIR must not contain blanks' ;;
	esac
	for p in "$prefix" "$sysconf" "${DESTDIR:-/}"; do
		case $p in
		/*) ;;
		*) die "$p is not an absolute path: give PREFIX=/... (and" \
		    'DESTDIR=/..., SYSCONFDIR=/...)' ;;
		esac
	done
	into=${DESTDIR-}$prefix
	mkdir -p "$into" 2>/dev/null && [ -w "$into" ] ||
	    die "you may not write to $into: run as root, or give another PREFIX=" \
	    'or DESTDIR='
	# /var/empty is for root; whoever installs for himself needs none.
	empty=/var/empty
	[ "$(id -u)" = 0 ] || [ -n "${DESTDIR-}" ] || empty=$prefix/var/empty
	set -- --prefix="$prefix" --sysconfdir="$sysconf" \
	    --with-privsep-user=sshd --with-privsep-path="$empty" \
	    $(features "$base")
	name=install-$base-$(printf '%s\n' "$@" | sha256sum | cut -c 1-12)
	obj=$BUILD/obj/$name
	configure_obj "$src" "$obj" "$name" "$@"
	compile_obj "$obj" "$name"
	# Debian's rule for this link does not expect to find it there.
	rm -f "${DESTDIR-}$prefix/share/man/man5/authorized_keys.5" 2>/dev/null || :
	if [ -n "${DESTDIR-}" ]; then
		run_logged "installing to $DESTDIR$prefix" \
		    "$BUILD/log/$name.log" obj_make "$obj" DESTDIR="$DESTDIR" \
		    install-nokeys
	else
		run_logged "installing to $prefix" "$BUILD/log/$name.log" \
		    obj_make "$obj" install
	fi
	docs "${DESTDIR-}$prefix/share/doc/openssh-hpn"
	say "installed: ${DESTDIR-}$prefix/bin/ssh is" \
	    "$("$obj/ssh" -V 2>&1), configuration in ${DESTDIR-}$sysconf"
	if [ -z "${DESTDIR-}" ] && [ "$(id -u)" = 0 ] &&
	    ! id sshd >/dev/null 2>&1; then
		say 'to run its sshd, create the user sshd:' \
		    "useradd -r -d $empty -s /usr/sbin/nologin sshd"
	fi
}

case $flavour in
install) install_for_good ;;
*) stage_flavour ;;
esac
