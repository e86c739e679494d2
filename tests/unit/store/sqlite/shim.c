/* SPDX-License-Identifier: Apache-2.0 */
#include "shim.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct shim shim = { .fail_at = -1, .kill_at = -1 };

struct shim_file {
    sqlite3_file base;
    bool is_wal;
    sqlite3_file *real; /* behind this one */
};

static sqlite3_vfs *system_vfs;
static sqlite3_vfs shim_vfs;

bool shim_step(void)
{
    long n = atomic_fetch_add(&shim.n_calls, 1), at = atomic_load(&shim.fail_at);
    if (n == atomic_load(&shim.kill_at)) {
        _exit(9);
    }
    return at >= 0 && (n == at || (n > at && atomic_load(&shim.fails_on)));
}

static struct shim_file *of(sqlite3_file *file)
{
    return (struct shim_file *)file;
}

/* --- copies --- */

static void copy_one(const char *suffix)
{
    char from[512], to[600], buf[65536];
    snprintf(from, sizeof(from), "%s%s", shim.copy_from, suffix);
    snprintf(to, sizeof(to), "%s/%d/sluice.db%s", shim.copy_to, shim.n_copies, suffix);
    int in = open(from, O_RDONLY), out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    for (ssize_t n; out >= 0 && (n = read(in, buf, sizeof(buf))) > 0;) {
        if (write(out, buf, (size_t)n) != n) {
            abort();
        }
    }
    close(in);
    close(out);
}

static void copy_all(void)
{
    char dir[600];
    if (!shim.copy_from) {
        return;
    }
    snprintf(dir, sizeof(dir), "%s/%d", shim.copy_to, shim.n_copies);
    if (mkdir(dir, 0700) < 0) {
        abort();
    }
    copy_one("");
    copy_one("-wal");
    shim.on_copy(shim.n_copies);
    shim.n_copies++;
}

/* --- a file --- */

static int x_close(sqlite3_file *f)
{
    struct shim_file *file = of(f);
    return file->real->pMethods ? file->real->pMethods->xClose(file->real) : SQLITE_OK;
}

static int x_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return shim_step() ? SQLITE_IOERR_READ : of(f)->real->pMethods->xRead(of(f)->real, p, n, at);
}

static int x_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (shim_step()) {
        return SQLITE_IOERR_WRITE;
    }
    if (atomic_load(&shim.is_full)) {
        return SQLITE_FULL;
    }
    if (of(f)->is_wal) {
        atomic_store(&shim.wal_dirty, true);
    }
    return of(f)->real->pMethods->xWrite(of(f)->real, p, n, at);
}

static int x_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return shim_step() ? SQLITE_IOERR_TRUNCATE : of(f)->real->pMethods->xTruncate(of(f)->real, size);
}

static int x_sync(sqlite3_file *f, int flags)
{
    copy_all(); /* the files as a cut before the sync would leave them */
    if (shim_step()) {
        return SQLITE_IOERR_FSYNC;
    }
    usleep(atomic_load(&shim.sync_usec));
    int code = of(f)->real->pMethods->xSync(of(f)->real, flags);
    if (of(f)->is_wal && code == SQLITE_OK) {
        atomic_store(&shim.wal_dirty, false);
        atomic_fetch_add(&shim.n_syncs, 1);
    }
    copy_all();
    return code;
}

static int x_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    return of(f)->real->pMethods->xFileSize(of(f)->real, ret);
}

static int x_lock(sqlite3_file *f, int level)
{
    return of(f)->real->pMethods->xLock(of(f)->real, level);
}

static int x_unlock(sqlite3_file *f, int level)
{
    return of(f)->real->pMethods->xUnlock(of(f)->real, level);
}

static int x_check(sqlite3_file *f, int *ret)
{
    return of(f)->real->pMethods->xCheckReservedLock(of(f)->real, ret);
}

static int x_control(sqlite3_file *f, int op, void *arg)
{
    return of(f)->real->pMethods->xFileControl(of(f)->real, op, arg);
}

static int x_sector(sqlite3_file *f)
{
    return of(f)->real->pMethods->xSectorSize(of(f)->real);
}

static int x_traits(sqlite3_file *f)
{
    return of(f)->real->pMethods->xDeviceCharacteristics(of(f)->real);
}

static int x_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
    return shim_step() ? SQLITE_IOERR_SHMMAP : of(f)->real->pMethods->xShmMap(of(f)->real, page, size, extend, ret);
}

static int x_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return of(f)->real->pMethods->xShmLock(of(f)->real, offset, n, flags);
}

static void x_shm_barrier(sqlite3_file *f)
{
    of(f)->real->pMethods->xShmBarrier(of(f)->real);
}

static int x_shm_unmap(sqlite3_file *f, int del)
{
    return of(f)->real->pMethods->xShmUnmap(of(f)->real, del);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_size,
    .xLock = x_lock,
    .xUnlock = x_unlock,
    .xCheckReservedLock = x_check,
    .xFileControl = x_control,
    .xSectorSize = x_sector,
    .xDeviceCharacteristics = x_traits,
    .xShmMap = x_shm_map,
    .xShmLock = x_shm_lock,
    .xShmBarrier = x_shm_barrier,
    .xShmUnmap = x_shm_unmap,
};

static int x_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
    (void)vfs;
    struct shim_file *file = of(f);
    *file = (struct shim_file){ .real = (sqlite3_file *)(file + 1), .is_wal = (flags & SQLITE_OPEN_WAL) != 0 };
    file->real->pMethods = NULL;
    if (shim_step() || (atomic_load(&shim.is_readonly) && flags & SQLITE_OPEN_READWRITE)) {
        return SQLITE_CANTOPEN;
    }
    int code = system_vfs->xOpen(system_vfs, name, file->real, flags, ret_flags);
    file->base.pMethods = code == SQLITE_OK ? &methods : NULL;
    return code;
}

static int x_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    return shim_step() ? SQLITE_IOERR_DELETE : system_vfs->xDelete(system_vfs, name, sync);
}

/* --- SQLite's memory --- */

static sqlite3_mem_methods system_memory;
static atomic_long n_allocs, alloc_fail_at = -1;

static bool is_due(long n, long at)
{
    return at >= 0 && (n == at || (n > at && atomic_load(&shim.fails_on)));
}

static bool must_fail_alloc(void)
{
    return is_due(atomic_fetch_add(&n_allocs, 1), atomic_load(&alloc_fail_at));
}

static void *m_malloc(int n)
{
    return must_fail_alloc() ? NULL : system_memory.xMalloc(n);
}

static void *m_realloc(void *p, int n)
{
    return must_fail_alloc() ? NULL : system_memory.xRealloc(p, n);
}

void shim_fail_alloc(long at)
{
    atomic_store(&n_allocs, 0);
    atomic_store(&alloc_fail_at, at);
}

long shim_allocs(void)
{
    return atomic_load(&n_allocs);
}

/* --- memory of our own code --- */

static pthread_t test_thread;
static atomic_long n_own, own_fail_at = -1;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static bool must_fail_own(void)
{
    long at = atomic_load(&own_fail_at);
    return at >= 0 && !pthread_equal(pthread_self(), test_thread) && is_due(atomic_fetch_add(&n_own, 1), at);
}

void *__wrap_malloc(size_t n)
{
    return must_fail_own() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return must_fail_own() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return must_fail_own() ? NULL : __real_realloc(p, n);
}

void shim_fail_own_alloc(long at)
{
    test_thread = pthread_self();
    atomic_store(&n_own, 0);
    atomic_store(&own_fail_at, at);
}

long shim_own_allocs(void)
{
    return atomic_load(&n_own);
}

void shim_reset(void)
{
    atomic_store(&shim.n_calls, 0);
    atomic_store(&shim.fail_at, -1);
    atomic_store(&shim.kill_at, -1);
    atomic_store(&shim.fails_on, false);
    atomic_store(&shim.is_readonly, false);
    atomic_store(&shim.is_full, false);
    atomic_store(&shim.n_syncs, 0);
    atomic_store(&shim.wal_dirty, false);
    atomic_store(&shim.sync_usec, 0);
    shim.copy_from = NULL;
    shim.n_copies = 0;
    shim_fail_alloc(-1);
    shim_fail_own_alloc(-1);
}

void shim_install(void)
{
    sqlite3_mem_methods memory;
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory);
    memory = system_memory;
    memory.xMalloc = m_malloc;
    memory.xRealloc = m_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &memory);
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0); /* every allocation comes here */
    sqlite3_initialize();
    system_vfs = sqlite3_vfs_find(NULL);
    shim_vfs = *system_vfs;
    shim_vfs.zName = "shim";
    shim_vfs.szOsFile = (int)sizeof(struct shim_file) + system_vfs->szOsFile;
    shim_vfs.xOpen = x_open;
    shim_vfs.xDelete = x_delete;
    sqlite3_vfs_register(&shim_vfs, 1); /* the default: what is opened comes through it */
}
