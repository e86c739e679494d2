/* SPDX-License-Identifier: Apache-2.0 */
/* The raw passage: a client's own request to a provider's API, sent to the same path there with the route's credential.
 * Which paths pass is a list: of the provider's row, and the route's own rules. */
#ifndef SL_LLM_PASSAGE_H
#define SL_LLM_PASSAGE_H

#include "base/err.h"
#include "llm/core/types.h"

struct sl_arena;
struct sl_language;
struct sl_uri;

/* Of replies that are passed on without being looked at. */
extern const struct sl_language sl_language_raw;
/* Of forms with files: what they used is noted. */
extern const struct sl_language *const sl_language_of_forms;

/* What of a provider's API passes where the route says nothing: a POST to this path behind its base. '*' stands for
 * what a segment has there. The list ends with a NULL path. */
struct sl_passage_row {
    const char *path;
    const struct sl_language *language; /* of its replies: how usage is read */
    enum sl_llm_type type;
};

/* A request that passes. */
struct sl_passage {
    const char *method;
    struct sl_str target;       /* path and query, as the upstream gets them */
    struct sl_str content_type; /* p == NULL: none was said */
    const char *tail; /* a path behind the provider's base, in place of `target`, and the member `model` is the
                         target's; NULL: all of it is the client's */
    bool is_form;     /* the body is a form that is not here: it passes as it comes */
};

/* A rule of a route: a method, a blank and a path. In the path '*' stands for what a segment has there, and two of them
 * as the last segment for all below. NULL: it is one; else why not. */
const char *sl_passage_rule_fault(struct sl_str rule);
/* Is it the method of this rule, which is one? */
bool sl_passage_rule_is(struct sl_str rule, struct sl_str method);
/* The path of a rule, or of a row with '/' before it, as a pattern. */
bool sl_passage_fits(struct sl_str pattern, struct sl_str path);
struct sl_str sl_passage_rule_path(struct sl_str rule);

/* What must not pass, whatever the list says: a path that may lead elsewhere once somebody decodes or shortens it.
 * NULL: it is fine. */
const char *sl_passage_path_fault(struct sl_str path);
/* Where it leads: the base's path without its last segment, then `path`. */
struct sl_str sl_passage_path(const struct sl_uri *base, struct sl_str path, struct sl_arena *arena);
/* That path behind the base's own, with its '/'; p == NULL: it is not below it. */
struct sl_str sl_passage_behind(const struct sl_uri *base, struct sl_str full);
/* The query without what carries a client's key; p == NULL: no memory. */
struct sl_str sl_passage_query(struct sl_str query, struct sl_arena *arena);

#endif
