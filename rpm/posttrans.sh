# At the end of the transaction. First install: the lines in inittab and rc.local, and svscan set
# going by the init that runs. Upgrade: svscan becomes the new program; no file is edited, so what
# the admin removed stays removed.
#include rpm/say.sh
#include rpm/state.sh
#include rpm/links.sh
#include rpm/make-links.sh
#include rpm/init.sh
unit=daemontools-rs.service

label() {
  # SELinux: rpm labels what it unpacks itself; links made by %post and edited files are ours to do.
  selinuxenabled 2>/dev/null || return 0
  for name in @COMMANDS@; do set -- "$@" "/usr/bin/$name"; done
  for path in "$@" /service /etc/inittab "$(readlink -f /etc/rc.local)" "$state"; do
    ! exists "$path" || restorecon "$path"
  done
  restorecon -R /command "${program%/*}"
}

set_going() {
  patience=5
  case $(running_init) in
    # Fails at once where the unit is masked.
    systemd) systemctl daemon-reload && systemctl start $unit || patience=0 ;;
    upstart)
      initctl reload-configuration
      # A job that runs already is an error to initctl, and all we want.
      initctl start daemontools-rs
      ;;
    sysv) telinit q ;;
    *) return 0 ;;
  esac >/dev/null 2>&1
  [ "$(scan_status $patience)" != absent ] || say "svscan does not run yet: start it with: $(starter)"
}
starter() { # the command that has the init that runs start us, and keep us
  case $(running_init) in
    systemd) echo "systemctl start $unit" ;;
    upstart) echo "initctl start daemontools-rs" ;;
    *) if [ -x /etc/init.d/daemontools-rs ]; then echo "/etc/init.d/daemontools-rs start"
      else echo "/command/svscanboot &"; fi ;;
  esac
}

# `telinit u` makes Upstart forget a job that runs: nothing would guard svscanboot then. An admin who
# does not want the job takes its `start on` out.
guard_again() {
  [ "$(running_init)" = upstart ] || return 0
  case $(scan_status) in kept | alone) ;; *) return 0 ;; esac
  grep -q '^[[:space:]]*start[[:space:]][[:space:]]*on' /etc/init/daemontools-rs.conf || return 0
  case $(initctl status daemontools-rs 2>/dev/null) in
    *stop/waiting*) initctl start daemontools-rs >/dev/null 2>&1 ;;
  esac
}

name_shadows() {
  shadows=""
  for name in svctl @COMMANDS@; do
    ! exists "/usr/local/bin/$name" || is_our_link "/usr/local/bin/$name" || shadows="$shadows $name"
  done
  [ -z "$shadows" ] || say "these in /usr/local/bin come before ours in most PATHs:$shadows"
}

set_up() {
  "${program%/*}/init-files" add
  ! command -v systemctl >/dev/null || systemctl enable $unit >/dev/null 2>&1
  label
  set_going
  name_shadows
  mkdir -p "$state" && : >"$state/set-up"
}

re_execute() {
  grep -qi '^[[:space:]]*REEXEC=["'\'']\{0,1\}no' /etc/sysconfig/daemontools-rs 2>/dev/null ||
    "$program" svscanboot --reexec >/dev/null 2>&1
}

make_links
if [ -e "$state/set-up" ]; then
  label
  [ ! -d /run/systemd/system ] || systemctl daemon-reload >/dev/null 2>&1
  re_execute
  guard_again
else
  set_up
fi
exit 0
