/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_bio.h"

#include <pthread.h>

static BIO_METHOD *method;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int on_read(BIO *bio, char *p, int n)
{
    struct sl_tls_io *io = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (n <= 0 || io->in.n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t take = SL_MIN((size_t)n, io->in.n);
    memcpy(p, io->in.p, take);
    io->in.p += take;
    io->in.n -= take;
    return (int)take;
}

static int on_write(BIO *bio, const char *p, int n)
{
    struct sl_tls_io *io = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (n <= 0) {
        return 0;
    }
    sl_buf_add(io->out, p, (size_t)n);
    return sl_buf_status(io->out) < 0 ? -1 : n;
}

static long on_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    (void)bio;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

static void method_make(void)
{
    BIO_METHOD *made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    if (made && BIO_meth_set_read(made, on_read) && BIO_meth_set_write(made, on_write) &&
        BIO_meth_set_ctrl(made, on_ctrl)) {
        method = made;
    } else {
        BIO_meth_free(made);
    }
}

BIO *sl_tls_bio_new(struct sl_tls_io *io)
{
    pthread_once(&once, method_make);
    BIO *bio = method ? BIO_new(method) : NULL;
    if (bio) {
        BIO_set_data(bio, io);
        BIO_set_init(bio, 1);
    }
    return bio;
}
