/* SPDX-License-Identifier: Apache-2.0 */
/* Bedrock's replies: a whole reply (a text that begins with '{'), else the frames of a stream, one on each line: the
 * name of an event, or with a '!' before it that of an exception, then a blank and its JSON. fuzz_aws_event.c covers
 * checksums. The first byte's highest bit is the dialect. */
#include "llm_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void whole_fuzz(struct llm_fuzz *f, const struct sl_language *language, const struct sl_dialect *dialect,
                       struct sl_str text)
{
    struct sl_call call = { .type = SL_LLM_CHAT, .manners = dialect->manners };
    struct sl_reply reply = { 0 };
    struct sl_llm_error error = { 0 };
    struct sl_err err = { 0 };
    struct sl_buf out = SL_BUF_INIT(1 << 24);
    for (enum sl_llm_type t = SL_LLM_CHAT; t <= SL_LLM_COMPLETIONS; t++) {
        call.type = t;
        sl_buf_reset(&out);
        if (language->read_reply(&call, &f->env, text, &f->arena, &reply, &err) == 0 &&
            dialect->language->write_reply(&call, &reply, &f->env, &out) == 0) {
            llm_fuzz_check_json(sl_buf_str(&out));
        }
    }
    language->read_error(400, NULL, text, &f->arena, &error);
    error.status = 400;
    sl_buf_reset(&out);
    dialect->language->write_error(&error, &out);
    llm_fuzz_check_json(sl_buf_str(&out));
    sl_buf_done(&out);
}

static void stream_fuzz(struct llm_fuzz *f, const struct sl_language *language, const struct sl_dialect *dialect,
                        struct sl_str text)
{
    struct llm_fuzz_stream s = { .f = f, .upstream = language, .dialect = dialect };
    s.call = (struct sl_call){
        .type = SL_LLM_CHAT, .manners = dialect->manners, .is_stream = true, .wants_usage = true
    };
    s.provider_state = calloc(1, language->read_state_size);
    s.dialect_state = calloc(1, dialect->language->write_state_size);
    sl_buf_init(&s.out, 1 << 24);
    if (dialect->language->write_begin) {
        dialect->language->write_begin(s.dialect_state, &s.call, 1 << 24);
    }
    struct sl_str rest = text, line;
    int r = s.provider_state && s.dialect_state ? 0 : SL_E_NOMEM;
    while (r == 0 && sl_str_next(&rest, '\n', &line)) {
        bool is_exception = line.n && line.p[0] == '!';
        ptrdiff_t space = sl_str_find_char(line, ' ', 0);
        struct sl_frame frame = { .name = sl_str_sub(line, is_exception, space < 0 ? line.n : (size_t)space),
                                  .data = space < 0 ? SL_STR("") : sl_str_sub(line, (size_t)space + 1, line.n),
                                  .kind = is_exception ? SL_STR("exception") : SL_STR("event") };
        r = llm_fuzz_on_frame(&s, &frame);
    }
    struct sl_delta_sink sink = { llm_fuzz_on_delta, &s, &f->arena, &f->scratch, &f->env };
    struct sl_err err = { 0 };
    r = r < 0 ? r : language->on_end(s.provider_state, &sink, &err);
    if (r == 0) {
        dialect->language->write_end(s.dialect_state, &s.out);
    }
    struct sl_frames check;
    sl_frames_init(&check, SL_FRAMING_SSE, SL_SSE_EVENT_MAX, llm_fuzz_check_event, NULL);
    SL_ASSERT(sl_frames_push(&check, sl_buf_str(&s.out)) == 0 && sl_frames_finish(&check) == 0);
    sl_frames_done(&check);
    sl_buf_done(&s.out);
    free(s.provider_state);
    if (dialect->language->write_done) {
        dialect->language->write_done(s.dialect_state);
    }
    free(s.dialect_state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    const struct sl_dialect *dialect = data[0] & 0x80 ? &sl_dialect_mlflow : &sl_dialect_openai;
    const struct sl_language *language = sl_provider_find(SL_STR("bedrock"))->languages[SL_LLM_CHAT];
    struct sl_str text = sl_str_make((const char *)data + 1, size - 1);
    struct llm_fuzz f;
    llm_fuzz_init(&f);
    (text.p[0] == '{' ? whole_fuzz : stream_fuzz)(&f, language, dialect, text);
    llm_fuzz_done(&f);
    return 0;
}
