/* SPDX-License-Identifier: Apache-2.0 */
/* What an upstream says in an error body, whatever its shape; shared by the providers. */
#ifndef SL_LLM_ERRBODY_H
#define SL_LLM_ERRBODY_H

#include "llm/core/llm.h"

struct sl_errbody {
    struct sl_str message; /* p == NULL: the body says none */
    struct sl_str type;
    struct sl_str code;
    struct sl_str param;
};

/* Tries the known shapes in turn; slices of the body, or copies on the arena. Never fails: what is not JSON is cut to
 * its first KiB. */
void sl_errbody_read(struct sl_str body, struct sl_arena *arena, struct sl_errbody *ret);
/* The same from a value that holds an error: the `error` member of a body or of an event. */
void sl_errbody_read_val(struct sl_json_val error, struct sl_arena *arena, struct sl_errbody *ret);

/* The same of all that an upstream said: an empty account is often told in words only. */
enum sl_error_type sl_errbody_type(int status, const struct sl_errbody *said);

/* The error that an event of a stream tells: as a body of the status that its type or code stand for. */
struct sl_llm_error sl_errbody_event(const struct sl_errbody *said);

/* A 404 that is about the path that was asked for, not about a model: FastAPI's and OpenAI's words. */
bool sl_errbody_is_no_path(struct sl_str message);
/* Does a path for which nothing is there end as OpenAI's do, and have no version ("/v1") in it where one is due? */
bool sl_errbody_lacks_version(struct sl_str path);

/* A whole 2xx reply of a language whose errors are {"message": …}: an answer has the member `answer`, an object or a
 * list. */
struct sl_reply_judgement;
void sl_errbody_judge(struct sl_str body, const char *answer, struct sl_json *doc, struct sl_reply_judgement *ret);

/* All of it: fills *ret_error from status, headers and body. */
void sl_errbody_classify(int status, const struct sl_headers *headers, struct sl_str body, struct sl_arena *arena,
                         struct sl_llm_error *ret_error);

#endif
