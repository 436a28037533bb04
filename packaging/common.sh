# SPDX-License-Identifier: ISC
# Shared by the scripts in packaging/: Debian roots, commands in them, and a
# Debian system that boots in namespaces. Source it after base/lib.sh:
#   ROOT=$(cd "$(dirname "$0")/.." && pwd); . "$ROOT/base/lib.sh"
#   . "$ROOT/packaging/common.sh"
#
# A root is made once and reused: build/deb/root-NAME, of the suite in
# base/version. FRESH=1 makes it anew. Nothing of it is mounted outside the mount
# namespace of the command that uses it, and nothing on the machine is changed.

DEB=$BUILD/deb

# why_not GOAL: why it cannot run here, and what to do about it; nothing if it can.
# chroot and mounts are root's.
why_not() {
	[ "$(id -u)" = 0 ] || {
		echo "$1 works in a Debian $SUITE of its own (mmdebstrap, chroot)," \
		    'which only root may: run it again as root, with sudo make' \
		    "$1 for example"
		return
	}
	for tool in mmdebstrap unshare nsenter dpkg; do
		command -v "$tool" >/dev/null 2>&1 || {
			echo "$1 needs $tool: apt-get install mmdebstrap" \
			    'util-linux, then try again'
			return
		}
	done
	unshare -m -n -p -u -i -C -f --kill-child mount -t proc proc /proc \
	    2>/dev/null || echo "$1 needs namespaces and mounts, which this" \
	    'machine does not allow (a container without privileges?): run it on' \
	    'a machine or in a container that does'
}

# own_mounts GOAL ARG...: begin again where what is mounted is seen by nobody
# else; as root only, others are refused later.
own_mounts() {
	goal=$1
	shift
	if [ "${HPN_OWN_MOUNTS-}" != "$goal.$$" ] && [ "$(id -u)" = 0 ]; then
		HPN_OWN_MOUNTS=$goal.$$
		export HPN_OWN_MOUNTS
		exec unshare -m --propagation private "$0" "$@"
	fi
}

# need_root GOAL: or stop, and say why.
need_root() {
	why=$(why_not "$1")
	[ -z "$why" ] || die "$why"
}

# mirror_lines: the source lines of SUITE, as base/fetch.sh found them.
mirror_lines() {
	if [ ! -s "$DL/apt/sources.list" ]; then
		"$ROOT/base/fetch.sh" debian --update || exit 1
	fi
	sed -n 's/^deb-src /deb /p' "$DL/apt/sources.list"
}

# proxy_lines: the machine's apt proxies, for the apt in a root.
proxy_lines() {
	apt-config dump 2>/dev/null |
	    grep -i '^Acquire::https\{0,1\}::.*Proxy' || :
}

# root_make NAME PACKAGES [MMDEBSTRAP-OPTION...]: the root build/deb/root-NAME with
# these packages (separated by commas). Its path is then in $root.
root_make() {
	root=$DEB/root-$1
	root_packages=$2
	root_name=$1
	shift 2
	want=$(printf '%s\n' 3 "$SUITE" "$root_packages" "$@"; mirror_lines)
	[ "${FRESH-}" = 1 ] || [ "$(cat "$root.id" 2>/dev/null)" != "$want" ] ||
	    return 0
	need_space 1500 "a Debian $SUITE root"
	root_log=$BUILD/log/root-$root_name.log
	say "making a Debian $SUITE with mmdebstrap, build/deb/root-$root_name" \
	    "(once; log: build/log/root-$root_name.log)"
	rm -rf "$root" "$root.new" "$root.id"
	attempt "cannot write to $BUILD" mkdir -p "$DEB" "$BUILD/log"
	mirror_lines >"$DEB/sources"
	proxy_lines >"$DEB/apt.conf"
	if ! mmdebstrap --mode=root --format=directory --include="$root_packages" \
	    --aptopt="$DEB/apt.conf" "$@" "$SUITE" "$root.new" "$DEB/sources" \
	    >"$root_log" 2>&1 </dev/null; then
		rm -rf "$root.new"
		explain_failure 'mmdebstrap failed' \
		    "$(grep '^E: ' "$root_log" | sed -n 1p) (build/log/root-$root_name.log)"
	fi
	# The keyrings that the lines name are this machine's.
	keyring=/usr/share/keyrings/debian-archive-keyring.pgp
	[ -e "$root.new$keyring" ] || keyring=${keyring%.pgp}.gpg
	rm -f "$root.new/etc/apt/sources.list" \
	    "$root.new"/etc/apt/sources.list.d/*
	sed "s,\[signed-by=[^]]*\],[signed-by=$keyring]," "$DEB/sources" \
	    >"$root.new/etc/apt/sources.list"
	# Every machine knows itself; a root that was only made does not.
	[ -s "$root.new/etc/hosts" ] ||
	    printf '%s\n' '127.0.0.1 localhost' '::1 localhost' \
	    >"$root.new/etc/hosts"
	attempt 'cannot put the root in place' mv "$root.new" "$root"
	printf '%s\n' "$want" >"$root.id"
}

# in_root [--net] ROOT COMMAND...: run there, without a network unless asked for.
# ROOT's mounts live in a mount namespace that ends with the command.
in_root() {
	net=-n
	[ "$1" != --net ] || { net=; shift; }
	HPN_IN_ROOT=$1
	export HPN_IN_ROOT
	shift
	if [ -z "$net" ]; then
		rm -f "$HPN_IN_ROOT/etc/resolv.conf"
		cp -L /etc/resolv.conf "$HPN_IN_ROOT/etc/resolv.conf" \
		    2>/dev/null || :
	fi
	unshare -m $net -p -f --kill-child sh -c '
		R=$HPN_IN_ROOT
		unset HPN_IN_ROOT
		mount --make-rprivate / &&
		mount -t proc proc "$R/proc" &&
		mount --rbind /dev "$R/dev" &&
		mount -t tmpfs -o mode=1777 tmpfs "$R/dev/shm" &&
		{ ip link set lo up 2>/dev/null || :; } &&
		exec chroot "$R" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		    HOME=/root LC_ALL=C.UTF-8 TZ=UTC0 \
		    DEBIAN_FRONTEND=noninteractive "$@"' sh "$@" </dev/null
}

# deb_arch: the architecture of the packages.
deb_arch() {
	dpkg --print-architecture
}

# hpn_version: ours, as in src/hpn-version.h.
hpn_version() {
	sed -n 's/^#define[ 	]*HPN_VERSION[ 	]*"openssh-hpn-\([^"]*\)".*/\1/p' \
	    "$ROOT/src/hpn-version.h"
}

# deb_version DEBIANVERSION: the version of our packages. It sorts above Debian's
# and a rebuild of Debian's (+b1), and below Debian's next update, which counts
# +deb13u up; before its first update that is +deb13u1.
deb_version() {
	case $1 in
	*+deb*u*) printf '%s\n' "$1+hpn$(hpn_version)" ;;
	*) printf '%s\n' "$1+deb${SUITE_NUMBER}u0+hpn$(hpn_version)" ;;
	esac
}

# deb_next DEBIANVERSION: the one that Debian's next update will have.
deb_next() {
	case $1 in
	*+deb*u*) printf '%su%d\n' "${1%u*}" $((${1##*u} + 1)) ;;
	*) printf '%s\n' "$1+deb${SUITE_NUMBER}u1" ;;
	esac
}

# ---------------------------------------------------------------------------
# A Debian system with systemd as process 1, in namespaces of its own: no other
# process, mount, address or port of the machine is seen from inside.

# system_copy ROOT DIR: DIR/root becomes a copy of ROOT to write to; an overlay
# if the kernel has it. Needs a mount namespace of the caller's own.
system_copy() {
	rm -rf "$2"
	attempt "cannot write to $2" mkdir -p "$2/upper" "$2/work" "$2/root"
	if ! mount -t overlay overlay -o \
	    "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root" 2>/dev/null
	then
		need_space 1500 'a copy of the root'
		rmdir "$2/root"
		attempt 'cannot copy the root' cp -a "$1" "$2/root"
	fi
}

# system_boot DIR: boot DIR/root; $init is its process 1. It is stopped by
# system_stop, and by the end of its parent.
system_boot() {
	cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	if [ -z "$cgroups" ]; then
		cgroups=$1/cgroup
		mkdir -p "$cgroups"
		mount -t cgroup2 cgroup2 "$cgroups" ||
		    die 'no cgroup2 here, which systemd needs: boot a kernel with it'
	fi
	cgroup=$cgroups/hpn-deb-check-$$
	attempt 'cannot make a cgroup, which systemd needs' mkdir "$cgroup"
	cat >"$1/boot.sh" <<-'EOF'
	# What a container manager does before it starts process 1.
	set -e
	R=$1
	mount --make-rprivate /
	mount --rbind "$R" "$R"
	mount -t proc proc "$R/proc"
	mount -t sysfs -o ro sysfs "$R/sys"
	mount -t cgroup2 cgroup2 "$R/sys/fs/cgroup"
	mount -t tmpfs -o mode=755 tmpfs "$R/run"
	mount -t tmpfs -o mode=755 tmpfs "$R/dev"
	mkdir "$R/dev/pts" "$R/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts \
	    "$R/dev/pts"
	ln -s pts/ptmx "$R/dev/ptmx"
	ln -s /proc/self/fd "$R/dev/fd"
	for d in null zero full random urandom tty; do
		: >"$R/dev/$d"
		mount --bind "/dev/$d" "$R/dev/$d"
	done
	cd "$R"
	pivot_root . mnt
	umount -l /mnt
	exec env -i container=hpn-deb-check \
	    PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system \
	    --log-target=console --unit=multi-user.target
	EOF
	sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' sh "$cgroup" \
	    unshare -m -n -p -u -i -C -f --kill-child \
	    sh "$1/boot.sh" "$1/root" </dev/null >"$1/boot.log" 2>&1 &
	boot=$!
	tries=0
	until init=$(cat "/proc/$boot/task/$boot/children" 2>/dev/null) &&
	    init=${init% } && [ -n "$init" ] &&
	    [ "$(cat "/proc/$init/comm" 2>/dev/null)" = systemd ] &&
	    inside systemctl is-system-running 2>/dev/null |
	    grep -q 'running\|degraded'; do
		tries=$((tries + 1))
		kill -0 "$boot" 2>/dev/null && [ "$tries" -lt 300 ] || die \
		    "systemd does not boot in ${1#"$ROOT"/}/root:" \
		    "$(tail -n 1 "$1/boot.log") (log: ${1#"$ROOT"/}/boot.log)"
		sleep 0.2
	done
}

# inside COMMAND...: run it in the booted system.
inside() {
	nsenter -t "$init" -m -n -p -u -i -C -- env -i \
	    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	    HOME=/root LC_ALL=C.UTF-8 TERM=dumb DEBIAN_FRONTEND=noninteractive \
	    "$@"
}

# system_stop: everything in it ends with process 1.
system_stop() {
	[ -z "${init-}" ] || kill -KILL "$init" 2>/dev/null || :
	[ -z "${boot-}" ] || wait "$boot" 2>/dev/null || :
	init='' boot=''
	[ -z "${cgroup-}" ] || [ ! -d "$cgroup" ] ||
	    find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || :
}
