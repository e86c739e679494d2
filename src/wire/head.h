/* SPDX-License-Identifier: Apache-2.0 */
/* Checks a message head before a parser sees it: RFC 9112 without its leniencies, because each leniency is a way to
 * smuggle a second request past a program that reads it differently. Pure and resumable at every byte. */
#ifndef SL_WIRE_HEAD_H
#define SL_WIRE_HEAD_H

#include "base/err.h"
#include "base/str.h"

enum sl_head_kind { SL_HEAD_REQUEST, SL_HEAD_RESPONSE, SL_HEAD_TRAILER };

enum sl_head_fault {
    SL_HEAD_OK,
    SL_HEAD_NUL,          /* 400: a NUL byte */
    SL_HEAD_BARE_CR,      /* 400: CR without LF */
    SL_HEAD_BARE_LF,      /* 400: LF without CR */
    SL_HEAD_FOLD,         /* 400: a line that starts with space or tab (obs-fold, or space before the first field) */
    SL_HEAD_REQUEST_LINE, /* 400: not exactly METHOD SP target SP HTTP/x.y */
    SL_HEAD_VERSION,      /* 505: a well-formed request line with another version than HTTP/1.0 or HTTP/1.1 */
    SL_HEAD_STATUS_LINE,  /* responses: not HTTP/1.x SP 3DIGIT [SP reason] */
    SL_HEAD_FIELD, /* 400: a field line without a name, without ':', or with a byte in the name that is not a token's */
    SL_HEAD_CONTROL,   /* 400: another control character (not HTAB) in a field value or the target */
    SL_HEAD_TOO_LARGE, /* 431, or 414 when the request line alone is over the limit */
    SL_HEAD_TARGET_TOO_LARGE,
    SL_HEAD_TOO_MANY_FIELDS,
};

struct sl_head_check {
    enum sl_head_kind kind;
    enum sl_head_fault fault;
    size_t max_bytes; /* of the whole head, from its first byte through the blank line */
    uint32_t max_fields;
    size_t offset; /* bytes used; after a fault the offset of the wrong byte */
    /* private */
    uint32_t n_fields;
    uint32_t line_len;
    uint8_t state;
    uint8_t part;
    uint8_t matched;
    bool is_first_line;
};

/* One empty line (CRLF) before a request line is skipped (RFC 9112 2.2), no more. It counts in `offset`. */
void sl_head_check_init(struct sl_head_check *check, enum sl_head_kind kind, size_t max_bytes, uint32_t max_fields);

/* Feeds bytes. 1: the head is complete, and `*ret_used` bytes of `bytes` belong to it (blank line included). 0: all
 * bytes were used, more must come. SL_E_INVAL: refused, see check->fault and check->offset. */
SL_MUST int sl_head_check_push(struct sl_head_check *check, struct sl_str bytes, size_t *ret_used);

/* The status to answer with (400, 414, 431, 505) and a one-line reason. */
int sl_head_fault_status(enum sl_head_fault fault);
const char *sl_head_fault_text(enum sl_head_fault fault);
/* The same for a trailer section. */
const char *sl_trailer_fault_text(enum sl_head_fault fault);

#endif
