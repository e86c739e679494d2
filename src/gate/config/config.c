/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"
#include "base/near.h"
#include "base/num.h"
#include "base/opt.h"
#include "conf/secret.h"
#include "conf/tree.h"
#include "gate/config/origins.h"
#include "gate/config/prices.h"
#include "gate/config/beyond.h"
#include "gate/config/group_conf.h"
#include "gate/config/hidden.h"
#include "gate/config/otel_conf.h"
#include "gate/config/draw.h"
#include "gate/config/route.h"
#include "gate/config/route_conf.h"
#include "gate/config/settings.h"
#include "gate/config/split.h"
#include "net/noproxy.h"
#include "net/tls.h"

static const char default_text[] =
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

struct sl_str sl_config_default(void)
{
    return sl_str_c(default_text);
}

/* Sections of the file that are no rows of the settings. */
static const char *const route_sections[] = { "endpoints", "routes", NULL };

struct loader {
    const char *name;
    struct sl_arena tree; /* the YAML's values: wiped after the load */
    struct sl_bind bind;
    struct sl_conf_files *files;
    struct sl_config *config;
    struct sl_str *paths; /* of the `sluice` of each loaded route; on the tree */
    struct sl_str text;   /* p != NULL: read in place of a file */
    bool is_pure;         /* reads neither files nor the environment */
};

static void problem(struct loader *ld, enum sl_severity severity, struct sl_pos pos, const char *path, const char *text)
{
    sl_bind_problem(&ld->bind, severity, pos, path, "%s", text);
}

static struct sl_pos start_of(const struct loader *ld)
{
    return (struct sl_pos){ ld->name, 1, 1 };
}

/* Puts MLflow's words in front of the reader's message. */
static void yaml_name(struct loader *ld)
{
    static const struct sl_str prefix = SL_STR_INIT("not valid YAML: ");
    struct sl_problems *problems = ld->bind.problems;
    struct sl_problem *last = problems->n ? &problems->v[problems->n - 1] : NULL;
    if (last) {
        struct sl_str why = last->text;
        why = sl_str_has_prefix(why, prefix) ? sl_str_sub(why, prefix.n, why.n) : why;
        struct sl_str text = sl_arena_printf(problems->arena, "The file at %s is not a valid yaml file: %.*s", ld->name,
                                             SL_STR_ARG(why));
        last->text = text.p ? text : last->text;
    }
}

static int tree_read(struct loader *ld, const char *path, struct sl_val **ret)
{
    struct sl_str text = ld->text.p ? ld->text : sl_str_c(default_text);
    struct sl_err err = { 0 };
    if (path) {
        if (access(path, F_OK) < 0 && errno == ENOENT) {
            sl_bind_problem(&ld->bind, SL_PROBLEM_ERROR, (struct sl_pos){ path, 0, 0 }, "", "%s does not exist", path);
            /* The error is reported already. */
            SL_IGNORE(sl_conf_files_note(ld->files, sl_str_c(path), SL_CONF_PRINT_NONE) < 0);
            return SL_E_NOTFOUND;
        }
        struct stat st;
        bool is_file = stat(path, &st) == 0 && S_ISREG(st.st_mode); /* a pipe cannot be read again */
        int r = sl_conf_read_file(path, &ld->tree, &text, &err);
        if (is_file &&
            sl_conf_files_note(ld->files, sl_str_c(path), r < 0 ? SL_CONF_PRINT_NONE : sl_conf_print(text)) < 0) {
            r = sl_fail_nomem(&err);
        }
        if (r < 0) {
            problem(ld, SL_PROBLEM_ERROR, (struct sl_pos){ path, 0, 0 }, "", err.text);
            return r;
        }
    }
    int r = sl_conf_parse(ld->name, text, &ld->tree, ld->bind.problems, ret);
    if (r < 0) {
        yaml_name(ld);
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

/* --- settings --- */

/* True: the value could be a value of that section. Of one that is a text nobody knows. */
static bool could_be(const struct sl_opt *section, const struct sl_val *val)
{
    bool has_member = val->n == 0 && section->sub;
    for (uint32_t i = 0; i < val->n && section->sub; i++) {
        has_member |= val->kind == SL_VAL_MAP && sl_opt_find(section->sub, val->items[i].key);
    }
    return val->kind == SL_VAL_MAP && has_member;
}

/* The section that a slightly misspelt name means. Its content must not be ignored silently. */
static const struct sl_opt *section_meant(const struct sl_val_item *item)
{
    for (const struct sl_opt *row = sl_settings_rows(); row->key; row++) {
        if (sl_name_is_slip(item->key, row->key) && could_be(row, item->val)) {
            return row;
        }
    }
    return NULL;
}

/* Names that people expect at the top, and where the settings are. */
static const char *section_elsewhere(struct sl_str key)
{
    static const struct {
        const char *key, *place;
    } known[] = { { "console", "server.console" }, { "oidc", "auth.oidc" }, { "tracing", "otel" } };
    for (size_t i = 0; i < SL_ARRAY_LEN(known); i++) {
        if (sl_str_eq_c(key, known[i].key)) {
            return known[i].place;
        }
    }
    return NULL;
}

/* Reports a top-level key that neither Sluice nor MLflow has: it may be misspelt, or from a later version. */
static void section_unknown(struct loader *ld, const struct sl_val_item *item)
{
    const struct sl_opt *meant = section_meant(item);
    const char *near = section_elsewhere(item->key);
    near = near ? near : sl_opt_nearest(sl_settings_rows(), item->key);
    near = meant ? meant->key : near ? near : sl_name_nearest(item->key, route_sections);
    sl_bind_problem(&ld->bind, meant ? SL_PROBLEM_ERROR : SL_PROBLEM_WARNING, item->key_pos, "",
                    "unknown section \"%.*s\"%s%s%s%s", SL_STR_ARG(sl_opt_key_shown(item->key)),
                    meant ? "" : " is ignored", near ? ": did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static void sections_check(struct loader *ld, const struct sl_val *root)
{
    for (uint32_t i = 0; i < root->n; i++) {
        struct sl_str key = root->items[i].key;
        bool is_known = sl_str_has_prefix(key, SL_STR("x-")) /* a place for YAML anchors */ ||
                        sl_opt_find(sl_settings_rows(), key);
        for (size_t k = 0; route_sections[k]; k++) {
            is_known |= sl_str_eq_c(key, route_sections[k]);
        }
        if (!is_known) {
            section_unknown(ld, &root->items[i]);
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
        for (const struct sl_opt *row = sl_settings_rows(); row->key; row++) {
            if (sl_str_eq_c(root->items[i].key, row->key)) {
                room[view.n++] = root->items[i];
            }
        }
    }
    return view;
}

/* SLUICE_AUTH=none means `auth: none` when the file has no auth section; it never opens what the file closes. */
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

/* NO_PROXY adds to the hosts that are reached without the proxy; a word that is no valid rule is ignored. */
static void no_proxy_from_env(struct loader *ld, struct sl_proxy_settings *proxy)
{
    for (int i = 0; proxy->url.p && i < 2; i++) {
        const char *text = getenv(i ? "NO_PROXY" : "no_proxy");
        struct sl_arena *arena = &ld->config->settings->arena;
        struct sl_str rest = text ? sl_arena_dup(arena, sl_str_c(text)) : SL_STR(""), word;
        const struct sl_noproxy *before = proxy->rules;
        uint32_t n = before ? before->n : 0;
        struct sl_noproxy *rules = sl_noproxy_new(arena, n + rest.n);
        if (!rest.p || !rules) {
            problem(ld, SL_PROBLEM_ERROR, (struct sl_pos){ "NO_PROXY", 0, 0 }, "", "out of memory");
            return;
        }
        for (; rules->n < n; rules->n++) {
            rules->v[rules->n] = before->v[rules->n];
        }
        while (sl_str_next(&rest, ',', &word)) {
            rules->n += sl_noproxy_parse(sl_str_trim(word), &rules->v[rules->n]) == 0;
        }
        proxy->rules = rules;
    }
}

/* The environment sets the total time of a call when the file does not. */
static void total_override(struct loader *ld, const struct sl_val *root, const struct sl_config_overrides *over)
{
    if (!over->total_sec || sl_val_find(sl_val_find(sl_val_find(root, "upstream"), "timeouts"), "total")) {
        return;
    }
    uint64_t sec;
    if (sl_parse_u64(sl_str_c(over->total_sec), 1, 7 * 86400, &sec) < 0) {
        problem(ld, SL_PROBLEM_ERROR, (struct sl_pos){ over->total_name, 0, 0 }, "",
                "must be a number of seconds from 1 to 604800");
        return;
    }
    ld->config->settings->upstream.route.timeouts.total_usec = sec * SL_USEC_PER_SEC;
}

/* Warns: every web page that a user of this machine opens could call, and no key is asked for. */
static void pages_warn(struct loader *ld, const struct sl_val *root, const struct sl_settings *settings)
{
    const struct sl_val *server = sl_val_find(root, "server");
    const struct sl_val *cors = server ? sl_val_find(server, "cors") : NULL;
    if (cors && settings->auth.mode != SL_AUTH_KEYS && sl_origins_have_all(&settings->server.cors)) {
        problem(ld, SL_PROBLEM_WARNING, cors->pos, "server.cors",
                "every web page may call, and no key is asked for: name the origins, or add an auth section");
    }
}

/* Warns: people would log in, and land where nothing is. */
static void login_warn(struct loader *ld, const struct sl_val *root, const struct sl_settings *settings)
{
    if (settings->auth.oidc && !settings->server.console) {
        const struct sl_val *said = sl_val_find(sl_val_find(root, "auth"), "oidc");
        problem(ld, SL_PROBLEM_WARNING, said->pos, "auth.oidc",
                "nobody can log in: a login leads to the console, and server.console is false");
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
    SL_IGNORE(sl_opt_bind(&ld->bind, sl_settings_rows(), &view, settings) < 0); /* the problems have its errors */
    if (!ld->is_pure) {
        auth_from_env(ld, settings);
        no_proxy_from_env(ld, &settings->upstream.proxy);
    }
    pages_warn(ld, root, settings);
    login_warn(ld, root, settings);
    sl_groups_look(&ld->bind, root, settings->groups);
    total_override(ld, root, over);
    if (!ld->is_pure && over->counters_name) {
        sl_counters_from_env(&ld->bind, over->counters_name, over->counters, &settings->counters);
    }
    sl_otel_finish(&ld->bind, !ld->is_pure, &settings->otel);
    sl_route_conf_look(&ld->bind, "upstream", sl_val_find(root, "upstream"), &settings->upstream.route);
    struct sl_server_settings *server = &settings->server;
    if (over->workers >= 0) {
        server->workers = (uint32_t)over->workers;
    }
    if (over->listen.p) {
        struct sl_val text = { .kind = SL_VAL_STRING, .text = over->listen, .pos = { "--listen", 0, 0 } };
        struct sl_val server_map = { .kind = SL_VAL_MAP };
        struct sl_val_item item = { SL_STR("listen"), { "--listen", 0, 0 }, &text };
        server_map.items = &item;
        server_map.n = 1;
        /* Binds with the row of the file, into a copy, so that nothing else is reset. */
        struct sl_server_settings copy = { 0 };
        const struct sl_opt *rows = sl_settings_rows()[0].sub;
        if (sl_opt_bind(&ld->bind, rows, &server_map, &copy) == 0) {
            server->listen = copy.listen;
            server->n_listen = copy.n_listen;
        }
    }
}

static void prices_load(struct loader *ld, const struct sl_val *root)
{
    struct sl_settings *settings = ld->config->settings;
    struct sl_prices_said said = { ld->is_pure ? SL_STR_NONE : settings->prices_file, settings->prices_models };
    settings->prices_models = NULL;
    sl_prices_load(&ld->bind, ld->files, root, &said, &settings->prices);
}

/* Loads certificates and authorities: this is a part of checking the settings. */
static void tls_load(struct loader *ld, const struct sl_val *root)
{
    struct sl_settings *settings = ld->config->settings;
    const struct sl_server_settings *server = &settings->server;
    const struct sl_val *tls = sl_val_find(sl_val_find(root, "server"), "tls");
    const struct sl_val *ca = sl_val_find(sl_val_find(root, "upstream"), "ca");
    const struct sl_str paths[] = { server->tls_cert, server->tls_key, settings->upstream.ca };
    struct sl_err err = { 0 };
    if (ld->is_pure) {
        return;
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(paths); i++) {
        struct stat st;
        if (paths[i].n && stat(paths[i].p, &st) == 0 && !S_ISREG(st.st_mode)) {
            sl_bind_problem(&ld->bind, SL_PROBLEM_ERROR, root->pos, i < 2 ? "server.tls" : "upstream.ca",
                            "%s is no regular file", paths[i].p);
            return;
        }
        /* The fingerprint comes first: a file that changes in between is read again, not missed. */
        if (paths[i].n && sl_conf_files_note(ld->files, paths[i], sl_conf_print_file(paths[i].p)) < 0) {
            problem(ld, SL_PROBLEM_ERROR, root->pos, "", "out of memory");
            return;
        }
    }
    if ((server->tls_cert.n == 0) != (server->tls_key.n == 0)) {
        problem(ld, SL_PROBLEM_ERROR, tls ? tls->pos : root->pos, "server.tls", "needs both cert and key");
    } else if (server->tls_cert.n &&
               sl_tls_ctx_new_server(server->tls_cert.p, server->tls_key.p, &settings->server_tls, &err) < 0) {
        problem(ld, SL_PROBLEM_ERROR, tls ? tls->pos : root->pos, "server.tls", err.text);
    }
    const char *ca_path = settings->upstream.ca.n ? settings->upstream.ca.p : NULL;
    if (sl_tls_ctx_new_client(ca_path, NULL, NULL, &settings->client_tls, &err) < 0) {
        problem(ld, SL_PROBLEM_ERROR, ca ? ca->pos : root->pos, "upstream.ca", err.text);
    }
}

/* --- routes --- */

static void duplicate(struct loader *ld, const char *section, const struct sl_route *route,
                      const struct sl_route *first)
{
    /* Or `routes` is only another name of the section. */
    bool is_split = section[0] == 'r' && first->pos.line < route->pos.line;
    sl_bind_problem(&ld->bind, SL_PROBLEM_ERROR, route->pos, section,
                    "Duplicate names found in endpoint %sconfigurations. Please remove the duplicate endpoint name: "
                    "'%.*s' (the first one is at line %u)",
                    is_split ? "/ route " : "", SL_STR_ARG(route->name), first->pos.line);
}

/* Loads one entry. `names`: the routes before it. */
static void route_load(struct loader *ld, const char *section, const struct sl_val *entry, struct sl_map *names)
{
    struct sl_config *config = ld->config;
    struct sl_route *route;
    if (sl_route_bind(&ld->bind, entry, config->settings, &route) < 0) {
        return; /* reported already */
    }
    ld->paths[config->n_routes] = sl_arena_printf(&ld->tree, "%s.sluice", ld->bind.path);
    config->routes[config->n_routes++] = route;
    const struct sl_route *first = sl_map_find(names, route->name);
    if (first) {
        duplicate(ld, section, route, first);
    } else if (sl_map_put(names, route->name, route) < 0) {
        problem(ld, SL_PROBLEM_ERROR, route->pos, section, "out of memory");
    }
}

/* The list of routes that split their calls over endpoints; NULL: the file has none. */
static const struct sl_val *splits_find(struct loader *ld, const struct sl_val *root)
{
    const struct sl_val *list = sl_val_find(root, "endpoints"), *routes = sl_val_find(root, "routes");
    bool are_splits = sl_split_are(routes);
    if (are_splits && !list) {
        problem(ld, SL_PROBLEM_ERROR, routes->pos, "routes",
                "split their calls over endpoints, and there is no `endpoints:`");
    } else if (list && routes && !are_splits) {
        problem(ld, SL_PROBLEM_WARNING, routes->pos, "routes", "is ignored: there is `endpoints:`");
    }
    return are_splits ? routes : NULL;
}

static void routes_load(struct loader *ld, const struct sl_val *root)
{
    const struct sl_val *list = sl_val_find(root, "endpoints"), *splits = splits_find(ld, root);
    const char *section = list || splits ? "endpoints" : "routes";
    list = list || splits ? list : sl_val_find(root, "routes");
    if (!list || list->kind != SL_VAL_LIST) {
        section = list || sl_val_find(root, "routes") ? section : "endpoints";
        sl_bind_problem(&ld->bind, SL_PROBLEM_ERROR, list ? list->pos : root->pos, section, "%s",
                        list ? "must be a list (it may be [])" : "missing: a list, it may be []");
        return;
    }
    struct sl_config *config = ld->config;
    size_t n = (size_t)list->n + (splits ? splits->n : 0);
    config->routes = calloc(n + 1, sizeof(struct sl_route *));
    ld->paths = SL_ARENA_ARRAY(&ld->tree, struct sl_str, n + 1);
    struct sl_map names = { 0 };
    if (!config->routes || !ld->paths) {
        problem(ld, SL_PROBLEM_ERROR, list->pos, section, "out of memory");
        return;
    }
    ld->bind.is_lax = true; /* MLflow ignores keys that it does not know */
    for (uint32_t i = 0; i < list->n; i++) {
        snprintf(ld->bind.path, sizeof(ld->bind.path), "%s[%u]", section, i);
        route_load(ld, section, list->items[i].val, &names);
    }
    for (uint32_t i = 0; splits && i < splits->n; i++) {
        struct sl_val *entry;
        snprintf(ld->bind.path, sizeof(ld->bind.path), "routes[%u]", i);
        if (sl_split_entry(&ld->bind, splits->items[i].val, list, &ld->tree, &entry) == 0) {
            route_load(ld, "routes", entry, &names);
        }
    }
    ld->bind.is_lax = false;
    ld->bind.path[0] = '\0';
    for (uint32_t i = 0; i < config->n_routes; i++) {
        sl_beyond_look(&ld->bind, ld->paths[i].p, config->routes[i], &names);
    }
    sl_map_done(&names);
}

static void config_fill(struct loader *ld, const struct sl_val *root, const struct sl_config_overrides *over)
{
    if (sl_secrets_hide(root, ld->bind.problems, &ld->tree) < 0) {
        problem(ld, SL_PROBLEM_ERROR, root->pos, "", "out of memory");
    }
    sections_check(ld, root);
    settings_load(ld, root, over);
    prices_load(ld, root);
    tls_load(ld, root);
    routes_load(ld, root);
    struct sl_config *config = ld->config;
    for (uint32_t i = 0; i < config->n_routes; i++) {
        config->routes[i]->pos.file = NULL; /* the caller owns the name; line and column stay */
    }
}

static int config_load(struct loader *ld, const char *path, const struct sl_config_overrides *over,
                       struct sl_arena *arena, struct sl_config **ret)
{
    struct sl_problems *problems = ld->bind.problems;
    struct sl_str name = sl_arena_dup(arena, sl_str_c(ld->name)); /* the problems keep it */
    ld->name = name.p ? name.p : ld->name;
    ld->config = calloc(1, sizeof(*ld->config));
    struct sl_settings *settings = sl_settings_new();
    if (!ld->config || !settings) {
        sl_settings_unref(settings);
        free(ld->config);
        sl_bind_problem(&ld->bind, SL_PROBLEM_ERROR, start_of(ld), "", "out of memory");
        return SL_E_NOMEM;
    }
    ld->config->settings = settings;
    settings->file = path ? sl_arena_dup(&settings->arena, sl_str_c(path)) : SL_STR_NONE;
    sl_arena_init(&ld->tree, NULL);
    struct sl_val *root;
    int r = tree_read(ld, path, &root);
    if (r == 0) {
        config_fill(ld, root, over);
    }
    if (r == 0 && !problems->n_errors && sl_picture_new(root, settings, over, ld->files, &settings->picture) < 0) {
        problem(ld, SL_PROBLEM_ERROR, root->pos, "", "out of memory");
    }
    problems->hidden = NULL; /* the hidden texts are on the tree */
    problems->n_hidden = 0;
    sl_arena_wipe(&ld->tree); /* the file may have had literal keys */
    sl_arena_done(&ld->tree);
    if (r < 0 || problems->n_errors) {
        sl_config_free(ld->config);
        return r < 0 ? r : SL_E_INVAL;
    }
    *ret = ld->config;
    return 0;
}

int sl_config_load(const char *path, const struct sl_config_overrides *over, struct sl_arena *arena,
                   struct sl_problems *problems, struct sl_conf_files *files, struct sl_config **ret)
{
    struct loader ld = { .name = path ? path : SL_SETTINGS_EMBEDDED, .files = files, .text = over->text };
    ld.bind = (struct sl_bind){
        .arena = arena, .problems = problems, .resolve = sl_conf_resolve_secret, .resolve_arg = files
    };
    return config_load(&ld, path, over, arena, ret);
}

int sl_config_load_text(const char *name, struct sl_str text, struct sl_arena *arena, struct sl_problems *problems,
                        struct sl_config **ret)
{
    struct loader ld = { .name = name, .text = text, .is_pure = true };
    ld.bind = (struct sl_bind){ .arena = arena, .problems = problems };
    return config_load(&ld, NULL, &(struct sl_config_overrides){ .workers = -1 }, arena, ret);
}

static uint64_t print_of(const struct sl_conf_files *files, struct sl_str path)
{
    for (uint32_t i = 0; i < files->n; i++) {
        if (sl_str_eq(files->v[i].path, path)) {
            return files->v[i].print;
        }
    }
    return SL_CONF_PRINT_NONE;
}

/* True: same path and same content, or both are not set. */
static bool file_is_same(struct sl_str a, const struct sl_conf_files *files_a, struct sl_str b,
                         const struct sl_conf_files *files_b)
{
    return sl_str_eq(a, b) && print_of(files_a, a) == print_of(files_b, b);
}

static void tls_swap(struct sl_tls_ctx **to, struct sl_tls_ctx *from)
{
    if (*to && from) {
        sl_tls_ctx_unref(*to);
        *to = sl_tls_ctx_ref(from);
    }
}

void sl_config_adopt_tls(struct sl_config *config, const struct sl_conf_files *files, const struct sl_config *before,
                         const struct sl_conf_files *files_before)
{
    struct sl_settings *new = config->settings, *old = before->settings;
    if (file_is_same(new->server.tls_cert, files, old->server.tls_cert, files_before) &&
        file_is_same(new->server.tls_key, files, old->server.tls_key, files_before)) {
        tls_swap(&new->server_tls, old->server_tls);
    }
    if (file_is_same(new->upstream.ca, files, old->upstream.ca, files_before)) {
        tls_swap(&new->client_tls, old->client_tls);
    }
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

void sl_problem_format(const struct sl_problem *p, bool with_severity, char *out, size_t n)
{
    char where[32] = "";
    if (p->pos.line) {
        snprintf(where, sizeof(where), ":%u:%u", p->pos.line, p->pos.col);
    }
    const char *severity = !with_severity ? "" : p->severity == SL_PROBLEM_ERROR ? "error: " : "warning: ";
    snprintf(out, n, "%s%s%s%s%.*s%s%.*s", p->pos.file ? p->pos.file : "", where, p->pos.file ? ": " : "", severity,
             SL_STR_ARG(p->path), p->path.n ? ": " : "", SL_STR_ARG(p->text));
}

void sl_problems_print(const struct sl_problems *problems, FILE *out)
{
    for (uint32_t i = 0; i < problems->n; i++) {
        char line[SL_PROBLEM_LINE_MAX];
        sl_problem_format(&problems->v[i], true, line, sizeof(line));
        fprintf(out, "%s\n", line);
    }
    if (problems->n_left_out) {
        fprintf(out, "… and %u more\n", problems->n_left_out);
    }
}
