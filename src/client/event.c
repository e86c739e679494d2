/* SPDX-License-Identifier: Apache-2.0 */
/* Turns a stream's bytes into a queue of events. Runs inside libcurl's write callback and calls nobody. */
#include "client/priv.h"

#include <stdio.h>
#include <string.h>

static int fault(struct slc_events *events, int code, const char *fmt, ...) SL_PRINTF(3, 4);

static int fault(struct slc_events *events, int code, const char *fmt, ...)
{
    if (!events->fault) {
        events->fault = code;
        va_list args;
        va_start(args, fmt);
        slc_text_print(events->fault_text, sizeof(events->fault_text), fmt, args);
        va_end(args);
    }
    return SL_E_INVAL;
}

void slc_event_free(struct sluice_event *event, const struct sl_alloc *alloc)
{
    if (event) {
        slc_doc_done(&event->doc, alloc);
        sl_alloc_free(alloc, event->name);
        sl_alloc_free(alloc, event);
    }
}

/* The first choice, or the one with index 0. */
static struct sl_json_val choice_zero(struct sl_json_val root)
{
    struct sl_json_val choices = sl_json_get(root, "choices");
    if (!sl_json_is(choices, SL_JSON_ARRAY)) {
        return SL_JSON_ABSENT;
    }
    for (struct sl_json_iter it = sl_json_each(choices); sl_json_next(&it);) {
        struct sl_json_val index = sl_json_get(it.val, "index");
        int64_t n = 0;
        if (sl_json_is_nothing(index) || (sl_json_int(index, true, &n) == 0 && n == 0)) {
            return it.val;
        }
    }
    return SL_JSON_ABSENT;
}

static void text_find(struct sluice_event *event)
{
    struct sl_json_val choice = choice_zero(sl_json_root(&event->doc.json));
    static const char *const paths[] = { "delta.content", "text", "message.content" };
    for (size_t i = 0; i < SL_ARRAY_LEN(paths) && !event->text; i++) {
        struct sl_json_val v = sl_json_is_present(choice) ? sl_json_at(choice, paths[i]) : SL_JSON_ABSENT;
        if (sl_json_is(v, SL_JSON_STRING)) {
            event->text = slc_doc_text(&event->doc, v, &event->text_len);
        }
    }
    if (event->text_len == 0) {
        event->text = NULL;
    }
    event->finish_reason = slc_doc_member(&event->doc, choice, "finish_reason");
}

static bool has_members(struct sl_json_val v)
{
    return sl_json_is(v, SL_JSON_OBJECT) && sl_json_count(v) > 0;
}

/* True: the stream itself reports a failure: {"error": {"message", "type", "code"}}, {"error": "…"}, {"object":
 * "error", …}, or an event of that name. */
static bool is_failure(struct slc_events *events, const struct sluice_event *event)
{
    struct sl_json_val root = sl_json_root(&event->doc.json), error = sl_json_get(root, "error");
    const char *text = slc_doc_member(&event->doc, root, "error");
    const char *object = slc_doc_member(&event->doc, root, "object");
    bool is_named = (event->name && strcmp(event->name, "error") == 0) || (object && strcmp(object, "error") == 0);
    if (!has_members(error) && !(text && *text) && !is_named) {
        return false;
    }
    struct sl_json_val source = has_members(error) ? error : root;
    const char *type = slc_doc_member(&event->doc, source, "type");
    slc_text_format(events->fault_type, sizeof(events->fault_type), "%s", type ? type : "");
    events->is_final = slc_error_value_is_final(&event->doc, source);
    const char *message = slc_doc_member(&event->doc, source, "message");
    message = message ? message : text;
    SL_IGNORE(fault(events, SLUICE_ESTREAM, "%s", message ? message : "the stream reported an error"));
    return true;
}

static int name_copy(struct slc_events *events, struct sl_str name, char **ret)
{
    struct sl_buf out = { .max = SIZE_MAX / 2, .alloc = &events->alloc };
    slc_text_add(&out, name, false);
    sl_buf_add_char(&out, '\0');
    *ret = out.p;
    return sl_buf_status(&out);
}

static int event_add(struct slc_events *events, struct sl_str name, struct sl_str data)
{
    struct sluice_event *event = slc_zalloc(&events->alloc, sizeof(*event));
    int r = event ? slc_doc_parse(&event->doc, &events->alloc, data, true) : SL_E_NOMEM;
    if (r == 0 && name.n) {
        r = name_copy(events, name, &event->name);
    }
    if (r == SL_E_INVAL) {
        r = fault(events, SLUICE_EPROTOCOL, "an event is not JSON: %s at offset %zu: %.*s",
                  sl_json_fault_text(event->doc.json.fault), event->doc.json.fault_offset,
                  (int)slc_text_cut(data, 100).n, data.p);
    } else if (r == 0 && is_failure(events, event)) {
        r = SL_E_INVAL;
    } else if (r == 0) {
        r = slc_answer_add(&events->answer, &event->doc);
    }
    if (r == SL_E_NOMEM) {
        r = fault(events, SLUICE_ENOMEM, "out of memory");
    }
    if (r < 0) {
        slc_event_free(event, &events->alloc);
        return r;
    }
    text_find(event);
    event->has_usage = slc_doc_usage(&event->doc, &event->usage);
    if (event->has_usage) {
        events->usage = event->usage;
        events->has_usage = true;
    }
    event->size = sizeof(*event) + 2 * data.n + event->doc.json.n_toks * sizeof(struct sl_json_tok);
    events->queued += event->size;
    *events->tail = event;
    events->tail = &event->next;
    return 0;
}

static int on_event(void *arg, const struct sl_sse_event *sse)
{
    struct slc_events *events = arg;
    events->has_begun = true;
    if (events->is_done) {
        return 0;
    }
    if (sl_str_eq(sl_str_trim(sse->data), SL_STR("[DONE]"))) {
        events->is_done = true;
        return 0;
    }
    return event_add(events, sse->name, sse->data);
}

void slc_events_init(struct slc_events *events, const struct sl_alloc *alloc, size_t max_event, size_t max_answer)
{
    *events = (struct slc_events){ .alloc = *alloc };
    events->answer = (struct slc_answer){ .alloc = &events->alloc, .copies = true, .max = max_answer };
    events->tail = &events->head;
    sl_sse_decoder_init(&events->decoder, max_event, on_event, events);
    events->decoder.data.alloc = &events->alloc;
    events->decoder.name.alloc = &events->alloc;
    events->decoder.line.alloc = &events->alloc;
}

void slc_events_done(struct slc_events *events)
{
    sl_sse_decoder_done(&events->decoder);
    while (events->head) {
        slc_event_free(slc_events_pop(events), &events->alloc);
    }
    slc_answer_done(&events->answer, &events->alloc);
}

static int decoder_result(struct slc_events *events, int r)
{
    if (r == SL_E_NOMEM) {
        return fault(events, SLUICE_ENOMEM, "out of memory");
    }
    if (r == SL_E_LIMIT) {
        return fault(events, SLUICE_EPROTOCOL, "an event is larger than max_event_bytes");
    }
    return r;
}

int slc_events_push(struct slc_events *events, struct sl_str bytes)
{
    return decoder_result(events, sl_sse_push(&events->decoder, bytes));
}

int slc_events_finish(struct slc_events *events)
{
    return decoder_result(events, sl_sse_finish(&events->decoder));
}

int slc_events_whole(struct slc_events *events, struct sl_str json)
{
    events->has_begun = true;
    return event_add(events, SL_STR(""), json);
}

struct sluice_event *slc_events_pop(struct slc_events *events)
{
    struct sluice_event *event = events->head;
    if (event) {
        events->head = event->next;
        if (!events->head) {
            events->tail = &events->head;
        }
        events->queued -= event->size;
    }
    return event;
}
