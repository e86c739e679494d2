/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's log: each message is one line on stderr, "2026-01-01T00:00:00.000Z level area: text", or in another
 * format. Any thread; one write(2) for each line. Layers below gate only log at debug; the code that decides logs,
 * once. */
#ifndef SL_BASE_LOG_H
#define SL_BASE_LOG_H

#include <stdbool.h>

#include "base/attr.h"

enum sl_log_level { SL_LOG_ERROR, SL_LOG_WARNING, SL_LOG_INFO, SL_LOG_DEBUG };

/* In the order of the words of log.format. */
enum sl_log_format {
    SL_LOG_AUTO, /* for people on a terminal */
    SL_LOG_JSON,
    SL_LOG_TEXT,
};

void sl_log_set_format(enum sl_log_format format);
/* True: this is a terminal, whose reader has not asked for no colour. */
bool sl_log_has_color(int fd);
void sl_log_set_level(enum sl_log_level level);
bool sl_log_is_on(enum sl_log_level level);
void sl_log(enum sl_log_level level, const char *area, const char *fmt, ...) SL_PRINTF(3, 4);

#define sl_log_debug(area, ...)                        \
    do {                                               \
        if (sl_log_is_on(SL_LOG_DEBUG)) {              \
            sl_log(SL_LOG_DEBUG, (area), __VA_ARGS__); \
        }                                              \
    } while (0)

#endif
