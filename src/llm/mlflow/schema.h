/* SPDX-License-Identifier: Apache-2.0 */
/* The MLflow dialect's request schemas as tables, and what checks a body against them. Faults come out in pydantic's
 * form and order:
 *   {"type":…,"loc":[…],"msg":…,"input":…,"ctx":…}
 * and so do its coercions ("2" for a number, 2.0 for an integer, "yes" for a boolean): they become edits of the body.
 */
#ifndef SL_LLM_MLFLOW_SCHEMA_H
#define SL_LLM_MLFLOW_SCHEMA_H

#include "llm/core/llm.h"

enum sl_mf_kind {
    SL_MF_STR,
    SL_MF_FLOAT,
    SL_MF_INT,
    SL_MF_BOOL,
    SL_MF_LITERAL, /* one of `words` */
    SL_MF_TYPE,    /* one of `words`, or a list of them */
    SL_MF_MODEL,
    SL_MF_LIST,
    SL_MF_DICT,    /* any keys, values of `item`, or any where that is NULL */
    SL_MF_CONTENT, /* a string or a list of tagged parts */
    SL_MF_INPUT,   /* a string, or a list of strings, integers or lists of integers */
};

struct sl_mf_model;

struct sl_mf_type {
    enum sl_mf_kind kind;
    bool is_not_empty;        /* lists */
    const char *const *words; /* ends with NULL */
    const struct sl_mf_model *model;
    const struct sl_mf_type *item;
    double min, max; /* numbers; max 0: none */
};

#define SL_MF_REQUIRED SL_BIT(0)
#define SL_MF_NULLABLE SL_BIT(1)

struct sl_mf_field {
    const char *name;
    const struct sl_mf_type *type;
    unsigned flags;
    const char *def; /* JSON put in when the member is absent, because an upstream insists on it */
};

#define SL_MF_FIELDS_MAX 8

struct sl_mf_model {
    struct sl_mf_field fields[SL_MF_FIELDS_MAX];
    unsigned n;
    const char *tag; /* of a part: the value of its `type` */
};

extern const struct sl_mf_model *const sl_mf_requests[SL_LLM_TYPE_COUNT];
extern const struct sl_mf_model *const sl_mf_parts[]; /* of content, ends with NULL */

/* Of set_limits: {"route": string, "limits": [object…]}. */
extern const struct sl_mf_model sl_mf_set_limits;

struct sl_jw;
/* A model as JSON Schema. */
void sl_mf_model_schema(struct sl_jw *w, const struct sl_mf_model *model);

/* --- a body as a whole --- */

/* Reads and checks a body as MLflow's server would: content type, BOM, Python's JSON, then the schema. `io_body`
 * becomes what was parsed. `edits` (may be NULL) gets what is to change on its way up. SL_E_INVAL with *ret_error
 * filled, or SL_E_NOMEM. */
SL_MUST int sl_mf_read_body(const struct sl_mf_model *model, struct sl_str *io_body, struct sl_str content_type,
                            struct sl_json *doc, struct sl_arena *arena, struct sl_json_edits *edits,
                            struct sl_llm_error *ret_error);

/* --- checking --- */

#define SL_MF_LOC_MAX 24
/* The list of faults is cut at this size; an echoed input larger than the other is null. */
#define SL_MF_DETAIL_MAX 262144
#define SL_MF_INPUT_MAX  16384

struct sl_mf_loc {
    struct sl_str name;
    uint32_t index; /* when name.p == NULL */
};

struct sl_mf_check {
    struct sl_arena *arena;
    struct sl_buf out; /* the faults, without the list's brackets */
    bool is_dry;       /* count only */
    uint32_t n_faults;
    uint32_t n_coercions;
    struct sl_mf_loc loc[SL_MF_LOC_MAX];
    unsigned n_loc;
    struct sl_json_edit *edits; /* coercions, in the order they were found */
    uint32_t n_edits, cap_edits;
    int status; /* sticky: SL_E_NOMEM */
};

void sl_mf_check_init(struct sl_mf_check *check, struct sl_arena *arena);
void sl_mf_check_done(struct sl_mf_check *check);
/* Checks `v` against a model under the label "body". */
void sl_mf_check_body(struct sl_mf_check *check, const struct sl_mf_model *model, struct sl_json_val v);

/* One fault at the current place. `msg` is plain text; `input` and `ctx` are compact JSON; ctx NULL: none. */
void sl_mf_fault(struct sl_mf_check *check, const char *type, struct sl_str msg, struct sl_str input,
                 struct sl_str ctx);
/* The same of a value, which is echoed. */
void sl_mf_fault_at(struct sl_mf_check *check, const char *type, struct sl_str msg, struct sl_json_val input,
                    struct sl_str ctx);
void sl_mf_push_name(struct sl_mf_check *check, struct sl_str name);
void sl_mf_push_index(struct sl_mf_check *check, uint32_t index);
void sl_mf_pop(struct sl_mf_check *check);
/* Replaces `v` by `json` in what goes upstream; copies nothing. */
void sl_mf_coerce(struct sl_mf_check *check, struct sl_json_val v, struct sl_str json);
void sl_mf_insert(struct sl_mf_check *check, struct sl_json_val object, struct sl_str json);

/* Scalars: mlflow_coerce.c. */
void sl_mf_check_float(struct sl_mf_check *check, const struct sl_mf_type *type, struct sl_json_val v);
void sl_mf_check_int(struct sl_mf_check *check, const struct sl_mf_type *type, struct sl_json_val v);
void sl_mf_check_bool(struct sl_mf_check *check, struct sl_json_val v);
/* What a boolean field means once it was checked. */
bool sl_mf_bool_value(struct sl_json_val v);

/* JSON without the white space between its tokens, appended. */
void sl_mf_compact(struct sl_buf *out, struct sl_str json);
/* A value as Python's json (without spaces, UTF-8 raw) or its repr writes it, appended: mlflow_echo.c. */
void sl_mf_echo(struct sl_buf *out, struct sl_json_val v, struct sl_arena *arena);
void sl_mf_repr(struct sl_buf *out, struct sl_json_val v, struct sl_arena *arena);

/* --- the body on its way up --- */

/* The edits that MLflow's schemas make: coercions, and members removed from objects at any depth: null ones, and of a
 * repeated one all but the last.
 * Coercions may come in any order. */
SL_MUST int sl_mf_edits(const struct sl_json *doc, struct sl_json_edit *coercions, uint32_t n_coercions,
                        struct sl_json_edits *ret);

/* Larger texts are held to JSON's numbers: they would have to be copied. */
#define SL_MF_CONSTANTS_MAX 1048576
/* What Python's decoder says of a text that is not JSON, and at which character. NULL: nothing, for it takes NaN and
 * Infinity for numbers. */
const char *sl_mf_json_fault(struct sl_str text, size_t *ret_char);
/* Such a text with null in the place of those numbers, which is how they would leave Python's encoder. */
struct sl_str sl_mf_constants_null(struct sl_str text, struct sl_arena *arena);

#endif
