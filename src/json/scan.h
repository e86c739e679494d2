/* SPDX-License-Identifier: Apache-2.0 */
/* Push scanner: notes a few top-level members of a JSON object that passes. It can stop and go on at every byte, and
 * keeps only the raw values that it was asked to keep. It does not validate: the text belongs to others and passes
 * unchanged whatever it is; in malformed text it finds less. It is used to see usage and errors in a reply that
 * passes. */
#ifndef SL_JSON_SCAN_H
#define SL_JSON_SCAN_H

#include "base/buf.h"

#define SL_JSON_SCAN_NAME_MAX    31
#define SL_JSON_SCAN_MEMBERS_MAX 7

/* A member to look for. */
struct sl_json_scan_want {
    struct sl_str name; /* at most SL_JSON_SCAN_NAME_MAX bytes, unescaped ASCII */
    size_t keep_bytes;  /* its raw value is kept up to this length; 0: only its first byte */
    char begins;        /* the first byte that its value must have, else it is ignored; '\0': any */
};

/* Endings of names and texts that the caller looks for, anywhere in the object. */
#define SL_JSON_SCAN_END 8
struct sl_json_scan_ends {
    char of[4][SL_JSON_SCAN_END];
    uint32_t letters; /* the last letters of all endings: SL_JSON_SCAN_LETTER */
    uint32_t before;  /* the letters before these */
};
#define SL_JSON_SCAN_LETTER(c) (1u << ((c)&31))

/* What was seen of a member; if it is repeated, the last one. */
struct sl_json_scan_member {
    struct sl_buf value; /* raw bytes, quotes included */
    char first;          /* of its value; '\0': the member was not seen */
    bool is_filled;      /* a list, object or text that is not empty, or any other value */
    bool is_whole;       /* its value has ended */
};

struct sl_json_scan {
    struct sl_json_scan_member members[SL_JSON_SCAN_MEMBERS_MAX]; /* in the order of the wants */
    char first; /* the first byte of the text, after white space and a byte order mark; '\0': nothing yet */
    const struct sl_json_scan_ends *ends; /* the caller sets it after init; NULL: none */
    bool has_end; /* a name or a text has one of the endings. For one that came in pieces it may be true by mistake */
    /* private */
    const struct sl_json_scan_want *wants;
    uint32_t lengths, letters; /* of the wanted names: a bit for each length, and for each first letter */
    uint8_t n_wants;
    uint8_t state;
    uint8_t n_name; /* bytes of `name`; more than SL_JSON_SCAN_NAME_MAX: no wanted name is so long */
    int8_t at;      /* the member whose value is being read, or -1 */
    bool is_closed; /* the object's closing brace was seen */
    uint32_t depth;
    const char *value_from;           /* in the bytes that are pushed: where the value of `at` begins or goes on */
    char name[SL_JSON_SCAN_NAME_MAX]; /* the part of a name in earlier bytes */
};

/* `wants` must live as long as the scan; at most SL_JSON_SCAN_MEMBERS_MAX. */
void sl_json_scan_init(struct sl_json_scan *scan, const struct sl_json_scan_want *wants, size_t n_wants);
void sl_json_scan_done(struct sl_json_scan *scan);
/* Long strings outside the wanted members are skipped 16 bytes at a time. */
void sl_json_scan_push(struct sl_json_scan *scan, struct sl_str bytes);
/* True: an object began, and its end was not seen. */
bool sl_json_scan_is_cut(const struct sl_json_scan *scan);
/* The complete value of wants[i] so far; false: there is none, or it was longer than what is kept. */
bool sl_json_scan_value(const struct sl_json_scan *scan, size_t i, struct sl_str *ret);

#endif
