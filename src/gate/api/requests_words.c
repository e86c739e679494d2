/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/requests_words.h"

static const char *const words[SL_RLOG_TEXTS] = {
    [SL_RLOG_ROUTE] = "route",           [SL_RLOG_TARGET] = "target", [SL_RLOG_PROVIDER] = "provider",
    [SL_RLOG_MODEL] = "model",           [SL_RLOG_KEY] = "key",       [SL_RLOG_PRINCIPAL] = "principal",
    [SL_RLOG_CLIENT] = "client",         [SL_RLOG_PATH] = "path",     [SL_RLOG_STATUS] = "status",
    [SL_RLOG_ERROR_TYPE] = "error_type", [SL_RLOG_STREAM] = "stream", [SL_RLOG_GROUP] = "group",
    [SL_RLOG_SESSION] = "session",
};

enum sl_rlog_text sl_requests_word(struct sl_str name)
{
    for (enum sl_rlog_text i = 0; i < SL_RLOG_TEXTS; i++) {
        if (words[i] && sl_str_eq_c(name, words[i])) {
            return i;
        }
    }
    return SL_RLOG_TEXTS;
}

const char *sl_requests_word_name(enum sl_rlog_text text)
{
    return words[text];
}
