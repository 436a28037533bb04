#!/bin/sh
# SPDX-License-Identifier: ISC
# Check the patch series: its files, its headers, and that it applies to both
# bases with zero fuzz and means the same on them.
#
# usage: base/check-series.sh [DIR]
#
# DIR: another copy of patches/ to check (the tests of this check use it).
# One line for each fault; status 1 if there is any.
set -eu

ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/base/lib.sh"
. "$ROOT/base/series-lib.sh"

patches=${1-$ROOT/patches}
SERIES=$patches/series
lock
need git patch diff
"$ROOT/base/tree.sh" base debian
"$ROOT/base/tree.sh" base upstream
scratch series
need_space 80 'make check-series'
attempt "cannot write to $BUILD" mkdir -p "$SCRATCH"
: >"$SCRATCH/faults"
sides=

fault() {
	printf '%s\n' "openssh-hpn: $*" >>"$SCRATCH/faults"
}

finish() {
	count=$(series_names | wc -l)
	if [ -s "$SCRATCH/faults" ]; then
		cat "$SCRATCH/faults" >&2
		die "the series has $(wc -l <"$SCRATCH/faults") fault(s)," \
		    'listed above'
	fi
	say "series: $count in number, well formed, zero fuzz and the same meaning" \
	    "on $(base_title debian) and $(base_title upstream)"
	[ -z "$sides" ] || say "series: fits$(echo "$sides" | sed 's/^ and//') too," \
	    "with $(find "$patches" -mindepth 2 -type f | wc -l) patches of its own"
	exit 0
}

# Files and series name each other.
[ -f "$SERIES" ] || die 'patches/series is missing'
series_names | sort >"$SCRATCH/listed"
uniq -d "$SCRATCH/listed" | while read -r name; do
	fault "series: $name is listed twice"
done
(cd "$patches" && find . -maxdepth 1 -type f ! -name series |
    sed 's,^\./,,' | sort) >"$SCRATCH/files"
(cd "$patches" && find . -mindepth 2 -type f | sed 's,^\./,,' | sort) |
    while IFS=/ read -r side name; do
	side_bases | grep -Fxq -e "$side" ||
	    fault "patches/$side: base/version-$side does not exist"
	grep -Fxq -e "$name" "$SCRATCH/listed" ||
	    fault "patches/$side/$name is a version of no patch"
done
sort -u "$SCRATCH/listed" | comm -23 - "$SCRATCH/files" |
    while read -r name; do
	fault "series: $name is listed, but there is no such file"
done
sort -u "$SCRATCH/listed" | comm -13 - "$SCRATCH/files" |
    while read -r name; do
	fault "patches/$name is not listed in series"
done
[ ! -s "$SCRATCH/faults" ] || finish
series_names >"$SCRATCH/order"
sort "$SCRATCH/order" | cmp -s - "$SCRATCH/order" ||
    fault 'series: the numbers of the patches are not in order'

# Headers.
for name in $(series_names); do
	patch_header "$patches/$name" >"$SCRATCH/header"
	for f in Description Author Forwarded Last-Update Gain Place Objection \
	    Patch-Name; do
		value=$(field $f <"$SCRATCH/header")
		case $value in
		'') fault "$name: header without $f:" ;;
		TODO*|FIXME*) fault "$name: $f: is still to be written" ;;
		esac
	done
	awk '/^Description:/ { d = 1; next } /^ / && d { n++ } /^[^ ]/ { d = 0 }
	    END { exit n == 0 }' "$SCRATCH/header" ||
	    fault "$name: Description: has no long text below its first line"
	[ "$(field Author <"$SCRATCH/header")" = "$AUTHOR" ] ||
	    fault "$name: Author: must be $AUTHOR"
	[ "$(field Patch-Name <"$SCRATCH/header")" = "$name" ] ||
	    fault "$name: Patch-Name: is not the file's name"
	case $(field Last-Update <"$SCRATCH/header") in
	[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]) ;;
	*) fault "$name: Last-Update: must be YYYY-MM-DD" ;;
	esac
	patch_body "$patches/$name" >"$SCRATCH/body"
	[ -s "$SCRATCH/body" ] || fault "$name: no diff"
	sed -n 's|^+++ b/\([^	]*\).*|\1|p' "$SCRATCH/body" | while read -r path; do
		[ ! -f "$ROOT/src/$path.hpn" ] || fault "$name: changes $path:" \
		    "what is ours there belongs in src/$path.hpn"
	done
	added=$(grep -c '^+[^+]\|^+$' "$SCRATCH/body" || :)
	[ "$added" -le 400 ] || fault "$name: adds $added lines; more than 400" \
	    'belong in src/'
	grep -n '^+.*[ 	]$' "$SCRATCH/body" |
	    sed 's/^\([0-9]*\):.*/\1/' | while read -r line; do
		fault "$name: line $line of its diff adds blanks at a line's end"
	done
done

grep -q '^#define[ 	]*HPN_VERSION[ 	]*"openssh-hpn-[0-9]' \
    "$ROOT/src/hpn-version.h" ||
    fault 'src/hpn-version.h: HPN_VERSION is not openssh-hpn-NUMBER'
! grep '^#define' "$ROOT/src/hpn-version.h" | grep -i 'hpn1[678]' ||
    fault 'src/hpn-version.h: clients of HPN-SSH act on hpn16, hpn17, hpn18'
[ ! -s "$SCRATCH/faults" ] || finish

# Both bases, by git and by patch.
repo_create "$SCRATCH/repo"
overlay_list >"$SCRATCH/overlay"
for base in upstream debian; do
	root=$(base_commit $base)
	overlay_commit "$root" "$SCRATCH/overlay" >/dev/null
	git ls-tree -r --name-only "$root" | sort >"$SCRATCH/paths.$base"
	if ! (series_commits "$root" "$patches" "BASE=$base" $base) \
	    >"$SCRATCH/commits.$base" 2>"$SCRATCH/fatal"; then
		fault "$(sed 's/^openssh-hpn: error: //' "$SCRATCH/fatal")"
		continue
	fi
	echo "$root" >"$SCRATCH/root.$base"
	while read -r id name; do
		touched "$id" | sort | comm -13 "$SCRATCH/paths.$base" - |
		    while read -r path; do
			fault "$name: $path is not in the base ($base): new files" \
			    'belong in src/ or regress/'
		done
	done <"$SCRATCH/commits.$base"

	work=$SCRATCH/work.$base
	mkdir "$work"
	GIT_INDEX_FILE=$SCRATCH/index.work git read-tree "$root"
	GIT_INDEX_FILE=$SCRATCH/index.work git --work-tree="$work" \
	    checkout-index -a -f
	for name in $(series_names); do
		if ! out=$(patch -d "$work" -p1 -F0 -E -t -s -N \
		    --no-backup-if-mismatch -i "$patches/$name" 2>&1); then
			fault "$name: GNU patch does not apply it to BASE=$base:" \
			    "$(printf '%s\n' "$out" | words)"
			break
		fi
	done
	id=$(sed -n '$s/ .*//p' "$SCRATCH/commits.$base")
	GIT_INDEX_FILE=$SCRATCH/index.work git --work-tree="$work" add -A -f .
	[ "$(GIT_INDEX_FILE=$SCRATCH/index.work git write-tree)" = \
	    "$(git rev-parse "${id:-$root}^{tree}")" ] ||
	    fault "GNU patch and git put the series in different places of" \
	    "BASE=$base"
	rm -rf "$work"
done
[ ! -s "$SCRATCH/faults" ] || finish

paste -d ' ' "$SCRATCH/commits.upstream" "$SCRATCH/commits.debian" |
    while read -r up name deb name; do
	means_same "$up" "$deb" || fault "$name changes something else on" \
	    "Debian's base than on the release: $(first_difference)"
done

# The newer releases: every patch or its own version fits, and a common patch
# does not land somewhere else there.
for side in $(side_bases); do
	if ! "$ROOT/base/tree.sh" base "$side" >"$SCRATCH/said" 2>&1; then
		say "skipped: the series on BASE=$side, whose release could not be" \
		    "had: $(sed -n '$p' "$SCRATCH/said")"
		continue
	fi
	root=$(base_commit "$side")
	overlay_commit "$root" "$SCRATCH/overlay" >/dev/null
	if ! (series_commits "$root" "$patches" "BASE=$side" "$side") \
	    >"$SCRATCH/commits.side" 2>"$SCRATCH/fatal"; then
		fault "$(sed 's/^openssh-hpn: error: //' "$SCRATCH/fatal")"
		continue
	fi
	paste -d ' ' "$SCRATCH/commits.upstream" "$SCRATCH/commits.side" |
	    while read -r up name there name; do
		[ ! -f "$patches/$side/$name" ] || continue
		means_same "$up" "$there" || fault "$name lands somewhere else on" \
		    "BASE=$side: $(first_difference); give it a version of its" \
		    "own (docs/rebase.md)"
	done
	stale=$(for name in $(series_names); do
		! is_stale "$patches" "$side" "$name" || printf ' %s' "$name"
	done)
	[ -z "$stale" ] || say "note: changed since patches/$side was made:$stale;" \
	    "make rebase BASE=$side"
	sides="$sides and $(base_title "$side")"
done

# What make refresh would write of the untouched series.
BASE=upstream
: >"$SCRATCH/chain"
while read -r id name; do
	patch_header "$patches/$name" >"$SCRATCH/header.$name"
	printf '%s %s %s\n' "$id" "$name" "$SCRATCH/header.$name"
done <"$SCRATCH/commits.upstream" >"$SCRATCH/chain"
mkdir "$SCRATCH/out"
if (write_series "$SCRATCH/chain" "$(cat "$SCRATCH/root.upstream")" \
    "$(cat "$SCRATCH/root.debian")" "$SCRATCH/out") 2>"$SCRATCH/fatal"; then
	for name in $(series_names); do
		cmp -s "$patches/$name" "$SCRATCH/out/$name" || fault "$name is" \
		    'not as make refresh writes it: run make refresh'
	done
else
	fault "$(sed 's/^openssh-hpn: error: //' "$SCRATCH/fatal")"
fi
finish
