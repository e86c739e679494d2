/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/limit_crowd.h"

#include <stdlib.h>

#include "base/num.h"
#include "gate/policy/limit_counter.h"

/* How many counters are looked at for one that may go. */
#define LOOKS 8

SL_LIST_HEAD(counter_list);
SL_LIST_FUNCTIONS(counter_list, struct sl_counter, link);

struct sl_limit_tenant {
    struct counter_list counters; /* in the order of their use, as far as it is known. The first member */
    size_t at;                    /* in the heap */
    size_t n_text;
    char text[];
};

static struct sl_str name_of(const struct sl_limit_tenant *tenant)
{
    return sl_str_make(tenant->text, tenant->n_text);
}

/* --- who has most --- */

static void heap_put(struct sl_limit_crowd *crowd, size_t at, struct sl_limit_tenant *tenant)
{
    crowd->heap[at] = tenant;
    tenant->at = at;
}

/* Moves a tenant to its place: its number of counters has changed. */
static void heap_mend(struct sl_limit_crowd *crowd, struct sl_limit_tenant *tenant)
{
    size_t at = tenant->at, end = crowd->tenants.n;
    for (; at > 0 && crowd->heap[(at - 1) / 2]->counters.n < tenant->counters.n; at = (at - 1) / 2) {
        heap_put(crowd, at, crowd->heap[(at - 1) / 2]);
    }
    for (size_t child; (child = at * 2 + 1) < end; at = child) {
        child += child + 1 < end && crowd->heap[child + 1]->counters.n > crowd->heap[child]->counters.n;
        if (crowd->heap[child]->counters.n <= tenant->counters.n) {
            break;
        }
        heap_put(crowd, at, crowd->heap[child]);
    }
    heap_put(crowd, at, tenant);
}

/* --- tenants --- */

static struct sl_limit_tenant *tenant_new(struct sl_limit_crowd *crowd, struct sl_str name)
{
    if (crowd->tenants.n == crowd->cap) {
        size_t cap = SL_MAX(crowd->cap * 2, (size_t)4);
        struct sl_limit_tenant **heap = realloc(crowd->heap, cap * sizeof(struct sl_limit_tenant *));
        if (!heap) {
            return NULL;
        }
        crowd->heap = heap;
        crowd->cap = cap;
    }
    struct sl_limit_tenant *tenant = calloc(1, sizeof(*tenant) + name.n);
    if (!tenant) {
        return NULL;
    }
    tenant->n_text = name.n;
    if (name.n) {
        memcpy(tenant->text, name.p, name.n);
    }
    if (sl_map_put(&crowd->tenants, name_of(tenant), tenant) < 0) {
        free(tenant);
        return NULL;
    }
    heap_put(crowd, crowd->tenants.n - 1, tenant);
    return tenant;
}

/* It has no counters any more. */
static void tenant_free(struct sl_limit_crowd *crowd, struct sl_limit_tenant *tenant)
{
    sl_map_remove(&crowd->tenants, name_of(tenant));
    struct sl_limit_tenant *last = crowd->heap[crowd->tenants.n];
    if (last != tenant) {
        heap_put(crowd, tenant->at, last);
        heap_mend(crowd, last);
    }
    free(tenant);
}

/* --- counters --- */

int sl_limit_crowd_add(struct sl_limit_crowd *crowd, struct sl_str name, struct sl_counter *c)
{
    struct sl_limit_tenant *tenant = sl_map_find(&crowd->tenants, name);
    tenant = tenant ? tenant : tenant_new(crowd, name);
    if (!tenant) {
        return SL_E_NOMEM;
    }
    counter_list_add(&tenant->counters, c);
    crowd->n++;
    heap_mend(crowd, tenant);
    return 0;
}

void sl_limit_crowd_remove(struct sl_limit_crowd *crowd, struct sl_counter *c)
{
    struct sl_limit_tenant *tenant = c->link.list;
    counter_list_remove(&tenant->counters, c);
    crowd->n--;
    heap_mend(crowd, tenant);
    if (!tenant->counters.n) {
        tenant_free(crowd, tenant);
    }
}

size_t sl_limit_crowd_count(const struct sl_limit_crowd *crowd, struct sl_str name)
{
    const struct sl_limit_tenant *tenant = sl_map_find(&crowd->tenants, name);
    return tenant ? tenant->counters.n : 0;
}

size_t sl_limit_crowd_most(const struct sl_limit_crowd *crowd)
{
    return crowd->tenants.n ? crowd->heap[0]->counters.n : 0;
}

struct sl_counter *sl_limit_crowd_oldest(struct sl_limit_crowd *crowd)
{
    struct sl_limit_tenant *tenant = crowd->tenants.n ? crowd->heap[0] : NULL;
    struct sl_counter *idle = NULL;
    for (int i = 0; tenant && i < LOOKS; i++) {
        struct sl_counter *c = counter_list_first(&tenant->counters);
        if (!c->n_open && c->end_usec <= c->listed_usec) {
            return c;
        }
        /* A call holds it, or used it since it came to this end of the list. */
        idle = !c->n_open && !idle ? c : idle;
        counter_list_remove(&tenant->counters, c);
        c->listed_usec = c->end_usec;
        counter_list_add(&tenant->counters, c);
    }
    return idle;
}

void sl_limit_crowd_done(struct sl_limit_crowd *crowd)
{
    for (size_t i = 0; i < crowd->tenants.n; i++) {
        free(crowd->heap[i]);
    }
    free(crowd->heap);
    sl_map_done(&crowd->tenants);
}
