/* SPDX-License-Identifier: Apache-2.0 */
/* The chat answer in the form of Google, Amazon, Cohere, and OpenAI's Responses API. */
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

/* Whole answers only: nothing asks for these streams. */
#define NO_STREAM "/none"

void make_cohere(struct other_answer *a)
{
    struct text body = { 0 };
    a->path = "/v2/chat";
    a->stream_path = NO_STREAM;
    text_add(
        &body,
        "{\"id\":\"0f1e2d3c4b5a6978\",\"message\":{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":"
        "\"%s\"}]},\"finish_reason\":\"COMPLETE\",\"usage\":{\"billed_units\":{\"input_tokens\":187,\"output_tokens\":"
        "118},\"tokens\":{\"input_tokens\":187,\"output_tokens\":118}}}",
        answers_content);
    text_reply(&a->whole, "200 OK", &body);
}

#define RESPONSE_ID "resp_0f1e2d3c4b5a6978"

void make_responses(struct other_answer *a)
{
    struct text body = { 0 };
    a->path = "/responses";
    a->stream_path = NO_STREAM;
    text_add(
        &body,
        "{\"id\":\"" RESPONSE_ID
        "0000000000000000\",\"object\":\"response\",\"created_at\":1735689600,\"status\":\"completed\","
        "\"error\":null,\"incomplete_details\":null,\"instructions\":null,\"max_output_tokens\":256,\"model\":"
        "\"gpt-4o-mini-2024-07-18\",\"output\":[{\"type\":\"message\",\"id\":\"msg_0f1e2d3c4b5a6978\",\"status\":"
        "\"completed\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"%s\",\"annotations\":[]"
        "}]}"
        "],\"parallel_tool_calls\":true,\"previous_response_id\":null,\"reasoning\":{\"effort\":null,\"summary\":null},"
        "\"store\":true,\"temperature\":0.7,\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\","
        "\"tools\":[],\"top_p\":1.0,\"truncation\":\"disabled\",\"usage\":{\"input_tokens\":187,"
        "\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":118,\"output_tokens_details\":{"
        "\"reasoning_tokens\":0},\"total_tokens\":305},\"user\":null,\"metadata\":{}}",
        answers_content);
    text_reply(&a->whole, "200 OK", &body);
    a->id = strstr(a->whole.data, RESPONSE_ID) + strlen(RESPONSE_ID);
}
