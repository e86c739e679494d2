/* SPDX-License-Identifier: Apache-2.0 */
/* Checks that every provider has a golden case for each of its abilities and for the faults that all have, and a page.
 * usage: test_coverage GOLDEN PROVIDERS.md */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>

#include "llm/core/llm.h"

static const char *golden_path, *docs_path;

static struct sl_str file_read(const char *path, struct sl_buf *buf)
{
    char room[4096];
    size_t n;
    FILE *f = fopen(path, "rb");
    if (!f) {
        fail_msg("%s: cannot be opened", path);
    }
    sl_buf_reset(buf);
    while ((n = fread(room, 1, sizeof(room), f)) > 0) {
        sl_buf_add(buf, room, n);
    }
    fclose(f);
    assert_int_equal(sl_buf_status(buf), 0);
    return sl_buf_str(buf);
}

static enum sl_llm_type type_of(struct sl_json_val root, struct sl_json_val request)
{
    struct sl_json_val path = sl_json_get(request, "path"), type = sl_json_at(root, "route.type");
    for (enum sl_llm_type t = SL_LLM_CHAT; t < SL_LLM_TRANSLATED_COUNT; t++) {
        if (sl_json_str_eq(type, sl_str_c(sl_llm_type_name(t)))) {
            return t;
        }
    }
    return sl_json_str_eq(path, SL_STR("/v1/completions"))  ? SL_LLM_COMPLETIONS
           : sl_json_str_eq(path, SL_STR("/v1/embeddings")) ? SL_LLM_EMBEDDINGS
                                                            : SL_LLM_CHAT;
}

#define HAS_REFUSED_KEY SL_BIT(30) /* the gateway's own */
#define HAS_OVERLOAD    SL_BIT(29)

/* What an upstream answered, as one of these two. */
static unsigned fault_of(struct sl_json_val response)
{
    int64_t status = 0;
    SL_IGNORE(sl_json_int(sl_json_get(response, "status"), true, &status) < 0); /* none was asked */
    return status == 401 || status == 403 ? HAS_REFUSED_KEY : status == 503 || status == 529 ? HAS_OVERLOAD : 0;
}

/* The abilities that the cases of a folder use: the bits of SL_CAP_*; and the faults that they have. */
static unsigned caps_of(const char *folder)
{
    char path[1024];
    struct sl_json doc;
    struct sl_buf buf = SL_BUF_INIT(1 << 24);
    unsigned caps = 0;
    snprintf(path, sizeof(path), "%s/%s", golden_path, folder);
    DIR *dir = opendir(path);
    sl_json_init(&doc, NULL);
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        if (!sl_str_has_suffix(sl_str_c(e->d_name), SL_STR(".json"))) {
            continue;
        }
        snprintf(path, sizeof(path), "%s/%s/%s", golden_path, folder, e->d_name);
        assert_int_equal(sl_json_parse(&doc, file_read(path, &buf)), 0);
        struct sl_json_val root = sl_json_root(&doc);
        for (struct sl_json_iter it = sl_json_each(sl_json_get(root, "exchanges")); sl_json_next(&it);) {
            struct sl_json_val request = sl_json_get(it.val, "client_request");
            if (!sl_json_is_nothing(sl_json_get(it.val, "upstream_request"))) {
                caps |= SL_BIT(type_of(root, request));
                caps |= sl_json_is(sl_json_at(request, "body.stream"), SL_JSON_TRUE) ? SL_CAP_STREAM : 0;
                caps |= fault_of(sl_json_get(it.val, "upstream_response"));
            }
        }
    }
    if (dir) {
        closedir(dir);
    }
    sl_json_done(&doc);
    sl_buf_done(&buf);
    return caps;
}

static void each_capability_has_a_case(void **state)
{
    (void)state;
    for (size_t i = 0; sl_provider_at(i); i++) {
        const struct sl_provider *p = sl_provider_at(i);
        bool has_upstream = !p->local && !p->successor; /* without one there are no cases */
        unsigned missing = has_upstream ? p->caps & ~caps_of(p->name) : 0;
        if (missing) {
            fail_msg("%s: no golden case for the capabilities 0x%x", p->name, missing);
        }
    }
}

/* Another name of a provider has no faults of its own. */
static void each_provider_has_its_faults(void **state)
{
    (void)state;
    for (size_t i = 0; sl_provider_at(i); i++) {
        const struct sl_provider *p = sl_provider_at(i);
        bool has_upstream = !p->local && !p->successor && !p->same_as;
        unsigned wanted = has_upstream ? HAS_REFUSED_KEY | HAS_OVERLOAD : 0, missing = wanted & ~caps_of(p->name);
        if (missing) {
            fail_msg("%s: no golden case of %s", p->name,
                     missing & HAS_REFUSED_KEY ? "a refused key (401, 403)" : "an overload (503, 529)");
        }
    }
}

static void each_provider_has_a_page(void **state)
{
    (void)state;
    struct sl_buf buf = SL_BUF_INIT(1 << 24);
    struct sl_str docs = file_read(docs_path, &buf);
    for (size_t i = 0; sl_provider_at(i); i++) {
        char row[80], page[80];
        snprintf(row, sizeof(row), "\n| `%s`", sl_provider_at(i)->name);
        snprintf(page, sizeof(page), "\n## %s", sl_provider_at(i)->name);
        if (sl_str_find(docs, sl_str_c(row), 0) < 0 || sl_str_find(docs, sl_str_c(page), 0) < 0) {
            fail_msg("%s: no row or no page in docs/providers.md", sl_provider_at(i)->name);
        }
    }
    sl_buf_done(&buf);
}

static void each_capability_has_a_language(void **state)
{
    (void)state;
    for (size_t i = 0; sl_provider_at(i); i++) {
        for (enum sl_llm_type t = SL_LLM_CHAT; t < SL_LLM_TRANSLATED_COUNT; t++) {
            if ((sl_provider_at(i)->caps & SL_BIT(t)) && !sl_provider_at(i)->languages[t]) {
                fail_msg("%s: no language for %s", sl_provider_at(i)->name, sl_llm_type_name(t));
            }
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_capability_has_a_case),
        cmocka_unit_test(each_provider_has_its_faults),
        cmocka_unit_test(each_provider_has_a_page),
        cmocka_unit_test(each_capability_has_a_language),
    };
    if (argc != 3) {
        fprintf(stderr, "usage: %s GOLDEN PROVIDERS.md\n", argv[0]);
        return 2;
    }
    golden_path = argv[1];
    docs_path = argv[2];
    return cmocka_run_group_tests_name("golden/coverage", tests, NULL, NULL);
}
