/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* FNV-1a, 64 bits, resumable: it shows that a file has changed. It is no protection, because nobody gains from a
 * collision. */
#define PRINT_START 0xcbf29ce484222325ULL
#define PRINT_PRIME 0x100000001b3ULL

static uint64_t print_push(uint64_t print, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        print = (print ^ (unsigned char)p[i]) * PRINT_PRIME;
    }
    return print;
}

static uint64_t print_end(uint64_t print)
{
    return print == SL_CONF_PRINT_NONE ? 1 : print;
}

uint64_t sl_conf_print(struct sl_str bytes)
{
    return print_end(print_push(PRINT_START, bytes.p, bytes.n));
}

uint64_t sl_conf_print_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* opening a pipe must not wait for its other end */
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        if (fd >= 0) {
            close(fd);
        }
        return SL_CONF_PRINT_NONE;
    }
    char bytes[16384];
    uint64_t print = PRINT_START;
    ssize_t got;
    while ((got = read(fd, bytes, sizeof(bytes))) > 0 || (got < 0 && errno == EINTR)) {
        print = print_push(print, bytes, got > 0 ? (size_t)got : 0);
    }
    close(fd);
    return got < 0 ? SL_CONF_PRINT_NONE : print_end(print);
}

int sl_conf_files_note(struct sl_conf_files *files, struct sl_str path, uint64_t print)
{
    for (uint32_t i = 0; files && i < files->n; i++) {
        if (sl_str_eq(files->v[i].path, path)) {
            return 0;
        }
    }
    if (!files) {
        return 0;
    }
    if (files->n == files->cap) {
        uint32_t cap = files->cap ? files->cap * 2 : 8;
        struct sl_conf_file *v = SL_ARENA_ARRAY(files->arena, struct sl_conf_file, cap);
        if (!v) {
            return SL_E_NOMEM;
        }
        if (files->n) {
            memcpy(v, files->v, files->n * sizeof(*v));
        }
        files->v = v;
        files->cap = cap;
    }
    struct sl_str copy = sl_arena_dup(files->arena, path);
    if (!copy.p) {
        return SL_E_NOMEM;
    }
    files->v[files->n++] = (struct sl_conf_file){ copy, print };
    return 0;
}
