/* SPDX-License-Identifier: Apache-2.0 */
/* /openapi.json, made of the path table, of the schema and option tables, and of parts written by hand. */
#ifndef SL_GATE_OPENAPI_H
#define SL_GATE_OPENAPI_H

#include "gate/call/path.h"

struct sl_buf;
struct sl_jw;

/* A part that is written by hand (openapi.json): "schemas", "Route", its JSON. The last one has no name. */
struct sl_openapi_part {
    const char *group, *name, *json;
};
extern const struct sl_openapi_part sl_openapi_parts[];

/* "{}" gets its name. */
void sl_openapi_pattern(struct sl_buf *out, const char *pattern);
void sl_openapi_write(struct sl_jw *w, const struct sl_path_table *paths);

#endif
