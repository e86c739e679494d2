/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the units of the store: a data directory for each test, and jobs that are waited for. */
#ifndef SL_TEST_STORE_HELP_H
#define SL_TEST_STORE_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/store.h"

static char dir[64]; /* of the test that runs */

/* In memory: a disk that others use makes a minute of the syncs. What is asked is when they come, not how long they
 * take. */
static inline int dir_setup(void **state)
{
    (void)state;
    unsetenv("SLUICE_SECRET_KEY");
    unsetenv("SLUICE_SECRET_KEY_NEW");
    snprintf(dir, sizeof(dir), "%s/sluice-store-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    return mkdtemp(dir) ? 0 : -1;
}

static inline int dir_teardown(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

/* One at a time: the answer comes on the store's thread. */
static atomic_bool is_answered;

static inline void on_answered(struct sl_store_job *job)
{
    (void)job;
    atomic_store(&is_answered, true);
}

static inline int job_wait(struct sl_store *store, struct sl_store_job *job)
{
    atomic_store(&is_answered, false);
    job->on_done = on_answered;
    if (sl_store_submit(store, job) < 0) {
        return SL_E_CANCELLED;
    }
    while (!atomic_load(&is_answered)) {
        usleep(100);
    }
    return job->r;
}

#endif
