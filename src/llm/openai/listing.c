/* SPDX-License-Identifier: Apache-2.0 */
/* The routes as OpenAI lists models. */
#include "llm/core/listing.h"

#include "json/write.h"
#include "llm/openai/dialect.h"

static void begin(struct sl_jw *w)
{
    sl_jw_object(w);
    sl_jw_member_str(w, "object", SL_STR("list"));
    sl_jw_key(w, "data");
    sl_jw_array(w);
}

static void one(struct sl_jw *w, const struct sl_listed *listed)
{
    sl_jw_object(w);
    sl_jw_member_str(w, "id", listed->name);
    sl_jw_member_str(w, "object", SL_STR("model"));
    sl_jw_member_u64(w, "created", listed->since_sec);
    sl_jw_member_str(w, "owned_by", listed->provider);
    sl_jw_end(w);
}

static void end(struct sl_jw *w, const struct sl_listed_page *page)
{
    (void)page; /* it has no pages */
    sl_jw_end(w);
    sl_jw_end(w);
}

const struct sl_listing sl_openai_listing = { .begin = begin, .one = one, .end = end };
