/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and booleans as pydantic's lax mode reads them: from JSON numbers, booleans and strings. */
#include "llm/mlflow/coerce.h"

#include <math.h>
#include <stdio.h>

#include "base/num.h"
#include "json/write.h"
#include "llm/mlflow/faults.h"
#include "llm/mlflow/schema.h"

/* A longer text is no number. */
#define NUMBER_MAX 400

#define FAULT(check, type, msg, v) sl_mf_fault_at((check), (type), SL_STR(msg), (v), SL_STR_NONE)

/* --- texts of numbers --- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct sl_str space_trim(struct sl_str s)
{
    static const char space[] = " \t\n\v\f\r";
    while (s.n && strchr(space, s.p[0]) && s.p[0]) {
        s = sl_str_sub(s, 1, s.n);
    }
    while (s.n && strchr(space, s.p[s.n - 1]) && s.p[s.n - 1]) {
        s.n--;
    }
    return s;
}

/* Copies digits without the single underscores between them; false when there are no digits or an underscore is
 * misplaced. */
static bool digits_copy(struct sl_str *s, char *out, size_t *n)
{
    size_t from = *n, i = 0;
    for (; i < s->n; i++) {
        if (is_digit(s->p[i])) {
            out[(*n)++] = s->p[i];
        } else if (s->p[i] != '_' || i == 0 || !is_digit(s->p[i - 1]) || i + 1 == s->n || !is_digit(s->p[i + 1])) {
            break;
        }
    }
    *s = sl_str_sub(*s, i, s->n);
    return *n > from;
}

static bool char_take(struct sl_str *s, char c)
{
    if (s->n == 0 || s->p[0] != c) {
        return false;
    }
    *s = sl_str_sub(*s, 1, s->n);
    return true;
}

/* Removes leading zeros, which JSON does not have; one zero stays if there is nothing else. */
static size_t zeros_drop(char *digits, size_t n)
{
    size_t z = 0;
    while (z + 1 < n && digits[z] == '0') {
        z++;
    }
    memmove(digits, digits + z, n - z);
    return n - z;
}

/* "+2", "02", "1_0", "2.00" to a JSON integer. `out` has NUMBER_MAX + 8 bytes. False: no integer. */
static bool int_text(struct sl_str s, char *out, size_t *ret_n)
{
    s = space_trim(s);
    size_t n = 0;
    if (s.n == 0 || s.n > NUMBER_MAX) {
        return false;
    }
    bool is_negative = char_take(&s, '-');
    if (!is_negative) {
        char_take(&s, '+');
    }
    if (!digits_copy(&s, out + 1, &n)) {
        return false;
    }
    if (s.n) {
        if (!char_take(&s, '.') || s.n == 0) {
            return false;
        }
        for (size_t i = 0; i < s.n; i++) {
            if (s.p[i] != '0') {
                return false;
            }
        }
    }
    n = zeros_drop(out + 1, n);
    if (is_negative && !(n == 1 && out[1] == '0')) {
        out[0] = '-';
        *ret_n = n + 1;
    } else {
        memmove(out, out + 1, n);
        *ret_n = n;
    }
    return true;
}

static bool is_text(struct sl_str s, const char *word)
{
    return sl_str_case_eq(s, sl_str_c(word));
}

/* As Python's float(): underscores, a point at either end, infinity and nan. */
static bool float_text(struct sl_str s, double *ret)
{
    char out[NUMBER_MAX + 8];
    size_t n = 0;
    s = space_trim(s);
    if (s.n == 0 || s.n > NUMBER_MAX) {
        return false;
    }
    double sign = char_take(&s, '-') ? -1 : 1;
    if (sign > 0) {
        char_take(&s, '+');
    }
    if (is_text(s, "inf") || is_text(s, "infinity")) {
        *ret = sign * HUGE_VAL;
        return true;
    }
    if (is_text(s, "nan")) {
        *ret = NAN;
        return true;
    }
    bool has_int = digits_copy(&s, out, &n);
    if (!has_int) {
        out[n++] = '0';
    }
    n = zeros_drop(out, n);
    if (char_take(&s, '.')) {
        out[n++] = '.';
        bool has_fraction = digits_copy(&s, out, &n);
        if (!has_fraction) {
            out[n++] = '0';
        }
        if (!has_int && !has_fraction) {
            return false;
        }
    } else if (!has_int) {
        return false;
    }
    if (char_take(&s, 'e') || char_take(&s, 'E')) {
        out[n++] = 'e';
        if (char_take(&s, '-')) {
            out[n++] = '-';
        } else {
            char_take(&s, '+');
        }
        if (!digits_copy(&s, out, &n)) {
            return false;
        }
    }
    double v = 0;
    int r = s.n == 0 ? sl_parse_double(sl_str_make(out, n), &v) : SL_E_INVAL;
    if (r == SL_E_RANGE) {
        v = HUGE_VAL;
    }
    *ret = sign * v;
    return r == 0 || r == SL_E_RANGE;
}

/* A short string, decoded without the arena; numbers and words need no escapes. */
static struct sl_str string_get(struct sl_mf_check *check, struct sl_json_val v)
{
    struct sl_str text = SL_STR_NONE;
    int r = sl_json_text(v, check->arena, &text);
    check->status = r < 0 ? r : check->status;
    return text;
}

static bool fits_int64(double value)
{
    return value >= -9223372036854775808.0 && value < 9223372036854775808.0;
}

/* --- floats --- */

static void double_coerce(struct sl_mf_check *check, struct sl_json_val v, double value)
{
    struct sl_buf buf = SL_BUF_INIT(64);
    struct sl_jw w;
    sl_jw_init(&w, &buf);
    sl_jw_double(&w, value);
    sl_mf_coerce(check, v, sl_arena_dup(check->arena, sl_buf_str(&buf)));
    sl_buf_done(&buf);
}

/* The bounds of the schemas are whole numbers. */
static void float_fault(struct sl_mf_check *check, bool is_low, double bound, struct sl_json_val v)
{
    char text[96], ctx[32];
    snprintf(text, sizeof(text), "Input should be %s than or equal to %d", is_low ? "greater" : "less", (int)bound);
    snprintf(ctx, sizeof(ctx), "{\"%s\":%.1f}", is_low ? "ge" : "le", bound);
    sl_mf_fault_at(check, is_low ? "greater_than_equal" : "less_than_equal", sl_str_c(text), v, sl_str_c(ctx));
}

static void float_bounds(struct sl_mf_check *check, const struct sl_mf_type *type, struct sl_json_val v, double value)
{
    if (value < type->min) {
        float_fault(check, true, type->min, v);
    } else if (!(value <= type->max)) { /* NaN is out of bounds, too */
        float_fault(check, false, type->max, v);
    } else if (!sl_json_is(v, SL_JSON_NUMBER)) {
        double_coerce(check, v, value);
    }
}

void sl_mf_check_float(struct sl_mf_check *check, const struct sl_mf_type *type, struct sl_json_val v)
{
    double value = 0;
    if (sl_json_is(v, SL_JSON_NUMBER)) {
        if (sl_json_double(v, &value) < 0) {
            value = sl_json_raw(v).p[0] == '-' ? -HUGE_VAL : HUGE_VAL;
        }
    } else if (sl_json_is_bool(v)) {
        value = sl_json_is(v, SL_JSON_TRUE) ? 1 : 0;
    } else if (sl_json_is(v, SL_JSON_STRING)) {
        if (!float_text(string_get(check, v), &value)) {
            FAULT(check, "float_parsing", "Input should be a valid number, unable to parse string as a number", v);
            return;
        }
    } else {
        FAULT(check, "float_type", "Input should be a valid number", v);
        return;
    }
    float_bounds(check, type, v, value);
}

/* --- integers --- */

static bool is_integer_text(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!is_digit(s.p[i]) && s.p[i] != '-') {
            return false;
        }
    }
    return true;
}

/* `text` is a JSON integer of any length. */
static void int_bounds(struct sl_mf_check *check, const struct sl_mf_type *type, struct sl_json_val v,
                       struct sl_str text)
{
    bool is_low = type->min == 1 && (text.p[0] == '-' || text.p[0] == '0');
    if (is_low) {
        sl_mf_fault_at(check, "greater_than_equal", SL_STR("Input should be greater than or equal to 1"), v,
                       SL_STR("{\"ge\":1}"));
    } else if (!sl_json_is(v, SL_JSON_NUMBER) || !is_integer_text(sl_json_raw(v))) {
        sl_mf_coerce(check, v, check->is_dry ? SL_STR("") : sl_arena_dup(check->arena, text));
    }
}

static void int_from_double(struct sl_mf_check *check, const struct sl_mf_type *type, struct sl_json_val v)
{
    double value;
    if (sl_json_double(v, &value) < 0) {
        FAULT(check, "finite_number", "Input should be a finite number", v);
    } else if (value != floor(value)) {
        FAULT(check, "int_from_float", "Input should be a valid integer, got a number with a fractional part", v);
    } else if (!fits_int64(value)) {
        FAULT(check, "int_parsing_size", "Unable to parse input string as an integer, exceeded maximum size", v);
    } else {
        char text[32];
        int n = snprintf(text, sizeof(text), "%lld", (long long)value);
        int_bounds(check, type, v, sl_str_make(text, (size_t)n));
    }
}

void sl_mf_check_int(struct sl_mf_check *check, const struct sl_mf_type *type, struct sl_json_val v)
{
    if (sl_json_is(v, SL_JSON_NUMBER)) {
        struct sl_str raw = sl_json_raw(v);
        if (is_integer_text(raw)) {
            int_bounds(check, type, v, raw);
        } else {
            int_from_double(check, type, v);
        }
    } else if (sl_json_is_bool(v)) {
        int_bounds(check, type, v, sl_json_is(v, SL_JSON_TRUE) ? SL_STR("1") : SL_STR("0"));
    } else if (sl_json_is(v, SL_JSON_STRING)) {
        char text[NUMBER_MAX + 8];
        size_t n;
        if (int_text(string_get(check, v), text, &n)) {
            int_bounds(check, type, v, sl_str_make(text, n));
        } else {
            FAULT(check, "int_parsing", "Input should be a valid integer, unable to parse string as an integer", v);
        }
    } else {
        FAULT(check, "int_type", "Input should be a valid integer", v);
    }
}

/* --- booleans --- */

enum truth { TRUTH_NO, TRUTH_YES, TRUTH_UNCLEAR, TRUTH_OTHER_TYPE };

static enum truth truth_of_word(struct sl_json_val v)
{
    static const char *const yes[] = { "1", "true", "t", "yes", "y", "on" };
    static const char *const no[] = { "0", "false", "f", "no", "n", "off" };
    struct sl_str raw = sl_json_raw(v);
    struct sl_str text = sl_str_sub(raw, 1, raw.n - 1);
    for (size_t i = 0; i < SL_ARRAY_LEN(yes); i++) {
        if (is_text(text, yes[i])) {
            return TRUTH_YES;
        }
        if (is_text(text, no[i])) {
            return TRUTH_NO;
        }
    }
    return TRUTH_UNCLEAR;
}

static enum truth truth_of(struct sl_json_val v)
{
    double value;
    if (sl_json_is_bool(v)) {
        return sl_json_is(v, SL_JSON_TRUE) ? TRUTH_YES : TRUTH_NO;
    }
    if (sl_json_is(v, SL_JSON_STRING)) {
        return truth_of_word(v);
    }
    if (!sl_json_is(v, SL_JSON_NUMBER)) {
        return TRUTH_OTHER_TYPE;
    }
    if (sl_json_double(v, &value) < 0 || value != floor(value) || !fits_int64(value)) {
        return TRUTH_OTHER_TYPE;
    }
    return value == 1 ? TRUTH_YES : value == 0 ? TRUTH_NO : TRUTH_UNCLEAR;
}

void sl_mf_check_bool(struct sl_mf_check *check, struct sl_json_val v)
{
    enum truth truth = truth_of(v);
    if (truth == TRUTH_UNCLEAR) {
        FAULT(check, "bool_parsing", "Input should be a valid boolean, unable to interpret input", v);
    } else if (truth == TRUTH_OTHER_TYPE) {
        FAULT(check, "bool_type", "Input should be a valid boolean", v);
    } else if (!sl_json_is_bool(v)) {
        sl_mf_coerce(check, v, truth == TRUTH_YES ? SL_STR("true") : SL_STR("false"));
    }
}

bool sl_mf_bool_value(struct sl_json_val v)
{
    return sl_json_is_present(v) && truth_of(v) == TRUTH_YES;
}
