/* SPDX-License-Identifier: Apache-2.0 */
/* Groups: their paths, the file's list, and the tree of both kinds. */
#include "gate/config/group.h"
#include "gate/config/group_path.h"
#include "gate/config/key.h"
#include "gate/config/keyring.h"
#include "gate/policy/limit_rule.h"
#include "help.h"

static void what_is_a_path(void **state)
{
    (void)state;
    static const struct {
        const char *path, *fault; /* NULL: none */
    } cases[] = {
        { "acme", NULL },
        { "acme/search", NULL },
        { "a/b/c/d/e/f/g/h", NULL },
        { "a.b/c-d/e_f/größe", NULL },
        { "a/b/c/d/e/f/g/h/i", "at most 8 levels" },
        { "", "must be names" },
        { "/", "must be names" },
        { "/acme", "must be names" },
        { "acme/", "must be names" },
        { "acme//search", "must be names" },
        { "acme/../other", "must be names" },
        { "./acme", "must be names" },
        { "ac me", "must be names" },
        { "acme\n", "must be names" },
        { "ac%2fme", "must be names" },
        { "a\xff", "must be names" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        const char *fault = sl_group_path_fault(sl_str_c(cases[i].path));
        if (!fault != !cases[i].fault || (fault && !strstr(fault, cases[i].fault))) {
            fail_msg("'%s': %s", cases[i].path, fault ? fault : "fine");
        }
    }
    char longest[SL_GROUP_PATH_MAX + 1];
    memset(longest, 'a', sizeof(longest));
    assert_null(sl_group_path_fault(sl_str_make(longest, SL_GROUP_PATH_MAX)));
    assert_string_equal(sl_group_path_fault(sl_str_make(longest, sizeof(longest))), "must have at most 255 bytes");
}

static void what_is_in_what(void **state)
{
    (void)state;
    static const struct {
        const char *path, *top, *above;
        bool is_in;
    } cases[] = {
        { "acme", "acme", "", true },
        { "acme/search", "acme", "acme", true },
        { "acme/a/b", "acme/a", "acme/a", true },
        { "acme", "acme/search", "", false },
        { "acme2", "acme", "", false },
        { "acme-x/search", "acme", "acme-x", false },
        { "other", "acme", "", false },
        { "other/acme", "acme", "other", false },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_str path = sl_str_c(cases[i].path);
        assert_int_equal(sl_group_is_in(path, sl_str_c(cases[i].top)), cases[i].is_in);
        assert_true(sl_str_eq_c(sl_group_above(path), cases[i].above));
    }
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"

static void the_files_groups(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want; /* NULL: fine */
    } cases[] = {
        { "groups: []", NULL },
        { "auth: {}\ngroups: [ { name: acme } ]", NULL },
        { "groups: [ { name: acme } ]", "f:1:9: warning: groups: hold for keys, and no key is asked for" },
        { "auth: {}\ngroups: [ { name: acme/search }, { name: acme } ]", NULL },
        { "auth: {}\ngroups: [ { name: acme/search } ]",
          "f:2:19: error: groups[0]: 'acme/search' is in 'acme', which is not there: add that group, too" },
        { "auth: {}\ngroups: [ { name: acme }, { name: acme } ]",
          "f:2:27: error: groups[1]: there is another group 'acme', at line 2" },
        { "auth: {}\ngroups: [ { name: acme/ } ]", "groups[0].name: must be names with a / between them" },
        { "auth: {}\ngroups: [ { nam: acme } ]", "did you mean \"name\"?" },
        { "auth: {}\ngroups: [ {} ]", "groups[0].name: missing" },
        { "auth: {}\ngroups: [ acme ]", "groups[0]: must be a map with name" },
        { "auth: {}\ngroups: { name: acme }", "groups: must be a list" },
        { "auth: { keys: [ { name: k, group: acme, key: { sha256: " HEX "f } } ] }\ngroups: [ { name: acme } ]", NULL },
        { "auth: { keys: [ { name: k, group: acme/search, key: { sha256: " HEX "f } } ] }\ngroups: [ { name: acme } ]",
          "error: auth.keys[0].group: there is no group 'acme/search' in `groups`" },
        { "auth: { keys: [ { name: k, group: acme, key: { sha256: " HEX "f } } ] }",
          "auth.keys[0].group: there is no group 'acme' in `groups`" },
        { "auth: { keys: [ { name: k, group: , key: { sha256: " HEX "f } } ] }",
          "auth.keys[0].group: is empty: a key without a group has no `group`" },
        { "auth: { keys: [ { name: k, group: '', key: { sha256: " HEX "f } } ] }",
          "auth.keys[0].group: must be names" },
        { "auth: { keys: [ { name: k, group: acme, role: operator, key: { sha256: " HEX
          "f } } ] }\ngroups: [ { name: acme } ]",
          "auth.keys[0]: the role operator goes without a group" },
        { "auth: { keys: [ { name: k, role: operator, key: { sha256: " HEX "f } } ] }", NULL },
        { "auth: {}\ngroups: [ { name: acme, limits: [ { requests: 5, per: day, zone: UTC }, { concurrent: 2 } ], "
          "children: "
          "{ limits: [ { tokens: 9, per: hour } ] } } ]",
          NULL },
        { "auth: {}\ngroups: [ { name: acme, limits: [ { money: 5, per: day, route: a } ] } ]", NULL },
        { "auth: {}\ngroups: [ { name: acme, children: { limits: [ { money: 5, per: day, route: d } ] } } ]",
          "f:2:1: warning: groups: a limit of 'acme' is for the route 'd', which is not in this file: it holds when a "
          "call makes that route" },
        { "auth: {}\ngroups: [ { name: acme, limits: [ { money: 5, per: day, route: a b } ] } ]",
          "groups[0].limits[0].route: must be the name of a route" },
        { "auth: { keys: [ { name: k, limits: [ { requests: 1, per: day, route: c } ], key: { sha256: " HEX "f } } ] }",
          "auth.keys[0].limits[0].route: goes with the limits of groups only" },
        { "auth: {}\ngroups: [ { name: acme, limits: [ { requests: 5 } ] } ]",
          "f:2:35: error: groups[0].limits[0].per: must be second, minute" },
        { "auth: {}\ngroups: [ { name: acme, limits: [ { requests: -5, per: day } ] } ]",
          "groups[0].limits[0].requests: must be a whole number" },
        { "auth: {}\ngroups: [ { name: acme, limits: { requests: 5, per: day } } ]",
          "groups[0].limits: must be a list" },
        { "auth: {}\ngroups: [ { name: acme, children: { limits: [ { per: day } ] } } ]",
          "groups[0].children.limits[0]: must have one of requests, tokens" },
        { "auth: {}\ngroups: [ { name: acme, children: { limit: [] } } ]", "did you mean \"limits\"?" },
        { "auth: { keys: [ { name: k, limits: [ { requests: 1, per: day } ], key: { sha256: " HEX "f } } ] }", NULL },
        { "auth: { keys: [ { name: k, limits: [ { requests: 1 } ], key: { sha256: " HEX "f } } ] }",
          "auth.keys[0].limits[0].per: must be second" },
        { "auth: { keys: [ { name: k, limits: [ { requests: 1, per: day } ], key: { sha256: " HEX
          "f } }, { name: k, key: { sha256: " HEX "e } } ] }",
          "error: auth.keys[1]: another key is called \"k\" too (line 1), and limits count by name: give each its "
          "own" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        char text[1024];
        snprintf(text, sizeof(text), "%s\n" HEAD, cases[i].text);
        struct loaded l = load(text);
        if (cases[i].want ? !says(&l, cases[i].want) : !l.config || l.problems.n) {
            show(&l);
            fail_msg("case %zu: %s", i, cases[i].text);
        }
        unload(&l);
    }
}

/* Nobody is the same caller as one of another group by chance. */
static void a_principal_is_its_groups(void **state)
{
    (void)state;
    struct loaded l = load("auth: { keys: [ { name: k, group: acme, key: { sha256: " HEX
                           "f } }, { name: k2, key: { sha256: " HEX
                           "e } }, { name: k3, group: acme, principal: p, key: { sha256: " HEX
                           "d } } ] }\ngroups: [ { name: acme } ]\n" HEAD);
    assert_non_null(l.config);
    size_t i = 0;
    unsigned n = 0;
    for (struct sl_key *key; (key = sl_map_each(&l.config->settings->auth.ring->by_hash, &i)) != NULL; n++) {
        const char *want = sl_str_eq_c(key->name, "k") ? "acme/k" : sl_str_eq_c(key->name, "k2") ? "k2" : "p";
        assert_true(sl_str_eq_c(key->principal, want));
    }
    assert_int_equal(n, 3);
    unload(&l);
    char name[SL_KEY_NAME_MAX + 1], text[1024];
    memset(name, 'n', sizeof(name));
    name[SL_KEY_NAME_MAX - 4] = '\0'; /* and "acme/" before it */
    snprintf(text, sizeof(text),
             "auth: { keys: [ { name: %s, group: acme, key: { sha256: " HEX
             "f } } ] }\ngroups: [ { name: acme } ]\n" HEAD,
             name);
    l = load(text);
    assert_true(says(&l, "GROUP/NAME is too long for a principal: give it one"));
    unload(&l);
}

/* --- the tree --- */

static const struct sl_limit_rule one_call = {
    .cap = 1, .period_usec = 1000000, .multiple = 1, .unit = "second", .kind = SL_LIMIT_REQUESTS
};

static struct sl_group_def *def_of(const char *path, uint64_t version)
{
    /* Those of version 8 have a limit. */
    const struct sl_group_rules none = { NULL, 0 }, one = { &one_call, 1 };
    struct sl_group_def *def = sl_group_def_new(sl_str_c(path), version, version == 8 ? one : none, none);
    assert_non_null(def);
    def->version = version;
    return def;
}

static void stored_put(struct sl_map *stored, const char *path, uint64_t version)
{
    struct sl_group_def *def = def_of(path, version);
    sl_group_def_unref(sl_map_remove(stored, def->path));
    assert_int_equal(sl_map_put(stored, def->path, def), 0);
}

static void are(const struct sl_groups *groups, const char *want)
{
    char got[512] = "";
    for (uint32_t i = 0; i < groups->n; i++) {
        const struct sl_group *g = groups->v[i];
        size_t n = strlen(got);
        struct sl_str above = g->above ? g->above->def->path : SL_STR("-");
        snprintf(got + n, sizeof(got) - n, "%.*s<%.*s%s;", SL_STR_ARG(g->def->path), SL_STR_ARG(above),
                 sl_group_is_of_file(g) ? "*" : "");
        assert_ptr_equal(sl_groups_find(groups, g->def->path), g);
    }
    assert_string_equal(got, want);
}

static void the_tree_has_both_kinds(void **state)
{
    (void)state;
    struct sl_group_def *of_file[] = { def_of("acme", 0), def_of("acme/search", 0) };
    const struct sl_group_defs file = { of_file, 2 }, none = { NULL, 0 };
    struct sl_map stored = { 0 };
    struct sl_groups *groups = NULL, *before;
    stored_put(&stored, "acme/search", 3); /* the file's holds */
    stored_put(&stored, "acme/search/a", 4);
    stored_put(&stored, "acme-x", 5);
    stored_put(&stored, "lost/child", 6); /* in one that is not there */
    stored_put(&stored, "b", 7);
    assert_int_equal(sl_groups_build(&file, &stored, NULL, &groups), 0);
    are(groups, "acme<-*;acme-x<-;acme/search<acme*;acme/search/a<acme/search;b<-;");
    assert_null(sl_groups_find(groups, SL_STR("lost/child")));
    assert_int_equal(sl_groups_after(groups, SL_STR("acme/search")), 3);
    assert_int_equal(sl_groups_after(groups, SL_STR("acme/s")), 2); /* it need not be there */
    assert_int_equal(sl_groups_after(groups, SL_STR("z")), 5);
    assert_int_equal(sl_groups_after(NULL, SL_STR("a")), 0);

    /* What did not change stays the same object, and what is in a changed one does not. */
    before = groups;
    stored_put(&stored, "b", 8);
    stored_put(&stored, "b/c", 9);
    assert_int_equal(sl_groups_build(&file, &stored, before, &groups), 0);
    assert_ptr_equal(sl_groups_find(groups, SL_STR("acme/search/a")), sl_groups_find(before, SL_STR("acme/search/a")));
    assert_ptr_not_equal(sl_groups_find(groups, SL_STR("b")), sl_groups_find(before, SL_STR("b")));
    const struct sl_group *b = sl_groups_find(groups, SL_STR("b")), *c = sl_groups_find(groups, SL_STR("b/c"));
    assert_ptr_equal(c->above, b);
    assert_true(b->has_limits && c->has_limits && !c->def->limits); /* those of b hold in it */
    assert_false(sl_groups_find(groups, SL_STR("acme"))->has_limits);
    assert_int_equal(b->def->limits->incarnation, 8);
    assert_true(sl_str_eq_c(b->def->limits->name, "b"));
    sl_groups_unref(before);

    /* Without the file the stored one comes back, out of force as long as acme is missing. */
    before = groups;
    assert_int_equal(sl_groups_build(&none, &stored, before, &groups), 0);
    are(groups, "acme-x<-;b<-;b/c<b;");
    sl_groups_unref(before);
    sl_groups_unref(groups);
    struct sl_group_def *def;
    for (size_t i = 0; (def = sl_map_each(&stored, &i)) != NULL;) {
        sl_group_def_unref(def);
    }
    sl_map_done(&stored);
    sl_group_def_unref(of_file[0]);
    sl_group_def_unref(of_file[1]);
}

/* Rules for one route are lists of their own, which know the group and the route. */
static void a_list_has_parts(void **state)
{
    (void)state;
    char chat[] = "chat";
    const struct sl_limit_rule rules[] = {
        { .cap = 1, .period_usec = 1, .route = sl_str_c(chat) },
        { .cap = 2, .period_usec = 1, .kind = SL_LIMIT_TOKENS },
        { .cap = 3, .period_usec = 1, .kind = SL_LIMIT_MONEY, .route = SL_STR("b") },
        { .cap = 4, .period_usec = 2, .route = sl_str_c(chat) },
    };
    const struct sl_group_rules none = { NULL, 0 };
    struct sl_group_def *def = sl_group_def_new(SL_STR("a/b"), 7, (struct sl_group_rules){ rules, 4 }, none);
    assert_non_null(def);
    memset(chat, 'x', 4); /* the names were copied */
    const struct sl_limits *all = def->limits, *parts = all->parts;
    assert_int_equal(all->n, 4);
    assert_int_equal(all->n_parts, 3);
    assert_true(parts[0].owner == SL_LIMIT_OF_GROUP && parts[0].n == 1 && parts[0].has_tokens && !parts[0].has_money);
    assert_true(sl_str_eq_c(parts[0].name, "a/b") && parts[0].hash == all->hash && parts[0].incarnation == 7);
    assert_true(parts[1].owner == SL_LIMIT_OF_PAIR && parts[1].n == 2 && parts[1].n_held == 0);
    assert_true(parts[2].n == 1 && parts[2].has_money && parts[2].incarnation == 7);
    struct sl_limit_owner_shown shown = sl_limit_owner_show(parts[1].owner, parts[1].name);
    assert_true(shown.owner == SL_LIMIT_OF_GROUP && sl_str_eq_c(shown.name, "a/b") && sl_str_eq_c(shown.route, "chat"));
    static const uint32_t part_of[] = { 1, 0, 2, 1 };
    for (uint32_t i = 0; i < all->n; i++) {
        assert_ptr_equal(sl_limits_part(all, &all->rules[i]), &parts[part_of[i]]);
    }
    sl_group_def_unref(def);
    def = sl_group_def_new(SL_STR("a"), 7, (struct sl_group_rules){ &rules[1], 1 }, none);
    assert_non_null(def);
    assert_true(!def->limits->parts && sl_limits_part(def->limits, def->limits->rules) == def->limits);
    sl_group_def_unref(def);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_a_path),          cmocka_unit_test(what_is_in_what),
        cmocka_unit_test(the_files_groups),        cmocka_unit_test(a_principal_is_its_groups),
        cmocka_unit_test(the_tree_has_both_kinds), cmocka_unit_test(a_list_has_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
