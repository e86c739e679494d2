/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration's file on the disk would change, and what is wrong with it: a reload that is only tried. */
#include <stdio.h>

#include "base/opt.h"
#include "gate/api/api.h"
#include "gate/api/offload.h"
#include "gate/api/problems.h"
#include "gate/call/access.h"
#include "gate/call/path.h"
#include "gate/call/state.h"
#include "gate/config/compare.h"
#include "gate/config/load.h"
#include "gate/config/picture.h"
#include "gate/config/restarts.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/gate.h"
#include "json/write.h"

#define DIFF_MAX   (64u << 20)
#define PATH_BYTES 512

static void value_write(struct sl_jw *w, const char *key, const struct sl_picture_item *item)
{
    sl_jw_key(w, key);
    if (item) {
        sl_jw_raw(w, item->value);
    } else {
        sl_jw_null(w);
    }
}

struct changes {
    struct sl_jw *w;
    const char *file;
    struct sl_restarts restarts; /* of the new file */
};

static void on_change(void *arg, const struct sl_change *change)
{
    static const char *const words[] = {
        [SL_CHANGE_OF_SETTING] = "setting", [SL_CHANGE_OF_ROUTE] = "route", [SL_CHANGE_OF_FILE] = "file"
    };
    struct changes *changes = arg;
    struct sl_jw *w = changes->w;
    const struct sl_picture_item *before = change->before, *after = change->after, *item = after ? after : before;
    char place[PATH_BYTES];
    snprintf(place, sizeof(place), "%s:%u", changes->file, item->line);
    sl_jw_object(w);
    sl_jw_member_str(w, "what", sl_str_c(words[change->of]));
    sl_jw_member_str(w, "path", item->path);
    sl_jw_member_str(w, "change", sl_str_c(!before ? "added" : !after ? "removed" : "changed"));
    value_write(w, "before", before);
    value_write(w, "after", after);
    sl_jw_member_str(w, "at", after ? sl_str_c(after->name ? after->name : place) : SL_STR_NONE);
    sl_jw_member_bool(w, "takes_restart",
                      change->of == SL_CHANGE_OF_SETTING && sl_restarts_have(&changes->restarts, item->path));
    sl_jw_end(w);
}

static int changes_write(struct sl_jw *w, const struct sl_offload *diff, const struct sl_conf_load *load)
{
    const struct sl_settings *now = diff->snapshot->settings, *next = load->config->settings;
    struct changes changes = { .w = w, .file = sl_settings_file(next) };
    sl_restarts_find(&changes.restarts, diff->gate->source, next);
    return sl_pictures_compare(now->picture, next->picture, next->file, on_change, &changes);
}

static void diff_run(struct sl_offload *diff)
{
    static const struct sl_problems none = { 0 };
    const struct sl_conf_source *source = diff->gate->source;
    struct sl_conf_load *load = source->path ? sl_conf_source_load(source) : NULL;
    struct sl_jw w;
    int r = source->path && !load ? SL_E_NOMEM : 0;
    sl_jw_init(&w, &diff->text);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "file", sl_str_c(source->path));
    sl_jw_member_bool(&w, "is_valid", !load || load->config);
    sl_api_problems_write(&w, load ? &load->problems : &none);
    sl_jw_key(&w, "changes");
    sl_jw_array(&w);
    if (load && load->config) {
        r = changes_write(&w, diff, load);
    }
    sl_jw_end(&w);
    sl_jw_end(&w);
    sl_conf_load_free(load);
    if (r < 0) {
        diff->text.status = SL_E_NOMEM;
    }
}

static void handle_config_diff(struct sl_xchg *x)
{
    struct sl_offload *diff = sl_offload_new(x, diff_run, SL_STR("application/json"), DIFF_MAX);
    if (diff) {
        sl_offload_start(diff, &diff->gate->loads, "The file is being read for another caller: try again in a second.");
    }
}

const struct sl_path sl_config_diff_rows[] = {
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/api/sluice/v1/config/diff",
      .handle = handle_config_diff,
      .access = SL_ACCESS_OPERATOR,
      .told = SL_TOLD("What the configuration's file on the disk would change, and what is wrong with it; nothing is "
                      "changed.",
                      .reply = "ConfigurationDiff") },
    { 0 },
};
