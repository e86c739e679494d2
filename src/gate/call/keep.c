/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/keep.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/num.h"
#include "gate/call/auth.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/gate.h"
#include "gate/policy/kept.h"
#include "gate/worker.h"
#include "json/write.h"
#include "llm/core/call.h"
#include "llm/core/language.h"
#include "llm/core/target.h"
#include "wire/uri.h"

void sl_keep_settle(struct sl_xchg *x)
{
    struct sl_call *call = x->call;
    bool is_able = x->dialect->language->read_answer && x->worker->gate->kept && call->items.p;
    call->is_kept = is_able && x->route->own->responses_keep_usec > 0 &&
                    !sl_target_speaks(&x->route->targets[0], call->type, call->language);
}

/* --- continuing a response --- */

/* The call's own items as the inside of a list; a text becomes a user's message. */
static struct sl_str own_items(struct sl_xchg *x)
{
    struct sl_str items = x->call->items;
    if (items.n >= 2 && items.p[0] == '[') {
        return sl_str_trim(sl_str_sub(items, 1, items.n - 1));
    }
    struct sl_str texts[] = { SL_STR("{\"role\":\"user\",\"content\":"), items, SL_STR("}") };
    return sl_arena_join(x->arena, texts, 3);
}

static struct sl_str list_join(struct sl_xchg *x, struct sl_str a, struct sl_str b)
{
    struct sl_str texts[] = { SL_STR("["), a, a.n && b.n ? SL_STR(",") : SL_STR(""), b, SL_STR("]") };
    return sl_arena_join(x->arena, texts, SL_ARRAY_LEN(texts));
}

int sl_keep_go_on(struct sl_xchg *x)
{
    struct sl_call *call = x->call;
    struct sl_kept *kept = x->worker->gate->kept;
    struct sl_kept_answer before;
    if (!call->previous.p || !kept) {
        return SL_E_NOTFOUND;
    }
    int r = sl_kept_find(kept, call->previous, x->caller.principal, x->env->wall_usec, x->arena, &before);
    if (r < 0 || !sl_auth_may_use(x, before.route)) {
        return r < 0 ? r : SL_E_NOTFOUND;
    }
    struct sl_json_val root = sl_json_root(call->doc), input = sl_json_get(root, "input");
    if (!sl_json_is(input, SL_JSON_STRING) && !sl_json_is(input, SL_JSON_ARRAY)) {
        return 0; /* the reader of the body reports it */
    }
    call->items = sl_json_raw(input);
    struct sl_str own = own_items(x);
    if (own.n + before.items.n > x->settings->server.limits.body_bytes) {
        return SL_E_LIMIT;
    }
    struct sl_str all = own.p ? list_join(x, before.items, own) : SL_STR_NONE;
    if (!all.p) {
        return SL_E_NOMEM;
    }
    sl_json_edit_set(&call->edits, root, "input", all);
    sl_json_edit_remove(&call->edits, root, "previous_response_id");
    call->items = all;
    call->previous = SL_STR_NONE;
    return call->edits.status;
}

/* --- keeping --- */

/* The default of a route that sets no size. */
#define KEPT_BYTES (64u << 20)

void sl_keep_answer(struct sl_xchg *x, struct sl_str written)
{
    struct sl_str answer, id, said, asked;
    if (!x->call->is_kept || !x->dialect->language->read_answer(written, x->desk->scratch, &answer, &id, &said)) {
        return;
    }
    asked = own_items(x);
    struct sl_str list = asked.p ? list_join(x, asked, said) : SL_STR_NONE;
    if (!list.p) {
        return; /* no memory: it is not kept */
    }
    uint64_t now = sl_clock_wall_usec();
    const struct sl_kept_answer kept = {
        .id = id,
        .route = x->route->name,
        .principal = x->caller.principal,
        .answer = answer,
        .items = sl_str_sub(list, 1, list.n - 1),
        .n_asked = asked.n,
    };
    sl_kept_put(x->worker->gate->kept, &kept, now + x->route->own->responses_keep_usec,
                x->route->own->responses_bytes ? (size_t)x->route->own->responses_bytes : KEPT_BYTES, now);
}

/* --- calls about a kept response --- */

static struct sl_str query_get(struct sl_xchg *x, const char *name)
{
    struct sl_str value = SL_STR_NONE;
    return sl_query_get(x->match.query, name, x->arena, &value) ? value : SL_STR_NONE;
}

#define PAGE_MAX  100
#define PAGE_SOME 20

/* Writes one item of the input with an id, because the client may not have given one. */
static void item_write(struct sl_jw *w, struct sl_json_val item, struct sl_str id)
{
    sl_jw_object(w);
    sl_jw_member_str(w, "id", id);
    if (!sl_json_is_present(sl_json_get(item, "type"))) {
        sl_jw_member_str(w, "type", SL_STR("message"));
    }
    for (struct sl_json_iter it = sl_json_each(item); sl_json_next(&it);) {
        struct sl_str key = sl_json_raw(it.key);
        bool is_text = sl_json_str_eq(it.key, SL_STR("content")) && sl_json_is(it.val, SL_JSON_STRING);
        if (sl_json_str_eq(it.key, SL_STR("id"))) {
            continue;
        }
        sl_jw_key_str(w, sl_str_sub(key, 1, key.n - 1));
        if (is_text) {
            sl_jw_array(w);
            sl_jw_object(w);
            sl_jw_member_str(w, "type", SL_STR("input_text"));
            sl_jw_member_raw(w, "text", sl_json_raw(it.val));
            sl_jw_end(w);
            sl_jw_end(w);
        } else {
            sl_jw_raw(w, sl_json_raw(it.val));
        }
    }
    sl_jw_end(w);
}

static struct sl_str item_id(struct sl_xchg *x, struct sl_json_val item, struct sl_str answer, uint32_t at)
{
    struct sl_str id = SL_STR_NONE;
    if (sl_json_is(sl_json_get(item, "id"), SL_JSON_STRING) &&
        sl_json_text(sl_json_get(item, "id"), x->arena, &id) == 0) {
        return id;
    }
    ptrdiff_t mark = sl_str_find_char(answer, '_', 0);
    return sl_arena_printf(x->arena, "in_%.*s%u", SL_STR_ARG(sl_str_sub(answer, (size_t)(mark + 1), answer.n)), at);
}

struct page {
    struct sl_json_val *items;
    uint32_t n;
    struct sl_str answer, first, last;
};

static void page_write(struct sl_xchg *x, struct sl_jw *w, struct page *page, bool is_up, struct sl_str after,
                       uint64_t limit)
{
    bool is_behind = !after.n;
    uint64_t n = 0;
    bool has_more = false;
    sl_jw_member_str(w, "object", SL_STR("list"));
    sl_jw_key(w, "data");
    sl_jw_array(w);
    for (uint32_t i = 0; i < page->n && !has_more; i++) {
        uint32_t at = is_up ? i : page->n - 1 - i;
        struct sl_str id = item_id(x, page->items[at], page->answer, at);
        has_more = is_behind && n == limit;
        if (is_behind && !has_more) {
            item_write(w, page->items[at], id);
            page->first = n++ == 0 ? id : page->first;
            page->last = id;
        }
        is_behind |= sl_str_eq(id, after);
    }
    sl_jw_end(w);
    sl_jw_member_str(w, "first_id", page->first);
    sl_jw_member_str(w, "last_id", page->last);
    sl_jw_member_bool(w, "has_more", has_more);
}

static void items_reply(struct sl_xchg *x, const struct sl_kept_answer *kept)
{
    struct sl_str limit_said = query_get(x, "limit");
    uint64_t limit = PAGE_SOME;
    if (limit_said.p && sl_parse_u64(limit_said, 1, PAGE_MAX, &limit) < 0) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST, "limit: a number from 1 to %d is expected", PAGE_MAX);
        return;
    }
    struct sl_str list = list_join(x, sl_str_sub(kept->items, 0, kept->n_asked), SL_STR(""));
    struct sl_json *doc = x->desk->scratch;
    if (!list.p || sl_json_parse_at(doc, list, 3) < 0) {
        sl_xchg_fail_nomem(x);
        return;
    }
    struct page page = { .answer = kept->id };
    page.items = SL_ARENA_ARRAY(x->arena, struct sl_json_val, (size_t)sl_json_count(sl_json_root(doc)) + 1);
    if (!page.items) {
        sl_xchg_fail_nomem(x);
        return;
    }
    for (struct sl_json_iter it = sl_json_each(sl_json_root(doc)); sl_json_next(&it);) {
        page.items[page.n++] = it.val;
    }
    struct sl_jw w;
    sl_buf_reset(x->desk->text);
    sl_jw_init(&w, x->desk->text);
    sl_jw_object(&w);
    page_write(x, &w, &page, sl_str_eq_c(query_get(x, "order"), "asc"), query_get(x, "after"), limit);
    sl_jw_end(&w);
    if (sl_buf_status(x->desk->text) < 0) {
        sl_xchg_fail_nomem(x);
        return;
    }
    sl_xchg_reply(x, 200, SL_STR("application/json"), sl_buf_str(x->desk->text));
}

static void gone_reply(struct sl_xchg *x, struct sl_str id)
{
    struct sl_jw w;
    sl_buf_reset(x->desk->text);
    sl_jw_init(&w, x->desk->text);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "id", id);
    sl_jw_member_str(&w, "object", SL_STR("response"));
    sl_jw_member_bool(&w, "deleted", true);
    sl_jw_end(&w);
    sl_xchg_reply(x, 200, SL_STR("application/json"), sl_buf_str(x->desk->text));
}

bool sl_keep_reply(struct sl_xchg *x)
{
    struct sl_kept *kept = x->worker->gate->kept;
    struct sl_kept_answer answer;
    uint64_t now = sl_clock_wall_usec();
    struct sl_str id = x->match.arg;
    int r = kept ? sl_kept_find(kept, id, x->caller.principal, now, x->arena, &answer) : SL_E_NOTFOUND;
    if (r == SL_E_NOTFOUND || (r == 0 && !sl_auth_may_use(x, answer.route))) {
        return false;
    }
    if (r < 0) {
        sl_xchg_fail_nomem(x);
    } else if (x->match.method == SL_DELETE) {
        SL_IGNORE(sl_kept_drop(kept, id, x->caller.principal, now) < 0); /* another call may have been faster */
        gone_reply(x, id);
    } else if (x->match.method == SL_POST) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST,
                          "Cannot cancel a response that is complete: this route answers at once.");
    } else if (sl_str_has_suffix(x->match.path, SL_STR("/input_items"))) {
        items_reply(x, &answer);
    } else if (sl_str_eq_c(query_get(x, "stream"), "true")) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_INVALID_REQUEST,
                          "This response is complete, and is not streamed again: leave 'stream' out.");
    } else {
        sl_xchg_reply(x, 200, SL_STR("application/json"), answer.answer);
    }
    return true;
}
