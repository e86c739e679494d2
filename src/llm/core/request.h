/* SPDX-License-Identifier: Apache-2.0 */
/* What providers share when they build a request. */
#ifndef SL_LLM_REQUEST_H
#define SL_LLM_REQUEST_H

#include "json/write.h"
#include "llm/core/llm.h"

/* `text` as a JSON string with its quotes, on the arena; p == NULL: no memory. */
SL_MUST struct sl_str sl_json_quote(struct sl_str text, struct sl_arena *arena);

/* An independent copy: edits added to it do not show in `from`. */
SL_MUST int sl_edits_copy(const struct sl_json_edits *from, struct sl_arena *arena, struct sl_json_edits *ret);

/* A request that this provider cannot take, told in the dialect's way: fills *error, returns SL_E_INVAL. `param` (or
 * NULL) is the member at fault. The status is the manners'. */
int sl_refuse(const struct sl_call *call, struct sl_arena *arena, struct sl_llm_error *error, const char *param,
              const char *fmt, ...) SL_PRINTF(5, 6);
/* A kind of request that it does not serve: SL_E_UNSUPPORTED (501; 400 on /v1). */
int sl_unsupported(const struct sl_call *call, struct sl_llm_error *error, struct sl_str message);

/* A request's body in the making: JSON written with `w`, and long raw values that are not copied. What the provider
 * leaves out is noted beside it. The buffer is on the heap until it is finished or dropped. */
#define SL_BODY_CUTS_MAX 48  /* raw values that stay slices; more are copied */
#define SL_BODY_CUT_MIN  256 /* shorter ones are copied */
#define SL_DROPPED_MAX   400 /* bytes of the list of what is left out; names beyond are not listed */

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
/* A value, or a member's value, that is JSON already; alive until the request is sent. */
void sl_body_raw(struct sl_body *body, struct sl_str json);
/* One value from its beginning, a raw middle that may stay a slice, and its end: `"` and `"` around base64. */
void sl_body_around(struct sl_body *body, struct sl_str before, struct sl_str middle, struct sl_str after);
void sl_body_member(struct sl_body *body, const char *key, struct sl_str json);
/* Names a member of the call that has no place in the request; once each. */
void sl_body_leave_out(struct sl_body *body, struct sl_str name);
/* Frees the buffer; slices, length and the dropped list go into *req. */
SL_MUST int sl_body_finish(struct sl_body *body, struct sl_arena *arena, struct sl_http_req *req);

/* The top level of a call's body. A later attempt may find call->doc in use for something else; then the body is read
 * again into `spare` (initialised and freed by the caller, shallow: containers inside are folded). */
SL_MUST int sl_call_root(const struct sl_call *call, struct sl_json *spare, struct sl_json_val *ret_root);

#endif
