# Debian's sysvinit as process 1 of a PID namespace, reading inittab.
boot() {
  # shellcheck disable=SC2016
  unshare --pid --fork --kill-child --mount --propagation private sh -c '
    mount -t proc proc "$0/proc" && mount -t tmpfs -o mode=755 run "$0/run" && mkdir "$0/run/lock" &&
    mount -t tmpfs -o mode=755 dev "$0/dev" || exit 1
    for device in null zero full random urandom; do
      touch "$0/dev/$device" && mount --bind "/dev/$device" "$0/dev/$device"
    done
    # What would be the kernel messages of the host is a file here.
    : >"$0/console"; : >"$0/dev/console"; : >"$0/dev/kmsg"
    mount --bind "$0/console" "$0/dev/console"
    exec chroot "$0" /sbin/init' "$root" </dev/null >/dev/null 2>&1 &
  machine=$!
  disown
  within 10 find_init
}
find_init() {
  init=$(pgrep -P "$machine" -x init) && [ "$(on_machine runlevel)" = "N 2" ] && idle
}
is_two() { [ "$(pids svscanboot | wc -l)" = 2 ]; }
in_level() { [[ $(on_machine runlevel) == *" $1" ]] && idle; }
# Whether svscan runs the program that is on disk.
is_current() {
  local running there
  running=$(stat -L -c %d:%i "/proc/$(pids svscan)/exe") &&
    there=$(on_machine stat -L -c %d:%i /command/svscan) && [ "$running" = "$there" ]
}
nothing() { ! pids svscan && ! pids supervise && ! pids svscanboot; } >/dev/null
is_started() { [ "$(starts)" -ge "$1" ]; }
is_on_console() { grep -qaF "$1" "$root/console"; }
is_said() { [[ $(on_machine cat /dev/kmsg) == *"$1"* ]]; }
