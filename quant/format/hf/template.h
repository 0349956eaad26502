#ifndef QUANT_FORMAT_HF_TEMPLATE_H
#define QUANT_FORMAT_HF_TEMPLATE_H

#include <jansson.h>

#include "quant/format/hf/files.h"
#include "quant/format/hf/kv.h"

/*
 * The chat template of a directory: a string, or an array of objects with `name` and `template`;
 * NULL: there is none. What tokenizer_config.json has comes first, even null; then
 * chat_template.jinja (additional_chat_templates/NAME.jinja are named ones); then
 * chat_template.json. The caller drops it. -EINVAL, ...: *defect names the file; -ENOMEM.
 */
MUST_USE int hf_template_find(const struct hf_directory *directory, const json_t *tokenizer_config,
                              json_t **chat_template, struct defect *defect);

/* The text of chat_template.jinja as a string; -ENOENT: not there. */
MUST_USE int hf_template_jinja(const struct hf_directory *directory, const char *name,
                               json_t **text, struct defect *defect);

/* Writes its keys. Extra names stand in the order of the array: the reference converter's is
 * random. -ENOMEM. */
MUST_USE int hf_template_write(const json_t *chat_template, struct hf_kv *kv);

#endif
