/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the schema tables as JSON Schema (OpenAPI 3.1). */
#include "llm/mlflow/openapi.h"

#include <math.h>

static void type_write(struct sl_jw *w, const struct sl_mf_type *type, bool is_nullable);

static void type_member(struct sl_jw *w, const char *name, bool is_nullable)
{
    if (!is_nullable) {
        sl_jw_member_str(w, "type", sl_str_c(name));
        return;
    }
    sl_jw_key(w, "type");
    sl_jw_array(w);
    sl_jw_str_c(w, name);
    sl_jw_str_c(w, "null");
    sl_jw_end(w);
}

static void words_member(struct sl_jw *w, const char *const *words, bool is_nullable)
{
    sl_jw_key(w, "enum");
    sl_jw_array(w);
    for (; *words; words++) {
        sl_jw_str_c(w, *words);
    }
    if (is_nullable) {
        sl_jw_null(w);
    }
    sl_jw_end(w);
}

static void items_member(struct sl_jw *w, const struct sl_mf_type *item)
{
    sl_jw_key(w, "items");
    type_write(w, item, false);
}

static void bounds_members(struct sl_jw *w, const struct sl_mf_type *type)
{
    if (isfinite(type->min)) {
        sl_jw_key(w, "minimum");
        sl_jw_double(w, type->min);
    }
    if (type->max > 0) {
        sl_jw_key(w, "maximum");
        sl_jw_double(w, type->max);
    }
}

/* Writes the members of an object's schema. */
static void model_members(struct sl_jw *w, const struct sl_mf_model *model, bool is_request)
{
    bool has_required = false;
    sl_jw_key(w, "properties");
    sl_jw_object(w);
    for (unsigned i = 0; i < model->n; i++) {
        has_required |= (model->fields[i].flags & SL_MF_REQUIRED) != 0;
        if (!is_request || strcmp(model->fields[i].name, "model") != 0) {
            sl_jw_key(w, model->fields[i].name);
            type_write(w, model->fields[i].type, (model->fields[i].flags & SL_MF_NULLABLE) != 0);
        }
    }
    if (is_request) {
        sl_jw_member_raw(w, "model", SL_STR("{\"type\":\"null\",\"description\":\"The path names the route.\"}"));
    }
    sl_jw_end(w);
    if (has_required) {
        sl_jw_key(w, "required");
        sl_jw_array(w);
        for (unsigned i = 0; i < model->n; i++) {
            if (model->fields[i].flags & SL_MF_REQUIRED) {
                sl_jw_str_c(w, model->fields[i].name);
            }
        }
        sl_jw_end(w);
    }
}

static void model_write(struct sl_jw *w, const struct sl_mf_model *model, bool is_request)
{
    sl_jw_object(w);
    type_member(w, "object", false);
    model_members(w, model, is_request);
    sl_jw_end(w);
}

static void raw_any_of(struct sl_jw *w, const char *alternatives)
{
    sl_jw_member_raw(w, "anyOf", sl_str_c(alternatives));
}

static void content_members(struct sl_jw *w, bool is_nullable)
{
    type_member(w, "string", false);
    sl_jw_end(w);
    sl_jw_object(w);
    type_member(w, "array", is_nullable);
    sl_jw_key(w, "items");
    sl_jw_object(w);
    sl_jw_key(w, "oneOf");
    sl_jw_array(w);
    for (size_t i = 0; sl_mf_parts[i]; i++) {
        model_write(w, sl_mf_parts[i], false);
    }
    sl_jw_end(w);
    sl_jw_end(w);
}

static void bool_members(struct sl_jw *w, const struct sl_mf_type *type, bool is_nullable)
{
    if (!type->or_object) {
        type_member(w, "boolean", is_nullable);
        return;
    }
    sl_jw_member_raw(w, "type",
                     is_nullable ? SL_STR("[\"boolean\",\"object\",\"null\"]") : SL_STR("[\"boolean\",\"object\"]"));
}

/* One of the words, or a list of them. */
static void type_words_members(struct sl_jw *w, const char *const *words, bool is_nullable)
{
    sl_jw_key(w, "anyOf");
    sl_jw_array(w);
    sl_jw_object(w);
    words_member(w, words, is_nullable);
    sl_jw_end(w);
    sl_jw_object(w);
    type_member(w, "array", false);
    sl_jw_member_u64(w, "minItems", 1);
    sl_jw_key(w, "items");
    sl_jw_object(w);
    words_member(w, words, false);
    sl_jw_end(w);
    sl_jw_end(w);
    sl_jw_end(w);
}

static void type_write(struct sl_jw *w, const struct sl_mf_type *type, bool is_nullable)
{
    sl_jw_object(w);
    switch (type->kind) {
    case SL_MF_STR:
        type_member(w, "string", is_nullable);
        break;
    case SL_MF_FLOAT:
        type_member(w, "number", is_nullable);
        bounds_members(w, type);
        break;
    case SL_MF_INT:
        type_member(w, "integer", is_nullable);
        bounds_members(w, type);
        break;
    case SL_MF_BOOL:
        bool_members(w, type, is_nullable);
        break;
    case SL_MF_LITERAL:
        words_member(w, type->words, is_nullable);
        break;
    case SL_MF_TYPE:
        type_words_members(w, type->words, is_nullable);
        break;
    case SL_MF_MODEL:
        type_member(w, "object", is_nullable);
        model_members(w, type->model, false);
        break;
    case SL_MF_LIST:
        type_member(w, "array", is_nullable);
        items_member(w, type->item);
        if (type->is_not_empty) {
            sl_jw_member_u64(w, "minItems", 1);
        }
        break;
    case SL_MF_DICT:
        type_member(w, "object", is_nullable);
        if (type->item) {
            sl_jw_key(w, "additionalProperties");
            type_write(w, type->item, false);
        }
        break;
    case SL_MF_CONTENT:
        sl_jw_key(w, "anyOf");
        sl_jw_array(w);
        sl_jw_object(w);
        content_members(w, is_nullable);
        sl_jw_end(w);
        sl_jw_end(w);
        break;
    case SL_MF_INPUT:
        raw_any_of(w, "[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
                      "{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},"
                      "{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}}]");
        break;
    }
    sl_jw_end(w);
}

void sl_mf_request_schema(struct sl_jw *w, enum sl_llm_type type)
{
    model_write(w, sl_mf_requests[type], true);
}
