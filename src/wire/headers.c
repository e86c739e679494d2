/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/headers.h"

#include <stdio.h>
#include <time.h>

#include "base/arena.h"
#include "base/num.h"

#define HEADERS_MIN 16

const struct sl_header *sl_headers_find(const struct sl_headers *headers, struct sl_str name)
{
    for (uint32_t i = 0; i < headers->n; i++) {
        if (sl_str_case_eq(headers->v[i].name, name)) {
            return &headers->v[i];
        }
    }
    return NULL;
}

uint32_t sl_headers_count(const struct sl_headers *headers, const char *name)
{
    uint32_t n = 0;
    struct sl_str want = sl_str_c(name);
    for (uint32_t i = 0; i < headers->n; i++) {
        n += sl_str_case_eq(headers->v[i].name, want);
    }
    return n;
}

bool sl_headers_begin(const struct sl_headers *headers, struct sl_str prefix)
{
    for (uint32_t i = 0; i < headers->n; i++) {
        struct sl_str name = headers->v[i].name;
        if (name.n >= prefix.n && sl_str_case_eq(sl_str_make(name.p, prefix.n), prefix)) {
            return true;
        }
    }
    return false;
}

int sl_headers_reserve(struct sl_headers *headers, struct sl_arena *arena, uint32_t n)
{
    SL_ASSERT(headers->cap == 0);
    headers->v = sl_arena_alloc(arena, n * sizeof(*headers->v));
    headers->cap = headers->v ? n : 0;
    return headers->v ? 0 : SL_E_NOMEM;
}

int sl_headers_grow(struct sl_headers *headers, struct sl_arena *arena)
{
    uint32_t cap = headers->cap ? headers->cap * 2 : HEADERS_MIN;
    struct sl_header *v = sl_arena_alloc(arena, cap * sizeof(*v));
    if (!v) {
        return SL_E_NOMEM;
    }
    if (headers->n) {
        memcpy(v, headers->v, headers->n * sizeof(*v));
    }
    headers->v = v;
    headers->cap = cap;
    return 0;
}

bool sl_headers_has_token(const struct sl_headers *headers, const char *name, const char *token)
{
    struct sl_str want_name = sl_str_c(name), want = sl_str_c(token);
    for (uint32_t i = 0; i < headers->n; i++) {
        if (!sl_str_case_eq(headers->v[i].name, want_name)) {
            continue;
        }
        struct sl_str rest = headers->v[i].value, part;
        while (sl_str_next(&rest, ',', &part)) {
            if (sl_str_case_eq(sl_str_trim(part), want)) {
                return true;
            }
        }
    }
    return false;
}

void sl_headers_drop(struct sl_headers *headers, const struct sl_str *list)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < headers->n; i++) {
        if (!sl_header_is_listed(headers->v[i].name, list)) {
            headers->v[n++] = headers->v[i];
        }
    }
    headers->n = n;
}

void sl_headers_drop_among(struct sl_headers *headers, const struct sl_header_names *names)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < headers->n; i++) {
        if (sl_header_is_among(headers->v[i].name, names)) {
            continue;
        }
        if (n != i) {
            headers->v[n] = headers->v[i];
        }
        n++;
    }
    headers->n = n;
}

bool sl_header_is_hop_by_hop(struct sl_str name)
{
    static const struct sl_header_names names = { {
        [2] = { SL_STR_INIT("te") },
        [7] = { SL_STR_INIT("trailer"), SL_STR_INIT("upgrade") },
        [10] = { SL_STR_INIT("connection"), SL_STR_INIT("keep-alive") },
        [16] = { SL_STR_INIT("proxy-connection") },
        [17] = { SL_STR_INIT("transfer-encoding") },
        [18] = { SL_STR_INIT("proxy-authenticate") },
        [19] = { SL_STR_INIT("proxy-authorization") },
    } };
    return sl_header_is_among(name, &names);
}

static bool eight_are_visible(const char *p)
{
    const uint64_t ones = 0x0101010101010101ULL, highs = 0x8080808080808080ULL;
    uint64_t w;
    memcpy(&w, p, 8);
    uint64_t low = (w - ones * 0x21) & ~w, beyond = w | (w + ones); /* 0x7f is one below a byte with its high bit */
    return ((low | beyond) & highs) == 0;
}

bool sl_header_is_visible(struct sl_str value, size_t max)
{
    if (value.n == 0 || value.n > max) {
        return false;
    }
    if (value.n < 8) {
        bool is_visible = true;
        for (size_t i = 0; i < value.n; i++) {
            is_visible &= value.p[i] > 0x20 && value.p[i] < 0x7f;
        }
        return is_visible;
    }
    for (size_t i = 0; i < value.n; i += 8) {
        if (!eight_are_visible(value.p + SL_MIN(i, value.n - 8))) { /* some are looked at twice */
            return false;
        }
    }
    return true;
}

const char *sl_status_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        { 200, "OK" },
        { 100, "Continue" },
        { 101, "Switching Protocols" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 203, "Non-Authoritative Information" },
        { 204, "No Content" },
        { 205, "Reset Content" },
        { 206, "Partial Content" },
        { 300, "Multiple Choices" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 303, "See Other" },
        { 304, "Not Modified" },
        { 307, "Temporary Redirect" },
        { 308, "Permanent Redirect" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 402, "Payment Required" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" },
        { 407, "Proxy Authentication Required" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 410, "Gone" },
        { 411, "Length Required" },
        { 412, "Precondition Failed" },
        { 413, "Payload Too Large" },
        { 414, "URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 416, "Range Not Satisfiable" },
        { 417, "Expectation Failed" },
        { 421, "Misdirected Request" },
        { 422, "Unprocessable Entity" },
        { 423, "Locked" },
        { 424, "Failed Dependency" },
        { 425, "Too Early" },
        { 426, "Upgrade Required" },
        { 428, "Precondition Required" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 451, "Unavailable For Legal Reasons" },
        { 499, "Client Closed Request" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
        { 507, "Insufficient Storage" },
        { 529, "Overloaded" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(reasons); i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Unknown";
}

static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char *const long_days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };
static const char *const months[] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};

void sl_http_date(int64_t unix_sec, char out[30])
{
    time_t t = (time_t)unix_sec;
    struct tm tm;
    gmtime_r(&t, &tm);
    char text[80];
    snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
             tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    memcpy(out, text, 29);
    out[29] = '\0';
}

static int month_find(struct sl_str s)
{
    for (int i = 0; i < 12; i++) {
        if (sl_str_eq_c(s, months[i])) {
            return i;
        }
    }
    return -1;
}

/* "HH:MM:SS" */
static int clock_parse(struct sl_str s, struct tm *tm)
{
    uint64_t h, m, sec;
    if (s.n != 8 || s.p[2] != ':' || s.p[5] != ':' || sl_parse_u64(sl_str_sub(s, 0, 2), 0, 23, &h) < 0 ||
        sl_parse_u64(sl_str_sub(s, 3, 5), 0, 59, &m) < 0 || sl_parse_u64(sl_str_sub(s, 6, 8), 0, 60, &sec) < 0) {
        return SL_E_INVAL;
    }
    tm->tm_hour = (int)h;
    tm->tm_min = (int)m;
    tm->tm_sec = (int)sec;
    return 0;
}

/* The three forms of RFC 9110 5.6.7 as words; the weekday is not checked against the date. */
int sl_parse_http_date(struct sl_str s, int64_t *ret_unix_sec)
{
    struct sl_str words[8], rest = s, word;
    size_t n = 0;
    while (sl_str_next(&rest, ' ', &word)) {
        if (word.n && n < SL_ARRAY_LEN(words)) {
            words[n++] = word;
        }
    }
    struct tm tm = { 0 };
    uint64_t day, year;
    struct sl_str dayname, d, mon, y, time;
    if (n == 6 && sl_str_eq_c(words[5], "GMT")) { /* Sun, 06 Nov 1994 08:49:37 GMT */
        dayname = words[0], d = words[1], mon = words[2], y = words[3], time = words[4];
    } else if (n == 4 && sl_str_eq_c(words[3], "GMT")) { /* Sunday, 06-Nov-94 08:49:37 GMT */
        struct sl_str date = words[1];
        dayname = words[0], time = words[2];
        if (!sl_str_next(&date, '-', &d) || !sl_str_next(&date, '-', &mon) || !sl_str_next(&date, '-', &y) || date.p) {
            return SL_E_INVAL;
        }
    } else if (n == 5) { /* Sun Nov  6 08:49:37 1994 */
        dayname = words[0], mon = words[1], d = words[2], time = words[3], y = words[4];
    } else {
        return SL_E_INVAL;
    }
    bool has_day = false;
    struct sl_str bare = dayname.n && dayname.p[dayname.n - 1] == ',' ? sl_str_sub(dayname, 0, dayname.n - 1) : dayname;
    for (size_t i = 0; i < 7; i++) {
        has_day |= sl_str_eq_c(bare, days[i]) || sl_str_eq_c(bare, long_days[i]);
    }
    tm.tm_mon = month_find(mon);
    if (!has_day || tm.tm_mon < 0 || sl_parse_u64(d, 1, 31, &day) < 0 || sl_parse_u64(y, 0, 9999, &year) < 0 ||
        (y.n != 4 && y.n != 2) || clock_parse(time, &tm) < 0) {
        return SL_E_INVAL;
    }
    if (y.n == 2) {
        year += year < 70 ? 2000 : 1900;
    }
    tm.tm_mday = (int)day;
    tm.tm_year = (int)year - 1900;
    *ret_unix_sec = (int64_t)timegm(&tm);
    return 0;
}

/* "Z", "+HH:MM" or "-HH:MM", in seconds. */
static int offset_parse(struct sl_str s, int64_t *ret_sec)
{
    uint64_t h, m;
    if (s.n == 1 && (s.p[0] == 'Z' || s.p[0] == 'z')) {
        *ret_sec = 0;
        return 0;
    }
    if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':' ||
        sl_parse_u64(sl_str_sub(s, 1, 3), 0, 23, &h) < 0 || sl_parse_u64(sl_str_sub(s, 4, 6), 0, 59, &m) < 0) {
        return SL_E_INVAL;
    }
    *ret_sec = (int64_t)(h * 3600 + m * 60) * (s.p[0] == '-' ? -1 : 1);
    return 0;
}

int sl_parse_instant(struct sl_str s, int64_t *ret_unix_sec)
{
    uint64_t year, month, day;
    struct tm tm = { 0 };
    if (s.n < 20 || s.p[4] != '-' || s.p[7] != '-' || (s.p[10] != 'T' && s.p[10] != 't') ||
        sl_parse_u64(sl_str_sub(s, 0, 4), 1970, 9999, &year) < 0 ||
        sl_parse_u64(sl_str_sub(s, 5, 7), 1, 12, &month) < 0 || sl_parse_u64(sl_str_sub(s, 8, 10), 1, 31, &day) < 0 ||
        clock_parse(sl_str_sub(s, 11, 19), &tm) < 0) {
        return SL_E_INVAL;
    }
    size_t at = 19;
    bool has_fraction = s.p[at] == '.';
    while (has_fraction && at + 1 < s.n && (s.p[at + 1] >= '0' && s.p[at + 1] <= '9')) {
        at++;
    }
    int64_t offset;
    if (offset_parse(sl_str_sub(s, at + has_fraction, s.n), &offset) < 0) {
        return SL_E_INVAL;
    }
    tm.tm_year = (int)year - 1900;
    tm.tm_mon = (int)month - 1;
    tm.tm_mday = (int)day;
    *ret_unix_sec = (int64_t)timegm(&tm) - offset + has_fraction;
    return 0;
}

int sl_parse_retry_after(struct sl_str s, int64_t now_unix_sec, uint64_t *ret_sec)
{
    s = sl_str_trim(s);
    ptrdiff_t dot = sl_str_find_char(s, '.', 0);
    struct sl_str whole = dot > 0 ? sl_str_sub(s, 0, (size_t)dot) : s;
    struct sl_str part = dot > 0 ? sl_str_sub(s, (size_t)dot + 1, s.n) : SL_STR("");
    bool is_number = dot != 0 && (dot < 0 || part.n > 0), has_part = false;
    for (size_t i = 0; i < part.n && is_number; i++) {
        is_number = part.p[i] >= '0' && part.p[i] <= '9';
        has_part |= part.p[i] != '0';
    }
    int r = is_number ? sl_parse_u64(whole, 0, INT32_MAX, ret_sec) : SL_E_INVAL;
    if (r == 0 && has_part) {
        *ret_sec += 1; /* whole seconds, rounded up */
    }
    if (r != SL_E_INVAL) {
        return r;
    }
    int64_t when;
    r = sl_parse_http_date(s, &when);
    if (r == 0) {
        *ret_sec = when > now_unix_sec ? (uint64_t)(when - now_unix_sec) : 0;
    }
    return r;
}

bool sl_header_is_name(struct sl_str s)
{
    static const char marks[] = "!#$%&'*+-.^_`|~"; /* RFC 9110 5.6.2 */
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool is_plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!is_plain && (c == '\0' || !strchr(marks, c))) {
            return false;
        }
    }
    return s.n > 0 && s.n <= 128;
}
