/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/tries.h"

#include "base/arena.h"
#include "base/word.h"
#include "gate/call/state.h"
#include "gate/watch/line.h"

/* The most bytes of a reason in the log. */
#define WHY_MAX 160

void sl_tries_init(struct sl_tries *tries, bool is_of_one)
{
    tries->first = NULL;
    tries->end = &tries->first;
    tries->n = tries->n_passed = 0;
    tries->is_of_one = is_of_one;
}

struct sl_try *sl_tries_add(struct sl_tries *tries, const struct sl_record *record, struct sl_arena *arena)
{
    struct sl_try *t = tries->n < SL_TRIES_MAX ? sl_arena_alloc(arena, sizeof(*t)) : NULL;
    if (!t) {
        return NULL;
    }
    *t = (struct sl_try){
        .status = record->upstream_status,
        .start_usec = record->upstream_start_usec,
        .connect_start_usec = record->connect_start_usec,
        .connected_usec = record->connected_usec,
        .head_usec = record->upstream_head_usec,
        .is_billed = record->billed.is_known,
        .is_estimated = record->billed.is_estimated,
        .input = record->billed.input,
        .output = record->billed.output,
        .cost_nano = record->billed.cost_nano,
    };
    *tries->end = t;
    tries->end = &t->next;
    tries->n++;
    return t;
}

void sl_tries_write_passed(struct sl_line *line, const struct sl_tries *tries)
{
    SL_LINE_PUT(line, "[");
    for (uint32_t i = 0; i < tries->n_passed && line->end - line->at > SL_TRIES_ROOM; i++) {
        struct sl_str why = tries->passed[i].why;
        sl_line_text(line, i ? SL_STR(",{\"target\":") : SL_STR("{\"target\":"), tries->passed[i].name);
        sl_line_text(line, SL_STR(",\"why\":"), sl_str_sub(why, 0, SL_MIN(why.n, (size_t)WHY_MAX)));
        SL_LINE_PUT(line, "}");
    }
    SL_LINE_PUT(line, "]");
}

/* The room for an attempt's times: with many attempts, all must fit into the line before one gets a long text. */
#define TRY_ROOM 240

/* What an attempt without an answer was billed. */
static void billed_write(struct sl_line *line, const struct sl_try *t)
{
    sl_line_count(line, SL_STR(",\"input_tokens\":"), t->input);
    sl_line_count(line, SL_STR(",\"output_tokens\":"), t->output);
    sl_line_dollars(line, SL_STR(",\"cost\":"), t->cost_nano);
    if (t->is_estimated) {
        SL_LINE_PUT(line, ",\"estimated\":true");
    }
}

void sl_tries_write(struct sl_line *line, const struct sl_tries *tries)
{
    SL_LINE_PUT(line, "[");
    uint32_t left = tries->n;
    for (const struct sl_try *t = tries->first; t && line->end - line->at > SL_TRIES_ROOM; t = t->next, left--) {
        ptrdiff_t room = line->end - line->at - SL_TRIES_ROOM - (ptrdiff_t)left * TRY_ROOM;
        if (t != tries->first) {
            SL_LINE_PUT(line, ",");
        }
        sl_line_put(line, t->told);
        sl_line_put(line, t->why);
        sl_line_count(line, SL_STR(",\"status\":"), t->status ? t->status : -1);
        sl_line_word(line, SL_STR(",\"error_type\":"),
                     t->error_type ? sl_str_c(sl_error_type_word(t->error_type)) : SL_STR_NONE);
        if (t->error.n && room > WHY_MAX) {
            sl_line_text(line, SL_STR(",\"error\":"), sl_str_sub(t->error, 0, sl_utf8_fit(t->error, WHY_MAX)));
        }
        if (t->is_beaten) {
            SL_LINE_PUT(line, ",\"beaten\":true");
        }
        if (t->is_billed) {
            billed_write(line, t);
        }
        sl_line_msec(line, SL_STR(",\"connect_ms\":"), t->connect_start_usec, t->connected_usec);
        sl_line_msec(line, SL_STR(",\"first_byte_ms\":"), t->start_usec, t->head_usec);
        sl_line_msec(line, SL_STR(",\"total_ms\":"), t->start_usec, t->end_usec);
        SL_LINE_PUT(line, "}");
    }
    SL_LINE_PUT(line, "]");
}
