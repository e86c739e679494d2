/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a model: numbers and features, by the beginning of its name. The rows are made from data/models (a
 * file for each provider) when Sluice is built; the configuration's `models:` adds its own. A target holds its row, so
 * that a call looks nothing up. */
#ifndef SL_LLM_FORM_MODELS_H
#define SL_LLM_FORM_MODELS_H

#include "base/str.h"

/* X(symbol, word): the words of data/models and of `models:`. */
#define SL_MODEL_FEATURES(X)            \
    X(TOOLS, "tools")                   \
    X(IMAGES, "images")                 \
    X(DOCUMENTS, "documents")           \
    X(AUDIO, "audio")                   \
    X(THINKING, "thinking")             \
    X(ADAPTIVE, "adaptive")             \
    X(EFFORT, "effort")                 \
    X(SCHEMA, "schema")                 \
    X(COMPLETE, "complete")             \
    X(FIXED_SAMPLING, "fixed_sampling") \
    X(ONE_SAMPLING, "one_sampling")     \
    X(NO_BUDGET, "no_budget")           \
    X(NO_PREFILL, "no_prefill")         \
    X(ALWAYS_THINKS, "always_thinks")   \
    X(TWO_EFFORTS, "two_efforts")       \
    X(SIGNS, "signs")                   \
    X(RESPONSES, "responses")           \
    X(NEW_MAX, "new_max")               \
    X(RESTS, "rests")

enum sl_model_feature {
#define X(symbol, word) SL_MODEL_AT_##symbol,
    SL_MODEL_FEATURES(X)
#undef X
        SL_MODEL_FEATURE_COUNT
};

#define X(symbol, word) SL_MODEL_##symbol = 1u << SL_MODEL_AT_##symbol,
enum { SL_MODEL_FEATURES(X) SL_MODEL_GUESS = 1u << 31 /* the newest generation's row, used for an unknown name */ };
#undef X

struct sl_provider;

struct sl_model {
    struct sl_str prefix;
    const char *like; /* for a guess: the row that it was copied from */
    uint32_t can;     /* SL_MODEL_* */
    uint32_t tells;   /* the features that the row is complete about: what `can` lacks of these, the model refuses. Of
                         other features nothing is known */
    int64_t context, output; /* tokens; 0: not known */
};

struct sl_model_list {
    const char *provider;
    const struct sl_model *v; /* the longest prefix first */
    size_t n;
};
extern const struct sl_model_list sl_model_lists[]; /* ends with a NULL provider */

/* A row of the configuration. */
struct sl_own_model {
    struct sl_str provider; /* the common name (core/provider.h); p == NULL: any */
    struct sl_model row;
};
struct sl_own_models {
    struct sl_own_model *v;
    uint32_t n;
};

/* The row whose prefix reaches furthest into `name`; of two equal ones, that of the configuration. Never NULL: a
 * provider without a table has a row that knows nothing. `own` may be NULL. A row of the configuration may begin where
 * the name begins, or where the rows of the provider's table begin (provider->model_table). */
const struct sl_model *sl_model_find(const struct sl_provider *provider, struct sl_str name,
                                     const struct sl_own_models *own);
/* All words, for messages: "tools, images, …". */
const char *sl_model_feature_words(void);
/* 0 when there is no such feature. */
uint32_t sl_model_feature_parse(struct sl_str word);

#endif
