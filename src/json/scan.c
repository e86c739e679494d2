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

void sl_json_scan_init(struct sl_json_scan *scan, const char *key, size_t max_value)
{
    *scan = (struct sl_json_scan){ .value = SL_BUF_INIT(max_value) };
    size_t n = strlen(key);
    SL_ASSERT(n <= SL_JSON_SCAN_KEY_MAX);
    memcpy(scan->key, key, n);
    scan->key_len = (uint8_t)n;
}

void sl_json_scan_done(struct sl_json_scan *scan)
{
    sl_buf_done(&scan->value);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void value_start(struct sl_json_scan *scan)
{
    if (scan->is_match) {
        sl_buf_reset(&scan->value);
        scan->is_found = false;
    }
}

static void value_add(struct sl_json_scan *scan, const char *p, size_t n)
{
    if (scan->is_match) {
        sl_buf_add(&scan->value, p, n);
    }
}

static void value_end(struct sl_json_scan *scan)
{
    if (scan->is_match) {
        scan->is_found = sl_buf_status(&scan->value) == 0;
        scan->is_match = false;
    }
    scan->state = ST_KEY_WAIT;
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

/* In a name. Escapes never match: the key is plain ASCII. */
static const char *key_push(struct sl_json_scan *scan, const char *p, const char *end)
{
    while (p < end) {
        char c = *p++;
        if (scan->state & ST_ESCAPE) {
            scan->state = ST_KEY;
            scan->matched = UINT8_MAX;
        } else if (c == '\\') {
            scan->state = ST_KEY | ST_ESCAPE;
        } else if (c == '"') {
            scan->is_match = scan->matched == scan->key_len;
            scan->state = ST_COLON;
            return p;
        } else if (scan->matched < scan->key_len && scan->key[scan->matched] == c) {
            scan->matched++;
        } else {
            scan->matched = UINT8_MAX;
        }
    }
    return p;
}

static const char *string_push(struct sl_json_scan *scan, const char *p, const char *end, enum state inside)
{
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
    value_start(scan);
    if (c == '"') {
        scan->state = ST_STRING;
        value_add(scan, &c, 1);
    } else if (c == '{' || c == '[') {
        scan->state = ST_NESTED;
        scan->depth = 1;
        value_add(scan, &c, 1);
    } else {
        scan->state = ST_SCALAR;
        value_add(scan, &c, 1);
    }
}

void sl_json_scan_push(struct sl_json_scan *scan, struct sl_str bytes)
{
    const char *p = bytes.p, *end = bytes.p + bytes.n;
    while (p < end) {
        switch ((enum state)(scan->state & ~ST_ESCAPE)) {
        case ST_START:
            scan->state = *p++ == '{' ? ST_KEY_WAIT : scan->state;
            break;
        case ST_KEY_WAIT:
            if (*p == '"') {
                scan->state = ST_KEY;
                scan->matched = 0;
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

bool sl_json_scan_value(const struct sl_json_scan *scan, struct sl_str *ret)
{
    if (!scan->is_found) {
        return false;
    }
    *ret = sl_buf_str(&scan->value);
    return true;
}
