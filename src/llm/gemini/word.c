/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/gemini/word.h"

#include "base/buf.h"
#include "json/json.h"

/* The length of the escape at the front of `text`; 0: it is not complete. A surrogate pair is one escape. */
static size_t escape_length(struct sl_str text)
{
    if (text.n < 2 || text.p[1] != 'u') {
        return text.n < 2 ? 0 : 2;
    }
    if (text.n < 6) {
        return 0;
    }
    bool is_high = (text.p[2] | 0x20) == 'd' && text.p[3] && strchr("89abAB", text.p[3]);
    if (!is_high || (text.n > 6 && text.p[6] != '\\') || (text.n > 7 && text.p[7] != 'u')) {
        return 6;
    }
    return text.n < 12 ? 0 : 12;
}

/* The length of the part of `text` that can be read now. *ret_is_end: the string ends after it. */
static size_t inside_length(struct sl_str text, bool *ret_is_end)
{
    size_t at = 0, n = 1;
    while (at < text.n && text.p[at] != '"' && n) {
        n = text.p[at] == '\\' ? escape_length(sl_str_sub(text, at, text.n)) : 1;
        at += n;
    }
    *ret_is_end = at < text.n && text.p[at] == '"';
    return at;
}

/* Decodes text from the inside of a JSON string. Leaves text that is not JSON unchanged. */
static int inside_add(struct sl_str inside, struct sl_buf *out)
{
    struct sl_buf quoted = SL_BUF_INIT(inside.n + 2);
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    sl_buf_add_char(&quoted, '"');
    sl_buf_add_str(&quoted, inside);
    sl_buf_add_char(&quoted, '"');
    int r = sl_buf_status(&quoted);
    r = r < 0 ? r : sl_buf_reserve(out, inside.n);
    if (r == 0 && sl_json_parse(&doc, sl_buf_str(&quoted)) == 0) {
        out->len += sl_json_decode(sl_json_root(&doc), out->p + out->len);
    } else if (r == 0) {
        sl_buf_add_str(out, inside);
    }
    sl_json_done(&doc);
    sl_buf_done(&quoted);
    return r;
}

/* Reads `text` after the opening quote: what was held, and the next piece. */
static int inside_push(struct sl_gemini_word *word, struct sl_str text, struct sl_buf *out)
{
    bool is_end;
    size_t n = inside_length(text, &is_end);
    word->at = is_end ? SL_GEMINI_WORD_END : SL_GEMINI_WORD_INSIDE;
    word->n_held = is_end ? 0 : (uint8_t)(text.n - n);
    memcpy(word->held, text.p + n, word->n_held);
    return n ? inside_add(sl_str_sub(text, 0, n), out) : 0;
}

int sl_gemini_word_push(struct sl_gemini_word *word, struct sl_str piece, struct sl_buf *out)
{
    if (word->at == SL_GEMINI_WORD_BEGIN) {
        size_t blanks = 0;
        while (blanks < piece.n && sl_char_is_blank(piece.p[blanks])) {
            blanks++;
        }
        if (blanks == piece.n) {
            return 0;
        }
        bool is_string = piece.p[blanks] == '"';
        word->at = is_string ? SL_GEMINI_WORD_INSIDE : SL_GEMINI_WORD_PLAIN;
        piece = is_string ? sl_str_sub(piece, blanks + 1, piece.n) : piece;
    }
    if (word->at == SL_GEMINI_WORD_PLAIN) {
        sl_buf_add_str(out, piece);
    }
    if (word->at != SL_GEMINI_WORD_INSIDE || piece.n == 0) {
        return sl_buf_status(out);
    }
    struct sl_buf whole = SL_BUF_INIT(sizeof(word->held) + piece.n);
    sl_buf_add(&whole, word->held, word->n_held);
    sl_buf_add_str(&whole, piece);
    int r = sl_buf_status(&whole);
    r = r < 0 ? r : inside_push(word, sl_buf_str(&whole), out);
    sl_buf_done(&whole);
    return r;
}
