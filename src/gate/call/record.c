/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/record.h"

#include "base/clock.h"
#include "base/num.h"
#include "gate/call/state.h"
#include "gate/call/trace.h"
#include "gate/call/tries.h"
#include "gate/config/key.h"
#include "gate/config/route.h"
#include "gate/watch/accesslog.h"
#include "gate/watch/line.h"
#include "http/hreq.h"
#include "llm/core/call.h"
#include "llm/core/lost.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "net/loop.h"

struct sl_str sl_record_dropped(struct sl_xchg *x)
{
    const struct sl_record *record = &x->record;
    if (!record->lost) {
        return record->dropped;
    }
    char bytes[SL_LOST_TEXT_MAX];
    struct sl_str lost = sl_lost_text(record->lost, bytes);
    return sl_arena_printf(x->arena, "%.*s%s%.*s", SL_STR_ARG(record->dropped), record->dropped.n ? "," : "",
                           SL_STR_ARG(lost));
}

void sl_record_write(struct sl_xchg *x, int status)
{
    const struct sl_record *record = &x->record;
    if (!sl_log_is_wanted(x->desk->log)) {
        return;
    }
    char bytes[SL_LOG_LINE_MAX];
    struct sl_line line = { bytes, bytes + sizeof(bytes) - 8 };
    const struct sl_hreq *req = x->req;
    uint64_t now = sl_loop_now(x->desk->loop);

    SL_LINE_PUT(&line, "{\"time\":\"");
    sl_line_time(&line, sl_clock_wall_usec());
    sl_line_text(&line, SL_STR("\",\"request_id\":"), x->caller.request_id);
    if (SL_UNLIKELY(x->trace) && x->trace->own.is_sampled) {
        char id[32];
        SL_IGNORE(!sl_format_hex(x->trace->own.trace[1], 16, sl_format_hex(x->trace->own.trace[0], 16, id)));
        sl_line_text(&line, SL_STR(",\"trace_id\":"), sl_str_make(id, sizeof(id)));
    }
    sl_line_text(&line, SL_STR(",\"client\":"), x->caller.address);
    sl_line_text(&line, SL_STR(",\"principal\":"), x->caller.principal);
    if (x->caller.key) {
        sl_line_text(&line, SL_STR(",\"key\":"), x->caller.key->name);
        if (x->caller.key->group.n) {
            sl_line_text(&line, SL_STR(",\"group\":"), x->caller.key->group);
        }
    }
    sl_line_text(&line, SL_STR(",\"method\":"), req->msg.method);
    sl_line_text(&line, SL_STR(",\"path\":"), x->match.path);
    const struct sl_route *called = SL_UNLIKELY(x->shadow_of) ? x->shadow_of : x->route;
    sl_line_text(&line, SL_STR(",\"route\":"), called ? called->name : SL_STR_NONE);
    if (SL_UNLIKELY(x->shadow_of)) {
        SL_LINE_PUT(&line, ",\"shadow\":true");
    }
    sl_line_text(&line, SL_STR(",\"provider\":"),
                 record->target ? sl_str_c(record->target->provider->name) : SL_STR_NONE);
    sl_line_text(&line, SL_STR(",\"model\":"), record->target ? record->target->model : SL_STR_NONE);
    const struct sl_tries *tries = record->tries && !record->tries->is_of_one ? record->tries : NULL;
    if ((tries || x->shadow_of) && record->target) {
        sl_line_text(&line, SL_STR(",\"target\":"), record->target_name);
    }
    SL_LINE_PUT(&line, ",\"status\":");
    sl_line_number(&line, (uint64_t)status);
    sl_line_word(&line, SL_STR(",\"error_type\":"),
                 record->error_type ? sl_str_c(sl_error_type_word(record->error_type)) : SL_STR_NONE);
    if (record->upstream_code.n) {
        sl_line_text(&line, SL_STR(",\"upstream_code\":"), record->upstream_code);
    }
    if (record->upstream_said.n) {
        sl_line_text(&line, SL_STR(",\"upstream_error\":"), record->upstream_said);
    }
    if (record->upstream_request_id.n) {
        sl_line_text(&line, SL_STR(",\"upstream_request_id\":"), record->upstream_request_id);
    }
    if (record->error_text.p) {
        sl_line_text(&line, SL_STR(",\"error\":"), sl_record_error(record));
    }
    struct sl_str dropped = sl_record_dropped(x);
    if (dropped.n) {
        sl_line_text(&line, SL_STR(",\"dropped\":"), dropped);
    }
    if (sl_xchg_is_invocation(x)) {
        sl_line_put(&line, x->call->is_stream ? SL_STR(",\"stream\":true") : SL_STR(",\"stream\":false"));
        if (tries) {
            SL_LINE_PUT(&line, ",\"attempts\":");
            sl_tries_write(&line, tries);
            if (tries->n_passed && line.end - line.at > SL_TRIES_ROOM) {
                SL_LINE_PUT(&line, ",\"passed\":");
                sl_tries_write_passed(&line, tries);
            }
        } else {
            sl_line_count(&line, SL_STR(",\"attempts\":"), record->n_attempts);
        }
        sl_line_count(&line, SL_STR(",\"upstream_status\":"), record->upstream_status ? record->upstream_status : -1);
    }
    sl_line_msec(&line, SL_STR(",\"duration_ms\":"), req->start_usec, now);
    sl_line_msec(&line, SL_STR(",\"body_ms\":"), req->head_usec, req->body_usec);
    if (record->queued_usec) {
        sl_line_msec(&line, SL_STR(",\"queue_ms\":"), req->body_usec, req->body_usec + record->queued_usec);
    }
    sl_line_msec(&line, SL_STR(",\"connect_ms\":"), record->connect_start_usec, record->connected_usec);
    sl_line_msec(&line, SL_STR(",\"upstream_first_byte_ms\":"), record->upstream_start_usec,
                 record->upstream_head_usec);
    sl_line_msec(&line, SL_STR(",\"upstream_ms\":"), record->upstream_start_usec, now);
    sl_line_msec(&line, SL_STR(",\"first_byte_ms\":"), req->start_usec, record->first_byte_usec);
    sl_line_count(&line, SL_STR(",\"input_tokens\":"), record->usage.input);
    sl_line_count(&line, SL_STR(",\"output_tokens\":"), record->usage.output);
    sl_line_count(&line, SL_STR(",\"cached_tokens\":"), record->usage.cached_input);
    sl_line_dollars(&line, SL_STR(",\"cost\":"), record->cost_nano);
    if (record->is_estimated) {
        SL_LINE_PUT(&line, ",\"estimated\":true");
    }
    sl_line_count(&line, SL_STR(",\"bytes_in\":"), (int64_t)req->bytes_in);
    sl_line_count(&line, SL_STR(",\"bytes_out\":"), (int64_t)req->bytes_out);
    memcpy(line.at, "}\n", 2);
    sl_log_push(x->desk->log, sl_str_make(bytes, (size_t)(line.at + 2 - bytes)));
}
