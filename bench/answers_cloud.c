/* SPDX-License-Identifier: Apache-2.0 */
/* The chat answer as Google and Amazon give it. */
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "answers_text.h"

#define GEMINI_MODEL "gemini-2.5-flash"
#define GEMINI_TAIL                                                                                          \
    "\"usageMetadata\":{\"promptTokenCount\":187,\"candidatesTokenCount\":%d,\"totalTokenCount\":%d,"        \
    "\"promptTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":187}]},\"modelVersion\":\"" GEMINI_MODEL \
    "\",\"responseId\":\"0f1e2d3c4b5a6978\"}"

static void candidate_add(struct text *t, const char *words, const char *finish, int n_tokens)
{
    text_add(
        t,
        "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"%s\"}],\"role\":\"model\"}%s,\"index\":0}]," GEMINI_TAIL,
        words, finish, n_tokens, 187 + n_tokens);
}

void make_gemini(struct other_answer *a, size_t n_chunks)
{
    struct text events = { 0 };
    a->path = ":generateContent";
    a->stream_path = ":streamGenerateContent?alt=sse";
    candidate_add(&events, answers_content, ",\"finishReason\":\"STOP\"", 118);
    text_reply(&a->whole, "200 OK", &events);
    a->stream.n = n_chunks;
    for (size_t i = 0; i < n_chunks; i++) {
        bool is_word = i > 0 && i + 1 < n_chunks;
        text_add(&events, "data: ");
        candidate_add(&events, is_word ? answers_word(i - 1) : "", i + 1 < n_chunks ? "" : ",\"finishReason\":\"STOP\"",
                      18);
        text_add(&events, "\r\n\r\n");
        piece_add(&a->stream, i, "text/event-stream", &events);
    }
    text_free(&events);
}

#define CONVERSE_USAGE "\"usage\":{\"inputTokens\":187,\"outputTokens\":%d,\"totalTokens\":%d}"

static void u32_add(struct text *t, uint32_t v)
{
    const unsigned char bytes[] = { (unsigned char)(v >> 24), (unsigned char)(v >> 16), (unsigned char)(v >> 8),
                                    (unsigned char)v };
    text_add_bytes(t, bytes, sizeof(bytes));
}

static void header_add(struct text *t, const char *name, const char *value)
{
    size_t n = strlen(value);
    const unsigned char kind[] = { 7, (unsigned char)(n >> 8), (unsigned char)n }; /* a string */
    text_add_bytes(t, &(unsigned char){ (unsigned char)strlen(name) }, 1);
    text_add_bytes(t, name, strlen(name));
    text_add_bytes(t, kind, sizeof(kind));
    text_add_bytes(t, value, n);
}

/* A message of Amazon's event streams: lengths, their checksum, headers, payload, checksum of all. */
static void frame_add(struct text *t, const char *type, const char *payload)
{
    struct text headers = { 0 };
    header_add(&headers, ":event-type", type);
    header_add(&headers, ":content-type", "application/json");
    header_add(&headers, ":message-type", "event");
    size_t from = t->len, n = strlen(payload);
    u32_add(t, (uint32_t)(16 + headers.len + n));
    u32_add(t, (uint32_t)headers.len);
    u32_add(t, (uint32_t)crc32(0, (const unsigned char *)t->data + from, 8));
    text_add_bytes(t, headers.data, headers.len);
    text_add_bytes(t, payload, n);
    u32_add(t, (uint32_t)crc32(0, (const unsigned char *)t->data + from, (unsigned)(t->len - from)));
    text_free(&headers);
}

void make_converse(struct other_answer *a, size_t n_chunks)
{
    struct text events = { 0 };
    char payload[512];
    a->path = "/converse";
    a->stream_path = "/converse-stream";
    text_add(&events,
             "{\"metrics\":{\"latencyMs\":412},\"output\":{\"message\":{\"content\":[{\"text\":\"%s\"}],\"role\":"
             "\"assistant\"}},\"stopReason\":\"end_turn\"," CONVERSE_USAGE "}",
             answers_content, 118, 305);
    text_reply(&a->whole, "200 OK", &events);
    a->stream.n = n_chunks;
    for (size_t i = 0; i < n_chunks; i++) {
        if (i == 0) {
            frame_add(&events, "messageStart", "{\"p\":\"abcdefgh\",\"role\":\"assistant\"}");
        } else if (i + 1 < n_chunks) {
            snprintf(payload, sizeof(payload),
                     "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"%s\"},\"p\":\"abcdefghijklmnop\"}",
                     answers_word(i - 1));
            frame_add(&events, "contentBlockDelta", payload);
        } else {
            snprintf(payload, sizeof(payload), "{\"metrics\":{\"latencyMs\":412},\"p\":\"ab\"," CONVERSE_USAGE "}", 18,
                     205);
            frame_add(&events, "contentBlockStop", "{\"contentBlockIndex\":0,\"p\":\"abcd\"}");
            frame_add(&events, "messageStop", "{\"p\":\"abcdef\",\"stopReason\":\"end_turn\"}");
            frame_add(&events, "metadata", payload);
        }
        piece_add(&a->stream, i, "application/vnd.amazon.eventstream", &events);
    }
    text_free(&events);
}
