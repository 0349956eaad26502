/*
 * If this failed, an arranged mount would show a model in another directory than its rule says, or
 * two models of one name would change places from mount to mount.
 */
#include "fs/layout.h"

#include <stdio.h>
#include <string.h>

#include "tests/check.h"

static void test_names(void)
{
    enum layout layout = LAYOUT_DIRS;

    CHECK(layout_parse("tree", &layout) && layout == LAYOUT_TREE);
    CHECK(layout_parse("flat", &layout) && layout == LAYOUT_FLAT);
    CHECK(layout_parse("dirs", &layout) && layout == LAYOUT_DIRS);
    CHECK(layout_parse("lmstudio", &layout) && layout == LAYOUT_LMSTUDIO);
    CHECK(!layout_parse("Flat", &layout) && !layout_parse("", &layout));
    CHECK_EQ(layout, LAYOUT_LMSTUDIO);
    CHECK(!layout_is_arranged(LAYOUT_TREE) && !layout_is_arranged(LAYOUT_DIRS));
    CHECK(layout_is_arranged(LAYOUT_FLAT) && layout_is_arranged(LAYOUT_LMSTUDIO));
}

static void test_places(void)
{
    static const struct {
        const char *directory, *stem, *place;
    } cases[] = {
        {"", "m", "local/m"},
        {"a", "m", "local/a"},
        {"a/b", "m", "a/b"},
        {"a/b/c", "m", "a/b-c"},
        {"a/b/c/d", "m", "a/b-c-d"},
        {"models--Org--Name", "m", "Org/Name"},
        {"models--Org--Name-1B/snapshots/0123abc", "m", "Org/Name-1B"},
        {"hub/models--Org--Na--me/snapshots/0123abc/sub", "m", "Org/Na--me"},
        /* not of that form */
        {"models--Org", "m", "local/models--Org"},
        {"models--Org--", "m", "local/models--Org--"},
        {"models----Name", "m", "local/models----Name"},
        {"models--..--Name", "m", "local/models--..--Name"},
        {"models--Org--..", "m", "local/models--Org--.."},
        {"models--Org/Name--x", "m", "models--Org/Name--x"},
        {"xmodels--Org--Name", "m", "local/xmodels--Org--Name"},
    };
    char place[PATH_MAX], deep[PATH_MAX];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK(layout_place(LAYOUT_LMSTUDIO, cases[i].directory, cases[i].stem, 1, place));
        CHECK_STR(place, cases[i].place);
        CHECK(layout_place(LAYOUT_FLAT, cases[i].directory, cases[i].stem, 1, place));
        CHECK_STR(place, "");
    }
    /* The stem is a part of a longer name. */
    CHECK(layout_place(LAYOUT_LMSTUDIO, "", "model.gguf", 5, place));
    CHECK_STR(place, "local/model");
    /* What is joined must be a name. */
    (void)snprintf(deep, sizeof(deep), "a/%0200d/%0200d", 0, 0);
    CHECK(!layout_place(LAYOUT_LMSTUDIO, deep, "m", 1, place));
}

static void check_next(const char *place, const char *directory, const char *expected)
{
    const char *name;
    size_t length;

    if (!expected) {
        CHECK(!layout_next(place, directory, &name, &length));
        return;
    }
    CHECK(layout_next(place, directory, &name, &length));
    CHECK_EQ(length, strlen(expected));
    CHECK(memcmp(name, expected, length) == 0);
}

static void test_next(void)
{
    check_next("a/b", "", "a");
    check_next("a/b", "a", "b");
    check_next("a/b", "a/b", "");
    check_next("", "", "");
    check_next("", "a", NULL);
    check_next("ab/c", "a", NULL);
    check_next("a/b", "a/bc", NULL);
    check_next("a/bc", "a/b", NULL);
}

static void test_groups(void)
{
    CHECK(layout_has_groups(LAYOUT_LMSTUDIO, "") && layout_has_groups(LAYOUT_LMSTUDIO, "a"));
    CHECK(!layout_has_groups(LAYOUT_LMSTUDIO, "a/b") && !layout_has_groups(LAYOUT_FLAT, ""));
}

static void test_order(void)
{
    CHECK(layout_compare("z", "a/a") < 0);
    CHECK(layout_compare("a/a", "z") > 0);
    CHECK(layout_compare("a/z", "b/a") < 0);
    CHECK_EQ(layout_compare("a/b", "a/b"), 0);
    CHECK(layout_inode("", "a") != layout_inode("a", ""));
    CHECK_EQ(layout_inode("a", "b"), layout_inode("a", "b"));
    CHECK(layout_inode("a", "b") >> 63);
}

int main(void)
{
    test_names();
    test_places();
    test_next();
    test_groups();
    test_order();
    return 0;
}
