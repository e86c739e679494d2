/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of one lifetime, freed whole or rewound to a mark. Chunks of the standard size come from a cache that one
 * thread owns, so that an exchange on a busy worker allocates nothing from the system. */
#ifndef SL_BASE_ARENA_H
#define SL_BASE_ARENA_H

#include "base/err.h"
#include "base/str.h"

struct sl_budget;

/* One chunk holds the head, headers and a small body of an ordinary request. */
#define SL_ARENA_CHUNK 8192
#define SL_ARENA_FREE  65536

struct sl_arena_chunk;

/* Free chunks of one thread. At most `max_chunks` are kept. */
struct sl_arena_cache {
    struct sl_arena_chunk *free;
    unsigned n_free;
    unsigned max_chunks;
};

struct sl_arena {
    struct sl_arena_chunk *head;  /* newest first */
    struct sl_arena_cache *cache; /* may be NULL */
    size_t chunk;                 /* bytes of data in a new chunk; 0: the standard size */
    size_t total;                 /* bytes held, chunk headers included */
    /* The owner sets this after init; NULL: none. A chunk that is larger than the standard size is taken from the
     * budget, and refused when that is used up. Standard chunks are counted from SL_ARENA_FREE bytes on, and never
     * refused, because there must always be room for an error message. */
    struct sl_budget *budget;
};

struct sl_arena_mark {
    struct sl_arena_chunk *chunk;
    size_t used;
};

void sl_arena_cache_init(struct sl_arena_cache *cache, unsigned max_chunks);
void sl_arena_cache_done(struct sl_arena_cache *cache);

/* Takes no memory before the first allocation. `cache` may be NULL and must outlive the arena. */
void sl_arena_init(struct sl_arena *arena, struct sl_arena_cache *cache);
/* For something small that lives long: chunks of `chunk` bytes, no cache. */
void sl_arena_init_small(struct sl_arena *arena, size_t chunk);
void sl_arena_done(struct sl_arena *arena);
/* Overwrites everything that was allocated. Call this before done if the arena had secrets. */
void sl_arena_wipe(struct sl_arena *arena);

/* Aligned to 16 bytes, not zeroed. NULL when the system has no memory. */
SL_MUST void *sl_arena_alloc(struct sl_arena *arena, size_t n);
SL_MUST void *sl_arena_zalloc(struct sl_arena *arena, size_t n);
/* Unaligned, for text. */
SL_MUST char *sl_arena_bytes(struct sl_arena *arena, size_t n);
/* Copies a text and adds a NUL (not counted). `ret->p` is NULL when out of memory. */
SL_MUST struct sl_str sl_arena_dup(struct sl_arena *arena, struct sl_str s);
/* Joins the parts; they may have any bytes and lengths (printf cuts: SL_STR_ARG). NULL: no memory. */
SL_MUST struct sl_str sl_arena_join(struct sl_arena *arena, const struct sl_str *parts, size_t n);
SL_MUST struct sl_str sl_arena_printf(struct sl_arena *arena, const char *fmt, ...) SL_PRINTF(2, 3);

struct sl_arena_mark sl_arena_mark(const struct sl_arena *arena);
/* Frees everything that was allocated since the mark. */
void sl_arena_rewind(struct sl_arena *arena, struct sl_arena_mark mark);

#define SL_ARENA_NEW(arena, type)      ((type *)sl_arena_zalloc((arena), sizeof(type)))
#define SL_ARENA_ARRAY(arena, type, n) ((type *)sl_arena_zalloc((arena), sizeof(type) * (n)))

#endif
