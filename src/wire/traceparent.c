/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/traceparent.h"

#include "base/num.h"

/* "00-" trace "-" span "-" flags */
#define TRACE_AT 3
#define SPAN_AT  (TRACE_AT + 32 + 1)
#define FLAGS_AT (SPAN_AT + 16 + 1)

static bool is_hex(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false; /* capital letters are wrong, too */
        }
    }
    return true;
}

/* `n` digits at an offset; the caller knows that they are there. */
static bool hex_read(struct sl_str text, size_t at, size_t n, uint64_t *ret)
{
    struct sl_str digits = sl_str_sub(text, at, at + n);
    return is_hex(digits) && sl_parse_hex64(digits, ret) == 0;
}

int sl_traceparent_read(struct sl_str text, struct sl_traceparent *ret)
{
    struct sl_traceparent found = { 0 };
    uint64_t version, flags;
    if (text.n < SL_TRACEPARENT_BYTES || text.p[TRACE_AT - 1] != '-' || text.p[SPAN_AT - 1] != '-' ||
        text.p[FLAGS_AT - 1] != '-') {
        return SL_E_INVAL;
    }
    bool is_whole = hex_read(text, 0, 2, &version) && hex_read(text, TRACE_AT, 16, &found.trace[0]) &&
                    hex_read(text, TRACE_AT + 16, 16, &found.trace[1]) && hex_read(text, SPAN_AT, 16, &found.span) &&
                    hex_read(text, FLAGS_AT, 2, &flags);
    /* A later version may have more behind another '-'. */
    bool has_end = text.n == SL_TRACEPARENT_BYTES || text.p[SL_TRACEPARENT_BYTES] == '-';
    if (!is_whole || version == 0xff || (version == 0 && text.n != SL_TRACEPARENT_BYTES) || !has_end ||
        !(found.trace[0] | found.trace[1]) || !found.span) {
        return SL_E_INVAL;
    }
    found.is_sampled = flags & 1;
    *ret = found;
    return 0;
}

void sl_traceparent_format(const struct sl_traceparent *parent, char out[SL_TRACEPARENT_BYTES])
{
    memcpy(out, "00-", 3);
    char *at = sl_format_hex(parent->trace[1], 16, sl_format_hex(parent->trace[0], 16, out + 3));
    *at++ = '-';
    at = sl_format_hex(parent->span, 16, at);
    memcpy(at, parent->is_sampled ? "-01" : "-00", 3);
}
