/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/tries.h"

#include "base/word.h"
#include "gate/call/state.h"
#include "gate/watch/line.h"

/* The most bytes of a reason in the log. */
#define WHY_MAX 160

struct sl_try *sl_tries_add(struct sl_tries *tries, const struct sl_record *record)
{
    if (tries->n == SL_TRIES_MAX) {
        return NULL;
    }
    struct sl_try *t = &tries->v[tries->n++];
    *t = (struct sl_try){
        .status = record->upstream_status,
        .start_usec = record->upstream_start_usec,
        .connect_start_usec = record->connect_start_usec,
        .connected_usec = record->connected_usec,
        .head_usec = record->upstream_head_usec,
    };
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

void sl_tries_write(struct sl_line *line, const struct sl_tries *tries)
{
    SL_LINE_PUT(line, "[");
    for (uint32_t i = 0; i < tries->n && line->end - line->at > SL_TRIES_ROOM; i++) {
        const struct sl_try *t = &tries->v[i];
        ptrdiff_t room = line->end - line->at - SL_TRIES_ROOM - (ptrdiff_t)(tries->n - i) * TRY_ROOM;
        if (i) {
            SL_LINE_PUT(line, ",");
        }
        sl_line_put(line, t->told);
        sl_line_word(line, SL_STR(",\"why\":"), sl_str_c(t->why));
        sl_line_count(line, SL_STR(",\"status\":"), t->status ? t->status : -1);
        sl_line_word(line, SL_STR(",\"error_type\":"),
                     t->error_type ? sl_str_c(sl_error_type_word(t->error_type)) : SL_STR_NONE);
        if (t->error.n && room > WHY_MAX) {
            sl_line_text(line, SL_STR(",\"error\":"), sl_str_sub(t->error, 0, sl_utf8_fit(t->error, WHY_MAX)));
        }
        if (t->is_beaten) {
            SL_LINE_PUT(line, ",\"beaten\":true");
        }
        sl_line_msec(line, SL_STR(",\"connect_ms\":"), t->connect_start_usec, t->connected_usec);
        sl_line_msec(line, SL_STR(",\"first_byte_ms\":"), t->start_usec, t->head_usec);
        sl_line_msec(line, SL_STR(",\"total_ms\":"), t->start_usec, t->end_usec);
        SL_LINE_PUT(line, "}");
    }
    SL_LINE_PUT(line, "]");
}
