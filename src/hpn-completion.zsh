#compdef ssh slogin=ssh scp yscp=scp sftp dmscp
# SPDX-License-Identifier: ISC
# openssh-hpn: zsh completion of what ssh, scp and sftp have beside stock
# OpenSSH's options: names and values after -o and -X. Everything else is left to
# zsh's own _ssh. Installed as _openssh_hpn in a folder of $fpath that stands
# before zsh's own functions, as site-functions and Debian's vendor-completions do.

_openssh_hpn_options() {
  local PREFIX="$PREFIX" IPREFIX="$IPREFIX" SUFFIX="$SUFFIX" ISUFFIX="$ISUFFIX"
  local expl
  local -a names

  if [[ $service == (scp|sftp) && "$words[CURRENT-1]" == -X ]]; then
    _wanted values expl 'transfer option' compadd channels=auto \
      channels=1 connections=auto connections=8 resume=check \
      resume=replace resume=size verify=yes \
      verify=no existing=skip existing=fail update=yes update=size \
      update=verify fsync=yes status=detailed \
      sparse=yes preserve=hardlinks follow=yes dryrun=yes nospace=wait log= files-from= include= exclude=
    return
  fi
  if [[ $service == scp && "$PREFIX" == (-|-Z|-j) ]]; then
    _wanted options expl option compadd -- -Z -j
    return
  fi
  if [[ $service == sftp && "$PREFIX" == (-|-j) ]]; then
    _wanted options expl option compadd -- -j
    return
  fi
  if [[ "$words[CURRENT-1]" != -[A-Za-z0-9]#o ]]; then
    # -oName, in one word
    [[ "$PREFIX" = -o* ]] && compset -P '-o' || return 1
  fi
  if compset -P 1 '*='; then
    case "${${IPREFIX##*-o}%=}" in
    (#i)(hpndisabled|tcprcvbufpoll|disablemtaes|noneenabled|nonemacenabled|noneswitch|hpnfastconnect|happyeyes|usemptcp|hpnreport|metrics))
      _wanted values expl 'truth value' compadd yes no
      ;;
    (#i)hpnthreads)
      _wanted values expl 'threads' compadd auto 0 1 2 4 8 ring:2
      ;;
    (#i)zstdlevel)
      _wanted values expl 'level' compadd 1 3 6 9 19
      ;;
    (#i)hpnratelimit)
      _wanted values expl 'bytes in a second' compadd 0 1M 10M 100M
      ;;
    (#i)metricsinterval)
      _wanted values expl 'seconds' compadd 1 5 60
      ;;
    (#i)(hpnreportfile|metricspath))
      _files
      ;;
    (#i)happydelay)
      _wanted values expl 'milliseconds' compadd 100 250 500
      ;;
    (#i)hpncongestion)
      _wanted values expl 'congestion control' compadd none \
        $(cat /proc/sys/net/ipv4/tcp_allowed_congestion_control 2>/dev/null)
      ;;
    (#i)hpnwindowmax)
      _wanted values expl 'bytes' compadd 2M 16M 64M 128M 256M 500M
      ;;
    (#i)hpnmemorymax)
      _wanted values expl 'bytes' compadd 16M 64M 256M 512M 1G
      ;;
    *)
      return 1
      ;;
    esac
    return
  fi
  names=(
    HPNDisabled HPNFastConnect HPNMemoryMax HPNReport HPNThreads HPNWindowMax
    TcpRcvBufPoll DisableMTAES NoneEnabled NoneMacEnabled NoneSwitch
    HappyEyes HappyDelay UseMPTCP HPNCongestion HPNRateLimit ZstdLevel
    HPNReportFile Metrics MetricsInterval MetricsPath
  )
  _wanted values expl 'configure file option' \
    compadd -M 'm:{a-z}={A-Z}' -q -S '=' -a names
}

# dmscp is ours alone.
_openssh_hpn_dmscp() {
  if [[ $PREFIX != -* ]]; then
    _default
    return
  fi
  compadd -- -r -w -s -u -p -d -f -F -S -T -q -v -o -J -i -buffer -checksum \
    -clear -encrypt -force -fsync -nochecksum -onclose -onopen -prefix \
    -program -R -resume -sha256 -sink -size -source -ssh-config -subsystem \
    -wsz -migrate -release
}

_openssh_hpn() {
  setopt localoptions extendedglob
  if [[ $service == dmscp ]]; then
    _openssh_hpn_dmscp
    return
  fi
  local ret=1

  _openssh_hpn_options && ret=0
  _ssh "$@" && ret=0
  return ret
}

_openssh_hpn "$@"
