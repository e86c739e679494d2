/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/share.h"

#include "base/num.h"
#include "base/opt.h"

int sl_share_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    struct sl_str text = val->text;
    uint64_t percent;
    bool is_said = val->kind <= SL_VAL_STRING && text.n > 1 && text.p[text.n - 1] == '%';
    if (!is_said || sl_parse_u64(sl_str_sub(text, 0, text.n - 1), row->min, row->max, &percent) < 0) {
        sl_bind_problem(bind, SL_PROBLEM_ERROR, val->pos, NULL, "must be a share from %llu%% to %llu%%, as in 20%%",
                        (unsigned long long)row->min, (unsigned long long)row->max);
        return SL_E_INVAL;
    }
    *(uint32_t *)field = (uint32_t)percent;
    return 0;
}
