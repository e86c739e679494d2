/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/openai/chunks.h"

#include "base/buf.h"
#include "base/num.h"

struct sl_str sl_chunks_make_id(const char *prefix, const struct sl_env *env, char out[40])
{
    size_t n = SL_MIN(strlen(prefix), (size_t)16);
    memcpy(out, prefix, n);
    char *end = sl_format_hex(env->random[0], 16, out + n);
    end = sl_format_hex(env->random[1], 8, end);
    return sl_str_make(out, (size_t)(end - out));
}

/* A name that is too long is cut, between two characters. */
static uint16_t name_copy(char out[SL_CHUNKS_NAME_MAX], struct sl_str name)
{
    size_t n = SL_MIN(name.n, (size_t)SL_CHUNKS_NAME_MAX);
    while (n < name.n && n > 0 && ((unsigned char)name.p[n] & 0xc0) == 0x80) {
        n--;
    }
    if (n) {
        memcpy(out, name.p, n);
    }
    return (uint16_t)n;
}

static bool is_plain(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((signed char)p[i] < 0x20 || p[i] == '"' ||
            p[i] == '\\') { /* `char` may be signed: bytes beyond ASCII count here, too */
            return false;
        }
    }
    return true;
}

void sl_chunks_identify(struct sl_chunks *chunks, const struct sl_call *call, const struct sl_env *env,
                        const struct sl_delta *start)
{
    if (chunks->has_identity) {
        return;
    }
    chunks->has_identity = true;
    chunks->type = (uint8_t)call->type;
    chunks->wants_usage = call->wants_usage;
    char made[40];
    struct sl_str id = start ? start->id : SL_STR_NONE;
    if (id.n == 0) {
        id = sl_chunks_make_id(call->type == SL_LLM_CHAT ? "chatcmpl-" : "cmpl-", env, made);
    }
    chunks->id_len = name_copy(chunks->id, id);
    chunks->model_len = name_copy(chunks->model, start && start->model.n ? start->model : call->model);
    chunks->is_plain = is_plain(chunks->id, chunks->id_len) && is_plain(chunks->model, chunks->model_len);
    chunks->created = start && start->created >= 0 ? start->created : (int64_t)(env->wall_usec / SL_USEC_PER_SEC);
}

void sl_chunks_note_usage(struct sl_chunks *chunks, const struct sl_usage *usage)
{
    chunks->usage = *usage;
    chunks->has_usage = true;
}

static struct sl_str id_of(const struct sl_chunks *chunks)
{
    return sl_str_make(chunks->id, chunks->id_len);
}

static struct sl_str model_of(const struct sl_chunks *chunks)
{
    return sl_str_make(chunks->model, chunks->model_len);
}

int sl_chunks_tool_index(struct sl_chunks *chunks, uint32_t choice, uint32_t block)
{
    for (uint16_t i = chunks->n_tools; i-- > 0;) {
        if (chunks->tools[i].choice == choice && chunks->tools[i].block == block) {
            return chunks->tools[i].index;
        }
    }
    if (chunks->n_tools == SL_CHUNKS_TOOLS_MAX || choice >= SL_CHUNKS_CHOICES_MAX || block > UINT16_MAX) {
        return -1;
    }
    uint8_t index = chunks->choices[choice].n_tools++;
    chunks->tools[chunks->n_tools].choice = (uint16_t)choice;
    chunks->tools[chunks->n_tools].block = (uint16_t)block;
    chunks->tools[chunks->n_tools++].index = index;
    return index;
}

void sl_chunks_write_head(struct sl_jw *w, struct sl_str id, const char *object, int64_t created, struct sl_str model)
{
    sl_jw_object(w);
    sl_jw_member_str(w, "id", id);
    sl_jw_member_str(w, "object", sl_str_c(object));
    sl_jw_member_i64(w, "created", created);
    sl_jw_member_str(w, "model", model.p ? model : SL_STR(""));
}

static char *put(char *at, const char *p, size_t n)
{
    memcpy(at, p, n);
    return at + n;
}

#define PUT(at, lit) put((at), lit, sizeof(lit) - 1)

/* The same as the function below, for nearly all chunks; a stream may have thousands. */
static void plain_begin(const struct sl_chunks *chunks, const char *object, struct sl_jw *w, struct sl_buf *out)
{
    size_t n = strlen(object);
    if (sl_buf_reserve(out, (size_t)chunks->id_len + chunks->model_len + n + 96) == 0) {
        char *at = out->p + out->len;
        at = PUT(at, "data: {\"id\":\"");
        at = put(at, chunks->id, chunks->id_len);
        at = PUT(at, "\",\"object\":\"");
        at = put(at, object, n);
        at = PUT(at, "\",\"created\":");
        at += sl_format_u64((uint64_t)chunks->created, at);
        at = PUT(at, ",\"model\":\"");
        at = put(at, chunks->model, chunks->model_len);
        at = PUT(at, "\",\"choices\":[");
        out->len = (size_t)(at - out->p);
    }
    sl_jw_inside(w, out, SL_STR("}]"));
}

void sl_chunks_write_begin(const struct sl_chunks *chunks, const char *object, struct sl_jw *w, struct sl_buf *out)
{
    if (chunks->is_plain && chunks->created >= 0) {
        plain_begin(chunks, object, w, out);
        return;
    }
    sl_buf_add_lit(out, "data: ");
    sl_jw_init(w, out);
    sl_chunks_write_head(w, id_of(chunks), object, chunks->created, model_of(chunks));
    sl_jw_key(w, "choices");
    sl_jw_array(w);
}

void sl_chunks_begin_call(struct sl_jw *w, const struct sl_block *block)
{
    sl_jw_object(w);
    sl_jw_member_str(w, "id", block->tool_id.p ? block->tool_id : SL_STR(""));
    sl_jw_member_str(w, "type", SL_STR("function"));
    sl_jw_key(w, "function");
    sl_jw_object(w);
    sl_jw_member_str(w, "name", block->tool_name.p ? block->tool_name : SL_STR(""));
    sl_jw_member_str(w, "arguments", block->arguments.p ? block->arguments : SL_STR(""));
    sl_jw_end(w);
}

void sl_chunks_begin_list(struct sl_jw *w)
{
    sl_jw_object(w);
    sl_jw_member_str(w, "object", SL_STR("list"));
    sl_jw_key(w, "data");
    sl_jw_array(w);
}

void sl_chunks_write_google(struct sl_jw *w, struct sl_str signature)
{
    sl_jw_key(w, "extra_content");
    sl_jw_object(w);
    sl_jw_key(w, "google");
    sl_jw_object(w);
    sl_jw_member_str(w, "thought_signature", signature);
    sl_jw_end(w);
    sl_jw_end(w);
}

void sl_chunks_write_tool(struct sl_jw *w, const struct sl_delta *d, int index, const char *signature_key)
{
    bool is_start = d->kind == SL_DELTA_BLOCK_START;
    sl_jw_key(w, "tool_calls");
    sl_jw_array(w);
    sl_jw_object(w);
    sl_jw_member_i64(w, "index", index);
    if (is_start) {
        sl_jw_member_str(w, "id", d->tool_id.p ? d->tool_id : SL_STR(""));
        sl_jw_member_str(w, "type", SL_STR("function"));
    }
    sl_jw_key(w, "function");
    sl_jw_object(w);
    if (is_start) {
        sl_jw_member_str(w, "name", d->tool_name.p ? d->tool_name : SL_STR(""));
    }
    sl_jw_member_str(w, "arguments", is_start ? SL_STR("") : d->text);
    sl_jw_end(w);
    if (is_start && d->signature.n && signature_key) {
        sl_jw_member_str(w, signature_key, d->signature);
    } else if (is_start && d->signature.n) {
        sl_chunks_write_google(w, d->signature);
    }
    sl_jw_end(w);
    sl_jw_end(w);
}
