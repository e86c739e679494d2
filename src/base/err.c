/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const names[] = {
    "OK",   "INVAL",     "RANGE",       "NOMEM", "LIMIT", "NOTFOUND", "EXISTS",  "AGAIN",   "TRUNCATED", "IO",
    "TYPE", "CANCELLED", "UNSUPPORTED", "BUSY",  "STALE", "KEY",      "FOREIGN", "DAMAGED", "BUDGET",
};

int sl_fail(struct sl_err *err, int code, const char *fmt, ...)
{
    if (err) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(err->text, sizeof(err->text), fmt, args);
        va_end(args);
        err->code = code;
        for (char *c = err->text; *c; c++) {
            if (*c == '\n' || *c == '\r') {
                *c = ' ';
            }
        }
    }
    return code;
}

int sl_fail_nomem(struct sl_err *err)
{
    return sl_fail(err, SL_E_NOMEM, "out of memory");
}

const char *sl_err_name(int code)
{
    unsigned i = code <= 0 ? (unsigned)-code : SL_ARRAY_LEN(names);
    return i < SL_ARRAY_LEN(names) ? names[i] : "?";
}

void sl_assert_failed(const char *cond, const char *file, int line)
{
    /* Uses no allocation and no locks, because the broken code may hold them. */
    char text[512];
    int n = snprintf(text, sizeof(text), "sluice: assertion failed: %s at %s:%d\n", cond, file, line);
    if (n > 0) {
        /* The process ends anyway. */
        SL_IGNORE(write(STDERR_FILENO, text, (size_t)SL_MIN(n, (int)sizeof(text) - 1)) < 0);
    }
    abort();
}
