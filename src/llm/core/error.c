/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/error.h"

static const struct {
    const char *word;
    int status;
} types[SL_ERR_COUNT] = { [SL_ERR_NONE] = { "", 0 },
#define X(symbol, word_, status_) [SL_ERR_##symbol] = { word_, status_ },
                          SL_ERROR_TYPES(X)
#undef X
};

const char *sl_error_type_word(enum sl_error_type type)
{
    SL_ASSERT(type < SL_ERR_COUNT);
    return types[type].word;
}

int sl_error_type_status(enum sl_error_type type)
{
    SL_ASSERT(type < SL_ERR_COUNT);
    return types[type].status;
}

bool sl_error_type_is_upstream(enum sl_error_type type)
{
    return sl_str_has_prefix(sl_str_c(sl_error_type_word(type)), SL_STR("provider_"));
}

void sl_error_hide(struct sl_llm_error *io_error)
{
    if (io_error->type != SL_ERR_PROVIDER_AUTH_FAILED) {
        return;
    }
    io_error->message = SL_STR("The upstream provider refused this gateway's credential; the gateway's operator must "
                               "correct it. Your own key is not at fault.");
    io_error->code = SL_STR_NONE;
    io_error->param = SL_STR_NONE;
    io_error->upstream_status = 0;
}

int sl_error_status(const struct sl_llm_error *error)
{
    if (error->type == SL_ERR_CALLER_UNSUPPORTED && error->status == 0) {
        return 400;
    }
    if (error->type == SL_ERR_PROVIDER_AUTH_FAILED || error->type == SL_ERR_PROVIDER_BILLING) {
        return 502;
    }
    if (error->upstream_status >= 400) {
        return error->upstream_status;
    }
    return error->status ? error->status : sl_error_type_status(error->type);
}

static bool is_any(struct sl_str s, const char *const *list)
{
    for (; *list; list++) {
        if (sl_str_eq_c(s, *list)) {
            return true;
        }
    }
    return false;
}

enum sl_error_type sl_error_type_of(int status, struct sl_str type, struct sl_str code)
{
    static const char *const billing[] = { "insufficient_quota",
                                           "credit_balance_exhausted",
                                           "billing_not_active",
                                           "billing_hard_limit_reached",
                                           "billing_error",
                                           "budget_exceeded",
                                           NULL };
    /* About a key, with 400: LiteLLM's proxy looks up unknown keys in its database, and may have no database. */
    static const char *const refused[] = { "authentication_error", "invalid_api_key",  "auth_error",
                                           "AuthenticationError",  "no_db_connection", NULL };
    static const char *const limited[] = { "rate_limit_exceeded", "rate_limit_error", NULL };
    static const char *const overloaded[] = { "overloaded_error", "server_is_overloaded", "slow_down", "overloaded",
                                              NULL };
    static const char *const rejected[] = { "invalid_request_error", NULL };
    if (status == 402 || (status != 401 && status != 403 && (is_any(code, billing) || is_any(type, billing)))) {
        return SL_ERR_PROVIDER_BILLING;
    }
    if (status == 401 || status == 403 || (status == 400 && (is_any(code, refused) || is_any(type, refused)))) {
        return SL_ERR_PROVIDER_AUTH_FAILED;
    }
    if (status == 429 || status == 498) {
        return SL_ERR_PROVIDER_RATE_LIMITED;
    }
    if (status == 503 || status == 529) {
        return SL_ERR_PROVIDER_OVERLOADED;
    }
    if (status >= 400 && status < 500 && status != 408 && status != 424) {
        return SL_ERR_PROVIDER_REJECTED;
    }
    if (status >= 300 && status < 400) {
        return SL_ERR_PROVIDER_BAD_RESPONSE; /* a redirect: following it would send the credential to another place */
    }
    if (status == 0) { /* inside a stream: only type and code are known */
        if (is_any(code, limited) || is_any(type, limited)) {
            return SL_ERR_PROVIDER_RATE_LIMITED;
        }
        if (is_any(code, overloaded) || is_any(type, overloaded)) {
            return SL_ERR_PROVIDER_OVERLOADED;
        }
        if (is_any(type, rejected)) {
            return SL_ERR_PROVIDER_REJECTED;
        }
    }
    return SL_ERR_PROVIDER_SERVER_ERROR;
}

int sl_error_status_of(struct sl_str type, struct sl_str code)
{
    static const struct {
        const char *word;
        int status;
    } words[] = {
        { "invalid_request_error", 400 },
        { "authentication_error", 401 },
        { "invalid_api_key", 401 },
        { "auth_error", 401 },
        { "no_db_connection", 401 },
        { "billing_error", 402 },
        { "insufficient_quota", 429 },
        { "permission_error", 403 },
        { "not_found_error", 404 },
        { "model_not_found", 404 },
        { "request_too_large", 413 },
        { "rate_limit_error", 429 },
        { "rate_limit_exceeded", 429 },
        { "api_error", 500 },
        { "server_error", 500 },
        { "timeout_error", 504 },
        { "timeout", 504 },
        { "overloaded_error", 529 },
        { "overloaded", 529 },
        { "slow_down", 503 },
        { "server_is_overloaded", 503 },
        { "too_many_requests", 429 },
        { "RateLimitError", 429 },
        { "AuthenticationError", 401 },
        { "PermissionDeniedError", 403 },
        { "BadRequestError", 400 },
        { "NotFoundError", 404 },
        { "InternalServerError", 500 },
        { "ServiceUnavailableError", 503 },
        { "APITimeoutError", 504 },
        { "RESOURCE_EXHAUSTED", 429 },
        { "INVALID_ARGUMENT", 400 },
        { "UNAUTHENTICATED", 401 },
        { "PERMISSION_DENIED", 403 },
        { "NOT_FOUND", 404 },
        { "UNAVAILABLE", 503 },
        { "DEADLINE_EXCEEDED", 504 },
        { "ThrottlingException", 429 },
        { "ValidationException", 400 },
        { "AccessDeniedException", 403 },
        { "BAD_REQUEST", 400 },
        { "REQUEST_LIMIT_EXCEEDED", 429 },
        { "TEMPORARILY_UNAVAILABLE", 503 },
        { "validation", 422 },
        { "generation", 424 },
        { "incomplete_generation", 500 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        if (sl_str_eq_c(code, words[i].word) || sl_str_eq_c(type, words[i].word)) {
            return words[i].status;
        }
    }
    return 0;
}
