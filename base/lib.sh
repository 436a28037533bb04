# SPDX-License-Identifier: ISC
# Shared by the scripts in base/. Source it after setting ROOT to the top of the
# checkout:  ROOT=$(cd "$(dirname "$0")/.." && pwd); . "$ROOT/base/lib.sh"
#
# Gives: BUILD (everything generated), RELEASE etc. from base/version, and the
# functions below. Also takes the user's environment out of the way: messages in
# English, times in UTC, plain file modes, no git configuration of the user's.

. "$ROOT/base/version"

BUILD=$ROOT/build
DL=$BUILD/dl
ORIG=$DL/openssh_$RELEASE.orig.tar.gz
AUTHOR='openssh-hpn developers'
# What the fetched release contains but autoconf writes: never committed.
GENERATED='configure config.h.in autom4te.cache configure~ config.h.in~'

LC_ALL=C TZ=UTC0
export LC_ALL TZ
umask 022

for v in $(env | sed -n 's/^\(GIT_[A-Z0-9_]*\)=.*/\1/p'); do
	unset "$v"
done
unset v CDPATH GREP_OPTIONS POSIXLY_CORRECT PATCH_GET VERSION_CONTROL \
    SIMPLE_BACKUP_SUFFIX TAR_OPTIONS GZIP XZ_OPT
GIT_CONFIG_GLOBAL=$ROOT/base/gitconfig GIT_CONFIG_NOSYSTEM=1
GIT_AUTHOR_NAME=$AUTHOR GIT_AUTHOR_EMAIL=openssh-hpn@localhost
GIT_COMMITTER_NAME=$AUTHOR GIT_COMMITTER_EMAIL=openssh-hpn@localhost
GIT_AUTHOR_DATE='2025-04-09T00:00:00Z' GIT_COMMITTER_DATE='2025-04-09T00:00:00Z'
GIT_TERMINAL_PROMPT=0 GIT_PAGER=cat
export GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL \
    GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL GIT_AUTHOR_DATE GIT_COMMITTER_DATE \
    GIT_TERMINAL_PROMPT GIT_PAGER

# say WORDS: one line of progress.
say() {
	printf '%s\n' "openssh-hpn: $*" || exit 1
}

# die WORDS: the one line that says what went wrong and what to do.
die() {
	printf '%s\n' "openssh-hpn: error: $*" >&2
	exit 1
}

case $ROOT in
*[!A-Za-z0-9/._+,@%=-]*) die "the path of this checkout, $ROOT, has blanks or" \
    "other characters that OpenSSH's configure cannot take: move it" ;;
esac

# need TOOL...: a missing tool is named before anything is begun.
need() {
	missing=
	for tool; do
		command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
	done
	[ -z "$missing" ] || die "missing tool:$missing; run" \
	    "base/deps.sh build, which installs it or prints the command to run"
}

# scratch NAME: SCRATCH, a path in build/ for what must be gone at the end.
scratch() {
	SCRATCH=$BUILD/.$1.$$
	trap 'rm -rf "$SCRATCH"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# need_space MIB PURPOSE: refuse early on a disk that will not hold the result.
need_space() {
	mkdir -p "$BUILD" 2>/dev/null ||
	    die "cannot create $BUILD: check that you may write there and that" \
	    "the disk is not full"
	free=$(df -Pk "$BUILD" | awk 'NR == 2 { print int($4 / 1024) }')
	[ "$free" -ge "$1" ] || die "only $free MiB free in $BUILD, $2 needs" \
	    "$1 MiB: free some space or move the checkout to a larger disk"
}

# explain_failure WHAT TEXT: die, with the reason picked from a tool's output.
explain_failure() {
	# Not every tool says why it could not write.
	reason=$2
	[ "$(df -Pk "$BUILD" 2>/dev/null | awk 'NR == 2 { print $4 }')" != 0 ] ||
	    reason="$reason No space left"
	case $reason in
	*'No space left'*|*'Disk quota exceeded'*)
		die "$1: the disk that holds $BUILD is full: free some space" \
		    "and run the same command again" ;;
	*'Permission denied'*)
		die "$1: permission denied below $BUILD: give yourself the" \
		    "folder (chown -R) or remove it, and try again" ;;
	esac
	die "$1: $(printf '%s\n' "$2" | sed '/^$/d' | tail -n 1)"
}

# attempt WHAT COMMAND...: run quietly; when it fails, one line says why.
attempt() {
	what=$1
	shift
	if ! output=$("$@" 2>&1); then
		explain_failure "$what" "$output"
	fi
}

# lock: one make at a time in a checkout. Held until this script ends; scripts
# that it starts know that it is held.
lock() {
	[ "${HPN_LOCK_HELD-}" != "$ROOT" ] || return 0
	need_space 1 'any work'
	if command -v flock >/dev/null 2>&1; then
		exec 9>"$BUILD/.lock" ||
		    die "cannot write $BUILD/.lock: is the folder yours?"
		flock -n 9 || {
			say 'waiting for another make in this checkout'
			flock 9
		}
	fi
	HPN_LOCK_HELD=$ROOT
	export HPN_LOCK_HELD
}

# base_name BASE: check the argument that selects the base, and take its release.
base_name() {
	case $1 in
	debian|upstream) ;;
	*)
		printf '%s\n' $(side_bases) | grep -Fxq -e "$1" ||
		    die "BASE=$1 is not known: use BASE=debian, BASE=upstream or" \
		    "BASE= and one of: $(side_bases | tr '\n' ' ')"
		. "$ROOT/base/version-$1"
		ORIG=$DL/openssh_$RELEASE.orig.tar.gz ;;
	esac
}

# side_bases: the newer releases that the series is kept working on, one a line:
# the files base/version-BASE. A script that is given one has RELEASE etc. of it.
side_bases() {
	(cd "$ROOT/base" && find . -name 'version-[0-9]*' | sed 's/.*version-//' |
	    sort)
}

# is_side BASE
is_side() {
	case $1 in
	debian|upstream) return 1 ;;
	esac
}

sha256() {
	sha256sum "$1" | cut -d ' ' -f 1
}

# own_files DIR: the files of ours below DIR, without what editors, compilers
# and merges leave behind; sorted, one a line, relative to DIR.
own_files() {
	[ -d "$1" ] || return 0
	(cd "$1" && find . \( -name '.?*' -o -name '*~' -o -name '#*#' -o \
	    -name '*.o' -o -name '*.a' -o -name '*.d' -o -name '*.orig' -o \
	    -name '*.rej' -o -name __pycache__ \) -prune -o -type f -print |
	    sed 's,^\./,,' | sort)
}

# hash_of DIR...: one hash of names, contents and x bits of the files below.
hash_of() {
	for dir; do
		own_files "$dir" | while read -r f; do
			x=-
			[ ! -x "$dir/$f" ] || x=x
			printf '%s %s %s\n' "${dir##*/}" "$x" "$f"
		done
		(cd "$dir" 2>/dev/null && own_files . | tr '\n' '\0' |
		    xargs -0 -r sha256sum --)
	done | sha256sum | cut -d ' ' -f 1
}

# debian_revision: Debian's version of the fetched packaging (1:10.0p1-7...).
debian_revision() {
	sed -n 's/^version //p' "$DL/debian.current"
}
