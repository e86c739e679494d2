/* SPDX-License-Identifier: Apache-2.0 */
/* Compiler extensions, in one place: no other file names __attribute__ or a builtin. */
#ifndef SL_BASE_ATTR_H
#define SL_BASE_ATTR_H

#include <stddef.h>
#include <stdint.h>

#define SL_MUST              __attribute__((warn_unused_result))
#define SL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define SL_CLEANUP(fn)       __attribute__((cleanup(fn)))
#define SL_NORETURN          __attribute__((noreturn))
#define SL_UNUSED            __attribute__((unused))
#define SL_INLINE            static inline __attribute__((always_inline))
#define SL_NOINLINE          __attribute__((noinline))
#define SL_ALIGNED(n)        __attribute__((aligned(n)))
#define SL_FALLTHROUGH       __attribute__((fallthrough))
#define SL_LIKELY(x)         __builtin_expect(!!(x), 1)
#define SL_UNLIKELY(x)       __builtin_expect(!!(x), 0)

#define SL_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define SL_BIT(n)       (1u << (n))
#define SL_BIT64(n)     (1ull << (n))
/* Index of the lowest bit set; v is not 0. */
#define SL_LOWEST_BIT64(v) ((unsigned)__builtin_ctzll(v))
#define SL_MIN(a, b)       ((a) < (b) ? (a) : (b))
#define SL_MAX(a, b)       ((a) > (b) ? (a) : (b))

__extension__ typedef unsigned __int128 sl_u128;

/* The object whose member `member` is at `ptr`. */
#define SL_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Drops a result that is SL_MUST; a comment beside it must say why. */
#define SL_IGNORE(expr)                \
    do {                               \
        if (expr) { /* does nothing */ \
        }                              \
    } while (0)

/* Returns the pointer and clears the variable, so that its cleanup does nothing. */
#define SL_TAKE(var)                      \
    __extension__({                       \
        __typeof__(var) sl_take_ = (var); \
        (var) = NULL;                     \
        sl_take_;                         \
    })

/* Only for our own bugs, never for input. It stays on in release builds. */
#define SL_ASSERT(cond)                                  \
    do {                                                 \
        if (SL_UNLIKELY(!(cond))) {                      \
            sl_assert_failed(#cond, __FILE__, __LINE__); \
        }                                                \
    } while (0)

SL_NORETURN void sl_assert_failed(const char *cond, const char *file, int line);

#endif
