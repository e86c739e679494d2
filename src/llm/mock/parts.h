/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the provider mock share: its settings, texts that are made piece by piece, and its refusals. */
#ifndef SL_LLM_MOCK_PARTS_H
#define SL_LLM_MOCK_PARTS_H

#include "llm/core/llm.h"

#define SL_MOCK_DIMENSIONS_MAX 4096
#define SL_MOCK_INPUTS_MAX     2048
/* The most numbers in all embeddings of one reply, and bytes in all its texts: this bounds the work of one call. */
#define SL_MOCK_NUMBERS_MAX (1u << 20)
#define SL_MOCK_TEXTS_MAX   ((size_t)64 << 20)

/* --- settings --- */

enum sl_mock_piece_kind { SL_MOCK_LITERAL, SL_MOCK_MESSAGE, SL_MOCK_MODEL };

/* A piece of a template; all pieces together are the answer. */
struct sl_mock_piece {
    enum sl_mock_piece_kind kind;
    struct sl_str text; /* for a literal */
};

struct sl_mock_pieces {
    struct sl_mock_piece *v;
    uint32_t n;
};

struct sl_mock_tool {
    struct sl_str name, arguments;
};

struct sl_mock_tools {
    struct sl_mock_tool *v;
    uint32_t n;
};

struct sl_mock_error {
    uint32_t status; /* 0: none */
    struct sl_str message;
    struct sl_str type;
};

struct sl_mock_conf {
    struct sl_str template, reasoning, refusal;
    struct sl_mock_tools tools;
    uint64_t latency_usec;
    uint32_t chunk_size; /* characters */
    uint64_t chunk_delay_usec;
    uint32_t dimensions;
    struct sl_mock_error error;
    struct sl_mock_pieces pieces; /* of the template */
};

extern const struct sl_opt sl_mock_opts[];
int sl_mock_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target);

/* --- texts --- */

/* A text that is never in memory as a whole. Pieces, message and model must live as long as it. */
struct sl_mock_text {
    const struct sl_mock_piece *pieces;
    uint32_t n_pieces;
    bool is_cut; /* set by sl_mock_text_cut */
    struct sl_str message, model;
    size_t len; /* bytes */
};

/* The place of a reader in it. All zero: the beginning. */
struct sl_mock_cursor {
    uint32_t piece;
    size_t at;   /* in the piece */
    size_t done; /* bytes of all pieces */
};

/* Sets `len`. */
void sl_mock_text_measure(struct sl_mock_text *text);
/* Cuts the text to at most `max` bytes, between characters. */
void sl_mock_text_cut(struct sl_mock_text *text, size_t max);
/* The next bytes, whole characters: at most `max_bytes` (4 or more) and `max_chars`, from one piece; n == 0: the end.
 * *ret_chars: how many characters. */
struct sl_str sl_mock_text_next(const struct sl_mock_text *text, struct sl_mock_cursor *cursor, size_t max_bytes,
                                uint32_t max_chars, uint32_t *ret_chars);

/* --- refusals --- */

struct sl_mock_refusal {
    struct sl_str message, param, code; /* message.p == NULL: none */
};

/* Checks what OpenAI refuses with 400 in a request's body. Texts are on the arena. 0: nothing is wrong; SL_E_INVAL with
 * *ret filled; SL_E_NOMEM. */
SL_MUST int sl_mock_check(enum sl_llm_type type, struct sl_json_val body, struct sl_arena *arena,
                          struct sl_mock_refusal *ret);
/* Fills *ret; returns SL_E_INVAL, or SL_E_NOMEM. */
int sl_mock_refuse(struct sl_mock_refusal *ret, struct sl_arena *arena, const char *param, const char *code,
                   const char *fmt, ...) SL_PRINTF(5, 6);

#endif
