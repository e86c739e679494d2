/* SPDX-License-Identifier: Apache-2.0 */
/* Changes members of a JSON text without re-serialising it. The changes are a sorted list of (offset, length, new
 * bytes), which becomes slices for one writev or is written out. Every other byte stays unchanged. */
#ifndef SL_JSON_EDIT_H
#define SL_JSON_EDIT_H

#include "json/json.h"

struct sl_arena;
struct sl_buf;

struct sl_json_edit {
    size_t off; /* in the original text */
    size_t len; /* bytes replaced; 0 inserts */
    struct sl_str text;
};

struct sl_json_edits {
    struct sl_arena *arena;
    struct sl_json_edit *v; /* sorted by offset, never overlapping */
    uint32_t n, cap;
    int status; /* sticky: SL_E_NOMEM */
};

void sl_json_edits_init(struct sl_json_edits *edits, struct sl_arena *arena);
/* Replaces the whole value with `json` (borrowed). A second edit of one value replaces the first. */
void sl_json_edit_replace(struct sl_json_edits *edits, struct sl_json_val v, struct sl_str json);
/* Sets a member of `object`: replaces the value of every occurrence, or inserts `"key":json` as the first member.
 * Several inserts into one object come out in the order in which they were made. */
void sl_json_edit_set(struct sl_json_edits *edits, struct sl_json_val object, const char *key, struct sl_str json);
/* Gives a member, found by its key, another name; its value stays. `name` must need no escaping. */
void sl_json_edit_rename(struct sl_json_edits *edits, struct sl_json_val key, const char *name);
/* Puts a value in front of a list. */
void sl_json_edit_prepend(struct sl_json_edits *edits, struct sl_json_val list, struct sl_str json);
/* Removes every occurrence of a member together with one comma. This works for the first, middle, last and only member,
 * for several of one object in any order, and together with sets in the same object. */
void sl_json_edit_remove(struct sl_json_edits *edits, struct sl_json_val object, const char *key);

/* The result as slices in order (pieces of the original and of the edits), on the arena. */
SL_MUST int sl_json_edits_slices(const struct sl_json_edits *edits, struct sl_str text, struct sl_str **ret_slices,
                                 size_t *ret_n, size_t *ret_total);
/* Appends the result to a buffer. */
void sl_json_edits_write(const struct sl_json_edits *edits, struct sl_str text, struct sl_buf *out);

#endif
