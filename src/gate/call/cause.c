/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/cause.h"

/* True: the upstream's code or message has one of these words, in any case. No API has a status for these causes. */
static bool has_any(struct sl_str text, const char *const *words)
{
    for (; *words; words++) {
        struct sl_str word = sl_str_c(*words);
        for (size_t i = 0; text.n >= word.n && i <= text.n - word.n; i++) {
            if (sl_str_case_eq(sl_str_sub(text, i, i + word.n), word)) {
                return true;
            }
        }
    }
    return false;
}

/* Only so much of a message is searched: the rest is mostly a quotation of the request. */
#define LOOKED_MAX 1024

static enum sl_cause cause_of_rejected(const struct sl_llm_error *error)
{
    static const char *const long_codes[] = { "context_length_exceeded", "context_window_exceeded",
                                              "string_above_max_length", NULL };
    static const char *const long_words[] = { "prompt is too long", "input is too long", "maximum context length",
                                              "context window",     "input token count", "too many input tokens",
                                              "too many tokens",    "context length",    NULL };
    static const char *const filter_codes[] = { "content_filter", "content_policy_violation",
                                                "ResponsibleAIPolicyViolation", "moderation_blocked", NULL };
    static const char *const filter_words[] = { "content management policy", "content filter", "content policy",
                                                "safety system", NULL };
    struct sl_str message = sl_str_sub(error->message, 0, SL_MIN(error->message.n, (size_t)LOOKED_MAX));
    if (has_any(error->code, long_codes) || has_any(message, long_words)) {
        return SL_CAUSE_CONTEXT_LENGTH;
    }
    return has_any(error->code, filter_codes) || has_any(message, filter_words) ? SL_CAUSE_CONTENT_FILTER
                                                                                : SL_CAUSE_REJECTED;
}

enum sl_cause sl_cause_of(const struct sl_llm_error *error)
{
    static const struct {
        enum sl_error_type type;
        enum sl_cause cause;
    } rows[] = {
        { SL_ERR_PROVIDER_CONNECT_FAILED, SL_CAUSE_CONNECT },
        { SL_ERR_PROVIDER_TIMEOUT_CONNECT, SL_CAUSE_TIMEOUT },
        { SL_ERR_PROVIDER_TIMEOUT_FIRST_BYTE, SL_CAUSE_TIMEOUT },
        { SL_ERR_PROVIDER_TIMEOUT_IDLE, SL_CAUSE_TIMEOUT },
        { SL_ERR_PROVIDER_TIMEOUT_TOTAL, SL_CAUSE_TIMEOUT },
        { SL_ERR_PROVIDER_RATE_LIMITED, SL_CAUSE_RATE_LIMITED },
        { SL_ERR_PROVIDER_OVERLOADED, SL_CAUSE_OVERLOADED },
        { SL_ERR_PROVIDER_SERVER_ERROR, SL_CAUSE_SERVER_ERROR },
        { SL_ERR_PROVIDER_BAD_RESPONSE, SL_CAUSE_BAD_RESPONSE },
        { SL_ERR_PROVIDER_STREAM_BROKEN, SL_CAUSE_BAD_RESPONSE },
        { SL_ERR_PROVIDER_AUTH_FAILED, SL_CAUSE_AUTH },
        { SL_ERR_PROVIDER_BILLING, SL_CAUSE_BILLING },
    };
    if (error->type == SL_ERR_PROVIDER_REJECTED) {
        return cause_of_rejected(error);
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        if (rows[i].type == error->type) {
            return rows[i].cause;
        }
    }
    return SL_CAUSE_COUNT;
}

enum sl_outcome sl_outcome_of(enum sl_error_type type)
{
    if (type == SL_ERR_NONE) {
        return SL_OUTCOME_GOOD;
    }
    switch (sl_cause_of(&(struct sl_llm_error){ .type = type })) {
    case SL_CAUSE_CONNECT:
    case SL_CAUSE_TIMEOUT:
    case SL_CAUSE_OVERLOADED:
    case SL_CAUSE_SERVER_ERROR:
    case SL_CAUSE_BAD_RESPONSE:
        return SL_OUTCOME_BAD;
    case SL_CAUSE_RATE_LIMITED:
    case SL_CAUSE_AUTH:
    case SL_CAUSE_BILLING:
    case SL_CAUSE_CONTENT_FILTER:
    case SL_CAUSE_CONTEXT_LENGTH:
    case SL_CAUSE_REJECTED:
    case SL_CAUSE_COUNT:
        break;
    }
    return SL_OUTCOME_NEUTRAL;
}
