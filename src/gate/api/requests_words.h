/* SPDX-License-Identifier: Apache-2.0 */
/* The names of the words of a row, by which calls are filtered and counted. */
#ifndef SL_GATE_REQUESTS_WORDS_H
#define SL_GATE_REQUESTS_WORDS_H

#include "log/row.h"

#define SL_REQUESTS_WORDS \
    "route, target, provider, model, group, key, principal, session, client, path, status, error_type, stream"

/* SL_RLOG_TEXTS: no word has this name. */
enum sl_rlog_text sl_requests_word(struct sl_str name);
/* NULL: it is no word. */
const char *sl_requests_word_name(enum sl_rlog_text text);

#endif
