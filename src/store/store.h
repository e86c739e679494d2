/* SPDX-License-Identifier: Apache-2.0 */
/* The store: routes, limits, keys, counters and the audit, on disk. What holds for every kind of store stands here; a
 * kind is a folder with one struct sl_store_ops (ops.h) and a row in kinds.c. One thread owns the database. Others hand
 * it jobs through a bounded queue; the answers come back by a callback on the store's thread, which the asker turns
 * into a post to its own loop.
 *
 *   submit ──> queue ──> BEGIN ─ savepoint a job ─ COMMIT (one sync) ──> change events ──> answers
 *
 * Invariants:
 *  1. A write's answer leaves after the sync that covers it; a failed sync answers every job of its transaction with
 *     SL_E_IO, and none of them is in the file.
 *  2. A job that fails for itself (a name taken, a row missing) is undone alone; its neighbours are not touched.
 *  3. A change event has the change's number. It is told after the sync and before the answers, in order: what an
 *     answer says is in force everywhere when it is heard.
 *  4. Reads run outside the transaction, behind the writes that were taken with them. */
#ifndef SL_STORE_STORE_H
#define SL_STORE_STORE_H

#include "base/arena.h"
#include "base/secret.h"

struct sl_buf;
struct sl_seal;
struct sl_store;

/* Jobs that wait, at most; one more is SL_E_LIMIT. */
#define SL_STORE_QUEUE_MAX 4096

struct sl_store_route {
    uint64_t id;      /* the order of creation; never used twice */
    uint64_t version; /* the number of the change that made it so */
    uint64_t created_usec, updated_usec;
    struct sl_str name;
    struct sl_str spec;   /* JSON: the route without its provider's configuration */
    struct sl_str config; /* JSON: that configuration, plain. Sealed in the file */
};

struct sl_store_key {
    uint64_t id; /* the order of creation; never used twice */
    struct sl_str name, principal, role;
    struct sl_str routes;                             /* JSON list of names; p == NULL: all */
    struct sl_str hash;                               /* of the key's text, which is nowhere */
    uint64_t created_sec, expires_sec, last_used_sec; /* unix; 0: never */
};

enum sl_store_event_kind {
    SL_STORE_ROUTE_PUT,     /* made or replaced: `route` */
    SL_STORE_ROUTE_DELETED, /* `name`; its stored limits and counters are gone with it */
    SL_STORE_LIMITS_PUT,    /* `name`, `limits` */
    SL_STORE_KEY_PUT,       /* `key` */
    SL_STORE_KEY_DELETED,   /* `key`, of which only the id counts */
};

struct sl_store_event {
    enum sl_store_event_kind kind;
    uint64_t number;
    struct sl_str name;
    const struct sl_store_route *route;
    const struct sl_store_key *key;
    struct sl_str limits; /* JSON list; p == NULL: none are stored any more. Of a new route, too */
    bool is_new;          /* a route: there was none of that name */
};

/* Who makes a change, for its audit row. Borrowed from what the asker keeps. */
struct sl_store_who {
    struct sl_str principal, key, request_id;
};

enum sl_store_job_kind { SL_STORE_JOB_ROUTE, SL_STORE_JOB_KEY, SL_STORE_JOB_AUDIT, SL_STORE_JOB_ROTATE };

/* What every job begins with. The asker keeps it until on_done. */
struct sl_store_job {
    struct sl_store_job *next; /* the queue's */
    enum sl_store_job_kind kind;
    bool is_write; /* <0 undoes it alone. SL_E_IO: the database failed, not the job */
    /* On the store's thread; `r` and `err` say how it went. The asker owns the job again. */
    void (*on_done)(struct sl_store_job *job);
    struct sl_store_who who;
    int r;
    struct sl_err err;
    bool has_event;              /* set by the store */
    struct sl_store_event event; /* what it names lies in the job */
};

struct sl_store_cbs {
    /* On the store's thread, in order. Must succeed: the changes are durable. */
    void (*on_events)(void *arg, const struct sl_store_event *const *events, size_t n);
    /* A route for an audit row: JSON without secrets into `out`. On the store's thread. May be NULL. */
    void (*describe)(const struct sl_store_route *route, const struct sl_seal *seal, struct sl_buf *out);
    /* Everything that is in the database, in place of what was known of it: at the start, and when the file was opened
     * anew after a failure. Limits and keys come first, then routes by creation. Not `is_whole`: reading failed; what
     * was known before stays. */
    void (*on_load_begin)(void *arg);
    void (*on_load)(void *arg, const struct sl_store_event *event);
    void (*on_load_end)(void *arg, bool is_whole);
    void *events_arg;
    /* About every half second and at the end: what is to be written without anyone asking (counters). Runs in a
     * transaction; `was_lost`: that of the last time failed. May be NULL. */
    int (*on_tick)(void *arg, struct sl_store *store, bool was_lost, struct sl_err *err);
    void *tick_arg;
};

struct sl_store_conf {
    const char *kind; /* of sl_store_kinds; NULL: the first */
    const char *dir;
    struct sl_store_cbs cbs;
};

/* Makes and locks the directory, loads or makes the key, opens the database. Two kinds of failure:
 *  - <0 and no store: another process has the directory (SL_E_BUSY), the key is lost or wrong (SL_E_KEY), or a person
 *    must mend the directory (SL_E_INVAL);
 *  - 0 with *ret_is_ok false: directory or database cannot be used; `err` says why. The store exists, every job is
 *    answered with SL_E_IO, and it is tried again when jobs come.
 * Nothing runs before sl_store_start. */
SL_MUST int sl_store_open(const struct sl_store_conf *conf, struct sl_store **ret, bool *ret_is_ok, struct sl_err *err);
/* Tells every route and every stored limit (on_load…); before the start. A row that cannot be read is told to the
 * operator by its name, stays where it is and is not served. SL_E_KEY: the key opens none of the rows; the text names
 * their routes. */
SL_MUST int sl_store_load(struct sl_store *store, struct sl_err *err);
SL_MUST int sl_store_start(struct sl_store *store, struct sl_err *err);
/* Answers what waits, writes what is due, checkpoints, closes, unlocks, frees. Accepts NULL. */
void sl_store_close(struct sl_store *store);

/* Any thread. Has everything in it been told once? Until then what is not known may well be stored. */
bool sl_store_was_read(const struct sl_store *store);
/* Any thread. Did the last attempt to read and write work? */
bool sl_store_is_up(const struct sl_store *store);

/* Any thread. SL_E_LIMIT: the queue is full; SL_E_CANCELLED: closing. Then on_done is not called. */
SL_MUST int sl_store_submit(struct sl_store *store, struct sl_store_job *job);

/* A copy of the key that holds: a rotation may bring another at any time. The caller wipes it (sl_seal_done). Any
 * thread. */
void sl_store_seal(struct sl_store *store, struct sl_seal *ret);

/* --- jobs: routes and limits --- */

enum sl_store_verb {
    SL_STORE_CREATE,     /* SL_E_EXISTS when the name is taken */
    SL_STORE_REPLACE,    /* create or replace; if_version 0: whatever is there */
    SL_STORE_DELETE,     /* SL_E_NOTFOUND; if_version as REPLACE */
    SL_STORE_READ,       /* SL_E_NOTFOUND; fills `route` */
    SL_STORE_SET_LIMITS, /* SL_E_NOTFOUND when there is no such dynamic route and `is_file_route` is not set */
};

struct sl_store_route_job {
    struct sl_store_job base;
    enum sl_store_verb verb;
    struct sl_arena arena;       /* texts; the job's */
    struct sl_secret config;     /* where route.config lies */
    struct sl_store_route route; /* in: name, spec, config. Out: the whole row */
    struct sl_str limits;        /* SET_LIMITS: JSON list; p == NULL: remove. CREATE: what holds from the start */
    uint64_t now_usec;           /* wall */
    bool is_file_route;
    bool has_if_version;
    uint64_t if_version; /* SL_E_STALE: it is another one */
    /* REPLACE, on the store's thread, before the row is written: `old` is what is there, or NULL. May change spec and
     * config (by sl_store_route_job_set). May be NULL. */
    int (*prepare)(struct sl_store_route_job *job, const struct sl_store_route *old, struct sl_err *err);
};

SL_MUST int sl_store_route_job_init(struct sl_store_route_job *job, enum sl_store_verb verb, struct sl_str name);
/* Copies; NULL p leaves what is there. */
SL_MUST int sl_store_route_job_set(struct sl_store_route_job *job, struct sl_str spec, struct sl_str config);
void sl_store_route_job_done(struct sl_store_route_job *job); /* wipes */

/* --- jobs: keys --- */

struct sl_store_key_job {
    struct sl_store_job base;
    bool is_revoke;          /* of key.id; SL_E_NOTFOUND */
    struct sl_arena arena;   /* texts; the job's */
    struct sl_store_key key; /* in: all but the id, which is set */
    struct sl_str text;      /* JSON of the key for the audit */
    uint64_t now_usec;       /* wall */
};

/* How a key's id is told to people. */
#define SL_STORE_KEY_ID "key-%llu"

void sl_store_key_job_init(struct sl_store_key_job *job, bool is_revoke);
void sl_store_key_job_done(struct sl_store_key_job *job);
/* For on_tick: when a key was last used. No change of its own: it has no number. */
SL_MUST int sl_store_key_used(struct sl_store *store, uint64_t id, uint64_t sec, struct sl_err *err);

/* --- jobs: the secret key --- */

/* Makes a new key and encrypts every row anew, in one transaction. SL_E_UNSUPPORTED: the key is the environment's;
 * SL_E_KEY: a row cannot be read. Crash-safe. */
struct sl_store_rotate_job {
    struct sl_store_job base;
    uint64_t now_usec; /* wall */
    uint64_t n_routes; /* out */
};

void sl_store_rotate_job_init(struct sl_store_rotate_job *job);

/* --- jobs: the audit --- */

/* Rows that are kept: each new one takes the place of the oldest. */
#define SL_AUDIT_ROWS 100000
/* A text of a row; a longer one is replaced by a note of its length. */
#define SL_AUDIT_TEXT_MAX 16384

struct sl_audit_row {
    uint64_t id, at_usec;
    struct sl_store_who who;
    struct sl_str action;        /* "route.create", … */
    struct sl_str target;        /* a route's name, a key's id, or "" */
    struct sl_str before, after; /* JSON without secrets; p == NULL: there was, or is, nothing */
};

/* Reads a page, newest first. */
struct sl_store_audit_job {
    struct sl_store_job base;
    struct sl_arena arena;
    uint64_t before_id; /* 0: from the newest */
    uint32_t max;
    struct sl_audit_row *rows; /* out */
    uint32_t n;
    bool has_more;
};

void sl_store_audit_job_init(struct sl_store_audit_job *job, uint64_t before_id, uint32_t max);
void sl_store_audit_job_done(struct sl_store_audit_job *job);

/* --- answers that can be asked for again: for on_tick and the load --- */

struct sl_store_answer {
    struct sl_str id, route, principal;
    struct sl_str target; /* of the route; "": it had one */
    uint64_t end_usec;    /* wall */
};

SL_MUST int sl_store_answer_put(struct sl_store *store, const struct sl_store_answer *answer, struct sl_err *err);
/* Those that are over, and all but the newest `max`. */
SL_MUST int sl_store_answers_expire(struct sl_store *store, uint64_t now_usec, size_t max, struct sl_err *err);
/* Before the start: the oldest first. */
SL_MUST int sl_store_answers_load(struct sl_store *store, uint64_t now_usec,
                                  void (*on_answer)(void *arg, const struct sl_store_answer *answer), void *arg,
                                  struct sl_err *err);

/* --- counters: for on_tick and the load --- */

struct sl_store_counter {
    struct sl_str route, key, principal; /* key: "route" or "user" */
    uint64_t incarnation;                /* of the route; 0: the file's */
    uint64_t period_usec, end_usec;      /* of the window; wall */
    uint64_t used;
};

SL_MUST int sl_store_counter_put(struct sl_store *store, const struct sl_store_counter *counter, struct sl_err *err);
/* Those whose window is over. */
SL_MUST int sl_store_counters_expire(struct sl_store *store, uint64_t now_usec, struct sl_err *err);
/* Before the start. */
SL_MUST int sl_store_counters_load(struct sl_store *store, uint64_t now_usec,
                                   void (*on_counter)(void *arg, const struct sl_store_counter *counter), void *arg,
                                   struct sl_err *err);

#endif
