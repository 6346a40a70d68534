# After the files are gone, at erase only: links that %post made go, what %pre kept comes back,
# and the directories go if they are empty then.
#include rpm/say.sh
#include rpm/state.sh
#include rpm/links.sh
[ "$1" = 0 ] || exit 0
put_back() { # put_back COPY FILE: if nothing stands there
  if exists "$1" && ! exists "$2"; then
    { mkdir -p "${2%/*}/" && mv "$1" "$2"; } || say "unable to put back $2: it is $1"
  fi
}
put_back "$state/links/command" /command
put_back "$state/links/service" /service
for directory in /command /usr/bin; do
  for name in daemontools svctl @COMMANDS@; do
    ! is_our_link "$directory/$name" || rm -f "$directory/$name"
    put_back "$state/replaced$directory/$name" "$directory/$name"
  done
done
rm -f "$state/set-up"
rmdir "$state/replaced/usr/bin" "$state/replaced/usr" "$state/replaced/command" "$state/replaced" \
  "$state/links" "$state" /command /service 2>/dev/null
if [ -d /run/systemd/system ]; then systemctl daemon-reload >/dev/null 2>&1; fi
exit 0
