/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/file_schema.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/opt.h"
#include "gate/api/openapi.h"
#include "gate/api/opt_schema.h"
#include "gate/config/keyring.h"
#include "gate/config/route_conf.h"
#include "gate/config/route_own.h"
#include "gate/config/settings.h"
#include "gate/config/traffic_conf.h"
#include "json/write.h"
#include "llm/core/provider.h"

#define FORMS_MAX (1u << 20)
#define PART      "#/components/schemas/"
#define REF(name) "{\"$ref\":\"" PART name "\"}"

/* --- values --- */

static void value_write(struct sl_jw *w, const struct sl_opt *row);

/* A text with a pattern; NULL: any, and a number counts as it is written. */
static void text_write(struct sl_jw *w, const char *pattern)
{
    if (pattern) {
        sl_jw_member_raw(w, "type", SL_STR("[\"string\",\"null\"]"));
        sl_jw_member_str(w, "pattern", sl_str_c(pattern));
    } else {
        sl_jw_member_raw(w, "type", SL_STR("[\"string\",\"number\",\"boolean\",\"null\"]"));
    }
}

static void number_write(struct sl_jw *w, const struct sl_opt *row)
{
    sl_jw_member_raw(w, "type", SL_STR("[\"integer\",\"string\",\"null\"]"));
    sl_jw_member_str(w, "pattern", SL_STR("^[0-9]+$"));
    sl_jw_member_u64(w, "minimum", row->min);
    if (row->max) {
        sl_jw_member_u64(w, "maximum", row->max);
    }
}

static void names_write(struct sl_jw *w, const char *const *names)
{
    sl_jw_key(w, "enum");
    sl_jw_array(w);
    for (; *names; names++) {
        sl_jw_str_c(w, *names);
    }
    sl_jw_null(w);
    sl_jw_end(w);
}

/* Writes the alternatives of the row's `forms`, and null, which means the default. */
static void forms_write(struct sl_jw *w, const struct sl_opt *row, const char *forms)
{
    struct sl_buf sub = SL_BUF_INIT(FORMS_MAX), all = SL_BUF_INIT(FORMS_MAX);
    struct sl_jw of_sub;
    if (row->sub) {
        sl_jw_init(&of_sub, &sub);
        sl_opt_map_schema(&of_sub, row->sub, value_write);
    }
    sl_buf_add_c(&all, row->flags & SL_OPT_REQUIRED ? "[" : "[{\"type\":\"null\"},");
    for (const char *at = forms; *at; at++) {
        if (*at == '%') {
            sl_buf_add_str(&all, sl_buf_str(&sub));
        } else {
            sl_buf_add_char(&all, *at);
        }
    }
    sl_buf_add_char(&all, ']');
    sl_jw_member_raw(w, "anyOf", sl_buf_str(&all));
    sl_buf_done(&sub);
    sl_buf_done(&all);
}

/* NULL: nothing says which forms it has. */
static const char *forms_of(const struct sl_opt *row)
{
    return row->forms                   ? row->forms
           : !row->sub                  ? NULL
           : row->flags & SL_OPT_OR_OFF ? "%,{\"enum\":[\"off\",\"no\",false]}"
                                        : "%";
}

/* What the file may have: most values in several forms, and null, which means the default. */
static void value_write(struct sl_jw *w, const struct sl_opt *row)
{
    switch (row->type) {
    case SL_OPT_BOOL:
        sl_jw_member_raw(w, "enum", SL_STR("[true,false,\"true\",\"false\",\"yes\",\"no\",\"on\",\"off\",null]"));
        break;
    case SL_OPT_U32:
    case SL_OPT_U64:
        number_write(w, row);
        break;
    case SL_OPT_DOUBLE:
        sl_jw_member_raw(w, "type", SL_STR("[\"number\",\"null\"]"));
        break;
    case SL_OPT_USEC:
    case SL_OPT_BYTES:
    case SL_OPT_SHARE:
    case SL_OPT_URL:
        text_write(w, sl_opt_pattern(row));
        break;
    case SL_OPT_STR:
    case SL_OPT_PATH:
        text_write(w, NULL);
        break;
    case SL_OPT_ENUM:
        names_write(w, row->names);
        break;
    case SL_OPT_STR_LIST:
        sl_jw_member_raw(
            w, "anyOf",
            SL_STR("[{\"type\":[\"string\",\"number\",\"boolean\",\"null\"]},{\"type\":\"array\",\"items\":"
                   "{\"type\":[\"string\",\"number\",\"boolean\"]}}]"));
        break;
    case SL_OPT_SECRET:
        forms_write(w, row, REF("FileSecret"));
        break;
    case SL_OPT_MAP:
    case SL_OPT_CUSTOM:
        if (forms_of(row)) {
            forms_write(w, row, forms_of(row));
        }
        break;
    case SL_OPT_ROWS:
        break;
    }
}

/* --- models --- */

/* The two spellings of a provider's name. */
static void spellings_write(struct sl_jw *w, const char *name)
{
    char other[80];
    snprintf(other, sizeof(other), "%s", name);
    for (char *c = other; *c; c++) {
        *c = *c == '-' ? '_' : *c;
    }
    sl_jw_str_c(w, name);
    if (strcmp(name, other) != 0) {
        sl_jw_str_c(w, other);
    }
}

/* The configuration that a model of this provider has. */
static void provider_write(struct sl_jw *w, const struct sl_provider *provider)
{
    sl_jw_object(w);
    sl_jw_key(w, "if");
    sl_jw_object(w);
    sl_jw_key(w, "properties");
    sl_jw_object(w);
    sl_jw_key(w, "provider");
    sl_jw_object(w);
    sl_jw_key(w, "enum");
    sl_jw_array(w);
    spellings_write(w, provider->name);
    sl_jw_end(w);
    sl_jw_end(w);
    sl_jw_end(w);
    sl_jw_end(w);
    sl_jw_key(w, "then");
    sl_jw_object(w);
    sl_jw_key(w, "properties");
    sl_jw_object(w);
    sl_jw_key(w, "config");
    sl_jw_object(w);
    forms_write(w, &(struct sl_opt){ .sub = provider->opts }, "%");
    sl_jw_end(w);
    sl_jw_end(w);
    sl_jw_end(w);
    sl_jw_end(w);
}

static void model_write(struct sl_jw *w)
{
    const struct sl_provider *provider;
    sl_jw_object(w);
    sl_jw_member_str(w, "type", SL_STR("object"));
    sl_jw_key(w, "properties");
    sl_jw_object(w);
    sl_jw_key(w, "provider");
    sl_jw_object(w);
    sl_jw_member_str(w, "description", SL_STR("who answers"));
    sl_jw_key(w, "enum");
    sl_jw_array(w);
    for (size_t i = 0; (provider = sl_provider_at(i)) != NULL; i++) {
        spellings_write(w, provider->name);
    }
    sl_jw_end(w);
    sl_jw_end(w);
    sl_jw_member_raw(w, "name",
                     SL_STR("{\"type\":[\"string\",\"number\",\"boolean\",\"null\"],\"description\":\"the provider's "
                            "own name of the model\"}"));
    sl_jw_member_raw(w, "config", SL_STR("{\"description\":\"the provider's own settings, its key among them\"}"));
    sl_jw_end(w);
    sl_jw_member_raw(w, "patternProperties", SL_STR("{\"_config$\":{\"type\":[\"object\",\"null\"]}}"));
    sl_jw_member_raw(w, "required", SL_STR("[\"provider\"]"));
    sl_jw_member_bool(w, "additionalProperties", false);
    sl_jw_key(w, "allOf");
    sl_jw_array(w);
    for (size_t i = 0; (provider = sl_provider_at(i)) != NULL; i++) {
        provider_write(w, provider);
    }
    sl_jw_end(w);
    sl_jw_end(w);
}

/* --- parts --- */

static void made_parts_write(struct sl_jw *w)
{
    static const struct sl_opt of_route[] = {
        { "", SL_OPT_ROWS, .sub = sl_route_conf_rows },
        { "", SL_OPT_ROWS, .sub = sl_route_own_rows },
        { "", SL_OPT_ROWS, .sub = sl_traffic_rows },
        { "", SL_OPT_ROWS, .sub = sl_alone_rows },
        { NULL },
    };
    sl_jw_key(w, "FileKey");
    sl_opt_map_schema(w, sl_file_key_rows(), value_write);
    sl_jw_key(w, "FileTarget");
    sl_opt_map_schema(w, sl_target_rows, value_write);
    sl_jw_key(w, "FileRouteSettings");
    sl_opt_map_schema(w, of_route, value_write);
    sl_jw_key(w, "FileModel");
    model_write(w);
}

#define PARTS_MAX 64

/* Adds each handwritten part (openapi.json) that the text refers to and that is not there yet. */
static void parts_find(struct sl_str text, const struct sl_openapi_part **io_parts, size_t *io_n)
{
    static const struct sl_str ref = SL_STR_INIT("\"" PART);
    ptrdiff_t at = 0;
    while ((at = sl_str_find(text, ref, (size_t)at)) >= 0) {
        at += (ptrdiff_t)ref.n;
        ptrdiff_t end = sl_str_find_char(text, '"', (size_t)at);
        struct sl_str name = sl_str_sub(text, (size_t)at, (size_t)end);
        bool is_known = false;
        for (size_t i = 0; i < *io_n; i++) {
            is_known |= sl_str_eq_c(name, io_parts[i]->name);
        }
        for (const struct sl_openapi_part *part = sl_openapi_parts; part->name && !is_known; part++) {
            bool is_schema = strcmp(part->group, "schemas") == 0 || strcmp(part->group, "file") == 0;
            if (is_schema && sl_str_eq_c(name, part->name)) {
                SL_ASSERT(*io_n < PARTS_MAX);
                io_parts[(*io_n)++] = part;
                is_known = true;
            }
        }
    }
}

static void found_parts_write(struct sl_jw *w)
{
    const struct sl_openapi_part *found[PARTS_MAX];
    size_t n = 0;
    parts_find(sl_buf_str(w->out), found, &n);
    for (size_t i = 0; i < n; i++) { /* n grows by what a part refers to */
        parts_find(sl_str_c(found[i]->json), found, &n);
        sl_jw_member_raw(w, found[i]->name, sl_str_c(found[i]->json));
    }
}

void sl_file_schema(struct sl_buf *out)
{
    struct sl_jw w;
    sl_jw_init(&w, out);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "$schema", SL_STR("http://json-schema.org/draft-07/schema#"));
    sl_jw_member_str(&w, "title", SL_STR("The configuration of sluice " SL_VERSION));
    sl_jw_member_str(&w, "type", SL_STR("object"));
    sl_jw_key(&w, "properties");
    sl_jw_object(&w);
    sl_jw_member_raw(&w, "endpoints",
                     SL_STR("{\"description\":\"the routes\",\"type\":\"array\",\"items\":" REF("FileRoute") "}"));
    sl_jw_member_raw(&w, "routes",
                     SL_STR("{\"description\":\"MLflow 3's routes, or an older name of endpoints\",\"type\":\"array\","
                            "\"items\":{\"anyOf\":[" REF("FileSplit") "," REF("FileRoute") "]}}"));
    sl_opt_rows_schema(&w, sl_settings_rows(), value_write);
    sl_jw_end(&w);
    sl_jw_member_raw(&w, "patternProperties", SL_STR("{\"^x-\":{}}"));
    sl_jw_member_bool(&w, "additionalProperties", false);
    sl_jw_member_raw(&w, "anyOf", SL_STR("[{\"required\":[\"endpoints\"]},{\"required\":[\"routes\"]}]"));
    sl_jw_key(&w, "components");
    sl_jw_object(&w);
    sl_jw_key(&w, "schemas");
    sl_jw_object(&w);
    made_parts_write(&w);
    found_parts_write(&w);
    sl_jw_end(&w);
    sl_jw_end(&w);
    sl_jw_end(&w);
}
