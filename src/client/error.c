/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as values, and the memory helpers. An error that cannot be made for lack of memory is a fixed one. */
#include "client/priv.h"

#include <string.h>

/* A server's error text is for people: 4 KiB say enough. */
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

/* --- making --- */

/* No terminal of a reader is to be steered by a server's words. */
static void text_clean(char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f) {
            *text = ' ';
        }
    }
}

/* The server's message out of {"detail": …}, {"error": {"message": …}}, {"error": …}, {"message": …}. */
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
            e->detail = slc_dup(&e->alloc, text, SL_MIN(len, (size_t)TEXT_MAX));
            r = e->detail ? 0 : SL_E_NOMEM;
        }
    }
    slc_doc_done(&doc, &e->alloc);
    return r;
}

static int part_copy(struct sluice_error *e, struct sl_str s, char **ret)
{
    if (s.n == 0) {
        return 0;
    }
    *ret = slc_dup(&e->alloc, s.p, s.n);
    return *ret ? 0 : SL_E_NOMEM;
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
    e->body_len = SL_MIN(f->body.n, (size_t)BODY_MAX);
    struct sl_buf text = { .max = TEXT_MAX * 2, .alloc = &e->alloc };
    sl_buf_vprintf(&text, fmt, args);
    sl_buf_add_char(&text, '\0');
    int r = sl_buf_status(&text);
    e->text = text.p;
    r = r ? r : part_copy(e, f->request_id, &e->request_id);
    r = r ? r : part_copy(e, f->type, &e->type);
    r = r ? r : part_copy(e, sl_str_sub(f->body, 0, e->body_len), &e->body);
    if (r == 0 && e->body) {
        r = detail_find(e);
    }
    if (r < 0) {
        sluice_error_free(e);
        return NULL;
    }
    text_clean(e->text);
    if (e->detail) {
        text_clean(e->detail);
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
