/* SPDX-License-Identifier: Apache-2.0 */
/* A list of header fields as slices, in their order, with repetitions. Names compare without case. The caller owns the
 * storage (an exchange's arena); nothing is copied. */
#ifndef SL_WIRE_HEADERS_H
#define SL_WIRE_HEADERS_H

#include "base/err.h"
#include "base/str.h"

struct sl_arena;

struct sl_header {
    struct sl_str name;
    struct sl_str value; /* without surrounding white space */
};

struct sl_headers {
    struct sl_header *v;
    uint32_t n, cap;
    struct sl_str head; /* the whole head, if the fields were read from one; else p is NULL */
};

/* First one with that name, or NULL. */
const struct sl_header *sl_headers_find(const struct sl_headers *headers, struct sl_str name);
/* Its value, or SL_STR_NONE. */
SL_INLINE struct sl_str sl_headers_get(const struct sl_headers *headers, const char *name)
{
    const struct sl_header *header = sl_headers_find(headers, sl_str_c(name)); /* a literal's length is a constant */
    return header ? header->value : SL_STR_NONE;
}
uint32_t sl_headers_count(const struct sl_headers *headers, const char *name);
/* Makes room for exactly `n` in an empty list, for one that lives long and is small. */
SL_MUST int sl_headers_reserve(struct sl_headers *headers, struct sl_arena *arena, uint32_t n);
/* Room for one more (doubling). 0 or SL_E_NOMEM. */
SL_MUST int sl_headers_grow(struct sl_headers *headers, struct sl_arena *arena);
/* Appends; grows on the arena. 0 or SL_E_NOMEM. */
SL_MUST SL_INLINE int sl_headers_add(struct sl_headers *headers, struct sl_arena *arena, struct sl_str name,
                                     struct sl_str value)
{
    if (SL_UNLIKELY(headers->n == headers->cap) && sl_headers_grow(headers, arena) < 0) {
        return SL_E_NOMEM;
    }
    headers->v[headers->n++] = (struct sl_header){ name, value };
    return 0;
}
/* Does the name of any begin so? */
bool sl_headers_begin(const struct sl_headers *headers, struct sl_str prefix);
/* A token of 1 to 128 bytes. */
bool sl_header_is_name(struct sl_str s);
/* True: a field of that name has `token` in its comma-separated list (any case), as in "Connection: keep-alive,
 * close". */
bool sl_headers_has_token(const struct sl_headers *headers, const char *name, const char *token);

/* True: the name is in the list. The list ends with a p of NULL; NULL is an empty list. */
SL_INLINE bool sl_header_is_listed(struct sl_str name, const struct sl_str *list)
{
    for (; list && list->p; list++) {
        if (sl_str_case_eq(name, *list)) {
            return true;
        }
    }
    return false;
}
/* Names that are looked up in every head, by their lengths. */
#define SL_HEADER_NAMES_LENGTH_MAX 31
#define SL_HEADER_NAMES_EACH       3
struct sl_header_names {
    struct sl_str of[SL_HEADER_NAMES_LENGTH_MAX + 1][SL_HEADER_NAMES_EACH]; /* p == NULL: no further name */
};
SL_INLINE bool sl_header_is_among(struct sl_str name, const struct sl_header_names *names)
{
    for (size_t i = 0; name.n <= SL_HEADER_NAMES_LENGTH_MAX && i < SL_HEADER_NAMES_EACH; i++) {
        if (!names->of[name.n][i].p) {
            break;
        }
        if (sl_str_case_eq(name, names->of[name.n][i])) {
            return true;
        }
    }
    return false;
}
/* Remove all fields whose name is in the list. */
void sl_headers_drop(struct sl_headers *headers, const struct sl_str *list);
void sl_headers_drop_among(struct sl_headers *headers, const struct sl_header_names *names);

/* True: a field that belongs to one connection and is never forwarded (RFC 9110 7.6.1): connection, keep-alive,
 * proxy-connection, te, trailer, transfer-encoding, upgrade, proxy-authenticate, proxy-authorization, and whatever the
 * Connection field names. */
bool sl_header_is_hop_by_hop(struct sl_str name);

/* True for 1..max visible ASCII characters (0x21-0x7e). */
bool sl_header_is_visible(struct sl_str value, size_t max);

/* The classic reason phrase: 422 is "Unprocessable Entity", 413 "Payload Too Large"; "Unknown" when there is none. */
const char *sl_status_reason(int status);

/* IMF-fixdate of RFC 9110 5.6.7, 29 bytes and a NUL. */
void sl_http_date(int64_t unix_sec, char out[30]);
SL_MUST int sl_parse_http_date(struct sl_str s, int64_t *ret_unix_sec);
/* "2026-01-31T12:00:00Z", of RFC 3339 (fractions and offsets too), rounded up to a second. */
SL_MUST int sl_parse_instant(struct sl_str s, int64_t *ret_unix_sec);
/* Retry-After: delta-seconds or a date; in seconds from now, 0 when past. */
SL_MUST int sl_parse_retry_after(struct sl_str s, int64_t now_unix_sec, uint64_t *ret_sec);

#endif
