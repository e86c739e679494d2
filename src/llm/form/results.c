/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/form/results.h"

#include "base/arena.h"

#define INSTEAD "\"[What this tool gave is in the next message.]\""

static bool is_shown(const struct sl_part *part)
{
    return part->kind == SL_PART_IMAGE || part->kind == SL_PART_FILE || part->kind == SL_PART_AUDIO;
}

static uint32_t count(const struct sl_message *message)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < message->n_parts; i++) {
        n += is_shown(&message->parts[i]);
    }
    return n;
}

uint32_t sl_form_results_shown(const struct sl_form *form, const struct sl_chat *chat)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < chat->n_messages && form->rules->results_are_text; i++) {
        n += chat->messages[i].role == SL_ROLE_TOOL && count(&chat->messages[i]);
    }
    return n;
}

/* The room that this many parts were given: it doubles. */
static uint32_t room_of(uint32_t n)
{
    uint32_t room = n ? 4 : 0;
    while (room < n) {
        room *= 2;
    }
    return room;
}

static int grow(const struct sl_form *form, struct sl_message *message, uint32_t n)
{
    uint32_t room = room_of(message->n_parts + n);
    if (room == room_of(message->n_parts)) {
        return 0;
    }
    struct sl_part *parts = SL_ARENA_ARRAY(form->arena, struct sl_part, room);
    if (!parts) {
        return SL_E_NOMEM;
    }
    for (uint32_t i = 0; i < message->n_parts; i++) {
        parts[i] = message->parts[i];
    }
    message->parts = parts;
    return 0;
}

int sl_form_result_show(const struct sl_form *form, struct sl_message *result, struct sl_message *io_shown)
{
    uint32_t n = form->rules->results_are_text ? count(result) : 0, n_left = 0;
    if (n == 0) {
        return 0;
    }
    struct sl_str id = result->tool_id.n > 2 ? sl_str_sub(result->tool_id, 1, result->tool_id.n - 1) : SL_STR("");
    struct sl_str told = sl_arena_printf(form->arena, "\"[What the tool call %.*s gave:]\"", SL_STR_ARG(id));
    if (!told.p || grow(form, io_shown, n + 1) < 0) {
        return SL_E_NOMEM;
    }
    io_shown->role = SL_ROLE_USER;
    io_shown->parts[io_shown->n_parts++] = (struct sl_part){ .kind = SL_PART_TEXT, .text = told };
    for (uint32_t i = 0; i < result->n_parts; i++) {
        struct sl_part part = result->parts[i];
        if (is_shown(&part)) {
            io_shown->parts[io_shown->n_parts++] = part;
        } else {
            result->parts[n_left++] = part;
        }
    }
    if (n_left == 0) {
        result->parts[n_left++] = (struct sl_part){ .kind = SL_PART_TEXT, .text = SL_STR(INSTEAD) };
    }
    result->n_parts = n_left;
    return 0;
}
