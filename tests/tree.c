/*
 * If this failed, a node could stand for two files or for two versions of one, a forgotten number
 * could come back, or a node could go while the kernel or a child still needs it.
 */
#include "fs/tree.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/check.h"

static struct tree_node directory(uint64_t parent, const char *name)
{
    return (struct tree_node){
        .parent = parent, .kind = TREE_DIRECTORY, .name = name, .source = "", .variant = ""};
}

static struct tree_node view(uint64_t parent, const char *name, const struct version *versions,
                             unsigned count)
{
    return (struct tree_node){.parent = parent,
                              .kind = TREE_VIEW,
                              .attr = {.inode = 7, .size = 1000},
                              .name = name,
                              .source = "m.gguf",
                              .variant = "q8_0",
                              .version_count = count,
                              .versions = versions};
}

static uint64_t look_up(struct tree *tree, const struct tree_node *node)
{
    uint64_t id = 0;

    CHECK_EQ(tree_look_up(tree, node, &id), 0);
    CHECK(id > TREE_ROOT);
    return id;
}

static struct tree *new_tree(void)
{
    struct tree *tree = NULL;

    CHECK_EQ(tree_new(&tree), 0);
    CHECK_EQ(tree_count(tree), 1);
    return tree;
}

static void test_same_is_one(void)
{
    struct version versions[2] = {{.inode = 5, .size = 9}, {.inode = 6, .size = 9}};
    struct tree *tree = new_tree();
    struct tree_node node = view(TREE_ROOT, "m@q8_0.gguf", versions, 2);
    uint64_t first = look_up(tree, &node), other;

    CHECK_EQ(look_up(tree, &node), first);
    CHECK_EQ(tree_count(tree), 2);
    /* Each thing that makes it another node. */
    versions[1].mtime.tv_nsec = 1;
    other = look_up(tree, &node);
    CHECK(other != first);
    versions[1].mtime.tv_nsec = 0;
    node.source = "m-00001-of-00002.gguf";
    CHECK(look_up(tree, &node) != first);
    node.source = "m.gguf";
    node.version_count = 1;
    CHECK(look_up(tree, &node) != first);
    node.version_count = 2;
    node.kind = TREE_FILE;
    CHECK(look_up(tree, &node) != first);
    node.kind = TREE_VIEW;
    node.name = "M@q8_0.gguf";
    CHECK(look_up(tree, &node) != first);
    node.name = "m@q8_0.gguf";
    node.parent = other;
    CHECK(look_up(tree, &node) != first);
    node.parent = TREE_ROOT;
    node.variant = "q4_0";
    CHECK(look_up(tree, &node) != first);
    node.variant = "q8_0";
    node.facet = (struct facet){FACET_TENSOR, 0};
    other = look_up(tree, &node);
    CHECK(other != first);
    node.facet.index = 1;
    CHECK(look_up(tree, &node) != first && look_up(tree, &node) != other);
    node.facet = (struct facet){0};
    CHECK_EQ(look_up(tree, &node), first);
    CHECK_EQ(tree_count(tree), 11);
    tree_free(tree);
}

static void test_copies(void)
{
    struct version versions[2] = {{.inode = 5, .size = 9}, {.inode = 6, .size = 9}};
    struct tree *tree = new_tree();
    struct tree_node node = view(TREE_ROOT, "m@q8_0.gguf", versions, 2);
    uint64_t id = look_up(tree, &node), newer;
    struct tree_node *copy = tree_copy(tree, id);

    CHECK(copy && copy->id == id && copy->parent == TREE_ROOT && copy->kind == TREE_VIEW);
    CHECK_STR(copy->name, "m@q8_0.gguf");
    CHECK_STR(copy->source, "m.gguf");
    CHECK_STR(copy->variant, "q8_0");
    CHECK_EQ(copy->attr.size, 1000);
    CHECK_EQ(copy->version_count, 2);
    CHECK(copy->versions != versions && version_equal(&copy->versions[1], &versions[1]));
    free(copy);
    /* By name: the version made last. */
    versions[0].size = 10;
    newer = look_up(tree, &node);
    copy = tree_copy_virtual(tree, TREE_ROOT, "m@q8_0.gguf", TREE_VIEW);
    CHECK(copy && copy->id == newer);
    free(copy);
    CHECK(!tree_copy_virtual(tree, TREE_ROOT, "m@q4_0.gguf", TREE_VIEW));
    CHECK(!tree_copy_virtual(tree, id, "m@q8_0.gguf", TREE_VIEW));
    CHECK(!tree_copy_virtual(tree, TREE_ROOT, "m@q8_0.gguf", TREE_FOLDER));
    CHECK(!tree_copy_folder(tree, id));
    node.kind = TREE_FOLDER;
    node.name = "m@q8_0";
    node.facet.kind = FACET_FOLDER;
    newer = look_up(tree, &node);
    copy = tree_copy_folder(tree, newer);
    CHECK(copy && copy->id == newer && copy->facet.kind == FACET_FOLDER);
    free(copy);
    copy = tree_copy_virtual(tree, TREE_ROOT, "m@q8_0", TREE_FOLDER);
    CHECK(copy && copy->id == newer);
    free(copy);
    CHECK(!tree_copy(tree, 12345));
    tree_free(tree);
}

static void test_forgetting(void)
{
    struct tree *tree = new_tree();
    struct tree_node node = directory(TREE_ROOT, "a");
    uint64_t a = look_up(tree, &node), b, again;
    char path[16];

    CHECK_EQ(look_up(tree, &node), a);
    node = directory(a, "b");
    b = look_up(tree, &node);
    CHECK_EQ(tree_path(tree, b, path, sizeof(path)), 0);
    CHECK_STR(path, "a/b");
    /* One of two lookups forgotten: it is still there. */
    tree_forget(tree, a, 1);
    CHECK_EQ(tree_count(tree), 3);
    /* Both: its child keeps it, so that the child's path is still known. */
    tree_forget(tree, a, 1);
    CHECK_EQ(tree_path(tree, b, path, sizeof(path)), 0);
    CHECK_STR(path, "a/b");
    tree_forget(tree, b, 1);
    CHECK_EQ(tree_count(tree), 1);
    CHECK_EQ(tree_path(tree, b, path, sizeof(path)), -ESTALE);
    CHECK_EQ(tree_path(tree, a, path, sizeof(path)), -ESTALE);
    /* The same name gets a number that was never used, and no child of a node that is gone. */
    node = directory(TREE_ROOT, "a");
    again = look_up(tree, &node);
    CHECK(again != a && again != b);
    node = directory(a, "b");
    CHECK_EQ(tree_look_up(tree, &node, &b), -ESTALE);
    /* What is not there, and the root, may be forgotten at any time. */
    tree_forget(tree, 999, 5);
    tree_forget(tree, TREE_ROOT, 1000);
    CHECK_EQ(tree_path(tree, TREE_ROOT, path, sizeof(path)), 0);
    CHECK_STR(path, "");
    tree_free(tree);
}

static void test_long_paths(void)
{
    struct tree *tree = new_tree();
    struct tree_node node = directory(TREE_ROOT, "abc");
    char path[8];

    node.parent = look_up(tree, &node);
    node.name = "def";
    node.parent = look_up(tree, &node);
    CHECK_EQ(tree_path(tree, node.parent, path, 8), 0);
    CHECK_STR(path, "abc/def");
    CHECK_EQ(tree_path(tree, node.parent, path, 7), -ENAMETOOLONG);
    tree_free(tree);
}

static void test_kept_pages(void)
{
    const struct version before = {.inode = 3, .size = 9}, after = {.inode = 3, .size = 10};
    struct tree *tree = new_tree();
    struct tree_node node = {
        .parent = TREE_ROOT, .kind = TREE_FILE, .name = "f", .source = "", .variant = ""};
    uint64_t id = look_up(tree, &node);

    CHECK(!tree_opened(tree, id, &before, false));
    CHECK(tree_opened(tree, id, &before, false));
    CHECK(!tree_opened(tree, id, &after, false));
    CHECK(tree_opened(tree, id, &after, false));
    /* Pages read while it was young may be of the state before: they go at the next open too. */
    CHECK(!tree_opened(tree, id, &after, true));
    CHECK(!tree_opened(tree, id, &after, false));
    CHECK(tree_opened(tree, id, &after, false));
    CHECK(!tree_opened(tree, 999, &after, false));
    tree_free(tree);
}

/* A file handle asks for a node by number, long after the kernel has forgotten it. */
static void test_by_number(void)
{
    enum { COUNT = 100000 };
    struct version version = {.inode = 5, .size = 9};
    struct tree *tree = new_tree();
    struct tree_node node = directory(TREE_ROOT, "a");
    uint64_t a = look_up(tree, &node), b, newer;
    struct tree_node *copy;
    char path[16], name[32];

    node = view(a, "b", &version, 1);
    b = look_up(tree, &node);
    CHECK(!tree_opened(tree, b, &version, false));
    CHECK_EQ(tree_look_up_id(tree, b), 0);
    tree_forget(tree, b, 1);
    CHECK_EQ(tree_count(tree), 3);
    /* It comes back with the directory above it, as often as it is forgotten. */
    for (unsigned i = 0; i < 3; i++) {
        tree_forget(tree, b, 1);
        if (i == 0)
            tree_forget(tree, a, 1);
        CHECK_EQ(tree_count(tree), 1);
        CHECK(!tree_copy(tree, b));
        CHECK_EQ(tree_look_up_id(tree, b), 0);
        CHECK_EQ(tree_count(tree), 3);
        CHECK_EQ(tree_path(tree, b, path, sizeof(path)), 0);
        CHECK_STR(path, "a/b");
        copy = tree_copy_virtual(tree, a, "b", TREE_VIEW);
        CHECK(copy && copy->id == b && version_equal(copy->versions, &version));
        free(copy);
        CHECK_EQ(look_up(tree, &node), b);
        tree_forget(tree, b, 1);
    }
    /* The kernel had no pages of it any more. */
    CHECK(!tree_opened(tree, b, &version, false));
    /* Another one has been made in its place: each is what it is. */
    tree_forget(tree, b, 1);
    node = directory(TREE_ROOT, "a");
    newer = look_up(tree, &node);
    CHECK(newer != a);
    CHECK_EQ(tree_look_up_id(tree, a), 0);
    CHECK_EQ(tree_count(tree), 3);
    tree_forget(tree, a, 1);
    tree_forget(tree, newer, 1);
    /* The root is no business of the count; what there never was is not found. */
    CHECK_EQ(tree_look_up_id(tree, TREE_ROOT), 0);
    CHECK_EQ(tree_look_up_id(tree, 12345), -ESTALE);
    CHECK_EQ(tree_look_up_id(tree, 0), -ESTALE);
    /* Only the last ones are kept, and none above which one is missing. */
    node = directory(TREE_ROOT, name);
    for (unsigned i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof(name), "n%u", i);
        newer = look_up(tree, &node);
        tree_forget(tree, newer, 1);
        CHECK_EQ(tree_count(tree), 1);
    }
    CHECK_EQ(tree_look_up_id(tree, b), -ESTALE);
    CHECK_EQ(tree_look_up_id(tree, newer - COUNT / 2), -ESTALE);
    CHECK_EQ(tree_look_up_id(tree, newer - 1000), 0);
    CHECK_EQ(tree_look_up_id(tree, newer), 0);
    CHECK_EQ(tree_count(tree), 3);
    tree_free(tree);
}

static void test_many(void)
{
    enum { COUNT = 5000 };
    static uint64_t ids[COUNT];
    struct tree *tree = new_tree();
    char name[32];

    for (unsigned i = 0; i < COUNT; i++) {
        struct tree_node node = directory(i < 10 ? TREE_ROOT : ids[i % 10], name);

        (void)snprintf(name, sizeof(name), "n%u", i);
        ids[i] = look_up(tree, &node);
    }
    CHECK_EQ(tree_count(tree), COUNT + 1);
    for (unsigned i = 0; i < COUNT; i++) {
        struct tree_node node = directory(i < 10 ? TREE_ROOT : ids[i % 10], name);

        (void)snprintf(name, sizeof(name), "n%u", i);
        CHECK_EQ(look_up(tree, &node), ids[i]);
    }
    for (unsigned i = 0; i < COUNT; i++)
        tree_forget(tree, ids[i], 2);
    CHECK_EQ(tree_count(tree), 1);
    tree_free(tree);
}

/* Several threads look the same names up and forget them again. */
static void *hammer(void *context)
{
    struct tree *tree = context;
    char name[32], path[64];

    for (unsigned i = 0; i < 20000; i++) {
        struct tree_node node = directory(TREE_ROOT, name);
        struct tree_node inner;
        uint64_t a, b;

        (void)snprintf(name, sizeof(name), "n%u", i % 7);
        a = look_up(tree, &node);
        inner = directory(a, "x");
        b = look_up(tree, &inner);
        tree_forget(tree, a, 1);
        CHECK_EQ(tree_path(tree, b, path, sizeof(path)), 0);
        CHECK(strncmp(path, name, strlen(name)) == 0);
        tree_forget(tree, b, 1);
        /* The others may have had thousands forgotten meanwhile. */
        if (tree_look_up_id(tree, b) == 0) {
            CHECK_EQ(tree_path(tree, b, path, sizeof(path)), 0);
            tree_forget(tree, b, 1);
        }
    }
    return NULL;
}

static void test_threads(void)
{
    struct tree *tree = new_tree();
    pthread_t threads[4];

    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, hammer, tree), 0);
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_EQ(tree_count(tree), 1);
    tree_free(tree);
}

int main(void)
{
    test_same_is_one();
    test_copies();
    test_forgetting();
    test_long_paths();
    test_kept_pages();
    test_by_number();
    test_many();
    test_threads();
    return 0;
}
