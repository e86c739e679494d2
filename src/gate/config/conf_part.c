/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/conf_part.h"

#include <stdio.h>

#include "base/opt.h"
#include "gate/config/body_val.h"
#include "json/write.h"
#include "store/seal.h"

static bool has_word(struct sl_str s, const char *word)
{
    return sl_str_find(s, sl_str_c(word), 0) >= 0;
}

enum part {
    PART_UNKNOWN, /* no row has it: neither kept nor shown */
    PART_SHOWN,
    PART_SECRET,
};

/* Says by the rows what a member is. `rows` NULL: inside of a value that a provider reads by itself; there, and for
 * such a value, the name decides, and in doubt it is a secret. */
static enum part part_of(const struct sl_opt *rows, struct sl_str key)
{
    const struct sl_opt *row = rows ? sl_opt_find(rows, key) : NULL;
    if (rows && !row) {
        return PART_UNKNOWN;
    }
    if (row && row->type != SL_OPT_CUSTOM) {
        return row->type == SL_OPT_SECRET ? PART_SECRET : PART_SHOWN;
    }
    bool is_secret = has_word(key, "key") || has_word(key, "secret") || has_word(key, "token") ||
                     has_word(key, "password") || has_word(key, "credential") || has_word(key, "auth");
    return is_secret ? PART_SECRET : PART_SHOWN;
}

/* True: the value of that key is a map, whose members are judged one by one. ret_rows: by these rows. */
static bool has_inside(const struct sl_opt *rows, struct sl_str key, const struct sl_val *val,
                       const struct sl_opt **ret_rows)
{
    const struct sl_opt *row = rows && val && val->kind == SL_VAL_MAP ? sl_opt_find(rows, key) : NULL;
    *ret_rows = row ? row->sub : NULL;
    return row && (row->type == SL_OPT_MAP || row->type == SL_OPT_CUSTOM);
}

static const struct sl_val *val_of(const struct sl_val *map, struct sl_str key)
{
    for (uint32_t i = 0; map && map->kind == SL_VAL_MAP && i < map->n; i++) {
        if (sl_str_eq(map->items[i].key, key)) {
            return map->items[i].val;
        }
    }
    return NULL;
}

void sl_conf_keep(struct sl_jw *w, const struct sl_opt *rows, const struct sl_val *config, const struct sl_val *old)
{
    sl_jw_object(w);
    for (uint32_t i = 0; i < config->n; i++) {
        const struct sl_val_item *item = &config->items[i];
        const struct sl_val *before = val_of(old, item->key);
        const struct sl_opt *inside;
        if (item->val->kind == SL_VAL_NULL) {
            continue;
        }
        sl_jw_key_str(w, item->key);
        if (has_inside(rows, item->key, item->val, &inside) && before && before->kind == SL_VAL_MAP) {
            sl_conf_keep(w, inside, item->val, before);
        } else {
            sl_body_val_write(w, item->val);
        }
    }
    for (uint32_t i = 0; i < old->n; i++) {
        const struct sl_val_item *item = &old->items[i];
        if (sl_val_is_nothing(val_of(config, item->key)) && part_of(rows, item->key) == PART_SECRET) {
            sl_jw_key_str(w, item->key);
            sl_body_val_write(w, item->val);
        }
    }
    sl_jw_end(w);
}

/* True: `config` leaves out a secret of `old`, which would be kept. */
static bool keeps_any(const struct sl_opt *rows, const struct sl_val *config, const struct sl_val *old)
{
    for (uint32_t i = 0; i < old->n; i++) {
        const struct sl_val_item *item = &old->items[i];
        const struct sl_val *now = val_of(config, item->key);
        const struct sl_opt *inside;
        bool are_maps = has_inside(rows, item->key, item->val, &inside) && now && now->kind == SL_VAL_MAP;
        if (are_maps ? keeps_any(inside, now, item->val)
                     : sl_val_is_nothing(now) && part_of(rows, item->key) == PART_SECRET) {
            return true;
        }
    }
    return false;
}

/* The key of the URL that differs, here or in a map inside; NULL: none. */
static const char *moved_url(const struct sl_opt *rows, const struct sl_val *config, const struct sl_val *old)
{
    for (const struct sl_opt *row = rows; row->key; row++) {
        const struct sl_val *now = val_of(config, sl_str_c(row->key)), *before = val_of(old, sl_str_c(row->key));
        if (row->type == SL_OPT_MAP) {
            const char *inside = moved_url(row->sub, now, before);
            if (inside) {
                return inside;
            }
        }
        struct sl_str to = sl_val_is_nothing(now) ? SL_STR("") : now->text,
                      from = sl_val_is_nothing(before) ? SL_STR("") : before->text;
        bool is_place = row->type == SL_OPT_URL || (row->flags & SL_OPT_PLACE);
        if (is_place && !sl_str_eq(to, from)) {
            return row->key;
        }
    }
    return NULL;
}

int sl_conf_keep_check(const struct sl_opt *rows, const char *where, const struct sl_val *now, const struct sl_val *old,
                       struct sl_err *err)
{
    const char *url = moved_url(rows, now, old);
    if (url && keeps_any(rows, now, old)) {
        return sl_fail(err, SL_E_INVAL,
                       "%s.%s: differs from the stored one, and the stored credential is not sent to a new place: give "
                       "the credential again",
                       where, url);
    }
    return 0;
}

/* --- showing --- */

void sl_conf_show(struct sl_jw *w, const struct sl_opt *rows, const struct sl_val *config)
{
    sl_jw_object(w);
    for (uint32_t i = 0; i < config->n; i++) {
        const struct sl_val_item *item = &config->items[i];
        const struct sl_opt *inside;
        if (part_of(rows, item->key) != PART_SHOWN) {
            continue;
        }
        sl_jw_key_str(w, item->key);
        if (has_inside(rows, item->key, item->val, &inside)) {
            sl_conf_show(w, inside, item->val);
        } else if (!rows && item->val->kind >= SL_VAL_LIST) {
            sl_jw_null(w); /* deeper than any configuration: it may have a secret, so it is not shown */
        } else {
            sl_body_val_write(w, item->val);
        }
    }
    sl_jw_end(w);
}

int sl_conf_prints(struct sl_jw *w, const struct sl_opt *rows, const struct sl_val *config, const struct sl_seal *seal,
                   const char *prefix)
{
    for (uint32_t i = 0; i < config->n; i++) {
        const struct sl_val_item *item = &config->items[i];
        const struct sl_opt *inside;
        char name[272], print[SL_FINGERPRINT_LEN + 1];
        snprintf(name, sizeof(name), "%s%.*s", prefix, SL_STR_ARG(sl_str_sub(item->key, 0, 128)));
        if (has_inside(rows, item->key, item->val, &inside)) {
            size_t n = strlen(name);
            snprintf(name + n, sizeof(name) - n, ".");
            int r = sl_conf_prints(w, inside, item->val, seal, name);
            if (r < 0) {
                return r;
            }
        } else if (part_of(rows, item->key) == PART_SECRET && item->val->kind != SL_VAL_NULL) {
            if (sl_seal_fingerprint(seal, item->val->text, print) < 0) {
                return SL_E_NOMEM;
            }
            sl_jw_key(w, name);
            sl_jw_object(w);
            sl_jw_member_str(w, "fingerprint", sl_str_c(print));
            sl_jw_end(w);
        }
    }
    return 0;
}
