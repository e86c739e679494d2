/* SPDX-License-Identifier: Apache-2.0 */
/* Push scanner: finds one top-level member in a JSON object that flows past, resumable at every byte, and keeps nothing
 * but that member's raw value. It does not validate: what it watches belongs to somebody else and travels on untouched
 * whatever it is. Malformed text only means that nothing is found. Used to read `usage` from a reply that is passed
 * through. */
#ifndef SL_JSON_SCAN_H
#define SL_JSON_SCAN_H

#include "base/buf.h"

#define SL_JSON_SCAN_KEY_MAX 31

struct sl_json_scan {
    struct sl_buf value; /* raw bytes of the member's value (the last one, when repeated), quotes included */
    char key[SL_JSON_SCAN_KEY_MAX + 1];
    uint8_t key_len;
    /* private */
    uint8_t state;
    uint8_t matched;
    bool is_match;
    bool is_found;
    bool is_closed; /* the object's closing brace was seen */
    uint32_t depth;
};

/* `key` is at most SL_JSON_SCAN_KEY_MAX bytes, unescaped ASCII; values over `max_value` bytes are given up (not found).
 */
void sl_json_scan_init(struct sl_json_scan *scan, const char *key, size_t max_value);
void sl_json_scan_done(struct sl_json_scan *scan);
/* Long strings outside the wanted member are skipped 16 bytes at a time. */
void sl_json_scan_push(struct sl_json_scan *scan, struct sl_str bytes);
/* An object began and its end was not seen. */
bool sl_json_scan_is_cut(const struct sl_json_scan *scan);
/* The complete value seen so far, or false. */
bool sl_json_scan_value(const struct sl_json_scan *scan, struct sl_str *ret);

#endif
