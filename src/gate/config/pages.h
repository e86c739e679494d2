/* SPDX-License-Identifier: Apache-2.0 */
/* The tables that snapshots share. Their pages are reference-counted: a copy of a table shares all its pages, and a
 * change copies one page and the root, for any number of items. A page that only one unpublished table has is changed
 * in place. Items are reference-counted too; each page holds a reference to each of its items. */
#ifndef SL_GATE_PAGES_H
#define SL_GATE_PAGES_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"

struct sl_page_ops {
    void (*ref)(void *item);
    void (*unref)(void *item);
};

struct sl_page_item {
    uint64_t key; /* ascending */
    void *item;
};

struct sl_page {
    atomic_uint refs;
    uint32_t n, cap;
    const struct sl_page_ops *ops;
    struct sl_page_item v[];
};

struct sl_page *sl_page_new(const struct sl_page_ops *ops, uint32_t cap);
/* Both accept NULL. */
struct sl_page *sl_page_ref(struct sl_page *page);
void sl_page_unref(struct sl_page *page);
/* The index of the first item whose key is not below `key`: that of `key`, or where it would be. */
uint32_t sl_page_lower(const struct sl_page *page, uint64_t key);
/* Copy *io_page first if others have it too. They take a reference to the item. SL_E_NOMEM: *io_page is unchanged. */
SL_MUST int sl_page_insert(struct sl_page **io_page, const struct sl_page_ops *ops, uint32_t at, uint64_t key,
                           void *item);
SL_MUST int sl_page_replace(struct sl_page **io_page, uint32_t at, void *item);

/* --- items by their hash --- */

struct sl_hashed {
    const struct sl_page_ops *ops;
    struct sl_page **pages; /* n_pages of them, a power of two; a page may be NULL */
    uint32_t n_pages;
    uint32_t n;
};

SL_MUST int sl_hashed_init(struct sl_hashed *table, const struct sl_page_ops *ops);
SL_MUST int sl_hashed_copy(const struct sl_hashed *from, struct sl_hashed *ret);
void sl_hashed_done(struct sl_hashed *table);
/* Replaces the item at `at` (sl_hashed_at), or adds one if `at` is negative. */
SL_MUST int sl_hashed_put(struct sl_hashed *table, uint64_t hash, int64_t at, void *item);
SL_MUST int sl_hashed_remove(struct sl_hashed *table, uint64_t hash, int64_t at);

SL_INLINE struct sl_page **sl_hashed_slot(const struct sl_hashed *table, uint64_t hash)
{
    /* The low bits choose the page, so the items of a page are spread over all high bits. */
    return &table->pages[hash & (table->n_pages - 1)];
}

/* The index in its page of the item for which is(item, arg) is true, or -1. */
SL_INLINE int64_t sl_hashed_at(const struct sl_hashed *table, uint64_t hash,
                               bool (*is)(const void *item, const void *arg), const void *arg)
{
    const struct sl_page *page = *sl_hashed_slot(table, hash);
    if (!page || page->n == 0) {
        return -1;
    }
    /* Hashes are spread evenly: the high half gives a guess, then a step or two are enough. */
    uint32_t at = (uint32_t)((hash >> 32) * page->n >> 32);
    while (at > 0 && page->v[at - 1].key >= hash) {
        at--;
    }
    while (at < page->n && page->v[at].key < hash) {
        at++;
    }
    for (; at < page->n && page->v[at].key == hash; at++) {
        if (is(page->v[at].item, arg)) {
            return at;
        }
    }
    return -1;
}

/* --- items by a number that grows --- */

struct sl_ordered {
    const struct sl_page_ops *ops;
    struct sl_page **pages; /* no page is empty */
    uint32_t n_pages;
    uint32_t n;
};

SL_MUST int sl_ordered_init(struct sl_ordered *table, const struct sl_page_ops *ops);
SL_MUST int sl_ordered_copy(const struct sl_ordered *from, struct sl_ordered *ret);
void sl_ordered_done(struct sl_ordered *table);
/* Adds an item, or replaces the one with that number. */
SL_MUST int sl_ordered_put(struct sl_ordered *table, uint64_t key, void *item);
/* SL_E_NOTFOUND, SL_E_NOMEM. */
SL_MUST int sl_ordered_remove(struct sl_ordered *table, uint64_t key);
/* The page that has the number, or would have it; 0: there are no pages. */
uint32_t sl_ordered_page(const struct sl_ordered *table, uint64_t key);
/* Borrowed; NULL: none. */
void *sl_ordered_find(const struct sl_ordered *table, uint64_t key);

#endif
