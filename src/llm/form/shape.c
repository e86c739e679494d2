/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of a conversation: empty texts, the place of results, turns. Messages get a new order. They are not
 * changed, except that parts which say nothing are left out. */
#include "llm/form/shape.h"

#include "llm/form/ids.h"
#include "llm/form/results.h"

/* --- blank texts --- */

/* Reads the character of a raw string at `i`, or its escape: returns its length, and whether it is white space. */
static size_t char_at(struct sl_str raw, size_t i, bool *ret_blank)
{
    static const char *const escapes[] = { "\\u0009", "\\u000a", "\\u000A", "\\u000b", "\\u000B", "\\u000c",
                                           "\\u000C", "\\u000d", "\\u000D", "\\u0020", "\\u00a0", "\\u00A0" };
    static const char *const wide[] = { "\xc2\xa0", "\xe3\x80\x80", "\xe2\x80\xa8", "\xe2\x80\xa9" };
    struct sl_str rest = sl_str_sub(raw, i, raw.n);
    *ret_blank = raw.p[i] == ' ';
    if (raw.p[i] == '\\' && rest.n > 1 && rest.p[1] != 'u') {
        *ret_blank = strchr("nrtf", rest.p[1]) != NULL;
        return 2;
    }
    if (raw.p[i] == '\\') {
        for (size_t k = 0; k < SL_ARRAY_LEN(escapes) && !*ret_blank; k++) {
            *ret_blank = sl_str_has_prefix(rest, sl_str_c(escapes[k]));
        }
        return SL_MIN(rest.n, (size_t)6);
    }
    for (size_t k = 0; k < SL_ARRAY_LEN(wide) && (unsigned char)raw.p[i] >= 0x80; k++) {
        if (sl_str_has_prefix(rest, sl_str_c(wide[k]))) {
            *ret_blank = true;
            return strlen(wide[k]);
        }
    }
    return 1;
}

bool sl_raw_is_blank(struct sl_str raw)
{
    bool is_blank = true;
    for (size_t i = 1; i + 1 < raw.n && is_blank;) {
        i += char_at(sl_str_sub(raw, 0, raw.n - 1), i, &is_blank);
    }
    return is_blank;
}

/* Such as \u0020. */
#define ESCAPE_MAX 6

/* True: the text ends with an ASCII character that is no escape and no space, as nearly every text does. */
static bool ends_plainly(struct sl_str inside)
{
    size_t n = SL_MIN(inside.n, (size_t)ESCAPE_MAX);
    unsigned char last = (unsigned char)inside.p[inside.n - 1];
    return last > ' ' && last < 0x80 && !memchr(inside.p + inside.n - n, '\\', n);
}

/* The raw string without white space at its end; p == NULL: no memory. */
static struct sl_str trim(struct sl_str raw, struct sl_arena *arena)
{
    struct sl_str inside = sl_str_sub(raw, 0, raw.n - 1);
    if (ends_plainly(inside)) {
        return raw;
    }
    size_t end = 1;
    for (size_t i = 1; i < inside.n;) {
        bool is_blank;
        i += char_at(inside, i, &is_blank);
        end = is_blank ? end : i;
    }
    return end + 1 == raw.n ? raw : sl_arena_printf(arena, "%.*s\"", (int)end, raw.p);
}

/* --- empty parts --- */

struct shaper {
    struct sl_form *form;
    struct sl_chat *chat;
    const struct sl_form_link *links; /* may be NULL */
    struct sl_message *out;
    uint32_t n_out;
    bool has_gap; /* a message before this one was left out: neighbours of one role are joined */
};

static bool has(const struct shaper *s, unsigned rule)
{
    return (s->form->rules->shape & rule) != 0;
}

static bool is_nothing(const struct shaper *s, struct sl_str raw)
{
    return has(s, SL_SHAPE_NO_BLANK) ? sl_raw_is_blank(raw) : has(s, SL_SHAPE_NO_EMPTY) && raw.n <= 2;
}

/* Leaves out parts that say nothing. False: the whole message says nothing. Results stay, even if they are empty. */
static bool parts_sift(const struct shaper *s, struct sl_message *message)
{
    bool is_result = message->role == SL_ROLE_TOOL;
    if (message->is_plain) {
        if (!is_nothing(s, message->text)) {
            return true;
        }
        message->text = SL_STR("\"\"");
        return is_result || !has(s, SL_SHAPE_NO_EMPTY | SL_SHAPE_NO_BLANK);
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < message->n_parts; i++) {
        const struct sl_part *part = &message->parts[i];
        bool is_text = part->kind == SL_PART_TEXT || part->kind == SL_PART_REFUSAL;
        if (!is_text || !is_nothing(s, part->text)) {
            message->parts[n++] = *part;
        }
    }
    message->n_parts = n;
    return n > 0 || is_result || !has(s, SL_SHAPE_NO_EMPTY | SL_SHAPE_NO_BLANK);
}

/* --- order --- */

static bool is_users(enum sl_role role)
{
    return role == SL_ROLE_USER || role == SL_ROLE_TOOL;
}

static void put(struct shaper *s, const struct sl_message *message)
{
    struct sl_message *to = &s->out[s->n_out];
    *to = *message;
    to->is_joined = false;
    if (s->n_out > 0 && message->role != SL_ROLE_SYSTEM) {
        enum sl_role before = s->out[s->n_out - 1].role, role = message->role;
        bool is_same = before == role || (is_users(before) && is_users(role));
        bool is_result_turn = before == SL_ROLE_TOOL && is_users(role);
        to->is_joined = is_same &&
                        (has(s, SL_SHAPE_ALTERNATE) || s->has_gap || (has(s, SL_SHAPE_RESULTS) && is_result_turn));
    }
    s->n_out++;
    s->has_gap = false;
}

static int result_refuse(const struct shaper *s, uint32_t at)
{
    return sl_refuse(
        s->form->call, s->form->arena, s->form->error, "messages",
        "messages[%u]: a message of the role tool answers a tool call of an assistant's message before it, "
        "and each call has one.",
        at);
}

/* Puts an assistant's message with calls, and behind it their results. */
static int calls_put(struct shaper *s, uint32_t at)
{
    const struct sl_form_link *link = &s->links[at];
    if (link->n_results < link->n_calls) {
        return sl_refuse(s->form->call, s->form->arena, s->form->error, "messages",
                         "messages[%u]: an assistant's message with tool_calls is followed by a message of the role "
                         "tool for each of them.",
                         at);
    }
    struct sl_message shown = { 0 };
    put(s, &s->chat->messages[at]);
    for (uint32_t i = link->first; i != SL_LINK_NONE; i = s->links[i].next) {
        struct sl_message *result = &s->chat->messages[i];
        if (s->links[i].is_second) {
            return result_refuse(s, i);
        }
        if (sl_form_result_show(s->form, result, &shown) < 0) {
            return SL_E_NOMEM;
        }
        SL_IGNORE(parts_sift(s, result));
        put(s, result);
    }
    if (shown.n_parts) {
        put(s, &shown);
    }
    return 0;
}

static int message_put(struct shaper *s, uint32_t at)
{
    struct sl_message *message = &s->chat->messages[at];
    bool places_results = s->links && has(s, SL_SHAPE_RESULTS);
    if (message->role == SL_ROLE_OTHER) {
        sl_body_leave_out(s->form->body, SL_STR("messages"));
        s->has_gap = true;
        return 0;
    }
    if (message->role == SL_ROLE_TOOL && places_results) {
        return s->links[at].owner == SL_LINK_NONE ? result_refuse(s, at) : 0; /* it stands behind its call already */
    }
    if (!parts_sift(s, message)) {
        s->has_gap = true;
        return 0;
    }
    if (places_results && s->links[at].n_calls) {
        return calls_put(s, at);
    }
    put(s, message);
    return 0;
}

static bool is_system(const struct sl_message *message)
{
    return message->role == SL_ROLE_SYSTEM;
}

/* Joins several system messages to one, as its parts. */
static int systems_join(struct shaper *s)
{
    uint32_t n_parts = 0;
    for (uint32_t i = 0; i < s->n_out; i++) {
        n_parts += s->out[i].is_plain ? 1 : s->out[i].n_parts;
    }
    struct sl_message one = { .role = SL_ROLE_SYSTEM };
    one.parts = SL_ARENA_ARRAY(s->form->arena, struct sl_part, n_parts + 1);
    if (!one.parts) {
        return SL_E_NOMEM;
    }
    for (uint32_t i = 0; i < s->n_out; i++) {
        if (s->out[i].is_plain) {
            one.parts[one.n_parts++] = (struct sl_part){ .kind = SL_PART_TEXT, .text = s->out[i].text };
        }
        for (uint32_t j = 0; j < s->out[i].n_parts; j++) {
            one.parts[one.n_parts++] = s->out[i].parts[j];
        }
    }
    s->out[0] = one;
    s->n_out = 1;
    return 0;
}

/* --- first and last message --- */

static int nothing_refuse(const struct shaper *s)
{
    return sl_refuse(s->form->call, s->form->arena, s->form->error, "messages",
                     "messages: nothing is left to answer: %s models take no empty messages.", s->form->rules->label);
}

static int prefill_trim(struct shaper *s)
{
    struct sl_message *last = &s->out[s->n_out - 1];
    if (last->role != SL_ROLE_ASSISTANT) {
        return 0;
    }
    struct sl_str *text = last->is_plain ? &last->text : NULL;
    if (last->n_parts && last->parts[last->n_parts - 1].kind == SL_PART_TEXT) {
        text = &last->parts[last->n_parts - 1].text;
    }
    if (text) {
        *text = trim(*text, s->form->arena);
    }
    return !text || text->p ? 0 : SL_E_NOMEM;
}

/* There are only system messages: the last one becomes the user's message. */
static bool system_speaks(struct shaper *s, uint32_t n_turns)
{
    if (!has(s, SL_SHAPE_NEEDS_TURN) || n_turns || s->n_out == 0) {
        return false;
    }
    s->out[s->n_out - 1].role = SL_ROLE_USER;
    return true;
}

int sl_form_shape(struct sl_form *form, struct sl_chat *chat)
{
    struct shaper s = { .form = form, .chat = chat };
    struct sl_form_link *links = NULL;
    int r = sl_form_link(form, chat, &links);
    s.links = links;
    if (!form->rules->shape || r < 0) {
        return r;
    }
    s.out = SL_ARENA_ARRAY(form->arena, struct sl_message, chat->n_messages + sl_form_results_shown(form, chat) + 1);
    if (!s.out) {
        return SL_E_NOMEM;
    }
    bool is_apart = has(&s, SL_SHAPE_SYSTEM_APART);
    uint32_t n_turns = 0;
    for (uint32_t i = 0; i < chat->n_messages && r == 0; i++) {
        n_turns += !is_system(&chat->messages[i]);
        r = is_apart && is_system(&chat->messages[i]) ? message_put(&s, i) : 0;
    }
    bool speaks = r == 0 && is_apart && system_speaks(&s, n_turns);
    if (r == 0 && s.n_out > 1 && !speaks && has(&s, SL_SHAPE_ONE_SYSTEM)) {
        r = systems_join(&s);
    }
    uint32_t n_systems = speaks ? s.n_out - 1 : s.n_out;
    s.has_gap = false;
    for (uint32_t i = 0; i < chat->n_messages && r == 0; i++) {
        r = is_apart && is_system(&chat->messages[i]) ? 0 : message_put(&s, i);
    }
    if (r == 0 && !is_apart) {
        SL_IGNORE(system_speaks(&s, n_turns)); /* when system messages stay in place, no later step depends on this */
    }
    if (r == 0 && s.n_out == n_systems && has(&s, SL_SHAPE_NO_EMPTY | SL_SHAPE_NO_BLANK)) {
        r = nothing_refuse(&s);
    }
    if (r == 0 && has(&s, SL_SHAPE_TRIM_PREFILL)) {
        r = prefill_trim(&s);
    }
    chat->messages = s.out;
    chat->n_messages = s.n_out;
    return r;
}
