/* SPDX-License-Identifier: Apache-2.0 */
/* The identifier of the person who asks (`user`). Some providers refuse one that shows who it is, such as a mail
 * address or a telephone number. Such an identifier is replaced by its digest. */
#include "llm/form/person.h"

#include "llm/form/ids.h"

#define PHONE_DIGITS \
    7 /* a text with this many digits, and only spaces and +-(). beside them, may be a telephone number */

static bool is_phone(struct sl_str text)
{
    size_t digits = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c >= '0' && c <= '9') {
            digits++;
        } else if (!strchr(" +-().", c)) {
            return false;
        }
    }
    return digits >= PHONE_DIGITS;
}

static bool is_mail(struct sl_str text)
{
    ptrdiff_t at = sl_str_find_char(text, '@', 0);
    return at > 0 && (size_t)at + 1 < text.n;
}

struct sl_str sl_form_person(const struct sl_form *form, struct sl_str raw)
{
    static const struct sl_form_name rule = { .alphabet = SL_NAME_WORD, .max = 64 };
    const struct sl_form_person *person = &form->rules->person;
    if (!person->is_guarded && !person->max) {
        return raw;
    }
    struct sl_str text = sl_raw_text(raw, form->arena);
    if (!text.p) {
        return SL_STR_NONE;
    }
    bool fits = (!person->max || text.n <= person->max) && !(person->is_guarded && (is_mail(text) || is_phone(text)));
    if (fits) {
        return raw;
    }
    struct sl_str digest = sl_form_digest(&rule, text, form->arena);
    size_t prefix = sizeof("call_") - 1;
    return digest.p ? sl_arena_printf(form->arena, "\"user_%.*s\"", SL_STR_ARG(sl_str_sub(digest, prefix, digest.n)))
                    : SL_STR_NONE;
}
