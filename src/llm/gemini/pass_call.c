/* SPDX-License-Identifier: Apache-2.0 */
/* Passes a client's call to an upstream of the same language: its bytes, with the upstream's model wherever the body
 * names one. */
#include "llm/gemini/member.h"
#include "llm/gemini/reader.h"
#include "llm/gemini/write.h"

/* A body can name a model beside the path: at its top, in the request that is counted, in each request of a batch. An
 * upstream without a name for it (Vertex AI) takes the model only from the path. */
static void model_edit(struct sl_json_edits *edits, struct sl_json_val request, struct sl_str name, bool is_needed)
{
    if (!sl_json_is(request, SL_JSON_OBJECT) || (!is_needed && !sl_json_is_present(sl_json_get(request, "model")))) {
        return;
    }
    if (name.p) {
        sl_json_edit_set(edits, request, "model", name);
    } else {
        sl_json_edit_remove(edits, request, "model");
    }
}

static int batch_pass(const struct sl_call *call, struct sl_str name, struct sl_json *doc, struct sl_arena *arena,
                      struct sl_http_req *io_req)
{
    struct sl_json_edits edits;
    int r = sl_json_parse_at(doc, call->body, 3);
    sl_json_edits_init(&edits, arena);
    if (r < 0) {
        return r;
    }
    struct sl_json_val requests = sl_json_get(sl_json_root(doc), "requests");
    for (struct sl_gemini_iter it = sl_gemini_each(requests); sl_gemini_next(&it);) {
        model_edit(&edits, it.val, name, true);
    }
    model_edit(&edits, sl_json_root(doc), name, false);
    r = edits.status;
    return r < 0 ? r : sl_json_edits_slices(&edits, call->body, &io_req->slices, &io_req->n_slices, &io_req->body_len);
}

/* In countTokens the request may be wrapped. Vertex AI takes no wrapper: there its inside becomes the body. */
static int count_pass(const struct sl_call *call, const struct sl_gemini_conf *conf, struct sl_json *doc,
                      struct sl_arena *arena, struct sl_http_req *io_req)
{
    struct sl_json_edits edits;
    int r = sl_json_parse_at(doc, call->body, 2);
    sl_json_edits_init(&edits, arena);
    if (r < 0) {
        return r;
    }
    struct sl_json_val root = sl_json_root(doc), inner = sl_gemini_get(root, "generateContentRequest");
    bool is_unwrapped = !conf->model_name.p && sl_json_is(inner, SL_JSON_OBJECT);
    if (is_unwrapped) {
        r = sl_json_parse_at(doc, sl_json_raw(inner), 1);
        root = sl_json_root(doc);
        inner = SL_JSON_ABSENT;
    }
    model_edit(&edits, inner, conf->model_name, true);
    model_edit(&edits, root, conf->model_name, false);
    r = r < 0 ? r : edits.status;
    return r < 0 ? r : sl_json_edits_slices(&edits, doc->text, &io_req->slices, &io_req->n_slices, &io_req->body_len);
}

static enum sl_gemini_method method_of(const struct sl_call *call)
{
    if (call->type == SL_LLM_EMBEDDINGS) {
        return (call->noted & SL_GEMINI_BATCH) ? SL_GEMINI_EMBED_BATCH : SL_GEMINI_EMBED;
    }
    return call->is_count ? SL_GEMINI_COUNT : call->is_stream ? SL_GEMINI_STREAM : SL_GEMINI_GENERATE;
}

int sl_gemini_pass_call(const struct sl_call *call, const struct sl_target *target, struct sl_arena *arena,
                        struct sl_http_req *io_req, struct sl_llm_error *ret_error)
{
    const struct sl_gemini_conf *conf = target->conf;
    enum sl_gemini_method method = method_of(call);
    io_req->target = conf->targets[method];
    if (method != SL_GEMINI_COUNT && method != SL_GEMINI_EMBED_BATCH) {
        struct sl_call_edit edit = { "model", conf->model_name, (call->noted & SL_GEMINI_NAMED) != 0 };
        return sl_call_pass(call, &edit, 1, arena, io_req, ret_error);
    }
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    doc.budget = call->doc->budget;
    int r = method == SL_GEMINI_COUNT ? count_pass(call, conf, &doc, arena, io_req)
                                      : batch_pass(call, conf->model_name, &doc, arena, io_req);
    sl_json_done(&doc);
    return r < 0 && r != SL_E_NOMEM ? sl_refuse(call, arena, ret_error, NULL, "The request could not be read again.")
                                    : r;
}
