/* SPDX-License-Identifier: Apache-2.0 */
/* JSON schemas in the form that an upstream takes: tools, answers, subsets, and what bounds them. */
#include "llm/form/schema.h"

#include "form.h"
#include "llm/form/form.h"

#define TOOL(schema) X ",\"tools\":[" T("f", schema) "]}"
#define STRICT(schema) \
    X ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":true,\"parameters\":" schema "}}]}"
#define ANSWER(schema) \
    X ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":" schema "}}}"
#define GOES(schema)   "\"input_schema\":" schema
#define FORMED(schema) "\"format\":{\"type\":\"json_schema\",\"schema\":" schema "}"

/* The root of a tool's schema. Deeper levels stay unchanged. */
static void test_tool_schemas(void **state)
{
    (void)state;
    static const struct row tools[] = {
        { .body = TOOL("{}"), .has = GOES("{\"type\":\"object\",\"properties\":{}}") },
        { .body = TOOL("{\"properties\":{}}"), .has = GOES("{\"type\":\"object\",\"properties\":{}}") },
        { .body = TOOL("{\"type\":\"object\"}"), .has = GOES("{\"type\":\"object\"}") },
        { .body = TOOL("{\"type\":\"object\",\"properties\":{\"a\":{\"minimum\":1}},\"additionalProperties\":{\"type\":"
                       "\"string\"}}"),
          .has = GOES("{\"type\":\"object\",\"properties\":{\"a\":{\"minimum\":1}},\"additionalProperties\":{\"type\":"
                      "\"string\"}}") },
        { .body = TOOL("{\"type\":[\"object\",\"null\"],\"properties\":{\"a\":{}}}"),
          .has = GOES("{\"type\":\"object\",\"properties\":{\"a\":{}}}") },
        { .body = TOOL("{\"anyOf\":[{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"k\":{}},"
                       "\"required\":[\"a\",\"k\"]},"
                       "{\"type\":\"object\",\"properties\":{\"b\":{\"type\":\"number\"},\"k\":{}},\"required\":[\"b\","
                       "\"k\"]}]}"),
          .has = GOES(
              "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"k\":{},\"b\":{\"type\":\"number\"}},"
              "\"required\":[\"k\"],\"description\":\"{anyOf: [") },
        { .body = TOOL("{\"oneOf\":[{\"properties\":{\"a\":{\"type\":\"string\"}}},{\"properties\":{\"a\":{\"type\":"
                       "\"number\"}}}]}"),
          .has = "\"properties\":{\"a\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]}}" },
        { .body = TOOL("{\"allOf\":[{\"properties\":{\"a\":{}},\"required\":[\"a\"]},{\"properties\":{\"b\":{}},"
                       "\"required\":[\"a\",\"b\"]}]}"),
          .has = GOES("{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{}},\"required\":[\"a\",\"b\"]}") },
        { .body = TOOL("{\"$ref\":\"#/$defs/A\",\"$defs\":{\"A\":{\"type\":\"object\",\"properties\":{\"a\":{}}}}}"),
          .has = "\"type\":\"object\",\"properties\":{\"a\":{}}",
          .hasnt = "$ref" },
        { .body = TOOL("{\"type\":\"object\",\"anyOf\":[{\"$ref\":\"#/$defs/"
                       "A\"}],\"$defs\":{\"A\":{\"properties\":{\"a\":{}}}}}"),
          .has = "\"properties\":{\"a\":{}}" },
        { .body = TOOL("{\"type\":\"array\"}"),
          .refused = "tools[0].function.parameters: the schema's root must be an object" },
        { .body = TOOL("{\"$ref\":\"#/$defs/Nobody\"}"), .refused = "points to no schema" },
        { .body = X ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}",
          .has = GOES("{\"type\":\"object\",\"properties\":{}}") },
        { .body = STRICT("{\"properties\":{\"a\":{\"type\":\"integer\",\"minimum\":1}}}"),
          .has = GOES(
              "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"description\":\"{minimum: 1}\"}},"
              "\"additionalProperties\":false}") },
    };
    CHECK(tools);
}

/* Structured output: closed objects; keywords that do not exist there are reported. */
static void test_answer_schemas(void **state)
{
    (void)state;
    static const struct row answers[] = {
        { .body = ANSWER("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}"),
          .has = FORMED(
              "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"additionalProperties\":false}") },
        { .body = ANSWER("{\"type\":\"object\",\"additionalProperties\":true}"),
          .has = FORMED("{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}") },
        { .body = ANSWER("{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}"),
          .has = "\"additionalProperties\":false,\"description\":\"{additionalProperties: "
                 "{\\\"type\\\":\\\"integer\\\"}}\"" },
        { .body = ANSWER("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"items\":{\"type\":"
                         "\"string\",\"maxLength\":9},\"maxItems\":3,"
                         "\"description\":\"Names.\"}}}"),
          .has = "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"description\":\"{maxLength: 9}\"},"
                 "\"description\":\"Names.\\n\\n{maxItems: 3}\"}" },
        { .body = ANSWER("{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"minItems\":1}"),
          .has = "\"minItems\":1}" },
        { .body = ANSWER("{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"minItems\":2}"),
          .has = "{minItems: 2}" },
        { .body = ANSWER("{\"type\":\"string\",\"format\":\"email\"}"), .has = "\"format\":\"email\"" },
        { .body = ANSWER("{\"type\":\"string\",\"format\":\"color\"}"), .has = "{format: \\\"color\\\"}" },
        { .body = ANSWER("{\"type\":\"string\",\"pattern\":\"^[a-z]+$\"}"), .has = "\"pattern\":\"^[a-z]+$\"" },
        { .body = ANSWER("{\"type\":\"string\",\"pattern\":\"^(?=a)\"}"), .has = "{pattern: " },
        { .body = ANSWER("{\"type\":\"string\",\"pattern\":\"^a\\\\b\"}"), .has = "{pattern: " },
        { .body = ANSWER("{\"type\":\"string\",\"pattern\":\"^(a)\\\\1\"}"), .has = "{pattern: " },
        { .body = ANSWER("{\"type\":\"string\",\"pattern\":\"^\\\\d\\\\\\\\b$\"}"), .has = "\"pattern\":\"^\\\\d" },
        { .body = ANSWER("{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"object\"}]}"),
          .has = FORMED("{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"object\",\"properties\":{},"
                        "\"additionalProperties\":false}]}") },
        { .body = ANSWER(
              "{\"properties\":{\"a\":{},\"b\":{\"minimum\":2},\"c\":{\"enum\":[\"x\"]},\"d\":{\"const\":1}}}"),
          .has = "\"b\":{\"type\":\"number\",\"description\":\"{minimum: "
                 "2}\"},\"c\":{\"type\":\"string\",\"enum\":[\"x\"]},"
                 "\"d\":{\"type\":\"number\",\"const\":1}" },
        { .body = ANSWER("{\"$defs\":{\"A\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\","
                         "\"maximum\":5}}}},\"type\":\"object\","
                         "\"properties\":{\"a\":{\"$ref\":\"#/$defs/A\"}}}"),
          .has = "\"a\":{\"$ref\":\"#/$defs/A\"}}" },
        { .body = ANSWER("{\"$defs\":{\"A\":{\"type\":\"object\"}},\"type\":\"object\",\"properties\":{\"a\":{"
                         "\"allOf\":[{\"$ref\":\"#/$defs/A\"}],"
                         "\"description\":\"An A.\"}}}"),
          .has = "\"a\":{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false,\"description\":\"An "
                 "A.\"}" },
        { .body = ANSWER("{\"type\":\"object\",\"properties\":{\"next\":{\"$ref\":\"#\"}}}"),
          .refused = "response_format.json_schema.schema: the schema holds itself" },
        { .body = ANSWER(
              "{\"$defs\":{\"A\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/A\"}}},\"$ref\":\"#/$defs/A\"}"),
          .refused = "holds itself" },
        { .body = ANSWER("{\"type\":\"array\",\"prefixItems\":[{\"type\":\"string\"},{\"type\":\"number\"}]}"),
          .has = "\"items\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]}" },
        { .body = ANSWER("{\"type\":\"string\",\"nullable\":true}"),
          .has = FORMED("{\"type\":[\"string\",\"null\"]}") },
        { .body = ANSWER("{\"type\":\"object\",\"$schema\":\"x\",\"title\":\"T\",\"x-own\":1}"),
          .has = "\"title\":\"T\"",
          .hasnt = "x-own" },
        { .body = ANSWER("{\"type\":\"string\",\"not\":{\"const\":\"x\"}}"),
          .has = "{not: {\\\"const\\\":\\\"x\\\"}}" },
        { .model = "claude-3-7-sonnet-latest",
          .body = ANSWER("{\"properties\":{\"a\":{\"minimum\":1}}}"),
          .has = "\"name\":\"structured_answer\",\"description\":\"Give the answer in this "
                 "form.\",\"input_schema\":{\"type\":\"object\","
                 "\"properties\":{\"a\":{\"minimum\":1}}}" },
    };
    CHECK(answers);
}

/* Another subset: no references, types in capitals, null as a member. */
static void test_other_subset(void **state)
{
    (void)state;
    static const struct sl_schema_rules rules = {
        .takes = SL_SCHEMA_CORE | SL_SCHEMA_BIT(ANY_OF) | SL_SCHEMA_BIT(FORMAT) | SL_SCHEMA_BIT(MINIMUM),
        .needs_type = true,
        .has_nullable = true,
        .is_upper = true,
        .has_string_enums = true,
        .any = "\"type\":\"STRING\"",
    };
    /* no `const`: a list of one */
    static const struct sl_schema_rules listed = { .takes = SL_SCHEMA_CORE };
    static const struct {
        const char *schema, *want; /* want NULL: refused, */
        const char *words;         /* with these */
        bool is_listed;
    } rows[] = {
        { "{\"const\":\"x\"}", "{\"enum\":[\"x\"]}", NULL, true },
        { "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":[\"integer\",\"null\"],\"minimum\":1}},"
          "\"additionalProperties\":false}",
          "{\"type\":\"OBJECT\",\"properties\":{\"a\":{\"type\":\"INTEGER\",\"minimum\":1,\"nullable\":true}},"
          "\"description\":\"{additionalProperties: false}\"}" },
        { "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}",
          "{\"anyOf\":[{\"type\":\"STRING\"}],\"nullable\":true}" },
        { "{\"type\":[\"string\",\"integer\",\"null\"]}",
          "{\"anyOf\":[{\"type\":\"STRING\"},{\"type\":\"INTEGER\"}],\"nullable\":true}" },
        { "{\"$defs\":{\"A\":{\"type\":\"string\"}},\"properties\":{\"a\":{\"$ref\":\"#/$defs/A\"},\"b\":{\"$ref\":\"#/"
          "$defs/A\",\"description\":\"B\"}}}",
          "{\"type\":\"OBJECT\",\"properties\":{\"a\":{\"type\":\"STRING\"},\"b\":{\"type\":\"STRING\",\"description\":"
          "\"B\"}}}" },
        { "{\"definitions\":{\"a/b\":{\"type\":\"string\"}},\"items\":{\"$ref\":\"#/definitions/a~1b\"}}",
          "{\"type\":\"ARRAY\",\"items\":{\"type\":\"STRING\"}}" },
        { "{\"enum\":[1,2]}", "{\"type\":\"NUMBER\",\"description\":\"{enum: [1,2]}\"}" },
        { "{\"const\":\"x\"}", "{\"type\":\"STRING\",\"description\":\"{const: \\\"x\\\"}\"}" },
        { "{}", "{\"type\":\"STRING\"}" },
        { "{\"properties\":{\"a\":true}}", "{\"type\":\"OBJECT\",\"properties\":{\"a\":{\"type\":\"STRING\"}}}" },
        { "{\"properties\":{\"a\":{\"properties\":{\"b\":{\"$ref\":\"#/properties/a\"}}}}}", NULL, "holds itself" },
        { "{\"properties\":{\"a\":{\"$ref\":\"http://h/s\"}}}", NULL, "points to no schema" },
        { "{\"definitions\":{\"a~b\":{\"type\":\"string\"}},\"items\":{\"$ref\":\"#/definitions/a~0b\"}}",
          "{\"type\":\"ARRAY\",\"items\":{\"type\":\"STRING\"}}" },
        { "{\"allOf\":[{\"type\":\"string\"},{\"enum\":[\"a\"]},{\"$ref\":\"#/allOf/1\"}]}",
          "{\"type\":\"STRING\",\"enum\":[\"a\"]}" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct help h;
        help_init(&h);
        assert_int_equal(sl_json_parse(&h.doc, sl_str_c(rows[i].schema)), 0);
        struct sl_call call = { .manners = sl_dialect_openai.manners };
        struct sl_llm_error error = { 0 };
        struct sl_form_rules form_rules = { .label = "Other" };
        struct sl_form form = { .rules = &form_rules, .call = &call, .arena = &h.arena, .error = &error };
        struct sl_str raw = sl_str_c(rows[i].schema);
        int r = sl_form_schema(&form, rows[i].is_listed ? &listed : &rules, sl_json_root(&h.doc), &raw);
        bool has_words = !rows[i].words || sl_str_find(error.message, sl_str_c(rows[i].words), 0) >= 0;
        if ((r < 0) != (rows[i].want == NULL) || !has_words || (r == 0 && !sl_str_eq_c(raw, rows[i].want))) {
            fail_msg("%s\n gave %d %.*s\n want %s", rows[i].schema, r, SL_STR_ARG(r < 0 ? error.message : raw),
                     rows[i].want);
        }
        help_done(&h);
    }
}

/* No schema of a caller makes a cast slow, large or deep. */
static void test_schema_bounds(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    static const struct sl_schema_rules rules = { .takes = SL_SCHEMA_CORE, .closes = true };
    struct sl_call call = { .manners = sl_dialect_openai.manners };
    struct sl_llm_error error = { 0 };
    struct sl_form_rules form_rules = { .label = "Other" };
    struct sl_form form = { .rules = &form_rules, .call = &call, .arena = &h.arena, .error = &error };
    for (int deep = 200; deep <= 240; deep += 40) { /* two levels of JSON a schema */
        struct sl_buf buf = SL_BUF_INIT(1 << 20);
        for (int i = 0; i < deep; i++) {
            sl_buf_add_c(&buf, "{\"items\":");
        }
        sl_buf_add_c(&buf, "{}");
        for (int i = 0; i < deep; i++) {
            sl_buf_add_char(&buf, '}');
        }
        struct sl_str raw = SL_STR_NONE;
        assert_int_equal(sl_json_parse(&h.doc, sl_buf_str(&buf)), 0);
        assert_int_equal(sl_form_schema(&form, &rules, sl_json_root(&h.doc), &raw), 0);
        assert_int_equal(raw.n, sl_buf_str(&buf).n);
        sl_buf_done(&buf);
    }
    help_done(&h);
}

/* Schemas that refer to one another: `n_links` of them in a row, each of them referred to `n_members` times, and at the
 * end one of `n_parts` parts. NULL: it is cast. */
static void test_schema_references(void **state)
{
    (void)state;
    static const struct sl_schema_rules in_place = { .takes = SL_SCHEMA_CORE };
    static const struct sl_schema_rules straight = { .takes = SL_SCHEMA_CORE | SL_SCHEMA_BIT(REF) | SL_SCHEMA_BIT(DEFS),
                                                     .no_recursion = true };
    static const struct {
        const struct sl_schema_rules *rules;
        int n_links, n_members, n_parts;
        const char *refused;
    } rows[] = {
        { &in_place, 60, 2, 0, "too large" },
        { &in_place, 18, 2, 0, "too large" }, /* about 8 MiB */
        { &in_place, 14, 2, 0, NULL },        /* a sixteenth of it */
        { &in_place, 254, 1, 0, NULL },
        { &in_place, 300, 1, 0, "nested too deeply" },
        { &straight, 100, 1, 0, NULL },
        { &straight, 300, 1, 0, "nested too deeply" },
        { &in_place, 1, 1, 14, NULL }, /* with the reference and what has it: 16 */
        { &in_place, 1, 1, 15, "too many parts" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct help h;
        struct sl_buf buf = SL_BUF_INIT(1 << 20);
        struct sl_llm_error error = { 0 };
        struct sl_form_rules form_rules = { .label = "Other" };
        struct sl_str raw = SL_STR_NONE;
        help_init(&h);
        struct sl_call call = { .manners = sl_dialect_openai.manners };
        struct sl_form form = { .rules = &form_rules, .call = &call, .arena = &h.arena, .error = &error };
        sl_buf_add_c(&buf, "{\"properties\":{\"r\":{\"$ref\":\"#/$defs/d0\"}},\"$defs\":{");
        for (int k = 0; k < rows[i].n_links; k++) {
            sl_buf_printf(&buf, "\"d%d\":{\"properties\":{", k);
            for (int m = 0; m < rows[i].n_members; m++) {
                sl_buf_printf(&buf, "%s\"m%d\":{\"$ref\":\"#/$defs/d%d\"}", m ? "," : "", m, k + 1);
            }
            sl_buf_add_c(&buf, "}},");
        }
        sl_buf_printf(&buf, "\"d%d\":{\"allOf\":[", rows[i].n_links);
        for (int k = 0; k < rows[i].n_parts; k++) {
            sl_buf_add_c(&buf, k ? ",{}" : "{}");
        }
        sl_buf_add_c(&buf, "]}}}");
        assert_int_equal(sl_json_parse(&h.doc, sl_buf_str(&buf)), 0);
        int r = sl_form_schema(&form, rows[i].rules, sl_json_root(&h.doc), &raw);
        if (r != (rows[i].refused ? SL_E_INVAL : 0) ||
            (rows[i].refused && sl_str_find(error.message, sl_str_c(rows[i].refused), 0) < 0)) {
            fail_msg("[%zu] gave %d %.*s, %zu bytes", i, r, SL_STR_ARG(error.message), raw.n);
        }
        sl_buf_done(&buf);
        help_done(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tool_schemas),      cmocka_unit_test(test_answer_schemas),
        cmocka_unit_test(test_other_subset),      cmocka_unit_test(test_schema_bounds),
        cmocka_unit_test(test_schema_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
