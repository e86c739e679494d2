/* SPDX-License-Identifier: Apache-2.0 */
/* The console: static files that are a part of the program. Everyone may read them; what the console shows, it asks for
 * by management calls, and these ask who calls. */
#include "gate/api/console.h"

#include "gate/call/access.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/settings.h"
#include "http/hreq.h"
#include "wire/headers.h"

/* On every reply. Nothing comes from elsewhere, nothing runs that is not a file of ours, and no page may frame it. */
static const struct sl_str guards[][2] = {
    { SL_STR_INIT("content-security-policy"),
      SL_STR_INIT("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
                  "frame-ancestors 'none'") },
    { SL_STR_INIT("x-content-type-options"), SL_STR_INIT("nosniff") },
    { SL_STR_INIT("x-frame-options"), SL_STR_INIT("DENY") },
    { SL_STR_INIT("referrer-policy"), SL_STR_INIT("no-referrer") },
    { SL_STR_INIT("cross-origin-opener-policy"), SL_STR_INIT("same-origin") },
    { SL_STR_INIT("cross-origin-resource-policy"), SL_STR_INIT("same-origin") },
    { SL_STR_INIT("vary"), SL_STR_INIT("accept-encoding") },
};

/* True: the weight of an entry ("q=0.5", or nothing) is zero. */
static bool is_zero(struct sl_str weight)
{
    bool is_zero = sl_str_has_prefix(weight, SL_STR("q=0"));
    for (size_t i = 3; is_zero && i < weight.n; i++) {
        is_zero = weight.p[i] == '0' || weight.p[i] == '.';
    }
    return is_zero;
}

/* True: one of the entries of accept-encoding is gzip. */
static bool takes_gzip(const struct sl_headers *headers)
{
    struct sl_str rest = sl_headers_get(headers, "accept-encoding"), entry, name;
    while (sl_str_next(&rest, ',', &entry)) {
        struct sl_str weight = entry;
        if (sl_str_next(&weight, ';', &name) && sl_str_case_eq(sl_str_trim(name), SL_STR("gzip"))) {
            return !is_zero(sl_str_trim(weight));
        }
    }
    return false;
}

/* True: the client has these bytes. A proxy on the way may have made the tag a weak one. */
static bool has_already(const struct sl_xchg *x, const char *etag)
{
    const struct sl_headers *headers = &x->req->msg.headers;
    struct sl_str weak = sl_arena_printf(x->arena, "W/%s", etag);
    return sl_headers_has_token(headers, "if-none-match", etag) ||
           sl_headers_has_token(headers, "if-none-match", "*") ||
           (weak.p && sl_headers_has_token(headers, "if-none-match", weak.p));
}

static void file_reply(struct sl_xchg *x, const struct sl_console_file *file, struct sl_str cache_control)
{
    bool is_zipped = takes_gzip(&x->req->msg.headers);
    const struct sl_console_part *part = is_zipped ? &file->zipped : &file->plain;
    struct sl_headers headers = { 0 };
    int r = sl_headers_add(&headers, x->arena, SL_STR("etag"), sl_str_c(part->etag));
    r = r < 0 ? r : sl_headers_add(&headers, x->arena, SL_STR("cache-control"), cache_control);
    for (size_t i = 0; r == 0 && i < SL_ARRAY_LEN(guards); i++) {
        r = sl_headers_add(&headers, x->arena, guards[i][0], guards[i][1]);
    }
    bool is_known = has_already(x, part->etag);
    if (r == 0 && is_zipped && !is_known) {
        r = sl_headers_add(&headers, x->arena, SL_STR("content-encoding"), SL_STR("gzip"));
    }
    if (r < 0) {
        sl_xchg_fail_nomem(x);
    } else if (is_known) {
        sl_xchg_reply_with(x, 304, &headers, SL_STR_NONE, SL_STR(""));
    } else {
        sl_xchg_reply_with(x, 200, &headers, sl_str_c(file->type), part->bytes);
    }
}

/* False: it was refused. */
static bool is_on_or_refuse(struct sl_xchg *x)
{
    bool is_built = sl_console_files[0].name, is_on = x->settings->server.console;
    if (!is_built || !is_on) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_NOT_FOUND, "%s",
                          is_built ? "The console is turned off: the configuration has server.console: false."
                                   : "This gateway was built without the console.");
    }
    return is_built && is_on;
}

static void handle_page(struct sl_xchg *x)
{
    if (is_on_or_refuse(x)) {
        file_reply(x, &sl_console_files[0], SL_STR("no-cache"));
    }
}

/* Links in the page go from where it is, so it has one address. This one is relative, too: a proxy may have cut a
 * prefix off without saying so. */
static void handle_slash(struct sl_xchg *x)
{
    struct sl_headers headers = { 0 };
    if (!is_on_or_refuse(x)) {
        return;
    }
    if (sl_headers_add(&headers, x->arena, SL_STR("location"), SL_STR("../console")) < 0) {
        sl_xchg_fail_nomem(x);
        return;
    }
    sl_xchg_reply_with(x, 307, &headers, SL_STR_NONE, SL_STR(""));
}

static const struct sl_console_file *file_find(struct sl_str folder, struct sl_str path)
{
    if (!sl_str_eq_c(folder, sl_console_folder) || path.n < 2) {
        return NULL;
    }
    struct sl_str name = sl_str_sub(path, 1, path.n); /* it begins with a slash */
    for (const struct sl_console_file *file = &sl_console_files[1]; file->name; file++) {
        if (sl_str_eq_c(name, file->name)) {
            return file;
        }
    }
    return NULL;
}

static void handle_file(struct sl_xchg *x)
{
    if (!is_on_or_refuse(x)) {
        return;
    }
    const struct sl_console_file *file = file_find(x->match.arg, x->match.rest);
    if (file) {
        file_reply(x, file, SL_STR("public, max-age=31536000, immutable"));
    } else {
        sl_xchg_fail_text(x, SL_ERR_CALLER_NOT_FOUND,
                          "The console has no such file; after an update of the gateway, load the page again.");
    }
}

const struct sl_path sl_console_rows[] = {
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/console",
      .handle = handle_page,
      .access = SL_ACCESS_OPEN,
      .told = SL_TOLD("The console, for people.", .statuses = "200 304 404", .headers = "etag cache-control",
                      .media = "text/html") },
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/console/",
      .handle = handle_slash,
      .access = SL_ACCESS_OPEN,
      .told = SL_TOLD("Redirects to /console.", .statuses = "307 404") },
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/console/{}/**",
      .handle = handle_file,
      .access = SL_ACCESS_OPEN,
      .told = SL_TOLD("The console's scripts and styles.", .statuses = "200 304", .parameters = "path",
                      .headers = "etag cache-control", .media = "text/javascript") },
    { 0 },
};
