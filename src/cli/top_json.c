/* SPDX-License-Identifier: Apache-2.0 */
/* One reading as JSON, for scripts. */
#include <stdlib.h>
#include <string.h>

#include "top_rows.h"
#include "top_show.h"

/* Writes a quantile, or null when there were no calls. */
static void seconds_put(FILE *out, const char *name, const struct page_histogram *h, double q)
{
    double s = page_quantile(h, NULL, q);
    fprintf(out, s < 0 ? ",\"%s\":null" : ",\"%s\":%.6g", name, s);
}

static void flag_put(FILE *out, const char *name, double value)
{
    fprintf(out, ",\"%s\":%s", name, value < 0 ? "null" : value > 0 ? "true" : "false");
}

static void route_put(FILE *out, const struct page_route *r)
{
    fputs("{\"name\":", out);
    cli_json_string(out, r->name);
    fprintf(out, ",\"calls\":%.0f,\"errors\":%.0f,\"error_types\":{", r->calls, r->errors);
    for (int i = 0; i < r->n_types; i++) {
        fputs(i ? "," : "", out);
        cli_json_string(out, r->types[i].type);
        fprintf(out, ":%.0f", r->types[i].n);
    }
    putc('}', out);
    seconds_put(out, "total_p50_seconds", &r->total, 0.5);
    seconds_put(out, "total_p95_seconds", &r->total, 0.95);
    seconds_put(out, "first_p50_seconds", &r->first, 0.5);
    seconds_put(out, "first_p95_seconds", &r->first, 0.95);
    fprintf(out, ",\"input_tokens\":%.0f,\"output_tokens\":%.0f,\"cost\":%.9g", r->input, r->output, r->cost);
    fprintf(out, r->used < 0 ? ",\"limit_used\":null" : ",\"limit_used\":%.6g", r->used);
    fprintf(out, ",\"refused\":%.0f}", r->refused);
}

/* Writes the errors of all routes by their type, and the limits that are in use. */
static void sums_put(FILE *out, const struct page *p)
{
    struct page_error sums[TOP_TYPES_MAX];
    int n = top_errors_sum(p, sums), n_limits = 0;
    fputs(",\"errors\":{", out);
    for (int i = 0; i < n; i++) {
        fputs(i ? "," : "", out);
        cli_json_string(out, sums[i].type);
        fprintf(out, ":%.0f", sums[i].n);
    }
    fputs("},\"limits\":{", out);
    for (size_t i = 0; i < p->n_routes; i++) {
        if (p->routes[i].used >= 0) {
            fputs(n_limits++ ? "," : "", out);
            cli_json_string(out, p->routes[i].name);
            fprintf(out, ":%.6g", p->routes[i].used);
        }
    }
    putc('}', out);
}

void top_json(FILE *out, const struct look *now)
{
    const struct page *p = &now->page;
    struct top_row *rows = calloc(p->n_routes + 1, sizeof(*rows));
    size_t n = rows ? top_rows_make(now, NULL, &(struct top_order){ .seconds = 1 }, rows) : 0;
    fputs("{\"version\":", out);
    cli_json_string(out, p->version);
    fprintf(out, ",\"uptime_seconds\":%.0f,\"config_version\":%.0f", p->started > 0 ? now->at_wall - p->started : 0,
            p->config_version);
    flag_put(out, "last_reload_successful", p->reload_ok);
    flag_put(out, "store_up", p->store_up);
    flag_put(out, "counters_up", p->counters_up);
    flag_put(out, "draining", now->is_draining);
    fprintf(out, ",\"requests\":%.0f,\"in_flight\":%.0f", p->requests, p->in_flight > 0 ? p->in_flight - 1 : 0);
    seconds_put(out, "total_p50_seconds", &p->total, 0.5);
    seconds_put(out, "total_p95_seconds", &p->total, 0.95);
    seconds_put(out, "first_p50_seconds", &p->first, 0.5);
    seconds_put(out, "first_p95_seconds", &p->first, 0.95);
    fprintf(out, ",\"input_tokens\":%.0f,\"output_tokens\":%.0f,\"cost\":%.9g", p->input, p->output, p->cost);
    sums_put(out, p);
    fputs(",\"resting\":", out);
    rests_json(out, &now->rests);
    fputs(",\"routes\":[", out);
    for (size_t i = 0; i < n; i++) {
        fputs(i ? "," : "", out);
        route_put(out, rows[i].now);
    }
    fputs("]}", out);
    free(rows);
}
