# After the files: directories and links, for a package that cannot carry them. What is there
# already stays. All else waits for %posttrans: in an installation from scratch, initscripts and
# the init itself may be unpacked after us.
#include rpm/links.sh
mkdir -p /command /service
for name in @COMMANDS@; do
  is_our_link "/command/$name" || ln -sf /usr/libexec/daemontools-rs/daemontools "/command/$name"
  is_our_link "/usr/bin/$name" || ln -sf ../libexec/daemontools-rs/daemontools "/usr/bin/$name"
done
exit 0
