/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "wire/otlp.h"
#include "wire/traceparent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each field of a message is inside of it. A collector's answer and a caller's header are read without a fault, and a
 * header that is sound is written as it was read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_str bytes = sl_str_make((const char *)data, size), rest = bytes;
    struct sl_otlp_answer answer;
    struct sl_traceparent parent;
    struct sl_pb_field field;
    size_t left = size;
    while (sl_pb_next(&rest, &field) == 0) {
        SL_ASSERT(field.number > 0 && rest.n < left);
        SL_ASSERT(!field.bytes.n || (field.bytes.p >= bytes.p && field.bytes.p + field.bytes.n <= bytes.p + size));
        left = rest.n;
    }
    if (sl_otlp_answer_read(bytes, &answer) == 0) {
        SL_ASSERT(answer.n_rejected <= INT64_MAX && answer.message.n <= size);
    }
    if (sl_traceparent_read(bytes, &parent) == 0) {
        char out[SL_TRACEPARENT_BYTES];
        sl_traceparent_format(&parent, out);
        SL_ASSERT(memcmp(out + 2, bytes.p + 2, SL_TRACEPARENT_BYTES - 4) == 0);
    }
    return 0;
}
