/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/masked.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdio.h>

#include "base/opt.h"
#include "base/random.h"
#include "conf/files.h"
#include "gate/config/per_route.h"
#include "gate/config/route_own.h"
#include "json/write.h"
#include "llm/core/provider.h"

/* Deeper values are not shown; the writer has no more levels. */
#define DEPTH_MAX 20

struct mask {
    struct sl_jw *w;
    const struct sl_conf_files *files;
    int depth;
};

static void any_write(struct mask *mask, struct sl_str key, const struct sl_val *val);
static void member_write(struct mask *mask, struct sl_str key, const struct sl_val *val);

/* --- secrets --- */

static unsigned char salt[32]; /* of this process: nobody can try texts against a print */
static pthread_once_t salt_once = PTHREAD_ONCE_INIT;

static void salt_make(void)
{
    sl_random_bytes(salt, sizeof(salt));
}

static void stars_write(struct sl_jw *w, struct sl_str text)
{
    unsigned char digest[EVP_MAX_MD_SIZE] = { 0 };
    char stars[24];
    pthread_once(&salt_once, salt_make);
    HMAC(EVP_sha256(), salt, sizeof(salt), (const unsigned char *)(text.p ? text.p : ""), text.n, digest, NULL);
    snprintf(stars, sizeof(stars), "*** %02x%02x%02x%02x", digest[0], digest[1], digest[2], digest[3]);
    sl_jw_str_c(w, stars);
}

/* "$NAME" */
static bool is_variable(struct sl_str text)
{
    bool is_name = text.n > 1 && text.p[0] == '$';
    for (size_t i = 1; i < text.n; i++) {
        char c = text.p[i];
        is_name &= (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    }
    return is_name;
}

static bool is_named_file(const struct mask *mask, struct sl_str path)
{
    bool is_named = false;
    for (uint32_t i = 0; mask->files && i < mask->files->n; i++) {
        is_named |= sl_str_eq(mask->files->v[i].path, path);
    }
    return is_named;
}

static bool is_reference(const struct mask *mask, const struct sl_val *val)
{
    if (val->kind == SL_VAL_MAP) {
        return val->n == 1 && val->items[0].val->kind == SL_VAL_STRING &&
               (sl_str_eq_c(val->items[0].key, "file") || sl_str_eq_c(val->items[0].key, "env"));
    }
    return val->kind == SL_VAL_STRING && (is_variable(val->text) || is_named_file(mask, val->text));
}

static void key_write(struct sl_jw *w, struct sl_str key)
{
    sl_jw_key_str(w, sl_opt_key_shown(key));
}

/* Everything in it is a secret, but for references. */
static void secret_write(struct mask *mask, const struct sl_val *val)
{
    struct sl_jw *w = mask->w;
    if (val->kind == SL_VAL_NULL) {
        sl_jw_null(w);
    } else if (is_reference(mask, val) && val->kind == SL_VAL_STRING) {
        sl_jw_str(w, val->text);
    } else if (val->kind < SL_VAL_LIST || ++mask->depth > DEPTH_MAX) {
        mask->depth -= val->kind >= SL_VAL_LIST;
        stars_write(w, val->text);
    } else {
        bool is_map = val->kind == SL_VAL_MAP, is_shown = is_reference(mask, val);
        (is_map ? sl_jw_object : sl_jw_array)(w);
        for (uint32_t i = 0; i < val->n; i++) {
            if (is_map) {
                key_write(w, val->items[i].key);
            }
            if (is_shown) {
                sl_jw_str(w, val->items[i].val->text);
            } else {
                secret_write(mask, val->items[i].val);
            }
        }
        sl_jw_end(w);
        mask->depth--;
    }
}

/* True: what stands under such a name is a secret: the last of its words says so. */
static bool is_secret_name(struct sl_str key)
{
    static const char *const words[] = { "key", "token", "secret", "password", "credential", "credentials", "sha256" };
    size_t from = key.n;
    while (from && key.p[from - 1] != '_' && key.p[from - 1] != '-') {
        from--;
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        if (sl_str_case_eq(sl_str_sub(key, from, key.n), sl_str_c(words[i]))) {
            return true;
        }
    }
    return false;
}

/* --- what is no secret --- */

/* A URL without user, password and query; `hides_path`: and without its path, which may say who may call it. */
static void url_write(struct sl_jw *w, struct sl_str text, bool hides_path)
{
    ptrdiff_t scheme = sl_str_find(text, SL_STR("://"), 0);
    if (scheme < 0) {
        if (sl_str_has_prefix(text, SL_STR("sk-"))) {
            stars_write(w, text); /* a key, wherever it stands */
        } else {
            sl_jw_str(w, text);
        }
        return;
    }
    size_t host = (size_t)scheme + 3, end = host, at = host;
    while (end < text.n && !memchr("/?#", text.p[end], 3)) {
        at = text.p[end] == '@' ? end + 1 : at;
        end++;
    }
    size_t path = end;
    while (path < text.n && text.p[path] != '?' && text.p[path] != '#') {
        path++;
    }
    bool has_path = path > end + 1;
    char shown[2048];
    snprintf(shown, sizeof(shown), "%.*s%s%.*s%.*s%s", (int)SL_MIN(host, (size_t)512), text.p, at > host ? "***@" : "",
             (int)SL_MIN(end - at, (size_t)512), text.p + at,
             hides_path && has_path ? 1 : (int)SL_MIN(path - end, (size_t)512), text.p + end,
             hides_path && has_path ? "***"
             : path < text.n        ? "?***"
                                    : "");
    sl_jw_str_c(w, shown);
}

static bool is_json_number(struct sl_str text)
{
    size_t i = text.n && text.p[0] == '-', first = i, n_dots = 0;
    bool is_plain = text.n > i && text.n - i < 18 && text.p[text.n - 1] != '.' && text.p[i] != '.';
    for (; i < text.n; i++) {
        n_dots += text.p[i] == '.';
        is_plain &= (text.p[i] >= '0' && text.p[i] <= '9') || text.p[i] == '.';
    }
    bool is_octal = text.n > first + 1 && text.p[first] == '0' && text.p[first + 1] != '.';
    return is_plain && n_dots <= 1 && !is_octal;
}

/* A number or a word keeps its form where JSON has it. */
static void scalar_write(struct sl_jw *w, const struct sl_val *val)
{
    bool is_word = sl_str_eq_c(val->text, "true") || sl_str_eq_c(val->text, "false");
    if (val->kind == SL_VAL_NULL) {
        sl_jw_null(w);
    } else if ((val->kind == SL_VAL_NUMBER && is_json_number(val->text)) || (val->kind == SL_VAL_BOOL && is_word)) {
        sl_jw_raw(w, val->text);
    } else {
        url_write(w, val->text, false);
    }
}

/* --- by rows --- */

static void row_write(struct mask *mask, const struct sl_opt *row, const struct sl_val *val);

/* `is_lax`: a key without a row may be a misspelt secret; else `any_write` decides about it. */
static void rows_write(struct mask *mask, const struct sl_opt *rows, const struct sl_val *map, bool is_lax)
{
    sl_jw_object(mask->w);
    for (uint32_t i = 0; i < map->n; i++) {
        const struct sl_val_item *item = &map->items[i];
        const struct sl_opt *row = sl_opt_find(rows, item->key);
        key_write(mask->w, item->key);
        if (row) {
            row_write(mask, row, item->val);
        } else if (is_lax) {
            secret_write(mask, item->val);
        } else {
            any_write(mask, item->key, item->val);
        }
    }
    sl_jw_end(mask->w);
}

static void row_write(struct mask *mask, const struct sl_opt *row, const struct sl_val *val)
{
    bool is_read_by_itself = row->type == SL_OPT_CUSTOM || row->type == SL_OPT_MAP;
    if (row->type == SL_OPT_SECRET) {
        secret_write(mask, val);
    } else if (is_read_by_itself && row->sub && val->kind == SL_VAL_MAP && mask->depth < DEPTH_MAX) {
        mask->depth++;
        rows_write(mask, row->sub, val, false);
        mask->depth--;
    } else if (row->type == SL_OPT_URL && val->kind == SL_VAL_STRING) {
        url_write(mask->w, val->text, sl_str_eq_c(sl_str_c(row->key), "url"));
    } else if (is_read_by_itself) {
        member_write(mask, sl_str_c(row->key), val);
    } else {
        any_write(mask, SL_STR(""), val); /* its name does not matter: the table says that it is no secret */
    }
}

/* --- without rows: names decide --- */

/* A provider's configuration: only what its rows know is shown. */
static void model_write(struct mask *mask, const struct sl_val *model)
{
    const struct sl_val *name = sl_val_find(model, "provider");
    const struct sl_provider *provider = name && name->kind == SL_VAL_STRING ? sl_provider_find(name->text) : NULL;
    sl_jw_object(mask->w);
    for (uint32_t i = 0; i < model->n; i++) {
        const struct sl_val_item *item = &model->items[i];
        bool is_name = sl_str_eq_c(item->key, "provider") || sl_str_eq_c(item->key, "name");
        key_write(mask->w, item->key);
        if (is_name && item->val->kind < SL_VAL_LIST) {
            scalar_write(mask->w, item->val);
        } else if (provider && provider->opts && sl_str_eq_c(item->key, "config") && item->val->kind == SL_VAL_MAP) {
            rows_write(mask, provider->opts, item->val, true);
        } else {
            secret_write(mask, item->val);
        }
    }
    sl_jw_end(mask->w);
}

static void member_write(struct mask *mask, struct sl_str key, const struct sl_val *val)
{
    if (val->kind == SL_VAL_MAP && sl_str_eq_c(key, "model")) {
        model_write(mask, val);
    } else if (sl_str_eq_c(key, "headers") || sl_str_eq_c(key, "config")) {
        secret_write(mask, val); /* their names say nothing about what stands in them */
    } else {
        any_write(mask, key, val);
    }
}

/* Counts and prices have names like secrets: "input_cost_per_token", and the `key` of MLflow's limits. */
static bool is_counted(struct sl_str key)
{
    return sl_str_eq_c(key, "limit") || sl_str_eq_c(key, "limits") || sl_str_eq_c(key, "models") ||
           sl_str_eq_c(key, "children");
}

static void counted_write(struct mask *mask, const struct sl_val *val)
{
    struct sl_jw *w = mask->w;
    if (val->kind < SL_VAL_LIST || mask->depth > DEPTH_MAX) {
        scalar_write(w, val);
        return;
    }
    mask->depth++;
    (val->kind == SL_VAL_MAP ? sl_jw_object : sl_jw_array)(w);
    for (uint32_t i = 0; i < val->n; i++) {
        if (val->kind == SL_VAL_MAP) {
            sl_jw_key_str(w, val->items[i].key);
        }
        counted_write(mask, val->items[i].val);
    }
    sl_jw_end(w);
    mask->depth--;
}

static void any_write(struct mask *mask, struct sl_str key, const struct sl_val *val)
{
    struct sl_jw *w = mask->w;
    if (is_secret_name(key)) {
        secret_write(mask, val);
    } else if (is_counted(key)) {
        counted_write(mask, val);
    } else if (val->kind < SL_VAL_LIST) {
        scalar_write(w, val);
    } else if (mask->depth >= DEPTH_MAX) {
        stars_write(w, SL_STR(""));
    } else {
        mask->depth++;
        (val->kind == SL_VAL_MAP ? sl_jw_object : sl_jw_array)(w);
        for (uint32_t i = 0; i < val->n; i++) {
            if (val->kind == SL_VAL_MAP) {
                key_write(w, val->items[i].key);
                member_write(mask, val->items[i].key, val->items[i].val);
            } else {
                any_write(mask, SL_STR(""), val->items[i].val);
            }
        }
        sl_jw_end(w);
        mask->depth--;
    }
}

void sl_masked_write(struct sl_jw *w, const struct sl_conf_files *files, const struct sl_opt *row,
                     const struct sl_val *val)
{
    struct mask mask = { .w = w, .files = files };
    row_write(&mask, row, val);
}

void sl_masked_entry_write(struct sl_jw *w, const struct sl_conf_files *files, const struct sl_val *entry)
{
    struct mask mask = { .w = w, .files = files };
    any_write(&mask, SL_STR(""), entry);
}
