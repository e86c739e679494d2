/* SPDX-License-Identifier: Apache-2.0 */
/* The usage ledger: what workers add is in the books once, whatever becomes of the store's transactions, and however
 * many callers there are. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/num.h"
#include "base/random.h"
#include "gate/config/key.h"
#include "gate/config/route.h"
#include "gate/watch/ledger.h"
#include "gate/watch/pricing.h"
#include "gate/watch/sheet.h"
#include "gate/watch/squeeze.h"
#include "gate/watch/tally.h"
#include "llm/core/target.h"
#include "llm/price/price.h"
#include "log/crc.h"
#include "store/ops.h"
#include "store/usage.h"

#define ALL_TIME UINT64_MAX
#define MANY     100000000

static struct sl_target target;
static struct sl_route routes[2];
static struct sl_key *keys[2];
static struct sl_ledger *ledger;
static struct sl_usage used; /* by each call */

static int setup(void **state)
{
    (void)state;
    used = SL_USAGE_NONE;
    used.input = 10;
    used.output = 3;
    used.reasoning = 2;
    static const char *const names[] = { "a", "b" };
    for (size_t i = 0; i < SL_ARRAY_LEN(routes); i++) {
        routes[i] = (struct sl_route){ .refs = 1, .name = sl_str_c(names[i]), .targets = &target, .n_targets = 1 };
        struct sl_key_spec spec = { .id = i ? SL_STR("key-2") : SL_STR("key-1"),
                                    .name = SL_STR("n"),
                                    .principal = i ? SL_STR("p2") : SL_STR("p1") };
        keys[i] = sl_key_new(&spec);
        assert_non_null(keys[i]);
    }
    return sl_ledger_new(&ledger);
}

/* Nothing in the ledger holds a route or a key any more. */
static int teardown(void **state)
{
    (void)state;
    sl_ledger_free(ledger);
    for (size_t i = 0; i < SL_ARRAY_LEN(routes); i++) {
        assert_int_equal(atomic_load(&routes[i].refs), 1);
        assert_int_equal(atomic_load(&keys[i]->refs), 1);
        sl_key_unref(keys[i]);
    }
    return 0;
}

static struct sl_tally *join(void)
{
    struct sl_tally *tally;
    assert_int_equal(sl_ledger_join(ledger, &tally), 0);
    return tally;
}

static struct sl_tally_call call_of(struct sl_route *route, struct sl_key *key, const char *principal)
{
    return (struct sl_tally_call){ .route = route,
                                   .target = &target,
                                   .model = SL_STR("m"),
                                   .provider = "mock",
                                   .key = key,
                                   .principal = sl_str_c(principal),
                                   .usage = &used,
                                   .cost_nano = 7,
                                   .is_priced = true };
}

/* The answer as "a,key-1=2/10;…": the names asked for, requests and input, sorted. */
static int line_cmp(const void *a, const void *b)
{
    return strcmp(a, b);
}

static const char *ask(struct sl_store *store, uint32_t by)
{
    static char text[4096];
    static char lines[64][128];
    const struct sl_usage_query query = { .to_sec = ALL_TIME, .by = by, .max = 64 };
    struct sl_sheet sheet;
    struct sl_err err = { 0 };
    const struct sl_usage_row *row;
    size_t n = 0;
    sl_sheet_init(&sheet);
    assert_int_equal(sl_ledger_ask(ledger, store, &query, &sheet, &err), 0);
    for (size_t i = 0; (row = sl_sheet_each(&sheet, &i)) != NULL; n++) {
        char *at = lines[n], *end = at + sizeof(lines[n]);
        for (size_t k = 0; k < SL_USAGE_OF_COUNT; k++) {
            if (by & SL_BIT(k)) {
                at += snprintf(at, (size_t)(end - at), "%.*s,", SL_STR_ARG(row->of[k]));
            }
        }
        snprintf(at, (size_t)(end - at), "%lld/%lld;", (long long)row->sums[SL_USAGE_REQUESTS],
                 (long long)row->sums[SL_USAGE_INPUT]);
    }
    sl_sheet_done(&sheet);
    qsort(lines, n, sizeof(lines[0]), line_cmp);
    text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        strcat(text, lines[i]);
    }
    return text;
}

static int64_t total(enum sl_usage_sum sum)
{
    const struct sl_usage_query query = { .to_sec = ALL_TIME, .max = MANY };
    struct sl_sheet sheet;
    struct sl_err err;
    sl_sheet_init(&sheet);
    assert_int_equal(sl_ledger_ask(ledger, NULL, &query, &sheet, &err), 0);
    size_t i = 0;
    const struct sl_usage_row *row = sl_sheet_each(&sheet, &i);
    int64_t value = row ? row->sums[sum] : 0;
    sl_sheet_done(&sheet);
    return value;
}

/* --- without a store --- */

static void calls_are_summed_by_what_they_are_for(void **state)
{
    (void)state;
    struct sl_tally *one = join(), *two = join();
    const struct sl_usage none = SL_USAGE_NONE;
    struct sl_tally_call calls[] = {
        call_of(&routes[0], keys[0], ""),      call_of(&routes[0], keys[0], ""),      call_of(&routes[0], keys[1], ""),
        call_of(&routes[1], NULL, "10.0.0.1"), call_of(&routes[1], NULL, "10.0.0.2"),
    };
    calls[4].is_error = true;
    calls[4].usage = &none;
    calls[4].target = NULL;
    for (size_t i = 0; i < SL_ARRAY_LEN(calls); i++) {
        sl_tally_add(i % 2 ? one : two, &calls[i], 1 + i);
    }
    assert_string_equal(ask(NULL, SL_BIT(SL_USAGE_ROUTE)), "a,3/30;b,2/10;");
    assert_string_equal(ask(NULL, SL_BIT(SL_USAGE_ROUTE) | SL_BIT(SL_USAGE_KEY)), "a,key-1,2/20;a,key-2,1/10;b,,2/10;");
    assert_string_equal(ask(NULL, SL_BIT(SL_USAGE_PRINCIPAL)), "10.0.0.1,1/10;10.0.0.2,1/0;p1,2/20;p2,1/10;");
    assert_string_equal(ask(NULL, SL_BIT(SL_USAGE_TARGET) | SL_BIT(SL_USAGE_PROVIDER) | SL_BIT(SL_USAGE_MODEL)),
                        ",,,1/0;model,mock,m,4/40;");
    assert_string_equal(ask(NULL, 0), "5/40;");
    assert_int_equal(total(SL_USAGE_ERRORS), 1);
    assert_int_equal(total(SL_USAGE_UNMETERED), 0);
    assert_int_equal(total(SL_USAGE_OUTPUT), 12);
    assert_int_equal(total(SL_USAGE_REASONING), 8);
    assert_int_equal(total(SL_USAGE_CACHED), 0);
    /* what comes later is added */
    sl_tally_add(one, &calls[0], 2);
    assert_string_equal(ask(NULL, 0), "6/50;");
}

static void replies_without_a_count_are_counted(void **state)
{
    (void)state;
    struct sl_tally *tally = join();
    const struct sl_usage none = SL_USAGE_NONE;
    struct sl_usage absurd = SL_USAGE_NONE;
    absurd.input = SL_USAGE_COUNT_MAX;
    struct sl_tally_call call = call_of(&routes[0], NULL, "p");
    call.usage = &none;
    sl_tally_add(tally, &call, 1);
    assert_int_equal(total(SL_USAGE_UNMETERED), 1);
    call.usage = NULL; /* a call that has no usage of its own */
    sl_tally_add(tally, &call, 1);
    assert_int_equal(total(SL_USAGE_UNMETERED), 1);
    assert_int_equal(total(SL_USAGE_REQUESTS), 2);
    call.usage = &absurd;
    for (int i = 0; i < 20000; i++) {
        sl_tally_add(tally, &call, 1);
    }
    assert_true(total(SL_USAGE_INPUT) == SL_USAGE_SUM_MAX);
    assert_string_equal(ask(NULL, SL_BIT(SL_USAGE_ABOVE)), "1000k,20000/9007199254740992;unpriced,2/0;");
}

static void groups_have_what_is_in_them(void **state)
{
    (void)state;
    static const char *const groups[] = { "acme", "acme/search", "acme2", "acm", "" };
    struct sl_tally *tally = join();
    for (size_t i = 0; i < SL_ARRAY_LEN(groups); i++) {
        keys[0]->group = sl_str_c(groups[i]);
        struct sl_tally_call call = call_of(&routes[0], keys[0], "");
        sl_tally_add(tally, &call, 1);
        sl_ledger_hold(ledger);
    }
    assert_string_equal(ask(NULL, SL_BIT(SL_USAGE_GROUP)), ",1/10;acm,1/10;acme,1/10;acme/search,1/10;acme2,1/10;");
    const struct sl_usage_query query = { .to_sec = ALL_TIME, .group = SL_STR("acme"), .max = MANY };
    struct sl_sheet sheet;
    struct sl_err err;
    size_t i = 0;
    sl_sheet_init(&sheet);
    assert_int_equal(sl_ledger_ask(ledger, NULL, &query, &sheet, &err), 0);
    assert_int_equal(sl_sheet_each(&sheet, &i)->sums[SL_USAGE_REQUESTS], 2);
    sl_sheet_done(&sheet);
}

static void costs_are_summed_and_what_is_unknown_is_counted(void **state)
{
    (void)state;
    struct sl_tally *tally = join();
    struct sl_tally_call call = call_of(&routes[0], keys[0], "");
    struct sl_usage told = used;
    sl_tally_add(tally, &call, 1); /* 7 by its price */
    told.cost_nano = 100;
    call.usage = &told;
    call.cost_nano = 100;
    sl_tally_add(tally, &call, 1); /* by the upstream's account */
    call.cost_nano = SL_COST_UNKNOWN;
    sl_tally_add(tally, &call, 1);
    call.is_error = true; /* it failed, and cost nothing that is known */
    sl_tally_add(tally, &call, 1);
    call.usage = NULL;
    sl_tally_add(tally, &call, 1);
    assert_int_equal(total(SL_USAGE_REQUESTS), 5);
    assert_int_equal(total(SL_USAGE_COST), 107);
    assert_int_equal(total(SL_USAGE_PRICED), 2);
    assert_int_equal(total(SL_USAGE_UNPRICED), 1);
    assert_int_equal(total(SL_USAGE_TOLD), 1);
    assert_int_equal(total(SL_USAGE_TOLD_COST), 100);
}

/* All that a price may be for. */
static void every_part_of_the_usage_is_kept(void **state)
{
    (void)state;
    struct sl_tally *tally = join();
    struct sl_tally_call call = call_of(&routes[0], keys[0], "");
    struct sl_usage all = SL_USAGE_NONE;
    int64_t *const parts[] = { &all.input,        &all.output,       &all.cached_input, &all.cache_creation,
                               &all.cache_hour,   &all.reasoning,    &all.audio_input,  &all.image_input,
                               &all.video_input,  &all.audio_output, &all.image_output, &all.video_output,
                               &all.cached_audio, &all.cached_image, &all.billed_input, &all.billed_output,
                               &all.searches,     &all.citations,    &all.queries,      &all.msec };
    call.usage = &all;
    for (size_t i = 0; i < SL_ARRAY_LEN(parts); i++) {
        all = SL_USAGE_NONE;
        all.tier = i % 2 ? SL_TIER_BATCH : SL_TIER_FLEX;
        *parts[i] = (int64_t)i + 1;
        sl_tally_add(tally, &call, 1);
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(parts); i++) { /* in the order of the sums */
        assert_int_equal(total((enum sl_usage_sum)(SL_USAGE_INPUT + i)), i + 1);
    }
    assert_int_equal(SL_USAGE_INPUT + SL_ARRAY_LEN(parts), SL_USAGE_LOST);
    assert_string_equal(ask(NULL, SL_BIT(SL_USAGE_TIER)), "batch,10/0;flex,10/1;");
}

/* Attempts that others followed are no calls, and have sums of their own; the price holds for both alike. */
static void lost_attempts_are_kept_apart(void **state)
{
    (void)state;
    struct sl_tally *tally = join();
    struct sl_tally_call call = call_of(&routes[0], keys[0], "");
    struct sl_usage usage = SL_USAGE_NONE;
    usage.input = 40000;
    usage.output = 7;
    call.usage = &usage;
    call.cost_nano = 100;
    call.is_priced = true;
    sl_tally_add(tally, &call, 1);
    call.is_lost = call.is_estimated = true;
    call.cost_nano = 30;
    sl_tally_add(tally, &call, 1);
    call.cost_nano = SL_COST_UNKNOWN;
    call.is_estimated = false;
    sl_tally_add(tally, &call, 1);
    assert_int_equal(total(SL_USAGE_REQUESTS), 1);
    assert_int_equal(total(SL_USAGE_LOST), 2);
    assert_int_equal(total(SL_USAGE_LOST_COST), 30);
    assert_int_equal(total(SL_USAGE_COST), 130);
    assert_int_equal(total(SL_USAGE_ESTIMATED), 1);
    assert_int_equal(total(SL_USAGE_UNPRICED), 1);
    assert_int_equal(total(SL_USAGE_INPUT), 120000);
    assert_string_equal(ask(NULL, SL_BIT(SL_USAGE_ABOVE)), "32k,1/40000;lost 32k,0/80000;");
    struct sl_usage_row row = { .of = { [SL_USAGE_TIER] = SL_STR_INIT(""), [SL_USAGE_ABOVE] = SL_STR_INIT("lost 32k") },
                                .sums = { [SL_USAGE_LOST] = 2,
                                          [SL_USAGE_INPUT] = 80000,
                                          [SL_USAGE_UNPRICED] = 1,
                                          [SL_USAGE_PRICED] = 1,
                                          [SL_USAGE_COST] = 30,
                                          [SL_USAGE_LOST_COST] = 30 } };
    struct sl_price *price = calloc(1, sizeof(*price) + sizeof(price->rates[0]));
    assert_non_null(price);
    price->n_rates = 1;
    price->rates[0] = (struct sl_price_rate){ .nano = 2, .rate = SL_RATE_INPUT };
    assert_int_equal(sl_pricing_renew(price, &row), SL_PRICING_CHANGED);
    assert_true(row.sums[SL_USAGE_COST] == 160000 && row.sums[SL_USAGE_LOST_COST] == 160000);
    assert_true(row.sums[SL_USAGE_PRICED] == 2 && row.sums[SL_USAGE_UNPRICED] == 0);
    assert_int_equal(sl_pricing_renew(price, &row), SL_PRICING_SAME);
    free(price);
}

/* --- pricing anew --- */

static struct sl_price *price_make(void)
{
    static const struct sl_price_rate rates[] = {
        { .nano = 2500, .rate = SL_RATE_INPUT },
        { .nano = 4000.4, .rate = SL_RATE_INPUT, .above = 200000 },
        { .nano = 1000, .rate = SL_RATE_INPUT, .tier = SL_TIER_FLEX },
        { .nano = 1250.25, .rate = SL_RATE_CACHE_READ },
        { .nano = 10000, .rate = SL_RATE_OUTPUT },
        { .nano = 3000, .rate = SL_RATE_REQUEST },
    };
    struct sl_price *price = calloc(1, sizeof(*price) + sizeof(rates));
    assert_non_null(price);
    price->n_rates = SL_ARRAY_LEN(rates);
    memcpy(price->rates, rates, sizeof(rates));
    return price;
}

/* Some calls of all kinds. Returns what those cost that the price holds for; *ret_fixed: what the others cost. */
static int64_t calls_add(struct sl_tally *tally, const struct sl_price *price, int n, int64_t *ret_fixed)
{
    struct sl_rng rng = { { 1, 2 } };
    int64_t sum = 0;
    *ret_fixed = 0;
    for (int i = 0; i < n; i++) {
        uint64_t r = sl_rng_next(&rng);
        struct sl_usage usage = SL_USAGE_NONE;
        struct sl_tally_call call = call_of(&routes[0], keys[r >> 8 & 1], "");
        bool is_known = r % 16 != 0;
        call.usage = &usage;
        call.is_priced = r % 17 != 0;
        if (is_known) {
            usage.input = (int64_t)(r >> 20) % (r & 4096 ? 300000 : 3000);
            usage.output = (int64_t)(r >> 30) % 2000;
            usage.cached_input = r & 2 ? usage.input / 3 : -1;
            usage.tier = r & 16 ? SL_TIER_FLEX : r & 32 ? SL_TIER_DEFAULT : SL_TIER_NONE;
        }
        call.cost_nano = SL_COST_UNKNOWN;
        if (call.is_priced && r % 13 == 0) { /* its upstream says what it cost */
            call.cost_nano = usage.cost_nano = 5;
            *ret_fixed += 5;
        } else if (call.is_priced && is_known) {
            call.cost_nano = r & 1 ? SL_COST_UNKNOWN : (int64_t)(r >> 50); /* by other prices, or by none */
            sum += sl_price_cost(price, &usage);
        }
        sl_tally_add(tally, &call, 1);
    }
    return sum;
}

static enum sl_pricing all_renew(const struct sl_price *price, struct sl_usage_row *ret)
{
    const struct sl_usage_query query = {
        .to_sec = ALL_TIME, .by = UINT32_MAX, .span_sec = SL_USAGE_MINUTE, .max = MANY
    };
    struct sl_sheet sheet;
    struct sl_err err;
    const struct sl_usage_row *row;
    enum sl_pricing most = SL_PRICING_FIXED;
    *ret = (struct sl_usage_row){ 0 };
    sl_sheet_init(&sheet);
    assert_int_equal(sl_ledger_ask(ledger, NULL, &query, &sheet, &err), 0);
    for (size_t i = 0; (row = sl_sheet_each(&sheet, &i)) != NULL;) {
        struct sl_usage_row renewed = *row;
        enum sl_pricing pricing = sl_pricing_renew(price, &renewed);
        most = SL_MAX(most, pricing);
        for (size_t k = 0; k < SL_USAGE_SUM_COUNT; k++) {
            ret->sums[k] += renewed.sums[k];
        }
        struct sl_usage_row again = renewed;
        if (pricing == SL_PRICING_CHANGED) {
            assert_int_equal(sl_pricing_renew(price, &again), SL_PRICING_SAME);
        }
        assert_memory_equal(&again, &renewed, sizeof(again));
    }
    sl_sheet_done(&sheet);
    return most;
}

/* What calls cost one by one is what their sums cost, whatever they cost when they were booked. */
static void sums_cost_what_their_calls_do(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct sl_price *price = price_make();
    struct sl_usage_row row;
    int64_t fixed, want = calls_add(join(), price, N, &fixed);
    assert_int_equal(all_renew(price, &row), SL_PRICING_CHANGED);
    assert_in_range(row.sums[SL_USAGE_COST] - fixed - want + N, 0, 2 * N); /* each was rounded to a nano-dollar */
    assert_true(want > 1000000 * (int64_t)N && fixed > 0);
    assert_int_equal(row.sums[SL_USAGE_REQUESTS], N);
    assert_true(row.sums[SL_USAGE_UNPRICED] > 0); /* nobody said what these used, or no price holds for them */
    /* without a price nothing changes */
    int64_t was = total(SL_USAGE_COST);
    assert_int_equal(all_renew(NULL, &row), SL_PRICING_LEFT);
    assert_int_equal(row.sums[SL_USAGE_COST], was);
    /* the ledger does not know which calls are beyond such a threshold */
    price->rates[1].above = 210000;
    assert_int_equal(all_renew(price, &row), SL_PRICING_LEFT);
    free(price);
}

/* A target that the route does not hold may be gone when the sums are taken. */
static void names_of_other_routes_are_copied(void **state)
{
    (void)state;
    struct sl_tally *tally = join();
    for (int i = 0; i < 2; i++) {
        char name[] = "b/x", model[] = "m1";
        name[2] = (char)('x' + i);
        struct sl_target away = { .model = sl_str_c(model) };
        struct sl_tally_call call = call_of(&routes[0], keys[0], "");
        call.target = &away;
        call.model = away.model;
        call.is_away = true;
        call.target_name = sl_str_c(name);
        sl_tally_add(tally, &call, 1);
        sl_tally_add(tally, &call, 1);
        memset(name, '?', sizeof(name));
        memset(model, '?', sizeof(model));
    }
    assert_string_equal(ask(NULL, SL_BIT(SL_USAGE_TARGET) | SL_BIT(SL_USAGE_MODEL)), "b/x,m1,2/20;b/y,m1,2/20;");
}

static void callers_without_a_key_are_bounded(void **state)
{
    (void)state;
    struct sl_tally *tally = join();
    struct sl_ledger_look look;
    char name[32];
    for (int i = 0; i < 3 * SL_TALLY_CALLERS_MAX; i++) {
        snprintf(name, sizeof(name), "10.0.%d.%d", i / 256, i % 256);
        struct sl_tally_call call = call_of(&routes[i % 2], NULL, name);
        sl_tally_add(tally, &call, 1);
        call = call_of(&routes[i % 2], keys[i % 2], "");
        sl_tally_add(tally, &call, 1);
    }
    const struct sl_usage_query query = { .to_sec = ALL_TIME, .by = SL_BIT(SL_USAGE_PRINCIPAL), .max = MANY };
    struct sl_sheet sheet;
    struct sl_err err;
    sl_sheet_init(&sheet);
    assert_int_equal(sl_ledger_ask(ledger, NULL, &query, &sheet, &err), 0);
    assert_int_equal(sheet.rows.n, SL_TALLY_CALLERS_MAX + 3); /* two keys', and the others' */
    sl_sheet_done(&sheet);
    sl_ledger_look(ledger, &look);
    assert_int_equal(look.n_other, 2 * SL_TALLY_CALLERS_MAX);
    assert_int_equal(look.n_lost, 0);
    assert_string_equal(ask(NULL, SL_BIT(SL_USAGE_ROUTE)), "a,12288/122880;b,12288/122880;");
    /* the next ones are known again */
    struct sl_tally_call call = call_of(&routes[0], NULL, "new");
    sl_tally_add(tally, &call, 1);
    assert_string_equal(ask(NULL, 0), "24577/245770;");
    sl_ledger_look(ledger, &look);
    assert_int_equal(look.n_other, 2 * SL_TALLY_CALLERS_MAX);
}

static void memory_is_bounded_and_sums_stay(void **state)
{
    (void)state;
    struct sl_sheet sheet;
    const uint64_t now = 1800000000 / SL_USAGE_DAY * SL_USAGE_DAY;
    int64_t n = 0;
    sl_sheet_init(&sheet);
    /* ten days of minutes, of three callers and two keys */
    for (uint64_t at = now - 10 * SL_USAGE_DAY; at < now; at += SL_USAGE_MINUTE) {
        for (unsigned i = 0; i < 5; i++) {
            char who[8];
            snprintf(who, sizeof(who), "%s%u", i < 3 ? "c" : "k", i);
            struct sl_usage_row row = { .at_sec = at, .span_sec = SL_USAGE_MINUTE, .sums = { 1 } };
            for (size_t k = 0; k < SL_USAGE_OF_COUNT; k++) {
                row.of[k] = SL_STR("x");
            }
            row.of[SL_USAGE_KEY] = i < 3 ? SL_STR("") : sl_str_c(who);
            row.of[SL_USAGE_PRINCIPAL] = sl_str_c(who);
            assert_int_equal(sl_sheet_add(&sheet, &row), 0);
            n++;
        }
    }
    static const struct {
        size_t max, rows;
    } steps[] = {
        { 72001, 72000 },           /* it is small enough */
        { 2000, 239 * 5 + 5 * 60 }, /* older minutes are hours, the last hour's are there */
        { 1000, 239 * 3 + 3 * 60 }, /* the callers are one */
        { 100, 30 },                /* days */
        { 1, 30 },                  /* of each key and route; and no less */
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(steps); i++) {
        const struct sl_usage_row *row;
        int64_t sum = 0, of_key = 0;
        sl_sheet_squeeze(&sheet, steps[i].max, now);
        assert_int_equal(sheet.rows.n, steps[i].rows);
        for (size_t k = 0; (row = sl_sheet_each(&sheet, &k)) != NULL;) {
            sum += row->sums[SL_USAGE_REQUESTS];
            of_key += sl_str_eq_c(row->of[SL_USAGE_KEY], "k4") ? row->sums[SL_USAGE_REQUESTS] : 0;
        }
        assert_int_equal(sum, n);
        assert_int_equal(of_key, 14400);
    }
    sl_sheet_done(&sheet);
}

/* --- threads --- */

#define THREADS 3
#define CALLS   20000

static atomic_uint n_running;

static void *calls_run(void *arg)
{
    struct sl_tally *tally = arg;
    char name[32];
    for (unsigned i = 0; i < CALLS; i++) {
        snprintf(name, sizeof(name), "p%u", i % 50);
        struct sl_tally_call call = call_of(&routes[i % 2], i % 3 ? keys[i % 2] : NULL, name);
        sl_tally_add(tally, &call, i);
    }
    atomic_fetch_sub(&n_running, 1);
    return NULL;
}

static void nothing_is_lost_while_others_take(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    atomic_store(&n_running, THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, calls_run, join()), 0);
    }
    while (atomic_load(&n_running)) {
        sl_ledger_hold(ledger);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_string_equal(ask(NULL, 0), "60000/600000;");
}

/* --- with a store whose transactions fail --- */

/* What stands in the file, and what a transaction that was not seen to end may have left in its log. */
struct books {
    uint64_t mark;
    int64_t requests;
};

static struct {
    struct sl_store base;
    struct books file, next; /* `next`: within the transaction */
    struct books log;        /* comes back when the file is opened again */
    bool has_log;
} fake;

static int fake_put(struct sl_store *store, const struct sl_usage_row *row, bool *ret_is_other, struct sl_err *err)
{
    (void)store;
    (void)err;
    *ret_is_other = false;
    fake.next.requests += row->sums[SL_USAGE_REQUESTS];
    return 0;
}

static int fake_mark(struct sl_store *store, uint64_t mark, struct sl_err *err)
{
    (void)store;
    (void)err;
    fake.next.mark = mark;
    return 0;
}

static int fake_marked(struct sl_store *store, const char *node, uint64_t *ret_mark, struct sl_err *err)
{
    assert_null(node);
    (void)store;
    (void)err;
    *ret_mark = fake.next.mark;
    return 0;
}

static int fake_thin(struct sl_store *store, uint64_t now_sec, struct sl_err *err)
{
    (void)store;
    (void)err;
    assert_true(now_sec > 1700000000);
    return 0;
}

static const struct sl_store_ops fake_ops = {
    .usage_put = fake_put, .usage_mark = fake_mark, .usage_marked = fake_marked, .usage_thin = fake_thin
};

/* The process is killed, and another one takes up what it left. */
static struct sl_tally *die(const char *dir, const char *node)
{
    sl_ledger_free(ledger);
    assert_int_equal(sl_ledger_new(&ledger), 0);
    sl_ledger_keep(ledger, dir, node);
    return join();
}

/* Random ends of transactions, against a count of what was called. `dir`: the process is killed now and then. */
static void transactions_run(const char *dir)
{
    struct sl_rng rng = { { 7, 11 } };
    struct sl_tally *tally = dir ? die(dir, "n") : join();
    struct sl_err err;
    int64_t called = 0;
    bool was_lost = false;
    memset(&fake, 0, sizeof(fake));
    fake.base.ops = &fake_ops;
    for (unsigned turn = 0; turn < 20000; turn++) {
        if (dir && sl_rng_next(&rng) % 7 == 0) {
            tally = die(dir, "n");
            was_lost = false;
        }
        for (uint64_t i = sl_rng_next(&rng) % 4; i > 0; i--) {
            struct sl_tally_call call = call_of(&routes[i % 2], keys[i % 2], "");
            sl_tally_add(tally, &call, turn);
            called++;
        }
        bool is_end = turn >= 20000 - 3;             /* all is well at the end */
        if (!is_end && sl_rng_next(&rng) % 5 == 0) { /* no transaction began */
            sl_ledger_hold(ledger);
            was_lost = sl_rng_next(&rng) % 2 || was_lost;
            continue;
        }
        if (fake.has_log && (is_end || sl_rng_next(&rng) % 3 == 0)) { /* the file is opened again */
            fake.file = fake.log;
            fake.has_log = false;
        }
        fake.next = fake.file;
        assert_int_equal(sl_ledger_tick(ledger, &fake.base, was_lost, &err), 0);
        uint64_t end = is_end ? 9 : sl_rng_next(&rng) % 10;
        was_lost = end < 4;
        if (end < 2) { /* it failed, and may come back from the log */
            fake.log = fake.next;
            fake.has_log = fake.next.mark != fake.file.mark;
        } else if (end == 2) { /* it failed, but it is there */
            fake.file = fake.next;
            fake.has_log = false;
        } else if (end > 3) {
            fake.file = fake.next;
            fake.has_log = false; /* its pages are written over */
        }
    }
    struct sl_ledger_look look;
    fake.next = fake.file;
    assert_int_equal(sl_ledger_tick(ledger, &fake.base, false, &err), 0); /* finds that all is there */
    assert_int_equal(fake.next.requests, fake.file.requests);
    sl_ledger_look(ledger, &look);
    assert_int_equal(look.n_waiting, 0);
    assert_int_equal(look.n_lost, 0);
    assert_int_equal(fake.file.requests, called);
}

static void transactions_count_once(void **state)
{
    (void)state;
    transactions_run(NULL);
}

/* --- the file --- */

static char dir[32];

static void path_make(char path[64])
{
    snprintf(path, 64, "%s/usage.spool", dir);
}

static void dir_make(void)
{
    memset(&fake, 0, sizeof(fake));
    fake.base.ops = &fake_ops;
    snprintf(dir, sizeof(dir), "/tmp/sluice-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
}

static void dir_remove(void)
{
    char path[64];
    path_make(path);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
}

static void calls_make(struct sl_tally *tally, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct sl_tally_call call = call_of(&routes[i % 2], keys[i % 2], "");
        sl_tally_add(tally, &call, i);
    }
}

static void what_is_killed_counts_once(void **state)
{
    (void)state;
    char path[64];
    dir_make();
    transactions_run(dir);
    path_make(path);
    assert_int_equal(access(path, F_OK), -1); /* nothing waits, so there is no file */
    dir_remove();
}

/* Half a record, as a crash leaves it, and damage: what stands before it counts. */
static void a_file_that_is_cut_or_damaged(void **state)
{
    (void)state;
    char path[64];
    struct stat st;
    dir_make();
    path_make(path);
    calls_make(die(dir, "n"), 2);
    sl_ledger_hold(ledger);
    assert_int_equal(stat(path, &st), 0);
    off_t first = st.st_size;
    calls_make(die(dir, "n"), 2);
    sl_ledger_hold(ledger);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 1), 0); /* the last row of the four */
    die(dir, "n");
    assert_string_equal(ask(NULL, 0), "3/30;");
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, first + 20, SEEK_SET), 0);
    assert_int_equal(fputc(0x5a, file), 0x5a);
    assert_int_equal(fclose(file), 0);
    struct sl_tally *tally = die(dir, "n");
    assert_string_equal(ask(NULL, 0), "2/20;");
    calls_make(tally, 1); /* what comes after it counts, too */
    sl_ledger_hold(ledger);
    die(dir, "n");
    assert_string_equal(ask(NULL, 0), "3/30;");
    dir_remove();
}

/* Half of it can be read, then the disk fails. */
static bool is_disk_bad;
ssize_t __real_pread64(int fd, void *out, size_t n, off_t at);
ssize_t __wrap_pread64(int fd, void *out, size_t n, off_t at);
ssize_t __wrap_pread64(int fd, void *out, size_t n, off_t at)
{
    if (is_disk_bad && at) {
        errno = EIO;
        return -1;
    }
    return __real_pread64(fd, out, is_disk_bad ? n / 2 : n, at);
}

/* What stands in the file counts for a later process: this one neither counts nor writes it. */
static void assert_left_alone(off_t size, unsigned line)
{
    char path[64];
    struct stat st;
    struct sl_err err;
    path_make(path);
    struct sl_tally *tally = die(dir, "n");
    _assert_string_equal(ask(NULL, 0), "", __FILE__, (int)line);
    calls_make(tally, 1);
    sl_ledger_hold(ledger);
    fake.next = fake.file;
    assert_int_equal(sl_ledger_tick(ledger, &fake.base, false, &err), 0);
    _assert_int_equal((uintmax_t)fake.next.requests, 1, __FILE__, (int)line);
    assert_int_equal(stat(path, &st), 0);
    _assert_int_equal((uintmax_t)st.st_size, (uintmax_t)size, __FILE__, (int)line);
    assert_false(sl_ledger_is_kept(ledger));
}

static void a_file_that_cannot_be_read(void **state)
{
    (void)state;
    char path[64];
    struct stat st;
    dir_make();
    path_make(path);
    calls_make(die(dir, "n"), 2);
    sl_ledger_hold(ledger);
    assert_int_equal(stat(path, &st), 0);
    is_disk_bad = true;
    assert_left_alone(st.st_size, __LINE__);
    is_disk_bad = false;
    die(dir, "n");
    assert_string_equal(ask(NULL, 0), "2/20;");
    dir_remove();
}

static void a_file_of_a_newer_version(void **state)
{
    (void)state;
    static const char *const records[] = { "Z", "Rwith more in it", "Fnot a mark" };
    char path[64];
    struct stat st;
    dir_make();
    path_make(path);
    calls_make(die(dir, "n"), 2);
    sl_ledger_hold(ledger);
    assert_int_equal(stat(path, &st), 0);
    for (size_t i = 0; i < SL_ARRAY_LEN(records); i++) {
        uint32_t n = (uint32_t)strlen(records[i]), head[2] = { n, sl_crc32c(0, records[i], n) };
        FILE *file = fopen(path, "a");
        assert_non_null(file);
        assert_int_equal(fwrite(head, sizeof(head), 1, file), 1);
        assert_int_equal(fwrite(records[i], n, 1, file), 1);
        assert_int_equal(fclose(file), 0);
        assert_left_alone(st.st_size + (off_t)(sizeof(head) + n), __LINE__);
        assert_int_equal(truncate(path, st.st_size), 0);
    }
    die(dir, "n");
    assert_string_equal(ask(NULL, 0), "2/20;");
    dir_remove();
}

/* It grows by each turn, and is made anew when it is long: the rows in it are few. */
static void a_long_outage_needs_a_short_file(void **state)
{
    (void)state;
    char path[64];
    struct stat st = { 0 };
    off_t longest = 0;
    dir_make();
    path_make(path);
    struct sl_tally *tally = die(dir, "n");
    for (unsigned i = 0; i < 40000; i++) {
        calls_make(tally, 2);
        sl_ledger_hold(ledger);
        assert_int_equal(stat(path, &st), 0);
        longest = st.st_size > longest ? st.st_size : longest;
    }
    assert_in_range(longest, 1 << 20, 8 << 20);
    die(dir, "n");
    assert_string_equal(ask(NULL, 0), "80000/800000;");
    dir_remove();
}

/* The directory cannot be written: what is in memory counts, and nothing counts twice. */
static void a_directory_that_is_gone(void **state)
{
    (void)state;
    struct sl_err err;
    dir_make();
    struct sl_tally *tally = die(dir, "n");
    calls_make(tally, 2);
    sl_ledger_hold(ledger);
    dir_remove();
    calls_make(tally, 2);
    for (unsigned i = 0; i < 3; i++) {
        fake.next = fake.file;
        assert_int_equal(sl_ledger_tick(ledger, &fake.base, false, &err), 0);
        fake.file = fake.next;
    }
    assert_int_equal(fake.file.requests, 4);
    die("/tmp/sluice-test-that-is-not-there", "n");
    assert_string_equal(ask(NULL, 0), "");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(calls_are_summed_by_what_they_are_for),
        TEST(replies_without_a_count_are_counted),
        TEST(groups_have_what_is_in_them),
        TEST(costs_are_summed_and_what_is_unknown_is_counted),
        TEST(every_part_of_the_usage_is_kept),
        TEST(lost_attempts_are_kept_apart),
        TEST(names_of_other_routes_are_copied),
        TEST(callers_without_a_key_are_bounded),
        TEST(memory_is_bounded_and_sums_stay),
        TEST(nothing_is_lost_while_others_take),
        TEST(transactions_count_once),
        TEST(sums_cost_what_their_calls_do),
        TEST(what_is_killed_counts_once),
        TEST(a_file_that_is_cut_or_damaged),
        TEST(a_file_that_cannot_be_read),
        TEST(a_file_of_a_newer_version),
        TEST(a_long_outage_needs_a_short_file),
        TEST(a_directory_that_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
