/* SPDX-License-Identifier: Apache-2.0 */
/* Ids of tool calls and names of tools, in the provider's alphabet and length. One that does not fit becomes a digest
 * of itself, so that the same text gets the same id in every turn of a conversation. A missing id is made from the
 * call's place, and a repeated one from its text and its number. */
#include "llm/form/ids.h"

#include <openssl/sha.h>

#include "base/map.h"

#define DIGEST_LEN 22 /* base62 digits of 128 bits */
#define ID_PREFIX  "call_"

struct sl_str sl_raw_text(struct sl_str raw, struct sl_arena *arena)
{
    struct sl_str text = sl_str_sub(raw, 1, raw.n - 1);
    if (raw.n < 2 || !memchr(text.p, '\\', text.n)) {
        return raw.n < 2 ? SL_STR("") : text;
    }
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    int r = sl_json_parse(&doc, raw);
    r = r < 0 ? r : sl_json_text(sl_json_root(&doc), arena, &text);
    sl_json_done(&doc);
    return r == 0 ? text : SL_STR_NONE;
}

/* --- digests --- */

static bool is_of(unsigned alphabet, char c)
{
    unsigned char low = (unsigned char)c | 0x20;
    return (c >= '0' && c <= '9')     ? (alphabet & SL_NAME_DIGITS) != 0
           : low >= 'a' && low <= 'z' ? (alphabet & SL_NAME_LETTERS) != 0
           : c == '_'                 ? (alphabet & SL_NAME_UNDERSCORE) != 0
           : c == '-'                 ? (alphabet & SL_NAME_HYPHEN) != 0
           : c == '.'                 ? (alphabet & SL_NAME_DOT) != 0
           : c == ':'                 ? (alphabet & SL_NAME_COLON) != 0
                                      : false;
}

bool sl_form_name_fits(const struct sl_form_name *rule, struct sl_str text)
{
    if (!rule->alphabet) {
        return !rule->max || text.n <= rule->max;
    }
    bool fits = text.n > 0 && (!rule->max || text.n <= rule->max) && (!rule->exact || text.n == rule->exact);
    for (size_t i = 0; i < text.n && fits; i++) {
        fits = is_of(rule->alphabet, text.p[i]);
    }
    if (fits && rule->begins_with_letter) {
        fits = text.p[0] == '_' || is_of(SL_NAME_LETTERS, text.p[0]);
    }
    return fits;
}

static void base62(struct sl_str text, char out[DIGEST_LEN])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    unsigned char hash[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)(text.n ? text.p : ""), text.n, hash);
    for (size_t i = 0; i < DIGEST_LEN; i++) { /* divides 128 bits by 62, byte by byte */
        unsigned rest = 0;
        for (size_t j = 0; j < 16; j++) {
            unsigned v = rest << 8 | hash[j];
            hash[j] = (unsigned char)(v / 62);
            rest = v % 62;
        }
        out[i] = digits[rest];
    }
}

static size_t room_of(const struct sl_form_name *rule)
{
    return rule->exact ? rule->exact : rule->max ? rule->max : 64;
}

struct sl_str sl_form_digest(const struct sl_form_name *rule, struct sl_str text, struct sl_arena *arena)
{
    char digest[DIGEST_LEN];
    base62(text, digest);
    size_t room = room_of(rule);
    struct sl_str prefix = SL_STR(ID_PREFIX);
    if (rule->exact || room < prefix.n + DIGEST_LEN || !(rule->alphabet & SL_NAME_UNDERSCORE)) {
        prefix.n = 0;
    }
    return sl_arena_printf(arena, "%.*s%.*s", SL_STR_ARG(prefix), (int)SL_MIN(room, (size_t)DIGEST_LEN), digest);
}

/* A name stays readable: the part of it that may stay, and a piece of its digest. */
static struct sl_str name_digest(const struct sl_form_name *rule, struct sl_str text, struct sl_arena *arena)
{
    enum { TAIL = 9 };
    char digest[DIGEST_LEN], head[64];
    base62(text, digest);
    size_t n = 0, room = SL_MIN(room_of(rule), sizeof(head));
    room = room > TAIL ? room - TAIL : 0;
    if (rule->begins_with_letter && room && text.n && text.p[0] >= '0' && text.p[0] <= '9') {
        head[n++] = '_';
    }
    for (size_t i = 0; i < text.n && n < room; i++) {
        head[n++] = is_of(rule->alphabet, text.p[i]) ? text.p[i] : '_';
    }
    return sl_arena_printf(arena, "%.*s_%.*s", (int)n, head, TAIL - 1, digest);
}

/* --- calls and results --- */

struct call {
    struct sl_part *part;
    uint32_t message;
    bool has_result;
};

struct linker {
    struct sl_form *form;
    struct sl_chat *chat;
    struct sl_form_link *links;
    struct call *calls;
    uint32_t n_calls;
    uint32_t open;       /* calls before this one have a result: a result without an id is matched from here on */
    struct sl_map by_id; /* raw id → the latest call */
};

static bool is_id(struct sl_str raw)
{
    return raw.n > 2;
}

/* The raw id with which a call goes up. `n` is its number in the conversation. */
static struct sl_str id_of(struct linker *l, struct sl_str raw, uint32_t n, bool is_repeated)
{
    const struct sl_form_name *rule = &l->form->rules->ids;
    struct sl_arena *arena = l->form->arena;
    struct sl_str text = is_id(raw) ? sl_raw_text(raw, arena) : SL_STR("");
    if (!text.p) {
        return SL_STR_NONE;
    }
    if (is_id(raw) && !is_repeated && sl_form_name_fits(rule, text)) {
        return raw;
    }
    if (!is_id(raw) || is_repeated) {
        text = sl_arena_printf(arena, "%u:%.*s", n, SL_STR_ARG(text));
    }
    static const struct sl_form_name any = { .alphabet = SL_NAME_WORD, .max = 64 };
    struct sl_str id = text.p ? sl_form_digest(rule->alphabet ? rule : &any, text, arena) : SL_STR_NONE;
    return id.p ? sl_arena_printf(arena, "\"%.*s\"", SL_STR_ARG(id)) : SL_STR_NONE;
}

static int call_link(struct linker *l, uint32_t message, struct sl_part *part)
{
    struct call *call = &l->calls[l->n_calls];
    struct sl_str raw = part->call->id;
    *call = (struct call){ .part = part, .message = message };
    bool is_repeated = is_id(raw) && sl_map_remove(&l->by_id, raw) != NULL;
    if (is_id(raw) && sl_map_put(&l->by_id, raw, call) < 0) {
        return SL_E_NOMEM;
    }
    part->call->id = id_of(l, raw, l->n_calls++, is_repeated);
    l->links[message].n_calls++;
    return part->call->id.p ? 0 : SL_E_NOMEM;
}

static struct call *call_find(struct linker *l, struct sl_str raw)
{
    if (is_id(raw)) {
        return sl_map_find(&l->by_id, raw);
    }
    while (l->open < l->n_calls && l->calls[l->open].has_result) {
        l->open++;
    }
    return l->open < l->n_calls ? &l->calls[l->open] : NULL;
}

static int result_link(struct linker *l, uint32_t at)
{
    struct sl_message *message = &l->chat->messages[at];
    struct sl_form_link *link = &l->links[at];
    struct call *call = call_find(l, message->tool_id);
    if (!call) {
        message->tool_id = id_of(l, message->tool_id, UINT32_MAX, false);
        return message->tool_id.p ? 0 : SL_E_NOMEM;
    }
    struct sl_form_link *owner = &l->links[call->message];
    message->tool_id = call->part->call->id;
    link->owner = call->message;
    link->is_second = call->has_result;
    owner->n_results += !call->has_result;
    call->has_result = true;
    if (owner->first == SL_LINK_NONE) {
        owner->first = at;
    } else {
        l->links[owner->last].next = at;
    }
    owner->last = at;
    return 0;
}

static int message_link(struct linker *l, uint32_t at)
{
    struct sl_message *message = &l->chat->messages[at];
    int r = 0;
    l->links[at] = (struct sl_form_link){ SL_LINK_NONE, SL_LINK_NONE, SL_LINK_NONE, SL_LINK_NONE, 0, 0, false };
    if (message->role == SL_ROLE_TOOL) {
        return result_link(l, at);
    }
    for (uint32_t i = 0; i < message->n_parts && r == 0; i++) {
        if (message->parts[i].kind == SL_PART_TOOL_CALL) {
            r = call_link(l, at, &message->parts[i]);
        }
    }
    return r;
}

static uint32_t calls_count(const struct sl_chat *chat, bool *ret_has_results)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < chat->n_messages; i++) {
        const struct sl_message *message = &chat->messages[i];
        *ret_has_results |= message->role == SL_ROLE_TOOL;
        for (uint32_t j = 0; j < message->n_parts; j++) {
            n += message->parts[j].kind == SL_PART_TOOL_CALL;
        }
    }
    return n;
}

int sl_form_link(struct sl_form *form, struct sl_chat *chat, struct sl_form_link **ret_links)
{
    struct linker l = { .form = form, .chat = chat };
    bool has_results = false;
    uint32_t n = calls_count(chat, &has_results);
    *ret_links = NULL;
    if (n == 0 && !has_results) {
        return 0;
    }
    l.calls = SL_ARENA_ARRAY(form->arena, struct call, n + 1);
    l.links = SL_ARENA_ARRAY(form->arena, struct sl_form_link, chat->n_messages + 1);
    int r = l.calls && l.links ? 0 : SL_E_NOMEM;
    for (uint32_t i = 0; i < chat->n_messages && r == 0; i++) {
        r = message_link(&l, i);
    }
    sl_map_done(&l.by_id);
    *ret_links = l.links;
    return r;
}

static struct sl_str name_in_form(struct sl_form *form, struct sl_str raw, struct sl_str *ret_text)
{
    const struct sl_form_name *rule = &form->rules->names;
    struct sl_str text = sl_raw_text(raw, form->arena);
    *ret_text = text;
    if (!text.p || sl_form_name_fits(rule, text)) {
        return text.p ? raw : SL_STR_NONE;
    }
    struct sl_str name = name_digest(rule, text, form->arena);
    return name.p ? sl_arena_printf(form->arena, "\"%.*s\"", SL_STR_ARG(name)) : SL_STR_NONE;
}

static int tools_rename(struct sl_form *form, struct sl_chat *chat)
{
    for (uint32_t i = 0; i < chat->n_tools; i++) {
        struct sl_tool *tool = &chat->tools[i];
        struct sl_str text, raw = tool->name.p ? name_in_form(form, tool->name, &text) : SL_STR("");
        if (!raw.p) {
            return SL_E_NOMEM;
        }
        if (!tool->name.p || raw.p == tool->name.p) {
            continue;
        }
        if (!form->aliases.v) {
            form->aliases.v = SL_ARENA_ARRAY(form->arena, struct sl_form_alias, chat->n_tools - i);
        }
        if (!form->aliases.v) {
            return SL_E_NOMEM;
        }
        form->aliases.v[form->aliases.n++] = (struct sl_form_alias){ text, sl_str_sub(raw, 1, raw.n - 1) };
        tool->name = raw;
    }
    return 0;
}

int sl_form_names(struct sl_form *form, struct sl_chat *chat)
{
    struct sl_str text;
    if (!form->rules->names.alphabet) {
        return 0;
    }
    if (tools_rename(form, chat) < 0) {
        return SL_E_NOMEM;
    }
    if (chat->choice_name.p) {
        chat->choice_name = name_in_form(form, chat->choice_name, &text);
        if (!chat->choice_name.p) {
            return SL_E_NOMEM;
        }
    }
    for (uint32_t i = 0; i < chat->n_messages; i++) {
        for (uint32_t j = 0; j < chat->messages[i].n_parts; j++) {
            struct sl_part *part = &chat->messages[i].parts[j];
            if (part->kind == SL_PART_TOOL_CALL) {
                part->call->name = name_in_form(form, part->call->name, &text);
                if (!part->call->name.p) {
                    return SL_E_NOMEM;
                }
            }
        }
    }
    return 0;
}

struct sl_str sl_form_name_back(const struct sl_form_aliases *aliases, struct sl_str name)
{
    for (uint32_t i = 0; aliases && i < aliases->n; i++) {
        if (sl_str_eq(aliases->v[i].to, name)) {
            return aliases->v[i].from;
        }
    }
    return name;
}

int sl_form_aliases_keep(const struct sl_form *form, struct sl_http_req *req)
{
    req->is_wrapped = form->is_wrapped;
    if (form->aliases.n == 0) {
        return 0;
    }
    struct sl_form_aliases *kept = SL_ARENA_NEW(form->arena, struct sl_form_aliases);
    if (!kept) {
        return SL_E_NOMEM;
    }
    *kept = form->aliases;
    for (uint32_t i = 0; i < kept->n; i++) { /* the names may be on a tape that is used again */
        kept->v[i].from = sl_arena_dup(form->arena, kept->v[i].from);
        if (!kept->v[i].from.p) {
            return SL_E_NOMEM;
        }
    }
    req->aliases = kept;
    return 0;
}
