/* SPDX-License-Identifier: Apache-2.0 */
#include "page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/quantile.h"

#define LABEL_MAX 512

/* --- routes by name --- */

static size_t hash_of(const char *name)
{
    size_t h = 1469598103934665603u; /* FNV-1a */
    for (; *name; name++) {
        h = (h ^ (unsigned char)*name) * 1099511628211u;
    }
    return h;
}

/* The slot of `name`, or the free slot where it belongs. */
static size_t slot_of(const struct page *page, const char *name)
{
    size_t i = hash_of(name) & (page->n_slots - 1);
    while (page->slots[i] && strcmp(page->routes[page->slots[i] - 1].name, name) != 0) {
        i = (i + 1) & (page->n_slots - 1);
    }
    return i;
}

static bool grow(struct page *page)
{
    size_t cap = page->cap ? page->cap * 2 : 64;
    struct page_route *routes = realloc(page->routes, cap * sizeof(*routes));
    if (!routes) {
        return false;
    }
    page->routes = routes;
    page->cap = cap;
    free(page->slots);
    page->n_slots = cap * 2;
    page->slots = calloc(page->n_slots, sizeof(*page->slots));
    for (size_t i = 0; page->slots && i < page->n_routes; i++) {
        page->slots[slot_of(page, routes[i].name)] = i + 1;
    }
    return page->slots != NULL;
}

/* Finds or makes it; NULL: out of memory. */
static struct page_route *route_of(struct page *page, const char *name)
{
    if (page->is_broken || (page->n_routes == page->cap && !grow(page))) {
        page->is_broken = true;
        return NULL;
    }
    size_t at = slot_of(page, name);
    if (!page->slots[at]) {
        struct page_route *r = &page->routes[page->n_routes];
        memset(r, 0, sizeof(*r));
        r->used = -1;
        r->name = strdup(name);
        if (!r->name) {
            page->is_broken = true;
            return NULL;
        }
        page->slots[at] = ++page->n_routes;
    }
    return &page->routes[page->slots[at] - 1];
}

const struct page_route *page_find(const struct page *page, const char *name)
{
    size_t at = page->n_slots ? page->slots[slot_of(page, name)] : 0;
    return at ? &page->routes[at - 1] : NULL;
}

/* --- reading the text --- */

/* The value of a label in `{…}`; false when it is not there. */
static bool label_get(const char *labels, const char *name, char *out, size_t size)
{
    size_t len = strlen(name), n = 0;
    const char *p = labels;
    while (*p == '{' || *p == ',') {
        p++;
        bool is_it = strncmp(p, name, len) == 0 && strncmp(p + len, "=\"", 2) == 0;
        p += strcspn(p, "\"");
        for (p += *p == '"'; *p && *p != '"'; p++) {
            char c = *p;
            if (c == '\\' && p[1]) {
                p++;
                c = *p == 'n' ? '\n' : *p;
            }
            if (is_it && n + 1 < size) {
                out[n++] = c;
            }
        }
        if (is_it) {
            out[n] = '\0';
            return true;
        }
        p += *p == '"';
    }
    return false;
}

static void error_add(struct page_route *r, const char *type, double n)
{
    int i = 0;
    while (i < r->n_types && strcmp(r->types[i].type, type) != 0) {
        i++;
    }
    if (i == PAGE_ERRORS) {
        i = PAGE_ERRORS - 1;
        strcpy(r->types[i].type, "others");
    } else if (i == r->n_types) {
        snprintf(r->types[r->n_types++].type, PAGE_TEXT, "%.*s", PAGE_TEXT - 1, type);
    }
    r->types[i].n += n;
    r->errors += n;
}

static void bucket_add(struct page_histogram *h, double le, double value)
{
    int i = 0;
    while (i < h->n_buckets && h->le[i] != le) {
        i++;
    }
    if (i == PAGE_BUCKETS) {
        return;
    }
    if (i == h->n_buckets) {
        h->le[i] = le;
        h->n_buckets++;
    }
    h->n[i] += value;
}

static void request_read(struct page *page, const char *labels, double value)
{
    char text[LABEL_MAX];
    page->requests += value;
    struct page_route *r = label_get(labels, "route", text, sizeof(text)) ? route_of(page, text) : NULL;
    if (!r) {
        return;
    }
    r->calls += value;
    if (label_get(labels, "error_type", text, sizeof(text)) && *text) {
        error_add(r, text, value);
    }
}

static void limit_read(struct page *page, const char *name, const char *labels, double value)
{
    char text[LABEL_MAX];
    struct page_route *r = label_get(labels, "route", text, sizeof(text)) ? route_of(page, text) : NULL;
    if (r && strcmp(name, "sluice_limit_used_ratio") == 0) {
        r->used = value;
    } else if (r && label_get(labels, "decision", text, sizeof(text)) && strcmp(text, "refused") == 0) {
        r->refused += value;
    }
}

static void latency_read(struct page *page, const char *labels, double value, bool is_first)
{
    char text[LABEL_MAX];
    if (!label_get(labels, "le", text, sizeof(text))) {
        return;
    }
    double le = strtod(text, NULL); /* reads "+Inf" too */
    bucket_add(is_first ? &page->first : &page->total, le, value);
    struct page_route *r = label_get(labels, "gen_ai_original_model", text, sizeof(text)) ? route_of(page, text) : NULL;
    if (r) {
        bucket_add(is_first ? &r->first : &r->total, le, value);
    }
}

static void tokens_read(struct page *page, const char *labels, double value)
{
    char text[LABEL_MAX];
    bool is_input = label_get(labels, "gen_ai_token_type", text, sizeof(text)) && strcmp(text, "input") == 0;
    struct page_route *r = label_get(labels, "gen_ai_original_model", text, sizeof(text)) ? route_of(page, text) : NULL;
    *(is_input ? &page->input : &page->output) += value;
    if (r) {
        *(is_input ? &r->input : &r->output) += value;
    }
}

static void cost_read(struct page *page, const char *labels, double value)
{
    char text[LABEL_MAX];
    struct page_route *r = label_get(labels, "route", text, sizeof(text)) ? route_of(page, text) : NULL;
    page->cost += value;
    if (r) {
        r->cost += value;
    }
}

static void series_read(struct page *page, const char *name, const char *labels, double value)
{
    const struct {
        const char *name;
        double *at;
    } values[] = {
        { "sluice_requests_in_flight", &page->in_flight },
        { "process_start_time_seconds", &page->started },
        { "process_resident_memory_bytes", &page->memory },
        { "sluice_config_version", &page->config_version },
        { "sluice_config_last_reload_successful", &page->reload_ok },
        { "sluice_config_last_reload_success_timestamp_seconds", &page->reload_at },
        { "sluice_store_up", &page->store_up },
        { "sluice_counters_up", &page->counters_up },
    };
    char text[LABEL_MAX];
    if (strcmp(name, "sluice_requests_total") == 0) {
        request_read(page, labels, value);
    } else if (strncmp(name, "sluice_limit_", 13) == 0) {
        limit_read(page, name, labels, value);
    } else if (strcmp(name, "gen_ai_server_request_duration_seconds_bucket") == 0) {
        latency_read(page, labels, value, false);
    } else if (strcmp(name, "gen_ai_server_time_to_first_token_seconds_bucket") == 0) {
        latency_read(page, labels, value, true);
    } else if (strcmp(name, "gen_ai_client_token_usage_sum") == 0) {
        tokens_read(page, labels, value);
    } else if (strcmp(name, "sluice_cost_usd_total") == 0) {
        cost_read(page, labels, value);
    } else if (strcmp(name, "sluice_build_info") == 0) {
        label_get(labels, "version", page->version, sizeof(page->version));
    } else if (strcmp(name, "sluice_config_reload_total") == 0 && label_get(labels, "result", text, sizeof(text))) {
        page->refused_reloads += strcmp(text, "refused") == 0 ? value : 0;
    }
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (strcmp(name, values[i].name) == 0) {
            *values[i].at = value;
        }
    }
}

void page_read(struct page *page, const char *text)
{
    char line[4096];
    memset(page, 0, sizeof(*page));
    page->reload_ok = page->reload_at = page->store_up = page->counters_up = -1;
    for (size_t len; *text; text += len + (text[len] == '\n')) {
        len = strcspn(text, "\n");
        if (text[0] == '#' || len >= sizeof(line)) {
            continue;
        }
        memcpy(line, text, len);
        line[len] = '\0';
        char *space = strrchr(line, ' ');
        if (!space) {
            continue;
        }
        double value = strtod(space + 1, NULL);
        *space = '\0';
        char *brace = strchr(line, '{');
        char name[128];
        snprintf(name, sizeof(name), "%.*s", brace ? (int)(brace - line) : (int)strlen(line), line);
        series_read(page, name, brace ? brace : "", value);
    }
}

void page_done(struct page *page)
{
    for (size_t i = 0; i < page->n_routes; i++) {
        free(page->routes[i].name);
    }
    free(page->routes);
    free(page->slots);
    memset(page, 0, sizeof(*page));
}

/* --- between two pages --- */

static double between(const struct page_histogram *now, const struct page_histogram *before, int i)
{
    for (int k = 0; before && k < before->n_buckets; k++) {
        if (before->le[k] == now->le[i]) {
            return now->n[i] - before->n[k];
        }
    }
    return now->n[i];
}

double page_quantile(const struct page_histogram *now, const struct page_histogram *before, double q)
{
    double n[PAGE_BUCKETS];
    for (int i = 0; i < now->n_buckets; i++) {
        n[i] = between(now, before, i);
    }
    return sl_quantile(now->le, n, (size_t)now->n_buckets, q);
}
