/* SPDX-License-Identifier: Apache-2.0 */
/* The files that a configuration names (itself, keys, certificates), each with a fingerprint of the content that was
 * read, for the code that watches them. */
#ifndef SL_CONF_FILES_H
#define SL_CONF_FILES_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* For a file that could not be read. */
#define SL_CONF_PRINT_NONE 0

struct sl_conf_file {
    struct sl_str path; /* with a NUL behind it */
    uint64_t print;
};

struct sl_conf_files {
    struct sl_arena *arena; /* the caller's: for paths and the list */
    struct sl_conf_file *v;
    uint32_t n, cap;
    bool is_env_unset; /* a variable that a secret refers to is not in the environment */
};

uint64_t sl_conf_print(struct sl_str bytes);
/* Reads the whole file; SL_CONF_PRINT_NONE when that fails, or when it is no regular file. */
uint64_t sl_conf_print_file(const char *path);

/* Notes each path once: the first print counts. `files` may be NULL. */
SL_MUST int sl_conf_files_note(struct sl_conf_files *files, struct sl_str path, uint64_t print);

#endif
