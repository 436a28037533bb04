# SPDX-License-Identifier: ISC
# Configure, compile and install one source folder in one object folder. Source
# it after lib.sh.
#
# The environment's CC, CFLAGS, CPPFLAGS, LDFLAGS (and JOBS, the number of
# compilers at a time) are used; a change of them configures anew.

# features BASE: the options that Debian builds its package with, less those
# whose headers are not on this machine; the same for the fork and for stock.
features() {
	# One run of the preprocessor answers for all headers; quoted, because
	# "linux" is a macro.
	"${CC:-cc}" ${CPPFLAGS-} -E - <<-'EOF' 2>/dev/null | sed -n 's/^HAVE "\(.*\)"$/\1/p'
	#if __has_include(<security/pam_appl.h>)
	HAVE "--with-pam"
	#endif
	#if __has_include(<krb5.h>) && __has_include(<gssapi/gssapi.h>)
	HAVE "--with-kerberos5=/usr"
	#endif
	#if __has_include(<histedit.h>)
	HAVE "--with-libedit"
	#endif
	#if __has_include(<selinux/selinux.h>)
	HAVE "--with-selinux"
	#endif
	#if __has_include(<libaudit.h>)
	HAVE "--with-audit=linux"
	#endif
	#if __has_include(<fido.h>)
	HAVE "--with-security-key-builtin"
	#endif
	#if __has_include(<wtmpdb.h>)
	HAVE "--with-wtmpdb"
	#endif
	EOF
	if [ "$1" = debian ]; then
		echo '#include <tcpd.h>' | "${CC:-cc}" ${CPPFLAGS-} -E - \
		    >/dev/null 2>&1 && echo --with-tcp-wrappers
	fi
	echo --with-ssl-engine
	echo --with-4in6
	echo --with-mantype=doc
	echo --disable-strip
	echo --without-zlib-version-check
}

# extra_version BASE: what Debian adds to the version, as its packaging does.
extra_version() {
	[ "$1" != debian ] || sed 's/.*-/Debian-/' "$BUILD/base/debian.version"
}

# run_logged WHAT LOG COMMAND...: one line of progress, all else in the log.
run_logged() {
	step=$1
	log=$2
	shift 2
	say "$step (log: ${log#"$ROOT"/})"
	attempt 'cannot write the log' mkdir -p "$(dirname "$log")"
	"$@" >"$log" 2>&1 </dev/null && return 0
	grep -n -m 3 -E 'error:|Error [0-9]|undefined reference|No space left' \
	    "$log" >&2 || :
	tail -n 12 "$log" | sed 's/^/    /' >&2
	if grep -q 'No space left on device' "$log"; then
		die "$step failed: the disk that holds $BUILD is full: free some" \
		    'space and run the same command again'
	fi
	die "$step failed: the last lines are above, the whole in ${log#"$ROOT"/}"
}

# jobs_at_once: as many compilers as processors.
jobs_at_once() {
	echo "${JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)}"
}

# obj_make OBJ TARGET...: make in an object folder, with headers followed and
# nothing of the calling make's left in the environment.
obj_make() {
	(
		cd "$1" || exit 1
		shift
		unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES DESTDIR PREFIX \
		    BASE 2>/dev/null || :
		exec make --no-print-directory -f "$ROOT/base/obj.mk" "$@"
	)
}

# configure_obj SRC OBJ NAME OPTION...: configure, or bring what configure makes
# up to date. NAME is for progress lines and logs.
configure_obj() {
	src=$1
	obj=$2
	name=$3
	shift 3
	cflags="${CFLAGS:--O2} -MMD -MP"
	[ -z "${HPN_EXTRAVERSION-}" ] ||
	    cflags="$cflags -DSSH_EXTRAVERSION=\\\"$HPN_EXTRAVERSION\\\""
	want=$(printf '%s\n' 1 "$src" "${CC:-cc}" "$cflags" "${CPPFLAGS-}" \
	    "${LDFLAGS-}" "$@"; sha256 "$src/configure")
	if [ "$(cat "$obj/.configured" 2>/dev/null)" != "$want" ]; then
		need_space 150 "compiling $name"
		rm -rf "$obj"
		attempt "cannot create $obj" mkdir -p "$obj"
		cd "$obj" || exit 1
		run_logged "configuring $name" "$BUILD/log/configure-$name.log" \
		    env CFLAGS= CPPFLAGS="${CPPFLAGS-}" LDFLAGS= "$src/configure" \
		    --with-cflags="$cflags" \
		    --with-ldflags="-Wl,--as-needed ${LDFLAGS-}" "$@"
		cd "$ROOT" || exit 1
		printf '%s\n' "$want" >"$obj/.configured"
		: >"$obj/.status"
	fi
	made=$(cd "$src" && cat Makefile.in openbsd-compat/Makefile.in \
	    config.h.in .depend openbsd-compat/regress/Makefile.in \
	    buildpkg.sh.in 2>/dev/null | sha256sum)
	if [ "$(cat "$obj/.status")" != "$made" ]; then
		(cd "$obj" && ./config.status) >"$BUILD/log/status-$name.log" 2>&1 ||
		    die "config.status failed: see build/log/status-$name.log"
		printf '%s\n' "$made" >"$obj/.status"
	fi
}

# compile_obj OBJ NAME: quiet when there is nothing to do.
compile_obj() {
	obj_make "$1" -q all >/dev/null 2>&1 && return 0
	run_logged "compiling $2" "$BUILD/log/make-$2.log" \
	    obj_make "$1" -j "$(jobs_at_once)" all
}
