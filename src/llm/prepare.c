/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/prepare.h"

#define KEY_MAX    16384
#define HEADER_MAX 1024

struct sl_pos sl_prepare_pos(const struct sl_val *val, const char *key)
{
    const struct sl_val *member = sl_val_find(val, key);
    return member ? member->pos : val ? val->pos : (struct sl_pos){ 0 };
}

int sl_prepare_base(struct sl_bind *bind, const struct sl_val *val, const char *key, struct sl_str text,
                    struct sl_uri *ret)
{
    struct sl_err err = { 0 };
    if (sl_uri_parse(text, ret, &err) < 0) {
        return SL_PREPARE_FAIL(bind, val, key, "%s: %s", key, err.text);
    }
    if (ret->userinfo.n) {
        return SL_PREPARE_FAIL(bind, val, key, "%s: a user or password in the URL is not used; give the key by itself",
                               key);
    }
    return 0;
}

int sl_prepare_key(struct sl_bind *bind, const struct sl_val *val, const char *key, struct sl_str prefix,
                   struct sl_secret *secret)
{
    struct sl_str text = sl_secret_reveal(secret);
    if (!sl_header_is_visible(text, KEY_MAX)) {
        return SL_PREPARE_FAIL(bind, val, key, "the key is empty or holds characters that cannot stand in a header");
    }
    if (prefix.n == 0) {
        return 0;
    }
    struct sl_buf buf = SL_BUF_INIT(KEY_MAX * 2);
    SL_IGNORE(sl_buf_reserve(&buf, text.n + prefix.n + 1) < 0); /* in one piece: growing would leave copies behind */
    sl_buf_add_str(&buf, prefix);
    sl_buf_add_str(&buf, text);
    int r = sl_buf_status(&buf);
    if (r == 0) {
        r = sl_secret_set(secret, sl_buf_str(&buf));
    }
    if (buf.p) {
        sl_wipe(buf.p, buf.len);
    }
    sl_buf_done(&buf);
    return r;
}

int sl_prepare_header(struct sl_bind *bind, const struct sl_val *val, const char *key, struct sl_str name,
                      struct sl_str value, struct sl_headers *headers)
{
    if (value.n == 0) {
        return 0;
    }
    if (!sl_header_is_visible(value, HEADER_MAX)) {
        return SL_PREPARE_FAIL(bind, val, key, "%s holds characters that cannot stand in a header", key);
    }
    return sl_headers_add(headers, bind->arena, name, value);
}
