/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that are brought into form. The first byte chooses the family of rules (names, shape, media, people, all of
 * them), the second its rules. The promises of each rule are asserted. */
#include "llm/form/form.h"
#include "llm/form/ids.h"
#include "llm/form/params.h"
#include "llm/form/shape.h"
#include "llm_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const images[] = { "image/png", "image/jpeg", NULL };
static const char *const files[] = { "application/pdf", "text/", NULL };
static const struct sl_form_media media = {
    .images = images, .files = files, .schemes = SL_URL_HTTPS, .image_max = 64
};

static struct sl_form_rules rules_of(const uint8_t *data)
{
    struct sl_form_rules rules = { .label = "Some" };
    unsigned family = data[0] % 5;
    if (family == 0 || family == 4) {
        rules.ids = (struct sl_form_name){ .alphabet = SL_NAME_WORD | SL_NAME_HYPHEN, .max = 64 };
        rules.names = (struct sl_form_name){ .alphabet = SL_NAME_WORD, .max = 64, .begins_with_letter = data[1] & 1 };
        if (data[1] & 2) {
            rules.ids = (struct sl_form_name){ .alphabet = SL_NAME_LETTERS | SL_NAME_DIGITS, .exact = 9 };
        }
    }
    rules.shape = family == 1 ? data[1] : family == 4 ? 0xff : 0;
    rules.media = family == 2 || family == 4 ? &media : NULL;
    rules.results_are_text = family == 4;
    rules.person = (struct sl_form_person){ .is_guarded = family >= 3, .max = family >= 3 ? 20 : 0 };
    return rules;
}

static bool is_said(struct sl_str raw)
{
    return raw.n > 2;
}

static void names_check(const struct sl_form *form, const struct sl_chat *chat)
{
    for (uint32_t i = 0; i < chat->n_messages; i++) {
        for (uint32_t j = 0; j < chat->messages[i].n_parts; j++) {
            const struct sl_part *part = &chat->messages[i].parts[j];
            if (part->kind == SL_PART_TOOL_CALL) {
                struct sl_str id = part->call->id, name = part->call->name;
                SL_ASSERT(is_said(id));
                SL_ASSERT(!form->rules->ids.alphabet ||
                          sl_form_name_fits(&form->rules->ids, sl_str_sub(id, 1, id.n - 1)));
                SL_ASSERT(!form->rules->names.alphabet ||
                          sl_form_name_fits(&form->rules->names, sl_str_sub(name, 1, name.n - 1)));
            }
        }
    }
}

static void shape_check(const struct sl_form *form, const struct sl_chat *chat)
{
    unsigned shape = form->rules->shape;
    for (uint32_t i = 0; i < chat->n_messages; i++) {
        const struct sl_message *message = &chat->messages[i];
        bool is_users = message->role == SL_ROLE_USER || message->role == SL_ROLE_TOOL;
        for (uint32_t j = 0; j < message->n_parts && (shape & SL_SHAPE_NO_BLANK); j++) {
            SL_ASSERT(message->parts[j].kind != SL_PART_TEXT || !sl_raw_is_blank(message->parts[j].text));
        }
        if ((shape & SL_SHAPE_SYSTEM_APART) && i > 0) { /* none is after another role's message */
            SL_ASSERT(message->role != SL_ROLE_SYSTEM || chat->messages[i - 1].role == SL_ROLE_SYSTEM);
        }
        if ((shape & SL_SHAPE_ALTERNATE) && i > 0 && is_users && message->role == chat->messages[i - 1].role) {
            SL_ASSERT(message->is_joined);
        }
        for (uint32_t j = 0; j < message->n_parts && (shape & SL_SHAPE_RESULTS) && form->rules->results_are_text; j++) {
            SL_ASSERT(message->role != SL_ROLE_TOOL || message->parts[j].kind == SL_PART_TEXT);
        }
        if ((shape & SL_SHAPE_RESULTS) && message->role == SL_ROLE_TOOL) {
            SL_ASSERT(i > 0 &&
                      (chat->messages[i - 1].role == SL_ROLE_TOOL || chat->messages[i - 1].role == SL_ROLE_ASSISTANT));
        }
    }
}

static void params_check(struct sl_form *form, const struct sl_chat *chat, uint8_t bits)
{
    struct sl_form_params params;
    struct sl_form_ask ask = { .own_budget = -1,
                               .is_forced = bits & 1,
                               .fallback = bits & 2 ? INT64_MAX : 8192,
                               .budget_min = 1024,
                               .top_p_beside_reasoning = bits & 4 ? 0.95 : 0 };
    if (bits & 8) {
        ask.own_name = "thinking";
        ask.own = SL_REASONING_BUDGET;
        ask.own_budget = bits & 16 ? 100000 : 2000;
    }
    if (sl_form_params(form, chat, &ask, &params) < 0) {
        return;
    }
    SL_ASSERT(params.max_tokens <= form->model->output);
    SL_ASSERT(params.reasoning != SL_REASONING_BUDGET || (params.budget >= 1024 && params.budget < params.max_tokens));
    SL_ASSERT(!ask.is_forced || params.reasoning == SL_REASONING_UNSAID || params.reasoning == SL_REASONING_OFF);
    SL_ASSERT(!(form->model->can & SL_MODEL_FIXED_SAMPLING) || (!params.temperature && !params.top_p && !params.top_k));
    SL_ASSERT(!(form->model->can & SL_MODEL_ONE_SAMPLING) || !params.temperature || !params.top_p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const models[] = { "claude-3-haiku", "claude-sonnet-4-5", "claude-sonnet-4-6",
                                          "claude-opus-4-7" };
    struct llm_fuzz f;
    if (size < 4) {
        return 0;
    }
    llm_fuzz_init(&f);
    struct sl_form_rules rules = rules_of(data);
    struct sl_incoming in = { .type = SL_LLM_CHAT, .body = sl_str_make((const char *)data + 3, size - 3) };
    struct sl_call call = { 0 };
    struct sl_llm_error error = { 0 };
    struct sl_chat chat;
    int r = sl_dialect_read(&sl_dialect_openai, &in, &f.doc, &f.arena, &call, &error);
    r = r < 0 ? r : call.language->read_chat(&call, &f.env, &f.arena, &chat, &error);
    if (r == 0) {
        struct sl_body body;
        sl_body_init(&body, &call);
        struct sl_form form = { .rules = &rules,
                                .model = sl_model_find(sl_provider_find(SL_STR("anthropic")),
                                                       sl_str_c(models[data[2] >> 6]), NULL),
                                .call = &call,
                                .env = &f.env,
                                .arena = &f.arena,
                                .body = &body,
                                .error = &error };
        r = sl_form_call(&form, &chat);
        SL_ASSERT(r == 0 || (r == SL_E_INVAL && error.message.n) || r == SL_E_NOMEM);
        if (r == 0) {
            names_check(&form, &chat);
            shape_check(&form, &chat);
            params_check(&form, &chat, data[2] & 31);
        }
        sl_body_drop(&body);
    }
    llm_fuzz_done(&f);
    return 0;
}
