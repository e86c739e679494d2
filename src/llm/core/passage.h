/* SPDX-License-Identifier: Apache-2.0 */
/* The raw passage: a client's request for a provider's API is sent to the same path there, with the route's credential.
 * A list says which paths pass: that of the provider's row, and the route's own rules. */
#ifndef SL_LLM_PASSAGE_H
#define SL_LLM_PASSAGE_H

#include "base/err.h"
#include "llm/core/types.h"

struct sl_arena;
struct sl_language;
struct sl_uri;

/* For replies that pass without being looked at. */
extern const struct sl_language sl_language_raw;
/* For forms with files: their usage is noted. */
extern const struct sl_language *const sl_language_of_forms;

/* What passes when the route has no rules: a POST to this path behind the base. '*' stands for one segment. The list
 * ends with a NULL path. */
struct sl_passage_row {
    const char *path;
    const struct sl_language *language; /* the language of its replies, to read usage */
    enum sl_llm_type type;
};

/* A request that passes. */
struct sl_passage {
    const char *method;
    struct sl_str target;       /* path and query for the upstream */
    struct sl_str content_type; /* p == NULL: there was none */
    const char *tail; /* not NULL: a path behind the provider's base replaces `target`, and the member `model` becomes
                         the target's; NULL: everything is the client's */
    bool is_form;     /* the body is a form that is not in memory: it passes while it arrives */
};

/* Checks a rule of a route: a method, a blank and a path. In the path '*' stands for one segment, and two of them as
 * the last segment for everything below. Returns NULL, or what is wrong. */
const char *sl_passage_rule_fault(struct sl_str rule);
/* True: a valid rule has this method. */
bool sl_passage_rule_is(struct sl_str rule, struct sl_str method);
/* True: `path` fits the pattern, which is the path of a rule, or of a row with '/' before it. */
bool sl_passage_fits(struct sl_str pattern, struct sl_str path);
struct sl_str sl_passage_rule_path(struct sl_str rule);

/* Finds paths that must not pass, whatever the list says: paths that may lead to another place when a server decodes or
 * shortens them. NULL: the path is fine. */
const char *sl_passage_path_fault(struct sl_str path);
/* Where it leads: the base's path without its last segment, then `path`. */
struct sl_str sl_passage_path(const struct sl_uri *base, struct sl_str path, struct sl_arena *arena);
/* The part of that path behind the base's own path, with its '/'; p == NULL: it is not below the base. */
struct sl_str sl_passage_behind(const struct sl_uri *base, struct sl_str full);
/* The query without members that carry a client's key; p == NULL: no memory. */
struct sl_str sl_passage_query(struct sl_str query, struct sl_arena *arena);

#endif
