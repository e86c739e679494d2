/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/gemini/read_media.h"

#include "llm/gemini/member.h"

static bool is_of(struct sl_str mime, const char *begin)
{
    return sl_str_has_prefix(mime, sl_str_c(begin));
}

static int kind_set(struct sl_part *part, struct sl_str mime)
{
    static const struct {
        struct sl_str mime;
        struct sl_str format;
    } sounds[] = {
        { SL_STR_INIT("audio/wav"), SL_STR_INIT("\"wav\"") },  { SL_STR_INIT("audio/x-wav"), SL_STR_INIT("\"wav\"") },
        { SL_STR_INIT("audio/wave"), SL_STR_INIT("\"wav\"") }, { SL_STR_INIT("audio/mp3"), SL_STR_INIT("\"mp3\"") },
        { SL_STR_INIT("audio/mpeg"), SL_STR_INIT("\"mp3\"") },
    };
    part->kind = is_of(mime, "image/") ? SL_PART_IMAGE : SL_PART_FILE;
    for (size_t i = 0; i < SL_ARRAY_LEN(sounds); i++) {
        if (sl_str_case_eq(mime, sounds[i].mime) && part->media->base64.p) {
            part->kind = SL_PART_AUDIO;
            part->media->format = sounds[i].format;
        }
    }
    return 0;
}

static int inline_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_media *media = part->media;
    struct sl_str data = SL_STR_NONE;
    int r = sl_json_text(sl_gemini_get(v, "mimeType"), rd->arena, &media->mime);
    r = r == SL_E_NOMEM ? r : sl_json_text(sl_json_get(v, "data"), rd->arena, &data);
    if (r == SL_E_NOMEM) {
        return r;
    }
    media->base64 = sl_gemini_base64(data, rd->arena, &r);
    if (r < 0) {
        return r;
    }
    if (!media->mime.n || !media->base64.n) {
        return sl_chat_fault(rd, v, "mimeType and data, which is sound base64, are expected");
    }
    media->filename = sl_gemini_raw_text(v, "displayName");
    return kind_set(part, media->mime);
}

/* True: the file is stored at Google, and no other provider can read it. */
static bool is_at_google(struct sl_str raw)
{
    static const char *const begins[] = { "\"gs://", "\"files/", "\"https://generativelanguage.googleapis.com/" };
    for (size_t i = 0; i < SL_ARRAY_LEN(begins); i++) {
        if (is_of(raw, begins[i])) {
            return true;
        }
    }
    return false;
}

static int named_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_str mime = SL_STR_NONE;
    int r = sl_json_text(sl_gemini_get(v, "mimeType"), rd->arena, &mime);
    part->media->url = sl_gemini_raw_text(v, "fileUri");
    if (r == SL_E_NOMEM) {
        return r;
    }
    if (part->media->url.n <= 2) {
        return sl_chat_fault(rd, v, "the member 'fileUri' is missing");
    }
    if (is_at_google(part->media->url)) {
        return sl_chat_fault(rd, v,
                             "this route's provider cannot read a file that lies at Google: send it as inlineData");
    }
    return kind_set(part, mime);
}

int sl_gemini_media_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_json_val data = sl_gemini_get(v, "inlineData"), file = sl_gemini_get(v, "fileData");
    part->node = v;
    part->media = SL_ARENA_NEW(rd->arena, struct sl_media);
    if (!part->media) {
        return SL_E_NOMEM;
    }
    if (sl_json_is(data, SL_JSON_OBJECT)) {
        return inline_read(rd, data, part);
    }
    return sl_json_is(file, SL_JSON_OBJECT) ? named_read(rd, file, part)
                                            : sl_chat_fault(rd, v, "inlineData or fileData is expected");
}
