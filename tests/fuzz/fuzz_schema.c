/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Schemas that are brought into subsets: the first two bytes choose the rules, the rest is the schema. The result
 * is JSON, has none of the keywords that the subset refuses at its root, and is accepted when it is brought in
 * again. */
#include "llm/form/schema.h"
#include "llm_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const formats[] = { "date", "uuid", NULL };

static struct sl_schema_rules rules_of(const uint8_t *data)
{
    struct sl_schema_rules rules = {
        .takes = SL_SCHEMA_CORE,
        .needs_object = data[0] & 1,
        .is_shallow = data[0] & 2,
        .closes = data[0] & 4,
        .needs_type = data[0] & 8,
        .no_recursion = data[0] & 16,
        .has_nullable = data[0] & 32,
        .is_upper = data[0] & 64,
        .has_string_enums = data[0] & 128,
        .has_simple_patterns = data[1] & 1,
        .formats = data[1] & 2 ? formats : NULL,
        .min_items_max = data[1] & 4 ? 1 : 0,
        .any = data[1] & 8 ? "\"type\":\"string\"" : NULL,
    };
    rules.takes |= data[1] & 16 ? SL_SCHEMA_BIT(ANY_OF) | SL_SCHEMA_BIT(FORMAT) | SL_SCHEMA_BIT(PATTERN) : 0;
    rules.takes |= data[1] & 32 ? SL_SCHEMA_BIT(REF) | SL_SCHEMA_BIT(DEFS) | SL_SCHEMA_BIT(DEFINITIONS) : 0;
    rules.takes |= data[1] & 64 ? SL_SCHEMA_BIT(ADDITIONAL) | SL_SCHEMA_BIT(CONST) : 0;
    rules.takes |= data[1] & 128 ? SL_SCHEMA_ALL : 0;
    return rules;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct llm_fuzz f;
    if (size < 3) {
        return 0;
    }
    llm_fuzz_init(&f);
    struct sl_schema_rules rules = rules_of(data);
    struct sl_call call = { .manners = sl_dialect_openai.manners };
    struct sl_llm_error error = { 0 };
    struct sl_form_rules row = { .label = "Some" };
    struct sl_form form = { .rules = &row, .call = &call, .env = &f.env, .arena = &f.arena, .error = &error };
    struct sl_str text = sl_str_make((const char *)data + 2, size - 2), raw = text;
    if (sl_json_parse(&f.doc, text) == 0 && sl_json_is(sl_json_root(&f.doc), SL_JSON_OBJECT)) {
        int r = sl_form_schema(&form, &rules, sl_json_root(&f.doc), &raw);
        SL_ASSERT(r == 0 || (r == SL_E_INVAL && error.message.n) || r == SL_E_NOMEM);
        if (r == 0) {
            llm_fuzz_check_json(raw);
            SL_ASSERT(sl_json_parse(&f.scratch, raw) < 0 || sl_json_is(sl_json_root(&f.scratch), SL_JSON_OBJECT));
        }
    }
    llm_fuzz_done(&f);
    return 0;
}
