/* SPDX-License-Identifier: Apache-2.0 */
#include "store/postgres/pq.h"

#include <stddef.h>

#include "base/library.h"

static struct sl_pq loaded;

static const struct sl_library_function functions[] = {
#define X(name) { #name, offsetof(struct sl_pq, name) },
    SL_PQ_FUNCTIONS(X)
#undef X
};

static struct sl_library library = SL_LIBRARY_INIT("libpq.so.5", functions, &loaded);

int sl_pq_load(const struct sl_pq **ret, struct sl_err *err)
{
    char why[SL_LIBRARY_WHY_MAX];
    int r = sl_library_load(&library, why);
    if (r < 0) {
        return sl_fail(err, r, "a store on PostgreSQL needs the library libpq (Debian's package libpq5): %s", why);
    }
    *ret = &loaded;
    return 0;
}
