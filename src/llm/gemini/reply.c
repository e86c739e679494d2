/* SPDX-License-Identifier: Apache-2.0 */
/* Reads whole replies of generateContent to canonical ones. A stream that did not come as events is a list of such
 * replies, and is read as one reply. */
#include "llm/core/google_error.h"
#include "llm/core/language.h"
#include "llm/core/lost.h"
#include "llm/core/reading.h"
#include "llm/form/ids.h"
#include "llm/gemini/gemini.h"

#include <inttypes.h>

/* --- what whole replies and streams share --- */

struct sl_str sl_gemini_arguments(struct sl_json_val call, struct sl_arena *arena)
{
    struct sl_json_val args = sl_json_get(call, "args");
    if (sl_json_is_nothing(args) || (sl_json_is(args, SL_JSON_STRING) && sl_json_tok(args)->len == 0)) {
        return SL_STR("{}");
    }
    bool is_object = sl_json_is(args, SL_JSON_OBJECT);
    struct sl_str raw = sl_json_raw(args);
    struct sl_buf buf = SL_BUF_INIT(raw.n + 16);
    sl_buf_add_c(&buf, is_object ? "" : "{\"input\":");
    sl_json_compact(&buf, raw);
    sl_buf_add_c(&buf, is_object ? "" : "}");
    struct sl_str text = sl_buf_status(&buf) == 0 ? sl_arena_dup(arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    return text;
}

struct sl_str sl_gemini_call_id(struct sl_json_val call, const struct sl_env *env, uint32_t at, struct sl_arena *arena)
{
    struct sl_str id = SL_STR_NONE;
    struct sl_json_val v = sl_json_get(call, "id");
    if (sl_json_is(v, SL_JSON_STRING) && sl_json_tok(v)->len) {
        return sl_json_text(v, arena, &id) < 0 ? SL_STR_NONE : id;
    }
    return sl_arena_printf(arena, SL_GEMINI_MADE_ID "%016" PRIx64 "_%" PRIu32, env->random[0] ^ env->random[1], at);
}

enum sl_finish sl_gemini_finish(struct sl_str word, bool has_call)
{
    static const struct sl_finish_word words[] = {
        { SL_STR_INIT("STOP"), SL_FINISH_STOP },
        { SL_STR_INIT("MAX_TOKENS"), SL_FINISH_LENGTH },
        { SL_STR_INIT("SAFETY"), SL_FINISH_CONTENT_FILTER },
        { SL_STR_INIT("RECITATION"), SL_FINISH_CONTENT_FILTER },
        { SL_STR_INIT("LANGUAGE"), SL_FINISH_CONTENT_FILTER },
        { SL_STR_INIT("BLOCKLIST"), SL_FINISH_CONTENT_FILTER },
        { SL_STR_INIT("PROHIBITED_CONTENT"), SL_FINISH_CONTENT_FILTER },
        { SL_STR_INIT("SPII"), SL_FINISH_CONTENT_FILTER },
        { SL_STR_INIT("MODEL_ARMOR"), SL_FINISH_CONTENT_FILTER },
        { SL_STR_INIT("IMAGE_SAFETY"), SL_FINISH_CONTENT_FILTER },
        { SL_STR_INIT("IMAGE_PROHIBITED_CONTENT"), SL_FINISH_CONTENT_FILTER },
        { SL_STR_INIT("IMAGE_RECITATION"), SL_FINISH_CONTENT_FILTER },
        { { 0 }, SL_FINISH_NONE },
    };
    enum sl_finish finish = sl_finish_find(words, word);
    return has_call && finish == SL_FINISH_STOP ? SL_FINISH_TOOL_CALLS : finish;
}

/* Adds two counts, if at least one is given. */
static int64_t sum(int64_t a, int64_t b)
{
    return a < 0 ? b : b < 0 ? a : a + b;
}

/* Adds the counts of a list by kind ([{"modality":"AUDIO","tokenCount":5}]) to those that are wanted. */
static void kinds_read(struct sl_json_val list, int64_t *io_audio, int64_t *io_image, int64_t *io_video)
{
    const struct {
        struct sl_str kind;
        int64_t *io;
    } wanted[] = {
        { SL_STR("AUDIO"), io_audio },
        { SL_STR("IMAGE"), io_image },
        { SL_STR("VIDEO"), io_video },
    };
    if (!sl_json_is(list, SL_JSON_ARRAY)) {
        return;
    }
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        for (size_t i = 0; i < SL_ARRAY_LEN(wanted); i++) {
            if (wanted[i].io && sl_json_str_eq(sl_json_get(it.val, "modality"), wanted[i].kind)) {
                *wanted[i].io = sum(*wanted[i].io, sl_count_get(it.val, "tokenCount"));
            }
        }
    }
}

void sl_gemini_usage_read(struct sl_json_val v, struct sl_usage *io_usage)
{
    if (!sl_json_is(v, SL_JSON_OBJECT)) {
        return;
    }
    struct sl_usage u = SL_USAGE_NONE;
    u.input = sum(sl_count_get(v, "promptTokenCount"), sl_count_get(v, "toolUsePromptTokenCount"));
    u.reasoning = sl_count_get(v, "thoughtsTokenCount");
    u.output = sum(sl_count_get(v, "candidatesTokenCount"), u.reasoning);
    u.cached_input = sl_count_get(v, "cachedContentTokenCount");
    /* Google's own total sometimes leaves a part out, so the sum is used. */
    u.total = u.input >= 0 && u.output >= 0 ? u.input + u.output : sl_count_get(v, "totalTokenCount");
    if (u.output < 0 && u.input >= 0 && u.total >= u.input) {
        u.output = u.total - u.input;
    }
    kinds_read(sl_json_get(v, "promptTokensDetails"), &u.audio_input, &u.image_input, &u.video_input);
    kinds_read(sl_json_get(v, "toolUsePromptTokensDetails"), &u.audio_input, &u.image_input, &u.video_input);
    kinds_read(sl_json_get(v, "candidatesTokensDetails"), &u.audio_output, &u.image_output, &u.video_output);
    kinds_read(sl_json_get(v, "cacheTokensDetails"), &u.cached_audio, &u.cached_image, NULL);
    *io_usage = u;
}

struct sl_str sl_gemini_block_text(struct sl_json_val feedback, struct sl_arena *arena)
{
    struct sl_str text = SL_STR_NONE, reason = SL_STR_NONE;
    struct sl_json_val message = sl_json_get(feedback, "blockReasonMessage");
    if (sl_json_is(message, SL_JSON_STRING) && sl_json_tok(message)->len) {
        return sl_json_text(message, arena, &text) < 0 ? SL_STR_NONE : text;
    }
    if (sl_json_text(sl_json_get(feedback, "blockReason"), arena, &reason) < 0) {
        reason = SL_STR("no reason given");
    }
    return sl_arena_printf(arena, "The provider blocked the prompt: %.*s", SL_STR_ARG(reason));
}

/* --- whole replies --- */

struct reader {
    const struct sl_call *call;
    const struct sl_env *env;
    struct sl_reading in;
    struct sl_reply *reply;
    uint32_t n_calls;
    bool has_call[SL_GEMINI_CHOICES_MAX];
    bool is_list; /* several replies: the pieces of a stream */
};

/* The index of a candidate; -1: larger than any upstream sends. */
static int index_of(struct reader *rd, struct sl_json_val candidate, uint32_t at)
{
    int64_t index = at;
    SL_IGNORE(sl_json_int(sl_json_get(candidate, "index"), true, &index) < 0); /* if not given, its place counts */
    if (index < 0 || index >= SL_GEMINI_CHOICES_MAX) {
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "a candidate's index is not from 0 to %d",
                                SL_GEMINI_CHOICES_MAX - 1);
        return -1;
    }
    return (int)index;
}

static void part_add(struct reader *rd, struct sl_json_val v, struct sl_choice *choice)
{
    struct sl_gemini_part part;
    struct sl_block block = { 0 };
    sl_gemini_part_read(v, &part);
    switch (part.kind) {
    case SL_GEMINI_THOUGHT:
        block.kind = SL_BLOCK_THINKING;
        block.text = sl_reading_text(&rd->in, part.text);
        break; /* without the thought at its place the signature is of no use, and Google does not need it */
    case SL_GEMINI_TEXT:
        block.text = sl_reading_text(&rd->in, part.text);
        block.signature = sl_reading_text(&rd->in, part.signature);
        break;
    case SL_GEMINI_CALL:
        block.kind = SL_BLOCK_TOOL_CALL;
        block.tool_name = sl_form_name_back(rd->call->aliases,
                                            sl_reading_text(&rd->in, sl_json_get(part.call, "name")));
        block.tool_id = sl_gemini_call_id(part.call, rd->env, rd->n_calls++, rd->in.arena);
        block.arguments = sl_gemini_arguments(part.call, rd->in.arena);
        block.signature = sl_reading_text(&rd->in, part.signature);
        rd->has_call[choice->index] = true;
        if (!block.tool_id.p || !block.arguments.p) {
            sl_reading_no_memory(&rd->in);
        }
        break;
    case SL_GEMINI_IMAGE:
        block.text = sl_gemini_image_text(part.data, rd->in.arena);
        if (!block.text.p) {
            sl_reading_no_memory(&rd->in);
        }
        break;
    case SL_GEMINI_AUDIO:
    case SL_GEMINI_OTHER:
        sl_reading_lose(&rd->in, part.kind == SL_GEMINI_AUDIO ? SL_LOST_AUDIO : SL_LOST_PARTS);
        return;
    }
    choice->blocks[choice->n_blocks++] = block;
}

/* Reads the sources of a candidate's texts. Their places count in all texts together, so they go to the last text.
 * True: some were left out. */
static bool sources_read(struct reader *rd, struct sl_json_val candidate, struct sl_choice *choice)
{
    struct sl_json_val metadata = sl_json_get(candidate, "groundingMetadata");
    struct sl_block *last = NULL;
    bool left_out = false;
    if (sl_json_count(metadata) == 0 || rd->in.status < 0) {
        return false;
    }
    for (uint32_t i = 0; i < choice->n_blocks; i++) {
        last = choice->blocks[i].kind == SL_BLOCK_TEXT ? &choice->blocks[i] : last;
    }
    if (rd->is_list || !last) {
        return true; /* the places in a stream's pieces count in texts that are not all here */
    }
    if (sl_gemini_sources_whole(candidate, rd->in.arena, &last->annotations, &left_out) < 0) {
        sl_reading_no_memory(&rd->in);
    }
    return left_out;
}

static void candidate_read(struct reader *rd, struct sl_json_val candidate, uint32_t at)
{
    int index = sl_json_is(candidate, SL_JSON_OBJECT) ? index_of(rd, candidate, at) : -1;
    if (index < 0) {
        rd->in.status = rd->in.status ? rd->in.status : sl_fail(rd->in.err, SL_E_INVAL, "a candidate is not an object");
        return;
    }
    struct sl_choice *choice = &rd->reply->choices[index];
    struct sl_json_val parts = sl_json_at(candidate, "content.parts");
    for (struct sl_json_iter it = sl_json_each(parts); rd->in.status == 0 && sl_json_next(&it);) {
        part_add(rd, it.val, choice);
    }
    sl_reading_lose(&rd->in,
                    sl_gemini_lost(candidate) | (sources_read(rd, candidate, choice) ? SL_LOST_GROUNDING : 0u));
    if (rd->in.status == 0 &&
        sl_gemini_logprobs(sl_json_get(candidate, "logprobsResult"), rd->in.arena, &choice->logprobs) < 0) {
        sl_reading_no_memory(&rd->in);
    }
    struct sl_str word = sl_reading_text(&rd->in, sl_json_get(candidate, "finishReason"));
    struct sl_str message = sl_reading_text(&rd->in, sl_json_get(candidate, "finishMessage"));
    if (!word.n || choice->finish != SL_FINISH_NONE) {
        return;
    }
    choice->finish_text = word;
    choice->finish = sl_gemini_finish(word, rd->has_call[index]);
    if (choice->n_blocks == 0 && choice->finish == SL_FINISH_OTHER) {
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "the model ended with %.*s and no answer%s%.*s",
                                SL_STR_ARG(word), message.n ? ": " : "", SL_STR_ARG(message));
    } else if (choice->n_blocks == 0 && choice->finish == SL_FINISH_CONTENT_FILTER && message.n) {
        choice->blocks[choice->n_blocks++] = (struct sl_block){ .kind = SL_BLOCK_REFUSAL, .text = message };
    }
}

/* Makes room for all parts of all candidates: `roots` is one reply, or a list of replies. */
static void choices_make(struct reader *rd, struct sl_json_val root)
{
    uint32_t n_parts[SL_GEMINI_CHOICES_MAX] = { 0 }, n = 0;
    bool is_list = sl_json_is(root, SL_JSON_ARRAY);
    struct sl_json_iter it = sl_json_each(root);
    for (bool more = !is_list || sl_json_next(&it); more && rd->in.status == 0; more = is_list && sl_json_next(&it)) {
        struct sl_json_val candidates = sl_json_get(is_list ? it.val : root, "candidates");
        for (struct sl_json_iter c = sl_json_each(candidates); rd->in.status == 0 && sl_json_next(&c);) {
            int index = index_of(rd, c.val, c.index);
            if (index >= 0) {
                n = SL_MAX(n, (uint32_t)index + 1);
                n_parts[index] += sl_json_count(sl_json_at(c.val, "content.parts"));
            }
        }
    }
    n = SL_MAX(n, 1u); /* a blocked prompt becomes an answer */
    struct sl_choice *choices = SL_ARENA_ARRAY(rd->in.arena, struct sl_choice, n);
    for (uint32_t i = 0; choices && i < n; i++) {
        choices[i].index = i;
        choices[i].blocks = SL_ARENA_ARRAY(rd->in.arena, struct sl_block, n_parts[i] + 1);
        choices = choices[i].blocks ? choices : NULL;
    }
    if (!choices) {
        sl_reading_no_memory(&rd->in);
        return;
    }
    rd->reply->choices = choices;
    rd->reply->n_choices = n;
}

static void response_read(struct reader *rd, struct sl_json_val root, bool *io_has_candidates)
{
    struct sl_json_val error = sl_json_get(root, "error");
    if (sl_json_is(error, SL_JSON_OBJECT)) {
        struct sl_llm_error said = { 0 };
        sl_google_error_read(error, 0, rd->in.arena, &said);
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "it is an error: %.*s", SL_STR_ARG(said.message));
        return;
    }
    struct sl_reply *reply = rd->reply;
    struct sl_json_val feedback = sl_json_get(root, "promptFeedback"), candidates = sl_json_get(root, "candidates");
    if (sl_json_count(candidates) == 0 && sl_json_is_present(sl_json_get(feedback, "blockReason")) &&
        reply->choices[0].finish == SL_FINISH_NONE) {
        struct sl_choice *choice = &reply->choices[0];
        struct sl_str text = sl_gemini_block_text(feedback, rd->in.arena);
        choice->blocks[0] = (struct sl_block){ .kind = SL_BLOCK_REFUSAL, .text = text };
        choice->n_blocks = 1;
        choice->finish = SL_FINISH_CONTENT_FILTER;
        *io_has_candidates = true;
    }
    for (struct sl_json_iter it = sl_json_each(candidates); rd->in.status == 0 && sl_json_next(&it);) {
        candidate_read(rd, it.val, it.index);
        *io_has_candidates = true;
    }
    struct sl_str id = sl_reading_text(&rd->in, sl_json_get(root, "responseId"));
    struct sl_str model = sl_reading_text(&rd->in, sl_json_get(root, "modelVersion"));
    reply->id = id.n ? id : reply->id;
    reply->model = model.n ? model : reply->model;
    sl_gemini_usage_read(sl_json_get(root, "usageMetadata"), &reply->usage);
}

static void root_read(struct reader *rd, struct sl_json_val root)
{
    bool has_candidates = false;
    if (!sl_json_is(root, SL_JSON_OBJECT) && !sl_json_is(root, SL_JSON_ARRAY)) {
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "it is not a JSON object");
        return;
    }
    choices_make(rd, root);
    rd->is_list = sl_json_is(root, SL_JSON_ARRAY);
    if (sl_json_is(root, SL_JSON_OBJECT) && rd->in.status == 0) {
        response_read(rd, root, &has_candidates);
    } else {
        for (struct sl_json_iter it = sl_json_each(root); rd->in.status == 0 && sl_json_next(&it);) {
            response_read(rd, it.val, &has_candidates);
        }
    }
    if (rd->in.status == 0 && !has_candidates) {
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "it has no candidates");
    }
}

static void embedding_add(struct reader *rd, struct sl_json_val values, uint32_t index)
{
    struct sl_reply *reply = rd->reply;
    if (!sl_json_is(values, SL_JSON_ARRAY)) {
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "embedding %u has no values", index);
        return;
    }
    reply->embeddings[reply->n_embeddings++] = (struct sl_embedding){ index, sl_json_raw(values) };
}

static void embeddings_read(struct reader *rd, struct sl_json_val root)
{
    struct sl_json_val one = sl_json_get(root, "embedding"), list = sl_json_get(root, "embeddings");
    rd->reply->embeddings = SL_ARENA_ARRAY(rd->in.arena, struct sl_embedding, sl_json_count(list) + 1);
    if (!rd->reply->embeddings) {
        sl_reading_no_memory(&rd->in);
    } else if (sl_json_is(one, SL_JSON_OBJECT)) {
        embedding_add(rd, sl_json_get(one, "values"), 0);
    } else if (!sl_json_is(list, SL_JSON_ARRAY)) {
        rd->in.status = sl_fail(rd->in.err, SL_E_INVAL, "it has no list of embeddings");
    }
    for (struct sl_json_iter it = sl_json_each(list); rd->in.status == 0 && sl_json_next(&it);) {
        embedding_add(rd, sl_json_get(it.val, "values"), it.index);
    }
    sl_gemini_usage_read(sl_json_get(root, "usageMetadata"), &rd->reply->usage);
}

int sl_gemini_on_reply(const struct sl_call *call, const struct sl_env *env, struct sl_str body, struct sl_arena *arena,
                       struct sl_reply *ret_reply, struct sl_err *err)
{
    struct sl_json *doc = env->scratch;
    uint32_t depth = call->type == SL_LLM_EMBEDDINGS ? 3 : 0; /* the numbers stay raw */
    int r = sl_reply_parse(doc, body, depth, err);
    if (r < 0) {
        return r;
    }
    struct sl_reply reply = { .created = -1, .usage = SL_USAGE_NONE };
    struct reader rd = { .call = call, .env = env, .in = SL_READING_REPLY(arena, err), .reply = &reply };
    if (call->type == SL_LLM_EMBEDDINGS) {
        embeddings_read(&rd, sl_json_root(doc));
        if (rd.in.status == 0) {
            rd.in.status = sl_embed_reply(call, env, arena, &reply, err);
        }
    } else {
        root_read(&rd, sl_json_root(doc));
    }
    if (rd.in.status == 0) {
        reply.lost = rd.in.lost;
        *ret_reply = reply;
    }
    return rd.in.status;
}
