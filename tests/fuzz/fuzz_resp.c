/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "wire/resp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A reply is inside the bytes, and no first part of it is taken for a whole one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_resp items[64], part[64];
    struct sl_str bytes = sl_str_make((const char *)data, size);
    size_t used = 0, less = 0;
    int n = sl_resp_read(bytes, items, SL_ARRAY_LEN(items), &used);
    if (n < 0) {
        return 0;
    }
    SL_ASSERT(n > 0 && used > 0 && used <= size);
    for (int i = 0; i < n; i++) {
        bool is_inside = items[i].text.p >= bytes.p && items[i].text.p + items[i].text.n <= bytes.p + used;
        SL_ASSERT(!items[i].text.p || is_inside);
    }
    SL_ASSERT(sl_resp_read(sl_str_sub(bytes, 0, used - 1), part, SL_ARRAY_LEN(part), &less) == SL_E_AGAIN);
    SL_ASSERT(sl_resp_read(sl_str_sub(bytes, 0, used / 2), part, SL_ARRAY_LEN(part), &less) == SL_E_AGAIN);
    return 0;
}
