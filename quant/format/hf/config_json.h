#ifndef QUANT_FORMAT_HF_CONFIG_JSON_H
#define QUANT_FORMAT_HF_CONFIG_JSON_H

#include "quant/format/hf/files.h"
#include "quant/format/json.h"

/*
 * What config.json says, as the reference converter sees it (import.md 3): a text_config's (or
 * llm_config's) members moved up, and what the file leaves out filled in as the transformers class
 * of its model_type would. Const once opened. A value that is null counts as absent.
 */
struct hf_config;

/*
 * Reads config.json. -EINVAL: not usable; *defect says why, beginning with the file's name. Further
 * errors as hf_read_text().
 */
MUST_USE int hf_config_open(const struct hf_directory *directory, struct hf_config **config,
                            struct defect *defect);
void hf_config_free(struct hf_config *config);
/*
 * What it says of the vision part: vision_config, filled in by its class. -ENOENT: there is none.
 * -ENOMEM.
 */
MUST_USE int hf_config_open_vision(const struct hf_config *whole, struct hf_config **config);

/* The file as it is, and its text_config or llm_config (NULL: none). */
const json_t *hf_config_root(const struct hf_config *config);
const json_t *hf_config_text(const struct hf_config *config);

/* The class that the model names, and its model_type (the text part's); "" if it names none. */
const char *hf_config_architecture(const struct hf_config *config);
const char *hf_config_model_type(const struct hf_config *config);

/*
 * A value by name, or by the first that is there of several names separated by blanks. NULL:
 * absent. The numbers: true if there is one and it is one; a count is an integer from 0 on.
 */
const json_t *hf_config_get(const struct hf_config *config, const char *names);
bool hf_config_count(const struct hf_config *config, const char *names, uint64_t *value);
bool hf_config_real(const struct hf_config *config, const char *names, double *value);
bool hf_config_true(const struct hf_config *config, const char *name);
/* "" if it is absent or no text. */
const char *hf_config_string(const struct hf_config *config, const char *names);

/*
 * The parameters of the rope, gathered from where models of all ages have them: an object with
 * rope_theta, rope_type and so on. Where there are two sets, that of full attention; the other one
 * is hf_config_rope_sliding() (NULL: none). Members that do not belong to a set (mrope_section) are
 * in hf_config_rope_all().
 */
const json_t *hf_config_rope(const struct hf_config *config);
const json_t *hf_config_rope_sliding(const struct hf_config *config);
const json_t *hf_config_rope_all(const struct hf_config *config);

/* "full_attention", "mamba", ... of a layer; "" where nobody says. */
const char *hf_config_layer_type(const struct hf_config *config, uint64_t layer);

#endif
