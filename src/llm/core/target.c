/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/target.h"

#include "llm/core/call.h"
#include "llm/core/provider.h"

int sl_target_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    memcpy(target->languages, target->provider->languages, sizeof(target->languages));
    return target->provider->prepare ? target->provider->prepare(bind, val, target) : 0;
}

bool sl_target_speaks(const struct sl_target *target, enum sl_llm_type type, const struct sl_language *language)
{
    return target->languages[type] == language || (type == SL_LLM_CHAT && language && target->second == language);
}

const struct sl_language *sl_target_language(const struct sl_target *target, const struct sl_call *call)
{
    return call->passage || sl_target_speaks(target, call->type, call->language) ? call->language
                                                                                 : target->languages[call->type];
}
