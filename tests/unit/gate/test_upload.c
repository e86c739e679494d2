/* SPDX-License-Identifier: Apache-2.0 */
/* Forms with files, as whole exchanges: what goes up, what is tried again, and what is refused. */
#include "gate_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROUTE(name, more)                                                                                             \
    "- name: " name "\n  endpoint_type: llm/v1/transcriptions\n  model: { provider: openai, name: whisper-1, "        \
    "config: { openai_api_key: sk-of-the-gateway, openai_api_base: 'http://127.0.0.1:PORT/v1' } }\n  sluice: { " more \
    " }\n"
#define CONFIG                                                                                                         \
    "server: { spool: /tmp, limits: { spool: 3MiB } }\nendpoints:\n" ROUTE("voice", "retries: 0")                      \
        ROUTE("again", "retries: 2")                                                                                   \
            ROUTE("several",                                                                                           \
                  "retries: 0, balance: ordered, targets: [ { name: model }, { name: other, model: { provider: groq, " \
                  "name: whisper-large, config: { api_key: k, api_base: 'http://127.0.0.1:PORT/v1' } } } ]")

#define PATH        "/v1/audio/transcriptions"
#define PART(name)  "--b\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"
#define FILE_PART   "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n"
#define MODEL(name) PART("model") name "\r\n"
#define LAST        "--b--\r\n"
#define OK(more)    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n" more
#define DONE        OK("Content-Length: 13\r\n\r\n{\"text\":\"hi\"}")
#define BUSY        "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
#define LARGE       600000

static int begin(void **state)
{
    return gate_test_setup(state, CONFIG);
}

/* A form with a file of `size` bytes between two texts. */
static void form_make(struct sl_buf *form, const char *before, size_t size, const char *after)
{
    sl_buf_reset(form);
    sl_buf_add_c(form, before);
    for (size_t i = 0; i < size; i++) {
        sl_buf_add_char(form, (char)('a' + i % 23));
    }
    sl_buf_add_c(form, after);
    assert_int_equal(sl_buf_status(form), 0);
}

/* Sends it, with its length or in chunks, while the gateway's loop turns. */
static void form_send(struct gate_test *g, const char *path, struct sl_str form, bool is_chunked,
                      const char *const *replies)
{
    char head[512];
    snprintf(head, sizeof(head),
             "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: multipart/form-data; "
             "boundary=b\r\n",
             path);
    size_t at = strlen(head);
    snprintf(head + at, sizeof(head) - at,
             is_chunked ? "Transfer-Encoding: chunked\r\n\r\n%zx\r\n" : "Content-Length: %zu\r\n\r\n", form.n);
    gate_test_send(g, head, replies);
    for (at = 0; at < form.n && g->client >= 0;) {
        ssize_t n = write(g->client, form.p + at, SL_MIN(form.n - at, (size_t)50000));
        if (n < 0 && errno != EAGAIN) {
            return; /* it was refused: the reply says why */
        }
        at += n > 0 ? (size_t)n : 0;
        gate_test_turn(g);
    }
    if (is_chunked && g->client >= 0) {
        assert_int_equal(write(g->client, "\r\n0\r\n\r\n", 7), 7);
    }
}

/* The last request's body is the form with another model. */
static void check_went_up(struct gate_test *g, const struct sl_buf *form, const char *model, const char *to)
{
    struct sl_buf want = SL_BUF_INIT(4 << 20);
    ptrdiff_t at = sl_str_find(sl_buf_str(form), sl_str_c(model), 0);
    assert_true(at >= 0);
    sl_buf_add(&want, form->p, (size_t)at);
    sl_buf_add_c(&want, to);
    sl_buf_add(&want, form->p + at + strlen(model), form->len - (size_t)at - strlen(model));
    struct sl_str asked = sl_buf_str(&g->asked);
    ptrdiff_t body = sl_str_find(asked, SL_STR("\r\n\r\n"), 0);
    assert_true(body > 0);
    asked = sl_str_sub(asked, (size_t)body + 4, asked.n);
    if (!sl_str_eq(asked, sl_buf_str(&want))) {
        fail_msg("%zu bytes went up, %zu should have", asked.n, want.len);
    }
    sl_buf_done(&want);
}

static void forms_go_up_as_they_came(void **state)
{
    static const char *const done[] = { DONE, NULL };
    static const struct {
        const char *before, *after, *path;
    } forms[] = {
        { MODEL("voice") FILE_PART, "\r\n" LAST, PATH },
        { FILE_PART, "\r\n" MODEL("voice") LAST, PATH },
        { PART("language") "en\r\n" MODEL("voice") FILE_PART, "\r\n" PART("x") "\r\n" LAST, PATH },
        { FILE_PART, "\r\n" MODEL("voice") LAST, "/openai/deployments/voice/audio/translations" },
    };
    struct gate_test *g = *state;
    struct sl_buf form = SL_BUF_INIT(4 << 20);
    for (size_t i = 0; i < SL_ARRAY_LEN(forms); i++) {
        for (size_t size = 10; size <= LARGE; size *= 60) {
            form_make(&form, forms[i].before, size, forms[i].after);
            form_send(g, forms[i].path, sl_buf_str(&form), false, done);
            gate_test_check(g, forms[i].before, 200, (const char *[]){ "{\"text\":\"hi\"}", NULL }, NULL);
            check_went_up(g, &form, "voice", "whisper-1");
        }
    }
    sl_buf_done(&form);
}

static void a_form_in_chunks_goes_up_in_chunks(void **state)
{
    static const char *const done[] = { DONE, NULL };
    struct gate_test *g = *state;
    struct sl_buf form = SL_BUF_INIT(4 << 20);
    form_make(&form, MODEL("voice") FILE_PART, LARGE, "\r\n" LAST);
    form_send(g, PATH, sl_buf_str(&form), true, done);
    gate_test_check(g, "chunks", 200, (const char *[]){ "hi", NULL }, NULL);
    assert_true(sl_str_find(sl_buf_str(&g->asked), SL_STR("Transfer-Encoding: chunked\r\n"), 0) > 0);
    assert_true(g->asked.len > LARGE);
    /* a form whose model comes last is complete by then */
    form_make(&form, FILE_PART, LARGE, "\r\n" MODEL("voice") LAST);
    form_send(g, PATH, sl_buf_str(&form), true, done);
    gate_test_check(g, "chunks", 200, (const char *[]){ "hi", NULL }, NULL);
    sl_buf_done(&form);
}

static void a_model_is_added_where_the_path_names_the_route(void **state)
{
    static const char *const done[] = { DONE, NULL };
    static const char *const begins[] = { FILE_PART, "\r\n" FILE_PART };
    struct gate_test *g = *state;
    struct sl_buf form = SL_BUF_INIT(4 << 20);
    for (size_t i = 0; i < SL_ARRAY_LEN(begins); i++) {
        form_make(&form, begins[i], 100, "\r\n" LAST);
        form_send(g, "/openai/deployments/voice/audio/transcriptions", sl_buf_str(&form), false, done);
        gate_test_check(g, begins[i], 200, (const char *[]){ "hi", NULL }, NULL);
        assert_true(sl_str_find(sl_buf_str(&g->asked), SL_STR("\r\n" PART("model") "whisper-1\r\n" FILE_PART), 0) > 0);
    }
    sl_buf_done(&form);
}

static void what_is_there_still_is_tried_again(void **state)
{
    static const char *const busy[] = { BUSY, DONE, NULL };
    static const struct {
        const char *before, *after, *model, *to;
        size_t size;
        int status;
    } rows[] = {
        { MODEL("again") FILE_PART, "\r\n" LAST, "again", "whisper-1", 1000, 200 },
        { MODEL("again") FILE_PART, "\r\n" LAST, "again", "whisper-1", LARGE, 503 }, /* it was released */
        { FILE_PART, "\r\n" MODEL("again") LAST, "again", "whisper-1", LARGE, 200 }, /* it is in a file */
        { MODEL("several") FILE_PART, "\r\n" LAST, "several", "whisper-large", LARGE, 200 },
        { MODEL("voice") FILE_PART, "\r\n" LAST, "voice", "whisper-1", 1000, 503 },
    };
    struct gate_test *g = *state;
    struct sl_buf form = SL_BUF_INIT(4 << 20);
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        form_make(&form, rows[i].before, rows[i].size, rows[i].after);
        form_send(g, PATH, sl_buf_str(&form), false, busy);
        gate_test_check(g, rows[i].before, rows[i].status, (const char *[]){ NULL }, NULL);
        assert_int_equal(g->n_asked, rows[i].status == 200 ? 2 : 1);
        check_went_up(g, &form, rows[i].model, rows[i].to);
    }
    sl_buf_done(&form);
}

static void forms_are_refused(void **state)
{
    static const struct {
        const char *form;
        int status;
        const char *has[2];
    } forms[] = {
        { FILE_PART "x\r\n" LAST, 400, { "no part `model`" } },
        { MODEL("") LAST, 400, { "is empty" } },
        { MODEL("none") LAST, 404, { "model_not_found" } },
        { PART("model") "voice\r\n" MODEL("voice") LAST, 400, { "two parts `model`" } },
        { MODEL("voice") FILE_PART "x", 400, { "before its closing boundary" } },
        { MODEL("voice") LAST "x", 400, { "behind its closing boundary" } },
        { "--c\r\n", 400, { "does not begin with the boundary" } },
        { "--b\r\nContent-Disposition: form-data; name=\"model\"; filename=\"f\"\r\n\r\nx\r\n" LAST,
          400,
          { "is a file" } },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(forms); i++) {
        form_send(*state, PATH, sl_str_c(forms[i].form), false, NULL);
        gate_test_check(*state, forms[i].form, forms[i].status, forms[i].has, NULL);
    }
    static const struct {
        const char *headers;
        int status;
        const char *has[2];
    } heads[] = {
        { "Content-Type: multipart/form-data\r\nContent-Length: 5\r\n", 400, { "names no boundary" } },
        { "Content-Type: text/plain\r\nContent-Length: 5\r\n", 415, { "multipart/form-data, or JSON" } },
        { "Content-Type: multipart/form-data; boundary=b\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n",
          415,
          { "may not be compressed" } },
        { "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 99999999999\r\n",
          413,
          { "server.limits.form allows (512MiB)" } },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(heads); i++) {
        gate_test_call(*state, "POST", PATH, heads[i].headers, NULL, NULL);
        gate_test_check(*state, heads[i].headers, heads[i].status, heads[i].has, NULL);
    }
}

static void a_form_that_breaks_on_its_way_takes_its_request_along(void **state)
{
    struct gate_test *g = *state;
    struct sl_buf form = SL_BUF_INIT(4 << 20);
    form_make(&form, MODEL("voice") FILE_PART, LARGE, "\r\n" MODEL("voice") "--b");
    form_send(g, PATH, sl_buf_str(&form), false, NULL);
    gate_test_check(g, "twice", 400, (const char *[]){ "two parts `model`", NULL }, NULL);
    /* at most server.limits.spool for all forms */
    form_make(&form, FILE_PART, 3500000, "\r\n" MODEL("voice") LAST);
    form_send(g, PATH, sl_buf_str(&form), false, NULL);
    gate_test_check(g, "too many", 503, (const char *[]){ "server.limits.spool", NULL }, NULL);
    assert_int_equal(atomic_load(&g->gate.spool.used), 0);
    sl_buf_done(&form);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_go_up_as_they_came),
        cmocka_unit_test(a_form_in_chunks_goes_up_in_chunks),
        cmocka_unit_test(a_model_is_added_where_the_path_names_the_route),
        cmocka_unit_test(what_is_there_still_is_tried_again),
        cmocka_unit_test(forms_are_refused),
        cmocka_unit_test(a_form_that_breaks_on_its_way_takes_its_request_along),
    };
    return cmocka_run_group_tests(tests, begin, gate_test_teardown);
}
