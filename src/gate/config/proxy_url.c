/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/proxy_url.h"

#include "base/opt.h"
#include "wire/uri.h"

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)

int sl_proxy_url_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_uri uri;
    struct sl_err err = { 0 };
    if (sl_uri_parse(*(struct sl_str *)field, &uri, &err) < 0) {
        return FAIL(bind, val, "is not a URL: %s", err.text);
    }
    if (uri.is_https) {
        return FAIL(bind, val,
                    "must begin with http://: the way to the proxy is not encrypted, what passes through it is");
    }
    struct sl_str plain;
    if (sl_percent_decode(uri.userinfo, bind->arena, &plain) < 0) {
        return FAIL(bind, val, "has a bad escape in its user or password: write %% as %%25");
    }
    return 0;
}
