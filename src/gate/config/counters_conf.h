/* SPDX-License-Identifier: Apache-2.0 */
/* `counters:` of the file: where the counters of limits are. */
#ifndef SL_GATE_COUNTERS_CONF_H
#define SL_GATE_COUNTERS_CONF_H

#include "base/opt.h"
#include "base/secret.h"

struct sl_fleet_place;

struct sl_counters_settings {
    struct sl_str
        redis; /* the URL as it was given, or the first of a list; p == NULL: the counters are in this process */
    struct sl_fleet_place *places;
    uint32_t n_places;
    bool is_list, is_tls;
    struct sl_str user, master;
    uint32_t db;
    struct sl_secret password;
    struct sl_str ns;
    uint64_t deadline_usec, wait_usec;
};

extern const struct sl_opt sl_counters_opts[];

/* For the row: takes the word local, or a map. */
int sl_counters_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field);
bool sl_counters_same(const void *a, const void *b);
/* MLflow's variable: the URL, which may have the password; the file's own `counters` wins. `text` NULL: it is not
 * set. */
void sl_counters_from_env(struct sl_bind *bind, const char *name, const char *text,
                          struct sl_counters_settings *settings);

#endif
