/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "base/arena.h"
#include "wire/headers.h"
#include "wire/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_str text = sl_str_make((const char *)data, size), s, path, query;
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    struct sl_uri uri;
    if (sl_uri_parse(text, &uri, NULL) == 0) {
        SL_ASSERT(uri.host.n > 0 && uri.port > 0 && (uri.path.n == 0 || uri.path.p[0] == '/'));
        SL_ASSERT(sl_uri_join(&uri, SL_STR("x"), &arena, &s) == 0 && s.p[0] == '/');
    }
    if (sl_target_parse(text, &path, &query, NULL) == 0) {
        SL_ASSERT(path.n > 0);
        sl_query_get(query, "a", &arena, &s);
    }
    if (sl_percent_decode(text, &arena, &s) == 0) {
        SL_ASSERT(s.n <= text.n);
    }
    uint64_t sec;
    if (sl_parse_retry_after(text, 1000000000, &sec) == 0) {
        SL_ASSERT(sec < UINT64_MAX / 2);
    }
    sl_arena_done(&arena);
    return 0;
}
