/* SPDX-License-Identifier: Apache-2.0 */
#include "base/library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static int load(const struct sl_library *library, char why[SL_LIBRARY_WHY_MAX])
{
    void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *text = dlerror();
        snprintf(why, SL_LIBRARY_WHY_MAX, "%s", text ? text : library->file);
        return SL_E_UNSUPPORTED;
    }
    for (size_t i = 0; i < library->n_functions; i++) {
        void *function = dlsym(handle, library->functions[i].name);
        if (!function) {
            snprintf(why, SL_LIBRARY_WHY_MAX, "%s has no function %s", library->file, library->functions[i].name);
            dlclose(handle);
            return SL_E_UNSUPPORTED;
        }
        memcpy((char *)library->table + library->functions[i].offset, &function, sizeof(function));
    }
    return 0;
}

int sl_library_load(struct sl_library *library, char why[SL_LIBRARY_WHY_MAX])
{
    pthread_mutex_lock(&library->lock);
    if (library->result != 0) {
        library->result = load(library, why);
    }
    int r = library->result;
    pthread_mutex_unlock(&library->lock);
    return r;
}
