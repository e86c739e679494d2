/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/login_table.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/map.h"
#include "base/num.h"
#include "base/random.h"
#include "base/secret.h"
#include "gate/policy/seats.h"

#define MINUTE_USEC (60 * 1000000ull)
/* The random characters at the front of a cookie. */
#define RANDOM_LEN (SL_LOGIN_TEXT_SIZE - 1)

/* A number of things in a minute. */
struct few {
    uint64_t since_usec;
    uint32_t n;
};

/* Of one address; another one with the same place takes it over, so that nobody is refused for somebody else. */
struct junk {
    uint64_t who;
    struct few few;
};
#define JUNK_PLACES 256

struct doc {
    char *text; /* on the heap; NULL: none */
    size_t n;
    uint64_t print, fetched_usec;
};

struct sl_logins {
    unsigned char secret[32];
    struct sl_seats seats;
    pthread_mutex_t lock; /* guards the rest */
    char used[SL_LOGIN_USED_MAX][SL_LOGIN_TEXT_SIZE];
    uint32_t next_used;
    struct doc docs[SL_LOGIN_DOCS];
    struct few renewals, lines;
    struct junk junk[JUNK_PLACES];
    uint32_t n_hidden;
};

struct sl_logins *sl_logins_new(void)
{
    struct sl_logins *logins = calloc(1, sizeof(*logins));
    if (logins) {
        sl_random_bytes(logins->secret, sizeof(logins->secret));
        sl_seats_init(&logins->seats, SL_LOGIN_SEATS, SL_LOGIN_SEATS_EACH);
        pthread_mutex_init(&logins->lock, NULL);
    }
    return logins;
}

void sl_logins_free(struct sl_logins *logins)
{
    if (logins) {
        for (size_t i = 0; i < SL_LOGIN_DOCS; i++) {
            free(logins->docs[i].text);
        }
        pthread_mutex_destroy(&logins->lock);
        sl_wipe(logins->secret, sizeof(logins->secret));
        free(logins);
    }
}

struct sl_seats *sl_logins_seats(struct sl_logins *logins)
{
    return &logins->seats;
}

/* --- one login --- */

void sl_logins_cookie(uint64_t now_sec, uint64_t session, char out[SL_LOGIN_COOKIE_SIZE])
{
    unsigned char bytes[32];
    sl_random_bytes(bytes, sizeof(bytes));
    sl_base64url_format(bytes, sizeof(bytes), out);
    snprintf(out + RANDOM_LEN, SL_LOGIN_COOKIE_SIZE - RANDOM_LEN, ".%llu.%llu",
             (unsigned long long)now_sec + SL_LOGIN_SEC, (unsigned long long)session);
}

bool sl_logins_is_fresh(struct sl_str cookie, uint64_t now_sec, uint64_t *ret_session)
{
    uint64_t end;
    if (cookie.n <= RANDOM_LEN || cookie.n >= SL_LOGIN_COOKIE_SIZE || cookie.p[RANDOM_LEN] != '.') {
        return false;
    }
    struct sl_str rest = sl_str_sub(cookie, RANDOM_LEN + 1, cookie.n);
    ptrdiff_t dot = sl_str_find_char(rest, '.', 0);
    return dot > 0 && sl_parse_u64(sl_str_sub(rest, 0, (size_t)dot), now_sec + 1, now_sec + SL_LOGIN_SEC, &end) == 0 &&
           sl_parse_u64(sl_str_sub(rest, (size_t)dot + 1, rest.n), 0, UINT64_MAX, ret_session) == 0;
}

void sl_logins_text(const struct sl_logins *logins, uint64_t print, struct sl_str cookie, enum sl_login_text which,
                    char out[SL_LOGIN_TEXT_SIZE])
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    char text[SL_LOGIN_COOKIE_SIZE + 32];
    unsigned len = 0;
    int n = snprintf(text, sizeof(text), "%c%016llx%.*s", "snv"[which], (unsigned long long)print, SL_STR_ARG(cookie));
    const unsigned char *bytes = HMAC(EVP_sha256(), logins->secret, sizeof(logins->secret), (const unsigned char *)text,
                                      SL_MIN((size_t)n, sizeof(text) - 1), mac, &len);
    SL_ASSERT(bytes && len == 32);
    sl_base64url_format(mac, len, out);
    sl_wipe(mac, sizeof(mac));
}

/* With the lock: its place; SL_LOGIN_USED_MAX: it has none. */
static uint32_t used_find(const struct sl_logins *logins, const char *state)
{
    uint32_t i = 0;
    while (i < SL_LOGIN_USED_MAX && memcmp(logins->used[i], state, SL_LOGIN_TEXT_SIZE) != 0) {
        i++;
    }
    return i;
}

bool sl_logins_take(struct sl_logins *logins, const char state[SL_LOGIN_TEXT_SIZE])
{
    pthread_mutex_lock(&logins->lock);
    bool is_new = used_find(logins, state) == SL_LOGIN_USED_MAX;
    if (is_new) {
        memcpy(logins->used[logins->next_used], state, SL_LOGIN_TEXT_SIZE);
        logins->next_used = (logins->next_used + 1) % SL_LOGIN_USED_MAX;
    }
    pthread_mutex_unlock(&logins->lock);
    return is_new;
}

void sl_logins_give_back(struct sl_logins *logins, const char state[SL_LOGIN_TEXT_SIZE])
{
    pthread_mutex_lock(&logins->lock);
    uint32_t i = used_find(logins, state), last = (logins->next_used + SL_LOGIN_USED_MAX - 1) % SL_LOGIN_USED_MAX;
    if (i < SL_LOGIN_USED_MAX) { /* the newest takes its place, so that the others stay as long as they would */
        memcpy(logins->used[i], logins->used[last], SL_LOGIN_TEXT_SIZE);
        memset(logins->used[last], 0, SL_LOGIN_TEXT_SIZE);
        logins->next_used = last;
    }
    pthread_mutex_unlock(&logins->lock);
}

/* --- the provider's documents --- */

struct sl_str sl_logins_doc(struct sl_logins *logins, enum sl_login_doc which, uint64_t print, uint64_t now_usec,
                            struct sl_arena *arena, bool *ret_is_old)
{
    struct sl_str text = SL_STR_NONE;
    const struct doc *doc = &logins->docs[which];
    pthread_mutex_lock(&logins->lock);
    if (doc->text && doc->print == print) {
        text = sl_arena_dup(arena, sl_str_make(doc->text, doc->n));
    }
    *ret_is_old = !text.p || now_usec >= doc->fetched_usec + SL_LOGIN_DOC_USEC;
    pthread_mutex_unlock(&logins->lock);
    return text;
}

void sl_logins_doc_put(struct sl_logins *logins, enum sl_login_doc which, uint64_t print, uint64_t now_usec,
                       struct sl_str text)
{
    char *copy = malloc(text.n + 1);
    if (!copy) {
        return;
    }
    memcpy(copy, text.p, text.n);
    pthread_mutex_lock(&logins->lock);
    char *old = logins->docs[which].text;
    logins->docs[which] = (struct doc){ copy, text.n, print, now_usec };
    pthread_mutex_unlock(&logins->lock);
    free(old);
}

/* With the lock. */
static bool few_take(struct few *few, uint32_t max, uint64_t now)
{
    if (now >= few->since_usec + MINUTE_USEC) {
        *few = (struct few){ now, 0 };
    }
    return few->n++ < max;
}

void sl_logins_junk_note(struct sl_logins *logins, struct sl_str who, uint64_t now_usec)
{
    uint64_t hash = sl_hash(who);
    struct junk *junk = &logins->junk[hash % JUNK_PLACES];
    pthread_mutex_lock(&logins->lock);
    if (junk->who != hash) {
        *junk = (struct junk){ .who = hash };
    }
    SL_IGNORE(!few_take(&junk->few, SL_LOGIN_JUNK, now_usec));
    pthread_mutex_unlock(&logins->lock);
}

bool sl_logins_may_ask(struct sl_logins *logins, struct sl_str who, uint64_t now_usec)
{
    uint64_t hash = sl_hash(who);
    const struct junk *junk = &logins->junk[hash % JUNK_PLACES];
    pthread_mutex_lock(&logins->lock);
    bool may = junk->who != hash || junk->few.n < SL_LOGIN_JUNK || now_usec >= junk->few.since_usec + MINUTE_USEC;
    pthread_mutex_unlock(&logins->lock);
    return may;
}

bool sl_logins_may_renew(struct sl_logins *logins, uint64_t now_usec)
{
    pthread_mutex_lock(&logins->lock);
    bool may = few_take(&logins->renewals, SL_LOGIN_RENEWALS, now_usec);
    pthread_mutex_unlock(&logins->lock);
    return may;
}

bool sl_logins_may_tell(struct sl_logins *logins, uint64_t now_usec, uint32_t *ret_n_hidden)
{
    pthread_mutex_lock(&logins->lock);
    bool may = few_take(&logins->lines, SL_LOGIN_LINES, now_usec);
    *ret_n_hidden = logins->n_hidden;
    logins->n_hidden = may ? 0 : logins->n_hidden + 1;
    pthread_mutex_unlock(&logins->lock);
    return may;
}
