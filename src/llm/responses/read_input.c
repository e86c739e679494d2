/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the items of a response's input to canonical messages. The model's output in one turn (texts, calls, reasoning)
 * is several items there, and one message here. */
#include "llm/responses/read_input.h"

#include "llm/core/llm.h"
#include "llm/openai/read_messages.h"
#include "llm/responses/seal.h"
#include "llm/responses/tools.h"

struct items {
    struct sl_chat_reader *rd;
    struct sl_part *parts;        /* room for all parts that are left */
    struct sl_message *answer;    /* the model's current turn, or NULL */
    struct sl_str call_signature; /* for the next call; p == NULL: none */
};

static struct sl_message *message_add(struct items *in, enum sl_role role)
{
    struct sl_chat *chat = in->rd->chat;
    struct sl_message *message = &chat->messages[chat->n_messages++];
    message->role = role;
    message->parts = in->parts;
    return message;
}

/* Adds a part to the last message. */
static struct sl_part *part_add(struct items *in, struct sl_message *message)
{
    struct sl_part *part = in->parts++;
    message->n_parts++;
    return part;
}

static struct sl_message *answer_of(struct items *in)
{
    in->answer = in->answer ? in->answer : message_add(in, SL_ROLE_ASSISTANT);
    return in->answer;
}

/* --- parts --- */

static int text_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    part->kind = SL_PART_TEXT;
    part->text = sl_chat_raw_text(v, "text");
    return part->text.p ? 0 : sl_chat_fault(rd, v, "the member 'text' is missing");
}

static int refusal_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    part->kind = SL_PART_REFUSAL;
    part->text = sl_chat_raw_text(v, "refusal");
    return part->text.p ? 0 : sl_chat_fault(rd, v, "the member 'refusal' is missing");
}

static struct sl_media *media_of(struct sl_chat_reader *rd, enum sl_part_kind kind, struct sl_part *part)
{
    part->kind = kind;
    part->media = SL_ARENA_NEW(rd->arena, struct sl_media);
    return part->media;
}

static int image_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_media *media = media_of(rd, SL_PART_IMAGE, part);
    struct sl_json_val url = sl_json_get(v, "image_url");
    if (!media) {
        return SL_E_NOMEM;
    }
    media->detail = sl_chat_raw_text(v, "detail");
    media->file_id = sl_chat_raw_text(v, "file_id");
    if (sl_json_is(url, SL_JSON_OBJECT)) { /* a chat's */
        return sl_chat_fault(rd, url, "a string is expected: the URL itself, or the data as a URL");
    }
    return media->file_id.p && sl_json_is_nothing(url) ? 0 : sl_openai_place_read(rd, url, part);
}

static int file_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part)
{
    struct sl_media *media = media_of(rd, SL_PART_FILE, part);
    struct sl_json_val data = sl_json_get(v, "file_data"), url = sl_json_get(v, "file_url");
    if (!media) {
        return SL_E_NOMEM;
    }
    media->filename = sl_chat_raw_text(v, "filename");
    media->file_id = sl_chat_raw_text(v, "file_id");
    if (!sl_json_is_nothing(data)) {
        return sl_openai_place_read(rd, data, part);
    }
    if (!sl_json_is_nothing(url)) {
        return sl_openai_place_read(rd, url, part);
    }
    return media->file_id.p ? 0 : sl_chat_fault(rd, v, "a file has file_data, file_url or file_id");
}

/* Which role may have which part. */
#define OF_INPUT  1u /* a user, a system or a developer */
#define OF_ANSWER 2u
#define OF_RESULT 4u

static const struct {
    struct sl_str type;
    unsigned of;
    int (*read)(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part);
} kinds[] = {
    { SL_STR_INIT("input_text"), OF_INPUT | OF_RESULT | OF_ANSWER, text_read },
    { SL_STR_INIT("output_text"), OF_ANSWER | OF_INPUT, text_read },
    { SL_STR_INIT("refusal"), OF_ANSWER, refusal_read },
    { SL_STR_INIT("input_image"), OF_INPUT | OF_RESULT, image_read },
    { SL_STR_INIT("input_file"), OF_INPUT | OF_RESULT, file_read },
    { SL_STR_INIT("input_audio"), OF_INPUT, sl_openai_audio_read },
};

/* Parts of other APIs, and the part that is meant. */
static const struct {
    struct sl_str type;
    const char *instead;
} strangers[] = {
    { SL_STR_INIT("text"), "a text is a part of the type input_text, or output_text where the model said it" },
    { SL_STR_INIT("image_url"), "an image is a part of the type input_image, whose image_url is a string" },
    { SL_STR_INIT("image"), "an image is a part of the type input_image" },
    { SL_STR_INIT("file"), "a file is a part of the type input_file" },
    { SL_STR_INIT("document"), "a file is a part of the type input_file" },
    { SL_STR_INIT("tool_use"), "a call is an item of the type function_call" },
    { SL_STR_INIT("tool_result"), "a call's result is an item of the type function_call_output" },
};

static int part_read(struct sl_chat_reader *rd, struct sl_json_val v, unsigned of, struct sl_part *part)
{
    struct sl_json_val type = sl_json_get(v, "type");
    if (!sl_json_is(type, SL_JSON_STRING)) {
        return sl_chat_fault(rd, v, "a part of a message is an object with a type, such as input_text");
    }
    part->node = v;
    for (size_t i = 0; i < SL_ARRAY_LEN(kinds); i++) {
        if (sl_json_str_eq(type, kinds[i].type) && (kinds[i].of & of)) {
            return kinds[i].read(rd, v, part);
        }
        if (sl_json_str_eq(type, kinds[i].type)) {
            return sl_chat_fault(rd, type, "a part of this type cannot stand here");
        }
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(strangers); i++) {
        if (sl_json_str_eq(type, strangers[i].type)) {
            return sl_chat_fault(rd, type, "%s", strangers[i].instead);
        }
    }
    return sl_chat_fault(rd, type, "a part of this type is not known here");
}

static int content_read(struct items *in, struct sl_json_val v, unsigned of, struct sl_message *message)
{
    if (sl_json_is(v, SL_JSON_STRING)) {
        struct sl_part *part = part_add(in, message);
        *part = (struct sl_part){ .kind = SL_PART_TEXT, .node = v, .text = sl_json_raw(v) };
        return 0;
    }
    if (!sl_json_is(v, SL_JSON_ARRAY)) {
        return sl_chat_fault(in->rd, v, "a string or a list of parts is expected");
    }
    int r = 0;
    for (struct sl_json_iter it = sl_json_each(v); r == 0 && sl_json_next(&it);) {
        r = part_read(in->rd, it.val, of, part_add(in, message));
    }
    return r;
}

/* Makes a message of one text a plain one: many upstreams handle a text better than a list with one. */
static void plain_make(struct sl_message *message)
{
    const struct sl_part *only = message->n_parts == 1 ? &message->parts[0] : NULL;
    if (only && only->kind == SL_PART_TEXT && !only->signature.p) {
        message->is_plain = true;
        message->text = only->text;
        message->n_parts = 0;
    }
}

/* --- items --- */

static int message_read(struct items *in, struct sl_json_val v)
{
    static const struct {
        struct sl_str word;
        enum sl_role role;
    } words[] = {
        { SL_STR_INIT("user"), SL_ROLE_USER },
        { SL_STR_INIT("assistant"), SL_ROLE_ASSISTANT },
        { SL_STR_INIT("system"), SL_ROLE_SYSTEM },
        { SL_STR_INIT("developer"), SL_ROLE_SYSTEM },
    };
    struct sl_json_val role = sl_json_get(v, "role"), content = sl_json_get(v, "content");
    enum sl_role found = SL_ROLE_OTHER;
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        found = sl_json_str_eq(role, words[i].word) ? words[i].role : found;
    }
    if (sl_json_str_eq(role, SL_STR("tool"))) {
        return sl_chat_fault(in->rd, role, "a call's result is an item of the type function_call_output");
    }
    if (found == SL_ROLE_OTHER) {
        return sl_chat_fault(in->rd, sl_json_is_present(role) ? role : v,
                             "the role must be user, assistant, system or developer");
    }
    if (sl_json_is_nothing(content)) {
        return sl_chat_fault(in->rd, v, "the member 'content' is missing");
    }
    if (found == SL_ROLE_ASSISTANT) {
        return content_read(in, content, OF_ANSWER, answer_of(in));
    }
    in->answer = NULL;
    struct sl_message *message = message_add(in, found);
    int r = content_read(in, content, OF_INPUT, message);
    plain_make(message);
    return r;
}

static int call_read(struct items *in, struct sl_json_val v)
{
    struct sl_tool_call *call = SL_ARENA_NEW(in->rd->arena, struct sl_tool_call);
    struct sl_part *part = part_add(in, answer_of(in));
    if (!call) {
        return SL_E_NOMEM;
    }
    *part = (struct sl_part){ .kind = SL_PART_TOOL_CALL, .node = v, .signature = in->call_signature };
    in->call_signature = SL_STR_NONE;
    part->call = call;
    call->id = sl_chat_raw_text(v, "call_id");
    call->name = sl_responses_tool_name(in->rd, v);
    if (!call->id.p || !call->name.p) {
        return sl_chat_fault(in->rd, v, "a call is an item with a call_id and a name");
    }
    if (!sl_json_str_eq(sl_json_get(v, "type"), SL_STR("custom_tool_call"))) {
        return sl_openai_arguments_read(in->rd, v, &call->arguments);
    }
    struct sl_str input = sl_chat_raw_text(v, "input");
    if (!input.p) {
        return sl_chat_fault(in->rd, v, "the member 'input' is missing: a string");
    }
    call->arguments = sl_arena_join(in->rd->arena, (struct sl_str[]){ SL_STR("{\"input\":"), input, SL_STR("}") }, 3);
    return call->arguments.p ? sl_json_mend(&call->arguments, in->rd->arena) : SL_E_NOMEM;
}

static int result_read(struct items *in, struct sl_json_val v)
{
    struct sl_json_val output = sl_json_get(v, "output");
    in->answer = NULL;
    struct sl_message *message = message_add(in, SL_ROLE_TOOL);
    message->tool_id = sl_chat_raw_text(v, "call_id");
    if (!message->tool_id.p) {
        return sl_chat_fault(in->rd, v, "a call's result is an item with a call_id");
    }
    if (sl_json_is_nothing(output)) {
        return sl_chat_fault(in->rd, v, "the member 'output' is missing");
    }
    int r = content_read(in, output, OF_RESULT, message);
    plain_make(message);
    return r;
}

/* --- reasoning --- */

/* The raw text behind the seal's word, with its quotes; p == NULL: it has no such word. */
static struct sl_str seal_open(struct sl_chat_reader *rd, struct sl_str raw, const char *word)
{
    struct sl_str inside = raw.n >= 2 ? sl_str_sub(raw, 1, raw.n) : SL_STR_NONE;
    struct sl_str begin = sl_str_c(word);
    if (!sl_str_has_prefix(inside, begin)) {
        return SL_STR_NONE;
    }
    inside = sl_str_sub(inside, begin.n, inside.n);
    return sl_arena_join(rd->arena, (struct sl_str[]){ SL_STR("\""), inside }, 2);
}

/* Joins the texts of `summary`, or else of `content`, to one raw text with empty lines between them. */
static int thoughts_join(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_str *ret)
{
    struct sl_json_val list = sl_json_get(v, "summary");
    list = sl_json_count(list) ? list : sl_json_get(v, "content");
    struct sl_buf buf = SL_BUF_INIT(UINT32_MAX);
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        struct sl_str raw = sl_chat_raw_text(it.val, "text");
        if (raw.n > 2) {
            sl_buf_add_c(&buf, buf.len ? "\\n\\n" : "\"");
            sl_buf_add_str(&buf, sl_str_sub(raw, 1, raw.n - 1));
        }
    }
    sl_buf_add_c(&buf, buf.len ? "\"" : "\"\"");
    int r = sl_buf_status(&buf);
    *ret = r == 0 ? sl_arena_dup(rd->arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    return r == 0 && ret->p ? 0 : SL_E_NOMEM;
}

/* A text's signature belongs to the last text before it. */
static void text_sign(struct items *in, struct sl_str signature)
{
    struct sl_message *answer = in->answer;
    for (uint32_t i = answer ? answer->n_parts : 0; i-- > 0;) {
        if (answer->parts[i].kind == SL_PART_TEXT) {
            answer->parts[i].signature = signature;
            return;
        }
    }
}

static void thought_lose(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_chat *chat = rd->chat;
    bool is_named = chat->n_members && sl_str_eq_c(chat->members[chat->n_members - 1].name, "input.reasoning");
    if (!is_named) {
        sl_chat_member_add(rd, SL_STR("input.reasoning"), v);
    }
}

/* Reasoning that another gateway or OpenAI encrypted cannot be read by the target: it is left out, and named. */
static int reasoning_read(struct items *in, struct sl_json_val v)
{
    struct sl_chat_reader *rd = in->rd;
    struct sl_str raw = sl_chat_raw_text(v, "encrypted_content"), call, said, text;
    int r = thoughts_join(rd, v, &text);
    if (r < 0) {
        return r;
    }
    call = seal_open(rd, raw, SL_SEAL_CALL);
    said = seal_open(rd, raw, SL_SEAL_TEXT);
    struct sl_part part = { .kind = SL_PART_THINKING, .node = v, .text = text };
    part.signature = seal_open(rd, raw, SL_SEAL_THOUGHT);
    part.redacted = seal_open(rd, raw, SL_SEAL_CLOSED);
    if (call.p) {
        in->call_signature = call;
    } else if (said.p) {
        text_sign(in, said);
    } else if (part.signature.p || part.redacted.p || (!raw.p && text.n > 2)) {
        *part_add(in, answer_of(in)) = part;
    } else if (raw.p) {
        thought_lose(rd, v);
    }
    return 0;
}

/* --- the whole input --- */

static int reference_refuse(struct items *in, struct sl_json_val v)
{
    return sl_chat_fault(in->rd, v,
                         "the gateway keeps no items for this route's provider: send the item itself, not its id");
}

static const struct {
    struct sl_str type;
    int (*read)(struct items *in, struct sl_json_val v);
} item_kinds[] = {
    { SL_STR_INIT("message"), message_read },
    { SL_STR_INIT("function_call"), call_read },
    { SL_STR_INIT("function_call_output"), result_read },
    { SL_STR_INIT("custom_tool_call"), call_read },
    { SL_STR_INIT("custom_tool_call_output"), result_read },
    { SL_STR_INIT("reasoning"), reasoning_read },
    { SL_STR_INIT("item_reference"), reference_refuse },
};

static int item_read(struct items *in, struct sl_json_val v)
{
    struct sl_json_val type = sl_json_get(v, "type");
    if (!sl_json_is(v, SL_JSON_OBJECT)) {
        return sl_chat_fault(in->rd, v, "an item of the input is an object");
    }
    if (sl_json_is_nothing(type)) { /* a message may have no type, and so may a reference */
        bool is_reference = !sl_json_is_present(sl_json_get(v, "role")) && sl_json_is_present(sl_json_get(v, "id"));
        return is_reference ? reference_refuse(in, v) : message_read(in, v);
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(item_kinds); i++) {
        if (sl_json_str_eq(type, item_kinds[i].type)) {
            return item_kinds[i].read(in, v);
        }
    }
    struct sl_str word = SL_STR_NONE;
    if (sl_json_text(type, in->rd->arena, &word) == SL_E_NOMEM) {
        return SL_E_NOMEM;
    }
    return sl_chat_fault(in->rd, type, "this route's provider cannot read items of the type '%.*s'",
                         SL_STR_ARG(sl_str_sub(word, 0, 64)));
}

/* The most parts that the items can become. */
static size_t room_of(struct sl_json_val input)
{
    size_t n = 2;
    for (struct sl_json_iter it = sl_json_each(input); sl_json_next(&it);) {
        struct sl_json_val content = sl_json_get(it.val, "content"), output = sl_json_get(it.val, "output");
        n += 1 + (sl_json_is(content, SL_JSON_ARRAY) ? sl_json_count(content) : 0) +
             (sl_json_is(output, SL_JSON_ARRAY) ? sl_json_count(output) : 0);
    }
    return n;
}

static int list_read(struct items *in, struct sl_json_val input)
{
    int r = 0;
    for (struct sl_json_iter it = sl_json_each(input); r == 0 && sl_json_next(&it);) {
        r = item_read(in, it.val);
    }
    struct sl_chat *chat = in->rd->chat;
    for (uint32_t i = 0; i < chat->n_messages && r == 0; i++) {
        if (chat->messages[i].role == SL_ROLE_ASSISTANT) {
            plain_make(&chat->messages[i]);
        }
    }
    return r;
}

int sl_responses_input_read(struct sl_chat_reader *rd, struct sl_json_val instructions, struct sl_json_val input)
{
    struct sl_chat *chat = rd->chat;
    bool is_text = sl_json_is(input, SL_JSON_STRING), is_list = sl_json_is(input, SL_JSON_ARRAY);
    if ((!is_text && !is_list) || (is_list && sl_json_count(input) == 0)) {
        return sl_refuse(rd->call, rd->arena, rd->error, "input",
                         "Missing 'input': a string or a list of at least one item is expected.");
    }
    if (!sl_json_is_nothing(instructions) && !sl_json_is(instructions, SL_JSON_STRING)) {
        return sl_chat_fault(rd, instructions, "a string is expected");
    }
    struct items in = { .rd = rd };
    in.parts = SL_ARENA_ARRAY(rd->arena, struct sl_part, room_of(input));
    chat->messages = SL_ARENA_ARRAY(rd->arena, struct sl_message, 2 + (is_list ? (size_t)sl_json_count(input) : 1));
    if (!in.parts || !chat->messages) {
        return SL_E_NOMEM;
    }
    if (!sl_json_is_nothing(instructions)) {
        struct sl_message *message = message_add(&in, SL_ROLE_SYSTEM);
        message->is_plain = true;
        message->text = sl_json_raw(instructions);
    }
    if (is_list) {
        return list_read(&in, input);
    }
    struct sl_message *message = message_add(&in, SL_ROLE_USER);
    message->is_plain = true;
    message->text = sl_json_raw(input);
    return 0;
}
