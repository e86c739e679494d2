/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/form/models.h"

#include "llm/core/provider.h"

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

/* How far the row's prefix reaches into `name`; `rest` is the end of `name` that the table knows. -1: it does not
 * fit. */
static ptrdiff_t own_reach(const struct sl_own_model *own, struct sl_str provider, struct sl_str name,
                           struct sl_str rest)
{
    struct sl_str prefix = own->row.prefix;
    if (own->provider.p && !sl_str_eq(own->provider, provider)) {
        return -1;
    }
    if (sl_str_has_prefix(name, prefix)) {
        return (ptrdiff_t)prefix.n;
    }
    return sl_str_has_prefix(rest, prefix) ? (ptrdiff_t)(name.n - rest.n + prefix.n) : -1;
}

const struct sl_model *sl_model_find(const struct sl_provider *provider, struct sl_str name,
                                     const struct sl_own_models *own)
{
    struct sl_str rest = name, common = sl_str_c(sl_provider_common_name(provider));
    const char *table = provider->model_table ? provider->model_table(&rest) : provider->name;
    const struct sl_model *best = table ? built_in_find(table, rest) : &unknown;
    ptrdiff_t best_reach = best->prefix.n ? (ptrdiff_t)(name.n - rest.n + best->prefix.n) : 0;
    for (uint32_t i = 0; own && i < own->n; i++) {
        ptrdiff_t reach = own_reach(&own->v[i], common, name, rest);
        if (reach >= best_reach) {
            best = &own->v[i].row;
            best_reach = reach;
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
