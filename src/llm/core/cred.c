/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/cred.h"

#include <openssl/evp.h>

#include "base/word.h"
#include "llm/core/prepare.h"

struct sl_str sl_cred_identity(struct sl_arena *arena, const struct sl_str *texts, size_t n)
{
    unsigned char *out = (unsigned char *)sl_arena_bytes(arena, 32);
    EVP_MD_CTX *ctx = out ? EVP_MD_CTX_new() : NULL;
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; i < n && ok; i++) {
        /* the length first: different lists of texts have different bytes */
        ok = EVP_DigestUpdate(ctx, &texts[i].n, sizeof(texts[i].n)) == 1 &&
             EVP_DigestUpdate(ctx, texts[i].n ? texts[i].p : "", texts[i].n) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return ok ? sl_str_make((const char *)out, 32) : SL_STR_NONE;
}

#define WORD_MAX 48
#define SAID_MAX 256

struct sl_str sl_cred_said(struct sl_str text)
{
    text = sl_str_trim(text);
    return text.n ? sl_str_sub(text, 0, sl_utf8_fit(text, SAID_MAX)) : SL_STR("");
}

struct sl_str sl_cred_word(struct sl_str text)
{
    bool is_word = text.n <= WORD_MAX;
    for (size_t i = 0; i < text.n && is_word; i++) {
        unsigned char low = (unsigned char)text.p[i] | 0x20;
        is_word = (low >= 'a' && low <= 'z') || text.p[i] == '_' || text.p[i] == '.' || text.p[i] == '-';
    }
    return is_word ? text : SL_STR("");
}

struct sl_str sl_cred_line(struct sl_str file)
{
    while (file.n && (file.p[file.n - 1] == '\n' || file.p[file.n - 1] == '\r')) {
        file.n--;
    }
    return sl_str_trim(file);
}

int sl_cred_may_borrow(struct sl_bind *bind, const struct sl_val *val, const char *key)
{
    if (bind->resolve) {
        return 0; /* of the file: its secrets are resolved already */
    }
    return SL_PREPARE_FAIL(bind, val, key,
                           "%s: only routes of the configuration file may use the identity of this machine", key);
}
