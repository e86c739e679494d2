/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/relay_usage.h"

#include "base/buf.h"
#include "base/num.h"
#include "gate/call/measure.h"
#include "gate/call/relay_out.h"
#include "gate/call/state.h"
#include "json/edit.h"
#include "json/scan.h"
#include "llm/core/call.h"
#include "llm/core/language.h"
#include "llm/core/target.h"
#include "llm/price/price.h"

/* "priority", or Amazon's {"type":"priority"}. */
static void tier_read(struct sl_relay *relay)
{
    struct sl_json *doc = relay->x->desk->doc;
    struct sl_str raw;
    bool is_found = relay->target->price && sl_json_scan_value(relay->scan, SL_REPLY_TIER, &raw);
    if (!is_found || sl_json_parse(doc, raw) < 0) {
        return;
    }
    struct sl_json_val said = sl_json_root(doc);
    said = sl_json_is(said, SL_JSON_OBJECT) ? sl_json_get(said, "type") : said;
    raw = sl_json_raw(said);
    if (sl_json_is(said, SL_JSON_STRING)) {
        relay->x->record.usage.tier = sl_tier_parse(sl_str_sub(raw, 1, raw.n - 1));
    }
}

void sl_relay_usage_read(struct sl_relay *relay)
{
    struct sl_json *doc = relay->x->desk->doc;
    struct sl_str raw;
    bool is_found = relay->scan && !relay->is_usage_read &&
                    (sl_json_scan_value(relay->scan, SL_REPLY_USAGE, &raw) ||
                     sl_json_scan_value(relay->scan, SL_REPLY_META, &raw));
    if (is_found && sl_json_parse(doc, raw) == 0) {
        /* A wrong usage of the upstream is no reason to fail the call. */
        SL_IGNORE(relay->language->read_usage(sl_json_root(doc), &relay->x->record.usage) < 0);
        tier_read(relay);
    }
}

void sl_relay_cost_read(struct sl_relay *relay)
{
    sl_relay_usage_read(relay);
    relay->is_usage_read = true;
    sl_measure_cost(relay->x);
}

/* --- telling the client --- */

bool sl_relay_tells_cost(const struct sl_xchg *x)
{
    return x->asks_cost && !x->call->passage;
}

void sl_relay_cost_show(struct sl_xchg *x, struct sl_usage *io_usage)
{
    sl_measure_cost(x);
    io_usage->shown_nano = x->record.cost_nano;
    io_usage->shows_cost = x->record.cost_nano >= 0 && sl_relay_tells_cost(x);
}

/* Puts the cost into the usage object at `path` of a JSON text, appended to `out`. False: there is no such object, or
 * nobody knows the cost; `out` is unchanged. */
static bool cost_put(struct sl_xchg *x, struct sl_str json, const char *path, struct sl_buf *out)
{
    char text[SL_DOLLARS_TEXT_MAX];
    struct sl_json *doc = x->desk->doc;
    struct sl_json_edits edits;
    sl_measure_cost(x);
    if (x->record.cost_nano < 0 || sl_json_parse(doc, json) < 0) {
        return false;
    }
    struct sl_json_val usage = sl_json_at(sl_json_root(doc), path);
    if (!sl_json_is(usage, SL_JSON_OBJECT) || sl_json_is_present(sl_json_get(usage, "cost"))) {
        return false; /* the upstream's own cost stays as it is written */
    }
    size_t before = out->len;
    sl_json_edits_init(&edits, x->arena);
    sl_json_edit_set(&edits, usage, "cost", sl_str_make(text, sl_format_dollars((uint64_t)x->record.cost_nano, text)));
    sl_json_edits_write(&edits, json, out);
    if (edits.status < 0 || sl_buf_status(out) < 0) {
        out->len = before;
        out->status = 0;
        return false;
    }
    return true;
}

/* The same for an event of a stream, as it came. */
static bool event_put(struct sl_xchg *x, struct sl_str event, struct sl_buf *out)
{
    ptrdiff_t at = sl_str_find(event, SL_STR("\"usage\""), 0) < 0 ? -1 : sl_str_find(event, SL_STR("data:"), 0);
    if (at < 0) {
        return false;
    }
    size_t from = (size_t)at + 5;
    size_t to = from;
    while (to < event.n && event.p[to] != '\n' && event.p[to] != '\r') {
        to++;
    }
    struct sl_str json = sl_str_trim(sl_str_sub(event, from, to)); /* data of several lines stay as they are */
    sl_buf_reset(out);
    sl_buf_add_str(out, sl_str_sub(event, 0, from));
    sl_buf_add_char(out, ' ');
    bool is_put = cost_put(x, json, x->dialect->language->cost_at, out);
    sl_buf_add_str(out, sl_str_sub(event, to, event.n));
    return is_put && sl_buf_status(out) == 0;
}

void sl_relay_cost_tell(struct sl_relay *relay)
{
    struct sl_buf told = SL_BUF_INIT(relay->hold.len + 256);
    if (sl_relay_tells_cost(relay->x) && cost_put(relay->x, sl_buf_str(&relay->hold), "usage", &told)) {
        sl_buf_done(&relay->hold);
        relay->hold = told;
    } else {
        sl_buf_done(&told);
    }
}

bool sl_relay_event_cost(struct sl_relay *relay, struct sl_str event)
{
    struct sl_xchg *x = relay->x;
    if (!sl_relay_tells_cost(x)) {
        return false;
    }
    x->record.usage = relay->pass.usage;
    return event_put(x, event, &relay->edited);
}
