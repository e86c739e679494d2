/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/openai/host_order.h"

#include "base/map.h"

/* --- is an edit needed --- */

enum who { WHO_NONE, WHO_SYSTEM, WHO_USER, WHO_ANSWER, WHO_RESULT };

static enum who who_of(struct sl_str role)
{
    return sl_str_eq(role, SL_STR("system")) || sl_str_eq(role, SL_STR("developer")) ? WHO_SYSTEM
           : sl_str_eq(role, SL_STR("user"))                                         ? WHO_USER
           : sl_str_eq(role, SL_STR("assistant"))                                    ? WHO_ANSWER
           : sl_str_eq(role, SL_STR("tool"))                                         ? WHO_RESULT
                                                                                     : WHO_NONE;
}

static bool has_quirk(const struct sl_host_edit *e, unsigned quirk)
{
    return (e->host->quirks & quirk) != 0;
}

struct look {
    enum who before;
    bool has_turn, is_odd;
};

static void role_look(const struct sl_host_edit *e, enum who who, struct look *io)
{
    bool is_behind = io->before == WHO_ANSWER || io->before == WHO_RESULT;
    bool is_system = who == WHO_SYSTEM;
    io->is_odd |= who == WHO_RESULT && !is_behind;
    io->is_odd |= is_system && is_behind && has_quirk(e, SL_HOST_SYSTEM_FIRST);
    io->is_odd |= is_system && io->has_turn && has_quirk(e, SL_HOST_ALTERNATE);
    io->is_odd |= who == io->before && has_quirk(e, SL_HOST_ALTERNATE);
    io->has_turn |= !is_system;
    io->before = who;
}

/* Searches for roles in the raw text, without parsing it. When a text only looks like a role, the body is parsed for
 * nothing, and that is all. */
static bool is_odd(const struct sl_host_edit *e)
{
    static const struct sl_str word = SL_STR_INIT("\"role\"");
    bool wants_system = has_quirk(e, SL_HOST_SYSTEM_FIRST | SL_HOST_ALTERNATE);
    struct look look = { 0 };
    if (!wants_system && (!e->has_calls || sl_str_find(e->text, SL_STR("\"tool_call_id\""), 0) < 0)) {
        return false;
    }
    for (ptrdiff_t at = 0; (at = sl_str_find(e->text, word, (size_t)at)) >= 0;) {
        struct sl_str value = sl_host_value_behind(e->text, (size_t)at + word.n);
        at += (ptrdiff_t)word.n;
        ptrdiff_t end = value.n && value.p[0] == '"' ? sl_str_find_char(value, '"', 1) : -1;
        enum who who = end > 0 ? who_of(sl_str_sub(value, 1, (size_t)end)) : WHO_NONE;
        if (who != WHO_NONE) {
            role_look(e, who, &look);
        }
    }
    return look.is_odd || (wants_system && look.before == WHO_SYSTEM);
}

/* --- the order --- */

struct item {
    struct sl_json_val v;
    enum who who;
    bool is_put, speaks_as_user;
};

struct order {
    struct item *in, *out;
    size_t n, n_out;
    bool is_changed;
};

static void put(struct order *o, size_t i)
{
    o->is_changed |= i != o->n_out;
    o->in[i].is_put = true;
    o->out[o->n_out++] = o->in[i];
}

static int ids_put(struct sl_map *ids, struct sl_json_val calls)
{
    static char there;
    for (struct sl_json_iter it = sl_json_each(calls); sl_json_next(&it);) {
        struct sl_json_val id = sl_json_get(it.val, "id");
        if (sl_json_is_present(id) && sl_map_put(ids, sl_json_raw(id), &there) == SL_E_NOMEM) {
            return SL_E_NOMEM;
        }
    }
    return 0;
}

/* Puts an answer, and behind it those results of its calls that stand before the next answer. */
static int answer_put(struct order *o, size_t i)
{
    struct sl_map ids = { 0 };
    int r = ids_put(&ids, sl_json_get(o->in[i].v, "tool_calls"));
    put(o, i);
    for (size_t k = i + 1; r == 0 && ids.n && k < o->n && o->in[k].who != WHO_ANSWER; k++) {
        struct sl_json_val id = sl_json_get(o->in[k].v, "tool_call_id");
        if (o->in[k].who == WHO_RESULT && sl_json_is_present(id) && sl_map_find(&ids, sl_json_raw(id))) {
            put(o, k);
        }
    }
    sl_map_done(&ids);
    return r;
}

/* System messages that cannot stay in place are put first. If the last one has no message behind it, it becomes the
 * user's. */
static void systems_put(const struct sl_host_edit *e, struct order *o)
{
    bool has_turn = false, is_behind = false, is_misplaced = has_quirk(e, SL_HOST_ALTERNATE);
    size_t last = 0;
    for (size_t i = 0; i < o->n; i++) {
        enum who who = o->in[i].who;
        has_turn |= who != WHO_SYSTEM;
        last = who != WHO_SYSTEM ? i : last;
        is_misplaced |= who == WHO_SYSTEM && is_behind && i + 1 < o->n;
        is_behind |= who == WHO_ANSWER || who == WHO_RESULT;
    }
    /* The last message must belong to a turn. */
    is_misplaced |= has_turn && o->in[last].who != WHO_ANSWER && last + 1 < o->n;
    if (o->n && o->in[o->n - 1].who == WHO_SYSTEM && (!has_turn || o->in[last].who == WHO_ANSWER)) {
        o->in[o->n - 1].who = WHO_USER;
        o->in[o->n - 1].speaks_as_user = true;
        o->is_changed = true;
    }
    for (size_t i = 0; i < o->n; i++) {
        if (o->in[i].who == WHO_SYSTEM && is_misplaced) {
            put(o, i);
        }
    }
}

static int order_make(struct sl_host_edit *e, struct sl_json_val messages, struct order *o)
{
    o->n = sl_json_count(messages);
    o->in = SL_ARENA_ARRAY(e->arena, struct item, o->n + 1);
    o->out = SL_ARENA_ARRAY(e->arena, struct item, o->n + 1);
    if (!o->in || !o->out) {
        return SL_E_NOMEM;
    }
    for (struct sl_json_iter it = sl_json_each(messages); sl_json_next(&it);) {
        struct sl_json_val role = sl_json_get(it.val, "role");
        struct sl_str raw = sl_json_is(role, SL_JSON_STRING) ? sl_json_raw(role) : SL_STR("\"\"");
        o->in[it.index] = (struct item){ .v = it.val, .who = who_of(sl_str_sub(raw, 1, raw.n - 1)) };
    }
    if (has_quirk(e, SL_HOST_SYSTEM_FIRST | SL_HOST_ALTERNATE)) {
        systems_put(e, o);
    }
    int r = 0;
    for (size_t i = 0; i < o->n && r == 0; i++) {
        if (!o->in[i].is_put && o->in[i].who == WHO_ANSWER) {
            r = answer_put(o, i);
        } else if (!o->in[i].is_put) {
            put(o, i);
        }
    }
    return r;
}

/* --- writing --- */

static struct sl_str role_of(const struct item *item)
{
    return item->speaks_as_user ? SL_STR("\"user\"") : sl_json_raw(sl_json_get(item->v, "role"));
}

/* Writes a message's content as items of a list of parts. */
static void parts_write(struct sl_jw *w, struct sl_json_val message)
{
    struct sl_json_val content = sl_json_get(message, "content");
    if (sl_json_is(content, SL_JSON_STRING)) {
        sl_jw_object(w);
        sl_jw_member_str(w, "type", SL_STR("text"));
        sl_jw_member_raw(w, "text", sl_json_raw(content));
        sl_jw_end(w);
    }
    if (sl_json_is(content, SL_JSON_ARRAY)) {
        for (struct sl_json_iter it = sl_json_each(content); sl_json_next(&it);) {
            sl_jw_raw(w, sl_json_raw(it.val));
        }
    }
}

static void texts_write(struct sl_buf *buf, struct sl_jw *w, const struct item *v, size_t n)
{
    sl_jw_raw(w, SL_STR("\""));
    for (size_t i = 0; i < n; i++) {
        struct sl_str raw = sl_json_raw(sl_json_get(v[i].v, "content"));
        sl_buf_add_c(buf, i ? "\\n\\n" : "");
        sl_buf_add_str(buf, sl_str_sub(raw, 1, raw.n - 1));
    }
    sl_buf_add_char(buf, '"');
}

/* Writes `n` messages as one: texts with an empty line between them, else all their parts. */
static void run_write(struct sl_buf *buf, struct sl_jw *w, const struct item *v, size_t n)
{
    bool are_texts = true;
    if (n == 1 && !v->speaks_as_user) {
        sl_jw_raw(w, sl_json_raw(v->v));
        return;
    }
    for (size_t i = 0; i < n; i++) {
        are_texts = are_texts && sl_json_is(sl_json_get(v[i].v, "content"), SL_JSON_STRING);
    }
    sl_jw_object(w);
    sl_jw_member_raw(w, "role", role_of(v));
    sl_jw_key(w, "content");
    if (are_texts) {
        texts_write(buf, w, v, n);
    } else {
        sl_jw_array(w);
        for (size_t i = 0; i < n; i++) {
            parts_write(w, v[i].v);
        }
        sl_jw_end(w);
    }
    sl_jw_end(w);
}

/* How many messages from `v` on become one: they have the same role, and only content. */
static size_t run_length(const struct sl_host_edit *e, const struct item *v, size_t n)
{
    size_t k = 1;
    bool joins = has_quirk(e, SL_HOST_ALTERNATE) && v->who != WHO_RESULT && v->who != WHO_NONE;
    while (joins && k < n && v[k].who == v->who && sl_json_count(sl_json_get(v[k - 1].v, "tool_calls")) == 0 &&
           sl_json_count(sl_json_get(v[k].v, "tool_calls")) == 0) {
        k++;
    }
    return k;
}

static struct sl_str messages_write(const struct sl_host_edit *e, struct order *o)
{
    struct sl_buf buf = SL_BUF_INIT(e->text.n * 2 + 4096);
    struct sl_jw w;
    sl_jw_init(&w, &buf);
    sl_jw_array(&w);
    for (size_t from = 0, n; from < o->n; from += n) {
        n = run_length(e, o->out + from, o->n - from);
        o->is_changed |= n > 1;
        run_write(&buf, &w, o->out + from, n);
    }
    sl_jw_end(&w);
    struct sl_str text = sl_buf_status(&buf) == 0 ? sl_arena_dup(e->arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    return text;
}

/* Applies the edits so far; the result is the body for further edits. */
static int body_renew(struct sl_host_edit *e, struct sl_json *spare)
{
    struct sl_buf buf = SL_BUF_INIT(UINT32_MAX);
    sl_json_edits_write(&e->all, e->text, &buf);
    int r = e->all.status < 0 ? e->all.status : sl_buf_status(&buf);
    e->text = r == 0 ? sl_arena_dup(e->arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    if (!e->text.p) {
        return r < 0 ? r : SL_E_NOMEM;
    }
    sl_json_edits_init(&e->all, e->arena);
    r = sl_json_parse_at(spare, e->text, 1);
    e->root = sl_json_root(spare);
    return r;
}

int sl_host_order_edit(struct sl_host_edit *e, struct sl_json *spare)
{
    if (e->call->type != SL_LLM_CHAT || !is_odd(e)) {
        return 0;
    }
    int r = sl_json_parse_at(e->env->scratch, e->text, 0);
    if (r < 0) {
        return r;
    }
    struct sl_json_val messages = sl_json_get(sl_json_root(e->env->scratch), "messages");
    struct order o = { 0 };
    if (!sl_json_is(messages, SL_JSON_ARRAY)) {
        return 0; /* the upstream reports the fault */
    }
    r = order_make(e, messages, &o);
    if (r < 0) {
        return r;
    }
    struct sl_str text = messages_write(e, &o);
    if (!text.p || !o.is_changed) {
        return text.p ? 0 : SL_E_NOMEM;
    }
    sl_json_edit_replace(&e->all, messages, text);
    return body_renew(e, spare);
}
