/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration in force, and how a new one replaces it: on SIGHUP, and when a file that it names changes. The new
 * one is checked whole. A bad one is refused with its reason, and the old one stays in force.
 *
 * Every file is polled each 500 ms (inotify misses changes after the first atomic rename or Kubernetes' symlink swap).
 * A change is acted on when two polls agree, and only if some file's content differs from that at the last try. Main
 * thread. */
#ifndef SL_DAEMON_RELOAD_H
#define SL_DAEMON_RELOAD_H

#include <uv.h>

#include "gate/config/load.h"

struct sl_gate;

struct sl_reload {
    struct sl_gate *gate;
    struct sl_conf_source source;
    struct sl_conf_load *good; /* the configuration in force */
    struct sl_conf_load *last; /* the last try: `good`, or a refused one */
    void (*on_published)(void *arg);
    void *arg;
    uv_loop_t *loop;
    uv_timer_t settle;
    struct sl_watch *watches; /* list */
};

/* Adds what the environment says under MLflow's names. The texts live as long as the process. */
void sl_conf_env(struct sl_config_overrides *io_over);
/* Takes `good`, whose configuration is published already. */
SL_MUST int sl_reload_start(struct sl_reload *reload, uv_loop_t *loop, struct sl_conf_load *good);
/* Reloads now, as on SIGHUP. */
void sl_reload_now(struct sl_reload *reload, const char *why);
/* Closes its handles on the loop. */
void sl_reload_stop(struct sl_reload *reload);
/* Call this after the loop's end. */
void sl_reload_done(struct sl_reload *reload);
/* Puts the configuration's routes and settings in force. */
SL_MUST int sl_conf_publish(struct sl_gate *gate, const struct sl_config *config);

#endif
