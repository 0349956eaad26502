#include "fs/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/recipe.h"

static char *path_of(const struct variant *variant, const char *output, size_t file, size_t count)
{
    char *path;

    if (!variant->keep_split)
        return strdup(output);
    return asprintf(&path, "%s-%05zu-of-%05zu.gguf", output, file + 1, count) < 0 ? NULL : path;
}

static int add_files(const struct source *source, const struct recipe *recipe,
                     const struct variant *variant, const char *output, struct plan *plan,
                     struct defect *defect)
{
    size_t count = recipe->shard_count;
    int r = 0;

    plan->views = calloc(count, sizeof(*plan->views));
    plan->paths = calloc(count, sizeof(*plan->paths));
    if (!plan->views || !plan->paths)
        return -ENOMEM;
    plan->count = count;
    for (size_t i = 0; i < count && r == 0; i++) {
        plan->paths[i] = path_of(variant, output, i, count);
        r = plan->paths[i] ? view_make_shard(source, recipe, (unsigned)i, &plan->views[i], defect)
                           : -ENOMEM;
        if (r < 0)
            break;
        plan->tensor_count += plan->views[i]->extent_count;
        plan->size += plan->views[i]->size;
    }
    return r;
}

static int add_verbatim(const struct source *source, const char *output, struct plan *plan)
{
    int r;

    plan->views = calloc(1, sizeof(*plan->views));
    plan->paths = calloc(1, sizeof(*plan->paths));
    if (!plan->views || !plan->paths)
        return -ENOMEM;
    plan->count = 1;
    plan->paths[0] = strdup(output);
    r = plan->paths[0] ? view_make_verbatim(source, &plan->views[0]) : -ENOMEM;
    if (r < 0)
        return r;
    plan->tensor_count = plan->views[0]->extent_count;
    plan->size = plan->views[0]->size;
    return 0;
}

int plan_make(const struct source *source, const struct arch_facts *facts,
              const struct variant *variant, const char *output, struct plan *plan,
              struct defect *defect)
{
    int r;

    *plan = (struct plan){0};
    if (view_is_verbatim(source, variant))
        return add_verbatim(source, output, plan);
    r = recipe_make(source, facts, variant, &plan->recipe, defect);
    return r < 0 ? r : add_files(source, plan->recipe, variant, output, plan, defect);
}

void plan_free(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        view_free(plan->views[i]);
        free(plan->paths[i]);
    }
    free(plan->views);
    free(plan->paths);
    recipe_free(plan->recipe);
    *plan = (struct plan){0};
}

size_t plan_first_tensor(const struct plan *plan, size_t file)
{
    size_t first = 0;

    for (size_t i = 0; i < file; i++)
        first += plan->views[i]->extent_count;
    return first;
}

const char *plan_lacking(const struct plan *plan)
{
    return plan->recipe ? plan->recipe->lacking : NULL;
}
