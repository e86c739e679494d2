/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands. It is compiled for each program that reads it: with SLUICE_CLI_DAEMON it has the functions of
 * the daemon's rows, with SLUICE_CLI_CLIENT those of the client's rows, and without either it has no functions. */
#include "command.h"

#if defined(SLUICE_CLI_DAEMON)
#include "daemon/commands.h"
#define OF_DAEMON(fn)                    fn
#define OF_CLIENT(fn)                    NULL
#define OF_BOTH(of_daemon_fn, client_fn) of_daemon_fn
#elif defined(SLUICE_CLI_CLIENT)
#include "cli.h"
#define OF_DAEMON(fn)                    NULL
#define OF_CLIENT(fn)                    fn
#define OF_BOTH(of_daemon_fn, client_fn) client_fn
#else
#define OF_DAEMON(fn)                    NULL
#define OF_CLIENT(fn)                    NULL
#define OF_BOTH(of_daemon_fn, client_fn) NULL
#endif

#define AT(member) offsetof(struct cli_args, member)
/* clang-format off */
#define OPTIONS_END { NULL, 0, CLI_TEXT, 0, NULL, NULL, 0 }
/* clang-format on */

/* More tokens are never meant, and a larger number would not fit the wire. */
#define TOKENS_MAX  1000000000
#define RETRIES_MAX 10

const struct cli_opt cli_common[] = {
    { "server", 0, CLI_TEXT, AT(server), "URL", "the gateway: a URL, host:port or unix:/path (default SLUICE_SERVER)",
      0 },
    { "key-file", 0, CLI_TEXT, AT(key_file), "FILE", "the API key is in this file (default SLUICE_KEY)", 0 },
    { "ca", 0, CLI_TEXT, AT(ca), "FILE",
      "certificate authorities (PEM) that are trusted for the server (default SLUICE_CA)", 0 },
    { "insecure", 0, CLI_SWITCH, AT(is_insecure), NULL, "do not check the server's certificate", 0 },
    { "cert", 0, CLI_TEXT, AT(cert), "FILE", "the client's certificate for the server (PEM)", 0 },
    { "cert-key", 0, CLI_TEXT, AT(cert_key), "FILE", "its key (PEM; default: in the same file)", 0 },
    { "json", 0, CLI_SWITCH, AT(is_json), NULL, "print the server's own JSON", 0 },
    { "quiet", 'q', CLI_SWITCH, AT(is_quiet), NULL, "print errors only", 0 },
    { "verbose", 'v', CLI_SWITCH, AT(is_verbose), NULL, "say more about errors, and show the usage", 0 },
    { "timeout", 0, CLI_TIME, AT(timeout_msec), "TIME", "the longest a call may take: 500ms, 30s, 5m", 0 },
    { "yes", 'y', CLI_SWITCH, AT(is_yes), NULL, "do not ask", 0 },
    { "dry-run", 0, CLI_SWITCH, AT(is_dry_run), NULL, "only say what would be done", 0 },
    { "color", 0, CLI_CHOICE, AT(color), "auto|always|never", "colour (default: on a terminal, without NO_COLOR)", 0 },
    OPTIONS_END,
};

static const struct cli_opt serve_opts[] = {
    { "config", 'c', CLI_TEXT, AT(config), "FILE", "the configuration (default SLUICE_CONFIG, MLFLOW_GATEWAY_CONFIG)",
      0 },
    { "listen", 0, CLI_TEXT, AT(listen), "ADDR", "host:port or unix:/path in place of server.listen", 0 },
    { "workers", 0, CLI_TEXT, AT(workers), "N", "threads that serve, or auto, in place of server.workers", 0 },
    { "data", 0, CLI_TEXT, AT(data_dir), "DIR|none", "where routes, limits and keys are kept (default SLUICE_DATA)",
      0 },
    { "env-routes", 0, CLI_SWITCH, AT(has_env_routes), NULL,
      "without a file: a route for each provider whose key is in the environment, such as OPENAI_API_KEY (on a "
      "terminal "
      "this is the default)",
      0 },
    { "no-env-routes", 0, CLI_SWITCH, AT(has_no_env_routes), NULL, "no such routes", 0 },
    OPTIONS_END,
};

static const struct cli_opt check_opts[] = {
    { "config", 'c', CLI_TEXT, AT(config), "FILE", "the configuration (default SLUICE_CONFIG, MLFLOW_GATEWAY_CONFIG)",
      0 },
    { "strict", 0, CLI_SWITCH, AT(is_strict), NULL, "warnings are errors", 0 },
    OPTIONS_END,
};

static const struct cli_opt doctor_opts[] = {
    { "config", 'c', CLI_TEXT, AT(config), "FILE", "the configuration (default SLUICE_CONFIG, MLFLOW_GATEWAY_CONFIG)",
      0 },
    { "data", 0, CLI_TEXT, AT(data_dir), "DIR|none", "the data directory (default SLUICE_DATA)", 0 },
    { "offline", 0, CLI_SWITCH, AT(is_offline), NULL, "ask nobody over the network", 0 },
    { "strict", 0, CLI_SWITCH, AT(is_strict), NULL, "warnings are errors", 0 },
    { "json", 0, CLI_SWITCH, AT(is_json), NULL, "as JSON", 0 },
    OPTIONS_END,
};

static const struct cli_opt health_opts[] = {
    { "server", 0, CLI_TEXT, AT(server), "URL",
      "the gateway, on this machine: http://IP:PORT, https://IP:PORT or unix:/path (default SLUICE_SERVER)", 0 },
    OPTIONS_END,
};

static const struct cli_opt init_opts[] = {
    { "provider", 0, CLI_LIST, AT(providers), "NAME",
      "a route of this provider (default: of those whose key is in the environment, else the mock)", 0 },
    { "model", 0, CLI_TEXT, AT(model), "NAME", "its model", 0 },
    { "keys", 0, CLI_SWITCH, AT(has_keys), NULL, "callers need a key", 0 },
    { "overwrite", 0, CLI_SWITCH, AT(is_overwrite), NULL, "replace the file", 0 },
    { "yes", 'y', CLI_SWITCH, AT(is_yes), NULL, "do not ask", 0 },
    OPTIONS_END,
};

static const struct cli_opt mlflow_opts[] = {
    { "config-path", 0, CLI_TEXT, AT(config), "FILE", "the configuration (default MLFLOW_GATEWAY_CONFIG)", 0 },
    { "host", 0, CLI_TEXT, AT(host), "HOST", "the address to listen on (default 127.0.0.1)", 0 },
    { "port", 0, CLI_TEXT, AT(port), "PORT", "the port to listen on (default 5000)", 0 },
    { "workers", 0, CLI_TEXT, AT(workers), "N", "threads that serve (default 2)", 0 },
    OPTIONS_END,
};

static const struct cli_opt data_opts[] = {
    { "data", 0, CLI_TEXT, AT(data_dir), "DIR", "the data directory (default SLUICE_DATA)", 0 },
    OPTIONS_END,
};

static const struct cli_opt copy_opts[] = {
    { "to", 0, CLI_TEXT, AT(to), "URL", "an empty database: postgres://user@host:5432/database", 0 },
    { "from", 0, CLI_TEXT, AT(from), "URL", "the other way: from this database to the data directory", 0 },
    { "data", 0, CLI_TEXT, AT(data_dir), "DIR", "the data directory (default SLUICE_DATA)", 0 },
    OPTIONS_END,
};

static const struct cli_opt migrate_opts[] = {
    { "to", 0, CLI_TEXT, AT(to), "URL", "the database: postgres://user@host:5432/database", 0 },
    OPTIONS_END,
};

static const struct cli_opt version_opts[] = {
    { "json", 0, CLI_SWITCH, AT(is_json), NULL, "as JSON", 0 },
    OPTIONS_END,
};

static const struct cli_opt query_opts[] = {
    { "data", 'd', CLI_TEXT, AT(data), "JSON|@FILE", "the whole request in place of a prompt; @- is standard input",
      0 },
    { "file", 0, CLI_LIST, AT(files), "FILE", "put this file's text after the prompt", 0 },
    { "system", 0, CLI_TEXT, AT(system), "TEXT|@FILE", "the system message", 0 },
    { "temperature", 0, CLI_DECIMAL, AT(temperature), "X", "how freely the model may choose", 0 },
    { "max-tokens", 0, CLI_COUNT, AT(max_tokens), "N", "the longest answer", TOKENS_MAX },
    { "retries", 0, CLI_COUNT, AT(retries), "N",
      "how often a call is tried again at a limit or an overload (default 3)", RETRIES_MAX },
    { "stream", 0, CLI_SWITCH, AT(is_stream), NULL, "print the answer as it comes; with --json one event a line", 0 },
    OPTIONS_END,
};

static const struct cli_opt chat_opts[] = {
    { "system", 0, CLI_TEXT, AT(system), "TEXT|@FILE", "the system message", 0 },
    { "temperature", 0, CLI_DECIMAL, AT(temperature), "X", "how freely the model may choose", 0 },
    { "max-tokens", 0, CLI_COUNT, AT(max_tokens), "N", "the longest answer", TOKENS_MAX },
    { "retries", 0, CLI_COUNT, AT(retries), "N",
      "how often a call is tried again at a limit or an overload (default 3)", RETRIES_MAX },
    OPTIONS_END,
};

static const struct cli_opt create_opts[] = {
    { "data", 'd', CLI_TEXT, AT(data), "JSON|@FILE", "the whole route in place of the options below", 0 },
    { "name", 0, CLI_TEXT, AT(name), "NAME", "the route's name", 0 },
    { "type", 0, CLI_TEXT, AT(type), "TYPE", "llm/v1/chat (default), llm/v1/completions, llm/v1/embeddings", 0 },
    { "provider", 0, CLI_TEXT, AT(provider), "NAME", "openai, anthropic, mock, …", 0 },
    { "model", 0, CLI_TEXT, AT(model), "NAME", "the provider's model", 0 },
    { "set", 0, CLI_LIST, AT(set), "KEY=VALUE",
      "a member of the provider's configuration; =$NAME: a variable, =@FILE: a file", 0 },
    OPTIONS_END,
};

#define LIMIT_OPTS                                                                                               \
    { "data", 'd', CLI_TEXT, AT(data), "JSON|@FILE", "the whole list, in place of all limits; [] for none", 0 }, \
    {                                                                                                            \
        "zone", 0, CLI_TEXT, AT(zone), "ZONE", "days, months and years are those of the calendar there", 0       \
    }

static const struct cli_opt limits_opts[] = {
    LIMIT_OPTS,
    { "key", 0, CLI_CHOICE, AT(key), "user|route", "who is counted: each caller, or all together (default)", 0 },
    OPTIONS_END,
};

static const struct cli_opt limits_get_opts[] = {
    { "principal", 0, CLI_TEXT, AT(principal), "NAME", "whose part of limits of single callers is shown", 0 },
    OPTIONS_END,
};

static const struct cli_opt top_opts[] = {
    { "interval", 0, CLI_TIME, AT(interval_msec), "TIME", "the time between two readings (default 1s)", 0 },
    { "all", 0, CLI_SWITCH, AT(is_all), NULL, "show every route, not only as many as fit on the terminal", 0 },
    { "sort", 0, CLI_CHOICE, AT(sort), "traffic|errors|latency|tokens|cost|name", "which routes come first", 0 },
    { "filter", 0, CLI_TEXT, AT(filter), "TEXT", "only routes with this text in their name", 0 },
    OPTIONS_END,
};

static const struct cli_opt apply_opts[] = {
    { "prune", 0, CLI_SWITCH, AT(is_prune), NULL, "delete created routes that are not in the file", 0 },
    OPTIONS_END,
};

static const struct cli_opt key_opts[] = {
    { "data", 'd', CLI_TEXT, AT(data), "JSON|@FILE", "the whole key in place of the options below", 0 },
    { "name", 0, CLI_TEXT, AT(name), "NAME", "the key's name", 0 },
    { "principal", 0, CLI_TEXT, AT(principal), "NAME", "who calls with it (default: its name, or GROUP/NAME)", 0 },
    { "group", 0, CLI_TEXT, AT(group), "GROUP", "the group that it is in, such as acme/search (default: none)", 0 },
    { "role", 0, CLI_CHOICE, AT(role), "query|viewer|operator|admin", "what it may do (default: query)", 0 },
    { "routes", 0, CLI_TEXT, AT(routes), "ROUTE,…", "only these routes", 0 },
    { "expires-at", 0, CLI_TEXT, AT(expires_at), "TIME", "such as 2030-01-01T00:00:00Z", 0 },
    OPTIONS_END,
};

static const struct cli_opt owner_limits_opts[] = {
    LIMIT_OPTS,
    { "key", 0, CLI_CHOICE, AT(key), "user|all", "who is counted: each caller, or all together (default)", 0 },
    OPTIONS_END,
};

static const struct cli_opt group_limits_opts[] = {
    LIMIT_OPTS,
    { "key", 0, CLI_CHOICE, AT(key), "user|all", "who is counted: each caller, or all together (default)", 0 },
    { "route", 0, CLI_TEXT, AT(route), "NAME", "these limits are for calls of this route only", 0 },
    OPTIONS_END,
};

static const struct cli_opt audit_opts[] = {
    { "all", 0, CLI_SWITCH, AT(is_all), NULL, "everything, not only the newest hundred", 0 },
    OPTIONS_END,
};

static const struct cli_opt usage_opts[] = {
    { "by", 0, CLI_TEXT, AT(by), "WORD,…",
      "a sum for each (default: route): route, target, provider, model, group, key, principal, minute, hour, day", 0 },
    { "since", 0, CLI_TEXT, AT(since), "TIME", "only from then on: 7d, 12h, or 2026-01-31T00:00:00Z", 0 },
    { "csv", 0, CLI_SWITCH, AT(is_csv), NULL, "print CSV", 0 },
    OPTIONS_END,
};

static const struct cli_opt reprice_opts[] = {
    { "since", 0, CLI_TEXT, AT(since), "TIME", "only usage from then on: 7d, 12h, or 2026-01-31T00:00:00Z", 0 },
    { "until", 0, CLI_TEXT, AT(until), "TIME", "only usage before", 0 },
    OPTIONS_END,
};

static const struct cli_opt logs_opts[] = {
    { "follow", 'f', CLI_SWITCH, AT(is_follow), NULL, "go on with new calls as they end; with --json one a line", 0 },
    { "limit", 0, CLI_COUNT, AT(limit), "N", "how many of the newest calls (default 100)", 1000 },
    { "since", 0, CLI_TEXT, AT(since), "TIME", "only calls of the last 15m, 6h, 7d", 0 },
    { "route", 0, CLI_TEXT, AT(route), "NAME", "only calls of this route", 0 },
    { "status", 0, CLI_TEXT, AT(status), "STATUS", "only this status: 429, 5xx", 0 },
    { "error-type", 0, CLI_TEXT, AT(error_type), "TYPE", "only this type of error, such as provider_rate_limited", 0 },
    { "model", 0, CLI_TEXT, AT(model), "NAME", "only calls of this provider's model", 0 },
    { "target", 0, CLI_TEXT, AT(target), "NAME", "only calls that this target answered", 0 },
    { "provider", 0, CLI_TEXT, AT(provider), "NAME", "only calls of this provider", 0 },
    { "key", 0, CLI_TEXT, AT(key), "NAME", "only calls with the key of this name", 0 },
    { "group", 0, CLI_TEXT, AT(group), "GROUP", "only calls with keys of this group and those below it", 0 },
    { "principal", 0, CLI_TEXT, AT(principal), "NAME", "only calls of this principal", 0 },
    { "session", 0, CLI_TEXT, AT(session), "NAME", "only calls with this x-sluice-session", 0 },
    { "min-ms", 0, CLI_TEXT, AT(min_ms), "N", "only calls that took so many milliseconds or more", 0 },
    OPTIONS_END,
};

const struct cli_command cli_commands[] = {
    { "serve", "start", "", 0, 0,
      "run the gateway in the foreground; without a file an embedded default, whose mock routes need no key\n"
      "SIGHUP reloads, SIGUSR1 reopens log files, SIGTERM drains and ends",
      "sluice serve -c gateway.yaml --listen 127.0.0.1:8080", serve_opts, true, OF_DAEMON(sl_command_serve) },
    { "check", "validate", "", 0, 0,
      "read the configuration as serve would, and show every problem with file:line:column",
      "sluice check -c gateway.yaml --strict", check_opts, true, OF_DAEMON(sl_command_check) },
    { "doctor", NULL, "", 0, 0,
      "look at all that a gateway needs, and say in one line each what is wrong and what to do\n"
      "configuration, data directory, limits, certificates, clock, and each provider (no call of it costs anything); "
      "ends with 1 when something is wrong",
      "sluice doctor -c gateway.yaml", doctor_opts, true, OF_DAEMON(sl_command_doctor) },
    { "health", NULL, "", 0, 0,
      "ask the gateway on this machine whether it lives: for a container's health check; ends with 1 when it does not",
      "sluice health --server https://127.0.0.1:5000", health_opts, true, OF_DAEMON(sl_command_health) },
    { "init", NULL, "[FILE]", 0, 1, "write a configuration to begin with (sluice.yaml); asks on a terminal",
      "sluice init --provider openai --yes", init_opts, true, OF_DAEMON(sl_command_init) },
    { "schema", NULL, "", 0, 0, "print a JSON Schema of the configuration, with which editors complete and check it",
      "sluice schema > sluice.schema.json", NULL, true, OF_DAEMON(sl_command_schema) },
    { "mlflow start", NULL, "", 0, 0, "run the gateway with the options of `mlflow gateway start`",
      "sluice mlflow start --config-path config.yaml --port 7000", mlflow_opts, true, OF_DAEMON(sl_command_mlflow) },
    { "db check", NULL, "", 0, 0, "check that the data directory is sound; the gateway may be running",
      "sluice db check", data_opts, true, OF_DAEMON(sl_command_db_check) },
    { "db backup", NULL, "FILE", 1, 1, "copy the database; the gateway may be running",
      "sluice db backup /var/backups/sluice.db", data_opts, true, OF_DAEMON(sl_command_db_backup) },
    { "db copy", NULL, "", 0, 0, "copy the store to a database on PostgreSQL, or back; no gateway may be running",
      "sluice db copy --to postgres://sluice@db/sluice", copy_opts, true, OF_DAEMON(sl_command_db_copy) },
    { "db migrate", NULL, "", 0, 0, "make or update the schema of a database on PostgreSQL",
      "sluice db migrate --to postgres://owner@db/sluice", migrate_opts, true, OF_DAEMON(sl_command_db_migrate) },
    { "version", NULL, "", 0, 0, "show the version", "sluice version --json", version_opts, true,
      OF_BOTH(cli_version, cli_version) },
    { "help", NULL, "[COMMAND]", 0, 2, "show help for a command", "sluice help limits set", NULL, true, NULL },
    { "completion", NULL, "bash|zsh|fish", 1, 1, "print a completion script",
      "sluice completion bash > ~/.sluice-completion", NULL, true, OF_CLIENT(cli_completion) },
    { "man-page", NULL, "", 0, 0, "print sluice(1)", "sluice man-page > sluice.1", NULL, true, OF_CLIENT(cli_man) },
    { "query", "ask", "ROUTE [PROMPT | -]", 1, 2, "ask a route; piped input is put after the prompt",
      "sluice query chat 'why is the sky blue?' --stream", query_opts, false, OF_CLIENT(cli_query) },
    { "chat", NULL, "ROUTE", 1, 1, "talk with a route, with line editing and history", "sluice chat chat", chat_opts,
      false, OF_CLIENT(cli_chat) },
    { "top", "status", "", 0, 0,
      "show rates, errors, latencies, tokens, cost and limits of the routes, live on a terminal\n"
      "keys: s sorts by another column, / filters by name (Enter keeps it, Escape clears it), q ends",
      "sluice top --interval 2s --sort errors", top_opts, false, OF_CLIENT(cli_top) },
    { "routes list", "routes ls|ls", "", 0, 0, "list the routes", "sluice routes list --json", NULL, false,
      OF_CLIENT(cli_routes_list) },
    { "routes get", "routes show", "ROUTE", 1, 1, "show one route", "sluice routes get chat", NULL, false,
      OF_CLIENT(cli_routes_get) },
    { "routes create", "routes add|routes new", "", 0, 0, "create a route",
      "sluice routes create --name chat --provider openai --model gpt-4.1 --set 'openai_api_key=$OPENAI_API_KEY'",
      create_opts, false, OF_CLIENT(cli_routes_create) },
    { "routes delete", "routes rm|routes remove", "ROUTE", 1, 1, "delete a route that was created",
      "sluice routes delete chat --yes", NULL, false, OF_CLIENT(cli_routes_delete) },
    { "routes export", NULL, "", 0, 0, "print the created routes as a file for apply",
      "sluice routes export > routes.json", NULL, false, OF_CLIENT(cli_routes_export) },
    { "routes apply", NULL, "FILE | -", 1, 1,
      "make the created routes what a JSON or YAML file says; shows the difference first",
      "sluice routes apply routes.json --prune", apply_opts, false, OF_CLIENT(cli_routes_apply) },
    { "routes diff", NULL, "FILE | -", 1, 1, "show how the created routes differ from a file's, and change nothing",
      "sluice routes diff routes.json --prune", apply_opts, false, OF_CLIENT(cli_routes_diff) },
    { "limits get", "limits show|limits list|limits ls", "ROUTE", 1, 1,
      "show a route's limits, and how much of them is used", "sluice limits get chat", limits_get_opts, false,
      OF_CLIENT(cli_limits_get) },
    { "limits set", NULL, "ROUTE [LIMIT…]", 1, CLI_WORDS_MAX, "set a route's limits; those of other kinds stay",
      "sluice limits set chat 100/minute tokens=2000000/day money=100/month concurrent=50 session.calls=200",
      limits_opts, false, OF_CLIENT(cli_limits_set) },
    { "limits clear", "limits rm|limits remove|limits delete", "ROUTE", 1, 1, "remove a route's limits",
      "sluice limits clear chat", NULL, false, OF_CLIENT(cli_limits_clear) },
    { "keys list", "keys ls", "", 0, 0, "list the API keys", "sluice keys list", NULL, false,
      OF_CLIENT(cli_keys_list) },
    { "keys create", "keys add|keys new", "", 0, 0, "make an API key; it is printed once and never again",
      "sluice keys create --name ci --routes chat > ci.key", key_opts, false, OF_CLIENT(cli_keys_create) },
    { "keys move", "keys mv", "ID GROUP|none", 2, 2, "put an API key into another group, or into none",
      "sluice keys move key-1 acme/search", NULL, false, OF_CLIENT(cli_keys_move) },
    { "keys limits", NULL, "ID [LIMIT…]", 1, CLI_WORDS_MAX,
      "show an API key's limits, or set some; those of other kinds stay", "sluice keys limits key-1 tokens=100000/day",
      owner_limits_opts, false, OF_CLIENT(cli_keys_limits) },
    { "keys revoke", "keys rm|keys remove|keys delete", "ID", 1, 1, "revoke an API key", "sluice keys revoke key-1",
      NULL, false, OF_CLIENT(cli_keys_revoke) },
    { "groups list", "groups ls", "", 0, 0, "list the groups of keys", "sluice groups list", NULL, false,
      OF_CLIENT(cli_groups_list) },
    { "groups get", "groups show", "GROUP", 1, 1, "show one group", "sluice groups get acme/search", NULL, false,
      OF_CLIENT(cli_groups_get) },
    { "groups create", "groups add|groups new", "GROUP", 1, 1,
      "make a group; the one that it is in must be there already", "sluice groups create acme/search", NULL, false,
      OF_CLIENT(cli_groups_create) },
    { "groups limits", NULL, "GROUP [LIMIT…]", 1, CLI_WORDS_MAX,
      "show a group's limits, or set some; those of other kinds stay",
      "sluice groups limits acme money=100/month concurrent=50 --zone Europe/Berlin", group_limits_opts, false,
      OF_CLIENT(cli_groups_limits) },
    { "groups delete", "groups rm|groups remove", "GROUP", 1, 1, "delete a group with nothing in it",
      "sluice groups delete acme/search", NULL, false, OF_CLIENT(cli_groups_delete) },
    { "targets list", "targets ls", "", 0, 0, "list the targets of routes with several targets, and their states",
      "sluice targets list", NULL, false, OF_CLIENT(cli_targets_list) },
    { "targets reset", NULL, "ROUTE TARGET", 2, 2, "let a target have calls again: close its breaker, end its wait",
      "sluice targets reset chat eu", NULL, false, OF_CLIENT(cli_targets_reset) },
    { "nodes", NULL, "", 0, 0, "list the nodes that share the store, and how far each is", "sluice nodes", NULL, false,
      OF_CLIENT(cli_nodes) },
    { "usage", NULL, "", 0, 0, "show how many calls and tokens were used, what they cost, and by whom",
      "sluice usage --by principal,day --since 7d", usage_opts, false, OF_CLIENT(cli_usage_show) },
    { "usage reprice", NULL, "", 0, 0, "price what was used anew, by the prices in force; shows the difference first",
      "sluice usage reprice --since 2026-11-01T00:00:00Z --dry-run", reprice_opts, false,
      OF_CLIENT(cli_usage_reprice) },
    { "audit", NULL, "", 0, 0, "list what was changed, newest first", "sluice audit --json", audit_opts, false,
      OF_CLIENT(cli_audit) },
    { "logs", NULL, "", 0, 0, "show the calls of models that the gateway served, the newest last",
      "sluice logs -f --route chat --status 5xx", logs_opts, false, OF_CLIENT(cli_logs) },
    { "explain", NULL, "ID", 1, 1, "tell what happened to one call, by its x-sluice-id or x-request-id",
      "sluice explain 0006617997a78207767c2ae101000002", NULL, false, OF_CLIENT(cli_explain) },
    { "secret rotate", NULL, "", 0, 0,
      "encrypt the stored credentials under a new secret key, through the running gateway when there is one",
      "sluice secret rotate", data_opts, false, OF_BOTH(sl_command_secret_rotate, cli_secret_rotate) },
    { NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, false, NULL },
};
