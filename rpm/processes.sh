# Finds processes by what they hold, not by name alone: a container's or a chroot's svscan has the
# same name, and its scan directory is called /service too.
program=/usr/libexec/daemontools-rs/daemontools
identity() { stat -L -c %d:%i "$1" 2>/dev/null; }
named() { # named NAME: their directories under /proc
  grep -ls "^[0-9]* ($1) " /proc/[0-9]*/stat 2>/dev/null | sed 's,/stat$,,'
}

# The svscans at work in /service, whoever made them.
svscans() {
  here=$(identity /service) || return 0
  for process in $(named svscan); do
    [ "$(identity "$process/cwd")" != "$here" ] || echo "${process#/proc/}"
  done
}
is_ours() { # is_ours PID: before and after an upgrade replaced the program
  case $(readlink "/proc/$1/exe") in "$program" | "$program (deleted)") ;; *) false ;; esac
}

# The svscanboots of ours that keep /service, or stand by for it: all hold its records open.
svscanboots() {
  records=$(identity /service/.svscan) || return 0
  for process in $(named svscanboot); do
    stat -L -c %d:%i "$process"/fd/* 2>/dev/null | grep -qx "$records" && echo "${process#/proc/}"
  done
}

within() { # within SECONDS COMMAND...: tries until it succeeds or the time is over
  deadline=$(($(date +%s) + $1))
  shift
  until "$@"; do
    [ "$(date +%s)" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}
