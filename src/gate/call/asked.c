/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/asked.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/num.h"
#include "gate/call/state.h"
#include "gate/config/settings.h"
#include "json/json.h"
#include "llm/core/call.h"
#include "llm/core/target.h"
#include "llm/price/price.h"
#include "llm/price/table.h"

/* More images or pixels than any provider makes: a mistake of the caller, which the upstream refuses. */
#define IMAGES_MAX 1000
#define SIDE_MAX   100000

/* What the call asks for. */
struct asked {
    struct sl_arena arena;
    struct sl_json doc;
    struct sl_json_val body;
};

/* The worker's document may hold another text by now. */
static void asked_open(const struct sl_xchg *x, struct asked *ret)
{
    sl_arena_init_small(&ret->arena, 1024);
    sl_json_init(&ret->doc, NULL);
    bool is_read = x->call->body.n && sl_json_parse(&ret->doc, x->call->body) == 0;
    ret->body = is_read ? sl_json_root(&ret->doc) : SL_JSON_ABSENT;
}

static void asked_close(struct asked *asked)
{
    sl_json_done(&asked->doc);
    sl_arena_done(&asked->arena);
}

/* n == 0: there is no such text. */
static struct sl_str text_of(struct asked *asked, const char *name)
{
    struct sl_str text;
    return sl_json_text(sl_json_get(asked->body, name), &asked->arena, &text) == 0 ? text : SL_STR("");
}

/* --- searches --- */

static uint8_t search_size(struct asked *asked)
{
    struct sl_json_val size = sl_json_at(asked->body, "web_search_options.search_context_size");
    for (struct sl_json_iter it = sl_json_each(sl_json_get(asked->body, "tools")); sl_json_next(&it);) {
        struct sl_json_val own = sl_json_get(it.val, "search_context_size"); /* Responses' tool */
        size = sl_json_is_present(own) ? own : size;
    }
    return sl_json_str_eq(size, SL_STR("low"))    ? SL_SEARCH_LOW
           : sl_json_str_eq(size, SL_STR("high")) ? SL_SEARCH_HIGH
                                                  : SL_SEARCH_MEDIUM;
}

/* --- speech --- */

static int64_t characters_of(struct sl_str text)
{
    int64_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        n += (text.p[i] & 0xc0) != 0x80; /* the first byte of each */
    }
    return n;
}

/* --- images --- */

/* "1024x1536". False: something else, such as "auto". */
static bool size_parse(struct sl_str text, uint64_t *ret_width, uint64_t *ret_height)
{
    ptrdiff_t at = sl_str_find_char(text, 'x', 0);
    return at > 0 && sl_parse_u64(sl_str_sub(text, 0, (size_t)at), 1, SIDE_MAX, ret_width) == 0 &&
           sl_parse_u64(sl_str_sub(text, (size_t)at + 1, text.n), 1, SIDE_MAX, ret_height) == 0;
}

/* The row of the model's images of this size and quality: "hd/1024-x-1792/dall-e-3". Only images look something up for
 * a call. */
static const struct sl_price *sized_find(const struct sl_xchg *x, const struct sl_target *target, struct sl_str quality,
                                         uint64_t width, uint64_t height)
{
    char name[512];
    int n = snprintf(name, sizeof(name), "%.*s/%llu-x-%llu/%.*s", SL_STR_ARG(quality), (unsigned long long)width,
                     (unsigned long long)height, SL_STR_ARG(target->model));
    if (n < 0 || (size_t)n >= sizeof(name)) {
        return NULL;
    }
    struct sl_str with = sl_str_make(name, (size_t)n), without = sl_str_sub(with, quality.n + 1, with.n);
    const struct sl_price *price = quality.n ? sl_prices_find(x->settings->prices, target->provider, with) : NULL;
    return price ? price : sl_prices_find(x->settings->prices, target->provider, without);
}

static const struct sl_price *images_fill(const struct sl_xchg *x, const struct sl_target *target, struct asked *asked,
                                          struct sl_usage *io_usage)
{
    struct sl_json_val n = sl_json_get(asked->body, "n");
    uint64_t width, height, many = 1;
    if (sl_json_is(n, SL_JSON_NUMBER) && sl_parse_whole(sl_json_raw(n), 1, IMAGES_MAX, &many) < 0) {
        return target->price;
    }
    io_usage->images = (int64_t)many;
    if (!size_parse(text_of(asked, "size"), &width, &height)) {
        return target->price;
    }
    io_usage->pixels = (int64_t)(many * width * height);
    const struct sl_price *sized = sized_find(x, target, text_of(asked, "quality"), width, height);
    return sized ? sized : target->price;
}

/* --- all --- */

static bool is_by_tokens(const struct sl_usage *usage)
{
    return usage->input >= 0 || usage->output >= 0;
}

int64_t sl_asked_cost(const struct sl_xchg *x, const struct sl_target *target, const struct sl_usage *usage,
                      bool *ret_is_apart)
{
    enum sl_llm_type type = x->call->type;
    bool is_image = type == SL_LLM_IMAGES && !is_by_tokens(usage);
    bool is_speech = type == SL_LLM_SPEECH && !is_by_tokens(usage);
    bool is_plain = !is_image && !is_speech && usage->searches <= 0 && !target->paid_more && !usage->paid_more &&
                    !sl_price_has_times(target->price);
    if (SL_LIKELY(is_plain)) {
        return sl_price_cost(target->price, usage);
    }
    struct asked asked;
    struct sl_usage whole = *usage;
    const struct sl_price *price = target->price;
    asked_open(x, &asked);
    whole.paid_more |= target->paid_more;
    whole.at_usec = x->begun_wall_usec;
    whole.search_size = usage->searches > 0 ? search_size(&asked) : SL_SEARCH_MEDIUM;
    if (is_image) {
        price = images_fill(x, target, &asked, &whole);
    } else if (is_speech) {
        whole.characters = characters_of(text_of(&asked, "input"));
    }
    int64_t cost = sl_price_cost(price, &whole);
    if (ret_is_apart) {
        *ret_is_apart = whole.paid_more || whole.search_size != SL_SEARCH_MEDIUM || sl_price_has_times(price);
    }
    asked_close(&asked);
    return cost;
}
