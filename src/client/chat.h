/* SPDX-License-Identifier: Apache-2.0 */
/* A chat that is being built: what chat.c and message.c share. */
#ifndef SL_CLIENT_CHAT_H
#define SL_CLIENT_CHAT_H

#include "client/priv.h"
#include "sluice/chat.h"

struct slc_message {
    const char *role;   /* NULL: `body` is the whole message */
    bool is_text;       /* `body` is the content, a string; else its parts, with commas between them */
    struct sl_buf body; /* JSON */
};

struct slc_setting {
    char *name;
    struct sl_buf value; /* JSON */
};

struct sluice_chat {
    struct sl_alloc alloc;
    struct slc_message *messages;
    size_t n_messages, cap_messages;
    struct slc_setting *settings;
    size_t n_settings, cap_settings;
    struct sl_buf tools; /* with commas between them */
    struct sl_buf json;
    sluice_error *err;
};

/* Keeps the error in the chat and returns its code. */
#define SLC_CHAT_FAIL(chat, ...) slc_fail(&(chat)->alloc, &(chat)->err, SLUICE_EUSAGE, __VA_ARGS__)
int slc_chat_no_memory(struct sluice_chat *chat);
/* Returns the code of an error that the chat has already. */
int slc_chat_check(const struct sluice_chat *chat);
/* Checks that the text is there and is UTF-8. `what` is its name in the error. */
int slc_chat_text(struct sluice_chat *chat, const char *what, const char *text, size_t n);
int slc_chat_text_c(struct sluice_chat *chat, const char *what, const char *text);
/* Checks that it is JSON of that kind (any if negative). *io_len becomes the length if it was SLUICE_NUL_TERMINATED.
 * `key`: a member that must be a string; NULL: none. */
int slc_chat_json_check(struct sluice_chat *chat, const char *what, const char *json, size_t *io_len, int kind,
                        const char *key);

#endif
