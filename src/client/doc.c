/* SPDX-License-Identifier: Apache-2.0 */
/* A parsed JSON text whose strings can be returned decoded and NUL-terminated. A decoded string is never longer than
 * its JSON, and a scalar always has a byte behind it (a quote, a comma, a bracket, the end's NUL), so a second buffer
 * of the text's length holds every decoded value at its own offset. */
#include "client/priv.h"

#include <string.h>

/* At most 128 MiB of tape, whatever a server sends; 2,048 embeddings of 3,072 numbers are six million tokens. */
#define TOKENS_MAX (8u << 20)

/* Every token except the first has one of these before it, so their count bounds the tape: it is allocated once, with
 * the caller's allocator. (In strings they make the bound larger than needed.) */
static size_t tokens_bound(struct sl_str text)
{
    size_t n = 1;
    for (size_t i = 0; i < text.n && n < TOKENS_MAX; i++) {
        char c = text.p[i];
        n += c == ',' || c == ':' || c == '[' || c == '{';
    }
    return n;
}

static void texts_decode(struct slc_doc *doc, struct sl_str text)
{
    memcpy(doc->texts, text.p, text.n);
    doc->texts[text.n] = '\0';
    for (uint32_t i = 0; i < doc->json.n_toks; i++) {
        const struct sl_json_tok *tok = &doc->json.toks[i];
        if (tok->kind == SL_JSON_ARRAY || tok->kind == SL_JSON_OBJECT) {
            continue;
        }
        size_t n = tok->len;
        if (tok->kind == SL_JSON_STRING && tok->escaped) {
            n = sl_json_decode((struct sl_json_val){ &doc->json, i }, doc->texts + tok->off);
            /* 0xff is no byte of UTF-8: counting these from the end back to the NUL gives the length, whatever the text
             * has. */
            memset(doc->texts + tok->off + n, 0xff, tok->len - n + 1);
        }
        doc->texts[tok->off + n] = '\0';
    }
}

int slc_doc_parse(struct slc_doc *doc, const struct sl_alloc *alloc, struct sl_str text, bool copies)
{
    *doc = (struct slc_doc){ 0 };
    size_t bound = tokens_bound(text);
    if (text.n >= UINT32_MAX) {
        return SL_E_INVAL;
    }
    size_t tape = bound * sizeof(struct sl_json_tok);
    size_t copy = copies ? text.n + 1 : 0;
    char *mem = sl_alloc_resize(alloc, NULL, tape + copy + text.n + 1);
    if (!mem) {
        return SL_E_NOMEM;
    }
    if (copies) {
        memcpy(mem + tape, text.p, text.n);
        mem[tape + text.n] = '\0';
        text.p = mem + tape;
    }
    doc->mem = mem;
    doc->texts = mem + tape + copy;
    sl_json_init(&doc->json, &(struct sl_json_limits){ SL_JSON_DEPTH_MAX, (uint32_t)bound, 0 });
    doc->json.toks = (struct sl_json_tok *)(void *)mem;
    doc->json.cap = (uint32_t)bound;
    int r = sl_json_parse(&doc->json, text);
    if (r < 0) {
        sl_alloc_free(alloc, mem);
        doc->mem = NULL;
        doc->json.toks = NULL;
        return r == SL_E_NOMEM ? r : SL_E_INVAL;
    }
    texts_decode(doc, text);
    return 0;
}

void slc_doc_done(struct slc_doc *doc, const struct sl_alloc *alloc)
{
    sl_alloc_free(alloc, doc->mem);
    *doc = (struct slc_doc){ 0 };
}

const char *slc_doc_text(const struct slc_doc *doc, struct sl_json_val v, size_t *ret_len)
{
    if (!sl_json_is_present(v)) {
        return NULL;
    }
    const struct sl_json_tok *tok = sl_json_tok(v);
    const char *text = doc->texts + tok->off;
    size_t len = tok->len;
    if (tok->kind == SL_JSON_ARRAY || tok->kind == SL_JSON_OBJECT) {
        text = doc->json.text.p + tok->off;
    } else if (tok->kind == SL_JSON_STRING && tok->escaped) {
        while ((unsigned char)text[len] == 0xff) {
            len--;
        }
    }
    if (ret_len) {
        *ret_len = len;
    }
    return text;
}

const char *slc_doc_member(const struct slc_doc *doc, struct sl_json_val object, const char *key)
{
    struct sl_json_val v = sl_json_get(object, key);
    return sl_json_is(v, SL_JSON_STRING) ? slc_doc_text(doc, v, NULL) : NULL;
}
