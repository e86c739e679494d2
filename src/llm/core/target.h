/* SPDX-License-Identifier: Apache-2.0 */
/* One upstream of a route. */
#ifndef SL_LLM_TARGET_H
#define SL_LLM_TARGET_H

#include "llm/core/types.h"
#include "wire/uri.h"

struct sl_bind;
struct sl_call;
struct sl_cred_source;
struct sl_language;
struct sl_model;
struct sl_provider;
struct sl_val;

/* One upstream of a route: provider, model, and the provider's own configuration. Lives in the route (a snapshot part),
 * immutable. */
struct sl_target {
    const struct sl_provider *provider;
    struct sl_str model;
    const struct sl_model *row; /* what is known of the model (form/models.h); set before prepare */
    const struct sl_language *languages[SL_LLM_TYPE_COUNT]; /* what this model speaks; NULL: it does not serve that */
    const struct sl_language *second; /* set by prepare: another one that its chats may be in; NULL: none */
    void *conf;                       /* the provider's struct, bound by its option table */
    struct sl_uri base;               /* base URL; set by provider->prepare, all slices alive as long as the target */
    const char *chat_setting; /* set by prepare: a setting that was said and is for chats and completions only */
    bool counts_tokens;       /* set by prepare: build knows calls that only count, in the target's language */
    bool is_local;            /* no network: provider->local answers */
    const struct sl_cred_source *cred; /* cred.h: set by prepare where the credential is fetched; NULL: it is not */
};

/* Binds done: fills target->languages from the provider's row and lets its `prepare` see to the rest. */
SL_MUST int sl_target_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target);

/* Do bytes of `language` need no translation for or from this target? */
bool sl_target_speaks(const struct sl_target *target, enum sl_llm_type type, const struct sl_language *language);
/* What a call goes up in: its own language where the target speaks that. NULL: the target does not serve its type. */
const struct sl_language *sl_target_language(const struct sl_target *target, const struct sl_call *call);

#endif
