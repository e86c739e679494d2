/* SPDX-License-Identifier: Apache-2.0 */
#include "server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUTE                                                                             \
    "{\"name\":\"chat\",\"route_type\":\"llm/v1/chat\",\"model\":{\"name\":\"m\\u00e9\"," \
    "\"provider\":\"mock\"},\"route_url\":\"/gateway/chat/invocations\",\"limit\":"       \
    "{\"calls\":5,\"key\":null,\"renewal_period\":\"minute\"}}"
#define EVENT(text) "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"}}]}\r\n\r\n"

static _Atomic int n_requests, n_replies, n_busy, n_connections;
static sem_t released;
static _Atomic(const char *) script;

static void send_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        p += sent;
        n -= (size_t)sent;
    }
}

static void reply(int fd, const char *status, const char *headers, const char *body)
{
    char text[4096];
    int n = snprintf(
        text, sizeof(text),
        "HTTP/1.1 %s\r\nContent-Type: application/json\r\nX-Request-Id: r1\r\n%sContent-Length: %zu\r\n\r\n%s", status,
        headers, strlen(body), body);
    send_all(fd, text, (size_t)n);
}

static void stream(int fd)
{
    static const char head[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    static const char *const events[] = { EVENT("a"), EVENT("\\u00e9"),
                                          "data: {\"choices\":[],\r\ndata: \"usage\":{\"total_tokens\":3}}\r\n\r\n",
                                          "data: [DONE]\n\n" };
    send_all(fd, head, sizeof(head) - 1);
    for (int i = 0; i < 4; i++) {
        char chunk[512];
        send_all(fd, chunk, (size_t)snprintf(chunk, sizeof(chunk), "%zx\r\n%s\r\n", strlen(events[i]), events[i]));
    }
    send_all(fd, "0\r\n\r\n", 5);
}

static int answer(int fd, const char *path, const char *body)
{
    if (strncmp(path, "/api/2.0/gateway/routes/?page_token=p2", 38) == 0) {
        reply(fd, "200 OK", "", "{\"routes\":[" ROUTE "],\"next_page_token\":null}");
    } else if (strcmp(path, "/api/2.0/gateway/routes/") == 0 && !*body) {
        reply(fd, "200 OK", "", "{\"routes\":[" ROUTE "],\"next_page_token\":\"p2\"}");
    } else if (strncmp(path, "/api/2.0/gateway/routes/", 24) == 0) {
        reply(fd, "200 OK", "", ROUTE);
    } else if (strncmp(path, "/api/2.0/gateway/limits/", 24) == 0) {
        reply(fd, "200 OK", "", "{\"limits\":[{\"calls\":5,\"key\":\"u\",\"renewal_period\":\"minute\"}]}");
    } else if (strncmp(path, "/gateway/gone/", 14) == 0) {
        return -1;
    } else if (strncmp(path, "/gateway/silent/", 16) == 0) {
        return 0;
    } else if (strncmp(path, "/gateway/script/", 16) == 0) {
        const char *raw = atomic_load(&script);
        send_all(fd, raw, strlen(raw));
        return -1;
    } else if (strncmp(path, "/gateway/tools/", 15) == 0) {
        reply(fd, "200 OK", "",
              "{\"choices\":[{\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"w\"}],\"tool_calls\":[{\"id\":"
              "\"c\","
              "\"function\":{\"name\":\"f\",\"arguments\":{}}}]}}]}");
    } else if (strncmp(path, "/gateway/slow/", 14) == 0) {
        usleep(SERVER_SLOW_MSEC * 1000);
        reply(fd, "200 OK", "", "{}");
    } else if (strncmp(path, "/gateway/held/", 14) == 0) {
        while (sem_wait(&released) < 0) {
        }
        reply(fd, "200 OK", "", "{}");
    } else if (strncmp(path, "/gateway/busy/", 14) == 0 && atomic_fetch_add(&n_busy, 1) % 2 == 0) {
        reply(fd, "429 Too Many Requests", "Retry-After: 0\r\n", "{\"error\":\"later\"}");
    } else if (strncmp(path, "/gateway/nope/", 14) == 0) {
        reply(fd, "404 Not Found", "", "{\"detail\":\"no such route\"}");
    } else if (strstr(body, "\"stream\": true")) {
        stream(fd);
    } else {
        reply(fd, "200 OK", "",
              "{\"choices\":[{\"message\":{\"content\":\"h\\u00e9llo\"}}],\"usage\":{\"total_tokens\":3}}");
    }
    return 0;
}

void server_serve(int fd)
{
    char buf[65536];
    size_t have = 0;
    for (;;) {
        buf[have] = '\0';
        char *end = strstr(buf, "\r\n\r\n");
        char *length = strstr(buf, "Content-Length: ");
        size_t want = end ? (size_t)(end - buf) + 4 + (length && length < end ? (size_t)atoi(length + 16) : 0) : 0;
        if (end && have >= want) {
            char path[512] = "", body[8192] = "";
            sscanf(buf, "%*s %511s", path);
            snprintf(body, sizeof(body), "%.*s", (int)(buf + want - end - 4), end + 4);
            atomic_fetch_add(&n_requests, 1);
            if (answer(fd, path, body) < 0) {
                break;
            }
            atomic_fetch_add(&n_replies, 1);
            have -= want;
            memmove(buf, buf + want, have);
            continue;
        }
        ssize_t n = recv(fd, buf + have, sizeof(buf) - 1 - have, 0);
        if (n <= 0) {
            break;
        }
        have += (size_t)n;
    }
    close(fd);
}

static void *connection_run(void *arg)
{
    server_serve((int)(intptr_t)arg);
    return NULL;
}

static void *listener_run(void *arg)
{
    for (;;) {
        int fd = accept((int)(intptr_t)arg, NULL, NULL);
        pthread_t thread;
        atomic_fetch_add(&n_connections, fd >= 0);
        if (fd >= 0 && pthread_create(&thread, NULL, connection_run, (void *)(intptr_t)fd) == 0) {
            pthread_detach(thread);
        }
    }
    return NULL;
}

const char *server_url(void)
{
    static char url[64];
    if (!url[0]) {
        struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof(addr);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        pthread_t thread;
        if (sem_init(&released, 0, 0) < 0 || bind(fd, (struct sockaddr *)&addr, len) < 0 || listen(fd, 128) < 0 ||
            getsockname(fd, (struct sockaddr *)&addr, &len) < 0 ||
            pthread_create(&thread, NULL, listener_run, (void *)(intptr_t)fd) != 0) {
            perror("server");
            exit(1);
        }
        pthread_detach(thread);
        snprintf(url, sizeof(url), "http://127.0.0.1:%d", ntohs(addr.sin_port));
    }
    return url;
}

int server_connections(void)
{
    return atomic_load(&n_connections);
}

void server_script(const char *raw)
{
    atomic_store(&script, raw);
}

void server_release(int n)
{
    while (n-- > 0) {
        sem_post(&released);
    }
}

int server_replies(void)
{
    return atomic_load(&n_replies);
}

int server_count(void)
{
    return atomic_load(&n_requests);
}
