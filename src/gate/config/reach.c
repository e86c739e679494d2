/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/reach.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/opt.h"
#include "gate/config/route.h"
#include "llm/core/cred_source.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "net/cidr.h"

/* The address that a host is, in any form that a resolver accepts without asking a server: dotted, short, decimal,
 * octal, hexadecimal; IPv6 with or without a zone. SL_E_INVAL: it is a name. */
static int literal_parse(struct sl_str host, struct sl_ip *ret)
{
    char text[256];
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    ptrdiff_t zone = sl_str_find_char(host, '%', 0);
    if (sl_str_find_char(host, ':', 0) >= 0) {
        return sl_ip_parse(zone < 0 ? host : sl_str_sub(host, 0, (size_t)zone), ret);
    }
    if (host.n && host.p[host.n - 1] == '.') {
        host = sl_str_sub(host, 0, host.n - 1);
    }
    if (host.n == 0 || host.n >= sizeof(text)) {
        return SL_E_INVAL;
    }
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    return inet_aton(text, &v4.sin_addr) ? sl_ip_of((const struct sockaddr *)(const void *)&v4, ret) : SL_E_INVAL;
}

static int place_check(const char *key, const struct sl_uri *uri, const struct sl_guard *guard, struct sl_err *err)
{
    struct sl_ip ip;
    if (literal_parse(uri->host, &ip) < 0 || sl_guard_lets(guard, &ip)) {
        return 0;
    }
    return sl_fail(err, SL_E_INVAL,
                   "model.config.%s: %.*s is a private, local or reserved address: a route made by a call may lead "
                   "there only when the operator's upstream.allow has it",
                   key, SL_STR_ARG(sl_str_sub(uri->host, 0, 64)));
}

static int url_check(const char *key, struct sl_str url, const struct sl_guard *guard, struct sl_err *err)
{
    struct sl_uri uri;
    struct sl_err cause = { 0 };
    if (sl_uri_parse(url, &uri, &cause) < 0) {
        return sl_fail(err, SL_E_INVAL, "model.config.%s: %s", key, cause.text);
    }
    if (uri.userinfo.n) {
        return sl_fail(err, SL_E_INVAL, "model.config.%s: a user or password in the URL is not used", key);
    }
    return place_check(key, &uri, guard, err);
}

/* Checks the URLs in the configuration. `map`: the path of the map that the rows belong to, with a dot at its end. */
static int rows_check(const struct sl_opt *row, const char *map, const char *conf, const struct sl_guard *guard,
                      struct sl_err *err)
{
    int r = 0;
    for (; r == 0 && row && row->key; row++) {
        char key[128];
        snprintf(key, sizeof(key), "%s%s", map, row->key);
        if (row->type == SL_OPT_URL) {
            struct sl_str url;
            memcpy(&url, conf + row->offset, sizeof(url));
            r = url.n ? url_check(key, url, guard, err) : 0;
        } else if (row->type == SL_OPT_MAP) {
            snprintf(key, sizeof(key), "%s%s.", map, row->key);
            r = rows_check(row->sub, key, conf + row->offset, guard, err);
        } else if (row->type == SL_OPT_ROWS) {
            r = rows_check(row->sub, map, conf + row->offset, guard, err);
        }
    }
    return r;
}

int sl_reach_check(const struct sl_route *route, const struct sl_guard *guard, struct sl_err *err)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < route->n_targets; i++) {
        const struct sl_target *target = &route->targets[i];
        const struct sl_cred_source *cred = target->cred;
        r = target->conf ? rows_check(target->provider->opts, "", target->conf, guard, err) : 0;
        /* These two are made from other values: a credentials file names its endpoint, a host its cloud. */
        r = r < 0 || target->is_local ? r : place_check("base", &target->base, guard, err);
        r = r < 0 || !cred || !cred->place ? r : place_check(cred->place_key, cred->place, guard, err);
        if (r < 0 && route->traffic && err) {
            struct sl_err of = *err;
            sl_fail(err, r, "the target \"%.*s\": %s", SL_STR_ARG(sl_route_target_name(route, i)), of.text);
        }
    }
    return r;
}
