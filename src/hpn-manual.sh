#!/bin/sh
# SPDX-License-Identifier: ISC
# Merge what we add to a manual page or a sample configuration of the release, and
# give the whole to a command.
#
# usage: hpn-manual.sh AWK COMMAND [ARGUMENT ...] FILE
#
# The command gets FILE with FILE.hpn merged into it, on its standard input. If there
# is no FILE.hpn it gets FILE. The lines of FILE.hpn, in the order of FILE:
#
#   @ TEXT         a comment
#   @after LINE    what follows belongs behind the next line that is LINE
#   @before LINE   ... in front of it
#   @replace LINE  what follows takes the place of the next line that is LINE,
#   @drop LINE     ... and of the line here, which must be LINE
#   others         the text that belongs there
#
# If a LINE is not found there is no output, a message, and exit status 1. So a
# release that changed such a line is noticed.
set -eu

awk=$1
shift
n=$(($# - 1))
while [ "$n" -gt 0 ]; do
	set -- "$@" "$1"
	shift
	n=$((n - 1))
done
file=$1
shift

[ -f "$file.hpn" ] || exec "$@" <"$file"

# shellcheck disable=SC2016 # a program of awk's
whole=$("$awk" '
function wrong(why) {
	print FILENAME ": " why >"/dev/stderr"
	failed = 1
	exit 1
}
function find(line) {
	while (at <= lines && base[at] != line)
		print base[at++]
	if (at > lines)
		wrong("no such line: " line)
}
NR == FNR {
	base[++lines] = $0
	next
}
FNR == 1 { at = 1 }
/^@( |$)/ { next }
/^@after / {
	find(substr($0, 8))
	print base[at++]
	next
}
/^@before / {
	find(substr($0, 9))
	next
}
/^@replace / {
	find(substr($0, 10))
	at++
	next
}
/^@drop / {
	if (base[at] != substr($0, 7))
		wrong("not there to be left out: " substr($0, 7))
	at++
	next
}
/^@/ { wrong("unknown: " $0) }
{ print }
END {
	if (failed)
		exit 1
	while (at <= lines)
		print base[at++]
}' "$file" "$file.hpn")
printf '%s\n' "$whole" | "$@"
