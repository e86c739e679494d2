/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the code that changes schemas: schema_view.c reads, schema.c writes. */
#ifndef SL_LLM_FORM_SCHEMA_VIEW_H
#define SL_LLM_FORM_SCHEMA_VIEW_H

#include "llm/form/schema_rules.h"

#define SL_SCHEMA_DEPTH_MAX 256
#define SL_SCHEMA_VIEW_MAX  16 /* schemas that allOf makes one */

enum sl_schema_kind { SL_SCHEMA_VALUE, SL_SCHEMA_SCHEMA, SL_SCHEMA_MAP, SL_SCHEMA_LIST };
enum sl_schema_fate { SL_SCHEMA_TELL, SL_SCHEMA_LOSE };

struct sl_schema_word_row {
    struct sl_str word;
    enum sl_schema_kind kind;
    enum sl_schema_fate fate;
};
extern const struct sl_schema_word_row sl_schema_words[SL_SCHEMA_WORD_COUNT];

struct sl_schema_cast {
    const struct sl_form *form;
    const struct sl_schema_rules *rules;
    struct sl_json_val root;
    struct sl_buf *out;
    uint8_t *state; /* for each token of `root`: it is being written, or it was seen */
    uint32_t depth;
};

/* A schema, together with those that allOf and references make part of it. */
struct sl_schema_view {
    struct sl_json_val v[SL_SCHEMA_VIEW_MAX];
    size_t n;
    struct sl_json_val at[SL_SCHEMA_WORD_COUNT]; /* the first of each keyword */
    uint64_t has;
    uint32_t marks[SL_SCHEMA_VIEW_MAX]; /* targets of references that are being written below this schema */
    size_t n_marks;
};

/* The state of token `i`, which is in `root`. */
SL_INLINE uint8_t *sl_schema_state(const struct sl_schema_cast *c, uint32_t i)
{
    return &c->state[i - c->root.i];
}
bool sl_schema_takes(const struct sl_schema_cast *c, enum sl_schema_word word);
int sl_schema_refuse(const struct sl_schema_cast *c, struct sl_json_val v, const char *text);
/* The target of "#/$defs/Name"; absent: it is not in this schema. */
struct sl_json_val sl_schema_target(const struct sl_schema_cast *c, struct sl_json_val ref);
/* Makes the view of a schema, with the schemas that allOf makes part of it, and references too when they are not
 * taken. */
SL_MUST int sl_schema_view_make(struct sl_schema_cast *c, struct sl_schema_view *view, struct sl_json_val v);
void sl_schema_view_done(struct sl_schema_cast *c, struct sl_schema_view *view);
/* Refuses a schema that contains itself. */
SL_MUST int sl_schema_recursion_check(struct sl_schema_cast *c, struct sl_json_val v);

#endif
