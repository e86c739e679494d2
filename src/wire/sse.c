/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/sse.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* --- the splitter --- */

enum split_state {
    SP_LINE,     /* inside a line that has bytes */
    SP_EMPTY,    /* at the start of a line: an end here is a blank line */
    SP_LINE_CR,  /* a CR ended a line with bytes: an LF may still belong to it */
    SP_EMPTY_CR, /* a CR ended a blank line at the end of the input: an LF may still belong to it */
};

void sl_sse_split_init(struct sl_sse_split *split)
{
    split->state = SP_EMPTY;
}

/* The first CR or LF, or `end`. It looks no further: where lines end with CR, separate searches for the two would go
 * over all the rest for each line. */
static const char *line_stop(const char *p, const char *end)
{
#if defined(__SSE2__)
    const __m128i lf = _mm_set1_epi8('\n'), cr = _mm_set1_epi8('\r');
    while (end - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, lf), _mm_cmpeq_epi8(v, cr)));
        if (mask) {
            return p + __builtin_ctz(mask);
        }
        p += 16;
    }
#endif
    while (p < end && *p != '\n' && *p != '\r') {
        p++;
    }
    return p;
}

size_t sl_sse_split_push(struct sl_sse_split *split, struct sl_str bytes)
{
    const char *p = bytes.p, *end = bytes.p + bytes.n;
    if (split->state == SP_EMPTY_CR && p < end) {
        split->state = SP_EMPTY;
        if (*p == '\n') {
            return 1; /* the end of the event that was reported already */
        }
    }
    while (p < end) {
        char c = *p;
        if (split->state == SP_LINE_CR) {
            split->state = SP_EMPTY;
            if (c == '\n') {
                p++;
                continue;
            }
        }
        if (split->state == SP_LINE) {
            const char *eol = line_stop(p, end);
            if (eol == end) {
                return 0;
            }
            split->state = *eol == '\r' ? SP_LINE_CR : SP_EMPTY;
            p = eol + 1;
            continue;
        }
        p++;
        if (c == '\n') {
            return (size_t)(p - bytes.p);
        }
        if (c == '\r') {
            if (p < end) {
                p += *p == '\n';
            } else {
                split->state = SP_EMPTY_CR;
            }
            return (size_t)(p - bytes.p);
        }
        split->state = SP_LINE;
    }
    return 0;
}

/* True: a line with a known field begins here, or a byte order mark, behind which one may stand. */
static bool line_is_field(struct sl_str rest)
{
    switch (rest.p[0]) {
    case 'd':
        return sl_str_has_prefix(rest, SL_STR("data"));
    case 'e':
        return sl_str_has_prefix(rest, SL_STR("event"));
    case 'i':
        return sl_str_has_prefix(rest, SL_STR("id"));
    case 'r':
        return sl_str_has_prefix(rest, SL_STR("retry"));
    default:
        return rest.p[0] == '\xef';
    }
}

bool sl_sse_is_silent(struct sl_str event)
{
    const char *p = event.p, *end = event.p + event.n;
    while (p < end) {
        if (line_is_field(sl_str_make(p, (size_t)(end - p)))) {
            return false;
        }
        p = line_stop(p, end);
        p += p < end;
    }
    return true;
}

/* --- the decoder --- */

enum decoder_state { DS_LINE, DS_CR /* the last byte was a CR: skip an LF */ };

/* Room for lines with field names and the event's name beside the data. */
#define LINE_SLACK     1024
#define NAME_MAX_BYTES 1024
/* A stream may be silent for an hour after one large event, so at most this is kept. */
#define KEPT 65536

void sl_sse_decoder_init(struct sl_sse_decoder *dec, size_t max_event, sl_sse_fn on_event, void *arg)
{
    *dec = (struct sl_sse_decoder){
        .data = SL_BUF_INIT(max_event),
        .name = SL_BUF_INIT(NAME_MAX_BYTES),
        .line = SL_BUF_INIT(max_event + LINE_SLACK),
        .on_event = on_event,
        .arg = arg,
        .max_event = max_event,
    };
}

void sl_sse_decoder_done(struct sl_sse_decoder *dec)
{
    sl_buf_done(&dec->data);
    sl_buf_done(&dec->name);
    sl_buf_done(&dec->line);
}

size_t sl_sse_held(const struct sl_sse_decoder *dec)
{
    return dec->data.cap + dec->line.cap;
}

static int event_give(struct sl_sse_decoder *dec, struct sl_str data)
{
    struct sl_sse_event event = { sl_str_make(dec->name.p ? dec->name.p : "", dec->name.len), data };
    dec->has_data = false;
    int r = dec->on_event(dec->arg, &event);
    sl_buf_shrink(&dec->data, KEPT);
    sl_buf_reset(&dec->name);
    return r;
}

static int event_end(struct sl_sse_decoder *dec)
{
    if (!dec->has_data) {
        bool is_named = dec->name.len > 0;
        sl_buf_reset(&dec->name);
        return is_named && dec->on_alive ? dec->on_alive(dec->arg) : 0;
    }
    return event_give(dec, sl_str_make(dec->data.p ? dec->data.p : "", dec->data.len));
}

/* Takes a whole line without its end. `rest`: the input behind the line's end; when a blank line follows at once, a
 * first data line is reported as it is, without a copy. */
static int line_take(struct sl_sse_decoder *dec, struct sl_str line, struct sl_str rest, bool *ret_gave)
{
    *ret_gave = false;
    if (line.n == 0) {
        return event_end(dec);
    }
    ptrdiff_t colon = sl_str_find_char(line, ':', 0);
    if (colon == 0) {
        return dec->on_alive ? dec->on_alive(dec->arg) : 0; /* a comment */
    }
    struct sl_str field = colon < 0 ? line : sl_str_sub(line, 0, (size_t)colon);
    struct sl_str value = colon < 0 ? SL_STR("") : sl_str_sub(line, (size_t)colon + 1, line.n);
    if (value.n && value.p[0] == ' ') {
        value = sl_str_sub(value, 1, value.n);
    }
    if (sl_str_eq(field, SL_STR("event"))) {
        sl_buf_reset(&dec->name);
        sl_buf_add_str(&dec->name, value);
        return sl_buf_status(&dec->name);
    }
    if (!sl_str_eq(field, SL_STR("data"))) {
        return 0; /* id, retry, and unknown fields */
    }
    if (!dec->has_data && rest.n && rest.p[0] == '\n' && value.n <= dec->max_event) {
        *ret_gave = true;
        return event_give(dec, value);
    }
    if (dec->has_data) {
        sl_buf_add_char(&dec->data, '\n');
    }
    dec->has_data = true;
    sl_buf_add_str(&dec->data, value);
    return sl_buf_status(&dec->data);
}

/* A byte order mark at the very start is dropped, however it is split (dec->bom counts its bytes; 3: past it). Returns
 * how many bytes to skip. */
static int bom_skip(struct sl_sse_decoder *dec, struct sl_str *io_bytes)
{
    static const char bom[] = "\xef\xbb\xbf";
    while (dec->bom < 3 && io_bytes->n) {
        if (io_bytes->p[0] != bom[dec->bom]) {
            /* It is none: its bytes belong to the first line. */
            sl_buf_add(&dec->line, bom, dec->bom);
            dec->bom = 3;
            return sl_buf_status(&dec->line);
        }
        dec->bom++;
        *io_bytes = sl_str_sub(*io_bytes, 1, io_bytes->n);
    }
    return 0;
}

int sl_sse_push(struct sl_sse_decoder *dec, struct sl_str bytes)
{
    int r = bom_skip(dec, &bytes);
    while (r == 0 && bytes.n) {
        if (dec->state == DS_CR) {
            dec->state = DS_LINE;
            if (bytes.p[0] == '\n') {
                bytes = sl_str_sub(bytes, 1, bytes.n);
                continue;
            }
        }
        const char *eol = line_stop(bytes.p, bytes.p + bytes.n);
        struct sl_str line = sl_str_make(bytes.p, (size_t)(eol - bytes.p));
        bool is_whole = line.n < bytes.n;
        if (!is_whole || dec->line.len) {
            sl_buf_add_str(&dec->line, line);
            r = sl_buf_status(&dec->line);
            if (!is_whole || r < 0) {
                break;
            }
        }
        bool was_kept = dec->line.len > 0;
        size_t used = line.n + 1;
        if (*eol == '\r') {
            if (used < bytes.n) {
                used += bytes.p[used] == '\n';
            } else {
                dec->state = DS_CR;
            }
        }
        bytes = sl_str_sub(bytes, used, bytes.n);
        bool gave;
        r = line_take(dec, was_kept ? sl_buf_str(&dec->line) : line, bytes, &gave);
        sl_buf_shrink(&dec->line, KEPT);
        if (gave) {
            bytes = sl_str_sub(bytes, 1, bytes.n); /* the blank line */
        }
    }
    return r;
}

int sl_sse_finish(struct sl_sse_decoder *dec)
{
    int r = 0;
    if (dec->bom < 3 && dec->bom > 0) {
        sl_buf_add(&dec->line, "\xef\xbb\xbf", dec->bom);
        dec->bom = 3;
    }
    if (dec->line.len) {
        bool gave;
        r = line_take(dec, sl_buf_str(&dec->line), SL_STR(""), &gave);
        sl_buf_reset(&dec->line);
    }
    if (!dec->has_data) {
        sl_buf_reset(&dec->name); /* half an event is no heartbeat */
    }
    return r < 0 ? r : event_end(dec);
}
