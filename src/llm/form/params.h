/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters that depend on each other and on the model, settled together before anything is written: reasoning, the
 * room for the answer, sampling. What the gateway adds never collides with what it passes on; what gives way is named.
 *
 * Which of two gives way is one table (params.c), by the features of the model's row. */
#ifndef SL_LLM_FORM_PARAMS_H
#define SL_LLM_FORM_PARAMS_H

#include "llm/form/rules.h"

enum sl_reasoning {
    SL_REASONING_UNSAID,
    SL_REASONING_OFF,
    SL_REASONING_BUDGET,   /* so many tokens of it */
    SL_REASONING_ADAPTIVE, /* as the model likes */
};

/* What the provider's side adds to the call. */
struct sl_form_ask {
    /* The provider's own member for reasoning, where the caller used it: it wins over reasoning_effort. `own_name`
     * NULL: not used. */
    const char *own_name;
    enum sl_reasoning own;
    int64_t own_budget; /* -1: not said */
    bool is_forced;     /* a tool is forced, by the caller or to give the answer its form */
    /* max_tokens where the caller does not say: `fallback`, at most the model's limit; INT64_MAX: that limit. */
    int64_t fallback;
    int64_t budget_min; /* of reasoning; below there is none */
    struct sl_json_val top_k;
    double scale;                  /* of temperature, the caller's to the provider's; 0: the same */
    double top_p_beside_reasoning; /* at least; 0: no rule of that kind, sampling is free beside reasoning */
};

/* How much a model shall think before it answers: the words of reasoning_effort. */
enum sl_effort {
    SL_EFFORT_NONE,
    SL_EFFORT_MINIMAL,
    SL_EFFORT_LOW,
    SL_EFFORT_MEDIUM,
    SL_EFFORT_HIGH,
    SL_EFFORT_XHIGH,
    SL_EFFORT_MAX,
};
/* Another word is refused. */
SL_MUST int sl_form_effort(const struct sl_form *form, struct sl_str word, enum sl_effort *ret);

struct sl_form_params {
    enum sl_reasoning reasoning;
    int64_t budget;                 /* SL_REASONING_BUDGET */
    struct sl_str effort;           /* the word for the provider's effort; p == NULL: none */
    int64_t max_tokens;             /* room for reasoning and answer */
    bool temperature, top_p, top_k; /* what of sampling goes up */
};

/* Refuses a call that ends with an assistant's words where the model does not go on with them (no_prefill). */
SL_MUST int sl_form_prefill_check(struct sl_form *form, const struct sl_chat *chat);
/* 0, or SL_E_INVAL with the error filled. */
SL_MUST int sl_form_params(struct sl_form *form, const struct sl_chat *chat, const struct sl_form_ask *ask,
                           struct sl_form_params *ret);

#endif
