/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters that depend on each other and on the model: reasoning, the room for the answer, sampling. They are settled
 * together before anything is written, so that the gateway's additions never collide with what it passes on. Anything
 * that is left out is named.
 *
 * One table (params.c) says which of two is left out, by the features of the model's row. */
#ifndef SL_LLM_FORM_PARAMS_H
#define SL_LLM_FORM_PARAMS_H

#include "llm/form/rules.h"

enum sl_reasoning {
    SL_REASONING_UNSAID,
    SL_REASONING_OFF,
    SL_REASONING_BUDGET,   /* a fixed number of tokens */
    SL_REASONING_ADAPTIVE, /* the model decides how much */
};

/* What the provider's side adds to the call. */
struct sl_form_ask {
    /* The provider's own member for reasoning, if the caller used it: it wins over reasoning_effort. `own_name` NULL:
     * not used. */
    const char *own_name;
    enum sl_reasoning own;
    int64_t own_budget; /* -1: not given */
    bool is_forced;     /* a tool is forced, by the caller or to give the answer its form */
    /* max_tokens when the caller gives none: `fallback`, at most the model's limit; INT64_MAX: that limit. */
    int64_t fallback;
    int64_t budget_min; /* of reasoning; with a smaller budget there is none */
    struct sl_json_val top_k;
    double scale;                  /* factor from the caller's temperature to the provider's; 0: the same scale */
    double top_p_beside_reasoning; /* the smallest top_p beside reasoning; 0: no such rule, sampling is free beside
                                      reasoning */
};

/* How much a model is to think before it answers: the words of reasoning_effort. */
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
    int64_t budget;                 /* for SL_REASONING_BUDGET */
    struct sl_str effort;           /* the word for the provider's effort; p == NULL: none */
    int64_t max_tokens;             /* room for reasoning and answer together */
    bool temperature, top_p, top_k; /* which of these go up */
};

/* Refuses a call that ends with an assistant's message, if the model does not continue such a message (no_prefill). */
SL_MUST int sl_form_prefill_check(struct sl_form *form, const struct sl_chat *chat);
/* 0, or SL_E_INVAL with the error filled. */
SL_MUST int sl_form_params(struct sl_form *form, const struct sl_chat *chat, const struct sl_form_ask *ask,
                           struct sl_form_params *ret);

#endif
