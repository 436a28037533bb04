# SPDX-License-Identifier: ISC
# The names of our regression tests, for regress/Makefile: regress/NAME.sh each.
# "make t-exec LTESTS=NAME" runs one of them.
LTESTS+=\
	hpn-options \
	hpn-window \
	hpn-channels \
	hpn-tun \
	hpn-ciphers \
	hpn-sockets \
	hpn-rate \
	hpn-zstd \
	hpn-rekey \
	hpn-threads \
	hpn-stall \
	hpn-report hpn-report-copy \
	hpn-hostile \
	hpn-stock-client \
	hpn-stock-server \
	hpn-stock-files \
	hpn-putty \
	hpn-dropbear \
	hpn-clients \
	hpn-sftp-server \
	hpn-single \
	hpn-files \
	hpn-files-errors \
	hpn-sftp-hostile \
	hpn-sftp-random \
	hpn-resume \
	hpn-resume-cuts \
	hpn-wish \
	hpn-follow \
	hpn-cross \
	hpn-sparse \
	hpn-space \
	hpn-lanes \
	hpn-connections \
	hpn-spread \
	hpn-safety \
	hpn-connect \
	hpn-fast-open \
	hpn-guess \
	hpn-early \
	hpn-servers \
	hpn-dmscp \
	hpn-dmscp-hostile \
	hpn-dmscp-cuts \
	hpn-dmscp-command \
	hpn-yscp \
	hpn-none-refuse \
	hpn-none-names \
	hpn-disabled \
	hpn-none \
	hpn-gssapi \
	hpn-certs
