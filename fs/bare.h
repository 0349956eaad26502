#ifndef FS_BARE_H
#define FS_BARE_H

#include <stdbool.h>

#include "config.h"
#include "quant/version.h"

/*
 * Directories in which no repository of huggingface_hub was found, and in which version: so that
 * who looks for what is not there does not have a large directory read each time. Some thousands
 * are remembered. Safe from any thread.
 */
struct bare;

MUST_USE int bare_new(struct bare **bare);
void bare_free(struct bare *bare);

/* A directory in that version, which was seen before it was read. One that is young is none to be
 * remembered; whether times of such a filesystem tell every change is for the caller to know. */
void bare_note(struct bare *bare, const struct version *version);
bool bare_is_known(struct bare *bare, const struct version *version);

#endif
