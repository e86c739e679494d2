/* SPDX-License-Identifier: Apache-2.0 */
/* Writes canonical chats for /v2/chat, except for the messages themselves. */
#include "llm/cohere/cohere.h"
#include "llm/core/language.h"
#include "llm/form/form.h"
#include "llm/form/params.h"
#include "llm/form/refuse.h"

#define STOPS_MAX 5

static const struct sl_fate_row fates[] = {
    /* Cohere's own members, for clients that add them */
    { "documents", SL_FATE_PASS },
    { "citation_options", SL_FATE_PASS },
    { "safety_mode", SL_FATE_PASS },
    { "strict_tools", SL_FATE_PASS },
    { "priority", SL_FATE_PASS },
    { "thinking", SL_FATE_OWN },
    { "top_k", SL_FATE_OWN },
    { "k", SL_FATE_PASS },
    { "p", SL_FATE_PASS },
    { "stop_sequences", SL_FATE_OWN },
    /* mapped below */
    { "seed", SL_FATE_PASS },
    { "frequency_penalty", SL_FATE_OWN },
    { "presence_penalty", SL_FATE_OWN },
    { "logprobs", SL_FATE_OWN },
    { "modalities", SL_FATE_OWN },
    { "best_of", SL_FATE_OWN },
    /* without these the answer would be another one */
    { "audio", SL_FATE_REFUSE },
    { "functions", SL_FATE_REFUSE },
    { "function_call", SL_FATE_REFUSE },
    { "suffix", SL_FATE_REFUSE },
    { "echo", SL_FATE_REFUSE },
    { NULL, SL_FATE_NEVER },
};

static struct sl_jw *jw(struct sl_cohere_builder *b)
{
    return &b->body->w;
}

/* --- members that the language does not have --- */

/* Refuses with MLflow's texts, which are for Cohere's older API. For completions, Cohere's own names are refused with
 * 400. */
static int mlflow_check(struct sl_cohere_builder *b)
{
    const struct sl_chat *chat = b->chat;
    if (b->call->type == SL_LLM_COMPLETIONS) {
        static const char *const names[][2] = { { "stop_sequences", "stop" }, { "num_generations", "n" } };
        for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
            if (sl_json_is_present(sl_chat_member(chat, names[i][0]))) {
                int r = sl_refuse(b->call, b->arena, b->error, names[i][0], "Invalid parameter %s. Use %s instead.",
                                  names[i][0], names[i][1]);
                b->error->status = 400;
                return r;
            }
        }
        return 0;
    }
    static const char *const words[] = { [SL_ROLE_SYSTEM] = "system", [SL_ROLE_ASSISTANT] = "assistant" };
    enum sl_role last = chat->n_messages ? chat->messages[chat->n_messages - 1].role : SL_ROLE_USER;
    if (last == SL_ROLE_SYSTEM || last == SL_ROLE_ASSISTANT) {
        return sl_refuse(b->call, b->arena, b->error, "messages", "Last message must be from user, got %s.",
                         words[last]);
    }
    if (chat->n != 1) {
        return sl_refuse(b->call, b->arena, b->error, "n", "Parameter n must be 1 for Cohere chat, got %lld.",
                         (long long)chat->n);
    }
    return 0;
}

static int refusals(struct sl_cohere_builder *b, const struct sl_form *form)
{
    int r = b->call->manners->checks_as_mlflow ? mlflow_check(b) : 0;
    return r < 0 ? r : sl_form_refuse_many(form, b->chat, "Cohere");
}

/* --- tools --- */

/* True: the tool goes up. A named tool goes up alone and is required, because Cohere has no other way to choose it. */
static bool is_sent(const struct sl_cohere_builder *b, const struct sl_tool *tool)
{
    bool is_named = b->chat->choice == SL_CHOICE_NAMED;
    return !tool->is_left_out && (!is_named || sl_str_eq(tool->name, b->chat->choice_name));
}

static bool has_tools(const struct sl_cohere_builder *b)
{
    for (uint32_t i = 0; i < b->chat->n_tools; i++) {
        if (is_sent(b, &b->chat->tools[i])) {
            return true;
        }
    }
    return false;
}

static void tool_write(struct sl_cohere_builder *b, const struct sl_tool *tool)
{
    sl_jw_object(jw(b));
    sl_jw_member_str(jw(b), "type", SL_STR("function"));
    sl_jw_key(jw(b), "function");
    sl_jw_object(jw(b));
    sl_body_member(b->body, "name", tool->name);
    if (tool->description.p) {
        sl_body_member(b->body, "description", tool->description);
    }
    sl_body_member(b->body, "parameters",
                   tool->parameters.p ? tool->parameters : SL_STR("{\"type\":\"object\",\"properties\":{}}"));
    sl_jw_end(jw(b));
    sl_jw_end(jw(b));
    if (sl_str_eq_c(tool->strict, "true")) { /* strict_tools holds for all tools, and takes fewer schemas */
        sl_body_leave_out(b->body, SL_STR("tools.strict"));
    }
}

static int tools_write(struct sl_cohere_builder *b)
{
    const struct sl_chat *chat = b->chat;
    if (chat->parallel == 0) {
        sl_body_leave_out(b->body, SL_STR("parallel_tool_calls"));
    }
    if (!has_tools(b)) {
        return 0;
    }
    sl_jw_key(jw(b), "tools");
    sl_jw_array(jw(b));
    for (uint32_t i = 0; i < chat->n_tools; i++) {
        if (is_sent(b, &chat->tools[i])) {
            tool_write(b, &chat->tools[i]);
        }
    }
    sl_jw_end(jw(b));
    if (chat->choice == SL_CHOICE_NONE) {
        sl_body_member(b->body, "tool_choice", SL_STR("\"NONE\""));
    } else if (chat->choice == SL_CHOICE_REQUIRED || chat->choice == SL_CHOICE_NAMED) {
        sl_body_member(b->body, "tool_choice", SL_STR("\"REQUIRED\""));
    }
    return 0;
}

/* Cohere takes no schema of the answer beside tools or documents. */
static void format_write(struct sl_cohere_builder *b)
{
    const struct sl_chat *chat = b->chat;
    if (chat->format == SL_ANSWER_TEXT) {
        return;
    }
    if (has_tools(b) || sl_json_count(sl_chat_member(chat, "documents")) > 0) {
        sl_body_leave_out(b->body, SL_STR("response_format"));
        return;
    }
    sl_jw_key(jw(b), "response_format");
    sl_jw_object(jw(b));
    sl_jw_member_str(jw(b), "type", SL_STR("json_object"));
    if (chat->format == SL_ANSWER_SCHEMA) {
        sl_body_member(b->body, "json_schema", chat->schema);
    }
    sl_jw_end(jw(b));
}

/* --- thinking --- */

static const struct {
    int64_t budget; /* 0: no thinking, -1: no bound */
} efforts[] = {
    [SL_EFFORT_NONE] = { 0 },      [SL_EFFORT_MINIMAL] = { 1024 }, [SL_EFFORT_LOW] = { 1024 },
    [SL_EFFORT_MEDIUM] = { 4096 }, [SL_EFFORT_HIGH] = { -1 },      [SL_EFFORT_XHIGH] = { -1 },
    [SL_EFFORT_MAX] = { -1 },
};

struct thinking {
    bool is_said;
    int64_t budget; /* as above */
};

/* Reads Cohere's own member; Anthropic's name for the budget is understood too. */
static bool own_settle(struct sl_cohere_builder *b, struct thinking *t)
{
    struct sl_json_val own = sl_chat_member(b->chat, "thinking");
    if (!sl_json_is_present(own)) {
        return false;
    }
    bool is_off = sl_json_str_eq(sl_json_get(own, "type"), SL_STR("disabled"));
    if (!sl_json_is(own, SL_JSON_OBJECT) || !(b->model->can & SL_MODEL_THINKING)) {
        if (!is_off) {
            sl_body_leave_out(b->body, SL_STR("thinking"));
        }
        return true;
    }
    int64_t budget = -1;
    struct sl_json_val said = sl_json_get(own, "token_budget");
    said = sl_json_is_present(said) ? said : sl_json_get(own, "budget_tokens");
    SL_IGNORE(sl_json_int(said, true, &budget) < 0); /* none given */
    t->is_said = true;
    t->budget = is_off ? 0 : budget > 0 ? budget : -1;
    return true;
}

static int thinking_settle(struct sl_cohere_builder *b, struct thinking *t)
{
    struct sl_str effort = b->chat->effort;
    bool has_own = own_settle(b, t);
    enum sl_effort i;
    if (!effort.p) {
        return 0;
    }
    int r = sl_form_effort(b->form, effort, &i);
    if (r < 0) {
        return r;
    }
    if (has_own || !(b->model->can & SL_MODEL_THINKING)) {
        if (has_own || efforts[i].budget != 0) {
            sl_body_leave_out(b->body, SL_STR("reasoning_effort"));
        }
        return 0;
    }
    t->is_said = true;
    t->budget = efforts[i].budget;
    return 0;
}

static void thinking_write(struct sl_cohere_builder *b, const struct thinking *t)
{
    if (!t->is_said) {
        return;
    }
    sl_jw_key(jw(b), "thinking");
    sl_jw_object(jw(b));
    sl_jw_member_str(jw(b), "type", t->budget == 0 ? SL_STR("disabled") : SL_STR("enabled"));
    if (t->budget > 0) {
        sl_jw_member_i64(jw(b), "token_budget", t->budget);
    }
    sl_jw_end(jw(b));
}

/* The caller asked for room for the answer; a budget is added to it. A caller that uses Cohere's own members counts
 * both together, as Cohere does. */
static void room_write(struct sl_cohere_builder *b, const struct thinking *t)
{
    int64_t room = b->chat->max_tokens, limit = b->model->output;
    bool is_own = sl_json_is_present(sl_chat_member(b->chat, "thinking"));
    if (room < 0) {
        return;
    }
    if (limit && room > limit) {
        sl_body_leave_out(b->body, SL_STR("max_tokens"));
        room = limit;
    }
    room += t->budget > 0 && !is_own && room <= SL_USAGE_COUNT_MAX ? t->budget : 0;
    sl_jw_member_i64(jw(b), "max_tokens", limit ? SL_MIN(room, limit) : room);
}

/* --- sampling --- */

/* Writes a number whose range is narrower than OpenAI's: the nearest that Cohere takes. If that is another number,
 * `from` is named. */
static void bounded_write(struct sl_cohere_builder *b, const char *key, const char *from, struct sl_json_val v,
                          double min, double max)
{
    double n;
    if (!sl_json_is(v, SL_JSON_NUMBER)) {
        return;
    }
    if (sl_json_double(v, &n) < 0 || (n >= min && n <= max)) {
        sl_body_member(b->body, key, sl_json_raw(v));
        return;
    }
    if (from) {
        sl_body_leave_out(b->body, sl_str_c(from));
    }
    double bound = n < min ? min : max;
    sl_jw_key(jw(b), key);
    if (bound == (double)(int64_t)bound) {
        sl_jw_i64(jw(b), (int64_t)bound); /* `k` must be written as a whole number */
    } else {
        sl_jw_double(jw(b), bound);
    }
}

/* A negative penalty asks for the opposite of what Cohere has, so it is left out. */
static void penalty_write(struct sl_cohere_builder *b, const char *key)
{
    struct sl_json_val v = sl_chat_member(b->chat, key);
    double n;
    if (sl_json_is(v, SL_JSON_NUMBER) && sl_json_double(v, &n) == 0 && n < 0) {
        sl_body_leave_out(b->body, sl_str_c(key));
        return;
    }
    bounded_write(b, key, key, v, 0, 1);
}

static int stop_write(struct sl_cohere_builder *b)
{
    const struct sl_chat *chat = b->chat;
    struct sl_json_val native = sl_chat_member(chat, "stop_sequences");
    uint32_t n = 0;
    for (uint32_t i = 0; i < chat->n_stop; i++) {
        n += chat->stop[i].n > 2; /* an empty one stops nothing */
    }
    if (n > STOPS_MAX) {
        return sl_refuse(b->call, b->arena, b->error, "stop",
                         "Invalid value for 'stop': Cohere models take at most %d.", STOPS_MAX);
    }
    if (n == 0 && sl_json_is_present(native)) {
        sl_body_member(b->body, "stop_sequences", sl_json_raw(native));
    }
    if (n == 0) {
        return 0;
    }
    sl_jw_key(jw(b), "stop_sequences");
    sl_jw_array(jw(b));
    for (uint32_t i = 0; i < chat->n_stop; i++) {
        if (chat->stop[i].n > 2) {
            sl_body_raw(b->body, chat->stop[i]);
        }
    }
    sl_jw_end(jw(b));
    return 0;
}

static void temperature_write(struct sl_cohere_builder *b)
{
    struct sl_json_val v = b->chat->temperature;
    double t, scale = b->call->manners->temperature_max;
    if (scale > 0 && sl_json_is(v, SL_JSON_NUMBER) && sl_json_double(v, &t) == 0) {
        sl_jw_key(jw(b), "temperature");
        sl_jw_double(jw(b), t / scale);
        return;
    }
    if (sl_json_is_present(v)) { /* unchanged: Cohere itself refuses a value that is too high */
        sl_body_member(b->body, "temperature", sl_json_raw(v));
    }
}

static int sampling_write(struct sl_cohere_builder *b)
{
    const struct sl_chat *chat = b->chat;
    struct sl_json_val top_k = sl_chat_member(chat, "top_k"), logprobs = sl_chat_member(chat, "logprobs");
    temperature_write(b);
    /* 0 and 1 are so near to the bounds that the change is not named */
    bounded_write(b, "p", NULL, chat->top_p, 0.01, 0.99);
    bounded_write(b, "k", "top_k", top_k, 0, 500);
    penalty_write(b, "frequency_penalty");
    penalty_write(b, "presence_penalty");
    if (sl_json_is(logprobs, SL_JSON_TRUE) && !b->call->is_stream) {
        sl_jw_member_bool(jw(b), "logprobs", true);
    } else if (!sl_json_says_nothing(logprobs)) { /* pieces of a stream have no place for probabilities */
        sl_body_leave_out(b->body, SL_STR("logprobs"));
    }
    return stop_write(b);
}

/* --- the whole request --- */

static int body_write(struct sl_cohere_builder *b)
{
    struct thinking thinking = { 0 };
    sl_jw_object(jw(b));
    sl_body_member(b->body, "model", b->conf->model_json);
    int r = sl_cohere_messages_write(b);
    sl_form_names_leave_out(b->chat, b->body);
    sl_form_marks_leave_out(b->chat, b->body);
    r = r < 0 ? r : tools_write(b);
    r = r < 0 ? r : thinking_settle(b, &thinking);
    if (r < 0) {
        return r;
    }
    format_write(b);
    room_write(b, &thinking);
    thinking_write(b, &thinking);
    r = sampling_write(b);
    if (b->chat->user.p) {
        sl_body_leave_out(b->body, SL_STR("user"));
    }
    if (b->call->is_stream) {
        sl_jw_member_bool(jw(b), "stream", true);
    }
    r = r < 0 ? r : sl_chat_members(b->call, b->chat, b->provider, fates, b->body, b->arena, b->error);
    sl_jw_end(jw(b));
    return r;
}

static int chat_write(struct sl_form *form, struct sl_chat *chat, const struct sl_target *target)
{
    struct sl_cohere_builder b = { .form = form,
                                   .call = form->call,
                                   .conf = target->conf,
                                   .model = target->row,
                                   .chat = chat,
                                   .provider = target->provider,
                                   .arena = form->arena,
                                   .body = form->body,
                                   .error = form->error };
    int r = refusals(&b, form);
    r = r < 0 ? r : sl_form_refuse_tools(form, chat);
    r = r < 0 ? r : sl_form_call(form, chat);
    return r < 0 ? r : body_write(&b);
}

int sl_cohere_chat_write(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                         struct sl_arena *arena, struct sl_http_req *io_req, struct sl_llm_error *ret_error)
{
    const struct sl_cohere_conf *conf = target->conf;
    io_req->target = conf->chat;
    return sl_form_write(&sl_cohere_form, chat_write, call, target, env, arena, io_req, ret_error);
}
