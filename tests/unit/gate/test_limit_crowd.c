/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when callers make more counters than there is room for: whoever makes many of them pushes out its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/num.h"
#include "limit_help.h"

#define SEC    SL_USEC_PER_SEC
#define MINUTE (60 * SEC)
#define HOUR   (3600 * SEC)
#define DAY    (24 * HOUR)
#define T0     (1800000000 * SEC)
/* Ten for each of the 64 shards. */
#define ROOM 640

static const struct sl_limit_rule calls_of_a_session = REQUESTS(1000, DAY, SL_LIMIT_SESSION, 1, "day");
static const struct sl_limit_rule calls_of_a_caller = REQUESTS(3, HOUR, SL_LIMIT_USER, 1, "hour");

struct asker {
    const char *tenant;
    enum sl_limit_owner kind;
    const char *owner;
};

static const struct asker flood = { "flood", SL_LIMIT_OF_ROUTE, "chat" }, calm = { "calm", SL_LIMIT_OF_ROUTE, "chat" };

static struct sl_limiter *limiter_new(void)
{
    struct sl_limiter *limiter = NULL;
    assert_int_equal(sl_limiter_new(ROOM, &limiter), 0);
    return limiter;
}

/* A call, with all that it points to. */
struct call {
    struct one_call one;
    struct sl_limit_held held[SL_LIMIT_RULES_MAX];
    uint32_t n_held;
    struct sl_limit_view view;
};

static bool begin(struct sl_limiter *limiter, const struct asker *asker, const char *who,
                  const struct sl_limit_rule *rules, uint32_t n, uint64_t now, struct call *ret)
{
    one_call_make(&ret->one, asker->owner, 0, who, rules, n);
    sl_limits_init(&ret->one.limits, asker->kind, sl_str_c(asker->owner), 0, rules, n);
    ret->one.call.session = sl_str_c(who);
    ret->one.call.tenant = sl_str_c(asker->tenant);
    ret->one.call.amounts[SL_LIMIT_TOKENS] = 1;
    assert_int_equal(sl_limiter_take(limiter, &ret->one.call, now, ret->held, &ret->n_held, &ret->view), 0);
    return !ret->view.is_refused;
}

/* A call of one rule that ends at once: how much its counter has used then; UINT64_MAX: it was refused. */
static uint64_t used_by(struct sl_limiter *limiter, const struct asker *asker, const char *who,
                        const struct sl_limit_rule *rule, uint64_t now)
{
    static const uint64_t used[SL_LIMIT_KINDS] = { [SL_LIMIT_TOKENS] = 1 };
    struct call call;
    if (!begin(limiter, asker, who, rule, 1, now, &call)) {
        return UINT64_MAX;
    }
    sl_limiter_settle(limiter, call.held, call.n_held, used);
    return rule->kind == SL_LIMIT_REQUESTS ? call.view.requests.used : call.view.tokens.used;
}

static void flood_of(struct sl_limiter *limiter, const struct asker *asker, int n, const struct sl_limit_rule *rule,
                     uint64_t now)
{
    char name[32];
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "%s-%d", asker->tenant, i);
        used_by(limiter, asker, name, rule, now + (uint64_t)i);
    }
}

static void sessions_push_out_those_of_whoever_has_most(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new();
    for (uint64_t i = 1; i <= 5; i++) {
        assert_int_equal(used_by(limiter, &calm, "mine", &calls_of_a_session, T0), i);
    }
    flood_of(limiter, &flood, 50 * ROOM, &calls_of_a_session, T0 + SEC);
    assert_int_equal(used_by(limiter, &calm, "mine", &calls_of_a_session, T0 + MINUTE), 6);
    /* New ones get a counter of their own, too, and keep it. */
    assert_int_equal(used_by(limiter, &calm, "new", &calls_of_a_session, T0 + MINUTE), 1);
    flood_of(limiter, &flood, ROOM, &calls_of_a_session, T0 + HOUR);
    assert_int_equal(used_by(limiter, &calm, "new", &calls_of_a_session, T0 + HOUR), 2);
    assert_true(sl_limiter_count(limiter) <= ROOM);
    sl_limiter_free(limiter);
}

/* Callers without a tenant, such as addresses, have a share each. */
static void sessions_of_one_address_push_out_its_own(void **state)
{
    (void)state;
    static const struct asker open = { "", SL_LIMIT_OF_ROUTE, "chat" };
    struct sl_limiter *limiter = limiter_new();
    char session[32];
    struct call call;
    for (int i = -1; i < 20 * ROOM; i++) {
        snprintf(session, sizeof(session), "s-%d", i);
        one_call_make(&call.one, open.owner, 0, i < 0 ? "192.0.2.1" : "192.0.2.2", &calls_of_a_session, 1);
        call.one.call.session = sl_str_c(session);
        assert_int_equal(sl_limiter_take(limiter, &call.one.call, T0, call.held, &call.n_held, &call.view), 0);
    }
    one_call_make(&call.one, open.owner, 0, "192.0.2.1", &calls_of_a_session, 1);
    call.one.call.session = SL_STR("s--1");
    assert_int_equal(sl_limiter_take(limiter, &call.one.call, T0, call.held, &call.n_held, &call.view), 0);
    assert_int_equal(call.view.requests.used, 2);
    sl_limiter_free(limiter);
}

static void the_session_that_rests_longest_goes_first(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new();
    char name[32];
    for (unsigned i = 0; i < 40; i++) {
        uint64_t now = T0 + i * MINUTE;
        assert_int_equal(used_by(limiter, &flood, "busy", &calls_of_a_session, now), i + 1);
        for (unsigned k = 0; k < ROOM / 8; k++) { /* about one in each shard */
            snprintf(name, sizeof(name), "s-%u-%u", i, k);
            used_by(limiter, &flood, name, &calls_of_a_session, now + SEC);
        }
    }
    assert_int_equal(used_by(limiter, &flood, "s-39-0", &calls_of_a_session, T0 + HOUR), 2);
    assert_int_equal(used_by(limiter, &flood, "s-0-0", &calls_of_a_session, T0 + HOUR), 1);
    sl_limiter_free(limiter);
}

static void what_a_call_holds_is_not_pushed_out(void **state)
{
    (void)state;
    static const struct sl_limit_rule tokens = {
        .cap = 10, .period_usec = DAY, .key = SL_LIMIT_SESSION, .multiple = 1, .unit = "day", .kind = SL_LIMIT_TOKENS
    };
    static const uint64_t used[SL_LIMIT_KINDS] = { [SL_LIMIT_TOKENS] = 4 };
    struct sl_limiter *limiter = limiter_new();
    struct call call;
    assert_true(begin(limiter, &flood, "running", &tokens, 1, T0, &call));
    flood_of(limiter, &flood, 10 * ROOM, &tokens, T0 + SEC);
    sl_limiter_settle(limiter, call.held, call.n_held, used);
    assert_int_equal(used_by(limiter, &flood, "running", &tokens, T0 + MINUTE), 5);
    sl_limiter_free(limiter);
}

/* When calls hold all of them, new ones share a counter with those of their tenant only. */
static void without_room_a_tenant_shares_with_itself(void **state)
{
    (void)state;
    static const struct sl_limit_rule one_at_a_time = { .cap = 1,
                                                        .key = SL_LIMIT_SESSION,
                                                        .kind = SL_LIMIT_CONCURRENT };
    static const uint64_t used[SL_LIMIT_KINDS] = { 0 };
    static struct call calls[20 * ROOM];
    struct sl_limiter *limiter = limiter_new();
    struct call call;
    char name[32];
    size_t n = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(calls); i++) {
        snprintf(name, sizeof(name), "s-%zu", i);
        n += begin(limiter, &flood, name, &one_at_a_time, 1, T0, &calls[n]);
    }
    assert_int_equal(n, ROOM + 1);
    assert_true(begin(limiter, &calm, "mine", &one_at_a_time, 1, T0, &call));
    assert_false(begin(limiter, &flood, "mine", &one_at_a_time, 1, T0, &calls[n]));
    sl_limiter_settle(limiter, call.held, call.n_held, used);
    for (size_t i = 0; i < n; i++) {
        sl_limiter_settle(limiter, calls[i].held, calls[i].n_held, used);
    }
    sl_limiter_free(limiter);
}

static void callers_of_one_tenant_push_out_nobody(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new();
    assert_int_equal(used_by(limiter, &calm, "mine", &calls_of_a_caller, T0), 1);
    flood_of(limiter, &flood, 50 * ROOM, &calls_of_a_caller, T0);
    /* The flood's own share one counter, which is full. */
    assert_int_equal(used_by(limiter, &flood, "late", &calls_of_a_caller, T0 + SEC), UINT64_MAX);
    assert_int_equal(used_by(limiter, &calm, "mine", &calls_of_a_caller, T0 + SEC), 2);
    /* Another tenant's new callers take places of the flood: so few that no shard gets half of its room of them. */
    char name[32];
    for (int i = 0; i < 16; i++) {
        snprintf(name, sizeof(name), "calm-%d", i);
        assert_int_equal(used_by(limiter, &calm, name, &calls_of_a_caller, T0 + SEC), 1);
        assert_int_equal(used_by(limiter, &calm, name, &calls_of_a_caller, T0 + SEC), 2);
    }
    assert_int_equal(used_by(limiter, &calm, "mine", &calls_of_a_caller, T0 + SEC), 3);
    sl_limiter_free(limiter);
}

/* Sessions and callers have room of their own. */
static void sessions_push_out_no_callers(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new();
    flood_of(limiter, &flood, 50 * ROOM, &calls_of_a_session, T0);
    flood_of(limiter, &calm, ROOM / 16, &calls_of_a_caller, T0); /* no shard gets more than its room */
    char name[32];
    for (int i = 0; i < ROOM / 16; i++) {
        snprintf(name, sizeof(name), "calm-%d", i);
        assert_int_equal(used_by(limiter, &calm, name, &calls_of_a_caller, T0), 2);
    }
    sl_limiter_free(limiter);
}

static void tokens_of_a_groups_callers_are_kept(void **state)
{
    (void)state;
    static const struct sl_limit_rule tokens = {
        .cap = 3, .period_usec = DAY, .key = SL_LIMIT_USER, .multiple = 1, .unit = "day", .kind = SL_LIMIT_TOKENS
    };
    static const enum sl_limit_owner kinds[] = { SL_LIMIT_OF_KEY, SL_LIMIT_OF_GROUP };
    for (size_t k = 0; k < SL_ARRAY_LEN(kinds); k++) {
        struct sl_limiter *limiter = NULL;
        assert_int_equal(sl_limiter_new(100 * ROOM, &limiter), 0);
        struct asker own = { "own", kinds[k], "acme" };
        flood_of(limiter, &own, 10 * ROOM, &tokens, T0);
        char name[32];
        for (int i = 0; i < 10 * ROOM; i++) {
            snprintf(name, sizeof(name), "own-%d", i);
            assert_int_equal(used_by(limiter, &own, name, &tokens, T0 + SEC), 2);
        }
        sl_limiter_free(limiter);
    }
}

/* An admin of a group could give its keys ever new principals: those beyond its part are refused. No counter is shared,
 * so what each one may use is exact. */
static void they_take_no_more_than_a_tenants_part(void **state)
{
    (void)state;
    static const struct sl_limit_rule tokens = {
        .cap = 3, .period_usec = 360 * DAY, .key = SL_LIMIT_USER, .multiple = 1, .unit = "year", .kind = SL_LIMIT_TOKENS
    };
    static const struct asker many = { "flood", SL_LIMIT_OF_GROUP, "flood" },
                              few = { "calm", SL_LIMIT_OF_GROUP, "calm" };
    struct sl_limiter *limiter = NULL;
    assert_int_equal(sl_limiter_new(10 * ROOM, &limiter), 0);
    assert_int_equal(used_by(limiter, &few, "mine", &tokens, T0), 1);
    flood_of(limiter, &many, 50 * ROOM, &tokens, T0);
    /* A quarter, and the other tenant's. */
    assert_int_equal(sl_limiter_count(limiter), 10 * ROOM / 4 + 1);
    struct call late;
    assert_false(begin(limiter, &many, "late", &tokens, 1, T0 + SEC, &late));
    const struct sl_limit_shown *by = &late.view.refusing;
    assert_true(by->has_no_room && by->is_final && by->rule == &tokens && late.view.first.has_no_room && !late.n_held);
    uint64_t sum = 0;
    for (int i = 0; i < 50 * ROOM; i++) { /* each goes on where it was, or has nothing */
        char name[32];
        snprintf(name, sizeof(name), "flood-%d", i);
        uint64_t used = used_by(limiter, &many, name, &tokens, T0 + SEC);
        assert_true(used == 2 || used == UINT64_MAX);
        sum += used == 2;
    }
    assert_int_equal(sum, 10 * ROOM / 4);
    flood_of(limiter, &few, ROOM / 4, &tokens, T0 + SEC);
    assert_int_equal(used_by(limiter, &few, "calm-100", &tokens, T0 + SEC), 2);
    assert_int_equal(used_by(limiter, &few, "mine", &tokens, T0 + SEC), 2);
    /* Keys without a group are made by whoever runs the gateway. */
    static const struct asker own = { "", SL_LIMIT_OF_KEY, "key-1" };
    flood_of(limiter, &own, 10 * ROOM, &tokens, T0);
    assert_int_equal(used_by(limiter, &own, "-6399", &tokens, T0), 2);
    sl_limiter_free(limiter);
}

/* What was kept over a restart counts for the group that it is of. */
static void a_tenants_part_holds_over_a_restart(void **state)
{
    (void)state;
    static const struct sl_limit_rule tokens = {
        .cap = 3, .period_usec = DAY, .key = SL_LIMIT_USER, .multiple = 1, .unit = "day", .kind = SL_LIMIT_TOKENS
    };
    static const struct asker own = { "acme", SL_LIMIT_OF_GROUP, "acme/x" };
    struct sl_limiter *limiter = limiter_new();
    char who[32];
    for (int i = 0; i < 2 * ROOM; i++) {
        snprintf(who, sizeof(who), "p-%d", i);
        const struct sl_limit_record record = { .owner = SL_LIMIT_OF_GROUP,
                                                .name = SL_STR("acme/x"),
                                                .key = SL_LIMIT_USER,
                                                .who = sl_str_c(who),
                                                .kind = SL_LIMIT_TOKENS,
                                                .period_usec = DAY,
                                                .used = 2,
                                                .end_wall_usec = T0 + DAY };
        assert_int_equal(sl_limiter_restore(limiter, &record, T0), 0);
    }
    assert_int_equal(sl_limiter_count(limiter), 2 * ROOM); /* none is lost */
    assert_int_equal(used_by(limiter, &own, "p-1279", &tokens, T0), 3);
    flood_of(limiter, &own, ROOM, &tokens, T0);
    assert_int_equal(sl_limiter_count(limiter), 2 * ROOM);
    /* When its windows are over, there is room for new ones. */
    assert_int_equal(used_by(limiter, &own, "new", &tokens, T0 + SEC), UINT64_MAX);
    flood_of(limiter, &own, 2 * ROOM, &tokens, T0 + DAY + SEC);
    assert_int_equal(used_by(limiter, &own, "acme-1", &tokens, T0 + DAY + 2 * SEC), 2);
    sl_limiter_free(limiter);
}

/* A call takes from none of its counters when one of them has no room; a limit of requests beside it shares. */
static void without_room_nothing_is_taken(void **state)
{
    (void)state;
    static const struct sl_limit_rule rules[] = {
        { .cap = 1000000, .period_usec = DAY, .multiple = 1, .unit = "day", .kind = SL_LIMIT_TOKENS },
        { .cap = 3, .period_usec = DAY, .key = SL_LIMIT_USER, .multiple = 1, .unit = "day", .kind = SL_LIMIT_MONEY },
        { .cap = 1000000, .period_usec = DAY, .key = SL_LIMIT_USER, .multiple = 1, .unit = "day" },
    };
    static const struct asker own = { "acme", SL_LIMIT_OF_GROUP, "acme" };
    struct sl_limiter *limiter = limiter_new();
    struct sl_limit_look look;
    uint64_t n = 0;
    char name[32];
    for (int i = 0; i < 5 * ROOM; i++) {
        struct call call;
        snprintf(name, sizeof(name), "p-%d", i);
        n += begin(limiter, &own, name, rules, SL_ARRAY_LEN(rules), T0, &call);
        sl_limiter_look(limiter, &call.one.limits, &rules[0], SL_STR(""), T0, &look);
        assert_int_equal(look.used, n);
    }
    assert_in_range(n, ROOM / 8, ROOM / 4);
    sl_limiter_free(limiter);
}

static void what_the_store_kept_takes_no_more_room(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new();
    char who[32];
    for (int i = 0; i < 50 * ROOM; i++) {
        snprintf(who, sizeof(who), "key-7\ns-%d", i);
        const struct sl_limit_record record = {
            .owner = SL_LIMIT_OF_ROUTE,
            .name = SL_STR("chat"),
            .key = SL_LIMIT_SESSION,
            .who = sl_str_c(who),
            .period_usec = DAY,
            .used = 5,
            .end_wall_usec = T0 + DAY,
        };
        assert_int_equal(sl_limiter_restore(limiter, &record, T0), 0);
    }
    assert_int_equal(sl_limiter_count(limiter), ROOM);
    assert_int_equal(sl_limiter_max(limiter), ROOM);
    assert_int_equal(used_by(limiter, &calm, "mine", &calls_of_a_session, T0 + SEC), 1);
    assert_int_equal(used_by(limiter, &calm, "mine", &calls_of_a_session, T0 + SEC), 2);
    assert_int_equal(sl_limiter_count(limiter), ROOM);
    sl_limiter_free(limiter);
}

static bool is_of_a(const void *arg, const struct sl_limit_record *record)
{
    (void)arg;
    return sl_str_eq_c(record->name, "a");
}

static void on_forgotten(void *arg, const struct sl_limit_record *record)
{
    assert_true(sl_str_eq_c(record->name, "b"));
    *(int *)arg += 1;
}

/* Keys and groups that come and go would leave counters behind for as long as a year. */
static void counters_of_owners_that_are_gone_are_forgotten(void **state)
{
    (void)state;
    static const struct sl_limit_rule tokens = { .cap = 10,
                                                 .period_usec = 360 * DAY,
                                                 .key = SL_LIMIT_WHOLE,
                                                 .multiple = 1,
                                                 .unit = "year",
                                                 .kind = SL_LIMIT_TOKENS };
    static const char *const names[] = { "a", "b" };
    static const uint64_t used[SL_LIMIT_KINDS] = { [SL_LIMIT_TOKENS] = 1 };
    struct sl_limiter *limiter = limiter_new();
    struct call running[2];
    int n = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
        struct call *call = &running[i];
        one_call_make(&call->one, names[i], 7, "p", &tokens, 1);
        sl_limits_init(&call->one.limits, SL_LIMIT_OF_GROUP, sl_str_c(names[i]), 7, &tokens, 1);
        call->one.call.amounts[SL_LIMIT_TOKENS] = 2;
        assert_int_equal(sl_limiter_take(limiter, &call->one.call, T0, call->held, &call->n_held, &call->view), 0);
        used_by(limiter, &(struct asker){ "t", SL_LIMIT_OF_GROUP, names[i] }, "p", &calls_of_a_caller,
                T0); /* the file's */
    }
    sl_limiter_forget(limiter, T0 + SEC, is_of_a, NULL, on_forgotten, &n);
    assert_int_equal(n, 1);
    assert_int_equal(sl_limiter_count(limiter), 4); /* a call holds it */
    for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
        sl_limiter_settle(limiter, running[i].held, running[i].n_held, used);
    }
    sl_limiter_forget(limiter, T0 + 2 * MINUTE, is_of_a, NULL, on_forgotten, &n);
    assert_int_equal(n, 1);
    assert_int_equal(sl_limiter_count(limiter), 3);
    sl_limiter_free(limiter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_push_out_those_of_whoever_has_most),
        cmocka_unit_test(sessions_of_one_address_push_out_its_own),
        cmocka_unit_test(the_session_that_rests_longest_goes_first),
        cmocka_unit_test(what_a_call_holds_is_not_pushed_out),
        cmocka_unit_test(without_room_a_tenant_shares_with_itself),
        cmocka_unit_test(callers_of_one_tenant_push_out_nobody),
        cmocka_unit_test(sessions_push_out_no_callers),
        cmocka_unit_test(tokens_of_a_groups_callers_are_kept),
        cmocka_unit_test(they_take_no_more_than_a_tenants_part),
        cmocka_unit_test(a_tenants_part_holds_over_a_restart),
        cmocka_unit_test(without_room_nothing_is_taken),
        cmocka_unit_test(what_the_store_kept_takes_no_more_room),
        cmocka_unit_test(counters_of_owners_that_are_gone_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
