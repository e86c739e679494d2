/* SPDX-License-Identifier: Apache-2.0 */
/* The BIO between OpenSSL and a stream. It owns no memory: it reads from bytes in the loop's read buffer, and writes
 * into a buffer that the connections of a loop share. */
#ifndef SL_NET_TLS_BIO_H
#define SL_NET_TLS_BIO_H

#include <openssl/bio.h>

#include "base/buf.h"

struct sl_tls_io {
    struct sl_str in;   /* ciphertext that was not taken yet; none: "retry" */
    struct sl_buf *out; /* ciphertext to be sent */
};

/* `io` must outlive it. NULL when out of memory. */
BIO *sl_tls_bio_new(struct sl_tls_io *io);

#endif
