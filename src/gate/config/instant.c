/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/instant.h"

#include <time.h>

#include "base/num.h"

/* Reads the numbers of a text into `fields`. In `form`, d is a digit, and T may also be t or a space. False: the text
 * has another form. */
static bool fields_read(struct sl_str *io_text, const char *form, int *fields)
{
    size_t i = 0;
    int at = 0;
    for (; form[i]; i++) {
        char c = i < io_text->n ? io_text->p[i] : '\0';
        bool is_digit = c >= '0' && c <= '9';
        if (form[i] == 'd' ? !is_digit : form[i] == 'T' ? c != 'T' && c != 't' && c != ' ' : c != form[i]) {
            return false;
        }
        if (is_digit) {
            fields[at] = fields[at] * 10 + (c - '0');
        } else {
            at++;
        }
    }
    *io_text = sl_str_sub(*io_text, i, io_text->n);
    return true;
}

/* Reads "Z" or "+02:00" at the end of the text. */
static bool zone_read(struct sl_str text, int64_t *ret_sec)
{
    *ret_sec = 0;
    if (sl_str_eq_c(text, "Z") || sl_str_eq_c(text, "z")) {
        return true;
    }
    int fields[2] = { 0 };
    int64_t sign = sl_str_has_prefix(text, SL_STR("+")) ? 1 : sl_str_has_prefix(text, SL_STR("-")) ? -1 : 0;
    text = sl_str_sub(text, 1, text.n);
    if (!sign || !fields_read(&text, "dd:dd", fields) || text.n || fields[0] > 23 || fields[1] > 59) {
        return false;
    }
    *ret_sec = sign * (fields[0] * 3600 + fields[1] * 60);
    return true;
}

int sl_instant_parse(struct sl_str text, uint64_t *ret_sec)
{
    if (sl_parse_u64(text, 0, SL_INSTANT_MAX, ret_sec) == 0) {
        return 0;
    }
    int fields[6] = { 0 };
    int64_t zone;
    if (!fields_read(&text, "dddd-dd-ddTdd:dd:dd", fields)) {
        return SL_E_INVAL;
    }
    if (sl_str_has_prefix(text, SL_STR("."))) { /* a fraction of a second is ignored */
        size_t n = 1;
        while (n < text.n && text.p[n] >= '0' && text.p[n] <= '9') {
            n++;
        }
        text = n > 1 ? sl_str_sub(text, n, text.n) : text;
    }
    if (!zone_read(text, &zone)) {
        return SL_E_INVAL;
    }
    struct tm tm = { .tm_year = fields[0] - 1900,
                     .tm_mon = fields[1] - 1,
                     .tm_mday = fields[2],
                     .tm_hour = fields[3],
                     .tm_min = fields[4],
                     .tm_sec = fields[5] };
    struct tm asked = tm;
    int64_t sec = timegm(&tm);
    /* timegm changes a date that does not exist into another one: the 31st of June is no date. */
    bool is_same = tm.tm_year == asked.tm_year && tm.tm_mon == asked.tm_mon && tm.tm_mday == asked.tm_mday &&
                   tm.tm_hour == asked.tm_hour && tm.tm_min == asked.tm_min && tm.tm_sec == asked.tm_sec;
    if (!is_same || sec - zone < 0) {
        return SL_E_INVAL;
    }
    *ret_sec = (uint64_t)(sec - zone);
    return 0;
}

struct sl_str sl_instant_format(uint64_t sec, char out[32])
{
    time_t t = (time_t)sec;
    struct tm tm;
    gmtime_r(&t, &tm);
    return sl_str_make(out, strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm));
}

struct sl_str sl_instant_format_usec(uint64_t usec, char out[32])
{
    return sl_instant_format(usec / SL_USEC_PER_SEC, out);
}
