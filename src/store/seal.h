/* SPDX-License-Identifier: Apache-2.0 */
/* Encryption of stored secrets: AES-256-GCM with a new nonce each time, bound to a name (the associated data).
 * Fingerprints tell two secrets apart without showing them. There is one master key; a key for each use is derived from
 * it. */
#ifndef SL_STORE_SEAL_H
#define SL_STORE_SEAL_H

#include "base/str.h"

struct sl_buf;
struct sl_err;

#define SL_SEAL_KEY_BYTES  32
#define SL_SEAL_NONCE      12
#define SL_SEAL_TAG        16
#define SL_SEAL_OVERHEAD   (1 + SL_SEAL_NONCE + SL_SEAL_TAG) /* a version byte comes before them */
#define SL_FINGERPRINT_LEN 32                                /* hexadecimal digits */

struct sl_seal {
    bool is_set;
    unsigned char master[SL_SEAL_KEY_BYTES];
    unsigned char seal[SL_SEAL_KEY_BYTES];  /* derived: for AES-GCM */
    unsigned char print[SL_SEAL_KEY_BYTES]; /* derived: for fingerprints */
};

/* 64 hexadecimal digits are the key itself; any other text of at least 16 bytes is hashed to one. SL_E_INVAL for a
 * shorter text. */
SL_MUST int sl_seal_set(struct sl_seal *seal, struct sl_str text, struct sl_err *err);
/* A new random key, and its 64 digits for the file. */
SL_MUST int sl_seal_make(struct sl_seal *seal, char out[SL_SEAL_KEY_BYTES * 2 + 1]);
void sl_seal_done(struct sl_seal *seal); /* wipes */

/* Appends version, nonce, ciphertext and tag of `plain`. */
SL_MUST int sl_seal_close(const struct sl_seal *seal, struct sl_str name, struct sl_str plain, struct sl_buf *out);
/* Appends the plain text; the caller wipes it. SL_E_KEY: it was not sealed with this key, or it was sealed for another
 * name. */
SL_MUST int sl_seal_open(const struct sl_seal *seal, struct sl_str name, struct sl_str sealed, struct sl_buf *out);

/* HMAC-SHA-256 of the secret: the first 128 bits, with a NUL behind them. */
SL_MUST int sl_seal_fingerprint(const struct sl_seal *seal, struct sl_str secret, char out[SL_FINGERPRINT_LEN + 1]);

#endif
