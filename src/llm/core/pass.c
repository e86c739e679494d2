/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/pass.h"

#include "wire/sse.h"

struct noted {
    const struct sl_pass_reader *reader;
    struct sl_pass_state *state;
    struct sl_json *scratch;
    enum sl_pass pass;
};

static int event_note(void *arg, const struct sl_sse_event *event)
{
    struct noted *noted = arg;
    noted->pass = noted->reader->is_alive(event->name) ? SL_PASS_ALIVE : SL_PASS_FORWARD;
    if (noted->pass == SL_PASS_ALIVE || sl_str_eq_c(event->data, "[DONE]")) {
        return 0;
    }
    noted->state->is_unread = sl_json_parse(noted->scratch, event->data) < 0;
    if (!noted->state->is_unread) {
        noted->reader->note(noted->state, sl_json_root(noted->scratch));
    }
    return 0;
}

enum sl_pass sl_pass_event_read(const struct sl_pass_reader *reader, struct sl_pass_state *state, struct sl_str event,
                                struct sl_json *scratch)
{
    struct noted noted = { reader, state, scratch, SL_PASS_ALIVE };
    struct sl_sse_decoder dec;
    sl_sse_decoder_init(&dec, event.n, event_note, &noted);
    if (sl_sse_push(&dec, event) < 0 || sl_sse_finish(&dec) < 0) {
        noted.pass = SL_PASS_FORWARD; /* it cannot be read, so it is not for us to judge */
        state->is_unread = true;
    }
    sl_sse_decoder_done(&dec);
    return noted.pass;
}
