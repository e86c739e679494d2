/* SPDX-License-Identifier: Apache-2.0 */
/* Walks a schema together with a value. It recurses over the schema, whose depth is fixed, never over the input. */
#include "llm/mlflow/check.h"

#include <math.h>
#include <stdio.h>

#include "json/write.h"
#include "llm/mlflow/coerce.h"
#include "llm/mlflow/echo.h"
#include "llm/mlflow/faults.h"
#include "llm/mlflow/schema.h"

/* --- values --- */

static void value_check(struct sl_mf_check *check, const struct sl_mf_type *type, struct sl_json_val v);

#define FAULT(check, type, msg, v) sl_mf_fault_at((check), (type), SL_STR(msg), (v), SL_STR_NONE)

static void str_check(struct sl_mf_check *check, struct sl_json_val v)
{
    if (!sl_json_is(v, SL_JSON_STRING)) {
        FAULT(check, "string_type", "Input should be a valid string", v);
    }
}

static bool is_word(struct sl_json_val v, const char *const *words)
{
    for (; sl_json_is(v, SL_JSON_STRING) && *words; words++) {
        if (sl_json_str_eq(v, sl_str_c(*words))) {
            return true;
        }
    }
    return false;
}

/* 'auto', 'low' or 'high' */
static void words_join(char *out, size_t cap, const char *const *words)
{
    size_t n = 0;
    for (size_t i = 0; words[i]; i++) {
        const char *sep = i == 0 ? "" : words[i + 1] ? ", " : " or ";
        n += (size_t)snprintf(out + n, cap - n, "%s'%s'", sep, words[i]);
    }
}

static void literal_check(struct sl_mf_check *check, const struct sl_mf_type *type, struct sl_json_val v)
{
    if (is_word(v, type->words)) {
        return;
    }
    char list[160], msg[200], ctx[200];
    words_join(list, sizeof(list), type->words);
    snprintf(msg, sizeof(msg), "Input should be %s", list);
    snprintf(ctx, sizeof(ctx), "{\"expected\":\"%s\"}", list);
    sl_mf_fault_at(check, "literal_error", sl_str_c(msg), v, sl_str_c(ctx));
}

/* A JSON Schema type: one word, or several. */
static void type_check(struct sl_mf_check *check, const struct sl_mf_type *type, struct sl_json_val v)
{
    if (sl_json_is(v, SL_JSON_ARRAY) && sl_json_count(v)) {
        bool is_right = true;
        for (struct sl_json_iter it = sl_json_each(v); is_right && sl_json_next(&it);) {
            is_right = is_word(it.val, type->words);
        }
        if (is_right) {
            return;
        }
    }
    literal_check(check, type, v);
}

static bool is_list(struct sl_mf_check *check, struct sl_json_val v)
{
    if (sl_json_is(v, SL_JSON_ARRAY)) {
        return true;
    }
    FAULT(check, "list_type", "Input should be a valid list", v);
    return false;
}

static void list_check(struct sl_mf_check *check, const struct sl_mf_type *type, struct sl_json_val v)
{
    if (!is_list(check, v)) {
        return;
    }
    if (type->is_not_empty && sl_json_count(v) == 0) {
        sl_mf_fault_at(check, "too_short", SL_STR("List should have at least 1 item after validation, not 0"), v,
                       SL_STR("{\"field_type\":\"List\",\"min_length\":1,\"actual_length\":0}"));
        return;
    }
    for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it);) {
        sl_mf_push_index(check, it.index);
        value_check(check, type->item, it.val);
        sl_mf_pop(check);
    }
}

static bool is_object(struct sl_mf_check *check, struct sl_json_val v)
{
    if (sl_json_is(v, SL_JSON_OBJECT)) {
        return true;
    }
    FAULT(check, "model_attributes_type", "Input should be a valid dictionary or object to extract fields from", v);
    return false;
}

static void dict_check(struct sl_mf_check *check, const struct sl_mf_type *type, struct sl_json_val v)
{
    if (!sl_json_is(v, SL_JSON_OBJECT)) {
        FAULT(check, "dict_type", "Input should be a valid dictionary", v);
        return;
    }
    if (!type->item) {
        return;
    }
    for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it);) {
        struct sl_str name = SL_STR_NONE;
        int r = sl_json_text(it.key, check->arena, &name);
        if (r < 0) {
            check->status = r;
            return;
        }
        sl_mf_push_name(check, name);
        value_check(check, type->item, it.val);
        sl_mf_pop(check);
    }
}

/* --- objects --- */

static bool key_is(struct sl_json_val key, struct sl_str name)
{
    const struct sl_json_tok *tok = sl_json_tok(key);
    if (!tok->escaped) {
        return tok->len == name.n && memcmp(key.doc->text.p + tok->off, name.p, name.n) == 0;
    }
    return sl_json_str_eq(key, name);
}

static void model_check(struct sl_mf_check *check, const struct sl_mf_model *model, struct sl_json_val v)
{
    if (!is_object(check, v)) {
        return;
    }
    struct sl_json_val vals[SL_MF_FIELDS_MAX] = { 0 };
    struct sl_str names[SL_MF_FIELDS_MAX];
    for (unsigned i = 0; i < model->n; i++) {
        names[i] = sl_str_c(model->fields[i].name);
    }
    for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it);) {
        for (unsigned i = 0; i < model->n; i++) {
            if (key_is(it.key, names[i])) {
                vals[i] = it.val; /* the last one wins */
                break;
            }
        }
    }
    for (unsigned i = 0; i < model->n; i++) {
        const struct sl_mf_field *field = &model->fields[i];
        if (!sl_json_is_present(vals[i])) {
            if (field->def) {
                sl_mf_insert(check, v, sl_str_c(field->def));
            }
            if (!(field->flags & SL_MF_REQUIRED)) {
                continue;
            }
            sl_mf_push_name(check, names[i]);
            FAULT(check, "missing", "Field required", v);
            sl_mf_pop(check);
        } else if (!(field->flags & SL_MF_NULLABLE) || !sl_json_is(vals[i], SL_JSON_NULL)) {
            sl_mf_push_name(check, names[i]);
            value_check(check, field->type, vals[i]);
            sl_mf_pop(check);
        }
    }
}

/* --- unions --- */

#define PARTS_LABEL "list[tagged-union[TextContentPart,ImageContentPart,AudioContentPart]]"
#define TAGS        "'text', 'image_url', 'input_audio'"

/* Longer tags are not shown. */
#define TAG_MAX 1024

/* The tag as Python would print it. */
static struct sl_str tag_text(struct sl_mf_check *check, struct sl_json_val tag)
{
    struct sl_str text = SL_STR_NONE;
    if (sl_json_is(tag, SL_JSON_STRING)) {
        int r = sl_json_text(tag, check->arena, &text);
        check->status = r < 0 ? r : check->status;
        return text;
    }
    if (sl_json_raw(tag).n > TAG_MAX) {
        return SL_STR("");
    }
    struct sl_buf buf = SL_BUF_INIT(SL_MF_INPUT_MAX);
    sl_mf_repr(&buf, tag, check->arena);
    text = sl_buf_status(&buf) == 0 ? sl_arena_dup(check->arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    check->status = text.p ? check->status : SL_E_NOMEM;
    return text;
}

static void tag_invalid(struct sl_mf_check *check, struct sl_json_val part, struct sl_json_val tag)
{
    if (check->is_dry) {
        check->n_faults++;
        return;
    }
    struct sl_str text = sl_str_sub(tag_text(check, tag), 0, TAG_MAX);
    struct sl_str msg = sl_arena_printf(
        check->arena, "Input tag '%.*s' found using 'type' does not match any of the expected tags: " TAGS,
        SL_STR_ARG(text));
    struct sl_buf ctx = SL_BUF_INIT(16384);
    struct sl_jw w;
    sl_jw_init(&w, &ctx);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "discriminator", SL_STR("'type'"));
    sl_jw_member_str(&w, "tag", text);
    sl_jw_member_str(&w, "expected_tags", SL_STR(TAGS));
    sl_jw_end(&w);
    if (!msg.p || sl_buf_status(&ctx) < 0) {
        check->status = SL_E_NOMEM;
    } else {
        sl_mf_fault_at(check, "union_tag_invalid", msg, part, sl_buf_str(&ctx));
    }
    sl_buf_done(&ctx);
}

static void part_check(struct sl_mf_check *check, struct sl_json_val part)
{
    if (!is_object(check, part)) {
        return;
    }
    struct sl_json_val tag = sl_json_get(part, "type");
    if (!sl_json_is_present(tag)) {
        sl_mf_fault_at(check, "union_tag_not_found", SL_STR("Unable to extract tag using discriminator 'type'"), part,
                       SL_STR("{\"discriminator\":\"'type'\"}"));
        return;
    }
    for (size_t i = 0; sl_mf_parts[i]; i++) {
        struct sl_str name = sl_str_c(sl_mf_parts[i]->tag);
        if (sl_json_is(tag, SL_JSON_STRING) && sl_json_str_eq(tag, name)) {
            sl_mf_push_name(check, name);
            model_check(check, sl_mf_parts[i], part);
            sl_mf_pop(check);
            return;
        }
    }
    tag_invalid(check, part, tag);
}

static void parts_check(struct sl_mf_check *check, struct sl_json_val v)
{
    sl_mf_push_name(check, SL_STR(PARTS_LABEL));
    if (is_list(check, v)) {
        for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it);) {
            sl_mf_push_index(check, it.index);
            part_check(check, it.val);
            sl_mf_pop(check);
        }
    }
    sl_mf_pop(check);
}

/* True: `fn` finds a fault. Neither faults nor coercions are kept. */
#define DRY(check, ret_faults, ret_coercions, call)          \
    do {                                                     \
        uint32_t faults_ = (check)->n_faults;                \
        uint32_t coercions_ = (check)->n_coercions;          \
        bool was_dry_ = (check)->is_dry;                     \
        (check)->is_dry = true;                              \
        call;                                                \
        (check)->is_dry = was_dry_;                          \
        (ret_faults) = (check)->n_faults - faults_;          \
        (ret_coercions) = (check)->n_coercions - coercions_; \
        (check)->n_faults = faults_;                         \
        (check)->n_coercions = coercions_;                   \
    } while (0)

/* A union's faults are those of all its branches, so all branches are tried before any fault is reported. */
static void content_check(struct sl_mf_check *check, struct sl_json_val v)
{
    if (sl_json_is(v, SL_JSON_STRING)) {
        return;
    }
    uint32_t faults, coercions;
    DRY(check, faults, coercions, parts_check(check, v));
    (void)coercions; /* parts have no coercions */
    if (faults) {
        sl_mf_push_name(check, SL_STR("str"));
        str_check(check, v);
        sl_mf_pop(check);
        parts_check(check, v);
    }
}

static const struct sl_mf_type t_any_str = { .kind = SL_MF_STR };
static const struct sl_mf_type t_any_int = { .kind = SL_MF_INT, .min = -HUGE_VAL };
static const struct sl_mf_type t_ints = { .kind = SL_MF_LIST, .item = &t_any_int };

static const struct {
    struct sl_str label;
    struct sl_mf_type type;
} input_branches[] = {
    { SL_STR_INIT("str"), { .kind = SL_MF_STR } },
    { SL_STR_INIT("list[str]"), { .kind = SL_MF_LIST, .item = &t_any_str } },
    { SL_STR_INIT("list[int]"), { .kind = SL_MF_LIST, .item = &t_any_int } },
    { SL_STR_INIT("list[list[int]]"), { .kind = SL_MF_LIST, .item = &t_ints } },
};

static void input_check(struct sl_mf_check *check, struct sl_json_val v)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(input_branches); i++) {
        uint32_t faults, coercions;
        DRY(check, faults, coercions, value_check(check, &input_branches[i].type, v));
        if (faults == 0) {
            if (coercions) {
                value_check(check, &input_branches[i].type, v);
            }
            return;
        }
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(input_branches); i++) {
        sl_mf_push_name(check, input_branches[i].label);
        value_check(check, &input_branches[i].type, v);
        sl_mf_pop(check);
    }
}

static void value_check(struct sl_mf_check *check, const struct sl_mf_type *type, struct sl_json_val v)
{
    switch (type->kind) {
    case SL_MF_STR:
        str_check(check, v);
        break;
    case SL_MF_FLOAT:
        sl_mf_check_float(check, type, v);
        break;
    case SL_MF_INT:
        sl_mf_check_int(check, type, v);
        break;
    case SL_MF_BOOL:
        if (!type->or_object || !sl_json_is(v, SL_JSON_OBJECT)) {
            sl_mf_check_bool(check, v);
        }
        break;
    case SL_MF_LITERAL:
        literal_check(check, type, v);
        break;
    case SL_MF_TYPE:
        type_check(check, type, v);
        break;
    case SL_MF_MODEL:
        model_check(check, type->model, v);
        break;
    case SL_MF_LIST:
        list_check(check, type, v);
        break;
    case SL_MF_DICT:
        dict_check(check, type, v);
        break;
    case SL_MF_CONTENT:
        content_check(check, v);
        break;
    case SL_MF_INPUT:
        input_check(check, v);
        break;
    }
}

void sl_mf_check_body(struct sl_mf_check *check, const struct sl_mf_model *model, struct sl_json_val v)
{
    sl_mf_push_name(check, SL_STR("body"));
    model_check(check, model, v);
    sl_mf_pop(check);
}
