/* SPDX-License-Identifier: Apache-2.0 */
#include "rests.h"

#include <stdlib.h>
#include <string.h>

#include "declare.h"

static const char *text_at(const sluice_result *page, size_t i, const char *member)
{
    char path[64];
    snprintf(path, sizeof(path), "targets[%zu].%s", i, member);
    const char *text = sluice_json_str(page, path, NULL);
    return text ? text : "";
}

/* Adds a target of the page if it gets no calls. False: out of memory. */
static bool rest_add(struct rests *rests, const sluice_result *page, size_t i)
{
    char path[64];
    int64_t waits = -1;
    const char *state = text_at(page, i, "state");
    snprintf(path, sizeof(path), "targets[%zu].waits_ms", i);
    bool has_wait = sluice_json_int(page, path, &waits);
    if (!has_wait && strcmp(state, "open") != 0 && strcmp(state, "half-open") != 0) {
        return true;
    }
    struct rest *v = declare_room(rests->v, rests->n, &rests->cap, sizeof(*v));
    if (!v) {
        return false;
    }
    rests->v = v;
    struct rest *rest = &v[rests->n];
    *rest = (struct rest){ .route = strdup(text_at(page, i, "route")),
                           .target = strdup(text_at(page, i, "target")),
                           .is_down = strcmp(text_at(page, i, "health"), "down") == 0,
                           .waits_ms = has_wait ? waits : -1 };
    snprintf(rest->state, sizeof(rest->state), "%s", state);
    rests->n++;
    return rest->route && rest->target;
}

static int page_get(sluice_client *client, const sluice_result *before, sluice_result **page)
{
    sluice_request *request = NULL;
    char *path = declare_page(OWN_TARGETS, before);
    int r = path ? sluice_request_http(client, "GET", path, NULL, 0, &request, NULL) : SLUICE_ENOMEM;
    r = r ? r : sluice_perform(client, request, page, NULL);
    sluice_request_free(request);
    free(path);
    return r;
}

int rests_take(sluice_client *client, struct rests *rests)
{
    sluice_result *page = NULL;
    unsigned n_pages = 0;
    int r;
    do {
        sluice_result *next = NULL;
        r = page_get(client, page, &next);
        rests->is_known = r == SLUICE_OK && !cli_is_endless(page, next, ++n_pages);
        sluice_result_free(page);
        page = next;
        for (size_t i = 0; rests->is_known && i < sluice_json_count(page, "targets"); i++) {
            rests->is_known = rest_add(rests, page, i);
        }
    } while (rests->is_known && sluice_result_next_page_token(page));
    sluice_result_free(page);
    if (!rests->is_known) {
        rests_done(rests);
    }
    return r == SLUICE_ECANCELLED ? r : SLUICE_OK;
}

void rests_done(struct rests *rests)
{
    for (size_t i = 0; i < rests->n; i++) {
        free(rests->v[i].route);
        free(rests->v[i].target);
    }
    free(rests->v);
    *rests = (struct rests){ 0 };
}

void rest_text(const struct rest *rest, char *out, size_t size)
{
    char waits[32] = "", shown[32];
    if (rest->waits_ms >= 0) {
        snprintf(waits, sizeof(waits), ", for %s", cli_duration(rest->waits_ms, shown));
    }
    const char *why = strcmp(rest->state, "closed") == 0 ? "asked to wait"
                      : strcmp(rest->state, "open") != 0 ? "its breaker is half-open, a call tries it"
                      : rest->waits_ms < 0               ? "its breaker is open, the next call tries it"
                                                         : "its breaker is open";
    if (rest->is_down) { /* until a check is answered */
        snprintf(out, size, "%s/%s: down by its health checks", rest->route, rest->target);
    } else {
        snprintf(out, size, "%s/%s: %s%s", rest->route, rest->target, why, waits);
    }
}

void rests_json(FILE *out, const struct rests *rests)
{
    fputs(rests->is_known ? "[" : "null", out);
    for (size_t i = 0; i < rests->n; i++) {
        const struct rest *rest = &rests->v[i];
        fputs(i ? ",{\"route\":" : "{\"route\":", out);
        cli_json_string(out, rest->route);
        fputs(",\"target\":", out);
        cli_json_string(out, rest->target);
        fputs(",\"state\":", out);
        cli_json_string(out, rest->state);
        fprintf(out, ",\"is_down\":%s,\"waits_ms\":", rest->is_down ? "true" : "false");
        fprintf(out, rest->waits_ms < 0 ? "null}" : "%lld}", (long long)rest->waits_ms);
    }
    fputs(rests->is_known ? "]" : "", out);
}
