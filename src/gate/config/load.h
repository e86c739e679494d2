/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_GATE_LOAD_H
#define SL_GATE_LOAD_H

#include "base/arena.h"
#include "base/opt.h"
#include "gate/config/config.h"

/* One try to read the configuration: its files, its problems, its result. */
struct sl_conf_load {
    struct sl_arena arena; /* everything below except the configuration */
    struct sl_problems problems;
    struct sl_conf_files files;
    struct sl_config *config; /* NULL: refused */
};

/* Reads the file and the environment; any thread. NULL only for lack of memory. */
struct sl_conf_load *sl_conf_load_new(const char *path, const struct sl_config_overrides *over);
void sl_conf_load_free(struct sl_conf_load *load);

/* Where a running gateway's configuration comes from, to read it again. */
struct sl_conf_source {
    const char *path; /* NULL: the embedded default; then nothing is read again */
    struct sl_config_overrides over;
    /* The process can refuse settings, too; any thread. */
    int (*check)(void *arg, const struct sl_settings *settings, struct sl_err *err);
    void *arg;
    struct sl_settings *boot; /* held: those at the process's start; some stay in force until a restart */
};

/* Reads again, and adds to the problems what the process refuses; then there is no configuration. */
struct sl_conf_load *sl_conf_source_load(const struct sl_conf_source *source);

#endif
