/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/price/table.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/near.h"
#include "base/num.h"
#include "base/val.h"
#include "base/zone.h"
#include "llm/core/provider.h"
#include "llm/price/price.h"

/* The most prices of one row, and the highest one, in dollars: more is a mistake. */
#define RATES_MAX 256
#define PRICE_MAX 1e6
/* The longest name of a model with its provider. */
#define NAME_MAX_BYTES 512

struct sl_prices *sl_prices_new(void)
{
    struct sl_prices *prices = calloc(1, sizeof(*prices));
    struct sl_str *unused = calloc(SL_PRICES_UNUSED_MAX, sizeof(struct sl_str));
    if (!prices || !unused) {
        free(prices);
        free(unused);
        return NULL;
    }
    prices->unused = unused;
    return prices;
}

void sl_prices_free(struct sl_prices *prices)
{
    if (!prices) {
        return;
    }
    struct sl_price *price;
    for (size_t i = 0; (price = sl_map_each(&prices->rows, &i)) != NULL;) {
        sl_price_unref(price);
    }
    sl_map_done(&prices->rows);
    for (uint32_t i = 0; i < prices->n_unused; i++) {
        free((char *)(uintptr_t)prices->unused[i].p);
    }
    free(prices->unused);
    free(prices);
}

bool sl_prices_are_same(const struct sl_prices *a, const struct sl_prices *b)
{
    return (a ? a->print : 0) == (b ? b->print : 0);
}

/* --- finding --- */

/* True: the table calls the provider so, or so with more ("bedrock_converse", "text-completion-openai"). */
static bool is_of(struct sl_str said, struct sl_str provider)
{
    bool begins = sl_str_has_prefix(said, provider) && (said.n == provider.n || strchr("_-", said.p[provider.n]));
    return begins || (sl_str_has_suffix(said, provider) && said.p[said.n - provider.n - 1] == '-');
}

/* "provider/model" */
static struct sl_price *joined_find(const struct sl_prices *prices, struct sl_str provider, struct sl_str model)
{
    char name[NAME_MAX_BYTES];
    if (provider.n + 1 + model.n > sizeof(name)) {
        return NULL;
    }
    memcpy(name, provider.p, provider.n);
    name[provider.n] = '/';
    memcpy(name + provider.n + 1, model.p, model.n);
    return sl_map_find(&prices->rows, sl_str_make(name, provider.n + 1 + model.n));
}

static struct sl_price *named_find(const struct sl_prices *prices, const struct sl_str *providers, size_t n,
                                   struct sl_str model)
{
    struct sl_price *price = NULL;
    for (size_t i = 0; !price && i < n; i++) {
        price = providers[i].n ? joined_find(prices, providers[i], model) : NULL;
    }
    if (price) {
        return price;
    }
    price = sl_map_find(&prices->rows, model);
    bool is_ours = price && !price->provider.n;
    for (size_t i = 0; price && !is_ours && i < n; i++) {
        is_ours = providers[i].n && is_of(price->provider, providers[i]);
    }
    return is_ours ? price : NULL;
}

/* Bedrock's profiles of several regions. */
static struct sl_str region_cut(struct sl_str model)
{
    static const struct sl_str regions[] = { SL_STR_INIT("us."),     SL_STR_INIT("eu."), SL_STR_INIT("apac."),
                                             SL_STR_INIT("global."), SL_STR_INIT("jp."), SL_STR_INIT("au.") };
    for (size_t i = 0; i < SL_ARRAY_LEN(regions); i++) {
        if (sl_str_has_prefix(model, regions[i])) {
            return sl_str_sub(model, regions[i].n, model.n);
        }
    }
    return model;
}

/* True: the end of the text has this form; '0' stands for a digit. */
static bool ends_as(struct sl_str text, struct sl_str form)
{
    bool is = text.n > form.n;
    for (size_t i = 0; is && i < form.n; i++) {
        char c = text.p[text.n - form.n + i];
        is = form.p[i] == '0' ? c >= '0' && c <= '9' : c == form.p[i];
    }
    return is;
}

static struct sl_str date_cut(struct sl_str model)
{
    static const struct sl_str forms[] = { SL_STR_INIT("-00000000"), SL_STR_INIT("-0000-00-00"),
                                           SL_STR_INIT("@00000000") };
    for (size_t i = 0; i < SL_ARRAY_LEN(forms); i++) {
        if (ends_as(model, forms[i])) {
            return sl_str_sub(model, 0, model.n - forms[i].n);
        }
    }
    return model;
}

static struct sl_price *any_find(const struct sl_prices *prices, const struct sl_str *providers, size_t n,
                                 struct sl_str model)
{
    struct sl_str local = region_cut(model), forms[] = { model, local, date_cut(model), date_cut(local) };
    for (size_t i = 0; i < SL_ARRAY_LEN(forms); i++) {
        struct sl_price *price = i && forms[i].n == model.n ? NULL : named_find(prices, providers, n, forms[i]);
        if (price && (i == 0 || !price->is_shipped)) {
            return price;
        }
    }
    return NULL;
}

/* The row that would hold for a name of the configuration. */
static struct sl_price *base_find(const struct sl_prices *prices, struct sl_str name)
{
    struct sl_price *exact = sl_map_find(&prices->rows, name);
    ptrdiff_t slash = exact ? -1 : sl_str_find_char(name, '/', 0);
    struct sl_str provider = slash < 0 ? SL_STR_NONE : sl_str_sub(name, 0, (size_t)slash);
    return slash < 0 ? exact : any_find(prices, &provider, 1, sl_str_sub(name, (size_t)slash + 1, name.n));
}

struct sl_price *sl_prices_find(const struct sl_prices *prices, const struct sl_provider *provider, struct sl_str model)
{
    const struct sl_str names[] = { sl_str_c(provider->name), sl_str_c(sl_provider_common_name(provider)),
                                    provider->priced_as ? sl_str_c(provider->priced_as) : SL_STR("") };
    return prices && model.n && model.n <= NAME_MAX_BYTES ? any_find(prices, names, SL_ARRAY_LEN(names), model) : NULL;
}

bool sl_prices_have_sizes(const struct sl_prices *prices, struct sl_str model)
{
    const struct sl_price *price;
    bool has = false;
    for (size_t i = 0; !has && (price = sl_map_each(&prices->rows, &i)) != NULL;) {
        struct sl_str name = price->name, size = sl_str_sub(name, 0, name.n - SL_MIN(name.n, model.n));
        has = sl_str_has_suffix(name, model) && sl_str_has_suffix(size, SL_STR("/")) &&
              sl_str_find(size, SL_STR("-x-"), 0) >= 0;
    }
    return has;
}

/* --- one row --- */

struct row {
    struct sl_prices *prices;
    struct sl_price_rate rates[RATES_MAX];
    uint32_t n;
    struct sl_str provider;
    bool has_tiers; /* its thresholds are a list of its own */
    struct sl_price_times off_peak;
    bool is_off_peak; /* these prices are read */
    bool is_strict;   /* each member must be understood */
    const struct sl_val *at;
    struct sl_err *err;
};

static int unused_note(struct sl_prices *prices, struct sl_str name)
{
    for (uint32_t i = 0; i < prices->n_unused; i++) {
        if (sl_str_eq(prices->unused[i], name)) {
            return 0;
        }
    }
    if (prices->n_unused == SL_PRICES_UNUSED_MAX) {
        prices->n_more_unused++;
        return 0;
    }
    char *copy = strndup(name.p, name.n);
    if (!copy) {
        return SL_E_NOMEM;
    }
    prices->unused[prices->n_unused++] = sl_str_make(copy, name.n);
    return 0;
}

static int rate_put(struct row *row, const struct sl_price_rate *rate)
{
    for (uint32_t i = 0; i < row->n; i++) {
        struct sl_price_rate *had = &row->rates[i];
        if (had->rate == rate->rate && had->tier == rate->tier && had->above == rate->above &&
            had->is_off_peak == rate->is_off_peak) {
            had->nano = rate->nano;
            return 0;
        }
    }
    if (row->n == RATES_MAX) {
        return sl_fail(row->err, SL_E_INVAL, "has more than %d prices", RATES_MAX);
    }
    row->rates[row->n++] = *rate;
    return 0;
}

static int price_read(struct row *row, struct sl_str name, const struct sl_val *val, double *ret)
{
    double dollars = -1;
    bool is_text = val->kind == SL_VAL_NUMBER || val->kind == SL_VAL_STRING;
    if (!is_text || sl_parse_double(val->text, &dollars) < 0 || dollars < 0 || dollars > PRICE_MAX) {
        row->at = val;
        return sl_fail(row->err, SL_E_INVAL, "%.*s must be a price in US dollars like 2.5e-06, from 0 to %g, not %.*s",
                       SL_STR_ARG(sl_str_sub(name, 0, 80)), PRICE_MAX,
                       SL_STR_ARG(is_text ? sl_str_sub(val->text, 0, 40) : sl_str_c(sl_val_kind_name(val->kind))));
    }
    *ret = dollars * 1e9;
    return 0;
}

/* Prices, and what they are multiplied by. */
static bool is_price_name(struct sl_str name)
{
    return sl_str_find(name, SL_STR("cost"), 0) >= 0 || sl_str_find(name, SL_STR("uplift_multiplier"), 0) >= 0 ||
           sl_str_has_prefix(name, SL_STR("provider_specific_entry"));
}

static int unknown(struct row *row, struct sl_str name, const struct sl_val *val)
{
    static const char *const names[] = {
#define X(symbol, text) text,
        SL_RATES(X)
#undef X
            NULL,
    };
    const char *near = sl_name_nearest(name, names);
    row->at = val;
    return sl_fail(row->err, SL_E_INVAL, "\"%.*s\" is no price that calls are paid by%s%s%s",
                   SL_STR_ARG(sl_str_sub(name, 0, 80)), near ? ": did you mean \"" : "", near ? near : "",
                   near ? "\"?" : "");
}

/* Members that say something else, or are read at another place. */
static bool is_beside(struct sl_str name)
{
    return sl_str_eq_c(name, "litellm_provider") || sl_str_eq_c(name, "mode") || sl_str_eq_c(name, "tiered_pricing") ||
           sl_str_eq_c(name, "off_peak_pricing") || sl_str_eq_c(name, "range");
}

/* One member; `above`: a threshold that holds for it, whatever its name says. */
static int member_read(struct row *row, struct sl_str name, const struct sl_val *val, uint32_t above)
{
    struct sl_price_rate rate = { .nano = 0 };
    if (val->kind == SL_VAL_NULL || is_beside(name) || !(row->is_strict || is_price_name(name))) {
        return 0;
    }
    if (!sl_price_rate_parse(name, &rate)) {
        return row->is_strict ? unknown(row, name, val) : unused_note(row->prices, name);
    }
    if (row->has_tiers && rate.above) { /* the list says it all */
        return 0;
    }
    if (rate.above && sl_str_eq_c(row->provider, "xai")) {
        rate.above--; /* its higher prices begin at the threshold, those of others above it */
    }
    rate.above = above ? above : rate.above;
    rate.is_off_peak = row->is_off_peak;
    int r = price_read(row, name, val, &rate.nano);
    return r < 0 ? r : rate_put(row, &rate);
}

/* Prices in a map, such as those of a search by its size. */
static int map_read(struct row *row, struct sl_str name, const struct sl_val *map)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < map->n; i++) {
        char path[NAME_MAX_BYTES];
        struct sl_str key = map->items[i].key;
        if (name.n + 1 + key.n > sizeof(path)) {
            continue;
        }
        memcpy(path, name.p, name.n);
        path[name.n] = '.';
        memcpy(path + name.n + 1, key.p, key.n);
        struct sl_price_rate rate;
        struct sl_str full = sl_str_make(path, name.n + 1 + key.n);
        r = sl_price_rate_parse(full, &rate) ? member_read(row, full, map->items[i].val, 0) : 0;
    }
    return r;
}

/* One entry of `tiered_pricing`: its prices hold for calls with more tokens than its range begins with. */
static int tier_read(struct row *row, const struct sl_val *tier)
{
    const struct sl_val *range = sl_val_find(tier, "range");
    uint64_t from;
    bool is_range = range && range->kind == SL_VAL_LIST && range->n == 2 && range->items[0].val->kind == SL_VAL_NUMBER;
    if (!is_range || sl_parse_whole(range->items[0].val->text, 0, UINT32_MAX, &from) < 0) {
        row->at = tier;
        return sl_fail(row->err, SL_E_INVAL, "tiered_pricing: each entry needs a range like [0, 32000]");
    }
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < tier->n; i++) {
        r = member_read(row, tier->items[i].key, tier->items[i].val, (uint32_t)from);
    }
    return r;
}

/* --- times of low load --- */

/* "16:30-00:30", in minutes of the day. */
static bool hours_read(struct sl_str text, struct sl_price_window *ret)
{
    uint64_t v[4];
    static const char ends[] = ":-:";
    for (size_t i = 0; i < SL_ARRAY_LEN(v); i++) {
        size_t n = 0;
        while (n < text.n && text.p[n] >= '0' && text.p[n] <= '9') {
            n++;
        }
        bool is_end = i + 1 == SL_ARRAY_LEN(v) ? n == text.n : n < text.n && text.p[n] == ends[i];
        if (!is_end || sl_parse_u64(sl_str_sub(text, 0, n), 0, i % 2 ? 59 : 24, &v[i]) < 0) {
            return false;
        }
        text = sl_str_sub(text, SL_MIN(n + 1, text.n), text.n);
    }
    ret->from = (uint16_t)(v[0] * 60 + v[1]);
    ret->to = (uint16_t)(v[2] * 60 + v[3]);
    return ret->from < 1440 && ret->to <= 1440;
}

/* ["mon", "Tuesday", ...]; nothing: all days. */
static bool weekdays_read(const struct sl_val *list, uint8_t *ret)
{
    static const char *const names[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };
    *ret = SL_PRICE_ALL_DAYS;
    if (!list) {
        return true;
    }
    *ret = 0;
    for (uint32_t i = 0; list->kind == SL_VAL_LIST && i < list->n; i++) {
        struct sl_str day = list->items[i].val->text;
        uint8_t k = 0;
        while (k < 7 && !(day.n >= 3 && strncasecmp(day.p, names[k], 3) == 0)) {
            k++;
        }
        if (list->items[i].val->kind != SL_VAL_STRING || k == 7) {
            return false;
        }
        *ret |= (uint8_t)SL_BIT(k);
    }
    return *ret != 0;
}

/* Adds the windows of one text, or of a list of them. */
static bool windows_add(struct row *row, const struct sl_val *hours, const struct sl_val *days)
{
    const struct sl_val *one = hours;
    bool is_list = hours && hours->kind == SL_VAL_LIST, is_good = hours && (!is_list || hours->n);
    for (uint32_t i = 0; is_good && i < (is_list ? hours->n : 1); i++) {
        struct sl_price_window window = { 0 };
        one = is_list ? hours->items[i].val : hours;
        is_good = one->kind == SL_VAL_STRING && row->off_peak.n < SL_PRICE_WINDOWS_MAX &&
                  hours_read(one->text, &window) && weekdays_read(days, &window.weekdays);
        if (is_good) {
            row->off_peak.windows[row->off_peak.n++] = window;
        }
    }
    return is_good;
}

static bool times_read(struct row *row, const struct sl_val *map)
{
    const struct sl_val *hours = sl_val_find(map, "hours_utc"), *list = sl_val_find(map, "windows");
    const struct sl_val *zone = sl_val_find(map, "weekday_timezone");
    bool is_good = !hours || hours->kind == SL_VAL_NULL || windows_add(row, hours, NULL);
    for (uint32_t i = 0; is_good && list && list->kind == SL_VAL_LIST && i < list->n; i++) {
        const struct sl_val *window = list->items[i].val;
        is_good = window->kind == SL_VAL_MAP &&
                  windows_add(row, sl_val_find(window, "hours_utc"), sl_val_find(window, "weekdays"));
    }
    if (is_good && zone && zone->kind != SL_VAL_NULL) {
        is_good = zone->kind == SL_VAL_STRING && sl_zone_get(zone->text, &row->off_peak.zone, NULL) == 0;
    }
    return is_good && row->off_peak.n;
}

/* A table may have another form of it: then the plain prices hold at all times. */
static int off_peak_read(struct row *row, const struct sl_val *map)
{
    const struct sl_val *rates = map->kind == SL_VAL_MAP ? sl_val_find(map, "rates") : NULL;
    row->off_peak = (struct sl_price_times){ .n = 0 };
    if (!rates || rates->kind != SL_VAL_MAP || !times_read(row, map)) {
        row->off_peak = (struct sl_price_times){ .n = 0 };
        row->at = map;
        return row->is_strict ? sl_fail(row->err, SL_E_INVAL,
                                        "off_peak_pricing must be a map like { hours_utc: \"16:30-00:30\", rates: { "
                                        "input_cost_per_token: 1e-06 } }, or have windows with hours_utc and weekdays")
                              : unused_note(row->prices, SL_STR("off_peak_pricing"));
    }
    int r = 0;
    row->is_off_peak = true;
    for (uint32_t i = 0; r == 0 && i < rates->n; i++) {
        r = member_read(row, rates->items[i].key, rates->items[i].val, 0);
    }
    row->is_off_peak = false;
    return r;
}

static int fields_read(struct row *row, const struct sl_val *fields)
{
    const struct sl_val *off_peak = sl_val_find(fields, "off_peak_pricing");
    const struct sl_val *tiers = sl_val_find(fields, "tiered_pricing"), *own = sl_val_find(fields, "litellm_provider");
    row->at = fields;
    row->has_tiers = tiers && tiers->kind == SL_VAL_LIST;
    if (own && own->kind == SL_VAL_STRING) {
        row->provider = own->text;
    }
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < fields->n; i++) {
        struct sl_str name = fields->items[i].key;
        const struct sl_val *val = fields->items[i].val;
        r = val->kind == SL_VAL_MAP && is_price_name(name) ? map_read(row, name, val) : member_read(row, name, val, 0);
    }
    for (uint32_t i = 0; r == 0 && row->has_tiers && i < tiers->n; i++) {
        r = tier_read(row, tiers->items[i].val);
    }
    if (r == 0 && off_peak && off_peak->kind != SL_VAL_NULL) {
        r = off_peak_read(row, off_peak);
    }
    return r;
}

static struct sl_price *row_make(const struct row *row, struct sl_str name, enum sl_prices_how how)
{
    size_t n_rates = row->n * sizeof(struct sl_price_rate);
    struct sl_price *price = calloc(1, sizeof(*price) + n_rates + name.n + row->provider.n);
    if (!price) {
        return NULL;
    }
    char *text = (char *)price->rates + n_rates;
    atomic_init(&price->refs, 1);
    price->n_rates = row->n;
    price->is_shipped = how == SL_PRICES_SHIP;
    price->is_free = price->is_simple = row->n > 0;
    bool has_input = false;
    for (uint32_t i = 0; i < row->n; i++) {
        price->rates[i] = row->rates[i];
        const struct sl_price_rate *rate = &row->rates[i];
        bool is_plain = !rate->above && !rate->tier && !rate->is_off_peak;
        bool is_usual = rate->rate == SL_RATE_INPUT || rate->rate == SL_RATE_OUTPUT || rate->rate == SL_RATE_CACHE_READ;
        price->is_free = price->is_free && rate->nano <= 0;
        price->is_simple = price->is_simple && is_plain && is_usual;
        has_input |= rate->rate == SL_RATE_INPUT;
    }
    price->is_simple = price->is_simple && has_input;
    memcpy(text, name.p, name.n);
    price->off_peak = row->off_peak;
    price->name = sl_str_make(text, name.n);
    if (row->provider.n) {
        memcpy(text + name.n, row->provider.p, row->provider.n);
    }
    price->provider = sl_str_make(text + name.n, row->provider.n);
    return price;
}

/* The order of the rows does not count. */
static uint64_t print_of(const struct sl_price *price)
{
    uint64_t print = sl_hash_both(sl_hash(price->name), sl_hash(price->provider));
    for (uint32_t i = 0; i < price->n_rates; i++) {
        const struct sl_price_rate *rate = &price->rates[i];
        uint64_t kind = (uint64_t)rate->is_off_peak << 63 | (uint64_t)rate->above << 16 | (uint64_t)rate->rate << 8 |
                        rate->tier;
        uint64_t bits;
        memcpy(&bits, &rate->nano, sizeof(bits));
        print = sl_hash_both(print, sl_hash_both(kind, bits));
    }
    for (uint32_t i = 0; i < price->off_peak.n; i++) {
        const struct sl_price_window *w = &price->off_peak.windows[i];
        print = sl_hash_both(print, (uint64_t)w->from << 32 | (uint64_t)w->to << 16 | w->weekdays);
    }
    return price->off_peak.zone ? sl_hash_both(print, sl_hash(sl_zone_name(price->off_peak.zone))) : print;
}

static int row_put(struct sl_prices *prices, struct sl_price *price)
{
    struct sl_price *before = sl_map_remove(&prices->rows, price->name);
    if (before) {
        prices->print ^= print_of(before);
        sl_price_unref(before);
    }
    int r = sl_map_put(&prices->rows, price->name, price);
    if (r < 0) {
        sl_price_unref(price);
        return r;
    }
    prices->print ^= print_of(price);
    return 0;
}

int sl_prices_add(struct sl_prices *prices, struct sl_str name, const struct sl_val *fields, enum sl_prices_how how,
                  const struct sl_val **ret_at, struct sl_err *err)
{
    struct row row = { .prices = prices, .at = fields, .err = err, .is_strict = how == SL_PRICES_OVER };
    const struct sl_price *base = how == SL_PRICES_OVER ? base_find(prices, name) : NULL;
    int r = 0;
    if (base) {
        memcpy(row.rates, base->rates, base->n_rates * sizeof(base->rates[0]));
        row.n = base->n_rates;
        row.off_peak = base->off_peak;
        row.provider = base->provider;
    }
    if (fields->kind != SL_VAL_MAP) {
        r = sl_fail(err, SL_E_INVAL, "must be a map from names of prices to US dollars, not %s",
                    sl_val_kind_name(fields->kind));
    } else if (!name.n || name.n > NAME_MAX_BYTES) {
        r = sl_fail(err, SL_E_INVAL, "a model's name has 1 to %d bytes", NAME_MAX_BYTES);
    }
    r = r < 0 ? r : fields_read(&row, fields);
    if (r < 0) {
        *ret_at = row.at;
        return r;
    }
    if (!row.n) {
        return 0; /* it says nothing about prices */
    }
    struct sl_price *price = row_make(&row, name, how);
    return price ? row_put(prices, price) : sl_fail_nomem(err);
}
