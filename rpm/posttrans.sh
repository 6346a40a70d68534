# At the end of the transaction. First install: the lines in inittab and rc.local, and svscan set
# going by the init that runs. Upgrade: svscan becomes the new program; no file is edited, so what
# the admin removed stays removed.
#include rpm/say.sh
#include rpm/state.sh
#include rpm/links.sh
#include rpm/make-links.sh
#include rpm/lines.sh
#include rpm/add-lines.sh
#include rpm/processes.sh
#include rpm/init.sh
#include rpm/shutdown.sh
unit=daemontools-rs.service

label() {
  # SELinux: rpm labels what it unpacks itself; links made by %post and edited files are ours to do.
  selinuxenabled 2>/dev/null || return 0
  for name in @COMMANDS@; do set -- "$@" "/command/$name" "/usr/bin/$name"; done
  for path in /command /service "${program%/*}" "$program" /etc/init/daemontools-rs.conf \
    /usr/lib/systemd/system/$unit /etc/sysconfig/daemontools-rs /etc/inittab \
    "$(readlink -f /etc/rc.local)" "$state" "$@"; do
    ! exists "$path" || restorecon "$path" || :
  done
}

is_scanned() { [ -n "$(svscans)" ]; }

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
  within $patience is_scanned || say "svscan does not run yet: start it with /command/svscanboot &"
}

name_shadows() {
  shadows=""
  for name in @COMMANDS@; do
    ! exists "/usr/local/bin/$name" || is_our_link "/usr/local/bin/$name" || shadows="$shadows $name"
  done
  [ -z "$shadows" ] || say "these in /usr/local/bin come before ours in most PATHs:$shadows"
}

set_up() {
  add_to_inittab
  add_to_rc_local
  add_to_rc
  ! command -v systemctl >/dev/null || systemctl enable $unit >/dev/null 2>&1
  label
  set_going
  name_shadows
  mkdir -p "$state" && : >"$state/set-up"
}

re_execute() {
  ! grep -qi '^[[:space:]]*REEXEC=["'\'']\{0,1\}no' /etc/sysconfig/daemontools-rs 2>/dev/null || return 0
  for pid in $(svscans); do
    # HUP ends a 0.76 svscan; and one that runs this very file has nothing to become.
    if is_ours "$pid" && [ "$(identity "/proc/$pid/exe")" != "$(identity "$program")" ]; then
      kill -HUP "$pid"
    fi
  done
}

make_links
if [ -e "$state/set-up" ]; then
  label
  [ ! -d /run/systemd/system ] || systemctl daemon-reload >/dev/null 2>&1
  re_execute
else
  set_up
fi
exit 0
