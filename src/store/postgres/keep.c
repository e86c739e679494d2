/* SPDX-License-Identifier: Apache-2.0 */
/* The file is a list of chunks, each with its length before it and sealed for its place: the first has what the second
 * is, and the last one says that it is the last. So a file that was cut, or put together from two, is known as such.
 * First come the rows of a load, then changes that were made after it. */
#include "store/postgres/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/random.h"

#define FILE_NAME "store.kept"
/* What the file begins with; another form gets another one. */
#define MAGIC "sluice-kept-1\n"
/* A chunk is sealed when it has this many bytes. */
#define CHUNK     (1u << 20)
#define CHUNK_MAX (SL_SEALED_MAX + 2 * CHUNK)
#define NULL_LEN  UINT32_MAX
/* With the kind of an event: it is a change after the load, and whether it made something new. */
#define LATER  0x100u
#define IS_NEW 0x200u

struct sl_keep {
    char path[4200], temporary[4200];
    const struct sl_seal *seal;
    struct sl_buf plain, sealed;
    uint64_t series; /* random: chunks of two files do not fit together */
    uint32_t n;
    int fd;
    int r;   /* of the first failure, after which nothing more is written … */
    int why; /* … and its errno */
};

static void path_make(const char *dir, const char *end, char *out, size_t cap)
{
    snprintf(out, cap, "%s/" FILE_NAME "%s", dir, end);
}

/* What a chunk is sealed for. The first has no series yet: it brings it. */
static struct sl_str place_make(uint64_t series, uint32_t n, bool is_last, char out[80])
{
    int len = snprintf(out, 80, "store.kept %016llx %u %s", n ? (unsigned long long)series : 0ull, n,
                       is_last ? "last" : "more");
    return sl_str_make(out, (size_t)len);
}

/* --- writing --- */

static void put_u64(struct sl_buf *buf, uint64_t v)
{
    sl_buf_add(buf, &v, sizeof(v)); /* read on the same machine only */
}

static void put_str(struct sl_buf *buf, struct sl_str s)
{
    uint32_t n = s.p ? (uint32_t)s.n : NULL_LEN;
    sl_buf_add(buf, &n, sizeof(n));
    sl_buf_add(buf, s.p, s.p ? s.n : 0);
}

static int all_write(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno != EINTR) {
            return errno;
        }
        p += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
    return 0;
}

static void chunk_write(struct sl_keep *keep, bool is_last)
{
    char place[80];
    struct sl_str name = place_make(keep->series, keep->n++, is_last, place);
    sl_buf_reset(&keep->sealed);
    int r = keep->r < 0 ? keep->r : sl_buf_status(&keep->plain);
    r = r < 0 ? r : sl_seal_close(keep->seal, name, sl_buf_str(&keep->plain), &keep->sealed);
    if (r == 0) {
        uint32_t n = (uint32_t)keep->sealed.len;
        keep->why = all_write(keep->fd, (const char *)&n, sizeof(n));
        keep->why = keep->why ? keep->why : all_write(keep->fd, keep->sealed.p, n);
        r = keep->why ? SL_E_IO : 0;
    }
    keep->r = r;
    sl_wipe(keep->plain.p, keep->plain.cap);
    sl_buf_reset(&keep->plain);
}

int sl_keep_begin(const char *dir, const struct sl_seal *seal, struct sl_kept_at at, struct sl_keep **ret,
                  struct sl_err *err)
{
    struct sl_keep *keep = calloc(1, sizeof(*keep));
    if (!keep) {
        return sl_fail_nomem(err);
    }
    path_make(dir, "", keep->path, sizeof(keep->path));
    path_make(dir, ".new", keep->temporary, sizeof(keep->temporary));
    keep->seal = seal;
    sl_buf_init(&keep->plain, CHUNK_MAX);
    sl_buf_init(&keep->sealed, CHUNK_MAX);
    sl_random_bytes(&keep->series, sizeof(keep->series));
    keep->fd = open(keep->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    int why = keep->fd < 0 ? errno : all_write(keep->fd, MAGIC, sizeof(MAGIC) - 1);
    if (why) {
        sl_fail(err, SL_E_IO, "cannot write %s: %s", keep->temporary, strerror(why));
        SL_IGNORE(sl_keep_end(keep, false, NULL) < 0);
        return SL_E_IO;
    }
    put_u64(&keep->plain, keep->series);
    put_u64(&keep->plain, at.number);
    put_u64(&keep->plain, (uint64_t)at.token);
    chunk_write(keep, false);
    *ret = keep;
    return 0;
}

static void route_put(struct sl_buf *to, const struct sl_store_route *route)
{
    put_u64(to, route->id);
    put_u64(to, route->version);
    put_u64(to, route->created_usec);
    put_u64(to, route->updated_usec);
    put_str(to, route->spec);
    put_str(to, route->config);
}

static void key_put(struct sl_buf *to, const struct sl_store_key *key)
{
    put_u64(to, key->id);
    put_u64(to, key->version);
    put_u64(to, key->created_sec);
    put_u64(to, key->expires_sec);
    put_u64(to, key->last_used_sec);
    put_str(to, key->name);
    put_str(to, key->principal);
    put_str(to, key->role);
    put_str(to, key->group);
    put_str(to, key->limits);
    put_str(to, key->routes);
    put_str(to, key->hash);
}

static void group_put(struct sl_buf *to, const struct sl_store_group *group)
{
    put_u64(to, group->id);
    put_u64(to, group->version);
    put_u64(to, group->created_usec);
    put_u64(to, group->updated_usec);
    put_str(to, group->limits);
    put_str(to, group->children);
}

static void event_put(struct sl_buf *to, const struct sl_store_event *event, bool is_later)
{
    put_u64(to, event->kind | (is_later ? LATER | (event->is_new ? IS_NEW : 0) : 0));
    put_u64(to, event->number);
    put_str(to, event->name);
    put_str(to, event->limits);
    if (event->kind == SL_STORE_ROUTE_PUT) {
        route_put(to, event->route);
    } else if (event->kind == SL_STORE_KEY_PUT) {
        key_put(to, event->key);
    } else if (event->kind == SL_STORE_GROUP_PUT) {
        group_put(to, event->group);
    } else if (event->kind == SL_STORE_KEY_DELETED) {
        put_u64(to, event->key->id);
    }
}

void sl_keep_again(void *arg, const struct sl_store_event *event, bool is_later)
{
    struct sl_keep *keep = arg;
    event_put(&keep->plain, event, is_later);
    if (keep->plain.len >= CHUNK) {
        chunk_write(keep, false);
    }
}

void sl_keep_add(void *keep, const struct sl_store_event *event)
{
    sl_keep_again(keep, event, false);
}

void sl_keep_note(struct sl_buf *noted, const struct sl_store_event *event)
{
    event_put(noted, event, true);
}

int sl_keep_end(struct sl_keep *keep, bool is_whole, struct sl_err *err)
{
    int r = SL_E_CANCELLED;
    if (is_whole) {
        chunk_write(keep, true);
        r = keep->r;
        if (r == 0 && (fsync(keep->fd) < 0 || rename(keep->temporary, keep->path) < 0)) {
            keep->why = errno;
            r = SL_E_IO;
        }
        if (r < 0) {
            sl_fail(err, r, "cannot write %s: %s", keep->temporary, strerror(keep->why ? keep->why : ENOMEM));
        }
    }
    if (keep->fd >= 0) {
        close(keep->fd);
    }
    if (r < 0) {
        unlink(keep->temporary);
    }
    sl_wipe(keep->plain.p, keep->plain.cap);
    sl_buf_done(&keep->plain);
    sl_buf_done(&keep->sealed);
    free(keep);
    return r;
}

void sl_keep_confirm(const char *dir, uint64_t wall_usec)
{
    char path[4200];
    const struct timespec then = { .tv_sec = (time_t)(wall_usec / SL_USEC_PER_SEC) };
    path_make(dir, "", path, sizeof(path));
    SL_IGNORE(utimensat(AT_FDCWD, path, (const struct timespec[]){ then, then }, 0) < 0); /* it only looks older then */
}

/* --- reading --- */

/* A place in a chunk; what goes beyond its end is a fault. */
struct cursor {
    const char *p, *end;
    bool is_short;
};

static void take(struct cursor *c, void *out, size_t n)
{
    if ((size_t)(c->end - c->p) < n) {
        c->is_short = true;
        memset(out, 0, n);
        return;
    }
    memcpy(out, c->p, n);
    c->p += n;
}

static uint64_t get_u64(struct cursor *c)
{
    uint64_t v;
    take(c, &v, sizeof(v));
    return v;
}

static struct sl_str get_str(struct cursor *c)
{
    uint32_t n;
    take(c, &n, sizeof(n));
    if (n == NULL_LEN || c->is_short || (size_t)(c->end - c->p) < n) {
        c->is_short |= n != NULL_LEN;
        return SL_STR_NONE;
    }
    struct sl_str s = sl_str_make(c->p, n);
    c->p += n;
    return s;
}

static void event_give(struct cursor *c, sl_keep_fn *on_event, void *arg)
{
    uint64_t what = get_u64(c);
    struct sl_store_event event = { .is_new = !(what & LATER) || what & IS_NEW };
    struct sl_store_route route = { 0 };
    struct sl_store_key key = { 0 };
    struct sl_store_group group = { 0 };
    event.kind = (enum sl_store_event_kind)(what & ~(uint64_t)(LATER | IS_NEW));
    event.number = get_u64(c);
    event.name = get_str(c);
    event.limits = get_str(c);
    if (event.kind == SL_STORE_ROUTE_PUT) {
        route.id = get_u64(c);
        route.version = get_u64(c);
        route.created_usec = get_u64(c);
        route.updated_usec = get_u64(c);
        route.spec = get_str(c);
        route.config = get_str(c);
        route.name = event.name;
        event.route = &route;
    } else if (event.kind == SL_STORE_KEY_PUT) {
        key.id = get_u64(c);
        key.version = get_u64(c);
        key.created_sec = get_u64(c);
        key.expires_sec = get_u64(c);
        key.last_used_sec = get_u64(c);
        struct sl_str *const texts[] = { &key.name,   &key.principal, &key.role, &key.group,
                                         &key.limits, &key.routes,    &key.hash };
        for (size_t i = 0; i < SL_ARRAY_LEN(texts); i++) {
            *texts[i] = get_str(c);
        }
        event.key = &key;
    } else if (event.kind == SL_STORE_GROUP_PUT) {
        group.id = get_u64(c);
        group.version = get_u64(c);
        group.created_usec = get_u64(c);
        group.updated_usec = get_u64(c);
        group.limits = get_str(c);
        group.children = get_str(c);
        group.path = event.name;
        event.group = &group;
    } else if (event.kind == SL_STORE_KEY_DELETED) {
        key.id = get_u64(c);
        event.key = &key;
    }
    if (!c->is_short && on_event) {
        on_event(arg, &event, what & LATER);
    }
}

void sl_keep_add_noted(struct sl_keep *keep, struct sl_str noted)
{
    struct cursor c = { noted.p, noted.p + noted.n, false };
    while (c.p < c.end && !c.is_short) {
        event_give(&c, sl_keep_again, keep);
    }
}

struct reading {
    const char *path;
    int fd;
    const struct sl_seal *seal;
    uint64_t series;
    uint32_t n;
    bool is_over;
    struct sl_buf sealed, plain;
};

static bool all_read(int fd, char *p, size_t n)
{
    while (n) {
        ssize_t done = read(fd, p, n);
        if (done <= 0 && !(done < 0 && errno == EINTR)) {
            return false;
        }
        p += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
    return true;
}

/* The next chunk, as one that more follow or as the last one. */
static int chunk_open(struct reading *reading)
{
    char place[80];
    for (int is_last = 0; is_last <= 1; is_last++) {
        sl_wipe(reading->plain.p, reading->plain.cap);
        sl_buf_reset(&reading->plain);
        int r = sl_seal_open(reading->seal, place_make(reading->series, reading->n, is_last, place),
                             sl_buf_str(&reading->sealed), &reading->plain);
        if (r != SL_E_KEY) {
            reading->is_over = is_last;
            return r;
        }
    }
    return SL_E_KEY;
}

static int chunk_read(struct reading *reading, struct sl_err *err)
{
    uint32_t n = 0;
    sl_buf_reset(&reading->sealed);
    if (!all_read(reading->fd, (char *)&n, sizeof(n)) || n > CHUNK_MAX || sl_buf_reserve(&reading->sealed, n) < 0 ||
        !all_read(reading->fd, reading->sealed.p, n)) {
        return sl_fail(err, SL_E_DAMAGED, "%s is cut off", reading->path);
    }
    reading->sealed.len = n;
    int r = chunk_open(reading);
    reading->n++;
    return r == SL_E_KEY ? sl_fail(err, reading->n == 1 ? SL_E_KEY : SL_E_DAMAGED,
                                   "%s is damaged, or another secret key encrypted it", reading->path)
           : r < 0       ? sl_fail_nomem(err)
                         : 0;
}

/* One walk over the file; `on_event` NULL: only to see that all of it is sound. */
static int walk(struct reading *reading, sl_keep_fn *on_event, void *arg, struct sl_kept_at *ret, struct sl_err *err)
{
    char magic[sizeof(MAGIC) - 1];
    reading->n = 0;
    reading->is_over = false;
    if (lseek(reading->fd, 0, SEEK_SET) < 0 || !all_read(reading->fd, magic, sizeof(magic)) ||
        memcmp(magic, MAGIC, sizeof(magic)) != 0) {
        return sl_fail(err, SL_E_DAMAGED, "%s has not the form that this version writes", reading->path);
    }
    int r = chunk_read(reading, err);
    struct cursor c = { reading->plain.p, reading->plain.p + reading->plain.len, false };
    if (r == 0) {
        reading->series = get_u64(&c);
        ret->number = get_u64(&c);
        ret->token = (int64_t)get_u64(&c);
    }
    while (r == 0 && !reading->is_over && !c.is_short) {
        r = chunk_read(reading, err);
        c = (struct cursor){ reading->plain.p, reading->plain.p + reading->plain.len, false };
        while (r == 0 && c.p < c.end && !c.is_short) {
            event_give(&c, on_event, arg);
        }
    }
    return r == 0 && c.is_short ? sl_fail(err, SL_E_DAMAGED, "%s is damaged", reading->path) : r;
}

static int age_check(int fd, const char *path, uint64_t max_stale_usec, struct sl_err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return sl_fail(err, SL_E_DAMAGED, "%s is no regular file", path);
    }
    uint64_t then = (uint64_t)st.st_mtim.tv_sec * SL_USEC_PER_SEC, now = sl_clock_wall_usec();
    return max_stale_usec && now > then && now - then > max_stale_usec
               ? sl_fail(err, SL_E_STALE, "%s is %llu s old, and store.max_stale allows %llu s", path,
                         (unsigned long long)((now - then) / SL_USEC_PER_SEC),
                         (unsigned long long)(max_stale_usec / SL_USEC_PER_SEC))
               : 0;
}

int sl_keep_read(const char *dir, const struct sl_seal *seal, uint64_t max_stale_usec, sl_keep_fn *on_event, void *arg,
                 struct sl_kept_at *ret, struct sl_err *err)
{
    char path[4200];
    path_make(dir, "", path, sizeof(path));
    struct reading reading = { .path = path, .seal = seal };
    sl_buf_init(&reading.sealed, CHUNK_MAX);
    sl_buf_init(&reading.plain, CHUNK_MAX);
    reading.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (reading.fd < 0) {
        return sl_fail(err, errno == ENOENT ? SL_E_NOTFOUND : SL_E_IO, "%s: %s", path, strerror(errno));
    }
    int r = age_check(reading.fd, path, max_stale_usec, err);
    r = r < 0 ? r : walk(&reading, NULL, NULL, ret, err);
    r = r < 0 ? r : walk(&reading, on_event, arg, ret, err);
    close(reading.fd);
    sl_wipe(reading.plain.p, reading.plain.cap);
    sl_buf_done(&reading.plain);
    sl_buf_done(&reading.sealed);
    return r;
}
