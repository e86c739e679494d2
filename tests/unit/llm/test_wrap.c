/* SPDX-License-Identifier: Apache-2.0 */
/* Structured answers that are not objects, for upstreams that need objects as schemas: the wrapper is added, and
 * removed again. */
#include "llm/core/reply.h"
#include "llm/form/wrap.h"
#include "llm/openai/openai.h"
#include "table.h"

#define SAYS(schema)                                                                                              \
    ",'messages':[{'role':'user','content':'hi'}],'response_format':{'type':'json_schema','json_schema':{'name':" \
    "'n','schema':" schema "}}"
#define UP(schema, defs) \
    "{'type':'object','properties':{'value':" schema "},'required':['value']" defs ",'additionalProperties':false}"
#define COHERE(schema)                                                          \
    "{'model':'command-a-03-2025','messages':[{'role':'user','content':'hi'}]," \
    "'response_format':{'type':'json_object','json_schema':" schema "},'max_tokens':8000}"

static void schemas_go_up_inside_an_object(void **state)
{
    (void)state;
    static const struct route cohere = { "cohere", "{'cohere_api_key':'k'}", SL_LLM_CHAT, &sl_dialect_openai };
    static const struct {
        const char *schema, *want; /* NULL: unchanged; "!": refused */
    } rows[] = {
        { "{'type':'object','properties':{'a':{'type':'string'}}}", NULL },
        { "{'type':'array','items':{'type':'string'}}", UP("{'type':'array','items':{'type':'string'}}", "") },
        { "{'type':'string','enum':['a','b']}", UP("{'type':'string','enum':['a','b']}", "") },
        { "{'type':['string','null']}", UP("{'type':['string','null']}", "") },
        { "{'enum':['a']}", UP("{'enum':['a']}", "") },
        { "{'anyOf':[{'type':'string'},{'type':'number'}]}",
          UP("{'anyOf':[{'type':'string'},{'type':'number'}]}", "") },
        { "{'type':'array','items':{'$ref':'#/$defs/x'},'$defs':{'x':{'type':'integer'}}}",
          UP("{'type':'array','items':{'$ref':'#/$defs/x'}}", ",'$defs':{'x':{'type':'integer'}}") },
        { "{'$ref':'#/$defs/x','$defs':{'x':{'type':'array','items':{'type':'string'}}}}",
          UP("{'$ref':'#/$defs/x'}", ",'$defs':{'x':{'type':'array','items':{'type':'string'}}}") },
        { "{'type':'array','items':{'$ref':'#'}}", "!the schema's root must be an object" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct help h;
        struct sl_target target;
        struct sl_call call = { 0 };
        struct sl_http_req req = { 0 };
        struct sl_llm_error error = { 0 };
        char body[2048];
        help_init(&h);
        table_target(&h, &cohere, "command-a-03-2025", &target);
        snprintf(body, sizeof(body), SAYS("%s"), rows[i].schema);
        assert_int_equal(
            help_read(&h, cohere.dialect, SL_LLM_CHAT, table_body(&h, body), "application/json", &call, &error), 0);
        int r = target.provider->build(&call, &target, &h.env, false, &h.arena, &req, &error);
        struct sl_str got = r == 0 ? help_body(&h, &req) : error.message;
        const char *want = rows[i].want ? rows[i].want : rows[i].schema;
        bool is_right = *want == '!' ? r < 0 && sl_str_find(got, sl_str_c(want + 1), 0) >= 0
                                     : r == 0 && sl_str_find(got, quoted(&h, want), 0) >= 0;
        if (!is_right || req.is_wrapped != (rows[i].want && *want != '!')) {
            fail_msg("row %zu: %d %.*s\nwants %s", i, r, SL_STR_ARG(got), want);
        }
        help_target_done(&target);
        help_done(&h);
    }
}

/* --- replies --- */

static const struct {
    const char *text, *want; /* NULL: unchanged */
} texts[] = {
    { "{\"value\":[1,2]}", "[1,2]" },
    { "{ \"value\" :\n \"a}\\\"]b\" }\n", "\"a}\\\"]b\" " },
    { "{\"value\":{\"value\":{}}}", "{\"value\":{}}" },
    { "{\"value\":[[\"]\"],{\"a\":\"{\"}]}", "[[\"]\"],{\"a\":\"{\"}]" },
    { "{\"value\":5}", "5" },
    { "{\"value\":\"\\\\\"}", "\"\\\\\"" },
    { "[1,2]", NULL },
    { "plain words, which are longer than what is held back before it is known that they are plain words", NULL },
    { "{\"val", NULL },
    { "{\"values\":1}", NULL },
    { "{                                                                                          \"value\":1}", NULL },
};

struct gathered {
    struct sl_buf text;
    unsigned n_stops;
};

static int gather(void *arg, const struct sl_delta *delta)
{
    struct gathered *g = arg;
    if (delta->kind == SL_DELTA_BLOCK) {
        assert_int_equal(g->n_stops, 0);
        assert_int_equal(delta->block, 3);
        sl_buf_add_str(&g->text, delta->text);
    }
    g->n_stops += delta->kind != SL_DELTA_BLOCK;
    return 0;
}

/* All text of a stream is there, however it ends. ALIVE: without a heartbeat. */
static void streams_lose_the_object(void **state)
{
    (void)state;
    static const enum sl_delta_kind ends[] = { SL_DELTA_BLOCK_STOP, SL_DELTA_FINISH, SL_DELTA_ERROR, SL_DELTA_ALIVE };
    for (size_t i = 0; i < SL_ARRAY_LEN(texts); i++) {
        for (size_t piece = 1, n = 0; piece < 80; piece += piece < 8 ? 1 : 24, n++) {
            struct sl_unwrap unwrap = { 0 };
            struct gathered g = { .text = SL_BUF_INIT(4096) };
            struct sl_str text = sl_str_c(texts[i].text);
            for (size_t at = 0; at < text.n; at += piece) {
                struct sl_delta delta = {
                    .kind = SL_DELTA_BLOCK, .choice = 1, .block = 3, .text = sl_str_sub(text, at, at + piece)
                };
                assert_int_equal(sl_unwrap_push(&unwrap, &delta, gather, &g), 0);
            }
            struct sl_delta stop = { .kind = ends[n % SL_ARRAY_LEN(ends)], .choice = 1, .block = 3 };
            assert_int_equal(stop.kind == SL_DELTA_ALIVE ? sl_unwrap_end(&unwrap, gather, &g)
                                                         : sl_unwrap_push(&unwrap, &stop, gather, &g),
                             0);
            const char *want = texts[i].want ? texts[i].want : texts[i].text;
            if (!sl_str_eq_c(sl_buf_str(&g.text), want)) {
                fail_msg("row %zu, pieces of %zu: '%.*s'", i, piece, SL_STR_ARG(sl_buf_str(&g.text)));
            }
            assert_int_equal(g.n_stops, stop.kind != SL_DELTA_ALIVE);
            sl_buf_done(&g.text);
        }
    }
}

static void whole_replies_lose_the_object(void **state)
{
    (void)state;
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    for (size_t i = 0; i < SL_ARRAY_LEN(texts); i++) {
        struct sl_block block = { .kind = SL_BLOCK_TEXT, .text = sl_str_c(texts[i].text) };
        struct sl_choice choice = { .blocks = &block, .n_blocks = 1 };
        struct sl_reply reply = { .choices = &choice, .n_choices = 1 };
        assert_int_equal(sl_unwrap_reply(&reply, &arena), 0);
        const char *want = texts[i].want ? texts[i].want : texts[i].text;
        bool is_last = i + 1 == SL_ARRAY_LEN(texts); /* all of it has come, so blanks do not matter */
        if (!sl_str_eq(sl_str_trim(block.text), sl_str_trim(sl_str_c(is_last ? "1" : want)))) {
            fail_msg("row %zu: '%.*s'", i, SL_STR_ARG(block.text));
        }
    }
    sl_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas_go_up_inside_an_object),
        cmocka_unit_test(streams_lose_the_object),
        cmocka_unit_test(whole_replies_lose_the_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
