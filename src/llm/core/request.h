/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by providers when they build a request. */
#ifndef SL_LLM_REQUEST_H
#define SL_LLM_REQUEST_H

#include "json/write.h"
#include "llm/core/llm.h"

/* `text` as a JSON string with its quotes, on the arena; p == NULL: no memory. */
SL_MUST struct sl_str sl_json_quote(struct sl_str text, struct sl_arena *arena);

/* Refuses a request that this provider cannot take, with the status of the dialect's manners: fills *error, returns
 * SL_E_INVAL. `param` (or NULL) is the wrong member. */
int sl_refuse(const struct sl_call *call, struct sl_arena *arena, struct sl_llm_error *error, const char *param,
              const char *fmt, ...) SL_PRINTF(5, 6);
/* Refuses a kind of request that the provider does not serve: SL_E_UNSUPPORTED (501; 400 on /v1). */
int sl_unsupported(const struct sl_call *call, struct sl_llm_error *error, struct sl_str message);

/* Builds a request's body: JSON written with `w`, and long raw values that are not copied. Members that are left out
 * are noted beside it. The buffer is on the heap until it is finished or dropped. */
#define SL_BODY_CUTS_MAX 48  /* raw values that stay slices; further ones are copied */
#define SL_BODY_CUT_MIN  256 /* shorter values are copied */
#define SL_DROPPED_MAX   400 /* bytes for the list of members that are left out; later names are not listed */

struct sl_body {
    struct sl_buf buf;
    struct sl_jw w;
    struct {
        size_t at;
        struct sl_str raw;
    } cuts[SL_BODY_CUTS_MAX];
    uint32_t n_cuts;
    char dropped[SL_DROPPED_MAX];
    size_t n_dropped;
};

void sl_body_init(struct sl_body *body, const struct sl_call *call);
void sl_body_drop(struct sl_body *body);
/* Adds a value, or a member's value, that is JSON already; it must live until the request is sent. */
void sl_body_raw(struct sl_body *body, struct sl_str json);
/* Adds one value in three parts: begin, a raw middle that may stay a slice, and end; for example `"` and `"` around
 * base64. */
void sl_body_around(struct sl_body *body, struct sl_str before, struct sl_str middle, struct sl_str after);
void sl_body_member(struct sl_body *body, const char *key, struct sl_str json);
/* Names a member of the call that has no place in the request; each name once. */
void sl_body_leave_out(struct sl_body *body, struct sl_str name);
/* Frees the buffer; slices, length and the list of dropped members go into *req. */
SL_MUST int sl_body_finish(struct sl_body *body, struct sl_arena *arena, struct sl_http_req *req);

/* A finished body in one piece on the arena; p == NULL: no memory. */
struct sl_str sl_req_flat(const struct sl_http_req *req, struct sl_arena *arena);

/* A member of the client's own body that gets another value (p == NULL: it is removed), if `is_due`. */
struct sl_call_edit {
    const char *key;
    struct sl_str json;
    bool is_due;
};
/* For callers that change more: the top level of the call's body, and a copy of the dialect's edits. `spare` is
 * initialised; it holds the body if call->doc no longer does. */
SL_MUST int sl_call_edits(const struct sl_call *call, struct sl_json *spare, struct sl_arena *arena,
                          struct sl_json_val *ret_root, struct sl_json_edits *ret_edits);
/* Passes the client's own bytes, with the dialect's edits and `edits`, for a target of the same language: slices and
 * length go into *io_req. */
SL_MUST int sl_call_pass(const struct sl_call *call, const struct sl_call_edit *edits, size_t n, struct sl_arena *arena,
                         struct sl_http_req *io_req, struct sl_llm_error *ret_error);

#endif
