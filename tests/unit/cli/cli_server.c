/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_server.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli_test.h"

static struct {
    pthread_t thread;
    pthread_mutex_t lock;
    int fd;
    const struct cli_answer *answers;
    char asked[16384];
    char folder[64], path[96];
} server = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

/* Reads a whole request: its head, and the body of its content-length. Returns the length of the head; 0: the peer
 * went. */
static size_t request_read(int fd, char *text, size_t size)
{
    size_t n = 0;
    for (;;) {
        ssize_t got = recv(fd, text + n, size - 1 - n, 0);
        if (got <= 0) {
            return 0;
        }
        n += (size_t)got;
        text[n] = '\0';
        const char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "\r\ncontent-length:");
        size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
        if (end && n >= (size_t)(end + 4 - text) + body) {
            return (size_t)(end + 4 - text);
        }
    }
}

static bool is_asked(const char *text, const char *ask)
{
    size_t n = strcspn(ask, "*");
    return strncmp(text, ask, n) == 0 && (ask[n] == '*' || text[n] == ' ' || text[n] == '?');
}

static void request_answer(int fd, char *text, size_t head)
{
    const char *body = text + head;
    pthread_mutex_lock(&server.lock);
    size_t line = strcspn(text, "\r"), used = strlen(server.asked);
    line -= sizeof(" HTTP/1.1") - 1;
    snprintf(server.asked + used, sizeof(server.asked) - used, "%.*s%s%s\n", (int)line, text, *body ? " " : "", body);
    const struct cli_answer *a = server.answers;
    while (a && a->ask && !is_asked(text, a->ask)) {
        a++;
    }
    bool is_there = a && a->ask;
    const char *status = !is_there ? "404 Not Found\r\nx-sluice-error-type: caller_not_found\r\n"
                         : a->head ? a->head
                                   : "200 OK\r\ncontent-type: application/json\r\n";
    const char *reply = is_there ? a->body : "{\"detail\":\"it is not there\"}";
    dprintf(fd, "HTTP/1.1 %sconnection: close\r\ncontent-length: %zu\r\n\r\n%s", status, strlen(reply), reply);
    pthread_mutex_unlock(&server.lock);
}

static void *serve(void *arg)
{
    static char text[65536];
    (void)arg;
    for (int fd; (fd = accept(server.fd, NULL, NULL)) >= 0; close(fd)) {
        size_t head = request_read(fd, text, sizeof(text));
        if (head) {
            request_answer(fd, text, head);
        }
    }
    return NULL;
}

void cli_server_start(void)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    char name[128];
    snprintf(server.folder, sizeof(server.folder), "/tmp/sluice-cli-XXXXXX");
    assert_non_null(mkdtemp(server.folder));
    assert_int_equal(chdir(server.folder), 0);
    snprintf(server.path, sizeof(server.path), "%s/s", server.folder);
    memcpy(addr.sun_path, server.path, strlen(server.path) + 1);
    server.fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(server.fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(server.fd, 16), 0);
    assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
    snprintf(name, sizeof(name), "unix:%s", server.path);
    setenv("SLUICE_SERVER", name, 1);
    unsetenv("SLUICE_KEY");
}

void cli_server_prepare(const struct cli_answer *answers)
{
    pthread_mutex_lock(&server.lock);
    server.answers = answers;
    server.asked[0] = '\0';
    pthread_mutex_unlock(&server.lock);
}

const char *cli_server_asked(void)
{
    static char copy[sizeof(server.asked)];
    pthread_mutex_lock(&server.lock);
    memcpy(copy, server.asked, sizeof(copy));
    pthread_mutex_unlock(&server.lock);
    return copy;
}

void cli_server_stop(void)
{
    shutdown(server.fd, SHUT_RDWR); /* accept ends then */
    pthread_join(server.thread, NULL);
    close(server.fd);
    unlink(server.path);
    rmdir(server.folder);
}
