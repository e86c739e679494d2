/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a block's head and directory, for the files block_….c only. */
#ifndef SL_LOG_BLOCK_FORM_H
#define SL_LOG_BLOCK_FORM_H

#include "log/block.h"

#define SL_SECTION_ENTRY 32
/* A number has one section, a word two, another text one; and the filter. */
#define SL_SECTIONS_MAX (SL_RLOG_NUMBERS + 2 * SL_RLOG_TEXTS + 1)
/* What a later version may have. */
#define SL_SECTIONS_READ 1024

void sl_section_entry_write(const struct sl_section *section, char out[SL_SECTION_ENTRY]);
/* `directory`: block->n_sections entries. */
void sl_block_head_write(const struct sl_block *block, const char *directory, char out[SL_BLOCK_HEAD]);

#endif
