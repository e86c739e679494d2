/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/budget.h"
#include "base/secret.h"

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   ASAN_POISON_MEMORY_REGION((p), (n))
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

struct sl_arena_chunk {
    struct sl_arena_chunk *next;
    size_t size; /* of data */
    size_t used;
    size_t counted; /* counted in the budget */
    char data[];    /* aligned to 16 */
};

#define CHUNK_DATA (SL_ARENA_CHUNK - sizeof(struct sl_arena_chunk))

void sl_arena_cache_init(struct sl_arena_cache *cache, unsigned max_chunks)
{
    *cache = (struct sl_arena_cache){ .max_chunks = max_chunks };
}

void sl_arena_cache_done(struct sl_arena_cache *cache)
{
    while (cache->free) {
        struct sl_arena_chunk *chunk = cache->free;
        cache->free = chunk->next;
        free(chunk);
    }
    cache->n_free = 0;
}

void sl_arena_init(struct sl_arena *arena, struct sl_arena_cache *cache)
{
    *arena = (struct sl_arena){ .cache = cache };
}

void sl_arena_init_small(struct sl_arena *arena, size_t chunk)
{
    *arena = (struct sl_arena){ .chunk = chunk };
}

static void chunk_free(struct sl_arena *arena, struct sl_arena_chunk *chunk)
{
    struct sl_arena_cache *cache = arena->cache;
    arena->total -= sizeof(*chunk) + chunk->size;
    if (SL_UNLIKELY(chunk->counted)) {
        sl_budget_give(arena->budget, chunk->counted);
    }
    UNPOISON(chunk->data, chunk->size);
    if (cache && chunk->size == CHUNK_DATA && cache->n_free < cache->max_chunks) {
        POISON(chunk->data, chunk->size);
        chunk->next = cache->free;
        cache->free = chunk;
        cache->n_free++;
        return;
    }
    free(chunk);
}

void sl_arena_done(struct sl_arena *arena)
{
    while (arena->head) {
        struct sl_arena_chunk *chunk = arena->head;
        arena->head = chunk->next;
        chunk_free(arena, chunk);
    }
}

void sl_arena_wipe(struct sl_arena *arena)
{
    for (struct sl_arena_chunk *chunk = arena->head; chunk; chunk = chunk->next) {
        UNPOISON(chunk->data, chunk->used);
        sl_wipe(chunk->data, chunk->used);
    }
}

/* The bytes that were counted, or -1: the budget refuses. */
static ptrdiff_t chunk_count(struct sl_arena *arena, size_t size)
{
    if (!arena->budget || (size <= CHUNK_DATA && arena->total < SL_ARENA_FREE)) {
        return 0;
    }
    if (size > CHUNK_DATA) {
        return sl_budget_take(arena->budget, size) ? (ptrdiff_t)size : -1;
    }
    sl_budget_force(arena->budget, size);
    return (ptrdiff_t)size;
}

static struct sl_arena_chunk *chunk_new(struct sl_arena *arena, size_t need)
{
    struct sl_arena_cache *cache = arena->cache;
    size_t size = SL_MAX(need, arena->chunk ? arena->chunk : CHUNK_DATA);
    struct sl_arena_chunk *chunk;
    if (size > SIZE_MAX / 4) {
        return NULL;
    }
    ptrdiff_t counted = chunk_count(arena, size);
    if (counted < 0) {
        return NULL;
    }
    if (size == CHUNK_DATA && cache && cache->free) {
        chunk = cache->free;
        cache->free = chunk->next;
        cache->n_free--;
    } else {
        chunk = malloc(sizeof(*chunk) + size);
        if (!chunk) {
            sl_budget_give(arena->budget, (size_t)counted);
            return NULL;
        }
        POISON(chunk->data, size);
    }
    chunk->size = size;
    chunk->used = 0;
    chunk->counted = (size_t)counted;
    arena->total += sizeof(*chunk) + size;
    chunk->next = arena->head;
    arena->head = chunk;
    return chunk;
}

static void *arena_take(struct sl_arena *arena, size_t n, size_t align)
{
    struct sl_arena_chunk *chunk = arena->head;
    if (chunk) {
        size_t at = (chunk->used + align - 1) & ~(align - 1);
        if (at <= chunk->size && n <= chunk->size - at) {
            chunk->used = at + n;
            UNPOISON(chunk->data + at, n);
            return chunk->data + at;
        }
    }
    chunk = chunk_new(arena, n);
    if (!chunk) {
        return NULL;
    }
    chunk->used = n;
    UNPOISON(chunk->data, n);
    return chunk->data;
}

void *sl_arena_alloc(struct sl_arena *arena, size_t n)
{
    return arena_take(arena, n, 16);
}

void *sl_arena_zalloc(struct sl_arena *arena, size_t n)
{
    void *p = arena_take(arena, n, 16);
    if (p) {
        memset(p, 0, n);
    }
    return p;
}

char *sl_arena_bytes(struct sl_arena *arena, size_t n)
{
    return arena_take(arena, n, 1);
}

struct sl_str sl_arena_dup(struct sl_arena *arena, struct sl_str s)
{
    char *p = sl_arena_bytes(arena, s.n + 1);
    if (!p) {
        return SL_STR_NONE;
    }
    if (s.n) {
        memcpy(p, s.p, s.n);
    }
    p[s.n] = '\0';
    return sl_str_make(p, s.n);
}

struct sl_str sl_arena_join(struct sl_arena *arena, const struct sl_str *parts, size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        len += parts[i].n;
    }
    char *p = sl_arena_bytes(arena, len), *at = p;
    for (size_t i = 0; p && i < n; i++) {
        if (parts[i].n) {
            memcpy(at, parts[i].p, parts[i].n);
            at += parts[i].n;
        }
    }
    return p ? sl_str_make(p, len) : SL_STR_NONE;
}

struct sl_str sl_arena_printf(struct sl_arena *arena, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *p = n < 0 ? NULL : sl_arena_bytes(arena, (size_t)n + 1);
    if (p) {
        vsnprintf(p, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    return p ? sl_str_make(p, (size_t)n) : SL_STR_NONE;
}

struct sl_arena_mark sl_arena_mark(const struct sl_arena *arena)
{
    return (struct sl_arena_mark){ arena->head, arena->head ? arena->head->used : 0 };
}

void sl_arena_rewind(struct sl_arena *arena, struct sl_arena_mark mark)
{
    while (arena->head != mark.chunk) {
        struct sl_arena_chunk *chunk = arena->head;
        SL_ASSERT(chunk); /* the mark is of another arena */
        arena->head = chunk->next;
        chunk_free(arena, chunk);
    }
    if (mark.chunk) {
        POISON(mark.chunk->data + mark.used, mark.chunk->used - mark.used);
        mark.chunk->used = mark.used;
    }
}
