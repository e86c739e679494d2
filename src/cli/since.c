/* SPDX-License-Identifier: Apache-2.0 */
#include "since.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"

int since_read(const char *command, const char *option, const char *text, char out[SINCE_MAX])
{
    static const struct {
        const char *unit;
        long long sec;
    } units[] = { { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 }, { "w", 7 * 86400 } };
    if (!text) {
        return CLI_DONE;
    }
    size_t digits = strspn(text, "0123456789");
    bool is_sound = strlen(text) < SINCE_MAX;
    snprintf(out, SINCE_MAX, "%s", text);
    for (size_t i = 0; digits && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(text + digits, units[i].unit) == 0) {
            long long now = (long long)time(NULL), ago = digits < 10 ? strtoll(text, NULL, 10) * units[i].sec : now;
            snprintf(out, SINCE_MAX, "%lld", now - ago);
            is_sound = ago < now;
        }
    }
    return is_sound ? CLI_DONE
                    : cli_usage(command, "'%s' is not a time for --%s, such as 7d, 12h or 2026-01-31T00:00:00Z", text,
                                option);
}
