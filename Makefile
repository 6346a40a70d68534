# The habits of the project, a line or two each over cargo and the scripts.

# The static target of this machine's architecture. Packages are made for x86_64 alone.
TARGET := $(shell uname -m)-unknown-linux-musl
BINARY = target/$(TARGET)/release/daemontools
SVCTL = target/$(TARGET)/release/svctl
PREFIX = /usr/local
DESTDIR =
# Where `make install` puts /command and /service; empty for neither.
ROOTLINKS = yes

.PHONY: build run check test chaos mutants bench vm install install-daemontools install-svctl uninstall install-package notices rpm cargo-rpm repo clean

# svctl runs for a moment and is full of words: small goes before fast, but for the search through logs.
SMALLER = --config 'profile.release.opt-level = "z"' --config 'profile.release.package.memchr.opt-level = 3'

# The release binary, and one link per command in target/command. It holds no path of its builder's,
# those of the sources of its crates included.
# Two calls: what svctl needs never comes into daemontools. A panic ends our programs at once, so both
# go without the tables that unwind a stack: a tenth of the package.
REGISTRY = $${CARGO_HOME:-$$HOME/.cargo}/registry/src
COMPILE = env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS cargo build --release --locked --target $(TARGET) --config "target.$(TARGET).rustflags = [ \
	  '-Clink-arg=-Wl,--no-eh-frame-hdr', $$(for place in "$(REGISTRY)"/*; do printf '"--remap-path-prefix=%s=registry",' "$$place"; done)]"
build:
	@packaging/toolchain $(TARGET)
	cargo fetch --quiet --locked --target $(TARGET)
	$(COMPILE) --bin daemontools
	$(COMPILE) --bin svctl --features svctl $(SMALLER)
	@for program in $(BINARY) $(SVCTL); do ! objdump -h $$program | grep -q eh_frame || \
	  objcopy --remove-section .eh_frame --remove-section .gcc_except_table $$program; done
	rm -rf target/command && mkdir -p target/command
	$(BINARY) | awk 'NR > 1 { print $$1 }' | while read -r name; do \
	  ln -s ../$(TARGET)/release/daemontools target/command/$$name; done

# A scan directory with a sample service under target/, scanned in the foreground until Ctrl-C.
run: build
	packaging/run-sample

# What one runs before each commit: style, lints, and `cargo test`. No root, about two minutes once it is built.
check:
	cargo fmt --check
	cargo clippy --quiet --all-targets --all-features --locked -- -D warnings
	cargo clippy --quiet --lib --bins --all-features --locked -- -D warnings -D clippy::incompatible_msrv
	cargo test --quiet --locked

# Everything: says what it will install, installs it, and runs every test there is.
test:
	tests/run

# Ours against Debian's daemontools, runit and s6: one table. Static, as its service is too.
# ROWS leaves some out (`make bench ROWS=tai64n`).
bench: build
	cargo bench --quiet --target $(TARGET) --bench bench -- $(ROWS)

# The kill test for SECONDS, and the same, shorter, on 0.76, runit and s6.
SECONDS = 600
chaos: build
	cargo test --quiet --target $(TARGET) --features system --test chaos -- $(SECONDS) --peers

# The pure files, mutated: what their unit tests do not catch (cargo install cargo-mutants). It ends with
# 3 where none is missed but some make the tests run for ever, which it then ends. Faults elsewhere, each
# with the suite that catches it: tests/mutants/run.
mutants:
	cargo mutants --in-place --output target || [ $$? = 3 ]

# The whole story in a virtual machine of vagrant/machines, as root; installs none of what it needs.
MACHINE = debian
vm:
	vagrant/run $(MACHINE)

install: build install-daemontools install-svctl

install-daemontools:
	install -D $(BINARY) $(DESTDIR)$(PREFIX)/libexec/daemontools-rs/daemontools
	install -d $(DESTDIR)$(PREFIX)/bin
	for name in daemontools $$(ls target/command); do \
	  ln -sf ../libexec/daemontools-rs/daemontools $(DESTDIR)$(PREFIX)/bin/$$name; done
	for page in packaging/man/*.[78]; do \
	  install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; done
	if [ -n "$(ROOTLINKS)" ]; then install -d $(DESTDIR)/command $(DESTDIR)/service; \
	  for name in $$(ls target/command); do \
	    ln -sf $(PREFIX)/libexec/daemontools-rs/daemontools $(DESTDIR)/command/$$name; done; fi

# svctl is a file of its own, and not in /command, which is 0.76's.
install-svctl:
	install -D $(SVCTL) $(DESTDIR)$(PREFIX)/bin/svctl
	install -D -m 644 packaging/completions/svctl.bash $(DESTDIR)/etc/bash_completion.d/svctl
	install -D -m 644 packaging/completions/_svctl $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_svctl

# Takes away what `make install` put there, and nothing else: links that lead elsewhere stay.
uninstall:
	for directory in $(DESTDIR)$(PREFIX)/bin $(DESTDIR)/command; do for link in $$directory/*; do \
	  case $$(readlink $$link) in \
	    ../libexec/daemontools-rs/daemontools | $(PREFIX)/libexec/daemontools-rs/daemontools) rm -f $$link ;; \
	  esac; done; done
	rm -f $(DESTDIR)$(PREFIX)/libexec/daemontools-rs/daemontools
	if "$(DESTDIR)$(PREFIX)/bin/svctl" --help 2>/dev/null | grep -q 'svctl(8)'; then rm -f $(DESTDIR)$(PREFIX)/bin/svctl \
	  $(DESTDIR)/etc/bash_completion.d/svctl $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_svctl; fi
	cd packaging/man && rm -f $$(for page in *.[78]; do echo $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$$page; done)
	-rmdir $(DESTDIR)$(PREFIX)/libexec/daemontools-rs $(DESTDIR)/command $(DESTDIR)/service 2>/dev/null

# What a package holds: all that, the manual pages compressed, the files for the inits, licences and
# notices, the schemas of svctl's JSON, and two sample services.
DOCUMENTS = $(DESTDIR)$(PREFIX)/share/doc/daemontools-rs
install-package: build install-daemontools install-svctl
	gzip --force --no-name --best $(DESTDIR)$(PREFIX)/share/man/man[78]/*
	install -D -m 755 initscripts/daemontools-rs.init \
	  $(DESTDIR)$(PREFIX)/libexec/daemontools-rs/init-script
	packaging/scriptlets target/rpm/scriptlets $$($(BINARY) | awk 'NR > 1 { print $$1 }')
	install -m 755 target/rpm/scriptlets/init-files $(DESTDIR)$(PREFIX)/libexec/daemontools-rs/init-files
	install -D -m 644 -t $(DESTDIR)/etc/init initscripts/daemontools-rs.conf initscripts/daemontools-rs-stop.conf
	install -D -m 644 initscripts/daemontools-rs.service \
	  $(DESTDIR)$(PREFIX)/lib/systemd/system/daemontools-rs.service
	install -D -m 644 initscripts/sysconfig $(DESTDIR)/etc/sysconfig/daemontools-rs
	install -d $(DOCUMENTS)
	install -m 644 README.md packaging/CHANGELOG.md packaging/NOTICES packaging/LICENSE-* packaging/doc/*.json $(DOCUMENTS)
	cd packaging/services && find . -type f | while read -r file; do \
	  mode=644; [ ! -x $$file ] || mode=755; \
	  install -D -m $$mode $$file $(DOCUMENTS)/services/$$file; done

# Writes packaging/NOTICES anew, when the dependencies or the toolchain have changed.
notices:
	packaging/make-notices

# The RPM, into target/rpm.
rpm: build
	packaging/build-rpm spec

# One by cargo-generate-rpm, from Cargo.toml, into target/rpm/cargo. It cannot carry links and empty
# directories: the scriptlets make them, and rpm -qf does not know them.
cargo-rpm: build
	packaging/build-rpm cargo

# A yum repository in target/repo, signed with the RSA key KEY, to be served as BASEURL.
KEY =
BASEURL =
repo: rpm
	packaging/make-repository "$(KEY)" "$(BASEURL)"

clean:
	cargo clean
