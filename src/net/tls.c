/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/list.h"
#include "base/map.h"

#define SESSIONS_MAX 1000

/* The latest session with one peer. */
struct session {
    struct sl_link link;
    SSL_SESSION *ssl;
    char key[]; /* "host:port" */
};

SL_LIST_HEAD(session_list);
SL_LIST_FUNCTIONS(session_list, struct session, link);

struct sl_tls_ctx {
    atomic_uint refs;
    SSL_CTX *ssl;
    pthread_mutex_t lock; /* guards the two below */
    struct sl_map by_key;
    struct session_list sessions; /* least recently stored first */
};

void sl_tls_error_text(char *out, size_t n, const char *what)
{
    unsigned long code = ERR_peek_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    snprintf(out, n, "TLS: %s%s%s", what, reason ? ": " : "", reason ? reason : "");
    ERR_clear_error();
}

/* --- failed handshakes --- */

static const char *const failure_words[] = { "version", "cipher", "refused", "closed", "other" };
static atomic_uint_least64_t failures[SL_TLS_FAILURE_COUNT];

const char *sl_tls_failure_word(enum sl_tls_failure failure)
{
    return failure_words[failure];
}

uint64_t sl_tls_failures(enum sl_tls_failure failure)
{
    return atomic_load_explicit(&failures[failure], memory_order_relaxed);
}

static enum sl_tls_failure failure_of(unsigned long code)
{
    int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
    switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
        return SL_TLS_VERSION;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
        return SL_TLS_CIPHER;
    default:
        return reason >= SSL_AD_REASON_OFFSET ? SL_TLS_REFUSED : SL_TLS_OTHER;
    }
}

void sl_tls_failure_count(bool is_closed)
{
    enum sl_tls_failure failure = is_closed ? SL_TLS_CLOSED : failure_of(ERR_peek_error());
    atomic_fetch_add_explicit(&failures[failure], 1, memory_order_relaxed);
}

/* --- sessions of clients --- */

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static int key_index = -1; /* index of the key in an SSL */
static int ctx_index = -1; /* index of our context in an SSL_CTX */

static void indexes_make(void)
{
    key_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

int sl_tls_key_index(void)
{
    pthread_once(&key_once, indexes_make);
    return key_index;
}

/* The lock is held. */
static void session_forget(struct sl_tls_ctx *ctx, struct session *session)
{
    session_list_remove(&ctx->sessions, session);
    sl_map_remove(&ctx->by_key, sl_str_c(session->key));
    SSL_SESSION_free(session->ssl);
    free(session);
}

/* The lock is held; takes `ssl` on every path. */
static void session_put(struct sl_tls_ctx *ctx, const char *key, SSL_SESSION *ssl)
{
    struct session *session = sl_map_find(&ctx->by_key, sl_str_c(key));
    if (session) {
        SSL_SESSION_free(session->ssl);
        session->ssl = ssl;
        session_list_remove(&ctx->sessions, session);
        session_list_add(&ctx->sessions, session);
        return;
    }
    if (ctx->sessions.n >= SESSIONS_MAX) {
        session_forget(ctx, session_list_first(&ctx->sessions));
    }
    size_t n = strlen(key) + 1;
    session = calloc(1, sizeof(*session) + n);
    if (session) {
        memcpy(session->key, key, n);
        session->ssl = ssl;
        if (sl_map_put(&ctx->by_key, sl_str_c(session->key), session) == 0) {
            session_list_add(&ctx->sessions, session);
            return;
        }
    }
    /* Without memory the next handshake is a full one. */
    free(session);
    SSL_SESSION_free(ssl);
}

/* OpenSSL changes a session that a connection uses (it marks it as not resumable when the connection breaks), and
 * connections of several threads share this cache. So it stores copies and returns copies. */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    const char *key = SSL_get_ex_data(ssl, key_index);
    struct sl_tls_ctx *ctx = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ctx_index);
    SSL_SESSION *copy = key && SSL_SESSION_is_resumable(session) ? SSL_SESSION_dup(session) : NULL;
    if (copy) {
        pthread_mutex_lock(&ctx->lock);
        session_put(ctx, key, copy);
        pthread_mutex_unlock(&ctx->lock);
    }
    return 0; /* no reference was taken */
}

SSL_SESSION *sl_tls_session_get(struct sl_tls_ctx *ctx, struct sl_str key)
{
    pthread_mutex_lock(&ctx->lock);
    struct session *session = sl_map_find(&ctx->by_key, key);
    SSL_SESSION *copy = session ? SSL_SESSION_dup(session->ssl) : NULL;
    pthread_mutex_unlock(&ctx->lock);
    return copy;
}

void sl_tls_session_drop(struct sl_tls_ctx *ctx, struct sl_str key)
{
    pthread_mutex_lock(&ctx->lock);
    struct session *session = sl_map_find(&ctx->by_key, key);
    if (session) {
        session_forget(ctx, session);
    }
    pthread_mutex_unlock(&ctx->lock);
}

/* --- contexts --- */

SSL_CTX *sl_tls_ctx_ssl(struct sl_tls_ctx *ctx)
{
    return ctx->ssl;
}

struct sl_tls_ctx *sl_tls_ctx_ref(struct sl_tls_ctx *ctx)
{
    atomic_fetch_add_explicit(&ctx->refs, 1, memory_order_relaxed);
    return ctx;
}

void sl_tls_ctx_unref(struct sl_tls_ctx *ctx)
{
    if (!ctx || atomic_fetch_sub_explicit(&ctx->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    while (ctx->sessions.first) {
        session_forget(ctx, session_list_first(&ctx->sessions));
    }
    sl_map_done(&ctx->by_key);
    SSL_CTX_free(ctx->ssl);
    pthread_mutex_destroy(&ctx->lock);
    free(ctx);
}

/* The common part of client and server contexts. */
static struct sl_tls_ctx *ctx_new(const SSL_METHOD *method)
{
    struct sl_tls_ctx *ctx = calloc(1, sizeof(*ctx));
    if (!ctx) {
        return NULL;
    }
    pthread_once(&key_once, indexes_make);
    atomic_init(&ctx->refs, 1);
    if (pthread_mutex_init(&ctx->lock, NULL) != 0) {
        free(ctx);
        return NULL;
    }
    ctx->ssl = SSL_CTX_new(method);
    if (key_index < 0 || ctx_index < 0 || !ctx->ssl || !SSL_CTX_set_ex_data(ctx->ssl, ctx_index, ctx) ||
        !SSL_CTX_set_min_proto_version(ctx->ssl, TLS1_2_VERSION)) {
        sl_tls_ctx_unref(ctx);
        return NULL;
    }
    SSL_CTX_set_options(ctx->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx->ssl,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return ctx;
}

static int ctx_fail(struct sl_tls_ctx *ctx, struct sl_err *err, int code, const char *what, const char *path)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = error ? ERR_reason_error_string(error) : NULL;
    sl_fail(err, code, "%s%s%s%s%s", what, path ? " " : "", path ? path : "", reason ? ": " : "", reason ? reason : "");
    ERR_clear_error();
    sl_tls_ctx_unref(ctx);
    return code;
}

/* Reports a file that cannot be read with the system's words. */
static bool file_is_readable(const char *path, const char *what, struct sl_err *err)
{
    struct stat st;
    const char *why = NULL;
    /* Opening a pipe would wait for its other end; and the file is read twice. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0) {
        why = strerror(errno);
    } else if (!S_ISREG(st.st_mode)) {
        why = "it is no regular file";
    } else if (st.st_size == 0) {
        why = "it is empty";
    }
    if (why) {
        sl_fail(err, SL_E_IO, "cannot read %s %s: %s", what, path, why);
    }
    if (fd >= 0) {
        close(fd);
    }
    return !why;
}

/* A key with a passphrase is refused: a daemon has nobody to ask. */
static int on_passphrase(char *out, int size, int is_write, void *arg)
{
    (void)out;
    (void)size;
    (void)is_write;
    (void)arg;
    return 0;
}

static const unsigned char alpn_http11[] = "\x08http/1.1";
#define ALPN_HTTP11_LEN ((unsigned)sizeof(alpn_http11) - 1)

static int on_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_n, const unsigned char *in, unsigned n,
                   void *arg)
{
    (void)ssl;
    (void)arg;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, ret_n, alpn_http11, ALPN_HTTP11_LEN, in, n) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301, 3.2 */
    }
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* NULL: they are in use; else what is wrong, and with which file. */
static const char *cert_use(SSL_CTX *ssl, const char *cert_path, const char *key_path, const char **ret_path)
{
    SSL_CTX_set_default_passwd_cb(ssl, on_passphrase);
    *ret_path = cert_path;
    if (SSL_CTX_use_certificate_chain_file(ssl, cert_path) != 1) {
        return "no usable TLS certificate (PEM) in";
    }
    *ret_path = key_path;
    if (SSL_CTX_use_PrivateKey_file(ssl, key_path, SSL_FILETYPE_PEM) != 1) {
        return "no usable TLS key (PEM, without passphrase, for the certificate) in";
    }
    return SSL_CTX_check_private_key(ssl) == 1 ? NULL : "the TLS certificate is not for the key in";
}

int sl_tls_ctx_new_server(const char *cert_path, const char *key_path, struct sl_tls_ctx **ret, struct sl_err *err)
{
    if (!file_is_readable(cert_path, "the TLS certificate", err) || !file_is_readable(key_path, "the TLS key", err)) {
        return SL_E_IO;
    }
    ERR_clear_error();
    struct sl_tls_ctx *ctx = ctx_new(TLS_server_method());
    if (!ctx) {
        return ctx_fail(ctx, err, SL_E_NOMEM, "cannot set up TLS", NULL);
    }
    /* TLS 1.2 with forward secrecy and authenticated encryption only. */
    if (SSL_CTX_set_cipher_list(ctx->ssl, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
        return ctx_fail(ctx, err, SL_E_NOMEM, "cannot set up TLS", NULL);
    }
    SSL_CTX_set_session_cache_mode(ctx->ssl, SSL_SESS_CACHE_OFF); /* tickets need no memory here */
    SSL_CTX_set_options(ctx->ssl, SSL_OP_CLEANSE_PLAINTEXT);      /* requests may have credentials */
    SSL_CTX_set_alpn_select_cb(ctx->ssl, on_alpn, NULL);
    const char *path, *fault = cert_use(ctx->ssl, cert_path, key_path, &path);
    if (fault) {
        return ctx_fail(ctx, err, SL_E_INVAL, fault, path);
    }
    *ret = ctx;
    return 0;
}

static uint64_t expiry_of(const X509 *cert)
{
    struct tm tm;
    int64_t sec = cert && ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) == 1 ? timegm(&tm) : 0;
    return sec > 0 ? (uint64_t)sec : 0;
}

uint64_t sl_tls_ctx_expiry(const struct sl_tls_ctx *ctx)
{
    STACK_OF(X509) *chain = NULL;
    uint64_t first = expiry_of(SSL_CTX_get0_certificate(ctx->ssl));
    SSL_CTX_get0_chain_certs(ctx->ssl, &chain);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        first = SL_MIN(first, expiry_of(sk_X509_value(chain, i)));
    }
    return first;
}

/* "5ed36f99.0": the form in which OpenSSL finds an authority in a folder. */
static bool name_is_hash(const char *name)
{
    return strspn(name, "0123456789abcdef") == 8 && strcmp(name + 8, ".0") == 0;
}

static bool folder_has_hashes(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) {
        return false;
    }
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL && !name_is_hash(entry->d_name)) {
    }
    closedir(folder);
    return entry != NULL;
}

/* Loads the system's authorities. Debian and others have them twice: in one file, which takes 20 ms and 1.4 MB to read,
 * and in a folder, from which OpenSSL reads one small file when a certificate first names that authority. The folder is
 * enough, unless the environment (SSL_CERT_FILE, SSL_CERT_DIR) names another place. */
static bool authorities_use(SSL_CTX *ssl)
{
    if (!getenv(X509_get_default_cert_file_env()) && !getenv(X509_get_default_cert_dir_env()) &&
        folder_has_hashes(X509_get_default_cert_dir())) {
        return SSL_CTX_set_default_verify_dir(ssl) == 1;
    }
    return SSL_CTX_set_default_verify_paths(ssl) == 1;
}

int sl_tls_ctx_new_client(const char *ca_path, const char *cert_path, const char *key_path, struct sl_tls_ctx **ret,
                          struct sl_err *err)
{
    if ((ca_path && !file_is_readable(ca_path, "the TLS authorities", err)) ||
        (cert_path && (!file_is_readable(cert_path, "the TLS certificate", err) ||
                       !file_is_readable(key_path, "the TLS key", err)))) {
        return SL_E_IO;
    }
    ERR_clear_error();
    struct sl_tls_ctx *ctx = ctx_new(TLS_client_method());
    if (!ctx) {
        return ctx_fail(ctx, err, SL_E_NOMEM, "cannot set up TLS", NULL);
    }
    if (!authorities_use(ctx->ssl)) {
        return ctx_fail(ctx, err, SL_E_IO, "cannot use the system's TLS authorities", NULL);
    }
    if (ca_path && SSL_CTX_load_verify_file(ctx->ssl, ca_path) != 1) {
        return ctx_fail(ctx, err, SL_E_INVAL, "no usable TLS authorities (PEM) in", ca_path);
    }
    const char *path, *fault = cert_path ? cert_use(ctx->ssl, cert_path, key_path, &path) : NULL;
    if (fault) {
        return ctx_fail(ctx, err, SL_E_INVAL, fault, path);
    }
    SSL_CTX_set_verify(ctx->ssl, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(ctx->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx->ssl, on_new_session);
    if (SSL_CTX_set_alpn_protos(ctx->ssl, alpn_http11, ALPN_HTTP11_LEN) != 0) {
        return ctx_fail(ctx, err, SL_E_NOMEM, "cannot set up TLS", NULL);
    }
    *ret = ctx;
    return 0;
}
