#include "quant/pattern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "quant/pattern_gate.h"

/* Memory of one search, KiB. A name is short: what is tried first would do with some. */
#define HEAP_MAX 1024

struct pattern {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
    uint64_t *steps; /* of the search under way */
};

static int count_step(pcre2_callout_block *block, void *context)
{
    struct pattern *pattern = context;

    if (*pattern->steps < block->callout_number) {
        *pattern->steps = 0;
        return PCRE2_ERROR_MATCHLIMIT;
    }
    *pattern->steps -= block->callout_number;
    return 0;
}

int pattern_check(const char *text, size_t length, struct defect *defect)
{
    return pattern_gate(text, length, NULL, defect);
}

static pcre2_code *compile(const char *text, int *error)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    pcre2_code *code = NULL;
    PCRE2_SIZE offset;

    *error = PCRE2_ERROR_NOMEMORY;
    if (!context)
        return NULL;
    /* `.` is neither \r nor \n; \z is what $ became */
    (void)pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
    (void)pcre2_set_parens_nest_limit(context, 4 * PATTERN_DEPTH_MAX);
    code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_NEVER_UTF | PCRE2_NEVER_UCP,
                         error, &offset, context);
    pcre2_compile_context_free(context);
    return code;
}

static int prepare(struct pattern *pattern)
{
    pattern->data = pcre2_match_data_create(1, NULL);
    pattern->context = pcre2_match_context_create(NULL);
    if (!pattern->data || !pattern->context)
        return -ENOMEM;
    (void)pcre2_set_heap_limit(pattern->context, HEAP_MAX);
    (void)pcre2_set_callout(pattern->context, count_step, pattern);
    return 0;
}

int pattern_compile(const char *text, size_t length, struct pattern **result, struct defect *defect)
{
    struct pattern *pattern = calloc(1, sizeof(*pattern));
    char *written = NULL;
    int error, r;

    *result = NULL;
    if (!pattern)
        return -ENOMEM;
    r = pattern_gate(text, length, &written, defect);
    if (r < 0)
        goto out;
    pattern->code = compile(written, &error);
    if (!pattern->code)
        r = error == PCRE2_ERROR_NOMEMORY
                ? -ENOMEM
                : defect_set(defect, ENOTSUP, DEFECT_NOWHERE,
                             "so long a pattern: not supported"); /* the gate passed it */
    if (r == 0)
        r = prepare(pattern);
    if (r == 0) {
        *result = pattern;
        pattern = NULL;
    }
out:
    free(written);
    pattern_free(pattern);
    return r;
}

void pattern_free(struct pattern *pattern)
{
    if (!pattern)
        return;
    pcre2_code_free(pattern->code);
    pcre2_match_data_free(pattern->data);
    pcre2_match_context_free(pattern->context);
    free(pattern);
}

int pattern_search(struct pattern *pattern, const char *name, size_t length, uint64_t *steps)
{
    int r;

    if (*steps == 0)
        return -E2BIG;
    --*steps;
    pattern->steps = steps;
    r = pcre2_match(pattern->code, (PCRE2_SPTR)name, length, 0, 0, pattern->data, pattern->context);
    pattern->steps = NULL;
    if (r >= 0 || r == PCRE2_ERROR_NOMATCH)
        return r >= 0;
    return r == PCRE2_ERROR_NOMEMORY ? -ENOMEM : -E2BIG;
}
