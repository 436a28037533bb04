#!/bin/sh
# SPDX-License-Identifier: ISC
#
# What the compiler's own symbol tables say of the files of src/.
#
# usage: check/symbols.sh names [BASE]     an exported name leads to its file
#        check/symbols.sh circles [BASE]   files call each other in one direction
#
# names: what hpn-x-y.c exports is called hpn_x_y or begins with hpn_x_y_, and
# no other file has the longer name that it begins with.  A static name is bare:
# it begins with no file's name.
#
# circles: a file that uses another must not be used by it, be it by way of
# others.  A table of functions that a caller hands over is no use of the file
# that has made it: that is how a lower file calls back.
#
# BASE: whose objects are looked at, those of `make build` (default: debian).
# Exit status: 0 if nothing is wrong, 1 if something is, 2 for bad usage.

set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
BASE=${2:-debian}
obj=$root/build/obj/hpn-$BASE

# Names that may not lead to their file, each with the reason:
#   FILE NAME REASON
exceptions='dmscp main a program begins with it
dmscp cleanup_exit what OpenSSH calls to end a program
hpn-chachapoly-cipher chachapoly_new declared in cipher-chachapoly.h
hpn-chachapoly-cipher chachapoly_free declared in cipher-chachapoly.h
hpn-chachapoly-cipher chachapoly_crypt declared in cipher-chachapoly.h
hpn-chachapoly-cipher chachapoly_get_length declared in cipher-chachapoly.h
yscp main a program begins with it
yscp cleanup_exit what OpenSSH calls to end a program'

# Prints FILE TYPE NAME for each symbol of each of our objects.
symbols() {
	for c in "$root"/src/*.c; do
		f=${c##*/} f=${f%.c}
		if [ ! -f "$obj/$f.o" ]; then
			echo "symbols: $obj/$f.o is not built: make build first" >&2
			exit 1
		fi
		nm "$obj/$f.o" | awk -v f="$f" '{ print f, $(NF - 1), $NF }'
	done
}

names() {
	symbols | awk -v exceptions="$exceptions" '
	function prefix(f) { gsub(/-/, "_", f); return f }
	function owner(name,    f, p, best) {
		best = ""
		for (f in file) {
			p = prefix(f)
			if ((name == p || index(name, p "_") == 1) &&
			    length(p) > length(prefix(best)))
				best = f
		}
		return best
	}
	BEGIN {
		n = split(exceptions, line, "\n")
		for (i = 1; i <= n; i++) {
			split(line[i], word, " ")
			allowed[word[1] " " word[2]] = 1
		}
	}
	{ file[$1] = 1; all[NR] = $0 }
	END {
		for (i = 1; i <= NR; i++) {
			split(all[i], s, " ")
			o = owner(s[3])
			if (s[2] ~ /^[A-TV-Z]$/ && (s[1] " " s[3]) in allowed)
				seen[s[1] " " s[3]] = 1
			else if (s[2] ~ /^[A-TV-Z]$/ && o == "")
				print s[1] ".c exports " s[3] \
				    ": the name begins with no file"
			else if (s[2] ~ /^[A-TV-Z]$/ && o != s[1])
				print s[1] ".c exports " s[3] \
				    ": the name leads to " o ".c"
			# The compiler names what it made of a function NAME.PART
			else if (s[2] ~ /^[a-tv-z]$/ && s[2] != "w" &&
			    s[3] !~ /\./ && o != "")
				print s[1] ".c: " s[3] \
				    " is static: a bare name will do"
			if (s[2] ~ /^[A-TV-Z]$/)
				count++
		}
		for (e in allowed)
			if (e != " " && !(e in seen))
				print "not needed any more: the exception " e
		print count + 0 " exported names" >"/dev/stderr"
	}'
}

circles() {
	symbols | awk -v exceptions="$exceptions" '
	BEGIN {
		n = split(exceptions, line, "\n")
		for (i = 1; i <= n; i++) {
			split(line[i], word, " ")
			allowed[word[1] " " word[2]] = 1
		}
	}
	# A name of each program of OpenSSH leads to none of our files
	$2 ~ /^[A-TV-Z]$/ && !(($1 " " $3) in allowed) { home[$3] = $1 }
	$2 == "U" { uses[NR] = $1 " " $3 }
	END {
		for (i in uses) {
			split(uses[i], u, " ")
			if (u[2] in home && home[u[2]] != u[1])
				print u[1], home[u[2]], u[2]
		}
	}' | sort >"$work/uses"
	# What is left when files that use none, or that none uses, are taken away
	# again and again
	awk '
	{ if (!(($1 " " $2) in edge)) edge[$1 " " $2] = $3 }
	END {
		do {
			gone = 0
			split("", from)
			split("", to)
			for (e in edge) {
				split(e, f, " ")
				from[f[1]] = to[f[2]] = 1
			}
			for (e in edge) {
				split(e, f, " ")
				if (!(f[1] in to) || !(f[2] in from)) {
					delete edge[e]
					gone = 1
				}
			}
		} while (gone)
		for (e in edge) {
			split(e, f, " ")
			print f[1] ".c uses " f[2] ".c: " edge[e]
		}
	}' "$work/uses" | sort
	echo "$(cut -d' ' -f1,2 "$work/uses" | sort -u | wc -l) uses of one" \
	    "file by another" >&2
}

case ${1-}.$# in
names.[12]|circles.[12]) ;;
*)	sed -n 's/^# usage: /usage: /p;s/^#  *check\/symbols.sh/       check\/symbols.sh/p' \
	    "$0" >&2
	exit 2 ;;
esac
work=$root/build/check/symbols
mkdir -p "$work"
"$1" >"$work/faults"
bad=$(wc -l <"$work/faults")
cat "$work/faults"
case $1 in
names)	echo "$bad names that do not lead to their file" ;;
circles) echo "$bad uses that are part of a circle" ;;
esac
[ "$bad" = 0 ]
