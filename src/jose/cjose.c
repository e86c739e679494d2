/* SPDX-License-Identifier: Apache-2.0 */
#include "jose/cjose.h"

#include <stddef.h>

#include "base/library.h"

static struct sl_cjose loaded;

static const struct sl_library_function functions[] = {
#define X(name) { #name, offsetof(struct sl_cjose, name) },
    SL_CJOSE_FUNCTIONS(X)
#undef X
};

static struct sl_library library = SL_LIBRARY_INIT("libcjose.so.0", functions, &loaded);

int sl_cjose_load(const struct sl_cjose **ret, struct sl_err *err)
{
    char why[SL_LIBRARY_WHY_MAX];
    int r = sl_library_load(&library, why);
    if (r < 0) {
        return sl_fail(err, r, "logins by OpenID Connect need the library libcjose (Debian's package libcjose0): %s",
                       why);
    }
    *ret = &loaded;
    return 0;
}
