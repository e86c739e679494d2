/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of MLflow's calls as its server (2.22, pydantic) reads them: what it accepts, and every fault that it reports.
 * The faults are that server's own answers. JSON is written with ` for ", since its messages have '. */
#include "help.h"

#define LOC(loc)                     "`loc`:[`body`," loc "]"
#define FAULT(type, loc, msg, input) "{`type`:`" type "`," LOC(loc) ",`msg`:`" msg "`,`input`:" input "}"
#define FAULT_OF(type, loc, msg, input, ctx) \
    "{`type`:`" type "`," LOC(loc) ",`msg`:`" msg "`,`input`:" input ",`ctx`:" ctx "}"
#define NO_STR(loc, input)  FAULT("string_type", loc, "Input should be a valid string", input)
#define NO_LIST(loc, input) FAULT("list_type", loc, "Input should be a valid list", input)
#define MISSES(loc, input)  FAULT("missing", loc, "Field required", input)

struct row {
    const char *body;
    const char *want; /* what goes up, the model left out; "!": the faults */
};

static struct sl_str unquote(struct help *h, const char *text)
{
    struct sl_str s = sl_arena_dup(&h->arena, sl_str_c(text));
    for (size_t i = 0; i < s.n; i++) {
        ((char *)(uintptr_t)s.p)[i] = s.p[i] == '`' ? '"' : s.p[i];
    }
    return s;
}

/* The body through the reader and a provider that adds nothing but its model. */
static int body_read(struct help *h, enum sl_llm_type type, struct sl_str body, struct sl_str *ret)
{
    struct sl_target target;
    struct sl_call call = { 0 };
    struct sl_http_req req = { 0 };
    struct sl_llm_error error = { 0 };
    assert_int_equal(help_target(h, "openai", "g", "{\"openai_api_key\":\"k\"}", &target), 0);
    int r = help_read(h, &sl_dialect_mlflow, type, body, "application/json", &call, &error);
    if (r < 0) {
        assert_int_equal(error.status, 422);
        *ret = error.detail;
    } else {
        r = target.provider->build(&call, &target, &h->env, false, &h->arena, &req, &error);
        *ret = r == 0 ? help_body(h, &req) : error.message;
    }
    help_target_done(&target);
    return r;
}

/* `before` and `after` stand around each row's body. */
static void rows_check(enum sl_llm_type type, const char *before, const char *after, const struct row *rows, size_t n)
{
    size_t n_wrong = 0;
    for (size_t i = 0; i < n; i++) {
        struct help h;
        help_init(&h);
        struct sl_str got, want = unquote(&h, rows[i].want);
        struct sl_str body = unquote(&h, sl_arena_printf(&h.arena, "%s%s%s", before, rows[i].body, after).p);
        int r = body_read(&h, type, body, &got);
        bool is_refusal = *rows[i].want == '!';
        want = is_refusal ? sl_arena_printf(&h.arena, "[%.*s]", SL_STR_ARG(sl_str_sub(want, 1, want.n))) : want;
        if ((r < 0) != is_refusal || !sl_str_eq(got, want)) {
            printf("row %zu: %s\n gave %d %.*s\n want %.*s\n", i, rows[i].body, r, SL_STR_ARG(got), SL_STR_ARG(want));
            n_wrong++;
        }
        help_done(&h);
    }
    assert_int_equal(n_wrong, 0);
}
#define CHECK(type, before, after, rows) rows_check((type), (before), (after), (rows), SL_ARRAY_LEN(rows))

/* Numbers and booleans come as strings, and as each other. */
static void numbers_and_truths(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "`temperature`:0.5", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`temperature`:0.5}" },
        { "`temperature`:`0.5`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`temperature`:0.5}" },
        { "`temperature`:` 1.5 `", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`temperature`:1.5}" },
        { "`temperature`:`1_0.5`", "!" FAULT_OF("less_than_equal", "`temperature`",
                                                "Input should be less than or equal to 2", "`1_0.5`", "{`le`:2.0}") },
        { "`temperature`:`1e-1`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`temperature`:0.1}" },
        { "`temperature`:true", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`temperature`:1.0}" },
        { "`temperature`:`abc`",
          "!" FAULT("float_parsing", "`temperature`",
                    "Input should be a valid number, unable to parse string as a number", "`abc`") },
        { "`temperature`:2.5", "!" FAULT_OF("less_than_equal", "`temperature`",
                                            "Input should be less than or equal to 2", "2.5", "{`le`:2.0}") },
        { "`temperature`:-1", "!" FAULT_OF("greater_than_equal", "`temperature`",
                                           "Input should be greater than or equal to 0", "-1", "{`ge`:0.0}") },
        { "`temperature`:null", "!" FAULT("float_type", "`temperature`", "Input should be a valid number", "null") },
        { "`temperature`:[]", "!" FAULT("float_type", "`temperature`", "Input should be a valid number", "[]") },
        { "`temperature`:`nan`", "!" FAULT_OF("less_than_equal", "`temperature`",
                                              "Input should be less than or equal to 2", "`nan`", "{`le`:2.0}") },
        { "`temperature`:`inf`", "!" FAULT_OF("less_than_equal", "`temperature`",
                                              "Input should be less than or equal to 2", "`inf`", "{`le`:2.0}") },
        { "`temperature`:`.5`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`temperature`:0.5}" },
        { "`temperature`:`5.`", "!" FAULT_OF("less_than_equal", "`temperature`",
                                             "Input should be less than or equal to 2", "`5.`", "{`le`:2.0}") },
        { "`temperature`:`-0`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`temperature`:-0.0}" },
        { "`temperature`:`1__0`",
          "!" FAULT("float_parsing", "`temperature`",
                    "Input should be a valid number, unable to parse string as a number", "`1__0`") },
        { "`temperature`:{}", "!" FAULT("float_type", "`temperature`", "Input should be a valid number", "{}") },
        { "`temperature`:``", "!" FAULT("float_parsing", "`temperature`",
                                        "Input should be a valid number, unable to parse string as a number", "``") },
        { "`temperature`:`0x1`",
          "!" FAULT("float_parsing", "`temperature`",
                    "Input should be a valid number, unable to parse string as a number", "`0x1`") },
        { "`n`:1", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`n`:1}" },
        { "`n`:1.0", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`n`:1}" },
        { "`n`:1.5", "!" FAULT("int_from_float", "`n`",
                               "Input should be a valid integer, got a number with a fractional part", "1.5") },
        { "`n`:`2`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`n`:2}" },
        { "`n`:`2.00`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`n`:2}" },
        { "`n`:`02`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`n`:2}" },
        { "`n`:`1_0`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`n`:10}" },
        { "`n`:`+2`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`n`:2}" },
        { "`n`:`-2`",
          "!" FAULT_OF("greater_than_equal", "`n`", "Input should be greater than or equal to 1", "`-2`", "{`ge`:1}") },
        { "`n`:`x`", "!" FAULT("int_parsing", "`n`",
                               "Input should be a valid integer, unable to parse string as an integer", "`x`") },
        { "`n`:true", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`n`:1}" },
        { "`n`:false", "!" FAULT_OF("greater_than_equal", "`n`", "Input should be greater than or equal to 1", "false",
                                    "{`ge`:1}") },
        { "`n`:0",
          "!" FAULT_OF("greater_than_equal", "`n`", "Input should be greater than or equal to 1", "0", "{`ge`:1}") },
        { "`n`:null", "!" FAULT("int_type", "`n`", "Input should be a valid integer", "null") },
        { "`n`:[]", "!" FAULT("int_type", "`n`", "Input should be a valid integer", "[]") },
        { "`n`:12345678901234567890",
          "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`n`:12345678901234567890}" },
        { "`n`:`12345678901234567890123`",
          "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`n`:12345678901234567890123}" },
        { "`n`:`1.5`", "!" FAULT("int_parsing", "`n`",
                                 "Input should be a valid integer, unable to parse string as an integer", "`1.5`") },
        { "`n`:1e2", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`n`:100}" },
        { "`n`:1e30", "!" FAULT("int_parsing_size", "`n`",
                                "Unable to parse input string as an integer, exceeded maximum size", "1e+30") },
        { "`n`:` 3 `", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`n`:3}" },
        { "`n`:`3_`", "!" FAULT("int_parsing", "`n`",
                                "Input should be a valid integer, unable to parse string as an integer", "`3_`") },
        { "`n`:``", "!" FAULT("int_parsing", "`n`",
                              "Input should be a valid integer, unable to parse string as an integer", "``") },
        { "`n`:`1e2`", "!" FAULT("int_parsing", "`n`",
                                 "Input should be a valid integer, unable to parse string as an integer", "`1e2`") },
        { "`n`:`-`", "!" FAULT("int_parsing", "`n`",
                               "Input should be a valid integer, unable to parse string as an integer", "`-`") },
        { "`stream`:true", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`stream`:true}" },
        { "`stream`:`yes`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`stream`:true}" },
        { "`stream`:`ON`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`stream`:true}" },
        { "`stream`:`t`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`stream`:true}" },
        { "`stream`:`Y`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`stream`:true}" },
        { "`stream`:`1`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`stream`:true}" },
        { "`stream`:1", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`stream`:true}" },
        { "`stream`:0", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`stream`:false}" },
        { "`stream`:0.0", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`stream`:false}" },
        { "`stream`:1.0", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`stream`:true}" },
        { "`stream`:2",
          "!" FAULT("bool_parsing", "`stream`", "Input should be a valid boolean, unable to interpret input", "2") },
        { "`stream`:`maybe`", "!" FAULT("bool_parsing", "`stream`",
                                        "Input should be a valid boolean, unable to interpret input", "`maybe`") },
        { "`stream`:[]", "!" FAULT("bool_type", "`stream`", "Input should be a valid boolean", "[]") },
        { "`stream`:null", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}]}" },
        { "`stream`:`off`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`stream`:false}" },
        { "`stream`:`F`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`stream`:false}" },
        { "`stream`:`no`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`stream`:false}" },
        { "`stream`:`N`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`stream`:false}" },
        { "`stream`:`0`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`stream`:false}" },
        { "`stream`:`false`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`stream`:false}" },
        { "`stream`:`TRUE`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`stream`:true}" },
        { "`stream`:1.5", "!" FAULT("bool_type", "`stream`", "Input should be a valid boolean", "1.5") },
        { "`stream`:``",
          "!" FAULT("bool_parsing", "`stream`", "Input should be a valid boolean, unable to interpret input", "``") },
        { "`stream`:` true`", "!" FAULT("bool_parsing", "`stream`",
                                        "Input should be a valid boolean, unable to interpret input", "` true`") },
        { "`stop`:[`a`]", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`stop`:[`a`]}" },
        { "`stop`:`a`", "!" NO_LIST("`stop`", "`a`") },
        { "`stop`:null", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}]}" },
        { "`stop`:[1]", "!" NO_STR("`stop`,0", "1") },
        { "`stop`:[]", "!" FAULT_OF("too_short", "`stop`", "List should have at least 1 item after validation, not 0",
                                    "[]", "{`field_type`:`List`,`min_length`:1,`actual_length`:0}") },
        { "`stop`:{}", "!" NO_LIST("`stop`", "{}") },
        { "`stop`:[null]", "!" NO_STR("`stop`,0", "null") },
        { "`max_tokens`:5", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`max_tokens`:5}" },
        { "`max_tokens`:`5`", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`max_tokens`:5}" },
        { "`max_tokens`:0", "!" FAULT_OF("greater_than_equal", "`max_tokens`",
                                         "Input should be greater than or equal to 1", "0", "{`ge`:1}") },
        { "`max_tokens`:-5", "!" FAULT_OF("greater_than_equal", "`max_tokens`",
                                          "Input should be greater than or equal to 1", "-5", "{`ge`:1}") },
        { "`max_tokens`:null", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}]}" },
        { "`max_tokens`:5.0", "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`max_tokens`:5}" },
    };
    CHECK(SL_LLM_CHAT, "{`messages`:[{`role`:`user`,`content`:`hi`}],", "}", rows);
}

static void messages_and_tools(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{`messages`:[]}",
          "!" FAULT_OF("too_short", "`messages`", "List should have at least 1 item after validation, not 0", "[]",
                       "{`field_type`:`List`,`min_length`:1,`actual_length`:0}") },
        { "{`messages`:5}", "!" NO_LIST("`messages`", "5") },
        { "{`messages`:[5]}", "!" FAULT("model_attributes_type", "`messages`,0",
                                        "Input should be a valid dictionary or object to extract fields from", "5") },
        { "{`messages`:[{}]}", "!" MISSES("`messages`,0,`role`", "{}") },
        { "{`messages`:null}", "!" NO_LIST("`messages`", "null") },
        { "{`messages`:[{`role`:5,`content`:`a`}]}", "!" NO_STR("`messages`,0,`role`", "5") },
        { "{`messages`:[{`role`:`user`}]}", "{`model`:`g`,`messages`:[{`role`:`user`}]}" },
        { "{`messages`:[{`role`:`user`,`content`:null}]}", "{`model`:`g`,`messages`:[{`role`:`user`}]}" },
        { "{`messages`:[{`role`:`user`,`content`:5}]}", "!" NO_STR("`messages`,0,`content`,`str`", "5") "," FAULT(
                                                            "list_type",
                                                            "`messages`,0,`content`,`list[tagged-union[TextContentPart,"
                                                            "ImageContentPart,AudioContentPart]]`",
                                                            "Input should be a valid list", "5") },
        { "{`messages`:[{`role`:`user`,`content`:[{`type`:`text`,`text`:`a`}]}]}",
          "{`model`:`g`,`messages`:[{`role`:`user`,`content`:[{`type`:`text`,`text`:`a`}]}]}" },
        { "{`messages`:[{`role`:`user`,`content`:[{`type`:`text`}]}]}",
          "!" FAULT("string_type", "`messages`,0,`content`,`str`", "Input should be a valid string",
                    "[{`type`:`text`}]") "," FAULT("missing",
                                                   "`messages`,0,`content`,`list[tagged-union[TextContentPart,"
                                                   "ImageContentPart,AudioContentPart]]`,0,`text`,`text`",
                                                   "Field required", "{`type`:`text`}") },
        { "{`messages`:[{`role`:`user`,`content`:[{`type`:`video`}]}]}",
          "!" FAULT("string_type", "`messages`,0,`content`,`str`", "Input should be a valid string",
                    "[{`type`:`video`}]") "," FAULT_OF("union_tag_invalid",
                                                       "`messages`,0,`content`,`list[tagged-union["
                                                       "TextContentPart,ImageContentPart,AudioContentPart]]`,0",
                                                       "Input tag 'video' found using 'type' does not match any "
                                                       "of the expected tags: 'text', 'image_url', 'input_audio'",
                                                       "{`type`:`video`}",
                                                       "{`discriminator`:`'type'`,`tag`:`video`,`expected_tags`:`"
                                                       "'text', 'image_url', 'input_audio'`}") },
        { "{`messages`:[{`role`:`user`,`content`:[{}]}]}",
          "!" NO_STR("`messages`,0,`content`,`str`", "[{}]") "," FAULT_OF(
              "union_tag_not_found",
              "`messages`,0,`content`,`list[tagged-union[TextContentPart,"
              "ImageContentPart,AudioContentPart]]`,0",
              "Unable to extract tag using discriminator 'type'", "{}", "{`discriminator`:`'type'`}") },
        { "{`messages`:[{`role`:`user`,`content`:[5]}]}",
          "!" NO_STR("`messages`,0,`content`,`str`",
                     "[5]") "," FAULT("model_attributes_type",
                                      "`messages`,0,`content`,`list[tagged-union[TextContentPart,"
                                      "ImageContentPart,AudioContentPart]]`,0",
                                      "Input should be a valid dictionary or object to extract fields from", "5") },
        { "{`messages`:[{`role`:`user`,`content`:[{`type`:5}]}]}",
          "!" NO_STR("`messages`,0,`content`,`str`",
                     "[{`type`:5}]") "," FAULT_OF("union_tag_invalid",
                                                  "`messages`,0,`content`,`list[tagged-union["
                                                  "TextContentPart,ImageContentPart,AudioContentPart]]`,0",
                                                  "Input tag '5' found using 'type' does not match any of "
                                                  "the expected tags: 'text', 'image_url', 'input_audio'",
                                                  "{`type`:5}",
                                                  "{`discriminator`:`'type'`,`tag`:`5`,`expected_tags`:`'"
                                                  "text', 'image_url', 'input_audio'`}") },
        { "{`messages`:[{`role`:`user`,`content`:[{`type`:[1,{`a`:null}]}]}]}",
          "!" NO_STR("`messages`,0,`content`,`str`",
                     "[{`type`:[1,{`a`:null}]}]") "," FAULT_OF("union_tag_invalid",
                                                               "`messages`,0,`content`,`list[tagged-union["
                                                               "TextContentPart,ImageContentPart,"
                                                               "AudioContentPart]]`,0",
                                                               "Input tag '[1, {'a': None}]' found using "
                                                               "'type' does not match any of the expected "
                                                               "tags: 'text', 'image_url', 'input_audio'",
                                                               "{`type`:[1,{`a`:null}]}",
                                                               "{`discriminator`:`'type'`,`tag`:`[1, {'a': "
                                                               "None}]`,`expected_tags`:`'text', "
                                                               "'image_url', 'input_audio'`}") },
        { "{`messages`:[{`role`:`user`,`content`:[{`type`:`image_url`,`image_url`:{`url`:`u`,`detail`:`"
          "auto`}}]}]}",
          "{`model`:`g`,`messages`:[{`role`:`user`,`content`:[{`type`:`image_url`,`image_url`:{`url`:`u`,`"
          "detail`:`auto`}}]}]}" },
        { "{`messages`:[{`role`:`user`,`content`:[{`type`:`image_url`,`image_url`:{`url`:`u`,`detail`:`x`}}"
          "]}]}",
          "!" FAULT("string_type", "`messages`,0,`content`,`str`", "Input should be a valid string",
                    "[{`type`:`image_url`,`image_url`:{`url`:`u`,`detail`:`x`}}]") "," FAULT_OF("literal_error",
                                                                                                "`messages`,0,`"
                                                                                                "content`,`list["
                                                                                                "tagged-union["
                                                                                                "TextContentPart,"
                                                                                                "ImageContentPart"
                                                                                                ",AudioContentPar"
                                                                                                "t]]`,0,`image_"
                                                                                                "url`,`image_url`"
                                                                                                ",`detail`",
                                                                                                "Input should be "
                                                                                                "'auto', 'low' "
                                                                                                "or 'high'",
                                                                                                "`x`",
                                                                                                "{`expected`:`'"
                                                                                                "auto', 'low' or "
                                                                                                "'high'`}") },
        { "{`messages`:[{`role`:`user`,`content`:[{`type`:`image_url`,`image_url`:5}]}]}",
          "!" NO_STR("`messages`,0,`content`,`str`",
                     "[{`type`:`image_url`,`image_url`:5}]") "," FAULT("model_attributes_type",
                                                                       "`messages`,0,`content`,`list[tagged-"
                                                                       "union[TextContentPart,"
                                                                       "ImageContentPart,AudioContentPart]]`"
                                                                       ",0,`image_url`,`image_url`",
                                                                       "Input should be a valid dictionary "
                                                                       "or object to extract fields from",
                                                                       "5") },
        { "{`messages`:[{`role`:`user`,`content`:[{`type`:`input_audio`,`input_audio`:{`data`:`d`,`format`:"
          "`ogg`}}]}]}",
          "!" FAULT("string_type", "`messages`,0,`content`,`str`", "Input should be a valid string",
                    "[{`type`:`input_audio`,`input_audio`:{`data`:`d`,`format`:`ogg`}}]") "," FAULT_OF("literal_"
                                                                                                       "error",
                                                                                                       "`messages"
                                                                                                       "`,0,`"
                                                                                                       "content`,"
                                                                                                       "`list["
                                                                                                       "tagged-"
                                                                                                       "union["
                                                                                                       "TextConte"
                                                                                                       "ntPart,"
                                                                                                       "ImageCont"
                                                                                                       "entPart,"
                                                                                                       "AudioCont"
                                                                                                       "entPart]]"
                                                                                                       "`,0,`"
                                                                                                       "input_"
                                                                                                       "audio`,`"
                                                                                                       "input_"
                                                                                                       "audio`,`"
                                                                                                       "format`",
                                                                                                       "Input "
                                                                                                       "should "
                                                                                                       "be 'wav' "
                                                                                                       "or 'mp3'",
                                                                                                       "`ogg`",
                                                                                                       "{`"
                                                                                                       "expected`"
                                                                                                       ":`'wav' "
                                                                                                       "or "
                                                                                                       "'mp3'`"
                                                                                                       "}") },
        { "{`messages`:[{`role`:`user`,`content`:[{`type`:`input_audio`,`input_audio`:{`format`:`wav`}}]}]"
          "}",
          "!" FAULT("string_type", "`messages`,0,`content`,`str`", "Input should be a valid string",
                    "[{`type`:`input_audio`,`input_audio`:{`format`:`wav`}}]") "," FAULT("missing",
                                                                                         "`messages`,0,`content`,"
                                                                                         "`list[tagged-union["
                                                                                         "TextContentPart,"
                                                                                         "ImageContentPart,"
                                                                                         "AudioContentPart]]`,0,`"
                                                                                         "input_audio`,`input_"
                                                                                         "audio`,`data`",
                                                                                         "Field required",
                                                                                         "{`format`:`wav`}") },
        { "{`messages`:[{`role`:`assistant`,`content`:null,`tool_calls`:[{`id`:`c`,`function`:{`name`:`f`,`"
          "arguments`:`{}`}}]}]}",
          "{`model`:`g`,`messages`:[{`role`:`assistant`,`tool_calls`:[{`type`:`function`,`id`:`c`,`"
          "function`:{`name`:`f`,`arguments`:`{}`}}]}]}" },
        { "{`messages`:[{`role`:`assistant`,`tool_calls`:[{`id`:5,`type`:`x`,`function`:{`name`:`f`}}]}]}",
          "!" NO_STR("`messages`,0,`tool_calls`,0,`id`",
                     "5") "," MISSES("`messages`,0,`tool_calls`,0,`function`,`arguments`", "{`name`:`f`}") },
        { "{`messages`:[{`role`:`assistant`,`tool_calls`:{}}]}", "!" NO_LIST("`messages`,0,`tool_calls`", "{}") },
        { "{`messages`:[{`role`:`tool`,`tool_call_id`:5,`content`:`a`}]}",
          "!" NO_STR("`messages`,0,`tool_call_id`", "5") },
        { "{`messages`:[{`role`:`user`,`content`:`a`,`refusal`:5}]}", "!" NO_STR("`messages`,0,`refusal`", "5") },
        { "{`messages`:[{`role`:`user`,`content`:`hi`}],`tools`:[]}",
          "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`tools`:[]}" },
        { "{`messages`:[{`role`:`user`,`content`:`hi`}],`tools`:null}",
          "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}]}" },
        { "{`messages`:[{`role`:`user`,`content`:`hi`}],`tools`:{}}", "!" NO_LIST("`tools`", "{}") },
        { "{`messages`:[{`role`:`user`,`content`:`hi`}],`tools`:[5]}",
          "!" FAULT("model_attributes_type", "`tools`,0",
                    "Input should be a valid dictionary or object to extract fields from", "5") },
        { "{`messages`:[{`role`:`user`,`content`:`hi`}],`tools`:[{}]}", "!" MISSES("`tools`,0,`type`", "{}") },
        { "{`messages`:[{`role`:`user`,`content`:`hi`}],`tools`:[{`type`:`function`,`function`:{`name`:`f`}"
          "}]}",
          "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`tools`:[{`type`:`function`,`function`:"
          "{`name`:`f`}}]}" },
        { "{`messages`:[{`role`:`user`,`content`:`hi`}],`tools`:[{`type`:`x`}]}",
          "!" FAULT_OF("literal_error", "`tools`,0,`type`", "Input should be 'function' or 'uc_function'", "`x`",
                       "{`expected`:`'function' or 'uc_function'`}") },
        { "{`messages`:[{`role`:`user`,`content`:`hi`}],`tools`:[{`type`:`function`,`function`:{}}]}",
          "!" MISSES("`tools`,0,`function`,`name`", "{}") },
        { "{`messages`:[{`role`:`user`,`content`:`hi`}],`tools`:[{`type`:`uc_function`,`uc_function`:{`"
          "name`:`a.b.c`}}]}",
          "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`tools`:[{`type`:`uc_function`,`uc_"
          "function`:{`name`:`a.b.c`}}]}" },
        { "{`messages`:[{`role`:`user`,`content`:`hi`}],`tools`:[{`type`:`function`,`function`:{`name`:`f`,"
          "`strict`:`yes`,`parameters`:{`properties`:{}}}}]}",
          "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`tools`:[{`type`:`function`,`function`:"
          "{`name`:`f`,`strict`:true,`parameters`:{`type`:`object`,`properties`:{}}}}]}" },
        { "{`messages`:[{`role`:`user`,`content`:`hi`}],`tools`:[{`type`:`function`,`function`:{`name`:`f`,"
          "`parameters`:{}}}]}",
          "!" MISSES("`tools`,0,`function`,`parameters`,`properties`", "{}") },
        { "{`messages`:[{`role`:`user`,`content`:`hi`}],`tools`:[{`type`:`function`,`function`:{`name`:`f`,"
          "`parameters`:{`type`:`array`,`properties`:{`a`:{`type`:`str`}}}}}]}",
          "!" FAULT_OF("literal_error", "`tools`,0,`function`,`parameters`,`properties`,`a`,`type`",
                       "Input should be 'string', 'number', 'integer', 'object', 'array', 'boolean' or "
                       "'null'",
                       "`str`",
                       "{`expected`:`'string', 'number', 'integer', 'object', 'array', 'boolean' or "
                       "'null'`}") "," FAULT_OF("literal_error", "`tools`,0,`function`,`parameters`,`type`",
                                                "Input should be 'object'", "`array`", "{`expected`:`'object'`}") },
        /* beyond that server: several types, and a schema for additionalProperties */
        { "{`messages`:[{`role`:`user`,`content`:`hi`}],`tools`:[{`type`:`function`,`function`:{`name`:`f`,"
          "`parameters`:{`properties`:{`a`:{`type`:[`string`,`null`],`enum`:[1]},`b`:5},`required`:`a`,`"
          "additionalProperties`:{}}}}]}",
          "!" FAULT("string_type", "`tools`,0,`function`,`parameters`,`properties`,`a`,`enum`,0",
                    "Input should be a valid string",
                    "1") "," FAULT("model_attributes_type", "`tools`,0,`function`,`parameters`,`properties`,`b`",
                                   "Input should be a valid dictionary or object to extract fields from",
                                   "5") "," NO_LIST("`tools`,0,`function`,`parameters`,`required`", "`a`") },
        { "{`messages`:[{`role`:`user`,`content`:`hi`}],`tools`:[{`type`:`function`,`function`:{`name`:`f`,"
          "`parameters`:{`properties`:[],`additionalProperties`:`maybe`}}}]}",
          "!" FAULT("dict_type", "`tools`,0,`function`,`parameters`,`properties`", "Input should be a valid dictionary",
                    "[]") "," FAULT("bool_parsing", "`tools`,0,`function`,`parameters`,`additionalProperties`",
                                    "Input should be a valid boolean, unable to interpret input", "`maybe`") },
        { "{`messages`:[{`role`:`user`,`content`:`hi`}],`tools`:[{`type`:`function`,`function`:{`name`:`f`,"
          "`parameters`:{`properties`:{`a`:{`type`:[],`items`:{`type`:`x`}}}}}}]}",
          "!" FAULT_OF("literal_error", "`tools`,0,`function`,`parameters`,`properties`,`a`,`type`",
                       "Input should be 'string', 'number', 'integer', 'object', 'array', 'boolean' or "
                       "'null'",
                       "[]",
                       "{`expected`:`'string', 'number', 'integer', 'object', 'array', 'boolean' or "
                       "'null'`}") "," FAULT_OF("literal_error",
                                                "`tools`,0,`function`,`parameters`,`properties`,`a`,`items`"
                                                ",`type`",
                                                "Input should be 'string', 'number', 'integer', 'object', "
                                                "'array', 'boolean' or 'null'",
                                                "`x`",
                                                "{`expected`:`'string', 'number', 'integer', 'object', "
                                                "'array', 'boolean' or 'null'`}") },
        { "{}", "!" MISSES("`messages`", "{}") },
        { "{`messages`:[{`role`:`user`,`content`:`hi`}],`n`:0,`n`:2}",
          "{`model`:`g`,`messages`:[{`role`:`user`,`content`:`hi`}],`n`:2}" },
        { "{`model`:5,`messages`:[{`role`:`user`,`content`:`hi`}]}", "!" NO_STR("`model`", "5") },
    };
    CHECK(SL_LLM_CHAT, "", "", rows);
}

static void prompts_and_inputs(void **state)
{
    (void)state;
    static const struct row prompts[] = {
        { "{`prompt`:`a`}", "{`model`:`g`,`prompt`:`a`}" },
        { "{`prompt`:5}", "!" NO_STR("`prompt`", "5") },
        { "{`prompt`:[`a`]}", "!" NO_STR("`prompt`", "[`a`]") },
        { "{`prompt`:null}", "!" NO_STR("`prompt`", "null") },
    };
    CHECK(SL_LLM_COMPLETIONS, "", "", prompts);
    static const struct row inputs[] = {
        { "{`input`:`a`}", "{`model`:`g`,`input`:`a`}" },
        { "{`input`:[`a`,`b`]}", "{`model`:`g`,`input`:[`a`,`b`]}" },
        { "{`input`:[1,2]}", "{`model`:`g`,`input`:[1,2]}" },
        { "{`input`:[[1],[2,3]]}", "{`model`:`g`,`input`:[[1],[2,3]]}" },
        { "{`input`:5}",
          "!" NO_STR("`input`,`str`", "5") "," FAULT(
              "list_type", "`input`,`list[str]`", "Input should be a valid list",
              "5") "," NO_LIST("`input`,`list[int]`", "5") "," NO_LIST("`input`,`list[list[int]]`", "5") },
        { "{`input`:[`a`,1]}",
          "!" NO_STR("`input`,`str`", "[`a`,1]") "," FAULT(
              "string_type", "`input`,`list[str]`,1", "Input should be a valid string",
              "1") "," FAULT("int_parsing", "`input`,`list[int]`,0",
                             "Input should be a valid integer, unable to parse string as an integer",
                             "`a`") "," NO_LIST("`input`,`list[list[int]]`,0",
                                                "`a`") "," NO_LIST("`input`,`list[list[int]]`,1", "1") },
        { "{`input`:[[`a`]]}",
          "!" NO_STR("`input`,`str`", "[[`a`]]") "," FAULT(
              "string_type", "`input`,`list[str]`,0", "Input should be a valid string",
              "[`a`]") "," FAULT("int_type", "`input`,`list[int]`,0", "Input should be a valid integer",
                                 "[`a`]") "," FAULT("int_parsing", "`input`,`list[list[int]]`,0,0",
                                                    "Input should be a valid integer, unable to parse string as an "
                                                    "integer",
                                                    "`a`") },
        { "{`input`:[`1`,`2`]}", "{`model`:`g`,`input`:[`1`,`2`]}" },
        { "{`input`:[1,2.0]}", "{`model`:`g`,`input`:[1,2]}" },
        { "{`input`:[1,`2`]}", "{`model`:`g`,`input`:[1,2]}" },
        { "{`input`:[1,2.5]}",
          "!" NO_STR("`input`,`str`", "[1,2.5]") "," FAULT(
              "string_type", "`input`,`list[str]`,0", "Input should be a valid string",
              "1") "," NO_STR("`input`,`list[str]`,1",
                              "2.5") "," FAULT("int_from_float", "`input`,`list[int]`,1",
                                               "Input should be a valid integer, got a number with a fractional part",
                                               "2.5") "," NO_LIST("`input`,`list[list[int]]`,0",
                                                                  "1") "," NO_LIST("`input`,`list[list[int]]`,1",
                                                                                   "2.5") },
        { "{`input`:[]}", "{`model`:`g`,`input`:[]}" },
        { "{`input`:[[]]}", "{`model`:`g`,`input`:[[]]}" },
        { "{`input`:null}",
          "!" NO_STR("`input`,`str`", "null") "," FAULT(
              "list_type", "`input`,`list[str]`", "Input should be a valid list",
              "null") "," NO_LIST("`input`,`list[int]`", "null") "," NO_LIST("`input`,`list[list[int]]`", "null") },
        { "{`input`:{}}",
          "!" NO_STR("`input`,`str`", "{}") "," FAULT(
              "list_type", "`input`,`list[str]`", "Input should be a valid list",
              "{}") "," NO_LIST("`input`,`list[int]`", "{}") "," NO_LIST("`input`,`list[list[int]]`", "{}") },
        { "{`input`:[[1,`x`],5]}",
          "!" NO_STR("`input`,`str`", "[[1,`x`],5]") "," FAULT(
              "string_type", "`input`,`list[str]`,0", "Input should be a valid string",
              "[1,`x`]") "," NO_STR("`input`,`list[str]`,1",
                                    "5") "," FAULT("int_type", "`input`,`list[int]`,0",
                                                   "Input should be a valid integer",
                                                   "[1,`x`]") "," FAULT("int_parsing", "`input`,`list[list[int]]`,0,1",
                                                                        "Input should be a valid integer, unable to "
                                                                        "parse string as an integer",
                                                                        "`x`") "," NO_LIST("`input`,`list[list[int]]`,"
                                                                                           "1",
                                                                                           "5") },
        { "{`input`:[true]}", "{`model`:`g`,`input`:[1]}" },
        { "{`input`:[[true]]}", "{`model`:`g`,`input`:[[1]]}" },
    };
    CHECK(SL_LLM_EMBEDDINGS, "", "", inputs);
}

/* A body without JSON's content type is a text, which has no fields. */
static void bodies_as_a_whole(void **state)
{
    (void)state;
#define NO_OBJECT(input)                                                                                              \
    "[{`type`:`model_attributes_type`,`loc`:[`body`],`msg`:`Input should be a valid dictionary or object to extract " \
    "fields from`,`input`:" input "}]"
#define MISSING "[{`type`:`missing`,`loc`:[`body`],`msg`:`Field required`,`input`:null}]"
    static const struct {
        const char *type, *body, *want; /* NULL: it is read */
    } rows[] = {
        { "application/json", "{`prompt`:`a`}", NULL },
        { "Application/JSON; charset=utf-8", "{`prompt`:`a`}", NULL },
        { "application/problem+json", "{`prompt`:`a`}", NULL },
        { "", "{`prompt`:`a`}", NULL },
        { "application/json", "\xef\xbb\xbf{`prompt`:`a`}", NULL },
        { "text/plain", "{}", NO_OBJECT("`{}`") },
        { "application", "{}", NO_OBJECT("`{}`") },
        { "application/json/x", "{}", NO_OBJECT("`{}`") },
        { "application/+jso", "{}", NO_OBJECT("`{}`") },
        { "application/json", "", MISSING },
        { "text/plain", "", MISSING },
        { "application/json", "null", MISSING },
        { "application/json", "[]", NO_OBJECT("[]") },
        { "application/json", "`a`", NO_OBJECT("`a`") },
        { "application/json", "{`prompt`:}",
          "[{`type`:`json_invalid`,`loc`:[`body`,10],`msg`:`JSON decode error`,`input`:{},`ctx`:{`error`:`Expecting "
          "value`}}]" },
        { "application/json", "{`prompt`:`a`,`n`:NaN}",
          "[{`type`:`int_type`,`loc`:[`body`,`n`],`msg`:`Input should be a valid integer`,`input`:null}]" },
        { "application/json", "{`prompt`:`\xff`}", "" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct help h;
        struct sl_call call = { 0 };
        struct sl_llm_error error = { 0 };
        help_init(&h);
        int r = help_read(&h, &sl_dialect_mlflow, SL_LLM_COMPLETIONS, unquote(&h, rows[i].body), rows[i].type, &call,
                          &error);
        struct sl_str want = unquote(&h, rows[i].want ? rows[i].want : "");
        if ((r < 0) != (rows[i].want != NULL) || !sl_str_eq(error.detail, want)) {
            fail_msg("row %zu: %d %.*s %.*s", i, r, SL_STR_ARG(error.detail), SL_STR_ARG(error.message));
        }
        help_done(&h);
    }
}

/* If a member is repeated the last one counts, however many there are and however they are written. */
static void the_last_of_two_counts(void **state)
{
    (void)state;
    for (int n = 0; n < 40; n += 13) {
        struct help h;
        help_init(&h);
        struct sl_buf body = SL_BUF_INIT(1 << 16);
        struct sl_str got;
        sl_buf_add_lit(&body, "{\"prompt\":\"first\"");
        for (int i = 0; i < n; i++) {
            sl_buf_printf(&body, ",\"x%d\":1", i);
        }
        sl_buf_add_lit(&body, ",\"pro\\u006dpt\":\"last\"}");
        assert_int_equal(body_read(&h, SL_LLM_COMPLETIONS, sl_buf_str(&body), &got), 0);
        assert_true(sl_str_find(got, SL_STR("\"last\""), 0) > 0);
        assert_true(sl_str_find(got, SL_STR("first"), 0) < 0);
        assert_int_equal(sl_json_parse(&h.scratch, got), 0);
        assert_int_equal(sl_json_count(sl_json_root(&h.scratch)), n + 2); /* and the model */
        sl_buf_done(&body);
        help_done(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_truths),     cmocka_unit_test(messages_and_tools),
        cmocka_unit_test(prompts_and_inputs),     cmocka_unit_test(bodies_as_a_whole),
        cmocka_unit_test(the_last_of_two_counts),
    };
    return cmocka_run_group_tests_name("llm/mlflow_body", tests, NULL, NULL);
}
