/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of `sluice db` on a data directory, whether a daemon runs on it or not. */
#ifndef SL_STORE_TOOL_H
#define SL_STORE_TOOL_H

#include "base/err.h"

struct sl_store_route;

struct sl_store_report {
    uint64_t n_routes, n_limits;
    int schema;
};

/* Who looks at each stored route; its texts, with secrets among them, live as long as the call. */
struct sl_store_looker {
    void (*on_route)(void *arg, const struct sl_store_route *route);
    void *arg;
};

/* Checks the structure, the schema, that the secret key decrypts every route, and that every row is what was written.
 * SL_E_DAMAGED, SL_E_KEY or SL_E_IO with the reason. `looker` NULL: nobody looks. */
SL_MUST int sl_store_check(const char *dir, const struct sl_store_looker *looker, struct sl_store_report *ret,
                           struct sl_err *err);
/* Makes a whole copy as of one moment, even while the daemon writes. `file` must not exist. The copy has no secret key:
 * keep that elsewhere. */
SL_MUST int sl_store_backup(const char *dir, const char *file, struct sl_err *err);

/* Changes the secret key while no daemon runs on the directory: SL_E_BUSY when one does. */
SL_MUST int sl_store_rotate(const char *dir, uint64_t *ret_routes, struct sl_err *err);

/* Looks at the database of a URL and changes nothing: that it can be reached, that its schema is of this version or
 * older, that SLUICE_SECRET_KEY is its key. An empty one is fine. SL_E_IO, SL_E_KEY, SL_E_FOREIGN, SL_E_UNSUPPORTED. */
SL_MUST int sl_store_look(const char *kind, const char *url, const struct sl_store_looker *looker,
                          struct sl_store_report *ret, struct sl_err *err);
/* Brings the schema of a database up to date, with the rights of the URL's user. */
SL_MUST int sl_store_migrate(const char *kind, const char *url, struct sl_err *err);

/* --- copies --- */

struct sl_store_end {
    const char *kind; /* a name of sl_store_kinds; NULL: the first */
    const char *dir;  /* of a kind that has one */
    const char *url;  /* of a kind that has one */
    const char *node; /* whose counters they are, in a store of many nodes */
};

struct sl_store_copied {
    uint64_t n_routes, n_keys, n_usage;
};

/* Copies a store, whole or not at all, to an empty one. SL_E_EXISTS: it is not empty; SL_E_BUSY: a daemon has one of
 * them; SL_E_KEY. */
SL_MUST int sl_store_copy(const struct sl_store_end *from, const struct sl_store_end *to, struct sl_store_copied *ret,
                          struct sl_err *err);

/* Checks the URL of a kind of store without connecting. SL_E_INVAL; SL_E_UNSUPPORTED: its library is missing. */
SL_MUST int sl_store_url_check(const char *kind, const char *url, struct sl_err *err);

#endif
