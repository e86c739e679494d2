/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/openai/host_form.h"

#include "base/map.h"
#include "llm/core/language.h"
#include "llm/form/ids.h"

static bool is_empty_list(struct sl_json_val v)
{
    struct sl_str raw = sl_json_is(v, SL_JSON_ARRAY) ? sl_json_raw(v) : SL_STR("");
    return raw.n && sl_str_trim(sl_str_sub(raw, 1, raw.n - 1)).n == 0;
}

static void remove_named(struct sl_host_edit *e, const char *name)
{
    sl_body_leave_out(e->notes, sl_str_c(name));
    sl_json_edit_remove(&e->all, e->root, name);
}

/* --- tools --- */

/* Without tools there is nothing to choose. A choice that says nothing is left out without naming it. */
static void no_tools_edit(struct sl_host_edit *e, struct sl_json_val tools)
{
    struct sl_json_val choice = sl_json_get(e->root, "tool_choice");
    if (sl_json_is_present(tools)) {
        sl_json_edit_remove(&e->all, e->root, "tools");
    }
    if (sl_json_is_nothing(choice) || sl_json_str_eq(choice, SL_STR("auto")) ||
        sl_json_str_eq(choice, SL_STR("none"))) {
        sl_json_edit_remove(&e->all, e->root, "tool_choice");
    }
    sl_json_edit_remove(&e->all, e->root, "parallel_tool_calls");
}

static struct sl_json_val name_of(struct sl_json_val tool)
{
    struct sl_json_val function = sl_json_get(tool, "function");
    return sl_json_get(sl_json_is_present(function) ? function : tool, "name");
}

static bool is_in(const struct sl_map *names, struct sl_json_val tool)
{
    struct sl_json_val name = name_of(tool);
    return sl_json_is_present(name) && sl_map_find(names, sl_json_raw(name)) != NULL;
}

static int names_put(struct sl_map *names, struct sl_json_val list)
{
    static char there;
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        struct sl_json_val name = name_of(it.val);
        if (sl_json_is_present(name) && sl_map_put(names, sl_json_raw(name), &there) == SL_E_NOMEM) {
            return SL_E_NOMEM;
        }
    }
    return 0;
}

static int allowed_refuse(struct sl_host_edit *e, struct sl_json_val name)
{
    struct sl_str raw = sl_json_is_present(name) ? sl_json_raw(name) : SL_STR("\"\"");
    return sl_refuse(e->call, e->arena, e->error, "tool_choice",
                     "Invalid value for 'tool_choice': the tool %.*s is not in 'tools'.",
                     SL_STR_ARG(sl_str_sub(raw, 0, 128)));
}

/* The list of allowed tools. */
static struct sl_str allowed_write(struct sl_host_edit *e, struct sl_json_val tools, const struct sl_map *allowed)
{
    struct sl_buf buf = SL_BUF_INIT(e->text.n + 16);
    struct sl_jw w;
    sl_jw_init(&w, &buf);
    sl_jw_array(&w);
    for (struct sl_json_iter it = sl_json_each(tools); sl_json_next(&it);) {
        if (is_in(allowed, it.val)) {
            sl_jw_raw(&w, sl_json_raw(it.val));
        }
    }
    sl_jw_end(&w);
    struct sl_str text = sl_buf_status(&buf) == 0 ? sl_arena_dup(e->arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    return text;
}

static int allowed_settle(struct sl_host_edit *e, struct sl_json_val tools, struct sl_json_val allowed)
{
    struct sl_map known = { 0 }, names = { 0 };
    struct sl_json_val list = sl_json_get(allowed, "tools");
    bool is_required = sl_json_str_eq(sl_json_get(allowed, "mode"), SL_STR("required"));
    int r = names_put(&known, tools);
    r = r < 0 ? r : names_put(&names, list);
    for (struct sl_json_iter it = sl_json_each(list); r == 0 && sl_json_next(&it);) {
        r = is_in(&known, it.val) ? 0 : allowed_refuse(e, name_of(it.val));
    }
    struct sl_str text = r == 0 ? allowed_write(e, tools, &names) : SL_STR_NONE;
    sl_map_done(&known);
    sl_map_done(&names);
    if (!text.p) {
        return r < 0 ? r : SL_E_NOMEM;
    }
    sl_json_edit_set(&e->all, e->root, "tools", text);
    sl_json_edit_set(&e->all, e->root, "tool_choice", is_required ? SL_STR("\"required\"") : SL_STR("\"auto\""));
    return 0;
}

/* Only the tools of allowed_tools go up. */
static int allowed_edit(struct sl_host_edit *e, struct sl_json_val tools)
{
    struct sl_json_val choice = sl_json_get(e->root, "tool_choice");
    if (!(e->host->quirks & SL_HOST_NO_ALLOWED) || !sl_json_is(choice, SL_JSON_OBJECT) ||
        sl_str_find(sl_json_raw(choice), SL_STR("\"allowed_tools\""), 0) < 0) {
        return 0;
    }
    struct sl_json tools_doc, choice_doc;
    sl_json_init(&tools_doc, NULL);
    sl_json_init(&choice_doc, NULL);
    int r = sl_json_parse(&tools_doc, sl_json_is(tools, SL_JSON_ARRAY) ? sl_json_raw(tools) : SL_STR("[]"));
    r = r < 0 ? r : sl_json_parse(&choice_doc, sl_json_raw(choice));
    struct sl_json_val allowed = r == 0 ? sl_json_get(sl_json_root(&choice_doc), "allowed_tools") : SL_JSON_ABSENT;
    if (r == 0 && sl_json_is(allowed, SL_JSON_OBJECT)) {
        r = allowed_settle(e, sl_json_root(&tools_doc), allowed);
    }
    sl_json_done(&tools_doc);
    sl_json_done(&choice_doc);
    return r;
}

static int tools_edit(struct sl_host_edit *e)
{
    struct sl_json_val tools = sl_json_get(e->root, "tools");
    bool is_mlflows = e->call->manners->checks_as_mlflow; /* MLflow sends them up */
    bool is_own = (e->host->quirks & SL_HOST_OWN) && !e->is_foreign;
    if (!is_mlflows && !is_own && (sl_json_is_nothing(tools) || is_empty_list(tools))) {
        no_tools_edit(e, tools);
    }
    return allowed_edit(e, tools);
}

/* --- reasoning --- */

static bool can(const struct sl_host_edit *e, uint32_t features)
{
    return (e->model->can & features) != 0;
}

static int effort_edit(struct sl_host_edit *e)
{
    static const char *const low[] = { "minimal", "low" }, *const high[] = { "medium", "high", "xhigh", "max" };
    struct sl_json_val v = sl_json_get(e->root, "reasoning_effort");
    const struct sl_host_efforts *words = e->host->efforts;
    bool is_none = sl_json_str_eq(v, SL_STR("none"));
    const char *word = NULL;
    if (!words || !sl_json_is(v, SL_JSON_STRING) || can(e, SL_MODEL_GUESS)) {
        return 0;
    }
    if (can(e, SL_MODEL_EFFORT)) {
        word = is_none ? words->none : NULL;
        for (size_t i = 0; i < SL_ARRAY_LEN(low); i++) {
            word = sl_json_str_eq(v, sl_str_c(low[i])) ? words->low : word;
        }
        for (size_t i = 0; i < SL_ARRAY_LEN(high); i++) {
            word = sl_json_str_eq(v, sl_str_c(high[i])) ? words->high : word;
        }
    }
    if (!word && is_none) {
        sl_json_edit_remove(&e->all, e->root, "reasoning_effort");
    } else if (!word) {
        remove_named(e, "reasoning_effort");
    } else if (!sl_json_str_eq(v, sl_str_c(word))) {
        sl_json_edit_set(&e->all, e->root, "reasoning_effort", sl_arena_printf(e->arena, "\"%s\"", word));
    }
    return e->all.status;
}

/* OpenAI itself refuses reasoning_effort for models that do not reason, and `none` for those that always do. */
static void own_effort_edit(struct sl_host_edit *e)
{
    struct sl_json_val v = sl_json_get(e->root, "reasoning_effort");
    bool is_none = sl_json_str_eq(v, SL_STR("none"));
    if (!(e->host->quirks & SL_HOST_OWN) || !e->is_foreign || !sl_json_is(v, SL_JSON_STRING) ||
        can(e, (is_none ? SL_MODEL_RESTS : SL_MODEL_THINKING) | SL_MODEL_GUESS)) {
        return;
    }
    if (is_none && !can(e, SL_MODEL_THINKING)) {
        sl_json_edit_remove(&e->all, e->root, "reasoning_effort");
    } else {
        remove_named(e, "reasoning_effort");
    }
}

static bool is_off(struct sl_json_val thinking)
{
    struct sl_json_val type = SL_JSON_ABSENT;
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    if (sl_json_is(thinking, SL_JSON_OBJECT) && sl_json_parse(&doc, sl_json_raw(thinking)) == 0) {
        type = sl_json_get(sl_json_root(&doc), "type");
    }
    bool is_disabled = sl_json_str_eq(type, SL_STR("disabled"));
    sl_json_done(&doc);
    return is_disabled;
}

int sl_host_rest(struct sl_host_edit *e)
{
    struct sl_json_val thinking = sl_json_get(e->root, "thinking"), effort = sl_json_get(e->root, "reasoning_effort");
    bool is_said = !sl_json_is_nothing(thinking) || !sl_json_is_nothing(effort);
    if (is_off(thinking) || (!is_said && !can(e, SL_MODEL_THINKING))) {
        return 0;
    }
    if (!sl_json_is_nothing(thinking)) {
        sl_body_leave_out(e->notes, SL_STR("thinking"));
    }
    if (!sl_json_is_nothing(effort)) {
        remove_named(e, "reasoning_effort");
    }
    sl_json_edit_set(&e->all, e->root, "thinking", SL_STR("{\"type\":\"disabled\"}"));
    return e->all.status;
}

/* DeepSeek's way to turn reasoning off. */
static void none_edit(struct sl_host_edit *e)
{
    if ((e->host->quirks & SL_HOST_THOUGHTS) &&
        sl_json_str_eq(sl_json_get(e->root, "reasoning_effort"), SL_STR("none"))) {
        sl_json_edit_remove(&e->all, e->root, "reasoning_effort");
        sl_json_edit_set(&e->all, e->root, "thinking", SL_STR("{\"type\":\"disabled\"}"));
    }
}

/* --- identifiers of users --- */

static int person_edit(struct sl_host_edit *e, const char *name)
{
    static const struct sl_form_name rule = { .alphabet = SL_NAME_WORD, .max = 64 };
    struct sl_json_val v = e->host->person_max ? sl_json_get(e->root, name) : SL_JSON_ABSENT;
    struct sl_str text;
    if (!sl_json_is(v, SL_JSON_STRING) || sl_json_raw(v).n - 2 <= e->host->person_max) {
        return 0;
    }
    int r = sl_json_text(v, e->arena, &text);
    if (r < 0) {
        return r;
    }
    struct sl_str digest = sl_form_digest(&rule, text, e->arena);
    size_t prefix = sizeof("call_") - 1;
    digest = digest.p ? sl_arena_printf(e->arena, "\"user_%.*s\"", SL_STR_ARG(sl_str_sub(digest, prefix, digest.n)))
                      : digest;
    if (!digest.p) {
        return SL_E_NOMEM;
    }
    sl_json_edit_set(&e->all, e->root, name, digest);
    return 0;
}

int sl_host_form_edit(struct sl_host_edit *e)
{
    if (e->call->type != SL_LLM_CHAT) {
        return 0;
    }
    int r = tools_edit(e);
    r = r < 0 ? r : effort_edit(e);
    r = r < 0 ? r : person_edit(e, "user");
    r = r < 0 ? r : person_edit(e, "safety_identifier");
    own_effort_edit(e);
    none_edit(e);
    return r;
}
