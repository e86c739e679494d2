/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one HTTP/1.1 reply, in pieces split anywhere, and compares its body byte for byte with the wanted one. The body
 * has a length, is chunked, or ends with the connection. It allocates nothing and keeps no pointer into its input. */
#ifndef BENCH_REPLY_H
#define BENCH_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLY_HEAD_MAX 16384 /* no tested gateway sends a quarter of it */

enum reply_state {
    REPLY_HEAD,
    REPLY_LENGTH,
    REPLY_CHUNK_SIZE, /* also in a chunk's extension, up to its LF */
    REPLY_CHUNK_DATA,
    REPLY_CHUNK_END, /* the CRLF after a chunk's data */
    REPLY_TRAILER,
    REPLY_UNTIL_CLOSE,
    REPLY_DONE,
    REPLY_WRONG, /* `error` says why */
};

/* In the wanted text: a number of any length, with something else after it. A NUL there is any letter or digit. */
#define REPLY_NUMBER '\1'

struct reply {
    enum reply_state state;
    const char *want; /* the wanted body; borrowed */
    size_t want_len, want_at;
    size_t body_len; /* body bytes seen */
    uint64_t left;   /* of the body with a length, of the chunk, or of the CRLF after it */
    bool closes;     /* the connection ends with this reply */
    bool has_digit;  /* the chunk size has a digit */
    bool in_ext;
    unsigned line_len; /* of the trailer line */
    size_t head_len;
    const char *error;
    char head[REPLY_HEAD_MAX];
};

/* Prepares for the next reply; `want` must outlive it. */
void reply_start(struct reply *r, const char *want, size_t want_len);

/* Takes bytes up to the end of the reply and returns how many; then look at `state`. */
size_t reply_feed(struct reply *r, const char *data, size_t len);

/* The connection has ended: the reply is complete, or wrong. */
void reply_end(struct reply *r);

#endif
