# SPDX-License-Identifier: ISC
# openssh-hpn: bash completion of what ssh, scp and sftp have beside stock
# OpenSSH's options: names and values after -o and -X.   -*- shell-script -*-
#
# Everything else is left to bash-completion's own ssh, scp and sftp, which are
# loaded when they are first wanted. Those have the names "ssh", "scp" and "sftp"
# for themselves, so this is no file that is found by a command's name: it is
# read when a shell starts, out of /etc/bash_completion.d or ~/.bash_completion.

# _openssh_hpn_values OPTION: what may stand after "=", in any case.
_openssh_hpn_values()
{
	case ${1,,} in
	hpndisabled|tcprcvbufpoll|disablemtaes|noneenabled|nonemacenabled|\
	noneswitch|hpnfastconnect|happyeyes|usemptcp|hpnreport|metrics)
		echo yes no ;;
	metricsinterval)
		echo 1 5 60 ;;
	happydelay)
		echo 100 250 500 ;;
	zstdlevel)
		echo 1 3 6 9 19 ;;
	hpnratelimit)
		echo 0 1M 10M 100M ;;
	hpncongestion)
		echo none $(cat /proc/sys/net/ipv4/tcp_allowed_congestion_control \
		    2>/dev/null) ;;
	hpnthreads)
		echo auto 0 1 2 4 8 ring:2 ;;
	hpnwindowmax)
		echo 2M 16M 64M 128M 256M 500M ;;
	hpnmemorymax)
		echo 16M 64M 256M 512M 1G ;;
	esac
}

_openssh_hpn_names='HPNDisabled HPNFastConnect HPNMemoryMax HPNThreads HPNWindowMax
    TcpRcvBufPoll DisableMTAES NoneEnabled NoneMacEnabled NoneSwitch
    HappyEyes HappyDelay UseMPTCP HPNCongestion HPNRateLimit HPNReport
    ZstdLevel
    HPNReportFile Metrics MetricsInterval MetricsPath'

# What -X of scp and sftp takes, the release's own and ours.
_openssh_hpn_x_names='nrequests buffer channels connections resume verify log
    files-from include exclude existing update fsync status sparse dryrun preserve
    follow nospace'
_openssh_hpn_x_values()
{
	case $1 in
	resume)	echo check replace size ;;
	verify|fsync|sparse|dryrun) echo yes no ;;
	status)	echo plain detailed ;;
	preserve) echo hardlinks none ;;
	follow)	echo yes no ;;
	nospace) echo wait fail ;;
	channels) echo auto 1 ;;
	connections) echo auto 2 4 8 ;;
	existing) echo skip fail ;;
	update)	echo yes size verify ;;
	esac
}

# The function that completes a command without us, once it is known.
declare -A _openssh_hpn_next

# _openssh_hpn_load COMMAND: find the completion that this shell would have
# without us, and put ours in front of it. What is loaded for one command may
# define it for the others as well, and for their full paths.
_openssh_hpn_load()
{
	local command spec next

	complete -r "$1" 2>/dev/null
	if declare -F _comp_load >/dev/null; then
		_comp_load -- "$1"
	elif declare -F __load_completion >/dev/null; then
		__load_completion "$1"
	fi
	for command in ssh scp sftp $(type -P ssh scp sftp); do
		spec=$(complete -p "$command" 2>/dev/null)
		if [[ $spec =~ \ -F\ ([^\ ]+)\  ]]; then
			next=${BASH_REMATCH[1]}
			[[ $next != _openssh_hpn ]] || continue
			_openssh_hpn_next[${command##*/}]=$next
			eval "${spec/ -F $next / -F _openssh_hpn }"
		elif [[ $command == "$1" ]]; then
			_openssh_hpn_next[$1]=:
			complete -o bashdefault -o default -F _openssh_hpn "$1"
		fi
	done
}

_openssh_hpn()
{
	local command=${1##*/} line=${COMP_LINE:0:COMP_POINT} name value values word

	if [[ ! ${_openssh_hpn_next[$command]-} ]]; then
		_openssh_hpn_load "$command"
		# Begin again, by what holds now; bash does so for a bare name.
		[[ $1 != "$command" ]] || return 124
	fi
	"${_openssh_hpn_next[$command]}" "$@"

	# scp -Z, and -j of scp and sftp
	[[ $command != scp || ( $2 != - && $2 != -Z ) ]] || COMPREPLY+=(-Z)
	[[ $command == ssh || ( $2 != - && $2 != -j ) ]] || COMPREPLY+=(-j)

	# -X name, with "=" and the value's beginning: scp and sftp.
	if [[ $command != ssh &&
	    $line =~ [[:space:]]-X[[:space:]]+([a-z]*)(=([a-z]*))?$ ]]; then
		if [[ ! ${BASH_REMATCH[2]} ]]; then
			COMPREPLY=($(compgen -S = -W "$_openssh_hpn_x_names" \
			    -- "${BASH_REMATCH[1]}"))
			compopt -o nospace 2>/dev/null
			return 0
		fi
		values=$(_openssh_hpn_x_values "${BASH_REMATCH[1]}")
		word=
		[[ $COMP_WORDBREAKS == *=* ]] || word=${BASH_REMATCH[1]}=
		COMPREPLY=($(compgen -P "$word" -W "$values" \
		    -- "${BASH_REMATCH[3]}"))
		compopt +o nospace 2>/dev/null
		return 0
	fi

	# -o name, -oname, -vo name: with "=" and the value's beginning.
	[[ $line =~ [[:space:]](-[A-Za-np-z0-9]*o)([[:space:]]*)([A-Za-z]*)(=([A-Za-z0-9:]*))?$ ]] ||
	    return 0
	name=${BASH_REMATCH[3]} value=${BASH_REMATCH[5]}
	if [[ ${BASH_REMATCH[4]} ]]; then
		values=$(_openssh_hpn_values "$name")
		[[ $values ]] || return 0
		word=
		[[ $COMP_WORDBREAKS == *=* ]] || word=$name=
		COMPREPLY=($(compgen -P "$word" -W "$values" -- "$value"))
		# What stands before a colon is another word to bash.
		[[ $value != *:* || $COMP_WORDBREAKS != *:* ]] ||
		    COMPREPLY=("${COMPREPLY[@]#*:}")
		compopt +o nospace 2>/dev/null
		return 0
	fi
	[[ ${BASH_REMATCH[2]} ]] && word= || word=${BASH_REMATCH[1]}
	for value in $_openssh_hpn_names; do
		if [[ ${value,,} == "${name,,}"* ]]; then
			COMPREPLY+=("$word$value=")
			compopt -o nospace 2>/dev/null
		fi
	done
	return 0
}

complete -F _openssh_hpn ssh scp sftp

# dmscp and yscp are ours alone.
_openssh_hpn_dmscp()
{
	case $3 in
	-i|-ssh-config|-program)
		COMPREPLY=($(compgen -f -- "$2")) ;;
	*)
		COMPREPLY=($(compgen -W '-r -w -s -u -p -d -f -F -S -T -q -v -o -J
		    -i -buffer -checksum -clear -encrypt -force -fsync
		    -nochecksum -onclose -onopen -prefix -program -R -resume
		    -sha256 -sink -size -source -ssh-config -subsystem -wsz
		    -migrate -release' -- "$2")) ;;
	esac
}
complete -o default -F _openssh_hpn_dmscp dmscp
complete -o default -W '-e -C -F -i -J -l -o -P -p -q -r -v -X
    -Z -j' yscp
