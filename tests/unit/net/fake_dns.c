/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_dns.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "net/resolve.h"

#define HOSTS_MAX 64

struct fake_host {
    char name[64];
    char addrs[512];
    bool is_known, is_hanging;
    int n_calls;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all but the time */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct fake_host hosts[HOSTS_MAX];
static int n_hosts, n_running;
static atomic_ullong now_usec;

static struct fake_host *host_get(const char *name)
{
    for (int i = 0; i < n_hosts; i++) {
        if (strcmp(hosts[i].name, name) == 0) {
            return &hosts[i];
        }
    }
    SL_ASSERT(n_hosts < HOSTS_MAX);
    struct fake_host *host = &hosts[n_hosts++];
    *host = (struct fake_host){ 0 };
    snprintf(host->name, sizeof(host->name), "%s", name);
    return host;
}

struct fake_info {
    struct addrinfo info;
    union sl_sockaddr addr;
};

static void fake_free(struct addrinfo *list)
{
    while (list) {
        struct addrinfo *next = list->ai_next;
        free(list);
        list = next;
    }
}

static struct addrinfo *info_new(const char *ip)
{
    struct fake_info *fake = calloc(1, sizeof(*fake));
    SL_ASSERT(fake);
    if (strchr(ip, ':')) {
        fake->addr.v6.sin6_family = AF_INET6;
        SL_ASSERT(inet_pton(AF_INET6, ip, &fake->addr.v6.sin6_addr) == 1);
        fake->info.ai_addrlen = sizeof(fake->addr.v6);
    } else {
        fake->addr.v4.sin_family = AF_INET;
        SL_ASSERT(inet_pton(AF_INET, ip, &fake->addr.v4.sin_addr) == 1);
        fake->info.ai_addrlen = sizeof(fake->addr.v4);
    }
    fake->info.ai_family = fake->addr.any.sa_family;
    fake->info.ai_addr = &fake->addr.any;
    return &fake->info;
}

static int fake_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
    SL_ASSERT(!service && hints->ai_socktype == SOCK_STREAM);
    char addrs[512];
    pthread_mutex_lock(&lock);
    struct fake_host *host = host_get(node);
    host->n_calls++;
    n_running++;
    while (host->is_hanging) {
        pthread_cond_wait(&changed, &lock);
    }
    n_running--;
    bool is_known = host->is_known;
    memcpy(addrs, host->addrs, sizeof(addrs));
    pthread_mutex_unlock(&lock);
    if (!is_known) {
        return EAI_NONAME;
    }
    struct addrinfo **tail = ret;
    char *save = NULL;
    for (char *ip = strtok_r(addrs, " ", &save); ip; ip = strtok_r(NULL, " ", &save)) {
        *tail = info_new(ip);
        tail = &(*tail)->ai_next;
    }
    return 0;
}

static uint64_t fake_now(void)
{
    return atomic_load(&now_usec);
}

void fake_dns_start(void)
{
    pthread_mutex_lock(&lock);
    n_hosts = 0;
    pthread_mutex_unlock(&lock);
    atomic_store(&now_usec, 1000000000);
    sl_resolve_set_getaddrinfo(fake_getaddrinfo, fake_free);
    sl_resolve_set_clock(fake_now);
}

void fake_dns_stop(void)
{
    sl_resolve_forget();
    sl_resolve_set_getaddrinfo(NULL, NULL);
    sl_resolve_set_clock(NULL);
}

void fake_dns_set(const char *name, const char *addrs)
{
    pthread_mutex_lock(&lock);
    struct fake_host *host = host_get(name);
    host->is_known = addrs != NULL;
    snprintf(host->addrs, sizeof(host->addrs), "%s", addrs ? addrs : "");
    pthread_mutex_unlock(&lock);
}

void fake_dns_hang(const char *name, bool is_hanging)
{
    pthread_mutex_lock(&lock);
    host_get(name)->is_hanging = is_hanging;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

int fake_dns_calls(const char *name)
{
    pthread_mutex_lock(&lock);
    int n = host_get(name)->n_calls;
    pthread_mutex_unlock(&lock);
    return n;
}

int fake_dns_running(void)
{
    pthread_mutex_lock(&lock);
    int n = n_running;
    pthread_mutex_unlock(&lock);
    return n;
}

void fake_dns_pass(unsigned seconds)
{
    atomic_fetch_add(&now_usec, seconds * 1000000ULL);
}
