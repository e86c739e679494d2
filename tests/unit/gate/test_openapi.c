/* SPDX-License-Identifier: Apache-2.0 */
/* /openapi.json has every row of the path table, and every part that it refers to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/opt.h"
#include "gate/api/file_schema.h"
#include "gate/api/openapi.h"
#include "gate/api/table.h"
#include "gate/config/settings.h"
#include "json/json.h"
#include "json/write.h"
#include "llm/core/language.h"

struct help {
    struct sl_arena arena;
    struct sl_buf text;
    struct sl_json doc;
};

static int help_init(void **state)
{
    static struct help help;
    struct sl_jw w;
    sl_arena_init_small(&help.arena, 4096);
    sl_buf_init(&help.text, 1u << 20);
    sl_json_init(&help.doc, NULL);
    sl_jw_init(&w, &help.text);
    sl_openapi_write(&w, &sl_api_paths);
    assert_int_equal(sl_buf_status(&help.text), 0);
    assert_int_equal(sl_json_parse(&help.doc, sl_buf_str(&help.text)), 0);
    *state = &help;
    return 0;
}

static int help_done(void **state)
{
    struct help *help = *state;
    sl_json_done(&help->doc);
    sl_buf_done(&help->text);
    sl_arena_done(&help->arena);
    return 0;
}

static struct sl_json_val operation_find(struct help *help, const struct sl_path *row, const char *method)
{
    struct sl_buf path = SL_BUF_INIT(256);
    sl_openapi_pattern(&path, row->pattern);
    struct sl_json_val operations = sl_json_get_str(sl_json_get(sl_json_root(&help->doc), "paths"), sl_buf_str(&path));
    sl_buf_done(&path);
    return sl_json_get(operations, method);
}

static bool has_success(struct sl_json_val responses)
{
    for (struct sl_json_iter it = sl_json_each(responses); sl_json_next(&it);) {
        if (sl_json_raw(it.key).p[1] < '4') {
            return true;
        }
    }
    return false;
}

static const char *const callers[] = { "x-sluice-session", "x-sluice-timeout" };

static bool has_parameter(struct sl_json_val operation, const char *name)
{
    char ref[64];
    snprintf(ref, sizeof(ref), "#/components/parameters/%s", name);
    for (struct sl_json_iter it = sl_json_each(sl_json_get(operation, "parameters")); sl_json_next(&it);) {
        if (sl_json_str_eq(sl_json_get(it.val, "$ref"), sl_str_c(ref))) {
            return true;
        }
    }
    return false;
}

static void every_row_is_told(void **state)
{
    static const struct {
        const char *name;
        unsigned bit;
    } methods[] = { { "get", SL_GET }, { "head", SL_HEAD },     { "post", SL_POST },
                    { "put", SL_PUT }, { "delete", SL_DELETE }, { "patch", SL_PATCH } };
    struct sl_path_iter it = { 0 };
    unsigned n = 0;
    for (const struct sl_path *row; (row = sl_path_next(&sl_api_paths, &it)) != NULL; n++) {
        unsigned told = 0;
        if (!row->told || !row->told->text) {
            fail_msg("%s: no word on what it does", row->pattern);
        }
        for (size_t i = 0; i < SL_ARRAY_LEN(methods); i++) {
            if (!(row->methods & methods[i].bit)) {
                continue;
            }
            told |= methods[i].bit;
            struct sl_json_val operation = operation_find(*state, row, methods[i].name);
            struct sl_json_val responses = sl_json_get(operation, "responses");
            bool takes_body = sl_json_is_present(sl_json_get(operation, "requestBody"));
            if (!sl_json_str_eq(sl_json_get(operation, "summary"), sl_str_c(row->told->text))) {
                fail_msg("%s %s is not told", methods[i].name, row->pattern);
            }
            if (!has_success(responses) && !row->told->statuses) {
                fail_msg("%s %s never ends well", methods[i].name, row->pattern);
            }
            bool is_told = takes_body || row->is_passage || row->follows;
            if (!row->handle && !(is_told && sl_json_is_present(sl_json_get(responses, "429")))) {
                fail_msg("%s %s is not told as a call of a model", methods[i].name, row->pattern);
            }
            bool is_refused = sl_json_is_present(sl_json_get(responses, "401")),
                 is_keyed = row->access != SL_ACCESS_OPEN;
            if (is_keyed ? !is_refused : is_refused && !row->takes_key) {
                fail_msg("%s %s: 401", methods[i].name, row->pattern);
            }
            for (size_t k = 0; k < SL_ARRAY_LEN(callers); k++) { /* calls of models have them, and no others */
                if (has_parameter(operation, callers[k]) != !row->handle) {
                    fail_msg("%s %s: %s", methods[i].name, row->pattern, callers[k]);
                }
            }
        }
        assert_int_equal(told, row->methods);
    }
    assert_true(n > 50);
}

/* "#/components/schemas/Route" */
static void ref_check(struct help *help, struct sl_json_val ref)
{
    struct sl_str text, head = SL_STR("#/components/");
    assert_int_equal(sl_json_text(ref, &help->arena, &text), 0);
    assert_true(sl_str_has_prefix(text, head));
    text = sl_str_sub(text, head.n, text.n);
    ptrdiff_t slash = sl_str_find_char(text, '/', 0);
    assert_true(slash > 0);
    struct sl_json_val group = sl_json_get_str(sl_json_get(sl_json_root(&help->doc), "components"),
                                               sl_str_sub(text, 0, (size_t)slash));
    if (!sl_json_is_present(sl_json_get_str(group, sl_str_sub(text, (size_t)slash + 1, text.n)))) {
        fail_msg("there is no %.*s", SL_STR_ARG(text));
    }
}

static unsigned refs_check(struct help *help, struct sl_json_val v)
{
    unsigned n = 0;
    for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it);) {
        if (sl_json_is(v, SL_JSON_OBJECT) && sl_json_str_eq(it.key, SL_STR("$ref"))) {
            ref_check(help, it.val);
            n++;
        } else if (sl_json_is(it.val, SL_JSON_OBJECT) || sl_json_is(it.val, SL_JSON_ARRAY)) {
            n += refs_check(help, it.val);
        }
    }
    return n;
}

static void every_reference_leads_somewhere(void **state)
{
    struct help *help = *state;
    assert_true(refs_check(help, sl_json_root(&help->doc)) > 500);
}

/* A part without a reference was forgotten. */
static void every_part_is_used(void **state)
{
    struct help *help = *state;
    for (const struct sl_openapi_part *part = sl_openapi_parts; part->name; part++) {
        struct sl_str ref = sl_arena_printf(&help->arena, "\"#/components/%s/%s\"", part->group, part->name);
        bool is_of_file = strcmp(part->group, "file") == 0; /* see below */
        if (strcmp(part->group, "securitySchemes") != 0 && !is_of_file &&
            sl_str_find(sl_buf_str(&help->text), ref, 0) < 0) {
            fail_msg("nothing uses %.*s", SL_STR_ARG(ref));
        }
    }
}

static void a_rule_of_a_route_has_the_types_of_its_members(void **state)
{
    static const struct {
        const char *path, *want; /* a part of its schema */
    } settings[] = {
        { "hedge", "{\"enum\":[\"off\",false]}" },
        { "hedge.anyOf[0].properties.at_most", "\"pattern\":\"^0*([1-9][0-9]?|100)%$\"" },
        { "queue", "{\"enum\":[\"off\",false]}" },
        { "queue.anyOf[0].properties.wait", "(ms|s|m|h|d)$\"" },
        { "queue.anyOf[0].properties.size", "\"type\":\"integer\",\"minimum\":1,\"maximum\":10000" },
        { "shadow", "\"required\":[\"route\"]" },
        { "shadow.anyOf[0].properties.route", "\"type\":\"string\"" },
        { "shadow.anyOf[0].properties.share", "\"pattern\"" },
        { "breaker.anyOf[0].properties.errors", "\"type\":\"integer\"" },
        { "health.anyOf[0].properties.by", "\"enum\":[\"connect\",\"models\"]" },
        { "fallback", "{\"enum\":[\"off\",false]}" },
        { "fallback.anyOf[0].properties.attempts", "\"type\":\"integer\"" },
        { "timeouts.properties.total", "(ms|s|m|h|d)$\"" },
    };
    struct help *help = *state;
    struct sl_json_val root = sl_json_at(sl_json_root(&help->doc), "components.schemas.RouteSettings.properties");
    for (size_t i = 0; i < SL_ARRAY_LEN(settings); i++) {
        struct sl_json_val v = sl_json_at(root, settings[i].path);
        if (!sl_json_is_present(v) || sl_str_find(sl_json_raw(v), sl_str_c(settings[i].want), 0) < 0) {
            fail_msg("%s has not %s: %.*s", settings[i].path, settings[i].want, SL_STR_ARG(sl_json_raw(v)));
        }
    }
}

/* The schema of the file: every reference leads somewhere, every handwritten part is used, and each section is there.
 */
static void the_files_schema_is_whole(void **state)
{
    (void)state;
    struct help help = { .text = SL_BUF_INIT(8u << 20) };
    sl_arena_init(&help.arena, NULL);
    sl_file_schema(&help.text);
    assert_int_equal(sl_buf_status(&help.text), 0);
    sl_json_init(&help.doc, NULL);
    assert_int_equal(sl_json_parse(&help.doc, sl_buf_str(&help.text)), 0);
    struct sl_json_val root = sl_json_root(&help.doc);
    assert_true(refs_check(&help, root) > 50);
    for (const struct sl_openapi_part *part = sl_openapi_parts; part->name; part++) {
        struct sl_str ref = sl_arena_printf(&help.arena, "\"#/components/schemas/%s\"", part->name);
        if (strcmp(part->group, "file") == 0 && sl_str_find(sl_buf_str(&help.text), ref, 0) < 0) {
            fail_msg("nothing uses %s", part->name);
        }
    }
    struct sl_json_val sections = sl_json_at(root, "properties");
    for (const struct sl_opt *row = sl_settings_rows(); row->key; row++) {
        assert_true(sl_json_is_present(sl_json_get(sections, row->key)));
    }
    sl_json_done(&help.doc);
    sl_buf_done(&help.text);
    sl_arena_done(&help.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_told),         cmocka_unit_test(every_reference_leads_somewhere),
        cmocka_unit_test(every_part_is_used),        cmocka_unit_test(a_rule_of_a_route_has_the_types_of_its_members),
        cmocka_unit_test(the_files_schema_is_whole),
    };
    return cmocka_run_group_tests(tests, help_init, help_done);
}
