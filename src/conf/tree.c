/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/num.h"

struct anchor {
    struct sl_str name;
    struct sl_val *val;
    uint32_t n_nodes; /* nodes in it, with aliases replaced by what they stand for */
    bool is_open;     /* the reader is still inside it: an alias to it would be endless */
};

/* Items of an open container, grown on the heap, copied to the arena when it closes. */
struct items {
    struct sl_val_item *v;
    uint32_t n, cap;
};

struct reader {
    yaml_parser_t parser;
    const char *name;
    struct sl_str text;
    struct sl_arena *arena;
    struct sl_bind bind; /* only for problems */
    struct sl_map anchors;
    uint64_t n_nodes;
    unsigned depth;
};

static struct sl_pos pos_of(const struct reader *rd, yaml_mark_t mark)
{
    return (struct sl_pos){ rd->name, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1 };
}

static SL_PRINTF(3, 4) int fail(struct reader *rd, yaml_mark_t mark, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    sl_bind_problem(&rd->bind, SL_PROBLEM_ERROR, pos_of(rd, mark), "", "%s", text);
    return SL_E_INVAL;
}

static int no_memory(struct reader *rd)
{
    return fail(rd, rd->parser.mark, "out of memory");
}

/* Line and column (from 0) of a byte. */
static yaml_mark_t mark_at(struct sl_str text, size_t offset)
{
    yaml_mark_t mark = { .index = offset };
    for (size_t i = 0; i < SL_MIN(offset, text.n); i++) {
        mark.column++;
        if (text.p[i] == '\n') {
            mark.line++;
            mark.column = 0;
        }
    }
    return mark;
}

/* The byte at a mark's line and column, or NUL. */
static char char_at(struct sl_str text, yaml_mark_t mark)
{
    size_t at = 0;
    for (size_t line = 0; line < mark.line && at < text.n; at++) {
        line += text.p[at] == '\n';
    }
    at += mark.column;
    return at < text.n ? text.p[at] : '\0';
}

static int event_next(struct reader *rd, yaml_event_t *event)
{
    if (yaml_parser_parse(&rd->parser, event)) {
        return 0;
    }
    const yaml_parser_t *p = &rd->parser;
    /* libyaml's messages are fixed texts: no bytes of the file, which may be a secret, get into the message. */
    yaml_mark_t mark = p->problem_mark.line || p->problem_mark.column ? p->problem_mark : p->mark;
    if (p->context && p->problem && strstr(p->problem, "unexpected end of stream")) {
        mark = p->context_mark; /* the construct that is not closed, not the end of the file */
    }
    if (p->error == YAML_READER_ERROR) {
        mark = mark_at(rd->text, p->problem_offset); /* the reader knows only the byte */
    }
    bool is_tab = p->error == YAML_SCANNER_ERROR && char_at(rd->text, mark) == '\t';
    char text[256];
    snprintf(text, sizeof(text), "not valid YAML: %s%s%s%s", p->problem ? p->problem : "syntax error",
             p->context ? ", " : "", p->context ? p->context : "",
             is_tab ? " (it is a tab: YAML is indented with spaces)" : "");
    return fail(rd, mark, "%s", text);
}

static bool is_one_of(struct sl_str s, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (sl_str_eq_c(s, words[i])) {
            return true;
        }
    }
    return false;
}

static bool is_float(struct sl_str s)
{
    if (s.n && (s.p[0] == '+' || s.p[0] == '-')) {
        s = sl_str_sub(s, 1, s.n);
    }
    bool has_digit = false, has_dot = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c >= '0' && c <= '9') {
            has_digit = true;
        } else if (c == '.' && !has_dot) {
            has_dot = true;
        } else if ((c == 'e' || c == 'E') && has_digit && has_dot && i + 2 < s.n &&
                   (s.p[i + 1] == '+' || s.p[i + 1] == '-')) {
            uint64_t unused;
            return sl_parse_u64(sl_str_sub(s, i + 2, s.n), 0, UINT64_MAX, &unused) != SL_E_INVAL;
        } else {
            return false;
        }
    }
    return has_digit && has_dot;
}

static bool is_int(struct sl_str s)
{
    if (s.n && (s.p[0] == '+' || s.p[0] == '-')) {
        s = sl_str_sub(s, 1, s.n);
    }
    uint64_t unused;
    return sl_parse_u64(s, 0, UINT64_MAX, &unused) != SL_E_INVAL;
}

/* YAML 1.1's implicit types, for a plain scalar. */
static enum sl_val_kind plain_kind(struct sl_str s)
{
    static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };
    static const char *const bools[] = { "yes",   "Yes",   "YES",   "no", "No", "NO", "true", "True", "TRUE",
                                         "false", "False", "FALSE", "on", "On", "ON", "off",  "Off",  "OFF" };
    if (is_one_of(s, nulls, SL_ARRAY_LEN(nulls))) {
        return SL_VAL_NULL;
    }
    if (is_one_of(s, bools, SL_ARRAY_LEN(bools))) {
        return SL_VAL_BOOL;
    }
    return is_int(s) || is_float(s) ? SL_VAL_NUMBER : SL_VAL_STRING;
}

/* The kind that one of YAML's own tags gives a value. SL_E_UNSUPPORTED: another tag; PyYAML's safe loader does not know
 * it either. */
static int tag_kind(const yaml_char_t *tag, enum sl_val_kind *io_kind)
{
    static const struct {
        const char *tag;
        enum sl_val_kind kind;
    } tags[] = {
        { "str", SL_VAL_STRING }, { "int", SL_VAL_NUMBER }, { "float", SL_VAL_NUMBER }, { "bool", SL_VAL_BOOL },
        { "null", SL_VAL_NULL },  { "map", SL_VAL_MAP },    { "seq", SL_VAL_LIST },
    };
    static const struct sl_str core = SL_STR_INIT("tag:yaml.org,2002:");
    struct sl_str text = sl_str_c((const char *)tag);
    if (!tag || sl_str_eq_c(text, "!")) { /* "!": the text as a string */
        *io_kind = tag && *io_kind < SL_VAL_STRING ? SL_VAL_STRING : *io_kind;
        return 0;
    }
    for (size_t i = 0; sl_str_has_prefix(text, core) && i < SL_ARRAY_LEN(tags); i++) {
        bool is_same_form = (tags[i].kind > SL_VAL_STRING ? tags[i].kind : SL_VAL_STRING) ==
                            (*io_kind > SL_VAL_STRING ? *io_kind : SL_VAL_STRING);
        if (is_same_form && sl_str_eq_c(sl_str_sub(text, core.n, text.n), tags[i].tag)) {
            *io_kind = tags[i].kind;
            return 0;
        }
    }
    return SL_E_UNSUPPORTED;
}

static int tag_fail(struct reader *rd, yaml_mark_t mark)
{
    return fail(rd, mark, "a tag (!…) that is not known, or not for such a value");
}

static struct sl_val *val_new(struct reader *rd, enum sl_val_kind kind, yaml_mark_t mark)
{
    struct sl_val *val = SL_ARENA_NEW(rd->arena, struct sl_val);
    if (val) {
        val->kind = kind;
        val->pos = pos_of(rd, mark);
    }
    return val;
}

static int items_add(struct reader *rd, struct items *items, struct sl_val_item item)
{
    if (item.key.p && items->n == SL_CONF_KEYS_MAX) {
        sl_bind_problem(&rd->bind, SL_PROBLEM_ERROR, item.key_pos, "", "more than %d keys in one map",
                        SL_CONF_KEYS_MAX);
        return SL_E_LIMIT;
    }
    if (items->n == items->cap) {
        uint32_t cap = items->cap ? items->cap * 2 : 8;
        struct sl_val_item *v = SL_ARENA_ARRAY(rd->arena, struct sl_val_item, cap);
        if (!v) {
            return no_memory(rd);
        }
        if (items->n) {
            memcpy(v, items->v, items->n * sizeof(*v));
        }
        items->v = v;
        items->cap = cap;
    }
    items->v[items->n++] = item;
    return 0;
}

static int anchor_put(struct reader *rd, const yaml_char_t *name, struct sl_val *val, struct anchor **ret)
{
    *ret = NULL;
    if (!name) {
        return 0;
    }
    struct anchor *anchor = SL_ARENA_NEW(rd->arena, struct anchor);
    if (!anchor) {
        return no_memory(rd);
    }
    anchor->name = sl_arena_dup(rd->arena, sl_str_c((const char *)name));
    anchor->val = val;
    anchor->is_open = true;
    sl_map_remove(&rd->anchors, anchor->name); /* a later anchor of that name replaces the earlier one */
    if (!anchor->name.p || sl_map_put(&rd->anchors, anchor->name, anchor) < 0) {
        return no_memory(rd);
    }
    *ret = anchor;
    return 0;
}

static int node_count(struct reader *rd, yaml_mark_t mark, uint64_t n)
{
    rd->n_nodes += n;
    return rd->n_nodes > SL_CONF_NODES_MAX
               ? fail(rd, mark, "more than %d values (an alias counts as all values that it stands for)",
                      SL_CONF_NODES_MAX)
               : 0;
}

static int alias_read(struct reader *rd, const yaml_event_t *event, struct sl_val **ret)
{
    struct anchor *anchor = sl_map_find(&rd->anchors, sl_str_c((const char *)event->data.alias.anchor));
    if (!anchor || anchor->is_open) {
        return fail(rd, event->start_mark,
                    anchor ? "an alias inside what it stands for" : "an alias to an anchor that is not there");
    }
    int r = node_count(rd, event->start_mark, anchor->n_nodes);
    *ret = anchor->val;
    return r;
}

static int scalar_read(struct reader *rd, const yaml_event_t *event, struct sl_val **ret)
{
    struct sl_str text = sl_str_make((const char *)event->data.scalar.value, event->data.scalar.length);
    bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && event->data.scalar.plain_implicit;
    enum sl_val_kind kind = is_plain ? plain_kind(text) : SL_VAL_STRING;
    if (tag_kind(event->data.scalar.tag, &kind) < 0) {
        return tag_fail(rd, event->start_mark);
    }
    struct sl_val *val = val_new(rd, kind, event->start_mark);
    struct anchor *anchor;
    if (!val) {
        return no_memory(rd);
    }
    val->text = sl_arena_dup(rd->arena, text);
    if (!val->text.p) {
        return no_memory(rd);
    }
    int r = anchor_put(rd, event->data.scalar.anchor, val, &anchor);
    if (anchor) {
        anchor->is_open = false;
        anchor->n_nodes = 1;
    }
    *ret = val;
    return r;
}

static int node_read(struct reader *rd, yaml_event_t *event, struct sl_val **ret);

/* "<<": members that the map itself does not have come from the merged maps; the first map that has one wins. */
static int merge(struct reader *rd, struct items *items, const struct sl_val *from, yaml_mark_t mark)
{
    if (from->kind == SL_VAL_LIST) {
        for (uint32_t i = 0; i < from->n; i++) {
            int r = merge(rd, items, from->items[i].val, mark);
            if (r < 0) {
                return r;
            }
        }
        return 0;
    }
    if (from->kind != SL_VAL_MAP) {
        return fail(rd, mark, "a merge key (<<) needs a map or a list of maps");
    }
    for (uint32_t i = 0; i < from->n; i++) {
        bool has = false;
        for (uint32_t k = 0; k < items->n && !has; k++) {
            has = sl_str_eq(items->v[k].key, from->items[i].key);
        }
        int r = has ? 0 : items_add(rd, items, from->items[i]);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* Two equal keys in one map: PyYAML silently takes the last. One of them is a mistake, so both are reported. */
static int member_put(struct reader *rd, struct items *items, struct sl_val_item item)
{
    for (uint32_t i = 0; i < items->n; i++) {
        if (sl_str_eq(items->v[i].key, item.key)) {
            sl_bind_problem(&rd->bind, SL_PROBLEM_ERROR, item.key_pos, "",
                            "the key \"%.*s\" is here a second time: the first one is at line %u, column %u",
                            SL_STR_ARG(sl_opt_key_shown(item.key)), items->v[i].key_pos.line, items->v[i].key_pos.col);
            return 0;
        }
    }
    return items_add(rd, items, item);
}

struct merges {
    struct {
        const struct sl_val *val;
        yaml_mark_t mark;
    } v[8];
    unsigned n;
};

static int member_read(struct reader *rd, yaml_event_t *key_event, struct items *items, struct merges *merges)
{
    if (key_event->type != YAML_SCALAR_EVENT) {
        return fail(rd, key_event->start_mark, "a key must be a plain word");
    }
    struct sl_val_item item = { .key_pos = pos_of(rd, key_event->start_mark) };
    yaml_mark_t mark = key_event->start_mark;
    item.key = sl_arena_dup(rd->arena,
                            sl_str_make((const char *)key_event->data.scalar.value, key_event->data.scalar.length));
    bool is_merge = sl_str_eq_c(item.key, "<<") && key_event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    yaml_event_t event;
    int r = event_next(rd, &event);
    if (r < 0) {
        return r;
    }
    r = node_read(rd, &event, &item.val);
    yaml_event_delete(&event);
    if (r < 0) {
        return r;
    }
    if (!is_merge) {
        return member_put(rd, items, item);
    }
    if (merges->n == SL_ARRAY_LEN(merges->v)) {
        return fail(rd, mark, "more than %d merge keys in one map", (int)SL_ARRAY_LEN(merges->v));
    }
    merges->v[merges->n].val = item.val;
    merges->v[merges->n++].mark = mark;
    return 0;
}

static int container_read(struct reader *rd, yaml_event_t *start, struct sl_val **ret)
{
    bool is_map = start->type == YAML_MAPPING_START_EVENT;
    enum sl_val_kind kind = is_map ? SL_VAL_MAP : SL_VAL_LIST;
    if (tag_kind(is_map ? start->data.mapping_start.tag : start->data.sequence_start.tag, &kind) < 0) {
        return tag_fail(rd, start->start_mark);
    }
    struct sl_val *val = val_new(rd, kind, start->start_mark);
    struct anchor *anchor;
    uint64_t before = rd->n_nodes;
    if (!val) {
        return no_memory(rd);
    }
    if (++rd->depth > SL_CONF_DEPTH_MAX) {
        return fail(rd, start->start_mark, "nested deeper than %d levels", SL_CONF_DEPTH_MAX);
    }
    int r = anchor_put(rd, is_map ? start->data.mapping_start.anchor : start->data.sequence_start.anchor, val, &anchor);
    struct items items = { 0 };
    struct merges merges = { .n = 0 };
    while (r == 0) {
        yaml_event_t event;
        r = event_next(rd, &event);
        if (r < 0) {
            break;
        }
        bool is_end = event.type == (is_map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT);
        if (!is_end && is_map) {
            r = member_read(rd, &event, &items, &merges);
        } else if (!is_end) {
            struct sl_val_item item = { 0 };
            r = node_read(rd, &event, &item.val);
            r = r < 0 ? r : items_add(rd, &items, item);
        }
        yaml_event_delete(&event);
        if (is_end) {
            break;
        }
    }
    for (unsigned i = 0; r == 0 && i < merges.n; i++) {
        r = merge(rd, &items, merges.v[i].val, merges.v[i].mark);
    }
    val->items = items.v;
    val->n = items.n;
    rd->depth--;
    if (anchor) {
        anchor->is_open = false;
        anchor->n_nodes = (uint32_t)(rd->n_nodes - before + 1);
    }
    *ret = val;
    return r;
}

static int node_read(struct reader *rd, yaml_event_t *event, struct sl_val **ret)
{
    int r = node_count(rd, event->start_mark, 1);
    if (r < 0) {
        return r;
    }
    switch ((int)event->type) {
    case YAML_ALIAS_EVENT:
        return alias_read(rd, event, ret);
    case YAML_SCALAR_EVENT:
        return scalar_read(rd, event, ret);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return container_read(rd, event, ret);
    default:
        return fail(rd, event->start_mark, "a value was expected");
    }
}

static int document_read(struct reader *rd, struct sl_val **ret)
{
    bool has_document = false;
    for (;;) {
        yaml_event_t event;
        int r = event_next(rd, &event);
        if (r < 0) {
            return r;
        }
        int type = (int)event.type;
        yaml_mark_t mark = event.start_mark;
        if (type == YAML_SCALAR_EVENT || type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT ||
            type == YAML_ALIAS_EVENT) {
            r = node_read(rd, &event, ret);
        } else if (type == YAML_DOCUMENT_START_EVENT && has_document) {
            r = fail(rd, mark, "a second document: one file holds one configuration");
        }
        has_document |= type == YAML_DOCUMENT_START_EVENT;
        yaml_event_delete(&event);
        if (r < 0 || type == YAML_STREAM_END_EVENT) {
            return r;
        }
    }
}

int sl_conf_parse(const char *name, struct sl_str text, struct sl_arena *arena, struct sl_problems *problems,
                  struct sl_val **ret)
{
    struct reader rd = { .name = name, .text = text, .arena = arena, .bind = { .arena = arena, .problems = problems } };
    if (!yaml_parser_initialize(&rd.parser)) {
        sl_bind_problem(&rd.bind, SL_PROBLEM_ERROR, (struct sl_pos){ name, 1, 1 }, "", "out of memory");
        return SL_E_NOMEM;
    }
    yaml_parser_set_input_string(&rd.parser, (const unsigned char *)(text.p ? text.p : ""), text.n);
    struct sl_val *val = val_new(&rd, SL_VAL_NULL, rd.parser.mark);
    int r = val ? document_read(&rd, &val) : no_memory(&rd);
    yaml_parser_delete(&rd.parser);
    sl_map_done(&rd.anchors);
    if (r == 0) {
        *ret = val;
    }
    return r;
}

int sl_conf_read_file(const char *path, struct sl_arena *arena, struct sl_str *ret, struct sl_err *err)
{
    struct stat st;
    /* Opening a pipe waits for a writer, perhaps for ever. Those of a shell, <(...) and |, have writers. */
    bool is_shells = strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
    if (!is_shells && stat(path, &st) == 0 && S_ISFIFO(st.st_mode)) {
        return sl_fail(err, SL_E_IO, "is a named pipe, where a regular file must be");
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return sl_fail(err, SL_E_IO, "cannot read the file: %s", strerror(errno));
    }
    int r = 0;
    char *p = NULL;
    size_t n = 0, cap = 0;
    if (fstat(fd, &st) < 0 || S_ISDIR(st.st_mode)) {
        r = sl_fail(err, SL_E_IO, "is not a file");
    }
    /* A pipe or /dev/stdin has no size: read until the end, within the limit. */
    while (r == 0) {
        if (n == cap) {
            size_t bigger = cap ? cap * 2 : (size_t)SL_MAX(st.st_size, 4095) + 1;
            char *q = bigger <= SL_CONF_FILE_MAX * 2 ? sl_arena_bytes(arena, bigger) : NULL;
            if (!q) {
                r = sl_fail(err, SL_E_LIMIT, "is larger than %u bytes", SL_CONF_FILE_MAX);
                break;
            }
            if (n) {
                memcpy(q, p, n);
            }
            p = q;
            cap = bigger;
        }
        ssize_t got = read(fd, p + n, cap - n);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            r = got < 0 ? sl_fail(err, SL_E_IO, "cannot read the file: %s", strerror(errno)) : 0;
            break;
        }
        n += (size_t)got;
    }
    close(fd);
    if (r == 0 && n > SL_CONF_FILE_MAX) {
        r = sl_fail(err, SL_E_LIMIT, "is larger than %u bytes", SL_CONF_FILE_MAX);
    }
    if (r == 0) {
        *ret = sl_str_make(p ? p : "", n);
    }
    return r;
}
