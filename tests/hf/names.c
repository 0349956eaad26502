/*
 * If this fails, a model's name, basename or size label differ from those that the reference
 * converter makes of its directory's name.
 *
 *     names NAMES.TSV SIZES.TSV
 *
 * Both tables were made by the converter.
 */
#include "quant/format/hf/names.h"

#include "../check.h"

static struct hf_text text_of(const char *text)
{
    return (struct hf_text){text, strlen(text)};
}

/* "-" in the table: there is none. */
static void check_part(const char *id, const char *what, const struct hf_text *found,
                       const char *expected)
{
    bool none = strcmp(expected, "-") == 0 && strcmp(id, "-") != 0;

    if (found->text
            ? found->size != strlen(expected) || memcmp(found->text, expected, found->size) != 0
            : !none && strcmp(expected, "-") != 0) {
        fprintf(stderr, "%s: %s is '%.*s', expected '%s'\n", id, what, (int)found->size,
                found->text ? found->text : "", expected);
        exit(1);
    }
}

/* Cuts a line at its tabs. */
static void split(char *line, char **fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fields[i] = strsep(&line, i + 1 < count ? "\t" : "\n");
        CHECK(fields[i]);
    }
}

static void check_name(char *line)
{
    struct hf_arena arena = {0};
    struct hf_text id, title;
    struct hf_name name;
    char *fields[9];

    split(line, fields, 9);
    id = text_of(fields[0]);
    CHECK_EQ(hf_name_read(&arena, &id, strtoull(fields[1], NULL, 10), &name), 0);
    check_part(fields[0], "name", &name.name, fields[2]);
    check_part(fields[0], "organization", &name.organization, fields[3]);
    check_part(fields[0], "basename", &name.basename, fields[4]);
    check_part(fields[0], "finetune", &name.finetune, fields[5]);
    check_part(fields[0], "version", &name.version, fields[6]);
    check_part(fields[0], "size label", &name.size_label, fields[7]);
    CHECK_EQ(hf_name_title(&arena, &name.name, &title), 0);
    check_part(fields[0], "title", &title, fields[8]);
    hf_arena_free(&arena);
}

static void check_size(char *line)
{
    struct hf_parameters parameters = {0};
    struct hf_size_label label;
    char *fields[5];

    split(line, fields, 5);
    parameters.total = strtoull(fields[0], NULL, 10);
    parameters.shared = strtoull(fields[1], NULL, 10);
    parameters.expert = strtoull(fields[2], NULL, 10);
    parameters.expert_sum = 3 * strtoull(fields[3], NULL, 10) + 1;
    parameters.expert_tensors = 3;
    label = hf_size_label(&parameters);
    CHECK_STR(label.text, fields[4]);
}

static void check_table(const char *path, void (*check)(char *line), unsigned least)
{
    FILE *table = fopen(path, "r");
    char line[1024];
    unsigned count = 0;

    CHECK(table && fgets(line, sizeof(line), table)); /* the head */
    for (; fgets(line, sizeof(line), table); count++)
        check(line);
    CHECK(count >= least);
    (void)fclose(table);
}

static void check_titles(void)
{
    static const struct {
        const char *name, *title;
    } cases[] = {{"stra\xc3\x9f"
                  "e-\xc3\xa9t\xc3\xa9",
                  "Stra\xc3\x9f"
                  "e \xc3\x89t\xc3\xa9"},
                 {" a \t b\xc2\xa0"
                  "c ",
                  "A B C"},
                 {"v1 v1.2 v1. v v1a x1", "v1 v1.2 V1. V V1A X1"},
                 {"it's \xff\xff"
                  "a",
                  "It'S \xff\xff"
                  "A"},
                 {"", ""}};
    struct hf_arena arena = {0};
    struct hf_text name, title;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        name = text_of(cases[i].name);
        CHECK_EQ(hf_name_title(&arena, &name, &title), 0);
        check_part(cases[i].name, "title", &title, cases[i].title);
    }
    hf_arena_free(&arena);
}

static void check_parameters(void)
{
    static const uint64_t expert[] = {4, 5, 8}, bias[] = {4, 8, 1}, huge[] = {UINT64_MAX, 2};
    struct hf_parameters parameters = {0};

    hf_parameters_add(&parameters, "blk.0.ffn_up_exps.weight", 3, expert);
    hf_parameters_add(&parameters, "blk.0.ffn_up_exps.bias", 3, bias);
    hf_parameters_add(&parameters, "blk.0.ffn_up_exps.bias", 2, bias);
    hf_parameters_add(&parameters, "output.weight", 2, expert);
    CHECK_EQ(parameters.total, 160 + 32 + 32 + 20);
    CHECK_EQ(parameters.shared, 32 + 20);
    CHECK_EQ(parameters.expert, 20 + 4);
    CHECK_EQ(parameters.expert_sum, 16);
    CHECK_EQ(parameters.expert_tensors, 2);
    hf_parameters_add(&parameters, "a", 2, huge);
    hf_parameters_add(&parameters, "b", 1, huge);
    CHECK(parameters.total == UINT64_MAX);
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    check_table(argv[1], check_name, 70);
    check_table(argv[2], check_size, 45);
    check_titles();
    check_parameters();
    return 0;
}
