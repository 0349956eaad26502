#ifndef FS_DIRECTORY_H
#define FS_DIRECTORY_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "config.h"

/* A Hugging Face directory as a source: by its name, and by the names in it. */

/* Is a model of that name (the last part of its path) a directory? Else a GGUF file. */
bool directory_is_model(const char *name);

/*
 * A repository in a cache of huggingface_hub is a directory models--ORG--NAME with snapshots/REV/
 * in it, whose files are symlinks. What is shown of it as ORG/NAME, also as ORG--NAME, is its
 * newest revision: the one that refs/main names, else the one that was made last.
 */
bool directory_is_cached(const char *name);
/* Of such a name "ORG--NAME"; of any other the name itself. */
const char *directory_stem(const char *name);
/* The model's own name, which decides bytes: of such a name "NAME"; of any other the name itself.
 */
const char *directory_own_name(const char *name);
/* The parts of such a name, of `length`; `org` and `name` point into it. False: it has not both, or
 * one that no directory is shown as. */
struct directory_repository {
    const char *org, *name;
    size_t org_length, name_length;
};
bool directory_is_repository(const char *name, size_t length,
                             struct directory_repository *repository);

/* What a revision is asked for: a model that it is, or GGUF files that it has. */
enum directory_content { DIRECTORY_MODEL, DIRECTORY_GGUF };
/* "snapshots/REV" of the directory `fd`. -ENOENT: there is none; -errno. */
MUST_USE int directory_revision(int fd, enum directory_content content,
                                char revision[NAME_MAX + 16]);

/* What the directory `fd`, the root of a mount, is called as a model: by its own name, but a
 * revision by its repository's. "": it is not known. */
void directory_root_name(int fd, char name[NAME_MAX + 1]);

/* Its files that count, sorted: "config.json", "1_Pooling/config.json". */
struct directory_names {
    size_t count;
    char **names;
};

/*
 * Reads the directory `fd`, from its start. -ENOENT: no model, since it has no config.json or
 * no weights; -ENOMEM, -errno. In every case directory_names_free() is due.
 */
MUST_USE int directory_names_read(int fd, struct directory_names *names);
void directory_names_free(struct directory_names *names);

#endif
