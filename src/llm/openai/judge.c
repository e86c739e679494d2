/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/openai/judge.h"

#include "base/num.h"
#include "llm/core/errbody.h"

/* A text's raw characters, or a number's digits: for words and codes, which need no decoding. */
static struct sl_str word_of(struct sl_json_val v)
{
    if (sl_json_is(v, SL_JSON_NUMBER)) {
        return sl_json_raw(v);
    }
    struct sl_str raw = sl_json_is(v, SL_JSON_STRING) ? sl_json_raw(v) : SL_STR_NONE;
    return raw.n > 2 ? sl_str_sub(raw, 1, raw.n - 1) : SL_STR_NONE;
}

/* True: null, false, "", [] or {}, which say nothing. */
static bool is_hollow(struct sl_json_val v)
{
    return sl_json_is_nothing(v) || sl_json_is(v, SL_JSON_FALSE) ||
           (sl_json_is(v, SL_JSON_STRING) && sl_json_raw(v).n == 2) ||
           ((sl_json_is(v, SL_JSON_ARRAY) || sl_json_is(v, SL_JSON_OBJECT)) && sl_json_count(v) == 0);
}

bool sl_openai_is_error(struct sl_json_val error)
{
    return !is_hollow(error);
}

/* "code": 429, "429", "status": 503: the status that the error would have had as a reply of its own. */
static int status_named(struct sl_json_val error)
{
    static const char *const names[] = { "code", "status", "status_code" };
    for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
        uint64_t status;
        struct sl_str word = word_of(sl_json_get(error, names[i]));
        if (word.n == 3 && sl_parse_u64(word, 400, 599, &status) == 0) {
            return (int)status;
        }
    }
    return 0;
}

static void error_judge(struct sl_json_val error, struct sl_judgement *ret)
{
    ret->said = SL_SAID_ERROR;
    ret->error = error;
    struct sl_str type = word_of(sl_json_get(error, "type")), code = word_of(sl_json_get(error, "code"));
    int status = status_named(error);
    ret->error_status = status ? status : sl_error_status_of(type, code);
    ret->error_type = sl_error_type_of(ret->error_status, type, code);
}

static bool is_text(struct sl_json_val v)
{
    return sl_json_is(v, SL_JSON_STRING) && sl_json_raw(v).n > 2;
}

/* Members of the top level, found in one walk: this runs for every chunk of a translated stream. */
enum { M_CHOICES, M_USAGE, M_ERROR, M_OBJECT, M_TYPE, M_COUNT };
static const struct sl_str members[M_COUNT] = {
    [M_CHOICES] = SL_STR_INIT("choices"), [M_USAGE] = SL_STR_INIT("usage"), [M_ERROR] = SL_STR_INIT("error"),
    [M_OBJECT] = SL_STR_INIT("object"),   [M_TYPE] = SL_STR_INIT("type"),
};

/* The value that describes an error, if the top level reports one; else absent. */
static struct sl_json_val error_find(struct sl_json_val root, const struct sl_json_val *found, bool is_named_error)
{
    if (sl_openai_is_error(found[M_ERROR])) {
        return found[M_ERROR];
    }
    bool is_told = is_named_error || sl_str_eq(word_of(found[M_OBJECT]), SL_STR("error")) ||
                   sl_str_eq(word_of(found[M_TYPE]), SL_STR("error"));
    if (is_told) {
        return root;
    }
    bool is_answer = sl_json_is_present(found[M_CHOICES]) || sl_json_is_present(found[M_USAGE]) ||
                     sl_json_is_present(sl_json_get(root, "data")) || sl_json_is_present(sl_json_get(root, "id"));
    if (is_answer) {
        return SL_JSON_ABSENT;
    }
    bool has_words = is_text(sl_json_get(root, "message")) || is_text(sl_json_get(root, "detail"));
    return has_words ? root : SL_JSON_ABSENT;
}

/* True: the delta adds nothing. After a finish an empty text and a role add nothing either. */
static bool delta_is_hollow(struct sl_json_val delta, bool is_after_finish)
{
    for (struct sl_json_iter it = sl_json_each(delta); sl_json_next(&it);) {
        bool is_role = is_after_finish && sl_json_str_eq(it.key, SL_STR("role"));
        bool is_empty = is_after_finish ? is_hollow(it.val) : sl_json_is_nothing(it.val);
        if (!is_role && !is_empty) {
            return false;
        }
    }
    return true;
}

static bool choices_are_hollow(struct sl_json_val choices, bool is_after_finish)
{
    for (struct sl_json_iter it = sl_json_each(choices); sl_json_next(&it);) {
        if (!sl_json_is_nothing(sl_json_get(it.val, "finish_reason")) || is_text(sl_json_get(it.val, "text")) ||
            !sl_json_is_nothing(sl_json_get(it.val, "message")) ||
            !delta_is_hollow(sl_json_get(it.val, "delta"), is_after_finish)) {
            return false;
        }
    }
    return true;
}

/* Members that only identify the chunk. */
static bool is_identity(struct sl_json_val key)
{
    static const struct sl_str names[] = {
        SL_STR_INIT("id"),           SL_STR_INIT("object"),   SL_STR_INIT("created"),
        SL_STR_INIT("model"),        SL_STR_INIT("usage"),    SL_STR_INIT("choices"),
        SL_STR_INIT("service_tier"), SL_STR_INIT("provider"), SL_STR_INIT("system_fingerprint"),
        SL_STR_INIT("obfuscation"),
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
        if (sl_json_str_eq(key, names[i])) {
            return true;
        }
    }
    return false;
}

static bool has_more(struct sl_json_val root)
{
    for (struct sl_json_iter it = sl_json_each(root); sl_json_next(&it);) {
        if (!is_identity(it.key) && !sl_json_is_nothing(it.val)) {
            return true;
        }
    }
    return false;
}

static void root_judge(struct sl_json_val root, bool is_named_error, bool is_after_finish, struct sl_judgement *ret)
{
    struct sl_json_val found[M_COUNT];
    sl_json_pick(root, members, M_COUNT, found);
    struct sl_json_val choices = found[M_CHOICES];
    ret->root = root;
    ret->choices = choices;
    ret->usage = found[M_USAGE];
    ret->has_choices = sl_json_is(choices, SL_JSON_ARRAY) && sl_json_count(choices) > 0;
    struct sl_json_val error = error_find(root, found, is_named_error);
    if (sl_json_is_present(error)) {
        error_judge(error, ret);
        return;
    }
    bool has_usage = sl_json_is(ret->usage, SL_JSON_OBJECT);
    if (has_usage && choices_are_hollow(choices, is_after_finish)) {
        ret->said = SL_SAID_USAGE;
        ret->has_more = has_more(root);
    } else if (!has_usage && sl_json_is(choices, SL_JSON_ARRAY) && !ret->has_choices) {
        ret->said = SL_SAID_EMPTY;
        ret->has_more = has_more(root);
    }
}

void sl_openai_judge_reply(struct sl_str body, enum sl_llm_type type, struct sl_json *doc,
                           struct sl_reply_judgement *ret)
{
    *ret = (struct sl_reply_judgement){ 0 };
    static const struct sl_str bom = SL_STR_INIT("\xef\xbb\xbf");
    struct sl_json_limits limits = doc->limits;
    doc->limits.record_depth = 3; /* for an answer it is enough to know that it is there */
    int r = sl_json_parse(doc, sl_str_has_prefix(body, bom) ? sl_str_sub(body, bom.n, body.n) : body);
    doc->limits = limits;
    if (r < 0 || !sl_json_is(sl_json_root(doc), SL_JSON_OBJECT)) {
        return;
    }
    struct sl_judgement said = { .said = SL_SAID_CHUNK };
    root_judge(sl_json_root(doc), false, false, &said);
    struct sl_json_val answer = sl_json_get(said.root, type == SL_LLM_EMBEDDINGS ? "data" : "choices");
    ret->is_object = true;
    /* An object without an error may be a kind of answer that is not known here. */
    ret->has_answer = said.said != SL_SAID_ERROR || (sl_json_is(answer, SL_JSON_ARRAY) && sl_json_count(answer) > 0);
    ret->is_error = said.said == SL_SAID_ERROR;
    ret->error_type = said.error_type;
    ret->error_status = said.error_status;
}

void sl_openai_judge(struct sl_str name, struct sl_str data, bool is_after_finish, struct sl_json *doc,
                     struct sl_judgement *ret)
{
    *ret = (struct sl_judgement){ .said = SL_SAID_CHUNK };
    bool is_named_error = sl_str_eq(name, SL_STR("error"));
    data = sl_str_trim(data);
    if (sl_str_case_eq(data, SL_STR("[DONE]"))) {
        ret->said = SL_SAID_END;
        return;
    }
    if (!is_named_error && (data.n == 0 || data.p[0] == ':' || sl_str_eq(name, SL_STR("ping")))) {
        ret->said = SL_SAID_ALIVE;
        return;
    }
    if (sl_json_parse(doc, data) < 0 || !sl_json_is(sl_json_root(doc), SL_JSON_OBJECT)) {
        ret->said = is_named_error ? SL_SAID_ERROR : SL_SAID_GARBAGE;
        ret->error_type = is_named_error ? SL_ERR_PROVIDER_SERVER_ERROR : SL_ERR_NONE;
        return;
    }
    root_judge(sl_json_root(doc), is_named_error, is_after_finish, ret);
}
