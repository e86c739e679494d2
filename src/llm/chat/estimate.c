/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/chat/estimate.h"

#include "llm/chat/chat.h"

#define PER_MESSAGE 4
#define PER_TOOL    12
#define PER_IMAGE   1600
/* For the base64 of a file of text. */
#define BYTES_PER_TOKEN_OF_TEXT 5
#define BYTES_PER_TOKEN_OF_FILE 24

/* The result is in quarters of a token: a byte of ASCII is one quarter, any other character four. */
static uint64_t quarters(struct sl_str text)
{
    uint64_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        n += c < 0x80 ? 1 : c >= 0xc0 ? 4 : 0;
    }
    return n;
}

static uint64_t of_media(const struct sl_media *media)
{
    bool is_text = sl_str_has_prefix(media->mime, SL_STR("text/"));
    uint64_t per = is_text ? BYTES_PER_TOKEN_OF_TEXT : BYTES_PER_TOKEN_OF_FILE;
    return 4 * SL_MAX(media->base64.n / per, (uint64_t)1);
}

static uint64_t of_part(const struct sl_part *part)
{
    switch (part->kind) {
    case SL_PART_IMAGE:
        return 4 * PER_IMAGE;
    case SL_PART_AUDIO:
    case SL_PART_FILE:
        return of_media(part->media);
    case SL_PART_TOOL_CALL:
        return 4 * PER_TOOL + quarters(part->call->name) + quarters(part->call->arguments);
    case SL_PART_TEXT:
    case SL_PART_REFUSAL:
    case SL_PART_THINKING:
        break;
    }
    return quarters(part->text);
}

uint64_t sl_chat_estimate(const struct sl_chat *chat)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < chat->n_messages; i++) {
        const struct sl_message *message = &chat->messages[i];
        n += 4 * PER_MESSAGE + quarters(message->text);
        for (uint32_t k = 0; k < message->n_parts; k++) {
            n += of_part(&message->parts[k]);
        }
    }
    for (uint32_t i = 0; i < chat->n_tools; i++) {
        const struct sl_tool *tool = &chat->tools[i];
        n += 4 * PER_TOOL + quarters(tool->name) + quarters(tool->description) + quarters(tool->parameters);
    }
    return (n + quarters(chat->schema) + 3) / 4;
}
