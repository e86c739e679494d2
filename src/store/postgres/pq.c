/* SPDX-License-Identifier: Apache-2.0 */
#include "store/postgres/pq.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

#define FILE_NAME "libpq.so.5"

static struct sl_pq loaded;
static int result = SL_E_AGAIN;
static char why[256];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
#define X(name) { #name, offsetof(struct sl_pq, name) },
    SL_PQ_FUNCTIONS(X)
#undef X
};

static void why_take(const char *fallback)
{
    const char *text = dlerror();
    strncpy(why, text ? text : fallback, sizeof(why) - 1);
}

static int load(void)
{
    void *library = dlopen(FILE_NAME, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        why_take("cannot load " FILE_NAME);
        return SL_E_UNSUPPORTED;
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(functions); i++) {
        void *function = dlsym(library, functions[i].name);
        if (!function) {
            why_take(functions[i].name);
            dlclose(library);
            return SL_E_UNSUPPORTED;
        }
        memcpy((char *)&loaded + functions[i].offset, &function, sizeof(function));
    }
    return 0;
}

int sl_pq_load(const struct sl_pq **ret, struct sl_err *err)
{
    pthread_mutex_lock(&lock);
    if (result != 0) {
        result = load();
    }
    int r = result < 0 ? sl_fail(err, result,
                                 "a store on PostgreSQL needs the library libpq (Debian's package libpq5): %s", why)
                       : 0;
    pthread_mutex_unlock(&lock);
    if (r == 0) {
        *ret = &loaded;
    }
    return r;
}
