# init-files add | remove: the marked lines in /etc/inittab and rc.local, and the init script, for the
# scriptlets.
#include rpm/say.sh
#include rpm/lines.sh
#include rpm/add-lines.sh
#include rpm/remove-lines.sh
#include rpm/links.sh
#include rpm/init.sh
#include rpm/shutdown.sh
case $1 in
  add)
    add_to_inittab
    add_to_rc_local
    add_to_rc
    ;;
  remove)
    remove_lines /etc/inittab
    remove_lines /etc/rc.local
    [ "$(readlink -f /etc/rc.d/rc.local)" = "$(readlink -f /etc/rc.local)" ] || remove_lines /etc/rc.d/rc.local
    remove_from_rc
    ! grep -aq '^[^#]*svscanboot' /etc/inittab 2>/dev/null ||
      say "/etc/inittab still has a line with svscanboot that is not ours"
    ;;
esac
exit 0
