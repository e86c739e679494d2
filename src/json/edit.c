/* SPDX-License-Identifier: Apache-2.0 */
/* Sets and removals of one object's members change each other's commas. So they are kept for each object, and become
 * byte edits only when the result is asked for: then it is known which members stay. */
#include "json/edit.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/num.h"

#define EDITS_MIN 8

void sl_json_edits_init(struct sl_json_edits *edits, struct sl_arena *arena)
{
    *edits = (struct sl_json_edits){ .arena = arena };
}

/* Makes room for `n` more. */
static bool edits_reserve(struct sl_json_edits *edits, uint32_t n)
{
    if (edits->status || edits->n + n <= edits->cap) {
        return edits->status == 0;
    }
    uint32_t cap = SL_MAX(edits->cap ? edits->cap * 2 : EDITS_MIN, edits->n + n);
    struct sl_json_edit *v = SL_ARENA_ARRAY(edits->arena, struct sl_json_edit, cap);
    if (!v) {
        edits->status = SL_E_NOMEM;
        return false;
    }
    if (edits->n) {
        memcpy(v, edits->v, edits->n * sizeof(*v));
    }
    edits->v = v;
    edits->cap = cap;
    return true;
}

static struct sl_json_edit *edit_insert(struct sl_json_edits *edits, uint32_t at, struct sl_json_edit edit)
{
    if (!edits_reserve(edits, 1)) {
        return NULL;
    }
    memmove(edits->v + at + 1, edits->v + at, (edits->n - at) * sizeof(*edits->v));
    edits->v[at] = edit;
    edits->n++;
    return &edits->v[at];
}

/* The first edit that begins behind `off`. Edits are in order and do not overlap. Binary search, because a client's
 * body decides how many there are. */
static uint32_t first_behind(const struct sl_json_edits *edits, size_t off)
{
    uint32_t from = 0, to = edits->n;
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (edits->v[mid].off <= off) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    return from;
}

/* Adds an edit in order. One of the same place and length is replaced; edits inside a new one are removed. */
static void edit_put(struct sl_json_edits *edits, struct sl_json_edit edit)
{
    uint32_t at = edit.off ? first_behind(edits, edit.off - 1) : 0;
    /* Inserts at one place stay in the order in which they were made, before a replacement there. */
    while (at < edits->n && edits->v[at].off == edit.off && edits->v[at].len == 0) {
        at++;
    }
    uint32_t covered = at;
    while (edit.len && covered < edits->n && edits->v[covered].off + edits->v[covered].len <= edit.off + edit.len &&
           edits->v[covered].off < edit.off + edit.len) {
        covered++;
    }
    if (covered > at) {
        memmove(edits->v + at, edits->v + covered, (edits->n - covered) * sizeof(*edits->v));
        edits->n -= covered - at;
    }
    edit_insert(edits, at, edit);
}

static size_t raw_offset(struct sl_json_val v)
{
    return (size_t)(sl_json_raw(v).p - v.doc->text.p);
}

void sl_json_edit_replace(struct sl_json_edits *edits, struct sl_json_val v, struct sl_str json)
{
    edit_put(edits, (struct sl_json_edit){ raw_offset(v), sl_json_raw(v).n, json });
}

/* True: this member's value is removed (its bytes are inside a removal). */
static bool is_removed(const struct sl_json_edits *edits, size_t key_off)
{
    uint32_t i = first_behind(edits, key_off);
    while (i > 0 && edits->v[i - 1].len == 0) {
        i--; /* an insert covers nothing */
    }
    return i > 0 && key_off < edits->v[i - 1].off + edits->v[i - 1].len;
}

void sl_json_edit_rename(struct sl_json_edits *edits, struct sl_json_val key, const char *name)
{
    if (is_removed(edits, raw_offset(key))) {
        return;
    }
    struct sl_str text = sl_arena_printf(edits->arena, "%s\"", name);
    if (!text.p) {
        edits->status = SL_E_NOMEM;
        return;
    }
    /* Starts behind the opening quote: an edit that covers a name's first byte is a removal. */
    edit_put(edits, (struct sl_json_edit){ raw_offset(key) + 1, sl_json_raw(key).n - 1, text });
}

void sl_json_edit_prepend(struct sl_json_edits *edits, struct sl_json_val list, struct sl_str json)
{
    struct sl_str text = json;
    if (sl_json_count(list)) {
        text = sl_arena_join(edits->arena, (struct sl_str[]){ json, SL_STR(",") }, 2);
    }
    if (!text.p) {
        edits->status = SL_E_NOMEM;
        return;
    }
    edit_put(edits, (struct sl_json_edit){ raw_offset(list) + 1, 0, text });
}

/* True: `object` has members in the text that stay. */
static bool has_members_left(const struct sl_json_edits *edits, struct sl_json_val object)
{
    for (struct sl_json_iter it = sl_json_each(object); sl_json_next(&it);) {
        if (!is_removed(edits, raw_offset(it.key))) {
            return true;
        }
    }
    return false;
}

/* The text of an inserted member has its comma behind it, unless nothing follows. This is decided again when members
 * are added or removed. */
static void insert_fix_commas(struct sl_json_edits *edits, struct sl_json_val object)
{
    size_t inside = raw_offset(object) + 1;
    bool needs_last = has_members_left(edits, object);
    for (uint32_t i = first_behind(edits, inside); i-- > 0 && edits->v[i].off == inside;) {
        struct sl_json_edit *e = &edits->v[i];
        if (e->len) {
            continue;
        }
        bool has = e->text.n && e->text.p[e->text.n - 1] == ',';
        /* Both forms are in the same memory: the comma is shown or hidden. */
        if (needs_last && !has) {
            e->text.n++;
        } else if (!needs_last && has) {
            e->text.n--;
        }
        needs_last = true;
    }
}

static struct sl_str member_text(struct sl_json_edits *edits, const char *key, struct sl_str json)
{
    struct sl_str name = sl_str_c(key);
    char *p = sl_arena_bytes(edits->arena, name.n + json.n + 4);
    if (!p) {
        edits->status = SL_E_NOMEM;
        return SL_STR_NONE;
    }
    p[0] = '"';
    memcpy(p + 1, name.p, name.n); /* our own keys need no escaping */
    memcpy(p + 1 + name.n, "\":", 2);
    memcpy(p + 3 + name.n, json.p, json.n);
    p[3 + name.n + json.n] = ',';
    return sl_str_make(p, name.n + json.n + 4);
}

/* If the same member was inserted before, the new insert replaces it. */
static bool insert_replace(struct sl_json_edits *edits, size_t inside, const char *key, struct sl_str text)
{
    struct sl_str name = sl_str_c(key);
    for (uint32_t i = first_behind(edits, inside - 1); i < edits->n && edits->v[i].off == inside; i++) {
        struct sl_json_edit *e = &edits->v[i];
        if (e->len == 0 && e->text.n > name.n + 3 && memcmp(e->text.p + 1, name.p, name.n) == 0 &&
            memcmp(e->text.p + 1 + name.n, "\":", 2) == 0) {
            e->text = text;
            return true;
        }
    }
    return false;
}

void sl_json_edit_set(struct sl_json_edits *edits, struct sl_json_val object, const char *key, struct sl_str json)
{
    bool is_there = false;
    for (struct sl_json_iter it = sl_json_each(object); sl_json_next(&it);) {
        if (sl_json_str_eq(it.key, sl_str_c(key)) && !is_removed(edits, raw_offset(it.key))) {
            sl_json_edit_replace(edits, it.val, json);
            is_there = true;
        }
    }
    if (is_there) {
        return;
    }
    struct sl_str text = member_text(edits, key, json);
    if (!text.p) {
        return;
    }
    size_t inside = raw_offset(object) + 1;
    if (!insert_replace(edits, inside, key, text)) {
        edit_put(edits, (struct sl_json_edit){ inside, 0, text });
    }
    insert_fix_commas(edits, object);
}

/* Puts `runs` (removals, in order) between the edits; edits inside a removal are dropped. */
static void removals_merge(struct sl_json_edits *edits, const struct sl_json_edit *runs, uint32_t n_runs)
{
    if (n_runs == 0 || !edits_reserve(edits, n_runs)) {
        return;
    }
    /* Edits before the first run stay; the others are moved to the end, and taken from there. */
    uint32_t n = first_behind(edits, runs[0].off - 1), k = n + n_runs, end_k = edits->n + n_runs;
    struct sl_json_edit *v = edits->v;
    if (n < edits->n) {
        memmove(v + k, v + n, (edits->n - n) * sizeof(*v));
    }
    for (uint32_t i = 0; i < n_runs; i++) {
        size_t end = runs[i].off + runs[i].len;
        while (k < end_k && (v[k].off < runs[i].off || (v[k].off == runs[i].off && v[k].len == 0))) {
            v[n++] = v[k++];
        }
        while (k < end_k && v[k].off < end && v[k].off + v[k].len <= end) {
            k++;
        }
        v[n++] = runs[i];
    }
    while (k < end_k) {
        v[n++] = v[k++];
    }
    edits->n = n;
}

/* Removes runs of neighbouring members with the right commas. It is computed anew for the whole object, because the
 * neighbours decide which comma is removed. */
static void removals_rebuild(struct sl_json_edits *edits, struct sl_json_val object, const bool *gone, uint32_t n)
{
    size_t prev_end = raw_offset(object) + 1; /* behind '{' or behind the last member that stays */
    bool has_kept = false;
    size_t run_from = 0;
    bool in_run = false;
    uint32_t i = 0, n_runs = 0;
    struct sl_json_edit *runs = SL_ARENA_ARRAY(edits->arena, struct sl_json_edit, n / 2 + 1);
    if (!runs) {
        edits->status = SL_E_NOMEM;
        return;
    }
    for (struct sl_json_iter it = sl_json_each(object); sl_json_next(&it); i++) {
        size_t key_off = raw_offset(it.key);
        size_t end = raw_offset(it.val) + sl_json_raw(it.val).n;
        if (gone[i]) {
            if (!in_run) {
                run_from = has_kept ? prev_end : key_off;
                in_run = true;
            }
            if (i + 1 == n) {
                runs[n_runs++] = (struct sl_json_edit){ run_from, end - run_from, SL_STR("") };
            }
            continue;
        }
        if (in_run) {
            /* At the front: up to this member's name. Behind a member that stays: from that member's end up to the
             * comma before this one. */
            size_t to = key_off;
            if (has_kept) {
                to--;
                while (object.doc->text.p[to] != ',') {
                    to--;
                }
            }
            runs[n_runs++] = (struct sl_json_edit){ run_from, to - run_from, SL_STR("") };
            in_run = false;
        }
        has_kept = true;
        prev_end = end;
    }
    removals_merge(edits, runs, n_runs);
}

void sl_json_edit_remove(struct sl_json_edits *edits, struct sl_json_val object, const char *key)
{
    if (!sl_json_is(object, SL_JSON_OBJECT) || edits->status) {
        return;
    }
    uint32_t n = 0;
    bool any = false;
    for (struct sl_json_iter it = sl_json_each(object); sl_json_next(&it); n++) {
        any |= sl_json_str_eq(it.key, sl_str_c(key));
    }
    if (!any) {
        return;
    }
    bool *gone = SL_ARENA_ARRAY(edits->arena, bool, n);
    if (!gone) {
        edits->status = SL_E_NOMEM;
        return;
    }
    uint32_t i = 0;
    for (struct sl_json_iter it = sl_json_each(object); sl_json_next(&it); i++) {
        gone[i] = sl_json_str_eq(it.key, sl_str_c(key)) || is_removed(edits, raw_offset(it.key));
    }
    /* Earlier removals of this object, which cover one of its names, are built again together with the new one. Both
     * lists are in order. */
    size_t from = raw_offset(object), to = from + sl_json_raw(object).n;
    uint32_t first = first_behind(edits, from), kept = first;
    struct sl_json_iter it = sl_json_each(object);
    bool has_member = sl_json_next(&it);
    uint32_t k = first;
    for (; k < edits->n && edits->v[k].off < to; k++) {
        struct sl_json_edit *e = &edits->v[k];
        while (has_member && raw_offset(it.key) < e->off) {
            has_member = sl_json_next(&it);
        }
        bool is_removal = e->len && e->text.n == 0 && e->off > from && e->off + e->len < to;
        if (!is_removal || !has_member || raw_offset(it.key) >= e->off + e->len) {
            edits->v[kept++] = *e;
        }
    }
    if (kept < k) {
        memmove(edits->v + kept, edits->v + k, (edits->n - k) * sizeof(*edits->v));
        edits->n -= k - kept;
    }
    removals_rebuild(edits, object, gone, n);
    insert_fix_commas(edits, object);
}

int sl_json_edits_slices(const struct sl_json_edits *edits, struct sl_str text, struct sl_str **ret_slices,
                         size_t *ret_n, size_t *ret_total)
{
    if (edits->status) {
        return edits->status;
    }
    struct sl_str *slices = SL_ARENA_ARRAY(edits->arena, struct sl_str, 2 * (size_t)edits->n + 1);
    if (!slices) {
        return SL_E_NOMEM;
    }
    size_t n = 0, at = 0, total = 0;
    for (uint32_t i = 0; i <= edits->n; i++) {
        size_t to = i < edits->n ? edits->v[i].off : text.n;
        if (to > at) {
            slices[n++] = sl_str_sub(text, at, to);
            total += to - at;
        }
        if (i < edits->n) {
            if (edits->v[i].text.n) {
                slices[n++] = edits->v[i].text;
                total += edits->v[i].text.n;
            }
            at = to + edits->v[i].len;
        }
    }
    *ret_slices = slices;
    *ret_n = n;
    *ret_total = total;
    return 0;
}

void sl_json_edits_write(const struct sl_json_edits *edits, struct sl_str text, struct sl_buf *out)
{
    size_t at = 0;
    for (uint32_t i = 0; i < edits->n; i++) {
        sl_buf_add_str(out, sl_str_sub(text, at, edits->v[i].off));
        sl_buf_add_str(out, edits->v[i].text);
        at = edits->v[i].off + edits->v[i].len;
    }
    sl_buf_add_str(out, sl_str_sub(text, at, text.n));
}
