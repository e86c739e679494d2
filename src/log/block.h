/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed block: up to SL_BLOCK_ROWS rows of the request log, column by column. Its head and its directory are read
 * when the log is opened, a column only when a question needs it. Head, directory and each column have a CRC.
 *
 *   head (64 bytes)   directory (32 bytes a section)   sections: numbers, words, their codes, texts, the filter of ids
 *
 * A number that is the same in all rows, and a text that none has, take no section. */
#ifndef SL_LOG_BLOCK_H
#define SL_LOG_BLOCK_H

#include <stdatomic.h>

#include "log/pack.h"
#include "log/row.h"

struct sl_buf;

/* More rows a block are read faster, but lost together when a bit turns. */
#define SL_BLOCK_ROWS 16384
#define SL_BLOCK_HEAD 64
/* No block is larger: rows of the greatest length. */
#define SL_BLOCK_MAX ((size_t)SL_BLOCK_ROWS * SL_RLOG_ROW_MAX * 2)

enum sl_section_kind {
    SL_SECTION_CONST,  /* a number, which is the entry's `min`: no bytes */
    SL_SECTION_PACKED, /* numbers: log/pack.h */
    SL_SECTION_WORDS,  /* a word's different texts, and how many rows have each */
    SL_SECTION_CODES,  /* each row's place among them, in one byte or two; none if all rows have the same */
    SL_SECTION_TEXTS,  /* texts that differ */
    SL_SECTION_FILTER, /* which ids of callers are in the block */
};

struct sl_section {
    uint8_t tag; /* an enum sl_rlog_number or sl_rlog_text */
    uint8_t kind;
    uint32_t at, n; /* from the block's first byte */
    uint32_t crc;
    int64_t min, max; /* of numbers */
};

struct sl_block {
    atomic_uint refs;
    uint64_t first_row; /* rows are numbered from the log's first one */
    uint32_t n_rows;
    uint32_t bytes;
    uint32_t salt;
    int64_t min_time_usec, max_time_usec;
    uint64_t at; /* in its file */
    struct sl_segment *segment;
    atomic_bool was_damage_told;
    uint32_t n_sections;
    struct sl_section sections[];
};

/* Appends the block of these rows (as sl_rlog_row_write made them), 1 to SL_BLOCK_ROWS; the buffer's status says
 * whether it worked. `salt` is random. */
void sl_block_write(struct sl_buf *out, uint64_t first_row, uint32_t salt, const struct sl_str *rows, uint32_t n);

/* What a head says. False: these are no bytes of a head. */
struct sl_block_head {
    uint64_t first_row;
    uint32_t n_rows, bytes, n_sections;
};
bool sl_block_head_read(const char bytes[SL_BLOCK_HEAD], struct sl_block_head *ret);
/* Reads head and directory, of which `bytes` has all. SL_E_DAMAGED, SL_E_NOMEM. Free it with free(). */
SL_MUST int sl_block_open(struct sl_str bytes, struct sl_block **ret);
/* How many bytes head and directory have. */
size_t sl_block_front(const struct sl_block_head *head);

/* NULL: it has none. */
const struct sl_section *sl_block_section(const struct sl_block *block, enum sl_section_kind kind, unsigned tag);
/* SL_E_DAMAGED: the bytes are not what was written. */
SL_MUST int sl_section_check(const struct sl_section *section, struct sl_str bytes);

/* The words of a column. Borrows the bytes. */
struct sl_words {
    struct sl_str bytes;
    uint32_t n;
    const char *counts, *lengths, *texts;
};
SL_MUST int sl_words_open(struct sl_str bytes, struct sl_words *ret);
/* while (sl_words_next(&words, &it)) … */
struct sl_word_iter {
    uint32_t i, n_rows; /* the word's place, and how many rows have it */
    struct sl_str text;
    size_t at; /* private; begin with zeros */
    uint32_t next;
};
bool sl_words_next(const struct sl_words *words, struct sl_word_iter *it);
/* How many bytes a code has. */
SL_INLINE unsigned sl_code_width(uint32_t n_words)
{
    return n_words <= 1 ? 0 : n_words <= 256 ? 1 : 2;
}

/* A column of texts. Borrows the bytes. */
struct sl_texts {
    struct sl_packed ends;
    struct sl_str heap;
};
SL_MUST int sl_texts_open(struct sl_str bytes, uint32_t n_rows, struct sl_texts *ret);
/* SL_E_DAMAGED */
SL_MUST int sl_texts_get(const struct sl_texts *texts, uint32_t row, struct sl_str *ret);

#endif
