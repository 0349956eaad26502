#ifndef FS_CMD_H
#define FS_CMD_H

/* For whoever has mistyped one. */
#define CMD_VERBS "quantize, recipe, types and cache"

/*
 * The verbs without a mount, one file each. argv[0] is the verb, its arguments follow. `program` is
 * how the user called it, for the usage text: "quantfs quantize", or "llama-quantize" under that
 * name. They start threads of their own, print as design.md says ("Without a mount") and return the
 * exit code of the process.
 */
int cmd_quantize(const char *program, int argc, char **argv);
int cmd_recipe(const char *program, int argc, char **argv);
int cmd_types(const char *program, int argc, char **argv);
int cmd_cache(const char *program, int argc, char **argv);

#endif
