# SPDX-License-Identifier: ISC
# Everything that make(1) has to know of our files. Makefile.in includes it once,
# after the rule for "all", so a new file or test needs no change to Makefile.in.
# It keeps to what GNU's and BSD's make have in common.

# All our modules are members of libssh.a. A program takes only the members that
# it calls, whichever patches are applied.
LIBSSH_OBJS+=\
	cipher-ctr-mt.o \
	hpn-buf.o \
	hpn-chachapoly.o \
	hpn-chachapoly-cipher.o \
	hpn-channels.o \
	hpn-choose.o \
	hpn-ciphers.o \
	hpn-ciphers-default.o \
	hpn-connect.o \
	hpn-connect-ssh.o \
	hpn-connections.o \
	hpn-cpus.o \
	hpn-crypt.o \
	hpn-dm-buf.o \
	hpn-dm-child.o \
	hpn-dm-command.o \
	hpn-dm-ends.o \
	hpn-dm-flow.o \
	hpn-dm-frame.o \
	hpn-dm-get.o \
	hpn-dm-job.o \
	hpn-dm-line.o \
	hpn-dm-manifest.o \
	hpn-dm-opts.o \
	hpn-dm-place.o \
	hpn-dm-plan.o \
	hpn-dm-put.o \
	hpn-dm-reader.o \
	hpn-dm-server.o \
	hpn-dm-sftp.o \
	hpn-dm-wait.o \
	hpn-engine.o \
	hpn-guess.o \
	hpn-guess-ssh.o \
	hpn-handles.o \
	hpn-happy.o \
	hpn-happy-connect.o \
	hpn-hash.o \
	hpn-idle.o \
	hpn-lanes.o \
	hpn-lanes-ssh.o \
	hpn-loop.o \
	hpn-names.o \
	hpn-none.o \
	hpn-none-hooks.o \
	hpn-none-mac.o \
	hpn-opener.o \
	hpn-pace.o \
	hpn-options.o \
	hpn-packet-buf.o \
	hpn-person.o \
	hpn-pipe.o \
	hpn-rekey.o \
	hpn-report.o \
	hpn-report-file.o \
	hpn-resume.o \
	hpn-rtt.o \
	hpn-sealer.o \
	hpn-sftp-again.o \
	hpn-sftp-answer.o \
	hpn-sftp-ask.o \
	hpn-sftp-check.o \
	hpn-sftp-conn.o \
	hpn-sftp-connections.o \
	hpn-sftp-cross.o \
	hpn-sftp-early.o \
	hpn-sftp-full.o \
	hpn-sftp-gather.o \
	hpn-sftp-get.o \
	hpn-sftp-handles.o \
	hpn-sftp-hash.o \
	hpn-sftp-io.o \
	hpn-sftp-job.o \
	hpn-sftp-lanes.o \
	hpn-sftp-linked.o \
	hpn-sftp-meter.o \
	hpn-sftp-node.o \
	hpn-sftp-open.o \
	hpn-sftp-order.o \
	hpn-sftp-plain.o \
	hpn-sftp-put.o \
	hpn-sftp-report.o \
	hpn-sftp-save.o \
	hpn-sftp-server.o \
	hpn-sftp-source.o \
	hpn-sftp-spread.o \
	hpn-sftp-stripe.o \
	hpn-sftp-target.o \
	hpn-sftp-window.o \
	hpn-sftp-wish.o \
	hpn-socket.o \
	hpn-tcp.o \
	hpn-umac.o \
	hpn-watch.o \
	hpn-watch-ssh.o \
	hpn-why.o \
	hpn-why-wire.o \
	hpn-window.o \
	hpn-wish.o \
	hpn-workers.o \
	hpn-workers-auto.o \
	hpn-zstd.o \
	hpn-zstd-stream.o

# dmscp and yscp are programs of ours: no rule of Makefile.in knows them.
DMSCP_OBJS=dmscp.o progressmeter.o sftp-common.o $(P11OBJS) $(SKOBJS)
YSCP_OBJS=yscp.o $(P11OBJS) $(SKOBJS)

MANPAGES+=dmscp.1.out yscp.1.out
MANPAGES_IN+=dmscp.1 yscp.1
all: dmscp$(EXEEXT) dmscp.1.out yscp$(EXEEXT) yscp.1.out

dmscp$(EXEEXT): $(LIBCOMPAT) libssh.a $(DMSCP_OBJS)
	$(LD) -o $@ $(DMSCP_OBJS) $(LDFLAGS) -lssh -lopenbsd-compat -lssh -lopenbsd-compat $(LIBS) $(CHANNELLIBS) $(XXHASHLIBS)

yscp$(EXEEXT): $(LIBCOMPAT) libssh.a $(YSCP_OBJS)
	$(LD) -o $@ $(YSCP_OBJS) $(LDFLAGS) -lssh -lopenbsd-compat -lssh -lopenbsd-compat $(LIBS) $(CHANNELLIBS)

# What we say in manual pages and sample configurations of the release is merged
# into them here. HPN_MERGED are those that have a file FILE.hpn.
FIXPATHSCMD=$(SHELL) $(srcdir)/hpn-manual.sh "$(AWK)" $(SED) $(PATHSUBS)
# Debian's samples and manuals name its own folder, where install puts nothing.
PATHSUBS+=-e 's|/usr/lib/openssh/|$(libexecdir)/|g'
HPN_MERGED=scp.1 sftp.1 ssh.1 ssh_config ssh_config.5 sshd_config sshd_config.5

$(MANPAGES) $(CONFIGFILES): hpn-merged
# A pipe would hide an error.
hpn-merged: hpn-manual.sh hpn.mk $(HPN_MERGED) $(HPN_MERGED:=.hpn)
	for f in $(HPN_MERGED); do \
		$(SHELL) $(srcdir)/hpn-manual.sh "$(AWK)" cat $(srcdir)/$$f \
		    >/dev/null || exit 1; \
	done
	: >$@

# The unit tests. A new file of tests is one line here and one in tests.h.
HPN_UNITTESTS=regress/unittests/hpn
HPN_UNITTESTS_OBJS=\
	$(HPN_UNITTESTS)/tests.o \
	$(HPN_UNITTESTS)/test_window.o \
	$(HPN_UNITTESTS)/test_rtt.o \
	$(HPN_UNITTESTS)/test_tcp.o \
	$(HPN_UNITTESTS)/test_buf.o \
	$(HPN_UNITTESTS)/test_options.o \
	$(HPN_UNITTESTS)/test_rekey.o \
	$(HPN_UNITTESTS)/test_packet_buf.o \
	$(HPN_UNITTESTS)/test_sftp_window.o \
	$(HPN_UNITTESTS)/test_none_mac.o \
	$(HPN_UNITTESTS)/test_none.o \
	$(HPN_UNITTESTS)/test_workers_auto.o \
	$(HPN_UNITTESTS)/test_chachapoly.o \
	$(HPN_UNITTESTS)/test_umac.o \
	$(HPN_UNITTESTS)/test_engine.o \
	$(HPN_UNITTESTS)/test_crypt.o \
	$(HPN_UNITTESTS)/test_sealer.o \
	$(HPN_UNITTESTS)/test_ctr.o \
	$(HPN_UNITTESTS)/test_sftp_server.o \
	$(HPN_UNITTESTS)/test_sftp_io.o \
	$(HPN_UNITTESTS)/test_hash.o \
	$(HPN_UNITTESTS)/test_resume.o \
	$(HPN_UNITTESTS)/test_lanes.o \
	$(HPN_UNITTESTS)/test_connections.o \
	$(HPN_UNITTESTS)/test_handles.o \
	$(HPN_UNITTESTS)/test_connect.o \
	$(HPN_UNITTESTS)/test_leaves.o \
	$(HPN_UNITTESTS)/test_person.o \
	$(HPN_UNITTESTS)/test_dm_flow.o \
	$(HPN_UNITTESTS)/test_guess.o \
	$(HPN_UNITTESTS)/test_ciphers.o \
	$(HPN_UNITTESTS)/test_happy.o \
	$(HPN_UNITTESTS)/test_pace.o \
	$(HPN_UNITTESTS)/test_dm.o \
	$(HPN_UNITTESTS)/test_why.o \
	$(HPN_UNITTESTS)/test_watch.o \
	$(HPN_UNITTESTS)/test_report.o \
	$(HPN_UNITTESTS)/test_why_wire.o \
	$(HPN_UNITTESTS)/test_wish.o \
	$(HPN_UNITTESTS)/test_zstd.o \
	$(HPN_UNITTESTS)/test_zstd_stream.o \
	$(HPN_UNITTESTS)/test_links.o \
	$(HPN_UNITTESTS)/sim.o \
	$(P11OBJS) $(SKOBJS)

$(HPN_UNITTESTS)/test_hpn$(EXEEXT): $(HPN_UNITTESTS_OBJS) \
    regress/unittests/test_helper/libtest_helper.a libssh.a
	$(LD) -o $@ $(LDFLAGS) $(HPN_UNITTESTS_OBJS) \
	    regress/unittests/test_helper/libtest_helper.a \
	    -lssh -lopenbsd-compat -lssh -lopenbsd-compat $(TESTLIBS)

# What the rules of these names do besides.
regress-unit-binaries: regress-prep $(HPN_UNITTESTS)/test_hpn$(EXEEXT)

regress-prep: hpn-regress-prep
hpn-regress-prep:
	$(MKDIR_P) `pwd`/$(HPN_UNITTESTS)

clean distclean: hpn-clean
hpn-clean:
	rm -f dmscp$(EXEEXT) dmscp.1.out yscp$(EXEEXT) yscp.1.out hpn-merged
	rm -f $(HPN_UNITTESTS)/*.o $(HPN_UNITTESTS)/test_hpn$(EXEEXT)

install-files: hpn-install-files
hpn-install-files:
	$(MKDIR_P) $(DESTDIR)$(datarootdir)/bash-completion/completions
	$(INSTALL) -m 644 $(srcdir)/hpn-completion.bash $(DESTDIR)$(datarootdir)/bash-completion/completions/openssh-hpn
	$(MKDIR_P) $(DESTDIR)$(datarootdir)/zsh/site-functions
	$(MKDIR_P) $(DESTDIR)$(bindir)
	$(MKDIR_P) $(DESTDIR)$(mandir)/$(mansubdir)1
	$(INSTALL) -m 0755 $(STRIP_OPT) dmscp$(EXEEXT) $(DESTDIR)$(bindir)/dmscp$(EXEEXT)
	$(INSTALL) -m 644 dmscp.1.out $(DESTDIR)$(mandir)/$(mansubdir)1/dmscp.1
	$(INSTALL) -m 0755 $(STRIP_OPT) yscp$(EXEEXT) $(DESTDIR)$(bindir)/yscp$(EXEEXT)
	$(INSTALL) -m 644 yscp.1.out $(DESTDIR)$(mandir)/$(mansubdir)1/yscp.1
	$(INSTALL) -m 644 $(srcdir)/hpn-completion.zsh $(DESTDIR)$(datarootdir)/zsh/site-functions/_openssh_hpn

uninstall: hpn-uninstall
hpn-uninstall:
	-rm -f $(DESTDIR)$(bindir)/dmscp$(EXEEXT)
	-rm -f $(DESTDIR)$(mandir)/$(mansubdir)1/dmscp.1
	-rm -f $(DESTDIR)$(bindir)/yscp$(EXEEXT)
	-rm -f $(DESTDIR)$(mandir)/$(mansubdir)1/yscp.1
	-rm -f $(DESTDIR)$(datarootdir)/bash-completion/completions/openssh-hpn
	-rm -f $(DESTDIR)$(datarootdir)/zsh/site-functions/_openssh_hpn
