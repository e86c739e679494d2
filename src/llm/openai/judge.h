/* SPDX-License-Identifier: Apache-2.0 */
/* Judges what an upstream of OpenAI's language has sent, for bytes that pass and for bytes that are translated. It
 * accepts what real servers send, not only what the API's documentation shows. */
#ifndef SL_LLM_OPENAI_JUDGE_H
#define SL_LLM_OPENAI_JUDGE_H

#include "json/json.h"
#include "llm/core/error.h"
#include "llm/core/language.h"

enum sl_said {
    SL_SAID_CHUNK,   /* a piece of the answer, or anything else that may be one */
    SL_SAID_USAGE,   /* token counts without a piece of the answer */
    SL_SAID_EMPTY,   /* a chunk with neither counts nor choices */
    SL_SAID_ERROR,   /* the upstream reports a failure */
    SL_SAID_END,     /* [DONE] */
    SL_SAID_ALIVE,   /* a heartbeat: no data, a comment in the place of data, a ping */
    SL_SAID_GARBAGE, /* not JSON, or no object */
};

struct sl_judgement {
    enum sl_said said;
    struct sl_json_val root;           /* of the data, if that is an object */
    struct sl_json_val choices, usage; /* its members */
    /* SL_SAID_ERROR: the value that describes the error; absent: the data itself is its text */
    struct sl_json_val error;
    enum sl_error_type error_type;
    int error_status; /* the HTTP status that the error itself names, or 0 */
    bool has_choices; /* at least one */
    bool has_more;    /* SL_SAID_USAGE, SL_SAID_EMPTY: there are members that say something else */
};

/* Judges one event by its name ("" for none) and data. `doc` is initialised; the result points into it and `data`.
 * `is_after_finish`: a choice has finished before, so an empty text says nothing. */
void sl_openai_judge(struct sl_str name, struct sl_str data, bool is_after_finish, struct sl_json *doc,
                     struct sl_judgement *ret);

/* The judge_reply of struct sl_language. */
void sl_openai_judge_reply(struct sl_str body, enum sl_llm_type type, struct sl_json *doc,
                           struct sl_reply_judgement *ret);

/* True: the value of a member `error` reports one: it is not null, false, "" or {}. */
bool sl_openai_is_error(struct sl_json_val error);

#endif
