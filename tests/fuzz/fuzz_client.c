/* SPDX-License-Identifier: Apache-2.0 */
/* What libsluice makes from a server's bytes: a stream gives the same answer however it is split, a body is read in
 * every form, and every text that comes out is UTF-8 with a NUL at its end. The first byte is the size of the pieces;
 * the second says how much of the rest is a path. */
#include <stdint.h>

#include "client/priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sl_alloc libc = { NULL, NULL };

static void text_put(struct sl_buf *out, const char *text, size_t n)
{
    SL_ASSERT(text || n == 0);
    if (text) {
        SL_ASSERT(text[n] == '\0' && sl_str_is_utf8(sl_str_make(text, n)));
        sl_buf_add(out, text, n);
    }
    sl_buf_add_c(out, text ? "|" : "-");
}

static void text_put_c(struct sl_buf *out, const char *text)
{
    text_put(out, text, text ? strlen(text) : 0);
}

static void answer_put(struct sl_buf *out, const struct sluice_result *result)
{
    size_t n;
    const char *text;
    for (size_t i = 0; i < sluice_result_choice_count(result); i++) {
        const sluice_choice *choice = sluice_result_choice(result, i);
        SL_ASSERT(i == 0 || choice->index > sluice_result_choice(result, i - 1)->index);
        text = sluice_choice_text(choice, &n);
        text_put(out, text, n);
        text = sluice_choice_refusal(choice, &n);
        text_put(out, text, n);
        text_put_c(out, sluice_choice_finish_reason(choice));
        for (size_t k = 0; k < sluice_choice_tool_call_count(choice); k++) {
            const sluice_tool_call *call = sluice_choice_tool_call(choice, k);
            text_put_c(out, sluice_tool_call_id(call));
            text_put_c(out, sluice_tool_call_name(call));
            text = sluice_tool_call_arguments(call, &n);
            text_put(out, text, n);
        }
    }
}

static void stream_read(struct sl_str text, size_t piece, struct sl_buf *out)
{
    struct slc_events events;
    slc_events_init(&events, &libc, 4096, 2048);
    int r = 0;
    for (size_t at = 0; r == 0 && at < text.n; at += piece) {
        r = slc_events_push(&events, sl_str_sub(text, at, at + piece));
    }
    r = r ? r : slc_events_finish(&events);
    sl_buf_add_i64(out, r);
    sl_buf_add_c(out, events.fault_text); /* it may quote bytes: they are cleaned when an error is made from it */
    text_put_c(out, events.fault_type);
    struct sluice_event *event;
    while ((event = slc_events_pop(&events))) {
        size_t n;
        const char *said = sluice_event_text(event, &n);
        text_put(out, said, n);
        text_put_c(out, sluice_event_name(event));
        text_put_c(out, sluice_event_finish_reason(event));
        slc_event_free(event, &libc);
    }
    /* The same as a call does it. */
    struct sluice_result result = { .answer = events.answer };
    answer_put(out, &result);
    slc_events_done(&events);
}

static void body_read(struct sl_str body, const char *path)
{
    static const enum slc_shape shapes[] = { SLC_ANY, SLC_JSON, SLC_ROUTE, SLC_NEW_ROUTE, SLC_ROUTES, SLC_LIMITS };
    for (size_t i = 0; i < SL_ARRAY_LEN(shapes); i++) {
        struct sluice_result *result = slc_result_new(&libc);
        struct sl_err why;
        struct sl_buf out = SL_BUF_INIT(1 << 20);
        float values[4];
        size_t n;
        result->body = SL_BUF_INIT(1 << 20);
        sl_buf_add_str(&result->body, body);
        if (slc_result_read(result, shapes[i], "http://h", &why) == 0) {
            answer_put(&out, result);
            const char *text = sluice_json_str(result, path, &n);
            text_put(&out, text, n);
            text = sluice_json_get(result, path, &n);
            SL_ASSERT((text != NULL) == (sluice_json_kind(result, path) != 0));
            text_put_c(&out, sluice_json_key(result, path, 0));
            sluice_result_embedding(result, 0, values, SL_ARRAY_LEN(values));
            sluice_result_embedding(result, sluice_result_embedding_count(result), NULL, 0);
        }
        sl_buf_done(&out);
        sluice_result_free(result);
    }
}

static void error_read(struct sl_str body, const char *header)
{
    struct slc_failure f = { .code = SLUICE_ESERVER, .request_id = body, .type = body, .body = body };
    sluice_error *err = NULL;
    struct sl_buf out = SL_BUF_INIT(1 << 20);
    SL_ASSERT(slc_fail_with(&libc, &err, &f, "%.*s", SL_STR_ARG(body)) == SLUICE_ESERVER);
    text_put_c(&out, sluice_error_text(err));
    text_put_c(&out, sluice_error_detail(err));
    text_put_c(&out, sluice_error_type(err));
    text_put_c(&out, sluice_error_request_id(err));
    SL_ASSERT(sl_str_find_char(sl_buf_str(&out), '\x1b', 0) < 0);
    SL_ASSERT(slc_retry_after_msec(header, 0) >= -1);
    sl_buf_done(&out);
    sluice_error_free(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3 || size > 1 << 16) {
        return 0;
    }
    size_t n_path = SL_MIN((size_t)data[1] % 64, size - 2);
    char path[64] = "";
    memcpy(path, data + 2, n_path);
    struct sl_str text = sl_str_make((const char *)data + 2 + n_path, size - 2 - n_path);
    struct sl_buf a = SL_BUF_INIT(1 << 22), b = SL_BUF_INIT(1 << 22);
    stream_read(text, text.n + 1, &a);
    stream_read(text, 1 + data[0] % 16, &b);
    SL_ASSERT(sl_str_eq(sl_buf_str(&a), sl_buf_str(&b)));
    body_read(text, path);
    error_read(text, path);
    sl_buf_done(&a);
    sl_buf_done(&b);
    return 0;
}
