/* SPDX-License-Identifier: Apache-2.0 */
#include "json/scan.h"

#include "json/simd.h"

enum state {
    ST_START,    /* before the opening brace */
    ST_KEY_WAIT, /* in the object: a name, a comma or the end */
    ST_KEY,      /* in a member's name, comparing */
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
        SL_ASSERT(strlen(wants[i].name) <= SL_JSON_SCAN_NAME_MAX);
        sl_buf_init(&scan->members[i].value, wants[i].keep_bytes);
    }
}

void sl_json_scan_done(struct sl_json_scan *scan)
{
    for (size_t i = 0; i < scan->n_wants; i++) {
        sl_buf_done(&scan->members[i].value);
    }
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Of what stands before the object: white space, or a byte of the byte order mark. */
static bool is_before(char c)
{
    return is_space(c) || c == '\xef' || c == '\xbb' || c == '\xbf';
}

static void value_start(struct sl_json_scan *scan, char first)
{
    if (scan->at < 0) {
        return;
    }
    struct sl_json_scan_member *member = &scan->members[scan->at];
    sl_buf_reset(&member->value);
    member->first = first;
    member->is_filled = first != '{' && first != '[' && first != '"';
    member->is_whole = false;
}

static void value_add(struct sl_json_scan *scan, const char *p, size_t n)
{
    if (scan->at >= 0 && scan->wants[scan->at].keep_bytes) {
        sl_buf_add(&scan->members[scan->at].value, p, n);
    }
}

static void value_end(struct sl_json_scan *scan)
{
    if (scan->at >= 0) {
        scan->members[scan->at].is_whole = true;
        scan->at = -1;
    }
    scan->state = ST_KEY_WAIT;
}

/* Something stands in the list, object or text whose inside begins at `p`. Of a value that is not kept that is all
 * that is asked: the rest of it is like any other. */
static void inside_note(struct sl_json_scan *scan, const char *p, const char *end)
{
    struct sl_json_scan_member *member = &scan->members[scan->at];
    bool is_text = member->first == '"';
    while (!is_text && p < end && is_space(*p)) {
        p++;
    }
    member->is_filled = p < end && *p != (is_text ? '"' : ']') && (is_text || *p != '}');
    if (member->is_filled && !scan->wants[scan->at].keep_bytes) {
        scan->at = -1;
    }
}

/* Inside a string: up to the quote or the escape, in one go. */
static const char *string_skip(const char *p, const char *end)
{
    bool unused = false;
    const char *stop = sl_simd_string_stop(p, end, &unused);
    while (stop < end && *stop != '"' && *stop != '\\') {
        stop = sl_simd_string_stop(stop + 1, end, &unused); /* a raw control character is somebody else's fault */
    }
    return stop;
}

/* One more byte of a name: which wants can it still be? A NUL is in none, though each ends with one. */
static void name_compare(struct sl_json_scan *scan, char c)
{
    unsigned left = c ? scan->candidates : 0;
    for (unsigned ask = left; ask; ask &= ask - 1) {
        unsigned i = (unsigned)__builtin_ctz(ask);
        left &= scan->wants[i].name[scan->name_at] == c ? ~0u : ~SL_BIT(i);
    }
    scan->candidates = (uint8_t)left;
    scan->name_at++;
}

static void name_end(struct sl_json_scan *scan)
{
    scan->at = -1;
    for (unsigned ask = scan->candidates; ask; ask &= ask - 1) {
        unsigned i = (unsigned)__builtin_ctz(ask);
        if (scan->wants[i].name[scan->name_at] == '\0') {
            scan->at = (int8_t)i;
        }
    }
    scan->state = ST_COLON;
}

/* In a name. Escapes never match: the names are plain ASCII. */
static const char *key_push(struct sl_json_scan *scan, const char *p, const char *end)
{
    while (p < end) {
        char c = *p++;
        if (scan->state & ST_ESCAPE) {
            scan->state = ST_KEY;
        } else if (c == '\\') {
            scan->state = ST_KEY | ST_ESCAPE;
            scan->candidates = 0;
        } else if (c == '"') {
            name_end(scan);
            return p;
        } else if (scan->candidates) {
            name_compare(scan, c);
        } else {
            while (p < end && *p != '"' && *p != '\\') { /* another name: to its end */
                p++;
            }
        }
    }
    return p;
}

static const char *string_push(struct sl_json_scan *scan, const char *p, const char *end, enum state inside)
{
    if (scan->at >= 0 && !scan->members[scan->at].is_filled) {
        inside_note(scan, p, end);
    }
    while (p < end) {
        if (scan->state & ST_ESCAPE) {
            value_add(scan, p, 1);
            p++;
            scan->state = (uint8_t)inside;
            continue;
        }
        const char *stop = string_skip(p, end);
        value_add(scan, p, (size_t)(stop - p));
        p = stop;
        if (p == end) {
            break;
        }
        value_add(scan, p, 1);
        if (*p++ == '\\') {
            scan->state = (uint8_t)(inside | ST_ESCAPE);
            continue;
        }
        if (inside == ST_STRING) {
            value_end(scan);
        } else {
            scan->state = ST_NESTED;
        }
        return p;
    }
    return p;
}

static const char *nested_push(struct sl_json_scan *scan, const char *p, const char *end)
{
    const char *from = p;
    if (scan->at >= 0 && !scan->members[scan->at].is_filled) {
        inside_note(scan, p, end);
    }
    while (p < end) {
        char c = *p++;
        if (c == '"') {
            scan->state = ST_NESTED_STRING;
            break;
        }
        if (c == '{' || c == '[') {
            scan->depth++;
        } else if ((c == '}' || c == ']') && --scan->depth == 0) {
            value_add(scan, from, (size_t)(p - from));
            value_end(scan);
            return p;
        }
    }
    value_add(scan, from, (size_t)(p - from));
    return p;
}

static const char *scalar_push(struct sl_json_scan *scan, const char *p, const char *end)
{
    const char *from = p;
    while (p < end && *p != ',' && *p != '}' && !is_space(*p)) {
        p++;
    }
    value_add(scan, from, (size_t)(p - from));
    if (p < end) {
        value_end(scan);
    }
    return p;
}

static void value_first(struct sl_json_scan *scan, char c)
{
    value_start(scan, c);
    value_add(scan, &c, 1);
    scan->depth = 1;
    scan->state = c == '"' ? ST_STRING : c == '{' || c == '[' ? ST_NESTED : ST_SCALAR;
}

void sl_json_scan_push(struct sl_json_scan *scan, struct sl_str bytes)
{
    const char *p = bytes.p, *end = bytes.p + bytes.n;
    while (p < end) {
        switch ((enum state)(scan->state & ~ST_ESCAPE)) {
        case ST_START:
            scan->first = scan->first || is_before(*p) ? scan->first : *p;
            scan->state = *p++ == '{' ? ST_KEY_WAIT : scan->state;
            break;
        case ST_KEY_WAIT:
            if (*p == '"') {
                scan->state = ST_KEY;
                scan->name_at = 0;
                scan->candidates = (uint8_t)(SL_BIT(scan->n_wants) - 1);
            }
            scan->is_closed |= *p++ == '}';
            break;
        case ST_KEY:
            p = key_push(scan, p, end);
            break;
        case ST_COLON:
            scan->state = *p++ == ':' ? ST_VALUE_WAIT : scan->state;
            break;
        case ST_VALUE_WAIT:
            if (!is_space(*p)) {
                value_first(scan, *p);
            }
            p++;
            break;
        case ST_SCALAR:
            p = scalar_push(scan, p, end);
            break;
        case ST_STRING:
            p = string_push(scan, p, end, ST_STRING);
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
