/* SPDX-License-Identifier: Apache-2.0 */
/* The process: commands, the main thread, the worker threads. */
#ifndef SL_DAEMON_DAEMON_H
#define SL_DAEMON_DAEMON_H

#include <pthread.h>

#include "gate/worker.h"
#include "net/listen.h"

/* Exit codes (the command line's promise). */
enum { SL_EXIT_OK = 0, SL_EXIT_LOCAL = 1, SL_EXIT_USAGE = 2 };

struct sl_serve_opts {
    const char *config; /* NULL: the embedded default */
    const char *listen; /* NULL: the file's */
    int64_t workers;    /* -1: the file's; 0: auto */
    const char *data;
    int bad_config_exit; /* MLflow's command ends with 2 */
    bool is_strict;      /* check: warnings count */
};

int sl_cmd_serve(const struct sl_serve_opts *opts);
int sl_cmd_check(const struct sl_serve_opts *opts);

/* --- worker threads --- */

struct sl_thread {
    pthread_t thread;
    struct sl_worker worker;
    struct sl_gate *gate;
    struct sl_tls_ctx *server_tls; /* or NULL */
    struct sl_listener *listeners;
    int *fds; /* listening sockets, given to the listeners */
    bool *are_unix;
    uint32_t n_listeners;
    uint32_t n_open; /* listeners not yet closed */
    struct sl_post post_drain, post_abort;
    bool is_draining, is_finished;
    void (*on_done)(void *arg); /* from this thread, when it ends */
    void *on_done_arg;
};

/* The loop and the worker are initialised here, on the caller's thread; then the thread starts. */
SL_MUST int sl_thread_start(struct sl_thread *thread, struct sl_err *err);
/* Stop accepting, finish what runs, end. Any thread. */
void sl_thread_drain(struct sl_thread *thread);
/* End at once. */
void sl_thread_abort(struct sl_thread *thread);

#endif
