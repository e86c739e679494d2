/* SPDX-License-Identifier: Apache-2.0 */
/* What an upstream of OpenAI's language has said: one judgement for bytes that pass and for bytes that are translated.
 * It takes what real servers send, not only what the API's pages show. */
#ifndef SL_LLM_OPENAI_JUDGE_H
#define SL_LLM_OPENAI_JUDGE_H

#include "json/json.h"
#include "llm/core/error.h"
#include "llm/core/language.h"

enum sl_said {
    SL_SAID_CHUNK,   /* a piece of the answer, or anything else that may be one */
    SL_SAID_USAGE,   /* token counts, and nothing of the answer */
    SL_SAID_EMPTY,   /* a chunk without counts that has no choice */
    SL_SAID_ERROR,   /* the upstream reports that it failed */
    SL_SAID_END,     /* [DONE] */
    SL_SAID_ALIVE,   /* a sign of life: no data, a comment in the place of data, a ping */
    SL_SAID_GARBAGE, /* not JSON, or no object */
};

struct sl_judgement {
    enum sl_said said;
    struct sl_json_val root;           /* of the data, where it is an object */
    struct sl_json_val choices, usage; /* its members */
    struct sl_json_val error;          /* SL_SAID_ERROR: what describes it; absent: the data's own text does */
    enum sl_error_type error_type;
    int error_status; /* the HTTP status that the error names itself, or 0 */
    bool has_choices; /* at least one */
    bool has_more;    /* SL_SAID_USAGE, SL_SAID_EMPTY: members that say something else */
};

/* Judges one event by its name ("" for none) and data. `doc` is initialised; what is returned points into it and
 * `data`. `is_after_finish`: a choice has finished before; an empty text then says nothing. */
void sl_openai_judge(struct sl_str name, struct sl_str data, bool is_after_finish, struct sl_json *doc,
                     struct sl_judgement *ret);

/* Of struct sl_language. */
void sl_openai_judge_reply(struct sl_str body, enum sl_llm_type type, struct sl_json *doc,
                           struct sl_reply_judgement *ret);

/* Whether a member `error` reports one: not null, false, "" or {}. */
bool sl_openai_is_error(struct sl_json_val error);

#endif
