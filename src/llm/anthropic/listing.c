/* SPDX-License-Identifier: Apache-2.0 */
/* The routes as the Models API lists models. */
#include "llm/core/listing.h"

#include "json/write.h"
#include "llm/anthropic/anthropic.h"

static void begin(struct sl_jw *w)
{
    sl_jw_object(w);
    sl_jw_key(w, "data");
    sl_jw_array(w);
}

static void one(struct sl_jw *w, const struct sl_listed *listed)
{
    sl_jw_object(w);
    sl_jw_member_str(w, "type", SL_STR("model"));
    sl_jw_member_str(w, "id", listed->name);
    sl_jw_member_str(w, "display_name", listed->name);
    sl_jw_member_str(w, "created_at", listed->since);
    sl_jw_end(w);
}

static void end(struct sl_jw *w, const struct sl_listed_page *page)
{
    sl_jw_end(w);
    sl_jw_member_bool(w, "has_more", page->has_more);
    sl_jw_member_str(w, "first_id", page->first);
    sl_jw_member_str(w, "last_id", page->last);
    sl_jw_end(w);
}

const struct sl_listing sl_anthropic_listing = {
    .limit = "limit",
    .after = "after_id",
    .before = "before_id",
    .limit_default = 20,
    .limit_max = 1000,
    .begin = begin,
    .one = one,
    .end = end,
};
