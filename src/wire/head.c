/* SPDX-License-Identifier: Apache-2.0 */
/* One state for each position in the grammar. Long runs (names, values, targets) are skipped in inner loops, so a head
 * costs about one table look-up for a byte of a name, and a sixteenth of that for a byte of a value. */
#include "wire/head.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum state {
    ST_START,    /* first byte of the message: a request line, or the one empty line before it */
    ST_START_LF, /* the LF of that empty line */
    ST_METHOD,
    ST_TARGET_FIRST,
    ST_TARGET,
    ST_VERSION,      /* "HTTP/x.y" */
    ST_FIRST_CR,     /* behind the version: CR */
    ST_STATUS_SPACE, /* responses: SP behind the version */
    ST_STATUS_DIGITS,
    ST_STATUS_END, /* SP or CR behind the three digits */
    ST_REASON,
    ST_LINE_LF,    /* LF that ends a line */
    ST_LINE_START, /* a field's name, or the blank line */
    ST_NAME,
    ST_VALUE,
    ST_END_LF, /* LF of the blank line */
    ST_DONE,
};

/* Token characters of RFC 9110 5.6.2. */
static const uint8_t is_token[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,
    ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0'] = 1,  ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1,
    ['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1, ['A'] = 1,  ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1,
    ['F'] = 1, ['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1,  ['L'] = 1, ['M'] = 1, ['N'] = 1, ['O'] = 1,
    ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1,  ['V'] = 1, ['W'] = 1, ['X'] = 1, ['Y'] = 1,
    ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1,  ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1,
    ['j'] = 1, ['k'] = 1, ['l'] = 1, ['m'] = 1, ['n'] = 1, ['o'] = 1,  ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1,
    ['t'] = 1, ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1,  ['z'] = 1,
};

/* The first byte that is no token character. Nearly all token characters are letters and hyphens. */
static const char *name_skip(const char *p, const char *end)
{
#if defined(__SSE2__)
    const __m128i lower = _mm_set1_epi8(0x20), a = _mm_set1_epi8('a'), last = _mm_set1_epi8('z' - 'a');
    const __m128i hyphen = _mm_set1_epi8('-');
    while (end - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i at = _mm_sub_epi8(_mm_or_si128(v, lower), a);
        __m128i fits = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(at, last), at), _mm_cmpeq_epi8(v, hyphen));
        unsigned mask = (unsigned)_mm_movemask_epi8(fits) ^ 0xffff;
        if (mask) {
            p += __builtin_ctz(mask);
            break;
        }
        p += 16;
    }
#endif
    while (p < end && is_token[(unsigned char)*p]) {
        p++;
    }
    return p;
}

/* The first byte below 0x20 (except HTAB), or 0x7f. */
static const char *value_skip(const char *p, const char *end)
{
#if defined(__SSE2__)
    const __m128i control = _mm_set1_epi8(0x1f), del = _mm_set1_epi8(0x7f), tab = _mm_set1_epi8('\t');
    while (end - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i low = _mm_andnot_si128(_mm_cmpeq_epi8(v, tab), _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(low, _mm_cmpeq_epi8(v, del)));
        if (mask) {
            return p + __builtin_ctz(mask);
        }
        p += 16;
    }
#endif
    while (p < end && ((unsigned char)*p >= 0x20 || *p == '\t') && *p != 0x7f) {
        p++;
    }
    return p;
}

void sl_head_check_init(struct sl_head_check *check, enum sl_head_kind kind, size_t max_bytes, uint32_t max_fields)
{
    *check = (struct sl_head_check){ .kind = kind, .max_bytes = max_bytes, .max_fields = max_fields };
    check->state = kind == SL_HEAD_TRAILER ? ST_LINE_START : kind == SL_HEAD_REQUEST ? ST_START : ST_VERSION;
    check->is_first_line = kind != SL_HEAD_TRAILER;
}

/* The fault for a byte that does not fit here. */
static enum sl_head_fault fault_of(char c, enum sl_head_fault otherwise)
{
    if (c == '\0') {
        return SL_HEAD_NUL;
    }
    if (c == '\n') {
        return SL_HEAD_BARE_LF;
    }
    return otherwise;
}

static enum sl_head_fault first_line_fault(const struct sl_head_check *check, char c)
{
    return fault_of(c, check->kind == SL_HEAD_RESPONSE ? SL_HEAD_STATUS_LINE : SL_HEAD_REQUEST_LINE);
}

/* One byte of "HTTP/d.d"; true when accepted. The high bits of `matched` note the digits: bit 6: the major is not 1;
 * bit 7: the minor is not 0 or 1. */
static bool version_push(struct sl_head_check *check, char c)
{
    static const char form[] = "HTTP/0.0";
    unsigned at = check->part;
    if (at == 5 || at == 7) {
        if (c < '0' || c > '9') {
            return false;
        }
        if (at == 5 && c != '1') {
            check->matched |= 64;
        }
        if (at == 7 && c > '1') {
            check->matched |= 128;
        }
    } else if (c != form[at]) {
        return false;
    }
    check->part++;
    return true;
}

/* One byte of the first line. Returns the fault, or SL_HEAD_OK. */
static enum sl_head_fault first_line_push(struct sl_head_check *check, char c)
{
    switch ((enum state)check->state) {
    case ST_START:
        if (c == '\r' && !check->matched) {
            check->matched = 1;
            check->state = ST_START_LF;
            return SL_HEAD_OK;
        }
        if (!is_token[(unsigned char)c]) {
            return c == ' ' || c == '\t' ? SL_HEAD_FOLD : first_line_fault(check, c);
        }
        check->state = ST_METHOD;
        return SL_HEAD_OK;
    case ST_START_LF:
        if (c != '\n') {
            return SL_HEAD_BARE_CR;
        }
        check->state = ST_START;
        return SL_HEAD_OK;
    case ST_METHOD:
        if (c == ' ') {
            check->state = ST_TARGET_FIRST;
            return SL_HEAD_OK;
        }
        return is_token[(unsigned char)c] ? SL_HEAD_OK : c == '\r' ? SL_HEAD_REQUEST_LINE : first_line_fault(check, c);
    case ST_TARGET_FIRST:
    case ST_TARGET:
        if (c == ' ' && check->state == ST_TARGET) {
            check->state = ST_VERSION;
            check->part = 0;
            check->matched = 0;
            return SL_HEAD_OK;
        }
        if (c > 0x20 && c < 0x7f) {
            check->state = ST_TARGET;
            return SL_HEAD_OK;
        }
        return c == ' ' || c == '\r'
                   ? SL_HEAD_REQUEST_LINE
                   : fault_of(c, (unsigned char)c < 0x20 || c == 0x7f ? SL_HEAD_CONTROL : SL_HEAD_REQUEST_LINE);
    case ST_VERSION:
        if (!version_push(check, c)) {
            return first_line_fault(check, c);
        }
        if (check->part == 8) {
            if (check->matched) {
                /* Well-formed so far; the next byte shows whether it is another version or garbage. */
                check->state = check->kind == SL_HEAD_REQUEST ? ST_FIRST_CR : ST_STATUS_SPACE;
                return check->kind == SL_HEAD_REQUEST ? SL_HEAD_OK : SL_HEAD_STATUS_LINE;
            }
            check->state = check->kind == SL_HEAD_REQUEST ? ST_FIRST_CR : ST_STATUS_SPACE;
        }
        return SL_HEAD_OK;
    case ST_FIRST_CR:
        if (c != '\r') {
            return first_line_fault(check, c);
        }
        if (check->matched) {
            return SL_HEAD_VERSION;
        }
        check->state = ST_LINE_LF;
        return SL_HEAD_OK;
    case ST_STATUS_SPACE:
        if (c != ' ') {
            return first_line_fault(check, c);
        }
        check->state = ST_STATUS_DIGITS;
        check->part = 0;
        return SL_HEAD_OK;
    case ST_STATUS_DIGITS:
        if (c < (check->part ? '0' : '1') || c > '9') {
            return first_line_fault(check, c);
        }
        if (++check->part == 3) {
            check->state = ST_STATUS_END;
        }
        return SL_HEAD_OK;
    case ST_STATUS_END:
        if (c == ' ') {
            check->state = ST_REASON;
        } else if (c == '\r') {
            check->state = ST_LINE_LF;
        } else {
            return first_line_fault(check, c);
        }
        return SL_HEAD_OK;
    case ST_REASON:
    case ST_LINE_LF:
    case ST_LINE_START:
    case ST_NAME:
    case ST_VALUE:
    case ST_END_LF:
    case ST_DONE:
        break;
    }
    return SL_HEAD_OK;
}

/* Skips bytes of the first line that only move the position. */
static const char *first_line_skip(struct sl_head_check *check, const char *p, const char *end)
{
    if (check->state == ST_METHOD) {
        return name_skip(p, end);
    }
    if (check->state == ST_TARGET) {
        while (p < end && *p >= 0x21 && *p < 0x7f) {
            p++;
        }
    } else if (check->state == ST_VERSION && check->part == 0 && end - p > 7 && memcmp(p, "HTTP/1.", 7) == 0) {
        check->part = 7;
        p += 7;
    }
    return p;
}

/* Reads the field lines and line ends from `p`. Returns where it stopped; *ret_fault says why, unless the input or the
 * head ended. */
static const char *fields_push(struct sl_head_check *check, const char *p, const char *end,
                               enum sl_head_fault *ret_fault)
{
    while (p < end) {
        char c = *p;
        switch ((enum state)check->state) {
        case ST_LINE_LF:
            if (c != '\n') {
                *ret_fault = SL_HEAD_BARE_CR;
                return p;
            }
            p++;
            check->state = ST_LINE_START;
            check->is_first_line = false;
            continue;
        case ST_LINE_START:
            if (c == '\r') {
                p++;
                check->state = ST_END_LF;
                continue;
            }
            if (c == ' ' || c == '\t') {
                *ret_fault = SL_HEAD_FOLD;
                return p;
            }
            if (!is_token[(unsigned char)c]) {
                *ret_fault = fault_of(c, SL_HEAD_FIELD);
                return p;
            }
            if (check->n_fields++ == check->max_fields) {
                *ret_fault = SL_HEAD_TOO_MANY_FIELDS;
                return p;
            }
            check->state = ST_NAME;
            continue;
        case ST_NAME:
            p = name_skip(p, end);
            if (p == end) {
                return p;
            }
            if (*p != ':') {
                *ret_fault = fault_of(*p, SL_HEAD_FIELD);
                return p;
            }
            p++;
            check->state = ST_VALUE;
            continue;
        case ST_VALUE:
        case ST_REASON:
            p = value_skip(p, end);
            if (p == end) {
                return p;
            }
            if (*p != '\r') {
                *ret_fault = fault_of(*p, SL_HEAD_CONTROL);
                return p;
            }
            p++;
            check->state = ST_LINE_LF;
            continue;
        case ST_END_LF:
            if (c != '\n') {
                *ret_fault = SL_HEAD_BARE_CR;
                return p;
            }
            check->state = ST_DONE;
            return p + 1;
        case ST_START:
        case ST_START_LF:
        case ST_METHOD:
        case ST_TARGET_FIRST:
        case ST_TARGET:
        case ST_VERSION:
        case ST_FIRST_CR:
        case ST_STATUS_SPACE:
        case ST_STATUS_DIGITS:
        case ST_STATUS_END:
            p = first_line_skip(check, p, end);
            if (p == end) {
                return p;
            }
            *ret_fault = first_line_push(check, *p);
            if (*ret_fault) {
                return p;
            }
            p++;
            continue;
        case ST_DONE:
            return p;
        }
    }
    return p;
}

int sl_head_check_push(struct sl_head_check *check, struct sl_str bytes, size_t *ret_used)
{
    SL_ASSERT(check->state != ST_DONE && check->fault == SL_HEAD_OK);
    size_t room = check->max_bytes - check->offset;
    bool is_cut = bytes.n > room;
    const char *end = bytes.p + (is_cut ? room : bytes.n);
    enum sl_head_fault fault = SL_HEAD_OK;
    const char *p = bytes.n ? fields_push(check, bytes.p, end, &fault) : bytes.p;
    check->offset += (size_t)(p - bytes.p);
    if (fault == SL_HEAD_OK && check->state == ST_DONE) {
        *ret_used = (size_t)(p - bytes.p);
        return 1;
    }
    if (fault == SL_HEAD_OK && (is_cut || check->offset == check->max_bytes)) {
        fault = check->is_first_line ? SL_HEAD_TARGET_TOO_LARGE : SL_HEAD_TOO_LARGE;
    }
    if (fault) {
        check->fault = fault;
        return SL_E_INVAL;
    }
    *ret_used = bytes.n;
    return 0;
}

int sl_head_fault_status(enum sl_head_fault fault)
{
    switch (fault) {
    case SL_HEAD_VERSION:
        return 505;
    case SL_HEAD_TOO_LARGE:
    case SL_HEAD_TOO_MANY_FIELDS:
        return 431;
    case SL_HEAD_TARGET_TOO_LARGE:
        return 414;
    case SL_HEAD_OK:
    case SL_HEAD_NUL:
    case SL_HEAD_BARE_CR:
    case SL_HEAD_BARE_LF:
    case SL_HEAD_FOLD:
    case SL_HEAD_REQUEST_LINE:
    case SL_HEAD_STATUS_LINE:
    case SL_HEAD_FIELD:
    case SL_HEAD_CONTROL:
        break;
    }
    return 400;
}

const char *sl_head_fault_text(enum sl_head_fault fault)
{
    static const char *const texts[] = {
        [SL_HEAD_OK] = "no fault",
        [SL_HEAD_NUL] = "a NUL byte in the message head",
        [SL_HEAD_BARE_CR] = "a CR without LF in the message head",
        [SL_HEAD_BARE_LF] = "an LF without CR in the message head",
        [SL_HEAD_FOLD] = "a line of the message head starts with white space",
        [SL_HEAD_REQUEST_LINE] = "the request line must be METHOD SP target SP HTTP/1.1",
        [SL_HEAD_VERSION] = "only HTTP/1.0 and HTTP/1.1 are spoken here",
        [SL_HEAD_STATUS_LINE] = "the status line must be HTTP/1.x SP three digits SP reason",
        [SL_HEAD_FIELD] = "a malformed field line in the message head",
        [SL_HEAD_CONTROL] = "a control character in the message head",
        [SL_HEAD_TOO_LARGE] = "the message head is larger than the limit (server.limits.head)",
        [SL_HEAD_TARGET_TOO_LARGE] = "the request target is longer than the limit (server.limits.head)",
        [SL_HEAD_TOO_MANY_FIELDS] = "the message head has more fields than the limit (256 header fields)",
    };
    return (size_t)fault < SL_ARRAY_LEN(texts) ? texts[fault] : "?";
}

const char *sl_trailer_fault_text(enum sl_head_fault fault)
{
    if (fault == SL_HEAD_TOO_LARGE) {
        return "the trailer section is larger than the limit (8192 bytes of trailers)";
    }
    if (fault == SL_HEAD_TOO_MANY_FIELDS) {
        return "the trailer section has more fields than the limit (256 trailer fields)";
    }
    return "a malformed trailer section behind the last chunk";
}
