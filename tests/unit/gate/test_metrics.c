/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "gate/watch/metrics.h"
#include "gate/watch/metrics_write.h"
#include "llm/error_docs.h"

#define TEXT_MAX (64u << 20)

static struct sl_metrics *metrics;
static struct sl_metrics_worker *one, *two;

static int setup(void **state)
{
    (void)state;
    return sl_metrics_new(&metrics) < 0 || sl_metrics_worker_new(metrics, &one) < 0 ||
           sl_metrics_worker_new(metrics, &two) < 0;
}

static int teardown(void **state)
{
    (void)state;
    sl_metrics_free(metrics);
    return 0;
}

static const struct sl_metric_labels *labels_within(const char *route, uint32_t max_routes, uint32_t max_histograms)
{
    struct sl_metric_labels labels = { sl_str_c(route), SL_STR("chat"),  SL_STR("mock"),
                                       SL_STR("m"),     SL_STR("model"), false };
    return sl_metrics_intern(metrics, &labels, &(struct sl_metric_bounds){ max_routes, max_histograms });
}

static const struct sl_metric_labels *labels_of(const char *route, uint32_t max_routes)
{
    return labels_within(route, max_routes, max_routes);
}

/* Is the line in the page, once? */
static void assert_line(const char *line)
{
    struct sl_buf page = SL_BUF_INIT(TEXT_MAX);
    sl_metrics_write(metrics, NULL, NULL, &page);
    sl_buf_add_char(&page, '\0');
    assert_int_equal(sl_buf_status(&page), 0);
    char want[512];
    snprintf(want, sizeof(want), "\n%s\n", line);
    char *found = strstr(page.p, want);
    if (!found) {
        print_message("%s\n", page.p);
        fail_msg("not there: %s", line);
    }
    assert_null(strstr(found + 1, want));
    sl_buf_done(&page);
}

static void workers_are_summed(void **state)
{
    (void)state;
    struct sl_metric_key key = {
        .labels = labels_of("chat", 10), .dialect = "openai", .status = 200, .is_stream = true
    };
    sl_metrics_add(one, SL_METRIC_REQUESTS, &key);
    sl_metrics_add(one, SL_METRIC_REQUESTS, &key);
    sl_metrics_add(two, SL_METRIC_REQUESTS, &key);
    assert_line(
        "sluice_requests_total{route=\"chat\",dialect=\"openai\",status=\"200\",error_type=\"\",stream=\"true\"} 3");
    key.status = 429;
    key.error_type = SL_ERR_POLICY_RATE_LIMITED;
    key.is_stream = false;
    sl_metrics_add(two, SL_METRIC_REQUESTS, &key);
    assert_line(
        "sluice_requests_total{route=\"chat\",dialect=\"openai\",status=\"429\",error_type=\"policy_rate_limited\","
        "stream=\"false\"} 1");
    assert_line("sluice_usage_missing_total 0");
    sl_metrics_in_flight(one, 1);
    sl_metrics_in_flight(two, 1);
    sl_metrics_in_flight(two, 1);
    sl_metrics_in_flight(one, -1);
    struct sl_metrics_gauges now;
    sl_metrics_gauges_read(metrics, &now);
    assert_int_equal(now.in_flight, 2);
}

static void values_fall_into_buckets(void **state)
{
    (void)state;
    struct sl_metric_key key = { 0 };
    static const uint64_t values[] = { 0, 25, 26, 1000000, 1000001 };
    for (size_t i = 0; i < SL_ARRAY_LEN(values); i++) {
        sl_metrics_observe(i % 2 ? one : two, SL_METRIC_OVERHEAD, &key, values[i]);
    }
    assert_line("sluice_overhead_seconds_bucket{le=\"2.5e-05\"} 2");
    assert_line("sluice_overhead_seconds_bucket{le=\"5e-05\"} 3");
    assert_line("sluice_overhead_seconds_bucket{le=\"1\"} 4");
    assert_line("sluice_overhead_seconds_bucket{le=\"+Inf\"} 5");
    assert_line("sluice_overhead_seconds_count 5");
    assert_line("sluice_overhead_seconds_sum 2.000052");
}

static void routes_beyond_the_maximum_are_other(void **state)
{
    (void)state;
    const struct sl_metric_labels *a = labels_of("a", 2);
    const struct sl_metric_labels *b = labels_of("b", 2);
    assert_ptr_equal(labels_of("a", 2), a);
    assert_ptr_not_equal(a, b);
    assert_ptr_equal(labels_of("c", 2), sl_metrics_other(metrics));
    assert_ptr_equal(labels_of("b", 2), b);
    /* A route that changes its model is the same route, but does not get new labels for ever. */
    char model[16];
    unsigned n_other = 0;
    for (int i = 0; i < 100; i++) {
        snprintf(model, sizeof(model), "model-%d", i);
        struct sl_metric_labels labels = { SL_STR("a"), SL_STR("chat"), SL_STR("mock"), sl_str_c(model) };
        n_other += sl_metrics_intern(metrics, &labels, &(struct sl_metric_bounds){ 2, 2 }) == sl_metrics_other(metrics);
    }
    assert_in_range(n_other, 90, 99);
    assert_ptr_equal(labels_of("x", 0), sl_metrics_other(metrics));
}

static void label_values_are_escaped(void **state)
{
    (void)state;
    struct sl_metric_key key = { .labels = labels_of("a\"b\\c\nd\x1b[31m\x7f", 10),
                                 .word = "allowed",
                                 .source = "local" };
    sl_metrics_add(one, SL_METRIC_LIMITS, &key);
    assert_line("sluice_limit_decisions_total{route=\"a\\\"b\\\\c\\nd\\\\x1b[31m\\\\x7f\",decision=\"allowed\",source="
                "\"local\"} 1");
}

static void series_have_an_end(void **state)
{
    (void)state;
    struct sl_metric_key key = { .labels = labels_of("chat", 10), .dialect = "openai", .status = 0 };
    const unsigned n = SL_METRICS_SERIES_MAX + 1000;
    for (unsigned i = 0; i < n; i++) {
        key.status = (uint16_t)i;
        key.error_type = (uint8_t)(i >> 16);
        sl_metrics_add(one, SL_METRIC_REQUESTS, &key);
    }
    /* Number 100,500 got no series of its own. */
    char line[256];
    snprintf(
        line, sizeof(line),
        "sluice_requests_total{route=\"other\",dialect=\"openai\",status=\"%u\",error_type=\"%s\",stream=\"false\"} 1",
        (unsigned)(uint16_t)100500, sl_error_type_word((enum sl_error_type)(100500 >> 16)));
    assert_line(line);
}

static void reloads_read(struct sl_reading_sink *sink, const void *source)
{
    sink->put(sink, &(struct sl_metric_key){ .word = "ok" }, *(const uint64_t *)source, 1);
}

static void cpu_read(struct sl_reading_sink *sink, const void *source)
{
    sink->put(sink, &(struct sl_metric_key){ 0 }, *(const uint64_t *)source, 1000000);
}

static void nothing_read(struct sl_reading_sink *sink, const void *source)
{
    (void)sink;
    (void)source;
}

static void readings_are_written(void **state)
{
    (void)state;
    static const struct sl_reading rows[] = {
        { { "reloads_total", SL_METRIC_IS_COUNTER, NULL, 0, { LB_RESULT }, "Reloads." }, reloads_read },
        { { "cpu_seconds_total", SL_METRIC_IS_COUNTER, NULL, 0, { LB_END }, "CPU." }, cpu_read },
        { { "lost_total", SL_METRIC_IS_COUNTER, NULL, 0, { LB_END }, "Lost." }, nothing_read },
        { { "level", SL_METRIC_IS_GAUGE, NULL, 0, { LB_END }, "Level." }, nothing_read },
        { .read = NULL },
    };
    uint64_t value = 1500001;
    struct sl_buf page = SL_BUF_INIT(TEXT_MAX);
    sl_metrics_write(metrics, rows, &value, &page);
    sl_buf_add_char(&page, '\0');
    assert_non_null(strstr(page.p, "\nreloads_total{result=\"ok\"} 1500001\n"));
    assert_non_null(strstr(page.p, "\n# TYPE cpu_seconds_total counter\ncpu_seconds_total 1.500001\n"));
    assert_non_null(strstr(page.p, "\nlost_total 0\n"));
    assert_null(strstr(page.p, "\nlevel 0\n"));
    sl_buf_done(&page);
}

#define ROUNDS 20000

/* Every series that a route can have, of streams and others. */
static void route_use(const struct sl_metric_labels *labels)
{
    static const enum sl_metric timed[] = { SL_METRIC_SERVER_DURATION, SL_METRIC_FIRST_TOKEN, SL_METRIC_PER_TOKEN,
                                            SL_METRIC_CLIENT_DURATION };
    static const char *const tokens[] = { "input", "output" };
    for (size_t i = 0; i < SL_ARRAY_LEN(timed); i++) {
        sl_metrics_observe(one, timed[i], &(struct sl_metric_key){ .labels = labels }, 1234567);
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(tokens); i++) {
        struct sl_metric_key key = { .labels = labels, .word = tokens[i] };
        sl_metrics_observe(one, SL_METRIC_TOKENS, &key, 1000);
        key = (struct sl_metric_key){ .labels = labels, .dialect = "openai", .status = 200, .is_stream = i };
        sl_metrics_add(one, SL_METRIC_REQUESTS, &key);
    }
    sl_metrics_add(one, SL_METRIC_ATTEMPTS, &(struct sl_metric_key){ .labels = labels, .word = "ok" });
    sl_metrics_add(one, SL_METRIC_LIMITS,
                   &(struct sl_metric_key){ .labels = labels, .word = "allowed", .source = "local" });
}

static void the_page_of_many_routes_is_small(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        char name[40];
        snprintf(name, sizeof(name), "a-route-with-a-usual-name-%d", i);
        route_use(labels_within(name, 1000, 100));
    }
    struct sl_buf page = SL_BUF_INIT(TEXT_MAX);
    sl_metrics_write(metrics, NULL, NULL, &page);
    assert_int_equal(sl_buf_status(&page), 0);
    print_message("%zu bytes\n", page.len);
    assert_in_range(page.len, 1u << 20, 3u << 20);
    sl_buf_done(&page);
    /* all have counters; the first ones have times and tokens, and the others share one */
    assert_line("sluice_limit_decisions_total{route=\"a-route-with-a-usual-name-999\",decision=\"allowed\",source="
                "\"local\"} 1");
    assert_line("gen_ai_server_time_to_first_token_seconds_count{gen_ai_operation_name=\"other\",gen_ai_provider_name="
                "\"other\",gen_ai_original_model=\"other\",gen_ai_request_model=\"other\",gen_ai_response_model="
                "\"other\"} 900");
    assert_line("gen_ai_server_time_to_first_token_seconds_count{gen_ai_operation_name=\"chat\",gen_ai_provider_name="
                "\"mock\",gen_ai_original_model=\"a-route-with-a-usual-name-99\",gen_ai_request_model=\"m\","
                "gen_ai_response_model=\"m\"} 1");
}

static void *count_much(void *arg)
{
    struct sl_metrics_worker *worker = arg;
    char name[16];
    for (unsigned i = 0; i < ROUNDS; i++) {
        snprintf(name, sizeof(name), "r-%u", i % 50);
        struct sl_metric_key key = { .labels = labels_of(name, 40), .word = "allowed", .source = "local" };
        sl_metrics_add(worker, SL_METRIC_LIMITS, &key);
        sl_metrics_observe(worker, SL_METRIC_OVERHEAD, &(struct sl_metric_key){ 0 }, i);
        sl_metrics_in_flight(worker, i % 2 ? -1 : 1);
    }
    return NULL;
}

static void reading_goes_on_beside_counting(void **state)
{
    (void)state;
    pthread_t threads[2];
    assert_int_equal(pthread_create(&threads[0], NULL, count_much, one), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, count_much, two), 0);
    for (int i = 0; i < 20; i++) {
        struct sl_buf page = SL_BUF_INIT(TEXT_MAX);
        sl_metrics_write(metrics, NULL, NULL, &page);
        assert_int_equal(sl_buf_status(&page), 0);
        sl_buf_done(&page);
    }
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    char line[128];
    snprintf(line, sizeof(line), "sluice_overhead_seconds_count %d", 2 * ROUNDS);
    assert_line(line);
    snprintf(line, sizeof(line), "sluice_limit_decisions_total{route=\"r-7\",decision=\"allowed\",source=\"local\"} %d",
             2 * ROUNDS / 50);
    /* Which 40 of the 50 routes have labels depends on the order of the calls; r-7 is among the first of both. */
    assert_line(line);
}

static void every_error_type_has_advice(void **state)
{
    (void)state;
    for (int i = SL_ERR_NONE + 1; i < SL_ERR_COUNT; i++) {
        if (!sl_error_advice((enum sl_error_type)i)) {
            fail_msg("%s: say in llm/error_docs.c what to do", sl_error_type_word((enum sl_error_type)i));
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(workers_are_summed),
        TEST(values_fall_into_buckets),
        TEST(routes_beyond_the_maximum_are_other),
        TEST(label_values_are_escaped),
        TEST(series_have_an_end),
        TEST(readings_are_written),
        TEST(the_page_of_many_routes_is_small),
        TEST(reading_goes_on_beside_counting),
        cmocka_unit_test(every_error_type_has_advice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
