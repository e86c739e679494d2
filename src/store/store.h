/* SPDX-License-Identifier: Apache-2.0 */
/* The store: routes, limits, groups, keys, counters and the audit, on disk. This header holds for every kind of store;
 * a kind is a folder with one struct sl_store_ops (ops.h) and a row in kinds.c. One thread owns the database. Others
 * give it jobs through a bounded queue; the answers come back by a callback on the store's thread, which the asker
 * turns into a post to its own loop.
 *
 *   submit ──> queue ──> BEGIN ─ a savepoint for each job ─ COMMIT (one sync) ──> change events ──> answers
 *
 * Invariants:
 *  1. A write's answer leaves after the sync that covers it; a failed sync answers every job of its transaction with
 *     SL_E_IO, and none of them is in the file.
 *  2. A job that fails by itself (a name is taken, a row is missing) is undone alone; its neighbours stay.
 *  3. A change event has the change's number. It is reported after the sync and before the answers, in order: so what
 *     an answer says is in force everywhere when the answer arrives.
 *  4. Reads run outside the transaction, behind the writes that were taken with them. */
#ifndef SL_STORE_STORE_H
#define SL_STORE_STORE_H

#include "base/arena.h"
#include "base/secret.h"

struct sl_buf;
struct sl_seal;
struct sl_store;

/* The most jobs that wait; one more is SL_E_LIMIT. */
#define SL_STORE_QUEUE_MAX 4096

struct sl_store_route {
    uint64_t id;      /* the order of creation; never used twice */
    uint64_t version; /* the number of the change that made the row what it is */
    uint64_t created_usec, updated_usec;
    struct sl_str name;
    struct sl_str spec;   /* JSON: the route without its provider's configuration */
    struct sl_str config; /* JSON: that configuration as plain text. It is encrypted in the file */
};

struct sl_store_key {
    uint64_t id;      /* the order of creation; never used twice */
    uint64_t version; /* the number of the change that made the row what it is */
    struct sl_str name, principal, role;
    struct sl_str group;                              /* its path; n == 0: none */
    struct sl_str limits;                             /* JSON list; p == NULL: none */
    struct sl_str routes;                             /* JSON list of names; p == NULL: all */
    struct sl_str hash;                               /* of the key's text, which is stored nowhere */
    uint64_t created_sec, expires_sec, last_used_sec; /* unix seconds; 0: never */
};

struct sl_store_group {
    uint64_t id;      /* never used twice */
    uint64_t version; /* the number of the change that made the row what it is */
    uint64_t created_usec, updated_usec;
    struct sl_str path;     /* "acme/search" is in the group "acme" */
    struct sl_str limits;   /* JSON list; p == NULL: none */
    struct sl_str children; /* the same for those that a new group in it begins with */
};

enum sl_store_event_kind {
    SL_STORE_ROUTE_PUT,      /* made or replaced: `route` */
    SL_STORE_ROUTE_DELETED,  /* `name`; its stored limits and counters are deleted too */
    SL_STORE_LIMITS_PUT,     /* `name`, `limits` */
    SL_STORE_KEY_PUT,        /* `key` */
    SL_STORE_KEY_DELETED,    /* `key`, with only the id */
    SL_STORE_GROUP_PUT,      /* made or replaced: `group` */
    SL_STORE_GROUP_DELETED,  /* `name` is its path */
    SL_STORE_SECRET_ROTATED, /* of a store that is shared: nothing that is served has changed */
};

struct sl_store_event {
    enum sl_store_event_kind kind;
    uint64_t number;
    struct sl_str name;
    const struct sl_store_route *route;
    const struct sl_store_key *key;
    const struct sl_store_group *group;
    struct sl_str limits; /* JSON list; p == NULL: there are no stored limits any more. Also for a new route */
    bool is_new;          /* for a route: none of that name existed */
};

/* Who makes a change, for its audit row. Borrowed from the asker. */
struct sl_store_who {
    struct sl_str principal, key, request_id;
    struct sl_str top; /* the topmost group that the key is in; n == 0: it is in none */
};

enum sl_store_job_kind {
    SL_STORE_JOB_ROUTE,
    SL_STORE_JOB_KEY,
    SL_STORE_JOB_GROUP,
    SL_STORE_JOB_AUDIT,
    SL_STORE_JOB_ROTATE,
    SL_STORE_JOB_REPRICE,
    SL_STORE_JOB_NODES /* only for a store that is shared */
};

/* The first part of every job. The asker keeps it until on_done. */
struct sl_store_job {
    struct sl_store_job *next; /* used by the queue */
    enum sl_store_job_kind kind;
    bool is_write;   /* a result <0 undoes only this job. SL_E_IO: the database failed, not the job */
    bool waits;      /* set by the asker of a write: the answer comes when all nodes have the change, or after
                      * SL_STORE_WAIT_USEC */
    bool has_more;   /* the store sets this: the job runs again behind those that wait, in a transaction of its own */
    uint32_t n_done; /* how often it did */
    /* Runs on the store's thread; `r` and `err` have the result. After it the asker owns the job again. */
    void (*on_done)(struct sl_store_job *job);
    struct sl_store_who who;
    int r;
    struct sl_err err;
    bool has_event;              /* the store sets this */
    struct sl_store_event event; /* its texts are those of the job */
    uint64_t wait_until_usec;    /* used by the store */
    /* Out, when it `waits`: the nodes that have not said that they have the change, each with a '\n' behind it; NULL:
     * all have. The asker frees it. */
    char *pending;
    bool pends_on_any; /* out, in place of the names: they are not known, for the database or the memory failed */
};

/* How long a change waits for other nodes, when its asker wants that. */
#define SL_STORE_WAIT_USEC (5 * SL_USEC_PER_SEC)

struct sl_store_node;

struct sl_store_cbs {
    /* Runs on the store's thread, in order. It must succeed, because the changes are durable. */
    void (*on_events)(void *arg, const struct sl_store_event *const *events, size_t n);
    /* Writes a route for an audit row as JSON without secrets. Runs on the store's thread. May be NULL. */
    void (*describe)(const struct sl_store_route *route, const struct sl_seal *seal, struct sl_buf *out);
    /* These report everything in the database, at the start, and when the file was opened again after a failure; it
     * replaces what was known before. Limits, groups (a group before those in it) and keys come first, then routes by
     * creation. Not `is_whole`: reading failed; what was known before stays. */
    void (*on_load_begin)(void *arg);
    void (*on_load)(void *arg, const struct sl_store_event *event);
    void (*on_load_end)(void *arg, bool is_whole);
    void *events_arg;
    /* Runs about every half second, and twice at the end, to write what no job writes (counters). It runs in a
     * transaction; `was_lost`: the last one failed. May be NULL. */
    int (*on_tick)(void *arg, struct sl_store *store, bool was_lost, struct sl_err *err);
    /* Runs in its place while nothing can be written. May be NULL. */
    void (*on_wait)(void *arg);
    /* Fills in what this process says of itself to others: version, counters, is_draining. */
    void (*on_node)(void *arg, struct sl_store_node *ret);
    void *tick_arg; /* of the last three */
};

struct sl_store_conf {
    const char *kind; /* a name of sl_store_kinds; NULL: the first */
    const char *dir;  /* NULL: none, which only "postgres" allows */
    struct sl_store_cbs cbs;
    /* For "postgres": */
    const char *url, *notify_url; /* notify_url NULL: none */
    uint64_t max_stale_usec;      /* how old the copy may be that stands in for the database at a start; 0: any age */
    const char *node;             /* the name of this one among those that share the store */
};

/* Makes and locks the directory, loads or makes the key, opens the database. Two kinds of failure:
 *  - <0 and no store: another process has the directory (SL_E_BUSY), the key is lost or wrong (SL_E_KEY), or a person
 * must repair the directory (SL_E_INVAL);
 *  - 0 with *ret_is_ok false: directory or database cannot be used; `err` says why. The store exists, every job is
 *    answered with SL_E_IO, and it is tried again when jobs come.
 * Nothing runs before sl_store_start. */
SL_MUST int sl_store_open(const struct sl_store_conf *conf, struct sl_store **ret, bool *ret_is_ok, struct sl_err *err);
/* Reports every route and every stored limit (on_load…); call it before the start. A row that cannot be read is named
 * to the operator, stays where it is and is not served. SL_E_KEY: the key decrypts no row; the text names their
 * routes. */
SL_MUST int sl_store_load(struct sl_store *store, struct sl_err *err);
SL_MUST int sl_store_start(struct sl_store *store, struct sl_err *err);
/* Answers waiting jobs, writes what is due, checkpoints, closes, unlocks, frees. Accepts NULL. */
void sl_store_close(struct sl_store *store);

/* Any thread. True: everything was loaded once. Until then something that is not known may still be stored. */
bool sl_store_was_read(const struct sl_store *store);
/* Any thread. The number of the last change that is in force. */
uint64_t sl_store_change(const struct sl_store *store);
/* True: other processes write to it, too. */
bool sl_store_is_shared(const struct sl_store *store);
/* Any thread. True: the last attempt to read and write worked. */
bool sl_store_is_up(const struct sl_store *store);

/* Any thread. SL_E_LIMIT: the queue is full; SL_E_CANCELLED: closing. Then on_done is not called. */
SL_MUST int sl_store_submit(struct sl_store *store, struct sl_store_job *job);

/* A copy of the current key; a rotation may replace the key at any time. The caller wipes the copy (sl_seal_done). Any
 * thread. */
void sl_store_seal(struct sl_store *store, struct sl_seal *ret);

/* --- jobs: routes and limits --- */

enum sl_store_verb {
    SL_STORE_CREATE,     /* SL_E_EXISTS when the name is taken */
    SL_STORE_REPLACE,    /* create or replace; if_version 0: any version */
    SL_STORE_DELETE,     /* SL_E_NOTFOUND; if_version as for REPLACE */
    SL_STORE_READ,       /* SL_E_NOTFOUND; fills `route` */
    SL_STORE_SET_LIMITS, /* SL_E_NOTFOUND when there is no such dynamic route and `is_file_route` is not set */
};

struct sl_store_route_job {
    struct sl_store_job base;
    enum sl_store_verb verb;
    struct sl_arena arena;       /* for texts; belongs to the job */
    struct sl_secret config;     /* the memory of route.config */
    struct sl_store_route route; /* in: name, spec, config. Out: the whole row */
    struct sl_str limits;        /* SET_LIMITS: JSON list; p == NULL: remove. CREATE: the limits from the start */
    uint64_t now_usec;           /* wall */
    bool is_file_route;
    bool has_if_version;
    uint64_t if_version; /* SL_E_STALE: the row has another version */
    /* For REPLACE, on the store's thread, before the row is written: `old` is the current row, or NULL. It may change
     * spec and config (with sl_store_route_job_set). May be NULL. */
    int (*prepare)(struct sl_store_route_job *job, const struct sl_store_route *old, struct sl_err *err);
};

SL_MUST int sl_store_route_job_init(struct sl_store_route_job *job, enum sl_store_verb verb, struct sl_str name);
/* Copies; a NULL p keeps the current value. */
SL_MUST int sl_store_route_job_set(struct sl_store_route_job *job, struct sl_str spec, struct sl_str config);
void sl_store_route_job_done(struct sl_store_route_job *job); /* wipes */

/* --- jobs: keys --- */

enum sl_store_key_verb {
    SL_STORE_KEY_CREATE,  /* SL_E_BUSY: there are too many already */
    SL_STORE_KEY_REPLACE, /* SL_E_NOTFOUND, SL_E_STALE; the key's text and its times stay */
    SL_STORE_KEY_REVOKE,  /* SL_E_NOTFOUND, SL_E_STALE */
};

struct sl_store_key_job {
    struct sl_store_job base;
    enum sl_store_key_verb verb;
    bool is_file_group;         /* the file has key.group; else SL_E_INVAL when there is no such group in the store */
    uint32_t max;               /* CREATE: the most keys in who.top and the groups below it; 0: any number */
    struct sl_arena arena;      /* for texts; belongs to the job */
    struct sl_store_key key;    /* in: all members except id and version, which CREATE sets. REPLACE, REVOKE: id */
    uint64_t if_version;        /* REPLACE, REVOKE: SL_E_STALE when the row has another version */
    struct sl_str before, text; /* JSON of the key for the audit. REPLACE: both are equal: nothing changes */
    uint64_t now_usec;          /* wall */
};

/* How people see a key's id. */
#define SL_STORE_KEY_ID "key-%llu"

void sl_store_key_job_init(struct sl_store_key_job *job, enum sl_store_key_verb verb);
void sl_store_key_job_done(struct sl_store_key_job *job);
/* For on_tick: stores when a key was last used. This is no change of its own, so it has no number. */
SL_MUST int sl_store_key_used(struct sl_store *store, uint64_t id, uint64_t sec, struct sl_err *err);

/* --- jobs: groups --- */

enum sl_store_group_verb {
    SL_STORE_GROUP_CREATE,  /* SL_E_EXISTS; SL_E_INVAL when the group that it is in is not there; SL_E_BUSY: too many */
    SL_STORE_GROUP_REPLACE, /* create or replace; SL_E_INVAL as for CREATE */
    SL_STORE_GROUP_DELETE,  /* SL_E_NOTFOUND; SL_E_BUSY when keys or groups are in it: the text names some of them */
};

struct sl_store_group_job {
    struct sl_store_job base;
    enum sl_store_group_verb verb;
    struct sl_arena arena;       /* for texts; belongs to the job */
    struct sl_store_group group; /* in: path, limits, children; out: the rest */
    uint32_t max;                /* when it is new: the most groups below who.top; 0: any number */
    struct sl_str above;         /* the group that it is in and that must be stored; n == 0: none, or the file has it */
    struct sl_str before, text;  /* JSON of the group for the audit; before.p == NULL: there was none */
    uint64_t if_version;         /* REPLACE, DELETE: SL_E_STALE when it has another; 0: there is no such group */
    bool is_new;                 /* out, for REPLACE */
    uint64_t now_usec;           /* wall */
};

SL_MUST int sl_store_group_job_init(struct sl_store_group_job *job, enum sl_store_group_verb verb, struct sl_str path);
void sl_store_group_job_done(struct sl_store_group_job *job);

/* --- jobs: the secret key --- */

/* Makes a new key and encrypts every row again, in one transaction. SL_E_UNSUPPORTED: the key comes from the
 * environment; SL_E_KEY: a row cannot be decrypted. Crash-safe. */
struct sl_store_rotate_job {
    struct sl_store_job base;
    uint64_t now_usec; /* wall */
    uint64_t n_routes; /* out */
};

void sl_store_rotate_job_init(struct sl_store_rotate_job *job);

/* --- jobs: the audit --- */

/* The most rows of changes by keys without a group, and by those of each topmost group: a new one replaces the oldest
 * of these. */
#define SL_AUDIT_ROWS       100000
#define SL_AUDIT_GROUP_ROWS 10000
/* The longest text of a row; a longer one is replaced by a note of its length. */
#define SL_AUDIT_TEXT_MAX 16384

struct sl_audit_row {
    uint64_t id, at_usec;
    struct sl_store_who who;
    struct sl_str action;        /* "route.create", … */
    struct sl_str target;        /* a route's name, a key's id, or "" */
    struct sl_str before, after; /* JSON without secrets; p == NULL: there was nothing, or there is nothing */
};

/* Reads a page, newest first. */
struct sl_store_audit_job {
    struct sl_store_job base;
    struct sl_arena arena;
    uint64_t before_id; /* 0: begin with the newest */
    uint32_t max;
    struct sl_audit_row *rows; /* out */
    uint32_t n;
    bool has_more;
};

void sl_store_audit_job_init(struct sl_store_audit_job *job, uint64_t before_id, uint32_t max);
void sl_store_audit_job_done(struct sl_store_audit_job *job);

/* --- nodes: the processes that share a store --- */

/* A node says about once a second that it lives. After the first time of silence it has lost the store, or has died;
 * after the second one it counts no more, and another may have its name. */
#define SL_STORE_NODE_LATE_USEC (5 * SL_USEC_PER_SEC)
#define SL_STORE_NODE_GONE_USEC (15 * SL_USEC_PER_SEC)

struct sl_store_node {
    struct sl_str name, version;
    struct sl_str counters;           /* where it counts limits: "local", or how the shared ones are: "up", "down" */
    uint64_t change;                  /* the number of the last change that it has in force */
    uint64_t started_usec, seen_usec; /* by the store's clock */
    uint64_t silent_usec;
    bool is_draining;
};

/* Reads them all, by name. */
struct sl_store_nodes_job {
    struct sl_store_job base;
    struct sl_arena arena;
    struct sl_store_node *nodes; /* out */
    uint32_t n;
};

void sl_store_nodes_job_init(struct sl_store_nodes_job *job);
void sl_store_nodes_job_done(struct sl_store_nodes_job *job);

/* --- answers that can be asked for again: for on_tick and the load --- */

struct sl_store_answer {
    struct sl_str id, route, principal;
    struct sl_str target; /* of the route; "": it had only one */
    uint64_t end_usec;    /* wall */
};

/* The ids of several answers that only differ in these: they are one row. `ids` has a '\n' behind each, and an id has
 * none. */
SL_MUST int sl_store_answers_put(struct sl_store *store, const struct sl_store_answer *of, struct sl_str ids,
                                 uint64_t n_ids, struct sl_err *err);
/* Deletes those that are over, and all but the newest `max`; a row stays as long as one of its answers does. */
SL_MUST int sl_store_answers_expire(struct sl_store *store, uint64_t now_usec, size_t max, struct sl_err *err);
/* Call this before the start; reports the oldest first. */
SL_MUST int sl_store_answers_load(struct sl_store *store, uint64_t now_usec,
                                  void (*on_answer)(void *arg, const struct sl_store_answer *answer), void *arg,
                                  struct sl_err *err);

/* --- counters: for on_tick and the load --- */

struct sl_store_counter {
    struct sl_str owner, name;      /* "route" and its name, or another owner of limits */
    uint64_t incarnation;           /* of the owner; 0: the file's */
    struct sl_str key, who;         /* "route": all calls of the owner; "user", "session": those of `who` */
    struct sl_str kind;             /* "requests", "tokens", … */
    uint64_t period_usec, end_usec; /* of the window; wall */
    struct sl_str zone;             /* whose calendar the period is of; "": none */
    uint64_t used;
};

SL_MUST int sl_store_counter_put(struct sl_store *store, const struct sl_store_counter *counter, struct sl_err *err);
/* Deletes those whose window is over, and all but the newest `max_sessions` of sessions. */
SL_MUST int sl_store_counters_expire(struct sl_store *store, uint64_t now_usec, size_t max_sessions,
                                     struct sl_err *err);
/* Those whose window ends last come first. Call this before the start. */
SL_MUST int sl_store_counters_load(struct sl_store *store, uint64_t now_usec,
                                   void (*on_counter)(void *arg, const struct sl_store_counter *counter), void *arg,
                                   struct sl_err *err);

#endif
