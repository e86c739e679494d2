/* SPDX-License-Identifier: Apache-2.0 */
/* A shared library that is loaded when a setting needs it, and not before: whoever does not use the setting needs no
 * such library on the machine, and no start reads it. */
#ifndef SL_BASE_LIBRARY_H
#define SL_BASE_LIBRARY_H

#include <pthread.h>

#include "base/err.h"

struct sl_library_function {
    const char *name;
    size_t offset; /* in the table */
};

/* A static object, begun with SL_LIBRARY_INIT. */
struct sl_library {
    const char *file;
    const struct sl_library_function *functions;
    size_t n_functions;
    void *table; /* gets the functions' addresses */
    pthread_mutex_t lock;
    int result;
};

#define SL_LIBRARY_WHY_MAX 256

#define SL_LIBRARY_INIT(file_, functions_, table_)                                                              \
    {                                                                                                           \
        .file = (file_), .functions = (functions_), .n_functions = SL_ARRAY_LEN(functions_), .table = (table_), \
        .lock = PTHREAD_MUTEX_INITIALIZER, .result = SL_E_AGAIN,                                                \
    }

/* Loads it once; any thread. SL_E_UNSUPPORTED: it is not there, or too old; `why` gets the reason. */
SL_MUST int sl_library_load(struct sl_library *library, char why[SL_LIBRARY_WHY_MAX]);

#endif
