# The habits of the project, a line or two each over cargo and the scripts.

TARGET = x86_64-unknown-linux-musl
BINARY = target/$(TARGET)/release/daemontools
PREFIX = /usr/local
DESTDIR =
# Where `make install` puts /command and /service; empty for neither.
ROOTLINKS = yes

.PHONY: build run test chaos bench vm install install-package rpm cargo-rpm repo clean

# The release binary, and one link per command in target/command.
build:
	rustup target list --installed | grep -qx $(TARGET) || rustup target add $(TARGET)
	cargo build --release --target $(TARGET)
	rm -rf target/command && mkdir -p target/command
	$(BINARY) | awk 'NR > 1 { print $$1 }' | while read -r name; do \
	  ln -s ../$(TARGET)/release/daemontools target/command/$$name; done

# A scan directory with a sample service under target/, scanned in the foreground until Ctrl-C.
run: build
	packaging/run-sample

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

# The whole story in a virtual machine of vagrant/machines, as root; installs none of what it needs.
MACHINE = debian
vm:
	vagrant/run $(MACHINE)

install: build
	install -D $(BINARY) $(DESTDIR)$(PREFIX)/libexec/daemontools-rs/daemontools
	install -d $(DESTDIR)$(PREFIX)/bin
	for name in $$(ls target/command); do \
	  ln -sf ../libexec/daemontools-rs/daemontools $(DESTDIR)$(PREFIX)/bin/$$name; done
	for page in packaging/man/*.[78]; do \
	  install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; done
	if [ -n "$(ROOTLINKS)" ]; then install -d $(DESTDIR)/command $(DESTDIR)/service; \
	  for name in $$(ls target/command); do \
	    ln -sf $(PREFIX)/libexec/daemontools-rs/daemontools $(DESTDIR)/command/$$name; done; fi

# What a package holds: all that, the files for the inits, the licences and two sample services.
DOCUMENTS = $(DESTDIR)$(PREFIX)/share/doc/daemontools-rs
install-package: install
	install -D -m 755 initscripts/daemontools-rs.init \
	  $(DESTDIR)$(PREFIX)/libexec/daemontools-rs/init-script
	install -D -m 644 -t $(DESTDIR)/etc/init initscripts/daemontools-rs.conf initscripts/daemontools-rs-stop.conf
	install -D -m 644 initscripts/daemontools-rs.service \
	  $(DESTDIR)$(PREFIX)/lib/systemd/system/daemontools-rs.service
	install -D -m 644 initscripts/sysconfig $(DESTDIR)/etc/sysconfig/daemontools-rs
	install -d $(DOCUMENTS)
	install -m 644 README.md packaging/CHANGELOG.md packaging/LICENSE-* $(DOCUMENTS)
	cd packaging/services && find . -type f | while read -r file; do \
	  mode=644; [ ! -x $$file ] || mode=755; \
	  install -D -m $$mode $$file $(DOCUMENTS)/services/$$file; done

# The RPM, into target/rpm.
rpm: build
	packaging/build-rpm spec

# The same by cargo-generate-rpm, from Cargo.toml, into target/rpm/cargo.
cargo-rpm: build
	packaging/build-rpm cargo

# A yum repository in target/repo, signed with the RSA key KEY, to be served as BASEURL.
KEY =
BASEURL =
repo: rpm
	packaging/make-repository "$(KEY)" "$(BASEURL)"

clean:
	cargo clean
