/* SPDX-License-Identifier: Apache-2.0 */
/* JSON writer: streams compact JSON into a buffer (sticky status of the buffer; commas are the writer's business).
 *   sl_jw_object(&w); sl_jw_key(&w, "id"); sl_jw_str(&w, id); sl_jw_end(&w);
 * Text is written as raw UTF-8; only '"', '\\' and control characters are escaped; invalid UTF-8 becomes U+FFFD. */
#ifndef SL_JSON_WRITE_H
#define SL_JSON_WRITE_H

#include "base/str.h"

struct sl_buf;
struct sl_json_val;

#define SL_JW_DEPTH_MAX 32

struct sl_jw {
    struct sl_buf *out;
    uint32_t depth;
    bool need_comma;
    bool after_key;
    uint8_t closers[SL_JW_DEPTH_MAX]; /* ']' or '}' */
};

void sl_jw_init(struct sl_jw *w, struct sl_buf *out);
/* Continues inside open containers at the buffer's end, which are empty or end with a comma. `closers`: the brackets
 * that close them, outermost first. */
void sl_jw_inside(struct sl_jw *w, struct sl_buf *out, struct sl_str closers);
void sl_jw_object(struct sl_jw *w);
void sl_jw_array(struct sl_jw *w);
void sl_jw_end(struct sl_jw *w);                  /* closes the innermost */
void sl_jw_key(struct sl_jw *w, const char *key); /* written as it is: for names that need no escaping */
void sl_jw_key_str(struct sl_jw *w, struct sl_str key);
void sl_jw_str(struct sl_jw *w, struct sl_str text);
void sl_jw_str_c(struct sl_jw *w, const char *text); /* NULL writes null */
void sl_jw_u64(struct sl_jw *w, uint64_t v);
void sl_jw_i64(struct sl_jw *w, int64_t v);
void sl_jw_double(struct sl_jw *w, double v); /* shortest that reads back the same; not finite: null */
void sl_jw_bool(struct sl_jw *w, bool v);
void sl_jw_null(struct sl_jw *w);
void sl_jw_raw(struct sl_jw *w, struct sl_str json); /* a value that is JSON already */

/* Shorthands for members. */
void sl_jw_member_str(struct sl_jw *w, const char *key, struct sl_str text); /* text.p == NULL writes null */
void sl_jw_member_u64(struct sl_jw *w, const char *key, uint64_t v);
void sl_jw_member_i64(struct sl_jw *w, const char *key, int64_t v);
void sl_jw_member_bool(struct sl_jw *w, const char *key, bool v);
void sl_jw_member_null(struct sl_jw *w, const char *key);
void sl_jw_member_raw(struct sl_jw *w, const char *key, struct sl_str json);
/* Writes one string: joins the members `member` of a list's elements. Leaves out all that are not strings. */
void sl_jw_member_join(struct sl_jw *w, const char *key, struct sl_json_val list, const char *member);

/* JSON without the white space between its tokens, appended. */
void sl_json_compact(struct sl_buf *out, struct sl_str json);

/* Only the escaping: appends `text` as the inside of a JSON string (no quotes). */
void sl_json_escape(struct sl_buf *out, struct sl_str text);

/* JSON without line breaks, because a line break would end the line of an event. SL_STR_NONE: no memory. */
struct sl_arena;
struct sl_str sl_json_flat(struct sl_str raw, struct sl_arena *arena);

#endif
