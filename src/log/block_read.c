/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "log/block.h"
#include "log/block_form.h"
#include "log/crc.h"

static const char magic[8] = "SLRBLK1";

/* Where each thing is in a head. */
enum {
    AT_MAGIC = 0,
    AT_BYTES = 8,
    AT_SECTIONS = 12,
    AT_FIRST = 16,
    AT_ROWS = 24,
    AT_DIRECTORY_CRC = 28,
    AT_MIN = 32,
    AT_MAX = 40,
    AT_SALT = 48,
    AT_CRC = 60
};

#define PUT(out, at, v) memcpy((out) + (at), &(v), sizeof(v))
#define GET(p, at, ret) memcpy(&(ret), (p) + (at), sizeof(ret))

void sl_section_entry_write(const struct sl_section *section, char out[SL_SECTION_ENTRY])
{
    memset(out, 0, SL_SECTION_ENTRY);
    PUT(out, 0, section->tag);
    PUT(out, 1, section->kind);
    PUT(out, 4, section->at);
    PUT(out, 8, section->n);
    PUT(out, 12, section->crc);
    PUT(out, 16, section->min);
    PUT(out, 24, section->max);
}

static void section_entry_read(const char *p, struct sl_section *ret)
{
    GET(p, 0, ret->tag);
    GET(p, 1, ret->kind);
    GET(p, 4, ret->at);
    GET(p, 8, ret->n);
    GET(p, 12, ret->crc);
    GET(p, 16, ret->min);
    GET(p, 24, ret->max);
}

void sl_block_head_write(const struct sl_block *block, const char *directory, char out[SL_BLOCK_HEAD])
{
    memset(out, 0, SL_BLOCK_HEAD);
    memcpy(out + AT_MAGIC, magic, sizeof(magic));
    PUT(out, AT_BYTES, block->bytes);
    PUT(out, AT_SECTIONS, block->n_sections);
    PUT(out, AT_FIRST, block->first_row);
    PUT(out, AT_ROWS, block->n_rows);
    PUT(out, AT_MIN, block->min_time_usec);
    PUT(out, AT_MAX, block->max_time_usec);
    PUT(out, AT_SALT, block->salt);
    uint32_t crc = sl_crc32c(0, directory, (size_t)block->n_sections * SL_SECTION_ENTRY);
    PUT(out, AT_DIRECTORY_CRC, crc);
    crc = sl_crc32c(0, out, AT_CRC);
    PUT(out, AT_CRC, crc);
}

size_t sl_block_front(const struct sl_block_head *head)
{
    return SL_BLOCK_HEAD + (size_t)head->n_sections * SL_SECTION_ENTRY;
}

bool sl_block_head_read(const char bytes[SL_BLOCK_HEAD], struct sl_block_head *ret)
{
    uint32_t crc;
    GET(bytes, AT_CRC, crc);
    if (memcmp(bytes + AT_MAGIC, magic, sizeof(magic)) != 0 || sl_crc32c(0, bytes, AT_CRC) != crc) {
        return false;
    }
    GET(bytes, AT_BYTES, ret->bytes);
    GET(bytes, AT_SECTIONS, ret->n_sections);
    GET(bytes, AT_FIRST, ret->first_row);
    GET(bytes, AT_ROWS, ret->n_rows);
    return ret->n_rows > 0 && ret->n_rows <= SL_BLOCK_ROWS && ret->n_sections <= SL_SECTIONS_READ &&
           ret->bytes % 8 == 0 && sl_block_front(ret) <= ret->bytes && ret->first_row < UINT64_MAX / 2;
}

int sl_block_open(struct sl_str bytes, struct sl_block **ret)
{
    struct sl_block_head head;
    if (bytes.n < SL_BLOCK_HEAD || !sl_block_head_read(bytes.p, &head) || bytes.n < sl_block_front(&head)) {
        return SL_E_DAMAGED;
    }
    uint32_t crc;
    GET(bytes.p, AT_DIRECTORY_CRC, crc);
    const char *directory = bytes.p + SL_BLOCK_HEAD;
    if (sl_crc32c(0, directory, (size_t)head.n_sections * SL_SECTION_ENTRY) != crc) {
        return SL_E_DAMAGED;
    }
    struct sl_block *block = calloc(1, sizeof(*block) + head.n_sections * sizeof(block->sections[0]));
    if (!block) {
        return SL_E_NOMEM;
    }
    block->first_row = head.first_row;
    block->n_rows = head.n_rows;
    block->bytes = head.bytes;
    block->n_sections = head.n_sections;
    GET(bytes.p, AT_MIN, block->min_time_usec);
    GET(bytes.p, AT_MAX, block->max_time_usec);
    GET(bytes.p, AT_SALT, block->salt);
    for (uint32_t i = 0; i < head.n_sections; i++) {
        struct sl_section *section = &block->sections[i];
        section_entry_read(directory + (size_t)i * SL_SECTION_ENTRY, section);
        if (section->at > block->bytes || section->n > block->bytes - section->at) {
            free(block);
            return SL_E_DAMAGED;
        }
    }
    *ret = block;
    return 0;
}

const struct sl_section *sl_block_section(const struct sl_block *block, enum sl_section_kind kind, unsigned tag)
{
    for (uint32_t i = 0; i < block->n_sections; i++) {
        const struct sl_section *section = &block->sections[i];
        if (section->kind == kind && section->tag == tag) {
            return section;
        }
    }
    return NULL;
}

int sl_section_check(const struct sl_section *section, struct sl_str bytes)
{
    return bytes.n == section->n && sl_crc32c(0, bytes.p, bytes.n) == section->crc ? 0 : SL_E_DAMAGED;
}

int sl_words_open(struct sl_str bytes, struct sl_words *ret)
{
    uint32_t n;
    if (bytes.n < 4) {
        return SL_E_DAMAGED;
    }
    memcpy(&n, bytes.p, 4);
    if (n == 0 || n > SL_BLOCK_ROWS || bytes.n < 4 + (size_t)n * 6) {
        return SL_E_DAMAGED;
    }
    *ret = (struct sl_words){ bytes, n, bytes.p + 4, bytes.p + 4 + (size_t)n * 4, bytes.p + 4 + (size_t)n * 6 };
    size_t all = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint16_t length;
        memcpy(&length, ret->lengths + (size_t)i * 2, 2);
        all += length;
    }
    return ret->texts + all == bytes.p + bytes.n ? 0 : SL_E_DAMAGED;
}

bool sl_words_next(const struct sl_words *words, struct sl_word_iter *it)
{
    if (it->next >= words->n) {
        return false;
    }
    uint16_t length;
    it->i = it->next++;
    memcpy(&length, words->lengths + (size_t)it->i * 2, 2);
    memcpy(&it->n_rows, words->counts + (size_t)it->i * 4, 4);
    it->text = sl_str_make(words->texts + it->at, length);
    it->at += length;
    return true;
}

int sl_texts_open(struct sl_str bytes, uint32_t n_rows, struct sl_texts *ret)
{
    uint64_t n_packed;
    if (bytes.n < 8) {
        return SL_E_DAMAGED;
    }
    memcpy(&n_packed, bytes.p, 8);
    if (n_packed > bytes.n - 8) {
        return SL_E_DAMAGED;
    }
    ret->heap = sl_str_sub(bytes, 8 + (size_t)n_packed, bytes.n);
    return sl_packed_open(sl_str_make(bytes.p + 8, (size_t)n_packed), n_rows + 1, &ret->ends);
}

int sl_texts_get(const struct sl_texts *texts, uint32_t row, struct sl_str *ret)
{
    int64_t from = sl_packed_get(&texts->ends, row), to = sl_packed_get(&texts->ends, row + 1);
    if (from < 0 || to < from || (uint64_t)to > texts->heap.n) {
        return SL_E_DAMAGED;
    }
    *ret = sl_str_make(texts->heap.p + from, (size_t)(to - from));
    return 0;
}
