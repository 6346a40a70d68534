# The marked lines in /etc/inittab and rc.local. Each edit makes a whole new file and renames it
# into place, so that no program ever reads half of one; the copy keeps mode, owner and label.
LC_ALL=C
export LC_ALL

# How the first mark says that the newline before it is ours too.
no_newline=' (the line before it had no newline)'

# replace FILE WRITER ARGUMENT...: WRITER prints what FILE shall hold.
replace() {
  file=$1 new=$1.daemontools-rs.new
  shift
  if reason=$({
    rm -f "$new" && cp -a "$file" "$new" && "$@" >"$new" &&
      dd if=/dev/null of="$new" conv=notrunc,fsync && mv -f "$new" "$file"
  } 2>&1); then
    return 0
  fi
  rm -f "$new"
  say "unable to edit $file: $(echo "$reason" | sed -n '$s/.*: //p')"
  return 1
}
