# For a package that cannot carry them, and after the upgrade from one that could: what is there
# already stays.
make_links() {
  mkdir -p /command /service
  for name in @COMMANDS@; do
    is_our_link "/command/$name" || ln -sf /usr/libexec/daemontools-rs/daemontools "/command/$name"
  done
  for name in daemontools @COMMANDS@; do
    is_our_link "/usr/bin/$name" || ln -sf ../libexec/daemontools-rs/daemontools "/usr/bin/$name"
  done
}
