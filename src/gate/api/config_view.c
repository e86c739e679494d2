/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration in force: what each setting is and which place says it, and where each route is defined. */
#include <stdio.h>

#include "base/num.h"
#include "base/opt.h"
#include "gate/api/api.h"
#include "gate/api/page.h"
#include "gate/call/access.h"
#include "gate/call/path.h"
#include "gate/call/state.h"
#include "gate/config/load.h"
#include "gate/config/picture.h"
#include "gate/config/restarts.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/gate.h"
#include "gate/worker.h"
#include "json/write.h"

#define PATH_BYTES 512

/* What is written. */
struct view {
    struct sl_jw *w;
    const struct sl_settings *settings, *boot; /* boot: what still holds of those that take a restart */
    struct sl_restarts restarts;
};

/* --- settings --- */

static void setting_write(const struct view *view, struct sl_str path, const struct sl_opt *row,
                          const struct sl_picture_item *item, const struct sl_settings *of)
{
    struct sl_jw *w = view->w;
    char place[PATH_BYTES];
    snprintf(place, sizeof(place), "%s:%u", sl_settings_file(of), item ? item->line : 0);
    sl_jw_object(w);
    sl_jw_member_str(w, "path", path);
    sl_jw_key(w, "value");
    if (item) {
        sl_jw_raw(w, item->value);
    } else {
        sl_jw_str_c(w, row->def);
    }
    sl_jw_member_str(w, "from", sl_str_c(item ? item->from : "default"));
    sl_jw_member_str(w, "at", !item ? SL_STR_NONE : sl_str_c(item->name ? item->name : place));
    sl_jw_member_bool(w, "takes_restart", !(row->flags & SL_OPT_RELOAD));
    sl_jw_member_bool(w, "waits_for_restart", sl_restarts_have(&view->restarts, path));
    sl_jw_end(w);
}

/* Writes what is said about the row's value or about parts of it. False: nothing is. */
static bool said_write(const struct view *view, const struct sl_opt *row, struct sl_str path)
{
    const struct sl_settings *of = sl_restarts_have(&view->restarts, path) ? view->boot : view->settings;
    const struct sl_picture_items *items = &of->picture->settings;
    uint32_t n = 0;
    for (uint32_t i = 0; i < items->n; i++) {
        struct sl_str at = items->v[i].path;
        if (sl_str_has_prefix(at, path) && (at.n == path.n || at.p[path.n] == '[')) {
            setting_write(view, at, row, &items->v[i], of);
            n++;
        }
    }
    return n;
}

/* True: something is said below the path. */
static bool is_opened(const struct view *view, struct sl_str path)
{
    const struct sl_picture_items *items = &view->settings->picture->settings;
    for (uint32_t i = 0; i < items->n; i++) {
        if (sl_str_has_prefix(items->v[i].path, path) && items->v[i].path.n > path.n &&
            items->v[i].path.p[path.n] == '.') {
            return true;
        }
    }
    return false;
}

static void rows_write(const struct view *view, const struct sl_opt *rows, const char *prefix)
{
    for (const struct sl_opt *row = rows; row->key; row++) {
        char text[PATH_BYTES];
        snprintf(text, sizeof(text), "%s%s%s", prefix, *prefix && *row->key ? "." : "", row->key);
        struct sl_str path = sl_str_c(text);
        bool is_always_map = row->type == SL_OPT_MAP || row->type == SL_OPT_ROWS;
        if (is_always_map || (row->type == SL_OPT_CUSTOM && row->sub && is_opened(view, path))) {
            rows_write(view, row->sub, text);
        } else if (!said_write(view, row, path)) {
            setting_write(view, path, row, NULL, view->settings);
        }
    }
}

/* --- routes --- */

static void route_write(const struct view *view, const struct sl_snapshot *snapshot, const struct sl_route *route,
                        uint32_t index)
{
    struct sl_jw *w = view->w;
    const struct sl_picture_items *items = &view->settings->picture->routes;
    const struct sl_picture_item *item = !route->incarnation && index < items->n ? &items->v[index] : NULL;
    char place[PATH_BYTES];
    snprintf(place, sizeof(place), "%s:%u", sl_settings_file(view->settings), route->pos.line);
    sl_jw_object(w);
    sl_jw_member_str(w, "name", route->name);
    sl_jw_member_str(w, "from", route->incarnation ? SL_STR("created") : SL_STR("file"));
    sl_jw_member_str(w, "at", route->incarnation ? SL_STR_NONE : sl_str_c(place));
    sl_jw_member_bool(w, "shadowed", sl_snapshot_is_shadowed(snapshot, route));
    sl_jw_key(w, "value");
    if (item) {
        sl_jw_raw(w, item->value);
    } else {
        sl_jw_null(w);
    }
    sl_jw_end(w);
}

static void routes_write(struct sl_xchg *x, const struct view *view, const struct sl_snapshot *snapshot, uint32_t start)
{
    struct sl_jw *w = view->w;
    struct sl_snapshot_iter it = sl_snapshot_walk(snapshot, start);
    sl_jw_key(w, "routes");
    sl_jw_array(w);
    const struct sl_route *route;
    for (uint32_t n = 0; !sl_api_page_is_full(x, n) && (route = sl_snapshot_next(&it)) != NULL; n++) {
        route_write(view, snapshot, route, it.index - 1);
    }
    sl_jw_end(w);
    sl_page_token_write(x, w, snapshot, it.index);
}

/* --- the call --- */

static void handle_config(struct sl_xchg *x)
{
    const struct sl_snapshot *snapshot = sl_worker_snapshot(x->worker);
    struct sl_gate *gate = x->worker->gate;
    uint32_t start;
    if (!sl_page_start_or_refuse(x, snapshot, &start)) {
        return;
    }
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    struct view view = { .w = w,
                         .settings = snapshot->settings,
                         .boot = gate->source && gate->source->boot ? gate->source->boot : snapshot->settings };
    sl_restarts_find(&view.restarts, gate->source, snapshot->settings);
    sl_jw_object(w);
    sl_jw_member_str(w, "file", snapshot->settings->file);
    sl_jw_member_u64(w, "version", atomic_load(&gate->config_version));
    sl_api_time_write(w, "loaded_at", atomic_load(&gate->config_wall_usec) / SL_USEC_PER_SEC);
    sl_jw_key(w, "settings");
    sl_jw_array(w);
    if (!start) {
        rows_write(&view, sl_settings_rows(), "");
    }
    sl_jw_end(w);
    routes_write(x, &view, snapshot, start);
    sl_jw_end(w);
    sl_api_reply(x, 200);
}

const struct sl_path sl_config_rows[] = {
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/api/sluice/v1/config",
      .handle = handle_config,
      .access = SL_ACCESS_OPERATOR,
      .told = SL_TOLD(
          "The configuration in force: each setting with the place that says it, and the routes with theirs. "
          "Secrets are masked.",
          .parameters = "page_token", .reply = "Configuration") },
    { 0 },
};
