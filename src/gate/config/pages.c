/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/pages.h"

#include <stdlib.h>
#include <string.h>

/* The average number of items in a page of a hashed table before the number of pages doubles: so at ten thousand items,
 * copying a page and copying the root cost about the same. */
#define HASHED_LOAD 64
#define HASHED_MIN  8
/* The most items in a page of an ordered table. */
#define ORDERED_MAX 256

/* --- pages --- */

struct sl_page *sl_page_new(const struct sl_page_ops *ops, uint32_t cap)
{
    struct sl_page *page = malloc(sizeof(*page) + cap * sizeof(page->v[0]));
    if (page) {
        atomic_init(&page->refs, 1);
        page->n = 0;
        page->cap = cap;
        page->ops = ops;
    }
    return page;
}

struct sl_page *sl_page_ref(struct sl_page *page)
{
    if (page) {
        atomic_fetch_add_explicit(&page->refs, 1, memory_order_relaxed);
    }
    return page;
}

void sl_page_unref(struct sl_page *page)
{
    if (!page || atomic_fetch_sub_explicit(&page->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (uint32_t i = 0; i < page->n; i++) {
        page->ops->unref(page->v[i].item);
    }
    free(page);
}

uint32_t sl_page_lower(const struct sl_page *page, uint64_t key)
{
    uint32_t low = 0, high = page->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (page->v[mid].key < key) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* Returns a page that may be changed: the same page if nobody else has it and it has room for one more item, else a
 * copy. NULL: no memory, and the old page is unchanged; otherwise it takes over the reference to the old page. */
static struct sl_page *page_own(struct sl_page *page, const struct sl_page_ops *ops)
{
    if (page && page->n < page->cap && atomic_load_explicit(&page->refs, memory_order_acquire) == 1) {
        return page;
    }
    uint32_t n = page ? page->n : 0;
    struct sl_page *copy = sl_page_new(ops, n + 1 + n / 8);
    if (!copy) {
        return NULL;
    }
    for (uint32_t i = 0; i < n; i++) {
        copy->v[i] = page->v[i];
        ops->ref(copy->v[i].item);
    }
    copy->n = n;
    sl_page_unref(page);
    return copy;
}

int sl_page_insert(struct sl_page **io_page, const struct sl_page_ops *ops, uint32_t at, uint64_t key, void *item)
{
    struct sl_page *page = page_own(*io_page, ops);
    if (!page) {
        return SL_E_NOMEM;
    }
    *io_page = page;
    memmove(&page->v[at + 1], &page->v[at], (page->n - at) * sizeof(page->v[0]));
    ops->ref(item);
    page->v[at] = (struct sl_page_item){ key, item };
    page->n++;
    return 0;
}

int sl_page_replace(struct sl_page **io_page, uint32_t at, void *item)
{
    const struct sl_page_ops *ops = (*io_page)->ops;
    struct sl_page *page = page_own(*io_page, ops);
    if (!page) {
        return SL_E_NOMEM;
    }
    *io_page = page;
    ops->ref(item);
    ops->unref(page->v[at].item);
    page->v[at].item = item;
    return 0;
}

static int page_remove(struct sl_page **io_page, uint32_t at)
{
    const struct sl_page_ops *ops = (*io_page)->ops;
    struct sl_page *page = page_own(*io_page, ops);
    if (!page) {
        return SL_E_NOMEM;
    }
    *io_page = page;
    ops->unref(page->v[at].item);
    page->n--;
    memmove(&page->v[at], &page->v[at + 1], (page->n - at) * sizeof(page->v[0]));
    return 0;
}

static void pages_free(struct sl_page **pages, uint32_t n)
{
    for (uint32_t i = 0; pages && i < n; i++) {
        sl_page_unref(pages[i]);
    }
    free(pages);
}

/* Copies the list of pages, with room for `cap`. NULL: no memory. */
static struct sl_page **pages_copy(struct sl_page *const *from, uint32_t n, uint32_t cap)
{
    struct sl_page **pages = malloc(cap * sizeof(*pages));
    for (uint32_t i = 0; pages && i < n; i++) {
        pages[i] = sl_page_ref(from[i]);
    }
    return pages;
}

/* --- items by their hash --- */

int sl_hashed_init(struct sl_hashed *table, const struct sl_page_ops *ops)
{
    *table = (struct sl_hashed){ .ops = ops, .pages = calloc(HASHED_MIN, sizeof(*table->pages)) };
    table->n_pages = table->pages ? HASHED_MIN : 0;
    return table->pages ? 0 : SL_E_NOMEM;
}

int sl_hashed_copy(const struct sl_hashed *from, struct sl_hashed *ret)
{
    struct sl_page **pages = pages_copy(from->pages, from->n_pages, from->n_pages);
    if (!pages) {
        return SL_E_NOMEM;
    }
    *ret = *from;
    ret->pages = pages;
    return 0;
}

void sl_hashed_done(struct sl_hashed *table)
{
    pages_free(table->pages, table->n_pages);
    *table = (struct sl_hashed){ 0 };
}

/* Doubles the number of pages; each item goes to its new page. */
static int hashed_grow(struct sl_hashed *table)
{
    uint32_t n = table->n_pages * 2;
    struct sl_page **pages = calloc(n, sizeof(*pages));
    int r = pages ? 0 : SL_E_NOMEM;
    for (uint32_t i = 0; r == 0 && i < table->n_pages; i++) {
        const struct sl_page *page = table->pages[i];
        for (uint32_t k = 0; page && r == 0 && k < page->n; k++) {
            struct sl_page **slot = &pages[page->v[k].key & (n - 1)];
            r = sl_page_insert(slot, table->ops, *slot ? (*slot)->n : 0, page->v[k].key, page->v[k].item);
        }
    }
    if (r < 0) {
        pages_free(pages, n);
        return r;
    }
    pages_free(table->pages, table->n_pages);
    table->pages = pages;
    table->n_pages = n;
    return 0;
}

int sl_hashed_put(struct sl_hashed *table, uint64_t hash, int64_t at, void *item)
{
    if (at >= 0) {
        return sl_page_replace(sl_hashed_slot(table, hash), (uint32_t)at, item);
    }
    if (table->n >= table->n_pages * HASHED_LOAD) {
        int r = hashed_grow(table);
        if (r < 0) {
            return r;
        }
    }
    struct sl_page **slot = sl_hashed_slot(table, hash);
    int r = sl_page_insert(slot, table->ops, *slot ? sl_page_lower(*slot, hash) : 0, hash, item);
    table->n += r == 0;
    return r;
}

int sl_hashed_remove(struct sl_hashed *table, uint64_t hash, int64_t at)
{
    int r = at < 0 ? SL_E_NOTFOUND : page_remove(sl_hashed_slot(table, hash), (uint32_t)at);
    table->n -= r == 0;
    return r;
}

/* --- items by a number that grows --- */

int sl_ordered_init(struct sl_ordered *table, const struct sl_page_ops *ops)
{
    *table = (struct sl_ordered){ .ops = ops, .pages = malloc(sizeof(*table->pages)) };
    return table->pages ? 0 : SL_E_NOMEM;
}

int sl_ordered_copy(const struct sl_ordered *from, struct sl_ordered *ret)
{
    struct sl_page **pages = pages_copy(from->pages, from->n_pages,
                                        from->n_pages + 1); /* one more: room for a new page */
    if (!pages) {
        return SL_E_NOMEM;
    }
    *ret = *from;
    ret->pages = pages;
    return 0;
}

void sl_ordered_done(struct sl_ordered *table)
{
    pages_free(table->pages, table->n_pages);
    *table = (struct sl_ordered){ 0 };
}

uint32_t sl_ordered_page(const struct sl_ordered *table, uint64_t key)
{
    uint32_t low = 0, high = table->n_pages;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (table->pages[mid]->v[0].key <= key) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low ? low - 1 : 0;
}

/* The index of the number in page `i`; -1: not there. */
static int64_t ordered_at(const struct sl_ordered *table, uint32_t i, uint64_t key)
{
    if (i >= table->n_pages) {
        return -1;
    }
    const struct sl_page *page = table->pages[i];
    uint32_t at = sl_page_lower(page, key);
    return at < page->n && page->v[at].key == key ? (int64_t)at : -1;
}

void *sl_ordered_find(const struct sl_ordered *table, uint64_t key)
{
    uint32_t i = sl_ordered_page(table, key);
    int64_t at = ordered_at(table, i, key);
    return at < 0 ? NULL : table->pages[i]->v[at].item;
}

static int page_add(struct sl_ordered *table, uint64_t key, void *item)
{
    struct sl_page *page = NULL;
    struct sl_page **pages = realloc(table->pages, (table->n_pages + 1) * sizeof(*pages));
    if (!pages) {
        return SL_E_NOMEM;
    }
    table->pages = pages;
    int r = sl_page_insert(&page, table->ops, 0, key, item);
    if (r == 0) {
        pages[table->n_pages++] = page;
        table->n++;
    }
    return r;
}

int sl_ordered_put(struct sl_ordered *table, uint64_t key, void *item)
{
    uint32_t i = sl_ordered_page(table, key);
    int64_t there = ordered_at(table, i, key);
    if (i == table->n_pages) {
        return page_add(table, key, item);
    }
    if (there >= 0) {
        return sl_page_replace(&table->pages[i], (uint32_t)there, item);
    }
    /* New numbers are larger than all before, so new items come at the end. One in the middle (events out of order) may
     * overfill its page. */
    uint32_t at = sl_page_lower(table->pages[i], key);
    if (i == table->n_pages - 1 && at == table->pages[i]->n && at >= ORDERED_MAX) {
        return page_add(table, key, item);
    }
    int r = sl_page_insert(&table->pages[i], table->ops, at, key, item);
    table->n += r == 0;
    return r;
}

int sl_ordered_remove(struct sl_ordered *table, uint64_t key)
{
    uint32_t i = sl_ordered_page(table, key);
    int64_t at = ordered_at(table, i, key);
    int r = at < 0 ? SL_E_NOTFOUND : page_remove(&table->pages[i], (uint32_t)at);
    if (r == 0) {
        table->n--;
        if (table->pages[i]->n == 0) {
            sl_page_unref(table->pages[i]);
            table->n_pages--;
            memmove(&table->pages[i], &table->pages[i + 1], (table->n_pages - i) * sizeof(*table->pages));
        }
    }
    return r;
}
