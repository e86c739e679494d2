/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's address and the client's credentials: the rules for the URL (the Python client's) and the Authorization
 * header. */
#include "client/priv.h"

#include <string.h>

#include "wire/uri.h"

static bool is_name(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool ok = ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                  (i && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'));
        if (!ok) {
            return false;
        }
    }
    return s.n > 0;
}

bool slc_uri_is_absolute(struct sl_str uri)
{
    ptrdiff_t colon = sl_str_find_char(uri, ':', 0);
    if (colon < 0 || !is_name(sl_str_sub(uri, 0, (size_t)colon))) {
        return false;
    }
    struct sl_str rest = sl_str_sub(uri, (size_t)colon + 1, uri.n);
    return rest.n > 2 && rest.p[0] == '/' && rest.p[1] == '/' && !strchr("/?#", rest.p[2]);
}

static bool is_databricks(struct sl_str uri)
{
    return sl_str_eq(uri, SL_STR("databricks")) || sl_str_has_prefix(uri, SL_STR("databricks:"));
}

bool slc_uri_is_valid(struct sl_str uri)
{
    return is_databricks(uri) || slc_uri_is_absolute(uri);
}

int slc_url_check(const struct sluice_opts *opts, sluice_error **err)
{
    const struct sl_alloc *alloc = &opts->alloc;
    if (!opts->url) {
        return slc_fail(alloc, err, SLUICE_EUSAGE,
                        "No Gateway server uri has been set. Set the option url, or SLUICE_SERVER or "
                        "MLFLOW_GATEWAY_URI in the environment");
    }
    struct sl_str url = sl_str_c(opts->url);
    if (is_databricks(url)) {
        return slc_fail(alloc, err, SLUICE_EUSAGE,
                        "databricks URIs are not supported: give the workspace's https:// URL and a key");
    }
    /* a text that may have a password is not repeated */
    bool is_shown = sl_str_find_char(url, '@', 0) < 0;
    if (!slc_uri_is_absolute(url)) {
        return slc_fail(alloc, err, SLUICE_EUSAGE,
                        "The gateway uri provided is missing required elements. It must be "
                        "http://host or https://host, not '%s'",
                        is_shown ? opts->url : "…");
    }
    struct sl_uri uri;
    struct sl_err why;
    if (sl_uri_parse(url, &uri, &why) < 0) {
        return slc_fail(alloc, err, SLUICE_EUSAGE, "Invalid url: %s: %s", is_shown ? opts->url : "…", why.text);
    }
    if (uri.userinfo.n || uri.has_query) {
        return slc_fail(alloc, err, SLUICE_EUSAGE, "Invalid url: %s",
                        uri.has_query ? "it must not have a query"
                                      : "credentials go into the options username and password, or key");
    }
    return 0;
}

static void base64_add(struct sl_buf *out, const char *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)(unsigned char)p[i] << 16;
        v |= i + 1 < n ? (unsigned)(unsigned char)p[i + 1] << 8 : 0;
        v |= i + 2 < n ? (unsigned char)p[i + 2] : 0;
        const char four[] = { digits[v >> 18], digits[v >> 12 & 63], i + 1 < n ? digits[v >> 6 & 63] : '=',
                              i + 2 < n ? digits[v & 63] : '=' };
        sl_buf_add(out, four, sizeof(four));
    }
}

int slc_authorization_make(struct sluice_client *client)
{
    const struct sluice_opts *opts = client->opts;
    struct sl_buf out = { .max = SIZE_MAX / 2, .alloc = &client->alloc };
    /* Reserved at once: a buffer that grew would leave pieces of the key behind. */
    SL_IGNORE(
        sl_buf_reserve(&out, 2 * (strlen(opts->username ? opts->username : "") +
                                  strlen(opts->password ? opts->password : "") + strlen(opts->key ? opts->key : "")) +
                                 32)); /* an error is sticky */
    if (opts->username && opts->password) {
        struct sl_buf pair = { .max = SIZE_MAX / 2, .alloc = &client->alloc };
        SL_IGNORE(sl_buf_reserve(&pair, strlen(opts->username) + strlen(opts->password) + 1)); /* an error is sticky */
        sl_buf_add_c(&pair, opts->username);
        sl_buf_add_char(&pair, ':');
        sl_buf_add_c(&pair, opts->password);
        sl_buf_add_lit(&out, "Basic ");
        base64_add(&out, pair.p, pair.len);
        int status = sl_buf_status(&pair);
        slc_wipe(pair.p, pair.len);
        sl_buf_done(&pair);
        out.status = out.status ? out.status : status;
    } else if (opts->key) {
        sl_buf_add_lit(&out, "Bearer ");
        sl_buf_add_c(&out, opts->key);
    } else {
        sl_buf_done(&out);
        return 0;
    }
    sl_buf_add_char(&out, '\0');
    client->authorization = out.p;
    return sl_buf_status(&out);
}
