/* SPDX-License-Identifier: Apache-2.0 */
/* Reads an upstream's error body, whatever its shape; shared by the providers. */
#ifndef SL_LLM_ERRBODY_H
#define SL_LLM_ERRBODY_H

#include "llm/core/llm.h"

struct sl_errbody {
    struct sl_str message; /* p == NULL: the body has no message */
    struct sl_str type;
    struct sl_str code;
    struct sl_str param;
};

/* Tries the known shapes in turn. Texts are slices of the body, or copies on the arena. Never fails: of a body that is
 * no JSON, the first KiB is taken. */
void sl_errbody_read(struct sl_str body, struct sl_arena *arena, struct sl_errbody *ret);
/* The same for a value that is an error: the `error` member of a body or of an event. */
void sl_errbody_read_val(struct sl_json_val error, struct sl_arena *arena, struct sl_errbody *ret);

/* The error type of all this; it looks at the message too, because an empty account is often reported only there. */
enum sl_error_type sl_errbody_type(int status, const struct sl_errbody *said);

/* The error that an event of a stream reports: as an error body with the status that belongs to its type or code. */
struct sl_llm_error sl_errbody_event(const struct sl_errbody *said);

/* True: a 404 is about the path and not about a model; it has FastAPI's or OpenAI's words. */
bool sl_errbody_is_no_path(struct sl_str message);
/* True: an unknown path ends like one of OpenAI's, but has no version ("/v1") where one belongs. */
bool sl_errbody_lacks_version(struct sl_str path);

/* Judges a whole 2xx reply of a language whose errors are {"message": …}: an answer has the member `answer`, an object
 * or a list. */
struct sl_reply_judgement;
void sl_errbody_judge(struct sl_str body, const char *answer, struct sl_json *doc, struct sl_reply_judgement *ret);

/* Does all of it: fills *ret_error from status, headers and body. */
void sl_errbody_classify(int status, const struct sl_headers *headers, struct sl_str body, struct sl_arena *arena,
                         struct sl_llm_error *ret_error);

#endif
