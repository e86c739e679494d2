/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts that speak OpenAI's language: rows of data say what a host lacks or spells in another way, and the client's own
 * bytes are edited. A call that needs no change is not parsed further. */
#ifndef SL_LLM_OPENAI_HOST_ROW_H
#define SL_LLM_OPENAI_HOST_ROW_H

#include "llm/core/request.h"
#include "llm/form/rules.h"

/* A member of OpenAI's that the host does not have under that name. */
struct sl_host_member {
    const char *name;
    const char *to;   /* its name at the host; NULL: the host has none, and the member is left out and named */
    bool is_refused;  /* without it the answer would be another one: the call is refused, unless the member says nothing
                       */
    bool is_quiet;    /* left out without naming it: the host does the same by itself */
    int64_t neutral;  /* the number that says nothing, beside 0 */
    unsigned types;   /* SL_BIT(enum sl_llm_type); 0: all */
    uint32_t models;  /* SL_MODEL_*: only for models that have it; 0: for all */
    bool zero_speaks; /* 0 and false are ordinary values */
    bool is_sampling; /* for models with SL_MODEL_RESTS it counts only when they reason */
    bool to_is_newer; /* when both names are there, `to` wins */
    bool is_foreign;  /* only for calls that were not made for OpenAI's API; OpenAI's own clients get its refusal */
};

/* Changes in a chat's messages. */
#define SL_HOST_NO_DEVELOPER SL_BIT(0)  /* the role developer becomes `system` */
#define SL_HOST_NO_NAMES     SL_BIT(1)  /* messages have no `name` */
#define SL_HOST_PREFIX       SL_BIT(2)  /* a beginning of the answer must be marked as one */
#define SL_HOST_STRICT       SL_BIT(3)  /* the host refuses unknown members of messages */
#define SL_HOST_DOCUMENTS    SL_BIT(4)  /* files and audio have Mistral's form */
#define SL_HOST_ALTERNATE    SL_BIT(5)  /* system first, then user and assistant take turns */
#define SL_HOST_NO_SCHEMA    SL_BIT(6)  /* of structured answers only json_object: a text has the schema */
#define SL_HOST_LOGPROBS     SL_BIT(7)  /* logprobs is a number */
#define SL_HOST_HALVES       SL_BIT(8)  /* MLflow's completions: half the temperature, no `n` and no `stop` */
#define SL_HOST_PLAIN        SL_BIT(9)  /* takes text, image_url and input_audio only; joins content of texts */
#define SL_HOST_SYSTEM_FIRST SL_BIT(12) /* no system message behind an answer or a tool's result */
#define SL_HOST_NO_ALLOWED   SL_BIT(10) /* no allowed_tools in tool_choice: the list of tools is filtered */
#define SL_HOST_OWN          SL_BIT(13) /* OpenAI itself: for wrong tools its own clients get its refusal */
#define SL_HOST_THOUGHTS     SL_BIT(11) /* an assistant's calls come with its reasoning, or the model must not reason */

/* Parts of a message that are taken beside texts. */
#define SL_HOST_IMAGES SL_BIT(0) /* as data */
#define SL_HOST_URLS   SL_BIT(1) /* images by their URL */
#define SL_HOST_AUDIO  SL_BIT(2)
#define SL_HOST_FILES  SL_BIT(3)
#define SL_HOST_TEXTS  SL_BIT(4) /* only texts */

/* The host's words of reasoning_effort: for none, up to low, and above. NULL: left out. */
struct sl_host_efforts {
    const char *none, *low, *high;
};

struct sl_openai_host {
    const struct sl_host_member *members;  /* ends with a NULL name; NULL: none */
    unsigned quirks;                       /* SL_HOST_* */
    const struct sl_form_name *ids;        /* of tool calls; NULL: any */
    unsigned parts;                        /* SL_HOST_IMAGES, …; 0: no rule */
    uint32_t person_max;                   /* characters of `user` and `safety_identifier`; 0: no bound */
    const struct sl_host_efforts *efforts; /* NULL: any */
};

/* A row of the family: the provider, and its host's changes. */
struct sl_family_row {
    struct sl_provider provider;
    struct sl_openai_host host;
};
extern const struct sl_family_row sl_openai_family[]; /* ends with a provider without a name */

#endif
