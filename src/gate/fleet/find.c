/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/fleet/find.h"

#include <stdio.h>

#include "base/num.h"
#include "gate/fleet/greet.h"
#include "gate/fleet/state.h"

static void refused(struct sl_fleet_link *link, const char *what, struct sl_str said, bool is_final)
{
    char text[sizeof(link->fault)];
    snprintf(text, sizeof(text), "%s: %.*s", what, SL_STR_ARG(sl_str_sub(said, 0, 160)));
    link->events->greeted(link, text, is_final);
}

static void sent(struct sl_fleet_link *link, int r)
{
    if (r < 0) {
        link->events->greeted(link, "out of memory", false);
    }
}

/* --- what a Sentinel says --- */

static void found(struct sl_fleet_link *link, struct sl_str host, struct sl_str port)
{
    uint64_t number;
    if (!host.n || host.n >= sizeof(link->host) || sl_parse_u64(port, 1, UINT16_MAX, &number) < 0) {
        link->events->greeted(link, "what this Sentinel says is no address", false);
        return;
    }
    snprintf(link->host, sizeof(link->host), "%.*s", SL_STR_ARG(host));
    link->port = (uint16_t)number;
    link->is_watched = true;
    link->events->found(link);
}

/* True: the reply is still wanted, and no error. */
static bool is_good(struct sl_fleet_link *link, const struct sl_resp *reply)
{
    if (!reply || link->state != SL_LINK_GREET) {
        return false;
    }
    if (reply->type == SL_RESP_ERROR) {
        refused(link, "this Sentinel does not answer", reply->text, false);
    }
    return reply->type != SL_RESP_ERROR;
}

/* The address of a server by its name. */
static void on_address(void *arg, const struct sl_resp *reply, size_t n)
{
    struct sl_fleet_link *link = arg;
    if (!is_good(link, reply)) {
        return;
    }
    if (reply->type == SL_RESP_NIL) {
        refused(link, "this Sentinel knows no server of that name", link->fleet->conf.master, true);
    } else if (n == 3) {
        found(link, reply[1].text, reply[2].text);
    } else {
        refused(link, "this Sentinel says no address", SL_STR(""), false);
    }
}

/* The value of a field in a list of names and values; "": it has none. */
static struct sl_str field_of(const struct sl_resp *fields, size_t n, const char *name)
{
    for (size_t i = 0; i + 1 < n; i += 2) {
        if (sl_str_eq_c(fields[i].text, name)) {
            return fields[i + 1].text;
        }
    }
    return SL_STR("");
}

/* All servers that it watches: each is a list of names and values. */
static void on_all(void *arg, const struct sl_resp *reply, size_t n)
{
    struct sl_fleet_link *link = arg;
    if (!is_good(link, reply)) {
        return;
    }
    size_t n_servers = reply->type == SL_RESP_LIST ? (size_t)reply->number : 0;
    if (n_servers == 1 && reply[1].type == SL_RESP_LIST) {
        found(link, field_of(&reply[2], n - 2, "ip"), field_of(&reply[2], n - 2, "port"));
        return;
    }
    link->events->greeted(link,
                          n_servers ? "this Sentinel watches several servers: name one behind each address of "
                                      "counters.redis, as in redis://host:26379/NAME"
                                    : "this Sentinel watches no server",
                          n_servers);
}

static int sentinel_ask(struct sl_fleet_link *link)
{
    struct sl_str name = link->fleet->conf.master;
    return name.n
               ? sl_fleet_words_send(link, on_address,
                                     (struct sl_str[]){ SL_STR("SENTINEL"), SL_STR("GET-MASTER-ADDR-BY-NAME"), name },
                                     3)
               : sl_fleet_words_send(link, on_all, (struct sl_str[]){ SL_STR("SENTINEL"), SL_STR("MASTERS") }, 2);
}

/* --- what the place is --- */

static void on_kind(void *arg, const struct sl_resp *reply, size_t n)
{
    struct sl_fleet_link *link = arg;
    (void)n;
    if (!reply || link->state != SL_LINK_GREET) {
        return;
    }
    if (reply->type != SL_RESP_BULK) {
        refused(link, "it does not answer INFO", reply->text, true);
        return;
    }
    struct sl_str mode = sl_fleet_info_find(reply->text, "redis_mode");
    if (sl_str_eq_c(mode, "sentinel")) {
        sent(link, sentinel_ask(link));
    } else if (sl_str_eq_c(mode, "cluster")) {
        link->is_watched = false;
        sent(link, sl_fleet_greet(link));
    } else {
        link->events->greeted(link, "it is neither a Sentinel nor a node of a cluster: a list names only these", true);
    }
}

static int kind_ask(struct sl_fleet_link *link, sl_redis_fn *fn)
{
    return sl_fleet_words_send(link, fn, (struct sl_str[]){ SL_STR("INFO"), SL_STR("server") }, 2);
}

static void on_auth(void *arg, const struct sl_resp *reply, size_t n)
{
    struct sl_fleet_link *link = arg;
    (void)n;
    if (reply && link->state == SL_LINK_GREET && reply->type == SL_RESP_ERROR) {
        refused(link, "it refuses the user or the password (counters.password)", reply->text, true);
    }
}

/* Sentinels mostly have no password, even if their server has one. */
static void on_kind_first(void *arg, const struct sl_resp *reply, size_t n)
{
    struct sl_fleet_link *link = arg;
    bool is_locked = reply && reply->type == SL_RESP_ERROR && sl_str_has_prefix(reply->text, SL_STR("NOAUTH"));
    if (is_locked && link->state == SL_LINK_GREET && link->fleet->conf.password.n) {
        int r = sl_fleet_auth_send(link, on_auth);
        sent(link, r < 0 ? r : kind_ask(link, on_kind));
    } else {
        on_kind(link, reply, n);
    }
}

int sl_fleet_find(struct sl_fleet_link *link)
{
    return kind_ask(link, on_kind_first);
}
