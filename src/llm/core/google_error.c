/* SPDX-License-Identifier: Apache-2.0 */
/* google.rpc.Status: {code, message, status, details[ErrorInfo | RetryInfo | QuotaFailure | BadRequest …]}. */
#include "llm/core/google_error.h"

#include "base/num.h"

static struct sl_str text_of(struct sl_json_val v, struct sl_arena *arena)
{
    struct sl_str text = SL_STR_NONE;
    SL_IGNORE(sl_json_text(v, arena, &text) < 0); /* no text, or no memory for it: as if it were missing */
    return text;
}

/* A protobuf Duration such as "37.52s" in whole seconds, rounded up; 0: it cannot be read. */
static uint64_t delay_sec(struct sl_str text)
{
    double sec;
    if (text.n < 2 || text.p[text.n - 1] != 's' || sl_parse_double(sl_str_sub(text, 0, text.n - 1), &sec) < 0 ||
        sec <= 0 || sec > 1e9) {
        return 0;
    }
    uint64_t whole = (uint64_t)sec;
    return whole + ((double)whole < sec);
}

struct details {
    struct sl_str reason; /* of ErrorInfo */
    uint64_t retry_sec;
};

static void details_read(struct sl_json_val list, struct sl_arena *arena, struct details *ret)
{
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        struct sl_str reason = text_of(sl_json_get(it.val, "reason"), arena);
        struct sl_str delay = text_of(sl_json_get(it.val, "retryDelay"), arena);
        ret->reason = reason.n ? reason : ret->reason;
        ret->retry_sec = delay.n ? delay_sec(delay) : ret->retry_sec;
    }
}

static bool has_word(struct sl_str text, const char *word)
{
    return sl_str_find(text, sl_str_c(word), 0) >= 0;
}

/* An empty account is reported in several ways. A quota error whose message mentions billing is none of them. */
static bool is_billing(int status, const struct details *d, struct sl_str message)
{
    return status == 402 || sl_str_eq_c(d->reason, "BILLING_DISABLED") ||
           (status == 400 && (has_word(message, "enable billing") || has_word(message, "billing account"))) ||
           (status == 429 && has_word(message, "credits are depleted"));
}

void sl_google_error_read(struct sl_json_val error, int status, struct sl_arena *arena, struct sl_llm_error *io_error)
{
    struct details d = { 0 };
    int64_t code = 0;
    SL_IGNORE(sl_json_int(sl_json_get(error, "code"), true, &code) < 0); /* 0: there is none */
    if (status == 0 && code >= 400 && code < 600) {
        status = (int)code;
    }
    struct sl_str message = text_of(sl_json_get(error, "message"), arena);
    struct sl_str word = text_of(sl_json_get(error, "status"), arena);
    details_read(sl_json_get(error, "details"), arena, &d);
    io_error->type = sl_error_type_of(status, SL_STR_NONE, SL_STR_NONE);
    io_error->upstream_status = status;
    io_error->message = message.n ? message : SL_STR("the upstream reported an error");
    io_error->code = status == 400 ? word : SL_STR_NONE; /* for other statuses the code follows from the status */
    io_error->param = SL_STR_NONE;
    io_error->retry_after_sec = d.retry_sec;
    if (sl_str_eq_c(d.reason, "API_KEY_INVALID") || sl_str_eq_c(d.reason, "API_KEY_SERVICE_BLOCKED")) {
        io_error->type = SL_ERR_PROVIDER_AUTH_FAILED;
    } else if (is_billing(status, &d, message)) {
        io_error->type = SL_ERR_PROVIDER_BILLING;
        io_error->code = SL_STR_NONE;
    }
}

bool sl_google_error_is(struct sl_json_val error)
{
    return sl_json_is(sl_json_get(error, "code"), SL_JSON_NUMBER) &&
           sl_json_is(sl_json_get(error, "status"), SL_JSON_STRING);
}
