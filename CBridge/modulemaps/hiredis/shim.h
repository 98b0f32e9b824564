/* hiredis' reader, found by the module map. Can go when Debian's package brings a module map. */
#include <hiredis/hiredis.h>
#include <string.h> /* explicit_bzero */
