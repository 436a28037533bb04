#!/bin/sh
# SPDX-License-Identifier: ISC
# Put the series onto another release, with a three-way merge for each patch.
#
# usage: base/rebase.sh BASE             a release of base/version-BASE
#        base/rebase.sh TARBALL SHA256   openssh-RELEASE.tar.gz; writes that file
#
# Leaves build/tree/BASE with one commit for each patch. At a conflict it stops
# there, as git am does; docs/rebase.md says how to go on. Nothing in patches/
# changes before make refresh BASE=BASE.
set -eu

ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/base/lib.sh"
. "$ROOT/base/series-lib.sh"

lock
need git patch tar gzip sha256sum awk sed
case ${1-} in
'')
	die 'usage: make rebase TARBALL=openssh-RELEASE.tar.gz SHA256=..., or' \
	    'make rebase BASE=RELEASE' ;;
*.tar.gz)
	tarball=$1
	pin=${2-}
	[ -r "$tarball" ] || die "TARBALL=$tarball: no such file, or not readable"
	release=$(printf '%s\n' "${tarball##*/}" |
	    sed -n 's/^openssh[-_]\([0-9][0-9.]*p[0-9]\)\(\.orig\)*\.tar\.gz$/\1/p')
	[ -n "$release" ] || die "TARBALL=$tarball: not called openssh-RELEASE.tar.gz"
	BASE=${release%p*}
	version=$ROOT/base/version-$BASE
	got=$(sha256 "$tarball")
	if [ -f "$version" ]; then
		pinned=$(sed -n 's/^TARBALL_SHA256=//p' "$version")
		[ -z "$pin" ] || [ "$pin" = "$pinned" ] || die "SHA256=$pin is not" \
		    "what base/version-$BASE has pinned, $pinned"
		pin=$pinned
	fi
	[ -n "$pin" ] || die "the SHA-256 of $tarball is neither in" \
	    "base/version-$BASE nor given: take it from the release's announcement" \
	    'and give SHA256='
	[ "$got" = "$pin" ] || die "TARBALL=$tarball: its SHA-256 is $got, not $pin"
	if [ ! -f "$version" ]; then
		sed -e "s/BASE=[0-9.]*\\./BASE=$BASE./" \
		    -e "s/^RELEASE=.*/RELEASE=$release/" \
		    -e "s/^TARBALL_SHA256=.*/TARBALL_SHA256=$pin/" \
		    -e "s,^\\(RELEASE_URL=.*openssh-\\).*,\\1$release.tar.gz," \
		    "$ROOT/base/version-$(side_bases | tail -n 1)" >"$version.new"
		attempt "cannot write $version" mv "$version.new" "$version"
		say "base/version-$BASE: written; see whether its SUITE has this release"
	fi
	OPENSSH_TARBALL=$tarball
	export OPENSSH_TARBALL ;;
*)
	BASE=$1 ;;
esac
is_side "$BASE" || die "BASE=$BASE is what the series is written for: give another" \
    "release, one of: $(side_bases | tr '\n' ' ')or a TARBALL"
"$ROOT/base/tree.sh" base "$BASE"
unset OPENSSH_TARBALL
"$ROOT/base/tree.sh" base upstream
base_title upstream >/dev/null
from=$(base_title upstream)
base_name "$BASE"

TREE=$BUILD/tree/$BASE
scratch rebase
need_space 60 'make rebase'
attempt "cannot write to $BUILD" mkdir -p "$SCRATCH"

# begin: a tree with the base and our files; what is to be done is in hpn/todo.
begin() {
	if [ -f "$TREE/.git/hpn/state" ] && [ "${DISCARD-}" != 1 ]; then
		GIT_DIR=$TREE/.git
		export GIT_DIR
		tree_clean || die "build/tree/$BASE has work of its own: make" \
		    "refresh BASE=$BASE, or throw it away with DISCARD=1"
	fi
	repo_create "$SCRATCH/tree"
	overlay_list >"$SCRATCH/overlay"
	old=$(base_commit upstream)
	old=$(overlay_commit "$old" "$SCRATCH/overlay")
	series_commits "$old" "$ROOT/patches" "$from" upstream \
	    >"$SCRATCH/tree/.git/hpn/todo"
	root=$(base_commit "$BASE")
	overlay=$(overlay_commit "$root" "$SCRATCH/overlay")
	git update-ref -m 'make rebase' HEAD "$overlay"
	attempt "cannot write $TREE" \
	    git --work-tree="$SCRATCH/tree" read-tree -m -u HEAD
	record "$root" "$overlay"
	# Conflicts with the lines of both releases and of the patch.
	git config merge.conflictStyle diff3
	rm -rf "$TREE"
	attempt "cannot write $BUILD/tree" mkdir -p "$BUILD/tree"
	attempt 'cannot put the tree in place' mv "$SCRATCH/tree" "$TREE"
}

# own_version NAME: the patch's version for this release, if it is up to date and
# fits; makes the commit.
own_version() {
	[ -f "$ROOT/patches/$BASE/$1" ] &&
	    ! is_stale "$ROOT/patches" "$BASE" "$1" || return 1
	patch_body "$ROOT/patches/$BASE/$1" >"$SCRATCH/body"
	patch_header "$ROOT/patches/$1" >"$SCRATCH/header"
	own=$(patch_commit HEAD "$SCRATCH/body" "$SCRATCH/header" 2>/dev/null) ||
	    return 1
	git read-tree -m -u HEAD "$own"
	git update-ref -m 'make rebase' HEAD "$own"
}

if [ ! -s "$TREE/.git/hpn/todo" ] || [ "${DISCARD-}" = 1 ]; then
	begin
fi
unset GIT_DIR
cd "$TREE"
[ ! -e .git/CHERRY_PICK_HEAD ] || die "build/tree/$BASE: the patch that stopped is" \
    'not finished: git add -u; git cherry-pick --continue (docs/rebase.md)'
cp .git/hpn/todo "$SCRATCH/todo"
while read -r id name; do
	sed -i 1d .git/hpn/todo
	! own_version "$name" || continue
	git cherry-pick --allow-empty --keep-redundant-commits "$id" \
	    >"$SCRATCH/log" 2>&1 && continue
	say "stopped at $name, in:" \
	    "$(git diff --name-only --diff-filter=U | words)"
	say "  mend them in build/tree/$BASE, then there: git add -u;" \
	    'git cherry-pick --continue'
	say "  then, here: make rebase BASE=$BASE goes on (docs/rebase.md)"
	exit 1
done <"$SCRATCH/todo"
rm -f .git/hpn/todo
say "build/tree/$BASE: all patches are merged onto $(base_title "$BASE"); read" \
    "docs/rebase.md, then make refresh BASE=$BASE"
