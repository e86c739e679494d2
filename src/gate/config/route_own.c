/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/route_own.h"

#include "base/num.h"
#include "base/secret.h"
#include "conf/files.h"
#include "gate/config/per_route.h"
#include "gate/config/proxy_url.h"
#include "gate/config/route_header.h"
#include "http/way.h"
#include "llm/core/passage.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "net/tls.h"
#include "wire/headers.h"

#define HEADERS_MAX 64

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)

static int proxy_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    struct sl_str *proxy = field;
    if (val->kind != SL_VAL_STRING) {
        return FAIL(bind, val, "must be a URL like http://host:port, or none");
    }
    *proxy = sl_arena_dup(bind->arena, val->text);
    if (!proxy->p) {
        return FAIL(bind, val, "out of memory");
    }
    return sl_str_eq_c(*proxy, "none") ? 0 : sl_proxy_url_check(bind, row, val, proxy);
}

static int headers_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_route_own *own = SL_CONTAINER_OF(field, struct sl_route_own, headers);
    if (val->kind != SL_VAL_MAP || val->n > HEADERS_MAX) {
        return FAIL(bind, val, "must be a map of at most %d headers: { name: value }", HEADERS_MAX);
    }
    own->headers = SL_ARENA_ARRAY(bind->arena, struct sl_route_header, val->n + 1);
    own->secret_names = SL_ARENA_ARRAY(bind->arena, struct sl_str, val->n + 1);
    if (!own->headers || !own->secret_names) {
        return FAIL(bind, val, "out of memory");
    }
    uint32_t n_secrets = 0;
    int r = 0;
    for (uint32_t i = 0; r == 0 && bind->resolve && i < val->n; i++) {
        struct sl_route_header *header = &own->headers[own->n_headers++];
        r = sl_route_header_bind(bind, &val->items[i], header);
        if (header->is_secret) {
            own->secret_names[n_secrets++] = header->name;
        }
    }
    return r;
}

static int passage_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    const struct sl_strs *rules = field;
    for (uint32_t i = 0; i < rules->n; i++) {
        const char *fault = sl_passage_rule_fault(rules->v[i]);
        const struct sl_val *at = val->kind == SL_VAL_LIST && i < val->n ? val->items[i].val : val;
        if (fault) {
            return FAIL(bind, at, "\"%.*s\" %s", SL_STR_ARG(sl_str_sub(rules->v[i], 0, 128)), fault);
        }
    }
    return 0;
}

static const struct sl_opt tls_rows[] = {
    { "ca", SL_OPT_PATH, offsetof(struct sl_route_own, tls_ca), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "certificate authorities (PEM) beside the system's, in place of upstream.ca" },
    { "cert", SL_OPT_PATH, offsetof(struct sl_route_own, tls_cert), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "certificate chain (PEM) that is shown to the upstream" },
    { "key", SL_OPT_PATH, offsetof(struct sl_route_own, tls_key), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "its private key (PEM)" },
    { NULL },
};

static const struct sl_opt responses_rows[] = {
    { "keep", SL_OPT_USEC, offsetof(struct sl_route_own, responses_keep_usec), NULL, SL_USEC_PER_SEC,
      30 * 86400 * SL_USEC_PER_SEC, SL_OPT_RELOAD, NULL, NULL, NULL,
      "how long a response is kept, so that it can be read again and continued; default: none is kept" },
    { "size", SL_OPT_BYTES, offsetof(struct sl_route_own, responses_bytes), NULL, 4096, 64ull << 30, SL_OPT_RELOAD,
      NULL, NULL, NULL,
      "memory for all kept responses and their conversations together, default 64MiB; the oldest go first" },
    { NULL },
};

const struct sl_opt sl_route_own_rows[] = {
    { "responses", SL_OPT_MAP, 0, NULL, 0, 0, SL_OPT_RELOAD, NULL, responses_rows, NULL,
      "responses of /v1/responses that the gateway keeps in its memory, where the provider keeps none" },
    { "proxy", SL_OPT_CUSTOM, offsetof(struct sl_route_own, proxy), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, proxy_check,
      "a proxy in place of upstream.proxy, without exceptions: http://[user:password@]host:port, or none",
      .forms = "{\"const\":\"none\"},{\"type\":\"string\",\"pattern\":\"^http://\"}" },
    { "headers", SL_OPT_CUSTOM, offsetof(struct sl_route_own, headers), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL,
      headers_check, "sent with each request: { name: value }; a value may be a secret by reference",
      .forms = "{\"type\":\"object\",\"additionalProperties\":{\"anyOf\":[{\"type\":\"number\"},{\"$ref\":\"#/"
               "components/schemas/FileSecret\"}]}}" },
    { "tls", SL_OPT_MAP, 0, NULL, 0, 0, SL_OPT_RELOAD, NULL, tls_rows, NULL, "of the connections to the upstream" },
    { "passage", SL_OPT_STR_LIST, offsetof(struct sl_route_own, passage), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL,
      passage_check,
      "what /gateway/proxy/{route}/… passes on beside calls of models: a method and a path, like GET /files/*; a * is "
      "any text within one segment, ** at the end is everything below" },
    { NULL },
};

static int headers_look(struct sl_bind *bind, const struct sl_val *map, const struct sl_provider *provider,
                        const struct sl_route_own *own)
{
    const struct sl_str *name = provider ? provider->credential_headers : NULL;
    for (; name && name->p; name++) {
        for (uint32_t i = 0; i < own->n_headers; i++) {
            if (sl_str_case_eq(own->headers[i].name, *name)) {
                return FAIL(bind, map, "headers: \"%.*s\" carries the credential, which stands in model.config",
                            SL_STR_ARG(*name));
            }
        }
    }
    return 0;
}

/* The fingerprint comes first: a file that changes in between is read again, not missed. */
static int files_note(struct sl_bind *bind, const struct sl_route_own *own)
{
    const struct sl_str paths[] = { own->tls_ca, own->tls_cert, own->tls_key };
    for (size_t i = 0; i < SL_ARRAY_LEN(paths); i++) {
        if (paths[i].n && sl_conf_files_note(bind->resolve_arg, paths[i], sl_conf_print_file(paths[i].p)) < 0) {
            return SL_E_NOMEM;
        }
    }
    return 0;
}

static int tls_make(struct sl_bind *bind, const struct sl_val *map, struct sl_str ca, const struct sl_route_own *own,
                    struct sl_tls_ctx **ret)
{
    struct sl_err err = { 0 };
    const char *ca_path = own->tls_ca.n ? own->tls_ca.p : ca.n ? ca.p : NULL;
    if (!own->tls_cert.n != !own->tls_key.n) {
        return FAIL(bind, map, "tls: needs both cert and key");
    }
    if (files_note(bind, own) < 0) {
        return FAIL(bind, map, "out of memory");
    }
    return sl_tls_ctx_new_client(ca_path, own->tls_cert.n ? own->tls_cert.p : NULL, own->tls_key.p, ret, &err) < 0
               ? FAIL(bind, map, "tls: %s", err.text)
               : 0;
}

int sl_route_own_check(struct sl_bind *bind, const struct sl_val *map, const struct sl_target *targets,
                       uint32_t n_targets, struct sl_str ca, const struct sl_route_own *own, struct sl_way **ret_way)
{
    *ret_way = NULL;
    if (own->passage.n && n_targets && !targets[0].provider->passage) { /* the passage belongs to the first target */
        return FAIL(bind, map, "passage: %s models have no raw passage", targets[0].provider->label);
    }
    bool has_tls = own->tls_ca.n || own->tls_cert.n || own->tls_key.n;
    if (!own->proxy.p && !own->headers && !has_tls) {
        return 0;
    }
    if (!bind->resolve) {
        return FAIL(bind, map, "only routes of the operator's file can have proxy, headers and tls");
    }
    struct sl_tls_ctx *tls = NULL;
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < n_targets; i++) {
        r = headers_look(bind, map, targets[i].provider, own);
    }
    r = r < 0 || !has_tls ? r : tls_make(bind, map, ca, own, &tls);
    if (r < 0 || (!own->proxy.p && !tls)) {
        return r;
    }
    r = sl_way_new(own->proxy, tls, ret_way);
    if (r < 0) {
        sl_tls_ctx_unref(tls);
        return FAIL(bind, map, "out of memory");
    }
    return 0;
}

int sl_route_own_headers(const struct sl_route_own *own, struct sl_arena *arena, struct sl_headers *io_headers)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < own->n_headers; i++) {
        sl_headers_drop(io_headers, (struct sl_str[]){ own->headers[i].name, SL_STR_NONE });
        r = sl_headers_add(io_headers, arena, own->headers[i].name, sl_secret_reveal(&own->headers[i].value));
    }
    return r;
}

void sl_route_own_done(struct sl_route_own *own)
{
    for (uint32_t i = 0; i < own->n_headers; i++) {
        sl_secret_done(&own->headers[i].value);
    }
    own->n_headers = 0;
    if (own->proxy.n) {
        sl_wipe((char *)(uintptr_t)own->proxy.p, own->proxy.n); /* it may have a password */
    }
}
