/* SPDX-License-Identifier: Apache-2.0 */
/* A whole gate on one loop of the test's thread: a worker, a client's socket, and a scripted upstream. No process, and
 * no other thread than the access log's. */
#ifndef SL_TEST_GATE_TEST_H
#define SL_TEST_GATE_TEST_H

#include "gate/config/events.h"
#include "gate/config/publisher.h"
#include "gate/config/snapshot.h"
#include "gate/engine.h"
#include "gate/gate.h"
#include "gate/policy/counters.h"
#include "gate/policy/factor.h"
#include "gate/watch/notice.h"
#include "gate/worker.h"
#include "help.h"

#define UPSTREAM_REPLIES_MAX 4

struct gate_test {
    struct loaded loaded;
    struct sl_gate gate; /* points to the next five */
    struct sl_publisher publisher;
    struct sl_events events;
    struct sl_counters counters;
    struct sl_factors factors;
    struct sl_notices notices;
    struct sl_engine engine;
    struct sl_worker worker;
    int upstream; /* listens; routes have its port as "PORT" */
    unsigned port;
    char dir[64]; /* for the store; "": it runs without one */
    char log[32]; /* the file of gate_test_log */

    /* Of the running exchange. */
    int client; /* -1: closed */
    struct sl_buf got;
    const char *const *replies; /* what the upstream sends to its requests, one after the other; NULL: it closes */
    unsigned n_replies, n_asked;
    size_t piece;        /* how many bytes it sends in a turn; 0: all at once */
    const char *unsent;  /* the rest of its reply; NULL: none */
    int up;              /* its connection; -1: none */
    bool is_held;        /* it keeps the last connection open */
    bool is_up_gone;     /* the gateway has closed the connection that is held */
    struct sl_buf asked; /* the whole last request */
};

/* `config` is YAML; each "PORT" in it becomes the upstream's port. The test fails if it is refused. */
void gate_test_start(struct gate_test *g, const char *config);
/* The same with the configuration in a file. */
void gate_test_start_file(struct gate_test *g, const char *config);
/* Makes a store in its own folder, which gate_test_end removes. */
void gate_test_store(struct gate_test *g);
/* Writes an access log. Call this before the first call. */
void gate_test_log(struct gate_test *g);
/* gate_test_end, and returns the whole access log. It is valid until the next one is. */
struct sl_str gate_test_end_log(struct gate_test *g);
/* Waits for everything that is open, and frees. */
void gate_test_end(struct gate_test *g);
/* For tests of a table: *state is a world with `config`. One at a time. */
int gate_test_setup(void **state, const char *config);
int gate_test_teardown(void **state);

/* Connects a client and sends `request`. The upstream answers its requests with `replies` (NULL at the end). */
void gate_test_send(struct gate_test *g, const char *request, const char *const *replies);
/* The same with the parts of a request: `headers` has whole lines; `body` NULL: none. */
void gate_test_call(struct gate_test *g, const char *method, const char *path, const char *headers, const char *body,
                    const char *const *replies);
/* One turn of the loop, of the client's reading and of the upstream. */
void gate_test_turn(struct gate_test *g);
/* Runs until the gateway closes the client's connection. Returns what came; borrowed until the next call. */
struct sl_str gate_test_reply(struct gate_test *g);
/* Waits for the reply, which must have this status and all of `has` (NULL at the end), but not `hasnt` (may be
 * NULL). */
void gate_test_check(struct gate_test *g, const char *what, int status, const char *const *has, const char *hasnt);
/* What stands in that reply between two texts. */
void gate_test_cut(struct gate_test *g, const char *before, const char *after, char *out, size_t cap);
/* Runs until `cond` is true; fails the test after 10 s. */
#define GATE_UNTIL(g, cond)                                                                              \
    do {                                                                                                 \
        uint64_t until_ = sl_loop_now(&(g)->engine.loop) + 10000000;                                     \
        while (!(cond)) {                                                                                \
            if (sl_loop_now(&(g)->engine.loop) > until_) {                                               \
                fail_msg("never became true: %s; got '%.*s'", #cond, SL_STR_ARG(sl_buf_str(&(g)->got))); \
            }                                                                                            \
            gate_test_turn(g);                                                                           \
        }                                                                                                \
    } while (0)

#endif
