/* SPDX-License-Identifier: Apache-2.0 */
/* Images and files: misspelt types are corrected; a type that the provider does not take is refused, and the error
 * lists the types that it takes. */
#include "llm/form/media.h"

#include <stdio.h>

#include "llm/form/refuse.h"

/* --- types --- */

static const struct {
    struct sl_str from, to;
} spellings[] = {
    { SL_STR_INIT("image/jpg"), SL_STR_INIT("image/jpeg") },
    { SL_STR_INIT("image/jpe"), SL_STR_INIT("image/jpeg") },
    { SL_STR_INIT("image/pjpeg"), SL_STR_INIT("image/jpeg") },
    { SL_STR_INIT("image/x-png"), SL_STR_INIT("image/png") },
    { SL_STR_INIT("image/apng"), SL_STR_INIT("image/png") },
    { SL_STR_INIT("image/x-webp"), SL_STR_INIT("image/webp") },
    { SL_STR_INIT("application/x-pdf"), SL_STR_INIT("application/pdf") },
    { SL_STR_INIT("text/pdf"), SL_STR_INIT("application/pdf") },
};

/* Types by the first bytes of a payload, in base64. */
static const struct {
    struct sl_str head, type;
} heads[] = {
    { SL_STR_INIT("/9j/"), SL_STR_INIT("image/jpeg") },    { SL_STR_INIT("iVBORw0KGgo"), SL_STR_INIT("image/png") },
    { SL_STR_INIT("R0lGODdh"), SL_STR_INIT("image/gif") }, { SL_STR_INIT("R0lGODlh"), SL_STR_INIT("image/gif") },
    { SL_STR_INIT("UklGR"), SL_STR_INIT("image/webp") },
};

static bool is_prefix(struct sl_str s, const char *prefix)
{
    return sl_str_has_prefix(s, sl_str_c(prefix));
}

static int type_correct(struct sl_form *form, struct sl_media *media)
{
    char *low = sl_arena_bytes(form->arena, media->mime.n);
    if (!low) {
        return SL_E_NOMEM;
    }
    for (size_t i = 0; i < media->mime.n; i++) {
        char c = media->mime.p[i];
        low[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    media->mime = sl_str_trim(sl_str_make(low, media->mime.n));
    for (size_t i = 0; i < SL_ARRAY_LEN(spellings); i++) {
        media->mime = sl_str_eq(media->mime, spellings[i].from) ? spellings[i].to : media->mime;
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(heads) && is_prefix(media->mime, "image/"); i++) {
        media->mime = sl_str_has_prefix(media->base64, heads[i].head) ? heads[i].type : media->mime;
    }
    return 0;
}

static bool is_taken(const char *const *list, struct sl_str mime)
{
    for (; list && *list; list++) {
        size_t n = strlen(*list);
        bool is_kind = (*list)[n - 1] == '/';
        if (is_kind ? is_prefix(mime, *list) : sl_str_eq_c(mime, *list)) {
            return true;
        }
    }
    return list == NULL;
}

static int type_refuse(const struct sl_form *form, const struct sl_part *part, const char *const *list)
{
    char taken[256] = "";
    for (size_t n = 0; *list && n < sizeof(taken); list++) {
        size_t len = strlen(*list);
        bool is_kind = (*list)[len - 1] == '/';
        n += (size_t)snprintf(taken + n, sizeof(taken) - n, "%s%s%s", n ? ", " : "", *list, is_kind ? "*" : "");
    }
    return sl_form_refuse(form, part->node, "the type %.*s is not taken by %s models; %s are.",
                          (int)SL_MIN(part->media->mime.n, (size_t)64), part->media->mime.p, form->rules->label, taken);
}

static int url_check(const struct sl_form *form, const struct sl_part *part)
{
    const struct sl_form_media *rule = form->rules->media;
    struct sl_str url = sl_str_sub(part->media->url, 1, part->media->url.n);
    bool is_https = url.n > 8 && sl_str_case_eq(sl_str_sub(url, 0, 8), SL_STR("https://"));
    if (rule->has_any_scheme || (rule->schemes & (is_https ? SL_URL_HTTPS : SL_URL_HTTP))) {
        return 0;
    }
    return sl_form_refuse(form, part->node, "%s models take %sa data URI, no %s URL.", form->rules->label,
                          rule->schemes & SL_URL_HTTPS ? "an https URL or " : "", is_https ? "https" : "http");
}

static int part_check(struct sl_form *form, struct sl_part *part)
{
    const struct sl_form_media *rule = form->rules->media;
    if (part->media->url.p) {
        return url_check(form, part);
    }
    if (!part->media->base64.n) {
        return 0; /* a file stored at the provider */
    }
    int r = type_correct(form, part->media);
    bool is_image = part->kind == SL_PART_IMAGE || is_prefix(part->media->mime, "image/");
    const char *const *list = is_image ? rule->images : rule->files;
    if (r < 0 || !is_taken(list, part->media->mime)) {
        return r < 0 ? r : type_refuse(form, part, list);
    }
    if (is_image && rule->image_max && part->media->base64.n > rule->image_max) {
        return sl_form_refuse(form, part->node, "the image has %zu bytes of base64; %s models take %llu at most.",
                              part->media->base64.n, form->rules->label, (unsigned long long)rule->image_max);
    }
    return 0;
}

int sl_form_media(struct sl_form *form, struct sl_chat *chat)
{
    for (uint32_t i = 0; form->rules->media && i < chat->n_messages; i++) {
        for (uint32_t j = 0; j < chat->messages[i].n_parts; j++) {
            struct sl_part *part = &chat->messages[i].parts[j];
            if (part->kind == SL_PART_IMAGE || part->kind == SL_PART_FILE) {
                int r = part_check(form, part);
                if (r < 0) {
                    return r;
                }
            }
        }
    }
    return 0;
}
