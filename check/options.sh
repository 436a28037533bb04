#!/bin/sh
# SPDX-License-Identifier: ISC
# Every option of ours is wherever an option has to be: in the manual pages, in
# what ssh -G and sshd -T print, in the sample configurations with its default, in
# the completion of both shells, in README.hpn with an example, and a stock ssh
# reads a configuration that has it, with the line which README.hpn gives.
#
# usage: check/options.sh       after make build stock, on either base or both
#
# What is ours: the list in hpn-options.h, and what the tree's readconf.c, servconf.c
# and command lines have and the release's have not. Names of ours on the wire
# (NAME@openssh-hpn) are in PROTOCOL.hpn.
#
# Last line: `N passed, N failed, N skipped`. Exit status: 0 if nothing failed.

set -eu
umask 022

root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build
work=$build/check/options
readme=$root/src/README.hpn
stock=$build/stage/stock-debian/bin/ssh

[ $# = 0 ] || {
	sed -n 's/^# usage: /usage: /p' "$0" >&2
	exit 2
}
rm -rf "$work"
mkdir -p "$work"

passed=0 failed=0 skipped=0
bad() {
	echo "FAIL  $*"
	failed=$((failed + 1))
}
# holds WHAT COMMAND...
holds() {
	what=$1
	shift
	if "$@" >"$work/said" 2>&1; then
		passed=$((passed + 1))
	else
		bad "$what"
		sed 's/^/      | /' "$work/said" | head -n 5
	fi
}

# keywords FILE: keyword and opcode of each option in its table.
keywords() {
	sed -n 's/^[ 	]*{ "\([a-z0-9]*\)", *\([os][A-Za-z0-9]*\).*/\1 \2/p' "$1" |
	    sort -u
}

# listed FILE SIDE: the same of our list, hpn-options.h, for one side.
listed() {
	awk -v side="$2" '
	/^#define HPN_OPTIONS\(X\)/ { on = 1 }
	on { line = line $0 }
	on && !/\\$/ { exit }
	END {
		n = split(line, entry, /X\([A-Z]*, "/)
		for (i = 2; i <= n; i++) {
			keyword = entry[i]
			sub(/".*/, "", keyword)
			if (entry[i] ~ /, BOTH,/ ||
			    (side == "ssh" && entry[i] ~ /, CLIENT,/) ||
			    (side == "sshd" && entry[i] ~ /, SERVER,/))
				print keyword, "hpn"
		}
	}' "$1" | sort -u
}

# letters FILE: what follows a dash on its command line.
letters() {
	awk '/getopt\(/ { on = 1 }
	    on { s = s $0 }
	    on && /\)/ { on = 0 }
	    END {
		while (match(s, /"[^"]*"/)) {
			print substr(s, RSTART + 1, RLENGTH - 2)
			s = substr(s, RSTART + RLENGTH)
		}
	    }' "$1" | tr -d ':\n' | sed 's/./&\
/g' | sort -u
}

# item PAGE NAME: what that page says of the option.
item() {
	awk -v name="$2" '
	/^\.It Cm / { on = ($3 == name) }
	/^\.El/ { on = 0 }
	on' "$1"
}

in_page() {
	[ "$(grep -cx "\.It Cm $2" "$1")" = 1 ] || {
		echo "not once as an item"
		return 1
	}
	item "$1" "$2" | grep -iq 'default' || {
		echo "the default is not said"
		return 1
	}
}

# in_match PAGE NAME: in the list of what Match takes.
in_match() {
	awk '/^\.It Cm Match/ { on = 1; next }
	    /^\.It Cm / { on = 0 }
	    on' "$1" | grep -qE "^\.Cm $2( |$)"
}

# in_sample FILE NAME G-OUTPUT COMMAND...: it stands there once, as a comment, with
# a value that is the default. COMMAND prints the configuration in $work/one.
in_sample() {
	sample=$1 option=$2 default=$3
	shift 3
	grep -E "^# *$option " "$sample" >"$work/lines" || {
		echo "not there"
		return 1
	}
	[ "$(wc -l <"$work/lines")" = 1 ] || {
		echo "more than once"
		return 1
	}
	sed 's/^# *//' "$work/lines" >>"$work/one"
	"$@" >"$work/with" || return 1
	key=$(echo "$option" | tr A-Z a-z)
	diff "$default" "$work/with" || return 1
	grep -q "^$key " "$work/with"
}

# explained NAME: where README.hpn says what it is, and shows it in use.
explained() {
	grep -qE "^  $1( |$)" "$readme" || {
		echo "README.hpn has no entry for it"
		return 1
	}
	grep -qE "^ {4,}$1 [^ ]+\$|[ \"-]o $1=|-o$1=" "$readme" || {
		echo "README.hpn has no example of it"
		return 1
	}
}

# ---------------------------------------------------------------------------

all=
for base in debian upstream; do
	tree=$build/tree/$base release=$build/base/$base
	obj=$build/obj/hpn-$base
	if [ ! -x "$obj/ssh" ] || [ ! -f "$release/readconf.c" ]; then
		echo "skip  base $base: not built (make build BASE=$base)"
		skipped=$((skipped + 1))
		continue
	fi
	mkdir -p "$work/merged"
	for page in "$tree"/*.[1-8].hpn "$tree"/ssh*_config.hpn; do
		page=${page##*/} page=${page%.hpn}
		sh "$tree/hpn-manual.sh" awk cat "$tree/$page" \
		    >"$work/merged/$page" || bad "$base: $page is not merged"
	done
	holds "$base: sshd_config names the sftp-server that is installed with it" \
	    grep -qx "Subsystem.sftp.$build/stage/hpn-$base/libexec/sftp-server" \
	    "$obj/sshd_config.out"
	rm -f "$work/key" "$work/key.pub"
	"$obj/ssh-keygen" -q -t ed25519 -N '' -f "$work/key"
	for side in ssh sshd; do
		case $side in
		ssh)	source=readconf.c ;;
		sshd)	source=servconf.c ;;
		esac
		keywords "$release/$source" >"$work/release"
		{
			keywords "$tree/$source" | comm -13 "$work/release" -
			listed "$tree/hpn-options.h" $side
		} >"$work/ours"
		[ -s "$work/ours" ] || {
			bad "$base: $source has no option of ours"
			continue
		}
		page=$work/merged/${side}_config.5
		sample=$work/merged/${side}_config
		printf 'HostKey %s\n' "$work/key" >"$work/empty.sshd"
		: >"$work/empty.ssh"
		cp "$work/empty.$side" "$work/one"
		case $side in
		ssh)	set -- "$obj/ssh" -G -F "$work/one" host ;;
		sshd)	set -- "$obj/sshd" -T -f "$work/one" ;;
		esac
		"$@" >"$work/default" 2>"$work/said" || {
			bad "$base: $* fails: $(head -n 1 "$work/said")"
			continue
		}
		while read -r key code; do
			name=$(sed -n 's/^\.It Cm //p' "$page" |
			    awk -v k="$key" 'tolower($1) == k { print $1; exit }')
			[ -n "$name" ] || {
				bad "$base: ${page##*/} has no item $key"
				continue
			}
			case " $all " in
			*" $name "*)	;;
			*)	all="$all $name" ;;
			esac
			if [ $side = ssh ]; then
				echo "$name" >>"$work/client"
				for one in ssh scp sftp; do
					holds "$base: $name in $one.1, behind -o" \
					    grep -qx "\.It $name" "$work/merged/$one.1"
				done
			fi
			holds "$base: $name in ${page##*/}" in_page "$page" "$name"
			holds "$base: $name in $side -${side#ss}, as $key" \
			    grep -q "^$key " "$work/default"
			cp "$work/empty.$side" "$work/one"
			holds "$base: $name in ${sample##*/}" \
			    in_sample "$sample" "$name" "$work/default" "$@"
			if [ $side = sshd ] && { [ "$code" = hpn ] || grep -q \
			    "\"$key\", *$code, *SSHCFG_ALL" "$tree/$source"; }
			then
				holds "$base: $name in the list of Match" \
				    in_match "$page" "$name"
			fi
		done <"$work/ours"
	done
	for program in ssh scp sftp ssh-keygen ssh-agent sshd sftp-server; do
		case $program in
		sshd|sftp-server)	page=$tree/$program.8 ;;
		*)	page=$tree/$program.1 ;;
		esac
		[ ! -f "$work/merged/${page##*/}" ] ||
			page=$work/merged/${page##*/}
		letters "$release/$program.c" >"$work/release"
		letters "$tree/$program.c" | comm -13 "$work/release" - \
		    >"$work/letters"
		while read -r l; do
			holds "$base: $program -$l in ${page##*/}" \
			    grep -qE "^\.It Fl $l( |$)" "$page"
			holds "$program -$l in README.hpn" \
			    grep -qE "(^|[^A-Za-z-])-$l( |,|\$)" "$readme"
			case $program in
			ssh|scp|sftp)	;;
			*)	continue ;;
			esac
			for shell in bash zsh; do
				holds "$program -$l in hpn-completion.$shell" \
				    grep -qE -e "-$l([^A-Za-z]|\$)" \
				    "$root/src/hpn-completion.$shell"
			done
		done <"$work/letters"
	done
done
[ -n "$all" ] || {
	bad "nothing of ours was found"
	echo "$passed passed, $failed failed, $skipped skipped"
	exit 1
}
echo "options:$all"

for name in $all; do
	holds "$name in README.hpn" explained "$name"
done
sed -n 's/^	{ "\([a-z]*\)", __VA_ARGS__ }.*/\1/p' "$root/src/hpn-options.h" |
    while read -r key; do
	grep -iqw "$key" "$readme" || echo "$key"
done >"$work/foreign"
holds "keywords of HPN-SSH that mean nothing here are in README.hpn" \
    sh -c 'cat "$1"; [ ! -s "$1" ]' sh "$work/foreign"
grep -hoE '[a-z0-9-]+@openssh-hpn' "$root"/src/*.[ch] "$root"/patches/*.patch |
    sort -u | while read -r name; do
	grep -qF "\"$name\"" "$root/src/PROTOCOL.hpn" || echo "$name"
done >"$work/wire"
holds "names on the wire are in PROTOCOL.hpn" \
    sh -c 'cat "$1"; [ ! -s "$1" ]' sh "$work/wire"

# ---------------------------------------------------------------------------
# A stock ssh, and the line that README.hpn gives

if [ -x "$stock" ]; then
	sed -n 's/^ *\(IgnoreUnknown .*\)/\1/p' "$readme" | head -n 1 >"$work/line"
	obj=$build/obj/hpn-debian
	"$obj/ssh" -G -F none host 2>/dev/null >"$work/default" || :
	sort -u "$work/client" | while read -r name; do
		awk -v n="$name" 'tolower(n) == $1 { print n, $2 }' "$work/default"
	done >"$work/options"
	cat "$work/line" "$work/options" >"$work/with-line"
	holds "stock ssh reads all of them after: $(cat "$work/line")" \
	    "$stock" -G -F "$work/with-line" host
	while read -r name value; do
		echo "$name $value" >"$work/one"
		# Or the line would not be needed, and this would not be a test.
		holds "stock ssh does not know $name" sh -c '! "$@"' sh "$stock" \
		    -G -F "$work/one" host
	done <"$work/options"
else
	echo "skip  stock ssh: not built (make stock)"
	skipped=$((skipped + 1))
fi

# ---------------------------------------------------------------------------
# The Tab key

cut_one() {
	echo "${1%?}"
}
while read -r name value; do
	echo "ssh -o $(cut_one "$name") => ssh -o $name="
	echo "scp -o$(echo "$name" | tr A-Z a-z) => scp -o$name="
	echo "sftp -vo $(cut_one "$name") => sftp -vo $name="
	case $value in
	yes|no)	echo "scp -o $name=y => scp -o $name=yes" ;;
	auto)	echo "ssh -o $name=a => ssh -o $name=auto" ;;
	esac
done <"$work/options" | awk '
# Where one name begins another a Tab cannot know which is meant.
	{ line[NR] = $0; split($0, p, " => "); typed[NR] = tolower(p[1])
	  full[NR] = tolower(p[2]) }
	END {
		for (i = 1; i <= NR; i++) {
			n = 0
			for (j = 1; j <= NR; j++)
				if (full[j] != full[i] &&
				    index(full[j], typed[i]) == 1 &&
				    full[j] !~ /=./)
					n++
			if (n == 0 || full[i] ~ /=./)
				print line[i]
		}
	}' >"$work/cases"
# And what the shells know of stock's is still there.
cat >"$work/stock-cases" <<'END'
ssh -o ForwardA => ssh -o ForwardAgent=
scp -o ForwardAgent=y => scp -o ForwardAgent=yes
ssh -o Bogus => ssh -o Bogus
scp -X resume=r => scp -X resume=replace
sftp -X verify=y => sftp -X verify=yes
/usr/bin/ssh -o HPNDis => /usr/bin/ssh -o HPNDisabled=
END
cat "$work/cases" "$work/stock-cases" >"$work/both-cases"
system=/usr/share/bash-completion/bash_completion

# tab WHAT ARGS...: complete.py with these.
tab() {
	what=$1 input=$2
	shift 2
	rc=0
	"$root/check/complete.py" "$@" <"$input" >"$work/tab" 2>&1 || rc=$?
	case $rc in
	0)	passed=$((passed + 1))
		echo "ok    $what: $(tail -n 1 "$work/tab")" ;;
	77)	skipped=$((skipped + 1))
		echo "skip  $what: $(tail -n 1 "$work/tab")" ;;
	*)	bad "$what"
		sed 's/^/      | /' "$work/tab" ;;
	esac
}
if ! command -v python3 >/dev/null; then
	echo "skip  completion: python3, which presses the keys, is not installed"
	skipped=$((skipped + 1))
else
	tab 'bash without bash-completion' "$work/cases" \
	    bash "$root/src/hpn-completion.bash"
	if [ -f "$system" ]; then
		tab 'bash with bash-completion' "$work/both-cases" \
		    bash "$root/src/hpn-completion.bash" "$system"
	else
		echo "skip  bash-completion: not installed"
		skipped=$((skipped + 1))
	fi
	tab zsh "$work/both-cases" zsh "$root/src/hpn-completion.zsh"
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
