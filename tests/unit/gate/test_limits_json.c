/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of limits: as callers write them, as they are stored, as they are shown; and the grammar of periods. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "gate/config/limits_json.h"
#include "gate/config/limits_write.h"
#include "gate/policy/period.h"
#include "json/json.h"
#include "json/write.h"

static const struct sl_limits_words other = { "rate_limits", "endpoint", false, false, false };

static void a_list_is_checked_and_written_anew(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        const struct sl_limits_words *words;
        const char *out; /* what is stored; NULL: refused */
        const char *why;
    } cases[] = {
        { "[]", &sl_limits_requests, "[]", NULL },
        { "[{\"calls\":5,\"renewal_period\":\"minute\"}]", &sl_limits_requests,
          "[{\"calls\":5,\"key\":\"route\",\"renewal_period\":\"minute\"}]", NULL },
        { "[{\"calls\":1e2,\"key\":null,\"renewal_period\":\"5 MINUTES\"}]", &sl_limits_requests,
          "[{\"calls\":100,\"key\":\"route\",\"renewal_period\":\"5 minutes\"}]", NULL },
        { "[{\"calls\":0,\"key\":\"user\",\"renewal_period\":\"day\",\"more\":\"x\"}]", &sl_limits_requests,
          "[{\"calls\":0,\"key\":\"user\",\"renewal_period\":\"day\"}]", NULL },
        { "[{\"calls\":1,\"key\":\"endpoint\",\"renewal_period\":\"\\u0064ay\"}]", &other,
          "[{\"calls\":1,\"key\":\"route\",\"renewal_period\":\"day\"}]", NULL },
        { "[{\"calls\":1,\"key\":\"endpoint\",\"renewal_period\":\"day\"}]", &sl_limits_requests, NULL,
          "limits[0].key: must be \"route\", \"user\" or null" },
        { "{}", &sl_limits_requests, NULL, "limits: must be a list" },
        { "null", &other, NULL, "rate_limits: must be a list" },
        { "[5]", &sl_limits_requests, NULL, "limits[0]: must be an object" },
        { "[{\"calls\":\"5\",\"renewal_period\":\"day\"}]", &sl_limits_requests, NULL,
          "limits[0].calls: must be a whole" },
        { "[{\"calls\":1.5,\"renewal_period\":\"day\"}]", &sl_limits_requests, NULL,
          "limits[0].calls: must be a whole" },
        { "[{\"calls\":-1,\"renewal_period\":\"day\"}]", &sl_limits_requests, NULL,
          "limits[0].calls: must be a whole" },
        { "[{\"calls\":9223372036854775808,\"renewal_period\":\"day\"}]", &sl_limits_requests, NULL,
          "limits[0].calls" },
        { "[{\"calls\":1,\"renewal_period\":\"0 days\"}]", &sl_limits_requests, NULL,
          "limits[0].renewal_period: must" },
        { "[{\"calls\":1,\"renewal_period\":5}]", &sl_limits_requests, NULL, "limits[0].renewal_period: must be" },
        { "[{\"calls\":1,\"renewal_period\":\"day\"},{\"calls\":2,\"renewal_period\":\"24 hours\"}]", &other, NULL,
          "rate_limits[1]: has the same key and period as rate_limits[0]" },
        /* Only our own lists have more than requests. */
        { "[{\"tokens\":1,\"per\":\"day\"}]", &sl_limits_requests, NULL, "limits[0].calls: must be a whole" },
        { "[{\"requests\":5,\"per\":\"minute\"},{\"requests\":6,\"per\":\"minute\",\"each\":\"principal\"}]",
          &sl_limits_ours,
          "[{\"calls\":5,\"key\":\"route\",\"renewal_period\":\"minute\"},{\"calls\":6,\"key\":\"user\",\"renewal_"
          "period\":\"minute\"}]",
          NULL },
        { "[{\"tokens\":2e6,\"per\":\"2 "
          "Days\"},{\"input_tokens\":7,\"per\":\"hour\",\"each\":null},{\"output_tokens\":8,\"per\":"
          "\"hour\",\"each\":\"principal\"}]",
          &sl_limits_ours,
          "[{\"tokens\":2000000,\"per\":\"2 "
          "days\"},{\"input_tokens\":7,\"per\":\"hour\"},{\"output_tokens\":8,\"per\":\"hour\",\"each\":"
          "\"principal\"}]",
          NULL },
        { "[{\"tokens\":1,\"per\":\"month\",\"zone\":\"Europe/Berlin\"},{\"tokens\":1,\"per\":\"month\"},{\"calls\":1,"
          "\"renewal_period\":\"day\",\"zone\":\"UTC\"}]",
          &sl_limits_ours,
          "[{\"tokens\":1,\"per\":\"month\",\"zone\":\"Europe/"
          "Berlin\"},{\"tokens\":1,\"per\":\"month\"},{\"calls\":1,\"key\":"
          "\"route\",\"renewal_period\":\"day\",\"zone\":\"UTC\"}]",
          NULL },
        { "[{\"concurrent\":3},{\"concurrent\":1,\"each\":\"principal\"}]", &sl_limits_ours,
          "[{\"concurrent\":3},{\"concurrent\":1,\"each\":\"principal\"}]", NULL },
        { "[{\"session\":{\"calls\":200,\"tokens\":5}},{\"concurrent\":1},{\"session\":{\"output_tokens\":4}}]",
          &sl_limits_ours, "[{\"session\":{\"calls\":200,\"tokens\":5,\"output_tokens\":4}},{\"concurrent\":1}]",
          NULL },
        { "[{\"money\":12.50,\"per\":\"day\"},{\"session\":{\"money\":0.000000001}}]", &sl_limits_ours,
          "[{\"money\":12.5,\"per\":\"day\"},{\"session\":{\"money\":0.000000001}}]", NULL },
        { "[{\"money\":-1,\"per\":\"day\"}]", &sl_limits_ours, NULL, "limits[0].money: must be US dollars from 0" },
        { "[{\"money\":1e10,\"per\":\"day\"}]", &sl_limits_ours, NULL, "limits[0].money: must be US dollars from 0" },
        { "[{}]", &sl_limits_ours, NULL, "limits[0]: must have one of requests, tokens," },
        { "[{\"tokens\":1,\"requests\":1,\"per\":\"day\"}]", &sl_limits_ours, NULL, "limits[0]: must have one of" },
        { "[{\"tokns\":1,\"per\":\"day\"}]", &sl_limits_ours, NULL, "unknown key \"tokns\": did you mean \"tokens\"?" },
        { "[{\"tokens\":-1,\"per\":\"day\"}]", &sl_limits_ours, NULL,
          "limits[0].tokens: must be a whole number from 0 to 1000000000000000" },
        { "[{\"tokens\":1e16,\"per\":\"day\"}]", &sl_limits_ours, NULL, "limits[0].tokens: must be" },
        { "[{\"tokens\":\"5\",\"per\":\"day\"}]", &sl_limits_ours, NULL, "limits[0].tokens: must be" },
        { "[{\"tokens\":1}]", &sl_limits_ours, NULL, "limits[0].per: must be second, minute" },
        { "[{\"tokens\":1,\"per\":\"0 days\"}]", &sl_limits_ours, NULL, "limits[0].per: must be second, minute" },
        { "[{\"tokens\":1,\"per\":\"hour\",\"zone\":\"UTC\"}]", &sl_limits_ours, NULL,
          "limits[0].zone: goes with one day" },
        { "[{\"tokens\":1,\"per\":\"2 days\",\"zone\":\"UTC\"}]", &sl_limits_ours, NULL,
          "limits[0].zone: goes with one day" },
        { "[{\"tokens\":1,\"per\":\"day\",\"zone\":\"Europe/Berln\"}]", &sl_limits_ours, NULL,
          "limits[0].zone: \"Europe/Berln\" is no time zone: there is no /" },
        { "[{\"tokens\":1,\"per\":\"day\",\"zone\":\"../../etc/passwd\"}]", &sl_limits_ours, NULL,
          "limits[0].zone: must be the name of a time zone like Europe/Berlin" },
        { "[{\"tokens\":1,\"per\":\"day\",\"zone\":5}]", &sl_limits_ours, NULL, "limits[0].zone: must be the name" },
        { "[{\"tokens\":1,\"per\":\"day\",\"each\":\"user\"}]", &sl_limits_ours, NULL,
          "limits[0].each: must be principal" },
        { "[{\"concurrent\":1,\"per\":\"day\"}]", &sl_limits_ours, NULL,
          "limits[0].per: concurrent calls are counted without" },
        { "[{\"concurrent\":1000001}]", &sl_limits_ours, NULL,
          "limits[0].concurrent: must be a whole number from 0 to 1000000" },
        { "[{\"concurrent\":1},{\"concurrent\":2}]", &sl_limits_ours, NULL,
          "limits[1]: has the same kind, key and period as limits[0]" },
        { "[{\"session\":{}}]", &sl_limits_ours, NULL, "limits[0].session: must be a map like" },
        { "[{\"session\":5}]", &sl_limits_ours, NULL, "limits[0].session: must be a map like" },
        { "[{\"session\":{\"calls\":1},\"per\":\"day\"}]", &sl_limits_ours, NULL,
          "limits[0].per: a session's limits have none" },
        { "[{\"session\":{\"calls\":1,\"requests\":2}}]", &sl_limits_ours, NULL, "limits[0].session: has the same" },
        { "[{\"session\":{\"concurrent\":1}}]", &sl_limits_ours, NULL,
          "limits[0].session: unknown key \"concurrent\"" },
        { "[{\"calls\":1,\"renewal_period\":\"day\"},{\"requests\":2,\"per\":\"day\"}]", &sl_limits_ours, NULL,
          "limits[1]: has the same key and period as limits[0]" },
        /* A group's may be for one route; the same limit may stand for several. */
        { "[{\"requests\":5,\"per\":\"day\",\"route\":\"ch\\u0061t\"},{\"requests\":5,\"per\":\"day\",\"route\":\"b\"},"
          "{\"requests\":5,\"per\":\"day\",\"route\":null},{\"money\":1,\"per\":\"day\",\"each\":\"principal\","
          "\"route\":\"b\"}]",
          &sl_limits_group,
          "[{\"requests\":5,\"per\":\"day\",\"route\":\"chat\"},{\"requests\":5,\"per\":\"day\",\"route\":\"b\"},"
          "{\"calls\":5,\"key\":\"route\",\"renewal_period\":\"day\"},"
          "{\"money\":1,\"per\":\"day\",\"each\":\"principal\",\"route\":\"b\"}]",
          NULL },
        { "[{\"calls\":5,\"renewal_period\":\"day\",\"route\":\"b\"}]", &sl_limits_group,
          "[{\"requests\":5,\"per\":\"day\",\"route\":\"b\"}]", NULL },
        { "[{\"tokens\":1,\"per\":\"day\",\"route\":\"b\"},{\"tokens\":2,\"per\":\"day\",\"route\":\"b\"}]",
          &sl_limits_group, NULL, "limits[1]: has the same kind, key and period as limits[0]" },
        { "[{\"tokens\":1,\"per\":\"day\",\"route\":\"b\"}]", &sl_limits_mixed, NULL,
          "limits[0].route: goes with the limits of groups only" },
        { "[{\"calls\":1,\"renewal_period\":\"day\",\"route\":\"b\"}]", &sl_limits_ours, NULL,
          "limits[0].route: goes with the limits of groups only" },
        { "[{\"tokens\":1,\"per\":\"day\",\"route\":\"a b\"}]", &sl_limits_group, NULL,
          "limits[0].route: must be the name of a route" },
        { "[{\"tokens\":1,\"per\":\"day\",\"route\":[\"b\"]}]", &sl_limits_group, NULL,
          "limits[0].route: must be the name of a route" },
        { "[{\"session\":{\"calls\":1},\"route\":\"b\"}]", &sl_limits_group, NULL,
          "limits[0].route: a session's limits have none" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_json doc;
        struct sl_buf out = SL_BUF_INIT(1 << 16);
        struct sl_err err = { 0 };
        sl_json_init(&doc, NULL);
        assert_int_equal(sl_json_parse(&doc, sl_str_c(cases[i].in)), 0);
        int r = sl_limits_normalise(sl_json_root(&doc), cases[i].words, &out, &err);
        bool is_right = cases[i].out ? r >= 0 && sl_str_eq_c(sl_buf_str(&out), cases[i].out)
                                     : r == SL_E_INVAL && strstr(err.text, cases[i].why);
        if (!is_right) {
            fail_msg("case %zu: %s: %d %.*s %s", i, cases[i].in, r, SL_STR_ARG(sl_buf_str(&out)), err.text);
        }
        if (r > 0) { /* reads the stored form again, and shows it with the caller's names */
            struct sl_limit_rule rules[SL_LIMITS_MAX];
            struct sl_arena arena;
            sl_arena_init(&arena, NULL);
            assert_int_equal(cases[i].words->has_routes ? sl_limits_list_read(sl_buf_str(&out), &arena, rules)
                                                        : sl_limits_read(sl_buf_str(&out), NULL, rules),
                             r);
            struct sl_buf shown = SL_BUF_INIT(1 << 16);
            struct sl_jw w;
            sl_jw_init(&w, &shown);
            sl_limits_write(&w, &sl_limits_mixed, &(struct sl_limits){ .rules = rules, .n = (uint32_t)r });
            assert_true(sl_str_eq(sl_buf_str(&shown), sl_buf_str(&out)));
            sl_buf_done(&shown);
            sl_arena_done(&arena);
        }
        sl_buf_done(&out);
        sl_json_done(&doc);
    }
}

static void too_many_and_torn_ones_are_refused(void **state)
{
    (void)state;
    struct sl_limit_rule rules[SL_LIMITS_MAX];
    struct sl_buf many = SL_BUF_INIT(1 << 16), out = SL_BUF_INIT(1 << 16);
    struct sl_err err = { 0 };
    struct sl_json doc;
    sl_buf_add_char(&many, '[');
    for (int i = 1; i <= SL_LIMIT_RULES_MAX + 1; i++) {
        sl_buf_printf(&many, "%s{\"calls\":1,\"renewal_period\":\"%d seconds\"}", i > 1 ? "," : "", i);
    }
    sl_buf_add_char(&many, ']');
    sl_json_init(&doc, NULL);
    assert_int_equal(sl_json_parse(&doc, sl_buf_str(&many)), 0);
    assert_int_equal(sl_limits_normalise(sl_json_root(&doc), &sl_limits_requests, &out, &err), SL_E_INVAL);
    assert_non_null(strstr(err.text, "at most 16 limits"));
    /* Of a body without the member. */
    assert_int_equal(sl_limits_normalise(sl_json_get(sl_json_root(&doc), "limits"), &sl_limits_requests, &out, &err),
                     SL_E_INVAL);
    sl_json_done(&doc);
    static const char *const torn[] = {
        "", "[", "{}", "[{}]", "[{\"calls\":1}]", "[1]", "null", "[{\"calls\":1,\"key\":5}]"
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(torn); i++) {
        if (sl_limits_read(sl_str_c(torn[i]), NULL, rules) >= 0) {
            fail_msg("case %zu: %s", i, torn[i]);
        }
    }
    sl_buf_done(&many);
    sl_buf_done(&out);
}

static void parts_stand_in_for_the_definitions(void **state)
{
    (void)state;
    static const struct sl_limit_rule own_rules[] = {
        { .cap = 1, .period_usec = 60000000, .multiple = 1, .unit = "minute", .key = SL_LIMIT_USER },
        { .cap = 2, .kind = SL_LIMIT_CONCURRENT, .multiple = 1 },
    };
    const struct sl_limits own = { .rules = own_rules, .n = 2 };
#define FIVE "[{\"calls\":5,\"key\":\"route\",\"renewal_period\":\"day\"}]"
#define SIX  "[{\"tokens\":6,\"per\":\"day\"}]"
#define OWN1 "{\"calls\":1,\"key\":\"user\",\"renewal_period\":\"minute\"}"
#define OWN2 "{\"concurrent\":2}"
    static const struct {
        const char *stored;   /* NULL: nothing */
        const char *requests; /* of set_limits; NULL: an empty list */
        const char *after;    /* what is stored then; "": nothing */
        const char *in_force; /* NULL: that of the definition */
    } cases[] = {
        { NULL, FIVE, FIVE, "[{\"calls\":5,\"key\":\"route\",\"renewal_period\":\"day\"}," OWN2 "]" },
        { FIVE, NULL, "", NULL },
        { "{\"requests\":[],\"others\":" SIX "}", FIVE, "{\"requests\":" FIVE ",\"others\":" SIX "}",
          "[{\"calls\":5,\"key\":\"route\",\"renewal_period\":\"day\"},{\"tokens\":6,\"per\":\"day\"}]" },
        { "{\"requests\":" FIVE ",\"others\":" SIX "}", NULL, "{\"others\":" SIX "}",
          "[" OWN1 ",{\"tokens\":6,\"per\":\"day\"}]" },
        { "{\"requests\":[],\"others\":[]}", NULL, "{\"others\":[]}", "[" OWN1 "]" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_limit_rule rules[SL_LIMITS_MAX];
        struct sl_buf out = SL_BUF_INIT(1 << 16), shown = SL_BUF_INIT(1 << 16);
        struct sl_jw w;
        struct sl_str stored = cases[i].stored ? sl_str_c(cases[i].stored) : SL_STR_NONE;
        assert_int_equal(sl_limits_replace(stored, cases[i].requests ? sl_str_c(cases[i].requests) : SL_STR_NONE, &out),
                         0);
        if (!sl_str_eq_c(sl_buf_str(&out), cases[i].after)) {
            fail_msg("case %zu: %.*s", i, SL_STR_ARG(sl_buf_str(&out)));
        }
        if (cases[i].in_force) {
            int n = sl_limits_read(sl_buf_str(&out), &own, rules);
            assert_true(n >= 0);
            sl_jw_init(&w, &shown);
            sl_limits_write(&w, &sl_limits_mixed, &(struct sl_limits){ .rules = rules, .n = (uint32_t)n });
            if (!sl_str_eq_c(sl_buf_str(&shown), cases[i].in_force)) {
                fail_msg("case %zu: %.*s", i, SL_STR_ARG(sl_buf_str(&shown)));
            }
        }
        sl_buf_done(&out);
        sl_buf_done(&shown);
    }
}

static void periods_are_mlflows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int n; /* -1: none */
        uint64_t sec;
        const char *near;
    } cases[] = {
        { "second", 1, 1, NULL },
        { "5 Minutes", 1, 300, NULL },
        { "0 hour", 1, 3600, NULL },
        { " month ", 1, 30 * 86400, NULL },
        { "2years", 1, 720 * 86400, NULL },
        { "minute;100/hour", 2, 60, NULL },
        { "day,3 per 2 days|9/year", 3, 86400, NULL },
        { "", -1, 0, NULL },
        { "minute;", -1, 0, NULL },
        { "mintue", -1, 0, "minute" },
        { "5 hors", -1, 0, "hour" },
        { "fortnight", -1, 0, NULL },
        { "-1 day", -1, 0, NULL },
        { "secs", -1, 0, "second" },
        { "9999999999 days", -1, 0, NULL },
        { "minute/hour", -1, 0, "minute" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_limit_rule rules[SL_LIMIT_RULES_MAX];
        int n = sl_periods_parse(sl_str_c(cases[i].text), 7, rules);
        if (cases[i].n < 0 ? n >= 0 : n != cases[i].n || rules[0].period_usec != cases[i].sec * 1000000) {
            fail_msg("case %zu: %s: %d", i, cases[i].text, n);
        }
        if (cases[i].near) {
            assert_string_equal(sl_period_nearest(sl_str_c(cases[i].text)), cases[i].near);
        }
        if (n > 0) {
            assert_int_equal(rules[0].cap, 7);
            assert_int_equal(rules[0].key, SL_LIMIT_USER);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_checked_and_written_anew),
        cmocka_unit_test(too_many_and_torn_ones_are_refused),
        cmocka_unit_test(parts_stand_in_for_the_definitions),
        cmocka_unit_test(periods_are_mlflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
