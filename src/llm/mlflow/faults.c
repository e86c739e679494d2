/* SPDX-License-Identifier: Apache-2.0 */

#include "llm/mlflow/faults.h"

#include "json/write.h"
#include "llm/mlflow/echo.h"

void sl_mf_check_init(struct sl_mf_check *check, struct sl_arena *arena)
{
    *check = (struct sl_mf_check){ .arena = arena };
    sl_buf_init(&check->out, SL_MF_DETAIL_MAX);
}

void sl_mf_check_done(struct sl_mf_check *check)
{
    sl_buf_done(&check->out);
}

void sl_mf_push_name(struct sl_mf_check *check, struct sl_str name)
{
    SL_ASSERT(check->n_loc < SL_MF_LOC_MAX);
    check->loc[check->n_loc++] = (struct sl_mf_loc){ name, 0 };
}

void sl_mf_push_index(struct sl_mf_check *check, uint32_t index)
{
    SL_ASSERT(check->n_loc < SL_MF_LOC_MAX);
    check->loc[check->n_loc++] = (struct sl_mf_loc){ SL_STR_NONE, index };
}

void sl_mf_pop(struct sl_mf_check *check)
{
    SL_ASSERT(check->n_loc > 0);
    check->n_loc--;
}

void sl_mf_fault(struct sl_mf_check *check, const char *type, struct sl_str msg, struct sl_str input, struct sl_str ctx)
{
    check->n_faults++;
    if (check->is_dry || sl_buf_status(&check->out) < 0) {
        return;
    }
    size_t before = check->out.len;
    if (before) {
        sl_buf_add_char(&check->out, ',');
    }
    struct sl_jw w;
    sl_jw_init(&w, &check->out);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "type", sl_str_c(type));
    sl_jw_key(&w, "loc");
    sl_jw_array(&w);
    for (unsigned i = 0; i < check->n_loc; i++) {
        if (check->loc[i].name.p) {
            sl_jw_str(&w, check->loc[i].name);
        } else {
            sl_jw_u64(&w, check->loc[i].index);
        }
    }
    sl_jw_end(&w);
    sl_jw_member_str(&w, "msg", msg);
    sl_jw_key(&w, "input");
    sl_jw_raw(&w, input.p ? input : SL_STR("null"));
    if (ctx.p) {
        sl_jw_member_raw(&w, "ctx", ctx);
    }
    sl_jw_end(&w);
    if (sl_buf_status(&check->out) < 0) {
        check->out.len = before; /* the list stays whole; the buffer's status refuses everything after this */
    }
}

void sl_mf_fault_at(struct sl_mf_check *check, const char *type, struct sl_str msg, struct sl_json_val input,
                    struct sl_str ctx)
{
    if (check->is_dry || sl_buf_status(&check->out) < 0) {
        check->n_faults++;
        return;
    }
    struct sl_buf echo = SL_BUF_INIT(SL_MF_INPUT_MAX * 6);
    if (sl_json_raw(input).n <= SL_MF_INPUT_MAX) {
        sl_mf_echo(&echo, input, check->arena);
    }
    bool is_whole = sl_buf_status(&echo) == 0 && echo.len > 0;
    sl_mf_fault(check, type, msg, is_whole ? sl_buf_str(&echo) : SL_STR_NONE, ctx);
    sl_buf_done(&echo);
}

static void edit_add(struct sl_mf_check *check, size_t off, size_t len, struct sl_str text)
{
    check->n_coercions++;
    if (check->is_dry || check->status < 0) {
        return;
    }
    if (check->n_edits == check->cap_edits) {
        uint32_t cap = check->cap_edits ? check->cap_edits * 2 : 8;
        struct sl_json_edit *v = SL_ARENA_ARRAY(check->arena, struct sl_json_edit, cap);
        if (!v) {
            check->status = SL_E_NOMEM;
            return;
        }
        if (check->n_edits) {
            memcpy(v, check->edits, check->n_edits * sizeof(*v));
        }
        check->edits = v;
        check->cap_edits = cap;
    }
    check->edits[check->n_edits++] = (struct sl_json_edit){ off, len, text };
}

void sl_mf_coerce(struct sl_mf_check *check, struct sl_json_val v, struct sl_str json)
{
    struct sl_str raw = sl_json_raw(v);
    if (!json.p) {
        check->status = SL_E_NOMEM;
        return;
    }
    edit_add(check, (size_t)(raw.p - v.doc->text.p), raw.n, json);
}

void sl_mf_insert(struct sl_mf_check *check, struct sl_json_val object, struct sl_str json)
{
    edit_add(check, (size_t)(sl_json_raw(object).p - object.doc->text.p) + 1, 0, json);
}
