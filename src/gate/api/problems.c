/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/problems.h"

#include "base/opt.h"
#include "json/write.h"

static void number_write(struct sl_jw *w, const char *key, uint32_t n)
{
    if (n) {
        sl_jw_member_u64(w, key, n);
    } else {
        sl_jw_member_null(w, key);
    }
}

void sl_api_problems_write(struct sl_jw *w, const struct sl_problems *problems)
{
    sl_jw_key(w, "problems");
    sl_jw_array(w);
    for (uint32_t i = 0; i < problems->n; i++) {
        const struct sl_problem *problem = &problems->v[i];
        bool is_error = problem->severity == SL_PROBLEM_ERROR;
        sl_jw_object(w);
        sl_jw_member_str(w, "severity", is_error ? SL_STR("error") : SL_STR("warning"));
        sl_jw_member_str(w, "file", sl_str_c(problem->pos.file));
        number_write(w, "line", problem->pos.line);
        number_write(w, "column", problem->pos.col);
        sl_jw_member_str(w, "path", problem->path);
        sl_jw_member_str(w, "text", problem->text);
        sl_jw_end(w);
    }
    sl_jw_end(w);
    sl_jw_member_u64(w, "problems_left_out", problems->n_left_out);
}
