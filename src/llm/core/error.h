/* SPDX-License-Identifier: Apache-2.0 */
/* Whose fault an error is: one closed list of error types. The word is in the log line, the metric label and the
 * x-sluice-error-type header. */
#ifndef SL_LLM_ERROR_H
#define SL_LLM_ERROR_H

#include "base/str.h"

/* X(symbol, word, status) */
#define SL_ERROR_TYPES(X)                                              \
    X(CALLER_INVALID_REQUEST, "caller_invalid_request", 400)           \
    X(CALLER_UNAUTHENTICATED, "caller_unauthenticated", 401)           \
    X(CALLER_FORBIDDEN, "caller_forbidden", 403)                       \
    X(CALLER_NOT_FOUND, "caller_not_found", 404)                       \
    X(CALLER_METHOD_NOT_ALLOWED, "caller_method_not_allowed", 405)     \
    X(CALLER_TIMEOUT, "caller_timeout", 408)                           \
    X(CALLER_CONFLICT, "caller_conflict", 409)                         \
    X(CALLER_RETIRED, "caller_retired", 410)                           \
    X(CALLER_BODY_TOO_LARGE, "caller_body_too_large", 413)             \
    X(CALLER_HEAD_TOO_LARGE, "caller_head_too_large", 431)             \
    X(CALLER_UNSUPPORTED, "caller_unsupported", 501)                   \
    X(CALLER_UNSUPPORTED_MEDIA, "caller_unsupported_media", 415)       \
    X(CALLER_UPGRADE_REQUIRED, "caller_upgrade_required", 426)         \
    X(CALLER_CANCELLED, "caller_cancelled", 499)                       \
    X(POLICY_RATE_LIMITED, "policy_rate_limited", 429)                 \
    X(POLICY_BUDGET_EXCEEDED, "policy_budget_exceeded", 429)           \
    X(PROVIDER_AUTH_FAILED, "provider_auth_failed", 502)               \
    X(PROVIDER_BILLING, "provider_billing", 502)                       \
    X(PROVIDER_RATE_LIMITED, "provider_rate_limited", 502)             \
    X(PROVIDER_OVERLOADED, "provider_overloaded", 502)                 \
    X(PROVIDER_REJECTED, "provider_rejected", 502)                     \
    X(PROVIDER_SERVER_ERROR, "provider_server_error", 502)             \
    X(PROVIDER_BAD_RESPONSE, "provider_bad_response", 502)             \
    X(PROVIDER_CONNECT_FAILED, "provider_connect_failed", 502)         \
    X(PROVIDER_TIMEOUT_CONNECT, "provider_timeout_connect", 504)       \
    X(PROVIDER_TIMEOUT_FIRST_BYTE, "provider_timeout_first_byte", 504) \
    X(PROVIDER_TIMEOUT_IDLE, "provider_timeout_idle", 504)             \
    X(PROVIDER_TIMEOUT_TOTAL, "provider_timeout_total", 504)           \
    X(PROVIDER_STREAM_BROKEN, "provider_stream_broken", 502)           \
    X(SLUICE_OVERLOADED, "sluice_overloaded", 503)                     \
    X(SLUICE_DRAINING, "sluice_draining", 503)                         \
    X(SLUICE_STORE_UNAVAILABLE, "sluice_store_unavailable", 503)       \
    X(SLUICE_LIMIT_STORE_DOWN, "sluice_limit_store_down", 503)         \
    X(SLUICE_INTERNAL, "sluice_internal", 500)

enum sl_error_type {
    SL_ERR_NONE,
#define X(symbol, word, status) SL_ERR_##symbol,
    SL_ERROR_TYPES(X)
#undef X
        SL_ERR_COUNT
};

/* "" for SL_ERR_NONE. */
const char *sl_error_type_word(enum sl_error_type type);
int sl_error_type_status(enum sl_error_type type);
bool sl_error_type_is_upstream(enum sl_error_type type); /* its word begins with provider_ */
/* The type for a status and the upstream's own type and code. */
enum sl_error_type sl_error_type_of(int status, struct sl_str type, struct sl_str code);
/* The status that an error inside a stream would have had, by its type or code; 0: not known. */
int sl_error_status_of(struct sl_str type, struct sl_str code);

struct sl_llm_error;
/* The client must not see what an upstream says about this gateway's credential: this puts another message in its
 * place. */
void sl_error_hide(struct sl_llm_error *io_error);

/* Code of a bad response that is JSON, but not in the provider's shape. */
#define SL_CODE_UNEXPECTED "unexpected_response"

/* An error on its way to the client. Texts are borrowed: arena or literals. */
struct sl_llm_error {
    enum sl_error_type type;
    int status;                          /* the status for the client; 0: that of the type */
    int upstream_status;                 /* 0: the error is the gateway's own */
    struct sl_str message;               /* may be shown to clients */
    struct sl_str code;                  /* the dialect's code, where it has one ("model_not_found"); p == NULL: none */
    struct sl_str param;                 /* the member that is wrong */
    struct sl_str detail;                /* raw JSON for programs: MLflow's 422 list, Anthropic's details */
    struct sl_str limit;                 /* raw JSON: the limit of ours that refused the call; p == NULL: none */
    struct sl_str upstream_body;         /* unchanged */
    struct sl_str upstream_content_type; /* of that body; p == NULL: it had none */
    uint64_t retry_after_sec;            /* 0: none */
    bool is_final;                       /* another try cannot help, whatever the type says */
    struct sl_str request_id;            /* of the exchange; set by the code that writes the error */
    uint64_t n_events;                   /* for a stream that passes: how many events went before the error */
};

/* The status for dialects that pass on an upstream's status. It is the upstream's, if there is one. But the gateway's
 * own credential and account are the gateway's fault, a feature that the provider lacks is the request's fault, and
 * what HTTP itself lacks has its own status. */
int sl_error_status(const struct sl_llm_error *error);

#endif
