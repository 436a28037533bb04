#!/bin/sh
# SPDX-License-Identifier: ISC
# Make the base and the fork tree, or bring them up to date.
#
# usage: base/tree.sh base|tree debian|upstream|RELEASE
#
#   base   build/base/BASE: the release, for debian with Debian's patches, its
#          configure generated anew. What the fork is compared with.
#   tree   build/tree/BASE: a git repository with the base, our own files and the
#          series as commits. Work there, then `make refresh`.
#
# A tree that holds work which is not in patches/, src/ or regress/ yet is used as
# it is, never overwritten; only files of src/ and regress/ that were not touched
# in the tree still follow. DISCARD=1 throws that work away.
set -eu

ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/base/lib.sh"
. "$ROOT/base/series-lib.sh"

goal=${1-}
BASE=${2-}
base_name "$BASE"
case $goal in
base|tree) ;;
*) die "usage: base/tree.sh base|tree debian|upstream" ;;
esac

lock
need git patch tar gzip sha256sum awk sed autoconf autoheader
scratch tree
attempt "cannot write to $BUILD" mkdir -p "$SCRATCH"

# generate DIR: configure and config.h.in as configure.ac now has them.
generate() {
	attempt "autoconf failed in $1" sh -c 'cd "$1" && autoconf -f &&
	    autoheader -f && rm -rf autom4te.cache configure~ config.h.in~' \
	    sh "$1"
}

# make_base NAME: extract, patch and generate in a temporary folder, then put it
# in place whole.
make_base() {
	[ "$1" != debian ] || [ "$BASE" = debian ] || return 0
	id="2 $TARBALL_SHA256"
	if [ "$1" = debian ]; then
		packaging=$(sed -n 's/^file //p' "$DL/debian.current")
		id="$id $(sed -n 's/^sha256 //p' "$DL/debian.current")"
	fi
	if [ -d "$BUILD/base/$1" ] &&
	    [ "$(cat "$BUILD/base/$1.id" 2>/dev/null)" = "$id" ]; then
		return 0
	fi
	need_space 30 'extracting the base'
	new=$SCRATCH/base
	attempt 'cannot write the base' mkdir -p "$new/tar" "$BUILD/base"
	attempt "cannot extract $ORIG" tar -xzf "$ORIG" -C "$new/tar" \
	    --no-same-owner --no-same-permissions
	src=$new/tar/openssh-$RELEASE
	[ -f "$src/configure.ac" ] ||
	    die "$ORIG holds no openssh-$RELEASE/: remove it and try again"
	version=
	if [ "$1" = debian ]; then
		version=$(debian_revision)
		attempt "cannot extract $packaging" tar -xJf "$DL/$packaging" \
		    -C "$new" --no-same-owner --no-same-permissions
		say "applying Debian's patches ($version)"
		sed -e 's/[ 	]*#.*//' -e '/^[ 	]*$/d' \
		    "$new/debian/patches/series" >"$new/series"
		while read -r name; do
			attempt "Debian's $name does not apply" patch -d "$src" \
			    -p1 -F0 -E -t -s -N --no-backup-if-mismatch \
			    -i "$new/debian/patches/$name"
		done <"$new/series"
	fi
	generate "$src"
	rm -rf "$BUILD/base/$1" "$BUILD/base/$1.id"
	attempt 'cannot put the base in place' mv "$src" "$BUILD/base/$1"
	[ -z "$version" ] || printf '%s\n' "$version" >"$BUILD/base/debian.version"
	printf '%s\n' "$id" >"$BUILD/base/$1.id"
	say "base: $(base_title "$1")"
}

# generate_tree: configure in the tree, when what it is made from has changed.
generate_tree() {
	want=$(cat "$TREE/configure.ac" "$TREE/aclocal.m4" "$TREE"/m4/*.m4 |
	    sha256sum)
	if [ "$(cat "$GIT_DIR/hpn/configure.id" 2>/dev/null)" != "$want" ] ||
	    [ ! -f "$TREE/configure" ] || [ ! -f "$TREE/config.h.in" ]; then
		generate "$TREE"
		printf '%s\n' "$want" >"$GIT_DIR/hpn/configure.id"
	fi
}

# discard: back to what patches/, src/ and regress/ say.
discard() {
	rm -rf "$GIT_DIR/rebase-merge" "$GIT_DIR/rebase-apply" \
	    "$GIT_DIR/MERGE_HEAD" "$GIT_DIR/CHERRY_PICK_HEAD"
	git symbolic-ref HEAD refs/heads/hpn
	in_tree reset -q --hard "$(state tip)"
	in_tree clean -q -f -d
}

# finish_update: an update was cut off half-way, by a full disk for example. The
# tree was clean when it began, so nothing is lost by going to its end.
finish_update() {
	interrupted=$(cat "$GIT_DIR/hpn/updating")
	rm -f "$GIT_DIR/index.lock"
	if [ -n "$interrupted" ]; then
		attempt "cannot update $TREE" \
		    git --work-tree="$TREE" read-tree --reset -u "$interrupted"
		git update-ref -m 'make tree' HEAD "$interrupted"
		sed "s/^tip .*/tip $interrupted/; s/^patches .*/patches unknown/" \
		    "$GIT_DIR/hpn/state" >"$GIT_DIR/hpn/state.new"
		mv "$GIT_DIR/hpn/state.new" "$GIT_DIR/hpn/state"
	fi
	rm -f "$GIT_DIR/hpn/updating"
}

# update_tree: the tree is there; bring it up to date if it is clean.
update_tree() {
	[ ! -f "$GIT_DIR/hpn/updating" ] || finish_update
	[ "${DISCARD-}" != 1 ] || discard
	inputs >"$SCRATCH/inputs"
	if ! tree_clean; then
		say "build/tree/$BASE has work of its own and is used as it is:" \
		    "$(words <"$SCRATCH/work")"
		say '  to keep it: make refresh; to throw it away:' \
		    'make tree DISCARD=1'
		[ "$(state synced)" = "$(now ours)" ] || sync_overlay
		[ "$(state patches)$(state base)" = "$(now patches)$(now base)" ] ||
		    say '  patches/ or the base changed since; not brought into it'
		return 0
	fi
	[ "$(state base)$(state patches)$(state ours)" != \
	    "$(now base)$(now patches)$(now ours)" ] || return 0
	old=$(state tip)
	lay
	# Files of ours may be ahead of HEAD, see sync_overlay.
	if [ -s "$SCRATCH/changed" ]; then
		in_tree add -f -A --pathspec-from-file="$SCRATCH/changed"
	fi
	in_tree update-index -q --refresh >/dev/null || :
	echo "$tip" >"$GIT_DIR/hpn/updating"
	attempt "cannot update $TREE" \
	    git --work-tree="$TREE" read-tree -m -u "$old" "$tip"
	git update-ref -m 'make tree' HEAD "$tip"
	record "$root" "$tip"
	rm -f "$GIT_DIR/hpn/updating"
	say "tree: build/tree/$BASE brought up to date (patches: $patches, on" \
	    "$(base_title "$BASE"))"
}

now() {
	sed -n "s/^$1 //p" "$SCRATCH/inputs"
}

new_tree() {
	need_space 40 'the fork tree'
	repo_create "$SCRATCH/tree"
	lay
	git update-ref -m 'make tree' HEAD "$tip"
	attempt "cannot write $TREE" \
	    git --work-tree="$SCRATCH/tree" read-tree -m -u HEAD
	record "$root" "$tip"
	rm -rf "$TREE"
	attempt "cannot write $BUILD/tree" mkdir -p "$BUILD/tree"
	attempt "cannot put the tree in place" mv "$SCRATCH/tree" "$TREE"
	GIT_DIR=$TREE/.git
	say "tree: build/tree/$BASE (patches: $patches, on" \
	    "$(base_title "$BASE"))"
}

"$ROOT/base/fetch.sh" "$BASE"
if is_side "$BASE"; then
	make_base "$BASE"
else
	make_base upstream
	make_base debian
fi
[ "$goal" != base ] || exit 0

use_tree "$BASE"
if [ -f "$GIT_DIR/hpn/state" ]; then
	update_tree
else
	new_tree
fi
generate_tree
