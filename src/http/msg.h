/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one HTTP/1.x message, request or response (RFC 9112). wire/head.h checks the head, which is kept contiguous.
 * Our own slices of the fields decide the framing. For most heads (a method, a path, one length) that is all. Any other
 * head also goes through llhttp, once and whole: where llhttp reads another framing from the same bytes, a proxy before
 * or behind us may do so too, and the message is refused. Bodies do not go through llhttp. */
#ifndef SL_HTTP_MSG_H
#define SL_HTTP_MSG_H

#include "base/arena.h"
#include "wire/chunked.h"
#include "wire/head.h"
#include "wire/headers.h"

/* A head with more fields gets 431. */
#define SL_HTTP_FIELDS_MAX 256

enum sl_framing_kind {
    SL_BODY_NONE,
    SL_BODY_LENGTH,
    SL_BODY_CHUNKED,
    SL_BODY_CLOSE, /* responses: until the connection ends */
};

struct sl_msg {
    struct sl_head_check check;   /* of the head, then of the trailer */
    struct sl_str method, target; /* requests */
    int status;                   /* responses */
    uint8_t minor;
    bool keep_alive;
    bool is_in_trailer;
    enum sl_framing_kind framing;
    uint64_t length; /* SL_BODY_LENGTH: length of the body */
    uint64_t left;   /* SL_BODY_LENGTH: bytes still to come */
    struct sl_headers headers;
    struct sl_chunked chunked;
    int (*on_body)(void *arg, struct sl_str bytes);  /* gets body data; non-zero stops */
    int (*on_chunk)(void *arg, uint64_t size_bytes); /* called before a chunk's data; may be NULL; non-zero stops */
    void *arg;
};

void sl_msg_init(struct sl_msg *msg, enum sl_head_kind kind, size_t max_head);

/* A request that must not go further: the status and text to answer. */
struct sl_msg_fault {
    int status;
    const char *text;
};

/* `head` is complete and checked; it must outlive the message. The list of fields is on the arena. SL_E_INVAL with
 * *ret_fault, or SL_E_NOMEM. */
SL_MUST int sl_msg_parse_request(struct sl_msg *msg, struct sl_str head, struct sl_arena *arena,
                                 struct sl_msg_fault *ret_fault);
/* `is_head`: this is the reply to a HEAD, which has no body. */
SL_MUST int sl_msg_parse_response(struct sl_msg *msg, struct sl_str head, bool is_head, struct sl_arena *arena,
                                  struct sl_msg_fault *ret_fault);

/* Of a head that is refused before it could be parsed, so much is looked at for its method and its target. */
#define SL_MSG_SALVAGE_MAX 1024
/* Both from the beginning of such a head, which outlives the message: the reply is in the path's dialect, and a reply
 * to HEAD has no body. They stay empty where it has none. */
void sl_msg_salvage(struct sl_msg *msg, struct sl_str head);

/* Reads body bytes. 1: the body is complete, and `*ret_used` bytes belonged to it; 0: all bytes were used, more must
 * come; SL_E_INVAL: broken framing (*ret_fault); or the result of on_body or on_chunk. Trailers are checked and
 * dropped. */
SL_MUST int sl_msg_push_body(struct sl_msg *msg, struct sl_str bytes, size_t *ret_used, struct sl_msg_fault *ret_fault);

#endif
