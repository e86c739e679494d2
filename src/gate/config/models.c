/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/models.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/word.h"
#include "llm/core/provider.h"
#include "llm/form/models.h"

/* What a model can take besides text. */
#define MEDIA (SL_MODEL_TOOLS | SL_MODEL_IMAGES | SL_MODEL_DOCUMENTS | SL_MODEL_AUDIO)

struct model_conf {
    struct sl_str provider, like;
    uint64_t context, output;
    struct sl_strs features;
};

const struct sl_opt sl_own_model_opts[] = {
    { "provider", SL_OPT_STR, offsetof(struct model_conf, provider), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "the entry is for this provider only" },
    { "like", SL_OPT_STR, offsetof(struct model_conf, like), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "a known model whose row gives the values that are not set" },
    { "context", SL_OPT_U64, offsetof(struct model_conf, context), "0", 0, 1000000000, SL_OPT_RELOAD, NULL, NULL, NULL,
      "how many tokens the window has" },
    { "output", SL_OPT_U64, offsetof(struct model_conf, output), "0", 0, 1000000000, SL_OPT_RELOAD, NULL, NULL, NULL,
      "how many tokens one answer may have" },
    { "features", SL_OPT_STR_LIST, offsetof(struct model_conf, features), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "what it can do and what it refuses, with the names of data/models; an entry with one of tools, images, "
      "documents and audio must name all of these that it takes" },
    { NULL },
};

static int features_read(struct sl_bind *bind, const struct sl_val *val, const struct model_conf *conf,
                         struct sl_model *row)
{
    uint32_t can = 0;
    for (uint32_t i = 0; i < conf->features.n; i++) {
        uint32_t bit = sl_model_feature_parse(conf->features.v[i]);
        if (!bit) {
            const struct sl_val *at = sl_val_find(val, "features");
            sl_bind_problem(bind, SL_PROBLEM_ERROR, at->pos, NULL, "features: there is no '%.*s'; there are %s",
                            SL_STR_ARG(sl_str_sub(conf->features.v[i], 0, 64)), sl_model_feature_words());
            return SL_E_INVAL;
        }
        can |= bit;
    }
    if (sl_val_find(val, "features")) {
        row->can = can;
        row->tells = can & MEDIA ? MEDIA : 0; /* an entry that names one of these names all that the model has */
    }
    return 0;
}

static int model_bind(struct sl_bind *bind, const struct sl_val_item *item, struct sl_own_model *own)
{
    struct model_conf conf = { .context = 0 };
    struct sl_str prefix = item->key;
    if (sl_opt_bind(bind, sl_own_model_opts, item->val, &conf) < 0) {
        return SL_E_INVAL;
    }
    const struct sl_provider *provider = conf.provider.n ? sl_provider_find(conf.provider) : NULL;
    if (conf.provider.n && !provider) {
        sl_bind_problem(bind, SL_PROBLEM_ERROR, item->key_pos, NULL, "the provider '%.*s' is not supported",
                        SL_STR_ARG(sl_str_sub(conf.provider, 0, sl_utf8_fit(conf.provider, 64))));
        return SL_E_INVAL;
    }
    if (conf.like.n && !provider) {
        sl_bind_problem(bind, SL_PROBLEM_ERROR, item->key_pos, NULL,
                        "`like` needs `provider`, which says whose model it is");
        return SL_E_INVAL;
    }
    if (conf.like.n) {
        own->row = *sl_model_find(provider, conf.like, NULL);
        if (own->row.can & SL_MODEL_GUESS) {
            sl_bind_problem(bind, SL_PROBLEM_WARNING, sl_val_find(item->val, "like")->pos, NULL,
                            "like: '%.*s' is not known as a model of %s", SL_STR_ARG(sl_str_sub(conf.like, 0, 64)),
                            provider->name);
        }
        own->row.can &= ~(uint32_t)SL_MODEL_GUESS;
        own->row.like = NULL;
    }
    if (prefix.n && prefix.p[prefix.n - 1] == '*') {
        prefix.n--;
    }
    own->provider = provider ? sl_str_c(sl_provider_common_name(provider)) : SL_STR_NONE;
    own->row.prefix = sl_arena_dup(bind->arena, prefix);
    own->row.context = conf.context ? (int64_t)conf.context : own->row.context;
    own->row.output = conf.output ? (int64_t)conf.output : own->row.output;
    if (!own->row.prefix.p) {
        sl_bind_problem(bind, SL_PROBLEM_ERROR, item->key_pos, NULL, "out of memory");
        return SL_E_INVAL;
    }
    return features_read(bind, item->val, &conf, &own->row);
}

int sl_models_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    struct sl_own_models **ret = field;
    if (val->kind != SL_VAL_MAP) {
        sl_bind_problem(bind, SL_PROBLEM_ERROR, val->pos, NULL,
                        "%s must be a map from the beginning of a model's name to what is known of it", row->key);
        return SL_E_INVAL;
    }
    struct sl_own_models *models = SL_ARENA_NEW(bind->arena, struct sl_own_models);
    struct sl_own_model *rows = SL_ARENA_ARRAY(bind->arena, struct sl_own_model, val->n + 1);
    if (!models || !rows) {
        sl_bind_problem(bind, SL_PROBLEM_ERROR, val->pos, NULL, "out of memory");
        return SL_E_INVAL;
    }
    models->v = rows;
    *ret = models;
    int r = 0;
    for (uint32_t i = 0; i < val->n; i++) {
        size_t before = strlen(bind->path);
        snprintf(bind->path + before, sizeof(bind->path) - before, ".%.*s",
                 SL_STR_ARG(sl_str_sub(val->items[i].key, 0, 64)));
        if (model_bind(bind, &val->items[i], &models->v[models->n]) < 0) {
            r = SL_E_INVAL;
        } else {
            models->n++;
        }
        bind->path[before] = '\0';
    }
    return r;
}
