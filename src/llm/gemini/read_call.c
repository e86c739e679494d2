/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what a call asks for: from the path and its query; of the body only that it is an object. */
#include "llm/core/incoming.h"
#include "llm/gemini/gemini.h"
#include "llm/gemini/member.h"
#include "llm/gemini/read.h"
#include "llm/gemini/reader.h"
#include "wire/headers.h"
#include "wire/uri.h"

/* Google's clients for Python, JavaScript and Go parse events by hand: they want every line to begin with `data:`, and
 * fail at a comment. */
static bool takes_no_comments(const struct sl_headers *headers)
{
    return sl_headers_get(headers, "x-goog-api-client").n > 0;
}

/* For streamGenerateContent: events, or one list. */
static int alt_read(const struct sl_incoming *in, struct sl_arena *arena, bool *ret_is_list,
                    struct sl_llm_error *ret_error)
{
    struct sl_str alt = SL_STR("json");
    bool is_said = sl_query_get(in->query, "alt", arena, &alt) || sl_query_get(in->query, "$alt", arena, &alt);
    if (is_said && !sl_str_eq_c(alt, "sse") && !sl_str_eq_c(alt, "json")) {
        *ret_error = (struct sl_llm_error){
            .type = SL_ERR_CALLER_INVALID_REQUEST,
            .param = SL_STR("alt"),
            .message = SL_STR("Invalid value for the query's 'alt': sse (events) or json (one list) is expected."),
        };
        return SL_E_INVAL;
    }
    *ret_is_list = sl_str_eq_c(alt, "json");
    return 0;
}

/* Reads generationConfig.thinkingConfig.includeThoughts, and whether the answer is one word of a list; nearly all
 * bodies have neither. */
static uint8_t wishes_of(struct sl_json_val config)
{
    struct sl_str raw = sl_json_is(config, SL_JSON_OBJECT) ? sl_json_raw(config) : SL_STR_NONE;
    if (!raw.n || (sl_str_find(raw, SL_STR("includeThoughts"), 0) < 0 &&
                   sl_str_find(raw, SL_STR("include_thoughts"), 0) < 0 && sl_str_find(raw, SL_STR("x.enum"), 0) < 0)) {
        return 0;
    }
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    doc.budget = config.doc->budget;
    bool is_read = sl_json_parse_at(&doc, raw, 2) == 0;
    struct sl_json_val root = is_read ? sl_json_root(&doc) : SL_JSON_ABSENT;
    bool thoughts = sl_json_is(sl_gemini_get(sl_gemini_get(root, "thinkingConfig"), "includeThoughts"), SL_JSON_TRUE);
    bool is_word = sl_json_str_eq(sl_gemini_get(root, "responseMimeType"), SL_STR(SL_GEMINI_ENUM_TYPE));
    sl_json_done(&doc);
    return (uint8_t)((thoughts ? SL_GEMINI_THOUGHTS : 0) | (is_word ? SL_GEMINI_WORD : 0));
}

int sl_gemini_read_call(const struct sl_incoming *in, struct sl_json *doc, struct sl_arena *arena,
                        struct sl_call *ret_call, struct sl_llm_error *ret_error)
{
    struct sl_call call = { .type = in->type, .language = &sl_language_gemini, .body = in->body, .doc = doc };
    int r = sl_incoming_pick(in, doc, arena, NULL, 0, ret_error);
    call.is_stream = sl_str_has_suffix(in->path, SL_STR(":streamGenerateContent"));
    r = r < 0 || !call.is_stream ? r : alt_read(in, arena, &call.is_list, ret_error);
    call.is_silent = takes_no_comments(in->headers);
    if (r < 0) {
        return r;
    }
    bool is_batch = sl_str_has_suffix(in->path, SL_STR(":batchEmbedContents"));
    bool is_named = sl_json_is_present(sl_json_get(sl_json_root(doc), "model"));
    call.noted = (is_named ? SL_GEMINI_NAMED : 0) | (is_batch ? SL_GEMINI_BATCH : 0) |
                 wishes_of(sl_gemini_get(sl_json_root(doc), "generationConfig"));
    call.wants_usage = true; /* its streams always have usage */
    call.is_count = in->is_count;
    sl_json_edits_init(&call.edits, arena);
    *ret_call = call;
    return 0;
}
