/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/incoming.h"

/* How many tokens below the top level the tape may hold: at 16 bytes for each, a quarter of a long body. */
#define TAPE_LEAST 256
#define TAPE_SHARE 64

static int refuse(struct sl_llm_error *error, const char *param, struct sl_str message)
{
    *error = (struct sl_llm_error){
        .type = SL_ERR_CALLER_INVALID_REQUEST,
        .message = message.p ? message : SL_STR("the request is not valid"),
        .param = sl_str_c(param),
    };
    return SL_E_INVAL;
}

static int parse_failed(const struct sl_json *doc, int r, struct sl_arena *arena, struct sl_llm_error *error)
{
    if (r == SL_E_NOMEM) {
        return r;
    }
    if (doc->fault == SL_JSON_FAULT_EMPTY) {
        return refuse(error, NULL, SL_STR("The request has no body; a JSON object is expected."));
    }
    return refuse(error, NULL,
                  sl_arena_printf(arena, "The body of the request is not valid JSON: %s at offset %zu.",
                                  sl_json_fault_text(doc->fault), doc->fault_offset));
}

static int row_note(const struct sl_incoming_row *row, struct sl_json_val v, struct sl_arena *arena,
                    struct sl_llm_error *error)
{
    if (sl_json_is_present(*row->val)) {
        return refuse(error, row->key, sl_arena_printf(arena, "The member '%s' is given more than once.", row->key));
    }
    *row->val = v;
    return 0;
}

/* The index of the row that a key of the body is; n: none. */
static size_t row_find(const struct sl_incoming_row *rows, size_t n, struct sl_json_val key)
{
    const struct sl_json_tok *tok = sl_json_tok(key);
    char first = tok->len ? key.doc->text.p[tok->off] : '\0';
    size_t i = 0;
    while (i < n && !((*rows[i].key == first || tok->escaped) && sl_json_str_eq(key, sl_str_c(rows[i].key)))) {
        i++;
    }
    return i;
}

int sl_incoming_pick(const struct sl_incoming *in, struct sl_json *doc, struct sl_arena *arena,
                     const struct sl_incoming_row *rows, size_t n, struct sl_llm_error *error)
{
    /* Translating the call needs the whole tape, but it is not known yet whether the call will be translated. */
    int r = sl_json_parse_short(doc, in->body, 1, TAPE_LEAST + (uint32_t)(in->body.n / TAPE_SHARE));
    if (r < 0) {
        return parse_failed(doc, r, arena, error);
    }
    struct sl_json_val root = sl_json_root(doc);
    if (!sl_json_is(root, SL_JSON_OBJECT)) {
        return refuse(error, NULL, SL_STR("The body of the request must be a JSON object."));
    }
    for (struct sl_json_iter it = sl_json_each(root); r == 0 && sl_json_next(&it);) {
        size_t i = row_find(rows, n, it.key);
        r = i < n ? row_note(&rows[i], it.val, arena, error) : 0;
    }
    return r;
}

int sl_incoming_model(struct sl_json_val v, struct sl_arena *arena, struct sl_str *ret, struct sl_llm_error *error)
{
    if (sl_json_is_nothing(v)) {
        return refuse(error, "model", SL_STR("You must provide a 'model': the name of a route of this gateway."));
    }
    int r = sl_json_text(v, arena, ret);
    if (r == SL_E_TYPE) {
        return refuse(error, "model", SL_STR("Invalid type for 'model': a string is expected."));
    }
    if (r == 0 && ret->n == 0) {
        return refuse(error, "model", SL_STR("You must provide a 'model': the name of a route of this gateway."));
    }
    return r;
}

int sl_incoming_stream(struct sl_json_val v, bool *ret, struct sl_llm_error *error)
{
    if (!sl_json_is_nothing(v) && !sl_json_is_bool(v)) {
        return refuse(error, "stream", SL_STR("Invalid type for 'stream': a boolean is expected."));
    }
    *ret = sl_json_is(v, SL_JSON_TRUE);
    return 0;
}
