#!/bin/sh
# SPDX-License-Identifier: ISC
# Fetch the sources that the base is made of into build/dl.
#
# usage: base/fetch.sh debian|upstream|RELEASE [--update]
#
# What is there already and verifies is used as it is; --update asks the mirror
# for a newer Debian revision. Sources, in this order:
#   OPENSSH_TARBALL=FILE  the pristine release tarball (its checksum is pinned)
#   DEBIAN_TARBALL=FILE   Debian's packaging, openssh_*.debian.tar.xz
#   OPENSSH_URL=URL       any copy of the release tarball; BASE=upstream only
#   apt                   the source package of the suite named in base/version,
#                         through a private configuration that borrows mirror,
#                         keyring and proxy from the machine and changes nothing
#                         of it; apt verifies the signatures
# Leaves: build/dl/openssh_RELEASE.orig.tar.gz and, for debian,
# build/dl/openssh_*.debian.tar.xz with build/dl/debian.current that names it.
set -eu

ROOT=$(cd "$(dirname "$0")/.." && pwd)
. "$ROOT/base/lib.sh"

base=${1-}
base_name "$base"
update=no
[ "${2-}" != --update ] || update=yes

lock
mkdir -p "$DL" 2>/dev/null || die "cannot create $DL: check permissions and disk"
scratch=$DL/.fetch.$$
trap 'rm -rf "$scratch" "$DL"/.*.part' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

offline_hint="or give the files: OPENSSH_TARBALL=openssh_$RELEASE.orig.tar.gz\
 DEBIAN_TARBALL=openssh_$RELEASE-*.debian.tar.xz"

# keep FILE NAME: copy under a temporary name, then put in place whole.
keep() {
	attempt "cannot store $2" cp -f -- "$1" "$DL/.$2.part"
	attempt "cannot store $2" mv -f -- "$DL/.$2.part" "$DL/$2"
}

have_orig() {
	[ -f "$ORIG" ] || return 1
	[ "$(sha256 "$ORIG")" = "$TARBALL_SHA256" ] && return 0
	say "discarding build/dl/${ORIG##*/}: its checksum is not the pinned one"
	rm -f "$ORIG"
	return 1
}

have_debian() {
	[ -f "$DL/debian.current" ] || return 1
	name=$(sed -n 's/^file //p' "$DL/debian.current")
	want=$(sed -n 's/^sha256 //p' "$DL/debian.current")
	[ -n "$name" ] && [ -f "$DL/$name" ] &&
	    [ "$(sha256 "$DL/$name")" = "$want" ] && return 0
	say 'discarding the Debian packaging in build/dl: it does not verify'
	rm -f "$DL/debian.current"
	return 1
}

# take_orig FILE ORIGIN: verify a candidate for the release tarball and keep it.
take_orig() {
	got=$(sha256 "$1")
	[ "$got" = "$TARBALL_SHA256" ] || die "$2 is not the pristine" \
	    "OpenSSH $RELEASE: SHA-256 is $got, base/ has pinned" \
	    "$TARBALL_SHA256; get a good copy"
	keep "$1" "${ORIG##*/}"
}

# take_debian FILE ORIGIN: keep Debian's packaging and record its revision.
take_debian() {
	need xz
	line=$(tar -xJOf "$1" debian/changelog 2>/dev/null | sed -n 1p) || line=
	version=$(printf '%s\n' "$line" | sed -n 's/^openssh (\([^)]*\)).*/\1/p')
	[ -n "$version" ] || die "$2 is not a Debian packaging of openssh" \
	    "(no debian/changelog in it): give openssh_$RELEASE-*.debian.tar.xz"
	upstream=${version#*:}
	upstream=${upstream%-*}
	[ "$upstream" = "$RELEASE" ] || die "$2 is for OpenSSH $upstream, this" \
	    "project is based on $RELEASE: give openssh_$RELEASE-*.debian.tar.xz"
	name=openssh_${version#*:}.debian.tar.xz
	keep "$1" "$name"
	{
		echo "file $name"
		echo "sha256 $(sha256 "$DL/$name")"
		echo "version $version"
	} >"$scratch.current" 2>/dev/null || {
		rm -f "$scratch.current"
		die "cannot write below $DL: the disk is full or not yours"
	}
	mv -f "$scratch.current" "$DL/debian.current"
	say "Debian packaging $version"
}

# readable FILE VARIABLE
readable() {
	[ -f "$1" ] && [ -r "$1" ] ||
	    die "$2=$1: no such file, or not readable; check the path"
}

not_debian() {
	say "this machine has no Debian package sources ($1), so the base has to" \
	    'come from elsewhere'
	die "run this instead: make $HPN_GOAL BASE=upstream" \
	    "OPENSSH_URL=$RELEASE_URL"
}
HPN_GOAL=${HPN_GOAL-build}

# machine_sources: print "main|security RANK URI KEYRINGS" for each of the
# machine's apt sources that is Debian's own: Debian's suites, component main,
# and signed by Debian's keyring or (rank 1) by whatever apt trusts by default.
machine_sources() {
	eval "$(apt-config shell list Dir::Etc::sourcelist/f \
	    parts Dir::Etc::sourceparts/d)"
	for f in "${list-}" "${parts-}"/*.list; do
		[ -r "$f" ] || continue
		# One line each: deb [options] uri suite component...
		sed 's/#.*//' "$f" | awk '
		$1 == "deb" || $1 == "deb-src" {
			key = ""
			line = $0
			if (match(line, /\[[^]]*\]/)) {
				n = split(substr(line, RSTART + 1, RLENGTH - 2), o)
				for (i = 1; i <= n; i++)
					if (o[i] ~ /^signed-by=/)
						key = substr(o[i], 11)
				line = substr(line, 1, RSTART - 1) \
				    substr(line, RSTART + RLENGTH)
			}
			n = split(line, w)
			comps = ""
			for (i = 4; i <= n; i++)
				comps = comps " " w[i]
			print w[2] "\t" w[3] "\t" comps "\t" key
		}'
	done >"$scratch/entries"
	for f in "${parts-}"/*.sources; do
		[ -r "$f" ] || continue
		awk '
		function flush_stanza() {
			if (v["types"] != "" && v["enabled"] !~ /^ *(no|false|0)/) {
				nu = split(v["uris"], u)
				ns = split(v["suites"], s)
				key = v["signed-by"]
				gsub(/^ +| +$/, "", key)
				gsub(/ +/, ",", key)
				if (key ~ /BEGIN/)
					key = ""
				for (i = 1; i <= nu; i++)
					for (j = 1; j <= ns; j++)
						print u[i] "\t" s[j] "\t " \
						    v["components"] "\t" key
			}
			split("", v)
			field = ""
		}
		/^#/ { next }
		/^[ \t]*$/ { flush_stanza(); next }
		/^[ \t]/ { if (field != "") v[field] = v[field] " " $0; next }
		{
			field = tolower(substr($0, 1, index($0, ":") - 1))
			v[field] = substr($0, index($0, ":") + 1)
		}
		END { flush_stanza() }' "$f"
	done >>"$scratch/entries"
	# Debian names its suites; others that borrow a name sign with another key.
	awk -F '\t' '
	$1 ~ /^cdrom:/ { next }
	$2 !~ /^((old)*stable|testing|unstable|sid|buster|bullseye|bookworm|trixie|forky|duke)(-(updates|backports|backports-sloppy|proposed-updates|security)|\/updates)?$/ { next }
	(" " $3 " ") !~ / main / { next }
	$4 != "" && $4 !~ /debian-archive/ { next }
	{
		kind = $2 ~ /(-security|\/updates)$/ ? "security" : "main"
		print kind, ($4 == "" ? 1 : 0), $1, ($4 == "" ? "-" : $4)
	}' "$scratch/entries" | sort -s -u -k 1,1 -k 2,2n -k 3,3
}

# keyrings GIVEN: the machine's keyrings that may verify the suite, as apt's
# signed-by wants them; empty to leave it to apt's trusted keys. Taken together
# because an older Debian knows the newer suite's key in only one of them.
keyrings() {
	set -- $(printf '%s\n' "$1" | tr ',' ' ') \
	    /usr/share/keyrings/debian-archive-keyring.gpg \
	    /usr/share/keyrings/debian-archive-keyring.pgp \
	    /etc/apt/trusted.gpg.d/debian-archive-*.gpg \
	    /etc/apt/trusted.gpg.d/debian-archive-*.asc
	for k; do
		case $k in
		/*) [ ! -r "$k" ] || printf '%s\n' "$k" ;;
		esac
	done | sort -u | tr '\n' ',' | sed 's/,$//'
}

apt_failed() {
	log=$(cat "$apt/log")
	case $log in
	*'No space left'*|*'Disk quota'*|*'enough free space'*)
		die "the disk that holds $DL is full: free some space and try again" ;;
	*NO_PUBKEY*|*'Missing key'*|*'is not signed'*|*'could'*'t be verified'*)
		die "the machine's keyring does not verify Debian $SUITE: update" \
		    'the package debian-archive-keyring and try again' ;;
	*'resolv'*|*'Could not connect'*|*'Unable to connect'*|*'unreachable'*|\
	*'timed out'*|*'Connection failed'*|*'Connection refused'*)
		die "cannot reach the Debian mirror $1: check network and proxy," \
		    "$offline_hint" ;;
	*'404'*|*'does not have a Release file'*)
		die "the mirror $1 does not carry Debian $SUITE: use a mirror that" \
		    "does, $offline_hint" ;;
	esac
	die "apt failed: $(sed -n 's/^[EW]: //p' "$apt/log" | sed -n 1p)" \
	    "(log: build/dl/${apt##*/}/log)"
}

fetch_with_apt() {
	for tool in apt-get apt-cache apt-config dpkg; do
		command -v $tool >/dev/null 2>&1 || not_debian "no $tool"
	done
	mkdir -p "$scratch"
	machine_sources >"$scratch/sources"
	main=$(awk '$1 == "main" { print $3, $4 }' "$scratch/sources")
	security=$(awk '$1 == "security" { print $3, $4; exit }' "$scratch/sources")
	[ -n "$main" ] || {
		grep -qs '^ID=debian$' /etc/os-release || not_debian \
		    "its apt is not Debian's"
		die 'no Debian mirror in /etc/apt/sources.list or' \
		    "/etc/apt/sources.list.d: add one, $offline_hint"
	}

	# A newer release's lists are its own: others read those of base/version.
	apt=$DL/apt
	! is_side "$base" || apt=$DL/apt-$base
	attempt 'cannot prepare apt' mkdir -p "$apt/state" "$apt/lists/partial" \
	    "$apt/cache/archives/partial" "$apt/get"
	rm -f "$apt/get"/*
	: >"$apt/status"
	# The machine's apt.conf.d stays in force (proxy, certificates, time-outs)
	# but for its hooks, which act on the machine itself, and for what it adds
	# to the lists.
	cat >"$apt/apt.conf" <<-EOF
	Dir::State "$apt/state";
	Dir::State::lists "$apt/lists";
	Dir::State::status "$apt/status";
	Dir::Cache "$apt/cache";
	Dir::Log "$apt/state";
	Dir::Etc::sourcelist "$apt/sources.list";
	Dir::Etc::sourceparts "/dev/null";
	Dir::Etc::preferences "/dev/null";
	Dir::Etc::preferencesparts "/dev/null";
	#clear APT::Update::Pre-Invoke;
	#clear APT::Update::Post-Invoke;
	#clear APT::Update::Post-Invoke-Success;
	#clear DPkg::Pre-Invoke;
	#clear DPkg::Post-Invoke;
	APT::Sandbox::User "root";
	Acquire::Languages "none";
	Acquire::Retries "2";
	Acquire::IndexTargets::deb-src::Contents-dsc::DefaultEnabled "false";
	EOF

	# A machine may list several mirrors; the first that serves the suite wins.
	count=$(printf '%s\n' "$main" | wc -l)
	while :; do
		entry=$(printf '%s\n' "$main" | sed -n 1p)
		main=$(printf '%s\n' "$main" | sed 1d)
		count=$((count - 1))
		mirror=${entry% *}
		{
			signed=$(keyrings "${entry##* }")
			option=${signed:+[signed-by=$signed] }
			echo "deb-src $option$mirror $SUITE main"
			is_side "$base" ||
			    echo "deb-src $option$mirror $SUITE-updates main"
			if [ -n "$security" ] && ! is_side "$base"; then
				signed=$(keyrings "${security##* }")
				option=${signed:+[signed-by=$signed] }
				echo "deb-src $option${security% *} $SUITE-security main"
			fi
		} >"$apt/sources.list"
		say "reading Debian $SUITE's package lists (private to build/dl)"
		apt-get -c "$apt/apt.conf" -q update --error-on=any \
		    >"$apt/log" 2>&1 && break
		[ "$count" -gt 0 ] || apt_failed "$mirror"
	done
	[ -n "$security" ] || is_side "$base" || say "no security mirror among this machine's apt" \
	    "sources: using $SUITE and $SUITE-updates only"

	apt-cache -c "$apt/apt.conf" showsrc --only-source openssh \
	    >"$scratch/showsrc" 2>>"$apt/log" || apt_failed "$mirror"
	version=
	others=
	for v in $(sed -n 's/^Version: //p' "$scratch/showsrc" | sort -u); do
		u=${v#*:}
		if [ "${u%-*}" != "$RELEASE" ]; then
			others="$others $v"
		elif [ -z "$version" ] ||
		    dpkg --compare-versions "$v" gt "$version"; then
			version=$v
		fi
	done
	[ -n "$version" ] || die "Debian $SUITE no longer has OpenSSH $RELEASE (it" \
	    "has:${others:- none}): take a newer openssh-hpn, $offline_hint"

	say "fetching the source package openssh $version"
	only=
	! is_side "$base" || only=--tar-only
	(cd "$apt/get" && apt-get -c "$apt/apt.conf" -q source --only-source \
	    --download-only $only "openssh=$version") >>"$apt/log" 2>&1 ||
	    apt_failed "$mirror"
	have_orig || take_orig "$apt/get/openssh_$RELEASE.orig.tar.gz" \
	    "the tarball in Debian $SUITE"
	is_side "$base" ||
	    take_debian "$apt/get/openssh_${version#*:}.debian.tar.xz" \
	    "the packaging in Debian $SUITE"
	rm -rf "$apt/get" "$apt/cache"
}

fetch_url() {
	mkdir -p "$scratch"
	say "fetching $OPENSSH_URL"
	case $OPENSSH_URL in
	file://*)
		readable "${OPENSSH_URL#file://}" OPENSSH_URL
		cp -- "${OPENSSH_URL#file://}" "$scratch/tarball" 2>/dev/null ||
		    die "cannot copy to $DL: the disk is full or not yours" ;;
	*)
		if command -v curl >/dev/null 2>&1; then
			set -- curl -fsSL --retry 2 --connect-timeout 20 -o
		elif command -v wget >/dev/null 2>&1; then
			set -- wget -q --tries=3 --connect-timeout=20 -O
		else
			die 'missing tool: curl or wget; install one, or fetch the' \
			    'tarball by hand and give OPENSSH_TARBALL=FILE'
		fi
		if ! output=$("$@" "$scratch/tarball" "$OPENSSH_URL" 2>&1); then
			case $output in
			*'No space left'*|*'Failed writing'*|*'write error'*)
				die "the disk that holds $DL is full: free some" \
				    'space and try again' ;;
			esac
			die "cannot fetch $OPENSSH_URL ($(printf '%s\n' \
			    "${output:-no answer}" | tail -n 1)): check network" \
			    'and URL, or give OPENSSH_TARBALL=FILE'
		fi ;;
	esac
	take_orig "$scratch/tarball" "$OPENSSH_URL"
}

need tar gzip sha256sum awk sed

if [ -n "${OPENSSH_TARBALL-}" ]; then
	readable "$OPENSSH_TARBALL" OPENSSH_TARBALL
	have_orig && [ "$(sha256 "$OPENSSH_TARBALL")" = "$TARBALL_SHA256" ] ||
	    take_orig "$OPENSSH_TARBALL" "OPENSSH_TARBALL=$OPENSSH_TARBALL"
fi
if [ -n "${DEBIAN_TARBALL-}" ]; then
	readable "$DEBIAN_TARBALL" DEBIAN_TARBALL
	if ! have_debian || [ "$(sha256 "$DEBIAN_TARBALL")" != "$want" ]; then
		take_debian "$DEBIAN_TARBALL" "DEBIAN_TARBALL=$DEBIAN_TARBALL"
	fi
fi
if [ -n "${OPENSSH_URL-}" ]; then
	[ "$base" != debian ] || die 'OPENSSH_URL= gives the pristine release' \
	    'only: add BASE=upstream'
	have_orig || fetch_url
fi

if [ "$update" = yes ] && [ -z "${DEBIAN_TARBALL-}" ]; then
	need_space 80 'fetching the base'
	fetch_with_apt
elif ! have_orig || { [ "$base" = debian ] && ! have_debian; }; then
	need_space 80 'fetching the base'
	fetch_with_apt
fi
