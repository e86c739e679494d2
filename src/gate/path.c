/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/path.h"

#include "wire/uri.h"

#define INVOKE(pattern_)                                                      \
    {                                                                         \
        SL_POST, pattern_, &sl_dialect_mlflow, NULL, true, false, SL_LLM_CHAT \
    }
#define INVOKE_V1(pattern_, type_)                                     \
    {                                                                  \
        SL_POST, pattern_, &sl_dialect_openai, NULL, true, true, type_ \
    }
#define OPEN(pattern_, handle_)                                                                  \
    {                                                                                            \
        SL_GET, pattern_, &sl_dialect_mlflow, handle_, false, false, SL_LLM_CHAT, SL_ACCESS_OPEN \
    }
#define READ(pattern_, handle_)                                                  \
    {                                                                            \
        SL_GET, pattern_, &sl_dialect_mlflow, handle_, false, false, SL_LLM_CHAT \
    }

const struct sl_path sl_paths[] = {
    INVOKE_V1("/v1/chat/completions", SL_LLM_CHAT),
    INVOKE_V1("/v1/completions", SL_LLM_COMPLETIONS),
    INVOKE_V1("/v1/embeddings", SL_LLM_EMBEDDINGS),
    INVOKE("/gateway/{}/invocations"),
    INVOKE("/endpoints/{}/invocations"),
    { SL_GET, "/v1/models", &sl_dialect_openai, sl_handle_models, false, false, SL_LLM_CHAT },
    { SL_GET, "/v1/models/{}", &sl_dialect_openai, sl_handle_model, false, false, SL_LLM_CHAT },
    OPEN("/health", sl_handle_health),
    OPEN("/ready", sl_handle_ready),
    { SL_GET, "/metrics", &sl_dialect_mlflow, sl_handle_metrics, false, false, SL_LLM_CHAT, SL_ACCESS_METRICS },
    READ("/api/2.0/gateway/routes/", sl_handle_route_list),
    READ("/api/2.0/gateway/routes/{}", sl_handle_route_get),
    READ("/api/2.0/endpoints/", sl_handle_endpoint_list),
    READ("/api/2.0/endpoints/{}", sl_handle_endpoint_get),
    OPEN("/.well-known/databricks-config", sl_handle_not_here),
    { 0, NULL, NULL, NULL, false, false, SL_LLM_CHAT },
};

static const struct {
    const char *name;
    unsigned bit;
} methods[] = {
    { "GET", SL_GET }, { "HEAD", SL_HEAD },     { "POST", SL_POST },
    { "PUT", SL_PUT }, { "DELETE", SL_DELETE }, { "OPTIONS", SL_OPTIONS },
};

static unsigned method_parse(struct sl_str method)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(methods); i++) {
        if (sl_str_eq_c(method, methods[i].name)) {
            return methods[i].bit;
        }
    }
    return SL_OTHER;
}

/* Does the path fit the pattern? The segment for "{}" (not empty, no '/') to *ret_arg. */
static bool pattern_fits(const char *pattern, struct sl_str path, struct sl_str *ret_arg)
{
    size_t before = strcspn(pattern, "{");
    if (pattern[before] == '\0') {
        return path.n == before && memcmp(path.p, pattern, before) == 0;
    }
    struct sl_str after = sl_str_c(pattern + before + 2);
    if (path.n <= before + after.n || memcmp(path.p, pattern, before) != 0 || !sl_str_has_suffix(path, after)) {
        return false;
    }
    struct sl_str arg = sl_str_sub(path, before, path.n - after.n);
    if (sl_str_find_char(arg, '/', 0) >= 0) {
        return false;
    }
    *ret_arg = arg;
    return true;
}

const struct sl_path *sl_path_find(struct sl_str method, struct sl_str target, struct sl_arena *arena,
                                   struct sl_path_match *ret_match, int *ret_r)
{
    struct sl_path_match *m = ret_match;
    *m = (struct sl_path_match){ .method = method_parse(method) };
    *ret_r = sl_target_parse(target, &m->path, &m->query, NULL);
    if (*ret_r < 0) {
        return NULL;
    }
    unsigned wanted = m->method == SL_HEAD ? SL_GET : m->method;
    for (const struct sl_path *row = sl_paths; row->pattern; row++) {
        struct sl_str arg = SL_STR_NONE;
        if (!pattern_fits(row->pattern, m->path, &arg)) {
            continue;
        }
        m->allowed |= row->methods;
        if (!(row->methods & wanted)) {
            continue;
        }
        if (arg.p) {
            *ret_r = sl_percent_decode(arg, arena, &m->arg);
            if (*ret_r < 0) {
                return NULL;
            }
        }
        return row;
    }
    return NULL;
}

const struct sl_dialect *sl_path_dialect(struct sl_str path)
{
    return sl_str_has_prefix(path, SL_STR("/v1/")) ? &sl_dialect_openai : &sl_dialect_mlflow;
}

void sl_methods_format(unsigned set, char out[64])
{
    size_t n = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(methods); i++) {
        if (set & methods[i].bit) {
            size_t len = strlen(methods[i].name);
            if (n) {
                memcpy(out + n, ", ", 2);
                n += 2;
            }
            memcpy(out + n, methods[i].name, len);
            n += len;
        }
    }
    out[n] = '\0';
}
