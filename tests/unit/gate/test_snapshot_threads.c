/* SPDX-License-Identifier: Apache-2.0 */
/* Workers hold routes while configurations come and go: a look-up after a publish sees it, held routes stay, and the
 * last reference frees. The sanitizers check the rest. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "gate/config/config.h"
#include "gate/config/publisher.h"
#include "gate/config/snapshot.h"
#include "base/opt.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "llm/core/llm.h"

#define READERS   3
#define PUBLISHES 300

struct shared {
    struct sl_publisher publisher;
    atomic_uint_fast64_t published; /* the version that is surely in force */
    atomic_bool is_over;
    atomic_uint n_looks;
};

/* One configuration whose route's model is `number`. */
static struct sl_config *config_make(unsigned number)
{
    char text[256];
    snprintf(text, sizeof(text),
             "endpoints:\n- { name: a, endpoint_type: llm/v1/chat, model: { provider: mock, name: m%u } }\n"
             "- { name: b%u, endpoint_type: llm/v1/chat, model: { provider: mock } }\n",
             number, number);
    struct sl_arena arena;
    struct sl_problems problems;
    struct sl_config *config = NULL;
    sl_arena_init(&arena, NULL);
    sl_problems_init(&problems, &arena);
    assert_int_equal(sl_config_load_text("test.yaml", sl_str_c(text), &arena, &problems, &config), 0);
    sl_arena_done(&arena); /* the configuration keeps nothing on it */
    return config;
}

static void publish(struct shared *shared, unsigned number)
{
    struct sl_config *config = config_make(number);
    struct sl_snapshot *snapshot;
    assert_int_equal(sl_snapshot_new(config->settings, config->routes, config->n_routes, &snapshot), 0);
    sl_publisher_set(&shared->publisher, snapshot);
    sl_config_free(config);
    atomic_store(&shared->published, atomic_load(&shared->publisher.version));
}

static void *reader_run(void *arg)
{
    struct shared *shared = arg;
    struct sl_snapshot *mine = NULL;
    struct sl_route *held = NULL;
    while (!atomic_load(&shared->is_over)) {
        uint64_t least = atomic_load(&shared->published);
        sl_publisher_refresh(&shared->publisher, &mine);
        SL_ASSERT(mine->version >= least);
        struct sl_route *route = sl_snapshot_find(mine, SL_STR("a"));
        SL_ASSERT(route && route->targets[0].model.n > 1 && route->targets[0].model.p[0] == 'm');
        if (atomic_fetch_add(&shared->n_looks, 1) % 64 == 0) { /* some exchanges are long */
            sl_route_unref(held);
            held = sl_route_ref(route);
        }
        SL_ASSERT(sl_str_eq_c(held ? held->name : route->name, "a"));
    }
    sl_route_unref(held);
    sl_snapshot_unref(mine);
    return NULL;
}

static void a_publish_is_seen_and_what_is_held_stays(void **state)
{
    (void)state;
    static struct shared shared;
    sl_publisher_init(&shared.publisher);
    publish(&shared, 0);
    pthread_t readers[READERS];
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, reader_run, &shared), 0);
    }
    for (unsigned i = 1; i <= PUBLISHES; i++) {
        publish(&shared, i);
    }
    atomic_store(&shared.is_over, true);
    for (int i = 0; i < READERS; i++) {
        pthread_join(readers[i], NULL);
    }
    assert_int_equal(shared.publisher.version, PUBLISHES + 1);
    sl_publisher_done(&shared.publisher);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_publish_is_seen_and_what_is_held_stays) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
