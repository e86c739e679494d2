/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/load.h"

#include <malloc.h>
#include <stdlib.h>

struct sl_conf_load *sl_conf_load_new(const char *path, const struct sl_config_overrides *over)
{
    struct sl_conf_load *load = calloc(1, sizeof(*load));
    if (!load) {
        return NULL;
    }
    sl_arena_init(&load->arena, NULL);
    sl_problems_init(&load->problems, &load->arena);
    load->files.arena = &load->arena;
    /* On failure there is no configuration, and the problems say why. */
    SL_IGNORE(sl_config_load(path, over, &load->arena, &load->problems, &load->files, &load->config) < 0);
    malloc_trim(0); /* the file's tree was freed; it was as large as what stays */
    return load;
}

void sl_conf_load_free(struct sl_conf_load *load)
{
    if (load) {
        sl_config_free(load->config);
        sl_arena_done(&load->arena);
        free(load);
    }
}

struct sl_conf_load *sl_conf_source_load(const struct sl_conf_source *source)
{
    struct sl_err err = { 0 };
    struct sl_conf_load *load = sl_conf_load_new(source->path, &source->over);
    if (load && load->config && source->check(source->arg, load->config->settings, &err) < 0) {
        struct sl_bind bind = { .arena = &load->arena, .problems = &load->problems };
        sl_bind_problem(&bind, SL_PROBLEM_ERROR, (struct sl_pos){ source->path, 0, 0 }, "", "%s", err.text);
        sl_config_free(load->config);
        load->config = NULL;
    }
    return load;
}
