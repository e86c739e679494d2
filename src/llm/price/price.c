/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/price/price.h"

#include <stdlib.h>

#include "base/num.h"
#include "base/zone.h"
#include "json/write.h"

struct sl_price *sl_price_ref(struct sl_price *price)
{
    atomic_fetch_add_explicit(&price->refs, 1, memory_order_relaxed);
    return price;
}

void sl_price_unref(struct sl_price *price)
{
    if (price && atomic_fetch_sub_explicit(&price->refs, 1, memory_order_acq_rel) == 1) {
        free(price);
    }
}

static bool times_are_same(const struct sl_price_times *a, const struct sl_price_times *b)
{
    bool same = a->n == b->n && a->zone == b->zone;
    for (uint32_t i = 0; same && i < a->n; i++) {
        const struct sl_price_window *x = &a->windows[i], *y = &b->windows[i];
        same = x->from == y->from && x->to == y->to && x->weekdays == y->weekdays;
    }
    return same;
}

bool sl_price_is_same(const struct sl_price *a, const struct sl_price *b)
{
    bool same = a == b || (a && b && a->n_rates == b->n_rates && times_are_same(&a->off_peak, &b->off_peak));
    for (uint32_t i = 0; same && a != b && i < a->n_rates; i++) {
        const struct sl_price_rate *x = &a->rates[i], *y = &b->rates[i];
        same = x->rate == y->rate && x->tier == y->tier && x->is_off_peak == y->is_off_peak && x->above == y->above &&
               !(x->nano < y->nano) && !(x->nano > y->nano);
    }
    return same;
}

/* --- the names of prices --- */

/* "_above_200k_tokens" in front of `io_rest`: sets the threshold. False: it has another form. */
static bool above_cut(struct sl_str *io_rest, uint32_t *ret)
{
    static const struct sl_str begin = SL_STR_INIT("_above_"), end = SL_STR_INIT("_tokens");
    if (!sl_str_has_prefix(*io_rest, begin)) {
        return true;
    }
    struct sl_str rest = sl_str_sub(*io_rest, begin.n, io_rest->n);
    size_t n = 0;
    while (n < rest.n && rest.p[n] >= '0' && rest.p[n] <= '9') {
        n++;
    }
    uint64_t number;
    if (sl_parse_u64(sl_str_sub(rest, 0, n), 1, 1000000, &number) < 0) {
        return false;
    }
    bool is_thousands = n < rest.n && rest.p[n] == 'k';
    rest = sl_str_sub(rest, n + is_thousands, rest.n);
    if (!sl_str_has_prefix(rest, end)) {
        return false;
    }
    *ret = (uint32_t)(is_thousands ? number * 1000 : number);
    *io_rest = sl_str_sub(rest, end.n, rest.n);
    return true;
}

/* What stands behind the name of a rate. False: something else. */
static bool suffix_parse(struct sl_str rest, struct sl_price_rate *ret)
{
    static const struct {
        struct sl_str word;
        enum sl_tier tier;
    } tiers[] = {
        { SL_STR_INIT(""), SL_TIER_NONE },
        { SL_STR_INIT("_batches"), SL_TIER_BATCH },
        { SL_STR_INIT("_flex"), SL_TIER_FLEX },
        { SL_STR_INIT("_priority"), SL_TIER_PRIORITY },
        { SL_STR_INIT("_ultrafast"), SL_TIER_ULTRAFAST },
    };
    ret->above = 0;
    if (!above_cut(&rest, &ret->above)) {
        return false;
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(tiers); i++) {
        if (sl_str_eq(rest, tiers[i].word)) {
            ret->tier = (uint8_t)tiers[i].tier;
            return true;
        }
    }
    return false;
}

bool sl_price_rate_parse(struct sl_str name, struct sl_price_rate *ret)
{
    static const struct sl_str names[] = {
#define X(symbol, text) [SL_RATE_##symbol] = SL_STR_INIT(text),
        SL_RATES(X)
#undef X
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
        if (sl_str_has_prefix(name, names[i]) && suffix_parse(sl_str_sub(name, names[i].n, name.n), ret)) {
            ret->rate = (uint8_t)i;
            return true;
        }
    }
    return false;
}

/* --- which prices hold for a call --- */

/* The prices that hold, in nano-dollars; below 0: there is none. */
struct rates {
    double v[SL_RATE_COUNT];
};

/* The tier by which the prices are chosen. */
static enum sl_tier paid_tier(enum sl_tier tier)
{
    return tier == SL_TIER_DEFAULT || tier == SL_TIER_SCALE ? SL_TIER_NONE : tier;
}

static bool is_in_window(const struct sl_price_window *w, unsigned minute, unsigned weekday)
{
    bool is_in = w->from < w->to ? minute >= w->from && minute < w->to : minute >= w->from || minute < w->to;
    return is_in && (w->weekdays >> weekday & 1);
}

static bool is_off_peak(const struct sl_price_times *times, uint64_t at_usec)
{
    if (SL_LIKELY(!times->n) || !at_usec) {
        return false;
    }
    uint64_t minutes = at_usec / SL_USEC_PER_SEC / 60;
    unsigned weekday = times->zone ? sl_zone_weekday(times->zone, at_usec) : (unsigned)((minutes / 1440 + 3) % 7);
    bool is = false;
    for (uint32_t i = 0; i < times->n; i++) {
        is |= is_in_window(&times->windows[i], (unsigned)(minutes % 1440), weekday);
    }
    return is;
}

uint8_t sl_price_paid_more(struct sl_str host)
{
    /* Vertex has a host for each region, and one for all of them. */
    bool is_vertex = sl_str_has_suffix(host, SL_STR("-aiplatform.googleapis.com"));
    bool is_openai = sl_str_has_suffix(host, SL_STR(".api.openai.com"));
    return is_vertex                                             ? SL_PAID_ENDPOINT
           : is_openai && sl_str_has_prefix(host, SL_STR("eu.")) ? SL_PAID_EU
           : is_openai && sl_str_has_prefix(host, SL_STR("us.")) ? SL_PAID_US
                                                                 : 0;
}

/* The largest threshold that the call has passed. It holds for the whole call. */
static uint32_t above_of(const struct sl_price *price, enum sl_tier tier, int64_t input)
{
    uint32_t above = 0;
    for (uint32_t i = 0; i < price->n_rates; i++) {
        const struct sl_price_rate *rate = &price->rates[i];
        bool is_ours = rate->rate == SL_RATE_INPUT && (rate->tier == SL_TIER_NONE || rate->tier == tier);
        above = is_ours && input > (int64_t)rate->above && rate->above > above ? rate->above : above;
    }
    return above;
}

/* A price of times of low load goes before all others, one beyond the threshold before one for the tier, and both
 * before the plain one. */
static void rates_choose(const struct sl_price *price, enum sl_tier tier, int64_t input, bool is_off_peak,
                         struct rates *ret)
{
    uint32_t above = above_of(price, tier, input);
    uint8_t best[SL_RATE_COUNT] = { 0 };
    for (size_t i = 0; i < SL_RATE_COUNT; i++) {
        ret->v[i] = -1;
    }
    for (uint32_t i = 0; i < price->n_rates; i++) {
        const struct sl_price_rate *rate = &price->rates[i];
        if ((rate->above && rate->above != above) || (rate->tier && rate->tier != tier) ||
            (rate->is_off_peak && !is_off_peak)) {
            continue;
        }
        uint8_t rank = (uint8_t)(1 + (rate->is_off_peak ? 4 : 0) + (rate->above ? 2 : 0) + (rate->tier ? 1 : 0));
        bool is_half = tier == SL_TIER_BATCH && !rate->tier && SL_RATE_IS_OF_TOKENS(rate->rate);
        if (rank > best[rate->rate]) {
            best[rate->rate] = rank;
            ret->v[rate->rate] = is_half ? rate->nano / 2 : rate->nano;
        }
    }
    double *read = &ret->v[SL_RATE_CACHE_READ];
    *read = *read >= 0 ? *read : ret->v[SL_RATE_CACHE_HIT];
}

/* --- the sum --- */

struct bill {
    const struct rates *rates;
    double sum;
    bool lacks; /* a part was used that has no price */
};

/* Adds `n` units at the first of these prices that there is. */
static void bill_add(struct bill *bill, int64_t n, enum sl_rate first, enum sl_rate second, enum sl_rate third)
{
    if (n <= 0) {
        return;
    }
    const double *v = bill->rates->v;
    double each = v[first] >= 0 ? v[first] : v[second] >= 0 ? v[second] : v[third];
    if (each < 0) {
        bill->lacks = true;
    } else {
        bill->sum += (double)n * each;
    }
}

static int64_t count(int64_t n)
{
    return SL_MAX(n, (int64_t)0);
}

/* Takes up to `n` of what is left. */
static int64_t take(int64_t *io_left, int64_t n)
{
    int64_t taken = SL_MIN(count(n), *io_left);
    *io_left -= taken;
    return taken;
}

/* When the parts are more than the whole, an upstream counted tokens twice, such as cached sound: what was not cached
 * is given to sound, pictures and films in this order, and the rest is text. */
static void input_add(struct bill *bill, const struct sl_usage *u, int64_t input)
{
    int64_t left = input, read = take(&left, u->cached_input);
    int64_t written = take(&left, SL_MAX(u->cache_creation, u->cache_hour)), hour = take(&written, u->cache_hour);
    int64_t text_read = read, audio_read = take(&text_read, u->cached_audio);
    int64_t image_read = take(&text_read, u->cached_image);
    int64_t audio = take(&left, u->audio_input - audio_read), image = take(&left, u->image_input - image_read);
    int64_t video = take(&left, u->video_input);
    bill_add(bill, left, SL_RATE_INPUT, SL_RATE_INPUT, SL_RATE_INPUT);
    bill_add(bill, audio, SL_RATE_AUDIO_INPUT, SL_RATE_INPUT, SL_RATE_INPUT);
    bill_add(bill, image, SL_RATE_IMAGE_INPUT, SL_RATE_INPUT, SL_RATE_INPUT);
    bill_add(bill, video, SL_RATE_VIDEO_INPUT, SL_RATE_INPUT, SL_RATE_INPUT);
    bill_add(bill, text_read, SL_RATE_CACHE_READ, SL_RATE_INPUT, SL_RATE_INPUT);
    bill_add(bill, audio_read, SL_RATE_CACHE_READ_AUDIO, SL_RATE_CACHE_READ, SL_RATE_INPUT);
    bill_add(bill, image_read, SL_RATE_CACHE_READ_IMAGE, SL_RATE_CACHE_READ, SL_RATE_INPUT);
    bill_add(bill, written, SL_RATE_CACHE_WRITE, SL_RATE_INPUT, SL_RATE_INPUT);
    bill_add(bill, hour, SL_RATE_CACHE_WRITE_HOUR, SL_RATE_CACHE_WRITE, SL_RATE_INPUT);
}

static void output_add(struct bill *bill, const struct sl_usage *u, int64_t output)
{
    int64_t reasoning = count(u->reasoning), audio = count(u->audio_output), image = count(u->image_output);
    int64_t video = count(u->video_output), text = count(output - reasoning - audio - image - video);
    bill_add(bill, text, SL_RATE_OUTPUT, SL_RATE_OUTPUT, SL_RATE_OUTPUT);
    bill_add(bill, reasoning, SL_RATE_REASONING, SL_RATE_OUTPUT, SL_RATE_OUTPUT);
    bill_add(bill, audio, SL_RATE_AUDIO_OUTPUT, SL_RATE_OUTPUT, SL_RATE_OUTPUT);
    bill_add(bill, image, SL_RATE_IMAGE_OUTPUT, SL_RATE_OUTPUT, SL_RATE_OUTPUT);
    bill_add(bill, video, SL_RATE_VIDEO_OUTPUT, SL_RATE_OUTPUT, SL_RATE_OUTPUT);
}

/* Images by the piece or by their size, and speech by the characters of its text. False: none of these has a price. */
static bool pieces_add(struct bill *bill, const struct sl_usage *u)
{
    const double *v = bill->rates->v;
    double image = v[SL_RATE_IMAGE] >= 0 ? v[SL_RATE_IMAGE] : v[SL_RATE_IMAGE_ASKED];
    double pixel = v[SL_RATE_PIXEL] >= 0 ? v[SL_RATE_PIXEL] : v[SL_RATE_PIXEL_ASKED];
    bool has_images = u->images >= 0 && image >= 0, has_pixels = !has_images && u->pixels >= 0 && pixel >= 0;
    bool has_characters = u->characters >= 0 && v[SL_RATE_CHARACTER] >= 0;
    bill->sum += has_images ? (double)u->images * image : has_pixels ? (double)u->pixels * pixel : 0;
    bill->sum += has_characters ? (double)u->characters * v[SL_RATE_CHARACTER] : 0;
    return has_images || has_pixels || has_characters;
}

/* Adds what the call was about, in the unit in which it is paid. False: nothing that was used has a price. */
static bool main_add(struct bill *bill, const struct sl_usage *u, int64_t input, int64_t output)
{
    const double *v = bill->rates->v;
    if (u->queries >= 0 && v[SL_RATE_QUERY] >= 0) {
        bill_add(bill, u->queries, SL_RATE_QUERY, SL_RATE_QUERY, SL_RATE_QUERY);
        return true;
    }
    if ((input >= 0 || output >= 0) && (v[SL_RATE_INPUT] >= 0 || v[SL_RATE_OUTPUT] >= 0)) {
        input_add(bill, u, count(input));
        output_add(bill, u, count(output));
        return !bill->lacks;
    }
    if (u->msec >= 0 && (v[SL_RATE_SECOND_INPUT] >= 0 || v[SL_RATE_SECOND_OUTPUT] >= 0)) {
        bill->sum += (double)u->msec / 1000 * SL_MAX(v[SL_RATE_SECOND_INPUT], v[SL_RATE_SECOND_OUTPUT]);
        return true;
    }
    return pieces_add(bill, u);
}

bool sl_price_is_told(const struct sl_usage *u)
{
    return u->input >= 0 || u->output >= 0 || u->queries >= 0 || u->msec >= 0 || u->characters >= 0 || u->images >= 0;
}

/* A search without a price for its size costs as one of medium size. */
static void searches_add(struct bill *bill, const struct sl_usage *u)
{
    static const enum sl_rate of_size[] = { [SL_SEARCH_MEDIUM] = SL_RATE_SEARCH,
                                            [SL_SEARCH_LOW] = SL_RATE_SEARCH_LOW,
                                            [SL_SEARCH_HIGH] = SL_RATE_SEARCH_HIGH };
    bill_add(bill, u->searches, of_size[u->search_size], SL_RATE_SEARCH, SL_RATE_SEARCH);
}

/* What all of it is multiplied by. */
static double factor_of(const struct rates *rates, const struct sl_usage *u)
{
    double factor = 1;
    for (unsigned i = 0; SL_RATE_FACTOR_EU + i < SL_RATE_COUNT; i++) { /* in the order of enum sl_paid_more */
        double nano = rates->v[SL_RATE_FACTOR_EU + i];
        factor *= (u->paid_more & SL_BIT(i)) && nano >= 0 ? nano / 1e9 : 1;
    }
    return factor;
}

/* True: each token costs what a plain one does, or one that is read from a cache. Most calls are so. */
static bool is_simple(const struct sl_price *price, const struct sl_usage *u, int64_t input, int64_t output)
{
    int64_t parts = count(u->reasoning) + count(u->audio_output) + count(u->image_output) + count(u->video_output);
    return price->is_simple && (input >= 0 || output >= 0) && u->tier <= SL_TIER_SCALE && u->searches <= 0 &&
           parts <= count(output);
}

/* The same as main_add for such a call. SL_COST_UNKNOWN: a part has no price. */
static double simple_sum(const struct sl_price *price, const struct sl_usage *u, int64_t input, int64_t output)
{
    double each[] = { -1, -1, -1 }; /* of input, of output, of what is read from a cache */
    for (uint32_t i = 0; i < price->n_rates; i++) {
        const struct sl_price_rate *rate = &price->rates[i];
        each[rate->rate == SL_RATE_INPUT ? 0 : rate->rate == SL_RATE_OUTPUT ? 1 : 2] = rate->nano;
    }
    int64_t read = SL_MIN(count(u->cached_input), count(input)), fresh = count(input) - read, written = count(output);
    double each_read = each[2] >= 0 ? each[2] : each[0];
    bool lacks = (each[0] < 0 && fresh) || (each_read < 0 && read) || (each[1] < 0 && written);
    return lacks ? (double)SL_COST_UNKNOWN
                 : (double)fresh * each[0] + (double)read * each_read + (double)written * each[1];
}

/* In whole nano-dollars. */
static int64_t rounded(double sum)
{
    return sum >= (double)SL_COST_MAX ? SL_COST_MAX : (int64_t)(sum + 0.5);
}

/* Of `n_calls` calls together, each with so much input that the prices for `input_each` hold. */
static int64_t cost_of(const struct sl_price *price, const struct sl_usage *usage, int64_t n_calls, int64_t input_each)
{
    if (price->is_free) {
        return 0;
    }
    int64_t input = usage->billed_input >= 0 ? usage->billed_input : usage->input;
    int64_t output = usage->billed_output >= 0 ? usage->billed_output : usage->output;
    if (SL_LIKELY(is_simple(price, usage, input, output))) {
        double sum = simple_sum(price, usage, input, output);
        return sum < 0 ? SL_COST_UNKNOWN : rounded(sum);
    }
    struct rates rates;
    rates_choose(price, paid_tier(usage->tier), input_each, is_off_peak(&price->off_peak, usage->at_usec), &rates);
    struct bill bill = { .rates = &rates };
    if (!main_add(&bill, usage, input, output)) {
        return SL_COST_UNKNOWN;
    }
    searches_add(&bill, usage);
    if (rates.v[SL_RATE_CITATION] >= 0) {
        bill_add(&bill, usage->citations, SL_RATE_CITATION, SL_RATE_CITATION, SL_RATE_CITATION);
    }
    if (rates.v[SL_RATE_REQUEST] >= 0) {
        bill.sum += (double)n_calls * rates.v[SL_RATE_REQUEST];
    }
    if (bill.lacks) {
        return SL_COST_UNKNOWN;
    }
    bill.sum *= SL_UNLIKELY(usage->paid_more) ? factor_of(&rates, usage) : 1;
    return rounded(bill.sum);
}

int64_t sl_price_cost(const struct sl_price *price, const struct sl_usage *usage)
{
    /* An upstream also says 0 where others bill the call, or where it does not know: a price says more. */
    bool is_priced = usage->cost_nano <= 0 && price && sl_price_is_told(usage);
    int64_t input = usage->billed_input >= 0 ? usage->billed_input : usage->input;
    int64_t cost = is_priced ? cost_of(price, usage, 1, input) : SL_COST_UNKNOWN;
    return cost == SL_COST_UNKNOWN ? usage->cost_nano : cost;
}

/* True: searches of other sizes cost something else, and nobody knows of which size these were. */
static bool has_sizes(const struct sl_price *price)
{
    bool has = false;
    for (uint32_t i = 0; i < price->n_rates; i++) {
        has |= price->rates[i].rate == SL_RATE_SEARCH_LOW || price->rates[i].rate == SL_RATE_SEARCH_HIGH;
    }
    return has;
}

int64_t sl_price_cost_of_many(const struct sl_price *price, const struct sl_usage *sum,
                              const struct sl_price_many *many)
{
    if (price->off_peak.n || (sum->searches > 0 && has_sizes(price))) {
        return SL_COST_UNKNOWN;
    }
    enum sl_tier tier = paid_tier(sum->tier);
    for (uint32_t i = 0; i < price->n_rates; i++) {
        const struct sl_price_rate *rate = &price->rates[i];
        bool is_ours = rate->rate == SL_RATE_INPUT && (rate->tier == SL_TIER_NONE || rate->tier == tier);
        if (is_ours && (int64_t)rate->above > many->above && (int64_t)rate->above < many->at_most) {
            return SL_COST_UNKNOWN;
        }
    }
    return cost_of(price, sum, many->n_calls, many->above + 1);
}

int64_t sl_price_usual(const struct sl_price *price, bool has_output)
{
    struct sl_usage usage = SL_USAGE_NONE;
    usage.input = 3000;
    usage.output = has_output ? 1000 : -1;
    return sl_price_cost(price, &usage);
}

void sl_cost_write(struct sl_jw *w, const struct sl_usage *usage)
{
    if (usage->shows_cost) {
        char text[SL_DOLLARS_TEXT_MAX];
        sl_jw_member_raw(w, "cost", sl_str_make(text, sl_format_dollars((uint64_t)usage->shown_nano, text)));
    }
}
