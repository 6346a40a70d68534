# Before the files of a first install: keeps a copy of what stands where our links and svctl go, such as the
# links of a 0.76 that was installed from source. %postun puts it back.
#include rpm/say.sh
#include rpm/state.sh
#include rpm/links.sh
# What an erase without scriptlets left: this is a first install all the same.
[ "$1" != 1 ] || rm -f "$state/set-up"
[ ! -e "$state/set-up" ] || exit 0
for directory in /command /usr/bin; do
  for name in daemontools svctl @COMMANDS@; do
    [ "$directory/$name" != /command/svctl ] || continue # not ours
    file=$directory/$name saved=$state/replaced$directory/$name
    if exists "$file" && ! is_our_link "$file" && ! exists "$saved"; then
      if ! reason=$({ mkdir -p "${saved%/*}" && cp -a "$file" "$saved.new" && mv "$saved.new" "$saved"; } 2>&1); then
        # To fail now would leave a transaction half done.
        say "unable to keep a copy of $file, which ours replaces: ${reason##*: }"
      fi
    fi
  done
done
exit 0
