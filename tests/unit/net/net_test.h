/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of net share: a loop, connected sockets, and a stream that records its events. */
#ifndef NET_TEST_H
#define NET_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "net/stream.h"

/* Runs the loop until `cond`; fails the test after 10 s. */
#define RUN_UNTIL(loop, cond)                             \
    do {                                                  \
        uint64_t until_ = sl_loop_now(loop) + 10000000;   \
        while (!(cond)) {                                 \
            if (sl_loop_now(loop) > until_) {             \
                fail_msg("never became true: %s", #cond); \
            }                                             \
            loop_turn(loop);                              \
        }                                                 \
    } while (0)

/* One turn, at most 10 ms. */
void loop_turn(struct sl_loop *loop);
/* Runs the loop until `usec` have passed: to check that something does not happen. */
void loop_spend(struct sl_loop *loop, uint64_t usec);

int setup_loop(void **state);
int teardown_loop(void **state);

/* A stream and what came of it. */
struct peer {
    struct sl_stream stream;
    struct sl_buf got;
    int n_reads, n_eofs, n_errors, n_drains, n_queued, n_secure, n_closed;
    char error[256];
    /* Called after recording; may close. */
    void (*then_read)(struct peer *peer, struct sl_str bytes);
    void (*then_eof)(struct peer *peer);
    void (*then_error)(struct peer *peer);
    void (*then_drain)(struct peer *peer);
    void (*then_queued)(struct peer *peer);
    void (*then_secure)(struct peer *peer);
    void *arg;
};

void peer_init(struct peer *peer, struct sl_loop *loop);
/* Two ends of a loopback TCP connection (or a unix one), open in both. */
void peers_connect(struct peer *a, struct peer *b, struct sl_loop *loop, bool is_unix);
void fds_connect(int fds[2]);
void peer_close(struct peer *peer);
/* Closes what is open and waits for on_closed; frees what was recorded. */
void peers_done(struct peer *a, struct peer *b);
int peer_write(struct peer *peer, const char *text);

/* A listening socket on 127.0.0.1 (or ::1) and its port; -1 when the machine has no such address. */
int listen_on(int family, uint16_t *ret_port);
/* A port on 127.0.0.1 where nobody listens (it is bound, so that nobody else takes it; close `*ret_fd`). */
uint16_t dead_port(int *ret_fd);

#endif
