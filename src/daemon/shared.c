/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/shared.h"

#include "daemon/node.h"
#include "gate/config/settings.h"
#include "gate/fleet/conf.h"
#include "gate/fleet/fleet.h"
#include "gate/policy/limit_table.h"
#include "store/dir.h"
#include "store/tool.h"

/* For a limiter that counts nothing. */
#define COUNTERS_LEAST 16

int sl_shared_fleet_new(const struct sl_settings *settings, struct sl_limiter *limiter, uint32_t n_workers,
                        struct sl_fleet **ret, struct sl_err *err)
{
    const struct sl_counters_settings *counters = &settings->counters;
    const struct sl_fleet_conf conf = {
        .host = counters->host,
        .port = counters->port,
        .db = counters->db,
        .user = counters->user,
        .password = sl_secret_reveal(&counters->password),
        .ns = counters->ns,
        .deadline_usec = counters->deadline_usec,
        .tls = counters->is_tls ? settings->client_tls : NULL,
    };
    return sl_fleet_new(&conf, limiter, n_workers, ret) < 0 ? sl_fail_nomem(err) : 0;
}

int sl_shared_counters_try(const struct sl_settings *settings, struct sl_err *err)
{
    struct sl_limiter *limiter = NULL;
    struct sl_fleet *fleet = NULL;
    int r = sl_limiter_new(COUNTERS_LEAST, &limiter) < 0 ? sl_fail_nomem(err) : 0;
    r = r < 0 ? r : sl_shared_fleet_new(settings, limiter, 0, &fleet, err);
    r = r < 0 ? r : sl_fleet_try(fleet, err);
    sl_fleet_free(fleet);
    sl_limiter_free(limiter);
    return r;
}

int sl_shared_store_check(const struct sl_settings *settings, struct sl_err *err)
{
    struct sl_seal seal = { 0 };
    struct sl_err cause = { 0 };
    int r = sl_node_check(settings, err);
    if (r == 0 && sl_dir_key_variable() && (r = sl_dir_key(NULL, false, &seal, &cause)) < 0) {
        sl_fail(err, r, "%s", cause.text);
    }
    sl_seal_done(&seal);
    return r;
}

int sl_shared_store_try(const struct sl_settings *settings, const struct sl_store_looker *looker,
                        struct sl_store_report *ret, struct sl_err *err)
{
    int r = sl_shared_store_check(settings, err);
    return r < 0 ? r : sl_store_look("postgres", settings->store.postgres.p, looker, ret, err);
}
