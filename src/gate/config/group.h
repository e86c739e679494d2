/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of keys. They are a tree, and a group's name is its path: "acme/search" is in "acme". So there can be no
 * loops. The file says groups (sl_group_def), and so do calls; sl_groups has those of both that are in force. All of it
 * is immutable, reference-counted, and shared between threads. */
#ifndef SL_GATE_GROUP_H
#define SL_GATE_GROUP_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/map.h"

/* The most groups of the file, or of all. */
#define SL_GROUPS_MAX 10000

struct sl_limit_rule;
struct sl_limits;

/* What was said about a group. */
struct sl_group_def {
    atomic_uint refs;
    struct sl_arena arena; /* holds the rest, and the definition itself */
    struct sl_str path;
    struct sl_limits *limits;   /* its own; NULL: none */
    struct sl_limits *children; /* those that a new group in it begins with; NULL: none */
    uint64_t version;           /* the number of the change that made it what it is; 0: of the file */
    uint64_t created_sec, updated_sec;
    uint32_t line; /* in the file */
};

/* A group in force. */
struct sl_group {
    atomic_uint refs;
    struct sl_group_def *def; /* held */
    struct sl_group *above;   /* held; NULL: it is in no other group */
    bool has_limits;          /* it, or one above it, has some */
};

/* All groups in force, in the order of their paths; a group comes before those in it. */
struct sl_groups {
    atomic_uint refs;
    struct sl_map by_path;
    struct sl_group **v;
    uint32_t n;
};

/* The groups of the file. */
struct sl_group_defs {
    struct sl_group_def **v; /* owned; held */
    uint32_t n;
};

/* A list of rules; n == 0: none. */
struct sl_group_rules {
    const struct sl_limit_rule *v;
    uint32_t n;
};

/* Copies all of it. `incarnation`: the row's id; 0: of the file. NULL: no memory. */
SL_MUST struct sl_group_def *sl_group_def_new(struct sl_str path, uint64_t incarnation, struct sl_group_rules limits,
                                              struct sl_group_rules children);
void sl_group_def_unref(struct sl_group_def *def); /* accepts NULL */

void sl_group_defs_done(struct sl_group_defs *defs);

/* Builds the tree of the file's groups and of `stored` (path to struct sl_group_def). Where both say one, the file's
 * holds. A group that is in one which is not there is left out. Groups that are as they were in `before` (or NULL) are
 * taken from there. */
SL_MUST int sl_groups_build(const struct sl_group_defs *file, const struct sl_map *stored,
                            const struct sl_groups *before, struct sl_groups **ret);
/* All accept NULL, which has no groups. */
struct sl_groups *sl_groups_ref(struct sl_groups *groups);
void sl_groups_unref(struct sl_groups *groups);
struct sl_group *sl_group_ref(struct sl_group *group);
void sl_group_unref(struct sl_group *group); /* accepts NULL */
/* Borrowed; NULL: there is none in force. */
struct sl_group *sl_groups_find(const struct sl_groups *groups, struct sl_str path);
bool sl_group_is_of_file(const struct sl_group *group);
/* The index of the first group whose path comes behind `path`. */
uint32_t sl_groups_after(const struct sl_groups *groups, struct sl_str path);

#endif
