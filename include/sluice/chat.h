/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a chat query, built without a brace or a backslash by hand:
 *
 *   sluice_chat *chat = sluice_chat_new();
 *   sluice_chat_add(chat, "system", "Answer in one word.");
 *   sluice_chat_add(chat, "user", prompt);
 *   sluice_chat_set_int(chat, "max_tokens", 20);
 *   if (sluice_chat_query(client, "chat", chat, &result, &err) == 0) {
 *       puts(sluice_result_text(result, NULL));
 *       sluice_chat_add_answer(chat, result);                          for the next turn
 *   }
 *   sluice_chat_free(chat);
 *
 * A chat remembers its first error: the function that fails returns the code and changes nothing. Until
 * sluice_chat_clear_error every later function returns the same code, and nothing can be sent. So a program needs to
 * check only once, at the end of a sequence; sending does that check. Codes: SLUICE_EUSAGE (a text that is not UTF-8,
 * invalid JSON, a NULL, an unknown role, a name that is taken), SLUICE_ENOMEM.
 *
 * Texts are NUL-terminated UTF-8 and copied; JSON has a length and is copied. A chat belongs to one thread at a time,
 * and to no client: one chat may be sent with several clients. All of this header: SINCE 0.2.0. */
#ifndef SLUICE_CHAT_H
#define SLUICE_CHAT_H

#include "client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Messages, tools and settings of one conversation. SINCE 0.2.0. */
typedef struct sluice_chat sluice_chat;

/* ---- life ------------------------------------------------------------------------------------------------- */

/* An empty chat; NULL when out of memory. Free with sluice_chat_free. SINCE 0.2.0. */
sluice_chat *sluice_chat_new(void);
/* The same, with memory through `fn`, as sluice_opts_new_alloc. SINCE 0.2.0. */
sluice_chat *sluice_chat_new_alloc(sluice_alloc_fn fn, void *arg);
/* Frees the chat with everything in it; requests made from it live on. SINCE 0.2.0. */
void sluice_chat_free(sluice_chat *chat);
/* The first error, or NULL. Lives until sluice_chat_clear_error or sluice_chat_free. SINCE 0.2.0. */
const sluice_error *sluice_chat_error(const sluice_chat *chat);
/* Clears the error: the chat is what it was before the call that failed. SINCE 0.2.0. */
void sluice_chat_clear_error(sluice_chat *chat);

/* ---- messages --------------------------------------------------------------------------------------------- */

/* Adds a message. `role`: "system", "developer", "user" or "assistant". SINCE 0.2.0. */
int sluice_chat_add(sluice_chat *chat, const char *role, const char *text);
/* The same for a text of `len` bytes. SINCE 0.2.0. */
int sluice_chat_add_n(sluice_chat *chat, const char *role, const char *text, size_t len);
/* Adds an image to the last message if that is the user's, else to a new message of the user. `url`: https://… or
 * data:…; `detail`: "low", "high", "auto" or NULL. SINCE 0.2.0. */
int sluice_chat_add_image(sluice_chat *chat, const char *url, const char *detail);
/* The same for an image in memory, which is sent inside the message (base64). `media_type`: "image/png", … SINCE
 * 0.2.0. */
int sluice_chat_add_image_data(sluice_chat *chat, const char *media_type, const void *data, size_t len);
/* The same for a further text, for example behind an image. SINCE 0.2.0. */
int sluice_chat_add_text(sluice_chat *chat, const char *text);
/* The same for any other part of a message, a JSON object: {"type": "input_audio", …}. SINCE 0.2.0. */
int sluice_chat_add_part(sluice_chat *chat, const char *json, size_t len);
/* Adds the model's answer: the first choice with its text and tool calls, from a whole reply or a stream. SLUICE_EUSAGE
 * when the result has neither. SINCE 0.2.0. */
int sluice_chat_add_answer(sluice_chat *chat, const sluice_result *result);
/* Adds the result of a tool call. `call_id`: sluice_tool_call_id. SINCE 0.2.0. */
int sluice_chat_add_tool_result(sluice_chat *chat, const char *call_id, const char *text);
/* Adds a message as JSON, an object with a "role". SINCE 0.2.0. */
int sluice_chat_add_message(sluice_chat *chat, const char *json, size_t len);
/* Removes the last message; SLUICE_EUSAGE when there is none. SINCE 0.2.0. */
int sluice_chat_pop(sluice_chat *chat);
/* How many messages there are. SINCE 0.2.0. */
size_t sluice_chat_count(const sluice_chat *chat);

/* ---- tools and settings ----------------------------------------------------------------------------------- */

/* Offers a function to the model. `description` may be NULL; `parameters` is a JSON schema (an object), or NULL for a
 * function without parameters. SINCE 0.2.0. */
int sluice_chat_add_tool(sluice_chat *chat, const char *name, const char *description, const char *parameters,
                         size_t parameters_len);
/* Sets a member of the body: "model", "temperature", "max_tokens", "response_format", … A second call replaces the
 * value; a NULL text or JSON removes the member. The library itself sets "messages" and "stream", and "tools" after
 * sluice_chat_add_tool; these names are refused. A double must be finite. SINCE 0.2.0. */
int sluice_chat_set_str(sluice_chat *chat, const char *name, const char *value);
int sluice_chat_set_int(sluice_chat *chat, const char *name, int64_t value);
int sluice_chat_set_double(sluice_chat *chat, const char *name, double value);
int sluice_chat_set_bool(sluice_chat *chat, const char *name, int value);
int sluice_chat_set_json(sluice_chat *chat, const char *name, const char *json, size_t len);

/* ---- sending ---------------------------------------------------------------------------------------------- */

/* The body so far, NUL-terminated; NULL when the chat has an error. Lives until the next call on the chat. `len` may be
 * NULL. SINCE 0.2.0. */
const char *sluice_chat_json(sluice_chat *chat, size_t *len);
/* As sluice_query with that body; an error of the chat becomes this call's error. SINCE 0.2.0. */
int sluice_chat_query(sluice_client *client, const char *route, sluice_chat *chat, sluice_result **result,
                      sluice_error **err);
/* As sluice_query_stream. SINCE 0.2.0. */
int sluice_chat_query_stream(sluice_client *client, const char *route, sluice_chat *chat,
                             const sluice_callbacks *callbacks, void *arg, sluice_result **result, sluice_error **err);
/* As sluice_request_query, for sluice_start and similar functions; the request has a copy of the body. SINCE 0.2.0. */
int sluice_request_chat(sluice_client *client, const char *route, sluice_chat *chat, int stream,
                        sluice_request **request, sluice_error **err);

#ifdef __cplusplus
}
#endif

#endif
