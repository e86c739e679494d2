/* SPDX-License-Identifier: Apache-2.0 */
/* Form: what OpenAI's API allows and an upstream refuses for its form alone is brought into form without changing what
 * is meant. What cannot be is refused by us and names the member; what is only a hint is left out and named in
 * x-sluice-dropped.
 *
 * All of it works on the canonical call, between its reading and its writing, and is pure. A provider only names rules:
 *
 *     static const struct sl_form_rules rules = { .ids = …, .names = …, .shape = SL_SHAPE_…, .media = &media, … };
 *
 *     sl_chat_read(call, env, arena, &chat, error);             the call as the client said it
 *     sl_body_init(&body, call);
 *     struct sl_form form = { &rules, target->row, call, env, arena, &body, error };
 *     sl_form_call(&form, &chat);                               the same call, in form
 *     sl_form_params(&form, &chat, &ask, &params);              reasoning, numbers and sampling, settled together
 *     …                                                         write `chat` and `params`: no more checks
 *
 * After sl_form_call ids and names are of the provider's alphabet; schemas of its subset; texts are not empty; results
 * stand behind their calls; a message with `is_joined` belongs to the turn of the one before. A writer needs one loop:
 * open a turn where is_joined is false, write the parts, close it where the next one is not joined.
 *
 * A rule that is left zero is off: a provider without any gets the call as it is. */
#ifndef SL_LLM_FORM_H
#define SL_LLM_FORM_H

#include "llm/chat/chat.h"
#include "llm/form/models.h"

/* --- ids of tool calls, names of tools: ids.c --- */

#define SL_NAME_DIGITS     SL_BIT(0)
#define SL_NAME_LETTERS    SL_BIT(1)
#define SL_NAME_UNDERSCORE SL_BIT(2)
#define SL_NAME_HYPHEN     SL_BIT(3)
#define SL_NAME_DOT        SL_BIT(4)
#define SL_NAME_COLON      SL_BIT(5)
#define SL_NAME_WORD       (SL_NAME_DIGITS | SL_NAME_LETTERS | SL_NAME_UNDERSCORE)

struct sl_form_name {
    unsigned alphabet;       /* SL_NAME_*; 0: anything goes */
    uint32_t max;            /* characters; 0: no bound */
    uint32_t exact;          /* so many and no other number; 0: no */
    bool begins_with_letter; /* or '_' */
};

/* A name of a tool that went up under another one. */
struct sl_form_alias {
    struct sl_str from, to; /* decoded; as the client knows it, as the upstream does */
};
struct sl_form_aliases {
    struct sl_form_alias *v;
    uint32_t n;
};

/* `text` in form, made of its digest: the same for the same text. On the arena; p == NULL: no memory. */
struct sl_str sl_form_digest(const struct sl_form_name *rule, struct sl_str text, struct sl_arena *arena);
bool sl_form_name_fits(const struct sl_form_name *rule, struct sl_str text);
/* The client's name of an upstream's. */
struct sl_str sl_form_name_back(const struct sl_form_aliases *aliases, struct sl_str name);

/* --- the shape of a conversation: shape.c --- */

#define SL_SHAPE_NO_EMPTY     SL_BIT(0) /* empty texts are refused: they go, and turns that are left with nothing */
#define SL_SHAPE_NO_BLANK     SL_BIT(1) /* so are texts of white space only */
#define SL_SHAPE_SYSTEM_APART SL_BIT(2) /* system messages come first, in their order */
#define SL_SHAPE_NEEDS_TURN   SL_BIT(3) /* only system messages: the last one speaks as the user */
#define SL_SHAPE_RESULTS      SL_BIT(4) /* results stand in the turn behind their calls, each call has one */
#define SL_SHAPE_ALTERNATE    SL_BIT(5) /* user and assistant take turns: neighbours of one role are joined */
#define SL_SHAPE_TRIM_PREFILL SL_BIT(6) /* an assistant's last words have no trailing blank */
#define SL_SHAPE_ONE_SYSTEM   SL_BIT(7) /* several system messages become one */

/* --- media: media.c --- */

#define SL_URL_HTTPS SL_BIT(0)
#define SL_URL_HTTP  SL_BIT(1)

struct sl_form_media {
    const char *const *images; /* types taken; ends with NULL. NULL: any */
    const char *const *files;  /* the same for files; "text/" takes all that begin with it */
    unsigned schemes;          /* SL_URL_*; 0: data only */
    bool has_any_scheme;       /* no rule */
    uint64_t image_max;        /* bytes of base64; 0: no bound */
};

/* --- people's identifiers: person.c --- */

struct sl_form_person {
    bool is_guarded; /* no e-mail addresses or telephone numbers */
    uint32_t max;    /* characters; 0: no bound */
};

/* --- JSON schemas: schema.h --- */

struct sl_schema_rules;

/* --- what one provider's row says --- */

struct sl_form_rules {
    const char *label; /* for texts: "Anthropic" */
    struct sl_form_name ids, names;
    unsigned shape; /* SL_SHAPE_* */
    const struct sl_form_media *media;
    struct sl_form_person person;
    /* NULL: as they are. Tools with strict: true, else `strict_tools` may be NULL: as the others. */
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
};

/* Brings *chat into form, in place. 0, SL_E_NOMEM, or SL_E_INVAL with the error filled. */
SL_MUST int sl_form_call(struct sl_form *form, struct sl_chat *chat);

/* For the reading of the reply: names that went up under another one. */
SL_MUST int sl_form_aliases_keep(const struct sl_form *form, struct sl_http_req *req);

/* Its steps, for tests and for who needs one alone. */
SL_MUST int sl_form_ids(struct sl_form *form, struct sl_chat *chat);
SL_MUST int sl_form_names(struct sl_form *form, struct sl_chat *chat);
SL_MUST int sl_form_shape(struct sl_form *form, struct sl_chat *chat);
SL_MUST int sl_form_media(struct sl_form *form, struct sl_chat *chat);
/* A raw string that names a person: itself, or a stable digest. p == NULL: no memory. */
struct sl_str sl_form_person(const struct sl_form *form, struct sl_str raw);

/* A raw string of white space only, or of nothing. */
bool sl_raw_is_blank(struct sl_str raw);
/* Refuses a value of the call by its path: "messages[1].content[0]: …". */
int sl_form_refuse(const struct sl_form *form, struct sl_json_val v, const char *fmt, ...) SL_PRINTF(3, 4);

#endif
