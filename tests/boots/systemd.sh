# systemd as process 1, under systemd-nspawn.
. "$here/sysv.sh" # for what is no boot
ln -sf ../lib/systemd/systemd "$root/sbin/init"
: >"$root/etc/machine-id"
rm -f "$root/etc/systemd/system/getty.target.wants/"* "$root/lib/systemd/system/getty.target.wants/"*
if [ -n "$group" ]; then
  # Its own corner of the hierarchy, seen as the whole of it.
  umount -R /sys/fs/cgroup 2>/dev/null
  mkdir -p /sys/fs/cgroup
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
mount -t tmpfs -o mode=755 run /run

boot() {
  systemd-nspawn --directory="$root" --register=no --keep-unit --private-network --console=pipe \
    --machine=boots --boot systemd.unit=multi-user.target </dev/null >"$place/console" 2>&1 &
  machine=$!
  disown
  within 30 find_systemd
}
find_systemd() {
  init=$(pgrep -P "$machine" -x systemd) || return 1
  case $(on_machine systemctl is-system-running) in *running | *degraded) ;; *) return 1 ;; esac
}
