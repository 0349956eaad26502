#include "quant/format/hf/config_json.h"

#include <stdlib.h>
#include <string.h>

#include "quant/format/hf/config_defaults.h"

#define FILE_NAME "config.json"
#define SIZE_MAX_CONFIG ((size_t)16 << 20) /* real ones have some kilobytes */

struct hf_config {
    json_t *root;       /* the file */
    const json_t *text; /* within it */
    json_t *values;     /* of the text part, on one level */
    json_t *rope;       /* all of its parameters */
    const char *architecture, *model_type;
};

/* --- looking up ---------------------------------------------------------------------------------
 */

static const json_t *find_of(const json_t *object, const char *names)
{
    const json_t *value = NULL;
    char name[64];
    size_t length;

    while (*names && !value) {
        length = strcspn(names, " ");
        if (length < sizeof(name)) {
            memcpy(name, names, length);
            name[length] = '\0';
            value = json_member(object, name);
        }
        names += length;
        names += strspn(names, " ");
    }
    return value;
}

const json_t *hf_config_get(const struct hf_config *config, const char *names)
{
    return find_of(config->values, names);
}

bool hf_config_count(const struct hf_config *config, const char *names, uint64_t *value)
{
    return json_as_u64(hf_config_get(config, names), value);
}

bool hf_config_real(const struct hf_config *config, const char *names, double *value)
{
    return json_as_double(hf_config_get(config, names), value);
}

bool hf_config_true(const struct hf_config *config, const char *name)
{
    return json_member_true(config->values, name);
}

static const char *as_string(const json_t *json)
{
    const char *text;
    size_t size;

    return json_as_text(json, &text, &size) && strlen(text) == size ? text : "";
}

const char *hf_config_string(const struct hf_config *config, const char *names)
{
    return as_string(hf_config_get(config, names));
}

const json_t *hf_config_root(const struct hf_config *config)
{
    return config->root;
}

const json_t *hf_config_text(const struct hf_config *config)
{
    return config->text;
}

const char *hf_config_architecture(const struct hf_config *config)
{
    return config->architecture;
}

const char *hf_config_model_type(const struct hf_config *config)
{
    return config->model_type;
}

const json_t *hf_config_rope(const struct hf_config *config)
{
    const json_t *full = json_member(config->rope, "full_attention");

    return full ? full : config->rope;
}

const json_t *hf_config_rope_sliding(const struct hf_config *config)
{
    return json_member(config->rope, "sliding_attention");
}

const json_t *hf_config_rope_all(const struct hf_config *config)
{
    return config->rope;
}

const char *hf_config_layer_type(const struct hf_config *config, uint64_t layer)
{
    const json_t *types = hf_config_get(config, "layer_types");

    return as_string(json_is_array(types) ? json_array_get(types, (size_t)layer) : NULL);
}

/* --- putting together ---------------------------------------------------------------------------
 */

static const char *first_architecture(const json_t *part)
{
    return as_string(json_array_get(json_member(part, "architectures"), 0));
}

/* The members of both, and the class's values for what the text part leaves out: where the class
 * of the whole model is unknown the file is read as it is. */
static int merge(struct hf_config *config)
{
    const char *type = as_string(json_member(config->root, "model_type"));
    bool known = hf_config_known(type);
    json_t *text = config->text ? json_clone(config->text) : json_object();
    int r = text ? 0 : -ENOMEM;

    config->model_type = config->text ? as_string(json_member(config->text, "model_type")) : type;
    if (!*config->model_type)
        config->model_type = type;
    config->architecture = config->text ? first_architecture(config->text) : "";
    if (!*config->architecture)
        config->architecture = first_architecture(config->root);
    config->values = json_clone(config->root);
    if (!config->values)
        r = -ENOMEM;
    if (r == 0 && known && config->text)
        r = hf_config_fill(text, config->model_type);
    if (r == 0 && json_object_update(config->values, text) != 0)
        r = -ENOMEM;
    if (r == 0 && known && !config->text)
        r = hf_config_fill(config->values, config->model_type);
    json_decref(text);
    return r;
}

/* The parameter `to` of a rope from the config's own values, if it is not among them. */
static int mirror(const struct hf_config *config, json_t *rope, const char *to, const char *from)
{
    const json_t *value = hf_config_get(config, from);

    if (!value || json_object_get(rope, to))
        return 0;
    return json_object_set_new(rope, to, json_clone(value)) == 0 ? 0 : -ENOMEM;
}

/* "type" is the older name of rope_type. */
static int name_type(json_t *rope)
{
    json_t *type = json_member(rope, "type");

    if (!type || json_object_get(rope, "rope_type"))
        return 0;
    return json_object_set(rope, "rope_type", type) == 0 ? 0 : -ENOMEM;
}

/* Ropes that are stretched from a context tell which one; a class takes the model's for it. */
static int fill_context(const struct hf_config *config, json_t *rope)
{
    const char *type = as_string(json_member(rope, "rope_type"));

    if (strcmp(type, "llama3") != 0 && strcmp(type, "yarn") != 0 && strcmp(type, "longrope") != 0)
        return 0;
    return mirror(config, rope, "original_max_position_embeddings", "max_position_embeddings");
}

/* One rope for all layers. */
static int gather_one(struct hf_config *config, bool known)
{
    const char *own = "original_max_position_embeddings";
    const json_t *local;
    int r;

    r = mirror(config, config->rope, "rope_theta",
               "global_rope_theta rope_global_theta rope_theta_global rope_theta rotary_emb_base");
    if (r == 0)
        r = mirror(config, config->rope, "partial_rotary_factor",
                   "partial_rotary_factor rope_pct rope_percent");
    if (r == 0)
        r = name_type(config->rope);
    /* Phi 3 alone has a context of its own beside the rope's parameters. */
    if (r == 0 && known && strcmp(config->model_type, "phi3") != 0)
        r = fill_context(config, config->rope);
    if (r == 0)
        r = mirror(config, config->rope, own, own);
    local = hf_config_get(config, "local_rope_theta rope_local_theta rope_theta_local "
                                  "swa_rope_theta rope_local_base_freq");
    if (r == 0 && local &&
        json_object_set_new(config->rope, "sliding_attention",
                            json_pack("{s:O}", "rope_theta", (json_t *)(uintptr_t)local)) != 0)
        r = -ENOMEM;
    return r;
}

/* The parameters for a kind of layers, "default" where there are none: a type by its older name
 * does not change that. */
static int gather_set(const struct hf_config *config, const char *layers, const char *theta,
                      const json_t *scaling)
{
    json_t *set = json_member(config->rope, layers);
    int r = 0;

    if (!set) {
        set = json_pack("{s:s}", "rope_type", "default");
        if (!set || json_object_set_new(config->rope, layers, set) != 0)
            return -ENOMEM;
    }
    if (json_is_object(scaling))
        r = json_object_update(set, (json_t *)(uintptr_t)scaling) == 0 ? 0 : -ENOMEM;
    if (r == 0)
        r = mirror(config, set, "rope_theta", theta);
    if (r == 0)
        r = name_type(set);
    return r == 0 ? fill_context(config, set) : r;
}

/* Some classes have two sets of parameters in any case; rope_scaling belongs to that of the layers
 * that attend to all, ModernBERT's to both. */
static int gather_sets(struct hf_config *config)
{
    const json_t *scaling = hf_config_get(config, "rope_scaling");
    bool both = strcmp(config->model_type, "modernbert") == 0;
    int r =
        gather_set(config, "full_attention", both ? "global_rope_theta" : "rope_theta", scaling);

    return r == 0 ? gather_set(config, "sliding_attention",
                               both ? "local_rope_theta" : "rope_local_base_freq",
                               both ? scaling : NULL)
                  : r;
}

/* A class takes rope_scaling where both are given; the converter, without one, rope_parameters. */
static const json_t *given_rope(const struct hf_config *config, bool known, bool sets)
{
    const json_t *scaling = hf_config_get(config, "rope_scaling");

    if (known && !sets && json_object_size(scaling) > 0)
        return scaling;
    return hf_config_get(config, sets ? "rope_parameters" : "rope_parameters rope_scaling");
}

static int gather_rope(struct hf_config *config, bool known)
{
    bool sets = known && hf_config_two_ropes(config->model_type);
    const json_t *given = given_rope(config, known, sets);
    json_t *full, *sliding;
    int r;

    config->rope = json_is_object(given) ? json_clone(given) : json_object();
    if (!config->rope)
        return -ENOMEM;
    if (sets)
        return gather_sets(config);
    full = json_member(config->rope, "full_attention");
    sliding = json_member(config->rope, "sliding_attention");
    if (!full && !sliding)
        return gather_one(config, known);
    r = full ? name_type(full) : 0;
    return r == 0 && sliding ? name_type(sliding) : r;
}

/* --- opening ------------------------------------------------------------------------------------
 */

void hf_config_free(struct hf_config *config)
{
    if (!config)
        return;
    json_decref(config->root);
    json_decref(config->values);
    json_decref(config->rope);
    free(config);
}

int hf_config_open_vision(const struct hf_config *whole, struct hf_config **result)
{
    const json_t *part = json_member(whole->root, "vision_config");
    const char *type = as_string(json_member(whole->root, "model_type"));
    const char *own = as_string(json_member(part, "model_type"));
    struct hf_config *config;
    int r = -ENOMEM;

    if (!json_is_object(part))
        return -ENOENT;
    config = calloc(1, sizeof(*config));
    if (!config)
        return -ENOMEM;
    config->root = json_incref(whole->root);
    config->text = part;
    config->model_type = *own ? own : type;
    config->architecture = first_architecture(part);
    if (!*config->architecture)
        config->architecture = first_architecture(config->root);
    config->values = json_clone(part);
    if (config->values)
        r = hf_config_known(type) ? hf_config_fill_vision(config->values, config->model_type) : 0;
    if (r == 0)
        r = gather_rope(config, hf_config_known(type));
    if (r == 0)
        *result = config;
    else
        hf_config_free(config);
    return r;
}

static int read_config(struct hf_config *config, const struct hf_directory *directory,
                       struct defect *defect)
{
    char *text = NULL;
    size_t size;
    int r;

    r = hf_read_text(directory, FILE_NAME, SIZE_MAX_CONFIG, &text, &size, defect);
    if (r == 0)
        r = json_parse(FILE_NAME, text, size, JSON_AS_PYTHON, &config->root, defect);
    free(text);
    if (r == 0 && !json_is_object(config->root))
        r = hf_blame(directory, FILE_NAME, defect, EINVAL, 0, "no object");
    return r;
}

int hf_config_open(const struct hf_directory *directory, struct hf_config **result,
                   struct defect *defect)
{
    static const char *const parts[] = {"text_config", "llm_config"};
    struct hf_config *config = calloc(1, sizeof(*config));
    int r = -ENOMEM;

    if (config)
        r = read_config(config, directory, defect);
    for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]) && !config->text; i++)
        if (json_is_object(json_member(config->root, parts[i])))
            config->text = json_member(config->root, parts[i]);
    if (r == 0)
        r = merge(config);
    if (r == 0)
        r = gather_rope(config,
                        hf_config_known(as_string(json_member(config->root, "model_type"))));
    if (r == -ENOMEM)
        r = defect_set(defect, ENOMEM, DEFECT_NOWHERE, "%s", strerror(ENOMEM));
    if (r == 0)
        *result = config;
    else
        hf_config_free(config);
    return r;
}
