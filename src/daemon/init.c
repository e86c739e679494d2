/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice init`: writes a configuration to begin with. On a terminal it asks; it never replaces a file unless it is
 * told to. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/opt.h"
#include "cli/command.h"
#include "daemon/commands.h"
#include "daemon/starter.h"
#include "gate/api/file_schema.h"
#include "llm/core/provider.h"

#define PROVIDERS_MAX 16
#define TEXT_MAX      (16u << 20)
#define SCHEMA_NAME   "sluice.schema.json"

struct init {
    const struct cli_args *args;
    const char *file;
    const struct sl_provider *providers[PROVIDERS_MAX];
    char models[PROVIDERS_MAX][128]; /* "": the provider's first one */
    uint32_t n;
    bool has_keys; /* callers need one */
};

/* --- which providers --- */

/* True: a route of it needs nothing but a key and a model. */
static bool is_simple(const struct sl_provider *provider)
{
    return sl_starter_is(provider) || (!provider->successor && !sl_opt_required(provider->opts));
}

static const char *first_model(const struct sl_provider *provider)
{
    return provider->first_model ? provider->first_model : provider->local ? "mock" : NULL;
}

static int provider_add(struct init *init, const char *name)
{
    const struct sl_provider *provider = sl_provider_find(sl_str_c(name));
    if (!provider) {
        const char *near = sl_provider_nearest(sl_str_c(name));
        return cli_usage("init", "there is no provider '%s'%s%s%s", name, near ? ": did you mean '" : "",
                         near ? near : "", near ? "'?" : "");
    }
    if (!is_simple(provider)) {
        return cli_usage("init", "%s needs more than a key: docs/providers.md and examples/ show its configuration",
                         provider->name);
    }
    for (uint32_t i = 0; i < init->n; i++) {
        if (init->providers[i] == provider) {
            return CLI_DONE;
        }
    }
    if (init->n == PROVIDERS_MAX) {
        return cli_usage("init", "there may be %d providers", PROVIDERS_MAX);
    }
    init->providers[init->n++] = provider;
    return CLI_DONE;
}

/* Takes names with commas or blanks between them. */
static int providers_add(struct init *init, char *names)
{
    int r = CLI_DONE;
    for (char *rest = NULL, *name = strtok_r(names, ", \t\n", &rest); r == CLI_DONE && name;
         name = strtok_r(NULL, ", \t\n", &rest)) {
        r = provider_add(init, name);
    }
    return r;
}

/* Those whose key is in the environment, else the mock. */
static void usual_names(char *out, size_t size)
{
    const struct sl_provider *provider;
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; (provider = sl_provider_at(i)) != NULL; i++) {
        if (sl_starter_has_key(provider)) {
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? "," : "", provider->name);
        }
    }
    snprintf(out + n, size - n, "%s", n ? "" : "mock");
}

/* --- questions --- */

/* Writes the answer, or what stands in brackets, which may be nothing. False: the input ended. */
static bool ask(const char *question, const char *usual, char *out, size_t size)
{
    char *line = NULL;
    size_t room = 0;
    fprintf(stderr, "%s%s%s%s: ", question, *usual ? " [" : "", usual, *usual ? "]" : "");
    ssize_t n = getline(&line, &room, stdin);
    while (n > 0 && strchr("\r\n \t", line[n - 1])) {
        line[--n] = '\0';
    }
    snprintf(out, size, "%s", n > 0 ? line : usual);
    free(line);
    return n >= 0;
}

static int models_ask(struct init *init)
{
    for (uint32_t i = 0; i < init->n; i++) {
        const char *usual = first_model(init->providers[i]);
        char question[96];
        if (init->providers[i]->local) {
            continue; /* every model of the mock is the same */
        }
        snprintf(question, sizeof(question), "Model of %s%s", init->providers[i]->name,
                 usual ? "" : " (its name there)");
        do {
            if (!ask(question, usual ? usual : "", init->models[i], sizeof(init->models[i]))) {
                return CLI_INTERRUPTED;
            }
        } while (!init->models[i][0]);
    }
    return CLI_DONE;
}

/* A beginning of the word is enough; anything else is asked again. */
static int callers_ask(struct init *init)
{
    char answer[64];
    size_t n;
    do {
        if (!ask("Who may call: everyone on this machine (open), or who has a key (key)", "open", answer,
                 sizeof(answer))) {
            return CLI_INTERRUPTED;
        }
        n = strlen(answer);
        init->has_keys = strncasecmp(answer, "keys", n) == 0;
    } while (!init->has_keys && strncasecmp(answer, "open", n) != 0);
    return CLI_DONE;
}

static int questions_ask(struct init *init)
{
    char usual[512], answer[512];
    const struct sl_provider *provider;
    int r;
    fputs("A configuration for Sluice. Enter takes what stands in brackets.\nProviders:", stderr);
    for (size_t i = 0; (provider = sl_provider_at(i)) != NULL; i++) {
        if (is_simple(provider)) {
            fprintf(stderr, " %s%s", provider->name, sl_starter_has_key(provider) ? "*" : "");
        }
    }
    fputs(" (*: its key is in the environment; mock needs none)\n", stderr);
    usual_names(usual, sizeof(usual));
    do {
        if (!ask("Which, with commas between them", usual, answer, sizeof(answer))) {
            return CLI_INTERRUPTED;
        }
        init->n = 0;
        r = providers_add(init, answer);
    } while (r != CLI_DONE || init->n == 0);
    r = models_ask(init);
    return r == CLI_DONE ? callers_ask(init) : r;
}

static int options_take(struct init *init)
{
    char names[512];
    int r = CLI_DONE;
    for (int i = 0; r == CLI_DONE && i < init->args->providers.n; i++) {
        snprintf(names, sizeof(names), "%s", init->args->providers.v[i]);
        r = providers_add(init, names);
    }
    if (r == CLI_DONE && init->n == 0) {
        usual_names(names, sizeof(names));
        r = providers_add(init, names);
    }
    if (r == CLI_DONE && init->args->model && init->n != 1) {
        r = cli_usage("init", "--model goes with one provider");
    } else if (r == CLI_DONE && init->args->model) {
        snprintf(init->models[0], sizeof(init->models[0]), "%s", init->args->model);
    }
    for (uint32_t i = 0; r == CLI_DONE && i < init->n; i++) {
        if (!init->models[i][0] && !first_model(init->providers[i])) {
            r = cli_usage("init", "%s has no usual model: --model NAME says which", init->providers[i]->name);
        }
    }
    init->has_keys = init->args->has_keys;
    return r;
}

/* --- the file --- */

static const char head_text[] =
    "# Sluice's configuration. docs/configuration.md has every key; `sluice check -c FILE` says what is wrong.\n"
    "# A running gateway loads the file when it changes.\n"
    "\n"
    "server:\n"
    "  listen: 127.0.0.1:5000                        # or unix:/path, or a list; other addresses need auth\n"
    "  # tls: { cert: server.pem, key: server.key }  # serves HTTPS\n"
    "  # limits: { body: 32MiB, connections: 10000 }\n"
    "\n";
static const char open_text[] =
    "# auth: {}                                      # callers need a key: `sluice keys create` makes some. Without "
    "this\n"
    "                                                # line everyone on this machine may call, and spend\n"
    "\n";
static const char keys_text[] =
    "auth: {}                                        # callers need a key: the first start makes an admin's, in the\n"
    "                                                # data directory, and `sluice keys create` makes others\n"
    "\n";
static const char tail_text[] =
    "# upstream:\n"
    "#   timeouts: { first_byte: 120s, total: 10m }\n"
    "#   retries: 1\n"
    "\n"
    "# log: { access: stdout, level: info }\n"
    "\n"
    "endpoints:                                      # the routes. A secret is $NAME, or { file: PATH }\n";

static void config_make(const struct init *init, const char *schema, struct sl_buf *out)
{
    sl_buf_printf(out, "# yaml-language-server: $schema=%s\n", schema);
    sl_buf_add_c(out, head_text);
    sl_buf_add_c(out, init->has_keys ? keys_text : open_text);
    sl_buf_add_c(out, tail_text);
    for (uint32_t i = 0; i < init->n; i++) {
        const struct sl_provider *provider = init->providers[i];
        sl_starter_route(out, provider, init->models[i][0] ? init->models[i] : first_model(provider));
        if (i == 0) {
            sl_buf_add_c(out, "    # limit: { calls: 100, renewal_period: minute }     # for each caller\n");
        }
    }
}

/* Makes the file; `may_replace`: or puts it in the place of one that is there. */
static int file_write(const char *path, bool may_replace, struct sl_str text)
{
    char made[PATH_MAX];
    int n = snprintf(made, sizeof(made), may_replace ? "%s.new" : "%s", path);
    int fd = n < 0 || (size_t)n >= sizeof(made)
                 ? -1
                 : open(made, O_WRONLY | O_CREAT | O_CLOEXEC | (may_replace ? O_TRUNC : O_EXCL), 0644);
    if (fd < 0 && errno == EEXIST) {
        return cli_fail(CLI_LOCAL, "%s is there already: --overwrite replaces it, and another name makes another file",
                        path);
    }
    bool is_written = fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n;
    int why = errno;
    if (fd >= 0 && close(fd) < 0 && is_written) {
        is_written = false;
        why = errno;
    }
    if (is_written && may_replace && rename(made, path) < 0) {
        is_written = false;
        why = errno;
    }
    if (!is_written) {
        if (fd >= 0) {
            unlink(made);
        }
        return cli_fail(CLI_LOCAL, "cannot write %s: %s", path, strerror(why));
    }
    return CLI_DONE;
}

/* The schema that is installed with this program; false: none is. */
static bool schema_find(char out[PATH_MAX])
{
    char path[PATH_MAX];
    return cli_beside("../share/sluice/" SCHEMA_NAME, path) && realpath(path, out) != NULL;
}

/* True: the file has exactly this text. */
static bool is_file(const char *path, struct sl_str text)
{
    FILE *file = fopen(path, "re");
    size_t n = 0;
    int c = EOF;
    while (file && (c = getc(file)) != EOF && n < text.n && (char)c == text.p[n]) {
        n++;
    }
    if (file) {
        fclose(file);
    }
    return file && c == EOF && n == text.n;
}

/* Where none is installed, it is written beside the configuration. */
static int schema_make(const char *file, bool may_replace, struct sl_buf *text)
{
    char path[PATH_MAX];
    const char *slash = strrchr(file, '/');
    int folder = slash ? (int)(slash - file) + 1 : 0;
    snprintf(path, sizeof(path), "%.*s" SCHEMA_NAME, folder, file);
    sl_file_schema(text);
    return sl_buf_status(text) < 0                           ? cli_fail(CLI_LOCAL, "out of memory")
           : !may_replace && is_file(path, sl_buf_str(text)) ? CLI_DONE
                                                             : file_write(path, may_replace, sl_buf_str(text));
}

static void next_tell(const struct init *init)
{
    fprintf(stderr, "wrote %s; next:\n", init->file);
    for (uint32_t i = 0; i < init->n; i++) {
        const char *variable = init->providers[i]->key_variable;
        if (variable && !sl_starter_has_key(init->providers[i])) {
            fprintf(stderr, "  export %s=YOUR-KEY\n", variable);
        }
    }
    fprintf(stderr, "  %s serve -c %s\n", program_invocation_name, init->file);
}

int sl_command_init(const struct cli_args *args)
{
    struct init init = { .args = args, .file = args->n_words ? args->words[0] : "sluice.yaml" };
    char schema[PATH_MAX];
    struct sl_buf text = SL_BUF_INIT(TEXT_MAX), schema_text = SL_BUF_INIT(TEXT_MAX);
    bool is_asking = !args->is_yes && isatty(STDIN_FILENO);
    if (!args->is_yes && !is_asking) {
        return cli_usage("init", "there is no terminal to ask: --yes takes what the options say");
    }
    if (!args->is_overwrite && access(init.file, F_OK) == 0) {
        return cli_fail(CLI_LOCAL, "%s is there already: --overwrite replaces it, and another name makes another file",
                        init.file);
    }
    int r = is_asking && args->providers.n == 0 ? questions_ask(&init) : options_take(&init);
    bool is_installed = schema_find(schema);
    if (r == CLI_DONE && !is_installed) {
        r = schema_make(init.file, args->is_overwrite, &schema_text);
    }
    if (r == CLI_DONE) {
        config_make(&init, is_installed ? schema : SCHEMA_NAME, &text);
        r = sl_buf_status(&text) < 0 ? cli_fail(CLI_LOCAL, "out of memory")
                                     : file_write(init.file, args->is_overwrite, sl_buf_str(&text));
    }
    if (r == CLI_DONE) {
        next_tell(&init);
    }
    sl_buf_done(&text);
    sl_buf_done(&schema_text);
    return r;
}
