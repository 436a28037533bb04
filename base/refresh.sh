#!/bin/sh
# SPDX-License-Identifier: ISC
# Write the work in a fork tree back: its commits to patches/, its own files to
# src/ and regress/.
#
# usage: base/refresh.sh debian|upstream|RELEASE
#
# Each commit above the base becomes a patch; its message is the patch's header,
# as it stands. A commit without a Patch-Name: gets a name from its subject and,
# when it has no Description:, a header to be completed. Files that the base does
# not have never go into a patch, whichever commit they are in, but to src/ or
# regress/, committed or not. Whatever cannot be told apart is refused before
# anything is written. Writes nothing where nothing changed. FORCE=1 lets the
# tree win over an edit of patches/ made since the tree was.
set -eu

ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/base/lib.sh"
. "$ROOT/base/series-lib.sh"

BASE=${1-}
base_name "$BASE"
lock
need git patch sed awk sha256sum
use_tree "$BASE"
scratch refresh
need_space 20 'make refresh'
attempt "cannot write to $BUILD" mkdir -p "$SCRATCH/out"

if [ ! -f "$GIT_DIR/hpn/state" ] || tree_clean; then
	"$ROOT/base/tree.sh" tree "$BASE"
elif [ "$(state patches)" != "$(inputs | sed -n 's/^patches //p')" ] &&
    [ "${FORCE-}" != 1 ]; then
	die "patches/ was edited after build/tree/$BASE was made, and the tree has" \
	    'work of its own: keep the tree with make refresh FORCE=1, or' \
	    'patches/ with make tree DISCARD=1'
fi

for f in rebase-merge rebase-apply MERGE_HEAD CHERRY_PICK_HEAD; do
	[ ! -e "$GIT_DIR/$f" ] || die "build/tree/$BASE is in the middle of a" \
	    'rebase or merge: finish or abort it first'
done

# What is not committed must be ours, and known to git or to us.
root=$(state root)
git merge-base --is-ancestor "$root" HEAD || die "build/tree/$BASE no longer" \
    'contains the base commit: start again with make tree DISCARD=1'
tree_clean || :
loose=
unknown=
while read -r path; do
	if ! is_overlay "$path"; then
		loose="$loose $path"
	elif [ -f "$TREE/$path" ] && [ ! -f "$(overlay_source "$path")" ] &&
	    ! git ls-files --error-unmatch -- "$path" >/dev/null 2>&1; then
		unknown="$unknown $path"
	fi
done <"$SCRATCH/changed"
[ -z "$loose" ] || die "build/tree/$BASE has uncommitted changes:$loose; commit" \
    'or amend them, then make refresh'
[ -z "$unknown" ] || die "build/tree/$BASE has new files:$unknown; git add what" \
    'belongs to us (it goes to src/ or regress/) and remove the rest'

# Our files: what differs from when the tree was made goes back.
git ls-files | only_overlay >"$SCRATCH/owned"
while read -r path; do
	id=$(file_id "$TREE/$path")
	[ "$id" = - ] || printf '%s %s\n' "$id" "$path"
done <"$SCRATCH/owned" | sed 's/:/ /' | sort -k 3 >"$SCRATCH/overlay.tree"
join_overlay "$GIT_DIR/hpn/synced" "$SCRATCH/overlay.tree" >"$SCRATCH/joined"
: >"$SCRATCH/back"
while read -r path last here; do
	[ "$here" != "$last" ] || continue
	ours=$(file_id "$(overlay_source "$path")")
	[ "$here" != "$ours" ] || continue
	[ "$here" != "$(laid_id "$path")" ] || continue
	[ "$ours" = "$last" ] || both_edited "$path"
	printf '%s %s\n' "$here" "$path" >>"$SCRATCH/back"
done <"$SCRATCH/joined"

# next_name SUBJECT AFTER BEFORE: a file name for a new patch.
next_name() {
	slug=$(printf '%s\n' "$1" | tr '[:upper:]' '[:lower:]' |
	    sed -e 's/[^a-z0-9][^a-z0-9]*/-/g' -e 's/^-//' |
	    cut -c 1-40 | sed 's/-$//')
	after=$(printf '%s\n' "$2" | sed -n 's/^0*\([0-9][0-9]*\)-.*/\1/p')
	before=$(printf '%s\n' "$3" | sed -n 's/^0*\([0-9][0-9]*\)-.*/\1/p')
	after=${after:-0}
	if [ -z "$before" ]; then
		number=$(((after / 10 + 1) * 10))
	else
		number=$(((after + before) / 2))
		[ "$number" -gt "$after" ] || die "no number is left between" \
		    "$2 and $3: add a Patch-Name: to the commit \"$1\""
	fi
	printf '%04d-%s.patch\n' "$number" "$slug"
}

# complete_header NAME: standard input's message as a header.
complete_header() {
	git stripspace >"$SCRATCH/message"
	if grep -q '^Description:' "$SCRATCH/message"; then
		cat "$SCRATCH/message"
	else
		awk 'NR == 1 { print "Description: " $0; next }
		NR == 2 && /^$/ { next }
		/^$/ { print " ."; next }
		{ print " " $0 }' "$SCRATCH/message"
		printf '%s\n' "Author: $AUTHOR" 'Forwarded: no' \
		    "Last-Update: $(date -u +%Y-%m-%d)" \
		    'Gain: TODO what a user gets' \
		    'Place: TODO why the hook is where it is' \
		    'Objection: TODO what upstream would object to'
	fi
	grep -q '^Patch-Name:' "$SCRATCH/message" || echo "Patch-Name: $1"
}

# The commits, as a chain that touches only the base's files.
[ -z "$(git rev-list --merges "$root..HEAD")" ] || die "build/tree/$BASE has a" \
    'merge commit: rebase instead'
git rev-list --reverse "$root..HEAD" >"$SCRATCH/revs"
: >"$SCRATCH/list"
while read -r id; do
	touched "$id" | grep -Fxq -f "$SCRATCH/root.paths" || continue
	subject=$(git log -1 --format=%B "$id" | sed -n 1p)
	case $subject in
	fixup!*|squash!*|amend!*)
		die "commit \"$subject\" wants to be folded into another: git -C" \
		    "build/tree/$BASE rebase -i --autosquash $root" ;;
	esac
	name=$(git log -1 --format=%B "$id" | field Patch-Name)
	case $name in
	*/*|*' '*) die "commit \"$subject\": bad Patch-Name: $name" ;;
	esac
	printf '%s %s\n' "$id" "${name:--}" >>"$SCRATCH/list"
done <"$SCRATCH/revs"

last=$root
previous=
: >"$SCRATCH/chain"
while read -r id name; do
	subject=$(git log -1 --format=%B "$id" |
	    sed -n '1s/^\(Description: *\)\{0,1\}//p')
	if [ "$name" = - ]; then
		following=$(sed -n "/^$id /,\$p" "$SCRATCH/list" |
		    awk 'NR > 1 && $2 != "-" { print $2; exit }')
		name=$(next_name "$subject" "$previous" "$following")
		say "new: patches/$name (complete its header in the commit or" \
		    'in the file)'
	fi
	! grep -q " $name " "$SCRATCH/chain" || die "two commits have Patch-Name:" \
	    "$name; give one of them another name"
	git log -1 --format=%B "$id" | complete_header "$name" \
	    >"$SCRATCH/header.$name"
	last=$(only_base_files "$id" "$root" "$last")
	printf '%s %s %s\n' "$last" "$name" "$SCRATCH/header.$name" \
	    >>"$SCRATCH/chain"
	previous=$name
done <"$SCRATCH/list"

# A side base: of each commit that the common patch does not give, its own body.
if is_side "$BASE"; then
	cut -d ' ' -f 2 "$SCRATCH/chain" >"$SCRATCH/names"
	series_names | cmp -s - "$SCRATCH/names" || die "build/tree/$BASE has other" \
	    'patches than the series: add, drop and rename patches on BASE=debian'
	sides=
	parent=$root
	while read -r id name header; do
		own=$ROOT/patches/$BASE/$name
		: >"$SCRATCH/piece"
		{
			printf 'Version-Of: %s\n\n' "$(gist "$ROOT/patches/$name")"
			touched "$id" >"$SCRATCH/touched"
			while read -r path; do
				bare_diff "$id" 3 "$path"
			done <"$SCRATCH/touched"
		} >"$SCRATCH/out/$name"
		patch_body "$ROOT/patches/$name" >"$SCRATCH/body"
		if common=$(patch_commit "$parent" "$SCRATCH/body" "$header" \
		    2>/dev/null) && same_tree "$common" "$id"; then
			[ ! -f "$own" ] || sides="$sides -patches/$BASE/$name"
			rm -f "$own"
		elif ! cmp -s "$SCRATCH/out/$name" "$own"; then
			copy_file "$SCRATCH/out/$name" "$own"
			sides="$sides patches/$BASE/$name"
		fi
		parent=$id
	done <"$SCRATCH/chain"
	[ ! -s "$SCRATCH/back" ] || die "files of ours were edited in" \
	    "build/tree/$BASE: $(cut -d ' ' -f 2 "$SCRATCH/back" | words); edit" \
	    'them in src/ and regress/'
	before=$(git rev-parse HEAD)
	lay
	attempt "cannot update $TREE" \
	    git --work-tree="$TREE" read-tree -m -u "$before" "$tip"
	git update-ref -m 'make refresh' HEAD "$tip"
	record "$root" "$tip"
	say "refreshed:${sides:- nothing to do}"
	exit 0
fi

# On the other base too, and into files.
case $BASE in
debian)
	debroot=$root
	uproot=$(base_commit upstream) ;;
upstream)
	uproot=$root
	debroot=
	if [ -d "$BUILD/base/debian" ]; then
		debroot=$(base_commit debian)
	else
		say "not verified on BASE=debian, which is not here (make tree)"
	fi ;;
esac
write_series "$SCRATCH/chain" "$uproot" "$debroot" "$SCRATCH/out"

# without_numbers: a body, for telling whether it says something new.
without_numbers() {
	patch_body "$1" | sed 's/^@@ .*/@@/'
}

changed=
while read -r id name header; do
	new=$SCRATCH/out/$name
	old=$ROOT/patches/$name
	! cmp -s "$new" "$old" || continue
	if [ -f "$old" ]; then
		without_numbers "$old" >"$SCRATCH/a"
		without_numbers "$new" >"$SCRATCH/b"
		cmp -s "$SCRATCH/a" "$SCRATCH/b" ||
		    sed -i -e "/^diff --git /,\$b" -e \
		    "s/^Last-Update:.*/Last-Update: $(date -u +%Y-%m-%d)/" "$new"
	fi
	! cmp -s "$new" "$old" || continue
	copy_file "$new" "$old"
	changed="$changed patches/$name"
done <"$SCRATCH/chain"

cut -d ' ' -f 2 "$SCRATCH/chain" >"$SCRATCH/names"
series_names >"$SCRATCH/old-names"
if ! cmp -s "$SCRATCH/names" "$SCRATCH/old-names"; then
	{
		[ ! -f "$SERIES" ] || sed -n '/^[^#]/q; p' "$SERIES"
		cat "$SCRATCH/names"
	} >"$SCRATCH/series"
	copy_file "$SCRATCH/series" "$SERIES"
	changed="$changed patches/series"
	grep -Fxv -f "$SCRATCH/names" "$SCRATCH/old-names" |
	    while read -r name; do
		rm -f "$ROOT/patches/$name"
		say "dropped: patches/$name"
	done || :
fi
while read -r id path; do
	ours=$(overlay_source "$path")
	if [ "$id" = - ]; then
		rm -f "$ours"
	else
		copy_file "$TREE/$path" "$ours"
	fi
	changed="$changed ${ours#"$ROOT"/}"
done <"$SCRATCH/back"

# The tree's commits become those that the files give; its files stay.
if ! tree_clean || [ -n "$changed" ]; then
	cat "$SCRATCH/owned" "$SCRATCH/changed" | sort -u >"$SCRATCH/add"
	[ ! -s "$SCRATCH/add" ] ||
	    in_tree add -f -A --pathspec-from-file="$SCRATCH/add"
	in_tree update-index -q --refresh || :
	before=$(git write-tree)
	lay
	attempt "cannot update $TREE" \
	    git --work-tree="$TREE" read-tree -m -u "$before" "$tip"
	git update-ref -m 'make refresh' HEAD "$tip"
	record "$root" "$tip"
fi
if [ -n "$changed" ]; then
	say "refreshed:$changed"
else
	say 'patches/, src/ and regress/ are as the tree has them; nothing to do'
fi
