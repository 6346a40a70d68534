# Which init runs this system: systemd, upstart, sysv, or nothing in a chroot, in an image being
# built and in a container without one. The root of process 1 tells: from a chroot, initctl would
# reach the Upstart of the host.
running_init() {
  [ -n "$(identity /proc/1/root/.)" ] && [ "$(identity /proc/1/root/.)" = "$(identity /.)" ] || return 0
  if [ -d /run/systemd/system ]; then
    echo systemd
    return
  fi
  case $(readlink /proc/1/exe) in
    */init | */init\ *) if initctl version 2>/dev/null | grep -q upstart; then echo upstart; else echo sysv; fi ;;
  esac
}
