/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/opt_schema.h"

#include <stdio.h>

#include "json/write.h"
#include "llm/core/provider.h"

/* A credential goes into a header unchanged; only the file may have "$NAME". */
#define SECRET_PATTERN "^[!-#%-~][!-~]*$"

const char *sl_opt_pattern(const struct sl_opt *row)
{
    bool is_from_zero = row->min == 0;
    switch ((int)row->type) {
    case SL_OPT_USEC:
        return is_from_zero ? "^[0-9]+(ms|s|m|h|d)$" : "^0*[1-9][0-9]*(ms|s|m|h|d)$";
    case SL_OPT_BYTES:
        return is_from_zero ? "^[0-9]+(B|kB|KiB|MB|MiB|GB|GiB)$" : "^0*[1-9][0-9]*(B|kB|KiB|MB|MiB|GB|GiB)$";
    case SL_OPT_SHARE:
        SL_ASSERT(row->min <= 1 && row->max == 100);
        return is_from_zero ? "^0*([0-9][0-9]?|100)%$" : "^0*([1-9][0-9]?|100)%$";
    default:
        return "^https?://";
    }
}

/* --- the walk --- */

void sl_opt_rows_schema(struct sl_jw *w, const struct sl_opt *rows, sl_opt_value_fn *value)
{
    for (const struct sl_opt *row = rows; row->key; row++) {
        if (row->type == SL_OPT_ROWS) {
            sl_opt_rows_schema(w, row->sub, value);
        } else if (!(row->flags & SL_OPT_HIDDEN)) {
            sl_jw_key(w, row->key);
            sl_jw_object(w);
            value(w, row);
            if (row->help) {
                sl_jw_member_str(w, "description", sl_str_c(row->help));
            }
            sl_jw_end(w);
        }
    }
}

static void required_write(struct sl_jw *w, const struct sl_opt *rows)
{
    for (const struct sl_opt *row = rows; row->key; row++) {
        if (row->type == SL_OPT_ROWS) {
            required_write(w, row->sub);
        } else if (row->flags & SL_OPT_REQUIRED && !row->unless) {
            sl_jw_str_c(w, row->key);
        }
    }
}

static void map_members(struct sl_jw *w, const struct sl_opt *rows, sl_opt_value_fn *value)
{
    sl_jw_member_str(w, "type", SL_STR("object"));
    sl_jw_key(w, "properties");
    sl_jw_object(w);
    sl_opt_rows_schema(w, rows, value);
    sl_jw_end(w);
    if (sl_opt_required(rows)) {
        sl_jw_key(w, "required");
        sl_jw_array(w);
        required_write(w, rows);
        sl_jw_end(w);
    }
    sl_jw_member_bool(w, "additionalProperties", false);
}

void sl_opt_map_schema(struct sl_jw *w, const struct sl_opt *rows, sl_opt_value_fn *value)
{
    sl_jw_object(w);
    map_members(w, rows, value);
    sl_jw_end(w);
}

/* --- values of a call --- */

static void names_write(struct sl_jw *w, const char *const *names)
{
    sl_jw_key(w, "enum");
    sl_jw_array(w);
    for (; names && *names; names++) {
        sl_jw_str_c(w, *names);
    }
    sl_jw_end(w);
}

static void text_write(struct sl_jw *w, const char *pattern)
{
    sl_jw_member_str(w, "type", SL_STR("string"));
    if (pattern) {
        sl_jw_member_str(w, "pattern", sl_str_c(pattern));
    }
}

static void number_write(struct sl_jw *w, const struct sl_opt *row)
{
    sl_jw_member_str(w, "type", SL_STR("integer"));
    sl_jw_member_u64(w, "minimum", row->min);
    if (row->max) {
        sl_jw_member_u64(w, "maximum", row->max);
    }
}

/* A map, or off. */
static void or_off_write(struct sl_jw *w, const struct sl_opt *row)
{
    sl_jw_key(w, "anyOf");
    sl_jw_array(w);
    sl_opt_schema(w, row->sub);
    sl_jw_raw(w, SL_STR("{\"enum\":[\"off\",false]}"));
    sl_jw_end(w);
}

/* What a call may send: each value in one form. */
static void value_write(struct sl_jw *w, const struct sl_opt *row)
{
    if (row->flags & SL_OPT_OR_OFF) {
        or_off_write(w, row);
        return;
    }
    switch (row->type) {
    case SL_OPT_BOOL:
        sl_jw_member_str(w, "type", SL_STR("boolean"));
        break;
    case SL_OPT_U32:
    case SL_OPT_U64:
        number_write(w, row);
        break;
    case SL_OPT_DOUBLE:
        sl_jw_member_str(w, "type", SL_STR("number"));
        break;
    case SL_OPT_USEC:
    case SL_OPT_BYTES:
    case SL_OPT_SHARE:
        text_write(w, sl_opt_pattern(row));
        break;
    case SL_OPT_STR:
    case SL_OPT_PATH:
        text_write(w, NULL);
        break;
    case SL_OPT_URL:
        text_write(w, sl_opt_pattern(row));
        sl_jw_member_str(w, "format", SL_STR("uri"));
        break;
    case SL_OPT_ENUM:
        names_write(w, row->names);
        break;
    case SL_OPT_STR_LIST:
        sl_jw_member_raw(w, "anyOf",
                         SL_STR("[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"type\":\"string\"}}]"));
        break;
    case SL_OPT_SECRET:
        text_write(w, SECRET_PATTERN);
        sl_jw_member_bool(w, "writeOnly", true);
        break;
    case SL_OPT_MAP:
        map_members(w, row->sub, value_write);
        break;
    case SL_OPT_CUSTOM: /* a reader of its own decides */
    case SL_OPT_ROWS:
        break;
    }
}

void sl_opt_schema(struct sl_jw *w, const struct sl_opt *rows)
{
    sl_opt_map_schema(w, rows, value_write);
}

/* --- models --- */

static void config_key(const struct sl_provider *provider, bool is_own_key, char out[80])
{
    snprintf(out, 80, "%s%sconfig", is_own_key ? provider->name : "", is_own_key ? "_" : "");
    for (char *c = out; *c; c++) {
        *c = *c == '-' ? '_' : *c;
    }
}

static void provider_schema(struct sl_jw *w, const struct sl_provider *provider, bool is_own_key)
{
    char key[80];
    config_key(provider, is_own_key, key);
    sl_jw_object(w);
    sl_jw_member_str(w, "title", sl_str_c(provider->label));
    sl_jw_member_str(w, "type", SL_STR("object"));
    sl_jw_key(w, "properties");
    sl_jw_object(w);
    sl_jw_key(w, "provider");
    sl_jw_object(w);
    sl_jw_member_str(w, "const", sl_str_c(provider->name));
    sl_jw_end(w);
    sl_jw_member_raw(w, "name", SL_STR("{\"type\":\"string\",\"minLength\":1}"));
    if (is_own_key) {
        sl_jw_member_raw(w, "task", SL_STR("{\"$ref\":\"#/components/schemas/RouteType\"}"));
    }
    sl_jw_key(w, key);
    sl_opt_schema(w, provider->opts);
    sl_jw_end(w);
    sl_jw_key(w, "required");
    sl_jw_array(w);
    sl_jw_str_c(w, "provider");
    sl_jw_str_c(w, "name");
    if (sl_opt_required(provider->opts)) {
        sl_jw_str_c(w, key);
    }
    sl_jw_end(w);
    sl_jw_member_bool(w, "additionalProperties", false);
    sl_jw_end(w);
}

void sl_model_schema(struct sl_jw *w, bool is_own_key)
{
    sl_jw_object(w);
    sl_jw_key(w, "oneOf");
    sl_jw_array(w);
    const struct sl_provider *provider;
    for (size_t i = 0; (provider = sl_provider_at(i)) != NULL; i++) {
        if (!provider->successor) {
            provider_schema(w, provider, is_own_key);
        }
    }
    sl_jw_end(w);
    sl_jw_end(w);
}
