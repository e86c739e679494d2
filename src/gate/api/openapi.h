/* SPDX-License-Identifier: Apache-2.0 */
/* /openapi.json, made from the path table, from the tables of schemas and options, and from handwritten parts. */
#ifndef SL_GATE_OPENAPI_H
#define SL_GATE_OPENAPI_H

#include "gate/call/path.h"

struct sl_buf;
struct sl_jw;

/* A handwritten part (openapi.json): "schemas", "Route", its JSON. The last one has no name. */
struct sl_openapi_part {
    const char *group, *name, *json;
};
extern const struct sl_openapi_part sl_openapi_parts[];

/* Writes the pattern with a name in place of "{}". */
void sl_openapi_pattern(struct sl_buf *out, const char *pattern);
void sl_openapi_write(struct sl_jw *w, const struct sl_path_table *paths);

#endif
