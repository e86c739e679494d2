/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/page.h"

#include <math.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/num.h"
#include "gate/api/api.h"
#include "gate/call/auth.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/config/snapshot.h"
#include "json/json.h"
#include "json/write.h"
#include "wire/uri.h"

/* Room for a dozen names of up to 255 characters of four bytes. */
#define TOKEN_MAX 32768
/* The first four anchors are the last routes of the page; the others are farther and farther apart, over a whole
 * page. */
#define ANCHORS_DENSE 4
#define ANCHORS_MAX   15

/* Reads it like Python's int(): a number without its fraction, a boolean, or digits in a string. */
static bool index_read(struct sl_json_val v, struct sl_arena *arena, int64_t *ret)
{
    double number;
    struct sl_str text;
    if (sl_json_is_bool(v)) {
        *ret = sl_json_is(v, SL_JSON_TRUE);
        return true;
    }
    if (sl_json_int(v, true, ret) == 0) {
        return *ret >= 0;
    }
    if (sl_json_is(v, SL_JSON_NUMBER) && sl_json_double(v, &number) == 0) {
        *ret = number < (double)UINT32_MAX ? (int64_t)trunc(number) : UINT32_MAX;
        return *ret >= 0;
    }
    return sl_json_text(v, arena, &text) == 0 && sl_parse_i64(sl_str_trim(text), 0, INT64_MAX, ret) == 0;
}

/* The JSON inside; p == NULL: it is not base64. */
static struct sl_str token_decode(struct sl_str token, struct sl_arena *arena)
{
    return token.n <= TOKEN_MAX && sl_base64_is_sound(token) ? sl_base64_decode(token, arena) : SL_STR_NONE;
}

static const struct sl_route *named(const struct sl_snapshot *snapshot, struct sl_json_val name, struct sl_arena *arena)
{
    struct sl_str text;
    return sl_json_text(name, arena, &text) == 0 ? sl_snapshot_find(snapshot, text) : NULL;
}

static uint32_t start_find(const struct sl_snapshot *snapshot, struct sl_json_val root, int64_t index,
                           struct sl_arena *arena)
{
    const struct sl_route *last = named(snapshot, sl_json_get(root, "after"), arena);
    struct sl_json_val before = sl_json_get(root, "before");
    for (struct sl_json_iter it = sl_json_each(before); !last && sl_json_next(&it);) {
        last = named(snapshot, it.val, arena);
    }
    if (last) {
        return sl_snapshot_index(snapshot, last) + 1;
    }
    if (sl_json_is_present(before)) {
        index = SL_MAX(index - SL_PAGE_SIZE, 0); /* all of them were deleted: the whole page comes again */
    }
    return (uint32_t)SL_MIN(index, (int64_t)sl_snapshot_count(snapshot));
}

bool sl_page_start_or_refuse(struct sl_xchg *x, const struct sl_snapshot *snapshot, uint32_t *ret_start)
{
    struct sl_arena *arena = x->arena;
    struct sl_str token;
    *ret_start = 0;
    if (!sl_query_get(x->match.query, "page_token", arena, &token)) {
        return true;
    }
    struct sl_str text = token_decode(token, arena);
    struct sl_json *doc = x->desk->doc;
    int64_t index;
    if (!text.p || sl_json_parse(doc, text) < 0 ||
        !index_read(sl_json_get(sl_json_root(doc), "index"), arena, &index)) {
        sl_api_refuse_page(x);
        return false;
    }
    *ret_start = start_find(snapshot, sl_json_root(doc), index, arena);
    return true;
}

/* The last route before `i` that this caller may see; UINT32_MAX: none. */
static uint32_t visible_before(const struct sl_xchg *x, const struct sl_snapshot *snapshot, uint32_t i)
{
    while (i-- > 0) {
        const struct sl_route *route = sl_snapshot_at(snapshot, i);
        if (!sl_snapshot_is_shadowed(snapshot, route) && sl_auth_may_use(x, route->name)) {
            return i;
        }
    }
    return UINT32_MAX;
}

/* Picks the last route of the page and some before it, farther and farther apart. */
static unsigned anchors_pick(const struct sl_xchg *x, const struct sl_snapshot *snapshot, uint32_t next,
                             uint32_t ret[ANCHORS_MAX])
{
    unsigned n = 0;
    uint32_t skip = 0;
    while (n < ANCHORS_MAX && next > skip) {
        next = visible_before(x, snapshot, next - skip);
        if (next == UINT32_MAX) {
            break;
        }
        ret[n++] = next;
        skip = n < ANCHORS_DENSE ? 0 : skip ? skip * 2 : 1;
    }
    return n;
}

static void name_add(struct sl_buf *json, const struct sl_route *route)
{
    sl_buf_add_char(json, '"');
    sl_json_escape(json, route->name);
    sl_buf_add_char(json, '"');
}

static void token_text(const struct sl_xchg *x, struct sl_buf *json, const struct sl_snapshot *snapshot, uint32_t next)
{
    uint32_t anchors[ANCHORS_MAX];
    unsigned n = anchors_pick(x, snapshot, next, anchors);
    sl_buf_printf(json, "{\"index\": %u", next);
    if (n > 0) {
        sl_buf_add_lit(json, ", \"after\": ");
        name_add(json, sl_snapshot_at(snapshot, anchors[0]));
        sl_buf_add_lit(json, ", \"before\": [");
        for (unsigned i = 1; i < n; i++) {
            sl_buf_add_c(json, i == 1 ? "" : ", ");
            name_add(json, sl_snapshot_at(snapshot, anchors[i]));
        }
        sl_buf_add_char(json, ']');
    }
    sl_buf_add_char(json, '}');
}

void sl_page_token_write(struct sl_xchg *x, struct sl_jw *w, const struct sl_snapshot *snapshot, uint32_t next)
{
    sl_jw_key(w, "next_page_token");
    if (next >= sl_snapshot_count(snapshot)) {
        sl_jw_null(w);
        return;
    }
    struct sl_buf json = SL_BUF_INIT(TOKEN_MAX), token = SL_BUF_INIT(2 * TOKEN_MAX);
    token_text(x, &json, snapshot, next);
    sl_buf_add_base64(&token, sl_buf_str(&json));
    if (sl_buf_status(&json) == 0 && sl_buf_status(&token) == 0) {
        sl_jw_str(w, sl_buf_str(&token));
    } else {
        /* Makes the reply fail: a page without its token would end the list too early. */
        sl_buf_reserve(w->out, SIZE_MAX);
    }
    sl_buf_done(&token);
    sl_buf_done(&json);
}
