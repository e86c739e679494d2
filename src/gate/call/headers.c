/* SPDX-License-Identifier: Apache-2.0 */
/* Which header fields travel: up by an allow list, down by a deny list, and ours beside them. */
#include "base/num.h"
#include "gate/call/exchange.h"

static bool has_prefix_no_case(struct sl_str s, struct sl_str prefix)
{
    return s.n >= prefix.n && sl_str_case_eq(sl_str_make(s.p, prefix.n), prefix);
}

static bool is_in(struct sl_str name, const struct sl_str *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (name.n == list[i].n && sl_str_case_eq(name, list[i])) {
            return true;
        }
    }
    return false;
}

/* Is there a Connection field that names others? Nearly always there is none: asked once a head. */
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

/* Honest ones name two or three fields. Each field is looked for among them, so a list without end would cost its
 * length times the number of fields: one that names more names all. */
#define NAMED_MAX 32

/* Does a Connection field name it (RFC 9110 7.6.1)? */
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

/* authorization is the provider's; accept-encoding and user-agent are set here. */
static const struct sl_str up_names[] = {
    SL_STR_INIT("accept"),         SL_STR_INIT("idempotency-key"), SL_STR_INIT("openai-beta"),
    SL_STR_INIT("anthropic-beta"), SL_STR_INIT("traceparent"),     SL_STR_INIT("tracestate"),
};

/* The body is the client's own JSON: so is what it says about it. What says something else (curl's default does) is not
 * believed; the dialect has read JSON. */
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

int sl_headers_up(struct sl_xchg *x, struct sl_headers *io_headers)
{
    struct sl_arena *arena = &x->req->arena;
    const struct sl_headers *from = &x->req->msg.headers;
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
        } else if (is_in(name, up_names, SL_ARRAY_LEN(up_names)) || has_prefix_no_case(name, SL_STR("x-stainless-"))) {
            int r = sl_headers_add(io_headers, arena, name, from->v[i].value);
            if (r < 0) {
                return r;
            }
        }
    }
    struct sl_str ours = SL_STR("sluice/" SL_VERSION);
    if (agent.n) {
        char *p = sl_arena_bytes(arena, agent.n + 1 + ours.n);
        if (!p) {
            return SL_E_NOMEM;
        }
        memcpy(p, agent.p, agent.n);
        p[agent.n] = ' ';
        memcpy(p + agent.n + 1, ours.p, ours.n);
        ours = sl_str_make(p, agent.n + 1 + ours.n);
    }
    int r = sl_headers_add(io_headers, arena, SL_STR("user-agent"), ours);
    return r < 0 ? r : sl_headers_add(io_headers, arena, SL_STR("accept-encoding"), SL_STR("identity"));
}

/* Besides the hop-by-hop ones. Lengths and dates are the connection's; the upstream's request id gets a name of its
 * own. */
static const struct sl_str down_dropped[] = {
    SL_STR_INIT("date"),
    SL_STR_INIT("server"),
    SL_STR_INIT("alt-svc"),
    SL_STR_INIT("set-cookie"),
    SL_STR_INIT("set-cookie2"),
    SL_STR_INIT("content-length"),
    SL_STR_INIT("strict-transport-security"),
    SL_STR_INIT("openai-organization"),
    SL_STR_INIT("server-timing"),
    SL_STR_INIT("retry-after"), /* wait_down */
    SL_STR_INIT("retry-after-ms"),
};

bool sl_header_is_of_body(struct sl_str name)
{
    static const struct sl_str names[] = {
        SL_STR_INIT("content-type"),
        SL_STR_INIT("content-encoding"),
        SL_STR_INIT("content-language"),
        SL_STR_INIT("content-range"),
        SL_STR_INIT("content-disposition"),
        SL_STR_INIT("accept-ranges"),
        SL_STR_INIT("last-modified"),
        SL_STR_INIT("etag"),
        SL_STR_INIT("location"),
        SL_STR_INIT("x-should-retry"),
        SL_STR_INIT("retry-after"),
        SL_STR_INIT("www-authenticate"),
    };
    return is_in(name, names, SL_ARRAY_LEN(names));
}

static bool is_request_id(const struct sl_provider *provider, struct sl_str name)
{
    return provider->request_id_header && sl_str_case_eq(name, sl_str_c(provider->request_id_header));
}

/* What an alias says, as clients read it: nothing where it is no instant although it should be one. */
static struct sl_str alias_value(struct sl_xchg *x, const struct sl_headers *from, const struct sl_header_alias *alias)
{
    struct sl_str value = sl_headers_get(from, alias->from);
    if (!value.p || !alias->is_instant) {
        return value;
    }
    int64_t when, now = (int64_t)(x->env.wall_usec / 1000000);
    if (sl_parse_instant(value, &when) < 0) {
        return (struct sl_str){ 0 };
    }
    return sl_arena_printf(&x->req->arena, "%llus", (unsigned long long)(when > now ? when - now : 0));
}

/* The first header that has a name's value gives it; where the upstream uses the name itself, that stays. */
static int aliases_add(struct sl_xchg *x, const struct sl_headers *from, const struct sl_header_alias *alias)
{
    int r = 0;
    for (; alias->from && r == 0; alias++) {
        struct sl_str value = alias_value(x, from, alias);
        if (value.p && !sl_headers_get(&x->up_headers, alias->to).p) {
            r = sl_headers_add(&x->up_headers, &x->req->arena, sl_str_c(alias->to), value);
        }
    }
    return r;
}

static struct sl_str number(struct sl_arena *arena, uint64_t v)
{
    char *p = sl_arena_bytes(arena, 20);
    return p ? sl_str_make(p, sl_format_u64(v, p)) : SL_STR_NONE;
}

/* Common clients sleep for the whole wait they are told, so a long one is not told in that way. */
#define RETRY_AFTER_MAX_SEC 120

static int wait_down(struct sl_xchg *x, const struct sl_headers *from)
{
    struct sl_arena *arena = &x->req->arena;
    struct sl_str text = sl_headers_get(from, "retry-after");
    struct sl_str text_ms = sl_headers_get(from, "retry-after-ms");
    uint64_t sec = 0, ms = 0;
    bool has_ms = text_ms.n && sl_parse_u64(text_ms, 0, UINT32_MAX, &ms) == 0;
    bool has_sec = text.n && sl_parse_retry_after(text, (int64_t)(x->env.wall_usec / 1000000), &sec) == 0;
    if (!has_sec && !has_ms) {
        return 0;
    }
    sec = has_sec ? sec : (ms + 999) / 1000;
    struct sl_str whole = number(arena, sec);
    if (!whole.p) {
        return SL_E_NOMEM;
    }
    if (sec <= RETRY_AFTER_MAX_SEC) {
        int r = sl_headers_add(&x->up_headers, arena, SL_STR("retry-after"), whole);
        return r == 0 && has_ms && ms <= RETRY_AFTER_MAX_SEC * 1000
                   ? sl_headers_add(&x->up_headers, arena, SL_STR("retry-after-ms"), text_ms)
                   : r;
    }
    if (sl_headers_get(&x->up_headers, "x-ratelimit-reset-requests").p) {
        return 0;
    }
    whole = sl_arena_printf(arena, "%llus", (unsigned long long)sec);
    return whole.p ? sl_headers_add(&x->up_headers, arena, SL_STR("x-ratelimit-reset-requests"), whole) : SL_E_NOMEM;
}

int sl_headers_down(struct sl_xchg *x, const struct sl_headers *from)
{
    struct sl_arena *arena = &x->req->arena;
    const struct sl_provider *provider = x->target->provider;
    bool has_named = has_named_fields(from);
    for (uint32_t i = 0; i < from->n; i++) {
        struct sl_str name = from->v[i].name;
        if (is_in(name, down_dropped, SL_ARRAY_LEN(down_dropped)) || sl_header_is_hop_by_hop(name) ||
            has_prefix_no_case(name, SL_STR("x-sluice-")) || (has_named && is_named_by_connection(from, name))) {
            continue;
        }
        if (sl_str_case_eq(name, SL_STR("x-request-id")) || is_request_id(provider, name)) {
            x->upstream_request_id = from->v[i].value;
            continue;
        }
        int r = sl_headers_add(&x->up_headers, arena, name, from->v[i].value);
        if (r < 0) {
            return r;
        }
    }
    int r = provider->aliases ? aliases_add(x, from, provider->aliases) : 0;
    return r < 0 ? r : wait_down(x, from);
}

/* "12.345": milliseconds with three decimals. */
static char *put_msec(char *at, uint64_t usec)
{
    at += sl_format_u64(usec / 1000, at);
    uint64_t rest = usec % 1000;
    *at++ = '.';
    *at++ = (char)('0' + rest / 100);
    *at++ = (char)('0' + rest / 10 % 10);
    *at++ = (char)('0' + rest % 10);
    return at;
}

static char *put(char *at, struct sl_str s)
{
    memcpy(at, s.p, s.n);
    return at + s.n;
}

/* What the gateway itself took since it had the request, what the attempts took until now, and their first byte. */
static struct sl_str server_timing(struct sl_xchg *x)
{
    char *p = sl_arena_bytes(&x->req->arena, 128);
    if (!p) {
        return SL_STR_NONE;
    }
    uint64_t now = sl_loop_now(&x->worker->loop);
    /* What the client took to send its request is not ours. */
    uint64_t since = x->req->body_usec ? x->req->body_usec : x->req->head_usec ? x->req->head_usec : now;
    uint64_t total = now - since;
    uint64_t upstream = x->upstream_first_usec ? now - x->upstream_first_usec : 0;
    char *at = put(p, SL_STR("sluice;dur="));
    at = put_msec(at, total - SL_MIN(upstream, total));
    if (x->upstream_first_usec) {
        at = put(at, SL_STR(", upstream;dur="));
        at = put_msec(at, upstream);
    }
    if (x->upstream_head_usec) {
        at = put(at, SL_STR(", ttfb;dur="));
        at = put_msec(at, x->upstream_head_usec - x->upstream_first_usec);
    }
    return sl_str_make(p, (size_t)(at - p));
}

int sl_headers_own(struct sl_xchg *x, struct sl_headers *io_headers)
{
    struct sl_arena *arena = &x->req->arena;
    struct {
        struct sl_str name, value;
    } own[9];
    size_t n = 0;
    own[n].name = SL_STR("x-request-id");
    own[n++].value = x->request_id;
    if (x->settings->server.headers) {
        if (x->route) {
            own[n].name = SL_STR("x-sluice-route");
            own[n++].value = x->route->name;
        }
        if (x->target) {
            own[n].name = SL_STR("x-sluice-provider");
            own[n++].value = sl_str_c(x->target->provider->name);
            if (x->target->model.n) { /* MLflow's files may leave it out */
                own[n].name = SL_STR("x-sluice-model");
                own[n++].value = x->target->model;
            }
            own[n].name = SL_STR("x-sluice-attempts");
            own[n++].value = number(arena, x->n_attempts);
        }
        if (x->up.dropped.n) {
            own[n].name = SL_STR("x-sluice-dropped");
            own[n++].value = x->up.dropped;
        }
        if (x->error_type) {
            own[n].name = SL_STR("x-sluice-error-type");
            own[n++].value = sl_str_c(sl_error_type_word(x->error_type));
        }
        if (x->upstream_request_id.n) {
            own[n].name = SL_STR("x-sluice-upstream-request-id");
            own[n++].value = x->upstream_request_id;
        }
        if (x->path && x->path->is_invocation) {
            own[n].name = SL_STR("server-timing");
            own[n++].value = server_timing(x);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!own[i].value.p) {
            return SL_E_NOMEM;
        }
        /* A model's name comes from a file or an administrator; it must not break the head. */
        if (own[i].value.n && !sl_header_is_visible(own[i].value, 1024) &&
            own[i].name.n != sizeof("server-timing") - 1) {
            continue;
        }
        int r = sl_headers_add(io_headers, arena, own[i].name, own[i].value);
        if (r < 0) {
            return r;
        }
    }
    return sl_admit_headers(x, io_headers);
}

/* Shorter ones are none, and would spoil words. */
#define CREDENTIAL_MIN 8

static void word_mask(struct sl_str word, char *bytes, size_t n)
{
    struct sl_str text = sl_str_make(bytes, n);
    ptrdiff_t at = word.n >= CREDENTIAL_MIN ? sl_str_find(text, word, 0) : -1;
    while (at >= 0) {
        memset(bytes + at, '*', word.n);
        at = sl_str_find(text, word, (size_t)at + word.n);
    }
}

void sl_headers_mask(const struct sl_xchg *x, char *bytes, size_t n)
{
    static const char *const names[] = { "authorization", "x-api-key", "api-key", "x-goog-api-key",
                                         "x-amz-security-token" };
    for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
        struct sl_str value = sl_str_trim(sl_headers_get(&x->up.headers, names[i]));
        ptrdiff_t space = sl_str_find_char(value, ' ', 0); /* behind a scheme */
        word_mask(sl_str_sub(value, (size_t)(space + 1), value.n), bytes, n);
    }
}
