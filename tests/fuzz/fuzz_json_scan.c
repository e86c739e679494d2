/* SPDX-License-Identifier: Apache-2.0 */
/* The scanner finds the same however the text is split, and on valid JSON the same as the reader. */
#include <stdint.h>

#include "json/json.h"
#include "json/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_str text = sl_str_make((const char *)data, size);
    static const struct sl_json_scan_want wants[] = { { SL_STR_INIT("usage"), 4096 },
                                                      { SL_STR_INIT("error"), 64 },
                                                      { SL_STR_INIT("choices"), 0 } };
    struct sl_json_scan whole, split;
    sl_json_scan_init(&whole, wants, SL_ARRAY_LEN(wants));
    sl_json_scan_init(&split, wants, SL_ARRAY_LEN(wants));
    sl_json_scan_push(&whole, text);
    size_t piece = 1 + size % 7;
    for (size_t at = 0; at < size; at += piece) {
        sl_json_scan_push(&split, sl_str_sub(text, at, at + piece));
    }
    struct sl_str a = SL_STR_NONE, b = SL_STR_NONE;
    bool has_a = sl_json_scan_value(&whole, 0, &a), has_b = sl_json_scan_value(&split, 0, &b);
    SL_ASSERT(has_a == has_b && sl_str_eq(a, b));
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    if (sl_json_parse(&doc, text) == 0 && sl_json_is(sl_json_root(&doc), SL_JSON_OBJECT)) {
        /* Only the reader finds a name with escapes in it: no API sends such names. */
        struct sl_json_val want = SL_JSON_ABSENT;
        for (struct sl_json_iter it = sl_json_each(sl_json_root(&doc)); sl_json_next(&it);) {
            if (sl_str_eq(sl_json_raw(it.key), SL_STR("\"usage\""))) {
                want = it.val;
            }
        }
        struct sl_str raw = want.doc ? sl_json_raw(want) : SL_STR_NONE;
        if (raw.n <= 4096) {
            SL_ASSERT(has_a == sl_json_is_present(want) && sl_str_eq(a, raw));
        }
    }
    sl_json_done(&doc);
    sl_json_scan_done(&whole);
    sl_json_scan_done(&split);
    return 0;
}
