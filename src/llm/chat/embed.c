/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/chat/embed.h"

#include "base/num.h"
#include "llm/core/language.h"
#include "llm/core/llm.h"

int sl_embed_read(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                  struct sl_embed *ret_embed, struct sl_llm_error *ret_error)
{
    return call->language->read_embed(call, env, arena, ret_embed, ret_error);
}

static void float_add(struct sl_buf *out, float f)
{
    uint32_t word;
    memcpy(&word, &f, sizeof(word));
    for (unsigned k = 0; k < 4; k++) {
        sl_buf_add_char(out, (char)(word >> (8 * k)));
    }
}

/* Reads "[0.1, …]" to floats. */
static int floats_read(struct sl_str raw, struct sl_buf *out)
{
    struct sl_str rest = raw.n > 2 ? sl_str_sub(raw, 1, raw.n - 1) : SL_STR_NONE, part;
    while (rest.p && sl_str_next(&rest, ',', &part)) {
        double d;
        while (part.n && (unsigned char)part.p[0] <= ' ') {
            part = sl_str_sub(part, 1, part.n);
        }
        while (part.n && (unsigned char)part.p[part.n - 1] <= ' ') {
            part.n--;
        }
        int r = sl_parse_double(part, &d);
        if (r < 0) {
            return r;
        }
        float_add(out, (float)d);
    }
    return sl_buf_status(out);
}

int sl_embed_base64(struct sl_str raw, struct sl_arena *arena, struct sl_str *ret)
{
    if (raw.n && raw.p[0] == '"') {
        *ret = raw;
        return 0;
    }
    struct sl_buf floats = SL_BUF_INIT(raw.n * 4 + 16), text = SL_BUF_INIT(raw.n * 8 + 64);
    int r = floats_read(raw, &floats);
    if (r == 0) {
        sl_buf_add_char(&text, '"');
        sl_buf_add_base64(&text, sl_buf_str(&floats));
        sl_buf_add_char(&text, '"');
        r = sl_buf_status(&text);
    }
    if (r == 0) {
        *ret = sl_arena_dup(arena, sl_buf_str(&text));
        r = ret->p ? 0 : SL_E_NOMEM;
    }
    sl_buf_done(&floats);
    sl_buf_done(&text);
    return r;
}

int sl_embed_reply(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                   struct sl_reply *io_reply, struct sl_err *err)
{
    (void)env;
    if (!call->wants_base64) {
        return 0;
    }
    for (uint32_t i = 0; i < io_reply->n_embeddings; i++) {
        struct sl_str *raw = &io_reply->embeddings[i].raw;
        int r = sl_embed_base64(*raw, arena, raw);
        if (r == SL_E_NOMEM) {
            return sl_fail(err, r, "out of memory");
        }
        if (r < 0) {
            return sl_fail(err, SL_E_INVAL, "embedding %u is not a list of numbers", i);
        }
    }
    return 0;
}
