/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of the MLflow dialect. The first byte chooses the route's type and the content type. An accepted call goes
 * up as JSON, which is accepted again with nothing left to change; a refusal is JSON, in both forms. */
#include <stdint.h>
#include <stdlib.h>

#include "llm/dialects.h"
#include "llm/core/llm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void accepted_check(const struct sl_call *call, struct sl_arena *arena)
{
    struct sl_buf out = SL_BUF_INIT(1 << 24);
    sl_json_edits_write(&call->edits, call->body, &out);
    SL_ASSERT(sl_buf_status(&out) == 0);
    struct sl_json doc;
    struct sl_call again = { 0 };
    struct sl_llm_error error = { 0 };
    sl_json_init(&doc, NULL);
    struct sl_incoming in = { .type = call->type, .headers = &(struct sl_headers){ 0 }, .body = sl_buf_str(&out) };
    int r = sl_dialect_read(&sl_dialect_mlflow, &in, &doc, arena, &again, &error);
    SL_ASSERT(r == 0);
    SL_ASSERT(again.edits.n == 0);
    SL_ASSERT(again.is_stream == call->is_stream);
    sl_json_done(&doc);
    sl_buf_done(&out);
}

static void refused_check(const struct sl_llm_error *refused)
{
    const struct sl_dialect *dialects[] = { &sl_dialect_mlflow, &sl_dialect_mlflow_sdk, &sl_dialect_databricks };
    for (size_t i = 0; i < SL_ARRAY_LEN(dialects); i++) {
        struct sl_llm_error error = *refused;
        struct sl_buf out = SL_BUF_INIT(1 << 24);
        struct sl_json doc;
        sl_json_init(&doc, NULL);
        dialects[i]->language->write_error(&error, &out);
        SL_ASSERT(error.status == 400 || error.status == 422);
        SL_ASSERT(sl_buf_status(&out) == 0 && sl_json_parse(&doc, sl_buf_str(&out)) == 0);
        struct sl_json_val detail = sl_json_get(sl_json_root(&doc), "detail");
        SL_ASSERT(sl_json_is_present(detail) == (i == 0));
        SL_ASSERT(i > 0 || sl_json_is(detail, SL_JSON_STRING) || sl_json_count(detail) > 0);
        SL_ASSERT(i == 0 || sl_json_is(sl_json_get(sl_json_root(&doc), "message"), SL_JSON_STRING));
        sl_json_done(&doc);
        sl_buf_done(&out);
    }
}

/* MLflow 3's reader: its refusal is one text. */
static void three_check(const struct sl_incoming *in, struct sl_arena *arena)
{
    for (int has_route = 0; has_route < 2; has_route++) {
        struct sl_incoming of_three = *in;
        struct sl_json doc, told;
        struct sl_call call = { 0 };
        struct sl_llm_error error = { 0 };
        of_three.has_route = has_route;
        of_three.type = in->type == SL_LLM_EMBEDDINGS ? SL_LLM_EMBEDDINGS : SL_LLM_CHAT;
        sl_json_init(&doc, NULL);
        int r = sl_dialect_read(&sl_dialect_mlflow3, &of_three, &doc, arena, &call, &error);
        SL_ASSERT(r == 0 || r == SL_E_NOMEM || r == SL_E_INVAL);
        SL_ASSERT(r != 0 || has_route == !call.model.n);
        if (r == SL_E_INVAL) {
            struct sl_buf out = SL_BUF_INIT(1 << 24);
            sl_json_init(&told, NULL);
            sl_dialect_mlflow3.language->write_error(&error, &out);
            SL_ASSERT(error.status == 400 || error.status == 422);
            SL_ASSERT(sl_buf_status(&out) == 0 && sl_json_parse(&told, sl_buf_str(&out)) == 0);
            SL_ASSERT(sl_json_is(sl_json_get(sl_json_root(&told), "detail"), SL_JSON_STRING));
            sl_json_done(&told);
            sl_buf_done(&out);
        }
        sl_json_done(&doc);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sl_str types[] = { SL_STR_INIT("application/json"), SL_STR_INIT(""),
                                           SL_STR_INIT("text/plain") };
    if (size == 0) {
        return 0;
    }
    enum sl_llm_type type = (enum sl_llm_type)(data[0] % SL_LLM_TRANSLATED_COUNT);
    struct sl_str content_type = types[data[0] / SL_LLM_TRANSLATED_COUNT % SL_ARRAY_LEN(types)];
    struct sl_arena arena;
    struct sl_json doc;
    struct sl_call call = { 0 };
    struct sl_llm_error error = { 0 };
    sl_arena_init(&arena, NULL);
    sl_json_init(&doc, NULL);
    struct sl_str body = sl_arena_dup(&arena, sl_str_make((const char *)data + 1, size - 1));
    struct sl_headers headers = { 0 };
    if (sl_headers_add(&headers, &arena, SL_STR("content-type"), content_type) < 0) {
        abort();
    }
    struct sl_incoming in = { .type = type, .headers = &headers, .body = body };
    int r = sl_dialect_read(&sl_dialect_mlflow, &in, &doc, &arena, &call, &error);
    if (r == 0) {
        accepted_check(&call, &arena);
    } else if (r == SL_E_INVAL) {
        refused_check(&error);
    } else {
        SL_ASSERT(r == SL_E_NOMEM);
    }
    three_check(&in, &arena);
    sl_json_done(&doc);
    sl_arena_done(&arena);
    return 0;
}
