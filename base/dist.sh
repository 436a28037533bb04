#!/bin/sh
# SPDX-License-Identifier: ISC
# Pack the fork tree as a release that needs only ./configure && make && make
# install, like any OpenSSH.
#
# usage: base/dist.sh debian|upstream|RELEASE
#
# build/dist/openssh-hpn-VERSION.tar.gz, with -upstream added to VERSION for that
# base, and beside it its checksum for `sha256sum -c`. The same tree and the same
# autoconf give the same bytes.
set -eu

ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/base/lib.sh"
. "$ROOT/base/series-lib.sh"

BASE=${1-}
base_name "$BASE"
lock
need git tar gzip
"$ROOT/base/tree.sh" tree "$BASE"
use_tree "$BASE"
scratch dist
need_space 60 'make dist'
attempt "cannot write to $BUILD" mkdir -p "$SCRATCH" "$BUILD/dist"
tree_clean || die "build/tree/$BASE has work of its own: make refresh first, a" \
    'release is made of what is written back'

version=$(sed -n \
    's/^#define[ 	]*HPN_VERSION[ 	]*"openssh-hpn-\([^"]*\)".*/\1/p' \
    "$TREE/hpn-version.h")
[ -n "$version" ] || die 'src/hpn-version.h defines no HPN_VERSION'
[ "$BASE" = debian ] || version=$version-$BASE
name=openssh-hpn-$version
dir=$SCRATCH/$name
attempt "cannot write $dir" mkdir "$dir"
attempt "cannot write $dir" git --work-tree="$dir" checkout-index -a -f
# The release's preformatted manuals describe the release, not the fork; without
# them configure takes the sources.
rm -f "$dir"/*.0
attempt 'cannot copy configure' cp "$TREE/configure" "$TREE/config.h.in" "$dir"
# Both licences, and what distributions need.
attempt "cannot write $dir" mkdir -p "$dir/contrib/hpn/rpm"
attempt "cannot write $dir" cp "$ROOT/LICENSE" "$dir/LICENCE.hpn"
attempt "cannot write $dir" cp "$ROOT/packaging/openssh-hpn.spec" \
    "$ROOT/packaging/sshd-hpn.service" "$dir/contrib/hpn"
attempt "cannot write $dir" cp "$ROOT/packaging/rpm"/* "$dir/contrib/hpn/rpm"
attempt "cannot write $dir" cp -R "$ROOT/packaging/many-nodes" "$dir/contrib/hpn"
attempt "cannot write $dir" cp "$ROOT/docs/many-nodes.md" "$dir/contrib/hpn/many-nodes"
# Everything gets one date, and make must not want to generate anything anew.
attempt "cannot write $name.tar" tar -C "$SCRATCH" --sort=name --format=ustar \
    --mtime="$GIT_COMMITTER_DATE" --owner=0 --group=0 --numeric-owner \
    --mode=u+rwX,go+rX,go-w -cf "$SCRATCH/tar" "$name"
attempt "cannot write $name.tar.gz" gzip -9 -n "$SCRATCH/tar"
attempt "cannot write build/dist" \
    mv "$SCRATCH/tar.gz" "$BUILD/dist/$name.tar.gz"
(cd "$BUILD/dist" && sha256sum "$name.tar.gz") >"$SCRATCH/sum"
attempt "cannot write build/dist" \
    mv "$SCRATCH/sum" "$BUILD/dist/$name.tar.gz.sha256"
say "build/dist/$name.tar.gz ($(base_title "$BASE"), SHA-256" \
    "$(sha256 "$BUILD/dist/$name.tar.gz"))"
