/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/session_table.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"
#include "gate/config/key.h"

struct entry {
    struct sl_link by_use, by_number;
    unsigned char hash[SL_SESSION_HASH_BYTES];
    uint64_t tenant; /* a hash */
    struct sl_session session;
};
SL_LIST_HEAD(uses);
SL_LIST_FUNCTIONS(uses, struct entry, by_use);
SL_LIST_HEAD(numbers);
SL_LIST_FUNCTIONS(numbers, struct entry, by_number);

struct sl_sessions {
    pthread_mutex_t lock; /* guards all of it */
    struct sl_map by_hash;
    struct uses uses;       /* the one that was used longest ago first */
    struct numbers numbers; /* the oldest first */
    uint64_t last_number;
};

struct sl_sessions *sl_sessions_new(void)
{
    struct sl_sessions *sessions = calloc(1, sizeof(*sessions));
    if (sessions) {
        pthread_mutex_init(&sessions->lock, NULL);
    }
    return sessions;
}

static struct sl_str hash_str(const unsigned char *hash)
{
    return sl_str_make((const char *)hash, SL_SESSION_HASH_BYTES);
}

static void entry_free(struct sl_sessions *sessions, struct entry *entry)
{
    SL_IGNORE(!sl_map_remove(&sessions->by_hash, hash_str(entry->hash)));
    uses_remove(&sessions->uses, entry);
    numbers_remove(&sessions->numbers, entry);
    sl_key_unref(entry->session.key);
    free(entry);
}

static bool has_ended(const struct entry *entry, uint64_t now)
{
    const struct sl_session *session = &entry->session;
    return now >= session->used_usec + SL_SESSION_IDLE_USEC || now >= session->begun_usec + SL_SESSION_LIFE_USEC;
}

static void copy(const struct entry *entry, struct sl_session *ret)
{
    *ret = entry->session;
    if (ret->key) {
        sl_key_ref(ret->key);
    }
}

/* Frees those that have ended, and then the least used of an owner or a tenant that has as many as it may. */
static void room_make(struct sl_sessions *sessions, const unsigned char *owner, uint64_t tenant, uint64_t now)
{
    struct entry *first_of_owner = NULL, *first_of_tenant = NULL, *next;
    size_t n_owner = 0, n_tenant = 0;
    for (struct entry *entry = uses_first(&sessions->uses); entry; entry = next) {
        next = uses_next(entry);
        if (has_ended(entry, now)) {
            entry_free(sessions, entry);
            continue;
        }
        if (memcmp(entry->session.owner, owner, SL_SESSION_HASH_BYTES) == 0) {
            first_of_owner = first_of_owner ? first_of_owner : entry;
            n_owner++;
        }
        if (entry->tenant == tenant) {
            first_of_tenant = first_of_tenant ? first_of_tenant : entry;
            n_tenant++;
        }
    }
    if (n_owner >= SL_SESSIONS_OWNER_MAX) {
        entry_free(sessions, first_of_owner);
    } else if (n_tenant >= SL_SESSIONS_TENANT_MAX) {
        entry_free(sessions, first_of_tenant);
    }
}

/* With the lock. */
static int entry_add(struct sl_sessions *sessions, const unsigned char *hash, uint64_t tenant, uint64_t now,
                     struct sl_session *io_spec)
{
    room_make(sessions, io_spec->owner, tenant, now);
    if (sessions->uses.n >= SL_SESSIONS_MAX) {
        return SL_E_LIMIT;
    }
    struct entry *entry = calloc(1, sizeof(*entry));
    if (!entry) {
        return SL_E_NOMEM;
    }
    memcpy(entry->hash, hash, sizeof(entry->hash));
    int r = sl_map_put(&sessions->by_hash, hash_str(entry->hash), entry);
    if (r < 0) {
        free(entry);
        return r;
    }
    io_spec->number = ++sessions->last_number;
    io_spec->begun_usec = io_spec->used_usec = now;
    entry->tenant = tenant;
    entry->session = *io_spec;
    if (io_spec->key) {
        sl_key_ref(io_spec->key);
    }
    uses_add(&sessions->uses, entry);
    numbers_add(&sessions->numbers, entry);
    return 0;
}

int sl_sessions_begin(struct sl_sessions *sessions, const unsigned char hash[SL_SESSION_HASH_BYTES],
                      struct sl_str tenant, uint64_t now_usec, struct sl_session *io_spec)
{
    pthread_mutex_lock(&sessions->lock);
    int r = entry_add(sessions, hash, sl_hash(tenant), now_usec, io_spec);
    pthread_mutex_unlock(&sessions->lock);
    return r;
}

static bool find(struct sl_sessions *sessions, const unsigned char *hash, uint64_t now, bool is_use,
                 struct sl_session *ret)
{
    pthread_mutex_lock(&sessions->lock);
    struct entry *entry = sl_map_find(&sessions->by_hash, hash_str(hash));
    entry = entry && CRYPTO_memcmp(entry->hash, hash, SL_SESSION_HASH_BYTES) == 0 ? entry : NULL;
    if (entry && has_ended(entry, now)) {
        entry_free(sessions, entry);
        entry = NULL;
    }
    if (entry && is_use) {
        entry->session.used_usec = now;
        uses_remove(&sessions->uses, entry);
        uses_add(&sessions->uses, entry);
    }
    if (entry) {
        copy(entry, ret);
    }
    pthread_mutex_unlock(&sessions->lock);
    return entry != NULL;
}

bool sl_sessions_use(struct sl_sessions *sessions, const unsigned char hash[SL_SESSION_HASH_BYTES], uint64_t now_usec,
                     struct sl_session *ret)
{
    return find(sessions, hash, now_usec, true, ret);
}

bool sl_sessions_look(struct sl_sessions *sessions, const unsigned char hash[SL_SESSION_HASH_BYTES], uint64_t now_usec,
                      struct sl_session *ret)
{
    return find(sessions, hash, now_usec, false, ret);
}

void sl_sessions_end(struct sl_sessions *sessions, uint64_t number)
{
    if (!number) {
        return;
    }
    pthread_mutex_lock(&sessions->lock);
    struct entry *entry = numbers_first(&sessions->numbers);
    while (entry && entry->session.number != number) {
        entry = numbers_next(entry);
    }
    if (entry) {
        entry_free(sessions, entry);
    }
    pthread_mutex_unlock(&sessions->lock);
}

size_t sl_sessions_list(struct sl_sessions *sessions, uint64_t after, uint64_t now_usec, struct sl_session *ret,
                        size_t max)
{
    size_t n = 0;
    pthread_mutex_lock(&sessions->lock);
    for (struct entry *entry = numbers_first(&sessions->numbers); entry && n < max; entry = numbers_next(entry)) {
        if (entry->session.number > after && !has_ended(entry, now_usec)) {
            copy(entry, &ret[n++]);
        }
    }
    pthread_mutex_unlock(&sessions->lock);
    return n;
}

void sl_session_done(struct sl_session *session)
{
    sl_key_unref(session->key);
    session->key = NULL;
}

void sl_sessions_free(struct sl_sessions *sessions)
{
    if (sessions) {
        for (struct entry *entry; (entry = uses_first(&sessions->uses)) != NULL;) {
            entry_free(sessions, entry);
        }
        sl_map_done(&sessions->by_hash);
        pthread_mutex_destroy(&sessions->lock);
        free(sessions);
    }
}
