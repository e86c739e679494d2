/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/near.h"

#include <stdio.h>

#include "base/num.h"
#include "base/zone.h"
#include "gate/call/charge.h"
#include "gate/call/state.h"
#include "gate/policy/limit.h"
#include "gate/watch/line.h"

/* The most bytes of one entry. */
#define ENTRY_MAX 900

static void cap_write(struct sl_line *line, const struct sl_limit_rule *rule)
{
    char dollars[SL_DOLLARS_TEXT_MAX];
    SL_LINE_PUT(line, ",\"cap\":");
    if (rule->kind == SL_LIMIT_MONEY) {
        sl_line_put(line, sl_str_make(dollars, sl_format_dollars(rule->cap, dollars)));
    } else {
        sl_line_number(line, rule->cap);
    }
}

static void period_write(struct sl_line *line, const struct sl_limit_rule *rule)
{
    char period[48];
    if (rule->key == SL_LIMIT_SESSION) {
        SL_LINE_PUT(line, ",\"per\":\"session\"");
        return;
    }
    if (rule->key == SL_LIMIT_USER) {
        SL_LINE_PUT(line, ",\"each\":\"principal\"");
    }
    if (!rule->unit) {
        return;
    }
    int n = rule->multiple == 1 ? snprintf(period, sizeof(period), "%s", rule->unit)
                                : snprintf(period, sizeof(period), "%u %ss", rule->multiple, rule->unit);
    sl_line_word(line, SL_STR(",\"per\":"), sl_str_make(period, (size_t)n));
    if (rule->zone) {
        sl_line_text(line, SL_STR(",\"zone\":"), sl_zone_name(rule->zone));
    }
}

static void near_write(struct sl_line *line, const struct sl_limit_near *near, bool is_first)
{
    struct sl_limit_owner_shown owner = sl_limit_owner_show(near->owner->owner, near->owner->name);
    sl_line_word(line, is_first ? SL_STR("{\"owner\":") : SL_STR(",{\"owner\":"),
                 sl_str_c(sl_limit_owner_names[owner.owner]));
    sl_line_text(line, SL_STR(",\"name\":"), owner.name);
    if (owner.route.n) {
        sl_line_text(line, SL_STR(",\"route\":"), owner.route);
    }
    sl_line_word(line, SL_STR(",\"kind\":"), sl_str_c(sl_limit_kind_names[near->rule->kind]));
    cap_write(line, near->rule);
    period_write(line, near->rule);
    sl_line_count(line, SL_STR(",\"used_percent\":"), near->percent);
    if (near->is_refusing) {
        SL_LINE_PUT(line, ",\"refused\":true");
    }
    SL_LINE_PUT(line, "}");
}

static void view_write(struct sl_line *line, const struct sl_limit_view *view, const char *start)
{
    for (uint32_t i = 0; view && i < view->n_near && line->end - line->at > ENTRY_MAX; i++) {
        near_write(line, &view->near[i], line->at == start);
    }
}

struct sl_str sl_near_write(const struct sl_xchg *x, char out[SL_NEAR_MAX])
{
    struct sl_line line = { out + 1, out + SL_NEAR_MAX - 1 };
    view_write(&line, sl_charge_seen(x->charge), out + 1);
    view_write(&line, sl_charge_seen(x->charge_away), out + 1);
    if (line.at == out + 1) {
        return SL_STR("");
    }
    out[0] = '[';
    SL_LINE_PUT(&line, "]");
    return sl_str_make(out, (size_t)(line.at - out));
}
