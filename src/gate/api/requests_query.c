/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/requests_query.h"

#include "base/arena.h"
#include "base/num.h"
#include "base/word.h"
#include "gate/api/requests_words.h"
#include "gate/config/instant.h"
#include "llm/core/error.h"
#include "wire/uri.h"

static bool has_name(const char *list, struct sl_str name)
{
    struct sl_str rest = sl_str_c(list), part;
    while (sl_str_next(&rest, ' ', &part)) {
        if (sl_str_eq(part, name)) {
            return true;
        }
    }
    return false;
}

/* A misspelt filter would silently show everything. */
static int names_check(struct sl_str query, const char *also, struct sl_err *err)
{
    struct sl_str rest = query, part;
    while (rest.n && sl_str_next(&rest, '&', &part)) {
        ptrdiff_t is = sl_str_find_char(part, '=', 0);
        struct sl_str name = is < 0 ? part : sl_str_sub(part, 0, (size_t)is);
        if (name.n && !has_name("from to min_ms", name) && !has_name(also, name) &&
            sl_requests_word(name) == SL_RLOG_TEXTS) {
            return sl_fail(err, SL_E_INVAL,
                           "'%.*s' is no parameter of this call. It takes from, to, min_ms, " SL_REQUESTS_WORDS "%s%s.",
                           SL_STR_ARG(sl_str_sub(name, 0, sl_utf8_fit(name, 64))), *also ? ", " : "", also);
        }
    }
    return 0;
}

static int time_read(struct sl_str query, const char *name, struct sl_arena *arena, int64_t *io_usec,
                     struct sl_err *err)
{
    struct sl_str text;
    uint64_t sec;
    if (!sl_query_get(query, name, arena, &text)) {
        return 0;
    }
    if (sl_instant_parse(text, &sec) < 0 || sec > SL_INSTANT_MAX) {
        return sl_fail(err, SL_E_INVAL, "%s must be a time like 2026-12-31T23:59:59Z, or unix seconds", name);
    }
    *io_usec = (int64_t)(sec * SL_USEC_PER_SEC);
    return 0;
}

int sl_requests_number_read(struct sl_str query, const char *name, uint64_t min, uint64_t max, struct sl_arena *arena,
                            uint64_t *io, struct sl_err *err)
{
    struct sl_str text;
    if (sl_query_get(query, name, arena, &text) && sl_parse_u64(text, min, max, io) < 0) {
        return sl_fail(err, SL_E_INVAL, "%s must be a number from %llu to %llu", name, (unsigned long long)min,
                       (unsigned long long)max);
    }
    return 0;
}

static bool is_status(struct sl_str text)
{
    bool is = text.n == 3;
    for (size_t i = 0; i < text.n && is; i++) {
        is = (text.p[i] >= '0' && text.p[i] <= '9') || text.p[i] == 'x';
    }
    return is;
}

static bool is_error_type(struct sl_str text)
{
    bool is = false;
    for (enum sl_error_type i = SL_ERR_NONE + 1; i < SL_ERR_COUNT && !is; i++) {
        is = sl_str_eq_c(text, sl_error_type_word(i));
    }
    return is;
}

static int word_read(struct sl_str query, enum sl_rlog_text word, struct sl_arena *arena,
                     struct sl_rlog_query *io_query, struct sl_err *err)
{
    struct sl_str text;
    const char *name = sl_requests_word_name(word);
    if (!name || !sl_query_get(query, name, arena, &text)) {
        return 0;
    }
    if (word == SL_RLOG_STATUS && !is_status(text)) {
        return sl_fail(err, SL_E_INVAL, "status must be one like 429, or have an x for any digit, like 5xx");
    }
    if (word == SL_RLOG_ERROR_TYPE && text.n && !is_error_type(text)) {
        return sl_fail(err, SL_E_INVAL, "there is no error type '%.*s': see docs/errors.md",
                       SL_STR_ARG(sl_str_sub(text, 0, sl_utf8_fit(text, 64))));
    }
    if (word == SL_RLOG_STREAM && !sl_str_eq_c(text, "true") && !sl_str_eq_c(text, "false")) {
        return sl_fail(err, SL_E_INVAL, "stream must be true or false");
    }
    /* The exchange, which has the query, may end before the question. */
    text = sl_arena_dup(arena, text);
    return text.p && sl_rlog_query_is(io_query, word, text) ? 0 : sl_fail_nomem(err);
}

int sl_requests_query_read(struct sl_str query, const char *also, struct sl_arena *arena, struct sl_rlog_query *ret,
                           struct sl_err *err)
{
    uint64_t min_msec = 0;
    *ret = SL_RLOG_QUERY_ALL;
    int r = names_check(query, also, err);
    r = r < 0 ? r : time_read(query, "from", arena, &ret->from_usec, err);
    r = r < 0 ? r : time_read(query, "to", arena, &ret->to_usec, err);
    r = r < 0 ? r : sl_requests_number_read(query, "min_ms", 0, UINT32_MAX, arena, &min_msec, err);
    for (enum sl_rlog_text i = 0; i < SL_RLOG_TEXTS && r == 0; i++) {
        r = word_read(query, i, arena, ret, err);
    }
    ret->min_duration_usec = (int64_t)(min_msec * SL_USEC_PER_MSEC);
    return r;
}
