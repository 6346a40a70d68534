# What the package has to remember: that it was set up, and what its links replaced.
state=/var/lib/daemontools-rs
program=/usr/libexec/daemontools-rs/daemontools
# scan_status [SECONDS]: how /service is scanned, kept, alone, foreign or absent; see svscanboot(8).
# shellcheck disable=SC2120 # not every scriptlet waits
scan_status() { "$program" svscanboot "--status${1:+=$1}" 2>/dev/null; }
