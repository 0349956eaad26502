#ifndef FS_CMD_RULES_H
#define FS_CMD_RULES_H

#include <stdbool.h>

#include "quant/rules.h"

/* Options of `quantize` that take a value and go into its rules: --tensor-type, --tensor-type-file,
 * --prune-layers, --override-kv. */
bool cmd_rules_is_option(const char *option);

/* Adds what such an option asks for. -EINVAL: what is wrong has been said, in the reference tool's
 * words; its usage comes next. -ENOMEM. */
MUST_USE int cmd_rules_parse(struct rules *rules, const char *option, const char *value);

#endif
