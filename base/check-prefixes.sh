#!/bin/sh
# SPDX-License-Identifier: ISC
# Check that every patch builds and works with only its predecessors applied.
#
# usage: base/check-prefixes.sh debian|upstream|RELEASE [COMMAND...]
#
# For the overlay alone and after each patch: compile what changed (one object
# folder, build/check/prefixes-BASE/obj), then see that ssh and sshd answer -V and
# that ssh -G, sshd -t and sshd -T take a configuration. COMMAND, if given, is run
# after that in the object folder, with PREFIX_PATCH set: e.g. make unit.
# Stops at the first prefix that fails.
set -eu

ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/base/lib.sh"
. "$ROOT/base/series-lib.sh"
. "$ROOT/base/compile-lib.sh"

BASE=${1-}
base_name "$BASE"
shift
lock
need git make "${CC:-cc}"
"$ROOT/base/tree.sh" tree "$BASE"
scratch prefixes
need_space 200 'make check-prefixes'
top=$BUILD/check/prefixes-$BASE
src=$top/tree
obj=$top/obj
attempt "cannot write to $BUILD" mkdir -p "$SCRATCH" "$top"
HPN_EXTRAVERSION=$(extra_version "$BASE")

# A tree of its own: the one that people work in stays as it is.
[ -d "$src/.git" ] || repo_create "$src"
GIT_DIR=$src/.git
export GIT_DIR
overlay_list >"$SCRATCH/overlay"
root=$(base_commit "$BASE")
overlay=$(overlay_commit "$root" "$SCRATCH/overlay")
series_commits "$overlay" "$ROOT/patches" "$(base_title "$BASE")" "$BASE" \
    >"$SCRATCH/commits"

# smoke: the programs start and read a configuration.
smoke() {
	rm -f "$top/key" "$top/key.pub"
	"$obj/ssh-keygen" -q -t ed25519 -N '' -f "$top/key"
	printf '%s\n' "HostKey $top/key" 'Subsystem sftp internal-sftp' \
	    >"$top/sshd_config"
	printf '%s\n' 'Host *' '  Compression yes' >"$top/ssh_config"
	"$obj/ssh" -V
	"$obj/sshd" -V
	"$obj/ssh" -G -F "$top/ssh_config" host | grep -qx 'compression yes'
	"$obj/sshd" -t -f "$top/sshd_config"
	"$obj/sshd" -T -f "$top/sshd_config" | grep -q '^hostkey'
}

check_prefix() {
	id=$1
	PREFIX_PATCH=$2
	export PREFIX_PATCH
	git --work-tree="$src" checkout -q -f "$id"
	wanted=$(cat "$src/configure.ac" "$src/aclocal.m4" "$src"/m4/*.m4 | sha256sum)
	if [ "$(cat "$top/configure.id" 2>/dev/null)" != "$wanted" ]; then
		attempt "autoconf fails with $2" sh -c \
		    'cd "$1" && autoconf -f && autoheader -f' sh "$src"
		printf '%s\n' "$wanted" >"$top/configure.id"
	fi
	configure_obj "$src" "$obj" "prefixes-$BASE" --prefix="$top/stage" \
	    --with-privsep-user=nobody --with-privsep-path="$BUILD/empty" \
	    --with-pid-dir="$BUILD/run" $(features "$BASE")
	if ! obj_make "$obj" -j "$(jobs_at_once)" all \
	    >"$BUILD/log/prefix-$BASE.log" 2>&1; then
		grep -n -m 3 'error' "$BUILD/log/prefix-$BASE.log" >&2 || :
		die "$BASE: does not compile with the series up to $2:" \
		    "see build/log/prefix-$BASE.log"
	fi
	# set -e does not hold in a condition, so a shell of its own.
	(set -e; smoke) >"$SCRATCH/smoke" 2>&1 &
	wait $! || die "$BASE: with the series up to $2 the programs fail:" \
	    "$(sed -n '$p' "$SCRATCH/smoke")"
	shift 2
	if [ $# -gt 0 ]; then
		(cd "$obj" && "$@") >"$BUILD/log/prefix-command-$BASE.log" 2>&1 ||
		    die "$BASE: with the series up to $PREFIX_PATCH, $* fails:" \
		    "see build/log/prefix-command-$BASE.log"
	fi
	say "$BASE, up to $PREFIX_PATCH: ok"
}

mkdir -p "$BUILD/empty" "$BUILD/run"
chmod 755 "$BUILD/empty"
check_prefix "$overlay" 'no patch' "$@"
while read -r id name; do
	check_prefix "$id" "$name" "$@"
done <"$SCRATCH/commits"
