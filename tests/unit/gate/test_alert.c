/* SPDX-License-Identifier: Apache-2.0 */
/* Thresholds of limits: each is reached once a window, by what was used, and only then; what an alert says; and how a
 * webhook is signed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/buf.h"
#include "base/num.h"
#include "base/zone.h"
#include "gate/call/webhook.h"
#include "gate/policy/alert.h"
#include "gate/watch/alert_words.h"
#include "limit_help.h"
#include "wire/headers.h"

#define SEC    SL_USEC_PER_SEC
#define MINUTE (60 * SEC)
#define DAY    (86400 * SEC)
#define T0     (1800000000 * SEC)

static const struct sl_alert_marks usual = { 3, { 50, 80, 100 } };

struct world {
    struct sl_limiter *limiter;
    struct sl_alerts *alerts;
};

static void world_make(struct world *w, const struct sl_alert_marks *marks)
{
    assert_int_equal(sl_limiter_new(1000, &w->limiter), 0);
    assert_int_equal(sl_alerts_new(&w->alerts), 0);
    sl_limiter_watch(w->limiter, w->alerts, marks);
}

static void world_end(struct world *w)
{
    sl_limiter_free(w->limiter);
    sl_alerts_free(w->alerts);
}

/* The thresholds that were reached since the last look, as "50 80 ". */
static const char *told_of(struct world *w)
{
    static char text[256];
    uint64_t n_lost;
    text[0] = '\0';
    for (struct sl_alert *alert; (alert = sl_alerts_take(w->alerts, &n_lost)) != NULL; free(alert)) {
        size_t n = strlen(text);
        snprintf(text + n, sizeof(text) - n, "%u ", alert->at);
    }
    return text;
}

static bool take(struct world *w, const char *who, const struct sl_limit_rule *rule, uint64_t now)
{
    struct one_call one;
    struct sl_limit_view view;
    uint32_t n_held;
    one_call_make(&one, "chat", 0, who, rule, 1);
    assert_int_equal(sl_limiter_take(w->limiter, &one.call, now, NULL, &n_held, &view), 0);
    return !view.is_refused;
}

/* One call that reserves so much and uses so much. */
static void spend(struct world *w, const struct sl_limit_rule *rule, uint64_t reserved, uint64_t used, uint64_t now)
{
    struct one_call one;
    struct sl_limit_view view;
    struct sl_limit_held held[1];
    uint32_t n_held;
    one_call_make(&one, "chat", 0, "p", rule, 1);
    one.call.amounts[rule->kind] = reserved;
    assert_int_equal(sl_limiter_take(w->limiter, &one.call, now, held, &n_held, &view), 0);
    if (view.is_refused) {
        return;
    }
    assert_string_equal(told_of(w), ""); /* a reservation is no use yet */
    uint64_t all[SL_LIMIT_KINDS] = { 0 };
    all[rule->kind] = used;
    sl_limiter_settle(w->limiter, held, n_held, all);
}

static void each_threshold_is_told_once_a_window(void **state)
{
    (void)state;
    static const struct sl_limit_rule rule = REQUESTS(10, MINUTE, SL_LIMIT_WHOLE, 1, "minute");
    struct world w;
    world_make(&w, &usual);
    for (int window = 0; window < 3; window++) {
        for (int i = 1; i <= 15; i++) {
            uint64_t now = T0 + (uint64_t)window * MINUTE;
            assert_int_equal(take(&w, "p", &rule, now), i <= 10);
            assert_string_equal(told_of(&w), i == 5 ? "50 " : i == 8 ? "80 " : i == 10 ? "100 " : "");
        }
    }
    world_end(&w);
}

static void tokens_count_when_they_were_used(void **state)
{
    (void)state;
    static const struct sl_limit_rule rule = {
        .cap = 1000, .period_usec = DAY, .multiple = 1, .unit = "day", .kind = SL_LIMIT_TOKENS
    };
    struct world w;
    world_make(&w, &usual);
    spend(&w, &rule, 900, 499, T0);
    assert_string_equal(told_of(&w), "");
    spend(&w, &rule, 400, 1, T0);
    assert_string_equal(told_of(&w), "50 ");
    spend(&w, &rule, 500, 0, T0); /* it was refunded */
    assert_string_equal(told_of(&w), "");
    spend(&w, &rule, 1, 5000, T0); /* one call may pass two */
    assert_string_equal(told_of(&w), "80 100 ");
    world_end(&w);
}

static void caps_of_all_sizes_have_their_marks(void **state)
{
    (void)state;
    static const uint64_t caps[] = { 1, 2, 3, 7, 99, 100, 101, 1000000007 };
    static const struct sl_alert_marks all = { 8, { 1, 10, 33, 50, 66, 80, 99, 100 } };
    for (size_t i = 0; i < SL_ARRAY_LEN(caps); i++) {
        for (uint32_t k = 0; k < all.n; k++) {
            const struct sl_limit_rule rule = {
                .cap = caps[i], .period_usec = DAY, .multiple = 1, .unit = "day", .kind = SL_LIMIT_TOKENS
            };
            const struct sl_alert_marks one = { 1, { all.at[k] } };
            uint64_t least = (caps[i] * all.at[k] + 99) / 100;
            struct world w;
            world_make(&w, &one);
            spend(&w, &rule, 0, least - 1, T0);
            assert_string_equal(told_of(&w), "");
            spend(&w, &rule, 0, 1, T0);
            assert_int_not_equal(told_of(&w)[0], '\0');
            world_end(&w);
        }
    }
    /* The largest caps do not wrap. */
    const struct sl_limit_rule huge = REQUESTS(INT64_MAX, DAY, SL_LIMIT_WHOLE, 1, "day");
    struct world w;
    world_make(&w, &all);
    assert_true(take(&w, "p", &huge, T0));
    assert_string_equal(told_of(&w), "");
    world_end(&w);
}

/* A counter that is restored has told what it had reached; so has one whose thresholds or cap change. */
static void nothing_is_told_twice(void **state)
{
    (void)state;
    struct sl_limit_rule rule = REQUESTS(10, DAY, SL_LIMIT_WHOLE, 1, "day");
    struct world w;
    world_make(&w, &usual);
    const struct sl_limit_record record = { .name = SL_STR("chat"),
                                            .key = SL_LIMIT_WHOLE,
                                            .who = SL_STR(""),
                                            .period_usec = DAY,
                                            .end_wall_usec = T0 + DAY,
                                            .used = 6 };
    assert_int_equal(sl_limiter_restore(w.limiter, &record, T0), 0);
    assert_true(take(&w, "p", &rule, T0)); /* 7 of 10 */
    assert_string_equal(told_of(&w), "");
    sl_limiter_watch(w.limiter, w.alerts, &usual); /* a reload that changes nothing */
    assert_true(take(&w, "p", &rule, T0));
    assert_string_equal(told_of(&w), "80 ");
    static const struct sl_alert_marks others = { 3, { 50, 70, 90 } };
    sl_limiter_watch(w.limiter, w.alerts, &others);
    assert_string_equal(told_of(&w), "");
    assert_true(take(&w, "p", &rule, T0)); /* 9 of 10 */
    assert_string_equal(told_of(&w), "90 ");
    rule.cap = 20;                         /* a raised cap is another limit: its shares are reached anew */
    assert_true(take(&w, "p", &rule, T0)); /* 10 of 20 */
    assert_string_equal(told_of(&w), "50 ");
    for (int i = 11; i <= 14; i++) {
        assert_true(take(&w, "p", &rule, T0));
    }
    assert_string_equal(told_of(&w), "70 ");
    rule.cap = 15; /* a lowered one is nearer */
    assert_true(take(&w, "p", &rule, T0));
    assert_string_equal(told_of(&w), "90 ");
    static const struct sl_alert_marks none = { 0 };
    sl_limiter_watch(w.limiter, w.alerts, &none);
    assert_true(take(&w, "p", &rule, T0 + 2 * DAY));
    assert_string_equal(told_of(&w), "");
    world_end(&w);
}

static void places_have_no_window_and_no_alerts(void **state)
{
    (void)state;
    static const struct sl_limit_rule rule = { .cap = 1, .multiple = 1, .kind = SL_LIMIT_CONCURRENT };
    struct world w;
    world_make(&w, &usual);
    for (int i = 0; i < 3; i++) {
        spend(&w, &rule, 1, 1, T0);
        assert_string_equal(told_of(&w), "");
    }
    world_end(&w);
}

static void a_full_queue_drops_the_oldest(void **state)
{
    (void)state;
    static const struct sl_limit_rule rule = REQUESTS(1, DAY, SL_LIMIT_WHOLE, 1, "day");
    static const struct sl_limit_rule of_each = REQUESTS(1, DAY, SL_LIMIT_USER, 1, "day");
    static const struct sl_alert_marks end = { 1, { 100 } };
    struct world w;
    struct sl_alerts_look look;
    uint64_t n_lost;
    char name[32];
    world_make(&w, &end);
    sl_limiter_free(w.limiter);
    assert_int_equal(sl_limiter_new(1000000, &w.limiter), 0);
    sl_limiter_watch(w.limiter, w.alerts, &end);
    /* Those of callers, whose number callers choose, push out no others. */
    for (unsigned i = 0; i < SL_ALERTS_CHOSEN + 10; i++) {
        snprintf(name, sizeof(name), "p-%u", i);
        assert_true(take(&w, name, &of_each, T0));
    }
    sl_alerts_look(w.alerts, &look);
    assert_int_equal(look.n_waiting, SL_ALERTS_CHOSEN);
    assert_int_equal(look.fates[SL_ALERT_DROPPED], 10);
    /* Of all others the oldest goes. */
    for (unsigned i = 0; i < SL_ALERTS_MAX - SL_ALERTS_CHOSEN + 10; i++) {
        assert_true(take(&w, "p", &rule, T0 + i * DAY));
    }
    sl_alerts_look(w.alerts, &look);
    assert_int_equal(look.n_waiting, SL_ALERTS_MAX);
    assert_int_equal(look.fates[SL_ALERT_DROPPED], 20);
    assert_int_equal(look.raised[SL_LIMIT_OF_ROUTE][SL_LIMIT_REQUESTS][100], SL_ALERTS_MAX + 20);
    struct sl_alert *first = sl_alerts_take(w.alerts, &n_lost);
    assert_int_equal(n_lost, 20);
    assert_true(sl_str_eq_c(first->who, "p-10"));
    free(first);
    /* Some of callers went: there is room for these again. All but the first push out the oldest. */
    for (unsigned i = 0; i < 12; i++) {
        snprintf(name, sizeof(name), "late-%u", i);
        assert_true(take(&w, name, &of_each, T0));
    }
    free(sl_alerts_take(w.alerts, &n_lost));
    assert_int_equal(n_lost, 11);
    world_end(&w);
}

/* One call that reaches the limit of such an owner. */
static void reach(struct world *w, enum sl_limit_owner owner, const char *name, const struct sl_limit_rule *rule)
{
    struct one_call one;
    struct sl_limit_view view;
    uint32_t n_held;
    one_call_make(&one, name, 0, "p", rule, 1);
    sl_limits_init(&one.limits, owner, sl_str_c(name), 0, rule, 1);
    assert_int_equal(sl_limiter_take(w->limiter, &one.call, T0, NULL, &n_held, &view), 0);
}

/* Else one customer's admin could tell the operator of each second. */
static void short_windows_of_keys_and_groups_are_not_told(void **state)
{
    (void)state;
    static const struct sl_limit_rule rules[] = { REQUESTS(1, SEC, SL_LIMIT_WHOLE, 1, "second"),
                                                  REQUESTS(1, 59 * SEC, SL_LIMIT_USER, 59, "second"),
                                                  REQUESTS(1, MINUTE, SL_LIMIT_WHOLE, 1, "minute") };
    static const enum sl_limit_owner owners[] = { SL_LIMIT_OF_ROUTE, SL_LIMIT_OF_KEY, SL_LIMIT_OF_GROUP };
    struct world w;
    world_make(&w, &(struct sl_alert_marks){ 1, { 100 } });
    for (size_t i = 0; i < SL_ARRAY_LEN(owners); i++) {
        for (size_t k = 0; k < SL_ARRAY_LEN(rules); k++) {
            reach(&w, owners[i], "acme", &rules[k]);
            assert_string_equal(told_of(&w), i == 0 || k == 2 ? "100 " : "");
        }
    }
    world_end(&w);
}

/* Their number is what admins of groups want. */
static void keys_and_lower_groups_push_out_no_others(void **state)
{
    (void)state;
    static const struct sl_limit_rule rule = REQUESTS(1, DAY, SL_LIMIT_WHOLE, 1, "day");
    struct sl_alerts_look look;
    struct world w;
    char name[32];
    uint64_t n_lost;
    world_make(&w, &(struct sl_alert_marks){ 1, { 100 } });
    reach(&w, SL_LIMIT_OF_GROUP, "calm", &rule);
    for (unsigned i = 0; i < SL_ALERTS_MAX; i++) {
        snprintf(name, sizeof(name), "acme/%u", i);
        reach(&w, i % 2 ? SL_LIMIT_OF_GROUP : SL_LIMIT_OF_KEY, i % 2 ? name : name + 5, &rule);
    }
    sl_alerts_look(w.alerts, &look);
    assert_int_equal(look.n_waiting, 1 + SL_ALERTS_CHOSEN);
    assert_int_equal(look.fates[SL_ALERT_DROPPED], SL_ALERTS_MAX - SL_ALERTS_CHOSEN);
    struct sl_alert *first = sl_alerts_take(w.alerts, &n_lost);
    assert_true(sl_str_eq_c(first->name, "calm"));
    free(first);
    world_end(&w);
}

static void on_raised(void *arg)
{
    *(int *)arg += 1;
}

static void whoever_watches_is_called(void **state)
{
    (void)state;
    static const struct sl_limit_rule rule = REQUESTS(2, DAY, SL_LIMIT_WHOLE, 1, "day");
    struct world w;
    int n = 0;
    world_make(&w, &usual);
    assert_true(take(&w, "p", &rule, T0)); /* 50 */
    sl_alerts_watch(w.alerts, on_raised, &n);
    assert_int_equal(n, 1);                /* for the one that waits */
    assert_true(take(&w, "p", &rule, T0)); /* 80, 100 */
    assert_int_equal(n, 3);
    sl_alerts_watch(w.alerts, NULL, NULL);
    assert_true(take(&w, "p", &rule, T0 + DAY));
    assert_int_equal(n, 3);
    assert_string_equal(told_of(&w), "50 80 100 50 ");
    world_end(&w);
}

static void an_alert_is_json(void **state)
{
    (void)state;
    const struct sl_zone *utc;
    assert_int_equal(sl_zone_get(SL_STR("UTC"), &utc, NULL), 0);
    const struct {
        struct sl_alert alert;
        const char *json;
    } cases[] = {
        { { .owner = SL_LIMIT_OF_GROUP,
            .name = SL_STR("acme/\"x\""),
            .at = 80,
            .used = 80250000000,
            .who = SL_STR(""),
            .rule = { .cap = 100000000000,
                      .period_usec = 30 * DAY,
                      .multiple = 1,
                      .unit = "month",
                      .kind = SL_LIMIT_MONEY,
                      .zone = utc } },
          "\"at\":80,\"owner\":\"group\",\"name\":\"acme/\\\"x\\\"\",\"kind\":\"money\",\"cap\":100,\"used\":80.25,"
          "\"per\":\"month\",\"zone\":\"UTC\"" },
        { { .owner = SL_LIMIT_OF_ROUTE,
            .name = SL_STR("chat"),
            .at = 50,
            .used = 5,
            .who = SL_STR("ann"),
            .rule = { .cap = 9, .period_usec = 5 * MINUTE, .multiple = 5, .unit = "minute", .key = SL_LIMIT_USER } },
          "\"at\":50,\"owner\":\"route\",\"name\":\"chat\",\"principal\":\"ann\",\"kind\":\"requests\",\"cap\":9,"
          "\"used\":5,\"per\":\"5 minutes\"" },
        { { .owner = SL_LIMIT_OF_KEY,
            .name = SL_STR("ci"),
            .at = 100,
            .used = 9,
            .who = SL_STR("key-7\nrun 5"),
            .rule = { .cap = 9, .period_usec = SL_LIMIT_SESSION_USEC, .key = SL_LIMIT_SESSION } },
          "\"at\":100,\"owner\":\"key\",\"name\":\"ci\",\"key\":\"key-7\",\"session\":\"run 5\",\"kind\":\"requests\","
          "\"cap\":9,\"used\":9" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        char want[1024];
        struct sl_buf buf = SL_BUF_INIT(4096);
        struct sl_alert alert = cases[i].alert;
        alert.wall_usec = T0;
        alert.end_wall_usec = T0 + DAY;
        sl_alert_write(&alert, &buf);
        sl_buf_add_char(&buf, '\0');
        snprintf(want, sizeof(want),
                 "{\"type\":\"limit.threshold_reached\",\"timestamp\":\"2027-01-15T08:00:00Z\",\"data\":{%s,\"until\":"
                 "\"2027-01-16T08:00:00Z\"}}",
                 cases[i].json);
        assert_int_equal(sl_buf_status(&buf), 0);
        assert_string_equal(buf.p, want);
        sl_alert_log(&alert);
        sl_buf_done(&buf);
    }
}

/* The example of the standard's own libraries. */
static void a_webhook_is_signed_as_the_standard_says(void **state)
{
    (void)state;
    struct sl_arena arena;
    struct sl_headers headers = { 0 };
    sl_arena_init_small(&arena, 1024);
    const struct sl_webhook_message message = {
        .id = SL_STR("msg_p5jXN8AQM9LWM0D4loKWxJek"),
        .now_sec = 1614265330,
        .body = SL_STR("{\"test\": 2432232314}"),
    };
    struct sl_str key = sl_base64_decode(SL_STR("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), &arena);
    assert_int_equal(sl_webhook_headers(&message, key, &arena, &headers), 0);
    assert_true(sl_str_eq_c(sl_headers_get(&headers, "webhook-id"), "msg_p5jXN8AQM9LWM0D4loKWxJek"));
    assert_true(sl_str_eq_c(sl_headers_get(&headers, "webhook-timestamp"), "1614265330"));
    assert_true(
        sl_str_eq_c(sl_headers_get(&headers, "webhook-signature"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    sl_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_threshold_is_told_once_a_window),
        cmocka_unit_test(tokens_count_when_they_were_used),
        cmocka_unit_test(caps_of_all_sizes_have_their_marks),
        cmocka_unit_test(nothing_is_told_twice),
        cmocka_unit_test(places_have_no_window_and_no_alerts),
        cmocka_unit_test(a_full_queue_drops_the_oldest),
        cmocka_unit_test(short_windows_of_keys_and_groups_are_not_told),
        cmocka_unit_test(keys_and_lower_groups_push_out_no_others),
        cmocka_unit_test(whoever_watches_is_called),
        cmocka_unit_test(an_alert_is_json),
        cmocka_unit_test(a_webhook_is_signed_as_the_standard_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
