/* SPDX-License-Identifier: Apache-2.0 */
#include "base/num.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int sl_parse_u64(struct sl_str s, uint64_t min, uint64_t max, uint64_t *ret)
{
    if (s.n == 0) {
        return SL_E_INVAL;
    }
    uint64_t v = 0;
    bool is_over = false;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_digit(s.p[i])) {
            return SL_E_INVAL;
        }
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (v > (UINT64_MAX - digit) / 10) {
            is_over = true;
        } else {
            v = v * 10 + digit;
        }
    }
    if (is_over || v < min || v > max) {
        return SL_E_RANGE;
    }
    *ret = v;
    return 0;
}

int sl_parse_i64(struct sl_str s, int64_t min, int64_t max, int64_t *ret)
{
    bool is_negative = s.n > 0 && s.p[0] == '-';
    uint64_t v;
    int r = sl_parse_u64(is_negative ? sl_str_sub(s, 1, s.n) : s, 0, (uint64_t)INT64_MAX + is_negative, &v);
    if (r < 0) {
        return r;
    }
    int64_t value = is_negative ? (int64_t)(0 - v) : (int64_t)v;
    if (value < min || value > max) {
        return SL_E_RANGE;
    }
    *ret = value;
    return 0;
}

static size_t digits_skip(struct sl_str s, size_t i)
{
    while (i < s.n && is_digit(s.p[i])) {
        i++;
    }
    return i;
}

/* RFC 8259 section 6: [-] int [frac] [exp] */
static bool is_number(struct sl_str s)
{
    size_t i = s.n > 0 && s.p[0] == '-';
    size_t end = digits_skip(s, i);
    if (end == i || (s.p[i] == '0' && end > i + 1)) {
        return false;
    }
    i = end;
    if (i < s.n && s.p[i] == '.') {
        end = digits_skip(s, i + 1);
        if (end == i + 1) {
            return false;
        }
        i = end;
    }
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        i++;
        if (i < s.n && (s.p[i] == '+' || s.p[i] == '-')) {
            i++;
        }
        end = digits_skip(s, i);
        if (end == i) {
            return false;
        }
        i = end;
    }
    return i == s.n;
}

int sl_parse_double(struct sl_str s, double *ret)
{
    if (!is_number(s)) {
        return SL_E_INVAL;
    }
    /* strtod needs a NUL. Digits beyond 400 cannot change a double except through the exponent, and a text that long is
     * a mistake or an attack. The decimal point is '.', whatever locale a program with libsluice has set; "C" is a
     * constant of the C library, which neither allocates nor needs to be freed. */
    char text[512];
    if (s.n >= sizeof(text)) {
        return SL_E_RANGE;
    }
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double v = c_locale ? strtod_l(text, NULL, c_locale) : NAN;
    if (!isfinite(v)) {
        return SL_E_RANGE;
    }
    *ret = v;
    return 0;
}

int sl_parse_hex64(struct sl_str s, uint64_t *ret)
{
    if (s.n == 0) {
        return SL_E_INVAL;
    }
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        unsigned digit;
        if (is_digit(c)) {
            digit = (unsigned)(c - '0');
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            digit = (unsigned)((c | 0x20) - 'a') + 10;
        } else {
            return SL_E_INVAL;
        }
        if (v >> 60) {
            return SL_E_RANGE;
        }
        v = v << 4 | digit;
    }
    *ret = v;
    return 0;
}

struct unit {
    const char *name;
    uint64_t factor;
};

/* Ascending, so that the last one that divides is the largest. */
static const struct unit duration_units[] = {
    { "ms", 1000 }, { "s", 1000000 }, { "m", 60000000 }, { "h", 3600000000ULL }, { "d", 86400000000ULL },
};

static const struct unit size_units[] = {
    { "B", 1 },         { "kB", 1000 },       { "KiB", 1024 },       { "MB", 1000000 },
    { "MiB", 1048576 }, { "GB", 1000000000 }, { "GiB", 1073741824 },
};

static int parse_with_unit(struct sl_str s, const struct unit *units, size_t n_units, uint64_t *ret)
{
    size_t digits = digits_skip(s, 0);
    if (digits == 0) {
        return SL_E_INVAL;
    }
    struct sl_str name = sl_str_sub(s, digits, s.n);
    for (size_t i = 0; i < n_units; i++) {
        if (sl_str_eq_c(name, units[i].name)) {
            uint64_t v;
            int r = sl_parse_u64(sl_str_sub(s, 0, digits), 0, (uint64_t)INT64_MAX / units[i].factor, &v);
            if (r == 0) {
                *ret = v * units[i].factor;
            }
            return r;
        }
    }
    return SL_E_INVAL;
}

int sl_parse_duration(struct sl_str s, uint64_t *ret_usec)
{
    return parse_with_unit(s, duration_units, SL_ARRAY_LEN(duration_units), ret_usec);
}

int sl_parse_size(struct sl_str s, uint64_t *ret_bytes)
{
    return parse_with_unit(s, size_units, SL_ARRAY_LEN(size_units), ret_bytes);
}

int sl_parse_whole(struct sl_str s, uint64_t min, uint64_t max, uint64_t *ret)
{
    double d;
    int r = sl_parse_u64(s, min, max, ret);
    if (r != SL_E_INVAL || sl_parse_double(s, &d) < 0) {
        return r;
    }
    if (d < 0 || d >= 9223372036854775808.0 || d != (double)(int64_t)d) {
        return SL_E_INVAL;
    }
    uint64_t v = (uint64_t)d;
    if (v < min || v > max) {
        return SL_E_RANGE;
    }
    *ret = v;
    return 0;
}

#define NANO 1000000000u

/* "12.50": the whole dollars, and up to nine digits behind the point. */
static int decimal_parse(struct sl_str s, uint64_t *ret_nano)
{
    ptrdiff_t point = sl_str_find_char(s, '.', 0);
    struct sl_str whole = point < 0 ? s : sl_str_sub(s, 0, (size_t)point);
    struct sl_str part = point < 0 ? SL_STR("0") : sl_str_sub(s, (size_t)point + 1, s.n);
    uint64_t dollars, nano;
    if (part.n > 9 || sl_parse_u64(whole, 0, UINT64_MAX / NANO - 1, &dollars) < 0 ||
        sl_parse_u64(part, 0, NANO - 1, &nano) < 0) {
        return SL_E_INVAL;
    }
    for (size_t i = part.n; i < 9; i++) {
        nano *= 10;
    }
    *ret_nano = dollars * NANO + nano;
    return 0;
}

int sl_parse_dollars(struct sl_str s, uint64_t max_nano, uint64_t *ret_nano)
{
    uint64_t nano;
    double dollars;
    int r = decimal_parse(s, &nano);
    if (r < 0) {
        r = sl_parse_double(s, &dollars);
        if (r == 0 && (dollars < 0 || dollars > 1e10)) {
            return SL_E_RANGE;
        }
        nano = r == 0 ? (uint64_t)llround(dollars * NANO) : 0;
    }
    if (r < 0 || nano > max_nano) {
        return r < 0 ? r : SL_E_RANGE;
    }
    *ret_nano = nano;
    return 0;
}

size_t sl_format_dollars(uint64_t nano, char out[SL_DOLLARS_TEXT_MAX])
{
    size_t n = sl_format_u64(nano / NANO, out);
    uint64_t rest = nano % NANO;
    if (rest) {
        out[n++] = '.';
        for (uint64_t unit = NANO / 10; rest; unit /= 10) {
            out[n++] = (char)('0' + rest / unit);
            rest %= unit;
        }
    }
    return n;
}

int sl_parse_bool(struct sl_str s, bool *ret)
{
    static const char *const words[] = { "false", "true", "no", "yes", "off", "on" };
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        if (sl_str_case_eq(s, sl_str_c(words[i]))) {
            *ret = i % 2;
            return 0;
        }
    }
    return SL_E_INVAL;
}

void sl_format_duration(uint64_t usec, char out[32])
{
    const struct unit *unit = &duration_units[0];
    for (size_t i = 1; i < SL_ARRAY_LEN(duration_units) && usec; i++) {
        if (usec % duration_units[i].factor == 0) {
            unit = &duration_units[i];
        }
    }
    if (usec == 0) {
        unit = &duration_units[1];
    }
    snprintf(out, 32, "%llu%s", (unsigned long long)(usec / unit->factor), unit->name);
}

void sl_format_size(uint64_t bytes, char out[32])
{
    static const struct unit binary[] = { { "GiB", 1073741824 }, { "MiB", 1048576 }, { "KiB", 1024 }, { "B", 1 } };
    size_t i = 0;
    while (bytes % binary[i].factor || bytes == 0) {
        if (++i == SL_ARRAY_LEN(binary) - 1) {
            break;
        }
    }
    snprintf(out, 32, "%llu%s", (unsigned long long)(bytes / binary[i].factor), binary[i].name);
}

static size_t digits_of(uint64_t v)
{
    size_t n = 1;
    for (; v >= 10000; v /= 10000) {
        n += 4;
    }
    return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

size_t sl_format_u64(uint64_t v, char out[20])
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    size_t n = digits_of(v);
    char *p = out + n;
    while (v >= 100) {
        p -= 2;
        memcpy(p, &pairs[2 * (v % 100)], 2);
        v /= 100;
    }
    if (v >= 10) {
        memcpy(out, &pairs[2 * v], 2);
    } else {
        *out = (char)('0' + v);
    }
    return n;
}

/* Eight digits at once: each half byte gets a byte, and then its letter. */
static void hex_format8(uint32_t v, char *out)
{
    uint64_t x = v;
    x = (x & 0xffff0000) << 16 | (x & 0xffff);
    x = (x & 0x0000ff000000ff00) << 8 | (x & 0x000000ff000000ff);
    x = (x & 0x00f000f000f000f0) << 4 | (x & 0x000f000f000f000f);
    uint64_t are_letters = (x + 0x0606060606060606) >> 4 & 0x0101010101010101;
    x += 0x3030303030303030 + are_letters * ('a' - '0' - 10);
    for (int i = 0; i < 8; i++) {
        out[i] = (char)(x >> (56 - 8 * i));
    }
}

char *sl_format_hex(uint64_t v, size_t n, char *out)
{
    size_t i = n;
    for (; i >= 8; v >>= 32) {
        i -= 8;
        hex_format8((uint32_t)v, out + i);
    }
    for (; i > 0; v >>= 4) {
        out[--i] = "0123456789abcdef"[v & 15];
    }
    return out + n;
}
