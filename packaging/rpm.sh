#!/bin/sh
# SPDX-License-Identifier: ISC
# RPM packages from the release tarball on the upstream base, with the spec file
# in packaging/, and what can be checked of them without Fedora.
#
# usage: packaging/rpm.sh
#
# The packages are in build/rpm/RPMS. On Fedora and its relatives the build asks
# for what it needs; on Debian, whose rpm knows nothing of Debian's packages, the
# build takes what is there, and the packages are good for checking only: file
# lists, modes, scriptlets, dependencies, programs that start.
set -eu

ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/base/lib.sh"
. "$ROOT/base/compile-lib.sh"

lock
command -v rpmbuild >/dev/null 2>&1 || die 'make rpm needs rpmbuild: apt-get' \
    'install rpm, or dnf install rpm-build, then try again'
"$ROOT/base/dist.sh" upstream
version=$(sed -n \
    's/^#define[ 	]*HPN_VERSION[ 	]*"openssh-hpn-\([^"]*\)".*/\1/p' \
    "$ROOT/src/hpn-version.h")
spec=$ROOT/packaging/openssh-hpn.spec
for setting in "hpn_version $version" "openssh_version $RELEASE"; do
	grep -qx "%global $setting" "$spec" || die "packaging/openssh-hpn.spec does" \
	    "not say \"%global $setting\": the version has changed, change it there"
done
top=$BUILD/rpm
rm -rf "$top"
attempt "cannot write to $BUILD" mkdir -p "$top" "$top/tmp"
set -- --define "_topdir $top" --define "_sourcedir $BUILD/dist" \
    --define "_tmppath $top/tmp" --define "_smp_mflags -j$(jobs_at_once)"
foreign=no
if [ ! -d /usr/lib/rpm/redhat ]; then
	foreign=yes
	# No database of what is installed, and none of the helpers for packages
	# with debugging symbols. A library that is missing leaves its option out.
	set -- "$@" --nodeps --define 'debug_package %{nil}' \
	    --define "_dbpath $top/db"
	for option in kerberos:krb5.h selinux:selinux/selinux.h \
	    audit:libaudit.h fido:fido.h \
	    zstd:zstd.h; do
		echo "#include <${option#*:}>" | "${CC:-cc}" -E - \
		    >/dev/null 2>&1 || set -- "$@" --without "${option%%:*}"
	done
fi
need_space 300 'make rpm'
unset CC CFLAGS CPPFLAGS LDFLAGS 2>/dev/null || :
run_logged "building RPM packages of openssh-hpn $version" \
    "$BUILD/log/rpm.log" rpmbuild -bb "$@" "$spec"

# ---------------------------------------------------------------------------
# What they are

rpms=$(find "$top/RPMS" -name '*.rpm' | sort)
[ "$(printf '%s\n' "$rpms" | wc -l)" -ge 3 ] ||
    die 'rpmbuild made fewer than three packages: see build/log/rpm.log'
faults=0
fault() {
	faults=$((faults + 1))
	say "FAULT: $*"
}
query() {
	rpm --dbpath "$top/db" -qp --nosignature "$@" 2>/dev/null
}

for f in $rpms; do
	name=$(query --qf '%{NAME}' "$f")
	query -l "$f" >"$top/$name.files"
	query --qf '[%{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILEFLAGS:fflags} %{FILENAMES}\n]' \
	    "$f" >"$top/$name.list"
	query --scripts "$f" >"$top/$name.scripts"
	query --requires "$f" >"$top/$name.requires"
	# Each scriptlet is sh that parses.
	for s in PREIN POSTIN PREUN POSTUN; do
		query --qf "%{$s}" "$f" >"$top/script"
		[ "$(cat "$top/script")" != '(none)' ] || continue
		sh -n "$top/script" || fault "$name: $s does not parse"
		case $(tail -n 1 "$top/script") in
		:|fi|'exit 0') ;;
		*) fault "$name: $s may end with an error" ;;
		esac
	done
done
# In which package a program is looked for, on Fedora.
while read -r name path; do
	grep -qx "$path" "$top/$name.files" || fault "$name has no $path"
done <<EOF
openssh /usr/bin/ssh-keygen
openssh /usr/libexec/openssh/ssh-keysign
openssh /etc/ssh/moduli
openssh-clients /usr/bin/ssh
openssh-clients /usr/bin/scp
openssh-clients /usr/bin/sftp
openssh-clients /usr/bin/ssh-agent
openssh-clients /usr/bin/ssh-copy-id
openssh-clients /etc/ssh/ssh_config
openssh-clients /etc/bash_completion.d/openssh-hpn
openssh-clients /usr/share/bash-completion/completions/openssh-hpn
openssh-clients /usr/share/zsh/site-functions/_openssh_hpn
openssh-clients /usr/libexec/openssh/ssh-sk-helper
openssh-server /usr/sbin/sshd
openssh-server /usr/libexec/openssh/sshd-session
openssh-server /usr/libexec/openssh/sshd-auth
openssh-server /usr/libexec/openssh/sftp-server
openssh-server /etc/ssh/sshd_config
openssh-server /etc/pam.d/sshd
EOF
for page in ssh.1 sshd.8 ssh_config.5 sshd_config.5; do
	cat "$top"/*.files | grep -q "/$page" || fault "no package has $page"
done
for doc in README.hpn PROTOCOL.hpn OVERVIEW.hpn LICENCE LICENCE.hpn; do
	grep -q "/$doc\$" "$top/openssh.files" || fault "openssh has no $doc"
done
# Set-user-id: what the release installs so, and nothing else.
setid=$(cat "$top"/*.list | grep '^[^ ]*[sS]' | sed 's/.* //')
[ "$setid" = /usr/libexec/openssh/ssh-keysign ] ||
    fault "set-user-id or set-group-id: $(echo $setid)"
! cat "$top"/*.list | grep '^.......[^ ]w' | grep -v '^l' ||
    fault 'writable for all, see above'
for c in /etc/ssh/ssh_config /etc/ssh/sshd_config /etc/ssh/moduli \
    /etc/pam.d/sshd; do
	cat "$top"/*.list | grep -q " cn* *$c\$" ||
	    fault "$c is not a configuration file that an upgrade keeps"
done
# Folders of rpm's own for debuggers are everybody's.
for s in $(sort "$top"/*.files | uniq -d | grep -v '^/usr/lib/\.build-id'); do
	fault "$s is in two packages"
done

# They install, and the programs start.
mkdir -p "$top/root"
rpm --dbpath /var/lib/rpm --root "$top/root" --initdb >/dev/null 2>&1 || :
if [ "$(id -u)" = 0 ]; then
	if rpm --root "$top/root" -i --nodeps --noscripts --nosignature $rpms \
	    >"$top/install.log" 2>&1; then
		r=$top/root
		"$r/usr/bin/ssh" -V 2>&1 | grep -q "openssh-hpn-$version" ||
		    fault 'ssh -V does not say openssh-hpn'
		grep -v '^Include' "$r/etc/ssh/sshd_config" >"$top/sshd_config"
		"$r/usr/sbin/sshd" -G -f "$top/sshd_config" \
		    >"$top/sshd.G" 2>&1 || fault 'sshd does not take its sample' \
		    "configuration: $(tail -n 1 "$top/sshd.G")"
		grep -qx 'usepam yes' "$top/sshd.G" || fault 'sshd: UsePAM is off'
		"$r/usr/bin/ssh" -G -F "$r/etc/ssh/ssh_config" host \
		    >"$top/ssh.G" 2>&1 || fault 'ssh does not take its sample' \
		    "configuration: $(tail -n 1 "$top/ssh.G")"
		for o in sshd ssh; do
			grep -qx 'hpnthreads auto' "$top/$o.G" ||
			    fault "$o shows none of our options"
		done
	else
		fault "they do not install: $(tail -n 1 "$top/install.log")"
	fi
else
	say 'not installed for a look, which only root may'
fi
[ "$faults" = 0 ] || die "$faults fault(s) in the packages, listed above"
say "RPM packages: $(echo $rpms | sed "s,$ROOT/,,g")"
[ "$foreign" = no ] || say 'built on another system than they are for: for' \
    'checking only; docs/packaging.md says how to build them there'
