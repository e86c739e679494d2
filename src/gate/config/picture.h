/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator said, for people who look at a running gateway: each setting that is not its default, and each
 * route of the file, with the place that says it; secrets are masked (masked.h). Immutable, a part of the settings. */
#ifndef SL_GATE_PICTURE_H
#define SL_GATE_PICTURE_H

#include "base/arena.h"
#include "base/str.h"

struct sl_picture_item {
    struct sl_str path;  /* "server.limits.body", "auth.keys[ci]"; a route's name */
    struct sl_str value; /* JSON */
    const char *from;    /* "file", "environment", "command line" */
    const char *name;    /* of the variable or the option; NULL: it stands in the file, at `line` */
    uint32_t line;
};

struct sl_picture_items {
    struct sl_picture_item *v;
    uint32_t n, cap;
};

struct sl_picture_file {
    struct sl_str path;
    uint64_t print; /* conf/files.h */
};

struct sl_picture {
    struct sl_arena arena; /* holds the texts */
    struct sl_picture_items settings;
    struct sl_picture_items routes; /* in the file's order; one that is defined twice is an error */
    struct sl_picture_file *files;  /* everything that was read */
    uint32_t n_files;
};

void sl_picture_free(struct sl_picture *picture);

/* NULL: there is none. */
const struct sl_picture_item *sl_picture_find(const struct sl_picture_items *items, struct sl_str path);

#endif
