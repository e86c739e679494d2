/* SPDX-License-Identifier: Apache-2.0 */
/* The call that replaces the secret key. No call shows the key. */
#include "gate/api/api.h"
#include "gate/api/question.h"
#include "gate/call/access.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "json/write.h"

static void on_rotated(struct sl_xchg *x, struct sl_question *question)
{
    int r = question->base.r;
    if (r == SL_E_UNSUPPORTED || r == SL_E_KEY) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_CONFLICT, "%s", question->base.err.text);
    } else if (r < 0) {
        sl_question_fail(x, r, &question->base.err);
    } else {
        struct sl_jw writer, *w = sl_api_writer(x, &writer);
        sl_jw_object(w);
        sl_jw_member_u64(w, "routes", question->rotate.n_routes);
        sl_jw_end(w);
        sl_api_reply(x, 200);
    }
}

static void handle_secret_rotate(struct sl_xchg *x)
{
    struct sl_question *question = sl_question_new_rotate(x);
    if (question) {
        sl_question_ask(question, on_rotated);
    }
}

const struct sl_path sl_secret_rows[] = {
    { .methods = SL_POST,
      .pattern = "/api/sluice/v1/secret/rotate",
      .handle = handle_secret_rotate,
      .access = SL_ACCESS_ADMIN,
      .told = SL_TOLD("Encrypt the credentials of all routes under a new secret key.", .statuses = "200 409",
                      .parameters = "wait", .reply = "Rotated") },
    { 0 },
};
