/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/requests_json.h"

#include <stdio.h>

#include "base/num.h"
#include "gate/watch/line.h"
#include "json/json.h"
#include "json/write.h"
#include "log/row.h"

void sl_requests_time_write(struct sl_jw *w, const char *key, int64_t usec)
{
    char text[48];
    struct sl_line line = { text, text + sizeof(text) };
    sl_line_time(&line, (uint64_t)usec);
    sl_jw_member_str(w, key, sl_str_make(text, (size_t)(line.at - text)));
}

/* Null if there is no such text. */
static void text_write(struct sl_jw *w, const char *key, struct sl_str text)
{
    sl_jw_member_str(w, key, text.n ? text : SL_STR_NONE);
}

/* Left out if there is none. */
static void extra_write(struct sl_jw *w, const char *key, struct sl_str text)
{
    if (text.n) {
        sl_jw_member_str(w, key, text);
    }
}

static void count_write(struct sl_jw *w, const char *key, int64_t n)
{
    if (n >= 0) {
        sl_jw_member_i64(w, key, n);
    }
}

static void msec_write(struct sl_jw *w, const char *key, int64_t usec)
{
    char text[32];
    if (usec >= 0) {
        struct sl_line line = { text, text + sizeof(text) };
        sl_line_usec(&line, (uint64_t)usec);
        sl_jw_member_raw(w, key, sl_str_make(text, (size_t)(line.at - text)));
    }
}

/* The list without the texts of upstreams. */
static void list_write(struct sl_jw *w, struct sl_str json)
{
    static const char *const names[] = { "target",     "provider", "model",      "why",           "status",
                                         "error_type", "beaten",   "connect_ms", "first_byte_ms", "total_ms" };
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    struct sl_json_iter it = { 0 };
    if (sl_json_parse(&doc, json) == 0) {
        it = sl_json_each(sl_json_root(&doc));
    }
    while (sl_json_next(&it)) {
        sl_jw_object(w);
        for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
            struct sl_json_val member = sl_json_get(it.val, names[i]);
            if (sl_json_is_present(member)) {
                sl_jw_member_raw(w, names[i], sl_json_raw(member));
            }
        }
        sl_jw_end(w);
    }
    sl_json_done(&doc);
}

/* The list of attempts; a row has one of its own only if there were several. */
static void attempts_write(struct sl_jw *w, const struct sl_rlog_row *row, bool is_operators)
{
    const int64_t *numbers = row->numbers;
    const struct sl_str *texts = row->texts;
    if (texts[SL_RLOG_ATTEMPTS].n && is_operators) {
        sl_jw_member_raw(w, "attempts", texts[SL_RLOG_ATTEMPTS]);
        return;
    }
    sl_jw_key(w, "attempts");
    sl_jw_array(w);
    if (texts[SL_RLOG_ATTEMPTS].n) {
        list_write(w, texts[SL_RLOG_ATTEMPTS]);
    } else if (numbers[SL_RLOG_N_ATTEMPTS] > 0) {
        bool is_theirs = sl_str_has_prefix(texts[SL_RLOG_ERROR_TYPE], SL_STR("provider_"));
        sl_jw_object(w);
        text_write(w, "target", texts[SL_RLOG_TARGET]);
        text_write(w, "provider", texts[SL_RLOG_PROVIDER]);
        text_write(w, "model", texts[SL_RLOG_MODEL]);
        sl_jw_member_str(w, "why", numbers[SL_RLOG_N_ATTEMPTS] > 1 ? SL_STR("retry") : SL_STR("first"));
        count_write(w, "status", numbers[SL_RLOG_UPSTREAM_STATUS]);
        text_write(w, "error_type", is_theirs ? texts[SL_RLOG_ERROR_TYPE] : SL_STR_NONE);
        msec_write(w, "connect_ms", numbers[SL_RLOG_CONNECT]);
        msec_write(w, "first_byte_ms", numbers[SL_RLOG_HEAD]);
        msec_write(w, "total_ms", numbers[SL_RLOG_UPSTREAM]);
        sl_jw_end(w);
    }
    sl_jw_end(w);
}

static void cost_write(struct sl_jw *w, int64_t nano)
{
    char text[SL_DOLLARS_TEXT_MAX];
    if (nano < 0) {
        sl_jw_member_null(w, "cost");
        return;
    }
    sl_jw_member_raw(w, "cost", sl_str_make(text, sl_format_dollars((uint64_t)nano, text)));
}

void sl_requests_row_write(struct sl_jw *w, const struct sl_rlog_row *row, bool is_operators)
{
    const int64_t *numbers = row->numbers;
    const struct sl_str *texts = row->texts;
    char id_text[SL_RLOG_ID_HEX];
    struct sl_rlog_id id = sl_rlog_row_id(row);
    sl_rlog_id_format(&id, id_text);
    struct sl_str own = sl_str_make(id_text, sizeof(id_text));
    uint64_t status = 0;
    SL_IGNORE(sl_parse_u64(texts[SL_RLOG_STATUS], 0, 999, &status) < 0); /* it was written as a number */
    sl_jw_object(w);
    sl_jw_member_str(w, "id", own);
    sl_jw_member_str(w, "request_id", texts[SL_RLOG_REQUEST_ID].n ? texts[SL_RLOG_REQUEST_ID] : own);
    sl_requests_time_write(w, "time", numbers[SL_RLOG_TIME]);
    text_write(w, "client", texts[SL_RLOG_CLIENT]);
    text_write(w, "principal", texts[SL_RLOG_PRINCIPAL]);
    text_write(w, "key", texts[SL_RLOG_KEY]);
    text_write(w, "group", texts[SL_RLOG_GROUP]);
    extra_write(w, "session", texts[SL_RLOG_SESSION]);
    text_write(w, "path", texts[SL_RLOG_PATH]);
    text_write(w, "route", texts[SL_RLOG_ROUTE]);
    text_write(w, "provider", texts[SL_RLOG_PROVIDER]);
    text_write(w, "model", texts[SL_RLOG_MODEL]);
    text_write(w, "target", texts[SL_RLOG_TARGET]);
    sl_jw_member_u64(w, "status", status);
    text_write(w, "error_type", texts[SL_RLOG_ERROR_TYPE]);
    extra_write(w, "message", texts[SL_RLOG_MESSAGE]);
    if (is_operators) {
        extra_write(w, "error", texts[SL_RLOG_ERROR]);
        extra_write(w, "upstream_code", texts[SL_RLOG_UPSTREAM_CODE]);
        extra_write(w, "upstream_error", texts[SL_RLOG_UPSTREAM_SAID]);
    }
    extra_write(w, "upstream_request_id", texts[SL_RLOG_UPSTREAM_REQUEST_ID]);
    extra_write(w, "dropped", texts[SL_RLOG_DROPPED]);
    sl_jw_member_bool(w, "stream", sl_str_eq_c(texts[SL_RLOG_STREAM], "true"));
    sl_jw_member_i64(w, "n_attempts", SL_MAX(numbers[SL_RLOG_N_ATTEMPTS], (int64_t)0));
    attempts_write(w, row, is_operators);
    if (texts[SL_RLOG_PASSED].n) {
        sl_jw_member_raw(w, "passed", texts[SL_RLOG_PASSED]);
    }
    if (texts[SL_RLOG_LIMITS].n) {
        sl_jw_member_raw(w, "limits", texts[SL_RLOG_LIMITS]);
    }
    count_write(w, "upstream_status", numbers[SL_RLOG_UPSTREAM_STATUS]);
    msec_write(w, "duration_ms", numbers[SL_RLOG_DURATION]);
    msec_write(w, "body_ms", numbers[SL_RLOG_BODY]);
    msec_write(w, "queue_ms", numbers[SL_RLOG_QUEUE]);
    msec_write(w, "connect_ms", numbers[SL_RLOG_CONNECT]);
    msec_write(w, "upstream_first_byte_ms", numbers[SL_RLOG_HEAD]);
    msec_write(w, "upstream_ms", numbers[SL_RLOG_UPSTREAM]);
    msec_write(w, "first_byte_ms", numbers[SL_RLOG_FIRST_BYTE]);
    count_write(w, "input_tokens", numbers[SL_RLOG_INPUT]);
    count_write(w, "output_tokens", numbers[SL_RLOG_OUTPUT]);
    count_write(w, "cached_tokens", numbers[SL_RLOG_CACHED]);
    count_write(w, "cache_creation_tokens", numbers[SL_RLOG_CACHE_CREATION]);
    count_write(w, "reasoning_tokens", numbers[SL_RLOG_REASONING]);
    cost_write(w, numbers[SL_RLOG_COST]);
    count_write(w, "bytes_in", numbers[SL_RLOG_BYTES_IN]);
    count_write(w, "bytes_out", numbers[SL_RLOG_BYTES_OUT]);
    sl_jw_end(w);
}
