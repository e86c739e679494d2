/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/watch/linetext.h"

#include <time.h>

#include "base/buf.h"
#include "json/json.h"

#define RED    "\x1b[31m"
#define GREEN  "\x1b[32m"
#define YELLOW "\x1b[33m"
#define DIM    "\x1b[2m"
#define PLAIN  "\x1b[0m"

/* A text or a number; "": it is null, or not there. No text of a line has an escape in it (line.h). */
static struct sl_str member(struct sl_json_val line, const char *name)
{
    struct sl_json_val v = sl_json_get(line, name);
    struct sl_str raw = sl_json_is_present(v) ? sl_json_raw(v) : SL_STR("");
    if (sl_json_is(v, SL_JSON_STRING)) {
        return sl_str_sub(raw, 1, raw.n - 1);
    }
    return sl_json_is(v, SL_JSON_NUMBER) ? raw : SL_STR("");
}

static void painted(struct sl_buf *out, const char *color, struct sl_str text, bool has_color)
{
    sl_buf_add_c(out, has_color ? color : "");
    sl_buf_add_str(out, text);
    sl_buf_add_c(out, has_color ? PLAIN : "");
}

/* The time of the day here. */
static void time_put(struct sl_buf *out, struct sl_str utc, bool has_color)
{
    char text[32], local[16];
    struct tm tm = { 0 };
    size_t n = SL_MIN(utc.n, sizeof(text) - 1);
    memcpy(text, utc.p, n);
    text[n] = '\0';
    if (!strptime(text, "%Y-%m-%dT%H:%M:%S", &tm)) {
        return;
    }
    time_t at = timegm(&tm);
    localtime_r(&at, &tm);
    n = strftime(local, sizeof(local), "%H:%M:%S", &tm);
    painted(out, DIM, sl_str_make(local, n), has_color);
}

static void status_put(struct sl_buf *out, struct sl_str status, bool has_color)
{
    char first = status.n ? status.p[0] : '0';
    sl_buf_add_char(out, ' ');
    painted(out, first == '2' || first == '3' ? GREEN : first == '4' ? YELLOW : RED, status, has_color);
}

/* Milliseconds, right-aligned. */
static void duration_put(struct sl_buf *out, struct sl_str msec)
{
    ptrdiff_t dot = sl_str_find_char(msec, '.', 0);
    struct sl_str whole = dot < 0 ? msec : sl_str_sub(msec, 0, (size_t)dot);
    for (size_t i = whole.n; i < 8; i++) {
        sl_buf_add_char(out, ' ');
    }
    sl_buf_add_str(out, whole);
    sl_buf_add_lit(out, " ms");
}

/* Two spaces and the text, unless it is empty. */
static void part_put(struct sl_buf *out, struct sl_str text)
{
    if (text.n) {
        sl_buf_add_lit(out, "  ");
        sl_buf_add_str(out, text);
    }
}

static void call_put(struct sl_buf *out, struct sl_json_val line)
{
    struct sl_str provider = member(line, "provider"), model = member(line, "model");
    struct sl_str input = member(line, "input_tokens"), output = member(line, "output_tokens");
    struct sl_str cost = member(line, "cost");
    part_put(out, member(line, "route"));
    part_put(out, provider);
    if (model.n) {
        sl_buf_add_char(out, '/');
        sl_buf_add_str(out, model);
    }
    if (input.n || output.n) {
        sl_buf_printf(out, "  %.*s+%.*s tokens", SL_STR_ARG(input.n ? input : SL_STR("?")),
                      SL_STR_ARG(output.n ? output : SL_STR("?")));
    }
    if (cost.n) {
        sl_buf_printf(out, "  $%.*s", SL_STR_ARG(cost));
    }
}

static void error_put(struct sl_buf *out, struct sl_json_val line, bool has_color)
{
    struct sl_str type = member(line, "error_type"), said = member(line, "upstream_error");
    said = said.n ? said : member(line, "error");
    if (type.n) {
        sl_buf_add_lit(out, "  ");
        painted(out, YELLOW, type, has_color);
    }
    if (said.n) {
        sl_buf_printf(out, ": %.*s", SL_STR_ARG(said));
    }
}

void sl_line_to_text(struct sl_json *doc, struct sl_str json, bool has_color, struct sl_buf *out)
{
    struct sl_json_val line;
    if (sl_json_parse(doc, json) < 0 || !sl_json_is(line = sl_json_root(doc), SL_JSON_OBJECT)) {
        sl_buf_add_str(out, json);
        return;
    }
    time_put(out, member(line, "time"), has_color);
    status_put(out, member(line, "status"), has_color);
    duration_put(out, member(line, "duration_ms"));
    part_put(out, member(line, "method"));
    sl_buf_add_char(out, ' ');
    sl_buf_add_str(out, member(line, "path"));
    call_put(out, line);
    error_put(out, line, has_color);
    sl_buf_add_char(out, '\n');
}
