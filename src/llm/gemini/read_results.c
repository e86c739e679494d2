/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/gemini/read_results.h"

#include "llm/gemini/member.h"
#include "llm/gemini/read_media.h"

struct sl_gemini_asked {
    struct sl_str id; /* raw */
    bool is_answered;
    struct sl_gemini_asked *next; /* the next one of the same name */
    struct sl_gemini_asked *last; /* for the first of a name: the latest one */
};

void sl_gemini_calls_done(struct sl_gemini_calls *calls)
{
    sl_map_done(&calls->by_id);
    sl_map_done(&calls->by_name);
}

void sl_gemini_calls_forget(struct sl_gemini_calls *calls)
{
    sl_gemini_calls_done(calls);
    calls->by_id = calls->by_name = (struct sl_map){ 0 };
}

/* When two calls have the same id, the first counts: the ids that go up are all different. */
static int asked_note(struct sl_gemini_reader *g, struct sl_str id, struct sl_str name)
{
    struct sl_gemini_asked *asked = SL_ARENA_NEW(g->rd.arena, struct sl_gemini_asked);
    if (!asked) {
        return SL_E_NOMEM;
    }
    asked->id = id;
    asked->last = asked;
    struct sl_gemini_asked *first = sl_map_find(&g->calls->by_name, name);
    int r = sl_map_put(&g->calls->by_id, id, asked);
    if (first) {
        first->last->next = asked;
        first->last = asked;
    } else if (r != SL_E_NOMEM) {
        r = sl_map_put(&g->calls->by_name, name, asked);
    }
    return r == SL_E_NOMEM ? r : 0;
}

int sl_gemini_asked_read(struct sl_gemini_reader *g, struct sl_json_val v, struct sl_part *part)
{
    struct sl_chat_reader *rd = &g->rd;
    struct sl_json_val args = sl_json_get(v, "args");
    struct sl_str name = SL_STR_NONE;
    part->kind = SL_PART_TOOL_CALL;
    part->call = SL_ARENA_NEW(rd->arena, struct sl_tool_call);
    int r = part->call ? sl_json_text(sl_json_get(v, "name"), rd->arena, &name) : SL_E_NOMEM;
    if (r == SL_E_NOMEM) {
        return r;
    }
    if (!name.n) {
        return sl_chat_fault(rd, v, "a functionCall has a name");
    }
    if (!sl_json_is_nothing(args) && !sl_json_is(args, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, args, "the arguments of a functionCall are an object");
    }
    part->call->id = sl_chat_raw_text(v, "id");
    part->call->name = sl_json_raw(sl_json_get(v, "name"));
    part->call->arguments = sl_json_is(args, SL_JSON_OBJECT) ? sl_json_raw(args) : SL_STR("{}");
    if (part->call->id.n <= 2) { /* made from its place, so that it is the same in every turn */
        part->call->id = sl_arena_printf(rd->arena, "\"call_place_%u\"", g->calls->n_made++);
    }
    return part->call->id.p ? asked_note(g, part->call->id, name) : SL_E_NOMEM;
}

/* The call that this result belongs to; NULL: there is none. */
static struct sl_gemini_asked *asked_find(struct sl_gemini_calls *calls, struct sl_str id, struct sl_str name)
{
    struct sl_gemini_asked *asked = id.n > 2 ? sl_map_find(&calls->by_id, id) : NULL;
    struct sl_gemini_asked *first = asked ? NULL : sl_map_find(&calls->by_name, name);
    for (asked = asked ? asked : first; first && asked && asked->is_answered;) {
        asked = asked->next;
    }
    if (first && asked && asked != first) {
        first->next = asked; /* the calls between have their results */
    }
    return asked;
}

/* The text of a result: `output` or `error` if it has one of them, else all of it. Texts stay texts, other values
 * become their JSON. */
static int response_read(struct sl_chat_reader *rd, struct sl_json_val response, struct sl_message *message)
{
    struct sl_json_val output = sl_json_get(response, "output"), error = sl_json_get(response, "error");
    message->is_error = !sl_json_is_present(output) && sl_json_is_present(error);
    struct sl_json_val said = sl_json_is_present(output) ? output : message->is_error ? error : response;
    if (sl_json_is(said, SL_JSON_STRING)) {
        message->text = sl_json_raw(said);
        return 0;
    }
    struct sl_str raw = sl_json_is_present(said) ? sl_json_raw(said) : SL_STR("{}");
    struct sl_buf compact = SL_BUF_INIT(raw.n + 1);
    sl_json_compact(&compact, raw);
    message->text = sl_buf_status(&compact) == 0 ? sl_json_quote(sl_buf_str(&compact), rd->arena) : SL_STR_NONE;
    sl_buf_done(&compact);
    return message->text.p ? 0 : SL_E_NOMEM;
}

/* A result may have media beside its text. */
static int parts_read(struct sl_chat_reader *rd, struct sl_json_val list, struct sl_message *message)
{
    struct sl_gemini_iter it = sl_gemini_each(list);
    int r = 0;
    if (it.n == 0) {
        message->is_plain = true;
        return 0;
    }
    message->parts = SL_ARENA_ARRAY(rd->arena, struct sl_part, it.n + 1);
    if (!message->parts) {
        return SL_E_NOMEM;
    }
    message->parts[message->n_parts++] = (struct sl_part){ .kind = SL_PART_TEXT, .text = message->text };
    message->text = SL_STR_NONE;
    while (r == 0 && sl_gemini_next(&it)) {
        r = sl_gemini_media_read(rd, it.val, &message->parts[message->n_parts++]);
    }
    return r;
}

int sl_gemini_result_read(struct sl_gemini_reader *g, struct sl_json_val v, struct sl_message *message)
{
    struct sl_chat_reader *rd = &g->rd;
    struct sl_json_val response = sl_json_get(v, "response");
    struct sl_str name = SL_STR_NONE;
    message->role = SL_ROLE_TOOL;
    int r = sl_json_text(sl_json_get(v, "name"), rd->arena, &name);
    if (r == SL_E_NOMEM) {
        return r;
    }
    if (!sl_json_is(response, SL_JSON_OBJECT) && !sl_json_is_nothing(response)) {
        return sl_chat_fault(rd, response, "the response of a function is an object");
    }
    struct sl_str id = sl_chat_raw_text(v, "id");
    if (!name.n && id.n <= 2) {
        return sl_chat_fault(rd, v, "a functionResponse has the name of its functionCall");
    }
    struct sl_gemini_asked *asked = asked_find(g->calls, id, name);
    if (!asked) {
        return sl_chat_fault(rd, v,
                             "the turn of the model before it has no functionCall of this name or id that waits for "
                             "a response");
    }
    asked->is_answered = true;
    message->tool_id = asked->id;
    r = response_read(rd, response, message);
    return r < 0 ? r : parts_read(rd, sl_json_get(v, "parts"), message);
}
