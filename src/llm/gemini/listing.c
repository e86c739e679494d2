/* SPDX-License-Identifier: Apache-2.0 */
/* The routes as Google lists models. */
#include "llm/core/listing.h"

#include "json/write.h"
#include "llm/gemini/write.h"

static void begin(struct sl_jw *w)
{
    sl_jw_object(w);
    sl_jw_key(w, "models");
    sl_jw_array(w);
}

static void one(struct sl_jw *w, const struct sl_listed *listed)
{
    static const char *const methods[][3] = {
        [SL_LLM_CHAT] = { "generateContent", "countTokens", "streamGenerateContent" },
        [SL_LLM_EMBEDDINGS] = { "embedContent", "batchEmbedContents" },
        [SL_LLM_ALL_COUNT - 1] = { NULL }, /* this API has none of the others */
    };
    sl_jw_object(w);
    sl_jw_key(w, "name");
    sl_jw_raw(w, SL_STR("\"models/"));
    sl_json_escape(w->out, listed->name);
    sl_buf_add_char(w->out, '"');
    sl_jw_member_str(w, "version", SL_STR("001"));
    sl_jw_member_str(w, "displayName", listed->name);
    sl_jw_key(w, "supportedGenerationMethods");
    sl_jw_array(w);
    for (size_t i = 0; i < SL_ARRAY_LEN(methods[0]) && methods[listed->type][i]; i++) {
        sl_jw_str_c(w, methods[listed->type][i]);
    }
    sl_jw_end(w);
    sl_jw_end(w);
}

static void end(struct sl_jw *w, const struct sl_listed_page *page)
{
    sl_jw_end(w);
    if (page->has_more) {
        sl_jw_member_str(w, "nextPageToken", page->last);
    }
    sl_jw_end(w);
}

const struct sl_listing sl_gemini_listing = {
    .limit = "pageSize",
    .after = "pageToken",
    .limit_default = 50,
    .limit_max = 1000,
    .has_lax_limit = true,
    .begin = begin,
    .one = one,
    .end = end,
};
