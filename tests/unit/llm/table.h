/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of whole bodies: what goes up for a call, and what becomes of a reply. JSON in them has ' for ", so that a row
 * can be read. Reports all rows that are wrong, with the actual result. */
#ifndef SL_TEST_LLM_TABLE_H
#define SL_TEST_LLM_TABLE_H

#include "help.h"
#include "llm/core/cred.h"
#include "llm/core/language.h"
#include "llm/core/target.h"

/* The route for the rows of a table. */
struct route {
    const char *provider, *config;
    enum sl_llm_type type;
    const struct sl_dialect *dialect;
};

struct sent {
    const char *model;
    const char *body;    /* a client's; {'model':'r', is put before it where it begins with a comma */
    const char *want;    /* the body that goes up; "!text": refused, with that in its message */
    const char *dropped; /* x-sluice-dropped; NULL: nothing */
    const char *path;    /* NULL: not looked at */
};

struct told {
    const char *model, *body; /* the call */
    const char *up;           /* the upstream's body, or its stream */
    const char *want;         /* the client's; "!text": what err says; "*text": a piece of it */
};

static inline struct sl_str quoted(struct help *h, const char *text)
{
    struct sl_str s = sl_arena_dup(&h->arena, sl_str_c(text));
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\'') {
            ((char *)(uintptr_t)s.p)[i] = '"';
        }
    }
    return s;
}

static inline struct sl_str table_body(struct help *h, const char *body)
{
    struct sl_str s = quoted(h, body);
    return *body == ',' ? sl_arena_printf(&h->arena, "{\"model\":\"r\"%.*s}", SL_STR_ARG(s)) : s;
}

static inline void table_target(struct help *h, const struct route *route, const char *model, struct sl_target *target)
{
    static const struct sl_cred fetched = { .parts = { SL_STR_INIT("Bearer t") } };
    if (help_target(h, route->provider, model, quoted(h, route->config).p, target) < 0) {
        fail_msg("%s, %s: %.*s", route->provider, model, SL_STR_ARG(h->problems.v[0].text));
    }
    h->env.credential = target->cred ? &fetched : NULL;
    h->model = target->model;
}

/* True: the row is right. Else prints the actual result. */
static inline bool sent_is_right(const struct route *route, size_t i, const struct sent *row)
{
    struct help h;
    struct sl_target target;
    struct sl_call call = { 0 };
    struct sl_http_req req = { 0 };
    struct sl_llm_error error = { 0 };
    help_init(&h);
    table_target(&h, route, row->model, &target);
    int r = help_read(&h, route->dialect, route->type, table_body(&h, row->body), "application/json", &call, &error);
    r = r < 0 ? r : target.provider->build(&call, &target, &h.env, false, &h.arena, &req, &error);
    struct sl_str got = r == 0 ? help_body(&h, &req) : error.message.n ? error.message : error.detail;
    bool is_right = *row->want == '!' ? r < 0 && sl_str_find(got, sl_str_c(row->want + 1), 0) >= 0
                                      : r == 0 && sl_str_eq(got, quoted(&h, row->want)) &&
                                            sl_str_eq_c(req.dropped, row->dropped ? row->dropped : "");
    is_right &= !row->path || sl_str_eq_c(req.target, row->path);
    if (!is_right) {
        printf("row %zu, %s: %s\n gave %d %.*s\n want %s\n left out '%.*s', to %.*s\n", i, row->model, row->body, r,
               SL_STR_ARG(got), row->want, SL_STR_ARG(req.dropped), SL_STR_ARG(req.target));
    }
    help_target_done(&target);
    help_done(&h);
    return is_right;
}

static inline void sent_check(const struct route *route, const struct sent *rows, size_t n)
{
    size_t n_wrong = 0;
    for (size_t i = 0; i < n; i++) {
        n_wrong += !sent_is_right(route, i, &rows[i]);
    }
    assert_int_equal(n_wrong, 0);
}
#define SENT(route, rows) sent_check((route), (rows), SL_ARRAY_LEN(rows))

static inline bool told_fits(struct help *h, const char *want, int r, struct sl_str got, struct sl_str said)
{
    struct sl_str text = quoted(h, want + (*want == '!' || *want == '*'));
    return *want == '!'   ? r < 0 && sl_str_find(said, sl_str_c(want + 1), 0) >= 0
           : *want == '*' ? r == 0 && sl_str_find(got, text, 0) >= 0
                          : r == 0 && sl_str_eq(got, text);
}

static inline bool reply_is_right(const struct route *route, size_t i, const struct told *row,
                                  const struct sl_headers *headers)
{
    struct help h;
    struct sl_target target;
    struct sl_call call = { 0 };
    struct sl_llm_error error = { 0 };
    struct sl_reply reply = { 0 };
    struct sl_err err = { 0 };
    struct sl_buf out = SL_BUF_INIT(1 << 20);
    help_init(&h);
    table_target(&h, route, row->model, &target);
    h.env.upstream_headers = headers;
    int r = help_read(&h, route->dialect, route->type, table_body(&h, row->body), "application/json", &call, &error);
    assert_int_equal(r, 0);
    r = target.languages[route->type]->read_reply(&call, &h.env, quoted(&h, row->up), &h.arena, &reply, &err);
    reply.model = reply.model.n ? reply.model : target.model;
    r = r < 0 ? r : route->dialect->language->write_reply(&call, &reply, &h.env, &out);
    bool is_right = told_fits(&h, row->want, r, sl_buf_str(&out), sl_str_c(err.text));
    if (!is_right) {
        printf("row %zu: %s\n gave %d %s%.*s\n want %s\n", i, row->up, r, r < 0 ? err.text : "",
               SL_STR_ARG(sl_buf_str(&out)), row->want);
    }
    sl_buf_done(&out);
    help_target_done(&target);
    help_done(&h);
    return is_right;
}

static inline void reply_check(const struct route *route, const struct told *rows, size_t n,
                               const struct sl_headers *headers)
{
    size_t n_wrong = 0;
    for (size_t i = 0; i < n; i++) {
        n_wrong += !reply_is_right(route, i, &rows[i], headers);
    }
    assert_int_equal(n_wrong, 0);
}
#define REPLIES(route, rows, headers) reply_check((route), (rows), SL_ARRAY_LEN(rows), (headers))

/* A stream of OpenAI's in short: "index delta finish;" of each chunk, other events as they are. */
static inline struct sl_str stream_short(struct help *h, struct sl_str stream)
{
    struct sl_buf out = SL_BUF_INIT(1 << 20);
    struct sl_str line;
    while (sl_str_next(&stream, '\n', &line)) {
        struct sl_str data = sl_str_has_prefix(line, SL_STR("data: ")) ? sl_str_sub(line, 6, line.n) : SL_STR_NONE;
        bool is_json = data.n && sl_json_parse(&h->scratch, data) == 0;
        struct sl_json_val choice = is_json ? sl_json_at(sl_json_root(&h->scratch), "choices[0]") : SL_JSON_ABSENT;
        if (is_json && sl_json_is(choice, SL_JSON_OBJECT)) {
            sl_buf_add_str(&out, sl_json_raw(sl_json_get(choice, "index")));
            sl_buf_add_char(&out, ' ');
            sl_buf_add_str(&out, sl_json_raw(sl_json_get(choice, "delta")));
            sl_buf_add_char(&out, ' ');
            sl_buf_add_str(&out, sl_json_raw(sl_json_get(choice, "finish_reason")));
        } else {
            sl_buf_add_str(&out, data);
        }
        sl_buf_add_c(&out, data.n ? "; " : "");
    }
    struct sl_str text = sl_arena_dup(&h->arena, sl_buf_str(&out));
    sl_buf_done(&out);
    return text;
}

/* A stream in pieces of 1, 3 and all bytes. `want` is its short form, or "*" and a piece of it as it is. "!": on_frame
 * or on_end failed; then it is not compared. */
static inline bool bytes_are_right(const struct route *route, size_t i, const struct told *row, struct sl_str bytes)
{
    static const size_t pieces[] = { 1, 3, SIZE_MAX / 2 };
    bool is_right = true;
    for (size_t k = 0; is_right && k < SL_ARRAY_LEN(pieces); k++) {
        struct help h;
        struct sl_target target;
        struct sl_call call = { 0 };
        struct sl_llm_error error = { 0 };
        struct sl_str got;
        help_init(&h);
        table_target(&h, route, row->model, &target);
        struct sl_str body = table_body(&h, row->body);
        assert_int_equal(help_read(&h, route->dialect, route->type, body, "application/json", &call, &error), 0);
        int r = help_stream(&h, target.languages[route->type], route->dialect, &call, bytes, pieces[k], &got);
        got = *row->want == '*' ? got : stream_short(&h, got);
        is_right = *row->want == '!' ? r < 0 : told_fits(&h, row->want, r, got, SL_STR(""));
        if (!is_right) {
            printf("row %zu, pieces of %zu: %s\n gave %d %.*s\n want %s\n", i, pieces[k], row->up, r, SL_STR_ARG(got),
                   row->want);
        }
        help_target_done(&target);
        help_done(&h);
    }
    return is_right;
}

static inline void stream_check(const struct route *route, const struct told *rows, size_t n)
{
    size_t n_wrong = 0;
    for (size_t i = 0; i < n; i++) {
        struct help h;
        help_init(&h);
        n_wrong += !bytes_are_right(route, i, &rows[i], quoted(&h, rows[i].up));
        help_done(&h);
    }
    assert_int_equal(n_wrong, 0);
}
#define STREAMS(route, rows) stream_check((route), (rows), SL_ARRAY_LEN(rows))

#endif
