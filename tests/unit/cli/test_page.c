/* SPDX-License-Identifier: Apache-2.0 */
/* How `sluice top` reads the metrics and shows them. */
#include <locale.h>
#include <math.h>

#include "cli/top_show.h"
#include "cli_test.h"

static const char small[] =
    "# HELP sluice_requests_total x\n"
    "sluice_requests_total{route=\"chat\",dialect=\"openai\",status=\"200\",error_type=\"\",stream=\"true\"} 10\n"
    "sluice_requests_total{route=\"chat\",dialect=\"mlflow\",status=\"200\",error_type=\"\",stream=\"false\"} 5\n"
    "sluice_requests_total{route=\"chat\",dialect=\"openai\",status=\"401\",error_type=\"provider_auth_failed\",stream="
    "\"true\"} 3\n"
    "sluice_requests_total{route=\"chat\",dialect=\"openai\",status=\"429\",error_type=\"policy_rate_limited\",stream="
    "\"true\"} 2\n"
    "sluice_requests_total{route=\"none\",dialect=\"sluice\",status=\"200\",error_type=\"\",stream=\"false\"} 7\n"
    "sluice_requests_total{route=\"a\\\"b\\\\c,route=\\\"x\",dialect=\"openai\",status=\"200\",error_type=\"\",stream="
    "\"true\"} 1\n"
    "sluice_limit_decisions_total{route=\"chat\",decision=\"allowed\"} 15\n"
    "sluice_limit_decisions_total{route=\"chat\",decision=\"refused\"} 2\n"
    "sluice_limit_used_ratio{route=\"chat\"} 0.9\n"
    "gen_ai_server_request_duration_seconds_bucket{gen_ai_operation_name=\"chat\",gen_ai_original_model=\"chat\",error_"
    "type=\"\",le=\"0.1\"} 10\n"
    "gen_ai_server_request_duration_seconds_bucket{gen_ai_operation_name=\"chat\",gen_ai_original_model=\"chat\",error_"
    "type=\"\",le=\"0.2\"} 20\n"
    "gen_ai_server_request_duration_seconds_bucket{gen_ai_operation_name=\"chat\",gen_ai_original_model=\"chat\",error_"
    "type=\"\",le=\"+Inf\"} 20\n"
    "gen_ai_server_time_to_first_token_seconds_bucket{gen_ai_original_model=\"chat\",le=\"0.5\"} 1\n"
    "gen_ai_client_token_usage_sum{gen_ai_original_model=\"chat\",gen_ai_token_type=\"input\"} 1200\n"
    "gen_ai_client_token_usage_sum{gen_ai_original_model=\"chat\",gen_ai_token_type=\"output\"} 300\n"
    "gen_ai_client_token_usage_count{gen_ai_original_model=\"chat\",gen_ai_token_type=\"output\"} 5\n"
    "sluice_cost_usd_total{route=\"chat\",provider=\"openai\",model=\"a\"} 0.25\n"
    "sluice_cost_usd_total{route=\"chat\",provider=\"openai\",model=\"b\"} 0.5\n"
    "sluice_requests_in_flight 4\n"
    "sluice_config_version 7\n"
    "sluice_config_reload_total{result=\"refused\"} 2\n"
    "sluice_build_info{version=\"1.2.3\"} 1\n"
    "process_resident_memory_bytes 1048576\n"
    "process_start_time_seconds 1000.5\n"
    "not a series\n"
    "sluice_store_up 1";

static void a_page_is_read(void **state)
{
    (void)state;
    struct page page;
    page_read(&page, small);
    assert_int_equal(page.n_routes, 3);
    const struct page_route *chat = page_find(&page, "chat");
    assert_non_null(chat);
    assert_int_equal((int)chat->calls, 20);
    assert_int_equal((int)chat->errors, 5);
    assert_int_equal(chat->n_types, 2);
    assert_string_equal(chat->types[0].type, "provider_auth_failed");
    assert_int_equal((int)chat->refused, 2);
    assert_true(chat->used == 0.9 && chat->input == 1200 && chat->output == 300 && chat->cost == 0.75);
    assert_true(page.input == 1200 && page.output == 300 && page.cost == 0.75);
    assert_non_null(page_find(&page, "a\"b\\c,route=\"x"));
    assert_null(page_find(&page, "other"));
    assert_int_equal((int)page.requests, 28);
    assert_int_equal((int)page.in_flight, 4);
    assert_int_equal((int)page.config_version, 7);
    assert_int_equal((int)page.refused_reloads, 2);
    assert_true(page.store_up == 1 && page.reload_ok == -1 && page.started == 1000.5);
    assert_string_equal(page.version, "1.2.3");
    page_done(&page);
}

static void quantiles(void **state)
{
    (void)state;
    static const struct {
        double n[4], before[4], q, want; /* at le 0.1, 0.2, 0.4, +Inf */
    } cases[] = {
        { { 0, 0, 0, 0 }, { 0 }, 0.5, -1 },
        { { 10, 10, 10, 10 }, { 0 }, 0.5, 0.05 },
        { { 0, 10, 10, 10 }, { 0 }, 0.5, 0.15 },
        { { 5, 10, 10, 10 }, { 0 }, 0.5, 0.1 },
        { { 0, 0, 10, 10 }, { 0 }, 1, 0.4 },
        { { 0, 0, 0, 10 }, { 0 }, 0.5, 0.4 },
        { { 10, 10, 10, 10 }, { 10, 10, 10, 10 }, 0.5, -1 },
        { { 10, 20, 20, 20 }, { 10, 10, 10, 10 }, 0.5, 0.15 },
        { { 1, 1, 1, 1 }, { 0 }, 0.95, 0.095 },
        { { 10, 20, 30, 40 }, { 0 }, 0.25, 0.1 },
        { { 10, 20, 30, 40 }, { 0 }, 0.5, 0.2 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct page_histogram now = { { 0.1, 0.2, 0.4, HUGE_VAL }, { 0 }, 4 }, before = now;
        memcpy(now.n, cases[i].n, sizeof(cases[i].n));
        memcpy(before.n, cases[i].before, sizeof(cases[i].before));
        double got = page_quantile(&now, &before, cases[i].q);
        if (got < cases[i].want - 1e-9 || got > cases[i].want + 1e-9) {
            fail_msg("case %zu: %g", i, got);
        }
    }
}

/* A page of `n` routes; when `is_later`, route 41 has been the busiest since the page before. */
static void many_read(struct page *page, int n, bool is_later)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    for (int i = 0; i < n; i++) {
        int calls = 1000 - i + (is_later ? i == 41 ? 500 : 1 : 0), errors = i == 41 && is_later ? 100 : 0;
        fprintf(out,
                "sluice_requests_total{route=\"route-%d-\xe6\xbc\xa2\xe5\xad\x97\",error_type=\"\"} %d\n"
                "sluice_requests_total{route=\"route-%d-\xe6\xbc\xa2\xe5\xad\x97\",error_type=\"provider_overloaded\"} "
                "%d\n",
                i, calls, i, errors);
    }
    fputs("process_start_time_seconds 100\n", out);
    fclose(out);
    page_read(page, text);
    free(text);
}

static char *top_text(const struct look *now, const struct look *before, struct view view)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    top_show(out, now, before, &view);
    fclose(out);
    return text;
}

static void the_busiest_is_seen(void **state)
{
    (void)state;
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    struct look before = { .at_wall = 200 }, now = { .at_wall = 201 };
    many_read(&before.page, 1200, false);
    many_read(&now.page, 1200, true);
    char *text = top_text(&now, &before, (struct view){ .seconds = 1, .columns = 120, .lines = 24 });
    assert_non_null(strstr(text, "MOST ERRORS\nroute-41-"));
    assert_non_null(strstr(text, "provider_overloaded (100)"));
    assert_non_null(strstr(text, "and 1186 more: 1186.0/s, 0 errors; --all shows them"));
    free(text);
    text = top_text(&now, &before, (struct view){ .seconds = 1 });
    assert_non_null(strstr(text, "route-1199-"));
    assert_null(strstr(text, " more: "));
    free(text);
    page_done(&before.page);
    page_done(&now.page);
}

/* Shows as many as there is room for, without losing a route's line. */
static void targets_without_calls_are_told(void **state)
{
    (void)state;
    struct rest rest = { .route = (char *)"chat", .target = (char *)"eu", .state = "open", .waits_ms = 9000 };
    struct rest many[12] = { rest, rest, rest, rest, rest, rest, rest, rest, rest, rest, rest, rest };
    struct look now = { .at_wall = 201, .rests = { .v = many, .is_known = true } };
    static const struct {
        size_t n;
        int lines, n_seen;
        const char *more;
    } cases[] = {
        { 0, 24, 0, NULL },
        { 1, 24, 1, NULL },
        { 4, 24, 4, NULL },
        { 5, 24, 3, "and 2 more: sluice targets list" },
        { 12, 24, 3, "and 9 more: sluice targets list" },
        { 12, 0, 12, NULL },
    };
    many_read(&now.page, 100, false);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        now.rests.n = cases[i].n;
        char *text = top_text(&now, NULL, (struct view){ .seconds = 1, .columns = 100, .lines = cases[i].lines });
        int n_seen = 0, n_lines = 0;
        for (const char *at = text; (at = strstr(at, "chat/eu: its breaker is open, for 9 s\n")) != NULL; at++) {
            n_seen++;
        }
        for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) {
            n_lines++;
        }
        assert_int_equal(n_seen, cases[i].n_seen);
        assert_int_equal(strstr(text, "no calls   chat/eu") != NULL, cases[i].n > 0);
        assert_true(!cases[i].more || strstr(text, cases[i].more));
        assert_true(!cases[i].lines || n_lines == cases[i].lines);
        free(text);
    }
    many[0].is_down = true;
    snprintf(many[1].state, sizeof(many[1].state), "closed");
    many[2].waits_ms = -1;
    snprintf(many[3].state, sizeof(many[3].state), "half-open");
    many[3].waits_ms = -1;
    now.rests.n = 4;
    char *text = top_text(&now, NULL, (struct view){ .seconds = 1, .is_plain = true });
    assert_non_null(strstr(text,
                           "\nno calls\tchat/eu: down by its health checks\nno calls\tchat/eu: asked to wait, for 9 "
                           "s\nno calls\tchat/eu: its breaker is open, the next call tries it\n"
                           "no calls\tchat/eu: its breaker is half-open, a call tries it\n"));
    free(text);
    page_done(&now.page);
}

static void no_line_is_wider_than_the_terminal(void **state)
{
    (void)state;
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    struct look now = { .at_wall = 100000, .is_draining = true };
    char page[sizeof(small) + 1000];
    snprintf(
        page, sizeof(page), "%s\nsluice_requests_total{route=\"%s\",error_type=\"\"} 4000000\n", small,
        "a-very-long-name-of-a-route-\xe6\xbc\xa2\xe5\xad\x97-that-nobody-reads-to-its-end-but-that-is-lawful\x1b[31m");
    page_read(&now.page, page);
    for (int columns = 20; columns < 220; columns++) {
        char *text = top_text(&now, NULL, (struct view){ .seconds = 10, .columns = columns, .lines = 30 });
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
            if (cli_width(line) > columns && strncmp(line, "and ", 4) != 0) {
                fail_msg("%d columns: %s", columns, line);
            }
            assert_null(strchr(line, '\x1b'));
            if (strncmp(line, "gateway", 7) == 0) {
                assert_non_null(strstr(line, "DRAINING"));
            }
        }
        free(text);
    }
    char *text = top_text(&now, NULL, (struct view){ .seconds = 10, .columns = 200 });
    static const char *const seen[] = {
        "sluice 1.2.3, up 1 d 3 h, configuration 7, 2 reloads refused, store up, DRAINING\n",
        "90% near its cap, 2 refused",
        "provider_auth_failed (3)",
        "4.00M",
        "p50 100 ms",
        "errors     provider_auth_failed 3, policy_rate_limited 2\n",
        "tokens     120/s in, 30.0/s out, $0.7500 so far\n",
        "  250/475 ms    150       $0.7500  "
    };
    for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
        if (!strstr(text, seen[i])) {
            fail_msg("%s: %s", seen[i], text);
        }
    }
    free(text);
    text = top_text(&now, NULL, (struct view){ .seconds = 10, .is_plain = true });
    assert_non_null(
        strstr(text, "\nROUTE\tCALLS/S\tCALLS\tERRORS\tP50\tP95\tFIRST P50/95\tTOKENS/S\tCOST\tLIMIT\tMOST ERRORS\n"));
    assert_non_null(strstr(text, "\nchat\t2.0\t20\t5\t"));
    free(text);
    page_done(&now.page);
}

static void limits_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *series, *says;
    } cases[] = {
        { "sluice_limit_used_ratio{route=\"r\"} 0", "\t0%\t" },
        { "sluice_limit_used_ratio{route=\"r\"} 0.5", "\t50%\t" },
        { "sluice_limit_used_ratio{route=\"r\"} 0.799", "\t79%\t" },
        { "sluice_limit_used_ratio{route=\"r\"} 0.8", "\t80% near its cap\t" },
        { "sluice_limit_used_ratio{route=\"r\"} 0.999", "\t99% near its cap\t" },
        { "sluice_limit_used_ratio{route=\"r\"} 1", "\t100% at its cap\t" },
        { "sluice_limit_used_ratio{route=\"r\"} 1.5", "\t150% at its cap\t" },
        { "sluice_limit_decisions_total{route=\"r\",decision=\"refused\"} 3", "\t3 refused\t" },
        { "sluice_limit_decisions_total{route=\"r\",decision=\"allowed\"} 3", "\t-\t" },
        { "sluice_limit_used_ratio{route=\"r\"} 1\nsluice_limit_decisions_total{route=\"r\",decision=\"refused\"} 1",
          "\t100% at its cap, 1 refused\t" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct look now = { .at_wall = 1 };
        page_read(&now.page, cases[i].series);
        char *text = top_text(&now, NULL, (struct view){ .seconds = 1, .is_plain = true });
        if (!strstr(text, cases[i].says)) {
            fail_msg("%s: %s", cases[i].series, text);
        }
        free(text);
        page_done(&now.page);
    }
}

static void the_gateway_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *series;
        bool is_draining;
        const char *says;
    } cases[] = {
        { "", false, "sluice ?, up 0 ms, configuration 0\n" },
        { "sluice_build_info{version=\"1.2\"} 1\nprocess_start_time_seconds 940", false,
          "sluice 1.2, up 60 s, configuration 0\n" },
        { "process_start_time_seconds 0.5\nsluice_config_version 3", false, "up 16 min 40 s, configuration 3\n" },
        { "sluice_config_last_reload_success_timestamp_seconds 880\nsluice_config_last_reload_successful 1", false,
          "configuration 0, loaded 2 min ago\n" },
        { "sluice_config_last_reload_success_timestamp_seconds 880\nsluice_config_last_reload_successful 0", false,
          "configuration 0, loaded 2 min ago, THE FILE NOW IS BAD\n" },
        { "sluice_config_reload_total{result=\"refused\"} 2", false, "configuration 0, 2 reloads refused\n" },
        { "sluice_config_reload_total{result=\"ok\"} 2", false, "configuration 0\n" },
        { "sluice_config_reload_total{result=\"refused\"} 2\nsluice_config_last_reload_successful 1", false,
          "configuration 0\n" },
        { "sluice_store_up 1", false, "configuration 0, store up\n" },
        { "sluice_store_up 0", false, "configuration 0, STORE DOWN\n" },
        { "sluice_store_up 1\nsluice_counters_up 1", false, "configuration 0, store up, counters up\n" },
        { "sluice_counters_up 0", false, "configuration 0, COUNTERS DOWN\n" },
        { "", true, "configuration 0, DRAINING\n" },
        { "sluice_store_up 0\nsluice_config_last_reload_successful 0", true,
          ", THE FILE NOW IS BAD, STORE DOWN, DRAINING\n" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct look now = { .at_wall = 1000, .is_draining = cases[i].is_draining };
        page_read(&now.page, cases[i].series);
        char *text = top_text(&now, NULL, (struct view){ .seconds = 1, .is_plain = true });
        if (!strstr(text, cases[i].says)) {
            fail_msg("%s: %s", cases[i].series, text);
        }
        free(text);
        page_done(&now.page);
    }
}

/* Ten routes: r0 has the most calls, r9 the most errors, and so on; all since the start. */
static void ten_read(struct page *page)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    for (int i = 0; i < 10; i++) {
        fprintf(out,
                "sluice_requests_total{route=\"r%d\",error_type=\"\"} %d\n"
                "sluice_requests_total{route=\"r%d\",error_type=\"caller_timeout\"} %d\n"
                "gen_ai_server_request_duration_seconds_bucket{gen_ai_original_model=\"r%d\",le=\"%d\"} 5\n"
                "gen_ai_client_token_usage_sum{gen_ai_original_model=\"r%d\",gen_ai_token_type=\"input\"} %d\n"
                "sluice_cost_usd_total{route=\"r%d\"} %d\n",
                i, 1000 - 10 * i, i, i, i, i == 5 ? 30 : 1, i, i == 6 ? 5000 : 5, i, i == 7 ? 50 : 1);
    }
    fclose(out);
    page_read(page, text);
    free(text);
}

static void routes_are_sorted_and_filtered(void **state)
{
    (void)state;
    static const struct {
        enum top_sort sort;
        const char *filter, *first; /* the first route; NULL: there is none */
        size_t n;
    } cases[] = {
        { TOP_TRAFFIC, NULL, "r0", 10 }, { TOP_ERRORS, NULL, "r9", 10 }, { TOP_LATENCY, NULL, "r5", 10 },
        { TOP_TOKENS, NULL, "r6", 10 },  { TOP_COST, NULL, "r7", 10 },   { TOP_NAME, NULL, "r0", 10 },
        { TOP_TRAFFIC, "R3", "r3", 1 },  { TOP_TRAFFIC, "x", NULL, 0 },  { TOP_ERRORS, "r", "r9", 10 },
        { TOP_NAME, "", "r0", 10 },
    };
    struct look now = { .at_wall = 1 };
    struct top_row rows[10];
    ten_read(&now.page);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct top_order order = { 1, cases[i].sort, cases[i].filter };
        size_t n = top_rows_make(&now, NULL, &order, rows);
        if (n != cases[i].n || (n && strcmp(rows[0].now->name, cases[i].first) != 0)) {
            fail_msg("case %zu: %zu routes, the first is %s", i, n, n ? rows[0].now->name : "none");
        }
    }
    page_done(&now.page);
}

/* What a narrow terminal shows, and a low one. */
static void the_view_fits(void **state)
{
    (void)state;
    static const struct {
        int columns, lines;
        const char *heading; /* up to the first column that is not there */
        const char *seen, *unseen;
    } cases[] = {
        { 120, 27,
          "ROUTE  CALLS/S  CALLS  ERRORS  P50      P95      FIRST P50/95  TOKENS/S  COST    LIMIT  MOST ERRORS\n",
          "tokens ", NULL },
        { 80, 21, "ROUTE  CALLS/S  ERRORS  P50      P95      FIRST P50/95  TOKENS/S  COST", "1st token ",
          "CALLS  ERR" },
        { 40, 9, "ROUTE  CALLS/S  ERRORS  P50     P95", "errors ", "in flight" },
    };
    struct look now = { .at_wall = 1 };
    ten_read(&now.page);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = top_text(&now, NULL,
                              (struct view){ .seconds = 1, .columns = cases[i].columns, .lines = cases[i].lines });
        int n_lines = 0;
        for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) {
            n_lines++;
        }
        bool is_seen = strstr(text, cases[i].heading) && strstr(text, cases[i].seen) &&
                       !(cases[i].unseen && strstr(text, cases[i].unseen));
        if (!is_seen || n_lines > cases[i].lines) {
            fail_msg("%d columns, %d lines: %s", cases[i].columns, cases[i].lines, text);
        }
        free(text);
    }
    page_done(&now.page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_read),
        cmocka_unit_test(quantiles),
        cmocka_unit_test(the_busiest_is_seen),
        cmocka_unit_test(targets_without_calls_are_told),
        cmocka_unit_test(no_line_is_wider_than_the_terminal),
        cmocka_unit_test(routes_are_sorted_and_filtered),
        cmocka_unit_test(the_view_fits),
        cmocka_unit_test(limits_in_words),
        cmocka_unit_test(the_gateway_in_words),
    };
    return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
