/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/gather.h"

#include "llm/core/lost.h"

#include <stdlib.h>

struct sl_gather_block {
    uint32_t choice, block;
    struct sl_block said; /* all but its text, which grows in `text` */
    struct sl_buf text;
    struct sl_buf annotations, quotes; /* the insides of their JSON lists */
};

void sl_gather_init(struct sl_gather *gather, struct sl_arena *arena, size_t max_bytes)
{
    *gather = (struct sl_gather){ .arena = arena, .max_bytes = max_bytes };
    gather->reply = (struct sl_reply){ .created = -1, .usage = SL_USAGE_NONE };
}

void sl_gather_done(struct sl_gather *gather)
{
    for (uint32_t i = 0; i < gather->n_blocks; i++) {
        sl_buf_done(&gather->blocks[i].text);
        sl_buf_done(&gather->blocks[i].annotations);
        sl_buf_done(&gather->blocks[i].quotes);
    }
    free(gather->blocks);
    free(gather->finishes);
    *gather = (struct sl_gather){ 0 };
}

/* Makes room for one more element of `size` bytes. */
static int room(void **io_v, uint32_t n, uint32_t *io_cap, size_t size)
{
    if (n < *io_cap) {
        return 0;
    }
    uint32_t cap = *io_cap ? *io_cap * 2 : 8;
    void *v = realloc(*io_v, cap * size);
    if (!v) {
        return SL_E_NOMEM;
    }
    *io_v = v;
    *io_cap = cap;
    return 0;
}

/* Copies a text that must outlive its frame. */
static int keep(struct sl_gather *g, struct sl_str text, struct sl_str *ret)
{
    if (!text.p || !text.n) {
        return 0;
    }
    if (text.n > g->max_bytes - g->n_bytes) {
        return SL_E_LIMIT;
    }
    g->n_bytes += text.n;
    *ret = sl_arena_dup(g->arena, text);
    return ret->p ? 0 : SL_E_NOMEM;
}

static struct sl_gather_block *block_find(struct sl_gather *g, const struct sl_delta *d)
{
    for (uint32_t i = g->n_blocks; i > 0; i--) { /* the newest is asked for most often */
        if (g->blocks[i - 1].choice == d->choice && g->blocks[i - 1].block == d->block) {
            return &g->blocks[i - 1];
        }
    }
    return NULL;
}

static int block_start(struct sl_gather *g, const struct sl_delta *d)
{
    int r = room((void **)&g->blocks, g->n_blocks, &g->cap_blocks, sizeof(*g->blocks));
    if (r < 0) {
        return r;
    }
    struct sl_gather_block *b = &g->blocks[g->n_blocks++];
    *b = (struct sl_gather_block){ .choice = d->choice, .block = d->block, .said = { .kind = d->block_kind } };
    sl_buf_init(&b->text, g->max_bytes);
    sl_buf_init(&b->annotations, g->max_bytes);
    sl_buf_init(&b->quotes, g->max_bytes);
    r = keep(g, d->tool_id, &b->said.tool_id);
    r = r < 0 ? r : keep(g, d->signature, &b->said.signature); /* a tool call's signature comes with its start */
    return r < 0 ? r : keep(g, d->tool_name, &b->said.tool_name);
}

/* Joins the insides of two lists. */
static int list_add(struct sl_gather *g, struct sl_buf *all, struct sl_str list)
{
    if (list.n <= 2) {
        return 0;
    }
    if (list.n > g->max_bytes - g->n_bytes) {
        return SL_E_LIMIT;
    }
    g->n_bytes += list.n;
    sl_buf_add_char(all, all->len ? ',' : '[');
    sl_buf_add_str(all, sl_str_sub(list, 1, list.n - 1));
    return sl_buf_status(all);
}

/* p == NULL: the list is empty. */
static int list_end(struct sl_buf *all, struct sl_str *ret)
{
    if (all->len) {
        sl_buf_add_char(all, ']');
        *ret = sl_buf_str(all);
    }
    return sl_buf_status(all);
}

static int block_add(struct sl_gather *g, const struct sl_delta *d)
{
    struct sl_gather_block *b = block_find(g, d);
    g->reply.lost |= d->logprobs.n ? SL_LOST_LOGPROBS : 0u; /* probabilities of pieces are not joined */
    if (!b) {
        return 0;
    }
    if (d->text.n > g->max_bytes - g->n_bytes) {
        return SL_E_LIMIT;
    }
    g->n_bytes += d->text.n;
    sl_buf_add_str(&b->text, d->text);
    int r = sl_buf_status(&b->text);
    r = r < 0 ? r : keep(g, d->signature, &b->said.signature);
    r = r < 0 ? r : list_add(g, &b->annotations, d->annotations);
    r = r < 0 ? r : list_add(g, &b->quotes, d->quotes);
    b->said.has_more_quotes |= d->has_more_quotes;
    return r < 0 ? r : keep(g, d->redacted, &b->said.redacted);
}

static int finish_note(struct sl_gather *g, const struct sl_delta *d)
{
    int r = room((void **)&g->finishes, g->n_finishes, &g->cap_finishes, sizeof(*g->finishes));
    if (r < 0) {
        return r;
    }
    struct sl_gather_finish *f = &g->finishes[g->n_finishes++];
    *f = (struct sl_gather_finish){ .choice = d->choice, .finish = d->finish };
    return keep(g, d->finish_text, &f->text);
}

static int error_note(struct sl_gather *g, const struct sl_llm_error *said)
{
    g->has_error = true;
    g->error = (struct sl_llm_error){
        .type = said->type,
        .upstream_status = said->upstream_status,
        .retry_after_sec = said->retry_after_sec,
    };
    int r = keep(g, said->message, &g->error.message);
    r = r < 0 ? r : keep(g, said->code, &g->error.code);
    return r < 0 ? r : keep(g, said->param, &g->error.param);
}

int sl_gather_push(void *arg, const struct sl_delta *d)
{
    struct sl_gather *g = arg;
    int r = 0;
    switch (d->kind) {
    case SL_DELTA_START:
        g->reply.created = d->created;
        r = keep(g, d->id, &g->reply.id);
        r = r < 0 ? r : keep(g, d->model, &g->reply.model);
        break;
    case SL_DELTA_BLOCK_START:
        r = block_start(g, d);
        break;
    case SL_DELTA_BLOCK:
        r = block_add(g, d);
        break;
    case SL_DELTA_FINISH:
        r = finish_note(g, d);
        break;
    case SL_DELTA_USAGE:
        g->reply.usage = d->usage;
        break;
    case SL_DELTA_ERROR:
        r = error_note(g, d->error);
        break;
    case SL_DELTA_LOST:
        g->reply.lost |= d->lost;
        break;
    case SL_DELTA_BLOCK_STOP:
    case SL_DELTA_ALIVE:
    case SL_DELTA_CHUNK:
        break;
    }
    return r;
}

/* Makes a choice: its blocks in their order, and its finish. */
static int choice_make(struct sl_gather *g, uint32_t index, struct sl_choice *ret)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->n_blocks; i++) {
        n += g->blocks[i].choice == index;
    }
    ret->index = index;
    ret->blocks = sl_arena_zalloc(g->arena, SL_MAX(n, 1u) * sizeof(*ret->blocks));
    if (!ret->blocks) {
        return SL_E_NOMEM;
    }
    for (uint32_t i = 0; i < g->n_blocks; i++) {
        struct sl_gather_block *b = &g->blocks[i];
        if (b->choice != index) {
            continue;
        }
        struct sl_block *block = &ret->blocks[ret->n_blocks++];
        *block = b->said;
        struct sl_str text = sl_buf_str(&b->text);
        if (b->said.kind == SL_BLOCK_TOOL_CALL) {
            block->arguments = text;
        } else {
            block->text = text;
        }
        int r = list_end(&b->annotations, &block->annotations);
        r = r < 0 ? r : list_end(&b->quotes, &block->quotes);
        if (r < 0) {
            return r;
        }
    }
    for (uint32_t i = 0; i < g->n_finishes; i++) {
        if (g->finishes[i].choice == index) {
            ret->finish = g->finishes[i].finish;
            ret->finish_text = g->finishes[i].text;
        }
    }
    return 0;
}

int sl_gather_reply(struct sl_gather *g, struct sl_reply *ret)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->n_blocks; i++) {
        n = SL_MAX(n, g->blocks[i].choice + 1);
    }
    for (uint32_t i = 0; i < g->n_finishes; i++) {
        n = SL_MAX(n, g->finishes[i].choice + 1);
    }
    struct sl_reply reply = g->reply;
    reply.choices = sl_arena_zalloc(g->arena, SL_MAX(n, 1u) * sizeof(*reply.choices));
    if (!reply.choices) {
        return SL_E_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        int r = choice_make(g, i, &reply.choices[reply.n_choices++]);
        if (r < 0) {
            return r;
        }
    }
    *ret = reply;
    return 0;
}
