# After the files: directories and links. All else waits for %posttrans: in an installation from
# scratch, initscripts and the init itself may be unpacked after us.
#include rpm/links.sh
#include rpm/make-links.sh
make_links
exit 0
