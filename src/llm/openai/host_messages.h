/* SPDX-License-Identifier: Apache-2.0 */
/* A host's changes inside messages. */
#ifndef SL_LLM_OPENAI_HOST_MESSAGES_H
#define SL_LLM_OPENAI_HOST_MESSAGES_H

#include "llm/openai/host_row.h"

struct sl_host_edit {
    const struct sl_openai_host *host;
    const struct sl_call *call;
    const struct sl_env *env;
    const struct sl_model *model;
    const char *label;
    struct sl_arena *arena;
    struct sl_llm_error *error;
    struct sl_str text;       /* the body */
    struct sl_json_val root;  /* its top level */
    struct sl_json_edits all; /* out */
    struct sl_body *notes;    /* only its list of what is left out is used */
    bool has_calls;           /* some name in the text contains "_call" */
    bool is_foreign;          /* the call was made for an API other than OpenAI's */
    bool lacks_thoughts;      /* out: an assistant's calls came without its reasoning */
};

/* Reads and edits the messages, if something in the text says that this may be needed. */
SL_MUST int sl_host_messages_edit(struct sl_host_edit *e);
/* The text from the value on, if a name ends at `from` and a colon follows; n == 0: there is none. */
struct sl_str sl_host_value_behind(struct sl_str text, size_t from);

#endif
