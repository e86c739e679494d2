/* SPDX-License-Identifier: Apache-2.0 */
#include "json/scan.h"

#include "json/simd.h"

enum state {
    ST_START,    /* before the opening brace */
    ST_KEY_WAIT, /* in the object: a name, a comma or the end */
    ST_KEY,      /* in a member's name */
    ST_COLON,    /* behind the name */
    ST_VALUE_WAIT,
    ST_SCALAR, /* number or literal: until comma or brace */
    ST_STRING, /* a value that is a string */
    ST_NESTED, /* inside a container value, `depth` deep */
    ST_NESTED_STRING,
    ST_ESCAPE = 16, /* flag: the next byte is escaped */
};

void sl_json_scan_init(struct sl_json_scan *scan, const struct sl_json_scan_want *wants, size_t n_wants)
{
    SL_ASSERT(n_wants <= SL_JSON_SCAN_MEMBERS_MAX);
    *scan = (struct sl_json_scan){ .wants = wants, .n_wants = (uint8_t)n_wants, .at = -1 };
    for (size_t i = 0; i < n_wants; i++) {
        SL_ASSERT(wants[i].name.n <= SL_JSON_SCAN_NAME_MAX);
        if (wants[i].name.n) {
            scan->lengths |= 1u << wants[i].name.n;
            scan->letters |= SL_JSON_SCAN_LETTER(*wants[i].name.p);
        }
        sl_buf_init(&scan->members[i].value, wants[i].keep_bytes);
    }
}

void sl_json_scan_done(struct sl_json_scan *scan)
{
    for (size_t i = 0; i < scan->n_wants; i++) {
        sl_buf_done(&scan->members[i].value);
    }
}

/* True: a byte that may stand before the object: white space, or of the byte order mark. */
static bool is_before(char c)
{
    return sl_char_is_blank(c) || c == '\xef' || c == '\xbb' || c == '\xbf';
}

/* Keeps the bytes of the value up to `p`, if the caller asked for them. */
static void value_keep(struct sl_json_scan *scan, const char *p)
{
    if (scan->at >= 0 && scan->wants[scan->at].keep_bytes) {
        sl_buf_add(&scan->members[scan->at].value, scan->value_from, (size_t)(p - scan->value_from));
    }
}

static void value_end(struct sl_json_scan *scan, const char *p)
{
    if (scan->at >= 0) {
        value_keep(scan, p);
        scan->members[scan->at].is_whole = true;
        scan->at = -1;
    }
    scan->state = ST_KEY_WAIT;
}

/* The list, object or text whose inside begins at `p` is not empty. For a value that is not kept that is all: the rest
 * is skipped. */
static void inside_note(struct sl_json_scan *scan, const char *p, const char *end)
{
    struct sl_json_scan_member *member = &scan->members[scan->at];
    bool is_text = member->first == '"';
    while (!is_text && p < end && sl_char_is_blank(*p)) {
        p++;
    }
    member->is_filled = p < end && *p != (is_text ? '"' : ']') && (is_text || *p != '}');
    if (member->is_filled && !scan->wants[scan->at].keep_bytes) {
        scan->at = -1;
    }
}

static void end_note(struct sl_json_scan *scan, const char *stop)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(scan->ends->of); i++) {
        scan->has_end |= memcmp(stop - SL_JSON_SCAN_END, scan->ends->of[i], SL_JSON_SCAN_END) == 0;
    }
}

/* A name or a text ends at `stop`; it has no escape from `begin` on. */
SL_INLINE void end_look(struct sl_json_scan *scan, const char *begin, const char *stop)
{
    if (SL_LIKELY(!scan->ends)) {
        return;
    }
    if (stop - begin < SL_JSON_SCAN_END) {
        scan->has_end |= begin == scan->value_from; /* the text before may be in an earlier piece */
    } else if ((scan->ends->letters & SL_JSON_SCAN_LETTER(stop[-1])) &&
               (scan->ends->before & SL_JSON_SCAN_LETTER(stop[-2]))) {
        end_note(scan, stop);
    }
}

SL_INLINE bool may_be_wanted(const struct sl_json_scan *scan, struct sl_str name)
{
    return name.n && name.n <= SL_JSON_SCAN_NAME_MAX && (scan->lengths >> name.n & 1) &&
           (scan->letters & SL_JSON_SCAN_LETTER(*name.p));
}

static void name_end(struct sl_json_scan *scan, struct sl_str name)
{
    bool is_near = may_be_wanted(scan, name);
    scan->at = -1;
    for (unsigned i = 0; is_near && i < scan->n_wants; i++) {
        if (scan->wants[i].name.n == name.n && sl_str_same_n(scan->wants[i].name.p, name.p, name.n)) {
            scan->at = (int8_t)i;
        }
    }
    scan->state = ST_COLON;
}

static void name_add(struct sl_json_scan *scan, const char *p, size_t n)
{
    bool is_short = n <= SL_JSON_SCAN_NAME_MAX && scan->n_name + n <= SL_JSON_SCAN_NAME_MAX;
    if (is_short && n) {
        memcpy(scan->name + scan->n_name, p, n);
    }
    scan->n_name = (uint8_t)(is_short ? scan->n_name + n : SL_JSON_SCAN_NAME_MAX + 1);
}

/* In a name: nearly always all of it is there. Escapes never match, because the wanted names are plain ASCII. */
static const char *key_push(struct sl_json_scan *scan, const char *p, const char *end)
{
    if (scan->state & ST_ESCAPE) {
        scan->state = ST_KEY;
        return p + 1;
    }
    const char *stop = sl_simd_quote_find(p, end);
    if (stop < end && *stop == '"') {
        end_look(scan, p, stop);
    }
    if (stop < end && *stop == '"' && scan->n_name == 0) {
        name_end(scan, sl_str_make(p, (size_t)(stop - p)));
        return stop + 1;
    }
    name_add(scan, p, (size_t)(stop - p));
    if (stop == end) {
        return end;
    }
    if (*stop == '"') {
        bool is_short = scan->n_name <= SL_JSON_SCAN_NAME_MAX;
        name_end(scan, is_short ? sl_str_make(scan->name, scan->n_name) : SL_STR(""));
    } else {
        scan->n_name = SL_JSON_SCAN_NAME_MAX + 1;
        scan->state = ST_KEY | ST_ESCAPE;
    }
    return stop + 1;
}

/* Inside a string: returns the place behind its end, or the end of the bytes. */
static const char *string_push(struct sl_json_scan *scan, const char *p, const char *end, enum state inside)
{
    p += (scan->state & ST_ESCAPE) != 0;
    scan->state = (uint8_t)inside;
    while (p < end) {
        const char *begin = p;
        p = sl_simd_quote_find(p, end);
        if (p == end) {
            break;
        }
        if (*p++ == '"') {
            end_look(scan, begin, p - 1);
            scan->state = ST_NESTED;
            break;
        }
        if (p == end) {
            scan->state = (uint8_t)(inside | ST_ESCAPE);
            break;
        }
        p++;
    }
    return p;
}

static const char *text_push(struct sl_json_scan *scan, const char *p, const char *end)
{
    if (scan->at >= 0 && !scan->members[scan->at].is_filled) {
        inside_note(scan, p, end);
    }
    p = string_push(scan, p, end, ST_STRING);
    if (scan->state == ST_NESTED) {
        value_end(scan, p);
    }
    return p;
}

/* What counts inside of a list or an object. */
static const bool is_mark[256] = { ['"'] = true, ['{'] = true, ['['] = true, ['}'] = true, [']'] = true };

static const char *nested_push(struct sl_json_scan *scan, const char *p, const char *end)
{
    if (scan->at >= 0 && !scan->members[scan->at].is_filled) {
        inside_note(scan, p, end);
    }
    while (p < end && scan->state == ST_NESTED) {
        while (p < end && !is_mark[(unsigned char)*p]) {
            p++;
        }
        if (p == end) {
            break;
        }
        switch (*p++) {
        case '"':
            p = string_push(scan, p, end, ST_NESTED_STRING);
            break;
        case '{':
        case '[':
            scan->depth++;
            break;
        case '}':
        case ']':
            if (--scan->depth == 0) {
                value_end(scan, p);
            }
            break;
        default:
            break;
        }
    }
    return p;
}

static const bool is_scalar_end[256] = {
    [','] = true, ['}'] = true, [' '] = true, ['\t'] = true, ['\r'] = true, ['\n'] = true,
};

static const char *scalar_push(struct sl_json_scan *scan, const char *p, const char *end)
{
    while (p < end && !is_scalar_end[(unsigned char)*p]) {
        p++;
    }
    if (p < end) {
        value_end(scan, p);
    }
    return p;
}

/* The length of the number or literal; SL_SIMD_SHORT: it is that long, or something else. */
static size_t short_scalar(const char *p)
{
    size_t n = *p == '{' || *p == '[' || sl_char_is_blank(*p) ? SL_SIMD_SHORT : 1;
    while (n < SL_SIMD_SHORT && !is_scalar_end[(unsigned char)p[n]]) {
        n++;
    }
    return n;
}

/* Goes over members that nobody asked for, as long as name and value are short texts, numbers or literals and all of
 * them is there: most of a reply's. Returns the place of the first other one. */
static const char *members_skip(const struct sl_json_scan *scan, const char *p, const char *end)
{
    while (end - p > 2 * SL_SIMD_SHORT + 8 && p[0] == ',' && p[1] == '"') {
        struct sl_str name = sl_str_make(p + 2, sl_simd_short_text(p + 2));
        const char *value = name.p + name.n + 2;
        if (name.n == SL_SIMD_SHORT || value[-2] != '"' || value[-1] != ':' || may_be_wanted(scan, name)) {
            break;
        }
        size_t n = *value == '"' ? sl_simd_short_text(value + 1) : short_scalar(value);
        if (n == SL_SIMD_SHORT || (*value == '"' && value[1 + n] != '"')) {
            break;
        }
        p = value + n + (*value == '"' ? 2 : 0);
    }
    return p;
}

static void value_begin(struct sl_json_scan *scan, const char *p)
{
    char first = *p;
    bool is_nested = first == '{' || first == '[';
    if (scan->at >= 0 && scan->wants[scan->at].begins && scan->wants[scan->at].begins != first) {
        scan->at = -1;
    }
    if (scan->at >= 0) {
        struct sl_json_scan_member *member = &scan->members[scan->at];
        sl_buf_reset(&member->value);
        member->first = first;
        member->is_filled = !is_nested && first != '"';
        member->is_whole = false;
    }
    scan->value_from = p;
    scan->depth = 1;
    scan->state = first == '"' ? ST_STRING : is_nested ? ST_NESTED : ST_SCALAR;
}

void sl_json_scan_push(struct sl_json_scan *scan, struct sl_str bytes)
{
    const char *p = bytes.p, *end = bytes.p + bytes.n;
    scan->value_from = p;
    while (p < end) {
        switch ((enum state)(scan->state & ~ST_ESCAPE)) {
        case ST_START:
            scan->first = scan->first || is_before(*p) ? scan->first : *p;
            scan->state = *p++ == '{' ? ST_KEY_WAIT : scan->state;
            break;
        case ST_KEY_WAIT:
            p = scan->ends ? p : members_skip(scan, p, end);
            if (*p == ',' && end - p > 1 && p[1] == '"') {
                p++;
            }
            if (*p != '"') {
                scan->is_closed |= *p++ == '}';
                break;
            }
            scan->state = ST_KEY;
            scan->n_name = 0;
            p++;
            break;
        case ST_KEY:
            p = key_push(scan, p, end);
            if (scan->state != ST_COLON || p == end) {
                break;
            }
            /* fall through */
        case ST_COLON:
            scan->state = *p++ == ':' ? ST_VALUE_WAIT : scan->state;
            if (scan->state != ST_VALUE_WAIT || p == end) {
                break;
            }
            /* fall through */
        case ST_VALUE_WAIT:
            if (!sl_char_is_blank(*p)) {
                value_begin(scan, p);
            }
            p++;
            break;
        case ST_SCALAR:
            p = scalar_push(scan, p, end);
            break;
        case ST_STRING:
            p = text_push(scan, p, end);
            break;
        case ST_NESTED:
            p = nested_push(scan, p, end);
            break;
        case ST_NESTED_STRING:
            p = string_push(scan, p, end, ST_NESTED_STRING);
            break;
        case ST_ESCAPE:
            break;
        }
    }
    if ((scan->state & ~ST_ESCAPE) > ST_VALUE_WAIT) {
        value_keep(scan, end);
    }
}

bool sl_json_scan_is_cut(const struct sl_json_scan *scan)
{
    return scan->state != ST_START && !scan->is_closed;
}

bool sl_json_scan_value(const struct sl_json_scan *scan, size_t i, struct sl_str *ret)
{
    const struct sl_json_scan_member *member = &scan->members[i];
    if (!member->is_whole || !scan->wants[i].keep_bytes || sl_buf_status(&member->value) < 0) {
        return false;
    }
    *ret = sl_buf_str(&member->value);
    return true;
}
