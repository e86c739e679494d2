/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as values, and the memory helpers. When there is no memory for an error, a fixed one is returned. */
#include "client/priv.h"

#include <stdio.h>
#include <string.h>

/* A server's error text is for people: 4 KiB are enough. */
#define TEXT_MAX 4096
#define BODY_MAX (64u << 10)

struct sluice_error {
    struct sl_alloc alloc;
    int code;
    int http_status;
    int64_t retry_after_msec;
    bool is_retriable;
    char *text, *request_id, *type, *body, *detail; /* NULL: "" */
    size_t body_len;
};

static const struct sluice_error no_memory = {
    .code = SLUICE_ENOMEM, .retry_after_msec = -1, .is_retriable = true, .text = (char *)(uintptr_t) "out of memory"
};

void *slc_zalloc(const struct sl_alloc *alloc, size_t n)
{
    void *p = sl_alloc_resize(alloc, NULL, n);
    if (p) {
        memset(p, 0, n);
    }
    return p;
}

char *slc_dup(const struct sl_alloc *alloc, const char *p, size_t n)
{
    char *copy = sl_alloc_resize(alloc, NULL, n + 1);
    if (copy) {
        if (n) {
            memcpy(copy, p, n);
        }
        copy[n] = '\0';
    }
    return copy;
}

void slc_wipe(void *p, size_t n)
{
    if (p) {
        explicit_bzero(p, n);
    }
}

/* --- texts --- */

/* The length of the character at the start of `s`; 0 when it is none. */
static size_t character(struct sl_str s)
{
    size_t n = s.n && (unsigned char)s.p[0] < 0x80;
    for (size_t k = 2; n == 0 && k <= 4 && k <= s.n; k++) {
        n = sl_str_is_utf8(sl_str_sub(s, 0, k)) ? k : 0;
    }
    return n;
}

/* C0, DEL and C1 (U+0080 to U+009F, c2 80 to c2 9f). */
static bool is_control(const char *p, size_t n)
{
    unsigned char c = (unsigned char)p[0];
    return n == 1 ? c < 0x20 || c == 0x7f : n == 2 && c == 0xc2 && (unsigned char)p[1] < 0xa0;
}

void slc_text_add(struct sl_buf *out, struct sl_str s, bool is_shown)
{
    while (s.n) {
        size_t n = character(s);
        if (n == 0) {
            sl_buf_add_lit(out, "\xef\xbf\xbd");
        } else if (is_shown && is_control(s.p, n)) {
            sl_buf_add_char(out, ' ');
        } else {
            sl_buf_add(out, s.p, n);
        }
        s = sl_str_sub(s, n ? n : 1, s.n);
    }
}

size_t slc_text_whole(const char *p, size_t n)
{
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        unsigned char c = (unsigned char)p[n - back];
        if (c < 0x80) {
            break;
        }
        if (c >= 0xc0) {
            size_t need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
            return need > back ? n - back : n;
        }
    }
    return n;
}

struct sl_str slc_text_cut(struct sl_str s, size_t max)
{
    return s.n <= max ? s : sl_str_sub(s, 0, slc_text_whole(s.p, max));
}

void slc_text_print(char *out, size_t cap, const char *fmt, va_list args)
{
    int n = vsnprintf(out, cap, fmt, args);
    if (n >= 0 && (size_t)n >= cap) {
        out[slc_text_whole(out, cap - 1)] = '\0';
    }
}

void slc_text_format(char *out, size_t cap, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    slc_text_print(out, cap, fmt, args);
    va_end(args);
}

/* --- making --- */

/* A copy that may be shown, at most TEXT_MAX bytes. No text: NULL. */
static int shown_copy(struct sluice_error *e, struct sl_str s, char **ret)
{
    struct sl_buf out = { .max = SIZE_MAX / 2, .alloc = &e->alloc };
    slc_text_add(&out, slc_text_cut(s, TEXT_MAX), true);
    if (s.n) {
        sl_buf_add_char(&out, '\0');
    }
    if (sl_buf_status(&out)) {
        sl_buf_done(&out);
        return SL_E_NOMEM;
    }
    *ret = out.p;
    return 0;
}

/* Finds the server's message in {"detail": …}, {"error": {"message": …}}, {"error": …}, {"message": …}. */
static int detail_find(struct sluice_error *e)
{
    struct slc_doc doc;
    int r = slc_doc_parse(&doc, &e->alloc, sl_str_make(e->body, e->body_len), false);
    if (r < 0) {
        return r == SL_E_NOMEM ? r : 0;
    }
    static const char *const paths[] = { "detail", "error.message", "error", "message" };
    for (size_t i = 0; i < SL_ARRAY_LEN(paths) && !e->detail && r == 0; i++) {
        struct sl_json_val v = sl_json_at(sl_json_root(&doc.json), paths[i]);
        size_t len = 0;
        const char *text = sl_json_is_nothing(v) ? NULL : slc_doc_text(&doc, v, &len);
        if (text) {
            r = shown_copy(e, sl_str_make(text, len), &e->detail);
        }
    }
    slc_doc_done(&doc, &e->alloc);
    return r;
}

static SL_PRINTF(3, 0) struct sluice_error *error_new(const struct sl_alloc *alloc, const struct slc_failure *f,
                                                      const char *fmt, va_list args)
{
    struct sluice_error *e = slc_zalloc(alloc, sizeof(*e));
    if (!e) {
        return NULL;
    }
    e->alloc = *alloc;
    e->code = f->code;
    e->http_status = f->http_status;
    e->retry_after_msec = f->retry_after_msec;
    e->is_retriable = f->is_retriable;
    struct sl_str body = slc_text_cut(f->body, BODY_MAX);
    struct sl_buf text = { .max = SIZE_MAX / 2, .alloc = &e->alloc };
    sl_buf_vprintf(&text, fmt, args);
    int r = sl_buf_status(&text);
    r = r ? r : shown_copy(e, sl_buf_str(&text), &e->text);
    sl_buf_done(&text);
    r = r ? r : shown_copy(e, f->request_id, &e->request_id);
    r = r ? r : shown_copy(e, f->type, &e->type);
    if (r == 0 && body.n) {
        e->body = slc_dup(&e->alloc, body.p, body.n);
        e->body_len = body.n;
        r = e->body ? detail_find(e) : SL_E_NOMEM;
    }
    if (r < 0) {
        sluice_error_free(e);
        return NULL;
    }
    return e;
}

static SL_PRINTF(4, 0) int fail_v(const struct sl_alloc *alloc, sluice_error **err, const struct slc_failure *f,
                                  const char *fmt, va_list args)
{
    if (f->code == SLUICE_ENOMEM || !err) {
        if (err) {
            *err = (struct sluice_error *)(uintptr_t)&no_memory;
        }
        return f->code;
    }
    *err = error_new(alloc, f, fmt, args);
    if (!*err) {
        *err = (struct sluice_error *)(uintptr_t)&no_memory;
        return SLUICE_ENOMEM;
    }
    return f->code;
}

int slc_fail_copy(const struct sl_alloc *alloc, sluice_error **err, const sluice_error *from)
{
    struct slc_failure f = { .code = from->code, .retry_after_msec = -1, .is_retriable = from->is_retriable };
    return slc_fail_with(alloc, err, &f, "%s", sluice_error_text(from));
}

int slc_fail_with(const struct sl_alloc *alloc, sluice_error **err, const struct slc_failure *failure, const char *fmt,
                  ...)
{
    va_list args;
    va_start(args, fmt);
    int code = fail_v(alloc, err, failure, fmt, args);
    va_end(args);
    return code;
}

int slc_fail(const struct sl_alloc *alloc, sluice_error **err, int code, const char *fmt, ...)
{
    struct slc_failure f = { .code = code,
                             .retry_after_msec = -1,
                             .is_retriable = code == SLUICE_ENOMEM || code == SLUICE_ECONNECT ||
                                             code == SLUICE_ETIMEOUT };
    va_list args;
    va_start(args, fmt);
    code = fail_v(alloc, err, &f, fmt, args);
    va_end(args);
    return code;
}

/* --- reading --- */

const char *sluice_code_name(int code)
{
    static const char *const names[] = {
        "SLUICE_OK",       "SLUICE_EUSAGE",  "SLUICE_ENOMEM",    "SLUICE_ECONNECT",   "SLUICE_ETLS",
        "SLUICE_ETIMEOUT", "SLUICE_EAUTH",   "SLUICE_EPERM",     "SLUICE_ENOTFOUND",  "SLUICE_ELIMIT",
        "SLUICE_EINVALID", "SLUICE_ESERVER", "SLUICE_EPROTOCOL", "SLUICE_ECANCELLED", "SLUICE_ESTREAM",
    };
    return code <= 0 && code > -(int)SL_ARRAY_LEN(names) ? names[-code] : "SLUICE_EUNKNOWN";
}

int sluice_error_code(const sluice_error *err)
{
    return err ? err->code : SLUICE_OK;
}

const char *sluice_error_name(const sluice_error *err)
{
    return sluice_code_name(sluice_error_code(err));
}

static const char *text_or_none(const char *text)
{
    return text ? text : "";
}

const char *sluice_error_text(const sluice_error *err)
{
    return err ? text_or_none(err->text) : "";
}

int sluice_error_http_status(const sluice_error *err)
{
    return err ? err->http_status : 0;
}

int64_t sluice_error_retry_after_msec(const sluice_error *err)
{
    return err ? err->retry_after_msec : -1;
}

int sluice_error_is_retriable(const sluice_error *err)
{
    return err && err->is_retriable;
}

const char *sluice_error_request_id(const sluice_error *err)
{
    return err ? text_or_none(err->request_id) : "";
}

const char *sluice_error_type(const sluice_error *err)
{
    return err ? text_or_none(err->type) : "";
}

const char *sluice_error_detail(const sluice_error *err)
{
    return err && err->detail ? err->detail : sluice_error_text(err);
}

const char *sluice_error_body(const sluice_error *err, size_t *len)
{
    if (len) {
        *len = err && err->body ? err->body_len : 0;
    }
    return err ? text_or_none(err->body) : "";
}

void sluice_error_free(sluice_error *err)
{
    if (!err || err == &no_memory) {
        return;
    }
    struct sl_alloc alloc = err->alloc;
    char *const parts[] = { err->text, err->request_id, err->type, err->body, err->detail };
    for (size_t i = 0; i < SL_ARRAY_LEN(parts); i++) {
        sl_alloc_free(&alloc, parts[i]);
    }
    sl_alloc_free(&alloc, err);
}
