/* SPDX-License-Identifier: Apache-2.0 */
/* Writes canonical chats for generateContent, except for the contents themselves. */
#include "llm/core/language.h"
#include "llm/core/llm.h"
#include "llm/form/form.h"
#include "llm/form/params.h"
#include "llm/gemini/gemini.h"

#define STOPS_MAX 5

/* Members beside those that the canonical call has. Unknown ones do not go up, because this upstream refuses them. */
static const struct sl_fate_row fates[] = {
    /* Google's own members, for clients that add them: written below */
    { "top_k", SL_FATE_OWN },
    { "safety_settings", SL_FATE_OWN },
    { "safetySettings", SL_FATE_OWN },
    { "cached_content", SL_FATE_OWN },
    { "cachedContent", SL_FATE_OWN },
    { "thinking_config", SL_FATE_OWN },
    { "thinkingConfig", SL_FATE_OWN },
    { "thinking", SL_FATE_OWN },
    { "labels", SL_FATE_OWN },
    { "google", SL_FATE_OWN },
    { "extra_body", SL_FATE_OWN },
    { "system_prompt", SL_FATE_OWN },
    /* mapped below */
    { "seed", SL_FATE_OWN },
    { "frequency_penalty", SL_FATE_OWN },
    { "presence_penalty", SL_FATE_OWN },
    { "logprobs", SL_FATE_OWN },
    { "top_logprobs", SL_FATE_OWN },
    { "modalities", SL_FATE_OWN },
    { "service_tier", SL_FATE_OWN },
    { "web_search_options", SL_FATE_OWN },
    /* without these the answer would be another one */
    { "audio", SL_FATE_REFUSE },
    { "functions", SL_FATE_REFUSE },
    { "function_call", SL_FATE_REFUSE },
    { "suffix", SL_FATE_REFUSE },
    { "echo", SL_FATE_REFUSE },
    { NULL, SL_FATE_NEVER },
};

static struct sl_jw *jw(struct sl_gemini_builder *b)
{
    return &b->body->w;
}

/* A member that has two names. */
static struct sl_json_val member2(const struct sl_gemini_builder *b, const char *name, const char *other)
{
    struct sl_json_val v = sl_chat_member(b->chat, name);
    return sl_json_is_present(v) ? v : sl_chat_member(b->chat, other);
}

/* Google's own OpenAI-compatible API takes its members in `google`, or in extra_body.google. */
static struct sl_json_val google_member(const struct sl_gemini_builder *b, const char *name)
{
    struct sl_json_val google = sl_chat_member(b->chat, "google");
    if (!sl_json_is_present(google)) {
        google = sl_json_get(sl_chat_member(b->chat, "extra_body"), "google");
    }
    return sl_json_get(google, name);
}

/* --- generationConfig --- */

static void config_key(struct sl_gemini_builder *b, const char *key)
{
    if (!b->is_config_open) {
        sl_jw_key(jw(b), "generationConfig");
        sl_jw_object(jw(b));
        b->is_config_open = true;
    }
    sl_jw_key(jw(b), key);
}

static void config_raw(struct sl_gemini_builder *b, const char *key, struct sl_str json)
{
    config_key(b, key);
    sl_body_raw(b->body, json);
}

static void config_val(struct sl_gemini_builder *b, const char *key, struct sl_json_val v)
{
    if (sl_json_is_present(v)) {
        config_raw(b, key, sl_json_raw(v));
    }
}

static void config_int(struct sl_gemini_builder *b, const char *key, int64_t n)
{
    config_key(b, key);
    sl_jw_i64(jw(b), n);
}

static int stop_write(struct sl_gemini_builder *b)
{
    const struct sl_chat *chat = b->chat;
    uint32_t n = 0;
    for (uint32_t i = 0; i < chat->n_stop; i++) {
        n += chat->stop[i].n > 2; /* an empty one is refused, and stops nothing */
    }
    if (n > STOPS_MAX) {
        return sl_refuse(b->call, b->arena, b->error, "stop", "Invalid value for 'stop': %s models take at most %d.",
                         b->provider->label, STOPS_MAX);
    }
    if (n) {
        config_key(b, "stopSequences");
        sl_jw_array(jw(b));
        for (uint32_t i = 0; i < chat->n_stop; i++) {
            if (chat->stop[i].n > 2) {
                sl_body_raw(b->body, chat->stop[i]);
            }
        }
        sl_jw_end(jw(b));
    }
    return 0;
}

static int logprobs_write(struct sl_gemini_builder *b)
{
    struct sl_json_val wants = sl_chat_member(b->chat, "logprobs"), top = sl_chat_member(b->chat, "top_logprobs");
    int64_t n;
    if (!sl_json_is(wants, SL_JSON_TRUE)) {
        return 0;
    }
    config_raw(b, "responseLogprobs", SL_STR("true"));
    if (sl_json_int(top, true, &n) == 0 && n > 0) {
        config_int(b, "logprobs", n);
    }
    return 0;
}

static int modalities_write(struct sl_gemini_builder *b)
{
    struct sl_json_val modalities = sl_chat_member(b->chat, "modalities");
    bool has_text = false, has_image = false;
    for (struct sl_json_iter it = sl_json_each(modalities); sl_json_next(&it);) {
        has_text |= sl_json_str_eq(it.val, SL_STR("text"));
        has_image |= sl_json_str_eq(it.val, SL_STR("image"));
        if (!sl_json_str_eq(it.val, SL_STR("text")) && !sl_json_str_eq(it.val, SL_STR("image"))) {
            return sl_refuse(b->call, b->arena, b->error, "modalities", "%s models answer with text and images only.",
                             b->provider->label);
        }
    }
    if (has_image) {
        config_raw(b, "responseModalities", has_text ? SL_STR("[\"TEXT\",\"IMAGE\"]") : SL_STR("[\"IMAGE\"]"));
    }
    return 0;
}

static void format_write(struct sl_gemini_builder *b)
{
    const struct sl_chat *chat = b->chat;
    if (chat->format == SL_ANSWER_TEXT) {
        return;
    }
    config_raw(b, "responseMimeType", SL_STR("\"application/json\""));
    if (chat->format == SL_ANSWER_SCHEMA) {
        bool is_json = (b->model->can & SL_MODEL_SCHEMA) != 0;
        config_raw(b, is_json ? "responseJsonSchema" : "responseSchema", chat->schema);
    }
}

/* --- thinking --- */

static const struct {
    const char *level, *two_levels;
    int64_t budget;
} efforts[] = {
    [SL_EFFORT_NONE] = { "MINIMAL", "LOW", 0 },   [SL_EFFORT_MINIMAL] = { "MINIMAL", "LOW", 1024 },
    [SL_EFFORT_LOW] = { "LOW", "LOW", 1024 },     [SL_EFFORT_MEDIUM] = { "MEDIUM", "HIGH", 8192 },
    [SL_EFFORT_HIGH] = { "HIGH", "HIGH", 24576 }, [SL_EFFORT_XHIGH] = { "HIGH", "HIGH", 24576 },
    [SL_EFFORT_MAX] = { "HIGH", "HIGH", 24576 },
};
/* The least budget of a model whose thinking cannot be turned off. */
#define BUDGET_MIN 128

/* The thinking that the call asks for. It is settled before anything is written, because it changes maxOutputTokens. */
struct thinking {
    struct sl_str raw; /* the caller's own thinkingConfig */
    const char *level;
    int64_t budget; /* -1: none given */
    bool is_said, has_thoughts;
};

static void effort_take(struct sl_gemini_builder *b, struct thinking *t, enum sl_effort i)
{
    uint32_t can = b->model->can;
    bool is_off = efforts[i].budget == 0;
    t->is_said = true;
    t->has_thoughts = !is_off;
    if (can & SL_MODEL_EFFORT) {
        t->level = can & SL_MODEL_TWO_EFFORTS ? efforts[i].two_levels : efforts[i].level;
    } else {
        t->budget = is_off && (can & SL_MODEL_ALWAYS_THINKS) ? BUDGET_MIN : efforts[i].budget;
    }
}

static int effort_settle(struct sl_gemini_builder *b, struct thinking *t)
{
    struct sl_str effort = b->chat->effort;
    enum sl_effort i;
    if (!effort.p) {
        return 0;
    }
    int r = sl_form_effort(b->form, effort, &i);
    if (r < 0) {
        return r;
    }
    if (!t->is_said && (b->model->can & SL_MODEL_THINKING)) {
        effort_take(b, t, i);
    } else if (efforts[i].budget || t->is_said) {
        sl_body_leave_out(b->body, SL_STR("reasoning_effort"));
    }
    return 0;
}

/* Reads Anthropic's member, which clients of several providers send: {type, budget_tokens}. */
static void thinking_settle(struct sl_gemini_builder *b, struct thinking *t)
{
    struct sl_json_val own = member2(b, "thinking_config", "thinkingConfig");
    if (!sl_json_is_present(own)) {
        own = google_member(b, "thinking_config");
    }
    if (sl_json_is(own, SL_JSON_OBJECT)) {
        t->is_said = true;
        t->raw = sl_json_raw(own);
        return;
    }
    struct sl_json_val thinking = sl_chat_member(b->chat, "thinking");
    if (!sl_json_is(thinking, SL_JSON_OBJECT)) {
        return;
    }
    int64_t budget = -1;
    bool is_off = sl_json_str_eq(sl_json_get(thinking, "type"), SL_STR("disabled"));
    bool has_budget = sl_json_int(sl_json_get(thinking, "budget_tokens"), true, &budget) == 0 && budget >= 0;
    bool thinks = b->model->can & SL_MODEL_THINKING, has_levels = b->model->can & SL_MODEL_EFFORT;
    if (!thinks && is_off) {
        return;
    }
    if (thinks && sl_json_str_eq(sl_json_get(thinking, "type"), SL_STR("adaptive"))) {
        t->is_said = t->has_thoughts = !b->chat->effort.p; /* the model decides how much, or the effort says it */
        return;
    }
    if (!thinks || (!is_off && !has_budget) || (has_levels && b->chat->effort.p)) {
        sl_body_leave_out(b->body, SL_STR("thinking"));
        return;
    }
    if (has_levels) { /* as for OpenAI's models: a word for how much */
        effort_take(b, t,
                    is_off          ? SL_EFFORT_NONE
                    : budget < 2048 ? SL_EFFORT_LOW
                    : budget < 8192 ? SL_EFFORT_MEDIUM
                                    : SL_EFFORT_HIGH);
        return;
    }
    t->is_said = true;
    t->has_thoughts = !is_off;
    t->budget = !is_off ? budget : b->model->can & SL_MODEL_ALWAYS_THINKS ? BUDGET_MIN : 0;
}

static void thinking_write(struct sl_gemini_builder *b, const struct thinking *t)
{
    if (t->raw.p) {
        config_raw(b, "thinkingConfig", t->raw);
        return;
    }
    if (!t->is_said) {
        return;
    }
    config_key(b, "thinkingConfig");
    sl_jw_object(jw(b));
    if (t->level) {
        sl_jw_member_str(jw(b), "thinkingLevel", sl_str_c(t->level));
    } else if (t->budget >= 0) {
        sl_jw_member_i64(jw(b), "thinkingBudget", t->budget);
    }
    if (t->has_thoughts) {
        sl_jw_member_bool(jw(b), "includeThoughts", true);
    }
    sl_jw_end(jw(b));
}

/* The room for the answer is added to that for thinking, which counts as output here. When both together are more than
 * the model has, the budget is reduced; an answer that alone is too long is cut to the limit. */
static void room_write(struct sl_gemini_builder *b, struct thinking *io_thinking)
{
    int64_t limit = b->model->output, room = b->chat->max_tokens, budget = SL_MAX(io_thinking->budget, (int64_t)0);
    if (room < 0) {
        return;
    }
    if (limit && room > limit) {
        sl_body_leave_out(b->body, SL_STR("max_tokens"));
        room = limit;
    }
    if (limit && room + budget > limit) {
        bool is_always = (b->model->can & SL_MODEL_ALWAYS_THINKS) != 0;
        budget = SL_MAX(limit - room, (int64_t)(is_always ? BUDGET_MIN : 0));
        io_thinking->budget = budget;
        io_thinking->has_thoughts = budget > 0;
    }
    config_int(b, "maxOutputTokens", limit ? SL_MIN(room + budget, limit) : room + budget);
}

static int config_write(struct sl_gemini_builder *b)
{
    const struct sl_chat *chat = b->chat;
    struct thinking thinking = { .budget = -1 };
    thinking_settle(b, &thinking);
    int r = effort_settle(b, &thinking);
    room_write(b, &thinking);
    config_val(b, "temperature", chat->temperature);
    config_val(b, "topP", chat->top_p);
    config_val(b, "topK", sl_chat_member(chat, "top_k"));
    if (chat->n > 1) {
        config_int(b, "candidateCount", chat->n);
    }
    config_val(b, "seed", sl_chat_member(chat, "seed"));
    config_val(b, "presencePenalty", sl_chat_member(chat, "presence_penalty"));
    config_val(b, "frequencyPenalty", sl_chat_member(chat, "frequency_penalty"));
    r = r < 0 ? r : stop_write(b);
    r = r < 0 ? r : logprobs_write(b);
    r = r < 0 ? r : modalities_write(b);
    format_write(b);
    thinking_write(b, &thinking);
    if (b->is_config_open) {
        sl_jw_end(jw(b));
    }
    return r;
}

/* --- the rest --- */

static void tier_write(struct sl_gemini_builder *b)
{
    static const struct {
        struct sl_str from;
        struct sl_str to;
    } tiers[] = {
        { SL_STR_INIT("default"), SL_STR_INIT("\"standard\"") },
        { SL_STR_INIT("standard"), SL_STR_INIT("\"standard\"") },
        { SL_STR_INIT("flex"), SL_STR_INIT("\"flex\"") },
        { SL_STR_INIT("priority"), SL_STR_INIT("\"priority\"") },
    };
    struct sl_json_val tier = sl_chat_member(b->chat, "service_tier");
    if (!sl_json_is_present(tier) || sl_json_str_eq(tier, SL_STR("auto"))) {
        return;
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(tiers) && !b->conf->has_labels; i++) {
        if (sl_json_str_eq(tier, tiers[i].from)) {
            sl_body_member(b->body, "serviceTier", tiers[i].to);
            return;
        }
    }
    sl_body_leave_out(b->body, SL_STR("service_tier"));
}

static void native_write(struct sl_gemini_builder *b)
{
    struct sl_json_val safety = member2(b, "safety_settings", "safetySettings");
    struct sl_json_val cached = member2(b, "cached_content", "cachedContent");
    struct sl_json_val labels = sl_chat_member(b->chat, "labels");
    safety = sl_json_is_present(safety) ? safety : google_member(b, "safety_settings");
    cached = sl_json_is_present(cached) ? cached : google_member(b, "cached_content");
    if (sl_json_is_present(safety)) {
        sl_body_member(b->body, "safetySettings", sl_json_raw(safety));
    }
    if (sl_json_is_present(cached)) {
        sl_body_member(b->body, "cachedContent", sl_json_raw(cached));
    }
    if (sl_json_is_present(labels) && b->conf->has_labels) {
        sl_body_member(b->body, "labels", sl_json_raw(labels));
    } else if (sl_json_is_present(labels)) {
        sl_body_leave_out(b->body, SL_STR("labels"));
    }
}

/* By MLflow's rules only its generic names are allowed. */
static int mlflow_check(struct sl_gemini_builder *b)
{
    static const char *const rows[][2] = {
        { "stopSequences", "stop" },
        { "candidateCount", "n" },
        { "maxOutputTokens", "max_tokens" },
        { "topK", "top_k" },
        { "topP", "top_p" },
        { "frequencyPenalty", "frequency_penalty" },
        { "presencePenalty", "presence_penalty" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows) && b->call->manners->checks_as_mlflow; i++) {
        if (sl_json_is_present(sl_chat_member(b->chat, rows[i][0]))) {
            return sl_refuse(b->call, b->arena, b->error, rows[i][0], "Invalid parameter %s. Use %s instead.",
                             rows[i][0], rows[i][1]);
        }
    }
    int64_t best_of;
    if (sl_json_int(sl_chat_member(b->chat, "best_of"), true, &best_of) == 0 && best_of > 1) {
        return sl_refuse(b->call, b->arena, b->error, "best_of",
                         "%s models give no best of several: 'best_of' must "
                         "be 1.",
                         b->provider->label);
    }
    return 0;
}

/* Leaves out or refuses members that the language cannot express. */
static int members_leave(struct sl_gemini_builder *b)
{
    const struct sl_chat *chat = b->chat;
    if (chat->user.p) {
        sl_body_leave_out(b->body, SL_STR("user"));
    }
    sl_form_names_leave_out(chat, b->body);
    sl_form_marks_leave_out(chat, b->body);
    return sl_chat_members(b->call, chat, b->provider, fates, b->body, b->arena, b->error);
}

static int body_write(struct sl_gemini_builder *b)
{
    sl_jw_object(jw(b));
    int r = sl_gemini_contents_write(b);
    r = r < 0 ? r : sl_gemini_tools_write(b);
    if (r < 0) {
        return r;
    }
    native_write(b);
    tier_write(b);
    r = config_write(b);
    sl_jw_end(jw(b));
    return r < 0 ? r : members_leave(b);
}

static int chat_write(struct sl_form *form, struct sl_chat *chat, const struct sl_target *target)
{
    struct sl_gemini_builder b = { .form = form,
                                   .call = form->call,
                                   .conf = target->conf,
                                   .model = target->row,
                                   .chat = chat,
                                   .env = form->env,
                                   .provider = target->provider,
                                   .arena = form->arena,
                                   .body = form->body,
                                   .error = form->error };
    int r = mlflow_check(&b);
    r = r < 0 ? r : sl_form_call(form, chat);
    r = r < 0 ? r : sl_form_prefill_check(form, chat);
    return r < 0 ? r : body_write(&b);
}

int sl_gemini_chat_write(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                         struct sl_arena *arena, struct sl_http_req *io_req, struct sl_llm_error *ret_error)
{
    const struct sl_gemini_conf *conf = target->conf;
    io_req->target = conf->targets[call->is_stream ? SL_GEMINI_STREAM : SL_GEMINI_GENERATE];
    return sl_form_write(sl_gemini_form(target->row), chat_write, call, target, env, arena, io_req, ret_error);
}
