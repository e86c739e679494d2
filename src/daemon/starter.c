/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/starter.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/opt.h"
#include "gate/config/config.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "json/write.h"
#include "llm/core/provider.h"

bool sl_starter_is(const struct sl_provider *provider)
{
    return provider->key_variable && !provider->successor;
}

/* A key goes into a header; what cannot must not stop the start. */
static bool is_key(const char *text)
{
    const char *at = text;
    while (*at > ' ' && *at < 0x7f) {
        at++;
    }
    return at > text && !*at;
}

static bool has_odd_key(const struct sl_provider *provider)
{
    const char *key = sl_starter_is(provider) ? getenv(provider->key_variable) : NULL;
    return key && *key && !is_key(key);
}

bool sl_starter_has_key(const struct sl_provider *provider)
{
    const char *key = sl_starter_is(provider) ? getenv(provider->key_variable) : NULL;
    const char *allowed = getenv(SL_PROVIDER_POLICY);
    return key && is_key(key) && sl_provider_is_allowed(provider, sl_str_c(allowed ? allowed : ""));
}

/* Writes a text of YAML: with quotes where it could be read as something else. */
static void text_put(struct sl_buf *out, const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t n = strlen(text);
    bool is_plain = strspn(text, letters) > 0 && strchr(letters, text[n - 1]);
    for (size_t i = 0; i < n && is_plain; i++) {
        is_plain = strchr(letters, text[i]) || strchr("-_./:@+", text[i]);
    }
    if (is_plain) {
        sl_buf_add_c(out, text);
        return;
    }
    struct sl_jw w;
    sl_jw_init(&w, out);
    sl_jw_str_c(&w, text);
}

void sl_starter_route(struct sl_buf *out, const struct sl_provider *provider, const char *model)
{
    const char *key = sl_opt_required(provider->opts);
    sl_buf_printf(out,
                  "  - name: %s\n"
                  "    endpoint_type: llm/v1/chat\n"
                  "    model:\n"
                  "      provider: %s\n"
                  "      name: ",
                  provider->name, provider->name);
    text_put(out, model ? model : provider->first_model);
    sl_buf_add_char(out, '\n');
    if (key) {
        sl_buf_printf(out, "      config:\n        %s: $%s\n", key, provider->key_variable);
    }
}

unsigned sl_starter_default(struct sl_buf *out, struct sl_buf *names)
{
    const struct sl_provider *provider;
    unsigned n = 0;
    sl_buf_add_str(out, sl_config_default());
    for (size_t i = 0; (provider = sl_provider_at(i)) != NULL; i++) {
        if (sl_starter_has_key(provider)) {
            sl_starter_route(out, provider, NULL);
            sl_buf_printf(names, "%s%s (%s)", n ? ", " : "", provider->name, provider->key_variable);
            n++;
        } else if (has_odd_key(provider)) {
            sl_log(SL_LOG_WARNING, "serve",
                   "no route for %s: %s has a character that no key has (a space, the end of a line)", provider->name,
                   provider->key_variable);
        }
    }
    return n;
}

#define KEY_OPTION_MAX (PATH_MAX + 32)

/* How the caller's key is given: "" where nobody asks for one. */
static const char *key_option(const struct sl_settings *settings, const char *data, char out[KEY_OPTION_MAX])
{
    out[0] = '\0';
    if (settings->auth.mode == SL_AUTH_KEYS) {
        snprintf(out, KEY_OPTION_MAX, "%s/admin.key", data ? data : "");
        bool is_there = data && access(out, R_OK) == 0;
        if (is_there) {
            snprintf(out, KEY_OPTION_MAX, "--key-file %s/admin.key ", data);
        } else {
            strcpy(out, "--key-file FILE ");
        }
    }
    return out;
}

void sl_starter_try(const struct sl_config *config, const char *address, const char *data)
{
    char key[KEY_OPTION_MAX], server[320] = "";
    const struct sl_settings *settings = config->settings;
    const struct sl_route *route = NULL;
    for (uint32_t i = 0; !route && i < config->n_routes; i++) {
        route = config->routes[i]->type == SL_LLM_CHAT ? config->routes[i] : NULL;
    }
    if (!route) {
        return;
    }
    if (strcmp(address, "127.0.0.1:5000") != 0 || settings->server_tls) {
        snprintf(server, sizeof(server), "--server %s%s ", settings->server_tls ? "https://" : "", address);
    }
    sl_log(SL_LOG_INFO, "serve", "try: %s %s%squery %.*s hello", program_invocation_name, server,
           key_option(settings, data, key), SL_STR_ARG(route->name));
}
