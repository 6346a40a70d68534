exists() { [ -e "$1" ] || [ -L "$1" ]; }
# As the package makes them; those of `make install` lead elsewhere.
is_our_link() {
  case $(readlink "$1") in
    /usr/libexec/daemontools-rs/daemontools) ;;
    ../libexec/daemontools-rs/daemontools) [ "${1%/*}" = /usr/bin ] ;;
    *) false ;;
  esac
}
