/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/form/models.h"

static const struct sl_model unknown = { .prefix = SL_STR_INIT(""), .can = SL_MODEL_GUESS };

static const struct sl_model *built_in_find(const char *provider, struct sl_str name)
{
    for (const struct sl_model_list *list = sl_model_lists; list->provider; list++) {
        if (!sl_str_eq_c(sl_str_c(provider), list->provider)) {
            continue;
        }
        for (size_t i = 0; i < list->n; i++) {
            if (sl_str_has_prefix(name, list->v[i].prefix)) {
                return &list->v[i];
            }
        }
    }
    return &unknown;
}

const struct sl_model *sl_model_find(const char *provider, struct sl_str name, const struct sl_own_models *own)
{
    const struct sl_model *best = built_in_find(provider, name);
    for (uint32_t i = 0; own && i < own->n; i++) {
        const struct sl_own_model *row = &own->v[i];
        bool fits = (!row->provider.p || sl_str_eq_c(row->provider, provider)) &&
                    sl_str_has_prefix(name, row->row.prefix);
        if (fits && row->row.prefix.n >= best->prefix.n) {
            best = &row->row;
        }
    }
    return best;
}

uint32_t sl_model_feature_parse(struct sl_str word)
{
    static const char *const words[] = {
#define X(symbol, word_) [SL_MODEL_AT_##symbol] = word_,
        SL_MODEL_FEATURES(X)
#undef X
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        if (sl_str_eq_c(word, words[i])) {
            return 1u << i;
        }
    }
    return 0;
}

const char *sl_model_feature_words(void)
{
    static const char words[] = ""
#define X(symbol, word) " " word
        SL_MODEL_FEATURES(X)
#undef X
        ;
    return words + 1;
}
