/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that are made piece by piece, so that a long one needs no memory and no turn of the loop takes long. */
#include "llm/mock/parts.h"

static struct sl_str piece_text(const struct sl_mock_text *text, uint32_t i)
{
    switch (text->pieces[i].kind) {
    case SL_MOCK_MESSAGE:
        return text->message;
    case SL_MOCK_MODEL:
        return text->model;
    case SL_MOCK_LITERAL:
        break;
    }
    return text->pieces[i].text;
}

static bool is_inside_char(struct sl_str s, size_t at)
{
    return at < s.n && ((unsigned char)s.p[at] & 0xc0) == 0x80;
}

void sl_mock_text_measure(struct sl_mock_text *text)
{
    text->len = 0;
    for (uint32_t i = 0; i < text->n_pieces; i++) {
        text->len += piece_text(text, i).n;
    }
}

void sl_mock_text_cut(struct sl_mock_text *text, size_t max)
{
    if (text->len <= max) {
        return;
    }
    size_t before = 0;
    for (uint32_t i = 0; i < text->n_pieces; i++) {
        struct sl_str piece = piece_text(text, i);
        if (max < before + piece.n) {
            while (max > before && is_inside_char(piece, max - before)) {
                max--;
            }
            break;
        }
        before += piece.n;
    }
    text->len = max;
    text->is_cut = true;
}

struct sl_str sl_mock_text_next(const struct sl_mock_text *text, struct sl_mock_cursor *cursor, size_t max_bytes,
                                uint32_t max_chars, uint32_t *ret_chars)
{
    *ret_chars = 0;
    struct sl_str piece = SL_STR("");
    while (cursor->done < text->len) {
        piece = piece_text(text, cursor->piece);
        if (cursor->at < piece.n) {
            break;
        }
        cursor->piece++;
        cursor->at = 0;
    }
    size_t from = cursor->at, to = from;
    size_t end = SL_MIN(piece.n, from + (text->len - cursor->done));
    while (to < end && *ret_chars < max_chars) {
        size_t next = to + 1;
        while (next < end && is_inside_char(piece, next)) {
            next++;
        }
        if (next - from > max_bytes) {
            break;
        }
        to = next;
        ++*ret_chars;
    }
    cursor->at = to;
    cursor->done += to - from;
    return to > from ? sl_str_sub(piece, from, to) : SL_STR("");
}
