# Which init runs this system: systemd, upstart, sysv, or nothing in a chroot, in an image being
# built and in a container without one. The root of process 1 tells: from a chroot, initctl would
# reach the Upstart of the host. A container's helper may be called /dev/init, and a real init may
# not: SysV init has a FIFO, which telinit writes to.
identity() { stat -L -c %d:%i "$1" 2>/dev/null; }
running_init() {
  [ -n "$(identity /proc/1/root/.)" ] && [ "$(identity /proc/1/root/.)" = "$(identity /.)" ] || return 0
  if [ -d /run/systemd/system ]; then
    echo systemd
    return
  fi
  case $(readlink /proc/1/exe) in
    /sbin/init | /usr/sbin/init | /sbin/init\ * | /usr/sbin/init\ *)
      if initctl version 2>/dev/null | grep -q upstart; then echo upstart
      elif [ -p /run/initctl ] || [ -p /dev/initctl ]; then echo sysv
      fi
      ;;
  esac
}
