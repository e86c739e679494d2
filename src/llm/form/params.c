/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/form/params.h"

/* --- parameters --- */

#define BUDGET      SL_BIT(0) /* the call asks for reasoning, by a budget */
#define ADAPTIVE    SL_BIT(1)
#define FORCED      SL_BIT(2)
#define PREFILL     SL_BIT(3) /* the last message is an assistant's */
#define UNSIGNED    SL_BIT(4) /* the assistant's current turn has lost its reasoning */
#define TEMPERATURE SL_BIT(5)
#define WARM        SL_BIT(6) /* a temperature other than 1 */
#define TOP_P       SL_BIT(7)
#define NARROW      SL_BIT(8) /* a top_p below what reasoning allows */
#define TOP_K       SL_BIT(9)
#define WHOLE       SL_BIT(10) /* a top_p of 1, which says nothing */
#define FIXED       SL_BIT(11) /* of the model: it takes no sampling */
#define ONE         SL_BIT(12) /* of the model: it takes temperature or top_p, not both */
#define NO_PREFILL  SL_BIT(13)
#define MILD        SL_BIT(14) /* a temperature of 1, which says nothing */

enum way { REASONING, OF_TEMPERATURE, OF_TOP_P, OF_TOP_K, REFUSED };

/* Which things cannot go together, and what is left out. The first row that fits counts, and the rows behind it are
 * tried again. A forced tool, a schema of the answer and a beginning of the answer change what is asked for, so they
 * stay; reasoning and sampling only change how it is answered. */
static const struct {
    unsigned when;
    enum way gives;
} collisions[] = {
    { NO_PREFILL | PREFILL, REFUSED },
    { BUDGET | FORCED, REASONING },
    { ADAPTIVE | FORCED, REASONING },
    { BUDGET | PREFILL, REASONING },
    { ADAPTIVE | PREFILL, REASONING },
    { BUDGET | UNSIGNED, REASONING },
    { FIXED | TEMPERATURE, OF_TEMPERATURE },
    { FIXED | TOP_P, OF_TOP_P },
    { FIXED | TOP_K, OF_TOP_K },
    { BUDGET | WARM, OF_TEMPERATURE },
    { ADAPTIVE | WARM, OF_TEMPERATURE },
    { BUDGET | NARROW, OF_TOP_P },
    { ADAPTIVE | NARROW, OF_TOP_P },
    { BUDGET | TOP_K, OF_TOP_K },
    { ADAPTIVE | TOP_K, OF_TOP_K },
    { ONE | TEMPERATURE | WHOLE, OF_TOP_P },
    { ONE | TOP_P | MILD, OF_TEMPERATURE },
    { ONE | TEMPERATURE | TOP_P, OF_TOP_P },
};

static const unsigned gone[] = {
    [REASONING] = BUDGET | ADAPTIVE,
    [OF_TEMPERATURE] = TEMPERATURE | WARM | MILD,
    [OF_TOP_P] = TOP_P | NARROW | WHOLE,
    [OF_TOP_K] = TOP_K,
};

/* --- reading the call --- */

static bool begins_with_thinking(const struct sl_message *message)
{
    return message->n_parts > 0 && message->parts[0].kind == SL_PART_THINKING;
}

/* True: the current turn has lost its reasoning. The current turn are the calls and results behind the user's last
 * message. Its reasoning is lost when neither its first message nor its last one begins with reasoning. */
static bool is_unsigned(const struct sl_chat *chat)
{
    const struct sl_message *first = NULL, *last = NULL;
    uint32_t i = chat->n_messages;
    if (i == 0 || chat->messages[i - 1].role == SL_ROLE_ASSISTANT) {
        return false; /* a prefill */
    }
    while (i > 0 && chat->messages[i - 1].role == SL_ROLE_USER && chat->messages[i - 1].is_joined) {
        i--; /* texts beside the results */
    }
    for (; i > 0; i--) {
        const struct sl_message *message = &chat->messages[i - 1];
        if (message->role == SL_ROLE_ASSISTANT) {
            first = message;
            last = last ? last : message;
        } else if (message->role != SL_ROLE_TOOL) {
            break;
        }
    }
    return last && !begins_with_thinking(first) && !begins_with_thinking(last);
}

static unsigned sampling_read(const struct sl_chat *chat, const struct sl_form_ask *ask)
{
    unsigned is = 0;
    double n = 1;
    if (sl_json_is_present(chat->temperature)) {
        /* A number that is too large is reported by the upstream. */
        SL_IGNORE(sl_json_double(chat->temperature, &n) < 0);
        n *= ask->scale > 0 ? ask->scale : 1;
        is |= TEMPERATURE | (n == 1 ? MILD : 0) | (n != 1 && ask->top_p_beside_reasoning > 0 ? WARM : 0);
    }
    n = 1;
    if (sl_json_is_present(chat->top_p)) {
        SL_IGNORE(sl_json_double(chat->top_p, &n) < 0);
        is |= TOP_P | (n == 1 ? WHOLE : 0) | (n < ask->top_p_beside_reasoning ? NARROW : 0);
    }
    return is | (sl_json_is_present(ask->top_k) ? TOP_K : 0);
}

/* --- reasoning --- */

int sl_form_effort(const struct sl_form *form, struct sl_str word, enum sl_effort *ret)
{
    static const char *const words[] = { "none", "minimal", "low", "medium", "high", "xhigh", "max" };
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        if (sl_str_eq_c(word, words[i])) {
            *ret = (enum sl_effort)i;
            return 0;
        }
    }
    return sl_refuse(
        form->call, form->arena, form->error, "reasoning_effort",
        "Invalid value for 'reasoning_effort': none, minimal, low, medium, high, xhigh or max is expected.");
}

static const struct {
    struct sl_str effort; /* for models that take the word */
    int64_t budget;       /* for models that take a number */
} efforts[] = {
    [SL_EFFORT_NONE] = { SL_STR_INIT(""), 0 },         [SL_EFFORT_MINIMAL] = { SL_STR_INIT("low"), 1024 },
    [SL_EFFORT_LOW] = { SL_STR_INIT("low"), 1024 },    [SL_EFFORT_MEDIUM] = { SL_STR_INIT("medium"), 4096 },
    [SL_EFFORT_HIGH] = { SL_STR_INIT("high"), 16384 }, [SL_EFFORT_XHIGH] = { SL_STR_INIT("xhigh"), 16384 },
    [SL_EFFORT_MAX] = { SL_STR_INIT("max"), 16384 },
};
#define MEDIUM 4096 /* for models that need a number when the call has none */

static int effort_read(struct sl_form *form, struct sl_str word, struct sl_form_params *p)
{
    enum sl_effort i;
    uint32_t can = form->model->can;
    int r = sl_form_effort(form, word, &i);
    if (r < 0) {
        return r;
    }
    if (efforts[i].budget == 0) {
        p->reasoning = can & SL_MODEL_THINKING ? SL_REASONING_OFF : SL_REASONING_UNSAID;
    } else if (can & SL_MODEL_ADAPTIVE) {
        p->reasoning = SL_REASONING_ADAPTIVE;
        p->effort = efforts[i].effort;
    } else if (can & SL_MODEL_THINKING) {
        p->reasoning = SL_REASONING_BUDGET;
        p->budget = efforts[i].budget;
        p->effort = can & SL_MODEL_EFFORT ? efforts[i].effort : SL_STR_NONE;
    } else {
        sl_body_leave_out(form->body, SL_STR("reasoning_effort"));
    }
    return 0;
}

/* Reads the provider's own member, in the form that this model takes. */
static void own_read(struct sl_form *form, const struct sl_form_ask *ask, struct sl_form_params *p)
{
    uint32_t can = form->model->can;
    p->reasoning = ask->own;
    p->budget = SL_MAX(ask->own_budget, ask->budget_min);
    if (!(can & SL_MODEL_THINKING)) {
        p->reasoning = SL_REASONING_UNSAID;
    } else if (ask->own == SL_REASONING_ADAPTIVE && !(can & SL_MODEL_ADAPTIVE)) {
        p->reasoning = SL_REASONING_BUDGET;
        p->budget = MEDIUM;
    } else if (ask->own == SL_REASONING_BUDGET && (can & SL_MODEL_NO_BUDGET)) {
        p->reasoning = SL_REASONING_ADAPTIVE;
        p->effort = p->budget < 2048 ? SL_STR("low") : p->budget < 8192 ? SL_STR("medium") : SL_STR("high");
    }
    if (p->reasoning != ask->own || (ask->own == SL_REASONING_BUDGET && ask->own_budget < ask->budget_min)) {
        sl_body_leave_out(form->body, sl_str_c(ask->own_name));
    }
}

static void reasoning_name(struct sl_form *form, const struct sl_form_ask *ask, const struct sl_form_params *p)
{
    /* reasoning_effort is named only if the effort does not go up at all. */
    if (ask->own_name) {
        sl_body_leave_out(form->body, sl_str_c(ask->own_name));
    } else if (!p->effort.n) {
        sl_body_leave_out(form->body, SL_STR("reasoning_effort"));
    }
}

/* --- max_tokens --- */

/* The caller asked for room for the answer; the budget for reasoning is added, and is reduced at the model's limit. A
 * caller that uses the provider's own members counts both together, as the provider does. */
static void room_settle(struct sl_form *form, const struct sl_chat *chat, const struct sl_form_ask *ask,
                        struct sl_form_params *p)
{
    int64_t limit = form->model->output ? form->model->output : INT64_MAX;
    bool is_said = chat->max_tokens >= 0, is_budget = p->reasoning == SL_REASONING_BUDGET;
    int64_t room = is_said ? chat->max_tokens : SL_MIN(ask->fallback, limit);
    if (is_said && room > limit) {
        room = limit;
        sl_body_leave_out(form->body, SL_STR("max_tokens"));
    }
    p->max_tokens = room;
    if (!is_budget || (ask->own_name && is_said && p->budget < room)) {
        return;
    }
    if (p->budget <= limit - room) {
        p->max_tokens = room + p->budget;
        return;
    }
    p->max_tokens = limit;
    int64_t left = is_said ? limit - room : SL_MIN(p->budget, limit / 2);
    if (left != p->budget && ask->own_name) {
        sl_body_leave_out(form->body, sl_str_c(ask->own_name));
    }
    p->budget = left;
    if (left < ask->budget_min) {
        p->reasoning = SL_REASONING_UNSAID;
        p->max_tokens = room;
        p->effort = SL_STR_NONE;
        reasoning_name(form, ask, p);
    }
}

/* --- all parameters --- */

static bool is_prefilled(const struct sl_chat *chat)
{
    return chat->n_messages && chat->messages[chat->n_messages - 1].role == SL_ROLE_ASSISTANT;
}

static int prefill_refuse(struct sl_form *form, const struct sl_chat *chat)
{
    return sl_refuse(
        form->call, form->arena, form->error, "messages",
        "messages: this model does not go on with an assistant's words: the last of the %u messages must be "
        "the user's.",
        chat->n_messages);
}

int sl_form_prefill_check(struct sl_form *form, const struct sl_chat *chat)
{
    return (form->model->can & SL_MODEL_NO_PREFILL) && is_prefilled(chat) ? prefill_refuse(form, chat) : 0;
}

static int collisions_settle(struct sl_form *form, const struct sl_chat *chat, const struct sl_form_ask *ask,
                             struct sl_form_params *p, unsigned *io_is)
{
    static const char *const names[] = { [OF_TEMPERATURE] = "temperature", [OF_TOP_P] = "top_p", [OF_TOP_K] = "top_k" };
    for (size_t i = 0; i < SL_ARRAY_LEN(collisions); i++) {
        enum way gives = collisions[i].gives;
        if ((*io_is & collisions[i].when) != collisions[i].when) {
            continue;
        }
        if (gives == REFUSED) {
            return prefill_refuse(form, chat);
        }
        if (gives == REASONING) {
            p->reasoning = SL_REASONING_UNSAID;
            p->effort = *io_is & ADAPTIVE ? p->effort : SL_STR_NONE;
            reasoning_name(form, ask, p);
        } else {
            sl_body_leave_out(form->body, sl_str_c(names[gives]));
        }
        *io_is &= ~gone[gives];
    }
    return 0;
}

int sl_form_params(struct sl_form *form, const struct sl_chat *chat, const struct sl_form_ask *ask,
                   struct sl_form_params *ret)
{
    struct sl_form_params p = { 0 };
    uint32_t can = form->model->can;
    int r = 0;
    /* The model decides how much; where it needs a number, the effort gives one. */
    bool is_by_effort = ask->own_name && ask->own == SL_REASONING_ADAPTIVE && chat->effort.p &&
                        (can & (SL_MODEL_THINKING | SL_MODEL_ADAPTIVE)) == SL_MODEL_THINKING;
    if (ask->own_name && !is_by_effort) {
        own_read(form, ask, &p);
    }
    if (chat->effort.p && ask->own_name && !is_by_effort) {
        sl_body_leave_out(form->body, SL_STR("reasoning_effort"));
    } else if (chat->effort.p) {
        r = effort_read(form, chat->effort, &p);
    }
    if (r < 0) {
        return r;
    }
    room_settle(form, chat, ask, &p);
    unsigned is = sampling_read(chat, ask);
    is |= p.reasoning == SL_REASONING_BUDGET ? BUDGET : p.reasoning == SL_REASONING_ADAPTIVE ? ADAPTIVE : 0;
    is |= ask->is_forced ? FORCED : 0;
    is |= is_prefilled(chat) ? PREFILL : 0;
    is |= is_unsigned(chat) ? UNSIGNED : 0;
    is |= can & SL_MODEL_FIXED_SAMPLING ? FIXED : can & SL_MODEL_ONE_SAMPLING ? ONE : 0;
    is |= can & SL_MODEL_NO_PREFILL ? NO_PREFILL : 0;
    r = collisions_settle(form, chat, ask, &p, &is);
    if (r == 0 && p.reasoning != SL_REASONING_BUDGET) {
        p.budget = 0;
        struct sl_form_params plain = { 0 }; /* without reasoning, no room for it is needed */
        room_settle(form, chat, ask, &plain);
        p.max_tokens = plain.max_tokens;
    }
    p.temperature = (is & TEMPERATURE) != 0;
    p.top_p = (is & TOP_P) != 0;
    p.top_k = (is & TOP_K) != 0;
    *ret = p;
    return r;
}
