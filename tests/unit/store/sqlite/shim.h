/* SPDX-License-Identifier: Apache-2.0 */
/* A VFS between SQLite and the system's: it sees every write and sync, fails a chosen call, and copies the files as
 * they are at a sync. And an allocator for SQLite that fails a chosen allocation. */
#ifndef SL_TEST_SHIM_H
#define SL_TEST_SHIM_H

#include <stdatomic.h>
#include <stdbool.h>

struct shim {
    atomic_long n_calls;     /* of reads, writes, syncs, opens, truncations, deletions, locks of shared memory */
    atomic_long fail_at;     /* the call with that number fails; -1: none */
    atomic_long kill_at;     /* at the call with that number the process ends, as by a kill; -1: none */
    atomic_bool is_readonly; /* true: no file can be opened for writing */
    atomic_bool is_full;     /* true: nothing can be written to open files */
    atomic_bool fails_on;    /* true: every later call fails, too */
    atomic_long n_syncs;     /* of the WAL */
    atomic_uint sync_usec;   /* the least time of a sync */
    atomic_bool wal_dirty;   /* written since its last sync */
    const char *copy_from;   /* the database's path, to be copied at each sync; NULL: no copies */
    const char *copy_to;     /* a directory: "0", "1", … are made in it */
    int n_copies;
    void (*on_copy)(int copy); /* the copy has all that was acknowledged until now */
};

extern struct shim shim;

void shim_install(void); /* once, before SQLite is used */
void shim_reset(void);
/* Counts one more call, of other code that uses files. True: it must fail. */
bool shim_step(void);
/* Fails the allocation with that number, counted from now; with fails_on every later one, too; -1: none. SQLite's
 * only. */
void shim_fail_alloc(long at);
/* The same for ours (the linker wraps malloc and its kin), on every thread but the test's own. */
void shim_fail_own_alloc(long at);
long shim_allocs(void); /* since the last shim_fail_alloc */
long shim_own_allocs(void);

#endif
