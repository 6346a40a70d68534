# Removes the marked lines. What others wrote, between the marks too, stays to the byte.
count() { grep -ac "$1" "$2"; }
number_of() { grep -an "$1" "$2" | head -n 1 | cut -d : -f 1; }

# without_block FILE FIRST LAST: FILE without the lines of ours between two numbers.
without_block() {
  if newline_is_ours "$@"; then
    head -n "$(($2 - 1))" "$1" | head -c -1
  else
    head -n "$(($2 - 1))" "$1"
  fi && others_lines "$@" && tail -n "+$(($3 + 1))" "$1"
}
# Lines that somebody put between our marks.
others_lines() { sed -n "$2,$3p" "$1" | sed '1d;$d;/svscanboot/d'; }
# Only while nobody has written on behind it.
newline_is_ours() {
  sed -n "$2p" "$1" | grep -aqF "$no_newline" &&
    [ -z "$(tail -n "+$(($3 + 1))" "$1" | head -c 1 | od -A n)" ] && [ -z "$(others_lines "$@")" ]
}

remove_lines() { # remove_lines FILE: what stands between our marks goes
  edited=$(readlink -f "$1") && [ -f "$edited" ] || return 0
  begin='^# BEGIN daemontools-rs' end='^# END daemontools-rs'
  begins=$(count "$begin" "$edited") ends=$(count "$end" "$edited")
  [ "$begins$ends" != 00 ] || return 0
  first=$(number_of "$begin" "$edited") last=$(number_of "$end" "$edited")
  if [ "$begins$ends" = 11 ] && [ "$first" -lt "$last" ]; then
    replace "$edited" without_block "$edited" "$first" "$last"
  else
    say "unable to edit $edited: our marks in it are not as we left them"
  fi
}
