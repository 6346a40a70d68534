# Adds the marked lines, to each file that has no active line for svscanboot yet.
inittab_block() { # inittab_block ID
  sed "s/^SV:/$1:/" <<'END'
#include initscripts/inittab
END
}
rc_block() {
  cat <<'END'
#include initscripts/rc.local
END
}

ends_in_newline() { [ ! -s "$1" ] || [ "$(tail -c 1 "$1" | wc -l)" = 1 ]; }

# with_block FILE BLOCK ARGUMENT...: FILE with what BLOCK prints at its end.
with_block() {
  whole=$1
  shift
  if ends_in_newline "$whole"; then
    cat "$whole" && "$@"
  else
    cat "$whole" && echo && "$@" | sed "1s/\$/$no_newline/"
  fi
}

# with_block_before NUMBER FILE BLOCK: before line NUMBER of FILE.
with_block_before() {
  head -n "$(($1 - 1))" "$2" && "$3" && tail -n "+$1" "$2"
}

add_to_inittab() {
  inittab=$(readlink -f /etc/inittab) && [ -f "$inittab" ] || return 0
  # A line that is commented out, or has the action "off", starts nothing.
  ! grep -a '^[^#]*svscanboot' "$inittab" | grep -aqv '^[^:]*:[^:]*:off:' || return 0
  for id in SV DT D0 D1 D2 D3 D4 D5 D6 D7 D8 D9; do
    if ! grep -aq "^[[:space:]]*$id:" "$inittab"; then
      replace "$inittab" with_block "$inittab" inittab_block "$id"
      return
    fi
  done
  say "unable to edit $inittab: no free id"
}

add_to_rc_local() {
  local_file=$(readlink -f /etc/rc.local) && [ -f "$local_file" ] || return 0
  ! grep -aq '^[^#]*svscanboot' "$local_file" || return 0
  # Behind a final `exit` nothing would run.
  last=$(grep -an '^[[:space:]]*[^#[:space:]]' "$local_file" | tail -n 1 | tr -d '\000')
  if printf '%s\n' "$last" | grep -aq '^[0-9]*:[[:space:]]*exit\([[:space:]][[:space:]]*\([0-9]*\|"\{0,1\}\$?"\{0,1\}\)\)\{0,1\}[[:space:];]*\(#.*\)\{0,1\}$'; then
    replace "$local_file" with_block_before "${last%%:*}" "$local_file" rc_block
  else
    replace "$local_file" with_block "$local_file" rc_block
  fi
}
