#ifndef FS_OPS_STATE_H
#define FS_OPS_STATE_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "fs/engine.h"
#include "fs/folder.h"
#include "fs/layout.h"
#include "fs/listing.h"
#include "fs/models.h"
#include "fs/opens.h"
#include "fs/ops.h"
#include "fs/root.h"
#include "fs/survey.h"
#include "fs/tree.h"

/* What the files ops*.c share. */

/* The struct of that type of which `pointer` is the member. */
#define OPS_OUTER(pointer, type, member)                                                           \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/*
 * A request that is answered late. From ops_hold() to ops_let_go() it stands in a list;
 * ops_finish() answers those there. Whoever wants to answer takes the request first: who comes
 * second gets none.
 */
struct ops_held {
    struct ops *ops;
    fuse_req_t req; /* NULL: taken. Under ops->lock, as are the next three */
    bool replying;  /* taken by its owner */
    struct ops_held *prev, *next;
};

/* Lock order: ops, then the opens'. All others are taken alone. */
struct ops {
    struct ops_config config;
    uint32_t generation; /* of the nodes' numbers: another one in each mount */
    struct root root;
    struct root imatrix_root; /* its descriptor is -1 if there is none */
    struct root mix_root;     /* the same */
    struct tree *tree;
    struct models *models;
    struct surveys *surveys; /* of an arranged mount, else NULL */
    struct bare *bare;
    struct opens *opens;
    struct engine *engine;
    atomic_bool stop; /* nothing new is begun */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* protected by lock */
    struct ops_held *held;
    unsigned replying;
    unsigned in_engine; /* workers of our own that call the engine */
};

/* -ENODEV: the mount ends; the request is still the caller's to answer. */
MUST_USE int ops_hold(struct ops *ops, struct ops_held *held, fuse_req_t req);
/* The request, or NULL if it has been answered. ops_let_go() must follow soon. */
fuse_req_t ops_take(struct ops_held *held);
/* The struct is its owner's again. */
void ops_let_go(struct ops_held *held);
/* From ops_enter() to ops_leave() the engine is there, also for a worker that is late. False: the
 * mount ends, and it may be gone. */
MUST_USE bool ops_enter(struct ops *ops);
void ops_leave(struct ops *ops);
/* Wakes who waits for idleness: a file was closed. */
void ops_notify(struct ops *ops);

/* Are these the versions that the view's node stands for? */
bool ops_versions_same(const struct tree_node *node, unsigned count,
                       const struct version *versions);

/* Where the model of a virtual node is: directory and name (which points into the node's source) of
 * its first file; and which variant it is. -ESTALE. */
MUST_USE int ops_virtual_place(const struct tree_node *node, char directory[PATH_MAX],
                               const char **name, struct variant *variant);

/* Are the files of a virtual node still in the state that it stands for, as far as can be told at
 * once? False also if a worker has to look. */
bool ops_inputs_same(struct ops *ops, const struct tree_node *node);

/* A node to look for or to make; its strings and versions stay the caller's. */
void ops_describe_mirrored(uint64_t parent, const char *name, const struct stat *st,
                           struct version *identity, struct tree_node *node);
bool ops_is_mirrored_as(const struct tree_node *node, const struct stat *st);

/* State of a mirrored node: by its name, or, where that is gone, of the open file. -ESTALE. */
MUST_USE int ops_stat_mirrored(struct ops *ops, const struct tree_node *node, struct stat *st);
void ops_virtual_stat(const struct tree_node *node, struct stat *st);

/* Is what stat shows young, so that the kernel shall ask again each time? */
bool ops_is_passing(const struct tree_node *node, const struct stat *st);

/* Looks a node up for the kernel and fills what it is told; to be forgotten if the kernel is not
 * told. `st` is the mirrored entry's, or NULL. */
MUST_USE int ops_fill_entry(struct ops *ops, const struct tree_node *node, const struct stat *st,
                            struct fuse_entry_param *entry);

/* Answers a lookup with a node; `st` as of ops_fill_entry(). */
void ops_reply_entry(struct ops *ops, fuse_req_t req, const struct tree_node *node,
                     const struct stat *st);
/* The same with the virtual node of that name and kind, if its files are as they were; else false.
 * `directory`: it is one that has its model in there; NULL: wherever that is. */
bool ops_reply_known(struct ops *ops, fuse_req_t req, uint64_t parent, const char *name,
                     enum tree_kind kind, const char *directory);

/* What stat shows of a directory of an arranged mount, but for its inode number. */
void ops_group_attr(struct ops *ops, struct tree_attr *attr);
/* Inode number of the directory that a folder is in; 0 if it is not known. For workers. */
uint64_t ops_inode_of_parent(struct ops *ops, const struct tree_node *folder);

/* What a user may be told of an error met while a model was looked at. */
int ops_lookup_error(int r);

/* ops_lookup.c */
void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
/* ops_handle.c: "." or ".." in a node: that one or its parent, by number. */
void ops_look_up_dots(struct ops *ops, fuse_req_t req, uint64_t id, bool up);
/* ops_folder.c: in a virtual directory. *folder is taken over. */
void ops_folder_lookup(struct ops *ops, fuse_req_t req, struct tree_node *folder, const char *name);
/* Makes the listing of a folder, which is the caller's until done() is called, as for
 * listing_make(). From a worker. */
void ops_folder_list(struct ops *ops, const struct tree_node *folder,
                     void (*done)(void *context, int r, struct listing *listing), void *context);
/* The view itself, as FOLDER_MODEL in the folder of a variant or as what is in FACET_WRAP: the node
 * of its name beside the folder. */
void ops_describe_model(const struct tree_node *folder, const struct tree_attr *attr,
                        char name[NAME_MAX + 1], struct tree_node *node);
/* ops_file.c */
void ops_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
void ops_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
/* ops_xattr.c */
void ops_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void ops_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
/* ops_dir.c */
void ops_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                 struct fuse_file_info *fi);
void ops_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                     struct fuse_file_info *fi);
void ops_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

#endif
