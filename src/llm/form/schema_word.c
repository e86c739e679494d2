/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/form/schema_word.h"

const char *sl_schema_type_guess(const struct sl_schema_view *view)
{
    static const struct {
        uint64_t words;
        const char *type;
    } signs[] = {
        { SL_SCHEMA_BIT(PROPERTIES) | SL_SCHEMA_BIT(REQUIRED) | SL_SCHEMA_BIT(ADDITIONAL) |
              SL_SCHEMA_BIT(MIN_PROPERTIES) | SL_SCHEMA_BIT(MAX_PROPERTIES) | SL_SCHEMA_BIT(PATTERN_PROPERTIES) |
              SL_SCHEMA_BIT(PROPERTY_NAMES),
          "object" },
        { SL_SCHEMA_BIT(ITEMS) | SL_SCHEMA_BIT(PREFIX_ITEMS) | SL_SCHEMA_BIT(MIN_ITEMS) | SL_SCHEMA_BIT(MAX_ITEMS) |
              SL_SCHEMA_BIT(UNIQUE_ITEMS) | SL_SCHEMA_BIT(CONTAINS),
          "array" },
        { SL_SCHEMA_BIT(MIN_LENGTH) | SL_SCHEMA_BIT(MAX_LENGTH) | SL_SCHEMA_BIT(PATTERN) | SL_SCHEMA_BIT(FORMAT) |
              SL_SCHEMA_BIT(CONTENT_ENCODING) | SL_SCHEMA_BIT(CONTENT_TYPE),
          "string" },
        { SL_SCHEMA_BIT(MINIMUM) | SL_SCHEMA_BIT(MAXIMUM) | SL_SCHEMA_BIT(EX_MINIMUM) | SL_SCHEMA_BIT(EX_MAXIMUM) |
              SL_SCHEMA_BIT(MULTIPLE_OF),
          "number" },
    };
    static const char *const kinds[] = { "null", "boolean", "boolean", "number", "string", "array", "object" };
    for (size_t i = 0; i < SL_ARRAY_LEN(signs); i++) {
        if (view->has & signs[i].words) {
            return signs[i].type;
        }
    }
    struct sl_json_val value = (view->has & SL_SCHEMA_BIT(CONST)) ? view->at[SL_SCHEMA_AT_CONST]
                                                                  : sl_json_at(view->at[SL_SCHEMA_AT_ENUM], "[0]");
    return sl_json_is_present(value) ? kinds[sl_json_tok(value)->kind] : NULL;
}

static bool enum_fits(const struct sl_schema_cast *c, struct sl_json_val list)
{
    if (!sl_json_is(list, SL_JSON_ARRAY)) {
        return false;
    }
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        bool is_simple = !sl_json_is(it.val, SL_JSON_ARRAY) && !sl_json_is(it.val, SL_JSON_OBJECT);
        if (!is_simple || (c->rules->has_string_enums && !sl_json_is(it.val, SL_JSON_STRING))) {
            return false;
        }
    }
    return true;
}

static bool format_fits(const struct sl_schema_cast *c, struct sl_json_val v)
{
    const char *const *list = c->rules->formats;
    for (; list && *list; list++) {
        if (sl_json_str_eq(v, sl_str_c(*list))) {
            return true;
        }
    }
    return list == NULL;
}

/* True: the pattern has no look-around, back references or word boundaries. */
static bool pattern_fits(struct sl_json_val v)
{
    struct sl_str raw = sl_json_raw(v);
    bool fits = sl_json_is(v, SL_JSON_STRING) && sl_str_find(raw, SL_STR("(?"), 0) < 0;
    for (size_t i = 0; i + 2 < raw.n && fits; i++) {
        if (raw.p[i] == '\\' && raw.p[i + 1] == '\\') {
            fits = !strchr("bBAZzGkpPuUx123456789", raw.p[i + 2]);
            i += 2;
        }
    }
    return fits;
}

bool sl_schema_word_fits(const struct sl_schema_cast *c, enum sl_schema_word word, struct sl_json_val v)
{
    int64_t n = 0;
    switch ((int)word) {
    case SL_SCHEMA_AT_ENUM:
        return sl_schema_takes(c, word) && enum_fits(c, v);
    case SL_SCHEMA_AT_FORMAT:
        return sl_schema_takes(c, word) && format_fits(c, v);
    case SL_SCHEMA_AT_PATTERN:
        return sl_schema_takes(c, word) && (!c->rules->has_simple_patterns || pattern_fits(v));
    case SL_SCHEMA_AT_MIN_ITEMS:
        return sl_schema_takes(c, word) ||
               (c->rules->min_items_max && sl_json_int(v, true, &n) == 0 && n <= c->rules->min_items_max);
    default:
        return sl_schema_takes(c, word);
    }
}
