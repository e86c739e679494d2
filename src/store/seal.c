/* SPDX-License-Identifier: Apache-2.0 */
#include "store/seal.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/buf.h"
#include "base/random.h"
#include "base/secret.h"

#define SEAL_VERSION 1

static int derive(const unsigned char *master, const char *use, unsigned char *out)
{
    unsigned len = SL_SEAL_KEY_BYTES;
    return HMAC(EVP_sha256(), master, SL_SEAL_KEY_BYTES, (const unsigned char *)use, strlen(use), out, &len)
               ? 0
               : SL_E_NOMEM;
}

static int seal_ready(struct sl_seal *seal)
{
    int r = derive(seal->master, "sluice seal 1", seal->seal);
    r = r < 0 ? r : derive(seal->master, "sluice fingerprint 1", seal->print);
    seal->is_set = r == 0;
    return r;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

static bool hex_decode(struct sl_str text, unsigned char *out)
{
    if (text.n != SL_SEAL_KEY_BYTES * 2) {
        return false;
    }
    for (size_t i = 0; i < SL_SEAL_KEY_BYTES; i++) {
        int high = hex_value(text.p[i * 2]), low = hex_value(text.p[i * 2 + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static void hex_encode(const unsigned char *p, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[i * 2] = digits[p[i] >> 4];
        out[i * 2 + 1] = digits[p[i] & 15];
    }
    out[n * 2] = '\0';
}

int sl_seal_set(struct sl_seal *seal, struct sl_str text, struct sl_err *err)
{
    *seal = (struct sl_seal){ 0 };
    if (!hex_decode(text, seal->master)) {
        if (text.n < 16) {
            return sl_fail(err, SL_E_INVAL, "the secret key must be 64 hexadecimal digits (openssl rand -hex 32)");
        }
        unsigned len = SL_SEAL_KEY_BYTES;
        if (!EVP_Digest(text.p, text.n, seal->master, &len, EVP_sha256(), NULL)) {
            return sl_fail_nomem(err);
        }
    }
    return seal_ready(seal) < 0 ? sl_fail_nomem(err) : 0;
}

int sl_seal_make(struct sl_seal *seal, char out[SL_SEAL_KEY_BYTES * 2 + 1])
{
    *seal = (struct sl_seal){ 0 };
    sl_random_bytes(seal->master, sizeof(seal->master));
    hex_encode(seal->master, sizeof(seal->master), out);
    return seal_ready(seal);
}

void sl_seal_done(struct sl_seal *seal)
{
    sl_wipe(seal, sizeof(*seal));
    seal->is_set = false;
}

int sl_seal_close(const struct sl_seal *seal, struct sl_str name, struct sl_str plain, struct sl_buf *out)
{
    unsigned char nonce[SL_SEAL_NONCE];
    sl_random_bytes(nonce, sizeof(nonce));
    size_t before = out->len;
    if (plain.n > INT32_MAX || sl_buf_reserve(out, plain.n + SL_SEAL_OVERHEAD) < 0) {
        return SL_E_NOMEM;
    }
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char *at = (unsigned char *)out->p + before;
    *at++ = SEAL_VERSION;
    memcpy(at, nonce, sizeof(nonce));
    at += sizeof(nonce);
    int n = 0, tail = 0;
    bool ok = ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, seal->seal, nonce) &&
              EVP_EncryptUpdate(ctx, NULL, &n, (const unsigned char *)name.p, (int)name.n) &&
              EVP_EncryptUpdate(ctx, at, &n, (const unsigned char *)plain.p, (int)plain.n) &&
              EVP_EncryptFinal_ex(ctx, at + n, &tail) &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, SL_SEAL_TAG, at + plain.n);
    EVP_CIPHER_CTX_free(ctx);
    if (!ok) {
        return SL_E_NOMEM;
    }
    out->len = before + plain.n + SL_SEAL_OVERHEAD;
    return 0;
}

int sl_seal_open(const struct sl_seal *seal, struct sl_str name, struct sl_str sealed, struct sl_buf *out)
{
    if (sealed.n < SL_SEAL_OVERHEAD || sealed.n > INT32_MAX || sealed.p[0] != SEAL_VERSION) {
        return SL_E_KEY;
    }
    size_t n_plain = sealed.n - SL_SEAL_OVERHEAD, before = out->len;
    /* One byte more, so that an empty text has a place too. */
    if (sl_buf_reserve(out, n_plain + 1) < 0) {
        return SL_E_NOMEM;
    }
    const unsigned char *nonce = (const unsigned char *)sealed.p + 1, *at = nonce + SL_SEAL_NONCE;
    unsigned char tag[SL_SEAL_TAG];
    memcpy(tag, at + n_plain, sizeof(tag));
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (!ctx) {
        return SL_E_NOMEM;
    }
    int n = 0, tail = 0;
    unsigned char *to = (unsigned char *)out->p + before;
    bool ok = EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, seal->seal, nonce) &&
              EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)name.p, (int)name.n) &&
              EVP_DecryptUpdate(ctx, to, &n, at, (int)n_plain) &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, SL_SEAL_TAG, tag) &&
              EVP_DecryptFinal_ex(ctx, to + n, &tail) > 0;
    EVP_CIPHER_CTX_free(ctx);
    if (!ok) {
        sl_wipe(to, n_plain);
        return SL_E_KEY;
    }
    out->len = before + n_plain;
    return 0;
}

int sl_seal_fingerprint(const struct sl_seal *seal, struct sl_str secret, char out[SL_FINGERPRINT_LEN + 1])
{
    unsigned char mac[32];
    unsigned len = sizeof(mac);
    if (!HMAC(EVP_sha256(), seal->print, sizeof(seal->print), (const unsigned char *)secret.p, secret.n, mac, &len)) {
        return SL_E_NOMEM;
    }
    hex_encode(mac, SL_FINGERPRINT_LEN / 2, out);
    return 0;
}
