/* SPDX-License-Identifier: Apache-2.0 */
#include "answers.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answers_text.h"

#define TEXT_MAX   8192 /* of one answer or one piece of a stream */
#define DIMENSIONS 64   /* of the embedding: about 1 KB, like the chat reply */

#define CREATED "1735689600"
#define MODEL   "gpt-4o-mini-2024-07-18"

/* The headers that OpenAI's API plausibly sends; a gateway has to pass on or drop each. */
#define COMMON_HEADERS                         \
    "Date: Wed, 01 Jan 2025 00:00:00 GMT\r\n"  \
    "openai-processing-ms: 412\r\n"            \
    "openai-version: 2020-10-01\r\n"           \
    "x-ratelimit-limit-requests: 10000\r\n"    \
    "x-ratelimit-remaining-requests: 9999\r\n" \
    "x-ratelimit-reset-requests: 6ms\r\n"      \
    "x-request-id: req_0f1e2d3c4b5a69788796\r\n"

const char answers_content[] = "A gateway stands between the programs of a company and the model providers they "
                               "call. It keeps the providers' keys in one "
                               "place, knows who called what and how often, and lets the model behind a name "
                               "change without a change in any program. What "
                               "it must not do is to cost time: each answer passes through it, and a stream passes "
                               "word by word.\\n\\nThree things make it "
                               "cheap. It reads a request once, and keeps slices of it instead of copies. It holds "
                               "connections to the provider open, so "
                               "that no call waits for a handshake. And it writes each piece of a reply as soon as "
                               "it is there, with one call to the "
                               "kernel.";

static const char *const words[] = { "A",         " gateway", " stands", " between", " the",
                                     " programs", " and",     " the",    " models",  "." };

const char *answers_word(size_t i)
{
    return words[i % SL_ARRAY_LEN(words)];
}

static void text_start(struct text *t)
{
    if (!t->data) {
        t->data = malloc(TEXT_MAX);
        t->len = 0;
    }
    if (!t->data) {
        bench_die("bench_upstream: out of memory");
    }
}

void text_add_bytes(struct text *t, const void *p, size_t n)
{
    text_start(t);
    if (n >= TEXT_MAX - t->len) {
        bench_die("bench_upstream: an answer is longer than %d bytes", TEXT_MAX);
    }
    memcpy(t->data + t->len, p, n);
    t->len += n;
}

void text_add(struct text *t, const char *fmt, ...)
{
    va_list args;
    text_start(t);
    va_start(args, fmt);
    int n = vsnprintf(t->data + t->len, TEXT_MAX - t->len, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= TEXT_MAX - t->len) {
        bench_die("bench_upstream: an answer is longer than %d bytes", TEXT_MAX);
    }
    t->len += (size_t)n;
}

void text_free(struct text *t)
{
    free(t->data);
    *t = (struct text){ 0 };
}

void text_reply(struct text *t, const char *status, struct text *body)
{
    text_add(t, "HTTP/1.1 %s\r\n" COMMON_HEADERS "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%.*s",
             status, body->len, (int)body->len, body->data);
    text_free(body);
}

static void make_chat(struct text *t)
{
    struct text body = { 0 };
    text_add(&body,
             "{\"id\":\"chatcmpl-0f1e2d3c4b5a6978\",\"object\":\"chat.completion\",\"created\":" CREATED
             ",\"model\":\"" MODEL
             "\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\",\"refusal\":null,"
             "\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":187,"
             "\"completion_tokens\":118,\"total_tokens\":305,\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_"
             "tokens\":0},"
             "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0}},\"service_tier\":\"default\","
             "\"system_fingerprint\":\"fp_560af6e559\"}",
             answers_content);
    text_reply(t, "200 OK", &body);
}

static void make_completion(struct text *t)
{
    struct text body = { 0 };
    text_add(&body,
             "{\"id\":\"cmpl-0f1e2d3c4b5a6978\",\"object\":\"text_completion\",\"created\":" CREATED
             ",\"model\":\"" MODEL
             "\",\"choices\":[{\"text\":\"%s\",\"index\":0,\"logprobs\":null,\"finish_reason\":\"stop\"}],"
             "\"usage\":{\"prompt_tokens\":187,\"completion_tokens\":118,\"total_tokens\":305}}",
             answers_content);
    text_reply(t, "200 OK", &body);
}

static void make_embedding(struct text *t)
{
    struct text body = { 0 };
    text_add(&body, "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[");
    for (int i = 0; i < DIMENSIONS; i++) {
        text_add(&body, "%s%.8f", i ? "," : "", (i * 37 % 101 - 50) / 997.0);
    }
    text_add(&body, "]}],\"model\":\"text-embedding-3-small\",\"usage\":{\"prompt_tokens\":187,\"total_tokens\":187}}");
    text_reply(t, "200 OK", &body);
}

static void make_transcription(struct text *t)
{
    struct text body = { 0 };
    text_add(&body,
             "{\"text\":\"%s\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":187,\"input_token_details\":{"
             "\"text_tokens\":0,\"audio_tokens\":187},\"output_tokens\":118,\"total_tokens\":305}}",
             answers_content);
    text_reply(t, "200 OK", &body);
}

static void make_error(struct text *t, const char *status, const char *message)
{
    struct text body = { 0 };
    text_add(&body, "{\"error\":{\"message\":\"%s\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}}",
             message);
    text_reply(t, status, &body);
}

void piece_add(struct stream_text *s, size_t i, const char *type, struct text *events)
{
    struct text *piece = &s->pieces[i];
    if (i == 0) {
        text_add(piece,
                 "HTTP/1.1 200 OK\r\n" COMMON_HEADERS "Content-Type: %s\r\nCache-Control: no-cache\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n",
                 type);
    }
    text_add(piece, "%zx\r\n", events->len);
    text_add_bytes(piece, events->data, events->len);
    text_add(piece, i + 1 == s->n ? "\r\n0\r\n\r\n" : "\r\n");
    events->len = 0;
}

#define SSE "text/event-stream; charset=utf-8"

/* The Messages API's answer with the chat answer's words and counts. */
#define MESSAGE_MODEL "claude-sonnet-4-5-20250929"
#define MESSAGE_USAGE                                                                                            \
    "{\"input_tokens\":187,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"cache_creation\":{" \
    "\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0},\"output_tokens\":%d,\"service_tier\":"    \
    "\"standard\"}"

static void make_message(struct text *t)
{
    struct text body = { 0 };
    text_add(&body,
             "{\"id\":\"msg_0f1e2d3c4b5a6978\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"" MESSAGE_MODEL
             "\",\"content\":[{\"type\":\"text\",\"text\":\"%s\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,"
             "\"usage\":" MESSAGE_USAGE "}",
             answers_content, 118);
    text_reply(t, "200 OK", &body);
}

static void make_message_stream(struct stream_text *s, size_t n_chunks)
{
    struct text events = { 0 };
    s->n = n_chunks;
    for (size_t i = 0; i < n_chunks; i++) {
        if (i == 0) {
            text_add(
                &events,
                "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_"
                "0f1e2d3c4b5a6978\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"" MESSAGE_MODEL
                "\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":" MESSAGE_USAGE "}}\n\n"
                "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{"
                "\"type\":\"text\",\"text\":\"\"}}\n\n",
                1);
        } else if (i + 1 < n_chunks) {
            text_add(&events,
                     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
                     "\"type\":\"text_delta\",\"text\":\"%s\"}}\n\n",
                     answers_word(i - 1));
        } else {
            text_add(&events,
                     "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
                     "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\","
                     "\"stop_sequence\":null},\"usage\":{\"output_tokens\":18}}\n\n"
                     "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
        }
        piece_add(s, i, SSE, &events);
    }
    text_free(&events);
}

static void add_event(struct text *events, const char *choices, const char *usage)
{
    text_add(events,
             "data: {\"id\":\"chatcmpl-0f1e2d3c4b5a6978\",\"object\":\"chat.completion.chunk\",\"created\":" CREATED
             ",\"model\":\"" MODEL
             "\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_560af6e559\",\"choices\":[%s]%s}"
             "\n\n",
             choices, usage);
}

static void make_stream(struct stream_text *s, size_t n_chunks, bool with_usage)
{
    struct text events = { 0 };
    const char *usage = with_usage ? ",\"usage\":null" : "";
    s->n = n_chunks;
    for (size_t i = 0; i < n_chunks; i++) {
        char choice[256];
        if (i == 0) {
            snprintf(
                choice, sizeof choice,
                "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":null,"
                "\"finish_reason\":null}");
        } else if (i + 1 < n_chunks) {
            snprintf(choice, sizeof choice,
                     "{\"index\":0,\"delta\":{\"content\":\"%s\"},\"logprobs\":null,\"finish_reason\":null}",
                     answers_word(i - 1));
        } else {
            snprintf(choice, sizeof choice, "{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}");
        }
        add_event(&events, choice, usage);
        if (i + 1 == n_chunks && with_usage) {
            add_event(&events, "", ",\"usage\":{\"prompt_tokens\":187,\"completion_tokens\":18,\"total_tokens\":205}");
        }
        if (i + 1 == n_chunks) {
            text_add(&events, "data: [DONE]\n\n");
        }
        piece_add(s, i, SSE, &events);
    }
    text_free(&events);
}

static void stream_free(struct stream_text *s)
{
    for (size_t i = 0; i < s->n; i++) {
        text_free(&s->pieces[i]);
    }
}

void answers_init(struct answers *a, size_t n_chunks)
{
    *a = (struct answers){ 0 };
    make_chat(&a->chat);
    make_completion(&a->completion);
    struct other_answer *messages = &a->others[OTHER_MESSAGES];
    messages->path = messages->stream_path = "/messages";
    make_message(&messages->whole);
    make_message_stream(&messages->stream, n_chunks);
    make_gemini(&a->others[OTHER_GEMINI], n_chunks);
    make_converse(&a->others[OTHER_CONVERSE], n_chunks);
    make_cohere(&a->others[OTHER_COHERE]);
    make_responses(&a->others[OTHER_RESPONSES]);
    make_embedding(&a->embedding);
    make_transcription(&a->transcription);
    make_error(&a->not_found, "404 Not Found", "The mock upstream has no such path.");
    make_error(&a->bad_request, "400 Bad Request", "The mock upstream wants a JSON object with a Content-Length.");
    make_stream(&a->plain, n_chunks, false);
    make_stream(&a->with_usage, n_chunks, true);
}

const struct text *answers_whole(struct other_answer *a)
{
    char digits[ID_DIGITS + 1];
    if (a->id) { /* spread like those of the real API */
        snprintf(digits, sizeof(digits), "%016llx", ++a->n * 0x9e3779b97f4a7c15ull);
        memcpy(a->id, digits, ID_DIGITS);
    }
    return &a->whole;
}

void answers_done(struct answers *a)
{
    text_free(&a->chat);
    text_free(&a->completion);
    for (size_t i = 0; i < OTHER_COUNT; i++) {
        text_free(&a->others[i].whole);
        stream_free(&a->others[i].stream);
    }
    text_free(&a->embedding);
    text_free(&a->transcription);
    text_free(&a->not_found);
    text_free(&a->bad_request);
    stream_free(&a->plain);
    stream_free(&a->with_usage);
}
