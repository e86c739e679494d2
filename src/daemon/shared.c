/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/shared.h"

#include "base/map.h"
#include "base/num.h"
#include "daemon/node.h"
#include "gate/config/settings.h"
#include "gate/fleet/conf.h"
#include "gate/fleet/fleet.h"
#include "gate/policy/limit_table.h"
#include "store/dir.h"
#include "store/seal.h"
#include "store/tool.h"

/* For a limiter that counts nothing. */
#define COUNTERS_LEAST 16

void sl_shared_hash_set(void)
{
    static const struct sl_str uses[2] = { SL_STR_INIT("sluice hash 1"), SL_STR_INIT("sluice hash 2") };
    char digits[2][SL_FINGERPRINT_LEN + 1];
    uint64_t seeds[3];
    struct sl_seal seal = { 0 };
    struct sl_err cause = { 0 };
    /* What is wrong with the key is told where it is needed. */
    bool has_all = sl_dir_key_variable() && sl_dir_key(NULL, false, &seal, &cause) == 0;
    for (size_t i = 0; has_all && i < 2; i++) {
        has_all = sl_seal_fingerprint(&seal, uses[i], digits[i]) == 0;
    }
    for (size_t i = 0; has_all && i < SL_ARRAY_LEN(seeds); i++) {
        has_all = sl_parse_hex64(sl_str_make(&digits[i / 2][i % 2 * 16], 16), &seeds[i]) == 0;
    }
    if (has_all) {
        sl_hash_share(seeds);
    }
    sl_seal_done(&seal);
}

int sl_shared_fleet_new(const struct sl_settings *settings, struct sl_limiter *limiter, uint32_t n_workers,
                        struct sl_fleet **ret, struct sl_err *err)
{
    const struct sl_counters_settings *counters = &settings->counters;
    const struct sl_fleet_conf conf = {
        .places = counters->places,
        .n_places = counters->n_places,
        .is_list = counters->is_list,
        .master = counters->master,
        .db = counters->db,
        .user = counters->user,
        .password = sl_secret_reveal(&counters->password),
        .ns = counters->ns,
        .deadline_usec = counters->deadline_usec,
        .wait_usec = counters->wait_usec,
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
    if (r < 0 || !sl_dir_key_variable()) {
        return r;
    }
    r = sl_dir_next_key(NULL, false, &seal, &cause); /* none but during a rotation */
    r = r == SL_E_NOTFOUND ? 0 : r < 0 ? sl_fail(err, r, "%s", cause.text) : r;
    sl_seal_done(&seal);
    return r;
}

int sl_shared_store_try(const struct sl_settings *settings, const struct sl_store_looker *looker,
                        struct sl_store_report *ret, struct sl_err *err)
{
    int r = sl_shared_store_check(settings, err);
    return r < 0 ? r : sl_store_look("postgres", settings->store.postgres.p, looker, ret, err);
}
