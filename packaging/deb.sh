#!/bin/sh
# SPDX-License-Identifier: ISC
# Debian packages of the fork: Debian's own packaging of the base, plus our files
# and our series, built in a Debian root of its own.
#
# usage: packaging/deb.sh            build the packages
#        packaging/deb.sh --source   only prepare the source (no root needed)
#
# The source is build/deb/source/openssh-RELEASE with the tarball beside it; the
# packages are in build/deb/packages. Built again only when something changed.
#
# DEB_BUILD_OPTIONS   (nocheck parallel=CPUS) "make check" tests more than the
#                     package's own tests do
# DEB_BUILD_PROFILES  (noudeb pkg.openssh.nognome) what not to build: packages
#                     for Debian's installer, and ssh-askpass-gnome, to which the
#                     series adds nothing and of which Debian's fits as well
# DEBFULLNAME, DEBEMAIL   who builds, for the changelog and the field Maintainer
# DEB_LOCAL=+site1    added to the version, for builds of your own
# FRESH=1             make the root anew
set -eu

ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/base/lib.sh"
. "$ROOT/base/compile-lib.sh"
. "$ROOT/packaging/common.sh"

case ${1-} in
''|--source) ;;
*) die 'usage: packaging/deb.sh [--source]' ;;
esac
[ -n "${1-}" ] || need_root deb
lock
need tar xz git awk sed dpkg
"$ROOT/base/tree.sh" tree debian

base=$(debian_revision)
version=$(deb_version "$base")${DEB_LOCAL-}
next=$(deb_next "$base")
for lower in "$base" "$base+b9"; do
	dpkg --compare-versions "$version" gt "$lower" ||
	    die "the version $version does not sort above Debian's $lower"
done
dpkg --compare-versions "$version" lt "$next" || die "the version $version does" \
    "not sort below Debian's next update, $next: see DEB_LOCAL"
case $version in
*hpn1[678]*) die "clients of HPN-SSH act on hpn16, hpn17, hpn18: not $version" ;;
esac

source=$DEB/source/openssh-$RELEASE
options=${DEB_BUILD_OPTIONS-nocheck parallel=$(jobs_at_once)}
profiles=${DEB_BUILD_PROFILES-noudeb pkg.openssh.nognome}
name=${DEBFULLNAME:-$AUTHOR}
email=${DEBEMAIL:-openssh-hpn@openssh-hpn.invalid}
packaging=$DL/$(sed -n 's/^file //p' "$DL/debian.current")
# The day of the newest patch, so that the same series makes the same packages;
# never before Debian's own entry.
date=$(sed -n 's/^Last-Update: //p' "$ROOT"/patches/*.patch | sort | sed -n '$p')

# overlay_patch: our files as a patch; the source format has no other way for
# files outside debian/.
overlay_patch() {
	mkdir -p "$SCRATCH/a" "$SCRATCH/b/regress"
	own_files "$ROOT/src" | while read -r f; do
		mkdir -p "$SCRATCH/b/$(dirname "$f")"
		cp -p "$ROOT/src/$f" "$SCRATCH/b/$f"
	done
	own_files "$ROOT/regress" | while read -r f; do
		mkdir -p "$SCRATCH/b/regress/$(dirname "$f")"
		cp -p "$ROOT/regress/$f" "$SCRATCH/b/regress/$f"
	done
	cat <<-EOF
	Description: openssh-hpn's own modules, manuals and tests
	 The folders src/ and regress/ of openssh-hpn, laid over the source. The
	 patches hpn-0* hook them in.
	Author: $AUTHOR
	Forwarded: not-needed
	Last-Update: $date

	EOF
	(cd "$SCRATCH" && git diff --no-index --no-color --no-renames \
	    --no-prefix a b) && die 'found no files of ours' || [ $? = 1 ]
}

# samples_patch: the sample configurations as Debian's again. /etc/ssh/ssh_config
# is one that dpkg watches, and /etc/ssh/sshd_config one that ucf does: a change
# of either would ask every administrator who has edited his, on the way here and
# on the way back. Ours are among the examples instead.
samples_patch() {
	mkdir -p "$SCRATCH/samples/a" "$SCRATCH/samples/b"
	for f in ssh_config sshd_config; do
		cp "$ROOT/src/$f.hpn" "$SCRATCH/samples/a/"
		sed -n '/^@ /p' "$ROOT/src/$f.hpn" >"$SCRATCH/samples/b/$f.hpn"
	done
	cat <<-EOF
	Description: keep the sample configurations as Debian's
	 So that no upgrade and no downgrade asks about a configuration that an
	 administrator has edited. openssh-hpn's are among the examples.
	Author: $AUTHOR
	Forwarded: not-needed
	Last-Update: $date

	EOF
	(cd "$SCRATCH/samples" && git diff --no-index --no-color --no-renames \
	    --no-prefix a b) || [ $? = 1 ]
}

# insert_copyright: our files in Debian's list of licences, behind Files: *.
insert_copyright() {
	files=$({
		own_files "$ROOT/src"
		own_files "$ROOT/regress" | sed 's,^,regress/,'
		echo 'debian/hpn-examples/many-nodes/*'
	} | sed -e 's,^\(regress/fuzz\)/.*,\1/*,' \
	    -e 's,^\(regress/unittests/hpn\)/.*,\1/*,' | sort -u | sed 's/^/ /')
	awk -v files="$files" '
	/^Files: ssh-keyscan/ {
		print "Files:\n" files "\nCopyright:\n 2026 the openssh-hpn developers"
		print "License: ISC\n"
	}
	{ print }
	END {
		print "\nLicense: ISC"
		print " Permission to use, copy, modify, and distribute this software for any"
		print " purpose with or without fee is hereby granted, provided that the above"
		print " copyright notice and this permission notice appear in all copies."
		print " ."
		print " THE SOFTWARE IS PROVIDED \"AS IS\" AND THE AUTHOR DISCLAIMS ALL WARRANTIES"
		print " WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF"
		print " MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR"
		print " ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES"
		print " WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN"
		print " ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF"
		print " OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE."
	}' debian/copyright >"$SCRATCH/copyright"
	[ "$(grep -c '^License: ISC$' "$SCRATCH/copyright")" = 2 ] ||
	    die "Debian's copyright file is not as it was: packaging/deb.sh has to" \
	    'be adapted'
	cp "$SCRATCH/copyright" debian/copyright
}

# edit FILE SED-EXPRESSION WHAT: an edit that must change something.
edit() {
	sed "$2" "$1" >"$SCRATCH/edited"
	! cmp -s "$1" "$SCRATCH/edited" ||
	    die "Debian's $1 is not as it was: packaging/deb.sh cannot $3"
	cat "$SCRATCH/edited" >"$1"
}

write_changelog() {
	newest=$(sed -n '/^ -- /{s/^ -- .*>  //p;q;}' debian/changelog)
	at=$(date -u -d "$date" +%s)
	after=$(($(date -u -d "$newest" +%s) + 60))
	[ "$at" -ge "$after" ] || at=$after
	{
		echo "openssh ($version) $SUITE; urgency=medium"
		echo
		echo "  * openssh-hpn $(hpn_version) on Debian's $base: channel windows that"
		echo '    follow the network, many packets for each trip round the loop,'
		echo '    ciphers on several processors. What it does and how to limit it or'
		echo '    to switch it off is in /usr/share/doc/openssh-client/README.hpn.gz.'
		echo '  * Configuration files are as in Debian'\''s package.'
		echo '  * Not made by Debian: report problems to the maintainer named in it.'
		echo '  * Patches of openssh-hpn:'
		for patch in $(cd "$ROOT/patches" && sed -e 's/[ 	]*#.*//' \
		    -e '/^[ 	]*$/d' series); do
			sed -n 's/^Description: /    - /p' "$ROOT/patches/$patch"
		done
		echo
		echo " -- $name <$email>  $(date -u -R -d "@$at")"
		echo
		cat debian/changelog
	} >"$SCRATCH/changelog"
	cp "$SCRATCH/changelog" debian/changelog
}

prepare_source() {
	SCRATCH=$BUILD/.deb.$$
	trap 'rm -rf "$SCRATCH"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	rm -rf "$DEB/source"
	attempt "cannot write to $BUILD" mkdir -p "$SCRATCH" "$DEB/source"
	attempt 'cannot copy the release' cp "$ORIG" "$DEB/source/"
	attempt "cannot extract $ORIG" tar -xzf "$ORIG" -C "$DEB/source" \
	    --no-same-owner --no-same-permissions
	attempt "cannot extract $packaging" tar -xJf "$packaging" -C "$source" \
	    --no-same-owner --no-same-permissions
	cd "$source"
	p=debian/patches
	[ -z "$(tail -c 1 $p/series)" ] || echo >>$p/series
	{
		echo '# openssh-hpn'
		echo hpn-files.patch
	} >>$p/series
	overlay_patch >$p/hpn-files.patch
	sed -e 's/[ 	]*#.*//' -e '/^[ 	]*$/d' "$ROOT/patches/series" |
	    while read -r patch; do
		cp "$ROOT/patches/$patch" "$p/hpn-$patch"
		echo "hpn-$patch" >>$p/series
	done
	samples_patch >$p/hpn-samples.patch
	if grep -q '^@@' $p/hpn-samples.patch; then
		echo hpn-samples.patch >>$p/series
		mkdir -p debian/hpn-examples
		for f in ssh_config sshd_config; do
			sh "$ROOT/src/hpn-manual.sh" awk sed '/\$OpenBSD:/d' \
			    "$BUILD/tree/debian/$f" >debian/hpn-examples/$f.hpn
		done
		echo debian/hpn-examples/ssh_config.hpn \
		    >>debian/openssh-client.examples
		echo debian/hpn-examples/sshd_config.hpn \
		    >>debian/openssh-server.examples
	else
		rm $p/hpn-samples.patch
	fi
	mkdir -p debian/hpn-examples
	cp -pR "$ROOT/packaging/many-nodes" debian/hpn-examples/
	cp -p "$ROOT/docs/many-nodes.md" debian/hpn-examples/many-nodes/
	echo debian/hpn-examples/many-nodes >>debian/openssh-client.examples
	printf '%s\n' README.hpn PROTOCOL.hpn OVERVIEW.hpn \
	    >>debian/openssh-client.docs
	# Completion for the shells, beside the files of bash-completion and zsh. The
	# link is what makes bash-completion read ours; a file there would be one of
	# configuration, and stay behind on the way back.
	f=usr/share/bash-completion/completions/openssh-hpn
	printf '\n%s\n' $f "usr/share/zsh/site-functions/_openssh_hpn usr/share/zsh/vendor-completions" \
	    >>debian/openssh-client.install
	printf '%s\n' usr/bin/dmscp usr/share/man/man1/dmscp.1 \
	    usr/bin/yscp usr/share/man/man1/yscp.1 \
	    >>debian/openssh-client.install
	echo $f etc/bash_completion.d/openssh-hpn >>debian/openssh-client.links
	cat >>debian/openssh-client.lintian-overrides <<-'EOF'
	# bash-completion looks for a file with the name of the command in its newer
	# folder, and that file is its own there; this one extends it.
	openssh-client: package-installs-into-obsolete-dir * [etc/bash_completion.d/*]
	EOF
	# The banner shows Debian's revision as make build does; ours has a place
	# of its own in it.
	edit debian/rules '/^SSH_EXTRAVERSION :=/s/+salsaci\/'\''/+salsaci\/; s,+hpn.*,,'\''/' \
	    'keep the banner'
	edit debian/control "s/^Maintainer: .*/Maintainer: $name <$email>/" \
	    'name the maintainer'
	edit debian/control 's/^ zlib1g-dev,$/ libxxhash-dev,\n libzstd-dev,\n&/' \
	    'ask for libxxhash and libzstd'
	insert_copyright
	write_changelog
	cd "$ROOT"
}

inputs_id() {
	printf '%s\n' 1 "$version" "$options" "$profiles" "$name" "$email"
	sha256sum "$packaging" "$ROOT/packaging/deb.sh" \
	    "$ROOT/docs/many-nodes.md" | sed 's/ .*//'
	hash_of "$ROOT/src" "$ROOT/regress" "$ROOT/patches" \
	    "$ROOT/packaging/many-nodes"
}

# The tree was brought up to date above; one with work of its own is no source of
# packages.
prepared=$(inputs_id)
if [ "$(cat "$DEB/source.id" 2>/dev/null)" != "$prepared" ]; then
	GIT_DIR=$BUILD/tree/debian/.git
	[ -z "$(GIT_DIR=$GIT_DIR git --work-tree="$BUILD/tree/debian" status \
	    --porcelain -uno 2>&1)" ] &&
	    [ "$(GIT_DIR=$GIT_DIR git rev-parse HEAD)" = \
	    "$(sed -n 's/^tip //p' "$GIT_DIR/hpn/state")" ] ||
	    die 'build/tree/debian has work of its own: make refresh first,' \
	    'packages are made of what is written back'
	rm -f "$DEB/source.id"
	prepare_source
	printf '%s\n' "$prepared" >"$DEB/source.id"
	say "source of openssh $version: build/deb/source"
fi
[ "${1-}" != --source ] || exit 0

if [ "${FRESH-}" = 1 ] ||
    [ "$(cat "$DEB/packages.id" 2>/dev/null)" != "$prepared" ]; then
	rm -rf "$DEB/packages" "$DEB/packages.id"
	root_make build ca-certificates,lintian,devscripts --variant=buildd
	need_space 600 'building the packages'
	in_root "$root" sh -c 'id builder >/dev/null 2>&1 ||
	    useradd -m builder' || die 'cannot add a user to the root'
	rm -rf "$root/home/builder/source"
	cp -a "$DEB/source" "$root/home/builder/source"
	# What Debian's own packaging asks for, no more.
	if ! in_root "$root" sh -c 'cd "$1" && dpkg-checkbuilddeps -P "$2"' \
	    sh "/home/builder/source/openssh-$RELEASE" \
	    "$(echo $profiles | tr ' ' ',')" >/dev/null 2>&1; then
		run_logged 'installing what the build needs in the root' \
		    "$BUILD/log/deb-builddeps.log" in_root --net "$root" sh -c '
			apt-get -q update &&
			apt-get -q -y --no-install-recommends -P "$2" \
			    build-dep "$1" && apt-get clean' sh \
		    "/home/builder/source/openssh-$RELEASE" \
		    "$(echo $profiles | tr ' ' ',')"
	fi
	run_logged "building openssh $version in the root" \
	    "$BUILD/log/deb-build.log" in_root "$root" sh -c '
		cd "$1" && chown -R builder: .. && exec setpriv --reuid builder \
		    --regid builder --init-groups --no-new-privs env \
		    HOME=/home/builder DEB_BUILD_OPTIONS="$2" \
		    DEB_BUILD_PROFILES="$3" dpkg-buildpackage -us -uc' sh \
	    "/home/builder/source/openssh-$RELEASE" "$options" "$profiles"
	mkdir -p "$DEB/packages.new"
	find "$root/home/builder/source" -maxdepth 1 -type f \
	    ! -name '*.orig.tar.gz' -exec cp {} "$DEB/packages.new" \;
	cp "$ORIG" "$DEB/packages.new"
	mv "$DEB/packages.new" "$DEB/packages"
	rm -rf "$root/home/builder/source"
	printf '%s\n' "$prepared" >"$DEB/packages.id"
fi

arch=$(deb_arch)
set --
for p in openssh-client openssh-server openssh-sftp-server; do
	file=build/deb/packages/${p}_${version#*:}_$arch.deb
	[ -f "$ROOT/$file" ] || die "the build made no $file:" \
	    'see build/log/deb-build.log'
	set -- "$@" "./$file"
done
say "packages of openssh $version for Debian $SUITE: build/deb/packages"
say "  install:   apt install $*"
say "  back:      apt install --allow-downgrades openssh-client=$base" \
    "openssh-server=$base openssh-sftp-server=$base"
