/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the snapshot: compares every list and look-up with a plain model, with shadowing, reloads, and readers on
 * other threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "gate/config/config.h"
#include "gate/config/events.h"
#include "base/opt.h"
#include "gate/config/group.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/config/publisher.h"
#include "gate/config/snapshot.h"
#include "store/store.h"
#include "gate/policy/limit_rule.h"
#include "llm/core/llm.h"

#define NAMES 600

struct world {
    struct sl_publisher publisher;
    struct sl_events events;
    struct sl_arena arena;
    struct sl_config *config;
    uint64_t change, next_id;
    uint64_t ids[NAMES]; /* of the dynamic route of each name; 0: none */
    int models[NAMES];
};

static const char file_two[] = "endpoints:\n"
                               "- {name: n1, endpoint_type: llm/v1/chat, model: {provider: mock, name: f1}}\n"
                               "- {name: f, endpoint_type: llm/v1/chat, model: {provider: mock, name: f2}, limit: "
                               "{calls: 5, renewal_period: hour}}\n";
static const char file_none[] = "endpoints: []\nupstream: {timeouts: {idle: 7s}, retries: 3}\n";

static void configure(struct world *w, const char *text)
{
    struct sl_problems problems;
    sl_problems_init(&problems, &w->arena);
    sl_config_free(w->config);
    assert_int_equal(sl_config_load_text("t", sl_str_c(text), &w->arena, &problems, &w->config), 0);
    assert_int_equal(sl_events_configure(&w->events, w->config->settings, w->config->routes, w->config->n_routes), 0);
}

static void world_init(struct world *w, const char *text)
{
    memset(w, 0, sizeof(*w));
    sl_arena_init(&w->arena, NULL);
    sl_publisher_init(&w->publisher);
    sl_events_init(&w->events, &w->publisher);
    configure(w, text);
}

static void world_done(struct world *w)
{
    sl_events_done(&w->events);
    sl_publisher_done(&w->publisher);
    sl_config_free(w->config);
    sl_arena_done(&w->arena);
}

static struct sl_str name_of(int i, char out[16])
{
    snprintf(out, 16, "n%d", i);
    return sl_str_c(out);
}

static void apply(struct world *w, struct sl_store_event *event)
{
    const struct sl_store_event *list[] = { event };
    event->number = ++w->change;
    sl_events_apply(&w->events, list, 1);
}

static void put(struct world *w, int i, int model)
{
    char name[16], spec[160];
    struct sl_store_route route = { .name = name_of(i, name), .config = SL_STR("{}") };
    snprintf(spec, sizeof(spec),
             "{\"name\":\"%s\",\"route_type\":\"llm/v1/chat\",\"model\":{\"name\":\"m%d\",\"provider\":\"mock\"}}",
             name, model);
    route.spec = sl_str_c(spec);
    bool is_new = !w->ids[i];
    w->ids[i] = is_new ? ++w->next_id : w->ids[i];
    w->models[i] = model;
    route.id = w->ids[i];
    route.version = w->change + 1;
    struct sl_store_event event = { .kind = SL_STORE_ROUTE_PUT, .name = route.name, .route = &route, .is_new = is_new };
    apply(w, &event);
}

static void drop(struct world *w, int i)
{
    char name[16];
    struct sl_store_event event = { .kind = SL_STORE_ROUTE_DELETED, .name = name_of(i, name) };
    w->ids[i] = 0;
    apply(w, &event);
}

static void limit(struct world *w, const char *name, const char *json)
{
    struct sl_store_event event = { .kind = SL_STORE_LIMITS_PUT, .name = sl_str_c(name), .limits = sl_str_c(json) };
    apply(w, &event);
}

static struct sl_snapshot *now(struct world *w)
{
    return w->publisher.current;
}

static const struct sl_route *find(struct world *w, const char *name)
{
    return sl_snapshot_find(now(w), sl_str_c(name));
}

/* Compares every answer with the model. The file has n1 and f, or nothing. */
static void check_all(struct world *w, bool has_file)
{
    struct sl_snapshot *s = now(w);
    uint32_t n = has_file ? 2 : 0;
    uint64_t last = 0;
    for (int i = 0; i < NAMES; i++) {
        char name[16], model[16];
        const struct sl_route *route = sl_snapshot_find(s, name_of(i, name));
        bool is_files = has_file && i == 1;
        n += w->ids[i] != 0;
        assert_int_equal(route != NULL, is_files || w->ids[i] != 0);
        if (route && !is_files) {
            snprintf(model, sizeof(model), "m%d", w->models[i]);
            assert_int_equal(route->incarnation, w->ids[i]);
            assert_true(sl_str_eq_c(route->targets[0].model, model));
            assert_ptr_equal(sl_snapshot_at(s, sl_snapshot_index(s, route)), route);
        }
        const struct sl_route *dynamic = sl_snapshot_find_dynamic(s, sl_str_c(name));
        assert_int_equal(dynamic ? dynamic->incarnation : 0, w->ids[i]);
        assert_true(!dynamic || sl_snapshot_is_shadowed(s, dynamic) == is_files);
    }
    assert_int_equal(sl_snapshot_count(s), n);
    struct sl_snapshot_iter it = sl_snapshot_walk(s, 0);
    const struct sl_route *route;
    uint32_t i = 0;
    for (; (route = sl_snapshot_next(&it)) != NULL; i++) {
        assert_int_equal(sl_snapshot_index(s, route), i);
        assert_true(route->incarnation ? route->incarnation > last : i < 2);
        last = route->incarnation;
    }
    assert_int_equal(i, n);
    for (uint32_t from = 0; from <= n + 1; from += 37) {
        struct sl_snapshot_iter some = sl_snapshot_walk(s, from);
        assert_int_equal(sl_snapshot_next(&some) != NULL, from < n);
    }
}

static void test_random_changes_against_a_model(void **state)
{
    (void)state;
    struct world w;
    struct sl_rng rng;
    sl_rng_init(&rng);
    world_init(&w, file_two);
    for (int i = 0; i < 6000; i++) {
        int k = (int)(sl_rng_next(&rng) % NAMES);
        if (w.ids[k] && sl_rng_next(&rng) % 3 == 0) {
            drop(&w, k);
        } else {
            put(&w, k, i);
        }
        if (i % 997 == 0) {
            check_all(&w, true);
        }
    }
    check_all(&w, true);
    configure(&w, file_none);
    check_all(&w, false);
    configure(&w, file_two);
    check_all(&w, true);
    for (int k = 0; k < NAMES; k++) {
        if (w.ids[k]) {
            drop(&w, k);
        }
    }
    check_all(&w, true);
    world_done(&w);
}

static void test_the_file_wins_and_gives_back(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, file_none);
    put(&w, 1, 7);
    assert_true(sl_str_eq_c(find(&w, "n1")->targets[0].model, "m7"));
    configure(&w, file_two);
    assert_true(sl_str_eq_c(find(&w, "n1")->targets[0].model, "f1"));
    put(&w, 1, 8); /* changed while it is shadowed */
    assert_true(sl_str_eq_c(find(&w, "n1")->targets[0].model, "f1"));
    configure(&w, file_none);
    assert_true(sl_str_eq_c(find(&w, "n1")->targets[0].model, "m8"));
    configure(&w, file_two);
    drop(&w, 1);
    assert_true(sl_str_eq_c(find(&w, "n1")->targets[0].model, "f1"));
    configure(&w, file_none);
    assert_null(find(&w, "n1"));
    world_done(&w);
}

static void test_limits_follow_their_route(void **state)
{
    (void)state;
    static const char one[] = "[{\"calls\":1,\"key\":\"route\",\"renewal_period\":\"day\"}]";
    struct world w;
    world_init(&w, file_two);
    assert_int_equal(find(&w, "f")->limits->rules[0].cap, 5);
    limit(&w, "f", one);
    assert_int_equal(find(&w, "f")->limits->rules[0].cap, 1);
    assert_int_equal(find(&w, "f")->limit.calls, 5); /* it keeps its own values */
    configure(&w, file_two);
    assert_int_equal(find(&w, "f")->limits->rules[0].cap, 1);
    limit(&w, "f", NULL);
    assert_int_equal(find(&w, "f")->limits->rules[0].cap, 5);

    put(&w, 2, 1);
    uint64_t idle = w.config->settings->upstream.route.timeouts.idle_usec;
    assert_null(find(&w, "n2")->limits);
    limit(&w, "n2", one);
    put(&w, 2, 2); /* replaced: limits and incarnation stay */
    assert_int_equal(find(&w, "n2")->limits->rules[0].key, SL_LIMIT_WHOLE);
    assert_int_equal(find(&w, "n2")->incarnation, w.ids[2]);
    assert_int_equal(find(&w, "n2")->conf.timeouts.idle_usec, idle);
    configure(&w, file_none); /* other defaults reach dynamic routes too */
    assert_int_equal(find(&w, "n2")->conf.timeouts.idle_usec, 7000000);
    assert_int_equal(find(&w, "n2")->conf.retries, 3);
    assert_int_equal(find(&w, "n2")->limits->n, 1);
    drop(&w, 2);
    put(&w, 2, 3);
    assert_null(find(&w, "n2")->limits);
    world_done(&w);
}

static void test_a_load_takes_the_place_of_what_was_known(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, file_two);
    put(&w, 2, 1);
    put(&w, 3, 1);
    limit(&w, "f", "[{\"calls\":1,\"key\":\"route\",\"renewal_period\":\"day\"}]");
    sl_events_load_begin(&w.events);
    sl_events_load_end(&w.events, false);
    assert_non_null(find(&w, "n2")); /* it failed: nothing changed */
    assert_int_equal(find(&w, "f")->limits->rules[0].cap, 1);
    struct sl_store_route route = {
        .id = 9,
        .version = 9,
        .name = SL_STR("n3"),
        .spec = SL_STR("{\"name\":\"n3\",\"route_type\":\"llm/v1/chat\",\"model\":{\"provider\":\"mock\"}}"),
        .config = SL_STR("{}"),
    };
    struct sl_store_event event = {
        .kind = SL_STORE_ROUTE_PUT, .number = 9, .name = route.name, .route = &route, .is_new = true
    };
    sl_events_load_begin(&w.events);
    sl_events_load(&w.events, &event);
    sl_events_load_end(&w.events, true);
    assert_null(find(&w, "n2"));
    assert_int_equal(find(&w, "n3")->incarnation, 9);
    assert_int_equal(find(&w, "f")->limits->rules[0].cap, 5);
    world_done(&w);
}

static void group(struct world *w, enum sl_store_event_kind kind, const char *path)
{
    struct sl_store_group row = { .id = 1, .version = w->change + 1, .path = sl_str_c(path) };
    struct sl_store_event event = { .kind = kind, .name = row.path, .group = &row };
    apply(w, &event);
}

/* 'f': of the file, 's': stored, '-': not in force. */
static char group_is(struct world *w, const char *path)
{
    const struct sl_group *found = sl_groups_find(now(w)->groups, sl_str_c(path));
    return !found ? '-' : sl_group_is_of_file(found) ? 'f' : 's';
}

static void test_groups_come_from_both(void **state)
{
    (void)state;
    static const char with[] = "endpoints: []\nauth: {}\ngroups: [ { name: acme } ]\n";
    struct world w;
    world_init(&w, with);
    assert_int_equal(group_is(&w, "acme"), 'f');
    group(&w, SL_STORE_GROUP_PUT, "acme/search");
    group(&w, SL_STORE_GROUP_PUT, "own");
    put(&w, 1, 1); /* another change keeps them */
    assert_int_equal(group_is(&w, "acme/search"), 's');
    configure(&w, file_none);
    assert_int_equal(group_is(&w, "acme"), '-');
    assert_int_equal(group_is(&w, "acme/search"), '-');
    assert_int_equal(group_is(&w, "own"), 's');
    configure(&w, with);
    assert_int_equal(group_is(&w, "acme/search"), 's');
    struct sl_groups *held = sl_groups_ref(now(&w)->groups);
    group(&w, SL_STORE_GROUP_DELETED, "acme/search");
    assert_int_equal(group_is(&w, "acme/search"), '-');
    assert_non_null(sl_groups_find(held, SL_STR("acme/search")));
    sl_groups_unref(held);
    /* A load that fails changes nothing; one that does not takes the place of all that was stored. */
    sl_events_load_begin(&w.events);
    sl_events_load_end(&w.events, false);
    assert_int_equal(group_is(&w, "own"), 's');
    struct sl_store_group row = { .id = 2, .version = 9, .path = SL_STR("acme/new") };
    struct sl_store_event event = { .kind = SL_STORE_GROUP_PUT, .number = 9, .name = row.path, .group = &row };
    sl_events_load_begin(&w.events);
    sl_events_load(&w.events, &event);
    sl_events_load_end(&w.events, true);
    assert_int_equal(group_is(&w, "own"), '-');
    assert_int_equal(group_is(&w, "acme/new"), 's');
    world_done(&w);
}

/* A group whose limits cannot be read is out of force: its keys open nothing, rather than everything. */
static void test_a_group_with_unreadable_limits_opens_nothing(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, file_none);
    struct sl_store_group row = { .id = 7, .version = 1, .path = SL_STR("own") };
    struct sl_store_event event = { .kind = SL_STORE_GROUP_PUT, .name = row.path, .group = &row };
    row.limits = SL_STR("[{\"requests\":5,\"per\":\"day\"}]");
    row.children = SL_STR("[{\"concurrent\":2}]");
    apply(&w, &event);
    const struct sl_group *found = sl_groups_find(now(&w)->groups, row.path);
    assert_int_equal(found->def->limits->rules[0].cap, 5);
    assert_int_equal(found->def->limits->incarnation, 7);
    assert_int_equal(found->def->children->rules[0].kind, SL_LIMIT_CONCURRENT);
    row.limits = SL_STR("[{\"dreams\":5}]");
    apply(&w, &event);
    assert_int_equal(group_is(&w, "own"), '-');
    row.limits = SL_STR_NONE;
    apply(&w, &event);
    assert_int_equal(group_is(&w, "own"), 's');
    world_done(&w);
}

#define LOOKS(name, health)                                                                                       \
    "- {name: " name ", endpoint_type: llm/v1/chat, model: {provider: openai, name: m, config: {openai_api_key: " \
    "k}}, sluice: {health: " health "}}\n"

static void on_watched(void *arg)
{
    (*(int *)arg)++;
}

static void name_add(void *arg, struct sl_route *route)
{
    char *names = arg;
    assert_int_equal(route->name.n, 2);
    memcpy(names + strlen(names), route->name.p, 2);
}

/* The routes of the newest snapshot, in no order; and how often the callback said that they may have changed. */
static void watched_are(struct world *w, const char *one, const char *two, int n_told)
{
    char names[64] = "";
    sl_snapshot_each_watched(now(w), name_add, names);
    assert_int_equal(strlen(names), strlen(one) + strlen(two));
    assert_true(strstr(names, one) && strstr(names, two));
    if (w->publisher.on_watched) {
        assert_int_equal(*(int *)w->publisher.watched_arg, n_told);
    }
}

static void put_watched(struct world *w, int k, const char *sluice)
{
    char spec[256], name[16];
    snprintf(spec, sizeof(spec),
             "{\"name\":\"n%d\",\"route_type\":\"llm/v1/chat\",\"model\":{\"provider\":\"openai\"},"
             "\"sluice\":%s}",
             k, sluice);
    struct sl_store_route route = { .id = w->ids[k] ? w->ids[k] : ++w->next_id,
                                    .version = ++w->change,
                                    .name = name_of(k, name),
                                    .spec = sl_str_c(spec),
                                    .config = SL_STR("{\"openai_api_key\":\"k\"}") };
    struct sl_store_event event = {
        .kind = SL_STORE_ROUTE_PUT, .name = route.name, .route = &route, .is_new = !w->ids[k]
    };
    w->ids[k] = route.id;
    apply(w, &event);
}

static void test_who_is_looked_at_is_known(void **state)
{
    (void)state;
    static const char file[] = "endpoints:\n" LOOKS("n1", "{}") LOOKS("ff", "{every: 5s}") LOOKS("gg", "off");
    int n_told = 0;
    struct world w;
    world_init(&w, file_two);
    sl_publisher_watch(&w.publisher, on_watched, &n_told);
    put(&w, 2, 1);
    watched_are(&w, "", "", 0);
    put_watched(&w, 2, "{\"health\":{\"every\":\"5s\"}}");
    watched_are(&w, "n2", "", 1);
    put(&w, 3, 1); /* another change: a reader may take the new snapshot */
    watched_are(&w, "n2", "", 2);
    limit(&w, "n2", "[{\"calls\":1,\"key\":\"route\",\"renewal_period\":\"day\"}]");
    watched_are(&w, "n2", "", 3);
    put_watched(&w, 2, "{\"health\":null}");
    watched_are(&w, "", "", 4);
    put(&w, 3, 2);
    watched_are(&w, "", "", 4);
    put_watched(&w, 2, "{\"health\":{}}");
    put_watched(&w, 1, "{\"health\":{}}"); /* the file's route is served */
    watched_are(&w, "n2", "", 6);
    configure(&w, file);
    drop(&w, 2);
    watched_are(&w, "n1", "ff", 8);
    configure(&w, file_none);
    watched_are(&w, "n1", "", 9);
    assert_int_equal(find(&w, "n1")->incarnation, w.ids[1]);
    drop(&w, 1);
    watched_are(&w, "", "", 10);
    put_watched(&w, 1, "{\"health\":{}}");
    sl_publisher_watch(&w.publisher, NULL, NULL);
    drop(&w, 1);
    watched_are(&w, "", "", 0);
    assert_int_equal(n_told, 11);
    world_done(&w);
}

/* --- threads --- */

static atomic_bool is_over;
static atomic_int n_wrong;

/* A worker: takes the newest snapshot, and holds a route of it while others change. */
static void *reader_main(void *arg)
{
    struct world *w = arg;
    struct sl_snapshot *mine = NULL;
    struct sl_route *held = NULL;
    struct sl_rng rng;
    sl_rng_init(&rng);
    while (!atomic_load(&is_over)) {
        char name[16];
        sl_publisher_refresh(&w->publisher, &mine);
        struct sl_route *route = sl_snapshot_find(mine, name_of((int)(sl_rng_next(&rng) % 40), name));
        if (route) {
            sl_route_unref(held);
            held = sl_route_ref(route);
        }
        /* The names 40 … 49 are replaced all the time and never absent. */
        route = sl_snapshot_find(mine, name_of(40 + (int)(sl_rng_next(&rng) % 10), name));
        atomic_fetch_add(&n_wrong, !route || !sl_str_eq_c(route->name, name));
    }
    sl_route_unref(held);
    sl_snapshot_unref(mine);
    return NULL;
}

static void test_readers_never_see_half_a_change(void **state)
{
    (void)state;
    struct world w;
    struct sl_rng rng;
    pthread_t readers[3];
    sl_rng_init(&rng);
    world_init(&w, file_two);
    for (int k = 40; k < 50; k++) {
        put(&w, k, 0);
    }
    atomic_store(&is_over, false);
    for (size_t i = 0; i < SL_ARRAY_LEN(readers); i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, reader_main, &w), 0);
    }
    for (int i = 0; i < 2000; i++) {
        int k = 2 + (int)(sl_rng_next(&rng) % 48);
        if (k < 40 && w.ids[k] && i % 2) {
            drop(&w, k);
        } else {
            put(&w, k, i);
        }
        if (i % 500 == 499) {
            configure(&w, i % 1000 == 999 ? file_two : file_none);
        }
    }
    atomic_store(&is_over, true);
    for (size_t i = 0; i < SL_ARRAY_LEN(readers); i++) {
        pthread_join(readers[i], NULL);
    }
    assert_int_equal(atomic_load(&n_wrong), 0);
    check_all(&w, true);
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_changes_against_a_model),
        cmocka_unit_test(test_the_file_wins_and_gives_back),
        cmocka_unit_test(test_limits_follow_their_route),
        cmocka_unit_test(test_groups_come_from_both),
        cmocka_unit_test(test_a_group_with_unreadable_limits_opens_nothing),
        cmocka_unit_test(test_who_is_looked_at_is_known),
        cmocka_unit_test(test_a_load_takes_the_place_of_what_was_known),
        cmocka_unit_test(test_readers_never_see_half_a_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
