/* SPDX-License-Identifier: Apache-2.0 */
/* Errors in the form of Google's APIs: google.rpc.Status. */
#include "llm/gemini/write.h"

/* The code of google.rpc for an HTTP status. */
static const char *word_of(int status)
{
    static const struct {
        int status;
        const char *word;
    } rows[] = {
        { 401, "UNAUTHENTICATED" },
        { 402, "RESOURCE_EXHAUSTED" },
        { 403, "PERMISSION_DENIED" },
        { 404, "NOT_FOUND" },
        { 405, "UNIMPLEMENTED" },
        { 408, "DEADLINE_EXCEEDED" },
        { 409, "ABORTED" },
        { 410, "NOT_FOUND" },
        { 429, "RESOURCE_EXHAUSTED" },
        { 498, "RESOURCE_EXHAUSTED" },
        { 499, "CANCELLED" },
        { 501, "UNIMPLEMENTED" },
        { 502, "UNAVAILABLE" },
        { 503, "UNAVAILABLE" },
        { 504, "DEADLINE_EXCEEDED" },
        { 529, "UNAVAILABLE" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        if (rows[i].status == status) {
            return rows[i].word;
        }
    }
    return status >= 500 ? "INTERNAL" : "INVALID_ARGUMENT";
}

static void detail_begin(struct sl_jw *w, const char *type)
{
    sl_jw_object(w);
    sl_jw_key(w, "@type");
    sl_jw_raw(w, SL_STR("\"type.googleapis.com/google.rpc."));
    sl_buf_add_c(w->out, type);
    sl_buf_add_char(w->out, '"');
}

static void wait_write(struct sl_jw *w, uint64_t sec)
{
    detail_begin(w, "RetryInfo");
    sl_jw_key(w, "retryDelay");
    sl_jw_raw(w, SL_STR("\""));
    sl_buf_printf(w->out, "%llus\"", (unsigned long long)sec);
    sl_jw_end(w);
}

static void field_write(struct sl_jw *w, struct sl_str field, struct sl_str message)
{
    detail_begin(w, "BadRequest");
    sl_jw_key(w, "fieldViolations");
    sl_jw_array(w);
    sl_jw_object(w);
    sl_jw_member_str(w, "field", field);
    sl_jw_member_str(w, "description", message);
    sl_jw_end(w);
    sl_jw_end(w);
    sl_jw_end(w);
}

static void error_write(struct sl_buf *out, const struct sl_llm_error *error, int status)
{
    struct sl_llm_error told = *error;
    struct sl_jw w;
    sl_error_hide(&told);
    struct sl_str message = told.message.p ? told.message : sl_str_c(sl_status_reason(status));
    bool has_field = told.param.n && status < 500;
    sl_jw_init(&w, out);
    sl_jw_object(&w);
    sl_jw_key(&w, "error");
    sl_jw_object(&w);
    sl_jw_member_i64(&w, "code", status);
    sl_jw_member_str(&w, "message", message);
    sl_jw_member_str(&w, "status", sl_str_c(word_of(status)));
    if (has_field || told.retry_after_sec) {
        sl_jw_key(&w, "details");
        sl_jw_array(&w);
        if (has_field) {
            field_write(&w, told.param, message);
        }
        if (told.retry_after_sec) {
            wait_write(&w, told.retry_after_sec);
        }
        sl_jw_end(&w);
    }
    sl_jw_end(&w);
    sl_jw_end(&w);
}

void sl_gemini_write_error(struct sl_llm_error *error, struct sl_buf *out)
{
    error->status = sl_error_status(error);
    error_write(out, error, error->status);
}

void sl_gemini_write_stream_error(void *state, const struct sl_llm_error *error, struct sl_buf *out)
{
    struct sl_gemini_writer *st = state;
    if (st && st->has_error) {
        return;
    }
    sl_gemini_item_begin(st, out);
    error_write(out, error, sl_error_status(error));
    sl_gemini_item_end(st, out);
    sl_gemini_list_end(st, out);
    if (st) {
        st->has_error = true; /* nothing follows */
    }
}
