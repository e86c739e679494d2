/* SPDX-License-Identifier: Apache-2.0 */
#include "net_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/tls.h"
#include "net/tls_conn.h"

#define BIG (10 * 1024 * 1024)

/* --- certificates, made here --- */

static char dir[] = "/tmp/sluice-tls-XXXXXX";
static char cert_path[64], key_path[64], other_key_path[64], locked_key_path[64];

static void path_set(char out[64], const char *name)
{
    snprintf(out, 64, "%s/%s", dir, name);
}

static EVP_PKEY *key_write(const char *path, const char *passphrase)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(
        PEM_write_PrivateKey(file, key, passphrase ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL, (void *)passphrase), 1);
    fclose(file);
    return key;
}

static void cert_add(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(ext);
    assert_int_equal(X509_add_ext(cert, ext, -1), 1);
    X509_EXTENSION_free(ext);
}

static int setup_certs(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    path_set(cert_path, "cert.pem");
    path_set(key_path, "key.pem");
    path_set(other_key_path, "other.pem");
    path_set(locked_key_path, "locked.pem");
    EVP_PKEY_free(key_write(other_key_path, NULL));
    EVP_PKEY_free(key_write(locked_key_path, "secret"));
    EVP_PKEY *key = key_write(key_path, NULL);

    X509 *cert = X509_new();
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_set_pubkey(cert, key);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    cert_add(cert, NID_basic_constraints, "critical,CA:TRUE");
    cert_add(cert, NID_subject_alt_name, "DNS:api.example,IP:127.0.0.1");
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    FILE *file = fopen(cert_path, "we");
    assert_int_equal(PEM_write_X509(file, cert), 1);
    fclose(file);
    X509_free(cert);
    EVP_PKEY_free(key);
    return 0;
}

static int teardown_certs(void **state)
{
    (void)state;
    unlink(cert_path);
    unlink(key_path);
    unlink(other_key_path);
    unlink(locked_key_path);
    return rmdir(dir);
}

/* --- a pair of TLS streams --- */

static struct sl_tls_ctx *server_ctx, *client_ctx;

static int setup_tls(void **state)
{
    struct sl_err err;
    assert_int_equal(sl_tls_ctx_new_server(cert_path, key_path, &server_ctx, &err), 0);
    assert_int_equal(sl_tls_ctx_new_client(cert_path, NULL, NULL, &client_ctx, &err), 0);
    return setup_loop(state);
}

static int teardown_tls(void **state)
{
    sl_tls_ctx_unref(server_ctx);
    sl_tls_ctx_unref(client_ctx);
    return teardown_loop(state);
}

static void tls_start(struct peer *client, struct peer *server, const char *host)
{
    struct sl_err err;
    assert_int_equal(sl_stream_tls_server(&server->stream, server_ctx), 0);
    assert_int_equal(sl_stream_tls_client(&client->stream, client_ctx, sl_str_c(host), &err), 0);
}

static void tls_connect(struct peer *client, struct peer *server, struct sl_loop *loop, const char *host)
{
    peers_connect(client, server, loop, false);
    tls_start(client, server, host);
}

static void then_echo(struct peer *peer, struct sl_str bytes)
{
    assert_int_equal(sl_stream_write(&peer->stream, &bytes, 1), 0);
}

static void then_shut(struct peer *peer)
{
    sl_stream_shutdown(&peer->stream);
}

static char *pattern(size_t n)
{
    char *p = malloc(n);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        p[i] = (char)(i * 31 + (i >> 10));
    }
    return p;
}

static void test_echo_and_orderly_end(void **state)
{
    struct sl_loop *loop = *state;
    const char *hosts[] = { "api.example", "API.example.", "127.0.0.1" };
    for (size_t i = 0; i < SL_ARRAY_LEN(hosts); i++) {
        struct peer client, server;
        tls_connect(&client, &server, loop, hosts[i]);
        server.then_read = then_echo;
        server.then_eof = then_shut;
        sl_stream_read_start(&client.stream);
        sl_stream_read_start(&server.stream);
        /* Held until the handshake is done. */
        assert_false(sl_stream_is_secure_or_plain(&client.stream));
        assert_int_equal(peer_write(&client, "hello "), 0);
        assert_int_equal(client.stream.queued, 6);
        assert_int_equal(sl_stream_unsent(&client.stream) > 6, false);
        RUN_UNTIL(loop, client.got.len == 6);
        assert_true(sl_stream_is_secure_or_plain(&client.stream));
        assert_int_equal(client.n_drains, 1);
        assert_int_equal(client.stream.queued, 0);
        struct sl_str slices[] = { SL_STR("wo"), SL_STR(""), SL_STR("r"), SL_STR("ld") };
        assert_int_equal(sl_stream_write(&client.stream, slices, 4), 0);
        RUN_UNTIL(loop, client.got.len == 11);
        assert_memory_equal(client.got.p, "hello world", 11);
        assert_int_equal(server.n_reads, 2); /* one record a write */
        sl_stream_shutdown(&client.stream);
        assert_int_equal(peer_write(&client, "x"), SL_E_IO);
        RUN_UNTIL(loop, client.n_eofs == 1);
        assert_false(server.stream.is_truncated || client.stream.is_truncated);
        assert_int_equal(client.n_errors + server.n_errors, 0);
        assert_int_equal(server.n_eofs, 1);
        peers_done(&client, &server);
    }
}

static void test_shutdown_before_the_handshake_waits_for_what_is_held(void **state)
{
    struct sl_loop *loop = *state;
    struct peer client, server;
    tls_connect(&client, &server, loop, "api.example");
    sl_stream_read_start(&server.stream);
    assert_int_equal(peer_write(&client, "all of it"), 0);
    sl_stream_shutdown(&client.stream);
    RUN_UNTIL(loop, server.n_eofs == 1);
    assert_int_equal(server.got.len, 9);
    assert_false(server.stream.is_truncated);
    peers_done(&client, &server);
}

static void test_an_end_without_close_notify_is_truncated(void **state)
{
    struct sl_loop *loop = *state;
    struct peer client, server;
    tls_connect(&client, &server, loop, "api.example");
    sl_stream_read_start(&client.stream);
    sl_stream_read_start(&server.stream);
    assert_int_equal(peer_write(&client, "x"), 0);
    RUN_UNTIL(loop, server.got.len == 1);
    loop_spend(loop, 5000);
    peer_close(&server);
    RUN_UNTIL(loop, client.n_eofs == 1);
    assert_true(client.stream.is_truncated);
    assert_int_equal(client.n_errors, 0);
    peers_done(&client, &server);
}

static void test_big_bodies_both_ways(void **state)
{
    struct sl_loop *loop = *state;
    char *data = pattern(BIG);
    for (int is_ref = 0; is_ref < 2; is_ref++) {
        struct peer client, server;
        tls_connect(&client, &server, loop, "api.example");
        server.then_read = then_echo;
        struct sl_str slices[] = { { data, 10 }, { data + 10, 0 }, { data + 10, BIG - 30 }, { data + BIG - 20, 20 } };
        assert_int_equal((is_ref ? sl_stream_write_ref : sl_stream_write)(&client.stream, slices, 4), 0);
        assert_int_equal(client.stream.queued, BIG);
        sl_stream_read_start(&client.stream);
        sl_stream_read_start(&server.stream);
        size_t most = 0;
        uint64_t until = sl_loop_now(loop) + 60000000;
        while (client.got.len < BIG) {
            assert_true(sl_loop_now(loop) < until);
            loop_turn(loop);
            most = SL_MAX(most, uv_stream_get_write_queue_size(&client.stream.uv.stream));
        }
        assert_memory_equal(client.got.p, data, BIG);
        assert_int_equal(client.stream.queued, 0);
        assert_in_range(client.n_drains, 1, 3);
        assert_true(most < 100000); /* encrypted as it goes */
        assert_int_equal(sl_stream_unsent(&client.stream), 0);
        peers_done(&client, &server);
    }
    free(data);
}

static void test_one_byte_at_a_time(void **state)
{
    /* client ── a ~~ one byte a turn ~~ b ── server */
    struct sl_loop *loop = *state;
    struct peer client, a, b, server;
    peers_connect(&client, &a, loop, false);
    peers_connect(&b, &server, loop, false);
    tls_start(&client, &server, "api.example");
    server.then_read = then_echo;
    server.then_eof = then_shut;
    sl_stream_read_start(&client.stream);
    sl_stream_read_start(&server.stream);
    sl_stream_read_start(&a.stream);
    sl_stream_read_start(&b.stream);
    assert_int_equal(peer_write(&client, "ping"), 0);
    sl_stream_shutdown(&client.stream);
    size_t a_sent = 0, b_sent = 0;
    uint64_t until = sl_loop_now(loop) + 30000000;
    while (client.n_eofs == 0 && sl_loop_now(loop) < until) {
        if (a_sent < a.got.len) {
            struct sl_str byte = sl_str_make(a.got.p + a_sent++, 1);
            assert_int_equal(sl_stream_write(&b.stream, &byte, 1), 0);
        }
        if (b_sent < b.got.len) {
            struct sl_str byte = sl_str_make(b.got.p + b_sent++, 1);
            assert_int_equal(sl_stream_write(&a.stream, &byte, 1), 0);
        }
        loop_turn(loop);
    }
    assert_int_equal(client.n_eofs, 1);
    assert_int_equal(client.got.len, 4);
    assert_memory_equal(client.got.p, "ping", 4);
    assert_false(client.stream.is_truncated);
    peers_done(&client, &a);
    peers_done(&b, &server);
}

static void then_stop(struct peer *peer, struct sl_str bytes)
{
    (void)bytes;
    sl_stream_read_stop(&peer->stream);
}

static void test_read_stop_holds_back_and_loses_nothing(void **state)
{
    struct sl_loop *loop = *state;
    struct peer client, server;
    tls_connect(&client, &server, loop, "api.example");
    char *data = pattern(1000000);
    struct sl_str slice = { data, 1000000 };
    server.then_read = then_stop;
    assert_int_equal(sl_stream_write_ref(&client.stream, &slice, 1), 0);
    sl_stream_shutdown(&client.stream);
    /* The handshake goes on when nobody reads; nothing is delivered. */
    RUN_UNTIL(loop, sl_stream_is_secure_or_plain(&server.stream));
    loop_spend(loop, 5000);
    assert_int_equal(server.n_reads, 0);
    char into[50000];
    bool was_into = false;
    for (int i = 1; server.got.len < 1000000; i++) {
        if (server.got.len > 300000 && !was_into) {
            was_into = true;
            size_t before = server.got.len;
            sl_stream_read_into(&server.stream, into, sizeof(into));
            while (server.stream.into_len) {
                sl_stream_read_start(&server.stream);
                loop_turn(loop);
            }
            assert_true(server.got.len == before + sizeof(into));
            assert_memory_equal(into, data + before, sizeof(into));
            i = server.n_reads;
            continue;
        }
        sl_stream_read_start(&server.stream);
        RUN_UNTIL(loop, server.n_reads == i);
        assert_false(server.stream.is_reading);
        loop_turn(loop);
        assert_int_equal(server.n_reads, i);
    }
    assert_memory_equal(server.got.p, data, 1000000);
    assert_int_equal(server.n_eofs, 0); /* it was not reading */
    sl_stream_read_start(&server.stream);
    RUN_UNTIL(loop, server.n_eofs == 1);
    assert_false(server.stream.is_truncated);
    peers_done(&client, &server);
    free(data);
}

static void test_the_wrong_certificate_is_refused(void **state)
{
    struct sl_loop *loop = *state;
    struct {
        const char *host;
        bool is_unknown;
        const char *why;
    } cases[] = {
        { "other.example", false, "hostname mismatch" },
        { "127.0.0.2", false, "IP address mismatch" },
        { "api.example", true, "self-signed certificate; upstream.ca may name the file of its authority" },
    };
    struct sl_tls_ctx *strangers;
    struct sl_err err;
    assert_int_equal(sl_tls_ctx_new_client(NULL, NULL, NULL, &strangers, &err), 0);
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct peer client, server;
        peers_connect(&client, &server, loop, false);
        assert_int_equal(sl_stream_tls_server(&server.stream, server_ctx), 0);
        assert_int_equal(sl_stream_tls_client(&client.stream, cases[i].is_unknown ? strangers : client_ctx,
                                              sl_str_c(cases[i].host), &err),
                         0);
        sl_stream_read_start(&client.stream);
        sl_stream_read_start(&server.stream);
        assert_int_equal(peer_write(&client, "secret"), 0);
        RUN_UNTIL(loop, client.n_errors == 1 && server.n_errors == 1);
        struct sl_addr addr;
        sl_stream_peer(&client.stream, &addr);
        char want[200];
        snprintf(want, sizeof(want), "TLS: certificate of %s:%u not accepted: %s", cases[i].host, addr.port,
                 cases[i].why);
        assert_string_equal(client.error, want);
        assert_non_null(strstr(server.error, "TLS: handshake failed: "));
        assert_int_equal(server.got.len, 0);
        assert_int_equal(peer_write(&client, "x"), SL_E_IO);
        peers_done(&client, &server);
    }
    sl_tls_ctx_unref(strangers);
}

static void test_sessions_are_resumed(void **state)
{
    /* Two clients of one server: the port is the same, so the session is the same. */
    struct sl_loop *loop = *state;
    uint16_t port;
    int listener = listen_on(AF_INET, &port);
    for (int i = 0; i < 4; i++) {
        struct peer client, server;
        struct sockaddr_storage addr;
        socklen_t len = sizeof(addr);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&addr, len), 0);
        peer_init(&client, loop);
        peer_init(&server, loop);
        assert_int_equal(sl_stream_open_fd(&client.stream, fd, false), 0);
        assert_int_equal(sl_stream_open_fd(&server.stream, accept(listener, NULL, NULL), false), 0);
        tls_start(&client, &server, i == 3 ? "127.0.0.1" : "api.example");
        server.then_read = then_echo;
        sl_stream_read_start(&client.stream);
        sl_stream_read_start(&server.stream);
        assert_int_equal(peer_write(&client, "x"), 0);
        RUN_UNTIL(loop, client.got.len == 1);
        assert_int_equal(sl_tls_is_resumed(client.stream.tls), i == 1 || i == 2); /* another name: another session */
        peers_done(&client, &server);                                             /* without close_notify: still good */
    }
    close(listener);
}

static void test_garbage_and_hang_up_in_the_handshake(void **state)
{
    struct sl_loop *loop = *state;
    struct peer client, server;
    struct sl_err err;
    peers_connect(&client, &server, loop, false);
    assert_int_equal(sl_stream_tls_server(&server.stream, server_ctx), 0);
    assert_int_equal(peer_write(&client, "GET / HTTP/1.1\r\n\r\n"), 0);
    RUN_UNTIL(loop, server.n_errors == 1);
    assert_non_null(strstr(server.error, "http request"));
    peers_done(&client, &server);

    peers_connect(&client, &server, loop, false);
    assert_int_equal(sl_stream_tls_client(&client.stream, client_ctx, SL_STR("api.example"), &err), 0);
    peer_close(&server);
    RUN_UNTIL(loop, client.n_errors == 1);
    assert_int_equal(client.n_eofs, 0);
    peers_done(&client, &server);

    peers_connect(&client, &server, loop, false);
    assert_int_equal(sl_stream_tls_client(&client.stream, client_ctx, SL_STR(""), &err), SL_E_INVAL);
    assert_null(client.stream.tls);
    peers_done(&client, &server);
}

static void test_a_damaged_record_is_an_error(void **state)
{
    struct sl_loop *loop = *state;
    struct peer client, a, b, server;
    peers_connect(&client, &a, loop, false);
    peers_connect(&b, &server, loop, false);
    tls_start(&client, &server, "api.example");
    sl_stream_read_start(&client.stream);
    sl_stream_read_start(&server.stream);
    sl_stream_read_start(&a.stream);
    sl_stream_read_start(&b.stream);
    assert_int_equal(peer_write(&client, "x"), 0);
    size_t a_sent = 0, b_sent = 0;
    bool damaged = false;
    uint64_t until = sl_loop_now(loop) + 10000000;
    while (server.n_errors == 0 && sl_loop_now(loop) < until) {
        struct sl_str up = sl_str_make(a.got.p + a_sent, a.got.len - a_sent);
        struct sl_str down = sl_str_make(b.got.p + b_sent, b.got.len - b_sent);
        if (server.got.len && up.n && !damaged) {
            a.got.p[a.got.len - 1] ^= 1;
            damaged = true;
        }
        assert_int_equal(sl_stream_write(&b.stream, &up, 1), 0);
        assert_int_equal(sl_stream_write(&a.stream, &down, 1), 0);
        a_sent += up.n;
        b_sent += down.n;
        loop_turn(loop);
        if (server.got.len == 1 && !damaged) {
            SL_IGNORE(peer_write(&client, "y"));
        }
    }
    assert_int_equal(server.n_errors, 1);
    assert_non_null(strstr(server.error, "TLS: cannot receive"));
    assert_int_equal(server.got.len, 1);
    peers_done(&client, &a);
    peers_done(&b, &server);
}

static void close_on_read(struct peer *peer, struct sl_str bytes)
{
    (void)bytes;
    peer_close(peer);
}

/* Also when neither side sends anything. */
static void test_the_handshakes_end_is_told(void **state)
{
    struct sl_loop *loop = *state;
    for (int i = 0; i < 3; i++) {
        struct peer client, server;
        tls_connect(&client, &server, loop, i == 2 ? "wrong.example" : "api.example");
        client.then_secure = i == 1 ? peer_close : NULL;
        assert_int_equal(client.n_secure, 0);
        RUN_UNTIL(loop, i == 2 ? client.n_errors : client.n_secure && server.n_secure);
        assert_int_equal(client.n_secure, i < 2);
        assert_int_equal(client.n_drains, 0);
        if (i == 1) {
            RUN_UNTIL(loop, client.n_closed == 1);
        }
        peers_done(&client, &server);
    }
}

static void test_every_callback_may_close(void **state)
{
    struct sl_loop *loop = *state;
    char *data = pattern(BIG);
    struct sl_str slice = { data, BIG };
    for (int i = 0; i < 5; i++) {
        struct peer client, server;
        tls_connect(&client, &server, loop, i == 2 ? "wrong.example" : "api.example");
        sl_stream_read_start(&client.stream);
        sl_stream_read_start(&server.stream);
        server.then_read = i == 0 ? close_on_read : NULL;
        server.then_eof = i == 1 ? peer_close : NULL;
        server.then_error = i == 2 ? peer_close : NULL;
        client.then_drain = i == 3 || i == 4 ? peer_close : NULL; /* small: drained by the handshake's end */
        struct peer *it = i < 3 ? &server : &client;
        if (i == 4) {
            assert_int_equal(sl_stream_write_ref(&client.stream, &slice, 1), 0);
        } else {
            assert_int_equal(peer_write(&client, "x"), 0);
        }
        if (i == 1) {
            sl_stream_shutdown(&client.stream);
        }
        RUN_UNTIL(loop, it->n_closed == 1);
        peers_done(&client, &server);
    }
    /* Closes while bytes wait, before and after the handshake. */
    for (int i = 0; i < 2; i++) {
        struct peer client, server;
        tls_connect(&client, &server, loop, "api.example");
        assert_int_equal(sl_stream_write_ref(&client.stream, &slice, 1), 0);
        if (i) {
            RUN_UNTIL(loop, sl_stream_is_secure_or_plain(&client.stream));
        }
        assert_true(client.stream.queued > 0);
        peers_done(&client, &server);
    }
    free(data);
}

/* Several workers use one context and its sessions. */
#define N_WORKERS     3
#define N_CONNECTIONS 60

struct worker {
    pthread_t thread;
    struct sockaddr_in addr;
    int listener;
    int n_resumed;
};

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    struct sl_loop loop;
    struct sl_err err;
    SL_ASSERT(sl_loop_init(&loop, &err) == 0);
    for (int i = 0; i < N_CONNECTIONS; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        SL_ASSERT(connect(fd, (struct sockaddr *)&worker->addr, sizeof(worker->addr)) == 0);
        struct peer client, server;
        peer_init(&client, &loop);
        peer_init(&server, &loop);
        SL_ASSERT(sl_stream_open_fd(&client.stream, fd, false) == 0);
        SL_ASSERT(sl_stream_open_fd(&server.stream, accept(worker->listener, NULL, NULL), false) == 0);
        SL_ASSERT(sl_stream_tls_server(&server.stream, server_ctx) == 0);
        SL_ASSERT(sl_stream_tls_client(&client.stream, client_ctx, SL_STR("api.example"), &err) == 0);
        server.then_read = then_echo;
        sl_stream_read_start(&client.stream);
        sl_stream_read_start(&server.stream);
        struct sl_str slice = SL_STR("x");
        SL_ASSERT(sl_stream_write(&client.stream, &slice, 1) == 0);
        while (client.got.len == 0) {
            SL_ASSERT(client.n_errors + server.n_errors == 0);
            loop_turn(&loop);
        }
        worker->n_resumed += sl_tls_is_resumed(client.stream.tls);
        peers_done(&client, &server);
    }
    sl_loop_done(&loop);
    return NULL;
}

static void test_threads_share_a_context(void **state)
{
    (void)state;
    /* One port, so one session in the cache; one address each, so that nobody accepts another's connection. */
    int held;
    uint16_t port = dead_port(&held);
    close(held);
    struct worker workers[N_WORKERS] = { 0 };
    for (int i = 0; i < N_WORKERS; i++) {
        workers[i].addr = (struct sockaddr_in){ .sin_family = AF_INET,
                                                .sin_port = htons(port),
                                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)i) };
        workers[i].listener = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(bind(workers[i].listener, (struct sockaddr *)&workers[i].addr, sizeof(workers[i].addr)), 0);
        assert_int_equal(listen(workers[i].listener, 16), 0);
    }
    for (int i = 0; i < N_WORKERS; i++) {
        assert_int_equal(pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]), 0);
    }
    for (int i = 0; i < N_WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        close(workers[i].listener);
        assert_true(workers[i].n_resumed > N_CONNECTIONS / 2);
    }
}

static void test_unusable_files_are_named(void **state)
{
    (void)state;
    struct sl_tls_ctx *ctx = NULL;
    struct sl_err err;
    assert_int_equal(sl_tls_ctx_new_server("/nowhere/c.pem", key_path, &ctx, &err), SL_E_IO);
    assert_string_equal(err.text, "cannot read the TLS certificate /nowhere/c.pem: No such file or directory");
    assert_int_equal(sl_tls_ctx_new_server(cert_path, "/nowhere/k.pem", &ctx, &err), SL_E_IO);
    assert_non_null(strstr(err.text, "/nowhere/k.pem"));
    assert_int_equal(sl_tls_ctx_new_server(dir, key_path, &ctx, &err), SL_E_IO);
    assert_int_equal(sl_tls_ctx_new_server(key_path, key_path, &ctx, &err), SL_E_INVAL);
    assert_non_null(strstr(err.text, key_path));
    assert_int_equal(sl_tls_ctx_new_server(cert_path, other_key_path, &ctx, &err), SL_E_INVAL);
    assert_non_null(strstr(err.text, other_key_path));
    assert_int_equal(sl_tls_ctx_new_server(cert_path, locked_key_path, &ctx, &err), SL_E_INVAL);
    assert_non_null(strstr(err.text, locked_key_path));
    assert_int_equal(sl_tls_ctx_new_client("/nowhere/ca.pem", NULL, NULL, &ctx, &err), SL_E_IO);
    assert_int_equal(sl_tls_ctx_new_client(key_path, NULL, NULL, &ctx, &err), SL_E_INVAL);
    assert_non_null(strstr(err.text, key_path));
    assert_null(ctx);
}

#define TLS_TEST(f) cmocka_unit_test_setup_teardown(f, setup_tls, teardown_tls)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TLS_TEST(test_echo_and_orderly_end),
        TLS_TEST(test_shutdown_before_the_handshake_waits_for_what_is_held),
        TLS_TEST(test_an_end_without_close_notify_is_truncated),
        TLS_TEST(test_big_bodies_both_ways),
        TLS_TEST(test_one_byte_at_a_time),
        TLS_TEST(test_read_stop_holds_back_and_loses_nothing),
        TLS_TEST(test_the_wrong_certificate_is_refused),
        TLS_TEST(test_sessions_are_resumed),
        TLS_TEST(test_garbage_and_hang_up_in_the_handshake),
        TLS_TEST(test_a_damaged_record_is_an_error),
        TLS_TEST(test_the_handshakes_end_is_told),
        TLS_TEST(test_every_callback_may_close),
        TLS_TEST(test_threads_share_a_context),
        cmocka_unit_test(test_unusable_files_are_named),
    };
    return cmocka_run_group_tests(tests, setup_certs, teardown_certs);
}
