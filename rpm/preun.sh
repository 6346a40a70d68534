# Before the files go, at erase only: the lines that start us, the starter, services, loggers.
#include rpm/say.sh
#include rpm/state.sh
#include rpm/lines.sh
#include rpm/remove-lines.sh
#include rpm/processes.sh
#include rpm/init.sh
#include rpm/shutdown.sh
[ "$1" = 0 ] || exit 0

none() { [ -z "$("$@")" ]; }
supervised() { # supervised DIRECTORY...: those that have a supervise
  for directory in "$@"; do
    ! /command/svok "$directory" 2>/dev/null || echo "$directory"
  done
}
take_down() { # take_down DIRECTORY...: waits for their supervises to go, five seconds
  up=$(supervised "$@")
  [ -n "$up" ] || return 0
  for directory in "$@"; do
    ! /command/svok "$directory" 2>/dev/null || /command/svc -dx "$directory"
  done
  within 5 none supervised "$@"
}

our_svscans() { for pid in $(svscans); do ! is_ours "$pid" || echo "$pid"; done; }
tell_svscanboots() {
  boots=$(svscanboots)
  # shellcheck disable=SC2086 # a list of numbers
  [ -z "$boots" ] || kill -TERM $boots 2>/dev/null
}
tell_starter() { # so that it starts nothing again; we do the waiting
  case $(running_init) in
    systemd) systemctl --no-block stop daemontools-rs.service ;;
    upstart) initctl stop --no-wait daemontools-rs ;;
    sysv) telinit q ;;
  esac >/dev/null 2>&1
}

remove_lines /etc/inittab
remove_lines /etc/rc.local
[ "$(readlink -f /etc/rc.d/rc.local)" = "$(readlink -f /etc/rc.local)" ] || remove_lines /etc/rc.d/rc.local
remove_from_rc
# The starter first, or it would start again what we stop. Then the orderly stop is asked for, also
# of an svscan that the starter knows nothing of. To hurry it, and so kill what takes its time, is
# not for a package to do: we leave before that.
tell_starter
"$program" svscanboot --stop >/dev/null 2>&1 &
asker=$!
within 20 none our_svscans
stopped=$?
kill "$asker" 2>/dev/null
if [ "$stopped" = 0 ]; then
  tell_svscanboots # those that stood by
  within 2 none svscanboots
fi
! command -v systemctl >/dev/null || systemctl disable daemontools-rs.service >/dev/null 2>&1

if [ "$(svscans)" != "$(our_svscans)" ]; then
  # It was there before us, or came from elsewhere: its services are not ours to stop.
  say "left alone with its services: an svscan that is not ours"
else
  # One that runs without svscanboot leaves its services be.
  [ -n "$(svscanboots)" ] || for pid in $(our_svscans); do kill -TERM "$pid"; done
  take_down /service/*
  take_down /service/*/log
  for directory in $(supervised /service/* /service/*/log); do
    say "still running: $(/command/svstat "$directory")"
  done
fi
if none our_svscans; then rm -rf /service/.svscan; fi
# rpm takes a link of the admin's to a directory for the directory: %postun puts it back.
for directory in /service /command; do
  [ ! -L "$directory" ] || { mkdir -p "$state/links" && cp -a "$directory" "$state/links/"; }
done
! grep -aq '^[^#]*svscanboot' /etc/inittab 2>/dev/null || say "/etc/inittab still has a line with svscanboot that is not ours"
exit 0
