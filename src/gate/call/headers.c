/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/headers.h"

#include "base/arena.h"
#include "base/num.h"
#include "gate/call/mask.h"
#include "llm/core/types.h"
#include "wire/headers.h"

static bool has_prefix_no_case(struct sl_str s, struct sl_str prefix)
{
    return s.n >= prefix.n && sl_str_case_eq(sl_str_make(s.p, prefix.n), prefix);
}

/* True: a Connection field names other fields. That is rare, so it is checked once for each head. */
static bool has_named_fields(const struct sl_headers *from)
{
    for (uint32_t i = 0; i < from->n; i++) {
        if (SL_UNLIKELY(sl_str_case_eq(from->v[i].name, SL_STR("connection")))) {
            struct sl_str value = from->v[i].value;
            if (!sl_str_case_eq(value, SL_STR("keep-alive")) && !sl_str_case_eq(value, SL_STR("close"))) {
                return true;
            }
        }
    }
    return false;
}

/* Real heads name two or three fields. Each field of the head is looked up among them; to bound that work, a list that
 * is longer than this names all fields. */
#define NAMED_MAX 32

/* True: a Connection field names this field (RFC 9110 7.6.1). */
static bool is_named_by_connection(const struct sl_headers *from, struct sl_str name)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < from->n; i++) {
        if (!sl_str_case_eq(from->v[i].name, SL_STR("connection"))) {
            continue;
        }
        struct sl_str rest = from->v[i].value, token;
        while (sl_str_next(&rest, ',', &token)) {
            if (n++ == NAMED_MAX || sl_str_case_eq(sl_str_trim(token), name)) {
                return true;
            }
        }
    }
    return false;
}

/* Fields for every upstream. The provider's code sets authorization; accept-encoding and user-agent are set here. */
static const struct sl_header_names up_names = { {
    [6] = { SL_STR_INIT("accept") },
    [10] = { SL_STR_INIT("tracestate") },
    [11] = { SL_STR_INIT("traceparent") },
    [15] = { SL_STR_INIT("idempotency-key") },
} };

/* The client's JSON goes up unchanged, so its content-type may, too. A type that is not JSON's (curl's default is not)
 * is replaced, because the dialect has read JSON. */
static void content_type_keep(struct sl_headers *headers, struct sl_str value)
{
    static const struct sl_str json = SL_STR_INIT("application/json");
    bool is_json = has_prefix_no_case(value, json) && (value.n == json.n || value.p[json.n] == ';');
    for (uint32_t i = 0; is_json && i < headers->n; i++) {
        if (sl_str_case_eq(headers->v[i].name, SL_STR("content-type")) && sl_str_eq(headers->v[i].value, json)) {
            headers->v[i].value = value;
        }
    }
}

int sl_headers_up(const struct sl_str *pass, const struct sl_headers *from, struct sl_arena *arena,
                  struct sl_headers *io_headers)
{
    struct sl_str agent = SL_STR_NONE;
    bool has_named = has_named_fields(from);
    for (uint32_t i = 0; i < from->n; i++) {
        struct sl_str name = from->v[i].name;
        if (sl_str_case_eq(name, SL_STR("user-agent"))) {
            agent = from->v[i].value;
        } else if (has_named && is_named_by_connection(from, name)) {
            continue;
        } else if (sl_str_case_eq(name, SL_STR("content-type"))) {
            content_type_keep(io_headers, from->v[i].value);
        } else if (sl_header_is_among(name, &up_names) || has_prefix_no_case(name, SL_STR("x-stainless-")) ||
                   sl_header_is_listed(name, pass)) {
            int r = sl_headers_add(io_headers, arena, name, from->v[i].value);
            if (r < 0) {
                return r;
            }
        }
    }
    struct sl_str ours = SL_STR("sluice/" SL_VERSION);
    if (agent.n) {
        ours = sl_arena_join(arena, (struct sl_str[]){ agent, SL_STR(" "), ours }, 3);
        if (!ours.p) {
            return SL_E_NOMEM;
        }
    }
    int r = sl_headers_add(io_headers, arena, SL_STR("user-agent"), ours);
    return r < 0 ? r : sl_headers_add(io_headers, arena, SL_STR("accept-encoding"), SL_STR("identity"));
}

/* Fields that are dropped, beside the hop-by-hop ones. Lengths and dates belong to the connection; the upstream's
 * request id gets another name. */
static const struct sl_header_names down_dropped = { {
    [4] = { SL_STR_INIT("date") },
    [6] = { SL_STR_INIT("server") },
    [7] = { SL_STR_INIT("alt-svc") },
    [10] = { SL_STR_INIT("set-cookie") },
    [11] = { SL_STR_INIT("set-cookie2"), SL_STR_INIT("retry-after") }, /* for retry-after see wait_down */
    [13] = { SL_STR_INIT("server-timing") },
    [14] = { SL_STR_INIT("content-length"), SL_STR_INIT("retry-after-ms") },
    [25] = { SL_STR_INIT("strict-transport-security") },
} };

bool sl_header_is_of_body(struct sl_str name)
{
    static const struct sl_header_names names = { {
        [4] = { SL_STR_INIT("etag") },
        [8] = { SL_STR_INIT("location") },
        [11] = { SL_STR_INIT("retry-after") },
        [12] = { SL_STR_INIT("content-type") },
        [13] = { SL_STR_INIT("content-range"), SL_STR_INIT("accept-ranges"), SL_STR_INIT("last-modified") },
        [14] = { SL_STR_INIT("x-should-retry") },
        [16] = { SL_STR_INIT("content-encoding"), SL_STR_INIT("content-language"), SL_STR_INIT("www-authenticate") },
        [19] = { SL_STR_INIT("content-disposition") },
    } };
    return sl_header_is_among(name, &names);
}

static bool is_request_id(const struct sl_headers_down_rules *rules, struct sl_str name)
{
    return rules->request_id && sl_str_case_eq(name, sl_str_c(rules->request_id));
}

/* The headers for the client, while they are made. */
struct down {
    const struct sl_headers *from;
    int64_t now_sec;
    struct sl_arena *arena;
    struct sl_headers *out;
};

/* The value of an alias in the form that clients read; none if it should be an instant and is not. */
static struct sl_str alias_value(const struct down *down, const struct sl_header_alias *alias)
{
    struct sl_str value = sl_headers_get(down->from, alias->from);
    if (!value.p || !alias->is_instant) {
        return value;
    }
    int64_t when, now = down->now_sec;
    if (sl_parse_instant(value, &when) < 0) {
        return (struct sl_str){ 0 };
    }
    return sl_arena_printf(down->arena, "%llus", (unsigned long long)(when > now ? when - now : 0));
}

/* For each name, the first alias with a value gives it; a header that the upstream sent under that name stays. */
static int aliases_add(const struct down *down, const struct sl_header_alias *alias)
{
    int r = 0;
    for (; alias->from && r == 0; alias++) {
        struct sl_str value = alias_value(down, alias);
        if (value.p && !sl_headers_get(down->out, alias->to).p) {
            r = sl_headers_add(down->out, down->arena, sl_str_c(alias->to), value);
        }
    }
    return r;
}

/* Common clients sleep for the whole time of retry-after, so a longer wait is sent in another header. */
#define RETRY_AFTER_MAX_SEC 120

static int wait_down(const struct down *down)
{
    struct sl_arena *arena = down->arena;
    struct sl_str text = sl_headers_get(down->from, "retry-after");
    struct sl_str text_ms = sl_headers_get(down->from, "retry-after-ms");
    uint64_t sec = 0, ms = 0;
    bool has_ms = text_ms.n && sl_parse_u64(text_ms, 0, UINT32_MAX, &ms) == 0;
    bool has_sec = text.n && sl_parse_retry_after(text, down->now_sec, &sec) == 0;
    if (!has_sec && !has_ms) {
        return 0;
    }
    sec = has_sec ? sec : (ms + 999) / 1000;
    if (sec > RETRY_AFTER_MAX_SEC && sl_headers_get(down->out, "x-ratelimit-reset-requests").p) {
        return 0;
    }
    struct sl_str whole = sl_arena_printf(arena, sec > RETRY_AFTER_MAX_SEC ? "%llus" : "%llu", (unsigned long long)sec);
    if (!whole.p) {
        return SL_E_NOMEM;
    }
    if (sec > RETRY_AFTER_MAX_SEC) {
        return sl_headers_add(down->out, arena, SL_STR("x-ratelimit-reset-requests"), whole);
    }
    int r = sl_headers_add(down->out, arena, SL_STR("retry-after"), whole);
    return r == 0 && has_ms && ms <= RETRY_AFTER_MAX_SEC * 1000
               ? sl_headers_add(down->out, arena, SL_STR("retry-after-ms"), text_ms)
               : r;
}

static bool is_within(const struct sl_header *field, struct sl_str text)
{
    const char *end = text.p + text.n;
    return field->name.p >= text.p && field->name.p + field->name.n <= end && field->value.p >= text.p &&
           field->value.p + field->value.n <= end;
}

int sl_headers_down(const struct sl_headers_down_rules *rules, const struct sl_headers *from, struct sl_arena *arena,
                    struct sl_headers *io_headers, struct sl_str *io_request_id)
{
    struct down down = { from, (int64_t)(rules->now_wall_usec / SL_USEC_PER_SEC), arena, io_headers };
    bool has_named = has_named_fields(from);
    /* One look for all fields at once. */
    bool is_clear = from->head.p && !sl_secrets_may_be_in(rules->secrets, from->head);
    for (uint32_t i = 0; i < from->n; i++) {
        struct sl_str name = from->v[i].name;
        if (sl_header_is_among(name, &down_dropped) || sl_header_is_hop_by_hop(name) ||
            sl_header_is_listed(name, rules->hidden) || has_prefix_no_case(name, SL_STR("x-sluice-")) ||
            /* Only the gateway says which pages may read a reply. */
            has_prefix_no_case(name, SL_STR("access-control-")) || (has_named && is_named_by_connection(from, name))) {
            continue;
        }
        struct sl_str value = from->v[i].value;
        if (SL_UNLIKELY(!is_clear || !is_within(&from->v[i], from->head))) {
            value = sl_mask_text(rules->secrets, value, arena);
            struct sl_str shown = sl_mask_text(rules->secrets, name, arena);
            if (!value.p || !shown.p) {
                return SL_E_NOMEM;
            }
            if (shown.p != name.p) {
                continue; /* the name has a credential; masked, it would be no name */
            }
        }
        if (sl_str_case_eq(name, SL_STR("x-request-id")) || is_request_id(rules, name)) {
            *io_request_id = value;
            continue;
        }
        int r = sl_headers_add(io_headers, arena, name, value);
        if (r < 0) {
            return r;
        }
    }
    int r = rules->aliases ? aliases_add(&down, rules->aliases) : 0;
    return r < 0 ? r : wait_down(&down);
}
