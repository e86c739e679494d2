/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/error_headers.h"

#include "base/arena.h"
#include "gate/call/path.h"
#include "http/coding.h"
#include "llm/core/error.h"
#include "wire/headers.h"

/* Longer waits are not sent: common clients sleep for the whole time. */
#define WAIT_MAX_SEC 120

static int text_add(struct sl_headers *headers, struct sl_arena *arena, struct sl_str name, struct sl_str text)
{
    return text.p ? sl_headers_add(headers, arena, name, text) : SL_E_NOMEM;
}

static int wait_add(const struct sl_llm_error *error, struct sl_arena *arena, struct sl_headers *headers)
{
    uint64_t sec = error->retry_after_sec;
    if (sec == 0 && error->status == 503 && !sl_error_type_is_upstream(error->type)) {
        sec = 1; /* every 503 of Sluice says when to ask again */
    }
    if (sec == 0 || sec > WAIT_MAX_SEC) {
        return 0;
    }
    return text_add(headers, arena, SL_STR("retry-after"), sl_arena_printf(arena, "%llu", (unsigned long long)sec));
}

/* True: asking again cannot help (a credential or an account is at fault), or would generate and cost the answer once
 * more (a time-out after the request's last byte). */
static bool is_hopeless(enum sl_error_type type)
{
    static const enum sl_error_type types[] = { SL_ERR_CALLER_UNAUTHENTICATED, SL_ERR_PROVIDER_AUTH_FAILED,
                                                SL_ERR_PROVIDER_BILLING,       SL_ERR_PROVIDER_TIMEOUT_FIRST_BYTE,
                                                SL_ERR_PROVIDER_TIMEOUT_IDLE,  SL_ERR_PROVIDER_TIMEOUT_TOTAL };
    for (size_t i = 0; i < SL_ARRAY_LEN(types); i++) {
        if (types[i] == type) {
            return true;
        }
    }
    return false;
}

int sl_error_headers(const struct sl_llm_error *error, unsigned allowed, bool is_of_console, struct sl_arena *arena,
                     struct sl_headers *io_headers)
{
    int r = wait_add(error, arena, io_headers);
    if (r == 0 && error->type == SL_ERR_CALLER_UNSUPPORTED_MEDIA) {
        r = sl_headers_add(io_headers, arena, SL_STR("accept-encoding"), SL_STR(SL_CODINGS_ACCEPTED));
    }
    if (r == 0 && error->type == SL_ERR_CALLER_UPGRADE_REQUIRED) {
        r = sl_headers_add(io_headers, arena, SL_STR("upgrade"), SL_STR("HTTP/1.1")); /* RFC 9110 15.5.22 asks for it */
    }
    if (r == 0 && error->type == SL_ERR_CALLER_METHOD_NOT_ALLOWED) {
        char names[SL_METHODS_MAX];
        sl_methods_format(allowed, names);
        r = text_add(io_headers, arena, SL_STR("allow"), sl_arena_dup(arena, sl_str_c(names)));
    }
    if (r == 0 && error->type == SL_ERR_CALLER_UNAUTHENTICATED) {
        static const struct sl_str schemes[] = { SL_STR_INIT("Bearer realm=\"sluice\""),
                                                 SL_STR_INIT("Basic realm=\"sluice\"") };
        r = sl_headers_add(io_headers, arena, SL_STR("www-authenticate"), schemes[0]);
        r = r < 0 || is_of_console ? r : sl_headers_add(io_headers, arena, SL_STR("www-authenticate"), schemes[1]);
    }
    if (r == 0 && (error->is_final || is_hopeless(error->type))) {
        r = sl_headers_add(io_headers, arena, SL_STR("x-should-retry"), SL_STR("false"));
    }
    return r;
}
