# What the package has to remember: that it was set up, and what its links replaced.
state=/var/lib/daemontools-rs
