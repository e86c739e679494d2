/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/probe.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "base/opt.h"
#include "base/secret.h"
#include "gate/call/attempt.h"
#include "gate/call/health.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "net/loop.h"

#define IDENTITY_MAX 65536

static const struct sl_target *target_of(const struct sl_probed *told)
{
    return &told->route->targets[told->target];
}

/* --- the call --- */

static void probe_end(struct sl_probe *probe)
{
    sl_timer_remove(probe->loop, &probe->over);
    probe->told.usec = sl_clock_usec() - probe->call.start_usec;
    probe->on_end(probe);
}

static void on_head(struct sl_hcall *call, int status, const struct sl_headers *headers, int64_t length)
{
    (void)length;
    struct sl_probed *told = &((struct sl_probe *)call->user)->told;
    struct sl_str date = sl_headers_get(headers, "date");
    int64_t theirs;
    told->status = status;
    told->is_page = sl_str_case_eq(sl_str_sub(sl_headers_get(headers, "content-type"), 0, 9), SL_STR("text/html"));
    told->is_answered = true;
    if (date.n && sl_parse_http_date(date, &theirs) == 0) {
        told->has_clock = true;
        told->ahead_sec = theirs - (int64_t)(sl_clock_wall_usec() / SL_USEC_PER_SEC);
    }
}

static void on_data(struct sl_hcall *call, struct sl_str bytes)
{
    struct sl_probe *probe = call->user;
    probe->n_read += bytes.n;
    if (probe->n_read > SL_PROBE_LIST_MAX) {
        sl_hcall_cancel(call);
        sl_timer_set(probe->loop, &probe->over, sl_loop_now(probe->loop));
    }
}

static void on_over(struct sl_timer *timer)
{
    probe_end(SL_CONTAINER_OF(timer, struct sl_probe, over));
}

static void on_end(struct sl_hcall *call)
{
    struct sl_probe *probe = call->user;
    probe->told.is_answered = true;
    probe_end(probe);
}

static void on_error(struct sl_hcall *call, enum sl_hcall_fault fault, const char *text)
{
    struct sl_probe *probe = call->user;
    struct sl_str why = sl_str_c(text);
    if (probe->req.guard) { /* who made the route may not learn here which address a name has */
        sl_log(SL_LOG_INFO, "probe", "route %.*s: %s", SL_STR_ARG(probe->told.route->name), text);
        why = sl_attempt_fault_outer(fault, why, call->arena);
    }
    snprintf(probe->told.why, sizeof(probe->told.why), "%.*s", SL_STR_ARG(why));
    probe_end(probe);
}

static void on_turn(struct sl_hcall *call)
{
    (void)call;
}

static const struct sl_hcall_cbs cbs = {
    .on_head = on_head, .on_data = on_data, .on_end = on_end, .on_error = on_error, .on_turn = on_turn
};

bool sl_probe_can(const struct sl_route *route, uint32_t target)
{
    return !route->targets[target].is_local && !route->targets[target].provider->successor;
}

int sl_probe_init(struct sl_probe *probe, const struct sl_route *route, uint32_t index,
                  const struct sl_settings *settings, struct sl_arena *arena)
{
    const struct sl_target *target = &route->targets[index];
    *probe = (struct sl_probe){ .told = { .route = route, .target = index } };
    sl_timer_init(&probe->over, on_over);
    probe->req.way = route->way;
    probe->req.guard = route->incarnation ? &settings->upstream.guard : NULL;
    probe->told.is_asked = target->provider->models_target && !target->cred;
    probe->req.is_connect = !probe->told.is_asked;
    return probe->told.is_asked ? sl_health_ask(route, index, arena, &probe->req) : 0;
}

struct sl_str sl_probe_identity(const struct sl_probe *probe, struct sl_arena *arena)
{
    const struct sl_target *target = target_of(&probe->told);
    struct sl_buf text = SL_BUF_INIT(IDENTITY_MAX);
    sl_buf_printf(&text, "%s %p %d %d %d %.*s:%u %.*s", target->provider->name, (void *)probe->req.way,
                  probe->req.guard != NULL, probe->req.is_connect, target->base.is_https, SL_STR_ARG(target->base.host),
                  (unsigned)target->base.port, SL_STR_ARG(probe->req.target));
    for (size_t i = 0; i < probe->req.headers.n; i++) {
        sl_buf_printf(&text, "\n%.*s", SL_STR_ARG(probe->req.headers.v[i].value));
    }
    struct sl_str key = sl_buf_status(&text) < 0 ? SL_STR_NONE : sl_arena_dup(arena, sl_buf_str(&text));
    sl_wipe(text.p, text.len);
    sl_buf_done(&text);
    return key;
}

int sl_probe_start(struct sl_probe *probe, struct sl_loop *loop, struct sl_hclient *client,
                   const struct sl_hcall_timeouts *timeouts, struct sl_arena *arena)
{
    probe->loop = loop;
    return sl_hcall_start(&probe->call, client, &target_of(&probe->told)->base, &probe->req, timeouts, arena, &cbs,
                          probe);
}

void sl_probe_cancel(struct sl_probe *probe)
{
    sl_hcall_cancel(&probe->call);
    sl_timer_remove(probe->loop, &probe->over);
}

/* --- in words --- */

static SL_PRINTF(4, 5) void words_put(struct sl_probe_words *ret, enum sl_probe_state state, const char *advice,
                                      const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(ret->text, sizeof(ret->text), fmt, args);
    va_end(args);
    ret->state = state;
    snprintf(ret->advice, sizeof(ret->advice), "%s", advice);
}

static void refused_tell(const struct sl_probed *told, struct sl_probe_words *ret)
{
    char advice[256];
    const char *option = sl_opt_required(target_of(told)->provider->opts);
    if (told->status == 401) {
        snprintf(advice, sizeof(advice), "give it a key that is valid (%s)", option ? option : "its configuration");
        words_put(ret, SL_PROBE_ERROR, advice, "refuses its key (401)");
    } else if (told->status >= 500) {
        words_put(ret, SL_PROBE_ERROR, "look at its status page", "fails with status %d", told->status);
    } else if (told->status == 403) {
        words_put(ret, SL_PROBE_WARNING, "a key that may not list models may still call them: try one call",
                  "refuses its list of models (403)");
    } else {
        words_put(ret, SL_PROBE_WELL, "", "answers, with status %d for its list of models", told->status);
    }
}

void sl_probe_tell(const struct sl_probed *told, struct sl_probe_words *ret)
{
    unsigned long long msec = told->usec / SL_USEC_PER_MSEC;
    if (!told->is_answered) {
        words_put(ret, SL_PROBE_ERROR,
                  strstr(told->why, "TLS") ? "upstream.ca names authorities beside the system's"
                                           : "is its address right, is a proxy needed (upstream.proxy), is it up?",
                  "cannot be reached: %s", told->why);
    } else if (told->is_asked && told->status < 300 && told->is_page) {
        words_put(ret, SL_PROBE_WARNING, "is its address right? something else seems to answer there",
                  "answers with a page (text/html) where its list of models should be");
    } else if (told->is_asked && told->status >= 300) {
        refused_tell(told, ret);
    } else if (told->is_asked) {
        words_put(ret, SL_PROBE_WELL, "", "takes its key, in %llu ms", msec);
    } else {
        words_put(ret, SL_PROBE_WELL, "", "is there, in %llu ms; only a call can show whether it takes the key", msec);
    }
}
