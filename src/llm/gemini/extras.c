/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a reply, and what it has beside texts and calls: images, token probabilities, and parts that are only
 * named. */
#include "json/write.h"
#include "llm/core/lost.h"
#include "llm/gemini/gemini.h"

enum part_member { P_TEXT, P_THOUGHT, P_SIGNATURE, P_CALL, P_DATA, P_COUNT };

static const struct sl_str part_members[P_COUNT] = {
    [P_TEXT] = SL_STR_INIT("text"),
    [P_THOUGHT] = SL_STR_INIT("thought"),
    [P_SIGNATURE] = SL_STR_INIT("thoughtSignature"),
    [P_CALL] = SL_STR_INIT("functionCall"),
    [P_DATA] = SL_STR_INIT("inlineData"),
};

void sl_gemini_part_read(struct sl_json_val v, struct sl_gemini_part *ret)
{
    struct sl_json_val m[P_COUNT];
    sl_json_pick(v, part_members, P_COUNT, m);
    *ret = (struct sl_gemini_part){ .kind = SL_GEMINI_OTHER, .text = m[P_TEXT], .signature = m[P_SIGNATURE] };
    if (sl_json_is(m[P_CALL], SL_JSON_OBJECT)) {
        ret->kind = SL_GEMINI_CALL;
        ret->call = m[P_CALL];
    } else if (sl_json_is(m[P_TEXT], SL_JSON_STRING)) {
        ret->kind = sl_json_is(m[P_THOUGHT], SL_JSON_TRUE) ? SL_GEMINI_THOUGHT : SL_GEMINI_TEXT;
    } else if (sl_json_is(m[P_DATA], SL_JSON_OBJECT)) {
        struct sl_json_val mime = sl_json_get(m[P_DATA], "mimeType");
        bool is_image = sl_json_is(mime, SL_JSON_STRING) && sl_str_has_prefix(sl_json_raw(mime), SL_STR("\"image"));
        ret->kind = is_image ? SL_GEMINI_IMAGE : SL_GEMINI_AUDIO;
        ret->data = m[P_DATA];
    }
}

struct sl_str sl_gemini_image_text(struct sl_json_val data, struct sl_arena *arena)
{
    struct sl_str mime = SL_STR_NONE, base64 = SL_STR_NONE;
    int r = sl_json_text(sl_json_get(data, "mimeType"), arena, &mime);
    r = r < 0 ? r : sl_json_text(sl_json_get(data, "data"), arena, &base64);
    if (r < 0) {
        return r == SL_E_NOMEM ? SL_STR_NONE : SL_STR("");
    }
    static const struct sl_str begin = SL_STR_INIT("![image](data:"), middle = SL_STR_INIT(";base64,");
    const struct sl_str pieces[] = { begin, mime, middle, base64, SL_STR(")") };
    size_t n = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(pieces); i++) {
        n += pieces[i].n;
    }
    char *p = sl_arena_bytes(arena, n);
    size_t at = 0;
    for (size_t i = 0; p && i < SL_ARRAY_LEN(pieces); i++) {
        memcpy(p + at, pieces[i].p, pieces[i].n);
        at += pieces[i].n;
    }
    return p ? sl_str_make(p, n) : SL_STR_NONE;
}

/* Writes it without its last brace: the object stays open. */
static void token_write(struct sl_jw *w, struct sl_json_val v)
{
    struct sl_json_val token = sl_json_get(v, "token"), logprob = sl_json_get(v, "logProbability");
    sl_jw_object(w);
    sl_jw_key(w, "token");
    sl_jw_raw(w, sl_json_is(token, SL_JSON_STRING) ? sl_json_raw(token) : SL_STR("\"\""));
    sl_jw_key(w, "logprob");
    sl_jw_raw(w, sl_json_is(logprob, SL_JSON_NUMBER) ? sl_json_raw(logprob) : SL_STR("0"));
    sl_jw_member_null(w, "bytes");
}

int sl_gemini_logprobs(struct sl_json_val result, struct sl_arena *arena, struct sl_str *ret)
{
    struct sl_json_val chosen = sl_json_get(result, "chosenCandidates"), top = sl_json_get(result, "topCandidates");
    struct sl_json_iter tops = sl_json_each(top);
    struct sl_buf buf = SL_BUF_INIT(1u << 26);
    struct sl_jw w;
    if (!sl_json_is(chosen, SL_JSON_ARRAY)) {
        return 0;
    }
    sl_jw_init(&w, &buf);
    sl_jw_object(&w);
    sl_jw_key(&w, "content");
    sl_jw_array(&w);
    for (struct sl_json_iter it = sl_json_each(chosen); sl_json_next(&it);) {
        struct sl_json_val others = sl_json_next(&tops) ? sl_json_get(tops.val, "candidates") : SL_JSON_ABSENT;
        token_write(&w, it.val);
        sl_jw_key(&w, "top_logprobs");
        sl_jw_array(&w);
        for (struct sl_json_iter o = sl_json_each(others); sl_json_next(&o);) {
            token_write(&w, o.val);
            sl_jw_end(&w);
        }
        sl_jw_end(&w);
        sl_jw_end(&w);
    }
    sl_jw_end(&w);
    sl_jw_member_null(&w, "refusal");
    sl_jw_end(&w);
    int r = sl_buf_status(&buf);
    if (r == 0) {
        *ret = sl_arena_dup(arena, sl_buf_str(&buf));
        r = ret->p ? 0 : SL_E_NOMEM;
    }
    sl_buf_done(&buf);
    return r;
}

uint32_t sl_gemini_lost(struct sl_json_val candidate)
{
    static const struct {
        const char *key;
        uint32_t lost;
    } rows[] = {
        { "citationMetadata", SL_LOST_CITATION_METADATA },
        { "safetyRatings", SL_LOST_SAFETY_RATINGS },
        { "urlContextMetadata", SL_LOST_URL_CONTEXT },
    };
    uint32_t lost = sl_json_is_nothing(sl_json_get(candidate, "avgLogprobs")) ? 0 : SL_LOST_AVG_LOGPROBS;
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        lost |= sl_json_count(sl_json_get(candidate, rows[i].key)) ? rows[i].lost : 0;
    }
    return lost;
}
