/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/asked.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/num.h"
#include "gate/call/state.h"
#include "gate/config/settings.h"
#include "json/json.h"
#include "llm/core/call.h"
#include "llm/core/language.h"
#include "llm/core/target.h"
#include "llm/price/price.h"
#include "llm/price/table.h"

/* More images or pixels than any provider makes: a mistake of the caller, which the upstream refuses. */
#define IMAGES_MAX 1000
#define SIDE_MAX   100000

/* n == 0: there is no such text. */
static struct sl_str text_of(struct sl_json_val body, const char *name, struct sl_arena *arena)
{
    struct sl_str text;
    return sl_json_text(sl_json_get(body, name), arena, &text) == 0 ? text : SL_STR("");
}

/* --- searches --- */

static uint8_t search_size(struct sl_json_val body)
{
    struct sl_json_val size = sl_json_at(body, "web_search_options.search_context_size");
    for (struct sl_json_iter it = sl_json_each(sl_json_get(body, "tools")); sl_json_next(&it);) {
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

static const struct sl_price *images_fill(const struct sl_xchg *x, const struct sl_target *target,
                                          const struct sl_asked *asked, struct sl_usage *io_usage)
{
    uint64_t many = SL_MAX(asked->n_images, 1u);
    io_usage->images = (int64_t)many;
    if (!asked->width) {
        return target->price;
    }
    io_usage->pixels = (int64_t)(many * asked->width * asked->height);
    const struct sl_price *sized = sized_find(x, target, asked->quality, asked->width, asked->height);
    return sized ? sized : target->price;
}

/* False: it is no number of images. */
static bool number_take(struct sl_asked *asked, struct sl_str text)
{
    uint64_t n;
    if (sl_parse_whole(text, 1, IMAGES_MAX, &n) < 0) {
        return false;
    }
    asked->n_images = (uint32_t)n;
    return true;
}

static void size_take(struct sl_asked *asked, struct sl_str text)
{
    if (!size_parse(text, &asked->width, &asked->height)) {
        asked->width = asked->height = 0;
    }
}

/* False: its `n` is no number of images. */
static bool images_read(struct sl_json_val body, struct sl_arena *arena, struct sl_asked *asked)
{
    struct sl_json_val n = sl_json_get(body, "n");
    bool has_n = sl_json_is_present(n) && !sl_json_is(n, SL_JSON_NULL);
    size_take(asked, text_of(body, "size", arena));
    asked->quality = text_of(body, "quality", arena);
    return !has_n || (sl_json_is(n, SL_JSON_NUMBER) && number_take(asked, sl_json_raw(n)));
}

int sl_asked_read(struct sl_xchg *x, struct sl_llm_error *ret_error)
{
    const struct sl_call *call = x->call;
    if (SL_LIKELY(call->type != SL_LLM_IMAGES) || call->passage || !call->doc ||
        !sl_json_holds(call->doc, call->body)) {
        return 0;
    }
    x->asked = SL_ARENA_NEW(x->arena, struct sl_asked);
    if (!x->asked) {
        return SL_E_NOMEM;
    }
    if (images_read(sl_json_root(call->doc), x->arena, x->asked)) {
        return 0;
    }
    *ret_error = (struct sl_llm_error){
        .type = SL_ERR_CALLER_INVALID_REQUEST,
        .status = x->dialect->manners->refusal_status,
        .param = SL_STR("n"),
        .message = SL_STR(SL_ASKED_NUMBER_FAULT),
    };
    return SL_E_INVAL;
}

bool sl_asked_take(struct sl_asked *asked, struct sl_str name, struct sl_str value, struct sl_arena *arena)
{
    if (sl_str_eq(name, SL_STR("n"))) {
        return number_take(asked, value);
    }
    if (sl_str_eq(name, SL_STR("size"))) {
        size_take(asked, value);
    } else {
        asked->quality = sl_arena_dup(arena, value);
    }
    return true;
}

/* --- all --- */

static bool is_by_tokens(const struct sl_usage *usage)
{
    return usage->input >= 0 || usage->output >= 0;
}

/* Reads the body, in a document of its own: the worker's may hold another text by now. */
static void body_read(const struct sl_call *call, struct sl_arena *arena, struct sl_asked *asked)
{
    struct sl_arena scratch;
    struct sl_json doc;
    sl_arena_init_small(&scratch, 1024);
    sl_json_init(&doc, NULL);
    bool is_read = call->body.n && sl_json_parse(&doc, call->body) == 0;
    struct sl_json_val body = is_read ? sl_json_root(&doc) : SL_JSON_ABSENT;
    if (call->type == SL_LLM_IMAGES) {
        SL_IGNORE(!images_read(body, arena, asked)); /* it was looked at before */
    } else if (call->type == SL_LLM_SPEECH) {
        asked->characters = characters_of(text_of(body, "input", &scratch));
    } else {
        asked->search_size = search_size(body);
    }
    sl_json_done(&doc);
    sl_arena_done(&scratch);
}

/* Once a call, for however many targets: a body may be long. */
static const struct sl_asked *asked_of(struct sl_xchg *x)
{
    static const struct sl_asked none = { .search_size = SL_SEARCH_MEDIUM };
    if (!x->asked) {
        x->asked = SL_ARENA_NEW(x->arena, struct sl_asked);
        if (!x->asked) {
            return &none;
        }
        body_read(x->call, x->arena, x->asked);
    }
    return x->asked;
}

int64_t sl_asked_cost(struct sl_xchg *x, const struct sl_target *target, const struct sl_usage *usage,
                      bool *ret_is_apart)
{
    enum sl_llm_type type = x->call->type;
    bool is_image = type == SL_LLM_IMAGES && !is_by_tokens(usage);
    bool is_speech = type == SL_LLM_SPEECH && !is_by_tokens(usage);
    bool is_search = type != SL_LLM_IMAGES && type != SL_LLM_SPEECH && usage->searches > 0;
    bool is_plain = !is_image && !is_speech && usage->searches <= 0 && !target->paid_more && !usage->paid_more &&
                    !sl_price_has_times(target->price);
    if (SL_LIKELY(is_plain)) {
        return sl_price_cost(target->price, usage);
    }
    struct sl_usage whole = *usage;
    const struct sl_price *price = target->price;
    whole.paid_more |= target->paid_more;
    whole.at_usec = x->begun_wall_usec;
    whole.search_size = is_search ? asked_of(x)->search_size : SL_SEARCH_MEDIUM;
    if (is_image) {
        price = images_fill(x, target, asked_of(x), &whole);
    } else if (is_speech) {
        whole.characters = asked_of(x)->characters;
    }
    if (ret_is_apart) {
        *ret_is_apart = whole.paid_more || whole.search_size != SL_SEARCH_MEDIUM || sl_price_has_times(price);
    }
    return sl_price_cost(price, &whole);
}
