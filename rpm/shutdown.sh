# The init script: for `service` on Upstart and SysV init, and for SysV init's rc at halt and reboot.
# Upstart has a job for that, which no chkconfig turns off.
init_script=/usr/libexec/daemontools-rs/init-script
rc_mark=/var/lock/subsys/daemontools-rs
rc_directory() { # where its link belongs
  case $(running_init) in
    systemd) return 1 ;;
    "") ! command -v systemctl >/dev/null || return 1 ;;
  esac
  [ -d /etc/init.d ] && readlink -f /etc/init.d
}
has_rc_of_sysv() {
  case $(running_init) in
    upstart) false ;;
    "") ! command -v initctl >/dev/null ;;
  esac
}
add_to_rc() {
  link=$(rc_directory)/daemontools-rs || return 0
  exists "$link" || ln -s "$init_script" "$link" || return 0
  has_rc_of_sysv || return 0
  if command -v chkconfig >/dev/null; then chkconfig --add daemontools-rs
  elif command -v update-rc.d >/dev/null; then update-rc.d daemontools-rs defaults
  fi >/dev/null 2>&1
  RUNLEVEL=S PREVLEVEL=N "$init_script" start # its mark, as at boot
}
remove_from_rc() {
  [ "$(readlink /etc/init.d/daemontools-rs)" = "$init_script" ] || return 0
  if command -v chkconfig >/dev/null; then chkconfig --del daemontools-rs; fi >/dev/null 2>&1
  rm -f /etc/init.d/daemontools-rs "$rc_mark"
  if command -v update-rc.d >/dev/null; then update-rc.d daemontools-rs remove; fi >/dev/null 2>&1
}
