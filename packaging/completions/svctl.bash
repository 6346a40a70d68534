# Completion of svctl(8) in bash, from 4.1 on: verbs, options, services, states, signals and fields.
# It stands in /etc/bash_completion.d, and needs nothing of the package bash-completion.

_svctl() {
  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
  local verb= place=() word= words= number=1 from=0 IFS=$' \t\n'
  COMPREPLY=()
  # What stands before: the verb, where from its words count, and the scan directory.
  while [ "$number" -lt "$COMP_CWORD" ]; do
    word=${COMP_WORDS[number]}
    case $word in
      -d | --directory)
        number=$((number + 1))
        # As the shell would take it: a tilde, quotes.
        eval "place=(-d ${COMP_WORDS[number]})" 2>/dev/null
        ;;
      --fields | --state | --timeout | --settle | --kill-after | -n | --lines | --since | --until | \
        --grep | --in) number=$((number + 1)) ;;
      -*) ;;
      *) [ -n "$verb" ] || { verb=$word from=$number; } ;;
    esac
    number=$((number + 1))
  done
  case $before in
    -d | --directory | --in) _svctl_directories && return ;;
    --state) words="up down paused stopping waiting flapping not-supervised unreadable" ;;
    --fields) _svctl_fields && return ;;
    --timeout | --settle | --kill-after | -n | --lines | --grep) return ;;
    --since | --until) words="now today yesterday" ;;
  esac
  if [ -z "$words" ]; then
    case $current in
      -*) words=$(_svctl_options "$verb") ;;
      /* | .*) [ -n "$verb" ] && _svctl_directories && return ;;
      *)
        case $verb in
          "") words="status start up stop down restart once pause continue reload signal wait doctor list logs log" ;;
          list) ;;
          signal | wait)
            if [ "$COMP_CWORD" -gt $((from + 1)) ]; then _svctl_names
            elif [ "$verb" = wait ]; then words="up down gone"
            else words="HUP ALRM INT TERM KILL STOP CONT USR1 USR2 QUIT WINCH"
            fi
            ;;
          *) _svctl_names ;;
        esac
        ;;
    esac
  fi
  [ -z "$words" ] || COMPREPLY=($(compgen -W "$words" -- "$current"))
}

_svctl_options() {
  local common="-d --directory -q --quiet --json -h --help"
  case $1 in
    "") echo "$common --fields --prometheus -V --version" ;;
    status) echo "$common --fields --prometheus --all" ;;
    start | up) echo "$common --all --timeout --no-wait --settle" ;;
    stop | down) echo "$common --all --timeout --no-wait --kill-after" ;;
    restart) echo "$common --all --timeout --no-wait --settle --kill-after" ;;
    once | pause | continue) echo "$common --all --timeout --no-wait" ;;
    wait) echo "$common --all --timeout" ;;
    list) echo "-d --directory --state -0 -h --help" ;;
    logs | log)
      echo "-d --directory -f --follow -n --lines --since --until --grep -i --ignore-case --utc --raw" \
        "-S --chop --in --svscan -h --help"
      ;;
    *) echo "$common --all" ;;
  esac
}

# The services that begin as what was typed does, quoted for the shell; behind a slash, the logger.
_svctl_names() {
  local name
  while IFS= read -r name; do
    case $current in
      */*) name=$name/log ;;
    esac
    # As it has to be typed: what was typed may have its quotes too.
    printf -v name %q "$name"
    case $name in
      "$current"*) COMPREPLY+=("$name") ;;
    esac
  done < <(svctl "${place[@]}" list 2>/dev/null)
}

_svctl_directories() {
  local directory
  compopt -o filenames
  while IFS= read -r directory; do COMPREPLY+=("$directory"); done < <(compgen -d -- "$current")
}

# Fields behind a comma are completed too.
_svctl_fields() {
  local whole= field
  case $current in
    *,*) whole=${current%,*}, ;;
  esac
  for field in name directory state as_wanted wanted normally supervised paused exit_requested pid \
    since since_seconds up_seconds starts last_starts last_exit_code last_exit_signal \
    last_exit_signal_name last_exit_core last_run_seconds wanted_since wanted_since_seconds \
    rss_bytes processes supervise_pid problem log.name log.state log.pid; do
    case $field in
      "${current##*,}"*) COMPREPLY+=("$whole$field") ;;
    esac
  done
}

complete -F _svctl svctl
