/* SPDX-License-Identifier: Apache-2.0 */
/* The MLflow dialect's request schemas as tables. */
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
    SL_MF_DICT,    /* any keys, with values of `item`, or any values if that is NULL */
    SL_MF_CONTENT, /* a string or a list of tagged parts */
    SL_MF_INPUT,   /* a string, or a list of strings, integers or lists of integers */
};

struct sl_mf_model;

struct sl_mf_type {
    enum sl_mf_kind kind;
    bool is_not_empty;        /* for lists */
    bool or_object;           /* for booleans: a JSON Schema is allowed too, which MLflow itself refuses */
    const char *const *words; /* ends with NULL */
    const struct sl_mf_model *model;
    const struct sl_mf_type *item;
    double min, max; /* for numbers; max 0: no bounds */
};

#define SL_MF_REQUIRED SL_BIT(0)
#define SL_MF_NULLABLE SL_BIT(1)

struct sl_mf_field {
    const char *name;
    const struct sl_mf_type *type;
    unsigned flags;
    const char *def; /* JSON that is added when the member is missing, because an upstream insists on it */
};

#define SL_MF_FIELDS_MAX 16

struct sl_mf_model {
    struct sl_mf_field fields[SL_MF_FIELDS_MAX];
    unsigned n;
    const char *tag; /* for a part: the value of its `type` */
};

extern const struct sl_mf_model *const sl_mf_requests[SL_LLM_TRANSLATED_COUNT];
/* The same of MLflow 3, for its paths; it has no completions there. */
extern const struct sl_mf_model sl_mf3_chat, sl_mf3_embeddings;
extern const struct sl_mf_model *const sl_mf_parts[]; /* of content; ends with NULL */

/* The body of set_limits: {"route": string, "limits": [object…]}. */
extern const struct sl_mf_model sl_mf_set_limits;

#endif
