/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice health`: asks a gateway on this machine whether it lives, for those who can only run a command: the health
 * check of a container, in which there is no other program. */
#include <errno.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "net/bind.h"

/* Of each step: connecting, writing, reading. */
#define PATIENCE_SEC 3

static const char request[] = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
static const char good[] = "HTTP/1.1 200 ";

static int address_read(struct sl_str server, struct sl_bind_addr *ret, bool *ret_is_tls, struct sl_err *err)
{
    struct sl_str text = server;
    *ret_is_tls = sl_str_has_prefix(text, SL_STR("https://"));
    text = sl_str_sub(text, *ret_is_tls ? 8 : sl_str_has_prefix(text, SL_STR("http://")) ? 7 : 0, text.n);
    bool has_slash = text.n && text.p[text.n - 1] == '/' && !sl_str_has_prefix(text, SL_STR("unix:"));
    text = sl_str_sub(text, 0, text.n - has_slash);
    if (sl_bind_parse(text, ret, err) < 0 || ret->len == 0) {
        return sl_fail(err, SL_E_INVAL,
                       "\"%.*s\" is no address of this machine: expected http://IP:PORT, https://IP:PORT (with "
                       "localhost for the IP, too) or unix:/path",
                       SL_STR_ARG(server));
    }
    return 0;
}

static int connect_to(const struct sl_bind_addr *addr, struct sl_err *err)
{
    const struct timeval patience = { .tv_sec = PATIENCE_SEC };
    int fd = socket(addr->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_connected = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
                        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
                        connect(fd, (const struct sockaddr *)&addr->addr, addr->len) == 0;
    if (!is_connected) {
        sl_fail(err, SL_E_IO, "cannot connect to %s: %s", addr->text, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return SL_E_IO;
    }
    return fd;
}

/* Returns how many bytes of the reply's beginning came: until `n` are there, or the connection ended. */
static size_t ask_plain(int fd, char *reply, size_t n)
{
    size_t have = 0;
    ssize_t got = send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
    while (got > 0 && have < n && (got = recv(fd, reply + have, n - have, 0)) > 0) {
        have += (size_t)got;
    }
    return have;
}

/* The certificate is not checked: nothing secret is sent, and its name is that of the network. */
static size_t ask_tls(int fd, char *reply, size_t n)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = ctx ? SSL_new(ctx) : NULL;
    size_t have = 0;
    if (ssl && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1) {
        int got = SSL_write(ssl, request, (int)sizeof(request) - 1);
        while (got > 0 && have < n && (got = SSL_read(ssl, reply + have, (int)(n - have))) > 0) {
            have += (size_t)got;
        }
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return have;
}

static int health_ask(const char *server, struct sl_err *err)
{
    struct sl_bind_addr addr;
    char reply[sizeof(good) + 3] = "";
    size_t n = sizeof(good) - 1;
    bool is_tls;
    int r = address_read(sl_str_c(server), &addr, &is_tls, err);
    if (r < 0) {
        return r;
    }
    int fd = connect_to(&addr, err);
    if (fd < 0) {
        return fd;
    }
    size_t have = is_tls ? ask_tls(fd, reply, n) : ask_plain(fd, reply, n);
    close(fd);
    if (have == n && strcmp(reply, good) == 0) {
        return 0;
    }
    return have == n && memcmp(reply, good, 9) == 0
               ? sl_fail(err, SL_E_IO, "%s answers /health with the status %s", server, reply + 9)
               : sl_fail(err, SL_E_IO, "%s does not answer /health in time, or does not speak %s", server,
                         is_tls ? "HTTPS" : "HTTP");
}

int sl_cmd_health(const char *server)
{
    struct sl_err err = { 0 };
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    int r = health_ask(server, &err);
    if (r < 0) {
        fprintf(stderr, "sluice: %s\n", err.text);
        return r == SL_E_INVAL ? SL_EXIT_USAGE : SL_EXIT_LOCAL;
    }
    puts("ok");
    return SL_EXIT_OK;
}
