#!/bin/sh
# SPDX-License-Identifier: ISC
# Prove the Debian packages where they will live: a Debian system, booted with
# systemd in namespaces of its own, goes from Debian's packages to ours and back
# while sessions are open.
#
# usage: packaging/deb-check.sh      after packaging/deb.sh; needs root
#        packaging/deb-check.sh --possible
#                                    only say why it cannot run here, status 77
#
# Looks at the versions, at what lintian and hardening-check say of our packages
# beside Debian's, and then, once with ssh.service and once with ssh.socket:
# upgrade with apt, old and new sessions, files both ways, configuration, keys,
# set-user-id files, listening sockets, the next security update, downgrade.
# One line for each thing that holds or does not; the last line counts them.
# Exit status: 0 when everything holds.
set -eu

ROOT=$(cd "$(dirname "$0")/.." && pwd)

. "$ROOT/base/lib.sh"
. "$ROOT/base/compile-lib.sh"
. "$ROOT/packaging/common.sh"

if [ "${1-}" = --possible ]; then
	why=$(why_not deb-check)
	[ -n "$why" ] || exit 0
	printf '%s\n' "$why"
	exit 77
fi

own_mounts deb-check "$@"
need_root deb-check
lock
[ -d "$DEB/packages" ] || die 'there are no packages yet: make deb'
base=$(debian_revision)
arch=$(deb_arch)
version=$(cd "$DEB/packages" && ls openssh-client_*_"$arch".deb)
version=${version#*_}
version=${base%%:*}:${version%_*}
next=$(deb_next "$base")
work=$DEB/check
names='openssh-client openssh-server openssh-sftp-server'
passed=0 failed=0

holds() {
	passed=$((passed + 1))
	say "ok: $*"
}

fails() {
	failed=$((failed + 1))
	say "FAILED: $*"
}

# expect WHAT COMMAND...: the command succeeds, or what it said is shown.
expect() {
	what=$1
	shift
	if "$@" >"$work/said" 2>&1; then
		holds "$what"
	else
		fails "$what"
		sed 's/^/    /' "$work/said" | tail -n 12
	fi
}

cleanup() {
	exec 3>&- 2>/dev/null || :
	system_stop
	umount -l "$work/root" 2>/dev/null || :
	umount -l "$work/cgroup" 2>/dev/null || :
}
init='' boot='' cgroup=''
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

umount -l "$work/root" 2>/dev/null || :
rm -rf "$work"
attempt "cannot write to $work" mkdir -p "$work"

# ---------------------------------------------------------------------------
# Versions

expect "$version is newer than Debian's $base" \
    dpkg --compare-versions "$version" gt "$base"
expect "$version is newer than a rebuild of it, $base+b1" \
    dpkg --compare-versions "$version" gt "$base+b1"
expect "$version is older than Debian's next update, $next" \
    dpkg --compare-versions "$version" lt "$next"

# ---------------------------------------------------------------------------
# The system that is upgraded: Debian's openssh, as people have it. Debian's own
# packages stay in apt's cache, so that going back needs no network.

root_make system systemd-sysv,dbus,libpam-systemd,openssh-server,ca-certificates,iproute2,procps,bash-completion,libxxhash0,libzstd1 \
    --variant=minbase
system=$root
# What is kept goes by the version, because it is only read from.
have=$(in_root "$system" dpkg-query -W -f '${Version}' openssh-server)
if [ "$have" != "$base" ] || [ ! -f "$system/var/cache/apt/archives/$(echo \
    "openssh-server_${base}_$arch.deb" | sed 's/:/%3a/')" ]; then
	run_logged "getting Debian's openssh $base for the root" \
	    "$BUILD/log/deb-system.log" in_root --net "$system" sh -c '
		apt-get -q update
		v=$1
		shift
		for p; do set -- "$@" "$p=$v"; shift; done
		apt-get -q -y --no-install-recommends --allow-downgrades \
		    install "$@" &&
		apt-get -q -y --reinstall --download-only \
		    --allow-downgrades install "$@"' sh "$base" $names
fi

# ---------------------------------------------------------------------------
# lintian and hardening-check, on Debian's packages and on ours

build_root=$DEB/root-build
compare() {
	rm -rf "$build_root/home/builder/compare"
	mkdir -p "$build_root/home/builder/compare/ours" \
	    "$build_root/home/builder/compare/debian"
	for p in $names; do
		cp "$DEB/packages/${p}_${version#*:}_$arch.deb" \
		    "$build_root/home/builder/compare/ours/"
		cp "$system/var/cache/apt/archives/${p}_$(echo "$base" |
		    sed 's/:/%3a/')_$arch.deb" \
		    "$build_root/home/builder/compare/debian/"
	done
	in_root "$build_root" sh -c '
		cd /home/builder/compare
		for side in debian ours; do
			setpriv --reuid builder --regid builder --init-groups \
			    lintian --no-cfg --fail-on none --tag-display-limit 0 \
			    $side/*.deb >$side.lintian 2>$side.errors ||
			    exit 1
			for d in $side/*.deb; do
				dpkg-deb -x $d $side/root
			done
			(cd $side/root && find . -type f | LC_ALL=C sort |
			while read -r f; do
				case $(head -c 4 "$f" | od -An -tx1) in
				*7f*45*4c*46*) hardening-check "$f" || :
				esac
			done) >$side.hardening 2>&1
			(cd $side/root && find . -perm /6000 -printf \
			    "%M %p\n" | LC_ALL=C sort) >$side.setuid
			for d in $side/*.deb; do
				dpkg-deb -c $d
			done | sed "s/^\([^ ]* [^ ]*\).*\(\.\/.*\)/\1 \2/" |
			    LC_ALL=C sort >$side.list
			for p in $side/*.deb; do
				dpkg-deb -f $p Package Depends Pre-Depends \
				    Conflicts Breaks Replaces Provides
				dpkg-deb -e $p $side/control
				(cd $side/control && cat conffiles preinst \
				    postinst prerm postrm config triggers \
				    2>/dev/null)
				rm -rf $side/control
			done >$side.scripts
		done' || return 1
	for f in lintian hardening setuid list scripts; do
		for side in debian ours; do
			cp "$build_root/home/builder/compare/$side.$f" "$work/"
		done
	done
	rm -rf "$build_root/home/builder/compare"
}

# lintian_new LETTERS: tags of that severity that Debian's packages do not have.
lintian_new() {
	sed -n "s/^\([$1]: [^:]*: [^ ]*\).*/\1/p" "$work/debian.lintian" |
	    sort -u >"$work/debian.tags"
	sed -n "s/^\([$1]: [^:]*: [^ ]*\).*/\1/p" "$work/ours.lintian" |
	    sort -u | comm -13 "$work/debian.tags" - >"$work/new.tags"
	[ ! -s "$work/new.tags" ] || {
		cat "$work/new.tags"
		return 1
	}
}

# The shell of a maintainer script names the version of the build nowhere, but
# dependencies do.
same_scripts() {
	sed "s/$(echo "$version" | sed 's/[.]/\\&/g')/VERSION/g" \
	    "$work/ours.scripts" >"$work/ours.s"
	sed "s/$(echo "$base" | sed 's/[.]/\\&/g')/VERSION/g" \
	    "$work/debian.scripts" >"$work/debian.s"
	# Ours hash files, and compress, with two libraries more
	sed -i '/^Depends: /s/, lib\(xxhash0\|zstd1\) ([^)]*)//g' "$work/ours.s"
	diff "$work/debian.s" "$work/ours.s"
}

# hardening_of PROGRAM FILE: what hardening-check says of it, without its name.
hardening_of() {
	awk -v p="./usr/bin/$1:" '/^[^ ]/ { on = $1 == p; next } on' "$2"
}

# dmscp and yscp, which Debian does not have, are to be as scp is there.
same_hardening() {
	awk '/^[^ ]/ { off = $1 ~ "^./usr/bin/(dm|y)scp:$" } !off' \
	    "$work/ours.hardening" >"$work/ours.h"
	diff "$work/debian.hardening" "$work/ours.h" || return 1
	hardening_of scp "$work/debian.hardening" >"$work/debian.scp"
	for p in dmscp yscp; do
		hardening_of $p "$work/ours.hardening" >"$work/ours.$p"
		[ -s "$work/ours.$p" ] &&
		    diff "$work/debian.scp" "$work/ours.$p" || return 1
	done
}

same_but_docs() {
	diff "$work/debian.list" "$work/ours.list" | grep '^[<>]' |
	    grep -v -e ' \./usr/bin/\(dm\|y\)scp$' \
	    -e ' \./usr/share/man/man1/\(dm\|y\)scp\.1\.gz$' |
	    grep -v '\.hpn\(\.gz\)\{0,1\}$' | grep -v 'examples/\(many-nodes\(/.*\)\{0,1\}\)\{0,1\}$' |
	    grep -v '/_\{0,1\}openssh[-_]hpn$' | grep -v '\./etc/bash_completion\.d/$' |
	    grep -v '\./usr/share/\(bash-completion/\(completions/\)\{0,1\}\|zsh/\(vendor-completions/\)\{0,1\}\)$' \
	    >"$work/more" || return 0
	cat "$work/more"
	return 1
}

if attempt 'cannot compare with the packages of Debian' compare; then
	[ -s "$work/debian.hardening" ] && grep -q 'usr/sbin/sshd' \
	    "$work/debian.hardening" || die 'hardening-check said nothing'
	expect 'lintian: no error that the packages of Debian do not have' \
	    lintian_new E
	expect 'lintian: nor a warning' lintian_new W
	expect 'hardening-check says the same of each program' same_hardening
	expect 'set-user-id and set-group-id files are the same' \
	    diff "$work/debian.setuid" "$work/ours.setuid"
	expect 'conffiles, maintainer scripts and dependencies are the same' \
	    same_scripts
	expect 'files and modes are the same, and README.hpn etc. beside them' \
	    same_but_docs
	expect 'README.hpn, PROTOCOL.hpn and OVERVIEW.hpn are in the documentation' \
	    sh -c 'for f in README PROTOCOL OVERVIEW; do
		grep -q "/$f.hpn" "$1" || exit 1; done' sh "$work/ours.list"
fi

# ---------------------------------------------------------------------------
# In the booted system

# wait_for WHAT COMMAND...
wait_for() {
	waiting=$1
	shift
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ "$tries" -lt 150 ] || {
			echo "$waiting: not within 30 seconds"
			return 1
		}
		sleep 0.2
	done
}

ssh_inside() {
	inside ssh -o BatchMode=yes -o ConnectTimeout=10 -o UserKnownHostsFile=/root/known \
	    -o StrictHostKeyChecking=yes "$@"
}

# session_open: a session that stays, fed by descriptor 3, on a ControlMaster.
session_open() {
	rm -f "$work/to" "$work/from"
	mkfifo "$work/to"
	: >"$work/from"
	ssh_inside -M -S /root/master user@127.0.0.1 \
	    'while read -r line; do echo "heard $line"; done' \
	    <"$work/to" >"$work/from" 2>"$work/session.err" &
	session=$!
	exec 3>"$work/to"
	session_answers before || die "no session to Debian's server:" \
	    "$(cat "$work/session.err")"
}

session_answers() {
	echo "$1" >&3
	wait_for "the session answers ($1)" grep -qx "heard $1" "$work/from"
}

session_close() {
	exec 3>&-
	wait "$session"
}

# state: what must be the same after an upgrade: configuration, keys, PAM, what
# is enabled, set-user-id files, what listens.
state() {
	inside sh -c '
		cd /
		find etc/ssh etc/pam.d etc/default/ssh etc/ufw/applications.d \
		    usr/share/openssh -type f 2>/dev/null | LC_ALL=C sort |
		    xargs sha256sum
		find etc/ssh -printf "%M %u %g %p\n" | LC_ALL=C sort
		for u in ssh.service ssh.socket; do
			echo "$u $(systemctl is-enabled $u)" \
			    "$(systemctl is-active $u)"
		done
		find usr etc -xdev -perm /6000 -printf "%M %u %g %p\n" |
		    LC_ALL=C sort
		# Not those of a login and of the session that is open.
		ss -H -l -n -t -u -w -x | awk "{
			if (\$1 ~ /^u_/) { print \$1, \$5; next }
			sub(/.*:/, \"port \", \$5); print \$1, \$5
		}" |
		    grep -v -e " /run/user/" -e " /root/master" |
		    LC_ALL=C sort -u' >"$work/state.$1"
}

same_state() {
	diff "$work/state.$1" "$work/state.$2"
}

versions_are() {
	inside dpkg-query -W -f '${Package} ${Version} ${Status}\n' $names |
	    tee "$work/versions"
	[ "$(grep -c " $1 install ok installed$" "$work/versions")" = 3 ]
}

# banner PATTERN: what the listening server says of itself.
banner() {
	inside timeout 10 bash -c 'exec 4<>/dev/tcp/127.0.0.1/22 && head -n 1 <&4' |
	    tee "$work/banner"
	grep -q "$1" "$work/banner"
}

# files HOW: 24 MB each way with scp and sftp, compared.
files() {
	inside sh -c '
		set -e
		cd /root
		o="-o BatchMode=yes -o UserKnownHostsFile=/root/known"
		rm -f in.* /home/user/*.bin
		scp -q $o data.bin user@127.0.0.1:a.bin
		scp -q $o user@127.0.0.1:a.bin in.scp
		echo "put data.bin b.bin
		get b.bin in.sftp" | sftp -q $o -b - user@127.0.0.1 >/dev/null
		ssh $o user@127.0.0.1 "cat >c.bin && sync" <data.bin
		ssh $o user@127.0.0.1 cat c.bin >in.ssh
		for f in in.scp in.sftp in.ssh; do cmp data.bin $f; done'
}

programs() {
	inside sh -c 'ssh -V; sshd -V' 2>&1 | tee "$work/programs"
	[ "$(grep -c openssh-hpn "$work/programs")" = "$1" ]
}

# old_listener: does a process still run a program that is no longer installed
# as the listener?
listener_is_new() {
	pid=$(inside systemctl show -p MainPID --value ssh.service)
	[ "$pid" != "$1" ] && ! inside readlink "/proc/$pid/exe" | grep deleted
}

# apt WORDS...: as an administrator would, answering nothing.
apt() {
	inside apt -y -q -o DPkg::Options::=--debug=0 "$@" </dev/null
}

upgrade() {
	set --
	for p in $names; do
		set -- "$@" "./${p}_${version#*:}_$arch.deb"
	done
	inside sh -c 'cd /root/packages && exec apt -y -q install "$@"' sh "$@"
}

downgrade() {
	set --
	for p in $names; do
		set -- "$@" "$p=$base"
	done
	apt install --allow-downgrades "$@"
}

# told: when Debian publishes its next version, apt offers it.
told() {
	inside sh -c '
		set -e
		next=$1
		mkdir -p /root/next
		cd /root/next
		rm -rf ./*
		for p in openssh-client openssh-server openssh-sftp-server; do
			mkdir -p $p/DEBIAN
			printf "%s\n" "Package: $p" "Version: $next" \
			    "Architecture: all" "Maintainer: nobody <no@no.invalid>" \
			    "Description: a later version" >$p/DEBIAN/control
			dpkg-deb -b $p . >/dev/null
		done
		for d in *.deb; do
			dpkg-deb -f $d
			echo "Filename: ./$d"
			echo "Size: $(stat -c %s $d)"
			echo "SHA256: $(sha256sum $d | cut -d " " -f 1)"
			echo
		done >Packages
		echo "deb [trusted=yes] file:/root/next ./" >list
		o="-o Dir::Etc::sourcelist=/root/next/list
		    -o Dir::Etc::sourceparts=/dev/null
		    -o Dir::State::lists=/root/next/lists
		    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache="
		mkdir -p lists/partial
		apt-get -q $o update >/dev/null
		apt list -q $o --upgradable 2>/dev/null | tee offered
		[ "$(grep -c "^openssh-.* $next " offered)" = 3 ]
		rm -rf /root/next' sh "$next"
}

# completes: what an interactive shell reads at its start does it. The first call
# loads Debian's completion of ssh and asks to be called again.
completes() {
	inside bash -c '
		. /usr/share/bash-completion/bash_completion
		complete -p ssh
		COMP_WORDS=(ssh -o HPNDis) COMP_CWORD=2
		COMP_LINE="ssh -o HPNDis" COMP_POINT=13
		for i in 1 2; do
			COMPREPLY=()
			_openssh_hpn ssh HPNDis -o 2>/dev/null
		done
		printf "%s\n" "${COMPREPLY[@]}"' | tee "$work/completed"
	grep -qx 'HPNDisabled=' "$work/completed"
}

begin_system() {
	system_copy "$system" "$work"
	r=$work/root
	# An administrator's own settings, in every way that there is.
	sed -i 's/^#MaxAuthTries.*/MaxAuthTries 5/' "$r/etc/ssh/sshd_config"
	echo 'ClientAliveInterval 77' >"$r/etc/ssh/sshd_config.d/site.conf"
	echo '    ServerAliveInterval 66' >>"$r/etc/ssh/ssh_config"
	echo '# local' >>"$r/etc/pam.d/sshd"
	echo '# local' >>"$r/etc/default/ssh"
	mkdir -p "$r/root/packages" "$r/root/.ssh"
	for p in $names; do
		cp "$DEB/packages/${p}_${version#*:}_$arch.deb" "$r/root/packages/"
	done
	head -c 24000000 /dev/urandom >"$r/root/data.bin"
	rm -f "$r"/etc/ssh/ssh_host_*
	in_root "$r" sh -c '
		ssh-keygen -q -A &&
		useradd -m -s /bin/bash user &&
		ssh-keygen -q -t ed25519 -N "" -f /root/.ssh/id_ed25519 &&
		mkdir -m 700 /home/user/.ssh &&
		cp /root/.ssh/id_ed25519.pub /home/user/.ssh/authorized_keys &&
		chown -R user: /home/user/.ssh &&
		sed "s/^/127.0.0.1 /" /etc/ssh/ssh_host_*.pub >/root/known' ||
	    die 'cannot prepare the system'
	system_boot "$work"
}

# as_booted: with ssh.socket, what the next boot would make of it. Restarting both
# units at an upgrade, as Debian's packages do, leaves the service that the socket
# started with the listening socket. Also forgets how often they were started: in
# ten seconds systemd allows five times, and this test is quick.
as_booted() {
	inside systemctl reset-failed ssh.service ssh.socket 2>/dev/null || :
	[ "$unit" = ssh.service ] || inside sh -c \
	    'systemctl stop ssh.service; systemctl start ssh.socket'
}

# round UNIT: from Debian's to ours and back, with ssh.service or ssh.socket. What
# the same upgrade from Debian's to Debian's leaves is what has to come of it.
round() {
	unit=$1
	banner Debian >/dev/null
	apt install --reinstall $names >"$work/reinstall.log" 2>&1 ||
	    die "apt cannot reinstall Debian's packages:" \
	    "$(tail -n 1 "$work/reinstall.log")"
	state before
	as_booted
	expect "$unit: Debian's $base is installed and answers" versions_are "$base"
	expect "$unit: Debian's server answers" banner 'Debian-[^ ]*.$'
	session_open
	main=$(inside systemctl show -p MainPID --value ssh.service)

	expect "$unit: apt install ./...deb over it" upgrade
	expect "$unit: the packages are ours" versions_are "$version"
	[ "$unit" != ssh.service ] ||
	    expect "$unit: the listener was restarted" listener_is_new "$main"
	expect "$unit: ssh and sshd are ours" programs 2
	expect "$unit: the server that answers is ours" banner 'openssh-hpn'
	expect "$unit: the session opened before is alive" session_answers upgraded
	expect "$unit: a session through its ControlMaster" \
	    ssh_inside -S /root/master user@127.0.0.1 true
	expect "$unit: files in and out" files
	expect "$unit: bash, with bash-completion, completes our options" completes
	state after
	expect "$unit: configuration, keys, PAM, units, set-user-id files and listening sockets are as before" \
	    same_state before after
	as_booted
	expect "$unit: as booted again, our server answers" banner 'openssh-hpn'
	expect "$unit: sshd takes the configuration" inside sshd -t
	expect "$unit: the administrator's settings are in force" inside sh -c '
		sshd -T | grep -qx "maxauthtries 5" &&
		sshd -T | grep -qx "clientaliveinterval 77" &&
		ssh -G host | grep -qx "serveraliveinterval 66"'
	[ "$unit" != ssh.service ] ||
	    expect "$unit: apt tells of Debian's next update $next" told

	as_booted
	banner openssh-hpn >/dev/null || :
	expect "$unit: back to Debian's with one apt command" downgrade
	expect "$unit: the packages are Debian's" versions_are "$base"
	expect "$unit: ssh and sshd are Debian's" programs 0
	expect "$unit: the server that answers is Debian's" banner 'Debian-[^ ]*.$'
	expect "$unit: the session opened before all that is alive" \
	    session_answers downgraded
	expect "$unit: files in and out with Debian's" files
	state back
	expect "$unit: everything is as before" same_state before back
	expect "$unit: nothing of ours is left" inside sh -c '
		! find /etc /usr -name "*openssh[-_]hpn*" | grep .'
	expect "$unit: that session ends in order" session_close
}

begin_system
expect 'systemd is process 1 and ssh.service is active' \
    inside systemctl is-active ssh.service
round ssh.service
inside systemctl --quiet disable --now ssh.service >/dev/null 2>&1 || :
inside systemctl --quiet enable --now ssh.socket >/dev/null 2>&1 || :
expect 'ssh.socket listens in its place' \
    inside systemctl is-active ssh.socket
round ssh.socket
expect 'no unit has failed' inside sh -c \
    '! systemctl --failed --no-legend | grep ssh'

say "deb-check: on a Debian $SUITE booted with systemd"
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
