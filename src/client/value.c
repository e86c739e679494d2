/* SPDX-License-Identifier: Apache-2.0 */
/* Values by their path, in results and in events, and what is made of them: usage and embeddings. */
#include "client/priv.h"

#include <string.h>

static struct sl_json_val at(const struct slc_doc *doc, const char *path)
{
    return doc && doc->mem && path ? sl_json_at(sl_json_root(&doc->json), path) : SL_JSON_ABSENT;
}

static const struct slc_doc *doc_of(const sluice_result *result)
{
    return result ? &result->doc : NULL;
}

static const struct slc_doc *doc_in(const sluice_event *event)
{
    return event ? &event->doc : NULL;
}

/* --- one value --- */

static const char *text_get(const struct slc_doc *doc, struct sl_json_val v, size_t *len)
{
    if (len) {
        *len = 0;
    }
    return sl_json_is_present(v) ? slc_doc_text(doc, v, len) : NULL;
}

static const char *string_get(const struct slc_doc *doc, struct sl_json_val v, size_t *len)
{
    return text_get(doc, sl_json_is(v, SL_JSON_STRING) ? v : SL_JSON_ABSENT, len);
}

static int kind_get(struct sl_json_val v)
{
    static const char kinds[] = {
        [SL_JSON_NULL] = '0',   [SL_JSON_FALSE] = 'b', [SL_JSON_TRUE] = 'b',  [SL_JSON_NUMBER] = 'n',
        [SL_JSON_STRING] = 's', [SL_JSON_ARRAY] = 'l', [SL_JSON_OBJECT] = 'o'
    };
    return sl_json_is_present(v) ? kinds[sl_json_tok(v)->kind] : 0;
}

static int int_get(struct sl_json_val v, int64_t *value)
{
    int64_t n;
    return sl_json_int(v, true, value ? value : &n) == 0;
}

static int double_get(struct sl_json_val v, double *value)
{
    double d;
    return sl_json_double(v, value ? value : &d) == 0;
}

static int bool_get(struct sl_json_val v, int *value)
{
    bool is_true;
    if (sl_json_bool(v, &is_true) < 0) {
        return 0;
    }
    if (value) {
        *value = is_true;
    }
    return 1;
}

static const char *key_get(const struct slc_doc *doc, struct sl_json_val object, size_t index)
{
    if (sl_json_is(object, SL_JSON_OBJECT)) {
        for (struct sl_json_iter it = sl_json_each(object); sl_json_next(&it);) {
            if (it.index == index) {
                return slc_doc_text(doc, it.key, NULL);
            }
        }
    }
    return NULL;
}

/* --- results --- */

const char *sluice_json_get(const sluice_result *result, const char *path, size_t *len)
{
    return text_get(doc_of(result), at(doc_of(result), path), len);
}

const char *sluice_json_str(const sluice_result *result, const char *path, size_t *len)
{
    return string_get(doc_of(result), at(doc_of(result), path), len);
}

int sluice_json_kind(const sluice_result *result, const char *path)
{
    return kind_get(at(doc_of(result), path));
}

size_t sluice_json_count(const sluice_result *result, const char *path)
{
    return sl_json_count(at(doc_of(result), path));
}

int sluice_json_int(const sluice_result *result, const char *path, int64_t *value)
{
    return int_get(at(doc_of(result), path), value);
}

int sluice_json_double(const sluice_result *result, const char *path, double *value)
{
    return double_get(at(doc_of(result), path), value);
}

int sluice_json_bool(const sluice_result *result, const char *path, int *value)
{
    return bool_get(at(doc_of(result), path), value);
}

const char *sluice_json_key(const sluice_result *result, const char *path, size_t index)
{
    return key_get(doc_of(result), at(doc_of(result), path), index);
}

int sluice_json_parse(const char *json, size_t len, sluice_result **result, sluice_error **err)
{
    static const struct sl_alloc libc = { NULL, NULL };
    if (!json || !result) {
        return slc_fail(&libc, err, SLUICE_EUSAGE, "%s is NULL", json ? "result" : "json");
    }
    struct sluice_result *made = slc_result_new(&libc);
    struct sl_err why = { 0 };
    int r = made ? 0 : SL_E_NOMEM;
    if (made) {
        made->body = SL_BUF_INIT(SIZE_MAX / 2);
        sl_buf_add(&made->body, json, len == SLUICE_NUL_TERMINATED ? strlen(json) : len);
        r = slc_result_read(made, SLC_JSON, NULL, &why);
    }
    if (r < 0) {
        sluice_result_free(made);
        return r == SL_E_NOMEM ? slc_fail(&libc, err, SLUICE_ENOMEM, "out of memory")
                               : slc_fail(&libc, err, SLUICE_EUSAGE, "%s", why.text);
    }
    *result = made;
    return 0;
}

/* --- events --- */

const char *sluice_event_json(const sluice_event *event, size_t *len)
{
    if (len) {
        *len = event ? event->doc.json.text.n : 0;
    }
    return event ? event->doc.json.text.p : "";
}

const char *sluice_event_name(const sluice_event *event)
{
    return event && event->name ? event->name : "";
}

const char *sluice_event_text(const sluice_event *event, size_t *len)
{
    if (len) {
        *len = event ? event->text_len : 0;
    }
    return event ? event->text : NULL;
}

const char *sluice_event_finish_reason(const sluice_event *event)
{
    return event ? event->finish_reason : NULL;
}

int sluice_event_usage(const sluice_event *event, sluice_usage *usage)
{
    return slc_usage_give(event && event->has_usage ? &event->usage : NULL, usage);
}

int sluice_event_tokens(const sluice_event *event, sluice_tokens *tokens)
{
    return slc_tokens_give(event && event->has_usage ? &event->usage : NULL, tokens);
}

const char *sluice_event_get(const sluice_event *event, const char *path, size_t *len)
{
    return text_get(doc_in(event), at(doc_in(event), path), len);
}

const char *sluice_event_str(const sluice_event *event, const char *path, size_t *len)
{
    return string_get(doc_in(event), at(doc_in(event), path), len);
}

int sluice_event_kind(const sluice_event *event, const char *path)
{
    return kind_get(at(doc_in(event), path));
}

size_t sluice_event_count(const sluice_event *event, const char *path)
{
    return sl_json_count(at(doc_in(event), path));
}

int sluice_event_int(const sluice_event *event, const char *path, int64_t *value)
{
    return int_get(at(doc_in(event), path), value);
}

int sluice_event_double(const sluice_event *event, const char *path, double *value)
{
    return double_get(at(doc_in(event), path), value);
}

int sluice_event_bool(const sluice_event *event, const char *path, int *value)
{
    return bool_get(at(doc_in(event), path), value);
}

const char *sluice_event_key(const sluice_event *event, const char *path, size_t index)
{
    return key_get(doc_in(event), at(doc_in(event), path), index);
}

/* --- usage --- */

bool slc_doc_usage(const struct slc_doc *doc, sluice_tokens *ret)
{
    *ret = (sluice_tokens){ sizeof(*ret), -1, -1, -1, -1, -1 };
    const struct {
        const char *path;
        int64_t *to;
    } rows[] = {
        { "usage.prompt_tokens", &ret->prompt },
        { "usage.completion_tokens", &ret->completion },
        { "usage.total_tokens", &ret->total },
        { "usage.prompt_tokens_details.cached_tokens", &ret->cached },
        { "usage.completion_tokens_details.reasoning_tokens", &ret->reasoning },
    };
    bool has_any = false;
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        has_any |= sl_json_int(at(doc, rows[i].path), true, rows[i].to) == 0;
    }
    return has_any;
}

int slc_usage_give(const sluice_tokens *from, sluice_usage *usage)
{
    if (from && usage) {
        *usage = (sluice_usage){ from->prompt, from->completion, from->total };
    }
    return from != NULL;
}

/* Writes as much as the program's structure has room for; members that only a later library knows stay unchanged. */
int slc_tokens_give(const sluice_tokens *from, sluice_tokens *tokens)
{
    if (!from) {
        return 0;
    }
    size_t skip = offsetof(sluice_tokens, prompt);
    if (tokens && tokens->size > skip) {
        size_t n = SL_MIN(tokens->size, sizeof(*tokens)) - skip;
        memcpy((char *)tokens + skip, (const char *)from + skip, n - n % sizeof(int64_t));
    }
    return 1;
}

/* --- embeddings --- */

/* The one with the server's `index`; nearly always it is also at that place. */
static struct sl_json_val embedding_find(const sluice_result *result, size_t index)
{
    struct sl_json_val list = at(doc_of(result), "data"), here = SL_JSON_ABSENT;
    int64_t n;
    if (!sl_json_is(list, SL_JSON_ARRAY)) {
        return SL_JSON_ABSENT;
    }
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        bool says = sl_json_int(sl_json_get(it.val, "index"), true, &n) == 0;
        if (says && n >= 0 && (uint64_t)n == index) {
            return sl_json_get(it.val, "embedding");
        }
        if (!says && it.index == index) {
            here = sl_json_get(it.val, "embedding");
        }
    }
    return here;
}

static size_t list_read(struct sl_json_val list, float *values, size_t cap)
{
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        double d;
        if (sl_json_double(it.val, &d) < 0) {
            return 0;
        }
        if (it.index < cap) {
            values[it.index] = (float)d;
        }
    }
    return sl_json_count(list);
}

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at_digit = c ? strchr(digits, c) : NULL;
    return at_digit ? (int)(at_digit - digits) : -1;
}

/* "encoding_format": "base64": floats of 4 bytes, little-endian. */
static size_t base64_read(const char *text, size_t n, float *values, size_t cap)
{
    uint32_t bits = 0, word = 0;
    size_t n_bits = 0, n_bytes = 0;
    while (n && text[n - 1] == '=') {
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0) {
            return 0;
        }
        bits = bits << 6 | (uint32_t)digit;
        n_bits += 6;
        if (n_bits < 8) {
            continue;
        }
        n_bits -= 8;
        word = word >> 8 | (bits >> n_bits & 0xff) << 24;
        n_bytes++;
        if (n_bytes % 4 == 0 && n_bytes / 4 <= cap) {
            memcpy(&values[n_bytes / 4 - 1], &word, sizeof(word));
        }
    }
    return n_bytes % 4 ? 0 : n_bytes / 4;
}

size_t sluice_result_embedding_count(const sluice_result *result)
{
    struct sl_json_val list = at(doc_of(result), "data");
    return sl_json_is(list, SL_JSON_ARRAY) && kind_get(at(doc_of(result), "data[0].embedding")) ? sl_json_count(list)
                                                                                                : 0;
}

size_t sluice_result_embedding(const sluice_result *result, size_t index, float *values, size_t cap)
{
    struct sl_json_val v = embedding_find(result, index);
    cap = values ? cap : 0;
    if (sl_json_is(v, SL_JSON_ARRAY)) {
        return list_read(v, values, cap);
    }
    size_t n;
    const char *text = sl_json_is(v, SL_JSON_STRING) ? slc_doc_text(doc_of(result), v, &n) : NULL;
    return text ? base64_read(text, n, values, cap) : 0;
}
