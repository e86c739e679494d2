/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/record.h"

#include "base/clock.h"
#include "base/num.h"
#include "gate/call/state.h"
#include "gate/config/key.h"
#include "gate/config/route.h"
#include "gate/watch/accesslog.h"
#include "http/server.h"
#include "llm/core/language.h"

struct line {
    char *at;
    char *end; /* room for the closing bytes is behind it */
};

static void put(struct line *line, struct sl_str s)
{
    size_t n = SL_MIN(s.n, (size_t)(line->end - line->at));
    memcpy(line->at, s.p, n);
    line->at += n;
}

/* Inside of a JSON string, at most 192 bytes of input; what would need escaping becomes '?'. */
static void put_text(struct line *line, struct sl_str s)
{
    size_t n = SL_MIN(s.n, (size_t)192);
    for (size_t i = 0; i < n && line->at < line->end; i++) {
        char c = s.p[i];
        *line->at++ = c < 0x20 || c == 0x7f || c == '"' || c == '\\' ? '?' : c;
    }
}

static void put_number(struct line *line, uint64_t v)
{
    if (line->end - line->at >= 20) {
        line->at += sl_format_u64(v, line->at);
    }
}

/* Milliseconds with three decimals. */
static void put_msec(struct line *line, uint64_t usec)
{
    put_number(line, usec / 1000);
    uint64_t rest = usec % 1000;
    char text[4] = { '.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10), (char)('0' + rest % 10) };
    put(line, sl_str_make(text, 4));
}

#define PUT(line, lit) put((line), SL_STR(lit))

static void member_text(struct line *line, struct sl_str key, struct sl_str value)
{
    put(line, key);
    if (value.p) {
        PUT(line, "\"");
        put_text(line, value);
        PUT(line, "\"");
    } else {
        PUT(line, "null");
    }
}

static void member_msec(struct line *line, struct sl_str key, uint64_t from, uint64_t to)
{
    if (from && to >= from) {
        put(line, key);
        put_msec(line, to - from);
    }
}

static void member_count(struct line *line, struct sl_str key, int64_t n)
{
    if (n >= 0) {
        put(line, key);
        put_number(line, (uint64_t)n);
    }
}

static void put_two(char *at, unsigned v)
{
    at[0] = (char)('0' + v / 10);
    at[1] = (char)('0' + v % 10);
}

/* "2026-01-01T00:00:00.000Z" from the wall clock, by the civil-from-days rule (Hinnant). */
static void put_time(struct line *line, uint64_t wall_usec)
{
    uint64_t sec = wall_usec / 1000000;
    int64_t z = (int64_t)(sec / 86400) + 719468;
    int64_t era = z / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    unsigned day = doy - (153 * mp + 2) / 5 + 1;
    unsigned month = mp < 10 ? mp + 3 : mp - 9;
    unsigned year = (unsigned)(yoe + era * 400) + (month <= 2);
    unsigned rest = (unsigned)(sec % 86400);
    unsigned msec = (unsigned)(wall_usec / 1000 % 1000);
    char text[] = "0000-00-00T00:00:00.000Z";
    put_two(text, year / 100);
    put_two(text + 2, year % 100);
    put_two(text + 5, month);
    put_two(text + 8, day);
    put_two(text + 11, rest / 3600);
    put_two(text + 14, rest / 60 % 60);
    put_two(text + 17, rest % 60);
    text[20] = (char)('0' + msec / 100);
    put_two(text + 21, msec % 100);
    put(line, sl_str_make(text, 24));
}

void sl_record_write(struct sl_xchg *x, int status)
{
    const struct sl_record *record = &x->record;
    if (!sl_log_is_wanted(x->desk->log)) {
        return;
    }
    char bytes[SL_LOG_LINE_MAX];
    struct line line = { bytes, bytes + sizeof(bytes) - 8 };
    const struct sl_hreq *req = x->req;
    uint64_t now = sl_loop_now(x->desk->loop);

    PUT(&line, "{\"time\":\"");
    put_time(&line, sl_clock_wall_usec());
    member_text(&line, SL_STR("\",\"request_id\":"), x->caller.request_id);
    member_text(&line, SL_STR(",\"client\":"), x->caller.address);
    member_text(&line, SL_STR(",\"principal\":"), x->caller.principal);
    if (x->caller.key) {
        member_text(&line, SL_STR(",\"key\":"), x->caller.key->name);
    }
    member_text(&line, SL_STR(",\"method\":"), req->msg.method);
    member_text(&line, SL_STR(",\"path\":"), x->match.path);
    member_text(&line, SL_STR(",\"route\":"), x->route ? x->route->name : SL_STR_NONE);
    member_text(&line, SL_STR(",\"provider\":"),
                record->target ? sl_str_c(record->target->provider->name) : SL_STR_NONE);
    member_text(&line, SL_STR(",\"model\":"), record->target ? record->target->model : SL_STR_NONE);
    PUT(&line, ",\"status\":");
    put_number(&line, (uint64_t)status);
    member_text(&line, SL_STR(",\"error_type\":"),
                record->error_type ? sl_str_c(sl_error_type_word(record->error_type)) : SL_STR_NONE);
    if (record->error_text.p) {
        member_text(&line, SL_STR(",\"error\":"), record->error_text);
    }
    if (sl_xchg_is_invocation(x)) {
        put(&line, x->call->is_stream ? SL_STR(",\"stream\":true") : SL_STR(",\"stream\":false"));
        member_count(&line, SL_STR(",\"attempts\":"), record->n_attempts);
        member_count(&line, SL_STR(",\"upstream_status\":"), record->upstream_status ? record->upstream_status : -1);
    }
    member_msec(&line, SL_STR(",\"duration_ms\":"), req->start_usec, now);
    member_msec(&line, SL_STR(",\"body_ms\":"), req->head_usec, req->body_usec);
    member_msec(&line, SL_STR(",\"connect_ms\":"), record->connect_start_usec, record->connected_usec);
    member_msec(&line, SL_STR(",\"upstream_first_byte_ms\":"), record->upstream_start_usec, record->upstream_head_usec);
    member_msec(&line, SL_STR(",\"upstream_ms\":"), record->upstream_start_usec, now);
    member_msec(&line, SL_STR(",\"first_byte_ms\":"), req->start_usec, record->first_byte_usec);
    member_count(&line, SL_STR(",\"input_tokens\":"), record->usage.input);
    member_count(&line, SL_STR(",\"output_tokens\":"), record->usage.output);
    member_count(&line, SL_STR(",\"cached_tokens\":"), record->usage.cached_input);
    member_count(&line, SL_STR(",\"bytes_in\":"), (int64_t)req->bytes_in);
    member_count(&line, SL_STR(",\"bytes_out\":"), (int64_t)req->bytes_out);
    memcpy(line.at, "}\n", 2);
    sl_log_push(x->desk->log, sl_str_make(bytes, (size_t)(line.at + 2 - bytes)));
}
