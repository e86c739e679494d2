/* SPDX-License-Identifier: Apache-2.0 */
/* What a host has otherwise inside of messages. */
#ifndef SL_LLM_OPENAI_HOST_MESSAGES_H
#define SL_LLM_OPENAI_HOST_MESSAGES_H

#include "llm/openai/host_row.h"

struct sl_host_edit {
    const struct sl_openai_host *host;
    const struct sl_call *call;
    const struct sl_env *env;
    const char *label;
    struct sl_arena *arena;
    struct sl_llm_error *error;
    struct sl_str text;       /* the body */
    struct sl_json_val root;  /* its top level */
    struct sl_json_edits all; /* out */
    struct sl_body notes;     /* only its list of what is left out */
};

/* Reads the messages and edits them, where something in the text says that there may be a need. */
SL_MUST int sl_host_messages_edit(struct sl_host_edit *e);

#endif
