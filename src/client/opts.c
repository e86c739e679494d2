/* SPDX-License-Identifier: Apache-2.0 */
/* Options: one table gives names, types, bounds and defaults. */
#include "client/priv.h"

#include <string.h>

#define TEXT_MAX 8192
#define DAY_MSEC (24 * 3600 * 1000LL)

enum opt_type { OPT_STR, OPT_SECRET, OPT_INT, OPT_MSEC };

struct opt {
    const char *name;
    enum opt_type type;
    size_t offset;
    int64_t fallback, min, max;
};

#define TEXT(name_, type_)                                          \
    {                                                               \
#name_, type_, offsetof(struct sluice_opts, name_), 0, 0, 0 \
    }
#define NUMBER(name_, type_, fallback_, min_, max_)                               \
    {                                                                             \
#name_, type_, offsetof(struct sluice_opts, name_), fallback_, min_, max_ \
    }

static const struct opt options[] = {
    TEXT(url, OPT_STR),
    TEXT(unix_socket, OPT_STR),
    TEXT(key, OPT_SECRET),
    TEXT(username, OPT_STR),
    TEXT(password, OPT_SECRET),
    TEXT(ca, OPT_STR),
    TEXT(ca_path, OPT_STR),
    TEXT(cert, OPT_STR),
    TEXT(cert_key, OPT_STR),
    TEXT(cert_key_password, OPT_SECRET),
    TEXT(proxy, OPT_STR),
    TEXT(user_agent, OPT_STR),
    NUMBER(insecure, OPT_INT, 0, 0, 1),
    NUMBER(proxy_from_env, OPT_INT, 0, 0, 1),
    NUMBER(retries, OPT_INT, 3, 0, 10),
    NUMBER(max_connections, OPT_INT, 0, 0, 10000),
    NUMBER(max_reply_bytes, OPT_INT, 64 << 20, 1024, 2147483647),
    NUMBER(max_event_bytes, OPT_INT, 16 << 20, 1024, 1 << 30),
    NUMBER(connect_timeout, OPT_MSEC, 10000, 1, DAY_MSEC),
    NUMBER(idle_timeout, OPT_MSEC, 300000, 0, DAY_MSEC),
    NUMBER(timeout, OPT_MSEC, 3600000, 0, 30 * DAY_MSEC),
    NUMBER(backoff, OPT_MSEC, 250, 0, DAY_MSEC),
    NUMBER(backoff_max, OPT_MSEC, 8000, 0, DAY_MSEC),
    NUMBER(retry_after_max, OPT_MSEC, 120000, 0, DAY_MSEC),
};

static char **text_of(const struct sluice_opts *opts, const struct opt *opt)
{
    return (char **)(void *)((char *)(uintptr_t)opts + opt->offset);
}

static int64_t *number_of(const struct sluice_opts *opts, const struct opt *opt)
{
    return (int64_t *)(void *)((char *)(uintptr_t)opts + opt->offset);
}

static bool is_text(const struct opt *opt)
{
    return opt->type == OPT_STR || opt->type == OPT_SECRET;
}

static struct sluice_opts *opts_new(const struct sl_alloc *alloc)
{
    struct sluice_opts *opts = slc_zalloc(alloc, sizeof(*opts));
    if (opts) {
        opts->alloc = *alloc;
        for (size_t i = 0; i < SL_ARRAY_LEN(options); i++) {
            if (!is_text(&options[i])) {
                *number_of(opts, &options[i]) = options[i].fallback;
            }
        }
    }
    return opts;
}

sluice_opts *sluice_opts_new(void)
{
    return opts_new(&(struct sl_alloc){ NULL, NULL });
}

sluice_opts *sluice_opts_new_alloc(sluice_alloc_fn fn, void *arg)
{
    return opts_new(&(struct sl_alloc){ fn, arg });
}

static void text_drop(struct sluice_opts *opts, const struct opt *opt)
{
    char **text = text_of(opts, opt);
    if (*text && opt->type == OPT_SECRET) {
        slc_wipe(*text, strlen(*text));
    }
    sl_alloc_free(&opts->alloc, *text);
    *text = NULL;
}

void sluice_opts_free(sluice_opts *opts)
{
    if (!opts) {
        return;
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(options); i++) {
        if (is_text(&options[i])) {
            text_drop(opts, &options[i]);
        }
    }
    struct sl_alloc alloc = opts->alloc;
    sl_alloc_free(&alloc, opts);
}

struct sluice_opts *slc_opts_copy(const struct sluice_opts *from)
{
    struct sluice_opts *opts = slc_zalloc(&from->alloc, sizeof(*opts));
    if (!opts) {
        return NULL;
    }
    *opts = *from;
    for (size_t i = 0; i < SL_ARRAY_LEN(options); i++) {
        if (is_text(&options[i])) {
            *text_of(opts, &options[i]) = NULL;
        }
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(options); i++) {
        const char *text = is_text(&options[i]) ? *text_of(from, &options[i]) : NULL;
        if (text) {
            *text_of(opts, &options[i]) = slc_dup(&opts->alloc, text, strlen(text));
            if (!*text_of(opts, &options[i])) {
                sluice_opts_free(opts);
                return NULL;
            }
        }
    }
    return opts;
}

static bool text_eq(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool slc_opts_equal(const struct sluice_opts *a, const struct sluice_opts *b)
{
    bool is_equal = true;
    for (size_t i = 0; i < SL_ARRAY_LEN(options) && is_equal; i++) {
        const struct opt *opt = &options[i];
        is_equal = is_text(opt) ? text_eq(*text_of(a, opt), *text_of(b, opt))
                                : *number_of(a, opt) == *number_of(b, opt);
    }
    return is_equal;
}

static int option_find(const struct sluice_opts *opts, const char *name, const struct opt **ret, sluice_error **err)
{
    if (!opts || !name) {
        return slc_fail(&(struct sl_alloc){ NULL, NULL }, err, SLUICE_EUSAGE, "%s is NULL", opts ? "name" : "opts");
    }
    size_t nearest = 0, distance = 4;
    for (size_t i = 0; i < SL_ARRAY_LEN(options); i++) {
        if (strcmp(options[i].name, name) == 0) {
            *ret = &options[i];
            return 0;
        }
        size_t d = sl_str_distance(sl_str_c(name), sl_str_c(options[i].name), distance);
        if (d < distance) {
            distance = d;
            nearest = i;
        }
    }
    if (distance < 4) {
        return slc_fail(&opts->alloc, err, SLUICE_EUSAGE, "there is no option '%s'; did you mean '%s'?", name,
                        options[nearest].name);
    }
    return slc_fail(&opts->alloc, err, SLUICE_EUSAGE, "there is no option '%s'", name);
}

static int type_fail(const struct sluice_opts *opts, const struct opt *opt, sluice_error **err)
{
    static const char *const setters[] = {
        [OPT_STR] = "str", [OPT_SECRET] = "str", [OPT_INT] = "int", [OPT_MSEC] = "msec"
    };
    return slc_fail(&opts->alloc, err, SLUICE_EUSAGE, "option '%s' is set with sluice_opts_set_%s", opt->name,
                    setters[opt->type]);
}

int sluice_opts_set_str(sluice_opts *opts, const char *name, const char *value, sluice_error **err)
{
    const struct opt *opt;
    int r = option_find(opts, name, &opt, err);
    if (r < 0) {
        return r;
    }
    if (!is_text(opt)) {
        return type_fail(opts, opt, err);
    }
    char *copy = NULL;
    if (value) {
        size_t n = strlen(value);
        if (n > TEXT_MAX) {
            return slc_fail(&opts->alloc, err, SLUICE_EUSAGE, "option '%s' is longer than %d bytes", name, TEXT_MAX);
        }
        for (size_t i = 0; i < n; i++) {
            /* these texts go into header lines and paths */
            if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f) {
                return slc_fail(&opts->alloc, err, SLUICE_EUSAGE, "option '%s' has a control character at byte %zu",
                                name, i);
            }
        }
        copy = slc_dup(&opts->alloc, value, n);
        if (!copy) {
            return slc_fail(&opts->alloc, err, SLUICE_ENOMEM, "out of memory");
        }
    }
    text_drop(opts, opt);
    *text_of(opts, opt) = copy;
    return 0;
}

static int number_set(struct sluice_opts *opts, const char *name, int64_t value, enum opt_type type, sluice_error **err)
{
    const struct opt *opt;
    int r = option_find(opts, name, &opt, err);
    if (r < 0) {
        return r;
    }
    if (opt->type != type) {
        return type_fail(opts, opt, err);
    }
    if (value < opt->min || value > opt->max) {
        return slc_fail(&opts->alloc, err, SLUICE_EUSAGE, "option '%s' must be from %lld to %lld%s, not %lld", name,
                        (long long)opt->min, (long long)opt->max, type == OPT_MSEC ? " ms" : "", (long long)value);
    }
    *number_of(opts, opt) = value;
    return 0;
}

int sluice_opts_set_int(sluice_opts *opts, const char *name, int64_t value, sluice_error **err)
{
    return number_set(opts, name, value, OPT_INT, err);
}

int sluice_opts_set_msec(sluice_opts *opts, const char *name, int64_t msec, sluice_error **err)
{
    return number_set(opts, name, msec, OPT_MSEC, err);
}

void sluice_opts_set_clock(sluice_opts *opts, uint64_t (*now_usec)(void *arg), void *arg)
{
    if (opts) {
        opts->now_usec = now_usec;
        opts->clock_arg = arg;
    }
}

void sluice_opts_set_socket(sluice_opts *opts, int (*fn)(void *arg, int family, int type, int protocol), void *arg)
{
    if (opts) {
        opts->socket = fn;
        opts->socket_arg = arg;
    }
}

/* --- the environment --- */

static const char *env_get(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

int sluice_opts_from_env(sluice_opts *opts, sluice_error **err)
{
    int r = slc_need(opts, "opts", err);
    if (r < 0) {
        return r;
    }
    const char *url = env_get("SLUICE_SERVER");
    url = url ? url : env_get("MLFLOW_GATEWAY_URI");
    r = url ? sluice_opts_set_str(opts, "url", url, err) : 0;
    r = r ? r : sluice_opts_set_int(opts, "proxy_from_env", 1, err);
    const char *key = env_get("SLUICE_KEY");
    if (r == 0 && key) {
        r = sluice_opts_set_str(opts, "key", key, err);
        r = r ? r : sluice_opts_set_str(opts, "username", NULL, err);
        return r ? r : sluice_opts_set_str(opts, "password", NULL, err);
    }
    return r ? r : slc_env_mlflow(opts, err);
}
