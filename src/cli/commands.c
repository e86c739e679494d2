/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands. */
#include "cli.h"

#define AT(member) offsetof(struct cli_args, member)

const struct cli_opt cli_common[] = {
    { "server", 0, CLI_TEXT, AT(server), "URL", "the gateway: a URL, host:port or unix:/path (default SLUICE_SERVER)" },
    { "key-file", 0, CLI_TEXT, AT(key_file), "FILE", "the API key is in this file (default SLUICE_KEY)" },
    { "json", 0, CLI_SWITCH, AT(is_json), NULL, "print the server's own JSON" },
    { "quiet", 'q', CLI_SWITCH, AT(is_quiet), NULL, "print errors only" },
    { "verbose", 'v', CLI_SWITCH, AT(is_verbose), NULL, "tell more about errors, and usage" },
    { "timeout", 0, CLI_TIME, AT(timeout_msec), "TIME", "the longest a call may take: 500ms, 30s, 5m" },
    { "yes", 'y', CLI_SWITCH, AT(is_yes), NULL, "do not ask" },
    { "dry-run", 0, CLI_SWITCH, AT(is_dry_run), NULL, "only say what would be done" },
    { "color", 0, CLI_CHOICE, AT(color), "auto|always|never", "colour (default: on a terminal, without NO_COLOR)" },
    { NULL, 0, CLI_TEXT, 0, NULL, NULL },
};

static const struct cli_opt query_opts[] = {
    { "data", 'd', CLI_TEXT, AT(data), "JSON|@FILE", "the whole request in place of a prompt; @- is standard input" },
    { "stream", 0, CLI_SWITCH, AT(is_stream), NULL, "print the answer as it comes; with --json one event a line" },
    { NULL, 0, CLI_TEXT, 0, NULL, NULL },
};

static const struct cli_opt create_opts[] = {
    { "data", 'd', CLI_TEXT, AT(data), "JSON|@FILE", "the whole route in place of the options below" },
    { "name", 0, CLI_TEXT, AT(name), "NAME", "the route's name" },
    { "type", 0, CLI_TEXT, AT(type), "TYPE", "llm/v1/chat (default), llm/v1/completions, llm/v1/embeddings" },
    { "provider", 0, CLI_TEXT, AT(provider), "NAME", "openai, anthropic, mock, …" },
    { "model", 0, CLI_TEXT, AT(model), "NAME", "the provider's model" },
    { NULL, 0, CLI_TEXT, 0, NULL, NULL },
};

static const struct cli_opt limits_opts[] = {
    { "data", 'd', CLI_TEXT, AT(data), "JSON|@FILE", "the whole list of limits in place of CALLS/PERIOD" },
    { NULL, 0, CLI_TEXT, 0, NULL, NULL },
};

static const struct cli_opt status_opts[] = {
    { "interval", 0, CLI_TIME, AT(interval_msec), "TIME", "between two looks (default 1s)" },
    { NULL, 0, CLI_TEXT, 0, NULL, NULL },
};

static const struct cli_opt apply_opts[] = {
    { "prune", 0, CLI_SWITCH, AT(is_prune), NULL, "delete created routes that are not in the file" },
    { NULL, 0, CLI_TEXT, 0, NULL, NULL },
};

static const struct cli_opt key_opts[] = {
    { "data", 'd', CLI_TEXT, AT(data), "JSON|@FILE", "the whole key in place of the options below" },
    { "name", 0, CLI_TEXT, AT(name), "NAME", "what the key is called" },
    { "principal", 0, CLI_TEXT, AT(principal), "NAME", "who asks with it (default: its name)" },
    { "role", 0, CLI_CHOICE, AT(role), "query|admin", "what it may do (default: query)" },
    { "routes", 0, CLI_TEXT, AT(routes), "ROUTE,…", "only these routes" },
    { "expires-at", 0, CLI_TEXT, AT(expires_at), "TIME", "such as 2030-01-01T00:00:00Z" },
    { NULL, 0, CLI_TEXT, 0, NULL, NULL },
};

static const struct cli_opt audit_opts[] = {
    { "all", 0, CLI_SWITCH, AT(is_all), NULL, "everything, not only the newest hundred" },
    { NULL, 0, CLI_TEXT, 0, NULL, NULL },
};

const struct cli_command cli_commands[] = {
    { "query", "ROUTE [PROMPT | -]", 1, 2, "ask a route", "sluice query chat 'why is the sky blue?' --stream",
      query_opts, cli_query },
    { "chat", "ROUTE", 1, 1, "talk with a route, with line editing and history", "sluice chat chat", NULL, cli_chat },
    { "status", "", 0, 0, "show rates, latencies, errors and limits, live on a terminal", "sluice status --interval 2s",
      status_opts, cli_status },
    { "routes list", "", 0, 0, "list the routes", "sluice routes list --json", NULL, cli_routes_list },
    { "routes get", "ROUTE", 1, 1, "show one route", "sluice routes get chat", NULL, cli_routes_get },
    { "routes create", "", 0, 0, "create a route", "sluice routes create -d @route.json", create_opts,
      cli_routes_create },
    { "routes delete", "ROUTE", 1, 1, "delete a route that was created", "sluice routes delete chat --yes", NULL,
      cli_routes_delete },
    { "routes export", "", 0, 0, "print the created routes as a file for apply", "sluice routes export > routes.json",
      NULL, cli_routes_export },
    { "routes apply", "FILE | -", 1, 1,
      "make the created routes what a JSON or YAML file says; shows the difference first",
      "sluice routes apply routes.json --prune", apply_opts, cli_routes_apply },
    { "limits get", "ROUTE", 1, 1, "show a route's limits", "sluice limits get chat", NULL, cli_limits_get },
    { "limits set", "ROUTE [CALLS/PERIOD]", 1, 2, "replace a route's limits", "sluice limits set chat 100/minute",
      limits_opts, cli_limits_set },
    { "limits clear", "ROUTE", 1, 1, "remove a route's limits", "sluice limits clear chat", NULL, cli_limits_clear },
    { "keys list", "", 0, 0, "list the API keys", "sluice keys list", NULL, cli_keys_list },
    { "keys create", "", 0, 0, "make an API key and print it, this once",
      "sluice keys create --name ci --routes chat > ci.key", key_opts, cli_keys_create },
    { "keys revoke", "ID", 1, 1, "revoke an API key", "sluice keys revoke key-1", NULL, cli_keys_revoke },
    { "audit", "", 0, 0, "list what was changed, newest first", "sluice audit --json", audit_opts, cli_audit },
    { "secret rotate", "", 0, 0, "encrypt the stored credentials under a new secret key", "sluice secret rotate", NULL,
      cli_secret_rotate },
    { "completion", "bash|zsh|fish", 1, 1, "print a completion script", "sluice completion bash > ~/.sluice-completion",
      NULL, cli_completion },
    { NULL, NULL, 0, 0, NULL, NULL, NULL, NULL },
};
