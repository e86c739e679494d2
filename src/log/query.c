/* SPDX-License-Identifier: Apache-2.0 */
#include "log/query.h"

bool sl_rlog_query_is(struct sl_rlog_query *query, enum sl_rlog_text text, struct sl_str value)
{
    if (query->n_is == SL_RLOG_IS_MAX) {
        return false;
    }
    query->is[query->n_is++] = (struct sl_rlog_is){ text, value };
    return true;
}

static bool is_in_group(struct sl_str group, struct sl_str text)
{
    return sl_str_has_prefix(text, group) && (text.n == group.n || (group.n && text.p[group.n] == '/'));
}

static bool is_status(struct sl_str wanted, struct sl_str text)
{
    bool is_same = wanted.n == text.n;
    for (size_t i = 0; i < text.n && is_same; i++) {
        is_same = wanted.p[i] == text.p[i] || wanted.p[i] == 'x';
    }
    return is_same;
}

bool sl_rlog_is_so(const struct sl_rlog_is *is, struct sl_str text)
{
    return is->text == SL_RLOG_STATUS  ? is_status(is->value, text)
           : is->text == SL_RLOG_GROUP ? is_in_group(is->value, text)
                                       : sl_str_eq(is->value, text);
}

static bool id_fits(const struct sl_rlog_query *query, const struct sl_rlog_row *row)
{
    struct sl_rlog_id id, own = sl_rlog_row_id(row);
    if (!query->is_own_id && sl_str_eq(row->texts[SL_RLOG_REQUEST_ID], query->id)) {
        return true;
    }
    return sl_rlog_id_parse(query->id, &id) && id.time_usec == own.time_usec && id.node == own.node &&
           id.counter == own.counter;
}

bool sl_rlog_query_fits(const struct sl_rlog_query *query, const struct sl_rlog_row *row)
{
    int64_t time = row->numbers[SL_RLOG_TIME];
    if (time < query->from_usec || time >= query->to_usec ||
        row->numbers[SL_RLOG_DURATION] < query->min_duration_usec - (query->min_duration_usec == 0)) {
        return false;
    }
    for (uint32_t i = 0; i < query->n_is; i++) {
        if (!sl_rlog_is_so(&query->is[i], row->texts[query->is[i].text])) {
            return false;
        }
    }
    return !query->id.n || id_fits(query, row);
}
