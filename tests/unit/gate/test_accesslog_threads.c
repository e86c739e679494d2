/* SPDX-License-Identifier: Apache-2.0 */
/* Several workers write lines while the file is rotated: each line is in one of the files, whole and once, or it was
 * dropped and counted. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "gate/watch/accesslog.h"

#define WRITERS 3
#define LINES   20000

struct job {
    struct sl_log_ring *ring;
    unsigned number;
};

static void *writer_run(void *arg)
{
    struct job *job = arg;
    char line[64];
    for (unsigned i = 0; i < LINES; i++) {
        int n = snprintf(line, sizeof(line), "{\"w\":%u,\"i\":%u}\n", job->number, i);
        sl_log_push(job->ring, sl_str_make(line, (size_t)n));
    }
    return NULL;
}

/* Counts whole lines; each writer's numbers only grow, over the files in order. */
static unsigned lines_count(const char *path, unsigned next[WRITERS])
{
    FILE *file = fopen(path, "r");
    char line[128];
    unsigned n = 0;
    if (!file) {
        return 0; /* no rotation between */
    }
    while (fgets(line, sizeof(line), file)) {
        unsigned w, i;
        assert_int_equal(sscanf(line, "{\"w\":%u,\"i\":%u}", &w, &i), 2);
        assert_true(w < WRITERS && i >= next[w] && strchr(line, '\n'));
        next[w] = i + 1;
        n++;
    }
    fclose(file);
    return n;
}

static void no_line_is_lost_or_torn_by_a_rotation(void **state)
{
    (void)state;
    char folder[] = "/tmp/sluice-log-XXXXXX", path[64], old[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/log", folder);
    snprintf(old, sizeof(old), "%s/old", folder);
    struct sl_accesslog *log;
    struct sl_err err;
    assert_int_equal(sl_accesslog_open(path, SL_LOG_AUTO, WRITERS, &log, &err), 0);
    pthread_t threads[WRITERS];
    struct job jobs[WRITERS];
    for (unsigned i = 0; i < WRITERS; i++) {
        jobs[i] = (struct job){ sl_accesslog_ring(log, i), i };
        assert_int_equal(pthread_create(&threads[i], NULL, writer_run, &jobs[i]), 0);
    }
    assert_int_equal(rename(path, old), 0);
    sl_accesslog_reopen(log);
    for (unsigned i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    uint64_t dropped = sl_accesslog_dropped(log);
    sl_accesslog_close(log);
    unsigned next[WRITERS] = { 0 };
    unsigned n = lines_count(old, next);
    n += lines_count(path, next);
    assert_int_equal(n + dropped, WRITERS * LINES);
    assert_true(n > 0);
    unlink(path);
    unlink(old);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(no_line_is_lost_or_torn_by_a_rotation) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
