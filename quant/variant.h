#ifndef QUANT_VARIANT_H
#define QUANT_VARIANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/defect.h"
#include "quant/type.h"

/* A file type: the name a user asks for. Rows of one constant table (recipe.md §1). */
struct ftype {
    const char *name;  /* upper case, as the tool prints it: "Q4_K_M" */
    const char *alias; /* "Q4_K", or NULL */
    uint32_t number;   /* general.file_type */
    enum type type;    /* what a tensor gets when no rule says otherwise; TYPE_NONE: COPY */
};

/* Every file type of the reference tool, in the order of its usage text; ends with a NULL name. */
const struct ftype *ftype_table(void);
/* By name or alias, any case; NULL if there is none. */
const struct ftype *ftype_find(const char *name, size_t length);
const struct ftype *ftype_by_number(uint32_t number);

/* The longest canonical text with its end: it is part of a file's name. */
#define VARIANT_TEXT_MAX 256

/* Layers that a name can leave out are below this: no model has more. */
#define VARIANT_LAYERS 512

struct rules;

/* What a user asks for: the same for a name in the mount and for the options of `quantize`. A plain
 * value. */
struct variant {
    const struct ftype *ftype;  /* NULL: a mix whose file says it (quant/mix.h) */
    char mix[VARIANT_TEXT_MAX]; /* the name of a mix, in lower case; then nothing else is said */
    const struct ftype *from;   /* of a directory: F16, BF16 or F32, what it becomes before it is
                                   quantized; NULL: the one that loses nothing */
    bool projector; /* of a directory with a vision part: its projector (mmproj-f16, ...),
                       with nothing else said */
    bool pure;
    bool leave_output;
    bool imatrix;          /* use the source's importance matrix */
    bool dry_run;          /* only sizes are wanted: a missing importance matrix is no error */
    bool as_with_imatrix;  /* with dry_run: the types that tensors would have with one */
    bool keep_split;       /* as many files as the source has; no name in the mount asks for it */
    bool requantize;       /* a permission, of no name in the mount: from quantized types too */
    enum type output_type; /* TYPE_NONE: by the rules */
    enum type token_embd_type;            /* TYPE_NONE: by the rules */
    bool ollama;                          /* the types that Ollama asks for, behind all patterns */
    uint64_t pruned[VARIANT_LAYERS / 64]; /* bits: layers that are left out */
    char patterns[VARIANT_TEXT_MAX]; /* as they stand in the canonical text: variant_pattern() */
    /* what no name can hold, before the patterns: not owned, must outlive what is made of it; or
     * NULL */
    const struct rules *rules;
};

/* One +PATTERN=TYPE. */
struct variant_pattern {
    char text[VARIANT_TEXT_MAX]; /* lower case, without escapes */
    size_t length;
    enum type type;
};

/*
 * Reads the VARIANT of STEM@VARIANT.gguf: a file type and options, any case, options in any order,
 * escapes %2B; or mmproj-f16, mmproj-bf16, mmproj-f32, mmproj-q8_0, which take none. -ENOENT: no
 * such variant (also a type that nothing is converted to, an option said twice with different
 * values, a pattern that does not pass the gate). Cheap: no pattern is compiled.
 */
MUST_USE int variant_parse(const char *text, size_t length, struct variant *variant);
/* The same, and where a pattern is to blame *defect says why; else its text is empty. */
MUST_USE int variant_parse_why(const char *text, size_t length, struct variant *variant,
                               struct defect *defect);

/* The name of a mix, any case: without + @ / % and control characters, not that of a file type or
 * projector and not hidden. False: it can be none. */
bool variant_parse_mix(const char *text, size_t length, struct variant *variant);
/* What variant_parse() or variant_parse_mix() takes. -ENOENT. */
MUST_USE int variant_parse_any(const char *text, size_t length, struct variant *variant);

/* The canonical text: lower case, aliases resolved, options sorted, then patterns in their order.
 * `size` at least VARIANT_TEXT_MAX. Nothing of variant->rules. */
void variant_format(const struct variant *variant, char *text, size_t size);

/* Nothing but F16, BF16 or F32: of a directory that is the converted file itself, not what the tool
 * makes of one. */
bool variant_is_plain(const struct variant *variant);
/* mmproj-f16, mmproj-bf16, mmproj-f32 or mmproj-q8_0, and nothing else that `quantize` may say. */
bool variant_is_projector(const struct variant *variant);

/* The next pattern from *at on, which begins at 0. False: there is none. */
bool variant_pattern(const struct variant *variant, size_t *at, struct variant_pattern *pattern);

/*
 * Splits a file name STEM@VARIANT.gguf at its last '@'. False if it has not that form (nothing is
 * said about whether the variant exists). The suffix is taken in lower case only.
 */
bool variant_split_name(const char *name, size_t *stem_length, const char **text,
                        size_t *text_length);

#endif
