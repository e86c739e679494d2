/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/fleet/news.h"

#include "base/num.h"
#include "gate/fleet/command.h"
#include "gate/fleet/state.h"

/* How often news are sent and asked for. */
#define NEWS_USEC (200 * SL_USEC_PER_MSEC)
/* The items of one that was read: a list of four words. */
#define WORDS 4

/* --- what this node tells --- */

static struct sl_str number(uint64_t v, char room[20])
{
    return sl_str_make(room, sl_format_u64(v, room));
}

void sl_fleet_news_tell(struct sl_fleet *fleet, const struct sl_fleet_news *news)
{
    char room[3][20];
    struct sl_str words[WORDS] = { SL_STR("place"), number(news->key, room[0]), number(news->print, room[1]),
                                   number(news->for_usec, room[2]) };
    if (news->is_breaker) {
        words[0] = SL_STR("breaker");
        words[1] = news->route;
        words[2] = news->target;
    }
    pthread_mutex_lock(&fleet->lock);
    size_t before = fleet->news.len;
    sl_resp_begin(&fleet->news, WORDS);
    for (size_t i = 0; i < WORDS; i++) {
        sl_resp_word(&fleet->news, words[i]);
    }
    if (sl_buf_status(&fleet->news) < 0) { /* too many at once: the newest are lost */
        fleet->news.len = before;
        fleet->news.status = 0;
    }
    pthread_mutex_unlock(&fleet->lock);
}

/* --- what others tell --- */

/* False: a text or number is not as it should be. */
static bool news_read(const struct sl_resp *items, struct sl_fleet_news *ret)
{
    struct sl_str kind = items[1].text;
    *ret = (struct sl_fleet_news){ .is_breaker = sl_str_eq_c(kind, "breaker"),
                                   .route = items[2].text,
                                   .target = items[3].text };
    bool is_good = sl_parse_u64(items[4].text, 0, UINT64_MAX, &ret->for_usec) == 0;
    if (!ret->is_breaker) {
        is_good = is_good && sl_str_eq_c(kind, "place") && sl_parse_u64(items[2].text, 1, UINT64_MAX, &ret->key) == 0 &&
                  sl_parse_u64(items[3].text, 1, UINT64_MAX, &ret->print) == 0;
    }
    return is_good;
}

static void text_take(struct sl_fleet_link *link, struct sl_str text)
{
    struct sl_resp items[1 + WORDS];
    struct sl_fleet_news news;
    size_t used;
    while (text.n && sl_resp_read(text, items, SL_ARRAY_LEN(items), &used) == 1 + WORDS) {
        if (news_read(items, &news)) {
            link->on_news(link->news_arg, &news);
        }
        text = sl_str_sub(text, used, text.n);
    }
}

static void on_news(void *arg, const struct sl_resp *reply, size_t n)
{
    struct sl_fleet_link *link = arg;
    link->is_asking_news = false;
    /* Whatever is wrong with it: calls do not need it. */
    if (!reply || link->is_ending || n < 3 || reply->type != SL_RESP_LIST || reply[1].type != SL_RESP_NUMBER) {
        return;
    }
    link->news_usec = reply[1].number > 0 ? (uint64_t)reply[1].number : 0;
    for (size_t i = 3; i < n && reply[i].type == SL_RESP_BULK; i++) {
        text_take(link, reply[i].text);
    }
    if (reply[2].number) { /* there are more */
        sl_timer_set(link->loop, &link->news, sl_loop_recent(link->loop));
    }
}

static void ask(struct sl_fleet_link *link)
{
    struct sl_fleet *fleet = link->fleet;
    sl_fleet_command_news(link);
    sl_resp_word(&link->out, sl_str_c(fleet->process));
    sl_resp_word_u64(&link->out, link->news_usec);
    sl_resp_word_u64(&link->out, ++link->n_news);
    pthread_mutex_lock(&fleet->lock);
    sl_resp_word(&link->out, sl_buf_str(&fleet->news));
    sl_buf_reset(&fleet->news);
    pthread_mutex_unlock(&fleet->lock);
    link->is_asking_news = sl_fleet_command_send(link, on_news, link) == 0;
}

/* Their times count from when they are sent: what waits for the server would be told as new. */
static void drop(struct sl_fleet *fleet)
{
    pthread_mutex_lock(&fleet->lock);
    sl_buf_reset(&fleet->news);
    pthread_mutex_unlock(&fleet->lock);
}

void sl_fleet_news_on_timer(struct sl_timer *timer)
{
    struct sl_fleet_link *link = SL_CONTAINER_OF(timer, struct sl_fleet_link, news);
    if (link->state != SL_LINK_UP) {
        drop(link->fleet);
    } else if (!link->is_asking_news) {
        ask(link);
    }
    sl_timer_set(link->loop, &link->news, sl_loop_now(link->loop) + NEWS_USEC);
}

void sl_fleet_news_listen(struct sl_fleet_link *link, sl_fleet_news_fn *fn, void *arg)
{
    link->on_news = fn;
    link->news_arg = arg;
    sl_timer_set(link->loop, &link->news, sl_loop_recent(link->loop) + NEWS_USEC);
}
