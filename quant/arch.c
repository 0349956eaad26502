#include "quant/arch.h"

#include <assert.h>

#include "quant/arch_keys.h"

#define LAYERS_MAX 512
#define EXPERTS_MAX 1024

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct checker {
    const struct source *source;
    const struct rules *rules; /* whose overrides count; or NULL */
    struct arch_facts *facts;
    struct defect *defect;
};

/* --- values -------------------------------------------------------------------------------------
 */

/* The name as it stands in the file. */
static void full_name(const struct checker *checker, const struct arch_key *key, char name[192])
{
    if (key->whole)
        (void)snprintf(name, 192, "%s", key->name);
    else
        (void)snprintf(name, 192, "%s.%s", checker->facts->name, key->name);
}

static const struct gguf_key *find(const struct checker *checker, const char *key)
{
    char name[192];

    full_name(checker, &(struct arch_key){.name = key}, name);
    return gguf_find(source_gguf(checker->source), name);
}

/* Number `index` of a key, which is a U32 or an array of 32-bit integers or booleans. */
static int read_number(const struct checker *checker, const struct gguf_key *key, uint64_t index,
                       uint32_t *value)
{
    size_t size = gguf_type_size(key->subtype);
    uint8_t bytes[4] = {0};
    int r;

    assert(size <= sizeof(bytes)); /* its type was checked */
    r = source_read(checker->source, 0, key->value + index * size, bytes, size);
    *value =
        bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    return r;
}

/* Numbers that may be one for each layer are replaced only where there is a single one. */
static const struct rules_override *find_override(const struct checker *checker, const char *name)
{
    static const char *const of_layers[] = {"block_count", "attention.head_count",
                                            "attention.head_count_kv", "expert_used_count"};
    const struct gguf_key *key = find(checker, name);
    char full[192];

    full_name(checker, &(struct arch_key){.name = name}, full);
    for (size_t i = 0; i < COUNT(of_layers); i++)
        if (strcmp(of_layers[i], name) == 0 && (!key || key->type == GGUF_ARRAY))
            return NULL;
    return rules_find(checker->rules, full, RULES_INT);
}

/* The number of the first layer, `fallback` if there is no such key. */
static int read_first(const struct checker *checker, const char *name, uint32_t fallback,
                      uint32_t *value)
{
    const struct rules_override *override = find_override(checker, name);
    const struct gguf_key *key = find(checker, name);

    *value = override ? (uint32_t) override->number : fallback;
    if (override)
        return 0;
    return key && key->count > 0 ? read_number(checker, key, 0, value) : 0;
}

/* The greatest of all layers. */
static int read_greatest(const struct checker *checker, const char *name, uint32_t *greatest)
{
    const struct rules_override *override = find_override(checker, name);
    const struct gguf_key *key = find(checker, name);
    uint32_t value;
    int r = 0;

    *greatest = override ? (uint32_t) override->number : 0;
    if (override)
        return 0;
    for (uint64_t i = 0; key && i < key->count && r == 0; i++) {
        r = read_number(checker, key, i, &value);
        *greatest = value > *greatest ? value : *greatest;
    }
    return r;
}

/* --- one key ------------------------------------------------------------------------------------
 */

static int fail_type(const struct checker *checker, const char *name, const struct gguf_key *found,
                     const char *expected)
{
    return defect_set(checker->defect, EINVAL, found->offset,
                      "key %s has wrong type %s but expected type %s", name,
                      gguf_type_name(found->type), expected);
}

/* Integers are taken from any array of 32 bits, where the tool copies them also from booleans. */
static bool element_fits(const struct arch_key *key, enum gguf_type subtype)
{
    if (key->type == GGUF_U32 || key->type == GGUF_I32)
        return subtype == GGUF_U32 || subtype == GGUF_I32 ||
               (subtype == GGUF_BOOL && key->form != FORM_LIST);
    return subtype == key->type;
}

static int check_elements(const struct checker *checker, const struct arch_key *key,
                          const char *name, const struct gguf_key *found)
{
    enum gguf_type subtype = found->subtype;
    bool known = subtype == GGUF_U32 || subtype == GGUF_I32 || subtype == GGUF_U64 ||
                 subtype == GGUF_F32 || subtype == GGUF_STRING ||
                 (subtype == GGUF_BOOL && key->form != FORM_LIST);

    if (!known)
        return defect_set(checker->defect, EINVAL, found->offset,
                          "%s is not a string/float32/uint32/int32/uint64 array", name);
    if (!element_fits(key, subtype))
        return defect_set(checker->defect, EINVAL, found->offset,
                          "%s has wrong array element type %s", name, gguf_type_name(subtype));
    if (key->form == FORM_ARRAY && found->count > LAYERS_MAX)
        return defect_set(checker->defect, EINVAL, found->offset,
                          "array length %u for key %s exceeds max %d", (unsigned)found->count, name,
                          LAYERS_MAX);
    return 0;
}

static int fail_missing(const struct checker *checker, const struct arch_key *key, const char *name)
{
    bool array = key->form == FORM_ARRAY || key->form == FORM_LIST;

    if (!key->needed)
        return 0;
    if (key->missing)
        return defect_set(checker->defect, EINVAL, DEFECT_NOWHERE, "%s", key->missing);
    return defect_set(checker->defect, EINVAL, DEFECT_NOWHERE, "%skey not found in model: %s",
                      array ? "array " : "", name);
}

/* A single value that an override gives, so that the loader does not look at the key. */
static bool is_overridden(const struct checker *checker, const struct arch_key *key,
                          const char *name)
{
    enum rules_kind kind = key->type == GGUF_F32      ? RULES_FLOAT
                           : key->type == GGUF_BOOL   ? RULES_BOOL
                           : key->type == GGUF_STRING ? RULES_STRING
                                                      : RULES_INT;

    return key->form == FORM_SCALAR && strcmp(key->name, "block_count") != 0 &&
           rules_find(checker->rules, name, kind);
}

static int check_key(const struct checker *checker, const struct arch_key *key)
{
    const struct gguf_key *found;
    uint64_t length = key->form == FORM_FOUR ? 4 : checker->facts->block_count;
    char name[192];

    if (key->experts && checker->facts->expert_count == 0)
        return 0;
    full_name(checker, key, name);
    if (is_overridden(checker, key, name))
        return 0;
    found = gguf_find(source_gguf(checker->source), name);
    if (!found)
        return fail_missing(checker, key, name);
    if (found->type != GGUF_ARRAY) {
        if (key->form == FORM_ARRAY || key->form == FORM_LIST)
            return fail_missing(checker, key, name);
        if (key->form == FORM_COUNTED)
            return fail_type(checker, name, found, "arr");
        return found->type == key->type
                   ? 0
                   : fail_type(checker, name, found, gguf_type_name(key->type));
    }
    if (key->form == FORM_SCALAR)
        return fail_type(checker, name, found, gguf_type_name(key->type));
    if (key->form == FORM_LOOSE)
        return 0;
    if ((key->form == FORM_LAYERS || key->form == FORM_FOUR) && found->count != length)
        return defect_set(checker->defect, EINVAL, found->offset,
                          "key %s has wrong array length; expected %u, got %u", name,
                          (unsigned)length, (unsigned)found->count);
    return check_elements(checker, key, name, found);
}

static int check_keys(const struct checker *checker, const struct arch_key *keys)
{
    int r = 0;

    for (; keys->name && r == 0; keys++)
        r = check_key(checker, keys);
    return r;
}

/* --- numbers that the tool asserts ---------------------------------------------------------------
 */

static int check_layers(const struct checker *checker)
{
    struct arch_facts *facts = checker->facts;
    uint32_t nextn = 0;
    int r = read_first(checker, "block_count", 0, &facts->block_count);

    if (r == 0)
        r = read_first(checker, "nextn_predict_layers", 0, &nextn);
    if (r < 0)
        return r;
    if (facts->block_count < 1 || facts->block_count > LAYERS_MAX)
        return defect_set(checker->defect, EINVAL, DEFECT_NOWHERE,
                          "%s.block_count is %u; it must be 1 to %d", facts->name,
                          facts->block_count, LAYERS_MAX);
    if (nextn > facts->block_count)
        return defect_set(checker->defect, EINVAL, DEFECT_NOWHERE,
                          "%s.nextn_predict_layers is %u, more than the %u of %s.block_count",
                          facts->name, nextn, facts->block_count, facts->name);
    return 0;
}

static int check_experts(const struct checker *checker)
{
    struct arch_facts *facts = checker->facts;
    uint32_t used = 0, groups = 0, used_groups = 0;
    bool groups_fit;
    int r = read_first(checker, "expert_count", 0, &facts->expert_count);

    if (r == 0)
        r = read_greatest(checker, "expert_used_count", &used);
    if (r == 0)
        r = read_first(checker, "expert_group_count", 0, &groups);
    if (r == 0)
        r = read_first(checker, "expert_group_used_count", 0, &used_groups);
    if (r < 0)
        return r;
    if (facts->expert_count > EXPERTS_MAX)
        return defect_set(checker->defect, EINVAL, DEFECT_NOWHERE,
                          "%s.expert_count is %u; it must be at most %d", facts->name,
                          facts->expert_count, EXPERTS_MAX);
    if (used > facts->expert_count || (used == 0 && facts->expert_count > 0))
        return defect_set(checker->defect, EINVAL, DEFECT_NOWHERE,
                          "%s.expert_used_count is %u, which does not fit %u experts", facts->name,
                          used, facts->expert_count);
    groups_fit = facts->expert_count > 0 && groups > 1
                     ? facts->expert_count % groups == 0 && used_groups > 0 && used_groups < groups
                     : facts->expert_count > 0 || groups == 0;
    if (!groups_fit)
        return defect_set(checker->defect, EINVAL, DEFECT_NOWHERE,
                          "%s.expert_group_count is %u with %u used, which does not fit %u experts",
                          facts->name, groups, used_groups, facts->expert_count);
    return 0;
}

static int check_scaling(const struct checker *checker)
{
    static const char *const known[] = {"none", "linear", "yarn", "longrope"};
    const struct rules_override *override;
    const struct gguf_key *key;
    char name[192], value[RULES_TEXT_MAX + 1];
    int r;

    full_name(checker, &(struct arch_key){.name = "rope.scaling.type"}, name);
    override = rules_find(checker->rules, name, RULES_STRING);
    key = gguf_find(source_gguf(checker->source), name);
    r = override ? 0 : source_key_string(checker->source, name, value, sizeof(value));
    if (override)
        memcpy(value, override->text, sizeof(value));
    if (r == -ENOENT)
        return 0;
    if (r < 0 && r != -E2BIG)
        return r;
    for (size_t i = 0; r == 0 && i < COUNT(known); i++)
        if (strcmp(value, known[i]) == 0)
            return 0;
    return defect_set(checker->defect, EINVAL, key ? key->value : DEFECT_NOWHERE,
                      "key %s says a kind of scaling that is not known", name);
}

/* Where there are heads, their size must be that of the rotation for some architectures. */
static int check_heads(const struct checker *checker, const struct arch *arch)
{
    struct arch_facts *facts = checker->facts;
    uint32_t width = 0, size = 0, rotated = 0;
    int r = read_first(checker, "attention.head_count", 0, &facts->head_count);

    if (r == 0)
        r = read_first(checker, "attention.head_count_kv", facts->head_count,
                       &facts->head_count_kv);
    if (r < 0 || facts->head_count == 0)
        return r;
    r = check_keys(checker, head_keys);
    if (r == 0)
        r = read_first(checker, "embedding_length", 0, &width);
    if (r == 0)
        r = read_first(checker, "attention.key_length", width / facts->head_count, &size);
    if (r == 0)
        r = read_first(checker, "rope.dimension_count", size, &rotated);
    if (r < 0)
        return r;
    if (arch->rotates_all && rotated != size)
        return defect_set(checker->defect, EINVAL, DEFECT_NOWHERE, "invalid n_rot: %u, expected %u",
                          rotated, size);
    return 0;
}

static uint64_t bound(const struct checker *checker, uint64_t limit)
{
    return limit == ARCH_LAYERS ? checker->facts->block_count : limit;
}

/* What a limit is about: a number, or how many there are. -ENOENT: there is no such key. */
static int read_limited(const struct checker *checker, const char *name, bool length,
                        uint64_t *value)
{
    const struct rules_override *override = find_override(checker, name);
    const struct gguf_key *key = find(checker, name);
    uint32_t number;
    int r;

    if (!key && !override)
        return -ENOENT;
    if (override || length) {
        *value = override ? (uint32_t) override->number : key->count;
        return 0;
    }
    r = read_number(checker, key, 0, &number);
    *value = number;
    return r;
}

static int check_limits(const struct checker *checker)
{
    const struct gguf_key *key;
    uint64_t value;
    char name[192];
    int r;

    for (size_t i = 0; i < COUNT(arch_limits); i++) {
        if (strcmp(arch_limits[i].arch, checker->facts->name) != 0)
            continue;
        full_name(checker, &(struct arch_key){.name = arch_limits[i].key}, name);
        key = gguf_find(source_gguf(checker->source), name);
        r = read_limited(checker, arch_limits[i].key, arch_limits[i].length, &value);
        if (r == -ENOENT)
            continue;
        if (r < 0)
            return r;
        if (value >= bound(checker, arch_limits[i].min) &&
            value <= bound(checker, arch_limits[i].max))
            continue;
        if (arch_limits[i].text)
            return defect_set(checker->defect, EINVAL, key ? key->offset : DEFECT_NOWHERE, "%s",
                              arch_limits[i].text);
        return defect_set(checker->defect, EINVAL, key ? key->offset : DEFECT_NOWHERE,
                          "key %s is %llu, which the architecture does not allow", name,
                          (unsigned long long)value);
    }
    return 0;
}

/* --- the face -----------------------------------------------------------------------------------
 */

static int find_arch(const struct checker *checker, const struct arch **arch)
{
    const struct rules_override *override =
        rules_find(checker->rules, "general.architecture", RULES_STRING);
    const struct gguf_key *key = gguf_find(source_gguf(checker->source), "general.architecture");
    char name[256] = "";
    int r = source_key_string(checker->source, "general.architecture", name, sizeof(name));

    if (override) {
        (void)snprintf(name, sizeof(name), "%s", override->text);
        r = 0;
    }

    *arch = NULL;
    if (r == -EINVAL)
        return fail_type(checker, "general.architecture", key, "str");
    if (r < 0 && r != -ENOENT && r != -E2BIG)
        return r;
    name[sizeof(name) - 1] = '\0';
    /* what the tool's loader looks at before it knows the architecture */
    r = check_key(checker, &file_type_key);
    if (r < 0)
        return r;
    for (size_t i = 0; i < COUNT(archs); i++)
        if (strcmp(archs[i].name, name) == 0)
            *arch = &archs[i];
    if (!*arch)
        return defect_set(checker->defect, EINVAL, DEFECT_NOWHERE,
                          "unknown model architecture: '%s'", name);
    if ((*arch)->refused)
        return defect_set(checker->defect, EINVAL, DEFECT_NOWHERE,
                          "unsupported model architecture: '%s'", name);
    (void)snprintf(checker->facts->name, sizeof(checker->facts->name), "%s", (*arch)->name);
    return 0;
}

int arch_check(const struct source *source, struct arch_facts *facts, struct defect *defect)
{
    return arch_check_as(source, NULL, facts, defect);
}

int arch_check_as(const struct source *source, const struct rules *rules, struct arch_facts *facts,
                  struct defect *defect)
{
    struct checker checker = {.source = source, .rules = rules, .facts = facts, .defect = defect};
    const struct arch *arch;
    int r;

    *facts = (struct arch_facts){0};
    r = find_arch(&checker, &arch);
    if (r == 0)
        r = check_keys(&checker, name_keys);
    if (r < 0 || !arch->keys) /* `clip`: nothing more is looked at */
        return r;
    r = check_keys(&checker, layer_keys);
    if (r == 0)
        r = check_layers(&checker);
    if (r == 0)
        r = check_keys(&checker, model_keys);
    if (r == 0)
        r = check_experts(&checker);
    if (r == 0)
        r = check_scaling(&checker);
    if (r == 0)
        r = check_heads(&checker, arch);
    if (r == 0)
        r = check_keys(&checker, window_keys);
    if (r == 0)
        r = check_keys(&checker, arch->keys);
    if (r == 0)
        r = check_limits(&checker);
    facts->known_heads = r == 0;
    return r;
}

static struct source_split_key split_key(const struct rules *rules, const char *name, uint32_t mask)
{
    const struct rules_override *override = rules_find(rules, name, RULES_INT);

    return override ? (struct source_split_key){true, (uint32_t) override->number & mask}
                    : (struct source_split_key){0};
}

struct source_split arch_split(const struct rules *rules)
{
    /* The tool reads them into variables of these sizes. */
    return (struct source_split){
        .count = split_key(rules, "split.count", UINT16_MAX),
        .number = split_key(rules, "split.no", UINT16_MAX),
        .tensors = split_key(rules, "split.tensors.count", UINT32_MAX),
    };
}

int arch_judge(const struct source *source, const struct rules *rules, struct arch_facts *facts,
               struct defect *defect)
{
    struct defect why = {.offset = DEFECT_NOWHERE};
    int r = arch_check_as(source, rules, facts, &why);

    if (r < 0 && defect)
        *defect = why;
    if (r != -EINVAL || !source_is_directory(source))
        return r;
    (void)snprintf(facts->refused, sizeof(facts->refused), "%.255s", why.text);
    return 0;
}
