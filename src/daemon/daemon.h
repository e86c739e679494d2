/* SPDX-License-Identifier: Apache-2.0 */
/* The process: commands, the main thread, the worker threads. */
#ifndef SL_DAEMON_DAEMON_H
#define SL_DAEMON_DAEMON_H

#include <pthread.h>

#include "gate/engine.h"
#include "gate/worker.h"
#include "net/listen.h"

/* Exit codes, which the command line's documentation promises. */
enum { SL_EXIT_OK = 0, SL_EXIT_LOCAL = 1, SL_EXIT_USAGE = 2 };

struct sl_serve_opts {
    const char *config; /* NULL: the embedded default */
    const char *listen; /* NULL: as the file says */
    int64_t workers;    /* -1: as the file says; 0: automatic */
    const char *data;
    int bad_config_exit; /* MLflow's command ends with 2 */
    bool is_strict;      /* for check: warnings are errors */
    bool is_mlflow;      /* also print MLflow's message for a bad file */
    bool has_env_routes; /* without a file: a route for each provider whose key is in the environment */
};

struct sl_doctor_opts {
    const char *config, *data; /* as for serve */
    bool is_json, is_strict, is_offline;
};

int sl_cmd_serve(const struct sl_serve_opts *opts);
int sl_cmd_check(const struct sl_serve_opts *opts);
/* `data` NULL: SLUICE_DATA's default. */
int sl_cmd_db_check(const char *data);
int sl_cmd_db_backup(const char *data, const char *file);
/* With the rights of the URL's user. */
int sl_cmd_db_migrate(const char *url);
/* From the directory to the database of the URL; `is_back`: the other way. */
int sl_cmd_db_copy(const char *data, const char *url, bool is_back);
/* *ret_is_running: a daemon has the directory, and nothing was done or printed. */
int sl_cmd_secret_rotate(const char *data, bool *ret_is_running);

/* 0: nothing is wrong; SL_EXIT_LOCAL: there was an error (or, when strict, a warning). */
int sl_cmd_doctor(const struct sl_doctor_opts *opts);

/* Asks the gateway at `server`, a URL or unix:/path on this machine; SL_EXIT_LOCAL: it does not live. */
int sl_cmd_health(const char *server);

struct sl_conf_load;
/* Call this after the problems were printed: returns the exit code. `load` NULL: no memory. */
int sl_cmd_bad_config(const struct sl_serve_opts *opts, const struct sl_conf_load *load);

/* --- worker threads --- */

struct sl_thread {
    pthread_t thread;
    struct sl_engine engine;
    struct sl_worker worker; /* runs on the thread's loop */
    struct sl_gate *gate;
    struct sl_listener *listeners;
    int *fds; /* listening sockets, given to the listeners */
    bool *are_unix;
    bool is_first; /* makes the health checks of targets for the process, tells the operator of alerts, sends spans */
    bool is_inherited; /* a supervisor opened the sockets */
    bool *have_proxy_protocol;
    uint32_t n_listeners;
    uint32_t n_open; /* listeners that are not yet closed */
    struct sl_post post_announce, post_drain, post_end, post_abort, post_refresh, post_alerts, post_spans;
    atomic_bool is_refresh_posted, is_alert_posted, are_spans_posted;
    bool is_draining, is_aborting, is_empty, is_finished;
    uint32_t number;            /* of this thread, from 0 */
    void (*on_done)(void *arg); /* called from this thread when it ends */
    void *on_done_arg;
};

/* Initialises the loop and the worker on the caller's thread; then starts the thread. */
SL_MUST int sl_thread_start(struct sl_thread *thread, struct sl_err *err);
/* Takes the latest snapshot now, not with the next request. Any thread, any number of times. */
void sl_thread_refresh(struct sl_thread *thread);
/* Replies say "Connection: close" from now on; everything else goes on. This and each of the following functions is
 * called once, from any thread. */
void sl_thread_announce(struct sl_thread *thread);
/* Stops accepting, finishes what runs, ends. */
void sl_thread_drain(struct sl_thread *thread);
/* Ends what still runs with an error in its dialect. */
void sl_thread_end_exchanges(struct sl_thread *thread);
/* Ends at once. */
void sl_thread_abort(struct sl_thread *thread);

#endif
