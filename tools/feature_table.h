/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of each member of a chat at each provider: found by building the request, for docs/features.md and for
 * the test that holds it against what was promised. */
#ifndef SL_TOOLS_FEATURE_TABLE_H
#define SL_TOOLS_FEATURE_TABLE_H

#include "base/buf.h"

struct sl_arena;
struct sl_config;

enum feature_fate {
    FEATURE_SAME,     /* in the upstream's words as in the client's */
    FEATURE_CHANGED,  /* renamed, or put otherwise */
    FEATURE_PART,     /* some of it; the rest is named */
    FEATURE_LEFT_OUT, /* and named in x-sluice-dropped */
    FEATURE_REFUSED,  /* 400 */
    FEATURE_SILENT,   /* nothing went up, and nothing was said: wrong */
};

struct feature {
    const char *name; /* as people know it */
    const char *base; /* a call without it, in JSON with ' for " */
    const char *call; /* the same with it */
    const char *text; /* how it stands there; NULL: it is no member of its own */
};
extern const struct feature features[];
extern const size_t n_features;

extern const char *const feature_providers[]; /* names of columns; ends with NULL */

/* The routes of the columns, in their order; NULL after a message. */
struct sl_config *features_load(struct sl_arena *arena);
/* `provider` is a column's index. */
enum feature_fate feature_fate(const struct sl_config *config, size_t provider, const struct feature *feature);
/* docs/features.md. */
void features_write(struct sl_buf *out);

#endif
