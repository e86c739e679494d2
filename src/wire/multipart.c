/* SPDX-License-Identifier: Apache-2.0 */
/* The mark that ends a content has only one CR, at its beginning. So when a partial match fails, a new match can only
 * begin at a CR, and no table of overlaps is needed. */
#include "wire/multipart.h"

enum state {
    ST_BEGIN,   /* before the first boundary */
    ST_MARKED,  /* right behind a boundary */
    ST_BLANK,   /* blanks behind it */
    ST_LINE_LF, /* LF of its line */
    ST_HYPHEN,  /* the second hyphen of the closing one */
    ST_HEAD,
    ST_CONTENT,
    ST_BEHIND, /* behind the closing one */
};

/* The most blanks behind a boundary, and line ends and blanks behind the closing one. */
#define BLANKS_MAX 64

/* --- parameters --- */

/* Reads one `name=value` of a header's parameters, behind a ';'. The value is unquoted into `out`. 1: one; 0: there are
 * no more; SL_E_INVAL: it is malformed; SL_E_UNSUPPORTED: other readers may read it in another way. */
static int parameter_next(struct sl_str *rest, struct sl_str *ret_name, char *out, size_t max, struct sl_str *ret_value)
{
    struct sl_str s = *rest;
    bool has_escape = false;
    size_t i = 0, n = 0;
    while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == ';')) {
        i++;
    }
    if (i == s.n) {
        return 0;
    }
    size_t from = i;
    while (i < s.n && s.p[i] != '=' && s.p[i] != ';') {
        i++;
    }
    *ret_name = sl_str_trim(sl_str_sub(s, from, i));
    if (i == s.n || s.p[i] != '=' || !ret_name->n) {
        return SL_E_INVAL;
    }
    for (i++; i < s.n && (s.p[i] == ' ' || s.p[i] == '\t'); i++) {
    }
    bool is_quoted = i < s.n && s.p[i] == '"';
    for (i += is_quoted; i < s.n && s.p[i] != (is_quoted ? '"' : ';'); i++) {
        if (is_quoted && s.p[i] == '\\' && i + 1 < s.n) {
            has_escape = true;
            i++;
        }
        if (n == max) {
            return SL_E_LIMIT;
        }
        out[n++] = s.p[i];
    }
    if (is_quoted && i++ == s.n) {
        return SL_E_INVAL; /* its closing quote is missing */
    }
    *ret_value = sl_str_make(out, n);
    if (!is_quoted) {
        *ret_value = sl_str_trim(*ret_value);
    }
    struct sl_str behind = sl_str_trim(sl_str_sub(s, i, s.n));
    *rest = sl_str_sub(s, i, s.n);
    /* To some readers a backslash is an ordinary character: then a text ends, and a name begins, somewhere else. Names
     * of files have backslashes. */
    if (has_escape && !sl_str_case_eq(*ret_name, SL_STR("filename"))) {
        return SL_E_UNSUPPORTED;
    }
    return behind.n && behind.p[0] != ';' ? SL_E_INVAL : 1;
}

static bool is_media(struct sl_str value, struct sl_str *ret_rest)
{
    struct sl_str rest = value, type;
    bool is_split = sl_str_next(&rest, ';', &type);
    *ret_rest = rest.p ? rest : SL_STR("");
    return is_split && sl_str_case_eq(sl_str_trim(type), SL_STR("multipart/form-data"));
}

bool sl_multipart_is(struct sl_str content_type)
{
    struct sl_str rest;
    return is_media(content_type, &rest);
}

/* RFC 2046 5.1.1. */
static bool is_of_boundary(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr("'()+_,-./:=? ", c));
}

int sl_multipart_boundary(struct sl_str content_type, char out[SL_MULTIPART_BOUNDARY_MAX], size_t *ret_n,
                          const char **ret_fault)
{
    struct sl_str rest, name, value, found = SL_STR_NONE;
    char text[SL_MULTIPART_BOUNDARY_MAX];
    int r;
    *ret_fault = "its Content-Type is not multipart/form-data";
    if (!is_media(content_type, &rest)) {
        return SL_E_INVAL;
    }
    *ret_fault = "its Content-Type names no boundary (multipart/form-data; boundary=…)";
    while ((r = parameter_next(&rest, &name, text, sizeof(text), &value)) == 1) {
        if (!sl_str_case_eq(name, SL_STR("boundary"))) {
            continue;
        }
        if (found.p) {
            *ret_fault = "its Content-Type names two boundaries";
            return SL_E_INVAL;
        }
        memcpy(out, value.p, value.n);
        found = sl_str_make(out, value.n);
    }
    if (r == SL_E_LIMIT) {
        *ret_fault = sl_str_case_eq(name, SL_STR("boundary"))
                         ? "its boundary is longer than the 70 characters that a boundary may have"
                         : "its Content-Type has a parameter that is too long";
        return SL_E_INVAL;
    }
    if (r < 0) {
        *ret_fault = r == SL_E_UNSUPPORTED ? "a parameter of its Content-Type has a backslash"
                                           : "the parameters of its Content-Type cannot be read";
        return SL_E_INVAL;
    }
    if (!found.n) {
        return SL_E_INVAL;
    }
    for (size_t i = 0; i < found.n; i++) {
        if (!is_of_boundary(found.p[i]) || (found.p[i] == ' ' && i + 1 == found.n)) {
            *ret_fault = "its boundary has a character that a boundary may not have";
            return SL_E_INVAL;
        }
    }
    *ret_n = found.n;
    return 0;
}

/* --- a part's head --- */

static int refuse(struct sl_multipart *form, const char *fault)
{
    form->fault = fault;
    return SL_E_INVAL;
}

/* The name is unquoted in place, inside the head. */
static int disposition_read(struct sl_multipart *form, struct sl_str value)
{
    struct sl_str rest = value, type, name, text;
    char file[SL_MULTIPART_HEAD_MAX];
    int r;
    SL_IGNORE(!sl_str_next(&rest, ';', &type));
    if (!sl_str_case_eq(sl_str_trim(type), SL_STR("form-data"))) {
        return refuse(form, "the Content-Disposition of a part is not form-data");
    }
    rest = rest.p ? rest : SL_STR("");
    while ((r = parameter_next(&rest, &name, file, sizeof(file), &text)) == 1) {
        if (name.n > 4 && sl_str_case_eq(sl_str_sub(name, 0, 5), SL_STR("name*"))) {
            return refuse(form, "a part has its name in the form `name*`, which forms do not have");
        }
        if (sl_str_case_eq(name, SL_STR("name"))) {
            if (form->name.p) {
                return refuse(form, "a part has two names");
            }
            char *to = (char *)(uintptr_t)name.p; /* the head belongs to the form, and the text does not get longer */
            memmove(to, text.p, text.n);
            form->name = sl_str_make(to, text.n);
        } else if (sl_str_case_eq(name, SL_STR("filename")) || sl_str_case_eq(name, SL_STR("filename*"))) {
            form->is_file = true;
        }
    }
    if (r == SL_E_UNSUPPORTED) {
        return refuse(form,
                      "the Content-Disposition of a part has a backslash, which only the name of a file may have");
    }
    return r < 0 ? refuse(form, "the Content-Disposition of a part cannot be read") : 0;
}

static int head_read(struct sl_multipart *form)
{
    struct sl_str rest = sl_str_make(form->head, form->n_head), line;
    bool is_said = false;
    form->name = SL_STR_NONE;
    form->is_file = false;
    while (sl_str_next(&rest, '\n', &line)) {
        ptrdiff_t colon = sl_str_find_char(line, ':', 0);
        if (colon < 0 || !sl_str_case_eq(sl_str_sub(line, 0, (size_t)colon), SL_STR("content-disposition"))) {
            continue;
        }
        if (is_said) {
            return refuse(form, "a part has two Content-Dispositions");
        }
        is_said = true;
        struct sl_str value = sl_str_sub(line, (size_t)colon + 1, line.n - 1); /* without the CR */
        int r = disposition_read(form, sl_str_trim(value));
        if (r < 0) {
            return r;
        }
    }
    if (!is_said) {
        return refuse(form, "a part has no Content-Disposition (form-data; name=\"…\")");
    }
    return form->name.p ? 0 : refuse(form, "a part has no name in its Content-Disposition");
}

/* Returns 1 when the head is complete. */
static int head_push(struct sl_multipart *form, struct sl_str bytes, size_t *ret_used)
{
    size_t used = 0;
    int r = sl_head_check_push(&form->check, bytes, &used);
    if (r < 0) {
        bool is_large = form->check.fault == SL_HEAD_TOO_LARGE || form->check.fault == SL_HEAD_TOO_MANY_FIELDS;
        return refuse(form, is_large ? "the head of a part is larger than 4,096 bytes, or has more than 16 fields"
                                     : "the head of a part is malformed");
    }
    memcpy(form->head + form->n_head, bytes.p, used);
    form->n_head += (uint32_t)used;
    *ret_used = used;
    return r;
}

/* --- contents --- */

/* Goes over bytes of a content, to the end of the mark or of the bytes. 1: the mark is complete. */
static int content_push(struct sl_multipart *form, struct sl_str bytes, size_t *ret_used)
{
    size_t i = 0;
    while (form->n_matched && i < bytes.n && form->n_matched < form->n_mark) {
        if (bytes.p[i] != form->mark[form->n_matched]) {
            form->n_matched = 0;
        } else {
            form->n_matched++;
            i++;
        }
    }
    if (form->n_matched) {
        *ret_used = i;
        return form->n_matched == form->n_mark;
    }
    *ret_used = bytes.n;
    const char *hit = memmem(bytes.p + i, bytes.n - i, form->mark, form->n_mark);
    if (hit) {
        *ret_used = (size_t)(hit - bytes.p) + form->n_mark;
        return 1;
    }
    size_t tail = SL_MIN(bytes.n - i, (size_t)form->n_mark - 1);
    const char *last = tail ? memrchr(bytes.p + bytes.n - tail, '\r', tail) : NULL;
    size_t n = last ? (size_t)(bytes.p + bytes.n - last) : 0;
    form->n_matched = n && memcmp(last, form->mark, n) == 0 ? (uint8_t)n : 0;
    return 0;
}

static void kept_add(struct sl_multipart *form, struct sl_str bytes)
{
    size_t n = form->is_file ? 0 : SL_MIN(bytes.n, sizeof(form->kept) - form->n_kept);
    memcpy(form->kept + form->n_kept, bytes.p, n);
    form->n_kept += (uint32_t)n;
}

static int taken(struct sl_multipart *form)
{
    form->end = form->at - form->n_mark;
    uint64_t n = form->end - form->start;
    bool is_short = !form->is_file && n <= SL_MULTIPART_VALUE_MAX;
    form->value = is_short ? sl_str_make(form->kept, (size_t)n) : SL_STR_NONE;
    return SL_MULTIPART_TAKEN;
}

/* --- the whole --- */

/* The first boundary has no line before it, or an empty one. */
static int begin_push(struct sl_multipart *form, char c)
{
    if (form->at == 0 && c == '\r') {
        form->n_matched = 1;
        return 0;
    }
    if (c != form->mark[form->n_matched]) {
        return refuse(form, "it does not begin with the boundary that its Content-Type names");
    }
    if (++form->n_matched == form->n_mark) {
        form->state = ST_MARKED;
    }
    return 0;
}

static int part_begin(struct sl_multipart *form)
{
    if (form->n_parts == SL_MULTIPART_PARTS_MAX) {
        return refuse(form, "it has more than 1,000 parts");
    }
    form->n_parts++;
    form->n_head = form->n_kept = 0;
    form->n_matched = 0;
    form->state = ST_HEAD;
    sl_head_check_init(&form->check, SL_HEAD_TRAILER, SL_MULTIPART_HEAD_MAX, SL_MULTIPART_FIELDS_MAX);
    return 0;
}

/* Handles one byte outside of heads and contents. Returns an event, 0 for none, or SL_E_INVAL. */
static int byte_push(struct sl_multipart *form, char c)
{
    bool is_blank = c == ' ' || c == '\t';
    switch ((enum state)form->state) {
    case ST_BEGIN:
        return begin_push(form, c);
    case ST_MARKED:
        form->n_blanks = 0;
        if (c == '-') {
            form->state = ST_HYPHEN;
            return 0;
        }
        form->state = ST_BLANK;
        /* fall through */
    case ST_BLANK:
        if (c == '\r') {
            form->state = ST_LINE_LF;
            return 0;
        }
        return is_blank && form->n_blanks++ < BLANKS_MAX
                   ? 0
                   : refuse(form, "other bytes than a line end stand behind a boundary");
    case ST_LINE_LF:
        return c == '\n' ? part_begin(form) : refuse(form, "a line ends in CR without LF behind a boundary");
    case ST_HYPHEN:
        if (c != '-') {
            return refuse(form, "other bytes than a line end stand behind a boundary");
        }
        form->state = ST_BEHIND;
        return SL_MULTIPART_END;
    case ST_BEHIND:
        is_blank = is_blank || c == '\r' || c == '\n';
        return is_blank && form->n_blanks++ < BLANKS_MAX ? 0 : refuse(form, "bytes stand behind its closing boundary");
    case ST_HEAD:
    case ST_CONTENT:
        break;
    }
    return SL_E_INVAL;
}

/* Handles the bytes of one state. Returns an event, 0 for none, or SL_E_INVAL. */
static int piece_push(struct sl_multipart *form, struct sl_str bytes, size_t *ret_used)
{
    int r;
    if (form->state == ST_HEAD) {
        r = head_push(form, bytes, ret_used);
        r = r == 1 ? head_read(form) : r < 0 ? r : 1;
        if (r == 0) {
            form->state = ST_CONTENT;
            form->start = form->at + *ret_used;
            form->value = SL_STR_NONE;
            return SL_MULTIPART_PART;
        }
        return r < 0 ? r : 0;
    }
    if (form->state == ST_CONTENT) {
        r = content_push(form, bytes, ret_used);
        kept_add(form, sl_str_sub(bytes, 0, *ret_used));
        if (r == 1) {
            form->state = ST_MARKED;
            form->n_matched = 0;
        }
        return r == 1 ? SL_MULTIPART_TAKEN : 0;
    }
    r = byte_push(form, bytes.p[0]);
    *ret_used = 1;
    return r;
}

void sl_multipart_init(struct sl_multipart *form, struct sl_str boundary)
{
    form->at = 0;
    form->fault = NULL;
    form->n_parts = 0;
    form->name = form->value = SL_STR_NONE;
    form->is_file = false;
    form->start = form->end = 0;
    form->state = ST_BEGIN;
    form->n_matched = 2; /* as if a line end had come before it */
    form->n_blanks = 0;
    form->n_mark = (uint8_t)(boundary.n + 4);
    memcpy(form->mark, "\r\n--", 4);
    memcpy(form->mark + 4, boundary.p, boundary.n);
}

int sl_multipart_push(struct sl_multipart *form, struct sl_str bytes, size_t *ret_used)
{
    size_t at = 0;
    while (at < bytes.n) {
        size_t used = 0;
        int event = piece_push(form, sl_str_sub(bytes, at, bytes.n), &used);
        if (event < 0) {
            return event;
        }
        at += used;
        form->at += used;
        if (event) {
            *ret_used = at;
            return event == SL_MULTIPART_TAKEN ? taken(form) : event;
        }
    }
    *ret_used = at;
    return SL_MULTIPART_MORE;
}

int sl_multipart_finish(struct sl_multipart *form)
{
    if (form->state == ST_BEHIND) {
        return 0;
    }
    form->fault = form->n_parts ? "it ends before its closing boundary" : "it ends before its first part";
    return SL_E_TRUNCATED;
}
