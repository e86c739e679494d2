/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical call: a chat (or completion) request of any language, read once, for every target that speaks another
 * language. Named members are checked and sorted. Values that only pass stay raw slices of JSON, so that numbers, texts
 * and members that only one side knows go up byte for byte.
 *
 * A raw text is a JSON string with its quotes. Everything lives as long as the call's body, the arena and env->scratch,
 * which holds the tape: read and use it within one build. */
#ifndef SL_LLM_CHAT_H
#define SL_LLM_CHAT_H

#include "llm/core/request.h"

enum sl_role {
    SL_ROLE_SYSTEM, /* developer too */
    SL_ROLE_USER,
    SL_ROLE_ASSISTANT,
    SL_ROLE_TOOL,
    SL_ROLE_OTHER, /* MLflow takes any role; providers leave such a message out */
};

enum sl_part_kind {
    SL_PART_TEXT,
    SL_PART_IMAGE,
    SL_PART_AUDIO,
    SL_PART_FILE,
    SL_PART_REFUSAL,
    SL_PART_THINKING,  /* of an earlier answer, sent back */
    SL_PART_TOOL_CALL, /* of an assistant */
};

/* An image, a file or audio: data, or a place. */
struct sl_media {
    struct sl_str mime, base64;              /* of a data URI (audio: only base64) */
    struct sl_str url;                       /* raw: http or https */
    struct sl_str detail;                    /* raw: of an image */
    struct sl_str file_id, filename, format; /* raw */
    struct sl_str context;                   /* raw: what the model should know of a document */
    bool cites;                              /* the answer is to say from which place in the document it comes */
};

/* A search result, or a document in pieces. */
struct sl_found {
    bool is_document;
    struct sl_str title, source; /* raw */
    struct sl_json_val content;  /* a list of blocks with a text */
    struct sl_str context;       /* as for a document */
    bool cites;
};

struct sl_tool_call {
    struct sl_str id;        /* raw, or p == NULL: not given */
    struct sl_str name;      /* raw */
    struct sl_str arguments; /* JSON text, decoded; an object (empty text: "{}") */
};

struct sl_part {
    enum sl_part_kind kind;
    struct sl_json_val node;     /* the part as it came */
    struct sl_str cache_control; /* raw JSON of that member, or p == NULL */
    struct sl_str text;          /* raw: text, refusal, thinking */
    struct sl_str signature;     /* raw: the provider's signature of thinking, a call or a text */
    struct sl_str redacted;      /* raw: encrypted thinking */
    union {
        struct sl_media *media;
        struct sl_tool_call *call;
        struct sl_found *found; /* set when the text is a search result or a document; NULL: it is only a text */
    };
};

/* A request may have very many short messages, so this struct is small. */
struct sl_message {
    enum sl_role role;
    bool is_plain; /* content was one string and nothing else: `text`, and no parts */
    bool has_name;
    bool is_joined; /* belongs to the turn of the message before; set by llm/form */
    uint32_t n_parts;
    struct sl_part *parts;
    struct sl_str text;          /* raw */
    struct sl_str tool_id;       /* raw; role tool; p == NULL: not given */
    struct sl_str cache_control; /* raw JSON; role tool */
    bool is_error;               /* role tool: the tool failed */
};

struct sl_tool {
    struct sl_str name, description; /* raw; description may be missing */
    struct sl_str parameters;        /* raw JSON, or p == NULL */
    struct sl_json_val schema;       /* the same as a value */
    struct sl_str strict;            /* raw: true or false, or p == NULL */
    struct sl_str cache_control;
    struct sl_str type;      /* decoded, if it is not "function" */
    struct sl_json_val node; /* for such a type: the tool as it came */
    bool is_left_out;        /* because of tool_choice's allowed_tools */
};

enum sl_tool_choice { SL_CHOICE_NONE_SAID, SL_CHOICE_AUTO, SL_CHOICE_NONE, SL_CHOICE_REQUIRED, SL_CHOICE_NAMED };

enum sl_answer_format { SL_ANSWER_TEXT, SL_ANSWER_JSON, SL_ANSWER_SCHEMA };

/* A member that has no place in the canonical call. */
struct sl_member {
    struct sl_str name; /* decoded */
    struct sl_json_val val;
};

struct sl_chat {
    struct sl_message *messages;
    uint32_t n_messages;
    struct sl_tool *tools;
    uint32_t n_tools;
    enum sl_tool_choice choice;
    struct sl_str choice_name;                     /* raw, for SL_CHOICE_NAMED */
    int parallel;                                  /* parallel_tool_calls: 1, 0, or -1: not given */
    enum sl_answer_format format;                  /* response_format */
    struct sl_str schema;                          /* raw JSON */
    struct sl_json_val schema_node;                /* the same as a value */
    struct sl_str schema_name, schema_description; /* raw */
    struct sl_str schema_strict;                   /* raw: true or false, or p == NULL */
    struct sl_json_val temperature, top_p;         /* numbers, or absent */
    int64_t max_tokens;                            /* -1: not given */
    bool has_n;
    int64_t n;           /* 1 when not given */
    struct sl_str *stop; /* raw */
    uint32_t n_stop;
    struct sl_str user;      /* raw: user, else safety_identifier */
    struct sl_str safety_id; /* raw: safety_identifier, or p == NULL */
    struct sl_str effort;    /* reasoning_effort, decoded */
    struct sl_member *members;
    uint32_t n_members;
    /* Those of the first document that has them, or absent: they are also listed as members. */
    struct sl_json_val cites, context;
};

/* The names of those members. A language that writes `cites` and `context` of documents and search results handles
 * them. */
#define SL_CHAT_CITES   "messages.citations"
#define SL_CHAT_CONTEXT "messages.context"

/* Reads the call with its own language's read_chat. 0, SL_E_NOMEM, or SL_E_INVAL with *ret_error filled. A completion
 * is read to a chat of one user message. */
SL_MUST int sl_chat_read(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                         struct sl_chat *ret_chat, struct sl_llm_error *ret_error);

/* What happens to a member that is not canonical. */
enum sl_fate {
    SL_FATE_PASS,   /* it goes up unchanged */
    SL_FATE_DROP,   /* it is named in x-sluice-dropped, unless it says nothing (0, false, "", [], {}) */
    SL_FATE_REFUSE, /* the call is refused, because without the member the answer would be another one; unless it says
                       nothing */
    SL_FATE_OWN,    /* the provider handles it */
    SL_FATE_NEVER,  /* only in the last row of a table: members in no row are dropped, whatever the manners say */
};

struct sl_fate_row {
    const char *name;
    enum sl_fate fate;
};

/* Walks the members by the provider's table, which ends with a NULL name. Members in no row pass or are dropped as the
 * manners say. Passed ones are written to the object that is open in `body`. */
SL_MUST int sl_chat_members(const struct sl_call *call, const struct sl_chat *chat, const struct sl_provider *provider,
                            const struct sl_fate_row *table, struct sl_body *body, struct sl_arena *arena,
                            struct sl_llm_error *ret_error);

/* A member by its name, or absent. */
struct sl_json_val sl_chat_member(const struct sl_chat *chat, const char *name);
/* Writes a member that is a URL, or data as a URL; `media` has either. */
SL_MUST int sl_chat_place_write(struct sl_body *body, struct sl_arena *arena, const char *key,
                                const struct sl_media *media);
/* False, 0, "", [], {}: leaving it out changes nothing. */
bool sl_json_says_nothing(struct sl_json_val v);

#endif
