# SPDX-License-Identifier: ISC
# The patch series as commits, and commits as a patch series. Source it after
# lib.sh. Everything works on git's object store and a scratch index, never on a
# working tree, so that files keep their times and a failure leaves no mess.
#
# Callers set GIT_DIR. SCRATCH is a folder for temporary files.
#
# The three layers of a fork tree, from the root commit up:
#   base      the release, or the release with Debian's patches
#   overlay   src/ laid over the root and regress/ laid over regress/
#   patches   one commit for each line of patches/series
# An overlay file is one that the base does not have; a patch touches only files
# that the base has. So every path of the tree belongs to one layer, whichever
# commit an editor happens to put it in.

SERIES=$ROOT/patches/series
MARK_BASE='openssh-hpn base'
MARK_OVERLAY='openssh-hpn overlay'

# use_tree BASE: TREE and GIT_DIR of its fork tree.
use_tree() {
	TREE=$BUILD/tree/$1
	GIT_DIR=$TREE/.git
	export GIT_DIR
}

# repo_create DIR: an empty repository at DIR/.git with local settings.
repo_create() {
	unset GIT_DIR
	attempt "cannot create $1" mkdir -p "$1"
	attempt "cannot create $1/.git" \
	    git init -q --template= --initial-branch=hpn "$1"
	GIT_DIR=$1/.git
	export GIT_DIR
	# For the person who works in the tree with a configuration of his own.
	for setting in "user.name=$AUTHOR" user.email=openssh-hpn@localhost \
	    core.autocrlf=false core.fileMode=true core.hooksPath=/dev/null \
	    commit.gpgSign=false gc.auto=0 rebase.autoSquash=true; do
		git config "${setting%%=*}" "${setting#*=}"
	done
	mkdir -p "$GIT_DIR/info" "$GIT_DIR/hpn"
	printf '/%s\n' $GENERATED >"$GIT_DIR/info/exclude"
	printf '%s\n' '*.c diff=hpnc' '*.h diff=hpnc' \
	    '*.[1-8] diff=hpnman' 'ssh*_config diff=hpnflat' \
	    >"$GIT_DIR/info/attributes"
}

# base_commit BASE: the commit of build/base/BASE; prints its id.
base_commit() {
	GIT_INDEX_FILE=$SCRATCH/index.base
	export GIT_INDEX_FILE
	rm -f "$GIT_INDEX_FILE"
	attempt "cannot read $BUILD/base/$1" \
	    git --work-tree="$BUILD/base/$1" add -f -A .
	attempt 'git rm' git rm -q --cached -r --ignore-unmatch -- $GENERATED
	tree=$(git write-tree)
	unset GIT_INDEX_FILE
	{
		printf '%s\n\n' "$MARK_BASE: $(base_title "$1")"
		printf '%s\n' 'Not part of the series; never edit this commit.'
	} | git commit-tree "$tree"
}

# base_title BASE: the base in words.
base_title() {
	case $1 in
	debian) echo "OpenSSH $RELEASE as in Debian $(cat "$BUILD/base/debian.version")" ;;
	upstream) echo "OpenSSH $RELEASE as released" ;;
	*) echo "OpenSSH $(sed -n 's/^RELEASE=//p' "$ROOT/base/version-$1")" \
	    'as released' ;;
	esac
}

# overlay_list: "MODE BLOB PATH" of our files, sorted; PATH as in the tree.
# Writes the blobs to the store.
overlay_list() {
	for side in src regress; do
		own_files "$ROOT/$side" | while read -r f; do
			mode=100644
			[ ! -x "$ROOT/$side/$f" ] || mode=100755
			case $side in
			src) printf '%s %s\n' "$mode" "$f" ;;
			regress) printf '%s regress/%s\n' "$mode" "$f" ;;
			esac
		done >"$SCRATCH/overlay.$side"
		own_files "$ROOT/$side" | sed "s,^,$ROOT/$side/," |
		    git hash-object -w --no-filters --stdin-paths \
		    >"$SCRATCH/blobs.$side" || return 1
		paste -d ' ' "$SCRATCH/blobs.$side" "$SCRATCH/overlay.$side"
	done | sed '/^ *$/d' | awk '{
		blob = $1; mode = $2; sub(/^[^ ]* [^ ]* /, "")
		print mode, blob, $0
	}' | sort -k 3
}

# overlay_source PATH: the file of ours that is PATH in the tree.
overlay_source() {
	case $1 in
	regress/*) printf '%s\n' "$ROOT/$1" ;;
	*) printf '%s\n' "$ROOT/src/$1" ;;
	esac
}

# overlay_commit BASECOMMIT LISTFILE: lay the files of LISTFILE over the base.
overlay_commit() {
	git ls-tree -r --name-only "$1" | sort >"$SCRATCH/base.paths"
	cut -d ' ' -f 3- "$2" | sort >"$SCRATCH/overlay.paths"
	clash=$(comm -12 "$SCRATCH/base.paths" "$SCRATCH/overlay.paths" | tr '\n' ' ')
	[ -z "$clash" ] || die "src/ or regress/ has files that the base has too:" \
	    "${clash% }; rename them, or change the base's by a patch"
	GIT_INDEX_FILE=$SCRATCH/index.overlay
	export GIT_INDEX_FILE
	rm -f "$GIT_INDEX_FILE"
	git read-tree "$1"
	sed 's/ /	/2' "$2" | git update-index --index-info
	tree=$(git write-tree)
	unset GIT_INDEX_FILE
	printf '%s\n\n%s\n' "$MARK_OVERLAY: our own modules, manuals and tests" \
	    "The files of src/ and regress/ in openssh-hpn." |
	    git commit-tree "$tree" -p "$1"
}

# series_names: the patches of the series, in order.
series_names() {
	[ ! -f "$SERIES" ] || sed -e 's/[ 	]*#.*//' -e '/^[ 	]*$/d' "$SERIES"
}

# patch_header FILE, patch_body FILE: the two parts of a patch. The body begins
# at the first line "diff --git"; the blank line before it is neither's.
patch_header() {
	sed '/^diff --git /,$d' "$1" | git stripspace
}
patch_body() {
	sed -n '/^diff --git /,$p' "$1"
}

# field NAME: the value of a one-line header field, read from standard input.
field() {
	sed -n "s/^$1:[ 	]*//p" | sed -n 1p
}

# gist FILE: a hash of what a patch adds and removes in which files, not of where.
gist() {
	patch_body "$1" | grep '^[-+]' | sha256sum | cut -c 1-16
}

# is_stale DIR BASE NAME: does BASE have a version of its own of a patch that was
# changed since?
is_stale() {
	[ -f "$1/$2/$3" ] &&
	    [ "$(sed -n '1s/^Version-Of: //p' "$1/$2/$3")" != "$(gist "$1/$3")" ]
}

# patch_commit PARENT BODYFILE HEADERFILE: the commit that the patch makes of
# PARENT, strictly; prints its id, or the reason on standard error (status 1).
patch_commit() {
	GIT_INDEX_FILE=$SCRATCH/index.patch
	export GIT_INDEX_FILE
	rm -f "$GIT_INDEX_FILE"
	git read-tree "$1"
	status=0
	git apply --cached --whitespace=nowarn -p1 "$2" >/dev/null || status=1
	[ $status -ne 0 ] || tree=$(git write-tree)
	unset GIT_INDEX_FILE
	[ $status -eq 0 ] || return 1
	# It would read standard input if the file were empty.
	git commit-tree "$tree" -p "$1" -F "$3" </dev/null
}

# series_commits COMMIT DIR WHERE BASE: the series (from DIR) on top of COMMIT; one
# line "ID NAME" for each patch. Dies naming patch, file and line. Where a patch
# differs on BASE, DIR/BASE has its body; the header is the common one.
series_commits() {
	tip=$1
	for name in $(series_names); do
		file=$2/$name
		body=$file
		[ ! -f "$2/$4/$name" ] || body=$2/$4/$name
		[ -f "$file" ] || die "patches/series names $name, which is not in" \
		    'patches/: add the file or drop the line'
		patch_body "$body" >"$SCRATCH/body"
		patch_header "$file" >"$SCRATCH/header"
		[ -s "$SCRATCH/body" ] || die "patches/$name has no diff in it"
		if ! tip=$(patch_commit "$tip" "$SCRATCH/body" "$SCRATCH/header" \
		    2>"$SCRATCH/why"); then
			die "${body#"$ROOT"/} does not apply to $3 at" \
			    "$(refusals "$SCRATCH/why")"
		fi
		printf '%s %s\n' "$tip" "$name"
	done
}

# bare_diff COMMIT CONTEXT PATH: what a commit changes in a file, as a patch holds
# it: no function names, no object names.
bare_diff() {
	git diff-tree -p --no-ext-diff --no-textconv --no-color --no-renames \
	    --full-index --src-prefix=a/ --dst-prefix=b/ -U"$2" "$1^" "$1" \
	    -- "$3" | sed -e 's/^\(@@ -[0-9,]* +[0-9,]* @@\).*/\1/' \
	    -e '/^index [0-9a-f]*\.\.[0-9a-f]*/d'
}

# touched COMMIT: the files that a commit changes, sorted.
touched() {
	git diff-tree -r --no-commit-id --name-only --no-renames "$1^" "$1"
}

# meaning COMMIT: what a commit changes and where, without line numbers: each
# hunk with the name of what encloses it. Equal on both bases, or the patch has
# landed somewhere else on one of them. Arguments of functions are left out, for
# Debian adds some.
meaning() {
	git diff-tree -p --no-ext-diff --no-textconv --no-color --no-renames \
	    --src-prefix=a/ --dst-prefix=b/ -U1 "$1^" "$1" |
	    sed -e '/^index [0-9a-f]*\.\.[0-9a-f]*/d' \
	    -e 's/^@@ -[0-9,]* +[0-9,]* @@ *\([^(]*\).*/@@ \1/'
}

# refusals FILE: the places that git apply complained of, "file:line, ...".
refusals() {
	sed -n -e 's/^error: patch failed: //p' \
	    -e 's/^error: \(.*: No such file.*\)/\1/p' \
	    -e 's/^error: \(.*: does not exist.*\)/\1/p' \
	    -e 's/^error: \(corrupt patch.*\)/\1/p' "$1" |
	    tr '\n' ',' | sed -e 's/,$//' -e 's/,/, /g'
}

# same_tree A B: do two commits hold the same files?
same_tree() {
	[ "$(git rev-parse "$1^{tree}")" = "$(git rev-parse "$2^{tree}")" ]
}

# means_same A B: do two commits, on different bases, change the same things in
# the same places?
means_same() {
	meaning "$1" >"$SCRATCH/meaning.a"
	meaning "$2" >"$SCRATCH/meaning.b"
	cmp -s "$SCRATCH/meaning.a" "$SCRATCH/meaning.b"
}

# transplant COMMIT ONTO NAME BASE: the same change on another base's commit;
# prints its id. A three-way merge of whole files finds the place more surely than
# any context does.
transplant() {
	touched "$1" >"$SCRATCH/touched"
	GIT_INDEX_FILE=$SCRATCH/index.transplant
	export GIT_INDEX_FILE
	rm -f "$GIT_INDEX_FILE"
	git read-tree "$2"
	while read -r path; do
		if ! git cat-file -e "$1:$path" 2>/dev/null; then
			git update-index --force-remove -- "$path"
			continue
		fi
		git cat-file blob "$1^:$path" >"$SCRATCH/merge.base" 2>/dev/null &&
		    git cat-file blob "$2:$path" >"$SCRATCH/merge.ours" \
		    2>/dev/null || die "$3: $path is not in the base ($4): new" \
		    'files belong in src/ or regress/'
		git cat-file blob "$1:$path" >"$SCRATCH/merge.theirs"
		git merge-file -q "$SCRATCH/merge.ours" "$SCRATCH/merge.base" \
		    "$SCRATCH/merge.theirs" || die "$3 changes lines of $path" \
		    "that are not the same on BASE=$4: put the hook where both" \
		    "bases have the same lines around it"
		mode=$(git ls-tree "$1" -- "$path" | sed 's/ .*//')
		git update-index --cacheinfo "$mode,$(git hash-object -w \
		    --no-filters "$SCRATCH/merge.ours"),$path"
	done <"$SCRATCH/touched"
	tree=$(git write-tree)
	unset GIT_INDEX_FILE
	moved=$(git commit-tree "$tree" -p "$2" -m "$3")
	means_same "$1" "$moved" || die "$3 does not mean the same on BASE=$4:" \
	    "$(first_difference); put the hook where both bases have the same" \
	    'lines around it'
	printf '%s\n' "$moved"
}

# first_difference: of what means_same compared, with the file it is in.
first_difference() {
	diff -U100000 "$SCRATCH/meaning.a" "$SCRATCH/meaning.b" | awk '
	/^ diff --git / { file = substr($4, 3) }
	NR > 3 && /^[-+]/ { print "in " file ", \"" substr($0, 2) "\""; exit }'
}

# write_series CHAIN UPROOT DEBROOT OUT: write the patches of a chain of commits
# to the folder OUT. CHAIN has one line "ID NAME HEADERFILE" for each patch, of
# commits on BASE that touch only the base's files, the first one's parent being
# the base commit. UPROOT, DEBROOT: base commits; DEBROOT may be empty.
#
# The line numbers are always those of the release, which never changes, so that
# a security update of Debian's leaves patches/ alone. The context is one line,
# or as many more for a file as it takes to find the same place on both bases.
write_series() {
	up=$2
	deb=$3
	while read -r own name header; do
		case $BASE in
		upstream)
			up_next=$own
			[ -z "$deb" ] ||
			    deb_next=$(transplant "$own" "$deb" "$name" debian) ||
			    exit 1 ;;
		debian)
			deb_next=$own
			up_next=$(transplant "$own" "$up" "$name" upstream) ||
			    exit 1 ;;
		esac
		cat "$header" >"$4/$name"
		echo >>"$4/$name"
		touched "$up_next" >"$SCRATCH/touched"
		while read -r path; do
			found=
			for context in 1 2 3 4 6 8 12; do
				bare_diff "$up_next" $context "$path" \
				    >"$SCRATCH/piece"
				lands "$up" "$up_next" "$path" || continue
				[ -z "$deb" ] || lands "$deb" "$deb_next" \
				    "$path" || continue
				found=$context
				break
			done
			[ -n "$found" ] || die "$name: no number of context" \
			    "lines makes $path come out right on both bases:" \
			    'put the hook elsewhere'
			cat "$SCRATCH/piece" >>"$4/$name"
		done <"$SCRATCH/touched"
		up=$up_next
		[ -z "$deb" ] || deb=$deb_next
	done <"$1"
}

# lands FROM TO PATH: does $SCRATCH/piece lead from one commit's file to the
# other's, for git and for GNU patch? (They look for a place in different ways.)
lands() {
	echo none >"$SCRATCH/no-header"
	landed=$(patch_commit "$1" "$SCRATCH/piece" "$SCRATCH/no-header" \
	    2>/dev/null) || return 1
	[ "$(git rev-parse -q --verify "$landed:$3")" = \
	    "$(git rev-parse -q --verify "$2:$3")" ] || return 1
	git cat-file -e "$2:$3" 2>/dev/null || return 0
	git cat-file blob "$1:$3" >"$SCRATCH/patched"
	patch -s -t -N -F0 --no-backup-if-mismatch -r - "$SCRATCH/patched" \
	    "$SCRATCH/piece" >/dev/null 2>&1 &&
	    git cat-file blob "$2:$3" | cmp -s - "$SCRATCH/patched"
}

# only_base_files COMMIT ROOT PARENT: COMMIT without our files, on PARENT.
only_base_files() {
	GIT_INDEX_FILE=$SCRATCH/index.only
	export GIT_INDEX_FILE
	rm -f "$GIT_INDEX_FILE"
	git read-tree "$1"
	git ls-tree -r --name-only "$2" | sort >"$SCRATCH/base.paths"
	git ls-tree -r --name-only "$1" | sort |
	    comm -13 "$SCRATCH/base.paths" - |
	    git update-index --force-remove --stdin
	tree=$(git write-tree)
	unset GIT_INDEX_FILE
	git commit-tree "$tree" -p "$3" -m "$1"
}

# The functions below deal with one fork tree: TREE is its folder, BASE its base.

# state KEY: what was recorded when the tree was last made.
state() {
	sed -n "s/^$1 //p" "$GIT_DIR/hpn/state" 2>/dev/null
}

# inputs: what a tree is made from, one "KEY HASH" a line.
inputs() {
	echo "base 1 $(cat "$BUILD/base/$BASE.id")" \
	    "$(sha256 "$ROOT/base/series-lib.sh")"
	echo "patches $(hash_of "$ROOT/patches")"
	echo "ours $(hash_of "$ROOT/src" "$ROOT/regress")"
}

# record ROOTCOMMIT TIP: remember what the tree was made of, and our files as
# they were then ($SCRATCH/overlay): "laid" in a commit and "synced" to the
# working tree, which get apart when the tree has work of its own.
record() {
	{
		inputs
		echo "synced $(inputs | sed -n 's/^ours //p')"
		echo "root $1"
		echo "tip $2"
	} >"$GIT_DIR/hpn/state.new"
	cp "$SCRATCH/overlay" "$GIT_DIR/hpn/laid"
	cp "$SCRATCH/overlay" "$GIT_DIR/hpn/synced"
	mv "$GIT_DIR/hpn/state.new" "$GIT_DIR/hpn/state"
}

# lay: all commits from nothing, in the object store only. Sets root and tip;
# leaves $SCRATCH/overlay and $SCRATCH/commits ("ID NAME").
lay() {
	for name in $(series_names); do
		! is_stale "$ROOT/patches" "$BASE" "$name" || die "patches/$name" \
		    "has changed since patches/$BASE/$name was made of it: make" \
		    "rebase BASE=$BASE (docs/rebase.md)"
	done
	overlay_list >"$SCRATCH/overlay"
	root=$(base_commit "$BASE")
	overlay=$(overlay_commit "$root" "$SCRATCH/overlay")
	series_commits "$overlay" "$ROOT/patches" \
	    "$(base_title "$BASE")" "$BASE" >"$SCRATCH/commits"
	tip=$(sed -n '$s/ .*//p' "$SCRATCH/commits")
	tip=${tip:-$overlay}
	patches=$(wc -l <"$SCRATCH/commits")
}

# in_tree COMMAND...: git on the working tree.
in_tree() {
	git --work-tree="$TREE" "$@"
}

# changed_paths: what differs from HEAD in the working tree or is new there.
changed_paths() {
	in_tree status --porcelain=v1 -z -uall --no-renames |
	    tr '\0' '\n' | cut -c 4-
}

# tree_clean: does the tree hold nothing of its own? A file of ours counts as
# clean when src/ or regress/ has the same. Lists the rest in $SCRATCH/work.
tree_clean() {
	head=$(git rev-parse -q --verify HEAD) || head=
	[ "$head" = "$(state tip)" ] ||
	    git log --format='commit %h' "$(state tip)..HEAD" >"$SCRATCH/work"
	[ "$head" != "$(state tip)" ] || : >"$SCRATCH/work"
	[ -s "$SCRATCH/work" ] || [ "$head" = "$(state tip)" ] ||
	    echo 'commits taken away' >"$SCRATCH/work"
	changed_paths >"$SCRATCH/changed"
	while read -r path; do
		ours=$(overlay_source "$path")
		if [ -f "$ours" ]; then
			! cmp -s "$ours" "$TREE/$path" || continue
		elif [ ! -e "$TREE/$path" ] && is_overlay "$path"; then
			continue
		fi
		printf '%s\n' "$path"
	done <"$SCRATCH/changed" >>"$SCRATCH/work"
	[ ! -s "$SCRATCH/work" ]
}

# only_overlay: of the paths on standard input, those that belong to our files,
# not to the base.
only_overlay() {
	git ls-tree -r --name-only "$(state root)" >"$SCRATCH/root.paths"
	grep -Fxv -f "$SCRATCH/root.paths" || :
}

# is_overlay PATH: the same for one path.
is_overlay() {
	! git cat-file -e "$(state root):$1" 2>/dev/null
}

# sync_overlay: in a tree with work of its own, let our files follow src/ and
# regress/ unless they were edited in the tree as well.
sync_overlay() {
	overlay_list >"$SCRATCH/overlay"
	: >"$SCRATCH/synced"
	join_overlay "$GIT_DIR/hpn/synced" "$SCRATCH/overlay" >"$SCRATCH/joined"
	while read -r path last now; do
		[ "$last" != "$now" ] || continue
		here=$(file_id "$TREE/$path")
		[ "$here" != "$now" ] || continue
		[ "$here" = "$last" ] || [ "$here" = "$(laid_id "$path")" ] ||
		    both_edited "$path"
		if [ "$now" = - ]; then
			rm -f "$TREE/$path"
		else
			copy_file "$(overlay_source "$path")" "$TREE/$path"
		fi
		echo "$path" >>"$SCRATCH/synced"
	done <"$SCRATCH/joined"
	[ ! -s "$SCRATCH/synced" ] ||
	    say "  brought into it: $(words <"$SCRATCH/synced")"
	cp "$SCRATCH/overlay" "$GIT_DIR/hpn/synced"
	{
		grep -v '^synced ' "$GIT_DIR/hpn/state"
		inputs | sed -n 's/^ours /synced /p'
	} >"$GIT_DIR/hpn/state.new"
	mv "$GIT_DIR/hpn/state.new" "$GIT_DIR/hpn/state"
}

# file_id FILE: "MODE:BLOB", or "-" when there is none.
file_id() {
	if [ ! -f "$1" ]; then
		echo -
	elif [ -x "$1" ]; then
		echo "100755:$(git hash-object --no-filters "$1")"
	else
		echo "100644:$(git hash-object --no-filters "$1")"
	fi
}

# laid_id PATH: the file_id of a file of ours as it is in the tree's commits; who
# resets the tree gets that one.
laid_id() {
	awk -v path="$1" '$3 == path { print $1 ":" $2; f = 1 }
	    END { if (!f) print "-" }' "$GIT_DIR/hpn/laid"
}

# join_overlay A B: "PATH ID-IN-A ID-IN-B" of two lists of overlay files.
join_overlay() {
	sed 's/ /:/' "$1" >"$SCRATCH/join.a"
	sed 's/ /:/' "$2" >"$SCRATCH/join.b"
	join -1 2 -2 2 -a 1 -a 2 -e - -o 0,1.1,2.1 "$SCRATCH/join.a" \
	    "$SCRATCH/join.b"
}

both_edited() {
	ours=$(overlay_source "$1")
	die "$1 was edited both in ${TREE#"$ROOT"/} and as ${ours#"$ROOT"/}: copy" \
	    'the one that you want over the other and try again'
}

# copy_file FROM TO: contents and x bit.
copy_file() {
	attempt "cannot write $2" mkdir -p "$(dirname "$2")"
	attempt "cannot write $2" cp "$1" "$2.hpn-new"
	if [ -x "$1" ]; then
		chmod 755 "$2.hpn-new"
	else
		chmod 644 "$2.hpn-new"
	fi
	attempt "cannot write $2" mv "$2.hpn-new" "$2"
}

# words: standard input's lines on one line.
words() {
	tr '\n' ' ' | sed 's/ $//'
}
