# Before the files go, at erase only: the lines that start us, the starter, services, loggers.
#include rpm/say.sh
#include rpm/state.sh
#include rpm/init.sh
[ "$1" = 0 ] || exit 0

tell_starter() { # so that it starts nothing again; we do the waiting
  case $(running_init) in
    systemd) systemctl --no-block stop daemontools-rs.service ;;
    upstart) initctl stop --no-wait daemontools-rs ;;
    sysv) telinit q ;;
  esac >/dev/null 2>&1
}

"${program%/*}/init-files" remove
# The starter first, or it would start again what we stop. Then the orderly stop is asked for, also
# of an svscan that the starter knows nothing of, and waited for, but not hurried: to kill what takes
# its time is not for a package to do.
tell_starter
left=$("$program" svscanboot --stop=20 2>/dev/null)
case $? in
  1) echo "$left" | while IFS= read -r directory; do say "still running: $(/command/svstat "$directory")"; done ;;
  2) say "left alone with its services: an svscan that is not ours" ;;
esac
! command -v systemctl >/dev/null || systemctl disable daemontools-rs.service >/dev/null 2>&1
case $(scan_status) in absent | foreign) rm -rf /service/.svscan ;; esac
# rpm takes a link of the admin's to a directory for the directory: %postun puts it back.
for directory in /service /command; do
  [ ! -L "$directory" ] || { mkdir -p "$state/links" && cp -a "$directory" "$state/links/"; }
done
exit 0
