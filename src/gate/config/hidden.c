/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/hidden.h"

#include <string.h>

#include "base/arena.h"
#include "base/opt.h"

/* Hiding shorter texts would make messages unreadable and protect nothing. */
#define HIDDEN_MIN 6

static bool is_secret_key(struct sl_str key)
{
    static const char *const words[] = { "key", "token", "secret", "password", "credential" };
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        if (key.n && memmem(key.p, key.n, words[i], strlen(words[i]))) {
            return true;
        }
    }
    return false;
}

struct hidden {
    struct sl_str *v;
    uint32_t n, cap;
};

/* Collects every text under a key whose name looks like a secret's, at any place, even where the key has no meaning. It
 * leaves out references: a variable's name and a path are helpful, and no secret. */
static void hidden_collect(const struct sl_val *val, bool is_secret, struct hidden *hidden)
{
    for (uint32_t i = 0; i < val->n; i++) {
        const struct sl_val_item *item = &val->items[i];
        bool is_plain = item->key.p && (sl_str_eq_c(item->key, "file") || sl_str_eq_c(item->key, "env") ||
                                        sl_str_eq_c(item->key, "role") || /* of a key of auth.keys */
                                        sl_str_eq_c(item->key, "group"));
        hidden_collect(item->val, !is_plain && (is_secret || is_secret_key(item->key)), hidden);
    }
    bool is_text = val->kind == SL_VAL_STRING || val->kind == SL_VAL_NUMBER;
    if (is_secret && is_text && val->text.n >= HIDDEN_MIN && !memchr("$/.", val->text.p[0], 3) &&
        hidden->n < hidden->cap) {
        hidden->v[hidden->n++] = val->text;
    }
}

#define HIDDEN_MAX 10000

int sl_secrets_hide(const struct sl_val *root, struct sl_problems *problems, struct sl_arena *arena)
{
    struct hidden hidden = { .cap = HIDDEN_MAX };
    hidden.v = SL_ARENA_ARRAY(arena, struct sl_str, HIDDEN_MAX);
    if (!hidden.v) {
        return SL_E_NOMEM;
    }
    for (uint32_t i = 0; i < root->n; i++) {
        if (!sl_str_eq_c(root->items[i].key, "server")) { /* server.tls.key is a path, no secret */
            hidden_collect(root->items[i].val, false, &hidden);
        }
    }
    problems->hidden = hidden.v;
    problems->n_hidden = hidden.n;
    return 0;
}
