/* SPDX-License-Identifier: Apache-2.0 */
/* Finds out whether the first event of a stream is an error, while another target may still answer instead. */
#ifndef SL_GATE_RELAY_FIRST_H
#define SL_GATE_RELAY_FIRST_H

#include "base/str.h"

struct sl_llm_error;
struct sl_relay;

enum sl_first {
    SL_FIRST_WAIT, /* it is not complete yet */
    SL_FIRST_FINE,
    SL_FIRST_ERROR,
};

/* `bytes`: the stream from its beginning. */
enum sl_first sl_relay_first(struct sl_relay *relay, struct sl_str bytes, struct sl_llm_error *ret_error);

#endif
