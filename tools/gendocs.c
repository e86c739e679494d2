/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the pages under docs/ that come from tables: see USAGE. With --check the page is compared with the file: 1
 * when the file is stale. `types` is a part of a page: --into writes the file with that part made anew. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "feature_table.h"
#include "conf/tree.h"
#include "gate/watch/metrics_write.h"
#include "gate/watch/readings.h"
#include "gate/config/route_conf.h"
#include "gate/config/route_own.h"
#include "gate/config/settings.h"
#include "gate/config/traffic_conf.h"
#include "llm/error_docs.h"
#include "llm/core/llm.h"
#include "type_table.h"

#define PAGE_MAX (1u << 20)
#define USAGE    "usage: gendocs configuration|errors|features|metrics|types [--check FILE] [--into FILE]\n"

static const char head_text[] =
    "# Configuration\n"
    "\n"
    "<!-- Generated from the option tables by tools/gendocs.c: `make docs`. A test fails when this page is stale. -->\n"
    "\n"
    "One YAML file: `sluice serve -c FILE`, `SLUICE_CONFIG` or `MLFLOW_GATEWAY_CONFIG`. Without one, an embedded "
    "default runs, whose `mock` routes need no key. An\n"
    "MLflow gateway file works without changes; Sluice's own sections come beside `endpoints:`. In Sluice's sections "
    "an unknown key is an error that names the\n"
    "nearest known one; in MLflow's sections it is a warning. `sluice check -c FILE` shows every problem with file, "
    "line and column and changes nothing. It exits\n"
    "with 0 when the file is good and with 1 when it is not (`--strict`: also for warnings).\n"
    "\n"
    "- Durations (`250ms`, `30s`, `5m`, `1h`, `1d`) and sizes (`512B`, `64KiB`, `8MiB`, `1GiB`) need their unit, "
    "shares (`20%`) their sign. `[]` means none, an absent key or `null` means\n"
    "  the default.\n"
    "- A *secret* is `$NAME` (an environment variable; unset or empty is an error), `{ file: PATH }`, `{ env: NAME }`, "
    "the path of an existing file (MLflow's\n"
    "  form; one trailing newline is not part of the secret), or the literal. No message ever shows one.\n"
    "- Relative paths in Sluice's sections and in `{ file: … }` are relative to the file that names them.\n"
    "- Anchors, aliases and merge keys (`<<`) work; a top-level key that begins with `x-` is a place for them. A key "
    "that is twice in one map is an error.\n"
    "\n"
    "## Reload\n"
    "\n"
    "Sluice checks twice a second whether the file changed, or a key file, certificate or authority that it names; "
    "SIGHUP makes it check at once. It checks a\n"
    "changed configuration as a whole and then replaces the old one: no request is cut, no counter is lost. It refuses "
    "a bad one, writes the reasons to the log,\n"
    "and keeps the old one. A setting marked *restart* below keeps its old value until a restart, and a warning names "
    "it.\n"
    "\n";

/* What the code reads from the environment. */
static const char *const environment[][2] = {
    { "SLUICE_CONFIG", "the configuration file, if no flag names it" },
    { "MLFLOW_GATEWAY_CONFIG", "the same, after SLUICE_CONFIG" },
    { "SLUICE_DATA", "the data directory; `none` for none" },
    { "SLUICE_ADMIN_KEY", "the first admin key, if `auth` is configured and the file has none" },
    { "MLFLOW_GATEWAY_ALLOWED_PROVIDERS",
      "the providers that routes may have, comma-separated, in the file and through the API; empty or not set: all" },
    { "OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY, …",
      "with `serve --env-routes`: keys of providers, each of which gets a route (docs/commands.md)" },
    { "NO_COLOR", "set and not empty: the logs have no colour on a terminal" },
    { "SLUICE_AUTH", "`none`: the same as `auth: none`, if the file has no `auth` section" },
    { "MLFLOW_GATEWAY_ROUTE_TIMEOUT_SECONDS", "the same as `upstream.timeouts.total`, if the file does not set it" },
    { "NO_PROXY, no_proxy",
      "with `upstream.proxy`: hosts that are reached without it, beside `except`; read as by curl" },
    { "SSL_CERT_FILE, SSL_CERT_DIR", "the system's authorities for upstreams, read as by OpenSSL" },
    { "NOTIFY_SOCKET", "systemd: gets notices of readiness, reloads and the end" },
    { "LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES", "systemd: sockets that replace `server.listen`" },
};

static const char *type_name(const struct sl_opt *row)
{
    switch (row->type) {
    case SL_OPT_BOOL:
        return "true, false";
    case SL_OPT_U32:
    case SL_OPT_U64:
        return "whole number";
    case SL_OPT_DOUBLE:
        return "number";
    case SL_OPT_USEC:
        return "duration";
    case SL_OPT_BYTES:
        return "size";
    case SL_OPT_SHARE:
        return "share";
    case SL_OPT_STR:
        return "text";
    case SL_OPT_PATH:
        return "path";
    case SL_OPT_URL:
        return "URL";
    case SL_OPT_ENUM:
        return "";
    case SL_OPT_STR_LIST:
        return "list of texts";
    case SL_OPT_SECRET:
        return "secret";
    case SL_OPT_MAP:
    case SL_OPT_ROWS:
        return "map";
    case SL_OPT_CUSTOM:
        return "see right";
    }
    return "";
}

static void bound_put(struct sl_buf *out, const struct sl_opt *row, uint64_t v)
{
    char text[32];
    switch ((int)row->type) {
    case SL_OPT_USEC:
        sl_format_duration(v, text);
        break;
    case SL_OPT_BYTES:
        sl_format_size(v, text);
        break;
    case SL_OPT_SHARE:
        snprintf(text, sizeof(text), "%llu%%", (unsigned long long)v);
        break;
    default:
        snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
        break;
    }
    sl_buf_add_c(out, text);
}

static void values_put(struct sl_buf *out, const struct sl_opt *row)
{
    sl_buf_add_c(out, type_name(row));
    for (int i = 0; row->type == SL_OPT_ENUM && row->names[i]; i++) {
        sl_buf_printf(out, "%s`%s`", i ? ", " : "", row->names[i]);
    }
    bool is_number = row->type == SL_OPT_U32 || row->type == SL_OPT_U64 || row->type == SL_OPT_USEC ||
                     row->type == SL_OPT_BYTES || row->type == SL_OPT_SHARE;
    if (is_number && row->max) {
        sl_buf_add_c(out, ", ");
        bound_put(out, row, row->min);
        sl_buf_add_c(out, " to ");
        bound_put(out, row, row->max);
    }
}

static void rows_put(struct sl_buf *out, const struct sl_opt *table, const char *prefix, bool with_reload)
{
    for (const struct sl_opt *row = table; row->key; row++) {
        bool is_own = table == sl_route_conf_rows || table == sl_timeout_rows; /* of a route: else the settings' */
        is_own &= strncmp(prefix, "sluice", 6) == 0;
        char path[128];
        snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "", row->key);
        if (row->flags & SL_OPT_HIDDEN) {
            continue;
        }
        if (row->type == SL_OPT_ROWS) {
            rows_put(out, row->sub, prefix, with_reload);
            continue;
        }
        if (row->type != SL_OPT_MAP) {
            sl_buf_printf(out, "| `%s`%s | ", path, row->flags & SL_OPT_REQUIRED ? " (required)" : "");
            values_put(out, row);
            const char *def = is_own && row->def ? strstr(prefix, "[]") ? "the route's" : "`upstream`'s"
                              : row->def         ? row->def
                                                 : "–";
            const char *tick = !is_own && row->def ? "`" : "";
            sl_buf_printf(out, " | %s%s%s | ", tick, def, tick);
            if (with_reload) {
                sl_buf_printf(out, "%s | ", row->flags & SL_OPT_RELOAD ? "reload" : "restart");
            }
            sl_buf_printf(out, "%s |\n", row->help ? row->help : "");
        }
        if (row->sub) {
            rows_put(out, row->sub, path, with_reload);
        }
    }
}

static void table_put(struct sl_buf *out, const struct sl_opt *table, const char *prefix, bool with_reload)
{
    sl_buf_add_c(out, with_reload ? "| key | value | default | changes | what |\n|---|---|---|---|---|\n"
                                  : "| key | value | default | what |\n|---|---|---|---|\n");
    rows_put(out, table, prefix, with_reload);
    sl_buf_add_c(out, "\n");
}

static void sections_put(struct sl_buf *out)
{
    for (const struct sl_opt *row = sl_settings_rows(); row->key; row++) {
        sl_buf_printf(out, "## `%s`: %s\n\n", row->key, row->help);
        const struct sl_opt alone[] = { *row, { 0 } }; /* a section that is one value */
        table_put(out, row->sub ? row->sub : alone, row->sub ? row->key : "", true);
    }
}

static void endpoints_put(struct sl_buf *out)
{
    sl_buf_add_c(out,
                 "## `endpoints`: the routes\n"
                 "\n"
                 "A list; it may be `[]`. MLflow's older names `routes:` and `route_type:` are read if the newer one "
                 "is absent. Beside `endpoints:`, `routes:` with `destinations` are MLflow 3's routes, which split "
                 "their calls over endpoints ([traffic.md](traffic.md)).\n"
                 "\n"
                 "| key | value | what |\n"
                 "|---|---|---|\n"
                 "| `name` (required) | letters and digits of any script, `_`, `-`, `.`; 1 to 255 | the name under "
                 "which the route is called |\n"
                 "| `endpoint_type` (required) | `llm/v1/chat`, `llm/v1/completions`, `llm/v1/embeddings`; "
                 "`llm/v1/images`, `llm/v1/speech`, `llm/v1/moderations`, `llm/v1/rerank`, `llm/v1/transcriptions` "
                 "([dialects.md](dialects.md)) | the type of calls that it serves |\n"
                 "| `model.provider` (required) | a provider, see below; case does not matter, `-` and `_` are the "
                 "same | the provider that answers |\n"
                 "| `model.name` | text | the model's name at the provider |\n"
                 "| `model.config` | map | the provider's own settings, see below |\n"
                 "| `limit.calls` | whole number from 0 | how many calls may pass in a window; 0: none |\n"
                 "| `limit.renewal_period` | `second`, `minute`, `hour`, `day`, `month` (30 days), `year` (360 days), "
                 "with a number before it if wanted: `5 minutes`; more limits may follow, as in `minute;100/hour` | "
                 "the window: it opens at the first call; all limits apply, and each client counts separately |\n"
                 "| `limit.key` | text | kept and shown, as MLflow does |\n"
                 "| `limits` | list of `{ calls, renewal_period, key }` as set_limits takes it | replaces `limit`; "
                 "`key`: `user`, or `route` (also when left out) for all calls of the route together |\n"
                 "| `sluice` | map | Sluice's own settings for this route, strict: |\n"
                 "\n");
    sl_buf_add_c(out, "| key | value | default | what |\n|---|---|---|---|\n");
    rows_put(out, sl_route_conf_rows, "sluice", false);
    rows_put(out, sl_route_own_rows, "sluice", false);
    rows_put(out, sl_traffic_rows, "sluice", false);
    rows_put(out, sl_alone_rows, "sluice", false);
    sl_buf_add_c(out, "\n"
                      "`proxy`, `headers` and `tls` are for routes of this file only.\n"
                      "\n"
                      "A target is a map; [traffic.md](traffic.md) explains targets:\n"
                      "\n");
    sl_buf_add_c(out, "| key | value | default | what |\n|---|---|---|---|\n");
    rows_put(out, sl_target_rows, "sluice.targets[]", false);
    sl_buf_add_c(out, "\n"
                      "`timeouts.total` of a target is for one attempt at it; the route's is for the whole call.\n"
                      "\n");
}

static void providers_put(struct sl_buf *out)
{
    static const char *const types[SL_LLM_TRANSLATED_COUNT] = { "chat", "completions", "embeddings" };
    sl_buf_add_c(out, "## Providers: `model.config`\n\n");
    for (size_t i = 0; sl_provider_at(i); i++) {
        const struct sl_provider *provider = sl_provider_at(i);
        sl_buf_printf(out, "### `%s`\n\nServes", provider->name);
        const char *sep = " ";
        for (size_t t = 0; t < SL_ARRAY_LEN(types); t++) {
            if (provider->caps & SL_BIT(t)) {
                sl_buf_printf(out, "%s%s", sep, types[t]);
                sep = ", ";
            }
        }
        sl_buf_add_c(out, ".\n\n");
        table_put(out, provider->opts, "", false);
    }
}

static void configuration_write(struct sl_buf *out)
{
    sl_buf_add_c(out, head_text);
    sections_put(out);
    endpoints_put(out);
    providers_put(out);
    sl_buf_add_c(out, "## Environment\n\n| variable | what |\n|---|---|\n");
    for (size_t i = 0; i < SL_ARRAY_LEN(environment); i++) {
        sl_buf_printf(out, "| `%s` | %s |\n", environment[i][0], environment[i][1]);
    }
    sl_buf_printf(out,
                  "\n"
                  "## Limits of a file\n"
                  "\n"
                  "%u MiB, %d levels, %d values (an alias counts as all values that it stands for), %d keys in one "
                  "map. The first %d problems are shown.\n",
                  SL_CONF_FILE_MAX >> 20, SL_CONF_DEPTH_MAX, SL_CONF_NODES_MAX, SL_CONF_KEYS_MAX, SL_PROBLEMS_MAX);
}

static void metrics_write(struct sl_buf *out)
{
    sl_metrics_write_docs(sl_readings, out);
}

static const struct {
    const char *name;
    void (*write)(struct sl_buf *out);
    bool is_part;
} pages[] = {
    { "configuration", configuration_write, false },
    { "errors", sl_error_docs_write, false },
    { "features", features_write, false },
    { "metrics", metrics_write, false },
    { "types", type_table_write, true },
};

/* The part of a file that is made; p == NULL: it has none. */
static struct sl_str part_of(struct sl_str text)
{
    static const struct sl_str begin = SL_STR_INIT("<!-- begin: made by `make docs` -->\n\n");
    ptrdiff_t at = sl_str_find(text, begin, 0);
    size_t from = at < 0 ? 0 : (size_t)at + begin.n;
    ptrdiff_t to = at < 0 ? -1 : sl_str_find(text, SL_STR("\n<!-- end -->"), from);
    return to < 0 ? SL_STR_NONE : sl_str_sub(text, from, (size_t)to);
}

/* Compares with the file, or writes it with its part made anew. The process's exit code. */
static int file_do(const char *option, const char *path, bool is_part, struct sl_str made)
{
    struct sl_arena arena;
    struct sl_str text = SL_STR_NONE;
    struct sl_err err = { 0 };
    sl_arena_init(&arena, NULL);
    int r = sl_conf_read_file(path, &arena, &text, &err);
    struct sl_str part = r < 0 ? SL_STR_NONE : is_part ? part_of(text) : text;
    bool is_stale = !part.p || !sl_str_eq(part, made);
    bool is_into = strcmp(option, "--into") == 0;
    if (is_into && part.p) {
        size_t before = (size_t)(part.p - text.p);
        fwrite(text.p, 1, before, stdout);
        fwrite(made.p, 1, made.n, stdout);
        fwrite(part.p + part.n, 1, text.n - before - part.n, stdout);
    } else if (is_stale) {
        fprintf(stderr, is_into ? "%s has no part for it\n" : "%s is stale: make docs\n", path);
    }
    sl_arena_done(&arena);
    return is_into ? !part.p : is_stale;
}

int main(int argc, char **argv)
{
    size_t wanted = 0;
    while (argc > 1 && wanted < SL_ARRAY_LEN(pages) && strcmp(argv[1], pages[wanted].name) != 0) {
        wanted++;
    }
    if ((argc != 2 && argc != 4) || wanted == SL_ARRAY_LEN(pages)) {
        fputs(USAGE, stderr);
        return 2;
    }
    struct sl_buf page;
    sl_buf_init(&page, PAGE_MAX);
    pages[wanted].write(&page);
    int result = sl_buf_status(&page) < 0;
    if (argc == 4 && result == 0) {
        result = file_do(argv[2], argv[3], pages[wanted].is_part, sl_buf_str(&page));
    } else if (argc == 2) {
        fwrite(page.p, 1, page.len, stdout);
    }
    sl_buf_done(&page);
    return result;
}
