/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/map.h"
#include "conf/secret.h"
#include "conf/tree.h"

const char sl_config_default[] =
    "# What `sluice serve` runs without a file: routes that answer by themselves, without network or keys.\n"
    "endpoints:\n"
    "  - name: chat\n"
    "    endpoint_type: llm/v1/chat\n"
    "    model: { provider: mock, name: mock-chat, config: {} }\n"
    "  - name: completions\n"
    "    endpoint_type: llm/v1/completions\n"
    "    model: { provider: mock, name: mock-completions, config: {} }\n"
    "  - name: embeddings\n"
    "    endpoint_type: llm/v1/embeddings\n"
    "    model: { provider: mock, name: mock-embeddings, config: {} }\n";

#define DEFAULT_NAME "(embedded default)"

/* Sections of MLflow's own file. */
static const char *const mlflow_sections[] = { "endpoints", "routes" };

struct loader {
    const char *name;
    struct sl_arena tree; /* the YAML's values: gone after the load */
    struct sl_bind bind;
    struct sl_secret_files files;
    struct sl_config *config;
};

static void problem(struct loader *ld, enum sl_severity severity, struct sl_pos pos, const char *path, const char *text)
{
    sl_bind_problem(&ld->bind, severity, pos, path, "%s", text);
}

static struct sl_pos start_of(const struct loader *ld)
{
    return (struct sl_pos){ ld->name, 1, 1 };
}

static int tree_read(struct loader *ld, const char *path, struct sl_val **ret)
{
    struct sl_str text = sl_str_c(sl_config_default);
    struct sl_err err = { 0 };
    if (path) {
        if (access(path, F_OK) < 0 && errno == ENOENT) {
            sl_bind_problem(&ld->bind, SL_PROBLEM_ERROR, (struct sl_pos){ path, 0, 0 }, "", "%s does not exist", path);
            return SL_E_NOTFOUND;
        }
        if (sl_conf_read_file(path, &ld->tree, &text, &err) < 0) {
            problem(ld, SL_PROBLEM_ERROR, (struct sl_pos){ path, 0, 0 }, "", err.text);
            return SL_E_IO;
        }
    }
    int r = sl_conf_parse(ld->name, text, &ld->tree, ld->bind.problems, ret);
    if (r < 0) {
        sl_bind_problem(&ld->bind, SL_PROBLEM_ERROR, start_of(ld), "", "The file at %s is not a valid yaml file",
                        ld->name);
        return r;
    }
    if ((*ret)->kind != SL_VAL_MAP) {
        problem(ld, SL_PROBLEM_ERROR, (*ret)->pos, "",
                (*ret)->kind == SL_VAL_NULL ? "the file is empty: `endpoints:` is needed (it may be [])"
                                            : "the file must be a map with `endpoints:`");
        return SL_E_INVAL;
    }
    return 0;
}

/* A top-level key that is neither ours nor MLflow's: perhaps a later version's, perhaps misspelt. */
static void sections_check(struct loader *ld, const struct sl_val *root)
{
    for (uint32_t i = 0; i < root->n; i++) {
        struct sl_str key = root->items[i].key;
        bool is_known = false;
        for (size_t k = 0; k < SL_ARRAY_LEN(mlflow_sections); k++) {
            is_known |= sl_str_eq_c(key, mlflow_sections[k]);
        }
        for (const struct sl_opt *row = sl_settings_opts; row->key; row++) {
            is_known |= sl_str_eq_c(key, row->key);
        }
        if (!is_known) {
            const char *near = sl_opt_nearest(sl_settings_opts, key);
            sl_bind_problem(&ld->bind, SL_PROBLEM_WARNING, root->items[i].key_pos, "",
                            "unknown section \"%.*s\" is ignored%s%s%s", SL_STR_ARG(key),
                            near ? ": did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        }
    }
}

/* The root without MLflow's and unknown sections, for the strict binder. */
static struct sl_val settings_view(const struct sl_val *root, struct sl_val_item *room)
{
    struct sl_val view = *root;
    view.items = room;
    view.n = 0;
    for (uint32_t i = 0; i < root->n; i++) {
        for (const struct sl_opt *row = sl_settings_opts; row->key; row++) {
            if (sl_str_eq_c(root->items[i].key, row->key)) {
                room[view.n++] = root->items[i];
            }
        }
    }
    return view;
}

/* SLUICE_AUTH=none stands for `auth: none` where the file says nothing; it never opens what the file closes. */
static void auth_from_env(struct loader *ld, struct sl_settings *settings)
{
    const char *text = getenv("SLUICE_AUTH");
    if (!text || !*text) {
        return;
    }
    struct sl_pos pos = { "SLUICE_AUTH", 0, 0 };
    if (strcmp(text, "none") != 0) {
        problem(ld, SL_PROBLEM_ERROR, pos, "",
                "the only value is none; keys are configured in the file's auth section");
    } else if (settings->auth.mode == SL_AUTH_KEYS) {
        problem(ld, SL_PROBLEM_WARNING, pos, "", "none is ignored: the file's auth section asks for keys");
    } else {
        settings->auth.mode = SL_AUTH_NONE;
    }
}

static void settings_load(struct loader *ld, const struct sl_val *root, const struct sl_config_overrides *over)
{
    struct sl_settings *settings = ld->config->settings;
    ld->bind.arena = &settings->arena;
    struct sl_val_item *room = SL_ARENA_ARRAY(&ld->tree, struct sl_val_item, root->n + 1);
    if (!room) {
        problem(ld, SL_PROBLEM_ERROR, root->pos, "", "out of memory");
        return;
    }
    struct sl_val view = settings_view(root, room);
    SL_IGNORE(sl_opt_bind(&ld->bind, sl_settings_opts, &view, settings) <
              0); /* its errors are counted in the problems */
    auth_from_env(ld, settings);
    struct sl_server_settings *server = &settings->server;
    if ((server->tls_cert.n == 0) != (server->tls_key.n == 0)) {
        problem(ld, SL_PROBLEM_ERROR, sl_val_find(root, "server")->pos, "server.tls", "needs both cert and key");
    }
    if (over->workers >= 0) {
        server->workers = (uint32_t)over->workers;
    }
    if (over->listen.p) {
        struct sl_val text = { .kind = SL_VAL_STRING, .text = over->listen, .pos = { "--listen", 0, 0 } };
        struct sl_val server_map = { .kind = SL_VAL_MAP };
        struct sl_val_item item = { SL_STR("listen"), { "--listen", 0, 0 }, &text };
        server_map.items = &item;
        server_map.n = 1;
        /* Through the same row as the file's, into a copy, so that nothing else is reset. */
        struct sl_server_settings copy = { 0 };
        const struct sl_opt *rows = sl_settings_opts[0].sub;
        if (sl_opt_bind(&ld->bind, rows, &server_map, &copy) == 0) {
            server->listen = copy.listen;
            server->n_listen = copy.n_listen;
        }
    }
}

static void duplicate(struct loader *ld, const struct sl_route *route, const struct sl_route *first)
{
    sl_bind_problem(&ld->bind, SL_PROBLEM_ERROR, route->pos, "endpoints",
                    "Duplicate names found in endpoint configurations. Please remove the duplicate endpoint name: "
                    "'%.*s' (the first one is at line %u)",
                    SL_STR_ARG(route->name), first->pos.line);
}

static void routes_load(struct loader *ld, const struct sl_val *root)
{
    const struct sl_val *list = sl_val_find(root, "endpoints");
    const char *section = "endpoints";
    if (!list) {
        list = sl_val_find(root, "routes");
        section = "routes";
    }
    if (!list || list->kind != SL_VAL_LIST) {
        sl_bind_problem(&ld->bind, SL_PROBLEM_ERROR, list ? list->pos : root->pos, section, "%s",
                        list ? "must be a list (it may be [])" : "missing: a list, it may be []");
        return;
    }
    struct sl_config *config = ld->config;
    config->routes = calloc(list->n ? list->n : 1, sizeof(struct sl_route *));
    struct sl_map names = { 0 };
    for (uint32_t i = 0; config->routes && i < list->n; i++) {
        struct sl_route *route;
        snprintf(ld->bind.path, sizeof(ld->bind.path), "%s[%u]", section, i);
        if (sl_route_bind(&ld->bind, list->items[i].val, config->settings, &route) < 0) {
            continue; /* told already */
        }
        config->routes[config->n_routes++] = route;
        const struct sl_route *first = sl_map_find(&names, route->name);
        if (first) {
            duplicate(ld, route, first);
        } else if (sl_map_put(&names, route->name, route) < 0) {
            problem(ld, SL_PROBLEM_ERROR, route->pos, section, "out of memory");
        }
    }
    ld->bind.path[0] = '\0';
    sl_map_done(&names);
    if (!config->routes) {
        problem(ld, SL_PROBLEM_ERROR, list->pos, section, "out of memory");
    }
}

static void files_collect(struct loader *ld, const char *path, struct sl_arena *arena)
{
    const struct sl_settings *s = ld->config->settings;
    const struct sl_str own[] = { path ? sl_str_c(path) : SL_STR_NONE, s->server.tls_cert, s->server.tls_key,
                                  s->upstream.ca };
    struct sl_opt_strs *files = &ld->config->files;
    files->v = SL_ARENA_ARRAY(arena, struct sl_str, ld->files.n + SL_ARRAY_LEN(own));
    for (size_t i = 0; files->v && i < SL_ARRAY_LEN(own); i++) {
        if (own[i].n) {
            files->v[files->n++] = sl_arena_dup(arena, own[i]);
        }
    }
    for (uint32_t i = 0; files->v && i < ld->files.n; i++) {
        files->v[files->n++] = ld->files.v[i];
    }
}

int sl_config_load(const char *path, const struct sl_config_overrides *over, struct sl_arena *arena,
                   struct sl_problems *problems, struct sl_config **ret)
{
    struct loader ld = { .name = path ? path : DEFAULT_NAME, .files = { .arena = arena } };
    sl_arena_init(&ld.tree, NULL);
    /* Positions outlive the load: routes keep where they are defined. */
    struct sl_str name = sl_arena_dup(arena, sl_str_c(ld.name));
    ld.name = name.p ? name.p : ld.name;
    ld.bind = (struct sl_bind){
        .arena = arena, .problems = problems, .resolve = sl_conf_resolve_secret, .resolve_arg = &ld.files
    };
    ld.config = calloc(1, sizeof(*ld.config));
    struct sl_settings *settings = sl_settings_new();
    int r = ld.config && settings ? 0 : SL_E_NOMEM;
    if (r == 0) {
        ld.config->settings = settings;
        struct sl_val *root;
        r = tree_read(&ld, path, &root);
        if (r == 0) {
            sections_check(&ld, root);
            settings_load(&ld, root, over);
            routes_load(&ld, root);
            files_collect(&ld, path, arena);
        }
    } else {
        sl_settings_unref(settings);
        free(ld.config);
        return SL_E_NOMEM;
    }
    sl_arena_done(&ld.tree);
    if (r < 0 || problems->n_errors) {
        sl_config_free(ld.config);
        return r < 0 ? r : SL_E_INVAL;
    }
    *ret = ld.config;
    return 0;
}

void sl_config_free(struct sl_config *config)
{
    if (!config) {
        return;
    }
    for (uint32_t i = 0; i < config->n_routes; i++) {
        sl_route_unref(config->routes[i]);
    }
    free(config->routes);
    sl_settings_unref(config->settings);
    free(config);
}

void sl_problems_print(const struct sl_problems *problems, FILE *out)
{
    for (uint32_t i = 0; i < problems->n; i++) {
        const struct sl_problem *p = &problems->v[i];
        if (p->pos.file) {
            fputs(p->pos.file, out);
        }
        if (p->pos.line) {
            fprintf(out, ":%u:%u", p->pos.line, p->pos.col);
        }
        fprintf(out, "%s%s: %.*s%s%.*s\n", p->pos.file ? ": " : "",
                p->severity == SL_PROBLEM_ERROR ? "error" : "warning", SL_STR_ARG(p->path), p->path.n ? ": " : "",
                SL_STR_ARG(p->text));
    }
}
