/* SPDX-License-Identifier: Apache-2.0 */
/* Errors are values: a negative code, and optionally a text that can be shown to people. */
#ifndef SL_BASE_ERR_H
#define SL_BASE_ERR_H

#include "base/attr.h"

enum {
    SL_OK = 0,
    SL_E_INVAL = -1,     /* the input is wrong */
    SL_E_RANGE = -2,     /* a number outside its bounds */
    SL_E_NOMEM = -3,     /* an allocation failed */
    SL_E_LIMIT = -4,     /* a named limit was reached */
    SL_E_NOTFOUND = -5,  /* no such thing */
    SL_E_EXISTS = -6,    /* it exists already */
    SL_E_AGAIN = -7,     /* not yet: more input, or a later call */
    SL_E_TRUNCATED = -8, /* input ended in the middle */
    SL_E_IO = -9,        /* the system refused; the text has errno's words */
    SL_E_TYPE = -10,     /* a value of another type than asked for */
    SL_E_CANCELLED = -11,
    SL_E_UNSUPPORTED = -12,
    SL_E_BUSY = -13,    /* another process has it */
    SL_E_STALE = -14,   /* it was changed since the caller read it */
    SL_E_KEY = -15,     /* the secret key does not decrypt the data, or is lost */
    SL_E_FOREIGN = -16, /* written by another program or a newer version, or another principal's */
    SL_E_DAMAGED = -17, /* the stored data is not what was written */
    SL_E_BUDGET = -18,  /* the memory budget is used up */
};

#define SL_ERR_TEXT_MAX 512

struct sl_err {
    int code;
    char text[SL_ERR_TEXT_MAX]; /* NUL-terminated, cut to fit, one line */
};

/* Writes code and text when `err` is not NULL; returns `code`, so that callers can `return sl_fail(…)`. */
int sl_fail(struct sl_err *err, int code, const char *fmt, ...) SL_PRINTF(3, 4);

/* SL_E_NOMEM with its one text. */
int sl_fail_nomem(struct sl_err *err);

/* A fixed word for a code, for logs and tests. */
const char *sl_err_name(int code);

#endif
