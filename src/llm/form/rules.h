/* SPDX-License-Identifier: Apache-2.0 */
/* A provider's rules for the form of a call, and a call that is being brought into form. */
#ifndef SL_LLM_FORM_RULES_H
#define SL_LLM_FORM_RULES_H

#include "llm/chat/chat.h"
#include "llm/form/models.h"

/* --- ids of tool calls, names of tools --- */

#define SL_NAME_DIGITS     SL_BIT(0)
#define SL_NAME_LETTERS    SL_BIT(1)
#define SL_NAME_UNDERSCORE SL_BIT(2)
#define SL_NAME_HYPHEN     SL_BIT(3)
#define SL_NAME_DOT        SL_BIT(4)
#define SL_NAME_COLON      SL_BIT(5)
#define SL_NAME_WORD       (SL_NAME_DIGITS | SL_NAME_LETTERS | SL_NAME_UNDERSCORE)

struct sl_form_name {
    unsigned alphabet;       /* SL_NAME_*; 0: any characters */
    uint32_t max;            /* characters; 0: no bound */
    uint32_t exact;          /* exactly this many characters; 0: any number */
    bool begins_with_letter; /* or with '_' */
};

/* A tool that went up under another name. */
struct sl_form_alias {
    struct sl_str from, to; /* decoded; the client's name, and the upstream's */
};
struct sl_form_aliases {
    struct sl_form_alias *v;
    uint32_t n;
};

/* --- the shape of a conversation --- */

#define SL_SHAPE_NO_EMPTY     SL_BIT(0) /* empty texts are refused: they and turns that become empty are left out */
#define SL_SHAPE_NO_BLANK     SL_BIT(1) /* the same for texts of white space only */
#define SL_SHAPE_SYSTEM_APART SL_BIT(2) /* system messages come first, in their order */
#define SL_SHAPE_NEEDS_TURN   SL_BIT(3) /* if there are only system messages, the last one becomes the user's */
#define SL_SHAPE_RESULTS      SL_BIT(4) /* results stand in the turn behind their calls, and each call has one */
#define SL_SHAPE_ALTERNATE    SL_BIT(5) /* user and assistant take turns: neighbours of one role are joined */
#define SL_SHAPE_TRIM_PREFILL SL_BIT(6) /* an assistant's last text has no blanks at its end */
#define SL_SHAPE_ONE_SYSTEM   SL_BIT(7) /* several system messages become one */

/* --- media --- */

#define SL_URL_HTTPS SL_BIT(0)
#define SL_URL_HTTP  SL_BIT(1)

struct sl_form_media {
    const char *const *images; /* types that are taken; ends with NULL. NULL: any */
    const char *const *files;  /* the same for files; "text/" stands for all types that begin with it */
    unsigned schemes;          /* SL_URL_*; 0: only data */
    bool has_any_scheme;       /* there is no rule for schemes */
    uint64_t image_max;        /* bytes of base64; 0: no bound */
};

/* --- identifiers of users --- */

struct sl_form_person {
    bool is_guarded; /* the provider refuses e-mail addresses and telephone numbers */
    uint32_t max;    /* characters; 0: no bound */
};

/* --- JSON schemas: schema_rules.h --- */

struct sl_schema_rules;

/* --- a provider's row --- */

struct sl_form_rules {
    const char *label; /* for error texts: "Anthropic" */
    struct sl_form_name ids, names;
    unsigned shape; /* SL_SHAPE_* */
    const struct sl_form_media *media;
    struct sl_form_person person;
    bool signs_in_base64;  /* thinking with a signature that is no base64 is another provider's: it is left out */
    bool results_are_text; /* images and files of a tool's result are shown in a message of the user behind it */
    /* NULL: unchanged. For tools with strict: true `strict_tools` counts, or `tools` when that is NULL. */
    const struct sl_schema_rules *tools, *strict_tools, *answer;
};

struct sl_form {
    const struct sl_form_rules *rules;
    const struct sl_model *model;
    const struct sl_call *call;
    const struct sl_env *env;
    struct sl_arena *arena;
    struct sl_body *body; /* notes what is left out */
    struct sl_llm_error *error;
    struct sl_form_aliases aliases; /* out: names that went up under another one */
    bool is_wrapped;                /* out: the answer's schema went up inside an object */
};

#endif
