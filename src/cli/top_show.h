/* SPDX-License-Identifier: Apache-2.0 */
/* Shows two readings of /metrics. */
#ifndef SLUICE_CLI_TOP_SHOW_H
#define SLUICE_CLI_TOP_SHOW_H

#include "cli.h"
#include "page.h"
#include "rests.h"
#include "top_rows.h"

struct look {
    double at;      /* seconds, monotonic */
    double at_wall; /* since 1970 */
    bool is_draining;
    struct page page;
    struct rests rests;
};

struct view {
    double seconds;     /* between the readings */
    int columns, lines; /* of the terminal; 0: no bound */
    bool has_color;
    bool is_plain; /* tab-separated, because there is no terminal */
    enum top_sort sort;
    const char *filter; /* as in struct top_order */
};

/* `before` NULL: since the daemon's start. */
void top_show(FILE *out, const struct look *now, const struct look *before, const struct view *view);
void top_json(FILE *out, const struct look *now);
/* One line for people, cut to the terminal's width. */
void top_line(FILE *out, const char *text, int columns);

#endif
