/* Every header compiles alone, and twice. HEADER: the header, in quotes (see meson.build). */
#include HEADER
#include HEADER

extern const char *const header_name;
const char *const header_name = HEADER;
