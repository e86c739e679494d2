/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/mlflow/repeats.h"

#include <stdlib.h>

#include "base/arena.h"

/* In an object with up to this many members, each is compared with each. */
#define PAIRS_MAX 16

struct name {
    struct sl_str text; /* decoded */
    uint32_t key;
};

static int add(struct sl_mf_repeats *repeats, uint32_t key, struct sl_arena *arena)
{
    if (repeats->n == repeats->cap) {
        uint32_t cap = repeats->cap ? repeats->cap * 2 : 8;
        uint32_t *keys = SL_ARENA_ARRAY(arena, uint32_t, cap);
        if (!keys) {
            return SL_E_NOMEM;
        }
        if (repeats->n) {
            memcpy(keys, repeats->keys, repeats->n * sizeof(*keys));
        }
        repeats->keys = keys;
        repeats->cap = cap;
    }
    repeats->keys[repeats->n++] = key;
    return 0;
}

static int key_cmp(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static int name_cmp(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    if (x->text.n != y->text.n) {
        return x->text.n < y->text.n ? -1 : 1;
    }
    int r = x->text.n ? memcmp(x->text.p, y->text.p, x->text.n) : 0;
    return r ? r : x->key < y->key ? -1 : 1;
}

/* For any number of members, with escapes or without: sorts them by name. */
static int sorted_find(struct sl_mf_repeats *repeats, struct sl_json_val object, struct sl_arena *arena)
{
    uint32_t n = 0;
    struct name *names = malloc(sizeof(*names) * sl_json_count(object));
    int r = names ? 0 : SL_E_NOMEM;
    for (struct sl_json_iter it = sl_json_each(object); r == 0 && sl_json_next(&it); n++) {
        names[n].key = it.key.i;
        r = sl_json_text(it.key, arena, &names[n].text);
    }
    if (r == 0) {
        qsort(names, n, sizeof(*names), name_cmp);
    }
    for (uint32_t i = 0; r == 0 && i + 1 < n; i++) {
        if (sl_str_eq(names[i].text, names[i + 1].text)) {
            r = add(repeats, names[i].key, arena);
        }
    }
    free(names);
    return r;
}

static bool is_same(const struct sl_json *doc, uint32_t a, uint32_t b)
{
    const struct sl_json_tok *x = &doc->toks[a], *y = &doc->toks[b];
    return x->len == y->len && memcmp(doc->text.p + x->off, doc->text.p + y->off, x->len) == 0;
}

static int object_find(struct sl_mf_repeats *repeats, const struct sl_json *doc, uint32_t object,
                       struct sl_arena *arena)
{
    uint32_t keys[PAIRS_MAX];
    uint32_t n = 0, end = doc->toks[object].next;
    for (uint32_t i = object + 1; i < end; i = doc->toks[i + 1].next) {
        if (n == PAIRS_MAX || doc->toks[i].escaped) {
            return sorted_find(repeats, (struct sl_json_val){ doc, object }, arena);
        }
        keys[n++] = i;
    }
    for (uint32_t i = 0; i + 1 < n; i++) {
        for (uint32_t k = i + 1; k < n; k++) {
            if (is_same(doc, keys[i], keys[k])) {
                int r = add(repeats, keys[i], arena);
                if (r < 0) {
                    return r;
                }
                break;
            }
        }
    }
    return 0;
}

int sl_mf_repeats_find(struct sl_mf_repeats *repeats, const struct sl_json *doc, struct sl_arena *arena)
{
    for (uint32_t i = 0; i < doc->n_toks; i++) {
        if (doc->toks[i].kind == SL_JSON_OBJECT) {
            int r = object_find(repeats, doc, i, arena);
            if (r < 0) {
                return r;
            }
        }
    }
    if (repeats->n > 1) {
        qsort(repeats->keys, repeats->n, sizeof(*repeats->keys), key_cmp);
    }
    return 0;
}

bool sl_mf_repeats_has(const struct sl_mf_repeats *repeats, uint32_t key)
{
    return repeats->n && bsearch(&key, repeats->keys, repeats->n, sizeof(key), key_cmp);
}
