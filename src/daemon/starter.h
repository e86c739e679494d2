/* SPDX-License-Identifier: Apache-2.0 */
/* Routes to begin with, for providers that need one key and nothing else: `sluice serve --env-routes` makes them from
 * the keys in the environment, `sluice init` writes them into a file. */
#ifndef SL_DAEMON_STARTER_H
#define SL_DAEMON_STARTER_H

#include <stdbool.h>

struct sl_buf;
struct sl_config;
struct sl_provider;

/* True: the provider needs one key and nothing else. */
bool sl_starter_is(const struct sl_provider *provider);
/* True: it does, its key is in the environment and can be one, and MLFLOW_GATEWAY_ALLOWED_PROVIDERS allows it. */
bool sl_starter_has_key(const struct sl_provider *provider);
/* Adds an entry of `endpoints:` for chats. `model` NULL: the provider's first one. */
void sl_starter_route(struct sl_buf *out, const struct sl_provider *provider, const char *model);
/* Makes the embedded default with a route for each key in the environment. `names` gets "openai (OPENAI_API_KEY), …".
 * Returns how many routes were added. */
unsigned sl_starter_default(struct sl_buf *out, struct sl_buf *names);
/* Logs one command that asks the gateway at `address`, if it has a route for chats. `data`: the data directory, which
 * may have an admin key; NULL: none. */
void sl_starter_try(const struct sl_config *config, const char *address, const char *data);

#endif
