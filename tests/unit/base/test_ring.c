/* SPDX-License-Identifier: Apache-2.0 */
/* A ring keeps whole messages in their order, also over its end, and drops what has no room; two threads may use it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>

#include "base/ring.h"

#define SIZE 1024
#define MANY 200000

/* A message of its own length and bytes for each number. */
static struct sl_str message(uint32_t number, char room[64])
{
    size_t n = sizeof(number) + number % 60;
    memset(room, (int)(number & 0x7f), 64);
    memcpy(room, &number, sizeof(number));
    return sl_str_make(room, n);
}

static bool put(struct sl_ring *ring, uint32_t number)
{
    char room[64];
    struct sl_str all = message(number, room);
    const struct sl_str parts[] = { sl_str_sub(all, 0, 3), sl_str_sub(all, 3, all.n) };
    return sl_ring_put(ring, parts, 2);
}

static void expect(struct sl_ring *ring, uint32_t number)
{
    char room[64], got[64];
    struct sl_str all = message(number, room);
    uint32_t head;
    assert_int_equal(sl_ring_next(ring), all.n);
    sl_ring_peek(ring, &head, sizeof(head));
    assert_int_equal(head, number);
    sl_ring_take(ring, sizeof(head), got, all.n - sizeof(head));
    assert_memory_equal(got, all.p + sizeof(head), all.n - sizeof(head));
}

static void messages_come_out_as_they_went_in(void **state)
{
    (void)state;
    struct sl_ring ring = { 0 };
    assert_int_equal(sl_ring_init(&ring, SIZE), 0);
    assert_int_equal(sl_ring_next(&ring), 0);
    uint32_t in = 0, out = 0;
    while (in < 5000) {
        for (int i = 0; i < 7 && put(&ring, in); i++) {
            in++;
        }
        for (int i = 0; i < 7 && out < in; i++) {
            expect(&ring, out++);
        }
    }
    assert_int_equal(ring.n_dropped, 0);
    sl_ring_done(&ring);
}

static void a_full_ring_drops_and_counts(void **state)
{
    (void)state;
    struct sl_ring ring = { 0 };
    assert_int_equal(sl_ring_init(&ring, SIZE), 0);
    uint32_t n = 0;
    assert_false(sl_ring_is_filling(&ring));
    while (put(&ring, n)) {
        n++;
    }
    assert_true(n > 20);
    assert_true(sl_ring_is_filling(&ring));
    assert_int_equal(ring.n_dropped, 1);
    sl_ring_skip(&ring);
    for (uint32_t i = 1; i < n; i++) {
        expect(&ring, i);
    }
    assert_int_equal(sl_ring_next(&ring), 0);
    assert_true(put(&ring, 7));
    expect(&ring, 7);
    sl_ring_done(&ring);
}

static void *producer(void *arg)
{
    struct sl_ring *ring = arg;
    for (uint32_t i = 0; i < MANY;) {
        i += put(ring, i);
    }
    return NULL;
}

static void two_threads_share_it(void **state)
{
    (void)state;
    struct sl_ring ring = { 0 };
    pthread_t thread;
    assert_int_equal(sl_ring_init(&ring, SIZE), 0);
    assert_int_equal(pthread_create(&thread, NULL, producer, &ring), 0);
    for (uint32_t i = 0; i < MANY;) {
        if (sl_ring_next(&ring)) {
            expect(&ring, i++);
        }
    }
    pthread_join(thread, NULL);
    sl_ring_done(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_as_they_went_in),
        cmocka_unit_test(a_full_ring_drops_and_counts),
        cmocka_unit_test(two_threads_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
