exists() { [ -e "$1" ] || [ -L "$1" ]; }
is_our_link() { case $(readlink "$1") in */libexec/daemontools-rs/daemontools) ;; *) false ;; esac }
