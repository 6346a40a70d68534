# After the files are gone, at erase only: links that %post made go, what %pre kept comes back,
# and the directories go if they are empty then.
#include rpm/say.sh
#include rpm/state.sh
#include rpm/links.sh
[ "$1" = 0 ] || exit 0
for directory in /command /usr/bin; do
  for name in @COMMANDS@; do
    file=$directory/$name saved=$state/replaced$directory/$name
    ! is_our_link "$file" || rm -f "$file"
    if exists "$saved" && ! exists "$file"; then
      { mkdir -p "$directory" && mv "$saved" "$file"; } || say "unable to put back $file: it is $saved"
    fi
  done
done
rm -f "$state/set-up"
rmdir "$state/replaced/usr/bin" "$state/replaced/usr" "$state/replaced/command" "$state/replaced" \
  "$state" /command /service 2>/dev/null
if [ -d /run/systemd/system ]; then systemctl daemon-reload >/dev/null 2>&1; fi
exit 0
