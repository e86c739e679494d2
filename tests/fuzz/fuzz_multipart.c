/* SPDX-License-Identifier: Apache-2.0 */
/* A form has the same parts, values and end however it is split. The first byte is the size of the pieces; the first
 * line is the Content-Type. */
#include <stdint.h>

#include "base/buf.h"
#include "wire/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tell(struct sl_str boundary, struct sl_str text, size_t piece, struct sl_buf *out)
{
    static struct sl_multipart form;
    int r = 0;
    sl_multipart_init(&form, boundary);
    for (size_t at = 0; r >= 0 && at < text.n; at += piece) {
        for (struct sl_str rest = sl_str_sub(text, at, at + piece); r >= 0 && rest.n;) {
            size_t used = 0;
            r = sl_multipart_push(&form, rest, &used);
            SL_ASSERT(r < 0 || (used > 0 && used <= rest.n));
            rest = sl_str_sub(rest, used, rest.n);
            if (r == SL_MULTIPART_PART) {
                sl_buf_add_str(out, form.name);
                SL_ASSERT(form.start <= text.n && form.n_parts <= SL_MULTIPART_PARTS_MAX);
            } else if (r == SL_MULTIPART_TAKEN) {
                SL_ASSERT(form.start <= form.end && form.end <= text.n);
                SL_ASSERT(!form.value.p || sl_str_eq(form.value, sl_str_sub(text, form.start, form.end)));
            }
            if (r > SL_MULTIPART_MORE) {
                sl_buf_printf(out, "%d.%u.%llu.%llu ", r, form.n_parts, (unsigned long long)form.start,
                              (unsigned long long)form.end);
            }
        }
    }
    r = r < 0 ? r : sl_multipart_finish(&form);
    sl_buf_printf(out, "%d %s", r, r < 0 ? form.fault : "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct sl_str text = sl_str_make((const char *)data + 1, size - 1), type;
    char boundary[SL_MULTIPART_BOUNDARY_MAX];
    size_t n;
    const char *fault;
    SL_IGNORE(!sl_str_next(&text, '\n', &type));
    if (sl_multipart_boundary(type, boundary, &n, &fault) < 0) {
        SL_ASSERT(fault);
        return 0;
    }
    struct sl_buf a = SL_BUF_INIT(1 << 22), b = SL_BUF_INIT(1 << 22);
    tell(sl_str_make(boundary, n), text, text.n + 1, &a);
    tell(sl_str_make(boundary, n), text, 1 + data[0] % 31, &b);
    SL_ASSERT(sl_str_eq(sl_buf_str(&a), sl_buf_str(&b)));
    sl_buf_done(&a);
    sl_buf_done(&b);
    return 0;
}
