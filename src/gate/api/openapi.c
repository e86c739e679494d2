/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/openapi.h"

#include <stdio.h>

#include "base/buf.h"
#include "gate/api/opt_schema.h"
#include "gate/config/route_conf.h"
#include "gate/config/traffic_conf.h"
#include "json/write.h"
#include "llm/core/language.h"
#include "llm/mlflow/openapi.h"

#define JSON "application/json"
#define FORM "multipart/form-data"

/* --- statuses --- */

/* The kinds of calls that answer with a status. */
#define ALL    SL_BIT(0)
#define KEYED  SL_BIT(1) /* not everyone may call */
#define NAMED  SL_BIT(2) /* the path has a name in it */
#define BODY   SL_BIT(3)
#define INVOKE SL_BIT(4)

static const struct status {
    const char *status, *text;
    unsigned of;         /* 0: only rows that name it */
    const char *headers; /* beside those of every reply */
} statuses[] = {
    { "200", "It is done.", 0, NULL },
    { "201", "It is made.", 0, NULL },
    { "304", "It is as if-none-match says.", 0, "etag" },
    { "303", "It goes on at the `location`.", 0, "location" },
    { "307", "It is at the `location`.", 0, "location" },
    { "400", "The request, or its body, is not valid.", ALL, NULL },
    { "401", "A valid API key is needed.", KEYED, "www-authenticate" },
    { "403", "The key's role does not allow it, or a web page of another site calls.", ALL, NULL },
    { "404", "There is nothing with that name, or the key may not see it.", NAMED | INVOKE, NULL },
    { "408", "The request did not arrive in time.", ALL, NULL },
    { "409", "No call can make or change it, or it exists already.", 0, NULL },
    { "412", "It has not the version that if-match names.", 0, NULL },
    { "413", "The body is too large.", ALL, NULL },
    { "414", "The path is too long.", ALL, NULL },
    { "415", "The body's content-encoding is not known.", ALL, "accept-encoding" },
    { "422", "The body does not fit the schema.", BODY, NULL },
    { "429", "A limit of the route or of its provider is reached.", INVOKE, "retry-after" },
    { "431", "The request's head is too large.", ALL, NULL },
    { "500", "A fault of this server, or the provider's reply lacks a required member.", ALL, NULL },
    { "501", "This server or the route's provider does not support it.", ALL, NULL },
    { "502", "The provider could not be reached, or its reply cannot be used.", INVOKE, NULL },
    { "503", "The gateway is overloaded or draining, or its store does not work.", ALL, "retry-after" },
    { "504", "The provider did not answer within the time of the settings or of the caller.", INVOKE, NULL },
    { "505", "Another version of HTTP.", ALL, NULL },
    { "4XX", "The provider's own refusal, with its status.", INVOKE, "retry-after" },
    { "5XX", "The provider's own failure, with its status.", INVOKE, "retry-after" },
};

/* Headers that every call of a model may have. */
#define OF_CALLER "x-sluice-session x-sluice-timeout x-sluice-usage"

#define OF_EVERY "x-request-id x-sluice-id"
#define OF_ERROR "x-sluice-error-type"
#define OF_INVOKED                                                                                        \
    "x-sluice-route x-sluice-provider x-sluice-model x-sluice-attempts x-sluice-target x-sluice-dropped " \
    "x-sluice-cost x-sluice-upstream-request-id server-timing x-ratelimit-limit-requests "                \
    "x-ratelimit-remaining-requests "                                                                     \
    "x-ratelimit-reset-requests"

static bool is_error(const struct status *status)
{
    return status->status[0] >= '4';
}

/* The next name of a list; false at the end. */
static bool word_next(const char **io_list, struct sl_str *ret)
{
    const char *p = *io_list ? *io_list : "";
    p += strspn(p, " ");
    size_t n = strcspn(p, " ");
    *ret = sl_str_make(p, n);
    *io_list = p + n;
    return n > 0;
}

static bool has_word(const char *list, const char *word)
{
    for (struct sl_str name; word_next(&list, &name);) {
        if (sl_str_eq_c(name, word)) {
            return true;
        }
    }
    return false;
}

static unsigned kind_of(const struct sl_path *row)
{
    return ALL | (row->access != SL_ACCESS_OPEN ? KEYED : 0) | (strchr(row->pattern, '{') ? NAMED : 0) |
           (row->told->body || row->told->form ? BODY : 0) | (row->handle ? 0 : INVOKE);
}

static bool answers(const struct sl_path *row, const struct status *status)
{
    const char *own = row->told->statuses ? row->told->statuses : "200";
    return has_word(own, status->status) || (status->of & kind_of(row));
}

/* --- parts --- */

static void ref_write(struct sl_jw *w, const char *group, struct sl_str name)
{
    char ref[96];
    snprintf(ref, sizeof(ref), "#/components/%s/%.*s", group, SL_STR_ARG(name));
    sl_jw_object(w);
    sl_jw_member_str(w, "$ref", sl_str_c(ref));
    sl_jw_end(w);
}

static void headers_add(struct sl_jw *w, const char *list)
{
    for (struct sl_str name; word_next(&list, &name);) {
        sl_jw_key_str(w, name);
        ref_write(w, "headers", name);
    }
}

static void parts_write(struct sl_jw *w, const char *group)
{
    for (const struct sl_openapi_part *part = sl_openapi_parts; part->name; part++) {
        if (strcmp(part->group, group) == 0) {
            sl_jw_member_raw(w, part->name, sl_str_c(part->json));
        }
    }
}

/* `schema` NULL: a text, or bytes. */
static void media_write(struct sl_jw *w, const char *media, const char *schema)
{
    sl_jw_key(w, media);
    sl_jw_object(w);
    if (schema) {
        sl_jw_key(w, "schema");
        ref_write(w, "schemas", sl_str_c(schema));
    }
    sl_jw_end(w);
}

/* --- operations --- */

void sl_openapi_pattern(struct sl_buf *out, const char *pattern)
{
    size_t n = strcspn(pattern, "{");
    sl_buf_add(out, pattern, n);
    if (pattern[n]) {
        const char *after = strchr(pattern + n, '}') + 1;
        sl_buf_add_lit(out, "{name}");
        n = strcspn(after, "{");
        if (after[n]) {
            sl_buf_add(out, after, n);
            sl_buf_add_lit(out, "{target}");
            after += n + 2;
        }
        sl_buf_add_c(out, strcmp(after, "/**") == 0 ? "/{path}" : after);
    }
}

static void parameters_write(struct sl_jw *w, const struct sl_path *row)
{
    const char *lists[] = { kind_of(row) & NAMED ? "name" : NULL, row->told->parameters,
                            kind_of(row) & INVOKE ? OF_CALLER : NULL };
    if (!lists[0] && !lists[1] && !lists[2]) {
        return;
    }
    sl_jw_key(w, "parameters");
    sl_jw_array(w);
    for (size_t i = 0; i < SL_ARRAY_LEN(lists); i++) {
        for (struct sl_str name; word_next(&lists[i], &name);) {
            ref_write(w, "parameters", name);
        }
    }
    sl_jw_end(w);
}

static void body_write(struct sl_jw *w, const struct sl_path *row)
{
    if (kind_of(row) & BODY) {
        sl_jw_key(w, "requestBody");
        sl_jw_object(w);
        sl_jw_member_bool(w, "required", true);
        sl_jw_key(w, "content");
        sl_jw_object(w);
        if (row->told->body) {
            media_write(w, JSON, row->told->body);
        }
        if (row->told->form) {
            media_write(w, FORM, row->told->form);
        }
        sl_jw_end(w);
        sl_jw_end(w);
    }
}

/* A reply to HEAD has no body. */
static void success_write(struct sl_jw *w, const struct sl_path *row, const struct status *status, bool is_head)
{
    const struct sl_path_told *told = row->told;
    sl_jw_object(w);
    sl_jw_member_str(w, "description", sl_str_c(status->text));
    sl_jw_key(w, "headers");
    sl_jw_object(w);
    headers_add(w, OF_EVERY);
    headers_add(w, status->headers);
    headers_add(w, told->headers);
    headers_add(w, row->handle ? NULL : OF_INVOKED);
    sl_jw_end(w);
    if (!is_head && status->status[0] == '2' && (told->reply || told->media)) {
        sl_jw_key(w, "content");
        sl_jw_object(w);
        media_write(w, told->media ? told->media : JSON, told->reply);
        if (!row->handle && row->type != SL_LLM_EMBEDDINGS && !row->counts) {
            media_write(w, "text/event-stream", NULL);
        }
        sl_jw_end(w);
    }
    sl_jw_end(w);
}

/* For example "openai_404", in components/responses. */
static void error_name(char out[64], const char *words, const struct status *status)
{
    snprintf(out, 64, "%s_%s", words, status->status);
}

/* True: calls of models have their own schema of errors ("openai_call"), because a provider's error is passed on
 * unchanged. */
static bool call_words(const char *language, char out[32])
{
    char schema[48];
    snprintf(out, 32, "%s_call", language);
    snprintf(schema, sizeof(schema), "%s_error", out);
    for (const struct sl_openapi_part *part = sl_openapi_parts; part->name; part++) {
        if (strcmp(part->name, schema) == 0) {
            return true;
        }
    }
    return false;
}

static void responses_write(struct sl_jw *w, const struct sl_path *row, const char *language, bool is_head)
{
    char of_call[32];
    const char *words = is_head ? "head" : !row->handle && call_words(language, of_call) ? of_call : language;
    sl_jw_key(w, "responses");
    sl_jw_object(w);
    for (size_t i = 0; i < SL_ARRAY_LEN(statuses); i++) {
        char name[64];
        if (!answers(row, &statuses[i])) {
            continue;
        }
        sl_jw_key(w, statuses[i].status);
        error_name(name, words, &statuses[i]);
        if (is_error(&statuses[i])) {
            ref_write(w, "responses", sl_str_c(name));
        } else {
            success_write(w, row, &statuses[i], is_head);
        }
    }
    sl_jw_end(w);
}

static void security_write(struct sl_jw *w, const struct sl_path *row)
{
    sl_jw_key(w, "security");
    sl_jw_array(w);
    if (row->access == SL_ACCESS_METRICS) {
        sl_jw_raw(w, SL_STR("{}"));
    }
    for (const struct sl_openapi_part *part = sl_openapi_parts; part->name && row->access != SL_ACCESS_OPEN; part++) {
        if (strcmp(part->group, "securitySchemes") == 0) {
            sl_jw_object(w);
            sl_jw_member_raw(w, part->name, SL_STR("[]"));
            sl_jw_end(w);
        }
    }
    sl_jw_end(w);
}

static const struct sl_dialect *dialect_of(const struct sl_path_table *paths, const struct sl_path *row)
{
    return row->dialect ? row->dialect : sl_path_dialect(paths, sl_str_c(row->pattern), NULL);
}

static void operation_write(struct sl_jw *w, const struct sl_path_table *paths, const struct sl_path *row,
                            const char *method)
{
    const struct sl_dialect *dialect = dialect_of(paths, row);
    const char *language = sl_dialect_errors(dialect)->name;
    sl_jw_key(w, method);
    sl_jw_object(w);
    sl_jw_member_str(w, "summary", sl_str_c(row->told->text));
    sl_jw_key(w, "tags");
    sl_jw_array(w);
    sl_jw_str_c(w, dialect->language->name);
    sl_jw_end(w);
    parameters_write(w, row);
    body_write(w, row);
    responses_write(w, row, language, strcmp(method, "head") == 0);
    security_write(w, row);
    sl_jw_end(w);
}

/* Writes all rows of one path as its operations. */
static void path_write(struct sl_jw *w, const struct sl_path_table *paths, const struct sl_path *first)
{
    static const struct {
        unsigned bit;
        const char *name;
    } methods[] = { { SL_GET, "get" }, { SL_HEAD, "head" },     { SL_POST, "post" },
                    { SL_PUT, "put" }, { SL_DELETE, "delete" }, { SL_PATCH, "patch" } };
    struct sl_buf path = SL_BUF_INIT(256);
    sl_openapi_pattern(&path, first->pattern);
    sl_jw_key_str(w, sl_buf_str(&path));
    sl_jw_object(w);
    struct sl_path_iter it = { 0 };
    for (const struct sl_path *row; (row = sl_path_next(paths, &it)) != NULL;) {
        for (size_t i = 0; i < SL_ARRAY_LEN(methods) && strcmp(row->pattern, first->pattern) == 0; i++) {
            if (row->methods & methods[i].bit) {
                operation_write(w, paths, row, methods[i].name);
            }
        }
    }
    sl_jw_end(w);
    sl_buf_done(&path);
}

static bool is_first(const struct sl_path_table *paths, const struct sl_path *row)
{
    struct sl_path_iter it = { 0 };
    for (const struct sl_path *before; (before = sl_path_next(paths, &it)) != row;) {
        if (strcmp(before->pattern, row->pattern) == 0) {
            return false;
        }
    }
    return true;
}

/* --- components --- */

/* Writes the errors of that language by status; NULL: without bodies, for HEAD. */
static void errors_write(struct sl_jw *w, const char *words)
{
    char schema[48];
    snprintf(schema, sizeof(schema), "%s_error", words ? words : "");
    for (size_t i = 0; i < SL_ARRAY_LEN(statuses); i++) {
        char name[64];
        if (!is_error(&statuses[i])) {
            continue;
        }
        error_name(name, words ? words : "head", &statuses[i]);
        sl_jw_key(w, name);
        sl_jw_object(w);
        sl_jw_member_str(w, "description", sl_str_c(statuses[i].text));
        sl_jw_key(w, "headers");
        sl_jw_object(w);
        headers_add(w, OF_EVERY " " OF_ERROR);
        headers_add(w, statuses[i].headers);
        sl_jw_end(w);
        if (words) {
            sl_jw_key(w, "content");
            sl_jw_object(w);
            media_write(w, JSON, schema);
            sl_jw_end(w);
        }
        sl_jw_end(w);
    }
}

static bool is_told_before(const struct sl_path_prefix *prefixes, const struct sl_path_prefix *at)
{
    for (; prefixes != at; prefixes++) {
        if (sl_dialect_errors(prefixes->dialect) == sl_dialect_errors(at->dialect)) {
            return true;
        }
    }
    return false;
}

static void all_errors_write(struct sl_jw *w, const struct sl_path_table *paths)
{
    errors_write(w, NULL);
    for (const struct sl_path_prefix *row = paths->prefixes;; row++) {
        const char *language = sl_dialect_errors(row->dialect)->name;
        char of_call[32];
        bool is_new = !is_told_before(paths->prefixes, row);
        if (is_new) {
            errors_write(w, language);
        }
        if (is_new && call_words(language, of_call)) {
            errors_write(w, of_call);
        }
        if (row->prefix.n == 0) {
            return;
        }
    }
}

static void schemas_write(struct sl_jw *w)
{
    static const struct {
        const char *name;
        enum sl_llm_type type;
    } requests[] = {
        { "ChatRequest", SL_LLM_CHAT },
        { "CompletionsRequest", SL_LLM_COMPLETIONS },
        { "EmbeddingsRequest", SL_LLM_EMBEDDINGS },
    };
    parts_write(w, "schemas");
    for (size_t i = 0; i < SL_ARRAY_LEN(requests); i++) {
        sl_jw_key(w, requests[i].name);
        sl_mf_request_schema(w, requests[i].type);
    }
    sl_jw_key(w, "RouteModel");
    sl_model_schema(w, false);
    sl_jw_key(w, "ExternalModel");
    sl_model_schema(w, true);
    static const struct sl_opt of_route[] = {
        { "", SL_OPT_ROWS, 0, NULL, 0, 0, 0, NULL, sl_route_conf_rows, NULL, NULL },
        { "", SL_OPT_ROWS, 0, NULL, 0, 0, 0, NULL, sl_traffic_rows, NULL, NULL },
        { "", SL_OPT_ROWS, 0, NULL, 0, 0, 0, NULL, sl_alone_rows, NULL, NULL },
        { NULL },
    };
    sl_jw_key(w, "RouteSettings");
    sl_opt_schema(w, of_route);
}

static void components_write(struct sl_jw *w, const struct sl_path_table *paths)
{
    static const char *const groups[] = { "securitySchemes", "parameters", "headers" };
    sl_jw_object(w);
    for (size_t i = 0; i < SL_ARRAY_LEN(groups); i++) {
        sl_jw_key(w, groups[i]);
        sl_jw_object(w);
        parts_write(w, groups[i]);
        sl_jw_end(w);
    }
    sl_jw_key(w, "responses");
    sl_jw_object(w);
    all_errors_write(w, paths);
    sl_jw_end(w);
    sl_jw_key(w, "schemas");
    sl_jw_object(w);
    schemas_write(w);
    sl_jw_end(w);
    sl_jw_end(w);
}

void sl_openapi_write(struct sl_jw *w, const struct sl_path_table *paths)
{
    sl_jw_object(w);
    sl_jw_member_str(w, "openapi", SL_STR("3.1.0"));
    sl_jw_member_raw(w, "info", SL_STR("{\"title\":\"Sluice AI Gateway\",\"version\":\"" SL_VERSION "\"}"));
    sl_jw_key(w, "paths");
    sl_jw_object(w);
    struct sl_path_iter it = { 0 };
    for (const struct sl_path *row; (row = sl_path_next(paths, &it)) != NULL;) {
        if (is_first(paths, row)) {
            path_write(w, paths, row);
        }
    }
    sl_jw_end(w);
    sl_jw_key(w, "components");
    components_write(w, paths);
    sl_jw_end(w);
}
