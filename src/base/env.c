/* SPDX-License-Identifier: Apache-2.0 */
#include "base/env.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/attr.h"
#include "base/secret.h"

/* A block holds a few variables; a larger one gets a block of its own. */
#define BLOCK_BYTES 16384

struct block {
    struct block *next;
    size_t size, used; /* of data */
    char data[];       /* name NUL value NUL, again and again */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards everything below */
static struct block *blocks;
static bool is_frozen;

static const char *copy_find(const char *name)
{
    for (const struct block *block = blocks; block; block = block->next) {
        for (size_t at = 0; at < block->used;) {
            const char *value = block->data + at + strlen(block->data + at) + 1;
            if (strcmp(block->data + at, name) == 0) {
                return value;
            }
            at = (size_t)(value - block->data) + strlen(value) + 1;
        }
    }
    return NULL;
}

static struct block *block_new(size_t need)
{
    size_t total = SL_MAX(need + sizeof(struct block), (size_t)BLOCK_BYTES);
    struct block *block = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) {
        return NULL;
    }
    /* Locking may fail (RLIMIT_MEMLOCK). Then the copy is as safe as the variable was. */
    SL_IGNORE(mlock(block, total) < 0);
    SL_IGNORE(madvise(block, total, MADV_DONTDUMP) < 0);
    block->size = total - sizeof(*block);
    block->next = blocks;
    blocks = block;
    return block;
}

static const char *copy_add(const char *name, const char *value)
{
    size_t name_len = strlen(name) + 1, value_len = strlen(value) + 1;
    struct block *block = blocks;
    if (!block || block->size - block->used < name_len + value_len) {
        block = block_new(name_len + value_len);
    }
    if (!block) {
        return NULL;
    }
    char *to = block->data + block->used;
    memcpy(to, name, name_len);
    memcpy(to + name_len, value, value_len);
    block->used += name_len + value_len;
    return to + name_len;
}

const char *sl_env_secret(const char *name)
{
    pthread_mutex_lock(&lock);
    const char *value = copy_find(name);
    char *given = value ? NULL : getenv(name);
    if (given) {
        value = *given ? copy_add(name, given) : given;
    }
    if (given && *given && value) {
        sl_wipe(given, strlen(given));
        if (!is_frozen) {
            unsetenv(name);
        }
    } else if (given && !value) {
        value = given; /* no memory: the value is used where it is */
    }
    pthread_mutex_unlock(&lock);
    return value;
}

void sl_env_secrets_freeze(void)
{
    pthread_mutex_lock(&lock);
    is_frozen = true;
    pthread_mutex_unlock(&lock);
}

void sl_env_secrets_done(void)
{
    while (blocks) {
        struct block *block = blocks;
        blocks = block->next;
        sl_wipe(block->data, block->used);
        munmap(block, block->size + sizeof(*block));
    }
}
