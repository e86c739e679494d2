/* SPDX-License-Identifier: Apache-2.0 */
/* Typed intrusive doubly linked lists. SL_LIST_HEAD(name) declares `struct name`, SL_LIST_FUNCTIONS(name, type, member)
 * its functions; so code that walks one list cannot remove an item through another. A link that is in no list has `list
 * == NULL`. */
#ifndef SL_BASE_LIST_H
#define SL_BASE_LIST_H

#include <stdbool.h>

#include "base/attr.h"

struct sl_link {
    struct sl_link *next, *prev;
    void *list; /* the list it is in, or NULL */
};

#define SL_LIST_HEAD(name)     \
    struct name {              \
        struct sl_link *first; \
        struct sl_link *last;  \
        size_t n;              \
    }

/* The functions; use this where `type` is complete. */
#define SL_LIST_FUNCTIONS(name, type, member)                                               \
    SL_UNUSED SL_INLINE type *name##_first(const struct name *l)                            \
    {                                                                                       \
        return l->first ? SL_CONTAINER_OF(l->first, type, member) : NULL;                   \
    }                                                                                       \
    SL_UNUSED SL_INLINE type *name##_last(const struct name *l)                             \
    {                                                                                       \
        return l->last ? SL_CONTAINER_OF(l->last, type, member) : NULL;                     \
    }                                                                                       \
    SL_UNUSED SL_INLINE type *name##_next(const type *item)                                 \
    {                                                                                       \
        return item->member.next ? SL_CONTAINER_OF(item->member.next, type, member) : NULL; \
    }                                                                                       \
    SL_UNUSED SL_INLINE bool name##_has(const struct name *l, const type *item)             \
    {                                                                                       \
        return item->member.list == l;                                                      \
    }                                                                                       \
    SL_UNUSED SL_INLINE void name##_add(struct name *l, type *item)                         \
    {                                                                                       \
        struct sl_link *k = &item->member;                                                  \
        SL_ASSERT(!k->list);                                                                \
        k->list = l;                                                                        \
        k->next = NULL;                                                                     \
        k->prev = l->last;                                                                  \
        if (l->last) {                                                                      \
            l->last->next = k;                                                              \
        } else {                                                                            \
            l->first = k;                                                                   \
        }                                                                                   \
        l->last = k;                                                                        \
        l->n++;                                                                             \
    }                                                                                       \
    SL_UNUSED SL_INLINE void name##_remove(struct name *l, type *item)                      \
    {                                                                                       \
        struct sl_link *k = &item->member;                                                  \
        SL_ASSERT(k->list == l);                                                            \
        if (k->prev) {                                                                      \
            k->prev->next = k->next;                                                        \
        } else {                                                                            \
            l->first = k->next;                                                             \
        }                                                                                   \
        if (k->next) {                                                                      \
            k->next->prev = k->prev;                                                        \
        } else {                                                                            \
            l->last = k->prev;                                                              \
        }                                                                                   \
        *k = (struct sl_link){ 0 };                                                         \
        l->n--;                                                                             \
    }                                                                                       \
    SL_UNUSED SL_INLINE type *name##_take_first(struct name *l)                             \
    {                                                                                       \
        type *item = name##_first(l);                                                       \
        if (item) {                                                                         \
            name##_remove(l, item);                                                         \
        }                                                                                   \
        return item;                                                                        \
    }                                                                                       \
    struct name /* the caller writes the semicolon */

#endif
