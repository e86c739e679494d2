/* SPDX-License-Identifier: Apache-2.0 */
/* Signature version 4 in the steps that Amazon documents: canonical request, string to sign, signing key of the day. */
#include "llm/sign/aws.h"

#include <pthread.h>
#include <time.h>

#include <openssl/evp.h>

#include "base/map.h"
#include "base/num.h"
#include "base/secret.h"
#include "llm/core/prepare.h"

#define DIGEST_SIZE 32
#define BLOCK_SIZE  64
#define ALGORITHM   "AWS4-HMAC-SHA256"
#define TEXT_MAX    (4u << 20) /* bytes of a canonical request; heads are far smaller */

/* --- digests --- */

struct digest {
    unsigned char v[DIGEST_SIZE];
};

static pthread_key_t ctx_key;
static pthread_once_t ctx_once = PTHREAD_ONCE_INIT;
static bool has_ctx_key;

static void ctx_free(void *ctx)
{
    EVP_MD_CTX_free(ctx);
}

static void ctx_key_make(void)
{
    has_ctx_key = pthread_key_create(&ctx_key, ctx_free) == 0;
}

/* A context of the thread, already set to SHA-256: making one and looking up SHA-256 by name costs more than a short
 * digest. NULL: no memory. */
static EVP_MD_CTX *ctx_get(void)
{
    pthread_once(&ctx_once, ctx_key_make);
    EVP_MD_CTX *ctx = has_ctx_key ? pthread_getspecific(ctx_key) : NULL;
    if (ctx || !has_ctx_key) {
        return ctx;
    }
    ctx = EVP_MD_CTX_new();
    if (ctx && (EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1 || pthread_setspecific(ctx_key, ctx) != 0)) {
        EVP_MD_CTX_free(ctx);
        ctx = NULL;
    }
    return ctx;
}

static bool digest_of(EVP_MD_CTX *ctx, const struct sl_str *pieces, size_t n, struct digest *ret)
{
    bool ok = EVP_DigestInit_ex(ctx, NULL, NULL) == 1;
    for (size_t i = 0; i < n && ok; i++) {
        ok = pieces[i].n == 0 || EVP_DigestUpdate(ctx, pieces[i].p, pieces[i].n) == 1;
    }
    return ok && EVP_DigestFinal_ex(ctx, ret->v, NULL) == 1;
}

static struct sl_str digest_str(const struct digest *digest)
{
    return sl_str_make((const char *)digest->v, DIGEST_SIZE);
}

/* RFC 2104. */
static bool hmac_of(EVP_MD_CTX *ctx, struct sl_str key, struct sl_str text, struct digest *ret)
{
    char inner[BLOCK_SIZE], outer[BLOCK_SIZE];
    struct digest hashed;
    bool ok = true;
    if (key.n > BLOCK_SIZE) {
        ok = digest_of(ctx, &key, 1, &hashed);
        key = digest_str(&hashed);
    }
    for (size_t i = 0; i < BLOCK_SIZE; i++) {
        char c = i < key.n ? key.p[i] : 0;
        inner[i] = (char)(c ^ 0x36);
        outer[i] = (char)(c ^ 0x5c);
    }
    struct sl_str first[] = { sl_str_make(inner, BLOCK_SIZE), text };
    ok = ok && digest_of(ctx, first, 2, ret);
    struct digest middle = *ret;
    struct sl_str second[] = { sl_str_make(outer, BLOCK_SIZE), digest_str(&middle) };
    ok = ok && digest_of(ctx, second, 2, ret);
    sl_wipe(inner, sizeof(inner));
    sl_wipe(outer, sizeof(outer));
    return ok;
}

static void hex_add(struct sl_buf *buf, const struct digest *digest)
{
    static const char digits[] = "0123456789abcdef";
    char text[DIGEST_SIZE * 2];
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        text[2 * i] = digits[digest->v[i] >> 4];
        text[2 * i + 1] = digits[digest->v[i] & 15];
    }
    sl_buf_add(buf, text, sizeof(text));
}

/* --- the key of the day --- */

#define KEPT 8 /* keys that a thread keeps; a gateway has few */

/* A key is found by hashes of what it is made from, with seeds that nobody knows, so that the secret itself is not kept
 * here. */
struct made_from {
    uint64_t secret, place;
};

static _Thread_local struct {
    struct made_from of;
    struct digest key;
    bool is_set;
} kept[KEPT];
static _Thread_local unsigned kept_next;

static bool key_make(EVP_MD_CTX *ctx, const struct sl_aws_sign *sign, struct sl_str day, struct digest *ret)
{
    struct sl_str texts[] = { day, sign->region, sign->service, SL_STR("aws4_request") };
    struct sl_buf first = SL_BUF_INIT(TEXT_MAX);
    /* Errors are sticky; reserved at once, so that growing leaves no copies. */
    SL_IGNORE(sl_buf_reserve(&first, sign->keys.secret.n + 5) < 0);
    sl_buf_add_lit(&first, "AWS4");
    sl_buf_add_str(&first, sign->keys.secret);
    bool ok = sl_buf_status(&first) == 0;
    struct sl_str key = sl_buf_str(&first);
    for (size_t i = 0; i < SL_ARRAY_LEN(texts) && ok; i++) {
        struct digest next;
        ok = hmac_of(ctx, key, texts[i], &next);
        *ret = next;
        key = digest_str(ret);
    }
    if (first.p) {
        sl_wipe(first.p, first.len);
    }
    sl_buf_done(&first);
    return ok;
}

static bool key_get(EVP_MD_CTX *ctx, const struct sl_aws_sign *sign, struct sl_str day, struct digest *ret)
{
    struct made_from of = {
        .secret = sl_hash_both(sl_hash(sign->keys.secret), sl_hash(day)),
        .place = sl_hash_both(sl_hash(sign->region), sl_hash(sign->service)),
    };
    for (size_t i = 0; i < KEPT; i++) {
        if (kept[i].is_set && kept[i].of.secret == of.secret && kept[i].of.place == of.place) {
            *ret = kept[i].key;
            return true;
        }
    }
    if (!key_make(ctx, sign, day, ret)) {
        return false;
    }
    unsigned i = kept_next++ % KEPT;
    kept[i].of = of;
    kept[i].key = *ret;
    kept[i].is_set = true;
    return true;
}

/* --- the canonical request --- */

static bool is_unreserved(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

static void encoded_add(struct sl_buf *buf, struct sl_str s)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (!is_unreserved(s.p[i])) {
            char text[] = { '%', digits[c >> 4], digits[c & 15] };
            sl_buf_add(buf, s.p + from, i - from);
            sl_buf_add(buf, text, sizeof(text));
            from = i + 1;
        }
    }
    sl_buf_add(buf, s.p + from, s.n - from);
}

/* Adds the path without dot segments and empty ones; each segment is encoded once more than in the request. */
static void path_add(struct sl_buf *buf, struct sl_str path, bool keeps)
{
    size_t begin = buf->len;
    struct sl_str rest = path, part;
    bool is_last = false, has_tail = path.n > 1 && path.p[path.n - 1] == '/';
    rest = rest.n && rest.p[0] == '/' ? sl_str_sub(rest, 1, rest.n) : rest;
    while (!is_last && sl_str_next(&rest, '/', &part)) {
        bool is_dot = sl_str_eq_c(part, "."), is_up = sl_str_eq_c(part, "..");
        if (keeps || (part.n && !is_dot && !is_up)) {
            sl_buf_add_char(buf, '/');
            encoded_add(buf, part);
        } else if (is_up) {
            while (buf->len > begin && buf->p[--buf->len] != '/') {
            }
        }
        is_last = rest.p == NULL;
        has_tail |= is_last && !keeps && (is_dot || is_up);
    }
    if (buf->len == begin || (has_tail && buf->p[buf->len - 1] != '/')) {
        sl_buf_add_char(buf, '/');
    }
}

struct pair {
    struct sl_str name, value;
};

static int str_compare(struct sl_str a, struct sl_str b)
{
    int r = memcmp(a.n ? a.p : "", b.n ? b.p : "", SL_MIN(a.n, b.n));
    return r ? r : a.n < b.n ? -1 : a.n > b.n;
}

/* By insertion: there are few pairs, mostly in order already. */
static void pairs_sort(struct pair *pairs, size_t n, bool by_value)
{
    for (size_t i = 1; i < n; i++) {
        struct pair pair = pairs[i];
        size_t k = i;
        for (; k > 0; k--) {
            int r = str_compare(pairs[k - 1].name, pair.name);
            r = r == 0 && by_value ? str_compare(pairs[k - 1].value, pair.value) : r;
            if (r <= 0) {
                break;
            }
            pairs[k] = pairs[k - 1];
        }
        pairs[k] = pair;
    }
}

static int recoded(struct sl_str text, struct sl_arena *arena, struct sl_str *ret)
{
    struct sl_str plain;
    if (sl_percent_decode(text, arena, &plain) < 0) {
        plain = text; /* a bad escape stays unchanged */
    }
    *ret = sl_percent_encode(plain, arena);
    return ret->p ? 0 : SL_E_NOMEM;
}

static int query_add(struct sl_buf *buf, struct sl_str query, struct sl_arena *arena)
{
    size_t n = 0, cap = 1;
    struct sl_str rest = query, part;
    for (size_t i = 0; i < query.n; i++) {
        cap += query.p[i] == '&';
    }
    struct pair *pairs = query.n ? SL_ARENA_ARRAY(arena, struct pair, cap) : NULL;
    if (!pairs) {
        return query.n ? SL_E_NOMEM : 0;
    }
    while (n < cap && sl_str_next(&rest, '&', &part)) {
        ptrdiff_t eq = sl_str_find_char(part, '=', 0);
        struct sl_str value = eq < 0 ? SL_STR("") : sl_str_sub(part, (size_t)eq + 1, part.n);
        if (part.n && (recoded(eq < 0 ? part : sl_str_sub(part, 0, (size_t)eq), arena, &pairs[n].name) < 0 ||
                       recoded(value, arena, &pairs[n].value) < 0)) {
            return SL_E_NOMEM;
        }
        n += part.n > 0;
    }
    pairs_sort(pairs, n, true);
    for (size_t i = 0; i < n; i++) {
        sl_buf_add_c(buf, i ? "&" : "");
        sl_buf_add_str(buf, pairs[i].name);
        sl_buf_add_char(buf, '=');
        sl_buf_add_str(buf, pairs[i].value);
    }
    return 0;
}

/* Adds a value without blanks at its ends; several blanks become one. */
static void value_add(struct sl_buf *buf, struct sl_str value)
{
    size_t at = 0;
    bool has_any = false;
    if (sl_str_find_char(value, ' ', 0) < 0 && sl_str_find_char(value, '\t', 0) < 0) {
        sl_buf_add_str(buf, value); /* nearly always */
        return;
    }
    while (at < value.n) {
        size_t from = at;
        while (at < value.n && !sl_char_is_blank(value.p[at])) {
            at++;
        }
        if (at > from) {
            sl_buf_add(buf, " ", has_any);
            sl_buf_add(buf, value.p + from, at - from);
            has_any = true;
        }
        while (at < value.n && sl_char_is_blank(value.p[at])) {
            at++;
        }
    }
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static struct sl_str lower_of(struct sl_str name, struct sl_arena *arena)
{
    size_t i = 0;
    while (i < name.n && !is_upper(name.p[i])) {
        i++;
    }
    if (i == name.n) {
        return name; /* as our own are */
    }
    char *p = sl_arena_bytes(arena, name.n);
    for (i = 0; p && i < name.n; i++) {
        p[i] = is_upper(name.p[i]) ? (char)(name.p[i] | 0x20) : name.p[i];
    }
    return p ? sl_str_make(p, name.n) : SL_STR_NONE;
}

/* Writes the lines of the headers, and their names into *ret_names. */
static int headers_add(struct sl_buf *buf, const struct sl_aws_sign *sign, const struct sl_headers *headers,
                       struct sl_arena *arena, struct sl_str *ret_names)
{
    size_t n = headers->n + 1u;
    struct pair *pairs = SL_ARENA_ARRAY(arena, struct pair, n);
    if (!pairs) {
        return SL_E_NOMEM;
    }
    pairs[0] = (struct pair){ SL_STR("host"), sign->host };
    for (uint32_t i = 0; i < headers->n; i++) {
        pairs[i + 1] = (struct pair){ lower_of(headers->v[i].name, arena), headers->v[i].value };
        if (!pairs[i + 1].name.p) {
            return SL_E_NOMEM;
        }
    }
    pairs_sort(pairs, n, false);
    size_t names_n = 0;
    for (size_t i = 0; i < n; i++) {
        bool is_same = i > 0 && sl_str_eq(pairs[i - 1].name, pairs[i].name);
        if (is_same) {
            buf->len--; /* removes the newline: values of one name are one line with commas */
            sl_buf_add_char(buf, ',');
        } else {
            sl_buf_add_str(buf, pairs[i].name);
            sl_buf_add_char(buf, ':');
            names_n += pairs[i].name.n + 1;
        }
        value_add(buf, pairs[i].value);
        sl_buf_add_char(buf, '\n');
        if (sl_buf_status(buf) < 0) {
            return SL_E_NOMEM;
        }
    }
    char *names = sl_arena_bytes(arena, names_n);
    if (!names) {
        return SL_E_NOMEM;
    }
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || !sl_str_eq(pairs[i - 1].name, pairs[i].name)) {
            memcpy(names + at, pairs[i].name.p, pairs[i].name.n);
            at += pairs[i].name.n;
            names[at++] = ';';
        }
    }
    *ret_names = sl_str_make(names, names_n - 1);
    return 0;
}

static int canonical_write(const struct sl_aws_sign *sign, const struct sl_http_req *req, const struct digest *body,
                           struct sl_arena *arena, struct sl_buf *out, struct sl_str *ret_names)
{
    ptrdiff_t mark = sl_str_find_char(req->target, '?', 0);
    struct sl_str path = mark < 0 ? req->target : sl_str_sub(req->target, 0, (size_t)mark);
    struct sl_str query = mark < 0 ? SL_STR("") : sl_str_sub(req->target, (size_t)mark + 1, req->target.n);
    sl_buf_add_c(out, req->method);
    sl_buf_add_char(out, '\n');
    path_add(out, path, sign->keeps_path);
    sl_buf_add_char(out, '\n');
    int r = query_add(out, query, arena);
    sl_buf_add_char(out, '\n');
    r = r < 0 ? r : headers_add(out, sign, &req->headers, arena, ret_names);
    sl_buf_add_char(out, '\n');
    sl_buf_add_str(out, r < 0 ? SL_STR_NONE : *ret_names);
    sl_buf_add_char(out, '\n');
    hex_add(out, body);
    return r < 0 ? r : sl_buf_status(out);
}

/* --- signing --- */

/* "20150830T123600Z"; the first eight characters are the day. The text is kept, because many calls come in one
 * second. */
static struct sl_str date_of(uint64_t wall_usec, struct sl_arena *arena)
{
    static _Thread_local time_t last;
    static _Thread_local char text[32];
    static _Thread_local size_t n;
    time_t now = (time_t)(wall_usec / SL_USEC_PER_SEC);
    if (n == 0 || now != last) {
        struct tm tm;
        n = gmtime_r(&now, &tm) ? strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &tm) : 0;
        last = now;
    }
    return n ? sl_arena_dup(arena, sl_str_make(text, n)) : SL_STR_NONE;
}

static int signature_make(EVP_MD_CTX *ctx, const struct sl_aws_sign *sign, struct sl_str date, struct sl_buf *text,
                          struct sl_arena *arena, struct sl_http_req *io_req)
{
    struct digest digest, key;
    struct sl_str names = SL_STR_NONE, day = sl_str_sub(date, 0, 8);
    int r = digest_of(ctx, io_req->slices, io_req->n_slices, &digest) ? 0 : SL_E_NOMEM;
    r = r < 0 ? r : canonical_write(sign, io_req, &digest, arena, text, &names);
    struct sl_str canonical = sl_buf_str(text);
    r = r == 0 && !digest_of(ctx, &canonical, 1, &digest) ? SL_E_NOMEM : r;
    if (r < 0) {
        return r;
    }
    const struct sl_str slash = SL_STR("/");
    const struct sl_str parts[] = { day, slash, sign->region, slash, sign->service, SL_STR("/aws4_request") };
    struct sl_str scope = sl_arena_join(arena, parts, SL_ARRAY_LEN(parts));
    sl_buf_reset(text);
    sl_buf_add_lit(text, ALGORITHM "\n");
    sl_buf_add_str(text, date);
    sl_buf_add_char(text, '\n');
    sl_buf_add_str(text, scope);
    sl_buf_add_char(text, '\n');
    hex_add(text, &digest);
    if (!scope.p || sl_buf_status(text) < 0 || !key_get(ctx, sign, day, &key) ||
        !hmac_of(ctx, digest_str(&key), sl_buf_str(text), &digest)) {
        return SL_E_NOMEM;
    }
    sl_buf_reset(text);
    sl_buf_add_lit(text, ALGORITHM " Credential=");
    sl_buf_add_str(text, sign->keys.id);
    sl_buf_add_char(text, '/');
    sl_buf_add_str(text, scope);
    sl_buf_add_lit(text, ", SignedHeaders=");
    sl_buf_add_str(text, names);
    sl_buf_add_lit(text, ", Signature=");
    hex_add(text, &digest);
    struct sl_str value = sl_buf_status(text) == 0 ? sl_arena_dup(arena, sl_buf_str(text)) : SL_STR_NONE;
    return value.p ? sl_headers_add(&io_req->headers, arena, SL_STR("authorization"), value) : SL_E_NOMEM;
}

int sl_aws_sign(const struct sl_aws_sign *sign, struct sl_arena *arena, struct sl_http_req *io_req)
{
    struct sl_str date = date_of(sign->wall_usec, arena);
    int r = date.p ? sl_headers_add(&io_req->headers, arena, SL_STR("x-amz-date"), date) : SL_E_NOMEM;
    if (r == 0 && sign->keys.token.n) {
        r = sl_headers_add(&io_req->headers, arena, SL_STR("x-amz-security-token"), sign->keys.token);
    }
    struct sl_buf text = SL_BUF_INIT(TEXT_MAX);
    EVP_MD_CTX *ctx = ctx_get();
    r = r == 0 && !ctx ? SL_E_NOMEM : r;
    r = r < 0 ? r : sl_buf_reserve(&text, 2048);
    r = r < 0 ? r : signature_make(ctx, sign, date, &text, arena, io_req);
    sl_buf_done(&text);
    return r;
}
