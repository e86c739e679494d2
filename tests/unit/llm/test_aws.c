/* SPDX-License-Identifier: Apache-2.0 */
/* Amazon's signatures: the cases of its test suite (a folder each), those of Bedrock and SageMaker, and what one costs.
 * Usage: test_aws FOLDER */
#include "help.h"

#include <dirent.h>
#include <time.h>

#include "base/clock.h"
#include "llm/sign/aws.h"

static const char *folder;

static struct sl_str file_read(struct help *h, const char *name, const char *file)
{
    char path[1024], room[8192];
    snprintf(path, sizeof(path), "%s/%s/%s", folder, name, file);
    FILE *f = fopen(path, "rb");
    if (!f) {
        fail_msg("%s: cannot be opened", path);
    }
    size_t n = fread(room, 1, sizeof(room), f);
    fclose(f);
    assert_true(n < sizeof(room));
    return sl_arena_dup(&h->arena, sl_str_make(room, n));
}

static struct sl_str text_at(struct help *h, const char *path)
{
    struct sl_str text = SL_STR("");
    struct sl_json_val v = sl_json_at(sl_json_root(&h->doc), path);
    if (sl_json_is(v, SL_JSON_STRING)) {
        assert_int_equal(sl_json_text(v, &h->arena, &text), 0);
        text = sl_arena_dup(&h->arena, text);
    }
    return text;
}

static bool flag_at(struct help *h, const char *path)
{
    return sl_json_is(sl_json_at(sl_json_root(&h->doc), path), SL_JSON_TRUE);
}

/* A request as it stands on the wire: its lines may be folded. */
static void request_read(struct help *h, struct sl_str text, struct sl_aws_sign *sign, struct sl_http_req *req)
{
    struct sl_str line, head, rest = text;
    assert_true(sl_str_next(&rest, '\n', &head));
    ptrdiff_t space = sl_str_find_char(head, ' ', 0), tail = sl_str_find(head, SL_STR(" HTTP/1.1"), 0);
    assert_true(space > 0 && tail > space);
    req->method = sl_arena_printf(&h->arena, "%.*s", (int)space, head.p).p;
    req->target = sl_str_sub(head, (size_t)space + 1, (size_t)tail);
    while (sl_str_next(&rest, '\n', &line) && line.n) {
        ptrdiff_t colon = sl_str_find_char(line, ':', 0);
        if (colon < 0 || line.p[0] == ' ') {
            struct sl_header *last = &req->headers.v[req->headers.n - 1];
            last->value = sl_str_make(last->value.p, (size_t)(line.p + line.n - last->value.p));
            continue;
        }
        struct sl_str name = sl_str_sub(line, 0, (size_t)colon), value = sl_str_sub(line, (size_t)colon + 1, line.n);
        if (sl_str_case_eq(name, SL_STR("host"))) {
            sign->host = value;
        } else {
            assert_int_equal(sl_headers_add(&req->headers, &h->arena, name, value), 0);
        }
    }
    if (rest.p && rest.n) {
        req->slices = SL_ARENA_NEW(&h->arena, struct sl_str);
        req->slices[0] = rest;
        req->n_slices = 1;
        req->body_len = rest.n;
    }
}

static void suite_case(void **state)
{
    const char *name = *state;
    struct help h;
    help_init(&h);
    assert_int_equal(sl_json_parse(&h.doc, file_read(&h, name, "context.json")), 0);
    int64_t sec;
    assert_int_equal(sl_parse_instant(text_at(&h, "timestamp"), &sec), 0);
    struct sl_aws_sign sign = {
        .keys = { text_at(&h, "credentials.access_key_id"), text_at(&h, "credentials.secret_access_key"), SL_STR("") },
        .region = text_at(&h, "region"),
        .service = text_at(&h, "service"),
        .wall_usec = (uint64_t)sec * 1000000,
        .keeps_path = !flag_at(&h, "normalize"),
    };
    if (!flag_at(&h, "omit_session_token")) {
        sign.keys.token = text_at(&h, "credentials.token");
    }
    struct sl_http_req req = { 0 };
    request_read(&h, file_read(&h, name, "request.txt"), &sign, &req);
    struct sl_str want = file_read(&h, name, "header-signed-request.txt");
    struct sl_str canonical = file_read(&h, name, "header-canonical-request.txt");
    if (flag_at(&h, "sign_body")) { /* the digest is a header like any other, of what the body is */
        ptrdiff_t at = sl_str_find(canonical, SL_STR("x-amz-content-sha256:"), 0);
        assert_true(at > 0);
        assert_int_equal(sl_headers_add(&req.headers, &h.arena, SL_STR("x-amz-content-sha256"),
                                        sl_str_sub(canonical, (size_t)at + 21, (size_t)at + 21 + 64)),
                         0);
    }
    assert_int_equal(sl_aws_sign(&sign, &h.arena, &req), 0);
    ptrdiff_t from = sl_str_find(want, SL_STR("Authorization:"), 0);
    ptrdiff_t to = sl_str_find_char(want, '\n', (size_t)from);
    assert_true(from > 0 && to > from);
    check_str(sl_headers_get(&req.headers, "authorization"),
              sl_arena_printf(&h.arena, "%.*s", (int)(to - from - 14), want.p + from + 14).p);
    help_done(&h);
}

#define KEY    "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define PING \
    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"ping\"}]}],\"inferenceConfig\":{\"maxTokens\":16}}"
#define MODEL "anthropic.claude-3-haiku-20240307-v1%3A0"
#define ARN   "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus." MODEL

static const struct {
    const char *service, *host, *path, *token, *body, *signature;
} own[] = {
    { "bedrock", "bedrock-runtime.us-east-1.amazonaws.com", "/model/" MODEL "/converse", "", PING,
      "b243fc048908e18b0ba0882497197ff01c082580b0f36fcc790456837c5b5d8a" },
    { "bedrock", "bedrock-runtime.us-east-1.amazonaws.com", "/model/" MODEL "/converse", "EXAMPLESESSIONTOKEN", PING,
      "9102ea5f6a9b133c6521c1c4183e270b543e9d8b8c4cbf69868f15a63036a256" },
    { "bedrock", "bedrock-runtime.us-east-1.amazonaws.com", "/model/" ARN "/converse-stream", "", PING,
      "63b993d41f9b35acde8a77a8764c4acfd62037d8129a00cf7e4d3e9915920442" },
    { "sagemaker", "runtime.sagemaker.us-east-1.amazonaws.com", "/endpoints/demo-endpoint/invocations", "",
      "{\"inputs\":\"ping\"}", "b3ea89e2998bdda62502f9cf26b4811684e3f255f8ffef84e5c033396cc99ebd" },
};

static void request_make(struct help *h, size_t i, struct sl_aws_sign *sign, struct sl_str *body,
                         struct sl_http_req *req)
{
    *sign = (struct sl_aws_sign){
        .keys = { SL_STR(KEY), SL_STR(SECRET), sl_str_c(own[i].token) },
        .region = SL_STR("us-east-1"),
        .service = sl_str_c(own[i].service),
        .host = sl_str_c(own[i].host),
        .wall_usec = 1440938160ULL * 1000000,
    };
    *body = sl_str_c(own[i].body);
    *req = (struct sl_http_req){
        .method = "POST", .target = sl_str_c(own[i].path), .slices = body, .n_slices = 1, .body_len = body->n
    };
    assert_int_equal(sl_headers_add(&req->headers, &h->arena, SL_STR("content-type"), SL_STR("application/json")), 0);
}

/* Signs twice: the second time the day's key exists already. The body is in several slices. */
static void bedrock_and_sagemaker(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    for (size_t k = 0; k < 2 * SL_ARRAY_LEN(own); k++) {
        size_t i = k % SL_ARRAY_LEN(own);
        struct sl_aws_sign sign;
        struct sl_str body, halves[2];
        struct sl_http_req req;
        request_make(&h, i, &sign, &body, &req);
        halves[0] = sl_str_sub(body, 0, 5);
        halves[1] = sl_str_sub(body, 5, body.n);
        req.slices = halves;
        req.n_slices = 2;
        assert_int_equal(sl_aws_sign(&sign, &h.arena, &req), 0);
        struct sl_str got = sl_headers_get(&req.headers, "authorization");
        check_str(sl_str_sub(got, got.n - 64, got.n), own[i].signature);
    }
    help_done(&h);
}

/* Prints it; the limit is far above the usual time (a few microseconds), so that a busy machine does not fail. */
static void it_costs_little(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    uint64_t best = UINT64_MAX;
    for (int round = 0; round < 20; round++) {
        uint64_t from = sl_clock_usec();
        for (int i = 0; i < 100; i++) {
            struct sl_arena_mark mark = sl_arena_mark(&h.arena);
            struct sl_aws_sign sign;
            struct sl_str body;
            struct sl_http_req req;
            request_make(&h, 0, &sign, &body, &req);
            assert_int_equal(sl_aws_sign(&sign, &h.arena, &req), 0);
            sl_arena_rewind(&h.arena, mark);
        }
        best = SL_MIN(best, sl_clock_usec() - from);
    }
    printf("# a signature takes %.2f us\n", (double)best / 100);
    assert_true(best < 100 * 200);
    help_done(&h);
}

static int is_case(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strchr(entry->d_name, '.') == NULL;
}

int main(int argc, char **argv)
{
    struct dirent **entries = NULL;
    folder = argc == 2 ? argv[1] : "";
    int n = scandir(folder, &entries, is_case, alphasort);
    if (n <= 0) {
        fprintf(stderr, "usage: %s FOLDER (of Amazon's cases)\n", argv[0]);
        return 2;
    }
    struct CMUnitTest *tests = calloc((size_t)n + 2, sizeof(*tests));
    for (int i = 0; i < n; i++) {
        tests[i] = (struct CMUnitTest){ .name = entries[i]->d_name,
                                        .test_func = suite_case,
                                        .initial_state = entries[i]->d_name };
    }
    tests[n] = (struct CMUnitTest)cmocka_unit_test(bedrock_and_sagemaker);
    tests[n + 1] = (struct CMUnitTest)cmocka_unit_test(it_costs_little);
    int failed = _cmocka_run_group_tests("llm/aws", tests, (size_t)n + 2, NULL, NULL);
    for (int i = 0; i < n; i++) {
        free(entries[i]);
    }
    free(entries);
    free(tests);
    return failed;
}
