/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/reprice.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/num.h"
#include "gate/watch/pricing.h"
#include "json/write.h"
#include "llm/core/provider.h"
#include "llm/price/table.h"
#include "store/usage.h"

/* The most models of a reply; the totals have the others, too. */
#define MODELS_MAX 1000

/* A provider's model. */
struct model {
    struct sl_str provider, model;
    const struct sl_price *price; /* NULL: there is none */
    int64_t cost_before, cost_after, unpriced_before, unpriced_after;
    int64_t left; /* calls that stay as they are, although what they used is known */
    bool is_changed;
};

struct sl_reprice {
    const struct sl_prices *prices;
    struct sl_arena arena;
    struct sl_map models; /* by their two names */
    struct model all;
    uint64_t n_rows, n_changed;
    bool is_short; /* there was no memory for a model */
};

struct sl_reprice *sl_reprice_new(const struct sl_prices *prices)
{
    struct sl_reprice *reprice = calloc(1, sizeof(*reprice));
    if (reprice) {
        reprice->prices = prices;
        sl_arena_init_small(&reprice->arena, 4096);
    }
    return reprice;
}

void sl_reprice_free(struct sl_reprice *reprice)
{
    if (reprice) {
        sl_map_done(&reprice->models);
        sl_arena_done(&reprice->arena);
        free(reprice);
    }
}

/* NULL: no memory. */
static struct model *model_make(struct sl_reprice *reprice, struct sl_str key, const struct sl_usage_row *row)
{
    struct model *model = SL_ARENA_NEW(&reprice->arena, struct model);
    struct sl_str kept = sl_arena_dup(&reprice->arena, key);
    size_t n = row->of[SL_USAGE_PROVIDER].n;
    if (!model || !kept.p || sl_map_put(&reprice->models, kept, model) < 0) {
        return NULL;
    }
    model->provider = sl_str_sub(kept, 0, n);
    model->model = sl_str_sub(kept, n + 1, kept.n);
    const struct sl_provider *provider = sl_provider_find(model->provider);
    model->price = provider ? sl_prices_find(reprice->prices, provider, model->model) : NULL;
    return model;
}

static struct model *model_of(struct sl_reprice *reprice, const struct sl_usage_row *row)
{
    char bytes[1024];
    struct sl_str provider = row->of[SL_USAGE_PROVIDER], name = row->of[SL_USAGE_MODEL];
    if (provider.n + 1 + name.n > sizeof(bytes)) {
        return NULL; /* no model that has a price */
    }
    memcpy(bytes, provider.p, provider.n);
    bytes[provider.n] = '\0';
    memcpy(bytes + provider.n + 1, name.p, name.n);
    struct sl_str key = sl_str_make(bytes, provider.n + 1 + name.n);
    struct model *model = sl_map_find(&reprice->models, key);
    if (!model) {
        model = model_make(reprice, key, row);
        reprice->is_short |= !model;
    }
    return model;
}

static void before_add(struct model *model, const struct sl_usage_row *row)
{
    model->cost_before = sl_usage_plus(model->cost_before, row->sums[SL_USAGE_COST]);
    model->unpriced_before = sl_usage_plus(model->unpriced_before, row->sums[SL_USAGE_UNPRICED]);
}

static void after_add(struct model *model, const struct sl_usage_row *row, enum sl_pricing pricing)
{
    model->cost_after = sl_usage_plus(model->cost_after, row->sums[SL_USAGE_COST]);
    model->unpriced_after = sl_usage_plus(model->unpriced_after, row->sums[SL_USAGE_UNPRICED]);
    if (pricing == SL_PRICING_LEFT) {
        model->left = sl_usage_plus(model->left, row->sums[SL_USAGE_REQUESTS]);
    }
    model->is_changed |= pricing == SL_PRICING_CHANGED;
}

bool sl_reprice_row(void *arg, struct sl_usage_row *io_row)
{
    struct sl_reprice *reprice = arg;
    struct model *model = model_of(reprice, io_row);
    before_add(&reprice->all, io_row);
    if (model) {
        before_add(model, io_row);
    }
    enum sl_pricing pricing = sl_pricing_renew(model ? model->price : NULL, io_row);
    after_add(&reprice->all, io_row, pricing);
    if (model) {
        after_add(model, io_row, pricing);
    }
    reprice->n_rows++;
    reprice->n_changed += pricing == SL_PRICING_CHANGED;
    return pricing == SL_PRICING_CHANGED;
}

/* --- the reply --- */

static void dollars_write(struct sl_jw *w, const char *key, int64_t nano)
{
    char text[SL_DOLLARS_TEXT_MAX];
    sl_jw_member_raw(w, key, sl_str_make(text, sl_format_dollars((uint64_t)nano, text)));
}

static void sums_write(struct sl_jw *w, const struct model *model)
{
    dollars_write(w, "cost_before", model->cost_before);
    dollars_write(w, "cost_after", model->cost_after);
    sl_jw_member_i64(w, "unpriced_before", model->unpriced_before);
    sl_jw_member_i64(w, "unpriced_after", model->unpriced_after);
    sl_jw_member_i64(w, "left", model->left);
}

static int model_cmp(const void *a, const void *b)
{
    const struct model *x = *(struct model *const *)a, *y = *(struct model *const *)b;
    int cmp = sl_str_cmp(x->provider, y->provider);
    return cmp ? cmp : sl_str_cmp(x->model, y->model);
}

bool sl_reprice_write(const struct sl_reprice *reprice, struct sl_jw *w)
{
    struct model **v = malloc((reprice->models.n + 1) * sizeof(*v)), *model;
    size_t n = 0;
    if (!v || reprice->is_short) {
        free(v);
        return false;
    }
    for (size_t i = 0; (model = sl_map_each(&reprice->models, &i)) != NULL;) {
        if (model->is_changed || model->left) {
            v[n++] = model;
        }
    }
    qsort(v, n, sizeof(*v), model_cmp);
    sl_jw_member_u64(w, "sums", reprice->n_rows);
    sl_jw_member_u64(w, "changed", reprice->n_changed);
    sums_write(w, &reprice->all);
    sl_jw_key(w, "models");
    sl_jw_array(w);
    for (size_t i = 0; i < n && i < MODELS_MAX; i++) {
        sl_jw_object(w);
        sl_jw_member_str(w, "provider", v[i]->provider);
        sl_jw_member_str(w, "model", v[i]->model);
        sums_write(w, v[i]);
        sl_jw_end(w);
    }
    sl_jw_end(w);
    free(v);
    return true;
}
