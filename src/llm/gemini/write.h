/* SPDX-License-Identifier: Apache-2.0 */
/* Writes canonical replies, deltas and errors in the form of generateContent, and handles bytes that pass untouched. */
#ifndef SL_LLM_GEMINI_WRITE_H
#define SL_LLM_GEMINI_WRITE_H

#include "json/write.h"
#include "llm/core/llm.h"
#include "llm/gemini/gemini.h"

struct sl_gemini_word; /* word.h */
struct sl_gemini_held; /* a call whose arguments are not complete */

#define SL_GEMINI_NAME_MAX 256

/* The state of a stream that is written. Texts are sent as they come. A call is sent when it is complete. The end of
 * each candidate is sent at the end of the stream, because the tokens are known only then. */
struct sl_gemini_writer {
    bool is_list, has_item, has_error;
    bool has_thoughts;                     /* the client wants to see thoughts */
    bool is_word;                          /* the answer is one word of a list, without quotes */
    uint32_t begun, finished;              /* bits of candidates */
    uint8_t finish[SL_GEMINI_CHOICES_MAX]; /* enum sl_finish */
    struct sl_usage usage;                 /* the latest */
    uint16_t id_len, model_len;
    char id[SL_GEMINI_NAME_MAX], model[SL_GEMINI_NAME_MAX];
    struct sl_gemini_word *words; /* if is_word: one for each candidate; NULL until the first text */
    struct sl_gemini_held **held; /* in the order in which they began */
    uint32_t n_held, cap_held;
    size_t bytes_held, max_held;
    struct sl_gemini_texts {
        int64_t bytes, chars; /* so far */
        int64_t plain;        /* how many bytes at the texts' begin are one character each */
    } texts[SL_GEMINI_CHOICES_MAX];
};

const char *sl_gemini_reason(enum sl_finish finish);
/* Writes a part: a whole block or a piece of one. */
void sl_gemini_part_write(struct sl_jw *w, const struct sl_block *block);
/* Writes the members behind the candidates. `usage` NULL: it comes later. */
void sl_gemini_tail_write(struct sl_jw *w, const struct sl_usage *usage, struct sl_str model, struct sl_str id);
/* Makes the id of a reply without one, in `out` with SL_GEMINI_ID_MAX bytes. */
#define SL_GEMINI_ID_MAX 40
struct sl_str sl_gemini_id_make(const struct sl_env *env, char *out);

int sl_gemini_write_reply(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                          struct sl_buf *out);

void sl_gemini_write_begin(void *state, const struct sl_call *call, size_t max_held);
size_t sl_gemini_write_held(const void *state);
void sl_gemini_write_done(void *state);
/* Begin and end an item of a stream: an event, or an element of the list. */
void sl_gemini_item_begin(struct sl_gemini_writer *st, struct sl_buf *out);
void sl_gemini_item_end(const struct sl_gemini_writer *st, struct sl_buf *out);
void sl_gemini_list_end(struct sl_gemini_writer *st, struct sl_buf *out);
void sl_gemini_write_item(void *state, struct sl_str json, struct sl_buf *out);
/* SL_E_LIMIT: more bytes than may be held; SL_E_INVAL: too many candidates. */
int sl_gemini_write_delta(void *state, const struct sl_call *call, const struct sl_env *env,
                          const struct sl_delta *delta, struct sl_buf *out);
void sl_gemini_write_end(void *state, struct sl_buf *out);

void sl_gemini_write_error(struct sl_llm_error *error, struct sl_buf *out);
void sl_gemini_write_stream_error(void *state, const struct sl_llm_error *error, struct sl_buf *out);

/* Passes the client's own bytes to an upstream of this language. */
SL_MUST int sl_gemini_pass_call(const struct sl_call *call, const struct sl_target *target, struct sl_arena *arena,
                                struct sl_http_req *io_req, struct sl_llm_error *ret_error);
extern const struct sl_json_scan_want sl_gemini_reply_members[SL_REPLY_COUNT];
int sl_gemini_read_usage(struct sl_json_val usage, struct sl_usage *ret);
enum sl_pass sl_gemini_pass_event(struct sl_pass_state *state, struct sl_str event, struct sl_json *scratch);

extern const struct sl_listing sl_gemini_listing;

#endif
