/* SPDX-License-Identifier: Apache-2.0 */
/* The form of errors of Sluice's own management calls: {"error":{"message","type","code","request_id"}}. `code` is the
 * word of the error type's closed list, `type` its domain. No call of a route uses this dialect. */
#include "json/write.h"
#include "llm/dialects.h"
#include "wire/headers.h"

static struct sl_str domain_of(enum sl_error_type type)
{
    struct sl_str word = sl_str_c(sl_error_type_word(type));
    ptrdiff_t n = sl_str_find_char(word, '_', 0);
    return n < 0 ? word : sl_str_sub(word, 0, (size_t)n);
}

static void write_error(struct sl_llm_error *error, struct sl_buf *out)
{
    if (error->status == 0) {
        error->status = sl_error_type_status(error->type);
    }
    struct sl_jw w;
    sl_jw_init(&w, out);
    sl_jw_object(&w);
    sl_jw_key(&w, "error");
    sl_jw_object(&w);
    sl_jw_member_str(&w, "message", error->message.p ? error->message : sl_str_c(sl_status_reason(error->status)));
    sl_jw_member_str(&w, "type", domain_of(error->type));
    sl_jw_member_str(&w, "code", sl_str_c(sl_error_type_word(error->type)));
    sl_jw_member_str(&w, "request_id", error->request_id);
    if (error->limit.p) {
        sl_jw_key(&w, "limit");
        sl_jw_raw(&w, error->limit);
    }
    sl_jw_end(&w);
    sl_jw_end(&w);
}

static const struct sl_language language = { .name = "sluice", .write_error = write_error };
static const struct sl_manners manners = { .refusal_status = 400 };

const struct sl_dialect sl_dialect_sluice = { .name = "sluice", .language = &language, .manners = &manners };
