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
struct sl_price;
struct sl_provider;
struct sl_val;

/* One upstream of a route: provider, model, and the provider's own configuration. It belongs to the route (a part of
 * the snapshot) and is immutable. */
struct sl_target {
    const struct sl_provider *provider;
    struct sl_str model;
    const struct sl_model *row; /* what is known of the model (form/models.h); set before prepare */
    struct sl_price *price;     /* what the model costs (price/price.h); held. NULL: nobody knows */
    uint8_t paid_more;          /* of enum sl_paid_more: what its address says */
    /* The languages of this model; NULL: it does not serve that type. */
    const struct sl_language *languages[SL_LLM_TRANSLATED_COUNT];
    const struct sl_language *second; /* set by prepare: a second language for its chats; NULL: none */
    void *conf;                       /* the provider's struct, filled through its option table */
    struct sl_uri base;       /* the base URL; set by provider->prepare; its slices live as long as the target */
    const char *chat_setting; /* set by prepare: a setting that was given and is only for chats and completions */
    bool counts_tokens; /* set by prepare: build can send calls that only count tokens, in the target's language */
    bool is_local;      /* no network: provider->local answers */
    const struct sl_cred_source *cred; /* set by prepare when the credential is fetched (cred.h); else NULL */
};

/* Ends the binding: fills target->languages from the provider's row and calls its `prepare`. */
SL_MUST int sl_target_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target);

/* True: bytes of `language` need no translation for or from this target. */
bool sl_target_speaks(const struct sl_target *target, enum sl_llm_type type, const struct sl_language *language);
/* The language in which a call goes up: its own, if the target speaks it. NULL: the target does not serve its type. */
const struct sl_language *sl_target_language(const struct sl_target *target, const struct sl_call *call);

#endif
