/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/fleet/greet.h"

#include <stdio.h>

#include "base/num.h"
#include "base/secret.h"
#include "gate/fleet/command.h"
#include "gate/fleet/state.h"

/* The oldest server whose scripts can do what ours do. */
#define VERSION_MAJOR 6
#define VERSION_MINOR 2

/* --- replies --- */

/* The fault in words, with what the server says. */
static void refused(struct sl_fleet_link *link, const char *what, const struct sl_resp *reply)
{
    char text[sizeof(link->fault)];
    snprintf(text, sizeof(text), "%s: %.*s", what, SL_STR_ARG(sl_str_sub(reply->text, 0, 160)));
    bool is_loading = sl_str_has_prefix(reply->text, SL_STR("LOADING"));
    link->events->greeted(link, text, !is_loading);
}

static void on_auth(void *arg, const struct sl_resp *reply, size_t n)
{
    struct sl_fleet_link *link = arg;
    (void)n;
    if (reply && reply->type == SL_RESP_ERROR) {
        refused(link,
                link->fleet->conf.user.n ? "it refuses the user or the password (counters.password)"
                                         : "it refuses the password (counters.password)",
                reply);
    }
}

static void on_select(void *arg, const struct sl_resp *reply, size_t n)
{
    (void)n;
    if (reply && reply->type == SL_RESP_ERROR) {
        refused(arg, "it does not let us use that database", reply);
    }
}

struct sl_str sl_fleet_info_find(struct sl_str info, const char *name)
{
    struct sl_str line, key = sl_str_c(name);
    while (sl_str_next(&info, '\n', &line)) {
        if (line.n > key.n && line.p[key.n] == ':' && sl_str_has_prefix(line, key)) {
            size_t end = line.p[line.n - 1] == '\r' ? line.n - 1 : line.n;
            return sl_str_sub(line, key.n + 1, end);
        }
    }
    return SL_STR_NONE;
}

static bool is_too_old(struct sl_str version)
{
    struct sl_str rest = version, part[2];
    uint64_t major = 0, minor = 0;
    return !sl_str_next(&rest, '.', &part[0]) || !sl_str_next(&rest, '.', &part[1]) ||
           sl_parse_u64(part[0], 0, 1000000, &major) < 0 || sl_parse_u64(part[1], 0, 1000000, &minor) < 0 ||
           major < VERSION_MAJOR || (major == VERSION_MAJOR && minor < VERSION_MINOR);
}

static void info_judge(struct sl_fleet_link *link, struct sl_str info)
{
    char text[sizeof(link->fault)];
    struct sl_str version = sl_fleet_info_find(info, "redis_version"),
                  policy = sl_fleet_info_find(info, "maxmemory_policy");
    struct sl_str run = sl_fleet_info_find(info, "run_id"), max = sl_fleet_info_find(info, "maxmemory");
    if (!version.p || !run.p || run.n > SL_FLEET_WORD_MAX) {
        link->events->greeted(link, "its INFO does not say redis_version and run_id", true);
        return;
    }
    if (sl_str_eq_c(sl_fleet_info_find(info, "redis_mode"), "sentinel")) {
        link->events->greeted(link, "it is a Sentinel: write counters.redis as a list", true);
        return;
    }
    if (is_too_old(version)) {
        snprintf(text, sizeof(text), "its version is %.*s, but shared counters need %d.%d or newer",
                 SL_STR_ARG(sl_str_sub(version, 0, 20)), VERSION_MAJOR, VERSION_MINOR);
        link->events->greeted(link, text, true);
        return;
    }
    bool is_evicting = policy.p && !sl_str_eq_c(policy, "noeviction") && !sl_str_eq_c(max, "0");
    if (is_evicting) {
        snprintf(text, sizeof(text),
                 "its maxmemory-policy is %.*s, so it would throw counters away when its memory is full; set it to "
                 "noeviction",
                 SL_STR_ARG(sl_str_sub(policy, 0, 30)));
        link->events->greeted(link, text, true);
        return;
    }
    if (sl_str_eq_c(sl_fleet_info_find(info, "loading"), "1")) {
        link->events->greeted(link, "it is loading its data", false);
        return;
    }
    if (sl_str_eq_c(sl_fleet_info_find(info, "role"), "slave")) {
        link->events->greeted(link, "it is a replica, which takes no writes", false);
        return;
    }
    snprintf(link->run, sizeof(link->run), "%.*s", SL_STR_ARG(run));
}

static void on_info(void *arg, const struct sl_resp *reply, size_t n)
{
    (void)n;
    if (reply && reply->type == SL_RESP_BULK) {
        info_judge(arg, reply->text);
    } else if (reply) {
        bool is_locked = sl_str_has_prefix(reply->text, SL_STR("NOAUTH"));
        refused(arg, is_locked ? "it wants a password (counters.password)" : "it does not answer INFO", reply);
    }
}

static void on_loaded(void *arg, const struct sl_resp *reply, size_t n)
{
    struct sl_fleet_link *link = arg;
    (void)n;
    if (!reply || link->state != SL_LINK_GREET) {
        return;
    }
    if (reply->type != SL_RESP_BULK || reply->text.n != SL_FLEET_SHA) {
        refused(link, "it does not take scripts (SCRIPT LOAD)", reply);
        return;
    }
    memcpy(link->sha[SL_FLEET_SCRIPTS - link->n_loading], reply->text.p, SL_FLEET_SHA);
    link->n_loading--;
    if (!link->n_loading) {
        link->events->greeted(link, NULL, false);
    }
}

const char *sl_fleet_silence(const struct sl_fleet *fleet)
{
    return fleet->conf.tls ? "it does not answer: does it speak TLS on that port, as rediss:// asks?"
                           : "it does not answer";
}

/* --- commands --- */

int sl_fleet_words_send(struct sl_fleet_link *link, sl_redis_fn *fn, const struct sl_str *words, size_t n)
{
    sl_buf_reset(&link->out);
    sl_resp_begin(&link->out, n);
    for (size_t i = 0; i < n; i++) {
        sl_resp_word(&link->out, words[i]);
    }
    return sl_fleet_command_send(link, fn, link);
}

int sl_fleet_scripts_load(struct sl_fleet_link *link)
{
    int r = 0;
    link->n_loading = SL_FLEET_SCRIPTS;
    for (size_t i = 0; r == 0 && i < SL_FLEET_SCRIPTS; i++) {
        r = sl_fleet_words_send(
            link, on_loaded, (struct sl_str[]){ SL_STR("SCRIPT"), SL_STR("LOAD"), sl_str_c(sl_fleet_scripts[i]) }, 3);
    }
    return r;
}

int sl_fleet_auth_send(struct sl_fleet_link *link, sl_redis_fn *fn)
{
    const struct sl_fleet_conf *conf = &link->fleet->conf;
    int r = 0;
    /* So that it does not grow, and leaves a copy behind. What fails here fails there. */
    SL_IGNORE(sl_buf_reserve(&link->out, 128 + conf->user.n + conf->password.n) < 0);
    if (conf->user.n) {
        r = sl_fleet_words_send(link, fn, (struct sl_str[]){ SL_STR("AUTH"), conf->user, conf->password }, 3);
    } else if (conf->password.n) {
        r = sl_fleet_words_send(link, fn, (struct sl_str[]){ SL_STR("AUTH"), conf->password }, 2);
    }
    sl_wipe(link->out.p, link->out.len);
    sl_redis_wipe(&link->redis);
    return r;
}

int sl_fleet_greet(struct sl_fleet_link *link)
{
    const struct sl_fleet_conf *conf = &link->fleet->conf;
    char db[20];
    link->run[0] = '\0';
    int r = sl_fleet_auth_send(link, on_auth);
    if (r == 0 && conf->db) {
        struct sl_str number = sl_str_make(db, sl_format_u64(conf->db, db));
        r = sl_fleet_words_send(link, on_select, (struct sl_str[]){ SL_STR("SELECT"), number }, 2);
    }
    r = r < 0 ? r : sl_fleet_words_send(link, on_info, (struct sl_str[]){ SL_STR("INFO") }, 1);
    return r < 0 ? r : sl_fleet_scripts_load(link);
}
