/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <time.h>

#include "base/num.h"
#include "base/opt.h"
#include "base/random.h"
#include "base/secret.h"

/* A key and its few texts: thousands of them must not cost a page each. */
#define KEY_CHUNK 480

static const char *const role_names[] = {
    [SL_ROLE_QUERY] = "query", [SL_ROLE_VIEWER] = "viewer", [SL_ROLE_ADMIN] = "admin", NULL
};

const char *sl_role_name(enum sl_role role)
{
    return role_names[role];
}

int sl_role_parse(struct sl_str text, enum sl_role *ret)
{
    for (unsigned i = 0; role_names[i]; i++) {
        if (sl_str_eq_c(text, role_names[i])) {
            *ret = (enum sl_role)i;
            return 0;
        }
    }
    return SL_E_INVAL;
}

const char *sl_role_routes_fault(enum sl_role role, bool has_routes)
{
    return has_routes && role != SL_ROLE_QUERY
               ? "routes go with the role query only: a key of another role sees or changes all routes"
               : NULL;
}

static int strs_dup(struct sl_arena *arena, struct sl_strs from, struct sl_strs *ret)
{
    struct sl_strs to = { SL_ARENA_ARRAY(arena, struct sl_str, from.n ? from.n : 1), 0 };
    if (!to.v) {
        return SL_E_NOMEM;
    }
    for (uint32_t i = 0; i < from.n; i++) {
        to.v[i] = sl_arena_dup(arena, from.v[i]);
        if (!to.v[i].p) {
            return SL_E_NOMEM;
        }
        to.n++;
    }
    *ret = to;
    return 0;
}

struct sl_key *sl_key_new(const struct sl_key_spec *spec)
{
    struct sl_arena arena;
    sl_arena_init_small(&arena, KEY_CHUNK);
    struct sl_key *key = SL_ARENA_NEW(&arena, struct sl_key);
    if (!key) {
        return NULL;
    }
    key->arena = arena;
    atomic_init(&key->refs, 1);
    atomic_init(&key->last_used_sec, 0);
    key->id = spec->id.n ? sl_arena_dup(&key->arena, spec->id)
                         : sl_arena_printf(&key->arena, "file:%.*s", SL_STR_ARG(spec->name));
    key->number = spec->number;
    key->line = spec->line;
    key->name = sl_arena_dup(&key->arena, spec->name);
    key->principal = spec->principal.n ? sl_arena_dup(&key->arena, spec->principal) : key->name;
    key->role = spec->role;
    key->has_routes = spec->has_routes;
    key->created_sec = spec->created_sec;
    key->expires_sec = spec->expires_sec;
    key->is_of_file = spec->is_of_file;
    memcpy(key->hash, spec->hash, sizeof(key->hash));
    if (!key->id.p || !key->name.p || !key->principal.p || strs_dup(&key->arena, spec->routes, &key->routes) < 0) {
        sl_key_unref(key);
        return NULL;
    }
    return key;
}

struct sl_key *sl_key_ref(struct sl_key *key)
{
    atomic_fetch_add_explicit(&key->refs, 1, memory_order_relaxed);
    return key;
}

void sl_key_unref(struct sl_key *key)
{
    if (key && atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel) == 1) {
        struct sl_arena arena = key->arena; /* the key lies on it */
        sl_arena_done(&arena);
    }
}

/* --- texts and hashes --- */

void sl_key_make_token(char out[SL_KEY_TOKEN_SIZE])
{
    unsigned char bytes[32];
    char text[48]; /* 44 characters, the last of them padding, and a NUL */
    sl_random_bytes(bytes, sizeof(bytes));
    EVP_EncodeBlock((unsigned char *)text, bytes, sizeof(bytes));
    size_t at = sizeof(SL_KEY_PREFIX) - 1;
    memcpy(out, SL_KEY_PREFIX, at);
    for (size_t i = 0; i < 43; i++) {
        char c = text[i];
        out[at++] = (char)(c == '+' ? '-' : c == '/' ? '_' : c);
    }
    out[at] = '\0';
    OPENSSL_cleanse(bytes, sizeof(bytes));
    OPENSSL_cleanse(text, sizeof(text));
}

void sl_key_hash(struct sl_str token, unsigned char out[SL_KEY_HASH_BYTES])
{
    SHA256((const unsigned char *)token.p, token.n, out);
}

int sl_key_hash_parse(struct sl_str hex, unsigned char out[SL_KEY_HASH_BYTES])
{
    if (hex.n != (size_t)2 * SL_KEY_HASH_BYTES) {
        return SL_E_INVAL;
    }
    for (size_t i = 0; i < SL_KEY_HASH_BYTES; i++) {
        uint64_t byte;
        if (sl_parse_hex64(sl_str_sub(hex, 2 * i, 2 * i + 2), &byte) < 0) {
            return SL_E_INVAL;
        }
        out[i] = (unsigned char)byte;
    }
    return 0;
}

bool sl_key_is_expired(const struct sl_key *key, uint64_t now_sec)
{
    return key->expires_sec && now_sec >= key->expires_sec;
}

bool sl_key_may_use(const struct sl_key *key, struct sl_str route)
{
    for (uint32_t i = 0; key->has_routes && i < key->routes.n; i++) {
        if (sl_str_eq(key->routes.v[i], route)) {
            return true;
        }
    }
    return !key->has_routes;
}

/* --- a set of them --- */

static struct sl_str hash_str(const unsigned char *hash)
{
    return sl_str_make((const char *)hash, SL_KEY_HASH_BYTES);
}

void sl_keyring_done(struct sl_keyring *ring)
{
    size_t i = 0;
    for (struct sl_key *key; (key = sl_map_each(&ring->by_hash, &i)) != NULL;) {
        sl_key_unref(key);
    }
    sl_map_done(&ring->by_hash);
}

int sl_keyring_add(struct sl_keyring *ring, struct sl_key *key)
{
    int r = sl_map_put(&ring->by_hash, hash_str(key->hash), key);
    if (r == 0) {
        sl_key_ref(key);
    }
    return r;
}

struct sl_key *sl_keyring_find(const struct sl_keyring *ring, const unsigned char hash[SL_KEY_HASH_BYTES])
{
    struct sl_key *key = sl_map_find(&ring->by_hash, hash_str(hash));
    return key && CRYPTO_memcmp(key->hash, hash, SL_KEY_HASH_BYTES) == 0 ? key : NULL;
}

/* --- time --- */

/* Two digits each, and what stands between; digits at `at` of the fields. False: not that form. */
static bool fields_read(struct sl_str *io_text, const char *form, int *fields)
{
    size_t i = 0;
    int at = 0;
    for (; form[i]; i++) {
        char c = i < io_text->n ? io_text->p[i] : '\0';
        bool is_digit = c >= '0' && c <= '9';
        if (form[i] == 'd' ? !is_digit : form[i] == 'T' ? c != 'T' && c != 't' && c != ' ' : c != form[i]) {
            return false;
        }
        if (is_digit) {
            fields[at] = fields[at] * 10 + (c - '0');
        } else {
            at++;
        }
    }
    *io_text = sl_str_sub(*io_text, i, io_text->n);
    return true;
}

/* "Z" or "+02:00", nothing behind. */
static bool zone_read(struct sl_str text, int64_t *ret_sec)
{
    *ret_sec = 0;
    if (sl_str_eq_c(text, "Z") || sl_str_eq_c(text, "z")) {
        return true;
    }
    int fields[2] = { 0 };
    int64_t sign = sl_str_has_prefix(text, SL_STR("+")) ? 1 : sl_str_has_prefix(text, SL_STR("-")) ? -1 : 0;
    text = sl_str_sub(text, 1, text.n);
    if (!sign || !fields_read(&text, "dd:dd", fields) || text.n || fields[0] > 23 || fields[1] > 59) {
        return false;
    }
    *ret_sec = sign * (fields[0] * 3600 + fields[1] * 60);
    return true;
}

int sl_time_parse(struct sl_str text, uint64_t *ret_sec)
{
    if (sl_parse_u64(text, 0, SL_TIME_MAX, ret_sec) == 0) {
        return 0;
    }
    int fields[6] = { 0 };
    int64_t zone;
    if (!fields_read(&text, "dddd-dd-ddTdd:dd:dd", fields)) {
        return SL_E_INVAL;
    }
    if (sl_str_has_prefix(text, SL_STR("."))) { /* a fraction of a second does not count */
        size_t n = 1;
        while (n < text.n && text.p[n] >= '0' && text.p[n] <= '9') {
            n++;
        }
        text = n > 1 ? sl_str_sub(text, n, text.n) : text;
    }
    if (!zone_read(text, &zone)) {
        return SL_E_INVAL;
    }
    struct tm tm = { .tm_year = fields[0] - 1900,
                     .tm_mon = fields[1] - 1,
                     .tm_mday = fields[2],
                     .tm_hour = fields[3],
                     .tm_min = fields[4],
                     .tm_sec = fields[5] };
    struct tm asked = tm;
    int64_t sec = timegm(&tm);
    /* timegm carries over what does not exist: the 31st of June is no date. */
    bool is_same = tm.tm_year == asked.tm_year && tm.tm_mon == asked.tm_mon && tm.tm_mday == asked.tm_mday &&
                   tm.tm_hour == asked.tm_hour && tm.tm_min == asked.tm_min && tm.tm_sec == asked.tm_sec;
    if (!is_same || sec - zone < 0) {
        return SL_E_INVAL;
    }
    *ret_sec = (uint64_t)(sec - zone);
    return 0;
}

struct sl_str sl_time_format(uint64_t sec, char out[32])
{
    time_t t = (time_t)sec;
    struct tm tm;
    gmtime_r(&t, &tm);
    return sl_str_make(out, strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm));
}

/* --- the file's keys --- */

struct file_key {
    struct sl_str name, principal, expires_at;
    int role;
    struct sl_strs routes;
    unsigned char hash[SL_KEY_HASH_BYTES];
};

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)

int sl_key_text_bind(struct sl_bind *bind, const struct sl_val *val, unsigned char ret_hash[SL_KEY_HASH_BYTES])
{
    const struct sl_val *hex = sl_val_find(val, "sha256");
    if (hex) {
        return val->n == 1 && hex->kind <= SL_VAL_STRING && sl_key_hash_parse(hex->text, ret_hash) == 0
                   ? 0
                   : FAIL(bind, val, "sha256 must be the 64 hexadecimal digits of the key's SHA-256");
    }
    struct sl_secret secret = { 0 };
    struct sl_err err = { 0 };
    int r = bind->resolve ? bind->resolve(bind->resolve_arg, val, &secret, &err)
                          : sl_fail(&err, SL_E_UNSUPPORTED, "keys stand in the operator's file only");
    if (r < 0) {
        return FAIL(bind, val, "%s", err.text);
    }
    struct sl_str text = sl_secret_reveal(&secret);
    if (text.n < SL_KEY_OWN_MIN) {
        r = FAIL(bind, val, "the key is too short to be safe: at least %d characters are needed", SL_KEY_OWN_MIN);
    } else {
        sl_key_hash(text, ret_hash);
    }
    sl_secret_done(&secret);
    return r;
}

static int key_text_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    return sl_key_text_bind(bind, val, field);
}

static int key_bind(struct sl_bind *bind, const struct sl_val *val, struct sl_keyring *ring)
{
    static const struct sl_opt rows[] = {
        { "name", SL_OPT_STR, offsetof(struct file_key, name), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL, NULL,
          NULL, "what the key is called" },
        { "principal", SL_OPT_STR, offsetof(struct file_key, principal), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
          "whom limits and the log count; without it the name" },
        { "role", SL_OPT_ENUM, offsetof(struct file_key, role), "query", 0, 0, SL_OPT_RELOAD, role_names, NULL, NULL,
          "query: invoke and read; viewer: read routes and /metrics; admin: everything" },
        { "routes", SL_OPT_STR_LIST, offsetof(struct file_key, routes), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
          "the routes it may use; without it all. Of role query only" },
        { "expires_at", SL_OPT_STR, offsetof(struct file_key, expires_at), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
          "when it ends, as 2026-12-31T23:59:59Z; without it never" },
        { "key", SL_OPT_CUSTOM, offsetof(struct file_key, hash), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL,
          NULL, key_text_check, "the key: $NAME, { file: PATH }, or { sha256: HEX }" },
        { NULL },
    };
    if (val->kind != SL_VAL_MAP) {
        return FAIL(bind, val, "must be a map with name and key");
    }
    struct file_key conf = { .routes = { NULL, 0 } };
    int r = sl_opt_bind(bind, rows, val, &conf);
    uint64_t expires_sec = 0;
    if (r == 0 && conf.expires_at.n && sl_time_parse(conf.expires_at, &expires_sec) < 0) {
        r = FAIL(bind, val, "expires_at must be a time like 2026-12-31T23:59:59Z");
    }
    const char *fault = sl_role_routes_fault((enum sl_role)conf.role, conf.routes.v != NULL);
    if (r == 0 && fault) {
        const struct sl_val *at = sl_val_find(val, "routes");
        r = FAIL(bind, at ? at : val, "%s", fault);
    }
    if (r < 0) {
        return r;
    }
    struct sl_key_spec spec = {
        .name = conf.name,
        .principal = conf.principal,
        .role = (enum sl_role)conf.role,
        .has_routes = conf.routes.v != NULL,
        .routes = conf.routes,
        .expires_sec = expires_sec,
        .is_of_file = true,
        .line = val->pos.line,
    };
    memcpy(spec.hash, conf.hash, sizeof(spec.hash));
    struct sl_key *key = sl_key_new(&spec);
    r = key ? sl_keyring_add(ring, key) : SL_E_NOMEM;
    sl_key_unref(key); /* the ring holds it */
    if (r == SL_E_EXISTS) {
        return FAIL(bind, val, "the key of \"%.*s\" stands in another entry already", SL_STR_ARG(conf.name));
    }
    return r < 0 ? FAIL(bind, val, "out of memory") : 0;
}

int sl_keys_bind(struct sl_bind *bind, const struct sl_val *list, struct sl_keyring *ring)
{
    if (list->kind != SL_VAL_LIST) {
        return FAIL(bind, list, "must be a list (it may be [])");
    }
    int result = 0;
    for (uint32_t i = 0; i < list->n; i++) {
        size_t before = strlen(bind->path);
        snprintf(bind->path + before, sizeof(bind->path) - before, "[%u]", i);
        int r = key_bind(bind, list->items[i].val, ring);
        bind->path[before] = '\0';
        result = r < 0 ? r : result;
    }
    return result;
}
