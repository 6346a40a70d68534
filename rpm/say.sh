say() { echo "daemontools-rs: $*"; }
