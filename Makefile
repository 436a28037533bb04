# SPDX-License-Identifier: ISC
# openssh-hpn: the front door. `make` alone prints what there is. All work is done
# by the scripts in base/, lab/ and regress/; everything made lies below build/.

BASE = debian
# Variables given on the command line reach the scripts by the environment.
HPN_GOAL = $@
export BASE HPN_GOAL

.PHONY: help demo check check-full bench bench-dmscp peers why many-nodes build stock install tree refresh update dist \
	deb deb-check rpm dist-check check-differential check-series check-prefixes series-size rebase clean distclean

help:
	@echo 'openssh-hpn: OpenSSH for long, fat networks, as a patch series.'
	@echo
	@echo 'make demo       set up, build, and copy a file over an emulated 100 ms'
	@echo '                1 Gbit/s link with ours and with stock: one table'
	@echo 'make check      set up, build, and run the tests'
	@echo 'make check-full the slow tests as well; check/README.md says which'
	@echo 'make bench      measure everything on emulated links, with plots'
	@echo 'make bench-dmscp  dmscp beside ssh, mbuffer and rsync; lab/dmscp.sh'
	@echo 'make peers      try and measure other SSH programs with ours: a table'
	@echo 'make many-nodes    a tree from four nodes of a Slurm made here; one dies'
	@echo 'make why        put causes of slow transfers in, and count right verdicts'
	@echo
	@echo 'make build      compile; the result is build/stage/hpn-BASE/bin/ssh ...'
	@echo 'make install    PREFIX=/usr/local DESTDIR= SYSCONFDIR=PREFIX/etc'
	@echo 'make dist       a release tarball: ./configure && make && make install'
	@echo 'make deb        Debian packages, drop-in for those of Debian, built in a'
	@echo '                Debian root of its own (root only)'
	@echo 'make rpm        packages for Fedora and relatives, from the tarball'
	@echo 'make deb-check  upgrade a booted Debian to those packages and back;'
	@echo 'make dist-check build, test and run the tarball there (root only)'
	@echo
	@echo 'make tree       the fork as a git repository, build/tree/BASE: edit there,'
	@echo '                commit or amend, then'
	@echo 'make refresh    writes the commits back to patches/, our files to src/'
	@echo '                and regress/'
	@echo 'make check-differential  commands with ours and with stock, compared'
	@echo 'make check-series    the series fits both bases and means the same'
	@echo 'make check-prefixes  each patch builds with its predecessors alone'
	@echo 'make series-size     lines that each patch adds to stock files and removes'
	@echo 'make rebase TARBALL=openssh-RELEASE.tar.gz SHA256=...   the series onto a'
	@echo '                newer release; docs/rebase.md. Or BASE=10.3'
	@echo 'make update     ask for a newer Debian revision of the base'
	@echo 'make clean      remove build/ but for the downloads; distclean: all of it'
	@echo
	@echo 'BASE=debian     (default) the release with the patches of Debian'
	@echo 'BASE=upstream   the pristine release'
	@echo 'BASE=10.3       a newer release, from base/version-10.3'
	@echo 'DISCARD=1       with tree: throw away work in it; FORCE=1 with refresh:'
	@echo '                overwrite edits of patches/'
	@echo 'OPENSSH_TARBALL=FILE DEBIAN_TARBALL=FILE    for a machine without a mirror'
	@echo 'OPENSSH_URL=URL with BASE=upstream          for one that is not Debian'
	@echo 'CC= CFLAGS= CPPFLAGS= LDFLAGS= JOBS=        as usual'
	@echo 'DEPS=skip       do not look for missing packages'

demo:
	@base/deps.sh build lab
	@base/build.sh hpn "$$BASE"
	@base/build.sh stock "$$BASE"
	@lab/demo.sh

bench:
	@base/deps.sh build lab
	@base/build.sh hpn "$$BASE"
	@base/build.sh stock "$$BASE"
	@lab/bench.sh

bench-dmscp:
	@base/deps.sh build lab
	@base/build.sh hpn "$$BASE"
	@base/build.sh stock "$$BASE"
	@lab/dmscp.sh

peers:
	@base/deps.sh build lab
	@base/build.sh hpn "$$BASE"
	@base/build.sh stock "$$BASE"
	@lab/peers.sh

why:
	@base/deps.sh build lab
	@base/build.sh hpn "$$BASE"
	@base/build.sh stock "$$BASE"
	@lab/why.sh

many-nodes:
	@base/deps.sh build lab nodes
	@base/build.sh hpn "$$BASE"
	@lab/many-nodes.sh

check:
	@base/deps.sh build lab check
	@check/check.sh

check-full:
	@base/deps.sh build lab check
	@check/check.sh --full

check-differential:
	@base/deps.sh build lab check
	@base/build.sh hpn "$$BASE"
	@base/build.sh stock "$$BASE"
	@check/differential.sh

build:
	@base/deps.sh build
	@base/build.sh hpn "$$BASE"

stock:
	@base/deps.sh build
	@base/build.sh stock "$$BASE"

install:
	@base/deps.sh build
	@base/build.sh install "$$BASE"

tree:
	@base/deps.sh build
	@base/tree.sh tree "$$BASE"
	@echo "openssh-hpn: the fork tree is build/tree/$$BASE"

refresh:
	@base/deps.sh build
	@base/refresh.sh "$$BASE"

update:
	@base/deps.sh build
	@base/fetch.sh debian --update

dist:
	@base/deps.sh build
	@base/dist.sh "$$BASE"

deb:
	@base/deps.sh build deb
	@packaging/deb.sh

deb-check:
	@base/deps.sh build deb
	@packaging/deb.sh
	@packaging/deb-check.sh

rpm:
	@base/deps.sh build rpm
	@packaging/rpm.sh

dist-check:
	@base/deps.sh build deb
	@packaging/dist-check.sh $(if $(FULL),--full)

check-series:
	@base/deps.sh build
	@base/check-series.sh

series-size:
	@base/series-size.sh

rebase:
	@base/deps.sh build
	@base/rebase.sh $(if $(TARBALL),"$(TARBALL)" "$(SHA256)","$$BASE")

check-prefixes:
	@base/deps.sh build
	@base/check-prefixes.sh "$$BASE"

clean:
	@base/clean.sh

distclean:
	@base/clean.sh --all
