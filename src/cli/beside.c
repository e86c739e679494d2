/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "command.h"

bool cli_beside(const char *name, char out[PATH_MAX])
{
    size_t len = strlen(name);
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX);
    while (n > 0 && out[n - 1] != '/') {
        n--;
    }
    if (n <= 0 || (size_t)n + len >= PATH_MAX) {
        return false;
    }
    memcpy(out + n, name, len + 1);
    return true;
}
